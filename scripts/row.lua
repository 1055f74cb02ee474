-- A deal as columns of a CRM row: values, solutions, closing, audit text; and the row as it shows
-- itself after a write.  Shared by what makes rows (new_row.lua) and what changes them
-- (flows/helper.lua).  It must never send anything.
local audit = require "audit"
local brakes = require "brakes"
local canonical = require "canonical"
local choices = require "choices"
local facts = require "facts"
local fields = require "fields"
local more_fields = require "more_fields"
local say = require "say"

local M = {}

-- A row as batches and reads want it.
---@return table  for dynamics.get and batches
function M.read_of(id, known)
  return { table = known.table, id = id, select = known.select, expand = known.expand }
end

---A value as its column has room for it: a text is cut at the column's length.
---@param name string  of the field
---@return any value, integer|nil max
function M.cut(name, value, known)
  local column = known.meta.columns[known.columns[fields.at(name).crm] or ""]
  local max = column and column.max
  return max and type(value) == "string" and audit.cut(value, max) or value, max
end

local COLUMN = {
  value = function(out, value, known)
    out[known.deal_value.write] = value
  end,
  currency = function(out, code, known)
    local currency, where = known.currencies.by_code[code], known.deal_value.currency
    if currency and (where == "row" or where == "base") then
      out[known.columns.currency] = { table = "transactioncurrency", id = currency.row }
    elseif currency then
      out[where] = code
    end
  end,
  notes = function(out, value, known)
    local column = known.columns.notes
    local max = known.meta.columns[column].max
    out[column] = value ~= json.null and audit.cut(value, max or 2000) or value
  end,
  closing_date = function(out, date, known)
    out[known.columns.closing_date] = date ~= json.null and known.date_column(date) or date
  end,
}
for _, name in ipairs { "visible", "microsoft_id", "id", "link", "campaign", "program" } do
  local role = fields.by_name[name].crm
  COLUMN[name] = function(out, value, known)
    if known.columns[role] then
      out[known.columns[role]] = value
    end
  end
end
for _, name in ipairs(choices.names) do
  COLUMN[name] = function(out, value, known, area)
    if known.columns[name] then
      out[known.columns[name]] = known.choice_column(name, value, area)
    end
  end
end

-- The solution area that a play stands under: the new one, else that of the row.
local function area_of(values, row, known)
  local area = canonical.given(values.solution_area)
  return area or row and choices.from_crm(known.choices, "solution_area",
    known.choice(row, "solution_area"))
end

---Plain names and canonical values as columns; name, state and solutions have steps of their own.
---@param values table<string, any>
---@param row table|nil  as it is, if it is there
---@return table
function M.columns(values, known, row)
  local out, area = {}, area_of(values, row, known)
  for name, value in pairs(values) do
    local field = fields.at(name)
    if field.more then
      out[field.crm] = more_fields.to_crm(field, value)
    elseif COLUMN[name] then
      COLUMN[name](out, value, known, area)
    end
  end
  if values.value and not values.currency and known.deal_value.currency == "base" then
    -- read in the organisation's currency, yet written in the row's
    out[known.columns.currency] = { table = "transactioncurrency", id = known.base_currency }
  end
  local play = row and values.solution_area and values.solution_play == nil and
    choices.from_crm(known.choices, "solution_play", known.choice(row, "solution_play"))
  if play then -- the play of that name may stand under both areas
    COLUMN.solution_play(out, play, known, area)
  end
  return out
end

---@return integer  characters of the name column
function M.name_max(known)
  return known.meta.columns[known.columns.name].max or 300
end

---Puts lines in front of the audit text `old`, into values.
function M.set_audit(values, old, lines, known)
  local column = known.columns.audit
  if #lines > 0 then
    values[column] = audit.all(old, lines, known.meta.columns[column].max)
  end
end

-- ---- Solutions ----

-- What of a member stands in columns of its row.
local function member_columns(values, item, known)
  local s = known.solutions
  if s.price then
    values[s.price] = item.price
  end
  if s.quantity then
    values[s.quantity] = item.quantity
  end
  return values
end

local function add_solution(changes, parent, item, known)
  local s = known.solutions
  local entry = facts.solution(known, item.id)
  changes[#changes + 1] = { op = "create", table = s.table, id = host.uuid(),
    values = member_columns({
      [s.parent] = { table = known.table, id = parent },
      [s.detail_lookup] = { table = s.detail, id = entry.row },
      [s.name] = entry.name,
    }, item, known) }
end

local function change_solution(changes, item, there, known)
  if item.price ~= there.price or item.quantity ~= there.quantity then
    changes[#changes + 1] = { op = "update", table = known.solutions.table, id = there.row,
      tag = there.tag, values = member_columns({}, { price = item.price or json.null,
        quantity = item.quantity or json.null }, known) }
  end
end

---The changes that make a row's solutions those wanted.
---@param changes table[]  they are added here
---@param wanted table[]  canonical
---@param present table[]  canonical, with the row of each
function M.solution_changes(changes, parent, wanted, present, known)
  local there, stays = {}, {}
  for _, item in ipairs(present) do
    there[item.id:lower()] = there[item.id:lower()] or item -- as the merge does
  end
  for _, item in ipairs(wanted) do
    local key = item.id:lower()
    stays[key] = true
    if there[key] then
      change_solution(changes, item, there[key], known)
    else
      add_solution(changes, parent, item, known)
    end
  end
  for _, item in ipairs(present) do
    if not stays[item.id:lower()] then
      changes[#changes + 1] = { op = "delete", table = known.solutions.table, id = item.row }
    end
  end
end

-- Won and lost go by action, never by a plain state write ("WinOpportunity Action").
function M.close_change(changes, move, id, reason)
  if not (move and move.action) then
    return
  end
  local won = move.action == "win"
  changes[#changes + 1] = { op = "action", name = won and "WinOpportunity" or "LoseOpportunity",
    body = { Status = move.status, OpportunityClose = {
      subject = say(won and "subject-won" or "subject-lost"),
      description = reason,
      ["opportunityid@odata.bind"] = "/opportunities(" .. id .. ")",
    } } }
end
-- The row as it is after a write: what the next merge starts from.
function M.take(turn, row)
  turn.row, turn.tag = row, row["@odata.etag"]
  turn.link.contact_seen = turn.known.contact_stamp(row)
  turn.link.crm.tag = turn.tag
  brakes.said(turn.link, row[turn.known.columns.audit])
end

---@param rows table[][]|nil  as dynamics.changes gave them
function M.shown(rows)
  local row = rows and rows[1] and rows[1][1]
  if row then
    return row
  end
  return nil, { kind = "net", text = "the CRM did not show the row it wrote" }
end

return M

-- What a rehearsal kept, as a list for people: side, place, field, now, then, and what decided.
-- Words come from the field table.  Tables in, tables out: it must never ask anybody.
local canonical = require "canonical"
local fields = require "fields"
local places = require "preview_places"
local text = require "text"

local M = {}

---@class Change
---@field side "crm"|"partner"
---@field target string   "opportunity", "referral", "Microsoft's referral" ...
---@field verb "create"|"change"|"delete"|"action"
---@field id string|nil   of the row or referral
---@field field string    in the field table's words, else the column
---@field place string    column or path
---@field now string|nil
---@field ["then"] string|nil
---@field by string       what decided

-- ---- Who decided ----

---The places that answered, of all questions of a rehearsal: call -> member or column -> file:line
---@param asked {question: table, answer: table}[]
---@return table<string, table<string, string>>
function M.answered_by(asked)
  local out = {}
  for _, one in ipairs(asked) do
    local call, by = one.question.call, type(one.answer) == "table" and one.answer.by or {}
    out[call] = out[call] or {}
    for name, place in pairs(by) do
      out[call][name] = place
    end
  end
  return out
end

local function answer_of(asked, call)
  for _, one in ipairs(asked) do
    if one.question.call == call then
      return one.answer
    end
  end
  return nil
end

-- The one place behind a question with one answer.
local function place_of(by, call)
  local _, place = next(by[call] or {})
  return place
end

local SHIPPED = { deal_value = "the setting deal_value_field",
  country = "the setting country_field" }

-- Who names the column of the deal value, or of the country.
local function naming(scene, what)
  local place = scene.named[what]
  return place and place:find("^mappings/default/") and SHIPPED[what] or place
end

-- Read by a function or column that the mapping names.
local function reading(scene, field)
  local by, name = scene.by, field.name
  if field.more then
    return (" (`fields`, %s)"):format(scene.named.fields or "details.lua")
  end
  local place = name == "value" and (scene.turn.known.deal_value.custom and
    place_of(by, "deal_value.read") or naming(scene, "deal_value")) or
    name == "reason" and place_of(by, "close_reason")
  return place and (" (column by %s)"):format(place) or ""
end

-- The column of this CRM that a value comes from.
local function source(scene, found)
  local field, known = found.field, scene.turn.known
  local column = field.name == "value" and known.deal_value.read or
    known.columns[field.crm or ""]
  if field.name == "value" and known.deal_value.custom then
    return "the row"
  elseif type(column) == "string" then
    return known.table .. "." .. column
  elseif found.label == "country" then
    return ("account.%s (%s)"):format(known.country.field, naming(scene, "country"))
  end
  return found.place or field.place
end

---@class Scene  what the changes of one rehearsal are told from
---@field turn Turn
---@field asked table[]
---@field by table
---@field named table<string, string>  who names columns: deal_value, country; and `fields`
---@field out Change[]

local function decided(scene, field)
  local plan = scene.turn.plan
  local why = plan and plan.decided[field.name]
  if why == "both changed: `resolve` of details.lua says" then
    why = "both changed: " .. (place_of(scene.by, "resolve") or "resolve") .. " says"
  elseif why == "both changed: the field table says" then
    why = ("both changed: the field table says %s"):format(
      field.conflict == "partner" and "Partner Center" or "the CRM")
  end
  return why
end

-- ---- Referrals ----

local SKIPPED = { links = true, eTag = true, id = true, engagementId = true,
  organizationId = true, createdDateTime = true, updatedDateTime = true }

-- Leaves of a body by path, in a stable order; a list is one leaf.
local function leaves(value, path, out)
  for _, name in ipairs(text.keys(value)) do
    local one, at = value[name], path .. "/" .. name
    if path == "" and SKIPPED[name] then
      goto continue
    elseif type(one) == "table" and not json.is_array(one) then
      leaves(one, at, out)
    else
      out[#out + 1], out[at] = at, one
    end
    ::continue::
  end
  return out
end

local function why_partner(scene, found, verb)
  local mapped = scene.by[verb == "create" and "referral.create" or "referral.update"] or {}
  local field = found and found.field
  if field and mapped[field.name] then
    return mapped[field.name]
  elseif verb == "create" then
    local from = field and field.kind ~= "constant" and source(scene, found)
    return from and ("from %s%s"):format(from, reading(scene, field)) or "always so"
  end
  local why = field and decided(scene, field)
  return why and why .. reading(scene, field) or "follows from it"
end

local function with(base, one)
  for name, value in pairs(base) do
    one[name] = value
  end
  return one
end

-- One list for several fields: what each of them is.
local function attribute(list, kind)
  for _, one in ipairs(type(list) == "table" and list or {}) do
    if type(one) == "table" and one.type == kind then
      return one.id
    end
  end
  return nil
end

local function add(scene, change)
  if change.now ~= change["then"] then
    scene.out[#scene.out + 1] = change
  end
end

local function attributes(scene, base, now, after, path)
  for _, field in ipairs(fields.rows) do
    if field.attribute then
      local one = { field = field.label, place = path .. " " .. field.attribute,
        now = places.text(attribute(now, field.attribute)),
        ["then"] = places.text(attribute(after, field.attribute)),
        by = why_partner(scene, { field = field, place = field.place }, base.verb) }
      add(scene, with(base, one))
    end
  end
end

local ATTRIBUTES = fields.by_name.intent.path

local function referral(scene, write)
  local now, after = leaves(write.before or {}, "", {}), leaves(write.after, "", {})
  local base = { side = "partner", verb = write.verb,
    target = write.whose == "theirs" and "Microsoft's referral" or "referral",
    id = write.before and write.before.id }
  local paths = table.move(after, 1, #after, 1, {})
  for _, path in ipairs(now) do
    paths[#paths + 1] = after[path] == nil and path or nil
  end
  local by_path = places.of(scene.turn.known).path
  for _, path in ipairs(places.in_order(paths, function(path) return by_path[path] end)) do
    if path == ATTRIBUTES then
      attributes(scene, base, now[path], after[path], path)
    else
      local found = by_path[path]
      local one = { field = found and found.label or path:match("[^/]+$"), place = path,
        now = places.text(now[path]), ["then"] = places.text(after[path]),
        by = why_partner(scene, found, write.verb) }
      add(scene, with(base, one))
    end
  end
end

-- ---- Rows ----

-- A look-up by what people call it, else by its id.
local function column_text(scene, value, made)
  if type(value) ~= "table" or not value.id then
    return places.text(value)
  end
  local currency = scene.turn.known.currencies.by_row[value.id]
  if currency then
    return currency.code
  end
  return made[value.id] or ("%s %s"):format(value.table, value.id)
end

-- What stands there now; a column that `columns` of the mapping does not name was not read.
local function now_of(row, column, known)
  local value = row and row[column]
  if not row then
    return nil
  elseif value == nil then
    value = row["_" .. column .. "_value"]
    local currency = value and known.currencies.by_row[value]
    value = currency and currency.code or value
  end
  return value == nil and "(not read)" or places.text(value)
end

local function owner_by(scene)
  local answer = answer_of(scene.asked, "owner")
  if answer and canonical.given(answer.owner) then
    return place_of(scene.by, "owner")
  end
  return "the setting default_owner"
end

local NOT_ASKED = { ownerid = owner_by,
  parentaccountid = function(scene) return place_of(scene.by, "account.match") end,
  parentcontactid = function(scene) return place_of(scene.by, "contact.match") end,
  parentcustomerid = function() return "its account" end }

local function why_column(scene, change, column, found)
  local known = scene.turn.known
  local call = change.table .. "." .. (change.op == "create" and "create" or "update")
  local mapped = (scene.by[call] or {})[column]
  if mapped then
    return mapped
  elseif NOT_ASKED[column] then
    return NOT_ASKED[column](scene) or "follows from it"
  elseif column == known.country.field and change.table == "account" then
    return place_of(scene.by, "country.from_code") or naming(scene, "country")
  end
  local field = found and found.field
  local why = field and decided(scene, field)
  if column == known.columns.sync then
    return scene.turn.plan and "the deal stops" or "always so"
  elseif column == known.columns.name and not why then
    return "the mark of details.lua and the settings"
  end
  if field and change.op == "create" then
    why = ("from %s"):format(found.path or field.path or field.label)
  end
  local named = field and field.name == "value" and naming(scene, "deal_value")
  return (why or "bookkeeping") .. (named and (" (column by %s)"):format(named) or
    field and field.more and reading(scene, field) or "")
end

-- The lines of the audit text that are new.
local function audit_lines(scene, before, after)
  local old = canonical.given(before) or ""
  local fresh = after
  if old ~= "" and after:sub(-#old) == old then
    fresh = after:sub(1, -#old - 1)
  end
  for line in fresh:gmatch("[^\n]+") do
    table.insert(scene.lines, 1, (line:gsub("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d UTC%S*%s%s", "")))
  end
end

local MADE = { account = "(the new account)", contact = "(the new contact)" }

local function columns(scene, change, row, made)
  local known = scene.turn.known
  local of = change.table == known.table and places.columns(known) or nil
  local by_part = places.of(known).part
  local function found_of(column)
    return of and of[column] or by_part[change.table .. "." .. column]
  end
  for _, column in ipairs(places.in_order(text.keys(change.values), found_of)) do
    local value, found = change.values[column], found_of(column)
    if change.table == known.table and column == known.columns.audit then
      audit_lines(scene, row and row[column], value == json.null and "" or value)
    else
      local label = found and found.label or column
      add(scene, { side = "crm", target = change.table, verb = change.op == "create" and
        "create" or "change", id = change.op == "update" and change.id or nil, field = label,
        place = change.table .. "." .. column, now = now_of(row, column, known),
        ["then"] = column_text(scene, value, made),
        by = why_column(scene, change, column, found) })
    end
  end
end

-- A row of a solution: the name of the solution, and what goes with it.
local function solution(scene, change)
  local known, s = scene.turn.known, scene.turn.known.solutions
  local values = change.values or {}
  local detail = values[s.detail_lookup]
  local entry = detail and known.catalogue.by_row[detail.id]
  local now
  for _, item in ipairs(scene.turn.row and canonical.crm_solutions(scene.turn.row, known) or {}) do
    now = item.row == change.id and places.member(item) or now
  end
  local item = { id = entry and entry.id or now and now:match("^%S+") or "?",
    price = s.price and canonical.given(values[s.price]),
    quantity = s.quantity and canonical.given(values[s.quantity]) }
  add(scene, { side = "crm", target = s.table, id = change.op ~= "create" and change.id or nil,
    verb = change.op == "update" and "change" or change.op, field = fields.by_name.solutions.label,
    place = s.table, now = now, ["then"] = change.op ~= "delete" and places.member(item) or nil,
    by = decided(scene, fields.by_name.solutions) or "from " .. fields.by_name.solutions.path })
end

local function action(scene, change)
  local known = scene.turn.known
  local status = change.body and change.body.Status
  add(scene, { side = "crm", target = known.table, verb = "action",
    field = fields.by_name.state.label, place = change.name,
    now = scene.turn.row and known.status_labels[scene.turn.row.statuscode],
    ["then"] = known.status_labels[status or -1] or change.name,
    by = decided(scene, fields.by_name.state) or "from " .. fields.by_name.state.path })
end

-- The row that a change is of: the deal's own, or one that was read with it.
local function row_of(scene, row, change)
  local known = scene.turn.known
  if change.table == known.table then
    return row
  end
  return row and canonical.given(row["parent" .. change.table .. "id"]) or nil
end

local function row_changes(scene, write)
  local known, made = scene.turn.known, {}
  for _, change in ipairs(write.changes) do
    if change.op == "create" then
      made[change.id] = MADE[change.table] or "(the new row)"
    end
  end
  for _, change in ipairs(write.changes) do
    if change.op == "action" then
      action(scene, change)
    elseif change.table == known.solutions.table then
      solution(scene, change)
    elseif change.values then
      columns(scene, change, change.op == "update" and row_of(scene, write.row, change) or nil,
        made)
    end
  end
  return made
end

-- ---- The whole ----

-- What a turn writes to the referral once the row is there, see deal.lua.
local function row_id(scene, write)
  local read = scene.turn.read
  local makes = false
  for _, change in ipairs(write.changes) do
    makes = makes or change.op == "create" and change.table == scene.turn.known.table
  end
  if makes and read and read.ours.status ~= "Closed" then
    local field = fields.by_name.crm_id
    add(scene, { side = "partner", target = "referral", verb = "change", id = read.ours.id,
      field = field.label, place = field.path,
      now = places.text(canonical.given(read.ours.externalReferenceId)), ["then"] = "(the new row)",
      by = "the CRM's own" })
  end
end

---@param turn Turn
---@param writes Write[]
---@param asked table[]
---@param named table<string, string>  who names the columns of deal value, country, `fields`
---@return Change[] changes, string[] lines  what the seller would read, the newest last
function M.of(turn, writes, asked, named)
  local scene = { turn = turn, asked = asked, by = M.answered_by(asked), out = json.array {},
    lines = json.array {}, named = named }
  for _, write in ipairs(writes) do
    if write.side == "partner" then
      referral(scene, write)
    else
      row_changes(scene, write)
      row_id(scene, write)
    end
  end
  return scene.out, scene.lines
end

return M

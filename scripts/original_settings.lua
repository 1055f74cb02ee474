-- What Microsoft's connector was told in this CRM: the current values of its environment
-- variables, and columns under other names than its own.  As lines for settings.lua, each with its
-- origin; what has no counterpart here is listed.  It must never change anything in the CRM.
local checks = require "schema_checks"
local crm_schema = require "crm_schema"
local dynamics = require "dynamics"
local fields = require "fields"
local settings = require "settings"
local text = require "text"

local M = {}

local DEFINITION, VALUE = "environmentvariabledefinition", "environmentvariablevalue"
local PREFIX = "msft_"

---@class original_line
---@field group "settings"|"columns"
---@field name string
---@field value any
---@field origin string  where that comes from, in words

---@class original_left
---@field what string  the variable's or column's name
---@field why string

-- ---- Its variables ----

-- Names are told apart by their letters alone.
local function plain(name)
  return (name or ""):lower():gsub("[^%w]", "")
end

-- Those of the connector by their display names, and others of its publisher.
local function filter()
  local out = { ("startswith(schemaname,%s)"):format(dynamics.q(PREFIX)) }
  for _, list in ipairs { settings.rows, settings.replaced } do
    for _, row in ipairs(list) do
      if row.original then
        out[#out + 1] = ("displayname eq %s"):format(dynamics.q(row.original))
      end
    end
  end
  return table.concat(out, " or ")
end

-- Every variable with the value that counts.  (suspends)
local function variables()
  local rows, err = dynamics.query(DEFINITION, { select = { DEFINITION .. "id", "schemaname",
    "displayname", "defaultvalue" }, filter = filter(), orderby = "schemaname", page = true })
  if not rows then
    return nil, err
  end
  local values
  values, err = dynamics.query(VALUE, { select = { "value", "_" .. DEFINITION .. "id_value" },
    page = true })
  if not values then
    return nil, err
  end
  local current = {}
  for _, row in ipairs(values) do
    current[row["_" .. DEFINITION .. "id_value"] or ""] = row.value
  end
  for _, row in ipairs(rows) do
    local value = current[row[DEFINITION .. "id"]]
    row.from = value and value ~= json.null and "current value" or "default value"
    row.counts = row.from == "current value" and value or row.defaultvalue
  end
  return rows
end

-- ---- One variable as a setting ----

local YES = { yes = true, ["true"] = true, ["1"] = true, no = false, ["false"] = false,
  ["0"] = false }

local function flag(value)
  local known = YES[value:lower()]
  if known == nil then
    return nil, ("its value %q is neither yes nor no"):format(value)
  end
  return known
end

-- Where its value means something else than the setting of ours.
local CONVERT = {
  sync_leads = function(value) -- the original's Yes keeps leads out
    local known, why = flag(value)
    if known == nil then
      return nil, why
    end
    return not known
  end,
  deal_value_currency_field = function(value)
    return plain(value):find("transactioncurrencyid", 1, true) and "row" or value:lower()
  end,
}

local function converted(row, value)
  local convert = CONVERT[row.name]
  if convert then
    return convert(value)
  elseif row.type == "boolean" then
    return flag(value)
  end
  return row.type == "column" and value:lower() or value
end

local TABLE_OF = { deal_value_field = "opportunity", country_field = "account" }

-- What keeps a value from being taken over.  (suspends)
local function wrong(row, value)
  local problem = checks[row.type](value, row)
  local in_table = TABLE_OF[row.name]
  if problem or not in_table then
    return problem and ("its value %s %s"):format(tostring(value), problem)
  end
  local meta, err = dynamics.table(in_table)
  if not meta then
    return err.text
  end
  return not meta.columns[value] and ("your CRM's %s has no column %s, which it names"):format(
    in_table, value) or nil
end

local function by_original()
  local out = {}
  for _, row in ipairs(settings.rows) do
    out[plain(row.original)] = row
  end
  out[""] = nil
  return out
end

local function replaced(name)
  for _, row in ipairs(settings.replaced) do
    if plain(row.original) == plain(name) then
      return row.text
    end
  end
  return nil
end

-- One variable goes to the lines or to what is left.  (suspends)
local function take(variable, known, out)
  local name = ("%s (%s)"):format(variable.displayname or variable.schemaname, variable.schemaname)
  local row, counts = known[plain(variable.displayname)], variable.counts
  local value, why
  if not row then
    why = replaced(variable.displayname) or "no setting here is its counterpart"
  elseif type(counts) ~= "string" or counts == "" then
    why = "has no value; the default of " .. row.name .. " holds"
  else
    value, why = converted(row, counts:match("^%s*(.-)%s*$"))
    why = why or wrong(row, value)
  end
  if why then
    out.left[#out.left + 1] = { what = name, why = why }
  else
    out.lines[#out.lines + 1] = { group = "settings", name = row.name, value = value,
      origin = ("original: %s, %s %s"):format(name, variable.from, counts) }
  end
end

-- ---- Columns under other names ----

local function label_of(role)
  for _, t in ipairs(crm_schema.tables) do
    for _, column in ipairs(t.name == "opportunity" and t.columns or {}) do
      if column.role == role then
        return column.label
      end
    end
  end
  return nil
end

-- The column of the opportunity that is called as the documents call it.
local function called(labels, wanted)
  local found
  for name, about in pairs(labels) do
    for _, label in ipairs(about.labels or {}) do
      for _, one in ipairs(wanted) do
        if plain(one) ~= "" and plain(label) == plain(one) then
          found = (not found or name < found) and name or found
        end
      end
    end
  end
  return found
end

-- A role whose column has another name in this CRM.  (suspends)
local function columns(out)
  local meta, err = dynamics.table("opportunity")
  local labels = meta
  if meta then
    labels, err = dynamics.labels("opportunity")
  end
  if not labels then
    return nil, err
  end
  for _, role in ipairs(text.keys(fields.columns)) do
    local shipped, label = fields.columns[role], label_of(role)
    local there = not shipped or not label or meta.columns[shipped]
    local found = not there and called(labels, label)
    if found then
      out.lines[#out.lines + 1] = { group = "columns", name = role, value = found,
        origin = ("called \"%s\" in your CRM, where %s is not"):format(label[1], shipped) }
    elseif not there then
      out.left[#out.left + 1] = { what = ("column %s (%s)"):format(shipped, label[1]),
        why = "your CRM has no such column; `cosell provision` makes what is missing" }
    end
  end
  return true
end

---What the original was told, and what its columns are called.  (suspends)
---@return { lines: original_line[], left: original_left[] }|nil found, err|nil err
function M.read()
  local out = { lines = json.array {}, left = json.array {} }
  local list, err = variables()
  if not list then
    return nil, err
  end
  local known, seen = by_original(), {}
  for _, variable in ipairs(list) do
    if not seen[plain(variable.displayname)] then
      seen[plain(variable.displayname)] = true
      take(variable, known, out)
    end
  end
  for name, row in pairs(known) do
    if not seen[name] then
      out.left[#out.left + 1] = { what = row.original,
        why = "your CRM has no such variable; the default of " .. row.name .. " holds" }
    end
  end
  table.sort(out.left, function(a, b) return a.what < b.what end)
  local ok
  ok, err = columns(out)
  return ok and out or nil, err
end

return M

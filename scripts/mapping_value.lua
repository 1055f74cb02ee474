--- One value that a mapping gives to one column: does the CRM take it?  And the words for a
-- column's type, as people read them.
-- Owns the rules by type of column.  Tables in, words out: it must never ask anybody.

local text = require "text"

local M = {}

local LOOKUPS = { Lookup = true, Customer = true, Owner = true }
local OPTIONS = { Picklist = true, MultiSelectPicklist = true, State = true, Status = true }
local NUMBERS = { Money = true, Decimal = true, Double = true, Integer = true, BigInt = true }
local TEXTS = { String = true, Memo = true }

local WORDS = { String = "text", Memo = "long text", Integer = "whole number",
  BigInt = "whole number", Decimal = "number", Double = "number", Money = "amount",
  Boolean = "yes or no", Picklist = "option", MultiSelectPicklist = "several options",
  State = "state", Status = "status reason", Lookup = "look-up", Customer = "look-up",
  Owner = "owner", Uniqueidentifier = "identifier" }

function M.is_lookup(column) return LOOKUPS[column.type] == true end
function M.is_option(column) return OPTIONS[column.type] == true end
function M.is_number(column) return NUMBERS[column.type] == true end
function M.is_several(column) return column.type == "MultiSelectPicklist" end
function M.is_text(column) return TEXTS[column.type] == true end

--- Columns that a mapping cannot use: companions that only show another one, files, pictures.
function M.is_usable(column)
  return WORDS[column.type] ~= nil or column.type == "DateTime"
end

--- "text, at most 100", "look-up of account, contact", "date".
---@param column table  of a definition
---@return string
function M.kind(column)
  if column.type == "DateTime" then
    return column.behavior == "DateOnly" and "date" or "date and time"
  end
  local word = WORDS[column.type] or tostring(column.type)
  if column.max and TEXTS[column.type] then
    return ("%s, at most %d"):format(word, column.max)
  elseif LOOKUPS[column.type] and column.targets and #column.targets > 0 then
    return word .. " of " .. table.concat(column.targets, ", ")
  end
  return word
end

--- How the CRM counts the length of a text: UTF-16 units.
---@param value string
---@return integer
function M.units(value)
  local n = 0
  if not utf8.len(value) then return #value end
  for _, point in utf8.codes(value) do n = n + (point > 0xFFFF and 2 or 1) end
  return n
end

-- ---- Options ----

local function labels_of(option)
  return option.labels or { option.label }
end

--- The labels in a text: of a column of several options they stand between semicolons.
---@param column table
---@param value string
---@return string[]
function M.labels(column, value)
  if not M.is_several(column) then return { value } end
  local out = {}
  for label in value:gmatch("[^;]+") do out[#out + 1] = text.trim(label) end
  return out
end

--- The options of a column that are called so, in any language; case and outer spaces don't count.
---@param column table
---@param label string
---@return table[]
function M.options_called(column, label)
  local hits, wanted = {}, text.trim(label):lower()
  for _, option in ipairs(column.options or {}) do
    for _, one in ipairs(labels_of(option)) do
      if text.trim(one):lower() == wanted then
        hits[#hits + 1] = option
        break
      end
    end
  end
  return hits
end

--- The label that was probably meant.
---@param column table
---@param label string
---@return string|nil
function M.nearest_label(column, label)
  local all = {}
  for _, option in ipairs(column.options or {}) do
    for _, one in ipairs(labels_of(option)) do all[#all + 1] = one end
  end
  return text.nearest(label, all)
end

local function shown(label)
  return ('"%s"'):format(text.bound(label, 60))
end

local function some_labels(column)
  local out = {}
  for i, option in ipairs(column.options or {}) do
    if i > 8 then
      out[#out + 1] = "..."
      break
    end
    out[i] = option.label or tostring(option.value)
  end
  return table.concat(out, ", ")
end

local function by_label(column, name, label)
  local hits = M.options_called(column, label)
  if #hits == 1 then return nil end
  if #hits == 0 then
    local near = M.nearest_label(column, label)
    return ("no option of `%s` is called %s; %s"):format(name, shown(label),
      near and ("did you mean %s?"):format(shown(near)) or "there are: " .. some_labels(column))
  end
  local values = {}
  for i, option in ipairs(hits) do values[i] = tostring(option.value) end
  return ("%d options of `%s` are called %s: give the value, one of %s"):format(#hits, name,
    shown(label), table.concat(values, ", "))
end

local function by_value(column, name, value)
  for _, option in ipairs(column.options or {}) do
    if option.value == value then return nil end
  end
  return ("`%s` has no option with the value %s; there are: %s"):format(name, tostring(value),
    some_labels(column))
end

-- ---- By type ----

local function a(value)
  if json.is_decimal(value) or type(value) == "number" then return "a number" end
  if type(value) == "boolean" then return tostring(value) end
  if type(value) == "table" then return value["$bind"] and "a look-up" or "a table" end
  return "a text"
end

local function wants(name, what, value)
  return ("`%s` is %s, not %s"):format(name, what, a(value))
end

local function check_text(column, name, value)
  if type(value) ~= "string" then return wants(name, "a text", value) end
  local n = M.units(value)
  if column.max and n > column.max then
    return ("`%s` holds at most %d characters, not %d"):format(name, column.max, n), "long"
  end
  return nil
end

local function check_number(column, name, value)
  local n = value
  if type(value) == "string" or json.is_decimal(value) then
    n = tostring(value):find("^%-?%d+%.?%d*$") and tonumber(tostring(value)) or nil
  end
  local whole = column.type == "Integer" or column.type == "BigInt"
  if type(n) ~= "number" then
    return wants(name, whole and "a whole number" or "a number", value)
  elseif whole and n % 1 ~= 0 then
    return ("`%s` is a whole number, not %s"):format(name, tostring(value))
  end
  local least, most = tonumber(tostring(column.least)), tonumber(tostring(column.most))
  if least and n < least then
    return ("`%s` is at least %s, not %s"):format(name, tostring(column.least), tostring(value))
  elseif most and n > most then
    return ("`%s` is at most %s, not %s"):format(name, tostring(column.most), tostring(value))
  end
  return nil
end

local function check_option(column, name, value)
  for _, label in ipairs(type(value) == "string" and M.labels(column, value) or {}) do
    local problem = by_label(column, name, label)
    if problem then return problem end
  end
  if type(value) == "string" then return nil end
  if math.type(value) == "integer" then return by_value(column, name, value) end
  return wants(name, "an option: a label or a value", value)
end

local function check_flag(_, name, value)
  return type(value) ~= "boolean" and wants(name, "yes or no: true or false", value) or nil
end

local function check_date(column, name, value)
  local form = column.behavior == "DateOnly" and "a date like 2031-03-31"
    or "a time like 2031-03-31T00:00:00Z"
  if type(value) ~= "string" then return wants(name, form, value) end
  local is_day = value:find("^%d%d%d%d%-%d%d%-%d%d$") ~= nil
  if not text.ms(value) or is_day ~= (column.behavior == "DateOnly") then
    return ("`%s` is %s"):format(name, form)
  end
  return nil
end

local function check_lookup(column, name, value)
  local target = type(value) == "table" and (value["$bind"] and value["$bind"].table or value.table)
  local targets = column.targets or {}
  if type(value) == "string" and text.is_guid(value) and #targets == 1 then return nil end
  if not target then
    return ("`%s` is a look-up, not %s: ctx.bind(\"%s\", { column = value }) finds its row")
      :format(name, a(value), targets[1] or "table")
  end
  for _, known in ipairs(targets) do
    if known == target then return nil end
  end
  return #targets > 0 and ("`%s` looks up %s, not %s"):format(name,
    table.concat(targets, " or "), target) or nil
end

local function check_identifier(_, name, value)
  return not text.is_guid(value) and wants(name, "an identifier (a GUID)", value) or nil
end

local OTHERS = { Boolean = check_flag, DateTime = check_date, Uniqueidentifier = check_identifier }

local function check_of(column)
  local kind = column.type
  if TEXTS[kind] then return check_text end
  if NUMBERS[kind] then return check_number end
  if OPTIONS[kind] then return check_option end
  return LOOKUPS[kind] and check_lookup or OTHERS[kind]
end

--- What is wrong with a value that a column is to get.
---@param column table
---@param name string
---@param value any
---@return string|nil problem, string|nil kind  "long": it would be cut
function M.problem(column, name, value)
  local check = check_of(column)
  if value == nil or value == json.null or not check then return nil end
  return check(column, name, value)
end

--- What is wrong with a value that a column is compared with, as a filter takes it.
---@return string|nil
function M.mismatch(column, name, value)
  if value == nil or value == json.null then return nil end
  if OPTIONS[column.type] then
    return type(value) == "string" and ("`%s` is compared by an option's value, not by its label")
      :format(name) or nil
  elseif TEXTS[column.type] then
    return nil -- a number is compared as a text, and a long one finds nothing
  elseif LOOKUPS[column.type] then
    return not text.is_guid(value) and ("`%s` is a look-up: compared by an identifier (a GUID)")
      :format(name) or nil
  end
  return (M.problem(column, name, value))
end

return M

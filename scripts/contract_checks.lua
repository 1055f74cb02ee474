--- What an answer of a mapping may be: one check a shape (contract.lua names them), and the copy
-- that is checked.  It owns nothing and asks nobody; it must never run a mapping's code.
--
-- A check gets a value and returns nil, or the problem in plain words, and the column if it is one
-- column's.  No problem quotes a value of a deal: logs and audits are made of them.

local text = require "text"

local M = {}

function M.one_of(value, list)
  for _, known in ipairs(list) do
    if value == known then return nil end
  end
  local near = type(value) == "string" and text.nearest(value, list)
  return ("must be one of %s%s"):format(table.concat(list, ", "),
    near and "; did you mean `" .. near .. "`?" or "")
end

local function is_finite(value)
  return value == value and value ~= math.huge and value ~= -math.huge
end

local KINDS = { string = "a text", number = "a number", table = "a table",
  ["function"] = "a function" }

--- What stands there, for people: "a text", "true", "null".
---@param value any
---@return string
function M.kind_of(value)
  if json.is_decimal(value) then return "a number" end
  if value ~= value then return "a number that is none" end
  if type(value) == "number" and not is_finite(value) then return "an infinite number" end
  return value == json.null and "null" or KINDS[type(value)] or tostring(value)
end

function M.is_text(value)
  if value == "" then return "must not be empty" end
  return type(value) ~= "string" and "must be a text, not " .. M.kind_of(value) or nil
end

local function is_plain(value)
  local kind = type(value)
  return kind == "string" or kind == "boolean" or kind == "number" and is_finite(value)
    or value == json.null or json.is_decimal(value)
end

local function is_bind(value)
  local marker = type(value) == "table" and value["$bind"]
  return type(marker) == "table" and type(marker.table) == "string"
    and type(marker.where) == "table"
end

-- A look-up that cosell bound itself, as it stands in a filled `v`.
local function is_bound(value)
  return type(value) == "table" and type(value.table) == "string" and type(value.id) == "string"
end

local function fits_column(value)
  return is_plain(value) or is_bind(value) or is_bound(value)
end

function M.unknown_key(key, known)
  local near = type(key) == "string" and text.nearest(key, known)
  return ("unknown key `%s`%s"):format(tostring(key),
    near and "; did you mean `" .. near .. "`?" or ", there are: " .. table.concat(known, ", "))
end

-- Elements 1..n and nothing else.
function M.is_list(value, of)
  local is_table, count = type(value) == "table", 0
  for _ in pairs(is_table and value or {}) do count = count + 1 end
  if is_table and count == #value then return nil end
  return ("must be a list%s%s"):format(of and " of " .. of or "",
    is_table and " without names or gaps" or ", not " .. M.kind_of(value))
end

--- Looks at each name of a table, sorted; what stands there without a name is a problem.
---@param value table
---@param report fun(key: string|nil, problem: string)
---@param look fun(key: string, member: any)
function M.each_name(value, report, look)
  for key in pairs(value) do
    if type(key) ~= "string" then
      report(nil, ("holds %s without a name"):format(M.kind_of(value[key])))
      break
    end
  end
  for _, key in ipairs(text.keys(value)) do look(key, value[key]) end
end

local one_of, is_text, is_list, kind_of = M.one_of, M.is_text, M.is_list, M.kind_of

local check = {}
M.check = check

function check.text(value)
  return value ~= nil and is_text(value) or nil
end

function check.boolean(value)
  return type(value) ~= "boolean" and "must answer true or false, not " .. kind_of(value) or nil
end

function check.plain(value)
  return value ~= nil and not is_plain(value) and "must answer one plain value, not "
    .. kind_of(value) or nil
end

function check.amount(value)
  if value == nil or json.is_decimal(value) then return nil end
  if math.type(value) and is_finite(value) then return nil end
  if type(value) == "string" and (value == "" or value:find("^%-?%d+%.?%d*$")) then return nil end
  return "must answer an amount or nil, not " .. kind_of(value)
end

function check.date(value)
  local day = type(value) == "string" and value:find("^%d%d%d%d%-%d%d%-%d%d$")
  if day and text.date(text.ms(value .. "T00:00:00Z") or 0) == value then return nil end
  return "must answer a date like 2031-03-31, or nil"
end

function check.code(value)
  if value == nil or (type(value) == "string" and value:find("^%u%u$")) then return nil end
  return "must answer a code of two capital letters or nil"
end

function check.arrives_as(value)
  return value ~= nil and one_of(value, { "opportunity", "lead" }) or nil
end

-- What both sides may get of a field, by its name; of the others a text.
local RESOLVED = { value = check.amount, closing_date = check.date }

function check.resolved(value, field)
  if value == nil or value == json.null or value == "" then return nil end
  return (RESOLVED[field] or is_text)(value)
end

--- Columns with what they get: text, number, boolean, null, or ctx.bind; a look-up that `v` came
-- with may stay in it.
function check.values(value)
  if type(value) ~= "table" then return "must be a table of columns, not " .. kind_of(value) end
  local wrong
  for column, given in pairs(value) do
    if type(column) ~= "string" then return "must be a table of columns, not a list" end
    local fits = type(given) == "string" or fits_column(given) -- most are texts
    if not fits and (not wrong or column < wrong) then wrong = column end
  end
  return wrong and ("column `%s` gets %s, not a text, a number, true, false, null or ctx.bind")
    :format(wrong, kind_of(value[wrong])), wrong
end

--- What is sent to Partner Center, in plain names: tables may nest, functions may not stand in it.
function check.referral(value)
  if type(value) ~= "table" then return "must be a table, not " .. kind_of(value) end
  for name, given in pairs(value) do
    if type(given) == "table" then
      local problem = check.referral(given)
      if problem then return ("%s: %s"):format(tostring(name), problem), name end
    elseif not is_plain(given) then
      return ("`%s` gets %s"):format(tostring(name), kind_of(given)), name
    end
  end
  return nil
end

local PAIR = "{ column, value }"

local function is_pair(pair)
  return type(pair) == "table" and type(pair[1]) == "string"
    and (pair[2] == nil or is_plain(pair[2]))
end

function check.alternatives(value)
  local problem = is_list(value, "alternatives")
  if problem then return problem end
  for i, alternative in ipairs(value) do
    problem = is_list(alternative, PAIR)
    if problem then return ("alternative %d %s"):format(i, problem) end
    for _, pair in ipairs(alternative) do
      if not is_pair(pair) then
        return ("alternative %d must be a list of %s: { { \"name\", d.customer.name } }")
          :format(i, PAIR)
      end
    end
  end
  return nil
end

function check.rows(value)
  if value == nil then return nil end
  local problem = is_list(value, "rows")
  if problem then return problem end
  for i, row in ipairs(value) do
    if type(row) ~= "table" or is_text(row.table) or is_text(row.key) then
      return ("row %d must be { table = text, key = text, values = { column = value } }"):format(i)
    end
    problem = check.values(row.values)
    if problem then return ("row %d: values: %s"):format(i, problem) end
  end
  return nil
end

local DEEPEST, MOST_VALUES = 64, 50000 -- of what a mapping makes

local TOO_MUCH = {
  deep = ("must not hold tables nested deeper than %d"):format(DEEPEST),
  many = ("must not hold more than %d values"):format(MOST_VALUES),
}

--- A copy of what a mapping made, by raw reads and without its metatables: none of its code runs
--- when the copy is looked at, so what is checked is what leaves.
---@param value any
---@return any copy, string|nil problem
function M.plain(value)
  local copy, why = json.copy(value, DEEPEST, MOST_VALUES)
  return copy, TOO_MUCH[why]
end

return M

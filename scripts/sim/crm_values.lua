-- Values of columns in the practice CRM: what a body may hold, how it is kept in a row, how it is
-- shown. Kept: money and decimals as decimal text, times as UTC text in whole seconds, dates as
-- text. Knows no table and no store.
local dates = require("sim.dates")
local refuse = require("sim.crm_schema").refuse

local M = {}

local EARLIEST = dates.parse("1753-01-01")

--- A number, whatever form it came in (integer, float, exact decimal, decimal text).
function M.number(v)
  if type(v) == "number" then return v end
  if v == nil or v == json.null then return nil end
  return tonumber(tostring(v))
end

--- Decimal text of a number with so many digits, halves rounded away from zero.
function M.round(v, digits)
  local scaled = math.abs(M.number(v)) * 10 ^ digits
  local whole = math.floor(scaled + 0.5 + scaled * 1e-15)
  local text = string.format("%.0f", whole)
  text = ("0"):rep(digits + 1 - #text) .. text
  local sign = M.number(v) < 0 and whole > 0 and "-" or ""
  if digits == 0 then return sign .. text end
  return sign .. text:sub(1, -digits - 1) .. "." .. text:sub(-digits)
end

local LATIN, GREEK, CYRILLIC = { 0xC0, 0xDE, 32 }, { 0x391, 0x3A9, 32 }, { 0x410, 0x42F, 32 }
local WIDE, OLD = { 0xFF21, 0xFF3A, 32 }, { 0x400, 0x40F, 80 }
local RANGES = { LATIN, GREEK, CYRILLIC, WIDE, OLD }

local function lower_char(char)
  local code = utf8.codepoint(char)
  for _, r in ipairs(RANGES) do
    if code >= r[1] and code <= r[2] then return utf8.char(code + r[3]) end
  end
end

--- Text as the database compares it: without case.
function M.fold(text)
  text = text:lower()
  if not text:find("[\xC3-\xEF]") then return text end
  return (text:gsub("[\xC3-\xEF][\x80-\xBF]+", function(char)
    return utf8.len(char) == 1 and lower_char(char) or nil
  end))
end

--- A GUID in lower case, or nil.
function M.guid(v)
  if type(v) ~= "string" then return nil end
  local text = v:match("^{(.*)}$") or v
  if #text ~= 36 or not text:match("^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$")
    or text:sub(9, 9) ~= "-" then
    return nil
  end
  return text:lower()
end

local function units(text) -- UTF-16 units
  local n = utf8.len(text)
  if not n then return nil end
  local _, high = text:gsub("[\xF0-\xF4]", "")
  return n + high
end

local function wrong(c, v)
  refuse(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'%s', "
    .. "InnerException : Cannot convert the value '%s' of the property '%s' to the expected type "
    .. "'%s'.", c.table or "", type(v) == "table" and "(object)" or tostring(v), c.logical, c.type)
end

local function outside(c, code, v)
  refuse(400, code, "A validation error occurred. The value %s of '%s' is outside the valid range. "
    .. "Accepted values: %s to %s.", tostring(v), c.logical, tostring(c.min), tostring(c.max))
end

local function ranged(c, code, v)
  local n = M.number(v)
  if (c.min and n < c.min) or (c.max and n > c.max) then outside(c, code, v) end
end

local function is_number(v) return type(v) == "number" or json.is_decimal(v) end

local function no_option(c, v)
  refuse(400, "0x8004431A",
    "A validation error occurred. The value %s of '%s' is not a valid option.",
    tostring(v), c.logical)
end

local function option_of(c, v)
  for _, o in ipairs(c.options) do
    if o.value == v then return o end
  end
end
M.option_of = option_of

local CHECK = {}

function CHECK.String(c, v)
  if type(v) ~= "string" then wrong(c, v) end
  local n = units(v)
  if not n then wrong(c, "invalid UTF-8") end
  if n > c.max then
    refuse(400, "0x80044331",
      "A validation error occurred. The length of the '%s' attribute of the "
      .. "'%s' entity exceeded the maximum allowed length of '%d'.", c.logical, c.table or "",
        c.max)
  end
  return v ~= "" and v or nil
end
CHECK.Memo = CHECK.String

function CHECK.Boolean(c, v)
  if type(v) ~= "boolean" then wrong(c, v) end
  return v
end

function CHECK.Integer(c, v)
  local n = is_number(v) and math.tointeger(M.number(v))
  if not n then wrong(c, v) end
  ranged(c, "0x8004432F", n)
  return n
end

function CHECK.Decimal(c, v)
  if not is_number(v) then wrong(c, v) end
  ranged(c, "0x80044330", v)
  return M.round(v, c.precision or 2)
end

function CHECK.Money(c, v)
  if not is_number(v) then wrong(c, v) end
  ranged(c, "0x80040317", v)
  return M.round(v, 4) -- the row's currency rounds further
end

function CHECK.Picklist(c, v)
  local n = is_number(v) and math.tointeger(M.number(v))
  if not n then wrong(c, v) end
  if not option_of(c, n) then no_option(c, n) end
  return n
end
CHECK.State, CHECK.Status = CHECK.Picklist, CHECK.Picklist

function CHECK.MultiSelectPicklist(c, v)
  if type(v) ~= "string" then wrong(c, v) end
  local seen, list = {}, {}
  for item in v:gmatch("[^,]+") do
    local n = math.tointeger(tonumber(item))
    if not n or not option_of(c, n) then no_option(c, item) end
    if not seen[n] then list[#list + 1] = n end
    seen[n] = true
  end
  table.sort(list)
  return #list > 0 and table.concat(list, ",") or nil
end

function CHECK.DateTime(c, v)
  if type(v) ~= "string" then wrong(c, v) end
  if c.behavior == "DateOnly" then
    if not v:match("^%d%d%d%d%-%d%d%-%d%d$") then wrong(c, v) end
  elseif not v:match("^%d%d%d%d%-%d%d%-%d%dT.*[Z%d]$") then
    wrong(c, v)
  end
  local ms = dates.parse(v)
  if not ms then wrong(c, v) end
  if ms < EARLIEST then
    refuse(400, "0x80040239", "DateTime is less than minumum value supported by CrmDateTime. "
      .. "Actual value: %s, Minimum value supported: 01/01/1753 00:00:00", v)
  end
  return c.behavior == "DateOnly" and v or dates.text(ms, 0)
end

function CHECK.Uniqueidentifier(c, v)
  local id = M.guid(v)
  if not id then wrong(c, v) end
  return id
end

--- The kept form of a value from a body; raises what the service refuses. Null and "" are nil.
function M.check(c, v)
  if v == nil or v == json.null then return nil end
  local check = CHECK[c.type]
  if not check then wrong(c, v) end
  return check(c, v)
end

--- The JSON form of a kept value.
function M.show(c, v)
  if v == nil then return json.null end
  if c.type == "Money" then return json.decimal(M.round(v, 4)) end
  if c.type == "Decimal" then return json.decimal(v) end
  return v
end

local function grouped(text)
  local sign, whole, rest = text:match("^(%-?)(%d+)(.*)$")
  return sign .. whole:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "") .. rest
end

local FORMAT = {}

function FORMAT.Picklist(c, v)
  local o = option_of(c, v)
  return o and o.label or tostring(v)
end
FORMAT.State, FORMAT.Status = FORMAT.Picklist, FORMAT.Picklist

function FORMAT.MultiSelectPicklist(c, v)
  local labels = {}
  for item in v:gmatch("%d+") do labels[#labels + 1] = FORMAT.Picklist(c, math.tointeger(item)) end
  return table.concat(labels, "; ")
end

function FORMAT.Boolean(c, v) return c.labels[v and 2 or 1] end
function FORMAT.Integer(_, v) return grouped(tostring(v)) end
function FORMAT.Decimal(_, v) return grouped(v) end

function FORMAT.Money(_, v, currency)
  return (currency and currency.currencysymbol or "") .. grouped(M.round(v,
    currency and currency.currencyprecision or 2))
end

function FORMAT.DateTime(c, v) -- as an English (United States) user in UTC sees it
  local y, mo, d = v:match("^(%d+)%-(%d+)%-(%d+)")
  local text = string.format("%d/%d/%s", tonumber(mo), tonumber(d), y)
  if c.behavior == "DateOnly" then return text end
  local h, mi = v:match("T(%d+):(%d+)")
  h = math.tointeger(h)
  return string.format("%s %d:%s %s", text, (h + 11) % 12 + 1, mi, h < 12 and "AM" or "PM")
end

--- The formatted value, or nil where a column has none.
function M.format(c, v, currency)
  local format = FORMAT[c.type]
  return format and v ~= nil and format(c, v, currency) or nil
end

return M

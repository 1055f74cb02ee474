-- One value in one form, so that equal things are equal values (reconcile rule 4): amounts as
-- decimal text in the currency's precision, dates as YYYY-MM-DD, text unescaped, trimmed and
-- without our marks, null and missing one.
-- Pure: it must never know whose value it is.
local text = require "text"

local M = {}

---@param value any
---@return any|nil  nil for null, missing and ""
local function given(value)
  if value == nil or value == json.null or value == "" then
    return nil
  end
  return value
end
M.given = given

---A member that should be an object or a list, whatever stands there.
---@return table
function M.record(value)
  return type(value) == "table" and value or {}
end

-- A text, or a number as its digits; an object or a flag in its place is no value.
local function plain(value)
  value = given(value)
  local kind = type(value)
  if kind == "string" or kind == "number" or json.is_decimal(value) then
    return tostring(value)
  end
  return nil
end

-- ---- Amounts ----

-- Adds one to the last digit of a run of digits: "199" -> "200", "99" -> "100".
local function increment(digits)
  local head, nines = digits:match("^(.-)(9*)$")
  local zeros = ("0"):rep(#nines)
  if head == "" then
    return "1" .. zeros
  end
  return head:sub(1, -2) .. string.char(head:byte(-1) + 1) .. zeros
end

---An amount as decimal text with exactly `precision` digits behind the point, half rounded up.
---@param value any  integer, float, decimal or text
---@param precision integer
---@return string|nil  nil if it is no plain number
function M.amount(value, precision)
  value = given(value)
  if value == nil then
    return nil
  end
  local written = tostring(value)
  if math.type(value) == "float" then
    written = string.format("%.17g", value)
    if written:find("[eE]") or #written > 15 then
      written = string.format("%." .. (precision + 2) .. "f", value)
    end
  end
  local sign, whole, part = written:match("^(-?)0*(%d*)%.?(%d*)$")
  if not whole or (whole == "" and part == "" and not written:find("0")) then
    return nil
  end
  local digits = whole .. (part .. ("0"):rep(precision)):sub(1, precision)
  local next_digit = part:sub(precision + 1, precision + 1)
  if next_digit ~= "" and next_digit >= "5" then
    digits = increment(digits == "" and "0" or digits)
  end
  digits = ("0"):rep(precision + 1 - #digits) .. digits
  digits = digits:gsub("^0+(%d)", "%1")
  digits = ("0"):rep(precision + 1 - #digits) .. digits
  local result = precision == 0 and digits
    or digits:sub(1, -precision - 1) .. "." .. digits:sub(-precision)
  return (result:find("[1-9]") and sign or "") .. result
end

---The price of a solution.  The two sides of a deal may be in two currencies for a while, and equal
---prices have to be equal texts then too: two digits, more only where they say something.
---@param value any
---@param precision integer  of the deal's currency
---@return string|nil
function M.price(value, precision)
  local amount = M.amount(value, math.max(precision, 2))
  return amount and (amount:gsub("(%.%d%d%d-)0*$", "%1"))
end

---The number that goes on the wire for a canonical amount: exact, as the service writes it.
---@param amount string
function M.wire_amount(amount)
  amount = tostring(amount)
  local whole = amount:match("^(%-?%d+)%.?0*$") -- not by way of a float, which has 53 bits
  return whole and math.tointeger(tonumber(whole)) or json.decimal(amount)
end

---Whether it is no deal value: none, 0, or less.
function M.is_zero(amount)
  return amount == nil or not amount:find("[1-9]") or amount:sub(1, 1) == "-"
end

---Whether a column's range has room for an amount, and the column for its fraction.
---@param column table|nil  of the table's definition
---@param amount string|nil  canonical
function M.fits(column, amount)
  local n = tonumber(amount)
  local function limit(name)
    return column and tonumber(tostring(column[name]))
  end
  local whole = n == nil or column == nil or column.type ~= "Integer" or n % 1 == 0
  return whole and (not n or n >= (limit "least" or n) and n <= (limit "most" or n))
end

-- ---- Dates ----

M.first_day = "1753-01-01" -- of the CRM's calendar

local DAY_MS = 24 * 60 * 60 * 1000

---The closing date of a referral: midnight UTC is that date; any other time is converted in the
---zone's offset.
---@param value any  "2031-03-31T00:00:00Z" with 0 to 7 fraction digits, or a date alone
---@param offset_minutes integer|nil
---@return string|nil  nil: no day of the calendar, or beyond the year 9999
function M.date(value, offset_minutes)
  local day, clock = (plain(value) or ""):match("^(%d%d%d%d%-%d%d%-%d%d)[Tt ]?([%d:]*)")
  local midnight = text.ms(day)
  if not midnight or text.date(midnight) ~= day then
    return nil
  end
  local at = clock ~= "" and text.ms(value)
  if at then
    day = text.date(at % DAY_MS == 0 and at or at + (offset_minutes or 0) * 60000)
  end
  return #day == 10 and day or nil
end

-- ---- Text ----

-- Variation selectors that editors add behind a mark.
local SELECTORS = { "\u{FE0F}", "\u{FE0E}" }

-- Letters and digits of any script, as far as marks are made of them; signs are none.
local function is_letter(point)
  return point < 0x80 and string.char(point):find("%w") ~= nil or
    point >= 0xC0 and point < 0x2000 or point >= 0x3040 and point < 0xD7B0
end

-- How a mark is looked for: signs also without their space, which people forget; a mark that ends
-- in a letter only as it is, or "NG " would be found in "NGO".
local function spelled(mark, front)
  local bare = text.trim(mark)
  local at = bare ~= "" and (front and utf8.offset(bare, -1) or 1)
  local point = at and utf8.codepoint(bare, at)
  return point and is_letter(point) and mark or bare
end

local function strip_set(name, marks)
  local front = marks.place ~= "back"
  local function one(value, mark)
    if mark == "" then
      return value, false
    elseif front and value:sub(1, #mark) == mark then
      value = value:sub(#mark + 1)
    elseif not front and value:sub(-#mark) == mark then
      value = value:sub(1, -#mark - 1)
    else
      return value, false
    end
    return text.trim(value), true
  end
  local again = true
  name = text.trim(name)
  while again do
    again = false
    for _, mark in ipairs { marks.ok, marks.failed, table.unpack(SELECTORS) } do
      local cut
      name, cut = one(name, spelled(mark, front))
      again = again or cut
    end
  end
  return name
end

---Takes marks off a name, wherever their place is, as often as they stand; also those of before.
---@param name string
---@param marks table|false
function M.strip_marks(name, marks)
  if not marks then
    return name
  end
  local was
  repeat
    was = name
    name = strip_set(name, marks)
    for _, set in ipairs(marks.before or {}) do
      name = strip_set(name, set)
    end
  until name == was
  return name
end

local CONTROLS = "[%z\1-\8\11\12\14-\31\127]" -- which the CRM's texts may not hold

---Plain text: entities unescaped, line ends as \n, no control characters, outer space gone; "" is
---nil.
function M.text(value)
  value = plain(value)
  if value == nil then
    return nil
  end
  local bare = text.unescape(value):gsub("\r\n?", "\n"):gsub(CONTROLS, "")
  return given(text.trim(bare))
end

---An identifier or a word of a list: plain text, and nothing is unescaped.
function M.code(value)
  value = plain(value)
  return value and given(text.trim((value:gsub(CONTROLS, ""))))
end

return M

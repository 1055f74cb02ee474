-- $filter, $orderby, $select, $top of the referral list: the forms the documents show, nothing
-- more. A filter text becomes a function that tests one row; anything else is a problem (the
-- service's 400). Owns nothing.
local dates = require "sim.dates"
local rules = require "sim.partner_rules"

local M = {}

-- The fields that can be asked for, and the kind of their literal.
local FIELDS = {
  engagementId = "guid", status = "text", substatus = "text", qualification = "text", type = "text",
  direction = "text", email = "email", createdDateTime = "date", updatedDateTime = "date",
  ["customerProfile/address/country"] = "text",
}
local COMPARE = {
  eq = function(a, b) return a == b end,
  gt = function(a, b) return a > b end,
  ge = function(a, b) return a >= b end,
  lt = function(a, b) return a < b end,
  le = function(a, b) return a <= b end,
}

-- ---- words of a filter: { kind, text }

local function next_word(text, at)
  at = text:find("%S", at)
  if not at then return nil end
  local c = text:sub(at, at)
  if c == "(" or c == ")" then return { kind = c, text = c }, at + 1 end
  if c == "'" then
    local out, from = {}, at + 1
    while true do
      local quote = text:find("'", from, true)
      if not quote then return nil, nil, "a quote is not closed" end
      out[#out + 1] = text:sub(from, quote - 1)
      if text:sub(quote + 1, quote + 1) ~= "'" then
        return { kind = "text", text = table.concat(out, "'") }, quote + 1
      end
      from = quote + 2
    end
  end
  local word = text:match("^[%w%$_/.:+-]+", at)
  if not word then return nil, nil, "unexpected character " .. c end
  return { kind = "word", text = word }, at + #word
end

local function words_of(text)
  local out, at = {}, 1
  while true do
    local word, after, problem = next_word(text, at)
    if problem then return nil, problem end
    if not word then return out end
    out[#out + 1], at = word, after
  end
end

-- ---- parser: each step gets the state { words, at } and raises { problem } (caught in M.filter)

local function refuse(text) error({ problem = text }, 0) end

local function take(s, kind, text)
  local word = s.words[s.at]
  if not word or word.kind ~= kind or (text and word.text ~= text) then
    refuse("'" .. (text or kind) .. "' expected"
      .. (word and " instead of '" .. word.text .. "'" or ""))
  end
  s.at = s.at + 1
  return word.text
end

local function is(s, text)
  local word = s.words[s.at]
  return word and word.kind ~= "text" and word.text == text
end

local function has_member(email)
  return function(row)
    for _, member in ipairs(row.team or {}) do
      if (member.email or ""):lower() == email:lower() then return true end
    end
    return false
  end
end

-- team/any(t:t/email eq 'x')
local function any_member(s)
  take(s, "(", "(")
  local name = take(s, "word"):match("^(%a+):%1/email$")
  if not name then refuse "only t:t/email is supported in any()" end
  take(s, "word", "eq")
  local test = has_member(take(s, "text"))
  take(s, ")", ")")
  return test
end

local LITERAL = {
  text = function(s) return take(s, "text") end,
  email = function(s) return take(s, "text") end,
  guid = function(s)
    local word = s.words[s.at]
    if not word or not rules.is_guid(word.text) then refuse "a GUID is expected" end
    s.at = s.at + 1
    return word.text:lower()
  end,
  date = function(s)
    local text = take(s, "word")
    return dates.parse(text) or refuse("'" .. text .. "' is not a date")
  end,
}

local function value_of(row, field)
  if field == "customerProfile/address/country" then
    local address = (row.customerProfile or {}).address
    return address and address.country
  end
  return row[field]
end

local function comparison(s)
  local field = take(s, "word")
  if field == "team/any" then return any_member(s) end
  local kind = FIELDS[field] or refuse("'" .. field .. "' can not be filtered")
  local op = take(s, "word")
  local compare = COMPARE[op] or refuse("operator '" .. op .. "' is not supported")
  if op ~= "eq" and (kind ~= "date" or not s.ranges) then
    refuse("operator '" .. op .. "' is not supported on " .. field)
  end
  local want = LITERAL[kind](s)
  if kind == "email" then return has_member(want) end
  if kind == "date" then s.bounds[#s.bounds + 1] = { field = field, op = op, ms = want } end
  return function(row)
    local have = value_of(row, field)
    if have == nil then return false end
    if kind == "date" then have = dates.parse(have) end
    return compare(have, want)
  end
end

local conjunction

local function term(s)
  if not is(s, "(") then return comparison(s) end
  take(s, "(", "(")
  local test = conjunction(s)
  take(s, ")", ")")
  return test
end

function conjunction(s)
  local tests = { term(s) }
  while is(s, "and") do
    s.at = s.at + 1
    tests[#tests + 1] = term(s)
  end
  return function(row)
    for _, test in ipairs(tests) do
      if not test(row) then return false end
    end
    return true
  end
end

--- A test of rows for a filter text, and its bounds of dates: every row that passes keeps them
--- (there is no `or`).
---@param text string|nil
---@param ranges boolean whether dates may be compared by gt ge lt le
---@return (fun(row: table): boolean)|nil test, string|nil problem
---@return { field: string, op: string, ms: integer }[]|nil bounds
function M.filter(text, ranges)
  if text == nil then return function() return true end, nil, {} end
  local words, problem = words_of(text)
  if not words then return nil, problem end
  local state = { words = words, at = 1, ranges = ranges, bounds = {} }
  local ok, result = pcall(conjunction, state)
  if not ok then
    if type(result) == "table" then return nil, result.problem end
    error(result, 0)
  end
  if words[state.at] then return nil, "'" .. words[state.at].text .. "' not expected" end
  return result, nil, state.bounds
end

--- An order of rows: by a date, ties by id, so that pages never overlap.
---@return { field: string, way: "up"|"down", less: fun(a: table, b: table): boolean }|nil order
---@return string|nil problem
function M.order(text)
  local field, way = (text or "createdDateTime asc"):match("^%s*(%a+)%s*(%a*)%s*$")
  if field ~= "createdDateTime" and field ~= "updatedDateTime" then
    return nil, "$orderby knows createdDateTime and updatedDateTime"
  end
  if way ~= "" and way ~= "asc" and way ~= "desc" then return nil, "asc or desc is expected" end
  local down = way == "desc"
  return { field = field, way = down and "down" or "up", less = function(a, b)
    if down then a, b = b, a end
    local x, y = a[field], b[field]
    return x < y or (x == y and a.id < b.id)
  end }
end

--- Cuts a shown referral to the members named (nil: all).
---@return (fun(shown: table): table)|nil cut, string|nil problem
function M.select(text, names)
  if text == nil then return function(shown) return shown end end
  local wanted = {}
  for word in text:gmatch("[^,]+") do
    local name = names[word:match("^%s*(.-)%s*$"):lower()]
    if not name then return nil, "$select: no member " .. word end
    wanted[#wanted + 1] = name
  end
  return function(shown)
    local out = {}
    for _, name in ipairs(wanted) do out[name] = shown[name] end
    return out
  end
end

local function decode(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)",
    function(hex) return string.char(tonumber(hex, 16)) end))
end

--- The options of a query string, by their decoded names.
---@param query string|nil
---@return table<string, string>
function M.options(query)
  local out = {}
  for pair in (query or ""):gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    out[decode(name)] = decode(value)
  end
  return out
end

--- A whole number not below `least`, or a problem.
function M.count(text, least)
  if text == nil then return nil end
  local n = math.tointeger(tonumber(text))
  if not n or n < least then return nil, "a whole number is expected, not '" .. text .. "'" end
  return n
end

return M

-- One person in texts and records: who is meant by an e-mail address, a phone number, a name or a
-- contact's number, and where he is mentioned.  Matches whole: an address, a number or a name that
-- merely begins alike is somebody else's.  Pure; it must never change anything.
local M = {}

-- By which names the places of the state know a person's data.
local NAMES = {
  first = { "first_name", "firstName", "firstname" },
  last = { "last_name", "lastName", "lastname" },
  email = { "email", "emailaddress1", "internalemailaddress" },
  phone = { "phone", "phoneNumber", "telephone1", "mobilephone", "address1_telephone1" },
  more = { "title", "jobtitle", "fullname", "salutation", "nickname" },
}
local LEAST_DIGITS = 6 -- fewer are no phone number

local function first_of(record, names)
  for _, name in ipairs(names) do
    local value = record[name]
    if type(value) == "string" and value ~= "" then
      return value
    end
  end
  return nil
end

local function email_of(text)
  return text:match "^[^%s@]+@[^%s@]+%.[^%s@]+$" and text:lower() or nil
end

local function digits_of(text)
  local digits = text:match "^[%d%s()+./-]+$" and text:gsub("%D", "")
  return digits and #digits >= LEAST_DIGITS and digits or nil
end

local function name_of(text)
  local name = text:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " "):lower()
  return name ~= "" and name or nil
end

---@class Who  what a record says of its person
---@field email string|nil
---@field phone string|nil  digits
---@field name string|nil  in small letters

---What a table says of a person; nil: it is not one's.
---@param record table
---@return Who|nil
function M.of(record)
  local first, last = first_of(record, NAMES.first), first_of(record, NAMES.last)
  local email, phone = first_of(record, NAMES.email), first_of(record, NAMES.phone)
  if not (email or first or last) then
    return nil
  end
  return { email = email and email_of(email), phone = phone and digits_of(phone),
    name = name_of((first or "") .. " " .. (last or "")) }
end

---@type table<string, true>  members that say something of the person whose record it is
M.members = {}
for _, names in pairs(NAMES) do
  for _, name in ipairs(names) do
    M.members[name] = true
  end
end

---@class Someone
---@field emails table<string, true>
---@field phones table<string, true>
---@field names table<string, true>
---@field asked "email"|"phone"|"name"

---Who is meant by the words of a command.
---@param words string
---@return Someone|nil  nil: nobody could be
function M.read(words)
  local one = { emails = {}, phones = {}, names = {} }
  local email, phone, name = email_of(words), digits_of(words), name_of(words)
  if email then
    one.asked, one.emails[email] = "email", true
  elseif phone then
    one.asked, one.phones[phone] = "phone", true
  elseif name and name:find "%S%s+%S" then
    one.asked, one.names[name] = "name", true
  else
    return nil
  end
  return one
end

---Whether a record is this person's: by address if it has one that is known of both, else by
---number or name.
---@param one Someone
---@param who Who
function M.is(one, who)
  if who.email and one.emails[who.email] then
    return true
  elseif who.email and next(one.emails) then
    return false -- somebody else of the same name, or at the same switchboard
  end
  return (who.phone and one.phones[who.phone] or who.name and one.names[who.name]) == true
end

-- ---- Mentions ----

-- A pattern that finds a text as it stands.
local function literal(text)
  return (text:gsub("%p", "%%%0"))
end

-- A pattern of either case, for what has letters of one byte.
local function either_case(pattern)
  return (pattern:gsub("%%?%a", function(letter)
    return #letter == 1 and "[" .. letter:lower() .. letter:upper() .. "]" or letter
  end))
end

-- Whether the text goes on as one word before or behind these places; some scripts have no words.
local function is_part(text, from, to)
  if text:find("^[\xE3-\xEF]", from) then
    return false
  end
  return text:find("^[%w\128-\255_+-]", from - 1) ~= nil and from > 1 or
    text:find("^%.", from - 1) ~= nil and from > 2 and text:find("^%w", from - 2) ~= nil or
    text:find("^[%w\128-\255_+-]", to + 1) ~= nil or text:find("^%.%w", to + 1) ~= nil
end

local function replaced(text, pattern, with)
  local out, at, n = {}, 1, 0
  while true do
    local from, to = text:find(pattern, at)
    if not from then
      out[#out + 1] = text:sub(at)
      return table.concat(out), n
    end
    local part = is_part(text, from, to)
    out[#out + 1] = text:sub(at, from - 1) .. (part and text:sub(from, to) or with)
    n, at = n + (part and 0 or 1), to + 1
  end
end

-- A name in the orders in which people write it.
local function orders(name)
  local first, last = name:match "^(.+) (%S+)$"
  if not first then
    return { name }
  end
  local out = { name, last .. " " .. first, last .. ", " .. first }
  if name:find "[\128-\255]" then -- scripts that have no spaces
    out[#out + 1] = last .. first
  end
  return out
end

local function patterns_of(one)
  local out = {}
  for email in pairs(one.emails) do
    out[#out + 1] = either_case(literal(email))
  end
  for name in pairs(one.names) do
    for _, order in ipairs(orders(name)) do
      out[#out + 1] = either_case(literal(order)):gsub(" ", "%%s+")
    end
  end
  return out
end

-- Digits with what people put between them.
local function phone_patterns(one)
  local out = {}
  for phone in pairs(one.phones) do
    out[#out + 1] = "%+?%(?" .. phone:gsub("%d", "%0[%%s()./-]*", #phone - 1)
  end
  return out
end

---What finds this person in a text.
---@param one Someone
---@return fun(text: string, with: string): string, integer  the text with each mention replaced
function M.finder(one)
  local patterns = patterns_of(one)
  table.move(phone_patterns(one), 1, 9, #patterns + 1, patterns)
  return function(text, with)
    local n = 0
    for _, pattern in ipairs(patterns) do
      local times
      text, times = replaced(text, pattern, with)
      n = n + times
    end
    return text, n
  end
end

---Whether a text may hold this person, quickly: false is certain.
---@param one Someone
---@return fun(text: string): boolean
function M.sieve(one)
  return function(text)
    local small = text:lower()
    for email in pairs(one.emails) do
      if small:find(email, 1, true) then
        return true
      end
    end
    for name in pairs(one.names) do
      local all = true
      for word in name:gmatch "%S+" do
        all = all and small:find(word, 1, true) ~= nil
      end
      if all then
        return true
      end
    end
    if next(one.phones) == nil then
      return false
    end
    local digits = text:gsub("[%s()+./-]", "")
    for phone in pairs(one.phones) do
      if digits:find(phone, 1, true) then
        return true
      end
    end
    return false
  end
end

return M

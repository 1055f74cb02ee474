-- A real deal as fixtures: the questions that a rehearsal asks of the mapping, with persons,
-- companies, streets and free text replaced by invented ones, and what the mapping answers to them
-- then.  The same value is replaced by the same everywhere, also inside of longer texts; amounts,
-- codes, labels and places stay.
-- Owns the table of what is personal.  It must never cover a file.
local fields = require "fields"
local fixture_text = require "fixture_text"
local preview = require "preview"
local text = require "text"

local M = {}

local MOST_OF_A_CALL = 5
local SHORTEST = 4 -- bytes of a value that is also looked for inside of texts

-- ---- What is personal ----

-- Parts of the records customer, contact and team -> what stands in their place.
local PARTS = { customer = { name = "company", address_line1 = "street", address_line2 = "street",
    duns = "digits" },
  contact = { first_name = "first", last_name = "last", email = "email", phone = "phone" } }
PARTS.team = PARTS.contact

-- Columns that are called so in any row; those of the field table are added.
local COLUMNS = { fullname = "person", companyname = "company", subject = "deal",
  description = "notes", notes = "notes", internalemailaddress = "email",
  emailaddress2 = "email", address1_telephone1 = "phone", websiteurl = "address",
  msft_microsoftpartnercenterreferralsyncaudit = "nothing" }

-- `name` means the company in these rows, elsewhere the deal.
local COMPANIES = { customer = true, parentaccountid = true, candidates = true, account = true }

for field, parts in pairs(PARTS) do
  for _, part in ipairs(fields.by_name[field].parts) do
    for column in part.place:gmatch("[%w_]+%.([%w_]+)") do
      if column ~= "name" then
        COLUMNS[column] = parts[part.name]
      end
    end
  end
end

local function kind_of(key, within)
  if PARTS[within] and PARTS[within][key] then
    return PARTS[within][key]
  elseif key == "name" then
    return COMPANIES[within] and "company" or within ~= "solutions" and "deal" or nil
  end
  return COLUMNS[key]
end

-- ---- What stands in its place ----

local FIRST = { "Alex", "Kim", "Robin", "Sam", "Toni", "Noa", "Luca", "Mika" }
local LAST = { "Muster", "Sample", "Field", "Brook", "Hill", "Marsh", "Wood", "Vale" }

local function of_list(list, n)
  local word = list[(n - 1) % #list + 1]
  return n > #list and word .. n or word
end

-- The country code stays, every other digit is invented.
local function digits(value, n, kept)
  local i = 0
  return (value:gsub("%d", function(digit)
    i = i + 1
    return i <= kept and digit or tostring((i * 7 + n) % 10)
  end))
end

local INVENTED = {
  company = function(n) return "Example Company " .. n end,
  street = function(n) return n .. " Example Street" end,
  first = function(n) return of_list(FIRST, n) end,
  last = function(n) return of_list(LAST, n) end,
  person = function(n) return of_list(FIRST, n) .. " " .. of_list(LAST, n) end,
  deal = function(n) return "Deal " .. n end,
  notes = function(n) return "Notes " .. n end,
  address = function(n) return ("https://www.company%d.example/"):format(n) end,
  domain = function(n) return ("company%d.example"):format(n) end,
  phone = function(n, value) return digits(value, n, 3) end,
  digits = function(n, value) return digits(value, n, 0) end,
  nothing = function() return "" end,
}

local Names = {}
Names.__index = Names

local function names()
  return setmetatable({ given = {}, counts = {}, long = {} }, Names)
end

-- The invented value of a real one.
function Names:of(kind, value)
  local known = self.given[value]
  if known then
    return known
  end
  local n = (self.counts[kind] or 0) + 1
  self.counts[kind] = n
  if kind == "email" then
    local domain = value:match("@(.+)$")
    self.given[value] = ("person%d@%s"):format(n, domain and self:of("domain", domain:lower()) or
      "example.example")
  else
    self.given[value] = INVENTED[kind](n, value)
  end
  if #value >= SHORTEST then
    self.long[#self.long + 1] = value
    table.sort(self.long, function(a, b) return #a > #b or #a == #b and a < b end)
  end
  return self.given[value]
end

local function is_text(value)
  return type(value) == "string" and value ~= ""
end

-- Learns every personal value of a question.
function Names:learn(value, key, within)
  local kind = is_text(value) and type(key) == "string" and kind_of(key, within)
  if kind then
    self:of(kind, value)
  elseif type(value) == "table" then
    for _, name in ipairs(json.is_array(value) and {} or text.keys(value)) do
      self:learn(value[name], name, key)
    end
    for _, one in ipairs(json.is_array(value) and value or {}) do
      self:learn(one, key, within)
    end
  end
end

-- Real values inside of a text; the longest first, so that no part is left of another.
local function inside(self, value)
  for _, real in ipairs(self.long) do
    local at = value:find(real, 1, true)
    while at do
      local invented = self.given[real]
      value = value:sub(1, at - 1) .. invented .. value:sub(at + #real)
      at = value:find(real, at + #invented, true)
    end
  end
  return value
end

---@return any  the same with invented values
function Names:replace(value)
  if is_text(value) then
    return self.given[value] or (text.is_guid(value) and value) or inside(self, value)
  elseif type(value) ~= "table" or json.is_decimal(value) then
    return value
  end
  local out = json.is_array(value) and json.array {} or {}
  for name, one in pairs(value) do
    if type(name) ~= "string" or name:sub(1, 7) ~= "@odata." then -- of one answer alone
      out[name] = self:replace(one)
    end
  end
  return out
end

-- The row that a question's `crm` or `v` is of stands in its call.
local function learn(known, question)
  local of = question.call:match("^(%a+)%.")
  for _, name in ipairs(text.keys(question)) do
    local value = question[name]
    if question.call == "resolve" and is_text(value) and name ~= "field" and name ~= "call" then
      local kind = question.field == "name" and "deal" or question.field == "notes" and "notes"
      known:of(kind or "nothing", value)
    else
      known:learn(value, (name == "v" and of == "account") and "account" or name)
    end
  end
end

-- ---- The questions ----

local LEFT_OUT = { describe = true, settings = true, hello = true, profile = true, check = true }

-- Each question once, a few of a kind.
local function distinct(lists)
  local out, seen, counts = {}, {}, {}
  for _, asked in ipairs(lists) do
    for _, one in ipairs(asked) do
      local q, key = one.question, json.encode(one.question)
      local n = counts[q.call] or 0
      if not (LEFT_OUT[q.call] or seen[key]) and n < MOST_OF_A_CALL then
        seen[key], counts[q.call] = true, n + 1
        out[#out + 1] = q
      end
    end
  end
  return out
end

local function asked_of(link)
  local first, seen = preview.next(link)
  local lists = { first.asked }
  if link.id > 0 and preview.is_whole(link, seen) then
    local crm, partner = preview.anew(link, seen)
    if not crm then
      return nil, partner
    end
    lists[2], lists[3] = crm.asked, partner.asked
  end
  return distinct(lists), first
end

-- What a fixture expects: the answer itself, without the member that it travels in.
local function bare(call, answer)
  answer.by = nil
  if call == "should_sync" then
    return answer
  end
  local _, value = next(answer)
  return value
end

---The fixtures of a deal, not saved yet.  (suspends)
---@param link Link
---@return table[]|nil fixtures, table|nil err
function M.of(link)
  local questions, first = asked_of(link)
  if not questions then
    return nil, first
  elseif #questions == 0 then
    return nil, { kind = "data", text = "the mapping is not asked anything of this deal" ..
      (first.why and ": " .. first.why or "") }
  end
  local known, out = names(), {}
  for _, question in ipairs(questions) do
    learn(known, question)
  end
  for i, question in ipairs(questions) do
    local invented = known:replace(question)
    invented.today = text.date(host.now_ms())
    local answer, err = host.map(invented)
    if not answer then
      return nil, err
    end
    invented.expect = bare(question.call, answer)
    out[i] = invented
  end
  return out
end

-- ---- The files ----

local function free(path)
  local _, err = host.sheet.text(path)
  return err ~= nil and err.kind == "absent"
end

-- Names of the files: NAME-account.match.json, NAME-account.match-2.json
local function file_names(name, list)
  local counts, out = {}, {}
  for i, fixture in ipairs(list) do
    local n = (counts[fixture.call] or 0) + 1
    counts[fixture.call] = n
    out[i] = ("%s-%s%s.json"):format(name, fixture.call, n > 1 and "-" .. n or "")
  end
  return out
end

---Saves a deal's fixtures into the profile's folder; none of them if one is there already.
---(suspends)
---@param link Link
---@param name string
---@return {file: string, call: string}[]|nil saved, table|nil err
function M.save(link, name)
  if not name:find("^%w[%w_-]*$") or #name > 60 then
    return nil, { kind = "data", text = "a name is letters, digits, - and _" }
  end
  local list, err = M.of(link)
  if not list then
    return nil, err
  end
  local folder, saved = host.profile.mapping .. "/fixtures", {}
  local files = file_names(name, list)
  for _, file in ipairs(files) do
    if not free(folder .. "/" .. file) then
      return nil, { kind = "data", text = ("fixtures/%s is there already; nothing was written"):
        format(file) }
    end
  end
  local ok
  ok, err = host.sheet.folder(folder)
  for i, file in ipairs(ok and files or {}) do
    ok, err = host.sheet.write_text(folder .. "/" .. file, fixture_text.of(list[i]))
    if not ok then
      break
    end
    saved[i] = { file = "fixtures/" .. file, call = list[i].call }
  end
  return ok and saved or nil, err
end

return M

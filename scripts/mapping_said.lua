--- What a mapping says by itself, for the check against a CRM's tables (mapping_meta.lua): its
-- constants, where its functions stand, the texts of its files, and what its fixtures are answered.
-- Runs in the mapping process, with the answers' own loaded files.  It must never judge.

local contract = require "contract"

local M = {}

local FILES = { "profile", "settings", "details", "country", "deal_value", "taxonomy",
  "default.details" }
local TEXT_MOST = 100000 -- bytes of a file that are sent along, for finding lines

-- Settings that name a column, and such that decide what is needed.
local SETTINGS = { "deal_value_field", "deal_value_currency_field", "country_field", "duns_field",
  "sync_leads" }

-- Some editors write another encoding: what is not ASCII in such a file is a question mark here.
local function readable(source)
  return utf8.len(source) and source or (source:gsub("[\x80-\xFF]", "?"))
end

local function files_of(self)
  local out = {}
  for _, role in ipairs(FILES) do
    local source, name = self.files.text(role)
    if source then
      out[role] = { name = name, text = #source <= TEXT_MOST and readable(source) or nil }
    end
  end
  return out
end

-- The profile's names for columns, over those of settings.lua; schema.lua checks both.
local function roles_of(self)
  local out = {}
  for _, file in ipairs { "settings", "profile" } do
    local chunk = self.files.text(file) and self.files.compile(file, {})
    local ok, value = pcall(chunk or error)
    local given = ok and type(value) == "table" and rawget(value, "columns")
    for role, name in next, type(given) == "table" and given or {} do
      if type(role) == "string" and type(name) == "string" then out[role] = name end
    end
  end
  return out
end

-- An empty value of a deal or a row is nil, as everywhere.
local function without_null(value)
  if value == json.null then return nil end
  if type(value) ~= "table" then return value end
  for name, member in pairs(value) do
    if type(name) == "string" then value[name] = without_null(member) end
    if type(member) == "table" then without_null(member) end
  end
  return value
end

local function given_at(value, place)
  for name in place:gmatch("[^.]+") do
    value = type(value) == "table" and value[name] or nil
  end
  return value
end

-- What the administrator wrote at each place: constants, and where the functions are.
local function places_of(self)
  local constants, functions = {}, {}
  for _, row in ipairs(contract.places) do
    local given = given_at(self.own[row.file], row.place)
    if type(given) == "function" then
      local file, line = self.files.where(given)
      functions[row.file == "details" and row.place or row.file .. "." .. row.place] =
        { file = file, line = line }
    elseif row.kind == "both" and given ~= nil then
      constants[row.place] = given
    end
  end
  return constants, functions
end

-- A small file as the administrator wrote it; true: a function.
local function small(own)
  local out = {}
  for name, value in pairs(own) do out[name] = type(value) == "function" or value end
  return out
end

-- ---- Fixtures ----

-- The columns that the administrator's own layer brings.
local function added(self, place, q, again)
  local row = contract.by_place.details[place]
  local before = self:layer(given_at(self.default.details, place), row, again.d, again.v or {},
    again.crm)
  local out = {}
  for name, value in pairs(self:fill(place, q).v) do
    if before[name] == nil or json.encode(before[name]) ~= json.encode(value) then
      out[name] = value
    end
  end
  return out
end

local ANSWER = {
  match = function(self, q)
    return given_at(self.own.details, q.call) and self:match(q.call, q).alternatives or nil
  end,
  fill = function(self, q, again)
    return type(given_at(self.own.details, q.call)) == "function" and
      added(self, q.call, q, again) or nil
  end,
  also = function(self, q) return self:ask("details", "also", q.d, q.crm) end,
  from_code = function(self, q) return self:ask("country", "from_code", q.code) end,
}

local KIND = { ["country.from_code"] = "from_code" } -- by question
local BY_CHECK = { values = "fill", alternatives = "match", rows = "also" }
for _, row in ipairs(contract.places) do
  if row.file == "details" then KIND[row.place] = BY_CHECK[row.answer] end
end

-- What one fixture is answered; nil if it is none of those that name columns, or fails.
local function answer_of(self, fixture)
  local q, again = without_null(json.decode(fixture.text)), without_null(json.decode(fixture.text))
  local answer = type(q) == "table" and ANSWER[KIND[q.call]]
  if not answer then return nil end
  self.today = q.today or self.files.today()
  local ok, value = pcall(answer, self, q, again)
  if not ok or value == nil then return nil end
  return { call = q.call, fixture = fixture.name, value = value }
end

local function answers_of(self)
  local out, before = json.array {}, self.today
  for _, fixture in ipairs(self.files.fixtures()) do
    out[#out + 1] = answer_of(self, fixture)
  end
  self.today = before
  return out
end

--- The answer to the question "said".
---@param self table  the answers, loaded and without problems
---@return table
function M.of(self)
  local constants, functions = places_of(self)
  local settings = {}
  for _, name in ipairs(SETTINGS) do settings[name] = self.settings[name] end
  local details = self.own.details
  return { files = files_of(self), constants = constants, functions = functions,
    answers = answers_of(self), settings = settings, roles = roles_of(self),
    columns = details.columns or {}, fields = details.fields or json.array {},
    status_reasons = details.status_reasons or {}, country = small(self.own.country),
    deal_value = small(self.own.deal_value) }
end

return M

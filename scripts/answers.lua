--- The mapping process's answers: loads the profile's files over the defaults, asks their
-- functions, and holds every answer to the contract (contract.lua).
-- Owns the loaded files.  It must never trust a mapping: what it answers is checked before it
-- leaves, and what it changes (v, d, crm) was made for this one question.
--
-- `files` is what the process gives:
--   text(role) -> text, name | nil             compile(role, env) -> function | nil, message
--   fixtures() -> { {name=, file=, text=} }    where(function) -> file, line
--   today() -> text                            log(text)
--   loaded()  says that the files are in memory: what comes above that belongs to the questions
--   place() -> "file:line: " of the mapping's function that asks for something, or ""

local contract = require "contract"
local mapping_env = require "mapping_env"
local schema_lines = require "schema_lines"
local settings = require "settings"
local text = require "text"

local M = {}

local FILES = { "details", "country", "deal_value", "taxonomy" }
local MARKS = { ok = "✔ ", failed = "✖ ", place = "front" }

-- A setting and a file that say the same thing: both may, if they agree.
local DOUBLES = {
  { setting = "deal_value_field", file = "deal_value", keys = { "field", "read", "write" } },
  { setting = "deal_value_currency_field", file = "deal_value", keys = { "currency" } },
  { setting = "country_field", file = "country", keys = { "field" } },
}

---@class Answers
local Answers = {}
Answers.__index = Answers

--- One set of files with its settings.
---@param files table
---@return table
function M.new(files)
  local self = setmetatable({ files = files, settings = {} }, Answers)
  self.countries = mapping_env.countries(function()
    local chunk, message = files.compile("countries", {})
    return assert(chunk, message)()
  end)
  return self
end

local function broken(message, ...)
  error({ kind = "data", text = message:format(...) })
end

-- What a raised value says; it may be anything.
local function said(raised)
  if type(raised) == "string" then return raised end
  local words = type(raised) == "table" and rawget(raised, "text")
  return type(words) == "string" and words or ("raised a %s without a text"):format(type(raised))
end

-- "mappings/x/details.lua:3: text" -> the parts
local function place_of(message)
  local file, line, rest = message:match("^(.-%.lua):(%d+): (.*)$")
  return file, math.tointeger(tonumber(line)), rest or message
end

function Answers:env()
  return mapping_env.new {
    settings = self.settings, country = self.countries, log = self.files.log,
    today = function() return self.today end, place = self.files.place,
  }
end

-- The table that a file returns; {} if there is no such file or if it is broken.
function Answers:load(role, file)
  local source, name = self.files.text(role)
  if not source then return {} end
  local lines
  local function report(key, problem)
    lines = lines or schema_lines.of(source)
    local near = key
    while near and not lines[near] do near = near:match("^(.*)%.[^.]*$") end
    local what = key and ("%s: %s"):format(key, problem) or problem
    self.problems[#self.problems + 1] = { file = name, line = near and lines[near], text = what }
  end
  local function fail(message)
    local at, line, rest = place_of(message)
    self.problems[#self.problems + 1] = { file = at or name, line = line, text = rest }
    return {}
  end
  local chunk, message = self.files.compile(role, self:env())
  if not chunk then return fail(message) end
  local ok, value = pcall(chunk)
  if not ok then return fail(said(value)) end
  local copy, problem = contract.plain(value)
  if problem then return fail(problem) end
  local before = #self.problems
  contract.check_file(file, copy, report)
  return #self.problems == before and copy or {}
end

local function at(t, place)
  local value = t
  for name in place:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[name]
  end
  return value
end

-- What is named in the settings and in a file must be the same thing.
function Answers:check_doubles()
  for _, double in ipairs(DOUBLES) do
    local given, default = self.settings[double.setting], nil
    for _, row in ipairs(settings.rows) do
      if row.name == double.setting then default = row.default end
    end
    for _, key in ipairs(double.keys) do
      local value = self.own[double.file][key]
      if given ~= nil and given ~= default and value ~= nil and value ~= given then
        self:double(double, key)
      end
    end
  end
  if self.settings.display_check_mark == false and self.own.details.marks then
    self:double({ setting = "display_check_mark", file = "details" }, "marks")
  end
end

function Answers:double(double, key)
  local source, name = self.files.text(double.file)
  self.problems[#self.problems + 1] = { file = name, line = schema_lines.of(source)[key],
    text = ("%s: the setting %s says otherwise; name it in one place"):format(key, double.setting) }
end

-- Loads all files once; with the first question that needs them.  A load that is cut short (its
-- time is up, there is no memory) is none: the next question begins anew.
function Answers:ready()
  if self.is_ready then return end
  self.problems, self.own, self.default = {}, {}, {}
  for _, file in ipairs(FILES) do
    self.default[file] = self:load("default." .. file, file)
    self.own[file] = self:load(file, file)
  end
  self:check_doubles()
  self.is_ready = true
  self.files.loaded()
end

function Answers:need()
  self:ready()
  local problem = self.problems[1]
  if problem then
    broken("%s%s: %s", problem.file, problem.line and ":" .. problem.line or "", problem.text)
  end
end

-- A copy of an answer, held to its check; the error names the function's place.
function Answers:hold(row, given, value, asked)
  local copy, problem = contract.plain(value)
  problem = problem or row.answer and contract.check[row.answer](copy, asked)
  if not problem then return copy end
  local file, line = self.files.where(given)
  broken("%s:%d: %s: %s", file, line, row.place, problem)
  return nil
end

-- Who answers a place: the administrator, else the default -> function or table, its row
function Answers:find(file, place)
  local row = contract.by_place[file][place]
  local own = at(self.own[file], place)
  if own ~= nil then return own, row end
  return at(self.default[file], place), row
end

-- Asks the function at a place; nil if nobody has one.
function Answers:ask(file, place, ...)
  local given, row = self:find(file, place)
  if given == nil then return nil end
  return self:hold(row, given, (given(...)), (...))
end

-- One layer over v: constants, or a function that edits v or answers a table.
function Answers:layer(given, row, d, v, crm)
  if given == nil then return v end
  local answer = given
  if type(given) == "function" then
    answer = given(d, v, crm)
    if answer == nil or rawequal(answer, v) then return self:hold(row, given, v) end
    answer = self:hold(row, given, answer)
  end
  for name, value in pairs(answer) do v[name] = value end
  return type(given) == "function" and self:hold(row, given, v) or v
end

-- create and update: the default's layer, then the administrator's
function Answers:fill(place, q)
  local row = contract.by_place.details[place]
  local v = self:layer(at(self.default.details, place), row, q.d, q.v or {}, q.crm)
  return { v = self:layer(at(self.own.details, place), row, q.d, v, q.crm) }
end

-- An alternative of which a value is missing is skipped.
local function complete(alternatives)
  local out = json.array {}
  for _, alternative in ipairs(alternatives) do
    local whole = #alternative > 0
    for _, pair in ipairs(alternative) do
      whole = whole and pair[2] ~= nil and pair[2] ~= "" and pair[2] ~= json.null
    end
    if whole then out[#out + 1] = alternative end
  end
  return out
end

function Answers:match(place, q)
  local found = self:find("details", place)
  if found == nil then return { alternatives = json.array {} } end
  local own, row = at(self.own.details, place), contract.by_place.details[place]
  local answer = own and own(q.d)
  if answer == nil then
    own = at(self.default.details, place)
    answer = own and own(q.d) or {}
  end
  return { alternatives = complete(own and self:hold(row, own, answer) or answer) }
end

function Answers:pick(place, q)
  local given, row = self:find("details", place)
  if not given then return {} end
  local chosen = given(q.candidates, q.d)
  if chosen == nil then return {} end
  for i, candidate in ipairs(q.candidates) do
    if rawequal(candidate, chosen) then return { index = i } end
  end
  local file, line = self.files.where(given)
  broken("%s:%d: %s: must answer one of the candidates or nil", file, line, row.place)
  return nil
end


function Answers:columns()
  local out = {}
  for _, name in ipairs(contract.tables) do
    local list, seen = json.array {}, {}
    for _, set in ipairs { self.default, self.own } do
      for _, column in ipairs((set.details.columns or {})[name] or {}) do
        if not seen[column] then list[#list + 1] = column end
        seen[column] = true
      end
    end
    out[name] = list
  end
  return out
end

function Answers:fields()
  local out = json.array {}
  for _, row in ipairs(self:find("details", "fields") or {}) do
    out[#out + 1] = { crm = row.crm, referral = row.referral, direction = row.direction or "both",
      conflict = row.conflict or "crm" }
  end
  return out
end

function Answers:marks()
  local marks = self:find("details", "marks")
  if marks == false then return false end -- the setting: facts.lua, old marks are still stripped
  marks = marks or {}
  return { ok = marks.ok or MARKS.ok, failed = marks.failed or MARKS.failed,
    place = marks.place or MARKS.place }
end

function Answers:deal_value()
  local own = self.own.deal_value
  local file = (own.field or own.read or own.write) and own or self.default.deal_value
  local read = file.read
  if type(read) == "function" then read = true end
  return { field = file.field, read = read, write = file.write,
    currency = own.currency or self.default.deal_value.currency or "row" }
end

function Answers:country()
  local own = self.own.country
  return { field = own.field or self.default.country.field, code = own.code,
    custom = own.to_code ~= nil or own.from_code ~= nil }
end

local OPTIONAL = { "should_sync", "arrives_as", "owner", "close_reason", "resolve", "also" }

function Answers:has()
  local has = { pick = {} }
  for _, place in ipairs(OPTIONAL) do has[place] = self:find("details", place) ~= nil end
  for _, name in ipairs { "account", "contact" } do
    has.pick[name] = self:find("details", name .. ".pick") ~= nil
  end
  return has
end


local QUESTIONS = {}

function QUESTIONS.hello() return {} end

function QUESTIONS.settings(self, q)
  self.settings, self.is_ready = q.settings or {}, false
  self.stage = q.stage
  return {}
end

-- The profile has neither ctx nor a contract here: schema.lua checks it.
function QUESTIONS.profile(self)
  local chunk, message = self.files.compile("profile", mapping_env.new())
  if not chunk then error({ kind = "config", text = message }) end
  local value = chunk()
  if type(value) ~= "table" then
    local _, name = self.files.text("profile")
    error({ kind = "config", text = name .. ": must return a table, not a " .. type(value) })
  end
  return value
end

function QUESTIONS.describe(self)
  return { api = contract.api, columns = self:columns(), fields = self:fields(),
    marks = self:marks(), status_reasons = self:find("details", "status_reasons") or {},
    country = self:country(), deal_value = self:deal_value(), has = self:has(),
    taxonomy = { roles = self:find("taxonomy", "roles"), areas = self:find("taxonomy", "areas") } }
end

QUESTIONS["account.match"] = function(self, q) return self:match("account.match", q) end
QUESTIONS["contact.match"] = function(self, q) return self:match("contact.match", q) end
QUESTIONS["account.pick"] = function(self, q) return self:pick("account.pick", q) end
QUESTIONS["contact.pick"] = function(self, q) return self:pick("contact.pick", q) end

for _, place in ipairs(contract.places) do
  if place.kind == "both" then
    QUESTIONS[place.place] = function(self, q) return self:fill(place.place, q) end
  end
end

function QUESTIONS.should_sync(self, q)
  local given, row = self:find("details", "should_sync")
  if not given then return { sync = true } end
  local sync, reason = given(q.crm)
  self:hold(row, given, sync)
  return { sync = sync, reason = not sync and reason ~= nil and tostring(reason) or nil }
end

function QUESTIONS.arrives_as(self, q) return { as = self:ask("details", "arrives_as", q.d) } end
function QUESTIONS.owner(self, q) return { owner = self:ask("details", "owner", q.d) } end

function QUESTIONS.close_reason(self, q)
  return { reason = self:ask("details", "close_reason", q.crm) }
end

function QUESTIONS.resolve(self, q)
  return { value = self:ask("details", "resolve", q.field, q.crm, q.partner, q.crm_base,
    q.partner_base) }
end

function QUESTIONS.also(self, q)
  return { rows = json.array(self:ask("details", "also", q.d, q.crm) or {}) }
end

QUESTIONS["country.to_code"] = function(self, q)
  return { code = self:ask("country", "to_code", q.value) }
end

QUESTIONS["country.from_code"] = function(self, q)
  return { value = self:ask("country", "from_code", q.code) }
end

local function is_zero(value)
  local amount = json.is_decimal(value) and tostring(value) or value
  return amount == "" or tonumber(amount) == 0
end

-- 0 and empty are what a column not yet computed holds: they are no answer.
QUESTIONS["deal_value.read"] = function(self, q)
  local own = self.own.deal_value
  local file = (own.field or own.read or own.write) and own or self.default.deal_value
  local value
  if type(file.read) == "function" then
    value = self:hold(contract.by_place.deal_value.read, file.read, file.read(q.crm))
  else
    value = q.crm[file.read or file.field]
  end
  if value == nil or is_zero(value) then value = nil end
  return { value = value }
end

local FREE = { hello = true, settings = true, profile = true, check = true } -- need no files


local WRAPPED = { ["account.match"] = "alternatives", ["contact.match"] = "alternatives",
  ["account.pick"] = "index", ["contact.pick"] = "index", arrives_as = "as", owner = "owner",
  close_reason = "reason", resolve = "value", also = "rows", ["country.to_code"] = "code",
  ["country.from_code"] = "value", ["deal_value.read"] = "value" }

-- What `expect` is compared with: the answer itself, without the member it travels in.
local function bare(call, answer)
  local member = WRAPPED[call] or (answer.v and "v")
  if member then return answer[member] end
  return answer
end

-- The first place where two values differ, or nil.
local function difference(got, want, path)
  if type(got) ~= "table" or type(want) ~= "table" then
    if got == want then return nil end
    return path == "" and "the answer" or path
  end
  local keys = {}
  for key in pairs(got) do keys[key] = true end
  for key in pairs(want) do keys[key] = true end
  for key in pairs(keys) do
    local found = difference(got[key], want[key], (path == "" and "" or path .. ".") .. key)
    if found then return found end
  end
  return nil
end

local function shown(value)
  if value == nil then return "nil" end
  return text.bound(json.encode(value) or tostring(value), 120)
end

local function below(value, path)
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[name] == nil and value[math.tointeger(tonumber(name))] or value[name]
  end
  return value
end

-- Runs one fixture -> problem text or nil.  A fixture's data are invented, so they may be shown.
function Answers:run_fixture(fixture)
  local q, err = json.decode(fixture.text)
  if not q then return err.text end
  if type(q) ~= "table" or not QUESTIONS[q.call] or FREE[q.call] then
    return "`call` must name a question of the contract"
  end
  local want, asked = q.expect, q.call
  q.expect = nil
  local before = self.today
  local ok, answer = pcall(self.answer_one, self, q)
  self.today = before
  if not ok then return said(answer) end
  if want == json.null then want = nil end
  local got = bare(asked, answer)
  local where = difference(got, want, "")
  if not where then return nil end
  if where == "the answer" then
    return ("%s: got %s, want %s"):format(asked, shown(got), shown(want))
  end
  return ("%s: at %s: got %s, want %s"):format(asked, where, shown(below(got, where)),
    shown(below(want, where)))
end

function QUESTIONS.check(self)
  self:ready()
  local problems = json.array {}
  for _, problem in ipairs(self.problems) do problems[#problems + 1] = problem end
  for _, fixture in ipairs(#problems == 0 and self.files.fixtures() or {}) do
    local problem = self:run_fixture(fixture)
    if problem then
      problems[#problems + 1] = { file = fixture.file, key = fixture.name, text = problem }
    end
  end
  return { problems = problems }
end

-- An empty column is nil for a mapping, not a value that counts as true.
local function without_null(value)
  if value == json.null then return nil end
  if type(value) ~= "table" then return value end
  for key, member in pairs(value) do
    if type(key) == "string" then value[key] = without_null(member) end
    if type(member) == "table" then without_null(member) end
  end
  return value
end

local PLAIN = { "d", "crm", "candidates", "partner", "crm_base", "partner_base", "value" }

function Answers:answer_one(q)
  local question = type(q) == "table" and QUESTIONS[q.call]
  if not question then broken("there is no question `%s`", tostring(q and q.call)) end
  if not FREE[q.call] then self:need() end
  self.today = q.today or self.today or self.files.today()
  for _, name in ipairs(PLAIN) do q[name] = without_null(q[name]) end
  return question(self, q)
end

--- The answer to one question (a table, decoded); raises {kind=, text=} or what the mapping raised.
---@param q table
---@return table
function Answers:answer(q)
  self.today = nil
  return self:answer_one(q)
end

return M

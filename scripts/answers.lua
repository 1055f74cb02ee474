--- The mapping process's answers: asks the functions of the profile's files (mapping_files.lua) or
-- the defaults', and holds every answer to the contract (contract.lua).
-- Owns the loaded files.  It must never trust a mapping: what it answers is checked before it
-- leaves, and what it changes (v, d, crm) was made for this one question.
--
-- `files` is what the process gives:
--   text(role) -> text, name | nil             compile(role, env) -> function | nil, message
--   fixtures() -> { {name=, file=, text=} }    where(function) -> file, line
--   today() -> text                            log(text)
--   loaded()  says that the files are in memory: what comes above that belongs to the questions
--   place() -> "file:line: " of the mapping's function that asks for something, or ""

local answer_trace = require "answer_trace"
local contract = require "contract"
local kind_of = require("contract_checks").kind_of
local fixtures = require "fixtures"
local mapping_env = require "mapping_env"
local mapping_files = require "mapping_files"

local M = {}

local MARKS = { ok = "✔ ", failed = "✖ ", place = "front" }

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

function Answers:env()
  return mapping_env.new {
    settings = self.settings, country = self.countries, log = self.files.log,
    today = function() return self.today end, place = self.files.place,
  }
end

-- "account.match" -> "account", "match"; asked with each question, so taken apart once.
local PARTS = {}
for _, row in ipairs(contract.places) do
  PARTS[row.place] = { row.place:match("^([^.]+)%.?(.*)$") }
end

local function at(t, place)
  local parts = PARTS[place]
  local value, name = t[parts[1]], parts[2]
  if name == "" then return value end
  return type(value) == "table" and value[name] or nil
end

-- Loads all files once; with the first question that needs them.  A load that is cut short (its
-- time is up, there is no memory) is none: the next question begins anew.
function Answers:ready()
  if self.is_ready then return end
  local set = mapping_files.load(self.files, function() return self:env() end, self.settings)
  self.own, self.default, self.problems = set.own, set.default, set.problems
  self.is_ready = true
  self.files.loaded()
end

function Answers:need()
  self:ready()
  local problem = self.problems[1]
  if problem then broken("%s", mapping_files.sentence(problem)) end
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
  local given = own == nil and at(self.default[file], place) or own
  answer_trace.asks(self.trace, (own == nil and "default." or "") .. file, place, given)
  return given, row
end

-- Asks the function at a place; nil if nobody has one.
function Answers:ask(file, place, ...)
  local given, row = self:find(file, place)
  if given == nil then return nil end
  return self:hold(row, given, (given(...)), (...))
end

-- One layer over v: constants, or a function that edits v or answers a table.  An edited v is held
-- to its check, unless another layer follows.
function Answers:layer(given, row, d, v, crm, more)
  if given == nil then return v end
  local answer = given
  if type(given) == "function" then
    answer = given(d, v, crm)
    if answer == nil or rawequal(answer, v) then return more and v or self:hold(row, given, v) end
    answer = self:hold(row, given, answer)
  end
  for name, value in pairs(answer) do v[name] = value end
  return type(given) == "function" and self:hold(row, given, v) or v
end

-- create and update: the default's layer, then the administrator's
function Answers:fill(place, q)
  local row = contract.by_place.details[place]
  local default, own = at(self.default.details, place), at(self.own.details, place)
  local function layer(role, given, v, more)
    if not self.trace then return self:layer(given, row, q.d, v, q.crm, more) end
    return answer_trace.layer(self.trace, role, place, given, v, function(before)
      return self:layer(given, row, q.d, before, q.crm)
    end)
  end
  local v = layer("default.details", default, q.v or {}, own ~= nil)
  return { v = layer("details", own, v) }
end

local function is_whole(alternative)
  for _, pair in ipairs(alternative) do
    local value = pair[2]
    if value == nil or value == "" or value == json.null then return false end
  end
  return #alternative > 0
end

-- An alternative of which a value is missing is skipped.
local function complete(alternatives)
  for i = #alternatives, 1, -1 do
    if not is_whole(alternatives[i]) then table.remove(alternatives, i) end
  end
  return json.array(alternatives)
end

function Answers:match(place, q)
  local given, row = at(self.own.details, place), contract.by_place.details[place]
  local answer = given and given(q.d)
  local role = answer == nil and "default.details" or "details"
  if answer == nil then
    given = at(self.default.details, place)
    answer = given and given(q.d) or {}
  end
  answer_trace.asks(self.trace, role, place, given)
  return { alternatives = complete(given and self:hold(row, given, answer) or answer) }
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
  answer_trace.notes(self.trace, "fields", "details", "fields")
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
  answer_trace.notes(self.trace, "deal_value", file == own and "deal_value" or
    "default.deal_value", file.write and "write" or "field")
  if type(read) == "function" then read = true end
  return { field = file.field, read = read, write = file.write,
    currency = own.currency or self.default.deal_value.currency or "row" }
end

function Answers:country()
  local own = self.own.country
  answer_trace.notes(self.trace, "country", own.field and "country" or "default.country", "field")
  return { field = own.field or self.default.country.field, code = own.code,
    custom = own.to_code ~= nil or own.from_code ~= nil }
end

-- Which places somebody answers, so that the flows need not ask in vain; the picks by table too.
function Answers:has()
  local has = { pick = {} }
  for _, row in pairs(contract.calls) do
    if row.file == "details" then has[row.place] = self:find("details", row.place) ~= nil end
  end
  for _, name in ipairs { "account", "contact" } do
    has.pick[name] = has[name .. ".pick"]
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

-- What a file of the profile returns; it has neither ctx nor a contract here.
local function table_of(self, role)
  local chunk, message = self.files.compile(role, mapping_env.new())
  if not chunk then error({ kind = "config", text = message }) end
  local value = chunk()
  if type(value) ~= "table" then
    local _, name = self.files.text(role)
    error({ kind = "config", text = name .. ": must return a table, not " .. kind_of(value) })
  end
  return value
end

-- The profile, and the settings.lua that it is laid over: a text says why there is no table.
-- schema.lua checks both.
function QUESTIONS.profile(self)
  local shared
  if self.files.text("settings") then
    local ok, value = pcall(table_of, self, "settings")
    shared = ok and value or mapping_files.said(value)
  end
  return { profile = table_of(self, "profile"), shared = shared }
end

function QUESTIONS.describe(self)
  return { api = contract.api, columns = self:columns(), fields = self:fields(),
    marks = self:marks(), status_reasons = self:find("details", "status_reasons") or {},
    country = self:country(), deal_value = self:deal_value(), has = self:has(),
    taxonomy = { roles = self:find("taxonomy", "roles"), areas = self:find("taxonomy", "areas") } }
end

function QUESTIONS.said(self) return require("mapping_said").of(self) end
QUESTIONS["account.match"] = function(self, q) return self:match("account.match", q) end
QUESTIONS["contact.match"] = function(self, q) return self:match("contact.match", q) end
QUESTIONS["account.pick"] = function(self, q) return self:pick("account.pick", q) end
QUESTIONS["contact.pick"] = function(self, q) return self:pick("contact.pick", q) end

function QUESTIONS.should_sync(self, q)
  local given, row = self:find("details", "should_sync")
  if not given then return { sync = true } end
  local sync, reason = given(q.crm)
  self:hold(row, given, sync)
  return { sync = sync, reason = not sync and reason ~= nil and tostring(reason) or nil }
end

function QUESTIONS.also(self, q)
  return { rows = json.array(self:ask("details", "also", q.d, q.crm) or {}) }
end

local function is_zero(value)
  local amount = json.is_decimal(value) and tostring(value) or value
  return amount == "" or tonumber(amount) == 0
end

-- 0 and empty are what a column not yet computed holds: they are no answer.
QUESTIONS["deal_value.read"] = function(self, q)
  local own = self.own.deal_value
  local file = (own.field or own.read or own.write) and own or self.default.deal_value
  answer_trace.asks(self.trace, file == own and "deal_value" or "default.deal_value",
    file.read and "read" or "field", file.read or file.field)
  local value
  if type(file.read) == "function" then
    value = self:hold(contract.by_place.deal_value.read, file.read, file.read(q.crm))
  else
    value = q.crm[file.read or file.field]
  end
  if value == nil or is_zero(value) then value = nil end
  return { value = value }
end

-- What is asked alike: create and update; other functions by the arguments that the contract names.
for call, row in pairs(contract.calls) do
  if row.kind == "both" then
    QUESTIONS[call] = function(self, q) return self:fill(row.place, q) end
  elseif not QUESTIONS[call] then
    QUESTIONS[call] = function(self, q)
      local given = {}
      for i, name in ipairs(row.args) do given[i] = q[name] end
      return { [row.member] = self:ask(row.file, row.place, table.unpack(given, 1, #row.args)) }
    end
  end
end

-- need no files that are whole
local FREE = { hello = true, settings = true, profile = true, check = true, outline = true }

function Answers:run_fixture(fixture)
  local before = self.today
  local result = fixtures.run(fixture, function(q)
    local ok, answer = pcall(self.answer_one, self, q)
    return ok, ok and answer or mapping_files.said(answer)
  end)
  self.today = before
  return result
end

-- A host asks this before it takes a mapping over, and again as long as there is more: each fixture
-- has the whole deadline for itself.
function QUESTIONS.check(self)
  self:ready()
  local all = self.files.fixtures()
  local proof = self.proof or { at = #self.problems > 0 and #all or 0,
    problems = json.array(table.move(self.problems, 1, #self.problems, 1, {})) }
  if proof.at < #all then
    self.proof, proof.at = proof, proof.at + 1
    local result = self:run_fixture(all[proof.at])
    if not result.ok then
      proof.problems[#proof.problems + 1] = fixtures.as_problem(result)
    end
    return { more = true }
  end
  self.proof = nil
  return { problems = proof.problems, fixtures = #all }
end

-- Which places of a file the administrator answers, and which of them by a function.
function Answers:places(file, name)
  local out = { name = name, places = json.array {}, functions = json.array {} }
  for _, row in ipairs(contract.places) do
    local theirs = row.file == file and row.place ~= "api"
    local given = at(theirs and self.own[file] or {}, row.place)
    if given ~= nil then
      out.places[#out.places + 1] = row.place
      out.functions[#out.functions + 1] = type(given) == "function" and row.call or nil
    end
  end
  return out
end

-- What an author asks: what is wrong, what the files answer, which fixtures there are.
function QUESTIONS.outline(self)
  self:ready()
  local out = { problems = json.array(self.problems), files = {}, fixtures = json.array {} }
  for _, fixture in ipairs(self.files.fixtures()) do
    out.fixtures[#out.fixtures + 1] = { name = fixture.name, file = fixture.file }
  end
  for file in pairs(self.own) do
    local _, name = self.files.text(file)
    out.files[file] = name and self:places(file, name) or nil
  end
  out.describe = #out.problems == 0 and QUESTIONS.describe(self) or nil
  return out
end

-- One fixture by its name: each has the whole deadline for itself.
function QUESTIONS.fixture(self, q)
  for _, fixture in ipairs(self.files.fixtures()) do
    if fixture.name == q.name then return self:run_fixture(fixture) end
  end
  return broken("there is no fixture `%s`", tostring(q.name))
end

-- What a question brings for a function: an empty column is nil for a mapping, not a value that
-- counts as true.  In `v` null says that a column is to be cleared.
local GIVEN = {}
for _, row in pairs(contract.calls) do
  for _, name in ipairs(row.args) do GIVEN[name] = name ~= "v" or nil end
end

function Answers:answer_one(q)
  local question = type(q) == "table" and QUESTIONS[q.call]
  if not question then broken("there is no question `%s`", tostring(q and q.call)) end
  if not FREE[q.call] then self:need() end
  self.today = q.today or self.today or self.files.today()
  for name, value in pairs(q) do
    if GIVEN[name] then q[name] = json.without_null(value) end
  end
  return question(self, q)
end

--- The answer to one question (a table, decoded); raises {kind=, text=} or what the mapping raised.
---@param q table
---@return table
function Answers:answer(q)
  self.today, self.trace = nil, q.trace and answer_trace.new(self.files) or nil
  return answer_trace.sign(self.trace, self:answer_one(q))
end

return M

-- A mapping and the CRM that it is for: which tables the mapping meets, their definitions (of the
-- CRM, or of the copy in the profile folder), and what does not fit.  A running host looks once a
-- generation, by a job of its own, when it first reached the CRM; what it found stands in `cosell
-- status` and in the log.  It refuses nothing: a deal that cannot be written says so itself.
-- Owns what was found; must never write to the CRM.
local dynamics = require "dynamics"
local lists = require "lists"
local mapping_meta = require "mapping_meta"
local mapping_source = require "mapping_source"
local text = require "text"

local M = {}

M.FILE = "metadata.json" -- in the profile folder

local AGAIN_MS = 10 * 60 * 1000 -- what is wrong may be mended in the CRM
local UNREACHED_MS = 60 * 1000
local LOGGED = 5
local PREFIX = "msft_" -- of the connector's tables

-- ---- What the mapping says ----

---The mapping's own words for the check.  (suspends)
---@return { describe: table, said: table }|nil, table|nil err
function M.ask()
  local describe, err = host.map { call = "describe" }
  local said
  if describe then
    said, err = host.map { call = "said" }
  end
  return said and { describe = describe, said = said } or nil, err
end

-- ---- Tables ----

local function marked(value, out)
  local marker = type(value) == "table" and value["$bind"]
  if marker then
    out[marker.table] = true
  end
end

-- Tables of constants and of answers to fixtures: bound look-ups, rows of `also`.
local function answered(said, out)
  for _, constants in pairs(said.constants) do
    for _, value in pairs(constants) do
      marked(value, out)
    end
  end
  for _, answer in ipairs(said.answers) do
    for _, item in pairs(type(answer.value) == "table" and answer.value or {}) do
      marked(item, out)
      if answer.call == "also" then
        out[item.table] = true
        for _, value in pairs(item.values) do
          marked(value, out)
        end
      end
    end
  end
end

---The tables that a mapping meets, by name, without those that only the CRM tells (M.learn adds
---the table of countries).
---@param asked table  of M.ask
---@return string[]
function M.names(asked)
  local out = {}
  for _, name in ipairs(mapping_meta.tables) do
    out[name] = true
  end
  answered(asked.said, out)
  for _, name in ipairs(mapping_source.new(asked.said.files):tables()) do
    out[name] = true
  end
  return text.keys(out)
end

-- Errors after which nothing can be said of any table.
local UNREACHED = { net = true, busy = true, auth = true, store = true }

---The definitions that a mapping is checked with.  (suspends)
---@param asked table  of M.ask
---@param read fun(name: string): table|nil, table|nil  a definition, or nil, err
---@return table|nil metas, table|nil err  false: the CRM has no such table; one that it does not
---  show us is not there
function M.learn(asked, read)
  local metas = {}
  local function add(name)
    if metas[name] ~= nil then
      return true
    end
    local meta, err = read(name)
    if not meta and UNREACHED[err.kind] then
      return nil, err
    elseif meta or err.kind == "absent" then
      metas[name] = meta or false
    end
    return true
  end
  for _, name in ipairs(M.names(asked)) do
    local ok, err = add(name)
    if not ok then
      return nil, err
    end
  end
  local country = asked.describe.country
  local column = metas.account and metas.account.columns[country.field]
  local target = country.code and column and (column.targets or {})[1]
  local ok, err = true, nil
  if target then
    ok, err = add(target)
  end
  return ok and metas, err
end

---What is wrong with the mapping that host.map asks, in these tables.  (suspends)
---@param metas table
---@return MappingProblem[]|nil, table|nil err
function M.check(metas)
  local asked, err = M.ask()
  return asked and mapping_meta.problems(asked.describe, asked.said, asked.said.answers, metas),
    err
end

-- ---- The copy in the profile folder ----

-- The tables of the solutions, if this CRM has them.
local function solution_tables()
  local solutions, err = lists.solutions(PREFIX)
  if not solutions and err.kind ~= "config" then
    return nil, err
  end
  return solutions and { solutions.table, solutions.detail } or {}
end

-- A fresh definition with the labels that people know.
local function with_labels(name)
  local meta, err = dynamics.table_anew(name)
  if not meta then
    return nil, err
  end
  local labels
  labels, err = dynamics.labels(name)
  if not labels then
    return nil, err
  end
  for column, about in pairs(meta.columns) do
    about.label = labels[column] and labels[column].label
  end
  return meta
end
M.definition = with_labels

---The text of metadata.json, from the CRM as it is now.  (suspends)
---@param progress fun(done: integer, total: integer)
---@return string|nil, table about_or_err  { tables=, columns=, absent=, hidden= lists of names }
function M.copy(progress)
  local asked, err = M.ask()
  local more
  if asked then
    more, err = solution_tables()
  end
  if not more then
    return nil, err
  end
  local done, total = 0, #M.names(asked) + #more
  local function read(name)
    local meta, bad = with_labels(name)
    done = done + 1
    progress(math.min(done, total), total)
    return meta, bad
  end
  local metas
  metas, err = M.learn(asked, read)
  for _, name in ipairs(metas and more or {}) do
    if metas[name] == nil then
      metas[name], err = read(name)
    end
    if not metas[name] then
      return nil, err
    end
  end
  if not metas then
    return nil, err
  end
  local about = { tables = 0, columns = 0, absent = json.array {}, hidden = json.array {} }
  for _, name in ipairs(M.names(asked)) do
    local list = metas[name] == false and about.absent or metas[name] == nil and about.hidden
    if list then
      list[#list + 1] = name
    end
  end
  for _, meta in pairs(metas) do
    about.tables = about.tables + (meta and 1 or 0)
    about.columns = about.columns + (meta and #text.keys(meta.columns) or 0)
  end
  return json.pretty { saved = text.date(host.now_ms()), crm = host.profile.crm_url,
    tables = metas } .. "\n", about
end

---What a copy holds.
---@param content string
---@return { saved: string, crm: string, tables: table }|nil copy, string|nil problem
function M.read(content)
  local copy, err = json.decode(content)
  if not copy then
    return nil, err.text
  elseif type(copy) ~= "table" or type(copy.tables) ~= "table" then
    return nil, "is no copy of a CRM's tables: `cosell fields --save` makes one"
  end
  for name, meta in pairs(copy.tables) do
    if meta and (type(meta) ~= "table" or type(meta.columns) ~= "table") then
      return nil, ("holds no definition of `%s`: `cosell fields --save` makes it anew"):format(name)
    end
  end
  return copy
end

-- ---- A host that runs ----

local found = json.array {} -- of this generation
local read_ms = 0           -- when the CRM was last asked anew for its tables

---What does not fit, without what could not be checked.
---@return MappingProblem[]
function M.found()
  return found
end

local function tell(problems)
  local before = {}
  for _, one in ipairs(found) do
    before[mapping_meta.line(one)] = true
  end
  local said = 0
  for _, one in ipairs(problems) do
    local line = mapping_meta.line(one)
    said = said + (before[line] and 0 or 1)
    if not before[line] and said <= LOGGED then
      host.log("warn", "mapping: " .. line)
    end
  end
  if said > LOGGED then
    host.log("warn", ("mapping: and %d more: cosell status"):format(said - LOGGED))
  end
end

-- What is wrong for sure or probably; what could not be looked at is no news for a host that runs.
local function worth(problems)
  local out = json.array {}
  for _, one in ipairs(problems) do
    if one.level ~= "note" then
      out[#out + 1] = one
    end
  end
  return out
end

---The handler of `mapping` jobs: once a generation, and again while something does not fit.
---(suspends)
function M.job()
  local asked = M.ask()
  if not asked then
    return true -- each deal says so
  end
  local read = dynamics.table
  if #found > 0 and host.now_ms() - read_ms >= AGAIN_MS then
    read, read_ms = dynamics.table_anew, host.now_ms()
  end
  local metas = M.learn(asked, read)
  if not metas then
    return UNREACHED_MS
  end
  local problems = worth(mapping_meta.problems(asked.describe, asked.said, asked.said.answers,
    metas))
  tell(problems)
  found = problems
  return #found > 0 and AGAIN_MS or true
end

---Somebody learned what the CRM is like, or could not because of what the mapping says: a look is
---due.
---@param learned any
---@param err table|nil
function M.due(learned, err)
  if learned or err and err.kind == "config" then
    host.queue.put { kind = "mapping", key = "mapping", payload = {} }
  end
end

return M

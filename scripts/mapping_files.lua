--- One set of an administrator's files over the defaults, loaded and held to the contract.
-- Owns nothing: tables out.  It must never ask a function of a mapping; answers.lua does.

local contract = require "contract"
local schema_lines = require "schema_lines"
local settings = require "settings"

local M = {}

-- A setting and a file that say the same thing: both may, if they agree.
local DOUBLES = {
  { setting = "deal_value_field", file = "deal_value", keys = { "field", "read", "write" } },
  { setting = "deal_value_currency_field", file = "deal_value", keys = { "currency" } },
  { setting = "country_field", file = "country", keys = { "field" } },
}

--- What a raised value says; it may be anything.
---@param raised any
---@return string
function M.said(raised)
  if type(raised) == "string" then return raised end
  local words = type(raised) == "table" and rawget(raised, "text")
  return type(words) == "string" and words or ("raised a %s without a text"):format(type(raised))
end

-- "mappings/x/details.lua:3: text" -> the parts
local function place_of(message)
  local file, line, rest = message:match("^(.-%.lua):(%d+): (.*)$")
  return file, math.tointeger(tonumber(line)), rest or message
end

-- The line of a key, or of the nearest one above it.
local function line_of(lines, key)
  while key and not lines[key] do key = key:match("^(.*)%.[^.]*$") end
  return key and lines[key]
end

-- A file's problems, from its first line to its last.
local function put(problems, found)
  table.sort(found, function(a, b)
    local one, other = a.line or 0, b.line or 0
    if one == other then return a.number < b.number end
    return one < other
  end)
  for _, problem in ipairs(found) do
    problem.number = nil
    problems[#problems + 1] = problem
  end
end

-- The table that a file returns; {} if there is no such file or if it is broken.
local function load(set, role, file)
  local source, name = set.files.text(role)
  if not source then return {} end
  local problems = set.problems
  local function fail(message)
    local at, line, rest = place_of(message)
    problems[#problems + 1] = { file = at or name, line = line, text = rest }
    return {}
  end
  local chunk, message = set.files.compile(role, set.env())
  if not chunk then return fail(message) end
  local ok, value = pcall(chunk)
  if not ok then return fail(M.said(value)) end
  local copy, problem = contract.plain(value)
  if problem then return fail(problem) end
  local found, lines = {}, nil
  contract.check_file(file, copy, function(key, text, exact)
    lines = lines or schema_lines.of(source)
    found[#found + 1] = { file = name, line = line_of(lines, exact or key), key = key, text = text,
      number = #found }
  end)
  if #found == 0 then return copy end
  put(problems, found)
  return {}
end

local function double(set, file, key, setting)
  local source, name = set.files.text(file)
  set.problems[#set.problems + 1] = { file = name, line = schema_lines.of(source)[key], key = key,
    text = ("the setting %s says otherwise; name it in one place"):format(setting) }
end

local function default_of(setting)
  for _, row in ipairs(settings.rows) do
    if row.name == setting then return row.default end
  end
  return nil
end

-- What is named in the settings and in a file must be the same thing.
local function check_doubles(set, given)
  for _, row in ipairs(DOUBLES) do
    local said = given[row.setting]
    for _, key in ipairs(row.keys) do
      local value = set.own[row.file][key]
      if said ~= nil and said ~= default_of(row.setting) and value ~= nil and value ~= said then
        double(set, row.file, key, row.setting)
      end
    end
  end
  if given.display_check_mark == false and set.own.details.marks then
    double(set, "details", "marks", "display_check_mark")
  end
end

---@class mapping_set
---@field own table<string, table>      by file: what the administrator answers
---@field default table<string, table>  by file: what cosell answers
---@field problems { file: string, line: integer|nil, key: string|nil, text: string }[]

--- Loads all files.
---@param files table  what the process gives (answers.lua)
---@param env fun(): table  the environment of one file
---@param given table  the settings
---@return mapping_set
function M.load(files, env, given)
  local set = { files = files, env = env, problems = {}, own = {}, default = {} }
  for _, file in ipairs(contract.files) do
    set.default[file] = load(set, "default." .. file, file)
    set.own[file] = load(set, file, file)
  end
  check_doubles(set, given)
  return set
end

--- A problem on one line, with where it is.
---@param problem { file: string, line: integer|nil, key: string|nil, text: string }
---@return string
function M.sentence(problem)
  return ("%s%s: %s%s"):format(problem.file, problem.line and ":" .. problem.line or "",
    problem.key and problem.key .. ": " or "", problem.text)
end

return M

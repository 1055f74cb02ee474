--- Looking at a profile and its mapping, offline: the files, each fixture, what a copy of the CRM's
-- tables tells.  For commands that run here; it must never write nor print but a bar.

local bar = require "bar"

local M = {}

local METADATA = "metadata.json"

-- "details.lua:3: text" as a problem.
local function as_problem(said)
  local file, line, rest = said:match("^(.-%.lua):(%d+): (.*)$")
  return { file = file, line = math.tointeger(tonumber(line)), text = rest or said }
end

---@param report check_report
---@param problem table
function M.add(report, problem)
  problem.level = problem.level or "error"
  report.problems[#report.problems + 1] = problem
end

local add = M.add

-- The files alone; false if there is nothing to ask.
local function load(report, lent)
  local function fine(answer, err)
    for _, problem in ipairs(answer and answer.problems or { as_problem(err.text) }) do
      add(report, problem)
    end
    return #report.problems == 0
  end
  local loaded, err = host.load(report.profile, { unproved = true, mapping = lent })
  if not fine(loaded, err) then return false end
  report.says, report.state = loaded.profile, loaded.state
  report.mapping = lent or loaded.profile.mapping
  local outline
  outline, err = host.map { call = "outline" }
  if not fine(outline, err) then return false end
  report.files, report.describe, report.all = outline.files, outline.describe, outline.fixtures
  return true
end

local function run_fixtures(cmd, report)
  for i, fixture in ipairs(report.all) do
    bar.draw(cmd, i - 1, #report.all, "fixtures")
    local result, err = host.map { call = "fixture", name = fixture.name }
    report.fixtures[i] = result or { name = fixture.name, file = fixture.file, ok = false,
      problem = err.text }
  end
  if #report.all > 0 and cmd.tty then
    bar.clear(cmd)
    host.sleep(0) -- so that it is gone before anything else is said
  end
end

-- Holds it against the copy of the CRM's tables, if there is one.
local function against_tables(report)
  local path = report.profile .. "/" .. METADATA
  local there, meta = pcall(require, "mapping_meta")
  local copy = there and host.file.read(path)
  if not copy then return end
  local kept, err = json.decode(copy)
  if err or type(kept) ~= "table" or type(kept.tables) ~= "table" then
    return add(report, { file = path,
      text = "is no copy of the CRM's tables; `cosell fields --save` makes it anew" })
  end
  report.saved = kept.saved
  local said
  said, err = host.map { call = "said" }
  if not said then return add(report, as_problem(err.text)) end
  for _, problem in ipairs(meta.problems(report.describe, said, said.answers, kept.tables)) do
    add(report, problem)
  end
  return nil
end

---@class check_report
---@field profile string  the folder
---@field mapping string|nil  the folder of its mapping's files; nil: the profile is broken
---@field says host.profile|nil
---@field state string|nil  the state file
---@field problems table[]
---@field fixtures table[]
---@field saved string|nil  when the copy of the CRM's tables was made

--- Looks at a profile; lent: with the mapping of that folder in place of its own.
---@param cmd cmd
---@param profile string
---@param lent string|nil
---@return check_report
function M.look(cmd, profile, lent)
  local report = { profile = profile, problems = json.array {}, fixtures = json.array {},
    files = {} }
  if load(report, lent) then
    run_fixtures(cmd, report)
    against_tables(report)
  end
  return report
end

--- How many things are wrong.
---@param report check_report
---@return integer
function M.wrong(report)
  local n = 0
  for _, problem in ipairs(report.problems) do n = n + (problem.level == "error" and 1 or 0) end
  for _, result in ipairs(report.fixtures) do
    n = n + ((result.ok or result.updated) and 0 or 1)
  end
  return n
end

return M

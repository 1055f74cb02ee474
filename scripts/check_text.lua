--- What `cosell check` prints: sentences about a mapping that can be read aloud, problems with
-- their places, and the differences of a fixture.  Lines out; it must never load or ask anything.

local contract = require "contract"
local fixture_text = require "fixture_text"
local fixtures = require "fixtures"
local table_text = require "table_text"

local M = {}

local count, paint = table_text.count, table_text.paint
local TOLD = { "details", "taxonomy" } -- by their places; the others have a sentence of their own

-- ---- Sentences ----

local function whose(files)
  local out = {}
  for _, role in ipairs(TOLD) do
    local file = files[role]
    if file then
      out[#out + 1] = #file.places == 0 and role .. ".lua: nothing is yours, all is the default's"
        or ("%s.lua: %s %s yours; the rest is the default's"):format(role,
          table.concat(file.places, ", "), #file.places == 1 and "is" or "are")
    end
  end
  if next(files) == nil then out[1] = "there is no mapping file: all is the default's" end
  return out
end

local function country(says)
  if says.code then
    return ("country: a look-up, %s, by %s"):format(says.field, says.code)
  end
  return ("country: %s, %s"):format(says.field, says.custom and "by a function of yours"
    or "a code or a name in any language")
end

local CURRENCY = { row = "", base = " in the base currency" }

local function deal_value(says)
  local from = says.read == true and "a function of yours" or says.read or says.field
  local to = says.write and says.write ~= from and (", and goes to %s"):format(says.write) or ""
  return ("deal value comes from %s%s%s"):format(from,
    CURRENCY[says.currency] or (" in the currency that %s names"):format(says.currency), to)
end

-- Whether something is wrong with a file, or with the settings that stand for it.
local SETTINGS = { country = "settings.country", deal_value = "settings.deal_value" }

local function is_wrong(report, role)
  local own = report.files[role]
  for _, problem in ipairs(report.problems) do
    local setting = (problem.key or ""):sub(1, #SETTINGS[role]) == SETTINGS[role]
    if problem.level == "error" and (own and problem.file == own.name or setting) then
      return true
    end
  end
  return false
end

--- What the mapping says, in sentences.
---@param report table
---@return string[]
function M.sentences(report)
  local out = whose(report.files)
  local function add(role, line)
    out[#out + 1] = line .. (is_wrong(report, role) and ": wrong, see below" or ": ok")
  end
  add("country", country(report.describe.country))
  add("deal_value", deal_value(report.describe.deal_value))
  return out
end

-- ---- Fixtures ----

local function shown(value)
  if value == nil then return "nothing" end
  return fixture_text.value(value)
end

local function differences(cmd, result)
  local found = fixtures.differences(result.got, result.want)
  local widest = 0
  for _, d in ipairs(found) do
    d.name = d.path ~= "" and d.path or "the answer"
    widest = math.max(widest, table_text.columns(d.name))
  end
  local out = {}
  for _, d in ipairs(found) do
    local pad = (" "):rep(widest - table_text.columns(d.name))
    out[#out + 1] = ("    %s%s  expected %s"):format(d.name, pad,
      paint(cmd, "green", shown(d.want)))
    out[#out + 1] = ("    %s  got      %s"):format((" "):rep(widest),
      paint(cmd, "red", shown(d.got)))
  end
  return out, #found
end

--- A fixture that failed: where, what was asked, and every difference.
---@param cmd table
---@param result fixture_result
---@return string[]
function M.failed(cmd, result)
  if result.problem then
    return { paint(cmd, "red", ("%s: %s"):format(result.file, result.problem)) }
  end
  local lines, n = differences(cmd, result)
  table.insert(lines, 1, paint(cmd, "red", ("%s: %s: %s"):format(result.file, result.call,
    n == 1 and "1 difference" or n .. " differences")))
  return lines
end

--- How many are as expected.
---@param results fixture_result[]
---@return string
function M.fixtures(results)
  local good, updated = 0, 0
  for _, result in ipairs(results) do
    good = good + (result.ok and 1 or 0)
    updated = updated + (result.updated and 1 or 0)
  end
  if #results == 0 then
    return "no fixtures: fixtures/NAME.json holds a question and the answer you expect"
  elseif good == #results then
    return count(#results, "fixture") .. ": " .. (good == 1 and "as expected" or
      "all as expected")
  end
  local bad = #results - good - updated
  return ("%s: %d as expected%s%s"):format(count(#results, "fixture"), good,
    updated > 0 and (", %d updated"):format(updated) or "", bad > 0 and (", %d not"):format(bad)
      or "")
end

--- Functions of the administrator's that no fixture asks; nil: each is asked.
---@param report table
---@return string|nil
function M.unasked(report)
  local asked, out = {}, {}
  for _, result in ipairs(report.fixtures) do asked[result.call or ""] = true end
  for _, problem in ipairs(report.problems) do -- those that a note speaks of already
    asked[problem.level == "note" and problem.key or ""] = true
  end
  for _, role in ipairs(contract.files) do
    for _, call in ipairs((report.files[role] or {}).functions or {}) do
      if not asked[call] then out[#out + 1] = call end
    end
  end
  return out[1] and #report.fixtures > 0 and "no fixture asks " .. table.concat(out, ", ") or nil
end

-- ---- Problems ----

--- "details.lua:7: account.mach: unknown key ..."
---@param problem { file: string|nil, line: integer|nil, key: string|nil, text: string }
---@return string
function M.problem(problem)
  return ("%s%s%s%s"):format(problem.file or "", problem.line and ":" .. problem.line or "",
    problem.file and ": " or "", (problem.key and problem.key .. ": " or "") .. problem.text)
end

return M

--- Fixtures: one question each, with the answer that is expected.  Runs in the mapping process, and
-- in commands that show what it found.  Owns nothing; it must never write a file.
--
-- A fixture's data are invented, so what is said of it may show them.

local contract = require "contract"
local checks = require "contract_checks"
local text = require "text"

local M = {}

---@class fixture_result
---@field name string
---@field file string
---@field call string|nil
---@field ok boolean
---@field problem string|nil  it could not be asked, or the mapping raised
---@field got any    the answer, if it is not as expected
---@field want any   what was expected, likewise

-- What `expect` is compared with: the answer itself, without the member it travels in.
local function bare(call, answer)
  local member = contract.calls[call].member
  if member then return answer[member] end
  return answer
end

--- Every place where two values differ, in order of their paths; "" is the whole answer.
---@param got any
---@param want any
---@return { path: string, got: any, want: any }[]
function M.differences(got, want)
  local out = {}
  local function compare(a, b, path)
    if type(a) ~= "table" or type(b) ~= "table" then
      if a ~= b then out[#out + 1] = { path = path, got = a, want = b } end
      return
    end
    local keys = {}
    for key in pairs(a) do keys[#keys + 1] = key end
    for key in pairs(b) do
      if a[key] == nil then keys[#keys + 1] = key end
    end
    table.sort(keys, function(x, y)
      if type(x) == type(y) then return x < y end
      return type(x) == "number"
    end)
    for _, key in ipairs(keys) do
      compare(a[key], b[key], (path == "" and "" or path .. ".") .. tostring(key))
    end
  end
  compare(got, want, "")
  return out
end

-- What may stand in a fixture.
local MEMBERS = { call = true, expect = true, today = true }
for _, row in pairs(contract.calls) do
  for _, name in ipairs(row.args) do MEMBERS[name] = true end
end

local function problem_of(q)
  if type(q) ~= "table" or json.is_array(q) then
    return "must be an object { \"call\": ..., \"expect\": ... }"
  end
  local calls = text.keys(contract.calls)
  if type(q.call) ~= "string" then
    return "`call` is missing: the question, one of " .. table.concat(calls, ", ")
  elseif not contract.calls[q.call] then
    local near = text.nearest(q.call, calls)
    return ("call: there is no question `%s`%s"):format(q.call, near
      and "; did you mean `" .. near .. "`?" or ", there are: " .. table.concat(calls, ", "))
  end
  local members = text.keys(MEMBERS)
  for _, key in ipairs(text.keys(q)) do
    if not MEMBERS[key] then return checks.unknown_key(key, members) end
  end
  return nil
end

-- The question of a fixture -> it, what is expected; or nil, nil, what is wrong.
local function question_of(fixture)
  local q, err = json.decode(fixture.text)
  local problem = err and err.text or problem_of(q)
  if problem then return nil, nil, problem end
  local want = q.expect
  q.expect = nil
  if want == json.null then want = nil end
  return q, want
end

--- Runs one fixture.
---@param fixture { name: string, file: string, text: string }
---@param ask fun(q: table): boolean, any  whether it answered, and the answer or why not
---@return fixture_result
function M.run(fixture, ask)
  local result = { name = fixture.name, file = fixture.file, ok = false }
  local q, want, problem = question_of(fixture)
  if not q then
    result.problem = problem
    return result
  end
  result.call = q.call
  local answered, answer = ask(q)
  if not answered then
    result.problem = answer
    return result
  end
  local got = bare(q.call, answer)
  result.ok = #M.differences(got, want) == 0
  if not result.ok then result.got, result.want = got, want end
  return result
end

local function shown(value)
  if value == nil then return "nil" end
  return text.bound(json.encode(value) or tostring(value), 120)
end

-- On one line: the first difference.
local function sentence(result)
  local first = M.differences(result.got, result.want)[1]
  return ("%s: %sgot %s, want %s"):format(result.call,
    first.path ~= "" and "at " .. first.path .. ": " or "", shown(first.got), shown(first.want))
end

--- A failed fixture as a problem on one line; where a mapping raised, with its place.
---@param result fixture_result
---@return { file: string, line: integer|nil, key: string|nil, fixture: string|nil, text: string }
function M.as_problem(result)
  local file, line, words = (result.problem or ""):match("^(.-%.lua):(%d+): (.*)$")
  if file then
    return { file = file, line = math.tointeger(tonumber(line)), fixture = result.name,
      text = ("%s (fixture %s)"):format(words, result.name) }
  end
  return { file = result.file, key = result.name, text = result.problem or sentence(result) }
end

return M

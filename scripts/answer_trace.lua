-- Who answered: for a question that asks for it (trace), the file and line of the function or the
-- constant behind each column, or behind the answer.  Other questions pay nothing for it.
-- It must never change an answer.
local schema_lines = require "schema_lines"

local M = {}

---@class AnswerTrace
---@field files table  what the mapping process gives
---@field by table<string, string>
---@field last string|nil  the place that was asked last

---@param files table
---@return AnswerTrace
function M.new(files)
  return { files = files, by = {} }
end

-- "mappings/x/details.lua:12": where a function begins, or a key of the file's table stands.
local function place(trace, role, key, given)
  if type(given) == "function" then
    local file, line = trace.files.where(given)
    return ("%s:%d"):format(file, line)
  end
  local source, name = trace.files.text(role)
  local lines = source and schema_lines.of(source) or {}
  while key and not lines[key] do key = key:match("^(.*)%.[^.]*$") end
  return key and ("%s:%d"):format(name, lines[key]) or name
end

---Notes what is asked.
---@param trace AnswerTrace|nil  nil: nobody wants to know
---@param role string  of the file: "details", "default.details"
---@param key string   the place in its table
---@param given any    what stands there
function M.asks(trace, role, key, given)
  if trace and given ~= nil then trace.last = place(trace, role, key, given) end
end

---Notes a place under a name of its own.
function M.notes(trace, name, role, key, given)
  if trace then trace.by[name] = place(trace, role, key, given) end
end

-- Members as texts: what a function changes inside of one is a change as well.
local function image(v)
  local out = {}
  for name, value in pairs(v) do out[name] = json.encode(value) end
  return out
end

---Runs a layer over v and notes which members it changed.
---@param run fun(v: table): table
---@return table v
function M.layer(trace, role, key, given, v, run)
  if not trace or given == nil then return run(v) end
  local before = image(v)
  local after = run(v)
  for name, value in pairs(image(after)) do
    if before[name] ~= value then
      local constant = type(given) == "table" and key .. "." .. name or key
      trace.by[name] = place(trace, role, constant, given)
    end
  end
  return after
end

---The answer with what was noted: `by`, by column, or by the member that holds the answer.
---@param answer table
function M.sign(trace, answer)
  if not trace then return answer end
  if trace.last and next(trace.by) == nil and not answer.v then
    trace.by[next(answer) or "answer"] = trace.last
  end
  if next(trace.by) then answer.by = trace.by end
  return answer
end

return M

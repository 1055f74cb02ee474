--- What became of a change of the files, for people: status and runs tell it alike.  Pure.
local table_text = require "table_text"

local M = {}

-- The list was made in the mapping process: nothing in it is believed to be in form.

-- A name as its author knows it: within the profile's folder.
local function within(name, folder)
  local head = folder .. "/"
  return name:sub(1, #head) == head and name:sub(#head + 1) or name
end

---One problem: "details.lua:31: opportunity.creat: unknown key".
---@param problem { file: string|nil, line: integer|nil, key: string|nil, text: string }
---@param folder string  the profile's folder, as its owner wrote it
---@return string
function M.problem(problem, folder)
  local out, p = {}, type(problem) == "table" and problem or {}
  if type(p.file) == "string" then
    local line = math.type(p.line) == "integer" and ":" .. p.line or ""
    out[1] = within(p.file, folder) .. line
  end
  out[#out + 1] = type(p.key) == "string" and p.key or nil
  out[#out + 1] = type(p.text) == "string" and within(p.text, folder) or "is wrong"
  return table_text.plain(table.concat(out, ": "))
end

---@param problems table[]|nil
---@param folder string
---@return string[]
function M.problems(problems, folder)
  local out = {}
  for i, problem in ipairs(problems or {}) do
    out[i] = M.problem(problem, folder)
  end
  return out
end

---" (details.lua changed, fixtures/a.json new)", or "".
---@param changed string[]|nil
function M.changed(changed)
  local most, n = 3, #(changed or {})
  if n == 0 then
    return ""
  end
  local more = n > most and (" and %d more"):format(n - most) or ""
  return table_text.plain((" (%s%s)"):format(table.concat(changed, ", ", 1, math.min(n, most)),
    more))
end

---"14 fixtures ok".
---@param n integer|nil
function M.fixtures(n)
  return (n or 0) == 0 and "no fixtures" or table_text.count(n, "fixture") .. " ok"
end

return M

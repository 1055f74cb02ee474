-- Texts that are longer than their column in the CRM: cuts them as the CRM counts, in UTF-16 units,
-- and says so to the seller.  It must never write anything.
local audit = require "audit"
local say = require "say"

local M = {}

local function has(lines, line)
  for _, one in ipairs(lines) do
    if one == line then
      return true
    end
  end
  return false
end

---A text as its column holds it.
---@param what string  "account.name", or words
---@param value string
---@param max integer  the column's
---@param lines string[]|nil  that something was cut off is told there
---@return string
function M.fit(what, value, max, lines)
  local short = audit.cut(value, max)
  local line = short ~= value and say("cut", { what = what, max = max })
  if lines and line and not has(lines, line) then -- a write may be tried again
    lines[#lines + 1] = line
  end
  return short
end

---Tells of a deal's own texts, which row.lua has cut into `values` or will.
---@param to_crm table<string, any>  plain names and canonical values
---@param mark string|nil  what stands in the name besides
---@param lines string[]
function M.tell(to_crm, known, mark, lines)
  for _, name in ipairs { "name", "notes" } do
    local value, max = to_crm[name], known.meta.columns[known.columns[name]].max
    if type(value) == "string" and max then
      M.fit(say.label(name), value,
        max - (name == "name" and audit.units(mark or "") or 0), lines)
    end
  end
end

return M

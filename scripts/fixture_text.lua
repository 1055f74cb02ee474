--- A fixture as the text of its file: names sorted, what fits on a line on one line, so that two
-- versions differ only where their values do.  Text out; it must never write a file.

local text = require "text"

local M = {}

local WIDTH = 96

local function is_leaf(value)
  return type(value) ~= "table" or next(value) == nil
end

local shown

local function members_of(value, indent)
  local out = {}
  if json.is_array(value) or #value > 0 then
    for i, member in ipairs(value) do out[i] = shown(member, indent) end
    return out, "[", "]", ""
  end
  for i, name in ipairs(text.keys(value)) do
    out[i] = json.encode(name) .. ": " .. shown(value[name], indent)
  end
  return out, "{", "}", " "
end

function shown(value, indent)
  if is_leaf(value) then return json.encode(value) end
  local members, open, close, space = members_of(value, indent .. "  ")
  local flat = table.concat(members, ", ")
  if #indent + #flat + 12 <= WIDTH and not flat:find("\n", 1, true) then
    return open .. space .. flat .. space .. close
  end
  return ("%s\n%s  %s\n%s%s"):format(open, indent,
    table.concat(members, ",\n" .. indent .. "  "), indent, close)
end

--- A value as JSON on one line, for people.
---@param value any
---@return string
function M.value(value)
  return (shown(value, ""):gsub("\n%s*", " "))
end

--- The text of a fixture's file.
---@param fixture table
---@return string
function M.of(fixture)
  local members = members_of(fixture, "  ")
  return "{\n  " .. table.concat(members, ",\n  ") .. "\n}\n"
end

return M

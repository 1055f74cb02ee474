-- A person as one text of a setting: "First Last <mail@host> phone". Reads and writes that form; it
-- must never look anybody up.
local text = require "text"

local M = {}

M.FORM = 'is a person such as "Ann Lee <ann@partner.example> +1 425 555 0100"'

local LEAST_DIGITS = 5 -- of a phone number

---@param value any
---@return {first_name: string, last_name: string, email: string, phone: string}|nil
function M.read(value)
  if type(value) ~= "string" or #value > 300 or value:find("%c") or not utf8.len(value) then
    return nil
  end
  local name, email, phone = value:match("^([^<>]+)<([^<>@%s]+@[^<>@%s]+)>([^<>]+)$")
  local first, last = text.trim(name or ""):match("^(%S+)%s+(.+)$")
  phone = text.trim(phone or "")
  local _, digits = phone:gsub("%d", "")
  if not first or digits < LEAST_DIGITS or not phone:match("^[%d%s+()./-]+$") then
    return nil
  end
  return { first_name = first, last_name = last, email = email, phone = phone }
end

return M

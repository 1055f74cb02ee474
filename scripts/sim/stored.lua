-- Walks through a collection of stored rows in parts: one answer holds only so many.
-- Decides nothing, and never writes; what fn writes behind it is met again if its id is greater.
local M = {}

local PART = 500

--- Calls fn with each row of a collection, by rising id.
---@param collection string
---@param fn fun(row: { id: string, body: any, tag: string|nil })
---@param between nil|fun()  called after each part, as to let others ask meanwhile
function M.each(collection, fn, between)
  local after
  repeat
    local part = host.docs.find(collection, { after = after, most = PART })
    for _, row in ipairs(part) do
      after = row.id
      fn(row)
    end
    if between then between() end
  until #part < PART
end

return M

-- Flow i, "Dynamics 365 Microsoft Solutions to Partner Center": a solution row that comes, goes
-- or changes does not touch its opportunity, so this table's changes are read on their own and
-- wake the deal they belong to.
local dynamics = require "dynamics"
local facts = require "facts"
local links = require "links"

local M = {}

local MARK = "delta:solutions"

local function keep_page(page, known)
  local parent = "_" .. known.solutions.parent .. "_value"
  for _, row in ipairs(page.rows) do
    local id = row[parent]
    local link = type(id) == "string" and links.by_row(known.table, id)
    if link then
      host.store.mark_set("solution:" .. row[known.solutions.key], tostring(link))
      links.wake(link, "solutions")
    end
  end
  for _, id in ipairs(page.deleted) do
    local link = tonumber(host.store.mark_get("solution:" .. id))
    if link then
      host.store.mark_set("solution:" .. id, nil)
      links.wake(math.tointeger(link), "solutions")
    end
  end
  host.store.mark_set(MARK, page.next or page.delta)
end

---The handler of the solutions' tick.
---@return integer|nil  again in that many ms
function M.delta()
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local s = known.solutions
  repeat
    local page
    page, err = dynamics.delta(s.table, { s.key, s.parent }, host.store.mark_get(MARK))
    if not page and err.code == "0x80044352" then
      host.store.mark_set(MARK, nil)
      return 0
    elseif not page then
      return nil, err
    end
    keep_page(page, known)
  until not page.next
  return math.floor((host.profile.settings.delta_seconds or 30) * 1000)
end

return M

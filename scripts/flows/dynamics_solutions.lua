-- Flow i, "Dynamics 365 Microsoft Solutions to Partner Center": a solution row that comes, goes
-- or changes does not touch its opportunity, so this table's changes are read on their own and
-- wake the deal they belong to.
local dynamics = require "dynamics"
local facts = require "facts"
local links = require "links"

local M = {}

local MARK = "delta:solutions"

-- The base's member that stands in this row, if we wrote or read it so: then it is no news.
local function agreed(link, row)
  local base = host.store.base_get(link, "crm")
  for _, item in ipairs(base and base.solutions or {}) do
    if item.row == row then
      return item
    end
  end
  return nil
end

local function keep_row(row, known)
  local s = known.solutions
  local parent = row["_" .. s.parent .. "_value"]
  local link = type(parent) == "string" and links.by_row(known.table, parent)
  if not link then
    return
  end
  host.store.mark_set("solution:" .. row[s.key], tostring(link))
  local entry = known.catalogue.by_row[row["_" .. s.detail_lookup .. "_value"] or ""]
  local item = agreed(link, row[s.key])
  if not (item and entry and item.id == entry.id) then
    links.wake(link, "solutions")
  end
end

local function keep_deleted(id)
  local link = math.tointeger(tonumber(host.store.mark_get("solution:" .. id)))
  if not link then
    return
  end
  host.store.mark_set("solution:" .. id, nil)
  if agreed(link, id) then
    links.wake(link, "solutions")
  end
end

local function keep_page(page, known)
  for _, row in ipairs(page.rows) do
    keep_row(row, known)
  end
  for _, id in ipairs(page.deleted) do
    keep_deleted(id)
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
    page, err = dynamics.delta(s.table, { s.key, s.parent, s.detail_lookup },
      host.store.mark_get(MARK))
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

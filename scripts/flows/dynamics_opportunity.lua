-- Flow h, "Dynamics 365 opportunity to Partner Center": reads what changed in the CRM by change
-- tracking, page by page; per page one commit: the jobs and the new link.  What it reads is only a
-- hint: the deal's reconcile reads again.
local dynamics = require "dynamics"
local facts = require "facts"
local links = require "links"

local M = {}

local MARK = "delta:opportunity"

local function wake_row(row, known)
  local id = row[known.key]
  local link = links.by_row(known.table, id)
  if link then
    local doc = links.get(link)
    -- The tag we stored: our own write came back (reconcile, calls table).
    if doc.crm.tag ~= row["@odata.etag"] then
      links.wake(link, "delta")
    end
  elseif row[known.columns.sync] == true then
    local doc, err = links.make { crm = { table = known.table, id = id } }
    if not doc then
      return nil, err
    end
    links.wake(doc.id, "delta")
  end
  return true
end

local function keep_page(page, known)
  for _, row in ipairs(page.rows) do
    local ok, err = wake_row(row, known)
    if not ok then
      return nil, err
    end
  end
  for _, id in ipairs(page.deleted) do
    local link = links.by_row(known.table, id)
    if link then
      links.wake(link, "delta")
    end
  end
  host.store.mark_set(MARK, page.next or page.delta)
  return true
end

---The handler of the delta's tick.
---@return integer|nil  again in that many ms
function M.delta()
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  repeat
    local page
    page, err = dynamics.delta(known.table, known.delta_select, host.store.mark_get(MARK))
    if not page and err.code == "0x80044352" then
      host.log("warn", "the CRM's change link expired: everything is read again")
      host.store.mark_set(MARK, nil)
      return 0
    elseif not page then
      return nil, err
    end
    local ok
    ok, err = keep_page(page, known)
    if not ok then
      return nil, err
    end
  until not page.next
  return math.floor((host.profile.settings.delta_seconds or 30) * 1000)
end

return M

-- Flow i, "Dynamics 365 Microsoft Solutions to Partner Center": a solution row that comes, goes
-- or changes does not touch its opportunity, so this table's changes are read on their own and
-- wake the deal they belong to.
local brakes = require "brakes"
local canonical = require "canonical"
local dynamics = require "dynamics"
local facts = require "facts"
local fields = require "fields"
local links = require "links"
local text = require "text"

local M = {}

local MARK, MODIFIED = "delta:solutions", "modified:solutions"
local EXPIRED, UNTRACKED, FORBIDDEN = "0x80044352", "0x80072491", "0x80040220"
local OVERLAP_MS = 2 * 60 * 1000

-- The member that stands in this row as we wrote or read it, in the base, or in what is being sent
-- right now: then it is no news.
local function agreed(link, row)
  local doc = links.get(link) or {}
  local intent = doc.intent and doc.intent.partner
  local base = host.store.base_get(link, "crm") or (intent and intent.crm)
  for _, item in ipairs(base and base.solutions or {}) do
    if item.row == row then
      return item, base.currency
    end
  end
  return nil
end

-- Whether the row says what was agreed on.
local function is_news(item, now)
  return not (item and now) or not canonical.same(fields.by_name.solutions, { item }, { now })
end

local function keep_row(row, known, wake)
  local s = known.solutions
  local parent = row["_" .. s.parent .. "_value"]
  local link = type(parent) == "string" and links.by_row(known.table, parent)
  if not link then
    return
  end
  host.store.mark_set("solution:" .. row[s.key], tostring(link))
  local entry = known.catalogue.by_row[row["_" .. s.detail_lookup .. "_value"] or ""]
  local item, currency = agreed(link, row[s.key])
  local now = entry and canonical.crm_solution({ id = entry.id, row = row[s.key],
    price = s.price and row[s.price], quantity = s.quantity and row[s.quantity] }, currency, known)
  if not is_news(item, now) then
    return
  elseif links.get(link).engagement then
    wake(link)
  else -- it may just be being sent: behind that, in its lane, it is known whether this is news
    host.queue.put { kind = "solution", lane = "link:" .. link, key = "solution:" .. row[s.key],
      payload = { link = link, row = row[s.key], now = now } }
  end
end

---The handler of `solution` jobs: a row that came while its deal was being sent for the first time.
---@param payload {link: integer, row: string, now: table|nil}
function M.recheck(payload)
  local item = agreed(payload.link, payload.row)
  if is_news(item, payload.now) then
    links.wake(payload.link, "solutions")
  end
  return true
end

local function keep_deleted(id, wake)
  local link = math.tointeger(tonumber(host.store.mark_get("solution:" .. id)))
  if not link then
    return
  end
  host.store.mark_set("solution:" .. id, nil)
  local doc = links.get(link)
  if doc and (agreed(link, id) or doc.waits or not doc.engagement) then -- held, or being sent
    wake(link)
  end
end

local function keep_page(page, known, wake)
  for _, row in ipairs(page.rows) do
    keep_row(row, known, wake)
  end
  for _, id in ipairs(page.deleted) do
    keep_deleted(id, wake)
  end
  host.store.mark_set(MARK, page.next or page.delta)
end

-- Where tracking is off: what was made or changed since the last time, as a page; what was deleted
-- is found by the daily comparison.
local function by_time(known, columns)
  local now, page = host.now_ms(), { rows = {}, deleted = {} }
  local since = host.store.mark_get(MODIFIED) or "2000-01-01T00:02:00Z"
  local from = text.iso(text.ms(since) - OVERLAP_MS)
  for rows, err in dynamics.modified_since(known.solutions.table, columns, from) do
    if not rows then
      return nil, err
    end
    table.move(rows, 1, #rows, #page.rows + 1, page.rows)
  end
  host.store.mark_set(MODIFIED, text.iso(now))
  return page
end

-- Wakes deals, each counted once a reading: a deleted row takes its solutions with it (rule 15).
local function waker()
  local count, counted = brakes.round "many_changes", {}
  return function(link)
    if not counted[link] then
      counted[link] = true
      count()
    end
    links.wake(link, "solutions")
  end
end

---The handler of the solutions' tick.
---@return integer|nil  again in that many ms
function M.delta()
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local s = known.solutions
  local columns = { s.key, s.parent, s.detail_lookup }
  columns[#columns + 1] = s.price
  columns[#columns + 1] = s.quantity
  local wake = waker()
  repeat
    local page
    page, err = dynamics.delta(s.table, columns, host.store.mark_get(MARK))
    if not page and err.code == EXPIRED then
      host.store.mark_set(MARK, nil)
      return 0
    elseif not page and (err.code == UNTRACKED or err.code == FORBIDDEN) then
      page, err = by_time(known, columns)
    end
    if not page then
      return nil, err
    end
    keep_page(page, known, wake)
  until not page.next
  return math.floor((host.profile.settings.delta_seconds or 30) * 1000)
end

return M

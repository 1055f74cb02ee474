-- Flow h, "Dynamics 365 opportunity to Partner Center": reads what changed in the CRM by change
-- tracking, page by page; per page one commit: the jobs and the new link.  Where tracking is off it
-- reads by `modifiedon`.  What it reads is only a hint: the deal's reconcile reads again.
-- Also looks for accounts and contacts that were mended, for rows that could not be sent (rule 18).
local agreement = require "agreement"
local brakes = require "brakes"
local canonical = require "canonical"
local dynamics = require "dynamics"
local fields = require "fields"
local facts = require "facts"
local leads = require "leads"
local links = require "links"
local text = require "text"

local M = {}

local DELTA, MODIFIED, CUSTOMERS = "delta:opportunity", "modified:opportunity", "modified:customers"
local WHOLE = "whole:opportunity" -- the link that the last whole reading ended with
local BEGAN = "began:opportunity" -- when a reading of several pages began, ms
local EXPIRED, UNTRACKED, FORBIDDEN = "0x80044352", "0x80072491", "0x80040220"
local OVERLAP_MS = 2 * 60 * 1000
local MORE_MS = 3000 -- a reading of many pages is counted before its deals are worked off

-- A link to the next changes keeps the columns that it began with: what a mapping has added since
-- is not shown.
local function is_whole(row, known)
  for _, name in ipairs(known.delta_select) do
    if row[name] == nil and row["_" .. name .. "_value"] == nil then
      return false
    end
  end
  return true
end

-- A row that somebody touched where nothing travels is no change; who asks the mapping, or waits
-- for anything to change, is always looked at.
local function is_change(link, row, known)
  local has = known.describe.has
  local on = row[known.columns.sync] == true
  if not link.engagement or link.told or link.intent or link.pending or link.orders or
    known.deal_value.custom or has["opportunity.update"] or has["referral.update"] or
    not is_whole(row, known) or on ~= (link.state ~= "suspended") then
    return on or link.state ~= "suspended"
  end
  local names = agreement.differs(link, "crm", canonical.crm_columns(row, known),
    fields.sets.column)
  return on and (names == nil or #names > 0)
end

local function wake_row(row, known, count, delay)
  local id = row[known.key]
  local link = links.by_row(known.table, id)
  if link then
    local doc = links.get(link)
    -- The tag we stored: our own write came back (reconcile, calls table).
    if doc.crm.tag ~= row["@odata.etag"] and is_change(doc, row, known) then
      count()
      links.wake(link, "delta", delay)
    end
  elseif row[known.columns.sync] == true then
    local lead = row._originatingleadid_value
    local qualified = type(lead) == "string" and links.by_row("lead", lead)
    if qualified then -- its deal goes on with this row
      return links.wake(qualified, "delta")
    end
    local doc, err = links.make { crm = { table = known.table, id = id } }
    if not doc then
      return nil, err
    end
    links.wake(doc.id, "delta")
  end
  return true
end

local function keep_rows(rows, known, count, delay)
  for _, row in ipairs(rows) do
    local ok, err = wake_row(row, known, count, delay)
    if not ok then
      return nil, err
    end
  end
  return true
end

-- ---- By change tracking ----

local function keep_page(page, known, count)
  local delay = page.next and MORE_MS or nil
  local ok, err = keep_rows(page.rows, known, count.changes, delay)
  if not ok then
    return nil, err
  end
  for _, id in ipairs(page.deleted) do
    local link = links.by_row(known.table, id)
    if link then
      links.edit(link, function(doc) doc.removed = id:lower() end)
      count.deletions()
      links.wake(link, "delta", delay)
    end
  end
  host.store.mark_set(DELTA, page.next or page.delta)
  return true
end

local function by_tracking(known)
  local count = { changes = brakes.round "many_changes",
    deletions = brakes.round "many_deletions" }
  local kept = host.store.mark_get(WHOLE) or host.store.mark_get(DELTA)
  local began = math.tointeger(tonumber(host.store.mark_get(BEGAN))) or host.now_ms()
  local page, ok, err
  repeat
    page, err = dynamics.delta(known.table, known.delta_select, host.store.mark_get(DELTA))
    if not page and err.code == EXPIRED then
      host.log("warn", "the CRM's change link expired: everything is read again")
      host.store.mark_set(DELTA, nil)
      return 0
    elseif not page then
      return nil, err
    end
    ok, err = keep_page(page, known, count)
    if not ok then
      return nil, err
    end
    host.store.mark_set(BEGAN, page.next and tostring(began) or nil)
  until not page.next
  links.deletions_read(began)
  if brakes.ahead(kept, page.delta) then
    brakes.set("restored_crm", brakes.RESTORED)
  end
  host.store.mark_set(WHOLE, page.delta) -- an expired link is forgotten, where it stood is not
  return true
end

-- ---- By time ----

-- Deleted rows, and rows whose Sync was switched off, are found by the daily comparison.
local function by_time(known)
  local count = brakes.round "many_changes"
  local since = host.store.mark_get(MODIFIED) or "2000-01-01T00:00:00Z"
  local latest, began = since, host.now_ms()
  local from = text.iso(text.ms(since) - OVERLAP_MS)
  local filter = known.columns.sync .. " eq true"
  for rows, more in dynamics.modified_since(known.table, known.delta_select, from, filter) do
    if not rows then
      return nil, more
    end
    local ok, err = keep_rows(rows, known, count, more and MORE_MS or nil)
    if not ok then
      return nil, err
    end
    for _, row in ipairs(rows) do
      latest = row.modifiedon > latest and row.modifiedon or latest
    end
  end
  host.store.mark_set(MODIFIED, latest)
  links.deletions_read(began) -- as far as they can be known
  return true
end

---The handler of the delta's tick.
---@return integer|nil  again in that many ms
function M.delta()
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local ok
  ok, err = by_tracking(known)
  if not ok and (err.code == UNTRACKED or err.code == FORBIDDEN) then
    ok, err = by_time(known)
  end
  if ok and leads.any() then
    local done, bad = leads.delta()
    if not done and bad.code ~= UNTRACKED then
      return nil, bad
    end
  end
  if not ok then
    return nil, err
  end
  return ok == 0 and 0 or math.floor((host.profile.settings.delta_seconds or 30) * 1000)
end

local STAMPS = "parentaccountid($select=versionnumber),parentcontactid($select=versionnumber)"

-- The refusal says of which account and contact it was; a contact goes until Microsoft is invited.
local function wake_waiting(row, known)
  local id = links.by_row(known.table, row[known.key])
  local link = id and links.get(id)
  local news
  if link and link.engagement then
    news = not link.theirs and link.contact_seen ~= known.contact_stamp(row)
  elseif link then
    news = link.customer and link.customer ~= known.customer_stamp(row)
  end
  if news then
    links.wake(id, "customer")
  end
end

---The handler of the customers' tick: a row that was refused for its account or its contact is
---tried again once those were changed, and a deal that is not shared yet is looked at when its
---contact was.  Accounts of what is linked need no look: a customer can't be sent again
---(situation 12).
---@return integer|nil  again in that many ms
function M.customers()
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local now = host.now_ms()
  local since = host.store.mark_get(CUSTOMERS) or text.iso(now)
  local from = text.iso(text.ms(since) - OVERLAP_MS)
  local filter = ("%s eq true and statecode eq 0 and (parentcontactid/modifiedon ge %s or " ..
    "%s eq null and parentaccountid/modifiedon ge %s)"):format(known.columns.sync, from,
    known.columns.identifier, from)
  for rows, bad in dynamics.pages(known.table, { select = { known.key }, filter = filter,
    expand = STAMPS }) do
    if not rows then
      return nil, bad
    end
    for _, row in ipairs(rows) do
      wake_waiting(row, known)
    end
  end
  host.store.mark_set(CUSTOMERS, text.iso(now))
  return math.floor((host.profile.settings.delta_seconds or 30) * 1000)
end

return M

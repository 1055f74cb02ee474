-- Flow f, "Partner Center to Dynamics 365": hears that a referral changed, by callback or by the
-- catch-up poll, finds its link, and wakes the deal.  An event is only a hint: of what it says, the
-- GUID at the end of its address is used, nothing else (never its host).
local brakes = require "brakes"
local links = require "links"
local partner_center = require "partner_center"
local say = require "say"
local settings = require "settings"
local text = require "text"
local webhook_test = require "webhook_test"

local M = {}

local OVERLAP_MS = 5 * 60 * 1000

---Looks at a referral: wakes its link; one whose link we do not know is read, then linked.
---@param id string
---@param trigger string
function M.look(id, trigger)
  local link = links.by_referral(id)
  if link then
    return links.wake(link, trigger)
  end
  return host.queue.put { kind = "referral", lane = "referral:" .. id, key = "referral:" .. id,
    payload = { id = id, trigger = trigger }, keep_payload = true }
end

-- A registration may hold other products' events, and tests: these come here too, and name no
-- referral.  One of a name that nobody knew is looked at, as long as anything in it says referral.
local function is_of_referral(event)
  local said = false
  for _, name in ipairs { "EventName", "ResourceName", "ResourceUri" } do
    local value = event[name] or event[name:sub(1, 1):lower() .. name:sub(2)]
    if type(value) == "string" and value:lower():find("referral", 1, true) then
      return true
    end
    said = said or name == "EventName" and type(value) == "string"
  end
  return not said
end

---The handler of `event` jobs: a callback as it came.
---@param payload {body: string}
function M.event(payload)
  local event = json.decode(payload.body)
  if type(event) == "table" and not is_of_referral(event) then
    if tostring(event.EventName or event.eventName):lower() == "test-created" then
      webhook_test.came(event)
    end
    host.log("info", "a callback of another kind of event: left alone")
    return true
  end
  local uri = type(event) == "table" and (event.ResourceUri or event.resourceUri)
  local id = type(uri) == "string" and uri:match("([%x%-]+)/?$")
  if not text.is_guid(id) then
    host.log("warn", "a callback named no referral: left alone")
    return true
  end
  M.look(id:lower(), "callback")
  return true
end

-- Finds or makes the link of a referral as read; all in one step, so nobody comes between.
local function link_of(referral)
  local id = links.of_referral(referral)
  if not id then
    local link, err = links.make { engagement = referral.engagementId:lower() }
    if not link then
      return nil, err
    end
    return link.id
  end
  local link = links.get(id)
  if link.engagement and link.engagement ~= referral.engagementId:lower() then
    return nil, { kind = "data", text = say.english "two-deals" }
  elseif not link.engagement then
    link.engagement = referral.engagementId:lower()
    if not (link.intent or link.adopted) then -- made by nobody this state knows (rule 14)
      link.state = "found"
    end
    local ok, err = links.keep(link)
    if not ok then
      return nil, err
    end
  end
  return id
end

---Finds or makes the link of a referral as read, and wakes it.
---@param referral table
---@param trigger string
---@return true|nil, table|nil err
function M.join(referral, trigger)
  local id, err = link_of(referral)
  if not id then
    return nil, err
  end
  local ok
  ok, err = host.store.alias_set(id, "referral", referral.id:lower())
  if not ok then
    return nil, err
  end
  links.wake(id, trigger)
  return true
end

---The handler of `referral` jobs: an id without a link.  Absent is tried again: an event can be
---ahead of what can be read.
---@param payload {id: string, trigger: string}
function M.referral(payload)
  local known = links.by_referral(payload.id)
  if known then
    links.wake(known, payload.trigger)
    return true
  end
  local referral, err = partner_center.get(payload.id)
  if not referral then
    return nil, err
  end
  local ok
  ok, err = M.join(referral, payload.trigger)
  if not ok then
    return nil, err
  end
  host.run { flow = "partner_center_to_dynamics", link = links.by_referral(payload.id),
    trigger = payload.trigger, outcome = "found" }
  return true
end

-- Seen as it is now: by the reconcile, or by an earlier poll that woke it (a deal that fails is not
-- woken again by every poll).
local function seen(referral, link)
  local tag = referral.eTag
  if not link or not tag then
    return false
  end
  for _, copy in ipairs { link.ours or false, link.theirs or false } do
    if copy and copy.id == referral.id:lower() and copy.tag == tag then
      return true
    end
  end
  return link.polled ~= nil and link.polled[referral.id:lower()] == tag
end

local function note_seen(referral)
  return links.edit(links.by_referral(referral.id), function(link)
    link.polled = link.polled or {}
    link.polled[referral.id:lower()] = referral.eTag
  end)
end

-- A referral that cannot be linked is a job of its own, once as it is now: its dead letter says so.
local function refuse(referral)
  local mark = "refused:" .. referral.id:lower()
  if host.store.mark_get(mark) == referral.eTag then
    return true
  end
  host.store.mark_set(mark, referral.eTag)
  return M.look(referral.id:lower(), "poll")
end

-- How late a change is when a poll finds it.
local function late_ms(referral)
  local at = type(referral.updatedDateTime) == "string" and text.ms(referral.updatedDateTime)
  return at and math.max(0, host.now_ms() - at) or nil
end

local function poll_one(referral, count, note)
  if not (text.is_guid(referral.id) and text.is_guid(referral.engagementId)) then
    return true
  end
  local id = links.by_referral(referral.id)
  if seen(referral, id and links.get(id)) then
    return true
  elseif id and host.store.base_get(id, "partner") then -- it was the same on both sides once
    count()
  end
  local ok, err = M.join(referral, "poll")
  if not ok and err.kind == "data" then -- this deal's trouble, not the page's
    return refuse(referral)
  elseif not ok then
    return nil, err
  end
  note(late_ms(referral))
  return note_seen(referral)
end

local function poll_page(rows, latest, count, note)
  for _, referral in ipairs(rows) do
    local ok, err = poll_one(referral, count, note)
    if not ok then
      return nil, err
    end
    if type(referral.updatedDateTime) == "string" and referral.updatedDateTime > latest then
      latest = referral.updatedDateTime
    end
  end
  return latest
end

local function interval_ms()
  return math.floor(settings.get "poll_minutes" * 60 * 1000)
end

---What is known of the polls: how often, when the last one was, and how late the latest change was
---that one of them was the first to find.
---@return { every_ms: integer, at_ms: integer|nil, late_ms: integer|nil }
function M.polls()
  local mark = host.store.mark_get "polled"
  local out = mark and json.decode(mark) or {}
  out.every_ms = interval_ms()
  return out
end

---The handler of the poll's tick: what changed since the last mark, minus an overlap.
---@return integer|nil  again in that many ms
function M.poll()
  local mark = host.store.mark_get("poll")
  local since = mark or text.iso(host.now_ms())
  local latest = since
  local from = text.iso(text.ms(since) - OVERLAP_MS)
  local count = brakes.round "many_changes"
  local polled = M.polls()
  local worst
  local function note(ms)
    worst = math.max(worst or 0, ms or 0)
  end
  for rows, err in partner_center.changed_since(from) do
    if not rows then
      return nil, err
    end
    latest, err = poll_page(rows, latest, count, note)
    if not latest then
      return nil, err
    end
  end
  host.store.mark_set("poll", latest)
  host.store.mark_set("polled", json.encode { at_ms = host.now_ms(),
    late_ms = worst or polled.late_ms })
  return interval_ms()
end

return M

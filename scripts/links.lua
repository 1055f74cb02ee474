-- Finding and making links (reconcile rule 2).  A link joins one engagement and one CRM row; its
-- keys are aliases, unique in the state, so whoever comes second finds what the first one made.
-- Everything here happens between two suspensions: a look and the write behind it cannot be
-- parted. It must never ask a service.
local rehearsal = require "rehearsal"
local text = require "text"

local M = {}

-- A rehearsal holds its link in memory alone: none of it is saved, no key is claimed, nobody woken.
local function is_closed()
  return rehearsal.of_task() ~= nil
end

---@class Link
---@field id integer
---@field state "open"|"suspended"|"deleted"|"gone"|"found"|"foreign"|"joined"  why it is at rest:
---  suspended: Sync is off; deleted: the row is gone, a tombstone; gone: the referral is; found: on
---  both sides, but not made or adopted by this state (rule 14); foreign: another CRM's deal;
---  joined: another link took it over
---@field name string|nil  the deal's, as read last
---@field crm {table: string, id: string, tag: string|nil}|nil
---@field engagement string|nil
---@field ours {id: string, tag: string|nil, at: integer|nil, made: integer|nil}|nil
---  at: when it was changed, ms; made: when we made it, until a list has shown it
---@field theirs {id: string, tag: string|nil}|nil
---@field intent table|nil   what we are about to create (rules 8, 9)
---@field told {hash: string}|nil   what the seller was last told
---@field polled table<string, string>|nil   referral -> tag that the poll has woken it for
---@field stood table<string, true>|nil digests of conflicts whose winner is held back
---@field pending {lines: string[], conflicts: table[], tag: string|nil, earlier: table|nil}|nil
---  announced, see agreement.lua
---@field mapped table<string, string>|nil  the mapping's last answers for `update`
---@field said {now: string|nil, next: string|nil, at: integer|nil}|nil  our newest audit line,
---  its time and a hash, brakes.lua
---@field writes {at: integer, hash: string}[]|nil  of the last minutes, brakes.lua
---@field writing {values: table, tag: string, sets: table}|nil  to the row, agreement.lua
---@field removed string|nil  the row that somebody deleted before its making was on record
---@field agreed_ms integer|nil  when both sides agreed last
---@field customer string|nil  of a refused row: its account and contact as they were
---@field contact_seen string|nil  the contact's version, as a turn read it last
---@field frozen string|nil  why nothing is written any more, until a person releases it
---@field orders table<string, any>|nil  field -> value that a person decided for both sides
---@field adopted boolean|nil  a person said that this state may write here
---@field bare_ms integer|nil  since when its row has no solution any more
---@field clock {answer: integer|nil, register: integer|nil, told: table|nil}|nil  deadlines, ms,
---  clocks.lua
---@field waits boolean|nil  a change waits, as for a flow that is off: a known tag proves nothing
---@field restore boolean|nil  a person wants the deleted row made anew

local function row_key(crm_table, id)
  return crm_table .. "/" .. id:lower()
end

-- What is left of a link that another took over: nobody's any more.
local JOINED = "joined"

---Whether another link took this one over.
function M.is_joined(link)
  return link.state == JOINED
end

---@return Link|nil
function M.get(id)
  local link = host.store.link_get(id)
  if not link or M.is_joined(link) then
    return nil
  end
  link.id = id
  return link
end

-- Members that others write while a turn waits for an answer; a turn's older copy of them must
-- not come back.
local OTHERS = { "polled", "orders", "removed" }

-- A referral that another link's turn has given to it meanwhile: a turn knows no way to lose one.
local function keep_given(link, now)
  if now.engagement and not link.engagement then
    link.engagement, link.ours, link.theirs, link.state =
      now.engagement, now.ours, now.theirs, now.state
  end
end

---Saves a link as a turn holds it.
function M.save(link)
  if is_closed() then
    return true
  end
  local id, now = link.id, host.store.link_get(link.id) or {}
  if M.is_joined(now) then
    return true
  end
  keep_given(link, now)
  for _, name in ipairs(OTHERS) do
    link[name] = now[name]
  end
  link.id = nil
  local ok, err = host.store.link_set(id, link)
  link.id = id
  return ok, err
end

---Changes members of a link that turns only read: edit(doc) is given what is stored now.
---@param id integer
---@param edit fun(link: table)
function M.edit(id, edit)
  if is_closed() then
    return true
  end
  local doc = host.store.link_get(id)
  if not doc then
    return true
  end
  edit(doc)
  return host.store.link_set(id, doc)
end

---The row is no deal's any more: another may be made.
function M.forget_row(link)
  return host.store.alias_drop("row", row_key(link.crm.table, link.crm.id))
end

function M.by_referral(id)
  return host.store.alias_get("referral", id:lower())
end

function M.by_engagement(id)
  return host.store.alias_get("engagement", id:lower())
end

function M.by_row(crm_table, id)
  return host.store.alias_get("row", row_key(crm_table, id))
end

-- Adds the keys a link has by now; a key that is another link's is a conflict.
local function claim(link)
  local keys = {}
  if link.engagement then
    keys[#keys + 1] = { "engagement", link.engagement:lower() }
  end
  for _, copy in ipairs { link.ours or false, link.theirs or false } do
    if copy then
      keys[#keys + 1] = { "referral", copy.id:lower() }
    end
  end
  if link.crm then
    keys[#keys + 1] = { "row", row_key(link.crm.table, link.crm.id) }
  end
  for _, key in ipairs(keys) do
    local ok, err = host.store.alias_set(link.id, key[1], key[2])
    if not ok then
      return nil, err
    end
  end
  return true
end

---Claims a link's keys and saves it, in this step's commit; if a key is another link's, nothing of
---it is saved.
---@param link Link
function M.keep(link)
  if is_closed() then
    return true
  end
  local ok, err = claim(link)
  if not ok then
    return nil, err
  end
  return M.save(link)
end

---Whether this is news to the seller: the same things are told once (reconcile rule 11).
---@param what any  what would be told, with the values it depends on
---@return boolean
function M.told(link, what)
  local hash = host.crypto.sha256(json.encode(what))
  if link.told and link.told.hash == hash then
    return false
  end
  link.told = { hash = hash }
  return true
end

---The same of things that come and go one by one: whether one of them is news.  What went and comes
---again is.
---@param items table[]
---@return boolean
function M.told_each(link, items)
  local before, now, news = link.told and link.told.items or {}, {}, false
  for _, item in ipairs(items) do
    local hash = host.crypto.sha256(json.encode(item)):sub(1, 16)
    now[hash] = true
    news = news or not before[hash]
  end
  link.told = { items = now }
  return news
end

---@return string|nil  our own organisation at Partner Center, once it is known
function M.own_organization()
  return host.store.mark_get("own_organization")
end

---It is learned at sign-in, else from the first referral that is ours.
function M.learn_organization(ours)
  if not host.store.mark_get("own_organization") then
    host.store.mark_set("own_organization", ours.organizationId)
  end
end

local READ = "read:opportunity" -- when the last whole reading of the CRM's changes began, ms

---Notes a whole reading of the CRM's changes: what was deleted before it began is known.
---@param began_ms integer
function M.deletions_read(began_ms)
  return host.store.mark_set(READ, tostring(began_ms))
end

---Whether the CRM's changes were read from this time on or later.
---@param ms integer
function M.deletions_known(ms)
  local began, now = math.tointeger(tonumber(host.store.mark_get(READ))) or 0, host.now_ms()
  return began >= math.min(ms, now) and began <= now -- else the clock was put back since
end

---Makes a link from what is known; the caller has looked for its keys in this very step.
---@param doc table
---@return Link|nil, table|nil
function M.make(doc)
  doc.state = "open"
  local id, err = host.store.link_add(doc)
  if not id then
    return nil, err
  end
  doc.id = id
  local ok
  ok, err = claim(doc)
  if not ok then
    return nil, err
  end
  return doc
end

---The link of a row, made if there is none.
---@return Link|nil, table|nil err
function M.of_row(crm_table, id)
  local link = M.by_row(crm_table, id)
  if link then
    return M.get(link)
  end
  return M.make { crm = { table = crm_table, id = id } }
end

---Takes over the referral of a link that has no row: two events met two links for one deal.
---@param link Link  keeps; the caller saves it
---@param other Link  ends
function M.absorb(link, other)
  if is_closed() then
    return
  end
  host.store.alias_move(other.id, link.id)
  link.engagement, link.ours, link.theirs = other.engagement, other.ours, other.theirs
  other.engagement, other.ours, other.theirs = nil, nil, nil
  host.store.link_set(other.id, { state = JOINED })
end

---The same by an engagement, if a link without a row has it.
---@param link Link  the caller saves it
---@param engagement string
function M.take_over(link, engagement)
  local id = M.by_engagement(engagement)
  local other = id and id ~= link.id and M.get(id)
  if other and not other.crm and not other.intent then
    M.absorb(link, other)
  end
end

-- Which copy of an engagement is ours: not Microsoft's, and of our own organisation once known.
local function is_ours(referral)
  if referral.organizationId == "msft" then
    return false
  end
  local own = host.store.mark_get("own_organization")
  return own == nil or referral.organizationId == own
end

---@param referrals table[]  an engagement's copies
---@return table|nil ours, table|nil theirs
function M.copies(referrals)
  local ours, theirs
  for _, referral in ipairs(referrals) do
    if referral.organizationId == "msft" then
      theirs = theirs or referral
    elseif is_ours(referral) then
      ours = ours or referral
    end
  end
  return ours, theirs
end

-- was: the tag that it had before, unless an older one is all that can be read.
local function copy_of(referral, seen)
  local copy = { id = referral.id:lower(), tag = referral.eTag,
    at = text.ms(referral.updatedDateTime) }
  if seen and seen.tag == copy.tag then
    copy.was = seen.was
  elseif seen and (copy.at or 0) >= (seen.at or 0) then
    copy.was = seen.tag
  end
  return copy
end

---Keeps which versions of a deal's copies were read or written last; told from an older one by it.
---@param link Link  changed, not stored
---@param ours table  a referral
---@param theirs table|nil
function M.saw(link, ours, theirs)
  link.ours = copy_of(ours, link.ours)
  link.theirs = theirs and copy_of(theirs, link.theirs) or link.theirs
end

---The link a referral belongs to: by engagement, else by the CRM row it names.
---@param referral table
---@return integer|nil
function M.of_referral(referral)
  local id = M.by_engagement(referral.engagementId)
  if id then
    return id
  end
  local row = referral.externalReferenceId
  if type(row) == "string" and row ~= "" then
    return M.by_row("opportunity", row)
  end
  return nil
end

-- Triggers that say "look at Partner Center": a turn they woke need not read the CRM.
M.events = { callback = true, poll = true }

---Puts a deal's reconcile in its lane.  Events of Partner Center and changes of the CRM are jobs of
---their own, so that the one never stands in for the other.
---@param id integer
---@param trigger string  "callback" "poll" "delta" "solutions" "created" ...
---@param delay_ms integer|nil
function M.wake(id, trigger, delay_ms)
  if is_closed() then
    return true
  end
  return host.queue.put { kind = "deal", lane = "link:" .. id,
    key = ("deal:%d%s"):format(id, M.events[trigger] and ":event" or ""),
    payload = { link = id, trigger = trigger }, delay_ms = delay_ms, keep_payload = true }
end

return M

-- One turn of one deal: what is read of both sides, what is said of it, and how it comes to rest
-- (reconcile rules 3, 13, 15).  Handed from step to step by deal.lua.  It must never decide what is
-- written.
local brakes = require "brakes"
local canonical = require "canonical"
local clocks = require "clocks"
local helper = require "flows.helper"
local links = require "links"
local partner_center = require "partner_center"
local rehearsal = require "rehearsal"
local say = require "say"
local text = require "text"
local trace = require "trace"

local M = {}

local STALE_MS = 5000              -- between two reads of a referral that shows its past
local STALE_MOST_MS = 15 * 60 * 1000

---One reconcile of one deal, handed from step to step.
---@class Turn
---@field link Link
---@field known table  facts.lua
---@field trigger string  what woke it
---@field name string|nil  the deal's, for people who read the runs
---@field row table|nil  the CRM's row as read last, and its tag
---@field tag string|nil
---@field read {ours: table, theirs: table|nil}|nil  the referrals as read last
---@field plan Plan|nil  what was decided
---@field held Told[]|nil  what a new row is not given

function M.say(turn, flow, outcome, detail)
  detail = detail or {}
  detail.deal = turn.name or turn.link.name
  detail.answers = trace.of_task()
  host.run { flow = flow, link = turn.link.id, trigger = turn.trigger, outcome = outcome,
    detail = detail }
end

function M.name(turn, deal)
  turn.name = deal.name
  turn.link.name = deal.name
end

function M.note(turn, line)
  host.store.note_add(turn.link.id, "audit", { text = line })
end

-- ---- Reading ----

function M.note_copies(turn)
  local link, read = turn.link, turn.read
  links.saw(link, read.ours, read.theirs)
  clocks.follow(link, read.ours)
end

-- A list may lag behind what we have seen or written already: then it is read again later, for a
-- while.  -> ms to wait
local function stale(link, ours, theirs)
  local function behind(seen, copy)
    if seen and (not copy or seen.was and copy.eTag == seen.was) then
      return true
    end
    local at = seen and seen.at and copy and text.ms(copy.updatedDateTime)
    return at and at // 1000 < seen.at // 1000 -- some answers have no fractions
  end
  if not (behind(link.ours, ours) or behind(link.theirs, theirs)) then
    link.stale = nil
    return nil
  end
  local now = host.now_ms()
  link.stale = math.min(link.stale or now, now) -- the clock may have been put back
  return now - link.stale < STALE_MOST_MS and STALE_MS or nil
end

-- -> true; a number: again in that many ms; nil, err
function M.read_partner(turn)
  local referrals, err = partner_center.engagement(turn.link.engagement)
  if not referrals then
    return nil, err
  end
  local ours, theirs = links.copies(referrals)
  local made = not ours and turn.link.ours and turn.link.ours.made
  if made and math.abs(host.now_ms() - made) < STALE_MOST_MS then
    return STALE_MS -- our own, which no list shows yet
  elseif not ours then
    return nil, { kind = "absent", text = say.english "gone" }
  elseif turn.link.ours and turn.link.ours.made then -- now a list shows it
    turn.link.ours.made = nil
    links.save(turn.link)
  end
  local wait = stale(turn.link, ours, theirs)
  if wait then
    links.save(turn.link)
    return wait
  end
  links.learn_organization(ours)
  turn.read = { ours = ours, theirs = theirs }
  return true
end

-- An event from Partner Center woke us, and nothing there differs from what we saw last.
function M.unchanged(turn)
  local link, read = turn.link, turn.read
  local known = link.ours and link.crm.tag
  if not links.events[turn.trigger] or link.intent or link.pending or link.orders or not known then
    return false
  end
  return link.ours.tag == read.ours.eTag and
    (link.theirs and link.theirs.tag) == (read.theirs and read.theirs.eTag)
end

function M.partner_now(turn)
  return canonical.from_partner(turn.read.ours, turn.read.theirs, turn.known)
end

---The row as read shows that the CRM, or our state, went back in time (rule 15).  Only a read of
---the one row proves it: a page may have been on its way while we wrote.
function M.back_in_time(turn)
  local link, row = turn.link, turn.row
  if rehearsal.of_task() then
    return false
  end
  if brakes.older(link.crm.tag, turn.tag) then
    brakes.set("restored_crm", brakes.RESTORED)
  elseif brakes.stranger(link, row[turn.known.columns.audit]) then
    brakes.set("restored_state", brakes.STRANGER)
  end
  return brakes.on() ~= nil
end

-- ---- Resting ----

-- At rest for now: why stands in the audit history, the bases stay.
function M.rest(turn, as, why)
  if turn.link.state ~= as then
    turn.link.state = as
    M.note(turn, why)
    M.say(turn, "partner_center_to_dynamics", as, { why = why })
  end
  return links.keep(turn.link)
end

-- Nothing is written, and nothing is forgotten: the next comparison of both sides finds it.
function M.paused(turn, why)
  M.say(turn, "partner_center_to_dynamics", "paused", { why = why })
  return true
end

-- At rest, and the seller reads why on the row, if there is one that synchronises.
function M.rest_and_tell(turn, as, why)
  if turn.link.state ~= as then
    local ok, err = helper.read(turn)
    if ok and turn.row[turn.known.columns.sync] == true then
      ok, err = helper.write(turn, { to_crm = {}, failed = true }, { why })
    end
    if not ok and err.kind ~= "absent" then
      return nil, err
    end
  end
  return M.rest(turn, as, why)
end

-- Sync off suspends; on again goes on from the kept bases (rule 13).
function M.suspended(turn)
  if turn.row[turn.known.columns.sync] ~= true then
    return true
  end
  if turn.link.state == "suspended" then
    turn.link.state = "open"
  end
  return false
end

function M.suspend(turn)
  return M.rest(turn, "suspended", say "off")
end

return M

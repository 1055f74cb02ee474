-- What the next turn of a deal would do, without doing it: the reconcile itself, played in a task
-- that only rehearses.  So a preview cannot differ from what comes: it is the same code, the same
-- reading and deciding, up to the doors of rehearsal.lua.
-- M.next is the next turn; M.anew what would be made of the deal if it were new.
-- It must only be called in a task that said host.rehearse().
local audit = require "audit"
local canonical = require "canonical"
local changes = require "preview_changes"
local create_referral = require "flows.create_referral"
local deal = require "deal"
local facts = require "facts"
local fields = require "fields"
local flow_table = require "flow_table"
local links = require "links"
local new_row = require "new_row"
local preview_places = require "preview_places"
local referral_body = require "referral_body"
local rehearsal = require "rehearsal"
local say = require "say"
local table_text = require "table_text"
local team = require "team"
local turns = require "turn"

local M = {}

---@class Preview
---@field deal integer|nil    the link's number; nil: nothing links it yet
---@field name string|nil
---@field row string|nil
---@field referral string|nil
---@field outcome string      "write", "equal", "waits", "fails", or what a run would say
---@field why string|nil
---@field changes Change[]
---@field lines string[]      what the seller would read
---@field held string[]       what may not go now, and why
---@field waiting {side: string, field: string, now: string|nil, ["then"]: string|nil,
---  why: string}[]           what waits for somebody
---@field notes string[]
---@field asked table[]       what the mapping was asked; for fixtures

-- ---- Playing ----

-- -> what the played function returned or raised, said, writes
local function play(turn, part)
  host.rehearsed()
  local now = rehearsal.begin(turn)
  local ok, result, err = pcall(part, turn)
  local said = host.rehearsed()
  if not ok and result ~= rehearsal.ENDED then
    result, err = nil, result
  elseif not ok then
    result = true
  end
  return { result = result, err = err, said = said, writes = now.writes }
end

local function error_text(err)
  return type(err) == "table" and err.text or tostring(err)
end

-- Why a deal is left alone, by its link's state.
local AT_REST = { suspended = "Sync is off in the CRM", gone = "the referral is gone",
  deleted = "its row was deleted in the CRM: `cosell deal restore` makes it anew",
  foreign = "it is another CRM's deal", found = "not adopted: `cosell deal adopt`" }

-- How it ends, and why.
local function outcome_of(turn, played, list)
  local said = played.said
  if played.result == nil then
    return "fails", error_text(played.err)
  elseif #list > 0 then
    return "write"
  elseif math.type(played.result) then
    return "waits", ("it is looked at again in %s"):format(
      table_text.span(math.max(played.result, 1000)))
  elseif said.outcome == "waiting" and AT_REST[turn.link.state] then -- nothing else was said
    return "at rest", AT_REST[turn.link.state]
  elseif not said.outcome or said.outcome == "updated" or said.outcome == "waiting" then
    return "equal"
  end
  local detail = said.detail or {}
  return said.outcome, detail.why or
    (detail.problems and table.concat(detail.problems, "; ")) or nil
end

-- ---- What does not go ----

-- Why a whole direction waits.
local function direction(side, plan)
  if side == "crm" and new_row.inbound() == "none" then
    return "the setting inbound is none"
  elseif side == "crm" and not flow_table.on "helper" then
    return "the flow helper is off"
  elseif side == "partner" and not flow_table.on "dynamics_to_partner_center" then
    return "the flow dynamics_to_partner_center is off"
  elseif side == "partner" and plan.partner.state == "new" then
    return "it goes once the referral is accepted"
  end
  return nil
end

local function said_of(plan)
  local out = {}
  for _, list in ipairs { plan.held or {}, plan.told } do
    for _, item in ipairs(list) do
      out[item.field or ""] = true
    end
  end
  return out
end

-- Fields that stay a change though nobody is told why; both sides as read, since the end of a turn
-- has put what waits back to what was agreed on.
local function waiting_of(turn)
  local plan, out, now = turn.plan, json.array {}, nil
  local said = said_of(plan)
  for _, to in ipairs { "crm", "partner" } do
    local from, why = to == "crm" and "partner" or "crm", direction(to, plan)
    now = now or why and { crm = canonical.from_crm(turn.row, turn.known),
      partner = turns.partner_now(turn) }
    for _, field in ipairs(why and fields.rows or {}) do
      if plan.stays[from][field.name] and not said[field.name] then
        out[#out + 1] = { side = to, field = field.label, why = why,
          now = preview_places.text(now[to][field.name]),
          ["then"] = preview_places.text(now[from][field.name]) }
      end
    end
  end
  return out
end

local function held_of(turn)
  local plan, out = turn.plan, say.items(turn.held or {})
  for _, line in ipairs(say.items(plan and plan.held or {})) do
    out[#out + 1] = line
  end
  local told = plan and audit.told(plan.told, true) or ""
  out[#out + 1] = told ~= "" and told or nil
  return out
end

local function conflicts_of(plan)
  local out = json.array {}
  for i, c in ipairs(plan and plan.conflicts or {}) do
    out[i] = audit.conflicts { c }
  end
  return out
end

-- ---- The next turn ----

local places -- who names the columns of deal value and country: of this generation

local function learn_places()
  local answer = places == nil and host.map { call = "describe" }
  places = answer and answer.by or places
  return places or {}
end

local function note(out, words, ...)
  out.notes[#out.notes + 1] = words:format(...)
end

local function tell(turn, played)
  local link, asked = turn.link, played.said.asked
  local list, lines = json.array {}, json.array {}
  if turn.known then
    list, lines = changes.of(turn, played.writes, asked, learn_places())
  end
  local outcome, why = outcome_of(turn, played, list)
  local ours = turn.read and turn.read.ours
  return {
    deal = link.id > 0 and link.id or nil, name = turn.name or link.name, outcome = outcome,
    why = why, changes = list, lines = lines, held = held_of(turn),
    conflicts = conflicts_of(turn.plan), asked = asked, notes = json.array {},
    waiting = turn.plan and waiting_of(turn) or json.array {},
    row = link.crm and turn.row and link.crm.id or nil, referral = ours and ours.id,
  }
end

-- Both sides as they were read, before the rehearsal went on with what it had written.
local function seen_of(turn, played)
  local read = turn.read
  for _, write in ipairs(read and played.writes or {}) do
    if write.before then
      return { read = { ours = write.before, theirs = read.theirs }, row = turn.row }
    end
  end
  return { read = read, row = turn.row, tag = turn.tag }
end

local UNREAD = { found = true, deleted = true, foreign = true } -- deal.lua does not look at them

---The next turn of a deal.  (suspends)
---@param link Link  a copy that nobody else holds
---@return Preview, {read: table|nil, row: table|nil}|nil seen  both sides as read
function M.next(link)
  local turn = { link = link, trigger = "preview" }
  if UNREAD[link.state] and not (link.state == "found" and link.adopted) then
    local nothing = { result = true, said = { asked = json.array {}, outcome = "waiting" },
      writes = {} }
    return tell(turn, nothing)
  end
  local held_up = deal.held_up(link)
  local played = play(turn, deal.take)
  local out = tell(turn, played)
  if held_up then
    note(out, "nothing of it is written now: %s", held_up)
  end
  return out, seen_of(turn, played)
end

-- ---- As if it were new ----

local function referral_again(turn)
  local known, row = turn.known, turn.row
  local d = canonical.from_crm(row, known)
  turn.name = d.name
  local ok, err = team.complete(row, d)
  if ok == nil then
    return nil, err
  end
  local answer
  if known.describe.has.should_sync then
    answer, err = host.map { call = "should_sync", crm = row }
    if not answer then
      return nil, err
    elseif answer.sync == false then
      host.run { outcome = "left out", detail = { why = answer.reason } }
      return true
    end
  end
  local problems = create_referral.problems(d)
  if #problems > 0 then
    host.run { outcome = "refused", detail = { problems = say.items(problems) } }
    return true
  end
  answer, err = host.map { call = "referral.create", d = d, v = d, crm = row }
  if not answer then
    return nil, err
  end
  local writes = rehearsal.of_task().writes
  writes[1] = { side = "partner", verb = "create", whose = "ours",
    after = referral_body.ours(answer.v, known) }
  return true
end

local function row_again(turn)
  local d = turns.partner_now(turn)
  turn.name = d.name
  d.id, d.crm_id = rehearsal.GIVEN, nil -- nothing in the CRM is of this deal
  if not new_row.wanted(turn.link, d) then
    host.run { outcome = "left out", detail = { why = "the setting `inbound`" } }
    return true
  end
  return new_row.create(turn, d, new_row.held_at_first(turn, d))
end

---Whether M.anew can say something of a deal: both sides have it, and both were read.
function M.is_whole(link, seen)
  return link.crm ~= nil and link.engagement ~= nil and link.crm.table ~= "lead" and
    seen ~= nil and seen.read ~= nil and seen.row ~= nil
end

---What would be made of a deal in the CRM, and at Partner Center, if it came new today.  (suspends)
---@param link Link
---@param seen table  as M.next gave it
---@return Preview|nil crm, Preview|table partner  or nil, err
function M.anew(link, seen)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local turn = { link = { id = 0, state = "open", engagement = link.engagement },
    trigger = "preview", known = known, read = seen.read }
  local crm = tell(turn, play(turn, row_again))
  local back = { link = { id = 0, state = "open", crm = { table = link.crm.table,
    id = link.crm.id } }, trigger = "preview", known = known, row = seen.row }
  return crm, tell(back, play(back, referral_again))
end

-- ---- For another version of the files ----

---What a deal comes to, all three ways; also asked of a trial (host.trial), in its own scripts.
---@param payload {links: integer[], crm_url: string}
---@return table[]  in order: {next=, crm=, partner=}
function M.outcomes(payload)
  rawset(host.profile, "crm_url", payload.crm_url) -- the records are the running profile's
  local out = json.array {}
  for i, id in ipairs(payload.links) do
    local link = links.get(id)
    local first, seen = M.next(link)
    local one = { next = first }
    if M.is_whole(link, seen) then
      one.crm, one.partner = M.anew(link, seen)
    end
    for _, played in pairs(one) do
      played.asked = nil
    end
    out[i] = one
  end
  return out
end

return M

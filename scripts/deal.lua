-- The reconcile of one deal: the only place where the two sides meet.  What an event said is
-- forgotten by now; what is done follows from both sides as read and the last agreed state
-- (reconcile rules 1, 3, 5-7, 11-17).  The whole of it:
--   find the link -> read both -> one form -> merge -> ask the mapping -> write -> keep
-- It names no column of a CRM and no path of a referral.
local agreement = require "agreement"
local audit = require "audit"
local brakes = require "brakes"
local canonical = require "canonical"
local clocks = require "clocks"
local create_referral = require "flows.create_referral"
local decide = require "decide"
local details = require "flows.details"
local erased = require "erased"
local facts = require "facts"
local fields = require "fields"
local flow_table = require "flow_table"
local found = require "found"
local helper = require "flows.helper"
local leads = require "leads"
local links = require "links"
local merge = require "merge"
local new_row = require "new_row"
local notify = require "notify"
local original = require "original"
local outward = require "flows.dynamics_to_partner_center"
local partner_center = require "partner_center"
local rehearsal = require "rehearsal"
local say = require "say"
local start = require "start"
local text = require "text"
local turns = require "turn"
local twins = require "twins"

local M = {}

local CURRENCY_LOCKED = "0x80048479" -- quotes or orders hold it

-- ---- Writing ----

-- A refusal may only say that the referral was closed while we wrote (situation 11): then it is
-- another round, which tells it.
local function closed_meanwhile(turn, err)
  if turn.read.ours.status == "Closed" then
    return err
  end
  local why = partner_center.refusal(turn.read.ours.id, err)
  why.untaken = why.closed
  return why
end

local function write_partner(turn, plan, lines)
  local tag = turn.read.ours.eTag
  local ok, err = agreement.announce(turn.link, lines, plan.new_conflicts, tag)
  if not ok then
    return nil, err
  end
  ok, err = outward.write(turn, plan)
  if not ok then
    err = closed_meanwhile(turn, err)
    if err.untaken then
      agreement.take_back(turn.link, tag)
    end
    return nil, err
  end
  turns.note_copies(turn)
  local now = agreement.ours_alone(plan, turns.partner_now(turn))
  lines[#lines + 1] = audit.ignored("partner", agreement.ignored("partner", plan, now))
  return agreement.sent(turn.link, plan, now)
end

-- Sends; a value that the service refuses by its name is held, and the rest goes without it.
-- -> the lines for the seller | nil, err
local function send(turn, plan)
  while true do
    local lines = decide.lines(turn, plan)
    if next(plan.to_partner) == nil then
      return lines
    end
    local ok, err = write_partner(turn, plan, lines)
    if ok then
      return lines
    elseif not decide.refused(turn, plan, err) then
      return nil, err
    end
  end
end

local function write_crm(turn, plan, lines)
  local change = { to_crm = plan.to_crm, move = plan.crm_move, extra = plan.extra,
    carried = plan.carried, reason = plan.partner.reason }
  if next(plan.to_crm) then
    agreement.writing(turn.link, plan.to_crm, turn.tag, plan.new_conflicts,
      agreement.ours_alone(plan, turns.partner_now(turn)))
  end
  local crm, err = helper.update(turn, change, lines)
  if err and err.untaken then
    agreement.unwritten(turn.link)
  end
  if crm or err.code ~= CURRENCY_LOCKED or not plan.to_crm.currency then
    return crm, err
  end
  -- Quotes hold the currency: the group is a conflict, the rest travels (situation 13).
  merge.keep(plan, "money", "crm")
  plan.new_conflicts = agreement.new_conflicts(turn.link, plan)
  lines[#lines + 1] = say("conflict-locked", { conflict = audit.conflicts(plan.new_conflicts) })
  return helper.update(turn, change, lines)
end

local function record(turn, plan, lines)
  agreement.list(turn.link, plan.new_conflicts)
  for _, line in ipairs(lines) do
    turns.note(turn, line)
  end
  turns.say(turn, decide.flow(plan), #plan.new_conflicts > 0 and "conflict" or "updated",
    { to_crm = plan.to_crm, to_partner = plan.to_partner, conflicts = plan.new_conflicts,
      lines = lines, read = plan.differed, decided = plan.decided })
end

-- The same is written again and again, and no person changes anything: enough (rule 15).
local function freeze(turn, times)
  local why, line = turn.link.frozen, say("frozen", { times = times })
  turns.say(turn, "partner_center_to_dynamics", "frozen", { why = why })
  turns.note(turn, line)
  notify.raise("brake", { cause = "frozen", deal = turn.link.id })
  host.log("error", ("deal %d is frozen: %s"):format(turn.link.id, why))
  local ok, err = helper.write(turn, { to_crm = {}, failed = true }, { line })
  if not ok then
    return nil, err
  end
  return links.keep(turn.link)
end

local function orders_done(link)
  if link.orders then
    links.edit(link.id, function(doc) doc.orders = nil end)
  end
end

-- A value that the row did not take: that field goes one way only, and it is said once (rule 1).
local function tell_ignored(turn, plan, crm)
  local names = agreement.ignored("crm", plan, crm)
  local mark = names and table.concat(names, " ")
  if not names or turn.link.ignored == mark then
    return crm
  end
  turn.link.ignored = mark
  local line = audit.ignored("crm", names)
  turns.note(turn, line)
  return helper.update(turn, { to_crm = {} }, { line })
end

-- Both sides known: merge, write, keep.
local function synchronise(turn)
  local plan, err = decide.plan(turn)
  turn.plan = plan
  if not plan then
    return nil, err
  elseif decide.is_empty(turn, plan) and not helper.marked(turn) then
    turn.link.crm.tag = turn.tag
    orders_done(turn.link)
    turns.say(turn, "partner_center_to_dynamics", "equal")
    return agreement.settle(turn.link, plan, plan.crm, plan.partner, false)
  end
  -- as text, since the mapping may change what is sent
  local write = json.encode { canonical.said(plan.to_crm), canonical.said(plan.to_partner),
    plan.told, plan.held, plan.heard, plan.extra, plan.carried, plan.new_conflicts }
  local times = brakes.circles(turn.link, write)
  if times then
    return freeze(turn, times)
  end
  local lines
  lines, err = send(turn, plan)
  if not lines then
    return nil, err
  end
  turn.link.pending = nil
  local crm
  crm, err = write_crm(turn, plan, lines)
  if crm then
    crm, err = tell_ignored(turn, plan, crm)
  end
  if not crm then
    return nil, err
  end
  brakes.wrote(turn.link, write)
  record(turn, plan, lines)
  orders_done(turn.link)
  local solutions, customer = agreement.solutions(plan, crm), agreement.customer(plan, crm)
  if solutions or customer or plan.half_way or plan.between then
    links.wake(turn.link.id, "state")
  end
  local partner = agreement.ours_alone(plan, turns.partner_now(turn))
  clocks.told(turn.link, plan.clock)
  turn.link.state = plan.stopped and "suspended" or turn.link.state
  return agreement.settle(turn.link, plan, crm, partner, true)
end

-- ---- The three paths ----

-- Another CRM has written its row's id into a deal that was never ours alone (rule 14).
local function is_foreign(turn)
  local named = canonical.given(turn.read.ours.externalReferenceId)
  local own = turn.link.crm.id
  if not text.is_guid(named) or named:lower() == own or turn.link.adopted or
    turn.link.restore then
    return false
  end
  local _, base = agreement.bases(turn.link)
  return base.crm_id ~= own
end

-- Both sides as read, or what stands in the way: true and nil, or what the turn ends with.
local function read_both(turn)
  local link = turn.link
  local ok, err = turns.read_partner(turn)
  if not ok and err.kind == "absent" and not link.intent then -- with an intent a list may lag
    return nil, nil, turns.rest_and_tell(turn, "gone", say "gone")
  elseif ok ~= true then
    return nil, err, ok
  end
  local back = link.state == "gone"
  if back then
    link.state = "open"
  elseif turns.unchanged(turn) then
    turns.say(turn, "partner_center_to_dynamics", "equal")
    return nil, nil, true
  end
  turns.note_copies(turn)
  agreement.list_taken(link, turn.read.ours.eTag)
  ok, err = helper.read(turn)
  if ok and link.writing then
    agreement.list_written(link, turn.tag, canonical.from_crm(turn.row, turn.known))
  elseif not ok and err.kind == "absent" then
    if brakes.deletion() then
      return nil, nil, turns.paused(turn, brakes.on().why)
    end
    return nil, nil, turns.rest(turn, "deleted", say "deleted")
  end
  return ok, err
end

local function both(turn)
  local ok, err, ending = read_both(turn)
  if not ok then
    return ending, err
  elseif turns.back_in_time(turn) then
    return turns.paused(turn, brakes.on().why)
  elseif turns.suspended(turn) then
    return turns.suspend(turn)
  end
  local intent = turn.link.intent and turn.link.intent.partner
  if intent then
    ok, err = create_referral.resume(turn, intent)
    if not intent.upgrade or ok ~= true then
      return ok, err
    end
  elseif is_foreign(turn) then
    return turns.rest_and_tell(turn, "foreign", say "foreign")
  end
  return synchronise(turn)
end

local function left_out(turn, why)
  turns.say(turn, "partner_center_to_dynamics", "left out", { why = why })
  return links.keep(turn.link)
end

-- Nothing is made of a deal that the other side seems to have.
-- -> whether so, and then what the turn ends with
local function may_have_it(turn, id)
  if turn.link.intent or turn.link.restore then -- begun, or wanted by a person
    return false
  end
  local why, wait = twins.hold(id)
  if wait then -- a rehearsal shows what comes then
    return not rehearsal.of_task(), wait
  elseif why then
    turns.say(turn, "partner_center_to_dynamics", "alike", { why = why })
    return true, links.keep(turn.link)
  end
  return false
end

-- A base without what the row was not given.
local function given_of(now, deal)
  for _, field in ipairs(fields.rows) do
    if deal[field.name] == nil and field.name ~= "crm_id" then
      now[field.name] = nil
    end
  end
  return now
end

-- The row is made: the bases, then its id at Partner Center.
local function keep_made(turn, made, deal)
  local link = turn.link
  local tag = link.ours.tag
  link.ours.tag = nil -- until the CRM id is there, a retry looks at both sides
  local base, there = made.deal, deal
  if made.of then
    local of = erased.reveal(link, made.of, made.deal, deal)
    base, there = agreement.first(made.deal, of), agreement.sent_as(of, deal)
    there.state = of.state
  end
  local ok, err = agreement.keep(link, base, there)
  if not ok then
    return nil, err
  end
  local between
  ok, err, between = outward.write_crm_id(turn)
  if not ok then
    return nil, closed_meanwhile(turn, err)
  end
  link.restore = nil -- the old row's id is not named any more
  link.ours.tag = tag -- what our write has replaced: a list may still show it
  turns.note_copies(turn)
  turns.say(turn, "partner_center_to_dynamics", "created",
    { row = link.crm.id, account = made.account_was, lines = made.lines })
  if details.carries(turn.known) then
    links.wake(link.id, "created")
  end
  if not (made.of or between) then
    return agreement.keep(link, base, given_of(turns.partner_now(turn), deal))
  end
  there.crm_id = link.crm.id
  links.wake(link.id, "created")
  return agreement.keep(link, base, there)
end

local function inward(turn)
  if not flow_table.on "helper" then
    return left_out(turn, "the flow `helper` is off")
  end
  local ok, err = turns.read_partner(turn)
  if ok ~= true then
    return ok, err
  end
  turns.note_copies(turn)
  local deal = turns.partner_now(turn)
  turns.name(turn, deal)
  if not new_row.wanted(turn.link, deal) then
    return left_out(turn, "the setting `inbound`")
  end
  local as
  as, err = leads.kind(turn.link, deal, turn.known)
  if not as then
    return nil, err
  elseif as == "lead" then
    if host.profile.settings.sync_leads == false then
      return left_out(turn, "the setting `sync_leads`: it comes once it is accepted")
    end
    return leads.arrive(turn, deal)
  end
  local waits, ending, bad = may_have_it(turn, deal.id)
  if waits then
    return ending, bad
  end
  local held = new_row.held_at_first(turn, deal)
  local made
  made, err = new_row.create(turn, deal, held)
  if not made then
    return nil, err
  elseif made == "joined" then
    return true
  elseif math.type(made) then
    return made
  elseif made == "removed" then
    turn.link.intent = nil
    return turns.rest(turn, "deleted", say "deleted")
  elseif type(made) == "string" then
    return left_out(turn, err)
  end
  if #held > 0 then
    links.told_each(turn.link, held)
  end
  return keep_made(turn, made, deal)
end

-- A row that carries an identifier nobody has linked.
local function carries(turn, id)
  local outcome, why = found.decide(turn, id)
  if outcome == nil then
    return nil, why
  elseif outcome == "new" then
    return create_referral.run(turn)
  elseif math.type(outcome) then
    return outcome
  elseif outcome == "found" and turn.link.adopted then
    return both(turn)
  end
  turns.say(turn, "partner_center_to_dynamics", outcome, { why = why })
  turn.link.crm.tag = turn.tag
  return links.keep(turn.link)
end

local function outgoing(turn)
  local ok, err = helper.read(turn)
  if not ok then
    if err.kind == "absent" then
      return turns.rest(turn, "deleted", say "deleted-unsent")
    end
    return nil, err
  elseif turns.back_in_time(turn) then
    return turns.paused(turn, brakes.on().why)
  elseif turns.suspended(turn) then
    return turns.suspend(turn)
  end
  local id = canonical.given(turn.row[turn.known.columns.identifier])
  if text.is_guid(id) and not turn.link.intent then
    return carries(turn, id:lower())
  elseif not flow_table.on "create_referral" then
    return turns.paused(turn, "the flow `create_referral` is off")
  end
  local waits, ending, bad = may_have_it(turn, turn.link.crm.id)
  if waits then
    return ending, bad
  end
  return create_referral.run(turn)
end

local function lead(turn)
  local ok, err = turns.read_partner(turn)
  if ok == true then
    return leads.reconcile(turn)
  elseif ok then
    return ok
  elseif err.kind == "absent" then
    return turns.rest(turn, "gone", say "gone")
  end
  return nil, err
end

---What keeps a deal from being looked at, and what a person can do about it.
function M.held_up(link)
  local brake, other = brakes.on(), original.noted()
  if other then
    return original.sentence(other)
  elseif brake then
    return brake.why
  elseif link.frozen then
    return link.frozen
  elseif link.state == "found" and not link.adopted then
    return "not adopted: `cosell deal adopt`"
  end
  return nil
end

---The handler of `deal` jobs.  true: done; a number: again in that many ms; nil, err.
---@param payload {link: integer, trigger: string}
function M.reconcile(payload)
  local link = links.get(payload.link)
  if not link or link.state == "deleted" or link.state == "foreign" then
    return true
  end
  local wait_ms = start.wait_ms()
  if wait_ms then
    return wait_ms
  end
  local turn, why = { link = link, trigger = payload.trigger }, M.held_up(link)
  if why then
    return turns.paused(turn, why)
  end
  return M.take(turn)
end

---One turn of a deal that nothing holds up.  (suspends)
function M.take(turn)
  local link = turn.link
  -- Said again at the end; what stands if it fails, or has to wait.
  turns.say(turn, link.crm and "dynamics_to_partner_center" or "partner_center_to_dynamics",
    "waiting")
  local err
  turn.known, err = facts.get()
  if not turn.known then
    return nil, err
  end
  if link.crm and link.crm.table == "lead" then
    return lead(turn)
  elseif not link.crm or (link.intent and link.intent.crm) then
    return inward(turn)
  elseif not link.engagement then
    return outgoing(turn)
  end
  return both(turn)
end

return M

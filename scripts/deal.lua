-- The reconcile of one deal: the only place where the two sides meet.  What an event said is
-- forgotten by now; what is done follows from both sides as read and the last agreed state
-- (reconcile rules 1, 3, 5-7, 11-13, 16).  The whole of it:
--   find the link -> read both -> one form -> merge -> ask the mapping -> write -> keep
-- It names no column of a CRM and no path of a referral.
local agreement = require "agreement"
local audit = require "audit"
local canonical = require "canonical"
local create_referral = require "flows.create_referral"
local details = require "flows.details"
local facts = require "facts"
local helper = require "flows.helper"
local links = require "links"
local merge = require "merge"
local microsoft_updates = require "flows.microsoft_updates"
local outward = require "flows.dynamics_to_partner_center"
local partner_center = require "partner_center"
local state = require "state"
local text = require "text"

local M = {}

---One reconcile of one deal, handed from step to step.
---@class Turn
---@field link Link
---@field known table  facts.lua
---@field trigger string  what woke it
---@field name string|nil  the deal's, for people who read the runs
---@field row table|nil  the CRM's row as read last, and its tag
---@field tag string|nil
---@field read {ours: table, theirs: table|nil}|nil  the referrals as read last

local function say(turn, flow, outcome, detail)
  detail = detail or {}
  detail.deal = turn.name
  host.run { flow = flow, link = turn.link.id, trigger = turn.trigger, outcome = outcome,
    detail = detail }
end

-- ---- Reading ----

local function note_copies(turn)
  local link, read = turn.link, turn.read
  link.ours = { id = read.ours.id:lower(), tag = read.ours.eTag }
  if read.theirs then
    link.theirs = { id = read.theirs.id:lower(), tag = read.theirs.eTag }
  end
end

local function read_partner(turn)
  local referrals, err = partner_center.engagement(turn.link.engagement)
  if not referrals then
    return nil, err
  end
  local ours, theirs = links.copies(referrals)
  if not ours then
    return nil, { kind = "absent", text = "the deal is not at Partner Center any more" }
  end
  links.learn_organization(ours)
  turn.read = { ours = ours, theirs = theirs }
  return true
end

-- An event from Partner Center woke us, and nothing there differs from what we saw last.
local function unchanged(turn)
  local link, read = turn.link, turn.read
  local known = link.ours and link.crm.tag
  if not links.events[turn.trigger] or link.intent or link.pending or not known then
    return false
  end
  return link.ours.tag == read.ours.eTag and
    (link.theirs and link.theirs.tag) == (read.theirs and read.theirs.eTag)
end

-- ---- Keeping ----

-- At rest for now: why stands in the audit history, the bases stay.
local function rest(turn, as, why)
  if turn.link.state ~= as then
    turn.link.state = as
    host.store.note_add(turn.link.id, "audit", { text = why })
    say(turn, "partner_center_to_dynamics", as, { why = why })
  end
  return links.keep(turn.link)
end

-- Sync off suspends; on again goes on from the kept bases (rule 13).
local function suspended(turn)
  if turn.row[turn.known.columns.sync] ~= true then
    return true
  end
  if turn.link.state == "suspended" then
    turn.link.state = "open"
  end
  return false
end

local function suspend(turn)
  return rest(turn, "suspended", "Sync with Partner Center is off: nothing travels")
end

-- ---- Deciding ----

-- A mapping's `resolve` may decide a conflict: the value that both sides get names the side.
local function resolver(known)
  if not known.describe.has.resolve then
    return nil
  end
  return function(field, crm, partner, crm_base, partner_base)
    local name = field.name
    local answer, err = host.map { call = "resolve", field = name, crm = crm[name],
      partner = partner[name], crm_base = crm_base[name], partner_base = partner_base[name] }
    local value = canonical.given((answer or error(err, 0)).value)
    if value == nil then
      return nil
    end
    return canonical.same(field, value, partner[name]) and "partner" or "crm"
  end
end

-- Values that may not be sent, and what the seller is told; the rest travels (rule 12).
local WITHHELD = {
  { "value", function(plan) return canonical.is_zero(canonical.given(plan.to_partner.value)) end,
    "the deal value is 0 or empty: not sent, Partner Center keeps its own" },
  { "closing_date", function(plan) return plan.to_partner.closing_date == json.null end,
    "the closing date is empty: not sent, Partner Center keeps its own" },
  { "name", function(plan) return plan.to_partner.name == json.null end,
    "the deal name is empty: not sent, Partner Center keeps its own" },
  { "currency", function(plan) return plan.to_partner.currency == json.null end,
    "the currency is empty: not sent, Partner Center keeps its own" },
  { "solutions", function(plan) return #plan.to_partner.solutions == 0 end,
    "at least one solution must stay: Partner Center keeps the last one", stays = true },
  { "help", function(plan)
    local contact = plan.partner.contact or plan.crm.contact
    return not (contact and contact.email and contact.phone)
  end, "Microsoft's help is asked, but the deal has no contact with e-mail and phone: choose one" },
}

-- What goes with a field that is held: its group (rule 5), and what follows from it alone.
local function drop_with(plan, field)
  if field == "value" or field == "currency" then
    plan.to_partner.value, plan.to_partner.currency = nil, nil
  elseif field == "help" and not plan.crm.visible then
    plan.to_partner.visible, plan.to_crm.visible = nil, nil
  end
end

-- Solutions that the CRM's table does not have can't be added to the row.
-- -> those it has, and what is told of the others
local function known_solutions(list, known)
  local kept, held = json.array {}, json.array {}
  for _, item in ipairs(list) do
    if facts.solution(known, item.id) then
      kept[#kept + 1] = item
    else
      held[#held + 1] = { field = "solutions", text = "solution " .. item.id ..
        " is not in the CRM's table of Microsoft solutions: add it there" }
    end
  end
  return kept, held
end

local function hold_solutions(plan, known)
  if not plan.to_crm.solutions then
    return json.array {}
  end
  local kept, held = known_solutions(plan.to_crm.solutions, known)
  local same = canonical.same({ name = "solutions", kind = "set" }, kept, plan.crm.solutions)
  plan.to_crm.solutions = not same and kept or nil
  return held
end

local function withhold(plan, known)
  local held = hold_solutions(plan, known)
  for _, rule in ipairs(WITHHELD) do
    local field, is_bad, why = table.unpack(rule)
    if plan.to_partner[field] ~= nil and is_bad(plan) then
      plan.to_partner[field] = nil
      drop_with(plan, field)
      held[#held + 1] = { field = field, text = why, stays = rule.stays }
    end
  end
  local currency = canonical.given(plan.to_crm.currency)
  if currency and not known.currencies.by_code[currency] then
    plan.to_crm.currency, plan.to_crm.value = nil, nil
    held[#held + 1] = { field = "currency",
      text = "currency " .. currency .. " does not exist in the CRM: add it there" }
  end
  return held
end

-- What is worth a write of its own is told once for the same values (rule 11); a read-only notice
-- waits for the next real write.
local function news(link, plan, held)
  local items = json.array {}
  for _, list in ipairs { plan.told, held, plan.conflicts } do
    for _, item in ipairs(list) do
      if item.why ~= "read-only" then
        items[#items + 1] = item
      end
    end
  end
  return #items > 0 and links.told(link, items)
end

-- A closed referral takes no edit any more: told, not sent.
local function rest_of_closed(plan)
  if next(plan.to_partner) and state.closed[plan.partner.state] then
    plan.to_partner, plan.pair = {}, nil
    table.insert(plan.told, { field = "state", why = "closed" })
  end
end

-- An upgrade waits until the row has been left alone for a while; what else changed does not.
local function hold_upgrade(turn, plan)
  local wait = plan.to_partner.help and create_referral.unsettled(turn)
  if wait then
    plan.to_partner.help = nil
    drop_with(plan, "help")
    links.wake(turn.link.id, "settled", wait)
  end
end

local function decide(turn)
  local link, known = turn.link, turn.known
  local crm = canonical.from_crm(turn.row, known)
  local partner = canonical.from_partner(turn.read.ours, turn.read.theirs, known)
  local crm_base, partner_base = agreement.bases(link)
  turn.name = crm.name
  local plan = merge.plan(crm, partner, crm_base, partner_base, resolver(known))
  plan.crm_base = crm_base
  rest_of_closed(plan)
  plan.heard = microsoft_updates.heard(partner, partner_base)
  plan.held = withhold(plan, known)
  hold_upgrade(turn, plan)
  plan.news = news(link, plan, plan.held)
  local err
  plan.extra, plan.mapped, err = details.update(link, partner, turn.row)
  if not plan.extra then
    return nil, err
  end
  return plan
end

local function nothing_to_do(turn, plan)
  return merge.empty(plan) and next(plan.extra) == nil and not plan.news and #plan.heard == 0 and
    not turn.link.pending
end

-- The lines for the seller, in the order they should be read.
local function lines_of(turn, plan)
  local lines = agreement.announced(turn.link, turn.read.ours.eTag)
  local function add(head, said)
    if said ~= "" then
      lines[#lines + 1] = head .. said
    end
  end
  add("Sent to Partner Center: ", audit.changes(plan.to_partner, plan.partner))
  add("From Partner Center: ", audit.changes(plan.to_crm, plan.crm))
  add("", audit.conflicts(plan.conflicts))
  for _, item in ipairs(plan.news and plan.held or {}) do
    add("", item.text)
  end
  add("", audit.told(plan.told, plan.news))
  for _, line in ipairs(plan.heard) do
    add("", line)
  end
  return lines
end

local function flow_of(plan)
  if next(plan.to_partner) then
    return "dynamics_to_partner_center"
  end
  return #plan.heard > 0 and "microsoft_updates" or "partner_center_to_dynamics"
end

-- ---- Writing ----

local function write_partner(turn, plan, lines)
  local ok, err = agreement.announce(turn.link, lines, turn.read.ours.eTag)
  if not ok then
    return nil, err
  end
  ok, err = outward.write(turn, plan)
  if not ok then
    return nil, err
  end
  note_copies(turn)
  return agreement.sent(turn.link, plan,
    canonical.from_partner(turn.read.ours, turn.read.theirs, turn.known))
end

local function record(turn, plan, lines)
  for _, c in ipairs(plan.conflicts) do
    host.store.note_add(turn.link.id, "conflict", c)
  end
  for _, line in ipairs(lines) do
    host.store.note_add(turn.link.id, "audit", { text = line })
  end
  say(turn, flow_of(plan), #plan.conflicts > 0 and "conflict" or "updated",
    { to_crm = plan.to_crm, to_partner = plan.to_partner, conflicts = plan.conflicts,
      lines = lines })
end

-- Both sides known: merge, write, keep.
local function synchronise(turn)
  local plan, err = decide(turn)
  if not plan then
    return nil, err
  elseif nothing_to_do(turn, plan) then
    turn.link.crm.tag = turn.tag
    say(turn, "partner_center_to_dynamics", "equal")
    return agreement.settle(turn.link, plan, plan.crm, plan.partner, false)
  end
  local lines = lines_of(turn, plan)
  if next(plan.to_partner) then
    local ok
    ok, err = write_partner(turn, plan, lines)
    if not ok then
      return nil, err
    end
  end
  turn.link.pending = nil
  local crm
  crm, err = helper.update(turn, { to_crm = plan.to_crm, move = plan.crm_move, extra = plan.extra,
    reason = plan.partner.reason }, lines)
  if not crm then
    return nil, err
  end
  record(turn, plan, lines)
  return agreement.settle(turn.link, plan, crm,
    canonical.from_partner(turn.read.ours, turn.read.theirs, turn.known), true)
end

-- ---- The three paths ----

local function both(turn)
  local ok, err = read_partner(turn)
  if not ok then
    if err.kind == "absent" and not turn.link.intent then -- with an intent a list may lag
      return rest(turn, "gone", err.text)
    end
    return nil, err
  end
  if turn.link.state == "gone" then
    turn.link.state = "open"
  end
  if unchanged(turn) then
    say(turn, "partner_center_to_dynamics", "equal")
    return true
  end
  note_copies(turn)
  ok, err = helper.read(turn)
  if not ok then
    if err.kind == "absent" then
      return rest(turn, "deleted", "the row was deleted in the CRM: left alone")
    end
    return nil, err
  elseif suspended(turn) then
    return suspend(turn)
  elseif turn.link.intent and turn.link.intent.partner then
    return create_referral.resume(turn)
  end
  return synchronise(turn)
end

local function left_out(turn, why)
  say(turn, "partner_center_to_dynamics", "left out", { why = why })
  return links.keep(turn.link)
end

local function inward(turn)
  local ok, err = read_partner(turn)
  if not ok then
    return nil, err
  end
  note_copies(turn)
  local deal = canonical.from_partner(turn.read.ours, turn.read.theirs, turn.known)
  turn.name = deal.name
  if not helper.wanted(turn.link, deal) then
    return left_out(turn, "the setting `inbound`")
  end
  local held, made
  deal.solutions, held = known_solutions(deal.solutions, turn.known)
  made, err = helper.create(turn, deal, held)
  if made == false then
    return left_out(turn, "it names a row that this CRM does not have: another CRM's deal")
  elseif not made then
    return nil, err
  end
  if #held > 0 then
    links.told(turn.link, held)
  end
  turn.link.ours.tag = nil -- until the CRM id is there, a retry looks at both sides
  ok, err = agreement.keep(turn.link, made.deal, deal)
  if not ok then
    return nil, err
  end
  ok, err = outward.write_crm_id(turn)
  if not ok then
    return nil, err
  end
  note_copies(turn)
  say(turn, "partner_center_to_dynamics", "created",
    { row = turn.link.crm.id, account = made.account_was, lines = made.lines })
  return agreement.keep(turn.link, made.deal,
    canonical.from_partner(turn.read.ours, turn.read.theirs, turn.known))
end

-- A row that carries an identifier nobody has linked: the state is younger than the deal (rule 2).
-- -> true if it was linked; false: there is no such referral, or it is another row's
local function adopted(turn)
  local id = canonical.given(turn.row[turn.known.columns.identifier])
  if turn.link.intent or not text.is_guid(id) or links.by_referral(id) then
    return false
  end
  local referral, err = partner_center.get(id)
  if not referral then
    return err.kind ~= "absent" and nil, err
  elseif links.by_engagement(referral.engagementId) then
    return false
  end
  turn.link.engagement = referral.engagementId:lower()
  return links.keep(turn.link)
end

local function outgoing(turn)
  local ok, err = helper.read(turn)
  if not ok then
    if err.kind == "absent" then
      return rest(turn, "deleted", "the row was deleted in the CRM before it was sent")
    end
    return nil, err
  elseif suspended(turn) then
    return suspend(turn)
  end
  ok, err = adopted(turn)
  if ok == nil then
    return nil, err
  end
  if ok then
    return both(turn)
  end
  return create_referral.run(turn)
end

---The handler of `deal` jobs.  true: done; a number: again in that many ms; nil, err.
---@param payload {link: integer, trigger: string}
function M.reconcile(payload)
  local link = links.get(payload.link)
  if not link or link.state == "deleted" then
    return true
  end
  local turn = { link = link, trigger = payload.trigger }
  -- Said again at the end; what stands if it fails, or has to wait.
  say(turn, link.crm and "dynamics_to_partner_center" or "partner_center_to_dynamics", "waiting")
  local err
  turn.known, err = facts.get()
  if not turn.known then
    return nil, err
  end
  if not link.crm or (link.intent and link.intent.crm) then
    return inward(turn)
  elseif not link.engagement then
    return outgoing(turn)
  end
  return both(turn)
end

return M

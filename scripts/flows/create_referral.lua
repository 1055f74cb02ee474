-- Flow c, "Create co-sell referral - Dynamics 365 to Partner Center": checks that nothing is
-- missing, then intent -> POST ours -> record -> POST Microsoft's (reconcile rules 9, 10, 12;
-- "Create a referral").  A create whose end is unsure goes to look first; it is resumed, never
-- repeated.
local agreement = require "agreement"
local canonical = require "canonical"
local erased = require "erased"
local fields = require "fields"
local helper = require "flows.helper"
local links = require "links"
local partner_center = require "partner_center"
local rehearsal = require "rehearsal"
local referral_body = require "referral_body"
local say = require "say"
local state = require "state"
local team = require "team"
local text = require "text"

local M = {}

-- ---- Checks ----

local function missing(value)
  return value == nil or value == ""
end

-- One row a cause: what is wrong, and the key of what is told.  First the row's own, then the
-- customer's.
local CHECKS = {
  { function(d) return missing(d.name) end, "needs-name" },
  { function(d) return canonical.is_zero(d.value) end,
    "needs-value" },
  { function(d) return missing(d.currency) end, "needs-currency" },
  { function(d) return missing(d.closing_date) end,
    "needs-date" },
  { function(d) return #d.solutions == 0 end,
    "needs-solution" },
  { function(d) return #d.solutions > 50 end,
    "needs-fewer" },
  { function(d) return missing(d.customer.name) end, "needs-account" },
  { function(d) return not missing(d.customer.name) and missing(d.customer.address_line1) end,
    "needs-street" },
  { function(d) return not missing(d.customer.name) and missing(d.customer.city) end,
    "needs-city" },
  { function(d) return not missing(d.customer.name) and missing(d.customer.country) end,
    "needs-country" },
  { function(d) return d.help and not d.contact end,
    "needs-contact" },
  { function(d)
    local c = d.contact
    return d.help and c and (missing(c.first_name) or missing(c.last_name) or missing(c.email) or
      missing(c.phone))
  end, "needs-whole-contact" },
  { function(d) return d.cosell_type == "Services" and missing(d.partner_role) end,
    "needs-role" },
  { function(d) return d.cosell_type == "Services" and missing(d.solution_area) end,
    "needs-area" },
  { function(d) return d.cosell_type == "Services" and missing(d.solution_play) end,
    "needs-play" },
  { function(d)
    local owner = d.team[1]
    return not owner or missing(owner.last_name) or missing(owner.email) or missing(owner.phone)
  end, "needs-owner" },
}

---What keeps a deal from being sent; empty: nothing.
---@param deal table  canonical, from the CRM
---@return Told[]
function M.problems(deal)
  local out = json.array {}
  for _, check in ipairs(CHECKS) do
    if check[1](deal) then
      out[#out + 1] = { key = check[2] }
      if check[2] == "needs-country" and deal.no_country then
        out[#out] = { key = "no-country", holes = { country = deal.no_country } }
      end
    end
  end
  return out
end

-- ---- Refusing ----

-- ✖ and the causes with their remedies, once for the same causes (rule 11).
local function refuse(turn, problems)
  local link = turn.link
  link.customer = turn.known.customer_stamp(turn.row)
  if not links.told(link, problems) then
    local ok, err = helper.unmark(turn)
    if not ok then
      return nil, err
    end
    return links.keep(link)
  end
  local said = say.items(problems)
  local line = say("not-sent", { why = table.concat(said, say "semicolon") })
  local ok, err = helper.write(turn, { to_crm = {}, failed = true }, { line })
  if not ok then
    return nil, err
  end
  host.store.note_add(link.id, "audit", { text = line })
  host.run { flow = "create_referral", link = link.id, trigger = turn.trigger, outcome = "refused",
    detail = { deal = turn.name, problems = said } }
  return links.keep(link)
end

-- ---- Sending ----

-- After an unsure end: is it there?  Looked twice, look_wait apart, before a second create.
-- -> referral, or nil; nil, nil, wait_ms; nil, err
local function look(intent, id)
  local since = text.iso(intent.at - 5 * 60 * 1000)
  local hits, err = partner_center.look(id, since)
  if not hits then
    return nil, err
  end
  local ours = {}
  for _, referral in ipairs(hits) do
    if referral.organizationId ~= "msft" then
      ours[#ours + 1] = referral
    end
  end
  if #ours > 1 then
    return nil, { kind = "data", text = say.english "two-referrals" }
  end
  return ours[1]
end

-- ms until the second look is due; nil: it is.  What wakes the deal meanwhile does not hurry it.
local function until_second_look(link, intent)
  local wait = (host.profile.settings.look_wait or 60) * 1000
  if wait > 0 and not intent.looked then
    intent.looked = host.now_ms()
    links.keep(link)
  end
  local left = (intent.looked or 0) + wait - host.now_ms()
  return wait > 0 and left > 0 and left or nil
end

-- Whether a first look is due: a state that is younger than a day may follow a lost one.
local function state_is_new()
  local born = tonumber(host.store.mark_get("born"))
  return not born or host.now_ms() - born < 24 * 3600 * 1000
end

-- Microsoft's copy may have been met before ours: its link has no row, and ends with ours.
local function note_ours(link, ours)
  links.take_over(link, ours.engagementId:lower())
  link.engagement = ours.engagementId:lower()
  link.ours = { id = ours.id:lower(), tag = ours.eTag, made = host.now_ms() }
  links.learn_organization(ours)
end

-- Ours: looked for if unsure, else made.  The intent holds the row as it is sent, so that an edit
-- which comes in between is seen, and what is to be told of its team.
-- -> referral | nil, err | nil, nil, wait_ms; for one that was there already "ours", made by an
-- earlier run, or "found", made by nobody this state knows
local function make_ours(link, deal, crm, known, said_of_team)
  local unsure = link.intent and link.intent.partner
  local intent = unsure or { step = "ours", at = host.now_ms(), crm = canonical.base(crm),
    sent = canonical.base(deal), said_of_team = said_of_team }
  if unsure or state_is_new() then
    local found, err = look(intent, deal.crm_id)
    if found or err then
      return found, err, nil, unsure and "ours" or "found"
    end
    local wait = unsure and until_second_look(link, intent)
    if wait then
      return nil, nil, wait
    end
  end
  intent.looked = nil
  link.intent = { partner = intent }
  local ok, err = links.keep(link)
  if not ok then
    return nil, err
  elseif link.engagement then -- given to it in this very moment
    link.intent = nil
    links.keep(link)
    return nil, { kind = "conflict", text = "the referral of this row was just found" }
  end
  return partner_center.create(referral_body.ours(deal, known))
end

---What Microsoft's copy of a deal is made of if it is not made together with ours: the deal as
---Partner Center has it now, the help that the CRM asks, and people of the CRM where it has none.
---@param ours table  our referral
---@param crm table  canonical
function M.invitation(ours, known, crm)
  local deal = canonical.from_partner(ours, nil, known)
  deal.help = crm.help
  deal.contact = canonical.whole(deal.contact) and deal.contact or crm.contact
  if #deal.team == 0 then
    deal.team = team.fit(crm.team)
  end
  return deal
end

-- Microsoft was not invited since our referral was closed meanwhile, which is no failure, or is not
-- there any more, which the next turn tells: of an upgrade nothing is left to go on with.
local function not_invited(link, err)
  err = partner_center.refusal(link.ours.id, err)
  if (err.closed or err.kind == "absent") and link.intent.partner.upgrade then
    link.intent = nil
    links.keep(link)
  end
  return err
end

---Microsoft's copy, in an engagement that has none: intent -> POST.  Without an intent of ours
---before it, it is the upgrade of a deal that both sides know.  (suspends)
---@param deal table  canonical
---@param known table  facts
---@return table|nil theirs, table|nil err
function M.make_theirs(link, deal, known)
  local before = link.intent and link.intent.partner
  link.intent = { partner = { step = "theirs", at = host.now_ms(), crm = before and before.crm,
    sent = before and before.sent, said_of_team = before and before.said_of_team,
    upgrade = not before or before.upgrade } }
  local ok, err = links.keep(link)
  if not ok then
    return nil, err
  end
  local theirs
  theirs, err = partner_center.create(referral_body.microsofts(deal, link.engagement, known))
  if not theirs then
    return nil, not_invited(link, err)
  end
  link.theirs = { id = theirs.id:lower(), tag = theirs.eTag }
  return theirs
end

-- The base of the CRM's side: the row as it was sent, with what finish has just written.
local BOOKKEEPING = { "id", "link", "visible", "microsoft_id" }

local function base_of(sent, crm)
  for _, name in ipairs(sent and BOOKKEEPING or {}) do
    sent[name] = crm[name]
  end
  return sent or crm
end

-- Both referrals are there: identifier, link, audit and ✔ go to the row, then the bases are kept.
-- sent_deal: what an earlier run sent, if the referrals were read since
local function finish(turn, ours, theirs, sent_deal)
  local link, known = turn.link, turn.known
  local partner = canonical.from_partner(ours, theirs, known)
  local said_of_team = link.intent and link.intent.partner.said_of_team
  local lines = { theirs and say("sent-cosell", { link = partner.link }) or
    say("sent", { what = partner.link }), said_of_team or nil }
  local to_crm = { id = partner.id, link = partner.link }
  if partner.visible and turn.row[known.columns.visible] ~= true then
    to_crm.visible = true
  end
  local sent = link.intent and link.intent.partner.crm
  link.intent, link.told = nil, nil
  local crm, err = helper.update(turn, { to_crm = to_crm }, lines)
  if not crm then
    return nil, err
  end
  for _, said in ipairs(lines) do
    host.store.note_add(link.id, "audit", { text = said })
  end
  host.run { flow = "create_referral", link = link.id, trigger = turn.trigger, outcome = "created",
    detail = { deal = partner.name, referral = partner.id, engagement = link.engagement,
      lines = lines } }
  sent, sent_deal = erased.reveal(link, sent, crm), erased.reveal(link, sent_deal, partner, crm)
  local base = sent_deal and agreement.sent_as(sent_deal, partner) or partner
  local was = base_of(sent, crm) -- contact and solutions are rows of their own, without our tag
  local edited = sent and json.encode(was) ~= json.encode(canonical.base(crm))
  local untrue = not canonical.same(fields.by_name.program, crm.program, partner.program)
  if edited or sent_deal or untrue then -- since it was sent: that is a change
    links.wake(link.id, "created")
  end
  return agreement.keep(link, was, base)
end

-- The service said no for good: the seller is told what it said.
local function turned_down(turn, err)
  if err.kind ~= "remote" then
    return nil, err
  end
  turn.link.intent = nil
  return refuse(turn, { { text = err.text } })
end

---Opportunity and solutions must have been left alone for a while before what can't be undone: the
---first share, and each upgrade (rule 10).
---@param turn Turn
---@return integer|nil  ms that are left to wait
function M.unsettled(turn)
  local settle = (host.profile.settings.settle or 60) * 1000
  local changed = text.ms(turn.row.modifiedon) or 0
  for _, child in ipairs(turn.row[turn.known.solutions.navigation] or {}) do
    changed = math.max(changed, text.ms(child.modifiedon) or 0)
  end
  if rehearsal.of_task() then -- it shows what will be sent then
    return nil
  end
  local left = changed + settle - host.now_ms()
  return settle > 0 and left > 0 and left or nil
end

local function gate(known, row)
  if not known.describe.has.should_sync then
    return true
  end
  local answer, err = host.map { call = "should_sync", crm = row }
  if not answer then
    return nil, err
  end
  return answer.sync ~= false, answer.reason
end

local function keep_and_look(link)
  local ok, err = links.keep(link)
  if ok then -- what fails is not woken by itself
    ok, err = links.wake(link.id, "created")
  end
  return ok and true, err
end

-- Ours, then Microsoft's where help is asked.
local function send(turn, deal, crm, said_of_team)
  local link = turn.link
  local ok
  local ours, err, wait, there = make_ours(link, deal, crm, turn.known, said_of_team)
  if wait then
    return wait
  elseif not ours then
    return turned_down(turn, err)
  end
  note_ours(link, ours)
  if there then -- both copies are read before anything else is made
    link.state = there == "found" and not link.adopted and "found" or link.state
    return keep_and_look(link)
  end
  local theirs
  ok, err = links.keep(link) -- if the rest fails, it goes on with this referral
  if not ok then
    return nil, err
  end
  if deal.help then
    theirs, err = M.make_theirs(link, deal, turn.known)
    if not theirs and not err.closed then
      return nil, err
    end
  end
  return finish(turn, ours, theirs, err and link.intent.partner.sent)
end

---Sends a row that has no referral yet.  (suspends)
---@param turn Turn
---@return true|integer|nil  true: done or refused; a number: again in that many ms
function M.run(turn)
  local link, known, row = turn.link, turn.known, turn.row
  local wanted, reason = gate(known, row)
  if wanted == nil then
    return nil, reason
  elseif not wanted then
    host.run { flow = "create_referral", link = link.id, trigger = turn.trigger,
      outcome = "left out", detail = { why = reason } }
    link.crm.tag = turn.tag
    return links.keep(link)
  end
  local deal = canonical.from_crm(row, known)
  turn.name, link.name = deal.name, deal.name
  agreement.note_solutions(link, deal)
  if state.closed[deal.state] and not link.intent then
    host.run { flow = "create_referral", link = link.id, trigger = turn.trigger,
      outcome = "left out", detail = { deal = deal.name, why = "it is closed in the CRM already" } }
    link.crm.tag = turn.tag
    return links.keep(link)
  end
  local said_of_team, err = team.complete(row, deal)
  if said_of_team == nil then
    return nil, err
  end
  local problems = M.problems(deal)
  local unsure = #problems > 0 and link.intent and link.intent.partner
  if unsure then -- it may be there: then there is nothing to refuse
    local ours, bad = look(unsure, deal.crm_id)
    if bad then
      return nil, bad
    elseif ours then
      note_ours(link, ours)
      return keep_and_look(link)
    end
    local wait = until_second_look(link, unsure)
    if wait then
      return wait
    end
  end
  if #problems > 0 then
    return refuse(turn, problems)
  end
  local wait = not link.intent and M.unsettled(turn)
  if wait then
    return wait
  end
  local answer
  answer, err = host.map { call = "referral.create", d = deal, v = deal, crm = row }
  if not answer then
    return nil, err
  end
  return send(turn, answer.v, canonical.from_crm(row, known), said_of_team)
end

---Goes on where an earlier run left an engagement that has, or may have, only our referral: a
---create whose end is unsure is looked for twice before it is made again (rule 9).  (suspends)
---@param turn Turn
---@param intent table
---@return true|integer|nil  true: done, or, for an upgrade, both are there now; a number: again in
---that many ms
function M.resume(turn, intent)
  local link, theirs = turn.link, turn.read.theirs
  local deal = M.invitation(turn.read.ours, turn.known, canonical.from_crm(turn.row, turn.known))
  if intent.sent and not intent.upgrade then -- help that was chosen since is an upgrade of its own
    deal.help = intent.sent.help
  end
  if deal.help and not theirs then
    local wait = intent.step == "theirs" and until_second_look(link, intent)
    if wait then
      return wait
    end
    local err
    theirs, err = M.make_theirs(link, deal, turn.known)
    if not theirs and (intent.upgrade or not err.closed) then
      return nil, err
    end
    turn.read.theirs = theirs
  end
  if intent.upgrade then
    link.intent = nil
    return links.keep(link)
  end
  return finish(turn, turn.read.ours, theirs, intent.sent)
end

return M

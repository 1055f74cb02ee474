-- Corners of whose row and whose deal it is: leads that are qualified early, referrals and rows
-- that name each other before anybody has joined them, and deals that are gone for a while.
local kit = require "commands.kit"
local rules = require "commands.rules"

local MANY = 1000 -- requests: more than there are

local function compare_and_apply(s)
  s:command("sync", { "--all", "--apply" })
  s:rest()
end

-- ---- Leads ----

-- A person qualifies the lead and switches the new row's Sync on, all before the next look.
local function qualified_and_synced(t)
  rules.lead_arrived(function(s, deal, lead)
    local made = s:act("qualify", { id = lead.leadid })
    s:act("add-solution", { opportunity = made.opportunity, solution = "SOL-10001-ABC" })
    rules.edit(s, made.opportunity, { estimatedvalue = 1000, estimatedclosedate = "2031-09-30" })
    s:act("sync", { id = made.opportunity })
    s:command("sync")
    kit.wait("the row to be joined", function()
      return kit.opportunity(s).identifier and (s:idle() or s:status().deals.total > 1)
    end)
    local o = kit.opportunity(s)
    t.eq({ s:status().deals.total, #s:rows("referral"), o.identifier }, { 1, 1, deal },
      "deals, referrals, the row's: " .. o.audit)
    s:rest()
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function entered_at_once(t)
  rules.lead_arrived(function(s, deal, lead)
    local made = s:act("qualify", { id = lead.leadid })
    rules.edit(s, made.opportunity, { estimatedvalue = 5000, estimatedclosedate = "2033-03-31" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ tonumber(o.value), o.closing_date }, { 5000, "2033-03-31" },
      "value and closing date that the seller entered: " .. o.audit)
    t.eq(tonumber(rules.referral(s, deal).details.dealValue), 5000, "the value in the portal")
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
  end)
end

-- The contact that the lead became is corrected before the host has looked.
local function corrected_at_once(t)
  rules.lead_arrived(function(s, deal, lead)
    local made = s:act("qualify", { id = lead.leadid })
    s:act("edit", { table = "contact",
      id = kit.opportunity(s, made.opportunity).row._parentcontactid_value,
      values = { telephone1 = "+49 40 555 12" } })
    s:rest()
    t.eq(rules.referral(s, deal).customerProfile.team[1].phoneNumber, "+49 40 555 12")
    kit.quiet(t, s)
  end)
end

local function off_and_disqualified(t)
  rules.lead_arrived(function(s, deal, lead)
    s:act("edit", { table = "lead", id = lead.leadid, values = { [rules.SYNC] = false } })
    s:rest()
    s:act("disqualify", { id = lead.leadid })
    s:rest()
    t.eq(rules.stands(s, deal), "New/Pending", "Sync is off: nothing is said in the portal")
  end)
end

-- The portal accepts, and a seller disqualifies the lead while it is being qualified.
local function disqualified_meanwhile(t)
  rules.lead_arrived(function(s, deal, lead)
    local before = rules.turns(s, "failed")
    local held = rules.holding(s, "crm", { method = "POST", path = "$batch", delay_ms = 1500,
      skip = 1 }) -- behind the look for its customer
    s:act("accept", { id = deal })
    s:command("sync") -- its callback may be put off
    held()
    s:act("disqualify", { id = lead.leadid })
    s:rest()
    t.eq({ #kit.opportunities(s), rules.turns(s, "failed") - before, rules.stands(s, deal) },
      { 0, 0, "Active/Accepted" }, "opportunities, turns that failed, the referral")
    local now = s:row("crm:lead", lead.leadid)
    t.eq(now.statecode, 2, "the seller's decision stands")
    t.eq(rules.count(now[rules.AUDIT], "accepted in Partner Center, and disqualified here"), 1)
    s:act("edit", { id = deal, notes = "once more" })
    s:rest()
    t.eq(s:row("crm:lead", lead.leadid)[rules.AUDIT], now[rules.AUDIT], "it is told once")
    s:act("edit", { table = "lead", id = lead.leadid, values = { statecode = 0, statuscode = 1 } })
    s:rest()
    t.eq(#kit.opportunities(s), 1, "reactivated, it becomes an opportunity")
    kit.quiet(t, s)
  end, { refused = "a lead that is closed" })
end

-- A rule of the customer's refuses the lead, until it is mended.
local function refused(t)
  kit.with({}, function(s)
    s:act("refuse-create", { table = "lead" })
    local deal = rules.marketplace(s)
    s:rest()
    t.eq(#s:rows("crm:lead"), 0, "leads while they are refused")
    s:act("refuse-create", { table = "lead", on = "no" })
    s:act("edit", { id = deal, notes = "again" })
    s:rest()
    t.eq(#s:rows("crm:lead"), 1, "leads: " .. s:command("deal", { deal }))
  end)
end

-- ---- Not joined yet ----

-- A row that could not be sent is linked to nothing; then somebody makes a referral that names it.
local function strange_referral(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal { name = "Staging", value = 1,
      currency = "USD", solutions = false }).id
    s:rest()
    t.has(kit.opportunity(s, row).audit, "no Microsoft solution")
    local deal = s:act("portal-create", { name = "Production", value = 500, currency = "USD",
      crm_id = row }).id
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.name, tonumber(r.details.dealValue) }, { "Production", 500 },
      "name and value of a referral that nobody adopted")
    t.eq(s:status().deals.found, 1, "deals found, not adopted")
  end)
end

-- The setting `inbound` leaves a deal out, and a seller types its identifier into a row.
local function typed(t)
  kit.with({ settings = { inbound = '"none"' } }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    s:act("create-opportunity", rules.deal { values = { [rules.IDENTIFIER] = deal } })
    s:rest()
    t.eq({ s:status().queue.dead, s:status().deals.found }, { 0, 1 }, "dead letters, found")
  end)
end

-- Won while no host ran, and then the state file is a new one.
local function won_before_adoption(t)
  rules.sent({}, function(s, row, deal)
    s:host_stop()
    s:act("win", { id = row })
    kit.fresh_state(s)
    s:act("edit", { id = deal, notes = "an event, before the row is seen" })
    s:rest()
    t.eq({ s:status().queue.dead, s:status().deals.found }, { 0, 1 }, "dead letters, found")
    compare_and_apply(s)
    t.eq(rules.stands(s, deal), "Closed/Won", kit.opportunity(s, row).audit)
  end)
end

-- ---- Gone, and back ----

-- Our user's role hides the referrals for a while: nothing there changes by it.
local function gone_and_back(t)
  rules.sent({}, function(s, row, deal)
    s:set("lose_callbacks", true)
    s:fault("partner", { method = "GET", path = "referrals", status = 200, body = '{"value":[]}',
      count = MANY })
    kit.describe(s, row, "edited then")
    s:rest()
    t.has(kit.opportunity(s, row).audit, "not at Partner Center any more")
    s:fault("clear")
    compare_and_apply(s)
    t.eq(rules.referral(s, deal).details.notes, "edited then", "the edit of then")
    t.has(kit.opportunity(s, row).name, "✔ ")
    t.eq(s:status().deals.open, 1, "open deals")
  end)
end

return function(t)
  t.case("corner: a lead qualified and switched on before the next look is one deal", function()
    qualified_and_synced(t)
  end)
  t.case("corner: what a seller enters at qualification stays", function() entered_at_once(t) end)
  t.case("corner: a lead whose Sync is off is disqualified here alone", function()
    off_and_disqualified(t)
  end)
  t.case("corner: a contact that is corrected when the lead has just been qualified", function()
    corrected_at_once(t)
  end)
  t.case("corner: a lead that is disqualified while it is being qualified", function()
    disqualified_meanwhile(t)
  end)
  t.case("corner: a lead that the CRM refused comes once it does not", function() refused(t) end)
  t.case("corner: a strange referral that names our row is not written to unasked", function()
    strange_referral(t)
  end)
  t.case("corner: an identifier typed for a deal that was left out is found", function()
    typed(t)
  end)
  t.case("corner: what was won before it was adopted is won there too", function()
    won_before_adoption(t)
  end)
  t.case("corner: a deal that was gone and is there again is compared anew", function()
    gone_and_back(t)
  end)
end

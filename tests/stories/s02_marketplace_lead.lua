-- Situation 2: a lead of the marketplace comes as a lead.  Once it is accepted, on whichever side,
-- it is an opportunity, on the same link.
local kit = require "commands.kit"
local rules = require "commands.rules"

local QUALIFIED, DISQUALIFIED = 1, 2
local NAME = "Plant sensor rollout"

local function stands(s)
  local r = kit.referrals(s)[1]
  return r.status .. "/" .. r.substatus
end

local function leads(s)
  return s:rows("crm:lead")
end

local function one_link(t, s, state)
  local deals = s:status().deals
  t.eq({ deals.total, deals[state or "open"] }, { 1, 1 }, "deals")
  t.eq(s:status().queue.dead, 0, "dead letters")
end

local function comes(t)
  rules.lead_arrived(function(s, deal, lead)
    t.eq({ #leads(s), #kit.opportunities(s) }, { 1, 0 }, "leads, opportunities")
    t.eq(lead.subject, "✔ " .. NAME)
    t.eq({ lead.msft_microsoftpartnercenterreferralidentifier,
      lead.msft_microsoftpartnercenterreferralsync, lead.statecode }, { deal, true, 0 })
    t.has(lead.msft_microsoftpartnercenterreferrallink, deal)
    t.has(lead.msft_microsoftpartnercenterreferralsyncaudit, "Created from Partner Center")
    t.eq({ lead.companyname, lead.firstname, lead.lastname, lead.description },
      { "Kiso Valley Foods KK", "Rin", "Kiso", "as sent" })
    t.eq(stands(s), "New/Pending", "nobody has accepted it")
    one_link(t, s)
    kit.quiet(t, s)
  end)
end

-- What stands after either side has accepted: the lead qualified, one opportunity, one link.
local function became(t, s, deal)
  t.eq({ #leads(s), leads(s)[1].statecode }, { 1, QUALIFIED }, "the lead")
  t.eq(#kit.opportunities(s), 1, "opportunities")
  t.eq({ stands(s), #s:rows("referral") }, { "Active/Accepted", 1 }, "the referral")
  local o = kit.opportunity(s)
  t.eq({ o.identifier, o.sync, o.state, o.status }, { deal, true, 0, 1 })
  t.eq(o.name, "✔ " .. NAME)
  t.has(o.link, deal)
  t.eq({ tonumber(o.value), o.notes }, { 1000, "as sent" })
  t.eq(kit.referrals(s)[1].externalReferenceId, o.id, "the referral names the opportunity")
  t.eq(leads(s)[1]._qualifyingopportunityid_value, o.id)
  t.eq(s:command_json("deal", { deal }).row, s:command_json("deal", { o.id }).row, "one deal")
  one_link(t, s)
  kit.quiet(t, s)
end

-- From then on it is a deal as any other.
local function goes_on(t, s, deal)
  kit.describe(s, kit.opportunity(s).id, "from the CRM")
  s:rest()
  t.eq(kit.referrals(s)[1].details.notes, "from the CRM")
  s:act("edit", { id = deal, value = 3000 })
  s:rest()
  t.eq(tonumber(kit.opportunity(s).value), 3000)
  kit.quiet(t, s)
end

local function portal_accepts(s, deal)
  s:act("accept", { id = deal })
end

local function seller_qualifies(s, _, lead)
  s:act("qualify", { id = lead.leadid })
end

-- events: whether Partner Center calls back
local function accepted(t, accept, events)
  rules.lead_arrived(function(s, deal, lead)
    s:set("lose_callbacks", not events)
    accept(s, deal, lead)
    s:rest()
    became(t, s, deal)
    s:set("lose_callbacks", false)
    goes_on(t, s, deal)
  end)
end

local function both_accept(t, crm_first)
  rules.lead_arrived(function(s, deal, lead)
    s:set("lose_callbacks", true)
    local first, second = seller_qualifies, portal_accepts
    if not crm_first then
      first, second = second, first
    end
    first(s, deal, lead)
    second(s, deal, lead)
    s:rest()
    became(t, s, deal)
    goes_on(t, s, deal)
  end)
end

-- A new customer is made once: by the lead's qualification, or it is there already.
local function known_customer(t, accept)
  kit.with({}, function(s)
    local deal = s:act("microsoft-create", { kind = "marketplace", value = 1000,
      currency = "USD", notes = "as sent", customer = "Larkfield Foods Ltd",
      postal_code = "BS1 5TR", country = "GB" }).id
    s:rest()
    local accounts = #s:rows("crm:account")
    accept(s, deal, leads(s)[1])
    s:rest()
    became(t, s, deal)
    t.eq(#s:rows("crm:account"), accounts, "accounts")
  end)
end

local function accepted_before_it_came(t)
  kit.with({}, function(s)
    s:rest() -- nobody may meet it before it is accepted, not even one who reads late
    s:set("lose_callbacks", true)
    local deal = rules.marketplace(s)
    s:act("accept", { id = deal })
    kit.seen(s)
    s:rest()
    t.eq({ #kit.opportunities(s), #leads(s) }, { 1, 0 }, "an opportunity at once")
    t.eq(kit.opportunity(s).identifier, deal)
    one_link(t, s)
    kit.quiet(t, s)
  end)
end

local function ended(t, s, pair, state)
  t.eq({ stands(s), leads(s)[1].statecode, #kit.opportunities(s) }, { pair, state, 0 })
  t.eq(s:status().queue.dead, 0, "dead letters")
  kit.quiet(t, s)
end

local function disqualified(t)
  rules.lead_arrived(function(s, _, lead)
    s:act("disqualify", { id = lead.leadid })
    s:rest()
    ended(t, s, "Closed/Declined", DISQUALIFIED)
    t.ok((kit.referrals(s)[1].statusReason or "") ~= "", "a reason is sent along")
  end)
end

local function ended_there(t, act, pair)
  rules.lead_arrived(function(s, deal)
    s:act(act, { id = deal })
    s:rest()
    ended(t, s, pair, DISQUALIFIED)
  end)
end

-- Edits of the lead wait, as those of any deal that is new; what the portal edits comes in.
local function edited_while_new(t)
  rules.lead_arrived(function(s, deal, lead)
    s:act("edit", { id = deal, notes = "edited in the portal", name = "New name" })
    s:rest()
    local now = leads(s)[1]
    t.eq({ now.description, now.subject }, { "edited in the portal", "✔ New name" })
    s:act("edit", { table = "lead", id = lead.leadid, values = { description = "by the seller" } })
    s:rest()
    t.eq(kit.referrals(s)[1].details.notes, "edited in the portal", "nothing is sent before")
    kit.quiet(t, s)
    seller_qualifies(s, deal, lead)
    s:rest()
    t.eq({ stands(s), kit.referrals(s)[1].details.notes, kit.opportunity(s).notes },
      { "Active/Accepted", "by the seller", "by the seller" }, "sent on acceptance")
    kit.quiet(t, s)
  end)
end

local function not_wanted(t)
  rules.lead_arrived(function(s, deal)
    t.eq({ #leads(s), #kit.opportunities(s) }, { 0, 0 }, "leads, opportunities")
    portal_accepts(s, deal)
    s:rest()
    t.eq({ #leads(s), #kit.opportunities(s) }, { 0, 1 }, "once it is accepted")
    t.eq(kit.opportunity(s).identifier, deal)
    one_link(t, s)
    kit.quiet(t, s)
  end, { settings = { sync_leads = false } })
end

local function deleted(t)
  rules.lead_arrived(function(s, deal, lead)
    s:act("delete", { table = "lead", id = lead.leadid })
    s:rest()
    portal_accepts(s, deal)
    s:rest()
    t.eq({ #leads(s), #kit.opportunities(s) }, { 0, 0 }, "nothing is made anew")
    one_link(t, s, "deleted")
    kit.quiet(t, s)
  end)
end

local function repeated_events(t)
  kit.with({}, function(s)
    s:set("delivery_copies", 3)
    local deal = rules.marketplace(s)
    s:rest()
    t.eq({ #leads(s), #kit.opportunities(s) }, { 1, 0 }, "leads, opportunities")
    portal_accepts(s, deal)
    s:rest()
    became(t, s, deal)
  end)
end

return function(t)
  t.case("situation 2: a lead of the marketplace is a lead", function() comes(t) end)
  t.case("situation 2: accepted in the portal", function() accepted(t, portal_accepts, true) end)
  t.case("situation 2: accepted in the portal, its event is lost",
    function() accepted(t, portal_accepts, false) end)
  t.case("situation 2: qualified by a seller",
    function() accepted(t, seller_qualifies, true) end)
  t.case("situation 2: qualified by a seller, then accepted in the portal",
    function() both_accept(t, true) end)
  t.case("situation 2: accepted in the portal, then qualified by a seller",
    function() both_accept(t, false) end)
  t.case("situation 2: accepted in the portal, its customer is known",
    function() known_customer(t, portal_accepts) end)
  t.case("situation 2: accepted before it came", function() accepted_before_it_came(t) end)
  t.case("situation 2: each event three times", function() repeated_events(t) end)
  t.case("situation 2: disqualified by a seller", function() disqualified(t) end)
  t.case("situation 2: declined in the portal",
    function() ended_there(t, "decline", "Closed/Declined") end)
  t.case("situation 2: expired", function() ended_there(t, "expire", "Closed/Expired") end)
  t.case("situation 2: edited while new, on both sides", function() edited_while_new(t) end)
  t.case("situation 2: leads are not wanted", function() not_wanted(t) end)
  t.case("situation 2: deleted by a seller, then accepted", function() deleted(t) end)
end

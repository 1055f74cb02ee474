-- Story 3: an opportunity marked Sync with Partner Center is sent, as a co-sell deal with help.
local kit = require "commands.kit"

local DEAL = { name = "Harbour crane upgrade", value = 90000, currency = "EUR",
  closing_date = "2031-09-30", notes = "two cranes", account = { name = "Elbe Hafen GmbH",
    line1 = "Kai 4", city = "Hamburg", postalcode = "20457", country = "Germany" },
  contact = "Jana Petersen", help = "Proof of concept / demo",
  solutions = { "SOL-10001-ABC", "SOL-10002-DEF" }, sync = true }

local function without_help()
  local out = {}
  for k, v in pairs(DEAL) do
    out[k] = k ~= "help" and v or nil
  end
  return out
end

local function check_pair(t, s)
  local ours, theirs = kit.referrals(s)
  t.eq(#ours, 1, "our referrals")
  t.eq(#theirs, 1, "Microsoft's referrals")
  t.eq(theirs[1].engagementId, ours[1].engagementId, "one engagement")
  t.eq(theirs[1].inviteContext.assistanceRequestCode, "ProofOfConceptOrDemo")
  return ours[1]
end

local function sent(t)
  kit.with({}, function(s)
    s:act("create-opportunity", DEAL)
    s:rest()
    local ours = check_pair(t, s)
    t.eq(ours.name, "Harbour crane upgrade")
    t.eq(tonumber(ours.details.dealValue), 90000)
    t.eq(ours.details.currency, "EUR")
    t.eq(ours.details.closingDateTime:sub(1, 10), "2031-09-30")
    t.eq(ours.customerProfile.address.country, "DE")
    t.eq(#ours.details.requirements.solutions, 2, "solutions")
    t.eq(ours.team[1].email, "ken@partner.example")
    local o = kit.opportunity(s)
    t.eq(ours.externalReferenceId, o.id)
    t.eq(o.name, "✔ Harbour crane upgrade")
    t.eq(o.identifier, ours.id)
    t.eq(o.link, "https://portal.example/referrals/" .. ours.id)
    t.has(o.audit, "Sent to Partner Center as a co-sell deal")
    t.eq(o.visible, true, "help implies visible")
    kit.quiet(t, s)
  end)
end

local function callback_first(t)
  kit.with({}, function(s)
    s:set("callback_first", true)
    s:act("create-opportunity", DEAL)
    s:rest()
    check_pair(t, s)
    t.eq(#kit.opportunities(s), 1, "opportunities")
    kit.quiet(t, s)
  end)
end

local function converted(t)
  kit.with({}, function(s)
    local id = s:act("create-opportunity", without_help()).id
    s:rest()
    local ours, theirs = kit.referrals(s)
    t.eq(#ours, 1)
    t.eq(#theirs, 0, "no co-sell without help")
    t.eq(ours[1].consent.consentToShareReferralWithMicrosoftSellers, false, "private")
    s:act("edit", { table = "opportunity", id = id,
      values = { msft_microsoftpartnercenterhelp = "Proof of concept / demo" } })
    s:rest()
    check_pair(t, s)
    t.eq(kit.opportunity(s).visible, true)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("story 3: help, contact, country, two solutions: a co-sell deal", function() sent(t) end)
  t.case("story 3: the callbacks of our creates come before the answers", function()
    callback_first(t)
  end)
  t.case("story 3: a non-co-sell deal is converted by choosing help", function() converted(t) end)
end

-- Situation 5: a deal is private, then visible to Microsoft's sellers, then a co-sell deal.
-- Consent is patched, then Microsoft's copy is posted: once, whoever goes which step.
local kit = require "commands.kit"
local rules = require "commands.rules"

local HELP = "General or other"

-- consent, copies of Microsoft, visible and help in the CRM
local function shows(t, s, consent, copies, visible, helped)
  local ours, theirs = kit.referrals(s)
  local o = kit.opportunity(s)
  t.eq(#ours, 1, "ours")
  t.eq(ours[1].consent.consentToShareReferralWithMicrosoftSellers, consent, "consent")
  t.eq(#theirs, copies, "Microsoft's copies; audit: " .. o.audit)
  t.eq({ o.visible == true, o.help ~= nil }, { visible, helped }, "the CRM: visible, help")
end

local function cosell(t, s)
  shows(t, s, true, 1, true, true)
  local ours, theirs = kit.referrals(s)
  t.eq(theirs[1].engagementId, ours[1].engagementId, "one engagement")
  t.eq(theirs[1].inviteContext.assistanceRequestCode, "GeneralOrOther")
  t.eq(ours[1].customerProfile.team[1].firstName, "Jana", "the contact is told to ours as well")
  kit.quiet(t, s)
end

local function from_crm(body)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    body(s, row)
  end)
end

local function step_by_step(t, switches)
  kit.with({}, function(s)
    for name, value in pairs(switches) do
      s:set(name, value)
    end
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    shows(t, s, false, 0, false, false)
    rules.edit(s, row, { [rules.VISIBLE] = true })
    s:rest()
    shows(t, s, true, 0, true, false)
    kit.quiet(t, s)
    rules.edit(s, row, { [rules.HELP] = HELP })
    s:rest()
    cosell(t, s)
  end)
end

-- fault: of one request of the conversion, which then goes on from what is there
local function at_once(t, fault)
  from_crm(function(s, row)
    if fault then
      s:fault("partner", fault)
    end
    rules.edit(s, row, { [rules.HELP] = HELP })
    s:rest()
    kit.wait("Microsoft's copy", function() return select(2, kit.referrals(s))[1] end)
    s:rest()
    cosell(t, s)
  end)
end

-- The POST of the copy fails, and consent has been given by then.
local function consent_first(t)
  from_crm(function(s, row)
    s:fault("partner", { method = "POST", path = "referrals", status = 503, count = 1,
      retry_after = 2 })
    rules.edit(s, row, { [rules.HELP] = HELP })
    s:command("sync")
    kit.wait("consent", function()
      return kit.referrals(s)[1].consent.consentToShareReferralWithMicrosoftSellers
    end)
    t.eq(#select(2, kit.referrals(s)), 0, "Microsoft's copies so far")
    kit.wait("Microsoft's copy", function() return select(2, kit.referrals(s))[1] end)
    s:rest()
    cosell(t, s)
  end)
end

local function in_the_portal(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { contact = { first_name = "Jana" } }).id
    s:rest()
    shows(t, s, false, 0, false, false)
    s:act("upgrade", { id = deal })
    s:rest()
    shows(t, s, true, 0, true, false)
    s:act("upgrade", { id = deal, help = "GeneralOrOther" })
    s:rest()
    cosell(t, s)
  end)
end

local function microsoft_joins(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { visible = true, contact = { first_name = "Jana" } }).id
    s:rest()
    shows(t, s, true, 0, true, false)
    s:act("microsoft-join", { id = deal, help = "GeneralOrOther" })
    s:rest()
    cosell(t, s)
  end)
end

-- Both sides ask for help before either is heard.
local function both_upgrade(t)
  from_crm(function(s, row)
    s:set("lose_callbacks", true)
    s:act("upgrade", { id = kit.referrals(s)[1].id, help = "GeneralOrOther" })
    rules.edit(s, row, { [rules.HELP] = HELP })
    s:rest()
    shows(t, s, true, 1, true, true)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 5: step by step in the CRM", function() step_by_step(t, {}) end)
  t.case("situation 5: the same where the service keeps `type` as it was sent",
    function() step_by_step(t, { derived_type = false }) end)
  t.case("situation 5: from private to co-sell at once", function() at_once(t) end)
  t.case("situation 5: consent is given before Microsoft's copy is posted",
    function() consent_first(t) end)
  t.case("situation 5: the answer to the consent is lost", function()
    at_once(t, { method = "PATCH", drop = "after", count = 1 })
  end)
  t.case("situation 5: the answer to the second POST is lost", function()
    at_once(t, { method = "POST", path = "referrals", drop = "after", count = 1 })
  end)
  t.case("situation 5: step by step in the portal", function() in_the_portal(t) end)
  t.case("situation 5: Microsoft upgrades a visible deal", function() microsoft_joins(t) end)
  t.case("situation 5: both sides upgrade before either is heard",
    function() both_upgrade(t) end)
end

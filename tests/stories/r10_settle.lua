-- Rule 10: what cannot be undone - the first share, an upgrade - waits until the deal was left
-- alone for a while; an update never does.
local kit = require "commands.kit"
local rules = require "commands.rules"

local SETTLE_S = 60

local function stage(body)
  kit.with({ clock = true, settings = { settle = SETTLE_S } }, body)
end

local function first_share(t)
  stage(function(s)
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    t.eq(#kit.referrals(s), 0, "at once")
    s:clock((SETTLE_S - 10) * 1000)
    s:act("add-solution", { opportunity = row, solution = "SOL-10002-DEF" })
    s:rest()
    s:clock(20000)
    s:rest()
    t.eq(#kit.referrals(s), 0, "a solution was added: the while begins anew")
    rules.left_alone(s, SETTLE_S * 1000)
    kit.wait("the share", function() return kit.referrals(s)[1] end)
    s:rest()
    t.eq(#kit.referrals(s)[1].details.requirements.solutions, 2, "solutions")
    kit.quiet(t, s)
  end)
end

local function updates_go(t)
  stage(function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    local row = kit.opportunity(s).id
    rules.edit(s, row, { description = "goes at once", estimatedvalue = 2000,
      [rules.HELP] = "General or other" })
    s:rest()
    local r, _, theirs = rules.referral(s, deal), kit.referrals(s)
    t.eq({ r.details.notes, tonumber(r.details.dealValue) }, { "goes at once", 2000 })
    t.eq({ #theirs, r.consent.consentToShareReferralWithMicrosoftSellers }, { 0, false },
      "not shared yet")
    rules.left_alone(s, SETTLE_S * 1000)
    kit.wait("the upgrade", function() return #select(2, kit.referrals(s)) == 1 end)
    s:rest()
    t.eq(kit.opportunity(s).visible, true)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("rule 10: the first share waits until row and solutions were left alone", function()
    first_share(t)
  end)
  t.case("rule 10: an upgrade waits, and updates beside it do not", function() updates_go(t) end)
end

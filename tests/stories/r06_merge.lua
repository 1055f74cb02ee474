-- Rule 6: one side's change goes to the other; what only rises is not taken back; of two changes
-- the policy, the mapping or the CRM decides, and the loser is listed and told.
local kit = require "commands.kit"
local rules = require "commands.rules"

local RESOLVES = [[
return { api = 1, resolve = function(field, crm, partner)
  if field == "notes" then return partner end
end }
]]

local function not_taken_back(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { help = "GeneralOrOther" }).id
    s:rest()
    local o = kit.opportunity(s)
    rules.edit(s, o.id, { [rules.VISIBLE] = false, [rules.HELP] = json.null })
    s:rest()
    local now = kit.opportunity(s)
    t.eq({ now.visible, now.help }, { true, o.help }, "both are set back")
    t.ok(rules.referral(s, deal).consent.consentToShareReferralWithMicrosoftSellers,
      "and the referral stays shared")
    kit.quiet(t, s)
  end)
end

local function resolved(t)
  kit.with({ files = { ["details.lua"] = RESOLVES } }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD", notes = "a" }).id
    s:rest()
    local row = kit.opportunity(s).id
    rules.both_change(s, row, { description = "ours", estimatedclosedate = "2031-05-31" }, deal,
      { notes = "theirs", closing_date = "2031-06-30T00:00:00Z" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.notes, o.closing_date }, { "theirs", "2031-05-31" }, "the mapping's, and the CRM's")
    t.has(o.audit, "kept Partner Center's theirs, the CRM had ours")
    local kept = {}
    for _, c in ipairs(s:command_json("conflicts")) do
      kept[c.field] = c.kept
    end
    t.eq(kept, { notes = "partner", closing_date = "crm" })
    kit.quiet(t, s)
  end)
end

local function closed_alike(t)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    s:act("win", { id = row })
    s:act("close", { id = deal, state = "won" })
    s:rest()
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    t.ok(not kit.opportunity(s).audit:find("closed", 1, true), kit.opportunity(s).audit)
    kit.quiet(t, s)
  end)
end

local function closed_first(t)
  kit.started(function(s, deal, row)
    s:act("close", { id = deal, state = "won" })
    s:rest()
    t.eq({ kit.opportunity(s).state, kit.opportunity(s).status }, { 1, 3 })
    s:act("reopen", { id = row })
    s:rest()
    s:rest()
    t.eq(kit.opportunity(s).state, 0, "reopened later, it is not closed again")
    t.eq(rules.stands(s, deal), "Closed/Won")
  end)
end

return function(t)
  t.case("rule 06: help and visibility are set back when a seller takes them away", function()
    not_taken_back(t)
  end)
  t.case("rule 06: the mapping's resolve decides, the CRM the rest", function() resolved(t) end)
  t.case("rule 06: both closed alike is no conflict", function() closed_alike(t) end)
  t.case("rule 06: a newly closed referral closes the row, once", function() closed_first(t) end)
end

-- Rule 16: what Microsoft does with its copy is told, and never moves the CRM's state.
local kit = require "commands.kit"
local rules = require "commands.rules"

local ACTS = {
  { "microsoft-accept", {}, "Microsoft accepted the deal" },
  { "microsoft-decline", {}, "Microsoft declined the deal" },
  { "expire", { copy = "microsoft" }, "Microsoft did not answer in time" },
  { "microsoft-win", {}, "Microsoft marked its side of the deal as won" },
}

local function told(t, row)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { help = "GeneralOrOther" }).id
    s:rest()
    local args = { id = deal }
    for name, value in pairs(row[2]) do
      args[name] = value
    end
    s:act(row[1], args)
    s:rest()
    local o = kit.opportunity(s)
    t.eq(rules.count(o.audit, row[3]), 1, o.audit)
    t.eq({ o.state, o.status, rules.stands(s, deal) }, { 0, 1, "Active/Accepted" },
      "state of row and referral")
    kit.describe(s, o.id, "ours goes on")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "ours goes on")
    kit.quiet(t, s)
  end)
end

local function joined(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { visible = true, value = 1000, currency = "USD" }).id
    s:rest()
    t.eq({ kit.opportunity(s).help, kit.opportunity(s).visible }, { nil, true }, "before")
    s:act("microsoft-join", { id = deal, help = "QuotesOrLicensing" })
    s:rest()
    local o = kit.opportunity(s)
    t.ok(o.help, "Microsoft's help stands on the row")
    t.eq(s:command_json("deal", { deal }).crm.help, "QuotesOrLicensing")
    local _, theirs = kit.referrals(s)
    t.eq(#theirs, 1, "Microsoft's copies")
    kit.quiet(t, s)
  end)
end

return function(t)
  for _, row in ipairs(ACTS) do
    t.case("rule 16: " .. row[1] .. " is told and moves nothing", function() told(t, row) end)
  end
  t.case("rule 16: Microsoft's copy of a visible deal sets help in the CRM", function()
    joined(t)
  end)
end

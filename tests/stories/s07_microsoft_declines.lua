-- Situation 7: Microsoft declines its copy.  Ours stays open; the audit text and `cosell deal` say
-- it.
local kit = require "commands.kit"
local rules = require "commands.rules"

local SAID = "Microsoft declined the deal"

local function told(t, s)
  local o, ours = kit.opportunity(s), kit.referrals(s)[1]
  t.eq({ o.state, o.status }, { 0, 1 }, "the row is open")
  t.eq({ ours.status, ours.substatus }, { "Active", "Accepted" }, "ours is open")
  t.eq(rules.count(o.audit, SAID), 1, "audit: " .. o.audit)
  t.eq(s:command_json("deal", { o.id }).partner.microsoft_state, "declined")
  t.has((s:command("deal", { o.id })), "declined")
  t.eq(#s:command_json("conflicts"), 0, "conflicts")
  kit.quiet(t, s)
end

local function declined(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { help = "GeneralOrOther" })
    s:rest()
    s:act("microsoft-decline", { id = deal.id })
    s:rest()
    told(t, s)
    kit.describe(s, kit.opportunity(s).id, "ours goes on")
    s:rest()
    t.eq(kit.referrals(s)[1].details.notes, "ours goes on")
    told(t, s)
  end)
end

local function before_the_row(t)
  kit.with({}, function(s)
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", { help = "GeneralOrOther" })
    s:act("microsoft-decline", { id = deal.id })
    s:rest()
    told(t, s)
  end)
end

-- The seller wins the deal all the same.
local function won_all_the_same(t, first_win)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { help = "GeneralOrOther" })
    s:rest()
    s:set("lose_callbacks", true)
    local row = kit.opportunity(s).id
    local steps = { function() s:act("win", { id = row }) end,
      function() s:act("microsoft-decline", { id = deal.id }) end }
    steps[first_win and 1 or 2]()
    steps[first_win and 2 or 1]()
    s:rest()
    t.eq({ kit.opportunity(s).state, kit.referrals(s)[1].substatus }, { 1, "Won" })
    t.eq(rules.count(kit.opportunity(s).audit, SAID), 1, "audit: " .. kit.opportunity(s).audit)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 7: declined by Microsoft: ours stays open", function() declined(t) end)
  t.case("situation 7: declined before the row is made", function() before_the_row(t) end)
  t.case("situation 7: declined there, then won here, heard together",
    function() won_all_the_same(t, false) end)
  t.case("situation 7: won here, then declined there, heard together",
    function() won_all_the_same(t, true) end)
end

-- Situation 8: fourteen days without an answer.  Our copy: the row is Lost / Canceled; Microsoft's
-- copy: a line in the audit text, and no more.
local kit = require "commands.kit"
local rules = require "commands.rules"

local DAY_MS = 24 * 3600 * 1000
local LOST, CANCELED = 2, 4

local function ours(t, lost_event)
  kit.with({ clock = true }, function(s)
    s:act("microsoft-create", { kind = "cosell" })
    s:rest()
    t.eq(kit.opportunity(s).status, 2, "On Hold")
    s:set("lose_callbacks", lost_event)
    s:clock(15 * DAY_MS)
    s:act("expire")
    s:rest()
    local o, r = kit.opportunity(s), kit.referrals(s)[1]
    t.eq(r.status .. "/" .. r.substatus, "Closed/Expired")
    t.eq({ o.state, o.status }, { LOST, CANCELED })
    t.has(o.audit, "expired")
    kit.quiet(t, s)
  end)
end

local function theirs(t, lost_event)
  kit.with({ clock = true }, function(s)
    s:act("portal-create", { help = "GeneralOrOther" })
    s:rest()
    s:set("lose_callbacks", lost_event)
    s:clock(15 * DAY_MS)
    s:act("expire")
    s:rest()
    local _, copies = kit.referrals(s)
    t.eq(copies[1].status .. "/" .. copies[1].substatus, "Closed/Expired", "Microsoft's")
    local o, r = kit.opportunity(s), kit.referrals(s)[1]
    t.eq({ o.state, r.status }, { 0, "Active" }, "ours stays open")
    t.eq(rules.count(o.audit, "Microsoft did not answer in time"), 1, "audit: " .. o.audit)
    kit.quiet(t, s)
  end)
end

-- Accepted here on the last day, and expired there before it was heard.
local function too_late(t)
  kit.with({}, function(s)
    local deal = s:act("microsoft-create", { kind = "cosell" })
    s:rest()
    s:set("lose_callbacks", true)
    s:act("expire", { id = deal.id })
    s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
      values = { statuscode = 1 } })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.state, o.status }, { LOST, CANCELED }, "a newly closed referral closes the row")
    t.eq(kit.referrals(s)[1].substatus, "Expired")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 8: our copy expires: Lost / Canceled", function() ours(t, false) end)
  t.case("situation 8: our copy expires, its event is lost", function() ours(t, true) end)
  t.case("situation 8: Microsoft's copy expires: audit alone", function() theirs(t, false) end)
  t.case("situation 8: Microsoft's copy expires, its event is lost",
    function() theirs(t, true) end)
  t.case("situation 8: accepted here when it had expired there", function() too_late(t) end)
end

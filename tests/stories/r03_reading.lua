-- Rule 3: both sides are read before anything is decided; an unchanged tag counts as a reading, and
-- rows of other organisations are none.
local kit = require "commands.kit"
local rules = require "commands.rules"

local OTHER = "99999999-8888-4777-8666-555555555555"

local function echo(t)
  kit.started(function(s, deal, row)
    local last = tonumber((s:command("last")))
    kit.describe(s, row, "one")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "one")
    local echoes, crm = 0, 0
    for _, run in ipairs(s:runs()) do
      if run.id > last and run.outcome == "equal" then
        echoes, crm = echoes + 1, crm + (run.calls.crm or 0)
        t.eq(run.calls.partner_center, 1, "what an echo reads at Partner Center")
      end
    end
    t.ok(echoes > 0, "our own write was called back")
    t.eq(crm, 0, "what the echoes read of the CRM")
  end)
end

-- What an event says is old by the time it is read: both sides are looked at as they are.
local function late_event(t)
  kit.started(function(s, deal, row)
    s:set("delivery_delay_ms", 500)
    s:act("edit", { id = deal, notes = "first" })
    s:act("edit", { id = deal, notes = "second" })
    rules.edit(s, row, { estimatedvalue = 2000 })
    s:rest()
    t.eq(kit.opportunity(s).notes, "second")
    t.eq(tonumber(rules.referral(s, deal).details.dealValue), 2000)
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
  end)
end

-- Whether the deal of a referral was read: what was found of it by then.
local function looked_at(s, referral)
  for _, run in ipairs(s:command_json("runs", { referral }) or {}) do
    if run.outcome ~= "found" and run.outcome ~= "waiting" then
      return true
    end
  end
  return false
end

local function other_organisation(t)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    local foreign = s:act("portal-create", { name = "Somebody else's" }).id
    s:act("set-raw", { id = foreign, path = "organizationId", value = OTHER })
    kit.seen(s) -- before that it was ours
    s:set("lose_callbacks", false)
    s:command("sync")
    kit.wait("a look at it", function() return looked_at(s, foreign) end)
    s:act("edit", { id = deal, notes = "ours goes on" })
    kit.wait("the edit of ours", function()
      return kit.opportunity(s, row).notes == "ours goes on"
    end)
    t.eq(#kit.opportunities(s), 1, "opportunities")
    t.eq(rules.referral(s, foreign).externalReferenceId, nil, "nothing is written to it")
  end)
end

return function(t)
  t.case("rule 03: the echo of our own write reads one side and stops", function() echo(t) end)
  t.case("rule 03: what an event said is forgotten, both sides are read", function()
    late_event(t)
  end)
  t.case("rule 03: a referral of another organisation is nobody's here", function()
    other_organisation(t)
  end)
end

-- Rule 9: what is made at Partner Center is made once: an unsure create looks twice, a while apart,
-- before it is done again.
local kit = require "commands.kit"
local rules = require "commands.rules"

local LOOK_S, LAG_MS = 60, 30000
local LOOK_WITHIN_MS = 10000

-- Flow f off: nobody hears of a deal but by looking for it.
local function deaf(text)
  return (text:gsub("\n  settings = ", "\n  flows = { partner_center_to_dynamics = false },%0", 1))
end

local function first_look(s)
  kit.wait("the first look", function() return rules.turns(s, "waiting") > 0 end, LOOK_WITHIN_MS)
end

-- The answer to our POST is lost, and the list lags behind.
local function looks_twice(t)
  kit.with({ clock = true, settings = { look_wait = LOOK_S } }, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    s:set("read_lag_ms", LAG_MS)
    local posts = rules.counting(s, "partner", { method = "POST", path = "referrals" })
    s:fault("partner", { method = "POST", path = "referrals", drop = "after", count = 1 })
    s:act("create-opportunity", rules.deal())
    s:command("sync")
    first_look(s)
    s:clock(LAG_MS + 5000) -- first the list, then the look: the two notice the clock one by one
    s:clock(LOOK_S * 1000 - LAG_MS)
    kit.wait("the identifier on the row", function() return kit.opportunity(s).identifier end)
    s:rest()
    t.eq({ #kit.referrals(s), posts() }, { 1, 1 }, "referrals, and POSTs")
    kit.quiet(t, s)
  end)
end

-- Nothing was made: after both looks it is.
local function not_made(t)
  kit.with({ clock = true, settings = { look_wait = LOOK_S } }, function(s)
    s:rest()
    s:fault("partner", { method = "POST", path = "referrals", drop = "before", count = 1 })
    s:act("create-opportunity", rules.deal())
    s:command("sync")
    first_look(s)
    t.eq(#kit.referrals(s), 0, "not before the second look")
    s:clock(LOOK_S * 1000)
    kit.wait("the referral", function() return kit.referrals(s)[1] end)
    s:rest()
    t.eq(#kit.referrals(s), 1, "our referrals")
  end)
end

-- Two carry the row's id: neither is taken, and no third is made.
local function two_found(t)
  kit.with({ edit = deaf }, function(s)
    local row = s:act("create-opportunity", rules.deal { sync = false }).id
    s:act("portal-create", { name = "One", external = row })
    s:act("portal-create", { name = "Other", external = row })
    kit.seen(s)
    s:act("sync", { id = row })
    s:rest()
    t.eq(#kit.referrals(s), 2, "no third")
    local o = kit.opportunity(s)
    t.eq(#s:status().failed, 1, "what stands in the way")
    t.ok(not o.identifier, "neither is taken")
    t.has(s:status().failed[1].text, "two referrals carry this opportunity's id")
    t.has(o.audit, "two referrals carry this opportunity's id")
    t.has(o.name, "✖ ")
  end)
end

-- Help without a contact at Partner Center: it goes before, or with, the consent that freezes it.
local function upgraded(t)
  rules.sent({ deal = { contact = false } }, function(s, row, deal)
    t.eq(#rules.referral(s, deal).customerProfile.team, 0, "no contact yet")
    local account = kit.opportunity(s).row._parentaccountid_value
    local contact = s:act("create", { table = "contact", values = { firstname = "Ute",
      lastname = "Kern", emailaddress1 = "ute@elbe.example", telephone1 = "+49431000001",
      parentcustomerid = { table = "account", id = account } } }).id
    rules.edit(s, row, { parentcontactid = { table = "contact", id = contact },
      [rules.HELP] = "General or other" })
    s:rest()
    local _, theirs = kit.referrals(s)
    t.eq(#theirs, 1, "Microsoft's copies; audit: " .. kit.opportunity(s).audit)
    t.eq(rules.referral(s, deal).customerProfile.team[1].email, "ute@elbe.example")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("rule 09: an answer is lost and the list lags: it looks again before it posts", function()
    looks_twice(t)
  end)
  t.case("rule 09: what was not made is made after the second look", function() not_made(t) end)
  t.case("rule 09: two that carry the row's id stop it, and no third is made", function()
    two_found(t)
  end)
  t.case("rule 09: a conversion sends the contact before consent freezes it", function()
    upgraded(t)
  end)
end

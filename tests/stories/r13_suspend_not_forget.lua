-- Rule 13: a side that is gone, or switched off, suspends the deal; nothing is deleted on the other
-- side, and a deleted row is not made again by itself.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function referral_gone(t)
  kit.started(function(s, deal, row)
    s:act("vanish", { id = deal })
    kit.describe(s, row, "goes nowhere")
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.id, o.notes, o.identifier }, { row, "goes nowhere", deal }, "the row stays")
    t.has(o.audit, "not at Partner Center any more")
    t.eq(s:command_json("deal", { row }).state, "gone")
    t.eq(#kit.referrals(s), 0, "and no other referral is made")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

-- Partner Center only says that it does not know the engagement.
local function gone_while_inviting(t)
  kit.started(function(s, deal, row)
    local invite = { method = "POST", path = "/referrals", delay_ms = 1500 }
    local held = rules.holding(s, "partner", invite)
    rules.edit(s, row, { [rules.HELP] = "General or other" })
    s:command("sync")
    held()
    s:act("vanish", { id = deal })
    s:rest()
    local audit = kit.opportunity(s).audit
    t.has(audit, "not at Partner Center any more")
    t.ok(not audit:find("refused", 1, true), audit)
    t.eq(s:command_json("deal", { row }).state, "gone")
    t.eq({ #s:rows("referral"), s:status().queue.dead }, { 0, 0 }, "referrals, dead letters")
    kit.quiet(t, s)
  end)
end

local function nothing_recreates(t)
  kit.started(function(s, deal, row)
    s:act("delete", { table = "opportunity", id = row })
    s:rest()
    s:act("edit", { id = deal, notes = "an event" })
    s:rest()
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq(#kit.opportunities(s), 0, "opportunities")
    t.eq({ #kit.referrals(s), rules.stands(s, deal) }, { 1, "Active/Accepted" },
      "the referral stays as it is")
    t.eq(rules.referral(s, deal).externalReferenceId, row, "and names the row that was")
  end)
end

local function off(t)
  kit.started(function(s, deal, row)
    s:act("sync", { id = row, sync = "no" })
    s:rest()
    t.eq(rules.writes_by(s, function()
      kit.describe(s, row, "ours")
      s:act("edit", { id = deal, value = 5 })
      s:rest()
      s:command("sync", { "--all", "--apply" })
    end), 0, "writes while it is off")
    t.eq(s:command_json("deal", { row }).state, "suspended")
    s:act("sync", { id = row })
    s:rest()
    t.eq({ rules.referral(s, deal).details.notes, tonumber(kit.opportunity(s).value) },
      { "ours", 5 }, "merged from the kept bases")
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
  end)
end

return function(t)
  t.case("rule 13: a referral that is gone suspends the deal, and the row says so", function()
    referral_gone(t)
  end)
  t.case("rule 13: a referral that goes while Microsoft is invited is gone, not refused", function()
    gone_while_inviting(t)
  end)
  t.case("rule 13: neither an event nor a comparison makes a deleted row again", function()
    nothing_recreates(t)
  end)
  t.case("rule 13: with Sync off nothing is written, and on again all of it is", function()
    off(t)
  end)
end

-- Rule 7: only what differs is written, in as few writes as can be, and never over a change that
-- was not read: every write has If-Match.
local kit = require "commands.kit"
local rules = require "commands.rules"

-- What a turn writes at Partner Center.
local function counters(s)
  return rules.counting(s, "partner", { method = "PATCH", path = "referrals/" }),
    rules.counting(s, "partner", { method = "PUT", path = "referrals/" })
end

local function one_put(t)
  kit.started(function(s, deal, row)
    local patches, puts = counters(s)
    rules.edit(s, row, { name = "Renamed", estimatedvalue = 2000, description = "all at once" })
    s:act("win", { id = row })
    s:rest()
    t.eq({ patches(), puts() }, { 0, 1 }, "PATCH and PUT")
    local r = rules.referral(s, deal)
    t.eq({ r.name, tonumber(r.details.dealValue), r.details.notes, rules.stands(s, deal) },
      { "Renamed", 2000, "all at once", "Closed/Won" })
    kit.quiet(t, s)
  end)
end

local function one_patch(t)
  kit.started(function(s, deal, row)
    local patches, puts = counters(s)
    rules.edit(s, row, { estimatedvalue = 2000, description = "last words" })
    s:act("lose", { id = row })
    s:rest()
    t.eq({ patches(), puts() }, { 1, 0 }, "PATCH and PUT")
    t.eq({ rules.referral(s, deal).details.notes, rules.stands(s, deal) },
      { "last words", "Closed/Lost" })
  end)
end

-- The portal saves between our reading and our PATCH.
local function changed_between(t)
  kit.started(function(s, deal, row)
    local held = rules.holding(s, "partner", { method = "PATCH", delay_ms = 1500 })
    kit.describe(s, row, "ours")
    s:command("sync")
    held()
    s:act("edit", { id = deal, value = 2000 })
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.details.notes, tonumber(r.details.dealValue) }, { "ours", 2000 }, "Partner Center")
    t.eq({ kit.opportunity(s).notes, tonumber(kit.opportunity(s).value) }, { "ours", 2000 },
      "the CRM")
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
  end)
end

-- The row is deleted between our reading and our write: no write makes it anew.
local function deleted_between(t)
  kit.started(function(s, deal, row)
    local held = rules.holding(s, "crm", { method = "POST", path = "$batch", delay_ms = 1500 })
    s:act("edit", { id = deal, notes = "theirs" })
    held()
    s:act("delete", { table = "opportunity", id = row })
    s:rest()
    t.eq(#kit.opportunities(s), 0, "opportunities")
    t.eq(s:command_json("deal", { deal }).state, "deleted")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

local function for_ever(t)
  kit.started(function(s, deal, row)
    local patches = rules.counting(s, "partner", { method = "PATCH", path = "referrals/" })
    s:fault("partner", { method = "PATCH", status = 412, count = 100 })
    kit.describe(s, row, "never taken")
    s:command("sync")
    kit.wait("the end of trying", function() return s:idle() and patches() > 1 end)
    t.ok(patches() >= 5 and patches() <= 6, "rounds: " .. patches())
    t.eq(s:command_json("deal", { deal }).frozen, nil, "what was not taken is no write")
    t.eq(s:status().failed[1].why, "conflict")
    local left = s:command_json("conflicts")[1]
    t.eq({ left.rounds, left.number }, { 5 })
    local said = s:command("conflicts")
    t.has(said, "changed at each of 5 tries to write it\n")
    t.has(said:gsub("%s+", " "), "cosell retry " .. left.deal)
    s:say("fault", { "clear" })
    s:act("edit", { id = deal, value = 2000 })
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "never taken", "the next change brings it along")
  end)
end

local function one_change_set(t)
  kit.started(function(s, deal)
    local batches = rules.counting(s, "crm", { method = "POST", path = "$batch" })
    s:act("edit", { id = deal, notes = "last words", value = 2000 })
    s:act("close", { id = deal, state = "lost" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.notes, tonumber(o.value), o.state }, { "last words", 2000, 2 })
    t.ok(batches() <= 2, "change sets: " .. batches())
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("rule 07: a rename, other values and the state go in one PUT", function() one_put(t) end)
  t.case("rule 07: closing takes all that differs along in one PATCH", function()
    one_patch(t)
  end)
  t.case("rule 07: a portal edit behind our reading is not overwritten", function()
    changed_between(t)
  end)
  t.case("rule 07: a row deleted behind our reading is not revived", function()
    deleted_between(t)
  end)
  t.case("rule 07: after five rounds it is left, and comes with the next change", function()
    for_ever(t)
  end)
  t.case("rule 07: a closing and its last values are one change set in the CRM", function()
    one_change_set(t)
  end)
end

-- Rule 15: changes in bulk, a state from a backup, and a record written in circles stop the writing
-- until a person has looked; an outage is none of these.
local kit = require "commands.kit"
local rules = require "commands.rules"

local MANY = 26
local HOUR_MS = 3600000
local PRIVATE = 384 -- 0600

local function many(body)
  kit.with({}, function(s)
    for i = 1, MANY do
      s:act("portal-create", { name = "Deal " .. i, value = 1000 * i, currency = "USD" })
    end
    kit.wait("the deals", function() return #kit.opportunities(s) == MANY end)
    s:rest()
    body(s, kit.opportunities(s))
  end)
end

local function pause_of(s)
  return (s:status().brake or {}).cause
end

local function bulk_edit(t)
  many(function(s, all)
    t.eq(rules.writes_by(s, function()
      for i, o in ipairs(all) do
        rules.edit(s, o.id, { estimatedvalue = i })
      end
    end), 0, "writes")
    t.eq(pause_of(s), "many_changes")
    local text, exit = s:command("status")
    t.has(text, "paused")
    t.eq(exit, 1, "status says that a person is needed")
    t.eq(tonumber(kit.referrals(s)[1].details.dealValue) >= 1000, true, "nothing was sent")
    t.has((s:command("sync", { "--all" })), tostring(MANY))
    t.eq(pause_of(s), "many_changes", "looking does not go on")
    s:command("sync", { "--all", "--apply" })
    s:rest()
    for _, r in ipairs((kit.referrals(s))) do
      t.ok(tonumber(r.details.dealValue) < 1000, "sent once approved: " .. r.name)
    end
    t.eq(pause_of(s), nil)
  end)
end

-- Deals that are being made have not been the same on both sides yet: they do not change.
local function many_new(t)
  kit.with({}, function(s)
    local held = rules.holding(s, "crm", { method = "POST", path = "$batch", delay_ms = 1500 })
    s:fault("crm", { method = "POST", path = "$batch", delay_ms = 1500, count = MANY })
    for i = 1, MANY do
      s:act("portal-create", { name = "Deal " .. i, value = 1000 * i, currency = "USD" })
    end
    held()
    s:command("sync")
    kit.wait("the deals", function() return #kit.opportunities(s) == MANY end)
    s:rest()
    t.eq(pause_of(s), nil)
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function bulk_deletion(t)
  many(function(s, all)
    for _, o in ipairs(all) do
      s:act("delete", { table = "opportunity", id = o.id })
    end
    s:rest()
    -- their solution rows go with them: whichever of the two tables is read first tells
    t.ok(pause_of(s):find("^many_"), "paused: " .. pause_of(s))
    t.eq(s:status().deals.deleted or 0, 0, "none is given up yet")
  end)
end

-- Something sets back what the portal says, again and again.
local function circle(s, deal, row)
  for _ = 1, 4 do
    s:act("edit", { id = deal, notes = "theirs" })
    s:rest()
    kit.describe(s, row, "ours")
    s:rest()
  end
end

local function circles(t)
  kit.started(function(s, deal, row)
    circle(s, deal, row)
    local d = s:command_json("deal", { row })
    t.has(d.frozen, "in ten minutes")
    t.has(kit.opportunity(s).name, "✖ ")
    t.eq(rules.writes_by(s, function()
      s:act("edit", { id = deal, notes = "theirs again" })
    end), 0, "writes while it is frozen")
    local other = s:act("portal-create", { name = "Another deal" }).id
    s:rest()
    t.eq(#kit.opportunities(s), 2, "other deals go on")
    t.eq(s:command_json("deal", { other }).frozen, nil)
    t.has((s:command("status")), "frozen")
    t.eq(select(2, s:command("deal", { "release", row })), 0)
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "ours", "released, it is written again")
  end)
end

-- Nothing can be sent before the deal is accepted, so what the CRM holds against the portal's edits
-- is told and no more: people who edit, and no circle.
local function edited_apace(t)
  kit.with({}, function(s)
    local deal = s:act("microsoft-create", { value = 1000, currency = "USD", notes = "v0" }).id
    s:rest()
    local row = kit.opportunity(s).id
    kit.describe(s, row, "ours")
    s:rest()
    for i = 1, 8 do
      s:act("edit", { id = deal, notes = "theirs " .. i })
      s:rest()
    end
    local o, d = kit.opportunity(s), s:command_json("deal", { row })
    t.eq(d.frozen, nil, "frozen")
    t.has(o.audit, "theirs 8")
    t.eq(o.notes, "ours")
    s:act("edit", { id = deal, value = 2000 })
    s:rest()
    t.eq(tonumber(kit.opportunity(s).value), 2000, "it goes on")
    kit.quiet(t, s)
  end)
end

-- A service that is down for minutes is asked again and again: that is no circle.
local function outage(t)
  rules.sent({ clock = true }, function(s, row, deal)
    s:fault("partner", { method = "PATCH", status = 503, count = 8 })
    kit.describe(s, row, "through an outage")
    s:command("sync")
    kit.wait("the end of the outage", function()
      s:clock(30000)
      return s:say("fault")[1].count == 0 or s:command_json("deal", { row }).frozen
    end)
    kit.wait("the edit", function()
      s:clock(60000)
      return rules.referral(s, deal).details.notes == "through an outage" or
        s:command_json("deal", { row }).frozen
    end)
    t.eq(s:command_json("deal", { row }).frozen, nil, "frozen")
    t.eq(rules.referral(s, deal).details.notes, "through an outage")
  end)
end

-- The state file of an hour ago is put back.
local function restored_state(t)
  kit.with({ clock = true }, function(s)
    s:set("refresh_rotation", "lenient") -- the token of then still signs in
    local deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    local row = kit.opportunity(s).id
    s:host_stop()
    local names = { "", "-wal" }
    local kept = {}
    for i, name in ipairs(names) do
      kept[i] = host.file.read(s.state .. name)
    end
    s:host_start(s.host_options)
    s:host_ready()
    s:clock(HOUR_MS)
    s:act("edit", { id = deal, value = 2000 })
    s:rest()
    s:host_stop()
    for i, name in ipairs(names) do
      host.file.remove(s.state .. name)
      if kept[i] then
        assert(host.file.write(s.state .. name, kept[i], PRIVATE))
      end
    end
    host.file.remove(s.state .. "-shm")
    kit.describe(s, row, "edited behind the restored state")
    s:host_start(s.host_options)
    s:host_ready()
    t.eq(rules.writes_by(s, function() end), 0, "writes")
    t.eq(pause_of(s), "restored_state")
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "edited behind the restored state")
    t.eq(tonumber(rules.referral(s, deal).details.dealValue), 2000, "what was newer stays")
    t.eq(pause_of(s), nil)
  end)
end

return function(t)
  t.case("rule 15: an edit of many deals at once pauses, and an approval goes on", function()
    bulk_edit(t)
  end)
  t.case("rule 15: many new deals at once are no change", function() many_new(t) end)
  t.case("rule 15: many rows deleted at once pause", function() bulk_deletion(t) end)
  t.case("rule 15: a record that is written in circles is frozen and named", function()
    circles(t)
  end)
  t.case("rule 15: many edits that are told and cannot be sent are no circle", function()
    edited_apace(t)
  end)
  t.case("rule 15: an outage of the service freezes nothing", function() outage(t) end)
  t.case("rule 15: a state file from a backup pauses", function() restored_state(t) end)
end

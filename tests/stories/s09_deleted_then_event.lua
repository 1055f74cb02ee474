-- Situation 9: a seller deletes the opportunity, then an event comes.  The deletion stands, in
-- whatever order the two are heard; a person can have the row made anew.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function delete(s, row)
  s:act("delete", { table = "opportunity", id = row })
end

local function edit(s, deal)
  s:act("edit", { id = deal, notes = "still going on" })
end

local function tombstone(t, s, deal)
  t.eq(#kit.opportunities(s), 0, "opportunities")
  t.eq(#kit.referrals(s), 1, "nothing is deleted on the other side")
  t.eq(kit.referrals(s)[1].status, "Active")
  t.eq(s:command_json("deal", { deal }).state, "deleted")
  local deals = s:status().deals
  t.eq({ deals.total, deals.deleted }, { 1, 1 }, "deals")
  t.eq(s:status().queue.dead, 0, "dead letters")
  kit.quiet(t, s)
end

local function deletion_first(t)
  kit.started(function(s, deal, row)
    delete(s, row)
    s:rest()
    tombstone(t, s, deal)
    edit(s, deal)
    s:rest()
    tombstone(t, s, deal)
  end)
end

-- The event tells of the deal before the CRM's changes are read.
local function event_first(t)
  kit.started(function(s, deal, row)
    delete(s, row)
    edit(s, deal)
    kit.wait("the deletion to be noticed", function()
      return s:command_json("deal", { deal }).state == "deleted"
    end)
    s:rest()
    tombstone(t, s, deal)
  end)
end

local function event_late(t)
  kit.started(function(s, deal, row)
    s:set("delivery_delay_ms", 1000)
    edit(s, deal)
    delete(s, row)
    s:rest()
    tombstone(t, s, deal)
  end)
end

local function compared(t)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    delete(s, row)
    edit(s, deal)
    s:command("sync", { "--all", "--apply" })
    s:rest()
    s:command("sync", { "--all", "--apply" })
    s:rest()
    tombstone(t, s, deal)
  end)
end

local function closed_after(t)
  kit.started(function(s, deal, row)
    delete(s, row)
    s:rest()
    s:act("close", { id = deal, state = "lost" })
    s:rest()
    t.eq(#kit.opportunities(s), 0, "opportunities")
    t.eq(s:command_json("deal", { deal }).state, "deleted")
    kit.quiet(t, s)
  end)
end

local function restored(t, s, deal, old)
  t.has((s:command("deal", { "restore", deal })), "its row is made anew now")
  s:rest()
  local rows = kit.opportunities(s)
  t.eq(#rows, 1, "opportunities")
  t.ok(rows[1].id ~= old, "a new row")
  t.eq({ rows[1].identifier, rows[1].notes, rows[1].sync }, { deal, "still going on", true })
  t.eq(kit.referrals(s)[1].externalReferenceId, rows[1].id, "the referral names the new row")
  kit.quiet(t, s)
  kit.describe(s, rows[1].id, "from the new row")
  s:rest()
  t.eq(kit.referrals(s)[1].details.notes, "from the new row", "it is linked")
  kit.quiet(t, s)
end

local function restore(t)
  kit.started(function(s, deal, row)
    delete(s, row)
    edit(s, deal)
    s:rest()
    tombstone(t, s, deal)
    restored(t, s, deal, row)
  end)
end

-- The write of the new row's id to the referral does not come through at first: until it has, the
-- referral names the old row, and is ours all the same.
local function restored_in_trouble(t, trouble)
  kit.started(function(s, deal, row)
    delete(s, row)
    edit(s, deal)
    s:rest()
    tombstone(t, s, deal)
    trouble.method, trouble.path, trouble.count = "PATCH", "/referrals/", 1
    s:fault("partner", trouble)
    restored(t, s, deal, row)
  end)
end

-- The event made it a tombstone; the CRM's own news of the deletion comes after the restoring.
local function restore_before_the_news(t)
  kit.started(function(s, deal, row)
    delete(s, row)
    edit(s, deal)
    kit.wait("the deletion to be noticed", function()
      return s:command_json("deal", { deal }).state == "deleted"
    end)
    restored(t, s, deal, row)
  end)
end

-- The row was made, but its making had no answer; its seller deletes it, and the CRM's changes,
-- which tell that, can't be read for a while.
local function making_unsure(t)
  kit.with({}, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    s:fault("crm", { method = "POST", path = "$batch", drop = "after", count = 1, skip = 1 })
    s:fault("crm", { method = "GET", path = "deltatoken", status = 503, count = 1000 })
    local deal = s:act("portal-create", { name = "Deal" }).id
    s:command("sync")
    kit.wait("the row", function() return kit.opportunities(s)[1] end)
    delete(s, kit.opportunities(s)[1].id)
    kit.wait("that nothing is known of the row", function()
      return rules.turns(s, "waiting") >= 2 or #kit.opportunities(s) > 0
    end)
    t.eq(#kit.opportunities(s), 0, "opportunities while the CRM's changes can't be read")
    s:fault("clear")
    s:rest()
    tombstone(t, s, deal)
  end)
end

return function(t)
  t.case("situation 9: deleted, then an event", function() deletion_first(t) end)
  t.case("situation 9: the event is heard before the deletion", function() event_first(t) end)
  t.case("situation 9: an edit from before the deletion is called back after it",
    function() event_late(t) end)
  t.case("situation 9: comparing both sides makes nothing anew", function() compared(t) end)
  t.case("situation 9: the referral of a deleted row is closed", function() closed_after(t) end)
  t.case("situation 9: a person has the row made anew", function() restore(t) end)
  t.case("situation 9: made anew, the referral changes at the same moment",
    function() restored_in_trouble(t, { status = 412 }) end)
  t.case("situation 9: made anew, the answer of the referral is lost",
    function() restored_in_trouble(t, { drop = "after" }) end)
  t.case("situation 9: made anew before the CRM's news of the deletion are read",
    function() restore_before_the_news(t) end)
  t.case("situation 9: deleted before its making was answered, and the news of it can't be read",
    function() making_unsure(t) end)
end

-- Situation 16: the CRM is restored from a backup.  All writing pauses, on both sides, until a
-- person has compared them and says so; nothing is made twice.
local kit = require "commands.kit"

local RESTORED = "the CRM went back in time"

local function portal_deal(s, name)
  return s:act("portal-create", { name = name, value = 1000, currency = "USD" }).id
end

local function row_of(s, deal)
  for _, o in ipairs(kit.opportunities(s)) do
    if o.identifier == deal then
      return o
    end
  end
  return nil
end

local function notes_of(s, deal)
  return s:row("referral", deal).details.notes
end

local function paused(t, s)
  local status = s:status()
  t.ok(status.brake, "a pause; status: " .. s:command("status"))
  local text, exit = s:command("status")
  t.has(text, "paused since")
  t.has(text, RESTORED)
  t.eq(exit, 1, "exit status of status")
end

local function goes_on(t, s)
  s:command("sync", { "--all", "--apply" })
  s:rest()
  t.ok(not s:status().brake, "no pause any more")
end

-- A deal edited on both sides since the backup, whose restored row is then edited once more.
local function edited_since(t, future_delta, edit_after)
  kit.with({}, function(s)
    s:set("future_delta", future_delta)
    local deal = portal_deal(s, "Plant")
    s:rest()
    s:act("backup")
    kit.describe(s, row_of(s, deal).id, "since the backup")
    s:rest()
    t.eq(notes_of(s, deal), "since the backup")
    s:act("restore-backup")
    edit_after(s, deal)
    local writes = kit.writes(s)
    s:rest()
    paused(t, s)
    s:act("edit", { id = deal, value = 5000 })
    s:rest()
    t.eq(kit.writes(s), writes, "writes while paused")
    goes_on(t, s)
    local o = row_of(s, deal)
    t.eq({ tonumber(o.value), o.notes }, { 5000, notes_of(s, deal) }, "both sides are equal")
    t.eq({ #kit.opportunities(s), #kit.referrals(s) }, { 1, 1 }, "rows, referrals")
    kit.quiet(t, s)
  end)
end

local function row_edited(s, deal)
  kit.describe(s, row_of(s, deal).id, "after the restore")
end

local function portal_edited(s, deal)
  s:act("edit", { id = deal, closing_date = "2031-08-31T00:00:00Z" })
end

local function nobody_edits() end

-- A deal that the CRM has forgotten altogether.
local function made_since(t, future_delta)
  kit.with({}, function(s)
    s:set("future_delta", future_delta)
    local old = portal_deal(s, "Old")
    s:rest()
    s:act("backup")
    local new = portal_deal(s, "New")
    s:rest()
    t.eq(#kit.opportunities(s), 2)
    s:act("restore-backup")
    local writes = kit.writes(s)
    s:rest()
    paused(t, s)
    s:act("edit", { id = new, notes = "meanwhile" })
    s:act("edit", { id = old, notes = "meanwhile" })
    s:rest()
    t.eq(kit.writes(s), writes, "writes while paused")
    t.eq(#kit.opportunities(s), 1, "nothing is made anew by itself")
    goes_on(t, s)
    t.eq(row_of(s, old).notes, "meanwhile")
    t.eq(#kit.referrals(s), 2, "referrals")
    kit.quiet(t, s)
  end)
end

-- A deal that was sent after the backup: its row says that it was never sent.
local function sent_since(t)
  kit.with({}, function(s)
    portal_deal(s, "Old")
    s:rest()
    local row = s:act("create-opportunity", { name = "Harbour", value = 90000, currency = "EUR",
      closing_date = "2031-09-30", account = "Larkfield Foods Ltd", contact = "Owen Pryce",
      solutions = { "SOL-10001-ABC" } }).id
    s:act("backup")
    s:act("sync", { id = row })
    s:rest()
    t.eq(#kit.referrals(s), 2, "it was sent")
    s:act("restore-backup")
    s:act("sync", { id = row })
    local writes = kit.writes(s)
    s:rest()
    paused(t, s)
    t.eq(kit.writes(s), writes, "writes while paused")
    goes_on(t, s)
    t.eq(#kit.referrals(s), 2, "not sent a second time")
    t.ok(kit.opportunity(s, row).identifier, "the row carries its identifier again")
    kit.quiet(t, s)
  end)
end

-- The pause outlives the host.
local function restarted(t)
  kit.with({}, function(s)
    local deal = portal_deal(s, "Plant")
    s:rest()
    s:act("backup")
    kit.describe(s, row_of(s, deal).id, "since the backup")
    s:rest()
    s:act("restore-backup")
    s:host_stop()
    s:host_start(s.host_options)
    s:host_ready()
    s:rest()
    paused(t, s)
    local writes = kit.writes(s)
    s:host_stop("KILL")
    s:host_start(s.host_options)
    s:host_ready()
    s:act("edit", { id = deal, notes = "meanwhile" })
    s:rest()
    paused(t, s)
    t.eq(kit.writes(s), writes, "writes while paused")
  end)
end

return function(t)
  t.case("situation 16: a restored row is edited: pause",
    function() edited_since(t, "empty", row_edited) end)
  t.case("situation 16: the portal is edited first: pause",
    function() edited_since(t, "empty", portal_edited) end)
  t.case("situation 16: nobody edits anything: pause",
    function() edited_since(t, "empty", nobody_edits) end)
  t.case("situation 16: the CRM's link from the future has expired: pause",
    function() edited_since(t, "expired", nobody_edits) end)
  t.case("situation 16: a row that the backup does not have",
    function() made_since(t, "empty") end)
  t.case("situation 16: a row that the backup does not have, and the CRM's link has expired",
    function() made_since(t, "expired") end)
  t.case("situation 16: a row that was sent since is not sent again",
    function() sent_since(t) end)
  t.case("situation 16: the pause outlives the host", function() restarted(t) end)
end

-- Story 14: what is held back: deals that are still being typed, deals that nobody asked for, deals
-- whose sync is off, deals of others.
local kit = require "commands.kit"

local DEAL = { name = "Harbour crane upgrade", value = 90000, currency = "EUR",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  solutions = { "SOL-10001-ABC" }, sync = true }
local HELP = "Proof of concept / demo"

local function cosell_deal()
  local out = { help = HELP }
  for name, value in pairs(DEAL) do
    out[name] = value
  end
  return out
end

-- Time goes on for everybody.
local function pass(s, ms)
  s.passed = (s.passed or 0) + ms
  s:set("clock_offset_ms", s.passed)
  assert(host.control.call(s.control, "clock", { "+" .. ms }))
end

-- Reads what changed and works off what is due now; what waits for its time stays.
local function look(s)
  local before
  kit.wait("a look that finds nothing to do", function()
    before = s:command("last")
    s:command("sync")
    kit.wait("the host at rest", function()
      local queue = s:status().queue
      return queue.due == 0 and queue.running == 0 and s:say("pending").deliveries == 0
    end)
    return s:command("last") == before
  end)
end

local function referrals(s)
  local ours, theirs = kit.referrals(s)
  return #ours, #theirs
end

-- ---- settle time

local function settles(t)
  kit.with({ settings = { settle = 60 } }, function(s)
    s:act("create-opportunity", cosell_deal())
    look(s)
    t.eq({ referrals(s) }, { 0, 0 }, "nothing is sent at once")
    pass(s, 50000)
    look(s)
    t.eq({ referrals(s) }, { 0, 0 }, "nothing is sent after 50 s")
    t.eq(kit.opportunity(s).audit, "", "nor is anything said")
    pass(s, 12000)
    look(s)
    t.eq({ referrals(s) }, { 1, 1 }, "it is sent after 62 s")
    t.eq(kit.opportunity(s).name, "✔ Harbour crane upgrade")
    kit.quiet(t, s)
  end)
end

local function settles_anew(t)
  kit.with({ settings = { settle = 60 } }, function(s)
    local id = s:act("create-opportunity", cosell_deal()).id
    look(s)
    pass(s, 50000)
    s:act("edit", { table = "opportunity", id = id, values = { description = "not ready yet" } })
    look(s)
    pass(s, 50000)
    look(s)
    t.eq({ referrals(s) }, { 0, 0 }, "the edit begins the time anew")
    pass(s, 12000)
    look(s)
    t.eq({ referrals(s) }, { 1, 1 })
    t.eq(kit.referrals(s)[1].details.notes, "not ready yet")
  end)
end

local function settles_with_solutions(t)
  kit.with({ settings = { settle = 60 } }, function(s)
    local id = s:act("create-opportunity", cosell_deal()).id
    look(s)
    for _, solution in ipairs { "SOL-10002-DEF", "SOL-10003-GHI" } do
      pass(s, 40000)
      look(s)
      t.eq({ referrals(s) }, { 0, 0 }, "nothing is sent while solutions are being added")
      s:act("add-solution", { opportunity = id, solution = solution })
      look(s)
    end
    pass(s, 62000)
    look(s)
    t.eq({ referrals(s) }, { 1, 1 })
    t.eq(#kit.referrals(s)[1].details.requirements.solutions, 3, "one share with all solutions")
    kit.quiet(t, s)
  end)
end

local function upgrade_settles(t)
  kit.with({ settings = { settle = 60 } }, function(s)
    local id = s:act("create-opportunity", DEAL).id
    look(s)
    pass(s, 62000)
    look(s)
    t.eq({ referrals(s) }, { 1, 0 }, "a deal of our own")
    s:act("edit", { table = "opportunity", id = id,
      values = { msft_microsoftpartnercenterhelp = HELP } })
    look(s)
    t.eq({ referrals(s) }, { 1, 0 }, "an upgrade waits as well")
    pass(s, 62000)
    look(s)
    t.eq({ referrals(s) }, { 1, 1 }, "it is upgraded after 62 s")
    kit.quiet(t, s)
  end)
end

local function update_does_not_wait(t)
  kit.with({ settings = { settle = 60 } }, function(s)
    local made = s:act("portal-create", { name = "Lantern order" })
    look(s)
    kit.wait("its row", function() return #kit.opportunities(s) == 1 end)
    s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
      values = { description = "at once" } })
    look(s)
    kit.wait("the update, which never waits", function()
      return kit.referrals(s)[1].details.notes == "at once"
    end)
    t.eq(kit.referrals(s)[1].id, made.id)
  end)
end

-- ---- which referrals come in

local function set_inbound(s, value)
  local before = s:status().generation
  assert(host.file.write(s.profile .. "/profile.lua",
    kit.profile_text(s, s.port, { inbound = ("%q"):format(value) })))
  kit.wait("the new generation", function() return s:status().generation > before end)
end

local function left_out(t, inbound)
  kit.with({ settings = { inbound = ("%q"):format(inbound) } }, function(s)
    local accounts = #s:rows("crm:account")
    local made = s:act("portal-create", { name = "Not asked for" })
    s:rest()
    t.eq(#kit.opportunities(s), 0, "opportunities")
    t.eq(#s:rows("crm:account"), accounts, "accounts")
    t.eq(kit.writes(s), 0, "writes")
    s:act("edit", { id = made.id, notes = "still not asked for" })
    s:rest()
    t.eq(kit.writes(s), 0, "writes")
    t.eq(s:runs(1)[1].outcome, "left out")
    s:act("create-opportunity", cosell_deal())
    s:rest()
    t.eq({ referrals(s) }, { 2, 1 }, "our own deals go out as ever")
    t.eq(#kit.opportunities(s), 1, "opportunities")
    kit.quiet(t, s)
    set_inbound(s, "all")
    s:act("edit", { id = made.id, notes = "now it is" })
    s:rest()
    t.eq(#kit.opportunities(s), 2, "with `all` it comes")
    kit.quiet(t, s)
  end)
end

local function linked_travels(t)
  kit.with({ settings = { inbound = '"linked"' } }, function(s)
    s:act("create-opportunity", cosell_deal())
    s:rest()
    local ours = kit.referrals(s)[1]
    s:act("edit", { id = ours.id, notes = "from the portal" })
    s:rest()
    t.eq(kit.opportunity(s).notes, "from the portal", "a linked deal's changes come in")
    s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
      values = { estimatedvalue = 95000 } })
    s:rest()
    t.eq(tonumber(kit.referrals(s)[1].details.dealValue), 95000, "and go out")
    kit.quiet(t, s)
  end)
end

-- A referral that carries the id of a row this CRM does not know belongs to another CRM.
local function foreign(t, inbound)
  kit.with({ settings = { inbound = ("%q"):format(inbound) } }, function(s)
    local id = host.uuid()
    s:act("portal-create", { name = "Of another CRM", externalReferenceId = id })
    s:rest()
    t.eq(kit.referrals(s)[1].externalReferenceId, id, "its mark is left alone")
    t.eq(#kit.opportunities(s), 0, "opportunities")
    t.eq(kit.writes(s), 0, "writes")
    kit.quiet(t, s)
  end)
end

-- A staging host has no callbacks, and of the referrals takes in only what is linked.
local function staging(t)
  kit.with({ host = false }, function(s)
    local text = kit.profile_text(s, s.port):gsub('stage = "sandbox"', 'stage = "staging"')
      :gsub("listen = %b{},", ""):gsub(",%s*practice_origin = [^ ]*", "")
    assert(host.file.write(s.profile .. "/profile.lua", text))
    s:host_start { profile = s.profile, state = s.state }
    s:host_ready()
    s:act("portal-create", { name = "Production's own" })
    s:rest()
    t.eq(#kit.opportunities(s), 0, "opportunities")
    t.eq(kit.writes(s), 0, "writes")
    t.eq(s:say("pending").registered, false, "it registers for no callbacks")
    t.has((s:command("status")), "stage staging")
  end)
end

-- ---- sync off and on

local SYNC = "msft_microsoftpartnercenterreferralsync"

local function edit_row(s, values)
  s:act("edit", { table = "opportunity", id = kit.opportunity(s).id, values = values })
end

local function off_and_on(t)
  kit.with({}, function(s)
    local made = s:act("portal-create", { name = "Lantern order", value = 1000, currency = "USD",
      notes = "as agreed" })
    s:rest()
    edit_row(s, { [SYNC] = false })
    s:rest()
    local writes = kit.writes(s)
    edit_row(s, { estimatedvalue = 2000, description = "ours" })
    s:act("edit", { id = made.id, name = "Lantern order, larger", notes = "theirs" })
    s:rest()
    t.eq(kit.writes(s), writes, "writes while sync is off")
    t.eq(tonumber(kit.referrals(s)[1].details.dealValue), 1000)
    t.eq(kit.opportunity(s).name, "✔ Lantern order")
    edit_row(s, { [SYNC] = true })
    s:rest()
    local o, r = kit.opportunity(s), kit.referrals(s)[1]
    t.eq(tonumber(r.details.dealValue), 2000, "changed in the CRM alone")
    t.eq(o.name, "✔ Lantern order, larger", "changed at Partner Center alone")
    t.eq(r.details.notes, "ours", "changed on both: the CRM's")
    t.eq(o.notes, "ours")
    local conflicts = s:command_json("conflicts")
    t.eq(#conflicts, 1, "conflicts")
    t.eq(conflicts[1].partner, "theirs")
    t.eq({ referrals(s) }, { 1, 0 }, "nothing is made anew")
    t.eq(#kit.opportunities(s), 1)
    kit.quiet(t, s)
  end)
end

local function deleted(t)
  kit.with({}, function(s)
    local made = s:act("portal-create", { name = "Lantern order" })
    s:rest()
    s:act("delete", { table = "opportunity", id = kit.opportunity(s).id })
    s:rest()
    local writes = kit.writes(s)
    s:act("edit", { id = made.id, notes = "after the end" })
    s:rest()
    t.eq(#kit.opportunities(s), 0, "an event does not bring it back")
    t.eq({ referrals(s) }, { 1, 0 }, "nothing is deleted at Partner Center")
    t.eq(kit.writes(s), writes, "writes")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("story 14: nothing is sent until a deal has been left alone for a minute", function()
    settles(t)
  end)
  t.case("story 14: an edit begins that minute anew", function() settles_anew(t) end)
  t.case("story 14: so does a solution that is added", function() settles_with_solutions(t) end)
  t.case("story 14: an upgrade to co-sell waits as well", function() upgrade_settles(t) end)
  t.case("story 14: an update never waits", function() update_does_not_wait(t) end)
  for _, inbound in ipairs { "linked", "none" } do
    t.case(("story 14: inbound = %q lets no new referral in"):format(inbound), function()
      left_out(t, inbound)
    end)
  end
  t.case('story 14: inbound = "linked": what is linked travels both ways', function()
    linked_travels(t)
  end)
  for _, inbound in ipairs { "all", "linked" } do
    t.case(("story 14: inbound = %q leaves another CRM's deal alone"):format(inbound), function()
      foreign(t, inbound)
    end)
  end
  t.case("story 14: stage staging polls and takes in nothing new", function() staging(t) end)
  t.case("story 14: sync off suspends; on again, both sides' changes are merged", function()
    off_and_on(t)
  end)
  t.case("story 14: a deleted row stays deleted, and nothing is deleted for it", function()
    deleted(t)
  end)
end

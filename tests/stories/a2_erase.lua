-- cosell erase: one person's data leaves the state and its history, byte by byte, and the deals
-- that held it go on as if nothing had been.
local kit = require "commands.kit"

local JANA = "jana@elbehafen.example"
local DEAL = { name = "Harbour crane upgrade", value = 90000, currency = "EUR",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" },
  contact = { firstname = "Jana", lastname = "Petersen", emailaddress1 = JANA,
    telephone1 = "+49 40 1234567", jobtitle = "Head of port" },
  help = "Proof of concept / demo", solutions = { "SOL-10001-ABC" }, sync = true }
local MARKS = { "Petersen", JANA, "1234567", "Head of port" }

-- A mapping whose failure quotes what it was given, and a fixture that holds her.
local FILES = {
  ["details.lua"] = [[
return { api = 1, opportunity = { create = function(d)
  if d.name:find "Broken" then error("cannot place " .. d.contact.email) end
end } }
]],
  ["fixtures/her.json"] = [[{ "call": "opportunity.create",
  "d": { "name": "Crane", "contact": { "first_name": "Jana", "last_name": "Petersen",
    "email": "]] .. JANA .. [[" } }, "expect": { } }]],
}

local function files_of(s)
  local out = {}
  for _, ending in ipairs { "", "-wal" } do
    out[#out + 1] = host.file.read(s.state .. ending)
  end
  return table.concat(out, "\n")
end

local function holds(s)
  local bytes, out = files_of(s), {}
  for _, mark in ipairs(MARKS) do
    out[#out + 1] = bytes:find(mark, 1, true) and mark or nil
  end
  return table.concat(out, ", ")
end

local function gone(t, s, what)
  t.eq(holds(s), "", what .. ": still in the file or its WAL")
end

-- A deal with her on both sides, edits that name her, and one that failed.  -> referral's id
local function lived(s)
  s:act("create-opportunity", DEAL)
  s:rest()
  local ours = kit.referrals(s)
  local row = kit.opportunity(s).id
  kit.describe(s, row, "Ask Jana Petersen first")
  s:rest()
  s:act("edit", { id = ours[1].id, notes = "Jana Petersen called, " .. JANA })
  s:rest()
  return ours[1].id, row
end

local function conflict(s, referral, row)
  s:set("lose_callbacks", true)
  s:act("edit", { id = referral, notes = "for Jana Petersen, from the portal" })
  kit.describe(s, row, "for Jana Petersen, from the CRM")
  s:rest()
  s:set("lose_callbacks", false)
end

local function broken(s)
  s:act("portal-create", { name = "Broken", value = 1, currency = "EUR",
    contact = { first_name = "Jana", last_name = "Petersen", email = JANA,
      phone = "+49 40 1234567", title = "Head of port" } })
  kit.wait("the dead letter", function() return s:status().queue.dead == 1 end)
end

-- Her row in the CRM.
local function contact(s)
  for _, row in ipairs(s:rows("crm:contact")) do
    if row.emailaddress1 == JANA then
      return row
    end
  end
  error("the CRM does not have her")
end

local function notes(s, row)
  return kit.opportunity(s, row).notes
end

local function referral_notes(s, id)
  return s:row("referral", id).details.notes
end

-- ---- The whole of it ----

local function erased(t)
  kit.with({ files = { ["details.lua"] = FILES["details.lua"] } }, function(s)
    local referral, row = lived(s)
    conflict(s, referral, row)
    broken(s)
    s:rest()
    t.eq(#s:command_json("conflicts"), 1, "a conflict")
    t.ok(holds(s) ~= "", "she is in the state")

    local planned, exit = s:command("erase", { JANA, "--plan" })
    t.eq(exit, 0)
    t.has(planned, "would be erased: by 1 address, 1 phone number and 1 name")
    t.ok(holds(s) ~= "", "a plan erases nothing")
    local before = kit.writes(s)
    local _, unsaid = s:command("erase", { JANA })
    t.eq(unsaid, 1, "nobody said yes")
    t.ok(holds(s) ~= "")

    local said, done = s:command("erase", { JANA, "--yes" })
    t.eq(done, 0, said)
    for _, part in ipairs { "erased: by 1 address", "values of 1 deal: ", "lines of histories",
      "1 conflict off the list", "run records", "not touched:", "the CRM: contacts",
      "Partner Center: the referrals", "backups made by `cosell backup`" } do
      t.has(said, part)
    end
    for _, mark in ipairs(MARKS) do
      t.ok(not said:find(mark, 1, true), "the report names her")
    end
    gone(t, s, "at once")
    t.eq(#s:command_json("conflicts"), 0)
    t.eq(notes(s, row), "for Jana Petersen, from the CRM", "the CRM is not touched")

    kit.quiet(t, s)
    s:command("sync", { "--all" })
    s:rest()
    t.eq(kit.writes(s), before, "nothing was sent anew")
    t.eq(#s:command_json("conflicts"), 0, "no conflict came of it")
    gone(t, s, "after looking at both sides again")
    local again = s:command("erase", { JANA, "--yes" })
    t.has(again, "nothing: this person is not in the state")
    s:host_stop()
    gone(t, s, "at rest")
  end)
end

-- Both ways, conflicts too, as before; and what the sides still hold does not come back.
local function goes_on(t)
  kit.with({}, function(s)
    local referral, row = lived(s)
    t.eq(select(2, s:command("erase", { "Jana Petersen", "--yes" })), 0)
    gone(t, s, "by name")
    s:act("edit", { table = "opportunity", id = row, values = { estimatedvalue = 91000 } })
    s:rest()
    t.eq(tonumber(s:row("referral", referral).details.dealValue), 91000)
    t.eq(referral_notes(s, referral), "Jana Petersen called, " .. JANA, "as it was")
    gone(t, s, "after another value travelled")
    s:act("edit", { id = referral, notes = "ask Kai instead" })
    s:rest()
    t.eq(notes(s, row), "ask Kai instead")
    t.eq(#s:command_json("conflicts"), 0)
    s:set("lose_callbacks", true)
    s:act("edit", { id = referral, notes = "portal" })
    kit.describe(s, row, "CRM")
    s:rest()
    t.eq(#s:command_json("conflicts"), 1, "a true conflict is one")
    t.eq(referral_notes(s, referral), "CRM")
    s:act("edit", { table = "contact", id = contact(s).contactid, values = { jobtitle = "Port" } })
    s:rest()
    t.eq(s:status().queue.dead, 0)
    kit.quiet(t, s)
  end)
end

-- Erased between an edit on one side and its journey: it still travels, and nothing else does.
local function under_way(t)
  kit.with({}, function(s)
    local referral, row = lived(s)
    s:host_stop()
    kit.describe(s, row, "Jana Petersen has left")
    kit.sign_in(s, s.dir)
    s:host_start { profile = s.profile, state = s.state, env = s.host_options.env }
    s:fault("crm", { path = "/api/", status = 503, count = 3 })
    s:host_ready()
    t.eq(select(2, s:command("erase", { JANA, "--yes" })), 0)
    s:say("fault", { "clear" })
    kit.wait_long(s, "the edit", function()
      return referral_notes(s, referral) == "Jana Petersen has left"
    end)
    s:rest()
    t.eq(notes(s, row), "Jana Petersen has left")
    t.eq(#s:command_json("conflicts"), 0)
  end)
end

-- A turn that began before holds her in memory: it is waited for, or it would write her back.
local function at_work(t)
  kit.with({}, function(s)
    local referral, row = lived(s)
    s:fault("partner", { method = "PATCH", path = "/v1.0/", delay_ms = 1500, count = 1 })
    s:act("edit", { table = "opportunity", id = row, values = { estimatedvalue = 92000 } })
    s:command("sync")
    kit.wait("a turn under way", function() return s:status().queue.running > 0 end)
    local said, exit = s:command("erase", { JANA, "--yes" })
    t.eq(exit, 0, said)
    t.eq(tonumber(s:row("referral", referral).details.dealValue), 92000, "it was waited for")
    gone(t, s, "after the turn")
    s:rest()
    gone(t, s, "at rest")
    t.eq(#s:command_json("conflicts"), 0)
  end)
end

-- The command of a host that is not running: it opens the state itself.
local function by_itself(t, s)
  local child = assert(host.child.start { argv = { "erase", JANA, "--yes", "--profile",
    s.profile }, env = { PATH = host.file.getenv "PATH",
    COSELL_SCRIPTS = host.file.getenv "COSELL_SCRIPTS",
    COSELL_COMMANDS = host.file.getenv "COSELL_COMMANDS" } })
  t.eq(child:wait(), { exit = 0 }, child:output())
  t.has(child:output(), "erased: by 1 address")
  gone(t, s, "without a host")
end

local function without_host(t)
  kit.with({}, function(s)
    lived(s)
    s:host_stop()
    by_itself(t, s)
  end)
end

-- Between a create that was taken and the answer that nobody heard: what was begun is gone on with,
-- and what it was made of is known again.
local BEGUN = {
  { name = "outward", play = function(s) s:act("create-opportunity", DEAL) end,
    fault = { "partner", { method = "POST", path = "referrals", drop = "after" } },
    made = function(s) return #kit.referrals(s) > 0 end },
  { name = "inward", play = function(s)
      s:act("portal-create", { name = "Quay", value = 5, currency = "EUR",
        contact = { first_name = "Jana", last_name = "Petersen", email = JANA,
          phone = "+49 40 1234567", title = "Head of port" } })
    end,
    fault = { "crm", { method = "POST", path = "$batch", skip = 1, drop = "after" } },
    made = function(s) return #kit.opportunities(s) > 0 end },
}

local function begun(t, one)
  kit.with({}, function(s)
    s:fault(one.fault[1], one.fault[2])
    one.play(s)
    s:command("sync")
    kit.wait("the create to arrive", function() return one.made(s) end)
    s:host_stop("KILL")
    by_itself(t, s)
    s:say("fault", { "clear" })
    kit.sign_in(s, s.dir)
    s:host_start { profile = s.profile, state = s.state, env = s.host_options.env }
    s:host_ready()
    kit.wait_long(s, "the deal on both sides", function()
      local o = kit.opportunity(s)
      return o and type(o.identifier) == "string" and #kit.referrals(s) == 1
    end)
    s:rest()
    t.eq({ #kit.opportunities(s), #kit.referrals(s) }, { 1, 1 })
    local ours = kit.referrals(s)[1]
    t.eq(ours.customerProfile.team[1].lastName, "Petersen", "the referral is as it was")
    t.eq(contact(s).telephone1, "+49 40 1234567", "and so is the contact")
    t.eq({ #s:command_json("conflicts"), s:status().queue.dead }, { 0, 0 })
    kit.quiet(t, s)
  end)
end

-- Killed in the middle of it, and run again: the same end.
local function killed(t)
  local met = 0
  for k = 1, 8 do
    kit.with({}, function(s)
      local referral, row = lived(s)
      local before, answered = kit.writes(s), nil
      host.spawn(function()
        answered = pcall(function() s:command("erase", { JANA, "--yes" }) end)
      end)
      host.sleep(k * 4) -- somewhere in it: what it ends in must not depend on where
      s.host:kill("KILL")
      s.host:wait()
      s.host = nil
      kit.wait("its end", function() return answered ~= nil end)
      met = met + (answered and 0 or 1)
      kit.sign_in(s, s.dir)
      s:host_start { profile = s.profile, state = s.state, env = s.host_options.env }
      s:host_ready()
      t.eq(select(2, s:command("erase", { JANA, "--yes" })), 0)
      gone(t, s, "killed after " .. k * 4 .. " ms")
      s:rest()
      t.eq(kit.writes(s), before, "writes")
      t.eq(notes(s, row), referral_notes(s, referral))
    end)
  end
  t.ok(met > 0, "nothing was killed")
end

-- ---- Who is meant ----

local function of_a_contact(t)
  kit.with({}, function(s)
    lived(s)
    t.eq(select(2, s:command("erase", { contact(s).contactid, "--yes" })), 0)
    gone(t, s, "by the contact's id")
    local said, exit = s:command("erase", { host.uuid(), "--yes" })
    t.eq(exit, 2, said)
    t.has(said, "the CRM does not say who contact ")
  end)
end

local function wrong_use(t)
  kit.with({}, function(s)
    for _, words in ipairs { {}, { "Jana" }, { "12345" }, { JANA, "--now" } } do
      t.eq(select(2, s:command("erase", words)), 2, json.encode(words))
    end
    t.has((s:command("erase", { "Jana" })), "a first and last name")
    local said, exit = s:command("erase", { "nobody@north.example", "--yes" })
    t.eq(exit, 0)
    t.has(said, "nothing: this person is not in the state")
  end)
end

-- ---- Kept files ----

local function fixtures(t)
  kit.with({ files = { ["fixtures/her.json"] = FILES["fixtures/her.json"] } }, function(s)
    t.ok(holds(s) ~= "", "a copy of the fixture is kept")
    local said = s:command("erase", { JANA, "--yes" })
    t.has(said, "kept cop")
    t.has(said, "files of the profile, as far as they are still so: fixtures/her.json")
    gone(t, s, "the kept copy")
    t.has(assert(host.file.read(s.profile .. "/fixtures/her.json")), JANA, "the file is not ours")
  end)
end

return function(t)
  t.case("erase: one person leaves the state, byte by byte", function() erased(t) end)
  t.case("erase: the deals go on", function() goes_on(t) end)
  t.case("erase: an edit under way still travels", function() under_way(t) end)
  t.case("erase: a turn at work is waited for", function() at_work(t) end)
  t.case("erase: without a host", function() without_host(t) end)
  for _, one in ipairs(BEGUN) do
    t.case("erase: a create that was begun, " .. one.name, function() begun(t, one) end)
  end
  t.case("erase: by the id of a contact", function() of_a_contact(t) end)
  t.case("erase: wrong use, and nobody", function() wrong_use(t) end)
  t.case("erase: fixtures that are kept", function() fixtures(t) end)
  t.case("erase: killed in the middle of it", function() killed(t) end)
end

-- Story 98: who gets Partner Center's events.  A person shows, registers, tries out and gives back;
-- another product's registration is taken over only if its events go on to it; the daily check
-- repairs a loss or says it, and does not fight; and a host that only polls.
local kit = require "commands.kit"
local printed = require "commands.printed"

local DAY_MS = 24 * 3600 * 1000
local OURS = { "referral-created", "referral-updated", "related-referral-created",
  "related-referral-updated", "test-created" }
local OTHER = "https://billing.example/hooks/pc?code=0a1b2c"

-- A command of the host: all it says in one line, and its exit status.
local function run(s, ...)
  local answer = assert(host.control.call(s.control, "webhook", { ... }))
  local said = answer.out .. (answer.err or "")
  return (said:gsub("%s+", " ")), answer.exit, answer.out
end

local function registered(s)
  local row = s:rows("registration")[1]
  return row and row.WebhookUrl, row and row.WebhookEvents
end

local function secret(s)
  return assert(host.file.read(s.dir .. "/path_secret"))
end

local function own(s)
  return ("http://127.0.0.1:%d/callback/%s"):format(s.port, secret(s))
end

-- A check has ended a day later.
local function next_day(s)
  local was = s:status().webhook.standing.at_ms
  s:clock(DAY_MS + 1000)
  kit.wait("the daily check", function() return s:status().webhook.standing.at_ms > was end)
  return s:status().webhook.standing
end

-- ---- show, validate ----

local function shown(t, s)
  local said, exit, out = run(s)
  t.eq(exit, 0)
  t.has(said, "this host is registered")
  t.has(said, ("address http://127.0.0.1:%d/… events %s"):format(s.port,
    table.concat(OURS, ", ")))
  t.has(said, "check daily, last just now; a loss: repair")
  t.has(said, "polls every 1 h")
  t.ok(printed.widest(out) <= 80, "wider than 80")
  t.ok(not said:find(secret(s), 1, true), "its secret is not printed unasked")
  t.has(run(s, "show", "--full"), own(s))
  local as_json = json.decode((select(3, run(s, "show", "--json"))))
  t.eq({ as_json.mode, as_json.found.whose, as_json.found.missing }, { "callbacks", "ours", {} })
  t.ok(not as_json.found.url:find(secret(s), 1, true), "nor as JSON")
  t.eq(select(2, run(s, "register", "--json")), 2, "an option of another word")
  t.eq(select(2, run(s, "delete")), 2)
end

local function round_trip(t, s)
  t.has(run(s), "validated never")
  local said, exit = run(s, "validate")
  t.eq(exit, 0, said)
  t.has(said, "completed attempt 1: OK seen here after ")
  t.ok(not run(s):find("validated never", 1, true), "show knows")
  t.eq(select(2, run(s, "validate", "--seconds", "0")), 2)
end

local function twice_a_minute(t, s)
  t.eq(select(2, run(s, "validate")), 0)
  local said, exit = run(s, "validate")
  t.eq(exit, 1)
  t.has(said, "two test events a minute at most: again in ")
end

-- What each failure of the way says; a minute passes before each.
local function ways_that_fail(t, s)
  s:clock(61000)
  s:set("signature_fault", "bad")
  s:set("delivery_gap_ms", 5)
  local said, exit = run(s, "validate")
  s:set("signature_fault", "none")
  t.eq(exit, 1)
  t.has(said, ": failed attempt 1: Unauthorized")
  t.has(said, "attempt 10: Unauthorized not seen here within 60 s: it was called and refused as " ..
    "not proved")
  s:set("lose_callbacks", false)
end

local function answered_by_another(t)
  local door = assert(host.serve { address = "127.0.0.1", port = 0, methods = "POST",
    handler = function() return 200, {}, "" end })
  kit.with({ edit = function(profile)
    return (profile:gsub('public_url = "[^"]*"', ('public_url = "http://127.0.0.1:%d"'):format(
      door.port)))
  end }, function(s)
    local said, exit = run(s, "validate", "--seconds", "3")
    t.eq(exit, 1)
    t.has(said, "attempt 1: OK not seen here within 3 s: somebody else answers at " ..
      "`listen.public_url`")
  end)
  door:close()
end

-- ---- which events ----

local function some_events(t, s)
  local said, exit = run(s, "register", "--events", "referral-updated,Referral-Created")
  t.eq(exit, 0, said)
  t.eq(select(2, registered(s)), { "referral-updated", "referral-created", "test-created" })
  t.has(run(s, "register"), "registered already")
  s:clock(DAY_MS + 1000)
  kit.wait("the daily check", function() return run(s):find("last just now", 1, true) end)
  t.eq(#select(2, registered(s)), 3, "the check adds none that were not asked for")
  said, exit = run(s, "register", "--events", "referral-made")
  t.eq(exit, 2)
  t.has(said, "no event \"referral-made\" to register: referral-created, referral-updated, ")
  t.eq(select(2, run(s, "register", "--events", table.concat(OURS, ",", 1, 4))), 0)
  t.eq(#select(2, registered(s)), 5)
end

-- ---- taking over, giving back ----

local function with_profile(s, edit)
  s:host_stop()
  local path = s.profile .. "/profile.lua"
  assert(host.file.write(path, edit(assert(host.file.read(path)))))
  s:host_start(s.host_options)
  s:host_ready()
end

-- The other product was there before this host.
local function with_another(body)
  kit.with({ clock = true, host = false }, function(s)
    s:act("registration", { url = OTHER, events = "referral-updated,Subscription-Updated" })
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.wait("the first check", function() return s:status().webhook.standing end)
    body(s)
  end)
end

local function foreign(t, s)
  t.eq({ s:status().webhook.standing.what, (registered(s)) }, { "another", OTHER })
  local said, exit = run(s)
  t.eq(exit, 1)
  t.has(said, "another address is registered address https://billing.example/… events " ..
    "referral-updated, Subscription-Updated")
  t.ok(not said:find("0a1b2c", 1, true), "what its query holds is not printed unasked")
  said, exit = run(s, "register")
  t.eq(exit, 1)
  t.has(said, "another address is registered address https://billing.example/… events " ..
    "referral-updated, Subscription-Updated is left as it is: one registration has one address")
  said, exit = run(s, "register", "--overwrite")
  t.eq(exit, 1)
  t.has(said, "with --overwrite too: the events of another product in it (Subscription-Updated) " ..
    "would come here. `webhook.forward` in the profile has to name that address")
  t.eq(registered(s), OTHER)
  said, exit = run(s, "unregister")
  t.eq(exit, 1)
  t.has(said, "nothing in it is this host's")
  t.eq(registered(s), OTHER)
end

local function named(t, s)
  assert(host.file.write(s.dir .. "/billing", OTHER .. "\n", 0x180))
  with_profile(s, function(profile)
    return (profile:gsub("settings = ", 'webhook = { forward = { file = "' .. s.dir ..
      '/billing" } },\n  settings = ', 1))
  end)
  local said, exit = run(s, "register", "--overwrite")
  t.eq(exit, 0, said)
  t.has(said, "another address is registered address https://billing.example/… events " ..
    "referral-updated, Subscription-Updated taken over; what comes is passed on")
  local url, events = registered(s)
  t.eq(url, own(s))
  t.eq(events, { "referral-created", "referral-updated", "related-referral-created",
    "related-referral-updated", "test-created", "Subscription-Updated" })
  t.has(run(s), "others Subscription-Updated: go on to `webhook.forward` forward " ..
    "https://billing.example/…: 0 passed on")
end

-- Lost for all, it is made again for all.
local function made_again(t, s)
  s:act("registration", {})
  next_day(s)
  local want = { own(s), "test-created", "Subscription-Updated" }
  local url, events = registered(s)
  t.eq({ url, events[#events - 1], events[#events] }, want)
  s:act("registration", { url = "https://rival.example/x", events = "referral-created" })
  next_day(s)
  url, events = registered(s)
  t.eq({ url, events[#events - 1], events[#events] }, want, "a third one wiped it out")
end

local function given_back(t, s)
  local said, exit = run(s, "unregister")
  t.eq(exit, 0, said)
  t.has(said, "the address is again the one that was registered before")
  t.eq({ registered(s) }, { OTHER, { "Subscription-Updated", "referral-updated" } })
  s:clock(DAY_MS + 1000)
  s:rest()
  t.eq(registered(s), OTHER, "the check leaves it so")
end

local function nothing_would_remain(t, s)
  local said, exit = run(s, "unregister")
  t.eq(exit, 1)
  t.has(said, "is left as it is: Partner Center cannot delete a registration, and none of its " ..
    "events would remain")
  t.eq(#select(2, registered(s)), 5)
end

-- Of a product with no other events nothing is lost but what it is replaced for.
local function same_kind(t, s)
  s:act("registration", { url = "https://flows.example/f?sig=x", events = "referral-created" })
  t.eq(select(2, run(s, "register")), 1)
  local said, exit = run(s, "register", "--overwrite")
  t.eq(exit, 0, said)
  t.has(said, "taken over; what comes is not passed on to it")
  t.eq(registered(s), own(s))
end

-- ---- the daily check ----

local function asks_a_person(t, s, words)
  local found
  for _, item in ipairs(s:status().to_do) do
    found = item.what == "webhook" and item.text or found
  end
  t.has(found or "", words)
  t.has(s.host:output(), words)
end

local function repaired(t, s)
  s:act("registration", {})
  t.eq(next_day(s).what, "fine")
  t.eq(registered(s), own(s), "gone, and made again")
  s:act("registration", { url = own(s), events = "referral-created" })
  t.eq(next_day(s).what, "fine")
  t.eq(#select(2, registered(s)), 5, "what is missing is added")
end

local RIVAL = "https://rival.example/callback/0123456789abcdef"

local function no_fight(t, s)
  local function rival()
    s:act("registration", { url = RIVAL, events = table.concat(OURS, ",") })
  end
  rival()
  t.eq(next_day(s).what, "fine")
  t.eq(registered(s), own(s), "taken back, once")
  t.has(s.host:output(), "warn  https://rival.example/… had taken the registration for Partner " ..
    "Center's events: taken back")
  rival()
  t.eq(next_day(s).what, "in turn")
  t.eq(registered(s), RIVAL, "and then left")
  asks_a_person(t, s, "two programs register in turn for Partner Center's events: this host " ..
    "took the registration back on ")
  next_day(s)
  t.eq(registered(s), RIVAL)
  t.eq(select(2, run(s, "register", "--overwrite")), 0, "a person decides")
  t.eq(s:status().webhook.standing.what, "fine")
  t.eq(registered(s), own(s))
end

local function alarmed(t)
  kit.with({ clock = true, settings = { webhook_lost = '"alarm"' }, host = false }, function(s)
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.wait("the first check", function() return s:status().webhook.standing end)
    t.eq(registered(s), nil, "nothing is registered by itself")
    asks_a_person(t, s, "nothing is registered for Partner Center's events: changes come by polls")
    t.eq(select(2, run(s, "register")), 0)
    s:act("registration", {})
    t.eq(next_day(s).what, "gone")
    asks_a_person(t, s, "the registration for Partner Center's events is gone")
    run(s, "register")
    s:act("registration", { url = own(s), events = "referral-created" })
    t.eq(next_day(s).what, "incomplete")
    asks_a_person(t, s, "lacks referral-updated, related-referral-created, ")
    s:act("registration", { url = OTHER, events = "subscription-updated" })
    t.eq(next_day(s).what, "another")
    asks_a_person(t, s, "https://billing.example/… is registered for Partner Center's events")
    t.ok(not s.host:output():find("0a1b2c", 1, true), "no secret in the log")
    t.eq(registered(s), OTHER)
  end)
end

-- ---- polls alone ----

local function polls_alone(t)
  kit.with({ host = false, clock = true, edit = function(profile)
    return (profile:gsub("listen = %b{},", "webhook = false,"))
  end }, function(s)
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    s:rest()
    local status = s:status()
    t.eq({ status.callbacks.port, status.webhook.mode, status.needs_restart },
      { 0, "polls" }, "no listener")
    t.has(s:command("status"), "callbacks  none: changes come by polls alone\npolls      every " ..
      "1 h, last ")
    local deal = s:act("portal-create", { name = "By the poll", value = 1000, currency = "USD" })
    s:clock(3600 * 1000 + 1000)
    kit.wait("the deal", function()
      local row = kit.opportunity(s)
      return row and row.identifier == deal.id
    end)
    s:rest()
    t.has((s:command("status"):gsub("%s+", " ")), "; a change was found 1 h after it was made")
    local said, exit = run(s)
    t.eq(exit, 0)
    t.has(said, "webhook the profile says `webhook = false`: changes come by polls polls every 1 h")
    for _, word in ipairs { "register", "validate" } do
      said, exit = run(s, word)
      t.eq(exit, 1)
      t.has(said, "the profile says `webhook = false`")
    end
    s:clock(DAY_MS + 1000)
    s:rest()
    t.eq(registered(s), nil, "nobody is registered")
    t.ok(not run(s):find("was registered", 1, true), "and never was")
    for _, one in ipairs(s:say("trace", { "0", "1000" }).list) do
      t.ok(not one.path:find("/webhooks/", 1, true), "asked: " .. one.path)
    end
  end)
end

return function(t)
  kit.with({ clock = true }, function(s)
    t.case("story 98: show says whose the registration is, and keeps secrets", function()
      shown(t, s)
    end)
    t.case("story 98: a validation event comes round", function() round_trip(t, s) end)
    t.case("story 98: two validation events a minute", function() twice_a_minute(t, s) end)
    t.case("story 98: a validation event that is refused says what to mend", function()
      ways_that_fail(t, s)
    end)
    t.case("story 98: some of the events", function() some_events(t, s) end)
    t.case("story 98: no delete exists: with nothing left it stays", function()
      nothing_would_remain(t, s)
    end)
  end)
  with_another(function(s)
    t.case("story 98: another product's registration is shown, never taken unasked", function()
      foreign(t, s)
    end)
    t.case("story 98: taken over once its address is named, events and all", function()
      named(t, s)
    end)
    t.case("story 98: lost, and made again with the other product's events", function()
      made_again(t, s)
    end)
    t.case("story 98: given back as it was", function() given_back(t, s) end)
  end)
  kit.with({ clock = true }, function(s)
    t.case("story 98: of one with our kind of events nothing is lost", function()
      same_kind(t, s)
    end)
    t.case("story 98: the daily check repairs a loss", function() repaired(t, s) end)
    t.case("story 98: two hosts that register in turn do not fight", function() no_fight(t, s) end)
  end)
  t.case("story 98: or says it, as the setting says", function() alarmed(t) end)
  t.case("story 98: somebody else answers at the address", function() answered_by_another(t) end)
  t.case("story 98: polls alone, as a mode of its own", function() polls_alone(t) end)
end

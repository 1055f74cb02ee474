-- The deadlines of Partner Center: 14 days to answer, 72 hours before Won, 60 days to register.
-- Each is told once and stands in `cosell status`; and what Microsoft answers is told with its
-- reason.
local kit = require "commands.kit"
local rules = require "commands.rules"
local text = require "text"

local HOUR = 3600 * 1000
local DAY = 24 * HOUR

local function with(settings, body)
  kit.with({ clock = true, settings = settings }, body)
end

local function now(s)
  return host.now_ms() + s.ahead
end

local function date(ms)
  return text.date(ms)
end

local function audit(s)
  return kit.opportunity(s).audit
end

-- Time passes, and everything that is due by then is done.
local function pass(s, ms)
  s:clock(ms)
  s:rest()
end

local ANSWER, REGISTER = "Answer by ", "Register this won deal"

-- ---- 14 days to answer ----

local function reminded(t)
  with({}, function(s)
    local born = now(s)
    s:act("microsoft-create", { kind = "cosell", name = "Kiln", value = 1000, currency = "USD" })
    s:rest()
    local waits = s:status().clocks.answer
    t.eq({ waits.count, waits.more, #waits.deals }, { 1, false, 1 })
    t.ok(waits.next == date(born + 14 * DAY) or waits.next == date(now(s) + 14 * DAY),
      "until " .. waits.next)
    t.has(s:command("status"), "deadlines  1 deal waits for an answer, the next until ")
    t.has(s:command("status"), '"Kiln"')
    pass(s, 9 * DAY)
    t.eq(rules.count(audit(s), ANSWER), 0, "too early: " .. audit(s))
    pass(s, 2 * DAY + HOUR)
    t.eq(rules.count(audit(s), ANSWER .. waits.next), 1, audit(s))
    kit.quiet(t, s)
    pass(s, DAY)
    t.eq(rules.count(audit(s), ANSWER), 1, "told once")
    t.eq(s:status().clocks.answer.count, 1, "it still waits")
    pass(s, 2 * DAY)
    s:act("expire")
    s:rest()
    t.eq({ kit.opportunity(s).state, s:status().clocks.answer.count }, { 2, 0 }, "expired")
    t.ok(not s:command("status"):find("deadlines", 1, true), "nothing waits")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

local function answered(t)
  with({}, function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" }).id
    s:rest()
    s:act("accept", { id = deal })
    s:rest()
    t.eq(s:status().clocks.answer.count, 0, "answered")
    pass(s, 12 * DAY)
    t.eq(rules.count(audit(s), ANSWER), 0, audit(s))
  end)
end

local function never(t)
  with({ expiry_reminder_days = 0 }, function(s)
    s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" })
    s:rest()
    pass(s, 13 * DAY)
    t.eq({ rules.count(audit(s), ANSWER), s:status().clocks.answer.count }, { 0, 1 })
  end)
end

local function a_lead(t)
  with({}, function(s)
    rules.marketplace(s)
    s:rest()
    pass(s, 11 * DAY + HOUR)
    local function read()
      return s:rows("crm:lead")[1].msft_microsoftpartnercenterreferralsyncaudit
    end
    t.eq(rules.count(read(), ANSWER), 1, read())
    pass(s, DAY)
    t.eq(rules.count(read(), ANSWER), 1, "told once")
    kit.quiet(t, s)
  end)
end

-- Sync off: nothing is written; on again in time, it is told.
local function switched_off(t)
  with({}, function(s)
    s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" })
    s:rest()
    local row = kit.opportunity(s).id
    s:act("sync", { id = row, sync = false })
    s:rest()
    pass(s, 12 * DAY)
    t.eq(rules.count(audit(s), ANSWER), 0, audit(s))
    s:act("sync", { id = row })
    s:rest()
    t.eq(rules.count(audit(s), ANSWER), 1, audit(s))
  end)
end

-- The host was off on the day.
local function host_was_off(t)
  with({}, function(s)
    s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" })
    s:rest()
    t.eq(rules.count(audit(s), ANSWER), 0)
    s:host_stop()
    s.ahead = s.ahead + 12 * DAY
    assert(host.file.write(s.both.COSELL_CLOCK_FILE, s.ahead .. "\n"))
    kit.sign_in(s, s.dir)
    s:host_start { profile = s.profile, state = s.state, env = s.host_options.env }
    s:host_ready()
    kit.wait("the reminder", function() return rules.count(audit(s), ANSWER) == 1 end)
  end)
end

local function left_out(t)
  with({ sync_leads = false }, function(s)
    rules.marketplace(s)
    s:rest()
    t.eq({ #s:rows("crm:lead"), s:status().clocks.answer.count }, { 0, 1 },
      "nobody sees it in the CRM")
    pass(s, 12 * DAY)
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

local function several(t)
  with({}, function(s)
    for i = 1, 7 do
      s:act("microsoft-create", { kind = "cosell", name = "Kiln " .. i, value = 1,
        currency = "USD" })
      s:rest()
      s:clock(DAY // 8)
    end
    local waits = s:status().clocks.answer
    t.eq({ waits.count, #waits.deals, waits.deals[1].deal }, { 7, 5, "Kiln 1" })
    t.has(s:command("status"), "7 deals wait for an answer, the next until ")
  end)
end

-- ---- 72 hours, 60 days ----

local function won(settings, deal, after_ms, body)
  with(settings, function(s)
    s:act("create-opportunity", rules.deal(deal))
    s:rest()
    pass(s, after_ms)
    s:act("win", { id = kit.opportunity(s).id })
    s:rest()
    body(s, kit.referrals(s)[1])
  end)
end

local EARLY = "can't be registered there"

local function too_early(t)
  won({}, { visible = true }, 10 * HOUR, function(s, r)
    t.eq(r.substatus, "Won", "it is sent all the same")
    t.eq(rules.count(audit(s), "Won 10 hours after it was created"), 1, audit(s))
    kit.quiet(t, s)
  end)
  won({}, { visible = true }, 73 * HOUR, function(s, r)
    t.eq({ r.substatus, rules.count(audit(s), EARLY) }, { "Won", 0 }, audit(s))
  end)
  won({}, {}, HOUR, function(s, r)
    t.eq({ r.substatus, rules.count(audit(s), EARLY) }, { "Won", 0 },
      "a private deal is never registered: " .. audit(s))
  end)
end

local function registering(t)
  won({}, { visible = true }, 4 * DAY, function(s)
    local waits = s:status().clocks.register
    t.eq({ waits.count, waits.next }, { 1, date(now(s) + 60 * DAY) })
    t.has(s:command("status"), "1 won deal has to be registered, the next until ")
    pass(s, 55 * DAY)
    t.eq(rules.count(audit(s), REGISTER), 0, audit(s))
    pass(s, 2 * DAY + HOUR)
    t.eq(rules.count(audit(s), REGISTER), 1, audit(s))
    t.eq(kit.opportunity(s).state, 1, "still won")
    pass(s, DAY)
    t.eq(rules.count(audit(s), REGISTER), 1, "told once")
    pass(s, 3 * DAY)
    t.eq({ s:status().clocks.register.count, s:status().queue.dead }, { 0, 0 }, "over")
    kit.quiet(t, s)
  end)
end

local function registered(t)
  won({}, { visible = true }, 4 * DAY, function(s, r)
    s:act("set-raw", { id = r.id, path = "registrationStatus", value = '"ReviewPending"' })
    s:rest()
    t.eq(s:status().clocks.register.count, 0, "registered")
    pass(s, 58 * DAY)
    t.eq(rules.count(audit(s), REGISTER), 0, audit(s))
  end)
end

local function private(t)
  won({}, {}, 4 * DAY, function(s)
    t.eq(s:status().clocks.register.count, 0, "a private deal is not registered")
  end)
end

-- ---- What Microsoft answers ----

local function microsoft_says(t, act, args, line)
  rules.sent({ deal = { help = "General or other" } }, function(s, row, deal)
    args.id = deal
    s:act(act, args)
    s:rest()
    local o = kit.opportunity(s, row)
    t.eq({ o.state, rules.count(o.audit, line) }, { 0, 1 }, o.audit)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("item 67: the seller is told once, days before a referral expires", function()
    reminded(t)
  end)
  t.case("item 67: what is answered is not reminded of", function() answered(t) end)
  t.case("item 67: 0 days: no reminder, and status shows it", function() never(t) end)
  t.case("item 67: a lead is reminded of too", function() a_lead(t) end)
  t.case("item 67: a deal that was switched off is told once it is on", function()
    switched_off(t)
  end)
  t.case("item 67: the host was off on the day", function() host_was_off(t) end)
  t.case("item 67: a lead that is left out stands in status", function() left_out(t) end)
  t.case("item 67: status counts all and names the next", function() several(t) end)
  t.case("won within 72 hours: told, and sent all the same", function() too_early(t) end)
  t.case("60 days to register a won deal: told once", function() registering(t) end)
  t.case("60 days to register: a deal that is registered is left alone", function()
    registered(t)
  end)
  t.case("60 days to register: not for a private deal", function() private(t) end)
  t.case("item 66: Microsoft declines, with its reason", function()
    microsoft_says(t, "microsoft-decline", { reason = "No capacity in this quarter" },
      "Microsoft declined the deal; it stays open here: No capacity in this quarter")
  end)
  t.case("item 66: Microsoft did not answer in time", function()
    microsoft_says(t, "expire", { copy = "microsoft" }, "Microsoft did not answer in time")
  end)
end

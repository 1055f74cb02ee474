-- What notices say and may say, when they gather, leave and are given up, and the profile's keys.
local agreement = require "agreement"
local brakes = require "brakes"
local links = require "links"
local notices = require "notices"
local notify = require "notify"
local partner_center = require "partner_center"
local report = require "report"
local schema = require "schema"
local webhook_registration = require "flows.webhook_registration"

local HOUR_MS = 3600 * 1000
local ABOUT = { crm = "https://north.crm.example", stage = "production", version = "1" }

-- ---- A host whose profile notifies, and whose requests end as told ----

local real = { http = host.http, now_ms = host.now_ms, profile = host.profile }

-- body(world): world.answer, world.err: how requests end; world.sent: what was sent; world.pass(ms)
local function with(on, body)
  local world = { sent = {}, ahead = 0, answer = { status = 200, body = "", headers = {} } }
  local on_event = { wanted = {}, every_s = on.every_s or 300, give_up_h = 24,
    target = on.mail and "mail" or "webhook", mail = on.mail }
  for _, name in ipairs(on.events or notices.names) do
    on_event.wanted[name] = true
  end
  rawset(host, "profile", { on_event = on_event, crm_url = ABOUT.crm, stage = ABOUT.stage,
    settings = {} })
  for _, mark in ipairs { "notices", "notices:out", "notices:sent", "notices:told" } do
    host.store.mark_set(mark, nil)
  end
  rawset(host, "http", { request = function(rq)
    world.sent[#world.sent + 1] = rq
    return not world.err and world.answer or nil, world.err
  end })
  rawset(host, "now_ms", function() return real.now_ms() + world.ahead end)
  function world.pass(ms) world.ahead = world.ahead + ms end
  function world.last() return json.decode(world.sent[#world.sent].body) end
  local ok, err = pcall(body, world)
  for name in pairs { http = true, now_ms = true, profile = true } do
    rawset(host, name, real[name])
  end
  if not ok then
    error(err, 0)
  end
end

local function waiting_jobs()
  local n = 0
  for _, job in ipairs(host.queue.list { state = "waiting", most = 500 }) do
    n = n + (job.kind == "notice" and 1 or 0)
  end
  return n
end

-- ---- What is said ----

local function summed(t)
  with({}, function(world)
    for i = 1, 1000 do
      notify.raise("failed", { deal = i, job = "deal", kind = "remote" })
    end
    notify.raise("conflict", { deal = 3, field = "closing_date" })
    t.eq(waiting_jobs(), 1, "one job")
    t.eq(notify.status().waiting, 1001)
    t.eq(notify.job(), true)
    t.eq(#world.sent, 1, "one message")
    local said = world.last()
    t.eq({ said.events[1].event, said.events[1].count, #said.events[1].some },
      { "failed", 1000, 5 })
    t.has(said.text, "1000 jobs failed for good: deal 1 (remote), deal 2 (remote)")
    t.has(said.text, " and 995 more.")
    t.has(said.text, "cosell retry")
    t.has(said.text, "deal 3 (closing_date)")
    t.has(said.subject, "1000 jobs failed for good; 1 value lost")
    t.eq(notify.status().waiting, 0)
    t.eq(notify.job(), true, "nothing more to say")
    t.eq(#world.sent, 1)
  end)
end

local function nobody(t)
  with({}, function(world)
    for _, bad in ipairs { "Jana Petersen", "jana@elbe.example", "+49 40 1234", "Kai\n4", "Ä",
      ("x"):rep(65), 1.5, true, {} } do
      t.ok(not notices.plain(bad), tostring(bad))
    end
    for _, good in ipairs { 17, "partner_center", "tick.poll", "2031-02-03", "details.note" } do
      t.ok(notices.plain(good), tostring(good))
    end
    notify.raise("conflict", { deal = 3, field = "Jana Petersen" })
    notify.raise("failed", { job = "Jana Petersen", kind = "jana@elbe.example" })
    t.eq(notify.job(), true)
    t.ok(not world.sent[1].body:find "[Jj]ana", world.sent[1].body)
  end)
end

local function each_one(t)
  local facts = { failed = { deal = 1, job = "deal", kind = "data" },
    conflict = { deal = 1, field = "notes" }, sign_in = { remote = "crm" },
    sign_in_ends = { remote = "crm", kind = "secret", by = "2031-02-03" },
    webhook_lost = { kind = "in_turn" },
    deadline = { deal = 1, kind = "answer", by = "2031-02-03" },
    brake = { cause = "restored_crm" } }
  for i, row in ipairs(notices.rows) do
    t.ok(facts[row.name], row.name)
    local counted = { count = 1, first_ms = 0, last_ms = 0, some = { facts[row.name] } }
    local message = { id = "x", at_ms = 0, events = { [row.name] = counted } }
    local subject, body = notices.text(message, ABOUT)
    t.eq(subject, "cosell: " .. row.one)
    t.has(body, row.command)
    counted.count, counted.some = 2, { facts[row.name], {} }
    t.has(notices.text(message, ABOUT), row.many:format(2), "facts may be missing")
    t.eq(notices.names[i], row.name)
  end
end

local function as_mail(t)
  with({ mail = { from = "crm@north.example", to = { "a@north.example", "b@north.example" } } },
    function(world)
      notify.raise("brake", { cause = "restored_crm" })
      t.eq(notify.job(), true)
      local mail = world.sent[1].body
      t.has(mail, "From: crm@north.example\r\nTo: a@north.example, b@north.example\r\n")
      t.has(mail, "Subject: cosell: writing is paused\r\n")
      t.has(mail, "@north.example>\r\n")
      t.has(mail, "\r\n\r\ncosell of ")
      t.has(mail, "the CRM went back in time")
      t.ok(not mail:find "[^\r]\n", "line ends")
      t.ok(mail:match "Date: %a%a%a, %d%d %a%a%a 20%d%d %d%d:%d%d:%d%d %+0000\r\n", mail)
    end)
  t.has(notices.mail({ id = "x", at_ms = 1924905600000, events = {} }, ABOUT,
    { from = "a@b.example", to = { "c@b.example" } }), "Date: Tue, 31 Dec 2030 00:00:00 +0000")
end

-- ---- When it leaves ----

local function rate(t)
  with({ every_s = 300 }, function(world)
    notify.raise("webhook_lost", {})
    t.eq(notify.job(), true)
    notify.raise("brake", { cause = "many_changes" })
    local wait = notify.job()
    t.ok(math.type(wait) == "integer" and wait > 290000 and wait <= 300000, tostring(wait))
    t.eq(#world.sent, 1)
    world.pass(300000)
    t.eq(notify.job(), true)
    t.eq(#world.sent, 2)
    notify.raise("brake", { cause = "many_changes" })
    world.pass(-10 * HOUR_MS) -- the clock is put back: nobody waits for ten hours
    t.eq(notify.job(), true)
    t.eq(#world.sent, 3)
  end)
end

local function chosen(t)
  with({ events = { "brake" } }, function(world)
    t.eq(notify.raise("failed", { deal = 1 }), false)
    t.eq(notify.job(), true)
    t.eq(#world.sent, 0)
    t.eq(notify.raise("brake", { cause = "many_changes" }), true)
  end)
  t.ok(host.store.mark_get "notices")
  t.eq(notify.raise("brake", { cause = "many_changes" }), false, "no profile that notifies")
  t.eq(notify.job(), true)
  t.eq(host.store.mark_get "notices", nil, "what nobody wants any more is forgotten")
end

local function tried_again(t)
  with({}, function(world)
    notify.raise("brake", { cause = "many_changes" })
    world.err = { kind = "net", text = "remote notices: refused" }
    local ok, err = notify.job()
    t.eq({ ok == nil, err.kind }, { true, "net" }, "the host knows when")
    local first = world.last()
    notify.raise("conflict", { deal = 1, field = "notes" })
    world.err, world.answer.status = nil, 404
    t.eq(notify.job(), 600000, "refused: again in ten minutes")
    t.eq(notify.status().failing.kind, "remote")
    t.eq(notify.status().waiting, 2)
    world.answer.status = 200
    world.pass(600000)
    t.ok(math.type(notify.job()) == "integer", "the conflict waits for its time")
    t.eq(world.last(), first, "the same message")
    t.eq(notify.status().failing, nil)
    world.pass(300000)
    t.eq(notify.job(), true)
    t.eq(world.last().events[1].event, "conflict")
  end)
end

local function given_up(t)
  with({}, function(world)
    notify.raise("brake", { cause = "many_changes" })
    world.err = { kind = "net", text = "remote notices: refused" }
    notify.job()
    world.pass(24 * HOUR_MS + 1000)
    notify.raise("conflict", { deal = 1, field = "notes" })
    local tries = #world.sent
    notify.job()
    t.eq({ #world.sent, notify.status().lost }, { tries, 1 }, "given up, and counted")
    world.err = nil
    world.pass(2000)
    t.eq(notify.job(), true)
    t.eq({ world.last().given_up, world.last().events[1].event }, { 1, "conflict" })
    t.has(world.last().text, "1 earlier notices could not be sent")
    t.eq(notify.status().lost, 0, "said")
  end)
end

local function lasting(t)
  with({}, function(world)
    local function count()
      local gathered = json.decode(host.store.mark_get "notices" or "{}")
      return gathered.sign_in and gathered.sign_in.count or 0
    end
    for _ = 1, 100 do
      notify.lasting("sign_in", { remote = "crm" }, "crm", 0)
    end
    t.eq(count(), 1)
    notify.lasting("sign_in", { remote = "partner_center" }, "partner_center", 0)
    t.eq(count(), 2, "another one")
    world.pass(HOUR_MS)
    notify.lasting("sign_in", { remote = "crm" }, "crm", host.now_ms() - 1000)
    t.eq(count(), 3, "it was well in between")
    world.pass(25 * HOUR_MS)
    notify.lasting("sign_in", { remote = "crm" }, "crm", 0)
    t.eq(count(), 4, "a day later")
    notify.over("sign_in", "crm")
    notify.lasting("sign_in", { remote = "crm" }, "crm", 0)
    t.eq(count(), 5, "it was over")
  end)
end

-- ---- Where it is raised ----

local function counted(name)
  local gathered = json.decode(host.store.mark_get "notices" or "{}")
  return gathered[name] and gathered[name].count or 0
end

local function raised(t)
  with({}, function()
    local link = assert(links.make { engagement = host.uuid() })
    agreement.list(link, { { field = "notes", crm = "Jana", partner = "Kai", kept = "crm" } })
    t.eq(counted "conflict", 1)
    brakes.set("many_changes", "30 of 40 deals changed at once")
    brakes.set("many_changes", "once more")
    t.eq(counted "brake", 1)
    brakes.release()
    local function others()
      local n = 0
      for _, job in ipairs(host.queue.list { state = "waiting", most = 500 }) do
        n = n + (job.kind == "report" and 1 or 0)
      end
      return n
    end
    local before = others()
    local job = { job = "deal", payload = { link = link.id }, kind = "data", text = "Jana" }
    t.eq(report.job(job, { created_ms = host.now_ms(), lane = "" }), true)
    t.eq({ counted "failed", others() - before }, { 1, 1 },
      "the rest is a job of its own")
    job.at_ms = host.now_ms()
    report.job(job, { created_ms = host.now_ms(), lane = "" })
    t.eq(counted "failed", 1, "once, however often the rest is tried")
    report.job({ job = "notice", payload = {}, kind = "script", text = "x" },
      { created_ms = host.now_ms(), lane = "" })
    t.eq(counted "failed", 1, "not of a notice")
    t.ok(not host.store.mark_get "notices":find "Jana", "no value")
  end)
end

-- What a check of the registration finds, and how often it was told by then.
local REGISTERED = {
  { "https://billing.example/hook", 1 }, { "https://billing.example/hook", 1, "the same day" },
  { "https://north.example/callback/own", 1, "ours again" },
  { "https://billing.example/hook", 2, "news" }, { nil, 2, "told today, though it is gone now" },
}

local function registration(t)
  local get, mark = partner_center.webhook_get, host.store.mark_get "webhook"
  local ok, err = pcall(with, {}, function()
    host.profile.public_url, host.profile.callback_path = "https://north.example", "/callback/own"
    host.profile.settings.webhook_lost = "alarm"
    for _, row in ipairs(REGISTERED) do
      local events = { "invoice-ready" }
      table.move(webhook_registration.events, 1, 4, 2, events)
      table.insert(events, webhook_registration.TEST)
      partner_center.webhook_get = function()
        return row[1] and { WebhookUrl = row[1], WebhookEvents = events }
      end
      t.ok(webhook_registration.check())
      t.eq(counted "webhook_lost", row[2], row[3])
    end
    local gathered = json.decode(host.store.mark_get "notices").webhook_lost
    t.eq(gathered.some, { { kind = "another" }, { kind = "another" } })
    host.profile.webhook = { on = false }
    t.ok(webhook_registration.check())
    host.profile.webhook = nil
    t.ok(webhook_registration.check())
    t.eq(counted "webhook_lost", 3, "it was not wanted in between")
  end)
  partner_center.webhook_get = get
  host.store.mark_set("webhook", mark)
  if not ok then
    error(err, 0)
  end
end

-- ---- The profile ----

local function problems(on_event)
  local out = {}
  local got = schema.normalise({ crm = { url = "https://a.example", client_id = "a",
    token_url = "https://t.example/t", secret = { env = "A" } },
    partner_center = { client_id = "b", token_url = "https://t.example/t", secret = { env = "B" },
      refresh_token = { env = "C" } }, listen = { path_secret = { env = "D" } },
    on_event = on_event }, { dir = "/p", file = "p", text = "" })
  for _, one in ipairs(got.problems) do
    out[#out + 1] = one.key .. ": " .. one.text
  end
  return table.concat(out, "\n"), got.config
end

local MAIL = { relay = "smtps://relay.example", from = "a@b.example", to = "c@d.example" }

local function keys(t)
  local said, config = problems { webhook = { url = "https://hooks.example/x?sig=y" } }
  t.eq(said, "")
  local remote = config.remotes[4]
  t.eq({ remote.name, remote.base, remote.exact, remote.plain_ok },
    { "notices", "https://hooks.example/x?sig=y", true, false })
  t.eq(config.profile.on_event.wanted.brake, true)
  said, config = problems { webhook = { url = { file = "hook.url" }, token = { env = "T" } } }
  t.eq(said, "")
  t.eq(config.remotes[4].url, { file = "/p/hook.url" })
  t.eq(config.profile.files[3], { key = "on_event.webhook.url", path = "/p/hook.url" })
  said, config = problems { mail = MAIL, events = { "brake" } }
  t.eq(said, "")
  t.eq({ config.remotes[4].base, config.remotes[4].to, config.remotes[4].plain_ok },
    { MAIL.relay, { "c@d.example" }, false })
  t.eq(config.profile.on_event.wanted, { brake = true })
  config = select(2, problems { mail = { relay = "smtp://127.0.0.1:25", from = "a@b.example",
    to = { "c@d.example" } } })
  t.eq(config.remotes[4].plain_ok, true, "this machine")
  config = select(2, problems())
  t.eq({ config.remotes[4], config.profile.on_event }, {}, "nobody is notified")
end

local function wrong(t)
  local function says(on_event, part)
    t.has(problems(on_event), part)
  end
  local hook = { url = "https://hooks.example/x" }
  says({}, "on_event: needs `webhook` or `mail`")
  says({ webhook = hook, mail = MAIL }, "on_event.mail: stands beside `webhook`")
  says({ webhook = { url = "http://hooks.example/x" } }, "must begin with https://")
  says({ webhook = { token = { env = "T" } } }, "on_event.webhook.url: is missing")
  says({ webhook = { url = hook.url, token = "abc" } }, "must not hold the secret itself")
  says({ webhook = { url = { sealed = true } } }, "on_event.webhook.url: is a reference: { env")
  says({ mail = { relay = "relay.example", from = "a@b.example", to = "c@d.example" } },
    "on_event.mail.relay: is a mail relay such as smtp://")
  says({ mail = { relay = MAIL.relay, from = "Jana", to = { "c@d.example", "x" } } },
    "on_event.mail.from: is a mail address")
  says({ mail = { relay = MAIL.relay, from = MAIL.from, to = { "c@d.example", "x" } } },
    'holds "x", which is no mail address')
  says({ mail = { relay = MAIL.relay, from = MAIL.from, to = {} } }, "names nobody")
  says({ mail = { relay = MAIL.relay, from = MAIL.from } }, "on_event.mail.to: is missing")
  says({ mail = { relay = MAIL.relay, from = MAIL.from, to = MAIL.to, user = "u" } },
    "needs `user` and `password` together")
  says({ webhook = hook, events = { "conflicts" } }, 'did you mean "conflict"?')
  says({ webhook = hook, events = "brake" }, "is a list such as")
  says({ webhook = hook, every_s = 0 }, "is at least 1")
end

-- ---- The README ----

local function page(t)
  local readme = assert(host.file.read(host.file.getenv "COSELL_SCRIPTS" .. "/../README.md"))
  for _, row in ipairs(notices.rows) do
    local line = ("| `%s` | %s | `%s` |\n"):format(row.name, row.when, row.command)
    t.ok(readme:find(line, 1, true), "the README lacks: " .. line)
  end
end

return function(t)
  t.case("a thousand failures are one message", function() summed(t) end)
  t.case("nothing of a person leaves", function() nobody(t) end)
  t.case("each event has its words", function() each_one(t) end)
  t.case("a mail is a whole message", function() as_mail(t) end)
  t.case("at most one each every_s", function() rate(t) end)
  t.case("only the chosen events", function() chosen(t) end)
  t.case("tried again as the same message", function() tried_again(t) end)
  t.case("given up after give_up_h, and said", function() given_up(t) end)
  t.case("what lasts is told once a day", function() lasting(t) end)
  t.case("conflicts, brakes and dead letters raise it", function() raised(t) end)
  t.case("a registration that is lost", function() registration(t) end)
  t.case("keys of the profile", function() keys(t) end)
  t.case("wrong keys say what is wrong", function() wrong(t) end)
  t.case("the README lists the events", function() page(t) end)
end

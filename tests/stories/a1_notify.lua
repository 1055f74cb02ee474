-- Notices: what people are told of, by a webhook and by mail; many failures in few messages, a sink
-- that is down, a host that is killed, and deals that never wait for any of it.
local kit = require "commands.kit"
local tap = require "commands.tap"
local text_of = require "text"

local DAY = 24 * 3600 * 1000
local TOKEN = "token-of-the-sink"
local RELAY = host.file.getenv "COSELL_COMMANDS" .. "/../build/relay"

-- Deals of that name fail for good: the mapping raises.
local FAILING = { ["details.lua"] = [[
return { api = 1, opportunity = { create = function(d)
  if d.name:find "Broken" then error("no such thing as " .. d.name) end
end } }
]] }

-- ---- A webhook that people look at ----

-- sink.got: messages, decoded; sink.answer(n): the status of the n-th
local function sink_new()
  local sink = { got = {}, calls = 0, answer = function() return 200 end }
  sink.listener = assert(host.serve { methods = "POST", handler = function(request)
    sink.calls = sink.calls + 1
    local status = sink.answer(sink.calls)
    if status == 200 then
      table.insert(sink.got, { said = json.decode(request.body), path = request.target,
        token = request.headers.authorization, type = request.headers["content-type"] })
    end
    return status, {}, ""
  end })
  sink.url = ("http://127.0.0.1:%d/hooks/T1?sig=s3cret"):format(sink.listener.port)
  return sink
end

local function told_by(target, more)
  return function(profile)
    return (profile:gsub("\n}\n$", ("\n  on_event = { %s, %s },\n}\n"):format(target,
      more or "every_s = 1")))
  end
end

local function discreet(t, got)
  for _, one in ipairs(got) do
    local text = json.encode(one.said or one)
    for _, mark in ipairs { "Broken", "Petersen", "no such thing", "s3cret", TOKEN } do
      t.ok(not text:find(mark, 1, true), "a notice holds " .. mark .. ": " .. text)
    end
  end
end

-- body(s, sink) with a host that tells the sink.
local function with(t, o, body)
  local sink = sink_new()
  local ok, err = pcall(kit.with, { files = FAILING, clock = o.clock, refused = o.refused,
    edit = function(profile, s)
      assert(host.file.write(s.dir .. "/hook", sink.url, 384))
      assert(host.file.write(s.dir .. "/hook_token", TOKEN, 384))
      local target = 'webhook = { url = { file = "%s/hook" }, token = { file = "%s/hook_token" } }'
      return told_by(target:format(s.dir, s.dir), o.more)(profile)
    end }, function(s) body(s, sink) end)
  sink.listener:close()
  if ok then
    discreet(t, sink.got)
  else
    error({ check = tap.message(err) }, 0)
  end
end

local function broken(s, i)
  s:act("portal-create", { name = "Broken " .. i, value = 1000, currency = "USD" })
end

local function dead(s, n)
  kit.wait(n .. " dead letters", function() return s:status().queue.dead >= n end, 120000)
end

local function arrived(s, sink, n)
  kit.wait_long(s, n .. " notices", function() return #sink.got >= n end)
end

local function of(said, name)
  for _, event in ipairs(said.events) do
    if event.event == name then
      return event
    end
  end
  return nil
end

-- How often an event was told of, in all messages.
local function count(sink, name)
  local n = 0
  for _, one in ipairs(sink.got) do
    local event = of(one.said, name)
    n = n + (event and event.count or 0)
  end
  return n
end

local function failed_deal(t)
  with(t, {}, function(s, sink)
    broken(s, 1)
    dead(s, 1)
    arrived(s, sink, 1)
    local one = sink.got[1]
    t.eq({ one.path, one.token, one.type },
      { "/hooks/T1?sig=s3cret", "Bearer " .. TOKEN, "application/json" })
    local event = of(one.said, "failed")
    t.eq({ event.count, event.some[1].kind, event.some[1].job, event.command },
      { 1, "script", "deal", "cosell retry" })
    t.eq(event.some[1].deal, s:status().failed[1].link, "the deal by its number")
    t.has(one.said.text, "1 job failed for good: deal ")
    t.eq(one.said.stage, "sandbox")
    local text, exit = s:command("status")
    t.has(text, "notices    by webhook, 1 sent, the last ")
    t.eq(exit, 1, "the dead letter needs a person")
    t.ok(not text:find("s3cret", 1, true) and not text:find(TOKEN, 1, true), "no secret")
    t.ok(not s.host:output():find("s3cret", 1, true), "nor in the log")
    s:act("portal-create", { name = "Fine", value = 1, currency = "USD" })
    s:rest()
    t.eq(kit.opportunity(s).name, "✔ Fine")
  end)
end

-- As many as come at once: few messages, and nobody is left out.
local function storm(t)
  local many = tonumber(host.file.getenv "COSELL_STRIDE" or "1") > 1 and 100 or 1000
  with(t, { more = "every_s = 60" }, function(s, sink)
    for i = 1, many do
      broken(s, i)
    end
    dead(s, many)
    kit.wait_long(s, "all of them told", function() return count(sink, "failed") >= many end)
    t.eq(count(sink, "failed"), many, "each once")
    t.ok(#sink.got <= 5, #sink.got .. " messages")
    for _, one in ipairs(sink.got) do
      t.ok(#json.encode(one.said) < 4000, "a short one")
    end
  end)
end

-- Down, and up again: the same message, once; deals do not wait for it.
local function down_and_up(t)
  with(t, {}, function(s, sink)
    sink.answer = function() return 503 end
    broken(s, 1)
    kit.wait_long(s, "a try", function() return sink.calls > 0 end)
    s:act("portal-create", { name = "Does not wait", value = 1, currency = "USD" })
    kit.wait("the deal", function() return kit.opportunity(s) end)
    t.has(kit.opportunity(s).name, "Does not wait")
    kit.wait("the status", function() return s:status().notices.failing end)
    t.has((s:command("status")), "notices cannot be sent, since ")
    local tries = sink.calls
    kit.wait_long(s, "further tries", function() return sink.calls > tries + 2 end)
    broken(s, 2)
    dead(s, 2)
    sink.answer = function() return 200 end
    arrived(s, sink, 2)
    t.eq(count(sink, "failed"), 2)
    t.ok(sink.got[1].said.id ~= sink.got[2].said.id)
    t.eq({ s:status().notices.sent, s:status().notices.failing }, { 2 })
  end)
end

local function nobody_listens(t)
  with(t, { more = "every_s = 1, give_up_h = 1" }, function(s, sink)
    sink.listener:close()
    broken(s, 1)
    kit.wait_long(s, "a failure", function() return s:status().notices.failing end)
    kit.pass(s, 3700 * 1000)
    kit.wait_long(s, "the end of trying", function() return s:status().notices.lost == 1 end)
    local text, exit = s:command("status")
    t.has(text, "given up: 1 message")
    t.eq(exit, 1)
    t.eq(s:status().queue.dead, 1, "it is no dead letter of its own")
  end)
end

local function refused(t)
  with(t, {}, function(s, sink)
    sink.answer = function(n) return n < 3 and 404 or 200 end
    broken(s, 1)
    kit.wait_long(s, "the refusal", function()
      local failing = s:status().notices.failing
      return failing and failing.text:find("404", 1, true)
    end)
    arrived(s, sink, 1)
    t.eq({ sink.calls, count(sink, "failed") }, { 3, 1 })
  end)
end

local function restart(s)
  s.host:wait()
  s.host = nil
  kit.sign_in(s, s.dir)
  s:host_start { profile = s.profile, state = s.state, env = s.host_options.env }
  s:host_ready()
end

-- Raised, committed, and killed before it left.
local function killed_before(t)
  with(t, {}, function(s, sink)
    sink.answer = function() return 503 end
    broken(s, 1)
    kit.wait("it to be raised", function() return s:status().notices.waiting > 0 end)
    s.host:kill("KILL")
    sink.answer = function() return 200 end
    restart(s)
    arrived(s, sink, 1)
    t.eq(count(sink, "failed"), 1)
  end)
end

-- The sink has it, the host dies before it hears so: told again, under the same id.
local function killed_after(t)
  with(t, {}, function(s, sink)
    sink.answer = function(n)
      if n == 1 then
        s.host:kill("KILL")
      end
      return 200
    end
    broken(s, 1)
    kit.wait("the first", function()
      return #sink.got == 1
    end)
    restart(s)
    arrived(s, sink, 2)
    t.eq(sink.got[1].said.id, sink.got[2].said.id)
    t.eq(sink.got[1].said.events, sink.got[2].said.events)
  end)
end

-- ---- The other events ----

local function sign_in(t)
  with(t, { refused = "the refresh token" }, function(s, sink)
    s:rest()
    s:act("token-revoke")
    s:act("token-expire")
    s:command("sync")
    kit.wait("the status", function() return kit.remote(s, "partner_center").needs_sign_in end)
    arrived(s, sink, 1)
    t.has(sink.got[1].said.text, "sign in again")
    local remotes = {}
    for _, facts in ipairs(of(sink.got[1].said, "sign_in").some) do
      remotes[facts.remote] = true
    end
    t.ok(remotes.partner_center, json.encode(sink.got[1].said))
    local before = count(sink, "sign_in")
    t.ok(before <= 2, "each service once: " .. before)
    for _ = 1, 5 do -- it goes on failing
      kit.pass(s, 600000)
      s:command("sync")
      kit.wait("the jobs", function() return s:status().queue.running == 0 end)
    end
    t.ok(count(sink, "sign_in") <= 2, "once a day")
  end)
end

local function webhook_lost(t)
  with(t, { clock = true }, function(s, sink)
    s:rest()
    s:act("registration", { url = "https://billing.example/hook?code=s3cret",
      events = "subscription-updated" })
    s:clock(DAY + 1000)
    arrived(s, sink, 1)
    t.eq(of(sink.got[1].said, "webhook_lost").some, { { kind = "another" } })
    t.has(sink.got[1].said.text, "another address is registered")
    t.has(sink.got[1].said.text, "cosell webhook show")
  end)
end

local function sign_in_ends(t)
  with(t, { clock = true }, function(s, sink)
    local date = text_of.date(host.now_ms() + 20 * DAY)
    local said, exit = s:command("connect", { "crm", "--expires", date })
    t.eq(exit, 0, said)
    s:clock(8 * DAY)
    kit.wait_long(s, "the notice", function() return count(sink, "sign_in_ends") > 0 end)
    t.eq(of(sink.got[#sink.got].said, "sign_in_ends").some,
      { { remote = "crm", kind = "secret", by = date } })
    t.has(sink.got[#sink.got].said.text, "crm (client secret by " .. date .. ")")
  end)
end

local function deadline(t)
  with(t, { clock = true }, function(s, sink)
    s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" })
    s:rest()
    s:clock(11 * DAY + 3600 * 1000)
    s:rest()
    kit.wait("the notice", function()
      s:clock(2000)
      return count(sink, "deadline") > 0
    end)
    local facts = of(sink.got[#sink.got].said, "deadline").some[1]
    t.eq(facts.kind, "answer")
    t.eq(#facts.by, 10)
  end)
end

-- ---- Mail ----

local function relay_start(argv)
  local relay = assert(host.child.start { path = RELAY, argv = argv })
  local port = tonumber((relay:line() or ""):match "^port (%d+)$")
  return relay, assert(port, "the relay did not start")
end

local function with_relay(argv, more, body)
  local relay, port = relay_start(argv)
  local ok, err = pcall(kit.with, { files = FAILING, edit = function(profile, s)
    assert(host.file.write(s.dir .. "/relay_password", "pass-of-relay", 384))
    return told_by(('mail = { relay = "smtp://127.0.0.1:%d", from = "crm@north.example", ' ..
      'to = { "ops@north.example", "it@north.example" }, %s }'):format(port,
        more:format(s.dir)))(profile)
  end }, function(s) body(s, relay) end)
  relay:kill("TERM")
  relay:wait()
  if not ok then
    error({ check = tap.message(err) .. "\nthe relay said:\n" .. relay:output() }, 0)
  end
end

local SIGNED_IN = { "--user", "crm", "pass-of-relay" }
local AS_CRM = 'user = "crm", password = { file = "%s/relay_password" }'

local function by_mail(t)
  with_relay(SIGNED_IN, AS_CRM, function(s, relay)
    broken(s, 1)
    dead(s, 1)
    kit.wait_long(s, "the mail", function() return relay:output():find("\nend\n", 1, true) end)
    local said = relay:output()
    for _, part in ipairs { "user crm yes\n", "from <crm@north.example>",
      "to <ops@north.example>\nto <it@north.example>\n",
      "| Subject: cosell: 1 job failed for good\n",
      "| To: ops@north.example, it@north.example\n", "1 job failed for good: deal ",
      "|   cosell retry\n" } do
      t.has(said, part)
    end
    t.ok(not said:find("no such thing", 1, true), said)
    kit.wait("the status", function() return s:status().notices.sent == 1 end)
    t.has((s:command("status")), "notices    by mail, 1 sent")
    t.ok(not s.host:output():find("pass-of-relay", 1, true), "no password in the log")
  end)
end

local function mail_refused(t)
  with_relay({ "--refuse", "550" }, "", function(s)
    broken(s, 1)
    kit.wait_long(s, "the refusal", function() return s:status().notices.failing end)
    local failing = s:status().notices.failing
    t.eq(failing.kind, "remote")
    t.has(failing.text, "the mail relay refuses the message (550)")
    t.eq(s:status().queue.dead, 1, "the deal alone")
  end)
end

local function mail_of_nobody(t)
  with_relay({ "--user", "crm", "another" }, AS_CRM, function(s)
    broken(s, 1)
    kit.wait_long(s, "the refusal", function() return s:status().notices.failing end)
    t.has(s:status().notices.failing.text, "the mail relay wants another user or password (535)")
    local text = s:command("status")
    t.ok(not text:find("notices: sign in", 1, true), "no sign-in of a person helps: " .. text)
  end)
end

return function(t)
  t.case("notices: a failed deal is told to a webhook", function() failed_deal(t) end)
  t.case("notices: a thousand failures are few messages", function() storm(t) end)
  t.case("notices: a sink that is down hears it once it is up", function() down_and_up(t) end)
  t.case("notices: a notice is given up in the end, and that is said", function()
    nobody_listens(t)
  end)
  t.case("notices: a notice that is refused is tried again", function() refused(t) end)
  t.case("notices: killed between raise and send", function() killed_before(t) end)
  t.case("notices: killed between send and answer", function() killed_after(t) end)
  t.case("notices: a service wants a new sign-in", function() sign_in(t) end)
  t.case("notices: Partner Center's events go elsewhere", function() webhook_lost(t) end)
  t.case("notices: a client secret ends soon", function() sign_in_ends(t) end)
  t.case("notices: a deadline comes near", function() deadline(t) end)
  t.case("notices: by mail", function() by_mail(t) end)
  t.case("notices: a relay that refuses", function() mail_refused(t) end)
  t.case("notices: a relay that knows nobody of that name", function() mail_of_nobody(t) end)
end

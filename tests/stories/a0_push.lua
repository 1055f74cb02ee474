-- Story a0: with crm.push on, the CRM tells of changes by web hooks and they travel at once, though
-- the next poll is an hour away; what is lost, doubled, foreign or forged costs nothing; and what
-- was registered is taken away when it is switched off.
local kit = require "commands.kit"

local KEY = "practice-push-key-0001"
local ORGANIZATION = "organizationid"

-- ---- the stage ----

local function with_push(o, body)
  o.edit = function(text, s)
    assert(host.file.write(s.dir .. "/push_secret", KEY, 0x180))
    return (text:gsub("listen = {", ('listen = { push_secret = { file = "%s/push_secret" },')
      :format(s.dir), 1):gsub("crm = {", "crm = { push = true,", 1))
  end
  kit.with(o, body)
end

local function endpoints(s) return s:rows("crm:serviceendpoint") end
local function steps(s) return s:rows("crm:sdkmessageprocessingstep") end
local function hints(s) return s:status().hints.stored end

local function registered(s)
  return kit.wait("the registration", function()
    local push = s:status().push
    return push and push.registered
  end)
end

-- Looks at changes, and other requests, that the CRM has seen so far from the host.
local function asked(s)
  local looks, other = 0, 0
  for _, one in ipairs(s:say("trace", { "0", "1000" }).list) do
    if one.service == "crm" and one.path:find("deltatoken", 1, true) then
      looks = looks + 1
    elseif one.service == "crm" then
      other = other + 1
    end
  end
  return looks, other
end

local function referral(s) return kit.referrals(s)[1] end

-- Until the notes of the one deal have come, by whatever but a poll.
local function travels(s, notes)
  return kit.wait("the notes: " .. notes, function()
    return referral(s).details.notes == notes
  end)
end

local function settled(s)
  return kit.wait("rest", function() return s:idle() end)
end

local function post(s, body, target, method, headers)
  return assert(host.http.request { method = method or "POST", headers = headers or {}, body = body,
    url = ("http://127.0.0.1:%d%s"):format(s.port, target or "/push?code=" .. KEY) })
end

-- What the CRM sends, as it is above its size: without the entity.
local function hint(s, more)
  local out = { MessageName = "Update", PrimaryEntityName = "opportunity", Depth = 1,
    PrimaryEntityId = (kit.opportunity(s) or {}).id, InitiatingUserId = host.uuid(),
    OrganizationId = s:rows("crm:organization")[1][ORGANIZATION] }
  for name, value in pairs(more or {}) do out[name] = value end
  return json.encode(out)
end

-- ---- cases ----

local function registers(t, s)
  registered(s)
  local all, there = steps(s), endpoints(s)
  t.eq({ #there, #all }, { 1, 9 }, "an endpoint, three messages of three tables")
  t.eq({ there[1].contract, there[1].authtype, there[1].url, there[1].authvalue },
    { 8, 4, ("http://127.0.0.1:%d/push"):format(s.port), nil }, "the key is not in the row")
  for _, step in ipairs(all) do
    t.eq({ step.mode, step.stage }, { 1, 40 }, step.name .. ": a person's save never waits for us")
    local columns = step.filteringattributes
    t.eq(columns ~= nil, step.name:find("Update", 1, true) ~= nil, step.name)
    t.ok(not (columns or ""):find("modifiedon", 1, true), "not at each save")
  end
  t.has(s:command("status"), "push       0 hints")
end

local function at_once(t, s)
  local deal = s:act("create-opportunity", { name = "By a hook", value = 1000, currency = "USD",
    account = "Tarn Field Services Inc", contact = "Owen Tarn", solutions = { "SOL-10001-ABC" },
    closing_date = "2031-09-30", sync = true })
  kit.wait("a new deal", function() return referral(s) end)
  settled(s)
  kit.describe(s, deal.id, "told at once")
  travels(s, "told at once")
  settled(s)
  s:act("add-solution", { opportunity = deal.id, solution = "SOL-10002-DEF" })
  kit.wait("a solution that was added", function()
    return #referral(s).details.requirements.solutions == 2
  end)
  t.ok(hints(s) > 0, "hints")
  settled(s)
  kit.quiet(t, s)
end

local function own_writes(t, s)
  settled(s)
  local before, had = asked(s), hints(s)
  s:act("edit", { id = referral(s).id, notes = "from the portal" })
  kit.wait("the row", function() return kit.opportunity(s).notes == "from the portal" end)
  kit.wait("the CRM's word of it", function() return hints(s) > had end)
  settled(s)
  t.eq(asked(s), before, "no look for what we wrote ourselves")
end

local function doubled(t, s)
  s:set("crm_hook_copies", 5)
  settled(s)
  local writes = kit.writes(s)
  kit.describe(s, kit.opportunity(s).id, "told five times")
  travels(s, "told five times")
  settled(s)
  local once = kit.writes(s) - writes
  s:set("crm_hook_copies", 1)
  settled(s)
  writes = kit.writes(s)
  kit.describe(s, kit.opportunity(s).id, "told a single time")
  travels(s, "told a single time")
  settled(s)
  t.eq(once, kit.writes(s) - writes, "writes")
end

local STRANGE = { "", "{}", "null", "[1]", "not json", ("["):rep(5000), '{"PrimaryEntityName":5}',
  "\0\1\2", '{"OrganizationId":{"a":1},"PrimaryEntityName":["opportunity"]}' }

local function foreign(t, s)
  registered(s)
  s:rest()
  local looks, other = asked(s)
  local known = hint(s)
  for _, body in ipairs(STRANGE) do
    local answer = post(s, body)
    t.eq({ answer.status, answer.body }, { 200, "" }, body:sub(1, 40))
  end
  for _, more in ipairs { { OrganizationId = host.uuid() }, { PrimaryEntityName = "account" },
    { PrimaryEntityName = ("x"):rep(100000) }, { OrganizationId = json.null } } do
    t.eq(post(s, hint(s, more)).status, 200)
  end
  settled(s)
  t.eq({ asked(s) }, { looks, other }, "requests")
  t.eq(s:status().queue.dead, 0, "dead letters")
  for _, one in ipairs { { "/push?code=" .. KEY .. "x" }, { "/push?code=" }, { "/push" },
    { "/push/" .. KEY }, { "/push?code=" .. KEY .. "&a=b" }, { nil, "GET" }, { nil, "PUT" } } do
    local answer = post(s, one[2] ~= "GET" and known or nil, one[1], one[2])
    t.eq({ answer.status, answer.body }, { 401, "" }, one[1] or one[2])
  end
  t.eq({ asked(s) }, { looks, other }, "requests")
end

-- Nothing of what a hook carries is kept.
local function nothing_kept(t, s)
  local body = json.decode(hint(s))
  body.InputParameters = { { key = "Target", value = { Attributes = { { key = "description",
    value = "of a customer alone" } } } } }
  t.eq(post(s, json.encode(body)).status, 200)
  settled(s)
  local held = host.child.start { path = "/bin/sh",
    argv = { "-c", "cat \"$1\"*", "sh", s.state } }
  held:wait()
  t.ok(not held:output():find("of a customer alone", 1, true), "the state file")
end

local function switch_steps(s, state)
  for _, step in ipairs(steps(s)) do
    s:act("edit", { table = "sdkmessageprocessingstep", id = step.sdkmessageprocessingstepid,
      values = { statecode = state } })
  end
end

local function lost(t, s)
  switch_steps(s, 1)
  local before = hints(s)
  kit.describe(s, kit.opportunity(s).id, "nobody told")
  s:rest()
  t.eq(referral(s).details.notes, "nobody told", "a poll finds it")
  t.eq(hints(s), before)
  kit.describe(s, kit.opportunity(s).id, "told without the entity")
  post(s, hint(s), nil, nil, { ["x-ms-dynamics-msg-size-exceeded"] = "true" })
  travels(s, "told without the entity")
end

local function repaired(t, s)
  settled(s)
  s:clock(25 * 3600 * 1000)
  kit.wait("the daily check", function()
    for _, step in ipairs(steps(s)) do
      if step.statecode ~= 0 then return false end
    end
    return #steps(s) == 9
  end)
  t.eq(#endpoints(s), 1)
end

local function edit_profile(s, from, to)
  local path = s.profile .. "/profile.lua"
  local text, n = assert(host.file.read(path)):gsub(from, to)
  assert(n > 0, from)
  assert(host.file.write(path, text))
end

local function switched_off(t, s)
  registered(s)
  edit_profile(s, "push = true", "push = false")
  kit.wait("that it is taken away", function() return #endpoints(s) == 0 and #steps(s) == 0 end)
  kit.wait("that it is forgotten", function() return s:status().push == nil end)
  settled(s) -- each tick looks when files change
  local looks = asked(s)
  t.eq(post(s, hint(s)).status, 200, "late ones are taken")
  settled(s)
  t.eq(asked(s), looks, "and left alone")
  edit_profile(s, "push = false", "push = true")
  registered(s)
  t.eq({ #endpoints(s), #steps(s) }, { 1, 9 })
end

local function new_state(t, s)
  kit.fresh_state(s)
  registered(s)
  t.eq({ #endpoints(s), #steps(s) }, { 1, 9 }, "what a lost state has left is found")
end

local function refused(t)
  with_push({ host = false }, function(s)
    s:fault("crm", { path = "sdkmessagefilters", status = 403, body =
      '{"error":{"code":"0x80040220","message":"missing prvCreateServiceEndpoint"}}', always = 1 })
    s:host_start { profile = s.profile, state = s.state }
    s:host_ready()
    kit.wait("that a person is asked", function()
      for _, item in ipairs(s:status().to_do) do
        if item.what == "push" then
          t.has(item.text, "the application user lacks a privilege")
          t.has(item.text, "changes come by polls")
          return true
        end
      end
    end)
    t.has(s.host:output(), "error crm.push: the web hook in the CRM is not as it should be " ..
      "(0x80040220): changes come by polls")
  end)
end

local function off(t)
  kit.with({}, function(s)
    t.eq({ #endpoints(s), #steps(s), s:status().push }, { 0, 0 }, "nothing is registered")
    t.eq(post(s, hint(s)).status, 401)
  end)
end

local function incomplete(t)
  kit.with({ host = false }, function(s)
    edit_profile(s, "crm = {", "crm = { push = true,")
    s:host_start { profile = s.profile, state = s.state }
    kit.wait("its end", function()
      return s.host:output():find("crm.push: needs `path_secret`, `push_secret` and " ..
        "`public_url` in `listen`", 1, true)
    end)
    t.eq(s.host:wait().exit, 1)
    s.host = nil
  end)
end

return function(t)
  with_push({ clock = true }, function(s)
    t.case("story a0: web hooks are registered for the tables in use", function()
      registers(t, s)
    end)
    t.case("story a0: a change in the CRM travels at once", function() at_once(t, s) end)
    t.case("story a0: what we wrote ourselves is not looked at", function() own_writes(t, s) end)
    t.case("story a0: doubled hints cost no write", function() doubled(t, s) end)
    t.case("story a0: foreign and forged ones cost no request, a wrong key is an empty 401",
      function() foreign(t, s) end)
    t.case("story a0: nothing of a deal that a hook carries is kept", function()
      nothing_kept(t, s)
    end)
    t.case("story a0: lost ones are found by the poll; one without the entity is as good",
      function() lost(t, s) end)
    t.case("story a0: what was switched off in the CRM is mended by the daily check", function()
      repaired(t, s)
    end)
    t.case("story a0: switched off, it is taken away; on again, it is there", function()
      switched_off(t, s)
    end)
    t.case("story a0: a new state finds what the old one registered", function()
      new_state(t, s)
    end)
  end)
  t.case("story a0: a CRM that refuses it is said once, and polls go on", function() refused(t) end)
  t.case("story a0: off by default", function() off(t) end)
  t.case("story a0: push without its secret is refused at the start", function() incomplete(t) end)
end

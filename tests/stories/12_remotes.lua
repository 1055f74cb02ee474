-- Story 12: the services refuse, stall, break off and come back: nothing is lost, nothing is made
-- twice, and who looks at the status sees what is the matter.
local kit = require "commands.kit"

local PRIVATE = 384 -- 0600
-- What a fault meets; the certificate for callbacks comes from the same address: it is let through.
local PATHS = { partner = "/v1.0/", crm = "/api/", tokens = "/oauth2/" }

local TICKS = 10 -- jobs that always wait: they come again by themselves
local MOST = 60 -- calls a story may take; a run that never meets its fault ends the sweep

local DEAL = { name = "Harbour crane upgrade", value = 90000, currency = "EUR",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  help = "Proof of concept / demo", solutions = { "SOL-10001-ABC" }, sync = true }

local function fault(s, service, rules)
  rules.path = rules.path or PATHS[service]
  s:fault(service, rules)
end

local function wait_long_of(s)
  return function(what, look) return kit.wait_long(s, what, look) end
end

local function is_still(s)
  local queue = s:status().queue
  return queue.due == 0 and queue.running == 0
end

local function names(list)
  local out = {}
  for i, item in ipairs(list) do
    out[i] = item.name
  end
  table.sort(out)
  return table.concat(out, ", ")
end

-- ---- sign-in

local function tokens(s)
  return #s:rows("token")
end

local function no_failure(t, s)
  local _, exit = s:command("status")
  t.eq(exit, 0, "status")
  for _, run in ipairs(s:runs()) do
    t.ok(not run.outcome:find("failed", 1, true), "a run failed: " .. json.encode(run))
  end
end

local function unauthorized(t, service)
  kit.with({}, function(s)
    s:rest()
    local before = tokens(s)
    fault(s, service.id, { status = 401 })
    s:act("portal-create", { name = "Turned away once" })
    s:rest()
    t.eq(names(kit.opportunities(s)), "✔ Turned away once")
    t.eq(tokens(s), before + 1, "one fresh token")
    t.eq(kit.remote(s, service.remote).needs_sign_in, false)
    no_failure(t, s)
    kit.quiet(t, s)
  end)
end

local function revoked(t)
  kit.with({ refused = "the refresh token" }, function(s)
    s:rest()
    s:act("token-revoke")
    s:act("token-expire")
    s:act("portal-create", { name = "Waits for the sign-in" })
    kit.wait("the status", function() return kit.remote(s, "partner_center").needs_sign_in end)
    local text, exit = s:command("status")
    t.eq(exit, 1, "status")
    t.has(text, "sign in again")
    t.eq(kit.remote(s, "crm").needs_sign_in, false, "the CRM's own sign-in is as good as ever")
    kit.wait("the host at rest", function() return is_still(s) end)
    t.eq(s:status().queue.dead, 0, "dead letters")
    t.eq(#kit.opportunities(s), 0, "opportunities")
    kit.pass(s, 600000) -- it goes on waiting
    kit.wait("the host at rest", function() return is_still(s) end)
    t.eq(s:status().queue.dead, 0, "dead letters")
    local token = s:act("token-sign-in").refresh_token
    t.eq(s:host_stop(), { exit = 0 })
    assert(host.file.write(s.dir .. "/refresh_token", token, PRIVATE))
    s:host_start { profile = s.profile, state = s.state,
      env = { COSELL_SANDBOX_REFRESH_TOKEN = token } }
    s:host_ready()
    kit.wait_long(s, "the deal that waited", function() return kit.opportunity(s) end)
    s:rest()
    t.eq(names(kit.opportunities(s)), "✔ Waits for the sign-in")
    local _, now = s:command("status")
    t.eq(now, 0, "status")
    kit.quiet(t, s)
  end)
end

-- ---- pauses and storms

local function paused(t, service)
  kit.with({}, function(s)
    s:rest()
    fault(s, service.id, { status = 429, retry_after = 120 })
    s:act("portal-create", { name = "Sent to wait" })
    local until_ms = kit.wait("the pause", function()
      local r = kit.remote(s, service.remote)
      return r.paused_until_ms and r.paused_until_ms > 0 and r.paused_until_ms
    end)
    local left = until_ms - host.now_ms()
    t.ok(left > 90000 and left <= 121000, "the pause lasts " .. left .. " ms")
    t.has((s:command("status")), "paused for 1")
    s:command("sync")
    kit.wait("the host at rest", function() return is_still(s) end)
    t.eq(#kit.opportunities(s), 0, "nothing is asked before its time")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.pass(s, 121000)
    kit.wait("the deal", function() return kit.opportunity(s) end)
    s:rest()
    t.eq(names(kit.opportunities(s)), "✔ Sent to wait")
    kit.quiet(t, s)
  end)
end

local AT_ITS_PACE_MS = 60000
local DEALS = { "Storm 1", "Storm 2", "Storm 3", "Storm 4", "Storm 5", "Storm 6" }

local function all_arrive(t, s, wait)
  wait("all deals", function()
    local ours = kit.referrals(s)
    for _, r in ipairs(ours) do
      if not r.externalReferenceId then
        return false
      end
    end
    return #kit.opportunities(s) == #DEALS and #ours == #DEALS
  end, AT_ITS_PACE_MS)
  s:rest()
  local want = {}
  for i, name in ipairs(DEALS) do
    want[i] = "✔ " .. name
  end
  t.eq(names(kit.opportunities(s)), table.concat(want, ", "))
  t.eq(s:status().queue.dead, 0, "dead letters")
  kit.quiet(t, s)
end

-- o.first: done before; o.real: the other side tells the time, so ours must not fly.
local function storm(t, faults, o)
  o = o or {}
  kit.with({}, function(s)
    s:rest()
    if o.first then
      o.first(s)
    end
    for _, f in ipairs(faults) do
      fault(s, f[1], f[2])
    end
    for _, name in ipairs(DEALS) do
      s:act("portal-create", { name = name })
    end
    all_arrive(t, s, o.real and kit.wait or wait_long_of(s))
  end)
end

local function down(t)
  kit.with({}, function(s)
    s:rest()
    fault(s, "crm", { drop = "before", count = 100000 })
    for _, name in ipairs(DEALS) do
      s:act("portal-create", { name = name })
    end
    kit.wait("word of the outage", function() return kit.remote(s, "crm").text ~= "" end)
    for _ = 1, 5 do -- an hour and more of trying
      kit.pass(s, 900000)
      kit.wait("the host at rest", function() return is_still(s) end)
    end
    local status = s:status()
    t.eq(status.queue.dead, 0, "dead letters")
    t.ok(status.queue.waiting >= #DEALS, "all deals wait: " .. status.queue.waiting)
    t.eq(#kit.opportunities(s), 0, "opportunities")
    s:say("fault", { "clear" })
    all_arrive(t, s, wait_long_of(s))
    t.eq(kit.remote(s, "crm").text, "", "nothing more is said of it")
  end)
end

-- ---- each answer lost once, each request lost once

local STORIES = {
  { name = "a deal that arrives", ours = 1, theirs = 0,
    play = function(s) s:act("portal-create", { name = "Plant sensor rollout" }) end,
    check = function(t, o, r)
      t.eq(o.name, "✔ Plant sensor rollout")
      t.eq(r.externalReferenceId, o.id)
      t.eq(o.identifier, r.id)
    end },
  { name = "a co-sell deal that is sent", ours = 1, theirs = 1,
    play = function(s) s:act("create-opportunity", DEAL) end,
    check = function(t, o, r, m)
      t.eq(o.name, "✔ Harbour crane upgrade")
      t.eq(o.identifier, r.id)
      t.eq(m.engagementId, r.engagementId)
    end },
  { name = "changes on both sides", ours = 1, theirs = 0,
    before = function(s)
      s.deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
      s:rest()
    end,
    play = function(s)
      s:set("lose_callbacks", true)
      s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
        values = { name = "✔ Renamed", estimatedvalue = 2000 } })
      s:act("edit", { id = s.deal, notes = "from the portal" })
    end,
    check = function(t, o, r)
      t.eq(r.name, "Renamed")
      t.eq(tonumber(r.details.dealValue), 2000)
      t.eq(o.notes, "from the portal")
    end },
}

local function left(s)
  return s:say("fault")[1].count
end

-- Rests, while the host's time flies: what failed waits for its next try.
local function rest_long(s)
  kit.wait_long(s, "rest", function()
    s:command("sync")
    kit.wait("the host at rest", function() return is_still(s) end)
    return s:status().queue.waiting <= TICKS
  end)
  s:rest()
end

-- Plays a story whose (k+1)th call of a service is broken off.  -> whether there were so many
local function broken_off(t, story, service, drop, k)
  local met
  kit.with({}, function(s)
    if story.before then
      story.before(s)
    end
    s:rest()
    fault(s, service, { drop = drop, skip = k, count = 1 })
    story.play(s)
    rest_long(s)
    met = left(s) == 0
    s:say("fault", { "clear" })
    kit.quiet(t, s)
    local ours, theirs = kit.referrals(s)
    local of = (" (call %d)"):format(k + 1)
    t.eq(#ours, story.ours, "our referrals" .. of)
    t.eq(#theirs, story.theirs, "Microsoft's referrals" .. of)
    t.eq(#kit.opportunities(s), 1, "opportunities" .. of)
    t.eq(s:status().queue.dead, 0, "dead letters" .. of)
    story.check(t, kit.opportunity(s), ours[1], theirs[1])
  end)
  return met
end

local function sweep(t, story, service, drop)
  for k = 0, MOST do
    if not broken_off(t, story, service, drop, k) then
      t.ok(k > 1, "the story took only " .. k .. " calls: nothing was broken off")
      return
    end
  end
  t.ok(false, "the story never ended within " .. MOST .. " calls")
end

local SERVICES = {
  { id = "partner", remote = "partner_center", name = "Partner Center" },
  { id = "crm", remote = "crm", name = "the CRM" },
}

local function sign_in_stories(t)
  for _, service in ipairs(SERVICES) do
    t.case(("story 12: a 401 of %s: one fresh token, and nobody notices"):format(service.name),
      function() unauthorized(t, service) end)
  end
  t.case("story 12: a refresh token that was revoked: status says so, the queue is kept", function()
    revoked(t)
  end)
  t.case("story 12: the answer with a new refresh token is lost: nobody is locked out", function()
    storm(t, { { "tokens", { drop = "after", count = 2 } } },
      { first = function(s) s:act("token-expire") end })
  end)
end

local function trouble_stories(t)
  for _, service in ipairs(SERVICES) do
    t.case(("story 12: 429 of %s: the pause shows, then work goes on"):format(service.name),
      function() paused(t, service) end)
  end
  t.case("story 12: 500 and 503 in a storm from all sides lose nothing", function()
    storm(t, { { "partner", { status = 500, count = 12 } }, { "crm", { status = 503, count = 12 } },
      { "tokens", { status = 500, count = 2 } } })
  end)
  t.case("story 12: 503 with Retry-After from both loses nothing", function()
    storm(t, { { "partner", { status = 503, retry_after = 1, count = 3 } },
      { "crm", { status = 503, retry_after = 1, count = 3 } } })
  end)
  t.case("story 12: a CRM that throttles gets its deals at its own pace", function()
    storm(t, { { "crm", { limit = 4, retry_after = 1 } } }, { real = true })
  end)
  t.case("story 12: a CRM that is down for an hour gets its deals when it is back", function()
    down(t)
  end)
end

return function(t)
  sign_in_stories(t)
  trouble_stories(t)
  for _, story in ipairs(STORIES) do
    for _, service in ipairs(SERVICES) do
      for _, lost in ipairs { { "request to", "before" }, { "answer of", "after" } } do
        t.case(("story 12: %s: each %s %s lost once"):format(story.name, lost[1], service.name),
          function() sweep(t, story, service.id, lost[2]) end)
      end
    end
  end
end

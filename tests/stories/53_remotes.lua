-- The guards towards the services: whatever they answer, however long they say to wait, wherever
-- the clock jumps: each deal arrives once, and nobody is asked in a storm.
local kit = require "commands.kit"

local MINUTE_MS, HOUR_MS, DAY_MS = 60000, 3600000, 24 * 3600000
local YEARS_MS = 3652 * DAY_MS

-- What a fault meets; the certificate for callbacks comes from the same address: it is let through.
local PATHS = { partner = "/v1.0/", crm = "/api/", tokens = "/oauth2/" }
local REMOTES = { partner = "partner_center", crm = "crm" }

local function fault(s, service, rules)
  rules.path = PATHS[service]
  s:fault(service, rules)
end

local function row(s, i)
  s:act("create-opportunity", { name = "Row " .. i, value = 5, currency = "USD",
    closing_date = "2051-05-31", account = "Clock KK", contact = "Ida Uhr",
    solutions = "SOL-10001-ABC", sync = true })
end

-- Every deal has one row, which it names, and nothing is given up.
local function all_is_well(t, s, deals)
  s:rest()
  local ours, rows = kit.referrals(s), {}
  for _, o in ipairs(kit.opportunities(s)) do
    t.ok(not rows[o.identifier], "two rows for one deal")
    rows[o.identifier] = o.id
  end
  t.eq(#ours, deals, "referrals")
  t.eq(#kit.opportunities(s), deals, "opportunities")
  for _, r in ipairs(ours) do
    t.eq(r.externalReferenceId, rows[r.id], r.name)
  end
  t.eq(#s:status().failed, 0, "dead letters")
  kit.quiet(t, s)
end

-- ---- Answers that are none

local FAULTS = {
  { "HTML", { status = 200, body = "<!DOCTYPE html><html><body>Sign in, please</body></html>" } },
  { "nothing", { status = 200, body = "" } },
  { "an object of somebody else", { status = 200, body = '{"ok":true}' } },
  { "half an answer", { status = 200, body = '{"value":[{"id":"9d3f0c1e-1111-4222-8' } },
  { "1e400", { status = 200, body = '{"value":[],"n":1e400}' } },
  { "a depth of 100,000", { status = 200, body = ("["):rep(100000) } },
  { "a redirect", { status = 302, body = "" } },
  { "a redirect for good", { status = 308, body = "" } },
  { "a broken connection", { drop = "after" } },
  { "a gateway's page", { status = 502, body = "<html>Bad Gateway</html>" } },
}

local function bad_answers(t, service)
  kit.with({}, function(s)
    s:rest()
    for i, bad in ipairs(FAULTS) do
      local rules = { count = 3 }
      for name, value in pairs(bad[2]) do
        rules[name] = value
      end
      fault(s, service, rules)
      s:act("portal-create", { name = "Deal " .. i })
      s:act("portal-create", { name = "Twin " .. i, customer = "Customer " .. i })
      kit.wait_long(s, "the deals under " .. bad[1], function()
        return #kit.opportunities(s) == 2 * i and s:say("fault")[i].count == 0
      end)
      t.eq(#s:status().failed, 0, "dead letters under " .. bad[1])
    end
    kit.wait_long(s, "word at Partner Center", function()
      s:command("sync")
      local named = 0
      for _, r in ipairs((kit.referrals(s))) do
        named = named + (r.externalReferenceId and 1 or 0)
      end
      return named == 2 * #FAULTS
    end)
    all_is_well(t, s, 2 * #FAULTS)
  end)
end

-- ---- Waits

local WAITS = { "-1", "0", "1000000000000", "1e309", "Sun, 06 Nov 1994 08:49:37 GMT",
  "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "5, 6" }

local function absurd_waits(t)
  kit.with({}, function(s)
    s:rest()
    for i, wait in ipairs(WAITS) do
      local service = i % 2 == 0 and "crm" or "partner"
      fault(s, service, { status = 429, retry_after = wait, count = 1 })
      s:act("portal-create", { name = "Deal " .. i })
      kit.wait("the refusal", function() return s:say("fault")[i].count == 0 end)
      local r = kit.remote(s, REMOTES[service])
      local left = (r.paused_until_ms or 0) - host.now_ms() - (s.moved or 0)
      t.ok(left <= HOUR_MS + 1000, ("%s makes a pause of %d ms"):format(wait, left))
      kit.pass(s, HOUR_MS)
      s.moved = (s.moved or 0) + HOUR_MS
      kit.wait("the deal, within an hour", function() return #kit.opportunities(s) == i end)
    end
    all_is_well(t, s, #WAITS)
  end)
end

-- ---- Clocks

local JUMPS = { DAY_MS, -DAY_MS, YEARS_MS, -YEARS_MS, -YEARS_MS, YEARS_MS, -HOUR_MS, HOUR_MS }

local function words(ms)
  return ("a jump of %d hours"):format(ms // HOUR_MS)
end

-- A deal of each side travels after the jump, in a few requests; then nothing more is written.
local function after_jump(t, s, i, ms)
  local requests, tokens = s:say("pending").requests, #s:rows("token")
  kit.pass(s, ms)
  s:act("portal-create", { name = "Deal " .. i })
  row(s, i)
  s:rest()
  t.eq(#kit.opportunities(s), 2 * i, "opportunities after " .. words(ms))
  t.eq(#kit.referrals(s), 2 * i, "referrals after " .. words(ms))
  local asked = s:say("pending").requests - requests
  t.ok(asked < 200, ("%d requests after %s"):format(asked, words(ms)))
  t.ok(#s:rows("token") - tokens <= 4, "tokens after " .. words(ms))
  t.eq(#s:status().failed, 0, "dead letters after " .. words(ms))
end

local function clock_jumps(t)
  kit.with({}, function(s)
    s:rest()
    for i, ms in ipairs(JUMPS) do
      after_jump(t, s, i, ms)
    end
    all_is_well(t, s, 2 * #JUMPS)
  end)
end

-- What waits for its next try does not wait ten years for it.
local function waits_end(t)
  kit.with({}, function(s)
    s:rest()
    fault(s, "crm", { status = 503, count = 4 })
    s:act("portal-create", { name = "Tried again" })
    kit.wait("the first refusal", function() return s:say("fault")[1].count < 4 end)
    kit.pass(s, -YEARS_MS)
    kit.wait("the deal, by the clock that nobody sets", function()
      return kit.opportunity(s)
    end)
    kit.pass(s, YEARS_MS) -- else no callback's certificate is good
    fault(s, "partner", { status = 429, retry_after = 3, count = 1 })
    s:act("portal-create", { name = "Paused" })
    kit.wait("the pause", function() return s:say("fault")[2].count == 0 end)
    kit.pass(s, -YEARS_MS)
    kit.wait("the deal behind the pause", function() return #kit.opportunities(s) == 2 end)
    t.has(s.host:output(), "the clock was put back by")
    all_is_well(t, s, 2)
  end)
end

-- A person who knows that the service is there again does not wait for the next try.
local function tried_at_once(t)
  kit.with({}, function(s)
    s:rest()
    fault(s, "partner", { status = 503, count = 1000 })
    for i = 1, 3 do
      row(s, i)
    end
    s:command("sync")
    local left = 1000
    for i = 1, 9 do -- until the next try is up to five minutes away
      kit.pass(s, 5 * MINUTE_MS)
      kit.wait("try " .. i, function()
        return s:say("fault")[1].count <= left - 3 and s:status().queue.running == 0
      end)
      left = s:say("fault")[1].count
    end
    s:fault("clear")
    s:command("sync")
    kit.wait("the deals", function() return #kit.referrals(s) == 3 end, 10000)
    all_is_well(t, s, 3)
  end)
end

return function(t)
  for _, service in ipairs { "partner", "crm" } do
    t.case(("guard 5: HTML, empty, cut, deep answers and redirects of %s: each deal arrives once")
      :format(service), function() bad_answers(t, service) end)
  end
  t.case("guard 5: 429 with an absurd Retry-After holds the work up for an hour at most",
    function() absurd_waits(t) end)
  t.case("guard 5: the clock jumps by hours, a day, ten years, both ways: no storm, nothing lost",
    function() clock_jumps(t) end)
  t.case("guard 5: what waits does not wait longer when the clock is put back",
    function() waits_end(t) end)
  t.case("what waits for a service that was away is tried at once when a person says sync",
    function() tried_at_once(t) end)
end

-- Story 99: callbacks go on to who was registered before: as they came, whatever they are, through
-- an outage and a kill, within bounds, and without slowing the answer to Partner Center.
local callbacks = require "commands.callbacks"
local kit = require "commands.kit"

local HOUR_MS = 3600 * 1000
local PATH = "/hooks/pc?code=0a1b2c%2F"

-- A receiver; what it answers is said by the story: a status, "hang" (until release) or nil (gone).
local function receiver()
  local self = { got = {}, says = 200, hanging = 0 }
  local function handler(request)
    if self.says == "hang" then
      self.hanging = self.hanging + 1
      while self.says == "hang" do
        host.sleep(10)
      end
    end
    self.got[#self.got + 1] = request
    return self.says, {}, ""
  end
  function self.open()
    self.server = assert(host.serve { address = "127.0.0.1", port = self.port or kit.free_port(),
      methods = "POST", max_body = 1 << 20, handler = handler })
    self.port = self.server.port
  end
  function self.close()
    self.server:close()
  end
  self.open()
  return self
end

-- Runs body(s, to) on a stage whose profile names a receiver: by a file, its query is a secret.
local function with(o, body)
  local to = receiver()
  local ok, err = pcall(kit.with, { clock = o.clock, edit = function(profile, s)
    assert(host.file.write(s.dir .. "/forward", ("http://127.0.0.1:%d%s\n"):format(to.port, PATH),
      0x180))
    local at = ('webhook = { forward = { file = "%s/forward" }%s },\n  '):format(s.dir,
      o.more or "")
    return (profile:gsub("settings = ", function(word) return at .. word end, 1))
  end }, function(s) body(s, to) end)
  to.says = 200
  to.close()
  if not ok then
    error(err, 0)
  end
end

local function post(t, s, body, headers)
  local pair, url = callbacks.signer(s)
  local signed = callbacks.signed(pair, url, body)
  for name, value in pairs(headers or {}) do
    signed[name] = value
  end
  local answer = callbacks.post(s, signed, body)
  t.eq({ answer.status, answer.body }, { 200, "" })
  return signed, answer, pair
end

local function arrived(s, to, n)
  kit.wait(n .. " at the receiver", function()
    s:command("last") -- raises if the host is gone
    return #to.got >= n
  end)
end

-- ---- as they came ----

local BODIES = { '{"EventName":"subscription-updated","ResourceUri":"https://api.example/1",\n ' ..
  '"ResourceName":"subscription","AuditUri":null}  ', "no JSON at all", "", "\0\1\2\255\254\0",
  '{"EventName":"never-heard-of","x":"' .. ("é"):rep(5000) .. '"}' }
local KEPT = { "Content-Type", "Authorization", "X-MS-Certificate-Url", "X-MS-Signature-Algorithm" }

local function as_they_came(t, s, to)
  for i, body in ipairs(BODIES) do
    local sent, _, pair = post(t, s, body, { ["Content-Type"] = "application/json; charset=utf-8",
      ["X-Other"] = "not of the signature" })
    arrived(s, to, i)
    local got = to.got[i]
    t.eq(got.body, body, "the body")
    t.eq({ got.method, got.target }, { "POST", PATH })
    for _, name in ipairs(KEPT) do
      t.eq(got.headers[name:lower()], sent[name], name)
    end
    t.eq(got.headers["x-other"], nil)
    local signature = host.crypto.unbase64(got.headers.authorization:match("^Signature (.*)$"))
    t.ok(host.crypto.verify(pair.cert, "RS256", got.body, signature), "it is proved there too")
  end
  local c = s:status().callbacks
  t.eq({ c.passed, c.not_passed, c.pass_waiting }, { #BODIES, 0, 0 })
  t.has((s:command("status"):gsub("%s+", " ")), ("%d passed on, 0 wait for that"):format(#BODIES))
  t.has(s:command("status"), "forward         no sign-in")
end

local function other_place(t, s, to)
  local body = callbacks.body(host.uuid())
  local pair, url = callbacks.signer(s)
  local signed = callbacks.signed(pair, url, body)
  signed["x-ms-signature"], signed.Authorization = signed.Authorization, nil
  t.eq(callbacks.post(s, signed, body).status, 200)
  local n = #to.got + 1
  arrived(s, to, n)
  t.eq({ to.got[n].headers["x-ms-signature"], to.got[n].headers.authorization },
    { signed["x-ms-signature"] })
end

local function events_of_both(t, s, to)
  s:act("registration", { url = ("http://127.0.0.1:%d%s"):format(s.port, callbacks.path(s)),
    events = "referral-created,Subscription-Updated,test-created" })
  local n = #to.got
  s:act("other-event", { event = "Subscription-Updated", id = "7" })
  arrived(s, to, n + 1)
  t.has(to.got[n + 1].body, '"EventName":"Subscription-Updated"')
  s:act("portal-create", { name = "For both", value = 1000, currency = "USD" })
  arrived(s, to, n + 2)
  t.has(to.got[n + 2].body, '"EventName":"referral-created"')
  kit.wait("the deal here", function() return kit.opportunity(s) end)
end

-- Two hosts that name each other would else send one event round for ever.
local function once_only(t, s, to)
  s:rest()
  local n, stored = #to.got, s:status().callbacks.stored
  post(t, s, callbacks.body(host.uuid()), { ["X-Cosell-Passed-On"] = "1" })
  s:rest()
  t.eq(s:status().callbacks.stored, stored + 1, "it counts here")
  t.eq(#to.got, n, "and goes no further")
end

-- ---- an outage ----

local function refused(t, s, to)
  for _, status in ipairs { 500, 401, 404, 302 } do
    local n = #to.got
    to.says = status
    post(t, s, ('{"EventName":"refused-by-%d"}'):format(status))
    kit.wait("a refusal by " .. status, function()
      if #to.got == n then
        s:clock(60 * 1000) -- it is left alone for a minute at most
      end
      return #to.got > n
    end)
  end
  kit.wait("the failure", function() return s:status().webhook.failing end)
  local forward = s:status().remotes[4]
  t.eq({ forward.name, forward.needs_sign_in }, { "forward", false },
    "a 401 of theirs is no sign-in of ours")
  local log = s.host:output()
  t.eq(select(2, log:gsub("warn  forward: a callback was not taken, it is tried again: ", "")), 1,
    "said once")
end

local function killed_and_taken(t, s, to)
  to.close()
  local want = {}
  for i = 1, 5 do
    want[i] = ('{"EventName":"kept-%d"}'):format(i)
    post(t, s, want[i])
  end
  s:host_stop("KILL")
  s:host_start(s.host_options)
  s:host_ready()
  to.got, to.says = {}, 200
  to.open()
  s:clock(10 * 60 * 1000)
  kit.wait("all nine", function()
    local seen = {}
    for _, one in ipairs(to.got) do
      seen[one.body] = true
    end
    for _, body in ipairs(want) do
      if not seen[body] then
        s:clock(60 * 1000)
        return false
      end
    end
    return s:status().callbacks.pass_waiting == 0
  end)
  t.ok(#to.got >= 9, "those of before, too: " .. #to.got)
  t.eq(s:status().webhook.failing, nil)
  t.has(s.host:output(), "forward: callbacks are taken again")
end

local function to_do_of(s)
  local out = {}
  for _, item in ipairs(s:status().to_do) do
    out[#out + 1] = item.what == "forward" and item.text or nil
  end
  return table.concat(out, "\n")
end

local function given_up(t, s, to)
  to.says = 503
  post(t, s, '{"EventName":"too-old"}')
  kit.wait("a refusal", function() return s:status().webhook.failing end)
  s:clock(6 * 60 * 1000)
  t.has(to_do_of(s), "callbacks are passed on to nobody since ")
  t.has(to_do_of(s), "answered 503")
  kit.wait("the end of its day", function()
    s:clock(6 * HOUR_MS)
    return s:status().webhook.lost
  end)
  t.has(to_do_of(s), "1 callbacks were given up, the last ")
  t.has(s.host:output(), "error forward: a callback is given up after 24 h, 1 so far")
  t.eq(s:status().callbacks.pass_waiting, 0)
end

-- ---- bounds ----

local function bounded(t)
  with({ more = ", forward_most = 2" }, function(s, to)
    to.says = 500
    for i = 1, 5 do
      post(t, s, ('{"EventName":"%d"}'):format(i))
    end
    local c = s:status().callbacks
    t.eq({ c.stored, c.passed, c.not_passed, c.pass_waiting }, { 5, 2, 3, 2 })
    t.has(to_do_of(s), "3 callbacks were not passed on since the start: too many waited")
    t.has(s.host:output(), "not passed on to `webhook.forward`: too many wait for it")
    to.says = 200
    kit.wait("room again", function() return s:status().callbacks.pass_waiting == 0 end)
    post(t, s, '{"EventName":"6"}')
    t.eq(s:status().callbacks.passed, 3)
  end)
end

-- A receiver that never answers holds up nobody: neither the answers, nor our own deals.
local function hanging(t)
  with({}, function(s, to)
    to.says = "hang"
    local slowest = 0
    for i = 1, 100 do
      local _, answer = post(t, s, ('{"EventName":"hang-%d"}'):format(i))
      slowest = math.max(slowest, answer.ms)
    end
    kit.wait("four at the receiver", function() return to.hanging == 4 end)
    t.ok(slowest < 1000, "slowest answer: " .. slowest .. " ms")
    local deal = s:act("portal-create", { name = "Meanwhile", value = 1000, currency = "USD" })
    kit.wait("the deal", function()
      local row = kit.opportunity(s)
      return row and row.identifier == deal.id
    end)
    t.eq(to.hanging, 4, "no more than four at once")
    to.says = 200
    arrived(s, to, 101)
  end)
end

local function refuses_to_start(t)
  kit.with({ host = false, edit = function(profile, s)
    assert(host.file.write(s.dir .. "/forward", "http://billing.example/x", 0x180))
    return (profile:gsub("settings = ", 'webhook = { forward = { file = "' .. s.dir ..
      '/forward" } },\n  settings = ', 1))
  end }, function(s)
    local ok, said = pcall(function()
      s:host_start { profile = s.profile, state = s.state }
      s:host_ready()
    end)
    t.ok(not ok, "it does not start")
    t.has(said, "webhook.forward: remote forward: a base URL must begin with https://")
  end)
end

return function(t)
  with({ clock = true, more = ", forward_hours = 24" }, function(s, to)
    t.case("story 99: body and signature go on as they came, whatever they are", function()
      as_they_came(t, s, to)
    end)
    t.case("story 99: with the signature in the other header", function() other_place(t, s, to) end)
    t.case("story 99: other products' events and ours", function() events_of_both(t, s, to) end)
    t.case("story 99: what was passed on is not passed on again", function()
      once_only(t, s, to)
    end)
    t.case("story 99: what is refused is tried again", function() refused(t, s, to) end)
    t.case("story 99: a killed host has lost none", function() killed_and_taken(t, s, to) end)
    t.case("story 99: what is too old is given up, and told", function() given_up(t, s, to) end)
  end)
  t.case("story 99: only so many wait; ours are kept all the same", function() bounded(t) end)
  t.case("story 99: a receiver that hangs slows nobody", function() hanging(t) end)
  t.case("story 99: an address in a file is https", function() refuses_to_start(t) end)
end

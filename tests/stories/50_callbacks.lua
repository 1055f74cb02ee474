-- Story 50: callbacks that are not what they should be, at a whole host: what is answered, what is
-- said of it, and that the deals come all the same.
local callbacks = require "commands.callbacks"
local kit = require "commands.kit"
local rules = require "commands.rules"

local FAULTS = { "bad", "issuer", "expired", "algorithm", "missing", "http" }
local ATTEMPTS = 10 -- of each delivery

local function deal_there(s, id)
  for _, o in ipairs(kit.opportunities(s)) do
    if o.identifier == id then
      return o
    end
  end
  return nil
end

-- ---- the service signs wrongly ----

local function rejected(t, s)
  for i, fault in ipairs(FAULTS) do
    s:set("signature_fault", fault)
    local deal = s:act("portal-create", { name = "Signed: " .. fault, value = 1000,
      currency = "USD" })
    kit.wait("all attempts rejected: " .. fault, function()
      return s:status().callbacks.bad_in_a_row >= i * ATTEMPTS
    end)
    s:rest()
    t.ok(deal_there(s, deal.id), fault .. ": the poll goes on and finds the deal")
  end
end

local function said(t, s)
  local now = s:status()
  local rejections = now.callbacks.bad_in_a_row
  t.ok(rejections >= #FAULTS * ATTEMPTS, "in a row: " .. rejections)
  t.eq({ now.callbacks.stored, now.callbacks.rejected }, { 0, rejections }, "stored, rejected")
  t.has(s:command("status"), rejections .. " in a row rejected, last: ")
  local asked = false
  for _, item in ipairs(now.to_do) do
    asked = asked or item.what == "callbacks"
  end
  t.ok(asked, "a person is asked")
  local log = s.host:output()
  t.has(log, "error callbacks: 1 rejected, 1 in a row: ")
  t.has(log, "; changes come by polls")
  local lines = rules.count(log, "error callbacks: ")
  t.ok(lines >= 1 and lines <= 3, "a line a minute at most, not one a callback: " .. lines)
end

local function proved_again(t, s)
  s:set("signature_fault", "none")
  local deal = s:act("portal-create", { name = "Signed well", value = 1000, currency = "USD" })
  kit.wait("the deal, by callback", function() return deal_there(s, deal.id) end)
  s:rest()
  local c = s:status().callbacks
  t.eq({ c.bad_in_a_row, c.why }, { 0 })
  t.has(s.host:output(), "callbacks: proved again")
  t.ok(not s:command("status"):find("in a row", 1, true), "status says nothing of it any more")
end

-- ---- practice only ----

local function practice(t, s)
  local words = "practice only: certificates of " .. s.base.partner .. " are believed"
  t.has(s.host:output(), words, "run")
  t.has((s:command("status", {})):gsub("%s+", " "), words, "status")
  t.eq(s:status().callbacks.practice_only, s.base.partner)
end

local function no_practice(t)
  kit.with({ edit = function(text)
    return (text:gsub('practice_origin = "[^"]*"', ""))
  end }, function(s)
    t.ok(not s.host:output():find("practice only", 1, true), "run")
    t.ok(not s:command("status"):find("practice only", 1, true), "status")
    local pair, url = callbacks.signer(s)
    local body = callbacks.body(host.uuid())
    local answer = callbacks.post(s, callbacks.signed(pair, url, body), body)
    t.eq({ answer.status, answer.body }, { 401, "" }, "a certificate by plain http")
    t.eq(s:status().callbacks.stored, 0)
  end)
end

-- ---- hostile addresses ----

-- A door next to the allowed one; nobody may come.
local function connections(t, s)
  local came = 0
  local door = assert(host.serve { address = "127.0.0.1", port = 0, handler = function()
    came = came + 1
    return 404, {}, ""
  end })
  local pair = callbacks.signer(s)
  local body, at = callbacks.body(host.uuid()), "127.0.0.1:" .. door.port
  local urls = { "http://" .. at .. "/cert/a.cer", s.base.partner .. "@" .. at .. "/a.cer",
    "http://localhost:" .. door.port .. "/a.cer", "https://" .. at .. "/cert/a.cer",
    "http://[::1]:" .. door.port .. "/a.cer", "http://2130706433:" .. door.port .. "/a.cer",
    "//" .. at .. "/a.cer", "http://" .. at .. "/cert/practice.cer?" .. s.base.partner }
  for _, url in ipairs(urls) do
    local answer = callbacks.post(s, callbacks.signed(pair, url, body), body)
    t.eq({ answer.status, answer.body }, { 401, "" }, url)
  end
  t.eq(came, 0, "connections")
  assert(host.http.request { method = "GET", url = "http://" .. at .. "/cert/a.cer" })
  t.eq(came, 1, "the door is a door")
  door:close()
end

local function certificate_missing(t, s)
  local pair, url = callbacks.signer(s)
  local body, other = callbacks.body(host.uuid()), url:gsub("practice%.cer$", "nobody.cer")
  local before = s:status().callbacks
  for _ = 1, 3 do
    local answer = callbacks.post(s, callbacks.signed(pair, other, body), body)
    t.eq({ answer.status, answer.headers["retry-after"] }, { 503, "5" }, "asked again later")
  end
  t.eq(s:status().callbacks.refused, before.refused + 3)
  t.has(s.host:output(),
    "callbacks: 1 put off with 503: the certificate's address: answered 404")
end

-- ---- names that nobody knows ----

local GUID = "7c1d9a0e-1111-4222-8333-444455556666"
local STRANGE = {
  { EventName = "never-heard-of" },
  { EventName = "never-heard-of", ResourceUri = "https://api.example/things/" .. GUID },
  { EventName = "subscription-updated", ResourceName = "subscription",
    ResourceUri = "https://api.example/webhooks/v1/registration/" .. GUID },
  { EventName = "test-created", ResourceName = "test",
    ResourceUri = "http://api.example/webhooks/v1/registration/validationEvents/" .. GUID },
  { EventName = 5, ResourceUri = true },
  { EventName = ("x"):rep(100000) },
  { EventName = "referral-updated", ResourceUri = "https://api.example/referrals/none" },
  { EventName = "referral-updated", ResourceUri = "file:///etc/passwd" },
}
local NO_JSON = { "", "null", "[]", "5", "{", "\0", "\255\254", ("["):rep(2000), '{"a":1e400}' }

local function unknown_names(t, s)
  local pair, url = callbacks.signer(s)
  s:rest()
  local function posted(body)
    local answer = callbacks.post(s, callbacks.signed(pair, url, body), body)
    t.eq({ answer.status, answer.body }, { 200, "" }, body:sub(1, 60))
  end
  local before = s:status()
  for _, event in ipairs(STRANGE) do
    posted(json.encode(event))
  end
  for _, body in ipairs(NO_JSON) do
    posted(body)
  end
  kit.wait("all of them looked at", function()
    local queue = s:status().queue
    return queue.due == 0 and queue.running == 0
  end)
  local now = s:status()
  t.eq(now.callbacks.stored, before.callbacks.stored + #STRANGE + #NO_JSON)
  t.eq({ now.queue.dead, now.queue.waiting }, { before.queue.dead, before.queue.waiting },
    "nothing is left of them")
end

local function unknown_name_of_a_deal(t, s)
  local pair, url = callbacks.signer(s)
  s:set("lose_callbacks", true)
  local deal = s:act("portal-create", { name = "By a name that is new", value = 1000,
    currency = "USD" })
  local body = json.encode { EventName = "engagement-merged",
    ResourceUri = "https://api.partnercenter.microsoft.com/engagements/v1/referrals/" .. deal.id }
  t.eq(callbacks.post(s, callbacks.signed(pair, url, body), body).status, 200)
  kit.wait("the deal", function() return deal_there(s, deal.id) end)
  s:set("lose_callbacks", false)
end

return function(t)
  kit.with({}, function(s)
    s:set("delivery_gap_ms", 5)
    t.case("guard 1: practice only is printed by run and by status", function() practice(t, s) end)
    t.case("guard 1: wrongly signed callbacks are rejected, the poll finds the deals", function()
      rejected(t, s)
    end)
    t.case("guard 1: rejected ones in a row stand in status and in the log", function()
      said(t, s)
    end)
    t.case("guard 1: a proved one ends it", function() proved_again(t, s) end)
    t.case("guard 1: unknown event names get 200 and leave nothing behind", function()
      unknown_names(t, s)
    end)
    t.case("guard 1: an event of an unknown name still wakes the deal it names", function()
      unknown_name_of_a_deal(t, s)
    end)
    t.case("guard 1: a certificate that cannot be had is 503, and the log says why", function()
      certificate_missing(t, s)
    end)
    t.case("guard 2: hostile certificate addresses make no connection", function()
      connections(t, s)
    end)
  end)
  t.case("guard 1: without the origin in the profile its certificates are not believed", function()
    no_practice(t)
  end)
end

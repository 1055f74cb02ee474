-- Each fault of the practice environment that has a name: switched on by the program, met by a host
-- while deals are changed on both sides, lifted again; then both sides are equal.
local kit = require "commands.kit"
local practice = require "commands.practice"
local stage = require "sim.stage"

local HOST_WAITS_MS = 60000

local function trace_of(t, s)
  local text = practice.run(s, { "trace", "--json", "--most", "1000" })
  local out = {}
  for line in text:gmatch("[^\n]+") do out[#out + 1] = json.decode(line) end
  t.ok(#out > 0, "a trace")
  return out
end

-- ---- How a fault shows ----

-- Some exchange since the fault came on is like this.
local function exchange(like)
  return function(t, s, before)
    for _, x in ipairs(trace_of(t, s)) do
      if x.n > before.n and like(x) then return true end
    end
    return false
  end
end

local function status(wanted)
  return exchange(function(x) return x.status == wanted end)
end

local function host_says(text)
  return function(_, s, before)
    return s.host:output():find(text, before.log, true) ~= nil
  end
end

local function rejected(_, s, before) return s:status().callbacks.rejected > before.rejected end

local function signed_out(_, s)
  for _, r in ipairs(s:status().remotes) do
    if r.needs_sign_in then return true end
  end
  return false
end

-- A new deal is told of so often.
local function copies(n)
  return function(_, s)
    local seen = {}
    for _, d in ipairs(s:say "deliveries") do
      if d.event == "referral-created" then seen[d.id] = (seen[d.id] or 0) + 1 end
      if seen[d.id] == n then return true end
    end
    return false
  end
end

local function at_once() return true end

local SHOWS = {
  ["429"] = status(429), ["5xx"] = status(503),
  ["lost-answer"] = exchange(function(x) return x.status == nil and x.method ~= "GET" end),
  latency = exchange(function(x) return x.ms >= 500 end),
  ["cut-answers"] = host_says("failed (net)"),
  ["callbacks-twice"] = copies(3), ["callbacks-reordered"] = at_once,
  ["callbacks-lost"] = at_once, ["callbacks-badly-signed"] = rejected,
  ["certificate-expired"] = rejected, ["token-revoked"] = signed_out,
  ["delta-expired"] = exchange(function(x)
    return x.status == 400 and x.answer:find("0x80044352", 1, true)
  end),
  ["read-lag"] = exchange(function(x) return x.status == 404 or x.service == "partner" end),
}

-- ---- One after the other ----

-- Something happens on each side.
local function changes(s, deal, row, i)
  s:act("edit", { id = deal, value = 1000 + i })
  kit.describe(s, row, "changed " .. i)
  s:act("portal-create", { name = "During " .. i, value = 100, currency = "USD" })
end

local function equal(t, s, name)
  local found = practice.json(t, s, { "show", "--most", "1000" })
  for _, pair in ipairs(found.deals) do
    t.eq(pair.differs, json.array {}, name .. ": " .. (pair.crm or pair.partner).name)
  end
  return found.total
end

local function is_on(t, s, name)
  for _, fault in ipairs(practice.json(t, s, { "fault" })) do
    if fault.name == name then return fault.on, fault end
  end
  error("no fault " .. name)
end

-- A host that has to be signed in again is started anew: so it says itself.
local function signed_in_again(s)
  local options = s.host_options
  s:host_stop()
  s:host_start(options)
  s:host_ready()
end

local function met(t, s, i, fault, deal, row)
  local before = { n = practice.json(t, s, { "trace", "--most", "1" }).n,
    log = #s.host:output() + 1, rejected = s:status().callbacks.rejected }
  local said = practice.says(t, s, { "fault", fault.name })
  local lasting = is_on(t, s, fault.name)
  t.has(said, lasting and ": on" or ": done")
  changes(s, deal, row, i)
  s:command "sync"
  stage.wait_for(fault.name .. " to be met", function()
    return SHOWS[fault.name](t, s, before)
  end)
  practice.says(t, s, i % 2 == 0 and { "fault", "clear" } or { "fault", fault.name, "off" })
  t.eq(is_on(t, s, fault.name), false, "lifted")
  s:clock(HOST_WAITS_MS)
  if fault.name == "token-revoked" then signed_in_again(s) end
  s:rest()
  t.eq(equal(t, s, fault.name), i + 1, fault.name .. ": deals")
end

local function each(t, s)
  local deal = s:act("portal-create", { value = 1000, currency = "USD" })
  s:rest()
  local row = kit.opportunity(s).id
  s:set("delivery_gap_ms", 20) -- between the attempts at a callback that is refused
  local list = practice.json(t, s, { "fault" })
  t.eq(#list, 13, "named faults")
  for i, fault in ipairs(list) do met(t, s, i, fault, deal.id, row) end
  for _, r in ipairs(s:say("fault")) do error("a fault row is left: " .. json.encode(r)) end
end

-- ---- The words ----

local UNKNOWN = {
  { { "fault", "latecy" }, "no fault is called latecy; did you mean latency?" },
  { { "fault", "5xx", "of" }, "fault 5xx: of? (off, crm, partner or key=value)" },
  { { "fault", "callbacks-lost", "crm" }, "fault callbacks-lost: takes nothing but off" },
  { { "fault", "latency", "delay_ms=long" }, "fault latency: a key or value is not known" },
}

local function words(t)
  kit.with({ host = false }, function(s)
    t.ok(practice.says(t, s, { "fault" }):find("\n5xx +every call is answered with 503\n"), "off")
    practice.says(t, s, { "fault", "5xx", "crm", "status=502" })
    t.ok(practice.says(t, s, { "fault" }):find("\n5xx +on  every call is answered"), "on")
    local rows = s:say("fault")
    t.eq({ #rows, rows[1].service, rows[1].status }, { 1, "crm", 502 })
    practice.says(t, s, { "fault", "callbacks-badly-signed" })
    practice.says(t, s, { "fault", "certificate-expired" })
    t.eq((is_on(t, s, "callbacks-badly-signed")), false, "the later one stands")
    for _, case in ipairs(UNKNOWN) do
      local said, exit = practice.run(s, case[1])
      t.eq(exit, 1, said)
      t.has(said, case[2])
    end
    practice.says(t, s, { "fault", "clear" })
    for _, fault in ipairs(practice.json(t, s, { "fault" })) do
      t.eq(fault.on, false, fault.name)
      t.ok(#fault.sets > 0 or fault.name:find("token") or fault.name:find("delta"), "what it sets")
    end
    t.ok(not practice.says(t, s, { "set" }):find("\n* ", 1, true), "every switch as it was")
  end)
end

return function(t)
  t.case("practice: each named fault is met and lifted, then both sides are equal", function()
    kit.with({ clock = true }, function(s) each(t, s) end)
  end)
  t.case("practice: what faults there are, which are on, and what is no fault", function()
    words(t)
  end)
end

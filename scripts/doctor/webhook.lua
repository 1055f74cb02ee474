-- `cosell doctor`, Partner Center's events: to whom they go, and whether a test event comes back.
local listener = require "listener"
local original = require "original"
local outcome = require "doctor.outcome"
local table_text = require "table_text"
local webhook_registration = require "flows.webhook_registration"
local webhook_test = require "webhook_test"

local M = {}

local TEST_MS = 20000
local STILL_GOOD_MS = 60000 -- two test events a minute are all there are

-- Why there is nothing to look at; nil: there is.
local function polls_only()
  local mode, why = webhook_registration.mode()
  return mode ~= "callbacks" and outcome.fine("not used: %s; changes come by polls", why) or nil
end

local function displaced(found)
  local name = webhook_registration.shown(found.url):match("^%a+://([^/]+)") or "another address"
  local values = { host = original.host_of(found.url) and name .. " (the original connector)" or
    name, others = table.concat(found.others, ", ") }
  return outcome.wrong(webhook_registration.harmless(found) and "displaced" or "shared", values)
end

function M.registered()
  local unused = polls_only()
  if unused then
    return unused
  end
  local found, err = webhook_registration.look()
  if not found then
    return nil, err
  elseif found.whose == "nobody" then
    return outcome.wrong "none"
  elseif found.whose == "another" then
    return displaced(found)
  elseif found.whose == "ours before" then
    return outcome.wrong "before"
  elseif #found.missing > 0 then
    return outcome.wrong("events", { list = table.concat(found.missing, ", ") })
  end
  return outcome.fine("%d events", #found.events)
end

-- ---- The listener's certificate ----

function M.certificate()
  local unused = polls_only()
  if unused then
    return unused
  elseif not host.profile.tls then
    return outcome.fine "not used: what stands in front of this host does TLS"
  end
  local one = listener.certificate()
  if not one then
    return outcome.unseen "no host is running that could say which one it uses"
  elseif one.refused then
    return outcome.wrong("refused", { why = one.refused })
  elseif one.state == "ended" then
    return outcome.wrong "ended"
  end
  return outcome.fine("it ends in %s", table_text.count(one.days, "day"))
end

-- ---- A test event, there and back ----

-- What a test event that did not come says.
local function wrong(code)
  local callbacks = host.status().callbacks or {}
  if code == "Unauthorized" and callbacks.why then
    return outcome.wrong("refused", { why = callbacks.why })
  end
  return outcome.wrong("unreached", { code = code, origin = host.profile.public_url,
    to = ("port %d"):format(callbacks.port or 0) })
end

function M.reached()
  local unused, last = polls_only(), webhook_test.last_ms()
  if unused then
    return unused
  elseif not host.status().serving then
    return outcome.unseen "no host is running that could take one: start it and look again"
  elseif last and math.abs(host.now_ms() - last) < STILL_GOOD_MS then
    return outcome.fine "a test event came back less than a minute ago"
  end
  local trip, err = webhook_test.run(TEST_MS)
  if not trip then
    return nil, err
  elseif trip.ms then
    return outcome.fine "a test event came back"
  elseif not trip.attempts[1] then
    return outcome.unseen "Partner Center has not said yet what became of a test event"
  end
  return wrong(trip.attempts[1])
end

return M

-- The round trip of a validation event: Partner Center is asked for one, calls this host, and the
-- host sees it.  Owns the mark "webhook.tests", the tests that came last.
local partner_center = require "partner_center"

local M = {}

local MARK = "webhook.tests"
local MOST_KEPT = 8
local LOOK_MS = 100
local ASK_MS, ASK_MOST_MS = 500, 5000 -- between two questions at Partner Center

local function tests()
  local mark = host.store.mark_get(MARK)
  return mark and json.decode(mark) or json.array {}
end

---A callback that is a test.
---@param event table
function M.came(event)
  local uri = event.ResourceUri or event.resourceUri
  local id = type(uri) == "string" and uri:match("([%w%-]+)/?$")
  if not id or #id > 100 then
    return
  end
  local list = tests()
  table.insert(list, 1, { id = id:lower(), at_ms = host.now_ms() })
  list[MOST_KEPT + 1] = nil
  host.store.mark_set(MARK, json.encode(list))
end

---When the last test came; nil: none ever did.
---@return integer|nil at_ms
function M.last_ms()
  local last = tests()[1]
  return last and last.at_ms
end

local function seen(id)
  for _, one in ipairs(tests()) do
    if one.id == id:lower() then
      return one.at_ms
    end
  end
  return nil
end

local function failed(result)
  return tostring(result and result.status):lower() == "failed"
end

---@class RoundTrip
---@field id string
---@field ms integer|nil   from the question until it was seen here; nil: it was not
---@field status string|nil  as Partner Center says
---@field attempts string[]  what it heard at each of its calls

local function told(trip, result)
  trip.status, trip.attempts = result.status, json.array {}
  for i, one in ipairs(result.results) do
    local code = type(one) == "table" and (one.responseCode or one.ResponseCode)
    trip.attempts[i] = type(code) == "string" and code or "no answer"
  end
end

---Asks for a test event and follows it until it is seen here, has failed, or so long.  (suspends)
---@param most_ms integer
---@return RoundTrip|nil, table|nil err
function M.run(most_ms)
  local began = host.now_ms()
  local id, err = partner_center.webhook_test()
  if not id then
    return nil, err
  end
  local trip = { id = id, attempts = json.array {} }
  local ask_at, ask_ms, result = began + ASK_MS, ASK_MS, nil
  while not seen(id) and not failed(result) and host.now_ms() < began + most_ms do
    if host.now_ms() >= ask_at then
      result = partner_center.webhook_test_result(id)
      ask_ms = math.min(ask_ms * 2, ASK_MOST_MS)
      ask_at = host.now_ms() + ask_ms
    end
    host.sleep(LOOK_MS)
  end
  trip.ms = seen(id) and math.max(0, seen(id) - began)
  result = partner_center.webhook_test_result(id) or result
  if result then
    told(trip, result)
  end
  return trip
end

return M

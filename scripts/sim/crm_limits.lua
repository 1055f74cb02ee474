-- Service protection of the practice CRM: requests, time and requests at once, for each user and
-- web server, over a sliding window; the 429 that follows and the headers of ordinary answers.
-- A request goes to the server that its affinity cookie names, else to the next in turn. Owns the
-- counts, in memory; one object for each service that was started.
local M = {}
M.__index = M

local COOKIE = "ARRAffinity"
local BUCKET_MS, WINDOW_MS, MOST_WAIT_S = 1000, 300000, 300
local STEP_S = 1 -- how much longer who goes on asking has to wait

-- What is counted: switch with its limit, error code, text.
local LIMITS = {
  requests = { "crm_limit_requests", "0x80072322",
    "Number of requests exceeded the limit of %d over time window of 300 seconds." },
  time = { "crm_limit_time_ms", "0x80072321",
    "Combined execution time of incoming requests exceeded limit of %d milliseconds over time "
    .. "window of 300 seconds. Decrease number of concurrent requests or reduce the duration of "
    .. "requests and try again later." },
  concurrency = { "crm_limit_concurrent", "0x80072326",
    "Number of concurrent requests exceeded the limit of %d." },
}

--- switch: reads a switch; now: the clock.
function M.new(switch, now)
  return setmetatable({ switch = switch, now = now, windows = {}, turn = 0 }, M)
end

local function server_of(self, cookie)
  local servers = math.max(1, self.switch("crm_servers"))
  local text = cookie and cookie:match(COOKIE .. "=(%x+)")
  local named = text and math.tointeger(tonumber(text, 16))
  if named and named >= 1 and named <= servers then return named end
  self.turn = self.turn % servers + 1
  return self.turn
end

local function window_of(self, user, server)
  local name = user .. ":" .. server
  local w = self.windows[name]
  if not w then
    w = { first = 1, last = 0, requests = 0, time = 0, open = 0 }
    self.windows[name] = w
  end
  return w
end

local function forget_old(w, now)
  while w.first <= w.last and (w[w.first].at <= now - WINDOW_MS or w[w.first].at > now) do
    local old = w[w.first]
    w.requests, w.time = w.requests - old.requests, w.time - old.time
    w[w.first] = nil
    w.first = w.first + 1
  end
end

local function count(w, now, requests, time)
  local b = w[w.last]
  if w.last < w.first or now - b.at >= BUCKET_MS then
    b = { at = now, requests = 0, time = 0 }
    w.last = w.last + 1
    w[w.last] = b
  end
  b.requests, b.time = b.requests + requests, b.time + time
  w.requests, w.time = w.requests + requests, w.time + time
end

local function limit_of(self, kind) return self.switch(LIMITS[kind][1]) end

local function over(self, w)
  for _, kind in ipairs({ "requests", "time" }) do
    local most, used = limit_of(self, kind), w[kind]
    if most > 0 and used >= most then return kind end
  end
end

local function refusal(self, kind, seconds)
  local limit = LIMITS[kind]
  return { status = 429, code = limit[2], message = limit[3]:format(limit_of(self, kind)),
    retry_after = seconds }
end

-- Over a limit: until the oldest second leaves the window, longer for each request meanwhile.
local function blocked(w, now)
  local most = now + MOST_WAIT_S * 1000
  if not w.until_ms then w.until_ms = w.first <= w.last and w[w.first].at + WINDOW_MS or now end
  w.until_ms = math.min(most, math.max(w.until_ms, now) + STEP_S * 1000)
  return math.ceil((w.until_ms - now) / 1000)
end

--- Lets a request in, or not: answers a ticket for leave(), or nil and a refusal
--- { status=, code=, message=, retry_after= }.
function M:enter(user, cookie)
  local asked = self.switch("crm_throttle")
  if asked ~= "none" then return nil, refusal(self, asked, 5) end
  local now, server = self.now(), server_of(self, cookie)
  local w = window_of(self, user, server)
  forget_old(w, now)
  local most = limit_of(self, "concurrency")
  if most > 0 and w.open >= most then return nil, refusal(self, "concurrency", 1) end
  if w.until_ms and now >= w.until_ms then w.until_ms, w.kind = nil, nil end
  local kind = w.kind or over(self, w)
  if kind then
    w.kind = kind
    return nil, refusal(self, kind, blocked(w, now))
  end
  w.open = w.open + 1
  count(w, now, 1, 0)
  return { window = w, server = server, began = now }
end

--- The request of a ticket has its answer.
function M:leave(ticket)
  local w, now = ticket.window, self.now()
  w.open = w.open - 1
  count(w, now, 0, math.max(0, now - ticket.began))
end

--- The headers that an ordinary answer carries.
function M:headers(ticket, headers)
  local w = ticket.window
  headers["x-ms-ratelimit-burst-remaining-xrm-requests"] =
    tostring(math.max(0, limit_of(self, "requests") - w.requests))
  headers["x-ms-ratelimit-time-remaining-xrm-requests"] =
    string.format("%d.00", math.max(0, limit_of(self, "time") - w.time) // 1000)
  headers["Set-Cookie"] = string.format("%s=%08x; Path=/; HttpOnly", COOKIE, ticket.server)
end

return M

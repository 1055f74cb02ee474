-- Notices: what happened is gathered in the state, in the commit of what it is about, and sent
-- as one message, at most each `on_event.every_s`.  So a thousand failures at once are one message,
-- and a kill loses none.  A message that cannot be sent is tried again as its error's kind says,
-- under the same id, until `on_event.give_up_h` are over; it has a lane of its own, so it holds up
-- nobody.
-- Owns the marks "notices" (gathered), "notices:out" (on its way), "notices:sent" (what became of
-- them), "notices:told" (states that last, and were told), and jobs of kind "notice".  It must
-- never put a name or a value of a deal into a message: notices.lua says what may be.
local notices = require "notices"

local M = {}

local GATHERED, OUT, SENT, TOLD = "notices", "notices:out", "notices:sent", "notices:told"
local KIND = "notice"
local MOST_SHOWN = 5
local GATHER_MS = 2000 -- one trouble seldom comes alone
local REFUSED_MS = 10 * 60 * 1000 -- until a message that was refused is tried again
local DAY_MS = 24 * 3600 * 1000
local HOUR_MS = 3600 * 1000

local function read(mark)
  local value = host.store.mark_get(mark)
  return value and json.decode(value) or nil
end

local function write(mark, value)
  return host.store.mark_set(mark, value and json.encode(value) or nil)
end

local function target()
  return host.profile and host.profile.on_event -- a command that runs here has no profile
end

local function wanted(name)
  local on = target()
  return on ~= nil and on.wanted[name] == true
end

-- ms until the next message may leave
local function pause()
  local sent = read(SENT) or {}
  local since = host.now_ms() - (sent.at_ms or 0)
  local every = host.profile.on_event.every_s * 1000
  return since >= 0 and since < every and every - since or 0 -- or the clock was put back
end

local function put(delay_ms)
  return host.queue.put { kind = KIND, lane = KIND, key = KIND, payload = {}, keep_payload = true,
    delay_ms = delay_ms }
end

-- ---- Raising ----

---Something happened that people asked to be told.  Nothing leaves before this step's commit.
---@param name string  of notices.lua
---@param given Facts  what is no number and no plain word is left out
---@return boolean  it is gathered
function M.raise(name, given)
  assert(notices.by_name[name], name)
  if not wanted(name) then
    return false
  end
  local facts = {}
  for key, value in pairs(given) do
    facts[key] = notices.plain(value) and value or nil
  end
  local gathered, now = read(GATHERED) or {}, host.now_ms()
  local counted = gathered[name] or { count = 0, first_ms = now, some = json.array {} }
  gathered[name] = counted
  counted.count, counted.last_ms = counted.count + 1, now
  if #counted.some < MOST_SHOWN and next(facts) then
    table.insert(counted.some, facts)
  end
  write(GATHERED, gathered)
  put(math.max(GATHER_MS, pause()))
  return true
end

---The same of something that lasts and is met again and again: once a day at most.
---@param name string
---@param facts Facts
---@param of string  what it is about
---@param well_ms integer|nil  when that was well last: since then it is news
function M.lasting(name, facts, of, well_ms)
  if not wanted(name) then
    return
  end
  local told, now, key = read(TOLD) or {}, host.now_ms(), name .. " " .. of
  local at = told[key]
  if at and at <= now and now - at < DAY_MS and (well_ms or 0) < at then
    return
  end
  told[key] = now
  write(TOLD, told)
  M.raise(name, facts)
end

---What lasted is over: the next time is news.
function M.over(name, of)
  local told = read(TOLD)
  if told and told[name .. " " .. of] then
    told[name .. " " .. of] = nil
    write(TOLD, told)
  end
end

---A job met a service that wants a new sign-in: those that do are told.
function M.sign_in()
  for _, r in ipairs(wanted "sign_in" and host.status().remotes or {}) do
    if r.needs_sign_in and r.name ~= "notices" then
      M.lasting("sign_in", { remote = r.name }, r.name, r.last_ok_ms)
    end
  end
end

-- ---- Sending ----

local function about()
  local p = host.profile
  return { crm = p.crm_url, stage = p.stage, version = host.version }
end

local TYPES = { webhook = "application/json", mail = "message/rfc822" }

-- true, or nil and the error
local function send(out)
  local on = target()
  local body = on.mail and notices.mail(out, about(), on.mail) or notices.json(out, about())
  local answer, err = host.http.request { remote = "notices", method = "POST", path = "",
    headers = { ["content-type"] = TYPES[on.target] }, body = body, max_answer = 65536 }
  if answer and (answer.status < 200 or answer.status > 299) then
    err = { kind = "remote", text = "remote notices: answered " .. answer.status }
  end
  return err == nil, err
end

-- What gathered becomes the message that is on its way; nil: nothing did.
local function take()
  local events = read(GATHERED)
  if not events then
    return nil
  end
  local sent = read(SENT) or {}
  local out = { id = host.uuid(), at_ms = host.now_ms(), events = events, lost = sent.lost }
  write(OUT, out)
  write(GATHERED, nil)
  return out
end

-- When to come again: what gathered meanwhile waits for its time.
local function next_due()
  return read(GATHERED) and math.max(pause(), GATHER_MS) or true
end

local function give_up(sent)
  sent.lost, sent.lost_ms = (sent.lost or 0) + 1, host.now_ms()
  write(SENT, sent)
  write(OUT, nil)
  host.log("error", "a notice could not be sent in time and is given up; cosell status says why")
  return next_due()
end

-- Of these kinds the host knows itself when to try again.
local BY_KIND = { net = true, busy = true, auth = true, store = true }

local function failed(err)
  local sent = read(SENT) or {}
  sent.failing = { kind = err.kind, text = err.text, at_ms = host.now_ms(),
    since_ms = sent.failing and sent.failing.since_ms or host.now_ms() }
  write(SENT, sent)
  if BY_KIND[err.kind] then
    return nil, err
  end
  return REFUSED_MS
end

---The handler of `notice` jobs.
function M.job()
  local on = target()
  if not on then -- nobody is to be told any more
    write(GATHERED, nil)
    write(OUT, nil)
    return true
  end
  local out = read(OUT)
  if not out then
    local wait = pause()
    if wait > 0 then
      return read(GATHERED) and wait or true
    end
    out = take()
    if not out then
      return true
    end
  end
  local sent = read(SENT) or {}
  if host.now_ms() - out.at_ms > on.give_up_h * HOUR_MS then
    return give_up(sent)
  end
  local ok, err = send(out)
  if not ok then
    return failed(err)
  end
  write(OUT, nil)
  write(SENT, { at_ms = host.now_ms(), count = (sent.count or 0) + 1 })
  return next_due()
end

-- ---- For people ----

---How notices stand; nil: the profile names nobody.
---@return { target: string, sent: integer, sent_ms: integer|nil, waiting: integer, lost: integer,
---  failing: table|nil }|nil  waiting: events; lost: messages since the last that was sent
function M.status()
  local on = target()
  if not on then
    return nil
  end
  local sent, waiting = read(SENT) or {}, 0
  local out = read(OUT)
  for _, events in ipairs { read(GATHERED) or {}, out and out.events or {} } do
    for _, counted in pairs(events) do
      waiting = waiting + counted.count
    end
  end
  return { target = on.target, sent = sent.count or 0, sent_ms = sent.at_ms, waiting = waiting,
    lost = sent.lost or 0, failing = sent.failing }
end

return M

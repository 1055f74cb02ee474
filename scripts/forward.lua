-- Passes callbacks on to who was registered before us (`webhook.forward`): the body byte for byte
-- and the headers that prove it, as they came, each until it is taken or too old.  Nothing waits
-- for it: the host has answered long before.
-- Owns the marks "forward.failing" and "forward.lost".  It must never look into a body.
local M = {}

local FAILING, LOST = "forward.failing", "forward.lost"
local FIRST_MS, MOST_MS = 1000, 5 * 60 * 1000
local PAUSE_MOST_MS = 60 * 1000
local MAX_ANSWER = 64 << 10
local HOUR_MS = 3600 * 1000
local SAID_AGAIN_MS = 60 * 1000

-- While it takes nothing, who comes meanwhile does not ask it: as long as this generation lives.
local pause = { until_ms = 0, ms = FIRST_MS }

local function decoded(mark)
  local value = host.store.mark_get(mark)
  return value and json.decode(value) or nil
end

---Since when the receiver takes nothing, and what it says; how many were given up.
---@return { since_ms: integer, text: string }|nil failing, { n: integer, at_ms: integer }|nil lost
function M.trouble()
  return decoded(FAILING), decoded(LOST)
end

local function note_taken()
  pause = { until_ms = 0, ms = FIRST_MS }
  if host.store.mark_get(FAILING) then
    host.store.mark_set(FAILING, nil)
    host.log("info", "forward: callbacks are taken again")
  end
end

local function note_refused(said, wait_ms)
  local now = host.now_ms()
  if now >= pause.until_ms then
    pause = { until_ms = now + (wait_ms or pause.ms), ms = math.min(pause.ms * 2, PAUSE_MOST_MS) }
  end
  local known = decoded(FAILING)
  if not known then
    host.log("warn", "forward: a callback was not taken, it is tried again: " .. said)
  end
  if not known or known.text ~= said then
    host.store.mark_set(FAILING, json.encode { since_ms = known and known.since_ms or now,
      text = said })
  end
end

local function give_up(hours)
  local lost = decoded(LOST) or { n = 0, at_ms = 0 }
  local now = host.now_ms()
  if now - lost.at_ms > SAID_AGAIN_MS then
    host.log("error", ("forward: a callback is given up after %d h, %d so far"):format(hours,
      lost.n + 1))
  end
  host.store.mark_set(LOST, json.encode { n = lost.n + 1, at_ms = now })
end

-- Longer the older it is.
local function back_off(age_ms)
  local wait = math.max(FIRST_MS, math.min(age_ms // 2, MOST_MS))
  return math.max(wait, pause.until_ms - host.now_ms())
end

-- -> true, or nil and why not, and how long it asks to be left alone
local function send(payload)
  local answer, err = host.http.request { remote = "forward", method = "POST",
    path = host.profile.forward:match("^%a+://[^/?#]*/?(.*)$"), headers = payload.headers,
    body = host.crypto.unbase64(payload.body), max_answer = MAX_ANSWER }
  if not answer then
    return nil, err.text, err.wait_ms
  elseif answer.status < 200 or answer.status > 299 then
    return nil, "remote forward: answered " .. answer.status
  end
  return true
end

---The handler of `forward` jobs.
---@param payload { body: string, headers: table<string, string> }  body in base64
---@param meta { created_ms: integer }
---@return true|integer  again in that many ms
function M.job(payload, meta)
  if not host.profile.forward then
    return true -- the profile names nobody any more
  end
  if host.now_ms() >= pause.until_ms then
    local ok, said, wait_ms = send(payload)
    if ok then
      note_taken()
      return true
    end
    note_refused(said, wait_ms)
  end
  local hours = (host.profile.webhook or {}).forward_hours or 72
  local age_ms = host.now_ms() - meta.created_ms
  if age_ms > hours * HOUR_MS then
    give_up(hours)
    return true
  end
  return back_off(age_ms)
end

return M

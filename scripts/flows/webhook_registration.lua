-- Flow a, "Partner Center Webhook Registration": asks for callbacks of the four events.  A tenant
-- has one registration with one address for all its events, which may be another product's: it is
-- shown first, never taken over unasked, and the events of others stay in it.
-- Owns the mark "webhook": what was registered, what that displaced, and how the last check found
-- it.  It must never write an address with its secret part into the log or the mark.
local notify = require "notify"
local partner_center = require "partner_center"
local settings = require "settings"
local text = require "text"

local M = {}

local MARK = "webhook"
local DAY_MS = 24 * 3600 * 1000
local WEEK_MS = 7 * DAY_MS
local LOST, OF = "webhook_lost", "registration" -- what people are notified of

M.events = { "referral-created", "referral-updated", "related-referral-created",
  "related-referral-updated" }
-- Of `cosell webhook validate`: nothing happens but that Partner Center calls.
M.TEST = "test-created"

-- ---- Names of events, in any case ----

local function set_of(...)
  local out = {}
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do
      out[name:lower()] = true
    end
  end
  return out
end

local OURS = set_of(M.events, { M.TEST })

-- All of these lists that `keep` lets through, each once.
local function joined(keep, ...)
  local out, seen = json.array {}, {}
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do
      if not seen[name:lower()] and keep(name:lower()) then
        seen[name:lower()] = true
        out[#out + 1] = name
      end
    end
  end
  return out
end

local function is_not_ours(name)
  return not OURS[name]
end

local function any()
  return true
end

-- ---- Addresses ----

---The address that Partner Center is to call; nil: none.
function M.url()
  return host.profile.public_url and host.profile.callback_path and
    host.profile.public_url .. host.profile.callback_path
end

---An address as people may see it: what follows its host may be a secret.
---@param url string
---@return string
function M.shown(url)
  local origin, rest = url:match("^(%a+://[^/?#]*)(.*)$")
  return origin and origin .. (rest ~= "" and rest ~= "/" and "/…" or "") or "…"
end

local function key_of(url)
  return host.crypto.sha256(url):sub(1, 16)
end

---How changes of Partner Center come to this host, and why not by callbacks.
---@return "callbacks"|"polls"|"unset" mode, string|nil why
function M.mode()
  if (host.profile.webhook or {}).on == false then
    return "polls", "the profile says `webhook = false`"
  elseif host.profile.stage == "staging" then
    return "polls", "stage \"staging\" only polls: a tenant has one registration, production's"
  elseif not M.url() then
    return "unset", "the profile has no `listen.public_url`, so nobody can be told where to call"
  end
  return "callbacks"
end

-- ---- What is remembered ----

---@class Remembered
---@field url string|nil       of what we registered, a digest
---@field events string[]|nil  of the four, if not all
---@field displaced {url: string, events: string[]}|nil  what stood there before
---@field off boolean|nil      a person has unregistered this host
---@field taken integer|nil    when the check took it back from another address
---@field standing Standing|nil

---@class Standing
---@field what "fine"|"off"|"none"|"gone"|"incomplete"|"another"|"in turn"
---@field text string|nil  what a person is to do; nil: nothing
---@field at_ms integer

---@return Remembered
local function remembered()
  local mark = host.store.mark_get(MARK)
  return mark and json.decode(mark) or {}
end

local function keep(known)
  return host.store.mark_set(MARK, json.encode(known))
end

local function stand(known, what, said)
  known.standing = { what = what, text = said, at_ms = host.now_ms() }
  keep(known)
  if said then
    notify.lasting(LOST, { kind = what:gsub(" ", "_") }, OF)
    host.log("error", said)
  else
    notify.over(LOST, OF)
  end
end

---Partner Center may still call this host: it was registered, and no person has undone it.
---@return boolean
function M.lingers()
  local known = remembered()
  return known.url ~= nil and not known.off
end

---How the last check found the registration.
---@return Standing|nil
function M.standing()
  return remembered().standing
end

-- ---- Looking ----

---@class Registration
---@field whose "nobody"|"ours"|"ours before"|"another"
---@field url string|nil
---@field events string[]   that are in it
---@field others string[]   of them those of other products
---@field missing string[]  that this host wants besides
---@field passed_on boolean `webhook.forward` names its address

---Reads the registration and says whose it is.  (suspends)
---@param wants string[]|nil  of the four; nil: as before
---@return Registration|nil, table|nil err
function M.look(wants)
  local present, err = partner_center.webhook_get()
  if err then
    return nil, err
  end
  local known = remembered()
  local events = json.array {}
  for _, name in ipairs(present and present.WebhookEvents or {}) do
    events[#events + 1] = type(name) == "string" and name or nil
  end
  local has = set_of(events)
  local found = { whose = "nobody", url = present and present.WebhookUrl, events = events,
    others = joined(is_not_ours, events), passed_on = false,
    missing = joined(function(name) return not has[name] end, wants or known.events or M.events,
      { M.TEST }) }
  if found.url then
    found.passed_on = found.url == host.profile.forward
    found.whose = found.url == M.url() and "ours" or key_of(found.url) == known.url and
      "ours before" or "another"
  end
  return found
end

---Whether taking a registration over takes no product its events: it has none but such as ours, or
---they go on to its address.
---@param found Registration
function M.harmless(found)
  return #found.others == 0 or found.passed_on
end

-- ---- Registering ----

-- Ours that are not wanted go, unless who stood there before had them; what somebody else dropped
-- of his comes back.
local function wanted(found, known)
  local before = known.displaced and known.displaced.events or {}
  local theirs = set_of(before)
  return joined(any, known.events or M.events, { M.TEST }, joined(function(name)
    return not OURS[name] or theirs[name]
  end, found.events), found.whose == "ours" and {} or before)
end

-- What is remembered is read anew after each call: somebody else may have written it meanwhile.
local function write(found, change)
  local known = remembered()
  known.events = change.events or known.events
  if found.whose == "another" and (found.passed_on or not known.displaced) then
    known.displaced = { url = key_of(found.url), events = found.events }
  end
  local ok, err = partner_center.webhook_set(M.url(), wanted(found, known), found.url ~= nil)
  if not ok then
    return nil, err
  end
  local now = remembered()
  now.events, now.displaced, now.taken = known.events, known.displaced, change.taken
  now.url, now.off = key_of(M.url()), nil
  stand(now, "fine")
  return "registered", found
end

---Registers our address, or brings its events up to date; another's address only with overwrite.
---(suspends)
---@param overwrite boolean
---@param events string[]|nil  of the four; nil: as before, at first all
---@return "registered"|"unchanged"|"foreign"|"displaces"|nil outcome
---@return Registration|table found_or_err  what stood there before
function M.register(overwrite, events)
  local mode, why = M.mode()
  if mode ~= "callbacks" then
    return nil, { kind = "config", text = why }
  end
  local found, err = M.look(events)
  if not found then
    return nil, err
  elseif found.whose == "another" and not overwrite then
    return "foreign", found
  elseif found.whose == "another" and not M.harmless(found) then
    return "displaces", found
  end
  local known = remembered()
  known.events = events or known.events
  if found.whose == "ours" and #found.missing == 0 and #wanted(found, known) == #found.events then
    known.off, known.taken = nil, nil
    stand(known, "fine")
    return "unchanged", found
  end
  return write(found, { events = events })
end

---Takes our events out of the registration, and gives the address back to whom it was taken from,
---if `webhook.forward` still names him.  There is no way to delete one.  (suspends)
---@return "unregistered"|"given back"|"last"|"foreign"|"nobody"|nil outcome
---@return Registration|table found_or_err
function M.unregister()
  local found, err = M.look()
  if not found then
    return nil, err
  elseif found.whose == "nobody" then
    return "nobody", found
  elseif found.whose == "another" then
    return "foreign", found
  end
  local known, forward = remembered(), host.profile.forward
  local back = known.displaced
  local rest = joined(any, found.others, back and back.events or {})
  if #rest == 0 then
    return "last", found
  end
  local gives = back and forward and key_of(forward) == back.url
  local ok
  ok, err = partner_center.webhook_set(gives and forward or found.url, rest, true)
  if not ok then
    return nil, err
  end
  known = remembered()
  known.off, known.displaced = true, nil
  stand(known, "off")
  return gives and "given back" or "unregistered", found
end

-- ---- The daily check ----

local SAID = {
  none = "nothing is registered for Partner Center's events: changes come by polls; `cosell " ..
    "webhook register` registers this host",
  gone = "the registration for Partner Center's events is gone: changes come by polls; `cosell " ..
    "webhook register` makes it anew",
  incomplete = "the registration for Partner Center's events lacks %s: `cosell webhook " ..
    "register` adds what is missing",
  another = "%s is registered for Partner Center's events: changes come by polls; `cosell " ..
    "webhook show` tells more, `cosell webhook register --overwrite` takes it over",
  ["in turn"] = "two programs register in turn for Partner Center's events: this host took the " ..
    "registration back on %s UTC, and %s has it again. It is left there, and changes come by " ..
    "polls; end one of the two, then `cosell webhook register --overwrite`",
}

local function repair(found, taken, said)
  local outcome, err = write(found, { taken = taken })
  if not outcome then
    return nil, err
  end
  host.log(found.whose == "another" and "warn" or "info", said)
  return true
end

-- Of another address: what was ours is taken back once a week at most, and only from whom it takes
-- nothing.
local function displaced(found, known, repairs)
  local now, taken = host.now_ms(), known.taken
  if taken and taken <= now and taken > now - WEEK_MS then
    local at = text.iso(taken):sub(1, 16):gsub("T", " ")
    stand(known, "in turn", SAID["in turn"]:format(at, M.shown(found.url)))
    return true
  elseif known.url and repairs and M.harmless(found) then
    return repair(found, now, M.shown(found.url) ..
      " had taken the registration for Partner Center's events: taken back")
  end
  stand(known, "another", SAID.another:format(M.shown(found.url)))
  return true
end

local function judge(found)
  local known, repairs = remembered(), settings.get "webhook_lost" ~= "alarm"
  if found.whose == "another" then
    return displaced(found, known, repairs)
  elseif found.whose == "ours" and #found.missing == 0 then
    stand(known, "fine")
    return true
  elseif repairs or found.whose == "ours before" then
    return repair(found, known.taken, "registered for Partner Center's events")
  elseif found.whose == "nobody" then
    local what = known.url and "gone" or "none"
    stand(known, what, SAID[what])
    return true
  end
  stand(known, "incomplete", SAID.incomplete:format(table.concat(found.missing, ", ")))
  return true
end

---The handler of the daily check (and of the start).
function M.check()
  local known = remembered()
  if M.mode() ~= "callbacks" or known.off then
    known.standing = known.off and known.standing or nil
    keep(known)
    notify.over(LOST, OF)
    return DAY_MS
  end
  local found, err = M.look()
  if not found then
    return nil, err
  end
  local ok
  ok, err = judge(found)
  return ok and DAY_MS, err
end

return M

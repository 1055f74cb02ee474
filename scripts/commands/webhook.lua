-- cosell webhook: who gets Partner Center's events: shows, registers, tries it out, gives it back.
local partner_center_to_dynamics = require "flows.partner_center_to_dynamics"
local registration = require "flows.webhook_registration"
local settings = require "settings"
local table_text = require "table_text"
local webhook_test = require "webhook_test"
local words = require "words"

local M = { help = "who gets Partner Center's events: show, register, validate, unregister",
  where = "host",
  usage = "cosell webhook [show] [--full] [--json]      --full: addresses with their secrets\n" ..
    "       cosell webhook register [--events NAME,NAME] [--overwrite]\n" ..
    "       cosell webhook validate [--seconds N]\n" ..
    "       cosell webhook unregister" }

local MOST_SECONDS, SECONDS = 600, 60

-- ---- Words ----

local function say(cmd, head, said, ...)
  if select("#", ...) > 0 then
    said = said:format(...)
  end
  table_text.out(cmd, table_text.wrap(cmd, head, said))
end

local function fail(cmd, said, ...)
  if select("#", ...) > 0 then
    said = said:format(...)
  end
  cmd.err(table.concat(table_text.wrap(cmd, "", said), "\n") .. "\n")
  return 1
end

local function list_of(names)
  return #names > 0 and table.concat(names, ", ") or "none"
end

-- What stands in the registration, before it is replaced or left.
local function present(cmd, found)
  say(cmd, "address    ", registration.shown(found.url))
  say(cmd, "events     ", list_of(found.events))
end

-- ---- show ----

local WHOSE = { nobody = "nothing is registered", ours = "this host is registered",
  ["ours before"] = "an earlier address of this host is registered",
  another = "another address is registered" }

local function gather()
  local mode, why = registration.mode()
  local out = { mode = mode, why = why, polls = partner_center_to_dynamics.polls(),
    standing = registration.standing(), tested_ms = webhook_test.last_ms(),
    callbacks = (host.status() or {}).callbacks, forward = host.profile.forward }
  if mode ~= "polls" then
    local err
    out.found, err = registration.look()
    if not out.found then
      return nil, err
    end
  end
  return out
end

local function hide(url, full)
  return url and (full and url or registration.shown(url))
end

local function show_json(cmd, s, full)
  s.forward = hide(s.forward, full)
  if s.found then
    s.found.url = hide(s.found.url, full)
  end
  cmd.out(json.encode(s) .. "\n")
end

local function show_found(cmd, s, full)
  local found = s.found
  say(cmd, "webhook    ", WHOSE[found.whose])
  if not found.url then
    return
  end
  say(cmd, "address    ", hide(found.url, full))
  say(cmd, "events     ", list_of(found.events))
  if found.whose ~= "another" and #found.missing > 0 then
    say(cmd, "missing    ", list_of(found.missing))
  end
  if #found.others > 0 and found.whose ~= "another" then
    say(cmd, "others     ", "%s: %s", list_of(found.others), s.forward and
      "go on to `webhook.forward`" or "end here, `webhook.forward` names nobody")
  end
end

local function show_forward(cmd, s, full)
  local c = s.callbacks or {}
  say(cmd, "forward    ", "%s%s", hide(s.forward, full), c.passed and
    (": %d passed on since the start, %d wait"):format(c.passed, c.pass_waiting) or "")
end

local function show_text(cmd, s, full)
  if s.found then
    show_found(cmd, s, full)
  end
  if s.why then
    say(cmd, s.found and "" or "webhook    ", "%s: changes come by polls", s.why)
  end
  if s.mode == "polls" and registration.lingers() then
    say(cmd, "", "this host was registered, and what Partner Center sends it is lost: `cosell " ..
      "webhook unregister` takes its events out")
  end
  if s.forward then
    show_forward(cmd, s, full)
  end
  if s.found then
    say(cmd, "check      ", "daily%s; a loss: %s", s.standing and ", last " ..
      table_text.ago(s.standing.at_ms) or "", settings.get "webhook_lost")
    say(cmd, "validated  ", table_text.ago(s.tested_ms))
  end
  say(cmd, "polls      ", "every %s, last %s", table_text.span(s.polls.every_ms),
    table_text.ago(s.polls.at_ms))
  if s.standing and s.standing.text then
    cmd.out("\n")
    say(cmd, "", s.standing.text)
  end
end

-- 0: callbacks come to this host, or are not meant to.
local function show(cmd, options)
  local s, err = gather()
  if not s then
    return fail(cmd, "%s", err.text)
  end
  local fine = s.mode == "polls" or s.found.whose == "ours"
  if options.json then
    show_json(cmd, s, options.full)
  else
    show_text(cmd, s, options.full)
  end
  return fine and 0 or 1
end

-- ---- register ----

-- -> list or nothing; nil, what is wrong
local function events_of(given)
  local known, out = {}, json.array {}
  for _, name in ipairs(registration.events) do
    known[name] = true
  end
  for name in given:gmatch("[^,%s]+") do
    name = name:lower()
    if not known[name] then
      return nil, ("there is no event \"%s\" to register: %s"):format(table_text.plain(name),
        table.concat(registration.events, ", "))
    end
    out[#out + 1] = name
  end
  if #out == 0 then
    return nil, "--events names none"
  end
  return out
end

local OUTCOME = {
  foreign = "is left as it is: one registration has one address for all its events. --overwrite " ..
    "takes it over.",
  displaces = "is left as it is, with --overwrite too: the events of another product in it (%s) " ..
    "would come here. `webhook.forward` in the profile has to name that address, so that they " ..
    "go on to it; `cosell webhook show --full` prints it whole. Restart, then register again.",
}

local function register(cmd, options)
  local events, bad
  if options.events then
    events, bad = events_of(options.events)
    if not events then
      fail(cmd, "%s", bad)
      return 2
    end
  end
  local mode, why = registration.mode()
  if mode ~= "callbacks" then
    return fail(cmd, "not registered: %s", why)
  end
  local found, err = registration.look()
  if not found then
    return fail(cmd, "not registered: %s", err.text)
  elseif found.whose == "another" or found.whose == "ours before" then -- what is replaced, first
    cmd.out(WHOSE[found.whose] .. "\n")
    present(cmd, found)
  end
  local outcome
  outcome, found = registration.register(options.overwrite == true, events)
  if not outcome then
    return fail(cmd, "not registered: %s", found.text)
  elseif OUTCOME[outcome] then
    return fail(cmd, OUTCOME[outcome], list_of(found.others))
  elseif outcome == "unchanged" then
    cmd.out("this host is registered already\n")
    return 0
  end
  if found.whose == "another" then
    say(cmd, "", "taken over; what comes is %s", found.passed_on and
      "passed on to that address as it comes" or "not passed on to it")
  end
  say(cmd, "", "registered: %s; `cosell webhook validate` tries it out",
    registration.shown(registration.url()))
  return 0
end

-- ---- unregister ----

local function unregister(cmd)
  local outcome, found = registration.unregister()
  if not outcome then
    return fail(cmd, "%s", found.text)
  elseif outcome == "nobody" then
    return fail(cmd, "nothing is registered")
  end
  cmd.out(WHOSE[found.whose] .. "\n")
  present(cmd, found)
  if outcome == "foreign" then
    return fail(cmd, "nothing in it is this host's: it is left as it is")
  elseif outcome == "last" then
    return fail(cmd, "is left as it is: Partner Center cannot delete a registration, and none " ..
      "of its events would remain. `webhook = false` in the profile stops listening; what is " ..
      "sent then is lost, and changes come by polls")
  end
  say(cmd, "", outcome == "given back" and "our events are out of it, and the address is again " ..
    "the one that was registered before" or "our events are out of it; what remains (%s) still " ..
    "comes to this address, since none before it is known", list_of(found.others))
  say(cmd, "", "changes come by polls; the daily check leaves it so until `cosell webhook " ..
    "register`")
  return 0
end

-- ---- validate ----

-- Why it cannot be tried; nil: it can.
local function not_now()
  local mode, why = registration.mode()
  if mode ~= "callbacks" then
    return why
  elseif not (host.status() or {}).serving then
    return "no host is running, so nobody listens: cosell run"
  end
  local found, err = registration.look()
  if not found then
    return err.text
  elseif found.whose ~= "ours" then
    return WHOSE[found.whose] .. ": cosell webhook register"
  end
  for _, name in ipairs(found.missing) do
    if name == registration.TEST then
      return "the registration lacks test-created: `cosell webhook register` adds it"
    end
  end
  return nil
end

-- What the answer to Partner Center's last attempt tells of the way.
local REMEDY = {
  OK = "somebody else answers at `listen.public_url`: a proxy that answers by itself, or " ..
    "another host; or flow f is off here, so that nobody looks at events",
  Unauthorized = "it was called and refused as not proved: cosell status says why; `callbacks` " ..
    "in the profile says whose signatures are believed",
  NotFound = "the proxy at `listen.public_url` does not pass /callback/ on to this host",
  ServiceUnavailable = "it was called and put off: the host's log says why, or the proxy's",
}
local NOT_TRIED = "Partner Center has not called yet: `cosell webhook validate --seconds 300`"
local NOT_REACHED = "`listen.public_url` is not reached: check its name, the firewall, and that " ..
  "the proxy sends its whole certificate chain"

local function remedy(trip)
  local last = trip.attempts[#trip.attempts]
  return not last and NOT_TRIED or REMEDY[last] or NOT_REACHED
end

local function validate(cmd, options)
  local seconds = options.seconds and math.tointeger(tonumber(options.seconds)) or SECONDS
  if options.seconds and (seconds ~= tonumber(options.seconds) or seconds < 1 or
    seconds > MOST_SECONDS) then
    fail(cmd, "--seconds is a whole number from 1 to %d", MOST_SECONDS)
    return 2
  end
  local why = not_now()
  if why then
    return fail(cmd, "not tried: %s", why)
  end
  local trip, err = webhook_test.run(seconds * 1000)
  if not trip and err.kind == "busy" then
    return fail(cmd, "Partner Center sends two test events a minute at most: again in %d s",
      ((err.wait_ms or 60000) + 999) // 1000)
  elseif not trip then
    return fail(cmd, "%s", err.text)
  end
  cmd.out(("test event %s: %s\n"):format(table_text.plain(trip.id), trip.status or "not known"))
  for i, said in ipairs(trip.attempts) do
    cmd.out(("  attempt %d: %s\n"):format(i, table_text.plain(said)))
  end
  if trip.ms then
    cmd.out(("seen here after %d ms\n"):format(trip.ms))
    return 0
  end
  return fail(cmd, "not seen here within %d s: %s", seconds, remedy(trip))
end

-- ---- The command ----

local VERBS = { show = show, register = register, validate = validate, unregister = unregister }
local OF = { full = "show", json = "show", events = "register", overwrite = "register",
  seconds = "validate" }

function M.run(cmd)
  local given, options = words.of(cmd, M, { overwrite = true, events = "value", full = true,
    json = true, seconds = "value" })
  if not given then
    return 2
  end
  local verb = given[1] or "show"
  local wrong = #given > 1 or not VERBS[verb]
  for name in pairs(options) do
    wrong = wrong or OF[name] ~= verb
  end
  if wrong then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  return VERBS[verb](cmd, options)
end

return M

-- `cosell doctor`, the way to the services: whether each answers, and what time they have.
local outcome = require "doctor.outcome"
local table_text = require "table_text"
local text = require "text"

local M = {}

local MOST_OFF_MS = 2 * 60 * 1000 -- what is signed is taken for five minutes
local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

local function host_of(origin)
  return (origin:match("^%a+://([^/]+)"))
end

local function port_of(origin)
  return origin:match(":(%d+)$") or origin:find("^https:") and 443 or 80
end

-- "Sun, 06 Nov 1994 08:49:37 GMT" in ms since 1970, or nil.
local function time_of(date)
  local day, month, year, clock = (date or ""):match("^%a+, (%d%d) (%a+) (%d+) (%d+:%d+:%d+) GMT$")
  return MONTHS[month] and text.ms(("%s-%02d-%sT%sZ"):format(year, MONTHS[month], day, clock))
end

local function bare(why, host_name)
  local name = host_name:gsub(":%d+$", "")
  local at = why:find(name .. ": ", 1, true)
  return at and why:sub(at + #name + 2) or why
end

---Each address that the host calls; seen.times: what their answers say of the time.
function M.reach(seen)
  seen.times = {}
  for _, address in ipairs(host.profile.addresses) do
    local name = host_of(address.origin)
    local answer, err = host.http.reach(address.origin .. "/")
    if not answer then
      return outcome.wrong(err.step or "answer", { host = name, key = address.key,
        port = port_of(address.origin), why = bare(err.text, name) })
    end
    local at = time_of(answer.headers.date)
    if at then
      table.insert(seen.times, { host = name, ahead_ms = host.now_ms() - at })
    end
  end
  return outcome.fine("%s", table_text.count(#host.profile.addresses, "address", "addresses"))
end

---By the Date of their answers, which has whole seconds; the nearest counts.
function M.clock(seen)
  local best
  for _, one in ipairs(seen.times) do
    best = best and math.abs(best.ahead_ms) <= math.abs(one.ahead_ms) and best or one
  end
  if not best then
    return outcome.unseen "no answer has a time"
  elseif math.abs(best.ahead_ms) > MOST_OFF_MS then
    return outcome.wrong("wrong", { span = table_text.span(math.abs(best.ahead_ms)),
      way = best.ahead_ms > 0 and "ahead of" or "behind", host = best.host })
  end
  return outcome.fine("within %s of %s", table_text.span(MOST_OFF_MS), best.host)
end

return M

-- What is checked at every start, before anything is written, and every hour from then on: which
-- CRM organisation this is (a state belongs to one for good, reconcile rule 14), and whether the
-- connector that this program replaces still works on the same deals.
local brakes = require "brakes"
local dynamics = require "dynamics"
local original = require "original"
local sweep = require "sweep"
local twins = require "twins"

local M = {}

local HOUR_MS = 3600 * 1000
local HELD_MS = 60 * 1000 -- between two looks while the original runs
local SOON_MS = 50 -- until the check of this start is through
local CHECKED = "checked" -- which start the last check was of

-- A start's name; it does not change while scripts reload.
local started
local function this_start()
  if not started then
    local s = host.status()
    started = ("%d %d"):format(s.pid, s.started_ms)
  end
  return started
end

-- Whether the original runs, noted.  -> boolean | nil, err.  (suspends)
local function held()
  local list, err = original.running()
  if not list then
    return nil, err
  end
  original.note(list)
  return #list > 0
end

---The handler of the start tick.
function M.check()
  if not host.store.mark_get("born") then
    host.store.mark_set("born", tostring(host.now_ms()))
    twins.survey_due()
  end
  local who, err = dynamics.whoami()
  if not who then
    return nil, err
  end
  local pinned = host.store.mark_get("organization")
  brakes.pin(pinned ~= nil and pinned ~= who.organization)
  if not pinned then
    host.store.mark_set("organization", who.organization)
  end
  local waits
  waits, err = held()
  if waits == nil then
    return nil, err
  end
  host.store.mark_set("user", who.user) -- whose changes in the CRM are our own
  if not waits then
    host.store.mark_set(CHECKED, this_start())
  end
  return waits and HELD_MS or HOUR_MS
end

---The handler of `survey` jobs: a state that is new compares both sides before it makes anything.
function M.survey()
  local there, err = twins.anything_there()
  if there == nil then
    return nil, err
  elseif not there then
    return twins.surveyed()
  end
  local s
  s, err = sweep.compare()
  return s and true or nil, err
end

---Until when work on a deal has to wait: this start's check is not through, or the original runs.
---@return integer|nil  ms until it asks again; nil: it may be done
function M.wait_ms()
  if original.noted() then
    return HELD_MS
  end
  return host.store.mark_get(CHECKED) ~= this_start() and SOON_MS or nil
end

return M

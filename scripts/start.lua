-- What is checked once at every start, before anything is written: which CRM organisation this is.
-- A state belongs to one organisation for good (reconcile rule 14).
local brakes = require "brakes"
local dynamics = require "dynamics"
local sweep = require "sweep"
local twins = require "twins"

local M = {}

local DAY_MS = 24 * 3600 * 1000
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
  host.store.mark_set(CHECKED, this_start())
  return DAY_MS
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

---Whether this start's check is through: before it nothing may be written.
function M.checked()
  return host.store.mark_get(CHECKED) == this_start()
end

return M

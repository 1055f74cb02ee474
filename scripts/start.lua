-- What is checked once at every start, before anything is written: which CRM organisation this is.
-- A state belongs to one organisation for good (reconcile rule 14).
local dynamics = require "dynamics"

local M = {}

local DAY_MS = 24 * 3600 * 1000

---The handler of the start tick.
function M.check()
  if not host.store.mark_get("born") then
    host.store.mark_set("born", tostring(host.now_ms()))
  end
  local who, err = dynamics.whoami()
  if not who then
    return nil, err
  end
  local pinned = host.store.mark_get("organization")
  if pinned and pinned ~= who.organization then
    return nil, { kind = "auth", text = "this CRM is another organisation than the one " ..
      "this state belongs to: nothing is written; use a state of its own for it" }
  end
  host.store.mark_set("organization", who.organization)
  return DAY_MS
end

return M

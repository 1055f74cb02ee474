-- Flow e, "Partner Center Microsoft co-sell referral updates": what Microsoft did with its copy.
-- It never sets the CRM's state (reconcile rule 16): the identifier travels as a field, the rest is
-- told.
local canonical = require "canonical"
local fields = require "fields"
local flow_table = require "flow_table"
local say = require "say"

local M = {}

local function on()
  return flow_table.on "microsoft_updates"
end

local SAID = {
  active = "microsoft-active", declined = "microsoft-declined", expired = "microsoft-expired",
  won = "microsoft-won", lost = "microsoft-lost", -- texts/
}

-- States for which Microsoft's seller says why.
local GAVE_REASON = { declined = true, lost = true, expired = true, error = true }

---What the seller should read about Microsoft's copy since it was looked at last.
---@param partner table  canonical, as read
---@param base table  Partner Center's base
---@param crm table|nil  canonical: a row that has Microsoft's identifier already, as after a switch
---from another connector, was told of the acceptance then
---@param theirs table|nil  Microsoft's copy, as read
---@return Told[]
function M.heard(partner, base, crm, theirs)
  local now, before = partner.microsoft_state, base.microsoft_state
  if now == nil or now == before or now == "new" or not on() then
    return {}
  elseif now == "active" and not before and crm and crm.microsoft_id and
    crm.microsoft_id == partner.microsoft_id then
    return {}
  end
  local key = SAID[now] or "microsoft-other"
  if partner.microsoft_id and now == "active" then
    return { { key = "microsoft-known", holes = { id = partner.microsoft_id } } }
  end
  local said = { key = key, holes = { state = now } }
  local reason = GAVE_REASON[now] and theirs and canonical.text(theirs.statusReason)
  if reason then
    return { { key = "with-reason", holes = { line = say.item(said), reason = reason } } }
  end
  return { said }
end

-- What is read of Microsoft's copy.
local READ = { "help", "microsoft_id", "microsoft_state" }

---What Microsoft's copy has new and may not be heard, since the flow is off.
---@param partner table  canonical, as read
---@param base table  Partner Center's base
---@return string[]  names of fields
function M.unheard(partner, base)
  local out = {}
  for _, name in ipairs(on() and {} or READ) do
    if not canonical.same(fields.by_name[name], partner[name], base[name]) then
      out[#out + 1] = name
    end
  end
  return out
end

---While the flow is off, what is new there waits.
---@param plan Plan
function M.withhold(plan)
  for _, name in ipairs(M.unheard(plan.partner, plan.partner_base)) do
    plan.to_crm[name] = nil
    plan.stays.partner[name], plan.waits = true, true
  end
end

return M

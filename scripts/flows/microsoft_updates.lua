-- Flow e, "Partner Center Microsoft co-sell referral updates": what Microsoft did with its copy.
-- It never sets the CRM's state (reconcile rule 16): the identifier travels as a field, the rest is
-- told.
local M = {}

local SAID = {
  active = "Microsoft accepted the deal",
  declined = "Microsoft declined the deal; it stays open here",
  expired = "Microsoft did not answer in time; the deal stays open here",
  won = "Microsoft marked its side of the deal as won",
  lost = "Microsoft marked its side of the deal as lost",
}

---What the seller should read about Microsoft's copy since it was looked at last.
---@param partner table  canonical, as read
---@param base table  Partner Center's base
---@return string[]
function M.heard(partner, base)
  local now, before = partner.microsoft_state, base.microsoft_state
  if now == nil or now == before or now == "new" then
    return {}
  end
  local line = SAID[now] or ("Microsoft's side of the deal is now " .. now)
  if partner.microsoft_id and now == "active" then
    line = line .. ": its identifier there is " .. partner.microsoft_id
  end
  return { line }
end

return M

-- In place of nothing that could be edited: in the original the last writer wins.
-- What both sides get, field by field, if both changed it since they last agreed.
local POLICY = {
  closing_date = function(_, partner) return partner end, -- Partner Center's counts
  notes = function(crm, partner) -- nothing that somebody wrote is lost
    if not crm or not partner then return crm or partner end
    return crm .. "\n\nAt Partner Center:\n" .. partner
  end,
}

return {
  api = 1,
  resolve = function(field, crm, partner)
    local policy = POLICY[field]
    return policy and policy(crm, partner) -- nil: cosell's own policy, the CRM counts
  end,
}

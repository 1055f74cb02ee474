-- In place of nothing that could be edited: the body that the original sends is fixed.
-- The campaign of a deal comes from a column of your own, at the making and with each later change.
-- Where the portal's edits are to come back, let it travel as a field: see extra-field.
local function campaign(_, v, crm) v.campaign = crm.new_campaigncode end

return {
  api = 1,
  columns = { opportunity = { "new_campaigncode" } },
  referral = { create = campaign, update = campaign },
}

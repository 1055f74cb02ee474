-- In place of steps added to both flows that synchronise, for columns that it does not carry.
-- Columns of your own travel like those it does, field by field, with a policy for conflicts.
return {
  api = 1,
  fields = {
    { crm = "new_customeraction", referral = "details.customerAction", direction = "both",
      conflict = "newest" },
    { crm = "new_campaigncode", referral = "campaignId", direction = "out" },
  },
}

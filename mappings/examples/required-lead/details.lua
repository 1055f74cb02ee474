-- In place of columns added to the action "Create a new lead".
-- What your CRM demands of a new lead is filled.
local REGION = { JP = "APAC", DE = "EMEA", GB = "EMEA", US = "Americas" }

return {
  api = 1,
  lead = {
    create = function(d, v)
      local customer = d.customer or {} -- a lead may come without one
      v.leadsourcecode = "Partner"
      v.new_region = REGION[customer.country] or "Other"
    end,
  },
}

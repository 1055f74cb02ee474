-- In place of columns added to the action "Create a new opportunity".
-- What your CRM demands of a new opportunity is filled.
local REGION = { JP = "APAC", AU = "APAC", DE = "EMEA", FR = "EMEA", GB = "EMEA", US = "Americas",
  BR = "Americas" }

return {
  api = 1,
  opportunity = {
    create = function(d, v)
      v.new_region = REGION[d.customer.country] or "Other" -- an option by its label
      v.new_channel = "Microsoft"
    end,
  },
}

-- An administrator's details.lua as the guide shows one: tests/bench/mapping.c measures it.
local region = { JP = "APAC", DE = "EMEA", US = "Americas" }
return {
  api = 1,
  columns = { account = { "new_duns" } },
  account = {
    match = function(d)
      local c = d.customer
      return {
        { { "new_duns", c.duns } },
        { { "name", c.name }, { "address1_postalcode", c.postal_code } },
      }
    end,
    create = function(d, v) v.new_duns = d.customer.duns end,
  },
  opportunity = {
    create = function(d, v)
      v.new_region = region[d.customer.country] or "Other"
      v.new_channel = "Microsoft"
    end,
  },
}

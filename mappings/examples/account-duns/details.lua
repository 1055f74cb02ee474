-- In place of the edited search step for the customer account.
-- By D-U-N-S number first, then as shipped, by company name and postal code.  With the setting
-- duns_field = "new_duns" the number of an account also goes to Partner Center.
return {
  api = 1,
  account = {
    match = function(d) -- alternatives, tried in order; one without a value is skipped
      local c = d.customer
      return {
        { { "new_duns", c.duns } },
        { { "name", c.name }, { "address1_postalcode", c.postal_code } },
      }
    end,
    create = function(d, v) v.new_duns = d.customer.duns end,
  },
}

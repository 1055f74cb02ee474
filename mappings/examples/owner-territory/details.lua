-- In place of an owner set in the create actions: else all rows are the connection's user's.
-- Who owns what is new follows from the customer's country.
local TERRITORY = {
  JP = "Cloud Sales", -- a team by its name
  DE = "ken@partner.example", AT = "ken@partner.example", -- a user by the e-mail
}

return {
  api = 1,
  owner = function(d) -- nil: the setting default_owner, else the application user
    return d.customer and TERRITORY[d.customer.country]
  end,
}

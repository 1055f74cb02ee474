-- In place of the edited search step for the customer account, and of taking the first hit.
-- By the domain of the contact's e-mail, and of several accounts the one that is called alike, else
-- the one in the same city.
local PUBLIC = { ["gmail.com"] = true, ["outlook.com"] = true, ["yahoo.co.jp"] = true }

-- "ida@Brot.example" -> "brot.example"; nil for mail boxes that anybody may have
local function domain_of(d)
  local email = d.contact and d.contact.email
  local domain = email and email:lower():match("@([%w.-]+)$")
  return not PUBLIC[domain] and domain or nil
end

local function first(candidates, fits)
  for _, candidate in ipairs(candidates) do
    if fits(candidate) then return candidate end
  end
  return nil
end

return {
  api = 1,
  columns = { account = { "new_maildomain" } },
  account = {
    match = function(d)
      local c = d.customer
      return {
        { { "new_maildomain", domain_of(d) } },
        { { "name", c.name }, { "address1_postalcode", c.postal_code } },
      }
    end,
    pick = function(candidates, d) -- nil: none of them, make a new one
      local c = d.customer
      return first(candidates, function(a) return ctx.fold(a.name) == ctx.fold(c.name) end)
        or c.city and first(candidates, function(a)
          return ctx.fold(a.address1_city) == ctx.fold(c.city)
        end) or nil
    end,
    create = function(d, v) v.new_maildomain = domain_of(d) end,
  },
}

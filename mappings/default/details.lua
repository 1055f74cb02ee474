-- The shipped answers of details.lua.  A profile's own file answers only what differs from these.
-- The columns that every deal fills (name, value, currency, closing date, notes, ...) come from
-- cosell's field table; here stands what an administrator may want to see and change.

-- The fewest people of a size that Partner Center names: "251to1000employees".
local function people_of(size)
  local over = size and size:match("^Morethan(%d+)")
  return over and math.tointeger(over) + 1 or size and math.tointeger(size:match("^(%d+)to"))
end

local function account_columns(d, v)
  local c = d.customer
  local duns = ctx.setting("duns_field")
  if duns ~= "" then
    v[duns] = c.duns
  end
  v.numberofemployees = people_of(c.size)
  v.name = c.name
  v.address1_line1 = c.address_line1
  v.address1_line2 = c.address_line2
  v.address1_city = c.city
  v.address1_stateorprovince = c.state
  v.address1_postalcode = c.postal_code
end

local function contact_columns(d, v)
  local c = d.contact
  v.firstname = c.first_name
  v.lastname = c.last_name
  v.telephone1 = c.phone
  v.emailaddress1 = c.email
  v.jobtitle = c.title
end

local function lead_columns(d, v)
  local c, p = d.customer or {}, d.contact or {}
  v.subject = d.name
  v.companyname = c.name
  v.description = d.notes
  v.address1_line1 = c.address_line1
  v.address1_line2 = c.address_line2
  v.address1_city = c.city
  v.address1_stateorprovince = c.state
  v.address1_postalcode = c.postal_code
  v.firstname = p.first_name
  v.lastname = p.last_name or c.name
  v.telephone1 = p.phone
  v.emailaddress1 = p.email
  v.jobtitle = p.title
end

return {
  api = 1,
  account = {
    -- the original's search: company name and postal code; without a postal code the name alone
    match = function(d)
      local c = d.customer
      if c.postal_code then
        return { { { "name", c.name }, { "address1_postalcode", c.postal_code } } }
      end
      return { { { "name", c.name } } }
    end,
    create = account_columns,
  },
  contact = {
    match = function(d)
      local c = d.contact
      return {
        { { "emailaddress1", c.email } },
        { { "firstname", c.first_name }, { "lastname", c.last_name } },
      }
    end,
    create = contact_columns,
  },
  lead = { create = lead_columns },
}

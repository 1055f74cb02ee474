-- A whole mapping, as a real partner needs it: deal value in its own column, country as a look-up,
-- required columns, the search by DUNS number first.  The guide shows these three files; the spec
-- of `cosell check` and a story use them.  Files by name; data only.
return {
  ["details.lua"] = [[
local region = { JP = "APAC", DE = "EMEA", US = "Americas" }
return { api = 1,
  columns = { account = { "new_duns" } },                    -- what else to read
  account = {
    match = function(d) local c = d.customer; return {       -- alternatives, tried in order
      { {"new_duns", c.duns} },                              -- without a value it is skipped
      { {"name", c.name}, {"address1_postalcode", c.postal_code} } } end,
    create = function(d, v) v.new_duns = d.customer.duns end },
  opportunity = {
    create = function(d, v)                                  -- v: the default's answer, filled
      v.new_region  = region[d.customer.country] or "Other"  -- an option by its label
      v.new_channel = "Microsoft" end },
  lead = { create = { leadsourcecode = "Partner" } } }       -- constants need no function
]],
  ["country.lua"] = 'return { field = "new_countryid", code = "new_isocode" }\n',
  ["deal_value.lua"] = 'return { read = "new_dealvalue_base", currency = "base", '
    .. 'write = "new_dealvalue" }\n',
  ["fixtures/by_duns.json"] = [=[
{ "call": "account.match",
  "d": { "customer": { "name": "Brot GmbH", "postal_code": "10115", "duns": "987654321" } },
  "expect": [[["new_duns", "987654321"]], [["name", "Brot GmbH"],
    ["address1_postalcode", "10115"]]] }]=],
  ["fixtures/by_name.json"] = [=[
{ "call": "account.match",
  "d": { "customer": { "name": "Brot GmbH", "postal_code": "10115" } },
  "expect": [[["name", "Brot GmbH"], ["address1_postalcode", "10115"]]] }]=],
  ["fixtures/duns.json"] = [=[
{ "call": "account.create", "d": { "customer": { "name": "Brot", "duns": "987654321" } },
  "expect": { "name": "Brot", "new_duns": "987654321" } }]=],
  ["fixtures/region.json"] = [=[
{ "call": "opportunity.create", "d": { "customer": { "country": "DE" } },
  "v": { "name": "Ovens" },
  "expect": { "name": "Ovens", "new_channel": "Microsoft", "new_region": "EMEA" } }]=],
  ["fixtures/value.json"] = [=[
{ "call": "deal_value.read", "crm": { "new_dealvalue_base": 1250.5 }, "expect": 1250.5 }]=],
}

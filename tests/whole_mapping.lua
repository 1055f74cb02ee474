-- The whole mapping of the guide, taken out of the guide as it is written there, with fixtures of
-- its own.  For the spec of `cosell check` and for a story.  Files by name.
local GUIDE = host.file.getenv("COSELL_SCRIPTS") .. "/../mappings/README.md"

local M = {
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

-- The first example that begins with details.lua; "-- country.lua ..." begins the next file.
local function from_guide()
  local guide = assert(host.file.read(GUIDE))
  local example = assert(guide:match("```lua\n(%-%- details%.lua.-)```"), "the guide's example")
  local name
  for line in example:gmatch("[^\n]*\n") do
    name = line:match("^%-%- ([%w_]+%.lua)") or name
    M[name] = (M[name] or "") .. line
  end
end

from_guide()

return M

-- The many-to-many relationships that the practice CRM is shipped with, and the tables between:
-- facts only, beside crm_tables. A row of such a table names one row of each side; it has no
-- address of its own and is written by $ref alone.
local M = { pairs = {}, tables = {} }

-- table1, nav1: the one side and its navigation property; table2, nav2: the other
local LIST = {
  { schema = "accountleads_association", intersect = "accountleads", table1 = "account",
    nav1 = "accountleads_association", table2 = "lead", nav2 = "accountleads_association" },
  { schema = "contactleads_association", intersect = "contactleads", table1 = "contact",
    nav1 = "contactleads_association", table2 = "lead", nav2 = "contactleads_association" },
  { schema = "teammembership_association", intersect = "teammembership", table1 = "team",
    nav1 = "teammembership_association", table2 = "systemuser",
    nav2 = "teammembership_association" },
  { schema = "systemuserprofiles_association", intersect = "systemuserprofiles",
    table1 = "systemuser", nav1 = "systemuserprofiles_association", table2 = "fieldsecurityprofile",
    nav2 = "systemuserprofiles_association" },
  { schema = "teamprofiles_association", intersect = "teamprofiles", table1 = "team",
    nav1 = "teamprofiles_association", table2 = "fieldsecurityprofile",
    nav2 = "teamprofiles_association" },
}

local function half(pair, target, column)
  local many = pair.schema .. "_" .. column
  return { type = "Lookup", targets = { [target] = { nav = column, many = many, schema = many,
    delete = "Cascade" } } }
end

for _, p in ipairs(LIST) do
  p.column1, p.column2 = p.table1 .. "id", p.table2 .. "id"
  M.pairs[p.schema] = p
  M.tables[p.intersect] = { set = p.intersect .. "set", schema = p.intersect,
    display = p.intersect, name = p.intersect .. "id", ownership = "None", locked = true,
    intersect = true, index = { p.column1, p.column2 },
    columns = { [p.column1] = half(p, p.table1, p.column1),
      [p.column2] = half(p, p.table2, p.column2),
      versionnumber = { type = "BigInt", create = false, update = false } } }
end

return M

-- What the administrator of the practice CRM has added, as every company does: columns of its own
-- with the prefix of its own publisher, a table of countries, a status reason.  The examples of the
-- guide use these names, so that they run on the practice environment as they are written.  Facts
-- only, as in crm_tables.
local C = require("sim.crm_columns")

local M = {}

local BILLION, TRILLION = 1000000000, 1000000000000
local OWN = 100000000 -- the first number of an option of one's own

-- labels -> options
local function choice(...)
  local list = {}
  for i, label in ipairs({ ... }) do
    list[#list + 1] = OWN + i - 1
    list[#list + 1] = label
  end
  return C.pick(list)
end

local function region() return choice("APAC", "EMEA", "Americas", "Other") end

local function called(label, column)
  column.label = label
  return column
end

-- Columns of shipped tables.
M.columns = {
  opportunity = C.columns({
    new_dealvalue = called("Deal Value", C.money(0, TRILLION)),
    new_licencevalue = called("Licences", C.money(0, TRILLION)),
    new_servicevalue = called("Services", C.money(0, TRILLION)),
    -- calculated: the sum of both, which nobody can write
    new_totalvalue = called("Total Value", C.fixed(C.money(0, TRILLION,
      { sum = { "new_licencevalue", "new_servicevalue" } }))),
    new_microsoftvalue = called("Value at Microsoft", C.money(0, TRILLION)),
    new_region = called("Region", region()),
    new_channel = called("Channel", choice("Direct", "Microsoft", "Reseller")),
    new_confidential = called("Confidential", C.flag()),
    new_lossreason = called("Loss Reason", choice("Price", "No budget", "No answer",
      "Another vendor")),
    new_campaigncode = called("Campaign Code", C.text(50)),
    new_stage = called("Stage at Microsoft", C.text(50)),
    new_customeraction = called("Customer Action", C.text(200)),
  }),
  account = {
    new_duns = called("D-U-N-S Number", C.text(9)),
    new_maildomain = called("Mail Domain", C.text(100)),
    new_countrycode = called("Country Code", C.text(2)),
    new_countryname = called("Country Name", C.text(100)),
    new_countryid = called("Country", C.link("new_country", "new_CountryId",
      "new_country_account_CountryId")),
  },
  lead = {
    new_region = called("Region", region()),
    new_employees = called("Employees", C.whole(0, BILLION)),
  },
}

-- Status reasons besides the shipped ones: of a table's states.
M.status = {
  opportunity = {
    { value = OWN + 1, label = "Lost to price", state = 2, custom = true },
    { value = OWN + 2, label = "Under review", state = 0, custom = true },
  },
}

M.tables = {
  new_country = { set = "new_countries", display = "Country", name = "new_name",
    schema = "new_Country", custom = true, ownership = "Organization",
    index = { "new_name", "new_isocode" },
    columns = C.columns(C.history("new_country"), C.active(), {
      new_name = called("Name", C.text(100)), new_isocode = called("ISO Code", C.text(2)) }) },
}

--- Puts the columns and the status reasons into a world of tables.
---@param tables table
---@param copy fun(v: any): any
function M.add(tables, copy)
  for logical, columns in pairs(M.columns) do
    for name, column in pairs(columns) do
      local own = copy(column)
      own.custom = true
      tables[logical].columns[name] = own
    end
  end
  for logical, list in pairs(M.status) do
    local options = tables[logical].columns.statuscode.options
    for _, option in ipairs(list) do options[#options + 1] = copy(option) end
  end
end

return M

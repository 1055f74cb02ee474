-- The first rows of the practice CRM: an organisation, its people, currencies, solutions, two
-- customers. Everything invented. Ids are fixed, so that a page of notes stays true from run to
-- run.
local schema = require("sim.crm_schema")
local rows = require("sim.crm_rows")

local M = {}

local function fixed(n) return string.format("5a1e0000-0000-4000-8000-%012d", n) end

M.CLIENT = require("sim.tokens").crm_client -- the application user signs in as this program
M.ORGANIZATION, M.BUSINESS_UNIT, M.APPLICATION_USER = fixed(1), fixed(2), fixed(3)
M.SALESPERSON, M.TEAM = fixed(4), fixed(5)
M.USD, M.JPY, M.EUR = fixed(11), fixed(12), fixed(13)

local function to(kind, id) return { table = kind, id = id } end

local UNIT = to("businessunit", M.BUSINESS_UNIT)
local YEN = to("transactioncurrency", M.JPY)

local ROWS = {
  { "businessunit", M.BUSINESS_UNIT, { name = "Aoba Cloud Partners" } },
  { "systemuser", M.APPLICATION_USER, { firstname = "Co-sell", lastname = "Connector",
    applicationid = M.CLIENT, internalemailaddress = "connector@partner.example", accessmode = 4,
    domainname = "connector@partner.example", businessunitid = UNIT } },
  { "systemuser", M.SALESPERSON, { firstname = "Ken", lastname = "Aoki",
    title = "Account Executive",
    internalemailaddress = "ken@partner.example", domainname = "ken@partner.example",
    address1_telephone1 = "+81 3 5555 0101", mobilephone = "+81 90 5555 0101",
    businessunitid = UNIT } },
  { "team", M.TEAM, { name = "Cloud Sales", businessunitid = UNIT } },
  -- of a business unit, with its name: whoever is in the one is in the other
  { "team", fixed(6), { name = "Aoba Cloud Partners", businessunitid = UNIT, isdefault = true } },
  { "transactioncurrency", M.USD, { isocurrencycode = "USD", currencyname = "US Dollar",
    currencysymbol = "$", currencyprecision = 2, exchangerate = "1.000000000000" } },
  { "transactioncurrency", M.JPY, { isocurrencycode = "JPY", currencyname = "Japanese Yen",
    currencysymbol = "¥", currencyprecision = 0, exchangerate = "150.000000000000" } },
  { "transactioncurrency", M.EUR, { isocurrencycode = "EUR", currencyname = "Euro",
    currencysymbol = "€", currencyprecision = 2, exchangerate = "0.920000000000" } },
  { "organization", M.ORGANIZATION, { name = "aobacloud", languagecode = 1033,
    expirechangetrackingindays = 7, basecurrencyid = to("transactioncurrency", M.USD) } },
  { "msft_microsoftsolutiondetail", fixed(21), { msft_name = "Aoba Migration Factory",
    msft_solutionidentifier = "SOL-10001-ABC", msft_type = 299600002,
    msft_publishername = "Aoba Cloud Partners" } },
  { "msft_microsoftsolutiondetail", fixed(22), { msft_name = "Aoba Data Platform",
    msft_solutionidentifier = "SOL-10002-DEF", msft_type = 299600002,
    msft_publishername = "Aoba Cloud Partners" } },
  { "msft_microsoftsolutiondetail", fixed(23), { msft_name = "Shop Floor Insight",
    msft_solutionidentifier = "SOL-10003-GHI", msft_type = 299600001,
    msft_publishername = "Kogane Systems" } },
  { "msft_microsoftsolutiondetail", fixed(24), { msft_name = "Cloud database service",
    msft_solutionidentifier = "7c9f3a54-2b61-4a0e-9d5c-0f6b8e21d4aa", msft_type = 299600000,
    msft_publishername = "Microsoft" } },
  { "msft_solutionarea", fixed(31), { msft_name = "Cloud and AI Platforms" } },
  { "msft_solutionarea", fixed(34), { msft_name = "Security" } },
  { "msft_solutionarea", fixed(35), { msft_name = "AI Business Solutions" } },
  { "msft_solutionplay", fixed(32), { msft_name = "Migrate and Modernize Your Estate",
    msft_solutionarea = to("msft_solutionarea", fixed(31)) } },
  { "msft_solutionplay", fixed(36), { msft_name = "Data Security",
    msft_solutionarea = to("msft_solutionarea", fixed(34)) } },
  { "msft_solutionplay", fixed(37), { msft_name = "Data Security",
    msft_solutionarea = to("msft_solutionarea", fixed(35)) } },
  { "msft_partnerrole", fixed(33), { msft_name = "Solution design" } },
  { "msft_partnerrole", fixed(38), { msft_name = "Managed services" } },
  { "new_country", fixed(51), { new_name = "Germany", new_isocode = "DE" } },
  { "new_country", fixed(52), { new_name = "France", new_isocode = "FR" } },
  { "new_country", fixed(53), { new_name = "United Kingdom", new_isocode = "GB" } },
  { "new_country", fixed(54), { new_name = "Japan", new_isocode = "JP" } },
  { "new_country", fixed(55), { new_name = "United States", new_isocode = "US" } },
  { "account", fixed(41), { name = "Hoshino Parts KK", address1_line1 = "2-7-1 Nishi",
    address1_city = "Nagoya", address1_stateorprovince = "Aichi", address1_postalcode = "450-0002",
    address1_country = "JP", telephone1 = "+81 52 555 0141", websiteurl = "https://hoshino.example",
    numberofemployees = 420, transactioncurrencyid = YEN, new_duns = "690000141",
    new_maildomain = "hoshino.example", new_countrycode = "JP", new_countryname = "日本",
    new_countryid = to("new_country", fixed(54)) } },
  { "contact", fixed(42), { firstname = "Mika", lastname = "Hoshino", jobtitle = "IT Manager",
    emailaddress1 = "mika@hoshino.example", telephone1 = "+81 52 555 0142",
    parentcustomerid = to("account", fixed(41)) } },
  { "account", fixed(43), { name = "Larkfield Foods Ltd", address1_line1 = "14 Harbour Road",
    address1_city = "Bristol", address1_postalcode = "BS1 5TR", address1_country = "GB",
    telephone1 = "+44 117 555 0143", websiteurl = "https://larkfield.example",
    numberofemployees = 85, new_duns = "690000143", new_maildomain = "larkfield.example",
    new_countrycode = "GB", new_countryname = "イギリス",
    new_countryid = to("new_country", fixed(53)) } },
  { "contact", fixed(44), { firstname = "Owen", lastname = "Pryce",
    jobtitle = "Operations Director",
    emailaddress1 = "owen@larkfield.example", telephone1 = "+44 117 555 0144",
    parentcustomerid = to("account", fixed(43)) } },
}

local OWNED_BY = { account = true, contact = true }

--- Makes the rows unless they are there; answers whether it did. Commits nothing.
---@param work table
---@param organization string|nil the id of the organisation
function M.run(work, organization)
  if work:organization() then return false end
  work.who.user = M.APPLICATION_USER
  for _, r in ipairs(ROWS) do
    local t, given = schema.tables[r[1]], {}
    for name, v in pairs(r[3]) do given[name] = v end
    if OWNED_BY[r[1]] then given.ownerid = to("systemuser", M.SALESPERSON) end
    local id = r[1] == "organization" and organization or r[2]
    rows.create(work, t, given, { id = id })
  end
  return true
end

return M

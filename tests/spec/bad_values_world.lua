-- A deal that both sides know, as the services show it, and what this CRM is like: what
-- bad_values_spec.lua spoils.  All invented; it must never keep what was spoilt.
local facts = require "facts"
local fields = require "fields"
local dynamics = require "dynamics"

local M = {}

local ID, ROW = "9d3f0c1e-1111-4222-8333-9999aaaabbbb", "5c1a0c1e-1111-4222-8333-9999aaaabbbb"
local ROLE, AREA, PLAY = "r0000001", "a0000001", "p0000001"
local HELP = "msft_microsoftpartnercenterhelp"
local VISIBLE = "msft_microsoftpartnercenterreferralvisible"
local PROGRAM = "msft_microsoftpartnercenterreferralprogram"

M.id = ID

-- ---- Both sides ----

local function attribute(kind, id)
  return { type = kind, id = id }
end

---@return { ours: table, theirs: table }
function M.referrals()
  local ours = { id = ID, engagementId = ID, eTag = '"1"', externalReferenceId = ROW,
    name = "Harbour", status = "Active", substatus = "Accepted", type = "Shared",
    qualification = "SalesQualified", campaignId = "spring", salesStage = "40",
    referralProgram = "Cosell", statusReason = json.null,
    consent = { consentToShareReferralWithMicrosoftSellers = true, consentToContact = true,
      consentToToShareInfoWithOthers = true },
    customerProfile = { name = "Elbe Hafen GmbH", size = "251to1000employees",
      address = { addressLine1 = "Kai 4", addressLine2 = "Hof", city = "Hamburg", state = "HH",
        postalCode = "20457", country = "DE" },
      ids = json.array { { profileType = "Duns", id = "123456789" } },
      team = json.array { { firstName = "Jana", lastName = "Petersen", title = "CIO",
        email = "jana@elbe.example", phoneNumber = "+49400000001" } } },
    team = json.array { { firstName = "Ken", lastName = "Abe", email = "ken@partner.example",
      phoneNumber = "+81520000001" } },
    details = { notes = "v0", dealValue = 90000, currency = "USD",
      closingDateTime = "2031-09-30T00:00:00Z",
      requirements = { solutions = json.array { { id = "SOL-1", name = "One", type = "Name",
        price = 100, quantity = 2 } }, additionalRequirements = { attributes = json.array {
          attribute("CustomerMarketplaceIntent", "Yes"),
          attribute("PartnerRole", "Solution design"), attribute("SolutionArea", "Security"),
          attribute("SolutionPlay", "Data Security"), attribute("Else", "kept") } } } } }
  local theirs = { id = ROW, engagementId = ID, organizationId = "msft", status = "Active",
    substatus = "Accepted", inviteContext = { assistanceRequestCode = "GeneralOrOther" },
    trackingInfo = { microsoftMsxId = "7-1" } }
  return { ours = ours, theirs = theirs }
end

---The row, with the rows around it.
function M.row()
  return { opportunityid = ROW, name = "✔ Harbour", estimatedvalue = json.decimal "90000.0000",
    _transactioncurrencyid_value = "c-usd", estimatedclosedate = "2031-09-30",
    description = "v0", statecode = 0, statuscode = 1, [HELP] = 5, [VISIBLE] = true,
    msft_microsoftpartnercenterreferralidentifier = ID,
    msft_microsoftpartnercenterreferrallink = "https://portal.example/" .. ID,
    msft_microsoftcrmidentifier = "7-1", msft_customerpurchaseintent = 0, msft_coselltype = 1,
    _msft_partnerrole_value = ROLE, _msft_solutionarea_value = AREA,
    _msft_solutionplay_value = PLAY, salesstage = 1, new_campaign = "spring", [PROGRAM] = "Cosell",
    lines = { { id = "SOL-1", name = "One", row = "s-1", price = 100, quantity = 2 } },
    parentaccountid = { name = "Elbe Hafen GmbH", address1_line1 = "Kai 4", address1_line2 = "Hof",
      address1_city = "Hamburg", address1_stateorprovince = "HH", address1_postalcode = "20457",
      address1_country = "DE", numberofemployees = 300, accountnumber = "123456789" },
    parentcontactid = { firstname = "Jana", lastname = "Petersen", jobtitle = "CIO",
      emailaddress1 = "jana@elbe.example", telephone1 = "+49400000001" },
    owninguser = { firstname = "Ken", lastname = "Abe",
      internalemailaddress = "ken@partner.example", mobilephone = "+81520000001" } }
end

-- The member that a name means: of a list its entry by number, or by its type.
local function inside(at, name)
  if at[math.tointeger(tonumber(name)) or name] ~= nil then
    return at[math.tointeger(tonumber(name)) or name]
  end
  for _, entry in ipairs(at) do
    if entry.type == name or entry.profileType == name then
      return entry
    end
  end
  return nil
end

---Puts a value at a dotted path.
---@param root table  a row, or { ours =, theirs = }
function M.put(root, path, value)
  local at = root.ours or root
  for name, dot in path:gmatch("([^.]+)(%.?)") do
    if name == "theirs" then
      at = root.theirs
    elseif dot == "" then
      at[math.tointeger(tonumber(name)) or name] = value
    else
      at = assert(inside(at, name), path .. ": there is no " .. name)
    end
  end
end

---Good values: as Partner Center says them, and as the row's field then is.
M.good = {
  name = { "Better", "Better" }, value = { 777, "777.00" }, currency = { "EUR", "EUR" },
  closing_date = { "2032-01-31T00:00:00Z", "2032-01-31" }, notes = { "new", "new" },
  intent = { "No", "No" }, stage = { "60", "propose" }, campaign = { "autumn", "autumn" },
  program = { "Other", "Other" }, microsoft_id = { "7-2", "7-2" },
}

-- ---- The CRM ----

local CURRENCIES = { ["c-usd"] = { row = "c-usd", code = "USD", precision = 2 },
  ["c-eur"] = { row = "c-eur", code = "EUR", precision = 2 } }

local function options(pairs_)
  local known = { by_value = {}, by_code = {} }
  for value, code in pairs(pairs_) do
    known.by_value[value], known.by_code[code] = code, value
  end
  return known
end

local function lookup(name, id, word, area)
  local entry = { row = id, name = word, area = area }
  return { table = name, by_row = { [id] = entry }, rows = { entry } }
end

local function text_columns()
  local out = { name = { max = 300 }, description = { max = 2000 },
    estimatedvalue = { type = "Money", update = true, least = json.decimal "-1000000000000",
      most = json.decimal "1000000000000" },
    estimatedclosedate = { behavior = "DateOnly" } }
  for _, name in ipairs { "msft_microsoftcrmidentifier", "new_campaign", PROGRAM,
    "msft_microsoftpartnercenterreferrallink" } do
    out[name] = { type = "String", max = 100 }
  end
  for _, name in ipairs { "msft_partnerrole", "msft_solutionarea", "msft_solutionplay" } do
    out[name] = { type = "Lookup" }
  end
  return out
end

local columns = {}
for role, column in pairs(fields.columns) do
  columns[role] = column or nil
end
columns.campaign = "new_campaign"

M.known = {
  table = "opportunity", key = "opportunityid", offset_minutes = 0, duns = "accountnumber",
  marks = { ok = "✔ ", failed = "✖ ", place = "front" }, columns = columns,
  meta = { columns = text_columns() },
  deal_value = { read = "estimatedvalue", write = "estimatedvalue", currency = "row" },
  currencies = { by_row = CURRENCIES, by_code = { USD = CURRENCIES["c-usd"],
    EUR = CURRENCIES["c-eur"] } },
  catalogue = { by_id = { ["sol-1"] = { row = "d-1", id = "SOL-1", name = "One" } } },
  solutions = { price = "msft_price", quantity = "msft_quantity", table = "msft_line",
    columns = { msft_price = { type = "Money", most = json.decimal "1000000000000" },
      msft_quantity = { type = "Integer", least = 0, most = 2147483647 } } },
  choices = { taxonomy = { roles = {}, areas = {}, plays = {} }, stage = true,
    help = options { [4] = "CustomerTechnicalArchitecture", [5] = "GeneralOrOther" },
    intent = options { [0] = "Yes", [1] = "No", [2] = "HaveNotDecided" },
    cosell_type = options { [0] = "IP", [1] = "Services" },
    partner_role = lookup("msft_partnerrole", ROLE, "Solution design"),
    solution_area = lookup("msft_solutionarea", AREA, "Security"),
    solution_play = lookup("msft_solutionplay", PLAY, "Data Security", AREA) },
}
local known = M.known

function known.precision(code)
  return known.currencies.by_code[code or ""] and known.currencies.by_code[code].precision or 2
end

function known.referral_link(id)
  return id and "https://portal.example/" .. id
end

function known.value_of(row)
  return row.estimatedvalue
end

function known.currency_code(row)
  local currency = known.currencies.by_row[row._transactioncurrencyid_value or ""]
  return currency and currency.code
end

function known.date_of(row)
  return type(row.estimatedclosedate) == "string" and row.estimatedclosedate ~= "" and
    row.estimatedclosedate:match("^%d%S*$") or nil
end

function known.date_column(date)
  return date
end

function known.close_reason()
  return nil
end

function known.status_word()
  return nil
end

function known.choice(row, field)
  local column = columns[field]
  return row[known.meta.columns[column] and "_" .. column .. "_value" or column]
end

function known.choice_column(field, value, area)
  return require("choices").to_crm(known.choices, field, value, area)
end

function known.solution_rows(row)
  return row.lines
end

function known.country_code(account)
  local value = account.address1_country
  return type(value) == "string" and value:match("^%u%u$") or nil
end

---Runs body(...) where nothing is asked of a CRM.
function M.with(body, ...)
  local currency, solution, forget = facts.currency, facts.solution, dynamics.forget
  facts.currency = function(k, code) return k.currencies.by_code[code] end
  facts.solution = function(k, id) return k.catalogue.by_id[id:lower()] end
  dynamics.forget = function() return false end
  local ok, err = pcall(body, ...)
  facts.currency, facts.solution, dynamics.forget = currency, solution, forget
  if not ok then
    error(err, 0)
  end
end

return M

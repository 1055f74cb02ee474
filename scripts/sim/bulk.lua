-- Many deals at once, for trying a host on a big organisation: portal deals, and if asked the same
-- deals as rows of the CRM, as a host that synchronised them would have left them. Rows are written
-- as they are: no events, no rules; but their forms come from the same code as every other row.
-- Deal number i is the same in every run, its dates of creation excepted. Owns nothing.
local acts = require "sim.partner_acts"
local dates = require "sim.dates"
local rows = require "sim.crm_rows"
local schema = require "sim.crm_schema"
local seed = require "sim.crm_seed"
local store = require "sim.crm_store"
local values = require "sim.crm_values"

local M = {}

local PART = 500 -- deals of one round
local TELL = 10000 -- deals between two lines about the progress
local DAY = 86400000
local MARK = "✔ "
local DEALS_OF_A_CUSTOMER = 4

local PLACES = {
  { code = "USD", currency = seed.USD, cents = true, country = "US", city = "Dayton" },
  { code = "JPY", currency = seed.JPY, cents = false, country = "JP", city = "Nagoya" },
  { code = "EUR", currency = seed.EUR, cents = true, country = "DE", city = "Kassel" },
}
local FIRST = { "Larkfield", "Hoshino", "Elbe", "Kogane", "Aoba", "Norden", "Sakura", "Brenner",
  "Midori", "Quill", "Tarn" }
local SECOND = { "Foods", "Parts", "Works", "Logistics", "Textiles", "Optics", "Pumps" }
local WHAT = { "sensor rollout", "data platform", "crane upgrade", "cloud move", "shop floor",
  "archive", "order desk", "field service", "price list" }
local PEOPLE = { "Mio", "Owen", "Jana", "Rei", "Ida", "Bo", "Nina", "Theo" }
local SOLUTIONS = {
  { id = "SOL-10001-ABC", name = "Aoba Migration Factory" },
  { id = "SOL-10002-DEF", name = "Aoba Data Platform" },
  { id = "SOL-10003-GHI", name = "Shop Floor Insight" },
}

-- ---- deal number i

-- GUIDs that rise with the number, as a database makes them: the rows lie close together.
local KINDS = { referral = 0x1000, engagement = 0x2000, opportunity = 0x3000, account = 0x4000,
  contact = 0x5000, solution = 0x6000 }

local function guid(kind, i, n)
  return ("%08x-%04x-4dea-8%03x-%012x"):format(i, KINDS[kind], n or 0, i * 7919)
end

local function word(list, i) return list[i % #list + 1] end

local function customer(i)
  local c = (i - 1) // DEALS_OF_A_CUSTOMER + 1
  local name = ("%s %s %d"):format(word(FIRST, c), word(SECOND, c), c)
  local first = word(PEOPLE, c)
  return { number = c, name = name, place = word(PLACES, c), street = c .. " Harbour Road",
    postcode = ("%05d"):format(10000 + c % 90000), first = first, last = word(FIRST, c + 3),
    email = ("%s%d@customer%d.example"):format(first:lower(), c, c),
    phone = ("+8152%07d"):format(c) }
end

--- Everything about deal number i that both sides know.
---@param i integer
---@return table
function M.deal(i)
  local who = customer(i)
  local value = 1000 + i * 7919 % 990000
  if who.place.cents and i % 4 > 0 then value = value + i % 4 * 0.25 end
  local solutions = {}
  for n = 0, i % 3 do solutions[n + 1] = SOLUTIONS[(i + n) % 3 + 1] end
  return { number = i, customer = who, value = value, solutions = solutions,
    name = ("%s: %s %d"):format(who.name, word(WHAT, i), i), notes = "Deal number " .. i,
    closing = dates.text(dates.parse "2031-01-01" + i * 7 % 700 * DAY, 0):sub(1, 10),
    id = guid("referral", i), engagement = guid("engagement", i), row = guid("opportunity", i) }
end

-- ---- stencils: the JSON text of a row with places to be filled, since that is ten times as fast

-- "@@x@@" is a place for text, the string "##x##" one for any JSON.
local function stencil(row)
  return (json.encode(row):gsub('"##([%w_]+)##"', "@@%1@@"))
end

local function filled(text, given) return (text:gsub("@@([%w_]+)@@", given)) end

-- A text between quotes.
local function safe(text) return json.encode(text):sub(2, -2) end

-- ---- the portal's side

local function solutions_text(deal)
  local out = json.array {}
  for i, s in ipairs(deal.solutions) do out[i] = { id = s.id, name = s.name, type = "Name" } end
  return json.encode(out)
end

-- A referral as every portal deal begins, with places for what is a deal's own.
local function referral_stencil(server, linked)
  local r = acts.template(server.env.now())
  local profile, details = r.customerProfile, r.details
  r.type, r.status, r.substatus = "Independent", "Active", "Accepted"
  r.organizationId = server.partner.rows.organization
  r.organizationName = server.partner.rows.organization_name
  r.id, r.engagementId, r.name = "@@id@@", "@@engagement@@", "@@name@@"
  r.createdDateTime, r.updatedDateTime = "@@made@@", "@@made@@"
  r.acceptedDateTime = "@@made@@"
  r.externalReferenceId = linked and "@@row@@" or nil
  profile.name = "@@customer@@"
  profile.address = { addressLine1 = "@@street@@", city = "@@city@@", postalCode = "@@postcode@@",
    country = "@@country@@" }
  profile.team = json.array { { firstName = "@@first@@", lastName = "@@last@@",
    phoneNumber = "@@phone@@", email = "@@email@@" } }
  details.dealValue, details.currency, details.notes = "##value##", "@@code@@", "@@notes@@"
  details.closingDateTime = "@@closing@@T00:00:00.000Z"
  details.requirements.solutions = "##solutions##"
  return stencil(r)
end

local function referral_text(text, deal, made)
  local who, place = deal.customer, deal.customer.place
  return filled(text, { id = deal.id, engagement = deal.engagement, name = deal.name, made = made,
    row = deal.row, customer = who.name, street = who.street, city = place.city,
    postcode = who.postcode, country = place.country, first = who.first, last = who.last,
    phone = who.phone, email = who.email, value = tostring(deal.value), code = place.code,
    notes = deal.notes, closing = deal.closing, solutions = solutions_text(deal) })
end

-- ---- the CRM's side

local function to(kind, id) return { table = kind, id = id } end

-- The stencil of a table's row: as every row of it begins, with places for these columns.
local function row_stencil(work, name, given, columns)
  local t = schema.tables[name]
  local row = rows.create(work, t, given) -- not committed: only its form is wanted
  row[t.id] = "@@" .. t.id .. "@@"
  for _, column in ipairs(columns) do row[column] = "@@" .. column .. "@@" end
  local types = {} -- apart: who walks over a table must not add to it
  for column, v in pairs(row) do
    local kind = type(v) == "string" and column:match("^_(.*)_value$")
    if kind and v:find("@@", 1, true) then
      types["_" .. kind .. "_type"] = next(t.columns[kind].targets)
    end
  end
  for column, v in pairs(types) do row[column] = v end
  return stencil(row)
end

local OPPORTUNITY = { "name", "description", "estimatedclosedate", "estimatedvalue",
  "estimatedvalue_base", "_parentaccountid_value", "_customerid_value", "_parentcontactid_value",
  "msft_microsoftpartnercenterreferralidentifier", "msft_microsoftpartnercenterreferrallink",
  "msft_microsoftpartnercenterreferralsyncaudit" }
local SOLUTION = { "msft_name", "_msft_opportunityid_value", "_msft_solutiondetailid_value" }
local ACCOUNT = { "name", "address1_line1", "address1_city", "address1_postalcode",
  "address1_country" }
local CONTACT = { "firstname", "lastname", "fullname", "emailaddress1", "telephone1",
  "_parentcustomerid_value" }

-- The stencils of all rows of a deal, by currency where it matters.
local function stencils(work)
  local out = { opportunity = {}, solution = {}, rate = {} }
  out.account = row_stencil(work, "account", { name = "x" }, ACCOUNT)
  out.contact = row_stencil(work, "contact", { lastname = "x" }, CONTACT)
  for _, place in ipairs(PLACES) do
    local currency = to("transactioncurrency", place.currency)
    out.opportunity[place.code] = row_stencil(work, "opportunity", { name = "x",
      estimatedvalue = "1.0000", transactioncurrencyid = currency,
      msft_microsoftpartnercenterreferralsync = true }, OPPORTUNITY)
    out.solution[place.code] = row_stencil(work, "msft_microsoftsolution",
      { transactioncurrencyid = currency }, SOLUTION)
    out.rate[place.code] = values.number(work:get(schema.tables.transactioncurrency,
      place.currency).exchangerate)
  end
  return out
end

local function place_row(name, text, id, columns)
  local t = schema.tables[name]
  columns[t.id] = id
  store.place(t, columns, filled(text, columns))
end

local function place_customer(forms, who)
  local account, contact = guid("account", who.number), guid("contact", who.number)
  place_row("account", forms.account, account, { name = who.name, address1_line1 = who.street,
    address1_city = who.place.city, address1_postalcode = who.postcode,
    address1_country = who.place.country })
  place_row("contact", forms.contact, contact, { firstname = who.first, lastname = who.last,
    fullname = who.first .. " " .. who.last, emailaddress1 = who.email, telephone1 = who.phone,
    _parentcustomerid_value = account })
end

local function place_opportunity(forms, deal, link)
  local who, code = deal.customer, deal.customer.place.code
  local account = guid("account", who.number)
  place_row("opportunity", forms.opportunity[code], deal.row, { name = MARK .. deal.name,
    description = deal.notes, estimatedclosedate = deal.closing,
    estimatedvalue = values.round(deal.value, who.place.cents and 2 or 0),
    estimatedvalue_base = values.round(deal.value / forms.rate[code], 2),
    _parentaccountid_value = account, _customerid_value = account,
    _parentcontactid_value = guid("contact", who.number),
    msft_microsoftpartnercenterreferralidentifier = deal.id,
    msft_microsoftpartnercenterreferrallink = link,
    msft_microsoftpartnercenterreferralsyncaudit = "Created from Partner Center: " .. link })
end

local function place_solutions(forms, deal, details)
  for n, s in ipairs(deal.solutions) do
    place_row("msft_microsoftsolution", forms.solution[deal.customer.place.code],
      guid("solution", deal.number, n), { msft_name = s.name,
        _msft_opportunityid_value = deal.row, _msft_solutiondetailid_value = details[s.id] })
  end
end

-- The catalogue's rows by solution id.
local function details_of(work)
  local t, out = schema.tables.msft_microsoftsolutiondetail, {}
  for _, s in ipairs(SOLUTIONS) do
    out[s.id] = work:find(t, "msft_solutionidentifier", s.id)[1][t.id]
  end
  return out
end

-- ---- all of them

local function crm_side(work, portal)
  local forms, details = stencils(work), details_of(work)
  store.note_moment(work.who.now)
  portal = safe(portal)
  return function(deal)
    if deal.number % DEALS_OF_A_CUSTOMER == 1 then place_customer(forms, deal.customer) end
    place_opportunity(forms, deal, portal .. deal.id)
    place_solutions(forms, deal, details)
  end
end

--- Makes deals 1 to n; rests between parts, so that it may be called in a task only.
---@param server table the practice environment: env, partner, crm
---@param o { deals: integer, linked: boolean|nil, portal: string|nil,
---           say: nil|fun(text: string) }
function M.run(server, o)
  local now, text = server.env.now(), referral_stencil(server, o.linked)
  local portal = o.portal or server.env.base.partner .. "/portal/referrals/"
  local also = o.linked and crm_side(server.crm.work(), portal)
  for i = 1, o.deals do
    local deal, made = M.deal(i), dates.text(now - (o.deals - i) * 1000)
    server.partner.rows.place(deal.id, deal.engagement, made, referral_text(text, deal, made))
    if also then also(deal) end
    if i % PART == 0 then host.sleep(0) end
    if i % TELL == 0 and o.say then o.say(("%d of %d deals\n"):format(i, o.deals)) end
  end
end

return M

-- Brings what both sides say to one form, so that equal deals are equal values (reconcile rule 4).
-- The forms of single values stand in forms.lua, and are had from here too.
-- It must never write, ask a service, or know which side is right.
local choices = require "choices"
local fields = require "fields"
local forms = require "forms"
local more_fields = require "more_fields"
local state = require "state"
local text = require "text"

local M = setmetatable({}, { __index = forms })

local given, record, code = forms.given, forms.record, forms.code

local function guid(value)
  value = code(value)
  return value and value:lower()
end

local function capitals(value)
  value = code(value)
  return value and value:upper()
end

-- ---- The two sides ----

local function person(m)
  return {
    first_name = M.text(m.firstName), last_name = M.text(m.lastName), email = code(m.email),
    phone = code(m.phoneNumber), title = M.text(m.title),
  }
end

---Whether a contact has what Partner Center wants of one before Microsoft is invited.
---@param contact table|nil
function M.whole(contact)
  return contact ~= nil and contact.first_name ~= nil and contact.last_name ~= nil and
    contact.email ~= nil and contact.phone ~= nil
end

local function people(members)
  local out = json.array {}
  for _, m in ipairs(record(members)) do
    local one = person(record(m))
    out[#out + 1] = next(one) and one -- nil: nobody
  end
  return out
end

-- Quantities may have fractions, whatever the currency.
local function quantity(value)
  return M.amount(value, 2)
end

-- What the CRM's rows have no column for does not travel.
local function partner_solutions(tags, precision, facts)
  local out, columns = json.array {}, facts.solutions or {}
  for _, tag in ipairs(record(tags)) do
    local s = record(tag)
    if code(s.id) then
      out[#out + 1] = {
        id = code(s.id), name = M.text(s.name),
        price = columns.price and M.price(s.price, precision),
        quantity = columns.quantity and quantity(s.quantity),
      }
    end
  end
  return out
end

-- The entry of a type in a referral's list of attributes.
local function attribute_of(attributes, kind)
  for _, one in ipairs(record(attributes)) do
    if type(one) == "table" and one.type == kind then
      return code(one.id)
    end
  end
  return nil
end

-- The choices of both sides' people, from the referral; the column of each may be missing.
local function partner_choices(deal, ours, requirements, facts)
  local attributes = record(requirements.additionalRequirements).attributes
  for _, field in ipairs(fields.rows) do
    local raw = field.attribute and attribute_of(attributes, field.attribute)
    deal[field.name] = raw and choices.from_partner(facts.choices, field.name, raw) or
      deal[field.name]
  end
  deal.stage = choices.from_partner(facts.choices, "stage", code(ours.salesStage))
  deal.cosell_type = deal.partner_role and "Services" or nil
end

local function customer_of(profile)
  local address = record(profile.address)
  local duns
  for _, id in ipairs(record(profile.ids)) do
    if type(id) == "table" and id.profileType == "Duns" then
      duns = code(id.id)
    end
  end
  return {
    name = M.text(profile.name), address_line1 = M.text(address.addressLine1),
    address_line2 = M.text(address.addressLine2), city = M.text(address.city),
    state = M.text(given(address.state) or address.region),
    postal_code = code(address.postalCode), country = code(address.country),
    duns = duns, size = code(profile.size),
  }
end

---A referral (ours, and Microsoft's where there is one) as a canonical deal.
---@param ours table
---@param theirs table|nil
---@param facts table  see facts.lua
function M.from_partner(ours, theirs, facts)
  local details, consent = record(ours.details), record(ours.consent)
  local requirements = record(details.requirements)
  local currency = capitals(details.currency)
  local precision = facts.precision(currency)
  local invite = record(theirs and given(theirs.inviteContext) or ours.inviteContext)
  local help = code(invite.assistanceRequestCode)
  local tracking = record(theirs and theirs.trackingInfo)
  local name = M.text(ours.name)
  local profile = record(ours.customerProfile)
  local contacts = people(profile.team)
  local deal = {
    id = guid(ours.id), link = facts.referral_link(guid(ours.id)),
    crm_id = guid(ours.externalReferenceId),
    name = name and given(M.strip_marks(name, facts.marks)),
    value = M.amount(details.dealValue, precision), currency = currency,
    closing_date = M.date(details.closingDateTime, facts.offset_minutes),
    notes = M.text(details.notes),
    state = state.from_partner(code(ours.status), code(ours.substatus)),
    reason = M.text(ours.statusReason),
    help = theirs and help ~= "Unknown" and help or nil,
    visible = consent.consentToShareReferralWithMicrosoftSellers == true,
    solutions = partner_solutions(requirements.solutions, precision, facts),
    microsoft_id = code(tracking.microsoftMsxId),
    microsoft_state = theirs and
      state.from_partner(code(theirs.status), code(theirs.substatus)) or nil,
    customer = customer_of(profile),
    contact = contacts[1], team = people(ours.team),
    type = code(ours.type), qualification = code(ours.qualification),
    changed_ms = text.ms(code(ours.updatedDateTime)),
    campaign = code(ours.campaignId), program = M.text(ours.referralProgram),
  }
  partner_choices(deal, ours, requirements, facts)
  more_fields.from_partner(ours, deal)
  return deal
end

local function crm_customer(account, facts)
  if not account then
    return {}
  end
  local country, found = facts.country_code(account)
  return {
    name = M.text(account.name), address_line1 = M.text(account.address1_line1),
    address_line2 = M.text(account.address1_line2), city = M.text(account.address1_city),
    state = M.text(account.address1_stateorprovince),
    postal_code = code(account.address1_postalcode),
    country = country, size = choices.size_of(account.numberofemployees),
    duns = facts.duns and code(account[facts.duns]) or nil,
  }, not country and found or nil
end

---A contact's row, or the values that one is made of, as a canonical person.
---@param contact table|nil
function M.crm_contact(contact)
  if not contact then
    return nil
  end
  return {
    first_name = M.text(contact.firstname), last_name = M.text(contact.lastname),
    email = code(contact.emailaddress1), title = M.text(contact.jobtitle),
    phone = code(contact.telephone1) or code(contact.mobilephone),
  }
end

local function crm_team(user)
  if not user then
    return json.array {}
  end
  return json.array { {
    first_name = M.text(user.firstname), last_name = M.text(user.lastname),
    email = code(user.internalemailaddress),
    phone = code(user.mobilephone) or code(user.address1_telephone1),
  } }
end

---What a CRM row says by itself, without the rows around it: enough to see whether it changed.
---@param row table  read with facts.columns
---@param facts table
function M.crm_columns(row, facts)
  local c = facts.columns
  local currency = capitals(facts.currency_code(row))
  local name = M.text(row[c.name])
  local deal = {
    id = guid(row[c.identifier]), link = code(row[c.link]), crm_id = guid(row[facts.key]),
    name = name and given(M.strip_marks(name, facts.marks)),
    value = M.amount(facts.value_of(row), facts.precision(currency)), currency = currency,
    closing_date = facts.date_of(row), notes = M.text(row[c.notes]),
    state = state.from_crm(row, facts), reason = facts.close_reason(row),
    visible = row[c.visible] == true, microsoft_id = code(row[c.microsoft_id]),
    changed_ms = text.ms(code(row.modifiedon)),
    campaign = c.campaign and code(row[c.campaign]), program = c.program and M.text(row[c.program]),
  }
  more_fields.from_crm(row, deal)
  for _, field in ipairs(choices.names) do
    deal[field] = choices.from_crm(facts.choices, field, facts.choice(row, field))
  end
  return deal
end

---One row of a solution, as the list of a deal has it.
---@param s {id: string, name: string|nil, row: string, tag: string|nil, price: any, quantity: any}
---@param currency string|nil  of the deal
function M.crm_solution(s, currency, facts)
  return { id = s.id, name = s.name, row = s.row, tag = s.tag, quantity = quantity(s.quantity),
    price = M.price(s.price, facts.precision(currency)) }
end

---The solutions of a CRM row, read with facts.expand.
---@param row table
---@param facts table
function M.crm_solutions(row, facts)
  local currency, out = capitals(facts.currency_code(row)), json.array {}
  for i, s in ipairs(facts.solution_rows(row)) do
    out[i] = M.crm_solution(s, currency, facts)
  end
  return out
end

---A CRM row, read with facts.columns and facts.expand, as a canonical deal; no_country: what stands
---where the account's country should.
---@param row table
---@param facts table
function M.from_crm(row, facts)
  local deal = M.crm_columns(row, facts)
  deal.solutions = M.crm_solutions(row, facts)
  deal.customer, deal.no_country = crm_customer(given(row.parentaccountid), facts)
  deal.contact = M.crm_contact(given(row.parentcontactid))
  deal.team = crm_team(given(row.owninguser))
  return deal
end

-- ---- Equality ----

-- What of a set's members is compared: the name of each, and what travels with it.
local MEMBER = { solutions = { "id", "price", "quantity" }, team = { "email" } }

local function set_key(members, names)
  local keys, seen = {}, {}
  for _, item in ipairs(members or {}) do
    local parts = {}
    for i, name in ipairs(names) do
      parts[i] = tostring(item[name] or ""):lower()
    end
    keys[#keys + 1] = not seen[parts[1]] and table.concat(parts, " ") or nil
    seen[parts[1]] = true
  end
  table.sort(keys)
  return table.concat(keys, "\n")
end

---The members of a set by their ids, and these in order; one that stands there twice is the first.
---@param list table[]|nil
---@return table<string, table>, string[]
function M.by_id(list)
  local out, ids = {}, {}
  for _, item in ipairs(list or {}) do
    local id = tostring(item.id or item.email):lower()
    ids[#ids + 1] = not out[id] and id or nil
    out[id] = out[id] or item
  end
  return out, ids
end

---Values by field, of members what is compared alone: writes that say the same are the same.
---@param values table<string, any>
---@return table<string, any>
function M.said(values)
  local out = {}
  for name, value in pairs(values) do
    out[name] = MEMBER[name] and set_key(given(value), MEMBER[name]) or value
  end
  return out
end

---Whether two canonical values of a field are the same.
---@param field Field
function M.same(field, a, b)
  if field.kind == "set" then
    local names = MEMBER[field.name]
    return set_key(a, names) == set_key(b, names)
  elseif field.kind == "flag" then
    return (a or false) == (b or false)
  elseif field.kind == "record" then
    return json.encode(a or {}) == json.encode(b or {})
  elseif field.kind == "code" and type(a) == "string" and type(b) == "string" then
    return a:lower() == b:lower()
  end
  return a == b
end

---What of a canonical deal is kept as a base: the fields of the table, nothing else.
function M.base(deal)
  local out = {}
  for _, field in ipairs(fields.rows) do
    out[field.name] = deal[field.name]
  end
  return out
end

return M

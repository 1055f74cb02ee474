-- A canonical deal as Partner Center holds it: the body of a new referral, and the members of one
-- that is there ("Create a referral", "Referral resources").  It must never send anything.
local canonical = require "canonical"
local choices = require "choices"
local fields = require "fields"
local more_fields = require "more_fields"

local M = {}

local function member(p)
  return { firstName = p.first_name, lastName = p.last_name, email = p.email,
    phoneNumber = p.phone, title = p.title }
end

---People as the referral holds them.
function M.members(list)
  local out = json.array {}
  for _, p in ipairs(list) do
    out[#out + 1] = member(p)
  end
  return out
end

-- ---- Solutions ----

local function put_amount(tag, name, value, is)
  if value ~= is then
    tag[name] = value and canonical.wire_amount(value) or json.null
  end
  return value ~= is
end

---Solutions as the referral holds them.
---@param solutions table[]  canonical
---@param currency string|nil
---@param there table[]|nil  the referral's own, which stay as they are but for what changed
---@param now table[]|nil  the same, canonical
function M.solutions(solutions, currency, there, now)
  local out, tags, known = json.array {}, {}, {}
  for _, tag in ipairs(there or {}) do
    if type(tag) == "table" then
      tags[tostring(tag.id):lower()] = tag
    end
  end
  for _, item in ipairs(now or {}) do
    known[item.id:lower()] = item
  end
  for i, s in ipairs(solutions) do
    local id = s.id:lower()
    local tag, is = tags[id] or { id = s.id, name = s.name, type = "Name" }, known[id] or {}
    if put_amount(tag, "price", s.price, is.price) then
      tag.currency = s.price and currency or tag.currency
    end
    put_amount(tag, "quantity", s.quantity, is.quantity)
    out[i] = tag
  end
  return out
end

-- ---- Attributes ----

local function is_ours(kind)
  for _, field in ipairs(fields.rows) do
    if field.attribute and field.attribute == kind then
      return true
    end
  end
  return false
end

---The list of attributes with what the deal says; entries that are nobody's here stay.
---@param deal table  canonical
---@param known table  facts
---@param there table[]|nil  the referral's own
function M.attributes(deal, known, there)
  local out = json.array {}
  for _, one in ipairs(there or {}) do
    if type(one) ~= "table" or not is_ours(one.type) then
      out[#out + 1] = one
    end
  end
  for _, field in ipairs(fields.rows) do
    local value = field.attribute and canonical.given(deal[field.name])
    local id
    if field.attribute and field.more then
      id = value ~= nil and more_fields.wire(field, value) or nil
    elseif field.attribute then
      id = choices.to_partner(known.choices, field.name, value or nil)
    end
    if id then
      out[#out + 1] = { type = field.attribute, id = id }
    end
  end
  return out
end

-- ---- A new referral ----

local function customer_profile(d)
  local c = d.customer
  return {
    name = c.name, size = c.size,
    address = { addressLine1 = c.address_line1, addressLine2 = c.address_line2, city = c.city,
      state = c.state, postalCode = c.postal_code, country = c.country },
    team = M.members(d.contact and { d.contact } or {}),
    ids = json.array(c.duns and { { profileType = "Duns", id = c.duns } } or {}),
  }
end

local function profile_targets(solutions)
  local out = json.array {}
  for _, s in ipairs(solutions) do
    out[#out + 1] = { type = "SolutionProfile", id = s.id }
  end
  return out
end

---Our referral's body for a canonical deal.
---@param d table
---@param known table  facts
function M.ours(d, known)
  local shared, consent = d.help ~= nil, fields.by_name.consent.default
  local body = {
    name = d.name, externalReferenceId = d.crm_id, campaignId = d.campaign,
    salesStage = d.stage and choices.to_partner(known.choices, "stage", d.stage),
    type = shared and "Shared" or "Independent",
    qualification = fields.by_name.qualification.default,
    customerProfile = customer_profile(d), team = M.members(d.team),
    consent = { consentToToShareInfoWithOthers = consent, consentToContact = consent,
      consentToShareReferralWithMicrosoftSellers = shared or d.visible == true },
    details = {
      notes = d.notes, dealValue = canonical.wire_amount(d.value), currency = d.currency,
      closingDateTime = d.closing_date .. "T00:00:00Z",
      requirements = { solutions = M.solutions(d.solutions, d.currency),
        additionalRequirements = { attributes = M.attributes(d, known) } },
    },
    target = profile_targets(d.solutions),
  }
  more_fields.fill(body, d)
  return body
end

---Microsoft's copy of the same deal, in an engagement.
---@param d table
---@param engagement string
---@param known table  facts
function M.microsofts(d, engagement, known)
  local body = M.ours(d, known)
  body.type = "Shared"
  body.engagementId = engagement
  body.target = json.array { { type = "BusinessProfileLocation", id = "msft" } }
  body.inviteContext = { notes = d.notes, assistanceRequestCode = d.help }
  body.consent.consentToShareReferralWithMicrosoftSellers = true
  return body
end

return M

-- The shape of a referral: what may come in (names matched without case, kinds checked) and how it
-- goes out (camelCase, read-only defaults, the oddities seen in real answers).
-- Owns the schema table. Knows no rule of the service and keeps no row.
local dates = require "sim.dates"

local M = {}

-- ---- schema: "text" "bool" "number" "date" "any", { list = node }, { enum = }, { record = }

local function record(fields)
  local names = {}
  for name in pairs(fields) do names[name:lower()] = name end
  return { record = fields, names = names }
end
local function list(node) return { list = node } end
local function enum(words)
  local set = {}
  for word in words:gmatch("%S+") do set[word:lower()] = word end
  return { enum = set, words = words }
end

local MEMBER = record {
  firstName = "text", lastName = "text", phoneNumber = "text", email = "text", title = "text",
  contactPreference = record { locale = "text", disableNotifications = "bool" },
  emailValidationStatus = "text", phoneValidationStatus = "text",
}
local ADDRESS = record {
  addressLine1 = "text", addressLine2 = "text", city = "text", state = "text", postalCode = "text",
  country = "text", region = "text",
}
local PROFILE = record {
  name = "text", address = ADDRESS, size = "text", team = list(MEMBER), isMatchingComplete = "bool",
  ids = list(record { profileType = "text", id = "text" }),
}
local CONSENT = record {
  consentToToShareInfoWithOthers = "bool", consentToContact = "bool",
  consentToMicrosoftToContactSpecificPartners = "bool",
  consentToShareReferralWithMicrosoftSellers = "bool",
}
local SOLUTION = record {
  id = "text", name = "text", type = enum "None Category Name", price = "number",
    quantity = "number",
  currency = "text", publisherName = "text", solutionType = "text", closingDateTime = "date",
}
local TAG = record { id = "text", name = "text" }
local REQUIREMENTS = record {
  industries = list(TAG), products = list(TAG), services = list(TAG), solutions = list(SOLUTION),
  offers = list("any"), salesPlays = list("any"),
  additionalRequirements = record {
    iot = "any", attributes = list(record { type = "text", id = "text" }),
  },
}
local DETAILS = record {
  notes = "text", dealValue = "number", currency = "text", closingDateTime = "date",
  customerAction = "text", incentiveLevel = "text", customerRequestedContact = "bool",
  requirements = REQUIREMENTS,
}
local HELP = enum [[Unknown GeneralOrOther CustomerTechnicalArchitecture ProofOfConceptOrDemo
  QuotesOrLicensing PostSalesCustomerSuccess WorkloadSpecificValueProposition]]
local INVITE = record {
  notes = "text", assistanceRequestCode = HELP, invitedMpnId = "text",
  invitedBy = record { organizationId = "text", organizationName = "text" },
}
local TARGET = record { type = enum "None BusinessProfileLocation SolutionProfile", id = "text" }
local TRACKING = record {
  microsoftMsxId = "text", microsoftUSFedOpportunityId = "text", microsoftUSFedLeadId = "text",
  migratedPSCDealId = "text", migratedPSCPartnerDealId = "text",
}

M.schema = record {
  id = "text", engagementId = "text", organizationId = "text", organizationName = "text",
    name = "text",
  externalReferenceId = "text", campaignId = "text", createdDateTime = "date",
  updatedDateTime = "date",
  expirationDateTime = "date", acceptedDateTime = "date", closedDateTime = "date",
  status = enum "None New Active Closed",
  substatus = enum "None Pending Received Accepted Won Lost Declined Expired Error",
  statusReason = "text", qualification = enum "None Direct MarketingQualified SalesQualified",
  type = enum "Independent Shared", direction = "any", referralSource = "text",
  callToAction = "text",
  referralProgram = "text", quality = "text", isSpam = "bool", favorite = "bool",
  salesStage = "text",
  mpnId = "text", dealSensitivity = "text", createdVia = "any", lastModifiedVia = "any",
  lastRunId = "any", tags = list("any"), target = list(TARGET), customerProfile = PROFILE,
  consent = CONSENT, details = DETAILS, team = list(MEMBER), inviteContext = INVITE,
  registrationStatus = "text", registrations = list("any"), trackingInfo = TRACKING, eTag = "text",
}

local SCALAR = {
  text = function(v) if type(v) == "string" then return v end end,
  bool = function(v) if type(v) == "boolean" then return v end end,
  number = function(v)
    if type(v) == "number" or json.is_decimal(v) then return v end
    if type(v) ~= "string" or not v:find("^%-?%d+%.?%d*$") then return nil end
    return math.tointeger(tonumber(v)) or json.decimal(v)
  end,
  date = function(v)
    local ms = type(v) == "string" and dates.parse(v)
    return ms and dates.text(ms) or nil
  end,
  any = function(v) return v end,
}

local read

local function read_list(node, value, where, strict)
  if type(value) ~= "table" or (not json.is_array(value) and next(value) ~= nil) then
    return nil, where .. ": an array is expected"
  end
  local out = json.array {}
  for i, member in ipairs(value) do
    local item, problem = read(node.list, member, where .. "/" .. i - 1, strict)
    if problem then return nil, problem end
    out[#out + 1] = item
  end
  return out
end

local function read_record(node, value, where, strict)
  if type(value) ~= "table" or json.is_array(value) then
    return nil, where .. ": an object is expected"
  end
  local out = {}
  for given, member in pairs(value) do
    local name = node.names[given:lower()]
    if name then
      local item, problem = read(node.record[name], member, where .. "/" .. name, strict)
      if problem then return nil, problem end
      out[name] = item
    elseif strict then
      return nil, where .. "/" .. given .. ": no such member"
    end
  end
  return out
end

function read(node, value, where, strict)
  if value == json.null or value == nil then return nil end
  if type(node) == "string" then
    local v = SCALAR[node](value)
    if v == nil then return nil, where .. ": a " .. node .. " is expected" end
    return v
  end
  if node.list then return read_list(node, value, where, strict) end
  if node.record then return read_record(node, value, where, strict) end
  local word = type(value) == "string" and node.enum[value:lower()]
  if not word then return nil, where .. ": one of " .. node.words .. " is expected" end
  return word
end

--- A body as the service stores it: known members by their own names, nulls left out.
---@param strict boolean|nil  an unknown member is a problem
---@return table|nil value, string|nil problem
function M.read(body, strict) return read(M.schema, body, "", strict) end

--- One value by the schema node at a path (a list of member names; a number or "-" enters a list).
---@return any value, string|nil problem
function M.read_at(names, value)
  local node = M.schema
  for _, name in ipairs(names) do
    if type(node) ~= "table" then break end
    if node.list then node = node.list
    elseif node.record then node = node.record[name] end
    if node == nil then return nil, "/" .. table.concat(names, "/") .. ": no such path" end
  end
  return read(node, value, "/" .. table.concat(names, "/"))
end

-- ---- small tools on plain values

--- A copy that shares nothing.
function M.copy(v)
  if type(v) ~= "table" or json.is_decimal(v) then return v end
  local out = json.is_array(v) and json.array {} or {}
  for k, x in pairs(v) do out[k] = M.copy(x) end
  return out
end

--- Whether two stored values are the same.
function M.equal(a, b)
  if a == b then return true end
  if json.is_decimal(a) or json.is_decimal(b) then return tostring(a) == tostring(b) end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for k, v in pairs(a) do
    if not M.equal(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

--- The member at a path of names, or nil.
function M.at(r, names)
  for _, name in ipairs(names) do
    if type(r) ~= "table" then return nil end
    r = r[name]
  end
  return r
end

--- Sets the member at a path of names, making the records on the way.
function M.set(r, names, value)
  for i = 1, #names - 1 do
    if r[names[i]] == nil then r[names[i]] = {} end
    r = r[names[i]]
  end
  r[names[#names]] = value
end

-- ---- outwards

local NULLS = { "externalReferenceId", "campaignId", "expirationDateTime", "acceptedDateTime",
  "closedDateTime", "statusReason", "referralSource", "callToAction", "referralProgram",
  "salesStage",
  "mpnId", "createdVia", "lastModifiedVia" }
local DEFAULTS = { qualification = "SalesQualified", quality = "Unknown", isSpam = false,
  favorite = false,
  dealSensitivity = "None", registrationStatus = "None" }
local EMPTY = { "tags", "target", "team", "registrations" }
local DATES = { "createdDateTime", "updatedDateTime", "expirationDateTime", "acceptedDateTime",
  "closedDateTime" }
local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }
local TRACKED = { "microsoftMsxId", "microsoftUSFedOpportunityId", "microsoftUSFedLeadId",
  "migratedPSCDealId", "migratedPSCPartnerDealId" }

-- FNV-1a over a text, going on from h.
local function mixed(h, text)
  for i = 1, #text do h = ((h ~ text:byte(i)) * 16777619) & 0xffffffff end
  return h
end

local function escape(text) return text and (text:gsub("[&<>\"']", ESCAPES)) end

-- How a view rolls: always the odd one; or each row its own way, which follows from its id alone,
-- so that each reading shows the same.
local function roll_of(view, id)
  if view.always then return function() return 0 end end
  local begun = mixed(2166136261, id .. ":")
  return function(about, sides) return (mixed(begun, about) >> 7) % sides end
end

local function odd_dates(out, roll, digits)
  local function odd(name, text)
    if type(text) ~= "string" then return text end
    local ms = dates.parse(text)
    local tail = ms % 1000 == 0 and "0000" or string.format("%04d", roll(name .. "tail", 10000))
    return dates.text(ms, digits or roll(name, 8), "Z", tail)
  end
  for _, name in ipairs(DATES) do out[name] = odd(name, out[name]) end
  out.details.closingDateTime = odd("closing", out.details.closingDateTime)
end

local function odd_text(out, roll)
  if roll("html", 2) == 0 then
    out.name = escape(out.name)
    out.customerProfile.name = escape(out.customerProfile.name)
    out.details.notes = escape(out.details.notes)
  end
  local address = out.customerProfile.address
  if roll("region", 2) == 0 and address and address.state then
    address.region, address.state = address.state, json.null
  end
end

local function odd_members(out, roll)
  for _, name in ipairs(NULLS) do
    if out[name] == json.null and roll(name, 2) == 0 then out[name] = nil end
  end
  if out.externalReferenceId == json.null and roll("empty", 2) == 0 then
    out.externalReferenceId = ""
  end
  if #out.customerProfile.ids == 0 and roll("ids", 2) == 0 then out.customerProfile.ids = {} end
  local more = out.details.requirements.additionalRequirements
  if not next(more.iot) then more.iot = ({ json.null, {} })[roll("iot", 2) + 1] end
  out.lastRunId = ({ json.null, "", { ValueKind = 1 } })[roll("run", 3) + 1]
  if out.direction == "Outgoing" and roll("direction", 2) == 0 then
    out.direction = "Incoming"
  end
end

local function fill_details(out)
  out.details = out.details or {}
  out.details.requirements = out.details.requirements or {}
  local needs = out.details.requirements
  for _, name in ipairs { "industries", "products", "services", "solutions", "offers",
    "salesPlays" } do
    needs[name] = needs[name] or json.array {}
  end
  needs.additionalRequirements = needs.additionalRequirements or {}
  local more = needs.additionalRequirements
  more.iot, more.attributes = more.iot or {}, more.attributes or json.array {}
  for _, s in ipairs(needs.solutions) do
    for _, name in ipairs { "name", "price", "quantity", "currency", "publisherName" } do
      if s[name] == nil then s[name] = json.null end
    end
  end
end

local function fill(out)
  for _, name in ipairs(NULLS) do
    if out[name] == nil then out[name] = json.null end
  end
  for _, name in ipairs(EMPTY) do out[name] = out[name] or json.array {} end
  for name, v in pairs(DEFAULTS) do
    if out[name] == nil then out[name] = v end
  end
  out.lastRunId = json.null
  out.customerProfile.ids = out.customerProfile.ids or json.array {}
  out.customerProfile.team = out.customerProfile.team or json.array {}
  out.customerProfile.isMatchingComplete = out.customerProfile.isMatchingComplete or false
  fill_details(out)
  out.inviteContext = out.inviteContext or {}
  out.inviteContext.assistanceRequestCode = out.inviteContext.assistanceRequestCode or "Unknown"
  out.trackingInfo = out.trackingInfo or {}
  for _, name in ipairs(TRACKED) do
    if out.trackingInfo[name] == nil then out.trackingInfo[name] = json.null end
  end
end

local function links(r, odd)
  local root = "https://api.partner.microsoft.com/v1.0/" .. (odd and "engagments" or "engagements")
    .. "/referrals"
  return {
    self = { uri = root .. "/" .. r.id, method = "GET" },
    relatedReferrals = { uri = root .. "?$filter=engagementId eq " .. r.engagementId,
      method = "GET" },
  }
end

--- A stored referral as an answer shows it.
---@param r table stored
---@class sim.view
---@field tag integer
---@field type string
---@field direction string
---@field odd boolean
---@field always boolean|nil  odd in every way
---@field digits integer|nil  of dates
---@param view sim.view
function M.show(r, view)
  local out = M.copy(r)
  out.type, out.direction, out.eTag = view.type, view.direction, M.etag(view.tag)
  fill(out)
  local roll = roll_of(view, r.id)
  if view.odd then
    odd_dates(out, roll, view.digits)
    odd_text(out, roll)
    odd_members(out, roll)
  end
  out.links = links(r, view.odd and roll("links", 2) == 0)
  return out
end

--- What a replaced resource means: members that come back as they were shown are what is stored.
function M.unshow(body, shown, stored)
  if M.equal(body, shown) then return M.copy(stored) end
  if type(body) ~= "table" or type(shown) ~= "table" or json.is_array(body)
      or json.is_decimal(body) then
    return body
  end
  local out = {}
  for name, v in pairs(body) do
    out[name] = M.unshow(v, shown[name], type(stored) == "table" and stored[name] or nil)
  end
  -- Shown as missing or empty, stored with a value (a state that was shown as region).
  for name, v in pairs(type(stored) == "table" and stored or {}) do
    if body[name] == nil and shown[name] == nil then out[name] = v end
  end
  return out
end

--- The entity tag of a row version, with its quotes.
function M.etag(tag)
  return string.format('"5e7a11d0-0000-0100-0000-%012x"', tag)
end

return M

-- The rules of a referral: what a create needs, how a state may move, what is frozen, which paths a
-- PATCH may touch. Tables first; the functions only walk them.
-- Owns nothing: gets stored referrals (see partner_shape) and the values of switches, answers
-- problems.
local dates = require "sim.dates"
local shape = require "sim.partner_shape"

local M = {}

-- ---- states

M.states = {
  New = { next = { New = true, Active = true, Closed = true },
    sub = { Pending = true, Received = true } },
  Active = { next = { Active = true, Closed = true }, sub = { Accepted = true } },
  Closed = { next = { Closed = true },
    sub = { Won = true, Lost = true, Declined = true, Expired = true, Error = true } },
}
M.days_to_answer = 14
local NEEDS_REASON = { Lost = true, Declined = true, Error = true }

--- A problem text if a referral may not go from `old` to `new`.
---@return string|nil
function M.move_problem(old, new, switch)
  local moved = old.status ~= new.status or old.substatus ~= new.substatus
  if not moved then return nil end -- whatever it is: the service may know more than this list
  local to = M.states[new.status]
  if not to then return "status " .. tostring(new.status) .. " is not one to choose" end
  if not to.sub[new.substatus] then
    return string.format("substatus %s does not fit status %s", tostring(new.substatus), new.status)
  end
  local from = M.states[old.status]
  if from and not from.next[new.status] then
    return string.format("status %s may not become %s", old.status, new.status)
  end
  if NEEDS_REASON[new.substatus] and switch "require_reason"
    and (new.statusReason or "") == "" then
    return "statusReason is required for substatus " .. new.substatus
  end
end

--- Sets the dates that follow from a move.
function M.stamp(old, new, now_ms)
  if old.status ~= "Active" and new.status == "Active" then
    new.acceptedDateTime = dates.text(now_ms)
  end
  if old.status ~= "Closed" and new.status == "Closed" then
    new.closedDateTime = dates.text(now_ms)
  end
  if new.status ~= "New" then new.expirationDateTime = nil end
end

-- ---- what a create needs

local COUNTRIES = [[
 AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS
 BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE
 EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM
 HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC
 LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
 NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW
 SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO
 TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW ]]
local GUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

function M.is_guid(text) return type(text) == "string" and text:find(GUID) ~= nil end

local function given(v) return v ~= nil and v ~= "" end

local function whole_person(p)
  return given(p.firstName) and given(p.lastName) and given(p.phoneNumber) and given(p.email)
end

local function solutions(r) return shape.at(r, { "details", "requirements", "solutions" }) or {} end

local function valid_solutions(r)
  for _, s in ipairs(solutions(r)) do
    local named = s.type ~= "Category"
    if not given(s.id) then return false end
    if named and not s.id:find("^SOL%-%d+%-%a%a%a$") and not M.is_guid(s.id) then return false end
  end
  return #solutions(r) > 0
end

local function has_intent(r)
  local path = { "details", "requirements", "additionalRequirements", "attributes" }
  for _, a in ipairs(shape.at(r, path) or {}) do
    if a.type == "CustomerMarketplaceIntent" and given(a.id) then return true end
  end
  return false
end

-- Each row: the switch that turns it off (nil: always on), whether it concerns co-sell deals only,
-- the test that must hold, and what the error says.
local NEEDS = {
  { field = "type", test = function(r) return r.type end },
  { field = "customerProfile", test = function(r) return r.customerProfile end },
  { field = "consent", test = function(r) return r.consent end },
  { field = "details", test = function(r) return r.details end },
  { field = "customerProfile/address/country", text = "a two-letter ISO country code is required",
    test = function(r)
      local code = shape.at(r, { "customerProfile", "address", "country" })
      return code and code:find("^%u%u$") and COUNTRIES:find(" " .. code .. "%s") ~= nil
    end },
  { switch = "require_solution", field = "details/requirements/solutions",
    text = "Solution ID is required", test = valid_solutions },
  { switch = "require_contact", cosell = true, field = "customerProfile/team",
    text = "a customer contact with first name, last name, phone and e-mail is required",
    test = function(r)
      local p = (r.customerProfile.team or {})[1]
      return p and whole_person(p)
    end },
  { switch = "require_value", field = "details/dealValue",
    test = function(r) return r.details.dealValue end },
  { switch = "require_value", field = "details/currency", text = "an ISO 4217 currency is required",
    test = function(r) return (r.details.currency or ""):find("^%u%u%u$") end },
  { switch = "require_value", field = "details/closingDateTime",
    test = function(r) return r.details.closingDateTime end },
  { switch = "require_address", field = "customerProfile/name",
    test = function(r) return given(r.customerProfile.name) end },
  { switch = "require_address", field = "customerProfile/address",
    text = "address line 1 and city are required",
    test = function(r)
      local a = r.customerProfile.address or {}
      return given(a.addressLine1) and given(a.city)
    end },
  { switch = "require_team", field = "team",
    text = "a team member with first name, last name, phone and e-mail is required",
    test = function(r)
      for _, p in ipairs(r.team or {}) do
        if whole_person(p) then return true end
      end
    end },
  { switch = "require_name", field = "name", test = function(r) return given(r.name) end },
  { switch = "require_consent", field = "consent",
    text = "consentToContact and consentToToShareInfoWithOthers must be true",
    test = function(r)
      return r.consent.consentToContact and r.consent.consentToToShareInfoWithOthers
    end },
  { switch = "require_intent", field = "details/requirements/additionalRequirements/attributes",
    text = "the attribute CustomerMarketplaceIntent is required", test = has_intent },
  { switch = "require_future_closing", field = "details/closingDateTime",
    text = "the closing date lies in the past",
    test = function(r, now_ms)
      return not r.details.closingDateTime or dates.parse(r.details.closingDateTime) >= now_ms
    end },
  { field = "details/requirements/solutions", text = "at most 50 solutions",
    test = function(r) return #solutions(r) <= 50 end },
  { field = "team", text = "at most 50 team members",
    test = function(r) return #(r.team or {}) <= 50 end },
}

--- The first thing a whole referral lacks.
---@return { field: string, text: string }|nil
function M.lacks(r, cosell, switch, now_ms)
  for _, need in ipairs(NEEDS) do
    local asked = (not need.switch or switch(need.switch)) and (cosell or not need.cosell)
    if asked and not need.test(r, now_ms) then
      return { field = need.field, text = need.text or need.field .. " is required" }
    end
  end
end

-- ---- what is frozen

M.read_only = { "id", "engagementId", "organizationId", "organizationName", "createdDateTime",
  "updatedDateTime", "expirationDateTime", "acceptedDateTime", "closedDateTime", "direction",
  "referralSource", "callToAction", "quality", "isSpam", "createdVia", "lastModifiedVia",
  "lastRunId",
  "registrationStatus", "trackingInfo", "eTag", "type" }

local PERSON = { "firstName", "lastName", "phoneNumber", "email" }

local function same_people(old, new)
  for i, was in ipairs(old or {}) do
    local is = (new or {})[i]
    for _, name in ipairs(PERSON) do
      if not is or was[name] ~= is[name] then return false end
    end
  end
  return true
end

local function duns(ids)
  for _, id in ipairs(ids or {}) do
    if id.profileType == "Duns" then return id.id end
  end
end

local function path(text)
  local names = {}
  for name in text:gmatch("[^/]+") do names[#names + 1] = name end
  return names
end

local function same_text(a, b) return (a or "") == (b or "") end
local function only_rises(a, b) return not a or b end
local function help_kept(a, b) return a == nil or a == "Unknown" or a == b end

-- shared: only once Microsoft has its copy. same(old, new): whether the change is none or allowed.
local FROZEN = {
  { path "customerProfile/name", same = same_text },
  { path "customerProfile/address/addressLine1", same = same_text },
  { path "customerProfile/address/addressLine2", same = same_text },
  { path "customerProfile/address/city", same = same_text },
  { path "customerProfile/address/state", same = same_text },
  { path "customerProfile/address/postalCode", same = same_text },
  { path "customerProfile/address/country", same = same_text },
  { path "customerProfile/ids", same = function(a, b) return duns(a) == duns(b) end },
  { path "consent/consentToToShareInfoWithOthers", same = shape.equal },
  { path "mpnId", same = function(a, b) return a == nil or a == b end },
  { path "customerProfile/team", same = same_people, shared = true },
  { path "inviteContext/notes", same = same_text, shared = true },
  { path "consent/consentToShareReferralWithMicrosoftSellers", same = only_rises },
  { path "inviteContext/assistanceRequestCode", same = help_kept },
}

--- The first frozen field that `new` changes; with mode "ignore" such fields are put back instead.
---@return string|nil field
function M.thaws(old, new, shared, mode)
  for _, frozen in ipairs(FROZEN) do
    local names = frozen[1]
    local was = shape.at(old, names)
    if (shared or not frozen.shared) and not frozen.same(was, shape.at(new, names)) then
      if mode ~= "ignore" then return table.concat(names, "/") end
      shape.set(new, names, shape.copy(was))
    end
  end
end

-- ---- PATCH

local PATHS = {}
for _, text in ipairs { "/details/dealValue", "/details/currency", "/details/closingDateTime",
  "/details/notes", "/details/requirements/solutions", "/details/requirements/solutions/-",
  "/status",
  "/substatus", "/statusReason", "/salesStage", "/externalReferenceId", "/campaignId",
  "/referralProgram", "/consent/consentToShareReferralWithMicrosoftSellers", "/team", "/team/-",
  "/customerProfile/team", "/customerProfile/team/-", "/registrations/-" } do
  PATHS[text] = true
end
local OF_CONTRACT = { startDateTime = true, endDateTime = true, signDateTime = true, term = true,
  value = true }

local function listed(text)
  if PATHS[text] then return true end
  if text:find("^/registrations/%d+/solutionDetails/%d+/%a+$") then return true end
  if text:find("^/registrations/%d+/solutionDetails/%d+/marketplaceTransactionDetails/%a+$") then
    return true
  end
  local member = text:match("^/registrations/%d+/contract/(%a+)$")
  return member ~= nil and OF_CONTRACT[member] == true
end

local function split(pointer)
  local names = {}
  for name in pointer:gmatch("/([^/]*)") do
    names[#names + 1] = (name:gsub("~1", "/"):gsub("~0", "~"))
  end
  return names
end

-- Where a pointer ends: the table that holds the last member, and the key in it.
local function holder(r, names)
  for i = 1, #names - 1 do
    local name = names[i]
    local key = json.is_array(r) and math.tointeger(tonumber(name) or -1) + 1 or name
    if r[key] == nil then
      if json.is_array(r) then return nil end
      r[key] = names[i + 1] == "-" and json.array {} or {}
    end
    r = r[key]
    if type(r) ~= "table" then return nil end
  end
  return r
end

local function apply_one(r, op, switch)
  if type(op) ~= "table" then return "an operation is an object" end
  if op.op ~= "add" and op.op ~= "replace" then
    return "op " .. tostring(op.op) .. " is not supported"
  end
  if type(op.path) ~= "string" or op.path:sub(1, 1) ~= "/" then return "path is missing" end
  if switch "patch_paths" == "listed" and not listed(op.path) then
    return op.path .. " can not be changed by PATCH"
  end
  local names = split(op.path)
  local value, problem = shape.read_at(names, op.value)
  if problem then return problem end
  local at, last = holder(r, names), names[#names]
  if not at then return op.path .. ": no such place" end
  if last == "-" then
    at[#at + 1] = value
  elseif json.is_array(at) then
    local i = math.tointeger(tonumber(last) or -1) + 1
    if i < 1 or i > #at then return op.path .. ": no such member" end
    at[i] = value
  else
    at[last] = value
  end
end

--- Applies all operations to r (a copy of the caller's), or says what is wrong with one.
---@return string|nil problem
function M.apply(r, ops, switch)
  if not json.is_array(ops) or #ops == 0 then return "a JSON Patch array is expected" end
  for _, op in ipairs(ops) do
    local problem = apply_one(r, op, switch)
    if problem then return problem end
  end
end

--- Whether every operation concerns a deal registration (allowed on a won deal).
function M.only_registration(ops)
  if not json.is_array(ops) then return false end
  for _, op in ipairs(ops) do
    if type(op) ~= "table" or not tostring(op.path):find("^/registrations/") then return false end
  end
  return true
end

return M

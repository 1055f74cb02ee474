-- What people do at Partner Center: our own user in the portal, Microsoft's seller, time itself.
-- One row an act, with its help; `cosell sim act NAME key=value ...` and the tests call the same.
-- Owns nothing. Goes through the same rows and rules as the API.
local dates = require "sim.dates"
local rules = require "sim.partner_rules"
local shape = require "sim.partner_shape"
local store = require "sim.partner_rows"

local M = {}

-- ---- deals in plain names

local PLAIN = {
  name = "name", value = "details/dealValue", currency = "details/currency",
  closing_date = "details/closingDateTime", notes = "details/notes", campaign = "campaignId",
  external = "externalReferenceId", crm_id = "externalReferenceId", qualification = "qualification",
  reason = "statusReason", stage = "salesStage", customer = "customerProfile/name",
  size = "customerProfile/size", address_line1 = "customerProfile/address/addressLine1",
  address_line2 = "customerProfile/address/addressLine2", city = "customerProfile/address/city",
  state = "customerProfile/address/state", postal_code = "customerProfile/address/postalCode",
  country = "customerProfile/address/country",
  visible = "consent/consentToShareReferralWithMicrosoftSellers",
}

local function path_of(name)
  local names = {}
  for member in (PLAIN[name] or name):gmatch("[^/]+") do names[#names + 1] = member end
  return names
end

-- A value given as text (command line) or as it is (tests).
local function read_value(names, v)
  if v == "" then return nil end
  if type(v) == "string" and (v == "true" or v == "false") then
    local value = shape.read_at(names, v == "true")
    if value ~= nil then return value end
  end
  if type(v) == "string" and v:find("^[%[{]") then v = json.decode(v) or v end
  return shape.read_at(names, v)
end

local function set_plain(r, name, v)
  local names = path_of(name)
  local value, problem = read_value(names, v)
  if problem then return problem end
  shape.set(r, names, value)
end

-- A list as it is, as JSON text, or as words between commas.
local function list_of(v)
  local read = type(v) == "string" and v:find("^[%[{]") and json.decode(v) or v
  if type(read) == "table" then return read end
  local out = {}
  for word in tostring(read):gmatch("[^,]+") do out[#out + 1] = word end
  return out
end

local function solutions_of(v)
  local out = json.array {}
  for i, s in ipairs(list_of(v)) do
    out[i] = type(s) == "table" and shape.copy(s) or { id = s, name = "Solution " .. s }
    out[i].type = out[i].type or "Name"
  end
  return out
end

local function person(p)
  return { firstName = p.first_name, lastName = p.last_name, phoneNumber = p.phone, email = p.email,
    title = p.title }
end

-- Somebody of whom only the e-mail is given: "bo.berg@partner.example" is Bo Berg.
local function person_of(v)
  if type(v) == "table" then return v.firstName and shape.copy(v) or person(v) end
  local first, last = v:match("^(%a+)%.?(%a*)")
  local function capital(text) return (text:gsub("^%l", string.upper)) end
  return person { first_name = capital(first or "Ann"), phone = "+81520000003", email = v,
    last_name = last and last ~= "" and capital(last) or "Member" }
end

local CONTACT = { first_name = "Mio", last_name = "Hoshino", phone = "+81520000001",
  email = "mio@hoshino.example", title = "Plant manager" }

--- A whole deal to begin with; everything can be given otherwise.
---@param now integer
function M.template(now)
  return {
    name = "Plant sensor rollout", qualification = "SalesQualified",
    customerProfile = { name = "Hoshino Parts KK", size = "251to1000employees", ids = json.array {},
      address = { addressLine1 = "1-2-3 Kawabata", city = "Nagoya", state = "Aichi",
        postalCode = "460-0001", country = "JP" },
      team = json.array { person(CONTACT) } },
    consent = { consentToToShareInfoWithOthers = true, consentToContact = true,
      consentToShareReferralWithMicrosoftSellers = false },
    details = { notes = "First site in spring", dealValue = 1250000, currency = "JPY",
      closingDateTime = dates.text((now // 86400000 + 90) * 86400000),
      requirements = { solutions = solutions_of "SOL-10001-ABC", additionalRequirements = {
        attributes = json.array {
          { type = "CustomerMarketplaceIntent", id = "HaveNotDecided" } } } } },
    team = json.array { { firstName = "Ken", lastName = "Aoki", phoneNumber = "+81520000002",
      email = "ken@partner.example" } },
  }
end

local SPECIAL = {
  solutions = function(r, v)
    shape.set(r, { "details", "requirements", "solutions" }, solutions_of(v))
  end,
  contact = function(r, v)
    local p, given = {}, type(v) == "table" and v or list_of(v)
    for name, usual in pairs(CONTACT) do p[name] = given[name] or usual end
    p.email = given[1] or p.email
    r.customerProfile.team = json.array { person(p) }
  end,
  duns = function(r, v)
    r.customerProfile.ids = json.array { { profileType = "Duns", id = tostring(v) } }
  end,
  team = function(r, v)
    r.team = json.array {}
    for i, p in ipairs(list_of(v)) do r.team[i] = person_of(p) end
  end,
  help = function(r, v)
    r.inviteContext = r.inviteContext or {}
    r.inviteContext.assistanceRequestCode = v
    r.consent.consentToShareReferralWithMicrosoftSellers = true
  end,
}
local NOT_FIELDS = { help_notes = true, kind = true, id = true }

-- The customer as the canonical deal writes it: a name, or a table of plain names.
local function flatten(args)
  local out = {}
  for name, v in pairs(args) do
    if name == "customer" and type(v) == "table" then
      for member, x in pairs(v) do out[member == "name" and "customer" or member] = x end
    else
      out[name] = v
    end
  end
  return out
end

local function deal(self, args)
  local r = M.template(self.env.now())
  for name, v in pairs(flatten(args)) do
    local problem
    if SPECIAL[name] then SPECIAL[name](r, v)
    elseif type(name) == "string" and not NOT_FIELDS[name] then problem = set_plain(r, name, v) end
    if problem then return nil, problem end
  end
  return r
end

-- ---- answers

local function brief(row)
  return { id = row.r.id, engagementId = row.r.engagementId, organizationId = row.r.organizationId,
    status = row.r.status, substatus = row.r.substatus, eTag = shape.etag(row.tag),
    microsoftMsxId = (row.r.trackingInfo or {}).microsoftMsxId }
end

local function copy_of(self, args, organization)
  local id = args.id or args.engagement or args[1]
  if not id then return nil, "id=... is needed" end
  local row = self.rows:copy_of(id, organization)
  if not row then return nil, "no referral of " .. organization .. " for " .. id end
  return row
end

-- Changes a copy by a function on a fresh table, under the service's rules.
local function change(self, args, organization, edit)
  local row, problem = copy_of(self, args, organization)
  if not row then return nil, problem end
  if row.r.status == "Closed" then return nil, "the referral is closed" end
  local r = shape.copy(row.r)
  problem = edit(r, row) or self:step_problem(row, r)
  if problem then return nil, problem end
  return brief(self.rows:change(row, r))
end

local function moving(organization, status, substatus, reason)
  return function(self, args)
    return change(self, args, organization, function(r)
      r.status, r.substatus = status, substatus
      r.statusReason = args.reason or reason
    end)
  end
end

-- ---- the acts

local function microsoft_copy(own, args)
  local r = shape.copy(own)
  r.id, r.externalReferenceId, r.trackingInfo = nil, nil, nil
  r.organizationId, r.type, r.status, r.substatus = store.microsoft, "Shared", "New", "Pending"
  r.target = json.array { { type = "BusinessProfileLocation", id = store.microsoft } }
  r.acceptedDateTime, r.closedDateTime = nil, nil
  r.inviteContext = { notes = args.help_notes,
    assistanceRequestCode = args.help or "GeneralOrOther",
    invitedBy = { organizationId = store.organization,
      organizationName = store.organization_name } }
  return r
end

local function portal_create(self, args)
  local r, problem = deal(self, args)
  if not r then return nil, problem end
  local asks = args.help ~= nil
  r.inviteContext = nil
  r.type = asks and "Shared" or "Independent"
  local need = rules.lacks(r, asks, self.env.switch, self.env.now())
  if need then return nil, need.field .. ": " .. need.text end
  r.organizationId, r.status, r.substatus = store.organization, "Active", "Accepted"
  r.acceptedDateTime = dates.text(self.env.now())
  local row = self.rows:add(r)
  local out = brief(row)
  if asks then out.microsoft_id = self.rows:add(microsoft_copy(row.r, args)).id end
  return out
end

-- What Microsoft can send: how the record is told apart, and whether Microsoft holds a copy.
local KINDS = {
  cosell = { type = "Shared", qualification = "SalesQualified", copy = true, visible = true },
  lead = { type = "Independent", qualification = "SalesQualified" },
  marketing = { type = "Independent", qualification = "MarketingQualified" },
  marketplace = { type = "Independent", qualification = "Direct" },
}

local function microsoft_create(self, args)
  local kind = KINDS[args.kind or "cosell"]
  if not kind then return nil, "kind is cosell, lead, marketing or marketplace" end
  local r, problem = deal(self, args)
  if not r then return nil, problem end
  r.type, r.qualification = kind.type, kind.qualification
  r.consent.consentToShareReferralWithMicrosoftSellers = kind.visible or false
  r.inviteContext = { notes = args.help_notes, assistanceRequestCode = args.help or "Unknown",
    invitedBy = { organizationId = store.microsoft, organizationName = "Microsoft" } }
  r.engagementId = self.env.uuid():lower()
  local theirs
  if kind.copy then
    theirs = shape.copy(r)
    theirs.organizationId, theirs.status, theirs.substatus = store.microsoft, "Active", "Accepted"
    theirs.trackingInfo = { microsoftMsxId = "7-" .. r.engagementId:sub(1, 8):upper() }
    theirs = self.rows:add(theirs)
  end
  r.organizationId, r.status, r.substatus = store.organization, "New", "Pending"
  local out = brief(self.rows:add(r))
  out.microsoft_id = theirs and theirs.id
  return out
end

local function microsoft_join(self, args)
  local own, problem = copy_of(self, args, store.organization)
  if not own then return nil, problem end
  if not own.r.consent.consentToShareReferralWithMicrosoftSellers then
    return nil, "the deal is private"
  end
  local there = self.rows:copy_of(own.id, store.microsoft)
  if there then return nil, "Microsoft has its copy: " .. there.id end
  return brief(self.rows:add(microsoft_copy(own.r, args)))
end

-- What the portal does when our user turns sharing on, or asks Microsoft for help.
local function upgrade(self, args)
  local own, problem = copy_of(self, args, store.organization)
  if not own then return nil, problem end
  local r = shape.copy(own.r)
  r.consent.consentToShareReferralWithMicrosoftSellers = true
  local need = args.help and rules.lacks(r, true, self.env.switch, self.env.now())
  if need then return nil, need.field .. ": " .. need.text end
  if args.help and self.rows:shared(own.r) then return nil, "Microsoft has its copy already" end
  local out
  out, problem = change(self, args, store.organization, function(new)
    new.consent.consentToShareReferralWithMicrosoftSellers = true
  end)
  if out and args.help then out.microsoft_id = self.rows:add(microsoft_copy(r, args)).id end
  return out, problem
end

local function microsoft_accept(self, args)
  return change(self, args, store.microsoft, function(r)
    r.status, r.substatus = "Active", "Accepted"
    r.trackingInfo = r.trackingInfo or {}
    r.trackingInfo.microsoftMsxId = args.msx or "7-" .. r.engagementId:sub(1, 8):upper()
  end)
end

local function microsoft_team(self, args)
  return change(self, args, store.microsoft, function(r)
    r.team = r.team or json.array {}
    r.team[#r.team + 1] = { firstName = args.first_name or "Sam",
      lastName = args.last_name or "Rivers",
      phoneNumber = args.phone or "+14250000001", email = args.email or "sam@seller.example" }
  end)
end

local OWN_EDIT = { id = true, engagement = true, copy = true }

local function edit(self, args)
  local organization = args.copy == "microsoft" and store.microsoft or store.organization
  return change(self, args, organization, function(r)
    for name, v in pairs(args) do
      local problem
      if SPECIAL[name] then SPECIAL[name](r, v)
      elseif type(name) == "string" and not OWN_EDIT[name] then problem = set_plain(r, name, v) end
      if problem then return problem end
    end
  end)
end

-- Anything anywhere, unchecked: what the service may send and nobody knows yet.
local function set_raw(self, args)
  local organization = args.copy == "microsoft" and store.microsoft or store.organization
  local row, problem = copy_of(self, args, organization)
  if not row then return nil, problem end
  if not args.path then return nil, "path=a/b/c is needed" end
  local value = args.value
  if type(value) == "string" then
    local read = json.decode(value)
    if read ~= nil then value = read end
  end
  local r = shape.copy(row.r)
  if value == json.null then value = nil end
  shape.set(r, path_of(args.path), value)
  return brief(self.rows:change(row, r))
end

local function set_state(self, args)
  local organization = args.copy == "microsoft" and store.microsoft or store.organization
  local row, problem = copy_of(self, args, organization)
  if not row then return nil, problem end
  local r = shape.copy(row.r)
  r.status, r.substatus = args.status or r.status, args.substatus or r.substatus
  r.statusReason = args.reason or r.statusReason
  return brief(self.rows:change(row, r))
end

local ENDS = { won = "Won", lost = "Lost", declined = "Declined", error = "Error" }

local function close(self, args)
  local substatus = ENDS[args.state or args[2] or ""]
  if not substatus then return nil, "won, lost, declined or error is needed" end
  local reason = substatus ~= "Won" and "Other" or nil
  return moving(store.organization, "Closed", substatus, reason)(self, args)
end

-- With an id: that copy's time is over. Without: whoever's time is over, as the clock says.
local function expire(self, args)
  if args.id or args[1] then
    local organization = args.copy == "microsoft" and store.microsoft or store.organization
    return moving(organization, "Closed", "Expired")(self, args)
  end
  local closed = 0
  for _, row in ipairs(self.rows:expire()) do
    if row.r.status == "Closed" then closed = closed + 1 end
  end
  return { expired = closed }
end

local function vanish(self, args)
  local row, problem = copy_of(self, args, store.organization)
  if not row then return nil, problem end
  return { removed = self.rows:remove(row.id) }
end

local function registration(self, args)
  return self.hooks:displace(args.url, args.url and list_of(args.events or ""))
end

local function other_event(self, args)
  local sent = self.hooks:raise(args.event or "", args.id or self.env.uuid())
  if not sent then return nil, "nobody is registered for that event" end
  return { sent = true }
end

--- Name -> { help, run(partner, args) -> result | nil, problem }.
M.acts = {
  ["portal-create"] = { run = portal_create,
    help = "our user makes a deal in the portal: name= value= currency= closing_date= notes= "
      .. "customer= country= solutions=ID,ID visible= help= ..." },
  edit = { run = edit,
    help = "our user edits a deal: id= and name= value= currency= closing_date= notes= campaign= "
      .. "solutions=ID,ID team=E-MAIL,E-MAIL contact.first_name= visible= help= details/... "
      .. "[copy=microsoft]" },
  upgrade = { run = upgrade,
    help = "our user shares a deal with Microsoft: id=; with help= [help_notes=] as a co-sell" },
  ["set-raw"] = { run = set_raw,
    help = "a copy says anything anywhere, unchecked: id= path=a/b value=JSON [copy=microsoft]" },
  ["set-state"] = { run = set_state,
    help = "a copy gets any state, unchecked: id= [status=] [substatus=] [reason=] "
      .. "[copy=microsoft]" },
  close = { run = close, help = "our user closes a deal: ID won|lost|declined|error [reason=]" },
  accept = { run = moving(store.organization, "Active", "Accepted"),
    help = "our user accepts: id=" },
  decline = { run = moving(store.organization, "Closed", "Declined", "Other"),
    help = "our user declines: id= [reason=]" },
  ["microsoft-create"] = { run = microsoft_create,
    help = "Microsoft sends a deal: kind=cosell|lead|marketing|marketplace and a deal's fields" },
  ["microsoft-join"] = { run = microsoft_join,
    help = "Microsoft upgrades a visible deal: id= [help=]" },
  ["microsoft-accept"] = { run = microsoft_accept,
    help = "Microsoft's seller accepts: id= [msx=]" },
  ["microsoft-decline"] = { run = moving(store.microsoft, "Closed", "Declined", "Other"),
    help = "Microsoft's seller declines: id= [reason=]" },
  ["microsoft-win"] = { run = moving(store.microsoft, "Closed", "Won"),
    help = "Microsoft's seller closes as won: id=" },
  ["microsoft-lose"] = { run = moving(store.microsoft, "Closed", "Lost", "Other"),
    help = "Microsoft's seller closes as lost: id= [reason=]" },
  ["microsoft-team"] = { run = microsoft_team,
    help = "a Microsoft team member is added: id= [email=]" },
  expire = { run = expire,
    help = "14 days without an answer: id= [copy=microsoft]; none: by the clock" },
  vanish = { run = vanish, help = "the service loses our copy of a deal: id=" },
  registration = { run = registration, help = "another product of ours registers for events: url= "
    .. "events=NAME,NAME; without url: the registration is gone" },
  ["other-event"] = { run = other_event,
    help = "an event of another product: event=subscription-updated [id=]" },
}

return M

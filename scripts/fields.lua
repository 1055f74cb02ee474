-- The field table: what of a deal travels, and how.  Code, tests and pages come from these rows.
-- It owns names, directions and policies; it must never read a record (canonical.lua does) or
-- decide a merge (merge.lua does).
--
--   name      the plain name in a canonical deal
--   label     the words sellers read in the audit
--   kind      how two values compare: "text" "amount" "code" "date" "state" "flag" "set" "record"
--             "constant"
--   group     fields that merge as one value (reconcile rule 5)
--   crm       where it stands in the CRM: a column role of facts.lua, or nil where it is no column
--   place     the same for people: table and column of a CRM that nobody has changed
--   path      where it stands in the referral, as PATCH names it
--   attribute it is the entry of that type in the list at `path`
--   to_crm    when it may be written there: "create", "update" (both), or false
--   to_partner  likewise
--   by        how it travels to Partner Center: "patch", "put", "action" (a step of its own)
--   conflict  who wins when both sides changed: "crm", "partner", "rise" (may only become true)
--   required  what Partner Center wants of a new deal: "always", or when
--   default   what stands for an empty value
--   fixed     from when on Partner Center does not take another value: "creation", "sharing", "set"
--             (once it is set); whatever the row says, a closed referral takes none
--   most      the most members of a set
--   optional  a CRM may lack the column: then the field does not travel
--   theirs    it is read from Microsoft's copy
--   parts     of a record or of a set's members
--   own       bookkeeping of ours: it follows whatever the direction of the deals
--   more      a mapping added it: the definition of its column (more_fields.lua)
--
-- A mapping may add rows, and say otherwise where and how some of these travel (`fields` of
-- details.lua); M.use does it, once a generation.
local M = {}

---@class Part
---@field name string
---@field label string
---@field place string
---@field path string
---@field required string|nil

---@class Field
---@field name string
---@field kind string
---@field label string
---@field group string|nil
---@field crm string|nil
---@field place string|nil
---@field path string|nil
---@field attribute string|nil
---@field to_crm string|false
---@field to_partner string|false
---@field by string|nil
---@field conflict string|nil
---@field required string|nil
---@field default any
---@field fixed string|nil
---@field most integer|nil
---@field optional boolean|nil
---@field theirs boolean|nil
---@field parts Part[]|nil
---@field own boolean|nil
---@field more table|nil

-- Roles and the original connector's columns for them ("Co-sell connector for Dynamics 365 CRM");
-- a profile may name others under `columns`.
M.columns = {
  name = "name", currency = "transactioncurrencyid", closing_date = "estimatedclosedate",
  notes = "description",
  sync = "msft_microsoftpartnercenterreferralsync",
  identifier = "msft_microsoftpartnercenterreferralidentifier",
  link = "msft_microsoftpartnercenterreferrallink",
  help = "msft_microsoftpartnercenterhelp",
  visible = "msft_microsoftpartnercenterreferralvisible",
  microsoft_id = "msft_microsoftcrmidentifier",
  audit = "msft_microsoftpartnercenterreferralsyncaudit",
  cosell_type = "msft_coselltype", intent = "msft_customerpurchaseintent",
  partner_role = "msft_partnerrole", solution_area = "msft_solutionarea",
  solution_play = "msft_solutionplay", stage = "salesstage",
  program = "msft_microsoftpartnercenterreferralprogram",
  campaign = false, -- only if the profile names one
}

local ATTRIBUTES = "/details/requirements/additionalRequirements/attributes"

local function part(name, label, place, path, required)
  return { name = name, label = label, place = place, path = path, required = required }
end

local CUSTOMER = {
  part("name", "customer name", "account.name", "/customerProfile/name", "always"),
  part("address_line1", "street", "account.address1_line1",
    "/customerProfile/address/addressLine1", "always"),
  part("address_line2", "street, line 2", "account.address1_line2",
    "/customerProfile/address/addressLine2"),
  part("city", "city", "account.address1_city", "/customerProfile/address/city", "always"),
  part("state", "state or province", "account.address1_stateorprovince",
    "/customerProfile/address/state"),
  part("postal_code", "postal code", "account.address1_postalcode",
    "/customerProfile/address/postalCode"),
  part("country", "country", "account.address1_country (setting country_field)",
    "/customerProfile/address/country", "always"),
  part("size", "company size", "account.numberofemployees", "/customerProfile/size"),
  part("duns", "DUNS number", "the setting duns_field", "/customerProfile/ids (Duns)"),
}

local function person(table_name, phone)
  return {
    part("first_name", "first name", table_name .. ".firstname", "firstName", "with help"),
    part("last_name", "last name", table_name .. ".lastname", "lastName", "with help"),
    part("email", "e-mail", table_name .. (phone and ".emailaddress1" or ".internalemailaddress"),
      "email", "with help"),
    part("phone", "phone", table_name .. (phone or ".mobilephone, address1_telephone1"),
      "phoneNumber", "with help"),
  }
end

local CONTACT = person("contact", ".telephone1, mobilephone")
CONTACT[5] = part("title", "job title", "contact.jobtitle", "title")

local SOLUTION = {
  part("id", "solution", "the catalogue's identifier", "id", "always"),
  part("price", "price", "the row's price", "price"),
  part("quantity", "quantity", "the row's quantity", "quantity"),
}

---@type Field[]
M.rows = {
  { name = "name", kind = "text", label = "deal name", crm = "name", place = "opportunity.name",
    path = "/name", to_crm = "update", to_partner = "update", by = "put", conflict = "crm",
    required = "always" },
  { name = "value", kind = "amount", label = "deal value", group = "money", crm = "value",
    place = "opportunity.estimatedvalue (deal_value.lua)", path = "/details/dealValue",
    to_crm = "update", to_partner = "update", by = "patch", conflict = "crm", required = "always" },
  { name = "currency", kind = "code", label = "currency", group = "money", crm = "currency",
    place = "opportunity.transactioncurrencyid", path = "/details/currency", to_crm = "update",
    to_partner = "update", by = "patch", conflict = "crm", required = "always" },
  { name = "closing_date", kind = "date", label = "closing date", crm = "closing_date",
    place = "opportunity.estimatedclosedate", path = "/details/closingDateTime", to_crm = "update",
    to_partner = "update", by = "patch", conflict = "crm", required = "always" },
  { name = "notes", kind = "text", label = "notes", crm = "notes",
    place = "opportunity.description", path = "/details/notes", to_crm = "update",
    to_partner = "update", by = "patch", conflict = "crm" },
  { name = "state", kind = "state", label = "state", group = "state",
    place = "opportunity.statecode, statuscode", path = "/status, /substatus", to_crm = "update",
    to_partner = "update", by = "patch", conflict = "crm" },
  { name = "reason", kind = "text", label = "close reason", group = "state",
    place = "opportunityclose.description; its status reason", path = "/statusReason",
    to_crm = "update", to_partner = "update", by = "patch", conflict = "crm",
    required = "closing, not won", default = "Other" },
  { name = "help", kind = "code", label = "help asked of Microsoft", group = "sharing",
    crm = "help", place = "opportunity.msft_microsoftpartnercenterhelp",
    path = "/inviteContext/assistanceRequestCode", to_crm = "update", to_partner = "update",
    by = "action", conflict = "rise", fixed = "set", theirs = true },
  { name = "visible", kind = "flag", label = "visible to Microsoft sellers", group = "sharing",
    crm = "visible", place = "opportunity.msft_microsoftpartnercenterreferralvisible",
    path = "/consent/consentToShareReferralWithMicrosoftSellers",
    to_crm = "update", to_partner = "update", by = "patch", conflict = "rise", fixed = "set",
    default = false },
  { name = "solutions", kind = "set", label = "solutions", place = "rows of the solutions table",
    path = "/details/requirements/solutions", to_crm = "update", to_partner = "update",
    by = "patch", conflict = "crm", required = "always", most = 50, parts = SOLUTION },
  { name = "cosell_type", kind = "code", label = "co-sell type", crm = "cosell_type",
    place = "opportunity.msft_coselltype", path = "follows from the partner role",
    to_crm = "create", to_partner = "create", by = "action", optional = true },
  { name = "intent", kind = "code", label = "purchase intent", crm = "intent",
    place = "opportunity.msft_customerpurchaseintent", path = ATTRIBUTES,
    attribute = "CustomerMarketplaceIntent", to_crm = "update", to_partner = "update", by = "put",
    conflict = "crm", default = "HaveNotDecided", optional = true },
  { name = "partner_role", kind = "code", label = "partner role", crm = "partner_role",
    place = "opportunity.msft_partnerrole", path = ATTRIBUTES, attribute = "PartnerRole",
    to_crm = "update", to_partner = "update", by = "put", conflict = "crm",
    required = "Services co-sell", optional = true },
  { name = "solution_area", kind = "code", label = "solution area", group = "area",
    crm = "solution_area", place = "opportunity.msft_solutionarea", path = ATTRIBUTES,
    attribute = "SolutionArea", to_crm = "update", to_partner = "update", by = "put",
    conflict = "crm", required = "Services co-sell", optional = true },
  { name = "solution_play", kind = "code", label = "solution play", group = "area",
    crm = "solution_play", place = "opportunity.msft_solutionplay", path = ATTRIBUTES,
    attribute = "SolutionPlay", to_crm = "update", to_partner = "update", by = "put",
    conflict = "crm", required = "Services co-sell", optional = true },
  { name = "stage", kind = "code", label = "sales stage", crm = "stage",
    place = "opportunity.salesstage", path = "/salesStage", to_crm = "update",
    to_partner = "update", by = "patch", conflict = "crm", default = "qualify", optional = true },
  { name = "campaign", kind = "code", label = "campaign", crm = "campaign",
    place = "columns.campaign of the profile", path = "/campaignId", to_crm = "update",
    to_partner = "update", by = "patch", conflict = "crm", optional = true },
  { name = "program", kind = "text", label = "referral program", crm = "program",
    place = "opportunity.msft_microsoftpartnercenterreferralprogram", path = "/referralProgram",
    to_crm = "update", to_partner = false, conflict = "partner", optional = true },
  { name = "crm_id", kind = "code", label = "CRM id", place = "opportunity.opportunityid",
    path = "/externalReferenceId", to_crm = false, to_partner = "update", by = "patch",
    conflict = "crm" },
  { name = "id", kind = "code", label = "referral identifier", crm = "identifier",
    place = "opportunity.msft_microsoftpartnercenterreferralidentifier", path = "/id",
    to_crm = "update", to_partner = false, conflict = "partner", own = true },
  { name = "link", kind = "text", label = "referral link", crm = "link",
    place = "opportunity.msft_microsoftpartnercenterreferrallink", path = "of the id",
    to_crm = "update", to_partner = false, conflict = "partner", own = true },
  { name = "microsoft_id", kind = "code", label = "Microsoft CRM identifier",
    crm = "microsoft_id", place = "opportunity.msft_microsoftcrmidentifier",
    path = "/trackingInfo/microsoftMsxId", to_crm = "update", to_partner = false,
    conflict = "partner", theirs = true, own = true },
  { name = "microsoft_state", kind = "code", label = "Microsoft's state", place = "the audit text",
    path = "/status of Microsoft's referral", to_crm = false, to_partner = false, theirs = true },
  { name = "customer", kind = "record", label = "customer and address", to_crm = "create",
    to_partner = "create", by = "create", fixed = "creation", parts = CUSTOMER },
  { name = "contact", kind = "record", label = "customer contact", path = "/customerProfile/team",
    to_crm = "create", to_partner = "create", by = "patch", fixed = "sharing",
    required = "with help", parts = CONTACT },
  { name = "team", kind = "set", label = "team", path = "/team", place = "opportunity.ownerid",
    to_crm = false, to_partner = "create", by = "create", required = "always", most = 50,
    parts = person("systemuser") },
  { name = "consent", kind = "constant", label = "consent to contact and to share the contact",
    place = "none", path = "/consent/consentToContact, consentToToShareInfoWithOthers",
    to_crm = false, to_partner = "create", by = "create", fixed = "creation", default = true },
  { name = "qualification", kind = "constant", label = "qualification",
    place = "lead or opportunity", path = "/qualification", to_crm = false,
    to_partner = "create", by = "create", default = "SalesQualified" },
}

-- Where else a referral holds what people may fill in; nothing here reads these by itself.
local ELSEWHERE = {
  ["/favorite"] = "flag", ["/details/customerRequestedContact"] = "flag",
  ["/dealSensitivity"] = "text", ["/details/customerAction"] = "text",
  ["/details/incentiveLevel"] = "text",
}

local shipped = table.move(M.rows, 1, #M.rows, 1, {})

-- ---- The rows by name and by group ----

-- Sets of names that are asked for often: what a test picks of the rows.
local TESTS = {
  travels = function(row) return row.to_crm == "update" or row.to_partner == "update" end,
  -- of these what the row of the CRM says by itself
  column = function(row)
    return row.name == "state" or row.crm and (row.to_crm == "update" or row.to_partner == "update")
  end,
  -- what our referral says without Microsoft's copy
  ours = function(row) return row.path ~= nil and not row.theirs end,
}

M.by_name, M.groups, M.sets, M.added = {}, {}, {}, {}

local function clear(t)
  for key in pairs(t) do
    t[key] = nil
  end
end

-- The merge walks groups in the order of the rows; a field without a group is one of its own.
local function index()
  clear(M.by_name)
  clear(M.groups)
  clear(M.added)
  local seen = {}
  for _, row in ipairs(M.rows) do
    local key = row.group or row.name
    M.by_name[row.name] = row
    M.added[#M.added + 1] = row.more and row
    if not seen[key] then
      seen[key] = { name = key, rows = {} }
      M.groups[#M.groups + 1] = seen[key]
    end
    table.insert(seen[key].rows, row)
  end
  for name, test in pairs(TESTS) do
    M.sets[name] = {}
    for _, row in ipairs(M.rows) do
      M.sets[name][row.name] = test(row) or nil
    end
  end
end
index()

---A field by its name; one that a mapping had added, and that is on record still, is a text.
---@param name string
---@return Field
function M.at(name)
  return M.by_name[name] or { name = name, kind = "text", label = name }
end

-- ---- What a mapping says of the table ----

-- A value of one column, which a mapping may let travel otherwise.
local function may_change(row)
  return row.crm ~= nil and row.conflict ~= nil and row.conflict ~= "rise" and not row.own
end

local function with_path(path, attribute)
  for _, row in ipairs(shipped) do
    if row.path == path and row.attribute == attribute then
      return row
    end
  end
  return nil
end

local function named(name)
  for _, row in ipairs(shipped) do
    if row.name == name then
      return row
    end
  end
  return nil
end

---The place that a row of `fields` in a mapping names: "details.customerAction", "notes",
---"attributes.Region".
---@param referral string
---@return { row: Field|nil, path: string, attribute: string|nil, kind: string|nil }|nil  row: the
---  shipped field that stands there; kind: what alone may stand there
function M.place(referral)
  local dotted = "/" .. referral:gsub("%.", "/")
  local attribute = dotted:match("^/attributes/(%w+)$") or
    dotted:match("^" .. ATTRIBUTES .. "/(%w+)$")
  local path = attribute and ATTRIBUTES or dotted
  local row = named(referral) or with_path(path, attribute)
  if row then
    return may_change(row) and { row = row, path = row.path, attribute = row.attribute } or nil
  elseif attribute then
    return { path = path, attribute = attribute, kind = "text" }
  end
  return ELSEWHERE[path] and { path = path, kind = ELSEWHERE[path] } or nil
end

---The names of all places that `fields` of a mapping may use, but for attributes of other types.
---@return string[]
function M.place_names()
  local out = {}
  for _, row in ipairs(shipped) do
    out[#out + 1] = may_change(row) and row.name or nil
  end
  for path in pairs(ELSEWHERE) do
    out[#out + 1] = path:sub(2):gsub("/", ".")
  end
  table.sort(out)
  return out
end

---The table as a mapping wants it; without rows as it is shipped.
---@param changed table<string, table>  name -> what of a shipped row is otherwise
---@param added Field[]
function M.use(changed, added)
  clear(M.rows)
  for i, row in ipairs(shipped) do
    M.rows[i] = row
    local otherwise = changed[row.group or row.name]
    if otherwise then
      local copy = {}
      for _, from in ipairs { row, otherwise } do
        for key, value in pairs(from) do
          copy[key] = value
        end
      end
      M.rows[i] = copy
    end
  end
  table.move(added, 1, #added, #M.rows + 1, M.rows)
  index()
end

-- Help: label in the CRM, code at Partner Center ("Manage co-sell opportunities").
M.help = {
  { label = "Workload-specific value proposition", code = "WorkloadSpecificValueProposition" },
  { label = "Customer technical architecture", code = "CustomerTechnicalArchitecture" },
  { label = "Proof of concept / demo", code = "ProofOfConceptOrDemo" },
  { label = "Quotes / licensing", code = "QuotesOrLicensing" },
  { label = "Post-sales customer success", code = "PostSalesCustomerSuccess" },
  { label = "General or other", code = "GeneralOrOther" },
}

---The words for a part of a record: "customer name".
---@param field string
---@param name string|nil  nil: of the field
---@return string
function M.part_label(field, name)
  for _, one in ipairs(M.by_name[field].parts or {}) do
    if one.name == name then
      return one.label
    end
  end
  return M.by_name[field].label
end

return M

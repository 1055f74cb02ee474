-- The field table: what of a deal travels, and how.  Code, tests and pages come from these rows.
-- It owns names, directions and policies; it must never read a record (canonical.lua does) or
-- decide a merge (merge.lua does).
--
--   name      the plain name in a canonical deal
--   kind      "text" "amount" "code" "date" "state" "flag" "set" "record": how two values compare
--   group     fields that merge as one value (reconcile rule 5)
--   crm       where it stands in the CRM: a column role of facts.lua, or nil where it is no column
--   path      where it stands in the referral, as PATCH names it
--   to_crm    when it may be written there: "create", "update" (both), or false
--   to_partner  likewise
--   by        how it travels to Partner Center: "patch", "put", "action" (a step of its own)
--   conflict  who wins when both sides changed: "crm", "partner", "rise" (may only become true)
--   label     the words sellers read in the audit
local M = {}

---@class Field
---@field name string
---@field kind string
---@field label string
---@field group string|nil
---@field crm string|nil
---@field path string|nil
---@field to_crm string|false
---@field to_partner string|false
---@field by string|nil
---@field conflict string|nil

---@type Field[]
M.rows = {
  { name = "name", kind = "text", label = "deal name", crm = "name", path = "/name",
    to_crm = "update", to_partner = "update", by = "put", conflict = "crm" },
  { name = "value", kind = "amount", label = "deal value", group = "money", crm = "value",
    path = "/details/dealValue", to_crm = "update", to_partner = "update", by = "patch",
    conflict = "crm" },
  { name = "currency", kind = "code", label = "currency", group = "money", crm = "currency",
    path = "/details/currency", to_crm = "update", to_partner = "update", by = "patch",
    conflict = "crm" },
  { name = "closing_date", kind = "date", label = "closing date", crm = "closing_date",
    path = "/details/closingDateTime", to_crm = "update", to_partner = "update", by = "patch",
    conflict = "crm" },
  { name = "notes", kind = "text", label = "notes", crm = "notes", path = "/details/notes",
    to_crm = "update", to_partner = "update", by = "patch", conflict = "crm" },
  { name = "state", kind = "state", label = "state", group = "state",
    to_crm = "update", to_partner = "update", by = "patch", conflict = "crm" },
  { name = "help", kind = "code", label = "help asked of Microsoft", group = "sharing",
    crm = "help", to_crm = "update", to_partner = "update", by = "action", conflict = "rise" },
  { name = "visible", kind = "flag", label = "visible to Microsoft sellers", group = "sharing",
    crm = "visible", path = "/consent/consentToShareReferralWithMicrosoftSellers",
    to_crm = "update", to_partner = "update", by = "patch", conflict = "rise" },
  { name = "solutions", kind = "set", label = "solutions",
    path = "/details/requirements/solutions", to_crm = "update", to_partner = "update",
    by = "patch", conflict = "crm" },
  { name = "crm_id", kind = "code", label = "CRM id", path = "/externalReferenceId",
    to_crm = false, to_partner = "update", by = "patch", conflict = "crm" },
  { name = "id", kind = "code", label = "referral identifier", crm = "identifier",
    to_crm = "update", to_partner = false, conflict = "partner" },
  { name = "link", kind = "text", label = "referral link", crm = "link",
    to_crm = "update", to_partner = false, conflict = "partner" },
  { name = "microsoft_id", kind = "code", label = "Microsoft CRM identifier",
    crm = "microsoft_id", to_crm = "update", to_partner = false, conflict = "partner" },
  { name = "microsoft_state", kind = "code", label = "Microsoft's state",
    to_crm = false, to_partner = false },
  { name = "customer", kind = "record", label = "customer and address",
    to_crm = "create", to_partner = "create" },
  { name = "contact", kind = "record", label = "customer contact",
    to_crm = "create", to_partner = "create" },
  { name = "team", kind = "set", label = "team", path = "/team",
    to_crm = false, to_partner = "create" },
}

M.by_name = {}
for _, row in ipairs(M.rows) do
  M.by_name[row.name] = row
end

-- The merge walks groups in this order; a field without a group is a group of its own.
M.groups = {}
do
  local seen = {}
  for _, row in ipairs(M.rows) do
    local key = row.group or row.name
    if not seen[key] then
      seen[key] = { name = key, rows = {} }
      M.groups[#M.groups + 1] = seen[key]
    end
    table.insert(seen[key].rows, row)
  end
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

return M

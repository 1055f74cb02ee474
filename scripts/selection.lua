-- Which columns of the CRM are read of a deal: for one row, for a page of changes, for a
-- comparison.  It names columns and asks nobody.
local fields = require "fields"

local M = {}

-- What else of a row is read, by table.
local READ = {
  opportunity = { "statecode", "statuscode", "modifiedon", "originatingleadid" },
  account = { "name", "address1_line1", "address1_line2", "address1_city",
    "address1_stateorprovince", "address1_postalcode", "numberofemployees", "statecode",
    "versionnumber" },
  contact = { "firstname", "lastname", "emailaddress1", "telephone1", "mobilephone", "jobtitle",
    "createdon", "versionnumber" },
  systemuser = { "firstname", "lastname", "internalemailaddress", "mobilephone",
    "address1_telephone1" },
}

-- Look-ups of an opportunity that are always read.
local LOOKED_UP = { "parentaccountid", "parentcontactid", "ownerid" }

---Whether every opportunity is read with this column, whatever the mapping says.
---@param column string
---@param roles table<string, string>  of the profile
---@return boolean
function M.reads(column, roles)
  for _, list in ipairs { READ.opportunity, LOOKED_UP } do
    for _, name in ipairs(list) do
      if name == column then return true end
    end
  end
  for role, name in pairs(fields.columns) do
    if (roles[role] or name) == column then return true end
  end
  return column == "opportunityid"
end

local function unique(...)
  local seen, out = {}, {}
  for _, list in ipairs { ... } do
    for _, name in ipairs(list) do
      if name and not seen[name] then
        seen[name] = true
        out[#out + 1] = name
      end
    end
  end
  return out
end

local LOOKUPS = { Lookup = true, Customer = true, Owner = true }

-- A column as $select wants it: look-ups are read by value.
local function select_name(meta, column)
  local known = meta.columns[column]
  return known and LOOKUPS[known.type] and "_" .. column .. "_value" or column
end

local function select_of(meta, ...)
  local out = {}
  for _, name in ipairs(unique(...)) do
    out[#out + 1] = select_name(meta, name)
  end
  return out
end

local function expanded(navigation, columns)
  return ("%s($select=%s)"):format(navigation, table.concat(columns, ","))
end

local function expand_solutions(self)
  local s = self.solutions
  local child = { s.key, "_" .. s.detail_lookup .. "_value", "modifiedon" }
  child[#child + 1] = s.price
  child[#child + 1] = s.quantity
  return expanded(s.navigation, child)
end

-- The account; a country that it looks up comes with its code.
local function expand_account(self, meta, extra)
  local columns = select_of(meta, READ.account, { self.country.field, self.duns }, extra or {})
  if not self.country_path then
    return expanded("parentaccountid", columns)
  end
  return ("parentaccountid($select=%s;$expand=%s)"):format(table.concat(columns, ","),
    expanded(self.country_path, { self.country.code }))
end

local function expand_of(self, metas)
  local extra = self.describe.columns
  return table.concat({
    expand_account(self, metas.account, extra.account),
    expanded("parentcontactid", select_of(metas.contact, READ.contact, extra.contact or {})),
    expanded("owninguser", READ.systemuser), expand_solutions(self),
  }, ",")
end

---What is read of a deal, put into its facts: select and expand of one row, delta_select of a page
---of changes, compare_expand of a comparison.
---@param self table  facts, with columns, deal_value, describe, metas, solutions
function M.of(self)
  local roles = {}
  for _, column in pairs(self.columns) do
    roles[#roles + 1] = column
  end
  table.sort(roles)
  local custom = type(self.deal_value.read) == "string" and { self.deal_value.read } or {}
  if self.deal_value.currency ~= "row" and self.deal_value.currency ~= "base" then
    custom[#custom + 1] = self.deal_value.currency
  end
  local columns = unique(roles, READ.opportunity, custom, { self.deal_value.write },
    LOOKED_UP, self.describe.columns.opportunity or {})
  self.select = columns
  -- The audit column is not in the delta (rule 18): our own text would come back as a change.
  local delta = {}
  for _, name in ipairs(self.select) do
    if name ~= self.columns.audit then
      delta[#delta + 1] = name
    end
  end
  self.delta_select = delta
  self.expand = expand_of(self, self.metas)
  -- A comparison needs no customers, they cannot be sent again; but a mapping may look at them.
  local asked = self.deal_value.custom or self.describe.has.close_reason
  self.compare_expand = asked and self.expand or expand_solutions(self)
end

return M

-- What is sent to a CRM that is to get a table, a column or a look-up: bodies for its definitions,
-- from the rows of crm_schema.lua.  Tables in, tables out; it must never send one.
local say = require "say"

local M = {}

local CRM = "Microsoft.Dynamics.CRM."
local LANGUAGE = 0x3FF -- of a language code these bits, whatever the region
local PLACE = { en = 1, de = 2, ja = 3 } -- in the labels of crm_schema.lua
local YES, NO = { "Yes", "Ja", "はい" }, { "No", "Nein", "いいえ" }
local TRILLION, BILLION = 1000000000000, 1000000000

M.FIRST_OPTION = 299600000 -- of the original's choices, and so of ours

---The word of a label in the CRM's own language.
---@param label string[]|string
---@param language integer  its code
---@return string
function M.word(label, language)
  if type(label) == "string" then
    return label
  end
  return label[PLACE[say.tags[language & LANGUAGE] or "en"]]
end

-- A label in the one language that every CRM has: its own.
local function label_of(label, language)
  return { ["@odata.type"] = CRM .. "Label", LocalizedLabels = json.array {
    { ["@odata.type"] = CRM .. "LocalizedLabel", Label = M.word(label, language),
      LanguageCode = language } } }
end

local function level(value)
  return { Value = value or "None", CanBeChanged = true,
    ManagedPropertyLogicalName = "canmodifyrequirementlevelsettings" }
end

-- ---- Columns ----

local OWN = {}

function OWN.String(c)
  return { MaxLength = c.max, FormatName = { Value = c.format or "Text" } }
end

function OWN.Memo(c)
  return { MaxLength = c.max, Format = "TextArea" }
end

function OWN.Boolean(_, language)
  return { DefaultValue = false, OptionSet = { OptionSetType = "Boolean",
    ["@odata.type"] = CRM .. "BooleanOptionSetMetadata",
    TrueOption = { Value = 1, Label = label_of(YES, language) },
    FalseOption = { Value = 0, Label = label_of(NO, language) } } }
end

-- The labels are as documented, in English: by them a choice is known again.
function OWN.Picklist(c, language)
  local options = json.array {}
  for i, label in ipairs(c.options) do
    options[i] = { Value = M.FIRST_OPTION + i - 1, Label = label_of(label, language) }
  end
  return { SourceTypeMask = 0, OptionSet = { ["@odata.type"] = CRM .. "OptionSetMetadata",
    IsGlobal = false, OptionSetType = "Picklist", Options = options } }
end

function OWN.Money()
  return { PrecisionSource = 2, MinValue = 0, MaxValue = TRILLION }
end

function OWN.Decimal()
  return { Precision = 2, MinValue = 0, MaxValue = BILLION }
end

local function attribute(c, kind, language)
  return { ["@odata.type"] = CRM .. kind .. "AttributeMetadata", AttributeType = kind,
    AttributeTypeName = { Value = kind .. "Type" }, SchemaName = c.schema,
    DisplayName = label_of(c.label, language), RequiredLevel = level(c.required) }
end

---A column that is no look-up.
---@param c table  of crm_schema.lua
---@param language integer
function M.column(c, language)
  local out = attribute(c, c.type, language)
  for name, value in pairs(OWN[c.type](c, language)) do
    out[name] = value
  end
  return out
end

-- ---- Look-ups ----

local CASCADES = { "Assign", "Merge", "Reparent", "Share", "Unshare" }

-- What is deleted with its parent belongs to it in all else too.
local function cascade(delete)
  local out = { Delete = delete }
  for _, name in ipairs(CASCADES) do
    out[name] = delete == "Cascade" and "Cascade" or "NoCascade"
  end
  return out
end

---The relationship that makes a look-up.
---@param t table  of crm_schema.lua, the table that has it
---@param c table
---@param target_id string  the key of the table that it leads to
function M.lookup(t, c, target_id, language)
  return { ["@odata.type"] = CRM .. "OneToManyRelationshipMetadata", SchemaName = c.relation,
    ReferencedEntity = c.target, ReferencedAttribute = target_id, ReferencingEntity = t.name,
    AssociatedMenuConfiguration = { Behavior = "UseCollectionName", Group = "Details",
      Order = 10000 },
    CascadeConfiguration = cascade(c.delete), Lookup = attribute(c, "Lookup", language) }
end

-- ---- Tables ----

---A table with its first column.
---@param t table  of crm_schema.lua
function M.table(t, language)
  local name = M.column(t.primary, language)
  name.IsPrimaryName = true
  return { ["@odata.type"] = CRM .. "EntityMetadata", SchemaName = t.schema,
    DisplayName = label_of(t.label, language), DisplayCollectionName = label_of(t.plural, language),
    OwnershipType = "UserOwned", IsActivity = false, HasActivities = false, HasNotes = false,
    ChangeTrackingEnabled = t.tracked == true, Attributes = json.array { name } }
end

return M

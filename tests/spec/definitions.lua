-- Bodies that define things in a CRM, for specs of the practice environment: as a provisioning
-- program sends them. Publisher prefix xcs, option values from 727000000.
local kit = require "sim.crm_kit"

local CRM = "Microsoft.Dynamics.CRM."

local function label(text, more)
  local list = { { ["@odata.type"] = CRM .. "LocalizedLabel", Label = text, LanguageCode = 1033 } }
  if more then list[2] = { Label = more, LanguageCode = 1041 } end
  return { ["@odata.type"] = CRM .. "Label", LocalizedLabels = json.array(list) }
end

local function level(value)
  return { Value = value or "None", CanBeChanged = true,
    ManagedPropertyLogicalName = "canmodifyrequirementlevelsettings" }
end

local function column(kind, name, more)
  local out = { ["@odata.type"] = CRM .. kind .. "AttributeMetadata", SchemaName = name,
    DisplayName = label(name), RequiredLevel = level() }
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

local function publisher()
  local row = kit.make("publishers", { uniquename = "xcosell", friendlyname = "Open co-sell",
    customizationprefix = "xcs", customizationoptionvalueprefix = 72700 })
  kit.make("solutions", { uniquename = "xcs_cosell", friendlyname = "Co-sell", version = "1.0.0.0",
    ["publisherid@odata.bind"] = "/publishers(" .. row.publisherid .. ")" })
end

local function new_table(name, more)
  local out = { ["@odata.type"] = CRM .. "EntityMetadata", SchemaName = name,
    DisplayName = label("Solution link"), DisplayCollectionName = label("Solution links"),
    Description = label("Solutions of a deal"), OwnershipType = "UserOwned", IsActivity = false,
    HasActivities = false, HasNotes = false, ChangeTrackingEnabled = true,
    Attributes = json.array({ column("String", "xcs_Name", { IsPrimaryName = true, MaxLength = 200,
      AttributeType = "String", AttributeTypeName = { Value = "StringType" },
      FormatName = { Value = "Text" } }) }) }
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

local function options(...)
  local out = json.array({})
  for i, text in ipairs({ ... }) do
    out[i] = { Value = 726999999 + i, Label = label(text) }
  end
  return out
end

local function lookup(more)
  local out = { ["@odata.type"] = CRM .. "OneToManyRelationshipMetadata",
    SchemaName = "xcs_opportunity_solutionlink", ReferencedEntity = "opportunity",
    ReferencedAttribute = "opportunityid", ReferencingEntity = "xcs_solutionlink",
    CascadeConfiguration = { Assign = "Cascade", Delete = "Cascade", Merge = "Cascade",
      Reparent = "Cascade", Share = "Cascade", Unshare = "Cascade" },
    Lookup = column("Lookup", "xcs_Opportunity", { AttributeType = "Lookup",
      AttributeTypeName = { Value = "LookupType" } }) }
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

return { label = label, column = column, publisher = publisher, new_table = new_table,
  options = options, lookup = lookup }

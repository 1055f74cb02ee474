-- Definitions of the practice CRM as the service words them: tables, columns of each type, option
-- sets, relationships, keys. An item is { kind=, base=, all=, expand= }: what every item of its
-- family says, what it says itself, what its $expand may name. From a world of crm_schema; asks no
-- request.
local schema = require("sim.crm_schema")

local M = {}
local LANGUAGE = 1033

-- What was made of a table: until its views are computed anew, its `order` is another.
local made = setmetatable({}, { __mode = "k" })

local function once(t, what, make)
  local of = made[t.order] or {}
  made[t.order] = of
  of[what] = of[what] or make()
  return of[what]
end

-- ---- Labels ----

--- A label: text, or a list of { Label=, LanguageCode= }.
function M.label(v)
  if type(v) == "string" then v = { { Label = v, LanguageCode = LANGUAGE } } end
  local list, own = json.array({}), json.null
  for i, one in ipairs(v or {}) do
    list[i] = { Label = one.Label, LanguageCode = one.LanguageCode, IsManaged = false,
      HasChanged = json.null, MetadataId = schema.definition_id("label:" .. one.Label) }
    if one.LanguageCode == LANGUAGE then own = list[i] end
  end
  return { LocalizedLabels = list, UserLocalizedLabel = own }
end
local label = M.label

local function yes(v) return { Value = v, CanBeChanged = true } end
local function fixed(v) return { Value = v, CanBeChanged = false } end
local function id_of(text) return schema.definition_id(text) end

local function is_custom(name, custom) return custom == true or name:sub(1, 5) == "msft_" end

-- ---- Attributes ----

local CAST = { String = "String", Memo = "Memo", Boolean = "Boolean", Integer = "Integer",
  Decimal = "Decimal", Money = "Money", Picklist = "Picklist", State = "State", Status = "Status",
  DateTime = "DateTime", Lookup = "Lookup", Customer = "Lookup", Owner = "Lookup",
  Uniqueidentifier = "UniqueIdentifier", BigInt = "BigInt",
  MultiSelectPicklist = "MultiSelectPicklist" }

local function cast_of(c) return CAST[c.type] .. "AttributeMetadata" end

--- The identifier of a column's definition.
function M.column_id(table_name, name) return id_of(table_name .. "." .. name) end

local function base_attribute(t, c)
  return { MetadataId = M.column_id(t.logical, c.logical), LogicalName = c.logical,
    SchemaName = c.schema, EntityLogicalName = t.logical, HasChanged = json.null,
    AttributeType = c.type == "MultiSelectPicklist" and "Virtual" or c.type,
    AttributeTypeName = { Value = c.type == "Uniqueidentifier" and "UniqueidentifierType"
      or c.type .. "Type" },
    AttributeOf = json.null, IsCustomAttribute = is_custom(c.logical, c.custom),
    IsManaged = not c.custom or c.managed == true,
    IsPrimaryId = c.logical == t.id, IsPrimaryName = c.logical == t.name,
    IsLogical = false, IsValidForCreate = c.create ~= false, IsValidForUpdate = c.update ~= false,
    IsValidForRead = c.logical ~= "authvalue", IsValidODataAttribute = true,
    IsSecured = c.secured == true,
    IsAuditEnabled = yes(false), IsValidForAdvancedFind = yes(true), IsRenameable = yes(true),
    IsCustomizable = yes(true), SourceType = json.null, IntroducedVersion = "1.0.0.0",
    DisplayName = label(c.label or c.schema), Description = label(c.description or {}),
    RequiredLevel = { Value = c.required or "None", CanBeChanged = true,
      ManagedPropertyLogicalName = "canmodifyrequirementlevelsettings" } }
end

local OWN = {}

function OWN.String(c)
  return { MaxLength = c.max, Format = c.format or "Text", AutoNumberFormat = "", ImeMode = "Auto",
    FormatName = { Value = c.format or "Text" }, DatabaseLength = c.max * 2 }
end

function OWN.Memo(c) return { MaxLength = c.max, Format = "TextArea", ImeMode = "Auto" } end

function OWN.Money(c)
  return { Precision = c.precision or 2, PrecisionSource = c.precision_source, MinValue = c.min,
    MaxValue = c.max, IsBaseCurrency = c.base_of ~= nil, ImeMode = "Disabled",
    CalculationOf = c.base_of or json.null }
end

function OWN.Decimal(c)
  return { Precision = c.precision, MinValue = c.min, MaxValue = c.max, ImeMode = "Disabled" }
end

function OWN.Integer(c) return { MinValue = c.min, MaxValue = c.max, Format = "None" } end

function OWN.DateTime(c)
  return { Format = (c.behavior == "DateOnly" or c.day) and "DateOnly" or "DateAndTime",
    ImeMode = "Inactive", DateTimeBehavior = { Value = c.behavior },
    CanChangeDateTimeBehavior = fixed(c.custom == true and c.behavior == "UserLocal") }
end

local function targets_of(c)
  local out = json.array({})
  for target in pairs(c.targets) do out[#out + 1] = target end
  table.sort(out)
  return out
end

function OWN.Lookup(c) return { Targets = targets_of(c), Format = "None" } end
OWN.Customer, OWN.Owner = OWN.Lookup, OWN.Lookup
function OWN.Boolean(c) return { DefaultValue = c.default == true } end
function OWN.Picklist(c) return { DefaultFormValue = c.default or -1, SourceTypeMask = 0 } end
OWN.State, OWN.Status, OWN.MultiSelectPicklist = OWN.Picklist, OWN.Picklist, OWN.Picklist

local function option(c, o)
  local out = { Value = o.value, Label = label(o.labels or o.label), Color = json.null,
    Description = label({}), ExternalValue = "", IsManaged = not o.custom }
  if c.type == "State" then out.DefaultStatus, out.InvariantName = o.default, o.label end
  if c.type == "Status" then out.State, out.TransitionData = o.state, json.null end
  return out
end

local function options_list(c)
  local out = json.array({})
  for i, o in ipairs(c.options) do out[i] = option(c, o) end
  return out
end

local function option_set(t, c)
  local name = t.logical .. "_" .. c.logical
  local out = { MetadataId = id_of("options:" .. name), Name = name, IsGlobal = false,
    DisplayName = label(c.label or c.schema), Description = label({}),
    IsManaged = not c.custom, IsCustomOptionSet = is_custom(c.logical, c.custom) }
  if c.type == "Boolean" then
    local lists = c.label_lists or {}
    out.OptionSetType = "Boolean"
    out.TrueOption = { Value = 1, Label = label(lists[2] or c.labels[2]) }
    out.FalseOption = { Value = 0, Label = label(lists[1] or c.labels[1]) }
    return out
  end
  out.OptionSetType = (c.type == "State" or c.type == "Status") and c.type or "Picklist"
  out.Options = options_list(c)
  return out
end

local function merge(into, from)
  for k, v in pairs(from or {}) do into[k] = v end
  return into
end

--- A global option set.
function M.global(set)
  local base = { MetadataId = id_of("global:" .. set.name), Name = set.name, IsGlobal = true,
    OptionSetType = "Picklist", IsCustomOptionSet = true, IsManaged = false, HasChanged = json.null,
    DisplayName = label(set.label), Description = label(set.description or {}),
    IsCustomizable = yes(true), IntroducedVersion = "1.0.0.0", ExternalTypeName = json.null,
    ParentOptionSetName = json.null }
  local all = merge(merge({}, base), { Options = options_list(set) })
  return { kind = "OptionSetMetadata", base = base, all = all, expand = {}, born = set.born }
end

--- An attribute with what its $expand may name.
function M.attribute(world, t, c)
  local item = { kind = cast_of(c), base = base_attribute(t, c), expand = {} }
  item.all = merge(merge({}, item.base), OWN[c.type] and OWN[c.type](c))
  if c.options or c.labels then
    item.expand.OptionSet = function() return c.global and json.null or option_set(t, c) end
    item.expand.GlobalOptionSet = function()
      return c.global and M.global(world.globals[c.global]).all or json.null
    end
  end
  return item
end

-- ---- Relationships ----

local CASCADES = { "Assign", "Merge", "Reparent", "Share", "Unshare", "RollupView" }

local function cascade(l)
  local out = { Delete = l.delete }
  for _, name in ipairs(CASCADES) do
    out[name] = l.about.cascade and l.about.cascade[name] or "NoCascade"
  end
  return out
end

local MENU = { Behavior = "UseCollectionName", Group = "Details", Order = 10000 }

local function base_relation(name, kind, custom)
  return { MetadataId = id_of("relation:" .. name), SchemaName = name, RelationshipType = kind,
    IsCustomRelationship = custom or name:sub(1, 5) == "msft_", IsValidForAdvancedFind = true,
    IsManaged = not custom, SecurityTypes = "Append", HasChanged = json.null,
    IsCustomizable = yes(true), IntroducedVersion = "1.0.0.0" }
end

local function one_to_many(world, l)
  local target = world.tables[l.target]
  local name = l.owner and "owner_" .. world.tables[l.table].set or l.schema
  local base = base_relation(name, "OneToManyRelationship", l.custom == true)
  local all = merge(merge({}, base), { ReferencingEntity = l.table,
    ReferencingAttribute = l.column, ReferencedEntity = l.owner and "owner" or l.target,
    ReferencedAttribute = l.owner and "ownerid" or target.id,
    ReferencingEntityNavigationPropertyName = l.nav,
    ReferencedEntityNavigationPropertyName = l.many,
    AssociatedMenuConfiguration = l.about.menu or MENU, IsHierarchical = false,
    CascadeConfiguration = cascade(l) })
  return { kind = "OneToManyRelationshipMetadata", base = base, all = all, expand = {} }
end

local function many_to_many(p)
  local base = base_relation(p.schema, "ManyToManyRelationship", true)
  local all = merge(merge({}, base), { Entity1LogicalName = p.table1, Entity2LogicalName = p.table2,
    IntersectEntityName = p.intersect, Entity1IntersectAttribute = p.column1,
    Entity2IntersectAttribute = p.column2, Entity1NavigationPropertyName = p.nav1,
    Entity2NavigationPropertyName = p.nav2, Entity1AssociatedMenuConfiguration = p.menu1 or MENU,
    Entity2AssociatedMenuConfiguration = p.menu2 or MENU })
  return { kind = "ManyToManyRelationshipMetadata", base = base, all = all, expand = {} }
end

local function sorted(list)
  table.sort(list, function(a, b)
    local x, y = a.all, b.all
    return (x.LogicalName or x.SchemaName or x.Name) < (y.LogicalName or y.SchemaName or y.Name)
  end)
  return list
end

-- Below a table a relationship is of one kind: all it says may be named.
local function typed(list)
  for _, item in ipairs(list) do item.base = item.all end
  return sorted(list)
end

-- ---- Tables ----

local CHILDREN = {}

function CHILDREN.Attributes(world, t)
  return once(t, "attributes", function()
    local out = {}
    for i, name in ipairs(t.order) do out[i] = M.attribute(world, t, t.columns[name]) end
    return out
  end)
end

local function referencing(world, t)
  local out, seen = {}, {}
  for _, l in ipairs(t.links) do
    local one = one_to_many(world, l)
    local name = one.all.SchemaName -- one relationship to owner, not two
    if not seen[name] then out[#out + 1] = one end
    seen[name] = true
  end
  return out
end

function CHILDREN.ManyToOneRelationships(world, t) return typed(referencing(world, t)) end

function CHILDREN.OneToManyRelationships(world, t)
  local out = {}
  for _, l in pairs(t.many) do
    if not l.owner and not l.pair then out[#out + 1] = one_to_many(world, l) end
  end
  return typed(out)
end

function CHILDREN.ManyToManyRelationships(world, t)
  local out = {}
  for _, p in pairs(world.pairs) do
    if p.table1 == t.logical or p.table2 == t.logical then out[#out + 1] = many_to_many(p) end
  end
  return typed(out)
end

--- The identifier of a key's definition.
function M.key_id(table_name, name) return id_of("key:" .. table_name .. ":" .. name) end

function CHILDREN.Keys(world, t)
  local out = {}
  for _, key in ipairs(world.keys and world.keys(t) or {}) do
    local all = { LogicalName = key.name, SchemaName = key.schema or key.name,
      EntityLogicalName = t.logical, DisplayName = label(key.label or key.name),
      KeyAttributes = json.array(key.columns), EntityKeyIndexStatus = key.status,
      IsManaged = false, AsyncJob = json.null, IsCustomizable = yes(true), HasChanged = json.null,
      IntroducedVersion = "1.0.0.0", MetadataId = M.key_id(t.logical, key.name) }
    out[#out + 1] = { kind = "EntityKeyMetadata", base = all, all = all, expand = {} }
  end
  return out
end

local OWNERSHIP = { User = "UserOwned", Organization = "OrganizationOwned", Business =
  "BusinessOwned", None = "None" }

--- The identifier of a table's definition.
function M.table_id(name) return id_of(name) end

local function about(t)
  return { MetadataId = M.table_id(t.logical), LogicalName = t.logical, SchemaName = t.schema,
    EntitySetName = t.set, LogicalCollectionName = t.set, CollectionSchemaName = t.schema .. "s",
    PrimaryIdAttribute = t.id, PrimaryNameAttribute = t.name, HasChanged = json.null,
    ObjectTypeCode = #t.logical + (t.custom and 10000 or 0), IsActivity = t.activity == true,
    IsCustomEntity = t.custom == true,
    IsManaged = t.born == nil or t.managed == true, IsPrivate = false,
    IsIntersect = t.intersect == true, OwnershipType = OWNERSHIP[t.ownership],
    ChangeTrackingEnabled = t.tracked == true, CanChangeTrackingBeEnabled = yes(true),
    IsOptimisticConcurrencyEnabled = true, IsValidForAdvancedFind = true,
    HasNotes = t.notes == true or t.logical == "opportunity", HasActivities = t.activities == true,
    HasFeedback = false, IsAuditEnabled = yes(false), IsCustomizable = yes(true),
    IsRenameable = yes(true), IsMappable = yes(true), IsDuplicateDetectionEnabled = yes(false),
    IsQuickCreateEnabled = false, IsAvailableOffline = false, IntroducedVersion = "1.0.0.0",
    TableType = "Standard", DisplayName = label(t.display),
    Description = label(t.description or {}), DisplayCollectionName = label(t.plural
      or t.display .. "s") }
end

--- A table with what its $expand may name.
function M.definition(world, t)
  local all = once(t, "about", function() return about(t) end)
  local item = { kind = "EntityMetadata", base = all, all = all, expand = {}, table = t }
  for name, make in pairs(CHILDREN) do
    item.expand[name] = function() return make(world, t) end
  end
  return item
end

-- ---- The collections at the root ----

M.ROOTS = {}

function M.ROOTS.EntityDefinitions(world)
  local out = {}
  for _, t in pairs(world.tables) do out[#out + 1] = M.definition(world, t) end
  return sorted(out)
end

function M.ROOTS.RelationshipDefinitions(world)
  local out = {}
  for _, t in pairs(world.tables) do
    if not t.intersect then table.move(referencing(world, t), 1, #t.links, #out + 1, out) end
  end
  for _, p in pairs(world.pairs) do out[#out + 1] = many_to_many(p) end
  return sorted(out)
end

function M.ROOTS.GlobalOptionSetDefinitions(world)
  local out = {}
  for _, set in pairs(world.globals) do out[#out + 1] = M.global(set) end
  return sorted(out)
end

return M

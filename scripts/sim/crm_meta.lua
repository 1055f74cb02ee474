-- Metadata of the practice CRM, read only: EntityDefinitions with attributes, casts with option
-- sets, relationships, keys. Everything comes from crm_tables; names and shapes are the service's.
local schema = require("sim.crm_schema")
local filter = require("sim.crm_filter")
local options = require("sim.crm_options")
local rows = require("sim.crm_rows")

local M = { ROOTS = { EntityDefinitions = true, RelationshipDefinitions = true,
  GlobalOptionSetDefinitions = true } }
local refuse = schema.refuse
local CRM = "Microsoft.Dynamics.CRM."
local LANGUAGE = 1033

local function label(text)
  local one = { Label = text, LanguageCode = LANGUAGE, IsManaged = true, HasChanged = json.null,
    MetadataId = schema.definition_id("label:" .. text) }
  return { LocalizedLabels = json.array({ one }), UserLocalizedLabel = one }
end

-- ---- Attributes ----

local CAST = { String = "String", Memo = "Memo", Boolean = "Boolean", Integer = "Integer",
  Decimal = "Decimal", Money = "Money", Picklist = "Picklist", State = "State", Status = "Status",
  DateTime = "DateTime", Lookup = "Lookup", Customer = "Lookup", Owner = "Lookup",
  Uniqueidentifier = "UniqueIdentifier", BigInt = "BigInt",
  MultiSelectPicklist = "MultiSelectPicklist" }

local function cast_of(c) return CAST[c.type] .. "AttributeMetadata" end

local function base_attribute(t, c)
  return { MetadataId = schema.definition_id(t.logical .. "." .. c.logical),
    LogicalName = c.logical,
    SchemaName = c.schema, EntityLogicalName = t.logical, HasChanged = json.null,
    AttributeType = c.type == "MultiSelectPicklist" and "Virtual" or c.type,
    AttributeTypeName = { Value = c.type == "Uniqueidentifier" and "UniqueidentifierType"
      or c.type .. "Type" },
    AttributeOf = json.null, IsCustomAttribute = c.logical:sub(1, 5) == "msft_",
    IsPrimaryId = c.logical == t.id, IsPrimaryName = c.logical == t.name, IsLogical = false,
    IsValidForCreate = c.create ~= false, IsValidForUpdate = c.update ~= false,
    IsValidForRead = true,
    IsValidODataAttribute = true, DisplayName = label(c.label or c.schema),
    RequiredLevel = { Value = c.required or "None", CanBeChanged = true,
      ManagedPropertyLogicalName = "canmodifyrequirementlevelsettings" } }
end

local OWN = {}

function OWN.String(c)
  return { MaxLength = c.max, Format = c.format or "Text",
    FormatName = { Value = c.format or "Text" },
    DatabaseLength = c.max * 2 }
end

function OWN.Memo(c) return { MaxLength = c.max, Format = "TextArea" } end

function OWN.Money(c)
  return { Precision = 2, PrecisionSource = c.precision_source, MinValue = c.min,
    MaxValue = c.max, IsBaseCurrency = c.base_of ~= nil,
    CalculationOf = c.base_of or json.null }
end

function OWN.Decimal(c) return { Precision = c.precision, MinValue = c.min, MaxValue = c.max } end
function OWN.Integer(c) return { MinValue = c.min, MaxValue = c.max, Format = "None" } end

function OWN.DateTime(c)
  return { Format = c.behavior == "DateOnly" and "DateOnly" or "DateAndTime",
    DateTimeBehavior = { Value = c.behavior }, CanChangeDateTimeBehavior = { Value = false } }
end

local function targets_of(c)
  local out = json.array({})
  for target in pairs(c.targets) do out[#out + 1] = target end
  table.sort(out)
  return out
end

function OWN.Lookup(c) return { Targets = targets_of(c) } end
OWN.Customer, OWN.Owner = OWN.Lookup, OWN.Lookup
function OWN.Boolean(c) return { DefaultValue = c.default == true } end
function OWN.Picklist(c) return { DefaultFormValue = c.default or -1 } end
OWN.State, OWN.Status, OWN.MultiSelectPicklist = OWN.Picklist, OWN.Picklist, OWN.Picklist

local function option(c, o)
  local out = { Value = o.value, Label = label(o.label), IsManaged = true, Color = json.null }
  if c.type == "State" then out.DefaultStatus, out.InvariantName = o.default, o.label end
  if c.type == "Status" then out.State, out.TransitionData = o.state, json.null end
  return out
end

local function option_set(t, c)
  local name = t.logical .. "_" .. c.logical
  local out = { MetadataId = schema.definition_id("options:" .. name), Name = name,
    IsGlobal = false,
    DisplayName = label(c.label or c.schema), IsCustomOptionSet = c.logical:sub(1, 5) == "msft_" }
  if c.type == "Boolean" then
    out.OptionSetType = "Boolean"
    out.TrueOption = { Value = 1, Label = label(c.labels[2]) }
    out.FalseOption = { Value = 0, Label = label(c.labels[1]) }
    return out
  end
  out.OptionSetType = (c.type == "State" or c.type == "Status") and c.type or "Picklist"
  out.Options = json.array({})
  for i, o in ipairs(c.options) do out.Options[i] = option(c, o) end
  return out
end

local function merge(into, from)
  for k, v in pairs(from or {}) do into[k] = v end
  return into
end

-- An attribute with what its $expand may name.
local function attribute(t, c)
  local item = { kind = cast_of(c), base = base_attribute(t, c), expand = {} }
  item.all = merge(merge({}, item.base), OWN[c.type] and OWN[c.type](c))
  if c.options or c.labels then
    item.expand.OptionSet = function() return option_set(t, c) end
    item.expand.GlobalOptionSet = function() return json.null end
  end
  return item
end

-- ---- Relationships and tables ----

local function relationship(l)
  local target = schema.tables[l.target]
  local to = l.owner and "owner" or l.target
  local out = { MetadataId = schema.definition_id("relation:" .. l.schema), SchemaName = l.schema,
    RelationshipType = "OneToManyRelationship", ReferencingEntity = l.table,
    ReferencingAttribute = l.column, ReferencedEntity = to,
    ReferencedAttribute = l.owner and "ownerid" or target.id,
    ReferencingEntityNavigationPropertyName = l.nav,
    ReferencedEntityNavigationPropertyName = l.many,
    IsCustomRelationship = l.schema:sub(1, 5) == "msft_",
    IsValidForAdvancedFind = true,
    CascadeConfiguration = { Delete = l.delete, Assign = "NoCascade" } }
  return { kind = "OneToManyRelationshipMetadata", base = out, all = out, expand = {} }
end

local function sorted(list)
  table.sort(list, function(a, b)
    return (a.all.LogicalName or a.all.SchemaName) < (b.all.LogicalName or b.all.SchemaName)
  end)
  return list
end

local CHILDREN = {}

function CHILDREN.Attributes(t)
  local out = {}
  for i, name in ipairs(t.order) do out[i] = attribute(t, t.columns[name]) end
  return out
end

function CHILDREN.ManyToOneRelationships(t)
  local out, seen = {}, {}
  for _, l in ipairs(t.links) do
    local one = relationship(l)
    local name = l.owner and "owner_" .. t.set or l.schema -- one relationship to owner, not two
    one.all.SchemaName = name
    if not seen[name] then out[#out + 1] = one end
    seen[name] = true
  end
  return sorted(out)
end

function CHILDREN.OneToManyRelationships(t)
  local out = {}
  for _, l in pairs(t.many) do
    if not l.owner then out[#out + 1] = relationship(l) end
  end
  return sorted(out)
end

function CHILDREN.ManyToManyRelationships() return {} end

function CHILDREN.Keys(t)
  local out = {}
  for i, key in ipairs(rows.keys(t)) do
    local all = { LogicalName = key.name, SchemaName = key.name, EntityLogicalName = t.logical,
      KeyAttributes = json.array(key.columns), EntityKeyIndexStatus = "Active",
      MetadataId = schema.definition_id("key:" .. key.name) }
    out[i] = { kind = "EntityKeyMetadata", base = all, all = all, expand = {} }
  end
  return out
end

local function yes(v) return { Value = v, CanBeChanged = true } end

local function definition(t, tracked)
  local on = tracked(t)
  local all = { MetadataId = schema.definition_id(t.logical), LogicalName = t.logical,
    SchemaName = t.schema, EntitySetName = t.set, LogicalCollectionName = t.set,
    CollectionSchemaName = t.schema .. "s", PrimaryIdAttribute = t.id,
    PrimaryNameAttribute = t.name,
    ObjectTypeCode = #t.logical + (t.custom and 10000 or 0), IsActivity = t.activity == true,
    IsCustomEntity = t.custom == true, IsManaged = true, IsIntersect = false, IsPrivate = false,
    OwnershipType = t.ownership .. "Owned", ChangeTrackingEnabled = on,
    CanChangeTrackingBeEnabled = yes(true), IsOptimisticConcurrencyEnabled = true,
    IsValidForAdvancedFind = true, HasNotes = t.logical == "opportunity", HasActivities = false,
    DisplayName = label(t.display), DisplayCollectionName = label(t.display .. "s") }
  local item = { kind = "EntityMetadata", base = all, all = all, expand = {} }
  for name, make in pairs(CHILDREN) do
    item.expand[name] = function() return make(t) end
  end
  return item
end

-- ---- Answers ----

local function unknown(name, kind)
  refuse(400, "0x0", "Could not find a property named '%s' on type '%s%s'.", name, CRM, kind)
end

local function walk(v, path)
  for _, name in ipairs(path) do
    v = type(v) == "table" and v[name] or (type(v) == "table" and v[name] == false and false) or nil
  end
  if v == json.null then return nil end
  return v
end

local function scope_for(cast)
  return { no_functions = true, operand = function(path)
    return { kind = "any", name = table.concat(path, "/"), get = function(item)
      if item[cast][path[1]] == nil then unknown(path[1], item.kind) end
      return walk(item[cast], path)
    end }
  end }
end

local BASE_KIND = { attribute = "AttributeMetadata" }

local expand_into

-- One item as JSON. cast: derived columns may be named; without $select an attribute shows all.
local function show(item, o, cast)
  local out, source = {}, item.all
  local names = o["$select"] and options.split(o["$select"])
  if not names then
    merge(out, source)
  else
    for _, name in ipairs(names) do
      local v = (cast and item.all or item.base)[name]
      if v == nil then
        local base = item.all ~= item.base and not cast
        unknown(name, base and BASE_KIND.attribute or item.kind)
      end
      out[name] = v
    end
    out.MetadataId = item.all.MetadataId
  end
  if item.all ~= item.base and not cast then out["@odata.type"] = "#" .. CRM .. item.kind end
  if o["$expand"] then expand_into(item, o["$expand"], out, cast) end
  return out
end

local function list(items, o, cast)
  local test = o["$filter"] and filter.compile(scope_for(cast and "all" or "base"),
    filter.parse(o["$filter"], o))
  local out = json.array({})
  for _, item in ipairs(items) do
    if not test or test(item) == true then out[#out + 1] = show(item, o, cast) end
  end
  return out
end

function expand_into(item, text, out, cast)
  for _, entry in ipairs(options.expand(text)) do
    local make = item.expand[entry.nav]
    if not make or (item.all ~= item.base and not cast) then unknown(entry.nav, item.kind) end
    local v = make()
    if v ~= json.null and v.Name == nil then v = list(v, entry.options, false) end
    if v ~= json.null and v.Name and entry.options["$select"] then
      local some = { MetadataId = v.MetadataId }
      for _, name in ipairs(options.split(entry.options["$select"])) do some[name] = v[name] end
      v = some
    end
    out[entry.nav] = v
  end
end

local function not_found(what)
  refuse(404, "0x80060888", "Could not find the definition '%s'.", what)
end

local function keyed(items, key)
  local name, value = key:match("^(%a+)='(.*)'$")
  for _, item in ipairs(items) do
    local found = name and item.all[name] == value
    if found or (not name and item.all.MetadataId == key:lower()) then return item end
  end
  not_found(key)
end

local function only(items, kind)
  local out = {}
  for _, item in ipairs(items) do
    if item.kind == kind then out[#out + 1] = item end
  end
  return out
end

local function context(rq, name) return rq.base .. "$metadata#" .. name end

local function answer_list(rq, name, items, cast)
  return { ["@odata.context"] = context(rq, name), value = list(items, rq.options, cast) }
end

local function answer_one(rq, name, item, cast)
  local out = show(item, rq.options, cast)
  out["@odata.context"] = context(rq, name .. "/$entity")
  return out
end

-- What follows a table: a collection, one of it, each with a cast.
local function inner(rq, item, parts)
  local name, key = parts[2]:match("^(%a+)%((.*)%)$")
  local make = item.expand[name or parts[2]]
  if not make then
    refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", parts[2])
  end
  local items, cast = make(), parts[3] and parts[3]:match("^Microsoft%.Dynamics%.CRM%.(%a+)$")
  if parts[3] and not cast then
    refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", parts[3])
  end
  local full = "EntityDefinitions('" .. item.all.LogicalName .. "')/" .. (name or parts[2])
  if not key then return answer_list(rq, full, cast and only(items, cast) or items, cast) end
  local one = keyed(items, key)
  if cast and one.kind ~= cast then not_found(key .. "/" .. cast) end
  return answer_one(rq, full, one, cast)
end

local function definitions(tracked)
  local out = {}
  for _, t in pairs(schema.tables) do out[#out + 1] = definition(t, tracked) end
  return sorted(out)
end

local function relationships()
  local out = {}
  for _, t in pairs(schema.tables) do
    for _, item in ipairs(CHILDREN.ManyToOneRelationships(t)) do out[#out + 1] = item end
  end
  return sorted(out)
end

--- The answer to a metadata read. parts: the decoded segments; tracked(t): the tracking flag.
function M.get(rq, parts, tracked)
  local root, key = parts[1]:match("^([%w_]+)%((.*)%)$")
  root = root or parts[1]
  local items = {}
  if root == "EntityDefinitions" then items = definitions(tracked) end
  if root == "RelationshipDefinitions" then items = relationships() end
  if not key then return answer_list(rq, root, items) end
  local item = keyed(items, key)
  if parts[2] and not parts[2]:find(CRM, 1, true) then return inner(rq, item, parts) end
  return answer_one(rq, root, item)
end

return M

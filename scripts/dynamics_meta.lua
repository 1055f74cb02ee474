--- What the CRM's tables look like: sets, columns, options, navigation names.
-- Owns the cache of it: in memory for this generation, as marks "meta:..." for the next start, read
-- anew once a day.  It must never read rows; its requests are not counted as a deal's calls.

local call = require "dynamics_call"

local M = {}

local DAY_MS = 24 * 60 * 60 * 1000
local FORGET_MS = 60 * 1000 -- an unknown column asks again, but not all the time
local SHAPE = 2 -- of what the marks hold; another number is not read

local BASE = "Microsoft.Dynamics.CRM."

-- What a column of each type says beyond its name; one read a type.
local CASTS = {
  { "StringAttributeMetadata", "LogicalName,MaxLength" },
  { "MemoAttributeMetadata", "LogicalName,MaxLength" },
  { "DateTimeAttributeMetadata", "LogicalName,Format,DateTimeBehavior" },
  { "MoneyAttributeMetadata", "LogicalName,Precision,PrecisionSource,MinValue,MaxValue" },
  { "DecimalAttributeMetadata", "LogicalName,Precision,MinValue,MaxValue" },
  { "IntegerAttributeMetadata", "LogicalName,MinValue,MaxValue" },
  { "LookupAttributeMetadata", "LogicalName,Targets" },
  { "PicklistAttributeMetadata", "LogicalName", "OptionSet,GlobalOptionSet" },
  { "MultiSelectPicklistAttributeMetadata", "LogicalName", "OptionSet,GlobalOptionSet" },
  { "StateAttributeMetadata", "LogicalName", "OptionSet" },
  { "StatusAttributeMetadata", "LogicalName", "OptionSet" },
  { "BooleanAttributeMetadata", "LogicalName", "OptionSet" },
}

local tables = {} -- logical name -> { at = ms, meta = }
local sets = {} -- logical name -> set name

local function some(v)
  if v ~= json.null then return v end
  return nil
end

local function value_of(v)
  v = some(v)
  if type(v) == "table" then return some(v.Value) end
  return v
end

local function list_of(v)
  v = some(v)
  return type(v) == "table" and v or {}
end

-- ---- from the service's words to ours ----

local function labels_of(label)
  local out, user = {}, nil
  label = some(label)
  if not label then return nil, out end
  local own = some(label.UserLocalizedLabel)
  if own then user = some(own.Label) end
  for _, l in ipairs(list_of(label.LocalizedLabels)) do
    if some(l.Label) then out[#out + 1] = l.Label end
  end
  return user or out[1], out
end

local function option_of(o)
  local label, labels = labels_of(o.Label)
  return { value = o.Value, label = label, labels = labels, state = some(o.State) }
end

local function options_of(row)
  local set = some(row.OptionSet) or some(row.GlobalOptionSet)
  if not set then return nil end
  local out = {}
  for _, o in ipairs(list_of(set.Options)) do out[#out + 1] = option_of(o) end
  for _, name in ipairs { "TrueOption", "FalseOption" } do
    if some(set[name]) then out[#out + 1] = option_of(set[name]) end
  end
  return out
end

local function type_of(row)
  local name = value_of(row.AttributeTypeName)
  return name and name:gsub("Type$", "") or some(row.AttributeType)
end

local function columns_of(rows)
  local out = {}
  for _, row in ipairs(rows) do
    out[row.LogicalName] = {
      type = type_of(row),
      required = value_of(row.RequiredLevel),
      create = row.IsValidForCreate == true,
      update = row.IsValidForUpdate == true,
    }
  end
  return out
end

local function add_details(columns, rows)
  for _, row in ipairs(rows) do
    local column = columns[row.LogicalName]
    if column then
      column.max = some(row.MaxLength) or column.max
      column.least = some(row.MinValue) or column.least
      column.most = some(row.MaxValue) or column.most
      column.format = some(row.Format) or column.format
      column.behavior = value_of(row.DateTimeBehavior) or column.behavior
      column.precision = some(row.Precision) or column.precision
      column.precision_source = some(row.PrecisionSource) or column.precision_source
      column.targets = some(row.Targets) or column.targets
      column.options = options_of(row) or column.options
    end
  end
end

local function navigation_of(rows)
  local nav = {}
  for _, row in ipairs(rows) do
    local column, name = row.ReferencingAttribute, row.ReferencingEntityNavigationPropertyName
    if some(column) and some(name) then
      nav[column] = nav[column] or {}
      nav[column][row.ReferencedEntity] = name
    end
  end
  return nav
end

-- ---- reading ----

local function definition(logical)
  return "EntityDefinitions(LogicalName=" .. call.q(logical) .. ")"
end

local function reads_for(logical)
  local at = definition(logical)
  local reads = {
    { path = at .. "?$select=LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,"
      .. "ChangeTrackingEnabled", member = "EntitySetName" },
    { path = at .. "/Attributes?$select=LogicalName,AttributeType,AttributeTypeName,RequiredLevel,"
      .. "IsValidForCreate,IsValidForUpdate", member = "value" },
    { path = at .. "/ManyToOneRelationships?$select=ReferencingAttribute,ReferencedEntity,"
      .. "ReferencingEntityNavigationPropertyName", member = "value" },
  }
  for _, cast in ipairs(CASTS) do
    local expand = cast[3] and "&$expand=" .. cast[3] or ""
    local path = at .. "/Attributes/" .. BASE .. cast[1] .. "?$select=" .. cast[2] .. expand
    reads[#reads + 1] = { path = path, member = "value" }
  end
  return reads
end

local function read(logical, strong)
  local doing, reads = "read the definition of " .. logical, reads_for(logical)
  for _, one in ipairs(strong and reads or {}) do
    one.headers = call.headers(nil, { ["Consistency"] = "Strong" })
  end
  local done, answers = call.batch(doing, {}, reads, true)
  if not done then return nil, answers end
  for _, answer in ipairs(answers) do
    if answer.err then return nil, answer.err end
  end
  local about = answers[1].doc
  local meta = {
    logical = logical,
    set = about.EntitySetName,
    id = about.PrimaryIdAttribute,
    name = some(about.PrimaryNameAttribute),
    tracked = about.ChangeTrackingEnabled == true,
    columns = columns_of(list_of(answers[2].doc.value)),
    nav = navigation_of(list_of(answers[3].doc.value)),
  }
  for i = 4, #answers do add_details(meta.columns, list_of(answers[i].doc.value)) end
  return meta
end

local function from_mark(logical)
  local mark = host.store.mark_get("meta:" .. logical)
  local kept = mark and json.decode(mark)
  if type(kept) == "table" and kept.shape == SHAPE then return kept end
  return nil
end

--- The definition of a table as it is now, kept for this start and the next; what was known of it
--- stays if that fails.  (suspends)
---@param logical string
---@param strong boolean|nil  past the caches of the service: what was defined just now as well
---@return table|nil meta, table|nil err  kind absent: there is no such table
function M.table_anew(logical, strong)
  local meta, err = read(logical, strong)
  if not meta then return nil, err end
  local kept = { at = host.now_ms(), shape = SHAPE, meta = meta }
  tables[logical], sets[logical] = kept, meta.set
  local stored, bad = host.store.mark_set("meta:" .. logical, json.encode(kept))
  if not stored and bad then return nil, bad end
  return meta
end

--- The definition of a table, from the cache if it is younger than a day.  (suspends)
---@param logical string
---@return table|nil meta, table|nil err
function M.table(logical)
  local now = host.now_ms()
  local kept = tables[logical] or from_mark(logical)
  if kept and now - kept.at < DAY_MS and now >= kept.at then
    tables[logical] = kept
    return kept.meta
  end
  local meta, err = M.table_anew(logical)
  -- An old definition is better than none while the CRM cannot be reached.
  if not meta and kept and (err.kind == "net" or err.kind == "busy") then return kept.meta end
  return meta, err
end

--- Drops what is known of a table, because something of it was unknown; true if asking again makes
--- sense (it was not read just now).
---@param logical string
---@return boolean
function M.forget(logical)
  local kept = tables[logical] or from_mark(logical)
  local age = kept and host.now_ms() - kept.at
  if age and age >= 0 and age < FORGET_MS then return false end
  tables[logical] = nil
  host.store.mark_set("meta:" .. logical, nil)
  return true
end

--- The set name of a table, without reading all of its definition.  (suspends)
---@param logical string
---@return string|nil, table|nil
function M.set_of(logical)
  if tables[logical] then return tables[logical].meta.set end
  if sets[logical] then return sets[logical] end
  local mark = "meta:set:" .. logical
  local name = host.store.mark_get(mark)
  if not name then
    local doc, err = call.send("read the definition of " .. logical,
      { method = "GET", path = definition(logical) .. "?$select=EntitySetName", page = true },
      "EntitySetName")
    if not doc then return nil, err end
    name = doc.EntitySetName
    host.store.mark_set(mark, name)
  end
  sets[logical] = name
  return name
end

local function list(doing, path)
  local doc, err = call.send(doing, { method = "GET", path = path, page = true }, "value")
  if not doc then return nil, err end
  return list_of(doc.value)
end

--- Custom tables whose name begins with this: { {name=, set=, display=, tracked=}, ... }.
--- (suspends)
---@param prefix string
---@return table[]|nil, table|nil
function M.tables_with_prefix(prefix)
  -- Definitions know no startswith, so the choice is made here.
  local rows, err = list("list the tables", "EntityDefinitions?$select=LogicalName,EntitySetName,"
    .. "DisplayName,ChangeTrackingEnabled&$filter=IsCustomEntity%20eq%20true")
  if not rows then return nil, err end
  local out = {}
  for _, row in ipairs(rows) do
    if row.LogicalName:sub(1, #prefix) == prefix then
      out[#out + 1] = {
        name = row.LogicalName, set = row.EntitySetName, display = labels_of(row.DisplayName),
        tracked = row.ChangeTrackingEnabled == true,
      }
    end
  end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

--- All tables of the CRM: { { name =, label = }, ... }.  (suspends)
---@return { name: string, label: string|nil }[]|nil, table|nil
function M.names()
  local rows, err = list("list the tables", "EntityDefinitions?$select=LogicalName,DisplayName")
  if not rows then return nil, err end
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = { name = row.LogicalName, label = (labels_of(row.DisplayName)) }
  end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

--- What people call the columns of a table: { column = { label = in our user's language, labels =
--- in every one } }.  (suspends)
---@param logical string
---@return table<string, { label: string|nil, labels: string[] }>|nil, table|nil
function M.labels(logical)
  local rows, err = list("read the labels of " .. logical,
    definition(logical) .. "/Attributes?$select=LogicalName,DisplayName")
  if not rows then return nil, err end
  local out = {}
  for _, row in ipairs(rows) do
    local label, labels = labels_of(row.DisplayName)
    out[row.LogicalName] = { label = label, labels = labels }
  end
  return out
end

--- The 1:N relationships of a table: { {name=, referencing=, column=, navigation=,
--- referenced_navigation=}, ... }.  (suspends)
---@param logical string
---@return table[]|nil, table|nil
function M.relations(logical)
  local rows, err = list("read the relationships of " .. logical, definition(logical)
    .. "/OneToManyRelationships?$select=SchemaName,ReferencingEntity,ReferencingAttribute,"
    .. "ReferencingEntityNavigationPropertyName,ReferencedEntityNavigationPropertyName")
  if not rows then return nil, err end
  local out = {}
  for _, row in ipairs(rows) do
    out[#out + 1] = {
      name = row.SchemaName,
      referencing = row.ReferencingEntity,
      column = row.ReferencingAttribute,
      navigation = some(row.ReferencingEntityNavigationPropertyName),
      referenced_navigation = some(row.ReferencedEntityNavigationPropertyName),
    }
  end
  return out
end

return M

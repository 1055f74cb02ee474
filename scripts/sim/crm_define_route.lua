-- Writing definitions in the practice CRM: POST, PUT and DELETE of tables, columns and keys here,
-- of relationships and global option sets in crm_define_relations. Each is checked against the
-- present world and takes effect when its unit of work is committed. What a body means is
-- crm_define_body's.
local body_of = require("sim.crm_define_body")
local items = require("sim.crm_meta_items")
local keys = require("sim.crm_keys")
local meta = require("sim.crm_meta")
local platform = require("sim.crm_platform")
local schema = require("sim.crm_schema")
local relations = require("sim.crm_define_relations")
local security = require("sim.crm_security")
local solution = require("sim.crm_solution")
local tools = require("sim.crm_define_tools")

local M = {}
local refuse, bad = schema.refuse, body_of.bad
local need, some = body_of.need, body_of.some

local change, may, made, nothing = tools.change, tools.may, tools.made, tools.nothing
local merging, managed, COMPONENT = tools.merging, tools.managed, tools.COMPONENT
local check_new_column = tools.check_new_column

-- ---- Columns ----

local function add_column(rq, t, body)
  local publisher = body_of.publisher(rq.work, need(body, "SchemaName", "string"))
  local name = body.SchemaName:lower()
  check_new_column(t, name)
  if some(body, "IsPrimaryName") == true then
    refuse(400, "0x8004701e", "The entity '%s' has a primary name already.", t.logical)
  end
  change(rq, { op = "column", table = t.logical, name = name,
    spec = body_of.column(body, publisher) })
  return made(rq, "column", items.column_id(t.logical, name), "EntityDefinitions("
    .. items.table_id(t.logical) .. ")/Attributes")
end

-- Labels that differ from the published ones wait until the table is published.
local function relabel(rq, body, thing, names, e)
  e.op, e.set = "label", {}
  for member, own in pairs(names) do
    local given = some(body, member) and body_of.label(body[member])
    local old = thing.waiting and thing.waiting[own] or thing[own]
    local new = given and body_of.merged(old, given, merging(rq))
    if new and json.encode(items.label(new)) ~= json.encode(items.label(thing[own] or {})) then
      e.set[own] = new
    end
  end
  if next(e.set) then change(rq, e) end
end

local function same_name(body, name)
  if some(body, "LogicalName") and body.LogicalName ~= name then bad("Names do not change.") end
end

local function put_column(rq, item, body)
  local t = schema.tables[item.base.EntityLogicalName]
  local c = t.columns[item.base.LogicalName]
  same_name(body, c.logical)
  change(rq, { op = "column+", table = t.logical, name = c.logical,
    set = body_of.changed(body, c) })
  relabel(rq, body, c, { DisplayName = "label", Description = "description" },
    { table = t.logical, column = c.logical })
  solution.add(rq, COMPONENT.column, item.base.MetadataId)
  return nothing
end

local function in_a_key(t, name, now)
  for _, key in ipairs(keys.all(t, now)) do
    for _, column in ipairs(key.columns) do
      if column == name then return key.name end
    end
  end
end

local function drop_column(rq, item)
  local t = schema.tables[item.base.EntityLogicalName]
  local c = t.columns[item.base.LogicalName]
  if not c.custom or c.managed then managed("The column " .. c.logical) end
  local key = in_a_key(t, c.logical, rq.work.who.now)
  if key or c.logical == t.name or t.intersect then
    refuse(400, "0x8004F01F", "The column '%s' cannot be deleted: %s depends on it.", c.logical,
      key or t.logical)
  end
  change(rq, { op = "column-", table = t.logical, name = c.logical })
  security.clear(rq.work, t.logical, c.logical)
  solution.remove(rq, item.base.MetadataId)
  return nothing
end

-- ---- Tables ----

local OWNERSHIP = { UserOwned = "User", OrganizationOwned = "Organization" }

local function flag_of(body, name)
  local v = need(body, name)
  if type(v) ~= "boolean" then bad("'%s' is true or false.", name) end
  return v
end

--- How the service makes a set's name of a table's.
local function plural(name)
  if name:find("[^aeiou]y$") then return name:sub(1, -2) .. "ies" end
  return name .. (name:find("[sxz]$") and "es" or name:find("[cs]h$") and "es" or "s")
end

-- The primary name among the columns of a new table, and the others.
local function split_columns(body)
  local primary, others = nil, {}
  for _, a in ipairs(need(body, "Attributes", "table")) do
    if some(a, "IsPrimaryName") ~= true then
      others[#others + 1] = a
    elseif primary then
      refuse(400, "0x8004701e", "A table has one primary name.")
    else
      primary = a
    end
  end
  if not primary or body_of.kind(primary) ~= "String" then
    bad("A table needs one String column that is its primary name.")
  end
  return primary, others
end

local function table_spec(body)
  local display = body_of.label(need(body, "DisplayName"))
  local spec = { display = display, schema = body.SchemaName,
    plural = body_of.label(need(body, "DisplayCollectionName")),
    description = some(body, "Description") and body_of.label(body.Description) or nil,
    ownership = OWNERSHIP[need(body, "OwnershipType")] or bad("This OwnershipType is not known."),
    notes = flag_of(body, "HasNotes"), activities = flag_of(body, "HasActivities"),
    tracked = some(body, "ChangeTrackingEnabled") == true,
    set = (some(body, "EntitySetName", "string") or plural(body.SchemaName:lower())):lower() }
  if flag_of(body, "IsActivity") then bad("The practice CRM makes no activity tables.") end
  if schema.tables[body.SchemaName:lower()] or schema.by_set[spec.set] then
    refuse(400, "0x8006088E", "The collection name '%s' is taken.", spec.set)
  end
  body_of.members(body, items.definition(schema, schema.tables.account))
  return spec
end

local function post_table(rq, body)
  may(rq, "Create", "Entity")
  local publisher = body_of.publisher(rq.work, need(body, "SchemaName", "string"))
  local name, spec = body.SchemaName:lower(), table_spec(body)
  local primary, others = split_columns(body)
  body_of.publisher(rq.work, need(primary, "SchemaName", "string"))
  spec.name = primary.SchemaName:lower()
  local column = body_of.column(primary, publisher)
  if column.format ~= "Text" then bad("The FormatName of a primary name is Text.") end
  change(rq, { op = "table", name = name, spec = spec, column = column })
  for _, other in ipairs(others) do
    change(rq, { op = "column", table = name, name = need(other, "SchemaName", "string"):lower(),
      spec = body_of.column(other, body_of.publisher(rq.work, other.SchemaName)) })
  end
  platform.furnish(rq.work, name, body_of.text(spec.plural), spec.name)
  return made(rq, "table", items.table_id(name), "EntityDefinitions")
end

-- An intersect table is tracked only if both sides are.
local function check_tracking(t)
  for _, pair in pairs(t.intersect and schema.pairs or {}) do
    local tracked = schema.tables[pair.table1].tracked and schema.tables[pair.table2].tracked
    if pair.intersect == t.logical and not tracked then
      refuse(400, "0x80072492", "Change tracking of '%s' needs it on both sides.", t.logical)
    end
  end
end

local function put_table(rq, item, body)
  may(rq, "Write", "Entity")
  local t = item.table
  body_of.members(body, item)
  same_name(body, t.logical)
  local tracked, notes = need(body, "ChangeTrackingEnabled"), some(body, "HasNotes")
  if tracked and not t.tracked then check_tracking(t) end
  if tracked ~= (t.tracked == true) or (notes ~= nil and notes ~= item.all.HasNotes) then
    change(rq, { op = "table+", name = t.logical, set = { tracked = tracked, notes = notes } })
  end
  relabel(rq, body, t, { DisplayName = "display", DisplayCollectionName = "plural",
    Description = "description" }, { table = t.logical })
  solution.add(rq, COMPONENT.table, item.all.MetadataId)
  return nothing
end

local function relation_id(name) return schema.definition_id("relation:" .. tostring(name)) end

local function drop_table(rq, item)
  may(rq, "Delete", "Entity")
  local t = item.table
  if not t.born or t.intersect or t.managed then managed("The table " .. t.logical) end
  for _, key in ipairs(keys.all(t, rq.work.who.now)) do
    rq.work:defer(function() keys.drop(t, key.name) end)
  end
  change(rq, { op = "table-", name = t.logical })
  solution.remove(rq, item.all.MetadataId)
  for _, name in ipairs(t.order) do
    solution.remove(rq, items.column_id(t.logical, name))
  end
  for _, l in ipairs(t.links) do solution.remove(rq, relation_id(l.schema)) end
  for _, l in pairs(t.many) do
    if l.column then -- the look-up that led here goes too
      solution.remove(rq, items.column_id(l.table, l.column))
      solution.remove(rq, relation_id(l.schema))
    end
  end
  platform.clear(rq.work, t.logical)
  return nothing
end

-- ---- Keys ----

local KEYABLE = { String = true, Integer = true, Decimal = true, DateTime = true, Lookup = true,
  Picklist = true, Customer = true }
local MOST_COLUMNS, MOST_BYTES = 16, 900

local function key_columns(t, body)
  local list, bytes = need(body, "KeyAttributes", "table"), 0
  if not json.is_array(list) or #list == 0 or #list > MOST_COLUMNS then
    bad("A key has 1 to %d columns.", MOST_COLUMNS)
  end
  for _, name in ipairs(list) do
    local c = t.columns[name]
    if not c then refuse(400, "0x80041103", "'%s' has no column '%s'.", t.logical, name) end
    if c.secured then bad("The column '%s' is secured and cannot be in a key.", name) end
    if not KEYABLE[c.type] then bad("A column of the type %s cannot be in a key.", c.type) end
    bytes = bytes + (c.type == "String" and c.max * 2 or 16)
  end
  if bytes > MOST_BYTES then bad("The columns of a key have at most %d bytes.", MOST_BYTES) end
  return list
end

local function post_key(rq, t, body)
  may(rq, "Create", "EntityKey")
  body_of.publisher(rq.work, need(body, "SchemaName", "string"))
  local name, now = body.SchemaName:lower(), rq.work.who.now
  local there = keys.all(t, now)
  for _, key in ipairs(there) do
    if key.name == name then
      refuse(400, "0x80060893", "An entity key with the name '%s' already exists.", name)
    end
  end
  if #there >= keys.MOST then bad("A table has at most %d keys.", keys.MOST) end
  local key = { name = name, schema = body.SchemaName, columns = key_columns(t, body), at = now,
    label = body_of.label(need(body, "DisplayName")),
    active_at = now + rq.work.who.switch("key_index_ms") }
  rq.work:defer(function() keys.put(t, key, now) end)
  return made(rq, "key", items.key_id(t.logical, name), "EntityDefinitions("
    .. items.table_id(t.logical) .. ")/Keys")
end

local function drop_key(rq, item)
  may(rq, "Delete", "EntityKey")
  local t = schema.tables[item.all.EntityLogicalName]
  rq.work:defer(function() keys.drop(t, item.all.LogicalName) end)
  solution.remove(rq, item.all.MetadataId)
  return nothing
end

-- ---- Which is meant ----

local POST = { EntityDefinitions = post_table, RelationshipDefinitions = relations.post,
  GlobalOptionSetDefinitions = relations.post_options }
local PUT = { EntityDefinitions = put_table, RelationshipDefinitions = relations.put,
  GlobalOptionSetDefinitions = relations.put_options }
local DELETE = { EntityDefinitions = drop_table, RelationshipDefinitions = relations.drop,
  GlobalOptionSetDefinitions = relations.drop_options }

local function no_method(rq)
  refuse(405, "0x80060888", "The requested resource does not support http method '%s'.", rq.method)
end

-- The body; a cast in the address stands for the type that the body does not name.
local function parsed(rq, cast)
  local body = rq.body ~= "" and json.decode(rq.body)
  if type(body) ~= "table" or json.is_array(body) then
    refuse(400, "0x80048d19", "An object was expected as the body.")
  end
  body["@odata.type"] = body["@odata.type"] or cast
  return body
end

-- Below a table: Attributes and Keys.
local function below(rq, parts)
  local name = parts[2]:match("^%a+")
  if rq.method == "POST" and parts[2] == name then
    local t = meta.find(rq, { parts[1] }).table
    if name == "Attributes" then
      may(rq, "Create", "Attribute")
      return add_column(rq, t, parsed(rq))
    end
    return name == "Keys" and post_key(rq, t, parsed(rq)) or no_method(rq)
  end
  local _, item = meta.find(rq, parts)
  if name == "Attributes" and item and rq.method == "PUT" then
    may(rq, "Write", "Attribute")
    return put_column(rq, item, parsed(rq, parts[3]))
  end
  if name == "Attributes" and item and rq.method == "DELETE" then
    may(rq, "Delete", "Attribute")
    return drop_column(rq, item)
  end
  if name == "Keys" and item and rq.method == "DELETE" then return drop_key(rq, item) end
  no_method(rq)
end

--- Does what a request asks of a definition; answers its finishing function.
function M.run(rq, parts)
  local root, key = parts[1]:match("^([%w_]+)(.*)$")
  local cast = parts[2] and parts[2]:match("^Microsoft%.Dynamics%.CRM%.")
  if parts[2] and not cast then return below(rq, parts) end
  if rq.method == "POST" and key == "" then return POST[root](rq, parsed(rq)) end
  if key == "" then no_method(rq) end
  local item = meta.find(rq, { parts[1] })
  if rq.method == "PUT" then return PUT[root](rq, item, parsed(rq)) end
  if rq.method == "DELETE" then return DELETE[root](rq, item) end
  no_method(rq)
end

return M

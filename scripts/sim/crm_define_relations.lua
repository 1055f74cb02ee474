-- Writing relationships (1:N with their look-ups, N:N) and global option sets in the practice CRM.
-- Checked here, applied by crm_define at the commit.
local body_of = require("sim.crm_define_body")
local items = require("sim.crm_meta_items")
local schema = require("sim.crm_schema")
local solution = require("sim.crm_solution")
local tools = require("sim.crm_define_tools")

local M = {}
local refuse, bad = schema.refuse, body_of.bad
local need, some = body_of.need, body_of.some
local change, may, made, nothing = tools.change, tools.may, tools.made, tools.nothing
local merging, managed, COMPONENT = tools.merging, tools.managed, tools.COMPONENT
local check_new_column = tools.check_new_column

-- ---- Relationships ----

local CASCADE = { Delete = { Cascade = true, RemoveLink = true, Restrict = true } }
local ANY = { Cascade = true, NoCascade = true, Active = true, UserOwned = true, RemoveLink = true,
  Restrict = true }

local function cascade_of(body)
  local given = some(body, "CascadeConfiguration", "table") or {}
  for name, v in pairs(given) do
    if not tostring(name):find("@", 1, true) and not (CASCADE[name] or ANY)[v] then
      bad("'%s' is not a valid cascade of %s.", tostring(v), name)
    end
  end
  return given
end

local function check_new_relation(name)
  for _, item in ipairs(items.ROOTS.RelationshipDefinitions(schema)) do
    if item.all.SchemaName:lower() == name:lower() then
      refuse(400, "0x8004432B", "The relationship name '%s' is taken.", name)
    end
  end
end

local function check_nav(t, nav)
  if t.nav[nav] or t.many[nav] or t.columns[nav] then
    bad("'%s' is the name of something else in '%s'.", nav, t.logical)
  end
  return nav
end

--- What a look-up says of one table it leads to.
local function side_of(body, lookup)
  local cascade = cascade_of(body)
  local name = need(body, "SchemaName", "string")
  return { schema = name, cascade = cascade, delete = cascade.Delete or "RemoveLink",
    menu = some(body, "AssociatedMenuConfiguration", "table"),
    nav = some(body, "ReferencingEntityNavigationPropertyName", "string") or lookup.SchemaName,
    many = some(body, "ReferencedEntityNavigationPropertyName", "string") or name }
end

local function post_one_to_many(rq, body)
  body_of.publisher(rq.work, need(body, "SchemaName", "string"))
  check_new_relation(body.SchemaName)
  local to, from = body_of.table(need(body, "ReferencedEntity", "string")),
    body_of.table(need(body, "ReferencingEntity", "string"))
  if (some(body, "ReferencedAttribute") or to.id) ~= to.id then
    bad("The ReferencedAttribute of '%s' is '%s'.", to.logical, to.id)
  end
  local lookup = need(body, "Lookup", "table")
  body_of.publisher(rq.work, need(lookup, "SchemaName", "string"))
  local name, side = lookup.SchemaName:lower(), side_of(body, lookup)
  check_new_column(from, name)
  check_nav(to, side.many)
  if side.nav ~= name then check_nav(from, side.nav) end
  change(rq, { op = "column", table = from.logical, name = name, spec = body_of.common(lookup,
    { type = "Lookup", targets = { [to.logical] = side } }) })
  solution.add(rq, COMPONENT.column, items.column_id(from.logical, name))
end

local function post_many_to_many(rq, body)
  body_of.publisher(rq.work, need(body, "SchemaName", "string"))
  check_new_relation(body.SchemaName)
  local one = body_of.table(need(body, "Entity1LogicalName", "string"))
  local two = body_of.table(need(body, "Entity2LogicalName", "string"))
  local intersect = (some(body, "IntersectEntityName", "string") or body.SchemaName):lower()
  body_of.publisher(rq.work, intersect)
  if schema.tables[intersect] then
    refuse(400, "0x8006088E", "The name '%s' is taken.", intersect)
  end
  local p = { schema = body.SchemaName, table1 = one.logical, table2 = two.logical,
    intersect = intersect, column1 = one.id, column2 = two.id,
    tracked = one.tracked and two.tracked or false,
    menu1 = some(body, "Entity1AssociatedMenuConfiguration", "table"),
    menu2 = some(body, "Entity2AssociatedMenuConfiguration", "table"),
    nav1 = some(body, "Entity1NavigationPropertyName", "string") or body.SchemaName,
    nav2 = some(body, "Entity2NavigationPropertyName", "string") or body.SchemaName }
  if one == two then p.column1, p.column2 = one.id .. "one", one.id .. "two" end
  if one == two and p.nav1 == p.nav2 then p.nav2 = p.nav2 .. "_two" end
  check_nav(one, p.nav1)
  check_nav(two, p.nav2)
  change(rq, { op = "pair", schema = p.schema, spec = p })
end

--- A customer look-up (account and contact) and its two relationships: their ids, the column's id.
function M.customer(rq, body)
  may(rq, "Create", "Relationship")
  local lookup, list = need(body, "Lookup", "table"), need(body, "OneToManyRelationships", "table")
  body_of.publisher(rq.work, need(lookup, "SchemaName", "string"))
  local name, targets, ids, from = lookup.SchemaName:lower(), {}, {}, nil
  for i, one in ipairs(list) do
    check_new_relation(need(one, "SchemaName", "string"))
    from = body_of.table(need(one, "ReferencingEntity", "string"))
    local side = side_of(one, lookup)
    side.nav = name .. "_" .. need(one, "ReferencedEntity", "string")
    targets[one.ReferencedEntity] = side
    ids[i] = schema.definition_id("relation:" .. one.SchemaName)
  end
  if not (targets.account and targets.contact and #list == 2) then
    bad("A customer look-up leads to account and contact.")
  end
  check_new_column(from, name)
  change(rq, { op = "column", table = from.logical, name = name,
    spec = body_of.common(lookup, { type = "Customer", targets = targets }) })
  local id = items.column_id(from.logical, name)
  solution.add(rq, COMPONENT.column, id, some(body, "SolutionUniqueName"))
  return ids, id
end

local RELATIONS = { OneToManyRelationshipMetadata = post_one_to_many,
  ManyToManyRelationshipMetadata = post_many_to_many }

function M.post(rq, body)
  may(rq, "Create", "Relationship")
  local kind = tostring(body["@odata.type"]):match("Microsoft%.Dynamics%.CRM%.(%a+)$")
  local make = RELATIONS[kind]
    or bad("A relationship needs an @odata.type that names its kind.")
  make(rq, body)
  return made(rq, "relation", schema.definition_id("relation:" .. body.SchemaName),
    "RelationshipDefinitions")
end

function M.drop(rq, item)
  may(rq, "Delete", "Relationship")
  local all = item.all
  if all.IsManaged then managed("The relationship " .. all.SchemaName) end
  if schema.pairs[all.SchemaName] then
    change(rq, { op = "pair-", schema = all.SchemaName })
  else
    change(rq, { op = "column-", table = all.ReferencingEntity, name = all.ReferencingAttribute })
    solution.remove(rq, items.column_id(all.ReferencingEntity, all.ReferencingAttribute))
  end
  solution.remove(rq, all.MetadataId)
  return nothing
end

function M.put(rq, item, body)
  may(rq, "Write", "Relationship")
  local all = item.all
  if not schema.pairs[all.SchemaName] then
    local cascade = cascade_of(body)
    change(rq, { op = "column+", table = all.ReferencingEntity, name = all.ReferencingAttribute,
      relation = all.SchemaName, to = { cascade = cascade, delete = cascade.Delete,
        menu = some(body, "AssociatedMenuConfiguration", "table") } })
  end
  solution.add(rq, COMPONENT.relation, all.MetadataId)
  return nothing
end

-- ---- Global option sets ----

local SET_MEMBERS = items.global({ name = "", label = "", options = {} })

function M.post_options(rq, body)
  may(rq, "Create", "OptionSet")
  local publisher = body_of.publisher(rq.work, need(body, "Name", "string"))
  body_of.members(body, SET_MEMBERS)
  local name = body.Name:lower()
  if schema.globals[name] then
    refuse(400, "0x80044345", "An option set with the name '%s' already exists.", name)
  end
  if (some(body, "OptionSetType") or "Picklist") ~= "Picklist" then
    bad("A global option set is of the type Picklist.")
  end
  change(rq, { op = "options", name = name, spec = { name = name,
    label = body_of.label(need(body, "DisplayName")), born = rq.work.who.now,
    description = some(body, "Description") and body_of.label(body.Description) or nil,
    options = body_of.options(need(body, "Options", "table"), publisher) } })
  return made(rq, "options", schema.definition_id("global:" .. name),
    "GlobalOptionSetDefinitions")
end

-- Names only; options have actions of their own.
function M.put_options(rq, item, body)
  may(rq, "Write", "OptionSet")
  body_of.members(body, SET_MEMBERS)
  local set = schema.globals[item.all.Name]
  local function new(member, old)
    local given = some(body, member) and body_of.label(body[member])
    return given and body_of.merged(old, given, merging(rq)) or old
  end
  change(rq, { op = "options+", name = set.name, set = { label = new("DisplayName", set.label),
    description = new("Description", set.description) } })
  solution.add(rq, COMPONENT.options, item.all.MetadataId)
  return nothing
end

function M.drop_options(rq, item)
  may(rq, "Delete", "OptionSet")
  for _, t in pairs(schema.tables) do
    for _, c in pairs(t.columns) do
      if c.global == item.all.Name then
        refuse(400, "0x8004F01F", "The option set '%s' cannot be deleted: %s.%s depends on it.",
          c.global, t.logical, c.logical)
      end
    end
  end
  change(rq, { op = "options-", name = item.all.Name })
  solution.remove(rq, item.all.MetadataId)
  return nothing
end

return M

-- What the practice CRM is like at this moment: tables by name and by set, columns, navigation
-- properties, collections. It begins as crm_tables says; crm_define changes it as clients define
-- things. Views are computed here, at each change. Also the error that every part of the practice
-- CRM raises and the door of a request turns into an answer.
local joined = require("sim.crm_tables_pairs")
local own = require("sim.crm_tables_own")
local SHIPPED = { require("sim.crm_tables").tables, require("sim.crm_tables_admin").tables,
  own.tables, joined.tables }

local M = { tables = {}, by_set = {}, globals = {} }

--- Raises an answer: refusals travel as {status=, code=, message=} to the door of the request.
function M.refuse(status, code, message, ...)
  if select("#", ...) > 0 then message = string.format(message, ...) end
  error({ status = status, code = code, message = message }, 0)
end

local function capital(name) return (name:gsub("^%l", string.upper)) end

-- Fixed ids for definitions, so that they are the same in every run.
local function definition_id(text)
  local h = 5381
  for i = 1, #text do h = (h * 33 + text:byte(i)) & 0xffffffffffff end
  return string.format("%08x-%04x-4000-8000-%012x", (h * 2654435761) & 0xffffffff, h & 0xffff, h)
end
M.definition_id = definition_id

local function add_links(t, column)
  for target, to in pairs(column.targets) do
    local entry = { table = t.logical, column = column.logical, target = target, nav = to.nav,
      many = to.many, schema = to.schema, delete = to.delete or "NoCascade", about = to,
      owner = column.type == "Owner", custom = column.custom }
    t.links[#t.links + 1] = entry
    t.nav[to.nav] = t.nav[to.nav] or { column = column.logical, links = {} }
    t.nav[to.nav].links[target] = entry
  end
end

-- The views of one table; again after each change of its columns.
local function complete(logical, t)
  t.logical, t.id = logical, t.id or logical .. "id"
  t.schema = t.schema or capital(logical)
  t.columns[t.id] = t.columns[t.id]
    or { type = "Uniqueidentifier", update = false, required = "SystemRequired" }
  t.links, t.nav, t.many, t.lookups, t.order = {}, {}, {}, {}, {}
  for name, c in pairs(t.columns) do
    c.logical, c.table = name, logical
    c.schema = c.schema or (name:find("_", 1, true) and name or capital(name))
    c.read = c.targets and "_" .. name .. "_value" or name
    t.order[#t.order + 1] = name
    if c.targets then t.lookups[c.read] = c end
  end
  table.sort(t.order)
  for _, name in ipairs(t.order) do
    if t.columns[name].targets then add_links(t, t.columns[name]) end
  end
end

-- An N:N relationship seen from one side: a collection whose rows stand behind an intersect table.
local function side(pair, here, there, nav)
  local from, to = pair["column" .. here], pair["column" .. there]
  return { pair = pair, through = pair.intersect, from = from, to = to, many = nav,
    table = pair["table" .. there], schema = pair.schema }
end

--- Computes the views of a world { tables=, by_set=, globals=, pairs= } anew.
function M.relate(world)
  for set in pairs(world.by_set) do world.by_set[set] = nil end
  for logical, t in pairs(world.tables) do
    complete(logical, t)
    world.by_set[t.set] = t
  end
  for _, t in pairs(world.tables) do
    for _, l in ipairs(t.links) do
      local one = world.tables[l.target]
      if one then one.many[l.many] = l end
    end
  end
  for _, pair in pairs(world.pairs) do
    local one, two = world.tables[pair.table1], world.tables[pair.table2]
    one.many[pair.nav1] = side(pair, 1, 2, pair.nav1)
    two.many[pair.nav2] = side(pair, 2, 1, pair.nav2)
  end
end

local function copy(v)
  if type(v) ~= "table" then return v end
  local out = {}
  for k, inner in pairs(v) do out[k] = copy(inner) end
  return out
end
M.copy = copy

--- Makes a world as it is shipped, in place; its views are not computed yet.
function M.ship(world)
  for _, name in ipairs({ "tables", "by_set", "globals", "pairs" }) do
    world[name] = world[name] or {}
    for k in pairs(world[name]) do world[name][k] = nil end
  end
  for _, tables in ipairs(SHIPPED) do
    for logical, t in pairs(tables) do world.tables[logical] = copy(t) end
  end
  own.add(world.tables, copy)
  for name, p in pairs(joined.pairs) do world.pairs[name] = copy(p) end
  return world
end

M.relate(M.ship(M))

--- The column a name in $select, $filter or a row means (`name`, `_x_value`), or nil.
function M.column(t, name)
  return t.lookups[name] or (t.columns[name] and not t.columns[name].targets and t.columns[name])
    or nil
end

--- The position of an indexed column among the keys of host.docs, or nil.
function M.index_of(t, logical)
  for i, name in ipairs(t.index) do
    if name == logical then return i end
  end
end

function M.type_name(t) return "Microsoft.Dynamics.CRM." .. t.logical end

return M

-- What clients defined in the practice CRM: tables, columns, option sets, relationships, labels,
-- tracking. Owns the collection "crm_defined": a log, one row a change, in order. The present world
-- (crm_schema) is the shipped one with every change applied; an earlier one, as a lagging cache
-- shows it, is the shipped one with the changes up to then. Checks nothing: that is
-- crm_define_body.
local C = require("sim.crm_columns")
local schema = require("sim.crm_schema")
local store = require("sim.crm_store")
local stored = require("sim.stored")

local M = {}

local LOG = "crm_defined"
local PART = 500
local last = 0

local function set_all(into, from)
  for k, v in pairs(from or {}) do into[k] = v end
end

local function custom(columns)
  for _, c in pairs(columns) do c.custom = true end
  return columns
end

--- The tables of the original connector that there are.
function M.connector_tables(world)
  local out = {}
  for logical in pairs(world.tables) do
    if logical:find("^msft_") then out[#out + 1] = logical end
  end
  return out
end

-- ---- What each kind of change does to a world ----

local APPLY = {}

local function standard(logical, ownership)
  local out = C.columns(C.history(logical), ownership == "User" and C.owned(logical) or {},
    C.active())
  return out
end

function APPLY.table(world, e)
  local t = schema.copy(e.spec)
  t.columns = standard(e.name, t.ownership)
  t.columns[t.name] = schema.copy(e.column)
  t.columns[t.name].custom = true
  t.custom, t.born, t.index = true, e.at, { t.name }
  world.tables[e.name] = t
end

APPLY["table+"] = function(world, e) set_all(world.tables[e.name], schema.copy(e.set)) end

function APPLY.tracking(world, e) world.tables[e.table].tracked = e.on end

APPLY["table-"] = function(world, e)
  world.tables[e.name] = nil
  for _, t in pairs(world.tables) do
    for name, c in pairs(t.columns) do
      if c.targets then c.targets[e.name] = nil end
      if c.targets and not next(c.targets) then t.columns[name] = nil end
    end
  end
  for name, pair in pairs(world.pairs) do
    if pair.table1 == e.name or pair.table2 == e.name then
      world.tables[pair.intersect], world.pairs[name] = nil, nil
    end
  end
end

-- Money brings its twin, a currency and an exchange rate to a table that has none.
local function with_money(t, made, logical)
  set_all(made, C.columns(made))
  if not t.columns.transactioncurrencyid then set_all(made, C.currency(logical)) end
end

-- An indexed place for a look-up or a key column while there is room.
local function index(t, name)
  for _, known in ipairs(t.index) do
    if known == name then return end
  end
  if #t.index < 4 then t.index[#t.index + 1] = name end
end

function APPLY.column(world, e)
  local t, c = world.tables[e.table], schema.copy(e.spec)
  local made = { [e.name] = c }
  if c.global then c.options = world.globals[c.global].options end
  if c.type == "Money" then with_money(t, made, e.table) end
  if c.targets and t.custom then index(t, e.name) end
  set_all(t.columns, custom(made))
  c.born, t.custom_choices = e.at, nil
end

APPLY["column+"] = function(world, e)
  local c = world.tables[e.table].columns[e.name]
  set_all(c, schema.copy(e.set))
  if c.targets and e.relation then
    for _, to in pairs(c.targets) do
      if to.schema == e.relation then set_all(to, schema.copy(e.to)) end
    end
  end
end

APPLY["column-"] = function(world, e)
  local t = world.tables[e.table]
  if t.columns[e.name].type == "Money" then t.columns[e.name .. "_base"] = nil end
  t.columns[e.name] = nil
  for i, name in ipairs(t.index) do
    if name == e.name then t.index[i] = t.name end -- the place stays, so that keys keep theirs
  end
end

function APPLY.key(world, e)
  for _, name in ipairs(e.columns) do index(world.tables[e.table], name) end
end

function APPLY.options(world, e) world.globals[e.name] = schema.copy(e.spec) end
APPLY["options-"] = function(world, e) world.globals[e.name] = nil end

-- In place: columns share the list of a global set.
APPLY["options+"] = function(world, e)
  local set = world.globals[e.name]
  set_all(set, schema.copy(e.set))
  if not e.options then return end
  for i = #set.options, 1, -1 do set.options[i] = nil end
  for i, o in ipairs(e.options) do set.options[i] = schema.copy(o) end
end

function APPLY.pair(world, e)
  local p = schema.copy(e.spec)
  local function half(target, column)
    local many = p.schema .. "_" .. column
    return { type = "Lookup", custom = true, targets = { [target] = { nav = column, many = many,
      schema = many, delete = "Cascade" } } }
  end
  world.pairs[p.schema] = p
  world.tables[p.intersect] = { set = p.intersect .. "set", schema = p.intersect, custom = true,
    display = p.intersect, name = p.intersect .. "id", ownership = "None", locked = true,
    intersect = true, index = { p.column1, p.column2 }, tracked = p.tracked, born = e.at,
    columns = { [p.column1] = half(p.table1, p.column1), [p.column2] = half(p.table2, p.column2),
      versionnumber = C.fixed({ type = "BigInt" }) } }
end

APPLY["pair-"] = function(world, e)
  world.tables[world.pairs[e.schema].intersect], world.pairs[e.schema] = nil, nil
end

-- Labels of what is published already wait until the table is published.
function APPLY.label(world, e)
  local thing = world.tables[e.table]
  if e.column then thing = thing.columns[e.column] end
  thing.waiting = thing.waiting or {}
  set_all(thing.waiting, schema.copy(e.set))
end

local function publish(thing)
  set_all(thing, thing.waiting)
  thing.waiting = nil
end

-- What the original connector brought goes, as if it had never been installed.
function APPLY.bare(world)
  local function of_connector(name) return name:find("^msft_") ~= nil end
  for _, logical in ipairs(M.connector_tables(world)) do
    APPLY["table-"](world, { name = logical })
  end
  for logical, t in pairs(world.tables) do
    for name in pairs(t.columns) do
      if of_connector(name) then APPLY["column-"](world, { table = logical, name = name }) end
    end
  end
end

function APPLY.publish(world, e)
  for logical, t in pairs(world.tables) do
    if e.all or e.tables[logical] then
      publish(t)
      for _, c in pairs(t.columns) do publish(c) end
    end
  end
end

-- ---- The log ----

--- Makes the present world from the log; to be called whenever the stored log may be another.
function M.open()
  schema.ship(schema)
  last = 0
  stored.each(LOG, function(r)
    last = math.tointeger(tonumber(r.id))
    APPLY[r.body.op](schema, r.body)
  end)
  schema.relate(schema)
end

-- The rows of a table get their keys anew, tags and all as they were.
local function reindex(t)
  stored.each(store.collection(t), function(r)
    host.docs.put(store.collection(t), r.id, r.body, store.keys(t, r.body), r.tag)
  end)
end

-- What stood in a column that is gone must not come back with a namesake.
local function forget_values(t, reads)
  stored.each(store.collection(t), function(r)
    for _, read in ipairs(reads) do r.body[read] = nil end
    host.docs.put(store.collection(t), r.id, r.body, store.keys(t, r.body), r.tag)
  end)
end

local function forget_rows(t)
  for _, collection in ipairs({ store.collection(t), store.deleted(t) }) do
    repeat
      local part = host.docs.find(collection, { most = PART })
      for _, r in ipairs(part) do host.docs.drop(collection, r.id) end
    until #part < PART
  end
end

local REDEFINES = { column = true, ["column+"] = true, ["column-"] = true, ["table+"] = true }

-- Takes the rows and values of all that the original connector brought away with it.
local function forget_connector()
  for _, logical in ipairs(M.connector_tables(schema)) do forget_rows(schema.tables[logical]) end
  for _, t in pairs(schema.tables) do
    local reads = {}
    for name, c in pairs(t.columns) do
      if name:find("^msft_") then table.move({ c.read, "_" .. name .. "_type" }, 1, 2, #reads + 1,
        reads) end
    end
    if #reads > 0 then forget_values(t, reads) end
  end
end

--- Appends a change and makes it so. now: milliseconds.
function M.change(now, e)
  local gone = e.op == "table-" and schema.tables[e.name]
  if e.op == "bare" then forget_connector() end
  local dropped = e.op == "column-" and schema.tables[e.table].columns[e.name]
  e.at, last = now, last + 1
  host.docs.put(LOG, string.format("%012d", last), e)
  local t = schema.tables[e.table or e.name]
  local indexed = t and #t.index
  APPLY[e.op](schema, e)
  schema.relate(schema)
  if gone then forget_rows(gone) end
  if dropped then
    forget_values(t, { dropped.read, "_" .. e.name .. "_type", e.name .. "_base" })
  end
  if t and indexed ~= #t.index then reindex(t) end
  if REDEFINES[e.op] and t then -- links of change tracking do not outlive a definition
    host.docs.put("crm_state", "definition:" .. t.logical, { why = "definition changed" })
  end
end

--- The world as it was at a time, for who reads through a cache; the present one if nothing was
--- defined since.
function M.as_of(ms)
  local late = false
  stored.each(LOG, function(r) late = late or r.body.at > ms end)
  if not late then return schema end
  local past = schema.ship({})
  stored.each(LOG, function(r)
    if r.body.at <= ms then APPLY[r.body.op](past, r.body) end
  end)
  schema.relate(past)
  return past
end

return M

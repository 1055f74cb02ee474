-- What names mean inside a $filter on rows of the practice CRM: columns, paths over look-ups,
-- collections, and the service's own query functions. Also which index can answer a filter.
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")
local store = require("sim.crm_store")
local filter = require("sim.crm_filter")
local dates = require("sim.dates")
local pairs_of = require("sim.crm_pairs")

local M = {}
local refuse = schema.refuse

local function unknown(t, name)
  refuse(400, "0x0", "Could not find a property named '%s' on type '%s'.", name,
    schema.type_name(t))
end
M.unknown = unknown

-- Follows a look-up from record to record.
local function step(work, t, name)
  local nav = t.nav[name] or unknown(t, name)
  local target = next(nav.links)
  local there, c = schema.tables[target], t.columns[nav.column]
  return there, function(r)
    local id = r and r.body["_" .. nav.column .. "_type"] == target and r.body[c.read]
    local body, tag = nil, nil
    if id then body, tag = work:get(there, id) end
    return body and { id = id, body = body, tag = tag }
  end
end

local function walk(work, t, path, last)
  local steps = {}
  for i = 1, last do
    t, steps[i] = step(work, t, path[i])
  end
  return t, function(r)
    for _, follow in ipairs(steps) do r = follow(r) end
    return r
  end
end

local function column_operand(work, t, path)
  local there, follow = walk(work, t, path, #path - 1)
  local name = path[#path]
  local c = schema.column(there, name) or unknown(there, name)
  local read = c.read
  local get = function(r)
    r = follow(r)
    return r and r.body[read]
  end
  if c.type == "BigInt" then
    get = function(r)
      r = follow(r)
      return r and store.version(r.tag)
    end
  end
  return { name = table.concat(path, "/"), kind = filter.kind_of(c), get = get, column = c }
end

-- The rows of a collection as records.
function M.children(work, link, id)
  if link.through then return pairs_of.children(work, link, id) end
  return work:records(schema.tables[link.table], link.column, id)
end

local function collection(work, t, path)
  local there, follow = walk(work, t, path, #path - 1)
  local link = there.many[path[#path]] or unknown(there, path[#path])
  local child = schema.tables[link.table]
  return {
    rows = function(r)
      r = follow(r)
      return r and M.children(work, link, r.id) or {}
    end,
    scope = function(variable) return M.of(work, child, variable) end,
  }
end

-- ---- Query functions ----

local function property(scope, node)
  local name = node.named.PropertyName
  if type(name) ~= "string" then
    refuse(400, "0x80060888", "The function '%s' needs PropertyName.", node.crm)
  end
  return scope.operand({ name })
end

local function wanted_list(operand, list)
  local out = {}
  for _, v in ipairs(type(list) == "table" and list or {}) do
    local n = operand.kind == "number" and tonumber(v) or operand.kind == "text"
      and values.fold(tostring(v)) or tostring(v):lower()
    out[n] = true
  end
  return out
end

local CRM = {}

function CRM.In(scope, node)
  local operand = property(scope, node)
  local wanted, read = wanted_list(operand, node.named.PropertyValues),
    filter.comparable[operand.kind]
  return function(r)
    local v = operand.get(r)
    if v == nil then return nil end
    return wanted[read(v)] == true
  end
end

function CRM.NotIn(scope, node)
  local test = CRM.In(scope, node)
  return function(r)
    local v = test(r)
    if v == nil then return nil end
    return not v
  end
end

-- The index behind ContainValues follows writes after a while (a switch): until then it holds what
-- a row said before.
local function indexed(scope, operand)
  local lag = scope.switch and scope.switch("contain_values_lag_ms") or 0
  if lag == 0 or not operand.column then return operand.get end
  local was = "_was_" .. operand.column.logical
  return function(r)
    local before = r and r.body[was]
    if before and before.at > scope.now - lag then return before.value end
    return operand.get(r)
  end
end

function CRM.ContainValues(scope, node)
  local operand = property(scope, node)
  local wanted = wanted_list(operand, node.named.PropertyValues)
  local get = indexed(scope, operand)
  return function(r)
    for item in (get(r) or ""):gmatch("[^,]+") do
      if wanted[item] then return true end
    end
    return false
  end
end

function CRM.DoesNotContainValues(scope, node)
  local test = CRM.ContainValues(scope, node)
  return function(r) return not test(r) end
end

local function bound(operand, v)
  if operand.kind == "number" then return tonumber(v) end
  if operand.kind == "datetime" then
    local ms = type(v) == "string" and dates.parse(v)
    return ms and dates.text(ms, 0, "")
  end
  return v
end

local function limits(low, high)
  return function(scope, node)
    local operand = property(scope, node)
    local list = node.named.PropertyValues or { node.named.PropertyValue, node.named.PropertyValue }
    local from, to = low and bound(operand, list[1]), high and bound(operand, list[#list])
    if (low and not from) or (high and not to) then
      refuse(400, "0x80060888", "The function '%s' needs values of the property's type.", node.crm)
    end
    local read = filter.comparable[operand.kind]
    return function(r)
      local v = operand.get(r)
      if v == nil then return nil end
      v = read(v)
      return not (from and v < from) and not (to and v > to)
    end
  end
end

CRM.Between, CRM.OnOrAfter, CRM.OnOrBefore = limits(true, true), limits(true, false),
  limits(false, true)

function CRM.LastXHours(scope, node)
  local operand, hours = property(scope, node), tonumber(node.named.PropertyValue)
  local from = dates.text(scope.now - (hours or 0) * 3600000, 0)
  return function(r)
    local v = operand.get(r)
    if v == nil then return nil end
    return v >= from
  end
end

function CRM.EqualUserId(scope, node)
  local operand = property(scope, node)
  return function(r) return operand.get(r) == scope.user end
end

--- The scope of a table's rows; variable: the name before "/" inside a lambda.
function M.of(work, t, variable)
  local scope = { now = work.who.now, user = work.who.user, switch = work.who.switch }
  local function own(path)
    if not variable then return path end
    if path[1] ~= variable or #path < 2 then unknown(t, path[1]) end
    return { table.unpack(path, 2) }
  end
  function scope.operand(path) return column_operand(work, t, own(path)) end
  function scope.collection(path) return collection(work, t, own(path)) end
  function scope.crm(node)
    local make = CRM[node.crm]
    if not make then
      refuse(400, "0x80060888",
        "An unknown function with name 'Microsoft.Dynamics.CRM.%s' was found.",
        node.crm)
    end
    return make(scope, node)
  end
  return scope
end

-- ---- Which index ----

local function by_key(t, node)
  if node.op ~= "eq" or #node.left.path > 1 then return nil end
  local kind = node.right.literal
  if kind ~= "string" and kind ~= "guid" then return nil end
  local c = schema.column(t, node.left.path[1])
  if c and c.logical == t.id then return { id = values.guid(node.right.value) or "" } end
  local at = c and schema.index_of(t, c.logical)
  return at and { at = at, key = values.fold(node.right.value) }
end

-- modifiedon, or look-up/modifiedon, from a time on.
local function by_moment(t, node)
  local path, kind = node.left.path, node.right.literal
  if (node.op ~= "ge" and node.op ~= "gt") or path[#path] ~= "modifiedon" or #path > 2
    or (kind ~= "datetime" and kind ~= "date") then
    return nil
  end
  local since = dates.parse(node.right.value)
  if not since or #path == 1 then return since and { since = since } end
  local nav = t.nav[path[1]]
  local at = nav and schema.index_of(t, nav.column)
  local target = nav and next(nav.links)
  if not at or next(nav.links, target) then return nil end
  return { since = since, through = schema.tables[target], at = at, column = nav.column }
end

--- How to find the candidates of a filter: { id= }, { at=, key= }, { since= [, through=] },
--- { any={plan, plan} }; or nil: look at every row.
function M.plan(t, node)
  if node.op == "and" then return M.plan(t, node.left) or M.plan(t, node.right) end
  if node.op == "or" then
    local left = M.plan(t, node.left)
    local right = left and M.plan(t, node.right)
    return right and { any = { left, right } }
  end
  if not node.op or not node.left or not node.left.path or not node.right then return nil end
  return by_key(t, node) or by_moment(t, node)
end

local function one(work, t, id, after)
  local body, tag = work:get(t, id)
  local r = body and not (after and id <= after) and { id = id, tag = tag, body = body }
  return function()
    local now = r
    r = nil
    return now or nil
  end
end

-- Rows whose look-up names a row that was changed since then.
local function through(t, plan)
  local others, rows = store.since(plan.through, plan.since), nil
  return function()
    while true do
      local r = rows and rows()
      if r then return r end
      local other = others()
      if not other then return nil end
      rows = store.each(t, nil, plan.at, other.id)
    end
  end
end

--- The records that a plan (or nil) can reach; in order of id, after an id, where ordered() says so
function M.candidates(work, t, plan, after)
  plan = plan or {}
  if plan.id then return one(work, t, plan.id, after) end
  if plan.through then return through(t, plan) end
  if plan.since then return store.since(t, plan.since) end
  if not plan.any then return store.each(t, after, plan.at, plan.key) end
  local sources, met, i = {}, {}, 1
  for n, part in ipairs(plan.any) do sources[n] = M.candidates(work, t, part) end
  return function()
    while sources[i] do
      local r = sources[i]()
      if not r then
        i = i + 1
      elseif not met[r.id] then
        met[r.id] = true
        return r
      end
    end
  end
end

--- Whether a plan's candidates come in order of id.
function M.ordered(plan) return not plan or not (plan.since or plan.any) end

return M

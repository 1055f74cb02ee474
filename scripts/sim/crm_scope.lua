-- What names mean inside a $filter on rows of the practice CRM: columns, paths over look-ups,
-- collections, and the service's own query functions. Also which index can answer a filter.
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")
local store = require("sim.crm_store")
local filter = require("sim.crm_filter")
local dates = require("sim.dates")

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
      return r and r.tag
    end
  end
  return { name = table.concat(path, "/"), kind = filter.kind_of(c), get = get, column = c }
end

-- The rows of a collection as records.
function M.children(work, link, id)
  local t, out = schema.tables[link.table], {}
  for _, body in ipairs(work:find(t, link.column, id)) do
    local _, tag = work:get(t, body[t.id])
    out[#out + 1] = { id = body[t.id], tag = tag, body = body }
  end
  return out
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

function CRM.ContainValues(scope, node)
  local operand = property(scope, node)
  local wanted = wanted_list(operand, node.named.PropertyValues)
  return function(r)
    for item in (operand.get(r) or ""):gmatch("[^,]+") do
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
    return ms and dates.text(ms, 0)
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
  local scope = { now = work.who.now, user = work.who.user }
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

local function usable(t, node)
  if node.op ~= "eq" or not node.left.path or #node.left.path > 1 then return nil end
  local kind = node.right.literal
  if kind ~= "string" and kind ~= "guid" then return nil end
  local c = schema.column(t, node.left.path[1])
  if c and c.logical == t.id then return { id = values.guid(node.right.value) or "" } end
  local at = c and schema.index_of(t, c.logical)
  return at and { at = at, key = values.fold(node.right.value) }
end

--- How to find the candidates of a filter: { id= } or { at=, key= }, or nil: look at every row.
function M.plan(t, node)
  if node.op == "and" then return M.plan(t, node.left) or M.plan(t, node.right) end
  return usable(t, node)
end

--- The records that a plan (or nil) can reach, in order of id, after an id.
function M.candidates(work, t, plan, after)
  plan = plan or {}
  if not plan.id then return store.each(t, after, plan.at, plan.key) end
  local body, tag = work:get(t, plan.id)
  local once = body and not (after and plan.id <= after) and { id = plan.id, tag = tag,
    body = body }
  return function()
    local r = once
    once = nil
    return r or nil
  end
end

return M

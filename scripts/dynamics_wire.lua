--- From logical names and values to the wire: $select, look-ups, navigation names, bodies.
-- Owns nothing; works on a definition that dynamics_meta gave.  It must never send a row anywhere.

local call = require "dynamics_call"
local meta = require "dynamics_meta"
local text = require "text"

local M = {}

local TARGET_TABLE = 'odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"'
local LOOKUPS = { Lookup = true, Customer = true, Owner = true }
local DECIMALS = { Money = true, Decimal = true, Double = true }

local function refuse(said)
  return nil, { kind = "data", text = said }
end

local function many_targets(column)
  if column.type == "Customer" or column.type == "Owner" then return true end
  return column.type == "Lookup" and column.targets ~= nil and #column.targets > 1
end

--- "$select=..." and whether a look-up among the columns needs its target named.
---@param m table
---@param columns string[]|nil
---@return string select, boolean annotate
function M.select(m, columns)
  local out, seen, annotate = {}, {}, false
  for _, name in ipairs(columns or { m.id }) do
    local column = m.columns[name] or m.columns[name:match("^_(.+)_value$")]
    local is_lookup = column and LOOKUPS[column.type]
    if is_lookup then
      annotate = annotate or many_targets(column)
      if m.columns[name] then name = "_" .. name .. "_value" end
    end
    if not seen[name] then
      seen[name] = true
      out[#out + 1] = name
    end
  end
  return "$select=" .. table.concat(out, ","), annotate
end

--- A list of preferences, with that for look-up targets where it is needed.
---@param annotate boolean
---@return string[]
function M.preferences(annotate, ...)
  local out = { ... }
  if annotate then out[#out + 1] = TARGET_TABLE end
  return out
end

--- The path of one row.
---@param m table
---@param id string
---@return string
function M.row(m, id)
  if not text.is_guid(id) then error("not a row id: " .. tostring(id), 3) end
  return m.set .. "(" .. id:lower() .. ")"
end

--- The path of a query: { filter=, orderby=, top=, expand= } and its $select.
---@param m table
---@param q table
---@param select string
---@return string
function M.query(m, q, select)
  local parts = { select }
  if q.filter then parts[#parts + 1] = "$filter=" .. call.option(q.filter) end
  if q.orderby then parts[#parts + 1] = "$orderby=" .. call.option(q.orderby) end
  if q.top then parts[#parts + 1] = "$top=" .. q.top end
  if q.expand then parts[#parts + 1] = "$expand=" .. call.option(q.expand) end
  return m.set .. "?" .. table.concat(parts, "&")
end

-- ---- values ----

-- The navigation property that binds this look-up to that table.
local function navigation(m, column, target)
  local names = m.nav[column]
  if names then
    -- Owners are of two tables, and both are bound by the one relationship to `owner`.
    return names[target] or names.owner
  end
  return m.columns[column] and m.columns[column].type == "Owner" and column or nil
end

local function clear(m, name, body)
  local names = m.nav[name] or { [name] = name }
  for _, nav in pairs(names) do body[nav .. "@odata.bind"] = json.null end
end

local function bind(m, name, value, body)
  local column = m.columns[name]
  if type(value) == "string" then
    if many_targets(column) then return refuse(name .. " needs to be told which table is meant") end
    value = { table = column.targets and column.targets[1], id = value }
  end
  local target, id = value.table, value.id
  if type(target) ~= "string" or not text.is_guid(id) then
    return refuse(name .. " is a look-up and takes { table = , id = }")
  end
  local nav = navigation(m, name, target)
  if not nav then return refuse(("%s cannot look up a row of %s"):format(name, target)) end
  local set, err = meta.set_of(target)
  if not set then return nil, err end
  body[nav .. "@odata.bind"] = ("/%s(%s)"):format(set, id:lower())
  return true
end

local function plain(column, value)
  if type(value) ~= "string" or not column then return value end
  if DECIMALS[column.type] then return json.decimal(value) end
  if column.type == "Integer" then return math.tointeger(tonumber(value)) or value end
  return value
end

--- Column values as the JSON text of a body.  (suspends: sets of other tables)
---@param m table
---@param values table
---@return string|nil, table|nil
function M.body(m, values)
  local body = {}
  for name, value in pairs(values) do
    local column = m.columns[name]
    if column and LOOKUPS[column.type] then
      if value == json.null then
        clear(m, name, body)
      else
        local done, err = bind(m, name, value, body)
        if not done then return nil, err end
      end
    elseif type(value) == "table" and value.table and value.id then
      return nil, { kind = "data", text = ("%s of %s is no look-up"):format(name, m.logical) }
    else
      body[name] = plain(column, value)
    end
  end
  return json.encode(body)
end

return M

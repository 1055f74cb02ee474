-- Views of the data in crm_tables: by set name, by navigation property, by collection. Computed
-- once when loaded. Also the error that every part of the practice CRM raises and the door of a
-- request turns into an answer.
local tables = require("sim.crm_tables").tables

local M = { tables = tables, by_set = {} }

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
      many = to.many, schema = to.schema, delete = to.delete or "NoCascade",
      owner = column.type == "Owner" }
    t.links[#t.links + 1] = entry
    t.nav[to.nav] = t.nav[to.nav] or { column = column.logical, links = {} }
    t.nav[to.nav].links[target] = entry
  end
end

local function complete(logical, t)
  t.logical, t.id = logical, t.id or logical .. "id"
  t.schema = t.schema or capital(logical)
  t.columns[t.id] = { type = "Uniqueidentifier", update = false, required = "SystemRequired" }
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
  M.by_set[t.set] = t
end

for logical, t in pairs(tables) do complete(logical, t) end
for _, t in pairs(tables) do
  for _, l in ipairs(t.links) do
    local one = tables[l.target]
    if one then one.many[l.many] = l end
  end
end

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

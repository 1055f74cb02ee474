-- Rows that come inside a row: a create of the practice CRM may carry an object in a look-up, an
-- array in a collection, or addresses in a collection's @odata.bind. All are made in the unit of
-- work of the outer row, so one refusal undoes all. An update may carry none of them.
local schema = require("sim.crm_schema")

local M = {}
local refuse = schema.refuse

local function undeclared(t, name)
  refuse(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'%s', "
    .. "InnerException : The property '%s' cannot be given in this form.", t.set, name)
end

local function only_create(t, name, creating)
  if creating then return end
  refuse(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'%s', "
    .. "InnerException : Deep update of '%s' is not supported.", t.set, name)
end

-- The one table that a look-up's navigation property leads to.
local function target_of(t, name)
  local links = t.nav[name].links
  local target = next(links)
  if next(links, target) then undeclared(t, name) end
  return schema.tables[target]
end

local function is_object(v) return type(v) == "table" and not json.is_array(v) end
local function is_list(v) return type(v) == "table" and json.is_array(v) end

--- Takes a member of a body if it holds rows: puts a look-up's new row into out, and what is to be
--- made after the outer row into later; answers whether it took it.
function M.take(rows, work, t, name, v, creating, out, later)
  local bare = name:match("^(.*)@odata%.bind$")
  local way = t.many[bare or name]
  if way and is_list(v) then
    only_create(t, bare or name, creating)
    later[#later + 1] = { way = way, items = v, bound = bare ~= nil, name = bare or name }
    return true
  end
  if bare or not t.nav[name] or not is_object(v) then return false end
  only_create(t, name, creating)
  local there = target_of(t, name)
  rows.need(work, "Create", there)
  local given, inner = rows.parse(work, there, v, true)
  local made = rows.create(work, there, given, { nested = inner })
  out[t.nav[name].column] = { table = there.logical, id = made[there.id] }
  return true
end

-- Asked for late: links are written with crm_rows, which asks for this file.
local function associate(work, way, owner, id)
  require("sim.crm_pairs").associate(work, way, owner, id)
end

-- An existing row joins the new one.
local function bound(rows, work, way, owner, uri)
  local child, id = rows.locate(work, uri)
  if child.logical ~= way.table then
    refuse(400, "0x80048d19", "'%s' does not belong to '%s'.", uri, way.many)
  end
  if way.pair then return associate(work, way, owner, id) end
  rows.update(work, child, id, { [way.column] = { table = way.target, id = owner } })
end

local function inner(rows, work, way, owner, body)
  local child = schema.tables[way.table]
  rows.need(work, "Create", child)
  local given, nested = rows.parse(work, child, body, true)
  if not way.pair then given[way.column] = { table = way.target, id = owner } end
  local made = rows.create(work, child, given, { nested = nested })
  if way.pair then associate(work, way, owner, made[child.id]) end
end

--- Makes what was put into later, now that the outer row is made.
function M.make(rows, work, t, owner, later)
  for _, part in ipairs(later or {}) do
    for i = 1, #part.items do
      local item = part.items[i]
      if not part.bound and not is_object(item) then undeclared(t, part.name) end
      local make = part.bound and bound or inner
      make(rows, work, part.way, owner, item)
    end
  end
end

return M

-- Reading definitions in the practice CRM: a collection, one of it, what lies below it, each with
-- $select, $filter, $expand and casts. Items come from crm_meta_items; a request without
-- `Consistency: Strong` may be answered from a cache that lags (a switch). Writes nothing.
local schema = require("sim.crm_schema")
local filter = require("sim.crm_filter")
local options = require("sim.crm_options")
local items = require("sim.crm_meta_items")
local define = require("sim.crm_define")
local keys = require("sim.crm_keys")

local M = { ROOTS = items.ROOTS }
local refuse = schema.refuse
local CRM = "Microsoft.Dynamics.CRM."

-- ---- Answers ----

local function unknown(name, kind)
  refuse(400, "0x0", "Could not find a property named '%s' on type '%s%s'.", name, CRM, kind)
end

local function walk(v, path)
  for _, name in ipairs(path) do
    if type(v) ~= "table" then return nil end
    v = v[name]
  end
  if v == json.null then return nil end
  return v
end

local function scope_for(cast)
  return { no_functions = true, operand = function(path)
    return { kind = "any", name = table.concat(path, "/"), get = function(item)
      if item[cast][path[1]] == nil then unknown(path[1], item.kind) end
      return walk(item[cast], path)
    end }
  end }
end

local BASE_KIND = { attribute = "AttributeMetadata" }

local expand_into

-- One item as JSON. cast: derived columns may be named; without $select an attribute shows all.
local function show(item, o, cast)
  local out, source = {}, item.all
  local names = o["$select"] and options.split(o["$select"])
  if not names then
    for name, v in pairs(source) do out[name] = v end
  else
    for _, name in ipairs(names) do
      local v = (cast and item.all or item.base)[name]
      if v == nil then
        local base = item.all ~= item.base and not cast
        unknown(name, base and BASE_KIND.attribute or item.kind)
      end
      out[name] = v
    end
    out.MetadataId = item.all.MetadataId
  end
  if item.all ~= item.base and not cast then out["@odata.type"] = "#" .. CRM .. item.kind end
  if o["$expand"] then expand_into(item, o["$expand"], out, cast) end
  return out
end

local function list(found, o, cast)
  local test = o["$filter"] and filter.compile(scope_for(cast and "all" or "base"),
    filter.parse(o["$filter"], o))
  local out = json.array({})
  for _, item in ipairs(found) do
    if not test or test(item) == true then out[#out + 1] = show(item, o, cast) end
  end
  return out
end

function expand_into(item, text, out, cast)
  for _, entry in ipairs(options.expand(text)) do
    local make = item.expand[entry.nav]
    if not make or (item.all ~= item.base and not cast) then unknown(entry.nav, item.kind) end
    local v = make()
    if v ~= json.null and v.Name == nil then v = list(v, entry.options, false) end
    if v ~= json.null and v.Name and entry.options["$select"] then
      local some = { MetadataId = v.MetadataId }
      for _, name in ipairs(options.split(entry.options["$select"])) do some[name] = v[name] end
      v = some
    end
    out[entry.nav] = v
  end
end

local function not_found(what)
  refuse(404, "0x80060888", "Could not find the definition '%s'.", what)
end

local function keyed(list_of, key)
  local name, value = key:match("^(%a+)='(.*)'$")
  local id = (key:match("^MetadataId=(.*)$") or key):lower()
  for _, item in ipairs(list_of) do
    local found = name and item.all[name] == value
    if found or (not name and item.all.MetadataId == id) then return item end
  end
  not_found(key)
end

local function only(found, kind)
  local out = {}
  for _, item in ipairs(found) do
    if item.kind == kind then out[#out + 1] = item end
  end
  return out
end

local function context(rq, name) return rq.base .. "$metadata#" .. name end

local function answer_list(rq, name, found, cast)
  return { ["@odata.context"] = context(rq, name), value = list(found, rq.options, cast) }
end

local function answer_one(rq, name, item, cast)
  local out = show(item, rq.options, cast)
  out["@odata.context"] = context(rq, name .. "/$entity")
  return out
end

local function cast_in(part)
  local cast = part and part:match("^Microsoft%.Dynamics%.CRM%.(%a+)$")
  if part and not cast then
    refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", part)
  end
  return cast
end

-- One of a collection, under the cast that was asked for.
local function one_of(found, key, cast)
  local item = keyed(found, key)
  if cast and item.kind ~= cast then not_found(key .. "/" .. cast) end
  return item
end

-- What follows a table: a collection, one of it, each with a cast.
local function inner(rq, item, parts)
  local name, key = parts[2]:match("^(%a+)%((.*)%)$")
  local make = item.expand[name or parts[2]]
  if not make then
    refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", parts[2])
  end
  local found, cast = make(), cast_in(parts[3])
  local full = "EntityDefinitions('" .. item.all.LogicalName .. "')/" .. (name or parts[2])
  if not key then return answer_list(rq, full, cast and only(found, cast) or found, cast) end
  return answer_one(rq, full, one_of(found, key, cast), cast)
end

-- The world this request sees, and its keys.
local function world_of(rq)
  local strong = (rq.headers.consistency or ""):lower() == "strong"
  local lag = strong and 0 or rq.work.who.switch("metadata_lag_ms")
  local now = rq.work.who.now
  local world = lag > 0 and define.as_of(now - lag) or schema
  return setmetatable({ keys = function(t) return keys.all(t, now, now - lag) end },
    { __index = world })
end

--- The item that the parts of an address name, for who changes it: item, and the one below it.
function M.find(rq, parts)
  local world = setmetatable({ keys = function(t) return keys.all(t, rq.work.who.now) end },
    { __index = schema })
  local root, key = parts[1]:match("^([%w_]+)%((.*)%)$")
  local make = root and items.ROOTS[root]
    or refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", parts[2] or parts[1])
  local item = keyed(make(world), key)
  local name, inner_key = (parts[2] or ""):match("^(%a+)%((.*)%)$")
  if not name then return item end
  return item, keyed((item.expand[name] or not_found)(name), inner_key)
end

--- The answer to a metadata read. parts: the decoded segments.
function M.get(rq, parts)
  local root, key = parts[1]:match("^([%w_]+)%((.*)%)$")
  root = root or parts[1]
  local all = items.ROOTS[root]
  if not all or (parts[2] == "$count" and not key) then
    refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", parts[2] or root)
  end
  local found = all(world_of(rq))
  if not key then
    local cast = cast_in(parts[2])
    return answer_list(rq, root, cast and only(found, cast) or found, cast)
  end
  if parts[2] and not parts[2]:find(CRM, 1, true) then
    return inner(rq, keyed(found, key), parts)
  end
  local cast = cast_in(parts[2])
  return answer_one(rq, root, one_of(found, key, cast), cast)
end

return M

-- From one request of the practice CRM (outer or a part of a batch) to what it does. Every route
-- answers a function that gives status, headers, body and is called after the work was committed,
-- so that tags in answers are the stored ones. Raises refusals; commits nothing itself.
local schema = require("sim.crm_schema")
local rows = require("sim.crm_rows")
local store = require("sim.crm_store")
local query = require("sim.crm_query")
local scope = require("sim.crm_scope")
local delta = require("sim.crm_delta")
local logic = require("sim.crm_logic")
local extra = require("sim.crm_extra")
local pairs_of = require("sim.crm_pairs")
local solution = require("sim.crm_solution")
local values = require("sim.crm_values")
local options = require("sim.crm_options")
local functions = require("sim.crm_functions")

local M = {}
local refuse = schema.refuse

local function no_segment(name)
  refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", name)
end

local function no_method(rq)
  refuse(405, "0x80060888", "The requested resource does not support http method '%s'.", rq.method)
end

local function body_of(rq)
  local kind = rq.headers["content-type"]
  if kind and kind:lower():match("^%s*([^;%s]*)") ~= "application/json" then
    refuse(rq.work.who.switch("crm_wrong_type_status"), "0x80060888", "The request entity's media "
      .. "type '%s' is not supported for this resource.", kind)
  end
  local body = rq.body ~= "" and json.decode(rq.body)
  if type(body) ~= "table" or json.is_array(body) then
    refuse(400, "0x80048d19", "Error identified in Payload provided by the user: an object was "
      .. "expected.")
  end
  return body
end

local function done(status, headers, body)
  return function() return status, headers or {}, body end
end

local function record(rq, t, id)
  local body, tag = rq.work:get(t, id)
  return body and { id = id, tag = tag, body = body }
end

local function applied(rq, names)
  return { ["Preference-Applied"] = options.applied(rq.prefer, names) }
end

-- ---- Writing rows ----

local function entity_uri(rq, t, id) return rq.base .. t.set .. "(" .. id .. ")" end

local function shown(rq, t, id, status)
  return function()
    local r = record(rq, t, id)
    local headers = applied(rq, { "representation", "asked" })
    headers.ETag = store.etag(r.tag)
    return status, headers, query.row(rq, t, r)
  end
end

-- Rows of some tables are the service's own to write.
local function writable(rq, t)
  if t.locked then no_method(rq) end
end

local function written(rq, t, id, status, uri)
  solution.touched(rq, t, id)
  rq.made = "/" .. t.set .. "(" .. id .. ")"
  if rq.prefer.representation then return shown(rq, t, id, status) end
  return done(204, { ["OData-EntityId"] = uri, Location = status == 201 and uri or nil })
end

local function post(rq, t)
  writable(rq, t)
  rows.need(rq.work, "Create", t)
  query.check(rq, t)
  local given, nested = rows.parse(rq.work, t, body_of(rq), true)
  local row = rows.create(rq.work, t, given, { nested = nested })
  return written(rq, t, row[t.id], 201, entity_uri(rq, t, row[t.id]))
end

local function key_columns(t, address)
  local out = {}
  for name, v in pairs(address.wanted or {}) do
    local c = schema.column(t, name)
    out[c.logical] = c.targets and { table = next(c.targets), id = v } or v
  end
  return out
end

local function upsert_new(rq, t, address, body)
  rows.need(rq.work, "Create", t)
  local given, nested = rows.parse(rq.work, t, body, true)
  for name, v in pairs(key_columns(t, address)) do
    if given[name] == nil then given[name] = v end
  end
  local id = address.id or rq.work.who.uuid()
  rows.create(rq.work, t, given, { id = id, nested = nested })
  return id
end

local function patch(rq, t, address)
  writable(rq, t)
  local match, none = options.condition(rq.headers["if-match"]), rq.none_match
  local exists = address.id and rq.work:get(t, address.id) ~= nil
  local body = body_of(rq)
  rq.options["$expand"] = nil
  query.check(rq, t)
  if none == "*" and exists then
    refuse(412, "", "A record with matching key values already exists.")
  end
  local uri = rq.base .. t.set .. "(" .. address.text .. ")"
  if not exists then
    if match and not address.id then
      refuse(404, "0x80060891",
        "A record with the specified key values does not exist in %s entity",
        t.logical)
    end
    if match then rows.absent(t, address.id) end
    return written(rq, t, upsert_new(rq, t, address, body), 201, uri)
  end
  rows.need(rq.work, "Write", t)
  local given = rows.parse(rq.work, t, body, false)
  for name in pairs(key_columns(t, address)) do given[name] = nil end
  rows.update(rq.work, t, address.id, given, { tag = match })
  return written(rq, t, address.id, 200, uri)
end

local function existing(t, address)
  if address.id then return address.id end
  refuse(404, "0x80060891", "A record with the specified key values does not exist in %s entity",
    t.logical)
end

local function delete(rq, t, address)
  writable(rq, t)
  rows.need(rq.work, "Delete", t)
  if t.logical == "solution" then extra.uninstall(rq, address.id) end
  rows.delete(rq.work, t, existing(t, address),
    { tag = options.condition(rq.headers["if-match"]) })
  return done(204)
end

-- ---- Reading rows ----

local function get(rq, t, address)
  rows.need(rq.work, "Read", t)
  local id = existing(t, address)
  local r = record(rq, t, id) or rows.absent(t, id)
  local none = options.condition(rq.headers["if-none-match"])
  if none == store.etag(r.tag) and not rq.options["$expand"] and not rq.prefer.asked then
    return done(304)
  end
  local headers = applied(rq, { "asked" })
  headers.ETag = store.etag(r.tag)
  return done(200, headers, query.row(rq, t, r))
end

local function list(rq, t, source)
  rows.need(rq.work, "Read", t)
  local headers = applied(rq, { "page", "asked", "track" })
  if rq.options["$deltatoken"] then return done(200, headers, delta.changes(rq, t)) end
  if rq.prefer.track or delta.continues(rq) then return done(200, headers, delta.first(rq, t)) end
  return done(200, headers, query.collection(rq, t, source))
end

local function count(rq, t, source)
  if rq.method ~= "GET" then no_method(rq) end
  rows.need(rq.work, "Read", t)
  local n = rq.options["$deltatoken"] and delta.count(rq, t) or query.count(rq, t, source)
  return done(200, { ["Content-Type"] = "text/plain" }, tostring(n))
end

local ON_SET = { GET = list, POST = post }
local ON_ROW = { GET = get, PATCH = patch, DELETE = delete }

-- ---- Below a row: columns, look-ups, collections, bound actions ----

local function tag_of(rq) return { tag = options.condition(rq.headers["if-match"]) } end

local COLUMN = {}

function COLUMN.GET(rq, t, id, c, raw)
  rows.need(rq.work, "Read", t)
  local r = record(rq, t, id) or rows.absent(t, id)
  local v = values.show(c, r.body[c.read])
  if v == json.null then return done(204) end
  if raw then return done(200, { ["Content-Type"] = "text/plain" }, tostring(v)) end
  return done(200, nil, { value = v,
    ["@odata.context"] = string.format("%s$metadata#%s(%s)/%s", rq.base, t.set, id, c.logical) })
end

function COLUMN.PUT(rq, t, id, c)
  rows.need(rq.work, "Write", t)
  rows.update(rq.work, t, id, rows.parse(rq.work, t, { [c.logical] = body_of(rq).value }),
    tag_of(rq))
  return done(204)
end

function COLUMN.DELETE(rq, t, id, c)
  rows.need(rq.work, "Write", t)
  rows.update(rq.work, t, id, rows.parse(rq.work, t, { [c.logical] = json.null }), tag_of(rq))
  return done(204)
end

local function set_ref(rq, t, id, name, uri)
  rows.need(rq.work, "Write", t)
  local given = rows.parse(rq.work, t, { [name .. "@odata.bind"] = uri })
  rows.update(rq.work, t, id, given, tag_of(rq))
  return done(204)
end

local function single(rq, t, id, name, following)
  if following == "$ref" then
    if rq.method == "PUT" then return set_ref(rq, t, id, name, body_of(rq)["@odata.id"]) end
    if rq.method == "DELETE" then return set_ref(rq, t, id, name, json.null) end
  elseif rq.method == "GET" then
    local r, nav = record(rq, t, id) or rows.absent(t, id), t.nav[name]
    local target = r.body["_" .. nav.column .. "_type"]
    if not nav.links[target] then return done(204) end
    return get(rq, schema.tables[target], { id = r.body[t.columns[nav.column].read] })
  end
  no_method(rq)
end

local function ref_member(rq, l, uri, id)
  local child, child_id = rows.locate(rq.work, uri)
  if child.logical ~= l.table then
    refuse(400, "0x80048d19", "'%s' does not belong to '%s'.", uri, l.many)
  end
  if l.through then
    local act = rq.method == "POST" and pairs_of.associate or pairs_of.dissociate
    act(rq.work, l, id, child_id)
    return done(204)
  end
  local value = { table = l.target, id = id }
  if rq.method == "DELETE" then
    if rq.work:get(child, child_id)[child.columns[l.column].read] ~= id then
      rows.absent(child, child_id)
    end
    value = { clear = l.target }
  end
  rows.update(rq.work, child, child_id, { [l.column] = value })
  return done(204)
end

local function many(rq, t, id, name, following)
  local collection, key = name:match("^([%w_]+)%((.*)%)$")
  local l = t.many[collection or name] or no_segment(name)
  local child = schema.tables[l.table]
  if not record(rq, t, id) then rows.absent(t, id) end
  if following == "$ref" then
    rows.need(rq.work, "Write", child)
    if rq.method ~= "DELETE" and (rq.method ~= "POST" or key) then no_method(rq) end
    local uri = key and child.set .. "(" .. key .. ")" or rq.options["$id"]
    if rq.method == "POST" then uri = body_of(rq)["@odata.id"] end
    return ref_member(rq, l, uri, id)
  end
  local source = scope.children(rq.work, l, id)
  if following == "$count" then return count(rq, child, source) end
  if rq.method ~= "GET" or following then no_method(rq) end
  return list(rq, child, source)
end

local function qualify(rq, t, id)
  rows.need(rq.work, "Write", t)
  local made = logic.qualify(rq.work, rows, id, body_of(rq))
  return function()
    local out = { ["@odata.context"] = rq.base .. "$metadata#crmbaseentity",
      value = json.array({}) }
    for i, ref in ipairs(made) do
      local there = schema.tables[ref.table]
      out.value[i] = query.show(rq, record(rq, there, ref.id), query.columns(there))
      out.value[i]["@odata.type"] = "#" .. schema.type_name(there)
    end
    return 200, {}, out
  end
end

local BOUND = { lead = { ["Microsoft.Dynamics.CRM.QualifyLead"] = qualify } }

local function below(rq, t, address, name, following)
  local id = existing(t, address)
  local bound = BOUND[t.logical] and BOUND[t.logical][name]
  if bound then
    if rq.method ~= "POST" then refuse(404, "", "No resource matches '%s'.", name) end
    return bound(rq, t, id)
  end
  local c = t.columns[name] and not t.columns[name].targets and t.columns[name]
  if c then
    local act = COLUMN[rq.method] or no_method(rq)
    return act(rq, t, id, c, following == "$value")
  end
  if t.nav[name] then return single(rq, t, id, name, following) end
  return many(rq, t, id, name, following)
end

-- ---- The top of an address ----

local function rows_route(rq, parts)
  local set, inner = parts[1]:match("^([%w_]+)%((.*)%)$")
  local t = schema.by_set[set or parts[1]] or no_segment(parts[1])
  if not set then
    if parts[2] == "$count" then return count(rq, t) end
    if parts[2] then no_segment(parts[2]) end
    local act = (rq.method == "GET" or not t.intersect) and ON_SET[rq.method] or no_method(rq)
    return act(rq, t)
  end
  local address = rows.address(rq.work, t, inner)
  address.text = inner
  if parts[2] then return below(rq, t, address, parts[2], parts[3]) end
  local act = (rq.method == "GET" or not t.intersect) and ON_ROW[rq.method] or no_method(rq)
  return act(rq, t, address)
end

local function who_am_i(rq)
  if rq.method ~= "GET" then refuse(404, "", "No resource matches 'WhoAmI' with POST.") end
  local user = rq.work:get(schema.tables.systemuser, rq.work.who.user)
  return done(200, nil, { ["@odata.context"] = rq.base
    .. "$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", UserId = rq.work.who.user,
    BusinessUnitId = user._businessunitid_value,
    OrganizationId = rq.work:organization().organizationid })
end

local function service(rq)
  local names, out = {}, { ["@odata.context"] = rq.base .. "$metadata", value = json.array({}) }
  for set in pairs(schema.by_set) do names[#names + 1] = set end
  table.sort(names)
  for i, set in ipairs(names) do out.value[i] = { name = set, kind = "EntitySet", url = set } end
  return done(200, nil, out)
end

local function action(rq, name)
  if rq.method ~= "POST" then refuse(404, "", "No resource matches '%s'.", name) end
  logic.ACTIONS[name](rq.work, rows, body_of(rq))
  return done(204)
end

local function parts_of(rq)
  local parts = {}
  for part in rq.path:gmatch("[^/]+") do parts[#parts + 1] = options.decode(part) end
  local reference = parts[1] and parts[1]:match("^%$(%w+)$")
  if reference and parts[1] ~= "$metadata" then
    local uri = (rq.work.who.refs or {})[reference] or refuse(400, "0x80060888",
      "Content-ID Reference: '$%s' does not exist in the batch context.", reference)
    parts[1] = uri:sub(2)
  end
  return parts
end

--- Does what a request asks, in rq.work; answers the function that gives status, headers, body.
--- rq: { method=, path= (below the API's root, encoded), query=, headers=, body=, base=, work=,
--- none_match= }; rq.options and rq.prefer are filled here.
function M.run(rq)
  rq.prefer = options.prefer(rq.headers.prefer)
  rq.options = options.query(rq.query)
  rq.method = rq.method:upper()
  local parts = parts_of(rq)
  local first = parts[1]
  if not first then return service(rq) end
  if first == "WhoAmI" or first == "WhoAmI()" then return who_am_i(rq) end
  if logic.ACTIONS[first] then return action(rq, first) end
  local finish = extra.answer(rq, parts)
  if finish then return finish end
  local answer = functions.run(rq, first)
  if answer then return done(200, nil, answer) end
  return rows_route(rq, parts)
end

return M

-- Create, update and delete of rows in the practice CRM, with the checks the service makes: names,
-- types, look-ups, alternate keys, tags. The API and people's acts both go through here. Business
-- rules of single tables are in crm_logic; nothing here speaks HTTP.
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")
local store = require("sim.crm_store")
local logic = require("sim.crm_logic")
local dates = require("sim.dates")
local keys = require("sim.crm_keys")
local deep = require("sim.crm_deep")
local security = require("sim.crm_security")

local M = {}
local refuse = schema.refuse

local function absent(t, id)
  refuse(404, "0x80040217", "Entity '%s' With Id = %s Does Not Exist", t.logical, id)
end
M.absent = absent

--- The alternate keys of a table that count already: { { name=, columns={} }, ... }.
function M.keys(work, t) return keys.active(t, work.who.now) end

local function unquote(text)
  local inner = text:match("^'(.*)'$")
  return inner and inner:gsub("''", "'") or nil
end

local function split_pairs(text)
  local out, depth, start = {}, false, 1
  for i = 1, #text + 1 do
    local c = text:sub(i, i)
    if c == "'" then depth = not depth end
    if (c == "," and not depth) or c == "" then
      local name, value = text:sub(start, i - 1):match("^%s*([%w_]+)%s*=%s*(.-)%s*$")
      if not name then return nil end
      out[#out + 1], start = { name = name, value = value }, i + 1
    end
  end
  return out
end

local function not_a_key(t, names)
  refuse(400, "0x80060888", "The key in the request URI is not valid for resource '%s': %s.",
    schema.type_name(t), table.concat(names, ", "))
end

local function declared(work, t, names)
  table.sort(names)
  for _, key in ipairs(M.keys(work, t)) do
    local own = { table.unpack(key.columns) }
    table.sort(own)
    if table.concat(own, ",") == table.concat(names, ",") then return key end
  end
  not_a_key(t, names)
end

local function key_literal(t, name, text)
  local c = schema.column(t, name)
  local quoted = unquote(text)
  if quoted and quoted:find("[/<>*%%&:\\?+]") then
    refuse(400, "0x80060888", "Key data of '%s' holds a character that is not allowed in a URL.",
      name)
  end
  if c.type == "String" then return quoted or not_a_key(t, { name }) end
  return text
end

local function holds(t, row, wanted)
  for name, value in pairs(wanted) do
    local v = row[schema.column(t, name).read]
    if v == nil or values.fold(tostring(v)) ~= values.fold(tostring(value)) then return false end
  end
  return true
end

local function find_by(work, t, wanted)
  local first = next(wanted)
  for _, row in ipairs(work:find(t, schema.column(t, first).logical, wanted[first])) do
    if holds(t, row, wanted) then return row end
  end
end

--- What stands between the parentheses of an address: { id= }, or { wanted={column=value}, id= }
--- with the id only if a row has that key.
function M.address(work, t, inner)
  local id = values.guid(inner)
  if id then return { id = id } end
  local list = split_pairs(inner)
  if not list or #list == 0 then
    refuse(400, "0x80060888", "Bad Request - Error in query syntax.")
  end
  if #list == 1 and list[1].name == t.id then
    return { id = values.guid(unquote(list[1].value) or list[1].value) or not_a_key(t, { t.id }) }
  end
  local names, wanted = {}, {}
  for i, p in ipairs(list) do names[i] = p.name end
  declared(work, t, names)
  for _, p in ipairs(list) do wanted[p.name] = key_literal(t, p.name, p.value) end
  local row = find_by(work, t, wanted)
  return { wanted = wanted, id = row and row[t.id] }
end

--- The row an @odata.bind or @odata.id names: table, id. Raises when it does not exist.
function M.locate(work, uri)
  if type(uri) ~= "string" then refuse(400, "0x80048d19", "A URI was expected.") end
  local reference = uri:match("^/?%$(%w+)$")
  if reference then
    uri = (work.who.refs or {})[reference] or refuse(400, "0x80060888",
      "Content-ID Reference: '$%s' does not exist in the batch context.", reference)
  end
  local set, inner = uri:gsub("^https?://[^/]+", ""):gsub("^/api/data/v[%d.]+", "")
    :match("^/?([%w_]+)%((.*)%)$")
  local t = set and schema.by_set[set]
  if not t then
    refuse(400, "0x80048d19", "The URI '%s' is not a valid resource path.", uri)
  end
  local found = M.address(work, t, inner)
  if not found.id then
    refuse(404, "0x80060891", "A record with the specified key values does not exist in %s entity",
      t.logical)
  end
  if not work:get(t, found.id) then absent(t, found.id) end
  return t, found.id
end

-- ---- Look-ups in a body ----

local function bind(work, t, name, uri, out)
  local nav = t.nav[name]
  if not nav then
    refuse(400, "0x80048d19", "An undeclared property '%s' which only has property annotations in "
      .. "the payload but no property value was found in the payload.", name)
  end
  if uri == json.null then
    local only = next(nav.links)
    local lone = next(nav.links, only) == nil
    out[nav.column] = out[nav.column] or { clear = lone and only or true }
    return
  end
  local target, id = M.locate(work, uri)
  if not nav.links[target.logical] then
    refuse(400, "0x80048d19", "The property '%s' cannot refer to '%s'.", name, target.logical)
  end
  out[nav.column] = { table = target.logical, id = id }
end

local function unknown(t, name)
  refuse(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'%s', "
    .. "InnerException : The property '%s' does not exist on type '%s'. Make sure to only use "
    .. "property names that are defined by the type.", t.set, name, schema.type_name(t))
end

local function member(work, t, name, v, creating, out, later)
  if type(v) == "table" and deep.take(M, work, t, name, v, creating, out, later) then return end
  local base = name:match("^(.*)@odata%.bind$")
  if base then return bind(work, t, base, v, out) end
  if name:find("@", 1, true) then return end -- annotations of ours come back and mean nothing
  if t.nav[name] and v == json.null then return bind(work, t, name, v, out) end
  if t.lookups[name] then
    refuse(400, "0x80048d19",
      "CRM do not support direct update of Entity Reference properties, Use "
      .. "Navigation properties instead.")
  end
  local c = schema.column(t, name) or unknown(t, name)
  local kept = values.check(c, v)
  local allowed = c.update
  if creating then allowed = c.create end
  if allowed ~= false then out[name] = kept == nil and json.null or kept end
end

--- The values of a body by logical name: kept form, json.null, or { table=, id= } / { clear= };
--- and what is to be made behind the row (options.nested of create).
function M.parse(work, t, body, creating)
  if type(body) ~= "table" or json.is_array(body) then
    refuse(400, "0x80048d19", "An object was expected as the body.")
  end
  local names, out, later = {}, {}, {}
  for name in pairs(body) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do member(work, t, name, body[name], creating, out, later) end
  return out, later
end

local function set(t, row, logical, v)
  local c = t.columns[logical]
  if not c.targets then
    row[logical] = v ~= json.null and v or nil
    if v == false then row[logical] = false end
    return
  end
  local kind = "_" .. logical .. "_type"
  if type(v) == "table" and v.id then
    row[c.read], row[kind] = v.id, v.table
  elseif v == json.null or v.clear == true or v.clear == row[kind] then
    row[c.read], row[kind] = nil, nil
  end
end
M.set = set

-- ---- Writing ----

local function second(ms) return dates.text(ms, 0) end

local function own(work, t, row)
  if not t.columns.ownerid then return end
  local kind, id = row._ownerid_type, row._ownerid_value
  set(t, row, "owninguser", kind == "systemuser" and { table = kind, id = id } or json.null)
  set(t, row, "owningteam", kind == "team" and { table = kind, id = id } or json.null)
  local holder = kind and work:get(schema.tables[kind], id)
  if holder and holder._businessunitid_value then
    set(t, row, "owningbusinessunit", { table = "businessunit", id = holder._businessunitid_value })
  end
end

local function check_keys(work, t, row)
  for _, key in ipairs(M.keys(work, t)) do
    local wanted, full = {}, true
    for _, name in ipairs(key.columns) do
      wanted[name] = row[schema.column(t, name).read]
      full = full and wanted[name] ~= nil
    end
    local other = full and find_by(work, t, wanted)
    if other and other[t.id] ~= row[t.id] then
      refuse(412, "0x80060892",
        "Entity Key %s violated. A record with the same value for %s already "
        .. "exists. A duplicate record cannot be created. <conflict entity=\"%s\" id=\"%s\" />",
        key.name, table.concat(key.columns, ", "), t.logical, other[t.id])
    end
  end
end

local function finish(work, t, row, given, old, options)
  logic.derive(work, t, row, given, old, options)
  own(work, t, row)
  row.modifiedon = second(work.who.now)
  set(t, row, "modifiedby", { table = "systemuser", id = work.who.user })
  check_keys(work, t, row)
  work:put(t, row)
  logic.after(work, t, row, old, M)
  return row
end

local function with_defaults(work, t, id)
  local row = { [t.id] = id, createdon = second(work.who.now) }
  for _, name in ipairs(t.order) do
    if t.columns[name].default ~= nil then row[name] = t.columns[name].default end
  end
  set(t, row, "createdby", { table = "systemuser", id = work.who.user })
  if t.columns.ownerid then
    set(t, row, "ownerid", { table = "systemuser", id = work.who.user })
  end
  return row
end

local function lacks(given, columns)
  for _, name in ipairs(columns) do
    if given[name] == nil or given[name] == json.null then return true end
  end
  return #columns == 0
end

-- A rule of the customer's that refuses new rows of a table, or those that lack a column of some
-- (the act refuse-create).
local function check_refusal(work, t, given)
  local rule = work.who.api and host.docs.get("crm_refusal", t.logical)
  if rule and lacks(given, rule.columns or {}) then
    refuse(rule.status, rule.code, rule.message)
  end
end

--- Makes a row; given as from parse. options.id: the primary key; options.nested: rows inside it.
function M.create(work, t, given, options)
  options = options or {}
  check_refusal(work, t, given)
  security.check(work, t, given, "cancreate")
  local id = options.id or (given[t.id] ~= json.null and given[t.id]) or work.who.uuid()
  if work:get(t, id) then
    refuse(412, "0x80040237", "A record with matching key values already exists.")
  end
  local row = with_defaults(work, t, id)
  for name, v in pairs(given) do
    if name ~= t.id then set(t, row, name, v) end
  end
  if row.overriddencreatedon then row.createdon = row.overriddencreatedon end
  finish(work, t, row, given, nil, options)
  deep.make(M, work, t, id, options.nested)
  return row
end

--- Changes a row. options.tag: the If-Match value; options.closing: by Win, Lose or Qualify.
function M.update(work, t, id, given, options)
  options = options or {}
  local row, tag = work:get(t, id)
  if not row then absent(t, id) end
  M.check_tag(options.tag, tag)
  security.check(work, t, given, "canupdate")
  local old = work:get(t, id)
  for name, v in pairs(given) do set(t, row, name, v) end
  return finish(work, t, row, given, old, options)
end

--- Compares an If-Match value with a row's tag.
function M.check_tag(wanted, tag)
  if wanted and wanted ~= "*" and wanted ~= store.etag(tag) then
    refuse(412, "0x80060882", "The version of the existing record doesn't match the RowVersion "
      .. "property provided.")
  end
end

local KEPT = { systemuser = true, businessunit = true, organization = true }

local function let_go(work, l, child, id)
  if l.delete == "Restrict" then
    refuse(405, "0x80040227",
      "The %s cannot be deleted because it is associated with another record.",
      l.target)
  end
  local t = schema.tables[l.table]
  if l.delete == "Cascade" then return M.delete(work, t, child[t.id]) end
  local row = work:get(t, child[t.id])
  if row and row[t.columns[l.column].read] == id then
    set(t, row, l.column, json.null)
    finish(work, t, row, {}, work:get(t, child[t.id]), {})
  end
end

--- Deletes a row and what hangs on it.
function M.delete(work, t, id, options)
  local row, tag = work:get(t, id)
  if not row then absent(t, id) end
  M.check_tag(options and options.tag, tag)
  if KEPT[t.logical] then
    refuse(405, "0x80040227", "The %s cannot be deleted.", t.logical)
  end
  work:drop(t, id)
  for _, l in pairs(t.many) do
    for _, child in ipairs(l.column and work:find(schema.tables[l.table], l.column, id)
      or {}) do
      let_go(work, l, child, id)
    end
  end
end

--- Raises 403 when the user's role lacks a privilege ("Read", "Create", "Write", "Delete").
function M.need(work, verb, t, depth)
  local name = "prv" .. verb .. t.schema .. (depth and ":" .. depth or "")
  if work.who.api and host.docs.get("crm_privilege", work.who.user .. ":" .. name) then
    refuse(403, "0x80040220", "Principal user (Id=%s, type=8) is missing %s privilege (OTC: %s).",
      work.who.user, name, t.logical)
  end
end

return M

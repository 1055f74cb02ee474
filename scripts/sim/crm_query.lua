-- Reading in the practice CRM: one row, a collection with $select $filter $orderby $top $count,
-- paging, $expand, annotations. Never writes.
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")
local security = require("sim.crm_security")
local store = require("sim.crm_store")
local filter = require("sim.crm_filter")
local scope = require("sim.crm_scope")
local options = require("sim.crm_options")

local M = {}
local refuse = schema.refuse
M.MOST = 5000 -- rows of a page, and where a count stops

local FORMATTED = "OData.Community.Display.V1.FormattedValue"
local LOOKUP = "Microsoft.Dynamics.CRM.lookuplogicalname"
local NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"

-- ---- Columns ----

--- The columns to show, from $select; nil for all.
function M.columns(t, text)
  local out, seen = {}, {}
  local function add(c)
    if not seen[c.read] then out[#out + 1] = c end
    seen[c.read] = true
  end
  for _, name in ipairs(text and text ~= "*" and options.split(text) or {}) do
    local c = schema.column(t, name) or scope.unknown(t, name)
    add(c)
    if c.type == "Money" then add(t.columns.transactioncurrencyid) end
  end
  if #out > 0 then
    add(t.columns[t.id])
    return out
  end
  for _, name in ipairs(t.order) do add(t.columns[name]) end
  return out
end

local function lookup_name(work, c, row)
  local target = schema.tables[row["_" .. c.logical .. "_type"]]
  local there = target and work:get(target, row[c.read])
  return there and there[target.name]
end

local function formatted(work, c, row, v)
  if c.targets then return lookup_name(work, c, row) end
  local id = c.type == "Money" and row._transactioncurrencyid_value
  return values.format(c, v, id and work:get(schema.tables.transactioncurrency, id))
end

local function annotate(rq, c, row, v, out)
  local wants = rq.prefer.annotation
  if wants(FORMATTED) then out[c.read .. "@" .. FORMATTED] = formatted(rq.work, c, row, v) end
  local target = c.targets and row["_" .. c.logical .. "_type"]
  if not target then return end
  if wants(LOOKUP) then out[c.read .. "@" .. LOOKUP] = target end
  if wants(NAVIGATION) then out[c.read .. "@" .. NAVIGATION] = c.targets[target].nav end
end

--- A record { id=, tag=, body= } as the service shows it.
function M.show(rq, record, columns)
  local out = { ["@odata.etag"] = store.etag(record.tag) }
  for _, c in ipairs(columns) do
    local v = record.body[c.read]
    if c.type == "BigInt" then v = store.version(record.tag) end
    if c.secured and not security.may(rq.work, c, "canread") then v = nil end
    out[c.read] = c.targets and (v or json.null) or values.show(c, v)
    if rq.prefer.asked and v ~= nil then annotate(rq, c, record.body, v, out) end
  end
  return out
end

-- ---- Order ----

local function order_by(t, text, aliases)
  local out = {}
  for _, item in ipairs(text and options.split(text) or {}) do
    local name, way = item:match("^(%S+)%s*(%a*)$")
    if not name or (way ~= "" and way ~= "asc" and way ~= "desc") then
      refuse(400, "0x80060888", "Syntax error in $orderby: '%s'.", item)
    end
    name = aliases[name] or name
    local c = schema.column(t, name) or scope.unknown(t, name)
    out[#out + 1] = { c = c, read = filter.comparable[filter.kind_of(c)], down = way == "desc" }
  end
  local by_id = #out == 1 and out[1].c.logical == t.id and not out[1].down
  return by_id and {} or out -- rows come in order of id by themselves
end

local function sort_values(order, record)
  local out = {}
  for i, o in ipairs(order) do
    local v = o.c.type == "BigInt" and record.tag or record.body[o.c.read]
    out[i] = v ~= nil and o.read(v) or json.null
  end
  return out
end

-- nulls come first, as in the database
local function before(order, a, b)
  for i, o in ipairs(order) do
    local x, y = a.sort[i], b.sort[i]
    if x ~= y then
      local less = x == json.null or (y ~= json.null and x < y)
      if o.down then return not less end
      return less
    end
  end
  return a.id < b.id
end

-- ---- Collections ----

local function whole(text, name)
  local n = math.tointeger(tonumber(text))
  if not n or n < 0 then
    refuse(400, "0x80060888", "Invalid value '%s' for %s query option found.", text, name)
  end
  return n
end

local function token_of(text)
  local token = text and json.decode(options.decode(text))
  if text and type(token) ~= "table" then
    refuse(400, "0x80060888", "Malformed $skiptoken.")
  end
  return token or nil
end

--- The query of a collection, checked: what to test, how to sort, where to start.
function M.prepare(work, t, o)
  local tree = o["$filter"] and filter.parse(o["$filter"], o)
  return { test = tree and filter.compile(scope.of(work, t), tree),
    plan = tree and scope.plan(t, tree),
    order = order_by(t, o["$orderby"], o), columns = M.columns(t, o["$select"]),
    top = o["$top"] and whole(o["$top"], "$top"), token = token_of(o["$skiptoken"]) }
end

-- Unsorted: stops as soon as one row too many is found (unless all are to be counted).
local function gather(records, q, most, count)
  local found, total = {}, 0
  for r in records do
    if not q.test or q.test(r) == true then
      total = total + 1
      if #found <= most then found[#found + 1] = r end
      if #found > most and (not count or total > M.MOST) then break end
    end
  end
  return found, total
end

local function sorted(records, q, most)
  local found = gather(records, q, math.huge, true)
  for _, r in ipairs(found) do r.sort = sort_values(q.order, r) end
  table.sort(found, function(a, b) return before(q.order, a, b) end)
  local out = {}
  for _, r in ipairs(found) do
    if #out > most then break end
    if not q.token or before(q.order, q.token, r) then out[#out + 1] = r end
  end
  return out, #found
end

local function list_of(iterator) -- an array as an iterator
  local i = 0
  return function()
    i = i + 1
    return iterator[i]
  end
end

-- One page: records, whether there are more, total. source: records (or nil: the table's own).
function M.page(work, t, q, most, count, source)
  local plain = #q.order == 0 and not source and scope.ordered(q.plan)
  local after = plain and not count and q.token and q.token.id or nil
  local records = source and list_of(source) or scope.candidates(work, t, q.plan, after)
  local found, total
  if not plain or (count and q.token) then
    found, total = sorted(records, q, most)
  else
    found, total = gather(records, q, most, count)
  end
  local more = #found > most
  if more then found[#found] = nil end
  return found, more, total
end

local function next_token(q, last)
  return options.encode(json.encode({ id = last.id,
    sort = #q.order > 0 and json.array(last.sort) or nil }))
end

--- A query string from options, in a fixed order, without some of them.
function M.query_text(o, extra)
  local out = {}
  local function add(name, v)
    if v then out[#out + 1] = name .. "=" .. options.encode(v):gsub("%%2c", ",") end
  end
  for _, name in ipairs({ "$select", "$filter", "$orderby", "$expand", "$count" }) do
    add(name, o[name])
  end
  for name, v in pairs(o) do
    if name:sub(1, 1) == "@" then add(name, v) end
  end
  for _, pair in ipairs(extra or {}) do out[#out + 1] = pair[1] .. "=" .. pair[2] end
  return table.concat(out, "&")
end

--- The name of what is selected, for @odata.context.
function M.context(rq, name, o, suffix)
  local select = o["$select"] and "(" .. o["$select"] .. ")" or ""
  return rq.base .. "$metadata#" .. name .. select .. (suffix or "")
end

local TOTAL = "@Microsoft.Dynamics.CRM.totalrecordcount"

local function counts(rq, out, total)
  local asked, over = rq.options["$count"] == "true", total > M.MOST
  if asked then out["@odata.count"] = over and M.MOST or total end
  if rq.prefer.annotation(TOTAL:sub(2)) then
    out[TOTAL] = asked and math.min(total, M.MOST) or -1
    out[TOTAL .. "limitexceeded"] = asked and over
  end
end

--- A collection answer. rq: { base=, path=, prefer=, work=, options= }; source: records or nil.
function M.collection(rq, t, source)
  local o = rq.options
  local q = M.prepare(rq.work, t, o)
  local expand = o["$expand"] and options.expand(o["$expand"])
  local size = rq.prefer.page or (q.top and math.min(q.top, M.MOST)) or M.MOST
  local records, more, total = M.page(rq.work, t, q, size, o["$count"] == "true", source)
  local out = { ["@odata.context"] = M.context(rq, t.set, o), value = json.array({}) }
  counts(rq, out, total)
  for i, r in ipairs(records) do
    out.value[i] = M.show(rq, r, q.columns)
    if expand then M.expand(rq, t, r, expand, out.value[i]) end
  end
  if more and not (q.top and not rq.prefer.page) then
    out["@odata.nextLink"] = rq.base .. rq.path .. "?" .. M.query_text(o,
      { { "$skiptoken", options.encode(next_token(q, records[#records])) } })
  end
  return out
end

--- How many rows match, at most MOST.
function M.count(rq, t, source)
  local _, _, total = M.page(rq.work, t, M.prepare(rq.work, t, rq.options), M.MOST, true, source)
  return math.min(total, M.MOST)
end

-- ---- $expand ----

local NESTED = { ["$select"] = true, ["$filter"] = true, ["$orderby"] = true, ["$top"] = true,
  ["$expand"] = true }

local function check_nested(t, entry)
  local o, way = entry.options, t.many[entry.nav]
  local joined = way and way.pair
  if o["$expand"] and (joined or o["$orderby"] or o["$top"]) then
    refuse(400, "0x80060888", "A nested $expand is not supported %s.",
      joined and "in a many-to-many relationship" or "together with $orderby or $top")
  end
  for name in pairs(entry.options) do
    if not NESTED[name] then
      refuse(400, "0x80060888", "The query parameter %s is not supported in $expand.", name)
    end
  end
end

-- What an entry of $expand means, read once for all rows of a page: below these, in its own
-- $expand; the rows that it met, since many rows name the same one.
local function below(entry)
  if entry.below == nil then
    local text = entry.options["$expand"]
    entry.below = text and options.expand(text) or false
  end
  return entry.below
end

local function one_shown(rq, there, id, entry)
  local columns = M.columns(there, entry.options["$select"])
  local body, tag = rq.work:get(there, id)
  if not body then return json.null end
  if entry.ref then return { ["@odata.id"] = rq.base .. there.set .. "(" .. id .. ")" } end
  local shown = M.show(rq, { id = id, tag = tag, body = body }, columns)
  if below(entry) then
    M.expand(rq, there, { id = id, tag = tag, body = body }, below(entry), shown)
  end
  return shown
end

local function expand_one(rq, t, record, entry)
  local nav = t.nav[entry.nav]
  local c = t.columns[nav.column]
  local target = record.body["_" .. c.logical .. "_type"]
  if not nav.links[target] then
    M.columns(schema.tables[(next(nav.links))], entry.options["$select"]) -- raises what is wrong
    return json.null
  end
  local id = record.body[c.read]
  entry.met = entry.met or {}
  entry.met[id] = entry.met[id] or one_shown(rq, schema.tables[target], id, entry)
  return entry.met[id]
end

local function expand_many(rq, t, record, entry, out)
  if entry.ref then
    refuse(400, "0x80060888", "$ref is only supported for single-valued navigation properties.")
  end
  local l = t.many[entry.nav]
  local there = schema.tables[l.table]
  entry.query = entry.query or M.prepare(rq.work, there, entry.options)
  local q = entry.query
  local size = math.min(q.top or rq.prefer.page or M.MOST, M.MOST)
  local records, more = M.page(rq.work, there, q, size, false,
    scope.children(rq.work, l, record.id))
  local list = json.array({})
  for i, r in ipairs(records) do
    list[i] = M.show(rq, r, q.columns)
    if below(entry) then M.expand(rq, there, r, below(entry), list[i]) end
  end
  out[entry.nav] = list
  if more and not q.top then
    out[entry.nav .. "@odata.nextLink"] = string.format("%s%s(%s)/%s?%s", rq.base, t.set, record.id,
      entry.nav, M.query_text(entry.options, { { "$skiptoken",
        options.encode(next_token(q, records[#records])) } }))
  end
end

--- Puts what $expand names into a shown row.
function M.expand(rq, t, record, list, out)
  for _, entry in ipairs(list) do
    check_nested(t, entry)
    if t.nav[entry.nav] then
      out[entry.nav] = expand_one(rq, t, record, entry)
    elseif t.many[entry.nav] then
      expand_many(rq, t, record, entry, out)
    else
      scope.unknown(t, entry.nav)
    end
  end
end

--- Raises for an unknown name in $select or $expand, before anything is written.
function M.check(rq, t)
  M.columns(t, rq.options["$select"])
  for _, entry in ipairs(rq.options["$expand"] and options.expand(rq.options["$expand"]) or {}) do
    local known = t.nav[entry.nav] or t.many[entry.nav]
    if not known then scope.unknown(t, entry.nav) end
  end
end

--- One row as an answer body.
function M.row(rq, t, record)
  local o = rq.options
  local out = M.show(rq, record, M.columns(t, o["$select"]))
  if o["$expand"] then M.expand(rq, t, record, options.expand(o["$expand"]), out) end
  out["@odata.context"] = M.context(rq, t.set, o, "/$entity")
  return out
end

return M

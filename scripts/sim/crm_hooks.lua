-- Web hooks of the practice CRM: a step that is registered for a message sends what was written to
-- its endpoint. Synchronous steps are asked before the commit and can undo it; asynchronous ones
-- follow it, and their outcome is a system job. Owns no collection; endpoints' secrets are read
-- from "crm_secret". A hook is a hint: what it says is taken from the write, nothing is read again.
local dates = require("sim.dates")
local rows = require("sim.crm_rows")
local schema = require("sim.crm_schema")
local store = require("sim.crm_store")
local values = require("sim.crm_values")

local M = {}
local refuse = schema.refuse

local WEBHOOK, SYNC, ENABLED = 8, 0, 0
local TIME_OUT_MS, LIMIT = 60000, 256 * 1024
local AGAIN = { [502] = true, [503] = true, [504] = true }
local CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"

-- ---- Which steps ----

local function steps_for(work, message, logical)
  local out, t = {}, schema.tables.sdkmessageprocessingstep
  for r in store.each(t) do
    local step = r.body
    local filter = work:get(schema.tables.sdkmessagefilter, step._sdkmessagefilterid_value or "")
    local named = work:get(schema.tables.sdkmessage, step._sdkmessageid_value or "")
    local fits = not filter or filter.primaryobjecttypecode == logical
    if step.statecode == ENABLED and named and named.name == message and fits then
      out[#out + 1] = step
    end
  end
  table.sort(out, function(a, b) return (a.rank or 1) < (b.rank or 1) end)
  return out
end

-- The columns of a write: all that were given on creation, those that differ on update.
local function changed(t, row, old)
  local out = {}
  for _, name in ipairs(t.order) do
    local read = t.columns[name].read
    local was = old and old[read]
    if row[read] ~= was and (row[read] ~= nil or old) then out[#out + 1] = name end
  end
  return out
end

local function concerns(step, names)
  if not step.filteringattributes or not names then return true end
  for wanted in step.filteringattributes:gmatch("[^,%s]+") do
    for _, name in ipairs(names) do
      if name == wanted then return true end
    end
  end
  return false
end

-- ---- What is sent ----

local function moment(ms) return "/Date(" .. ms .. ")/" end

local VALUE = {}

function VALUE.DateTime(v) return moment(dates.parse(v)) end

function VALUE.Money(v)
  return { __type = "Money:" .. CONTRACTS, Value = json.decimal(values.round(v, 4)) }
end

function VALUE.Decimal(v) return json.decimal(v) end
function VALUE.Picklist(v) return { __type = "OptionSetValue:" .. CONTRACTS, Value = v } end
VALUE.State, VALUE.Status = VALUE.Picklist, VALUE.Picklist

local function reference(work, c, row)
  local kind, id = row["_" .. c.logical .. "_type"], row[c.read]
  local there = kind and schema.tables[kind] and work:get(schema.tables[kind], id)
  return { __type = "EntityReference:" .. CONTRACTS, Id = id, LogicalName = kind or json.null,
    Name = there and there[schema.tables[kind].name] or json.null, KeyAttributes = json.array({}),
    RowVersion = json.null }
end

local function value_of(work, c, row)
  local v = row[c.read]
  if v == nil then return json.null end
  if c.targets then return reference(work, c, row) end
  local make = VALUE[c.type]
  if make then return make(v) end
  return v
end

local function entity(work, t, id, row, names)
  local attributes, formatted = json.array({}), json.array({})
  for _, name in ipairs(names) do
    local c = t.columns[name]
    attributes[#attributes + 1] = { key = name, value = value_of(work, c, row) }
    local text = row[c.read] ~= nil and values.format(c, row[c.read])
    if text then formatted[#formatted + 1] = { key = name, value = text } end
  end
  return { __type = "Entity:" .. CONTRACTS, Id = id, LogicalName = t.logical,
    Attributes = attributes, FormattedValues = formatted, KeyAttributes = json.array({}),
    RelatedEntities = json.array({}), EntityState = json.null, RowVersion = json.null }
end

local function target(work, e)
  if e.row then return entity(work, e.table, e.id, e.row, e.names) end
  return { __type = "EntityReference:" .. CONTRACTS, Id = e.id, LogicalName = e.table.logical,
    Name = json.null, KeyAttributes = json.array({}), RowVersion = json.null }
end

local function context(work, e, step)
  local user = work:get(schema.tables.systemuser, work.who.user)
  local organization = work:organization()
  return { MessageName = e.message, PrimaryEntityName = e.table.logical, PrimaryEntityId = e.id,
    Depth = 1, InitiatingUserId = work.who.user, UserId = work.who.user,
    BusinessUnitId = user and user._businessunitid_value or json.null,
    OrganizationId = organization.organizationid, OrganizationName = organization.name,
    CorrelationId = e.correlation, RequestId = e.correlation, OperationId = work.who.uuid(),
    OperationCreatedOn = "/Date(" .. work.who.now .. "+0000)/", Mode = step.mode,
    Stage = step.stage, IsolationMode = 1, IsInTransaction = step.mode == SYNC,
    IsExecutingOffline = false, IsOfflinePlayback = false, SecondaryEntityName = "none",
    InputParameters = json.array({ { key = "Target", value = target(work, e) } }),
    OutputParameters = json.array({}), SharedVariables = json.array({}), ParentContext = json.null,
    PreEntityImages = json.array({}), PostEntityImages = json.array({}),
    OwningExtension = { __type = "EntityReference:" .. CONTRACTS,
      Id = step.sdkmessageprocessingstepid, LogicalName = "sdkmessageprocessingstep",
      Name = step.name or json.null } }
end

local DROPPED = { "InputParameters", "ParentContext", "PreEntityImages", "PostEntityImages" }

-- The text to send, and whether it was too long for all of it.
local function body_of(work, e, step)
  local whole = context(work, e, step)
  local text = json.encode(whole)
  if #text <= LIMIT then return text, false end
  for _, name in ipairs(DROPPED) do whole[name] = nil end
  return json.encode(whole), true
end

local function unescaped(text)
  return (text:gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;", '"'):gsub("&amp;", "&"))
end

local function encoded(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function settings(xml)
  local out = {}
  for name, value in (xml or ""):gmatch('<setting%s+name="([^"]*)"%s+value="([^"]*)"') do
    out[#out + 1] = { unescaped(name), unescaped(value) }
  end
  return out
end

-- The address with what proves who calls; headers are filled in.
local function signed(endpoint, headers)
  local kept = host.docs.get("crm_secret", endpoint.serviceendpointid)
  local secret, url, query = kept and kept.authvalue or "", endpoint.url, {}
  if endpoint.authtype == 4 then query[1] = "code=" .. encoded(secret) end
  for _, pair in ipairs(settings(secret)) do
    if endpoint.authtype == 5 then headers[pair[1]] = pair[2] end
    local text = encoded(pair[1]) .. "=" .. encoded(pair[2])
    if endpoint.authtype == 6 then query[#query + 1] = text end
  end
  if #query == 0 then return url end
  return url .. (url:find("?", 1, true) and "&" or "?") .. table.concat(query, "&")
end

local function request_of(env, work, e, step, endpoint)
  local text, cut = body_of(work, e, step)
  local headers = { ["Content-Type"] = "application/json",
    ["x-ms-dynamics-organization"] = (env.base.crm or ""):gsub("^%a+://", ""),
    ["x-ms-dynamics-entity-name"] = e.table.logical, ["x-ms-dynamics-request-name"] = e.message,
    ["x-ms-correlation-request-id"] = e.correlation }
  if cut then headers["x-ms-dynamics-msg-size-exceeded"] = "true" end
  return { url = signed(endpoint, headers), headers = headers, body = text }
end

-- Sends; true, or false and why. An answer that comes after 60 seconds is none.
local function send(env, r)
  local status
  for attempt = 1, 2 do
    local began = env.now()
    status = env.post(r.url, r.headers, r.body)
    if status and env.now() - began > TIME_OUT_MS then status = nil end
    if status and status >= 200 and status < 300 then return true end
    if attempt == 2 or not AGAIN[status or 0] then break end
  end
  return false, status and "HTTP status " .. status or "no answer within 60 seconds"
end

-- ---- When ----

local function refused(step, why)
  refuse(400, "0x80040265", "The web hook of the step '%s' failed: %s. The operation was undone.",
    step.name or step.sdkmessageprocessingstepid, why)
end

-- Once more: the outcome of an asynchronous step, as a system job.
local function job(env, again, step, message, why)
  local work = again()
  local t = schema.tables.asyncoperation
  local row = rows.create(work, t, { name = step.name, operationtype = 1, messagename = message,
    message = why, friendlymessage = why, errorcode = why and -2147220891 or 0 })
  rows.update(work, t, row[t.id], { statecode = 3, statuscode = why and 31 or 30 })
  if not why and step.asyncautodelete then work:drop(t, row[t.id]) end
  work:commit()
  env.log("web hook of " .. message .. (why and " failed" or " delivered"))
end

local function later(env, again, step, e, request)
  return function()
    env.after(0, function()
      local ok, why = send(env, request)
      for _ = 2, env.switch("crm_hook_copies") do send(env, request) end
      job(env, again, step, e.message, not ok and why or nil)
    end)
  end
end

-- The writes of a work as events. Rows of the platform itself tell nobody.
local function events(work)
  local out = {}
  for t, id, row in work:changes() do
    local old = store.stored(t, id)
    local message = not row and (old and "Delete") or (row and (old and "Update" or "Create"))
    if message and not t.component and not t.locked then
      local names = row and changed(t, row, old)
      out[#out + 1] = { table = t, id = id, row = row, message = message, names = names,
        correlation = work.who.uuid() }
    end
  end
  return out
end

local function watch(env, again, work)
  local any = host.docs.find(store.collection(schema.tables.sdkmessageprocessingstep), { most = 1 })
  if #any == 0 or #work.order == 0 or not work.who.uuid then return end
  local waiting = {}
  for _, e in ipairs(events(work)) do
    for _, step in ipairs(steps_for(work, e.message, e.table.logical)) do
      local endpoint = work:get(schema.tables.serviceendpoint, step._eventhandler_value or "")
      local hook = endpoint and endpoint.contract == WEBHOOK and endpoint.url
      if hook and concerns(step, e.message == "Update" and e.names) then
        local request = request_of(env, work, e, step, endpoint)
        if step.mode == SYNC then
          local ok, why = send(env, request)
          if not ok then refused(step, why) end
        else
          waiting[#waiting + 1] = later(env, again, step, e, request)
        end
      end
    end
  end
  return function()
    for _, go in ipairs(waiting) do go() end
  end
end

--- Lets the works of a service tell its hooks. again(): a new unit of work.
function M.install(env, again)
  store.watchers[2] = function(work) return watch(env, again, work) end
end

return M

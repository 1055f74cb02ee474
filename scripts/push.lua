-- Dataverse's web hooks, an option beside the polls (`crm.push`): while it is on, the CRM tells of
-- changes at once, and the next look is due now instead of in half a minute.  What arrives is a
-- hint and no more: which table, and whether it concerns us; what changed is read as ever, so a
-- hint that is lost, doubled or forged costs nothing.
-- Owns our endpoint and its steps in the CRM (marks "push:...").  It must never believe a hint.
local brakes = require "brakes"
local call = require "dynamics_call"
local facts = require "facts"
local flow_table = require "flow_table"
local start = require "start"
local text = require "text"

local M = {}

local DAY_MS, HOUR_MS = 24 * 3600 * 1000, 3600 * 1000
local SOON_MS, LATER_MS = 1000, 60000
local WEBHOOK, WEBHOOK_KEY, JSON_FORMAT = 8, 4, 2 -- contract, authtype, messageformat
local AFTER, ASYNCHRONOUS, ENABLED = 40, 1, 0 -- stage, mode, statecode
local MESSAGES = { "Create", "Update", "Delete" }
local ENDPOINT, REGISTERED, CHECKED, ERROR =
  "push:endpoint", "push:registered", "push:checked", "push:error"

-- ---- What is to be there ----

---Whether hints are wanted, and can be had: the secret of their path may wait for a restart.
function M.on()
  return host.profile.push == true and host.profile.hint_path ~= nil
end

-- Our address in the CRM, and the key that it is called with.
local function address()
  local path, key = host.profile.hint_path:match("^(.*)%?code=(.*)$")
  return host.profile.public_url .. path, key
end

local EVER = { modifiedon = true, versionnumber = true } -- changes with each save

-- The tables whose changes are read, and the columns that count in them.
local function tables_of(known)
  local s, deal = known.solutions, {}
  local child = { s.parent, s.detail_lookup }
  child[#child + 1] = s.price
  child[#child + 1] = s.quantity
  for _, name in ipairs(known.delta_select) do
    deal[#deal + 1] = not EVER[name] and name or nil
  end
  return { [known.table] = deal, lead = { "statecode" }, [s.table] = child }
end

-- Columns as the CRM takes them: one text, in an order of its own.
local function listed(columns)
  table.sort(columns)
  return table.concat(columns, ",")
end

local function steps_of(known)
  local out, tables = {}, tables_of(known)
  for _, logical in ipairs(text.keys(tables)) do
    for _, message in ipairs(MESSAGES) do
      out[#out + 1] = { name = ("cosell: %s of %s"):format(message, logical), message = message,
        table = logical, columns = message == "Update" and listed(tables[logical]) or nil }
    end
  end
  return out
end

local function wanted(known)
  local url, key = address()
  return { name = "cosell " .. (url:match("^https?://([^/]+)") or ""), url = url, key = key,
    steps = steps_of(known) }
end

-- ---- What is there ----

local function rows(doing, path)
  local doc, err = call.send(doing, { method = "GET", path = path }, "value")
  if not doc then return nil, err end
  return doc.value
end

-- Our endpoint: the one that we made, else one of our name, which a lost state may have left.
-- nil: none; nil, err.
local function endpoint(name)
  local id = host.store.mark_get(ENDPOINT)
  local filter = id and "serviceendpointid eq " .. id or "name eq " .. call.q(name) ..
    " and contract eq " .. WEBHOOK
  local list, err = rows("look for its web hook",
    "serviceendpoints?$select=serviceendpointid,url&$filter=" .. call.option(filter))
  return list and list[1], err
end

-- name -> step
local function steps_at(id)
  local list, err = rows("look for the steps of its web hook",
    "sdkmessageprocessingsteps?$select=name,filteringattributes,statecode,stage,mode&$filter=" ..
    call.option("_eventhandler_value eq " .. id))
  if not list then return nil, err end
  local out = {}
  for _, row in ipairs(list) do
    -- one of a name: what stands there twice goes
    out[out[row.name] and row.sdkmessageprocessingstepid or row.name] = row
  end
  return out
end

-- "Update opportunity" -> { message, filter }: the numbers of messages and of what narrows them.
local function numbers(steps)
  local names, tables, seen = {}, {}, {}
  for _, message in ipairs(MESSAGES) do
    names[#names + 1] = "name eq " .. call.q(message)
  end
  for _, step in ipairs(steps) do
    if not seen[step.table] then
      seen[step.table] = true
      tables[#tables + 1] = "primaryobjecttypecode eq " .. call.q(step.table)
    end
  end
  local messages, err = rows("look for its messages", "sdkmessages?$select=name&$filter=" ..
    call.option(table.concat(names, " or ")))
  if not messages then return nil, err end
  local filters
  filters, err = rows("look for its messages", "sdkmessagefilters?$select=primaryobjecttypecode," ..
    "_sdkmessageid_value&$filter=" .. call.option(table.concat(tables, " or ")))
  if not filters then return nil, err end
  local name_of, out = {}, {}
  for _, row in ipairs(messages) do name_of[row.sdkmessageid] = row.name end
  for _, row in ipairs(filters) do
    local name = name_of[row._sdkmessageid_value]
    if name then
      out[name .. " " .. row.primaryobjecttypecode] =
        { message = row._sdkmessageid_value, filter = row.sdkmessagefilterid }
    end
  end
  return out
end

-- ---- The way from one to the other ----

local function part(method, path, body)
  return { method = method, path = path, headers = call.headers(),
    body = body and json.encode(body) or nil }
end

local function step_path(row)
  return "sdkmessageprocessingsteps(" .. row.sdkmessageprocessingstepid .. ")"
end

local function same_step(row, step)
  local columns
  if type(row.filteringattributes) == "string" and row.filteringattributes ~= "" then
    columns = {}
    for name in row.filteringattributes:gmatch("[^,%s]+") do columns[#columns + 1] = name end
  end
  return row.statecode == ENABLED and row.stage == AFTER and row.mode == ASYNCHRONOUS and
    (columns and listed(columns)) == step.columns
end

local function new_step(step, id, number)
  return part("POST", "sdkmessageprocessingsteps", { name = step.name, stage = AFTER,
    mode = ASYNCHRONOUS, rank = 1, supporteddeployment = 0, asyncautodelete = true,
    filteringattributes = step.columns,
    ["eventhandler_serviceendpoint@odata.bind"] = "/serviceendpoints(" .. id .. ")",
    ["sdkmessageid@odata.bind"] = "/sdkmessages(" .. number.message .. ")",
    ["sdkmessagefilterid@odata.bind"] = "/sdkmessagefilters(" .. number.filter .. ")" })
end

-- The endpoint as it should be; our key cannot be read back, so it is written with every change.
local function endpoint_part(there, id, want)
  local body = { name = want.name, url = want.url, authvalue = want.key, contract = WEBHOOK,
    authtype = WEBHOOK_KEY, messageformat = JSON_FORMAT }
  if there then
    return part("PATCH", "serviceendpoints(" .. id .. ")", body)
  end
  body.serviceendpointid = id
  return part("POST", "serviceendpoints", body)
end

-- The changes that make the steps right.
local function step_parts(want, id, present, number, out)
  for _, step in ipairs(want.steps) do
    local row, at = present[step.name], number[step.message .. " " .. step.table]
    present[step.name] = nil
    if row and not same_step(row, step) then
      out[#out + 1] = part("DELETE", step_path(row))
    end
    if at and not (row and same_step(row, step)) then
      out[#out + 1] = new_step(step, id, at)
    end
  end
  for _, name in ipairs(text.keys(present)) do
    out[#out + 1] = part("DELETE", step_path(present[name]))
  end
  return out
end

local function apply(doing, parts)
  if #parts == 0 then return true end
  local done, err = call.batch(doing, parts, {})
  return done and true, err
end

-- All or nothing, in one change set; the endpoint's number is known before it is made, so that an
-- answer that was lost leaves nothing behind that is not found again.
local function register(want, hash)
  local there, err = endpoint(want.name)
  if err then return nil, err end
  local id = there and there.serviceendpointid or host.store.mark_get(ENDPOINT) or host.uuid()
  host.store.mark_set(ENDPOINT, id)
  local present = {}
  if there then
    present, err = steps_at(id)
    if not present then return nil, err end
  end
  local number, bad = numbers(want.steps)
  if not number then return nil, bad end
  local parts = {}
  if not there or there.url ~= want.url or host.store.mark_get(REGISTERED) ~= hash then
    parts[1] = endpoint_part(there, id, want)
  end
  step_parts(want, id, present, number, parts)
  local ok
  ok, err = apply("register its web hook", parts)
  if ok and #parts > 0 then
    host.log("info", "registered for hints of the CRM")
  end
  return ok, err
end

-- Takes away what this state has made.
local function remove()
  local there, err = endpoint ""
  if err then return nil, err end
  if there then
    local present
    present, err = steps_at(there.serviceendpointid)
    if not present then return nil, err end
    local parts = step_parts({ steps = {} }, there.serviceendpointid, present, {}, {})
    parts[#parts + 1] = part("DELETE", "serviceendpoints(" .. there.serviceendpointid .. ")")
    local ok
    ok, err = apply("take its web hook away", parts)
    if not ok then return nil, err end
    host.log("info", "the web hook in the CRM is taken away")
  end
  for _, mark in ipairs { ENDPOINT, REGISTERED, CHECKED, ERROR } do
    host.store.mark_set(mark, nil)
  end
  return true
end

-- ---- The tick: at each start and change of the files, and daily ----

-- A refusal is said once, and the polls go on; what may pass is tried again as ever.
local function failed(err)
  if err.kind == "net" or err.kind == "busy" or err.kind == "auth" then return nil, err end
  if host.store.mark_get(ERROR) ~= err.text then
    host.store.mark_set(ERROR, err.text)
    host.log("error", "crm.push: the web hook in the CRM is not as it should be" ..
      (err.code and " (" .. err.code .. ")" or "") .. ": changes come by polls; see cosell status")
  end
  return HOUR_MS
end

local function keep(want)
  local hash = host.crypto.sha256(json.encode(want))
  local checked = math.tointeger(tonumber(host.store.mark_get(CHECKED))) or 0
  local age = host.now_ms() - checked
  if host.store.mark_get(REGISTERED) == hash and age >= 0 and age < DAY_MS then
    return DAY_MS - age
  end
  local ok, err = register(want, hash)
  if not ok then return failed(err) end
  host.store.mark_set(REGISTERED, hash)
  host.store.mark_set(CHECKED, tostring(host.now_ms()))
  host.store.mark_set(ERROR, nil)
  return DAY_MS
end

---The handler of the tick.
---@return integer|nil  again in that many ms
function M.tick()
  if not M.on() and not host.store.mark_get(ENDPOINT) then
    return DAY_MS
  elseif start.wait_ms() then -- is this our CRM, and are we alone in it?
    return start.wait_ms()
  elseif brakes.on() then
    return LATER_MS
  elseif M.on() then
    local known, err = facts.get()
    if not known then return nil, err end
    return keep(wanted(known))
  elseif host.profile.push then -- only the secret of its path is not there yet, or not any more
    return DAY_MS
  end
  local ok, err = remove()
  if not ok then return failed(err) end
  return DAY_MS
end

-- ---- Hints ----

-- The tick that looks at a table; nil: none of ours.
local function look_of(logical)
  local known = facts.get()
  if not known then return nil end
  if logical == known.table or logical == "lead" then return "tick.opportunities" end
  return logical == known.solutions.table and "tick.solutions" or nil
end

local function same_id(a, b)
  return type(a) == "string" and type(b) == "string" and a:lower() == b:lower()
end

local function is_running(kind)
  for _, job in ipairs(host.queue.list { state = "running", most = 500 }) do
    if job.kind == kind then return true end
  end
  return false
end

local looked = {} -- kind -> when a hint last made it due

---The handler of `hint` jobs, in which the inbox has kept what schema.lua names.  Many hints of one
---table that wait together are one.
---@param hint {OrganizationId: string|nil, InitiatingUserId: string|nil,
---             PrimaryEntityName: string|nil}
---@return true|integer  again in that many ms
function M.hint(hint)
  local ours = same_id(hint.OrganizationId, host.store.mark_get "organization")
  local echo = same_id(hint.InitiatingUserId, host.store.mark_get "user")
  local kind = M.on() and ours and not echo and look_of(hint.PrimaryEntityName)
  if not kind or not flow_table.on(flow_table.of_job[kind]) then return true end
  local wait = (looked[kind] or 0) + SOON_MS - host.now_ms()
  if wait > 0 and wait <= SOON_MS then return wait end -- a stream of changes is looked at in turns
  if is_running(kind) then return SOON_MS // 5 end -- it may have passed this one already
  looked[kind] = host.now_ms()
  host.queue.put { kind = kind, key = "tick:" .. kind, payload = {} }
  return true
end

-- ---- For people ----

---How it stands; nil: neither on nor left over.
---@return {on: boolean, registered: boolean, error: string|nil, hints: integer}|nil
function M.state()
  local there = host.store.mark_get(ENDPOINT) ~= nil
  if not host.profile.push and not there then return nil end
  return { on = M.on(), registered = host.store.mark_get(REGISTERED) ~= nil,
    error = host.store.mark_get(ERROR), hints = ((host.status() or {}).hints or {}).stored or 0 }
end

return M

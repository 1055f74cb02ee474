-- The Dataverse half of the practice environment: sign-in, faults, errors and headers round
-- crm_route, people's acts, the first rows. Strict by default; what the documents leave open is a
-- switch. Rows live in host.docs ("crm:TABLE"); this module keeps nothing itself.
local faults = require("sim.faults")
local schema = require("sim.crm_schema")
local store = require("sim.crm_store")
local route = require("sim.crm_route")
local batch = require("sim.crm_batch")
local act = require("sim.crm_act")
local seed = require("sim.crm_seed")
local options = require("sim.crm_options")
local dates = require("sim.dates")
local limits = require("sim.crm_limits")
local define = require("sim.crm_define")
local hooks = require("sim.crm_hooks")
local platform = require("sim.crm_platform")

local M = {}

local JSON_TYPE = "application/json; odata.metadata=minimal"
local HELP = "@Microsoft.PowerApps.CDS.HelpLink"
local INNER = "@Microsoft.PowerApps.CDS.InnerError.Message"

-- ---- Answers ----

local function refusal(e, prefer)
  local body = { code = e.code, message = e.message }
  if prefer and options.prefer(prefer).annotation(INNER) then
    body[HELP] = "http://go.microsoft.com/fwlink/?LinkID=398563"
    body[INNER] = e.message
  end
  return { status = e.status, headers = { ["Content-Type"] = JSON_TYPE, ["OData-Version"] = "4.0" },
    body = json.encode({ error = body }) }
end

-- Runs f; a refusal becomes false and an answer, a bug goes on up.
local function try(f, prefer)
  local ok, a, b = pcall(f)
  if ok then return true, a, b end
  if type(a) ~= "table" or not a.code then error(a, 0) end
  return false, refusal(a, prefer)
end

-- The answer of a finishing function.
local function answer(finish, prefer)
  local ok, a = try(function()
    local status, headers, body = finish()
    headers["OData-Version"] = "4.0"
    if type(body) == "table" then
      headers["Content-Type"], body = JSON_TYPE, json.encode(body)
    end
    return { status = status, headers = headers, body = body }
  end, prefer)
  return a, ok
end

-- One request as a unit of its own: run, commit, answer.
local function whole(make, prefer)
  local ok, a = try(function()
    local rq = make()
    local finish = route.run(rq)
    rq.work:commit()
    return answer(finish, prefer)
  end, prefer)
  return a, ok
end

-- ---- Who asks ----

local function unsigned(env)
  local body = env.switch("crm_unsigned_body")
    and json.encode({ error = { code = "0x80040204", message = "Invalid user auth." } }) or ""
  return { status = 401, headers = { ["WWW-Authenticate"] = "Bearer authorization_uri="
    .. (env.base.tokens or "") .. ", resource_id=" .. (env.base.crm or ""),
    ["Content-Type"] = body ~= "" and JSON_TYPE or nil }, body = body }
end

local function today(ms) return dates.text(ms, 0):sub(1, 10) end

local function person(env, user, api)
  local now = env.now() + env.switch("crm_ahead_ms")
  return { user = user, now = now, uuid = env.uuid, switch = env.switch, refs = {}, api = api,
    today = function() return today(now) end }
end

local function user_of(env, claims)
  local client = claims.appid or claims.azp or claims.client_id
  local t = schema.tables.systemuser
  local work = store.work(person(env, "", false))
  local found = client and work:find(t, "applicationid", client)[1]
  if not found and claims.oid then
    found = work:find(t, "azureactivedirectoryobjectid", claims.oid)[1]
  end
  if not found then
    schema.refuse(403, "0x80072560", "The user is not a member of the organization.")
  end
  if found.isdisabled then
    schema.refuse(403, "0x80040225", "The specified user (Id = %s) is disabled.",
      found.systemuserid)
  end
  return found.systemuserid
end

-- ---- Requests ----

local function base_of(env, req)
  local scheme = (env.base.crm or ""):match("^(https?)://") or "http"
  local version = req.path:match("^/api/data/(v9%.[0-2])/?")
    or req.path:match("^/api/data/(v9%.[0-2])$")
  return version and string.format("%s://%s/api/data/%s/", scheme, req.host, version)
end

local function outer(env, req, user)
  local base = base_of(env, req)
  if not base then
    schema.refuse(404, "0x8006088a", "Resource not found for the segment '%s'.", req.path)
  end
  if req.method == "GET" and #(req.target or "") > 32768 then
    schema.refuse(400, "0x80060888", "The URL is too long.")
  end
  return { method = req.method, path = req.path:gsub("^/api/data/v9%.[0-2]/?", ""),
    query = req.query,
    headers = req.headers, body = req.body or "", base = base, switch = env.switch,
    none_match = options.condition(req.headers["if-none-match"]),
    work = store.work(person(env, user, true)) }
end

local function door_of(env, user)
  return { try = try, run = route.run, answer = answer, whole = whole, uuid = env.uuid,
    work = function() return store.work(person(env, user, true)) end }
end

local function done(env, req, user)
  local rq = outer(env, req, user)
  if rq.path ~= "$batch" then
    return (whole(function() return rq end, req.headers.prefer))
  end
  if req.method ~= "POST" then schema.refuse(405, "0x80060888", "A batch is sent by POST.") end
  local status, headers, body = batch.run(rq, door_of(env, user))
  return { status = status, headers = headers, body = body }
end

-- What service protection lets in, counted from here to its answer.
local function protected(env, req, user)
  local ticket, refused = env.limits:enter(user, req.headers.cookie)
  if not ticket then
    local a = refusal(refused, req.headers.prefer)
    a.headers["Retry-After"] = tostring(refused.retry_after)
    return a
  end
  local ok, a = pcall(function()
    if req.delay_ms then host.sleep(req.delay_ms) end
    local _, answered = try(function() return done(env, req, user) end, req.headers.prefer)
    return answered
  end)
  env.limits:leave(ticket)
  if not ok then error(a, 0) end
  env.limits:headers(ticket, a.headers)
  return a
end

local function signed(env, req)
  local claims = env.tokens.check(req.headers.authorization, env.base.crm)
  if not claims then return unsigned(env) end
  if #(req.body or "") > env.switch("crm_most_body") then
    return refusal({ status = 413, code = "0x80060888",
      message = "The request body is too large." })
  end
  local _, a = try(function()
    return protected(env, req, user_of(env, claims))
  end, req.headers.prefer)
  return a
end

local function extras(env, a)
  a.headers["OData-Version"] = "4.0"
  a.headers["x-ms-service-request-id"] = env.uuid()
  a.headers["x-ms-dop-hint"] = "4"
  return a.status, a.headers, a.body or ""
end

local THROTTLED = { code = "0x80072322",
  message = "Number of requests exceeded the limit of 6000 over time window of 300 seconds." }

local GATEWAY = { json = { JSON_TYPE, json.encode({ error = { code = "0x80040216",
  message = "An unexpected error occurred." } }) }, empty = { nil, "" }, html = { "text/html",
  "<html><head><title>Service Unavailable</title></head><body><h1>Service Unavailable</h1>"
  .. "</body></html>" } }

-- An asked-for fault: true when it answers instead of the service.
local function faulty(env, fault)
  if fault.drop ~= "before" and not fault.status then return false end
  if fault.delay_ms then host.sleep(fault.delay_ms) end
  if fault.drop == "before" then return true, nil end
  local headers, body = fault.headers or {}, fault.body
  if not body and fault.status == 429 then
    body = json.encode({ error = THROTTLED })
    headers = { ["Content-Type"] = JSON_TYPE, ["Retry-After"] = headers["Retry-After"] or "5" }
  elseif not body and fault.status >= 500 then
    local kind = GATEWAY[env.switch("crm_gateway")]
    headers = { ["Content-Type"] = kind[1], ["Retry-After"] = headers["Retry-After"] }
    body = kind[2]
  end
  return true, fault.status, headers, body or ""
end

local function handle(env, req)
  local fault = env.fault and env.fault("crm", req.method, faults.target(req))
  if fault then
    req.delay_ms = fault.delay_ms
    local instead, status, headers, body = faulty(env, fault)
    if instead then return status, headers, body end
  end
  local a = signed(env, req)
  if fault and fault.drop == "after" then return nil end
  return extras(env, a)
end

-- ---- Acts and the first rows ----

local function acted(env, name, args)
  local ok, a = pcall(function()
    local who = person(env, act.person(args and args.by), false)
    local work = store.work(who)
    local result = act.run(work, name, args or {})
    work:commit()
    if result.later then
      local second = store.work(who)
      result.later(second)
      second:commit()
      result.later = nil
    end
    return result
  end)
  if ok then return a end
  if type(a) ~= "table" or not a.code then error(a, 0) end
  return nil, { kind = "remote", text = a.message, code = a.code, status = a.status }
end

--- The service. env: see the module's callers; handle answers status, headers, body (nil:
--- connection dropped); act does what a person does and answers a table or nil, err; seed makes the
--- first rows once, and says whether it did; work is a unit of work of the application user, to be
--- committed by the caller.
function M.new(env)
  local function work() return store.work(person(env, seed.APPLICATION_USER, false)) end
  store.open()
  define.open()
  env.limits = limits.new(env.switch, env.now)
  hooks.install(env, work)
  return {
    work = work,
    handle = function(req) return handle(env, req) end,
    act = function(name, args) return acted(env, name, args) end,
    seed = function(organization)
      store.open()
      define.open()
      local first = work()
      local new = seed.run(first, organization)
      if new then first:commit() end
      local second = work()
      if platform.seed(second) then second:commit() end
      return new
    end,
  }
end

return M

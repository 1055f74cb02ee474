-- A client of the practice CRM without listeners, on a clock of its own: for specs that ask it as a
-- program does, with headers and bodies. Owns the stored rows while it runs: fresh() clears them.
local crm = require("sim.crm")
local limits = require("sim.crm_limits")
local schema = require("sim.crm_schema")
local seed = require("sim.crm_seed")
local store = require("sim.crm_store")
local switches = require("sim.switches")

local K = { ROOT = "/api/data/v9.2/", ORIGIN = "http://crm.example", now = 1924992000000 }
local START = K.now
K.BASE = K.ORIGIN .. K.ROOT
K.REPRESENT = { Prefer = "return=representation" }

local CLAIMS = { ["Bearer app"] = { appid = seed.CLIENT },
  ["Bearer stranger"] = { appid = "99999999-9999-4999-8999-999999999999" } }

local env = { now = function() return K.now end, uuid = host.uuid,
  switch = function(name) return K.set.get(name) end,
  tokens = { check = function(authorization) return CLAIMS[authorization], "no token" end },
  fault = function() return K.fault end, log = function() end,
  after = function(ms, f) K.waiting[#K.waiting + 1] = { K.now + ms, f } end,
  post = function(url, headers, body) return K.hook(url, headers, body) end,
  base = { crm = K.ORIGIN, tokens = "http://tokens.example", partner = "" } }
local sim = crm.new(env)

K.act = sim.act

--- The service starts anew on what is stored.
function K.restart() sim = crm.new(env) end

local function clear(collection)
  for _, r in ipairs(host.docs.find(collection, { most = 100000 })) do
    host.docs.drop(collection, r.id)
  end
end

--- The practice CRM as it is at first: no faults, switches by default, the seed's rows.
function K.fresh()
  for _, t in pairs(schema.tables) do
    clear(store.collection(t))
    clear(store.deleted(t))
  end
  for _, collection in ipairs({ "crm_key", "crm_privilege", "crm_state", "crm_lock", "crm_refusal",
    "crm_moment", "crm_clock", "crm_defined", "crm_secret" }) do
    clear(collection)
  end
  K.fault, K.set, K.waiting = nil, switches.new(), {}
  env.limits = limits.new(env.switch, env.now)
  K.posts, K.now = {}, START
  K.hook = function(url, sent, body)
    K.posts[#K.posts + 1] = { url = url, headers = sent, body = json.decode(body) }
    return 200
  end
  sim.seed()
end

--- Runs what the service put off, such as web hooks.
function K.settle()
  while #K.waiting > 0 do table.remove(K.waiting, 1)[2]() end
end

local function low(headers)
  local out = {}
  for name, v in pairs(headers or {}) do out[name:lower()] = v end
  return out
end

--- Asks; path: below the API's root, or a whole link. Answers status, decoded body (or text),
--- headers by lower-case name.
function K.ask(method, path, body, headers, token)
  local target = path:match("^http://[^/]+(.*)$") or K.ROOT .. path
  local place, query = target:match("^([^?]*)%??(.*)$")
  local sent = low(headers)
  sent.authorization = token or "Bearer app"
  local status, got, text = sim.handle({ method = method, path = place,
    query = query ~= "" and query or nil, target = target, host = "crm.example", headers = sent,
    body = type(body) == "table" and json.encode(body) or tostring(body or "") })
  got = low(got)
  local is_json = (got["content-type"] or ""):find("json", 1, true)
  return status, is_json and json.decode(text) or text, got
end

--- The same, but answers the status and the error code alone.
function K.code(method, path, body, headers, token)
  local status, answer = K.ask(method, path, body, headers, token)
  return status, type(answer) == "table" and answer.error and answer.error.code or nil
end

--- Makes a row and answers it.
function K.make(set_name, body)
  local status, row = K.ask("POST", set_name, body, K.REPRESENT)
  if status ~= 201 then error(json.encode(row)) end
  return row
end

--- Makes an opportunity.
function K.deal(body)
  body.name = body.name or "Deal"
  return K.make("opportunities", body)
end

--- The id of a currency.
function K.currency(iso)
  local _, list = K.ask("GET", "transactioncurrencies?$filter=isocurrencycode%20eq%20'" .. iso
    .. "'")
  return list.value[1].transactioncurrencyid
end

--- One column of a list answer, joined by commas.
function K.names(list, column)
  local out = {}
  for i, row in ipairs(list.value) do out[i] = row[column] end
  return table.concat(out, ",")
end

--- The names of the accounts a filter finds, or the error code.
function K.found(filter)
  local status, list = K.ask("GET", "accounts?$select=name&$orderby=name&$filter=" .. filter)
  return status == 200 and K.names(list, "name") or list.error.code
end

function K.number(v)
  local n = tonumber(tostring(v))
  return math.tointeger(n) or n
end

--- One part of a batch.
function K.part(method, target, body, headers, id)
  local lines = { "Content-Type: application/http", "Content-Transfer-Encoding: binary" }
  if id then lines[#lines + 1] = "Content-ID: " .. id end
  lines[#lines + 1] = ""
  lines[#lines + 1] = method .. " " .. target .. " HTTP/1.1"
  for name, v in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. v end
  if body then lines[#lines + 1] = "Content-Type: application/json" end
  lines[#lines + 1] = ""
  lines[#lines + 1] = body and json.encode(body) or ""
  return table.concat(lines, "\r\n")
end

--- Parts as a multipart body.
function K.joined(boundary, parts)
  local out = {}
  for _, p in ipairs(parts) do out[#out + 1] = "--" .. boundary .. "\r\n" .. p .. "\r\n" end
  return table.concat(out) .. "--" .. boundary .. "--\r\n"
end

function K.change_set(parts)
  return "Content-Type: multipart/mixed; boundary=changeset_1\r\n\r\n"
    .. K.joined("changeset_1", parts)
end

--- Sends a batch; answers as ask.
function K.batch(parts, headers)
  headers = headers or {}
  headers["Content-Type"] = 'multipart/mixed; boundary="batch_1"'
  return K.ask("POST", "$batch", K.joined("batch_1", parts), headers)
end

return K

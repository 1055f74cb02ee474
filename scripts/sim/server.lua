-- The practice environment as it is served: one clock, one set of switches and faults, three
-- listeners (token service, Partner Center, CRM) and the control socket that `cosell sim act ...`
-- talks to. Owns the env that the services share. Knows no rule of any service.
local bulk = require "sim.bulk"
local faults = require "sim.faults"
local keys = require "sim.keys"
local organization = require("sim.partner_rows").organization
local partner = require "sim.partner"
local switches = require "sim.switches"
local tokens = require "sim.tokens"

local M = {}
M.__index = M

local SLICE_MS = 250 -- how soon a timer notices that the practice clock was moved
local SWEEP_MS = 60000
local PART = 500
local SECRET_MODE = 0x180 -- 0600

-- ---- the env

-- Runs fn as a task of its own once the practice clock has reached that time.
local function timer(env)
  return function(ms, fn)
    local due = env.now() + ms
    host.spawn(function()
      while env.now() < due do host.sleep(math.min(due - env.now(), SLICE_MS)) end
      fn()
    end)
  end
end

local function post(url, headers, body)
  local answer = host.http.request { url = url, method = "POST", headers = headers, body = body }
  return answer and answer.status
end

---@class sim.env
---@field now fun(): integer the practice clock, milliseconds
---@field uuid fun(): string
---@field switch fun(name: string): any
---@field log fun(text: string)
---@field fault fun(service: string, method: string, path: string): table|nil
---@field base table the three addresses, once they are known
---@field after fun(ms: integer, fn: function)
---@field post fun(url: string, headers: table, body: string): integer|nil
---@field tokens table

local function new_env(set, list)
  local env = { uuid = host.uuid, switch = set.get, fault = list.find, base = {}, post = post }
  function env.now() return host.now_ms() + set.get "clock_offset_ms" end
  function env.log(text) host.log("debug", text) end
  env.after = timer(env)
  return env
end

-- ---- control: what `cosell sim WORD ...` asks of a running practice environment

-- "k=v" words by name ("a.b=v" inside a), the others in order.
local function named(words, from)
  local out = {}
  for i = from, #words do
    local name, value = tostring(words[i]):match("^([%w_/.-]+)=(.*)$")
    local outer, inner = (name or ""):match("^([%w_]+)%.([%w_.]+)$")
    if outer then
      out[outer] = type(out[outer]) == "table" and out[outer] or {}
      out[outer][inner] = value
    elseif name then
      out[name] = value
    else
      out[#out + 1] = words[i]
    end
  end
  return out
end

local function fail(text) return text .. "\n", 1 end

--- Does an act by name: "crm.edit" says whose it is; else whoever has the act, the CRM if a table
--- is named.
---@return any result, string|table|nil problem
function M:act(name, args)
  local service, rest = name:match("^(%a+)%.(.+)$")
  if service == "crm" then return self.crm.act(rest, args) end
  if service == "partner" then return self.partner:act(rest, args) end
  if tokens.acts[name] then return self.tokens:act(name, args) end
  if self.partner.acts[name] and not args.table then return self.partner:act(name, args) end
  return self.crm.act(name, args)
end

local function help_of(self)
  local out = {}
  for _, acts in ipairs { self.partner.acts, tokens.acts } do
    for name, act in pairs(acts) do out[#out + 1] = string.format("%-24s %s", name, act.help) end
  end
  for name, help in pairs(require("sim.crm_act").help()) do
    out[#out + 1] = string.format("crm.%-20s %s", name, help)
  end
  table.sort(out)
  return table.concat(out, "\n") .. "\n", 0
end

local function act(self, words)
  local name = words.name or words[1]
  if not name then return help_of(self) end
  local result, problem = self:act(name, words.args or named(words, 2))
  if result == nil then return fail(problem and (problem.text or problem) or "nothing done") end
  return json.pretty(result) .. "\n", 0
end

-- The bodies of a collection, read in parts: one text holds only so many.
local function all_of(collection)
  local out, after = json.array {}, nil
  repeat
    local part = host.docs.find(collection, { after = after, most = PART })
    for _, row in ipairs(part) do out[#out + 1], after = row.body, row.id end
  until #part < PART
  return out
end

-- A table of the CRM (opportunities unless named), or the row with that id.
local function crm_text(words)
  local tables = require("sim.crm_schema").tables
  local name = words[2] or "opportunity"
  local id = words[3] or (not tables[name] and name or nil)
  if not id then return json.pretty(all_of("crm:" .. name)) .. "\n" end
  for logical in pairs(tables) do
    local row = host.docs.get("crm:" .. logical, id:lower())
    if row then return json.pretty(row) .. "\n" end
  end
  return nil, "no row " .. id
end

local function show(self, words)
  local text, problem
  if words[1] == "partner" then text, problem = self.partner:show_text(words[2])
  elseif words[1] == "crm" then text, problem = crm_text(words)
  else problem = "show partner [ID], or crm [TABLE] [ID]" end
  if not text then return fail(problem) end
  return text, 0
end

local function list_switches(self)
  local out = {}
  for i, row in ipairs(switches.rows) do
    local value = self.switches.get(row.name)
    out[i] = string.format("%s %-28s %-8s %s", value == row.default and " " or "*", row.name,
      tostring(value), row.text)
  end
  return table.concat(out, "\n") .. "\n", 0
end

local function set(self, words)
  if not words[1] then return list_switches(self) end
  if words[2] == nil then return fail "set SWITCH VALUE" end
  local ok, problem = self.switches.set(words[1], words[2])
  if not ok then return fail(problem) end
  return words[1] .. " = " .. tostring(self.switches.get(words[1])) .. "\n", 0
end

local function fault(self, words)
  if not words[1] then return json.pretty(json.array(self.faults.list())) .. "\n", 0 end
  if words[1] == "clear" then
    self.faults.clear()
    return "no faults\n", 0
  end
  local ok, problem = self.faults.add(words[1], named(words, 2))
  if not ok then return fail(problem) end
  return "fault set\n", 0
end

local function ids(self)
  local base, tenant = self.env.base, tokens.tenant
  local rows = {
    { "tokens", base.tokens }, { "partner", base.partner }, { "crm", base.crm },
    { "token-url-v1", base.tokens .. "/" .. tenant .. "/oauth2/token" },
    { "token-url-v2", base.tokens .. "/" .. tenant .. "/oauth2/v2.0/token" },
    { "organization", organization }, { "user", tokens.user.upn },
    { "partner-client", tokens.partner_client },
    { "crm-client", tokens.crm_client },
  }
  local out = {}
  for i, row in ipairs(rows) do out[i] = string.format("%-16s %s", row[1], row[2]) end
  return table.concat(out, "\n") .. "\n", 0
end

local function deliveries(self)
  return json.pretty(json.array { table.unpack(self.partner.hooks.log) }) .. "\n", 0
end

-- Stored rows as they are: "referral", or "crm:" and a table.
local function rows(self, words)
  if words[1] ~= "referral" then return json.encode(all_of(words[1] or "")) .. "\n", 0 end
  local out = json.array {}
  for i, row in ipairs(self.partner.rows:all()) do out[i] = row.r end
  return json.encode(out) .. "\n", 0
end

-- What is still under way, for who waits until all is at rest.
local function pending(self)
  local open, registered = self.partner.hooks:pending()
  return json.encode { deliveries = open, registered = registered, writes = self.writes,
    requests = self.requests } .. "\n", 0
end

-- Several words with nothing in between, as for who looks, acts and looks again: what each said.
local function all(self, words)
  local said = json.array {}
  for i, word in ipairs(words) do
    local text, exit = self:control(word[1], word[2])
    if exit ~= 0 then return text, exit end
    said[i] = text
  end
  return json.encode(said) .. "\n", 0
end

local function stop(self)
  self.running = false
  return "stopping\n", 0
end

M.words = { act = act, show = show, set = set, fault = fault, ids = ids, deliveries = deliveries,
  rows = rows, pending = pending, all = all, stop = stop }

--- Answers one word of the control socket.
---@return string text, integer exit
function M:control(word, args)
  local run = M.words[word]
  if not run then return fail("no such word: " .. tostring(word)) end
  return run(self, args or {})
end

-- ---- what a host profile needs, as files

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Writes secrets, roots and addresses beside `path`, and `path` itself: lines for a shell to read.
---@return boolean|nil ok, table|nil err
function M:write_profile_env(path)
  local folder = path:match("^(.*)/[^/]*$") or "."
  local client = keys.pair("crm-client", { common_name = "crm-client.example", bits = 2048,
    organization = "Kawabata Systems", from_ms = host.now_ms() - 86400000, days = 3650 })
  self.tokens.certify(tokens.crm_client, client.cert)
  local base, tenant = self.env.base, tokens.tenant
  local secrets = {
    { "COSELL_SANDBOX_PARTNER_SECRET", "partner_secret",
      tokens.clients[tokens.partner_client].secret },
    { "COSELL_SANDBOX_CRM_SECRET", "crm_secret", tokens.clients[tokens.crm_client].secret },
    { "COSELL_SANDBOX_REFRESH_TOKEN", "refresh_token", self.tokens.sign_in() },
    { "COSELL_SANDBOX_ROOTS", "roots.pem", self.partner.hooks:roots() },
    { "COSELL_SANDBOX_PATH_SECRET", "path_secret", "practice-path-0123456789abcdef" },
    { "COSELL_SIM_CRM_KEY", "crm_key.pem", client.key },
    { "COSELL_SIM_CRM_CERT", "crm_cert.pem", client.cert },
  }
  local lines = {
    "# Written by cosell sim: for practice only.",
    "export COSELL_SIM_TOKENS=" .. base.tokens, "export COSELL_SIM_PARTNER=" .. base.partner,
    "export COSELL_SIM_CRM=" .. base.crm,
    "export COSELL_SIM_TOKEN_URL_V1=" .. base.tokens .. "/" .. tenant .. "/oauth2/token",
    "export COSELL_SIM_TOKEN_URL_V2=" .. base.tokens .. "/" .. tenant .. "/oauth2/v2.0/token",
    "export COSELL_SIM_PARTNER_CLIENT=" .. tokens.partner_client,
    "export COSELL_SIM_CRM_CLIENT=" .. tokens.crm_client,
  }
  for _, s in ipairs(secrets) do
    local ok, err = host.file.write(folder .. "/" .. s[2], s[3], SECRET_MODE)
    if not ok then return nil, err end
    lines[#lines + 1] = "export " .. s[1] .. "=" .. quoted(s[3])
  end
  return host.file.write(path, table.concat(lines, "\n") .. "\n", SECRET_MODE)
end

-- ---- start and end

local CHANGES = { POST = true, PATCH = true, PUT = true, DELETE = true }

-- Whether a request wrote deals or rows (a batch does if one of its parts does).
local function writes(req)
  if req.path:find("$batch", 1, true) then
    return req.body:find("\nP[OAU]%u+ ") ~= nil or req.body:find("\nDELETE ", 1, true) ~= nil
  end
  return CHANGES[req.method] and not req.path:find("^/webhooks/")
end

-- Counts the requests that came, and the writes that a service took.
local function counted(self, handle)
  return function(req)
    self.requests = self.requests + 1
    local status, headers, body = handle(req)
    if status and status < 300 and writes(req) then self.writes = self.writes + 1 end
    return status, headers, body
  end
end

local function listen(self, name, port, service)
  local listener, err = host.serve { address = "127.0.0.1", port = port,
    methods = "GET POST PUT PATCH DELETE",
    handler = name == "tokens" and service.handle or counted(self, service.handle) }
  if not listener then return nil, err end
  self.listeners[#self.listeners + 1] = listener
  self.env.base[name] = "http://127.0.0.1:" .. listener.port
  return true
end

local function sweep(self)
  self.env.after(SWEEP_MS, function()
    if not self.running then return end
    self.partner.rows:expire()
    sweep(self)
  end)
end

--- Serves all three on 127.0.0.1.
---@param options { ports: integer[], deals: integer|nil, linked: boolean|nil, portal: string|nil,
---                 say: nil|fun(text: string), organization: string|nil } see bulk.lua
---@return table|nil server, table|nil err
function M.start(options)
  local self = setmetatable({ listeners = {}, running = true, writes = 0, requests = 0,
    switches = switches.new() }, M)
  self.faults = faults.new(function() return self.env.now() end)
  self.env = new_env(self.switches, self.faults)
  self.tokens = tokens.new(self.env)
  self.env.tokens = self.tokens
  self.partner = partner.new(self.env)
  self.partner.hooks:signer "practice" -- now: making keys takes a moment
  self.crm = require("sim.crm").new(self.env)
  for i, name in ipairs { "tokens", "partner", "crm" } do
    local ok, err = listen(self, name, options.ports[i], self[name])
    if not ok then
      self:close()
      return nil, err
    end
  end
  self.crm.seed(options.organization)
  if options.deals then bulk.run(self, options) end
  sweep(self)
  return self
end

--- Opens the control socket.
---@return boolean|nil ok, table|nil err
function M:open_control(path)
  local function answer(word, args) return self:control(word, args) end
  local listener, err = host.control.listen(path, answer)
  if not listener then return nil, err end
  self.listeners[#self.listeners + 1] = listener
  return true
end

function M:close()
  self.running = false
  for _, listener in ipairs(self.listeners) do listener:close() end
end

return M

-- The practice environment as it is served: one clock, one set of switches and faults, three
-- listeners (token service, Partner Center, CRM) and the control socket that `cosell sim act ...`
-- talks to (control.lua has its words). Owns the env that the services share. Knows no rule of any
-- service.
local bulk = require "sim.bulk"
local control = require "sim.control"
local faults = require "sim.faults"
local partner = require "sim.partner"
local profile = require "sim.profile"
local seed = require "sim.seed"
local switches = require "sim.switches"
local tokens = require "sim.tokens"
local trace = require "sim.trace"

local M = {}
M.__index = M

local SLICE_MS = 250 -- how soon a timer notices that the practice clock was moved
local SWEEP_MS = 60000
local HOST_PORT = 8100 -- of the host, in the profile that is written for it

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

-- ---- what people do

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

-- ---- start and end

local CHANGES = { POST = true, PATCH = true, PUT = true, DELETE = true }

-- Whether a request wrote deals or rows (a batch does if one of its parts does).
local function writes(req)
  if req.path:find("$batch", 1, true) then
    return req.body:find("\nP[OAU]%u+ ") ~= nil or req.body:find("\nDELETE ", 1, true) ~= nil
  end
  return CHANGES[req.method] and not req.path:find("^/webhooks/")
end

-- A fault that cuts answers leaves the first half of the body.
local function cut(self, name, req, body)
  if not body or #body < 2 or not self.faults.cuts(name, req.method, faults.target(req)) then
    return body
  end
  return body:sub(1, #body // 2)
end

-- Counts the requests that came, and the writes that a service took.
local function counted(self, name, handle)
  return function(req)
    self.requests = self.requests + 1
    local status, headers, body = handle(req)
    body = cut(self, name, req, body)
    if status and status < 300 and writes(req) then self.writes = self.writes + 1 end
    return status, headers, body
  end
end

local function listen(self, name, port, service)
  local listener, err = host.serve { address = "127.0.0.1", port = port,
    methods = "GET POST PUT PATCH DELETE",
    handler = self.trace:around(name,
      name == "tokens" and service.handle or counted(self, name, service.handle)) }
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

-- The deals that are there from the start; a state file that has some keeps those.
local function fill(self, options)
  local there = seed.deals_there()
  if there > 0 then
    if options.deals or options.seed then
      options.say(("the state holds %d rows of deals: nothing is loaded again\n"):format(there))
    end
    return true
  end
  if options.deals then bulk.run(self, options) end
  if options.seed then
    local set, problem = seed.read(options.seed)
    local made
    if set then made, problem = seed.load(self, set) end
    if not made then return nil, { text = "nothing was loaded: " .. problem } end
  end
  return true
end

--- Serves all three on 127.0.0.1.
---@param options { ports: integer[], deals: integer|nil, linked: boolean|nil, portal: string|nil,
---                 say: nil|fun(text: string), organization: string|nil, seed: string|nil,
---                 bare: boolean|nil }
---                 see bulk.lua; seed: a name or file, see seed.lua; a fourth port is the host's;
---                 bare: a new CRM is without the original connector
---@return table|nil server, table|nil err
function M.start(options)
  local self = setmetatable({ listeners = {}, running = true, writes = 0, requests = 0,
    switches = switches.new(), faults_on = {}, host_port = options.ports[4] or HOST_PORT }, M)
  self.faults = faults.new(function() return self.env.now() end)
  self.env = new_env(self.switches, self.faults)
  self.trace = trace.new(self.env.now)
  self.env.post = self.trace:posting(self.env.post)
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
  local new = self.crm.seed(options.organization)
  if options.bare and new then self.crm.act("remove-connector", {}) end
  local ok, err = fill(self, options)
  if not ok then
    self:close()
    return nil, err
  end
  sweep(self)
  return self
end

--- Opens the control socket.
---@return boolean|nil ok, table|nil err
function M:open_control(path)
  local function answer(word, args) return control.answer(self, word, args) end
  local listener, err = host.control.listen(path, answer)
  if not listener then return nil, err end
  self.listeners[#self.listeners + 1] = listener
  return true
end

--- Writes a profile folder, or lines for a shell: see profile.lua.
function M:write_profile(folder) return profile.write(self, folder) end
function M:write_profile_env(path) return profile.write_env(self, path) end

function M:close()
  self.running = false
  for _, listener in ipairs(self.listeners) do listener:close() end
end

return M

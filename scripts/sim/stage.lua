-- A practice environment with a host beside it, both as programs of their own: what `cosell demo`
-- plays on and what the story tests drive.  Speaks to both through their control sockets, looks
-- at what both sides hold, and waits for conditions, never for time. Owns the two children and
-- ends them; it must never reach into a service another way.
local M = {}
M.__index = M

local START_MS = 20000
local REST_MS = 30000
local FIRST_LOOK_MS, LAST_LOOK_MS = 8, 100 -- between two looks of one who waits

-- ---- Starting ----

local function wait_line(child, pattern, what)
  local seen = {}
  for _ = 1, 200 do
    local line = child:line(START_MS)
    if not line then
      break
    end
    seen[#seen + 1] = line
    local found = line:match(pattern)
    if found then
      return found
    end
  end
  error(what .. " did not start:\n" .. table.concat(seen, "\n"), 0)
end

local function environment(...)
  local out = { PATH = host.file.getenv("PATH"), HOME = host.file.getenv("HOME") }
  for _, name in ipairs { "COSELL_SCRIPTS", "COSELL_SIM_KEYS" } do
    out[name] = host.file.getenv(name)
  end
  for _, more in ipairs { ... } do
    for name, value in pairs(more) do
      out[name] = value
    end
  end
  return out
end

---Starts the practice environment in a folder.
---both: what the environments of both programs have besides, now and at every later start.
---@param o { dir: string, socket: string|nil, ports: string|nil, args: string[]|nil,
---           env: table|nil, both: table|nil }
function M.new(o)
  local self = setmetatable({ dir = o.dir, socket = o.socket or o.dir .. "/sim.sock",
    both = o.both or {} }, M)
  local argv = { "sim", "--ports", o.ports or "0,0,0", "--socket", self.socket, "--profile-env",
    o.dir .. "/env" }
  table.move(o.args or {}, 1, #(o.args or {}), #argv + 1, argv)
  self.sim = assert(host.child.start { argv = argv, env = environment(self.both, o.env or {}) })
  local tokens, partner, crm
  wait_line(self.sim, "practice environment ready", "the practice environment")
  for line in self.sim:output():gmatch("[^\n]+") do
    tokens = line:match("tokens (http://[%d.:]+)") or tokens
    partner = line:match("partner (http://[%d.:]+)") or partner
    crm = line:match("crm (http://[%d.:]+)") or crm
  end
  self.base = { tokens = tokens, partner = partner, crm = crm }
  return self
end

-- The exports of the env file as a table.
local function exports(path)
  local out = {}
  local text = assert(host.file.read(path))
  for name, value in text:gmatch("export ([%w_]+)='(.-)'\n") do
    out[name] = value
  end
  for name, value in text:gmatch("export ([%w_]+)=([^'\n]+)\n") do
    out[name] = value
  end
  return out
end

---Starts the host on a profile folder.
---@param o { profile: string, state: string, env: table|nil }
function M:host_start(o)
  local env = exports(self.dir .. "/env")
  env.COSELL_STATE = o.state
  for name, value in pairs(o.env or {}) do
    env[name] = value
  end
  self.host_options = o
  self.control = o.state .. ".sock"
  self.host = assert(host.child.start { argv = { "run", "--profile", o.profile },
    env = environment(self.both, env) })
  return self.host
end

function M:host_ready()
  return wait_line(self.host, "ready in %d+ ms", "the host") -- not "already in use"
end

function M:host_stop(signal)
  if self.host then
    self.host:kill(signal or "TERM")
    local ended = self.host:wait()
    self.host = nil
    return ended
  end
  return nil
end

function M:close()
  self:host_stop()
  if self.sim then
    self.sim:kill("TERM")
    self.sim:wait()
    self.sim = nil
  end
end

-- ---- Speaking ----

local function ask(socket, command, args)
  local answer, err = host.control.call(socket, command, args)
  if not answer then
    error(command .. ": " .. err.text, 0)
  end
  return answer
end

---A word to the practice environment; its JSON answer.
function M:say(word, args)
  self.faulty = self.faulty or word == "fault" -- what is refused from here on may be the fault's
  local answer = ask(self.socket, word, args or {})
  if answer.exit ~= 0 then
    error("sim " .. word .. ": " .. answer.out, 0)
  end
  return json.decode(answer.out) or answer.out
end

---A person does something: self:act("portal-create", {name = ...}).
function M:act(name, args)
  return self:say("act", { name = name, args = args or {} })
end

function M:set(switch, value)
  return self:say("set", { switch, tostring(value) })
end

function M:fault(service, rules)
  local words = { service }
  for name, value in pairs(rules or {}) do
    words[#words + 1] = name .. "=" .. tostring(value)
  end
  return self:say("fault", words)
end

---All rows of one collection, as stored.
---@param what string  "referral", "crm:opportunity", ...
function M:rows(what)
  return self:say("rows", { what })
end

function M:row(what, id)
  for _, row in ipairs(self:rows(what)) do
    if row.id == id or row[what:match("([^:]+)$") .. "id"] == id then
      return row
    end
  end
  return nil
end

---A command of the running host; its text, or its table with --json.
function M:command(name, args)
  local answer = ask(self.control, name, args or {})
  return answer.out, answer.exit
end

---The JSON of a command that can give it.
function M:command_json(name, args)
  local words = { "--json" }
  table.move(args or {}, 1, #(args or {}), 2, words)
  return json.decode((self:command(name, words)))
end

function M:status()
  return self:command_json("status")
end

---Records of runs that did something, newest first.
function M:runs(most)
  return self:command_json("runs", { "--most", tostring(most or 100) })
end

-- ---- Waiting ----

---Waits until look() gives something true; a bound, no sleep that decides.  The longer it has
---waited, the rarer it looks: what is waited for needs the machine, too.
function M.wait_for(what, look, bound_ms)
  local from_ms, waited = host.now_ms(), 0
  repeat
    local found = look()
    if found then
      return found
    end
    host.sleep(math.max(FIRST_LOOK_MS, math.min(waited // 8, LAST_LOOK_MS)))
    waited = host.now_ms() - from_ms
  until waited > (bound_ms or REST_MS)
  error("waited in vain for " .. what, 0)
end

function M:idle()
  local queue = self:status().queue
  return queue.due == 0 and queue.running == 0 and queue.soon == 0 and
    self:say("pending").deliveries == 0
end

---Reads what changed on both sides and works it off, until a whole look finds nothing to do.
function M:rest()
  M.wait_for("a look that finds nothing to do", function()
    local before = self:command("last")
    self:command("sync")
    M.wait_for("rest", function() return self:idle() end)
    return self:command("last") == before
  end)
end

return M

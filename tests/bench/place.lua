-- Where figures are taken: the released host (not the test build, so that no test file is in its
-- memory) on a profile of its own, with the practice environment beside it or with nothing.
local kit = require "commands.kit"
local stage = require "sim.stage"

local M = {}

local START_MS = 20000
local LONG_MS = 600000

-- No event, poll or delta works off what differs.
local FLOWS = "webhook_registration = false, partner_center_to_dynamics = false, " ..
  "dynamics_opportunity = false, dynamics_solutions = false"

-- Many deals that change at once are what is measured here, no sign of trouble.
local SETTINGS = { brake_percent = 0 }

local function free_port()
  local listener = assert(host.serve { address = "127.0.0.1", port = 0,
    handler = function() return 404, {}, "" end })
  listener:close()
  return listener.port
end

---Starts the host of this place and waits until it is ready.
---@return integer said, integer seen  ms: by its own ready line, and from here
function M.start(s)
  local began = host.now_ms()
  s.control = s.state .. ".sock"
  s.host = assert(host.child.start { path = host.file.getenv "COSELL_BENCH_HOST",
    argv = { "run", "--profile", s.profile } })
  repeat
    local line = s.host:line(START_MS)
    local ms = line and line:match("ready in (%d+) ms")
    if ms then
      return tonumber(ms), host.now_ms() - began
    end
  until not line
  error("the host did not start:\n" .. s.host:output(), 0)
end

---The practice environment and a host that is registered with it.
function M.practice()
  local s = kit.new { host = false, settings = SETTINGS }
  s:set("crm_limit_requests", 0) -- the host is measured, not who it talks to
  M.start(s)
  kit.registered(s)
  return s
end

---A host alone: both services are this one address.
---@param signed { origin: string, roots: string }
---@param forward string|nil  where callbacks go on to
function M.alone(signed, forward)
  local dir, at = host.file.tempdir(), signed.origin
  local s = setmetatable({ dir = dir, profile = dir .. "/profile", state = dir .. "/cosell.db",
    base = { crm = at, tokens = at, partner = at }, port = free_port() }, stage)
  local secret = host.crypto.sha256(host.random(32))
  s.hook = ("http://127.0.0.1:%d/callback/%s"):format(s.port, secret)
  assert(host.file.mkdir(s.profile))
  local profile = kit.profile_text(s, s.port, SETTINGS)
  if forward then
    profile = profile:gsub("\n}%s*$", ("\n  webhook = { forward = %q },\n}\n"):format(forward))
  end
  assert(host.file.write(s.profile .. "/profile.lua", profile))
  assert(host.file.write(dir .. "/roots.pem", signed.roots, 0x180))
  for name, text in pairs { path_secret = secret, crm_secret = "none", partner_secret = "none",
    refresh_token = "none" } do
    assert(host.file.write(dir .. "/" .. name, text, 0x180))
  end
  M.start(s)
  return s
end

---Runs body(s) and always ends the place.
function M.with(s, body)
  local ok, result = pcall(body, s)
  s:close()
  if not ok then
    error(result, 0)
  end
  return result
end

---Nothing to do: what waits, waits for longer than a moment.
function M.still(s)
  local q = s:status().queue
  return q.due == 0 and q.running == 0 and q.soon == 0
end

function M.wait_still(s)
  stage.wait_for("the queue to be worked off", function() return M.still(s) end, 120000)
end

local function pss(pid)
  local text, err = host.file.read("/proc/" .. pid .. "/smaps_rollup")
  local kib = text and text:match("\nPss:%s+(%d+) kB")
  if not text then -- who is not root may not look: then shared pages count whole
    kib = host.file.read("/proc/" .. pid .. "/status"):match("\nVmRSS:%s+(%d+) kB")
  end
  return assert(kib, err and err.text or "no Pss in smaps_rollup") / 1024
end

---The most memory that the host ever had resident, shared libraries too, in MiB.
function M.peak(s)
  local text = assert(host.file.read(("/proc/%d/status"):format(s.host:pid())))
  return tonumber(text:match("\nVmHWM:%s+(%d+) kB")) / 1024
end

---Processor time that a child has used, in microseconds (counted in hundredths of a second).
---@param child table  the host or the practice environment of a place
function M.cpu_us(child)
  local text = assert(host.file.read(("/proc/%d/stat"):format(child:pid())))
  local user, system = text:match("^.*%)" .. (" %S+"):rep(11) .. " (%d+) (%d+)")
  return (tonumber(user) + tonumber(system)) * 10000
end

---Proportional set sizes in MiB: the host, its mapping process.
function M.memory(s)
  local pid = s.host:pid()
  local children = assert(host.file.read(("/proc/%d/task/%d/children"):format(pid, pid)))
  local mapping = 0
  for child in children:gmatch("%d+") do
    mapping = mapping + pss(child)
  end
  return pss(pid), mapping
end

---A profile of whose flows none works off what differs.
---@param profile string  its text
function M.quiet(profile)
  return (profile:gsub("\n}%s*$", "\n  flows = { " .. FLOWS .. " },\n}\n"))
end

---Makes the host know the deals that both services have.
function M.link_all(s, deals)
  local child = assert(host.child.start { argv = { "link_all", "--profile", s.profile },
    env = { COSELL_COMMANDS = host.file.getenv "COSELL_COMMANDS" .. "/bench/host" } })
  while child:line(LONG_MS) do end
  local ended, said = child:wait(), child:output()
  if ended.exit ~= 0 or not said:find(("linked %d deals"):format(deals), 1, true) then
    error("the deals could not be linked:\n" .. said, 0)
  end
end

return M

-- Story a3: kept running by systemd.  A listener plays systemd and hears the host; the unit is
-- judged by systemd's own tool, and what it lets through is held against what both programs were
-- seen to call.
local kit = require "commands.kit"

local ROOT = host.file.getenv("COSELL_COMMANDS"):match("^(.*)/tests$")
local UNIT = ROOT .. "/host/dist/cosell@.service.in"

local function shell(text, ...)
  local child = assert(host.child.start { path = "/bin/sh", argv = { "-c", text, "sh", ... } })
  while child:line(60000) do end
  return child:output(), child:wait().exit
end

-- ---- What systemd hears ----

-- Prints each message as a line with its time.  Every Debian has perl.
local LISTENER = [[
use Socket; use Time::HiRes "time"; $| = 1;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($s, sockaddr_un($ARGV[0])) or die $!;
print "listening\n";
while (defined recv($s, my $text, 4096, 0)) {
  $text =~ s/\n/ | /g;
  printf "%d %s\n", time * 1000, $text;
}]]

local ALIVE = "WATCHDOG=1"
local BOUND_MS = 20000
local ALLOWED_US, HANGS_US = "300000", "1500000" -- a sign every 100 ms; five times what is allowed

local Manager = {}
Manager.__index = Manager

function Manager.new(dir)
  local path = dir .. "/notify"
  local child = assert(host.child.start { path = "/usr/bin/perl", argv = { "-e", LISTENER, path } })
  assert(child:line() == "listening", child:output())
  return setmetatable({ child = child, env = { NOTIFY_SOCKET = path,
    WATCHDOG_USEC = ALLOWED_US } }, Manager)
end

---The next message and when it came.
function Manager:next()
  local ms, text = (self.child:line(BOUND_MS) or "0 nothing"):match("^(%d+) (.*)$")
  return text, tonumber(ms)
end

---The next that is no sign of life; signs go on coming, so there is a bound.
function Manager:word()
  local text
  local until_ms = host.now_ms() + BOUND_MS
  repeat text = self:next() until text ~= ALIVE or host.now_ms() > until_ms
  return text
end

function Manager:close()
  self.child:kill("KILL")
  self.child:wait()
end

local function with_manager(o, body)
  local dir = host.file.tempdir()
  local m = Manager.new(dir)
  o.env = m.env
  local ok, err = pcall(kit.with, o, function(s) body(s, m) end)
  m:close()
  host.file.remove(dir)
  if not ok then
    error(err, 0)
  end
end

local function heard(t)
  with_manager({}, function(s, m)
    local broken = s.profile .. "/details.lua"
    t.has(m:word(), "READY=1 | STATUS=generation 1, callbacks on http://127.0.0.1:" .. s.port)
    for _ = 1, 3 do
      t.eq(m:next(), ALIVE, "idle, and alive")
    end
    s.host:kill("HUP")
    t.eq(m:word(), "RELOADING=1")
    t.eq(m:word(), "READY=1 | STATUS=generation 1")
    assert(host.file.write(broken, "return {"))
    t.has(m:word(), "READY=1 | STATUS=generation 1 stays, the new files are refused")
    s.host:kill("HUP")
    t.eq(m:word(), "RELOADING=1")
    t.has(m:word(), "READY=1 | STATUS=generation 1 stays, the new files are refused")
    host.file.remove(broken)
    t.eq(m:word(), "READY=1 | STATUS=generation 1")
    s.host:kill("TERM")
    t.has(m:word(), "STOPPING=1")
    t.eq(s.host:wait().exit, 0)
    s.host = nil
  end)
end

-- Nobody hears READY of a host that cannot serve.
local function never_ready(t)
  with_manager({ host = false }, function(s, m)
    assert(host.file.write(s.profile .. "/profile.lua", "return { stage = 'no such' }"))
    s:host_start { profile = s.profile, state = s.state, env = m.env }
    t.eq(s.host:wait().exit, 1)
    s.host = nil
    m:close()
    t.ok(not m.child:output():find("READY", 1, true), m.child:output())
  end)
end

-- ---- A host under strace ----

-- The host, with strace's options in front.
local function start_under_strace(s, options, env)
  local program = shell('readlink "/proc/$PPID/exe"'):gsub("\n", "")
  local argv = { "-f", "-qq", table.unpack(options) }
  table.move({ program, "run", "--profile", s.profile }, 1, 4, #argv + 1, argv)
  s.host = assert(host.child.start { path = "/usr/bin/strace", argv = argv, env = env })
  s.control = s.state .. ".sock"
  s:host_ready()
  kit.registered(s)
end

-- The disk hangs from some write on; the process lives, and its loop waits for the disk.
local function silent(t)
  with_manager({ host = false }, function(s, m)
    start_under_strace(s, { "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e",
      "inject=fsync,fdatasync:delay_enter=" .. HANGS_US .. ":when=30+" }, m.env)
    local last, longest = nil, 0
    kit.wait("a silence of the loop", function()
      host.spawn(function() pcall(s.command, s, "sync") end)
      local text, ms = m:next()
      if text == ALIVE then
        longest = math.max(longest, last and ms - last or 0)
        last = ms
      end
      return longest * 1000 >= tonumber(HANGS_US) * 0.9
    end, 120000)
    t.eq(m:next(), ALIVE, "and after it goes on")
    s.host:kill("KILL")
    s.host:wait()
    s.host = nil
  end)
end

-- ---- The unit ----

-- The calls of systemd's sets, by name.
local function add_calls(set, names, value)
  for name in names:gmatch("%S+") do
    if name:sub(1, 1) == "@" then
      local listed = shell('systemd-analyze syscall-filter "$1"', name)
      add_calls(set, listed:gsub("^[^\n]*\n", ""):gsub("#[^\n]*", ""), value)
    else
      set[name] = value
    end
  end
end

local function let_through()
  local set = {}
  for sign, names in assert(host.file.read(UNIT)):gmatch("\nSystemCallFilter=(~?)([^\n]*)") do
    add_calls(set, names, sign == "" or nil)
  end
  return set
end

local function calls_of(trace)
  local seen = {}
  for line in trace:gmatch("[^\n]+") do
    local name = line:match("^%d+ +([%w_]+)%(")
    if name then
      seen[name] = line
    end
  end
  return seen
end

local function within(t)
  kit.with({ host = false }, function(s)
    local file = s.dir .. "/calls"
    start_under_strace(s, { "-o", file }, {})
    s:act("portal-create", { name = "Under watch", value = 1000, currency = "USD" })
    s:rest()
    t.eq(#kit.opportunities(s), 1)
    assert(host.file.write(s.profile .. "/details.lua", "return { api = 1 }"))
    kit.wait("the reload", function() return s:status().reload.swaps > 1 end)
    s:command("backup", { s.dir .. "/copy.db" })
    s:command("export", { "solutions", s.dir .. "/solutions.xlsx" })
    shell('kill -TERM "$1"', tostring(s:status().pid)) -- the child is strace
    t.eq(s.host:wait().exit, 0)
    s.host = nil
    local trace = assert(host.file.read(file))
    local seen, may = calls_of(trace), let_through()
    t.ok(seen.seccomp and seen.inotify_add_watch and seen.pwrite64, "both programs were seen")
    for name, line in pairs(seen) do
      local for_root = name == "fchown" -- sqlite, and the service is not root
      t.ok(may[name] or for_root, "the unit refuses a call that is needed: " .. line)
    end
    t.ok(not trace:find("PROT_WRITE|PROT_EXEC", 1, true), "memory to write and execute")
    for family in trace:gmatch("socket%(AF_(%w+)") do
      t.ok(family == "UNIX" or family == "INET" or family == "INET6", "AF_" .. family)
    end
  end)
end

local function judged(t)
  local dir = host.file.tempdir()
  local unit = dir .. "/cosell@.service"
  local text = assert(host.file.read(UNIT)):gsub("@bindir@", "/usr/bin")
  assert(host.file.write(unit, text))
  local said, status = shell('systemd-analyze security --offline=yes --threshold=15 "$1"', unit)
  t.eq(status, 0, said:sub(-200))
  t.has(said, "Overall exposure level")
  said = shell('systemd-analyze verify "$1" 2>&1 | grep -v -e "is not executable" -e "man cosell"',
    unit)
  t.eq(said, "", "what systemd says of the unit")
  host.file.remove(dir)
end

return function(t)
  t.case("service: ready, reloading, refused, stopping, alive: systemd hears it",
    function() heard(t) end)
  t.case("service: a host that cannot serve is never ready", function() never_ready(t) end)
  t.case("service: a loop that hangs gives no sign of life", function() silent(t) end)
  if not kit.sanitised then
    t.case("service: the unit lets through what host and mapping process call",
      function() within(t) end)
  end
  t.case("service: the unit's exposure is at most 1.5", function() judged(t) end)
end

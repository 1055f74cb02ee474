-- Story 54: what befalls the state file of a running host, and backups.  Whatever happens, nothing
-- is acknowledged that is not on disk, the end has a name and a status of its own, and the way back
-- that is printed works.
local kit = require "commands.kit"
local printed = require "commands.printed"
local small_disk = require "commands.small_disk"

local WAIT_MS = 15000

local shell = small_disk.shell

-- The end of the host of a stage: its status and all it said.
local function ended(s)
  local child, late = s.host, host.now_ms() + WAIT_MS
  while host.now_ms() < late and child:line(WAIT_MS) do end
  if host.now_ms() >= late then
    child:kill("KILL")
  end
  local how = child:wait()
  s.host = nil
  return how and how.exit, child:output()
end

-- A host that cannot start.
local function refuses(t, s, status, name, words)
  local text, exit = printed.run(s, { "run" }, 80)
  t.has(text, name)
  for _, part in ipairs(words or {}) do
    t.has(text, part)
  end
  t.eq(exit, status, "exit status of " .. name)
end

local function start(s)
  s:host_start { profile = s.profile, state = s.state }
  s:host_ready()
  kit.registered(s)
end

local function deal(s, name)
  return s:act("portal-create", { name = name, value = 1000, currency = "USD" }).id
end

local function names(s)
  local out = {}
  for _, o in ipairs(kit.opportunities(s)) do
    out[#out + 1] = o.name
  end
  table.sort(out)
  return table.concat(out, ", ")
end

-- ---- On a small disk ----

-- A stage whose state lies on the small disk.
local function with_small(body)
  local disk = small_disk.folder()
  kit.with({ host = false, edit = function(text)
    return (text:gsub('state = "[^"]*"', ('state = "%s/cosell.db"'):format(disk)))
  end }, function(s)
    s.state = disk .. "/cosell.db"
    start(s)
    body(s, disk)
  end)
end

local function fill(disk)
  local n, size = 0, 1 << 20
  while size >= 512 do
    if host.file.write(disk .. "/ballast" .. n, ("x"):rep(size)) then
      n = n + 1
    else
      size = size // 2
    end
  end
  return n
end

local function make_room(disk, n)
  for i = 0, n - 1 do
    assert(host.file.remove(disk .. "/ballast" .. i))
  end
end

-- A mapping that is saved while nothing can be written down.
local EDITED = "return { api = 1, opportunity = { create = function() end } }"

local function full_while_running(t, s, disk)
  deal(s, "Before")
  s:rest()
  local n = fill(disk)
  deal(s, "Meanwhile")
  kit.wait("a callback to be refused", function()
    local now = s:status().callbacks -- none while a round of its own is lost
    return now and now.refused > 0
  end)
  t.eq(names(s), "✔ Before", "nothing is done that cannot be written down")
  t.has(s.host:output(), "full")
  t.has(s.host:output(), "make room on that disk")
  kit.wait("the answer to a backup", function()
    local text, exit = printed.run(s, { "backup", disk .. "/b.db" }, 80)
    t.eq(exit, 1, "exit status of a backup without room")
    return text:find("no backup was made", 1, true)
  end)
  t.eq(host.file.exists(disk .. "/b.db"), false, "half a backup")
  assert(host.file.write(s.profile .. "/details.lua", EDITED))
  make_room(disk, n)
  s:rest()
  t.eq(names(s), "✔ Before, ✔ Meanwhile", "it goes on by itself")
  t.has(s.host:output(), "can be written again")
  kit.wait("the edited mapping", function()
    local now = s:status()
    return not now.reload.error and now.generation > 1
  end)
end

local function full_at_start(t, s, disk)
  s:host_stop("KILL")
  local n = fill(disk)
  refuses(t, s, 4, "state full", { "make room on that disk" })
  t.has((printed.run(s, { "status" }, 80)), "no host is running") -- what only reads works
  make_room(disk, n)
end

local function read_only_at_start(t, s, disk)
  local said, exit = shell('mount -o remount,ro "$1"', disk)
  t.eq(exit, 0, said)
  refuses(t, s, 5, "state read-only", { "make file and file system writable" })
  shell('mount -o remount,rw "$1"', disk)
  start(s)
  kit.quiet(t, s)
  t.eq(#kit.referrals(s), 2, "referrals")
end

local ON_SMALL_DISK = {
  { "disk full while the host runs: no acknowledgement, then it goes on", full_while_running },
  { "killed, and the disk full at the start: status 4", full_at_start },
  { "read-only at the start: status 5; then all is as it was", read_only_at_start },
}

local function on_small_disk(t)
  with_small(function(s, disk)
    for _, row in ipairs(ON_SMALL_DISK) do
      t.case("guard 6: " .. row[1], function() row[2](t, s, disk) end)
    end
  end)
end

-- ---- The disk fails ----

-- A limit of the system on the size of files is a disk that fails to write.
local function write_fails(t)
  kit.with({}, function(s)
    deal(s, "Deal 1")
    s:rest()
    local said, exit = shell('prlimit --pid "$1" --fsize=1200000:unlimited',
      tostring(s.host:pid()))
    t.eq(exit, 0, said)
    local made = 1
    while made < 20 and pcall(s.command, s, "last") do
      made = made + 1
      pcall(deal, s, "Deal " .. made)
    end
    local status, text = ended(s)
    t.eq(status, 6, "exit status, it said:\n" .. text)
    t.has(text, "state unreliable: look at the disk")
    start(s)
    s:rest()
    t.eq(#kit.opportunities(s), #kit.referrals(s), "deals after " .. made)
    t.ok(made > 2 and #kit.referrals(s) >= made - 1, "deals made: " .. made)
    kit.quiet(t, s)
  end)
end

-- ---- What cannot be started ----

local PRIVATE = 0x180 -- 0600
local PAGE = 4096

local function copy(from, to)
  assert(host.file.write(to, assert(host.file.read(from)), PRIVATE))
end

-- All pages but the first two become garbage.
local function spoil(path)
  local text = assert(host.file.read(path))
  assert(host.file.write(path, text:sub(1, 2 * PAGE) .. ("\x5A\xA5"):rep((#text - 2 * PAGE) // 2),
    PRIVATE))
end

local BAD = {
  { "damaged", 7, "state damaged", { "damaged (", "cosell restore BACKUP --aside" }, spoil },
  { "text", 9, "state foreign", { "is not a state file of cosell" }, function(path)
    assert(host.file.write(path, ("not a state file, "):rep(1000), PRIVATE))
  end },
  { "newer", 9, "state foreign", { "newer cosell", "install the newer one" }, function(path)
    local text = assert(host.file.read(path)) -- the schema version stands at byte 60 of the head
    assert(host.file.write(path, text:sub(1, 60) .. (">I4"):pack(99) .. text:sub(65), PRIVATE))
  end },
}

local function bad_files(t)
  kit.with({}, function(s)
    refuses(t, s, 3, "state held", { "held by another cosell", "end the other cosell" })
    deal(s, "Before")
    s:rest()
    t.eq(names(s), "✔ Before", "the first goes on")
    s:host_stop("TERM")
    local good = s.dir .. "/good.db"
    copy(s.state, good)
    for _, row in ipairs(BAD) do
      local what, status, name, words, make = table.unpack(row)
      make(s.state)
      local before = assert(host.file.read(s.state))
      refuses(t, s, status, name, words)
      local text, exit = printed.run(s, { "status" }, 80)
      t.has(text, name .. ": ")
      t.eq(exit, status, "exit status of a command")
      t.ok(assert(host.file.read(s.state)) == before, what .. ": the file is left as it was")
      copy(good, s.state)
    end
    start(s)
    kit.quiet(t, s)
  end)
end

-- ---- It goes, and comes back from a backup ----

local MADE = [[
backup   backup.db, N KiB, mode 0600
schema 2, N rows in 14 tables: each table counted, every page checked
      2  deals
      N  jobs
      N  run records
      1  secret, sealed: of use only with the key file, which is not in it
]]

local BACK = [[
restored cosell.db
aside    cosell.db.aside-TIME, what stood there
schema 2, N rows in 14 tables: each table counted, every page checked
      2  deals
      N  jobs
      N  run records
secrets  its secrets open with the key file
next     cosell run. The services went on since that backup: if status says
         paused, cosell sync --all shows what differs, --apply goes on
]]

local function counted(text)
  return (text:gsub("aside%-[%dT.-]+", "aside-TIME"):gsub("[%d,]+ KiB", "N KiB")
    :gsub("%d+ rows", "N rows"):gsub(" +%d+(  jobs)", "      N%1")
    :gsub(" +%d+(  run records)", "      N%1"))
end

-- A program that is run in a folder, as a person does.
local function run_in(s, dir, argv)
  argv[#argv + 1] = "--profile"
  argv[#argv + 1] = s.profile
  local child = assert(host.child.start { argv = argv, dir = dir, env = { COLUMNS = "80" } })
  while child:line(WAIT_MS) do end
  return child:output(), child:wait().exit
end

local function gone_and_back(t)
  kit.with({}, function(s)
    deal(s, "One")
    deal(s, "Two")
    s:rest()
    local text, exit = run_in(s, s.dir, { "backup", "backup.db" })
    t.eq(counted(text), MADE)
    t.eq(exit, 0)
    t.eq(shell('stat -c %a "$1"', s.dir .. "/backup.db"), "600\n", "mode")
    t.eq(select(2, run_in(s, s.dir, { "backup" })), 2, "exit status of a wrong use")
    text, exit = run_in(s, s.dir, { "backup", "backup.db" })
    t.has(text, "is there already; it is never covered; no backup was made")
    t.eq(exit, 1)
    text, exit = run_in(s, s.dir, { "restore", "backup.db" })
    t.has(text, "held by another cosell")
    t.has(text, "nothing was changed\nstop the host first")
    t.eq(exit, 3, "restore while a host runs")
    deal(s, "Three")
    s:rest()
    t.eq(names(s), "✔ One, ✔ Three, ✔ Two")

    assert(host.file.remove(s.state))
    deal(s, "Four") -- its callback asks for a write
    local status, said = ended(s)
    t.eq(status, 8, "exit status, it said:\n" .. said)
    t.has(said, "state gone: put the file back with its -wal, or cosell restore BACKUP --aside")

    text, exit = run_in(s, s.dir, { "restore", "--aside", "backup.db" })
    t.eq(counted(text), BACK)
    t.eq(exit, 0)
    start(s)
    s:rest()
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq(#kit.opportunities(s), 4, "every deal is there once: " .. names(s))
    t.eq(#kit.referrals(s), 4, "referrals")
    kit.quiet(t, s)
  end)
end

local function aside_and_missing_key(t)
  kit.with({}, function(s)
    deal(s, "One")
    s:rest()
    s:host_stop("TERM")
    local file = s.dir .. "/backup.db"
    local made, exit = run_in(s, s.dir, { "backup", "--json", file })
    t.eq(exit, 0, made)
    made = json.decode(made)
    t.eq({ exit, made.file, made.schema, made.secrets, made.tables.link }, { 0, file, 2, 1, 1 })
    local text
    text, exit = run_in(s, s.dir, { "restore", file })
    t.has(text, "cosell.db: is there already; with --aside it is kept under another name")
    t.eq(exit, 1)
    assert(host.file.remove(s.state .. ".key"))
    spoil(s.state)
    text, exit = run_in(s, s.dir, { "restore", "--aside", file })
    t.has(text, "aside    cosell.db.aside-")
    t.has(text, "the key file of its secrets is missing: put it back")
    t.eq(exit, 0)
    t.ok(printed.widest(text) <= 80, "wider than 80:\n" .. text)
    text, exit = printed.run(s, { "run" }, 80)
    t.has(text, "cosell.db.key: cannot be opened: No such file")
    t.has(text, "the key of the secrets in the state file")
    t.eq(exit, 1, "exit status without a key")
    text, exit = run_in(s, s.dir, { "restore", "--aside", "--json", file })
    made = json.decode(text)
    t.eq({ exit, made.key, made.tables.link }, { 0, "missing", 1 })
    t.has(made.aside, s.state .. ".aside-")
    for _, words in ipairs { { "restore" }, { "restore", "a", "b" },
      { "restore", "a", "--what" } } do
      t.eq(select(2, run_in(s, s.dir, words)), 2, "exit status of a wrong use")
    end
  end)
end

-- Rounds go on while a large state is copied, and all of them is in the copy.
local function under_load(t)
  kit.with({}, function(s)
    local children = {}
    for i = 1, 4 do
      deal(s, "Deal " .. i)
      children[i] = assert(host.child.start { argv = { "backup", s.dir .. "/b" .. i .. ".db",
        "--json", "--profile", s.profile } })
    end
    s:rest()
    local good = 0
    for i, child in ipairs(children) do
      local exit = child:wait(WAIT_MS).exit
      local text = child:output()
      good = good + (exit == 0 and 1 or 0)
      t.ok(exit == 0 or text:find("another backup is being made", 1, true), text)
      t.eq(host.file.exists(("%s/b%d.db"):format(s.dir, i)), exit == 0 and "file" or false)
    end
    t.ok(good > 0, "no backup was made")
    t.eq(#kit.opportunities(s), 4)
  end)
end

return function(t)
  if small_disk.folder() then
    on_small_disk(t)
    return
  end
  t.case("guard 6: a small disk: full while running, full at the start, read-only", function()
    local said, exit = small_disk.story("54_store", "6m")
    t.eq(exit, 0, said)
    t.has(said, "3 passed, 0 failed")
  end)
  t.case("guard 6: a disk that fails to write: status 6, nothing acknowledged is lost", function()
    write_fails(t)
  end)
  t.case("guard 6: held, damaged, foreign, newer: refused by name and left as it is", function()
    bad_files(t)
  end)
  t.case("guard 6: removed while it runs: status 8; back from a backup, every deal once", function()
    gone_and_back(t)
  end)
  t.case("guard 6: restore puts a damaged state aside and says when the key is missing", function()
    aside_and_missing_key(t)
  end)
  t.case("guard 6: backups while deals come in", function() under_load(t) end)
end

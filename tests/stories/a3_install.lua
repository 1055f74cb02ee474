-- Story a3: what `make install` puts in place works from there and goes away again, and the pages
-- beside the program say what the program says.
local kit = require "commands.kit"

local ROOT = host.file.getenv("COSELL_COMMANDS"):match("^(.*)/tests$")
local HERE = { COSELL_SCRIPTS = "", COSELL_COMMANDS = "", MAKEFLAGS = "", MAKELEVEL = "" }
local LONG_MS = 300000 -- for a compiler, if somebody runs this story before anything was built

-- Runs a shell's words; everything it said, and its exit status.
local function shell(text, words, env)
  local child = assert(host.child.start { path = "/bin/sh", dir = ROOT, env = env or HERE,
    argv = { "-c", text, "sh", table.unpack(words or {}) } })
  while child:line(LONG_MS) do end
  return child:output(), child:wait().exit
end

local function must(text, words, env)
  local said, status = shell(text, words, env)
  if status ~= 0 then
    error({ check = text .. ": " .. said }, 0)
  end
  return said
end

local function with_folder(body)
  local dir = host.file.tempdir()
  local ok, err = pcall(body, dir)
  must("rm -rf \"$1\"", { dir })
  if not ok then
    error(err, 0)
  end
end

-- ---- Installed ----

local PREFIX = "/opt/cosell"

local function make(dir, what)
  must('make --no-print-directory -C "$1" "$2" DESTDIR="$3" prefix="$4"',
    { ROOT, what, dir, PREFIX })
end

local function four_ports()
  local ports = {}
  while #ports < 4 do
    ports[#ports + 1] = tostring(kit.free_port())
  end
  return table.concat(ports, ",")
end

-- A folder that nothing of the source tree is above; the program found by the installed link.
local function plays(t, dir)
  local home = dir .. "/home"
  assert(host.file.mkdir(home))
  local said = must('cd "$1" && exec "$2" demo --once', { home, dir .. PREFIX .. "/bin/cosell" },
    { COSELL_SCRIPTS = "", COSELL_COMMANDS = "", TMPDIR = home, COSELL_SIM_PORTS = four_ports() })
  t.has(said, "The story went well: both sides are equal and at rest.")
end

local function installed(t)
  with_folder(function(dir)
    make(dir, "install")
    t.has(must('"$1" --version', { dir .. PREFIX .. "/bin/cosell" }), "cosell ")
    local unit = assert(host.file.read(dir .. PREFIX .. "/lib/systemd/system/cosell@.service"))
    t.has(unit, "\nExecStart=" .. PREFIX .. "/bin/cosell run /etc/cosell/%i\n")
    for _, file in ipairs { "/share/man/man1/cosell.1", "/share/doc/cosell/WINDOWS.md",
      "/share/bash-completion/completions/cosell", "/lib/sysusers.d/cosell.conf" } do
      t.ok(host.file.exists(dir .. PREFIX .. file), file)
    end
    t.eq(must('find "$1" ! -type l -perm /022', { dir .. PREFIX }), "", "others can write")
    plays(t, dir)
    make(dir, "uninstall")
    t.eq(must('find "$1" ! -type d ! -path "$1/home/*"', { dir }), "", "left behind")
    t.ok(not host.file.exists(dir .. PREFIX .. "/lib/cosell"), "the folder of its own is gone")
  end)
end

-- The package, as `make deb` makes it, unpacked and run; installing it wants a machine to spare.
local function packed(t)
  with_folder(function(dir)
    local deb = must("host/dist/make-deb build"):match("(%S+%.deb)\n$")
    local control = must('dpkg-deb --field "$1"', { deb })
    for _, package in ipairs { "libc6", "libssl3", "libcurl4", "libsqlite3-0", "liblua5.4-0",
      "libseccomp2", "ca-certificates" } do
      t.has(control, package)
    end
    must('dpkg-deb --extract "$1" "$2"', { deb, dir })
    t.has(must('"$1/usr/bin/cosell" --version', { dir }), "cosell ")
    t.eq(must('cd "$1" && find usr -type f -print0 | sort -z | xargs -0 md5sum', { dir }),
      must('dpkg-deb --ctrl-tarfile "$1" | tar -xO ./md5sums', { deb }), "sums")
    t.ok(host.file.exists(dir .. "/usr/share/man/man1/cosell.1.gz"), "man page")
  end)
end

local function tells_no_path(t)
  for _, name in ipairs { "cosell", "cosell-mapper" } do
    local said, status = shell('grep -cF "$1" "build/$2"', { ROOT .. "/", name })
    t.eq(status, 1, name .. " holds the path of its sources, times " .. said)
  end
end

-- ---- Described ----

local function pages()
  must("make --no-print-directory build/dist/cosell.1")
  local man = assert(host.file.read(ROOT .. "/build/dist/cosell.1"))
  return (man:gsub("\\&", ""):gsub("\\%-", "-"):gsub("\\e", "\\"))
end

-- What the program says of itself: a list of { name, help }, in its order.
local function commands()
  local out = {}
  for line in must("build/cosell --help"):match("^.-\n\n(.-\n)\n"):gmatch("[^\n]+") do
    out[#out + 1] = { line:match("^  (%S+)%s+(.*)$") }
  end
  return out
end

local function described(t)
  local man, n = pages(), 0
  for _, c in ipairs(commands()) do
    n = n + 1
    t.has(man, ("\n.SS %s\n%s.\n"):format(c[1], c[2]))
    local said = must('build/cosell "$1" --help', { c[1] })
    for line in (c[1] ~= "run" and said:match("\nusage: (.*)$") or ""):gmatch("[^\n]+") do
      t.has(man, "\n" .. (line:match("^%s+(cosell .*)$") or line) .. "\n")
    end
  end
  t.ok(n > 20, "commands")
end

-- README's table of exit statuses and the man page's are one.
local function statuses(t)
  local man, n = pages(), 0
  for status, name, cure in assert(host.file.read(ROOT .. "/README.md"))
    :gmatch("\n| (%d) | (state [%l-]+) | ([^\n]+) |") do
    n = n + 1
    t.has(man, ('\n.BR %s " (%s)"\n%s\n'):format(status, name, cure:gsub("`", "")))
  end
  t.eq(n, 7, "statuses with a name")
end

local COMPLETE = [[
. build/dist/cosell.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_cosell
printf '%s\n' "${COMPREPLY[@]}"]]

local function offered(...)
  local out = {}
  for word in must('exec bash -c "$@"', { COMPLETE, "bash", ... }):gmatch("[^\n]+") do
    out[#out + 1] = word
  end
  return out
end

local function completed(t)
  pages()
  local all = {}
  for _, c in ipairs(commands()) do
    all[#all + 1] = c[1]
  end
  table.move({ "--profile", "--help", "--version" }, 1, 3, #all + 1, all)
  t.eq(offered("cosell", ""), all)
  t.eq(offered("cosell", "st"), { "status" })
  t.eq(offered("cosell", "deal", "a"), { "accept", "adopt" })
  t.eq(offered("cosell", "--profile", "/etc", "flows", "dis"), { "disable" })
  t.eq(offered("cosell", "sync", "--a"), { "--all", "--apply" })
  t.eq(offered("cosell", "run", "/et"), { "/etc" })
  t.eq(offered("cosell", "no-such-command", ""), {})
end

return function(t)
  t.case("install: runs from where it was put, and uninstall leaves nothing",
    function() installed(t) end)
  t.case("install: the package holds all of it and names what it needs", function() packed(t) end)
  t.case("install: no binary tells where it was built", function() tells_no_path(t) end)
  t.case("install: the man page has every command as the program tells it",
    function() described(t) end)
  t.case("install: the man page has every exit status", function() statuses(t) end)
  t.case("install: the shell offers commands, words and options", function() completed(t) end)
end

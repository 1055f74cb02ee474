-- The README's page about practising: every command on it is run as it stands there, in its order,
-- by a shell, and what a reader is to see then is there.
local kit = require "commands.kit"
local printed = require "commands.printed"
local stage = require "sim.stage"

local LINE_MS = 20000

-- ---- The page ----

local function root() return (host.file.getenv("COSELL_COMMANDS"):gsub("/[^/]+/?$", "")) end

-- The indented lines of the section, and the code within its text.
local function commands()
  local page = assert(host.file.read(root() .. "/README.md")):match("\n## Practising\n(.-)\n## ")
  local out = {}
  for line in page:gmatch("[^\n]+") do
    local command = line:match("^    (%S.*)$")
    if command then out[#out + 1] = command end
    for code in not command and line:gmatch("`(cosell [^`]+)`") or function() end do
      out[#out + 1] = code
    end
  end
  return out
end

-- ---- What a reader sees, by command, in the order of the page ----

-- Each is looked for until it is there; a line that is not listed here fails.
local SEEN = {
  { "cosell sim --seed office --state ~/practice.db --write-profile ~/practice",
    serves = "cosell run .*/practice" },
  { "cosell run ~/practice", serves = "ready in %d+ ms" },
  { "export COSELL_PROFILE=~/practice" },
  { "cosell status", "7 linked, 9 found", exit = 0 },
  { "cosell sim show", "20 deals, " },
  { "cosell sync --all --apply", "9  on both sides, not adopted by this state" },
  { 'cosell sim act portal create name="New press line" value=48000 currency=EUR',
    '"New press line": made in the portal' },
  { 'cosell sim show "new press line"', "yes ✔  open  48,000 EUR  active  48,000 EUR" },
  { 'cosell sim act seller edit "new press line" value=52000', "changed in the CRM" },
  { 'cosell sim show "new press line"', "yes ✔  open  52,000 EUR  active  52,000 EUR" },
  { 'cosell sim act seller create name="Roof panels" value=90000 currency=USD ' ..
    'closing_date=2031-09-30 account="Tarn Field Services Inc" contact="Owen Tarn" ' ..
    "solutions=SOL-10001-ABC sync=yes", '"Roof panels": made in the CRM' },
  { 'cosell sim show "roof panels"', "yes ✔  open  90,000 USD  active  90,000 USD" },
  { "cosell runs --most 3", "Roof panels" },
  { "cosell sim act", "seller: a partner's seller, in the CRM" },
  { "cosell sim fault", "every call is answered with 503" },
  { "cosell sim fault 5xx crm", "fault 5xx: on" },
  { 'cosell sim act portal edit "new press line" value=60000', "changed in the portal" },
  { "cosell sim trace --most 5", " crm      503 " },
  { "cosell sim fault clear", "no faults" },
  { 'cosell sim show "new press line"', "yes ✔  open  60,000 EUR  active  60,000 EUR" },
  { 'cosell sim act microsoft create name="Quay lighting" value=30000 currency=EUR',
    '"Quay lighting": sent by Microsoft' },
  { 'cosell sim show "quay lighting"', "open  30,000 EUR  new  30,000 EUR" },
  { "cosell sim clock +14d", "14 days ahead" },
  { "cosell sync", "" },
  { 'cosell sim show "quay lighting"', "lost  30,000 EUR  expired  30,000 EUR" },
  { "cosell sim seed office > mine.json", "" },
  { "cosell sim stop", "stopping" },
  { "rm -r ~/practice ~/practice.db*", "" },
}

-- ---- A shell for each line, all in one home ----

-- A home with this very program in it under the name that the page uses.
local function place()
  local dir = host.file.tempdir()
  local asked = assert(host.child.start { path = "/bin/sh",
    argv = { "-c", "readlink /proc/$PPID/exe" } })
  local program = assert(asked:line())
  asked:wait()
  assert(host.file.write(dir .. "/cosell", ('#!/bin/sh\nexec %s "$@"\n'):format(program), 0x1ED))
  return dir
end

local function sh(o, line)
  local env = { HOME = o.dir, TMPDIR = o.dir, PATH = o.dir .. ":" .. host.file.getenv("PATH"),
    COLUMNS = "80", COSELL_SIM_PORTS = o.ports, COSELL_PROFILE = o.profile }
  return assert(host.child.start { path = "/bin/sh", argv = { "-c", line }, env = env,
    dir = o.dir })
end

local function run(o, line)
  local child = sh(o, line)
  while child:line(LINE_MS) do end
  return child:output(), child:wait().exit
end

local function serve(t, o, line, pattern)
  local child = sh(o, "exec " .. line)
  o.children[#o.children + 1] = child
  while true do
    local said = child:line(LINE_MS)
    t.ok(said, line .. " does not say " .. pattern .. ":\n" .. child:output())
    if said:find(pattern) then return end
  end
end

local function as_written(t, o, step, line)
  t.eq(line, step[1], "the page's next command")
  local variable, value = line:match("^export (%w+_%w+)=~(.*)$")
  if variable then
    o.profile = o.dir .. value
  elseif step.serves then
    serve(t, o, line, step.serves)
  else
    local text, exit
    local shown, why = pcall(stage.wait_for, line .. " to show " .. step[2], function()
      text, exit = run(o, line)
      return text:gsub("  +", "  "):find((step[2]:gsub("  +", "  ")), 1, true)
    end)
    t.ok(shown, ("%s; it showed:\n%s"):format(why, text))
    t.ok(printed.widest(text) <= 80, line .. ": wider than 80:\n" .. text)
    if not line:find("^cosell status") then t.eq(exit, 0, line) end
  end
end

return function(t)
  t.case("practice: every command of the README's page, as it is written there", function()
    local list = commands()
    local o = { dir = place(), children = {},
      ports = ("0,0,0,%d"):format(kit.free_port()) }
    local ok, err = pcall(function()
      for i, step in ipairs(SEEN) do as_written(t, o, step, list[i] or "(nothing)") end
      t.eq(#list, #SEEN, "commands on the page")
    end)
    for _, child in ipairs(o.children) do child:kill() end
    host.file.remove(o.dir)
    if not ok then error(err, 0) end
  end)
end

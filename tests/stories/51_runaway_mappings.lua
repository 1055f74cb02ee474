-- Story 51: a mapping that runs away for some deals.  Each of these is told on its own row why it
-- stands still; the others go on meanwhile, the memory comes back, and mended all of them arrive.
local kit = require "commands.kit"

-- Deals by name, what the mapping does for them (each on a line of its own), and what the row says.
local DEALS = {
  { "Endless", "while true do end", "took longer than 800 ms" },
  { "Stubborn", "while true do pcall(function() while true do end end) end",
    "took longer than 800 ms" },
  { "Bomb", 'v.notes = ("a"):rep(60):find(("a*"):rep(30) .. "b")', "longer than 1000 ms",
    no_line = true },
  { "Hoard", 'local s = "x" while true do s = s .. s end', "not enough memory", no_line = true },
  { "Hundred", 'v.notes = ("x"):rep(100 << 20)', "not enough memory", no_line = true },
  { "Deep", "local function f() return (v.notes:gsub('.', f)) end v.notes = 'x' f()", "overflow" },
  { "Files", 'v.notes = io.open("/etc/passwd"):read("a")', "`io` is not known here" },
  { "Liar", "setmetatable(v, { __pairs = function() return next, {} end }) v.notes = print or v.x",
    "`print` is not known here" },
  { "Ring", "v.notes = v", "must not hold", no_line = true },
  { "Odd", "error(setmetatable({}, { __index = function() while true do end end }))",
    "raised a table" },
}
local GOOD = { "Good one", "Good two" }
local SAID = "for the other side"
local FIRST_LINE = 2 -- of the table, in the file below

local KEPT_MIB = 40

local function mapping()
  local out = { "local runs = {" }
  for _, deal in ipairs(DEALS) do
    out[#out + 1] = ("%s = function(d, v) %s end,"):format(deal[1], deal[2])
  end
  out[#out + 1] = "}\nreturn { api = 1, referral = { update = function(d, v)"
  out[#out + 1] = '  local run = rawget(runs, d.name) if run then run(d, v) end end } }\n'
  return table.concat(out, "\n")
end

local function by_name(s, name)
  for _, o in ipairs(kit.opportunities(s)) do
    if o.name:find(name, 1, true) then
      return o
    end
  end
  return nil
end

local function notes_at(s, name)
  for _, r in ipairs(kit.referrals(s)) do
    if r.name == name then
      return r.details.notes
    end
  end
  return nil
end

local function give(s, text)
  local before = s:status().generation
  assert(host.file.write(s.profile .. "/details.lua", text))
  kit.wait("the new generation", function() return s:status().generation > before end)
end

-- MiB that the mapping processes of the host have resident, and how many there are.
local function mapping_processes(s)
  local mib, count = 0, 0
  for child in host.file.read(("/proc/%d/task/%d/children"):format(s.host:pid(), s.host:pid()))
    :gmatch("%d+") do
    local text = host.file.read("/proc/" .. child .. "/status") or ""
    mib = mib + (tonumber(text:match("\nVmRSS:%s+(%d+) kB")) or 0) / 1024
    count = count + 1
  end
  return mib, count
end

local function is_told(t, s, i)
  local deal = DEALS[i]
  local o = kit.wait("the report of " .. deal[1], function()
    local now = by_name(s, deal[1])
    return now.audit:find("Not synchronised", 1, true) and now
  end, 60000)
  t.has(o.audit, deal[3], deal[1])
  if not deal.no_line then
    t.has(o.audit, "details.lua:" .. FIRST_LINE + i - 1, deal[1])
  end
  t.eq(o.name, "✖ " .. deal[1])
end

local function all_arrive(t, s)
  for _, deal in ipairs(DEALS) do
    kit.wait("the notes of " .. deal[1], function() return notes_at(s, deal[1]) == SAID end)
  end
  s:rest()
  for _, deal in ipairs(DEALS) do
    t.eq(by_name(s, deal[1]).name, "✔ " .. deal[1])
  end
  t.eq(#s:status().failed, 0, "dead letters")
end

local function runaways(t)
  kit.with({}, function(s)
    for _, deal in ipairs(DEALS) do
      s:act("portal-create", { name = deal[1] })
    end
    for _, name in ipairs(GOOD) do
      s:act("portal-create", { name = name })
    end
    s:rest()
    give(s, mapping())
    for _, o in ipairs(kit.opportunities(s)) do
      kit.describe(s, o.id, SAID)
    end
    s:command("sync")
    for i = 1, #DEALS do
      is_told(t, s, i)
    end
    for _, name in ipairs(GOOD) do
      kit.wait("the notes of " .. name, function() return notes_at(s, name) == SAID end)
      t.eq(by_name(s, name).name, "✔ " .. name)
    end
    t.eq(#s:status().failed, #DEALS, "dead letters: the runaway deals alone")
    local mib, count = mapping_processes(s)
    t.eq(count, 1, "mapping processes")
    t.ok(mib < KEPT_MIB, ("the mapping process keeps %.0f MiB"):format(mib))
    give(s, "return { api = 1 }\n")
    all_arrive(t, s)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("guard 3: story 51: runaway mappings are told on their rows, the other deals go on",
    function() runaways(t) end)
end

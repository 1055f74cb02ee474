-- The comparison of every deal, `cosell sync --all`, where nearly all deals are equal: what it asks
-- for, how long it takes, and how big the host gets.
local bulk = require "sim.bulk"
local kit = require "commands.kit"
local place = require "commands.bench.place"
local stage = require "sim.stage"

local M = { title = "Comparison of all deals: cosell sync --all, 1 in 100 differs" }

local DEALS = 10000
local ONE_IN = 100
local PORTAL = "https://portal.example/referrals/"
local NEVER = 1000000000 -- a limit that is never reached only counts
local LONG_MS = 600000
local LOOK_MS = 100

local NOTE = "Pages of the CRM and of Partner Center, other requests: as the services counted. " ..
  "Deals a second by the clock: the practice environment, which makes the pages, is in it; by " ..
  "processor time: the host's alone. MiB: the host's most resident memory since its start, with " ..
  "libraries (VmHWM), and its proportional set size at most, looked at every %d ms; aim: at " ..
  "100,000 deals. Broken off: the caller, or the host, is killed half way, and the same command " ..
  "given again. Every report is checked: what differs is found, and nothing else."

-- ---- A place with so many deals that both sides and the host know ----

-- One deal in a hundred differs: in turn its notes in the CRM, its value at Partner Center.
local function change(s, deals)
  for i = ONE_IN, deals, ONE_IN do
    local deal = bulk.deal(i)
    if i // ONE_IN % 2 == 0 then
      kit.describe(s, deal.row, "changed in the CRM")
    else
      s:act("edit", { id = deal.id, value = 4711 })
    end
  end
end

local function prepared(deals)
  local s = kit.new { host = false, edit = place.quiet,
    sim_args = { "--deals", tostring(deals), "--linked", "--portal", PORTAL,
      "--state", host.file.tempdir() .. "/rows" } } -- not in memory
  place.link_all(s, deals)
  change(s, deals)
  s:fault("crm", { limit = NEVER })
  s:fault("partner", { limit = NEVER })
  s:set("crm_limit_requests", 0)
  return s
end

-- What is read once (metadata, catalogue, currencies) is not counted.
local function start(s)
  place.start(s)
  s:command("deal", { "1" })
end

-- ---- Looking at the host ----

local function received(s)
  local out = { crm = 0, partner = 0 }
  for _, rule in ipairs(s:say("fault")) do
    out[rule.service] = rule.calls or 0
  end
  return out
end

-- The greatest Pss while body runs, and what it returns.
local function watched(s, body)
  local most, ended = 0, false
  host.spawn(function()
    while not ended do
      most = math.max(most, (place.memory(s)))
      host.sleep(LOOK_MS)
    end
  end)
  local result = body()
  ended = true
  return result, most
end

-- ---- The comparison ----

local function compare(s)
  local began, busy, before = host.now_ms(), place.cpu_us(s.host), received(s)
  local found, pss = watched(s, function() return s:command_json("sync", { "--all" }) end)
  local after = received(s)
  return { found = found, pss = pss, peak = place.peak(s),
    host_s = (place.cpu_us(s.host) - busy) / 1e6,
    s = (host.now_ms() - began) / 1000, crm = after.crm - before.crm,
    partner = after.partner - before.partner }
end

local function check(k, deals)
  local found, differ = k.found, deals // ONE_IN
  if found.differ ~= differ or found.equal ~= deals - differ or
    found.only_crm + found.only_partner + found.found + found.gone > 0 then
    error(("%d differ and %d are equal, of %d and %d"):format(found.differ, found.equal, differ,
      deals - differ), 0)
  end
end

local BREAK = {
  caller = function(_, caller) caller:kill "KILL" end,
  host = function(s)
    s:host_stop "KILL"
    start(s)
  end,
}

-- Begins a comparison, breaks it off half way, and lets it go on.
local function broken_off(s, pages, by)
  local before = received(s)
  local caller = assert(host.child.start { path = host.file.getenv "COSELL_BENCH_HOST",
    argv = { "sync", "--all", "--profile", s.profile } })
  local asked = stage.wait_for("half of the comparison", function()
    local now = received(s)
    local n = now.crm + now.partner - before.crm - before.partner
    return n >= pages // 2 and n
  end, LONG_MS)
  BREAK[by](s, caller)
  caller:wait()
  return compare(s), asked
end

local HEAD = "  %-14s  %-13s  %5s  %7s  %10s  %12s  %9s  %7s\n"

local function row(deals, k)
  return HEAD:format(deals .. " deals", k.crm .. " + " .. k.partner,
    k.crm + k.partner - k.found.pages, ("%.1f"):format(k.s), ("%.0f"):format(deals / k.s),
    ("%.0f"):format(deals / k.host_s), ("%.1f"):format(k.peak), ("%.1f"):format(k.pss))
end

local function measure(tools, s, deals)
  start(s)
  local k = compare(s)
  check(k, deals)
  tools.out(row(deals, k))
  for _, by in ipairs { "caller", "host" } do
    local again, asked = broken_off(s, k.found.pages, by)
    check(again, deals)
    tools.out(("  %s killed after %d of %d pages, gone on with %d\n"):format(by, asked,
      k.found.pages, again.crm + again.partner))
  end
end

---@param deals integer|nil  how many, if not so many as in the usual figures
function M.run(tools, deals)
  deals = deals or DEALS
  tools.out(HEAD:format("", "pages", "other", "seconds", "a second", "by processor", "peak MiB",
    "Pss MiB"))
  tools.out(HEAD:format("aim", "", 0, "", "", 5000, 60, 60))
  local s = prepared(deals)
  place.with(s, function() measure(tools, s, deals) end)
  tools.note(NOTE:format(LOOK_MS))
end

return M

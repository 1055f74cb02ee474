-- Deals synchronised per second, end to end: from the first act of a person to the end of the last
-- run.  The practice environment answers on the same machine, so its work is in the figures.
local place = require "commands.bench.place"
local stage = require "sim.stage"

local M = { title = "Deals end to end, the practice environment on the same cores" }

local DEALS = 50
local BOUND_MS = 120000
local LOOK_MS = 25 -- seldom enough not to be what is measured

local function last(s)
  return tonumber((s:command("last")))
end

-- Runs behind `from` that ended so, oldest first.
local function ended(s, from, outcome)
  local out = {}
  for _, run in ipairs(s:runs(1000)) do
    if run.id > from and run.outcome == outcome then
      table.insert(out, 1, run)
    end
  end
  return out
end

-- Waits for DEALS runs of that outcome; ms from `began` to the end of the last of them.
local function finish(s, o)
  local runs
  local until_ms = host.now_ms() + BOUND_MS
  repeat
    host.sleep(LOOK_MS)
    runs = last(s) - o.from >= DEALS and ended(s, o.from, o.outcome) or {}
    if host.now_ms() > until_ms then
      error(("only %d of %d deals were %s in two minutes"):format(#runs, DEALS, o.outcome), 0)
    end
  until #runs >= DEALS
  local at = 0
  for i = 1, DEALS do
    at = math.max(at, runs[i].at_ms + runs[i].ms)
  end
  return at - o.began
end

local function inbound(s)
  local from, began = last(s), host.now_ms()
  for i = 1, DEALS do
    s:act("portal-create", { name = "Deal " .. i, value = 1000 * i, customer = "Customer " .. i,
      currency = "USD" })
  end
  local acted = host.now_ms() - began
  return finish(s, { from = from, began = began, outcome = "created" }), acted
end

local function outward(s)
  local rows, from, began = s:rows("crm:opportunity"), last(s), host.now_ms()
  for i, row in ipairs(rows) do
    s:act("edit", { table = "opportunity", id = row.opportunityid,
      values = { estimatedvalue = 777 + i } })
  end
  local acted = host.now_ms() - began
  s:command("sync")
  return finish(s, { from = from, began = began, outcome = "updated" }), acted
end

local function arrived(s)
  local n = 0
  for _, referral in ipairs(s:rows("referral")) do
    n = n + (tonumber(referral.details.dealValue) < 1000 and 1 or 0)
  end
  return n
end

local function row(what, ms, acted)
  return ("  %-38s  %8.1f  %12d  %18d\n"):format(what, DEALS * 1000 / ms, ms, acted)
end

function M.run(tools)
  local s = place.practice()
  return place.with(s, function()
    tools.out(("  %-38s  %8s  %12s  %18s\n"):format("", "a second", "ms in all",
      "of these, acting"))
    tools.out(row(DEALS .. " portal deals -> opportunities", inbound(s)))
    stage.wait_for("rest", function() return s:idle() end, BOUND_MS)
    tools.out(row(DEALS .. " CRM edits -> Partner Center", outward(s)))
    stage.wait_for("rest", function() return s:idle() end, BOUND_MS)
    if #s:rows("crm:opportunity") ~= DEALS or arrived(s) ~= DEALS then
      error("not all deals are equal on both sides", 0)
    end
    tools.memory_worked = { place.memory(s) }
  end)
end

return M

-- Questions to the mapping process: how long a round trip takes, one after the other; and how many
-- a second with calls in flight, beside a bare interpreter that does the same decoding, mapping and
-- encoding (tests/bench/mapping.c).
local M = { title = "Mapping: questions to the mapping process, in microseconds" }

local AIM_P50, AIM_RATIO = "100", "0.60"

local NOTE = "Over the shipped mapping and the guide's own (tests/bench/whole.lua). One at a " ..
  "time: from the asking to the answer in the host, %s questions of each kind; hello is the way " ..
  "alone: JSON, two frames, two processes. A second: with %s in flight, and bare, by turns, " ..
  "the best of %d turns of each. Bare is the same Lua and the same JSON with nothing around: no " ..
  "contract, no checks, no limits, no second process."

local IN_FLIGHT, TURNS = "64", 40 -- as tests/bench/mapping.c has them

local function figures(text)
  local out = { alone = {}, bare = {}, flight = {} }
  for how, what, calls, us, p50, p99 in text
    :gmatch("figures how=(%S+) what=(%S+) calls=(%d+) us=(%d+) p50=(%d+) p99=(%d+)") do
    table.insert(out[how], { what = what, calls = tonumber(calls), us = tonumber(us),
      p50 = p50 / 1000, p99 = p99 / 1000, each = us / calls })
  end
  return out
end

local function alone(tools, rows)
  tools.out(("  %-24s  %12s  %10s  %10s  %8s\n"):format("one at a time", "a second", "p50", "p99",
    "aim p50"))
  for _, r in ipairs(rows) do
    tools.out(("  %-24s  %12.0f  %10.1f  %10.1f  %8s\n"):format(r.what, 1e6 / r.each, r.p50, r.p99,
      AIM_P50))
  end
end

-- hello maps nothing: beside a bare interpreter it says nothing.
local function beside(tools, bare, flight)
  local function row(what, one, other)
    tools.out(("  %-24s  %12.0f  %12.0f  %8.2f  %6s\n"):format(what, 1e6 / one, 1e6 / other,
      one / other, AIM_RATIO))
  end
  local ones, others, n = 0, 0, 0
  tools.out(("  %-24s  %12s  %12s  %8s  %6s\n"):format("calls a second", "bare", "in flight",
    "ratio", "aim"))
  for i, r in ipairs(bare) do
    if r.what ~= "hello" then
      row(r.what, r.each, flight[i].each)
      ones, others, n = ones + r.each, others + flight[i].each, n + 1
    end
  end
  row("one of each", ones / n, others / n)
end

function M.run(tools)
  local path = host.file.getenv "COSELL_BENCH_MAPPING"
  local child = assert(host.child.start { path = path,
    argv = { (path:gsub("[^/]*$", "cosell-mapper")) } })
  child:wait()
  local found = figures(child:output())
  if #found.flight == 0 then
    error("no figures:\n" .. child:output(), 0)
  end
  alone(tools, found.alone)
  beside(tools, found.bare, found.flight)
  tools.note(NOTE:format(found.alone[1].calls, IN_FLIGHT, TURNS))
end

return M

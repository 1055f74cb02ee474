-- Questions to the mapping process, one after the other: how many a second, and how long a round
-- trip takes (tests/bench/mapping.c).
local M = { title = "Mapping: questions to the mapping process, one at a time, in microseconds" }

local AIM = "100"

local NOTE = "From the asking to the answer in the host, over the shipped mapping, %s questions " ..
  "of each kind. hello is the way alone: JSON, two frames, two processes."

function M.run(tools)
  local path = host.file.getenv "COSELL_BENCH_MAPPING"
  local child = assert(host.child.start { path = path,
    argv = { (path:gsub("[^/]*$", "cosell-mapper")) } })
  child:wait()
  tools.out(("  %-24s  %12s  %10s  %10s  %8s\n"):format("", "a second", "p50", "p99", "aim p50"))
  local calls
  for what, count, us, p50, p99 in child:output()
    :gmatch("figures what=(%S+) calls=(%d+) us=(%d+) p50=(%d+) p99=(%d+)") do
    calls = count
    tools.out(("  %-24s  %12.0f  %10.1f  %10.1f  %8s\n"):format(what, count * 1e6 / us, p50 / 1000,
      p99 / 1000, AIM))
  end
  if not calls then
    error("no figures:\n" .. child:output(), 0)
  end
  tools.note(NOTE:format(calls))
end

return M

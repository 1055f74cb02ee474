-- A callback beside thousands of idle or dripping connections.  The crowd and the clock are those
-- of the unit test of that name, which prints its figure.
local M = { title = "A callback among 2,000 connections that send nothing, or a byte now and then" }

function M.run(tools)
  local child = assert(host.child.start { path = host.file.getenv "COSELL_BENCH_UNIT",
    argv = { "http_crowd", "--case", "2,000 idle" } })
  child:wait()
  local calls, peers, slowest, above = child:output():match(
    "# figure: callbacks=(%d+) peers=(%d+) slowest_ms=(%d+) above_1000_ms=(%d+)")
  if not calls then
    error("the test gave no figure:\n" .. child:output(), 0)
  end
  tools.out(("  %s callbacks among %s peers: slowest %s ms, %s later than 1,000 ms\n"):format(calls,
    peers, slowest, above))
end

return M

-- From the start of the program to its ready line.
local place = require "commands.bench.place"

local M = { title = "Start to ready, in ms" }

local STARTS = 5

local function row(what, ms, aim)
  table.sort(ms)
  return ("  %-48s  %8d  %8d  %8d  %6s\n"):format(what, ms[(#ms + 1) // 2], ms[1], ms[#ms], aim)
end

function M.run(tools)
  local s = place.alone(tools.signed) -- makes the state file; not counted
  return place.with(s, function()
    local said, seen = {}, {}
    for i = 1, STARTS do
      s:host_stop()
      said[i], seen[i] = place.start(s)
    end
    tools.out(("  %-48s  %8s  %8s  %8s  %6s\n"):format("", "median", "least", "most", "aim"))
    tools.out(row(STARTS .. " starts, by the host's ready line", said, "200"))
    tools.out(row("the same, seen by who started it", seen, ""))
  end)
end

return M

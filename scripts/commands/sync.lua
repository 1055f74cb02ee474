-- cosell sync: reads now what changed on both sides, instead of at the next tick.
local M = { help = "read now what changed on both sides", where = "host", usage = "cosell sync" }

local TICKS = { "tick.opportunities", "tick.solutions", "tick.poll" }

function M.run(cmd)
  local main = require "main"
  for _, kind in ipairs(TICKS) do
    if main.ticks[kind] then
      host.queue.put { kind = kind, key = "tick:" .. kind, payload = {} }
    end
  end
  cmd.out("reading what changed\n")
  return 0
end

return M

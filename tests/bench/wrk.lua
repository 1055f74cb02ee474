-- What wrk runs (its own Lua, not the host's): sends the requests of a file (load.lua) one after
-- the other, and closes with one line of figures.  wrk calls these three globals by name.
-- luacheck: globals init request done wrk
local ready, at = {}, 0

---@param args string[]  the file, and the number of the delivery to begin with
function init(args)
  for i, delivery in ipairs(dofile(args[1])) do
    ready[i] = wrk.format(delivery.method, delivery.path, delivery.headers, delivery.body)
  end
  at = tonumber(args[2]) or 0
end

function request()
  at = at % #ready + 1
  return ready[at]
end

function done(summary, latency)
  local e = summary.errors
  local socket = e.connect + e.read + e.write + e.timeout
  io.write(("figures requests=%d us=%d p50=%d p99=%d status=%d socket=%d\n"):format(
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), e.status,
    socket))
end

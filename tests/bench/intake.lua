-- Durable callbacks per second: wrk posts signed deliveries, each one different, to a host whose
-- services both say "come back in an hour".
local load = require "commands.bench.load"
local place = require "commands.bench.place"

local M = { title = "Durable callbacks: signed, verified, a row on disk before the 200" }

local POOL = 6000
local SECONDS, WARM_SECONDS = "4s", "1s"
local CONNECTIONS = { 1, 8, 64 }

-- Where each callback goes on to another address as well, which answers 200.
local PASSED = "  each goes on to another address:\n"

local NOTE = "wrk, one thread, %s each, keep-alive, %d different deliveries in turn: while " ..
  "fewer jobs than that are left, each callback is a row of its own. Their jobs run " ..
  "in between; both services answer \"come back in an hour\", so these end at once " ..
  "and wait. CPU us: the host's processor time for each callback, jobs and commits included. " ..
  "Jobs left: due when the load ended."

local function row(connections, f)
  local kept = f.requests - f.status
  return ("  %11d  %9.0f  %7.2f  %7.2f  %9.0f  %8.1f  %9d  %7d\n"):format(connections,
    kept * 1e6 / f.us, f.p50 / 1000, f.p99 / 1000, f.commits * 1e6 / f.us, f.cpu_us / kept, f.due,
    f.status + f.socket)
end

local function measure(tools, s, o)
  local before, cpu_us = s:status(), place.cpu_us(s.host)
  local f = load.run(s.hook, o)
  f.cpu_us = place.cpu_us(s.host) - cpu_us
  local after = s:status()
  f.commits, f.due = after.commits - before.commits, after.queue.due
  tools.out(row(o.connections, f))
  local stored = after.callbacks.stored - before.callbacks.stored
  if stored < f.requests - f.status then
    error(("%d answers of 200, but %d rows"):format(f.requests - f.status, stored), 0)
  end
  place.wait_still(s)
  return f.requests
end

local function take(tools, forward)
  local s = place.alone(tools.signed, forward)
  return place.with(s, function()
    local pool, from = s.dir .. "/deliveries.lua", 0
    assert(host.file.write(pool, load.text(tools.signed.take(POOL))))
    load.run(s.hook, { connections = 4, seconds = WARM_SECONDS, pool = pool, from = from })
    place.wait_still(s)
    for _, connections in ipairs(CONNECTIONS) do
      from = from + measure(tools, s,
        { connections = connections, seconds = SECONDS, pool = pool, from = from })
    end
  end)
end

function M.run(tools)
  local receiver = assert(host.serve { address = "127.0.0.1", port = 0, methods = "POST",
    handler = function() return 200, {}, "" end })
  tools.out(("  %11s  %9s  %7s  %7s  %9s  %8s  %9s  %7s\n"):format("connections", "a second",
    "p50 ms", "p99 ms", "commits/s", "CPU us", "jobs left", "not 200"))
  take(tools)
  tools.out(PASSED)
  take(tools, ("http://127.0.0.1:%d/hooks/pc"):format(receiver.port))
  receiver:close()
  tools.note(NOTE:format(SECONDS, POOL))
end

return M

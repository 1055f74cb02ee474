-- Durable callbacks per second: wrk posts signed deliveries, each one different, to a host whose
-- services both say "come back in an hour".
local place = require "commands.bench.place"

local M = { title = "Durable callbacks: signed, verified, a row on disk before the 200" }

local POOL = 6000
local SECONDS, WARM_SECONDS = "4s", "1s"
local CONNECTIONS = { 1, 8, 64 }

local NOTE = "wrk, one thread, %s each, keep-alive, %d different deliveries in turn: while " ..
  "fewer jobs than that are left, each callback is a row of its own. Their jobs run " ..
  "in between; both services answer \"come back in an hour\", so these end at once " ..
  "and wait. CPU us: the host's processor time for each callback, jobs and commits included. " ..
  "Jobs left: due when the load ended."

-- The deliveries as a Lua file, for wrk.
local function pool_text(deliveries)
  local out = { "return {" }
  for _, d in ipairs(deliveries) do
    local headers = {}
    for name, value in pairs(d.headers) do
      headers[#headers + 1] = ("[%q]=%q"):format(name, value)
    end
    out[#out + 1] = ("{headers={%s},body=%q},"):format(table.concat(headers, ","), d.body)
  end
  return table.concat(out, "\n") .. "}\n"
end

-- One run of wrk: its figures by name.
local function run(s, o)
  local script = host.file.getenv "COSELL_COMMANDS" .. "/bench/wrk.lua"
  local child = assert(host.child.start { path = host.file.getenv "COSELL_BENCH_WRK",
    argv = { "-t1", "-c" .. o.connections, "-d" .. o.seconds, "--timeout", "10s", "-s", script,
      s.hook, "--", o.pool, tostring(o.from) } })
  child:wait()
  local line = child:output():match("figures ([^\n]+)")
  if not line then
    error("wrk gave no figures:\n" .. child:output(), 0)
  end
  local f = {}
  for name, value in line:gmatch("(%w+)=(%d+)") do
    f[name] = tonumber(value)
  end
  return f
end

local function row(connections, f)
  local kept = f.requests - f.status
  return ("  %11d  %9.0f  %7.2f  %7.2f  %9.0f  %8.1f  %9d  %7d\n"):format(connections,
    kept * 1e6 / f.us, f.p50 / 1000, f.p99 / 1000, f.commits * 1e6 / f.us, f.cpu_us / kept, f.due,
    f.status + f.socket)
end

local function measure(tools, s, o)
  local before, cpu_us = s:status(), place.cpu_us(s)
  local f = run(s, o)
  f.cpu_us = place.cpu_us(s) - cpu_us
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

function M.run(tools)
  local s = place.alone(tools.signed)
  return place.with(s, function()
    local pool, from = s.dir .. "/deliveries.lua", 0
    assert(host.file.write(pool, pool_text(tools.signed.take(POOL))))
    run(s, { connections = 4, seconds = WARM_SECONDS, pool = pool, from = from })
    place.wait_still(s)
    tools.out(("  %11s  %9s  %7s  %7s  %9s  %8s  %9s  %7s\n"):format("connections", "a second",
      "p50 ms", "p99 ms", "commits/s", "CPU us", "jobs left", "not 200"))
    for _, connections in ipairs(CONNECTIONS) do
      from = from + measure(tools, s,
        { connections = connections, seconds = SECONDS, pool = pool, from = from })
    end
    tools.note(NOTE:format(SECONDS, POOL))
  end)
end

return M

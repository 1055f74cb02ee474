-- Durable callbacks per second: wrk posts signed deliveries, no two of which wait together, to a host
-- whose services both say "come back in an hour".
local place = require "commands.bench.place"

local M = { title = "Durable callbacks: signed, verified, a row on disk before the 200" }

local POOL, DEALS = 4096, 64
local SECONDS, WARM_SECONDS = "5s", "1s"
local CONNECTIONS = { 1, 8, 64 }

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
  local child = assert(host.child.start { path = host.file.getenv "COSELL_BENCH_WRK",
    argv = { "-t1", "-c" .. o.connections, "-d" .. o.seconds, "--timeout", "10s", "-s",
      host.file.getenv "COSELL_COMMANDS" .. "/bench/wrk.lua", s.hook, "--", o.pool, tostring(o.from) } })
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

-- What the host has counted so far.
local function counted(s)
  local status = s:status()
  return { stored = status.callbacks.stored, commits = status.commits, due = status.queue.due }
end

local function figures(s, o)
  local before = counted(s)
  local f = run(s, o)
  local after = counted(s)
  f.stored, f.commits = after.stored - before.stored, after.commits - before.commits
  f.left = after.due
  local began = host.now_ms()
  place.wait_still(s)
  f.rest_ms = host.now_ms() - began
  return f
end

local function row(connections, f)
  return ("  %11d  %12.0f  %8.2f  %8.2f  %16.1f  %12d  %8d"):format(connections,
    (f.requests - f.status) * 1e6 / f.us, f.p50 / 1000, f.p99 / 1000, f.stored / f.commits, f.left,
    f.status + f.socket)
end

function M.run(tools)
  local s = place.alone(tools.signed)
  return place.with(s, function()
    local pool, from = s.dir .. "/deliveries.lua", 0
    assert(host.file.write(pool, pool_text(tools.signed.make(POOL, DEALS))))
    run(s, { connections = 4, seconds = WARM_SECONDS, pool = pool, from = from })
    place.wait_still(s)
    tools.out(("  %11s  %12s  %8s  %8s  %16s  %12s  %8s\n"):format("connections", "a second",
      "p50 ms", "p99 ms", "rows a commit", "left to do", "not 200"))
    for _, connections in ipairs(CONNECTIONS) do
      local f = figures(s, { connections = connections, seconds = SECONDS, pool = pool, from = from })
      from = from + f.requests
      tools.out(row(connections, f) .. "\n")
tools.out(json.encode(f).."\n")
local st=host.file.read("/proc/"..s.host:pid().."/stat"); local a={} for w in st:gmatch("%S+") do a[#a+1]=w end
local _,n=s.host:output():gsub("\n","\n")
tools.out("utime "..a[14].." stime "..a[15].." log lines "..n.." last run "..s:command("last").."\n")
    end
  end)
end

return M

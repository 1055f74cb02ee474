-- Memory of the two processes of a host: at rest, after work, and with many jobs queued.
local place = require "commands.bench.place"
local stage = require "sim.stage"

local M = { title = "Memory: proportional set size in MiB" }

local QUEUED = 5000
local POSTERS = 8

-- Posts all deliveries, a few at a time; each must be kept.
local function post(s, deliveries)
  local at, kept, failed = 0, 0, nil
  local function poster()
    while at < #deliveries and not failed do
      at = at + 1
      local d = deliveries[at]
      local answer = host.http.request { url = s.hook, method = "POST", headers = d.headers,
        body = d.body }
      if answer and answer.status == 200 then
        kept = kept + 1
      else
        failed = "a delivery was answered " .. (answer and answer.status or "by nothing")
      end
    end
  end
  for _ = 1, POSTERS do
    host.spawn(poster)
  end
  stage.wait_for("the deliveries", function() return kept == #deliveries or failed end, 120000)
  if failed then
    error(failed, 0)
  end
end

local function row(what, memory, aim)
  return ("  %-44s  %8.1f  %8.1f  %8.1f  %8s\n"):format(what, memory[1], memory[2],
    memory[1] + memory[2], aim)
end

local function at_rest()
  local s = place.practice()
  return place.with(s, function()
    place.wait_still(s)
    return { place.memory(s) }
  end)
end

local function queued(tools)
  local s = place.alone(tools.signed)
  return place.with(s, function()
    post(s, tools.signed.take(QUEUED))
    place.wait_still(s)
    local waiting = s:status().queue.waiting
    if waiting < QUEUED then
      error(("only %d jobs are queued"):format(waiting), 0)
    end
    return { place.memory(s) }
  end)
end

function M.run(tools)
  tools.out(("  %-44s  %8s  %8s  %8s  %8s\n"):format("", "host", "mapping", "sum", "aim"))
  tools.out(row("at rest, registered", at_rest(), "15"))
  if tools.memory_worked then
    tools.out(row("after the deals above", tools.memory_worked, ""))
  end
  tools.out(row(QUEUED .. " callbacks taken, as many jobs queued", queued(tools), "30"))
end

return M

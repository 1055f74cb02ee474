-- From the save of a mapping to the generation that runs it: heard, read, proved by its fixtures,
-- swapped.  The host has nothing else to do.
local place = require "commands.bench.place"

local M = { title = "Reload with 50 fixtures, in ms" }

local FIXTURES, SAVES, SEEN_MS = 50, 15, 10000

local MAPPING = [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "for " .. d.name .. ", %d"
end } }
]]

local FIXTURE = [[
{ "call": "opportunity.create", "d": { "name": "deal %d", "value": %d, "currency": "EUR" },
  "v": { "name": "deal %d" },
  "expect": { "name": "deal %d", "description": "for deal %d, %d" } }
]]

-- From the last write of a set to the host's word that it runs.
local function save(s, n)
  for i = 1, FIXTURES do
    assert(host.file.write(("%s/fixtures/%d.json"):format(s.profile, i),
      FIXTURE:format(i, i, i, i, i, n)))
  end
  assert(host.file.write(s.profile .. "/details.lua", MAPPING:format(n)))
  local began = host.now_ms()
  repeat
    local line = s.host:line(SEEN_MS)
    if line and line:find("generation %d+ live") then
      return host.now_ms() - began
    end
  until not line
  error("it was not taken over:\n" .. s.host:output(), 0)
end

function M.run(tools)
  local s = place.alone(tools.signed)
  return place.with(s, function()
    assert(host.file.mkdir(s.profile .. "/fixtures"))
    local ms = {}
    for i = 1, SAVES do
      ms[i] = save(s, i)
    end
    table.sort(ms)
    tools.out(("  %-48s  %8s  %8s  %8s  %6s\n"):format("", "median", "least", "most", "aim"))
    tools.out(("  %-48s  %8d  %8d  %8d  %6s\n"):format("save to live, 200 of them without changes",
      ms[(SAVES + 1) // 2], ms[1], ms[SAVES], "500"))
  end)
end

return M

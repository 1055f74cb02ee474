-- A wall clock that was years ahead and is put right: what it left behind, stamped in the future,
-- holds nothing up and counts for nothing.
local brakes = require "brakes"
local facts = require "facts"
local sweep = require "sweep"

local NOW, YEARS_MS, DAY_MS = 1930000000000, 315532800000, 86400000

-- Runs body with a clock and marks of its own: at(ms) sets the clock.
local function with_host(body)
  local kept = { now_ms = host.now_ms, store = host.store, profile = host.profile }
  local now, marks = NOW, {}
  rawset(host, "now_ms", function() return now end)
  rawset(host, "profile", { settings = {} })
  rawset(host, "store", setmetatable({
    link_count = function() return 100 end,
    mark_get = function(name) return marks[name] end,
    mark_set = function(name, value)
      marks[name] = value
      return true
    end,
  }, { __index = kept.store }))
  local get = facts.get
  facts.get = function() return nil, { kind = "net", text = "asked" } end
  local ok, err = pcall(body, function(ms) now = NOW + ms end, marks)
  facts.get = get
  brakes.release()
  for name, value in pairs(kept) do
    rawset(host, name, value)
  end
  if not ok then
    error(err, 0)
  end
end

local function comparison(t, at, marks)
  marks.sweep = json.encode { began_ms = NOW, step = "done" }
  t.eq(sweep.daily(), DAY_MS, "it was done just now")
  at(-1000)
  local wait, err = sweep.daily()
  t.eq(wait, nil, "one of the future counts as none")
  t.eq(err.text, "asked")
  at(DAY_MS + 1)
  t.eq(select(2, sweep.daily()).text, "asked", "a day later")
  marks.sweep, marks.born = nil, tostring(NOW + YEARS_MS)
  t.eq(select(2, sweep.daily()).text, "asked", "born in the future")
end

local function circles(t, at)
  local link = {}
  at(YEARS_MS)
  for _ = 1, 5 do
    brakes.wrote(link, "the same")
  end
  at(0)
  for i = 1, 5 do
    t.ok(not brakes.circles(link, "the same"), "write " .. i)
    brakes.wrote(link, "the same")
  end
  t.ok(brakes.circles(link, "the same"), "six of now are a circle still")
end

local function deletions(t, at)
  at(YEARS_MS)
  t.ok(not brakes.deletion())
  at(0)
  for i = 1, 60 do -- one a quarter of an hour, for half a day
    at(i * 15 * 60000)
    t.ok(not brakes.deletion(), "deletion " .. i)
  end
end

local CASES = {
  { "a comparison of the future is made again", comparison },
  { "writes of the future are no circle", circles },
  { "deletions of the future are not counted with later ones", deletions },
}

return function(t)
  for _, case in ipairs(CASES) do
    t.case("guard 5: " .. case[1], function()
      with_host(function(at, marks) case[2](t, at, marks) end)
    end)
  end
end

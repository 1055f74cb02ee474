-- `cosell sync --all` that is broken off: by the end of who asked, by the end of the host, by
-- another one.  What was compared is kept, and nothing is counted twice.
local kit = require "commands.kit"
local printed = require "commands.printed"

local DEALS, PAGE = 9, 2
local PAGES = (DEALS + PAGE - 1) // PAGE -- of Partner Center; and one of the CRM
local API = "/v1.0/"
local SLOW_MS = 250
local NEVER = 1000000 -- a limit that is never reached only counts
local EQUAL = DEALS .. "  equal on both sides"

-- Runs body(s) where both sides agree on some deals, and Partner Center is slow.
local function agreed(body)
  kit.with({}, function(s)
    for i = 1, DEALS do
      s:act("portal-create", { name = "Deal " .. i, value = 1000 * i, currency = "USD" })
    end
    kit.wait("the deals", function() return #kit.opportunities(s) == DEALS end)
    s:rest()
    s:set("page_size", PAGE)
    s:fault("partner", { path = API, limit = NEVER })
    s:fault("partner", { path = API, delay_ms = SLOW_MS })
    body(s)
  end)
end

local function asked(s)
  return s:say("fault")[1].calls or 0
end

-- A comparison that has kept two pages of Partner Center and has asked for the third.
local function under_way(s)
  local child = printed.start(s, { "sync", "--all" }, 80)
  kit.wait("the third page", function() return asked(s) >= 3 end)
  return child
end

local function goes_on(t, s)
  local before = asked(s)
  local text, exit = printed.run(s, { "sync", "--all" }, 80)
  t.has(text, "going on with the comparison that was broken off after page")
  t.has(text, EQUAL)
  t.has(text, ("with %d deals of Partner Center, %d pages"):format(DEALS, PAGES + 1))
  t.eq(exit, 0, text)
  t.ok(asked(s) - before <= PAGES - 2, "a page that was kept is asked for again")
end

local function caller_gone(t)
  agreed(function(s)
    local child = under_way(s)
    child:kill("KILL")
    child:wait()
    goes_on(t, s)
    kit.quiet(t, s)
  end)
end

-- A host that starts again ends what was begun by itself; its start also reads what changed.
local function host_gone(t)
  agreed(function(s)
    local child = under_way(s)
    s:host_stop("KILL")
    t.ok(child:wait().exit ~= 0, "who asked hears that it failed")
    local before = asked(s)
    s:host_start(s.host_options)
    s:host_ready()
    local run = kit.wait("the comparison's end", function()
      for _, run in ipairs(s:runs(10)) do
        if run.flow == "sweep" then
          return run
        end
      end
    end)
    kit.wait("the rest of the start", function() return s:idle() end)
    t.eq(run.detail.text, DEALS .. " deals equal, 0 differ, 0 looked at")
    t.ok(asked(s) - before <= PAGES + PAGES - 2, "a page that was kept is asked for again")
  end)
end

local function taken_over(t)
  agreed(function(s)
    local child = under_way(s)
    goes_on(t, s)
    t.eq(child:wait(), { exit = 1 })
    t.has(child:output(), "another comparison has taken over")
  end)
end

return function(t)
  t.case("sync --all: the caller is gone, the next one goes on", function() caller_gone(t) end)
  t.case("sync --all: the host was killed, it goes on by itself", function() host_gone(t) end)
  t.case("sync --all: a second one takes over from the first", function() taken_over(t) end)
end

-- The connector that this program replaces still runs: nothing is done with any deal until it is
-- off, whoever looks is told how to switch it off, and then work goes on by itself and nothing is
-- missed.
local kit = require "commands.kit"
local other_product = require "commands.other_product"
local printed = require "commands.printed"

local MINUTE_MS = 60000
local CHILD = "[Customize] Create or Get Details from Dynamics 365"

local function flows(s, on)
  s:act("crm.original-flows", { on = on })
end

-- The next look of the host that runs.
local function minutes_pass(s, what, look)
  return kit.wait(what, function()
    local found = look()
    if not found then
      kit.pass(s, MINUTE_MS)
    end
    return found
  end)
end

local function held(s)
  return s:status().original
end

local function log_has(s, part)
  return s.host:output():find(part, 1, true) ~= nil
end

local function text_of_status(s)
  for _, item in ipairs(s:status().to_do) do
    if item.what == "original" then
      return item.text
    end
  end
  return nil
end

-- Neither side is written to, whatever is looked at and however long it takes.
local function nothing_done(t, s, before)
  for _ = 1, 3 do
    s:command "sync"
    kit.pass(s, 2 * MINUTE_MS)
    kit.wait("a look", function() return s:say("pending").deliveries == 0 end)
  end
  t.eq(kit.writes(s) - before, 0, "writes while the original runs")
end

-- ---- On from the start ----

local function from_the_start(t)
  kit.with({ host = false }, function(s)
    flows(s, true)
    local deal = s:act("portal-create", { name = "Plant sensors", value = 1000, currency = "USD" })
    local row = s:act("create-opportunity", { name = "Roof panels", value = 2000, currency = "USD",
      closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", country = "DE" },
      solutions = { "SOL-10001-ABC" }, sync = true }).id
    local before = kit.writes(s)
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    kit.wait("the original to be seen", function() return held(s) end)
    t.eq(#held(s), 9, "flows that are on")
    t.ok(log_has(s, "the original connector still runs, nothing is done with any deal"), "the log")
    t.has(s.host:output(), "make.powerautomate.com")
    t.has(text_of_status(s), "9 of the original connector's flows are on; to go on: at")
    t.eq(select(2, s:command "status"), 1, "exit status")
    nothing_done(t, s, before)
    t.eq(#kit.opportunities(s), 1, "rows")

    flows(s, false)
    minutes_pass(s, "the original to be off", function() return not held(s) end)
    t.ok(log_has(s, "the original connector is off: work goes on"), "the log says so")
    minutes_pass(s, "both deals on both sides", function()
      return #kit.opportunities(s) == 2 and #kit.referrals(s) == 2
    end)
    s:rest()
    t.eq(kit.opportunity(s, row).identifier ~= nil, true, "the row was sent")
    t.ok(deal.id, "the referral came")
    t.eq(text_of_status(s), nil, "nothing left to do")
    kit.quiet(t, s)
  end)
end

-- ---- Turned on while we run ----

local function while_we_run(t)
  kit.started(function(s, deal, row)
    flows(s, true)
    minutes_pass(s, "the original to be seen", function() return held(s) end)
    kit.describe(s, row, "edited meanwhile")
    s:act("edit", { id = deal, value = 5000 })
    nothing_done(t, s, kit.writes(s))
    -- Who orders is told, and it is not done.
    local said, exit = s:command("deal", { "win", row })
    t.eq(exit, 1, said)
    t.has(said, "the original connector still runs")
    t.has((s:command("preview", { row })), "the original connector still runs")

    flows(s, false)
    minutes_pass(s, "the original to be off", function() return not held(s) end)
    minutes_pass(s, "what was changed meanwhile", function()
      local o, r = kit.opportunity(s, row), kit.referrals(s)[1]
      return tonumber(o.value) == 5000 and r.details.notes == "edited meanwhile"
    end)
    s:rest()
    kit.quiet(t, s)
  end)
end

-- Its flows may be in another environment: the events tell.
local function its_registration(t)
  kit.with({ host = false }, function(s)
    s:set("lose_callbacks", true)
    other_product.register(s, "https://prod-07.westeurope.logic.azure.com/workflows/x?sig=secret",
      other_product.referral_events)
    s:act("portal-create", { value = 1000, currency = "USD" })
    local before = kit.writes(s)
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.wait("the original to be seen", function() return held(s) end)
    nothing_done(t, s, before)
    t.ok(not s.host:output():find("sig=secret", 1, true), "the log holds its secret")
    local text = text_of_status(s)
    t.has(text, "go to the original connector (prod-07.westeurope.logic.azure.com)")
    t.has(text, "`cosell webhook register --overwrite`")
    t.eq(select(2, s:command("webhook", { "register", "--overwrite" })), 0)
    minutes_pass(s, "the original to be off", function() return not held(s) end)
    minutes_pass(s, "the deal", function() return #kit.opportunities(s) == 1 end)
  end)
end

-- One flow is enough: each calls others, or is called.
local function one_flow(t)
  kit.with({ refused = true }, function(s)
    for _, flow in ipairs(s:rows "crm:workflow") do
      if flow.name == CHILD then
        s:act("crm.edit", { table = "workflow", id = flow.workflowid, values = { statecode = 1 } })
      end
    end
    minutes_pass(s, "the original to be seen", function() return held(s) end)
    t.eq(held(s), { { what = "flow", name = CHILD } })
    t.has(text_of_status(s), "1 of the original connector's flows is on")
    t.has((printed.run(s, { "doctor" }, 80)), "✖ original")
  end)
end

-- Flows of others are nobody's business; and who may not see flows is not held up by that.
local function not_seen(t)
  kit.with({ host = false, refused = true }, function(s)
    flows(s, true)
    s:act("crm.take-privilege", { privilege = "prvReadWorkflow",
      user = "connector@partner.example" })
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    t.eq(#kit.opportunities(s), 1, "work is done")
    t.eq(held(s), nil)
    t.has((printed.run(s, { "doctor" }, 80)), "prvReadWorkflow")
  end)
end

return function(t)
  t.case("original: on at the start: nothing is done; off: both deals travel by themselves",
    function() from_the_start(t) end)
  t.case("original: turned on while we run: edits wait, orders are refused, nothing is lost",
    function() while_we_run(t) end)
  t.case("original: Partner Center's events go to it: nothing is done until they come here",
    function() its_registration(t) end)
  t.case("original: one of its nine flows is enough", function() one_flow(t) end)
  t.case("original: who may not see flows works, and doctor says so", function() not_seen(t) end)
end

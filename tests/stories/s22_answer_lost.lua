-- Situation 22: our POST is taken, its answer is lost, and its callback arrives, before or after we
-- know.  The callback joins the intent's lane: one deal.
local kit = require "commands.kit"
local rules = require "commands.rules"

local WAIT_MS = 60000

local function accounts(s)
  local n = 0
  for _, row in ipairs(s:rows("crm:account")) do
    n = n + (row.name == "Elbe Hafen GmbH" and 1 or 0)
  end
  return n
end

local function one_deal(t, s, row, copies)
  kit.wait("the identifier", function() return kit.opportunity(s, row).identifier end, WAIT_MS)
  s:rest()
  local ours, theirs = kit.referrals(s)
  t.eq({ #ours, #theirs }, { 1, copies }, "referrals")
  t.eq({ #kit.opportunities(s), accounts(s) }, { 1, 1 }, "rows, accounts")
  local o = kit.opportunity(s)
  t.eq({ o.name, o.identifier }, { "✔ Harbour", ours[1].id })
  t.eq(ours[1].externalReferenceId, row)
  local deals = s:status().deals
  t.eq({ deals.open, deals.found, deals.foreign }, { 1, 0, 0 }, "deals")
  t.eq(s:status().queue.dead, 0, "dead letters")
  kit.quiet(t, s)
  s:act("edit", { id = ours[1].id, notes = "v1" })
  kit.seen(s)
  s:rest()
  t.eq(kit.opportunity(s).notes, "v1", "they are joined")
  kit.quiet(t, s)
end

-- o: switches, help, skip (1: Microsoft's POST), look_wait
local function lost(t, o)
  kit.with({ settings = { look_wait = o.look_wait } }, function(s)
    s:rest()
    for name, value in pairs(o.switches) do
      s:set(name, value)
    end
    s:fault("partner", { method = "POST", path = "referrals", drop = "after", skip = o.skip,
      count = 1 })
    local row = s:act("create-opportunity", rules.deal { help = o.help }).id
    s:rest()
    one_deal(t, s, row, o.help and 1 or 0)
  end)
end

-- A minute lies between the two looks: the callback is long there when the second one is due.
local function between_the_looks(t, switches)
  kit.with({ clock = true, settings = { look_wait = 60 } }, function(s)
    s:rest()
    for name, value in pairs(switches) do
      s:set(name, value)
    end
    s:fault("partner", { method = "POST", path = "referrals", drop = "after", count = 1 })
    local row = s:act("create-opportunity", rules.deal()).id
    s:command("sync")
    kit.wait("the referral", function() return kit.referrals(s)[1] end)
    for _ = 1, 4 do -- past the back-off of the failed job, and past both looks
      s:clock(WAIT_MS)
      s:rest()
    end
    one_deal(t, s, row, 0)
  end)
end

-- The host dies with the answer, and the callback finds the next one.
local function killed(t, switches)
  kit.with({}, function(s)
    s:rest()
    for name, value in pairs(switches) do
      s:set(name, value)
    end
    s:fault("partner", { method = "POST", path = "referrals", drop = "after", count = 1 })
    local row = s:act("create-opportunity", rules.deal()).id
    s:command("sync")
    kit.wait("the referral", function() return kit.referrals(s)[1] end)
    s:host_stop("KILL")
    s:host_start(s.host_options)
    s:host_ready()
    s:rest()
    one_deal(t, s, row, 0)
  end)
end

return function(t)
  local first, late = { callback_first = true }, { delivery_delay_ms = 1500 }
  local help = "General or other"
  for _, case in ipairs { { "its callback arrives first", first },
    { "its callback arrives late", late },
    { "its callback is lost", { lose_callbacks = true } } } do
    local what, switches = table.unpack(case)
    t.case("situation 22: the answer is lost, " .. what,
      function() lost(t, { switches = switches }) end)
    t.case("situation 22: the answer of a co-sell deal's first POST is lost, " .. what,
      function() lost(t, { switches = switches, help = help }) end)
    t.case("situation 22: the answer of a co-sell deal's second POST is lost, " .. what,
      function() lost(t, { switches = switches, help = help, skip = 1 }) end)
  end
  t.case("situation 22: the callback comes first, and lists lag behind", function()
    lost(t, { switches = { callback_first = true, read_lag_ms = 2500 }, look_wait = 3 })
  end)
  t.case("situation 22: the callback comes first, a minute before the second look",
    function() between_the_looks(t, first) end)
  t.case("situation 22: the callback is lost, a minute before the second look",
    function() between_the_looks(t, { lose_callbacks = true }) end)
  t.case("situation 22: the callback comes first, and the host dies",
    function() killed(t, first) end)
  t.case("situation 22: the host dies, and the callback comes late",
    function() killed(t, late) end)
end

-- Situation 6: closed as won in the CRM and as lost at Partner Center, before either was heard.
-- The row is left as it is; conflict and audit say it once; nothing is sent any more.
local kit = require "commands.kit"
local rules = require "commands.rules"

local WON, LOST = 1, 2

local function win(s, _, row)
  s:act("win", { id = row })
end

local function lose(s, _, row)
  s:act("lose", { id = row })
end

local function lost_there(s, deal)
  s:act("close", { id = deal, state = "lost" })
end

local function won_there(s, deal)
  s:act("close", { id = deal, state = "won" })
end

local function said_once(t, s, row_state, pair)
  local o, r = kit.opportunity(s), kit.referrals(s)[1]
  t.eq({ o.state, r.status .. "/" .. r.substatus }, { row_state, pair }, "each as it was closed")
  local conflicts = s:command_json("conflicts")
  t.eq(#conflicts, 1, "conflicts")
  t.eq(conflicts[1].field, "state")
  t.eq(rules.count(o.audit, "both sides changed state"), 1, "audit: " .. o.audit)
  t.eq(s:status().queue.dead, 0, "dead letters")
end

local function closed_apart(t, first, second, row_state, pair)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    first(s, deal, row)
    second(s, deal, row)
    s:rest()
    said_once(t, s, row_state, pair)
    kit.quiet(t, s)
    s:set("lose_callbacks", false)
    kit.describe(s, row, "afterwards")
    s:command("sync", { "--all", "--apply" })
    s:rest()
    said_once(t, s, row_state, pair)
    kit.quiet(t, s)
  end)
end

-- Our "won" is on its way when the portal closes the deal as lost.
local function on_its_way(t)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    local held = rules.holding(s, "partner", { method = "PATCH", delay_ms = 1500 })
    s:act("win", { id = row })
    s:command("sync")
    held()
    s:act("close", { id = deal, state = "lost" })
    s:rest()
    said_once(t, s, WON, "Closed/Lost")
    kit.quiet(t, s)
  end)
end

-- A CRM may refuse any change of a closed row (a plug-in, say): then the lists say it.
local function closed_for_good(t)
  kit.with({ refused = "changes of a closed row" }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    s:set("closed_opportunity_edit", false)
    s:set("lose_callbacks", true)
    win(s, deal, kit.opportunity(s).id)
    lost_there(s, deal)
    s:rest()
    local conflicts = s:command_json("conflicts")
    t.eq({ #conflicts, s:status().queue.dead }, { 1, 0 }, "conflicts, dead letters")
    t.eq(conflicts[1].field, "state")
    t.has(s:command("deal", { "1" }), "not on the row: the CRM refuses changes")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 6: in a CRM that lets nobody change a closed row", function()
    closed_for_good(t)
  end)
  t.case("situation 6: won here first, then lost there",
    function() closed_apart(t, win, lost_there, WON, "Closed/Lost") end)
  t.case("situation 6: lost there first, then won here",
    function() closed_apart(t, lost_there, win, WON, "Closed/Lost") end)
  t.case("situation 6: lost here, won there",
    function() closed_apart(t, lose, won_there, LOST, "Closed/Won") end)
  t.case("situation 6: lost there while our won is on its way", function() on_its_way(t) end)
end

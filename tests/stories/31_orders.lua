-- What an administrator decides about one deal: moves in the CRM that reach Partner Center, a side
-- taken in a conflict, a deleted row made anew, a found deal adopted.
local kit = require "commands.kit"

local IDENTIFIER = "msft_microsoftpartnercenterreferralidentifier"

local function stands(s)
  local r = kit.referrals(s)[1]
  return r.status .. "/" .. r.substatus
end

local function order(t, s, words, want)
  local text, exit = s:command("deal", words)
  t.has(text, want)
  t.eq(exit, 0, table.concat(words, " "))
  s:rest()
end

local function refused(t, s, words, want)
  local before = kit.writes(s)
  local text, exit = s:command("deal", words)
  t.has(text, want)
  t.eq(exit, 1, table.concat(words, " "))
  t.eq(kit.writes(s), before, "writes of what is refused")
end

-- A co-sell deal of a Microsoft seller: it waits to be accepted.
local function invited(body)
  kit.with({}, function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" })
    s:rest()
    body(s, deal.id)
  end)
end

-- ---- moves ----

local function accept(t)
  invited(function(s, deal)
    t.eq({ stands(s), kit.opportunity(s).status }, { "New/Pending", 2 }, "before")
    refused(t, s, { "win", deal }, "it waits to be accepted: accept or decline it")
    order(t, s, { "accept", deal }, "(deal 1): accepted in the CRM; Partner Center is told now\n")
    t.eq({ stands(s), kit.opportunity(s).status }, { "Active/Accepted", 1 }, "after")
    t.has(kit.opportunity(s).audit, "Accepted by the administrator")
    refused(t, s, { "accept", deal }, "it is open: win or lose it")
    refused(t, s, { "decline", deal }, "it is open: win or lose it")
    kit.quiet(t, s)
  end)
end

local function decline(t)
  invited(function(s)
    local said = s:command_json("deal", { "decline", "1", "--reason", "no capacity" })
    t.eq({ said.deal, said.order, said.done }, { 1, "decline", true })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ stands(s), o.state, o.status }, { "Closed/Declined", 2, 4 })
    t.has(o.audit, "Declined by the administrator: no capacity")
    refused(t, s, { "accept", "1" }, "it is canceled already: reopen it in the CRM first")
    kit.quiet(t, s)
  end)
end

local function close(t, verb, want, state, status)
  kit.started(function(s)
    order(t, s, { verb, "plant" }, " in the CRM; Partner Center is told now\n")
    local o = kit.opportunity(s)
    t.eq({ stands(s), o.state, o.status }, { want, state, status })
    local run = s:command_json("runs", { "1" })
    for _, one in ipairs(run) do
      t.ok(one.outcome ~= "failed", "a run failed")
    end
    kit.quiet(t, s)
  end)
end

local function not_possible(t)
  kit.with({ settings = { inbound = '"linked"' } }, function(s)
    s:act("portal-create", { name = "Left out" })
    s:rest()
    refused(t, s, { "win", "left" }, "there is no row in the CRM yet")
    refused(t, s, { "release", "left" }, "it is not frozen")
    refused(t, s, { "restore", "left" }, "only a deal whose row was deleted in the CRM")
    refused(t, s, { "adopt", "left" }, "only a deal that was found on both sides can be adopted")
    local said = s:command_json("deal", { "release", "left" })
    t.eq({ said.done, said.text }, { false, "it is not frozen" })
    t.eq(select(2, s:command("deal", { "accept" })), 2, "which deal")
    t.eq(select(2, s:command("deal", { "1", "--reason", "x" })), 2, "a reason for nothing")
  end)
end

local function sync_off(t)
  kit.started(function(s, _, row)
    s:act("sync", { id = row, sync = "no" })
    refused(t, s, { "win", row }, "Sync with Partner Center is off on the row")
    s:rest()
    t.has((s:command("status")), "0 linked, 1 suspended")
    refused(t, s, { "win", row }, "Sync with Partner Center is off on the row")
  end)
end

-- The service is not there for a while: the order is not kept, whoever gave it is told.
local function unreachable(t)
  kit.started(function(s, _, row)
    s:fault("crm", { status = 503, count = 100 })
    local text, exit = s:command("deal", { "win", row })
    t.eq(exit, 1, text)
    s:fault("clear")
    s:rest()
    t.eq({ stands(s), kit.opportunity(s).state }, { "Active/Accepted", 0 }, "nothing was done")
  end)
end

local function without_a_host(t)
  kit.started(function(s, _, row)
    s:host_stop()
    local printed = require "commands.printed"
    local text, exit = printed.run(s, { "deal", "win", row }, 80)
    t.eq({ text, exit }, { "Plant sensor rollout (deal 1): won in the CRM; Partner Center is " ..
      "told now\n", 0 })
    t.eq({ stands(s), kit.opportunity(s).state }, { "Active/Accepted", 1 }, "the CRM alone")
    s:host_start(s.host_options)
    s:host_ready()
    s:rest()
    t.eq(stands(s), "Closed/Won", "told when the host runs")
    kit.quiet(t, s)
  end)
end

-- ---- conflicts ----

local function both_change(s, deal, row, crm, partner)
  s:set("lose_callbacks", true)
  s:act("edit", { table = "opportunity", id = row, values = crm })
  partner.id = deal
  s:act("edit", partner)
  s:rest()
end

local function take(t, side, want)
  kit.started(function(s, deal, row)
    both_change(s, deal, row, { description = "ours" }, { notes = "theirs" })
    local number = s:command_json("conflicts")[1].number
    local text, exit = s:command("conflicts", { "take", side, tostring(number) })
    t.eq({ text, exit }, { ("notes: the value of %s goes to both sides\n"):format(
      side == "crm" and "the CRM" or "Partner Center"), 0 })
    s:rest()
    t.eq({ kit.opportunity(s).notes, kit.referrals(s)[1].details.notes }, { want, want })
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    t.eq(s:command_json("deal", { "1" }).orders, nil, "orders that are left")
    kit.quiet(t, s)
  end)
end

local function take_money(t)
  kit.started(function(s, deal, row)
    both_change(s, deal, row, { estimatedvalue = 2000 }, { value = 3000, currency = "EUR" })
    local list = s:command_json("conflicts")
    t.eq(#list, 2, "value and currency")
    local said = s:command_json("conflicts", { "take", "partner", tostring(list[1].number) })
    t.eq(said.fields, { "deal value", "currency" }, "one group")
    s:rest()
    local d = s:command_json("deal", { "1" })
    t.eq({ d.crm.value, d.crm.currency, d.partner.value, d.partner.currency },
      { "3000.00", "EUR", "3000.00", "EUR" })
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    kit.quiet(t, s)
  end)
end

-- ---- rows that went, deals that were found ----

local function restore(t)
  kit.started(function(s, deal, row)
    s:act("delete", { table = "opportunity", id = row })
    s:rest()
    t.eq(s:command_json("deal", { deal }).state, "deleted")
    t.has((s:command("status")), "1 deleted")
    refused(t, s, { "win", deal }, "the row was deleted in the CRM: `cosell deal restore`")
    order(t, s, { "restore", deal }, "its row is made anew now")
    local o = kit.opportunity(s)
    t.ok(o and o.id ~= row, "a new row")
    t.eq({ o.identifier, kit.referrals(s)[1].externalReferenceId }, { deal, o.id })
    t.eq(s:command_json("deal", { o.id }).state, "open")
    kit.quiet(t, s)
  end)
end

-- A fresh state, and a row and a referral that name each other since long.
local function adopt(t)
  kit.with({ clock = true, host = false }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "EUR", notes = "a" }).id
    local row = s:act("create-opportunity", { name = "Plant sensor rollout", value = 2000,
      currency = "EUR", notes = "a", closing_date = "2031-09-30",
      account = { name = "Hoshino Parts KK", country = "JP" }, solutions = { "SOL-10001-ABC" },
      values = { [IDENTIFIER] = deal }, sync = true }).id
    s:act("edit", { id = deal, external = row })
    s:clock(3600000)
    s:host_start { profile = s.profile, state = s.state }
    s:host_ready()
    kit.registered(s)
    s:rest()
    t.eq(s:command_json("deal", { row }).state, "found")
    t.has((s:command("status")), "1 deal on both sides, not made by this state")
    kit.wait("a status without alarm", function()
      return select(2, s:command("status")) == 0
    end)
    refused(t, s, { "win", row }, "this state did not make it: `cosell deal adopt` first")
    order(t, s, { "adopt", row }, "adopted: both sides are merged now")
    local d = s:command_json("deal", { row })
    t.eq({ d.state, d.crm.value, d.partner.value }, { "open", "2000.00", "2000.00" })
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("orders: accept moves the row, and the referral follows", function() accept(t) end)
  t.case("orders: decline, with a reason", function() decline(t) end)
  t.case("orders: win", function() close(t, "win", "Closed/Won", 1, 3) end)
  t.case("orders: lose", function() close(t, "lose", "Closed/Lost", 2, 5) end)
  t.case("orders: what cannot be is refused in a sentence", function() not_possible(t) end)
  t.case("orders: a suspended deal is not moved", function() sync_off(t) end)
  t.case("orders: a CRM that does not answer is said", function() unreachable(t) end)
  t.case("orders: without a host, the move is made at once", function() without_a_host(t) end)
  t.case("orders: take the CRM's value", function() take(t, "crm", "ours") end)
  t.case("orders: take Partner Center's value", function() take(t, "partner", "theirs") end)
  t.case("orders: value and currency are taken together", function() take_money(t) end)
  t.case("orders: a deleted row is made anew", function() restore(t) end)
  t.case("orders: a found deal is adopted", function() adopt(t) end)
end

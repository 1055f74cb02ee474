-- Situation 3: a co-sell deal that the portal makes is two referrals, ours and Microsoft's, each
-- with an event of its own.  However these arrive, one opportunity is made; and two deals of one
-- new customer make one account.
local kit = require "commands.kit"

local CUSTOMER = "Kiso Valley Foods KK"

local function count(rows, column, value)
  local n = 0
  for _, row in ipairs(rows) do
    n = n + (row[column] == value and 1 or 0)
  end
  return n
end

local function cosell(s)
  return s:act("portal-create", { customer = CUSTOMER, help = "GeneralOrOther",
    contact = { email = "rin@kiso.example", first_name = "Rin", last_name = "Kiso" } })
end

local function one_of_each(t, s, deal)
  local rows = kit.opportunities(s)
  t.eq(#rows, 1, "opportunities")
  t.eq(rows[1].identifier, deal.id, "it carries our referral's id")
  t.eq(count(s:rows("crm:account"), "name", CUSTOMER), 1, "accounts")
  t.eq(count(s:rows("crm:contact"), "emailaddress1", "rin@kiso.example"), 1, "contacts")
  t.eq(#s:rows("crm:msft_microsoftsolution"), 1, "solutions")
  local ours, theirs = kit.referrals(s)
  t.eq({ #ours, #theirs }, { 1, 1 }, "referrals")
  t.eq(ours[1].externalReferenceId, rows[1].id)
  local deals = s:status().deals
  t.eq({ deals.total, deals.open }, { 1, 1 }, "deals")
  kit.quiet(t, s)
end

-- switches: name -> value
local function arrive(t, switches)
  kit.with({}, function(s)
    s:rest()
    for name, value in pairs(switches) do
      s:set(name, value)
    end
    local deal = cosell(s)
    s:rest()
    one_of_each(t, s, deal)
  end)
end

-- The callbacks come while the poll has found the deal already, and is still making its row.
local function event_during_the_make(t)
  kit.with({}, function(s)
    s:fault("crm", { method = "POST", path = "batch", delay_ms = 500, count = 2 })
    local deal = cosell(s)
    s:command("sync")
    s:rest()
    one_of_each(t, s, deal)
  end)
end

local function two_deals(t)
  kit.with({}, function(s)
    s:act("portal-create", { name = "First", customer = CUSTOMER })
    s:act("portal-create", { name = "Second", customer = CUSTOMER })
    s:rest()
    t.eq(#kit.opportunities(s), 2, "opportunities")
    t.eq(count(s:rows("crm:account"), "name", CUSTOMER), 1, "accounts of one customer")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 3: ours first, Microsoft's after", function() arrive(t, {}) end)
  t.case("situation 3: Microsoft's first, ours after",
    function() arrive(t, { delivery_order = "reversed" }) end)
  t.case("situation 3: each event three times, reversed",
    function() arrive(t, { delivery_copies = 3, delivery_order = "reversed" }) end)
  t.case("situation 3: the events arrive before the deal can be read",
    function() arrive(t, { read_lag_ms = 1500 }) end)
  t.case("situation 3: no event at all, the poll finds both",
    function() arrive(t, { lose_callbacks = true }) end)
  t.case("situation 3: an event while the row is being made",
    function() event_during_the_make(t) end)
  t.case("situation 3: two deals of one new customer make one account",
    function() two_deals(t) end)
end

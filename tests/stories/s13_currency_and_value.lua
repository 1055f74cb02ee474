-- Situation 13: the value changes on one side, the currency on the other.  They are one thing: the
-- number of one side is never paired with the currency of the other.  A currency that quotes hold
-- is a conflict.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function currency_row(s, code)
  for _, row in ipairs(s:rows("crm:transactioncurrency")) do
    if row.isocurrencycode == code then
      return { table = "transactioncurrency", id = row.transactioncurrencyid }
    end
  end
  error("no currency " .. code, 0)
end

local function code_of(s, row)
  for _, currency in ipairs(s:rows("crm:transactioncurrency")) do
    if currency.transactioncurrencyid == row._transactioncurrencyid_value then
      return currency.isocurrencycode
    end
  end
  return nil
end

-- Both sides: value, currency.
local function money(s)
  local d, o = kit.referrals(s)[1].details, kit.opportunity(s)
  return { tonumber(d.dealValue), d.currency }, { tonumber(o.value), code_of(s, o.row) }
end

local function agree(t, s, want)
  local partner, crm = money(s)
  t.eq({ partner = partner, crm = crm }, { partner = want, crm = want })
end

-- The CRM changes its half, the portal the other, before either is heard.
local function halves(t, crm, partner, want, crm_first)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    partner.id = deal
    local values = {}
    for name, value in pairs(crm) do
      values[name] = name == "transactioncurrencyid" and currency_row(s, value) or value
    end
    local steps = { function() s:act("edit", { table = "opportunity", id = row, values = values })
      end, function() s:act("edit", partner) end }
    steps[crm_first and 1 or 2]()
    steps[crm_first and 2 or 1]()
    s:rest()
    agree(t, s, want)
    t.ok(#s:command_json("conflicts") > 0, "the loser is listed")
    t.has(kit.opportunity(s).audit, "both sides changed")
    kit.quiet(t, s)
  end)
end

-- Each half alone travels with what it stands beside.
local function one_side(t)
  kit.started(function(s, deal, row)
    s:act("edit", { id = deal, currency = "EUR" })
    s:rest()
    agree(t, s, { 1000, "EUR" })
    s:act("edit", { table = "opportunity", id = row,
      values = { transactioncurrencyid = currency_row(s, "USD"), estimatedvalue = 1200 } })
    s:rest()
    agree(t, s, { 1200, "USD" })
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    kit.quiet(t, s)
  end)
end

local function locked(t)
  kit.with({ refused = "a currency that quotes hold" }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    local row = kit.opportunity(s).id
    s:act("lock-currency", { id = row })
    s:act("edit", { id = deal, currency = "EUR", value = 900, notes = "the rest travels" })
    s:rest()
    local partner, crm = money(s)
    local o = kit.opportunity(s)
    t.eq({ partner, crm }, { { 900, "EUR" }, { 1000, "USD" } }, "each keeps its own; " .. o.audit)
    t.eq(o.notes, "the rest travels")
    t.eq(rules.count(o.audit, "quotes or orders hold its currency"), 1, "audit: " .. o.audit)
    t.ok(#s:command_json("conflicts") > 0, "it is listed")
    t.eq(s:status().queue.dead, 0, "dead letters")
    local listed = #s:command_json("conflicts")
    kit.quiet(t, s)
    s:act("edit", { id = deal, notes = "and goes on" })
    s:rest()
    o = kit.opportunity(s)
    t.eq(o.notes, "and goes on")
    t.eq(rules.count(o.audit, "quotes or orders hold its currency"), 1, "told again: " .. o.audit)
    t.eq(#s:command_json("conflicts"), listed, "listed again")
    kit.quiet(t, s)
  end)
end

return function(t)
  local value = { estimatedvalue = 2000 }
  local currency = { transactioncurrencyid = "EUR" }
  t.case("situation 13: value in the CRM, then currency in the portal",
    function() halves(t, value, { currency = "EUR" }, { 2000, "USD" }, true) end)
  t.case("situation 13: currency in the portal, then value in the CRM",
    function() halves(t, value, { currency = "EUR" }, { 2000, "USD" }, false) end)
  t.case("situation 13: currency in the CRM, then value in the portal",
    function() halves(t, currency, { value = 3000 }, { 1000, "EUR" }, true) end)
  t.case("situation 13: value in the portal, then currency in the CRM",
    function() halves(t, currency, { value = 3000 }, { 1000, "EUR" }, false) end)
  t.case("situation 13: a change of one side alone takes both halves along",
    function() one_side(t) end)
  t.case("situation 13: a currency that quotes hold is a conflict, the rest travels",
    function() locked(t) end)
end

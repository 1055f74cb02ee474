-- Deal value: the columns of a write, by what the mapping says of them; what of the money is held;
-- amounts to the last digit.
local canonical = require "canonical"
local facts = require "facts"
local forms = require "forms"
local referral_body = require "referral_body"
local rows = require "row"
local withhold = require "withhold"

local CURRENCIES = { USD = { row = "c-usd", code = "USD", precision = 2 },
  EUR = { row = "c-eur", code = "EUR", precision = 2 } }
local EURO = { table = "transactioncurrency", id = "c-eur" }

local function known(deal_value, column)
  return { table = "opportunity", columns = { currency = "transactioncurrencyid" },
    deal_value = deal_value, base_currency = "c-usd", currencies = { by_code = CURRENCIES },
    meta = { columns = { [deal_value.write] = column or { type = "Money", update = true } } },
    catalogue = { by_id = {} }, choices = { taxonomy = {} } }
end

-- What deal_value.lua says, what the plan writes, and the whole of the columns it becomes.
local WRITES = {
  { "the usual column", { write = "estimatedvalue", currency = "row" },
    { value = "500.00", currency = "EUR" },
    { estimatedvalue = "500.00", transactioncurrencyid = EURO } },
  { "another column: the usual one is absent", { write = "new_dealvalue", currency = "row" },
    { value = "500.00", currency = "EUR" },
    { new_dealvalue = "500.00", transactioncurrencyid = EURO } },
  { "another column, the value alone", { write = "new_dealvalue", currency = "row" },
    { value = "500.00" }, { new_dealvalue = "500.00" } },
  { "a column of the row names the currency", { write = "new_dealvalue", currency = "new_iso" },
    { value = "500.00", currency = "EUR" }, { new_dealvalue = "500.00", new_iso = "EUR" } },
  { "the organisation's currency is read, the row's is written",
    { write = "new_dealvalue", currency = "base" }, { value = "500.00", currency = "EUR" },
    { new_dealvalue = "500.00", transactioncurrencyid = EURO } },
  { "and both are the organisation's", { write = "new_dealvalue", currency = "base" },
    { value = "500.00" }, { new_dealvalue = "500.00",
      transactioncurrencyid = { table = "transactioncurrency", id = "c-usd" } } },
}

-- The column's definition, what comes in, what is left of it, and what is told.
local HELD = {
  { "a calculated column", { type = "Money", update = false },
    { value = "500.00", currency = "EUR" }, {}, {}, owned = true },
  { "a column that takes it", { type = "Money", update = true },
    { value = "500.00", currency = "EUR" }, { value = "500.00", currency = "EUR" }, {} },
  { "0", { type = "Money", update = true }, { value = "0.00" }, {}, { "empty-there" } },
  { "0 in another currency", { type = "Money", update = true },
    { value = "0.00", currency = "EUR" }, {}, { "empty-there" } },
  { "less than 0", { type = "Money", update = true }, { value = "-1.00" }, {}, { "empty-there" } },
  { "none", { type = "Money", update = true }, { value = json.null }, {}, { "empty-there" } },
  { "no currency", { type = "Money", update = true },
    { value = "5.00", currency = json.null }, {}, { "empty-there" } },
  { "a currency that the CRM lacks", { type = "Money", update = true },
    { value = "5.00", currency = "XTS" }, {}, { "no-currency" } },
  { "a fraction in a column of whole numbers", { type = "Integer", update = true },
    { value = "5.50" }, {}, { "no-room" } },
  { "a whole number in it", { type = "Integer", update = true }, { value = "5.00" },
    { value = "5.00" }, {} },
}

-- As canonical text, and on the wire.
local EXACT = {
  { "0.01", "0.01" }, { "10.00", "10" }, { "10.10", "10.10" },
  { "999999999999.99", "999999999999.99" }, { "922337203685477.58", "922337203685477.58" },
  { "9007199254740993.00", "9007199254740993" }, { "9007199254740993", "9007199254740993" },
  { "99999999999999999999.99", "99999999999999999999.99" },
  { "99999999999999999999.00", "99999999999999999999.00" },
}

local function held(t, case)
  local plan = { to_crm = {}, to_partner = {}, crm = { solutions = {} }, partner = {},
    stays = { crm = {}, partner = {} } }
  for name, value in pairs(case[3]) do
    plan.to_crm[name] = value
  end
  local keys = {}
  for i, item in ipairs(withhold.unfit(plan, known({ write = "v", currency = "row" }, case[2]))) do
    keys[i] = item.key
  end
  t.eq({ plan.to_crm, keys, plan.owned }, { case[4], case[5], case.owned })
end

return function(t)
  for _, case in ipairs(WRITES) do
    t.case("item 75: " .. case[1], function()
      t.eq(rows.columns(case[3], known(case[2])), case[4])
    end)
  end
  for _, case in ipairs(HELD) do
    t.case("item 76: " .. case[1], function()
      local currency, has_room = facts.currency, facts.has_room
      facts.currency = function(k, code) return k.currencies.by_code[code] end
      facts.has_room = function(k, value) return forms.fits(k.meta.columns.v, value) end
      local ok, err = pcall(held, t, case)
      facts.currency, facts.has_room = currency, has_room
      if not ok then
        error(err, 0)
      end
    end)
  end
  t.case("amounts_are_exact_on_the_wire", function()
    for _, row in ipairs(EXACT) do
      t.eq(json.encode(canonical.wire_amount(row[1])), row[2], row[1])
      local list = referral_body.solutions({ { id = "SOL-1", price = row[1] } }, "EUR")
      t.has(json.encode(list), '"price":' .. row[2])
    end
  end)
end

-- Deal value and country as an administrator may have them: a column that the CRM calculates or
-- sums up itself, another currency, countries by names of any language.
local kit = require "commands.kit"
local rules = require "commands.rules"

local CALCULATED = 'return { read = "estimatedvalue", write = "totalamount" }\n'
local ITS_OWN = 'return { field = "totalamount" }\n'
local BASE = [[
return { read = "estimatedvalue_base", currency = "base", write = "estimatedvalue" }
]]
local NAMED = 'return { field = "budgetamount", currency = "stepname" }\n'
local OWNED = "deal value: the CRM's column is calculated or read-only"
local IGNORED = "keeps its own value, whatever is written"

local function there(s, deal)
  local d = rules.referral(s, deal).details
  return { tostring(d.dealValue), d.currency }
end

local function code_of(s, id)
  local of = kit.opportunity(s, id).row._transactioncurrencyid_value
  for _, currency in ipairs(s:rows("crm:transactioncurrency")) do
    if currency.transactioncurrencyid == of then
      return currency.isocurrencycode
    end
  end
  return nil
end

-- ---- A column that is the CRM's own ----

local function calculated(t)
  rules.sent({ files = { ["deal_value.lua"] = CALCULATED } }, function(s, row, deal)
    for i = 1, 3 do
      s:act("edit", { id = deal, value = 2000 + i, notes = "with it " .. i })
      s:rest()
      local o = kit.opportunity(s, row)
      t.eq({ tonumber(o.value), o.notes }, { 90000, "with it " .. i }, "the rest travels")
      t.eq({ rules.count(o.audit, OWNED), rules.count(o.audit, IGNORED) }, { 1, 0 }, o.audit)
      kit.describe(s, row, "something else " .. i)
      s:rest()
    end
    s:act("edit", { id = deal, value = 3000 })
    s:rest()
    t.eq(there(s, deal)[1], "3000", "and it is not put back")
    rules.edit(s, row, { estimatedvalue = 4000 })
    s:rest()
    t.eq(there(s, deal)[1], "4000", "the CRM's changes are sent")
    t.eq(rules.count(kit.opportunity(s, row).audit, OWNED), 1, "said once")
    kit.quiet(t, s)
  end)
end

local function calculated_arrives(t)
  kit.with({ files = { ["deal_value.lua"] = ITS_OWN } }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "EUR" }).id
    s:rest()
    local o = kit.opportunity(s)
    t.ok(o, "the row is made without it")
    t.eq(o.value, nil, "nor is another column written")
    t.eq({ rules.count(o.audit, OWNED), code_of(s) }, { 1, "EUR" }, o.audit)
    kit.describe(s, o.id, "travels")
    s:act("edit", { id = deal, value = 1100 })
    s:rest()
    local d = rules.referral(s, deal).details
    t.eq({ d.notes, tonumber(d.dealValue) }, { "travels", 1100 }, "0 or none is never sent")
    t.eq(rules.count(kit.opportunity(s).audit, OWNED), 1, "said once")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

-- ---- isrevenuesystemcalculated ----

local function summed_up(t)
  rules.sent({}, function(s, row, deal)
    rules.edit(s, row, { isrevenuesystemcalculated = true }) -- the seller lets the CRM sum it up
    s:rest()
    t.has(kit.opportunity(s, row).audit, "the deal value is 0 or empty")
    for i = 1, 2 do
      s:act("edit", { id = deal, value = 2000 + i, notes = "with it " .. i })
      s:rest()
    end
    local o = kit.opportunity(s, row)
    t.eq({ o.row.isrevenuesystemcalculated, tonumber(o.value), o.notes }, { true, 0, "with it 2" },
      "it stays the CRM's")
    t.eq(rules.count(o.audit, IGNORED), 1, o.audit)
    t.eq(there(s, deal)[1], "2002")
    kit.quiet(t, s)
  end)
end

local function exact(t)
  kit.started(function(s, deal, row)
    s:act("edit", { id = deal, value = 12345678.91 })
    s:rest()
    t.eq(s:command_json("deal", { row }).crm.value, "12345678.91")
    rules.edit(s, row, { estimatedvalue = json.decimal "99999999999.97" })
    s:rest()
    t.eq(there(s, deal), { "99999999999.97", "USD" }, "to the last digit")
    kit.quiet(t, s)
  end)
end

-- What a new row is given, as the mapping sees it before it is written.
local WRITES_DOWN = [[
return { api = 1, opportunity = { create = function(d, v)
  v.stepname = ("%s %s %s"):format(v.estimatedvalue, v.budgetamount, v.isrevenuesystemcalculated)
end } }
]]

local function given(t, column, wanted)
  local files = { ["details.lua"] = WRITES_DOWN }
  if column then
    files["deal_value.lua"] = ('return { field = "%s" }'):format(column)
  end
  kit.with({ files = files }, function(s)
    s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    t.eq(kit.opportunity(s).row.stepname, wanted)
  end)
end

-- ---- Its currency ----

local function in_base(t)
  kit.with({ files = { ["deal_value.lua"] = BASE } }, function(s)
    local deal = s:act("portal-create", { value = 500, currency = "EUR" }).id
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ tonumber(o.value), code_of(s) }, { 500, "EUR" }, "500 euros stay euros")
    kit.describe(s, o.id, "travels")
    s:rest()
    t.eq(there(s, deal), { "500", "EUR" }, "and are not sent back in another currency")
    rules.edit(s, o.id, { estimatedvalue = 600 })
    s:rest()
    local value, code = table.unpack(there(s, deal))
    t.eq(tonumber(value), tonumber(kit.opportunity(s).row.estimatedvalue_base))
    t.ok(code ~= "EUR", "the organisation's: " .. code)
    s:act("edit", { id = deal, value = 700 })
    s:rest()
    t.eq({ tonumber(kit.opportunity(s).value), code_of(s) }, { 700, code },
      "written in the currency that it is in")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function in_a_column(t)
  rules.sent({ files = { ["deal_value.lua"] = NAMED }, deal = { value = false,
    values = { budgetamount = 70000, stepname = " usd" } } }, function(s, row, deal)
    t.eq(there(s, deal), { "70000", "USD" }, kit.opportunity(s, row).audit)
    s:act("edit", { id = deal, value = 80000, currency = "JPY" })
    s:rest()
    local r = kit.opportunity(s, row).row
    t.eq({ tonumber(r.budgetamount), r.stepname, r.estimatedvalue }, { 80000, "JPY" })
    s:act("set-raw", { id = deal, path = "details/currency", value = "XTS" })
    s:rest()
    r = kit.opportunity(s, row)
    t.eq({ tonumber(r.row.budgetamount), r.row.stepname }, { 80000, "JPY" })
    t.eq(rules.count(r.audit, "currency XTS does not exist in the CRM: add it there"), 1, r.audit)
    kit.quiet(t, s)
  end)
end

-- ---- Country ----

local NAMES = { { "DE", "DE" }, { "de", "DE" }, { "DEU", "DE" }, { "Deutschland", "DE" },
  { "日本", "JP" }, { "United States of America", "US" }, { "The U.S.A.", "US" },
  { " united  kingdom ", "GB" }, { "U.K.", "GB" }, { "England", "GB" }, { "Holland", "NL" },
  { "Côte d’Ivoire", "CI" }, { "Россия", "RU" }, { "대한민국", "KR" }, { "México", "MX" },
  { "ＪＡＰＡＮ", "JP" } }

local function account(country)
  return { name = "Account in " .. country, line1 = "Kai 4", city = "City",
    postalcode = "20457", country = country }
end

local function names(t)
  kit.with({}, function(s)
    for i, pair in ipairs(NAMES) do
      s:act("create-opportunity", rules.deal { name = "Deal " .. i, account = account(pair[1]),
        contact = false })
    end
    s:rest()
    local ours = kit.referrals(s)
    t.eq(#ours, #NAMES)
    for _, r in ipairs(ours) do
      local pair = NAMES[tonumber(r.name:match("%d+"))]
      t.eq(r.customerProfile.address.country, pair[2], pair[1])
    end
  end)
end

local function unresolved(t)
  kit.with({}, function(s)
    local strange = s:act("create-opportunity", rules.deal { account = account "Nowhereland",
      contact = false }).id
    local empty = s:act("create-opportunity", rules.deal { name = "Empty",
      account = { name = "Elbe", line1 = "Kai 4", city = "City", country = "" },
      contact = false }).id
    s:rest()
    t.eq(#kit.referrals(s), 0)
    local o = kit.opportunity(s, strange)
    t.eq(o.name, "✖ Harbour")
    t.has(o.audit, "the account's country is 'Nowhereland', and no country is called so")
    t.has(kit.opportunity(s, empty).audit, "the account's country is empty: enter")
    local function correct(words)
      s:act("edit", { table = "account", id = o.row._parentaccountid_value,
        values = { address1_country = words } })
      kit.describe(s, strange, "corrected to " .. words)
      s:rest()
    end
    correct "Nowhereland II"
    t.eq(rules.count(kit.opportunity(s, strange).audit, "'Nowhereland II'"), 1, "the new words")
    correct "Österreich"
    t.eq(kit.referrals(s)[1].customerProfile.address.country, "AT")
    t.eq(kit.opportunity(s, strange).name, "✔ Harbour")
    kit.quiet(t, s)
  end)
end

-- The account looks its country up in a table that has a code: here, that of currencies.
local LOOKED_UP = 'return { field = "transactioncurrencyid", code = "isocurrencycode" }\n'

local function no_row(t)
  kit.with({ files = { ["country.lua"] = LOOKED_UP } }, function(s)
    s:act("portal-create", { name = "Comes in", customer = "Kiso Valley Foods KK",
      country = "JP" })
    s:rest()
    local o = kit.opportunity(s)
    t.ok(o, "the row is made")
    t.eq(rules.count(o.audit, "country JP: the CRM's table of countries does not have it"), 1,
      o.audit)
    t.eq(s:row("crm:account", o.row._parentaccountid_value).name, "Kiso Valley Foods KK")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

return function(t)
  local cases = {
    { "item 76: a calculated column makes the value the CRM's own, said once", calculated },
    { "item 76: a deal arrives where the column is calculated", calculated_arrives },
    { "item 76: a value that the CRM sums up on a seller's row stays so", summed_up },
    { "item 75: a row of ours is given its value, and is not to be summed up",
      function() given(t, nil, "1000.00 nil false") end },
    { "item 75: with another column chosen the usual one is absent from the write",
      function() given(t, "budgetamount", "nil 1000.00 nil") end },
    { "item 75: and so it is with one that the CRM calculates",
      function() given(t, "totalamount", "nil nil nil") end },
    { "item 33: amounts are exact both ways, to the last digit", exact },
    { "item 75: the value is read in the organisation's currency", in_base },
    { "item 75: a column names the currency", in_a_column },
    { "item 43: countries by code and by names of any language", names },
    { "item 43: a country that is none is said with what was found", unresolved },
    { "item 78: a country that the CRM's table lacks leaves the account without", no_row },
  }
  for _, case in ipairs(cases) do
    t.case(case[1], function() case[2](t) end)
  end
end

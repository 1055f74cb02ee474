-- The examples of deal value and country: each runs as it is shipped, a deal travels, and both
-- sides are looked at.
local examples = require "commands.examples"
local kit = require "commands.kit"
local rules = require "commands.rules"

local GERMANY = "5a1e0000-0000-4000-8000-000000000051"
local JAPAN = "5a1e0000-0000-4000-8000-000000000054"

local function there(s, deal)
  local d = rules.referral(s, deal).details
  return { tonumber(d.dealValue), d.currency }
end

-- What the row holds of some columns, amounts as numbers.
local function here(s, row, ...)
  local out = {}
  for i, column in ipairs { ... } do
    local value = kit.opportunity(s, row).row[column]
    out[i] = tonumber(value) or value or "none"
  end
  return out
end

-- The CRM's deal, sent; values: what the seller filled in of their own columns.
local function sent(s, values)
  local row = s:act("create-opportunity", rules.deal { value = false, values = values }).id
  s:rest()
  return row, kit.opportunity(s, row).identifier
end

-- The row of the deal that came in, by its name.
local function arrived(s)
  for _, o in ipairs(kit.opportunities(s)) do
    if o.name:find("Comes in", 1, true) then
      return o
    end
  end
  error("no deal came in")
end

local function at_rest(t, s)
  t.eq(s:status().queue.dead, 0, "dead letters")
  kit.quiet(t, s)
end

-- ---- Deal value ----

local function own_column(t)
  examples.with("value-column", {}, function(s)
    local row, deal = sent(s, { new_dealvalue = 70000 })
    t.eq(there(s, deal), { 70000, "EUR" }, kit.opportunity(s, row).audit)
    s:act("edit", { id = deal, value = 80000 })
    s:rest()
    t.eq(here(s, row, "new_dealvalue", "estimatedvalue"), { 80000, "none" }, "written there")
    rules.edit(s, row, { new_dealvalue = 0, description = "not the value" })
    s:rest()
    t.eq(there(s, deal), { 80000, "EUR" }, "0 is never sent")
    t.eq(rules.referral(s, deal).details.notes, "not the value")
    local comes = s:act("portal-create", { name = "Comes in", value = 500, currency = "EUR" }).id
    s:rest()
    t.eq(there(s, comes), { 500, "EUR" })
    t.eq(here(s, arrived(s).id, "new_dealvalue", "estimatedvalue"),
      { 500, "none" }, "it came in there")
    at_rest(t, s)
  end)
end

local function calculated(t)
  examples.with("value-calculated", {}, function(s)
    local row, deal = sent(s, { new_licencevalue = 50000, new_servicevalue = 2000 })
    t.eq(there(s, deal), { 52000, "EUR" }, "the sum: " .. kit.opportunity(s, row).audit)
    rules.edit(s, row, { new_servicevalue = 3000 })
    s:rest()
    t.eq(there(s, deal), { 53000, "EUR" }, "the new sum")
    s:act("edit", { id = deal, value = 40000 })
    s:rest()
    t.eq(here(s, row, "new_totalvalue", "new_licencevalue", "new_microsoftvalue"),
      { 53000, 50000, 40000 }, "beside the sum, which stays the CRM's own")
    at_rest(t, s)
  end)
end

local function base_currency(t)
  examples.with("value-base-currency", {}, function(s)
    local row = s:act("create-opportunity", rules.deal { value = false,
      values = { new_dealvalue = 92000 } }).id -- 92,000 euros are 100,000 dollars
    s:rest()
    local deal = kit.opportunity(s, row).identifier
    t.eq(there(s, deal), { 100000, "USD" }, kit.opportunity(s, row).audit)
    local comes = s:act("portal-create", { name = "Comes in", value = 500, currency = "EUR" }).id
    s:rest()
    t.eq(here(s, arrived(s).id, "new_dealvalue"), { 500 }, "500 euros stay 500")
    t.eq(there(s, comes), { 500, "EUR" })
    at_rest(t, s)
  end)
end

local CHOSEN = { ["details.lua"] = [[
return { api = 1, columns = { opportunity = { "new_dealvalue" } } }
]], ["deal_value.lua"] = [[
return { write = "estimatedvalue", read = function(crm)
  return crm.new_dealvalue or crm.estimatedvalue -- what was signed, else what is hoped for
end }
]] }

local function by_function(t)
  rules.sent({ files = CHOSEN }, function(s, row, deal)
    t.eq(there(s, deal), { 90000, "EUR" }, "hoped for")
    rules.edit(s, row, { new_dealvalue = 70000 })
    s:rest()
    t.eq(there(s, deal), { 70000, "EUR" }, "signed")
    at_rest(t, s)
  end)
end

-- ---- Country ----

local function account_of(s, row)
  return s:row("crm:account", kit.opportunity(s, row).row._parentaccountid_value)
end

-- A deal of an account with `own` in its columns goes out, one of Kiso Valley (Japan) comes in;
-- -> the country at Partner Center, and the new account
local function country(t, name, own)
  local code, made
  examples.with(name, {}, function(s)
    own.name, own.line1, own.city, own.postalcode = "Elbe Hafen GmbH", "Kai 4", "Hamburg", "20457"
    own.country = "nowhere" -- in the column that is not asked
    s:act("create-opportunity", rules.deal { account = own })
    s:rest()
    local ours = kit.referrals(s)
    t.eq(#ours, 1, "sent: " .. kit.opportunity(s).audit)
    code = ours[1].customerProfile.address.country
    s:act("portal-create", { name = "Comes in", customer = "Kiso Valley Foods KK" })
    s:rest()
    made = account_of(s, arrived(s).id)
    t.eq(made.name, "Kiso Valley Foods KK")
    t.eq(made.address1_country, nil, "the usual column stays empty")
    at_rest(t, s)
  end)
  return code, made
end

local function as_code(t)
  local code, made = country(t, "country-code", { new_countrycode = "DE" })
  t.eq({ code, made.new_countrycode }, { "DE", "JP" })
end

local function in_japanese(t)
  local code, made = country(t, "country-japanese", { new_countryname = "ドイツ" })
  t.eq({ code, made.new_countryname }, { "DE", "日本" })
end

local IN_WORDS = [[
local CODES = { inland = "DE", overseas = "JP" }
return {
  field = "new_countryname",
  to_code = function(value) return CODES[ctx.fold(value)] end,
  from_code = function(code)
    for words, of in pairs(CODES) do
      if of == code then return words end
    end
  end,
}
]]

local function in_own_words(t)
  kit.with({ files = { ["country.lua"] = IN_WORDS } }, function(s)
    s:act("create-opportunity", rules.deal { account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
      city = "Hamburg", postalcode = "20457", new_countryname = " Inland" } })
    s:act("portal-create", { name = "Comes in", customer = "Kiso Valley Foods KK" })
    s:rest()
    for _, r in ipairs(kit.referrals(s)) do
      t.eq(r.customerProfile.address.country, r.name == "Harbour" and "DE" or "JP", r.name)
    end
    t.eq({ #kit.referrals(s), account_of(s, arrived(s).id).new_countryname }, { 2, "overseas" })
    at_rest(t, s)
  end)
end

local function looked_up(t)
  local code, made = country(t, "country-lookup", { new_countryid = GERMANY })
  t.eq({ code, made._new_countryid_value }, { "DE", JAPAN })
end

return function(t)
  t.case("example value-column: sent from it, written to it, 0 stays out", function()
    own_column(t)
  end)
  t.case("example value-calculated: the CRM's sum is sent and never written", function()
    calculated(t)
  end)
  t.case("example value-base-currency: sent in the organisation's currency", function()
    base_currency(t)
  end)
  t.case("a function chooses the deal value among the columns that are read", function()
    by_function(t)
  end)
  t.case("a country in words of one's own, both ways", function() in_own_words(t) end)
  t.case("example country-code: two letters in a column of one's own", function() as_code(t) end)
  t.case("example country-japanese: a country's name in Japanese", function() in_japanese(t) end)
  t.case("example country-lookup: a row of the CRM's table of countries", function()
    looked_up(t)
  end)
end

-- The examples of customers, required columns and owners: each runs as it is shipped, deals come
-- in, and the CRM is looked at.
local examples = require "commands.examples"
local kit = require "commands.kit"
local rules = require "commands.rules"

local APAC, EMEA, OTHER = 100000000, 100000001, 100000003 -- options of new_region
local MICROSOFT = 100000001 -- of new_channel
local GERMANY = "5a1e0000-0000-4000-8000-000000000051"
local HOSHINO = "5a1e0000-0000-4000-8000-000000000041"
local TEAM, KEN = "5a1e0000-0000-4000-8000-000000000005", "5a1e0000-0000-4000-8000-000000000004"
local APPLICATION = "5a1e0000-0000-4000-8000-000000000003"
local CITY = { name = "Brot GmbH", address1_postalcode = "10115", address1_city = "Berlin" }

-- A deal of the portal comes in; -> its row
local function comes_in(s, name, over)
  local args = { name = name, value = 1000, currency = "EUR", customer = "Nordlicht Backwaren GmbH",
    postal_code = "24103", country = "DE" }
  for key, value in pairs(over or {}) do
    args[key] = value
  end
  s:act("portal-create", args)
  s:rest()
  for _, o in ipairs(kit.opportunities(s)) do
    if o.name:find(name, 1, true) then
      return o
    end
  end
  return nil
end

local function new_account(s, values)
  return s:act("create", { table = "account", values = values }).id
end

local function count(s, table_name)
  return #s:rows("crm:" .. table_name)
end

-- ---- Required columns ----

local function demand(s, table_name, columns)
  s:act("refuse-create", { table = table_name, columns = columns })
end

local function required(t)
  examples.with("required-opportunity", {}, function(s)
    demand(s, "opportunity", "new_region,new_channel")
    local o = comes_in(s, "Ovens")
    t.ok(o, "it is made")
    t.eq({ o.row.new_region, o.row.new_channel }, { EMEA, MICROSOFT })
    o = comes_in(s, "Boilers", { country = "CH", customer = "Alpenbrot AG" })
    t.eq({ o.row.new_region, o.row.new_channel }, { OTHER, MICROSOFT }, "another country")
    rules.edit(s, o.id, { new_region = "EMEA" })
    s:act("edit", { id = o.identifier, notes = "changed in the portal" })
    s:rest()
    t.eq(kit.opportunity(s, o.id).row.new_region, EMEA, "what a seller chose stays")
    kit.quiet(t, s)
  end)
end

-- What the demand is worth: without the example no such row is made.
local function not_filled(t)
  kit.with({ refused = true }, function(s)
    demand(s, "opportunity", "new_region,new_channel")
    t.eq(comes_in(s, "Ovens"), nil)
    t.ok(s:status().queue.dead > 0, "a dead letter")
  end)
end

local function required_lead(t)
  examples.with("required-lead", {}, function(s)
    demand(s, "lead", "leadsourcecode,new_region")
    rules.marketplace(s)
    s:rest()
    local lead = s:rows("crm:lead")[1]
    t.ok(lead, "it is made")
    t.eq({ lead.leadsourcecode, lead.new_region }, { 4, APAC })
    kit.quiet(t, s)
  end)
end

-- ---- Whose deal it is ----

local function by_duns(t)
  examples.with("account-duns", {}, function(s)
    local renamed = new_account(s, { name = "Brot & Brezel AG", new_duns = "690000777" })
    local alike = new_account(s, CITY)
    local brot = { customer = "Brot GmbH", postal_code = "10115", duns = "690000777" }
    t.eq(comes_in(s, "Ovens", brot).row._parentaccountid_value, renamed, "by its number")
    brot.duns = "690000778"
    t.eq(comes_in(s, "Boilers", brot).row._parentaccountid_value, alike,
      "a number that the CRM does not have: by name and postal code")
    local made = comes_in(s, "Lamps", { duns = "690000779" }).row._parentaccountid_value
    t.eq(s:row("crm:account", made).new_duns, "690000779", "a new account has it")
    t.eq(comes_in(s, "More lamps", { duns = "690000779", customer = "Nordlicht AG" })
      .row._parentaccountid_value, made, "and is found by it")
    s:act("create-opportunity", rules.deal { account = "Hoshino Parts KK",
      contact = "Mika Hoshino" })
    s:rest()
    for _, r in ipairs(kit.referrals(s)) do
      if r.name == "Harbour" then
        t.eq(r.customerProfile.ids[1].id, "690000141", "and it goes out")
      end
    end
    kit.quiet(t, s)
  end)
end

local function person(email)
  return { first_name = "Ida", last_name = "Brandt", phone = "+49 431 555 0101", email = email }
end

local function by_domain(t)
  examples.with("account-domain", {}, function(s)
    local function account(name, city)
      return new_account(s, { name = name, address1_city = city, new_maildomain = "brot.example" })
    end
    local holding, bakery = account("Brot Holding AG", "Kiel"), account("Brot GmbH", "Berlin")
    local function of(deal, customer, city, email)
      return comes_in(s, deal, { customer = customer, city = city,
        contact = person(email or "ida@brot.example") }).row._parentaccountid_value
    end
    t.eq(of("Ovens", "BROT  GmbH", "Kiel"), bakery, "called alike, whatever case and spaces")
    t.eq(of("Boilers", "Brot Nord GmbH", "Kiel"), holding, "else in the same city")
    local before = count(s, "account")
    local made = of("Lamps", "Brot Süd GmbH", "Passau")
    t.eq({ count(s, "account"), s:row("crm:account", made).new_maildomain },
      { before + 1, "brot.example" }, "picked none: a new one")
    t.eq(of("Signs", "Hoshino Parts KK", "Nagoya", "rin@hoshino.example"), HOSHINO, "only one hit")
    local public = of("Doors", "Kiosk Ida", "Kiel", "ida.brandt@gmail.com")
    t.eq(s:row("crm:account", public).new_maildomain, nil, "a mail box of anybody's says nothing")
    kit.quiet(t, s)
  end)
end

-- ---- Owners ----

local function by_territory(t)
  examples.with("owner-territory", {}, function(s)
    local function owners(o)
      return { o.row._ownerid_value,
        s:row("crm:account", o.row._parentaccountid_value)._ownerid_value }
    end
    t.eq(owners(comes_in(s, "Ovens")), { KEN, KEN }, "Germany: a user")
    t.eq(owners(comes_in(s, "Boilers", { country = "JP", customer = "Kiso Valley Foods KK" })),
      { TEAM, TEAM }, "Japan: a team")
    t.eq(owners(comes_in(s, "Lamps", { country = "BR", customer = "Pão Ltda" })),
      { APPLICATION, APPLICATION }, "nobody's territory")
    rules.marketplace(s)
    s:rest()
    t.eq(s:rows("crm:lead")[1]._ownerid_value, TEAM, "a lead too")
    kit.quiet(t, s)
  end)
end

-- ---- What the examples do not show ----

local BINDS = [[
return { api = 1, account = { create = function(d, v)
  v.new_countryid = ctx.bind("new_country", { new_isocode = d.customer.country })
end } }
]]

-- The deal's dead letter says why it was not made.
local function stops(t, s, name, country, why)
  t.eq(comes_in(s, name, { country = country, customer = name .. " AG" }), nil)
  local said
  for _, dead in ipairs(s:status().failed) do
    said = dead.text:find(why, 1, true) or said
  end
  t.ok(said, why)
end

local function bound(t)
  kit.with({ files = { ["details.lua"] = BINDS } }, function(s)
    local account = comes_in(s, "Ovens").row._parentaccountid_value
    t.eq(s:row("crm:account", account)._new_countryid_value, GERMANY, "the row with that code")
    stops(t, s, "Boilers", "CH", "ctx.bind: no rows of new_country where new_isocode")
    s:act("create", { table = "new_country", values = { new_name = "Nippon",
      new_isocode = "JP" } })
    stops(t, s, "Lamps", "JP", "ctx.bind: several rows of new_country where new_isocode")
  end)
end

local PEOPLE = [[
return { api = 1, columns = { contact = { "department" } },
  contact = {
    match = function(d) return { { { "lastname", d.contact.last_name } } } end,
    pick = function(candidates, d)
      for _, c in ipairs(candidates) do
        if c.department == d.contact.title then return c end
      end
    end,
    create = function(d, v) v.department, v.jobtitle = d.contact.title, nil end } }
]]

local function people(t)
  kit.with({ files = { ["details.lua"] = PEOPLE } }, function(s)
    local function contact_of(deal, title)
      local who = person "ida@hoshino.example"
      who.title = title
      return comes_in(s, deal, { customer = "Hoshino Parts KK", postal_code = "450-0002",
        country = "JP", contact = who }).row._parentcontactid_value
    end
    local function brandt(department)
      return s:act("create", { table = "contact", values = { lastname = "Brandt",
        department = department, parentcustomerid = { table = "account", id = HOSHINO } } }).id
    end
    brandt "Sales"
    local plant = brandt "Plant"
    t.eq(contact_of("Ovens", "Plant"), plant, "found by name, picked by department")
    local made = s:row("crm:contact", contact_of("Boilers", "Board"))
    t.eq({ made.department, made.lastname }, { "Board", "Brandt" }, "picked none: made its own way")
    kit.quiet(t, s)
  end)
end

local UNKNOWN = [[
return { api = 1, opportunity = { create = { new_channel = "Microsft" } } }
]]

local function no_such_option(t)
  kit.with({ files = { ["details.lua"] = UNKNOWN } }, function(s)
    stops(t, s, "Ovens", "DE", 'opportunity.new_channel: no option is called "Microsft"')
  end)
end

local LEAD = [[
return { api = 1, columns = { lead = { "new_employees" } },
  lead = {
    create = function(d, v)
      v.new_employees = 12
      v.estimatedamount = v.estimatedamount and 2500 or nil
    end,
    update = function(d, v, crm) v.jobtitle = "of " .. (crm.new_employees or "nobody") end } }
]]

local function own_lead_columns(t)
  rules.lead_arrived(function(s, deal)
    local lead = s:rows("crm:lead")[1]
    t.eq({ tonumber(lead.estimatedamount), lead.new_employees }, { 2500, 12 },
      "the default's amount is there to be edited")
    s:act("edit", { id = deal, notes = "more is known" })
    s:rest()
    t.eq(s:rows("crm:lead")[1].jobtitle, "of 12", "a column that `columns` names is read")
    kit.quiet(t, s)
  end, { files = { ["details.lua"] = LEAD } })
end

return function(t)
  t.case("example required-opportunity: what the CRM demands is filled", function() required(t) end)
  t.case("example required-opportunity: without it nothing is made", function() not_filled(t) end)
  t.case("example required-lead: what the CRM demands is filled", function() required_lead(t) end)
  t.case("example account-duns: by number, else by name, made with it", function() by_duns(t) end)
  t.case("example account-domain: by domain, of several the right one", function() by_domain(t) end)
  t.case("example owner-territory: owners by the customer's country", function()
    by_territory(t)
  end)
  t.case("ctx.bind finds exactly one row, else the deal stops and says so", function() bound(t) end)
  t.case("contacts are found, picked and made as the mapping says", function() people(t) end)
  t.case("a label that no option has stops the deal and says so", function() no_such_option(t) end)
  t.case("a lead's amount may be edited, and its own columns are read", function()
    own_lead_columns(t)
  end)
end

-- Items of the checklist that no other story proves: what is sent and when, the kinds of help, the
-- columns that an administrator chooses, and how little it takes to run.
local fields = require "fields"
local kit = require "commands.kit"
local place = require "commands.bench.place"
local rules = require "commands.rules"

local PRODUCTS = "msft_microsoftpartnercentersolutions"
local TEN_MINUTES_MS, STEP_MS = 10 * 60000, 15000
local MOST_MIB = kit.sanitised and 512 or 64 -- they keep several times as much
local DEALS = 40

-- ---- From the CRM ----

local function sync_later(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal { sync = false }).id
    s:rest()
    kit.describe(s, row, "edited before Sync is on")
    t.eq(rules.writes_by(s, function() end), 0, "writes while Sync is off")
    t.eq({ kit.opportunity(s).sync, #kit.referrals(s) }, { false, 0 }, "off at first")
    s:act("sync", { id = row })
    s:rest()
    local ours = kit.referrals(s)
    t.eq({ #ours, ours[1].details.notes }, { 1, "edited before Sync is on" })
    t.eq(kit.opportunity(s).identifier, ours[1].id)
  end)
end

-- The settings as they are shipped, and nobody presses anything: only the clock moves.
local function as_shipped(t)
  kit.with({ clock = true, settings = { settle = 60, look_wait = 60, delta_seconds = 30,
    poll_minutes = 10 } }, function(s)
    s:act("create-opportunity", rules.deal { help = "General or other" })
    local waited = 0
    while not kit.opportunity(s).identifier and waited <= TEN_MINUTES_MS do
      s:clock(STEP_MS)
      waited = waited + STEP_MS
      kit.wait("what is due", function() return s:idle() end)
    end
    t.ok(waited >= 60000, "it was left alone for a minute first: " .. waited)
    t.ok(waited <= TEN_MINUTES_MS, "sent after ms " .. waited)
    t.eq({ #kit.referrals(s), kit.opportunity(s).name }, { 1, "✔ Harbour" })
  end)
end

local function six_kinds(t)
  kit.with({}, function(s)
    local by_name = {}
    for i, help in ipairs(fields.help) do
      s:act("create-opportunity", rules.deal { name = "Deal " .. i, help = help.label })
      by_name["Deal " .. i] = help.code
    end
    s:rest()
    local ours, theirs = kit.referrals(s)
    t.eq({ #ours, #theirs }, { 6, 6 })
    local seen = {}
    for _, r in ipairs(theirs) do
      t.eq(r.inviteContext.assistanceRequestCode, by_name[r.name], r.name)
      seen[r.inviteContext.assistanceRequestCode] = true
    end
    for _, help in ipairs(fields.help) do
      t.ok(seen[help.code], help.code)
    end
  end)
end

-- And back: each code stands on the row as its label.
local function six_kinds_arrive(t)
  kit.with({}, function(s)
    for i, help in ipairs(fields.help) do
      s:act("portal-create", { name = "Deal " .. i, help = help.code })
    end
    s:rest()
    local values = {}
    for _, o in ipairs(kit.opportunities(s)) do
      t.eq(s:command_json("deal", { o.id }).crm.help,
        fields.help[tonumber(o.name:match("%d+$"))].code, o.name)
      values[#values + 1] = o.help
    end
    t.eq(#values, 6)
  end)
end

-- ---- On the row ----

local function old_products(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal { help = "General or other",
      values = { [PRODUCTS] = "as the old connector left it" } }).id
    s:act("portal-create", { name = "From the portal", help = "GeneralOrOther" })
    s:rest()
    s:act("add-solution", { opportunity = row, solution = "SOL-10002-DEF" })
    s:rest()
    s:act("edit", { id = kit.opportunity(s, row).identifier, solutions = "SOL-10001-ABC" })
    s:rest()
    for _, o in ipairs(kit.opportunities(s)) do
      t.ok(o.identifier, "synchronised: " .. o.name)
      t.eq(o.row[PRODUCTS], o.id == row and "as the old connector left it" or nil, o.name)
    end
  end)
end

-- ---- Columns that an administrator chooses ----

local function value_column(t)
  kit.with({ settings = { deal_value_field = '"budgetamount"' } }, function(s)
    local row = s:act("create-opportunity", rules.deal { value = false,
      values = { budgetamount = 70000 } }).id
    s:rest()
    local deal = kit.opportunity(s, row).identifier
    t.eq(tonumber(rules.referral(s, deal).details.dealValue), 70000, "sent")
    s:act("edit", { id = deal, value = 80000 })
    s:rest()
    s:act("portal-create", { name = "Comes in", value = 5000, currency = "EUR" })
    s:rest()
    local sum = 0
    for _, o in ipairs(kit.opportunities(s)) do
      sum = sum + tonumber(o.row.budgetamount)
      t.eq(o.value, nil, "the usual column is not written: " .. o.name)
    end
    t.eq(sum, 85000, "both came in")
  end)
end

local function zero_stays_out(t)
  kit.with({ settings = { deal_value_field = '"budgetamount"' } }, function(s)
    local row = s:act("create-opportunity", rules.deal { value = false,
      values = { budgetamount = 70000 } }).id
    s:rest()
    for _, none in ipairs { 0, "" } do
      rules.edit(s, row, { budgetamount = none, description = "now:" .. tostring(none) })
      s:rest()
      local d = rules.referral(s, kit.opportunity(s, row).identifier).details
      t.eq({ tonumber(d.dealValue), d.notes }, { 70000, "now:" .. tostring(none) })
    end
    t.has(kit.opportunity(s, row).audit, "0 or empty")
  end)
end

local function country_column(t)
  kit.with({ settings = { country_field = '"address1_name"' } }, function(s)
    s:act("create-opportunity", rules.deal { account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
      city = "Hamburg", postalcode = "20457", country = "JP", address1_name = "Deutschland" } })
    s:rest()
    t.eq(kit.referrals(s)[1].customerProfile.address.country, "DE", "sent")
    s:act("portal-create", { name = "Comes in", customer = "Kiso Valley Foods KK" })
    s:rest()
    for _, account in ipairs(s:rows("crm:account")) do
      if account.name == "Kiso Valley Foods KK" then
        t.eq(account.address1_name, "JP", "came in")
        t.ok(not account.address1_country or account.address1_country == json.null, "nowhere else")
        return
      end
    end
    t.ok(false, "no account came in")
  end)
end

-- ---- A country that is looked up ----

local KIND = "Microsoft.Dynamics.CRM."
local NEW_TABLE = [[{"@odata.type":"%sEntityMetadata","SchemaName":"own_Country",
  "DisplayName":%s,"DisplayCollectionName":%s,"OwnershipType":"UserOwned","IsActivity":false,
  "HasActivities":false,"HasNotes":false,"Attributes":[%s]}]]
local TEXT = [[{"@odata.type":"%sStringAttributeMetadata","SchemaName":"%s","DisplayName":%s,
  "RequiredLevel":{"Value":"None","CanBeChanged":true,
  "ManagedPropertyLogicalName":"canmodifyrequirementlevelsettings"},"IsPrimaryName":%s,
  "MaxLength":100,"AttributeType":"String","AttributeTypeName":{"Value":"StringType"},
  "FormatName":{"Value":"Text"}}]]
local LOOKUP = [[{"@odata.type":"%sOneToManyRelationshipMetadata",
  "SchemaName":"own_country_account","ReferencedEntity":"own_country",
  "ReferencedAttribute":"own_countryid","ReferencingEntity":"account",
  "CascadeConfiguration":{"Assign":"NoCascade","Delete":"RemoveLink","Merge":"NoCascade",
  "Reparent":"NoCascade","Share":"NoCascade","Unshare":"NoCascade"},
  "Lookup":{"@odata.type":"%sLookupAttributeMetadata","SchemaName":"own_CountryId",
  "DisplayName":%s,"RequiredLevel":{"Value":"None","CanBeChanged":true,
  "ManagedPropertyLogicalName":"canmodifyrequirementlevelsettings"},"AttributeType":"Lookup",
  "AttributeTypeName":{"Value":"LookupType"}}}]]
local LOOKED_UP = 'return { field = "own_countryid", code = "own_iso" }\n'

local function label(words)
  return ('{"@odata.type":"%sLabel","LocalizedLabels":[{"@odata.type":"%sLocalizedLabel",' ..
    '"Label":"%s","LanguageCode":1033}]}'):format(KIND, KIND, words)
end

-- The administrator of the CRM, over its own API: POST, or without a body whether it can be read.
local function administrator(t, s)
  local secret = host.file.read(s.dir .. "/crm_secret"):gsub("%s+$", "")
  local got = assert(host.http.request { method = "POST",
    url = s.base.tokens .. "/practice.example/oauth2/v2.0/token",
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
    body = "grant_type=client_credentials&client_id=7d1b0c52-0002-4a11-9c01-000000000002" ..
      "&client_secret=" .. secret .. "&scope=" .. s.base.crm .. "/.default" })
  local token = json.decode(got.body).access_token
  return function(path, body)
    local answer = assert(host.http.request { method = body and "POST" or "GET", body = body,
      url = s.base.crm .. "/api/data/v9.2/" .. path,
      headers = { ["Content-Type"] = "application/json", Authorization = "Bearer " .. token } })
    if not body then
      return answer.status == 200
    end
    t.ok(answer.status < 300, path .. ": " .. answer.status .. " " .. tostring(answer.body))
    return (answer.headers["odata-entityid"] or ""):match("%((.-)%)$")
  end
end

-- A table of countries and the account's look-up into it; -> code -> row
local function define_countries(t, s)
  s:act("create", { table = "publisher", values = { uniquename = "own", friendlyname = "Own",
    customizationprefix = "own", customizationoptionvalueprefix = 10000 } })
  local post, rows = administrator(t, s), {}
  post("EntityDefinitions", NEW_TABLE:format(KIND, label "Country", label "Countries",
    TEXT:format(KIND, "own_Name", label "Name", "true")))
  post("EntityDefinitions(LogicalName='own_country')/Attributes",
    TEXT:format(KIND, "own_Iso", label "Code", "false"))
  post("RelationshipDefinitions", LOOKUP:format(KIND, KIND, label "Country"))
  kit.wait("definitions that all can read", function()
    return post "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='own_countryid')"
  end)
  for code, name in pairs { DE = "Deutschland", JP = "Japan" } do
    rows[code] = post("own_countries", json.encode { own_name = name, own_iso = code })
  end
  return rows, post
end

local function country_looked_up(t)
  kit.with({ host = false, files = { ["country.lua"] = LOOKED_UP } }, function(s)
    local rows, post = define_countries(t, s)
    local account = post("accounts", json.encode { name = "Elbe Hafen GmbH",
      address1_line1 = "Kai 4", address1_city = "Hamburg", address1_postalcode = "20457",
      ["own_CountryId@odata.bind"] = "/own_countries(" .. rows.DE .. ")" })
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    s:act("create-opportunity", rules.deal { account = "Elbe Hafen GmbH" })
    s:rest()
    t.eq(#kit.referrals(s), 1, "sent: " .. kit.opportunity(s).audit .. account)
    t.eq(kit.referrals(s)[1].customerProfile.address.country, "DE")
    s:act("portal-create", { name = "Comes in", customer = "Kiso Valley Foods KK" })
    s:rest()
    for _, row in ipairs(s:rows("crm:account")) do
      if row.name == "Kiso Valley Foods KK" then
        t.eq(row._own_countryid_value, rows.JP, "came in")
        return
      end
    end
    t.ok(false, "no account came in")
  end)
end

-- ---- Operation ----

-- The report of a comparison: each kind of difference, by deal and by field, and then none.
local function report(t)
  kit.with({}, function(s)
    for i = 1, 3 do
      s:act("portal-create", { name = "Deal " .. i, value = 1000 * i, currency = "USD" })
    end
    s:rest()
    s:set("lose_callbacks", true)
    local one = kit.opportunities(s)[1]
    rules.edit(s, one.id, { description = "edited in the CRM" })
    s:act("edit", { id = one.identifier, value = 7777 })
    s:act("portal-create", { name = "Only there" })
    s:act("create-opportunity", rules.deal { name = "Only here", solutions = false })
    kit.wait("lists that show it", function() return s:say("pending").lagging == 0 end)
    local r = s:command_json("sync", { "--all" })
    t.eq({ r.equal, r.differ, r.only_crm, r.only_partner, r.found, r.gone },
      { 2, 1, 1, 1, 0, 0 })
    t.eq(r.by_field, { { name = "notes", deals = 1 }, { name = "value", deals = 1 } })
    local text, exit = s:command("sync", { "--all" })
    for _, line in ipairs { "2  equal on both sides", "1    deal value", "1    notes",
      "Only there: only at Partner Center", "Only here: only in the CRM" } do
      t.has(text, line)
    end
    t.eq(exit, 1, "there is something to do")
    s:command("sync", { "--all", "--apply" })
    s:rest()
    r = s:command_json("sync", { "--all" })
    t.eq({ r.equal, r.differ, r.only_partner }, { 4, 0, 0 }, "set right")
    t.eq(tonumber(rules.referral(s, one.identifier).details.dealValue), 7777)
    t.eq(rules.referral(s, one.identifier).details.notes, "edited in the CRM")
  end)
end

local function unknown_id(t)
  kit.with({}, function(s)
    local foreign = "77777777-6666-4555-8444-333333333333"
    s:act("portal-create", { name = "Another CRM's", external = foreign })
    local other = s:act("portal-create", { name = "By a number of its own",
      external = "OPP-0042" }).id
    s:rest()
    t.eq(#kit.opportunities(s), 1, "what names no row comes in, what names another's does not")
    t.eq(rules.referral(s, other).externalReferenceId, kit.opportunity(s).id, "it is written back")
    t.has((s:command("sync", { "--all" })), "names the CRM id " .. foreign:sub(1, 8))
    t.has(s:command("runs", {}), "another CRM's deal")
  end)
end

local function small(t)
  kit.with({}, function(s)
    for i = 1, DEALS do
      s:act("portal-create", { name = "Deal " .. i, value = 1000 * i, currency = "USD" })
    end
    kit.wait("the deals", function() return #kit.opportunities(s) == DEALS end)
    s:rest()
    local host_mib, mapping_mib = place.memory(s)
    t.ok(host_mib + mapping_mib < MOST_MIB, ("MiB of the host and its mapping process: %.1f, %.1f")
      :format(host_mib, mapping_mib))
    local names = {}
    for i, remote in ipairs(s:status().remotes) do
      names[i] = remote.name
    end
    table.sort(names)
    t.eq(names, { "crm", "partner_center", "webhooks" }, "the CRM, and Partner Center's two")
  end)
end

return function(t)
  t.case("item 28: a row is left alone until Sync is set, and is sent then", function()
    sync_later(t)
  end)
  t.case("item 31: with the settings as shipped, sent within ten minutes", function()
    as_shipped(t)
  end)
  t.case("item 42: each of the six kinds of help is sent by its label", function() six_kinds(t) end)
  t.case("item 42: each of the six kinds of help comes in", function() six_kinds_arrive(t) end)
  t.case("item 65: a CRM id that this CRM lacks is told, another reference is none", function()
    unknown_id(t)
  end)
  t.case("item 72: the old column of products stays as it is", function() old_products(t) end)
  t.case("item 75: the deal value stands in another column, both ways", function()
    value_column(t)
  end)
  t.case("item 76: 0 and empty in that column are not sent", function() zero_stays_out(t) end)
  t.case("item 77: the country stands in another column, both ways", function()
    country_column(t)
  end)
  t.case("item 78: the country is a look-up, both ways", function() country_looked_up(t) end)
  t.case("item 91: the comparison reports each kind of difference", function() report(t) end)
  t.case("item 98: the host and its mapping process are small, and know two services", function()
    small(t)
  end)
end

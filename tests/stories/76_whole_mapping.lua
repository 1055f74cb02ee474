-- The whole mapping of the guide, in a CRM that has its columns: it runs as it is written.
local customised = require "commands.customised"
local kit = require "commands.kit"
local rules = require "commands.rules"
local files = require "commands.whole_mapping"

local column, text, choice, label = customised.column, customised.text, customised.choice,
  customised.label
local KIND = customised.KIND

-- ---- What the CRM's administrator adds ----

local COUNTRY = { ["@odata.type"] = KIND .. "EntityMetadata", SchemaName = "new_Country",
  DisplayName = label "Country", DisplayCollectionName = label "Countries",
  OwnershipType = "UserOwned", IsActivity = false, HasActivities = false, HasNotes = false,
  Attributes = json.array { text("new_Name", { IsPrimaryName = true, AttributeType = "String",
    AttributeTypeName = { Value = "StringType" } }) } }
local LOOKUP = { ["@odata.type"] = KIND .. "OneToManyRelationshipMetadata",
  SchemaName = "new_country_account_CountryId", ReferencedEntity = "new_country",
  ReferencedAttribute = "new_countryid", ReferencingEntity = "account",
  CascadeConfiguration = { Assign = "NoCascade", Delete = "RemoveLink", Merge = "NoCascade",
    Reparent = "NoCascade", Share = "NoCascade", Unshare = "NoCascade" },
  Lookup = column("Lookup", "new_CountryId", { AttributeType = "Lookup",
    AttributeTypeName = { Value = "LookupType" } }) }

-- What stands where, what makes it.
local NEEDED = {
  { "EntityDefinitions(LogicalName='new_country')", "EntityDefinitions", COUNTRY },
  { "new_country.new_isocode", text "new_IsoCode" },
  { "account.new_countryid", "RelationshipDefinitions", LOOKUP },
  { "account.new_duns", text "new_Duns" },
  { "opportunity.new_region", choice("new_Region", "APAC", "EMEA", "Americas", "Other") },
  { "opportunity.new_channel", choice("new_Channel", "Direct", "Microsoft") },
  { "opportunity.new_dealvalue", column("Money", "new_DealValue", { PrecisionSource = 2 }) },
}

-- Columns and countries, as far as the CRM lacks them; -> code -> row
local function customise(t, s)
  local good = customised.add(t, s, NEEDED)
  local rows = {}
  for _, row in ipairs(s:rows("crm:new_country")) do
    rows[row.new_isocode] = row.new_countryid
  end
  for code, name in pairs { DE = "Germany", JP = "Japan" } do
    if not rows[code] then
      local made = good("POST", "new_countries", { new_name = name, new_isocode = code })
      rows[code] = made.headers["odata-entityid"]:match("%((.-)%)$")
    end
  end
  return rows
end

-- ---- The story ----

local BAKERY = { name = "Brot GmbH", line1 = "Kai 4", city = "Hamburg", postalcode = "20457" }

local function account_of(s, o)
  for _, row in ipairs(s:rows("crm:account")) do
    if row.accountid == o.row._parentaccountid_value then return row end
  end
  return nil
end

local function arrives(s, name, more)
  local args = { name = name, customer = "Brot GmbH", value = 500, currency = "EUR",
    ["customerProfile/address/country"] = "DE", ["customerProfile/address/postalCode"] = "20457",
    ["customerProfile/ids"] = json.array { { profileType = "Duns", id = "987654321" } } }
  for key, value in pairs(more or {}) do args[key] = value end
  local id = s:act("portal-create", args).id
  s:rest()
  for _, o in ipairs(kit.opportunities(s)) do
    if o.identifier == id then return o, id end
  end
  error(name .. " did not arrive")
end

local function comes_in(t, s, countries)
  local first, id = arrives(s, "Ovens")
  local account = account_of(s, first)
  t.eq({ account.name, account.new_duns, account._new_countryid_value },
    { "Brot GmbH", "987654321", countries.DE }, "a new customer, with country and number")
  t.eq({ first.row.new_region, first.row.new_channel }, { 100000001, 100000001 }, "by label")
  t.eq(tonumber(first.row.new_dealvalue), 500, "the deal value's own column")
  local second = arrives(s, "Mixers", { customer = "Brot und Kuchen GmbH" })
  t.eq(account_of(s, second).accountid, account.accountid, "found by its number")
  rules.edit(s, first.id, { new_dealvalue = 600 })
  s:rest()
  local base = kit.opportunity(s, first.id).row.new_dealvalue_base
  t.eq(tonumber(rules.referral(s, id).details.dealValue), tonumber(base), "in the base currency")
end

local function goes_out(t, s, countries)
  local account = s:act("create", { table = "account", values = { name = "Kiso Foods",
    address1_line1 = BAKERY.line1, address1_city = "Nagoya", address1_postalcode = "460-0001",
    new_countryid = countries.JP } })
  t.ok(account, "an account of the CRM")
  local row = s:act("create-opportunity", rules.deal { account = "Kiso Foods", value = false }).id
  rules.edit(s, row, { new_dealvalue = 70000 })
  s:rest()
  local o = kit.opportunity(s, row)
  local sent = rules.referral(s, o.identifier)
  t.ok(sent, o.audit)
  t.eq(sent.customerProfile.address.country, "JP", "by its look-up")
  t.eq(tonumber(sent.details.dealValue), tonumber(o.row.new_dealvalue_base), "its own column")
end

return function(t)
  t.case("the whole mapping of the guide runs as it is written", function()
    kit.with({ host = false, files = { ["details.lua"] = files["details.lua"],
      ["country.lua"] = files["country.lua"], ["deal_value.lua"] = files["deal_value.lua"] } },
    function(s)
      local countries = customise(t, s)
      assert(host.file.mkdir(s.profile .. "/fixtures"))
      for name, words in pairs(files) do
        assert(host.file.write(s.profile .. "/" .. name, words))
      end
      s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
      s:host_ready()
      kit.registered(s)
      comes_in(t, s, countries)
      goes_out(t, s, countries)
      t.eq(#s:status().failed, 0, "dead letters")
      kit.quiet(t, s)
    end)
  end)
end

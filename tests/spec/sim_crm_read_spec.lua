-- The practice CRM against the acceptance list (numbers are its lines): queries and metadata.
local kit = require "sim.crm_kit"

local BASE, ask, code, make = kit.BASE, kit.ask, kit.code, kit.make
local deal, found, names, currency = kit.deal, kit.found, kit.names, kit.currency
local act = kit.act

return function(t)
  local function case(name, f)
    t.case(name, function()
      kit.fresh()
      f()
    end)
  end

  case("10.16 what $select brings", function()
    local row = deal({ estimatedvalue = 10 })
    local _, got = ask("GET", "opportunities(" .. row.opportunityid .. ")?$select=estimatedvalue")
    t.eq({ got.opportunityid, got.name }, { row.opportunityid, nil })
    t.ok(got["@odata.etag"] and got._transactioncurrencyid_value, "tag and currency")
    _, got = ask("GET", "opportunities(" .. row.opportunityid .. ")")
    t.eq(got.description, json.null, "nulls are shown")
    t.eq(got.msft_microsoftpartnercenterreferralsync, false)
  end)

  case("10.17 $filter: operators, case, quoting, nulls", function()
    for _, r in ipairs({ { "Alpha", 1 }, { "BETA", 5 }, { "Gamma's" }, { "A + B & C", 9 } }) do
      make("accounts", { name = r[1], numberofemployees = r[2], description = "mine" })
    end
    local mine = "%20and%20description%20eq%20'mine'"
    t.eq(found("name%20eq%20'alpha'"), "Alpha")
    t.eq(found("name+eq+%27beta%27"), "BETA")
    t.eq(found("name%20eq%20'Gamma%27%27s'"), "Gamma's")
    t.eq(found("name%20eq%20'A%20%2B%20B%20%26%20C'"), "A + B & C")
    t.eq(found("numberofemployees%20ne%205" .. mine), "A + B & C,Alpha", "null is not unequal")
    t.eq(found("not%20(numberofemployees%20eq%205)" .. mine), "A + B & C,Alpha")
    t.eq(found("numberofemployees%20eq%20null" .. mine), "Gamma's")
    t.eq(found("(numberofemployees%20gt%201%20and%20numberofemployees%20le%209)" .. mine),
      "A + B & C,BETA")
    t.eq(found("(name%20eq%20'alpha'%20or%20name%20eq%20'beta')" .. mine), "Alpha,BETA")
    t.eq(found("startswith(name,'AL')"), "Alpha")
    t.eq(found("endswith(name,'%27%27s')"), "Gamma's")
    t.eq(found("contains(name,'et')"), "BETA")
    t.eq(found("contains(name,'b%25a')"), "BETA", "% is a wildcard")
    t.eq(found("contains(name,'b[%25]a')"), "", "escaped it is not")
    t.eq(found("name%20eq%20@p1&@p1='alpha'"), "Alpha")
    t.eq(found("numberofemployees%20eq%20'5'"), "0x0", "types are compared")
    t.eq(found("name%20eq"), "0x80060888")
  end)

  case("10.17 $filter: look-ups, paths, dates, lambdas, functions", function()
    local account = make("accounts", { name = "Parent", address1_postalcode = "100-0001" })
    local row = deal({ name = "With parent", estimatedclosedate = "2031-05-01",
      estimatedvalue = 250,
      ["parentaccountid@odata.bind"] = "/accounts(" .. account.accountid .. ")" })
    deal({ name = "Without" })
    local function deals(filter)
      local status, list = ask("GET", "opportunities?$orderby=name&$filter=" .. filter:gsub(" ",
        "%%20"))
      if status ~= 200 then return list.error.code end
      return names(list, "name")
    end
    t.eq(deals("_parentaccountid_value eq " .. account.accountid), "With parent")
    t.eq(deals("_parentaccountid_value eq '" .. account.accountid:upper() .. "'"), "With parent")
    t.eq(deals("parentaccountid/name eq 'PARENT'"), "With parent")
    t.eq(deals("opportunityid eq " .. row.opportunityid), "With parent")
    t.eq(deals("estimatedclosedate ge 2031-05-01 and estimatedvalue gt 249.5"), "With parent")
    t.eq(deals("modifiedon ge 2030-01-01T00:00:00Z and modifiedon lt 2041-01-01"),
      "With parent,Without")
    t.eq(deals("Microsoft.Dynamics.CRM.In(PropertyName='statuscode',PropertyValues=['1','2'])"),
      "With parent,Without")
    t.eq(deals("Microsoft.Dynamics.CRM.LastXHours(PropertyName='modifiedon',PropertyValue=2)"),
      "With parent,Without")
    t.eq(deals("Microsoft.Dynamics.CRM.EqualUserId(PropertyName='modifiedby')"), "0x0")
    t.eq(deals("msft_microsoftpartnercenterreferralsync eq true"), "")
    t.eq(deals("msft_microsoftpartnercenterreferralvisible eq false and statecode eq 0 and not "
      .. "contains(name,'out')"), "With parent")
    local _,
      list = ask("GET",
        "accounts?$filter=opportunity_parent_account/any(o:o/estimatedvalue%20gt%2099)")
    t.eq(names(list, "name"), "Parent")
  end)

  case("10.18 annotations only when preferred, by wildcard and by list", function()
    local account = make("accounts", { name = "Parent" })
    local row = deal({ estimatedvalue = 1250000, estimatedclosedate = "2031-03-05",
      ["transactioncurrencyid@odata.bind"] = "/transactioncurrencies(" .. currency("JPY") .. ")",
      ["parentaccountid@odata.bind"] = "/accounts(" .. account.accountid .. ")" })
    local path = "opportunities(" .. row.opportunityid .. ")"
    t.eq(row["statecode@OData.Community.Display.V1.FormattedValue"], nil)
    local _, all, headers = ask("GET", path, nil, { Prefer = 'odata.include-annotations="*"' })
    t.eq(headers["preference-applied"], 'odata.include-annotations="*"')
    local F = "@OData.Community.Display.V1.FormattedValue"
    t.eq({ all["statuscode" .. F], all["estimatedvalue" .. F], all["estimatedclosedate" .. F],
      all["_parentaccountid_value" .. F] }, { "In Progress", "¥1,250,000", "3/5/2031", "Parent" })
    t.eq(all["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account")
    t.eq(all["_customerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"],
      "customerid_account")
    local _,
      some = ask("GET", path, nil, { Prefer = 'odata.maxpagesize=3,odata.include-annotations='
      .. '"Microsoft.Dynamics.CRM.lookup*,OData.X"' })
    t.eq(some["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account")
    t.eq(some["statecode" .. F], nil)
  end)

  case("10.19 paging by absolute opaque links", function()
    for i = 1,
      7 do make("leads", { subject = "L" .. (8 - i), lastname = i % 2 == 0 and "even" or "odd" })
        end
    local function walk(path)
      local out, pages, seen = {}, 0, path
      while seen do
        local _, list = ask("GET", seen, nil, { Prefer = "odata.maxpagesize=3" })
        for _, row in ipairs(list.value) do out[#out + 1] = row.subject end
        pages, seen = pages + 1, list["@odata.nextLink"]
        if seen then t.ok(seen:find(BASE, 1, true) == 1, "absolute") end
      end
      return #out, pages, table.concat(out, ",")
    end
    local n, pages = walk("leads")
    t.eq({ n, pages }, { 7, 3 })
    local _, _, order = walk("leads?$select=subject&$orderby=lastname%20desc,subject%20asc")
    t.eq(order, "L1,L3,L5,L7,L2,L4,L6")
    _, _, order = walk("leads?$orderby=subject%20desc&$filter=lastname%20eq%20'ODD'")
    t.eq(order, "L7,L5,L3,L1")
    local _, top = ask("GET", "leads?$top=2")
    t.eq({ #top.value, top["@odata.nextLink"] }, { 2, nil })
    t.eq(code("GET", "leads?$skip=2"), 400)
    local _, counted = ask("GET", "leads?$count=true&$filter=lastname%20eq%20'odd'", nil,
      { Prefer = "odata.maxpagesize=2" })
    t.eq({ counted["@odata.count"], #counted.value }, { 4, 2 })
    local _, text, headers = ask("GET", "leads/$count")
    t.eq({ text, headers["content-type"] }, { "7", "text/plain" })
  end)

  case("10.20 $expand, single and collection", function()
    local account = make("accounts", { name = "Parent", address1_country = "JP" })
    local row
    for i = 1, 3 do
      row = deal({ name = "D" .. i,
        ["parentaccountid@odata.bind"] = "/accounts(" .. account.accountid .. ")" })
    end
    local _, one = ask("GET", "opportunities(" .. row.opportunityid
      .. ")?$select=name&$expand=parentaccountid($select=name,address1_country),parentcontactid")
    t.eq({ one.parentaccountid.name, one.parentaccountid.address1_country,
      one.parentaccountid.telephone1,
      one.parentcontactid }, { "Parent", "JP", nil, json.null })
    local path = "accounts(" .. account.accountid .. ")"
    local _, many = ask("GET", path .. "?$select=name&$expand=opportunity_parent_account"
      .. "($select=name;$orderby=name%20desc;$filter=name%20ne%20'D2')")
    t.eq(names({ value = many.opportunity_parent_account }, "name"), "D3,D1")
    t.eq(many["opportunity_parent_account@odata.nextLink"], nil)
    _, many = ask("GET", path .. "?$expand=opportunity_parent_account($select=name)", nil,
      { Prefer = "odata.maxpagesize=2" })
    t.eq(#many.opportunity_parent_account, 2)
    t.ok(many["opportunity_parent_account@odata.nextLink"], "a link to the rest")
    local _, rest = ask("GET", many["opportunity_parent_account@odata.nextLink"])
    t.eq(#rest.value, 1, "the link goes on")
    local _, related = ask("GET", path .. "/opportunity_parent_account?$select=name")
    t.eq(#related.value, 3)
    local status, c = code("GET", path .. "?$expand=nope")
    t.eq({ status, c }, { 400, "0x0" })
  end)

  case("metadata: a table, its columns by cast, its relationships", function()
    local _, def = ask("GET", "EntityDefinitions(LogicalName='opportunity')?$select=EntitySetName,"
      ..
        "ChangeTrackingEnabled,IsOptimisticConcurrencyEnabled,PrimaryIdAttribute&$expand=Attributes"
      .. "($select=LogicalName,AttributeType),Keys($select=KeyAttributes)")
    t.eq({ def.EntitySetName, def.ChangeTrackingEnabled, def.IsOptimisticConcurrencyEnabled,
      #def.Keys },
      { "opportunities", true, true, 0 })
    local kinds = {}
    for _, a in ipairs(def.Attributes) do kinds[a.LogicalName] = a.AttributeType end
    t.eq({ kinds.name, kinds.estimatedvalue, kinds.customerid, kinds.ownerid, kinds.statuscode,
      kinds.versionnumber }, { "String", "Money", "Customer", "Owner", "Status", "BigInt" })
    local attributes = "EntityDefinitions(LogicalName='opportunity')/Attributes"
    local cast = attributes .. "/Microsoft.Dynamics.CRM."
    local status, c = code("GET", attributes .. "?$select=LogicalName,MaxLength")
    t.eq({ status, c }, { 400, "0x0" }, "derived columns need a cast")
    local _, texts = ask("GET", cast .. "StringAttributeMetadata?$select=LogicalName,MaxLength")
    local length = {}
    for _, a in ipairs(texts.value) do length[a.LogicalName] = a.MaxLength end
    t.eq({ length.name, length.msft_microsoftpartnercenterreferralidentifier,
      length.msft_microsoftpartnercenterreferrallink }, { 300, 100, 255 })
    local _, help = ask("GET", attributes .. "(LogicalName='msft_microsoftpartnercenterhelp')/"
      .. "Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet")
    t.eq(#help.OptionSet.Options, 6)
    t.eq({ help.OptionSet.Options[1].Value,
      help.OptionSet.Options[1].Label.UserLocalizedLabel.Label },
      { 299600000, "Workload-specific value proposition" })
    local _,
      state = ask("GET", cast .. "StatusAttributeMetadata?$select=LogicalName&$expand=OptionSet")
    t.eq({ #state.value, state.value[1].OptionSet.Options[5].State }, { 1, 2 })
    local _, flags = ask("GET", cast .. "BooleanAttributeMetadata?$expand=OptionSet&$filter="
      .. "LogicalName%20eq%20'msft_microsoftpartnercenterreferralsync'")
    t.eq(flags.value[1].OptionSet.TrueOption.Label.UserLocalizedLabel.Label, "Yes")
    local _, dates = ask("GET", cast .. "DateTimeAttributeMetadata?$filter=LogicalName%20eq%20"
      .. "'estimatedclosedate'")
    t.eq({ dates.value[1].DateTimeBehavior.Value, dates.value[1].Format },
      { "DateOnly", "DateOnly" })
    local _,
      links = ask("GET", "EntityDefinitions(LogicalName='opportunity')/ManyToOneRelationships?"
      .. "$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName")
    local nav = {}
    for _, l in ipairs(links.value) do
      nav[l.ReferencingAttribute .. ">"
        .. l.ReferencedEntity] = l.ReferencingEntityNavigationPropertyName
    end
    t.eq({ nav["customerid>contact"], nav["ownerid>owner"],
      nav["msft_solutionarea>msft_solutionarea"] },
      { "customerid_contact", "ownerid", "msft_SolutionArea" })
    local _,
      many = ask("GET", "EntityDefinitions(LogicalName='opportunity')/OneToManyRelationships?"
      .. "$filter=ReferencingEntity%20eq%20'msft_microsoftsolution'")
    t.eq({ #many.value, many.value[1].ReferencingAttribute,
      many.value[1].ReferencingEntityNavigationPropertyName },
      { 1, "msft_opportunityid", "msft_OpportunityId" })
  end)

  case("metadata: finding tables; functions are refused", function()
    local _,
      own = ask("GET", "EntityDefinitions?$select=LogicalName&$filter=IsCustomEntity%20eq%20true")
    t.eq(#own.value, 6)
    local status, c = code("GET", "EntityDefinitions?$filter=startswith(LogicalName,'msft_')")
    t.eq({ status, c }, { 501, "0x8006088a" })
    t.eq(ask("GET", "EntityDefinitions(LogicalName='nothing')"), 404)
    act("define-key", { table = "account", columns = "accountnumber" })
    local _, keys = ask("GET", "EntityDefinitions(LogicalName='account')/Keys")
    t.eq(keys.value[1].KeyAttributes, { "accountnumber" })
  end)
end

-- The practice CRM against the acceptance list of the Dataverse reference (numbers are its lines):
-- reading and writing definitions. Solutions and web hooks are in sim_crm_solution_spec.lua.
local D = require "commands.spec.definitions"
local kit = require "sim.crm_kit"

local BASE, ask, code, act = kit.BASE, kit.ask, kit.code, kit.act
local CRM = "Microsoft.Dynamics.CRM."
local IN = { ["MSCRM.SolutionUniqueName"] = "xcs_cosell" }
local MERGE = { ["MSCRM.MergeLabels"] = "true", ["If-Match"] = "*" }
local LINKS = "EntityDefinitions(LogicalName='xcs_solutionlink')"
local DEAL = "EntityDefinitions(LogicalName='opportunity')"

local label, column, publisher = D.label, D.column, D.publisher
local new_table, options, lookup = D.new_table, D.options, D.lookup

return function(t)
  local function case(name, f)
    t.case(name, function()
      kit.fresh()
      publisher()
      f()
    end)
  end

  local function good(status, answer)
    t.ok(status < 300, json.encode(answer))
    return answer
  end

  local function refused(want_status, want_code, method, path, body, headers)
    local status, c = code(method, path, body, headers)
    t.eq({ status, c }, { want_status, want_code }, method .. " " .. path)
  end

  local function links()
    good(ask("POST", "EntityDefinitions", new_table("xcs_SolutionLink"), IN))
  end

  case("10.29 a table is made, read back and used at once", function()
    local status, text, headers = ask("POST", "EntityDefinitions", new_table("xcs_SolutionLink"),
      IN)
    t.eq({ status, text }, { 204, "" })
    local id = headers["odata-entityid"]:match("^" .. BASE:gsub("%p", "%%%0")
      .. "EntityDefinitions%((%x+%-[%x%-]+)%)$")
    t.ok(id, headers["odata-entityid"])
    local _, about = ask("GET", "EntityDefinitions(" .. id .. ")")
    t.eq({ about.LogicalName, about.SchemaName, about.EntitySetName, about.PrimaryIdAttribute,
      about.PrimaryNameAttribute, about.OwnershipType, about.ChangeTrackingEnabled,
      about.IsOptimisticConcurrencyEnabled, about.IsCustomEntity, about.IsManaged },
      { "xcs_solutionlink", "xcs_SolutionLink", "xcs_solutionlinks", "xcs_solutionlinkid",
        "xcs_name", "UserOwned", true, true, true, false })
    t.eq(about.Description.UserLocalizedLabel.Label, "Solutions of a deal")
    local _, list = ask("GET", LINKS .. "/Attributes?$select=LogicalName")
    local names = "," .. kit.names(list, "LogicalName") .. ","
    for _, name in ipairs({ "ownerid", "statecode", "statuscode", "createdon", "modifiedby",
      "versionnumber", "xcs_name", "xcs_solutionlinkid" }) do
      t.ok(names:find("," .. name .. ",", 1, true), name)
    end
    local _, shown = ask("GET", "systemforms?$select=formxml&$filter=objecttypecode%20eq%20"
      .. "'xcs_solutionlink'")
    t.ok(shown.value[1].formxml:find('datafieldname="xcs_name"', 1, true), "it has a form")
    local row = kit.make("xcs_solutionlinks", { xcs_name = "First" })
    t.eq({ row.statecode, row.xcs_name, #row._ownerid_value }, { 0, "First", 36 })
    t.eq(ask("GET", "xcs_solutionlinks?$filter=xcs_name%20eq%20'first'", nil,
      { Prefer = "odata.track-changes" }), 400, "no filter with tracking")
    t.eq(ask("GET", "xcs_solutionlinks", nil, { Prefer = "odata.track-changes" }), 200)
  end)

  case("10.29 set names are made in the plural", function()
    for name, set in pairs({ xcs_Country = "xcs_countries", xcs_Box = "xcs_boxes",
      xcs_Day = "xcs_days" }) do
      good(ask("POST", "EntityDefinitions", new_table(name)))
      local _, about = ask("GET", "EntityDefinitions(LogicalName='" .. name:lower()
        .. "')?$select=EntitySetName")
      t.eq(about.EntitySetName, set)
    end
  end)

  case("10.29 what a table lacks or has wrong is refused and leaves nothing", function()
    refused(400, "0x80044366", "POST", "EntityDefinitions", new_table("abc_Thing"))
    refused(400, "0x80044366", "POST", "EntityDefinitions", new_table("Thing"))
    for _, name in ipairs({ "DisplayName", "DisplayCollectionName", "OwnershipType", "HasNotes",
      "HasActivities", "IsActivity", "Attributes" }) do
      refused(400, "0x80040203", "POST", "EntityDefinitions", new_table("xcs_Thing",
        { [name] = json.null }))
    end
    refused(400, "0x80048d19", "POST", "EntityDefinitions", new_table("xcs_Thing",
      { Colour = "red" }))
    refused(400, "0x80044195", "POST", "EntityDefinitions", new_table("xcs_Thing",
      { DisplayName = { LocalizedLabels = json.array({ { Label = "x", LanguageCode = 1036 } }) } }))
    refused(400, "0x80048d19", "POST", "EntityDefinitions", "[]")
    refused(404, "0x80060888", "GET", "EntityDefinitions(LogicalName='xcs_thing')")
    links()
    refused(400, "0x8006088E", "POST", "EntityDefinitions", new_table("xcs_SolutionLink"))
    refused(405, "0x80060888", "PATCH", LINKS, { HasNotes = true })
    refused(405, "0x80060888", "PATCH", LINKS .. "/Attributes(LogicalName='xcs_name')", {})
    act("take-privilege", { privilege = "prvCreateEntity" })
    refused(403, "0x80040220", "POST", "EntityDefinitions", new_table("xcs_Thing"))
  end)

  case("10.29 columns of every kind, each read under its cast", function()
    links()
    good(ask("POST", "GlobalOptionSetDefinitions", { Name = "xcs_helpneeded",
      ["@odata.type"] = CRM .. "OptionSetMetadata", OptionSetType = "Picklist",
      DisplayName = label("Help needed"), Options = options("Value", "Demo") }, IN))
    local kinds = {
      { "String", "xcs_Code", { MaxLength = 40, FormatName = { Value = "Url" } },
        { MaxLength = 40, Format = "Url" } },
      { "Memo", "xcs_Text", { MaxLength = 5000, Format = "TextArea" }, { MaxLength = 5000 } },
      { "Boolean", "xcs_Flag", { DefaultValue = true, OptionSet = { OptionSetType = "Boolean",
        TrueOption = { Value = 1, Label = label("On") },
        FalseOption = { Value = 0, Label = label("Off") } } }, { DefaultValue = true } },
      { "Picklist", "xcs_Kind", { SourceTypeMask = 0, OptionSet = { IsGlobal = false,
        OptionSetType = "Picklist", Options = options("One", "Two") } }, {} },
      { "MultiSelectPicklist", "xcs_Help", { AttributeType = "Virtual",
        ["GlobalOptionSet@odata.bind"] = "/GlobalOptionSetDefinitions(Name='xcs_helpneeded')" },
        { AttributeType = "Virtual" } },
      { "Integer", "xcs_Count", { MinValue = 0, MaxValue = 9, Format = "None" },
        { MinValue = 0, MaxValue = 9 } },
      { "Decimal", "xcs_Share", { MinValue = 0, MaxValue = 1, Precision = 3 }, { Precision = 3 } },
      { "Money", "xcs_Price", { PrecisionSource = 2 }, { PrecisionSource = 2 } },
      { "DateTime", "xcs_Day", { Format = "DateOnly", DateTimeBehavior = { Value = "DateOnly" } },
        { Format = "DateOnly", DateTimeBehavior = { Value = "DateOnly" } } },
    }
    for _, k in ipairs(kinds) do
      local _, _, headers = ask("POST", LINKS .. "/Attributes", column(k[1], k[2], k[3]), IN)
      local id = (headers["odata-entityid"] or ""):match("/Attributes%((%x+%-[%x%-]+)%)$")
      t.ok(id, k[1])
      local _, one = ask("GET", LINKS .. "/Attributes(" .. id .. ")/" .. CRM .. k[1]
        .. "AttributeMetadata")
      t.eq({ one.LogicalName, one.SchemaName, one.IsCustomAttribute },
        { k[2]:lower(), k[2], true })
      t.eq(one.AttributeTypeName.Value, k[1] .. "Type")
      for name, value in pairs(k[4]) do t.eq(one[name], value, k[1] .. "." .. name) end
    end
    local at = LINKS .. "/Attributes(LogicalName='"
    local _, own = ask("GET", at .. "xcs_kind')/" .. CRM .. "PicklistAttributeMetadata?$select="
      .. "LogicalName&$expand=OptionSet,GlobalOptionSet")
    t.eq({ own.OptionSet.Options[2].Value, own.OptionSet.Options[2].Label.UserLocalizedLabel.Label,
      own.GlobalOptionSet }, { 727000001, "Two", json.null })
    local _, far = ask("GET", at .. "xcs_help')/" .. CRM .. "MultiSelectPicklistAttributeMetadata"
      .. "?$select=LogicalName&$expand=OptionSet,GlobalOptionSet")
    t.eq({ far.OptionSet, far.GlobalOptionSet.Name, #far.GlobalOptionSet.Options },
      { json.null, "xcs_helpneeded", 2 })
    t.eq(ask("GET", at .. "xcs_kind')/" .. CRM .. "StringAttributeMetadata"), 404)
    t.eq(ask("GET", at .. "xcs_code')?$select=MaxLength"), 400, "needs the cast")
    local row = kit.make("xcs_solutionlinks", { xcs_code = "https://x.example", xcs_text = "long",
      xcs_kind = 727000001, xcs_help = "727000001, 727000000", xcs_count = 9, xcs_share = 0.125,
      xcs_price = 12.5, xcs_day = "2031-02-03" })
    t.eq({ row.xcs_flag, row.xcs_kind, row.xcs_help, row.xcs_count, tostring(row.xcs_share),
      kit.number(row.xcs_price_base), row.xcs_day },
      { true, 727000001, "727000000,727000001", 9, "0.125", 12.5, "2031-02-03" })
    t.ok(row._transactioncurrencyid_value ~= json.null, "money brought its currency")
    refused(400, "0x8004432F", "POST", "xcs_solutionlinks", { xcs_count = 10 })
    refused(400, "0x80044331", "POST", "xcs_solutionlinks", { xcs_code = ("x"):rep(41) })
  end)

  case("10.29 columns that are refused; a column of a shipped table", function()
    links()
    local at = LINKS .. "/Attributes"
    refused(400, "0x80044366", "POST", at, column("String", "abc_Code", { MaxLength = 10 }))
    refused(400, "0x80047013", "POST", at, column("String", "xcs_Name", { MaxLength = 10 }))
    refused(400, "0x8004701e", "POST", at, column("String", "xcs_Other",
      { MaxLength = 10, IsPrimaryName = true }))
    refused(400, "0x80040203", "POST", at, column("String", "xcs_Code", { MaxLength = 4001 }))
    refused(400, "0x80040203", "POST", at, column("Memo", "xcs_Code", { MaxLength = 1048577 }))
    refused(400, "0x80040203", "POST", at, column("Lookup", "xcs_Code"))
    refused(400, "0x80040203", "POST", at, column("String", "xcs_Code",
      { AttributeType = "Memo" }))
    refused(400, "0x80048d19", "POST", at, { SchemaName = "xcs_Code", DisplayName = label("x") })
    refused(400, "0x80048d19", "POST", at, column("String", "xcs_Code", { Precision = 2 }))
    refused(400, "0x80044310", "POST", at, column("Picklist", "xcs_Kind", { OptionSet = { Options =
      json.array({ { Value = 1, Label = label("a") }, { Value = 1, Label = label("b") } }) } }))
    refused(400, "0x80041103", "POST", DEAL .. "/Keys", { SchemaName = "xcs_K",
      DisplayName = label("k"), KeyAttributes = json.array({ "xcs_code" }) })
    good(ask("POST", DEAL .. "/Attributes", column("String", "xcs_ReferralId",
      { MaxLength = 40 }), IN))
    local deal = kit.deal({ name = "D", xcs_referralid = "r-1" })
    local _, row = ask("GET", "opportunities(" .. deal.opportunityid .. ")?$select=xcs_referralid")
    t.eq(row.xcs_referralid, "r-1")
    t.eq(ask("DELETE", DEAL .. "/Attributes(LogicalName='xcs_referralid')"), 204)
    refused(400, "0x0", "GET", "opportunities?$select=xcs_referralid")
    good(ask("POST", DEAL .. "/Attributes", column("String", "xcs_ReferralId",
      { MaxLength = 40 })))
    _, row = ask("GET", "opportunities(" .. deal.opportunityid .. ")?$select=xcs_referralid")
    t.eq(row.xcs_referralid, json.null, "what stood in it is gone")
    refused(400, "0x8004F01F", "DELETE", DEAL .. "/Attributes(LogicalName='name')")
    refused(400, "0x8004F01F", "DELETE", DEAL)
    local _, list = ask("GET", "EntityDefinitions?$select=LogicalName&$filter=OwnershipType%20eq%20"
      .. "Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'%20and%20IsManaged%20eq%20false%20and%20"
      .. "CanChangeTrackingBeEnabled/Value%20eq%20true")
    t.eq(kit.names(list, "LogicalName"), "xcs_solutionlink")
  end)

  case("10.29 PUT replaces a definition; labels of other languages stay when merged", function()
    links()
    local path = LINKS .. "/Attributes(LogicalName='xcs_name')"
    local function put(text, headers)
      local _, whole = ask("GET", path)
      whole["@odata.context"] = nil
      whole.DisplayName, whole.MaxLength = label(text[1], text[2]), text.max or whole.MaxLength
      good(ask("PUT", path, whole, headers))
      good(ask("POST", "PublishAllXml"))
      local _, after = ask("GET", path)
      local out = {}
      for _, l in ipairs(after.DisplayName.LocalizedLabels) do out[l.LanguageCode] = l.Label end
      return { out[1033], out[1041] or "none" }, after.MaxLength
    end
    local texts, max = put({ "Title", "題名", max = 60 }, MERGE)
    t.eq({ texts, max }, { { "Title", "題名" }, 60 })
    t.eq(put({ "Heading" }, MERGE), { "Heading", "題名" }, "merged")
    t.eq(put({ "Title" }, {}), { "Title", "none" }, "not merged")
    refused(400, "0x80044331", "POST", "xcs_solutionlinks", { xcs_name = ("x"):rep(61) })
    local _, whole = ask("GET", path)
    whole["@odata.type"] = nil
    t.eq(ask("PUT", path .. "/" .. CRM .. "StringAttributeMetadata", whole, MERGE), 204)
    refused(400, "0x80048d19", "PUT", path, whole)
    whole["@odata.type"] = CRM .. "MemoAttributeMetadata"
    refused(400, "0x80040203", "PUT", path, whole)
    t.eq(ask("PUT", LINKS .. "/Attributes(LogicalName='xcs_no')", whole), 404)
  end)

  case("10.29 change tracking is switched on for a table that has none", function()
    links()
    good(ask("POST", "EntityDefinitions", new_table("xcs_Plain",
      { ChangeTrackingEnabled = false })))
    local path, track = "EntityDefinitions(LogicalName='xcs_plain')",
      { Prefer = "odata.track-changes" }
    refused(400, "0x80072491", "GET", "xcs_plains", nil, track)
    local row = kit.make("xcs_plains", { xcs_name = "x" })
    local _, whole = ask("GET", path)
    t.eq(whole.CanChangeTrackingBeEnabled.Value, true)
    whole.ChangeTrackingEnabled = true
    good(ask("PUT", path, whole, MERGE))
    local _, list = ask("GET", "EntityDefinitions?$select=LogicalName&$filter=IsCustomEntity%20eq"
      .. "%20true%20and%20IsManaged%20eq%20false%20and%20ChangeTrackingEnabled%20eq%20true")
    t.eq(kit.names(list, "LogicalName"), "xcs_plain,xcs_solutionlink")
    local _, first = ask("GET", "xcs_plains", nil, track)
    ask("DELETE", "xcs_plains(" .. row.xcs_plainid .. ")")
    local _, delta = ask("GET", first["@odata.deltaLink"])
    t.eq({ #delta.value, delta.value[1].reason }, { 1, "deleted" })
    good(ask("POST", path .. "/Attributes", column("Integer", "xcs_Count")))
    refused(400, "0x80044352", "GET", delta["@odata.deltaLink"])
  end)

  case("10.29 option sets: global and local, values added, changed, ordered, taken away", function()
    local set = { Name = "xcs_help", ["@odata.type"] = CRM .. "OptionSetMetadata",
      DisplayName = label("Help"), Options = options("A", "B") }
    set.Options[3] = { Value = json.null, Label = label("C") }
    local status, _, headers = ask("POST", "GlobalOptionSetDefinitions", set, IN)
    t.eq(status, 204)
    t.ok(headers["odata-entityid"]:find("/GlobalOptionSetDefinitions%(%x+%-"), "an address")
    refused(400, "0x80044345", "POST", "GlobalOptionSetDefinitions", set)
    local path = "GlobalOptionSetDefinitions(Name='xcs_help')"
    local function shown()
      local _, one = ask("GET", path .. "/" .. CRM .. "OptionSetMetadata")
      local out = {}
      for i, o in ipairs(one.Options) do
        out[i] = o.Value % 1000 .. o.Label.UserLocalizedLabel.Label
      end
      return table.concat(out, " ")
    end
    t.eq(shown(), "0A 1B 2C", "a value of the publisher's prefix")
    local _, new = ask("POST", "InsertOptionValue", { OptionSetName = "xcs_help",
      Label = label("D"), SolutionUniqueName = "xcs_cosell" })
    t.eq(new.NewOptionValue, 727000003)
    t.eq(ask("POST", "UpdateOptionValue", { OptionSetName = "xcs_help", Value = 727000001,
      Label = label("Bee"), MergeLabels = true }), 204)
    t.eq(ask("POST", "DeleteOptionValue", { OptionSetName = "xcs_help", Value = 727000000 }), 204)
    t.eq(ask("POST", "OrderOption", { OptionSetName = "xcs_help",
      Values = json.array({ 727000003, 727000002, 727000001 }) }), 204)
    t.eq(shown(), "3D 2C 1Bee")
    refused(400, "0x80044310", "POST", "InsertOptionValue", { OptionSetName = "xcs_help",
      Value = 727000003, Label = label("E") })
    links()
    good(ask("POST", LINKS .. "/Attributes", column("Picklist", "xcs_Help",
      { ["GlobalOptionSet@odata.bind"] = "/" .. path })))
    refused(400, "0x8004F01F", "DELETE", path)
    ask("POST", "InsertOptionValue", { OptionSetName = "xcs_help", Value = 727000009,
      Label = label("Z") })
    t.eq(kit.make("xcs_solutionlinks", { xcs_help = 727000009 }).xcs_help, 727000009)
    good(ask("PUT", path, { Name = "xcs_help", DisplayName = label("Help needed") }, MERGE))
    local _, one = ask("GET", path)
    t.eq({ one.DisplayName.UserLocalizedLabel.Label, #one.Options }, { "Help needed", 4 })
    _, new = ask("POST", "InsertOptionValue", { EntityLogicalName = "opportunity",
      AttributeLogicalName = "opportunityratingcode", Value = 4, Label = label("Icy") })
    t.eq({ new.NewOptionValue, kit.deal({ opportunityratingcode = 4 }).opportunityratingcode },
      { 4, 4 })
    t.eq(ask("DELETE", LINKS .. "/Attributes(LogicalName='xcs_help')"), 204)
    t.eq(ask("DELETE", path), 204)
    t.eq(ask("GET", path), 404)
  end)

  case("10.29 a 1:N relationship makes a look-up with navigation on both sides", function()
    links()
    local status, _, headers = ask("POST", "RelationshipDefinitions", lookup(), IN)
    t.eq(status, 204)
    t.ok(headers["odata-entityid"]:find("/RelationshipDefinitions%(%x+%-"), "an address")
    local _, one = ask("GET", "RelationshipDefinitions(SchemaName='xcs_opportunity_solutionlink')/"
      .. CRM .. "OneToManyRelationshipMetadata")
    t.eq({ one.ReferencingEntityNavigationPropertyName, one.ReferencedEntityNavigationPropertyName,
      one.ReferencingAttribute, one.CascadeConfiguration.Delete },
      { "xcs_Opportunity", "xcs_opportunity_solutionlink", "xcs_opportunity", "Cascade" })
    local _, many = ask("GET", LINKS .. "/ManyToOneRelationships?$select=SchemaName&$filter="
      .. "ReferencingAttribute%20eq%20'xcs_opportunity'")
    t.eq(#many.value, 1)
    local deal = kit.deal({ name = "Linked" })
    local row = kit.make("xcs_solutionlinks", { xcs_name = "L",
      ["xcs_Opportunity@odata.bind"] = "/opportunities(" .. deal.opportunityid .. ")" })
    t.eq(row._xcs_opportunity_value, deal.opportunityid)
    local at = "opportunities(" .. deal.opportunityid .. ")"
    local _, whole = ask("GET", at .. "?$select=name&$expand=xcs_opportunity_solutionlink("
      .. "$select=xcs_name)")
    t.eq(whole.xcs_opportunity_solutionlink[1].xcs_name, "L")
    t.eq(ask("DELETE", at), 204)
    t.eq(ask("GET", "xcs_solutionlinks(" .. row.xcs_solutionlinkid .. ")"), 404, "it cascades")
    refused(400, "0x8004432B", "POST", "RelationshipDefinitions", lookup())
    refused(400, "0x80047013", "POST", "RelationshipDefinitions",
      lookup({ SchemaName = "xcs_second" }))
    refused(400, "0x80044366", "POST", "RelationshipDefinitions",
      lookup({ SchemaName = "abc_second" }))
    refused(400, "0x80041102", "POST", "RelationshipDefinitions",
      lookup({ SchemaName = "xcs_second", ReferencedEntity = "nothing" }))
    local path = "RelationshipDefinitions(SchemaName='xcs_opportunity_solutionlink')"
    one.CascadeConfiguration.Delete = "Restrict"
    t.eq(ask("PUT", path, one, MERGE), 204)
    deal = kit.deal({ name = "Held" })
    kit.make("xcs_solutionlinks", { ["xcs_Opportunity@odata.bind"] = "/opportunities("
      .. deal.opportunityid .. ")" })
    refused(405, "0x80040227", "DELETE", "opportunities(" .. deal.opportunityid .. ")")
    t.eq(ask("DELETE", path), 204)
    t.eq(ask("GET", LINKS .. "/Attributes(LogicalName='xcs_opportunity')"), 404)
  end)

  case("10.29 an N:N relationship is linked by $ref and leaves both rows as they are", function()
    links()
    good(ask("POST", "RelationshipDefinitions", {
      ["@odata.type"] = CRM .. "ManyToManyRelationshipMetadata", SchemaName = "xcs_account_link",
      Entity1LogicalName = "account", Entity2LogicalName = "xcs_solutionlink",
      IntersectEntityName = "xcs_account_link", Entity1NavigationPropertyName = "xcs_links",
      Entity2NavigationPropertyName = "xcs_accounts" }, IN))
    local _, list = ask("GET", LINKS .. "/ManyToManyRelationships")
    t.eq({ #list.value, list.value[1].IntersectEntityName, list.value[1]
      .Entity1NavigationPropertyName }, { 1, "xcs_account_link", "xcs_links" })
    local account = kit.make("accounts", { name = "A" })
    local link = kit.make("xcs_solutionlinks", { xcs_name = "L" })
    local ref = { ["@odata.id"] = BASE .. "xcs_solutionlinks(" .. link.xcs_solutionlinkid .. ")" }
    local at = "accounts(" .. account.accountid .. ")"
    t.eq(ask("POST", at .. "/xcs_links/$ref", ref), 204)
    refused(412, "0x80040237", "POST", at .. "/xcs_links/$ref", ref)
    local _, there = ask("GET", at .. "/xcs_links?$select=xcs_name")
    t.eq(kit.names(there, "xcs_name"), "L")
    local _, back = ask("GET", "xcs_solutionlinks?$select=xcs_name&$expand=xcs_accounts("
      .. "$select=name)&$filter=xcs_accounts/any(a:a/name%20eq%20'A')")
    t.eq({ #back.value, back.value[1].xcs_accounts[1].name }, { 1, "A" })
    local _, same = ask("GET", at)
    t.eq(same["@odata.etag"], account["@odata.etag"])
    t.eq(ask("POST", "xcs_account_linkset", {}), 405, "nobody writes the rows between")
    local path = "EntityDefinitions(LogicalName='xcs_account_link')"
    local _, between = ask("GET", path)
    t.eq({ between.IsIntersect, between.ChangeTrackingEnabled }, { true, true })
    local _, side = ask("GET", LINKS)
    side.ChangeTrackingEnabled, between.ChangeTrackingEnabled = false, false
    good(ask("PUT", path, between))
    good(ask("PUT", LINKS, side))
    between.ChangeTrackingEnabled = true
    refused(400, "0x80072492", "PUT", path, between)
    t.eq(ask("DELETE", at .. "/xcs_links(" .. link.xcs_solutionlinkid .. ")/$ref"), 204)
    _, there = ask("GET", at .. "/xcs_links")
    t.eq(#there.value, 0)
    t.eq(ask("DELETE", "RelationshipDefinitions(SchemaName='xcs_account_link')"), 204)
    t.eq(ask("GET", at .. "/xcs_links"), 404)
  end)

  case("10.29 an alternate key counts when its index is built", function()
    links()
    good(ask("POST", LINKS .. "/Attributes", column("String", "xcs_Code", { MaxLength = 40 })))
    local body = { ["@odata.type"] = CRM .. "EntityKeyMetadata", SchemaName = "xcs_CodeKey",
      DisplayName = label("Code"), KeyAttributes = json.array({ "xcs_code" }) }
    local status, _, headers = ask("POST", LINKS .. "/Keys", body, IN)
    t.eq(status, 204)
    t.ok(headers["odata-entityid"]:find("/Keys%(%x+%-"), "an address")
    refused(400, "0x80060893", "POST", LINKS .. "/Keys", body)
    local path = LINKS .. "/Keys(LogicalName='xcs_codekey')"
    local function now()
      local _, key = ask("GET", path .. "?$select=EntityKeyIndexStatus")
      return key.EntityKeyIndexStatus
    end
    local began = kit.now
    t.eq(now(), "Pending")
    refused(400, "0x80060888", "PATCH", "xcs_solutionlinks(xcs_code='a')", { xcs_name = "A" })
    kit.now = began + 2000
    t.eq(now(), "InProgress")
    kit.now = began + 3000
    t.eq(now(), "Active")
    t.eq(ask("PATCH", "xcs_solutionlinks(xcs_code='a')", { xcs_name = "A" }), 204)
    refused(412, "0x80060892", "POST", "xcs_solutionlinks", { xcs_code = "A" })
    refused(400, "0x8004F01F", "DELETE", LINKS .. "/Attributes(LogicalName='xcs_code')")
    t.eq(ask("DELETE", path), 204)
    kit.make("xcs_solutionlinks", { xcs_code = "A" })
    good(ask("POST", LINKS .. "/Keys", body))
    kit.now = began + 9000
    t.eq(now(), "Failed", "two rows stand against it")
    local _, twins = ask("GET", "xcs_solutionlinks")
    ask("DELETE", "xcs_solutionlinks(" .. twins.value[1].xcs_solutionlinkid .. ")")
    t.eq(ask("POST", "ReactivateEntityKey", { EntityLogicalName = "xcs_solutionlink",
      EntityKeyLogicalName = "xcs_codekey" }), 204)
    kit.now = began + 20000
    t.eq(now(), "Active")
    kit.now = began
    body.SchemaName, body.KeyAttributes = "xcs_Wide", json.array({ "xcs_name", "xcs_code" })
    good(ask("POST", LINKS .. "/Attributes", column("String", "xcs_Long", { MaxLength = 500 })))
    body.KeyAttributes[3] = "xcs_long"
    refused(400, "0x80040203", "POST", LINKS .. "/Keys", body)
  end)

  case("10.29 the solution named in the header gets what is made, and loses what goes", function()
    links()
    good(ask("POST", LINKS .. "/Attributes", column("String", "xcs_Code", { MaxLength = 40 }), IN))
    good(ask("POST", "RelationshipDefinitions", lookup(), IN))
    good(ask("POST", LINKS .. "/Keys", { SchemaName = "xcs_CodeKey", DisplayName = label("Code"),
      KeyAttributes = json.array({ "xcs_code" }) }, IN))
    good(ask("POST", LINKS .. "/Attributes", column("String", "xcs_Loose", { MaxLength = 40 })))
    local function kinds()
      local _, list = ask("GET", "solutioncomponents?$select=componenttype,objectid&$filter="
        .. "solutionid/uniquename%20eq%20'xcs_cosell'&$orderby=componenttype")
      return kit.names(list, "componenttype"), list
    end
    local text, list = kinds()
    t.eq(text, "1,2,2,10,14")
    local _, about = ask("GET", LINKS .. "?$select=LogicalName")
    t.eq(list.value[1].objectid, about.MetadataId)
    refused(400, "0x80040203", "POST", LINKS .. "/Attributes", column("String", "xcs_More",
      { MaxLength = 40 }), { ["MSCRM.SolutionUniqueName"] = "nothing" })
    local _, loose = ask("GET", LINKS .. "/Attributes(LogicalName='xcs_loose')")
    t.eq(ask("POST", "AddSolutionComponent", { ComponentId = loose.MetadataId, ComponentType = 2,
      SolutionUniqueName = "xcs_cosell", AddRequiredComponents = false }), 200)
    t.eq(kinds(), "1,2,2,2,10,14")
    t.eq(ask("DELETE", LINKS .. "/Attributes(LogicalName='xcs_loose')"), 204)
    t.eq(kinds(), "1,2,2,10,14")
    good(ask("POST", "EntityDefinitions", new_table("xcs_Area"), IN))
    good(ask("POST", "RelationshipDefinitions", lookup({ SchemaName = "xcs_area_lead",
      ReferencedEntity = "xcs_area", ReferencedAttribute = "xcs_areaid", ReferencingEntity = "lead",
      Lookup = D.column("Lookup", "xcs_Area") }), IN))
    t.eq(kinds(), "1,1,2,2,2,10,10,14")
    t.eq(ask("DELETE", "EntityDefinitions(LogicalName='xcs_area')"), 204)
    t.eq(kinds(), "1,2,2,10,14", "what led there went with it")
    t.eq(ask("POST", "solutioncomponents", {}), 405, "nobody writes them by hand")
    refused(400, "0x80044366", "POST", "publishers", { uniquename = "p", friendlyname = "p",
      customizationprefix = "mscrm", customizationoptionvalueprefix = 10001 })
    refused(400, "0x80048402", "POST", "publishers", { uniquename = "p", friendlyname = "p",
      customizationprefix = "abc", customizationoptionvalueprefix = 999 })
  end)

  case("10.29 $metadata is a CSDL document of what there is", function()
    links()
    good(ask("POST", "RelationshipDefinitions", lookup()))
    local status, text, headers = ask("GET", "$metadata", nil, { Accept = "application/xml" })
    t.eq({ status, headers["content-type"] }, { 200, "application/xml" })
    t.ok(text:find('<EntityType Name="xcs_solutionlink" BaseType="mscrm.crmbaseentity">', 1, true),
      "the type")
    t.ok(text:find('<Property Name="_xcs_opportunity_value" Type="Edm.Guid"', 1, true), "look-up")
    t.ok(text:find('<NavigationProperty Name="xcs_Opportunity" Type="mscrm.opportunity"', 1, true),
      "navigation")
    t.ok(text:find('<EntitySet Name="xcs_solutionlinks" EntityType="Microsoft.Dynamics.CRM.xcs_'
      .. 'solutionlink">', 1, true), "the set")
    local open, close = 0, 0
    for _ in text:gmatch("<[%a][^>]*[^/]>") do open = open + 1 end
    for _ in text:gmatch("</") do close = close + 1 end
    t.eq(open, close, "every element is closed")
  end)

  case("10.29 what was defined is there again after a start; what is deleted is gone", function()
    links()
    good(ask("POST", "RelationshipDefinitions", lookup()))
    local row = kit.make("xcs_solutionlinks", { xcs_name = "Kept" })
    kit.restart()
    local _, again = ask("GET", "xcs_solutionlinks(" .. row.xcs_solutionlinkid .. ")")
    t.eq(again.xcs_name, "Kept")
    t.eq(ask("GET", LINKS .. "/Attributes(LogicalName='xcs_opportunity')"), 200)
    t.eq(ask("DELETE", LINKS), 204)
    t.eq(ask("GET", LINKS), 404)
    refused(404, "0x8006088a", "GET", "xcs_solutionlinks")
    local _, filters = ask("GET", "sdkmessagefilters?$filter=primaryobjecttypecode%20eq%20"
      .. "'xcs_solutionlink'")
    t.eq(#filters.value, 0)
    links()
    local _, list = ask("GET", "xcs_solutionlinks")
    t.eq(#list.value, 0, "its rows went with it")
  end)

  case("10.29 bodies of the wrong shape are refused and define nothing", function()
    links()
    local before = #host.docs.find("crm_defined", { most = 1000 })
    local at = LINKS .. "/Attributes"
    local whole = D.column("String", "xcs_Code", { MaxLength = 9 })
    for _, wrong in ipairs({ 5.5, true, json.array({ 5 }), { Value = 5 },
      { LocalizedLabels = 5 } }) do
      refused(400, "0x80048d19", "POST", "GlobalOptionSetDefinitions",
        { Name = "xcs_set", DisplayName = wrong, Options = options("A") })
      t.eq(code("POST", "EntityDefinitions", new_table("xcs_New", { Attributes = wrong })), 400)
      t.eq(code("POST", "RelationshipDefinitions", lookup({ Lookup = wrong })), 400)
      t.eq(code("POST", LINKS .. "/Keys", { SchemaName = "xcs_K", DisplayName = D.label("k"),
        KeyAttributes = wrong }), 400)
      for _, name in ipairs({ "SchemaName", "DisplayName", "AttributeType", "MaxLength",
        "AttributeTypeName", "@odata.type" }) do
        local good_one = whole[name]
        whole[name] = wrong
        t.eq(code("POST", at, whole), 400, name .. " " .. json.encode({ wrong }))
        whole[name] = good_one
      end
    end
    for _, text in ipairs({ "", "null", "5", "{", '"x"' }) do
      refused(400, "0x80048d19", "POST", at, text)
    end
    for _, method in ipairs({ "GET", "POST", "PUT", "DELETE" }) do
      t.ok(code(method, "EntityDefinitions/$count", {}) >= 404, method)
    end
    t.eq(#host.docs.find("crm_defined", { most = 1000 }), before)
  end)

  case("10.29 a backup holds the definitions too", function()
    links()
    local row = kit.make("xcs_solutionlinks", { xcs_name = "Kept" })
    act("backup")
    t.eq(ask("DELETE", LINKS), 204)
    good(ask("POST", "EntityDefinitions", new_table("xcs_Later")))
    act("restore-backup")
    local _, again = ask("GET", "xcs_solutionlinks(" .. row.xcs_solutionlinkid .. ")")
    t.eq({ again.xcs_name, again["@odata.etag"] }, { "Kept", row["@odata.etag"] })
    t.eq(ask("GET", "EntityDefinitions(LogicalName='xcs_later')"), 404)
  end)

  case("10.29 a failed change set defines nothing", function()
    local set = kit.change_set({
      kit.part("POST", kit.ROOT .. "EntityDefinitions", new_table("xcs_SolutionLink"), nil, "1"),
      kit.part("POST", kit.ROOT .. "EntityDefinitions", new_table("abc_Other"), nil, "2") })
    kit.batch({ set })
    t.eq(ask("GET", LINKS), 404)
  end)
end

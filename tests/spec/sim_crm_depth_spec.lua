-- The practice CRM against the acceptance list (numbers are its lines): rows inside rows, links of
-- every kind, keys, queries and batches beyond what the other sim_crm specs hold.
local kit = require "sim.crm_kit"
local schema = require "sim.crm_schema"
local store = require "sim.crm_store"

local ROOT, BASE, REPRESENT = kit.ROOT, kit.BASE, kit.REPRESENT
local ask, code, make, deal, act = kit.ask, kit.code, kit.make, kit.deal, kit.act
local part, change_set, batch, names, found = kit.part, kit.change_set, kit.batch, kit.names,
  kit.found
local TRACK = { Prefer = "odata.track-changes" }

local function account(row) return "accounts(" .. row.accountid .. ")" end

local function rows_of(logical)
  local n = 0
  for _ in store.each(schema.tables[logical]) do n = n + 1 end
  return n
end

local function query(text) return (text:gsub(" ", "%%20")) end

-- ---- 10.4 to 10.16: rows ----

local function single_rows(case, t)
  case("10.4 the answer's address follows the host that was asked", function()
    local sim_host = kit.ORIGIN:match("^http://(.*)$")
    local _, _, headers = ask("POST", "accounts", { name = "A" })
    t.has(headers["odata-entityid"], "http://" .. sim_host .. ROOT .. "accounts(")
    t.eq(headers.location, headers["odata-entityid"])
  end)

  case("10.4 a create may expand what it answers", function()
    local parent = make("accounts", { name = "Parent" })
    local status, row = ask("POST", "opportunities?$select=name&$expand=parentaccountid"
      .. "($select=name)", { name = "D", ["parentaccountid@odata.bind"] = "/" .. account(parent) },
      REPRESENT)
    t.eq({ status, row.parentaccountid.name }, { 201, "Parent" })
  end)

  case("10.9 keys of several columns; the body of an upsert by key", function()
    act("define-key", { table = "contact", columns = { "lastname", "emailaddress1" },
      name = "both" })
    act("define-key", { table = "account", columns = { "accountnumber" }, name = "number" })
    local path = "contacts(emailaddress1='a@b.example',lastname='O''Neil')"
    t.eq((ask("PATCH", path, { firstname = "Mo" })), 204)
    local _, row = ask("GET", "contacts(lastname='o''neil',emailaddress1='A@B.example')")
    t.eq({ row.fullname, row.lastname }, { "Mo O'Neil", "O'Neil" })
    t.eq(code("GET", "contacts(lastname='O''Neil')"), 400, "half a key")
    local one = { ["If-None-Match"] = "null", Prefer = "return=representation" }
    _, row = ask("PATCH", "accounts(accountnumber='A1')", { name = "x",
      accountnumber = "A2" }, one)
    t.eq(row.accountnumber, "A2", "on create the body wins")
    _, row = ask("PATCH", "accounts(accountnumber='A2')", { name = "y",
      accountnumber = "A3" }, one)
    t.eq({ row.accountnumber, row.name }, { "A2", "y" }, "on update the key wins")
    for _, c in ipairs { "/", "<", ">", "*", "%25", "&", ":", "\\", "?", "%2B" } do
      t.eq(code("GET", "accounts(accountnumber='A" .. c:gsub("[/?&<>\\]", function(ch)
        return string.format("%%%02X", ch:byte())
      end) .. "1')"), 400, c)
    end
  end)

  case("10.10 the key's violation names key, columns and holder; a PATCH counts as well", function()
    act("define-key", { table = "account", columns = { "accountnumber" }, name = "number" })
    local row = make("accounts", { name = "A", accountnumber = "A1" })
    local status, answer = ask("PATCH", account(make("accounts", { name = "B" })),
      { accountnumber = "a1" })
    t.eq({ status, answer.error.code }, { 412, "0x80060892" }, "case makes no difference")
    for _, text in ipairs { "number", "accountnumber", "account", row.accountid } do
      t.has(answer.error.message, text)
    end
    t.eq((ask("PATCH", account(row), { accountnumber = "A1" })), 204, "its own value")
  end)

  -- A choices column of the customer's, while run lasts.
  local function with_choices(run)
    local c = { type = "MultiSelectPicklist", logical = "aoba_segments", schema = "aoba_segments",
      table = "account", read = "aoba_segments", options = { { value = 1, label = "Retail" },
        { value = 2, label = "Public" }, { value = 10, label = "Health" } } }
    local accounts = schema.tables.account
    accounts.columns.aoba_segments = c
    accounts.order[#accounts.order + 1] = c.logical
    local ok, err = pcall(run)
    accounts = schema.tables.account
    accounts.columns.aoba_segments = nil
    for i, name in ipairs(accounts.order) do
      if name == c.logical then table.remove(accounts.order, i) end
    end
    if not ok then error(err, 0) end
  end

  case("10.13 choices take spaces and come sorted, without them", function()
    with_choices(function()
      local row = make("accounts", { name = "A", aoba_segments = "10, 2" })
      t.eq(row.aoba_segments, "2,10")
      local _, shown = ask("GET", account(row), nil,
        { Prefer = 'odata.include-annotations="*"' })
      t.eq(shown["aoba_segments@OData.Community.Display.V1.FormattedValue"], "Public; Health")
      local _, c = code("PATCH", account(row), { aoba_segments = "1,3" })
      t.eq(c, "0x8004431A")
      _, c = code("PATCH", account(row), { aoba_segments = 1 })
      t.eq(c, "0x80048d19")
      _, row = ask("PATCH", account(row), { aoba_segments = json.null }, REPRESENT)
      t.eq(row.aoba_segments, json.null)
    end)
  end)

  case("10.17 ContainValues and DoesNotContainValues on choices", function()
    with_choices(function()
      make("accounts", { name = "A", aoba_segments = "1,2" })
      make("accounts", { name = "B", aoba_segments = "10" })
      local f = "Microsoft.Dynamics.CRM.%s(PropertyName='aoba_segments',PropertyValues=['%s'])"
      t.eq(found(f:format("ContainValues", "2")), "A")
      t.eq(found(f:format("ContainValues", "1','10")), "A,B")
      t.eq(found(query("startswith(name,'A') and " .. f:format("DoesNotContainValues", "10"))), "A")
    end)
  end)

  case("10.13 an empty text is null; limits themselves are allowed", function()
    local row = make("accounts", { name = "A", telephone1 = "" })
    t.eq(row.telephone1, json.null)
    t.eq((ask("POST", "accounts", { name = ("x"):rep(160), numberofemployees = 1000000000 })), 204)
    t.eq((ask("POST", "opportunities", { closeprobability = 100, estimatedvalue = 1e12 })), 204)
    local _, c = code("POST", "opportunities", { closeprobability = -1 })
    t.eq(c, "0x8004432F")
    _, c = code("POST", "opportunities", { statuscode = 99 })
    t.eq(c, "0x8004431A")
  end)

  case("10.14 a moment keeps whole seconds; a day is given back as a day", function()
    local row = deal({ overriddencreatedon = "2030-12-31T23:59:59.999Z",
      finaldecisiondate = "2032-02-29" })
    t.eq({ row.createdon, row.finaldecisiondate }, { "2030-12-31T23:59:59Z", "2032-02-29" })
    local _, c = code("POST", "opportunities", { overriddencreatedon = "2031-01-01" })
    t.eq(c, "0x80048d19")
    _, c = code("POST", "opportunities", { overriddencreatedon = "1700-01-01T00:00:00Z" })
    t.eq(c, "0x80040239")
  end)

  case("10.15 a read-only column in an update is ignored, the rest is written", function()
    local row = make("accounts", { name = "A" })
    local status, after = ask("PATCH", account(row), { name = "B", createdon =
      "2000-01-01T00:00:00Z", revenue_base = 7, owninguser = json.null }, REPRESENT)
    t.eq({ status, after.name, after.createdon, after.revenue_base },
      { 200, "B", row.createdon, json.null })
  end)

  case("10.16 the key and the tag always come, of a list too", function()
    make("accounts", { name = "A", revenue = 5 })
    local _, list = ask("GET", "accounts?$select=revenue&$filter=name%20eq%20'A'")
    local row, seen = list.value[1], {}
    for name in pairs(row) do seen[#seen + 1] = name end
    table.sort(seen)
    t.eq(seen, { "@odata.etag", "_transactioncurrencyid_value", "accountid", "revenue" })
  end)
end

-- ---- 10.17 to 10.21: queries ----

local function queries(case, t)
  case("10.17 column against column, any and all, order by an alias, moments", function()
    local parent = make("accounts", { name = "P", description = "mine" })
    make("accounts", { name = "Same", description = "same", address1_city = "SAME" })
    make("accounts", { name = "Q", description = "mine" })
    local bind = "/" .. account(parent)
    deal({ name = "D1", estimatedvalue = 10, budgetamount = 20,
      ["parentaccountid@odata.bind"] = bind })
    deal({ name = "D2", estimatedvalue = 30, budgetamount = 20,
      ["parentaccountid@odata.bind"] = bind })
    t.eq(found(query("description eq address1_city")), "Same")
    local function deals(text)
      local _, list = ask("GET", "opportunities?$orderby=name&$filter=" .. query(text))
      return list.value and names(list, "name") or list.error.code
    end
    t.eq(deals("estimatedvalue gt budgetamount"), "D2")
    t.eq(deals("parentaccountid/description eq 'MINE' and name ne 'D1'"), "D2")
    local _, list = ask("GET", "opportunities?$orderby=@p1%20desc&@p1=name")
    t.eq(names(list, "name"), "D2,D1")
    t.eq(found(query("opportunity_parent_account/any()")), "P")
    t.eq(found(query("opportunity_parent_account/any(o:o/estimatedvalue gt 20 and "
      .. "o/name eq 'd2')")), "P")
    t.eq(found(query("opportunity_parent_account/all(o:o/estimatedvalue gt 20) and "
      .. "description eq 'mine'")), "Q")
    local crm = "Microsoft.Dynamics.CRM."
    t.eq(deals(crm .. "Between(PropertyName='estimatedvalue',PropertyValues=['10','20'])"), "D1")
    t.eq(deals(crm .. "OnOrAfter(PropertyName='modifiedon',PropertyValue='2030-01-01')"), "D1,D2")
    t.eq(deals(crm .. "OnOrBefore(PropertyName='modifiedon',PropertyValue='2030-01-01')"), "")
    t.eq(deals(crm .. "EqualUserId(PropertyName='_modifiedby_value')"), "D1,D2")
    t.eq(deals(crm .. "NotIn(PropertyName='name',PropertyValues=['d1'])"), "D2")
    t.eq(deals("Microsoft.Dynamics.CRM.Contains(PropertyName='name',PropertyValue='D')"),
      "0x80060888")
    t.eq(deals("estimatedvalue lt 10.5 or (budgetamount ge 20 and not(name eq 'D1'))"), "D1,D2")
  end)

  case("10.18 formatted values by type; of an expanded row too", function()
    local parent = make("accounts", { name = "Parent", numberofemployees = 12345 })
    local row = deal({ closeprobability = 50, ["parentaccountid@odata.bind"] = "/"
      .. account(parent) })
    local F = "@OData.Community.Display.V1.FormattedValue"
    local _, got = ask("GET", "opportunities(" .. row.opportunityid .. ")?$select=name,"
      .. "closeprobability,createdon,msft_microsoftpartnercenterreferralsync"
      .. "&$expand=parentaccountid($select=numberofemployees)", nil,
      { Prefer = 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"' })
    t.eq({ got["closeprobability" .. F], got["msft_microsoftpartnercenterreferralsync" .. F],
      got.parentaccountid["numberofemployees" .. F], got["name" .. F] },
      { "50", "No", "12,345", nil })
    t.eq(got["_parentaccountid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], nil)
  end)

  case("10.19 pages of 5000; counts stop at 5000; the annotations tell", function()
    local contacts = schema.tables.contact
    for i = rows_of("contact") + 1, 5001 do
      local id = string.format("0c000000-0000-4000-8000-%012d", i)
      store.place(contacts, { contactid = id }, '{"contactid":"' .. id .. '"}')
    end
    local _, page = ask("GET", "contacts?$select=contactid&$count=true", nil,
      { Prefer = 'odata.include-annotations="*"' })
    t.eq({ #page.value, page["@odata.count"], page["@Microsoft.Dynamics.CRM.totalrecordcount"],
      page["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] }, { 5000, 5000, 5000, true })
    local _, rest = ask("GET", page["@odata.nextLink"])
    t.eq({ #rest.value, rest["@odata.nextLink"] }, { 1, nil })
    t.eq(select(2, ask("GET", "contacts/$count")), "5000")
    local _, some = ask("GET", "contacts?$select=contactid&$top=3", nil,
      { Prefer = 'odata.maxpagesize=2,odata.include-annotations="*"' })
    t.eq({ #some.value, some["@Microsoft.Dynamics.CRM.totalrecordcount"] }, { 2, -1 })
    t.ok(some["@odata.nextLink"], "$top means nothing beside a page size")
  end)

  case("10.20 $expand: $ref, nested, and what is refused", function()
    local row = deal({ name = "D", ["parentaccountid@odata.bind"] =
      "/" .. account(make("accounts", { name = "P", ["primarycontactid@odata.bind"] = "/contacts("
        .. make("contacts", { lastname = "C" }).contactid .. ")" })) })
    local path = "opportunities(" .. row.opportunityid .. ")"
    local _, got = ask("GET", path .. "?$select=name&$expand=parentaccountid/$ref")
    t.eq(got.parentaccountid, { ["@odata.id"] = BASE .. "accounts("
      .. row._parentaccountid_value .. ")" })
    _, got = ask("GET", path .. "?$expand=parentaccountid($select=name;$expand=primarycontactid"
      .. "($select=lastname))")
    t.eq(got.parentaccountid.primarycontactid.lastname, "C")
    local function refused(expand)
      local status, c = code("GET", "accounts?$expand=" .. expand)
      t.eq({ status, c }, { 400, "0x80060888" }, expand)
    end
    refused("opportunity_parent_account/$ref")
    refused("opportunity_parent_account($top=1;$expand=modifiedby)")
    refused("accountleads_association($expand=modifiedby)")
    refused("primarycontactid($skip=1)")
    local many = {}
    for i = 1, 16 do many[i] = "primarycontactid" end
    local status = code("GET", "accounts?$expand=" .. table.concat(many, ","))
    t.eq(status, 400, "more than fifteen")
  end)

  case("10.21 each option that a tracked read refuses; made and deleted in between", function()
    for _, option in ipairs { "$filter=name%20eq%20'a'", "$orderby=name", "$top=1",
      "$expand=parentaccountid" } do
      local status, answer = ask("GET", "opportunities?" .. option, nil, TRACK)
      t.eq({ status, answer.error and answer.error.code }, { 400, "0x80060888" }, option)
      t.has(answer.error.message, option:match("^[^=]+"))
    end
    local _, first = ask("GET", "opportunities?$select=name", nil, TRACK)
    local row = deal({ name = "Short" })
    ask("DELETE", "opportunities(" .. row.opportunityid .. ")")
    local _, list = ask("GET", first["@odata.deltaLink"])
    t.eq({ #list.value, list.value[1].reason, list.value[1].id },
      { 1, "deleted", row.opportunityid })
  end)
end

-- ---- 10.22 and 10.23: batches ----

local function batches(case, t)
  case("10.22 references in a path, an @odata.id, a bind; relative and absolute lines", function()
    local status, text = batch({ change_set({
      part("POST", "accounts", { name = "One" }, nil, "1"),
      part("POST", ROOT .. "contacts", { lastname = "Two" }, nil, "2"),
      part("PUT", "$1/primarycontactid/$ref", { ["@odata.id"] = "$2" }, nil, "3"),
      part("POST", BASE .. "opportunities", { name = "Three",
        ["parentaccountid@odata.bind"] = "/$1" }, nil, "4") }) })
    t.eq(status, 200, text)
    local _, list = ask("GET", "opportunities?$filter=name%20eq%20'Three'&$expand="
      .. "parentaccountid($select=name;$expand=primarycontactid($select=lastname))")
    local parent = list.value[1].parentaccountid
    t.eq({ parent.name, parent.primarycontactid.lastname }, { "One", "Two" })
  end)

  case("10.22 a reference ends with its change set; a thousand parts are not too many", function()
    local status, text = batch({
      change_set({ part("POST", ROOT .. "accounts", { name = "A" }, nil, "1") }),
      change_set({ part("PATCH", "$1", { name = "B" }, nil, "2") }) })
    t.eq(status, 400)
    t.has(text, "Content-ID Reference: '$1' does not exist in the batch context.")
    local many = {}
    for i = 1, 1000 do many[i] = part("GET", ROOT .. "WhoAmI") end
    t.eq((batch(many)), 200)
  end)

  case("10.23 a failed change set is one answer in its place when the batch goes on", function()
    local status, text = batch({
      part("POST", ROOT .. "accounts", { name = "First" }),
      change_set({ part("POST", ROOT .. "accounts", { name = "Gone" }, nil, "1"),
        part("POST", ROOT .. "nothings", { name = "x" }, nil, "2"),
        part("POST", ROOT .. "accounts", { name = "Not tried" }, nil, "3") }),
      part("POST", ROOT .. "accounts", { name = "Last" }) },
      { Prefer = "odata.continue-on-error" })
    local seen = {}
    for s in text:gmatch("HTTP/1%.1 (%d+)") do seen[#seen + 1] = s end
    t.eq({ status, seen }, { 200, { "204", "404", "204" } })
    t.eq(found(query("name eq 'First' or name eq 'Gone' or name eq 'Not tried' or name eq 'Last'")),
      "First,Last")
    t.eq(text:match("^%-%-batchresponse_[%w-]+\r\n") ~= nil, true, "the boundary comes first")
  end)

  case("10.23 without that wish what came before the failure stays", function()
    local status, text = batch({ part("POST", ROOT .. "accounts", { name = "Stays" }),
      part("PATCH", ROOT .. "accounts(0b000000-0000-4000-8000-000000000001)", { name = "x" },
        { ["If-Match"] = "*" }), part("POST", ROOT .. "accounts", { name = "Never" }) })
    t.eq(status, 404)
    t.has(text, "0x80040217")
    t.eq(found(query("name eq 'Stays' or name eq 'Never'")), "Stays")
  end)
end

-- ---- 10.26: rows inside rows, links ----

local function deep(case, t)
  case("10.26 a create makes the rows inside it", function()
    local row = make("accounts?$select=name&$expand=primarycontactid($select=fullname),"
      .. "opportunity_parent_account($select=name;$orderby=name)", { name = "Outer",
      primarycontactid = { firstname = "In", lastname = "Side" },
      opportunity_parent_account = json.array { { name = "D1", Opportunity_Annotation =
        json.array { { subject = "note" } } }, { name = "D2" } } })
    t.eq(row.primarycontactid.fullname, "In Side")
    t.eq(names({ value = row.opportunity_parent_account }, "name"), "D1,D2")
    local _, notes = ask("GET", "annotations?$expand=objectid_opportunity($select=name)")
    t.eq({ #notes.value, notes.value[1].objectid_opportunity.name }, { 1, "D1" })
    t.eq((ask("PATCH", "accounts(0b000000-0000-4000-8000-000000000001)", { name = "Upserted",
      primarycontactid = { lastname = "New" } })), 204)
    t.eq(found(query("primarycontactid/lastname eq 'New'")), "Upserted")
  end)

  case("10.26 one bad row inside undoes all", function()
    local accounts, contacts, deals = rows_of("account"), rows_of("contact"),
      rows_of("opportunity")
    local function refused(body, status, wanted)
      local got, c = code("POST", "accounts", body)
      t.eq({ got, c }, { status, wanted })
      t.eq({ rows_of("account"), rows_of("contact"), rows_of("opportunity") },
        { accounts, contacts, deals })
    end
    refused({ name = "x", primarycontactid = { lastname = "made first" },
      opportunity_parent_account = json.array { { name = "ok" }, { closeprobability = 500 } } },
      400, "0x8004432F")
    refused({ name = "x", primarycontactid = { lastname = ("x"):rep(51) } }, 400, "0x80044331")
    refused({ name = ("x"):rep(161), primarycontactid = { lastname = "y" } }, 400, "0x80044331")
    act("take-privilege", { privilege = "prvCreateContact" })
    refused({ name = "x", primarycontactid = { lastname = "y" } }, 403, "0x80040220")
  end)

  case("10.26 a create may bind a collection to rows that are there", function()
    local row, lead = deal({ name = "There" }), make("leads", { subject = "S", lastname = "L" })
    local made = make("accounts?$select=name&$expand=opportunity_parent_account($select=name),"
      .. "accountleads_association($select=subject)", { name = "Outer",
      ["opportunity_parent_account@odata.bind"] =
        json.array { "/opportunities(" .. row.opportunityid .. ")" },
      ["accountleads_association@odata.bind"] = json.array { "/leads(" .. lead.leadid .. ")" } })
    t.eq({ made.opportunity_parent_account[1].name, made.accountleads_association[1].subject },
      { "There", "S" })
  end)

  case("10.26 $ref of a look-up (N:1): PUT and DELETE", function()
    local one, row = make("accounts", { name = "A" }), deal({})
    local path = "opportunities(" .. row.opportunityid .. ")"
    local function parent() return select(2, ask("GET", path))._parentaccountid_value end
    t.eq((ask("PUT", path .. "/parentaccountid/$ref", { ["@odata.id"] = BASE .. account(one) })),
      204)
    t.eq(parent(), one.accountid)
    t.eq((ask("POST", path .. "/parentaccountid/$ref", { ["@odata.id"] = account(one) })), 405)
    t.eq(code("PUT", path .. "/parentaccountid/$ref", { ["@odata.id"] =
      "accounts(0b000000-0000-4000-8000-000000000001)" }), 404)
    t.eq(code("PUT", path .. "/parentaccountid/$ref", { ["@odata.id"] = path }), 400)
    t.eq(parent(), one.accountid, "a refused one changes nothing")
    t.eq((ask("DELETE", path .. "/parentaccountid/$ref")), 204)
    t.eq(parent(), json.null)
  end)

  case("10.26 $ref of a collection (1:N): POST and both forms of DELETE", function()
    local one, row = make("accounts", { name = "A" }), deal({})
    local path, collection = "opportunities(" .. row.opportunityid .. ")",
      account(one) .. "/opportunity_parent_account"
    local function parent() return select(2, ask("GET", path))._parentaccountid_value end
    for _, away in ipairs { "(" .. row.opportunityid .. ")/$ref", "/$ref?$id=" .. BASE .. path } do
      t.eq((ask("POST", collection .. "/$ref", { ["@odata.id"] = BASE .. path })), 204)
      t.eq(parent(), one.accountid)
      t.eq((ask("DELETE", collection .. away)), 204)
      t.eq(parent(), json.null, away)
    end
    t.eq(code("POST", collection .. "/$ref", { ["@odata.id"] = account(one) }), 400)
    t.eq(code("DELETE", collection .. "(" .. row.opportunityid .. ")/$ref"), 404, "not its row")
    t.eq((ask("PUT", collection .. "/$ref", { ["@odata.id"] = path })), 405)
  end)

  case("10.26 $ref of a many-to-many collection, from both sides", function()
    local one, lead = make("accounts", { name = "A" }), make("leads",
      { subject = "S", lastname = "L" })
    local here, there = account(one) .. "/accountleads_association",
      "leads(" .. lead.leadid .. ")/accountleads_association"
    t.eq((ask("POST", here .. "/$ref", { ["@odata.id"] = BASE .. "leads(" .. lead.leadid
      .. ")" })), 204)
    local _, list = ask("GET", there .. "?$select=name")
    t.eq(names(list, "name"), "A")
    t.eq(select(2, ask("GET", here .. "/$count")), "1")
    t.eq(found(query("accountleads_association/any(l:l/subject eq 's')")), "A")
    local _, after = ask("GET", account(one))
    t.eq(after["@odata.etag"], one["@odata.etag"], "neither side is touched")
    t.eq(code("POST", here .. "/$ref", { ["@odata.id"] = account(one) }), 400)
    t.eq((ask("POST", "accountleadsset", {})), 405, "no rows of their own")
    t.eq((ask("DELETE", there .. "(" .. one.accountid .. ")/$ref")), 204)
    _, list = ask("GET", here)
    t.eq(#list.value, 0)
    ask("POST", here .. "/$ref", { ["@odata.id"] = "/leads(" .. lead.leadid .. ")" })
    t.eq((ask("DELETE", "leads(" .. lead.leadid .. ")")), 204)
    t.eq(rows_of("accountleads"), 0, "a deleted row leaves no link")
  end)

  case("10.26 many-to-many links in a change set are made together or not at all", function()
    local one = make("accounts", { name = "A" })
    local function set(last)
      return batch({ change_set({
        part("POST", ROOT .. "leads", { subject = "S", lastname = "L" }, nil, "1"),
        part("POST", ROOT .. account(one) .. "/accountleads_association/$ref",
          { ["@odata.id"] = "$1" }, nil, "2"),
        part("PATCH", ROOT .. account(one), { name = last }, nil, "3") }) })
    end
    t.eq((set(("x"):rep(200))), 400)
    t.eq({ rows_of("lead"), rows_of("accountleads") }, { 0, 0 })
    t.eq((set("B")), 200)
    t.eq({ rows_of("lead"), rows_of("accountleads") }, { 1, 1 })
  end)
end

-- ---- functions and the document of all tables ----

local function functions(case, t)
  case("10.3 other functions: by GET, with parameters there or as aliases", function()
    make("accounts", { name = "One more" })
    local n = rows_of("account")
    local path = "RetrieveTotalRecordCount(EntityNames="
    local _, got = ask("GET", path .. "['account'])")
    t.eq(got.EntityRecordCountCollection.Values, { n })
    _, got = ask("GET", path .. '@p1)?@p1=["account","lead"]')
    t.eq(got.EntityRecordCountCollection.Keys, { "account", "lead" })
    t.eq(code("GET", path .. "@p1)"), 400, "no such alias")
    t.eq(code("GET", path .. "['nothing'])"), 400)
    t.eq(code("POST", "RetrieveVersion()", {}), 404)
    _, got = ask("GET", "RetrieveCurrentOrganization(AccessType="
      .. "Microsoft.Dynamics.CRM.EndpointAccessType'Default')")
    local _, me = ask("GET", "WhoAmI")
    t.eq(got.Detail.OrganizationId, me.OrganizationId)
    t.eq(code("GET", "RetrieveNothing()"), 404)
  end)

  case("metadata: the CSDL document names every set, its key and its columns", function()
    local status, text, headers = ask("GET", "$metadata")
    t.eq({ status, headers["content-type"] }, { 200, "application/xml" })
    for set, table in pairs(schema.by_set) do
      t.has(text, '<EntitySet Name="' .. set .. '" EntityType="Microsoft.Dynamics.CRM.'
        .. table.logical .. '"')
    end
    t.has(text, '<Property Name="estimatedclosedate" Type="Edm.Date"')
    t.has(text, '<Property Name="_parentaccountid_value" Type="Edm.Guid" />')
    t.has(text, '<NavigationProperty Name="parentaccountid" Type="mscrm.account"')
    t.eq((ask("POST", "$metadata", {})), 405)
  end)
end

return function(t)
  local function case(name, f)
    t.case(name, function()
      kit.fresh()
      local at = kit.now
      local ok, err = pcall(f)
      kit.now = at
      if not ok then error(err, 0) end
    end)
  end
  for _, some in ipairs { single_rows, queries, batches, deep, functions } do some(case, t) end
end

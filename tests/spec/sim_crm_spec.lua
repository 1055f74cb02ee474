-- The practice CRM against the acceptance list of the Dataverse reference (numbers are its lines):
-- signing in, writing rows. Reading is in sim_crm_read_spec.lua, what happens over time in
-- sim_crm_change_spec.lua.
local kit = require "sim.crm_kit"

local BASE, REPRESENT, ask, code = kit.BASE, kit.REPRESENT, kit.ask, kit.code
local make, deal, act = kit.make, kit.deal, kit.act
local ACCOUNT = "0b000000-0000-4000-8000-000000000001"

local function etag_of(path)
  local _, row = ask("GET", path)
  return row["@odata.etag"]
end

return function(t)
  local function case(name, f)
    t.case(name, function()
      kit.fresh()
      f()
    end)
  end

  case("10.2 without a live token 401; unknown application 403 0x80072560", function()
    t.eq(ask("GET", "WhoAmI", nil, nil, "Bearer old"), 401)
    local _, text = ask("GET", "WhoAmI", nil, nil, "Bearer old")
    t.eq(text, "", "an empty body")
    local status, c = code("GET", "WhoAmI", nil, nil, "Bearer stranger")
    t.eq({ status, c }, { 403, "0x80072560" })
  end)

  case("10.2 a role that lacks a privilege 403 0x80040220", function()
    act("take-privilege", { privilege = "prvReadLead" })
    local status, c = code("GET", "leads")
    t.eq({ status, c }, { 403, "0x80040220" })
    act("give-privilege", { privilege = "prvReadLead" })
    t.eq(ask("GET", "leads"), 200)
    act("take-privilege", { privilege = "prvReadOpportunity:organization" })
    t.eq(ask("GET", "opportunities"), 200)
    status, c = code("GET", "opportunities", nil, { Prefer = "odata.track-changes" })
    t.eq({ status, c }, { 403, "0x80040220" })
  end)

  case("10.3 WhoAmI with and without parentheses; POST 404", function()
    local status, me = ask("GET", "WhoAmI")
    t.eq(status, 200)
    t.ok(me.UserId and me.BusinessUnitId and me.OrganizationId, "three ids")
    t.eq(me["@odata.context"], BASE .. "$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse")
    t.eq(ask("GET", "WhoAmI()"), 200)
    t.eq(ask("POST", "WhoAmI", {}), 404)
  end)

  case("10.4 POST 204 with OData-EntityId; representation 201 without", function()
    local status, text, headers = ask("POST", "accounts", { name = "Fir Works" })
    t.eq({ status, text }, { 204, "" })
    local set, id = headers["odata-entityid"]:match("^(.*)%((%x+%-[%x%-]+)%)$")
    t.eq({ set, #id }, { BASE .. "accounts", 36 }, "an absolute address with the GUID")
    local row
    status, row, headers = ask("POST", "accounts?$select=name", { name = "Oak" }, REPRESENT)
    t.eq({ status, row.name, headers["preference-applied"] },
      { 201, "Oak", "return=representation" })
    t.eq(headers["odata-entityid"], nil)
    t.ok(row.accountid and row["@odata.etag"], "key and tag")
    t.eq(row.telephone1, nil, "only what was selected")
  end)

  case("10.5 PATCH without If-Match upserts; 201 and 200 tell which", function()
    local path = "accounts(" .. ACCOUNT .. ")"
    t.eq(ask("PATCH", path, { name = "A" }), 204)
    t.eq(ask("PATCH", path, { name = "B" }), 204)
    t.eq(ask("PATCH", path, { name = "C" }, REPRESENT), 200)
    local status, row = ask("PATCH", "accounts(0b000000-0000-4000-8000-000000000002)",
      { name = "D" },
      REPRESENT)
    t.eq({ status, row.accountid }, { 201, "0b000000-0000-4000-8000-000000000002" })
  end)

  case("10.6 If-Match * on a missing row 404; If-None-Match * on a row 412; null is no condition",
    function()
      local path = "accounts(" .. ACCOUNT .. ")"
      local status, c = code("PATCH", path, { name = "A" }, { ["If-Match"] = "*" })
      t.eq({ status, c }, { 404, "0x80040217" })
      t.eq(ask("GET", path), 404, "nothing made")
      t.eq(ask("PATCH", path, { name = "A" }, { ["If-None-Match"] = "*" }), 204)
      status, c = code("PATCH", path, { name = "B" }, { ["If-None-Match"] = "*" })
      t.eq({ status, c }, { 412, "" })
      t.eq(ask("PATCH", path, { name = "B" }, { ["If-None-Match"] = "null" }), 204)
      local _, row = ask("GET", path, nil, { ["If-None-Match"] = "null" })
      t.eq(row.name, "B")
    end)

  case("10.7 a stale tag answers 412 0x80060882 on PATCH and DELETE", function()
    local row = make("accounts", { name = "A" })
    local path = "accounts(" .. row.accountid .. ")"
    local old = row["@odata.etag"]
    t.eq(ask("PATCH", path, { name = "B" }, { ["If-Match"] = old }), 204)
    local status, c = code("PATCH", path, { name = "C" }, { ["If-Match"] = old })
    t.eq({ status, c }, { 412, "0x80060882" })
    status, c = code("DELETE", path, nil, { ["If-Match"] = old })
    t.eq({ status, c }, { 412, "0x80060882" })
    t.eq(ask("DELETE", path, nil, { ["If-Match"] = etag_of(path) }), 204)
    t.eq(ask("GET", path), 404)
  end)

  case("10.7 a write changes tag, version, modifiedon, modifiedby", function()
    local made = act("create-opportunity", { name = "By hand", value = 100, currency = "USD" })
    local path = "opportunities(" .. made.id .. ")"
    local _, first = ask("GET", path)
    kit.now = kit.now + 60000
    ask("PATCH", path, { name = first.name }, { ["If-Match"] = "*" })
    local _, second = ask("GET", path)
    t.ok(first["@odata.etag"] ~= second["@odata.etag"], "an equal value is an update too")
    t.ok(second.versionnumber > first.versionnumber, "the version rises")
    t.eq(second["@odata.etag"], 'W/"' .. second.versionnumber .. '"')
    t.ok(second.modifiedon > first.modifiedon, "modifiedon")
    local _, me = ask("GET", "WhoAmI")
    t.eq(second._modifiedby_value, me.UserId)
    t.ok(first._modifiedby_value ~= me.UserId, "a person made it")
  end)

  case("10.8 304 with the current tag, but not with $expand or annotations", function()
    local row = make("accounts", { name = "A" })
    local path, headers = "accounts(" .. row.accountid .. ")",
      { ["If-None-Match"] = row["@odata.etag"] }
    local status, text = ask("GET", path, nil, headers)
    t.eq({ status, text }, { 304, "" })
    t.eq(ask("GET", path .. "?$expand=primarycontactid", nil, headers), 200)
    headers.Prefer = 'odata.include-annotations="*"'
    t.eq(ask("GET", path, nil, headers), 200)
  end)

  case("10.9 rows by alternate key", function()
    local status, c = code("GET", "accounts(accountnumber='A1')")
    t.eq({ status, c }, { 400, "0x80060888" }, "no such key is declared")
    act("define-key", { table = "account", columns = { "accountnumber" } })
    local _, _, headers = ask("PATCH", "accounts(accountnumber='A1')", { name = "By key" })
    t.eq(headers["odata-entityid"], BASE .. "accounts(accountnumber='A1')")
    local row
    status, row = ask("GET", "accounts(accountnumber='A1')")
    t.eq({ status, row.name, row.accountnumber }, { 200, "By key", "A1" })
    t.eq(ask("PATCH", "accounts(accountnumber='A9')", { name = "x" }, { ["If-Match"] = "*" }), 404)
    local made = deal({ ["parentaccountid@odata.bind"] = "/accounts(accountnumber='A1')" })
    t.eq(made._parentaccountid_value, row.accountid)
    t.eq(code("GET", "accounts(accountnumber='A%2F1')"), 400, "a slash in key data")
    t.eq(ask("DELETE", "accounts(accountnumber='A1')"), 204)
  end)

  case("10.10 alternate key 412 0x80060892 with the holder's id; primary key 0x80040237", function()
    act("define-key", { table = "account", columns = { "accountnumber" } })
    local row = make("accounts", { name = "A", accountnumber = "A1" })
    local status, answer = ask("POST", "accounts", { name = "B", accountnumber = "A1" })
    t.eq({ status, answer.error.code }, { 412, "0x80060892" })
    t.ok(answer.error.message:find(row.accountid, 1, true), "the holder")
    local other = make("accounts", { name = "C" })
    make("accounts", { name = "D" }) -- nulls are not compared
    local s, c = code("PATCH", "accounts(" .. other.accountid .. ")", { accountnumber = "A1" })
    t.eq({ s, c }, { 412, "0x80060892" })
    s, c = code("POST", "accounts", { accountid = row.accountid, name = "E" })
    t.eq({ s, c }, { 412, "0x80040237" })
  end)

  case("10.11 binds: bare customer column, missing row, the family", function()
    local account, contact = make("accounts", { name = "A" }), make("contacts", { lastname = "B" })
    local status, c = code("POST", "opportunities", { name = "x",
      ["customerid@odata.bind"] = "/accounts(" .. account.accountid .. ")" })
    t.eq({ status, c }, { 400, "0x80048d19" })
    t.eq(code("POST", "opportunities", { name = "x",
      ["parentaccountid@odata.bind"] = "/accounts(" .. ACCOUNT .. ")" }), 404)
    local _, list = ask("GET", "opportunities")
    t.eq(#list.value, 0, "nothing written")
    local row = deal({ ["customerid_account@odata.bind"] = "accounts(" .. account.accountid
      .. ")" })
    t.eq(row._customerid_value, account.accountid)
    local _, after = ask("PATCH", "opportunities(" .. row.opportunityid .. ")",
      { ["customerid_contact@odata.bind"] = BASE .. "contacts(" .. contact.contactid .. ")" },
        REPRESENT)
    t.eq(after._customerid_value, contact.contactid)
    _, after = ask("PATCH", "opportunities(" .. row.opportunityid .. ")",
      { ["customerid_account@odata.bind"] = json.null }, REPRESENT)
    t.eq(after._customerid_value, contact.contactid, "clearing the other side leaves this one")
  end)

  case("10.11 the customer follows the parents; clearing a look-up", function()
    local account = make("accounts", { name = "A" })
    local row = deal({ ["parentaccountid@odata.bind"] = "/accounts(" .. account.accountid .. ")" })
    t.eq(row._customerid_value, account.accountid)
    local path = "opportunities(" .. row.opportunityid .. ")"
    t.eq(ask("DELETE", path .. "/parentaccountid/$ref"), 204)
    local _, after = ask("GET", path)
    t.eq(after._parentaccountid_value, json.null)
    t.eq(code("PATCH", path, { _parentaccountid_value = account.accountid }), 400)
  end)

  case("10.12 names are case-sensitive", function()
    local status, c = code("GET", "Accounts")
    t.eq({ status, c }, { 404, "0x8006088a" })
    status, c = code("GET", "accounts?$select=Name")
    t.eq({ status, c }, { 400, "0x0" })
    status, c = code("GET", "accounts?$filter=Name%20eq%20'x'")
    t.eq({ status, c }, { 400, "0x0" }, "though no row is looked at")
    status, c = code("POST", "accounts", { Name = "x" })
    t.eq({ status, c }, { 400, "0x80048d19" })
    status, c = code("POST", "accounts?$select=nope", { name = "not kept" }, REPRESENT)
    t.eq({ status, c }, { 400, "0x0" })
    local _, list = ask("GET", "accounts?$filter=name%20eq%20'not%20kept'")
    t.eq(#list.value, 0, "a refused request writes nothing")
  end)

  case("10.13 lengths, options, ranges", function()
    local status, c = code("POST", "accounts", { name = ("x"):rep(161) })
    t.eq({ status, c }, { 400, "0x80044331" })
    t.eq(ask("POST", "accounts", { name = ("株"):rep(160) }), 204, "characters, not bytes")
    t.eq(code("POST", "accounts", { name = ("😀"):rep(81) }), 400, "an emoji is two units")
    local function refused(body, wanted)
      local _, got = code("POST", "opportunities", body)
      t.eq(got, wanted)
    end
    refused({ msft_microsoftpartnercenterhelp = 1 }, "0x8004431A")
    refused({ closeprobability = 101 }, "0x8004432F")
    refused({ estimatedvalue = 1e13 }, "0x80040317")
    refused({ estimatedvalue = "12" }, "0x80048d19")
    refused({ name = 12 }, "0x80048d19")
    refused({ isrevenuesystemcalculated = "yes" }, "0x80048d19")
    status, c = code("POST", "msft_microsoftsolutions", { msft_quantity = 2e9 })
    t.eq({ status, c }, { 400, "0x80044330" })
  end)

  case("10.14 dates", function()
    local row = deal({ estimatedclosedate = "2031-03-31", overriddencreatedon =
      "2030-05-01T09:30:00.500+09:00" })
    t.eq({ row.estimatedclosedate, row.createdon }, { "2031-03-31", "2030-05-01T00:30:00Z" })
    local _, c = code("POST", "opportunities", { estimatedclosedate = "2031-03-31T00:00:00Z" })
    t.eq(c, "0x80048d19", "a time part in a date")
    _, c = code("POST", "opportunities", { estimatedclosedate = "1700-01-01" })
    t.eq(c, "0x80040239")
    _, c = code("POST", "opportunities", { estimatedclosedate = "2031-02-30" })
    t.eq(c, "0x80048d19")
  end)

  case("10.15 business-required columns are not enforced; read-only ones ignored", function()
    local row = make("opportunities", { modifiedon = "2000-01-01T00:00:00Z", statecode = 2,
      exchangerate = 7, versionnumber = json.null })
    t.eq({ row.name, row.statecode }, { json.null, 0 })
    t.ok(row.modifiedon > "2030", "stamped by the service")
  end)
end

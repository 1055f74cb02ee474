-- The practice CRM against the acceptance list (numbers are its lines): change tracking, batches,
-- closing, money, people's acts.
local kit = require "sim.crm_kit"

local ROOT, BASE, REPRESENT, ask = kit.ROOT, kit.BASE, kit.REPRESENT, kit.ask
local code, make, deal, found = kit.code, kit.make, kit.deal, kit.found
local names, number, currency, part = kit.names, kit.number, kit.currency, kit.part
local joined, change_set, batch, act = kit.joined, kit.change_set, kit.batch, kit.act
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

  local TRACK = { Prefer = "odata.track-changes" }

  case("10.21 change tracking: full read, changes, deletions", function()
    local a, b = deal({ name = "A" }), deal({ name = "B" })
    local _, first, headers = ask("GET", "opportunities?$select=name", nil, TRACK)
    t.eq({ #first.value, headers["preference-applied"] }, { 2, "odata.track-changes" })
    local _, none = ask("GET", first["@odata.deltaLink"])
    t.eq({ #none.value, none["@odata.context"] },
      { 0, BASE .. "$metadata#opportunities(name)/$delta" })
    ask("PATCH", "opportunities(" .. b.opportunityid .. ")", { name = "B2" })
    ask("DELETE", "opportunities(" .. a.opportunityid .. ")")
    local c = deal({ name = "C" })
    ask("PATCH", "opportunities(" .. b.opportunityid .. ")", { name = "B3" })
    local _, delta = ask("GET", none["@odata.deltaLink"])
    t.eq(#delta.value, 3)
    t.eq({ delta.value[1].opportunityid, delta.value[2].name, delta.value[3].id,
      delta.value[3].reason },
      { c.opportunityid, "B3", a.opportunityid, "deleted" }, "by version, then deletions")
    t.eq(delta.value[3]["@odata.context"], BASE .. "$metadata#opportunities/$deletedEntity")
    local _,
      text = ask("GET", none["@odata.deltaLink"]:gsub("opportunities%?", "opportunities/$count?"))
    t.eq(text, "3")
  end)

  case("10.21 pages: the delta link comes last, and nothing written meanwhile is lost", function()
    for i = 1, 5 do deal({ name = "D" .. i }) end
    local headers = { Prefer = "odata.track-changes,odata.maxpagesize=2" }
    local _, page = ask("GET", "opportunities?$select=name", nil, headers)
    t.eq({ #page.value, page["@odata.deltaLink"] }, { 2, nil })
    ask("PATCH", "opportunities(" .. page.value[1].opportunityid .. ")", { name = "changed" })
    local total = 2
    while page["@odata.nextLink"] do
      _, page = ask("GET", page["@odata.nextLink"], nil, { Prefer = "odata.maxpagesize=2" })
      total = total + #page.value
    end
    t.eq(total, 5)
    local _, delta = ask("GET", page["@odata.deltaLink"])
    t.eq(names(delta, "name"), "changed")
    local ids, gone = {}, 0
    for i = 1, 5 do ids[i] = deal({ name = "E" .. i }).opportunityid end
    for i = 1, 3 do ask("DELETE", "opportunities(" .. ids[i] .. ")") end
    local seen, link, pages = 0, delta["@odata.deltaLink"], 0
    while link do
      local _, more = ask("GET", link, nil, { Prefer = "odata.maxpagesize=2" })
      t.ok(#more.value <= 2, "the size of a page")
      for _, r in ipairs(more.value) do
        if r.reason then gone = gone + 1 else seen = seen + 1 end
      end
      link, pages = more["@odata.nextLink"], pages + 1
      if not link then t.ok(more["@odata.deltaLink"], "a new link at the end") end
    end
    t.eq({ seen, gone, pages }, { 2, 3, 3 })
  end)

  case("10.21 refused options, no tracking, expiry", function()
    local status, c = code("GET", "opportunities?$filter=name%20eq%20'x'", nil, TRACK)
    t.eq({ status, c }, { 400, "0x80060888" })
    status, c = code("GET", "systemusers", nil, TRACK)
    t.eq({ status, c }, { 400, "0x80072491" })
    local _, first = ask("GET", "opportunities?$select=name", nil, TRACK)
    kit.now = kit.now + 6 * 86400000
    t.eq(ask("GET", first["@odata.deltaLink"]), 200)
    kit.now = kit.now + 2 * 86400000
    status, c = code("GET", first["@odata.deltaLink"])
    t.eq({ status, c }, { 400, "0x80044352" })
    _, first = ask("GET", "opportunities?$select=name", nil, TRACK)
    act("change-definition", { table = "opportunity" })
    status, c = code("GET", first["@odata.deltaLink"])
    t.eq({ status, c }, { 400, "0x80044352" })
    act("tracking", { table = "opportunity", on = false })
    status, c = code("GET", "opportunities", nil, TRACK)
    t.eq({ status, c }, { 400, "0x80072491" })
  end)

  case("10.22 a change set: references, one commit", function()
    local other = "0b000000-0000-4000-8000-0000000000a1"
    local status, text, headers = batch({ change_set({
      part("POST", ROOT .. "accounts", { name = "Set" }, nil, "1"),
      part("PATCH", BASE .. "opportunities(" .. other .. ")", { name = "In set",
        ["parentaccountid@odata.bind"] = "$1" }, { ["If-None-Match"] = "*" }, "2"),
      part("PATCH", "$1", { telephone1 = "1" }, { Prefer = "return=representation" }, "3") }),
      part("GET", ROOT .. "opportunities(" .. other .. ")?$select=name,_parentaccountid_value") })
    t.eq(status, 200)
    local boundary = headers["content-type"]:match("boundary=(batchresponse_.+)$")
    t.ok(boundary and text:sub(1, #boundary + 2) == "--" .. boundary,
      "the first line is the boundary")
    t.ok(text:find("\r\n--changesetresponse_", 1, true), "nested answers")
    t.ok(text:find("Content-ID: 3\r\n\r\nHTTP/1.1 200 OK\r\n", 1, true), text)
    t.ok(text:find("HTTP/1.1 204 No Content\r\n", 1, true), "the POST")
    local row = json.decode(text:match('({[^{}]*"name":"In set"[^{}]*})'))
    t.ok(row._parentaccountid_value ~= json.null, "bound to the new account")
  end)

  case("10.22 a failed change set leaves nothing and bumps no version", function()
    local row = make("accounts", { name = "Kept" })
    local path = ROOT .. "accounts(" .. row.accountid .. ")"
    local status, text = batch({ change_set({
      part("POST", ROOT .. "accounts", { name = "Gone" }, nil, "1"),
      part("PATCH", path, { name = "Changed" }, { ["If-Match"] = row["@odata.etag"] }, "2"),
      part("PATCH", path, { name = "Again" }, { ["If-Match"] = 'W/"1"' }, "3") }) })
    t.eq(status, 412)
    t.ok(text:find("Content-ID: 3\r\n\r\nHTTP/1.1 412 Precondition Failed", 1, true), "which part")
    t.ok(text:find("0x80060882", 1, true), "why")
    t.eq(etag_of("accounts(" .. row.accountid .. ")"), row["@odata.etag"])
    t.eq(found("name%20eq%20'Gone'"), "")
  end)

  case("10.22 If-None-Match * in a change set is a switch; a known GUID is 0x80040237 by POST",
    function()
    local row = make("accounts", { name = "There" })
    local parts = { change_set({ part("PATCH", ROOT .. "accounts(" .. row.accountid .. ")",
      { name = "Over" }, { ["If-None-Match"] = "*" }, "1") }) }
    t.eq((batch(parts)), 412)
    kit.set.set("changeset_if_none_match", "off")
    t.eq((batch(parts)), 200)
    t.eq(found("name%20eq%20'Over'"), "Over")
  end)

  case("10.22 refused: LF, GET in a set, no reference, over 1000", function()
    local text = joined("batch_1", { part("GET", ROOT .. "accounts") })
    local headers = { ["Content-Type"] = "multipart/mixed;boundary=batch_1" }
    t.eq(ask("POST", "$batch", text, headers), 200, "an unquoted boundary")
    local status, c = code("POST", "$batch", (text:gsub("\r\n", "\n")), headers)
    t.eq({ status, c }, { 400, "0x80048d19" })
    kit.set.set("batch_lf", "on")
    t.eq(ask("POST", "$batch", (text:gsub("\r\n", "\n")), headers), 200)
    status,
      c = code("POST", "$batch", joined("batch_1", { change_set({ part("GET", ROOT .. "accounts",
      nil, nil, "1") }) }), headers)
    t.eq({ status, c }, { 400, "0x80048d19" })
    local answer
    status, answer = batch({ change_set({ part("PATCH", "$7", { name = "x" }, nil, "1") }) })
    t.eq(status, 400)
    t.ok(answer:find("Content-ID Reference: '$7' does not exist in the batch context.", 1, true),
      answer)
    local many = {}
    for i = 1, 1001 do many[i] = part("GET", ROOT .. "WhoAmI") end
    t.eq((batch(many)), 400)
  end)

  case("10.23 stop at the first failure, or go on", function()
    local parts = { part("GET", ROOT .. "accounts?$select=name"), part("GET", ROOT .. "nothing"),
      part("POST", ROOT .. "accounts", { name = "Third" }) }
    local status, text = batch(parts)
    t.eq(status, 404)
    local _, answers = text:gsub("HTTP/1.1 ", "")
    t.eq({ answers, found("name%20eq%20'Third'") }, { 2, "" })
    status, text = batch(parts, { Prefer = "odata.continue-on-error" })
    _, answers = text:gsub("HTTP/1.1 ", "")
    t.eq({ status, answers, found("name%20eq%20'Third'") }, { 200, 3, "Third" })
  end)

  case("10.33 faults on demand", function()
    kit.fault = { status = 429, headers = { ["Retry-After"] = "7" } }
    local status, answer, headers = ask("GET", "accounts")
    t.eq({ status, answer.error.code, headers["retry-after"] }, { 429, "0x80072322", "7" })
    kit.fault = { drop = "after" }
    t.eq(ask("POST", "accounts", { name = "Lost answer" }), nil)
    kit.fault = { drop = "before" }
    t.eq(ask("POST", "accounts", { name = "Never came" }), nil)
    kit.fault = nil
    t.eq(found("startswith(name,'Lost')%20or%20startswith(name,'Never')"), "Lost answer")
  end)

  case("10.25 error bodies are exact; more only when preferred", function()
    local _, answer = ask("GET", "accounts(" .. ACCOUNT .. ")")
    t.eq(answer, { error = { code = "0x80040217",
      message = "Entity 'account' With Id = " .. ACCOUNT .. " Does Not Exist" } })
    _, answer = ask("GET", "accounts(" .. ACCOUNT .. ")", nil, { Prefer =
      'odata.include-annotations="*"' })
    t.ok(answer.error["@Microsoft.PowerApps.CDS.HelpLink"], "annotations of the error")
  end)

  local function close(action, id, status, extra)
    local body = { Status = status, OpportunityClose = { subject = "Closed",
      ["opportunityid@odata.bind"] = "/opportunities(" .. id .. ")" } }
    for k, v in pairs(extra or {}) do body.OpportunityClose[k] = v end
    return code("POST", action, body)
  end

  case("10.27 WinOpportunity closes, once", function()
    local row = deal({ estimatedvalue = 500 })
    local path = "opportunities(" .. row.opportunityid .. ")"
    local status, c = code("PATCH", path, { statecode = 1, statuscode = 3 })
    t.eq({ status, c }, { 400, "0x80100005" })
    status, c = code("PATCH", path, { statecode = 1, statuscode = 1 })
    t.eq({ status, c }, { 400, "0x80048408" })
    status, c = code("PATCH", path, { statuscode = 3 })
    t.eq({ status, c }, { 400, "0x80048408" })
    t.eq(ask("PATCH", path, { statuscode = 2 }), 204, "on hold is open")
    status, c = close("WinOpportunity", row.opportunityid, 4)
    t.eq({ status, c }, { 400, "0x80048408" })
    t.eq(close("WinOpportunity", row.opportunityid, 3, { actualend = "2031-02-03T04:05:06Z" }), 204)
    local _, won = ask("GET", path .. "?$expand=Opportunity_OpportunityClose")
    t.eq({ won.statecode, won.statuscode, won.actualclosedate,
      number(won.actualvalue) },
      { 1, 3, "2031-02-03", 500 })
    local closing = won.Opportunity_OpportunityClose[1]
    t.eq({ closing.statecode, closing.statuscode, closing.opportunitystatecode }, { 1, 2, 1 })
    status, c = close("LoseOpportunity", row.opportunityid, 4)
    t.eq({ status, c }, { 400, "0x80040515" })
  end)

  case("10.27 Lose, edit while closed, reopen", function()
    local row = deal({})
    local path = "opportunities(" .. row.opportunityid .. ")"
    t.eq(close("LoseOpportunity", row.opportunityid, 5), 204)
    t.eq(ask("PATCH", path, { msft_microsoftpartnercenterreferralsyncaudit = "line" }), 204)
    kit.set.set("closed_opportunity_edit", "off")
    t.eq(ask("PATCH", path, { description = "late" }), 400)
    t.eq(ask("PATCH", path, { statecode = 0, statuscode = 1 }), 204)
    local _, open = ask("GET", path .. "?$expand=Opportunity_OpportunityClose")
    t.eq({ open.statecode, open.actualclosedate, open.Opportunity_OpportunityClose[1].statecode },
      { 0, json.null, 2 })
    t.eq(ask("GET", "WinOpportunity"), 404)
    t.eq(code("POST", "WinOpportunity", { Status = 3 }), 400)
  end)

  case("10.27 PATCH and Win in one change set", function()
    local row = deal({ estimatedvalue = 5 })
    local path = ROOT .. "opportunities(" .. row.opportunityid .. ")"
    local status, text = batch({ change_set({
      part("PATCH", path, { estimatedvalue = 9 }, { ["If-Match"] = row["@odata.etag"] }, "1"),
      part("POST", ROOT .. "WinOpportunity", { Status = 3, OpportunityClose = { subject = "x",
        ["opportunityid@odata.bind"] = path } }, nil, "2") }) })
    t.eq(status, 200, text)
    local _, won = ask("GET", path:sub(#ROOT + 1))
    t.eq({ won.statecode, tonumber(tostring(won.actualvalue)) }, { 1, 9 })
  end)

  case("10.27 QualifyLead makes the rows and qualifies", function()
    local lead = make("leads", { subject = "Talk", lastname = "Ito", companyname = "Ito Foods",
      estimatedamount = 70, address1_country = "JP" })
    local path = "leads(" .. lead.leadid .. ")/Microsoft.Dynamics.CRM.QualifyLead"
    local status, made = ask("POST", path, { CreateAccount = true, CreateContact = true,
      CreateOpportunity = true, Status = 3 })
    t.eq({ status, #made.value }, { 200, 3 })
    local opportunity = made.value[3]
    t.eq({ opportunity["@odata.type"], opportunity.name, opportunity._originatingleadid_value },
      { "#Microsoft.Dynamics.CRM.opportunity", "Talk", lead.leadid })
    t.eq(opportunity._customerid_value, made.value[1].accountid)
    local _, after = ask("GET", "leads(" .. lead.leadid .. ")")
    t.eq({ after.statecode, after.statuscode }, { 1, 3 })
    t.eq(code("POST", path, { CreateAccount = false, CreateContact = false,
      CreateOpportunity = true,
      Status = 3 }), 400)
    local other = make("leads", { subject = "No", lastname = "Ito" })
    t.eq(ask("PATCH", "leads(" .. other.leadid .. ")", { statecode = 2, statuscode = 7 }), 204)
  end)

  case("10.28 money: system-calculated, base, precision, default currency", function()
    local yen = "/transactioncurrencies(" .. currency("JPY") .. ")"
    local row = deal({ estimatedvalue = 1500.6, ["transactioncurrencyid@odata.bind"] = yen })
    t.eq({ number(row.estimatedvalue), number(row.estimatedvalue_base) }, { 1501, 10.01 })
    local path = "opportunities(" .. row.opportunityid .. ")"
    local status, c = code("PATCH", path, { ["transactioncurrencyid@odata.bind"] = json.null })
    t.eq({ status, c }, { 400, "0x80048cfb" })
    local _, after = ask("PATCH", path, { ["transactioncurrencyid@odata.bind"] =
      "/transactioncurrencies(" .. currency("USD") .. ")" }, REPRESENT)
    t.eq(number(after.estimatedvalue_base), 1501)
    local plain = deal({ estimatedvalue = 12.345 })
    t.eq({ plain._transactioncurrencyid_value, number(plain.estimatedvalue) },
      { currency("USD"), 12.35 })
    local computed = deal({ estimatedvalue = 99, isrevenuesystemcalculated = true })
    t.eq(number(computed.estimatedvalue), 0)
    t.eq(row.estimatedvalue_base ~= json.null, true)
  end)

  case("acts: a person's deal in plain names, sync last", function()
    local made = act("create-opportunity", { name = "Plant data", value = "1250000",
      currency = "JPY", closing_date = "2031-03-31", notes = "n", account = "HOSHINO PARTS KK",
      contact = "Mika Hoshino", help = "ProofOfConceptOrDemo", visible = true,
      solutions = "SOL-10001-ABC,SOL-10002-DEF", sync = true })
    t.eq(#made.solutions, 2)
    t.eq(made.later, nil)
    local _,
      row = ask("GET", "opportunities(" .. made.id .. ")?$expand=parentaccountid($select=name),"
      .. "parentcontactid($select=fullname),modifiedby($select=fullname),"
      .. "msft_opportunity_msft_microsoftsolution($expand=msft_SolutionDetailId)")
    t.eq({ row.parentaccountid.name, row.parentcontactid.fullname, row.modifiedby.fullname },
      { "Hoshino Parts KK", "Mika Hoshino", "Ken Aoki" })
    t.eq({ row.msft_microsoftpartnercenterhelp, row.msft_microsoftpartnercenterreferralsync,
      row.msft_microsoftpartnercenterreferralvisible }, { 299600002, true, true })
    local solution = row.msft_opportunity_msft_microsoftsolution[1]
    t.ok(solution.msft_SolutionDetailId.msft_solutionidentifier:find("^SOL%-1000"), "its detail")
    local _, latest = host.docs.get("crm:msft_microsoftsolution", made.solutions[2])
    local _, version = host.docs.get("crm:opportunity", made.id)
    t.ok(version > latest, "sync is a step of its own, after the solutions")
  end)

  case("acts: edit, win, reopen, lose, copy, solutions, delete", function()
    local made = act("create-opportunity", { name = "One", value = 10, currency = "EUR",
      account = "New Customer GmbH", contact = "Eva Lind", solutions = "SOL-10001-ABC" })
    local path = "opportunities(" .. made.id .. ")"
    act("edit", { table = "opportunity", id = "One", values = { name = "Two", description = "d",
      opportunityratingcode = "Hot", parentcontactid = json.null, estimatedvalue = "12.5",
      msft_microsoftpartnercenterreferralvisible = "no" } })
    local _, row = ask("GET", path)
    t.eq({ row.name, row.opportunityratingcode, row._parentcontactid_value,
      tonumber(tostring(row.estimatedvalue)), row.msft_microsoftpartnercenterreferralvisible },
      { "Two", 1, json.null, 12.5, false })
    local _, contact = ask("GET", "contacts(" .. made.contact .. ")")
    t.eq({ contact.emailaddress1, contact._parentcustomerid_value },
      { "eva@newcustomergmbh.example", made.account })
    act("win", { id = made.id, by = "ken@partner.example" })
    act("reopen", { id = made.id })
    act("lose", { id = made.id, status = "Out-Sold", reason = "price" })
    _, row = ask("GET", path)
    t.eq({ row.statecode, row.statuscode }, { 2, 5 })
    local copy = act("copy", { id = made.id })
    t.ok(copy.id ~= made.id, "a new row")
    act("add-solution", { opportunity = copy.id, solution = "SOL-10003-GHI" })
    act("remove-solution", { opportunity = copy.id, solution = "SOL-10003-GHI" })
    local result,
      err = act("remove-solution", { opportunity = copy.id, solution = "SOL-10003-GHI" })
    t.eq({ result, err.kind }, { nil, "remote" })
    act("delete", { table = "opportunity", id = made.id })
    local _, left = ask("GET", "msft_microsoftsolutions")
    t.eq(#left.value, 0, "its solutions went with it")
    result = act("fly", {})
    t.eq(result, nil)
  end)

  case("rows are found by version and by id among many, not by reading all", function()
    for i = 1, 300 do
      local id = string.format("0c000000-0000-4000-8000-%012d", i)
      host.docs.put("crm:contact", id, { contactid = id, lastname = "N" .. i },
        { "", "", "", "n" .. i })
    end
    local _, first = ask("GET", "contacts?$select=lastname", nil, TRACK)
    make("contacts", { lastname = "Last" })
    local find, read = host.docs.find, 0
    host.docs.find = function(collection, q)
      local out = find(collection, q)
      if collection == "crm:contact" then read = read + #out end
      return out
    end
    local _, delta = ask("GET", first["@odata.deltaLink"])
    local _, one = ask("GET", "contacts?$filter=lastname%20eq%20'N77'")
    ask("GET", "contacts(0c000000-0000-4000-8000-000000000005)")
    host.docs.find = find
    t.eq({ names(delta, "lastname"), names(one, "lastname"), read }, { "Last", "N77", 2 })
  end)
end

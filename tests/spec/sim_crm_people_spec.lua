-- The practice CRM: what people and administrators do to it beyond single rows (copies, backups,
-- becoming another organisation, rules of the customer's own), and filters through a look-up.
local acts = require "sim.crm_act"
local bulk = require "sim.bulk"
local dates = require "sim.dates"
local kit = require "sim.crm_kit"
local partner_kit = require "sim.kit"
local seed = require "sim.crm_seed"
local store = require "sim.crm_store"

local ask, act, code, make, deal = kit.ask, kit.act, kit.code, kit.make, kit.deal
local part, change_set, batch, ROOT = kit.part, kit.change_set, kit.batch, kit.ROOT
local TRACK = { Prefer = "odata.track-changes" }
local OTHER = "0c000000-0000-4000-8000-000000000007"
local MINUTE = 60000

local function cases_of(t)
  return function(name, run)
    t.case(name, function()
      kit.fresh()
      local at = kit.now
      local ok, err = pcall(run)
      kit.now = at
      if not ok then error(err, 0) end
    end)
  end
end

local function path_of(row) return "opportunities(" .. row.opportunityid .. ")" end

local function delta(link)
  local status, body = ask("GET", link)
  return status == 200 and body or nil, body.error and body.error.code
end

local function ids(list, column)
  local out = {}
  for i, row in ipairs(list.value) do out[i] = row[column or "name"] or row.id end
  return out
end

local function copying(case, t)
  case("each act says what it is for", function()
    for name, help in pairs(acts.help()) do t.ok(type(help) == "string" and #help > 10, name) end
  end)

  case("a copy has the columns of ours and none of the rows that hang on it", function()
    local made = act("create-opportunity", { name = "✔ Crane", value = 7, currency = "EUR",
      account = "Elbe Hafen GmbH", contact = "Jana Petersen", solutions = "SOL-10001-ABC",
      values = { msft_microsoftpartnercenterreferralidentifier = OTHER,
        msft_microsoftpartnercenterreferralsyncaudit = "line", msft_microsoftcrmidentifier = "7-1",
        msft_microsoftpartnercenterreferralsync = "yes" } })
    local copy = act("copy", { id = made.id })
    local children = "?$expand=msft_opportunity_msft_microsoftsolution"
    local _, old = ask("GET", "opportunities(" .. made.id .. ")" .. children)
    local _, new = ask("GET", "opportunities(" .. copy.id .. ")" .. children)
    t.eq({ #old.msft_opportunity_msft_microsoftsolution,
      #new.msft_opportunity_msft_microsoftsolution }, { 1, 0 })
    for _, name in ipairs { "name", "msft_microsoftpartnercenterreferralidentifier",
      "msft_microsoftpartnercenterreferralsyncaudit", "msft_microsoftcrmidentifier",
      "msft_microsoftpartnercenterreferralsync", "_parentaccountid_value",
      "_transactioncurrencyid_value" } do
      t.eq(new[name], old[name], name)
    end
    t.eq({ new.statecode, new.opportunityid == old.opportunityid }, { 0, false })
  end)
end

local function backups(case, t)
  case("a backup brings back rows, deleted rows, versions and tags", function()
    local kept, gone = deal({ name = "Kept" }), deal({ name = "Gone" })
    local _, before = ask("GET", path_of(kept))
    local saved = act("backup", { name = "monday" })
    ask("PATCH", path_of(kept), { name = "Changed" })
    ask("DELETE", path_of(gone))
    local late = deal({ name = "Late" })
    t.eq(act("restore-backup", { name = "monday" }).version, saved.version)
    local _, after = ask("GET", path_of(kept))
    t.eq(after, before, "the whole row, its tag and version too")
    t.eq((ask("GET", path_of(gone))), 200)
    t.eq((ask("GET", path_of(late))), 404)
    t.eq(kit.found("name%20eq%20'Hoshino%20Parts%20KK'"), "Hoshino Parts KK")
    t.eq(select(2, act("restore-backup", { name = "never" })).text, "there is no backup 'never'")
  end)

  case("versions are given out again, and what changes afterwards is tracked", function()
    local a = deal({ name = "A" })
    local _, first = ask("GET", "opportunities?$select=name", nil, TRACK)
    act("backup", {})
    local lost = deal({ name = "Lost" })
    act("restore-backup", {})
    local page = delta(first["@odata.deltaLink"])
    t.eq(ids(page), {}, "the link is older than the backup")
    local again = deal({ name = "Again" })
    t.ok(again.versionnumber <= lost.versionnumber, "not above " .. lost.versionnumber)
    ask("PATCH", path_of(a), { name = "A2" }, { ["If-Match"] = a["@odata.etag"] })
    ask("DELETE", path_of(again))
    page = delta(page["@odata.deltaLink"])
    t.eq(ids(page), { "A2", again.opportunityid })
    act("backup", {})
    act("restore-backup", {})
    t.eq(ids(delta(page["@odata.deltaLink"])), {}, "restored twice")
  end)

  case("a link from the future: an empty page and a new link, or the expired token", function()
    deal({ name = "A" })
    act("backup", {})
    for i = 1, 9 do deal({ name = "Lost " .. i }) end
    local _, first = ask("GET", "opportunities?$select=name", nil, TRACK)
    act("restore-backup", {})
    local future = first["@odata.deltaLink"]
    kit.set.set("future_delta", "expired")
    t.eq({ delta(future) }, { nil, "0x80044352" })
    kit.set.set("future_delta", "empty")
    local page = delta(future)
    t.eq(ids(page), {})
    deal({ name = "New" })
    t.eq(ids(delta(page["@odata.deltaLink"])), { "New" }, "the new link is of the present")
    for i = 1, 12 do deal({ name = "More " .. i }) end
    t.eq(#delta(future).value < 13, true, "once caught up, the old link has missed some")
  end)
end

local function organisations(case, t)
  case("the running CRM becomes another organisation", function()
    local _, me = ask("GET", "WhoAmI")
    t.eq(me.OrganizationId, seed.ORGANIZATION)
    local row = deal({ name = "Stays" })
    act("become-organization", { id = OTHER:upper(), name = "aobacopy" })
    _, me = ask("GET", "WhoAmI")
    local _, list = ask("GET", "organizations")
    t.eq({ me.OrganizationId, #list.value, list.value[1].organizationid, list.value[1].name },
      { OTHER, 1, OTHER, "aobacopy" })
    local _, same = ask("GET", path_of(row))
    t.eq({ same["@odata.etag"], same.name }, { row["@odata.etag"], "Stays" })
    t.eq((act("become-organization", { id = "x" })), nil)
  end)
end

local function rules(case, t)
  case("somebody deletes many rows at once", function()
    for i = 1, 5 do deal({ name = "Deal " .. i }) end
    t.eq(act("delete-all", { most = "3" }).deleted, 3)
    local _, list = ask("GET", "opportunities")
    t.eq({ #list.value, act("delete-all", {}).deleted }, { 2, 2 })
  end)

  case("a lead is disqualified with a reason, and not twice as qualified", function()
    local lead = make("leads", { subject = "Talk", lastname = "Ito" })
    act("disqualify", { id = lead.leadid, status = "Canceled" })
    local _, row = ask("GET", "leads(" .. lead.leadid .. ")")
    t.eq({ row.statecode, row.statuscode }, { 2, 7 })
    t.eq((act("qualify", { id = lead.leadid })), nil)
  end)

  case("quotes lock the currency of one row until they are gone", function()
    local row, other = deal({ estimatedvalue = 5 }), deal({ estimatedvalue = 5 })
    local yen = { ["transactioncurrencyid@odata.bind"] = "/transactioncurrencies("
      .. kit.currency("JPY") .. ")" }
    local same = { ["transactioncurrencyid@odata.bind"] = "/transactioncurrencies("
      .. kit.currency("USD") .. ")", estimatedvalue = 6 }
    act("lock-currency", { id = row.opportunityid })
    t.eq({ code("PATCH", path_of(row), yen) }, { 400, "0x80048479" })
    t.eq((code("PATCH", path_of(row), same)), 204)
    t.eq((code("PATCH", path_of(other), yen)), 204)
    act("lock-currency", { id = row.opportunityid, on = "no" })
    t.eq((code("PATCH", path_of(row), yen)), 204)
  end)

  local function set_of(name, number)
    return { change_set {
      part("POST", ROOT .. "accounts", { name = name, accountnumber = number }, nil, "1"),
      part("POST", ROOT .. "opportunities", { name = name, ["parentaccountid@odata.bind"] = "$1" },
        nil, "2") } }
  end

  case("a customer's own key refuses a whole change set", function()
    act("define-key", { table = "account", columns = "accountnumber" })
    t.eq((batch(set_of("One", "A1"))), 200)
    local status, text = batch(set_of("Two", "A1"))
    t.eq(status, 412)
    t.has(text, "0x80060892")
    t.eq({ kit.found("name%20eq%20'Two'"), kit.found("name%20eq%20'One'") }, { "", "One" })
    local _, list = ask("GET", "opportunities?$select=name")
    t.eq(ids(list), { "One" })
  end)

  case("a duplicate rule refuses new rows, in a change set too, but not a person's", function()
    act("refuse-create", { table = "account" })
    local status, text = batch(set_of("Two", "A2"))
    t.eq(status, 412)
    t.has(text, "0x80040333")
    local _, list = ask("GET", "opportunities?$select=name")
    t.eq(ids(list), {})
    t.ok(act("create", { table = "account", name = "By hand" }), "a person may")
    act("refuse-create", { table = "account", code = "0x80040265", status = 400, message = "No." })
    t.eq({ code("POST", "accounts", { name = "x" }) }, { 400, "0x80040265" })
    act("refuse-create", { table = "account", on = false })
    t.eq((code("POST", "accounts", { name = "x" })), 204)
  end)
end

local function filters(case, t)
  local function found(filter)
    local status, list = ask("GET", "opportunities?$select=name&$filter="
      .. filter:gsub("[ ']", { [" "] = "%20", ["'"] = "%27" }))
    if status ~= 200 then return list.error.code end
    local out = ids(list)
    table.sort(out)
    return table.concat(out, ",")
  end

  -- Two deals of two customers; the first customer and the second contact change later.
  local function customers()
    local made = {}
    for i = 1, 2 do
      local account = make("accounts", { name = "Customer " .. i })
      local contact = make("contacts", { lastname = "Contact " .. i })
      made[i] = { account = account, contact = contact, row = deal({ name = "Deal " .. i,
        ["parentaccountid@odata.bind"] = "/accounts(" .. account.accountid .. ")",
        ["parentcontactid@odata.bind"] = "/contacts(" .. contact.contactid .. ")" }) }
    end
    deal({ name = "Alone" })
    kit.now = kit.now + 10 * MINUTE
    ask("PATCH", "accounts(" .. made[1].account.accountid .. ")", { telephone1 = "1" })
    kit.now = kit.now + MINUTE
    ask("PATCH", "contacts(" .. made[2].contact.contactid .. ")", { telephone1 = "1" })
    return dates.text(kit.now - 5 * MINUTE, 0), dates.text(kit.now, 0)
  end

  case("a filter through a look-up, with and, or, not, and the row's own columns", function()
    local since, now = customers()
    local account, contact = "parentaccountid/modifiedon ge ", "parentcontactid/modifiedon ge "
    t.eq(found(account .. since), "Deal 1")
    t.eq(found(contact .. since), "Deal 2")
    t.eq(found(account .. since .. " or " .. contact .. since), "Deal 1,Deal 2")
    t.eq(found(account .. since .. " and " .. contact .. since), "")
    t.eq(found("(" .. account .. since .. " or " .. contact .. since
      .. ") and name eq 'Deal 2' and statecode eq 0"), "Deal 2")
    t.eq(found(account .. since .. " or name eq 'Alone'"), "Alone,Deal 1")
    t.eq(found("not (" .. account .. since .. ")"), "Deal 2", "a missing look-up is unknown")
    t.eq(found("parentaccountid/modifiedon lt " .. since), "Deal 2")
    t.eq(found(contact .. now), "Deal 2")
    t.eq(found("parentcontactid/modifiedon gt " .. now), "")
    t.eq(found("parentaccountid/nothing ge " .. since), "0x0")
  end)

  case("such a filter is answered page by page, and reads only what was changed", function()
    local since = customers()
    for i = 1, 40 do deal({ name = "Other " .. i }) end
    local find, read = host.docs.find, 0
    host.docs.find = function(collection, q)
      local out = find(collection, q)
      if collection == "crm:opportunity" then read = read + #out end
      return out
    end
    local filter = "opportunities?$select=name&$filter=parentaccountid/modifiedon%20ge%20" .. since
      .. "%20or%20parentcontactid/modifiedon%20ge%20" .. since
    local one = { Prefer = "odata.maxpagesize=1" }
    local _, first = ask("GET", filter, nil, one)
    local reads = read
    local _, second = ask("GET", first["@odata.nextLink"], nil, one)
    host.docs.find = find
    local both = { first.value[1].name, second.value[1].name }
    table.sort(both)
    t.eq({ both, second["@odata.nextLink"] }, { { "Deal 1", "Deal 2" }, nil })
    t.ok(reads <= 4, reads .. " opportunities read for two")
  end)

  case("a clock that went back hides no change from modifiedon", function()
    deal({ name = "Late" })
    kit.now = kit.now - 60 * MINUTE
    deal({ name = "Early" })
    local from = dates.text(kit.now - MINUTE, 0)
    kit.now = kit.now + 60 * MINUTE
    t.eq(found("modifiedon ge " .. from), "Early,Late")
    t.eq(found("modifiedon ge " .. dates.text(kit.now, 0)), "Late")
  end)

  case("modifiedon has whole seconds; a literal keeps its fraction", function()
    kit.now = kit.now // 1000 * 1000 + 700
    deal({ name = "A" })
    local second = dates.text(kit.now, 0, "")
    t.eq(found("modifiedon ge " .. second .. "Z"), "A")
    t.eq(found("modifiedon eq " .. second .. ".000Z"), "A")
    t.eq(found("modifiedon ge " .. second .. ".500Z"), "")
    t.eq(found("modifiedon lt " .. second .. ".0010000Z"), "A")
  end)
end

-- A practice environment of both sides, without listeners, for deals made in bulk.
local function both_sides()
  local p = partner_kit.practice()
  return p, { env = p.env, partner = p.pc,
    crm = { work = function()
      return store.work({ user = seed.APPLICATION_USER, now = kit.now, uuid = host.uuid,
        switch = function(name) return kit.set.get(name) end, refs = {} })
    end } }
end

local function in_bulk(case, t)
  case("deals in bulk are like others, and the same on both sides", function()
    local p, server = both_sides()
    bulk.run(server, { deals = 30, linked = true, portal = "https://portal.example/r/" })
    local seen = { code = {}, solutions = {}, name = {} }
    for i = 1, 30 do
      local d = bulk.deal(i)
      local _, r = p:call("GET", partner_kit.PATH .. "/" .. d.id)
      local _, row = ask("GET", "opportunities(" .. r.externalReferenceId .. ")?$expand="
        .. "transactioncurrencyid($select=isocurrencycode),parentaccountid($select=name),"
        .. "parentcontactid($select=emailaddress1,_parentcustomerid_value),"
        .. "msft_opportunity_msft_microsoftsolution($expand=msft_SolutionDetailId)")
      t.eq({ row.name, tonumber(tostring(row.estimatedvalue)), row.estimatedclosedate },
        { "✔ " .. r.name, tonumber(tostring(r.details.dealValue)),
          r.details.closingDateTime:sub(1, 10) })
      t.eq({ row.transactioncurrencyid.isocurrencycode, row.description, row.parentaccountid.name },
        { r.details.currency, r.details.notes, r.customerProfile.name })
      t.eq({ row.parentcontactid.emailaddress1, row.parentcontactid._parentcustomerid_value },
        { r.customerProfile.team[1].email, row._parentaccountid_value })
      t.eq({ row.msft_microsoftpartnercenterreferralidentifier,
        row.msft_microsoftpartnercenterreferrallink, row.msft_microsoftpartnercenterreferralsync },
        { r.id, "https://portal.example/r/" .. r.id, true })
      local there, here = {}, {}
      for n, s in ipairs(r.details.requirements.solutions) do there[n] = s.id end
      for n, s in ipairs(row.msft_opportunity_msft_microsoftsolution) do
        here[n] = s.msft_SolutionDetailId.msft_solutionidentifier
      end
      t.eq(here, there)
      seen.code[r.details.currency], seen.solutions[#there], seen.name[r.name] = true, true, true
    end
    for name, want in pairs { code = 3, solutions = 3, name = 30 } do
      local n = 0
      for _ in pairs(seen[name]) do n = n + 1 end
      t.eq(n, want, name)
    end
  end)

  case("a deal in bulk is a deal: edited by its people, found by its columns, tracked", function()
    local p, server = both_sides()
    local _, first = ask("GET", "opportunities?$select=name", nil, TRACK)
    bulk.run(server, { deals = 3, linked = true })
    t.eq(#delta(first["@odata.deltaLink"]).value, 3)
    local d = bulk.deal(2)
    t.ok(p.pc:act("edit", { id = d.id, value = 5 }), "edited in the portal")
    t.ok(act("edit", { id = d.row, values = { estimatedvalue = "6" } }), "edited in the CRM")
    local _, list = ask("GET", "opportunities?$select=estimatedvalue&$filter="
      .. "msft_microsoftpartnercenterreferralidentifier%20eq%20'" .. d.id .. "'")
    t.eq({ #list.value, tonumber(tostring(list.value[1].estimatedvalue)) }, { 1, 6 })
    _, list = ask("GET", "opportunities?$filter=modifiedon%20ge%20" .. dates.text(kit.now, 0))
    t.eq(#list.value, 3)
  end)

  case("without --linked only the portal has them", function()
    local p, server = both_sides()
    bulk.run(server, { deals = 3 })
    local _, r = p:call("GET", partner_kit.PATH .. "/" .. bulk.deal(3).id)
    t.eq({ r.status, r.externalReferenceId }, { "Active", json.null })
    local _, list = ask("GET", "opportunities")
    t.eq(#list.value, 0)
  end)
end

return function(t)
  local case = cases_of(t)
  for _, some in ipairs { copying, backups, organisations, rules, filters, in_bulk } do
    some(case, t)
  end
end

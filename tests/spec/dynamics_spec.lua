-- The Dataverse client: against the practice CRM for what a service decides, against recorded
-- answers for what goes wrong on the way.
local crm = require "sim.crm"
local dynamics = require "dynamics"
local meta = require "dynamics_meta"
local schema = require "sim.crm_schema"
local seed = require "sim.crm_seed"
local sim_switches = require "sim.switches"

local BASE = "http://127.0.0.1:8103"
local ROOT = "/api/data/v9.2/"
local ACCOUNT = "5a1e0000-0000-4000-8000-000000000041"
local CONTACT = "5a1e0000-0000-4000-8000-000000000042"
local FIRST = "aaaa0000-0000-4000-8000-000000000001"
local SECOND = "aaaa0000-0000-4000-8000-000000000002"
local START = 1924992000000 -- 2031-01-01

local service, marks, now, sent, switches

-- ---- the way out, led into the practice CRM

local function lower(headers)
  local out = {}
  for name, value in pairs(headers or {}) do out[name:lower()] = value end
  return out
end

local function through_practice(r)
  local target = ROOT .. r.path
  local path, query = target:match("^([^?]*)%??(.*)$")
  local headers = lower(r.headers)
  headers.authorization = "Bearer practice"
  local status, out, body = service.handle { method = r.method, path = path, target = target,
    query = query ~= "" and query or nil, host = "127.0.0.1:8103", headers = headers,
    body = r.body or "" }
  return { status = status, headers = lower(out), body = body or "", ms = 1 }
end

local function serve(answer)
  sent = {}
  rawset(host, "http", { request = function(r)
    sent[#sent + 1] = r
    return answer(r)
  end })
end

local function empty(collection)
  for _, row in ipairs(host.docs.find(collection, { most = 100000 })) do
    host.docs.drop(collection, row.id)
  end
end

local count = 0
local function uuid()
  count = count + 1
  return ("bbbb0000-0000-4000-8000-%012d"):format(count)
end

local function practice()
  for name in pairs(schema.tables) do
    empty("crm:" .. name)
    empty("crm_deleted:" .. name)
  end
  empty("crm_state")
  empty("crm_defined")
  switches = sim_switches.new()
  service = crm.new { now = function() return now end, uuid = uuid, base = { crm = BASE },
    switch = switches.get, log = function() end,
    tokens = { check = function() return { appid = seed.CLIENT } end } }
  service.seed()
  serve(through_practice)
end

-- What the client needs of its host, and all of it put back afterwards.
local function with_host(work)
  local kept = {
    http = host.http, store = host.store, now_ms = host.now_ms, profile = host.profile,
  }
  marks, now = {}, START
  rawset(host, "store", {
    mark_get = function(name) return marks[name] end,
    mark_set = function(name, value)
      marks[name] = value
      return true
    end,
  })
  rawset(host, "now_ms", function() return now end)
  rawset(host, "profile", { crm_url = BASE, settings = {}, columns = {}, flows = {} })
  practice()
  for name in pairs(schema.tables) do
    now = START - 3600000 -- so that a definition an earlier case read is old enough to be dropped
    meta.forget(name)
  end
  now, marks = START, {}
  sent = {}
  local ok, err = pcall(work)
  for name, value in pairs(kept) do rawset(host, name, value) end
  if not ok then error(err, 0) end
end

local function opportunity(id, more)
  local values = { name = "Plant sensors", estimatedvalue = "1250000.5",
    transactioncurrencyid = { table = "transactioncurrency", id = seed.JPY },
    parentaccountid = { table = "account", id = ACCOUNT }, estimatedclosedate = "2031-03-31" }
  for name, value in pairs(more or {}) do values[name] = value end
  return { op = "create", table = "opportunity", id = id, values = values }
end

local function made(t, id, more)
  local done, err = dynamics.changes { opportunity(id, more) }
  t.ok(done, err and err.text)
end

-- ---- definitions

local function definitions(t)
  local m = dynamics.table "opportunity"
  t.eq(m.set, "opportunities")
  t.eq(m.id .. " " .. m.name, "opportunityid name")
  t.eq(m.tracked, true)
  local c = m.columns
  t.eq(c.name.type .. c.name.max, "String300")
  t.eq(c.estimatedclosedate.behavior, "DateOnly")
  t.eq(c.estimatedvalue.type, "Money")
  t.eq(c.customerid.type .. " " .. table.concat(c.customerid.targets, " "),
    "Customer account contact")
  t.eq(m.nav.customerid.contact, "customerid_contact")
  t.eq(m.nav.parentaccountid.account, "parentaccountid")
  t.eq(c.statecode.options[1].label, "Open")
  t.eq(c.statuscode.options[3].state, 1)
  t.eq(c.msft_microsoftpartnercenterhelp.options[1].labels[1],
    c.msft_microsoftpartnercenterhelp.options[1].label)
  t.eq(#c.msft_microsoftpartnercenterreferralsync.options, 2)
  t.eq(c.statecode.create, false)
  t.eq(#sent, 1) -- one batch
  t.ok(sent[1].page and sent[1].operations > 10)
end

local function definitions_kept(t)
  dynamics.table "account"
  dynamics.table "account"
  t.eq(#sent, 1)
  local mark = marks["meta:account"]
  t.eq(json.decode(mark).meta.set, "accounts")
  now = now + 25 * 3600000
  dynamics.table "account"
  t.eq(#sent, 2)
  now = now + 25 * 3600000
  serve(function() return nil, { kind = "net", text = "refused" } end)
  t.eq(dynamics.table("account").set, "accounts") -- old, but better than none
  t.eq(dynamics.table "contact", nil)
end

local function discovery(t)
  local found = {}
  for _, one in ipairs(dynamics.tables_with_prefix "msft_") do found[one.name] = one end
  t.eq(found.msft_microsoftsolution.set, "msft_microsoftsolutions")
  t.eq(found.msft_microsoftsolution.tracked, true)
  t.ok(found.msft_microsoftsolution.display ~= nil)
  t.eq(found.account, nil)
  local relation
  for _, one in ipairs(dynamics.relations "opportunity") do
    if one.referencing == "msft_microsoftsolution" then relation = one end
  end
  t.eq(relation.column, "msft_opportunityid")
  t.ok(relation.navigation and relation.referenced_navigation)
end

-- ---- rows

local function get(t)
  made(t, FIRST)
  local row, tag = dynamics.get("opportunity", FIRST:upper(),
    { "name", "estimatedvalue", "customerid", "parentaccountid", "_parentaccountid_value" },
    "parentaccountid($select=name)")
  t.eq(row.name, "Plant sensors")
  t.eq(row._parentaccountid_value, ACCOUNT)
  t.eq(row["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account")
  t.eq(row.parentaccountid.name, "Hoshino Parts KK")
  t.ok(tag and tag:find '^W/"')
  local r = sent[#sent]
  t.eq(r.headers["If-None-Match"], "null")
  t.eq(r.headers["OData-Version"], "4.0")
  local select = "$select=name,estimatedvalue,_customerid_value,_parentaccountid_value&"
  t.ok(r.path:find(select, 1, true))
  local none, err = dynamics.get("opportunity", SECOND, { "name" })
  t.eq(none, nil)
  t.eq(err.kind .. " " .. err.code, "absent 0x80040217")
  t.ok(not pcall(dynamics.get, "opportunity", "1) or (1", { "name" }))
end

local function query(t)
  made(t, FIRST, { name = "O'Neil & Söhne 100% + #1" })
  made(t, SECOND, { name = "Other" })
  local filter = "name eq " .. dynamics.q "o'neil & söhne 100% + #1" .. " and statecode eq 0"
  local rows = dynamics.query("opportunity", { select = { "name" }, filter = filter, top = 2 })
  t.eq(#rows, 1)
  t.eq(rows[1].opportunityid, FIRST)
  t.ok(not sent[#sent].path:find(" ", 1, true))
  t.ok(not sent[#sent].page)
  rows = dynamics.query("opportunity", { select = { "name" }, orderby = "name desc" })
  t.eq(#rows, 2)
  t.eq(rows[2].name, "O'Neil & Söhne 100% + #1")
end

local function query_pages(t)
  serve(function(r)
    local prefer = r.headers.Prefer
    r.headers.Prefer = prefer and prefer:gsub("maxpagesize=%d+", "maxpagesize=2")
    return through_practice(r)
  end)
  local rows = dynamics.query("msft_microsoftsolutiondetail",
    { select = { "msft_name" }, orderby = "msft_name asc" })
  t.eq(#rows, 4)
  local pages = 0
  for _, r in ipairs(sent) do
    if r.path:find("skiptoken", 1, true) then
      pages = pages + 1
      t.ok(r.page)
    end
  end
  t.eq(pages, 1)
end

local function foreign_links(t)
  dynamics.table "account"
  local link = "https://evil.example/api/data/v9.2/accounts?$skiptoken=1"
  serve(function()
    local body = json.encode { value = json.array {},
      ["@odata.nextLink"] = #sent == 1 and link or nil }
    return { status = 200, headers = {}, body = body }
  end)
  local rows, err = dynamics.query("account", { select = { "name" } })
  t.eq(rows, nil, "rows of a foreign link")
  t.eq(err.kind, "data")
  t.eq(#sent, 1)
  local page
  page, err = dynamics.delta("account", { "name" }, link)
  t.eq(page, nil)
  t.eq(err.code, "0x80044352", "a kept link, after the address was changed: read anew")
  t.eq(#sent, 1)
end

local function update(t)
  made(t, FIRST)
  local _, tag = dynamics.get("opportunity", FIRST, { "name" })
  local row, fresh = dynamics.update("opportunity", FIRST, tag, {
    name = "Renamed", estimatedvalue = "99", parentaccountid = json.null,
    parentcontactid = { table = "contact", id = CONTACT },
    ownerid = { table = "team", id = seed.TEAM },
  }, { "name", "estimatedvalue", "parentaccountid", "parentcontactid", "ownerid" })
  t.eq(row.name, "Renamed")
  t.eq(tonumber(tostring(row.estimatedvalue)), 99.0)
  t.eq(row._parentaccountid_value, json.null)
  t.eq(row._parentcontactid_value, CONTACT)
  t.eq(row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "team")
  t.ok(fresh and fresh ~= tag)
  local none, err = dynamics.update("opportunity", FIRST, tag, { name = "Stale" })
  t.eq(none, nil)
  t.eq(err.kind .. " " .. err.code, "conflict 0x80060882")
  t.eq(select(2, dynamics.update("opportunity", SECOND, nil, { name = "x" })).kind, "absent")
  t.eq(#host.docs.find("crm:opportunity", { most = 9 }), 1) -- nothing was made
end

local function customer(t)
  made(t, FIRST)
  local row = dynamics.update("opportunity", FIRST, nil,
    { customerid = { table = "contact", id = CONTACT } }, { "customerid" })
  t.eq(row._customerid_value, CONTACT)
  row = dynamics.update("contact", CONTACT, nil, { parentcustomerid = json.null },
    { "parentcustomerid" })
  t.eq(row._parentcustomerid_value, json.null)
  local _, err = dynamics.update("opportunity", FIRST, nil, { customerid = ACCOUNT })
  t.eq(err.kind, "data") -- which of the two tables?
  _, err = dynamics.update("opportunity", FIRST, nil, { parentaccountid = "Hoshino" })
  t.eq(err.kind, "data")
  _, err = dynamics.update("opportunity", FIRST, nil,
    { parentaccountid = { table = "lead", id = ACCOUNT } })
  t.eq(err.kind, "data")
end

local function update_without_a_row(t)
  dynamics.table "opportunity"
  serve(function() return { status = 204, headers = { etag = 'W/"9"' }, body = "" } end)
  local row, tag = dynamics.update("opportunity", FIRST, 'W/"8"', { name = "x" })
  t.eq(row, true)
  t.eq(tag, 'W/"9"')
  t.eq(sent[1].headers["If-Match"], 'W/"8"')
  t.eq(sent[1].headers.Prefer, "return=representation")
end

local function unknown_column(t)
  dynamics.table "account"
  now = now + 3600000 -- the definition is an hour old
  sent = {}
  serve(through_practice)
  local row, err = dynamics.update("account", ACCOUNT, nil, { new_column = 1 })
  t.eq(row, nil)
  t.eq(err.kind, "remote")
  t.eq(#sent, 3) -- refused, definition read anew, refused
  sent = {}
  dynamics.update("account", ACCOUNT, nil, { new_column = 1 })
  t.eq(#sent, 1) -- the definition was read just now
end

-- ---- several at once

local function changes(t)
  local account = "cccc0000-0000-4000-8000-000000000001"
  local done, changed, rows = dynamics.changes({
    { op = "create", table = "account", id = account, values = { name = "Kogane" } },
    { op = "create", table = "opportunity", id = FIRST, select = { "name", "parentaccountid" },
      values = { name = "Deal", parentaccountid = { table = "account", id = account } } },
  }, { { table = "opportunity", id = FIRST, select = { "name", "statecode" } },
    { table = "opportunity", id = SECOND, select = { "name" } } })
  t.ok(done, changed and changed.text)
  t.eq(changed[2].row._parentaccountid_value, account)
  t.ok(changed[2].tag)
  t.eq(rows[1][1].name, "Deal")
  t.eq(rows[1][1].statecode, 0)
  t.eq(#rows[2], 0)
  t.eq(sent[#sent].operations, 4)
end

local function changes_refused(t)
  made(t, FIRST)
  local first = opportunity(SECOND)
  local done, err = dynamics.changes { first, opportunity(FIRST) }
  t.eq(done, nil)
  t.eq(err.kind, "conflict")
  t.eq(err.index, 2)
  t.eq(select(2, dynamics.get("opportunity", SECOND, { "name" })).kind, "absent")
  switches.set("changeset_error_id", "false")
  done, err = dynamics.changes { first, opportunity(FIRST) }
  t.eq(done, nil)
  t.eq(err.kind, "conflict")
  t.eq(err.index, nil) -- not told
  done, err = dynamics.changes { opportunity(FIRST, { name = ("x"):rep(301) }) }
  t.eq(done, nil)
  t.ok(err.index == 1 and err.text ~= nil)
  done, err = dynamics.changes({ opportunity(FIRST) },
    { { table = "account", id = ACCOUNT, select = { "name" } } })
  t.eq(done, nil)
  t.eq(err.kind, "conflict") -- also where reads follow, and the outer status is 200
end

local function changes_closing(t)
  made(t, FIRST)
  local _, tag = dynamics.get("opportunity", FIRST, { "name" })
  local close = { op = "action", name = "WinOpportunity", body = { Status = 3, OpportunityClose = {
    ["@odata.type"] = "Microsoft.Dynamics.CRM.opportunityclose", subject = "Won",
    ["opportunityid@odata.bind"] = "/opportunities(" .. FIRST .. ")" } } }
  local change = { op = "update", table = "opportunity", id = FIRST, tag = tag,
    values = { name = "Last name" } }
  local done, changed, rows = dynamics.changes({ change, close },
    { { table = "opportunity", id = FIRST, select = { "name", "statecode" } } })
  t.ok(done, changed and changed.text)
  t.eq(rows[1][1].statecode, 1)
  t.eq(rows[1][1].name, "Last name")
  done, changed = dynamics.changes { change }
  t.eq(done, nil)
  t.eq(changed.code, "0x80060882")
  t.ok(dynamics.changes { { op = "delete", table = "opportunity", id = FIRST } })
  t.eq(select(2, dynamics.get("opportunity", FIRST, { "name" })).kind, "absent")
end

local function batch_get(t)
  local lists = dynamics.batch_get {
    { table = "account", select = { "name" }, filter = "name eq " .. dynamics.q "hoshino parts kk",
      top = 5 },
    { table = "contact", id = CONTACT, select = { "lastname", "parentcustomerid" } },
    { table = "contact", id = SECOND, select = { "lastname" } },
    { table = "account", select = { "name" }, filter = "name eq 'nobody'" },
  }
  t.eq(lists[1][1].accountid, ACCOUNT)
  t.eq(lists[2][1].lastname, "Hoshino")
  t.eq(lists[2][1]["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account")
  t.eq(#lists[3], 0)
  t.eq(#lists[4], 0)
  t.eq(sent[#sent].operations, 4)
  local none, err = dynamics.batch_get {
    { table = "account", select = { "name" }, filter = "statecode eq 0" },
    { table = "account", select = { "name" }, filter = "nope eq 1" } }
  t.eq(none, nil)
  t.eq(err.kind, "remote")
  t.eq(err.index, 2)
  t.eq(#dynamics.batch_get {}, 0)
end

-- ---- changes over time

local function delta(t)
  made(t, FIRST)
  made(t, SECOND)
  local page = dynamics.delta("opportunity", { "name", "customerid" })
  t.eq(#page.rows, 2)
  t.eq(page.next, nil)
  t.ok(page.delta:find(BASE, 1, true))
  t.ok(sent[#sent].page)
  dynamics.update("opportunity", FIRST, nil, { name = "Changed" })
  t.ok(dynamics.changes { { op = "delete", table = "opportunity", id = SECOND } })
  local later = dynamics.delta("opportunity", { "name", "customerid" }, page.delta)
  t.eq(#later.rows, 1)
  t.eq(later.rows[1].name, "Changed")
  t.eq(later.rows[1]["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], "account")
  t.eq(later.deleted[1], SECOND)
  t.ok(not sent[#sent].headers.Prefer:find("track-changes", 1, true))
  local quiet = dynamics.delta("opportunity", { "name" }, later.delta)
  t.eq(#quiet.rows + #quiet.deleted, 0)
  now = now + 8 * 86400000
  local none, err = dynamics.delta("opportunity", { "name" }, page.delta)
  t.eq(none, nil)
  t.eq(err.kind .. " " .. err.code, "absent 0x80044352")
end

local function delta_not_tracked(t)
  service.act("tracking", { table = "account", on = false })
  local none, err = dynamics.delta("account", { "name" })
  t.eq(none, nil)
  t.eq(err and err.code, "0x80072491")
  t.eq(err and err.kind, "remote")
end

local function modified_since(t)
  made(t, FIRST)
  now = now + 600000
  made(t, SECOND)
  local ids = {}
  for rows, more in dynamics.modified_since("opportunity", { "name", "modifiedon" },
    "2031-01-01T00:05:00Z", "statecode eq 0") do
    t.eq(more, nil)
    for _, row in ipairs(rows) do
      ids[#ids + 1] = row.opportunityid
    end
  end
  t.eq(table.concat(ids, " "), SECOND)
  t.ok(sent[#sent].page)
end

local function whoami(t)
  local who = dynamics.whoami()
  t.eq(who.organization, seed.ORGANIZATION)
  t.eq(who.user, seed.APPLICATION_USER)
end

-- ---- answers that cannot be read

local function answers_gone_wrong(t)
  made(t, SECOND) -- so that all definitions are known
  local wrong = {
    { { status = 200, headers = { ["content-type"] = "application/json" }, body = "{}" }, "net" },
    { { status = 200, headers = { ["content-type"] = "multipart/mixed; boundary=x" },
      body = "--x\r\nContent-Type" }, "net" },
    { { status = 200, headers = { ["content-type"] = "multipart/mixed; boundary=x" },
      body = "--x--" }, "net" },
    { { status = 400, headers = { ["content-type"] = "application/json" },
      body = '{"error":{"code":"0x80048d19","message":"payload"}}' }, "remote" },
  }
  for _, w in ipairs(wrong) do
    serve(function() return w[1] end)
    local done, err = dynamics.changes { opportunity(FIRST) }
    t.eq(done, nil)
    t.eq(err.kind, w[2])
  end
end

local CASES = {
  { "table_types_options_navigation_in_one_request", definitions },
  { "table_kept_a_day_and_over_a_restart", definitions_kept },
  { "discovery_prefix_and_relations", discovery },
  { "whoami", whoami },
  { "get_selects_annotates_expands", get },
  { "query_literals_survive", query },
  { "query_pages_are_not_counted", query_pages },
  { "links_to_another_address_are_refused", foreign_links },
  { "update_under_its_tag", update },
  { "update_customer_lookup", customer },
  { "update_204_tolerated", update_without_a_row },
  { "unknown_column_reads_the_definition_once", unknown_column },
  { "changes_all_in_one_with_reads", changes },
  { "changes_refused_leave_nothing", changes_refused },
  { "changes_close_and_delete", changes_closing },
  { "batch_get_lists_in_order", batch_get },
  { "delta_changes_deletions_expiry", delta },
  { "delta_without_tracking", delta_not_tracked },
  { "modified_since_overlaps_nothing_older", modified_since },
  { "changes_unreadable_answers", answers_gone_wrong },
}

return function(t)
  for _, case in ipairs(CASES) do
    t.case(case[1], function()
      with_host(function() case[2](t) end)
    end)
  end
end

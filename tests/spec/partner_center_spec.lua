-- The Referrals API client against recorded, invented answers: what goes out, and what becomes of
-- what comes back.
local partner = require "partner_center"

local ID = "9d3f0c1e-1111-4222-8333-9999aaaabbbb"
local TAG = '"5e7a11d0-0000-0100-0000-71c2b9a40000"'

local sent, answers

-- Replaces the way out by a list of answers: { status, body, headers } or an error value.
local function serve(...)
  sent, answers = {}, { ... }
  rawset(host, "http", { request = function(r)
    sent[#sent + 1] = r
    local a = table.remove(answers, 1) or error("one request too many: " .. r.path)
    if a.kind then return nil, a end
    local body = type(a[2]) == "table" and json.encode(a[2]) or a[2] or ""
    return { status = a[1], headers = a[3] or {}, body = body, ms = 1 }
  end })
end

local function referral(more)
  local out = { id = ID, eTag = TAG, engagementId = "2b7f1f0c-aaaa-4bbb-8ccc-ddddeeeeffff" }
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

local function get(t)
  local raw = [[{"ID":"x","ETAG":"\"a-b\"","Team":{"FirstName":"Ken"},"customerProfile":]]
    .. [[{"ids":{},"team":null,"address":{"Country":"JP"}},"details":{"requirements":{"solutions":]]
    .. [[[{"id":"SOL-1-ABC"}]}},"consent":{"ConsentToContact":true},"unheardOf":[1]}]]
  serve { 200, raw, { etag = "W/other" } }
  local r, tag, text = partner.get(ID:upper())
  t.eq(sent[1].path, "engagements/referrals/" .. ID)
  t.eq(sent[1].remote .. " " .. sent[1].method, "partner_center GET")
  t.ok(sent[1].headers["client-request-id"])
  t.eq(tag, '"a-b"')
  t.eq(text, raw)
  t.eq(r.team[1].firstName, "Ken")
  t.eq(#r.customerProfile.ids, 0)
  t.eq(r.customerProfile.team, json.null)
  t.eq(r.customerProfile.address.country, "JP")
  t.eq(r.consent.consentToContact, true)
  t.eq(r.details.requirements.solutions[1].id, "SOL-1-ABC")
  t.eq(r.unheardOf[1], 1)
  t.ok(not pcall(partner.get, "../webhooks"))
end

local FAILURES = {
  { 404, { error = { code = "itemNotFound", message = "no" } }, "absent", "itemNotFound" },
  { 410, "", "absent" },
  { 412, { error = { code = "preconditionFailed", message = "no" } }, "conflict",
    "preconditionFailed" },
  { 409, { Error = { Code = "resourceModified" } }, "conflict", "resourceModified" },
  { 400, { error = { code = "invalidRequest", message = "bad", innerError = { code = "outer",
    innererror = { Code = "SolutionIdRequired", message = "Solution ID is required" } } } },
    "remote", "SolutionIdRequired", "Solution ID is required" },
  { 403, { error = { code = "900421", message = "MFA" } }, "auth", "900421" },
  { 403, { error = { code = "accessDenied", message = "role" } }, "remote", "accessDenied",
    "role" },
  { 400, { code = 2000, description = "flat form", source = "x" }, "remote", "2000", "flat form" },
  { 422, "<html>", "remote", nil, "HTTP 422" },
}

local function failures(t)
  for _, f in ipairs(FAILURES) do
    serve { f[1], f[2], { ["request-id"] = "r-1" } }
    local r, err = partner.get(ID)
    t.eq(r, nil)
    t.eq(err.kind, f[3])
    t.eq(err.code, f[4])
    t.eq(err.status, f[1])
    t.eq(err.request_id, "r-1")
    if f[5] then t.ok(err.text:find(f[5], 1, true), err.text) end
  end
  serve { 400, { error = { code = "x", message = ("long\n"):rep(300) } } }
  local _, err = partner.get(ID)
  t.ok(#err.text <= 300 and not err.text:find("\n"))
  serve { 200, '{"id":' }
  t.eq(select(2, partner.get(ID)).kind, "net")
  serve { kind = "busy", wait_ms = 5 }
  t.eq(select(2, partner.get(ID)).wait_ms, 5)
end

local NEXT = "http://api.partner.example/v1.0/referrals?$skiptoken=AB%2BC&x=1#f"

local function pages(t)
  serve({ 200, { value = json.array { { ID = "a" } }, ["@odata.nextLink"] = NEXT } },
    { 200, { value = json.array { { id = "b" } }, ["@odata.nextLink"] = NEXT } })
  local seen, comes_next = {}, {}
  for rows, more in partner.pages { filter = "name eq 'A & B+'", top = 5 } do
    comes_next[#comes_next + 1] = more or "the end"
    for _, row in ipairs(rows) do seen[#seen + 1] = row.id end
  end
  t.eq(table.concat(seen, " "), "a b") -- the link that came twice ends it
  t.eq(table.concat(comes_next, ", "), "$skiptoken=AB%2BC&x=1, the end")
  t.eq(sent[1].path, "engagements/referrals?$filter=name%20eq%20%27A%20%26%20B%2B%27&$top=5")
  t.eq(sent[2].path, "engagements/referrals?$skiptoken=AB%2BC&x=1")
  t.ok(sent[1].page and sent[2].page)
end

local function page_error(t)
  serve({ 200, { value = json.array {}, ["@odata.nextLink"] = NEXT } },
    { 403, { error = { code = "accessDenied" } } })
  local turns, last = 0, nil
  for rows, err in partner.pages {} do
    turns = turns + 1
    last = err
    if turns == 2 then t.eq(rows, false) end
  end
  t.eq(turns, 2)
  t.eq(last.code, "accessDenied")
end

local function engagement(t)
  local mine, other = referral(), referral { id = "m", organizationId = "msft" }
  serve { 200, { value = json.array { mine, other, { id = "z", engagementId = "else" } } } }
  local rows = partner.engagement(mine.engagementId:upper())
  t.eq(#rows, 2)
  t.eq(rows[2].organizationId, "msft")
  t.ok(not sent[1].page)
  t.ok(sent[1].path:find("engagementId%20eq%20%27" .. mine.engagementId, 1, true), sent[1].path)
  serve { kind = "net", text = "refused" }
  t.eq(select(2, partner.engagement(mine.engagementId)).kind, "net")
end

local function look(t)
  local function row(id, at, ref)
    return { id = id, createdDateTime = at, externalReferenceId = ref }
  end
  serve { 200, { value = json.array {
    row("new", "2031-01-02T00:00:01.1234567Z", "OTHER"),
    row("hit", "2031-01-02T00:00:00Z", "Opp-1"),
    row("none", "2031-01-02T00:00:00Z", json.null), row("old", "2030-12-31T00:00:00Z", "opp-1") },
    ["@odata.nextLink"] = NEXT } }
  local rows = partner.look("opp-1", "2031-01-01T00:00:00Z")
  t.eq(#rows, 1)
  t.eq(rows[1].id, "hit")
  t.eq(#sent, 1) -- the page with the old row is the last one
end

local function create(t)
  serve { 201, referral { type = "Independent" } }
  local made, tag = partner.create { name = "Deal", team = json.array {} }
  t.eq(made.type, "Independent")
  t.eq(tag, TAG)
  t.eq(sent[1].body, '{"name":"Deal","team":[]}')
  t.eq(sent[1].headers["Content-Type"], "application/json")
  serve { 201 }
  t.eq(select(2, partner.create {}).kind, "net") -- made or not: the flow has to look
end

local function patch(t)
  local ops = { { op = "replace", path = "/details/notes", value = json.null } }
  serve { 200, referral { eTag = '"new"' } }
  local r, tag = partner.patch(ID, TAG, ops)
  t.eq(r.id, ID)
  t.eq(tag, '"new"')
  t.eq(sent[1].headers["If-Match"], TAG)
  t.eq(sent[1].headers["Prefer"], "return=representation")
  t.eq(sent[1].body, '[{"op":"replace","path":"/details/notes","value":null}]')
  serve { 204, "", { etag = '"later"' } }
  r, tag = partner.patch(ID, TAG, ops)
  t.eq(r, true)
  t.eq(tag, '"later"')
  serve { 412, "" }
  t.eq(select(2, partner.patch(ID, TAG, ops)).kind, "conflict")
end

local function with_docs(work)
  local kept, calls = host.docs, {}
  rawset(host, "docs", {
    json_set = function(text, path, value)
      calls[#calls + 1] = path .. "=" .. value
      return text
    end,
    json_remove = function(_, path)
      calls[#calls + 1] = "-" .. path
      return "EDITED"
    end,
  })
  local ok, err = pcall(work, calls)
  rawset(host, "docs", kept)
  if not ok then error(err, 0) end
end

local function put(t)
  local raw = [[{"Name":"A","details":{"notes":"x"},"consent":null,"links":{}}]]
  with_docs(function(calls)
    serve { 200, referral() }
    t.ok(partner.put(ID, TAG, raw, {
      { path = "name", value = "B" }, { path = "details.dealValue", value = 5 },
      { path = "consent.consentToContact", value = true }, { path = "a.b.c", value = json.null },
    }))
    t.eq(table.concat(calls, " "), '$.Name="B" $.details.dealValue=5 '
      .. '$.consent={"consentToContact":true} $.a={"b":{"c":null}} -$.links')
  end)
  t.eq(sent[1].method, "PUT")
  t.eq(sent[1].body, "EDITED")
  t.eq(sent[1].headers["If-Match"], TAG)
end

local function webhook(t)
  serve { 404 }
  local found, err = partner.webhook_get()
  t.eq(found, nil)
  t.eq(err, nil)
  serve { 200, { webhookurl = "https://h.example/x", webhookEvents = "referral-created" } }
  found = partner.webhook_get()
  t.eq(found.WebhookUrl, "https://h.example/x")
  t.eq(found.WebhookEvents[1], "referral-created")
  t.eq(sent[1].remote .. " " .. sent[1].path, "webhooks webhooks/v1/registration")
  local send = host.http.request
  host.http.request = function() return nil, { kind = "auth", status = 400, text = "AADSTS1" } end
  t.eq(select(2, partner.webhook_get()).kind, "auth", "a refused sign-in is not an empty answer")
  host.http.request = send
  serve { 403, { code = "x", description = "no role" } }
  t.eq(select(2, partner.webhook_get()).kind, "remote")
  serve({ 200, {} }, { 200, {} })
  partner.webhook_set("https://h.example", { "a" }, false)
  partner.webhook_set("https://h.example", {}, true)
  t.eq(sent[1].method .. sent[1].body,
    'POST{"WebhookEvents":["a"],"WebhookUrl":"https://h.example"}')
  t.eq(sent[2].method .. sent[2].body, 'PUT{"WebhookEvents":[],"WebhookUrl":"https://h.example"}')
  t.ok(sent[2].headers["MS-RequestId"])
end

local function webhook_test(t)
  serve({ 200, { correlationId = "c-1" } },
    { 200, { status = "completed", results = { { responseCode = "OK" } } } })
  t.eq(partner.webhook_test(), "c-1")
  local result = partner.webhook_test_result("c-1")
  t.eq(result.results[1].responseCode, "OK")
  t.eq(sent[2].path, "webhooks/v1/registration/validationEvents/c-1")
end

local function rows_at(...)
  local rows = json.array {}
  for _, at in ipairs { ... } do rows[#rows + 1] = { id = at, updatedDateTime = at } end
  return rows
end

local function collect(iterator)
  local out = {}
  for rows, err in iterator do
    if not rows then return nil, err end
    for _, row in ipairs(rows) do out[#out + 1] = row.id end
  end
  return table.concat(out, " ")
end

-- Last of all: what is learned here stays learned.
local function changed_since(t)
  local mark = "2031-01-01T00:00:00Z"
  serve { 200, { value = rows_at "2031-01-01T00:00:00Z" } }
  t.eq(collect(partner.changed_since(mark)), mark)
  t.ok(sent[1].path:find("updatedDateTime%20ge%202031-01-01T00%3A00%3A00Z", 1, true), sent[1].path)
  serve { 403, "" }
  t.eq(select(2, collect(partner.changed_since(mark))).status, 403)

  local newest = { value = rows_at("2031-01-03T00:00:00Z", mark, "2030-12-31T23:59:59.9999999Z",
    "2031-01-02T00:00:00Z"), ["@odata.nextLink"] = NEXT }
  serve({ 400, { error = { code = "invalidRequest" } } }, { 200, newest })
  t.eq(collect(partner.changed_since(mark)), "2031-01-03T00:00:00Z " .. mark)
  t.ok(sent[2].path:find("$orderby=updatedDateTime%20desc", 1, true), sent[2].path)
  serve { 200, newest }
  t.eq(collect(partner.changed_since(mark)), "2031-01-03T00:00:00Z " .. mark)
  t.eq(#sent, 1)
end

return function(t)
  local kept = host.http
  local function case(name, work)
    t.case(name, function()
      local ok, err = pcall(work, t)
      rawset(host, "http", kept)
      if not ok then error(err, 0) end
    end)
  end
  case("get_spelling_lists_and_tag_settled", get)
  case("failures_become_kinds_and_plain_words", failures)
  case("pages_follow_the_query_of_a_link_alone", pages)
  case("pages_error_is_the_last", page_error)
  case("engagement_is_one_counted_list", engagement)
  case("look_stops_at_since", look)
  case("create_200_201_and_unseen", create)
  case("patch_tag_verbatim_and_204", patch)
  case("put_edits_the_text_without_links", put)
  case("webhook_registration", webhook)
  case("webhook_test_event", webhook_test)
  case("changed_since_falls_back_once_for_all", changed_since)
end

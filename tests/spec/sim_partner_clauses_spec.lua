-- Partner Center of the practice environment: the further clauses of its checks, each switch in its
-- other position, the account, and bad input. The numbers are those of sim_partner_spec.lua.
local kit = require "sim.kit"
local rows = require "sim.partner_rows"
local switches = require "sim.switches"

local PATH, HOOK, WEBHOOKS, REFERRALS = kit.PATH, kit.HOOK, kit.WEBHOOKS, kit.REFERRALS
local practice, deal, cosell, replace = kit.practice, kit.deal, kit.cosell, kit.replace

local PREFER = { Prefer = "return=representation" }

-- A call with a body as it is, and with any headers.
local function raw(p, method, path, body, headers)
  local h = { authorization = p:bearer(path:find("^/webhooks") and WEBHOOKS or REFERRALS),
    ["content-type"] = "application/json" }
  for name, v in pairs(headers or {}) do h[name] = v or nil end
  local bare, query = path:match("^([^?]*)%??(.*)$")
  local status, out, text = p.pc.handle { method = method, path = bare, headers = h,
    query = query ~= "" and query or nil, body = body }
  return status, text ~= "" and json.decode(text) or nil, out
end

local function put(p, own, edit, match)
  local body = json.decode(json.encode(own))
  body.links = nil
  edit(body)
  return p:call("PUT", PATH .. "/" .. own.id, body, { ["If-Match"] = match or own.eTag })
end

local function answers(t)
  t.case("7.5 a user may not write outside of the own teams", function()
    local p = practice()
    local own, other = p:made(function(d) d.team[1].email = "Ken@partner.example" end), p:made()
    p.set.set("role", "user")
    t.eq((p:patch(own.id, { replace("/details/notes", "x") })), 204)
    local status, body = p:patch(other.id, { replace("/details/notes", "x") })
    t.eq({ status, ((body or {}).error or {}).code or "none" }, { 403, "accessDenied" })
    p.set.set("role", "reader")
    t.eq((p:patch(own.id, { replace("/details/notes", "y") })), 403, "a reader's own team")
    t.eq({ (p:call("POST", PATH, {})), (p:call("GET", PATH .. "/" .. own.id)) }, { 403, 200 })
    p.set.set("role", "none")
    t.eq((p:call("POST", PATH, deal())), 403)
  end)
  t.case("7.6 refusals carry the headers too", function()
    local p = practice()
    for _, call in ipairs { { "GET", PATH .. "/nothing" }, { "DELETE", PATH }, { "GET", "/v2.0/x" },
      { "GET", PATH, { authorization = false } } } do
      local _, _, h = p:call(call[1], call[2], nil,
        { ["client-request-id"] = "c-1", authorization = (call[3] or {}).authorization })
      t.eq({ #h["request-id"], h["client-request-id"] }, { 36, "c-1" })
      t.ok(h.timestamp and h["x-ms-ags-diagnostic"], "the others")
    end
  end)
  t.case("7.7 each body has its members and no other", function()
    local p = practice()
    local _, one = p:call("POST", PATH, deal(function(d) d.name = "" end))
    for name in pairs(one) do t.eq(name, "error") end
    t.eq({ type(one.error.message), one.error.target, type(one.error.innerError.code) },
      { "string", "referral", "string" })
    local _, two = p:call("POST", HOOK, { WebhookUrl = "x" })
    t.eq(two.error, nil)
    t.eq({ type(two.description), json.is_array(two.data), type(two.source) },
      { "string", true, "string" })
  end)
  t.case("7.37 ValidateMfa asks whether a token would do", function()
    local p = practice { enforce_mfa = "false" }
    local asking = { ValidateMfa = "true" }
    local function said(path, headers)
      local _, body, h = p:call("GET", path, nil, headers)
      return { h.ismfacompliant, body.isMfaCompliant }
    end
    t.eq(said(PATH, asking), { "true" })
    t.eq(said(HOOK, asking), { "true" })
    t.eq(said(PATH), {})
    t.eq(said(PATH, { ValidateMfa = "false" }), {})
    p.set.set("token_mfa", "false")
    p.held = nil
    t.eq(said(PATH, asking), { "false" })
    p.set.set("mfa_answer", "body")
    t.eq(said(PATH, asking), { nil, false })
  end)
  t.case("7.38 the account tells its PartnerID, and its deals bear it", function()
    local p = practice()
    local function profile(query)
      return p:call("GET", "/v1/profiles/mpn" .. (query or ""), nil,
        { authorization = p:bearer(WEBHOOKS) })
    end
    local status, body, h = profile()
    t.eq({ status, body.mpnId, body.partnerName, body.attributes.objectType },
      { 200, "4300001", "Kawabata Systems", "MpnProfile" })
    t.ok(h["ms-requestid"], "the headers of that host")
    t.eq(select(2, profile "?mpnId=4300002").mpnId, "4300002")
    status, body = profile "?mpnId=999"
    t.eq({ status, type(body.code) }, { 404, "string" })
    t.eq((profile "?mpnId=x"), 400)
    t.eq((p:call("GET", "/v1/profiles/mpn")), 401, "the other host's token")
    t.eq(p:made().mpnId, "4300001")
    local other = p:made(function(d) d.mpnId = "4300002" end)
    t.eq(other.mpnId, "4300002")
    local foreign = deal(function(d) d.mpnId = "999" end)
    t.eq((p:call("POST", PATH, foreign)), 400)
    p.set.set("require_location", "false")
    t.eq((p:call("POST", PATH, foreign)), 200)
  end)
end

-- Each switch of a demand, and a deal that does not meet it.
local DEMANDS = {
  require_solution = function(d) d.details.requirements.solutions[1].id = "SOL-1" end,
  require_contact = function(d)
    cosell(d)
    d.customerProfile.team[1].phoneNumber = ""
  end,
  require_value = function(d) d.details.dealValue = nil end,
  require_address = function(d) d.customerProfile.address.city = nil end,
  require_team = function(d) d.team[1].email = nil end,
  require_name = function(d) d.name = "" end,
  require_consent = function(d) d.consent.consentToContact = false end,
  require_intent = function(d)
    d.details.requirements.additionalRequirements.attributes = json.array {}
  end,
  require_future_closing = function(d) d.details.closingDateTime = "2030-12-31T00:00:00Z" end,
}

local function creating(t)
  t.case("7.10 each demand on a new deal is refused, or not by its switch", function()
    for name, spoil in pairs(DEMANDS) do
      local p = practice { [name] = "true" }
      local status, body = p:call("POST", PATH, deal(spoil))
      t.eq({ status, (body.error or {}).code or "none", host.docs.count "referral" },
        { 400, "invalidRequest", 0 }, name)
      p.set.set(name, "false")
      t.eq((p:call("POST", PATH, deal(spoil))), 200, name)
    end
    local p = practice()
    t.eq((p:call("POST", PATH, deal(function(d)
      for i = 1, 51 do d.team[i] = kit.person("Ann", "N" .. i) end
    end))), 400, "51 in the team")
  end)
  t.case("7.11 the answer to a create is what is stored; 201 by switch", function()
    local p = practice { post_status = "201" }
    local status, made = p:call("POST", PATH, deal(function(d)
      d.status, d.substatus, d.createdDateTime = "New", "Pending", "2001-01-01T00:00:00Z"
    end))
    t.eq(status, 201)
    local _, read = p:call("GET", PATH .. "/" .. made.id)
    t.eq(read, made)
    t.eq({ read.status, read.createdDateTime }, { "Active", "2031-01-01T08:00:00.000Z" })
  end)
  t.case("7.12 a foreign engagement's answer, and a second copy, by switch", function()
    local p = practice { unknown_engagement_status = "404", second_invite = "allow" }
    local foreign = kit.to_microsoft "2b7f1f0c-aaaa-4bbb-8ccc-ddddeeeeffff"
    t.eq((p:call("POST", PATH, foreign)), 404)
    local own = p:shared()
    t.eq((p:call("POST", PATH, kit.to_microsoft(own.engagementId))), 200)
    local alone = deal(function(d) d.engagementId = own.engagementId end)
    t.eq((p:call("POST", PATH, alone)), 404, "not aimed at Microsoft")
  end)
  t.case("7.14 no name of an answer begins with a capital", function()
    local p = practice()
    local function walk(v)
      for name, member in pairs(v) do
        if type(name) == "string" then t.ok(name:find("^[%l@]"), name) end
        if type(member) == "table" and not json.is_decimal(member) then walk(member) end
      end
    end
    local own = p:made(function(d)
      d.CUSTOMERPROFILE, d.customerProfile = d.customerProfile, nil
    end)
    walk(own)
    t.eq({ own.type, own.ReferralType, own.referralType }, { "Independent" })
  end)
end

-- What can not be changed by PUT: after creation, and once Microsoft has its copy.
local FROZEN = {
  function(r) r.customerProfile.name = "Another KK" end,
  function(r) r.customerProfile.address.addressLine1 = "9" end,
  function(r) r.customerProfile.address.addressLine2 = "9" end,
  function(r) r.customerProfile.address.city = "Otaru" end,
  function(r) r.customerProfile.address.state = "Gifu" end,
  function(r) r.customerProfile.address.postalCode = "000" end,
  function(r) r.customerProfile.address.country = "DE" end,
  function(r) r.customerProfile.ids = json.array { { profileType = "Duns", id = "1" } } end,
  function(r) r.mpnId = "4300002" end,
}
local FROZEN_SHARED = {
  function(r) r.customerProfile.team[1].email = "aya@hoshino.example" end,
  function(r) r.customerProfile.team[1].phoneNumber = "1" end,
  function(r) r.inviteContext.notes = "Other" end,
  function(r) r.consent.consentToShareReferralWithMicrosoftSellers = false end,
}

local function writing(t)
  t.case("7.16 a PUT without If-Match answers as the switch says", function()
    local p = practice()
    local own = p:made()
    local body = json.decode(json.encode(own))
    body.links = nil
    for _, status in ipairs { 400, 412, 428 } do
      p.set.set("put_without_match", tostring(status))
      t.eq((p:call("PUT", PATH .. "/" .. own.id, body)), status)
    end
  end)
  t.case("7.16 a tag counts with its quotes, as it is", function()
    local p = practice()
    local own = p:made()
    for _, bad in ipairs { own.eTag:sub(2, -2), "W/" .. own.eTag, '"' .. own.eTag .. '"', "x" } do
      t.eq((p:patch(own.id, { replace("/details/notes", "x") }, { ["If-Match"] = bad })), 412, bad)
      t.eq((put(p, own, function(r) r.details.notes = "x" end, bad)), 412, bad)
    end
    local _, read = p:call("GET", PATH .. "/" .. own.id)
    t.eq({ read.details.notes, read.eTag }, { own.details.notes, own.eTag })
  end)
  t.case("7.21 by switch a closed referral answers 409", function()
    local p = practice { closed_write = "409" }
    local own = p:made()
    p.pc:act("close", { id = own.id, state = "lost" })
    local status, body = p:patch(own.id, { replace("/details/notes", "late") })
    t.eq({ status, body.error.code }, { 409, "invalidRequest" })
  end)
  t.case("7.23 field by field: frozen by creation, frozen by sharing", function()
    local p = practice()
    local own = p:made()
    for i, edit in ipairs(FROZEN) do
      local status, body = put(p, own, edit)
      t.eq({ status, (body.error or { innerError = {} }).innerError.code },
        { 400, "immutableField" }, tostring(i))
    end
    local shared = p:shared()
    for i, edit in ipairs(FROZEN_SHARED) do
      t.eq((put(p, shared, edit)), 400, "shared " .. i)
    end
    local open = { function(r) r.name = "N" end, function(r) r.details.notes = "N" end,
      function(r) r.salesStage = "60" end, function(r) r.campaignId = "C" end }
    for _, edit in ipairs(open) do
      local _, now = p:call("GET", PATH .. "/" .. own.id)
      t.eq((put(p, now, edit)), 200)
    end
  end)
  t.case("7.24 members that come back missing are lost, read-only ones stay", function()
    local p = practice()
    local own = p:made(function(d) d.campaignId = "C-1" end)
    local status, r = put(p, own, function(d)
      d.campaignId, d.details.notes, d.createdDateTime, d.organizationId = nil, nil, nil, "x"
    end)
    t.eq({ status, r.campaignId, r.details.notes, r.createdDateTime, r.organizationId },
      { 200, json.null, nil, own.createdDateTime, rows.organization })
  end)
end

local function reading(t)
  t.case("7.25 a page holds a hundred; by switch the list is of our copies alone", function()
    local p = practice()
    p:shared()
    for _ = 1, 99 do p.pc:act("portal-create", {}) end
    local _, page = p:call("GET", PATH)
    t.eq({ #page.value, page["@odata.nextLink"] ~= nil }, { 100, true })
    p.set.set("list_related", "false")
    _, page = p:call("GET", PATH)
    t.eq({ #page.value, page["@odata.nextLink"] }, { 100, nil })
    for _, r in ipairs(page.value) do t.eq(r.organizationId, rows.organization) end
    t.eq((p:call("GET", PATH .. "?$skiptoken=guess")), 400)
  end)
  t.case("7.26 a filter by e-mail, by creation, and by a quoted quote", function()
    local p = practice()
    p:made()
    local function hits(filter)
      local q = filter:gsub("[^%w]", function(c) return string.format("%%%02X", c:byte()) end)
      local status, body = p:call("GET", PATH .. "?$filter=" .. q)
      return status == 200 and #body.value or status
    end
    t.eq(hits "email eq 'ken@hoshino.example'", 1)
    t.eq(hits "email eq 'o''x@hoshino.example'", 0)
    t.eq({ hits "createdDateTime gt 2031-01-01T07:59:59.9999999Z",
      hits "createdDateTime le 2030-12-31T00:00:00+09:00" }, { 1, 0 })
    t.eq(hits "((status eq 'Active' and (type eq 'Independent')))", 1)
    t.eq(hits "customerProfile/address/country eq 'JP' and direction eq 'Incoming'", 0)
    t.eq((p:call("GET", PATH .. "?$top=0")), 400)
    t.eq((p:call("GET", PATH .. "?$select=nothing")), 400)
  end)
  t.case("7.29 the quirks are on unless somebody turns them off", function()
    local set = switches.new()
    t.eq({ set.get "live_quirks", set.get "odd_next_link", set.get "date_digits" },
      { true, true, "mixed" })
    local p = practice { live_quirks = "true", quirks = "always" }
    local _, r = p:call("GET", PATH .. "/" .. p:made().id)
    t.eq({ r.direction, r.customerProfile.ids, r.lastRunId, r.externalReferenceId,
      r.details.requirements.additionalRequirements.iot },
      { "Incoming", {}, json.null, "7c1d9a0e-1111-4222-8333-444455556666", json.null })
    t.has(r.links.self.uri, "/engagments/")
  end)
end

local function calling_back(t)
  t.case("7.30 by switch a second POST replaces, and none is another status", function()
    local p = practice { second_registration = "replace", no_registration_status = "400" }
    t.eq((p:call("GET", HOOK)), 400)
    p:register()
    t.eq(p:register({ "referral-created" }).WebhookEvents, { "referral-created" })
    local _, seen = p:call("GET", HOOK)
    t.eq({ #seen.WebhookEvents, seen.SubscriberId }, { 1 })
  end)
  t.case("7.31 a test's result has one entry for each attempt", function()
    local p = practice()
    p:register()
    p.answer_with = 503
    local _, sent = p:call("POST", HOOK .. "/validationEvents")
    p:pass(kit.MINUTE)
    local _, result = p:call("GET", HOOK .. "/validationEvents/" .. sent.correlationId)
    t.eq({ #result.results, result.results[10].responseCode, result.status, result.callbackUrl },
      { #p.sent, "ServiceUnavailable", "failed", "http://127.0.0.1:4/hook" })
  end)
  t.case("7.32 whoever writes, and only what is written", function()
    local p = practice()
    p:register()
    local own = p:made()
    p.pc:act("edit", { id = own.id, notes = "by the portal" })
    p:patch(own.id, { replace("/name", "refused") })
    p:call("GET", PATH .. "/" .. own.id)
    p.pc:act("microsoft-create", {})
    p:pass(1000)
    t.eq(kit.names(p.sent),
      "referral-created referral-updated related-referral-created referral-created")
  end)
  t.case("7.33 the issuer bears Microsoft's name, the wrong one another's", function()
    local p = practice()
    local function names(name)
      local _, _, pem = p.pc.handle { method = "GET", path = "/cert/" .. name .. ".cer",
        headers = {} }
      local der = host.crypto.unbase64((pem:gsub("%-%-[^\n]*\n", ""):gsub("%s", "")))
      return der:find("Microsoft Corporation", 1, true) ~= nil
    end
    t.eq({ names "practice", names "expired", names "issuer" }, { true, true, false })
  end)
  t.case("7.34 the time between attempts is a switch", function()
    local p = practice { delivery_gap_ms = "60000" }
    p:register()
    p.answer_with = 500
    p:made()
    p:pass(5 * kit.MINUTE - 1)
    t.eq(#p.sent, 5)
  end)
end

local function spoilt(t)
  t.case("7.39 bad input: the documented status and body, and nothing changes", function()
    local p = practice()
    local own = p:made()
    local one = PATH .. "/" .. own.id
    local good = json.encode(deal())
    local patch = '[{"op":"replace","path":"/details/notes","value":"x"}]'
    local match = { ["if-match"] = own.eTag }
    local bad = {
      { 400, "POST", PATH, good:sub(1, -2) }, { 400, "POST", PATH, "" },
      { 400, "POST", PATH, "7" },
      { 400, "POST", PATH, "[]" }, { 400, "PATCH", one, patch:sub(1, -2) },
      { 400, "PATCH", one, "{}" }, { 400, "PATCH", one, "[]" },
      { 400, "PUT", one, '{"name":', match },
      { 415, "POST", PATH, good, { ["content-type"] = "text/plain" } },
      { 415, "POST", PATH, good, { ["content-type"] = false } },
      { 415, "PATCH", one, patch, { ["content-type"] = "application/json-patch+json" } },
      { 406, "GET", one, "", { accept = "application/xml" } },
      { 412, "PATCH", one, patch, { ["if-match"] = "nonsense" } },
      { 413, "POST", PATH, good .. (" "):rep(1100000) },
      { 404, "PATCH", PATH .. "/9d3f0c1e-1111-4222-8333-9999aaaabbbb", patch },
      { 404, "PUT", PATH .. "/9d3f0c1e-1111-4222-8333-9999aaaabbbb", good, match },
      { 404, "GET", PATH .. "/nonsense", "" },
      { 400, "GET", PATH .. "?$filter=status%20eq", "" },
    }
    for i, b in ipairs(bad) do
      local status, body = raw(p, table.unpack(b, 2))
      t.eq(status, b[1], i .. " " .. b[2])
      t.ok(type(body.error.code) == "string" and #body.error.message <= 1024, "body")
    end
    t.eq((raw(p, "POST", PATH, good, { ["content-type"] = "application/json; charset=utf-8" })),
      200)
    local _, read = p:call("GET", one)
    t.eq({ read, host.docs.count "referral" }, { own, 2 })
  end)
  t.case("7.39 a member of the wrong type, and one nobody knows", function()
    local p = practice()
    local wrong = { function(d) d.name = 7 end, function(d) d.team = {} end,
      function(d) d.team = "x" end, function(d) d.customerProfile = json.array {} end,
      function(d) d.details.dealValue = true end,
      function(d) d.details.closingDateTime = "soon" end,
      function(d) d.type = "Other" end, function(d) d.consent.consentToContact = "yes" end,
      function(d) d.details.requirements.solutions[1].price = "cheap" end }
    for i, spoil in ipairs(wrong) do
      t.eq((p:call("POST", PATH, deal(spoil))), 400, tostring(i))
    end
    local function unknown(d) d.details.surprise = 1 end
    p.set.set("unknown_property", "refuse")
    t.eq((p:call("POST", PATH, deal(unknown))), 400)
    t.eq(host.docs.count "referral", 0)
    p.set.set("unknown_property", "ignore")
    local status, made = p:call("POST", PATH, deal(unknown))
    t.eq({ status, made.details.surprise }, { 200 })
    t.eq((p:patch(made.id, { replace("/details/surprise", 1) }, PREFER)), 400)
  end)
  t.case("7.39 bad input to the registration", function()
    local p = practice()
    p:register()
    local _, before = p:call("GET", HOOK)
    local good = '{"WebhookUrl":"https://hooks.example/x","WebhookEvents":["test-created"]}'
    local bad = { { 400, "PUT", HOOK, good:sub(1, -2) }, { 400, "PUT", HOOK, "[]" },
      { 400, "PUT", HOOK, (good:gsub("https", "ftp")) },
      { 400, "PUT", HOOK, (good:gsub("test%-", "x")) },
      { 400, "PUT", HOOK, (good:gsub("%[.*%]", '"x"')) },
      { 415, "PUT", HOOK, good, { ["content-type"] = "text/xml" } },
      { 404, "GET", HOOK .. "/nothing", "" }, { 405, "DELETE", HOOK, "" },
      { 404, "GET", HOOK .. "/validationEvents/9d3f0c1e-1111-4222-8333-9999aaaabbbb", "" } }
    for i, b in ipairs(bad) do
      local status, body = raw(p, table.unpack(b, 2))
      t.eq({ status, type(body.code) }, { b[1], "string" }, i .. " " .. b[2])
    end
    local _, after = p:call("GET", HOOK)
    t.eq({ after.WebhookUrl, after.WebhookEvents }, { before.WebhookUrl, before.WebhookEvents })
  end)
end

return function(t)
  for _, part in ipairs { answers, creating, writing, reading, calling_back, spoilt } do part(t) end
end

-- Partner Center of the practice environment, check by check: lists, faults, callbacks, people. The
-- numbers are those of the acceptance list; sim_partner_spec.lua has the first part.
local kit = require "sim.kit"

local PATH, HOOK, MINUTE, DAY = kit.PATH, kit.HOOK, kit.MINUTE, kit.DAY
local practice, deal, visible = kit.practice, kit.deal, kit.visible
local replace, names, count = kit.replace, kit.names, kit.count

local function listing(t)
  local function ids_of(p, path)
    local seen, total, pages = {}, 0, 0
    repeat
      local _, body = p:call("GET", path)
      for _, r in ipairs(body.value) do
        t.ok(not seen[r.id], "no row twice")
        seen[r.id], total = true, total + 1
      end
      pages = pages + 1
      local next_query = (body["@odata.nextLink"] or ""):match("%?(.*)$")
      path = next_query and PATH .. "?" .. next_query
    until not path
    return total, pages
  end
  t.case("7.25 pages: all rows once, a next link only while there is more", function()
    local p = practice { page_size = "3", live_quirks = "true" }
    for _ = 1, 7 do
      p:made()
      p:pass(10)
    end
    local _, first = p:call("GET", PATH)
    t.ok(first["@odata.context"], "context")
    t.ok(first["@odata.nextLink"]:find("^http://api.partner.microsoft.com/v1.0/referrals%?%$skip"),
      first["@odata.nextLink"])
    t.eq(ids_of(p, PATH), 7)
    t.eq(select(2, ids_of(p, PATH)), 3)
    p.set.set("page_size", "7")
    t.eq(select(2, ids_of(p, PATH)), 1)
    p.set.set("odd_next_link", "false")
    p.set.set("page_size", "2")
    _, first = p:call("GET", PATH .. "?$top=5&$orderby=updatedDateTime%20desc")
    t.ok(first["@odata.nextLink"]:find("^http://127.0.0.1:2/v1.0/engagements/referrals%?"),
      "normal form")
    t.eq(ids_of(p, PATH .. "?$top=5"), 5)
  end)
  t.case("7.26 $filter knows the documented forms and refuses others", function()
    local p = practice()
    local own, theirs = p:shared()
    p:pass(1000)
    local other = p:made(function(d) d.customerProfile.address.country = "DE" end)
    local function hits(filter)
      local q = filter:gsub("[ '%%:+]", function(c) return string.format("%%%02X", c:byte()) end)
      local status, body = p:call("GET", PATH .. "?$filter=" .. q)
      return status == 200 and #body.value or status
    end
    t.eq(hits("engagementId eq '" .. own.engagementId .. "'"), 2)
    t.eq(hits("engagementId eq " .. own.engagementId), 2)
    t.eq(hits "status eq 'New' and substatus eq 'Pending'", 1)
    t.eq(hits "(type eq 'Shared') and qualification eq 'SalesQualified'", 2)
    t.eq(hits "direction eq 'Outgoing'", 2)
    t.eq(hits "customerProfile/address/country eq 'DE'", 1)
    t.eq(hits "team/any(t:t/email eq 'ken@hoshino.example')", 3)
    t.eq(hits("updatedDateTime ge " .. other.updatedDateTime), 1)
    t.eq(hits("updatedDateTime lt " .. other.updatedDateTime), 2)
    for _, bad in ipairs { "status eq 'New' or status eq 'Active'", "not status eq 'New'",
      "contains(name,'x')", "externalReferenceId eq 'x'", "status ne 'New'", "status eq 'New",
      "status eq", "engagementId eq nonsense" } do
      t.eq(hits(bad), 400, bad)
    end
    p.set.set("filter_dates", "false")
    t.eq(hits("updatedDateTime ge " .. other.updatedDateTime), 400)
    t.ok(theirs.id, "Microsoft's copy is there")
  end)
  t.case("7.26 $orderby, $select and $top", function()
    local p = practice()
    for i = 1, 3 do
      p:made(function(d) d.name = "Deal " .. i end)
      p:pass(10)
    end
    local _, body = p:call("GET", PATH .. "?$orderby=createdDateTime%20desc&$top=2&$select=id,name")
    t.eq(#body.value, 2)
    t.eq(body.value[1].name, "Deal 3")
    t.eq(body.value[1].status, nil)
    t.eq((p:call("GET", PATH .. "?$orderby=name")), 400)
    t.eq((p:call("GET", PATH .. "?$expand=team")), 400)
  end)
  t.case("7.27 an unknown id answers 404, DELETE 405", function()
    local p = practice()
    local status, body = p:call("GET", PATH .. "/9d3f0c1e-1111-4222-8333-9999aaaabbbb")
    t.eq(status, 404)
    t.eq(body.error.code, "itemNotFound")
    local one = PATH .. "/" .. p:made().id
    t.eq({ (p:call("DELETE", one)), (p:call("POST", one, deal())) }, { 405, 405 })
  end)
end

local function spoiling(t)
  t.case("7.28 too many calls answer 429 and an early retry makes it longer", function()
    local p = practice()
    p.faults.add("partner", { limit = "2", retry_after = "10" })
    t.eq((p:call("GET", PATH)), 200)
    t.eq((p:call("GET", PATH)), 200)
    local status, _, h = p:call("GET", PATH)
    t.eq(status, 429)
    t.eq(h["retry-after"], "10")
    p:pass(6000)
    t.eq((p:call("GET", PATH)), 429)
    p:pass(6000)
    t.eq((p:call("GET", PATH)), 429)
    p:pass(10000)
    t.eq((p:call("GET", PATH)), 200)
  end)
  t.case("7.28 injected answers, and a connection dropped after the write", function()
    local p = practice()
    p.faults.add("partner", { status = "503", retry_after = "3", method = "GET" })
    local status, _, h = p:call("GET", PATH)
    t.eq({ status, h["retry-after"] }, { 503, "3" })
    t.eq((p:call("GET", PATH)), 200)
    for _, spoilt in ipairs { 500, 502, 504 } do
      p.faults.add("partner", { status = tostring(spoilt), method = "GET" })
      t.eq({ (p:call("GET", PATH)), (p:call("GET", PATH)) }, { spoilt, 200 })
    end
    p.faults.add("partner", { drop = "before", method = "POST" })
    t.eq((p:call("POST", PATH, deal())), nil)
    t.eq(host.docs.count("referral"), 0)
    p.faults.add("partner", { drop = "after", method = "POST" })
    t.eq((p:call("POST", PATH, deal())), nil)
    t.eq(host.docs.count("referral"), 1)
    t.ok(not p.faults.add("partner", { drop = "sideways" }), "a wrong fault is refused")
  end)
  t.case("7.29 live quirks: odd forms, the same at each reading, and a PUT of them changes nothing",
    function()
      local p = practice { live_quirks = "true" }
      local lengths, escaped, region, empty, absent = {}, 0, 0, 0, 0
      for _ = 1, 40 do
        local r = p:made(function(d)
          d.customerProfile.name = "Hoshino & Sons"
          d.name = "R&D <plant>"
        end)
        p:pass(1)
        local _, once = p:call("GET", PATH .. "/" .. r.id)
        local _, twice, h = p:call("GET", PATH .. "/" .. r.id)
        t.eq(json.encode(once), json.encode(twice))
        lengths[#once.createdDateTime] = true
        if once.customerProfile.name == "Hoshino &amp; Sons" then escaped = escaped + 1 end
        if once.customerProfile.address.region == "Aichi" then region = region + 1 end
        if not json.is_array(once.customerProfile.ids) then empty = empty + 1 end
        if once.salesStage == nil then absent = absent + 1 end
        once.links = nil
        local status, put = p:call("PUT", PATH .. "/" .. r.id, once, { ["If-Match"] = h.etag })
        t.eq(status, 200)
        put.links, put.eTag, put.updatedDateTime, put["@odata.context"] = nil, nil, nil, nil
        once.eTag, once.updatedDateTime, once["@odata.context"] = nil, nil, nil
        t.eq(json.encode(put), json.encode(once))
      end
      local kinds = 0
      for _ in pairs(lengths) do kinds = kinds + 1 end
      t.ok(kinds >= 3, "several fraction lengths")
      for _, n in ipairs { escaped, region, empty, absent } do
        t.ok(n > 0 and n < 40, "mixed: " .. n)
      end
    end)
end

local function calling_back(t)
  t.case("7.30 registration: once, seen, replaced", function()
    local p = practice()
    local made = p:register { "referral-created" }
    t.ok(made.SubscriberId, "SubscriberId")
    local _, seen = p:call("GET", HOOK)
    t.eq(seen.WebhookUrl, "http://127.0.0.1:4/hook")
    local again = { webhookUrl = "https://hooks.example/x",
      WebhookEvents = json.array { "referral-updated" } }
    t.eq((p:call("POST", HOOK, again)), 409)
    t.eq((p:call("PUT", HOOK, again)), 200)
    _, seen = p:call("GET", HOOK)
    t.eq(seen.WebhookUrl .. seen.WebhookEvents[1], "https://hooks.example/xreferral-updated")
    t.eq((p:call("DELETE", HOOK)), 405)
    local _, events = p:call("GET", HOOK .. "/events")
    t.ok(json.is_array(events) and #events > 5, "the list of events")
  end)
  t.case("7.30 another product takes the registration, and gets its own events", function()
    local p = practice()
    p:register { "referral-created" }
    local body, problem = p.pc:act("registration", { url = "http://other.example/x",
      events = "subscription-updated" })
    t.eq({ body, problem }, { nil, "WebhookUrl must be an https address" })
    t.eq(select(2, p.pc:act("other-event", { event = "subscription-updated" })),
      "nobody is registered for that event")
    p.pc:act("registration", { url = "https://other.example/x", events = "Subscription-Updated" })
    local _, seen = p:call("GET", HOOK)
    t.eq({ seen.WebhookUrl, seen.WebhookEvents }, { "https://other.example/x",
      { "Subscription-Updated" } })
    p.pc:act("other-event", { event = "subscription-updated", id = "one" })
    p:pass(1000)
    t.eq({ #p.sent, p.sent[1].event.EventName, p.sent[1].event.ResourceName },
      { 1, "subscription-updated", "subscription" })
    p.pc:act("registration", {})
    t.eq((p:call("GET", HOOK)), 404)
  end)
  t.case("7.31 test events: registered, two a minute, results kept seven days", function()
    local p = practice()
    p:register { "referral-created" }
    t.eq((p:call("POST", HOOK .. "/validationEvents")), 400)
    p:call("PUT", HOOK, { WebhookUrl = "http://127.0.0.1:4/hook",
      WebhookEvents = json.array { "test-created" } })
    local _, sent = p:call("POST", HOOK .. "/validationEvents")
    t.eq((p:call("POST", HOOK .. "/validationEvents")), 200)
    local status, _, h = p:call("POST", HOOK .. "/validationEvents")
    t.eq(status, 429)
    t.eq(h["retry-after"], "60")
    p:pass(1000)
    local _, result = p:call("GET", HOOK .. "/validationEvents/" .. sent.correlationId)
    t.eq(result.status, "completed")
    t.eq(#result.results, 1)
    t.eq(result.results[1].responseCode, "OK")
    t.eq(p.sent[1].event.ResourceName, "test")
    p:pass(7 * DAY)
    p.held = nil
    t.eq((p:call("GET", HOOK .. "/validationEvents/" .. sent.correlationId)), 404)
  end)
  t.case("7.32 every write tells: ours as referral-*, Microsoft's as related-referral-*", function()
    local p = practice()
    p:register()
    local own, theirs = p:shared()
    p:patch(own.id, { replace("/details/notes", "x") })
    p.pc:act("microsoft-accept", { id = own.id })
    p:pass(1000)
    t.eq(names(p.sent),
      "referral-created related-referral-created referral-updated related-referral-updated")
    local e, members = p.sent[4].event, 0
    for _ in pairs(e) do members = members + 1 end
    t.eq(members, 5)
    t.eq(e.ResourceUri, "https://api.partnercenter.microsoft.com/engagements/v1/referrals/"
      .. theirs.id)
    t.eq(e.ResourceName, "referral")
    t.ok(e.AuditUri == json.null, "AuditUri is null")
    t.ok(e.ResourceChangeUtcDate:find("%.%d%d%d%d%d%d%d%+00:00$"), e.ResourceChangeUtcDate)
  end)
  t.case("7.32 a callback can be sent before its POST answers", function()
    local p = practice { callback_first = "true" }
    p:register()
    p:made()
    t.eq(names(p.sent), "referral-created")
  end)
  t.case("7.33 deliveries are signed; the header can be the other one", function()
    local p = practice()
    p:register(nil, "true")
    p:made()
    p:pass(1000)
    local d = p.sent[1]
    t.eq(d.headers.Authorization, nil)
    local url = d.headers["X-MS-Certificate-Url"]
    t.eq(url, "http://127.0.0.1:2/cert/practice.cer")
    t.eq(d.headers["X-MS-Signature-Algorithm"], "rsa-sha256")
    local _, _, cert = p.pc.handle { method = "GET", path = "/cert/practice.cer", headers = {} }
    local signature = host.crypto.unbase64(d.headers["x-ms-signature"]:match("^Signature (%S+)$"))
    t.ok(host.crypto.verify(cert, "RS256", d.body, signature), "signature holds")
    p.set.set("signature_fault", "bad")
    p:made()
    p:pass(1000)
    d = p.sent[2]
    signature = host.crypto.unbase64(d.headers["x-ms-signature"]:match("^Signature (%S+)$"))
    t.ok(not host.crypto.verify(cert, "RS256", d.body, signature), "spoilt signature")
  end)
  t.case("7.33 every fault of a signature has its switch", function()
    local p = practice()
    p:register()
    local function url_of(fault)
      p.set.set("signature_fault", fault)
      p.sent = {}
      p:made()
      p:pass(1000)
      return p.sent[1].headers["X-MS-Certificate-Url"], p.sent[1].headers
    end
    t.eq(url_of "issuer", "http://127.0.0.1:2/cert/issuer.cer")
    t.eq(url_of "expired", "http://127.0.0.1:2/cert/expired.cer")
    t.eq(url_of "missing", nil)
    t.eq(url_of "http", "http://certificates.example/practice.cer")
    t.eq(select(2, url_of "algorithm")["X-MS-Signature-Algorithm"], "rsa-sha1")
    t.ok(select(2, url_of "none").Authorization:find("^Signature "), "the usual header")
  end)
  t.case("7.34 a failing callback gets ten attempts, a good one ends them", function()
    local p = practice()
    p:register()
    p.answer_with = 503
    p:made()
    p:pass(5 * MINUTE)
    t.eq(#p.sent, 10)
    p.sent = {}
    p:made()
    p:pass(500)
    t.ok(#p.sent > 1 and #p.sent < 10, "under way")
    p.answer_with = 204
    p:pass(MINUTE)
    t.ok(#p.sent < 10, "ended")
  end)
  t.case("7.35 events double, come late, turned round, or not at all", function()
    local p = practice { delivery_copies = "2", delivery_delay_ms = "5000" }
    p:register()
    local own = p:made()
    p:pass(4000)
    t.eq(#p.sent, 0)
    p:pass(1000)
    t.eq(count(p.sent, "referral-created"), 2)
    p.sent = {}
    p.set.set("delivery_copies", "1")
    p.set.set("delivery_order", "reversed")
    p:patch(own.id, { replace("/details/notes", "x") })
    p:made()
    p:pass(10000)
    t.eq(names(p.sent), "referral-created referral-updated")
    p.sent = {}
    p.set.set("lose_callbacks", "true")
    p:made()
    p:pass(10000)
    t.eq(#p.sent, 0)
  end)
end

local function people(t)
  t.case("7.36 Microsoft's seller accepts on Microsoft's copy", function()
    local p = practice()
    local own, theirs = p:shared()
    t.ok(p.pc:act("microsoft-accept", { id = own.engagementId }), "accepted")
    local _, read = p:call("GET", PATH .. "/" .. theirs.id)
    t.eq(read.status .. "/" .. read.substatus, "Active/Accepted")
    t.ok(tostring(read.trackingInfo.microsoftMsxId):find("^7%-"), "MSX id")
    local _, mine = p:call("GET", PATH .. "/" .. own.id)
    t.eq(mine.trackingInfo.microsoftMsxId, json.null)
    p.pc:act("microsoft-team", { id = own.id })
    _, read = p:call("GET", PATH .. "/" .. theirs.id)
    t.eq(#read.team, 2)
    p.pc:act("microsoft-win", { id = own.id })
    _, read = p:call("GET", PATH .. "/" .. theirs.id)
    t.eq(read.substatus, "Won")
    t.eq(mine.status, "Active")
  end)
  t.case("7.36 Microsoft's seller declines or loses", function()
    local ends = { ["microsoft-decline"] = "Declined", ["microsoft-lose"] = "Lost" }
    for name, substatus in pairs(ends) do
      local p = practice()
      local own, theirs = p:shared()
      if substatus == "Lost" then p.pc:act("microsoft-accept", { id = own.id }) end
      p.pc:act(name, { id = own.id })
      local _, read = p:call("GET", PATH .. "/" .. theirs.id)
      t.eq(read.substatus, substatus)
    end
  end)
  t.case("7.36 a co-sell comes from Microsoft and is accepted or declined", function()
    local p = practice()
    local one = p.pc:act("microsoft-create",
      { name = "From Microsoft", value = "500", currency = "EUR" })
    local _, r = p:call("GET", PATH .. "/" .. one.id)
    t.eq(r.type .. r.status .. r.substatus .. r.direction, "SharedNewPendingIncoming")
    t.eq(r.inviteContext.invitedBy.organizationId, "msft")
    t.eq(r.details.dealValue, 500)
    p.pc:act("accept", { id = one.id })
    _, r = p:call("GET", PATH .. "/" .. one.id)
    t.eq(r.status .. r.substatus, "ActiveAccepted")
    t.eq(r.expirationDateTime, json.null)
    local two = p.pc:act("microsoft-create", { kind = "lead" })
    p.pc:act("decline", { id = two.id })
    _, r = p:call("GET", PATH .. "/" .. two.id)
    t.eq(r.type .. r.substatus, "IndependentDeclined")
  end)
  t.case("7.36 our user works in the portal, under the same rules", function()
    local p = practice()
    local made = p.pc:act("portal-create",
      { name = "Portal deal", value = "99", help = "GeneralOrOther",
      solutions = "SOL-1-AAA,SOL-2-BBB", customer = { name = "Kita KK", city = "Sapporo" } })
    t.ok(made.microsoft_id, "Microsoft has a copy")
    local _, r = p:call("GET", PATH .. "/" .. made.id)
    t.eq(r.name .. r.customerProfile.name .. #r.details.requirements.solutions,
      "Portal dealKita KK2")
    t.eq(r.type, "Shared")
    t.ok(p.pc:act("edit", { id = made.id, value = "120.5", notes = "Changed" }), "edited")
    _, r = p:call("GET", PATH .. "/" .. made.id)
    t.eq(tostring(r.details.dealValue) .. r.details.notes, "120.5Changed")
    local result, problem = p.pc:act("edit", { id = made.id, city = "Otaru" })
    t.eq(result, nil)
    t.ok(problem:find("can not be changed", 1, true), problem)
    t.ok(p.pc:act("close", { made.id, "lost", reason = "Budget too small" }), "closed")
    _, r = p:call("GET", PATH .. "/" .. made.id)
    t.eq(r.status .. r.substatus .. r.statusReason, "ClosedLostBudget too small")
    t.eq(p.pc:act("edit", { id = made.id, notes = "late" }), nil)
    p.pc:act("vanish", { id = made.id })
    t.eq((p:call("GET", PATH .. "/" .. made.id)), 404)
  end)
  t.case("7.36 Microsoft upgrades a visible deal", function()
    local p = practice()
    local own = p:made(visible)
    t.eq(own.type, "Independent")
    local joined = p.pc:act("microsoft-join", { id = own.id, help = "QuotesOrLicensing" })
    t.eq(joined.engagementId, own.engagementId)
    t.eq(p.pc:act("microsoft-join", { id = p:made().id }), nil)
    p.pc:act("expire", { id = own.id, copy = "microsoft" })
    local _, read = p:call("GET", PATH .. "/" .. joined.id)
    t.eq(read.substatus, "Expired")
  end)
end

return function(t)
  for _, part in ipairs { listing, spoiling, calling_back, people } do part(t) end
end

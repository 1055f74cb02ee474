-- Partner Center of the practice environment, check by check: signing in, creating, writing. The
-- numbers are those of the acceptance list its behaviour was taken from; the rest of the list is in
-- sim_callbacks_spec.lua.
local rows = require "sim.partner_rows"
local tokens = require "sim.tokens"
local kit = require "sim.kit"

local REFERRALS, WEBHOOKS, PATH = kit.REFERRALS, kit.WEBHOOKS, kit.PATH
local HOOK, MINUTE, DAY = kit.HOOK, kit.MINUTE, kit.DAY
local practice, person, deal = kit.practice, kit.person, kit.deal
local cosell, to_microsoft, replace, names = kit.cosell, kit.to_microsoft, kit.replace, kit.names

local function sign_in(t)
  t.case("7.1 no bearer and the other host's token answer 401", function()
    local p = practice()
    local status, body = p:call("GET", PATH, nil, { authorization = false })
    t.eq(status, 401)
    t.eq(body.error.code, "unauthenticated")
    t.eq((p:call("GET", PATH, nil, { authorization = p:bearer(WEBHOOKS) })), 401)
    t.eq((p:call("GET", HOOK, nil, { authorization = p:bearer(REFERRALS) })), 401)
    t.eq((p:call("GET", PATH)), 200)
  end)
  t.case("7.2 a token without mfa answers 401 with 900421 while it is enforced", function()
    local p = practice { token_mfa = "false" }
    local status, body = p:call("GET", PATH)
    t.eq(status, 401)
    t.eq(body.error.code, "900421")
    status, body = p:call("GET", HOOK)
    t.eq(status, 401)
    t.eq(body.code, "900421")
    p.set.set("enforce_mfa", "false")
    t.eq((p:call("GET", PATH)), 200)
  end)
  t.case("7.3 an expired token answers 401 and the refresh brings two new tokens", function()
    local p = practice()
    p:call("GET", PATH)
    p:pass(3600 * 1000)
    t.eq((p:call("GET", PATH)), 401)
    local was = p.refresh_token
    local status, body = p:refresh(REFERRALS)
    t.eq(status, 200)
    t.eq(body.expires_in, "3599")
    t.eq(type(body.expires_on), "string")
    t.ok(body.refresh_token ~= was and body.access_token, "both tokens are new")
    p.held[REFERRALS] = body.access_token
    t.eq((p:call("GET", PATH)), 200)
  end)
  t.case("7.3 an old refresh token is dead once its successor was used", function()
    local p = practice()
    local _, first = p:refresh(REFERRALS)
    local _, second = p:refresh(REFERRALS, first.refresh_token)
    t.ok(second.access_token, "the successor works")
    t.eq((p:refresh(REFERRALS, tokens.first_refresh_token)), 400)
    t.eq((p:refresh(REFERRALS, first.refresh_token)), 200)
  end)
  t.case("7.3 the v2 form takes a scope and answers whole numbers", function()
    local p = practice()
    local status, body = p:token_call({
      grant_type = "client_credentials", client_id = tokens.crm_client,
      client_secret = "practice-crm-secret", scope = "http://127.0.0.1:3/.default" }, "v2.0/")
    t.eq(status, 200)
    t.eq(body.expires_in, 3599)
    t.eq(body.refresh_token, nil)
    t.ok(p.env.tokens.check("Bearer " .. body.access_token, "crm"), "good for the CRM")
    t.ok(not p.env.tokens.check("Bearer " .. body.access_token, "referrals"),
      "not for Partner Center")
  end)
  t.case("7.3 a program signs in with a certificate assertion, checked in every part", function()
    local p = practice()
    local key, cert = host.crypto.issue { common_name = "client.example", bits = 2048,
      from_ms = p.now, days = 30 }
    p.env.tokens.certify(tokens.crm_client, cert)
    local function sign_in_with(changes)
      local _, sha256 = host.crypto.thumbprints(cert)
      local claims = { aud = "http://127.0.0.1:1/practice.example/oauth2/v2.0/token", jti = "one",
        iss = tokens.crm_client, sub = tokens.crm_client, exp = p.now // 1000 + 300 }
      for name, v in pairs(changes or {}) do claims[name] = v end
      local function part(v) return host.crypto.base64(json.encode(v), true) end
      local text = part { alg = "PS256", typ = "JWT",
        ["x5t#S256"] = host.crypto.base64(sha256, true) } .. "." .. part(claims)
      local signature = host.crypto.sign(key, cert, "PS256", text .. (claims.spoil or ""))
      return p:token_call({ grant_type = "client_credentials", client_id = tokens.crm_client,
        client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion = text .. "." .. host.crypto.base64(signature, true),
        scope = "http://127.0.0.1:3/.default" }, "v2.0/")
    end
    t.eq((sign_in_with()), 200)
    local wrong = { iss = "x", sub = "x", aud = "https://elsewhere.example/token", spoil = "x",
      exp = p.now // 1000 - 1 }
    for name, v in pairs(wrong) do
      local status, body = sign_in_with { [name] = v }
      t.eq(status, 401, name)
      t.eq(body.error_codes[1], 700027)
    end
  end)
  t.case("7.4 a revoked refresh token answers invalid_grant with its AADSTS number", function()
    local p = practice()
    p.env.tokens:act("token-revoke")
    local status, body = p:refresh(REFERRALS)
    t.eq(status, 400)
    t.eq(body.error, "invalid_grant")
    t.eq(body.error_codes[1], 50173)
    t.ok(body.error_description:find("AADSTS50173", 1, true), body.error_description)
  end)
  t.case("7.4 ninety idle days end a refresh token", function()
    local p = practice()
    p:pass(91 * DAY)
    local _, body = p:refresh(REFERRALS)
    t.eq(body.error_codes[1], 700082)
  end)
  t.case("7.5 roles: none is refused, a user sees own teams only", function()
    local p = practice()
    p:made()
    p:made(function(d) d.team[1].email = "ken@partner.example" end)
    p.set.set("role", "user")
    local _, body = p:call("GET", PATH)
    t.eq(#body.value, 1)
    t.eq(body.value[1].team[1].email, "ken@partner.example")
    p.set.set("role", "none")
    local status, refused = p:call("GET", PATH)
    t.eq(status, 403)
    t.eq(refused.error.code, "accessDenied")
  end)
  t.case("7.6 answers carry request-id and echo client-request-id", function()
    local p = practice()
    local _, _, h = p:call("GET", PATH, nil, { ["client-request-id"] = "abc" })
    t.ok(h["request-id"], "request-id")
    t.eq(h["client-request-id"], "abc")
    t.eq((p:call("GET", PATH)), 200)
  end)
  t.case("7.7 the two faces have two error bodies", function()
    local p = practice()
    local _, one = p:call("GET", PATH .. "/9d3f0c1e-1111-4222-8333-9999aaaabbbb")
    t.eq(one.error.code, "itemNotFound")
    local status, two = p:call("GET", HOOK)
    t.eq(status, 404)
    t.eq(type(two.code), "string")
    t.ok(two.description and two.source, "flat object")
  end)
end

local function creating(t)
  t.case("7.8 a POST without type, customer, consent or details stores nothing", function()
    local p = practice()
    for _, name in ipairs { "type", "customerProfile", "consent", "details" } do
      local status, body = p:call("POST", PATH, deal(function(d) d[name] = nil end))
      t.eq(status, 400)
      t.eq(body.error.code, "invalidRequest")
    end
    t.eq(host.docs.count("referral"), 0)
  end)
  t.case("7.9 the country is a two-letter code", function()
    local p = practice()
    for code, want in pairs { JPN = 400, Japan = 400, XX = 400, JP = 200 } do
      t.eq((p:call("POST", PATH, deal(function(d) d.customerProfile.address.country = code end))),
        want)
    end
  end)
  t.case("7.10 no solution, or no contact on a co-sell, is refused", function()
    local p = practice()
    local function bare(d) d.details.requirements.solutions = json.array {} end
    local function alone(d) d.customerProfile.team = json.array {} end
    t.eq((p:call("POST", PATH, deal(bare))), 400)
    t.eq((p:call("POST", PATH, deal(alone))), 200)
    t.eq((p:call("POST", PATH, deal(function(d) cosell(d) alone(d) end))), 400)
    p.set.set("require_solution", "false")
    t.eq((p:call("POST", PATH, deal(bare))), 200)
  end)
  t.case("7.11 POST with New/Pending answers Active/Accepted", function()
    local p = practice()
    local r = p:made(function(d) d.status, d.substatus = "New", "Pending" end)
    t.eq(r.status .. "/" .. r.substatus, "Active/Accepted")
    t.eq(r.acceptedDateTime, r.createdDateTime)
    t.eq(r.organizationId, rows.organization)
  end)
  t.case("7.12 a second POST to msft makes Microsoft's copy in the same engagement", function()
    local p = practice()
    local own, theirs = p:shared()
    t.eq(theirs.organizationId, "msft")
    t.eq(theirs.engagementId, own.engagementId)
    t.eq(theirs.status .. "/" .. theirs.substatus, "New/Pending")
    t.ok(theirs.id ~= own.id and theirs.expirationDateTime ~= json.null, "a copy that can expire")
    local foreign = to_microsoft "2b7f1f0c-aaaa-4bbb-8ccc-ddddeeeeffff"
    t.eq((p:call("POST", PATH, foreign)), 400)
    t.eq((p:call("POST", PATH, to_microsoft(nil))), 400)
    t.eq((p:call("POST", PATH, to_microsoft(own.engagementId))), 409)
  end)
  t.case("7.12 type follows consent and Microsoft's copy, or is echoed by switch", function()
    local p = practice()
    local own = p:made(cosell)
    t.eq(own.type, "Independent")
    p:call("POST", PATH, to_microsoft(own.engagementId))
    local _, again = p:call("GET", PATH .. "/" .. own.id)
    t.eq(again.type, "Shared")
    t.eq(again.eTag, own.eTag)
    p.set.set("derived_type", "false")
    t.eq(p:made(cosell).type, "Shared")
  end)
  t.case("7.13 a private deal has no copy and no related events", function()
    local p = practice()
    p:register()
    local own = p:made()
    t.eq((p:call("POST", PATH, to_microsoft(own.engagementId))), 400)
    p:pass(1000)
    t.eq(names(p.sent), "referral-created")
  end)
  t.case("7.14 names come in any case and go out in camelCase", function()
    local p = practice()
    local d = deal()
    d.ReferralType, d.Consent, d.consent = nil, d.consent, nil
    d.Consent.ConsentToContact, d.Consent.consentToContact = d.Consent.consentToContact, nil
    local status, body = p:call("POST", PATH, d)
    t.eq(status, 200)
    t.eq(body.consent.consentToContact, true)
    t.eq(body.consent.consentToToShareInfoWithOthers, true)
    t.eq(body.type, "Independent")
  end)
  t.case("7.12 a lagging read answers 404 for a deal just made", function()
    local p = practice { read_lag_ms = "1000" }
    local own = p:made()
    t.eq((p:call("GET", PATH .. "/" .. own.id)), 404)
    p:pass(1000)
    t.eq((p:call("GET", PATH .. "/" .. own.id)), 200)
  end)
end

local function writing(t)
  t.case("7.15 the eTag has quotes, equals the header, changes with writes only", function()
    local p = practice()
    local own = p:made()
    t.eq(own.eTag:match('^"[%x-]+"$'), own.eTag)
    local _, read, h = p:call("GET", PATH .. "/" .. own.id)
    t.eq(read.eTag, own.eTag)
    t.eq(h.etag, own.eTag)
    p:patch(own.id, { replace("/name", "No") })
    _, read = p:call("GET", PATH .. "/" .. own.id)
    t.eq(read.eTag, own.eTag)
    local status, _, after = p:patch(own.id, { replace("/details/notes", "Two sites") })
    t.eq(status, 204)
    t.ok(after.etag ~= own.eTag, "changed")
  end)
  t.case("7.16 only listed paths, and If-Match is enforced", function()
    local p = practice()
    local own = p:made()
    for _, path in ipairs { "/name", "/type", "/customerProfile/address/city", "/target",
      "/status/x" } do
      t.eq((p:patch(own.id, { replace(path, "x") })), 400)
    end
    local stale = { ["If-Match"] = '"5e7a11d0-0000-0100-0000-000000000000"' }
    local status, body = p:patch(own.id, { replace("/details/notes", "x") }, stale)
    t.eq(status, 412)
    t.eq(body.error.code, "preconditionFailed")
    t.eq((p:patch(own.id, { replace("/details/notes", "y") }, { ["If-Match"] = own.eTag })), 204)
    t.eq((p:patch(own.id, { replace("/details/notes", "z") })), 204)
    own.links = nil
    t.eq((p:call("PUT", PATH .. "/" .. own.id, own)), 412)
    t.eq((p:call("PUT", PATH .. "/" .. own.id, own, stale)), 412)
    p.set.set("patch_paths", "any")
    t.eq((p:patch(own.id, { replace("/name", "Other") })), 204)
  end)
  t.case("7.17 PATCH answers 204, or the resource if it is preferred", function()
    local p = practice()
    local own = p:made()
    local status, body = p:patch(own.id, { replace("/details/dealValue", 7) })
    t.eq(status, 204)
    t.eq(body, nil)
    status, body = p:patch(own.id, { replace("/details/dealValue", 8) },
      { Prefer = "return=representation" })
    t.eq(status, 200)
    t.eq(body.details.dealValue, 8)
  end)
  t.case("7.18 a bad operation leaves everything unchanged", function()
    local p = practice()
    local own = p:made()
    for _, op in ipairs { "remove", "move", "copy", "test" } do
      t.eq((p:patch(own.id, { replace("/details/notes", "no"),
        { op = op, path = "/details/notes", from = "/name", value = "x" } })), 400)
    end
    local _, read = p:call("GET", PATH .. "/" .. own.id)
    t.eq(read.details.notes, "First site in spring")
  end)
  t.case("7.19 /team/- appends and a value may be text", function()
    local p = practice()
    local own = p:made()
    local prefer = { Prefer = "return=representation" }
    local _, r = p:patch(own.id, { { op = "add", path = "/team/-", value = person("Rin", "Ito") } },
      prefer)
    t.eq(#r.team, 2)
    _, r = p:patch(own.id, { replace("/details/dealValue", "10") }, prefer)
    t.eq(r.details.dealValue, 10)
    t.eq((p:patch(own.id, { replace("/details/dealValue", "ten") })), 400)
  end)
  t.case("7.20 status pairs and moves", function()
    local p = practice()
    local own = p:made()
    local function to(status, substatus)
      return { replace("/status", status), replace("/substatus", substatus) }
    end
    for _, pair in ipairs { { "Active", "Won" }, { "New", "Accepted" }, { "New", "Pending" } } do
      t.eq((p:patch(own.id, to(pair[1], pair[2]))), 400)
    end
    t.eq((p:patch(own.id, to("Closed", "Lost"))), 400, "a reason is needed")
    local status, r = p:patch(own.id, to("Closed", "Won"), { Prefer = "return=representation" })
    t.eq(status, 200)
    t.ok(r.closedDateTime ~= json.null, "closedDateTime is set")
  end)
  t.case("7.21 a closed referral refuses writes and can be read", function()
    local p = practice()
    local own = p:made()
    p:patch(own.id, { replace("/status", "Closed"), replace("/substatus", "Won") })
    local status, body = p:patch(own.id, { replace("/details/notes", "late") })
    t.eq(status, 400)
    t.eq(body.error.innerError.code, "referralClosed")
    local _, read, h = p:call("GET", PATH .. "/" .. own.id)
    read.links = nil
    t.eq((p:call("PUT", PATH .. "/" .. own.id, read, { ["If-Match"] = h.etag })), 400)
    t.eq((p:patch(own.id,
      { { op = "add", path = "/registrations/-", value = { type = "AzureIPCoSell" } } })),
      204)
  end)
  t.case("7.22 fourteen days without an answer close an incoming referral", function()
    local p = practice()
    p:register()
    local made = p.pc:act("microsoft-create", {})
    p:pass(13 * DAY)
    p.held = nil
    local _, before = p:call("GET", PATH .. "/" .. made.id)
    t.eq(before.status .. "/" .. before.substatus, "New/Pending")
    p:pass(DAY + MINUTE)
    p.held, p.sent = nil, {}
    local _, after = p:call("GET", PATH .. "/" .. made.id)
    t.eq(after.status .. "/" .. after.substatus, "Closed/Expired")
    p:pass(1000)
    t.eq(names(p.sent), "referral-updated")
  end)
  t.case("7.23 frozen fields are refused, or kept by switch", function()
    local p = practice()
    local own = p:shared()
    local contact = replace("/customerProfile/team", json.array { person("Aya", "Mori") })
    local private = replace("/consent/consentToShareReferralWithMicrosoftSellers", false)
    for _, op in ipairs { contact, private } do
      local status, body = p:patch(own.id, { op })
      t.eq(status, 400)
      t.eq(body.error.innerError.code, "immutableField")
    end
    local _, read, h = p:call("GET", PATH .. "/" .. own.id)
    read.links = nil
    read.customerProfile.name = "Another KK"
    t.eq((p:call("PUT", PATH .. "/" .. own.id, read, { ["If-Match"] = h.etag })), 400)
    p.set.set("immutable", "ignore")
    local status, kept = p:call("PUT", PATH .. "/" .. own.id, read, { ["If-Match"] = h.etag })
    t.eq(status, 200)
    t.eq(kept.customerProfile.name, "Hoshino Parts KK")
  end)
  t.case("7.23 before sharing the contact may change", function()
    local p = practice()
    local own = p:made()
    t.eq((p:patch(own.id,
      { replace("/customerProfile/team", json.array { person("Aya", "Mori") }) })), 204)
  end)
  t.case("7.24 PUT refuses links and replaces the body", function()
    local p = practice()
    local own = p:made()
    local path, match = PATH .. "/" .. own.id, { ["If-Match"] = own.eTag }
    t.eq((p:call("PUT", path, own, match)), 400)
    own.links, own.name, own.campaignId = nil, "Renamed", "C-1"
    local status, r = p:call("PUT", path, own, match)
    t.eq(status, 200)
    t.eq(r.name, "Renamed")
    r.links, r.campaignId = nil, nil
    local _, again = p:call("PUT", path, r, { ["If-Match"] = r.eTag })
    t.eq(again.campaignId, json.null)
  end)
  t.case("7.12 Microsoft's copy can be read and not written", function()
    local p = practice()
    local _, theirs = p:shared()
    t.eq((p:call("GET", PATH .. "/" .. theirs.id)), 200)
    t.eq((p:patch(theirs.id, { replace("/details/notes", "x") })), 403)
  end)
end

return function(t)
  for _, part in ipairs { sign_in, creating, writing } do part(t) end
end

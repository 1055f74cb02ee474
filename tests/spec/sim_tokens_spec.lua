-- The token service of the practice environment, check by check, asked as a program asks it: forms
-- in, JSON or a redirect out. The numbers are those of the list in README.md beside this file; T.6
-- and T.7 are in sim_assertions_spec.lua.
local kit = require "sim.kit"
local tokens = require "sim.tokens"

local REFERRALS, WEBHOOKS, MINUTE, DAY = kit.REFERRALS, kit.WEBHOOKS, kit.MINUTE, kit.DAY
local practice = kit.practice
local CRM = "http://127.0.0.1:3"
local DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
local BACK = "http://127.0.0.1:5555/signed-in"
local FORM = { ["content-type"] = "application/x-www-form-urlencoded" }

local function post(p, path, body, headers)
  local status, h, text = p.env.tokens.handle { method = "POST", path = path, body = body,
    headers = headers or FORM }
  return status, text ~= "" and json.decode(text) or nil, h
end

local function ask(form, changes)
  local out = {}
  for name, v in pairs(form) do out[name] = v end
  for name, v in pairs(changes or {}) do out[name] = v or nil end
  return out
end

local APP = { grant_type = "client_credentials", client_id = tokens.crm_client,
  client_secret = "practice-crm-secret", scope = CRM .. "/.default" }
local function app(p, changes) return p:token_call(ask(APP, changes), "v2.0/") end

local REFRESH = { grant_type = "refresh_token", client_id = tokens.partner_client,
  client_secret = "practice-partner-secret", resource = REFERRALS,
  refresh_token = tokens.first_refresh_token }
local function refresh(p, changes, version) return p:token_call(ask(REFRESH, changes), version) end

-- A status and the number of the failure, as one value.
local function failed(status, body)
  return { status, body.error or "taken", (body.error_codes or {})[1] or 0 }
end

local function good_for(p, token, audience)
  return p.env.tokens.check("Bearer " .. token, audience) ~= nil
end

local function claims_of(token)
  return json.decode(host.crypto.unbase64(token:match("^[^.]*%.([^.]*)"), true))
end

local function addresses(t)
  t.case("T.1 both forms of the address, by the tenant's name, its id or common", function()
    local p = practice()
    for _, tenant in ipairs { tokens.tenant, tokens.tenant_id, "common", "Practice.Example" } do
      t.eq((post(p, "/" .. tenant .. "/oauth2/token", "a=b")), 400)
      t.eq(select(2, post(p, "/" .. tenant .. "/oauth2/v2.0/token", "a=b")).error_codes[1], 900144)
    end
    t.eq(failed(post(p, "/elsewhere.example/oauth2/token", "a=b")),
      { 400, "invalid_request", 90002 })
    t.eq((p.env.tokens.handle { method = "GET", path = "/common/oauth2/token", headers = {} }), 405)
    t.eq((p.env.tokens.handle { method = "POST", path = "/common/token", headers = {} }), 404)
  end)
  t.case("T.2 v1 adds times and resource, v2 answers whole numbers and none of these", function()
    local p = practice()
    local _, one = p:token_call(ask(APP, { scope = false, resource = CRM }))
    t.eq({ one.expires_on, one.not_before, one.resource },
      { tostring(p.now // 1000 + 3599), tostring(p.now // 1000), CRM })
    local status, two = app(p)
    t.eq({ status, two.token_type, two.expires_in, two.ext_expires_in },
      { 200, "Bearer", 3599, 3599 })
    t.eq({ two.expires_on, two.not_before, two.resource }, {})
  end)
  t.case("T.3 a token is for the one service that was asked for", function()
    local p = practice()
    local wanted = { referrals = REFERRALS, webhooks = WEBHOOKS, crm = CRM }
    for audience, url in pairs(wanted) do
      local _, v1 = refresh(p, { resource = url })
      local _, v2 = refresh(p, { resource = false, scope = url .. "/.default offline_access" },
        "v2.0/")
      for other in pairs(wanted) do
        t.eq(good_for(p, v1.access_token, other), other == audience, audience .. other)
        t.eq(good_for(p, v2.access_token, other), other == audience, audience .. other)
      end
    end
    local _, shown = app(p)
    t.eq(claims_of(shown.access_token).aud, CRM)
    local _, real = app(p, { scope = "https://kita.crm7.dynamics.com/.default" })
    t.ok(good_for(p, real.access_token, "crm"), "an address of the real CRM")
  end)
  t.case("T.3 a service nobody knows, none, or two are refused", function()
    local p = practice()
    t.eq(failed(refresh(p, { resource = "https://elsewhere.example" })),
      { 400, "invalid_resource", 500011 })
    t.eq(failed(app(p, { scope = "https://elsewhere.example/.default" })),
      { 400, "invalid_resource", 500011 })
    t.eq(failed(refresh(p, { resource = false })), { 400, "invalid_request", 900144 })
    t.eq(failed(app(p, { scope = false })), { 400, "invalid_request", 900144 })
    t.eq(failed(app(p, { scope = "openid" })), { 400, "invalid_scope", 70011 })
    t.eq(failed(app(p, { scope = CRM .. "/.default " .. REFERRALS .. "/.default" })),
      { 400, "invalid_scope", 70011 })
  end)
end

local function programs(t)
  t.case("T.4 the secret, in the form or as Basic; wrong, missing, expired", function()
    local p = practice()
    t.eq((app(p)), 200)
    local body = "grant_type=client_credentials&scope=" .. CRM .. "/.default"
    local basic = host.crypto.base64(tokens.crm_client .. ":practice%2Dcrm%2Dsecret")
    local headers = ask(FORM, { authorization = "Basic " .. basic })
    t.eq((post(p, "/common/oauth2/v2.0/token", body, headers)), 200)
    t.eq(failed(app(p, { client_secret = "guess" })), { 401, "invalid_client", 7000215 })
    t.eq(failed(app(p, { client_secret = false })), { 401, "invalid_client", 7000218 })
    p.set.set("secret_expired", "true")
    t.eq(failed(app(p)), { 401, "invalid_client", 7000222 })
  end)
  t.case("T.4 a program nobody knows, none, and a public one with a secret", function()
    local p = practice()
    t.eq(failed(app(p, { client_id = "99999999-9999-4999-8999-999999999999" })),
      { 400, "unauthorized_client", 700016 })
    t.eq(failed(app(p, { client_id = false })), { 400, "invalid_request", 900144 })
    t.eq(failed(refresh(p, { client_id = tokens.public_client })),
      { 401, "invalid_client", 700025 })
  end)
  t.case("T.5 only the grants a program may use; the password grant is dead", function()
    local p = practice()
    t.eq(failed(refresh(p, { grant_type = "client_credentials" })),
      { 400, "unauthorized_client", 7000112 })
    t.eq(failed(app(p, { grant_type = "refresh_token" })),
      { 400, "unauthorized_client", 7000112 })
    t.eq(failed(app(p, { grant_type = "magic" })), { 400, "unsupported_grant_type", 70003 })
    t.eq(failed(app(p, { grant_type = false })), { 400, "invalid_request", 900144 })
    t.eq(failed(refresh(p, { grant_type = "password", username = "ken", password = "x" })),
      { 400, "invalid_grant", 50076 })
  end)
  t.case("T.8 a program by itself: /.default only, no id token, no way into Partner Center",
    function()
      local p = practice()
      local _, body = app(p)
      t.eq({ body.id_token, body.scope }, {})
      t.eq(failed(app(p, { scope = CRM .. "/user_impersonation" })),
        { 400, "invalid_scope", 70011 })
      local _, alone = app(p, { scope = REFERRALS .. "/.default" })
      local status = p:call("GET", kit.PATH, nil,
        { authorization = "Bearer " .. alone.access_token })
      t.eq(status, 401)
    end)
end

local VERIFIER = ("practice-verifier-"):rep(3)
local function challenge_of(text)
  return host.crypto.base64((host.crypto.sha256(text):gsub("%x%x",
    function(hex) return string.char(tonumber(hex, 16)) end)), true)
end

local PAGE = { client_id = tokens.partner_client, response_type = "code", redirect_uri = BACK,
  state = "s t&1", code_challenge = challenge_of(VERIFIER), code_challenge_method = "S256" }

-- A browser's visit of the authorize page: status, what went back by name, the page's text.
local function visit(p, changes, version)
  local parts = {}
  for name, v in pairs(ask(PAGE, changes)) do
    parts[#parts + 1] = name .. "=" .. v:gsub("[^%w]", function(c)
      return string.format("%%%02X", c:byte())
    end)
  end
  local status, h, text = p.env.tokens.handle { method = "GET", headers = {},
    path = "/common/oauth2/" .. (version or "") .. "authorize", query = table.concat(parts, "&") }
  local out = {}
  for name, v in (h.Location or ""):gmatch("[?&]([^=]+)=([^&]*)") do
    out[name] = v:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return status, out, text, h.Location
end

local CODE = { grant_type = "authorization_code", client_id = tokens.partner_client,
  client_secret = "practice-partner-secret", resource = REFERRALS, redirect_uri = BACK,
  code_verifier = VERIFIER }
local function redeem(p, code, changes, version)
  return p:token_call(ask(ask(CODE, { code = code }), changes), version)
end

local function pages(t)
  t.case("T.9 the authorize page sends the person back with code and state", function()
    local p = practice()
    local status, out, _, url = visit(p)
    t.eq({ status, out.state, url:match("^[^?]*") }, { 302, "s t&1", BACK })
    t.ok(#out.code > 40, "a code")
    t.eq((visit(p, { scope = REFERRALS .. "/.default", redirect_uri = "http://localhost:9/" },
      "v2.0/")), 302)
    local again, _, text = visit(p, { response_mode = "form_post", response_type = "code id_token",
      nonce = "n", scope = "openid profile" })
    t.eq(again, 200)
    for _, part in ipairs { 'action="' .. BACK, 'name="code"', 'name="id_token"',
      'value="s t&amp;1"' } do
      t.has(text, part)
    end
  end)
  t.case("T.9 a foreign address or program is told on the page and never sent anywhere", function()
    local p = practice()
    for _, url in ipairs { "https://elsewhere.example/", "http://127.0.0.1.elsewhere.example/",
      "http://localhost@elsewhere.example/", "http://127.0.0.1:1@elsewhere.example/" } do
      local status, _, text, location = visit(p, { redirect_uri = url })
      t.eq({ status, location }, { 400 }, url)
      t.has(text, "AADSTS50011")
    end
    local status, _, text, location = visit(p, { client_id = tokens.crm_client })
    t.eq({ status, location }, { 400 })
    t.has(text, "AADSTS700016")
  end)
  t.case("T.9 what else is wrong goes back to the program", function()
    local p = practice()
    for _, row in ipairs { { { response_type = "token" }, "unsupported_response_type" },
      { { response_type = false }, "invalid_request" }, { { response_mode = "fragment" },
        "invalid_request" }, { { code_challenge_method = "S512" }, "invalid_request" },
      { { code_challenge = "short" }, "invalid_request" } } do
      local status, out = visit(p, row[1])
      t.eq({ status, out.error, out.state, out.code }, { 302, row[2], "s t&1" })
    end
    t.eq(select(2, visit(p, nil, "v2.0/")).error, "invalid_request", "v2 without a scope")
    p.set.set("require_pkce", "true")
    t.eq(select(2, visit(p, { code_challenge = false })).error, "invalid_request")
    p.set.set("authorize", "decline")
    t.eq(select(2, visit(p)).error, "access_denied")
    t.eq(host.docs.count("code"), 0)
  end)
end

local function codes(t)
  t.case("T.10 a code brings tokens, by S256, by plain, and without a challenge", function()
    local p = practice()
    local status, body = redeem(p, select(2, visit(p)).code)
    t.eq({ status, body.expires_in, body.id_token }, { 200, "3599" })
    t.ok(good_for(p, body.access_token, "referrals"), "an access token")
    t.eq((refresh(p, { refresh_token = body.refresh_token })), 200)
    local plain = { code_challenge = VERIFIER, code_challenge_method = false }
    t.eq((redeem(p, select(2, visit(p, plain)).code)), 200)
    local _, early = visit(p, { resource = WEBHOOKS })
    local _, named = redeem(p, early.code, { resource = false })
    t.eq({ named.resource, good_for(p, named.access_token, "webhooks") }, { WEBHOOKS, true })
    t.eq((redeem(p, select(2, visit(p)).code, { resource = false })), 400, "none named")
    local bare = { code_challenge = false, code_challenge_method = false }
    t.eq((redeem(p, select(2, visit(p, bare)).code, { code_verifier = false })), 200)
  end)
  t.case("T.10 v2: a refresh token by offline_access, an id_token by openid", function()
    local p = practice()
    local scope = REFERRALS .. "/user_impersonation"
    local function signed_in(words)
      local _, out = visit(p, { scope = scope .. words, nonce = "n-1" }, "v2.0/")
      return select(2, redeem(p, out.code, { resource = false }, "v2.0/"))
    end
    local bare, full = signed_in "", signed_in " openid offline_access"
    t.eq(bare.refresh_token, nil, "not asked for")
    t.eq(bare.id_token, nil)
    t.eq(bare.scope, scope)
    t.ok(full.refresh_token, "a refresh token")
    local claims = claims_of(full.id_token)
    t.eq({ claims.nonce, claims.aud, claims.upn },
      { "n-1", tokens.partner_client, "ken@partner.example" })
  end)
  t.case("T.11 a code is refused by a wrong verifier, redirect or program, and used, and late",
    function()
      local p = practice()
      local _, out = visit(p)
      local wrong = {
        { { code_verifier = "x" .. VERIFIER }, 501481 }, { { code_verifier = false }, 50148 },
        { { redirect_uri = BACK .. "/" }, 500112 }, { { redirect_uri = false }, 900144 },
        { { code = "x" .. out.code }, 70000 }, { { code = false }, 900144 },
        { { client_id = tokens.public_client, client_secret = false }, 70000 },
      }
      for _, row in ipairs(wrong) do
        local status, body = redeem(p, out.code, row[1])
        t.eq({ status, body.error_codes[1] }, { 400, row[2] })
      end
      t.eq((redeem(p, out.code)), 200)
      t.eq(failed(redeem(p, out.code)), { 400, "invalid_grant", 54005 })
      _, out = visit(p)
      p:pass(10 * MINUTE)
      t.eq(failed(redeem(p, out.code)), { 400, "invalid_grant", 70008 })
    end)
end

local function device(p, changes)
  local parts = {}
  for name, v in pairs(ask({ client_id = tokens.public_client,
    scope = CRM .. "/user_impersonation offline_access" }, changes)) do
    parts[#parts + 1] = name .. "=" .. v
  end
  return post(p, "/common/oauth2/v2.0/devicecode", table.concat(parts, "&"))
end

local function poll(p, asked, changes)
  return p:token_call(ask({ grant_type = DEVICE, client_id = tokens.public_client,
    device_code = asked.device_code }, changes), "v2.0/")
end

local function devices(t)
  t.case("T.12 a device code: pending, then the tokens, once", function()
    local p = practice()
    local status, asked = device(p)
    t.eq({ status, asked.expires_in, asked.interval, asked.verification_uri },
      { 200, 900, 5, "http://127.0.0.1:1/devicelogin" })
    t.has(asked.message, asked.user_code)
    t.eq(failed(poll(p, asked)), { 400, "authorization_pending", 70016 })
    t.eq(p.env.tokens:act("device-approve", { code = "nobody's" }), nil)
    t.ok(p.env.tokens:act("device-approve", { code = asked.user_code }), "approved")
    local done, body = poll(p, asked)
    t.eq({ done, body.scope }, { 200, CRM .. "/user_impersonation offline_access" })
    t.ok(good_for(p, body.access_token, "crm"), "for the CRM")
    t.eq((p:token_call({ grant_type = "refresh_token", client_id = tokens.public_client,
      scope = CRM .. "/.default", refresh_token = body.refresh_token }, "v2.0/")), 200)
    t.eq(failed(poll(p, asked)), { 400, "bad_verification_code", 70018 })
    t.eq(failed(poll(p, { device_code = "x" })), { 400, "bad_verification_code", 70018 })
  end)
  t.case("T.12 asking for a device code, without refresh token and as v1 does", function()
    local p = practice()
    local _, asked = device(p, { scope = CRM .. "/user_impersonation" })
    p.env.tokens:act("device-approve", {})
    t.eq(select(2, poll(p, asked)).refresh_token, nil)
    local _, v1 = post(p, "/common/oauth2/devicecode", "client_id=" .. tokens.public_client
      .. "&resource=" .. CRM)
    t.eq({ v1.expires_in, v1.interval, v1.verification_url },
      { "900", "5", "http://127.0.0.1:1/devicelogin" })
    p.env.tokens:act("device-approve", { code = v1.user_code })
    local status, body = p:token_call { grant_type = "device_code", code = v1.device_code,
      client_id = tokens.public_client }
    t.eq({ status, body.resource, body.expires_in }, { 200, CRM, "3599" })
    for _, row in ipairs { { { client_id = false }, 900144 }, { { scope = false }, 900144 },
      { { client_id = tokens.crm_client }, 7000112 }, { { client_id = "x" }, 700016 } } do
      t.eq(select(2, device(p, row[1])).error_codes[1], row[2])
    end
  end)
  t.case("T.13 a device code is declined, is late, is asked for too soon", function()
    local p = practice()
    local _, asked = device(p)
    p.env.tokens:act("device-decline", { code = asked.user_code })
    t.eq(failed(poll(p, asked)), { 400, "authorization_declined", 65004 })
    _, asked = device(p)
    t.eq({ select(2, poll(p, asked)).error, select(2, poll(p, asked)).error },
      { "authorization_pending", "authorization_pending" })
    p.set.set("device_slow_down", "true")
    t.eq(select(2, poll(p, asked)).error, "slow_down")
    p:pass(5000)
    t.eq(select(2, poll(p, asked)).error, "authorization_pending")
    p:pass(15 * MINUTE)
    t.eq(failed(poll(p, asked)), { 400, "expired_token", 70019 })
    t.eq(p.env.tokens:act("device-approve", { code = asked.user_code }), nil)
  end)
end

local function for_the_crm(t)
  t.case("10.1 the CRM's tokens: by secret and by device code, with their ends", function()
    local p = practice()
    local _, alone = app(p)
    t.ok(good_for(p, alone.access_token, "crm"), "by secret")
    t.eq(alone.refresh_token, nil, "never for a program")
    local _, asked = device(p)
    t.eq((poll(p, asked)), 400)
    p.env.tokens:act("device-approve", {})
    local _, person = poll(p, asked)
    t.ok(good_for(p, person.access_token, "crm"), "by device code")
    p:pass(3600 * 1000)
    t.ok(not good_for(p, alone.access_token, "crm"), "ended by the practice clock")
    t.ok(not good_for(p, person.access_token, "crm"), "both")
  end)
end

local function refreshing(t)
  t.case("T.14 one grant for both hosts; an old token dies when its successor is used", function()
    local p = practice()
    local _, first = refresh(p)
    t.ok(good_for(p, select(2, refresh(p, { resource = WEBHOOKS })).access_token, "webhooks"),
      "the old one still works")
    local _, second = refresh(p, { refresh_token = first.refresh_token })
    t.ok(second.access_token, "the successor works")
    t.eq((refresh(p)), 400)
    t.eq((refresh(p, { refresh_token = first.refresh_token })), 200)
    t.eq((refresh(p, { refresh_token = "guess" })), 400)
    t.eq((refresh(p, { refresh_token = false })), 400)
    t.eq((refresh(p, { refresh_token = second.refresh_token, client_id = tokens.public_client,
      client_secret = false })), 400, "another program's")
    local q = practice { refresh_rotation = "lenient" }
    _, first = refresh(q)
    refresh(q, { refresh_token = first.refresh_token })
    t.eq((refresh(q)), 200)
  end)
  t.case("T.15 the token says mfa or not, as the person signed in, and keeps it", function()
    local p = practice()
    local _, with = refresh(p)
    t.eq(claims_of(with.access_token).amr, { "pwd", "mfa" })
    p = practice { token_mfa = "false" }
    local _, out = visit(p)
    local _, bare = redeem(p, out.code)
    t.eq(claims_of(bare.access_token).amr, { "pwd" })
    p.set.set("token_mfa", "true")
    local _, later = refresh(p, { refresh_token = bare.refresh_token })
    t.eq(claims_of(later.access_token).amr, { "pwd" }, "signed in without")
    _, out = visit(p)
    _, with = redeem(p, out.code)
    t.eq(claims_of(with.access_token).amr, { "pwd", "mfa" }, "signed in again")
  end)
  t.case("T.16 after a revocation access tokens live on, and a new sign-in mends it", function()
    local p = practice()
    local _, held = refresh(p)
    p.env.tokens:act("token-revoke")
    t.ok(good_for(p, held.access_token, "referrals"), "until its end")
    local again = p.env.tokens:act("token-sign-in")
    t.eq((refresh(p, { refresh_token = again.refresh_token })), 200)
    p.env.tokens:act("token-expire")
    t.ok(not good_for(p, held.access_token, "referrals"), "all ended")
  end)
  t.case("T.17 ninety idle days end a refresh token, a use begins them anew", function()
    local p = practice()
    for _ = 1, 2 do
      p:pass(90 * DAY)
      t.eq((refresh(p)), 200)
    end
    p:pass(90 * DAY + 1)
    t.eq(failed(refresh(p)), { 400, "invalid_grant", 700082 })
  end)
  t.case("T.18 an access token lives as long as it says, by the practice clock", function()
    local p = practice { token_life_s = "60" }
    local _, held = refresh(p)
    t.eq({ held.expires_in, held.expires_on }, { "60", tostring(p.now // 1000 + 60) })
    p:pass(59999)
    t.ok(good_for(p, held.access_token, "referrals"), "to its last moment")
  end)
end

local function failures(t)
  t.case("T.19 every failure has the one body, by v1, v2 and the device page", function()
    local p = practice()
    local bodies = { select(2, refresh(p, { refresh_token = "x" })),
      select(2, app(p, { scope = "x" })), (select(2, device(p, { client_id = "x" }))) }
    for _, b in ipairs(bodies) do
      local number = b.error_codes[1]
      t.eq({ #b.error_codes, math.type(number), b.error:match("^[%l_]+$") },
        { 1, "integer", b.error })
      t.ok(b.error_description:find("^AADSTS" .. number .. ": "), b.error_description)
      t.eq(b.timestamp, "2031-01-01 08:00:00Z")
      t.eq({ #b.trace_id, #b.correlation_id }, { 36, 36 })
      t.eq(b.error_uri, "https://login.microsoftonline.com/error?code=" .. number)
    end
    local _, _, h = post(p, "/common/oauth2/token", "grant_type=x")
    t.eq({ h["Content-Type"], h["Cache-Control"] },
      { "application/json; charset=utf-8", "no-store" })
  end)
  t.case("T.20 each number that ends a person's grant can be had by switch", function()
    local p = practice()
    for _, number in ipairs { 70008, 700082, 50173, 50076, 50079, 70043, 70044 } do
      p.set.set("grant_fault", tostring(number))
      t.eq(failed(refresh(p)), { 400, "invalid_grant", number })
    end
    p.set.set("grant_fault", "none")
    t.eq((refresh(p)), 200)
  end)
  t.case("T.22 a token for an API without consent is refused, the other's is not", function()
    for given, refused in pairs { referrals = WEBHOOKS, webhooks = REFERRALS } do
      local p = practice { consent = given }
      local other = refused == WEBHOOKS and REFERRALS or WEBHOOKS
      t.eq(failed(refresh(p, { resource = refused })), { 400, "invalid_grant", 65001 }, given)
      t.eq((refresh(p, { resource = other })), 200, given)
      p.set.set("consent", "both")
      t.eq((refresh(p, { resource = refused })), 200, "once an administrator has consented")
    end
  end)
  t.case("T.21 what is no form is refused and changes nothing", function()
    local p = practice()
    local function stored()
      local out = {}
      for i, name in ipairs { "token", "refresh", "code", "device" } do
        out[i] = host.docs.count(name)
      end
      return out
    end
    local before = stored()
    local good = "grant_type=refresh_token&client_id=" .. tokens.partner_client
      .. "&client_secret=practice-partner-secret&resource=" .. REFERRALS
      .. "&refresh_token=" .. tokens.first_refresh_token
    local path = "/common/oauth2/token"
    t.eq((post(p, path, good, { ["content-type"] = "application/json" })), 400)
    t.eq((post(p, path, good, {})), 400)
    for _, bad in ipairs { '{"grant_type":"refresh_token"}', good .. "&scope=%zz",
      good .. "&resource=" .. WEBHOOKS, good .. "&lonely", "=&=" } do
      t.eq(failed(post(p, path, bad)), { 400, "invalid_request", 9002313 }, bad)
    end
    t.eq(failed(post(p, path, "")), { 400, "invalid_request", 900144 })
    t.eq((post(p, path, good .. "&x=" .. ("x"):rep(70000))), 413)
    t.eq((post(p, "/common/oauth2/devicecode", "{}")), 400)
    t.eq((p.env.tokens.handle { method = "GET", headers = {}, path = "/common/oauth2/authorize",
      query = "client_id=%" }), 400)
    t.eq(stored(), before)
    t.eq((post(p, path, good .. "&unknown=1")), 200)
  end)
end

return function(t)
  for _, part in ipairs { addresses, programs, pages, codes, devices, for_the_crm, refreshing,
    failures } do
    part(t)
  end
end

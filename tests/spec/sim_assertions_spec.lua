-- The token service of the practice environment: certificate assertions, T.6 and T.7 of the list in
-- README.md beside this file.
local kit = require "sim.kit"
local tokens = require "sim.tokens"

local practice = kit.practice
local CRM = "http://127.0.0.1:3"
local ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

-- A copy with changes; false leaves a member out.
local function ask(form, changes)
  local out = {}
  for name, v in pairs(form) do out[name] = v end
  for name, v in pairs(changes or {}) do out[name] = v or nil end
  return out
end

-- A status and the number of the failure, as one value.
local function failed(status, body)
  return { status, body.error or "taken", (body.error_codes or {})[1] or 0 }
end

local pair
local function key_pair(p)
  if not pair then
    local key, cert = host.crypto.issue { common_name = "client.example", bits = 2048,
      from_ms = p.now, days = 30 }
    pair = { key = key, cert = cert }
  end
  p.env.tokens.certify(tokens.crm_client, pair.cert)
  return pair
end

-- Signs in with an assertion; o.header, o.claims change it (false: left out), o.spoil its
-- signature.
local function assert_with(p, o)
  local held = key_pair(p)
  local sha1, sha256 = host.crypto.thumbprints(held.cert)
  local now = p.now // 1000
  local header = ask(o.alg == "RS256" and { alg = "RS256", typ = "JWT",
    x5t = host.crypto.base64(sha1, true) } or { alg = "PS256", typ = "JWT",
    ["x5t#S256"] = host.crypto.base64(sha256, true) }, o.header)
  local claims = ask({ aud = "http://127.0.0.1:1/practice.example/oauth2/v2.0/token",
    jti = host.uuid(), iss = tokens.crm_client, sub = tokens.crm_client, nbf = now, iat = now,
    exp = now + 300 }, o.claims)
  local function part(v) return host.crypto.base64(json.encode(v), true) end
  local text = part(header) .. "." .. part(claims)
  local signature = host.crypto.sign(held.key, held.cert, o.sign or o.alg or "PS256",
    text .. (o.spoil or ""))
  return p:token_call(ask({ grant_type = "client_credentials", client_id = tokens.crm_client,
    client_assertion_type = ASSERTION, scope = CRM .. "/.default",
    client_assertion = text .. "." .. host.crypto.base64(signature, true) }, o.form), "v2.0/")
end

return function(t)
  t.case("T.6 an assertion by PS256 with the SHA-256, or by RS256 with the SHA-1 thumbprint",
    function()
      local p = practice()
      t.eq((assert_with(p, {})), 200)
      t.eq((assert_with(p, { alg = "RS256" })), 200)
      for _, aud in ipairs { "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "http://127.0.0.1:1/common/oauth2/token" } do
        t.eq((assert_with(p, { claims = { aud = aud } })), 200)
      end
    end)
  t.case("T.7 each header and claim that is wrong or missing is refused", function()
    local p = practice()
    local now = p.now // 1000
    local wrong = {
      [700027] = { { header = { alg = "none" } }, { header = { alg = "RS256" } },
        { header = { typ = "JWS" } }, { header = { typ = false } },
        { header = { ["x5t#S256"] = "AAAA" } }, { header = { ["x5t#S256"] = false } },
        { alg = "RS256", header = { x5t = "AAAA" } }, { sign = "RS256" }, { spoil = "x" },
        { claims = { iss = "x" } }, { claims = { sub = "x" } }, { claims = { jti = false } },
        { claims = { jti = "" } }, { form = { client_assertion = "a.b" } } },
      [700023] = { { claims = { aud = "https://elsewhere.example/common/oauth2/v2.0/token" } },
        { claims = { aud = false } }, { claims = { aud = "http://127.0.0.1:1/x/oauth2/token" } },
        { claims = { aud = "http://127.0.0.1:1/common/oauth2/v2.0/authorize" } } },
      [700024] = { { claims = { exp = now } }, { claims = { exp = false } },
        { claims = { nbf = now + 301 } }, { claims = { nbf = false } },
        { claims = { iat = false } }, { claims = { exp = tostring(now + 300) } } },
    }
    for code, list in pairs(wrong) do
      for i, o in ipairs(list) do
        t.eq(failed(assert_with(p, o)), { 401, "invalid_client", code }, code .. "/" .. i)
      end
    end
    t.eq((assert_with(p, { form = { client_assertion_type = "x" } })), 400)
  end)
  t.case("T.7 by switch an assertion can be shown once", function()
    local p = practice()
    local one = { claims = { jti = "one" } }
    t.eq({ (assert_with(p, one)), (assert_with(p, one)) }, { 200, 200 })
    p.set.set("assertion_once", "true")
    t.eq({ (assert_with(p, one)), (assert_with(p, one)) }, { 200, 401 })
  end)
end

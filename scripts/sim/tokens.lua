-- The token service of the practice environment: the v1 and v2 forms of the sign-in service for the
-- grants that a host without a browser uses.
-- Owns the collections "token" and "refresh". The people and programs that may sign in are the rows
-- below: invented, and known to everyone.
local dates = require "sim.dates"
local faults = require "sim.faults"

local M = {}
M.__index = M

M.tenant = "practice.example"
M.clients = {
  ["7d1b0c52-0001-4a11-9c01-000000000001"] = { name = "partner", secret = "practice-partner-secret",
    grants = { refresh_token = true } },
  ["7d1b0c52-0002-4a11-9c01-000000000002"] = { name = "crm", secret = "practice-crm-secret",
    grants = { client_credentials = true } },
}
M.partner_client = "7d1b0c52-0001-4a11-9c01-000000000001"
M.crm_client = "7d1b0c52-0002-4a11-9c01-000000000002"
M.user = { oid = "7d1b0c52-0003-4a11-9c01-000000000003", upn = "ken@partner.example",
  name = "Ken Aoki" }
M.first_refresh_token = "practice-refresh-token"

local IDLE_MS = 90 * 86400000
local ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
local HOSTS = {
  ["https://api.partner.microsoft.com"] = "referrals",
  ["https://api.partnercenter.microsoft.com"] = "webhooks",
}


-- ---- audiences: which service a resource, a scope or a base address means

local function is_below(url, base)
  return base ~= nil and url:sub(1, #base) == base
end

-- "referrals", "webhooks", "both" (the practice listener serves the two), "crm", or nil.
local function audience_of(self, text)
  local url = text:gsub("/+%.default$", ""):gsub("/user_impersonation$", ""):gsub("/+$", "")
  local base = self.env.base
  if text == "referrals" or text == "webhooks" or text == "crm" then return text end
  if HOSTS[url] then return HOSTS[url] end
  if url == base.partner then return "both" end
  if base.partner and is_below(url, base.partner .. "/webhooks") then return "webhooks" end
  if base.partner and is_below(url, base.partner .. "/v1.0") then return "referrals" end
  if url == base.crm or base.crm and is_below(url, base.crm .. "/") then return "crm" end
  return url:find("^https://[%w-]+%.crm%d*%.dynamics%.com$") and "crm" or nil
end

-- ---- failures

local FAILURES = {
  [700082] = { 400, "invalid_grant", "The refresh token has expired due to inactivity." },
  [50173] = { 400, "invalid_grant", "The provided grant has been revoked; sign in again." },
  [9002313] = { 400, "invalid_request", "The request is malformed or invalid." },
  [70003] = { 400, "unsupported_grant_type", "The grant type is not supported." },
  [500011] = { 400, "invalid_resource", "The resource was not found in the tenant." },
  [700016] = { 400, "unauthorized_client", "The application was not found." },
  [7000215] = { 401, "invalid_client", "Invalid client secret provided." },
  [700027] = { 401, "invalid_client", "The client assertion's signature or claims are not valid." },
  [7000112] = { 400, "unauthorized_client", "The application may not use this grant." },
}

local function failure(self, code)
  local f = FAILURES[code]
  local body = {
    error = f[2], error_description = string.format("AADSTS%d: %s", code, f[3]),
    error_codes = json.array { code }, trace_id = self.env.uuid(), correlation_id = self.env.uuid(),
    timestamp = dates.text(self.env.now(), 0):gsub("T", " "),
    error_uri = "https://login.microsoftonline.com/error?code=" .. code,
  }
  return f[1],
    { ["Content-Type"] = "application/json; charset=utf-8", ["Cache-Control"] = "no-store" },
    json.encode(body)
end

-- ---- client authentication

local function decode_part(part)
  local text = host.crypto.unbase64(part or "", true)
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

local function aimed_here(self, aud)
  local base = (self.env.base.tokens or ""):gsub("^https?://", "")
  local path = type(aud) == "string" and aud:match("^https?://(.*)$")
  return path ~= nil and (path:sub(1, #base) == base or path:find("^login%.microsoftonline%.com/"))
end

local function right_thumbprint(header, cert)
  local sha1, sha256 = host.crypto.thumbprints(cert)
  if header.alg == "PS256" then return header["x5t#S256"] == host.crypto.base64(sha256, true) end
  return header.alg == "RS256" and (header.x5t == host.crypto.base64(sha1, true)
    or header["x5t#S256"] == host.crypto.base64(sha256, true))
end

local function right_claims(self, claims, id)
  local now = self.env.now() // 1000
  return claims.iss == id and claims.sub == id and aimed_here(self, claims.aud)
    and math.type(claims.exp) == "integer" and claims.exp > now and (claims.nbf or 0) <= now + 300
    and type(claims.jti) == "string"
end

local function assertion_holds(self, text, id)
  local cert = self.certificates[id]
  local head, middle, tail = text:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
  local header, claims = decode_part(head), decode_part(middle)
  local signature = tail and host.crypto.unbase64(tail, true)
  return cert and header and claims and signature and right_thumbprint(header, cert)
    and right_claims(self, claims, id)
    and host.crypto.verify(cert, header.alg, head .. "." .. middle, signature)
end

-- The client's id if it proved itself, else nil and the failure's number.
local function client_of(self, form, authorization)
  local id, secret = form.client_id, form.client_secret
  local basic = authorization and authorization:match("^[Bb]asic%s+(%S+)$")
  if basic then id, secret = (host.crypto.unbase64(basic) or ""):match("^([^:]*):(.*)$") end
  local client = M.clients[(id or ""):lower()]
  if not client then return nil, 700016 end
  if form.client_assertion then
    if form.client_assertion_type ~= ASSERTION then return nil, 9002313 end
    if not assertion_holds(self, form.client_assertion, id) then return nil, 700027 end
  elseif secret ~= client.secret then
    return nil, 7000215
  end
  return id:lower(), client
end

-- ---- tokens

-- Makes a refresh token, as an administrator who signs in does.
local function sign_in(self, token)
  token = token or host.crypto.base64(host.random(48), true)
  host.docs.put("refresh", host.crypto.sha256(token),
    { client = M.partner_client, used_ms = self.env.now(),
    mfa = self.env.switch "token_mfa" })
  return token
end

-- Drops access tokens that are past their time.
local function forget(self)
  for _, row in ipairs(host.docs.find("token", { most = 100000 })) do
    if row.body.exp * 1000 <= self.env.now() then host.docs.drop("token", row.id) end
  end
end

-- Shaped like the real thing for clients that print it; only the row behind it counts.
local function access_token(self, claims)
  local head = host.crypto.base64(json.encode { typ = "JWT", alg = "RS256", kid = "practice" },
    true)
  local body = host.crypto.base64(json.encode(claims), true)
  local token = head .. "." .. body .. "." .. host.crypto.base64(host.random(32), true)
  host.docs.put("token", host.crypto.sha256(token), claims)
  if host.docs.count("token") > 2000 then forget(self) end
  return token
end

-- The answer with an access token; v1 prints its numbers as text.
local function grant(self, claims, v1, refresh)
  local life, now = self.env.switch "token_life_s", self.env.now() // 1000
  claims.iat, claims.exp = now, now + life
  local body = { token_type = "Bearer", access_token = access_token(self, claims),
    refresh_token = refresh }
  local function number(n) return v1 and tostring(n) or n end
  body.expires_in, body.ext_expires_in = number(life), number(life)
  if refresh then body.scope = "user_impersonation" end
  if v1 then
    body.expires_on, body.not_before = number(now + life), number(now)
    body.resource = claims.resource
  end
  return 200,
    { ["Content-Type"] = "application/json; charset=utf-8", ["Cache-Control"] = "no-store" },
    json.encode(body)
end

-- A successor that works ends the tokens before it.
local function end_older(row)
  if not row.previous then return end
  host.docs.drop("refresh", row.previous)
  row.previous = nil
end

local function live_refresh(self, token, client_id)
  local id = host.crypto.sha256(token)
  local row = host.docs.get("refresh", id)
  if not row or row.revoked or row.client ~= client_id then return nil, 50173 end
  if row.used_ms + IDLE_MS < self.env.now() then return nil, 700082 end
  return row, id
end

local function by_refresh(self, form, client_id, audience, v1)
  local row, id = live_refresh(self, form.refresh_token or "", client_id)
  if not row then return failure(self, id) end
  local strict = self.env.switch "refresh_rotation" == "strict"
  if strict then end_older(row) end
  row.used_ms = self.env.now()
  host.docs.put("refresh", id, row)
  local token = host.crypto.base64(host.random(48), true)
  host.docs.put("refresh", host.crypto.sha256(token),
    { client = client_id, used_ms = self.env.now(),
    mfa = row.mfa, previous = strict and id or nil })
  local mfa = row.mfa and self.env.switch "token_mfa"
  return grant(self, { aud = audience, resource = form.resource or form.scope, appid = client_id,
    oid = M.user.oid, upn = M.user.upn, amr = mfa and json.array { "pwd", "mfa" }
    or json.array { "pwd" } },
    v1, token)
end

local function by_client(self, form, client_id, audience, v1)
  return grant(self, { aud = audience, resource = form.resource or form.scope, appid = client_id,
    app_only = true }, v1)
end

local GRANTS = { refresh_token = by_refresh, client_credentials = by_client }

-- ---- the service

local function form_of(body)
  local out = {}
  for name, value in body:gmatch("([^&=]+)=([^&]*)") do
    out[name] = value:gsub("+", " "):gsub("%%(%x%x)",
      function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return out
end

-- The resource asked for: v1 names it, v2 hides it in the scope beside openid and offline_access.
local function wanted(form, v1)
  if v1 then return form.resource end
  for word in (form.scope or ""):gmatch("%S+") do
    if word:find("^https?://") then return word end
  end
end

local function answer(self, req)
  local v1 = req.path:find("^/[^/]+/oauth2/token$") ~= nil
  if not v1 and not req.path:find("^/[^/]+/oauth2/v2%.0/token$") then
    return 404, { ["Content-Type"] = "text/plain" }, "no such address\n"
  end
  if req.method ~= "POST" then return 405, { Allow = "POST" }, "" end
  local form = form_of(req.body or "")
  local id, client = client_of(self, form, req.headers.authorization)
  if not id then return failure(self, client) end
  local run = GRANTS[form.grant_type or ""]
  if not run then return failure(self, 70003) end
  if not client.grants[form.grant_type] then return failure(self, 7000112) end
  local resource = wanted(form, v1)
  local audience = resource and audience_of(self, resource)
  if not audience then return failure(self, resource and 500011 or 9002313) end
  return run(self, form, id, audience, v1)
end

local function check(self, authorization, audience)
  local token = authorization and authorization:match("^[Bb]earer%s+(%S+)$")
  if not token then return nil, "no bearer token" end
  local claims = host.docs.get("token", host.crypto.sha256(token))
  if not claims then return nil, "unknown token" end
  if claims.exp * 1000 <= self.env.now() then return nil, "the token has expired" end
  local want = audience_of(self, audience)
  local fits = claims.aud == want or (claims.aud == "both" and want ~= "crm")
  if not fits then return nil, "the token is for another audience" end
  return claims
end

-- ---- what people do

local function each(collection, change)
  for _, row in ipairs(host.docs.find(collection, { most = 100000 })) do
    change(row.id, row.body)
  end
end

M.acts = {
  ["token-revoke"] = { help = "the administrator's grant is revoked: refresh tokens die",
    run = function()
      each("refresh", function(id, row)
        row.revoked = true
        host.docs.put("refresh", id, row)
      end)
      return { revoked = true }
    end },
  ["token-expire"] = { help = "all access tokens end now",
    run = function()
      each("token", function(id) host.docs.drop("token", id) end)
      return { expired = true }
    end },
  ["token-sign-in"] = { help = "the administrator signs in again: prints a new refresh token",
    run = function(self) return { refresh_token = sign_in(self) } end },
}

---@class sim.tokens
---@field handle fun(req: table): integer|nil, table|nil, string|nil answers the token listener
---@field check fun(authorization: string|nil, audience: string): table|nil, string|nil the claims
---  of
---  a header that is good for "referrals", "webhooks", "crm" or a service's address, or why not
---@field certify fun(client_id: string, cert: string) lets a program sign in with a certificate too
---@field sign_in fun(token: string|nil): string an administrator signs in: a new refresh token

---@return sim.tokens
function M.new(env)
  local self = setmetatable({ env = env, certificates = {} }, M)
  function self.handle(req)
    local fault = env.fault("tokens", req.method, req.path)
    return faults.around(fault, function() return answer(self, req) end)
  end
  function self.check(authorization, audience) return check(self, authorization, audience) end
  function self.certify(client_id, cert) self.certificates[client_id:lower()] = cert end
  function self.sign_in(token) return sign_in(self, token) end
  if not host.docs.get("refresh", host.crypto.sha256(M.first_refresh_token)) then
    sign_in(self, M.first_refresh_token)
  end
  return self
end

--- Does what an administrator would do.
function M:act(name, args) return M.acts[name].run(self, args) end

return M

-- The token service of the practice environment: the v1 and v2 forms of the sign-in service, for
-- programs (secret or certificate) and for a person (authorize page, device code, refresh).
-- Owns the collections "token", "refresh" and "assertion". The people and programs that may sign in
-- are the rows below: invented, and known to everyone. Who a program is, is proved in
-- tokens_client, what a person does in tokens_person, failures are in tokens_errors.
local client = require "sim.tokens_client"
local errors = require "sim.tokens_errors"
local faults = require "sim.faults"
local people = require "sim.tokens_person"

local M = {}
M.__index = M

M.tenant = "practice.example"
M.tenant_id = "7d1b0c52-00ff-4a11-9c01-0000000000ff"
M.tenants = { [M.tenant] = true, [M.tenant_id] = true, common = true, organizations = true }
M.clients = {
  ["7d1b0c52-0001-4a11-9c01-000000000001"] = { name = "partner", secret = "practice-partner-secret",
    grants = { refresh_token = true, authorization_code = true, device_code = true } },
  ["7d1b0c52-0002-4a11-9c01-000000000002"] = { name = "crm", secret = "practice-crm-secret",
    grants = { client_credentials = true } },
  ["7d1b0c52-0004-4a11-9c01-000000000004"] = { name = "terminal", public = true,
    grants = { refresh_token = true, authorization_code = true, device_code = true } },
}
M.partner_client = "7d1b0c52-0001-4a11-9c01-000000000001"
M.crm_client = "7d1b0c52-0002-4a11-9c01-000000000002"
M.public_client = "7d1b0c52-0004-4a11-9c01-000000000004"
M.user = { oid = "7d1b0c52-0003-4a11-9c01-000000000003", upn = "ken@partner.example",
  name = "Ken Aoki" }
M.first_refresh_token = "practice-refresh-token"

local MOST_BODY = 65536
local FORM = "^application/x%-www%-form%-urlencoded"
local IDLE_MS = 90 * 86400000
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

-- Shaped like the real thing for clients that print it; nothing is signed.
local function jwt(claims)
  local head = host.crypto.base64(json.encode { typ = "JWT", alg = "RS256", kid = "practice" },
    true)
  local body = host.crypto.base64(json.encode(claims), true)
  return head .. "." .. body .. "." .. host.crypto.base64(host.random(32), true)
end

-- Only the row behind a token counts; who prints the token sees the address as its audience.
local function access_token(self, claims)
  local shown = {}
  for name, v in pairs(claims) do shown[name] = v end
  shown.aud = (claims.resource:match("https?://%S+") or claims.resource):gsub("/%.default$", "")
  local token = jwt(shown)
  host.docs.put("token", host.crypto.sha256(token), claims)
  if host.docs.count("token") > 2000 then forget(self) end
  return token
end

local function id_token(self, client_id, nonce)
  local now = self.env.now() // 1000
  return jwt { aud = client_id, iat = now, nbf = now, exp = now + 3600, nonce = nonce,
    oid = M.user.oid, tid = M.tenant_id, upn = M.user.upn, name = M.user.name }
end

-- The answer with an access token; v1 prints its numbers as text.
local function grant(self, claims, v1, more)
  local life, now = self.env.switch "token_life_s", self.env.now() // 1000
  claims.iat, claims.nbf, claims.exp, claims.tid = now, now, now + life, M.tenant_id
  local body = { token_type = "Bearer", access_token = access_token(self, claims) }
  for name, v in pairs(more or {}) do body[name] = v end
  local function number(n) return v1 and tostring(n) or n end
  body.expires_in, body.ext_expires_in = number(life), number(life)
  if v1 then
    body.expires_on, body.not_before = number(now + life), number(now)
    body.resource = claims.resource
  end
  return 200, errors.headers(), json.encode(body)
end

-- A new refresh token of a person's grant.
local function new_refresh(self, client_id, mfa, previous)
  local token = host.crypto.base64(host.random(48), true)
  host.docs.put("refresh", host.crypto.sha256(token),
    { client = client_id, used_ms = self.env.now(), mfa = mfa, previous = previous })
  return token
end

-- Whether the tenant has consented to this API for the application.
local function is_consented(self, audience)
  local given = self.env.switch "consent"
  return given == "both" or given == audience
end

-- What a person's grant brings: the tokens, and the mark of multi-factor authentication.
local function grant_person(self, asked, mfa, refresh)
  local form = asked.form
  local scope = form.scope or asked.scope or ""
  mfa = mfa and self.env.switch "token_mfa"
  return grant(self, { aud = asked.audience, resource = form.resource or asked.resource or scope,
    appid = asked.client_id, oid = M.user.oid, upn = M.user.upn,
    amr = mfa and json.array { "pwd", "mfa" } or json.array { "pwd" } }, asked.v1,
    { refresh_token = refresh, scope = asked.v1 and "user_impersonation" or scope,
      id_token = (" " .. scope .. " "):find(" openid ", 1, true)
        and id_token(self, asked.client_id, asked.nonce) or nil })
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
  local fault = self.env.switch "grant_fault"
  if fault ~= "none" then return nil, math.tointeger(tonumber(fault)) end
  if not row or row.revoked or row.client ~= client_id then return nil, 50173 end
  if row.used_ms + IDLE_MS < self.env.now() then return nil, 700082 end
  return row, id
end

local function by_refresh(self, asked)
  if not asked.form.refresh_token then return errors.answer(self.env, 900144, "refresh_token") end
  local row, id = live_refresh(self, asked.form.refresh_token, asked.client_id)
  if not row then return errors.answer(self.env, id) end
  if not is_consented(self, asked.audience) then return errors.answer(self.env, 65001) end
  local strict = self.env.switch "refresh_rotation" == "strict"
  if strict then end_older(row) end
  row.used_ms = self.env.now()
  host.docs.put("refresh", id, row)
  return grant_person(self, asked, row.mfa,
    new_refresh(self, asked.client_id, row.mfa, strict and id or nil))
end

local function by_client(self, asked)
  local form = asked.form
  if not asked.v1 and not form.scope:find("/%.default$") then
    return errors.answer(self.env, 70011)
  end
  return grant(self, { aud = asked.audience, resource = form.resource or form.scope,
    appid = asked.client_id, app_only = true }, asked.v1)
end

-- A code that a person's consent stands behind; `find` looks for it.
local function by_person(find)
  return function(self, asked)
    if asked.audience and not is_consented(self, asked.audience) then
      return errors.answer(self.env, 65001)
    end
    local row, problem, about = find(self, asked.form, asked.client_id)
    if not row then return errors.answer(self.env, problem, about) end
    asked.audience, asked.scope = asked.audience or row.audience, row.scope
    asked.nonce, asked.resource = row.nonce, row.resource
    if not asked.audience then return errors.answer(self.env, 900144, "resource") end
    if not is_consented(self, asked.audience) then return errors.answer(self.env, 65001) end
    local refresh = row.offline and new_refresh(self, asked.client_id, row.mfa) or nil
    return grant_person(self, asked, row.mfa, refresh)
  end
end

-- Dead since accounts have multi-factor authentication.
local function by_password(self) return errors.answer(self.env, 50076) end

local by_device = by_person(people.poll)
local DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
-- By grant_type: which right the client needs, who runs it, and whether the audience may be known
-- from an earlier step.
local GRANTS = {
  refresh_token = { right = "refresh_token", run = by_refresh },
  client_credentials = { right = "client_credentials", run = by_client },
  authorization_code = { right = "authorization_code", run = by_person(people.redeem),
    earlier = true },
  [DEVICE] = { right = "device_code", run = by_device, earlier = true },
  device_code = { right = "device_code", run = by_device, earlier = true },
  password = { right = "refresh_token", run = by_password },
}

-- ---- the service

local function unescape(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)",
    function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The fields of a form or a query, or nil if it is none: a bare word, a broken escape, a name
-- twice.
local function form_of(text)
  local out = {}
  for pair in text:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]+)=(.*)$")
    if not name or pair:gsub("%%%x%x", ""):find("%", 1, true) then return nil end
    name = unescape(name)
    if out[name] then return nil end
    out[name] = value ~= "" and unescape(value) or nil
  end
  return out
end

-- The audience asked for: v1 names it, v2 hides it in the scope beside openid and offline_access.
---@return string|nil audience, integer|nil problem, string|nil about
local function wanted(self, form, v1)
  local url = form.resource
  if not v1 then
    if not form.scope then return nil, 900144, "scope" end
    url = nil
    for word in form.scope:gmatch("%S+") do
      if word:find("^https?://") then
        if url then return nil, 70011 end
        url = word
      end
    end
    if not url then return nil, 70011 end
  elseif not url then
    return nil, 900144, "resource"
  end
  local audience = audience_of(self, url)
  if not audience then return nil, 500011 end
  return audience
end

-- The form of a POST, or the refusal of what is none.
local function read_form(self, req)
  local body = req.body or ""
  if #body > MOST_BODY then
    return nil, { 413, errors.headers(), (select(3, errors.answer(self.env, 9002313))) }
  end
  local kind = (req.headers["content-type"] or ""):lower()
  local form = body ~= "" and kind:find(FORM) and form_of(body)
  if form == nil then return nil, { errors.answer(self.env, 9002313) } end
  return form or {}
end

local function by_form(self, form, req, v1)
  if not form.grant_type then return errors.answer(self.env, 900144, "grant_type") end
  local way = GRANTS[form.grant_type]
  if not way then return errors.answer(self.env, 70003) end
  local id, row, about = client.find(self, form, req.headers.authorization)
  if not id then return errors.answer(self.env, row, about) end
  if not row.grants[way.right] then return errors.answer(self.env, 7000112) end
  local asked = { form = form, client_id = id, v1 = v1 }
  if form.resource or form.scope or not way.earlier then
    local problem
    asked.audience, problem, about = wanted(self, form, v1)
    if not asked.audience then return errors.answer(self.env, problem, about) end
  end
  return way.run(self, asked)
end

local function device(self, form, _, v1) return people.device(self, form, v1) end

local PAGES = { authorize = "GET", token = "POST", devicecode = "POST" }
local POSTS = { token = by_form, devicecode = device }

local function no_page() return 404, { ["Content-Type"] = "text/plain" }, "no such address\n" end

local function answer(self, req)
  if req.path == "/devicelogin" then return people.device_page() end
  local tenant, name = req.path:match("^/([^/]+)/oauth2/(%a+)$")
  local v1 = tenant ~= nil
  if not v1 then tenant, name = req.path:match("^/([^/]+)/oauth2/v2%.0/(%a+)$") end
  local method = PAGES[name or ""]
  if not method then return no_page() end
  if req.method ~= method then return 405, { Allow = method }, "" end
  if not M.tenants[tenant:lower()] then return errors.answer(self.env, 90002) end
  if name == "authorize" then
    local ask = form_of(req.query or "")
    if not ask then return errors.answer(self.env, 9002313) end
    return people.authorize(self, ask, v1)
  end
  local form, refusal = read_form(self, req)
  if not form then return table.unpack(refusal, 1, 3) end
  return POSTS[name](self, form, req, v1)
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
for name, act in pairs(people.acts) do M.acts[name] = act end

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
  function self.wanted(form, v1) return wanted(self, form, v1) end
  function self.id_token(client_id, nonce) return id_token(self, client_id, nonce) end
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

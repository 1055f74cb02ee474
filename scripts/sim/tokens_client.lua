-- How a program proves to the sign-in service which one it is: a secret, in the form or as Basic,
-- or an assertion signed with its certificate.
-- Owns nothing: gets the service's clients and certificates, answers the failure's number.
local M = {}

local ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
local SKEW_S = 300

local function decode_part(part)
  local text = host.crypto.unbase64(part or "", true)
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

-- The token address of this service, by its own name or by Microsoft's, in one of the two forms.
local function aimed_here(self, aud)
  if type(aud) ~= "string" then return false end
  local base = self.env.base.tokens or ""
  local path = aud:sub(1, #base) == base and aud:sub(#base + 1)
    or aud:match("^https://login%.microsoftonline%.com(/.*)$")
  local tenant = path and (path:match("^/([^/]+)/oauth2/token$")
    or path:match("^/([^/]+)/oauth2/v2%.0/token$"))
  return tenant ~= nil and self.tenants[tenant:lower()] ~= nil
end

-- Only the two algorithms, each with the certificate's own thumbprint.
local function right_header(header, cert)
  local sha1, sha256 = host.crypto.thumbprints(cert)
  local long = header["x5t#S256"] == host.crypto.base64(sha256, true)
  local short = header.x5t == host.crypto.base64(sha1, true)
  if header.typ ~= "JWT" then return false end
  if header.alg == "PS256" then return long end
  return header.alg == "RS256" and (short or long)
end

local function in_time(claims, now)
  local nbf, iat, exp = claims.nbf, claims.iat, claims.exp
  return math.type(nbf) == "integer" and math.type(iat) == "integer"
    and math.type(exp) == "integer" and exp > now and exp > nbf and nbf <= now + SKEW_S
    and iat <= now + SKEW_S
end

-- An assertion may be shown once if the switch says so.
local function seen_before(self, jti, exp)
  if not self.env.switch "assertion_once" then return false end
  if host.docs.get("assertion", jti) then return true end
  host.docs.put("assertion", jti, { exp = exp })
  return false
end

-- The failure's number, or nil.
local function assertion_problem(self, text, id)
  local cert = self.certificates[id]
  local head, middle, tail = text:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
  local header, claims = decode_part(head), decode_part(middle)
  local signature = tail and host.crypto.unbase64(tail, true)
  if not (cert and header and claims and signature and right_header(header, cert)) then
    return 700027
  end
  if not host.crypto.verify(cert, header.alg, head .. "." .. middle, signature) then
    return 700027
  end
  if claims.iss ~= id or claims.sub ~= id then return 700027 end
  if type(claims.jti) ~= "string" or claims.jti == "" then return 700027 end
  if not aimed_here(self, claims.aud) then return 700023 end
  if not in_time(claims, self.env.now() // 1000) then return 700024 end
  if seen_before(self, claims.jti, claims.exp) then return 700027 end
end

local function unescape(text)
  return text and (text:gsub("+", " "):gsub("%%(%x%x)",
    function(hex) return string.char(tonumber(hex, 16)) end))
end

local function secret_problem(self, client, secret)
  if not secret or secret == "" then return 7000218 end
  if secret ~= client.secret then return 7000215 end
  if self.env.switch "secret_expired" then return 7000222 end
end

--- The client's id and row if it proved itself, else nil and the failure's number (and what lacks).
---@return string|nil id, table|integer client, string|nil about
function M.find(self, form, authorization)
  local id, secret = form.client_id, form.client_secret
  local basic = authorization and authorization:match("^[Bb]asic%s+(%S+)$")
  if basic then
    id, secret = (host.crypto.unbase64(basic) or ""):match("^([^:]*):(.*)$")
    id, secret = unescape(id), unescape(secret)
  end
  if not id or id == "" then return nil, 900144, "client_id" end
  id = id:lower()
  local client = self.clients[id]
  if not client then return nil, 700016 end
  local problem
  if client.public then
    problem = (secret or form.client_assertion) and 700025 or nil
  elseif form.client_assertion then
    problem = form.client_assertion_type ~= ASSERTION and 9002313
      or assertion_problem(self, form.client_assertion, id)
  else
    problem = secret_problem(self, client, secret)
  end
  if problem then return nil, problem end
  return id, client
end

return M

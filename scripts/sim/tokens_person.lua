-- Where a person takes part in signing in: the authorize page, whose code a program redeems, and
-- the device code that a person enters elsewhere.
-- Owns the collections "code" and "device". Makes no token: hands the grant on to tokens.lua.
local errors = require "sim.tokens_errors"

local M = {}

local CODE_MS, DEVICE_S, INTERVAL_S = 600000, 900, 5
local LOOPBACK = { "^http://127%.0%.0%.1$", "^http://localhost$", "^http://%[::1%]$" }

-- Any port and path of this machine are registered.
local function loopback(url)
  url = url:gsub("^(http://[^/?#]+).*$", "%1"):gsub(":%d+$", "")
  for _, pattern in ipairs(LOOPBACK) do
    if url:find(pattern) then return true end
  end
  return false
end

local function random(bytes) return host.crypto.base64(host.random(bytes), true) end

-- ---- the authorize page

local function encode(text)
  return (text:gsub("[^%w_.~-]", function(c) return string.format("%%%02X", c:byte()) end))
end

local function html(text)
  return (text:gsub("[&<>\"']", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
    ['"'] = "&quot;", ["'"] = "&#39;" }))
end

local function page(status, body)
  return status, { ["Content-Type"] = "text/html; charset=utf-8", ["Cache-Control"] = "no-store" },
    "<!DOCTYPE html><title>Practice sign-in</title>" .. body .. "\n"
end

-- What goes back to the redirect address, in the query or as a form that posts itself.
local function back(ask, fields)
  fields[#fields + 1] = ask.state and { "state", ask.state } or nil
  local parts = {}
  if ask.response_mode == "form_post" then
    for i, f in ipairs(fields) do
      parts[i] = ('<input type="hidden" name="%s" value="%s">'):format(f[1], html(f[2]))
    end
    return page(200, ('<body onload="document.forms[0].submit()"><form method="post" action="%s">'
      .. "%s</form>"):format(html(ask.redirect_uri), table.concat(parts)))
  end
  for i, f in ipairs(fields) do parts[i] = f[1] .. "=" .. encode(f[2]) end
  local glue = ask.redirect_uri:find("?", 1, true) and "&" or "?"
  return 302, { Location = ask.redirect_uri .. glue .. table.concat(parts, "&"),
    ["Cache-Control"] = "no-store" }, ""
end

local function back_with(ask, code, about)
  local f = errors.row(code, about)
  return back(ask, { { "error", f.error },
    { "error_description", ("AADSTS%d: %s"):format(f.code, f.text) } })
end

local RESPONSES = { ["code"] = true, ["code id_token"] = true, ["id_token code"] = true }
local MODES = { query = true, form_post = true }

-- What is wrong with an authorize request whose redirect address is good: a number and its matter.
local function ask_problem(self, ask, v1)
  if not ask.response_type then return 900144, "response_type" end
  if not RESPONSES[ask.response_type] then return 70005 end
  if ask.response_mode and not MODES[ask.response_mode] then return 70007 end
  if ask.response_type ~= "code" and ask.response_mode ~= "form_post" then return 70007 end
  if ask.response_type ~= "code" and not ask.nonce then return 900144, "nonce" end
  local challenge, method = ask.code_challenge, ask.code_challenge_method or "plain"
  if not challenge and self.env.switch "require_pkce" then return 9002325 end
  if challenge and method ~= "S256" and method ~= "plain" then return 50149 end
  if challenge and (#challenge < 43 or #challenge > 128) then return 501491 end
  if not v1 and not ask.scope then return 900144, "scope" end
  if self.env.switch "authorize" == "decline" then return 65004 end
end

local function refused(code)
  local f = errors.row(code)
  return page(f.status, ("<p>AADSTS%d: %s</p>"):format(f.code, html(f.text)))
end

--- GET of the authorize page: the person of the practice environment consents at once.
function M.authorize(self, ask, v1)
  local client = self.clients[(ask.client_id or ""):lower()]
  if not client or not client.grants.authorization_code then return refused(700016) end
  if not ask.redirect_uri or not loopback(ask.redirect_uri) then return refused(50011) end
  local problem, about = ask_problem(self, ask, v1)
  if problem then return back_with(ask, problem, about) end
  local code = random(48)
  host.docs.put("code", host.crypto.sha256(code), { client = ask.client_id:lower(),
    redirect = ask.redirect_uri, challenge = ask.code_challenge, nonce = ask.nonce,
    method = ask.code_challenge_method or "plain", at_ms = self.env.now(),
    mfa = self.env.switch "token_mfa", scope = ask.scope, resource = ask.resource,
    audience = self.wanted(ask, v1),
    offline = v1 or ask.scope:find("offline_access", 1, true) ~= nil })
  local fields = { { "code", code } }
  if ask.response_type ~= "code" then
    fields[2] = { "id_token", self.id_token(ask.client_id:lower(), ask.nonce) }
  end
  fields[#fields + 1] = { "session_state", self.env.uuid() }
  return back(ask, fields)
end

-- ---- the code, redeemed

local function verifier_problem(row, verifier)
  if not row.challenge then return nil end
  if not verifier then return 50148 end
  local sum = row.method == "plain" and verifier
    or host.crypto.base64((host.crypto.sha256(verifier):gsub("%x%x",
      function(hex) return string.char(tonumber(hex, 16)) end)), true)
  return sum ~= row.challenge and 501481 or nil
end

--- The person's grant behind a code, or nil and a failure's number.
---@return table|nil person, integer|nil problem, string|nil about
function M.redeem(self, form, client_id)
  if not form.code then return nil, 900144, "code" end
  local id = host.crypto.sha256(form.code)
  local row = host.docs.get("code", id)
  if not row or row.client ~= client_id then return nil, 70000 end
  if row.used then return nil, 54005 end
  if row.at_ms + CODE_MS <= self.env.now() then return nil, 70008 end
  if not form.redirect_uri then return nil, 900144, "redirect_uri" end
  if form.redirect_uri ~= row.redirect then return nil, 500112 end
  local problem = verifier_problem(row, form.code_verifier)
  if problem then return nil, problem end
  row.used = true
  host.docs.put("code", id, row)
  return row
end

-- ---- the device code

--- POST of a device code request.
function M.device(self, form, v1)
  local client = self.clients[(form.client_id or ""):lower()]
  if not form.client_id then return errors.answer(self.env, 900144, "client_id") end
  if not client then return errors.answer(self.env, 700016) end
  if not client.grants.device_code then return errors.answer(self.env, 7000112) end
  local audience, problem, about = self.wanted(form, v1)
  if not audience then return errors.answer(self.env, problem, about) end
  local code, user = random(48), ""
  for byte in host.random(9):gmatch(".") do
    user = user .. ("BCDFGHJKLMNPQRSTVWXZ23456789"):sub(byte:byte() % 28 + 1, byte:byte() % 28 + 1)
  end
  host.docs.put("device", host.crypto.sha256(code), { client = form.client_id:lower(),
    user = user, at_ms = self.env.now(), state = "pending", audience = audience,
    scope = form.scope, resource = form.resource,
    offline = v1 or form.scope:find("offline_access", 1, true) ~= nil })
  local uri = (self.env.base.tokens or "") .. "/devicelogin"
  local function number(n) return v1 and tostring(n) or n end
  local body = { device_code = code, user_code = user, expires_in = number(DEVICE_S),
    interval = number(INTERVAL_S),
    message = ("To sign in, open %s and enter the code %s."):format(uri, user) }
  body[v1 and "verification_url" or "verification_uri"] = uri
  return 200, errors.headers(), json.encode(body)
end

--- The person's grant behind a device code, or nil and the failure.
---@return table|nil person, integer|string|nil problem, string|nil about
function M.poll(self, form, client_id)
  local code = form.device_code or form.code
  if not code then return nil, 900144, "device_code" end
  local id = host.crypto.sha256(code)
  local row = host.docs.get("device", id)
  if not row or row.client ~= client_id or row.state == "used" then return nil, 70018 end
  local now, last = self.env.now(), row.polled_ms
  if row.at_ms + DEVICE_S * 1000 <= now then return nil, 70019 end
  row.polled_ms = now
  host.docs.put("device", id, row)
  if row.state == "declined" then return nil, "authorization_declined" end
  if row.state == "pending" then
    local soon = last and now - last < INTERVAL_S * 1000 and self.env.switch "device_slow_down"
    return nil, soon and "slow_down" or 70016
  end
  row.state = "used"
  host.docs.put("device", id, row)
  return row
end

-- The device sign-in that a person means: by its user code, or the newest that waits.
local function waiting(self, args)
  local wanted, best = (args.code or args[1] or ""):upper(), nil
  for _, found in ipairs(host.docs.find("device", { most = 1000 })) do
    local row = found.body
    local open = row.state == "pending" and row.at_ms + DEVICE_S * 1000 > self.env.now()
    if open and (wanted == "" or wanted == row.user)
      and (not best or row.at_ms > best.body.at_ms) then
      best = found
    end
  end
  return best
end

local function answering(state)
  return function(self, args)
    local found = waiting(self, args or {})
    if not found then return nil, "no device sign-in waits for this code" end
    found.body.state, found.body.mfa = state, self.env.switch "token_mfa"
    host.docs.put("device", found.id, found.body)
    return { code = found.body.user, state = state }
  end
end

M.acts = {
  ["device-approve"] = { help = "a person enters the device code and consents: [code=]",
    run = answering "approved" },
  ["device-decline"] = { help = "a person enters the device code and declines: [code=]",
    run = answering "declined" },
}

--- The page that a device code's message names.
function M.device_page()
  return page(200, "<p>Practice: nobody types here. Say <code>cosell sim act device-approve "
    .. "code=CODE</code> or <code>device-decline</code>.</p>")
end

return M

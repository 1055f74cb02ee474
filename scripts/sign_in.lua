-- A person signs in to Partner Center: the address of the sign-in page (authorization code with
-- PKCE and a state), what it sends back, and a device code instead.
-- Owns the words of both; the tokens are C's business.  It must never log an address that came
-- back: a code stands in it.
local text = require "text"

local M = {}

local PAGE_MS = 10 * 60 * 1000 -- how long a person may take at the sign-in page

-- What the sign-in page refuses, and what helps.
local REMEDIES = {
  ["65001"] = "consent is missing: an administrator must grant it, then sign in again",
  ["65004"] = "consent was declined: sign in again, and consent",
  ["90094"] = "consent is missing: an administrator must grant it, then sign in again",
  ["50011"] = "the application has no such redirect: register it, or name the right one as " ..
    "partner_center.redirect",
  ["50076"] = "multi-factor authentication is demanded: sign in again, and pass the second factor",
  ["50079"] = "multi-factor authentication is demanded: set it up for this user, and sign in again",
  ["50105"] = "the user may not use this application: assign it to the user, then sign in again",
}

local function failed(words, ...)
  return nil, { kind = "auth", text = words:format(...) }
end

local function profile()
  return host.profile.sign_in.partner_center
end

local function digest(bytes)
  return (host.crypto.sha256(bytes):gsub("%x%x", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- ---- The sign-in page ----

---@class Asked
---@field url string  the sign-in page's address
---@field redirect string
---@field state string
---@field verifier string

---@param redirect string
---@param audience string
---@return Asked
function M.ask(redirect, audience)
  local p = profile()
  local asked = { redirect = redirect, state = host.crypto.base64(host.random(24), true),
    verifier = host.crypto.base64(host.random(48), true) }
  local v1 = p.form == "v1"
  local wish = v1 and audience or audience .. " openid profile offline_access"
  local fields = { { "client_id", p.client_id }, { "response_type", "code" },
    { "response_mode", "query" }, { "redirect_uri", redirect },
    { v1 and "resource" or "scope", wish },
    { "state", asked.state },
    { "code_challenge", host.crypto.base64(digest(asked.verifier), true) },
    { "code_challenge_method", "S256" }, { "prompt", "select_account" } }
  for i, field in ipairs(fields) do
    fields[i] = field[1] .. "=" .. text.encode(field[2])
  end
  asked.url = p.token_url:gsub("/token$", "/authorize") .. "?" .. table.concat(fields, "&")
  return asked
end

local function unescape(value)
  return (value:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function fields_of(query)
  local out = {}
  for name, value in query:gmatch("([^&=]+)=([^&]*)") do
    out[name] = out[name] or unescape(value)
  end
  return out
end

---The code in what the sign-in page sent back.
---@param asked Asked
---@param query string
---@return string|nil code, table|nil err  kind data: it is not the answer to what was asked
function M.code(asked, query)
  local fields = fields_of(query)
  if fields.state ~= asked.state then
    return nil, { kind = "data", text = "that address is not the answer to this sign-in: take " ..
      "the one the browser shows at the end of it" }
  elseif fields.error then
    local number = (fields.error_description or ""):match("AADSTS(%d+)")
    local why = number and "AADSTS" .. number or fields.error:match("^[%w_]+$") or "an error"
    return failed("the sign-in page says %s: %s", why, REMEDIES[number] or
      "nobody was signed in")
  elseif (fields.code or "") == "" then
    return failed("the sign-in page sent no code")
  end
  return fields.code
end

---What follows the "?" of an address that a person has pasted.
---@param asked Asked
---@param line string
---@return string|nil query
function M.pasted(asked, line)
  local at = text.trim(line)
  local base = asked.redirect:gsub("/$", "")
  if at:sub(1, #base) ~= base then
    return nil
  end
  return at:sub(#base + 1):match("^/?%?([^#]+)")
end

-- scheme and host, port, path of a redirect
local function parts(redirect)
  local origin, port, path = redirect:match("^(http://%[[%x:]+%]):?(%d*)(.*)$")
  if not origin then
    origin, port, path = redirect:match("^(http://[%w.]+):?(%d*)(.*)$")
  end
  return origin, math.tointeger(tonumber(port)), path
end

---@class SentBack
---@field redirect string
---@field wait fun(self: SentBack, asked: Asked): string|nil, table|nil  the code
---@field close fun()

---Opens what the browser on this machine is sent back to.
---@return SentBack|nil, table|nil err
function M.listen()
  local origin, port, path = parts(profile().redirect)
  local listener, err = host.sign_in.listen { port = port or 0,
    address = origin:find("[::1]", 1, true) and "::1" or "127.0.0.1",
    path = path == "" and "/" or path }
  if not listener then
    return nil, err
  end
  local self = { redirect = ("%s:%d%s"):format(origin, listener:port(), path) }
  -- What is no answer to this sign-in is passed over: anybody on this machine may knock.
  function self.wait(_, asked)
    local until_ms = host.now_ms() + PAGE_MS
    repeat
      local query = listener:wait(math.max(until_ms - host.now_ms(), 0))
      local code, why = nil, nil
      if query then
        code, why = M.code(asked, query)
      end
      if code or why and why.kind ~= "data" then
        return code, why
      end
    until not query
    return failed("nobody has signed in for %d minutes: give the command again", PAGE_MS // 60000)
  end
  function self.close()
    listener:close()
  end
  return self
end

-- ---- A device code ----

---Asks again and again whether the person is through.  (suspends)
---@param sign_in table
---@param remote string
---@param device table  of sign_in:device
---@return true|nil ok, table|nil err
function M.await(sign_in, remote, device)
  local until_ms, every = host.now_ms() + device.life_ms, device.every_ms
  repeat
    host.sleep(every)
    local ok, err = sign_in:poll(remote)
    if ok then
      return true
    elseif err.kind ~= "busy" and err.kind ~= "net" then
      return nil, err
    end
    every = every + (err.wait_ms or 0)
  until host.now_ms() > until_ms
  return failed("the code was not entered in time: give the command again")
end

return M

-- The practice environment without listeners, on a clock of its own: for specs that ask a service
-- directly. Time passes when told, callbacks land in a list, nothing waits.
-- Owns the stored rows while it runs: practice() clears them first.
local dates = require "sim.dates"
local faults = require "sim.faults"
local partner = require "sim.partner"
local switches = require "sim.switches"
local tokens = require "sim.tokens"

local REFERRALS = "https://api.partner.microsoft.com"
local WEBHOOKS = "https://api.partnercenter.microsoft.com"
local PATH = "/v1.0/engagements/referrals"
local HOOK = "/webhooks/v1/registration"
local MINUTE, DAY = 60000, 86400000

-- ---- a practice environment without listeners

local function clear()
  for _, name in ipairs { "referral", "registration", "validation", "token", "refresh", "code",
    "device", "assertion" } do
    for _, row in ipairs(host.docs.find(name, { most = 100000 })) do
      host.docs.drop(name, row.id)
    end
  end
end

local function body_of(text) return text ~= "" and text and json.decode(text) or nil end

local P = {}
P.__index = P

--- A fresh practice environment; settings are switches by name, as text.
local function practice(settings)
  clear()
  local set = switches.new()
  local p = setmetatable({ now = dates.parse "2031-01-01T08:00:00Z", timers = {}, sent = {},
    set = set }, P)
  set.set("live_quirks", "false")
  for name, value in pairs(settings or {}) do set.set(name, value) end
  p.faults = faults.new(function() return p.now end)
  p.env = {
    now = function() return p.now end, uuid = host.uuid, switch = set.get, log = function() end,
    fault = p.faults.find, base = { tokens = "http://127.0.0.1:1", partner = "http://127.0.0.1:2",
      crm = "http://127.0.0.1:3" },
    after = function(ms, fn) p.timers[#p.timers + 1] = { at = p.now + ms, fn = fn } end,
    post = function(url, headers, body)
      p.sent[#p.sent + 1] = { url = url, headers = headers, body = body, event = json.decode(body) }
      return p.answer_with or 200
    end,
  }
  p.env.tokens = tokens.new(p.env)
  p.pc = partner.new(p.env)
  return p
end

-- Lets time pass and runs what falls due, in order.
function P:pass(ms)
  local till = self.now + ms
  while true do
    local best
    for i, t in ipairs(self.timers) do
      if t.at <= till and (not best or t.at < self.timers[best].at) then best = i end
    end
    if not best then break end
    local t = table.remove(self.timers, best)
    self.now = math.max(self.now, t.at)
    t.fn()
  end
  self.now = till
end

function P:token_call(form, version)
  local parts = {}
  for k, v in pairs(form) do parts[#parts + 1] = k .. "=" .. v:gsub("[^%w]", function(c)
    return string.format("%%%02X", c:byte())
  end) end
  local status, _, body = self.env.tokens.handle { method = "POST",
    headers = { ["content-type"] = "application/x-www-form-urlencoded" },
    path = "/practice.example/oauth2/" .. (version or "") .. "token",
    body = table.concat(parts, "&") }
  return status, body_of(body)
end

function P:refresh(resource, token)
  return self:token_call { grant_type = "refresh_token", client_id = tokens.partner_client,
    client_secret = "practice-partner-secret", resource = resource,
    refresh_token = token or self.refresh_token or tokens.first_refresh_token }
end

function P:bearer(resource)
  self.held = self.held or {}
  if not self.held[resource] then
    local _, body = self:refresh(resource)
    self.refresh_token, self.held[resource] = body.refresh_token, body.access_token
  end
  return "Bearer " .. self.held[resource]
end

-- One call; answers status, decoded body, headers with lower-case names.
function P:call(method, path, body, headers)
  local h = { authorization = self:bearer(path:find("^/webhooks") and WEBHOOKS or REFERRALS) }
  if body then h["content-type"] = "application/json" end
  for name, v in pairs(headers or {}) do h[name:lower()] = v or nil end
  local bare, query = path:match("^([^?]*)%??(.*)$")
  local status, out, text = self.pc.handle { method = method, path = bare, headers = h,
    query = query ~= "" and query or nil, body = body and json.encode(body) or "" }
  local low = {}
  for name, v in pairs(out or {}) do low[name:lower()] = v end
  return status, body_of(text), low
end

local function person(first, last)
  return { firstName = first, lastName = last, phoneNumber = "+81520000001",
    email = first:lower() .. "@hoshino.example" }
end

local function deal(changes)
  local d = {
    name = "Plant sensor rollout", externalReferenceId = "7c1d9a0e-1111-4222-8333-444455556666",
    type = "Independent", qualification = "SalesQualified",
    customerProfile = { name = "Hoshino Parts KK", size = "251to1000employees", ids = json.array {},
      address = { addressLine1 = "1-2-3 Kawabata", city = "Nagoya", state = "Aichi",
        postalCode = "460-0001", country = "JP" }, team = json.array { person("Mio", "Hoshino") } },
    consent = { consentToToShareInfoWithOthers = true, consentToContact = true,
      consentToShareReferralWithMicrosoftSellers = false },
    details = { notes = "First site in spring", dealValue = 1250000, currency = "JPY",
      closingDateTime = "2031-03-31T00:00:00Z",
      requirements = { solutions = json.array { { id = "SOL-10001-ABC", type = "Name" } },
        additionalRequirements = { attributes = json.array {
          { type = "CustomerMarketplaceIntent", id = "HaveNotDecided" } } } } },
    team = json.array { person("Ken", "Aoki") }, target = json.array {},
  }
  if changes then changes(d) end
  return d
end

local function visible(d) d.consent.consentToShareReferralWithMicrosoftSellers = true end
local function cosell(d)
  visible(d)
  d.type = "Shared"
end
local function to_microsoft(engagement)
  return deal(function(d)
    cosell(d)
    d.engagementId = engagement
    d.target = json.array { { type = "BusinessProfileLocation", id = "msft" } }
    d.inviteContext = { notes = "Please join",
      assistanceRequestCode = "CustomerTechnicalArchitecture" }
  end)
end

function P:made(changes)
  local status, body = self:call("POST", PATH, deal(changes))
  assert(status == 200, body and body.error and body.error.message)
  return body
end

function P:shared()
  local own = self:made(cosell)
  local status, theirs = self:call("POST", PATH, to_microsoft(own.engagementId))
  assert(status == 200, theirs.error and theirs.error.message)
  return own, theirs
end

function P:patch(id, ops, headers)
  return self:call("PATCH", PATH .. "/" .. id, json.array(ops), headers)
end

local function replace(path, value) return { op = "replace", path = path, value = value } end

function P:register(events, own_header)
  local status, body = self:call("POST", HOOK, { WebhookUrl = "http://127.0.0.1:4/hook",
    WebhookEvents = json.array(events or { "referral-created", "referral-updated",
      "related-referral-created", "related-referral-updated", "test-created" }),
    SignatureTokenToMsSignatureHeader = own_header })
  assert(status == 200, body.description)
  return body
end

local function names(sent)
  local out = {}
  for _, s in ipairs(sent) do out[#out + 1] = s.event.EventName end
  return table.concat(out, " ")
end

local function count(sent, name)
  local n = 0
  for _, s in ipairs(sent) do
    if s.event.EventName == name then n = n + 1 end
  end
  return n
end

return {
  REFERRALS = REFERRALS, WEBHOOKS = WEBHOOKS, PATH = PATH, HOOK = HOOK, MINUTE = MINUTE, DAY = DAY,
  practice = practice, person = person, deal = deal, visible = visible, cosell = cosell,
  to_microsoft = to_microsoft, replace = replace, names = names, count = count,
}

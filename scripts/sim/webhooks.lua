-- The webhook side of Partner Center: the registration, test events, and signed deliveries.
-- Owns the collections "registration", "validation" and "practice" (the signer's keys) and the
-- queue of deliveries, which lives in memory. Never waits inside fire() unless the switch
-- callback_first says so.
local dates = require "sim.dates"
local keys = require "sim.keys"
local rows = require "sim.partner_rows"

local M = {}
M.__index = M

M.attempts = 10
M.certificate_path = "/cert/practice.cer"

-- What can be subscribed to; the other products' events are accepted and never raised here.
M.events = { "test-created", "referral-created", "referral-updated", "related-referral-created",
  "related-referral-updated", "subscription-updated", "subscription-active",
  "subscription-pending-update", "azure-fraud-event-detected", "usagerecords-thresholdExceeded",
  "invoice-ready", "granular-admin-relationship-approved", "granular-admin-relationship-created",
  "granular-admin-relationship-activated", "granular-admin-relationship-updated",
  "granular-admin-relationship-expired", "granular-admin-relationship-terminated",
  "dap-admin-relationship-terminated", "new-commerce-migration-completed" }
local RESOURCE = "https://api.partnercenter.microsoft.com/engagements/v1/referrals/"
local VALIDATION = "http://api.partnercenter.microsoft.com/webhooks/v1/registration/"
  .. "validationEvents/"
local DAY = 86400000

function M.new(env)
  return setmetatable({ env = env, held = {}, log = {}, open = 0, reordered = 0 }, M)
end

-- ---- the signer: a test root named like Microsoft's, a certificate below it, and bad ones

local function issue(common_name, organization, from_ms, days, ca)
  return keys.pair(common_name, { common_name = common_name, organization = organization,
    bits = 2048, from_ms = from_ms, days = days, ca_key = ca and ca.key, ca_cert = ca and ca.cert })
end

-- Which certificate a name stands for: organisation of its root, and for how many days it is good.
local SIGNERS = {
  practice = { organization = "Microsoft Corporation", days = 3650 },
  issuer = { organization = "Somebody Else Ltd", days = 3650, own_root = true },
  expired = { organization = "Microsoft Corporation", days = -1 },
}

local function stored(name, make)
  local pair = host.docs.get("practice", name)
  if not pair then
    pair = make()
    host.docs.put("practice", name, pair)
  end
  return pair
end

-- By the machine's clock: who checks a certificate may not share the practice clock.
local function root_of(name, organization)
  return stored(name, function()
    return issue("Practice Root " .. name, organization, host.now_ms() - DAY, 3650)
  end)
end

--- Key and certificate by name ("practice", "issuer", "expired"), made on first use.
function M.signer(_, name)
  local row = SIGNERS[name]
  if not row then return nil end
  local root = root_of(row.own_root and "root:" .. name or "root", row.organization)
  return stored("signer:" .. name, function()
    return issue("pcnotifications-dispatch." .. name .. ".example", row.organization,
      host.now_ms() - DAY * 2, row.days, root)
  end)
end

--- The root that a host must trust (PEM).
function M.roots() return root_of("root", "Microsoft Corporation").cert end

--- The certificate served at /cert/NAME.cer, or nil.
function M:certificate(name)
  local pair = self:signer(name)
  return pair and pair.cert
end

-- ---- deliveries

-- How the headers of a delivery are spoilt ("bad" signs another body; SIGNERS has the wrong keys).
local FAULTS = {
  algorithm = function(h) h["X-MS-Signature-Algorithm"] = "rsa-sha1" end,
  missing = function(h) h["X-MS-Certificate-Url"] = nil end,
  http = function(h) h["X-MS-Certificate-Url"] = "http://certificates.example/practice.cer" end,
}

local function headers_of(self, item)
  local fault = self.env.switch "signature_fault"
  local name = SIGNERS[fault] and fault or "practice"
  local pair = self:signer(name)
  local signed = fault == "bad" and item.body .. " " or item.body
  local text = "Signature "
    .. host.crypto.base64(host.crypto.sign(pair.key, pair.cert, "RS256", signed))
  local h = {
    ["Content-Type"] = "application/json",
    ["X-MS-Certificate-Url"] = self.env.base.partner .. "/cert/" .. name .. ".cer",
    ["X-MS-Signature-Algorithm"] = "rsa-sha256",
    [item.own_header and "x-ms-signature" or "Authorization"] = text,
  }
  local spoil = FAULTS[fault]
  if spoil then spoil(h) end
  return h
end

local NAMES = { [200] = "OK", [202] = "Accepted", [204] = "NoContent", [400] = "BadRequest",
  [401] = "Unauthorized", [403] = "Forbidden", [404] = "NotFound", [500] = "InternalServerError",
  [503] = "ServiceUnavailable" }

local function record(self, item, status)
  self.log[#self.log + 1] = { event = item.event, id = item.id, attempt = item.attempt,
    status = status,
    at_ms = self.env.now() }
  if #self.log > 1000 then table.remove(self.log, 1) end
  local test = item.test and host.docs.get("validation", item.test)
  if not test then return end
  local good = status and status >= 200 and status < 300
  test.results[#test.results + 1] = {
    responseCode = NAMES[status] or tostring(status or "NoResponse"),
    responseMessage = "", systemError = status == nil,
    dateTimeUtc = dates.text(self.env.now(), 7, "", "4567") }
  test.status = good and "completed" or item.attempt == M.attempts and "failed" or "inProgress"
  host.docs.put("validation", item.test, test)
end

local function attempt(self, item)
  item.attempt = item.attempt + 1
  local status = self.env.post(item.url, headers_of(self, item), item.body)
  record(self, item, status)
  if status and status >= 200 and status < 300 or item.attempt >= M.attempts then
    self.open = self.open - 1
    return
  end
  self.env.after(self.env.switch "delivery_gap_ms", function() attempt(self, item) end)
end

local function send(self, item)
  if self.env.switch "callback_first" then return attempt(self, item) end
  self.env.after(self.env.switch "delivery_delay_ms", function() attempt(self, item) end)
end

-- Events of half a second are held, then sent last first.
local function hold(self, item)
  self.held[#self.held + 1] = item
  if #self.held > 1 then return end
  self.env.after(500, function()
    local held = self.held
    self.held = {}
    if #held > 1 then self.reordered = self.reordered + 1 end
    for i = #held, 1, -1 do send(self, held[i]) end
  end)
end

local function wants(registration, event)
  for _, name in ipairs(registration and registration.WebhookEvents or {}) do
    if name:lower() == event then return true end
  end
  return false
end

-- Builds one delivery, as often as the switches say.
local function deliver(self, registration, item)
  item.url, item.own_header, item.attempt = registration.WebhookUrl, registration.own_header, 0
  item.body = json.encode { EventName = item.event, ResourceUri = item.uri,
    ResourceName = item.resource,
    AuditUri = json.null,
    ResourceChangeUtcDate = dates.text(self.env.now(), 7, "+00:00",
      string.format("%04d", item.mark)) }
  for _ = 1, self.env.switch "delivery_copies" do
    local copy = {}
    for k, v in pairs(item) do copy[k] = v end
    self.open = self.open + 1
    if self.env.switch "delivery_order" == "reversed" then
      hold(self, copy)
    else
      send(self, copy)
    end
  end
end

--- Tells the registered receiver of a change.
---@param event string
---@param id string of the referral that changed
---@param tag integer makes two changes of one millisecond different
function M:fire(event, id, tag)
  local registration = host.docs.get("registration", "one")
  if not wants(registration, event) or self.env.switch "lose_callbacks" then return end
  deliver(self, registration, { event = event, id = id, uri = RESOURCE .. id, resource = "referral",
    mark = tag % 10000 })
end

--- An event of another product; who reads it must expect a resource of any kind.
---@param event string
---@param id string
---@return boolean sent  it is registered for
function M:raise(event, id)
  local registration = host.docs.get("registration", "one")
  if not wants(registration, event:lower()) then return false end
  local resource = event:lower():match("^(%a+)%-") or "other"
  deliver(self, registration, { event = event, id = id, resource = resource,
    uri = ("https://api.partnercenter.microsoft.com/v1/%ss/%s"):format(resource, id),
    mark = host.random(1):byte() })
  return true
end

--- What another program of this tenant registers, or that the registration is gone.
---@param url string|nil
---@param events string[]|nil
---@return table|nil registration, string|nil problem
function M:displace(url, events)
  if not url then
    host.docs.drop("registration", "one")
    return { gone = true }
  end
  local there = host.docs.get("registration", "one")
  local status, _, body = self:answer(there and "PUT" or "POST", "/registration",
    { WebhookUrl = url, WebhookEvents = json.array(events or {}) })
  if status ~= 200 then return nil, body.description end
  return body
end

--- How many deliveries are not at their end, and whether anyone is registered.
---@return integer open, boolean registered
function M:pending()
  return self.open, host.docs.get("registration", "one") ~= nil
end

-- ---- management

local function problem(status, code, text, headers)
  return status, headers or {}, { code = code, description = text, data = json.array {},
    source = "PartnerWebhooks" }
end

local function lower_names(body)
  local out = {}
  for name, v in pairs(body) do out[tostring(name):lower()] = v end
  return out
end

local function known(event)
  for _, name in ipairs(M.events) do
    if type(event) == "string" and name:lower() == event:lower() then return true end
  end
end

-- The registration that a body asks for.
local function read_registration(body)
  if type(body) ~= "table" then return nil, "a JSON object is expected" end
  local given = lower_names(body)
  local url, events = given.webhookurl, given.webhookevents
  if type(url) ~= "string" or not (url:find("^https://[^/]") or url:find("^http://127%.0%.0%.1[:/]")
    or url:find("^http://localhost[:/]")) then
    return nil, "WebhookUrl must be an https address"
  end
  if type(events) ~= "table" or #events == 0 then return nil, "WebhookEvents must name events" end
  for _, event in ipairs(events) do
    if not known(event) then return nil, "unknown event " .. tostring(event) end
  end
  local token = given.signaturetokentomssignatureheader
  return { WebhookUrl = url, WebhookEvents = json.array(events),
    own_header = token == true or tostring(token):lower() == "true" }
end

local function shown(self, registration, subscriber)
  return 200, {}, { WebhookUrl = registration.WebhookUrl,
    WebhookEvents = json.array(registration.WebhookEvents),
    SubscriberId = subscriber and registration.subscriber or nil,
    lastModifiedTimestamp = not subscriber and dates.text(self.env.now(), 7) or nil }
end

local function view(self)
  local registration = host.docs.get("registration", "one")
  if not registration then
    return problem(self.env.switch "no_registration_status", "2000", "no registration")
  end
  return shown(self, registration, false)
end

local function write(self, body, old)
  local registration, text = read_registration(body)
  if not registration then return problem(400, "2002", text) end
  registration.subscriber = old and old.subscriber or self.env.uuid()
  host.docs.put("registration", "one", registration)
  return shown(self, registration, true)
end

local function register(self, body)
  local old = host.docs.get("registration", "one")
  if old and self.env.switch "second_registration" == "refuse" then
    return problem(409, "2001", "a registration exists; update it")
  end
  return write(self, body, old)
end

local function update(self, body)
  local old = host.docs.get("registration", "one")
  if not old then return problem(404, "2000", "no registration") end
  return write(self, body, old)
end

local function tests_of_last_minute(self)
  local count, oldest = 0, nil
  for _, row in ipairs(host.docs.find("validation", { most = 1000 })) do
    if row.body.at_ms > self.env.now() - 60000 then
      count = count + 1
      oldest = math.min(oldest or row.body.at_ms, row.body.at_ms)
    end
  end
  return count, oldest
end

local function send_test(self)
  local registration = host.docs.get("registration", "one")
  if not wants(registration, "test-created") then
    return problem(400, "2003", "the event test-created is not registered")
  end
  local count, oldest = tests_of_last_minute(self)
  if count >= 2 then
    local wait = (oldest + 60000 - self.env.now() + 999) // 1000
    return problem(429, "2004", "at most two tests a minute", { ["Retry-After"] = tostring(wait) })
  end
  local id = self.env.uuid()
  host.docs.put("validation", id, { at_ms = self.env.now(), status = "inProgress",
    url = registration.WebhookUrl, results = json.array {} })
  deliver(self, registration, { event = "test-created", id = id, uri = VALIDATION .. id,
    resource = "test", mark = count, test = id })
  return 200, {}, { correlationId = id }
end

local function test_result(self, id)
  local test = host.docs.get("validation", id)
  if not test or test.at_ms < self.env.now() - 7 * DAY then
    return problem(404, "2005", "no such test")
  end
  return 200, {}, { correlationId = id, partnerId = rows.organization, status = test.status,
    callbackUrl = test.url, results = json.array(test.results) }
end

local ROUTES = {
  ["GET /registration"] = view,
  ["POST /registration"] = register,
  ["PUT /registration"] = update,
  ["GET /registration/events"] = function()
    return 200, {}, json.array { table.unpack(M.events) }
  end,
  ["POST /registration/validationEvents"] = send_test,
}

--- Answers a management call. `path` is what follows /webhooks/v1.
---@return integer status, table headers, table body
function M:answer(method, path, body)
  local test = path:match("^/registration/validationEvents/([%w-]+)$")
  if test and method == "GET" then return test_result(self, test) end
  local route = ROUTES[method .. " " .. path]
  if route then return route(self, body) end
  for _, other in ipairs { "GET", "POST", "PUT" } do
    if ROUTES[other .. " " .. path] then return problem(405, "405", "method not allowed") end
  end
  return problem(404, "404", "no such resource")
end

M.problem = problem

return M

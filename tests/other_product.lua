-- Another product of this tenant's, signed in with an application user of its own: it registers an
-- address for Partner Center's events, of which a tenant has one.
local M = {}

local PARTNER_CLIENT = "7d1b0c52-0001-4a11-9c01-000000000001"
local WEBHOOKS = "https://api.partnercenter.microsoft.com"

M.referral_events = { "referral-created", "referral-updated", "related-referral-created",
  "related-referral-updated" }

local function encoded(form)
  local out = {}
  for name, value in pairs(form) do
    out[#out + 1] = name .. "=" .. value:gsub("[^%w_.~-]", function(c)
      return ("%%%02X"):format(c:byte())
    end)
  end
  return table.concat(out, "&")
end

local function token(s)
  local secret = assert(host.file.read(s.dir .. "/partner_secret")):gsub("%s+$", "")
  local answer = assert(host.http.request { url = s.base.tokens .. "/practice.example/oauth2/token",
    method = "POST", headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
    body = encoded { grant_type = "refresh_token", resource = WEBHOOKS, client_secret = secret,
      client_id = PARTNER_CLIENT, refresh_token = s:act("token-sign-in").refresh_token } })
  return json.decode(answer.body).access_token
end

---Registers an address, over one that is there.
---@param s table
---@param url string
---@param events string[]
function M.register(s, url, events)
  local there = s:say("pending").registered
  local answer = assert(host.http.request { url = s.base.partner .. "/webhooks/v1/registration",
    method = there and "PUT" or "POST", headers = { ["Content-Type"] = "application/json",
      Authorization = "Bearer " .. token(s) },
    body = json.encode { WebhookUrl = url, WebhookEvents = json.array(events) } })
  if answer.status ~= 200 then
    error({ check = "not registered: " .. answer.body }, 0)
  end
end

return M

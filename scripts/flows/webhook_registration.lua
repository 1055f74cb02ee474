-- Flow a, "Partner Center Webhook Registration": asks for callbacks of the four events.  A tenant
-- has one registration, which may hold another product's URL and events: it is shown first, never
-- taken over unasked, and foreign events stay in it.
local partner_center = require "partner_center"

local M = {}

M.events = { "referral-created", "referral-updated", "related-referral-created",
  "related-referral-updated" }

local function merged(present)
  local out, seen = json.array {}, {}
  for _, list in ipairs { M.events, present or {} } do
    for _, name in ipairs(list) do
      if not seen[name] then
        seen[name] = true
        out[#out + 1] = name
      end
    end
  end
  return out
end

local function complete(present)
  local has = {}
  for _, name in ipairs(present or {}) do
    has[name] = true
  end
  for _, name in ipairs(M.events) do
    if not has[name] then
      return false
    end
  end
  return true
end

---The address that Partner Center is to call.
function M.url()
  return host.profile.public_url and (host.profile.public_url .. host.profile.callback_path)
end

---Registers our URL if none is registered, or ours lacks events; another's URL only with overwrite.
---(suspends)
---@param overwrite boolean
---@return string|nil  "registered" "unchanged" "foreign", nil, err
function M.register(overwrite)
  local present, err = partner_center.webhook_get()
  if err then
    return nil, err
  end
  local url = M.url()
  if present and present.WebhookUrl == url and complete(present.WebhookEvents) then
    return "unchanged"
  elseif present and present.WebhookUrl ~= url and not overwrite then
    return "foreign"
  end
  local ok
  ok, err = partner_center.webhook_set(url, merged(present and present.WebhookEvents),
    present ~= nil)
  if not ok then
    return nil, err
  end
  return "registered"
end

---The handler of the daily check (and of the start).  Staging polls only: a tenant has one
---registration, and that is production's (rule 14).
function M.check()
  if M.url() and host.profile.stage ~= "staging" then
    local outcome, err = M.register(false)
    if not outcome then
      return nil, err
    elseif outcome == "foreign" then
      host.log("error", "another address is registered for Partner Center's events: changes " ..
        "come by the poll alone; `cosell webhook register --overwrite` takes it over")
    elseif outcome == "registered" then
      host.log("info", "registered for Partner Center's events")
    end
  end
  return 24 * 3600 * 1000
end

return M

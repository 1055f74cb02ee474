--- The practice environment (`cosell sim`) at its usual addresses, as a profile: what
-- `practice = true` in profile.lua stands for.  Nothing in it is secret or real: what the practice
-- environment makes up at its start comes by environment.  It must never stand for anything that is
-- not on this machine.

local M = {}

local TOKENS, PARTNER, CRM = "http://127.0.0.1:8101", "http://127.0.0.1:8102",
  "http://127.0.0.1:8103"
local HOST_PORT = 8100

local function profile()
  return {
    stage = "sandbox",
    listen = { port = HOST_PORT, path_secret = { env = "COSELL_SANDBOX_PATH_SECRET" },
      public_url = ("http://127.0.0.1:%d"):format(HOST_PORT) },
    crm = {
      url = CRM, token_url = TOKENS .. "/practice.example/oauth2/v2.0/token",
      client_id = "7d1b0c52-0002-4a11-9c01-000000000002",
      secret = { env = "COSELL_SANDBOX_CRM_SECRET" },
    },
    partner_center = {
      url = PARTNER, webhook_url = PARTNER,
      audience = "https://api.partner.microsoft.com",
      webhook_audience = "https://api.partnercenter.microsoft.com",
      token_url = TOKENS .. "/practice.example/oauth2/token",
      client_id = "7d1b0c52-0001-4a11-9c01-000000000001",
      secret = { env = "COSELL_SANDBOX_PARTNER_SECRET" },
      refresh_token = { env = "COSELL_SANDBOX_REFRESH_TOKEN" },
      portal_url = PARTNER .. "/portal/referrals/",
    },
    callbacks = { certificate_hosts = { "127.0.0.1" }, roots = { env = "COSELL_SANDBOX_ROOTS" },
      practice_origin = PARTNER },
    settings = { settle = 0, look_wait = 0, delta_seconds = 1, poll_minutes = 1 },
  }
end

--- One table over another, key by key, into the one below.
---@param below table
---@param above table
---@return table below
function M.laid_over(below, above)
  for name, value in pairs(above) do
    local known = below[name]
    local both = type(known) == "table" and type(value) == "table"
    below[name] = both and M.laid_over(known, value) or value
  end
  return below
end

--- A profile with the practice environment below it, if it says `practice = true`: what it says
--- itself counts.
---@param given table
---@return table
function M.below(given)
  if given.practice ~= true then return given end
  return M.laid_over(profile(), given)
end

return M

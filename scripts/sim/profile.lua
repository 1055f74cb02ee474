-- A ready profile for a host that is to work with the practice environment: a folder with a
-- commented profile.lua and what it names, each secret in a file of its own. Also the same as lines
-- for a shell. Owns nothing; must never print a secret.
local keys = require "sim.keys"
local tokens = require "sim.tokens"

local M = {}

local SECRET_MODE, FOLDER_MODE = 0x180, 0x1C0 -- 0600, 0700
local PATH_SECRET = "practice-path-0123456789abcdef"
local DAY = 86400000

local PROFILE = [[
-- A profile for the practice environment, written by cosell sim. Nothing in it
-- is real, and no secret stands in it: those are in the files beside it. Change
-- what you like: a host that runs takes it over when you save, and says so if
-- it does not understand it.
return {
  stage = "sandbox", -- "staging" and "production" are for a real tenant
  state = "cosell.db", -- what the host remembers; made in this folder
  listen = { -- where Partner Center's callbacks come in
    port = %PORT%, path_secret = { file = "path_secret" },
    public_url = "http://127.0.0.1:%PORT%",
  },
  crm = { -- Dynamics 365
    url = "%CRM%",
    token_url = "%TOKENS%/%TENANT%/oauth2/v2.0/token",
    client_id = "%CRM_CLIENT%",
    secret = { file = "crm_secret" },
  },
  partner_center = {
    url = "%PARTNER%",
    webhook_url = "%PARTNER%",
    audience = "https://api.partner.microsoft.com",
    webhook_audience = "https://api.partnercenter.microsoft.com",
    token_url = "%TOKENS%/%TENANT%/oauth2/token",
    client_id = "%PARTNER_CLIENT%",
    secret = { file = "partner_secret" },
    refresh_token = { file = "refresh_token" }, -- the administrator's sign-in
    -- A deal's link begins with this.
    portal_url = "%PARTNER%/portal/referrals/",
  },
  callbacks = { -- whose signatures are believed
    certificate_hosts = { "127.0.0.1" },
    roots = { file = "roots.pem" },
    -- Only a profile for practice may have this line.
    practice_origin = "%PARTNER%",
  },
  -- Short waits, so that practising is quick. A real profile leaves them out.
  settings = { settle = 0, look_wait = 0, delta_seconds = 1, poll_minutes = 1 },
}
]]

--- The text of profile.lua.
---@param server table
function M.text(server)
  local base = server.env.base
  local values = { TOKENS = base.tokens, PARTNER = base.partner, CRM = base.crm,
    TENANT = tokens.tenant, CRM_CLIENT = tokens.crm_client,
    PARTNER_CLIENT = tokens.partner_client, PORT = tostring(server.host_port) }
  return (PROFILE:gsub("%%([%u_]+)%%", values))
end

-- File name, content, name in the environment: what no profile may hold.
local function secrets(server)
  return {
    { "partner_secret", tokens.clients[tokens.partner_client].secret,
      "COSELL_SANDBOX_PARTNER_SECRET" },
    { "crm_secret", tokens.clients[tokens.crm_client].secret, "COSELL_SANDBOX_CRM_SECRET" },
    { "refresh_token", server.tokens.sign_in(), "COSELL_SANDBOX_REFRESH_TOKEN" },
    { "roots.pem", server.partner.hooks:roots(), "COSELL_SANDBOX_ROOTS" },
    { "path_secret", PATH_SECRET, "COSELL_SANDBOX_PATH_SECRET" },
  }
end

local function write_secrets(folder, list)
  for _, s in ipairs(list) do
    local ok, err = host.file.write(folder .. "/" .. s[1], s[2], SECRET_MODE)
    if not ok then return nil, err end
  end
  return true
end

--- Writes the folder. A profile.lua that is there stays as it is; the secrets are made anew.
---@param server table
---@param folder string
---@return boolean|nil ok, table|nil err, boolean kept whether a profile.lua was there
function M.write(server, folder)
  local path = folder .. "/profile.lua"
  local ok, err = host.file.mkdir(folder, FOLDER_MODE)
  if ok then ok, err = write_secrets(folder, secrets(server)) end
  if not ok then return nil, err, false end
  if host.file.exists(path) then return true, nil, true end
  ok, err = host.file.write(path, M.text(server))
  return ok, err, false
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Writes secrets, roots and addresses beside `path`, and `path` itself: lines for a shell to read.
---@return boolean|nil ok, table|nil err
function M.write_env(server, path)
  local folder = path:match("^(.*)/[^/]*$") or "."
  local client = keys.pair("crm-client", { common_name = "crm-client.example", bits = 2048,
    organization = "Kawabata Systems", from_ms = host.now_ms() - DAY, days = 3650 })
  server.tokens.certify(tokens.crm_client, client.cert)
  local base, tenant = server.env.base, tokens.tenant
  local list = secrets(server)
  list[#list + 1] = { "crm_key.pem", client.key, "COSELL_SIM_CRM_KEY" }
  list[#list + 1] = { "crm_cert.pem", client.cert, "COSELL_SIM_CRM_CERT" }
  local lines = {
    "# Written by cosell sim: for practice only.",
    "export COSELL_SIM_TOKENS=" .. base.tokens, "export COSELL_SIM_PARTNER=" .. base.partner,
    "export COSELL_SIM_CRM=" .. base.crm,
    "export COSELL_SIM_TOKEN_URL_V1=" .. base.tokens .. "/" .. tenant .. "/oauth2/token",
    "export COSELL_SIM_TOKEN_URL_V2=" .. base.tokens .. "/" .. tenant .. "/oauth2/v2.0/token",
    "export COSELL_SIM_PARTNER_CLIENT=" .. tokens.partner_client,
    "export COSELL_SIM_CRM_CLIENT=" .. tokens.crm_client,
  }
  local ok, err = write_secrets(folder, list)
  if not ok then return nil, err end
  for _, s in ipairs(list) do lines[#lines + 1] = "export " .. s[3] .. "=" .. quoted(s[2]) end
  return host.file.write(path, table.concat(lines, "\n") .. "\n", SECRET_MODE)
end

return M

--- The files that `cosell init` writes: profile.lua of real systems, settings.lua beside the
-- mapping.  Text out; no secret goes in: where one is wanted stands a reference.

local M = {}

-- The usual addresses of `cosell sim`, for practising the whole way.
local PRACTICE = {
  tenant = "practice.example", application = "7d1b0c52-0002-4a11-9c01-000000000002",
  partner_application = "7d1b0c52-0001-4a11-9c01-000000000001",
}
M.PRACTICE_TERMINAL = "7d1b0c52-0004-4a11-9c01-000000000004" -- has no secret: for a device code

--- The answers that the practice environment stands for.
---@param ports string[]  of sign-in, Partner Center, CRM
function M.practice(ports)
  local out = { stage = "sandbox", practice = true }
  for name, value in pairs(PRACTICE) do out[name] = value end
  out.login, out.partner, out.crm = table.unpack(ports)
  return out
end

local function add(out, line, ...)
  out[#out + 1] = select("#", ...) > 0 and line:format(...) or line
end

local HEAD = [[
-- Where the systems of this place are, and how this host signs in to them; by cosell init.
-- No secret stands in here: { sealed = true } was, or will be, entered by `cosell connect` and lies
-- sealed in the state; { file = "name" } (mode 0600), { env = "NAME" } and { credential = "name" }
-- (systemd) name other places.  A host that runs takes this file over when you save it, but for
-- what it says needs a restart.  What staging and production have in common stands in settings.lua
-- beside the mapping, and `cosell promote` carries it over.
return {]]

local STAGES = {
  staging = "only linked deals come in, by polls; \"production\" goes live",
  production = "every deal travels",
  sandbox = "for the practice environment: nothing is real",
}

local function reference(a)
  return a.secret or "{ sealed = true }"
end

local function proof(out, a, person)
  if person and a.person == "device" then
    add(out, "    public = true, -- a device code is signed in with neither secret nor certificate")
  elseif a.sign_in == "certificate" then
    add(out, "    certificate = { key = { file = %q }, cert = { file = %q } },", a.key, a.cert)
  else
    add(out, "    secret = %s, -- cosell connect asks for it", reference(a))
  end
end

local function listen(out, a)
  if a.stage == "staging" or a.public_url == "none" then
    add(out, "  webhook = false, -- no callbacks: changes at Partner Center come by polls alone")
    return
  end
  add(out, "  listen = { -- where Partner Center's callbacks come in")
  add(out, "    port = %d, -- on this machine; a proxy with your certificate stands before it",
    a.port)
  add(out, "    path_secret = { file = \"path_secret\" }, -- made by cosell init")
  add(out, "    public_url = %q, -- how Partner Center reaches that proxy", a.public_url)
  add(out, "  },")
end

local function crm(out, a)
  add(out, "  crm = { -- Dynamics 365, by an application user")
  add(out, "    url = %q,", a.crm)
  add(out, "    token_url = \"%s/%s/oauth2/v2.0/token\",", a.login, a.tenant)
  add(out, "    client_id = %q,", a.application)
  proof(out, a)
  add(out, "  },")
end

local function partner_center(out, a)
  add(out, "  partner_center = { -- the Referrals API, by a person's sign-in: cosell connect")
  if a.partner then
    add(out, "    url = %q, webhook_url = %q,", a.partner, a.partner)
    add(out, "    audience = \"https://api.partner.microsoft.com\",")
    add(out, "    webhook_audience = \"https://api.partnercenter.microsoft.com\",")
    add(out, "    portal_url = \"%s/portal/referrals/\",", a.partner)
  end
  add(out, "    token_url = \"%s/%s/oauth2/token\",", a.login, a.tenant)
  add(out, "    client_id = %q,", a.partner_application)
  if a.partner_id ~= "" then
    add(out, "    partner_id = %q, -- of your co-sell solutions, for cosell doctor", a.partner_id)
  else
    add(out, "    --partner_id = \"1234567\", -- of your co-sell solutions, for cosell doctor")
  end
  proof(out, a, true)
  add(out, "  },")
end

-- ---- Settings and columns ----

local function literal(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

-- One group, each line with its origin; last: a line more, as it stands.
local function group(out, name, lines, last)
  local rows = {}
  for _, line in ipairs(lines) do
    if line.group == name then
      add(rows, "    -- %s", (line.origin:gsub("%c", " ")))
      add(rows, "    %s = %s,", line.name, literal(line.value))
    end
  end
  if #rows == 0 and not last then return end
  add(out, "  %s = {", name)
  table.move(rows, 1, #rows, #out + 1, out)
  if last then out[#out + 1] = "    " .. last end
  add(out, "  },")
end

local SHORT = "settle = 0, look_wait = 0, delta_seconds = 1, poll_minutes = 1, -- for practising"

-- Whose signatures are believed in practice, and what of the original stands in the profile itself.
local function the_rest(out, a, lines)
  if a.practice then
    add(out, "  callbacks = { certificate_hosts = { \"127.0.0.1\" }, -- for practising")
    add(out, "    roots = { file = \"roots.pem\" }, practice_origin = %q },", a.partner)
  end
  group(out, "settings", lines, a.practice and SHORT or nil)
  group(out, "columns", lines)
end

--- The text of profile.lua.
---@param a table  the answers
---@param lines table|nil  of the original, if the mapping's folder has a settings.lua already
---@return string
function M.text(a, lines)
  local out = { HEAD }
  add(out, "  stage = %q, -- %s", a.stage, STAGES[a.stage])
  add(out, "  state = \"cosell.db\", -- what the host remembers; made in this folder")
  if a.mapping then
    add(out, "  mapping = %q, -- details.lua, country.lua, deal_value.lua, settings.lua, fixtures",
      a.mapping)
  end
  listen(out, a)
  crm(out, a)
  partner_center(out, a)
  the_rest(out, a, lines or {})
  add(out, "}\n")
  return table.concat(out, "\n")
end

-- ---- settings.lua ----

local SETTINGS = [[
-- What every profile with this mapping has in common: settings, names of columns, flows.  A profile
-- is laid over it, so what profile.lua says itself counts; `cosell promote` carries this file over
-- with the mapping.  `cosell settings` lists all settings: what each does, its default, its name in
-- Microsoft's connector.
return {]]

--- The text of settings.lua.
---@param lines { group: string, name: string, value: any, origin: string }[]  of the original
---@return string
function M.settings(lines)
  local out = { SETTINGS }
  group(out, "settings", lines, "--expiry_reminder_days = 5,")
  group(out, "columns", lines, "--notes = \"new_comments\", -- where a role stands in your CRM")
  group(out, "flows", lines, "--dynamics_solutions = false, -- `cosell flows` lists them")
  add(out, "}\n")
  return table.concat(out, "\n")
end

return M

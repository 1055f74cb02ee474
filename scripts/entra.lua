--- What has to be set up elsewhere before anybody can sign in: in Microsoft Entra, in the CRM, at
-- Partner Center.  Data and sentences; it must never ask a service.

local M = {}

M.LOGIN = "https://login.microsoftonline.com"
M.REDIRECT = "http://localhost" -- of this machine; Entra takes any port of it

-- The delegated permissions, by the application that owns them.
M.permissions = {
  { api = "Microsoft Partner", id = "4990cffe-04e8-4e8b-808a-1175604b879f",
    name = "user_impersonation", about = "referrals; shown as \"Partner Center\"" },
  { api = "Microsoft Partner Center", id = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
    name = "user_impersonation", about = "webhooks" },
}

--- Where an administrator of the tenant consents for everybody.
---@param a { login: string, tenant: string, partner_application: string }
function M.consent(a)
  return ("%s/%s/adminconsent?client_id=%s"):format(a.login, a.tenant, a.partner_application)
end

local function certificate_steps(a)
  return {
    ("Certificates & secrets: upload %s.  One is made by"):format(a.cert),
    { ("openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj /CN=cosell \\"),
      ("  -keyout %s -out %s"):format(a.key, a.cert) },
    ("and %s is for its owner alone (chmod 600)."):format(a.key),
  }
end

local function proof_steps(a)
  if a.sign_in == "certificate" then return certificate_steps(a) end
  return { "Certificates & secrets: a new client secret.  Its value is shown once; `cosell " ..
    "connect` asks for it and seals it." }
end

local function person_step(a)
  if a.person == "device" then
    return "Authentication: Allow public client flows: Yes (for the device code)."
  end
  return ("Authentication, platform Web: the redirect %s (any port of it is meant)."):format(
    M.REDIRECT)
end

local function partner_steps(a)
  local out = { "API permissions, delegated, from `APIs my organization uses`:" }
  local rows = {}
  for i, p in ipairs(M.permissions) do
    rows[i] = ("%-24s %s  %s (%s)"):format(p.api, p.id, p.name, p.about)
  end
  out[#out + 1] = rows
  out[#out + 1] = "then an administrator of the tenant opens, once:"
  out[#out + 1] = { M.consent(a) }
  out[#out + 1] = person_step(a)
  return out
end

local function crm_steps(a)
  return { ("An application user for %s (Power Platform admin center, the environment, " ..
    "Settings, Users + permissions, Application users).  Its role: System Customizer and one " ..
    "that reads and writes opportunities, leads, accounts and contacts of the whole " ..
    "organisation; `cosell doctor` names what is missing."):format(a.application) }
end

local SELLER = { "Who signs in has the role Referrals admin, for all locations that shall " ..
  "travel, and multi-factor authentication.  Where registering a webhook is refused: Admin " ..
  "agent, Sales agent, Helpdesk agent or Billing admin as well." }

--- What is to be done, by place: each step is a sentence, or a list of lines to be copied.
---@param a table  the answers
---@return { title: string, steps: (string|string[])[] }[]
function M.todo(a)
  local both = a.application == a.partner_application
  local out = { { title = ("Microsoft Entra, App registrations, %s"):format(a.partner_application),
    steps = partner_steps(a) } }
  table.move(proof_steps(a), 1, 9, #out[1].steps + 1, out[1].steps)
  if not both then
    out[2] = { title = ("Microsoft Entra, App registrations, %s"):format(a.application),
      steps = proof_steps(a) }
  end
  out[#out + 1] = { title = "Dynamics 365, " .. a.crm, steps = crm_steps(a) }
  out[#out + 1] = { title = "Partner Center", steps = SELLER }
  return out
end

--- What of all that nobody sees from here.
M.unseen = "whether the administrator has consented for both, whether the user has the role and " ..
  "signed in with multi-factor authentication, whether the application user is there: `cosell " ..
  "connect` and `cosell doctor` tell once they can ask"

return M

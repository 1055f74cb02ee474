--- What `cosell init` has to know, one row a question: how it is asked, by which option it is given
-- instead, what is wrong with an answer.  It must never ask a service nor a person.

local checks = require "schema_checks"
local text = require "text"

local M = {}

local GUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"
local NOBODY = { common = true, organizations = true, consumers = true }

-- ---- What is wrong with an answer, and the one that was probably meant ----

local function tenant(value)
  if NOBODY[value:lower()] then
    return ("%s names no tenant: give its id or one of its domains"):format(value)
  elseif value:find("/", 1, true) then
    return "is an address; the tenant is its id or one of its domains, such as contoso.example"
  elseif not value:find(GUID) and not value:find("^[%w-]+[%w.-]*%.[%w-]+$") then
    return "is no tenant: give its id (a GUID, Entra shows it) or a domain such as contoso.example"
  end
  return nil
end

local function organization(value)
  local base = value:match("^(https?://[^/?#]+)[/?#].*$")
  if base and not value:find("^https?://[^/?#]+/?$") then
    return ("has a path; the organisation is %s"):format(base), base
  end
  return checks.origin(value)
end

-- What people leave away.
local function whole_address(value)
  if value:find("^[%w-]+[%w.-]*%.[%w-]+$") then value = "https://" .. value end
  return (value:gsub("/+$", ""))
end

local function guid(value)
  if not value:find(GUID) then
    return "is no application id: Entra shows it as Application (client) ID, a GUID"
  end
  return nil
end

local function number(value)
  if not value:find("^%d+$") then
    return "is no PartnerID: digits alone, as Partner Center shows it (formerly MPN ID)"
  end
  return nil
end

local function one_of(list)
  return function(value)
    local near = text.nearest(value, list)
    return ("is none of %s%s"):format(table.concat(list, ", "),
      near and ("; did you mean %s?"):format(near) or "")
  end
end

local function public(value)
  if value == "none" then return nil end
  if value:find("^http://") then
    return "must begin with https://: Partner Center calls nobody by plain http"
  elseif value:find("/callback/", 1, true) then
    return "is the address of a callback; give what stands before /callback"
  end
  return checks.url(value)
end

-- ---- The questions ----

---@class init_question
---@field name string      of the answer
---@field option string    without its hyphens
---@field ask string
---@field about string     for the usage
---@field values string[]|nil  one of these; its beginning is enough
---@field default nil|string|fun(a: table): string|nil
---@field check nil|fun(value: string): string|nil, string|nil
---@field mend nil|fun(value: string): string
---@field quiet boolean|nil  nobody is asked
---@field if_ nil|fun(a: table): boolean  else it is not asked
---@field else_ string|nil  what is wrong with an answer then
---@field empty boolean|nil  may be left empty

---@type init_question[]
M.rows = {
  { name = "tenant", option = "tenant", check = tenant,
    ask = "Tenant (its id, or a domain such as contoso.example)",
    about = "the Microsoft Entra tenant: its id or a domain" },
  { name = "crm", option = "crm", check = organization, mend = whole_address,
    ask = "CRM organisation (such as https://contoso.crm4.dynamics.com)",
    about = "the CRM's organisation, its address without a path" },
  { name = "application", option = "application", check = guid,
    ask = "Application (client) ID of the app registration",
    about = "the application's id, that signs in to the CRM" },
  { name = "partner_application", option = "partner-application", check = guid, quiet = true,
    default = function(a) return a.application end, ask = "The one for Partner Center",
    about = "if Partner Center has one of its own" },
  { name = "partner_id", option = "partner-id", check = number, empty = true,
    ask = "PartnerID of your co-sell solutions (Enter: later)",
    about = "the PartnerID of your co-sell solutions" },
  { name = "sign_in", option = "sign-in", values = { "secret", "certificate" }, default = "secret",
    ask = "The application proves itself by secret or certificate",
    about = "how the application proves itself: secret, certificate" },
  { name = "person", option = "person", values = { "browser", "paste", "device" },
    default = "browser",
    ask = "You sign in to Partner Center by browser (here), paste (elsewhere) or device code",
    about = "how you sign in to Partner Center: browser, paste, device" },
  { name = "stage", option = "stage", values = { "staging", "production", "sandbox" },
    default = "staging", ask = "Stage: staging (linked deals alone, by polls) or production",
    about = "staging, production; sandbox: the practice environment" },
  { name = "public_url", option = "url", check = public, mend = function(value)
      return (value:gsub("/+$", ""))
    end, default = "none",
    if_ = function(a) return a.stage ~= "staging" end,
    else_ = "is of no use in staging, which only polls; --stage production takes callbacks",
    ask = "Public https address for callbacks (none: polls alone)",
    about = "the https address at which Partner Center reaches this host, or none" },
}

-- The one that a beginning means.
local function completed(row, value)
  local found
  for _, known in ipairs(row.values) do
    if known == value then return known end
    if value ~= "" and known:sub(1, #value) == value then found = known end
  end
  return found
end

--- An answer as it is kept; or what is wrong with it, and what was probably meant.
---@param row init_question
---@param value string
---@return string|nil answer, string|nil problem, string|nil meant
function M.read(row, value)
  value = value:match("^%s*(.-)%s*$")
  if row.values then
    local known = completed(row, value:lower())
    if known then return known end
    return nil, one_of(row.values)(value)
  end
  if row.mend then value = row.mend(value) end
  local problem, meant
  if row.check then problem, meant = row.check(value) end
  if problem then return nil, problem, meant end
  return value
end

---@param row init_question
---@param a table
---@return string|nil
function M.default(row, a)
  if type(row.default) == "function" then return row.default(a) end
  return row.default
end

return M

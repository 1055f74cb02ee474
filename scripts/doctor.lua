-- `cosell doctor`: what has to be so before deals can travel, in the order in which it is set up.
-- Owns the table of checks: for each its name, what it is about, the checks that it is built on,
-- who looks (doctor/*.lua), and for each thing that can be wrong what is said and what a person
-- does about it.  A remedy is one sentence that can be followed as it stands; tests follow each of
-- them.  It must never mend anything itself.
local account = require "doctor.account"
local crm = require "doctor.crm"
local here = require "doctor.here"
local services = require "doctor.services"
local webhook = require "doctor.webhook"

local M = {}

-- What is said of a sign-in that was refused, and the cure; {of} is the profile's table.
local function sign_in(more)
  local causes = {
    secret = { "{said}", "make a new client secret for {client} (entra.microsoft.com, App " ..
      "registrations, Certificates & secrets), put it where `{of}.secret` of profile.lua " ..
      "names it, and start the host anew" },
    tenant = { "{said}", "correct the tenant in `{of}.token_url` of profile.lua and start the " ..
      "host anew" },
    client = { "{said}", "correct `{of}.client_id` in profile.lua, or the tenant in " ..
      "`{of}.token_url`, and start the host anew" },
    other = { "{said}", "{cure} (`{of}` of profile.lua), and start the host anew" },
  }
  for cause, texts in pairs(more) do
    causes[cause] = texts
  end
  return causes
end

-- Of a person's sign-in.
local PERSON = {
  again = { "{said}", "sign in again: `cosell connect {connection}`" },
  mfa = { "{said}", "sign in again with multi-factor authentication: `cosell connect " ..
    "{connection}`" },
  consent = { "{said}", "{cure}" },
}
local ROLE = "at partner.microsoft.com, Account settings, User management, give the user who " ..
  "signed in the role Referrals admin, and look again in an hour"

-- name, title; needs: checks without which this one cannot be made; look(seen) of doctor/*.lua;
-- causes: what is wrong -> what is said, the remedy.
---@class Check
M.checks = {
  { name = "files", title = "state, key and secrets are this user's alone", look = here.files,
    causes = {
      open = { "{said}", "run `{cure}`" },
      gone = { "{path} is not there", "put it back with mode 600, or name another file as " ..
        "`{key}` in profile.lua" },
    } },
  { name = "disk", title = "the state file has room", look = here.disk, causes = {
      full = { "{room} MB are free on the disk of {path}, fewer than {least} MB",
        "make room on that disk" },
    } },
  { name = "reach", title = "the services answer, over TLS", look = services.reach, causes = {
      name = { "no address is known for {host} ({why})", "correct `{key}` in profile.lua, or " ..
        "let this machine resolve names: `getent hosts {host}` must print an address" },
      connect = { "{host} cannot be connected to ({why})", "correct `{key}` in profile.lua, or " ..
        "open the way from this machine to {host}, port {port}" },
      tls = { "{host} answers, but not over TLS that this machine trusts ({why})", "correct " ..
        "`{key}` in profile.lua, or take away what stands between this machine and {host}" },
      answer = { "{host} takes a connection and does not answer ({why})", "correct `{key}` in " ..
        "profile.lua, or take away what stands between this machine and {host}" },
    } },
  { name = "clock", title = "this machine's clock is right", needs = { "reach" },
    look = services.clock, causes = {
      wrong = { "this machine's clock is {span} {way} that of {host}",
        "set it, and keep it set: `timedatectl set-ntp true`" },
    } },
  { name = "partner_center", title = "Partner Center: signed in", needs = { "reach" },
    look = account.signed_in, causes = sign_in(PERSON) },
  { name = "webhooks", title = "Partner Center's webhooks: signed in",
    needs = { "partner_center" }, look = account.webhooks, causes = {
      consent = PERSON.consent,
      role = { "the user who signed in may not manage webhooks", "sign in another one for them, " ..
        "such as an Admin agent: `cosell connect webhooks`" },
      other = { "{said}", "{cure} (`partner_center` of profile.lua), and start the host anew" },
    } },
  { name = "partner_id", title = "the PartnerID is the solutions' one",
    needs = { "webhooks" }, look = account.partner_id, causes = {
      none = { "this account has no PartnerID", "sign in as a user of the account that your " ..
        "co-sell solutions are published under, or enrol this one at partner.microsoft.com" },
      foreign = { "{id} is no PartnerID of this account, {own} is", "set " ..
        "`partner_center.partner_id` in profile.lua to the PartnerID that your co-sell " ..
        "solutions are published under" },
    } },
  { name = "referrals", title = "referrals are visible", needs = { "partner_center" },
    look = account.referrals, causes = {
      role = { "the user who signed in may see no referrals", ROLE },
    } },
  { name = "role", title = "the role suffices to write", needs = { "referrals" },
    look = account.role, causes = {
      role = { "the user who signed in may see referrals and not make them", ROLE },
    } },
  { name = "crm", title = "CRM: signed in", needs = { "reach" }, look = crm.signed_in,
    causes = sign_in {
      user = { "{said}", "at admin.powerplatform.microsoft.com, Environments, Settings, Users + " ..
        "permissions, Application users, add the application {client}" },
      organization = { "this CRM is another organisation than the one the state belongs to",
        "name a new file as `state` in profile.lua, or correct `crm.url`, and start the host " ..
        "anew" },
    } },
  { name = "privileges", title = "the application user may do what is needed", needs = { "crm" },
    look = crm.privileges, causes = {
      lacks = { "the application user lacks {list}", "at admin.powerplatform.microsoft.com, " ..
        "Environments, Settings, Users + permissions, Security roles, add to its role: {list}" },
    } },
  { name = "schema", title = "tables and columns are there", needs = { "crm" },
    look = crm.schema, causes = {
      lacks = { "the CRM lacks {list}", "run `cosell provision`" },
      other = { "{table}.{column} is {found}, {wanted} is needed", "delete that column at " ..
        "make.powerapps.com, then run `cosell provision`{or_name}" },
    } },
  { name = "tracking", title = "changes are tracked", needs = { "schema" }, look = crm.tracking,
    causes = {
      off = { "change tracking is off for {list}", "run `cosell provision`, or at " ..
        "make.powerapps.com tick Track changes in the properties of {list}" },
    } },
  { name = "mapping", title = "the mapping fits this CRM", needs = { "schema" },
    look = crm.mapping, causes = {
      required = { "{line}", "give {column} a value in `{key}` of details.lua, or make it " ..
        "optional in the CRM" },
      wrong = { "{line}", "correct that line (`cosell check` names it as well)" },
    } },
  { name = "settings", title = "settings name columns that fit", needs = { "schema" },
    look = crm.settings, causes = {
      wrong = { "{line}", "set `{key}` in profile.lua to a column of {table} that fits: `cosell " ..
        "fields {table}` lists them" },
    } },
  { name = "original", title = "the original connector is off",
    needs = { "crm", "webhooks" }, look = crm.original, causes = {
      flows = { "{said}", "{remedy}" },
      registration = { "{said}", "run {remedy}" },
    } },
  { name = "webhook", title = "events are registered to this host",
    needs = { "webhooks" }, look = webhook.registered, causes = {
      none = { "nobody is registered for Partner Center's events",
        "run `cosell webhook register`" },
      displaced = { "Partner Center's events go to {host}",
        "run `cosell webhook register --overwrite`" },
      shared = { "Partner Center's events go to {host}, and {others} with them", "name that " ..
        "address (`cosell webhook show --full` prints it) as `webhook.forward` in profile.lua, " ..
        "start the host anew, then run `cosell webhook register --overwrite`" },
      before = { "Partner Center's events go to an earlier address of this host",
        "run `cosell webhook register`" },
      events = { "this host is not registered for {list}", "run `cosell webhook register`" },
    } },
  { name = "certificate", title = "the listener's certificate is good",
    look = webhook.certificate, causes = {
      ended = { "the listener's certificate has ended: callers refuse it", "put a new one, its " ..
        "issuers' behind it, and its key where `listen.tls` of profile.lua names them" },
      refused = { "the renewed certificate is not used: {why}", "put a certificate, its " ..
        "issuers' behind it, and the key that belongs to it where `listen.tls` of profile.lua " ..
        "names them" },
    } },
  { name = "callback", title = "events reach this host", needs = { "webhook", "certificate" },
    look = webhook.reached, causes = {
      unreached = { "a test event did not reach this host ({code})", "let {origin} lead to " ..
        "{to} of this machine (DNS, firewall, reverse proxy)" },
      refused = { "this host refused a test event ({why})", "correct `callbacks` in " ..
        "profile.lua (certificate_hosts and roots) and start the host anew" },
    } },
}

-- ---- Looking ----

local function filled(text, values)
  return (text:gsub("{([%w_]+)}", function(name)
    return tostring(values[name] or "")
  end))
end

-- The first check that this one is built on and that is not fine.
local function base_of(check, results)
  for _, name in ipairs(check.needs or {}) do
    if results[name].state ~= "ok" then
      return name
    end
  end
  return nil
end

---@class CheckResult
---@field name string
---@field title string
---@field state "ok"|"failed"|"unseen"|"waits"
---@field text string|nil    what was found
---@field cause string|nil   of failed: a key of the check's causes
---@field remedy string|nil  of failed
---@field waits_for string|nil

local function result_of(check, outcome, err)
  local out = { name = check.name, title = check.title }
  if not outcome then
    out.state, out.text = "unseen", err.text
  elseif not outcome.cause then
    out.state, out.text = outcome.state, outcome.text
  else
    local cause = check.causes[outcome.cause] and outcome.cause or "other"
    local texts = check.causes[cause]
    out.state, out.cause = "failed", cause
    out.text, out.remedy = filled(texts[1], outcome), filled(texts[2], outcome)
  end
  return out
end

---Makes every check, in order.  (suspends)
---@param tell nil|fun(result: CheckResult)  as each ends
---@return { ok: boolean, checks: CheckResult[] }
function M.examine(tell)
  local out, by_name, seen = { ok = true, checks = json.array {} }, {}, {}
  for i, check in ipairs(M.checks) do
    local base = base_of(check, by_name)
    local result = base and { name = check.name, title = check.title, state = "waits",
      waits_for = base } or result_of(check, check.look(seen))
    out.ok = out.ok and result.state ~= "failed"
    out.checks[i], by_name[check.name] = result, result
    if tell then
      tell(result)
    end
  end
  return out
end

return M

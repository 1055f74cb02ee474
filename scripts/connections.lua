-- The three connections of a profile: who is signed in to each, when what it rests on ends, and
-- whether it works, by real calls.
-- Owns the marks "connected:NAME" (the last good trial) and "expires:GRANT" (the end of a client
-- secret, as a person said it).  It must never log who is signed in, nor show a secret.
local dynamics_call = require "dynamics_call"
local flow_table = require "flow_table"
local links = require "links"
local notify = require "notify"
local text = require "text"

local M = {}

local DAY_MS = 24 * 3600 * 1000
local SOON_MS = 14 * DAY_MS
local IDLE_MS = 90 * DAY_MS -- what an unused refresh token lives
local PAGE = "engagements/referrals"

-- As a person says them; grant: as the profile's configuration does; owner: whose application it
-- is; remote: the one that is tried.
M.rows = {
  { name = "partner-center", grant = "partner_center", owner = "partner_center",
    remote = "partner_center" },
  { name = "webhooks", grant = "webhooks", owner = "partner_center", remote = "webhooks" },
  { name = "crm", grant = "crm", owner = "crm", remote = "crm" },
}

---@param name string
---@return table|nil row
function M.find(name)
  for _, row in ipairs(M.rows) do
    if row.name == name then
      return row
    end
  end
  return nil
end

-- ---- What there is ----

local REMEDY = {
  sign_in = "sign in again: cosell connect %s",
  certificate = "make a new one, upload it to the application and put it in its place; then " ..
    "cosell connect %s",
  secret = "make a new one at the application; then cosell connect %s",
}
local WHAT = { sign_in = "sign-in", certificate = "certificate", secret = "client secret" }

local function ends_of(row, grant)
  local out = {}
  local function add(kind, at_ms)
    if at_ms and at_ms > 0 then
      out[#out + 1] = { kind = kind, what = WHAT[kind], ends_ms = at_ms,
        remedy = REMEDY[kind]:format(row.name) }
    end
  end
  if not grant.own then
    return out
  elseif grant.used_ms > 0 then
    add("sign_in", grant.used_ms + IDLE_MS)
  end
  if row.grant == row.owner then -- else it is told there
    add("certificate", grant.certificate_ends_ms)
    local told = grant.certificate_ends_ms == 0 and host.store.mark_get("expires:" .. row.owner)
    add("secret", math.tointeger(tonumber(told)))
  end
  table.sort(out, function(a, b) return a.ends_ms < b.ends_ms end)
  return out
end

local function remotes_by_name()
  local out = {}
  for _, r in ipairs(host.status().remotes or {}) do
    out[r.name] = r
  end
  return out
end

local function state_of(grant, remote)
  if not grant.own then
    return "partner-center"
  elseif remote and remote.needs_sign_in then
    return "sign in again"
  elseif not grant.signed or grant.sealed and not grant.secret then
    return "nobody"
  end
  return "signed in"
end

---@class Connection
---@field name "partner-center"|"webhooks"|"crm"
---@field state "signed in"|"sign in again"|"nobody"|"partner-center"  the last: that one's sign-in
---@field way "secret"|"certificate"|"public"  how the application proves who it is
---@field who table|nil  {upn=, tenant=, user=} of the person who signed in
---@field since_ms integer|nil
---@field why string|nil  what the last call met
---@field ends table[]  {what=, ends_ms=, remedy=}, the soonest first
---@field ends_ms integer|nil  the soonest
---@field tried table|nil  {at_ms=, roles=} of the last good trial: what it has shown in words

---Who is signed in to what, without asking any service.
---@return Connection[]
function M.list()
  local grants, remotes, out = {}, remotes_by_name(), json.array {}
  for _, grant in ipairs(host.sign_in.list()) do
    grants[grant.name] = grant
  end
  for i, row in ipairs(M.rows) do
    local grant, remote = grants[row.grant], remotes[row.remote]
    local ends = json.array(ends_of(row, grant))
    local tried = host.store.mark_get("connected:" .. row.name)
    out[i] = { name = row.name, state = state_of(grant, remote), who = grant.who,
      way = host.profile.sign_in[row.owner].way, sealed = grant.sealed, secret = grant.secret,
      since_ms = grant.signed_ms > 0 and grant.signed_ms or nil,
      why = remote and remote.text ~= "" and remote.text or nil,
      ends = ends, ends_ms = ends[1] and ends[1].ends_ms,
      tried = tried and json.decode(tried) or nil }
  end
  return out
end

---@param name string
---@return Connection
function M.get(name)
  for _, c in ipairs(M.list()) do
    if c.name == name then
      return c
    end
  end
  error("no connection " .. name)
end

---The connection that mends a remote: its own, or the one whose sign-in it uses.
---@param remote string
---@return string name
function M.mender(remote)
  for i, c in ipairs(M.list()) do
    if M.rows[i].remote == remote then
      return c.state == "partner-center" and "partner-center" or c.name
    end
  end
  return remote
end

local function warning(name, e, left)
  local days = left // DAY_MS
  local when = left < 0 and "has ended" or days == 0 and "ends today" or
    days == 1 and "ends tomorrow" or ("ends in %d days"):format(days)
  return ("connection %s: the %s %s (%s): %s"):format(name, e.what, when, text.date(e.ends_ms),
    e.remedy)
end

-- What ends within fourteen days: { name = of its connection, kind =, ends_ms =, text = }
local function ending()
  local out, now = {}, host.now_ms()
  for _, c in ipairs(M.list()) do
    for _, e in ipairs(c.ends) do
      local left = e.ends_ms - now
      if left < SOON_MS then
        out[#out + 1] = { name = c.name, kind = e.kind, ends_ms = e.ends_ms,
          text = warning(c.name, e, left) }
      end
    end
  end
  return out
end

---What ends within fourteen days, in words.
---@return string[]
function M.warnings()
  local out = {}
  for i, e in ipairs(ending()) do
    out[i] = e.text
  end
  return out
end

---The handler of the daily look at what ends.
function M.tick()
  for _, e in ipairs(ending()) do
    host.log("warn", e.text)
    notify.lasting("sign_in_ends", { remote = e.name, kind = e.kind, by = text.date(e.ends_ms) },
      e.name .. " " .. e.kind)
  end
  return DAY_MS
end

---Notes when a client secret ends, as the person who made it knows.
---@param row table
---@param ends_ms integer|nil
function M.set_end(row, ends_ms)
  return host.store.mark_set("expires:" .. row.owner, ends_ms and tostring(ends_ms))
end

-- ---- Whether it works ----

local APIS = {
  partner_center = { "Microsoft Partner", "4990cffe-04e8-4e8b-808a-1175604b879f" },
  webhooks = { "Microsoft Partner Center", "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd" },
}

local NO_MFA = "the sign-in carries no proof of multi-factor authentication (900421): sign in " ..
  "again and pass the second factor; if you are not asked for one, require it of this user in " ..
  "Microsoft Entra (security defaults or Conditional Access)"

local function failed(words, ...)
  return nil, { kind = "auth", text = words:format(...) }
end

---Where an administrator consents for the whole tenant.
---@return string
function M.consent_url()
  local s = host.profile.sign_in.partner_center
  local tenant = s.token_url:gsub("/oauth2/.*$", "")
  return ("%s/adminconsent?client_id=%s"):format(tenant, text.encode(s.client_id))
end

---An error of a call in words that say what to do, where more can be said than it says itself.
---@param err table
---@param remote string
---@return nil, table err
function M.explained(err, remote)
  local number = err.text:match("AADSTS(%d+)")
  if err.text:find("900421", 1, true) then
    return failed("%s", NO_MFA)
  elseif APIS[remote] and (number == "65001" or number == "90094") then
    return failed("consent is missing for %s (AADSTS%s): give the application the delegated " ..
      "permission user_impersonation of that API (%s), then an administrator opens %s",
      APIS[remote][1], number, APIS[remote][2], M.consent_url())
  elseif APIS[remote] and number == "500011" then
    return failed("the tenant does not know %s (AADSTS500011): add that API (%s) to the " ..
      "application's permissions, then an administrator opens %s", APIS[remote][1],
      APIS[remote][2], M.consent_url())
  end
  return nil, err
end

local function is_false(value)
  return value == false or type(value) == "string" and value:lower() == "false"
end

-- A reading of Partner Center's that also asks whether the sign-in was with a second factor.
local function ask(remote, path, sign_in)
  local headers = { Accept = "application/json", ValidateMfa = "true",
    ["MS-CorrelationId"] = host.uuid() }
  if remote == "webhooks" then
    headers["MS-RequestId"], headers["MS-Contract-Version"] = host.uuid(), "v1"
  else
    headers["client-request-id"] = host.uuid()
  end
  local answer, err = host.http.request { remote = remote, path = path, headers = headers,
    sign_in = sign_in }
  if not answer then
    return M.explained(err, remote)
  end
  local doc = json.decode(answer.body)
  doc = type(doc) == "table" and doc or {}
  if answer.body:find("900421", 1, true) and answer.status >= 400 or
    is_false(answer.headers.ismfacompliant) or is_false(doc.isMfaCompliant) then
    return failed("%s", NO_MFA)
  end
  return answer, doc
end

-- The organisations, but Microsoft's, whose referrals this person sees on a page.
local function organizations(doc)
  local out, seen = {}, {}
  for _, row in ipairs(type(doc.value) == "table" and doc.value or {}) do
    local id = type(row) == "table" and row.organizationId
    if type(id) == "string" and id ~= "msft" and not seen[id] then
      seen[id] = true
      out[#out + 1] = id
    end
  end
  return out, seen
end

-- Our organisation as this sign-in shows it; nil: it can't be told yet.
local function whose(doc)
  local own = links.own_organization()
  local list, seen = organizations(doc)
  if own and #list > 0 and not seen[own] then
    return failed("this user belongs to another organisation at Partner Center than the one " ..
      "this state knows: sign in as a user of your own (a state of its own serves another one)")
  end
  return own or #list == 1 and list[1] or false
end

local function try_referrals(sign_in)
  local answer, doc = ask("partner_center", PAGE, sign_in)
  if not answer then
    return nil, doc
  elseif answer.status == 403 then
    return failed("this user may not read referrals: give it the role Referrals admin at " ..
      "Partner Center (it can take an hour to show), then sign in again")
  elseif answer.status ~= 200 or type(doc.value) ~= "table" then
    return nil, { kind = "net", text = ("Partner Center answered %d instead of a list of " ..
      "referrals: try again"):format(answer.status) }
  end
  local own, err = whose(doc)
  if own == nil then
    return nil, err
  end
  return { roles = { "reads referrals" }, organization = own or nil }
end

local NONE = { [200] = true, [400] = true, [404] = true, [410] = true }

local function try_webhooks(sign_in)
  local answer, err = ask("webhooks", "webhooks/v1/registration", sign_in)
  if not answer then
    return nil, err
  elseif not NONE[answer.status] then
    return failed("this user may not manage webhooks (%d): sign in another one for them with " ..
      "cosell connect webhooks, such as an Admin agent", answer.status)
  end
  return { roles = { "reads the webhook registration" } }
end

local function try_crm(sign_in)
  local answer, err = host.http.request { remote = "crm", path = "WhoAmI", sign_in = sign_in,
    headers = dynamics_call.headers() }
  if not answer then
    return nil, err
  elseif answer.status ~= 200 then
    return nil, dynamics_call.failure(answer, "tell who we are")
  end
  local doc = json.decode(answer.body)
  if type(doc) ~= "table" or not text.is_guid(doc.OrganizationId) then
    return nil, { kind = "net", text = "the answer of Dynamics 365 cannot be read" }
  end
  local pinned = host.store.mark_get("organization")
  if pinned and pinned ~= doc.OrganizationId then
    return failed("this is another CRM organisation than the one this state belongs to: " ..
      "check crm.url")
  end
  return { roles = { "is a user of this organisation" } }
end

local TRIALS = { ["partner-center"] = try_referrals, webhooks = try_webhooks, crm = try_crm }

---Real calls that change nothing.  (suspends)
---@param name string
---@param sign_in table|nil  one that is tried; nil: the one in use
---@return { roles: string[], organization: string|nil }|nil found, table|nil err
function M.try(name, sign_in)
  return TRIALS[name](sign_in)
end

---Whether Partner Center's sign-in is also that of the webhooks, and anybody needs them.
---@return boolean
function M.serves_webhooks()
  return M.get("webhooks").state == "partner-center" and flow_table.on("webhook_registration")
end

---Notes what a good trial has shown.
---@param name string
---@param found table  of M.try
function M.note(name, found)
  if found.organization then
    links.learn_organization { organizationId = found.organization }
  end
  return host.store.mark_set("connected:" .. name, json.encode { at_ms = host.now_ms(),
    roles = json.array(found.roles) })
end

---What was entered or signed in is forgotten.
---@param row table
function M.forget(row)
  local ok, err = host.sign_in.forget(row.grant)
  if ok then
    host.store.mark_set("connected:" .. row.name, nil)
  end
  return ok, err
end

return M

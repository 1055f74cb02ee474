--- What a profile may say, key by key, and what the program makes of it.
-- Owns the table of keys, the checks of the whole, and the configuration that the host reads.  It
-- must never open a file nor resolve a secret: a reference stays a reference.

local checks = require "schema_checks"
local lines_of = require("schema_lines").of
local practice = require "practice"
local settings = require "settings"
local text = require "text"

local M = {}

-- Of one address, where no proxy is in front.
local PER_ADDRESS = 32
local CA_HOST = "3psostorageacct.blob.core.windows.net"
local PORTAL = "https://partner.microsoft.com/dashboard/referrals/"

-- path, type, default, "reload" or "restart", text; needed: it has to be there
M.rows = {
  { "stage", "enum", "production", "reload", "what this host is for",
    values = { "production", "staging", "sandbox" } },
  { "state", "path", "cosell.db", "restart", "the state file" },
  { "practice", "boolean", false, "restart", "the practice environment on this machine: " ..
    "addresses, names and short waits; what else the profile says goes before it" },
  { "key_file", "path", nil, "restart", "the key that seals tokens; default: <state>.key" },

  { "listen.address", "string", "127.0.0.1", "restart", "where callbacks are listened for" },
  { "listen.port", "integer", 8080, "restart", "the port", least = 0, most = 65535 },
  { "listen.path_secret", "ref", nil, "restart", "the secret part of the callback path" },
  { "listen.public_url", "url", nil, "reload", "how Partner Center reaches this host" },
  { "listen.max_connections", "integer", 256, "restart", "connections at once", least = 1,
    most = 65536 },
  { "listen.max_per_address", "integer", nil, "restart",
    "connections of one address; 0: no limit; default: 32, none on loopback (behind a proxy)",
    least = 0, most = 65536 },
  { "listen.deadline_s", "integer", 10, "restart", "seconds for one callback", least = 1,
    most = 600 },
  { "listen.idle_s", "integer", 5, "restart", "seconds between two on one connection", least = 1,
    most = 600 },
  { "listen.max_body", "integer", 262144, "restart", "bytes of one callback", least = 1024,
    most = 16777216 },

  { "crm.url", "origin", nil, "restart", "address of the organisation", needed = true },
  { "crm.audience", "string", nil, "restart", "what a token is asked for; default: from the url" },
  { "crm.token_url", "url", nil, "restart", "the tenant's token address", needed = true },
  { "crm.client_id", "string", nil, "restart", "the application", needed = true },
  { "crm.secret", "ref", nil, "restart", "the application's secret; if it is { sealed = true }, " ..
    "`cosell connect crm` asks for it", sealed = true },
  { "crm.certificate.key", "ref", nil, "restart", "private key, instead of a secret" },
  { "crm.certificate.cert", "ref", nil, "restart", "its certificate" },
  { "crm.certificate.algorithm", "enum", "PS256", "restart", "how it signs",
    values = { "PS256", "RS256" } },
  { "crm.in_flight", "integer", 8, "restart", "requests at once", least = 1, most = 52 },
  { "crm.budget", "integer", 0, "restart", "requests in budget_s; 0: no limit", least = 0,
    most = 1000000 },
  { "crm.budget_s", "integer", 300, "restart", "seconds of the budget", least = 1, most = 86400 },

  { "partner_center.url", "origin", "https://api.partner.microsoft.com", "restart",
    "address of the Referrals API" },
  { "partner_center.webhook_url", "origin", "https://api.partnercenter.microsoft.com", "restart",
    "address of the webhook API" },
  { "partner_center.audience", "string", nil, "restart", "token audience; default: from the url" },
  { "partner_center.webhook_audience", "string", nil, "restart",
    "token audience; default: from webhook_url" },
  { "partner_center.token_url", "url", nil, "restart", "the tenant's token address",
    needed = true },
  { "partner_center.client_id", "string", nil, "restart", "the application", needed = true },
  { "partner_center.secret", "ref", nil, "restart", "the application's secret; if it is " ..
    "{ sealed = true }, `cosell connect partner-center` asks for it", sealed = true },
  { "partner_center.public", "boolean", false, "restart",
    "the application is a public client: it has neither secret nor certificate" },
  { "partner_center.redirect", "loopback", "http://localhost", "restart",
    "where the sign-in page sends a browser back to, as the application's registration has it" },
  { "partner_center.certificate.key", "ref", nil, "restart", "private key, instead of a secret" },
  { "partner_center.certificate.cert", "ref", nil, "restart", "its certificate" },
  { "partner_center.certificate.algorithm", "enum", "PS256", "restart", "how it signs",
    values = { "PS256", "RS256" } },
  { "partner_center.refresh_token", "ref", nil, "restart", "the signed-in user's first token; " ..
    "without it `cosell connect partner-center` signs in", sealed = true },
  { "partner_center.portal_url", "url", PORTAL, "reload",
    "address in front of a referral's id, for people" },
  { "partner_center.in_flight", "integer", 4, "restart", "requests at once", least = 1, most = 52 },
  { "partner_center.budget", "integer", 0, "restart", "requests in budget_s; 0: no limit",
    least = 0, most = 1000000 },
  { "partner_center.budget_s", "integer", 60, "restart", "seconds of the budget", least = 1,
    most = 86400 },

  { "callbacks.certificate_hosts", "hosts", { CA_HOST }, "restart",
    "hosts from which a callback's certificate may come" },
  { "callbacks.roots", "ref", nil, "restart", "roots that certificate must lead to" },
  { "callbacks.organization", "string", "Microsoft Corporation", "restart", "its issuer" },
  { "callbacks.practice_origin", "origin", nil, "restart",
    "where the practice environment's certificates are; stage \"sandbox\" alone" },
  { "callbacks.max_waiting", "integer", 64, "restart",
    "callbacks that wait for a certificate; more get 503", least = 1, most = 4096 },
  { "callbacks.fetches_at_once", "integer", 4, "restart", "certificates fetched at once",
    least = 1, most = 32 },
  { "callbacks.fetches_per_minute", "integer", 30, "restart", "certificates fetched in a minute",
    least = 1, most = 10000 },
  { "callbacks.fetch_s", "integer", 5, "restart", "seconds for a certificate", least = 1,
    most = 60 },
  { "callbacks.max_certificate", "integer", 65536, "restart", "bytes of a certificate",
    least = 1024, most = 1048576 },

  { "webhook.on", "boolean", true, "restart", "callbacks are taken; `webhook = false` is short " ..
    "for false: changes come by polls alone" },
  { "webhook.forward", "receiver", nil, "restart", "where callbacks go on to, as they came: the " ..
    "address that was registered before this host" },
  { "webhook.forward_most", "integer", 10000, "restart",
    "callbacks that may wait for that address; above it they are not passed on", least = 1,
    most = 1000000 },
  { "webhook.forward_hours", "integer", 72, "reload",
    "hours after which one that it does not take is given up", least = 1, most = 720 },

  { "limits.mapping_deadline_ms", "integer", 1000, "reload", "milliseconds for one question",
    least = 10, most = 60000 },
  { "limits.mapping_memory_mb", "integer", 64, "reload", "memory of the mapping process",
    least = 8, most = 1024 },
  { "limits.jobs_at_once", "integer", 64, "reload", "jobs at once", least = 1, most = 1024 },

  { "columns", "names", nil, "reload", "logical names that differ from the shipped ones" },
}

-- In the order in which they may be switched on; each refuses to run without what it needs.
M.flows = {
  { "webhook_registration" },
  { "details" },
  { "create_referral", needs = { "details" } },
  { "helper", needs = { "details" } },
  { "microsoft_updates", needs = { "helper" } },
  { "partner_center_to_dynamics", needs = { "helper" } },
  { "dynamics_to_partner_center", needs = { "create_referral" } },
  { "dynamics_opportunity", needs = { "dynamics_to_partner_center" } },
  { "dynamics_solutions", needs = { "dynamics_to_partner_center" } },
}

for _, flow in ipairs(M.flows) do
  M.rows[#M.rows + 1] = { "flows." .. flow[1], "boolean", true, "reload", "this flow is on" }
end
for _, s in ipairs(settings.rows) do
  M.rows[#M.rows + 1] = { "settings." .. s.name, s.type, s.default, "reload", s.text,
    values = s.values, least = s.least, most = s.most }
end

local RESTART = { "state", "key_file", "listen", "grants", "remotes", "callbacks", "forward" }

local row_of, children = {}, { [""] = {} }

local function add_child(prefix, name)
  local known = children[prefix] or {}
  children[prefix] = known
  for _, other in ipairs(known) do
    if other == name then return end
  end
  known[#known + 1] = name
end

for _, row in ipairs(M.rows) do
  row_of[row[1]] = row
  local prefix = ""
  for name in row[1]:gmatch("[^.]+") do
    add_child(prefix, name)
    prefix = prefix == "" and name or prefix .. "." .. name
  end
end

-- ---- the whole ----

local function without_slash(url)
  return (url:gsub("/+$", ""))
end

local function plain(url)
  return url:sub(1, 5) == "http:"
end

-- What is said of an unknown key; the key it was meant to be goes to `meant`.
local function unknown_text(prefix, name, meant)
  local near = text.nearest(name, children[prefix])
  if near then
    meant[prefix == "" and near or prefix .. "." .. near] = true
    return ("unknown key; did you mean `%s`?"):format(near)
  end
  for _, row in ipairs(M.rows) do
    if row[1]:match("([^.]+)$") == name then
      return ("unknown key here; did you mean `%s`?"):format(row[1])
    end
  end
  return "unknown key"
end

-- Walks what was given: values by path into `values`, what is wrong to `report`.
local function walk(given, prefix, values, meant, report)
  for _, key in ipairs(text.keys(given)) do
    local value = given[key]
    local path = prefix == "" and key or prefix .. "." .. key
    local row = row_of[path]
    if row and value ~= json.null then
      local bad = checks[row[2]](value, row)
      if bad then report(path, bad) else values[path] = value end
    elseif not row and not children[path] then
      report(path, unknown_text(prefix, key, meant))
    elseif type(value) == "table" then
      walk(value, path, values, meant, report)
    elseif value ~= json.null then
      report(path, "is a table")
    end
  end
  for key in pairs(given) do
    if type(key) ~= "string" then
      report(prefix, ("holds a value without a name (number %s)"):format(tostring(key)))
    end
  end
end

local function given_at(profile, path)
  local at = profile
  for name in path:gmatch("[^.]+") do
    if type(at) ~= "table" then return nil end
    at = at[name]
  end
  return at
end

-- One mistake is told once: a mistyped key is not missing as well.
local function check_needed(profile, meant, report)
  for _, row in ipairs(M.rows) do
    local there = given_at(profile, row[1])
    if row.needed and not meant[row[1]] and (there == nil or there == json.null) then
      report(row[1], "is missing: " .. row[5])
    end
  end
end

local function check_secret(profile, values, name, report)
  local public = values[name .. ".public"] == true
  local key, cert = values[name .. ".certificate.key"], values[name .. ".certificate.cert"]
  local asked = given_at(profile, name .. ".certificate") ~= nil
  local secret = given_at(profile, name .. ".secret") ~= nil
  if public and (asked or secret) then
    report(name .. ".public", "a public client has neither `secret` nor `certificate`")
  elseif asked and secret then
    report(name .. ".secret", "stands beside `certificate`; one of them signs in, not both")
  elseif asked and not (key and cert) then
    report(name .. ".certificate", "needs `key` and `cert`")
  elseif not asked and not secret and not public then
    report(name .. ".secret", "is missing; the application signs in with it or a `certificate`")
  end
end

local function check_flows(values, report)
  for _, flow in ipairs(M.flows) do
    for _, needed in ipairs(flow.needs or {}) do
      if values["flows." .. flow[1]] ~= false and values["flows." .. needed] == false then
        report("flows." .. flow[1], ("cannot run without `%s`, which is off"):format(needed))
      end
    end
  end
end

-- Partner Center calls nobody by plain http, and what goes on to ourselves never ends.
local function check_webhook(profile, values, report)
  local public, forward = values["listen.public_url"], values["webhook.forward"]
  if public and plain(public) and values.stage ~= "sandbox" and profile.practice ~= true then
    report("listen.public_url", "must begin with https:// (plain http is for stage \"sandbox\")")
  end
  local own = public and without_slash(public) .. "/callback/"
  if own and type(forward) == "string" and forward:sub(1, #own) == own then
    report("webhook.forward", "is this host itself; it is the address that was registered before")
  end
end

local function check_together(profile, values, report)
  for _, name in ipairs { "crm", "partner_center" } do
    check_secret(profile, values, name, report)
  end
  check_flows(values, report)
  check_webhook(profile, values, report)
  if values["callbacks.practice_origin"] and values.stage ~= "sandbox" then
    report("callbacks.practice_origin", "is for stage \"sandbox\" alone")
  end
  local origin = values["callbacks.practice_origin"]
  if origin and not origin:match("^http://127%.0%.0%.1:%d+/?$") then
    report("callbacks.practice_origin", "is http://127.0.0.1:PORT and nothing else")
  end
  local no_listener = values.stage == "staging" or values["webhook.on"] == false -- polls alone
  if given_at(profile, "listen.path_secret") == nil and not no_listener then
    report("listen.path_secret", "is missing: " .. row_of["listen.path_secret"][5])
  end
end

-- The nearest line there is: of the key, else of the table it is missing in.
local function line_of(lines, path)
  while path ~= "" do
    if lines[path] then return lines[path] end
    path = path:match("^(.*)%.[^.]*$") or ""
  end
  return nil
end

-- ---- the configuration ----

local function absolute(where, path)
  if path:sub(1, 1) == "/" then return path end
  return (where.dir:gsub("/+$", "")) .. "/" .. path
end

local function reference(where, ref)
  if ref and ref.file then return { file = absolute(where, ref.file) } end
  return ref
end

local function form_of(token_url)
  return token_url:find("/v2.0/", 1, true) and "v2" or "v1"
end

local function audience(asked, url, form)
  if asked then return asked end
  return form == "v2" and without_slash(url) .. "/.default" or without_slash(url)
end

-- name: of the keys; as: the grant's own name, for one whose sign-in does until it has its own
local function grant(where, v, name, kind, as)
  local certificate
  if v(name .. ".certificate.key") then
    certificate = {
      key = reference(where, v(name .. ".certificate.key")),
      cert = reference(where, v(name .. ".certificate.cert")),
      algorithm = v(name .. ".certificate.algorithm"),
    }
  end
  return {
    name = as or name, ["until"] = as and name or nil, grant = kind,
    form = form_of(v(name .. ".token_url")),
    token_url = v(name .. ".token_url"), client_id = v(name .. ".client_id"),
    secret = reference(where, v(name .. ".secret")), certificate = certificate,
    refresh_token = kind == "refresh_token" and not as
      and reference(where, v(name .. ".refresh_token")) or nil,
    plain_ok = plain(v(name .. ".token_url")),
  }
end

local function remote(v, name, of, url_key, path, audience_key, grant_name)
  local url = v(of .. "." .. url_key)
  return {
    name = name, base = without_slash(url) .. path, grant = grant_name or of,
    audience = audience(v(of .. "." .. audience_key), url, form_of(v(of .. ".token_url"))),
    in_flight = v(of .. ".in_flight"), budget = v(of .. ".budget"), budget_s = v(of .. ".budget_s"),
    plain_ok = plain(url),
  }
end

local function group(v, prefix)
  local out = {}
  for _, name in ipairs(children[prefix]) do out[name] = v(prefix .. "." .. name) end
  return out
end

local function per_address(v)
  local given = v "listen.max_per_address"
  local address = v "listen.address"
  return given or (address == "::1" or checks.is_loopback(address)) and 0 or PER_ADDRESS
end

local function listen_of(where, v)
  return {
    address = v "listen.address", port = v "listen.port",
    path_secret = v "webhook.on" and reference(where, v "listen.path_secret") or nil,
    max_connections = v "listen.max_connections", max_per_address = per_address(v),
    deadline_ms = v "listen.deadline_s" * 1000, idle_ms = v "listen.idle_s" * 1000,
    max_body = v "listen.max_body",
  }
end

local function callbacks_of(where, v)
  local origin = v "callbacks.practice_origin"
  return {
    hosts = json.array(v "callbacks.certificate_hosts"),
    practice_origin = origin and without_slash(origin),
    roots = reference(where, v "callbacks.roots"),
    organization = v "callbacks.organization",
    max_waiting = v "callbacks.max_waiting", max_fetching = v "callbacks.fetches_at_once",
    max_fetches = v "callbacks.fetches_per_minute", fetch_ms = v "callbacks.fetch_s" * 1000,
    max_certificate = v "callbacks.max_certificate",
    job_kind = "event",
  }
end

-- What a person has to know to sign in: no secret.
local function sign_in_of(v, name)
  local url = v(name .. ".token_url")
  return { token_url = url, form = form_of(url), client_id = v(name .. ".client_id"),
    way = v(name .. ".certificate.key") and "certificate" or v(name .. ".secret") and "secret"
      or "public" }
end

local function sign_ins(v)
  local crm, person = sign_in_of(v, "crm"), sign_in_of(v, "partner_center")
  person.redirect = v "partner_center.redirect"
  person.audience = audience(v "partner_center.audience", v "partner_center.url", person.form)
  person.webhook_audience = audience(v "partner_center.webhook_audience",
    v "partner_center.webhook_url", person.form)
  return { crm = crm, partner_center = person }
end

-- Where callbacks go on to; an address may be a secret, and then it is a reference.
local function forward_of(where, v)
  local to = v "webhook.on" and v "webhook.forward"
  if not to then return nil end
  local address = type(to) == "string" and to or nil
  return { address = address, ref = not address and reference(where, to) or nil,
    job_kind = "forward", most = v "webhook.forward_most" }
end

local function seen_by_scripts(where, v, current)
  local public = v "listen.public_url"
  return {
    sign_in = sign_ins(v),
    stage = v "stage", flows = group(v, "flows"), settings = current, columns = v "columns" or {},
    portal_url = v "partner_center.portal_url",
    public_url = public and without_slash(public),
    webhook = { on = v "webhook.on", forward_hours = v "webhook.forward_hours" },
    crm_url = without_slash(v "crm.url"), dir = where.dir,
  }
end

local function configuration(where, v, values)
  local state = absolute(where, v "state")
  local given = {}
  for _, s in ipairs(settings.rows) do given[s.name] = values["settings." .. s.name] end
  local current = settings.effective(given, v "stage")
  return {
    state = state,
    key_file = v "key_file" and absolute(where, v "key_file") or state .. ".key",
    listen = listen_of(where, v),
    grants = json.array {
      grant(where, v, "crm", "client_credentials"),
      grant(where, v, "partner_center", "refresh_token"),
      grant(where, v, "partner_center", "refresh_token", "webhooks"),
    },
    remotes = json.array {
      remote(v, "crm", "crm", "url", "/api/data/v9.2/", "audience"),
      remote(v, "partner_center", "partner_center", "url", "/v1.0/", "audience"),
      remote(v, "webhooks", "partner_center", "webhook_url", "/webhooks/v1/", "webhook_audience",
        "webhooks"),
    },
    callbacks = callbacks_of(where, v), forward = forward_of(where, v),
    limits = {
      mapping_deadline_ms = v "limits.mapping_deadline_ms",
      mapping_memory = v "limits.mapping_memory_mb" << 20,
      jobs_at_once = v "limits.jobs_at_once",
    },
    settings = current,
    restart = json.array(RESTART),
    profile = seen_by_scripts(where, v, current),
  }
end

-- `webhook = false` says it all.
local function unfolded(profile)
  if type(profile.webhook) ~= "boolean" then return profile end
  local out = {}
  for key, value in pairs(profile) do out[key] = value end
  out.webhook = { on = profile.webhook }
  return out
end

--- Checks a profile and turns it into what the host reads.
---@param profile any  what profile.lua returned
---@param where { dir: string, file: string, text: string }  absolute folder; file as shown
---@return { config: table|nil, problems: table[] }  config only without problems
function M.normalise(profile, where)
  local lines, problems, values = lines_of(where.text or ""), {}, {}
  local function report(path, said)
    problems[#problems + 1] =
      { file = where.file, line = line_of(lines, path), key = path, text = said }
  end
  if type(profile) ~= "table" then
    report("", "does not return a table")
    return { problems = json.array(problems) }
  end
  profile = unfolded(practice.below(profile))
  local meant = {}
  walk(profile, "", values, meant, report)
  check_needed(profile, meant, report)
  check_together(profile, values, report)
  table.sort(problems, function(a, b)
    if (a.line or 0) ~= (b.line or 0) then return (a.line or 0) < (b.line or 0) end
    return a.key < b.key
  end)
  if #problems > 0 then return { problems = json.array(problems) } end
  local function v(path)
    if values[path] ~= nil then return values[path] end
    return row_of[path][3]
  end
  return { config = configuration(where, v, values), problems = json.array {} }
end

return M

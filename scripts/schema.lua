--- What a profile may say, key by key, and what the program makes of it.
-- Owns the checks of the whole, and the configuration that the host reads; schema_keys.lua has the
-- keys.  It must never open a file nor resolve a secret: a reference stays a reference.

local checks = require "schema_checks"
local lines_of = require("schema_lines").of
local keys = require "schema_keys"
local notices = require "notices"
local places = require "schema_places"
local practice = require "practice"
local settings = require "settings"
local shared = require "shared"
local text = require "text"

local M = { rows = keys.rows, flows = keys.flows }

-- Of one address, where no proxy is in front.
local PER_ADDRESS = 32

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

local given_at = shared.at

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

local function all_given(profile, paths)
  for _, path in ipairs(paths) do
    if given_at(profile, path) == nil then return false end
  end
  return true
end

local function check_listen(profile, values, report)
  local tls = given_at(profile, "listen.tls") ~= nil
  if tls and not all_given(profile, { "listen.tls.cert", "listen.tls.key" }) then
    report("listen.tls", "needs `cert` and `key`")
  end
  if values["crm.push"] and values["webhook.on"] == false then
    report("crm.push", "needs the listener, which `webhook = false` leaves out")
  elseif values["crm.push"] and not all_given(profile, { "listen.path_secret", "listen.push_secret",
    "listen.public_url" }) then
    report("crm.push", "needs `path_secret`, `push_secret` and `public_url` in `listen`")
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
  check_listen(profile, values, report)
  check_webhook(profile, values, report)
  notices.check(function(path)
    local value = given_at(profile, path)
    return value ~= json.null and value or nil
  end, report)
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
    tls = v "listen.tls.cert" and { cert = reference(where, v "listen.tls.cert"),
      key = reference(where, v "listen.tls.key") } or nil,
    address = v "listen.address", port = v "listen.port",
    path_secret = v "webhook.on" and reference(where, v "listen.path_secret") or nil,
    push_secret = reference(where, v "listen.push_secret"),
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

-- What is kept of a web hook's body: whether it concerns us, and which table to look at.
local HINTS = { job_kind = "hint",
  keep = json.array { "OrganizationId", "InitiatingUserId", "PrimaryEntityName" } }

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
    push = v "crm.push", tls = v "listen.tls.cert" ~= nil,
    sign_in = sign_ins(v),
    files = places.files(v, function(path) return absolute(where, path) end),
    addresses = places.addresses(v), partner_id = v "partner_center.partner_id",
    clients = { crm = v "crm.client_id", partner_center = v "partner_center.client_id" },
    stage = v "stage", flows = group(v, "flows"), settings = current, columns = v "columns" or {},
    portal_url = v "partner_center.portal_url",
    public_url = public and without_slash(public),
    webhook = { on = v "webhook.on", forward_hours = v "webhook.forward_hours" },
    crm_url = without_slash(v "crm.url"), dir = where.dir, on_event = notices.seen(v),
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
      remote(v, "webhooks", "partner_center", "webhook_url", "/", "webhook_audience", "webhooks"),
      notices.remote(v, function(ref) return reference(where, ref) end),
    },
    callbacks = callbacks_of(where, v), forward = forward_of(where, v), hints = HINTS,
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
---@param where { dir: string, file: string, text: string }  absolute folder; file as shown; of
---settings.lua, if there is one, shared_file and shared_text
---@param common any  what settings.lua returned, or why it could not; nil: there is none
---@return { config: table|nil, problems: table[], mapping: table|nil }  config: without problems
function M.normalise(profile, where, common)
  local lines, problems, values = lines_of(where.text or ""), {}, {}
  local function report(path, said)
    problems[#problems + 1] =
      { file = where.file, line = line_of(lines, path), key = path, text = said }
  end
  local given, mapping = profile, shared.folder(profile, where)
  profile = shared.below(profile, common, report)
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
  shared.place(problems, given, common, where, line_of)
  if #problems > 0 then return { problems = json.array(problems), mapping = mapping } end
  local function v(path)
    if values[path] ~= nil then return values[path] end
    return row_of[path][3]
  end
  local config = configuration(where, v, values)
  config.profile.mapping = mapping and mapping.dir or where.dir
  config.profile.mapping_shown = mapping and mapping.shown or shared.shown(where)
  return { config = config, problems = json.array {}, mapping = mapping }
end

return M

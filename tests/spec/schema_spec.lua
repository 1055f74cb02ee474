-- Profiles, right and wrong: what is said, where, and what the host gets of it.
local checks = require "schema_checks"
local lines = require "schema_lines"
local schema = require "schema"
local text = require "text"

local WHERE = { dir = "/etc/cosell/north", file = "north/profile.lua", text = "" }

local function profile(change)
  local p = {
    listen = { path_secret = { env = "PATH_SECRET" }, public_url = "https://hooks.north.example" },
    crm = {
      url = "https://north.crm4.dynamics.com/", client_id = "app-one",
      secret = { file = "crm.secret" },
      token_url = "https://login.north.example/tenant/oauth2/v2.0/token",
    },
    partner_center = {
      token_url = "https://login.north.example/tenant/oauth2/token", client_id = "app-two",
      secret = { credential = "partner" }, refresh_token = { file = "/run/refresh" },
    },
  }
  if change then change(p) end
  return p
end

local function normalise(change, source)
  local where = { dir = WHERE.dir, file = WHERE.file, text = source or "" }
  return schema.normalise(profile(change), where)
end

local function only_problem(t, change, source)
  local got = normalise(change, source)
  t.eq(#got.problems, 1, json.encode(got.problems))
  t.eq(got.config, nil)
  return got.problems[1] or {}
end

local function defaults(t)
  local got = normalise()
  t.eq(#got.problems, 0, json.encode(got.problems))
  local c = got.config
  t.eq(c.state, "/etc/cosell/north/cosell.db")
  t.eq(c.key_file, "/etc/cosell/north/cosell.db.key")
  t.eq(c.listen.deadline_ms, 10000)
  t.eq(c.limits.mapping_memory, 64 * 1024 * 1024)
  t.eq(c.profile.settings.settle, 60)
  t.eq(c.settings.inbound, "all")
  t.eq(c.profile.flows.helper, true)
  t.eq(c.profile.crm_url, "https://north.crm4.dynamics.com")
  t.eq(c.callbacks.job_kind, "event")
  t.eq(c.callbacks.practice_origin, nil)
end

local function remotes(t)
  local c = normalise().config
  t.eq(c.remotes[1].name, "crm")
  t.eq(c.remotes[1].base, "https://north.crm4.dynamics.com/api/data/v9.2/")
  t.eq(c.remotes[1].audience, "https://north.crm4.dynamics.com/.default")
  t.eq(c.remotes[2].base, "https://api.partner.microsoft.com/v1.0/")
  t.eq(c.remotes[2].audience, "https://api.partner.microsoft.com")
  t.eq(c.remotes[3].name, "webhooks")
  t.eq(c.remotes[3].base, "https://api.partnercenter.microsoft.com/")
  t.eq({ c.remotes[2].grant, c.remotes[3].grant }, { "partner_center", "webhooks" })
  t.eq(c.remotes[3].plain_ok, false)
end

local function grants(t)
  local crm, partner = table.unpack(normalise().config.grants)
  t.eq(crm.grant .. " " .. crm.form, "client_credentials v2")
  t.eq(crm.secret.file, "/etc/cosell/north/crm.secret")
  t.eq(crm.refresh_token, nil)
  t.eq(partner.grant .. " " .. partner.form, "refresh_token v1")
  t.eq(partner.refresh_token.file, "/run/refresh")
  t.eq(partner.secret.credential, "partner")
  local webhooks = normalise().config.grants[3]
  t.eq({ webhooks.name, webhooks["until"], webhooks.client_id, webhooks.secret.credential },
    { "webhooks", "partner_center", "app-two", "partner" }, "the same application")
  t.eq(webhooks.refresh_token, nil, "and a sign-in of its own")
end

-- What a person enters stands nowhere, and what he needs for it is told to scripts.
local function sealed(t)
  local c = normalise(function(p)
    p.crm.secret, p.partner_center.secret = { sealed = true }, { sealed = true }
    p.partner_center.refresh_token = nil
    p.partner_center.redirect = "http://127.0.0.1:8400/back"
  end).config
  t.eq({ c.grants[1].secret.sealed, c.grants[2].secret.sealed, c.grants[3].secret.sealed },
    { true, true, true })
  t.eq(c.grants[2].refresh_token, nil)
  local said = c.profile.sign_in
  t.eq({ said.crm.way, said.crm.client_id, said.partner_center.redirect },
    { "secret", "app-one", "http://127.0.0.1:8400/back" })
  t.eq({ said.partner_center.audience, said.partner_center.webhook_audience },
    { "https://api.partner.microsoft.com", "https://api.partnercenter.microsoft.com" })
  c = normalise(function(p)
    p.partner_center.secret, p.partner_center.public = nil, true
  end).config
  t.eq({ c.grants[2].secret, c.profile.sign_in.partner_center.way,
    c.profile.sign_in.partner_center.redirect }, { nil, "public", "http://localhost" })
end

-- What a profile says of its caps is what the host gets.
local function caps(t)
  local c = normalise(function(p)
    p.listen.max_connections, p.listen.max_per_address, p.listen.max_body = 10, 3, 2048
    p.listen.deadline_s, p.listen.idle_s = 7, 2
    p.callbacks = { max_waiting = 9, fetches_at_once = 2, fetches_per_minute = 12, fetch_s = 3,
      max_certificate = 4096 }
  end).config
  local l, v = c.listen, c.callbacks
  t.eq({ l.max_connections, l.max_per_address, l.max_body, l.deadline_ms, l.idle_ms },
    { 10, 3, 2048, 7000, 2000 })
  t.eq({ v.max_waiting, v.max_fetching, v.max_fetches, v.fetch_ms, v.max_certificate },
    { 9, 2, 12, 3000, 4096 })
  l, v = normalise().config.listen, normalise().config.callbacks
  t.eq({ l.max_connections, l.max_body, l.deadline_ms, l.idle_ms }, { 256, 262144, 10000, 5000 })
  t.eq({ v.max_waiting, v.max_fetching, v.max_fetches, v.fetch_ms, v.max_certificate },
    { 64, 4, 30, 5000, 65536 })
end

-- Each file with a secret in it is one whose mode is looked at; a certificate is not.
local function secret_files(t)
  local c = normalise(function(p)
    p.listen.tls = { cert = { file = "fullchain.pem" }, key = { file = "privkey.pem" } }
    p.listen.push_secret = { file = "push" }
    p.webhook = { forward = { file = "billing.url" } }
  end).config
  local found = {}
  for _, file in ipairs(c.profile.files) do
    found[file.key] = file.path:match "[^/]+$"
  end
  t.eq({ found["listen.tls.key"], found["listen.tls.cert"], found["listen.push_secret"],
    found["webhook.forward"] }, { "privkey.pem", nil, "push", "billing.url" })
end

-- TLS by the host itself, and a second route for hints: references stay references.
local function listener(t)
  local c = normalise().config
  t.eq({ c.listen.tls, c.listen.push_secret, c.profile.push }, { nil, nil, false })
  c = normalise(function(p)
    p.listen.tls = { cert = { file = "fullchain.pem" }, key = { credential = "tls-key" } }
    p.crm.push, p.listen.push_secret = true, { env = "PUSH" }
  end).config
  t.eq(c.listen.tls, { cert = { file = "/etc/cosell/north/fullchain.pem" },
    key = { credential = "tls-key" } })
  t.eq({ c.profile.push, c.listen.push_secret }, { true, { env = "PUSH" } })
  t.eq(c.hints.job_kind, "hint")
  for _, name in ipairs(c.hints.keep) do
    t.ok(name ~= "InputParameters" and name ~= "PrimaryEntityId", "nothing of a deal is kept")
  end
end

-- Behind a proxy on this machine all callers have one address.
local function per_address(t)
  for address, most in pairs { ["127.0.0.1"] = 0, ["[::1]"] = 0, ["localhost"] = 0, ["::1"] = 0,
    ["0.0.0.0"] = 32, ["::"] = 32, ["192.0.2.7"] = 32 } do
    local c = normalise(function(p) p.listen.address = address end).config
    t.eq(c.listen.max_per_address, most, address)
  end
  local c = normalise(function(p) p.listen.max_per_address = 5 end).config
  t.eq(c.listen.max_per_address, 5, "as the profile says")
end

local function certificate(t)
  local got = normalise(function(p)
    p.crm.secret = nil
    p.crm.certificate = { key = { file = "crm.key" }, cert = { file = "crm.pem" } }
  end)
  t.eq(#got.problems, 0, json.encode(got.problems))
  t.eq(got.config.grants[1].certificate.key.file, "/etc/cosell/north/crm.key")
  t.eq(got.config.grants[1].certificate.algorithm, "PS256")
  t.eq(only_problem(t, function(p)
    p.crm.certificate = { key = { file = "k" }, cert = { file = "c" } }
  end).key, "crm.secret")
  t.eq(only_problem(t, function(p) p.crm.secret = nil end).key, "crm.secret")
  t.eq(only_problem(t, function(p)
    p.crm.secret, p.crm.certificate = nil, { key = { file = "k" } }
  end).key, "crm.certificate")
end

local UNKNOWN = [[
return {
  crm = { -- the organisation: ulr = "no"
    ["ulr"] = "https://north.crm4.dynamics.com",
  },
}]]

local function unknown_key(t)
  local p = only_problem(t, function(p) p.crm.ulr = "x" end, UNKNOWN)
  t.eq(p.key, "crm.ulr")
  t.eq(p.line, 3)
  t.eq(p.file, "north/profile.lua")
  t.ok(p.text:find("did you mean `url`?", 1, true), p.text)
  p = only_problem(t, function(p2) p2.portal_url = "https://x.example/" end)
  t.ok(p.text:find("partner_center.portal_url", 1, true), p.text)
  t.eq(p.line, nil)
  p = only_problem(t, function(p3) p3.settings = { setle = 1 } end)
  t.ok(p.text:find("`settle`", 1, true), p.text)
end

local function missing_key(t)
  local source = "return {\n\n  crm = { url = 'x' },\n}"
  local p = only_problem(t, function(p) p.crm.client_id = nil end, source)
  t.eq(p.key, "crm.client_id")
  t.eq(p.line, 3) -- of the table in which it is missing
  t.ok(p.text:find("missing", 1, true), p.text)
end

local WRONG = {
  { "crm.url", function(p) p.crm.url = "http://north.example" end, "https://" },
  { "crm.url", function(p) p.crm.url = "https://north.example/path" end, "without a path" },
  { "crm.url", function(p) p.crm.url = "https://u@north.example" end, "an address" },
  { "crm.token_url", function(p) p.crm.token_url = "https://login.example/\x7f" end, "an address" },
  { "crm.secret", function(p) p.crm.secret = "hunter2" end, "must not hold the secret" },
  { "crm.secret", function(p) p.crm.secret = { env = "A", file = "b" } end, "a reference" },
  { "crm.secret", function(p) p.crm.secret = { sealed = "yes" } end, "{ sealed = true }" },
  { "crm.secret", function(p) p.crm.secret = { sealed = true, env = "A" } end, "a reference" },
  { "callbacks.roots", function(p) p.callbacks = { roots = { sealed = true } } end, "a reference" },
  { "partner_center.public", function(p) p.partner_center.public = true end, "neither" },
  { "partner_center.redirect", function(p)
    p.partner_center.redirect = "https://hooks.north.example/back"
  end, "http://localhost:8400" },
  { "partner_center.redirect", function(p)
    p.partner_center.redirect = "http://localhost:84000"
  end, "http://localhost:8400" },
  { "crm.in_flight", function(p) p.crm.in_flight = 0 end, "at least 1" },
  { "crm.in_flight", function(p) p.crm.in_flight = 2.5 end, "a whole number" },
  { "crm.budget", function(p) p.crm.budget = 1 << 32 end, "at most 1000000" },
  { "crm.budget_s", function(p) p.crm.budget_s = 1 << 32 end, "at most 86400" },
  { "listen.port", function(p) p.listen.port = "8080" end, "a whole number" },
  { "stage", function(p) p.stage = "stagin" end, 'did you mean "staging"?' },
  { "flows.details", function(p) p.flows = { details = "yes" } end, "true or false" },
  { "flows", function(p) p.flows = "all" end, "is a table" },
  { "settings.inbound", function(p) p.settings = { inbound = "some" } end, "one of" },
  { "callbacks.certificate_hosts", function(p) p.callbacks = { certificate_hosts = "h" } end,
    "list of texts" },
  { "columns", function(p) p.columns = { opportunity = { value = 1 } } end, "holds names" },
  { "callbacks.certificate_hosts", function(p)
    p.callbacks = { certificate_hosts = { "certs.example", "https://certs.example" } }
  end, "no host name" },
  { "callbacks.certificate_hosts", function(p)
    p.callbacks = { certificate_hosts = { "Certs.example" } }
  end, "no host name" },
  { "callbacks.practice_origin", function(p)
    p.callbacks = { practice_origin = "http://127.0.0.1:8102" }
  end, "sandbox" },
  { "callbacks.practice_origin", function(p)
    p.stage, p.callbacks = "sandbox", { practice_origin = "http://localhost:8102" }
  end, "http://127.0.0.1:PORT" },
  { "callbacks.max_waiting", function(p) p.callbacks = { max_waiting = 0 } end, "at least 1" },
  { "flows.dynamics_opportunity", function(p)
    p.flows = { dynamics_to_partner_center = false, dynamics_solutions = false }
  end, "cannot run without `dynamics_to_partner_center`" },
  { "listen.path_secret", function(p) p.listen.path_secret = nil end, "missing" },
  { "listen.tls", function(p) p.listen.tls = { cert = { file = "a" } } end, "needs `cert` and" },
  { "listen.tls", function(p) p.listen.tls = {} end, "needs `cert` and `key`" },
  { "listen.tls.key", function(p)
    p.listen.tls = { cert = { file = "a.pem" }, key = "-----BEGIN PRIVATE KEY-----" }
  end, "must not hold the secret" },
  { "crm.push", function(p) p.crm.push = true end, "needs `path_secret`, `push_secret`" },
  { "crm.push", function(p)
    p.crm.push, p.listen.push_secret, p.listen.public_url = true, { env = "PUSH" }, nil
  end, "and `public_url` in `listen`" },
  { "listen.public_url", function(p) p.listen.public_url = "http://127.0.0.1:8100" end,
    "must begin with https:// (plain http is for stage \"sandbox\")" },
  { "listen.public_url", function(p) p.listen.public_url = "http://hooks.north.example" end,
    "must begin with https://" },
  { "webhook.forward", function(p) p.webhook = { forward = "http://billing.example/x" } end,
    "must begin with https://" },
  { "webhook.forward", function(p) p.webhook = { forward = "https://billing.example/x?code=1" } end,
    "has a query, which may be a secret: put the address into a file" },
  { "webhook.forward", function(p) p.webhook = { forward = 5 } end, "is an address in quotes" },
  { "webhook.forward", function(p)
    p.webhook = { forward = "https://hooks.north.example/callback/0123456789abcdef" }
  end, "is this host itself" },
  { "webhook.forward_most", function(p) p.webhook = { forward_most = 0 } end, "at least 1" },
  { "webhook.forwrad", function(p) p.webhook = { forwrad = "https://billing.example/x" } end,
    "did you mean `forward`?" },
  { "webhook", function(p) p.webhook = "no" end, "is a table" },
}

-- ---- webhook ----

local function polls_alone(t)
  local got = normalise(function(p) p.webhook, p.listen = false, nil end)
  t.eq(#got.problems, 0, json.encode(got.problems))
  t.eq({ got.config.listen.path_secret, got.config.forward, got.config.profile.webhook.on },
    { nil, nil, false })
  got = normalise(function(p)
    p.webhook = { on = false, forward = "https://billing.example/x" }
  end)
  t.eq({ got.config.listen.path_secret, got.config.forward }, {}, "nobody calls, nothing goes on")
  t.eq(normalise(function(p) p.webhook = true end).config.profile.webhook.on, true)
end

local function passing_on(t)
  local c = normalise(function(p) p.webhook = { forward = "https://billing.example/x" } end).config
  t.eq(c.forward, { address = "https://billing.example/x", job_kind = "forward", most = 10000 })
  t.eq(c.profile.forward, nil, "C resolves it")
  t.eq(c.profile.webhook.forward_hours, 72)
  c = normalise(function(p)
    p.listen.public_url = "https://hooks.north.example/in/"
    p.webhook = { forward = { file = "billing" }, forward_most = 5 }
  end).config
  t.eq(c.forward, { ref = { file = "/etc/cosell/north/billing" }, job_kind = "forward", most = 5 })
  t.eq(c.profile.public_url, "https://hooks.north.example/in", "a path is put behind it")
  t.eq(normalise().config.forward, nil)
end

local function wrong_values(t)
  for _, case in ipairs(WRONG) do
    local p = only_problem(t, case[2])
    t.eq(p.key, case[1])
    t.ok(p.text and p.text:find(case[3], 1, true), ("%s: %s"):format(case[1], p.text))
  end
end

-- One word stands for the practice environment; what is said besides goes before it.
local function practice(t)
  local got = schema.normalise({ practice = true, crm = { url = "http://127.0.0.1:9103" },
    settings = { settle = 5 } }, WHERE)
  t.eq(#got.problems, 0, json.encode(got.problems))
  local c = got.config
  t.eq({ c.profile.stage, c.remotes[1].base, c.remotes[2].base, c.listen.port },
    { "sandbox", "http://127.0.0.1:9103/api/data/v9.2/", "http://127.0.0.1:8102/v1.0/", 8100 })
  t.eq({ c.settings.settle, c.settings.look_wait, c.state },
    { 5, 0, "/etc/cosell/north/cosell.db" })
  t.eq(c.grants[1].secret.env, "COSELL_SANDBOX_CRM_SECRET", "no secret stands in it")
  local bad = schema.normalise({ practice = true, stage = "production" }, WHERE).problems
  t.eq({ #bad, bad[1].key }, { 1, "callbacks.practice_origin" }, "never for a real tenant")
  t.eq(schema.normalise({ practice = "yes" }, WHERE).problems[1].key, "crm.client_id",
    "only true is yes")
end

local function not_a_table(t)
  local got = schema.normalise("text", WHERE)
  t.eq(got.problems[1].text, "does not return a table")
end

local function staging(t)
  local got = normalise(function(p)
    p.stage = "staging"
    p.listen = nil
    p.settings = { settle = 5, time_zone = json.null }
  end)
  t.eq(#got.problems, 0, json.encode(got.problems))
  t.eq(got.config.settings.inbound, "linked")
  t.eq(got.config.settings.settle, 5)
  t.eq(got.config.settings.time_zone, "UTC")
  t.eq(got.config.listen.path_secret, nil)
end

local SOURCE = [==[
#!/usr/bin/env lua
local base = "crm = { url = 1 }" --[[ crm = {
  url = 1 } ]]
local other = { crm = { url = 3 } }
local profile = {
  listen = { port = 1, 'first', { deep = 2 } },
  hook = function(x)
    if x then url = 1 else for i = 1, 2 do y = i end end
    return { nope = 1 }
  end, stage = [[a
b = 2]],
  ["crm"] = {
    url = base .. ("x"):rep(2), token_url = other == 1 and "a" or "b",
  };
  last = true,
}
profile.partner_center = { url = "p",
  certificate = { key = { file = "k" } } }
profile.flows.details = false
return profile
]==]

local function key_lines(t)
  local got = lines.of(SOURCE)
  local want = {
    listen = 6, ["listen.port"] = 6, ["listen.2.deep"] = 6, hook = 7, stage = 10, crm = 12,
    ["crm.url"] = 13, ["crm.token_url"] = 13, last = 15, partner_center = 17,
    ["partner_center.url"] = 17, ["partner_center.certificate"] = 18,
    ["partner_center.certificate.key.file"] = 18, ["flows.details"] = 19,
  }
  for path, line in pairs(want) do t.eq(got[path], line, path) end
  for _, path in ipairs { "nope", "url", "y", "hook.nope", "b" } do t.eq(got[path], nil, path) end
end

local function broken_sources(t)
  for _, source in ipairs { "", "return", "return {", "return { a = ", "return { a = 'x", "--[[",
    "return { f = function(", "[==[", "x.", "return { [\"a\"] = { b" } do
    t.ok(type(lines.of(source)) == "table", source)
  end
end

local URLS = {
  ["https://a.example"] = true, ["https://a.example:8443/x/y"] = true, ["http://[::1]:80/"] = true,
  ["http://127.0.0.1:8103"] = true, ["http://localhost/x"] = true, ["http://10.0.0.1"] = false,
  ["https://"] = false, ["ftp://a.example"] = false, ["https://a.example?q"] = false,
  ["https://a b.example"] = false, ["http://127.0.0.1.evil.example"] = false, ["a.example"] = false,
}

local function urls(t)
  for url, fine in pairs(URLS) do t.eq(checks.url(url) == nil, fine, url) end
end

local function texts(t)
  t.eq(text.nearest("clientid", { "url", "client_id" }), "client_id")
  t.eq(text.nearest("zebra", { "url", "client_id" }), nil)
  local escaped = "A &amp; B &#39;x&#x27; &amp;lt; &no; &#xD800;"
  t.eq(text.unescape(escaped), "A & B 'x' &lt; &no; &#xD800;")
  t.eq(text.ms("2031-02-03T04:05:06.1234567+00:00"), text.ms("2031-02-03T04:05:06.123Z"))
  t.eq(text.ms("2031-02-03T13:05:06+09:00"), text.ms("2031-02-03T04:05:06Z"))
  t.eq(text.ms("2031-13-03"), nil)
  t.eq(text.ms("yesterday"), nil)
  t.eq(text.iso(text.ms("2024-02-29T23:59:59Z")), "2024-02-29T23:59:59Z")
  t.eq(text.date(-1), "1969-12-31")
  t.eq(text.bound("é\né é", 6), "é …")
  t.eq(text.bound("ééé", 5), "é…")
  t.eq(text.bound("short", 300), "short")
  t.eq(text.encode("a b/ü"), "a%20b%2F%C3%BC")
  t.ok(text.is_guid("7C1D9A0E-1111-4222-8333-444455556666"))
  t.ok(not text.is_guid("7c1d9a0e-1111-4222-8333-444455556666/../x"))
end

return function(t)
  t.case("normalise_minimal_defaults", function() defaults(t) end)
  t.case("normalise_remotes_bases_and_audiences", function() remotes(t) end)
  t.case("normalise_grants_references_absolute", function() grants(t) end)
  t.case("guard 1: caps are profile keys", function() caps(t) end)
  t.case("guard 2: the cap for one address is off where a proxy is the one caller", function()
    per_address(t)
  end)
  t.case("normalise_names_the_files_with_secrets", function() secret_files(t) end)
  t.case("normalise_tls_and_hints_of_the_listener", function() listener(t) end)
  t.case("normalise_certificate_instead_of_secret", function() certificate(t) end)
  t.case("normalise_unknown_key_names_the_nearest_and_its_line", function() unknown_key(t) end)
  t.case("normalise_sealed_secrets_and_what_a_person_needs", function() sealed(t) end)
  t.case("normalise_missing_key_has_the_line_of_its_table", function() missing_key(t) end)
  t.case("normalise_wrong_values_refused", function() wrong_values(t) end)
  t.case("normalise_no_table_refused", function() not_a_table(t) end)
  t.case("normalise_webhook_off_needs_no_listener", function() polls_alone(t) end)
  t.case("normalise_forward_is_an_address_or_a_reference", function() passing_on(t) end)
  t.case("normalise_staging_is_linked_and_needs_no_listener", function() staging(t) end)
  t.case("lines_strings_comments_functions_understood", function() key_lines(t) end)
  t.case("lines_broken_source_ends", function() broken_sources(t) end)
  t.case("normalise_practice_is_a_whole_profile", function() practice(t) end)
  t.case("checks_urls", function() urls(t) end)
  t.case("text_helpers", function() texts(t) end)
end

--- The keys of a profile, one row each, and the order of its flows: data for schema.lua, the manual
-- and editors' stubs.  Owns no check; it must never read a profile.

local notices = require "notices"
local settings = require "settings"

local M = {}

local CA_HOST = "3psostorageacct.blob.core.windows.net"
local PORTAL = "https://partner.microsoft.com/dashboard/referrals/"

-- path, type, default, "reload" or "restart", text; needed: it has to be there
M.rows = {
  { "stage", "enum", "production", "reload", "what this host is for",
    values = { "production", "staging", "sandbox" } },
  { "state", "path", "cosell.db", "restart", "the state file" },
  { "mapping", "path", nil, "reload", "the folder of settings.lua, details.lua, country.lua, " ..
    "deal_value.lua and fixtures; default: this one" },
  { "practice", "boolean", false, "restart", "the practice environment on this machine: " ..
    "addresses, names and short waits; what else the profile says goes before it" },
  { "key_file", "path", nil, "restart", "the key that seals tokens; default: <state>.key" },

  { "listen.address", "string", "127.0.0.1", "restart", "where callbacks are listened for" },
  { "listen.port", "integer", 8080, "restart", "the port", least = 0, most = 65535 },
  { "listen.path_secret", "ref", nil, "restart", "the secret part of the callback path" },
  { "listen.push_secret", "ref", nil, "restart", "the secret of the CRM's web hooks (crm.push)" },
  { "listen.public_url", "url", nil, "reload", "how Partner Center reaches this host" },
  { "listen.tls.cert", "ref", nil, "restart",
    "TLS by the host itself: its certificate, then its issuers'; renewed files are taken over" },
  { "listen.tls.key", "ref", nil, "restart", "the private key of that certificate" },
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
  { "crm.push", "boolean", false, "reload",
    "web hooks in the CRM, which tell of changes at once; the polls stay" },

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
  { "partner_center.partner_id", "string", nil, "reload",
    "the PartnerID that your co-sell solutions are published under, for `cosell doctor`" },
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

  { "on_event.webhook.url", "target", nil, "restart", "where notices are posted to: an https " ..
    "address, or a reference to one that is a secret" },
  { "on_event.webhook.token", "ref", nil, "restart", "sent with them as a bearer token" },
  { "on_event.mail.relay", "relay", nil, "restart", "notices by mail: the relay's address, " ..
    "smtps:// or smtp:// (with STARTTLS, but to this machine)" },
  { "on_event.mail.from", "address", nil, "restart", "who they are from" },
  { "on_event.mail.to", "addresses", nil, "restart", "who they are for: one address or a list" },
  { "on_event.mail.user", "string", nil, "restart", "who signs in at the relay" },
  { "on_event.mail.password", "ref", nil, "restart", "with which password" },
  { "on_event.events", "enums", notices.names, "reload", "the events that people are told of",
    values = notices.names },
  { "on_event.every_s", "integer", 300, "reload",
    "at most one notice in so many seconds; what comes meanwhile stands in the next", least = 1,
    most = 86400 },
  { "on_event.give_up_h", "integer", 24, "reload",
    "hours after which a notice that cannot be sent is given up", least = 1, most = 720 },

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

return M

-- The practice environment (`cosell sim`) as a profile: nothing here is secret or real, and no
-- mapping file stands beside it, so the shipped answers are used.  The addresses are those that the
-- practice environment takes unless told otherwise; what it makes up at its start, secrets and
-- roots, comes by environment.
return {
  stage = "sandbox",
  state = "../../build/sandbox.db",
  listen = { port = 8100, path_secret = { env = "COSELL_SANDBOX_PATH_SECRET" },
    public_url = "http://127.0.0.1:8100" },
  crm = {
    url = "http://127.0.0.1:8103",
    token_url = "http://127.0.0.1:8101/practice.example/oauth2/v2.0/token",
    client_id = "7d1b0c52-0002-4a11-9c01-000000000002",
    secret = { env = "COSELL_SANDBOX_CRM_SECRET" },
  },
  partner_center = {
    url = "http://127.0.0.1:8102",
    webhook_url = "http://127.0.0.1:8102",
    -- Both are served at one address; a token still is for one of them alone, as in production.
    audience = "https://api.partner.microsoft.com",
    webhook_audience = "https://api.partnercenter.microsoft.com",
    token_url = "http://127.0.0.1:8101/practice.example/oauth2/token",
    client_id = "7d1b0c52-0001-4a11-9c01-000000000001",
    secret = { env = "COSELL_SANDBOX_PARTNER_SECRET" },
    refresh_token = { env = "COSELL_SANDBOX_REFRESH_TOKEN" },
    portal_url = "http://127.0.0.1:8102/portal/referrals/",
  },
  callbacks = {
    certificate_hosts = { "127.0.0.1" },
    roots = { env = "COSELL_SANDBOX_ROOTS" },
    practice_origin = "http://127.0.0.1:8102",
  },
  settings = { settle = 0, look_wait = 0, delta_seconds = 1, poll_minutes = 1 },
}

-- Story 93, what connections rest on: certificates that are renewed in place, fit or do not fit;
-- tenants that are not known; ends that are warned of in time; an application of which two
-- connections share the secret; sign-ins before the host runs.
local kit = require "commands.kit"
local text_of = require "text"

local DAY_MS = 24 * 3600000
local WAIT_MS = 20000

local function run(s, words, lines)
  local argv = { "connect", table.unpack(words) }
  argv[#argv + 1] = "--profile"
  argv[#argv + 1] = s.profile
  local env = { COLUMNS = "100" }
  for name, value in pairs(s.both or {}) do
    env[name] = value
  end
  local child = assert(host.child.start { argv = argv, input = lines ~= nil, env = env })
  for _, line in ipairs(lines or {}) do
    assert(child:write(line .. "\n"))
  end
  while child:line(WAIT_MS) do end
  return (child:output():gsub("%s+", " ")), child:wait().exit
end

local function says(t, s, words, exit_wanted, ...)
  local text, exit = run(s, words)
  t.eq(exit, exit_wanted, text)
  for _, part in ipairs { ... } do
    t.has(text, part)
  end
end

-- ---- Certificates ----

local function by_certificate(text, s)
  local instead = ('certificate = { key = { file = "%s/own_key.pem" }, ' ..
    'cert = { file = "%s/own_cert.pem" } }'):format(s.dir, s.dir)
  return (text:gsub('secret = { file = "[^"]*/crm_secret" }', function() return instead end))
end

local function put(s, key, cert)
  assert(host.file.write(s.dir .. "/own_key.pem", key, 0x180))
  assert(host.file.write(s.dir .. "/own_cert.pem", cert, 0x180))
end

local function deal_travels(t, s)
  local before = #kit.opportunities(s)
  s:act("token-expire")
  s:act("portal-create", {})
  s:rest()
  t.eq(#kit.opportunities(s), before + 1, "a deal with what is in force")
end

local function certificates(t, s)
  local key = assert(host.file.read(s.dir .. "/crm_key.pem"))
  local cert = assert(host.file.read(s.dir .. "/crm_cert.pem"))
  put(s, key, cert)
  s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
  s:host_ready()
  kit.registered(s)
  t.case("connect: a certificate is tried by a real call, and its end is known", function()
    says(t, s, { "crm" }, 0, "crm: signed in")
    says(t, s, { "--list" }, 0, "the application, by its certificate", "certificate: until 20")
    says(t, s, { "crm", "--expires", "2031-12-31" }, 2, "a certificate tells its end itself")
  end)
  t.case("connect: a certificate that is not the key's is refused, the old one works on", function()
    local _, other = host.crypto.issue { common_name = "other.example", days = 30 }
    put(s, key, other)
    says(t, s, { "crm" }, 1, "the private key does not belong to the certificate",
      "what was there stays")
    deal_travels(t, s)
    put(s, "no key", cert)
    says(t, s, { "crm", "--test" }, 1, "the private key cannot be read")
    deal_travels(t, s)
  end)
  t.case("connect: a certificate nobody uploaded, of an authority and without its chain", function()
    local ca_key, ca = host.crypto.issue { common_name = "Authority", days = 30 }
    local leaf_key, leaf = host.crypto.issue { common_name = "leaf.example", days = 30,
      ca_key = ca_key, ca_cert = ca }
    put(s, leaf_key, leaf)
    says(t, s, { "crm" }, 1, "AADSTS700027",
      "the certificate is not the application's: upload it there", "what was there stays")
    deal_travels(t, s)
  end)
  t.case("connect: the chain behind the certificate in its file does no harm", function()
    local _, ca = host.crypto.issue { common_name = "Authority", days = 30 }
    put(s, key, cert .. ca)
    says(t, s, { "crm" }, 0, "crm: signed in")
    put(s, key, ca .. cert)
    says(t, s, { "crm" }, 1, "the private key does not belong to the certificate")
    put(s, key, cert)
    says(t, s, { "crm", "--test" }, 0, "crm: signed in")
  end)
end

-- ---- Tenants ----

local function elsewhere(text)
  return (text:gsub("/practice%.example/", "/elsewhere.example/"))
end

local function tenants(t, s)
  s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
  s:host_ready()
  t.case("connect: a tenant that is not known", function()
    for _, words in ipairs { { "crm" }, { "crm", "--test" }, { "partner-center", "--device" },
      { "partner-center", "--test" }, { "webhooks", "--device" } } do
      says(t, s, words, 1, "AADSTS90002", "the tenant is not known: check the token URL")
    end
  end)
end

-- ---- Ends ----

local function sealed(text, s)
  s.back = ("http://127.0.0.1:%d/signed-in"):format(kit.free_port())
  text = text:gsub('secret = { file = "[^"]*/crm_secret" }', "secret = { sealed = true }")
  text = text:gsub("portal_url", ("redirect = %q, %%0"):format(s.back))
  return (text:gsub('secret = { file = "[^"]*/partner_secret" }', "secret = { sealed = true }"))
end

local function ends(t, s)
  t.case("connect: an entered secret, without a host, serves both its connections", function()
    local text, exit = run(s, { "crm" }, { "practice-crm-secret" })
    t.eq(exit, 0, text)
    says(t, s, { "partner-center", "--test" }, 1,
      "secret was not entered: cosell connect partner-center")
    local child = assert(host.child.start { argv = { "connect", "partner-center", "--device",
      "--profile", s.profile }, input = true, env = s.both })
    assert(child:write("practice-partner-secret\n"))
    kit.wait("the code", function()
      child:line(10)
      return child:output():find("enter the code", 1, true)
    end)
    s:act("device-approve")
    while child:line(WAIT_MS) do end
    t.eq(child:wait().exit, 0, child:output())
    says(t, s, { "webhooks", "--test" }, 0, "webhooks: signed in")
  end)
  t.case("connect: a redirect with the port and path of the registration, taken or free", function()
    local port = math.tointeger(tonumber(s.back:match(":(%d+)/")))
    local other = assert(host.serve { port = port, handler = function() return 404, {}, "" end })
    says(t, s, { "partner-center" }, 1, "cannot listen on 127.0.0.1 port " .. port,
      "what was there stays")
    other:close()
    local child = assert(host.child.start { argv = { "connect", "partner-center", "--profile",
      s.profile }, env = s.both })
    kit.wait("the listener", function()
      child:line(10)
      return child:output():find("Waiting for the browser", 1, true)
    end)
    local answer = assert(host.http.request { url = child:output():match("\n(http://%S+)\n") })
    t.eq(answer.headers.location:match("^[^?]+"), s.back)
    assert(host.http.request { url = answer.headers.location })
    while child:line(WAIT_MS) do end
    t.eq(child:wait().exit, 0, child:output())
  end)
  t.case("connect: the end of a client secret is warned of in log and status", function()
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    local date = text_of.date(host.now_ms() + 20 * DAY_MS)
    says(t, s, { "crm", "--expires", date }, 0, "the client secret ends " .. date)
    says(t, s, { "--list" }, 0, "client secret: until " .. date,
      "sign-in: until ", "if it is not used before")
    t.ok(not s:command("status"):find("client secret", 1, true), "a warning too early")
    s:clock(8 * DAY_MS)
    kit.wait("the daily look", function()
      return s.host:output():find("warn  connection crm: the client secret ends in 1", 1, true)
    end)
    local text, exit = s:command("status")
    t.eq(exit, 1)
    t.has((text:gsub("%s+", " ")), "connection crm: the client secret ends in 1")
    says(t, s, { "--list" }, 0, "make a new one at the application; then cosell connect crm")
  end)
  t.case("connect: a new secret has no end before somebody tells it", function()
    local text, exit = run(s, { "crm" }, { "practice-crm-secret" })
    t.eq(exit, 0, text)
    t.has(text, "when does the client secret end?")
    t.ok(not s:command("status"):find("client secret", 1, true))
  end)
  t.case("connect: a sign-in that nobody used for months is warned of without a host", function()
    s:host_stop()
    assert(host.file.write(s.both.COSELL_CLOCK_FILE, s.ahead + 80 * DAY_MS .. "\n"))
    says(t, s, { "--list" }, 0, "connection partner-center: the sign-in ends in")
  end)
end

return function(t)
  kit.with({ host = false, edit = by_certificate, refused = true },
    function(s) certificates(t, s) end)
  kit.with({ host = false, edit = elsewhere, refused = true }, function(s) tenants(t, s) end)
  kit.with({ host = false, edit = sealed, clock = true, refused = true },
    function(s) ends(t, s) end)
end

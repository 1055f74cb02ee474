-- For the story of `cosell doctor`: what makes each of its crosses, and a person who follows the
-- remedy as it is written.  A table of check and cause; it must judge nothing but that the remedy
-- says what it has to.
local authority = require "commands.authority"
local kit = require "commands.kit"
local other_product = require "commands.other_product"
local printed = require "commands.printed"
local small_disk = require "commands.small_disk"

local M = {}

local CONNECTOR = "connector@partner.example"
local IDENTIFIER = "msft_microsoftpartnercenterreferralidentifier"
local MINUTE_MS = 60000

-- ---- What a person does ----

local shell = small_disk.shell

local function profile_of(s)
  return assert(host.file.read(s.profile .. "/profile.lua"))
end

-- Puts something else in its place, once.
local function edit(s, from, to)
  local text = profile_of(s)
  local at, till = text:find(from, 1, true)
  if not at then
    error({ check = "profile.lua does not hold " .. from }, 0)
  end
  assert(host.file.write(s.profile .. "/profile.lua", text:sub(1, at - 1) .. to ..
    text:sub(till + 1)))
end

local function start(s)
  s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
  s:host_ready()
end

local function start_anew(s, remedy, t)
  t.has(remedy, "start the host anew")
  if s.host then
    s:host_stop()
    start(s)
  end
end

-- A person at a terminal and a browser.
local function connects(argv)
  local child = assert(host.child.start { argv = argv, input = true, env = { COLUMNS = "100" } })
  kit.wait("the address of the sign-in page", function()
    child:line(10)
    return child:output():find("Waiting for the browser", 1, true)
  end)
  local page = child:output():match "\n(http://%S+/authorize%?%S+)\n"
  local location = assert(host.http.request { url = page }).headers.location
  assert(host.http.request { url = location })
  while child:line(20000) do end
  return child:output(), child:wait().exit
end

-- The words in backquotes, as a person types them; `instead` while no such command is there yet.
local function run(t, s, remedy, instead)
  local typed = remedy:match "`([^`]+)`"
  local name = typed:match "^cosell (%S+)"
  if name and not host.file.exists(host.file.getenv "COSELL_SCRIPTS" .. "/commands/" .. name ..
    ".lua") then
    return instead()
  end
  local said, exit
  if name then
    local argv = {}
    for word in typed:gmatch "%S+" do
      argv[#argv + 1] = word
    end
    table.remove(argv, 1)
    if name == "connect" then
      table.move({ "--profile", s.profile }, 1, 2, #argv + 1, argv)
      said, exit = connects(argv)
    else
      said, exit = printed.run(s, argv, 80)
    end
  else
    said, exit = shell(typed)
  end
  t.eq(exit, 0, typed .. ": " .. said)
end

-- The mistake is in profile.lua: its key is named, and corrected there.
local function mistake(key, right, wrong)
  return {
    make = function(s) edit(s, right(s), wrong(s)) end,
    follow = function(t, s, remedy)
      t.has(remedy, "`" .. key .. "`")
      edit(s, wrong(s), right(s))
    end,
  }
end

local function says(text)
  return function() return text end
end

local function own_url(s)
  return ("http://127.0.0.1:%d/callback/%s"):format(s.port,
    (host.file.read(s.dir .. "/path_secret"):gsub("%s+$", "")))
end

-- ---- What is wrong, and how its remedy is followed ----

local function system_user(s)
  for _, row in ipairs(s:rows "crm:systemuser") do
    if row.applicationid then
      return row
    end
  end
  error "no application user"
end

local function flow_off(s, name)
  for _, row in ipairs(s:rows "crm:workflow") do
    if row.name == name then
      s:act("crm.edit", { table = "workflow", id = row.workflowid, values = { statecode = 0 } })
      return true
    end
  end
  return false
end

local function set_switch(name, value)
  return function(s) s:set(name, value) end
end

-- Somebody with the right to do so gives the role; the remedy names it.
local function role_given(t, s, remedy)
  t.has(remedy, "Referrals admin")
  s:set("role", "admin")
end

local function new_secret(of)
  return function(t, s, remedy)
    t.has(remedy, "make a new client secret")
    t.has(remedy, "`" .. of .. ".secret`")
    s:set("secret_expired", false) -- the practice service takes this one as a new one
  end
end

local function signs_in_again(t, s, remedy)
  t.has(remedy, "sign in again")
  s:set("grant_fault", "none")
  run(t, s, remedy)
end

local function consented(t, s, remedy)
  t.has(remedy, "an administrator opens http")
  s:set("consent", "both")
end

-- An answer of the sign-in service that nobody here has words for.
local odd_answer = {
  make = function(s)
    s:fault("tokens", { path = "/practice.example/oauth2/token", status = 400, always = "yes",
      body = '{"error":"invalid_request","error_codes":[9002313]}' })
  end,
  follow = function(t, s, remedy)
    t.has(remedy, "check the credentials and the application's set-up (`partner_center`")
    s:say("fault", { "clear" })
  end,
}

local PC_TOKEN, CRM_TOKEN = "/practice.example/oauth2/token", "/practice.example/oauth2/v2.0/token"
local DETAILS = 'return { api = 1, opportunity = { create = { %s = "APAC" } } }\n'
local PORTS = {} -- a stage's port of a reverse proxy

-- A listener that takes a connection and ends it.
local function mute(s)
  s.mute = s.mute or assert(host.serve { address = "127.0.0.1", handler = function() end })
  return ('crm = { url = "http://127.0.0.1:%d"'):format(s.mute.port)
end

local function mute_url(s)
  mute(s)
  return ("http://127.0.0.1:%d/theirs"):format(s.mute.port)
end

local function crm_url(s)
  return ('crm = { url = "%s"'):format(s.base.crm)
end

local function dead(s)
  s.dead = s.dead or kit.free_port()
  return ('crm = { url = "http://127.0.0.1:%d"'):format(s.dead)
end

-- A reverse proxy in front of the host.
local function proxy(s, port)
  local hop = { ["content-length"] = true, host = true, connection = true,
    ["transfer-encoding"] = true, expect = true }
  return assert(host.serve { address = "127.0.0.1", port = port, methods = "POST",
    handler = function(request)
      local headers = {}
      for name, value in pairs(request.headers) do
        headers[name] = not hop[name] and value or nil
      end
      local answer = host.http.request { url = ("http://127.0.0.1:%d%s"):format(s.port,
        request.target), method = "POST", headers = headers, body = request.body }
      return answer and answer.status or 502, {}, ""
    end })
end

-- A host that does TLS itself, by a certificate of so many days.
local function by_tls(days)
  return { edit = function(text, s)
    s.ca = authority.new()
    return s.ca:stage({}, s.ca:pair("old", days)).edit(text, s)
  end }
end

-- What a person is asked to do about it.
local function to_do(s)
  for _, item in ipairs(s:status().to_do) do
    if item.what == "certificate" then
      return item.text
    end
  end
end

local function renew(t, s, remedy)
  t.has(remedy, "where `listen.tls` of profile.lua names them")
  local pair = s.ca:pair "new"
  authority.put(s, pair.chain, pair.key)
  kit.wait("the new one", function() return not to_do(s) end)
end

-- check, cause -> how it is made, how its remedy is followed; running: with the host; stage: more
-- for the stage; before(s): what is so before the host starts.
M.table = {
  files = {
    open = { running = true,
      make = function(s) shell('chmod 644 "$1"', s.dir .. "/crm_secret") end,
      follow = function(t, s, remedy) run(t, s, remedy) end },
    gone = { running = true,
      make = function(s) shell('mv "$1" "$1.away"', s.dir .. "/partner_secret") end,
      follow = function(t, s, remedy)
        t.has(remedy, "put it back with mode 600, or name another file as `partner_center.secret`")
        shell('mv "$1.away" "$1"; chmod 600 "$1"', s.dir .. "/partner_secret")
      end },
  },
  disk = { full = { on = "small disk" } },
  reach = {
    name = mistake("crm.url", crm_url, says 'crm = { url = "https://crm.invalid"'),
    connect = mistake("crm.url", crm_url, dead),
    tls = mistake("crm.url", crm_url, function(s)
      return ('crm = { url = "%s"'):format(s.base.crm:gsub("^http:", "https:"))
    end),
    answer = mistake("crm.url", crm_url, mute),
  },
  clock = {
    wrong = { running = true,
      make = function(s) kit.pass(s, 10 * MINUTE_MS) end,
      follow = function(t, s, remedy)
        t.has(remedy, "`timedatectl set-ntp true`")
        kit.pass(s, -10 * MINUTE_MS) -- a test has its own clock
      end },
  },
  partner_center = {
    again = { make = set_switch("grant_fault", "700082"), follow = signs_in_again },
    mfa = { make = set_switch("grant_fault", "50076"), follow = function(t, s, remedy)
      t.has(remedy, "with multi-factor authentication")
      signs_in_again(t, s, remedy)
    end },
    secret = { make = set_switch("secret_expired", true), follow = new_secret "partner_center" },
    tenant = mistake("partner_center.token_url", says(PC_TOKEN),
      says "/elsewhere.example/oauth2/token"),
    client = mistake("partner_center.client_id", says "7d1b0c52-0001-", says "7d1b0c52-0009-"),
    consent = { make = set_switch("consent", "webhooks"), follow = consented },
    other = odd_answer,
  },
  webhooks = {
    consent = { make = set_switch("consent", "referrals"), follow = consented },
    role = { make = function(s)
      s:fault("partner", { path = "/webhooks/", status = 403, always = "yes" })
    end, follow = function(t, s, remedy)
      s:say("fault", { "clear" }) -- another user has the role
      run(t, s, remedy)
    end },
    other = mistake("partner_center",
      says 'webhook_audience = "https://api.partnercenter.microsoft.com"',
      says 'webhook_audience = "https://api.example"'),
  },
  partner_id = {
    none = { named = "4300001",
      make = function(s)
        s:fault("partner", { path = "/v1/profiles/mpn", status = 404, always = "yes" })
      end,
      follow = function(t, s, remedy)
        t.has(remedy, "enrol this one")
        s:say("fault", { "clear" })
      end },
    foreign = { named = "9999999", make = function() end, follow = function(t, s, remedy)
      t.has(remedy, "`partner_center.partner_id`")
      edit(s, 'partner_id = "9999999"', 'partner_id = "4300001"')
    end },
  },
  referrals = { role = { make = set_switch("role", "none"), follow = role_given } },
  role = { role = { make = set_switch("role", "reader"), follow = role_given } },
  crm = {
    secret = { make = set_switch("secret_expired", true), follow = new_secret "crm" },
    tenant = mistake("crm.token_url", says(CRM_TOKEN), says "/elsewhere.example/oauth2/v2.0/token"),
    client = mistake("crm.client_id", says "7d1b0c52-0002-", says "7d1b0c52-0009-"),
    other = { make = function(s)
      edit(s, "crm = {", 'crm = { audience = "https://elsewhere.example/.default",')
    end, follow = function(t, s, remedy)
      t.has(remedy, "check it and the base URL (`crm` of profile.lua)")
      edit(s, 'audience = "https://elsewhere.example/.default",', "")
    end },
    user = { make = function(s)
      s.user = system_user(s)
      s:act("crm.edit", { table = "systemuser", id = s.user.systemuserid,
        values = { applicationid = host.uuid() } })
    end, follow = function(t, s, remedy)
      t.has(remedy, "Application users, add the application " .. s.user.applicationid)
      s:act("crm.edit", { table = "systemuser", id = s.user.systemuserid,
        values = { applicationid = s.user.applicationid } })
    end },
    organization = { running = true,
      make = function(s) s:act("crm.become-organization", { id = host.uuid() }) end,
      follow = function(t, s, remedy)
        t.has(remedy, "name a new file as `state`")
        edit(s, "cosell.db", "other.db")
        s.state = s.dir .. "/other.db"
        kit.sign_in(s, s.dir)
      end },
  },
  privileges = {
    lacks = { make = function(s)
      for _, name in ipairs { "prvWriteOpportunity", "prvAppendToAccount", "prvReadWorkflow",
        "prvReadmsft_MicrosoftSolution" } do
        s:act("crm.take-privilege", { privilege = name, user = CONNECTOR })
      end
    end, follow = function(t, s, remedy)
      local n = 0
      for name in remedy:match("to its role: (.*)$"):gmatch "prv[%w_]+" do
        s:act("crm.give-privilege", { privilege = name, user = CONNECTOR })
        n = n + 1
      end
      t.eq(n, 4, "privileges named")
    end },
  },
  schema = {
    lacks = { make = function(s)
      s:act("crm.backup", { name = "whole" })
      s:act("crm.remove-column", { table = "opportunity", column = IDENTIFIER })
    end, follow = function(t, s, remedy)
      run(t, s, remedy, function() s:act("crm.restore-backup", { name = "whole" }) end)
    end },
    other = { make = function(s)
      s:act("crm.change-definition", { table = "opportunity", column = IDENTIFIER, max = 20 })
    end, follow = function(t, s, remedy)
      t.has(remedy, "name another column as `columns.identifier`")
      edit(s, "settings = {", 'columns = { identifier = "new_campaigncode" }, settings = {')
    end },
  },
  tracking = {
    off = { make = function(s) s:act("crm.tracking", { table = "opportunity", on = "no" }) end,
      follow = function(t, s, remedy)
        local name = remedy:match "tick Track changes in the properties of (%S+)$"
        t.eq(name, "opportunity")
        s:act("crm.tracking", { table = name, on = "yes" })
      end },
  },
  mapping = {
    required = { make = function(s)
      s:act("crm.change-definition", { table = "opportunity", column = "new_region",
        required = "yes" })
    end, follow = function(t, s, remedy)
      local column, key =
        remedy:match "^give opportunity%.([%w_]+) a value in `([%w.]+)` of details.lua"
      t.eq(key, "opportunity.create")
      assert(host.file.write(s.profile .. "/details.lua", DETAILS:format(column)))
    end },
    wrong = { stage = { files = { ["details.lua"] = DETAILS:format "new_regoin" } },
      make = function() end,
      follow = function(t, s, remedy, said)
        t.has(remedy, "correct that line")
        t.has(said, "details.lua:1: opportunity.create")
        assert(host.file.write(s.profile .. "/details.lua", DETAILS:format "new_region"))
      end },
  },
  settings = {
    wrong = { stage = { settings = { duns_field = '"numberofemployees"' } }, make = function() end,
      follow = function(t, s, remedy)
        local key = remedy:match "^set `settings%.([%w_]+)` in profile.lua to a column"
        local logical = remedy:match "`cosell fields (%w+)`"
        t.eq({ key, logical }, { "duns_field", "account" })
        local list, exit = printed.run(s, { "fields", logical }, 80)
        t.eq(exit, 0, list)
        t.has(list, "new_duns")
        edit(s, 'duns_field = "numberofemployees"', 'duns_field = "new_duns"')
      end },
  },
  original = {
    flows = { make = function(s) s:act("crm.original-flows", { on = true }) end,
      follow = function(t, s, remedy)
        local n = 0
        for name in remedy:match("turn off (.*)$"):gmatch '"([^"]+)"' do
          t.ok(flow_off(s, name), "no flow is called " .. name)
          n = n + 1
        end
        t.eq(n, 9, "flows named")
      end },
    registration = { running = true, make = function(s)
      other_product.register(s, "https://prod-07.westeurope.logic.azure.com/workflows/x?sig=secret",
        other_product.referral_events)
    end, follow = function(t, s, remedy) run(t, s, remedy) end },
  },
  webhook = {
    none = { make = function() end, follow = function(t, s, remedy) run(t, s, remedy) end },
    displaced = { running = true, make = function(s)
      other_product.register(s, "https://hooks.example/another?sig=secret",
        other_product.referral_events)
    end, follow = function(t, s, remedy) run(t, s, remedy) end },
    shared = { running = true, make = function(s)
      s.theirs = mute_url(s)
      other_product.register(s, s.theirs, { "referral-created", "subscription-updated" })
    end, follow = function(t, s, remedy)
      t.has(remedy, "as `webhook.forward` in profile.lua")
      t.has((printed.run(s, { "webhook", "show", "--full" }, 80)), s.theirs)
      edit(s, "settings = {", ('webhook = { forward = "%s" }, settings = {'):format(s.theirs))
      start_anew(s, remedy, t)
      local typed = remedy:match "then run (`[^`]+`)$"
      run(t, s, typed)
    end },
    before = { make = function(s)
      printed.run(s, { "webhook", "register" }, 80)
      edit(s, "public_url = \"http://127.0.0.1:", "public_url = \"http://localhost:")
    end, follow = function(t, s, remedy) run(t, s, remedy) end },
    events = { running = true, make = function(s)
      other_product.register(s, own_url(s), other_product.referral_events)
    end, follow = function(t, s, remedy) run(t, s, remedy) end },
  },
  certificate = {
    ended = { running = true, stage = by_tls(-3), make = function() end, follow = renew },
    refused = { running = true, stage = by_tls(90), make = function(s)
      authority.put(s, s.ca:pair("new").chain:sub(1, 700), s.ca.new.key)
      kit.wait("the refusal", function() return to_do(s) end)
    end, follow = renew },
  },
  callback = {
    unreached = { running = true, stage = { edit = function(text, s)
      PORTS[s] = kit.free_port()
      return (text:gsub('public_url = "http://127.0.0.1:%d+"',
        ('public_url = "http://127.0.0.1:%d"'):format(PORTS[s])))
    end }, make = function() end, follow = function(t, s, remedy)
      local origin, port = remedy:match "^let (%S+) lead to port (%d+) of this machine"
      t.eq({ origin, tonumber(port) }, { "http://127.0.0.1:" .. PORTS[s], s.port })
      s.proxy = proxy(s, PORTS[s])
    end },
    refused = { before = function(s)
      s.roots = assert(host.file.read(s.dir .. "/roots.pem"))
      local _, other = host.crypto.issue { common_name = "Nobody", organization = "Nobody Ltd" }
      assert(host.file.write(s.dir .. "/roots.pem", other, 0x180))
    end, make = function() end, follow = function(t, s, remedy)
      t.has(remedy, "correct `callbacks` in profile.lua")
      assert(host.file.write(s.dir .. "/roots.pem", s.roots, 0x180))
      start_anew(s, remedy, t)
      kit.registered(s)
    end },
  },
}

M.edit, M.start, M.start_anew, M.crm_url, M.dead = edit, start, start_anew, crm_url, dead

return M

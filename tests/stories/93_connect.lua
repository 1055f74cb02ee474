-- Story 93: from a profile without a sign-in to one that works: a person signs in with a browser on
-- this machine, with a pasted address, with a device code; an application's secret is entered; each
-- is shown, tried, replaced and forgotten alone; what is wrong is said with its cure, and leaves
-- the sign-in before in its place.
local kit = require "commands.kit"

local WAIT_MS = 20000
local SECRET = "practice-partner-secret"

-- A profile as `init` writes it: nobody is signed in, secrets are entered.
local function nobody(text)
  text = text:gsub('secret = { file = "[^"]*/crm_secret" }', "secret = { sealed = true }")
  text = text:gsub('secret = { file = "[^"]*/partner_secret" }', "secret = { sealed = true }")
  return (text:gsub('refresh_token = { file = "[^"]*" },', ""))
end

local function start_host(s)
  s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
  s:host_ready()
end

-- ---- A person at a terminal ----

local function give(s, words, input)
  local argv = { "connect", table.unpack(words) }
  argv[#argv + 1] = "--profile"
  argv[#argv + 1] = s.profile
  return assert(host.child.start { argv = argv, input = input ~= nil, env = { COLUMNS = "100" } })
end

local function sees(child, what)
  kit.wait("the words " .. what, function()
    child:line(10)
    return child:output():find(what, 1, true)
  end)
end

local function ends(child)
  while child:line(WAIT_MS) do end
  return child:output(), child:wait().exit
end

-- Gives a command, types these lines.
local function run(s, words, lines)
  local child = give(s, words, lines)
  for _, line in ipairs(lines or {}) do
    assert(child:write(line .. "\n"))
  end
  return ends(child)
end

-- The browser: opens the sign-in page that was printed; where it is sent back to.
local function sent_back(child)
  sees(child, "code_challenge_method=S256")
  sees(child, "prompt=select_account")
  local url = child:output():match("\n(http://%S+/authorize%?%S+)\n")
  local answer = assert(host.http.request { url = url })
  return answer.headers.location, answer
end

-- Signs in with a browser on this machine.
local function by_browser(s, words, lines)
  local child = give(s, words, lines or {})
  for _, line in ipairs(lines or {}) do
    assert(child:write(line .. "\n"))
  end
  local location = sent_back(child)
  sees(child, "Waiting for the browser")
  local page = assert(host.http.request { url = location })
  return child, page, location
end

local function listed(s)
  local out = {}
  local text = run(s, { "--list", "--json" })
  for _, c in ipairs(json.decode(text)) do
    out[c.name] = c
  end
  return out
end

-- Everything that reads the state: no token, code or secret stands in it.
local function discreet(t, s, more)
  local log = s.host:output()
  for _, mark in ipairs { SECRET, "practice-crm-secret", "partner.example", "code=", "eyJhbGciOi",
    table.unpack(more or {}) } do
    t.ok(not log:find(mark, 1, true), "the log holds " .. mark .. ":\n" .. log)
  end
end

-- ---- From nothing ----

local function from_nothing(t, s)
  t.case("connect: before anybody signed in the host runs, and says what to do", function()
    start_host(s)
    kit.wait("the lack of a sign-in", function()
      return kit.remote(s, "partner_center").needs_sign_in and kit.remote(s, "crm").needs_sign_in
    end)
    local text, exit = s:command("status")
    t.eq(exit, 1)
    t.has(text, "partner_center: cosell connect partner-center")
    t.has(text, "crm: cosell connect crm")
    t.has(kit.remote(s, "partner_center").text,
      "nobody is signed in: cosell connect partner-center")
    t.has(kit.remote(s, "crm").text,
      "the application's secret was not entered: cosell connect crm")
    t.has(text, "webhooks: cosell connect partner-center")
    local all = listed(s)
    t.eq({ all["partner-center"].state, all.webhooks.state, all.crm.state },
      { "sign in again", "partner-center", "sign in again" })
  end)
  t.case("connect: the CRM's secret is entered, tried by a real call, sealed", function()
    local text, exit = run(s, { "crm" }, { "practice-crm-secret" })
    t.eq(exit, 0, text)
    t.has(text, "Secret of application 7d1b0c52-0002-4a11-9c01-000000000002: ")
    t.has(text, "crm: signed in")
    t.has(text, "cosell connect crm --expires DATE")
    t.eq(listed(s).crm.state, "signed in")
  end)
  t.case("connect: a person signs in with a browser on this machine", function()
    local child, page, location = by_browser(s, { "partner-center" }, { SECRET })
    t.eq(page.status, 200)
    t.has(page.body, "This window can be closed")
    t.has(location, "http://localhost:")
    local text, exit = ends(child)
    t.eq(exit, 0, text)
    t.has(text, "Referrals admin")
    t.has(text, "partner-center: signed in as ken@partner.example (tenant 7d1b0c52-00ff")
    t.has(text, "webhooks: reads the webhook registration")
  end)
  t.case("connect: what had waited goes on without a restart", function()
    kit.registered(s)
    s:act("portal-create", { name = "First deal" })
    s:rest()
    t.eq(#kit.opportunities(s), 1)
    t.eq(kit.remote(s, "partner_center").needs_sign_in, false)
    discreet(t, s)
  end)
  t.case("connect: the next start needs nobody", function()
    s:host_stop()
    start_host(s)
    s:act("portal-create", { name = "Second deal" })
    s:rest()
    t.eq(#kit.opportunities(s), 2)
    local c = listed(s)["partner-center"]
    t.eq({ c.state, c.who.upn }, { "signed in", "ken@partner.example" })
    discreet(t, s)
  end)
end

-- ---- Without a browser here ----

local function pasted(t, s)
  t.case("connect: the address that another machine's browser ends at is pasted", function()
    local child = give(s, { "partner-center", "--paste" }, {})
    local location = sent_back(child)
    t.has(location, "http://localhost?code=")
    assert(child:write("https://localhost/?code=1\n"))
    sees(child, "that is not such an address")
    assert(child:write((location:gsub("state=[^&]+", "state=other")) .. "\n"))
    sees(child, "not the answer to this sign-in")
    assert(child:write("  " .. location .. "\n"))
    local text, exit = ends(child)
    t.eq(exit, 0, text)
    t.has(text, "partner-center: signed in as ken@partner.example")
  end)
  t.case("connect: nothing pasted changes nothing", function()
    local child = give(s, { "partner-center", "--paste" }, {})
    assert(child:write(nil))
    local text, exit = ends(child)
    t.eq(exit, 1)
    t.has(text, "no address was pasted")
    t.has(text, "what was there stays")
  end)
end

local function by_device(t, s)
  t.case("connect: a device code, for the webhooks alone", function()
    local child = give(s, { "webhooks", "--device" })
    sees(child, "with the second factor.")
    local code = child:output():match("enter the code ([%u%d]+)")
    t.has(child:output(), "/devicelogin in any browser")
    s:act("device-approve", { code = code })
    local text, exit = ends(child)
    t.eq(exit, 0, text)
    t.has(text, "webhooks: signed in as ken@partner.example")
    t.eq(listed(s).webhooks.state, "signed in")
  end)
  t.case("connect: a device code that the person declines", function()
    local child = give(s, { "partner-center", "--device" })
    sees(child, "with the second factor.")
    s:act("device-decline", { code = child:output():match("enter the code ([%u%d]+)") })
    local text, exit = ends(child)
    t.eq(exit, 1)
    t.has(text, "AADSTS65004")
    t.has(text, "sign in again, and consent")
    t.eq(listed(s)["partner-center"].state, "signed in", "the one before")
  end)
end

-- ---- Each alone ----

local function grants_used(s)
  local out = {}
  for _, row in ipairs(s:rows("refresh")) do
    out[#out + 1] = row.revoked and "revoked" or "live"
  end
  return out
end

local function alone(t, s)
  t.case("connect: a sign-in that was revoked and given again lifts the pause at once", function()
    s:act("token-revoke")
    s:act("token-expire")
    s:command("sync")
    kit.wait("the pause", function() return kit.remote(s, "partner_center").needs_sign_in end)
    s:act("portal-create", { name = "Waits for a person" })
    local before = #kit.opportunities(s)
    local text, exit = s:command("status")
    t.eq(exit, 1)
    t.has(text, "partner_center: cosell connect partner-center")
    t.eq((run(s, { "--list" })):match("partner%-center +✖ sign in again") ~= nil, true)
    local child = by_browser(s, { "partner-center" })
    text, exit = ends(child)
    t.eq(exit, 0, text)
    kit.wait("the deal", function() return #kit.opportunities(s) == before + 1 end)
    t.ok(#grants_used(s) > 2, "a new grant")
  end)
  t.case("connect: the webhooks' own sign-in stays as it is, and can be forgotten", function()
    local text, exit = run(s, { "webhooks", "--test" })
    t.eq(exit, 1, text)
    t.has(text, "AADSTS50173")
    t.has(text, "sign in again")
    text, exit = run(s, { "webhooks", "--forget" })
    t.eq(exit, 0, text)
    t.has(text, "Partner Center's sign-in is used")
    text, exit = run(s, { "webhooks", "--test" })
    t.eq(exit, 0, text)
    t.eq(listed(s).webhooks.state, "partner-center")
  end)
end

-- ---- What is wrong, with its cure ----

-- What a sign-in by browser says; the one before stays.
local function refused(t, s, words, cure, lines)
  local child = by_browser(s, words, lines)
  local text, exit = ends(child)
  t.eq(exit, 1, text)
  for _, part in ipairs(cure) do
    t.has((text:gsub("%s+", " ")), part)
  end
  t.has(text, "what was there stays")
  s:act("token-expire")
end

local function still_works(t, s)
  local text, exit = run(s, { "partner-center", "--test" })
  t.eq(exit, 0, text)
end

local function bad_person(t, s)
  t.case("connect: a user without a second factor (900421)", function()
    s:set("token_mfa", "false")
    refused(t, s, { "partner-center" }, { "900421", "pass the second factor",
      "require it of this user" })
    s:set("enforce_mfa", "false") -- and before the service insists on it
    for _, place in ipairs { "header", "body" } do
      s:set("mfa_answer", place)
      refused(t, s, { "partner-center" }, { "900421", "pass the second factor" })
    end
    s:set("enforce_mfa", "true")
    s:set("token_mfa", "true")
    still_works(t, s)
  end)
  t.case("connect: consent is missing for the one API", function()
    s:set("consent", "webhooks")
    refused(t, s, { "partner-center" }, { "AADSTS65001", "Microsoft Partner ",
      "4990cffe-04e8-4e8b-808a-1175604b879f", "/adminconsent?client_id=7d1b0c52-0001" })
    s:set("consent", "both")
    still_works(t, s)
  end)
  t.case("connect: consent is missing for the other: deals go on, and the lack is said", function()
    s:set("consent", "referrals")
    local text, exit = ends((by_browser(s, { "partner-center" })))
    t.eq(exit, 1, text)
    text = text:gsub("%s+", " ")
    t.has(text, "partner-center: signed in as ken@partner.example")
    t.has(text, "✖ webhooks: consent is missing for Microsoft Partner Center (AADSTS65001)")
    t.has(text, "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd")
    t.has(text, "changes come by polls alone")
    refused(t, s, { "webhooks" }, { "consent is missing for Microsoft Partner Center" })
    s:set("consent", "both")
    still_works(t, s)
  end)
  t.case("connect: a user without a role", function()
    s:set("role", "none")
    refused(t, s, { "partner-center" }, { "may not read referrals", "role Referrals admin" })
    s:set("role", "admin")
    still_works(t, s)
  end)
  t.case("connect: a person who declines at the sign-in page", function()
    s:set("authorize", "decline")
    refused(t, s, { "partner-center" }, { "AADSTS65004", "sign in again, and consent" })
    s:set("authorize", "approve")
  end)
  t.case("connect: the application's secret is wrong, is its ID, has ended", function()
    refused(t, s, { "partner-center", "--secret" }, { "AADSTS7000215",
      "put the right one in its place" }, { "some-other-secret" })
    local text, exit = run(s, { "partner-center", "--secret" },
      { "8f14e45f-ceea-467f-a9d8-000000000001" })
    t.eq(exit, 1)
    t.has(text, "the secret's ID: take its Value")
    s:set("secret_expired", "true")
    refused(t, s, { "partner-center" }, { "AADSTS7000222", "make a new one" })
    text, exit = run(s, { "crm" }, { "practice-crm-secret" })
    t.eq(exit, 1)
    t.has(text, "AADSTS7000222")
    s:set("secret_expired", "false")
    still_works(t, s)
    text, exit = run(s, { "crm", "--test" })
    t.eq(exit, 0, text)
  end)
end

local function strangers(t, s)
  t.case("connect: whoever else knocks where the browser is expected is passed over", function()
    local child = give(s, { "partner-center" }, {})
    local location = sent_back(child)
    sees(child, "Waiting for the browser")
    local origin = location:match("^(http://[^/?]+)")
    t.eq(assert(host.http.request { url = origin .. "/favicon.ico" }).status, 404)
    t.eq(assert(host.http.request { url = origin .. "/" }).status, 404)
    t.eq(assert(host.http.request { url = origin .. "/?code=1&state=guessed" }).status, 200)
    t.eq(assert(host.http.request { url = origin .. "/?error=access_denied" }).status, 200)
    assert(host.http.request { url = location })
    local text, exit = ends(child)
    t.eq(exit, 0, text)
  end)
  t.case("connect: who breaks off leaves nothing behind", function()
    local child = give(s, { "partner-center" }, {})
    local location = sent_back(child)
    sees(child, "Waiting for the browser")
    child:kill("INT")
    t.eq(child:wait().exit, 1)
    kit.wait("the listener's end", function()
      return not host.http.request { url = location }
    end)
    still_works(t, s)
  end)
end

local function words(t, s)
  t.case("connect: words that make no sense", function()
    for _, row in ipairs {
      { { "partner" }, "there is no connection 'partner'" }, { {}, "usage: cosell connect" },
      { { "crm", "--device" }, "nobody signs in to the CRM in person" },
      { { "crm", "--test", "--forget" }, "one at a time" },
      { { "crm", "--expires", "soon" }, "a date such as 2031-12-31" },
      { { "crm", "--expires", "2031-02-30" }, "a date such as 2031-12-31" },
      { { "crm", "--expires", "2020-01-01" }, "that is past" },
      { { "webhooks", "--expires", "2031-12-31" }, "that of partner-center" },
      { { "crm", "--code", "1" }, "unknown option --code" },
    } do
      local text, exit = run(s, row[1])
      t.eq(exit, 2, text)
      t.has(text, row[2])
    end
  end)
end

return function(t)
  kit.with({ host = false, edit = nobody, refused = true }, function(s)
    from_nothing(t, s)
    pasted(t, s)
    by_device(t, s)
    alone(t, s)
    bad_person(t, s)
    strangers(t, s)
    words(t, s)
    t.case("connect: after all that no secret, code or person is in the log", function()
      discreet(t, s, { "some-other-secret", "ken@" })
    end)
  end)
end

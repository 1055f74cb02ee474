-- The connections of a profile: who is signed in, what ends when and how that is said, whose
-- organisation a new sign-in is, and the address of the sign-in page with what comes back from it.
local connections = require "connections"
local sign_in = require "sign_in"
local text_of = require "text"

local DAY_MS = 24 * 3600000
local OURS, OTHERS = "0f0e0d0c-1111-4222-8333-000000000001", "0f0e0d0c-1111-4222-8333-000000000002"

local PROFILE = { flows = {}, sign_in = {
  crm = { way = "secret", client_id = "app-one" },
  partner_center = { way = "certificate", client_id = "app two", form = "v1",
    token_url = "https://login.north.example/tenant/oauth2/token", redirect = "http://localhost",
    audience = "https://api.partner.example", webhook_audience = "https://hooks.example" } } }

local function grant(name, more)
  local out = { name = name, own = true, signed = true, sealed = false, secret = true,
    signed_ms = 0, used_ms = 0, certificate_ends_ms = 0 }
  for key, value in pairs(more or {}) do
    out[key] = value
  end
  return out
end

-- Runs f on a host with these grants, marks and answers.
local function on(o, f)
  local marks, logged = o.marks or {}, {}
  local stubs = { profile = o.profile or PROFILE,
    status = function() return { remotes = o.remotes or {} } end,
    sign_in = { list = function() return o.grants or { grant "crm", grant "partner_center",
      grant("webhooks", { own = false }) } end },
    store = { mark_get = function(name) return marks[name] end,
      mark_set = function(name, value) marks[name] = value return true end },
    queue = { put = function() return true end },
    http = { request = function(r) return table.unpack(o.answer(r), 1, 2) end },
    log = function(level, text) logged[#logged + 1] = level .. " " .. text end }
  local real = {}
  for name, stub in pairs(stubs) do
    real[name], host[name] = host[name], stub
  end
  local got = table.pack(pcall(f, marks, logged))
  for name in pairs(stubs) do
    host[name] = real[name]
  end
  if not got[1] then
    error(got[2], 0)
  end
  return table.unpack(got, 2, got.n)
end

local function days(n)
  return host.now_ms() + n * DAY_MS + 3600000
end

local function what_ends(t)
  t.case("a warning fourteen days before, and none earlier", function()
    for _, row in ipairs { { 15, nil }, { 14, nil }, { 13, "ends in 13 days" },
      { 1, "ends tomorrow" }, { 0, "ends today" }, { -1, "has ended" }, { -40, "has ended" } } do
      local o = { grants = { grant "crm", grant("partner_center",
        { certificate_ends_ms = days(row[1]) }), grant("webhooks", { own = false }) } }
      local list = on(o, connections.warnings)
      t.eq(#list, row[2] and 1 or 0, "days: " .. row[1])
      if row[2] then
        t.has(list[1], "connection partner-center: the certificate " .. row[2])
        t.has(list[1], "upload it to the application and put it in its place; then cosell " ..
          "connect partner-center")
      end
    end
  end)
  t.case("a client secret ends when a person said so", function()
    local o = { marks = { ["expires:crm"] = tostring(days(3)) } }
    local list = on(o, connections.warnings)
    t.eq(#list, 1)
    t.has(list[1], "connection crm: the client secret ends in 3 days")
  end)
  t.case("a sign-in that is not used for ninety days ends", function()
    local function with(used)
      return on({ grants = { grant "crm", grant("partner_center", { used_ms = days(used) }),
        grant("webhooks", { used_ms = days(-89) }) } }, connections.warnings)
    end
    local list = with(-70)
    t.eq(#list, 1, "the webhooks' own alone")
    t.has(list[1], "connection webhooks: the sign-in ends tomorrow")
    t.has(list[1], "sign in again: cosell connect webhooks")
    t.eq(#with(-80), 2)
  end)
  t.case("each day's log says it, and nobody's name", function()
    local o = { grants = { grant "crm", grant("partner_center", { used_ms = days(-88),
      who = { upn = "ken@partner.example" } }), grant("webhooks", { own = false }) } }
    on(o, function(_, logged)
      t.eq(connections.tick(), DAY_MS)
      t.eq(#logged, 1)
      t.has(logged[1], "warn connection partner-center: the sign-in ends in 2 days")
      t.ok(not logged[1]:find("ken", 1, true), logged[1])
    end)
  end)
  t.case("who wants to be told is, once a day of each", function()
    local profile = { flows = {}, sign_in = PROFILE.sign_in,
      on_event = { wanted = { sign_in_ends = true }, every_s = 1 } }
    local o = { profile = profile, marks = { ["expires:crm"] = tostring(days(3)) },
      grants = { grant "crm", grant("partner_center", { used_ms = days(-88),
        certificate_ends_ms = days(30) }), grant("webhooks", { own = false }) } }
    on(o, function(marks)
      connections.tick()
      connections.tick()
      local told = json.decode(marks.notices).sign_in_ends
      t.eq({ told.count, told.some }, { 2, {
        { remote = "partner-center", kind = "sign_in", by = text_of.date(days(2)) },
        { remote = "crm", kind = "secret", by = text_of.date(days(3)) } } })
    end)
  end)
end

local function states(t)
  t.case("the state of each connection", function()
    local o = { remotes = { { name = "partner_center", needs_sign_in = true, text = "no" } },
      grants = { grant("crm", { sealed = true, secret = false }),
        grant("partner_center", { who = { upn = "ken@partner.example" }, signed_ms = 5 }),
        grant("webhooks", { own = false }) } }
    local list = on(o, connections.list)
    local found = {}
    for i, c in ipairs(list) do
      found[i] = c.name .. ": " .. c.state
    end
    t.eq(found, { "partner-center: sign in again", "webhooks: partner-center", "crm: nobody" })
    t.eq({ list[1].why, list[1].who.upn, list[1].since_ms }, { "no", "ken@partner.example", 5 })
    t.eq(on(o, function() return connections.mender "webhooks" end), "partner-center")
    t.eq(on(o, function() return connections.mender "crm" end), "crm")
  end)
end

local function page(...)
  local rows = json.array {}
  for i, id in ipairs { ... } do
    rows[i] = { organizationId = id }
  end
  return { { status = 200, headers = {}, body = json.encode { value = rows } } }
end

local function try(o)
  return on(o, function(marks)
    local found, err = connections.try("partner-center")
    if found then
      connections.note("partner-center", found)
    end
    return found, err, marks
  end)
end

local function organisations(t)
  t.case("our organisation is learned from what the person sees", function()
    local _, err, marks = try { answer = function() return page("msft", OURS, "msft", OURS) end }
    t.eq({ err == nil, marks.own_organization }, { true, OURS })
  end)
  t.case("it is not guessed where it can't be told", function()
    for _, seen in ipairs { page(), page("msft"), page(OURS, OTHERS) } do
      local found, _, marks = try { answer = function() return seen end }
      t.ok(found)
      t.eq(marks.own_organization, nil)
    end
  end)
  t.case("a person of another organisation is refused", function()
    local marks = { own_organization = OURS }
    local found, err = try { marks = marks, answer = function() return page(OTHERS, "msft") end }
    t.eq(found, nil)
    t.has(err.text, "belongs to another organisation at Partner Center")
    t.eq(marks.own_organization, OURS)
    t.ok((try { marks = marks, answer = function() return page(OTHERS, OURS) end }))
    t.ok((try { marks = marks, answer = function() return page() end }))
  end)
  t.case("another CRM organisation than the state's is refused", function()
    local answer = { { status = 200, headers = {}, body = json.encode {
      OrganizationId = OTHERS, UserId = OURS, BusinessUnitId = OURS } } }
    local _, err = on({ marks = { organization = OURS }, answer = function() return answer end },
      function() return connections.try("crm") end)
    t.has(err.text, "check crm.url")
  end)
end

local function refusals(t)
  t.case("what the services answer becomes words with a cure", function()
    for _, row in ipairs {
      { "partner-center", { { status = 403, headers = {}, body = "{}" } }, "role Referrals admin" },
      { "partner-center", { { status = 200, headers = { ismfacompliant = "False" },
        body = '{"value":[]}' } }, "second factor" },
      { "partner-center", { { status = 403, headers = {},
        body = '{"error":{"code":"900421"}}' } }, "second factor" },
      { "partner-center", { { status = 200, headers = {}, body = "<html>" } }, "answered 200" },
      { "partner-center", { nil, { kind = "auth", text = "AADSTS500011 (x): y" } },
        "add that API (4990cffe-04e8-4e8b-808a-1175604b879f)" },
      { "webhooks", { { status = 403, headers = {}, body = "{}" } }, "may not manage webhooks" },
      { "webhooks", { nil, { kind = "auth", text = "AADSTS65001 (x): y" } },
        "https://login.north.example/tenant/adminconsent?client_id=app%20two" },
      { "crm", { { status = 403, headers = {}, body = json.encode { error =
        { code = "0x80072560", message = "no" } } } }, "no user in this organisation" },
      { "crm", { { status = 200, headers = {}, body = "{}" } }, "cannot be read" },
    } do
      local found, err = on({ answer = function() return row[2] end },
        function() return connections.try(row[1]) end)
      t.eq(found, nil, row[3])
      t.has(err.text, row[3])
    end
    t.ok((on({ answer = function() return { { status = 404, headers = {}, body = "" } } end },
      function() return connections.try "webhooks" end)), "nothing is registered: that is no lack")
  end)
end

local function addresses(t)
  t.case("the sign-in page's address: PKCE, state, and nothing twice", function()
    local one, other = on({}, function()
      return sign_in.ask("http://localhost:8400", "https://api.partner.example"),
        sign_in.ask("http://localhost:8400", "https://api.partner.example")
    end)
    t.has(one.url, "https://login.north.example/tenant/oauth2/authorize?client_id=app%20two&")
    t.has(one.url, "&redirect_uri=http%3A%2F%2Flocalhost%3A8400&")
    t.has(one.url, "&resource=https%3A%2F%2Fapi.partner.example&")
    t.has(one.url, "&code_challenge_method=S256")
    t.ok(not one.url:find(one.verifier, 1, true), "the verifier stays here")
    t.ok(#one.verifier >= 43 and #one.state >= 32)
    t.ok(one.state ~= other.state and one.verifier ~= other.verifier)
    local v2 = { sign_in = { partner_center = { client_id = "a", form = "v2",
      token_url = "https://login.north.example/t/oauth2/v2.0/token" } } }
    t.has(on({ profile = v2 }, function()
      return sign_in.ask("http://localhost", "https://x/.default").url
    end), "/t/oauth2/v2.0/authorize?client_id=a&response_type=code&response_mode=query&" ..
      "redirect_uri=http%3A%2F%2Flocalhost&" ..
      "scope=https%3A%2F%2Fx%2F.default%20openid%20profile%20offline_access&")
  end)
  t.case("what comes back: a code, an error, or nothing of ours", function()
    local asked = { state = "s1", redirect = "http://localhost:8400/" }
    t.eq(sign_in.code(asked, "code=a%2Bb&state=s1&session_state=x"), "a+b")
    for _, row in ipairs { { "code=a&state=s2", "data" }, { "code=a", "data" }, { "", "data" },
      { "state=s1", "auth" }, { "state=s1&code=", "auth" },
      { "state=s1&error=access_denied&error_description=AADSTS65004%3a+Ken+declined", "auth",
        "AADSTS65004: consent was declined" },
      { "state=s1&error=server_error", "auth", "server_error: nobody was signed in" },
      { "state=s1&error=%3Cscript%3E", "auth", "an error: nobody was signed in" } } do
      local code, err = sign_in.code(asked, row[1])
      t.eq(code, nil, row[1])
      t.eq(err.kind, row[2], row[1])
      t.has(err.text, row[3] or "")
      t.ok(not err.text:find("Ken", 1, true), "the page's free text may name a person")
    end
  end)
  t.case("an address is pasted as a browser shows it", function()
    local asked = { redirect = "http://localhost:8400" }
    for _, row in ipairs { { "http://localhost:8400/?code=1&state=2#", "code=1&state=2" },
      { "  http://localhost:8400?code=1 \t", "code=1" }, { "http://localhost:84001/?code=1", nil },
      { "http://localhost:8400/", nil }, { "code=1", nil }, { "", nil },
      { "https://localhost:8400/?code=1", nil } } do
      t.eq(sign_in.pasted(asked, row[1]), row[2], row[1])
    end
  end)
end

return function(t)
  what_ends(t)
  states(t)
  organisations(t)
  refusals(t)
  addresses(t)
end

-- An administrator begins with nothing: `cosell init` asks, says at once what is wrong with an
-- answer, writes a profile that holds, and says what to set up and what to type next.
local kit = require "commands.kit"

local APPLICATION = "11111111-2222-3333-4444-555555555555"
local OTHER = "99999999-2222-3333-4444-555555555555"

local function run(dir, o, ...)
  local child = assert(host.child.start { argv = { ... }, dir = dir, input = o.answers ~= nil,
    env = { COLUMNS = "400", COSELL_SIM_PORTS = o.ports } })
  if o.answers then
    assert(child:write(o.answers))
    assert(child:write(nil))
  end
  while child:line(30000) do end
  local ended = child:wait()
  return child:output(), ended.exit
end

local function in_folder(t, body)
  return function()
    local dir = host.file.tempdir()
    local ok, err = pcall(body, t, dir)
    host.file.remove(dir)
    if not ok then error(err, 0) end
  end
end

local function read(path) return assert(host.file.read(path)) end

local function profile_of(t, dir)
  local loaded = assert(host.load(dir))
  t.eq(loaded.problems, {}, read(dir .. "/profile.lua"))
  return loaded.profile
end

-- profile.lua without its comments, in one line.
local function bare(path)
  return (read(path):gsub("%-%-[^\n]*", ""):gsub("%s+", " "):match("^ ?(.-) ?$"))
end

-- ---- The default way ----

local FEWEST = { "contoso.example", "contoso.crm4.dynamics.com", APPLICATION, "", "", "", "" }

local function default_way(t, dir)
  local answers = table.concat(FEWEST, "\n") .. "\n"
  local text, exit = run(dir, { answers = answers }, "init", "contoso")
  t.eq(exit, 0, text)
  local p = profile_of(t, dir .. "/contoso")
  t.eq({ p.stage, p.crm_url, p.settings.inbound }, { "staging", "https://contoso.crm4.dynamics.com",
    "linked" })
  t.eq(bare(dir .. "/contoso/profile.lua"), 'return { stage = "staging", state = "cosell.db", ' ..
    'webhook = false, crm = { url = "https://contoso.crm4.dynamics.com", token_url = ' ..
    '"https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token", client_id = "' ..
    APPLICATION .. '", secret = { sealed = true }, }, partner_center = { token_url = ' ..
    '"https://login.microsoftonline.com/contoso.example/oauth2/token", client_id = "' ..
    APPLICATION .. '", secret = { sealed = true }, }, }')
  t.eq(#FEWEST, 7, "questions of the default way")
  t.eq(#answers - #APPLICATION, 47, "keystrokes of it, besides the id that is pasted")
  for _, said in ipairs { "4990cffe-04e8-4e8b-808a-1175604b879f  user_impersonation",
    "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd  user_impersonation", "redirect http://localhost",
    "https://login.microsoftonline.com/contoso.example/adminconsent?client_id=" .. APPLICATION,
    "An application user for " .. APPLICATION, "role Referrals admin", "Nobody sees from here",
    "\n  export COSELL_PROFILE=contoso\n  cosell connect crm\n  cosell connect partner-center\n" ..
    "  cosell provision", "\n  cosell doctor\n  cosell run\n" } do
    t.has(text, said)
  end
  t.ok(not text:find("webhook register", 1, true), "it only polls")
  t.ok(not host.file.exists(dir .. "/contoso/path_secret"))
  text, exit = run(dir, {}, "check", "--profile", "contoso")
  t.eq(exit, 0, "with the mapping that `cosell new` makes: " .. text)
end

-- ---- Answers that are wrong ----

local function corrected(t, dir)
  local text, exit = run(dir, { answers = table.concat({
    "common", "https://contoso.example/", "contoso.example",
    "https://contoso.crm4.dynamics.com/main.aspx?appid=1", "", -- the one that is offered
    "my application", APPLICATION, "MPN 1", "1234567", "x", "certificate", "dev",
    "prod", "http://cosell.contoso.example", "https://cosell.contoso.example/" }, "\n") .. "\n" },
    "init", "contoso")
  t.eq(exit, 0, text)
  for _, said in ipairs {
    "common common names no tenant: give its id or one of its domains",
    "https://contoso.example/ is an address; the tenant is its id or one of its domains",
    "has a path; the organisation is https://contoso.crm4.dynamics.com",
    "dynamics.com) [https://contoso.crm4.dynamics.com]: ",
    "my application is no application id: Entra shows it as Application (client) ID, a GUID",
    "MPN 1 is no PartnerID: digits alone, as Partner Center shows it",
    "x is none of secret, certificate",
    "http://cosell.contoso.example must begin with https://: Partner Center calls nobody by plain",
    "Allow public client flows: Yes", "openssl req -x509", "cosell webhook register",
    "cosell connect partner-center --device" } do
    t.has(text, said)
  end
  local p = profile_of(t, dir .. "/contoso")
  t.eq({ p.stage, p.public_url }, { "production", "https://cosell.contoso.example" })
  local given = bare(dir .. "/contoso/profile.lua")
  t.has(given, 'certificate = { key = { file = "cosell.key" }, cert = { file = "cosell.crt" } }')
  t.has(given, 'partner_id = "1234567", public = true, }')
  t.ok(not text:find("cosell connect crm", 1, true), "a certificate needs no sign-in")
  t.has(read(dir .. "/contoso/path_secret"), "")
  t.eq(#read(dir .. "/contoso/path_secret"), 49)
  local child = assert(host.child.start { path = "/usr/bin/stat", dir = dir .. "/contoso",
    argv = { "-c", "%a", "path_secret" } })
  child:wait()
  t.has(child:output(), "600")
end

local WHOLE = { "init", "x", "--yes", "--tenant", "contoso.example", "--crm",
  "https://contoso.crm4.dynamics.com", "--application", APPLICATION }

local function with(...)
  local out = { table.unpack(WHOLE) }
  for _, word in ipairs { ... } do out[#out + 1] = word end
  return table.unpack(out)
end

local function wrong_options(t, dir)
  for _, case in ipairs {
    { "--tenant", "contoso", "contoso is no tenant: give its id (a GUID, Entra shows it)" },
    { "--crm", "http://contoso.crm4.dynamics.com", "must begin with https://" },
    { "--crm", "https://contoso.crm4.dynamics.com/api/data", "has a path; the organisation is" },
    { "--application", "1", "1 is no application id" }, { "--partner-id", "a", "no PartnerID" },
    { "--sign-in", "pasword", "is none of secret, certificate" },
    { "--person", "devise", "did you mean device?" },
    { "--stage", "stagging", "did you mean staging?" },
    { "--secret", "hunter2", "no secret itself stands in a command line" },
    { "--login", "http://login.example", "--login must begin with https://" },
    { "--partner-center", "https://a.example/x", "--partner-center is an address without a path" },
    { "--url", "https://cosell.contoso.example", "--url is of no use in staging, which only" },
    { "--port", "70000", "--port is at most 65535" }, { "--port", "x", "is a whole number" } } do
    local text, exit = run(dir, {}, with(case[1], case[2]))
    t.eq(exit, 2, text)
    t.has(text, case[3])
  end
  for _, url in ipairs { "http://cosell.contoso.example", "cosell.contoso.example",
    "https://cosell.contoso.example/callback/x" } do
    local text, exit = run(dir, {}, with("--stage", "production", "--url", url))
    t.eq(exit, 2, text)
    t.has(text, "--url " .. url)
  end
  local text, exit = run(dir, {}, "init", "x", "--yes", "--tenant", "contoso.example")
  t.eq(exit, 2, text)
  t.has(text, "nobody answers, and there is no --crm: the CRM's organisation")
  text, exit = run(dir, { answers = "contoso.example\n" }, "init", "x")
  t.eq(exit, 2, text)
  t.has(text, "nobody answers, and there is no --crm")
  t.eq(select(2, run(dir, {}, "init")), 2)
  t.eq(select(2, run(dir, {}, "init", "a", "b")), 2)
  t.eq(host.file.list(dir), {}, "nothing was written")
end

-- ---- Folders ----

local function folders(t, dir)
  assert(host.file.mkdir(dir .. "/x"))
  assert(host.file.write(dir .. "/x/.git", "mine"))
  local text, exit = run(dir, {}, with())
  t.eq(exit, 1, text)
  t.has(text, "x is not empty (it holds .git); nothing was written: name a new folder")
  assert(host.file.remove(dir .. "/x"))
  text, exit = run(dir, {}, with("--mapping", "../contoso", "--partner-application", OTHER))
  t.eq(exit, 0, text)
  t.has(text, "x/profile.lua written, and a mapping to fill in")
  t.has(text, "App registrations, " .. OTHER)
  t.has(text, "An application user for " .. APPLICATION)
  t.eq(host.file.list(dir .. "/x"), { "profile.lua" })
  assert(host.file.write(dir .. "/contoso/country.lua", "return { field = \"address1_country\" }"))
  WHOLE[2] = "production"
  text, exit = run(dir, {}, with("--mapping", "../contoso", "--stage", "production", "--url",
    "https://cosell.contoso.example", "--secret", "file:crm.secret"))
  WHOLE[2] = "x"
  t.eq(exit, 0, text)
  t.has(text, "with the mapping that is there (../contoso)")
  t.eq(read(dir .. "/contoso/country.lua"), "return { field = \"address1_country\" }")
  for _, name in ipairs { "x", "production" } do
    local p = profile_of(t, dir .. "/" .. name)
    t.eq(p.mapping, dir .. "/contoso")
  end
  t.has(bare(dir .. "/production/profile.lua"), 'secret = { file = "crm.secret" }')
  text, exit = run(dir, {}, "promote", "x", "production", "--plan", "--anyway")
  t.eq(exit, 0, text)
  t.has(text, "both have one mapping folder: nothing to copy")
end

-- ---- Practising ----

-- The way in practice: the profile names the practice environment; a deal travels.
local function practised(t)
  kit.with({ host = false }, function(s)
    local function port(base) return base:match("%d+$") end
    local own = kit.free_port()
    local text, exit = run(s.dir, { ports = ("%s,%s,%s,%d"):format(port(s.base.tokens),
      port(s.base.partner), port(s.base.crm), own) }, "init", "practice", "--practice", "--yes")
    t.eq(exit, 0, text)
    t.has(text, "cosell sim --write-profile practice")
    t.ok(not text:find("adminconsent", 1, true), "nothing to set up")
    local dir = s.dir .. "/practice"
    profile_of(t, dir)
    t.eq(s:say("profile", { dir }).kept, true, "the practice environment leaves it as it is")
    -- In place of `cosell connect`.
    local path = dir .. "/profile.lua"
    local signed = read(path):gsub("{ sealed = true },", '{ file = "crm_secret" },', 1)
      :gsub("{ sealed = true },", '{ file = "partner_secret" }, refresh_token = ' ..
        '{ file = "refresh_token" },', 1)
    assert(host.file.write(path, signed))
    s:host_start { profile = dir, state = dir .. "/cosell.db", env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    local id = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    t.eq(kit.opportunity(s).identifier, id, "a deal travels")
  end)
end

return function(t)
  t.case("init: the default way", in_folder(t, default_way))
  t.case("init: what is wrong with an answer is said at once", in_folder(t, corrected))
  t.case("init: options that are wrong, and nothing written", in_folder(t, wrong_options))
  t.case("init: folders, and a mapping that two profiles share", in_folder(t, folders))
  t.case("init: for the practice environment, and a deal travels", function() practised(t) end)
end

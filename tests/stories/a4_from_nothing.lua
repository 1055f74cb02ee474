-- The first page of the README, done as it is written, against a CRM that never had anything of the
-- connector: a profile by questions, three connections, the CRM's schema, the registration, the
-- doctor without a cross, and then a deal each way.
local kit = require "commands.kit"
local rules = require "commands.rules"

local WAIT_MS = 120000

local function port(base) return base:match("%d+$") end

-- A command as a person gives it; what he types, a line each.
local function give(s, argv, lines)
  local child = assert(host.child.start { argv = argv, dir = s.dir, input = true,
    env = { COLUMNS = "100", COSELL_PROFILE = s.dir .. "/contoso", COSELL_SIM_PORTS = s.ports } })
  for _, line in ipairs(lines or {}) do
    assert(child:write(line .. "\n"))
  end
  return child
end

local function ends(t, child)
  while child:line(WAIT_MS) do end
  local ended, text = child:wait(), child:output()
  t.eq(ended.exit, 0, text)
  return text
end

local function run(t, s, argv, lines)
  return ends(t, give(s, argv, lines))
end

-- What the browser does with the address that was printed: signs in, and is sent back.
local function browse(child)
  local url
  kit.wait("the address of the sign-in page", function()
    child:line(10)
    url = child:output():match("\n(http://%S+/authorize%?%S+)\n")
    return url and child:output():find("Waiting for the browser", 1, true)
  end)
  local answer = assert(host.http.request { url = url })
  assert(host.http.request { url = answer.headers.location })
end

local function set_up(t, s)
  s.ports = ("%s,%s,%s"):format(port(s.base.tokens), port(s.base.partner), port(s.base.crm))
  s:act("remove-connector", {})
  run(t, s, { "init", "contoso", "--practice", "--yes", "--partner-id", "4300001", "--port",
    tostring(kit.free_port()) })
  s:say("profile", { s.dir .. "/contoso" })
  run(t, s, { "connect", "crm" }, { "practice-crm-secret" })
  local child = give(s, { "connect", "partner-center" }, { "practice-partner-secret" })
  browse(child)
  ends(t, child)
  t.has(run(t, s, { "provision", "--plan" }), "publisher")
  run(t, s, { "provision" })
  t.has(run(t, s, { "webhook", "register" }), "registered")
end

local function from_nothing(t)
  kit.with({ host = false, refused = true }, function(s)
    set_up(t, s)
    local dir = s.dir .. "/contoso"
    s:host_start { profile = dir, state = dir .. "/cosell.db" }
    s:host_ready()
    local text = run(t, s, { "doctor" })
    t.eq(select(2, text:gsub("\n✔ ", "\n")), 18, "ticks, below that of the first line:\n" .. text)
    local id = s:act("portal-create", { name = "First deal", value = 1000, currency = "USD" }).id
    s:rest()
    t.eq(kit.opportunity(s).identifier, id, "a deal of the portal is in the CRM")
    assert(host.file.write(s.dir .. "/catalogue.csv",
      "Solution identifier,Name\nSOL-10001-ABC,Harbour control\n"))
    run(t, s, { "import", "solutions", s.dir .. "/catalogue.csv", "--apply" })
    s:act("create-opportunity", rules.deal { name = "Second deal" })
    s:rest()
    t.eq(#kit.referrals(s), 2, "a deal of the CRM is at Partner Center")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

return function(t)
  t.case("from nothing: six commands, no cross, a deal each way", function() from_nothing(t) end)
end

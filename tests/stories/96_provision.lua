-- Story 96: a CRM that never had the original connector gets what deals need: shown first, made
-- once, published once; what was made is taken away again, and nothing else.
local kit = require "commands.kit"
local printed = require "commands.printed"
local provisioned = require "commands.provisioned"

local THINGS = provisioned.THINGS
local provision, lines, whole = provisioned.run, provisioned.lines, provisioned.whole
local defined, sorted = provisioned.defined, provisioned.sorted

-- ---- From nothing ----

local function planned(t, s)
  local before, writes = whole(s), kit.writes(s)
  local text, exit = provision(s, "--plan")
  t.eq({ exit, #lines(text, "+ "), #lines(text, "~ ") }, { 0, THINGS, 0 }, text)
  for _, said in ipairs { "+ publisher cosell, prefix msft", "+ solution cosell, version 1.0.0.0",
    "+ table msft_microsoftsolution (Microsoft Partner Center Solution)",
    '+ column opportunity.msft_microsoftpartnercenterhelp ("How can Microsoft help?", Picklist)',
    '+ section "Partner Center" on the form "Information" of lead: 5 fields',
    "37 things to make, then all is published once: cosell provision does it" } do
    t.has(text, said)
  end
  t.eq({ kit.writes(s), whole(s) }, { writes, before }, "a look writes nothing")
end

local function made(t, s)
  local text, exit = provision(s)
  t.has(text, "1 of 38: publisher cosell, prefix msft")
  t.has(text, "38 of 38: publish")
  t.has(text, "37 things made and published")
  t.eq(exit, 0, text)
  local _, published = defined(s)
  t.eq(published, 1, "published once")
  for _, row in ipairs(s:rows "crm_key") do
    t.ok(false, "a key was made: " .. json.encode(row))
  end
end

local function again(t, s)
  local before, writes = whole(s), kit.writes(s)
  local text, exit = provision(s)
  t.eq({ text, exit }, { "nothing to make: all of it stands\n", 0 })
  t.eq({ kit.writes(s), whole(s) }, { writes, before }, "no call that writes")
  text, exit = provision(s, "--plan")
  t.has(text, "= stands: opportunity: 13 of 13 columns")
  t.has(text, "nothing to make")
  t.eq({ exit, kit.writes(s) }, { 0, writes })
end

-- What sellers see, and what they must not write.
local function on_the_form(t, s)
  local xml = provisioned.form(s, "opportunity")
  t.has(xml, 'datafieldname="name"', "what was there stays")
  t.has(xml, "<TargetEntityType>msft_microsoftsolution</TargetEntityType>")
  t.has(xml, "<RelationshipName>msft_opportunity_msft_microsoftsolution<")
  for name, locked in pairs { msft_microsoftpartnercenterreferralsync = "false",
    msft_microsoftpartnercenterhelp = "false", msft_microsoftpartnercenterreferrallink = "true",
    msft_microsoftpartnercenterreferralidentifier = "true", msft_microsoftcrmidentifier = "true",
    msft_microsoftpartnercenterreferralsyncaudit = "true" } do
    t.has(xml, ('datafieldname="%s" disabled="%s"'):format(name, locked))
  end
end

local function history(t, s)
  local text = provision(s, "--history")
  t.eq(#printed.lines_with(text, "  made  "), THINGS, text)
  t.has(text, host.version)
  local list = json.decode((provision(s, "--history", "--json")))
  t.eq({ #list, list[1].did, list[1].what, list[#list].did }, { THINGS + 1, "made",
    "publisher cosell", "published" })
end

-- A deal goes both ways on what was made.
local function used(t, s)
  s:act("create", { table = "msft_microsoftsolutiondetail", values = { msft_name = "Aoba Migration",
    msft_solutionidentifier = "SOL-10001-ABC", msft_type = "Own" } })
  s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
  s:host_ready()
  kit.registered(s)
  s:act("portal-create", { name = "Plant sensor rollout", value = 5000, currency = "EUR",
    solutions = "SOL-10001-ABC" })
  s:act("create-opportunity", { name = "Crane upgrade", value = 9000, currency = "EUR",
    closing_date = "2031-09-30", account = "Larkfield Foods Ltd", contact = "Owen Pryce",
    help = "Proof of concept / demo", solutions = { "SOL-10001-ABC" }, sync = true })
  s:rest()
  local names = {}
  for _, o in ipairs(kit.opportunities(s)) do
    names[#names + 1] = o.name
    t.eq(type(o.identifier), "string", o.name .. ": " .. o.audit)
  end
  t.eq(sorted(names), { "✔ Crane upgrade", "✔ Plant sensor rollout" })
  t.eq({ #(kit.referrals(s)), #s:rows "crm:msft_microsoftsolution" }, { 2, 2 })
  s:host_stop()
end

-- ---- While a host runs ----

-- A host that began on a bare CRM says what is missing, and goes on once it is there.
local function while_it_runs(t, s)
  s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
  s:host_ready()
  kit.wait("what is missing", function()
    return s:command("status"):find("provision it", 1, true)
  end)
  local text, exit = provision(s)
  t.has(text, "37 things made and published")
  t.eq(exit, 0, text)
  s:act("create", { table = "msft_microsoftsolutiondetail", values = { msft_name = "Aoba Migration",
    msft_solutionidentifier = "SOL-10001-ABC", msft_type = "Own" } })
  kit.registered(s)
  s:act("portal-create", { name = "Harbour", value = 5000, currency = "EUR",
    solutions = "SOL-10001-ABC" })
  s:rest()
  t.eq((kit.opportunity(s) or {}).name, "✔ Harbour")
end

-- Two administrators, one host: each thing is there once.
local function two_at_once(t, s)
  s:fault("crm", { method = "write", delay_ms = 50, always = "yes" })
  local a, b = printed.start(s, { "provision" }, provisioned.WIDTH),
    printed.start(s, { "provision" }, provisioned.WIDTH)
  for _, child in ipairs { a, b } do
    while child:line(60000) do end
    t.eq(child:wait().exit, 0, child:output())
  end
  s:say("fault", { "clear" })
  local list = defined(s)
  for i = 2, #list do
    t.ok(list[i] ~= list[i - 1], "made twice: " .. list[i])
  end
  t.eq({ provisioned.named(s, "publisher", "cosell"), provisioned.named(s, "solution", "cosell") },
    { 1, 1 })
  t.has(provision(s), "nothing to make")
end

-- ---- Away again ----

local function removed(t, s, before)
  local writes = kit.writes(s)
  local text, exit = provision(s, "--remove")
  t.has(text, "- table msft_microsoftsolution with its 2 rows")
  t.has(text, "- column lead.msft_microsoftpartnercenterreferralsync")
  t.has(text, "2 linked deals")
  t.has(text, "nothing was taken away: --yes does it")
  t.eq({ exit, kit.writes(s) }, { 1, writes }, "nothing is taken away unasked")
  text, exit = provision(s, "--remove", "--yes")
  t.has(text, "27 things taken away")
  t.eq(exit, 0, text)
  local after = whole(s)
  t.eq({ after[2], after[3], after[4], after[5] }, { before[2], before[3], 0, 0 },
    "as it was before")
  writes = kit.writes(s)
  text, exit = provision(s, "--remove", "--yes")
  t.eq({ text, exit }, { "nothing in this CRM was made by this state's host\n", 0 })
  t.eq(kit.writes(s), writes)
  text = provision(s, "--plan")
  t.has(text, "37 things to make")
  text = provision(s, "--history")
  t.eq({ #printed.lines_with(text, "  made  "), #printed.lines_with(text, "  removed  ") },
    { THINGS, 27 }, text)
end

return function(t)
  kit.with({ host = false, sim_args = { "--bare" } }, function(s)
    local before = whole(s)
    t.case("provision: a plan shows everything and writes nothing", function() planned(t, s) end)
    t.case("provision: a bare CRM gets all of it, published once, no key", function()
      made(t, s)
    end)
    t.case("provision: a second run makes no writing call", function() again(t, s) end)
    t.case("provision: the form has the fields and the list; ours are read-only", function()
      on_the_form(t, s)
    end)
    t.case("provision: what was made when, by which version", function() history(t, s) end)
    t.case("provision: deals travel on what was made", function() used(t, s) end)
    t.case("provision: what it made is taken away, and nothing else", function()
      removed(t, s, before)
    end)
  end)
  kit.with({ host = false, sim_args = { "--bare" } }, function(s)
    t.case("provision: a host that runs goes on with what was made", function()
      while_it_runs(t, s)
    end)
  end)
  kit.with({ host = false, sim_args = { "--bare" }, refused = "what is there already" },
    function(s)
      t.case("provision: two at once make each thing once", function()
        s:host_start { profile = s.profile, state = s.state }
        s:host_ready()
        two_at_once(t, s)
      end)
    end)
end

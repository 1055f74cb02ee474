-- Situation 17: one partner, two CRM organisations.  A state belongs to one organisation; another
-- CRM's deals are not made here; a copied organisation with a state of its own writes nothing.
local kit = require "commands.kit"

local HOUR_MS = 3600000
local OTHER = "5a1e0000-0000-4000-8000-0000000000ff"

local function restart(s)
  s:host_stop()
  s:host_start(s.host_options)
  s:host_ready()
end

-- ---- The same state meets another organisation ----

local function another_refuses(t)
  kit.started(function(s, deal, row)
    s:act("become-organization", { id = OTHER })
    restart(s)
    local writes = kit.writes(s)
    s:set("lose_callbacks", true)
    kit.describe(s, row, "of the copy")
    s:act("edit", { id = deal, value = 5000 })
    s:act("portal-create", { name = "Another" })
    s:command("sync")
    kit.wait("the refusal in status", function()
      return s:command("status"):find("another organi", 1, true)
    end)
    kit.wait("rest", function() return s:idle() end)
    local text, exit = s:command("status")
    t.eq(exit, 1, "status needs a person: " .. text)
    t.eq(kit.writes(s), writes, "writes")
    t.eq(#kit.opportunities(s), 1, "opportunities")
  end)
end

-- ---- A copied organisation ----

-- A state of its own, made an hour after all deals.
local function later_state(s)
  s:host_stop()
  s:clock(HOUR_MS)
  kit.fresh_state(s)
end

local function shown(s)
  local rows, referrals = {}, {}
  for i, o in ipairs(kit.opportunities(s)) do
    rows[i] = { o.name, o.notes, o.value, o.identifier, o.audit }
  end
  for i, r in ipairs(s:rows("referral")) do
    referrals[i] = { r.name, r.details.notes, r.details.dealValue, r.externalReferenceId }
  end
  return { rows, referrals }
end

local function copied(t, crm_first)
  kit.with({ clock = true }, function(s)
    local first = s:act("portal-create", { name = "From the portal", value = 1000 }).id
    s:act("create-opportunity", { name = "From the CRM", value = 90000, currency = "EUR",
      closing_date = "2031-09-30", account = "Larkfield Foods Ltd", contact = "Owen Pryce",
      solutions = { "SOL-10001-ABC" }, help = "General or other", sync = true })
    s:rest()
    t.eq(#kit.referrals(s), 2, "ours")
    s:act("become-organization", { id = OTHER })
    later_state(s)
    s:rest()
    local writes = kit.writes(s)
    local steps = {
      function() kit.describe(s, kit.opportunities(s)[2].id, "played with in the copy") end,
      function() s:act("edit", { id = first, notes = "work in production" }) end }
    steps[crm_first and 1 or 2]()
    s:rest()
    steps[crm_first and 2 or 1]()
    local edited = shown(s)
    s:rest()
    s:command("sync", { "--all" })
    s:rest()
    t.eq(shown(s), edited, "both sides")
    t.eq(kit.writes(s), writes, "writes")
    local deals = s:status().deals
    t.eq({ deals.found, deals.open }, { 2, 0 }, "found, and not adopted")
  end)
end

-- ---- Two CRMs, two hosts, one Partner Center ----

local OF_FIRST = { "partner_secret", "roots.pem" }

-- A second CRM with a host of its own, on the Partner Center of the first.
local function second(s, inbound)
  local other = kit.new { host = false, sim_args = { "--organization", OTHER },
    settings = { inbound = '"' .. inbound .. '"' }, edit = function(text, own)
      local head, crm, tail = text:match("^(.-)(  crm = .-)(  partner_center = .*)$")
      local function of_first(part)
        return (part:gsub(own.base.partner, s.base.partner, nil)
          :gsub(own.base.tokens, s.base.tokens, nil))
      end
      -- the tenant has one registration, the first's: this host polls
      return of_first(head) .. crm .. of_first(tail):gsub("}%s*$",
        "  flows = { webhook_registration = false },\n}\n")
    end }
  for _, name in ipairs(OF_FIRST) do
    assert(host.file.write(other.dir .. "/" .. name,
      assert(host.file.read(s.dir .. "/" .. name)), 0x180))
  end
  kit.sign_in(s, other.dir)
  other:host_start { profile = other.profile, state = other.state }
  other:host_ready()
  return other
end

local function two(inbound, body)
  kit.with({}, function(s)
    local other = second(s, inbound)
    local ok, err = pcall(body, s, other)
    local said = not ok and other.host and other.host:output():sub(-3000)
    other:close()
    host.file.remove(other.dir)
    if not ok then
      error(type(err) == "table" and { check = err.check .. "\nthe second host said:\n" .. said } or
        err, 0)
    end
  end)
end

local function rest_both(s, other)
  for _ = 1, 2 do
    s:rest()
    other:rest()
  end
end

local function sent_by(s, name)
  return s:act("create-opportunity", { name = name, value = 90000, currency = "EUR",
    closing_date = "2031-09-30", account = "Larkfield Foods Ltd", contact = "Owen Pryce",
    solutions = { "SOL-10001-ABC" }, sync = true }).id
end

local function each_its_own(t, inbound)
  two(inbound, function(s, other)
    local a, b = sent_by(s, "Of the first CRM"), sent_by(other, "Of the second CRM")
    rest_both(s, other)
    local ours = kit.referrals(s)
    t.eq(#ours, 2, "referrals")
    t.eq({ #kit.opportunities(s), #kit.opportunities(other) }, { 1, 1 }, "rows of each CRM")
    for _, r in ipairs(ours) do
      local mine = r.name == "Of the first CRM"
      t.eq(r.externalReferenceId, mine and a or b, r.name)
      s:act("edit", { id = r.id, notes = "news of " .. r.name })
    end
    rest_both(s, other)
    t.eq(kit.opportunity(s).notes, "news of Of the first CRM")
    t.eq(kit.opportunity(other).notes, "news of Of the second CRM")
    t.eq({ #kit.opportunities(s), #kit.opportunities(other) }, { 1, 1 }, "rows of each CRM")
    kit.quiet(t, s)
  end)
end

-- The first CRM has taken a deal of the portal when the second hears of it.
local function portal_deal(t, inbound)
  two(inbound, function(s, other)
    other:rest()
    s:act("portal-create", { name = "From the portal", value = 1000, currency = "USD" })
    s:rest()
    rest_both(s, other)
    t.eq({ #kit.opportunities(s), #kit.opportunities(other) }, { 1, 0 }, "rows of each CRM")
    t.eq(kit.referrals(s)[1].externalReferenceId, kit.opportunity(s).id)
    local report = json.decode((other:command("sync", { "--all", "--json" })))
    t.eq({ report.only_partner, report.crm }, { 1, 0 }, "listed, not created")
    other:command("sync", { "--all", "--apply" })
    rest_both(s, other)
    t.eq(#kit.opportunities(other), 0, "rows of the second CRM")
    t.eq(kit.referrals(s)[1].externalReferenceId, kit.opportunity(s).id, "the first's still")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 17: a state that meets another organisation refuses to write",
    function() another_refuses(t) end)
  t.case("situation 17: a copied organisation writes nothing, its CRM edited first",
    function() copied(t, true) end)
  t.case("situation 17: a copied organisation writes nothing, the portal edited first",
    function() copied(t, false) end)
  t.case("situation 17: two CRMs send and hear of their own deals alone",
    function() each_its_own(t, "all") end)
  t.case("situation 17: two CRMs, the second hears of its own deals alone",
    function() each_its_own(t, "linked") end)
  t.case("situation 17: another CRM's deal is listed, not created",
    function() portal_deal(t, "all") end)
end

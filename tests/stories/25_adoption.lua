-- A row that names its referral before the host has linked them: the two are linked, and no second
-- referral is made.
local kit = require "commands.kit"

local SYNC = "msft_microsoftpartnercenterreferralsync"
local IDENTIFIER = "msft_microsoftpartnercenterreferralidentifier"
local HOUR_MS = 3600000
local PAST_LOOKS_MS = 1500 -- long enough for what was called back to be worked off

local function wait_idle(s)
  kit.wait("the host at rest", function() return s:idle() end)
end

local function adopted(t)
  kit.with({}, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", { value = 1000, currency = "USD", notes = "a" }).id
    s:act("create-opportunity", { name = "Plant sensor rollout", value = 1000, currency = "USD",
      notes = "a", values = { [IDENTIFIER] = deal, [SYNC] = true } })
    s:set("lose_callbacks", false)
    s:act("edit", { id = deal, notes = "b" })
    wait_idle(s)
    host.sleep(PAST_LOOKS_MS)
    wait_idle(s)
    local row = kit.opportunity(s)
    t.ok(not row.link and row.audit == "", "nothing is written to a row this state did not make")
    t.eq(kit.referrals(s)[1].externalReferenceId, nil, "nor to the referral")
    local report = json.decode((s:command("sync", { "--all", "--json" })))
    t.eq(report.found, 1, "deals on both sides, not adopted")
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq(kit.referrals(s)[1].externalReferenceId, row.id, "CRM id written after adoption")
    t.ok(kit.opportunity(s).link, "link column written")
  end)
end

local function older_than_the_state(t)
  kit.with({ host = false }, function(s)
    s:set("clock_offset_ms", "0")
    local deal = s:act("portal-create", { value = 1000, currency = "EUR", notes = "a" }).id
    local row = s:act("create-opportunity", { name = "Plant sensor rollout", value = 1000,
      currency = "EUR", notes = "a", closing_date = "2031-09-30",
      account = { name = "Hoshino Parts KK", country = "JP" }, solutions = { "SOL-10001-ABC" },
      values = { [IDENTIFIER] = deal }, sync = true }).id
    s:act("edit", { id = deal, external = row })
    -- both were made an hour ago: longer than two looks overlap
    s:set("clock_offset_ms", HOUR_MS)
    s:host_start { profile = s.profile, state = s.state,
      env = { COSELL_CLOCK = tostring(HOUR_MS) } }
    s:host_ready()
    kit.registered(s)
    s:rest()
    t.eq(#kit.referrals(s), 1, "referrals of the one deal")
  end)
end

return function(t)
  t.case("adoption: a row that names a referral is linked with it", function() adopted(t) end)
  t.case("adoption: with a fresh state, a row that names an older referral is not sent again",
    function() older_than_the_state(t) end)
end

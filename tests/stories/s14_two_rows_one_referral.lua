-- Situation 14: two rows carry one referral's identifier.  The link's row has it; without a link
-- the row that the referral names, else the oldest.  The other is marked, and told why.
local kit = require "commands.kit"
local rules = require "commands.rules"

local HOUR_MS = 3600000
local WHY = "the identifier is that of"

-- Typed by hand: the identifier, not our link.
local function typed(s, name, deal)
  return s:act("create-opportunity", { name = name, value = 1000, currency = "EUR", notes = "a",
    closing_date = "2031-09-30", account = { name = "Hoshino Parts KK", country = "JP" },
    solutions = { "SOL-10001-ABC" },
    values = { [rules.IDENTIFIER] = deal, [rules.SYNC] = true } }).id
end

local function told(t, s, other)
  local o = kit.opportunity(s, other)
  t.ok(o.name:find("^✖"), "marked: " .. o.name)
  t.eq(rules.count(o.audit, WHY), 1, "told why: " .. o.audit)
end

local function untouched(t, s, id, referrals)
  local o = kit.opportunity(s, id)
  t.ok(not o.name:find("✖", 1, true), "the owner is not marked: " .. o.name)
  t.eq(rules.count(o.audit, WHY), 0, "nor told: " .. o.audit)
  t.eq(#kit.referrals(s), referrals, "referrals")
end

local function linked(t)
  kit.started(function(s, deal, row)
    local other = typed(s, "Typed by hand", deal)
    s:rest()
    told(t, s, other)
    untouched(t, s, row, 1)
    t.eq(kit.referrals(s)[1].externalReferenceId, row, "the referral is still the link's")
    kit.quiet(t, s)
    kit.describe(s, other, "of the other row")
    s:rest()
    t.ok(kit.referrals(s)[1].details.notes ~= "of the other row", "nothing of it travels")
    kit.describe(s, row, "of the link's row")
    s:rest()
    t.eq(kit.referrals(s)[1].details.notes, "of the link's row")
    told(t, s, other)
    kit.quiet(t, s)
  end)
end

-- The identifier typed wrongly is cleared: the row is a deal of its own.
local function cleared(t)
  kit.started(function(s, deal, row)
    local other = typed(s, "Typed by hand", deal)
    s:rest()
    told(t, s, other)
    rules.edit(s, other, { [rules.IDENTIFIER] = json.null })
    s:rest()
    untouched(t, s, row, 2)
    local o = kit.opportunity(s, other)
    t.ok(o.identifier and o.identifier ~= deal, "a referral of its own; audit: " .. o.audit)
    t.ok(o.name:find("^✔"), "the mark: " .. o.name)
    kit.quiet(t, s)
  end)
end

-- Rows and a referral that are older than the state.  named: the number of the row that the
-- referral names.
local function unlinked(named, body)
  kit.with({ clock = true, host = false }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "EUR", notes = "a" }).id
    local rows = { typed(s, "First", deal) }
    s:clock(HOUR_MS)
    rows[2] = typed(s, "Second", deal)
    if named then
      s:act("edit", { id = deal, external = rows[named] })
    end
    s:clock(HOUR_MS)
    s:host_start { profile = s.profile, state = s.state }
    s:host_ready()
    kit.registered(s)
    s:rest()
    body(s, deal, rows)
  end)
end

local function owned(t, named, owner, other)
  unlinked(named, function(s, deal, rows)
    told(t, s, rows[other])
    untouched(t, s, rows[owner], 1)
    t.eq(s:command_json("deal", { rows[owner] }).state, "found", "waits to be adopted")
    kit.quiet(t, s)
    t.eq(select(2, s:command("deal", { "adopt", rows[owner] })), 0, "adopted")
    s:rest()
    t.eq(kit.referrals(s)[1].externalReferenceId, rows[owner])
    t.eq(kit.opportunity(s, rows[owner]).identifier, deal)
    told(t, s, rows[other])
    untouched(t, s, rows[owner], 1)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 14: the link's row keeps the referral, the other is told",
    function() linked(t) end)
  t.case("situation 14: the other's identifier is cleared: a deal of its own",
    function() cleared(t) end)
  t.case("situation 14: without a link, the row that the referral names has it",
    function() owned(t, 2, 2, 1) end)
  t.case("situation 14: without a link, the referral names the older row",
    function() owned(t, 1, 1, 2) end)
  t.case("situation 14: without a link, and none is named: the oldest has it",
    function() owned(t, nil, 1, 2) end)
end

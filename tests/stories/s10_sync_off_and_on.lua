-- Situation 10: a seller switches Sync off, both sides are edited, and Sync is switched on again.
-- Nothing travels meanwhile; then both are merged from the bases that were kept.
local kit = require "commands.kit"

local function sync(s, row, on)
  s:act("sync", { id = row, sync = on and "yes" or "no" })
end

local function crm_value(s, _, row)
  s:act("edit", { table = "opportunity", id = row, values = { estimatedvalue = 2000 } })
end

local function crm_notes(s, _, row)
  kit.describe(s, row, "ours")
end

local function portal_notes(s, deal)
  s:act("edit", { id = deal, notes = "theirs" })
end

local function portal_date(s, deal)
  s:act("edit", { id = deal, closing_date = "2031-08-31T00:00:00Z" })
end

local function both(s)
  local r, o = kit.referrals(s)[1], kit.opportunity(s)
  return { tonumber(r.details.dealValue), r.details.notes, r.details.closingDateTime:sub(1, 10) },
    { tonumber(o.value), o.notes, o.closing_date }
end

-- seen: whether the host hears of each step as it is done, or of all together in the end
local function off_and_on(t, seen, edits, want, conflicts)
  kit.started(function(s, deal, row)
    local function heard()
      if seen then
        s:rest()
      end
    end
    s:set("lose_callbacks", not seen)
    sync(s, row, false)
    heard()
    local writes = kit.writes(s)
    for _, edit in ipairs(edits) do
      edit(s, deal, row)
      heard()
    end
    t.eq(kit.writes(s), writes, "writes while Sync is off")
    if seen then
      t.eq(s:command_json("deal", { deal }).state, "suspended")
    end
    sync(s, row, true)
    s:rest()
    local partner, crm = both(s)
    t.eq(partner, want, "Partner Center")
    t.eq(crm, want, "the CRM")
    t.eq(#s:command_json("conflicts"), conflicts, "conflicts")
    t.eq(#kit.referrals(s), 1, "referrals")
    t.eq(s:command_json("deal", { deal }).state, "open")
    kit.quiet(t, s)
  end)
end

local function different_fields(t, seen, first, second)
  off_and_on(t, seen, { first, second, portal_date }, { 2000, "theirs", "2031-08-31" }, 0)
end

-- The CRM wins, and the loser is told, once.
local function same_field(t, first, second)
  kit.started(function(s, deal, row)
    sync(s, row, false)
    s:rest()
    first(s, deal, row)
    second(s, deal, row)
    s:rest()
    sync(s, row, true)
    s:rest()
    t.eq({ kit.referrals(s)[1].details.notes, kit.opportunity(s).notes }, { "ours", "ours" })
    t.eq(#s:command_json("conflicts"), 1, "conflicts")
    t.has(kit.opportunity(s).audit, "Partner Center had theirs")
    kit.quiet(t, s)
  end)
end

local function closed_meanwhile(t)
  kit.started(function(s, deal, row)
    sync(s, row, false)
    s:rest()
    s:act("close", { id = deal, state = "lost" })
    s:rest()
    t.eq(kit.opportunity(s).state, 0, "nothing travels while Sync is off")
    sync(s, row, true)
    s:rest()
    t.eq(kit.opportunity(s).state, 2, "then it does")
    kit.quiet(t, s)
  end)
end

-- A comparison of both sides is no reason to write either.
local function compared_meanwhile(t)
  kit.started(function(s, deal, row)
    sync(s, row, false)
    s:rest()
    crm_notes(s, deal, row)
    portal_date(s, deal)
    local writes = kit.writes(s)
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq(kit.writes(s), writes, "writes while Sync is off")
    sync(s, row, true)
    s:rest()
    t.eq({ kit.referrals(s)[1].details.notes, kit.opportunity(s).closing_date },
      { "ours", "2031-08-31" })
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 10: the CRM is edited first, then the portal",
    function() different_fields(t, true, crm_value, portal_notes) end)
  t.case("situation 10: the portal is edited first, then the CRM",
    function() different_fields(t, true, portal_notes, crm_value) end)
  t.case("situation 10: off, edits and on are heard together",
    function() different_fields(t, false, crm_value, portal_notes) end)
  t.case("situation 10: the same field, the CRM first",
    function() same_field(t, crm_notes, portal_notes) end)
  t.case("situation 10: the same field, the portal first",
    function() same_field(t, portal_notes, crm_notes) end)
  t.case("situation 10: the referral is closed while Sync is off",
    function() closed_meanwhile(t) end)
  t.case("situation 10: a comparison while Sync is off writes nothing",
    function() compared_meanwhile(t) end)
end

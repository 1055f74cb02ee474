-- Situation 15: an opportunity is copied in the CRM, our columns with it.  The copy is a deal of
-- its own, not synchronised until somebody wants it; the original never notices.
local kit = require "commands.kit"

local function original(s, row)
  local o = kit.opportunity(s, row)
  return { o.name, o.identifier, o.link, o.microsoft_id, o.sync, o.audit, o.row.modifiedon }
end

local function clean(t, s, copy)
  local o = kit.opportunity(s, copy)
  t.eq({ o.identifier, o.link, o.microsoft_id }, {}, "our columns are empty")
  t.eq(o.sync, false, "Sync")
  t.eq(o.name, "Plant sensor rollout", "without mark")
  t.has(o.audit, 'copy of "Plant sensor rollout"')
  t.ok(not o.audit:find("\n", 1, true), "nothing of the original's history: " .. o.audit)
end

-- A deal that Microsoft has accepted, so that every column of ours is filled.
local function accepted(body)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD",
      help = "GeneralOrOther" }).id
    s:rest()
    s:act("microsoft-accept", { id = deal })
    s:rest()
    body(s, deal, kit.opportunity(s).id)
  end)
end

local function copied(t)
  accepted(function(s, deal, row)
    local before = original(s, row)
    local copy = s:act("copy", { id = row }).id
    s:rest()
    clean(t, s, copy)
    t.eq(original(s, row), before, "the original")
    t.eq(#kit.referrals(s), 1, "referrals")
    t.eq(kit.referrals(s)[1].externalReferenceId, row)
    kit.quiet(t, s)
    s:act("edit", { id = deal, notes = "for the original" })
    s:rest()
    t.eq({ kit.opportunity(s, row).notes, kit.opportunity(s, copy).notes ~= "for the original" },
      { "for the original", true }, "news go to the original")
    kit.quiet(t, s)
  end)
end

-- Edited on the copy and on the original before anybody looked.
local function edited_at_once(t, copy_first)
  accepted(function(s, _, row)
    local copy = s:act("copy", { id = row }).id
    local steps = { function() kit.describe(s, copy, "of the copy") end,
      function() kit.describe(s, row, "of the original") end }
    steps[copy_first and 1 or 2]()
    steps[copy_first and 2 or 1]()
    s:rest()
    clean(t, s, copy)
    t.eq(kit.opportunity(s, copy).notes, "of the copy", "the seller's text stays")
    t.eq(kit.referrals(s)[1].details.notes, "of the original")
    t.eq(#kit.referrals(s), 1, "referrals")
    kit.quiet(t, s)
  end)
end

local function sent_as_its_own(t)
  accepted(function(s, deal, row)
    local copy = s:act("copy", { id = row }).id
    s:rest()
    clean(t, s, copy)
    s:act("edit", { table = "opportunity", id = copy, values = { ownerid = "Ken Aoki" } })
    s:act("add-solution", { opportunity = copy, solution = "SOL-10002-DEF" })
    s:act("sync", { id = copy })
    s:rest()
    local o = kit.opportunity(s, copy)
    t.ok(o.identifier and o.identifier ~= deal, "a referral of its own; audit: " .. o.audit)
    t.eq(#kit.referrals(s), 2, "referrals")
    t.eq(kit.opportunity(s, row).identifier, deal)
    kit.quiet(t, s)
  end)
end

-- Nobody reads rows whose Sync is off: the copy is cleaned when somebody switches it on.
local function of_a_suspended_row(t)
  accepted(function(s, deal, row)
    s:act("sync", { id = row, sync = "no" })
    s:rest()
    local copy = s:act("copy", { id = row }).id
    s:rest()
    s:act("sync", { id = copy })
    s:rest()
    clean(t, s, copy)
    t.eq(#kit.referrals(s), 1, "referrals")
    t.eq({ kit.opportunity(s, row).identifier, kit.opportunity(s, row).sync }, { deal, false })
    kit.quiet(t, s)
  end)
end

local function copy_of_a_copy(t)
  accepted(function(s, _, row)
    local first = s:act("copy", { id = row }).id
    local second = s:act("copy", { id = first }).id
    s:rest()
    clean(t, s, first)
    clean(t, s, second)
    t.eq(#kit.referrals(s), 1, "referrals")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 15: a copy is cleaned, the original is left alone",
    function() copied(t) end)
  t.case("situation 15: the copy is edited, then the original",
    function() edited_at_once(t, true) end)
  t.case("situation 15: the original is edited, then the copy",
    function() edited_at_once(t, false) end)
  t.case("situation 15: a copy that is wanted becomes a deal of its own",
    function() sent_as_its_own(t) end)
  t.case("situation 15: a copy of a row whose Sync is off", function() of_a_suspended_row(t) end)
  t.case("situation 15: a copy of the copy", function() copy_of_a_copy(t) end)
end

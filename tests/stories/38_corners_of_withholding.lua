-- Corners of what is held back: values that one side cannot hold, a third value of a mapping, flows
-- that are off, sharing that is not sent, a table of leads without the Sync column.
local kit = require "commands.kit"
local rules = require "commands.rules"

local BEYOND = "is beyond what the CRM's column holds"

local function shown(s, deal)
  return rules.referral(s, deal).consent.consentToShareReferralWithMicrosoftSellers
end

-- ---- Values beyond a range ----

-- The column is widened, and its definition is old enough to be read again.
local function widen(s)
  s:act("change-definition", { table = "opportunity", column = "estimatedvalue",
    max = 9000000000000 })
  s:clock(61000)
end

local function too_much(t)
  kit.with({ clock = true }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    s:act("edit", { id = deal, value = 5000000000000, notes = "the rest travels" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.notes, tonumber(o.value) }, { "the rest travels", 1000 }, o.audit)
    t.eq(rules.count(o.audit, BEYOND), 1, o.audit)
    kit.describe(s, o.id, "another edit")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "another edit")
    t.eq(rules.count(kit.opportunity(s).audit, BEYOND), 1, "said once")
    kit.quiet(t, s)
    widen(s)
    s:act("edit", { id = deal, notes = "a look" })
    s:rest()
    t.ok(tonumber(kit.opportunity(s).value) // 1 == 5000000000000, kit.opportunity(s).audit)
    kit.quiet(t, s)
  end)
end

local function too_much_at_first(t)
  kit.with({ clock = true }, function(s)
    local deal = s:act("portal-create", { value = 5000000000000, currency = "USD" }).id
    s:rest()
    local o = kit.wait("the row", function() return kit.opportunity(s) end)
    t.eq(o.value, nil, "the row is made without it")
    t.eq(rules.count(o.audit, BEYOND), 1, o.audit)
    kit.quiet(t, s)
    widen(s)
    s:act("edit", { id = deal, notes = "a look" })
    s:rest()
    t.ok(tonumber(kit.opportunity(s).value) // 1 == 5000000000000, kit.opportunity(s).audit)
    kit.quiet(t, s)
  end)
end

local function refuse(s, count)
  s:fault("partner", { method = "PATCH", status = 400, count = count, body =
    '{"error":{"code":"validationFailed","message":"details/dealValue: out of range"}}' })
end

local function refused_there(t)
  rules.sent({}, function(s, row, deal)
    refuse(s, 2)
    rules.edit(s, row, { estimatedvalue = 700000, description = "the rest travels" })
    s:rest()
    t.eq(tonumber(rules.referral(s, deal).details.dealValue), 90000)
    s:fault("clear")
    rules.edit(s, row, { description = "a look" })
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.details.notes, tonumber(r.details.dealValue) }, { "a look", 700000 })
    kit.quiet(t, s)
  end)
end

local function refused_by_name(t)
  rules.sent({}, function(s, row, deal)
    refuse(s, 1)
    rules.edit(s, row, { estimatedvalue = 700000, description = "the rest travels" })
    s:rest()
    local r, o = rules.referral(s, deal), kit.opportunity(s)
    t.eq({ r.details.notes, tonumber(r.details.dealValue), tonumber(o.value) },
      { "the rest travels", 90000, 700000 }, o.audit)
    refuse(s, 1)
    rules.edit(s, row, { description = "refused again" })
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "refused again")
    t.eq(rules.count(kit.opportunity(s).audit, "deal value: Partner Center refuses this value"), 1,
      kit.opportunity(s).audit)
    rules.edit(s, row, { description = "a look" })
    s:rest()
    t.eq(tonumber(rules.referral(s, deal).details.dealValue), 700000, "it was still a change")
    kit.quiet(t, s)
  end)
end

local function many_solutions(t)
  kit.with({}, function(s)
    local ids = {}
    for i = 1, 51 do
      ids[i] = ("SOL-2%04d-XYZ"):format(i)
      s:act("create", { table = "msft_microsoftsolutiondetail",
        values = { msft_name = "S" .. i, msft_solutionidentifier = ids[i] } })
    end
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    local deal = kit.opportunity(s, row).identifier
    for _, id in ipairs(ids) do
      s:act("add-solution", { opportunity = row, solution = id })
    end
    kit.describe(s, row, "the rest travels")
    s:rest()
    local r, audit = rules.referral(s, deal), kit.opportunity(s, row).audit
    t.eq({ r.details.notes, #r.details.requirements.solutions }, { "the rest travels", 1 }, audit)
    t.eq(rules.count(audit, "more than 50 solutions"), 1, audit)
    for i = 1, 2 do
      s:act("remove-solution", { opportunity = row, solution = ids[i] })
    end
    s:rest()
    t.eq(#rules.referral(s, deal).details.requirements.solutions, 50, "once there are 50")
    kit.quiet(t, s)
  end)
end

-- ---- A third value ----

local MERGES = [[
return { api = 1, resolve = function(field, crm, partner)
  if field == "notes" then return crm .. " + " .. partner end
  if field == "value" then return 95000 end
end }
]]

local function third_value(t)
  rules.sent({ files = { ["details.lua"] = MERGES } }, function(s, row, deal)
    rules.both_change(s, row, { description = "A", estimatedvalue = 91000 }, deal,
      { notes = "B", value = 92000 })
    s:rest()
    local o, r = kit.opportunity(s), rules.referral(s, deal)
    t.eq({ o.notes, r.details.notes, tonumber(o.value), tonumber(r.details.dealValue) },
      { "A + B", "A + B", 95000, 95000 }, o.audit)
    t.has(o.audit, "`resolve` gave both A + B, the CRM had A, Partner Center had B")
    local kept = {}
    for _, c in ipairs(s:command_json("conflicts")) do
      kept[c.field] = { c.kept, c.crm, c.partner, c.value }
    end
    t.eq(kept.notes, { "resolve", "A", "B", "A + B" })
    local text = s:command("conflicts")
    for _, part in ipairs { "`resolve`", "A + B", "lost  CRM", "lost  Partner Center" } do
      t.has(text, part)
    end
    kit.quiet(t, s)
  end)
end

-- ---- Flows that are off ----

local function updates_off(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD",
      help = "GeneralOrOther" }).id
    s:rest()
    s:command("flows", { "disable", "e" })
    s:act("microsoft-accept", { id = deal })
    s:act("edit", { id = deal, notes = "ours travels" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.notes, o.microsoft_id, rules.count(o.audit, "Microsoft accepted") },
      { "ours travels", nil, 0 }, o.audit)
    kit.quiet(t, s)
    s:command("flows", { "enable", "e" })
    kit.wait("what Microsoft did", function() return kit.opportunity(s).microsoft_id end)
    s:rest()
    t.eq(rules.count(kit.opportunity(s).audit, "Microsoft accepted"), 1, "heard once")
    kit.quiet(t, s)
  end)
end

local function updates_off_at_first(t)
  kit.with({}, function(s)
    s:command("flows", { "disable", "e" })
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", { value = 1000, currency = "USD",
      help = "GeneralOrOther" }).id
    s:act("microsoft-accept", { id = deal })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.microsoft_id, o.help, rules.count(o.audit, "Microsoft accepted") }, { nil, nil, 0 },
      o.audit)
    s:command("flows", { "enable", "e" })
    kit.wait("what Microsoft did", function() return kit.opportunity(s).microsoft_id end)
    s:rest()
    o = kit.opportunity(s)
    t.eq(rules.count(o.audit, "Microsoft accepted"), 1, o.audit)
    t.ok(o.help, "and the help that was asked")
    kit.quiet(t, s)
  end)
end

-- ---- Sharing that is not sent ----

local function help_while_off(t)
  rules.sent({}, function(s, row, deal)
    s:command("flows", { "disable", "g", "--with-dependents" })
    rules.edit(s, row, { [rules.HELP] = "General or other" })
    s:act("edit", { id = deal, notes = "a look" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.notes, o.visible or false, shown(s, deal), rules.count(o.audit, "visible") },
      { "a look", false, false, 0 }, o.audit)
    s:command("flows", { "enable", "g" })
    s:command("flows", { "enable", "h" })
    kit.wait("the share", function() return #select(2, kit.referrals(s)) == 1 end)
    s:rest()
    t.eq({ kit.opportunity(s).visible, shown(s, deal) }, { true, true })
  end)
end

local function visible_settles(t)
  kit.with({ clock = true, settings = { settle = 60 } }, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    local row = kit.opportunity(s).id
    rules.edit(s, row, { [rules.VISIBLE] = true, description = "goes at once" })
    kit.wait("the update", function()
      return rules.referral(s, deal).details.notes == "goes at once" or s:rest()
    end)
    t.eq(shown(s, deal), false, "an update does not wait, sharing does")
    rules.edit(s, row, { [rules.VISIBLE] = false }) -- chosen by mistake
    s:clock(61000)
    s:rest()
    t.eq(shown(s, deal), false, "taken back in time")
    rules.edit(s, row, { [rules.VISIBLE] = true })
    s:rest()
    s:clock(61000)
    kit.wait("the sellers see it", function() return shown(s, deal) end)
    s:rest()
    kit.quiet(t, s)
  end)
end

-- ---- Leads ----

-- A column that opportunities have and leads do not.
local function sync_elsewhere(profile)
  return (profile:gsub("settings = {",
    'columns = { sync = "isrevenuesystemcalculated" },\n  settings = {', 1))
end

local function lead_without_sync(t)
  kit.with({ edit = sync_elsewhere }, function(s)
    local deal = s:act("microsoft-create", { kind = "marketplace", value = 1000, currency = "USD",
      notes = "as sent", customer = "Kiso Valley Foods KK",
      contact = { first_name = "Rin", last_name = "Kiso", email = "rin@kiso.example" } }).id
    s:rest()
    local function lead()
      return s:rows("crm:lead")[1]
    end
    s:act("edit", { id = deal, name = "Renamed there" })
    s:rest()
    t.has(lead().subject, "Renamed there")
    s:act("disqualify", { id = lead().leadid })
    s:rest()
    t.eq(rules.stands(s, deal), "Closed/Declined")
  end)
end

local CASES = {
  { "a value beyond the column's range is held alone and comes once it fits", too_much },
  { "a deal whose value is beyond the range is made without it", too_much_at_first },
  { "a value that Partner Center refuses by name is held alone", refused_by_name },
  { "a value that it goes on refusing holds back nothing for good", refused_there },
  { "more than 50 solutions are held alone", many_solutions },
  { "a third value of `resolve` goes to both sides", third_value },
  { "with flow e off nothing of Microsoft's copy is heard, and later all of it", updates_off },
  { "with flow e off a new deal's row holds nothing of Microsoft's copy", updates_off_at_first },
  { "help chosen while flow g is off shows nothing as shared", help_while_off },
  { "a deal becomes visible to sellers once it was left alone", visible_settles },
  { "a table of leads without the Sync column is not switched off", lead_without_sync },
}

return function(t)
  for _, case in ipairs(CASES) do
    t.case("withheld: " .. case[1], function() case[2](t) end)
  end
end

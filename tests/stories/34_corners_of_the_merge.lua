-- Corners of the merge: what is easily lost, undone or said again and again when both sides of a
-- deal move.
local kit = require "commands.kit"
local rules = require "commands.rules"

local HOLD_MS = 1500 -- a write to the row is held that long, for an edit to come in between
local ONE, TWO = "SOL-10001-ABC", "SOL-10002-DEF"
local NOTES = "First site in spring, second in autumn"
local NAME = "Plant sensor rollout, phase 2"

-- The write of longer texts to the row is refused, since its seller has just saved another column.
-- What stands on the row then is the beginning of each, and yet no text that its column cut.
local function appended(t)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    s:act("edit", { id = deal, notes = NOTES, name = NAME })
    local held = rules.holding(s, "crm", { method = "POST", path = "batch", delay_ms = HOLD_MS })
    s:command("sync")
    held()
    rules.edit(s, row, { estimatedclosedate = "2032-01-31" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.notes, o.name, o.closing_date }, { NOTES, "✔ " .. NAME, "2032-01-31" },
      "notes, name and closing date")
    t.eq(rules.referral(s, deal).details.notes, NOTES, "the notes in the portal")
  end)
end

-- The grid of the CRM and the list of the portal both take a solution a second time.
local function same_twice(t)
  rules.sent({}, function(s, row, deal)
    s:act("add-solution", { opportunity = row, solution = ONE })
    s:rest()
    s:act("edit", { id = deal, solutions = ONE .. "," .. ONE })
    s:rest()
    kit.describe(s, row, "an edit")
    s:rest()
    local audit = kit.opportunity(s, row).audit
    t.eq(s:command_json("deal", { row }).frozen, nil, "frozen")
    t.eq(rules.count(audit, "solutions"), 0, "lines about solutions: " .. audit)
    t.eq(rules.referral(s, deal).details.notes, "an edit")
    kit.quiet(t, s)
  end)
end

-- The portal knows more of a solution than the CRM does.
local function others_stay(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "EUR", solutions = { { id = ONE,
      name = "One", type = "Name", price = 10, currency = "USD", quantity = 2,
      publisherName = "Aoba", solutionType = "IPCoSell" } } }).id
    s:rest()
    local before = rules.referral(s, deal).details.requirements.solutions[1]
    s:act("add-solution", { opportunity = kit.opportunity(s).id, solution = TWO })
    s:rest()
    local list = rules.referral(s, deal).details.requirements.solutions
    t.eq(#list, 2, "solutions")
    t.eq(list[1], before, "the first solution, as it was")
  end)
end

-- Two deals get a value in a currency that the CRM lacks.  A seller edits the value of the one:
-- that is a conflict.  The other's comes once the administrator has added the currency.
local function held_currency(t)
  kit.started(function(s, edited, row)
    local waiting = s:act("portal-create", { name = "Waiting", value = 1000, currency = "USD" }).id
    s:rest()
    local other = rules.referral(s, waiting).externalReferenceId
    for _, deal in ipairs { edited, waiting } do
      s:act("edit", { id = deal, value = 9000, currency = "SEK" })
    end
    s:rest()
    t.has(kit.opportunity(s, other).audit, "currency SEK does not exist in the CRM")
    rules.edit(s, row, { estimatedvalue = 1200 })
    s:rest()
    t.ok(#s:command_json("conflicts") > 0, "the value in SEK is overwritten, and listed nowhere")
    rules.add_currency(s, "SEK")
    kit.describe(s, other, "looked at again")
    s:rest()
    t.eq({ tonumber(kit.opportunity(s, other).value),
      tonumber(rules.referral(s, waiting).details.dealValue) }, { 9000, 9000 },
      "the value that waited, here and there")
  end)
end

-- A help code of Microsoft's that the column has no option for; then the name is gone.
local function nothing_to_write(t)
  kit.started(function(s, deal)
    s:act("upgrade", { id = deal, help = "GeneralOrOther" })
    s:act("set-raw", { id = deal, path = "inviteContext/assistanceRequestCode",
      value = '"BrandNewHelp"', copy = "microsoft" })
    s:rest()
    s:act("edit", { id = deal, notes = "one" })
    s:rest()
    local audit = kit.opportunity(s).audit
    t.eq(rules.count(audit, "Microsoft was asked for BrandNewHelp"), 1, audit)
    t.eq(rules.count(audit, "→ (empty)"), 0, "an empty value is said to have come: " .. audit)
    s:act("set-raw", { id = deal, path = "name", value = "null" })
    s:act("edit", { id = deal, notes = "two" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.name, o.notes }, { "✔ Plant sensor rollout", "two" }, "name and notes")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

-- Microsoft sent the deal, so it has a copy, and no help can be asked of it.
local function already_in(t)
  kit.with({}, function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" }).id
    s:rest()
    s:act("accept", { id = deal })
    s:rest()
    local row = kit.opportunity(s).id
    rules.edit(s, row, { [rules.HELP] = "General or other" })
    s:rest()
    kit.describe(s, row, "an edit")
    s:rest()
    local audit = kit.opportunity(s).audit
    t.eq(rules.count(audit, "Microsoft has the deal already"), 1, audit)
    t.eq(rules.count(audit, "Sent to Partner Center: help"), 0, "said to be sent: " .. audit)
    t.eq(select(2, kit.referrals(s))[1].inviteContext.assistanceRequestCode, "Unknown")
    kit.quiet(t, s)
  end)
end

-- The setting display_check_mark goes off while ✔ stands in the name.
local function marks_off(t)
  rules.sent({}, function(s, row, deal)
    local before = s:status().generation
    assert(host.file.write(s.profile .. "/profile.lua",
      kit.profile_text(s, s.port, { display_check_mark = "false" })))
    kit.wait("the new generation", function() return s:status().generation > before end)
    kit.describe(s, row, "an edit")
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.name, r.details.notes }, { "Harbour", "an edit" }, "name and notes in the portal")
    t.eq(kit.opportunity(s, row).name, "Harbour", "the name in the CRM")
  end)
end

-- One solution after the other that the CRM does not have: each is told, and none repeats another.
local function notices(t)
  kit.started(function(s, deal)
    local list = ONE
    for i = 1, 6 do
      list = list .. (",SOL-3000%d-XYZ"):format(i)
      s:act("edit", { id = deal, solutions = list })
      s:rest()
    end
    t.eq(s:command_json("deal", { deal }).frozen, nil, "frozen")
    t.has(kit.opportunity(s).audit, "solution SOL-30006-XYZ is not in the CRM's table")
  end)
end

local MARKS = [[
return { api = 1, marks = { ok = "🟢 ", failed = "🔴 ", place = "front" } }
]]

-- The CRM counts a sign like this as two characters.
local function long_texts(t)
  kit.with({ files = { ["details.lua"] = MARKS } }, function(s)
    s:act("portal-create", { name = ("n"):rep(320), value = 1000, currency = "USD" })
    s:act("portal-create", { name = "short", value = 1000, currency = "USD",
      customer = ("😀"):rep(100) })
    s:rest()
    t.eq({ #kit.opportunities(s), s:status().queue.dead }, { 2, 0 }, "rows, dead letters")
  end)
end

return function(t)
  t.case("corner: texts appended in the portal outlive a refused write", function()
    appended(t)
  end)
  t.case("corner: the same solution twice, here or there, is one", function() same_twice(t) end)
  t.case("corner: a solution that is added leaves the others as they are", function()
    others_stay(t)
  end)
  t.case("corner: a value in a currency that the CRM lacks waits and is not overwritten unlisted",
    function() held_currency(t) end)
  t.case("corner: an unknown help code and a name that is gone hold nothing else back", function()
    nothing_to_write(t)
  end)
  t.case("corner: help chosen where Microsoft is in already is told once, and not sent", function()
    already_in(t)
  end)
  t.case("corner: marks that are switched off are no rename", function() marks_off(t) end)
  t.case("corner: six notices one after the other are no circle", function() notices(t) end)
  t.case("corner: names with emoji are cut by what the CRM counts", function() long_texts(t) end)
end

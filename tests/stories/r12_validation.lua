-- Rule 12: a deal that lacks something is not sent at all, and each cause is named with its remedy;
-- of an update only the bad value is held.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function all_causes(t)
  kit.with({}, function(s)
    s:rest()
    local row = s:act("create-opportunity", rules.deal { value = 0, closing_date = false,
      solutions = {}, help = "General or other", contact = false }).id
    s:rest()
    t.eq(#kit.referrals(s), 0, "nothing is sent")
    local o = kit.opportunity(s, row)
    t.eq(o.name, "✖ Harbour")
    for _, remedy in ipairs { "enter a value above 0", "closing date is empty: enter one",
      "add at least one", "has no contact: choose one" } do
      t.has(o.audit, remedy)
    end
    t.eq(rules.count(o.audit, "Not sent"), 1, "in one line")
  end)
end

local function one_by_one(t)
  rules.sent({ settings = { remove_last_solution = '"keep"' } }, function(s, row, deal)
    rules.edit(s, row, { estimatedclosedate = json.null, name = "Renamed",
      description = "good" })
    s:act("remove-solution", { opportunity = row, solution = "SOL-10001-ABC" })
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.name, r.details.notes }, { "Renamed", "good" }, "what is good travels")
    t.eq({ r.details.closingDateTime:sub(1, 10), #r.details.requirements.solutions },
      { "2031-09-30", 1 }, "what is not stays")
    local audit = kit.opportunity(s).audit
    t.has(audit, "the closing date is empty")
    t.has(audit, "at least one solution must stay")
    rules.edit(s, row, { estimatedclosedate = "2031-10-31" })
    s:act("add-solution", { opportunity = row, solution = "SOL-10002-DEF" })
    s:rest()
    r = rules.referral(s, deal)
    t.eq({ r.details.closingDateTime:sub(1, 10), r.details.requirements.solutions[1].id },
      { "2031-10-31", "SOL-10002-DEF" }, "once mended")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("rule 12: a create names all that is missing, with remedies, and sends nothing",
    function() all_causes(t) end)
  t.case("rule 12: an update holds the bad values alone", function() one_by_one(t) end)
end

-- Rule 11: the same is said once, nothing is written only to say it again, and what failed is tried
-- again at the next change, and daily.
local kit = require "commands.kit"
local rules = require "commands.rules"

local DAY_MS = 24 * 3600000

local function refusal(t)
  kit.with({}, function(s)
    s:rest()
    local row = s:act("create-opportunity", rules.deal { value = 0 }).id
    s:rest()
    t.eq(rules.writes_by(s, function()
      rules.edit(s, row, { closeprobability = 50 })
      s:rest()
      rules.edit(s, row, { name = "Harbour" }) -- the seller takes the mark away
    end), 0, "writes while the cause is the same")
    t.eq(rules.count(kit.opportunity(s).audit, "above 0"), 1, kit.opportunity(s).audit)
    rules.edit(s, row, { estimatedclosedate = json.null })
    s:rest()
    t.has(kit.opportunity(s).audit, "closing date is empty", "another cause is said")
  end)
end

local function withheld(t)
  rules.sent({}, function(s, row)
    rules.edit(s, row, { estimatedvalue = 0 })
    s:rest()
    t.eq(rules.writes_by(s, function()
      rules.edit(s, row, { closeprobability = 50 })
    end), 0, "writes")
    t.eq(rules.count(kit.opportunity(s).audit, "0 or empty"), 1, kit.opportunity(s).audit)
  end)
end

local function mark_alone(t)
  rules.sent({}, function(s, row, deal)
    t.eq(rules.writes_by(s, function() rules.edit(s, row, { name = "Harbour" }) end), 0,
      "writes to restore a mark")
    s:act("edit", { id = deal, notes = "real" })
    s:rest()
    t.eq(kit.opportunity(s).name, "✔ Harbour", "back with the next real write")
  end)
end

local function failed_once(s, row)
  s:fault("partner", { method = "PATCH", status = 400, count = 1 })
  kit.describe(s, row, "refused once")
  s:rest()
end

local function next_change(t)
  rules.sent({}, function(s, row, deal)
    failed_once(s, row)
    t.eq(s:status().queue.dead, 1, "dead letters")
    t.has(kit.opportunity(s).name, "✖ ")
    s:act("edit", { id = deal, value = 5 })
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "refused once", "sent along")
    t.eq(kit.opportunity(s).name, "✔ Harbour")
  end)
end

local function daily(t)
  rules.sent({ clock = true }, function(s, row, deal)
    failed_once(s, row)
    s:clock(DAY_MS)
    kit.wait("another try", function()
      return rules.referral(s, deal).details.notes == "refused once"
    end)
    s:rest()
    t.eq(kit.opportunity(s).name, "✔ Harbour")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

return function(t)
  t.case("rule 11: the same refusal is written once, another one anew", function() refusal(t) end)
  t.case("rule 11: a value that is held is told once", function() withheld(t) end)
  t.case("rule 11: a mark that was taken away comes with the next real write", function()
    mark_alone(t)
  end)
  t.case("rule 11: what failed is tried again at the next change of either side", function()
    next_change(t)
  end)
  t.case("rule 11: what failed is tried again daily", function() daily(t) end)
end

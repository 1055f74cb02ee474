-- Rule 1: each side is compared with what it held itself when both last agreed, as read back.
local kit = require "commands.kit"
local rules = require "commands.rules"

local LONG = ("0123456789 "):rep(300) -- longer than the column's 2,000

-- The value is read of one column and written to another: what is written never shows.
local CALCULATED = [[
return { read = "estimatedvalue", write = "budgetamount" }
]]

local function cut(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD", notes = LONG }).id
    s:rest()
    local row = kit.opportunity(s).id
    local whole = rules.referral(s, deal).details.notes
    t.ok(#kit.opportunity(s).notes <= 2000, "the row's notes are cut")
    rules.edit(s, row, { name = "Renamed" })
    s:rest()
    s:act("edit", { id = deal, value = 2000 })
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, whole, "Partner Center's notes stay whole")
    t.eq({ rules.referral(s, deal).name, tonumber(kit.opportunity(s).value) }, { "Renamed", 2000 })
    kit.describe(s, row, "short")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "short", "an edit of the cut text travels")
    kit.quiet(t, s)
  end)
end

local function calculated(t)
  kit.with({ files = { ["deal_value.lua"] = CALCULATED } }, function(s)
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    local deal = kit.opportunity(s, row).identifier
    s:act("edit", { id = deal, value = 2000 })
    s:rest()
    local o = kit.opportunity(s, row)
    t.eq({ tonumber(o.value), tonumber(rules.referral(s, deal).details.dealValue) },
      { 90000, 2000 }, "it does not come back as an edit")
    s:act("edit", { id = deal, value = 3000, notes = "with it" })
    s:rest()
    o = kit.opportunity(s, row)
    t.eq(o.notes, "with it", "the rest travels")
    t.eq(rules.count(o.audit, "keeps its own value"), 1, "said once: " .. o.audit)
    rules.edit(s, row, { estimatedvalue = 4000 })
    s:rest()
    t.eq(tonumber(rules.referral(s, deal).details.dealValue), 4000, "the other way goes on")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("rule 01: notes that the column cut do not travel back cut", function() cut(t) end)
  t.case("rule 01: a write that does not stick makes the field one-way, said once", function()
    calculated(t)
  end)
end

-- Rule 5: what belongs together merges as one value, solutions merge one by one, and members that
-- we did not add stay.
local kit = require "commands.kit"
local rules = require "commands.rules"

local FIRST, SECOND, THIRD = "SOL-10001-ABC", "SOL-10002-DEF", "SOL-10003-GHI"

local function solutions(s, deal)
  local out = {}
  for _, item in ipairs(rules.referral(s, deal).details.requirements.solutions) do
    out[#out + 1] = item.id
  end
  table.sort(out)
  return out
end

local function rows_of(s, row)
  local n = 0
  for _, item in ipairs(s:rows("crm:msft_microsoftsolution")) do
    n = n + (item._msft_opportunityid_value == row and 1 or 0)
  end
  return n
end

local function members_of_both(t)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    s:act("add-solution", { opportunity = row, solution = SECOND })
    s:act("edit", { id = deal, solutions = FIRST .. "," .. THIRD })
    s:rest()
    t.eq(solutions(s, deal), { FIRST, SECOND, THIRD })
    t.eq(rows_of(s, row), 3, "solutions of the row")
    s:act("remove-solution", { opportunity = row, solution = FIRST })
    s:act("edit", { id = deal, solutions = FIRST .. "," .. SECOND })
    s:rest()
    t.eq(solutions(s, deal), { SECOND }, "each took one away")
    t.eq(rows_of(s, row), 1, "solutions of the row")
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    kit.quiet(t, s)
  end)
end

local function team(t)
  kit.started(function(s, deal, row)
    s:act("edit", { id = deal, team = "ken@partner.example,bo.berg@partner.example" })
    s:rest()
    rules.edit(s, row, { name = "Renamed by PUT", estimatedvalue = 2000 })
    s:rest()
    local members = rules.referral(s, deal).team
    t.eq({ #members, members[2].email }, { 2, "bo.berg@partner.example" })
    t.eq(rules.referral(s, deal).name, "Renamed by PUT")
  end)
end

local function money(t)
  kit.started(function(s, deal, row)
    rules.both_change(s, row, { estimatedvalue = 2000 }, deal, { currency = "EUR" })
    s:rest()
    local d = s:command_json("deal", { deal })
    t.eq({ d.crm.value, d.crm.currency, d.partner.value, d.partner.currency },
      { "2000.00", "USD", "2000.00", "USD" }, "one side's money on both")
    t.eq(#s:command_json("conflicts"), 2, "value and currency are listed")
  end)
end

local function reason(t)
  kit.started(function(s, deal, row)
    s:act("lose", { id = row, reason = "no budget" })
    s:rest()
    local r = rules.referral(s, deal)
    t.eq(r.status .. "/" .. r.substatus, "Closed/Lost")
    t.ok(r.statusReason and r.statusReason ~= "", "a reason goes with it")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("rule 05: solutions that come and go on both sides at once all count", function()
    members_of_both(t)
  end)
  t.case("rule 05: members of the team that the portal added outlive a PUT", function()
    team(t)
  end)
  t.case("rule 05: value here and currency there are one group", function() money(t) end)
  t.case("rule 05: status, substatus and reason go together", function() reason(t) end)
end

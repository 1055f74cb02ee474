-- Rule 17: a New referral is accepted or declined on either side; a state that nobody knows
-- changes none.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function invited(body)
  kit.with({}, function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" }).id
    s:rest()
    body(s, deal, kit.opportunity(s).id)
  end)
end

local function declined_here(t)
  invited(function(s, deal, row)
    s:act("lose", { id = row, status = 4, reason = "no capacity" })
    s:rest()
    t.eq(rules.stands(s, deal), "Closed/Declined")
    local reason = rules.referral(s, deal).statusReason
    t.ok(reason and reason ~= "", "with a reason")
    kit.quiet(t, s)
  end)
end

local function declined_there(t)
  invited(function(s, deal)
    s:act("decline", { id = deal })
    s:rest()
    t.eq({ kit.opportunity(s).state, kit.opportunity(s).status }, { 2, 4 }, "Lost / Canceled")
    kit.quiet(t, s)
  end)
end

local function kept_until(t)
  invited(function(s, deal, row)
    kit.describe(s, row, "written while New")
    s:rest()
    t.eq(rules.stands(s, deal), "New/Pending", "an edit accepts nothing")
    t.ok(rules.referral(s, deal).details.notes ~= "written while New", "not sent yet")
    s:act("edit", { id = deal, closing_date = "2031-12-31T00:00:00Z" })
    s:rest()
    t.eq(kit.opportunity(s).notes, "written while New", "and not set back")
    s:act("accept", { id = deal })
    s:rest()
    t.eq(kit.opportunity(s).status, 1, "in progress")
    t.eq(rules.referral(s, deal).details.notes, "written while New", "sent on acceptance")
    kit.quiet(t, s)
  end)
end

-- Both sides changed a text, and the CRM's is kept until the deal is accepted; then the seller
-- takes it back: the portal's is a change as before.
local function taken_back(t)
  invited(function(s, deal, row)
    local before = kit.opportunity(s).notes
    s:set("lose_callbacks", true)
    s:act("edit", { id = deal, notes = "of the portal" })
    kit.describe(s, row, "of the CRM")
    s:rest()
    t.eq(#s:command_json("conflicts"), 1, "a conflict")
    s:act("edit", { id = deal, closing_date = "2031-12-31T00:00:00Z" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.notes, rules.count(o.audit, "of the portal"), #s:command_json("conflicts") },
      { "of the CRM", 1, 1 }, "told once: " .. o.audit)
    rules.edit(s, row, { description = before or json.null })
    s:rest()
    t.eq({ kit.opportunity(s).notes, rules.referral(s, deal).details.notes },
      { "of the portal", "of the portal" })
    s:act("accept", { id = deal })
    s:rest()
    t.eq({ kit.opportunity(s).notes, rules.stands(s, deal) },
      { "of the portal", "Active/Accepted" })
    kit.quiet(t, s)
  end)
end

local function unknown(t)
  kit.started(function(s, deal, row)
    s:act("set-state", { id = deal, substatus = "Paused" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.state, o.status }, { 0, 1 }, "the row's state")
    t.has(o.audit, "Active/Paused")
    kit.describe(s, row, "ours")
    s:rest()
    s:act("edit", { id = deal, value = 5 })
    s:rest()
    t.eq({ rules.referral(s, deal).details.notes, tonumber(kit.opportunity(s).value) },
      { "ours", 5 }, "other values travel")
    t.eq(rules.stands(s, deal), "Active/Paused", "and it is left as it is")
    t.eq(rules.count(kit.opportunity(s).audit, "Partner Center says Active/Paused"), 1,
      "told once")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

return function(t)
  t.case("rule 17: canceled in the CRM declines the referral, with a reason", function()
    declined_here(t)
  end)
  t.case("rule 17: declined in the portal cancels the row", function() declined_there(t) end)
  t.case("rule 17: an edit while New accepts nothing and goes with the acceptance", function()
    kept_until(t)
  end)
  t.case("rule 17: a conflict while New whose winner is taken back leaves the other's", function()
    taken_back(t)
  end)
  t.case("rule 17: an unknown substatus passes through and changes no state", function()
    unknown(t)
  end)
end

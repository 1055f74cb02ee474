-- Leads as an administrator wants them: required columns, what arrives as what, and the sub-stages
-- that leads have since 2026 and nobody here knows.
local kit = require "commands.kit"
local rules = require "commands.rules"

local FILL = [[
return { api = 1,
  lead = {
    create = function(d, v)
      v.leadsourcecode = "Partner"
      v.estimatedamount = nil
      v.pager = d.customer.country
    end,
    update = function(d, v) v.jobtitle = d.closing_date end } }
]]

local CONSTANTS = [[
return { api = 1, lead = { create = { leadsourcecode = "Trade Show", leadqualitycode = 1 } } }
]]

local function with(mapping, o)
  o = o or {}
  o.files = { ["details.lua"] = mapping }
  return o
end

local function lead(s)
  return s:rows("crm:lead")[1]
end

local function counts(s)
  return { #s:rows("crm:lead"), #kit.opportunities(s) }
end

local function filled(t)
  rules.lead_arrived(function(s, deal, row)
    t.eq({ row.leadsourcecode, row.pager, row.lastname }, { 4, "JP", "Kiso" },
      "the mapping's columns and the default's")
    s:act("edit", { id = deal, closing_date = "2032-01-31T00:00:00Z" })
    s:rest()
    t.eq(lead(s).jobtitle, "2032-01-31", "lead.update")
    s:act("edit", { table = "lead", id = row.leadid,
      values = { jobtitle = "by hand", pager = "x" } })
    s:act("edit", { id = deal, notes = "other" })
    s:rest()
    t.eq({ lead(s).jobtitle, lead(s).pager }, { "by hand", "x" },
      "an answer that did not change is not written again")
    s:act("qualify", { id = row.leadid })
    s:rest()
    t.eq(rules.stands(s, deal), "Active/Accepted")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end, with(FILL))
end

local function constants(t)
  rules.lead_arrived(function(s, _, row)
    t.eq({ row.leadsourcecode, row.leadqualitycode }, { 7, 1 })
    kit.quiet(t, s)
  end, with(CONSTANTS))
end

-- ---- Lead or opportunity ----

local function becomes(t, accept)
  rules.lead_arrived(function(s, deal, row)
    t.eq(counts(s), { 1, 0 }, "not accepted: a lead")
    t.eq(row.msft_microsoftpartnercenterreferralidentifier, deal)
    accept(s, deal, row)
    s:rest()
    t.eq(counts(s), { 1, 1 }, "accepted: an opportunity")
    local o = kit.opportunity(s)
    t.eq({ o.identifier, o.sync, o.status, lead(s).statecode }, { deal, true, 1, 1 })
    t.eq({ rules.stands(s, deal), s:status().deals.total }, { "Active/Accepted", 1 })
    kit.quiet(t, s)
  end)
end

local function switch(t)
  for _, wanted in ipairs { true, false } do
    kit.with({ settings = { sync_leads = wanted } }, function(s)
      rules.marketplace(s)
      s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" })
      local private = s:act("create-opportunity", rules.deal()).id
      s:rest()
      t.eq(#s:rows("crm:lead"), wanted and 1 or 0, "leads")
      t.eq(#kit.opportunities(s), 2, "deals come in as ever")
      t.ok(kit.opportunity(s, private).identifier, "and what goes out does not ask")
    end)
  end
end

-- ---- What arrives as what ----

local AS = [[
return { api = 1, arrives_as = function(d)
  if d.customer.name == "Kiso Valley Foods KK" then return "opportunity" end
  if d.currency == "USD" then return "lead" end
end }
]]

local function as_opportunity(t)
  for _, leads in ipairs { true, false } do
    rules.lead_arrived(function(s, deal)
      t.eq(counts(s), { 0, 1 }, "leads, opportunities")
      t.eq({ kit.opportunity(s).identifier, kit.opportunity(s).status }, { deal, 2 }, "On Hold")
      rules.edit(s, kit.opportunity(s).id, { statuscode = 1 })
      s:rest()
      t.eq(rules.stands(s, deal), "Active/Accepted", "accepted as any other")
      kit.quiet(t, s)
    end, with(AS, { settings = { sync_leads = leads } }))
  end
end

local function as_lead(t)
  kit.with(with(AS), function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" }).id
    s:rest()
    t.eq(counts(s), { 1, 0 }, "a co-sell deal that nobody accepted")
    s:act("qualify", { id = lead(s).leadid })
    s:rest()
    t.eq(counts(s), { 1, 1 })
    t.eq({ rules.stands(s, deal), kit.opportunity(s).identifier }, { "Active/Accepted", deal })
    kit.quiet(t, s)
    s:act("portal-create", { name = "Ours", value = 5, currency = "USD" })
    s:rest()
    t.eq(counts(s), { 1, 2 }, "what is accepted is an opportunity, whatever the mapping says")
    s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "JPY" })
    s:rest()
    t.eq(counts(s), { 1, 3 }, "where the mapping says nothing: cosell's own choice")
  end)
end

local function not_wanted(t)
  kit.with(with(AS, { settings = { sync_leads = false } }), function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" }).id
    s:rest()
    t.eq(counts(s), { 0, 0 }, "leads are not wanted")
    s:act("accept", { id = deal })
    s:rest()
    t.eq(counts(s), { 0, 1 }, "once it is accepted")
  end)
end

-- ---- Sub-stages of 2026 ----

local UNKNOWN = "Partner Center says New/Qualification, a state that is not known here"

-- A lead that has that sub-stage from the start, or gets it later.
local function in_stage(later, body)
  kit.with({}, function(s)
    s:set("lose_callbacks", true)
    local deal = rules.marketplace(s)
    if later then
      s:rest()
    end
    s:act("set-state", { id = deal, substatus = "Qualification" })
    s:rest()
    body(s, deal, lead(s))
  end)
end

local function passes(t, later)
  in_stage(later, function(s, deal, row)
    t.eq(counts(s), { 1, 0 }, "leads, opportunities")
    t.eq({ row.statecode, rules.stands(s, deal) }, { 0, "New/Qualification" }, "no state changes")
    local function audit()
      return lead(s).msft_microsoftpartnercenterreferralsyncaudit
    end
    t.eq(rules.count(audit(), UNKNOWN), 1, audit())
    s:act("edit", { id = deal, notes = "more is known" })
    s:rest()
    t.eq(lead(s).description, "more is known", "other values travel")
    t.eq(rules.count(audit(), UNKNOWN), 1, "told once")
    s:act("set-state", { id = deal, status = "New", substatus = "Evaluation" })
    s:rest()
    t.eq(rules.count(audit(), "Partner Center says New/Evaluation"), 1, audit())
    t.eq({ lead(s).statecode, s:status().queue.dead }, { 0, 0 }, "state, dead letters")
    kit.quiet(t, s)
  end)
end

local function decided(t, act, pair, want)
  in_stage(true, function(s, deal, row)
    s:act(act, { id = row.leadid })
    s:rest()
    t.eq({ rules.stands(s, deal), counts(s) }, { pair, want })
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function accepted_stage(t)
  rules.lead_arrived(function(s, deal)
    s:act("accept", { id = deal })
    s:rest()
    s:act("set-state", { id = deal, substatus = "Evaluation" })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.state, o.status }, { 0, 1 }, "the opportunity's state")
    t.eq(rules.count(o.audit, "Partner Center says Active/Evaluation"), 1, o.audit)
    s:act("win", { id = o.id })
    s:rest()
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

-- ---- Long texts ----

local function long_notes(t, answer_lost)
  kit.with({}, function(s)
    local long = ("語"):rep(2400)
    if answer_lost then
      s:set("lose_callbacks", true) -- the notes are there before it hears of the deal
      s:fault("crm", { method = "POST", path = "batch", drop = "after", count = 1 })
    end
    local deal = rules.marketplace(s)
    s:act("edit", { id = deal, notes = long })
    s:rest()
    local row = lead(s)
    s:act("edit", { id = deal, notes = long .. "!" })
    s:rest()
    t.eq(utf8.len(lead(s).description), 2000, "cut to the column")
    t.has(lead(s).msft_microsoftpartnercenterreferralsyncaudit, "cut to 2000 characters")
    s:act("edit", { id = deal, notes = "short again" })
    s:rest()
    t.eq(lead(s).description, "short again", "a text that was cut is nobody's edit")
    s:act("edit", { id = deal, notes = long })
    s:rest()
    s:act("qualify", { id = row.leadid })
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, long, "the cut text does not travel back")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

return function(t)
  t.case("item 63: columns of a lead by functions of the mapping", function() filled(t) end)
  t.case("item 63: columns of a lead by constants", function() constants(t) end)
  t.case("item 61: a lead row; an opportunity once it is accepted in the portal", function()
    becomes(t, function(s, deal) s:act("accept", { id = deal }) end)
  end)
  t.case("item 61: a lead row; an opportunity once a person has qualified it", function()
    becomes(t, function(s, _, row) s:act("qualify", { id = row.leadid }) end)
  end)
  t.case("item 62: leads come in too, or co-sell deals alone", function() switch(t) end)
  t.case("item 61: `arrives_as` makes an opportunity of what would be a lead", function()
    as_opportunity(t)
  end)
  t.case("item 61: `arrives_as` makes a lead of a deal that nobody accepted", function()
    as_lead(t)
  end)
  t.case("item 62: leads of `arrives_as` are left out where leads are not wanted", function()
    not_wanted(t)
  end)
  t.case("item 61: a new lead's unknown sub-stage passes through", function() passes(t, false) end)
  t.case("item 61: a lead's unknown sub-stage passes through later", function() passes(t, true) end)
  t.case("item 58: a lead of an unknown sub-stage is accepted by qualifying it", function()
    decided(t, "qualify", "Active/Accepted", { 1, 1 })
  end)
  t.case("item 58: a lead of an unknown sub-stage is declined by disqualifying it", function()
    decided(t, "disqualify", "Closed/Declined", { 1, 0 })
  end)
  t.case("an accepted lead's unknown sub-stage changes no state", function() accepted_stage(t) end)
  t.case("a lead's long notes are cut, told, and come back to no one", function() long_notes(t) end)
  t.case("a lead's long notes, the answer to its making lost", function() long_notes(t, true) end)
end

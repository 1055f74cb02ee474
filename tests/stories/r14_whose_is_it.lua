-- Rule 14: what comes in is a setting; a deal that names another CRM's row is listed, not made; and
-- only what this state made or adopted is written to.
local kit = require "commands.kit"
local rules = require "commands.rules"

local FOREIGN = "77777777-6666-4555-8444-333333333333"

local function none(t)
  kit.with({ settings = { inbound = '"none"' } }, function(s)
    s:act("portal-create", { name = "Stays out" })
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    local deal = kit.opportunity(s).identifier
    s:act("edit", { id = deal, notes = "theirs", value = 5 })
    s:rest()
    rules.edit(s, row, { estimatedclosedate = "2031-12-31" })
    s:rest()
    t.eq({ kit.opportunity(s).notes, tonumber(kit.opportunity(s).value) }, { "v0", 90000 },
      "nothing comes in")
    local r = rules.referral(s, deal)
    t.eq(r.details.closingDateTime:sub(1, 10), "2031-12-31", "what goes out goes on")
    t.eq({ r.details.notes, tonumber(r.details.dealValue) }, { "theirs", 5 },
      "and nothing there is set back")
    kit.quiet(t, s)
  end)
end

local function linked(t)
  kit.with({ settings = { inbound = '"linked"' } }, function(s)
    s:act("portal-create", { name = "New to us" })
    s:act("create-opportunity", rules.deal())
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    local deal = kit.opportunity(s).identifier
    s:act("edit", { id = deal, notes = "theirs" })
    s:rest()
    t.eq(kit.opportunity(s).notes, "theirs", "what is linked comes in")
  end)
end

local function another_crms(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { name = "Another CRM's", external = FOREIGN }).id
    t.eq(rules.writes_by(s, function() end), 0, "writes")
    t.eq(#kit.opportunities(s), 0, "opportunities")
    s:act("edit", { id = deal, notes = "again" })
    s:rest()
    local report = s:command_json("sync", { "--all" })
    t.eq({ report.only_partner, report.deals[1].referral }, { 1, deal }, "it is listed")
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq({ #kit.opportunities(s), rules.referral(s, deal).externalReferenceId }, { 0, FOREIGN })
  end)
end

-- A second CRM takes a deal over that was ours: it writes its own row's id.
local function taken_over(t)
  kit.started(function(s, deal, row)
    t.eq(rules.referral(s, deal).externalReferenceId, row)
    s:act("edit", { id = deal, external = FOREIGN })
    s:rest()
    t.eq(rules.referral(s, deal).externalReferenceId, row, "the CRM's id is the CRM's own")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("rule 14: inbound none: nothing comes in, what goes out goes on", function() none(t) end)
  t.case("rule 14: inbound linked: what is linked comes in, nothing new", function() linked(t) end)
  t.case("rule 14: a deal that names a row of another CRM is listed, not made", function()
    another_crms(t)
  end)
  t.case("rule 14: the row's id at Partner Center is put right on a deal of ours", function()
    taken_over(t)
  end)
end

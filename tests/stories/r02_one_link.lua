-- Rule 2: however a deal is named - by either copy's id, its engagement, the row it names - it is
-- one link, and a row is one deal's.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function microsofts_id(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { help = "GeneralOrOther" })
    s:rest()
    s:act("edit", { id = deal.id, copy = "microsoft", notes = "of Microsoft's copy" })
    s:act("microsoft-accept", { id = deal.id })
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    t.has(kit.opportunity(s).audit, "Microsoft accepted")
    for _, id in ipairs { deal.id, deal.microsoft_id, deal.engagementId, kit.opportunity(s).id } do
      t.eq(s:command_json("deal", { id }).deal, 1, "the deal of " .. id)
    end
    kit.quiet(t, s)
  end)
end

local function a_second_deal_names_the_row(t)
  kit.started(function(s, deal, row)
    s:act("portal-create", { name = "Second of the row", external = row })
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    t.eq(kit.opportunity(s).identifier, deal, "the row stays the first deal's")
    kit.describe(s, row, "goes on")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "goes on", "the first deal goes on")
    local said
    for _, failed in ipairs(s:status().failed) do
      said = (said or "") .. failed.text
    end
    t.has(said, "name one row of the CRM", "what a person has to mend")
  end)
end

local function names_a_row_without_a_link(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal { sync = false }).id
    local deal = s:act("portal-create", { external = row })
    s:rest()
    t.eq(#kit.opportunities(s), 1, "no second row")
    local found = s:command_json("deal", { deal.id })
    t.eq(found.row and found.row.id, row, "the row of the deal")
  end)
end

local function one_customer(t)
  kit.with({}, function(s)
    local accounts, contacts = #s:rows("crm:account"), #s:rows("crm:contact")
    s:fault("crm", { path = "$batch", delay_ms = 300 }) -- all have looked before one has made it
    for i = 1, 3 do
      s:act("portal-create", { name = "Deal " .. i .. " of one customer" })
    end
    kit.wait("the deals", function() return #kit.opportunities(s) == 3 end)
    s:say("fault", { "clear" })
    s:rest()
    t.eq(#s:rows("crm:account") - accounts, 1, "new accounts")
    t.eq(#s:rows("crm:contact") - contacts, 1, "new contacts")
  end)
end

return function(t)
  t.case("rule 02: events of both copies, and every name of a deal, lead to one link", function()
    microsofts_id(t)
  end)
  t.case("rule 02: a second deal that names a linked row makes no second row", function()
    a_second_deal_names_the_row(t)
  end)
  t.case("rule 02: a deal that names a row of the CRM makes no other row", function()
    names_a_row_without_a_link(t)
  end)
  t.case("rule 02: three deals of one new customer make one account, one contact", function()
    one_customer(t)
  end)
end

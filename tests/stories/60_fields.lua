-- The rows of the field table that the original never carried: what a seller or a portal user
-- changes there arrives on the other side, and nothing echoes.
local kit = require "commands.kit"
local rules = require "commands.rules"

local INTENT, TYPE = "msft_customerpurchaseintent", "msft_coselltype"
local AREA, PLAY, ROLE = "msft_solutionarea", "msft_solutionplay", "msft_partnerrole"
local PROGRAM = "msft_microsoftpartnercenterreferralprogram"
local ATTRIBUTES = "details/requirements/additionalRequirements/attributes"

local function row(s, id)
  return kit.opportunity(s, id).row
end

local function ours(s)
  return (kit.referrals(s))[1]
end

local function edit(s, id, values)
  s:act("edit", { table = "opportunity", id = id, values = values })
end

-- What the referral says of a type of attribute.
local function attribute(s, kind)
  for _, one in ipairs(ours(s).details.requirements.additionalRequirements.attributes) do
    if one.type == kind then
      return one.id
    end
  end
  return nil
end

local function set_attributes(s, id, list)
  s:act("set-raw", { id = id, path = ATTRIBUTES, value = json.encode(json.array(list)) })
end

local function named(s, table_name, id)
  local found = id and s:row("crm:" .. table_name, id)
  return found and found.msft_name
end

-- "Data Security" stands under two areas.
local function data_security(s)
  for _, play in ipairs(s:rows("crm:" .. PLAY)) do
    if play.msft_name == "Data Security" and
      named(s, AREA, play["_" .. AREA .. "_value"]) == "Security" then
      return { table = PLAY, id = play[PLAY .. "id"] }
    end
  end
  return nil
end

-- ---- From the portal ----

local function chosen_in_portal(t)
  kit.started(function(s, id, crm_row)
    s:act("set-raw", { id = id, path = "salesStage", value = '"60"' })
    s:act("set-raw", { id = id, path = "referralProgram", value = '"Cosell FY27"' })
    set_attributes(s, id, {
      { type = "CustomerMarketplaceIntent", id = "Yes" }, { type = "PartnerRole",
        id = "Solution design" }, { type = "SolutionArea", id = "AIBusinessSolutions" },
      { type = "SolutionPlay", id = "DataSecurity" }, { type = "Else", id = "kept" } })
    s:rest()
    local now = row(s, crm_row)
    t.eq(now.salesstage, 2, "sales stage")
    t.eq(now[PROGRAM], "Cosell FY27", "referral program")
    t.eq(now[INTENT], 299600000, "purchase intent")
    t.eq(named(s, ROLE, now["_" .. ROLE .. "_value"]), "Solution design", "partner role")
    t.eq(named(s, AREA, now["_" .. AREA .. "_value"]), "AI Business Solutions", "solution area")
    local play = s:row("crm:" .. PLAY, now["_" .. PLAY .. "_value"])
    t.eq(play.msft_name, "Data Security", "solution play")
    t.eq(named(s, AREA, play["_" .. AREA .. "_value"]), "AI Business Solutions", "its area")
    t.has(now[rules.AUDIT], "solution area (empty) → AI Business Solutions")
    kit.quiet(t, s)
  end)
end

-- The play keeps its name, but it is another row.
local function play_follows_area(t)
  kit.started(function(s, id, crm_row)
    for _, area in ipairs { "Security", "AI Business Solutions" } do
      set_attributes(s, id, { { type = "CustomerMarketplaceIntent", id = "Yes" },
        { type = "SolutionArea", id = area }, { type = "SolutionPlay", id = "Data Security" } })
      s:rest()
      local now = row(s, crm_row)
      t.eq(named(s, AREA, now["_" .. AREA .. "_value"]), area, "solution area")
      local play = s:row("crm:" .. PLAY, now["_" .. PLAY .. "_value"])
      t.eq(play.msft_name, "Data Security", "solution play")
      t.eq(named(s, AREA, play["_" .. AREA .. "_value"]), area, "the area of that play")
    end
    kit.quiet(t, s)
  end)
end

local function arrives_whole(t)
  kit.with({}, function(s)
    s:act("portal-create", { value = 1000, currency = "USD", visible = true,
      [ATTRIBUTES] = json.array { { type = "CustomerMarketplaceIntent", id = "No" },
        { type = "PartnerRole", id = "SolutionDesign" },
        { type = "SolutionArea", id = "Security" }, { type = "SolutionPlay",
          id = "Data Security" } },
      ["customerProfile/ids"] = json.array { { profileType = "Duns", id = "123456789" } } })
    s:rest()
    local now = kit.opportunity(s).row
    t.eq(now[INTENT], 299600001, "purchase intent")
    t.eq(now[TYPE], 299600001, "Services, since there is a partner role")
    t.eq(named(s, AREA, now["_" .. AREA .. "_value"]), "Security", "solution area")
    t.eq(now.msft_microsoftpartnercenterreferralvisible, true, "visible")
    t.eq(s:rows("crm:account")[#s:rows("crm:account")].numberofemployees ~= nil, true, "size")
    kit.quiet(t, s)
  end)
end

local function unknown_words(t)
  kit.started(function(s, id, crm_row)
    s:act("set-raw", { id = id, path = "salesStage", value = '"Negotiate"' })
    set_attributes(s, id, { { type = "CustomerMarketplaceIntent", id = "Perhaps" },
      { type = "SolutionArea", id = "Quantum" } })
    s:act("edit", { table = "opportunity", id = crm_row, values = { description = "travels" } })
    s:rest()
    local now = row(s, crm_row)
    t.eq(ours(s).details.notes, "travels", "the rest travels")
    t.eq(now[INTENT], nil, "purchase intent")
    t.has(now[rules.AUDIT], "solution area Quantum: the CRM does not have it")
    t.has(now[rules.AUDIT], "purchase intent Perhaps: the CRM does not have it")
    kit.quiet(t, s)
  end)
end

-- ---- From the CRM ----

local function chosen_in_crm(t)
  kit.started(function(s, id, crm_row)
    set_attributes(s, id, { { type = "Else", id = "kept" } })
    s:rest()
    edit(s, crm_row, { salesstage = 3, [INTENT] = "No", [AREA] = "Cloud and AI Platforms",
      [PLAY] = "Migrate and Modernize Your Estate", [ROLE] = "Solution design" })
    s:rest()
    t.eq(ours(s).salesStage, "80", "sales stage")
    t.eq(attribute(s, "CustomerMarketplaceIntent"), "No", "purchase intent")
    t.eq(attribute(s, "SolutionArea"), "Cloud and AI Platforms", "solution area")
    t.eq(attribute(s, "SolutionPlay"), "Migrate and Modernize Your Estate", "solution play")
    t.eq(attribute(s, "PartnerRole"), "Solution design", "partner role")
    t.eq(attribute(s, "Else"), "kept", "what is nobody's here")
    edit(s, crm_row, { salesstage = 0, [INTENT] = "Have not decided", [ROLE] = "" })
    s:rest()
    t.eq(ours(s).salesStage, "20", "sales stage, back")
    t.eq(attribute(s, "CustomerMarketplaceIntent"), "HaveNotDecided", "purchase intent, back")
    t.eq(attribute(s, "PartnerRole"), nil, "partner role, taken away")
    kit.quiet(t, s)
  end)
end

local function sent_whole(t)
  kit.with({ settings = { duns_field = '"accountnumber"' }, edit = function(profile)
    return (profile:gsub("settings = {", 'columns = { campaign = "stepname" },\n  settings = {', 1))
  end }, function(s)
    local deal = rules.deal { values = { salesstage = 1, stepname = "FAIR-31",
      [INTENT] = "Yes", [AREA] = "Security", [PLAY] = data_security(s) } }
    deal.account = { name = "Elbe Hafen GmbH", line1 = "Kai 4", city = "Hamburg",
      postalcode = "20457", country = "DE", accountnumber = "987654321", numberofemployees = 900 }
    s:act("create-opportunity", deal)
    s:rest()
    local r = ours(s)
    t.eq(r.salesStage, "40", "sales stage")
    t.eq(r.campaignId, "FAIR-31", "campaign")
    t.eq(r.customerProfile.size, "251to1000employees", "company size")
    t.eq(r.customerProfile.ids[1].id, "987654321", "DUNS number")
    t.eq(r.customerProfile.ids[1].profileType, "Duns", "kind of the number")
    t.eq(attribute(s, "CustomerMarketplaceIntent"), "Yes", "purchase intent")
    t.eq(attribute(s, "SolutionPlay"), "Data Security", "solution play")
    t.eq(r.qualification, "SalesQualified", "qualification")
    t.eq(r.consent.consentToContact, true, "consent to contact")
    kit.quiet(t, s)
  end)
end

-- The program is Partner Center's: what a seller typed there before is taken off.
local function program_is_theirs(t)
  kit.with({}, function(s)
    local id = s:act("create-opportunity",
      rules.deal { values = { [PROGRAM] = "typed by hand" } }).id
    s:rest()
    t.eq(ours(s).referralProgram, nil, "at Partner Center")
    t.eq(row(s, id)[PROGRAM], nil, "in the CRM")
    kit.quiet(t, s)
  end)
end

local function services(t)
  kit.with({}, function(s)
    local id = s:act("create-opportunity",
      rules.deal { values = { [TYPE] = "Services Co-sell" } }).id
    s:rest()
    t.eq(#s:rows "referral", 0, "referrals")
    for _, what in ipairs { "partner role", "solution area", "solution play" } do
      t.has(row(s, id)[rules.AUDIT], "a Services co-sell deal needs a " .. what)
    end
    edit(s, id, { [ROLE] = "Solution design", [AREA] = "Security",
      [PLAY] = data_security(s) })
    s:rest()
    t.eq(attribute(s, "PartnerRole"), "Solution design", "partner role")
    kit.quiet(t, s)
  end)
end

local TAXONOMY = [[
return {
  roles = { { label = "Solution design", id = "R-28" } },
  areas = { { label = "Security", id = "A-28",
    plays = { { label = "Data Security", id = "P-28" } } } },
}
]]

local function own_taxonomy(t)
  kit.with({ files = { ["taxonomy.lua"] = TAXONOMY } }, function(s)
    s:act("create-opportunity", rules.deal { values = { [ROLE] = "Solution design",
      [AREA] = "Security", [PLAY] = data_security(s) } })
    s:rest()
    t.eq(attribute(s, "SolutionArea"), "A-28", "solution area")
    t.eq(attribute(s, "SolutionPlay"), "P-28", "solution play")
    t.eq(attribute(s, "PartnerRole"), "R-28", "partner role")
    local id = s:act("portal-create", { name = "Depot", value = 1000, currency = "USD",
      [ATTRIBUTES] = json.array { { type = "CustomerMarketplaceIntent", id = "No" },
        { type = "SolutionArea", id = "a-28" }, { type = "SolutionPlay", id = "P-28" } } }).id
    s:rest()
    for _, o in ipairs(kit.opportunities(s)) do
      t.eq(named(s, AREA, o.row["_" .. AREA .. "_value"]), "Security", o.name)
      t.eq(named(s, PLAY, o.row["_" .. PLAY .. "_value"]), "Data Security", o.name)
    end
    t.eq(#kit.opportunities(s), 2, id)
    kit.quiet(t, s)
  end)
end

-- ---- Prices ----

local PRICE, QUANTITY = "msft_price", "msft_quantity"

local function prices(t)
  kit.started(function(s, id, crm_row)
    local solution = s:rows("crm:msft_microsoftsolution")[1]
    s:act("edit", { table = "msft_microsoftsolution", id = solution.msft_microsoftsolutionid,
      values = { [PRICE] = 250.5, [QUANTITY] = 3 } })
    s:rest()
    local tag = ours(s).details.requirements.solutions[1]
    t.eq(tonumber(tostring(tag.price)), 250.5, "price")
    t.eq(tag.quantity, 3, "quantity")
    t.eq(tag.currency, "USD", "with its currency")
    t.has(row(s, crm_row)[rules.AUDIT], "SOL-10001-ABC (3.00 at 250.50)")
    s:act("set-raw", { id = id, path = "details/requirements/solutions", value = json.encode {
      { id = "SOL-10001-ABC", name = "Aoba Migration Factory", type = "Name", price = 199,
        quantity = 4, currency = "USD" } } })
    s:rest()
    solution = s:rows("crm:msft_microsoftsolution")[1]
    t.eq(tonumber(solution[PRICE]), 199.0, "price from the portal")
    t.eq(tonumber(solution[QUANTITY]), 4.0, "quantity from the portal")
    t.eq(#s:rows("crm:msft_microsoftsolution"), 1, "rows of solutions")
    kit.quiet(t, s)
  end)
end

-- ---- What can't go ----

local function taken_back(t)
  kit.with({}, function(s)
    local id = s:act("create-opportunity", rules.deal { visible = true,
      values = { [rules.HELP] = "General or other" } }).id
    s:rest()
    edit(s, id, { [rules.HELP] = "", [rules.VISIBLE] = false })
    s:rest()
    local now = row(s, id)
    t.eq(now[rules.VISIBLE], true, "visible, set again")
    t.eq(now[rules.HELP], 299600005, "help, set again")
    t.has(now[rules.AUDIT], "visible to Microsoft sellers can't change any more")
    t.has(now[rules.AUDIT], "help asked of Microsoft can't change any more")
    kit.quiet(t, s)
  end)
end

local function fixed_parts(t)
  kit.with({}, function(s)
    local id = s:act("create-opportunity", rules.deal()).id
    s:rest()
    local account = row(s, id)._parentaccountid_value
    s:act("edit", { table = "account", id = account, values = { name = "Elbe Hafen AG",
      address1_postalcode = "20459" } })
    kit.describe(s, id, "a real write")
    s:rest()
    local audit = row(s, id)[rules.AUDIT]
    t.has(audit, "not sent: customer name can't change after creation")
    t.has(audit, "not sent: postal code can't change after creation")
    t.eq(ours(s).customerProfile.name, "Elbe Hafen GmbH", "the customer there")
    local _, count = audit:gsub("customer name can't change", "")
    t.eq(count, 1, "said once")
    kit.quiet(t, s)
  end)
end

local function contact_until_shared(t)
  kit.with({}, function(s)
    local id = s:act("create-opportunity", rules.deal()).id
    s:rest()
    local contact = row(s, id)._parentcontactid_value
    s:act("edit", { table = "contact", id = contact, values = { telephone1 = "+49 40 555 01" } })
    s:rest()
    t.eq(ours(s).customerProfile.team[1].phoneNumber, "+49 40 555 01", "while nobody shares it")
    edit(s, id, { [rules.HELP] = "General or other" })
    s:rest()
    s:act("edit", { table = "contact", id = contact, values = { telephone1 = "+49 40 555 02" } })
    kit.describe(s, id, "a real write")
    s:rest()
    t.eq(ours(s).customerProfile.team[1].phoneNumber, "+49 40 555 01", "once it is shared")
    t.has(row(s, id)[rules.AUDIT], "not sent: phone can't change after creation")
    kit.quiet(t, s)
  end)
end

-- ---- Why it was lost ----

local function lost_here(t)
  kit.started(function(s, _, crm_row)
    s:act("lose", { id = crm_row, status = "Out-Sold", reason = "The budget went elsewhere" })
    s:rest()
    t.eq(ours(s).substatus, "Lost", "substatus")
    t.eq(ours(s).statusReason, "The budget went elsewhere", "in the words of who closed it")
    t.has(row(s, crm_row)[rules.AUDIT], "→ lost: The budget went elsewhere")
    kit.quiet(t, s)
  end)
end

local function lost_without_words(t)
  kit.started(function(s, _, crm_row)
    s:act("lose", { id = crm_row, status = "Out-Sold" })
    s:rest()
    t.eq(ours(s).statusReason, "Out-Sold", "the status reason")
    kit.quiet(t, s)
  end)
end

local function lost_there(t)
  kit.started(function(s, id, crm_row)
    s:act("close", { id = id, state = "lost", reason = "Customer silent" })
    s:rest()
    t.eq(row(s, crm_row).statuscode, 5, "out-sold")
    t.has(row(s, crm_row)[rules.AUDIT], "→ lost: Customer silent")
    local closes = s:rows "crm:opportunityclose"
    t.eq(closes[#closes].description, "Customer silent", "on the close activity")
    kit.quiet(t, s)
  end)
end

local function won_here(t)
  kit.started(function(s, _, crm_row)
    s:act("win", { id = crm_row })
    s:rest()
    t.eq(ours(s).substatus, "Won", "substatus")
    t.eq(ours(s).statusReason == json.null or ours(s).statusReason == nil, true, "no reason")
    kit.quiet(t, s)
  end)
end

return function(t)
  local cases = {
    { "item 45: intent, stage, area, play, role and program come from the portal",
      chosen_in_portal },
    { "item 45: a play that stands under two areas follows its area", play_follows_area },
    { "item 55: a deal arrives with all co-sell fields filled", arrives_whole },
    { "item 46: words that nobody knows hold nothing else up", unknown_words },
    { "item 48: intent, stage, area, play and role go to Partner Center", chosen_in_crm },
    { "item 46: a new deal goes with campaign, size, DUNS number, area and play", sent_whole },
    { "item 46: a Services co-sell needs role, area and play", services },
    { "item 45: the referral program is Partner Center's own", program_is_theirs },
    { "item 46: a profile's own areas, plays and roles, with the API's names", own_taxonomy },
    { "item 37: price and quantity of a solution travel both ways", prices },
    { "item 41: visibility and help that are taken back are set again, and it is said",
      taken_back },
    { "item 51: what can't change after creation is named part by part, once", fixed_parts },
    { "item 51: a contact travels until Microsoft is invited", contact_until_shared },
    { "item 49: lost in the CRM, with the words of who closed it", lost_here },
    { "item 49: lost in the CRM without a word: the status reason goes", lost_without_words },
    { "item 49: lost at Partner Center, the reason stands on the row", lost_there },
    { "item 49: won in the CRM", won_here },
  }
  for _, case in ipairs(cases) do
    t.case(case[1], function() case[2](t) end)
  end
end

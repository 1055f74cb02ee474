-- Bad values over the real programs: a deal that both sides know gets something that is none, and
-- good notes with it.  The notes travel, the seller reads one line that says what and why where the
-- field table wants it, a later good value travels, nothing is written twice and nothing fails.
local kit = require "commands.kit"
local rules = require "commands.rules"

local SOLUTIONS = "details/requirements/solutions"
local ATTRIBUTES = "details/requirements/additionalRequirements/attributes"
local SAID_THERE = ": Partner Center has none that can be used: the CRM keeps its own"
local PROGRAM = "msft_microsoftpartnercenterreferralprogram"
local EMOJI = ("😀"):rep(10000)

local function raw(s, deal, path, value, copy)
  s:act("set-raw", { id = deal, path = path, value = value, copy = copy })
end

-- What the row says of its deal as cosell reads it.
local function crm(s, row)
  return s:command_json("deal", { row }).crm
end

-- ---- From Partner Center ----

-- Each: its name; what is spoilt there, by path; what is read once in the audit text; what the row
-- says of some fields then; good values by path, and what the row says of fields then.
local INWARD = {
  { "item 33: a deal value that is none overwrites nothing",
    raw = { ["details/dealValue"] = '{"amount":5}' }, said = "deal value" .. SAID_THERE,
    keeps = { value = "1000.00" }, good = { ["details/dealValue"] = "1234.5" },
    then_ = { value = "1234.50" } },
  { "item 33: a deal value of 0 overwrites nothing", raw = { ["details/dealValue"] = "0" },
    said = "deal value" .. SAID_THERE, keeps = { value = "1000.00" },
    good = { ["details/dealValue"] = '"1.5"' }, then_ = { value = "1.50" } },
  { "item 33: a deal value of 20 digits waits for room",
    raw = { ["details/dealValue"] = "99999999999999999999.99" },
    said = "deal value 99999999999999999999.99 is beyond what the CRM's column holds",
    keeps = { value = "1000.00" }, good = { ["details/dealValue"] = "1.25e3" },
    then_ = { value = "1250.00" } },
  { "item 34: a value whose currency is gone is not taken for the CRM's",
    raw = { ["details/currency"] = "null", ["details/dealValue"] = "7" },
    said = "currency" .. SAID_THERE, keeps = { value = "1000.00", currency = "USD" },
    good = { ["details/currency"] = '"eur"' }, then_ = { value = "7.00", currency = "EUR" } },
  { "item 33: a closing date that no calendar has",
    raw = { ["details/closingDateTime"] = "2031-02-31" }, said = "closing date" .. SAID_THERE,
    keeps = { closing_date = "2031-03-31" },
    good = { ["details/closingDateTime"] = "2031-04-01T09:00:00+14:00" },
    then_ = { closing_date = "2031-03-31" } },
  { "item 33: the last day of all", raw = { ["details/closingDateTime"] =
      "9999-12-31T23:59:59.9999999Z" }, keeps = { closing_date = "9999-12-31" },
    good = { ["details/closingDateTime"] = "1753-01-01" },
    then_ = { closing_date = "1753-01-01" } },
  { "item 34: a name that is an object", raw = { name = '{"text":"Renamed"}' },
    said = "deal name" .. SAID_THERE, keeps = { name = "Plant" }, good = { name = "Better" },
    then_ = { name = "Better" } },
  { "item 34: a state that nobody knows", raw = { status = EMOJI:sub(1, 2000) },
    said = "a state that is not known here", keeps = { state = "open" },
    good = { status = "Active", substatus = "Accepted" }, then_ = { state = "open" } },
  { "item 48: a sales stage as a number, then one that nobody knows",
    raw = { salesStage = "60" }, keeps = { stage = 2 }, good = { salesStage = "Haggle" },
    then_ = { stage = 2 }, then_said = "sales stage Haggle: the CRM does not have it" },
  { "item 45: attributes that are no list", raw = { [ATTRIBUTES] = '{"type":[1],"id":{}}' },
    keeps = { value = "1000.00" },
    good = { [ATTRIBUTES] = '[1,"x",null,{"type":"CustomerMarketplaceIntent","id":"No"}]' },
    then_ = { intent = 299600001 } },
  { "bad values: people and ids that are none", raw = { team = '"nobody"',
      ["customerProfile/ids"] = "[7]", ["customerProfile/team"] = '[5,{"email":[]}]' },
    keeps = { value = "1000.00" }, good = { team = "null" }, then_ = { value = "1000.00" } },
  { "item 37: no solutions, and solutions without an id", raw = { [SOLUTIONS] =
      '[{"name":"x"},{"id":[]}]' }, said = "solutions" .. SAID_THERE,
    keeps = { count = 1 }, good = { [SOLUTIONS] = '[{"id":"SOL-10002-DEF"}]' },
    then_ = { count = 1, first = "SOL-10002-DEF" } },
  { "item 37: a price and a quantity beyond their columns", raw = { [SOLUTIONS] =
      '[{"id":"SOL-10001-ABC","price":1e17,"quantity":1e12}]' },
    said = "price 100000000000000000.00 of solution SOL-10001-ABC is beyond",
    keeps = { count = 1 },
    good = { [SOLUTIONS] = '[{"id":"SOL-10001-ABC","price":2.5,"quantity":"0.25"}]' },
    then_ = { price = "2.50", quantity = "0.25" } },
  { "item 34: a name of 10,000 characters", raw = { name = EMOJI },
    keeps = { name = ("😀"):rep(149) }, good = { name = "Better" }, then_ = { name = "Better" } },
  { "item 34: control characters and marks of direction", raw = {
      name = '"A\\u0007\\u202eB\\r\\n\\ufffdC"' }, keeps = { name = "A\u{202E}B\n\u{FFFD}C" },
    good = { name = "Better" }, then_ = { name = "Better" } },
  { "item 65: a CRM id that is none is put right",
    raw = { externalReferenceId = '["' .. EMOJI:sub(1, 400) .. '"]' },
    keeps = { value = "1000.00" },
    good = { externalReferenceId = "null" }, then_ = { value = "1000.00" } },
}

-- Of the row the fields that are asked for, as cosell reads them, or as they stand there.
local function read(s, id, names)
  local deal, row, out = crm(s, id), kit.opportunity(s, id).row, {}
  local first = deal.solutions[1] or {}
  local other = { count = #deal.solutions, first = first.id, price = first.price,
    quantity = first.quantity, stage = row.salesstage, intent = row.msft_customerpurchaseintent }
  for name in pairs(names) do
    out[name] = other[name] or deal[name]
  end
  return out
end

local function spoil(s, deal, list, notes)
  s:set("lose_callbacks", true)
  for path, value in pairs(list) do
    raw(s, deal, path, value)
  end
  s:set("lose_callbacks", false)
  raw(s, deal, "details/notes", notes)
  s:rest()
end

local function started(body)
  kit.with({}, function(s)
    s:set("live_quirks", false) -- what is odd is this story's
    local deal = s:act("portal-create", { name = "Plant", value = 1000, currency = "USD",
      closing_date = "2031-03-31T00:00:00Z", notes = "v0", solutions = "SOL-10001-ABC" }).id
    s:rest()
    body(s, deal, kit.opportunity(s).id)
  end)
end

local function inward(t, case)
  started(function(s, deal, row)
    spoil(s, deal, case.raw, "travels")
    local o = kit.opportunity(s, row)
    t.eq(o.notes, "travels", "the rest: " .. o.audit)
    t.eq(read(s, row, case.keeps), case.keeps, o.audit)
    if case.said then
      t.eq(rules.count(o.audit, case.said), 1, o.audit)
    end
    kit.quiet(t, s)
    spoil(s, deal, case.good, "travels too")
    o = kit.opportunity(s, row)
    t.eq(o.notes, "travels too", o.audit)
    t.eq(read(s, row, case.then_), case.then_, o.audit)
    t.eq(rules.count(o.audit, case.then_said or "Not synchronised"), case.then_said and 1 or 0,
      o.audit)
    t.eq(s:status().queue.dead, 0, "dead letters")
    t.eq(rules.referral(s, deal).externalReferenceId, row, "the CRM's id")
    kit.quiet(t, s)
  end)
end

local function sixty_solutions(t)
  started(function(s, deal, row)
    local list = {}
    for i = 1, 60 do
      local id = ("SOL-3%04d-XYZ"):format(i)
      list[i] = { id = id }
      s:act("create", { table = "msft_microsoftsolutiondetail",
        values = { msft_name = "S" .. i, msft_solutionidentifier = id } })
    end
    spoil(s, deal, { [SOLUTIONS] = json.encode(json.array(list)) }, "travels")
    t.eq({ #crm(s, row).solutions, kit.opportunity(s, row).notes }, { 60, "travels" })
    s:act("remove-solution", { opportunity = row, solution = "SOL-30001-XYZ" })
    s:rest()
    t.has(kit.opportunity(s, row).audit, "more than 50 solutions are chosen")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

-- Texts that Partner Center alone writes are cut, and stay so.
local function owned_texts(t)
  kit.with({}, function(s)
    s:set("live_quirks", false)
    local deal = s:act("portal-create", { value = 1000, currency = "USD",
      help = "GeneralOrOther" }).id
    s:rest()
    s:act("microsoft-accept", { id = deal, msx = "7-" .. EMOJI })
    spoil(s, deal, { referralProgram = EMOJI }, "travels")
    local o = kit.opportunity(s)
    t.eq({ o.notes, utf8.len(o.microsoft_id) }, { "travels", 51 }, o.audit)
    t.eq(rules.count(o.audit, "Microsoft CRM identifier cut to 100 characters"), 1, o.audit)
    kit.quiet(t, s)
    spoil(s, deal, { referralProgram = "Cosell" }, "travels too")
    t.eq(kit.opportunity(s).row[PROGRAM], "Cosell")
    t.eq({ s:status().queue.dead, rules.count(kit.opportunity(s).audit, "any more: written") },
      { 0, 0 })
    kit.quiet(t, s)
  end)
end

-- The same of a deal that arrives so.
local function owned_texts_at_first(t)
  kit.with({}, function(s)
    s:set("live_quirks", false)
    s:rest()
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", { value = 1000, currency = "USD",
      help = "GeneralOrOther" }).id
    raw(s, deal, "referralProgram", EMOJI)
    s:act("microsoft-accept", { id = deal, msx = "7-" .. EMOJI })
    s:rest()
    local o = kit.opportunity(s)
    t.ok(o, "the row is made")
    t.eq({ utf8.len(o.microsoft_id), s:status().queue.dead }, { 51, 0 }, o.audit)
    kit.quiet(t, s)
  end)
end

-- Another program cut a text in the middle of a character; a list with it can still be read.
local function half_a_character(t)
  started(function(s, deal, row)
    s:set("lose_callbacks", true)
    local brief = s:act("set-raw", { id = deal, path = "details/notes", value = "HALF" })
    local shown = rules.referral(s, deal)
    shown.eTag = brief.eTag
    local body = json.encode { value = json.array { shown } }:gsub("HALF", "cut \\ud83d\\u0000")
    s:fault("partner", { method = "GET", path = "engagementId", status = 200, body = body,
      count = 1 })
    s:rest()
    local o = kit.opportunity(s, row)
    t.has(o.audit, "cut \u{FFFD}\u{FFFD}")
    s:fault("clear")
    s:act("edit", { id = deal, notes = "whole" })
    s:rest()
    t.eq(kit.opportunity(s, row).notes, "whole")
    kit.quiet(t, s)
  end)
end

-- ---- From the CRM ----

-- Each: its name, columns of the row, what is said, what the referral holds then, how it is mended.
local OUTWARD = {
  { "item 76: a deal value below 0", { estimatedvalue = -5 }, "below 0: not sent",
    { dealValue = 90000 }, { estimatedvalue = 5.25 }, { dealValue = 5.25 } },
  { "item 34: notes with control characters are sent without",
    { estimatedvalue = 90001, description = "a\7b\r\n\u{202E}c" }, nil,
    { dealValue = 90001, notes = "ab\n\u{202E}c" }, { description = "clean" },
    { notes = "clean" } },
  { "item 33: the closing date is the last of all", { estimatedclosedate = "9999-12-31" }, nil,
    { closingDateTime = "9999-12-31" }, { estimatedclosedate = "1753-01-01" },
    { closingDateTime = "1753-01-01" } },
  { "item 33: the most that a column holds, to the last digit",
    { estimatedvalue = json.decimal "999999999999.99" }, nil, { dealValue = "999999999999.99" },
    { estimatedvalue = json.decimal "0.01" }, { dealValue = "0.01" } },
}

local function details_of(s, deal, names)
  local d, out = rules.referral(s, deal).details, {}
  for name, wanted in pairs(names) do
    local value = name == "closingDateTime" and d[name]:sub(1, 10) or d[name]
    out[name] = name == "dealValue" and (type(wanted) == "string" and tostring(value) or
      tonumber(value)) or value
  end
  return out
end

local function outward(t, case)
  local _, columns, said, holds, mend, mended = table.unpack(case, 1, 6)
  rules.sent({}, function(s, row, deal)
    rules.edit(s, row, columns)
    s:rest()
    local audit = kit.opportunity(s, row).audit
    t.eq(details_of(s, deal, holds), holds, audit)
    t.ok(not said or rules.count(audit, said) == 1, audit)
    kit.quiet(t, s)
    rules.edit(s, row, mend)
    s:rest()
    t.eq(details_of(s, deal, mended), mended, kit.opportunity(s, row).audit)
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function blank_contact(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal { help = "General or other",
      sync = false }).id
    local contact = kit.opportunity(s, row).row._parentcontactid_value
    s:act("edit", { table = "contact", id = contact,
      values = { telephone1 = " ", mobilephone = "\7" } })
    s:act("sync", { id = row })
    s:rest()
    t.eq(#kit.referrals(s), 0)
    t.has(kit.opportunity(s, row).audit, "the contact needs first name, last name, e-mail")
    s:act("edit", { table = "contact", id = contact, values = { mobilephone = "+49400000009" } })
    kit.describe(s, row, "mended")
    s:rest()
    local ours = kit.referrals(s)
    t.eq(ours[1].customerProfile.team[1].phoneNumber, "+49400000009", "the other phone serves")
    kit.quiet(t, s)
  end)
end

return function(t)
  for _, case in ipairs(INWARD) do
    t.case(case[1], function() inward(t, case) end)
  end
  t.case("bad values: 60 solutions", function() sixty_solutions(t) end)
  t.case("bad values: texts longer than the columns that Partner Center fills",
    function() owned_texts(t) end)
  t.case("bad values: a deal arrives with such texts", function() owned_texts_at_first(t) end)
  t.case("bad values: half a character and NUL in a list", function() half_a_character(t) end)
  for _, case in ipairs(OUTWARD) do
    t.case(case[1], function() outward(t, case) end)
  end
  t.case("item 40: a contact whose phone is blank", function() blank_contact(t) end)
end

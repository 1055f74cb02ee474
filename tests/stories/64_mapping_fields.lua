-- What a mapping says of the field table (`fields` of details.lua): columns that travel besides,
-- and shipped ones that go another way, or by another policy.
local kit = require "commands.kit"
local rules = require "commands.rules"

local ATTRIBUTES = "details/requirements/additionalRequirements/attributes"

local MORE = [[
return { api = 1, fields = {
  { crm = "stepname", referral = "details.customerAction", direction = "both",
    conflict = "partner" },
  { crm = "opportunityratingcode", referral = "attributes.Rating" },
  { crm = "budgetamount", referral = "attributes.Budget", direction = "out" },
  { crm = "finaldecisiondate", referral = "details.incentiveLevel", direction = "in" },
  { crm = "isrevenuesystemcalculated", referral = "favorite", direction = "in" },
} }
]]

local OTHERWISE = [[
return { api = 1, fields = {
  { crm = "customerneed", referral = "notes", conflict = "newest" },
  { crm = "estimatedclosedate", referral = "closing_date", direction = "out" },
  { crm = "estimatedvalue", referral = "value", conflict = "partner" },
  { crm = "stepname", referral = "campaignId", direction = "in" },
} }
]]

local function with(mapping, body)
  rules.sent({ clock = true, files = { ["details.lua"] = mapping } }, body)
end

local function attribute(s, deal, kind)
  for _, one in ipairs(rules.referral(s, deal).details.requirements.additionalRequirements
    .attributes) do
    if one.type == kind then
      return one.id
    end
  end
  return nil
end

local function set(s, deal, path, value)
  s:act("set-raw", { id = deal, path = path, value = json.encode(value) })
end

local function up(s)
  s:host_start(s.host_options)
  s:host_ready()
  s:rest()
end

local function row_of(s, row)
  return kit.opportunity(s, row).row
end

-- ---- Columns that travel besides ----

local function both_ways(t)
  with(MORE, function(s, row, deal)
    rules.edit(s, row, { stepname = "Call them", opportunityratingcode = 1 })
    s:rest()
    t.eq({ rules.referral(s, deal).details.customerAction, attribute(s, deal, "Rating") },
      { "Call them", "Hot" }, "to Partner Center: an option by its label")
    t.has(kit.opportunity(s, row).audit, "Stepname (empty) → Call them")
    set(s, deal, "details/customerAction", "Wait for them")
    set(s, deal, ATTRIBUTES, json.array { { type = "Rating", id = "cold" } })
    s:rest()
    t.eq({ row_of(s, row).stepname, row_of(s, row).opportunityratingcode },
      { "Wait for them", 3 }, "to the CRM")
    kit.quiet(t, s)
  end)
end

local function policy(t)
  with(MORE, function(s, row, deal)
    s:host_stop()
    rules.edit(s, row, { stepname = "The seller's", opportunityratingcode = 3 })
    set(s, deal, "details/customerAction", "The portal's")
    up(s)
    t.eq({ row_of(s, row).stepname, rules.referral(s, deal).details.customerAction },
      { "The portal's", "The portal's" }, "the policy of its row")
    t.eq(attribute(s, deal, "Rating"), "Cold", "what only one side changed travels")
    t.has(s:command("conflicts", {}), "The seller's")
    kit.quiet(t, s)
  end)
end

local function one_way(t)
  with(MORE, function(s, row, deal)
    rules.edit(s, row, { budgetamount = 1234.5, finaldecisiondate = "2031-05-06" })
    set(s, deal, "favorite", true)
    s:rest()
    t.eq({ attribute(s, deal, "Budget"), row_of(s, row).isrevenuesystemcalculated },
      { "1234.50", true })
    t.eq(row_of(s, row).finaldecisiondate, nil, "Partner Center's own, and empty there")
    set(s, deal, ATTRIBUTES, json.array { { type = "Budget", id = "7" } })
    set(s, deal, "details/incentiveLevel", "2031-06-07")
    s:rest()
    t.eq({ attribute(s, deal, "Budget"), row_of(s, row).finaldecisiondate },
      { "1234.50", "2031-06-07" }, "the CRM's own is put back there")
    kit.quiet(t, s)
  end)
end

local function made(t)
  kit.with({ files = { ["details.lua"] = MORE } }, function(s)
    local row = s:act("create-opportunity", rules.deal { values = { stepname = "From the start",
      opportunityratingcode = 1 } }).id
    s:rest()
    local sent = (kit.referrals(s))[1]
    t.eq({ sent.details.customerAction, attribute(s, sent.id, "Rating") },
      { "From the start", "Hot" }, "a new referral has them")
    t.ok(row_of(s, row), "the row")
    local deal = s:act("portal-create", {}).id
    set(s, deal, "details/customerAction", "Theirs")
    s:rest()
    local _, arrived = nil, nil
    for _, o in ipairs(kit.opportunities(s)) do
      arrived = o.identifier == deal and o or arrived
    end
    t.eq(arrived.row.stepname, "Theirs", "and a new row")
    kit.quiet(t, s)
  end)
end

local function unfit(t)
  with(MORE, function(s, row, deal)
    set(s, deal, ATTRIBUTES, json.array { { type = "Rating", id = "Lukewarm" } })
    set(s, deal, "details/incentiveLevel", "1431-06-07")
    set(s, deal, "details/customerAction", ("x"):rep(300))
    s:act("edit", { id = deal, value = 4321 })
    s:rest()
    local o = kit.opportunity(s, row)
    t.eq({ o.row.opportunityratingcode, o.row.finaldecisiondate or "none", #o.row.stepname,
      tonumber(o.value) }, { 2, "none", 200, 4321 }, "the rest travels")
    t.has(o.audit, "Lukewarm")
    t.has(o.audit, "1431-06-07")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

-- ---- Shipped fields, otherwise ----

local function otherwise(t)
  with(OTHERWISE, function(s, row, deal)
    rules.edit(s, row, { customerneed = "Another column" })
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "Another column")
    set(s, deal, "details/closingDateTime", "2031-12-24T00:00:00Z")
    set(s, deal, "campaignId", "FAIR-9")
    s:rest()
    local there = rules.referral(s, deal)
    t.ok(there.details.closingDateTime:sub(1, 10) ~= "2031-12-24", "the CRM's date counts")
    t.eq({ row_of(s, row).stepname, there.details.closingDateTime:sub(1, 10) },
      { "FAIR-9", row_of(s, row).estimatedclosedate })
    rules.edit(s, row, { stepname = "typed here" })
    s:rest()
    t.eq({ row_of(s, row).stepname, rules.referral(s, deal).campaignId }, { "FAIR-9", "FAIR-9" })
    kit.quiet(t, s)
  end)
end

-- The links to the CRM's next changes have begun without its column.
local function added_while_running(t)
  rules.sent({}, function(s, row, deal)
    local before = s:status().generation
    assert(host.file.write(s.profile .. "/details.lua", MORE))
    kit.wait("the new one", function() return s:status().generation > before end)
    for _, step in ipairs { "one", "two" } do
      rules.edit(s, row, { stepname = step })
      s:rest()
      t.eq(rules.referral(s, deal).details.customerAction, step)
    end
    kit.quiet(t, s)
  end)
end

local function newest(t)
  with(OTHERWISE, function(s, row, deal)
    local function crm(n)
      rules.edit(s, row, { customerneed = "of the CRM " .. n })
    end
    local function portal(n)
      s:act("edit", { id = deal, notes = "of the portal " .. n })
    end
    for n, order in ipairs { { crm, portal }, { portal, crm } } do
      s:host_stop()
      order[1](n)
      kit.clock(s, 5000)
      order[2](n)
      up(s)
      local want = n == 1 and "of the portal 1" or "of the CRM 2"
      t.eq({ row_of(s, row).customerneed, rules.referral(s, deal).details.notes }, { want, want })
    end
    kit.quiet(t, s)
  end)
end

-- Refused with the file; the running mapping stays.
local REFUSED = {
  { '{ crm = "stepname", referral = "details.customerActoin" }',
    "`details.customerActoin` is nothing at Partner Center that travels; did you mean" },
  { '{ crm = "stepname", referral = "status" }', "`status` is nothing at Partner Center" },
  { '{ crm = "stepname", referral = "help" }', "`help` is nothing at Partner Center" },
  { '{ crm = "stepname", referral = "details.customerAction" }, '
    .. '{ crm = "stepname", referral = "attributes.Step" }',
    "crm `stepname` stands in row 1 already" },
  { '{ crm = "customerneed", referral = "notes" }, '
    .. '{ crm = "currentsituation", referral = "details.notes" }',
    "referral `details.notes` stands in row 1 already" },
}

-- Left out, and said; every other field travels on.
local LEFT_OUT = {
  { '{ crm = "stepnam", referral = "details.customerAction" }',
    "opportunity has no column `stepnam` in your CRM; did you mean `stepname`?" },
  { '{ crm = "stepname", referral = "value" }', "deal_value.lua says which column it is" },
  { '{ crm = "stepname", referral = "name" }', "the name stands in name" },
  { '{ crm = "ownerid", referral = "details.customerAction" }',
    "a column of this kind (owner of systemuser, team) does not travel" },
  { '{ crm = "stepname", referral = "favorite" }', "is true or false at Partner Center" },
  { '{ crm = "estimatedvalue_base", referral = "details.customerAction" }',
    "opportunity.estimatedvalue_base is read-only in your CRM" },
}

local function wrong(t)
  kit.with({}, function(s)
    s:rest() -- a host that starts with such a file does not start
    local function says(case)
      assert(host.file.write(s.profile .. "/details.lua",
        "return { api = 1, fields = { " .. case[1] .. " } }\n"))
      local said
      kit.wait(case[1], function()
        said = s:command("status", {}):gsub("%s+", " ")
        return said:find(case[2], 1, true)
      end)
      t.has(said, case[2])
    end
    for _, case in ipairs(REFUSED) do
      says(case)
    end
    for i, case in ipairs(LEFT_OUT) do
      s:act("portal-create", { name = case[2], notes = "n" .. i })
      says(case)
      kit.wait("the deal, without that field", function()
        return #kit.opportunities(s) == i
      end)
    end
    assert(host.file.write(s.profile .. "/details.lua", MORE))
    kit.wait("nothing wrong, once it is mended", function()
      return not s:command("status", {}):find("mapping: ", 1, true)
    end)
    s:rest()
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("fields: a text and an option travel both ways", function() both_ways(t) end)
  t.case("fields: both changed, the row's policy counts", function() policy(t) end)
  t.case("fields: one way, and the other side is put right", function() one_way(t) end)
  t.case("fields: what is made new has them", function() made(t) end)
  t.case("fields: what a column can't hold is said, the rest travels", function() unfit(t) end)
  t.case("fields: shipped ones by another column, way and policy", function() otherwise(t) end)
  t.case("fields: a column that is added while the host runs", function()
    added_while_running(t)
  end)
  t.case("fields: the later change counts", function() newest(t) end)
  t.case("fields: a wrong row says what is wrong", function() wrong(t) end)
end

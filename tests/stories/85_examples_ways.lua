-- The examples of how a deal travels: marks, a gate, conflicts, a task, reasons, a campaign.  Each
-- runs as it is shipped, and both sides are looked at.
local examples = require "commands.examples"
local kit = require "commands.kit"
local rules = require "commands.rules"

local BUDGET, VENDOR = 100000001, 100000003 -- options of new_lossreason
local CONFIDENTIAL = "it is confidential"

local function own_deal(s, values, over)
  over = over or {}
  over.values = values
  local row = s:act("create-opportunity", rules.deal(over)).id
  s:rest()
  return row
end

local function invited(s, over)
  local args = { kind = "cosell", name = "Press line", value = 1000, currency = "EUR" }
  for name, value in pairs(over or {}) do
    args[name] = value
  end
  local deal = s:act("microsoft-create", args).id
  s:rest()
  return deal, kit.opportunity(s).id
end

-- ---- Marks ----

local function no_marks(t)
  examples.with("no-marks", {}, function(s)
    local row = own_deal(s)
    t.ok(kit.opportunity(s, row).identifier, "it was sent")
    t.eq(kit.opportunity(s, row).name, "Harbour", "sent, no mark")
    local lacking = own_deal(s, nil, { name = "Depot", solutions = false })
    t.eq(kit.opportunity(s, lacking).name, "Depot", "refused, no mark")
    t.has(kit.opportunity(s, lacking).audit, "solution")
    kit.quiet(t, s)
  end)
end

-- An administrator saves the example beside a profile that has run with marks.
local function marks_go(t)
  rules.sent({}, function(s, row, deal)
    t.eq(kit.opportunity(s, row).name, "✔ Harbour")
    local before = s:status().generation
    assert(host.file.write(s.profile .. "/details.lua", examples.read("no-marks", "details.lua")))
    kit.wait("the new generation", function() return s:status().generation > before end)
    kit.describe(s, row, "a change")
    s:rest()
    t.eq(kit.opportunity(s, row).name, "Harbour", "taken off with the next change")
    t.eq({ rules.referral(s, deal).name, rules.referral(s, deal).details.notes },
      { "Harbour", "a change" })
    kit.quiet(t, s)
  end)
end

-- ---- The gate ----

local function left_out(s)
  for _, run in ipairs(s:runs()) do
    if run.outcome == "left out" then
      return run.detail.why
    end
  end
  return nil
end

local function gate(t)
  examples.with("gate", {}, function(s)
    local row = own_deal(s, { new_confidential = true })
    t.eq(#kit.referrals(s), 0, "Sync is on, and yet nothing is shared")
    t.eq({ kit.opportunity(s, row).name, left_out(s) }, { "Harbour", CONFIDENTIAL })
    own_deal(s, nil, { name = "Open to all" })
    t.eq(#kit.referrals(s), 1, "another deal is")
    kit.quiet(t, s)
    rules.edit(s, row, { new_confidential = false })
    s:rest()
    t.eq(#kit.referrals(s), 2, "no longer confidential")
    t.eq(kit.opportunity(s, row).name, "✔ Harbour")
    rules.edit(s, row, { new_confidential = true, description = "shared by now" })
    s:rest()
    local deal = kit.opportunity(s, row).identifier
    t.eq(rules.referral(s, deal).details.notes, "shared by now", "what is shared stays so")
    kit.quiet(t, s)
  end)
end

-- ---- Conflicts ----

local function conflicts(t)
  examples.with("conflict-policy", {}, function(s)
    local row = own_deal(s)
    local deal = kit.opportunity(s, row).identifier
    rules.both_change(s, row, { estimatedclosedate = "2031-10-31", description = "ours",
      estimatedvalue = 95000 }, deal, { closing_date = "2031-11-30T00:00:00Z", notes = "theirs",
      value = 99000 })
    s:rest()
    local both = "ours\n\nAt Partner Center:\ntheirs"
    local o, d = kit.opportunity(s, row), rules.referral(s, deal).details
    t.eq({ o.closing_date, d.closingDateTime:sub(1, 10) }, { "2031-11-30", "2031-11-30" },
      "Partner Center's date")
    t.eq({ o.notes, d.notes }, { both, both }, "both sides' notes")
    t.eq({ tonumber(o.value), tonumber(d.dealValue) }, { 95000, 95000 }, "the CRM's value, as ever")
    t.eq(#s:command_json("conflicts"), 3, "each is on the list")
    kit.quiet(t, s)
  end)
end

-- ---- A task ----

local function tasks(s)
  return s:rows("crm:task")
end

local function task(t)
  examples.with("follow-up-task", {}, function(s)
    local deal, row = invited(s)
    local made = tasks(s)
    t.eq(#made, 1, "tasks: " .. kit.opportunity(s).audit)
    t.eq({ made[1].subject, made[1].prioritycode, made[1]._regardingobjectid_value,
      made[1]._regardingobjectid_type }, { "Answer Microsoft: Press line", 2, row, "opportunity" })
    s:act("edit", { id = deal, notes = "changed" })
    s:act("delete", { table = "task", id = made[1].activityid })
    s:rest()
    t.eq(#tasks(s), 0, "made once, even if somebody deletes it")
    s:act("portal-create", { name = "Accepted already", value = 5, currency = "EUR" })
    s:rest()
    t.eq({ #kit.opportunities(s), #tasks(s) }, { 2, 0 }, "nobody waits for an answer")
    kit.quiet(t, s)
  end)
end

-- ---- Reasons ----

local function under_review(t)
  examples.with("reasons", {}, function(s)
    local deal, row = invited(s)
    rules.edit(s, row, { statuscode = "Under review", description = "asked the plant" })
    s:rest()
    t.eq(rules.stands(s, deal), "New/Pending", "accepts nothing")
    t.eq(s:command_json("deal", { row }).crm.state, "hold")
    rules.edit(s, row, { statuscode = "In Progress" })
    s:rest()
    t.eq(rules.stands(s, deal), "Active/Accepted")
    kit.quiet(t, s)
  end)
end

local function lost(t, status, option, said)
  examples.with("reasons", {}, function(s)
    local row = own_deal(s, { new_lossreason = option })
    local deal = kit.opportunity(s, row).identifier
    s:act("lose", { id = row, status = status })
    s:rest()
    t.eq({ rules.stands(s, deal), rules.referral(s, deal).statusReason }, { "Closed/Lost", said })
    kit.quiet(t, s)
  end)
end

-- ---- A campaign ----

local function campaign(t)
  examples.with("campaign", {}, function(s)
    local row = own_deal(s, { new_campaigncode = "SPRING-31" })
    local deal = kit.opportunity(s, row).identifier
    local function code() return rules.referral(s, deal).campaignId end
    t.eq(code(), "SPRING-31", "sent with the deal")
    rules.edit(s, row, { new_campaigncode = "AUTUMN-31", description = "with other words" })
    s:rest()
    t.eq({ code(), rules.referral(s, deal).details.notes }, { "AUTUMN-31", "with other words" },
      "and with a later change")
    rules.edit(s, row, { new_campaigncode = "WINTER-31" })
    s:rest()
    t.eq(code(), "WINTER-31", "a change of it alone is sent")
    s:act("edit", { id = deal, campaign = "PORTAL-31" })
    kit.describe(s, row, "again with other words")
    s:rest()
    t.eq({ code(), rules.referral(s, deal).details.notes }, { "PORTAL-31",
      "again with other words" }, "the portal's edit stands until the column changes")
    local without = own_deal(s, nil, { name = "Depot" })
    t.eq(rules.referral(s, kit.opportunity(s, without).identifier).campaignId, nil, "none")
    kit.quiet(t, s)
  end)
end

-- ---- An extra field ----

local function extra_field(t)
  examples.with("extra-field", {}, function(s)
    local row = own_deal(s, { new_customeraction = "Call them", new_campaigncode = "SPRING-31" })
    local deal = kit.opportunity(s, row).identifier
    local function there()
      local r = rules.referral(s, deal)
      return { r.details.customerAction, r.campaignId }
    end
    t.eq(there(), { "Call them", "SPRING-31" }, "sent with the deal")
    rules.edit(s, row, { new_campaigncode = "AUTUMN-31" })
    s:rest()
    t.eq(there(), { "Call them", "AUTUMN-31" }, "a change of it alone is sent")
    s:act("set-raw", { id = deal, path = "details/customerAction",
      value = json.encode "Wait for them" })
    s:act("edit", { id = deal, campaign = "WINTER-31" })
    s:rest()
    local o = kit.opportunity(s, row).row
    t.eq({ o.new_customeraction, o.new_campaigncode }, { "Wait for them", "AUTUMN-31" },
      "in, but for what goes out alone")
    t.eq(there()[2], "AUTUMN-31", "which is put back there")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("example no-marks: names stay as they are", function() no_marks(t) end)
  t.case("example no-marks: marks of before are taken off", function() marks_go(t) end)
  t.case("example gate: what is confidential is not shared", function() gate(t) end)
  t.case("example conflict-policy: what both sides get, field by field", function()
    conflicts(t)
  end)
  t.case("example follow-up-task: one task about a deal that waits for an answer", function()
    task(t)
  end)
  t.case("example reasons: a status reason of one's own accepts nothing", function()
    under_review(t)
  end)
  t.case("example reasons: a column says why a deal is lost", function()
    lost(t, "Out-Sold", VENDOR, "Chose another vendor")
    lost(t, "Lost to price", BUDGET, "Budget not adequate")
  end)
  t.case("example reasons: where nothing is chosen it is Other", function()
    lost(t, "Lost to price", nil, "Other")
  end)
  t.case("example campaign: from a column of the CRM, at once and later", function()
    campaign(t)
  end)
  t.case("example extra-field: one column both ways, one out, each with its policy", function()
    extra_field(t)
  end)
end

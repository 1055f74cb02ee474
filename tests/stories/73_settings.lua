-- Settings: what is listed, what is refused and where, and that the current value counts.
local kit = require "commands.kit"
local printed = require "commands.printed"
local rules = require "commands.rules"

local FIRST, SECOND = "SOL-10001-ABC", "SOL-10002-DEF"

-- ---- The list ----

local function listed(t)
  kit.with({ settings = { settle = 7, inbound = '"linked"' } }, function(s)
    local all = json.decode((s:command("settings", { "--json" })))
    local by = {}
    for _, one in ipairs(all.settings) do
      by[one.name] = one
      t.ok(one.default ~= nil and one.current ~= nil and one.type and one.text, one.name)
    end
    t.eq({ by.settle.current, by.settle.default, by.settle.type, by.settle.most },
      { 7, 60, "integer", 86400 })
    t.eq({ by.inbound.current, by.inbound.default }, { "linked", "all" })
    t.eq(by.deal_value_field.original, "Deal value field name")
    local originals = {}
    for _, list in ipairs { all.settings, all.replaced } do
      for _, one in ipairs(list) do
        originals[#originals + 1] = one.original
      end
    end
    table.sort(originals)
    t.eq(originals, { "Active stage name", "Customer Account Country Code field name",
      "Deal value currency code field name", "Deal value field name",
      "Display check mark in the opportunity name", "On-hold stage name",
      "Sync co-sell opportunity" }, "every variable of the original and of its twin")
    local text = s:command("settings")
    t.has(text, "*  settle ")
    t.has(text, "whole number, 0 to 86400; seconds without a change")
    t.has(text, "original: Sync co-sell opportunity")
    t.has(text, "On-hold stage name: Dynamics 365 has no such stage")
    t.ok(printed.widest(text) <= 80, "wider than 80")
  end)
end

local function by_name(t)
  kit.with({ settings = { settle = 7 } }, function(s)
    local text, exit = s:command("settings", { "settle" })
    t.eq(exit, 0)
    t.has(text, "seconds without a change")
    t.ok(not text:find("look_wait", 1, true), "one alone")
    t.eq(json.decode((s:command("settings", { "settle", "--json" }))).current, 7)
    text, exit = s:command("settings", { "setle" })
    t.eq(exit, 2)
    local answer = assert(host.control.call(s.control, "settings", { "setle" }))
    t.has(text .. (answer.err or ""), "there is no setting `setle`; did you mean `settle`?")
    t.eq(select(2, s:command("settings", { "settle", "inbound" })), 2)
  end)
end

-- ---- What is refused ----

local WRONG = {
  { 'setle = 60', "settings.setle: unknown key; did you mean `settle`?" },
  { 'settle = "60"', "settings.settle: is a whole number" },
  { 'settle = -1', "settings.settle: is at least 0" },
  { 'expiry_reminder_days = 15', "settings.expiry_reminder_days: is at most 14" },
  { 'sync_leads = "No"', "settings.sync_leads: is true or false" },
  { 'inbound = "linkd"', 'did you mean "linked"?' },
  { 'remove_last_solution = "stop"', 'settings.remove_last_solution: is one of "stop_sync"' },
  { 'team_fallback = "rei@partner.example"', 'settings.team_fallback: is a person such as' },
  { 'time_zone = "Tokyo"', 'settings.time_zone: is "UTC" or a distance' },
  { 'deal_value_field = "Deal Value"', "settings.deal_value_field: is a column's logical name" },
}

-- The profile with the last setting's place taken by a line of its own.
local function spoiled(profile, line)
  local text = profile:gsub("settings = {", "settings = {\n    " .. line .. ",\n   ", 1)
  local n = 1
  for _ in text:match("^(.-)" .. line:gsub("%p", "%%%0")):gmatch("\n") do
    n = n + 1
  end
  return text, n
end

local function refused_at_reload(t)
  kit.with({}, function(s)
    s:rest()
    local path = s.profile .. "/profile.lua"
    local profile = assert(host.file.read(path)):gsub(", settle = 0", "")
    for _, wrong in ipairs(WRONG) do
      local text, line = spoiled(profile, wrong[1])
      assert(host.file.write(path, text))
      s.host:kill("HUP")
      local want = ("profile.lua:%d: "):format(line)
      local said = kit.wait("the refusal of " .. wrong[1], function()
        local reload = s:status().reload
        local error_text = reload and reload.error ~= json.null and reload.error or ""
        return error_text:find(wrong[2], 1, true) and error_text
      end)
      t.has(said, want)
      t.eq(json.decode((s:command("settings", { "settle", "--json" }))).current, 0,
        "the old files run")
    end
    assert(host.file.write(path, (profile:gsub("settings = {", "settings = { settle = 5, "))))
    s.host:kill("HUP")
    kit.wait("the new value", function()
      return json.decode((s:command("settings", { "settle", "--json" }))).current == 5
    end)
  end)
end

local function refused_at_start(t)
  for _, wrong in ipairs { WRONG[1], WRONG[2], WRONG[8] } do
    kit.with({ host = false }, function(s)
      local path = s.profile .. "/profile.lua"
      local text, line = spoiled(assert(host.file.read(path)):gsub(", settle = 0", ""), wrong[1])
      assert(host.file.write(path, text))
      s:host_start { profile = s.profile, state = s.state }
      local said = kit.wait("the refusal of " .. wrong[1], function()
        return s.host:output():find(wrong[2], 1, true) and s.host:output()
      end)
      local ended = s.host:wait()
      s.host = nil
      t.ok(ended.exit and ended.exit ~= 0, "it does not start")
      t.has(said, ("profile.lua:%d: "):format(line))
      t.has(said, wrong[2])
    end)
  end
end

-- ---- The current value counts ----

local function current_over_default(t)
  local quoted = '"%s"'
  rules.sent({ settings = { deal_value_currency_field = quoted:format "base",
    display_check_mark = false } }, function(s, row, deal)
    t.eq(rules.referral(s, deal).details.currency, "USD", "the organisation's currency")
    t.eq(kit.opportunity(s, row).name, "Harbour", "no mark")
    kit.quiet(t, s)
  end)
  rules.sent({}, function(s, row, deal)
    t.eq(rules.referral(s, deal).details.currency, "EUR", "by default the row's")
    t.eq(kit.opportunity(s, row).name, "✔ Harbour")
  end)
end

-- One thing that a setting and a file name differently is refused.
local function twice(t)
  kit.with({ host = false, settings = { deal_value_currency_field = '"new_code"' },
    files = { ["deal_value.lua"] = 'return {\n  currency = "base" }' } }, function(s)
    s:host_start { profile = s.profile, state = s.state }
    local said = kit.wait("the refusal", function()
      return s.host:output():find("says otherwise", 1, true) and s.host:output()
    end)
    t.has(said, "deal_value.lua:2: currency: the setting deal_value_currency_field says otherwise")
    s.host:wait()
    s.host = nil
  end)
end

-- ---- The last solution ----

local function shared(settings, body)
  rules.sent({ settings = settings, clock = true }, function(s, row, deal)
    s:act("remove-solution", { opportunity = row, solution = FIRST })
    s:rest()
    body(s, row, deal)
  end)
end

local function there(s, deal)
  return #rules.referral(s, deal).details.requirements.solutions
end

local STOPPED = "Sync with Partner Center was switched off"

local function stops(t)
  shared({}, function(s, row, deal)
    local o = kit.opportunity(s, row)
    t.eq({ o.sync, s:status().deals.suspended, there(s, deal) }, { false, 1, 1 },
      "Sync, suspended, solutions in the portal: " .. o.audit)
    t.eq(rules.count(o.audit, STOPPED), 1, o.audit)
    kit.describe(s, row, "not sent")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "v0", "nothing travels")
    s:act("sync", { id = row })
    s:rest()
    o = kit.opportunity(s, row)
    t.eq({ o.sync, rules.count(o.audit, STOPPED) }, { false, 2 }, "again without a solution")
    s:act("add-solution", { opportunity = row, solution = SECOND })
    s:act("sync", { id = row })
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.details.notes, there(s, deal), r.details.requirements.solutions[1].id },
      { "not sent", 1, SECOND }, "with one it goes on")
    t.eq({ kit.opportunity(s, row).sync, s:status().deals.suspended }, { true, 0 })
    kit.quiet(t, s)
  end)
end

local function keeps(t)
  shared({ remove_last_solution = '"keep"' }, function(s, row, deal)
    local o = kit.opportunity(s, row)
    t.eq({ o.sync, there(s, deal) }, { true, 1 }, "Sync, solutions in the portal")
    t.eq(rules.count(o.audit, "at least one solution must stay"), 1, o.audit)
    kit.describe(s, row, "sent")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "sent", "the rest travels")
    t.eq(rules.count(kit.opportunity(s, row).audit, "at least one solution must stay"), 1,
      "told once")
    kit.quiet(t, s)
  end)
end

-- Replaced in two steps, within the time that settles a deal.
local function replaced(t)
  kit.with({ settings = { settle = 60 }, clock = true }, function(s)
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    s:clock(120000)
    kit.wait("the deal to be sent", function() return kit.opportunity(s, row).identifier end)
    s:rest()
    local deal = kit.opportunity(s, row).identifier
    s:act("remove-solution", { opportunity = row, solution = FIRST })
    s:rest()
    t.eq({ kit.opportunity(s, row).sync, there(s, deal) }, { true, 1 },
      "not yet: another may come")
    s:act("add-solution", { opportunity = row, solution = SECOND })
    s:rest()
    s:clock(120000)
    s:rest()
    t.eq({ kit.opportunity(s, row).sync, there(s, deal) }, { true, 1 })
    t.eq(rules.referral(s, deal).details.requirements.solutions[1].id, SECOND)
    s:act("remove-solution", { opportunity = row, solution = SECOND })
    s:rest()
    s:clock(120000)
    kit.wait("Sync to be switched off", function() return not kit.opportunity(s, row).sync end)
    s:rest()
    t.eq(rules.count(kit.opportunity(s, row).audit, STOPPED), 1)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("item 81: settings are listed with type, default and current value", function()
    listed(t)
  end)
  t.case("item 81: one setting by its name, and the nearest to a wrong one", function()
    by_name(t)
  end)
  t.case("item 81: a wrong value is refused at reload, with file and line", function()
    refused_at_reload(t)
  end)
  t.case("item 81: a wrong value is refused at start, with file and line", function()
    refused_at_start(t)
  end)
  t.case("item 81: the current value goes over the default", function()
    current_over_default(t)
  end)
  t.case("item 81: a setting and a file that disagree are refused", function() twice(t) end)
  t.case("item 52: Sync goes off when the last solution is removed", function() stops(t) end)
  t.case("item 52: the setting keep: Partner Center keeps the last one", function() keeps(t) end)
  t.case("item 52: the last solution may be replaced in two steps", function() replaced(t) end)
end

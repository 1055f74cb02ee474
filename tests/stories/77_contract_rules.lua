-- Rules of the mapping contract that only a CRM can show: what is written when, options by label,
-- look-ups by key, what the way back may change.
local customised = require "commands.customised"
local kit = require "commands.kit"
local rules = require "commands.rules"

local KINDS = { { "opportunity.new_kind", customised.choice("new_Kind", "First", "Double", "Double",
  { "Fourth", { [1041] = "第四" } }) } }

local function files(details)
  return { ["details.lua"] = "return { api = 1, " .. details .. " }\n" }
end

-- A stage with a deal that arrived from the portal, under this mapping.
local function arrived(details, deal, body, prepare)
  kit.with({ host = false, files = files(details) }, function(s)
    if prepare then prepare(s) end
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    local args = { value = 1000, currency = "USD", notes = "v0" }
    for name, value in pairs(deal or {}) do args[name] = value end
    local id = s:act("portal-create", args).id
    s:rest()
    body(s, id, kit.opportunity(s))
  end)
end

local function column(s, row, name)
  return kit.opportunity(s, row).row[name]
end

local function from_portal(s, deal, values)
  values.id = deal
  s:act("edit", values)
  s:rest()
end

-- ---- create and update ----

local function written_when(t)
  arrived([[opportunity = {
    create = function(d, v) v.customerneed = "made of " .. d.notes end,
    update = function(d, v) v.stepname = "step of " .. d.notes end }]], nil, function(s, deal, o)
    t.eq(o.row.customerneed, "made of v0")
    from_portal(s, deal, { value = 1100 })
    t.eq(column(s, o.id, "stepname"), "step of v0", "with the first change at the latest")
    rules.edit(s, o.id, { customerneed = "by hand", stepname = "by hand" })
    s:rest()
    from_portal(s, deal, { value = 1200 })
    t.eq({ column(s, o.id, "customerneed"), column(s, o.id, "stepname") },
      { "by hand", "by hand" }, "the answer is the last one")
    from_portal(s, deal, { notes = "v1" })
    t.eq({ column(s, o.id, "customerneed"), column(s, o.id, "stepname") },
      { "by hand", "step of v1" }, "another answer")
    kit.quiet(t, s)
  end)
end

-- A column that nothing of a deal stands in, but the mapping's answer.
local function asked_for_more(t)
  arrived([[columns = { opportunity = { "stepname" } }, opportunity = {
    update = function(d, v, crm) v.customerneed = crm.stepname and "at " .. crm.stepname end }]],
  nil, function(s, _, o)
    rules.edit(s, o.id, { stepname = "the harbour" })
    s:rest()
    t.eq(column(s, o.id, "customerneed"), "at the harbour")
    kit.quiet(t, s)
  end)
end

local function nothing_and_null(t)
  arrived([[
    account = { create = function(d, v) v.address1_city = nil end },
    opportunity = {
      create = { customerneed = "to be cleared", stepname = "stays" },
      update = function(d, v)
        v.customerneed = d.notes == "clear" and null or nil
        v.stepname = nil
      end }]], nil, function(s, deal, o)
    local account = s:rows("crm:account")
    for _, row in ipairs(account) do
      if row.accountid == o.row._parentaccountid_value then
        t.eq({ row.address1_city, row.address1_postalcode }, { nil, "460-0001" }, "nil: left alone")
      end
    end
    from_portal(s, deal, { notes = "clear" })
    t.eq({ column(s, o.id, "customerneed"), column(s, o.id, "stepname") }, { nil, "stays" },
      "null clears, nil leaves alone")
    kit.quiet(t, s)
  end)
end

-- ---- Options and look-ups ----

local function option(t, given, wanted)
  arrived("opportunity = { create = { new_kind = " .. given .. " } }", nil, function(s, _, o)
    if type(wanted) == "number" then
      t.eq(o and o.row.new_kind, wanted, given)
      return kit.quiet(t, s)
    end
    t.eq(o, nil, "nothing was made")
    t.has(s:status().failed[1].text, wanted)
    return nil
  end, function(s) customised.add(t, s, KINDS) end)
end

local function account_of(s, name, more)
  local values = { name = name, address1_postalcode = "10115" }
  for key, value in pairs(more or {}) do values[key] = value end
  return s:act("create", { table = "account", values = values }).id
end

local BINDS = [[account = { create = function(d, v)
    v.parentaccountid = ctx.bind("account", { name = d.notes, address1_postalcode = "10115" })
  end }]]

local function bound(t, notes, wanted)
  arrived(BINDS, { notes = notes }, function(s, _, o)
    if not wanted then
      local account = s:row("crm:account", o.row._parentaccountid_value)
      t.eq(s:row("crm:account", account._parentaccountid_value).name, notes)
      return kit.quiet(t, s)
    end
    t.eq(o, nil, "nothing was made")
    t.has(s:status().failed[1].text, wanted)
    return nil
  end, function(s)
    account_of(s, "One")
    account_of(s, "Two")
    account_of(s, "Two", { address1_city = "Berlin" })
  end)
end

-- ---- The way back ----

local function way_back(t)
  rules.sent({ files = files [[referral = {
    create = function(d, v, crm)
      v.notes = "made: " .. v.notes
      v.customer.address_line2 = "c/o " .. d.customer.name
    end,
    update = function(d, v, crm)
      if v.notes then v.notes = "changed: " .. v.notes .. " of " .. crm.name end
    end }]], deal = { name = "Harbour" } }, function(s, row, deal)
    local sent = rules.referral(s, deal)
    t.eq(sent.details.notes, "made: v0", "on the way to Partner Center")
    t.eq(sent.customerProfile.address.addressLine2, "c/o Elbe Hafen GmbH", "in plain names")
    kit.describe(s, row, "v1")
    s:rest()
    t.has(rules.referral(s, deal).details.notes, "changed: v1 of ")
    t.eq(s:status().queue.dead, 0, "dead letters")
  end)
end

local function way_back_wrong(t)
  rules.sent({ files = files [[referral = { update = function(d, v) v.campain = "x" end }]] },
    function(s, row)
      kit.describe(s, row, "v1")
      s:rest()
      t.has(s:status().failed[1].text, "`campain` is no field that goes to Partner Center; " ..
        "did you mean `campaign`?")
    end)
end

local function gated(t)
  kit.with({ files = files [[columns = { opportunity = { "stepname" } },
    should_sync = function(crm) return crm.stepname ~= "secret", "it is secret" end]] },
  function(s)
    local row = s:act("create-opportunity", rules.deal { values = { stepname = "secret" } }).id
    s:rest()
    t.eq(#kit.referrals(s), 0, "not shared")
    local run = s:runs()[1]
    t.eq({ run.outcome, run.detail.why }, { "left out", "it is secret" }, "and why")
    rules.edit(s, row, { stepname = "open" })
    s:rest()
    t.eq(#kit.referrals(s), 1, "shared")
    kit.quiet(t, s)
  end)
end

local function once(t)
  arrived([[also = function(d) return {
    { table = "contact", key = "office", values = { lastname = "Office of " .. d.name } } } end]],
  { name = "Ovens" }, function(s, deal)
    local function offices()
      local n = 0
      for _, row in ipairs(s:rows("crm:contact")) do
        n = n + (row.lastname == "Office of Ovens" and 1 or 0)
      end
      return n
    end
    t.eq(offices(), 1, "with the deal")
    from_portal(s, deal, { notes = "v1" })
    from_portal(s, deal, { value = 7 })
    t.eq(offices(), 1, "and never again")
    kit.quiet(t, s)
  end)
end

local function in_one_set(t)
  arrived([[also = function(d) return {
    { table = "contact", key = "office", values = { nonsense = "x" } } } end]], nil,
  function(s, _, o)
    t.eq(o, nil, "no deal without the rows that go with it")
    t.has(s:status().failed[1].text, "nonsense")
  end)
end

-- ---- Settings and files ----

local function disagreeing(t)
  kit.with({ settings = { country_field = '"address1_name"' } }, function(s)
    s:rest()
    local before = s:status().generation
    assert(host.file.write(s.profile .. "/country.lua", 'return { field = "address1_country" }\n'))
    local said = kit.wait("the refusal", function()
      local reload = s:status().reload
      return reload.error ~= json.null and reload.error
    end)
    t.has(said, "country.lua:1: field: the setting country_field says otherwise")
    t.eq(s:status().generation, before, "the old one stays")
    assert(host.file.write(s.profile .. "/country.lua", 'return { field = "address1_name" }\n'))
    kit.wait("the new one", function() return s:status().generation > before end)
  end)
end

return function(t)
  t.case("rule: create is written once, update when the answer is another one", function()
    written_when(t)
  end)
  t.case("rule: update is asked when a column that it reads has changed", function()
    asked_for_more(t)
  end)
  t.case("rule: null clears a column, nil leaves it alone", function() nothing_and_null(t) end)
  t.case("rule: an option by its label", function() option(t, '"first"', 100000000) end)
  t.case("rule: an option by its label in another language", function()
    option(t, '"第四"', 100000003)
  end)
  t.case("rule: an option by its number", function() option(t, "100000001", 100000001) end)
  t.case("rule: two options of one label are an error", function()
    option(t, '"Double"', 'opportunity.new_kind: more than one option is called "Double"')
  end)
  t.case("rule: a label that is none is an error", function()
    option(t, '"Fifth"', 'opportunity.new_kind: no option is called "Fifth"')
  end)
  t.case("rule: ctx.bind finds one row", function() bound(t, "One") end)
  t.case("rule: ctx.bind to no row is an error with table and key", function()
    bound(t, "None", "ctx.bind: no rows of account where address1_postalcode, name")
  end)
  t.case("rule: ctx.bind to several rows is an error with table and key", function()
    bound(t, "Two", "ctx.bind: several rows of account where address1_postalcode, name")
  end)
  t.case("rule: what referral.update answers are fields", function() way_back_wrong(t) end)
  t.case("rule: referral.create and referral.update edit what is sent", function() way_back(t) end)
  t.case("rule: should_sync keeps a row back, and says why", function() gated(t) end)
  t.case("rule: also makes its rows once for a deal", function() once(t) end)
  t.case("rule: a file that the settings contradict is refused at reload", function()
    disagreeing(t)
  end)
  t.case("rule: also stands in the deal's own change set", function() in_one_set(t) end)
end

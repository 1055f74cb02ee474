-- Story 17: odd and broken input.  Each has an outcome of its own, none fails for ever, and in each
-- case another deal of the same moment comes through.
local kit = require "commands.kit"
local rules = require "commands.rules"

local function row_named(s, name)
  for _, o in ipairs(kit.opportunities(s)) do
    if o.name == name then
      return o
    end
  end
  return nil
end

local function row_of(s, deal)
  for _, o in ipairs(kit.opportunities(s)) do
    if o.identifier == deal then
      return o
    end
  end
  return nil
end

-- Spoils a deal before anybody has read it; then it and a good one are brought in.  `dead`: how
-- many dead letters are right.
local function arrives(t, case)
  kit.with({}, function(s)
    s:set("live_quirks", false) -- what is odd is this story's
    s:rest()
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", case.deal or { value = 1000, currency = "USD" }).id
    for path, value in pairs(case.raw or {}) do
      local copy = path:sub(1, 10) == "microsoft:" and "microsoft" or nil
      s:act("set-raw", { id = deal, copy = copy, path = path:gsub("^microsoft:", ""),
        value = value })
    end
    kit.seen(s)
    s:set("lose_callbacks", false)
    s:act("portal-create", { name = "A good one", customer = "Good KK" })
    s:act("set-raw", { id = deal, path = "campaignId", value = "wakes it" })
    s:rest()
    t.ok(row_named(s, "✔ A good one"), "the other deal comes")
    t.eq(s:status().queue.dead, case.dead or 0, "dead letters")
    case.check(t, s, deal, row_of(s, deal))
    kit.quiet(t, s)
  end)
end

-- What comes in: what is spoilt, and what becomes of it.
local INBOUND = {
  { "an unknown kind of help is no help", deal = { help = "GeneralOrOther" },
    raw = { ["microsoft:inviteContext/assistanceRequestCode"] = "SomethingNew" },
    check = function(t, _, _, row)
      t.eq({ row.help, row.visible }, { nil, true })
    end },
  { "unknown words of qualification and size are left alone",
    raw = { qualification = "NovelQualified", ["customerProfile/size"] = "2to3employees" },
    check = function(t, s, deal, row)
      kit.describe(s, row.id, "travels")
      s:rest()
      local r = rules.referral(s, deal)
      t.eq({ r.details.notes, r.qualification }, { "travels", "NovelQualified" })
    end },
  { "an unknown status is an open row", raw = { status = "Archived", substatus = "Old" },
    check = function(t, _, _, row) t.eq({ row.state, row.status }, { 0, 1 }) end },
  { "a member that nobody knows outlives our writes",
    raw = { ["details/novelty"] = '{"colour":"green","parts":[]}' },
    check = function(t, s, deal, row)
      rules.edit(s, row.id, { name = "Renamed by PUT" })
      s:rest()
      local r = rules.referral(s, deal)
      t.eq(r.name, "Renamed by PUT")
      t.eq(r.details.novelty, { colour = "green", parts = {} })
    end },
  { "ids as an object", raw = { ["customerProfile/ids"] = "{}" },
    check = function(t, _, _, row) t.eq(row.name, "✔ Plant sensor rollout") end },
  { "no people at all", raw = { team = "null", ["customerProfile/team"] = "null" },
    check = function(t, _, _, row) t.eq(row.row._parentcontactid_value, nil) end },
  { "the state as region", raw = { ["customerProfile/address/state"] = "null",
    ["customerProfile/address/region"] = "Gifu" },
    check = function(t, s, _, row)
      t.eq(s:row("crm:account", row.row._parentaccountid_value).address1_stateorprovince, "Gifu")
    end },
  { "escaped text", raw = { name = "Tom &amp; Jerry &lt;3", ["details/notes"] = "&quot;a&#39;b" },
    check = function(t, s, deal, row)
      t.eq({ row.name, row.notes }, { "✔ Tom & Jerry <3", "\"a'b" })
      t.eq(rules.referral(s, deal).name, "Tom &amp; Jerry &lt;3", "it is not rewritten there")
    end },
  { "no closing date", raw = { ["details/closingDateTime"] = "null" },
    check = function(t, _, _, row) t.eq(row.closing_date, nil) end },
  { "a closing date that is none", raw = { ["details/closingDateTime"] = "soon" },
    check = function(t, _, _, row) t.eq(row.closing_date, nil) end },
  { "a closing date before the CRM's calendar is said, and the deal comes without it",
    raw = { ["details/closingDateTime"] = "0001-01-01T00:00:00Z" },
    check = function(t, s, deal, row)
      t.eq(row.closing_date, nil)
      t.has(row.audit, "closing date 0001-01-01 is earlier than the CRM can hold")
      s:act("edit", { id = deal, closing_date = "2031-03-31T00:00:00Z" })
      s:rest()
      t.eq(row_of(s, deal).closing_date, "2031-03-31", "mended, it comes")
    end },
  { "no notes, no value", raw = { ["details/notes"] = "null", ["details/dealValue"] = "null" },
    check = function(t, _, _, row) t.eq({ row.notes, row.value }, {}) end },
  { "a value that is text", raw = { ["details/dealValue"] = '"12.50"' },
    check = function(t, _, _, row) t.eq(tonumber(row.value), 12.5) end },
  { "a value beyond the column is said", raw = { ["details/dealValue"] = "5000000000000000" },
    check = function(t, s, deal, row)
      t.eq(row.value, nil)
      t.has(row.audit, "is beyond what the CRM's column holds: widen its range there")
      s:act("edit", { id = deal, value = 5 })
      s:rest()
      t.eq(tonumber(row_of(s, deal).value), 5, "mended, it comes")
    end },
  { "a currency that the CRM does not have", raw = { ["details/currency"] = "XTS" },
    check = function(t, _, _, row)
      t.eq(row.value, nil)
      t.has(row.audit, "currency XTS does not exist in the CRM")
    end },
  { "no name", raw = { name = '""' },
    check = function(t, s, deal, row)
      t.ok(row, "the row is made")
      t.eq(rules.referral(s, deal).name, "", "and names nothing there")
    end },
  { "no solutions", raw = { ["details/requirements/solutions"] = "null" },
    check = function(t, _, _, row) t.ok(row, "the row is made") end },
  { "a solution without an id beside a good one",
    raw = { ["details/requirements/solutions"] = '[{"name":"x"},{"id":"SOL-10001-ABC"}]' },
    check = function(t, s) t.eq(#s:rows("crm:msft_microsoftsolution"), 2, "of two deals") end },
  { "texts longer than their columns", deal = { value = 1000, currency = "USD",
    name = ("n"):rep(400), notes = ("t"):rep(3000), customer = ("c"):rep(200),
    city = ("y"):rep(100), postal_code = ("9"):rep(30), state = ("s"):rep(60),
    address_line1 = ("l"):rep(300), contact = { first_name = ("f"):rep(60),
      last_name = ("g"):rep(60), email = ("e"):rep(110) .. "@long.example", phone = "+1" } },
    check = function(t, s, deal, row)
      t.eq({ utf8.len(row.name), #row.notes }, { 300, 2000 }, "cut, the mark included")
      local account = s:row("crm:account", row.row._parentaccountid_value)
      t.eq({ #account.name, #account.address1_city, #account.address1_postalcode },
        { 160, 80, 20 })
      local r = rules.referral(s, deal)
      t.eq({ #r.name, #r.details.notes }, { 400, 3000 }, "Partner Center's stay whole")
    end },
  { "long names of letters that the CRM counts twice",
    deal = { value = 1000, currency = "USD", name = ("😀"):rep(200) },
    check = function(t, s, deal, row)
      t.eq(utf8.len(row.name), 2 + 149, "149 of two units each, behind the mark")
      t.eq(rules.referral(s, deal).name, ("😀"):rep(200))
    end },
  { "a deal that is closed when it is first seen", raw = { status = "Closed", substatus = "Won" },
    check = function(t, _, _, row) t.eq({ row.state, row.status }, { 1, 3 }) end },
}

-- ---- dates ----

local function digits(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD",
      closing_date = "2031-01-31T00:00:00Z" }).id
    s:rest()
    for n = 0, 7 do
      s:set("date_digits", n)
      local day = ("2031-02-%02d"):format(n + 1)
      s:act("edit", { id = deal, closing_date = day .. "T00:00:00Z" })
      s:rest()
      t.eq(kit.opportunity(s).closing_date, day, n .. " digits")
    end
    s:set("date_digits", "mixed")
    kit.quiet(t, s)
  end)
end

-- ---- neighbours of a row ----

local function delete(s, kind, id)
  s:act("delete", { table = kind, id = id })
end

local function account_gone(t)
  rules.sent({}, function(s, row, deal)
    delete(s, "account", kit.opportunity(s, row).row._parentaccountid_value)
    if not kit.opportunity(s, row) then -- the CRM took its deals along
      return
    end
    kit.describe(s, row, "still travels")
    s:rest()
    t.eq(rules.referral(s, deal).details.notes, "still travels")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function never_had_one(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal { account = false, contact = false }).id
    local good = s:act("create-opportunity", rules.deal { name = "A good one" }).id
    s:rest()
    t.has(kit.opportunity(s, row).audit, "the deal has no account: choose one")
    t.eq(kit.opportunity(s, good).name, "✔ A good one")
    kit.quiet(t, s)
  end)
end

local function contact_gone(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", rules.deal { sync = false,
      help = "General or other" }).id
    delete(s, "contact", kit.opportunity(s, row).row._parentcontactid_value)
    s:act("sync", { id = row })
    s:rest()
    t.eq(#kit.referrals(s), 0, "nothing is sent")
    t.has(kit.opportunity(s, row).audit, "the deal has no contact: choose one")
    kit.quiet(t, s)
  end)
end

-- ---- a row that is odd ----

local function only_a_mark(t)
  rules.sent({}, function(s, row, deal)
    rules.edit(s, row, { name = "✔", description = "travels" })
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.name, r.details.notes }, { "Harbour", "travels" })
    t.has(kit.opportunity(s).audit, "the deal name is empty")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function closed_there(t)
  rules.sent({}, function(s, row, deal)
    s:set("lose_callbacks", true)
    s:act("close", { id = deal, state = "won" })
    rules.edit(s, row, { description = "too late", name = "Too late" })
    s:rest()
    local o = kit.opportunity(s, row)
    t.eq({ o.state, o.status }, { 1, 3 }, "the row is closed, too")
    t.eq(rules.referral(s, deal).name, "Harbour", "a closed referral is not written")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

return function(t)
  for _, case in ipairs(INBOUND) do
    t.case("bad input: " .. case[1], function() arrives(t, case) end)
  end
  t.case("bad input: dates of 0 to 7 digits", function() digits(t) end)
  t.case("bad input: the account of a deal is deleted", function() account_gone(t) end)
  t.case("bad input: a row without an account is told, the next one is sent", function()
    never_had_one(t)
  end)
  t.case("bad input: the contact is deleted before help is asked", function() contact_gone(t) end)
  t.case("bad input: a name that is nothing but a mark", function() only_a_mark(t) end)
  t.case("bad input: an edit of a deal that closed there", function() closed_there(t) end)
end

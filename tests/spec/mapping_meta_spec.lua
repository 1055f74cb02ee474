-- A mapping against the tables of a CRM: each wrong one with the message that stands beside it.
-- The files are loaded by the real mapping process; the tables are those of an invented CRM.
local contract = require "contract"
local mapping_look = require "mapping_look"
local mapping_meta = require "mapping_meta"
local values = require "mapping_value"

local PROFILE = [[
return { stage = "sandbox", listen = { path_secret = { env = "D" } },
  crm = { url = "https://crm.example", token_url = "https://login.example/token",
    client_id = "a", secret = { env = "A" } },
  partner_center = { token_url = "https://login.example/token", client_id = "b",
    secret = { env = "B" }, refresh_token = { env = "C" } },
  columns = { %s },
  settings = { %s } }
]]

-- ---- An invented CRM ----

local function column(type_, more)
  local out = { type = type_, required = "None", create = true, update = true }
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

local function texts(out, names, max)
  for name in names:gmatch("%S+") do out[name] = column("String", { max = max or 100 }) end
  return out
end

local READ_ONLY = { create = false, update = false }

local function option(value, label, ...)
  return { value = value, label = label, labels = { label, ... } }
end

local function address(out)
  return texts(out, "address1_line1 address1_line2 address1_city address1_stateorprovince "
    .. "address1_postalcode address1_country telephone1 firstname lastname jobtitle")
end

local function tables()
  local account = address { accountid = column("Uniqueidentifier"),
    name = column("String", { max = 160, required = "ApplicationRequired" }),
    numberofemployees = column("Integer", { least = 0, most = 1000000 }),
    new_countryid = column("Lookup", { targets = { "new_country" } }),
    new_countrycode = column("Picklist", { options = { option(1, "Germany") } }),
    new_countryidname = column("Virtual", READ_ONLY),
    new_duns = column("String", { max = 9, label = "DUNS number" }),
    new_score = column("Decimal", READ_ONLY) }
  local contact = address { contactid = column("Uniqueidentifier"),
    emailaddress1 = column("String", { max = 100 }), new_vip = column("Boolean"),
    new_since = column("DateTime", { behavior = "DateOnly" }),
    new_met = column("DateTime", { behavior = "UserLocal" }) }
  local opportunity = { opportunityid = column("Uniqueidentifier"),
    name = column("String", { max = 300, required = "ApplicationRequired" }),
    customerid = column("Customer", { required = "ApplicationRequired" }),
    estimatedvalue = column("Money", { least = 0, most = 100000000000 }),
    new_dealvalue = column("Money"), new_dealvalue_base = column("Money", READ_ONLY),
    new_iso = column("String", { max = 3 }), new_isocalc = column("String", READ_ONLY),
    new_notes = column("Memo", { max = 10 }), description = column("Memo", { max = 2000 }),
    new_region = column("Picklist", { options = { option(1, "APAC", "アジア"), option(2, "EMEA"),
      option(3, "Other"), option(4, "Others", "Other") } }),
    new_regionid = column("Lookup", { targets = { "new_region" } }),
    statuscode = column("Status", { options = { option(1, "In Progress"),
      option(4, "Price", "Preis") } }),
    transactioncurrencyid = column("Lookup", { targets = { "transactioncurrency" } }) }
  local lead = address { leadid = column("Uniqueidentifier"), subject = column("String"),
    companyname = column("String"), description = column("Memo"),
    leadsourcecode = column("Picklist", { options = { option(9, "Partner") } }),
    emailaddress1 = column("String") }
  local out = { account = account, contact = contact, opportunity = opportunity, lead = lead,
    new_country = texts({}, "new_name new_isocode"), new_region = texts({}, "new_name"),
    task = texts({}, "subject") }
  for name, columns in pairs(out) do out[name] = { logical = name, columns = columns } end
  return out
end

-- ---- Asking ----

local function problems(files, metas, settings, roles)
  local dir = host.file.tempdir()
  local function put(name, text) assert(host.file.write(dir .. "/" .. name, text)) end
  put("profile.lua", PROFILE:format(roles or "", settings or ""))
  assert(host.file.mkdir(dir .. "/fixtures"))
  for name, text in pairs(files) do
    if name:find("%.json$") then name = "fixtures/" .. name end
    put(name, text)
  end
  local loaded = assert(host.load(dir))
  local found, err
  if #loaded.problems == 0 then found, err = mapping_look.check(metas or tables()) end
  host.file.remove(dir)
  assert(found, err and err.text or json.encode(loaded.problems))
  for _, one in ipairs(found) do one.file = one.file:gsub("^.*/", "") end
  return found
end

-- The lines of all that is at least so serious: "error", or "warning: " and "note: " in front.
local function said(found)
  local out = {}
  for i, one in ipairs(found) do
    out[i] = (one.level == "error" and "" or one.level .. ": ") .. mapping_meta.line(one)
  end
  return table.concat(out, "\n")
end

-- details.lua with a member on its second line.
local function details(member)
  return { ["details.lua"] = "return { api = 1,\n  " .. member .. " }\n" }
end

-- A function on line 3, and a fixture with its answer.
local function asked(group, place, body, question, expect)
  local files = { ["details.lua"] = ("return { api = 1,\n  %s = {\n    %s = %s } }\n"):format(group,
    place, body) }
  files["one.json"] = ('{ "call": "%s.%s", %s, "expect": %s }'):format(group, place, question,
    expect)
  return files
end

local DEAL = '"d": { "name": "Ovens", "customer": { "name": "Brot GmbH", "country": "DE" } }'

local WRONG = {
  { "a column that is read besides", details 'columns = { account = { "new_dunz" } }',
    "details.lua:2: columns.account: account has no column `new_dunz` in your CRM; did you mean "
      .. "`new_duns`?" },
  { "a look-up by the name that the API gives its value",
    details 'columns = { account = { "_new_countryid_value" } }',
    "details.lua:2: columns.account: account has no column `_new_countryid_value` in your CRM; "
      .. "name it `new_countryid`" },
  { "a column by its label", details 'columns = { account = { "DUNS number" } }',
    "details.lua:2: columns.account: account has no column `DUNS number` in your CRM; `new_duns` "
      .. "is called so" },
  { "a column that only shows another one",
    details 'columns = { account = { "new_countryidname" } }',
    "details.lua:2: columns.account: account.new_countryidname only shows another column and "
      .. "cannot be read" },
  { "a constant in a column that is not there",
    details 'opportunity = {\n    create = {\n      new_regon = "APAC" } }',
    "details.lua:4: opportunity.create.new_regon: opportunity has no column `new_regon` in your "
      .. "CRM; did you mean `new_region`?" },
  { "a constant in a read-only column", details 'account = { create = { new_score = 7 } }',
    "details.lua:2: account.create.new_score: account.new_score is read-only in your CRM" },
  { "an option that nobody has", details 'opportunity = { create = { new_region = "APAK" } }',
    "details.lua:2: opportunity.create.new_region: no option of `new_region` is called \"APAK\"; "
      .. "did you mean \"APAC\"?" },
  { "an option that is far from all", details 'lead = { create = { leadsourcecode = "Portal" } }',
    "details.lua:2: lead.create.leadsourcecode: no option of `leadsourcecode` is called "
      .. "\"Portal\"; there are: Partner" },
  { "an option's label that two have, in different languages",
    details 'opportunity = { update = { new_region = "other" } }',
    "details.lua:2: opportunity.update.new_region: 2 options of `new_region` are called "
      .. "\"other\": give the value, one of 3, 4" },
  { "an option by a value that none has", details 'opportunity = { create = { new_region = 7 } }',
    "details.lua:2: opportunity.create.new_region: `new_region` has no option with the value 7; "
      .. "there are: APAC, EMEA, Other, Others" },
  { "a text for a number", details 'account = { create = { numberofemployees = "many" } }',
    "details.lua:2: account.create.numberofemployees: `numberofemployees` is a whole number, not a "
      .. "text" },
  { "a fraction for a whole number", details 'account = { create = { numberofemployees = 1.5 } }',
    "details.lua:2: account.create.numberofemployees: `numberofemployees` is a whole number, not "
      .. "1.5" },
  { "a number outside of the column's range",
    details 'account = { create = { numberofemployees = -1 } }',
    "details.lua:2: account.create.numberofemployees: `numberofemployees` is at least 0, not -1" },
  { "a number above it", details 'account = { create = { numberofemployees = 1000001 } }',
    "details.lua:2: account.create.numberofemployees: `numberofemployees` is at most 1000000, not "
      .. "1000001" },
  { "a number for a text", details 'contact = { create = { telephone1 = 815 } }',
    "details.lua:2: contact.create.telephone1: `telephone1` is a text, not a number" },
  { "a word for yes or no", details 'contact = { create = { new_vip = "yes" } }',
    "details.lua:2: contact.create.new_vip: `new_vip` is yes or no: true or false, not a text" },
  { "a day in words", details 'contact = { create = { new_since = "today" } }',
    "details.lua:2: contact.create.new_since: `new_since` is a date like 2031-03-31" },
  { "a day for a time", details 'contact = { create = { new_met = "2031-03-31" } }',
    "details.lua:2: contact.create.new_met: `new_met` is a time like 2031-03-31T00:00:00Z" },
  { "a constant that is too long",
    details 'opportunity = { create = { new_notes = "12345678901" } }',
    "details.lua:2: opportunity.create.new_notes: `new_notes` holds at most 10 characters, not "
      .. "11" },
  { "a text for a look-up", details 'opportunity = { create = { new_regionid = "APAC" } }',
    "details.lua:2: opportunity.create.new_regionid: `new_regionid` is a look-up, not a text: "
      .. "ctx.bind(\"new_region\", { column = value }) finds its row" },
  { "a look-up bound to another table",
    details('opportunity = { create =\n    { new_regionid = ctx.bind("new_country", { new_name = '
      .. '"x" }) } }'),
    "details.lua:3: opportunity.create.new_regionid: `new_regionid` looks up new_region, not "
      .. "new_country" },
  { "a look-up bound by a column that its table lacks",
    details 'opportunity = { create = { new_regionid = ctx.bind("new_region", { name = 1 }) } }',
    "details.lua:2: opportunity.create.new_regionid: new_region has no column `name` in your CRM" },
  { "a table that a function binds and no fixture asks for",
    details 'owner = function(d) return ctx.bind("new_regoin", { new_name = d.name }) end',
    "details.lua:2: ctx.bind: your CRM has no table `new_regoin`; did you mean `new_region`?" },
  { "a look-up in a column that is none",
    details 'lead = { create = { subject = ctx.bind("task", { subject = "x" }) } }',
    "details.lua:2: lead.create.subject: `subject` is a text, not a look-up" },
  { "a match by a column that is not there", asked("account", "match",
      'function(d) return {\n      { { "new_dunns", d.name } } } end', DEAL,
      '[[["new_dunns", "Ovens"]]]'),
    "details.lua:4: account.match: account has no column `new_dunns` in your CRM; did you mean "
      .. "`new_duns`?" },
  { "a match by an option's label", asked("account", "match",
      'function() return { { { "new_countrycode", "Germany" } } } end', DEAL,
      '[[["new_countrycode", "Germany"]]]'),
    "details.lua:3: account.match: `new_countrycode` is compared by an option's value, not by its "
      .. "label (fixture one)" },
  { "a function's answer that a column does not take", asked("opportunity", "create",
      'function(d, v)\n      v.new_region = "Nowhere" end', DEAL .. ', "v": {}',
      '{ "new_region": "Nowhere" }'),
    "details.lua:4: opportunity.create: no option of `new_region` is called \"Nowhere\"; there "
      .. "are: APAC, EMEA, Other, Others (fixture one)" },
  { "a function's answer that would be cut", asked("opportunity", "update",
      'function(d, v) v.new_notes = d.name .. " for bakers" end', DEAL .. ', "v": {}',
      '{ "new_notes": "Ovens for bakers" }'),
    "warning: details.lua:3: opportunity.update: `new_notes` holds at most 10 characters, not 16: "
      .. "it will be cut (fixture one)" },
  { "a required column that is cleared", asked("opportunity", "update",
      "function(d, v) v.name = null end", DEAL .. ', "v": {}', '{ "name": null }'),
    "warning: details.lua:3: opportunity.update: opportunity.name is required in your CRM and is "
      .. "cleared (fixture one)" },
  { "a row besides in a table that is not there", details
      'also = function() return { { table = "tsk", key = "k", values = { subject = "s" } } } end',
    "details.lua:2: also: your CRM has no table `tsk`; did you mean `task`?",
    fixture = '{ "call": "also", "expect": [{ "table": "tsk", "key": "k", "values": '
      .. '{ "subject": "s" } }] }' },
  { "a row besides with a column that is not there", details
      'also = function() return { { table = "task", key = "k", values = { subjct = "s" } } } end',
    "details.lua:2: also: task has no column `subjct` in your CRM; did you mean `subject`?",
    fixture = '{ "call": "also", "expect": [{ "table": "task", "key": "k", "values": '
      .. '{ "subjct": "s" } }] }' },
  { "a field of one's own that is read-only",
    details('fields = {\n    { crm = "new_dealvalue_base", referral = "details.customerAction",\n'
      .. '      direction = "in" } }'),
    "details.lua:3: fields.1.crm: opportunity.new_dealvalue_base is read-only in your CRM; with "
      .. "direction = \"out\" it may stay" },
  { "a field of one's own in a look-up", details('fields = {\n    { crm = "new_regionid", '
      .. 'referral = "details.customerAction", direction = "out" } }'),
    "details.lua:3: fields.1.crm: a column of this kind (look-up of new_region) does not travel: "
      .. "use opportunity.update and referral.update" },
  { "a field of one's own that is true or false there", details('fields = {\n    { crm = '
      .. '"new_iso", referral = "favorite" } }'),
    "details.lua:3: fields.1.crm: `favorite` is true or false at Partner Center, and "
      .. "opportunity.new_iso is no column of yes or no (text, at most 3)" },
  { "a column that no row brings", details "should_sync = function(crm) return crm.new_region end",
    "warning: details.lua:2: crm.new_region: opportunities are read without `new_region`: name it "
      .. "in columns.opportunity of details.lua" },
  { "a field of one's own that is not there", details('fields = {\n    { crm = "new_izo", '
      .. 'referral = "notes" } }'),
    "details.lua:3: fields.1.crm: opportunity has no column `new_izo` in your CRM; did you mean "
      .. "`new_iso`?" },
  { "a status reason that nobody has", details 'status_reasons = { ["Prize"] = "lost" }',
    "details.lua:2: status_reasons.Prize: no status reason of opportunity is called \"Prize\"; did "
      .. "you mean \"Price\"?" },
  { "a deal value that cannot be written",
    { ["deal_value.lua"] = 'return { read = "estimatedvalue",\n  write = "new_dealvalue_base" }' },
    "deal_value.lua:2: write: opportunity.new_dealvalue_base is read-only in your CRM and cannot "
      .. "be written" },
  { "a deal value that is only read",
    { ["deal_value.lua"] = 'return { field = "new_dealvalue_base" }' },
    "warning: deal_value.lua:1: field: opportunity.new_dealvalue_base is read-only in your CRM: a "
      .. "value from Partner Center is not written" },
  { "a deal value in a column of options",
    { ["deal_value.lua"] = 'return { read = "new_region", write = "new_dealvalue" }' },
    "deal_value.lua:1: read: opportunity.new_region holds no amount (option)" },
  { "a currency in a look-up",
    { ["deal_value.lua"] = 'return { currency = "transactioncurrencyid" }' },
    "deal_value.lua:1: currency: opportunity.transactioncurrencyid holds no currency code "
      .. "(look-up of transactioncurrency): \"row\" is the row's own currency, \"base\" the "
      .. "organisation's" },
  { "a currency that the CRM computes",
    { ["deal_value.lua"] = 'return { currency = "new_isocalc" }' },
    "deal_value.lua:1: currency: opportunity.new_isocalc is read-only in your CRM, and a value "
      .. "that comes in brings its currency" },
  { "a country in a look-up without its code",
    { ["country.lua"] = 'return { field = "new_countryid" }' },
    "country.lua:1: field: `new_countryid` is a look-up of new_country: name the column of that "
      .. "table with the ISO code, as `code` in country.lua" },
  { "a country's code that its table lacks",
    { ["country.lua"] = 'return { field = "new_countryid",\n  code = "new_isocod" }' },
    "country.lua:2: code: new_country has no column `new_isocod` in your CRM; did you mean "
      .. "`new_isocode`?" },
  { "a country's code where there is no look-up",
    { ["country.lua"] = 'return { code = "new_iso" }' },
    "country.lua:1: code: `code` is for a look-up, and account.address1_country is no look-up "
      .. "(text, at most 100)" },
  { "a country in an option", { ["country.lua"] = 'return { field = "new_countrycode" }' },
    "country.lua:1: field: `new_countrycode` is an option: to_code and from_code of country.lua "
      .. "must say which option stands for which country" },
  { "a country that the CRM computes", { ["country.lua"] = 'return { field = "new_score" }' },
    "country.lua:1: field: account.new_score is read-only in your CRM" },
  { "an option that from_code answers wrongly",
    { ["country.lua"] = 'return { field = "new_countrycode", to_code = function() end,\n'
      .. '  from_code = function() return "Allemagne" end }' },
    "country.lua:2: from_code: no option of `new_countrycode` is called \"Allemagne\"; there are: "
      .. "Germany (fixture one)",
    fixture = '{ "call": "country.from_code", "code": "DE", "expect": "Allemagne" }' },
  { "a setting that names a column that is not there", {},
    "profile.lua:7: settings.deal_value_field: opportunity has no column `new_dealvalu` in your "
      .. "CRM; did you mean `new_dealvalue`?", settings = 'deal_value_field = "new_dealvalu"' },
  { "a DUNS number in a number", {},
    "profile.lua:7: settings.duns_field: account.numberofemployees holds no DUNS number (whole "
      .. "number)", settings = 'duns_field = "numberofemployees"' },
  { "a role's column that is not there", {},
    "profile.lua:6: columns.campaign: opportunity has no column `new_campain` in your CRM",
    roles = 'campaign = "new_campain"' },
}

local function wrong(t)
  for _, row in ipairs(WRONG) do
    t.case("mapping and CRM: " .. row[1], function()
      local files, metas = row[2], tables()
      files["one.json"] = row.fixture or files["one.json"]
      metas.new_regoin, metas.tsk = false, false -- as the CRM said when it was asked
      t.eq(said(problems(files, metas, row.settings, row.roles)), row[3])
    end)
  end
end

-- ---- What fits ----

local RIGHT = {
  ["details.lua"] = [[
local region = { DE = "EMEA" }
return { api = 1,
  columns = { account = { "new_duns", "new_countryid" } },
  account = {
    match = function(d) return { { { "new_duns", d.customer.duns } },
      { { "name", d.customer.name } } } end,
    create = function(d, v) v.new_duns = d.customer.duns end },
  contact = { create = { new_vip = true, new_since = "2031-03-31",
    new_met = "2031-03-31T00:00:00Z" } },
  opportunity = {
    create = function(d, v)
      v.new_region = region[d.customer.country]
      v.new_regionid = ctx.bind("new_region", { new_name = d.customer.country })
    end,
    update = { new_region = 3, new_dealvalue = "12.50" } },
  lead = { create = { leadsourcecode = "Partner" } },
  fields = { { crm = "new_dealvalue_base", referral = "details.customerAction",
    direction = "out" } },
  status_reasons = { Price = "lost" } }
]],
  ["country.lua"] = 'return { field = "new_countryid", code = "new_isocode" }\n',
  ["deal_value.lua"] =
    'return { read = "new_dealvalue_base", write = "new_dealvalue", currency = "base" }\n',
  ["match.json"] = '{ "call": "account.match", ' .. DEAL
    .. ', "expect": [[["name", "Brot GmbH"]]] }',
  ["account.json"] = '{ "call": "account.create", "d": { "customer": { "name": "Brot", "duns": '
    .. '"123456789" } }, "expect": { "name": "Brot", "new_duns": "123456789" } }',
  ["row.json"] = '{ "call": "opportunity.create", ' .. DEAL .. ', "v": {}, "expect": '
    .. '{ "new_region": "EMEA", "new_regionid": { "$bind": { "table": "new_region", "where": '
    .. '{ "new_name": "DE" } } } } }',
}

local function right(t)
  t.case("mapping and CRM: one that fits, with fixtures, has nothing against it", function()
    t.eq(said(problems(RIGHT)), "")
    t.eq(said(problems {}), "", "and the shipped answers")
  end)
  t.case("mapping and CRM: what a function does without a fixture is said to be unknown", function()
    t.eq(said(problems(details "account = { match = function() end }")),
      "note: details.lua:2: account.match: not checked: it is a function, and no fixture asks it")
  end)
  t.case("mapping and CRM: a table whose definition is not there is said once", function()
    local metas = tables()
    metas.lead, metas.new_region = nil, nil
    t.eq(said(problems(details('lead = { create = { subject = "a", companyname = "b" } },\n  '
      .. 'opportunity = { create = { new_regionid = ctx.bind("new_region", { new_name = 1 }) } }'),
      metas)),
      "note: details.lua:2: lead.create.companyname: not checked: the definition of the table "
      .. "`lead` is not there; `cosell fields --save` fetches it\n"
      .. "note: details.lua:3: opportunity.create.new_regionid: not checked: the definition of the "
      .. "table `new_region` is not there; `cosell fields --save` fetches it")
  end)
end

-- ---- Which tables are read ----

local function learned(t)
  local bound = { ["$bind"] = { table = "new_region", where = {} } }
  local words = { describe = { country = { field = "new_countryid", code = "new_isocode" } },
    said = { constants = { ["opportunity.create"] = { new_regionid = bound } },
      files = { details = { name = "details.lua",
        text = 'x = { table = "new_kind" }\n--[[ ctx.bind("no") ]]\nctx.bind("new_more", {})\n' } },
      answers = { { call = "also", value = { { table = "task", values = { a =
        { ["$bind"] = { table = "new_other", where = {} } } } } } } } } }
  local function kind_of_error(kind, of)
    return function(name)
      if name == of then return nil, { kind = kind, text = kind } end
      return tables()[name] or { columns = {} }
    end
  end
  t.case("mapping and CRM: the tables that a mapping meets", function()
    t.eq(mapping_look.names(words), { "account", "contact", "lead", "new_kind", "new_more",
      "new_other", "new_region", "opportunity", "task" })
    local metas = mapping_look.learn(words, kind_of_error())
    t.ok(metas.new_country, "and the one that the country looks up")
  end)
  t.case("mapping and CRM: a table that is not there, or not shown, or not reached", function()
    t.eq(mapping_look.learn(words, kind_of_error("absent", "task")).task, false)
    local metas = mapping_look.learn(words, kind_of_error("remote", "task"))
    t.eq({ metas.task == nil, metas.account ~= nil }, { true, true })
    local none, err = mapping_look.learn(words, kind_of_error("net", "task"))
    t.eq({ none == nil, err.kind }, { true, "net" })
    none, err = mapping_look.learn(words, kind_of_error("busy", "new_country"))
    t.eq({ none == nil, err and err.kind }, { true, "busy" })
  end)
end

-- ---- What the CRM requires ----

local function required(t)
  local function needing(logical, name, more)
    local metas = tables()
    metas[logical].columns[name] = column("String", { required = "ApplicationRequired" })
    for key, value in pairs(more or {}) do metas[logical].columns[name][key] = value end
    return metas
  end
  local EMPTY = "warning: details.lua: opportunity.create: opportunity.new_code is required in "
    .. "your CRM and nothing fills it"
  t.case("mapping and CRM: a required column that nothing fills", function()
    t.eq(said(problems({}, needing("opportunity", "new_code"))), EMPTY)
    t.eq(said(problems(details "opportunity = { create = {} }",
      needing("opportunity", "new_code"))), (EMPTY:gsub("lua:", "lua:2:", 1)))
  end)
  t.case("mapping and CRM: a required column that something fills", function()
    for _, member in ipairs { 'opportunity = { create = { new_code = "x" } }',
      'opportunity = { create = function(d, v) v.new_code = d.name end }',
      'opportunity = { create = function(d, v) v["new_code"] = d.name end }' } do
      local found = problems(details(member), needing("opportunity", "new_code"))
      t.ok(not said(found):find("is required", 1, true), member .. said(found))
    end
    t.has(said(problems(details "-- new_code is for later\n  opportunity = { create = {} }",
      needing("opportunity", "new_code"))), "nothing fills it", "a comment fills nothing")
    t.eq(said(problems({}, needing("opportunity", "new_code"), nil, 'campaign = "new_code"')), "")
  end)
  t.case("mapping and CRM: required, and yet nobody's to fill", function()
    t.eq(said(problems({}, needing("opportunity", "new_code", { create = false }))), "")
    t.eq(said(problems({}, needing("opportunity", "new_code", { type = "Boolean" }))), "")
    local of_the_system = { required = "SystemRequired" }
    t.eq(said(problems({}, needing("opportunity", "new_code", of_the_system))), "")
    t.eq(said(problems({}, needing("lead", "new_code"), "sync_leads = false")), "")
    t.has(said(problems({}, needing("lead", "new_code"))), "lead.new_code is required")
  end)
end

-- ---- Values ----

local function by_value(t)
  t.case("mapping and CRM: lengths are counted as the CRM counts", function()
    t.eq({ values.units "abc", values.units "日本", values.units "𝄞" }, { 3, 2, 2 })
    t.eq(values.problem({ type = "String", max = 2 }, "x", "日本"), nil)
    t.has(values.problem({ type = "String", max = 1 }, "x", "𝄞"), "at most 1")
  end)
  t.case("mapping and CRM: amounts may be texts, as they are in a deal", function()
    for value, fits in pairs { ["12.50"] = true, ["-3"] = true, ["12,50"] = false, [""] = false } do
      t.eq(values.problem({ type = "Money" }, "x", value) == nil, fits, value)
    end
    t.eq(values.problem({ type = "Decimal", most = 9 }, "x", json.decimal "9.5"),
      "`x` is at most 9, not 9.5")
  end)
  t.case("mapping and CRM: the words for a column's type", function()
    for word, one in pairs { ["text, at most 9"] = { type = "String", max = 9 },
      ["date"] = { type = "DateTime", behavior = "DateOnly" },
      ["date and time"] = { type = "DateTime", behavior = "UserLocal" },
      ["look-up of a, b"] = { type = "Lookup", targets = { "a", "b" } } } do
      t.eq(values.kind(one), word)
    end
  end)
  t.case("mapping and CRM: every place of the contract that names columns is looked at", function()
    local looked = {}
    for _, row in ipairs(contract.places) do
      if row.kind == "both" and row.answer == "values" then looked[row.place] = true end
    end
    for place in pairs(looked) do
      local logical = place:match("^[^.]+")
      local files = details(("%s = { %s = { no_such = 1 } }"):format(logical,
        place:match("[^.]+$")))
      t.has(said(problems(files)), place .. ".no_such: " .. logical .. " has no column `no_such`")
    end
  end)
end

return function(t)
  wrong(t)
  right(t)
  learned(t)
  required(t)
  by_value(t)
end

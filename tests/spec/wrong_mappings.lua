-- Wrong mappings, each with the line that `cosell check` must print for it, as it stands there.
-- check_spec.lua tries them all in the real mapping process.  Data only.
--
--   { what, role, text, says }            one file: details, country, deal_value, taxonomy, profile
--   { what, settings, role, text, says }  with settings of the profile
--   { what, "asked", members of details.lua, question, says }  an answer that a fixture asks for;
--                                         with the line in details.lua, if that is not the first
local M = {}

-- ---- Names ----

M.names = {
  { "a table mistyped", "details", "return {\n  api = 1,\n  acount = {} }",
    "p/details.lua:3: acount: unknown key `acount`; did you mean `account`?" },
  { "a function mistyped", "details", "return { api = 1,\n  account = {\n    mach = 1 } }",
    "p/details.lua:3: account.mach: unknown key `mach`; did you mean `match`?" },
  { "create mistyped", "details", "return { api = 1, opportunity = {\n  creat = {} } }",
    "p/details.lua:2: opportunity.creat: unknown key `creat`; did you mean `create`?" },
  { "pick mistyped", "details", "return { api = 1, contact = {\n pik = function() end } }",
    "p/details.lua:2: contact.pik: unknown key `pik`; did you mean `pick`?" },
  { "update of a lead mistyped", "details", "return { api = 1, lead = { updte = {} } }",
    "p/details.lua:1: lead.updte: unknown key `updte`; did you mean `update`?" },
  { "a name in the other case", "details", "return { api = 1, Should_Sync = function() end }",
    "p/details.lua:1: Should_Sync: unknown key `Should_Sync`; did you mean `should_sync`?" },
  { "a name like none", "details", "return { api = 1, referral = { xyzzy = {} } }",
    "p/details.lua:1: referral.xyzzy: unknown key `xyzzy`, there are: create, update" },
  { "a table mistyped in columns", "details", "return { api = 1,\n  columns = { acount = {} } }",
    "p/details.lua:2: columns.acount: unknown key `acount`; did you mean `account`?" },
  { "a member mistyped in fields", "details",
    'return { api = 1, fields = {\n  { crm = "a", referral = "b",\n    directon = "in" } } }',
    "p/details.lua:3: fields.1.directon: unknown key `directon`; did you mean `direction`?" },
  { "a mark mistyped", "details", 'return { api = 1, marks = { fail = "x" } }',
    "p/details.lua:1: marks.fail: unknown key `fail`; did you mean `failed`?" },
  { "field mistyped", "country", 'return { feild = "new_country" }',
    "p/country.lua:1: feild: unknown key `feild`; did you mean `field`?" },
  { "currency mistyped", "deal_value", 'return { field = "new_value",\n  curency = "base" }',
    "p/deal_value.lua:2: curency: unknown key `curency`; did you mean `currency`?" },
  { "roles mistyped", "taxonomy", "return { rols = {} }",
    "p/taxonomy.lua:1: rols: unknown key `rols`; did you mean `roles`?" },
  { "a label mistyped", "taxonomy", 'return { roles = {\n  { lable = "Design" } } }',
    "p/taxonomy.lua:2: roles.1.lable: unknown key `lable`; did you mean `label`?" },
  { "a setting mistyped", "profile", "settings = { setle = 0,",
    "p/profile.lua:33: settings.setle: unknown key; did you mean `settle`?" },
}

-- ---- The wrong place ----

M.nesting = {
  { "match at the top", "details", "return { api = 1, match = function() end }",
    "p/details.lua:1: match: unknown key `match` here; did you mean `account.match` or "
      .. "`contact.match`?" },
  { "owner inside account", "details", "return { api = 1, account = { owner = function() end } }",
    "p/details.lua:1: account.owner: unknown key `owner` here; did you mean `owner`?" },
  { "match of an opportunity", "details",
    "return { api = 1, opportunity = { match = function() end } }",
    "p/details.lua:1: opportunity.match: unknown key `match` here; did you mean `account.match` "
      .. "or `contact.match`?" },
  { "to_code in details.lua", "details", "return { api = 1, to_code = function() end }",
    "p/details.lua:1: to_code: unknown key `to_code` here; did you mean `to_code` in "
      .. "country.lua?" },
  { "marks inside opportunity", "details", "return { api = 1, opportunity = { marks = false } }",
    "p/details.lua:1: opportunity.marks: unknown key `marks` here; did you mean `marks`?" },
  { "a value without a name", "details", "return { api = 1, { account = {} } }",
    "p/details.lua: holds a table without a name" },
  { "a function without a name", "details",
    "return { api = 1, account = {\n  function(d, v) v.name = 1 end } }",
    "p/details.lua:1: account: holds a function without a name" },
}

-- ---- Types ----

M.types = {
  { "a function for a table", "details", "return { api = 1, account = function() end }",
    "p/details.lua:1: account: must be a table, not a function" },
  { "a list for match", "details", 'return { api = 1, account = { match = { "name" } } }',
    "p/details.lua:1: account.match: must be a function, not a table" },
  { "a text for owner", "details", 'return { api = 1, owner = "sales@example.com" }',
    "p/details.lua:1: owner: must be a function, not a text" },
  { "a text for create", "details", 'return { api = 1, lead = { create = "Partner" } }',
    "p/details.lua:1: lead.create: must be a function or a table of constants, not a text" },
  { "a list for create", "details", 'return { api = 1, lead = { create = { "Partner" } } }',
    "p/details.lua:1: lead.create: must be a table of columns, not a list" },
  { "a function as a constant", "details",
    "return { api = 1, account = { create = {\n  a = 1,\n  b = function() end } } }",
    "p/details.lua:3: account.create: column `b` gets a function, not a text, a number, true, "
      .. "false, null or ctx.bind" },
  { "a table as a constant", "details",
    'return { api = 1, opportunity = { update = {\n  b = { "x" } } } }',
    "p/details.lua:2: opportunity.update: column `b` gets a table, not a text, a number, true, "
      .. "false, null or ctx.bind" },
  { "a function where data is due", "details",
    "return { api = 1, status_reasons = function() end }",
    "p/details.lua:1: status_reasons: must be a table, not a function" },
  { "a text for a list of columns", "details",
    'return { api = 1, columns = {\n  account = "new_duns" } }',
    "p/details.lua:2: columns.account: must be a list of columns, not a text" },
  { "a number for a column", "details",
    'return { api = 1, columns = {\n  account = { "new_duns",\n    7 } } }',
    "p/details.lua:3: columns.account.2: must be a text, not a number" },
  { "true for the marks", "details", "return { api = 1, marks = true }",
    "p/details.lua:1: marks: must be a table or false, not true" },
  { "a mark that is empty", "details", 'return { api = 1, marks = {\n  ok = "" } }',
    "p/details.lua:2: marks.ok: must not be empty" },
  { "a place of no mark", "details", 'return { api = 1, marks = { place = "frnt" } }',
    "p/details.lua:1: marks.place: must be one of front, back; did you mean `front`?" },
  { "a state that is none", "details",
    'return { api = 1, status_reasons = {\n  ["Lost to price"] = "wonn" } }',
    "p/details.lua:2: status_reasons.Lost to price: must be one of new, active, won, lost, "
      .. "declined, expired, error; did you mean `won`?" },
  { "a direction that is none", "details",
    'return { api = 1, fields = { { crm = "a", referral = "b",\n  direction = "up" } } }',
    "p/details.lua:2: fields.1.direction: direction must be one of in, out, both" },
  { "a policy that is none", "details",
    'return { api = 1, fields = { { crm = "a", referral = "b", conflict = "newst" } } }',
    "p/details.lua:1: fields.1.conflict: conflict must be one of crm, partner, newest; did you "
      .. "mean `newest`?" },
  { "a field without its other side", "details", 'return { api = 1, fields = { { crm = "a" } } }',
    "p/details.lua:1: fields.1: referral must be a text, not nil" },
  { "a field as a text", "details", 'return { api = 1, fields = { "new_stage" } }',
    "p/details.lua:1: fields.1: must be a row { crm =, referral = }, not a text" },
  { "fields with names", "details", 'return { api = 1, fields = { stage = "new_stage" } }',
    "p/details.lua:1: fields: must be a list of rows without names or gaps" },
  { "a column by a function", "country", "return { field = function() end }",
    "p/country.lua:1: field: must be a text, not a function" },
  { "a column that is empty", "country", 'return { field = "" }',
    "p/country.lua:1: field: must not be empty" },
  { "codes as a table", "country", 'return { to_code = { Japan = "JP" } }',
    "p/country.lua:1: to_code: must be a function, not a table" },
  { "a number to read", "deal_value", 'return { read = 5, write = "new_value" }',
    "p/deal_value.lua:1: read: must be a text or a function, not a number" },
  { "a function to write", "deal_value",
    'return { read = "new_value",\n  write = function() end }',
    "p/deal_value.lua:2: write: must be a text, not a function" },
  { "a play without a label", "taxonomy",
    'return { areas = { { label = "Security", plays = {\n  { id = "x" } } } } }',
    "p/taxonomy.lua:2: areas.1.plays.1: label must be a text, not nil" },
  { "areas as texts", "taxonomy", 'return { areas = { "Security" } }',
    "p/taxonomy.lua:1: areas.1: must be { label = text }, not a text" },
}

-- ---- The file as a whole ----

M.files = {
  { "no api", "details", "return { account = {} }", "p/details.lua: `api = 1` is missing" },
  { "another api", "details", "return {\n  api = 2 }",
    "p/details.lua:2: api: this cosell knows api = 1" },
  { "api as a text", "details", 'return { api = "1" }',
    "p/details.lua:1: api: must be a number, not a text" },
  { "api of another version in a small file", "country", "return { api = 2 }",
    "p/country.lua:1: api: this cosell knows api = 1" },
  { "a comma forgotten", "details", "return { api = 1\n  account = {} }",
    "p/details.lua:2: '}' expected (to close '{' at line 1) near 'account'" },
  { "an end forgotten", "details", "return { api = 1, owner = function(d) return nil }",
    "p/details.lua:1: 'end' expected near '}'" },
  { "return forgotten", "country", 'local t = { field = "new_country" }',
    "p/country.lua: must return a table, not nil" },
  { "a text returned", "deal_value", 'return "new_value"',
    "p/deal_value.lua: must return a table, not a text" },
  { "nil indexed while it loads", "details", "local regions = {}\nlocal x = regions.asia.jp",
    "p/details.lua:2: attempt to index a nil value (field 'asia')" },
  { "a global set", "details", 'region = { JP = "APAC" }\nreturn { api = 1 }',
    "p/details.lua:1: a mapping file's environment is read only: `region` cannot be set; write "
      .. "`local region`" },
  { "a name of the host", "details", 'local http = require "http"\nreturn { api = 1 }',
    "p/details.lua:1: `require` is not known here; what a file needs stands in it" },
  { "a library that is not there", "details", "local now = os.time()\nreturn { api = 1 }",
    "p/details.lua:1: `os` is not known here; the day is `ctx.today`" },
  { "a loop while it loads", "details", "local i = 0\nwhile true do i = i + 1 end",
    "p/details.lua:2: took longer than 800 ms" },
  { "a profile that is none", "profile", "}{ settings",
    "p/profile.lua:33: <eof> expected near '{'" },
}

-- ---- What does not go together ----

M.together = {
  { "field with read and write", "deal_value",
    'return { field = "a",\n  read = "b", write = "c" }',
    "p/deal_value.lua:1: field: `field` is for both ways; with `read` and `write` it must go" },
  { "read without write", "deal_value", 'return { read = "b" }',
    "p/deal_value.lua:1: read: `read` needs `write`: the column that a value from Partner Center "
      .. "goes to" },
  { "write without read", "deal_value", 'return { write = "b" }',
    "p/deal_value.lua:1: write: `write` needs `read`: the column that the deal value comes from" },
  { "code with from_code", "country",
    'return { field = "a", code = "b",\n  from_code = function(code) return code end }',
    "p/country.lua:2: from_code: with `code` the look-up's row is found by its code; this must "
      .. "go" },
  { "another deal value in the settings", { deal_value_field = '"new_value"' }, "deal_value",
    'return { field = "new_dealvalue" }',
    "p/deal_value.lua:1: field: the setting deal_value_field says otherwise; name it in one "
      .. "place" },
  { "another currency in the settings", { deal_value_currency_field = '"base"' }, "deal_value",
    'return { currency = "row" }',
    "p/deal_value.lua:1: currency: the setting deal_value_currency_field says otherwise; name it "
      .. "in one place" },
  { "another country in the settings", { country_field = '"new_country"' }, "country",
    'return { field = "new_countryid" }',
    "p/country.lua:1: field: the setting country_field says otherwise; name it in one place" },
  { "marks, and none by the setting", { display_check_mark = "false" }, "details",
    'return { api = 1, marks = { ok = "+ " } }',
    "p/details.lua:1: marks: the setting display_check_mark says otherwise; name it in one "
      .. "place" },
}

-- ---- Answers ----

M.answers = {
  { "a text from create", "asked", 'opportunity = { create = function() return "x" end }',
    '{ "call": "opportunity.create", "d": {} }',
    "opportunity.create: must be a table of columns, not a text" },
  { "a table in a column", "asked", "account = { create = function(d, v) v.x = d.customer end }",
    '{ "call": "account.create", "d": { "customer": { "name": "A" } } }',
    "account.create: column `x` gets a table, not a text, a number, true, false, null or "
      .. "ctx.bind" },
  { "a division by zero", "asked", "lead = { update = function(d, v) v.x = 1 / d.n end }",
    '{ "call": "lead.update", "d": { "n": 0 } }',
    "lead.update: column `x` gets an infinite number, not a text, a number, true, false, null or "
      .. "ctx.bind" },
  { "pairs without their list", "asked",
    'account = { match = function(d) return { { "name", d.customer.name } } end }',
    '{ "call": "account.match", "d": { "customer": { "name": "A" } } }',
    "account.match: alternative 1 must be a list of { column, value }: { { \"name\", "
      .. "d.customer.name } }" },
  { "a text from match", "asked", 'contact = { match = function() return "name" end }',
    '{ "call": "contact.match", "d": {} }',
    "contact.match: must be a list of alternatives, not a text" },
  { "an alternative by name", "asked",
    "account = { match = function() return { { name = 1 } } end }",
    '{ "call": "account.match", "d": {} }',
    "account.match: alternative 1 must be a list of { column, value } without names or gaps" },
  { "another row from pick", "asked", "account = { pick = function() return {} end }",
    '{ "call": "account.pick", "candidates": [{ "name": "A" }] }',
    "account.pick: must answer one of the candidates or nil" },
  { "nothing from should_sync", "asked", "should_sync = function() end",
    '{ "call": "should_sync", "crm": {} }', "should_sync: must answer true or false, not nil" },
  { "a word of no kind", "asked", 'arrives_as = function() return "Lead" end',
    '{ "call": "arrives_as", "d": {} }',
    "arrives_as: must be one of opportunity, lead; did you mean `lead`?" },
  { "a number for an owner", "asked", "owner = function() return 7 end",
    '{ "call": "owner", "d": {} }', "owner: must be a text, not a number" },
  { "an empty reason", "asked", 'close_reason = function() return "" end',
    '{ "call": "close_reason", "crm": {} }', "close_reason: must not be empty" },
  { "a day of no calendar", "asked", 'resolve = function() return "2031-02-30" end',
    '{ "call": "resolve", "field": "closing_date", "crm": "a", "partner": "b" }',
    "resolve: must answer a date like 2031-03-31, or nil" },
  { "a row without a key", "asked",
    'also = function() return { { table = "task", values = {} } } end',
    '{ "call": "also", "d": {} }',
    "also: row 1 must be { table = text, key = text, values = { column = value } }" },
  { "a function for Partner Center", "asked",
    "referral = { create = function(d, v) v.notes = d.tostring or type end }",
    '{ "call": "referral.create", "d": {}, "v": {} }',
    "referral.create: `notes` gets a function" },
  { "a look-up of nothing", "asked",
    'account = { create = function(d, v)\n  v.x = ctx.bind("country", { iso = d.none }) end }',
    '{ "call": "account.create", "d": { "customer": {} } }',
    "2: ctx.bind(country): there is no value to look for" },
  { "a look-up without its table", "asked",
    'account = { create = function(d, v)\n  v.x = ctx.bind { iso = "JP" } end }',
    '{ "call": "account.create", "d": { "customer": {} } }',
    "2: ctx.bind wants a table's name and { column = value }" },
  { "a member of ctx that is none", "asked",
    "owner = function(d)\n  return ctx.tody end", '{ "call": "owner", "d": {} }',
    "2: ctx has no `tody`; did you mean `today`?" },
  { "a setting that is none", "asked",
    'owner = function(d)\n  local o = ctx.setting("default_onwer")\n  return o end',
    '{ "call": "owner", "d": {} }',
    "2: there is no setting `default_onwer`; did you mean `default_owner`?" },
  { "ctx set", "asked", 'owner = function(d)\n  ctx.today = "2031-01-01" end',
    '{ "call": "owner", "d": {} }',
    "2: ctx is read only: `today` cannot be set; write `local today`" },
  { "nil indexed", "asked",
    "opportunity = { update = function(d, v)\n  v.city = d.address.city end }",
    '{ "call": "opportunity.update", "d": {} }',
    "2: attempt to index a nil value (field 'address')" },
  { "a loop", "asked", "owner = function()\n  while true do end end",
    '{ "call": "owner", "d": {} }', "2: took longer than 800 ms" },
}

-- ---- Fixtures: { what, text, says } ----

local CALLS = "account.create, account.match, account.pick, account.update, also, arrives_as, "
  .. "close_reason, contact.create, contact.match, contact.pick, contact.update, "
  .. "country.from_code, country.to_code, deal_value.read, lead.create, lead.update, "
  .. "opportunity.create, opportunity.update, owner, referral.create, referral.update, resolve, "
  .. "should_sync"

M.fixtures = {
  { "broken", '{ "call": "owner", }',
    "p/fixtures/f.json: JSON, line 1, column 20: a name in quotes is expected" },
  { "a list", "[]", 'p/fixtures/f.json: must be an object { "call": ..., "expect": ... }' },
  { "without a question", '{ "d": {} }',
    "p/fixtures/f.json: `call` is missing: the question, one of " .. CALLS },
  { "of a question mistyped", '{ "call": "accuont.match" }',
    "p/fixtures/f.json: call: there is no question `accuont.match`; did you mean "
      .. "`account.match`?" },
  { "with a member mistyped", '{ "call": "owner", "d": {}, "expct": "x" }',
    "p/fixtures/f.json: unknown key `expct`; did you mean `expect`?" },
  { "of a question that a host alone asks", '{ "call": "hello" }',
    "p/fixtures/f.json: call: there is no question `hello`, there are: " .. CALLS },
}

return M

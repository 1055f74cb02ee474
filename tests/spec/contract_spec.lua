-- The mapping contract: what a file may hold, how its answers lie over the defaults, and what is
-- said when they do not fit.  Files are functions here; what compiles and locks is tested in C.
local answers = require "answers"
local contract = require "contract"
local docs = require "commands.docs"
local mapping_env = require "mapping_env"

local COUNTRIES = {
  JP = { alpha_3 = "JPN", en = "Japan", ja = "日本|日本国", de = "Japan" },
  DE = { alpha_3 = "DEU", en = "Germany|Federal Republic of Germany", de = "Deutschland" },
  NE = { alpha_3 = "NER", en = "Niger", rw = "Nigeri" },
  NG = { alpha_3 = "NGA", en = "Nigeria", sq = "Nigeri" },
}

local DEFAULTS = {
  ["default.details"] = function()
    return {
      api = 1, columns = { account = { "name" } },
      account = {
        match = function(d) return { { { "name", d.customer.name } } } end,
        create = function(d, v) v.name = d.customer.name; v.source = "default" end,
      },
    }
  end,
  ["default.country"] = function(env)
    return { field = env.ctx.setting("country_field"),
      to_code = function(value) return env.ctx.country.to_code(value) end,
      from_code = function(code) return code end }
  end,
  ["default.deal_value"] = function(env)
    return { field = env.ctx.setting("deal_value_field"), currency = "row" }
  end,
}

local SETTINGS = { country_field = "address1_country", deal_value_field = "estimatedvalue",
  display_check_mark = true }

-- Answers over the defaults and what the test gives: role -> function(env); texts: role -> source.
local function with(given, texts, settings, fixtures)
  local logged = {}
  local a = answers.new {
    text = function(role)
      if given[role] or DEFAULTS[role] then
        return texts and texts[role] or "", "p/" .. role .. ".lua"
      end
    end,
    compile = function(role, env)
      if role == "countries" then return function() return COUNTRIES end end
      local make = given[role] or DEFAULTS[role]
      return function() return make(env) end
    end,
    fixtures = function() return fixtures or {} end,
    where = function() return "p/details.lua", 7 end,
    today = function() return "2031-02-03" end,
    log = function(text) logged[#logged + 1] = text end,
    loaded = function() end, place = function() return "p/details.lua:7: " end,
  }
  a:answer { call = "settings", settings = settings or SETTINGS }
  return a, logged
end

local function details(t)
  t.api = 1
  return { details = function() return t end }
end

local function refused(a, q)
  local ok, err = pcall(a.answer, a, q)
  assert(not ok, "it was not refused")
  return type(err) == "table" and err.text or err, type(err) == "table" and err.kind
end

-- As a host asks: until no fixture is left.
local function checked(a)
  local answer
  repeat answer = a:answer { call = "check" } until not answer.more
  return answer
end

local function problems(given, texts, settings)
  local out = {}
  for _, p in ipairs(checked(with(given, texts, settings)).problems) do
    out[#out + 1] = ("%s:%s: %s%s"):format(p.file, p.line or "-", p.key and p.key .. ": " or "",
      p.text)
  end
  return table.concat(out, "\n")
end

local function deal()
  return { name = "Bakery", customer = { name = "Brot GmbH", country = "DE", duns = json.null } }
end

local function values(a, call, v, crm)
  return json.encode(a:answer({ call = call, d = deal(), v = v or {}, crm = crm }).v)
end

local function tables(t)
  t.case("every place is told with an example and stands in the guide", function()
    local guide = contract.markdown()
    for _, row in ipairs(contract.places) do
      t.ok(#row.doc > 10 and #row.example > 5, row.place)
      t.ok(contract.by_place[row.file][row.place] == row, row.place)
      t.has(guide, "| " .. row.file .. " | `" .. row.place .. "` |")
      t.ok(row.kind ~= "function" or row.args, row.place)
      t.ok(row.answer == nil or contract.check[row.answer], row.place)
    end
  end)
  t.case("the guide's tables are the contract's and the field table", function()
    local _, page = docs.page()
    t.eq(page, docs.made(page), "make docs")
  end)
  t.case("the example of a whole mapping is accepted", function()
    t.eq(problems({
      details = function()
        return { api = 1, columns = { account = { "new_duns" } },
          account = { match = function() end, create = function() end, pick = function() end },
          opportunity = { create = function() end },
          lead = { create = { leadsourcecode = "Partner" } },
          fields = { { crm = "new_stage", referral = "salesStage", direction = "out" } },
          marks = false, status_reasons = { ["Lost to price"] = "lost" } }
      end,
      country = function() return { field = "new_countryid", code = "new_isocode" } end,
      deal_value = function()
        return { read = "new_dealvalue_base", currency = "base", write = "new_dealvalue" }
      end,
    }), "")
  end)
end

local function mistakes(t)
  t.case("a mistake is told with file, line, key and the nearest name", function()
    local source = "return {\n  api = 1,\n  acount = {},\n  account = {\n    mach = 1 } }"
    local file = { api = 1, acount = {}, account = { mach = 1 } }
    t.eq(problems({ details = function() return file end }, { details = source }),
      "p/details.lua:3: acount: unknown key `acount`; did you mean `account`?\n"
      .. "p/details.lua:5: account.mach: unknown key `mach`; did you mean `match`?")
  end)
  t.case("a wrong type is told", function()
    for expected, file in pairs {
      ["account.match: must be a function, not a text"] = { account = { match = "x" } },
      ["account: must be a table, not a number"] = { account = 1 },
      ["account.create: column `x` gets a function"] = { account = { create = { x = type } } },
      ["columns.lead: must be a list of columns, not a text"] = { columns = { lead = "x" } },
      ["columns.order: unknown key `order`"] = { columns = { order = {} } },
      ["fields.1: referral must be a text"] = { fields = { { crm = "x" } } },
      ["fields.1.direction: direction must be one of in, out, both"] =
        { fields = { { crm = "x", referral = "y", direction = "up" } } },
      ["marks.place: must be one of front, back"] = { marks = { place = "middle" } },
      ["status_reasons.Gone: must be one of new, active"] = { status_reasons = { Gone = "gone" } },
      ["owner: must be a function, not a text"] = { owner = "me" },
    } do
      file.api = 1
      t.has(problems { details = function() return file end }, expected)
    end
  end)
  t.case("the version is asked for, and another one is refused", function()
    t.has(problems { details = function() return {} end }, "`api = 1` is missing")
    t.has(problems { details = function() return { api = 2 } end }, "this cosell knows api = 1")
    t.has(problems { details = function() return nil end }, "must return a table, not nil")
  end)
  t.case("a file that raises while it loads is a problem with its line", function()
    t.eq(problems { country = function() error("p/country.lua:4: boo", 0) end },
      "p/country.lua:4: boo")
  end)
  t.case("one thing named twice with different values is refused", function()
    local settings = { country_field = "new_country", deal_value_field = "new_value",
      display_check_mark = false }
    local text = problems({
      country = function() return { field = "other" } end,
      deal_value = function() return { field = "other" } end,
      details = function() return { api = 1, marks = { ok = "+" } } end,
    }, { deal_value = "return {\n field = 'other' }" }, settings)
    t.has(text, "p/deal_value.lua:2: field: the setting deal_value_field says otherwise")
    t.has(text, "p/country.lua:-: field: the setting country_field says otherwise")
    t.has(text, "p/details.lua:-: marks: the setting display_check_mark says otherwise")
    t.eq(problems({ country = function() return { field = "new_country" } end }, nil, settings), "")
    t.eq(problems { country = function() return { field = "other" } end }, "")
  end)
  t.case("a broken file stops every question but check", function()
    local a = with(details { accuont = {} })
    local text, kind = refused(a, { call = "owner", d = deal() })
    t.has(text, "p/details.lua: accuont: unknown key `accuont`; did you mean `account`?")
    t.eq(kind, "data")
  end)
end

local function layers(t)
  t.case("create: constants and functions lie over the default's answer", function()
    t.eq(values(with {}, "account.create"), '{"name":"Brot GmbH","source":"default"}')
    t.eq(values(with(details { account = { create = { new_x = 1 } } }), "account.create"),
      '{"name":"Brot GmbH","new_x":1,"source":"default"}')
    t.eq(values(with(details { account = { create = function(_, v) v.name = v.name .. "!" end } }),
      "account.create"), '{"name":"Brot GmbH!","source":"default"}')
    t.eq(values(with(details { account = { create = function() return { source = "own" } end } }),
      "account.create"), '{"name":"Brot GmbH","source":"own"}')
  end)
  t.case("create: null clears a column, nil leaves it alone", function()
    t.eq(values(with(details { account = { create = function(_, v)
      v.name, v.source = nil, json.null
    end } }), "account.create"), '{"source":null}')
  end)
  t.case("create: what the flow filled stays, and crm is nil for a new row", function()
    local seen
    local function create(_, v, crm) seen, v.b = crm, 2 end
    local a = with(details { opportunity = { create = create } })
    t.eq(values(a, "opportunity.create", { a = 1 }), '{"a":1,"b":2}')
    t.eq(seen, nil)
  end)
  t.case("an empty value of the deal or the row is nil, not null", function()
    local duns, column
    local a = with(details { account = { update = function(d, _, crm)
      duns, column = d.customer.duns, crm.fax
    end } })
    values(a, "account.update", {}, { fax = json.null })
    t.eq(duns, nil)
    t.eq(column, nil)
  end)
  t.case("match: the list replaces the default's, incomplete alternatives are skipped", function()
    local a = with(details { account = { match = function(d)
      return { { { "new_duns", d.customer.duns } }, { { "name", d.customer.name }, { "x", 1 } } }
    end } })
    t.eq(json.encode(a:answer({ call = "account.match", d = deal() }).alternatives),
      '[[["name","Brot GmbH"],["x",1]]]')
    a = with(details { account = { match = function() end } })
    t.eq(json.encode(a:answer({ call = "account.match", d = deal() }).alternatives),
      '[[["name","Brot GmbH"]]]')
    t.eq(json.encode(with {}:answer({ call = "contact.match", d = deal() }).alternatives), "[]")
  end)
  t.case("pick: one of the rows or none, nothing else", function()
    local choice
    local a = with(details { account = { pick = function(rows) return choice(rows) end } })
    local function ask()
      return a:answer { call = "account.pick", d = deal(), candidates = { {}, {} } }
    end
    choice = function(rows) return rows[2] end
    t.eq(ask().index, 2)
    choice = function() return nil end
    t.eq(ask().index, nil)
    choice = function() return {} end
    t.has(refused(a, { call = "account.pick", d = deal(), candidates = { {} } }),
      "p/details.lua:7: account.pick: must answer one of the candidates or nil")
  end)
end

local function others(t)
  t.case("the other questions answer in their form", function()
    local a = with(details {
      should_sync = function(crm) return crm.ok, "because" end,
      arrives_as = function() return "lead" end,
      owner = function() return nil end,
      close_reason = function() return "price" end,
      resolve = function(field, crm, partner) return field == "notes" and crm .. partner or nil end,
      also = function() return { { table = "task", key = "k", values = { subject = "s" } } } end,
    })
    local function text(q) return json.encode(a:answer(q)) end
    t.eq(text { call = "should_sync", crm = { ok = true } }, '{"sync":true}')
    t.eq(text { call = "should_sync", crm = { ok = false } }, '{"reason":"because","sync":false}')
    t.eq(text { call = "arrives_as", d = deal() }, '{"as":"lead"}')
    t.eq(text { call = "owner", d = deal() }, "{}")
    t.eq(text { call = "close_reason", crm = {} }, '{"reason":"price"}')
    t.eq(text { call = "resolve", field = "notes", crm = "a", partner = "b" }, '{"value":"ab"}')
    t.eq(text { call = "resolve", field = "name", crm = "a", partner = "b" }, "{}")
    for field, row in pairs { value = { "12.50", "much" }, closing_date = { "2031-02-28",
      "2031-02-30" }, notes = { "both", 7 } } do
      t.eq({ contract.check.resolved(row[1], field), contract.check.resolved(nil, field) }, {})
      t.has(contract.check.resolved(row[2], field), "must ", field)
    end
    t.eq(text { call = "also", d = deal(), crm = {} },
      '{"rows":[{"key":"k","table":"task","values":{"subject":"s"}}]}')
  end)
  t.case("an answer that breaks the contract is an error with the function's place", function()
    local a = with(details {
      should_sync = function() return "yes" end, arrives_as = function() return "deal" end,
      owner = function() return 7 end, also = function() return { {} } end,
      account = { match = function() return { "name" } end, create = function(_, v) v.x = {} end },
      lead = { create = function() return 5 end },
    })
    for call, expected in pairs {
      should_sync = "should_sync: must answer true or false, not a text",
      arrives_as = "arrives_as: must be one of opportunity, lead",
      owner = "owner: must be a text, not a number",
      also = "also: row 1 must be { table = text",
      ["account.match"] =
        "account.match: alternative 1 must be a list of { column, value }, not a text",
      ["account.create"] = "account.create: column `x` gets a table",
      ["lead.create"] = "lead.create: must be a table of columns, not a number",
    } do
      local text, kind = refused(a, { call = call, d = deal(), crm = {}, v = {} })
      t.has(text, "p/details.lua:7: " .. expected)
      t.eq(kind, "data")
    end
  end)
  t.case("deal value: a column, or a function; 0 and empty are no answer", function()
    local a = with {}
    local function read(value)
      return a:answer({ call = "deal_value.read", crm = { estimatedvalue = value } }).value
    end
    t.eq(read(5), 5)
    t.eq(read(0.0), nil)
    t.eq(read(json.null), nil)
    t.eq(read(json.decimal("0.00")), nil)
    a = with { deal_value = function()
      return { read = function(crm) return crm.a + crm.b end, write = "c", currency = "base" }
    end }
    t.eq(a:answer({ call = "deal_value.read", crm = { a = 1, b = 2 } }).value, 3)
    t.eq(json.encode(a:answer({ call = "describe" }).deal_value),
      '{"currency":"base","read":true,"write":"c"}')
  end)
  t.case("describe gathers what the flows must know", function()
    local a = with(details { columns = { account = { "new_duns", "name" } }, owner = function() end,
      contact = { pick = function() end }, fields = { { crm = "a", referral = "notes" } } })
    local d = a:answer { call = "describe" }
    t.eq(json.encode(d.columns),
      '{"account":["name","new_duns"],"contact":[],"lead":[],"opportunity":[]}')
    t.eq(json.encode(d.fields),
      '[{"conflict":"crm","crm":"a","direction":"both","referral":"notes"}]')
    t.eq(json.encode(d.marks), '{"failed":"✖ ","ok":"✔ ","place":"front"}')
    t.eq(json.encode(d.country), '{"custom":false,"field":"address1_country"}')
    t.eq(json.encode(d.deal_value), '{"currency":"row","field":"estimatedvalue"}')
    t.eq(d.has.owner, true)
    t.eq(d.has["opportunity.update"], false)
    t.eq(with(details { opportunity = { update = { a = 1 } } }):answer({ call = "describe" })
      .has["opportunity.update"], true)
    t.eq(d.has.also, false)
    t.eq(json.encode(d.has.pick), '{"account":false,"contact":true}')
    t.eq(with(details { marks = false }):answer({ call = "describe" }).marks, false)
  end)
  t.case("fixtures: the answer is compared, an absent expect is nil", function()
    local own = details { owner = function(d) return d.who end }
    local function run(text)
      local a = with(own, nil, nil, { { name = "f", file = "p/fixtures/f.json", text = text } })
      local p = checked(a).problems[1]
      return p and p.text or ""
    end
    t.eq(run '{"call":"owner","d":{"who":"x"},"expect":"x"}', "")
    t.eq(run '{"call":"owner","d":{}}', "")
    t.eq(run '{"call":"owner","d":{"who":"x"}}', 'owner: got "x", want nil')
    t.has(run '{"call":"owner","d":{"who":7},"expect":7}', "owner: must be a text, not a number")
    t.has(run '{"call":"account.create","d":{"customer":{"name":"A"}},"expect":{"name":"A"}}',
      'account.create: at source: got "default", want nil')
    t.eq(run '{"call":"account.match","d":{"customer":{"name":"A"}},"expect":[[["name","A"]]]}', "")
    t.has(run '{"call":"account.match","d":{"customer":{"name":"A"}},"expect":[[["name","B"]]]}',
      'account.match: at 1.1.2: got "A", want "B"')
    t.has(run '{"call":"onwer"}', "there is no question `onwer`; did you mean `owner`?")
    t.has(run "{", "JSON, line 1")
  end)
end

local function environment(t)
  t.case("fold: width, case and spaces do not matter", function()
    t.eq(mapping_env.fold("  ＡＢＣ　ÄÖÜ  Straße \u{a0}ŁÓDŹ "), "abc äöü strasse łódź")
    t.eq(mapping_env.fold("ΑΘΉΝΑΣ МОСКВА Ёлка"), mapping_env.fold("αθήνας москва ёлка"))
    t.eq(mapping_env.fold("日本"), "日本")
    for written, same in pairs {
      ["ﾊﾟｲｵﾆｱ ｶﾞﾗｽ"] = "パイオニア ガラス", ["か\u{3099}き"] = "がき",
      ["ﾊﾞ"] = "バ",
      ["Mu\u{308}ller"] = "müller",
      ["NI\u{302}\u{301}"] = "nî\u{301}", ["㈱山田"] = "(株)山田",
      ["VIE\u{302}\u{323}T"] = "việt", ["e\u{302}\u{301}"] = "ế", ["ẾỆ"] = "ếệ",
      ["STRAẞE"] = "strasse", ["q\u{301}"] = "q\u{301}", ["\u{301}"] = "\u{301}",
    } do
      t.eq(mapping_env.fold(written), same, written)
    end
    t.eq(mapping_env.fold(nil), "")
  end)
  t.case("country: codes, names in any language, shared names are nobody's", function()
    local country = mapping_env.countries(function() return COUNTRIES end)
    for name, code in pairs { jp = "JP", JPN = "JP", [" japan "] = "JP", ["日本"] = "JP",
      DEUTSCHLAND = "DE", ["Federal  Republic of Germany"] = "DE", Niger = "NE", uk = "GB" } do
      t.eq(country.to_code(name), code, name)
    end
    t.eq(country.to_code("Nigeri"), nil)
    t.eq(country.to_code(""), nil)
    t.eq(country.to_code(7), nil)
    t.eq(country.name_of("de"), "Germany")
    t.eq(country.name_of("DE", "de_AT"), "Deutschland")
    t.eq(country.name_of("DE", "fr"), "Germany")
    t.eq(country.name_of("XX"), nil)
  end)
  t.case("ctx holds what the contract says and nothing else", function()
    local env, today
    local a, logged = with { details = function(e)
      env = e
      return { api = 1, owner = function() today = e.ctx.today; e.ctx.log("hi") end }
    end }
    a:answer { call = "owner", d = deal(), today = "2030-01-01" }
    t.eq(today, "2030-01-01")
    t.eq(logged[1], "hi")
    local function fails(run) return select(2, pcall(run)) end
    t.has(fails(function() return env.ctx.settings end), "no `settings`; did you mean `setting`?")
    t.has(fails(function() return env.ctx.setting("country_feld") end), "mean `country_field`?")
    t.has(fails(function() env.ctx.today = 1 end), "ctx is read only")
    t.has(fails(function() env.x = 1 end), "write `local x`")
    t.has(fails(function() return env.host end), "`host` is not known here")
    for _, name in ipairs { "require", "os", "io", "json", "debug", "load", "coroutine", "_G" } do
      t.eq(rawget(env, name), nil, name)
    end
    t.eq(env.math.random, nil)
    t.ok(env.string ~= string)
    t.eq(json.encode(env.ctx.bind("new_country", { iso = "JP" })),
      '{"$bind":{"table":"new_country","where":{"iso":"JP"}}}')
    t.has(fails(function() env.ctx.bind("new_country", { iso = nil }) end), "there is no value")
    t.eq(env.null, json.null)
  end)
end

-- An upgrade brings other defaults; what the administrator wrote stands, and is not touched.
local function upgraded(t)
  local own = { details = function()
    return { api = 1, account = { create = function(_, v) v.mine = "own" end } }
  end }
  local question = { call = "account.create", d = { customer = { name = "Brot" } }, v = {} }
  t.eq(with(own):answer(question).v, { name = "Brot", source = "default", mine = "own" })
  own["default.details"] = function()
    return { api = 1, account = {
      match = function(d) return { { { "name", d.customer.name } } } end,
      create = function(d, v) v.name, v.source = d.customer.name:upper(), "next version" end } }
  end
  question.v = {}
  t.eq(with(own):answer(question).v, { name = "BROT", source = "next version", mine = "own" })
end

return function(t)
  t.case("item 80: an upgrade's defaults arrive below the administrator's answers", function()
    upgraded(t)
  end)
  tables(t)
  mistakes(t)
  layers(t)
  others(t)
  environment(t)
end

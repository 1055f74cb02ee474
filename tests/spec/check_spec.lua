-- cosell check, in the real mapping process: what is said of wrong mappings, of fixtures that fail,
-- and what it writes.
local check = require "commands.check"
local fixture_text = require "fixture_text"
local fixtures = require "fixtures"
local WHOLE = require "commands.whole_mapping"
local wrong = require "commands.spec.wrong_mappings"

local ROOT = host.file.getenv("COSELL_SCRIPTS") .. "/.."

local function write(dir, files)
  assert(host.file.mkdir(dir .. "/fixtures"))
  for name, text in pairs(files) do
    assert(host.file.write(dir .. "/" .. name, text))
  end
end

-- The practice environment's profile, with these settings.
local function profile_text(settings)
  local text, more = assert(host.file.read(ROOT .. "/mappings/sandbox/profile.lua")), {}
  for name, value in pairs(settings or {}) do
    more[#more + 1] = name .. " = " .. value
  end
  return (text:gsub("settings = {", "%0 " .. table.concat(more, ", ")
    .. (#more > 0 and "," or "")))
end

-- Runs body(dir) in a profile folder that holds these files, and takes it away.
local function with(files, body)
  local dir = host.file.tempdir()
  write(dir, { ["profile.lua"] = profile_text() })
  write(dir, files)
  local ok, err = pcall(body, dir)
  host.file.remove(dir)
  if not ok then error(err, 0) end
end

-- What the command prints, its folder as `p`, and its exit status.
local function run(dir, args, more)
  local out = {}
  local cmd = { args = args or {}, width = 80, color = false, tty = false, profile = dir,
    out = function(text) out[#out + 1] = text end,
    err = function(text) out[#out + 1] = "err: " .. text end }
  for name, value in pairs(more or {}) do cmd[name] = value end
  local status = check.run(cmd)
  local text = table.concat(out):gsub(dir:gsub("%p", "%%%0"), "p")
  return text, status
end

local function says(t, files, line)
  with(files, function(dir)
    local text, status = run(dir)
    t.has("\n" .. text, "\n" .. line .. "\n")
    t.eq(status, 1, "exit status")
  end)
end

-- ---- Wrong mappings ----

-- What the profile's file holds from the settings on.
local function broken_profile(text)
  return (profile_text():gsub("settings = {", text))
end

local function file_rows(t, rows)
  for _, row in ipairs(rows) do
    local settings = type(row[2]) == "table" and row[2] or nil
    local role, text, line = table.unpack(row, settings and 3 or 2)
    t.case("wrong: " .. row[1], function()
      local files = { ["profile.lua"] = profile_text(settings) }
      files[role .. ".lua"] = role == "profile" and broken_profile(text) or text
      says(t, files, line)
    end)
  end
end

local function answer_rows(t, rows)
  for _, row in ipairs(rows) do
    t.case("wrong: " .. row[1], function()
      local own = row[5]:find("^%d+: ") and "" or "1: "
      says(t, { ["details.lua"] = "return { api = 1, " .. row[3] .. " }",
        ["fixtures/f.json"] = row[4] }, "p/fixtures/f.json: p/details.lua:" .. own .. row[5])
    end)
  end
end

local function fixture_rows(t, rows)
  for _, row in ipairs(rows) do
    t.case("wrong: a fixture " .. row[1], function()
      says(t, { ["fixtures/f.json"] = row[2] }, row[3])
    end)
  end
end

-- ---- A mapping that is right ----

local WHOLE_SAYS = [[
details.lua: columns, account.match, account.create, opportunity.create, lead.create are yours; ]]
  .. [[the rest is the default's
country: a look-up, new_countryid, by new_isocode: ok
deal value comes from new_dealvalue_base in the base currency, and goes to new_dealvalue: ok
5 fixtures: all as expected
not checked: whether your CRM has these columns, their types, lengths and labels; ]]
  .. [[`cosell fields --save` copies its tables into the profile
p: ok
]]

local function changed(files, more)
  local out = {}
  for name, text in pairs(files) do out[name] = text end
  for name, text in pairs(more) do out[name] = text end
  return out
end

local function whole(t)
  t.case("the whole example is right, and said so in words", function()
    with(WHOLE, function(dir)
      local text, status = run(dir)
      t.eq(text, WHOLE_SAYS)
      t.eq(status, 0)
      text, status = run(dir, { "--json" })
      local told = json.decode(text)
      t.eq({ status, told.ok, #told.fixtures, told.metadata }, { 0, true, 5, json.null })
      t.eq(told.files.deal_value, { name = "p/deal_value.lua", functions = {},
        places = { "read", "write", "currency" } })
      t.eq(told.says[3], "deal value comes from new_dealvalue_base in the base currency, and goes "
        .. "to new_dealvalue: ok")
    end)
  end)
  t.case("each way of naming value and country has its sentence", function()
    for line, files in pairs {
      ["deal value comes from new_dealvalue: ok"] =
        { ["deal_value.lua"] = 'return { field = "new_dealvalue" }' },
      ["deal value comes from estimatedvalue in the currency that new_money names: ok"] =
        { ["deal_value.lua"] = 'return { currency = "new_money" }' },
      ["deal value comes from a function of yours, and goes to b: ok"] =
        { ["deal_value.lua"] = 'return { read = function() end, write = "b" }' },
      ["deal value comes from a: ok"] =
        { ["deal_value.lua"] = 'return { read = "a", write = "a" }' },
      ["country: new_country, a code or a name in any language: ok"] =
        { ["country.lua"] = 'return { api = 1, field = "new_country" }' },
      ["country: address1_country, by a function of yours: ok"] =
        { ["country.lua"] = "return { to_code = function() end }" },
      ["details.lua: owner is yours; the rest is the default's"] =
        { ["details.lua"] = "return { api = 1, owner = function() end }" },
      ["details.lua: nothing is yours, all is the default's"] =
        { ["details.lua"] = "return { api = 1 }" },
      ["taxonomy.lua: roles is yours; the rest is the default's"] =
        { ["taxonomy.lua"] = 'return { roles = { { label = "Design" } } }' },
    } do
      with(files, function(dir)
        local text, status = run(dir)
        t.has(text, line .. "\n")
        t.eq(status, 0)
      end)
    end
  end)
  t.case("the example of each place is right as it stands", function()
    local contract = require "contract"
    for _, place in ipairs(contract.places) do
      local group = place.place:match("^(.+)%.")
      local more = place.place == "read" and ', write = "b"' or place.place == "write"
        and ', read = "a"' or place.file == "details" and place.place ~= "api" and ", api = 1" or ""
      local text = group and ("%s = { %s }"):format(group, place.example) or place.example
      with({ [place.file .. ".lua"] = ("return { %s%s }"):format(text, more) }, function(dir)
        local said, status = run(dir)
        t.eq(status, 0, place.place .. ": " .. said)
      end)
    end
  end)
  t.case("functions that no fixture asks are named", function()
    with(changed(WHOLE, { ["details.lua"] = "return { api = 1, owner = function() end, "
      .. "account = { pick = function() end, create = {} } }" }), function(dir)
      t.has((run(dir)), "no fixture asks account.pick, owner\n")
    end)
  end)
end

-- ---- Fixtures that fail ----

local WRONG_VALUES = [=[
{ "call": "opportunity.create", "d": { "customer": { "country": "JP" } }, "v": { "a": null },
  "expect": { "new_region": "EMEA", "new_channel": "Microsoft", "new_x": [1, 2], "name": null } }]=]

local DIFF = [[
p/fixtures/region.json: opportunity.create: 4 differences
    a           expected nothing
                got      null
    name        expected null
                got      nothing
    new_region  expected "EMEA"
                got      "APAC"
    new_x       expected [1, 2]
                got      nothing
]]

local function differing(t)
  t.case("a fixture that fails shows each field that differs", function()
    with(changed(WHOLE, { ["fixtures/region.json"] = WRONG_VALUES }), function(dir)
      local text, status = run(dir)
      t.has(text, DIFF)
      t.has(text, "5 fixtures: 4 as expected, 1 not\n")
      t.has(text, "p: 1 thing is wrong\n")
      t.eq(status, 1)
      t.ok(not text:find("\27", 1, true), "no colour where there is no terminal")
      text = run(dir, {}, { color = true })
      t.has(text, '\27[32m"EMEA"\27[0m')
      t.has(text, '\27[31m"APAC"\27[0m')
      local told = json.decode((run(dir, { "--json" })))
      t.eq(told.ok, false)
      t.eq(told.fixtures[4].differences[3], { path = "new_region", expected = "EMEA",
        got = "APAC" })
    end)
  end)
  t.case("differences: lists, members and whole answers by their paths", function()
    local function paths(got, want)
      local out = {}
      for i, d in ipairs(fixtures.differences(got, want)) do out[i] = d.path end
      return table.concat(out, " ")
    end
    t.eq(paths({ { { "a", 1 } } }, { { { "b", 1 } }, {} }), "1.1.1 2")
    t.eq(paths({ a = { b = 1, c = 2 } }, { a = { b = 2 } }), "a.b a.c")
    t.eq(paths("x", nil), "")
    t.eq(paths({ 1, a = 2 }, { 1, a = 2 }), "")
    t.eq(#fixtures.differences({ 1, a = 2 }, { 1, a = 2 }), 0)
    t.eq(#fixtures.differences("x", { a = 1 }), 1)
    t.eq(#fixtures.differences(json.null, nil), 1)
  end)
  t.case("one that runs for ever does not take the others' time", function()
    with(changed(WHOLE, { ["details.lua"] = WHOLE["details.lua"]:gsub("api = 1,",
        "%0 owner = function() while true do end end,"),
      ["fixtures/a.json"] = '{ "call": "owner", "d": {} }' }), function(dir)
      t.has((run(dir)), "6 fixtures: 5 as expected, 1 not\n")
    end)
  end)
end

-- ---- Accepting ----

local function updating(t)
  t.case("--update writes what was answered, and nothing else", function()
    with(changed(WHOLE, { ["fixtures/region.json"] = WRONG_VALUES,
      ["fixtures/raises.json"] = '{ "call": "account.match", "d": {} }',
      ["fixtures/broken.json"] = "{",
    }), function(dir)
      local function file(name) return assert(host.file.read(dir .. "/fixtures/" .. name)) end
      local before = { file "raises.json", file "broken.json", file "by_duns.json" }
      local text, status = run(dir, { "--update" })
      t.has(text, DIFF .. "    expects now what was got\n")
      t.has(text, "7 fixtures: 4 as expected, 1 updated, 2 not\n")
      t.eq(status, 1, "those that raised are wrong still")
      t.eq(file "region.json", [[
{
  "call": "opportunity.create",
  "d": { "customer": { "country": "JP" } },
  "expect": { "a": null, "new_channel": "Microsoft", "new_region": "APAC" },
  "v": { "a": null }
}
]])
      t.eq({ file "raises.json", file "broken.json", file "by_duns.json" }, before)
      assert(host.file.remove(dir .. "/fixtures/raises.json"))
      assert(host.file.remove(dir .. "/fixtures/broken.json"))
      t.eq(select(2, run(dir)), 0, "as expected now")
    end)
  end)
  t.case("--update: an answer that is nothing has no `expect`", function()
    with({ ["details.lua"] = "return { api = 1, owner = function() end }",
      ["fixtures/owner.json"] = '{ "call": "owner", "d": {}, "expect": "x" }' }, function(dir)
      t.eq(select(2, run(dir, { "--update" })), 0)
      t.eq(host.file.read(dir .. "/fixtures/owner.json"),
        '{\n  "call": "owner",\n  "d": {}\n}\n')
      t.eq(json.decode((run(dir, { "--json" }))).ok, true)
    end)
  end)
  t.case("a fixture's text is stable: sorted, short where it fits, exact", function()
    local long = ("x"):rep(60)
    local text = fixture_text.of { call = "a", expect = json.array {}, d = { b = { 1, 2.5 },
      a = json.decimal "12345678901234567890.12", c = {} }, v = { one = long, two = long } }
    t.eq(text, ([[
{
  "call": "a",
  "d": { "a": 12345678901234567890.12, "b": [1, 2.5], "c": {} },
  "expect": [],
  "v": {
    "one": "%s",
    "two": "%s"
  }
}
]]):format(long, long))
    t.eq(fixture_text.of(json.decode(text)), text)
  end)
end

-- ---- Words ----

local function usage(t)
  t.case("exit status 2 for words that are none of its own", function()
    with({}, function(dir)
      for _, args in ipairs { { "x" }, { "--verbose" }, { "--update", "--watch" } } do
        local text, status = run(dir, args)
        t.has(text, "usage: cosell check [--profile DIR] [--update | --watch] [--json]")
        t.eq(status, 2)
      end
      local text, status = run(dir, {}, { profile = false })
      t.has(text, "which profile?")
      t.eq(status, 2)
    end)
  end)
  t.case("a folder that is none is told", function()
    local text, status = run("/nowhere/at/all")
    t.has(text, "p: No such file or directory\n")
    t.eq(status, 1)
  end)
end

return function(t)
  whole(t)
  differing(t)
  updating(t)
  usage(t)
  file_rows(t, wrong.names)
  file_rows(t, wrong.nesting)
  file_rows(t, wrong.types)
  file_rows(t, wrong.files)
  file_rows(t, wrong.together)
  answer_rows(t, wrong.answers)
  fixture_rows(t, wrong.fixtures)
end

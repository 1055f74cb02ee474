-- What a mapping author learns of his CRM: its columns on the terminal, a copy of its tables beside
-- the profile, and what of a mapping does not fit, from a host that runs.
local kit = require "commands.kit"
local mapping_look = require "mapping_look"
local mapping_meta = require "mapping_meta"
local printed = require "commands.printed"

-- ---- Columns on the terminal ----

local function line_of(text, name)
  for line in text:gmatch("[^\n]+") do
    if line:match("^(%S+)") == name then
      return line
    end
  end
  return nil
end

local function listed(t)
  kit.with({}, function(s)
    for _, width in ipairs { 80, 120 } do
      local text, exit = printed.run(s, { "fields", "opportunity" }, width)
      t.eq(exit, 0, text)
      t.ok(printed.widest(text) <= width, ("wider than %d:\n%s"):format(width, text))
      t.has(line_of(text, "name"), "text 300")
      t.has(line_of(text, "name"), "required")
      t.has(line_of(text, "msft_microsoftpartnercenterreferralsyncaudit"), "long text")
      t.has(line_of(text, "estimatedvalue"), "amount")
      t.has(line_of(text, "estimatedvalue_base"), "read-only")
      t.has(line_of(text, "estimatedclosedate"), "date")
      t.has(text, "looks up account")
      t.has(text, "1 = Hot, 2 = Warm, 3 = Cold")
    end
    local text = printed.run(s, { "fields", "msft_microsoftsolutiondetail" }, 120)
    t.ok(line_of(text, "msft_name"):find("msft_name +Name +text"), "its label beside it:\n" .. text)
  end)
end

local function found(t)
  kit.with({}, function(s)
    local text, exit = s:command("fields", { "opportunity", "--find", "hot" })
    t.eq(exit, 0)
    t.has(text, "opportunityratingcode")
    t.has(text, "1 column of opportunity")
    text, exit = s:command("fields", { "opportunity", "--find", "no such thing" })
    t.eq(exit, 1)
    t.has(text, "no column of opportunity has 'no such thing'")
    local all = json.decode((s:command("fields", { "opportunity", "--json" })))
    local by = {}
    for _, one in ipairs(all.columns) do
      by[one.name] = one
    end
    t.eq({ all.table, by.name.required, by.name.max, by.name.read_only },
      { "opportunity", "ApplicationRequired", 300, false })
    t.eq({ by.opportunityratingcode.options[1].value, by.opportunityratingcode.options[1].label },
      { 1, "Hot" })
    t.eq({ by.parentaccountid.targets, by.estimatedvalue_base.read_only }, { { "account" }, true })
    t.ok(#by.name.label > 0, "a label")
  end)
end

local function tables(t)
  kit.with({}, function(s)
    local text, exit = s:command("fields", {})
    t.eq(exit, 0)
    t.has(text, "opportunity")
    t.has(text, "cosell fields TABLE shows its columns")
    for wrong, right in pairs { oportunity = "opportunity", Opportunity = "opportunity",
      opportunities = "opportunity", ["x'y"] = "cosell fields lists them" } do
      text, exit = s:command("fields", { wrong })
      t.eq(exit, 2, wrong)
      t.has(text, "your CRM has no table '" .. wrong .. "'")
      t.has(text, right)
    end
    t.eq(select(2, s:command("fields", { "--save", "account" })), 2)
    t.eq(select(2, s:command("fields", { "--sve" })), 2)
  end)
end

-- With no host running the command signs in by itself.
local function alone(t)
  kit.with({}, function(s)
    s:host_stop()
    kit.sign_in(s, s.dir)
    local text, exit = printed.run(s, { "fields", "contact", "--find", "emailaddress1" }, 80)
    t.eq(exit, 0, text)
    t.has(line_of(text, "emailaddress1"), "text 100")
    text, exit = printed.run(s, { "fields", "--save" }, 80)
    t.eq(exit, 0, text)
    t.ok(mapping_look.read(assert(host.file.read(s.profile .. "/" .. mapping_look.FILE))), "a copy")
  end)
end

-- ---- The copy beside the profile ----

local MAPPING = [[
return { api = 1,
  opportunity = {
    create = function(d, v)
      v.msft_solutionarea = ctx.bind("msft_solutionarea", { msft_name = "Security" })
    end },
  close_reason = function(crm) return crm.name == "x" and ctx.bind("new_reason", { a = 1 }) end,
  also = function() return { { table = "annotation", key = "k", values = { subject = "s" } } } end }
]]

local function saved(t)
  kit.with({ files = { ["details.lua"] = MAPPING } }, function(s)
    local path = s.profile .. "/" .. mapping_look.FILE
    local before = s:status().generation
    local text, exit = s:command("fields", { "--save" })
    t.eq(exit, 0, text)
    t.has(text, path)
    t.has(text, "your CRM has no table new_reason, which the mapping names")
    local copy = assert(mapping_look.read(assert(host.file.read(path))))
    t.eq(copy.crm, s.base.crm)
    t.ok(copy.saved:find("^%d%d%d%d%-%d%d%-%d%d$"), copy.saved)
    for _, name in ipairs { "account", "contact", "opportunity", "lead", "msft_solutionarea",
      "annotation" } do
      t.ok(copy.tables[name], name)
    end
    local solutions = 0
    for name in pairs(copy.tables) do
      solutions = solutions + (name:find("^msft_.*solution") and 1 or 0)
    end
    t.eq(solutions, 3, "the area, the row of a deal and the catalogue")
    t.eq(copy.tables.opportunity.columns.name.max, 300)
    t.ok(#copy.tables.opportunity.columns.name.label > 0, "with labels")
    local again = json.decode((s:command("fields", { "--save", "--json" })))
    t.eq(again, { file = path, absent = { "new_reason" }, hidden = {},
      tables = math.tointeger(tonumber(text:match("(%d+) tables"))),
      columns = math.tointeger(tonumber(text:match("(%d+) columns"))) }, "again, over the old one")
    t.eq(copy.tables.new_reason, false)
    -- A file that is no script of the profile's is no reason for a new generation.
    s:command("status")
    t.eq(s:status().generation, before, "generation")
    t.ok(not s.host:output():find("metadata", 1, true), "nor for a line of the log")
    t.eq(mapping_look.read "[1]", nil)
    t.has(select(2, mapping_look.read '{"tables":{"account":1}}'), "no definition of `account`")
  end)
end

-- A bar that is drawn while it reads has made room for what is said at the end.
local function on_terminal(t)
  kit.with({}, function(s)
    local text, drawn = printed.on_terminal(s, { "fields", "--save" })
    t.ok(drawn > 1, "a bar was drawn: " .. text)
    t.ok(text:find("^%d+ tables, %d+ columns written to "), text)
    t.ok(not text:find("%%", 1), "the bar went: " .. text)
  end)
end

local function not_written(t)
  kit.with({}, function(s)
    assert(host.file.mkdir(s.profile .. "/" .. mapping_look.FILE)) -- something else is called so
    local text, exit = s:command("fields", { "--save" })
    t.eq(exit, 1)
    t.has(text, "nothing was written: the host that runs writes it")
    t.eq(#host.file.list(s.profile .. "/" .. mapping_look.FILE), 0, "nor anything beside it")
    for _, name in ipairs(host.file.list(s.profile)) do
      t.ok(name == "profile.lua" or name == mapping_look.FILE, name)
    end
  end)
end

-- ---- A host that runs ----

local WRONG = [[
return { api = 1,
  opportunity = {
    create = { opportunityratingcode = "Hott" } },
  lead = {
    update = { subjectt = "x" } } }
]]

local function told(t)
  kit.with({ files = { ["details.lua"] = WRONG, ["deal_value.lua"] =
    'return { read = "estimatedvalue",\n  write = "estimatedvalue_base" }\n' } }, function(s)
    local problems = kit.wait("what the host found", function()
      local list = s:status().mapping
      return #list > 0 and list
    end)
    local lines = {}
    for i, one in ipairs(problems) do
      lines[i] = mapping_meta.line(one):gsub("^.*/", "")
    end
    t.eq(lines, {
      "deal_value.lua:2: write: opportunity.estimatedvalue_base is read-only in your CRM and " ..
        "cannot be written",
      "details.lua:3: opportunity.create.opportunityratingcode: no option of " ..
        "`opportunityratingcode` is called \"Hott\"; did you mean \"Hot\"?",
      "details.lua:5: lead.update.subjectt: lead has no column `subjectt` in your CRM; did you " ..
        "mean `subject`?" })
    local text, exit = s:command("status")
    t.eq(exit, 1, "it needs a person")
    t.has((text:gsub("%s+", " ")), "lead has no column `subjectt` in your CRM")
    t.ok(s.host:output():find("warn +mapping: "), "and in the log")
    t.has(s.host:output(), "did you mean \"Hot\"?")
    -- The deal fails visibly, as ever.
    s:act("portal-create", { value = 1000, currency = "USD" })
    kit.wait("the dead letter", function() return s:status().queue.dead == 1 end)
    -- Mended, it goes on, and status has nothing against it.
    assert(host.file.remove(s.profile .. "/deal_value.lua"))
    assert(host.file.write(s.profile .. "/details.lua", (WRONG:gsub("Hott", "Hot"):gsub("subjectt",
      "subject"))))
    kit.wait("a host that has nothing against it", function()
      local now = s:status()
      return #now.mapping == 0 and now.queue.dead == 0 and kit.opportunity(s)
    end)
    t.eq(kit.opportunity(s).row.opportunityratingcode, 1)
  end)
end

-- The host cannot even learn what the CRM is like.
local function no_column(text)
  return (text:gsub("settings = {", 'columns = { identifier = "new_nope" }, settings = {'))
end

local function not_learned(t)
  kit.with({ host = false, edit = no_column, files = { ["details.lua"] = WRONG } }, function(s)
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    local problems = kit.wait("what the host found", function()
      local list = s:status().mapping
      return #list > 0 and list
    end)
    t.has(mapping_meta.line(problems[1]), "details.lua:3: opportunity.create.opportunityratingcode")
    t.has(mapping_meta.line(problems[3]), "columns.identifier: opportunity has no column `new_n")
    t.eq(#problems, 3)
  end)
end

-- ---- What is mended in the CRM ----

local COLUMN = [[{"@odata.type":"Microsoft.Dynamics.CRM.StringAttributeMetadata",
  "SchemaName":"%s","MaxLength":20,"AttributeType":"String","IsPrimaryName":false,
  "AttributeTypeName":{"Value":"StringType"},"FormatName":{"Value":"Text"},
  "RequiredLevel":{"Value":"ApplicationRequired","CanBeChanged":true,
  "ManagedPropertyLogicalName":"canmodifyrequirementlevelsettings"},
  "DisplayName":{"@odata.type":"Microsoft.Dynamics.CRM.Label","LocalizedLabels":[
  {"@odata.type":"Microsoft.Dynamics.CRM.LocalizedLabel","Label":"Code","LanguageCode":1033}]}}]]

-- The administrator of the CRM adds a column to a table, over its own API.
local function add_column(t, s, logical, schema)
  local secret = host.file.read(s.dir .. "/crm_secret"):gsub("%s+$", "")
  local got = assert(host.http.request { method = "POST",
    url = s.base.tokens .. "/practice.example/oauth2/v2.0/token",
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
    body = "grant_type=client_credentials&client_id=7d1b0c52-0002-4a11-9c01-000000000002" ..
      "&client_secret=" .. secret .. "&scope=" .. s.base.crm .. "/.default" })
  local answer = assert(host.http.request { method = "POST", body = COLUMN:format(schema),
    url = ("%s/api/data/v9.2/EntityDefinitions(LogicalName='%s')/Attributes"):format(s.base.crm,
      logical),
    headers = { ["Content-Type"] = "application/json",
      Authorization = "Bearer " .. json.decode(got.body).access_token } })
  t.ok(answer.status < 300, answer.body)
end

local TOO_EARLY = "return { api = 1, account = { create = { new_code = 'x' } } }\n"
local LATER_MS = 11 * 60 * 1000

local function mended(t)
  kit.with({ clock = true, files = { ["details.lua"] = TOO_EARLY } }, function(s)
    s:act("create", { table = "publisher", values = { uniquename = "new", friendlyname = "New",
      customizationprefix = "new", customizationoptionvalueprefix = 10000 } })
    kit.wait("what is missing", function() return #s:status().mapping == 1 end)
    t.has(s:status().mapping[1].text, "account has no column `new_code` in your CRM")
    add_column(t, s, "account", "new_Code")
    add_column(t, s, "opportunity", "new_Kind")
    s:clock(LATER_MS)
    local left = kit.wait("the look that comes later", function()
      local list = s:status().mapping
      return (list[1] or {}).level == "warning" and list
    end)
    t.eq({ #left, left[1].text },
      { 1, "opportunity.new_kind is required in your CRM and nothing fills it" })
    t.eq(select(2, s:command("status")), 0, "that is no alarm")
  end)
end

local function fits(t)
  kit.with({}, function(s)
    s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    t.eq(#s:status().mapping, 0, "the shipped answers fit")
    t.ok(not s.host:output():find("warn +mapping:"), "nothing in the log")
  end)
end

return function(t)
  t.case("fields: the columns of a table, in 80 and in 120 columns", function() listed(t) end)
  t.case("fields: those that hold a word, and all as JSON", function() found(t) end)
  t.case("fields: the tables, and the right name of a wrong one", function() tables(t) end)
  t.case("fields: with no host running", function() alone(t) end)
  t.case("fields: the copy of the tables beside the profile", function() saved(t) end)
  t.case("fields: on a terminal a bar, which goes", function() on_terminal(t) end)
  t.case("fields: the copy is written whole or not at all", function() not_written(t) end)
  t.case("mapping: what does not fit the CRM stands in status and in the log", function()
    told(t)
  end)
  t.case("mapping: what is so wrong that nothing can be learned is told as well", function()
    not_learned(t)
  end)
  t.case("mapping: what is mended in the CRM is seen by itself", function() mended(t) end)
  t.case("mapping: the shipped answers fit, and nothing is said", function() fits(t) end)
end

-- Story 96: what stands in a CRM is adopted and never changed: the original's schema, half of one
-- that an interrupted run left, columns of other types; what came as a managed solution.
local kit = require "commands.kit"
local provisioned = require "commands.provisioned"

local whole, lines = provisioned.whole, provisioned.lines
local provision = provisioned.run

-- Of a run that finds nothing to do.
local function idle(t, s)
  t.eq({ provision(s) }, { "nothing to make: all of it stands\n", 0 })
end

local NOTHING = "nothing to make: all of it stands\n"

local function bare(t, body, o)
  o = o or {}
  kit.with({ host = false, sim_args = { "--bare" }, refused = o.refused, edit = o.edit },
    function(s) body(t, s) end)
end

-- ---- The original's schema ----

local function original(t, s)
  local before, writes = whole(s), kit.writes(s)
  t.eq({ provision(s, "--no-form") }, { NOTHING, 0 })
  local text = provision(s, "--plan", "--no-form")
  t.has(text, "= stands: opportunity: 13 of 13 columns")
  t.has(text, "= stands: msft_microsoftsolution: 4 of 4 columns")
  t.eq({ #lines(text, "+ "), #lines(text, "~ ") }, { 0, 0 }, text)
  text = provision(s, "--remove", "--yes")
  t.has(text, "nothing in this CRM was made by this state's host")
  local exit
  text, exit = provision(s, "--export", s.dir .. "/none.zip")
  t.has(text, "there is no solution of this program in the CRM")
  t.eq({ exit, host.file.exists(s.dir .. "/none.zip") }, { 1, false })
  t.eq({ kit.writes(s), whole(s) }, { writes, before }, "nothing is written")
end

-- An administrator has put the fields on the form himself; another form is his alone.
local function own_form(t, s)
  local status, list = provisioned.ask(s, "GET", "systemforms?$select=formid,formxml&$filter="
    .. "objecttypecode%20eq%20'opportunity'")
  local row = list.value[1]
  local xml = row.formxml:gsub("</rows>", '<row><cell id="{A}"><control id="own" datafieldname="'
    .. 'msft_microsoftpartnercenterreferralsync" /></cell></row></rows>')
  t.eq(status, 200)
  provisioned.ask(s, "PATCH", ("systemforms(%s)"):format(row.formid), { formxml = xml })
  provisioned.ask(s, "POST", "PublishAllXml")
  local text, exit = provision(s, "--form", "sales board")
  t.has(text, 'no form is called "sales board"; there are: "Information"')
  t.eq(exit, 1)
  text, exit = provision(s)
  t.has(text, "5 things made and published") -- publisher, solution, three other tables' sections
  t.eq({ exit, provisioned.form(s, "opportunity") }, { 0, xml }, text)
  idle(t, s)
  text = provision(s, "--remove", "--yes")
  t.has(text, "5 things taken away")
  t.eq(provisioned.form(s, "opportunity"), xml)
end

local function untracked(t, s)
  s:act("tracking", { table = "lead", on = "no" })
  local text = provision(s, "--no-form", "--plan")
  t.has(text, "~ change tracking of lead (it stays on for good)")
  text = provision(s, "--no-form")
  t.has(text, "1 thing made and published")
  t.eq({ provision(s, "--no-form") }, { NOTHING, 0 })
  t.has(provision(s, "--history"), "changed    change tracking of lead")
end

-- A section on one form alone: that of the name.
local function one_form(t, s)
  local text = provision(s, "--form", "information", "--plan")
  t.eq(#lines(text, '+ section "Partner Center"'), 4, text)
  local _, list = provisioned.ask(s, "GET", "systemforms?$select=formid&$filter="
    .. "objecttypecode%20eq%20'lead'")
  provisioned.ask(s, "PATCH", ("systemforms(%s)"):format(list.value[1].formid),
    { name = "Leads of sales" })
  text = provision(s, "--form", "leads OF sales", "--plan")
  t.has(text, '+ section "Partner Center" on the form "Leads of sales" of lead: 5 fields')
  t.ok(not text:find("of opportunity: ", 1, true), text)
  t.eq(#lines(text, '+ section "Partner Center"'), 3, "rows of solutions have one form")
end

-- ---- Half of it ----

-- The right to make relationships is missing: it breaks off in the middle, and goes on later.
local function half(t, s)
  s:act("take-privilege", { privilege = "prvCreateRelationship" })
  local text, exit = provision(s)
  t.has(text, "the application user lacks a privilege")
  t.has(text, "prvCreateRelationship")
  t.has(text, "provisioning needs the role System Customizer")
  t.has(text, "7 of 38 done, not: column msft_microsoftsolution.msft_opportunityid")
  t.has(text, "The same command goes on with it")
  t.eq(exit, 1)
  text = provision(s, "--plan")
  t.has(text, "= stands: msft_microsoftsolutiondetail: 3 of 3 columns")
  t.has(text, "= stands: msft_microsoftsolution: 0 of 4 columns")
  t.has(text, "30 things to make")
  t.ok(not provision(s, "--history"):find("msft_opportunityid", 1, true), "it was not made")
  s:act("give-privilege", { privilege = "prvCreateRelationship" })
  text, exit = provision(s)
  t.has(text, "30 things made and published")
  t.eq(exit, 0, text)
  idle(t, s)
end

-- ---- Columns that are others ----

local WRONG = {
  "opportunity.msft_microsoftpartnercenterreferrallink is of type Integer, not String",
  "opportunity.msft_microsoftcrmidentifier holds 20 characters, at least 36 are needed",
  'opportunity.msft_coselltype lacks the options "Services Co-sell"' }

local function wrong(t, s)
  provisioned.publisher(s)
  provisioned.column(s, "opportunity", "Integer", "msft_MicrosoftPartnerCenterReferralLink")
  provisioned.column(s, "opportunity", "String", "msft_MicrosoftCRMIdentifier", { MaxLength = 20 })
  provisioned.column(s, "opportunity", "Picklist", "msft_CoSellType",
    provisioned.options("IP co-sell"))
  local function check(...)
    local text, exit = provision(s, ...)
    for _, said in ipairs(WRONG) do
      t.has(text:gsub("\n%s*", " "), "! " .. said)
    end
    t.has(text:gsub("\n%s*", " "), "it is left as it is. Name another column as columns.link in "
      .. "the profile, or remove it in the CRM; then provision again")
    t.eq(exit, 1, text)
    return text
  end
  t.has(check("--plan"), "34 things to make")
  local definitions = s:rows "crm_defined"
  t.has(check(), "34 things made and published")
  local after = s:rows "crm_defined"
  for i = 1, #definitions do
    t.eq(after[i], definitions[i], "what stood is as it was")
  end
  for i = #definitions + 1, #after do
    t.ok(after[i].name ~= "msft_microsoftpartnercenterreferrallink" or after[i].table == "lead",
      json.encode(after[i]))
  end
  t.ok(not provisioned.form(s, "opportunity"):find("referrallink", 1, true), "not on the form")
  local writes = kit.writes(s)
  t.has(check(), "nothing to make")
  t.eq(kit.writes(s), writes)
  local at = "EntityDefinitions(LogicalName='opportunity')/Attributes(LogicalName='"
    .. "msft_microsoftpartnercenterreferrallink')"
  local _, theirs = provisioned.ask(s, "GET", at .. "?$select=LogicalName")
  provisioned.ask(s, "POST", "AddSolutionComponent", { ComponentId = theirs.MetadataId,
    ComponentType = 2, SolutionUniqueName = "cosell", AddRequiredComponents = false })
  t.eq(select(2, provision(s, "--remove", "--yes")), 0)
  after = s:rows "crm_defined"
  for i = 1, #definitions do
    t.eq(after[i], definitions[i], "what stood stays")
  end
  for i = #definitions + 1, #after do
    t.ok(after[i].op ~= "column-" or after[i].table == "lead" or
      not after[i].name:find "referrallink$", json.encode(after[i]))
  end
end

-- The remedy, followed: another column is named.
local function renamed(t, s)
  local path = s.profile .. "/profile.lua"
  local text = assert(host.file.read(path))
  assert(host.file.write(path, (text:gsub("settings = {", 'columns = { link = "new_channel" },\n'
    .. "  settings = {", 1))))
  local said, exit = provision(s, "--plan")
  t.has(said:gsub("\n%s*", " "), "! opportunity.new_channel is of type Picklist, not String")
  t.eq(exit, 1)
  assert(host.file.write(path, (text:gsub("settings = {", 'columns = { link = "new_reflink" },\n'
    .. "  settings = {", 1))))
  said = provision(s, "--plan")
  t.has(said:gsub("\n%s*", " "), "! opportunity has no column new_reflink, which the profile names "
    .. "as columns.link: make it, or name another")
  assert(host.file.write(path, (text:gsub("settings = {", "columns = { link = "
    .. '"new_customeraction" },\n  settings = {', 1))))
  said = provision(s, "--plan")
  t.ok(not said:find("! opportunity.new_", 1, true), said)
  t.ok(not said:find("! opportunity.msft_microsoftpartnercenterreferrallink", 1, true), said)
  assert(host.file.write(path, text))
end

-- ---- From staging to production ----

local function elsewhere(t, s)
  local file = s.dir .. "/cosell.zip"
  local text, exit = provision(s, "--export", file)
  t.has(text, "there is no solution of this program in the CRM")
  t.eq(exit, 1)
  provision(s)
  t.eq(select(2, provision(s, "--export", file)), 0)
  text, exit = provision(s, "--export", file)
  t.has(text, "--force replaces it")
  t.eq({ exit, (select(2, provision(s, "--export", file, "--force"))) }, { 1, 0 })
  t.has(provision(s, "--history"), "exported   solution cosell 1.0.0.0")
  local bytes = assert(host.file.read(file))
  t.eq(bytes:sub(1, 4), "PK\3\4", "a zip")
  bare(t, function(_, there)
    provisioned.ask(there, "POST", "ImportSolution", { ImportJobId = host.uuid(),
      CustomizationFile = host.crypto.base64(bytes), PublishWorkflows = true,
      OverwriteUnmanagedCustomizations = false })
    local writes = kit.writes(there)
    idle(t, there)
    text, exit = provision(there, "--export", there.dir .. "/again.zip")
    t.has(text, "the solution came here as a managed one: export it where it was made")
    t.eq(exit, 1)
    t.has(provision(there, "--remove", "--yes"), "nothing in this CRM was made")
    t.eq(kit.writes(there), writes)
  end)
  -- What came managed and lacks something is not mended here.
  provisioned.ask(s, "DELETE", "EntityDefinitions(LogicalName='lead')/Attributes(LogicalName="
    .. "'msft_microsoftpartnercenterreferralsync')")
  local _, lacking = provisioned.ask(s, "POST", "ExportSolution",
    { SolutionName = "cosell", Managed = true })
  bare(t, function(_, there)
    provisioned.ask(there, "POST", "ImportSolution", { ImportJobId = host.uuid(),
      CustomizationFile = lacking.ExportSolutionFile, PublishWorkflows = true,
      OverwriteUnmanagedCustomizations = false })
    text, exit = provision(there)
    t.has(text, "came into this CRM as a managed one and lacks column "
      .. "lead.msft_microsoftpartnercenterreferralsync: provision where it was exported")
    t.eq(exit, 1)
  end)
end

-- ---- Others' things ----

local function of_others(t, s)
  provision(s)
  provisioned.column(s, "opportunity", "String", "msft_Extra", { MaxLength = 10 }, "cosell")
  local text = provision(s, "--remove", "--yes")
  t.has(text, "the solution stays, since somebody else's things are in it")
  local status = provisioned.ask(s, "GET",
    "EntityDefinitions(LogicalName='opportunity')/Attributes(LogicalName='msft_extra')")
  t.eq({ status, provisioned.named(s, "solution", "cosell") }, { 200, 1 })
end

-- ---- A CRM that is slow, busy, forgetful ----

local function lagging(t, s)
  s:set("metadata_lag_ms", 60000)
  local text, exit = provision(s)
  t.has(text, "37 things made and published")
  t.eq(exit, 0, text)
  idle(t, s)
  s:set("metadata_lag_ms", 0)
end

local function lost(t, s)
  s:fault("crm", { method = "write", path = "EntityDefinitions", drop = "after", skip = 4 })
  s:fault("crm", { method = "write", path = "RelationshipDefinitions", status = 429,
    retry_after = "1", count = 1 })
  local text, exit = provision(s)
  t.has(text, "37 things made and published")
  t.eq(exit, 0, text)
  idle(t, s)
  local list = provisioned.defined(s)
  for i = 2, #list do
    t.ok(list[i] ~= list[i - 1], "made twice: " .. list[i])
  end
end

-- ---- Words ----

local function usage(t, s)
  for _, words in ipairs { { "--export" }, { "--plan", "--remove" }, { "--yes" }, { "opportunity" },
    { "--form", "x", "--no-form" }, { "--history", "--remove" } } do
    local text, exit = provision(s, table.unpack(words))
    t.has(text, "usage: cosell provision")
    t.eq(exit, 2, table.concat(words, " "))
  end
  local doc = json.decode((provision(s, "--plan", "--json")))
  t.eq({ #doc.steps, doc.steps[1].what, doc.publish, doc.error, #doc.obstacles },
    { 37, "publisher cosell", true, json.null, 0 })
  doc = json.decode((provision(s, "--json")))
  t.eq({ #doc.steps, doc.done }, { 37, 38 })
end

-- At a terminal: a bar; and it asks before it takes away.
local function at_a_terminal(t, s)
  local program = "/proc/" .. s.sim:pid() .. "/exe"
  local function start(words)
    return assert(host.child.start { path = "/usr/bin/script", input = true, argv = { "-qec",
      ("%s provision %s --profile %s"):format(program, words, s.profile), "/dev/null" } })
  end
  local function ended(child)
    while child:line(20000) do end
    return child:output(), child:wait().exit
  end
  local function answered(answer)
    local child = start "--remove"
    kit.wait("the question", function()
      child:line(10)
      return child:output():find("Type yes: ", 1, true)
    end)
    assert(child:write(answer))
    return ended(child)
  end
  local text, exit = ended(start "")
  t.has(text, "[##############################] 100 %")
  t.eq(exit, 0, text)
  local writes = kit.writes(s)
  text, exit = answered "y\n"
  t.has(text, "nothing was taken away")
  t.eq({ exit, kit.writes(s) }, { 1, writes }, "only yes is yes")
  text, exit = answered "yes\n"
  t.has(text, "27 things taken away")
  t.eq(exit, 0, text)
end

return function(t)
  kit.with({ host = false }, function(s)
    t.case("provision: the original's schema is adopted, nothing is written", function()
      original(t, s)
    end)
    t.case("provision: tracking that is off is switched on", function() untracked(t, s) end)
    t.case("provision: a form with an administrator's own fields is left alone", function()
      own_form(t, s)
    end)
  end)
  t.case("provision: a form by its name", function() bare(t, one_form) end)
  t.case("provision: half of a schema is gone on with", function()
    bare(t, half, { refused = "a privilege is missing" })
  end)
  t.case("provision: a column that is another is named, and left as it is", function()
    bare(t, function(_, s)
      wrong(t, s)
      renamed(t, s)
    end)
  end)
  t.case("provision: exported, and imported elsewhere as a managed solution", function()
    bare(t, elsewhere)
  end)
  t.case("provision: others' things in its solution stay", function() bare(t, of_others) end)
  t.case("provision: definitions that are seen late", function() bare(t, lagging) end)
  t.case("provision: a lost answer and a busy CRM", function() bare(t, lost) end)
  t.case("provision: options, and what a program reads", function() bare(t, usage) end)
  t.case("provision: a bar at a terminal; asked before it takes away", function()
    bare(t, at_a_terminal)
  end)
end

-- Story 62: the CRM's table of Microsoft solutions is the catalogue.  An administrator fills it
-- from a file, sees first what would be done, and no mistake leaves half an import.
local kit = require "commands.kit"
local printed = require "commands.printed"
local workbook = require "commands.workbook"

local TABLE = "crm:msft_microsoftsolutiondetail"
local SEEDED = 4
local MANY, SET = 2500, 250
local WIDTH = 160
local HEAD = { "Solution identifier", "Name", "Type", "Publisher" }
local GUID = "5B1F0C9E-7A40-4C3F-8E15-2D9A6B7C8D90"

local function rows_of(s)
  local out = {}
  for _, row in ipairs(s:rows(TABLE)) do
    out[row.msft_solutionidentifier] = { row.msft_name, row.msft_type, row.msft_publishername }
  end
  return out
end

local function count(s)
  return #s:rows(TABLE)
end

local function import(s, name, ...)
  return printed.run(s, { "import", "solutions", s.dir .. "/" .. name, ... }, WIDTH)
end

local function save(s, name, bytes)
  assert(host.file.write(s.dir .. "/" .. name, bytes))
end

-- ---- A file with mistakes, mended ----

local MISTAKES = {
  HEAD,
  { "SOL-20001-AAA", "Line Balance", "Own", "Aoba Cloud Partners" },
  { "SOL-20002", "Good enough", "Fourth party", "Kogane Systems" },
  { "20003", "No identifier", "3P", "Kogane Systems" },
  { "SOL-20004-DDD", "", "3P", "Kogane Systems" },
  { "sol-20001-aaa", "Twice", "Own", "" },
  { "", "Of nobody", "Own", "" },
  { "SOL-20007-GGG", ("n"):rep(201), "Own", "" },
  { "SOL-20008-HHH", "Slipped", "Own", "Kogane Systems", "and Partners" },
}

local SAID = {
  ":3:C: 'Fourth party' is none of the options of 'Type': choose of 1P, 3P, Own",
  ":4:A: '20003' is no solution identifier: it is like SOL-12345-ABC or a GUID",
  ":5:B: a new solution needs a 'Name': type it",
  ":6:A: SOL-20001-AAA stands in row 2 already: take one of them out",
  ":7:A: the row has no 'Solution Identifier': type it, or empty the row",
  ":8:B: the text has 201 characters, 'Name' holds 200: shorten it",
  ":9:E: nothing stands over this cell: give its column a heading, or empty it",
}

local MENDED = {
  HEAD,
  { "SOL-20001-AAA", "Line Balance", "Own", "Aoba Cloud Partners" },
  { "sol-20002-bbb", "Good enough", "3p", "Kogane Systems" },
  { "{" .. GUID .. "}", "Queue service", "299600000", "Microsoft" },
  { "SOL-10003-ghi", "Shop Floor Insight", "3P", "Kogane Systems" },
  { "", "", "", "" },
  { "SOL-10001-ABC", "Aoba Migration Factory 2", "", "" },
}

local function mistakes(t, s)
  workbook.write(s.dir .. "/plan.xlsx", MISTAKES)
  for _, how in ipairs { {}, { "--apply", "--yes" } } do
    local text, exit = import(s, "plan.xlsx", table.unpack(how))
    for _, said in ipairs(SAID) do
      t.has(text, s.dir .. "/plan.xlsx" .. said)
    end
    t.has(text, "1 new, 0 changed, 0 the same, 7 wrong")
    t.has(text, "nothing was written: mend the file")
    t.eq(exit, 1, "exit status")
  end
  t.eq(count(s), SEEDED, "rows: nothing was written")
end

local function mended(t, s)
  workbook.write(s.dir .. "/plan.xlsx", MENDED)
  local text, exit = import(s, "plan.xlsx")
  t.has(text, "3 new, 1 changed, 1 the same, 0 wrong")
  t.has(text, "Name: Aoba Migration Factory → Aoba Migration Factory 2")
  t.has(text, "--apply --yes writes it")
  t.eq({ exit, count(s) }, { 0, SEEDED }, "a look writes nothing")
  text, exit = import(s, "plan.xlsx", "--apply")
  t.has(text, "nothing is written yet")
  t.eq({ exit, count(s) }, { 1, SEEDED }, "what the CRM has is not changed without --yes")
  text, exit = import(s, "plan.xlsx", "--apply", "--yes")
  t.has(text, "4 rows written")
  t.eq(exit, 0, text)
  local rows = rows_of(s)
  t.eq(rows["SOL-20002-BBB"], { "Good enough", 299600001, "Kogane Systems" })
  t.eq(rows[GUID:lower()], { "Queue service", 299600000, "Microsoft" })
  t.eq(rows["SOL-10001-ABC"], { "Aoba Migration Factory 2", 299600002, "Aoba Cloud Partners" },
    "an empty cell leaves what is there")
  t.eq(count(s), SEEDED + 3)
  t.has(import(s, "plan.xlsx", "--apply"), "all the same: nothing to write")
end

local function as_json(t, s)
  local text = import(s, "plan.xlsx", "--json")
  local doc = json.decode(text)
  t.eq({ doc.same, doc.new, doc.written, doc.sheet, #doc.problems }, { 5, 0, 0, "Solutions", 0 },
    text)
end

-- ---- Out and in again ----

local function export(t, s, name)
  local path = s.dir .. "/" .. name
  local text, exit = printed.run(s, { "export", "solutions", path }, WIDTH)
  t.has(text, "7 rows written to")
  t.eq(exit, 0, text)
  text, exit = printed.run(s, { "export", "solutions", path }, WIDTH)
  t.has(text, "the file is there already; --force replaces it")
  t.eq(exit, 1, "a file is not covered unasked")
  t.eq(select(2, printed.run(s, { "export", "solutions", path, "--force" }, WIDTH)), 0)
  text = import(s, name, "--apply")
  t.has(text, "0 new, 0 changed, 7 the same, 0 wrong")
  for _, file in ipairs(assert(host.file.list(s.dir))) do
    t.ok(not file:find(name .. ".", 1, true), "a half file is left: " .. file)
  end
end

-- ---- Sheets and forms ----

local function sheets(t, s)
  save(s, "two.xlsx", workbook.bytes {
    { name = "Notes", rows = { { "what this is" } }, hidden = true },
    { name = "Ours", rows = { { "Solutions of 2031" }, {}, HEAD,
      { "SOL-20001-AAA", "Line Balance", "Own", "" } } },
    { name = "Theirs & more", rows = { { "Publisher", "Price", "Publsher", "ID", "solution_name" },
      { "Kogane Systems", "12", "x", "SOL-20002-BBB", "Good enough" } } },
  })
  t.has(import(s, "two.xlsx"), "sheet 'Ours': 0 new, 0 changed, 1 the same")
  local text = import(s, "two.xlsx", "--sheet", "theirs & more")
  t.has(text, "sheet 'Theirs & more': 0 new, 0 changed, 1 the same")
  t.has(text, "left out: column B, 'Price': the CRM's table has no such column")
  t.has(text, "left out: column C, 'Publsher': the CRM's table has no such column, do you mean 'P")
  local exit
  text, exit = import(s, "two.xlsx", "--sheet", "Mine")
  t.has(text, "it has no sheet 'Mine'; there is: Notes, Ours, Theirs & more")
  t.eq(exit, 1)
end

-- As Excel in German saves it: a mark, semicolons, the CRM's labels in German.
local GERMAN = "\u{FEFF}Lösungsbezeichner;Name;Typ;Herausgeber\r\n"
  .. 'SOL-30001-XAA;"Größe; Gewicht ""M""";Own;Elbe Hafen GmbH\r\n'
  .. "SOL-30002-XBB;Löt,Platz;3P;\r\n"

local function german(t, s)
  save(s, "de.csv", GERMAN)
  local text, exit = import(s, "de.csv", "--apply")
  t.has(text, "2 rows written")
  t.eq(exit, 0, text)
  t.eq(rows_of(s)["SOL-30001-XAA"],
    { 'Größe; Gewicht "M"', 299600002, "Elbe Hafen GmbH" })
  save(s, "ansi.csv", "ID;Name\r\nSOL-30003-XCC;L\xf6tplatz\r\n")
  text, exit = import(s, "ansi.csv", "--apply")
  t.has(text, "ansi.csv:2:B: the file is not UTF-8: save it as \"CSV UTF-8\" or as .xlsx")
  t.eq(exit, 1)
  save(s, "no.ods", "x")
  t.has(import(s, "no.ods"), "files that end in .xlsx or .csv are read")
  t.has(import(s, "none.csv"), "none.csv: No such file")
  save(s, "no.xlsx", "x")
  t.has(import(s, "no.xlsx"), "no.xlsx: it is no .xlsx file")
end

-- ---- Many rows ----

local function many()
  local rows = { HEAD }
  for i = 1, MANY do
    rows[i + 1] = { ("SOL-4%04d-MNY"):format(i), "Solution " .. i, "3P", "Kogane Systems" }
  end
  return rows
end

local function fault_of(s)
  for _, f in ipairs(s:say("fault")) do
    if f.path == "$batch" then
      return f
    end
  end
end

-- The caller is gone in the middle, a set on its way: the service still writes that one.  The same
-- command goes on with what is left.
local function killed(t, s)
  s:fault("crm", { path = "$batch", skip = 4, count = 1, delay_ms = 1000 })
  local child = printed.start(s, { "import", "solutions", s.dir .. "/many.xlsx", "--apply" }, WIDTH)
  while not child:output():find("1000 of 2500 rows written", 1, true) do
    t.ok(child:line(20000), child:output())
  end
  kit.wait("the fifth set", function() return fault_of(s).count == 0 end)
  child:kill("KILL")
  child:wait()
  kit.wait("what was on its way", function() return count(s) >= SEEDED + 5 * SET end)
  s:say("fault", { "clear" })
end

local function resumed(t)
  kit.with({}, function(s)
    workbook.write(s.dir .. "/many.xlsx", many())
    killed(t, s)
    local text, exit = import(s, "many.xlsx", "--apply")
    local left, there = text:match("(%d+) new, 0 changed, (%d+) the same, 0 wrong")
    left, there = tonumber(left), tonumber(there)
    t.ok(there >= 5 * SET and there < MANY and there % SET == 0, there .. " rows: whole sets")
    t.eq({ exit, left + there }, { 0, MANY }, text)
    t.has(text, left .. " rows written")
    t.eq(count(s), SEEDED + MANY, "nothing is there twice")
  end)
end

-- ---- All or nothing, and whatever becomes of the answer ----

local SOME, NEVER = 600, 1000000 -- rows of one change set; a limit that only counts

local function some(prefix)
  local rows = { HEAD }
  for i = 1, SOME do
    rows[i + 1] = { ("SOL-6%04d-%s"):format(i, prefix), "Solution " .. i, "3P", "" }
  end
  return rows
end

local function counted(s)
  return fault_of(s).calls or 0
end

local function one_set(t, s)
  workbook.write(s.dir .. "/some.xlsx", some "SET")
  import(s, "some.xlsx") -- what is asked once of the CRM is asked
  s:fault("crm", { path = "$batch", status = 400 })
  local text, exit = import(s, "some.xlsx", "--apply")
  t.has(text, "nothing was written")
  t.eq({ exit, count(s) }, { 1, SEEDED }, text)
  s:say("fault", { "clear" })
  s:fault("crm", { path = "$batch", limit = NEVER })
  text, exit = import(s, "some.xlsx", "--apply")
  t.eq({ exit, counted(s), count(s) }, { 0, 1, SEEDED + SOME }, "change sets: " .. text)
  s:say("fault", { "clear" })
end

local function answer_lost(t, s)
  local before = count(s)
  workbook.write(s.dir .. "/lost.xlsx", some "LST")
  import(s, "lost.xlsx") -- what is asked once of the CRM is asked
  s:fault("crm", { path = "$batch", drop = "after", count = 1 })
  local text, exit = import(s, "lost.xlsx", "--apply")
  t.has(text, "600 rows written")
  t.eq({ exit, count(s) - before }, { 0, SOME }, text)
end

local function busy(t, s)
  workbook.write(s.dir .. "/busy.xlsx", { HEAD, { "SOL-70001-BSY", "Later", "Own", "" } })
  s:fault("crm", { path = "$batch", status = 429, retry_after = "1", count = 1 })
  local text, exit = import(s, "busy.xlsx", "--apply")
  t.has(text, "1 row written")
  t.eq(exit, 0, text)
end

-- A reading that is cut off is asked for again; in the end it is said what could not be read.
local function cut_off(t, s)
  local LABELS = "DisplayName" -- read at each import
  workbook.write(s.dir .. "/cut.xlsx", { HEAD, { "SOL-70001-BSY", "Later", "Own", "" } })
  s:fault("crm", { path = LABELS, drop = "after", count = 1 })
  local text, exit = import(s, "cut.xlsx")
  t.has(text, "1 the same")
  t.eq(exit, 0, text)
  s:fault("crm", { path = LABELS, status = 503, count = 1000 })
  text, exit = import(s, "cut.xlsx", "--apply")
  s:say("fault", { "clear" })
  t.has(text, "answered 503\nnothing was written")
  t.eq(exit, 1, text)
end

-- The CRM refuses a row, for a reason that is younger than what is known of the table.
local function refused(t, s)
  local before = count(s)
  local rows = some "REF"
  rows[312][2] = ("n"):rep(60)
  workbook.write(s.dir .. "/refused.xlsx", rows)
  import(s, "refused.xlsx")
  s:act("change-definition", { table = "msft_microsoftsolutiondetail", column = "msft_name",
    max = 50 })
  s:clock(2 * 60 * 1000) -- a definition that was just read is not read again
  local text, exit = import(s, "refused.xlsx", "--apply")
  t.has(text, "refused.xlsx:312: Dynamics 365 could not save the changes")
  t.has(text, "a text is too long for its column")
  t.has(text, "nothing was written")
  t.eq({ exit, count(s) }, { 1, before }, text)
  t.has(import(s, "refused.xlsx"), "312:B: the text has 60 characters, 'Name' holds 50")
  s:act("take-privilege", { privilege = "prvCreatemsft_MicrosoftSolutionDetail" })
  workbook.write(s.dir .. "/refused.xlsx", some "REF")
  text, exit = import(s, "refused.xlsx", "--apply")
  t.has(text, "the application user lacks a privilege")
  t.eq({ exit, count(s) }, { 1, before }, text)
  s:act("give-privilege", { privilege = "prvCreatemsft_MicrosoftSolutionDetail" })
end

-- The command does it itself, on a terminal with a bar.
local function without_a_host(t, s)
  s:host_stop()
  workbook.write(s.dir .. "/alone.xlsx", { HEAD, { "SOL-70002-ALN", "Alone", "Own", "" } })
  local program = "/proc/" .. s.sim:pid() .. "/exe"
  local child = assert(host.child.start { path = "/usr/bin/script", argv = { "-qec",
    ("%s import solutions %s/alone.xlsx --apply --profile %s"):format(program, s.dir, s.profile),
    "/dev/null" } })
  while child:line(20000) do end
  local text = child:output()
  t.eq(child:wait().exit, 0, text)
  t.has(text, "[##############################] 100 %  1 of 1 rows written")
  t.has(text, "1 row written")
  t.ok(rows_of(s)["SOL-70002-ALN"], text)
end

-- Two administrators, one file: each row is there once.
local function two_at_once(t, s)
  local before = count(s)
  workbook.write(s.dir .. "/both.xlsx", some "TWO")
  s:fault("crm", { path = "$batch", delay_ms = 1500, always = "yes" })
  local words = { "import", "solutions", s.dir .. "/both.xlsx", "--apply" }
  local a, b = printed.start(s, words, WIDTH), printed.start(s, words, WIDTH)
  for _, child in ipairs { a, b } do
    while child:line(20000) do end
    t.eq(child:wait().exit, 0, child:output())
    t.has(child:output(), "600 new")
    t.has(child:output(), "600 rows written")
  end
  s:say("fault", { "clear" })
  t.eq(count(s) - before, SOME, "each row once")
end

-- ---- A solution that is not in the table ----

local function solutions_of(s, row)
  local names = {}
  for _, one in ipairs(s:rows "crm:msft_microsoftsolution") do
    if one._msft_opportunityid_value == row then
      names[#names + 1] = one.msft_name
    end
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- Sellers work on while a solution is missing; once it is there, deals have it.
local function missing(t, s)
  local new = s:act("portal-create", { name = "Harbour", value = 1000, currency = "USD",
    solutions = "SOL-10001-ABC,SOL-50001-NEW" }).id
  local old = s:act("portal-create", { name = "Depot", value = 1000, currency = "USD",
    solutions = "SOL-10001-ABC" }).id
  s:rest()
  s:act("edit", { id = old, solutions = "SOL-10001-ABC,SOL-50001-NEW" })
  s:act("edit", { id = old, value = 2000 })
  s:rest()
  local rows = {}
  for _, o in ipairs(kit.opportunities(s)) do
    rows[o.identifier] = o
    t.has(o.audit, "solution SOL-50001-NEW is not in the CRM's table of Microsoft solutions")
    t.eq(solutions_of(s, o.id), "Aoba Migration Factory", o.name)
  end
  t.eq({ tonumber(rows[new].value), tonumber(rows[old].value) }, { 1000, 2000 }, "the rest travels")
  kit.quiet(t, s)
  workbook.write(s.dir .. "/new.xlsx", { HEAD, { "SOL-50001-NEW", "Newest", "Own", "" } })
  t.has(import(s, "new.xlsx", "--apply"), "1 row written")
  s:rest()
  for _, id in ipairs { new, old } do
    t.eq(solutions_of(s, rows[id].id), "Aoba Migration Factory, Newest", "once it is there")
  end
  s:act("add-solution", { opportunity = rows[old].id, solution = "SOL-10002-DEF" })
  s:rest()
  s:act("remove-solution", { opportunity = rows[old].id, solution = "SOL-50001-NEW" })
  s:rest()
  t.eq(solutions_of(s, rows[old].id), "Aoba Data Platform, Aoba Migration Factory")
  kit.quiet(t, s)
end

-- While one is missing, what the CRM's seller adds and takes away stays so.
local function meanwhile(t, s)
  local id = s:act("portal-create", { name = "Quay", value = 1000, currency = "USD",
    solutions = "SOL-10001-ABC,SOL-50002-NEW" }).id
  s:rest()
  local row = kit.opportunities(s)[1].id
  for _, o in ipairs(kit.opportunities(s)) do
    row = o.identifier == id and o.id or row
  end
  local function sent()
    s:rest()
    local out = {}
    for _, r in ipairs((kit.referrals(s))) do
      for _, one in ipairs(r.id == id and r.details.requirements.solutions or {}) do
        out[#out + 1] = one.id
      end
    end
    table.sort(out)
    return table.concat(out, ", ")
  end
  s:act("add-solution", { opportunity = row, solution = "SOL-10002-DEF" })
  t.eq(sent(), "SOL-10001-ABC, SOL-10002-DEF, SOL-50002-NEW")
  s:act("remove-solution", { opportunity = row, solution = "SOL-10002-DEF" })
  t.eq(sent(), "SOL-10001-ABC, SOL-50002-NEW", "gone, and not back again")
  t.eq(solutions_of(s, row), "Aoba Migration Factory")
  s:act("edit", { id = id, solutions = "SOL-10001-ABC" })
  s:rest()
  t.eq({ sent(), solutions_of(s, row) }, { "SOL-10001-ABC", "Aoba Migration Factory" })
  kit.quiet(t, s)
end

return function(t)
  kit.with({}, function(s)
    t.case("item 73: an id that is not in the table warns, does not block, and comes once it is",
      function() missing(t, s) end)
    t.case("item 73: solutions are added and removed while one is missing", function()
      meanwhile(t, s)
    end)
  end)
  kit.with({}, function(s)
    t.case("item 73: mistakes are named by file, row and column, and nothing is written",
      function() mistakes(t, s) end)
    t.case("item 73: mended, looked at, applied; again it is all the same",
      function() mended(t, s) end)
    t.case("item 73: what a program reads of an import", function() as_json(t, s) end)
    t.case("item 73: an export is read again as the same, .xlsx", function()
      export(t, s, "out.xlsx")
    end)
    t.case("item 73: an export is read again as the same, .csv", function()
      export(t, s, "out.csv")
    end)
    t.case("item 73: a sheet by its name, headings in any order", function() sheets(t, s) end)
    t.case("item 73: a .csv of a German Excel; files that are none", function() german(t, s) end)
  end)
  kit.with({ clock = true, refused = "a row; two at once" }, function(s)
    t.case("item 73: up to 1,000 rows are one change set, or nothing", function() one_set(t, s) end)
    t.case("item 73: an answer that is lost doubles nothing", function() answer_lost(t, s) end)
    t.case("item 73: a busy CRM is waited for", function() busy(t, s) end)
    t.case("item 73: what cannot be read is asked for again, and said", function()
      cut_off(t, s)
    end)
    t.case("item 73: two imports at once make each row once", function() two_at_once(t, s) end)
    t.case("item 73: a row that the CRM refuses is named, and none is written", function()
      refused(t, s)
    end)
    t.case("item 73: on a terminal, without a host that runs", function() without_a_host(t, s) end)
  end)
  t.case("item 73: 2,500 rows, broken off in the middle, are gone on with", function()
    resumed(t)
  end)
end

-- cosell check: a profile and its mapping, offline: the files, every fixture, and what a copy of
-- the CRM's tables tells.  It asks the real mapping process and needs no state; it must never write
-- but the `expect` of a fixture, and that with --update alone.
local bar = require "bar"
local check_text = require "check_text"
local fixture_text = require "fixture_text"
local fixtures = require "fixtures"
local table_text = require "table_text"
local words = require "words"

local M = { help = "check a mapping offline: its files, its fixtures, your CRM's columns",
  where = "here" }

M.usage = [=[
cosell check [--profile DIR] [--update | --watch] [--json]
  --update   writes what was answered into the fixtures that expect otherwise
  --watch    again on each save, until Ctrl-C
exit status: 0 all is well, 1 something is wrong, 2 usage]=]

local OPTIONS = { update = true, watch = true, json = true }
local METADATA = "metadata.json"
local UNCHECKED = "not checked: whether your CRM has these columns, their types, lengths and "
  .. "labels; `cosell fields --save` copies its tables into the profile"

-- ---- Looking ----

-- "details.lua:3: text" as a problem.
local function as_problem(said)
  local file, line, rest = said:match("^(.-%.lua):(%d+): (.*)$")
  return { file = file, line = math.tointeger(tonumber(line)), text = rest or said }
end

local function add(report, problem)
  problem.level = problem.level or "error"
  report.problems[#report.problems + 1] = problem
end

-- The files alone; false if there is nothing to ask.
local function load(report)
  local function fine(answer, err)
    for _, problem in ipairs(answer and answer.problems or { as_problem(err.text) }) do
      add(report, problem)
    end
    return #report.problems == 0
  end
  if not fine(host.load(report.profile, { unproved = true })) then return false end
  local outline, err = host.map { call = "outline" }
  if not fine(outline, err) then return false end
  report.files, report.describe, report.all = outline.files, outline.describe, outline.fixtures
  return true
end

local function run_fixtures(cmd, report)
  for i, fixture in ipairs(report.all) do
    bar.draw(cmd, i - 1, #report.all, "fixtures")
    local result, err = host.map { call = "fixture", name = fixture.name }
    report.fixtures[i] = result or { name = fixture.name, file = fixture.file, ok = false,
      problem = err.text }
  end
  if #report.all > 0 and cmd.tty then
    bar.clear(cmd)
    host.sleep(0) -- so that it is gone before anything else is said
  end
end

-- Holds it against the copy of the CRM's tables, if there is one.
local function against_tables(report)
  local path = report.profile .. "/" .. METADATA
  local there, meta = pcall(require, "mapping_meta")
  local copy = there and host.file.read(path)
  if not copy then return end
  local kept, err = json.decode(copy)
  if err or type(kept) ~= "table" or type(kept.tables) ~= "table" then
    return add(report, { file = path,
      text = "is no copy of the CRM's tables; `cosell fields --save` makes it anew" })
  end
  report.saved = kept.saved
  local said
  said, err = host.map { call = "said" }
  if not said then return add(report, as_problem(err.text)) end
  for _, problem in ipairs(meta.problems(report.describe, said, said.answers, kept.tables)) do
    add(report, problem)
  end
  return nil
end

local function look(cmd)
  local report = { profile = cmd.profile, problems = json.array {}, fixtures = json.array {},
    files = {} }
  if load(report) then
    run_fixtures(cmd, report)
    against_tables(report)
  end
  return report
end

-- ---- Accepting ----

-- Puts what was answered into a fixture's file -> true, or nil, problem.
local function accept(path, result)
  local text, err = host.file.read(path)
  local fixture = text and json.decode(text)
  if not fixture then return nil, err and err.text or "is no fixture any more" end
  fixture.expect = result.got
  local ok
  ok, err = host.file.write(path, fixture_text.of(fixture))
  return ok, err and err.text
end

-- One that could not be asked, or raised, has no answer to be written.
local function update(report)
  report.updated = json.array {}
  for _, result in ipairs(report.fixtures) do
    if not result.ok and not result.problem then
      local path = ("%s/fixtures/%s.json"):format(report.profile, result.name)
      local ok, problem = accept(path, result)
      if ok then
        result.updated, report.updated[#report.updated + 1] = true, result.file
      else
        add(report, { file = result.file, text = problem })
      end
    end
  end
end

-- ---- Telling ----

local function count_wrong(report)
  local n = 0
  for _, problem in ipairs(report.problems) do n = n + (problem.level == "error" and 1 or 0) end
  for _, result in ipairs(report.fixtures) do
    n = n + ((result.ok or result.updated) and 0 or 1)
  end
  return n
end

local COLOURS = { error = "red", warning = "yellow" }

local function lines_of(cmd, report)
  local out = {}
  local function put(line, colour) out[#out + 1] = table_text.paint(cmd, colour, line) end
  if report.describe then
    for _, line in ipairs(check_text.sentences(report)) do put(line) end
    for _, result in ipairs(report.fixtures) do
      for _, line in ipairs(result.ok and {} or check_text.failed(cmd, result)) do put(line) end
      if result.updated then put("    expects now what was got", "yellow") end
    end
    put(check_text.fixtures(report.fixtures))
    put(check_text.unasked(report) or "")
  end
  for _, problem in ipairs(report.problems) do
    put(check_text.problem(problem), COLOURS[problem.level])
  end
  if report.describe then
    put(report.saved and "checked against the CRM's tables of " .. report.saved or UNCHECKED)
  end
  return out
end

local function print_all(cmd, report)
  for _, line in ipairs(lines_of(cmd, report)) do
    if line ~= "" then cmd.out(line .. "\n") end
  end
  local wrong = count_wrong(report)
  cmd.out(table_text.paint(cmd, wrong == 0 and "green" or "red", ("%s: %s\n"):format(
    report.profile, wrong == 0 and "ok" or table_text.count(wrong, "thing is", "things are")
      .. " wrong")))
end

local function as_json(report)
  local results = json.array {}
  for i, result in ipairs(report.fixtures) do
    results[i] = { name = result.name, file = result.file, call = result.call, ok = result.ok,
      problem = result.problem, updated = result.updated }
    if not result.ok and not result.problem then
      results[i].differences = json.array {}
      for j, d in ipairs(fixtures.differences(result.got, result.want)) do
        results[i].differences[j] = { path = d.path, expected = d.want, got = d.got }
      end
    end
  end
  return json.encode { profile = report.profile, ok = count_wrong(report) == 0,
    problems = report.problems, fixtures = results, files = report.files,
    says = report.describe and json.array(check_text.sentences(report)) or nil,
    metadata = report.saved or json.null, updated = report.updated }
end

local function once(cmd, options)
  local report = look(cmd)
  if options.update then update(report) end
  if options.json then
    cmd.out(as_json(report) .. "\n")
  else
    print_all(cmd, report)
  end
  return count_wrong(report) == 0 and 0 or 1
end

-- ---- Watching ----

-- What is looked at, as one text: a folder hears of more than these files.
local function stamp(dir)
  local out = {}
  for _, folder in ipairs { dir, dir .. "/fixtures" } do
    for _, name in ipairs(host.file.list(folder) or {}) do
      if name:find("%.lua$") or name:find("%.json$") then
        out[#out + 1] = name .. "\0" .. (host.file.read(folder .. "/" .. name) or "")
      end
    end
  end
  return table.concat(out, "\0")
end

local function watch(cmd, options)
  local watching, err = host.watch(cmd.profile)
  if not watching then
    cmd.err("cosell check: " .. err.text .. "\n")
    return 1
  end
  while true do
    local before = stamp(cmd.profile)
    once(cmd, options)
    if not options.json then cmd.out("waiting for a save; Ctrl-C ends\n") end
    repeat watching:wait() until stamp(cmd.profile) ~= before
    if not options.json then
      cmd.out(("\n%s\n"):format(table_text.clock(host.now_ms())))
    end
  end
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given then
    return 2
  elseif #given > 0 or (options.update and options.watch) then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  elseif not cmd.profile then
    cmd.err("cosell check: which profile? --profile DIR, or COSELL_PROFILE, or go into its "
      .. "folder\n")
    return 2
  end
  return (options.watch and watch or once)(cmd, options)
end

return M

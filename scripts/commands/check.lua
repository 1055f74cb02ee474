-- cosell check: a profile and its mapping, offline: the files, every fixture, and what a copy of
-- the CRM's tables tells.  It asks the real mapping process and needs no state; it must never write
-- but the `expect` of a fixture, and that with --update alone.
local check_look = require "check_look"
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
local UNCHECKED = "not checked: whether your CRM has these columns, their types, lengths and "
  .. "labels; `cosell fields --save` copies its tables into the profile"

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
      local path = ("%s/fixtures/%s.json"):format(report.mapping, result.name)
      local ok, problem = accept(path, result)
      if ok then
        result.updated, report.updated[#report.updated + 1] = true, result.file
      else
        check_look.add(report, { file = result.file, text = problem })
      end
    end
  end
end

-- ---- Telling ----

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
  local wrong = check_look.wrong(report)
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
  return json.encode { profile = report.profile, ok = check_look.wrong(report) == 0,
    problems = report.problems, fixtures = results, files = report.files,
    says = report.describe and json.array(check_text.sentences(report)) or nil,
    metadata = report.saved or json.null, updated = report.updated }
end

local function once(cmd, options)
  local report = check_look.look(cmd, cmd.profile)
  if options.update then update(report) end
  if options.json then
    cmd.out(as_json(report) .. "\n")
  else
    print_all(cmd, report)
  end
  return check_look.wrong(report) == 0 and 0 or 1, report.mapping
end

-- ---- Watching ----

-- What is looked at, as one text: a folder hears of more than these files.
local function stamp(folders)
  local out = {}
  for _, dir in ipairs(folders) do
    for _, folder in ipairs { dir, dir .. "/fixtures" } do
      for _, name in ipairs(host.file.list(folder) or {}) do
        if name:find("%.lua$") or name:find("%.json$") then
          out[#out + 1] = name .. "\0" .. (host.file.read(folder .. "/" .. name) or "")
        end
      end
    end
  end
  return table.concat(out, "\0")
end

local function watch(cmd, options)
  local folders, watching, err = { cmd.profile }, nil, nil
  local function listen()
    watching, err = host.watch(table.unpack(folders))
    return stamp(folders)
  end
  local before = listen()
  while watching do
    local _, mapping = once(cmd, options)
    if mapping and mapping ~= folders[2] then
      folders[2] = mapping
      before = listen()
    end
    if not options.json then cmd.out("waiting for a save; Ctrl-C ends\n") end
    while watching and stamp(folders) == before do watching:wait() end
    before = stamp(folders)
    if not options.json then
      cmd.out(("\n%s\n"):format(table_text.clock(host.now_ms())))
    end
  end
  cmd.err("cosell check: " .. err.text .. "\n")
  return 1
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

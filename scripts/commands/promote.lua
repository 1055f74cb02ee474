-- cosell promote STAGING PRODUCTION: the mapping that was tried with one profile, for another one.
-- Shows what differs, checks the target with it, copies, and keeps what stood there for --undo.
-- It must never write a profile.lua: what is of a place (tenant, addresses, secrets) stays there.
local check_look = require "check_look"
local check_text = require "check_text"
local line_diff = require "line_diff"
local promotion = require "promotion"
local table_text = require "table_text"
local words = require "words"

local M = { help = "bring a mapping from staging to production, checked; and back again",
  where = "here", usage = [=[
cosell promote STAGING PRODUCTION [--plan] [--yes] [--anyway]
cosell promote --undo PRODUCTION [--plan] [--yes]
  both are profile folders; what travels is the mapping: settings.lua,
  details.lua, country.lua, deal_value.lua, taxonomy.lua and the fixtures
  --plan    shows and checks, writes nothing
  --yes     asks nobody
  --anyway  goes on though `cosell doctor` has found something
  --undo    what stood there before comes back; once more: what came, again
exit status: 0 done or nothing to do, 1 not done, 2 usage]=] }

local OPTIONS = { plan = true, undo = true, yes = true, anyway = true }
local TAKEN_MS, LOOK_MS = 15000, 100 -- for the host that runs to take the files over

-- ---- Saying ----

local function say(cmd, said, ...)
  cmd.out(select("#", ...) > 0 and said:format(...) or said)
end

local function fail(cmd, said)
  cmd.err("cosell promote: " .. said .. "\n")
  return 1
end

local COLOUR = { ["-"] = "red", ["+"] = "green", ["@"] = "bold" }

local function show_file(cmd, change)
  local word = not change.was and "new" or not change.now and "goes" or "changes"
  local out = { table_text.paint(cmd, "bold", change.path .. "  " .. word) }
  for _, line in ipairs(line_diff.of(change.was or "", change.now or "")) do
    local mark = line.mark == "@" and "  @ " or "  " .. line.mark .. " "
    local said = line.text:gsub("%c", " ")
    said = utf8.len(said) and said or said:gsub("[\x80-\xFF]", "?")
    out[#out + 1] = table_text.paint(cmd, COLOUR[line.mark], mark .. said)
  end
  cmd.out(table.concat(out, "\n") .. "\n\n")
end

local function shown(value)
  if value == nil then return "(none)" end
  return type(value) == "table" and json.encode(value) or value == "" and "(empty)"
    or table_text.plain(value)
end

local LINES = { { title = "WHAT" }, { title = "NOW", flex = true },
  { title = "THEN", flex = true } }

local function show_lines(cmd, lines)
  local rows = {}
  for i, line in ipairs(lines) do
    rows[i] = { line.key, { shown(line.was), "red" }, { shown(line.now), "green" } }
  end
  if #rows > 0 then
    table_text.out(cmd, table_text.lines(cmd, LINES, rows))
    cmd.out("\n")
  end
end

-- What differs and stays is said with the place where it stands, and what would promote it.
local function show_staying(cmd, plan)
  for _, line in ipairs(promotion.staying(plan.source.says, plan.check.says)) do
    local whose = line.whose == "from" and plan.source.profile or plan.target
    table_text.out(cmd, table_text.wrap(cmd, "stays  ", ("%s: %s there, %s here; " ..
      "%s/profile.lua says it, and no profile.lua is touched: what both shall have stands in " ..
      "settings.lua beside the mapping"):format(line.key, shown(line.from), shown(line.to), whose)))
  end
end

-- ---- The two sides ----

-- A profile as it is.
local function load(cmd, given)
  local loaded, err = host.load(given, { unproved = true })
  local problem = not loaded and err or loaded.problems[1]
  if problem then
    local place = problem.file and ("%s%s: "):format(problem.file, problem.line and ":" ..
      problem.line or "") or ""
    fail(cmd, ("%s%s%s"):format(place, problem.key and problem.key ~= "" and problem.key .. ": "
      or "", problem.text))
    return nil
  end
  return { profile = given, says = loaded.profile, folder = loaded.profile.mapping,
    shown = loaded.profile.mapping_shown, state = loaded.state }
end

-- What was kept, as a folder of its own that is gone afterwards.
local function kept_side(cmd, target)
  local kept, problem = promotion.kept(target.folder)
  if not kept then
    fail(cmd, problem or ("%s: nothing was promoted into it, so there is nothing to undo"):format(
      target.profile))
    return nil
  end
  local folder = host.file.tempdir()
  local ok, err = promotion.write(folder, promotion.changes({}, kept.files))
  if not ok then
    host.file.remove(folder)
    fail(cmd, err.text)
    return nil
  end
  local name = ("before %s, %s UTC"):format(kept.from, table_text.clock(kept.at_ms))
  return { profile = target.profile, folder = folder, shown = folder, says = target.says,
    gone = true, from = "undo", name = name }
end

-- ---- Checking ----

local function check_mapping(cmd, plan)
  local report = check_look.look(cmd, plan.target, plan.source.shown)
  plan.check = report
  for _, result in ipairs(report.fixtures) do
    for _, line in ipairs(result.ok and {} or check_text.failed(cmd, result)) do
      say(cmd, line .. "\n")
    end
  end
  for _, problem in ipairs(report.problems) do
    say(cmd, table_text.paint(cmd, problem.level == "error" and "red" or "yellow",
      check_text.problem(problem)) .. "\n")
  end
  return check_look.wrong(report)
end

local function say_checked(cmd, plan, wrong)
  local report = plan.check
  local against = report.saved and "held to its CRM's tables of " .. report.saved or ("not held " ..
    "to its CRM: cosell fields --save --profile %s makes the copy of its tables"):format(
    plan.target)
  local said = ("%s with it: %s; %s"):format(plan.target, wrong == 0 and
    table_text.count(#report.fixtures, "fixture") .. " as expected" or
    table_text.count(wrong, "thing is", "things are") .. " wrong", against)
  table_text.out(cmd, table_text.wrap(cmd, wrong == 0 and "✔  " or "✖  ", said))
end

-- The target's own prerequisites. -> whether all is well
local function ask_doctor(cmd, plan)
  if not pcall(require, "commands.doctor") then
    say(cmd, "-  no doctor in this version: the prerequisites of %s were not looked at\n",
      plan.target)
    return true
  end
  local child, err = host.child.start { argv = { "doctor", "--profile", plan.target } }
  if not child then
    say(cmd, "✖  cosell doctor: %s\n", err.text)
    return false
  end
  local status = child:wait().exit
  if status == 0 then
    say(cmd, "✔  cosell doctor --profile %s: all is well\n", plan.target)
    return true
  end
  say(cmd, "✖  cosell doctor --profile %s:\n", plan.target)
  for line in child:output():gmatch("[^\n]+") do say(cmd, "     %s\n", line) end
  return false
end

-- ---- The host that runs ----

local function reload_of(socket)
  local answer = host.control.call(socket, "status", { "--json" })
  local now = answer and json.decode(answer.out)
  return type(now) == "table" and now.reload or nil
end

-- Waits for what a running host makes of the files.
local function taken_over(cmd, plan, before)
  local until_ms = host.now_ms() + TAKEN_MS
  while before and host.now_ms() < until_ms do
    local now = reload_of(plan.socket)
    if now and now.error and now.at_ms ~= before.at_ms then
      return fail(cmd, ("the host of %s refuses it: %s; cosell promote --undo %s brings back " ..
        "what stood there"):format(plan.target, now.error, plan.target))
    elseif now and now.generation ~= before.generation then
      say(cmd, "the host of %s runs it: generation %d\n", plan.target, now.generation)
      return 0
    end
    host.sleep(LOOK_MS)
  end
  say(cmd, before and "the host of %s has not taken it over yet: cosell status --profile %s\n" or
    "no host of %s runs; the next start has it\n", plan.target, plan.target)
  return 0
end

-- ---- The command ----

local function look(cmd, plan)
  say(cmd, table_text.paint(cmd, "bold", ("%s -> %s"):format(plan.source.name or
    plan.source.profile, plan.target)) .. "\n\n")
  for _, change in ipairs(plan.changes) do show_file(cmd, change) end
  local wrong = check_mapping(cmd, plan)
  if not plan.check.says then return false end
  show_lines(cmd, promotion.lines(plan.into.says, plan.check.says))
  if not plan.source.gone then show_staying(cmd, plan) end
  say_checked(cmd, plan, wrong)
  return wrong == 0
end

local function agreed(cmd, plan, options)
  if options.yes then return true end
  local answer = cmd.ask(("write %s into %s? [y/N] "):format(
    table_text.count(#plan.changes, "file"), plan.target))
  if not answer then
    cmd.err("\ncosell promote: nobody can be asked; --yes writes without\n")
  end
  return answer ~= nil and answer:lower():find("^%s*y") ~= nil
end

local function write(cmd, plan)
  local before = reload_of(plan.socket)
  local ok, err = promotion.apply(plan.into.folder, plan.was, plan.changes, plan.source.from or
    plan.source.profile)
  if not ok then
    return fail(cmd, ("%s; what was written stays, and cosell promote --undo %s brings back " ..
      "what stood there"):format(err.text, plan.target))
  end
  say(cmd, "%s written; back: cosell promote --undo %s\n", table_text.count(#plan.changes, "file"),
    plan.target)
  return taken_over(cmd, plan, before)
end

-- Whether the checks let it through; an undo is not held up by them.
local function passes(cmd, plan, options)
  local well = look(cmd, plan)
  if plan.source.gone then return true end
  if not well then
    fail(cmd, "nothing was written: the mapping does not fit there")
    return false
  elseif not ask_doctor(cmd, plan) and not options.anyway then
    fail(cmd, "nothing was written: mend that first, or --anyway")
    return false
  end
  return true
end

local function promote(cmd, plan, options)
  local err
  plan.was, err = promotion.files(plan.into.folder)
  local now = plan.was and promotion.files(plan.source.folder)
  if not now then return fail(cmd, err and err.text or "the files cannot be read") end
  plan.changes = promotion.changes(plan.was, now)
  if not passes(cmd, plan, options) then return 1 end
  if #plan.changes == 0 then
    say(cmd, "%s: nothing to copy\n", plan.source.folder == plan.into.folder and
      "both have one mapping folder" or "the files are the same")
    return 0
  elseif options.plan then
    say(cmd, "nothing was written (--plan)\n")
    return 0
  elseif not agreed(cmd, plan, options) then
    say(cmd, "nothing was written\n")
    return 1
  end
  return write(cmd, plan)
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given then return 2 end
  local target = given[#given]
  if #given ~= (options.undo and 1 or 2) and not (options.undo and #given == 2) then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local into = load(cmd, target)
  local source = into and (options.undo and kept_side(cmd, into) or
    not options.undo and load(cmd, given[1]) or nil)
  if not source then return 1 end
  if not options.undo and source.says.dir == into.says.dir then
    return fail(cmd, "both are the same profile")
  end
  local plan = { target = target, into = into, source = source, socket = into.state .. ".sock" }
  local status = promote(cmd, plan, options)
  if source.gone then host.file.remove(source.folder) end
  return status
end

return M

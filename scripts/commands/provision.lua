-- cosell provision: makes in the CRM the tables, columns and form sections that deals need, or
-- adopts what stands; shows what it would do, what it did, exports it, takes it away again.
-- It must never take anything away without having shown it and been told to.
local backup = require "commands.backup"
local bar = require "bar"
local definitions = require "definitions"
local facts = require "facts"
local flow_table = require "flow_table"
local journal = require "provision_journal"
local provision = require "provision"
local removal = require "provision_remove"
local table_text = require "table_text"
local text = require "text"
local words = require "words"

local M = { help = "make in the CRM what deals need, or adopt what stands", where = "host",
  usage = "cosell provision [--plan] [--form NAME | --no-form] [--field-security] [--json]\n" ..
    "       cosell provision --history [--json]\n" ..
    "       cosell provision --export FILE [--force]   a managed solution, to import elsewhere\n" ..
    "       cosell provision --remove [--yes]          takes away what it made, and nothing else" }

local OPTIONS = { plan = true, form = "value", ["no-form"] = true, ["field-security"] = true,
  history = true, export = "value", force = true, remove = true, yes = true, json = true }
-- What belongs to which of its four uses.
local WITH = { history = { json = true }, export = { force = true }, remove = { yes = true } }

local SIGN = { made = { "+ ", "green" }, changed = { "~ ", "yellow" }, removed = { "- ", "red" } }

local function say(cmd, line)
  table_text.out(cmd, { line })
end

local function failed(cmd, err)
  cmd.err(err.text .. "\n")
  return 1
end

local function count(n, word)
  return table_text.count(n, word)
end

-- ---- The plan ----

local function show_steps(cmd, steps)
  for _, step in ipairs(steps) do
    for _, line in ipairs(table_text.wrap(cmd, SIGN[step.did][1], step.text)) do
      say(cmd, table_text.paint(cmd, SIGN[step.did][2], line))
    end
  end
end

local function say_obstacles(cmd, plan)
  for _, o in ipairs(plan.obstacles) do
    table_text.out(cmd, table_text.wrap(cmd, "! ", o.text))
  end
end

local function show_plan(cmd, plan)
  for _, line in ipairs(plan.adopted) do
    say(cmd, "= stands: " .. line)
  end
  show_steps(cmd, plan.steps)
  say_obstacles(cmd, plan)
  if #plan.steps > 0 then
    say(cmd, count(#plan.steps, "thing") .. " to make, then all is published once: cosell "
      .. "provision does it")
  elseif plan.publish then
    say(cmd, "all is made, and not published yet: cosell provision does it")
  else
    say(cmd, "nothing to make")
  end
end

local function plan_json(plan, done, err)
  local steps, obstacles = json.array {}, json.array {}
  for i, step in ipairs(plan.steps) do
    steps[i] = { did = step.did, what = step.what, text = step.text }
  end
  for i, o in ipairs(plan.obstacles) do
    obstacles[i] = { needed = o.needed, text = o.text }
  end
  return json.encode { adopted = json.array(plan.adopted), steps = steps, obstacles = obstacles,
    publish = plan.publish ~= nil, done = done or 0, error = err and err.text or json.null } .. "\n"
end

local function progress(cmd, options)
  return function(done, total, said)
    if total > 0 then
      bar.draw(cmd, done, total, text.bound(said, 36))
    end
    if not cmd.tty and not options.json and done < total then
      cmd.out(("%d of %d: %s\n"):format(done + 1, total, said))
    end
  end
end

-- ---- Its uses ----

local function broken_off(cmd, err, total)
  cmd.err(("%s\n%d of %d done, not: %s.  The same command goes on with it\n"):format(err.text,
    err.done or 0, total, err.step or "the last"))
  return 1
end

-- Without what is needed deals do not travel.
local function exit_of(plan)
  for _, o in ipairs(plan.obstacles) do
    if o.needed then
      return 1
    end
  end
  return 0
end

local function make(cmd, options)
  local forms = not options["no-form"] and (options.form or true)
  local w, err = provision.look { forms = forms, secure = options["field-security"] == true }
  local plan
  if w then
    plan, err = provision.plan(w)
  end
  if not plan then
    return failed(cmd, err)
  elseif options.plan then
    if options.json then
      cmd.out(plan_json(plan))
    else
      show_plan(cmd, plan)
    end
    return exit_of(plan)
  end
  local done
  done, err = provision.apply(w, plan, progress(cmd, options))
  bar.clear(cmd)
  facts.forget()
  if done and done > 0 and host.status().serving then
    flow_table.wake()
  end
  if options.json then
    cmd.out(plan_json(plan, done or err.done, err))
  elseif not done then
    return broken_off(cmd, err, #plan.steps + (plan.publish and 1 or 0))
  else
    say_obstacles(cmd, plan)
    say(cmd, done == 0 and "nothing to make: all of it stands" or #plan.steps == 0 and
      "published: all of it stands" or count(#plan.steps, "thing") .. " made and published")
  end
  return done and exit_of(plan) or 1
end

local COLUMNS = { { title = "WHEN" }, { title = "VERSION" }, { title = "" },
  { title = "WHAT", flex = true } }

local function history(cmd, options)
  local entries = journal.entries()
  if options.json then
    cmd.out(json.encode(json.array(entries)) .. "\n")
    return 0
  elseif #entries == 0 then
    say(cmd, "this state's host has made nothing in the CRM yet")
    return 0
  end
  local rows = {}
  for i, e in ipairs(entries) do
    rows[i] = { (text.iso(e.at):gsub("T", " "):sub(1, 19)), e.version, e.did, e.what }
  end
  table_text.out(cmd, table_text.lines(cmd, COLUMNS, rows))
  return 0
end

local function export(cmd, options)
  local w, err = provision.look { forms = false, secure = false }
  local plan
  if w then
    plan, err = provision.plan(w)
  end
  if not plan then
    return failed(cmd, err)
  elseif not w.solution or w.solution.ismanaged then
    cmd.err(w.solution and "the solution came here as a managed one: export it where it was made\n"
      or "there is no solution of this program in the CRM: what stands here was made by another. "
      .. "Export it as it came\n")
    return 1
  elseif plan.publish then
    cmd.err("something is not made or not published yet: cosell provision first\n")
    return 1
  end
  local bytes
  bytes, err = definitions.export(provision.SOLUTION)
  local ok = bytes
  if bytes then
    ok, err = host.sheet.write_text(backup.absolute(cmd, options.export), bytes,
      options.force == true)
  end
  if not ok then
    cmd.err(("%s: %s%s\n"):format(options.export, err.text,
      err.text:find("is there already", 1, true) and "; --force replaces it" or ""))
    return 1
  end
  journal.note("exported", ("solution %s %s"):format(provision.SOLUTION, w.solution.version))
  say(cmd, ("%s written: import it as a managed solution in the other CRM, then `cosell provision "
    .. "--plan` there"):format(options.export))
  return 0
end

local WARNING = "all that stands in these columns and tables goes with them; what this host keeps "
  .. "of %s stays, and is of no use without them"

-- "yes" of a person, or of --yes.
local function agreed(cmd, options)
  if options.yes then
    return true
  elseif cmd.ask then
    local answer = cmd.ask("take all of this away? Type yes: ")
    return answer ~= nil and answer:lower():match("^%s*yes%s*$") ~= nil
  end
  return false
end

local function remove(cmd, options)
  local w, err = provision.look { forms = true, secure = true }
  local plan
  if w then
    plan, err = removal.plan(w)
  end
  if not plan then
    return failed(cmd, err)
  elseif #plan.steps == 0 then
    say(cmd, "nothing in this CRM was made by this state's host")
    return 0
  end
  show_steps(cmd, plan.steps)
  table_text.out(cmd, table_text.wrap(cmd, "", WARNING:format(count(host.store.link_count() or 0,
    "linked deal"))))
  if not agreed(cmd, options) then
    cmd.err("nothing was taken away: --yes does it\n")
    return 1
  end
  local done
  done, err = removal.apply(w, plan, progress(cmd, options))
  bar.clear(cmd)
  facts.forget()
  if not done then
    return broken_off(cmd, err, #plan.steps)
  end
  say(cmd, count(done, "thing") .. " taken away" .. (done < #plan.steps and
    "; the solution stays, since somebody else's things are in it" or ""))
  return 0
end

-- ---- The command ----

local USES = { history = history, export = export, remove = remove }

-- Which use, or nil after the problem was said.
local function use_of(cmd, given, options)
  local use
  for name in pairs(USES) do
    if options[name] then
      use = use and "two" or name
    end
  end
  local wrong = #given > 0 or use == "two" or options.form and options["no-form"]
  for name in pairs(options) do
    local mine = use and (name == use or (WITH[use] or {})[name])
    local of_other = not use and (name == "force" or name == "yes")
    wrong = wrong or use and not mine or of_other
  end
  if wrong then
    cmd.err("usage: " .. M.usage .. "\n")
    return nil
  end
  return use or "make"
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  local use = given and use_of(cmd, given, options)
  if not use then
    return 2
  end
  return (USES[use] or make)(cmd, options)
end

return M

-- cosell import solutions FILE: fills the CRM's table of Microsoft solutions from a workbook or a
-- .csv.  First it shows what would be done; with --apply it does it.  What is wrong is named by
-- file, row and column, and then nothing is written.
local backup = require "commands.backup"
local bar = require "bar"
local catalogue = require "catalogue"
local catalogue_plan = require "catalogue_plan"
local sheet = require "sheet"
local table_text = require "table_text"
local text = require "text"
local words = require "words"

local M = { help = "fill the CRM's table of Microsoft solutions from a file", where = "host",
  usage = "cosell import solutions FILE [--sheet NAME] [--apply [--yes]] [--json]" }

local SHOWN, MOST = 20, 1000 -- rows named, as text and as JSON
local WRONG = 50             -- mistakes named
local OPTIONS = { sheet = "value", apply = true, yes = true, json = true }

-- The rows that would be written, the changed ones first: they are what is to be looked at.
local COLUMNS = { { title = "ROW", right = true }, { title = "" }, { title = "IDENTIFIER" },
  { title = "WHAT", flex = true } }

local function pause()
  host.sleep(0)
end

-- ---- What would be done ----

local function changes_text(entry)
  local out = {}
  for i, c in ipairs(entry.changes) do
    out[i] = ("%s: %s → %s"):format(c.column.label, c.from == "" and "(empty)" or c.from, c.to)
  end
  return table.concat(out, "; ")
end

local function values_text(c, entry)
  local out = {}
  for _, column in ipairs(c.columns) do
    local value = entry.values[column.name]
    if column.role ~= "identifier" and value ~= nil then
      out[#out + 1] = catalogue.shown(column, value)
    end
  end
  return table.concat(out, ", ")
end

local function row_of(c, entry)
  local said = entry.what == "changed" and changes_text(entry) or values_text(c, entry)
  return { tostring(entry.row), { entry.what, entry.what == "changed" and "yellow" or "green" },
    entry.solution, table_text.plain(said) }
end

local function preview(cmd, c, plan)
  local rows, n = {}, 0
  for _, what in ipairs { "changed", "new" } do
    for _, entry in ipairs(plan.entries) do
      if entry.what == what then
        n = n + 1
        rows[#rows + 1] = n <= SHOWN and row_of(c, entry) or nil
      end
    end
  end
  if n > 0 then
    table_text.out(cmd, table_text.lines(cmd, COLUMNS, rows))
  end
  if n > SHOWN then
    cmd.out(("… and %d more: --json names up to 1,000\n"):format(n - SHOWN))
  end
end

local function counts_text(n)
  return ("%d new, %d changed, %d the same, %d wrong"):format(n.new, n.changed, n.same, n.wrong)
end

local function left_out(cmd, plan)
  for _, one in ipairs(plan.left_out) do
    cmd.out(("left out: column %s, '%s': the CRM's table has no such column%s\n"):format(
      sheet.letters(one.column), table_text.plain(one.heading),
      one.meant and (", do you mean '" .. one.meant .. "'?") or ""))
  end
end

-- ---- What is wrong ----

local function place(given, row, column)
  return ("%s:%d:%s: "):format(given, row, sheet.letters(column))
end

local function say_problems(cmd, given, problems)
  local out = {}
  for i = 1, math.min(#problems, WRONG) do
    local p = problems[i]
    out[i] = table_text.plain(place(given, p.row, p.column) .. p.text) .. "\n"
  end
  if #problems > WRONG then
    out[#out + 1] = ("… and %d more: --json names up to 1,000\n"):format(#problems - WRONG)
  end
  cmd.err(table.concat(out))
end

-- ---- As JSON ----

local function json_entries(plan)
  local out = json.array {}
  for _, entry in ipairs(catalogue_plan.to_write(plan)) do
    if #out < MOST then
      local changes = json.array {}
      for i, c in ipairs(entry.changes or {}) do
        changes[i] = { column = c.column.name, from = c.from, to = c.to }
      end
      out[#out + 1] = { row = entry.row, what = entry.what, identifier = entry.solution,
        changes = changes }
    end
  end
  return out
end

local function json_problems(plan)
  local out = json.array {}
  for i = 1, math.min(#plan.problems, MOST) do
    local p = plan.problems[i]
    out[i] = { row = p.row, column = sheet.letters(p.column), text = p.text }
  end
  return out
end

local function json_left_out(plan)
  local out = json.array {}
  for i, one in ipairs(plan.left_out) do
    out[i] = { column = sheet.letters(one.column), heading = one.heading,
      meant = one.meant or json.null }
  end
  return out
end

local function report(cmd, job, written, err)
  local plan = job.plan
  cmd.out(json.encode { file = job.given, sheet = job.file.name or json.null, new = plan.counts.new,
    changed = plan.counts.changed, same = plan.counts.same, wrong = plan.counts.wrong,
    rows = json_entries(plan), problems = json_problems(plan), left_out = json_left_out(plan),
    written = written, error = err and err.text or json.null } .. "\n")
end

-- ---- Writing ----

-- What is left to write, looked at anew.
local function look(job)
  local rows, err = catalogue.rows(job.catalogue)
  if not rows then
    return nil, err
  end
  local plan = catalogue_plan.make(job.catalogue, job.file, rows, pause)
  if #plan.problems > 0 then
    return nil, { kind = "data", text = plan.problems[1].text }
  end
  return catalogue_plan.to_write(plan)
end

local function progress(cmd, options)
  return function(done, total)
    local said = ("%d of %d rows written"):format(done, total)
    bar.draw(cmd, done, total, said)
    if not (cmd.tty or options.json) and done < total then
      cmd.out(said .. "\n")
    end
  end
end

local function broken_off(cmd, job, err, total)
  if err.entry then
    cmd.err(("%s:%d: "):format(job.given, err.entry.row))
  end
  local done = err.written
  cmd.err(("%s\n%s\n"):format(err.text, done == 0 and "nothing was written" or
    ("%d of %d rows are written: the same command goes on with the others"):format(done, total)))
end

local function apply(cmd, job, options)
  local entries = catalogue_plan.to_write(job.plan)
  local written, err = catalogue.write(job.catalogue, entries, function() return look(job) end,
    progress(cmd, options))
  bar.clear(cmd)
  if written and written > 0 then
    catalogue.wake()
  end
  if options.json then
    report(cmd, job, written or err.written, err)
  elseif not written then
    broken_off(cmd, job, err, #entries)
  else
    cmd.out(("%s written\n"):format(table_text.count(written, "row")))
  end
  return written and 0 or 1
end

-- ---- The command ----

local function advice(plan, options)
  local n = plan.counts
  if n.new + n.changed == 0 then
    return "all the same: nothing to write"
  elseif n.changed > 0 and not (options.apply and options.yes) then
    return ("nothing is written yet: --apply --yes writes it (--yes, since %s of the CRM would be "
      .. "changed)"):format(table_text.count(n.changed, "row"))
  end
  return "nothing is written yet: --apply writes it"
end

local function decide(cmd, job, options)
  local plan = job.plan
  local n = plan.counts
  local wrong = #plan.problems > 0
  local go = options.apply and not wrong and n.new + n.changed > 0 and
    (n.changed == 0 or options.yes)
  local refused = wrong or (options.apply and not go and n.new + n.changed > 0)
  if not options.json then
    preview(cmd, job.catalogue, plan)
    left_out(cmd, plan)
    cmd.out(("%s%s: %s\n"):format(job.given, job.file.name and (", sheet '" .. job.file.name .. "'")
      or "", counts_text(n)))
    if wrong then
      say_problems(cmd, job.given, plan.problems)
      cmd.err("nothing was written: mend the file, then give the same command again\n")
    elseif not go then
      cmd.out(advice(plan, options) .. "\n")
    end
  end
  if go then
    return apply(cmd, job, options)
  elseif options.json then
    report(cmd, job, 0)
  end
  return refused and 1 or 0
end

local function failed(cmd, given, err)
  cmd.err(("%s: %s\nnothing was written\n"):format(given, err.text))
  return 1
end

local function usage(cmd, given, options)
  if #given ~= 2 then
    cmd.err("usage: " .. M.usage .. "\n")
  elseif given[1] ~= "solutions" then
    cmd.err(("there is no import of '%s', but of `solutions`\nusage: %s\n"):format(
      text.bound(given[1], 40), M.usage))
  elseif options.yes and not options.apply then
    cmd.err("--yes belongs to --apply: look first\nusage: " .. M.usage .. "\n")
  else
    return true
  end
  return false
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given or not usage(cmd, given, options) then
    return 2
  end
  local job = { given = given[2] }
  local err, rows
  job.file, err = sheet.read(backup.absolute(cmd, given[2]), options.sheet)
  if not job.file then
    return failed(cmd, given[2], err)
  end
  job.catalogue, err = catalogue.open()
  if job.catalogue then
    rows, err = catalogue.rows(job.catalogue)
  end
  if not rows then
    return failed(cmd, given[2], err)
  end
  job.plan = catalogue_plan.make(job.catalogue, job.file, rows, pause)
  return decide(cmd, job, options)
end

return M

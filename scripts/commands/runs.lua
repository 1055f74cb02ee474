-- cosell runs: what was done for which deal, why, how it ended, what it cost.  Of one deal it tells
-- everything: what was read, what differed, who decided, what was written, what was answered.
local fields = require "fields"
local find = require "find"
local flow_table = require "flow_table"
local reloads = require "reloads"
local sides = require "sides"
local table_text = require "table_text"
local words = require "words"

local M = { help = "what was done, oldest first, and why", where = "host",
  usage = "cosell runs [DEAL] [--follow] [--most N] [--after RUN] [--json]" }

local FOLLOW_MS = 250
local MOST_ALL, MOST_DEAL = 20, 5

local MARKS = { created = { "✔", "green" }, updated = { "✔", "green" }, moved = { "✔", "green" },
  refused = { "✖", "red" }, failed = { "✖", "red" }, frozen = { "✖", "red" },
  conflict = { "!", "yellow" }, paused = { "!", "yellow" }, live = { "✔", "green" } }

-- Of these the whole sentence is told: somebody has to do something.
local UNDONE = { refused = true, failed = true, frozen = true }

-- ---- One line a run ----

-- Fixed widths: with --follow the next run is not known yet.
local COLUMNS = { { title = "RUN", right = true, least = 6 }, { title = "TIME (UTC)", least = 14 },
  { title = "OUTCOME", least = 11 }, { title = "DEAL", flex = true, least = 100 },
  { title = "WOKEN BY", least = 9 }, { title = "CRM", right = true, least = 3 },
  { title = "PC", right = true, least = 2 } }

local function widths_of(cmd)
  return table_text.widths(cmd, COLUMNS, {})
end

local function outcome_cell(run)
  local mark = MARKS[run.outcome]
  return mark and { mark[1] .. " " .. run.outcome, mark[2] } or "  " .. run.outcome
end

local function detail_of(run)
  local detail = run.detail or {}
  return detail, detail.said or detail -- a failed run keeps what it had said
end

local function name_of(run)
  local _, said = detail_of(run)
  if said.deal then
    return table_text.plain(said.deal)
  elseif run.link ~= 0 then
    return "deal " .. run.link
  end
  return table_text.plain(run.detail.profile or run.detail.job or "")
end

-- The sentence behind the outcome, if there is one.
local function sentence(run)
  local detail, said = detail_of(run)
  local out = detail.text or said.why or table.concat(said.problems or said.lines or {}, "; ")
  return out ~= "" and out or nil
end

local function row_of(run)
  local calls = run.calls or {}
  return { tostring(run.id), table_text.clock(run.at_ms):sub(6), outcome_cell(run), name_of(run),
    run.trigger, tostring(calls.crm or 0),
    tostring((calls.partner_center or 0) + (calls.webhooks or 0)) }
end

-- A change of the files is told whole: its author waits for it.
local function reload_lines(cmd, run)
  local detail, out = run.detail, {}
  local told = reloads.problems(detail.problems, detail.profile)
  told[1] = table_text.plain(detail.text)
  for _, line in ipairs(told) do
    table.move(table_text.wrap(cmd, (" "):rep(8), line), 1, 1000, #out + 1, out)
  end
  return out
end

local function print_line(cmd, run, widths)
  local lines = { table_text.row(cmd, COLUMNS, widths, row_of(run)) }
  local why = sentence(run)
  if run.flow == "reload" then
    table.move(reload_lines(cmd, run), 1, 1000, 2, lines)
  elseif why and UNDONE[run.outcome] then
    table.move(table_text.wrap(cmd, (" "):rep(8), table_text.plain(why)), 1, 1000, 2, lines)
  elseif why then
    lines[2] = table_text.cut((" "):rep(8) .. table_text.plain(why), table_text.width(cmd))
  end
  table_text.out(cmd, lines)
end

-- ---- All of a run ----

local function flow_text(name)
  local flow = flow_table.by_name[name]
  return flow and (", flow %s %s"):format(flow.letter, flow.title) or ""
end

local function values_text(values)
  local out = {}
  for _, field in ipairs(fields.rows) do
    if values[field.name] ~= nil then
      out[#out + 1] = field.label .. ": " .. sides.text(field, values[field.name])
    end
  end
  if values.reason then
    out[#out + 1] = "reason: " .. table_text.plain(values.reason)
  end
  return out
end

local KEPT = { crm = "the CRM's stands", partner = "Partner Center's stands",
  resolve = "both get its value" }

-- Which setting or function decided for each field, and for whom where both had changed.
local function decided_text(said)
  local out, kept = {}, {}
  for _, c in ipairs(said.conflicts or {}) do
    kept[c.field] = KEPT[c.kept]
  end
  for _, field in ipairs(fields.rows) do
    local why = (said.decided or {})[field.name]
    local stands = kept[field.name]
    if why or stands then
      out[#out + 1] = field.label .. ": " .. (why or "both changed") ..
        (stands and " " .. stands or "")
    end
  end
  return out
end

-- One entry a written call; the identifiers are what the services' support asks for.
local function answers_text(answers)
  local out = {}
  for _, a in ipairs(answers or {}) do
    out[#out + 1] = ("%s %s, answer %s"):format(a.method or "?", a.remote or "?",
      a.status or "none")
    out[#out + 1] = a.request_id and "  request     " .. a.request_id or nil
    out[#out + 1] = a.correlation_id and "  correlation " .. a.correlation_id or nil
  end
  return out
end

local CALLED = { crm = "the CRM", partner_center = "Partner Center" }

local function cost_text(run)
  local out = {}
  for remote, n in pairs(run.calls or {}) do
    out[#out + 1] = ("%s to %s"):format(table_text.count(n, "call"), CALLED[remote] or remote)
  end
  table.sort(out)
  return ("%d ms, %s, generation %d"):format(run.ms,
    #out > 0 and table.concat(out, ", ") or "no calls", run.generation)
end

---A run with all it tells, as lines.
---@param cmd table
---@param run table
---@return string[]
function M.block(cmd, run)
  local detail, said = detail_of(run)
  local mark = MARKS[run.outcome]
  local out = { table_text.paint(cmd, mark and mark[2], ("run %d  %s UTC  %s"):format(run.id,
    table_text.clock(run.at_ms), (mark and mark[1] .. " " or "") .. run.outcome)) }
  local function add(head, list)
    for i, item in ipairs(list) do
      local first = ("  %-9s "):format(i == 1 and head or "")
      table.move(table_text.wrap(cmd, first, item), 1, 1000, #out + 1, out)
    end
  end
  local function add_values(head, crm, partner)
    local list = {}
    for side, values in pairs { crm = crm or {}, partner = partner or {} } do
      for _, item in ipairs(values_text(values)) do
        list[#list + 1] = sides.names[side] .. ": " .. item
      end
    end
    table.sort(list)
    add(head, list)
  end
  add("woken by", { run.trigger .. flow_text(run.flow) })
  local read = said.read or {}
  add_values("read", read.crm, read.partner)
  add("decided", decided_text(said))
  add_values("written", said.to_crm, said.to_partner)
  add("answers", answers_text(said.answers))
  add("missing", said.problems or {})
  add("why", { said.why or detail.text })
  add("told", said.lines or {})
  add("cost", { cost_text(run) })
  return out
end

-- ---- Printing and following ----

local function printer(cmd, options, hit)
  if options.json then
    return function(run) cmd.out(json.encode(run) .. "\n") end
  elseif hit then
    return function(run) table_text.out(cmd, M.block(cmd, run)) end
  end
  local widths = widths_of(cmd)
  if not cmd.goes_on then
    table_text.out(cmd, { table_text.head(cmd, COLUMNS, widths) })
  end
  return function(run) print_line(cmd, run, widths) end
end

-- Newest first without `after`, else oldest first: made one.
local function since(link, last, most)
  local runs = assert(host.store.run_list { link = link, after = last, most = most })
  if last == 0 then
    local turned = {}
    for i, run in ipairs(runs) do
      turned[#runs - i + 1] = run
    end
    return turned
  end
  return runs
end

-- The same command from the last run on, as the generation's that runs now.
local function go_on(cmd, last)
  local request = { goes_on = true, args = {} }
  for name, value in pairs(cmd) do
    request[name] = type(value) ~= "function" and request[name] == nil and value or request[name]
  end
  for _, word in ipairs(cmd.args) do
    request.args[#request.args + 1] = not word:find("^%-%-after=") and word or nil
  end
  table.insert(request.args, "--after=" .. last) -- of two the last counts
  cmd.again(json.encode(request))
  return 0
end

-- Until the caller leaves (the host then ends this task) or the host stops.  Other files do not end
-- it: an old generation has but a minute left, so that of the new files goes on.
local function follow(cmd, link, last, print_one)
  local status = host.status()
  if not status.serving then
    cmd.err("no host is running: nothing to follow\n")
    return 1
  end
  local swaps = status.reload.swaps
  while not status.stopping and status.reload.swaps == swaps do
    host.sleep(FOLLOW_MS)
    for _, run in ipairs(since(link, last, 100)) do
      print_one(run)
      last = run.id
    end
    status = host.status()
  end
  return status.stopping and 0 or go_on(cmd, last)
end

local function show(cmd, options, hit, most)
  local link, after = hit and hit.id or nil, options.after or 0
  if options.json and not options.follow then
    cmd.out(json.encode(json.array(assert(host.store.run_list { link = link, after = after,
      most = most }))) .. "\n")
    return 0
  end
  local runs = since(link, after, most)
  local print_one = printer(cmd, options, hit)
  for _, run in ipairs(runs) do
    print_one(run)
  end
  if options.follow then
    return follow(cmd, link, #runs > 0 and runs[#runs].id or after, print_one)
  elseif #runs == 0 and not options.json then
    cmd.out("no runs yet\n")
  end
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, follow = true, most = "value",
    after = "value" })
  if not given then
    return 2
  end
  local hit
  if #given > 0 then
    hit = find.one(cmd, table.concat(given, " "))
    if not hit then
      return 1
    end
  end
  local most = math.tointeger(tonumber(options.most or (hit and MOST_DEAL or MOST_ALL)))
  if not most or most < 1 then
    cmd.err("--most wants a number above 0\nusage: " .. M.usage .. "\n")
    return 2
  end
  local after = options.after and math.tointeger(tonumber(options.after))
  if options.after and (not after or after < 0) then
    cmd.err("--after wants the number of a run\nusage: " .. M.usage .. "\n")
    return 2
  end
  options.after = after
  return show(cmd, options, hit, most)
end

return M

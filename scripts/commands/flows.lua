-- cosell flows: the nine flows, whether each is on, when it last went well and when not; switches
-- them, in their order.
local flow_table = require "flow_table"
local table_text = require "table_text"
local words = require "words"

local M = { help = "the nine flows: state, last success, errors; on and off", where = "host",
  usage = "cosell flows [FLOW] [--json]\n" ..
    "       cosell flows enable FLOW | disable FLOW [--with-dependents]\n" ..
    "                    FLOW: its letter or its name" }

local DAY_MS = 24 * 3600 * 1000

-- ---- What is known of each ----

local function describe(flow, past)
  local why, needed = flow_table.off(flow.name)
  return { letter = flow.letter, name = flow.name, title = flow.title, on = why == nil,
    off_by = why, needs = json.array { table.unpack(flow.needs) }, lacks = needed,
    within = flow.within, last_success_ms = past.ok_ms, last_error_ms = past.failed_ms,
    last_error = past.text, errors = past.failed, failing = past.stuck == true and why == nil }
end

---All nine, in their order, with what the records say of the last day.
---@return table[]|nil, table|nil err
function M.list()
  local past, err = flow_table.past(host.now_ms() - DAY_MS)
  if not past then
    return nil, err
  end
  local out = json.array {}
  for i, flow in ipairs(flow_table.rows) do
    out[i] = describe(flow, past[flow.name])
  end
  return out
end

-- ---- As text ----

local function letter_of(name)
  return flow_table.by_name[name].letter
end

local WHY_OFF = {
  profile = function() return "off in the profile" end,
  switch = function(f) return "switched off; on again: cosell flows enable " .. f.letter end,
  needs = function(f) return "needs " .. letter_of(f.lacks) .. ", which is off" end,
}

local function state_cell(f)
  return f.on and { "✔ on", "green" } or { "✖ off", "red" }
end
M.state_cell = state_cell

---When it last went well, as a cell; flows without runs of their own say whose they are.
function M.success_cell(f)
  return f.within and "within " .. f.within or table_text.ago(f.last_success_ms)
end

local function errors_cell(f)
  if f.within then
    return ""
  end
  local last = table_text.ago(f.last_error_ms)
  return f.failing and { last, "red" } or last
end
M.errors_cell = errors_cell

local COLUMNS = { { title = "" }, { title = "FLOW", flex = true }, { title = "STATE" },
  { title = "LAST SUCCESS" }, { title = "LAST ERROR" } }

---@param cmd table
---@param list table[]
---@return string[] lines
function M.lines(cmd, list)
  local rows = {}
  for i, f in ipairs(list) do
    rows[i] = { f.letter, f.title, state_cell(f), M.success_cell(f), errors_cell(f), below = {} }
    if f.off_by then
      rows[i].below = { "   " .. WHY_OFF[f.off_by](f) }
    elseif f.failing and f.last_error then
      rows[i].below = { "   " .. table_text.plain(f.last_error) }
    end
  end
  return table_text.lines(cmd, COLUMNS, rows)
end

local function names(flows)
  local out = {}
  for i, flow in ipairs(flows) do
    out[i] = ("%s (%s)"):format(flow.letter, flow.name)
  end
  return table.concat(out, ", ")
end

local function about(cmd, flow, f)
  local needs = {}
  for i, name in ipairs(flow.needs) do
    needs[i] = flow_table.by_name[name]
  end
  local lines = { ("%s  %s"):format(flow.letter, flow.title) }
  local function add(head, said)
    table.move(table_text.wrap(cmd, ("   %-13s "):format(head), said), 1, 100, #lines + 1, lines)
  end
  add("name", flow.name)
  add("state", f.on and "on" or WHY_OFF[f.off_by](f))
  add("needs", #needs > 0 and names(needs) or "nothing")
  add("last success", f.within and "runs within " .. f.within or
    table_text.ago(f.last_success_ms))
  add("last error", table_text.ago(f.last_error_ms) .. (f.last_error and ": " .. f.last_error or
    ""))
  add("errors", table_text.count(f.errors, "failed run") .. " in the last 24 h")
  table_text.out(cmd, lines)
end

-- ---- Switching ----

local function refuse(cmd, why)
  cmd.err(table.concat(table_text.wrap(cmd, "", why), "\n") .. "\n")
  return 1
end

local function enable(cmd, flow)
  local why, needed = flow_table.off(flow.name)
  if why == "profile" then
    return refuse(cmd, ("%s (%s) is off in the profile: it stays off until flows.%s is true there")
      :format(flow.letter, flow.name, flow.name))
  end
  for _, name in ipairs(flow.needs) do
    if not flow_table.on(name) then
      needed = name
    end
  end
  if needed then
    return refuse(cmd, ("%s (%s) needs %s, which is off: enable that first"):format(flow.letter,
      flow.name, names { flow_table.by_name[needed] }))
  elseif not why then
    cmd.out(("%s (%s) is on already\n"):format(flow.letter, flow.name))
    return 0
  end
  flow_table.switch(flow.name, true)
  flow_table.wake()
  cmd.out(("%s (%s) is on\n"):format(flow.letter, flow.name))
  return 0
end

local function disable(cmd, flow, with_dependents)
  if flow_table.off(flow.name) == "profile" then
    cmd.out(("%s (%s) is off in the profile already\n"):format(flow.letter, flow.name))
    return 0
  end
  local dependents = flow_table.dependents(flow.name)
  if #dependents > 0 and not with_dependents then
    return refuse(cmd, ("%s %s %s (%s): disable %s first, or add --with-dependents"):format(
      names(dependents), #dependents == 1 and "needs" or "need", flow.letter, flow.name,
      #dependents == 1 and "it" or "them"))
  end
  dependents[#dependents + 1] = flow
  for _, one in ipairs(dependents) do
    flow_table.switch(one.name, false)
  end
  table_text.out(cmd, table_text.wrap(cmd, "off: ", names(dependents)))
  return 0
end

-- ---- The command ----

local function show(cmd, flow, as_json)
  local list, err = M.list()
  if not list then
    return nil, err
  end
  if not flow then
    table_text.out(cmd, as_json and { json.encode(list) } or M.lines(cmd, list))
    return 0
  end
  for _, f in ipairs(list) do
    if f.name == flow.name and as_json then
      cmd.out(json.encode(f) .. "\n")
    elseif f.name == flow.name then
      about(cmd, flow, f)
    end
  end
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, ["with-dependents"] = true })
  if not given then
    return 2
  end
  local verb = (given[1] == "enable" or given[1] == "disable") and table.remove(given, 1) or nil
  local flow = given[1] and flow_table.find(given[1])
  if given[1] and not flow then
    cmd.err(("there is no flow \"%s\": a to i, or a name\n"):format(table_text.plain(given[1])))
    return 2
  elseif #given > 1 or (verb and not flow) then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  elseif verb then
    return verb == "enable" and enable(cmd, flow) or
      verb == "disable" and disable(cmd, flow, options["with-dependents"])
  end
  return show(cmd, flow, options.json)
end

return M

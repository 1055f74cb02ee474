-- cosell conflicts: values that lost when both sides had changed one field.  They stay listed until
-- a person takes a side, or says that what stands is right.  Below them the deals that were changed
-- each time they were to be written (rule 7): their sides differ until the next change or a retry.
local fields = require "fields"
local find = require "find"
local links = require "links"
local orders = require "orders"
local retry = require "commands.retry"
local sides = require "sides"
local table_text = require "table_text"
local words = require "words"

local M = { help = "values that lost when both sides changed one field", where = "host",
  usage = "cosell conflicts [DEAL] [--json]\n" ..
    "       cosell conflicts take crm|partner NUMBER  both sides get this side's value\n" ..
    "       cosell conflicts drop NUMBER              what stands is right" }

local MOST = 1000

local function conflicts_of(link)
  local out, names = json.array {}, {}
  for _, note in ipairs(host.store.note_list(link, "conflict", MOST)) do
    local id, c = note.link, note.doc
    names[id] = names[id] or find.name(id, links.get(id) or {})
    out[#out + 1] = { number = note.note, deal = id, name = names[id], at_ms = note.at_ms,
      field = c.field, crm = c.crm, partner = c.partner, kept = c.kept, value = c.value }
  end
  return out
end
M.of = conflicts_of

---A conflict in lines: where, what stands, what lost.
---@param cmd table
---@param c table
---@param with_name boolean
---@return string[]
function M.lines(cmd, c, with_name)
  local field = fields.at(c.field)
  local label = field.label
  local number = ("%4d  "):format(c.number)
  local title = number .. (with_name and c.name .. ": " or "") .. label .. ", " ..
    table_text.ago(c.at_ms)
  local width = table_text.width(cmd)
  local lines = { table_text.cut(title, width) }
  local function add(word, whose, value)
    lines[#lines + 1] = table_text.cut(("      %s  %-14s  %s"):format(word, whose,
      sides.text(field, value)), width)
  end
  if c.kept == "resolve" then
    add("kept", "`resolve`", c.value)
  else
    add("kept", sides.names[c.kept], c[c.kept])
  end
  for _, side in ipairs { "crm", "partner" } do
    if side ~= c.kept then
      add("lost", sides.names[side], c[side])
    end
  end
  return lines
end

-- Deals given up after the last round, as entries that have no number: nobody lost yet.
local function given_up(link)
  local out = {}
  for _, job in ipairs(retry.dead(link and "link:" .. link)) do
    local id = job.why == "conflict" and math.tointeger(tonumber(job.lane:match("^link:(%d+)$")))
    if id then
      out[#out + 1] = { deal = id, name = find.name(id, links.get(id) or {}), rounds = job.attempt,
        at_ms = job.due_ms, text = job.text }
    end
  end
  return out
end

local function show_given_up(cmd, c)
  table_text.out(cmd, { table_text.cut(("   -  %s: changed at each of %d tries to write it"):format(
    c.name, c.rounds), table_text.width(cmd)) })
  table_text.out(cmd, table_text.wrap(cmd, "      ", c.text .. "; cosell retry " .. c.deal))
end

local function show(cmd, link, as_json)
  local list, left = conflicts_of(link), given_up(link)
  if as_json then
    cmd.out(json.encode(table.move(left, 1, #left, #list + 1, list)) .. "\n")
    return 0
  elseif #list + #left == 0 then
    cmd.out("no conflicts\n")
    return 0
  end
  for i = #list, 1, -1 do
    table_text.out(cmd, M.lines(cmd, list[i], true))
  end
  for _, c in ipairs(left) do
    show_given_up(cmd, c)
  end
  if #list == 0 then
    return 0
  end
  cmd.out("\ncosell conflicts take crm|partner NUMBER   both sides get this side's value\n" ..
    "cosell conflicts drop NUMBER               what stands is right\n")
  return 0
end

local function usage(cmd)
  cmd.err("usage: " .. M.usage .. "\n")
  return 2
end

local function settle(cmd, as_json, verb, side, number)
  local notes, err = orders.conflict(number)
  local ok = notes ~= nil
  if ok and verb == "take" then
    ok, err = orders.give(notes[1].link, "take", { side = side, note = number })
  elseif ok then
    ok, err = orders.drop_conflict(number)
  end
  if not ok then
    cmd.err(err.text .. "\n")
    return 1
  end
  local labels = {}
  for i = #notes, 1, -1 do
    labels[#labels + 1] = fields.at(notes[i].doc.field).label
  end
  local what = table.concat(labels, " and ")
  local line = verb == "drop" and ("%s: what stands stays"):format(what) or
    ("%s: the value of %s goes to both sides"):format(what, side == "crm" and "the CRM" or
      "Partner Center")
  cmd.out((as_json and json.encode { number = number, verb = verb, side = side,
    fields = json.array(labels) } or line) .. "\n")
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true })
  if not given then
    return 2
  elseif given[1] == "take" then
    local number = math.tointeger(tonumber(given[3]))
    if #given ~= 3 or not sides.names[given[2]] or not number then
      return usage(cmd)
    end
    return settle(cmd, options.json, "take", given[2], number)
  elseif given[1] == "drop" then
    local number = math.tointeger(tonumber(given[2]))
    if #given ~= 2 or not number then
      return usage(cmd)
    end
    return settle(cmd, options.json, "drop", nil, number)
  elseif #given == 0 then
    return show(cmd, nil, options.json)
  end
  local hit = find.one(cmd, table.concat(given, " "))
  return hit and show(cmd, hit.id, options.json) or 1
end

return M

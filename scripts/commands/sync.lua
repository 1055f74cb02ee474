-- cosell sync: reads now what changed on both sides, instead of at the next tick, and tries at once
-- what waits since a service did not answer; with --all it compares every deal of both sides, page
-- by page, and says what differs; with --apply it also sets that right, and so ends a pause; with
-- --join as well it joins deals that look the same.
local bar = require "bar"
local brakes = require "brakes"
local fields = require "fields"
local sweep = require "sweep"
local table_text = require "table_text"
local twins = require "twins"
local words = require "words"

local M = { help = "read now what changed; --all: compare every deal of both sides",
  where = "host", usage = "cosell sync [--all [--apply [--join]]] [--json]" }

local TICKS = { "tick.opportunities", "tick.solutions", "tick.customers", "tick.poll" }
local SHOWN, MOST = 20, 1000 -- findings named, as text and as JSON

-- ---- What changed since the last look ----

local function look(cmd)
  local main = require "main"
  host.queue.hurry() -- whoever says it knows that the service is there again
  for _, kind in ipairs(TICKS) do
    if main.ticks[kind] then
      host.queue.put { kind = kind, key = "tick:" .. kind, payload = {} }
    end
  end
  cmd.out("reading what changed\n")
  return 0
end

-- ---- Everything ----

local STEP = { crm = "the CRM", partner = "Partner Center", alike = "rows that look the same",
  links = "what is left" }

-- A bar as far as the number of linked deals tells how much there is.
local function progress(cmd, total)
  return function(s)
    bar.draw(cmd, s.crm + s.partner, total * 2,
      ("%s, page %d"):format(STEP[s.step] or "done", s.pages))
  end
end

local function label(name)
  if name == "version" then
    return "version, older than known"
  end
  return fields.by_name[name] and fields.by_name[name].label or name
end

local COUNTS = {
  { "equal", "equal on both sides" },
  { "differ", "changed since both sides last agreed" },
  { "only_crm", "only in the CRM: not sent, or refused" },
  { "only_partner", "only at Partner Center" },
  { "found", "on both sides, not adopted by this state" },
  { "alike", "look like the same deal, and nothing joins them" },
  { "gone", "linked, and one side is not there any more" },
  { "marked", "with a mark in the name, though marks are switched off" },
}

local function by_field(s)
  local out = {}
  for name, n in pairs(s.fields) do
    out[#out + 1] = { name = name, deals = n }
  end
  table.sort(out, function(a, b)
    if a.deals ~= b.deals then
      return a.deals > b.deals
    end
    return a.name < b.name
  end)
  return json.array(out)
end

local KINDS = { only_crm = "only in the CRM", only_partner = "only at Partner Center",
  found = "not adopted", gone = "one side gone", marked = "a mark in the name" }

local function finding(note)
  local doc = note.doc
  local link = note.link ~= 0 and host.store.link_get(note.link)
  local names = {}
  for i, name in ipairs(doc.fields or {}) do
    names[i] = label(name)
  end
  return { deal = note.link ~= 0 and note.link or nil, kind = doc.kind,
    name = doc.name or (link and link.name) or nil, fields = json.array(doc.fields or {}),
    row = doc.row or (link and link.crm and link.crm.id) or nil,
    referral = doc.referral or (link and link.ours and link.ours.id) or nil,
    names = doc.names, said = (KINDS[doc.kind] or table.concat(names, ", ")) ..
      (doc.names and ", names the CRM id " .. tostring(doc.names) or "") }
end

local function findings(most)
  local out = json.array {}
  for _, note in ipairs(host.store.note_list(nil, "differs", most)) do
    out[#out + 1] = finding(note)
  end
  return out
end

-- A pair, or several of which nobody can say which belongs to which.
local function alike_lines(list)
  local out = {}
  for i = 1, math.min(#list, SHOWN) do
    local doc = list[i].doc
    local pair = #doc.rows == 1 and #doc.referrals == 1
    out[#out + 1] = ("  %s: %s, %s, %s %s"):format(
      pair and "looks like the same deal" or "several look like the same deal, none is chosen",
      table_text.plain(doc.name), table_text.plain(doc.customer), doc.value, doc.currency)
    for _, kind in ipairs { "rows", "referrals" } do
      for _, id in ipairs(doc[kind]) do
        out[#out + 1] = ("    %s %s"):format(kind == "rows" and "row     " or "referral", id)
      end
    end
  end
  return out
end

local function lines_of(s, list, alike, cmd)
  local out = { ("compared %d rows of the CRM with %d deals of Partner Center, %d pages, %.1f s")
    :format(s.crm, s.partner, s.pages, (s.ended_ms - s.began_ms) / 1000) }
  for _, row in ipairs(COUNTS) do
    local count = s[row[1]] or 0
    if count > 0 or row[1] == "equal" then
      out[#out + 1] = ("%7d  %s"):format(count, row[2])
    end
  end
  for _, row in ipairs(by_field(s)) do
    out[#out + 1] = ("%7d    %s"):format(row.deals, label(row.name))
  end
  for i, found in ipairs(list) do
    local name = table_text.plain(found.name or found.row or found.referral or "")
    out[#out + 1] = i > SHOWN and "  … and more: --json names up to 1,000" or
      ("  %s  %s: %s"):format(found.deal and "deal " .. found.deal or "-", name, found.said)
  end
  local more = alike_lines(alike)
  table.move(more, 1, #more, #out + 1, out)
  for i, line in ipairs(out) do
    out[i] = table_text.cut(line, table_text.width(cmd))
  end
  return out
end

local function nothing_left(s)
  return s.differ + s.only_crm + s.only_partner + s.found + s.gone + s.alike + (s.marked or 0) == 0
end

-- What there is to do now, as a last line.
local function advice(s, applied, joined)
  local brake = brakes.on()
  if applied then
    return ("%d deals are being looked at; writing goes on"):format(applied) ..
      (joined and ("\n%d deals that look the same are being joined"):format(joined) or "")
  elseif brake then
    return "paused: " .. brake.why ..
      "\n`cosell sync --all --apply` sets right what differs and goes on"
  end
  return not nothing_left(s) and "`cosell sync --all --apply` sets right what differs" or nil
end

local ALIKE = "nothing is made of deals that look the same: `cosell sync --all --apply --join` " ..
  "joins each pair,\n`cosell deal join ROW REFERRAL` one, `cosell deal part ROW` says they are two"

local function plain_alike(list)
  local out = json.array {}
  for i, note in ipairs(list) do
    out[i] = note.doc
  end
  return out
end

---@param found {list: table[], alike: table[], applied: integer|nil, joined: integer|nil}
local function report(cmd, s, found, as_json)
  local list, applied = found.list, found.applied
  if as_json then
    cmd.out(json.encode { began_ms = s.began_ms, ended_ms = s.ended_ms, pages = s.pages,
      crm = s.crm, partner = s.partner, equal = s.equal, differ = s.differ,
      by_field = by_field(s), only_crm = s.only_crm, only_partner = s.only_partner,
      found = s.found, gone = s.gone, marked = s.marked or 0, deals = list,
      applied = applied or json.null,
      alike = plain_alike(found.alike), joined = found.joined or json.null,
      brake = brakes.on() or json.null } .. "\n")
    return
  end
  cmd.out(table.concat(lines_of(s, list, found.alike, cmd), "\n") .. "\n")
  local said = advice(s, applied, found.joined)
  if said then
    cmd.out(said .. "\n")
  end
  if #found.alike > 0 and not found.joined then
    cmd.out(ALIKE .. "\n")
  end
end

-- Joins come first: what waits for them is looked at after that.
local function carry_out(found, options)
  if options.join then
    local err
    found.joined, err = twins.join_all()
    if not found.joined then
      return nil, err
    end
  end
  found.applied = options.apply and sweep.apply() or nil
  return true
end

local function all(cmd, options)
  local before = sweep.last()
  if before and before.step ~= "done" and not options.json then
    cmd.out(("going on with the comparison that was broken off after page %d\n"):format(
      before.pages))
  end
  local s, err = sweep.compare(progress(cmd, host.store.link_count()))
  bar.clear(cmd)
  if not s then
    cmd.err(err.text .. "\nwhat was compared so far is kept: the same command goes on from there\n")
    return 1
  end
  local found = { list = findings(options.json and MOST or SHOWN + 1), alike = twins.list(MOST) }
  local ok
  ok, err = carry_out(found, options)
  if not ok then
    cmd.err(err.text .. "\n")
    return 1
  end
  report(cmd, s, found, options.json)
  return (found.applied or nothing_left(s)) and 0 or 1
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { all = true, apply = true, join = true, json = true })
  if not given then
    return 2
  elseif options.apply and not options.all then
    cmd.err("--apply belongs to --all: look first\nusage: " .. M.usage .. "\n")
    return 2
  elseif options.join and not options.apply then
    cmd.err("--join belongs to --all --apply\nusage: " .. M.usage .. "\n")
    return 2
  end
  return options.all and all(cmd, options) or look(cmd)
end

return M

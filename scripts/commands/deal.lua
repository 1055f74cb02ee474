-- cosell deal: one deal, both sides beside what they last agreed on; and what a person decides.
local conflicts = require "commands.conflicts"
local dynamics = require "dynamics"
local facts = require "facts"
local find = require "find"
local links = require "links"
local orders = require "orders"
local sides = require "sides"
local table_text = require "table_text"
local twins = require "twins"
local words = require "words"

local M = { help = "one deal on both sides; accept, decline, win, lose, mend", where = "host",
  usage = "cosell deal DEAL [--json]\n" ..
    "       cosell deal accept|decline|win|lose DEAL [--reason TEXT]  moves in the CRM\n" ..
    "       cosell deal restore DEAL   its row was deleted: make it anew\n" ..
    "       cosell deal adopt DEAL     found on both sides: from now on written, too\n" ..
    "       cosell deal release DEAL   frozen: write again\n" ..
    "       cosell deal join ROW REFERRAL   by their ids: one deal, not linked yet\n" ..
    "       cosell deal part ID   two deals that look the same: each goes its own way" }

local HISTORY, WHOLE = 5, 10000 -- entries for a screen, for programs

-- What the person reads when it is done.
local DONE = {
  accept = "accepted in the CRM; Partner Center is told now",
  decline = "declined in the CRM; Partner Center is told now",
  win = "won in the CRM; Partner Center is told now",
  lose = "lost in the CRM; Partner Center is told now",
  restore = "its row is made anew now",
  adopt = "adopted: both sides are merged now",
  release = "released: it is written again",
}

-- ---- Gathering ----

local function history_of(id, most)
  local out = json.array {}
  for _, note in ipairs(host.store.note_list(id, "audit", most)) do
    out[#out + 1] = { at_ms = note.at_ms, text = note.doc.text }
  end
  return out
end

local function dead_letters_of(id)
  local out = json.array {}
  for _, job in ipairs(host.queue.list { state = "dead", most = 1000 }) do
    if job.lane == "link:" .. id then
      out[#out + 1] = { id = job.id, kind = job.kind, why = job.why, text = job.text }
    end
  end
  return out
end

local function gather(hit, history)
  local link, read = hit.link, sides.read(hit.link)
  return {
    deal = hit.id, name = hit.name, state = link.state, frozen = link.frozen,
    row = link.crm, engagement = link.engagement, ours = link.ours, theirs = link.theirs,
    intent = link.intent, orders = link.orders, told = link.told,
    crm = read.now.crm, partner = read.now.partner, crm_base = read.base.crm,
    partner_base = read.base.partner, problems = read.problems, fields = json.array(
      sides.compare(read)), conflicts = conflicts.of(hit.id), history = history_of(hit.id, history),
    failed = dead_letters_of(hit.id),
  }
end

-- ---- As text ----

local function head(cmd, d)
  local stands = d.frozen and "frozen" or d.state == "open" and "linked" or d.state
  local right = ("deal %d, %s"):format(d.deal, stands)
  local name = table_text.cut(d.name, table_text.width(cmd) - table_text.columns(right) - 2)
  local gap = table_text.width(cmd) - table_text.columns(name) - table_text.columns(right)
  return table_text.paint(cmd, "bold", name) .. (" "):rep(gap) .. right
end

local function identity(d)
  local out = {}
  local function add(title, words_of, ...)
    out[#out + 1] = ("  %-14s  "):format(title) .. words_of:format(...)
  end
  if d.row then
    add("CRM", "%s %s", d.row.table, d.row.id)
  end
  if d.ours then
    add("Partner Center", "referral %s", d.ours.id)
  end
  if d.theirs then
    add("Microsoft", "referral %s", d.theirs.id)
  end
  if d.engagement then
    add("Engagement", "%s", d.engagement)
  end
  return out
end

local FIELDS = { { title = "FIELD" }, { title = "CRM", flex = true },
  { title = "PARTNER CENTER", flex = true }, { title = "" } }

local function field_rows(d)
  local rows = {}
  for i, f in ipairs(d.fields) do
    local only_partner = f.name == "microsoft_state"
    rows[i] = { f.label, only_partner and "" or f.crm, f.partner,
      f.differs and { "≠", "red" } or "", below = {} }
    for _, side in ipairs { "crm", "partner" } do
      if f.was[side] then
        table.insert(rows[i].below, ("    agreed last, %s: %s"):format(sides.names[side],
          f.was[side]))
      end
    end
  end
  return rows
end

local function problem_lines(cmd, d)
  local out = {}
  for _, side in ipairs { "crm", "partner" } do
    if d.problems[side] then
      table.move(table_text.wrap(cmd, "  " .. sides.names[side] .. ": ", d.problems[side] ..
        "; shown is what was agreed last"), 1, 100, #out + 1, out)
    end
  end
  return out
end

local function lines_of(cmd, d)
  local out = { head(cmd, d) }
  local function add(title, lines)
    if #lines > 0 then
      out[#out + 1] = ""
      out[#out + 1] = title and table_text.paint(cmd, "bold", title) or nil
      table.move(lines, 1, #lines, #out + 1, out)
    end
  end
  table.move(identity(d), 1, 10, 2, out)
  add(nil, problem_lines(cmd, d))
  add(nil, #d.fields > 0 and table_text.lines(cmd, FIELDS, field_rows(d)) or {})
  local lists = { conflicts = {}, failed = {}, history = {} }
  for i = #d.conflicts, 1, -1 do
    local lines = conflicts.lines(cmd, d.conflicts[i], false)
    table.move(lines, 1, #lines, #lists.conflicts + 1, lists.conflicts)
  end
  for _, job in ipairs(d.failed) do
    table.move(table_text.wrap(cmd, ("  job %d, %s: "):format(job.id, job.why), job.text), 1, 100,
      #lists.failed + 1, lists.failed)
  end
  for i = #d.history, 1, -1 do
    local note = d.history[i]
    table.move(table_text.wrap(cmd, "  " .. table_text.clock(note.at_ms):sub(1, 16) .. "  ",
      note.text), 1, 100, #lists.history + 1, lists.history)
  end
  add("frozen", d.frozen and table_text.wrap(cmd, "  ", d.frozen .. "; cosell deal release " ..
    d.deal) or {})
  add("conflicts", lists.conflicts)
  add("failed", lists.failed)
  add("told (UTC)", lists.history)
  return out
end

-- ---- The command ----

local function show(cmd, hit, as_json)
  local d = gather(hit, as_json and WHOLE or HISTORY)
  table_text.out(cmd, as_json and { json.encode(d) } or lines_of(cmd, d))
  return 0
end

local function order(cmd, verb, hit, options)
  local ok, err = orders.give(hit.id, verb, { reason = options.reason })
  if options.json then
    cmd.out(json.encode { deal = hit.id, name = hit.name, order = verb, done = ok and true or false,
      text = not ok and err.text or nil } .. "\n")
  elseif ok then
    cmd.out(("%s (deal %d): %s\n"):format(hit.name, hit.id, DONE[verb]))
  else
    cmd.err(("%s (deal %d): %s\n"):format(hit.name, hit.id, err.text))
  end
  return ok and 0 or 1
end

-- ---- A row and a referral without a link ----

local JOINED = "joined: both sides are merged now"
local PARTED = "they are two deals: each goes its own way now"

local function say(cmd, as_json, verb, ok, err, done)
  if as_json then
    cmd.out(json.encode { order = verb, done = ok and true or false,
      text = not ok and err.text or nil } .. "\n")
  elseif ok then
    cmd.out(done .. "\n")
  else
    cmd.err(err.text .. "\n")
  end
  return ok and 0 or 1
end

local function join(row, referral)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local there
  there, err = dynamics.get(known.table, row, { known.key })
  if not there then
    return nil, err
  end
  local link
  link, err = links.of_row(known.table, row)
  if not link then
    return nil, err
  end
  return orders.give(link.id, "join", { referral = referral })
end

-- Each word is an id, or an address that ends with one.
local function unlinked(cmd, given, options)
  local verb, ids = given[1], {}
  for i = 2, #given do
    ids[i - 1] = find.guid(given[i])
  end
  if #ids ~= #given - 1 or #ids ~= (verb == "join" and 2 or 1) then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  elseif verb == "join" then
    local ok, err = join(ids[1], ids[2])
    return say(cmd, options.json, verb, ok, err, JOINED)
  end
  local ok, err = twins.part(ids[1])
  return say(cmd, options.json, verb, ok, err, PARTED)
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, reason = "value" })
  if not given then
    return 2
  end
  if given[1] == "join" or given[1] == "part" then
    return unlinked(cmd, given, options)
  end
  local verb = DONE[given[1]] and table.remove(given, 1) or nil
  if #given == 0 or (options.reason and not verb) then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local hit = find.one(cmd, table.concat(given, " "))
  if not hit then
    return 1
  elseif verb then
    return order(cmd, verb, hit, options)
  end
  return show(cmd, hit, options.json)
end

return M

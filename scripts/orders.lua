-- What a person decides about one deal (`cosell deal ...`, `cosell conflicts take ...`): a move of
-- its row in the CRM, which counts as that person's own, or a change of its link.  Each is a job in
-- the deal's lane, so that it and a reconcile under way never write over each other; the command
-- waits for its end.
-- Owns the words that it hands back.  It must never write to Partner Center: the reconcile carries
-- it there.
local brakes = require "brakes"
local facts = require "facts"
local fields = require "fields"
local helper = require "flows.helper"
local links = require "links"
local original = require "original"
local say = require "say"
local state = require "state"
local twins = require "twins"

local M = {}

local ROUNDS = 3 -- the row may change between our reading and our writing
local SAME_MOMENT_MS = 1000
local MOST_CONFLICTS = 10000
local WAIT_MS = 60000
local LOOK_MS = 20

local function refused(words, ...)
  return nil, { kind = "data", text = words:format(...) }
end

-- ---- Moves in the CRM ----

-- move -> from which of the row's states, and the move of state.lua.
local MOVES = {
  accept = { from = { hold = true }, move = state.to_crm("active", "hold") },
  decline = { from = { hold = true }, move = state.to_crm("declined", "hold") },
  win = { from = { open = true }, move = state.to_crm("won", "open") },
  lose = { from = { open = true }, move = state.to_crm("lost", "open") },
}

local STANDS = { hold = "waits to be accepted", open = "is open", won = "is won already",
  lost = "is lost already", canceled = "is canceled already" }
local INSTEAD = { hold = "accept or decline it", open = "win or lose it" }

local AT_REST = {
  suspended = "Sync with Partner Center is off on the row: switch it on first",
  deleted = "the row was deleted in the CRM: `cosell deal restore` makes it anew",
  gone = "the deal is not at Partner Center any more",
  found = "this state did not make it: `cosell deal adopt` first",
  foreign = "it is another CRM's deal",
}

-- Why this deal cannot be moved, whatever its row says.
local function unmovable(link, known)
  local pause, other = brakes.on(), original.noted()
  if other then
    return original.sentence(other)
  elseif pause then
    return "all writing is paused: " .. pause.why
  elseif link.frozen then
    return "it is frozen: `cosell deal release` first"
  elseif AT_REST[link.state] then
    return AT_REST[link.state]
  elseif not link.crm then
    return "there is no row in the CRM yet"
  elseif link.crm.table ~= known.table then
    return "it is a lead: qualify or disqualify it in the CRM"
  elseif not link.engagement then
    return "it was not sent to Partner Center yet: move it in the CRM"
  end
  return nil
end

local function move_once(turn, name, reason)
  local ok, err = helper.read(turn)
  if not ok then
    return nil, err
  end
  local order, stands = MOVES[name], state.from_crm(turn.row, turn.known)
  if not order.from[stands] then
    return refused("it %s: %s", STANDS[stands] or stands, INSTEAD[stands] or
      "reopen it in the CRM first")
  elseif turn.row[turn.known.columns.sync] ~= true then -- and nobody has noticed yet
    return refused("%s", AT_REST.suspended)
  end
  local line = say("ordered-" .. name)
  line = reason and say("with-reason", { line = line, reason = reason }) or line
  ok, err = helper.write(turn, { to_crm = {}, move = order.move, reason = reason }, { line })
  if not ok then
    return nil, err
  end
  host.store.note_add(turn.link.id, "audit", { text = line })
  host.run { flow = "helper", link = turn.link.id, trigger = "order", outcome = "moved",
    detail = { deal = turn.link.name, lines = { line } } }
  return links.save(turn.link)
end

-- Moves the row in the CRM, as a person would.  (suspends)
local function move(link, order)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local why = unmovable(link, known)
  if why then
    return refused("%s", why)
  end
  local ok
  for _ = 1, ROUNDS do
    ok, err = move_once({ link = link, known = known, trigger = "order" }, order.what, order.reason)
    if ok or err.kind ~= "conflict" then
      break
    end
  end
  return ok, err
end

-- ---- Decisions about the link ----

-- Each takes the link as it is stored and the order; true, or nil and why not.

-- The inward path makes the row anew; the old one's number stays no deal's.
local function restore(link)
  if link.state ~= "deleted" or not (link.crm and link.engagement) then
    return refused("only a deal whose row was deleted in the CRM can be restored")
  end
  local ok, err = links.forget_row(link)
  for _, side in ipairs { "crm", "partner" } do
    if ok then
      ok, err = host.store.base_set(link.id, side, {})
    end
  end
  return ok, err, function(doc)
    doc.crm, doc.intent, doc.told, doc.pending = nil, nil, nil, nil
    doc.state, doc.restore = "open", true
  end
end

local function adopt(link)
  if link.state ~= "found" then
    return refused("only a deal that was found on both sides can be adopted; this one is %s",
      link.state)
  end
  return true, nil, function(doc)
    doc.state, doc.adopted = "open", true
  end
end

local function release(link)
  if not link.frozen then
    return refused("it is not frozen")
  end
  return true, nil, function(doc)
    doc.frozen, doc.writes = nil, nil
  end
end

local function group_of(name)
  local field = fields.by_name[name]
  return field and (field.group or field.name) or name
end

---A conflict and those that are settled with it: its group's, of the same moment.
---@param number integer  the note's
---@return host.note[]|nil notes, table|nil err
function M.conflict(number)
  local all = host.store.note_list(nil, "conflict", MOST_CONFLICTS)
  local one
  for _, note in ipairs(all) do
    one = note.note == number and note or one
  end
  if not one then
    return refused("there is no conflict %d", number)
  end
  local out = {}
  for _, note in ipairs(all) do
    if note.link == one.link and group_of(note.doc.field) == group_of(one.doc.field) and
      math.abs(note.at_ms - one.at_ms) <= SAME_MOMENT_MS then
      out[#out + 1] = note
    end
  end
  return out
end

local function drop(notes)
  for _, note in ipairs(notes) do
    local ok, err = host.store.note_drop(note.note)
    if not ok then
      return nil, err
    end
  end
  return true
end

---Takes a conflict off the list; what stands on both sides stays.
---@param number integer
function M.drop_conflict(number)
  local notes, err = M.conflict(number)
  if not notes then
    return nil, err
  end
  return drop(notes)
end

-- One side's value becomes what both are to hold.
local function take(_, order)
  local notes, err = M.conflict(order.note)
  if not notes then
    return nil, err
  elseif group_of(notes[1].doc.field) == "state" then
    return refused("a state is not taken over: win, lose or reopen the deal, then " ..
      "`cosell conflicts drop %d`", order.note)
  end
  local ok
  ok, err = drop(notes)
  return ok, err, function(doc)
    doc.orders = doc.orders or {}
    for _, note in ipairs(notes) do
      local value = note.doc[order.side]
      doc.orders[note.doc.field] = value == nil and json.null or value
    end
  end
end

-- ---- In the lane ----

local DECISIONS = { accept = move, decline = move, win = move, lose = move, restore = restore,
  adopt = adopt, release = release, take = take, join = twins.join }

local function carry_out(order)
  local link = links.get(order.link)
  if not link then
    return refused("there is no such deal")
  end
  local ok, err, edit = DECISIONS[order.what](link, order)
  if ok and edit then
    ok, err = links.edit(order.link, edit)
  end
  if ok then
    ok, err = links.wake(order.link, "order")
  end
  return ok, err
end

-- token -> {ok=, err=} of an order whose command waits for it
local ended = {}

---The handler of `order` jobs.  Whoever ordered is told how it ended; nothing is tried again.
---@param order {link: integer, what: string, token: string}
function M.job(order)
  local ok, err = carry_out(order)
  if ended[order.token] then
    ended[order.token] = { ok = ok, err = err }
  end
  return true
end

local function wait_for(token)
  local until_ms = host.now_ms() + WAIT_MS
  while not next(ended[token]) and host.now_ms() < until_ms do
    host.sleep(LOOK_MS)
  end
  local outcome = ended[token]
  ended[token] = nil
  if next(outcome) then
    return outcome.ok, outcome.err
  end
  return nil, { kind = "busy", text = "it waits behind other work of this deal and is done then" }
end

---Carries out a person's order about a deal, and waits for its end.  (suspends)
---@param id integer
---@param what string  one of accept decline win lose restore adopt release take join
---@param more {reason: string|nil, referral: string|nil, note: integer|nil,
---             side: "crm"|"partner"|nil}|nil
---@return any ok, table|nil err
function M.give(id, what, more)
  local order = { link = id, what = what, token = host.uuid() }
  for name, value in pairs(more or {}) do
    order[name] = value
  end
  if not host.status().serving then -- nobody else works here
    return carry_out(order)
  end
  ended[order.token] = {}
  local ok, err = host.queue.put { kind = "order", lane = "link:" .. id, payload = order }
  if not ok then
    return nil, err
  end
  return wait_for(order.token)
end

return M

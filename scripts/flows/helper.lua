-- Flow d, "Partner Center to Dynamics 365 - Helper": reads and changes the CRM's side of a deal.
-- A write is one change set, data and bookkeeping together, and shows the row as it is afterwards
-- in the same request.  It must never decide what is written: deal.lua and merge.lua do.
local audit = require "audit"
local brakes = require "brakes"
local canonical = require "canonical"
local cuts = require "cuts"
local dynamics = require "dynamics"
local links = require "links"
local rows = require "row"
local text = require "text"

local M = {}

-- ---- Reading ----

local GONE = "0x80040217" -- the one code that says: no such row

---Reads the linked row with everything that travels, into turn.row and turn.tag.  (suspends)
---@param turn Turn
---@return true|nil, table|nil err
function M.read(turn)
  local known = turn.known
  local row, tag = dynamics.get(known.table, turn.link.crm.id, known.select, known.expand)
  if not row then
    if tag.kind == "absent" and tag.code ~= GONE then -- a gateway's 404 is no deletion
      tag.kind = "net"
    end
    return nil, tag
  end
  turn.row, turn.tag = row, tag
  turn.link.contact_seen = known.contact_stamp(row)
  return true
end

-- ---- Updating ----

local UNTOLD = " (not on the row: the CRM refuses changes of a closed one)" -- in the history

local function update_values(turn, change, lines)
  local known, row = turn.known, turn.row
  local values = rows.columns(change.to_crm, known, row)
  cuts.tell(change.to_crm, known, known.marks_shown and known.marks_shown.ok, lines)
  for name, value in pairs(change.extra or {}) do
    values[name] = value
  end
  local current = canonical.given(row[known.columns.name]) or ""
  local bare = change.to_crm.name or canonical.strip_marks(current, known.marks)
  local shown = audit.marked(bare, not change.failed, known.marks_shown, rows.name_max(known))
  if shown ~= current then
    values[known.columns.name] = shown
  end
  if change.move and change.move.state then
    values.statecode, values.statuscode = 0, change.move.status
  end
  rows.set_audit(values, row[known.columns.audit], lines, known)
  return values
end

-- The row's version as our change set leaves it: its own change is the first, and rows of solutions
-- do not touch it.  nil: nobody can say, since Win and Lose move it and do not tell.
local function own_tag(turn, changes, changed)
  if changes[#changes].op == "action" then
    return nil
  elseif changes[1].op == "update" and changes[1].id == turn.link.crm.id then
    return changed[1] and changed[1].tag
  end
  return turn.tag
end

-- One change set on the row, whose first change is the row's own if its columns change.
local function send(turn, changes)
  local link, known = turn.link, turn.known
  local said = changes[1].values and changes[1].values[known.columns.audit]
  if said then
    brakes.announce(link, said, turn.row[known.columns.audit])
    links.edit(link.id, function(doc) doc.said = link.said end)
  end
  local done, changed, shown = dynamics.changes(changes, { rows.read_of(link.crm.id, known) })
  if not done then
    changed.untaken = changed.kind == "conflict" -- its tag refused the set whole
    return nil, changed
  end
  local row, err = rows.shown(shown)
  if not row then
    return nil, err
  end
  local ours = own_tag(turn, changes, changed)
  if ours and ours ~= row["@odata.etag"] then -- what somebody just changed must not become a base
    return nil, { kind = "conflict", text = "the row was changed while it was written" }
  end
  rows.take(turn, row)
  return true
end

local REFUSES = { [400] = true, [403] = true, [405] = true }

-- A CRM may refuse every change of a closed row.  What the seller was to be told is no reason to
-- try for ever: it stands in the audit history and on the lists, and the turn goes on.
local function untold(turn, change, lines, err)
  local only_told = next(change.to_crm) == nil and next(change.extra or {}) == nil and
    not change.move and #(change.carried or {}) == 0
  if turn.row.statecode == 0 or not only_told or not REFUSES[err.status] then
    return nil, err
  end
  for _, line in ipairs(lines) do
    host.store.note_add(turn.link.id, "audit", { text = line .. UNTOLD })
  end
  turn.link.crm.tag = turn.tag
  host.log("warn", ("deal %d: the CRM refuses any change of its closed row: %d lines are told " ..
    "in the audit history alone"):format(turn.link.id, #lines))
  return true
end

---Writes to the row, with audit text and mark, under its tag; turn.row is then the row as it is
---afterwards.  (suspends)
---@param turn Turn
---@param change { to_crm: table, move: table|nil, extra: table|nil, failed: boolean|nil,
---               carried: table[]|nil, reason: string|nil }  failed: the mark says so; carried:
---               changes of rows beside it
---@param lines string[]  for the audit text
---@return true|nil, table|nil err
function M.write(turn, change, lines)
  local link, known = turn.link, turn.known
  local id, changes = link.crm.id, {}
  if change.to_crm.solutions then
    rows.solution_changes(changes, id, change.to_crm.solutions,
      canonical.crm_solutions(turn.row, known), known)
  end
  local values = update_values(turn, change, lines)
  if next(values) then
    table.insert(changes, 1, { op = "update", table = known.table, id = id, tag = turn.tag,
      values = values })
  end
  table.move(change.carried or {}, 1, #(change.carried or {}), #changes + 1, changes)
  rows.close_change(changes, change.move, id, change.reason)
  if #changes == 0 then
    link.crm.tag = turn.tag
    return true
  end
  local ok, err = send(turn, changes)
  if not ok then
    return untold(turn, change, lines, err)
  end
  return true
end

---Whether the name carries a mark though marks are switched off.
function M.marked(turn)
  local known = turn.known
  local name = text.trim(canonical.given(turn.row[known.columns.name]) or "")
  return not known.marks_shown and canonical.strip_marks(name, known.marks) ~= name
end

---Takes such a mark off, and writes nothing else.  (suspends)
---@return true|nil, table|nil err
function M.unmark(turn)
  if M.marked(turn) then
    return M.write(turn, { to_crm = {} }, {})
  end
  turn.link.crm.tag = turn.tag
  return true
end

---A copy of another deal's row becomes a row of its own (situation 15): what is ours on it goes.
---(suspends)
---@param line string  for the audit text
---@return true|nil, table|nil err
function M.clean_copy(turn, line)
  local known, row, c = turn.known, turn.row, turn.known.columns
  local values = { [c.identifier] = json.null, [c.link] = json.null, [c.microsoft_id] = json.null,
    [c.sync] = false,
    [c.name] = canonical.strip_marks(canonical.given(row[c.name]) or "", known.marks) }
  rows.set_audit(values, nil, { line }, known)
  return send(turn, { { op = "update", table = known.table, id = turn.link.crm.id, tag = turn.tag,
    values = values } })
end

---The same, and what the row then says.  (suspends)
---@return table|nil crm, table|nil err  canonical
function M.update(turn, change, lines)
  local ok, err = M.write(turn, change, lines)
  if not ok then
    return nil, err
  end
  return canonical.from_crm(turn.row, turn.known)
end

return M

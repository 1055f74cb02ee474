-- Flow d, "Partner Center to Dynamics 365 - Helper": reads and writes the CRM's side of a deal.
-- A write is one change set, data and bookkeeping together, and shows the row as it is afterwards
-- in the same request.  It must never decide what is written: deal.lua and merge.lua do.
local audit = require "audit"
local brakes = require "brakes"
local canonical = require "canonical"
local details = require "flows.details"
local dynamics = require "dynamics"
local facts = require "facts"
local links = require "links"
local state = require "state"
local text = require "text"

local M = {}

-- ---- Reading ----

local function read_of(id, known)
  return { table = known.table, id = id, select = known.select, expand = known.expand }
end

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
  return true
end

---Which deals come in: the setting `inbound`.
function M.inbound()
  return host.profile.settings.inbound or
    (host.profile.stage == "staging" and "linked") or "all"
end

---Whether a deal that the CRM does not have yet is wanted there (rule 14).
function M.wanted(link, deal)
  local inbound = M.inbound()
  return link.intent ~= nil or link.restore or inbound == "all" or
    (inbound == "linked" and deal.crm_id ~= nil)
end

-- ---- Fields as columns ----

local COLUMN = {
  value = function(out, value, known)
    out[known.deal_value.write] = value
    if known.deal_value.write == "estimatedvalue" then
      out.isrevenuesystemcalculated = false
    end
  end,
  currency = function(out, code, known)
    local currency = known.currencies.by_code[code]
    if currency and known.deal_value.currency == "row" then
      out[known.columns.currency] = { table = "transactioncurrency", id = currency.row }
    end
  end,
  notes = function(out, value, known)
    local column = known.columns.notes
    local max = known.meta.columns[column].max
    out[column] = value ~= json.null and audit.cut(value, max or 2000) or value
  end,
  help = function(out, code, known)
    out[known.columns.help] = known.help_by_code[code] or json.null
  end,
  closing_date = function(out, date, known)
    out[known.columns.closing_date] = date ~= json.null and known.date_column(date) or date
  end,
}
for _, name in ipairs { "visible", "microsoft_id", "id", "link" } do
  local role = name == "id" and "identifier" or name
  COLUMN[name] = function(out, value, known)
    out[known.columns[role]] = value
  end
end

-- name, state and solutions are written by steps of their own.
local function columns_of(values, known)
  local out = {}
  for name, value in pairs(values) do
    if COLUMN[name] then
      COLUMN[name](out, value, known)
    end
  end
  return out
end

local function name_max(known)
  return known.meta.columns[known.columns.name].max or 300
end

local function set_audit(values, old, lines, known)
  local column = known.columns.audit
  if #lines > 0 then
    values[column] = audit.all(old, lines, known.meta.columns[column].max)
  end
end

-- ---- Solutions ----

local function add_solution(changes, parent, item, known)
  local s = known.solutions
  local entry = facts.solution(known, item.id)
  local values = {
    [s.parent] = { table = known.table, id = parent },
    [s.detail_lookup] = { table = s.detail, id = entry.row },
    [s.name] = entry.name,
  }
  if s.price and item.price then
    values[s.price] = item.price
  end
  if s.quantity and item.quantity then
    values[s.quantity] = item.quantity
  end
  changes[#changes + 1] = { op = "create", table = s.table, id = host.uuid(), values = values }
end

local function solution_changes(changes, parent, wanted, present, known)
  local there, stays = {}, {}
  for _, item in ipairs(present) do
    there[item.id:lower()] = item
  end
  for _, item in ipairs(wanted) do
    stays[item.id:lower()] = true
    if not there[item.id:lower()] then
      add_solution(changes, parent, item, known)
    end
  end
  for _, item in ipairs(present) do
    if not stays[item.id:lower()] then
      changes[#changes + 1] = { op = "delete", table = known.solutions.table, id = item.row }
    end
  end
end

-- Won and lost go by action, never by a plain state write ("WinOpportunity Action").
local function close_change(changes, move, id, reason)
  if not (move and move.action) then
    return
  end
  local won = move.action == "win"
  changes[#changes + 1] = { op = "action", name = won and "WinOpportunity" or "LoseOpportunity",
    body = { Status = move.status, OpportunityClose = {
      subject = won and "Won at Partner Center" or "Closed at Partner Center",
      description = reason,
      ["opportunityid@odata.bind"] = "/opportunities(" .. id .. ")",
    } } }
end

-- ---- Creating (rule 8) ----

-- A row id that follows from what it stands for, so that two deals of one new customer make one
-- account: who comes second is told that it exists, looks again, and finds it.  If it is there
-- and yet not found (renamed since, or inactive), the second clash makes another id.
local function id_for(kind, match, clashes)
  local seed = { kind = kind, match = match or json.null, salt = math.max(0, (clashes or 0) - 1),
    organization = host.store.mark_get("organization") or "" }
  local h = host.crypto.sha256(json.encode(seed))
  return ("%s-%s-5%s-8%s-%s"):format(h:sub(1, 8), h:sub(9, 12), h:sub(14, 16), h:sub(18, 20),
    h:sub(21, 32))
end

local function customer_changes(changes, deal, found, intent, known)
  local account = found.account and found.account.accountid
  if not account then
    account = id_for("account", found.match.account, intent.clashes)
    local country, bad = details.country(deal.customer.country, known)
    if not country then
      return nil, bad
    end
    local values, err = details.answer("account.create", deal, country)
    if not values then
      return nil, err
    end
    changes[#changes + 1] = { op = "create", table = "account", id = account, values = values }
  end
  local contact = found.contact and found.contact.contactid
  if not contact and deal.contact then
    contact = id_for("contact", { account, found.match.contact }, intent.clashes)
    local values, err = details.answer("contact.create", deal, {})
    if not values then
      return nil, err
    end
    values.parentcustomerid = { table = "account", id = account }
    changes[#changes + 1] = { op = "create", table = "contact", id = contact, values = values }
  end
  return { account = account, contact = contact }
end

local FIRST = { "value", "currency", "closing_date", "notes", "help", "visible", "microsoft_id",
  "id", "link" }

local function row_values(deal, found, customer, lines, known)
  local first = {}
  for _, name in ipairs(FIRST) do
    first[name] = deal[name]
  end
  local v = columns_of(first, known)
  v[known.columns.name] = audit.marked(deal.name or "(no name)", true, known.marks, name_max(known))
  v[known.columns.sync] = true
  local values, err = details.answer("opportunity.create", deal, v)
  if not values then
    return nil, err
  end
  values.parentaccountid = { table = "account", id = customer.account }
  if customer.contact then
    values.parentcontactid = { table = "contact", id = customer.contact }
  end
  if found.owner then
    values.ownerid = found.owner
  end
  if deal.state == "new" then
    values.statuscode = 2
  end
  set_audit(values, nil, lines, known)
  return values
end

-- The row as it is after a write: what the next merge starts from.
local function take_row(turn, row)
  turn.row, turn.tag = row, row["@odata.etag"]
  turn.link.crm.tag = turn.tag
  brakes.said(turn.link, row[turn.known.columns.audit])
end

local function shown_row(rows)
  local row = rows and rows[1] and rows[1][1]
  if row then
    return row
  end
  return nil, { kind = "net", text = "the CRM did not show the row it wrote" }
end

-- The rows the intent names may be there already: made before a crash, or by the other of two runs.
local function made_before(intent, known)
  local row, err = dynamics.get(known.table, intent.row, known.select, known.expand)
  if row then
    return row
  elseif err.kind == "absent" then
    return false
  end
  return nil, err
end

-- Rows the mapping wants besides, once for a deal: their ids follow from the deal's and their keys.
local function also_changes(changes, deal, intent, known)
  if not known.describe.has.also then
    return true
  end
  local answer, err = host.map { call = "also", d = deal }
  if not answer then
    return nil, err
  end
  for _, extra in ipairs(answer.rows) do
    local values, bad = details.values(extra.table, extra.values)
    if not values then
      return nil, bad
    end
    changes[#changes + 1] = { op = "create", table = extra.table, values = values,
      id = id_for("also", { intent.row, extra.table, extra.key }) }
  end
  return true
end

local function create_changes(deal, found, intent, known)
  local changes, lines = {}, found.lines
  local customer, err = customer_changes(changes, deal, found, intent, known)
  if not customer then
    return nil, err
  end
  local children = {}
  solution_changes(children, intent.row, deal.solutions, {}, known)
  if deal.currency and not facts.currency(known, deal.currency) then
    lines[#lines + 1] = "currency " .. deal.currency .. " does not exist in the CRM: add it"
    deal.currency, deal.value = nil, nil
  end
  table.insert(lines, 1, "Created from Partner Center: " .. (deal.link or deal.id))
  local values
  values, err = row_values(deal, found, customer, lines, known)
  if not values then
    return nil, err
  end
  changes[#changes + 1] = { op = "create", table = known.table, id = intent.row, values = values }
  table.move(children, 1, #children, #changes + 1, changes)
  local ok
  ok, err = also_changes(changes, deal, intent, known)
  if not ok then
    return nil, err
  end
  close_change(changes, state.to_crm(deal.state, "open"), intent.row, deal.reason)
  return changes, lines
end

-- A row that carries the referral's identifier already, or that the referral names.
local function found_row(turn, id)
  local link, known = turn.link, turn.known
  local other = links.by_row(known.table, id)
  if not other then
    link.crm, link.intent = { table = known.table, id = id }, nil
    link.state = link.adopted and "open" or "found"
    return "found", "a row of the CRM names it, and this state made neither: " ..
      "`cosell deal adopt` joins them"
  end
  other = links.get(other)
  if other.engagement then
    return nil, { kind = "data", text = "the CRM's row with this identifier is another deal's" }
  elseif other.intent then
    return nil, { kind = "conflict", text = "the row of this deal is just being sent" }
  end
  other.state = "found"
  links.absorb(other, link)
  links.save(other)
  links.wake(other.id, "found")
  return "joined", "it belongs to a row that the CRM has"
end

-- Sends the change set of an intent; what was made is known from its answer alone.
local function make(turn, intent, changes)
  local link, known = turn.link, turn.known
  link.crm = { table = known.table, id = intent.row }
  link.intent = { crm = intent }
  local ok, err = links.keep(link)
  if not ok then
    return nil, err
  end
  local done, changed, rows = dynamics.changes(changes, { read_of(intent.row, known) })
  if not done then
    if changed.kind == "conflict" then -- made already, or another deal made the account
      intent.clashes = (intent.clashes or 0) + 1
      links.keep(link)
    end
    return nil, changed
  end
  return shown_row(rows)
end

-- Goes on with an intent of an earlier run, if its rows were made.
local function resume(turn)
  local link, known = turn.link, turn.known
  local intent = link.intent and link.intent.crm
  if not intent then
    return false
  end
  local row, err = made_before(intent, known)
  if not row then
    return row, err
  end
  link.crm, link.intent = { table = known.table, id = intent.row }, nil
  take_row(turn, row)
  return { deal = canonical.from_crm(row, known), lines = {}, later = true }
end

---Makes the row of an inbound deal, with account, contact and solutions, all or nothing; resumes
---what an intent began.  (suspends)
---@param turn Turn
---@param deal table  canonical
---@param held {text: string}[]  what is told besides
---@return table|string|nil  {deal= canonical, lines=, account_was="found"|"created", later=};
---later: the row may have been edited since it was made; a word: it was not made
---@return string|table|nil  why not, as text, or err
function M.create(turn, deal, held)
  local link, known = turn.link, turn.known
  local made, err = resume(turn)
  if made ~= false then
    return made, err
  end
  local found
  found, err = details.find(deal, known)
  if not found then
    return nil, err
  elseif found.row then
    return found_row(turn, found.row)
  elseif text.is_guid(deal.crm_id) and not (link.intent or link.restore) then
    return "foreign", "it names a row that this CRM does not have: another CRM's deal"
  end
  for _, item in ipairs(held) do
    found.lines[#found.lines + 1] = item.text
  end
  local intent = link.intent and link.intent.crm or { row = host.uuid() }
  local changes, lines = create_changes(deal, found, intent, known)
  if not changes then
    return nil, lines
  end
  local row
  row, err = make(turn, intent, changes)
  if not row then
    return nil, err
  end
  link.intent = nil
  take_row(turn, row)
  for _, line in ipairs(lines) do
    host.store.note_add(link.id, "audit", { text = line })
  end
  return { deal = canonical.from_crm(row, known), lines = lines,
    account_was = found.account and "found" or "created" }
end

-- ---- Updating ----

local function update_values(turn, change, lines)
  local known, row = turn.known, turn.row
  local values = columns_of(change.to_crm, known)
  for name, value in pairs(change.extra or {}) do
    values[name] = value
  end
  local current = canonical.given(row[known.columns.name]) or ""
  local bare = change.to_crm.name or canonical.strip_marks(current, known.marks)
  local shown = audit.marked(bare, not change.failed, known.marks, name_max(known))
  if shown ~= current then
    values[known.columns.name] = shown
  end
  if change.move and change.move.state then
    values.statecode, values.statuscode = 0, change.move.status
  end
  set_audit(values, row[known.columns.audit], lines, known)
  return values
end

-- One change set on the row, whose first change is the row's own if its columns change.
local function send(turn, changes)
  local link, known = turn.link, turn.known
  local said = changes[1].values and changes[1].values[known.columns.audit]
  if said then
    brakes.announce(link, said)
    links.edit(link.id, function(doc) doc.said = link.said end)
  end
  local done, changed, rows = dynamics.changes(changes, { read_of(link.crm.id, known) })
  if not done then
    return nil, changed
  end
  local row, err = shown_row(rows)
  if not row then
    return nil, err
  end
  local ours = #changes == 1 and changed[1] and changed[1].tag
  if ours and ours ~= row["@odata.etag"] then -- what somebody just changed must not become a base
    return nil, { kind = "conflict", text = "the row was changed while it was written" }
  end
  take_row(turn, row)
  return true
end

---Writes to the row, with audit text and mark, under its tag; turn.row is then the row as it is
---afterwards.  (suspends)
---@param turn Turn
---@param change { to_crm: table, move: table|nil, extra: table|nil, failed: boolean|nil,
---               reason: string|nil }  failed: the mark says so
---@param lines string[]  for the audit text
---@return true|nil, table|nil err
function M.write(turn, change, lines)
  local link, known = turn.link, turn.known
  local id, changes = link.crm.id, {}
  if change.to_crm.solutions then
    solution_changes(changes, id, change.to_crm.solutions, known.solution_rows(turn.row), known)
  end
  local values = update_values(turn, change, lines)
  if next(values) then
    table.insert(changes, 1, { op = "update", table = known.table, id = id, tag = turn.tag,
      values = values })
  end
  close_change(changes, change.move, id, change.reason)
  if #changes == 0 then
    link.crm.tag = turn.tag
    return true
  end
  return send(turn, changes)
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
  set_audit(values, nil, { line }, known)
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

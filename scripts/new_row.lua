-- Making the row of an inbound deal, with account, contact and solutions, all or nothing (reconcile
-- rules 2, 8, 14).  The intent holds the row's id, so that what was begun is resumed and nothing is
-- made twice.  It must never change a row that is there.
local audit = require "audit"
local canonical = require "canonical"
local cuts = require "cuts"
local details = require "flows.details"
local dynamics = require "dynamics"
local fields = require "fields"
local flow_table = require "flow_table"
local links = require "links"
local microsoft_updates = require "flows.microsoft_updates"
local rows = require "row"
local say = require "say"
local state = require "state"
local text = require "text"
local withhold = require "withhold"

local M = {}

local ASKED_MS = 1500 -- for a reading of the CRM's changes

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
---What of a deal the row is not given when it is made, and stays a change: it goes from `deal`.
---@return Told[]
function M.held_at_first(turn, deal)
  local held
  deal.solutions, held = withhold.known_solutions(deal.solutions, turn.known)
  turn.link.waits = #held > 0 or turn.link.waits
  local heard = deal.state ~= "new" and
    microsoft_updates.heard(deal, {}, nil, turn.read.theirs) or {}
  table.move(heard, 1, #heard, #held + 1, held)
  local names = microsoft_updates.unheard(deal, {})
  for _, said in ipairs(withhold.unknown_choices(deal, nil, turn.known)) do
    names[#names + 1], held[#held + 1] = said.field, said
  end
  local date = withhold.too_early(deal.closing_date)
  if date then
    names[#names + 1], held[#held + 1] = "closing_date", date
  end
  turn.link.owned = withhold.money(deal, turn.known, names, held)
  for _, name in ipairs(names) do
    deal[name], turn.link.waits = nil, true
  end
  turn.held = held
  return held
end

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
    local country, bad = details.country(deal.customer.country, known, found.lines)
    if not country then
      return nil, bad
    end
    local values, err = details.answer("account.create", deal, country, nil, found.lines)
    if not values then
      return nil, err
    end
    values.ownerid = values.ownerid or found.owner
    changes[#changes + 1] = { op = "create", table = "account", id = account, values = values }
  end
  local contact = found.contact and found.contact.contactid
  local person = canonical.crm_contact(found.contact)
  if not contact and deal.contact then
    contact = id_for("contact", { account, found.match.contact }, intent.clashes)
    local values, err = details.answer("contact.create", deal, {}, nil, found.lines)
    if not values then
      return nil, err
    end
    values.ownerid = values.ownerid or found.owner
    values.parentcustomerid = { table = "account", id = account }
    changes[#changes + 1] = { op = "create", table = "contact", id = contact, values = values }
    person = canonical.crm_contact(values)
  end
  return { account = account, contact = contact, person = person }
end

local function row_values(deal, found, customer, lines, known)
  local first = {}
  for _, field in ipairs(fields.rows) do
    if field.to_crm then
      first[field.name] = deal[field.name]
    end
  end
  local v = rows.columns(first, known)
  if known.deal_value.write == "estimatedvalue" then
    v.isrevenuesystemcalculated = false -- on rows of ours alone: else it is the CRM's own sum
  end
  v[known.columns.name] = audit.marked(deal.name or say "unnamed", true, known.marks_shown,
    rows.name_max(known))
  v[known.columns.sync] = true
  cuts.tell(deal, known, known.marks_shown and known.marks_shown.ok, lines)
  local values, err = details.answer("opportunity.create", deal, v, nil, lines)
  if not values then
    return nil, err
  end
  values.parentaccountid = { table = "account", id = customer.account }
  if customer.contact then
    values.parentcontactid = { table = "contact", id = customer.contact }
  end
  values.ownerid = values.ownerid or found.owner
  if deal.state == "new" then
    values.statuscode = 2
  end
  rows.set_audit(values, nil, lines, known)
  return values
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
-- Of the deal's row, made in the same change set, the mapping is told the id, to name it.
local function also_changes(changes, deal, intent, known)
  if not known.describe.has.also then
    return true
  end
  local answer, err = host.map { call = "also", d = deal, crm = { [known.key] = intent.row } }
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
  intent.deal = canonical.base(deal)
  intent.deal.contact = customer.person -- as the CRM has him, or is about to
  local children = {}
  rows.solution_changes(children, intent.row, deal.solutions, {}, known)
  table.insert(lines, 1, say("created", { link = deal.link or deal.id }))
  if not state.known(deal.state) then
    lines[#lines + 1] = audit.told({ { field = "state", why = "unknown", value = deal.state } },
      true)
  end
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
  rows.close_change(changes, state.to_crm(deal.state, "open"), intent.row, deal.reason)
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
  if other.engagement == link.engagement then -- it took this deal over while we asked
    return "joined", "it belongs to a row that the CRM has"
  elseif other.engagement then
    return nil, { kind = "data", text = say.english "another-deal" }
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
  intent.unsure = true
  link.intent = { crm = intent }
  local ok, err = links.keep(link)
  if not ok then
    return nil, err
  end
  local done, changed, shown = dynamics.changes(changes, { rows.read_of(intent.row, known) })
  if not done then
    if changed.kind == "conflict" then -- made already, or another deal made the account
      intent.clashes = (intent.clashes or 0) + 1
    end
    intent.unsure = changed.kind == "net" or nil -- else it was refused whole
    links.keep(link)
    return nil, changed
  end
  return rows.shown(shown)
end

-- The rows are not there: never made, or made and deleted by somebody since.  The CRM's changes say
-- which, once they were read from a time after this (never, where their flow is off).
-- -> ms to wait; nil: nobody deleted it as far as can be known
local function until_known(link, intent)
  if intent.asked and links.deletions_known(intent.asked) or
    not flow_table.on "dynamics_opportunity" then
    intent.unsure, intent.asked = nil, nil
    return nil
  end
  intent.asked = intent.asked or host.now_ms()
  host.queue.put { kind = "tick.opportunities", key = "tick:tick.opportunities", payload = {} }
  local ok, err = links.keep(link)
  return ok and ASKED_MS or nil, err
end

-- Goes on with an intent of an earlier run, if its rows were made.
local function resume(turn)
  local link, known = turn.link, turn.known
  local intent = link.intent and link.intent.crm
  if not intent then
    return false
  elseif link.removed == intent.row then
    return "removed"
  end
  local row, err = made_before(intent, known)
  local wait
  if row == false and intent.unsure then
    wait, err = until_known(link, intent)
  end
  if not row then
    return wait or row, err
  end
  link.crm, link.intent = { table = known.table, id = intent.row }, nil
  rows.take(turn, row)
  return { deal = canonical.from_crm(row, known), lines = {}, of = intent.deal }
end

---Makes the row of an inbound deal, with account, contact and solutions, all or nothing; resumes
---what an intent began.  (suspends)
---@param turn Turn
---@param deal table  canonical
---@param held Told[]  what is told besides
---@return table|string|integer|nil  a number: again in that many ms;
---{deal= canonical, lines=, account_was="found"|"created", of=};
---of: what an earlier run made it of, either may have been edited since; a word: it was not made
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
    found.lines[#found.lines + 1] = say.item(item)
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
  rows.take(turn, row)
  for _, line in ipairs(lines) do
    host.store.note_add(link.id, "audit", { text = line })
  end
  return { deal = canonical.from_crm(row, known), lines = lines,
    account_was = found.account and "found" or "created" }
end

return M

-- Leads: a referral that is nobody's deal yet (Independent and New) is a lead in the CRM, where the
-- service returns such referrals (reconcile rule 17; "Manage leads").  Its values come in, nothing
-- of it goes out but the decision: qualified by a person, it is accepted there; disqualified,
-- declined; accepted there, it is qualified here.  From then on the link's row is the opportunity
-- that QualifyLead made, and the deal goes on as any other.  A sub-stage that nobody knows (leads
-- have such since 2026) is told as received and changes no state.
local agreement = require "agreement"
local audit = require "audit"
local canonical = require "canonical"
local clocks = require "clocks"
local cuts = require "cuts"
local details = require "flows.details"
local dynamics = require "dynamics"
local erased = require "erased"
local links = require "links"
local outward = require "flows.dynamics_to_partner_center"
local qualify = require "qualify"
local say = require "say"
local state = require "state"
local turns = require "turn"
local withhold = require "withhold"

local M = {}

local TABLE, DELTA = "lead", "delta:lead"
local MARK = "leads" -- there is one, so the table's changes are read
local QUALIFIED, DISQUALIFIED = 1, 2
local CANCELED = 7 -- a status reason

-- Nobody has answered it yet, whatever its sub-stage.
local function unanswered(deal)
  return deal.state == "new" or deal.state:find("^New/") ~= nil
end

---What a referral without a row becomes: as the mapping says while nobody has accepted it, else a
---lead if it is nobody's deal yet; what was begun goes on.  (suspends)
---@param link Link
---@param deal table  canonical
---@return "lead"|"opportunity"|nil, table|nil err
function M.kind(link, deal, known)
  local intent = link.intent and link.intent.crm
  if intent then
    return intent.lead and "lead" or "opportunity"
  elseif link.restore or not unanswered(deal) then
    return "opportunity"
  elseif known.describe.has.arrives_as then
    local answer, err = host.map { call = "arrives_as", d = deal }
    if not answer then
      return nil, err
    elseif canonical.given(answer.as) then
      return answer.as
    end
  end
  return deal.type == "Independent" and "lead" or "opportunity"
end

---Whether this CRM holds leads of ours.
function M.any()
  return host.store.mark_get(MARK) ~= nil
end

local EXPIRED = "0x80044352"

---Wakes the deals whose leads changed, page by page; per page one commit.  (suspends)
---@return true|nil, table|nil err
function M.delta()
  local page, err
  repeat
    page, err = dynamics.delta(TABLE, { "statecode" }, host.store.mark_get(DELTA))
    if not page and err.code == EXPIRED then
      host.store.mark_set(DELTA, nil)
      return true
    elseif not page then
      return nil, err
    end
    for _, row in ipairs(page.rows) do
      local id = links.by_row(TABLE, row.leadid)
      local link = id and links.get(id)
      if link and link.crm.tag ~= row["@odata.etag"] then
        links.wake(id, "delta")
      end
    end
    for _, id in ipairs(page.deleted) do
      local link = links.by_row(TABLE, id)
      if link then
        links.wake(link, "delta")
      end
    end
    host.store.mark_set(DELTA, page.next or page.delta)
  until not page.next
  return true
end

-- The connector's columns are named alike on both tables; of the person all that his contact is
-- made from.
local function select_of(known, meta)
  local c, out = known.columns, { "subject", "description", "statecode", "statuscode", "createdon",
    "firstname", "lastname", "emailaddress1", "telephone1", "mobilephone", "jobtitle" }
  for _, name in ipairs { "qualifyingopportunityid", c.sync, c.identifier, c.link, c.audit,
    table.unpack(known.describe.columns.lead or {}) } do
    out[#out + 1] = meta.columns[name] and name or nil
  end
  return out
end

-- ---- Coming in ----

local MONEY_NAMES = { "value", "currency", "closing_date" }

-- What does not fit comes with the opportunity.
local function money_of(v, deal, known, meta)
  local currency, columns = known.currencies.by_code[deal.currency or ""], meta.columns
  if currency and columns[known.columns.currency] then
    v[known.columns.currency] = { table = "transactioncurrency", id = currency.row }
    v.estimatedamount = columns.estimatedamount and
      canonical.fits(columns.estimatedamount, deal.value) and deal.value or nil
    v.estimatedclosedate = columns.estimatedclosedate and
      not withhold.too_early(deal.closing_date) and deal.closing_date or nil
  end
end

local function values_of(deal, known, meta, lines)
  local first, err = details.country(deal.customer.country, known, lines)
  if not first then
    return nil, err
  end
  for name in pairs(first) do
    first[name] = meta.columns[name] and first[name] or nil
  end
  money_of(first, deal, known, meta)
  local values
  values, err = details.answer("lead.create", deal, first, nil, lines)
  if not values then
    return nil, err
  end
  local owner
  owner, err = details.owner(deal, known, lines)
  if err then
    return nil, err
  end
  values.ownerid = values.ownerid or owner
  return values
end

-- What is ours on the row: identifier, link, Sync, mark, audit.
local function bookkeeping(values, deal, lines, known, meta)
  local c = known.columns
  local name = deal.name or say "unnamed"
  local ours = { [c.identifier] = deal.id, [c.link] = deal.link, [c.sync] = true,
    subject = audit.marked(name, true, known.marks_shown, meta.columns.subject.max or 300) }
  ours[c.audit] = audit.all(nil, lines, meta.columns[c.audit] and meta.columns[c.audit].max)
  for column, value in pairs(ours) do
    values[column] = meta.columns[column] and value or nil
  end
  return values
end

-- The row that carries this referral already, or that an earlier run made.  (suspends)
local function present(turn, deal, meta)
  local c = turn.known.columns
  if not meta.columns[c.identifier] then
    return false
  end
  local rows, err = dynamics.query(TABLE, { select = { meta.id }, top = 1,
    filter = c.identifier .. " eq " .. dynamics.q(deal.id), orderby = "createdon asc" })
  if not rows then
    return nil, err
  end
  return rows[1] and rows[1][meta.id] or false
end

local function bare_name(value, known)
  return canonical.given(canonical.strip_marks(canonical.given(value) or "", known.marks))
end

-- Name and notes of a lead, canonical.
local function texts_of(row, known)
  return { name = bare_name(row.subject, known), notes = canonical.text(row.description) }
end

-- texts: what the row was given: one may have been cut, or be the mapping's
local function keep(turn, id, deal, texts)
  local link = turn.link
  link.crm, link.intent = { table = TABLE, id = id }, nil
  if not unanswered(deal) then
    links.wake(link.id, "created")
  end
  host.store.mark_set(MARK, "1")
  return agreement.keep(link, { state = "hold", name = texts.name, notes = texts.notes }, deal)
end

-- Of what a row is given, so much as tells later whether it still stands there.
local function digests(texts)
  return { name = host.crypto.sha256(texts.name or ""),
    notes = host.crypto.sha256(texts.notes or "") }
end

-- One that an earlier run made, of what it knew then: either side may have been edited since.
local function keep_earlier(turn, id, deal)
  local intent = turn.link.intent and turn.link.intent.crm or {}
  local row, err = dynamics.get(TABLE, id, { "subject", "description" })
  if not row and err.kind ~= "absent" then
    return nil, err
  end
  local was = erased.reveal(turn.link, intent.deal, deal) or deal
  local is, texts = texts_of(row or {}, turn.known), { name = was.name, notes = was.notes }
  for name, digest in pairs(digests(is)) do
    if (intent.given or {})[name] == digest then
      texts[name] = is[name]
    end
  end
  local ok
  ok, err = keep(turn, id, was, texts)
  links.wake(turn.link.id, "created")
  return ok, err
end

---Makes the lead of a new referral, once.  (suspends)
---@param turn Turn
---@param deal table  canonical
---@return true|nil, table|nil err
function M.arrive(turn, deal)
  local link, known = turn.link, turn.known
  local meta, err = dynamics.table(TABLE)
  if not meta then
    return nil, err
  end
  local id
  id, err = present(turn, deal, meta)
  if id == nil then
    return nil, err
  elseif id then
    return keep_earlier(turn, id, deal)
  end
  local lines = { say("created", { link = deal.link or deal.id }) }
  if not state.known(deal.state) then
    lines[2] = say("told-unknown", { value = deal.state })
  end
  local values
  values, err = values_of(deal, known, meta, lines)
  if not values then
    return nil, err
  end
  bookkeeping(values, deal, lines, known, meta)
  link.intent = link.intent or { crm = { row = host.uuid(), lead = true } }
  link.intent.crm.deal = canonical.base(deal) -- an earlier try made nothing
  link.intent.crm.given = digests(texts_of(values, known))
  local ok
  ok, err = links.keep(link)
  if ok then
    ok, err = dynamics.changes { { op = "create", table = TABLE, id = link.intent.crm.row,
      values = values } }
  end
  if not ok and err.kind == "conflict" and -- did an earlier run make it?
    dynamics.get(TABLE, link.intent.crm.row, { meta.id }) then
    return keep_earlier(turn, link.intent.crm.row, deal)
  end
  if not ok then
    return nil, err
  end
  for _, line in ipairs(lines) do
    turns.note(turn, line)
  end
  turns.say(turn, "partner_center_to_dynamics", "created",
    { row = link.intent.crm.row, lead = true, lines = lines })
  return keep(turn, link.intent.crm.row, deal, texts_of(values, known))
end

-- ---- Both sides ----

-- Columns of the lead, with audit lines, under its tag.
local function write(turn, values, lines)
  local c, column = turn.known.columns, turn.meta.columns[turn.known.columns.audit]
  if column and #lines > 0 then
    values[c.audit] = audit.all(turn.row[c.audit], lines, column.max)
  end
  local ok, err = true, nil
  if next(values) then
    ok, err = dynamics.changes { { op = "update", table = TABLE, id = turn.link.crm.id,
      tag = turn.tag, values = values } }
  end
  for _, line in ipairs(ok and lines or {}) do
    turns.note(turn, line)
  end
  return ok, err
end

-- Sends a decision: the CRM's word for it, and the pair that it is there.
local function decide(turn, word, pair)
  local plan = { partner = turns.partner_now(turn), to_partner = { state = word }, pair = pair,
    crm = { reason = nil } }
  local ok, err = outward.write(turn, plan)
  if not ok then
    return nil, err
  end
  turns.note_copies(turn)
  turns.say(turn, "dynamics_to_partner_center", "updated", { to_partner = plan.to_partner })
  return true
end

local function declined(turn)
  local ok, err = decide(turn, "canceled", { "Closed", "Declined" })
  if not ok then
    return nil, err
  end
  return agreement.keep(turn.link, { state = "canceled" }, turns.partner_now(turn))
end

-- A person disqualified it, and another accepted it there: neither is taken back, and it is told
-- once.  A closed lead may refuse the line: then it stands in the history.
local function disqualified_alone(turn, deal)
  if deal.state == "active" and links.told(turn.link, "lead-disqualified") then
    local line = say "lead-disqualified"
    local ok, err = write(turn, {}, { line })
    if not ok and err.kind ~= "remote" then
      return nil, err
    elseif not ok then
      turns.note(turn, line)
    end
    turns.say(turn, "partner_center_to_dynamics", "updated", { lines = { line } })
  end
  return agreement.keep(turn.link, { state = "canceled" }, deal)
end

-- A person qualified it.  From a sub-stage that nobody knows no merge would know the way.
local function qualified(turn, deal, opportunity)
  if not opportunity then
    return turns.rest(turn, "suspended", say "lead-alone")
  elseif unanswered(deal) and deal.state ~= "new" then
    local ok, err = decide(turn, "open", { "Active", "Accepted" })
    if not ok then
      return nil, err
    end
  end
  return qualify.become(turn, opportunity, say("qualified", { link = deal.link or deal.id }))
end

-- Closed there without us: so is the lead here.
local function disqualify(turn, deal)
  local ok, err = write(turn, { statecode = DISQUALIFIED, statuscode = CANCELED },
    { say("received", { what = say.word("state", deal.state) }) })
  if not ok then
    return nil, err
  end
  turns.say(turn, "partner_center_to_dynamics", "updated", { to_crm = { state = deal.state } })
  return agreement.keep(turn.link, { state = "canceled" }, deal)
end

-- ---- While nobody has decided ----

local FOLLOW = { name = "subject", notes = "description" }

-- Name and notes as columns where Partner Center changed them; what the seller changed on the lead
-- stays, and is sent with the decision.  Both bases move with what is taken.
-- -> columns, and the same by field
local function followed(turn, deal, crm_base, base, lines)
  local values, taken, known = {}, {}, turn.known
  local is = texts_of(turn.row, turn.known)
  agreement.written(turn.link, turn.tag, is, crm_base, base)
  local max = { name = turn.meta.columns.subject.max or 300,
    notes = turn.meta.columns.description.max or 2000 }
  for name, column in pairs(FOLLOW) do
    if deal[name] == base[name] or is[name] ~= crm_base[name] then
      deal[name] = base[name]
    else
      local shown = name == "name" and audit.marked(deal.name, true, known.marks_shown, max.name) or
        name == "notes" and deal.notes and cuts.fit(say.label "notes", deal.notes, max.notes, lines)
      values[column], taken[name] = shown or json.null, deal[name] or json.null
      crm_base[name] = name == "name" and bare_name(shown, known) or canonical.text(shown)
    end
  end
  if next(values) then
    table.insert(lines, 1, say "received-lead")
  end
  if not (values.subject or turn.known.marks_shown or
    is.name == canonical.given(turn.row.subject)) then
    values.subject = is.name -- a mark that is switched off
  end
  return values, taken
end

-- What Partner Center and the mapping have new for the lead.
local function refresh(turn, deal)
  local link, lines = turn.link, {}
  local crm_base, base = agreement.bases(link, deal, texts_of(turn.row, turn.known))
  local values, taken = followed(turn, deal, crm_base, base, lines)
  local extra, mapped, err = details.updates("lead", link, deal, turn.row, turn.known, lines)
  if not extra then
    return nil, err
  end
  for column, value in pairs(extra) do
    values[column] = value
  end
  if deal.state ~= base.state and not state.known(deal.state) then
    lines[#lines + 1] = say("told-unknown", { value = deal.state })
  end
  local said = clocks.say(link, lines)
  local news = next(values) ~= nil or #lines > 0
  if news then
    local ok
    agreement.writing(link, taken, turn.tag, {})
    ok, err = write(turn, values, lines)
    if not ok and err.kind == "conflict" then
      agreement.unwritten(link)
    end
    if not ok then
      return nil, err
    end
    link.writing = nil
  end
  turns.say(turn, "partner_center_to_dynamics", news and "updated" or "equal")
  clocks.told(link, said)
  for _, name in ipairs(MONEY_NAMES) do
    deal[name] = base[name] -- the lead keeps what it was made of: news for its opportunity
  end
  crm_base.state, link.mapped = "hold", mapped
  return agreement.keep(link, crm_base, deal)
end

-- A table without the column for it is never switched off.
local function suspended(turn)
  if turn.meta.columns[turn.known.columns.sync] then
    return turns.suspended(turn)
  elseif turn.link.state == "suspended" then
    turn.link.state = "open"
  end
  return false
end

local function read(turn)
  local err, row
  turn.meta, err = dynamics.table(TABLE)
  if not turn.meta then
    return nil, err
  end
  row, err = dynamics.get(TABLE, turn.link.crm.id, select_of(turn.known, turn.meta))
  if not row then
    return nil, err
  end
  turn.row, turn.tag = row, err
  turn.link.crm.tag = err
  return true
end

---The reconcile of a link whose row is a lead.  (suspends)
---@param turn Turn  both sides' referrals read
---@return true|integer|nil, table|nil err
function M.reconcile(turn)
  local ok, err = read(turn)
  if not ok then
    if err.kind == "absent" then
      return turns.rest(turn, "deleted", say "lead-deleted")
    end
    return nil, err
  end
  turns.note_copies(turn)
  local deal, row = turns.partner_now(turn), turn.row
  turns.name(turn, deal)
  local opportunity = canonical.given(row._qualifyingopportunityid_value)
  if row.statecode == QUALIFIED then
    return qualified(turn, deal, opportunity)
  elseif row.statecode == DISQUALIFIED then
    if unanswered(deal) and suspended(turn) then
      return turns.suspend(turn)
    elseif unanswered(deal) then
      return declined(turn)
    end
    return disqualified_alone(turn, deal)
  elseif suspended(turn) then
    return turns.suspend(turn)
  elseif deal.state == "active" then
    return qualify.run(turn)
  elseif state.closed[deal.state] then
    return disqualify(turn, deal)
  end
  return refresh(turn, deal)
end

return M

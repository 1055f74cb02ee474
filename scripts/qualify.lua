-- From lead to opportunity: QualifyLead where a deal was accepted at Partner Center, and the row it
-- made, which takes the lead's link over ("Manage leads"; reconcile rule 17).  It must never say
-- whether a lead is to be qualified (leads.lua does).
local agreement = require "agreement"
local canonical = require "canonical"
local details = require "flows.details"
local dynamics = require "dynamics"
local helper = require "flows.helper"
local links = require "links"
local text = require "text"
local turns = require "turn"

local M = {}

local QUALIFIED = 3 -- a status reason
local MONEY_NAMES = { "value", "currency", "closing_date" }
local NOT_CARRIED = { "intent", "partner_role", "solution_area", "solution_play", "stage",
  "campaign", "solutions" }

-- The contact as QualifyLead made him of the lead, so that an edit since is one; who was there
-- before is as he is.
local function person_of(lead, row, crm)
  local contact = canonical.record(row.parentcontactid)
  local born, since = text.ms(contact.createdon), text.ms(lead.createdon)
  return born and since and born >= since and canonical.crm_contact(lead) or crm.contact
end

---The opportunity takes the link over: ours on it, and what Partner Center has comes in as news.
---(suspends)
---@param turn Turn
---@param opportunity string  its id
---@param line string  for the audit text
---@return true|nil, table|nil err
function M.become(turn, opportunity, line)
  local link, known = turn.link, turn.known
  local agreed, there = agreement.bases(link)
  local was, lead = { crm = link.crm }, turn.row
  link.crm, link.mapped = { table = known.table, id = opportunity }, nil
  local ok, err = helper.read(turn)
  if not ok then
    return nil, err
  end
  local deal = turns.partner_now(turn)
  ok, err = helper.write(turn, { to_crm = { id = deal.id, link = deal.link },
    extra = { [known.columns.sync] = true } }, { line })
  if not ok then
    return nil, err
  end
  turns.note(turn, line)
  turns.say(turn, "partner_center_to_dynamics", "qualified",
    { row = opportunity, lines = { line } })
  -- Name and notes as the lead had agreed on them, so that edits on either side stay edits; open
  -- now is somebody's decision; the rest comes from Partner Center.
  local crm = canonical.from_crm(turn.row, known)
  crm.state, crm.name, crm.notes = "hold", agreed.name, agreed.notes
  crm.contact = person_of(lead, turn.row, crm)
  local base = { state = "new", name = there.name, notes = there.notes }
  for _, name in ipairs(crm.value and MONEY_NAMES or {}) do
    crm[name], base[name] = there[name], there[name]
  end
  for _, name in ipairs(NOT_CARRIED) do
    crm[name] = nil -- what the opportunity has of them, a seller has given it since
  end
  links.forget_row(was) -- not before the other is on record: its row is nobody else's meanwhile
  ok, err = agreement.keep(link, crm, base)
  links.wake(link.id, "qualified")
  return ok, err
end

---Account and contact that the CRM has already are used, the others made by the action itself.
---(suspends)
---@param turn Turn
---@return integer|nil, table|nil err  0: the lead says now which opportunity it became
function M.run(turn)
  local known, deal = turn.known, turns.partner_now(turn)
  local hits, err = details.find(deal, known)
  if not hits then
    return nil, err
  end
  local body = { CreateAccount = not hits.account, CreateContact = not hits.contact,
    CreateOpportunity = true, Status = QUALIFIED }
  if hits.account then
    body.OpportunityCustomerId = { ["@odata.type"] = "Microsoft.Dynamics.CRM.account",
      accountid = hits.account.accountid }
  end
  local currency = deal.currency and known.currencies.by_code[deal.currency]
  if currency then
    body.OpportunityCurrencyId = { ["@odata.type"] = "Microsoft.Dynamics.CRM.transactioncurrency",
      transactioncurrencyid = currency.row }
  end
  local ok
  ok, err = dynamics.changes { { op = "action", body = body,
    name = ("%s(%s)/Microsoft.Dynamics.CRM.QualifyLead"):format(turn.meta.set,
      turn.link.crm.id) } }
  local lead = not ok and err.kind == "remote" and dynamics.get("lead", turn.link.crm.id,
    { "statecode" })
  if ok or lead and lead.statecode ~= 0 then -- or somebody has decided meanwhile
    return 0
  end
  return nil, err
end

return M

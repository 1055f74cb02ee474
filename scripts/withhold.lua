-- What of a plan may not travel now, and what the seller is told of it; the rest travels
-- (reconcile rules 6, 7, 10, 12, 14).  A value that is held keeps its old base where it is to stay
-- a change (plan.stays); else it counts as seen.
-- Changes plans; it must never write or ask a service.
local canonical = require "canonical"
local choices = require "choices"
local facts = require "facts"
local fields = require "fields"
local state = require "state"

local M = {}

local MOST_SOLUTIONS = 50 -- of a referral
local FIRST_DAY = "1753-01-01" -- of the CRM's calendar

-- One row a cause: the field, when it is bad, the key of what is told.
local BAD = {
  { "value", function(plan) return canonical.is_zero(canonical.given(plan.to_partner.value)) end,
    "keeps-value" },
  { "closing_date", function(plan) return plan.to_partner.closing_date == json.null end,
    "keeps-date" },
  { "name", function(plan) return plan.to_partner.name == json.null end,
    "keeps-name" },
  { "currency", function(plan) return plan.to_partner.currency == json.null end,
    "keeps-currency" },
  { "solutions", function(plan) return #plan.to_partner.solutions == 0 end,
    "keeps-last", stays = true },
  { "solutions", function(plan) return #plan.to_partner.solutions > MOST_SOLUTIONS end,
    "keeps-fewer", stays = true },
  { "help", function(plan)
    return not (canonical.whole(plan.partner.contact) or canonical.whole(plan.crm.contact))
  end, "keeps-contact" },
}

-- A field that is held goes with its group (rule 5).
local function hold(plan, name)
  plan.to_partner[name] = nil
  if name == "value" or name == "currency" then
    plan.to_partner.value, plan.to_partner.currency = nil, nil
  end
end

---Solutions that the CRM's table does not have can't be added to the row; the rest of the deal
---goes on, and they come at the next look once somebody has added them there.
---@return table[] kept, table[] held  what is told of the others
function M.known_solutions(list, known)
  local kept, held = json.array {}, json.array {}
  for _, item in ipairs(list) do
    if facts.solution(known, item.id) then
      kept[#kept + 1] = item
    else
      held[#held + 1] = { field = "solutions", key = "no-solution", holes = { id = item.id } }
    end
  end
  return kept, held
end

local function hold_solutions(plan, known)
  if not plan.to_crm.solutions then
    return json.array {}
  end
  local kept, held = M.known_solutions(plan.to_crm.solutions, known)
  plan.waits = plan.waits or #held > 0
  local same = canonical.same(fields.by_name.solutions, kept, plan.crm.solutions)
  plan.to_crm.solutions = not same and kept or nil
  return held
end

---The last solution of a shared deal was removed, and the setting says that this stops it: what
---Partner Center has stays as it is.
---@param plan Plan
---@return boolean
function M.last_solution(plan)
  local wanted = plan.to_partner.solutions
  if not wanted or #wanted > 0 or
    host.profile.settings.remove_last_solution == "keep" then
    return false
  end
  hold(plan, "solutions")
  plan.stays.crm.solutions, plan.waits = true, true
  return true
end

---Values that Partner Center does not take, one by one.
---@param plan Plan
---@return Told[]
function M.bad(plan)
  local held = json.array {}
  for _, rule in ipairs(BAD) do
    local field, is_bad, why = table.unpack(rule)
    if plan.to_partner[field] ~= nil and is_bad(plan) then
      hold(plan, field)
      plan.stays.crm[field], plan.waits = rule.stays, plan.waits or rule.stays
      held[#held + 1] = { field = field, key = why }
    end
  end
  return held
end

local REFUSED = { [400] = true, [422] = true }

-- Whether a refusal's text names a field: by the last word of its path.
local function names(said, field)
  local word = field.path and field.path:match("%w+$"):lower()
  return word and said:lower():find("%f[%w]" .. word .. "%f[%W]") ~= nil
end

---A value that Partner Center has just refused by its name stays a change; the rest may go.
---@param plan Plan
---@param err table  what the service said
---@return boolean  something is held now
function M.refused(plan, err)
  local any = false
  for _, field in ipairs(REFUSED[err.status] and fields.rows or {}) do
    if plan.to_partner[field.name] ~= nil and names(err.text, field) then
      hold(plan, field.name)
      plan.stays.crm[field.name], plan.waits, any = true, true, true
      table.insert(plan.held, { field = field.name, key = "keeps-refused" })
    end
  end
  return any
end

---Why the CRM can't hold this money; nil: it can.  (suspends)
---@return Told|nil
function M.no_money(value, currency, known)
  if currency and not facts.currency(known, currency) then
    return { field = "currency", key = "no-currency", holes = { code = currency } }
  elseif not facts.has_room(known, value) then
    return { field = "value", key = "no-room", holes = { value = value } }
  end
  return nil
end

---Why the CRM can't hold this date; nil: it can.
---@param date string|nil  canonical
---@return Told|nil
function M.too_early(date)
  if date and date < FIRST_DAY then
    return { field = "closing_date", key = "too-early", holes = { date = date } }
  end
  return nil
end

---Choices for which the CRM has no option and no row; where it has not even the column they do not
---travel, and nothing is said.
---@param values table<string, any>  canonical
---@param crm table|nil  the row's side, canonical
---@return Told[]
function M.unknown_choices(values, crm, known)
  local out = {}
  local area = canonical.given(values.solution_area) or crm and crm.solution_area
  for _, name in ipairs(choices.names) do
    local value = canonical.given(values[name])
    if value and known.columns[name] and known.choice_column(name, value, area) == nil then
      out[#out + 1] = { field = name, key = name == "help" and "no-help" or "no-choice",
        holes = { value = value } }
    end
  end
  return out
end

-- A field whose column this CRM lacks does not travel, nor is it missed.
local function hold_columnless(plan, known)
  for _, field in ipairs(fields.rows) do
    if field.optional and not known.columns[field.crm] then
      plan.to_crm[field.name] = nil
    end
  end
end

---Values that the row can't hold, one by one.  (suspends)
---@param plan Plan
---@return Told[]
function M.unfit(plan, known)
  hold_columnless(plan, known)
  local held = hold_solutions(plan, known)
  for _, said in ipairs(M.unknown_choices(plan.to_crm, plan.crm, known)) do
    plan.to_crm[said.field], plan.stays.partner[said.field] = nil, true
    held[#held + 1] = said
  end
  if plan.to_crm.name == json.null then
    plan.to_crm.name = nil
    held[#held + 1] = { field = "name", key = "no-name" }
  end
  local early = M.too_early(canonical.given(plan.to_crm.closing_date))
  if early then
    plan.to_crm.closing_date = nil
    plan.stays.partner.closing_date, plan.waits = true, true
    held[#held + 1] = early
  end
  local money = M.no_money(canonical.given(plan.to_crm.value),
    canonical.given(plan.to_crm.currency), known)
  if money then
    plan.to_crm.currency, plan.to_crm.value = nil, nil
    plan.stays.partner.currency, plan.stays.partner.value, plan.waits = true, true, true
    held[#held + 1] = money
  end
  return held
end

---A closed referral takes no edit any more: told, not sent (situation 11).
function M.closed(plan)
  if next(plan.to_partner) and state.closed[plan.partner.state] then
    plan.to_partner.crm_id = nil -- nobody's edit
    if next(plan.to_partner) == nil then
      return
    end
    for name in pairs(plan.to_partner) do
      plan.stays.crm[name] = name ~= "state" or nil
    end
    plan.to_partner, plan.pair = {}, nil
    table.insert(plan.told, { field = "state", why = "closed" })
  end
end

local function closes(plan)
  return plan.pair ~= nil and plan.pair[1] == "Closed"
end

---Whether the deal closes at Partner Center, and is not won: a reason goes with that.
function M.loses(plan)
  return closes(plan) and plan.pair[2] ~= "Won"
end

---Of a deal that closes Microsoft is not asked for help any more.
function M.closing(plan)
  if closes(plan) and plan.to_partner.help then
    plan.to_partner.help = nil
    table.insert(plan.told, { field = "help", why = "too-late" })
  end
end

---What may only be sent once the referral is accepted (rule 17): kept as a change until then.
function M.unaccepted(plan)
  if plan.partner.state ~= "new" or plan.to_partner.state then
    return
  end
  for name in pairs(plan.to_partner) do
    if name ~= "crm_id" then
      plan.to_partner[name] = nil
      plan.stays.crm[name] = true
    end
  end
end

---Sharing can't be taken back, so it waits until the row has been left alone for a while; what
---else changed does not, nor what goes with a close.
---@param wait integer|nil  ms
---@return boolean  something waits
function M.sharing(plan, wait)
  local to = plan.to_partner
  if not wait or closes(plan) or not (to.help or to.visible) then
    return false
  end
  to.help, to.visible = nil, nil
  return true
end

-- Bookkeeping of ours: it follows whatever the direction of the deals.
local OWN = { id = true, link = true, microsoft_id = true }

---A direction that is switched off (a flow, or the setting `inbound`): changes wait for it.
---@param side "crm"|"partner"  that is not written
function M.direction(plan, side)
  local target, other = "to_" .. side, side == "crm" and "partner" or "crm"
  for name in pairs(plan[target]) do
    if not OWN[name] then
      plan[target][name] = nil
      plan.stays[other][name] = true
      plan.waits = true
    end
  end
  if side == "crm" then
    plan.crm_move = nil
  else
    plan.pair = nil
  end
end

return M

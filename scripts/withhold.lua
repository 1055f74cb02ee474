-- What of a plan may not travel now, and what the seller is told of it; the rest travels
-- (reconcile rules 6, 7, 10, 12, 14).  A value that is held keeps its old base where it is to stay
-- a change (plan.stays); else it counts as seen.
-- Changes plans; it must never write or ask a service.
local canonical = require "canonical"
local choices = require "choices"
local facts = require "facts"
local fields = require "fields"
local more_fields = require "more_fields"
local rows = require "row"
local state = require "state"

local M = {}

local MOST_SOLUTIONS = 50 -- of a referral

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

-- A solution without a price or quantity that its column has no room for: the row keeps its own.
local function fitting(item, there, known, held)
  local out, s = {}, known.solutions or {}
  for name, value in pairs(item) do
    out[name] = value
  end
  for _, part in ipairs { "price", "quantity" } do
    if s[part] and not canonical.fits(s.columns[s[part]], item[part]) then
      out[part] = there and there[part]
      held[#held + 1] = { field = "solutions", part = part, key = "no-room-part",
        holes = { value = item[part], id = item.id } }
    end
  end
  return out
end

---Solutions that the CRM's table does not have can't be added to the row; the rest of the deal
---goes on, and they come at the next look once somebody has added them there.
---@param present table[]|nil  canonical: those of the row
---@return table[] kept, table[] held  what is told of the others
function M.known_solutions(list, known, present)
  local kept, held, there = json.array {}, json.array {}, {}
  for _, item in ipairs(present or {}) do
    there[item.id:lower()] = item
  end
  for _, item in ipairs(list) do
    if facts.solution(known, item.id) then
      kept[#kept + 1] = fitting(item, there[item.id:lower()], known, held)
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
  local kept, held = M.known_solutions(plan.to_crm.solutions, known, plan.crm.solutions)
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

---Whether the deal value is the CRM's own: a column that is calculated, or read-only for us.
function M.owns_value(known)
  local column = known.meta.columns[known.deal_value.write]
  return column ~= nil and column.update == false
end

---Why the CRM can't hold this money; nil: it can.  (suspends)
---@param currency any|nil  json.null: the deal has none at Partner Center
---@return Told|nil
function M.no_money(value, currency, known)
  if currency == json.null then
    return { field = "currency", key = "empty-there" }
  elseif currency and not facts.currency(known, currency) then
    return { field = "currency", key = "no-currency", holes = { code = currency } }
  elseif not facts.has_room(known, value) then
    return { field = "value", key = "no-room", holes = { value = value } }
  end
  return nil
end

---What a new row is not given of the deal's money: it goes as a whole, but of a value that is the
---CRM's own the number alone.  (suspends)
---@param deal table  canonical; the CRM's own value goes from it
---@param left_out string[]  the fields that are held are added
---@param held Told[]
---@return boolean|nil owned  the value is the CRM's own, and it is told
function M.money(deal, known, left_out, held)
  local nothing, owned = canonical.is_zero(deal.value), nil
  if not nothing and M.owns_value(known) then
    deal.value, nothing, owned = nil, true, true
    held[#held + 1] = { field = "value", key = "owned" }
  end
  local why = M.no_money(deal.value, deal.currency or not nothing and json.null or nil, known)
  if why then
    held[#held + 1] = why
    table.move({ "value", "currency" }, 1, 2, #left_out + 1, left_out)
  end
  return owned
end

---Why the CRM can't hold this date; nil: it can.
---@param date any|nil  canonical
---@return Told|nil
function M.too_early(date)
  if canonical.given(date) and date < canonical.first_day then
    return { field = "closing_date", key = "too-early", holes = { date = date } }
  end
  return nil
end

---Choices for which the CRM has no option and no row, and what a column that the mapping added has
---no room for; where it has not even the column they do not travel, and nothing is said.
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
  for _, field in ipairs(fields.added) do
    out[#out + 1] = more_fields.unfit(field, canonical.given(values[field.name]))
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

-- What each deal has to have, and Partner Center has no more: the CRM keeps its own.
local EMPTIED = {
  name = function(value) return value == json.null end,
  value = function(value) return canonical.is_zero(canonical.given(value)) end,
  closing_date = function(value) return value == json.null end,
  solutions = function(list) return type(list) == "table" and #list == 0 end,
}

local function hold_emptied(plan, held)
  for _, field in ipairs(fields.rows) do
    local name = field.name
    local value, is_empty = plan.to_crm[name], EMPTIED[name]
    if value ~= nil and is_empty and is_empty(value) then
      plan.to_crm[name] = nil
      if name == "value" then
        plan.to_crm.currency = nil
      end
      held[#held + 1] = { field = name, key = "empty-there" }
    end
  end
end

local CUT = { microsoft_id = true, program = true, campaign = true }

-- Texts that Partner Center writes are cut at their columns; one that stands there so is no change.
local function cut_texts(plan, known, held)
  for _, field in ipairs(fields.rows) do
    local cuts = CUT[field.name] or field.more and field.kind == "text"
    local name = cuts and field.name
    local value = name and plan.to_crm[name]
    local cut, max = rows.cut(name, value, known)
    if cut ~= value and cut == plan.crm[name] then
      plan.to_crm[name] = nil
    elseif cut ~= value then
      plan.to_crm[name] = cut
      held[#held + 1] = { field = name, key = "cut", holes = { max = max } }
    end
  end
end

---Values that the row can't hold, one by one; plan.owned: the deal value is the CRM's own.
---(suspends)
---@param plan Plan
---@return Told[]
function M.unfit(plan, known)
  hold_columnless(plan, known)
  local held = hold_solutions(plan, known)
  if M.owns_value(known) and (plan.to_crm.value or plan.to_crm.currency) then
    plan.to_crm.value, plan.to_crm.currency, plan.owned = nil, nil, true
  end
  hold_emptied(plan, held)
  cut_texts(plan, known, held)
  for _, said in ipairs(M.unknown_choices(plan.to_crm, plan.crm, known)) do
    plan.to_crm[said.field], plan.stays.partner[said.field] = nil, true
    held[#held + 1] = said
  end
  local early = M.too_early(plan.to_crm.closing_date)
  if early then
    plan.to_crm.closing_date = nil
    plan.stays.partner.closing_date, plan.waits = true, true
    held[#held + 1] = early
  end
  local money = M.no_money(canonical.given(plan.to_crm.value), plan.to_crm.currency, known)
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

---A direction that is switched off (a flow, or the setting `inbound`): changes wait for it.
---@param side "crm"|"partner"  that is not written
function M.direction(plan, side)
  local target, other = "to_" .. side, side == "crm" and "partner" or "crm"
  for name in pairs(plan[target]) do
    if not fields.at(name).own then
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

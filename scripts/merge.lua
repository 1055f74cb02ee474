-- The merge of one deal, field by field, against two bases (reconcile rules 1, 5, 6).  Pure:
-- takes the two canonical deals and bases, gives a plan.  It must never read, write, or ask.
local canonical = require "canonical"
local fields = require "fields"
local state = require "state"

local M = {}

local by_id = canonical.by_id

---@class Plan
---@field to_crm table<string, any>      field -> value to write there (json.null clears)
---@field to_partner table<string, any>  field -> value to write there
---@field conflicts table[]  {field=, crm=, partner=, kept="crm"|"partner"|"resolve", value=};
---               resolve: both lost, and got value
---@field told table[]       {field=, why=} what cannot travel, said once
---@field half_way string|nil  the CRM's state that this turn reaches, where another must follow
---@field decided table<string, string>  field -> who or what decided that it travels
---@field between boolean|nil  somebody may have changed the referral before it was read again

local function changed(group, side, base)
  for _, field in ipairs(group.rows) do
    if not canonical.same(field, side[field.name], base[field.name]) then
      return true
    end
  end
  return false
end

local function equal(group, crm, partner)
  for _, field in ipairs(group.rows) do
    if not canonical.same(field, crm[field.name], partner[field.name]) then
      return false
    end
  end
  return true
end

-- Members of b that a's set lost or gained since base, applied to the other side's set.
local function merge_set(mine, base, other)
  local i_mine, i_base, i_other = by_id(mine), by_id(base), by_id(other)
  local out = json.array {}
  for _, item in ipairs(other or {}) do
    local id = tostring(item.id):lower()
    if not (i_base[id] and not i_mine[id]) then -- not removed by us
      out[#out + 1] = item
    end
  end
  for _, item in ipairs(mine or {}) do
    local id = tostring(item.id):lower()
    if not i_other[id] and not i_base[id] and i_mine[id] == item then -- added by us, once
      out[#out + 1] = item
    end
  end
  return out
end

local function send(plan, target, field, value, why)
  plan[target][field.name] = value == nil and json.null or value
  plan.decided[field.name] = why
end

local MOVED = { crm = "the CRM changed", partner = "Partner Center changed" }

-- One side changed: its values go to the other, as far as the table lets them.
local function one_way(plan, group, from, to, why)
  for _, field in ipairs(group.rows) do
    local way = to == plan.crm and "to_crm" or "to_partner"
    if canonical.same(field, from[field.name], to[field.name]) then
      goto continue
    end
    if field[way] == "update" then
      send(plan, way, field, from[field.name], why)
    end
    ::continue::
  end
end

-- A member as one side is to have it: its own, with what travels along where the other changed it
-- since its base, and this side did not, or loses.  Without a base, what it says is a change.
local function member_of(field, one, was, there, there_was, loses)
  local out = {}
  for name, value in pairs(one) do
    out[name] = value
  end
  for _, part in ipairs(field.parts) do
    local name = part.name
    local changed_there = name ~= "id" and there[name] ~= (there_was or {})[name]
    if changed_there and (loses or one[name] == (was or {})[name]) then
      out[name] = there[name]
    end
  end
  return out
end

-- The members as one side is to have them.
local function members(merged, field, own, own_base, other, other_base, loses)
  local mine, was, theirs, theirs_was = by_id(own), by_id(own_base), by_id(other), by_id(other_base)
  local out = json.array {}
  for i, item in ipairs(merged) do
    local id = tostring(item.id):lower()
    local one, there = mine[id], theirs[id]
    out[i] = one and there and member_of(field, one, was[id], there, theirs_was[id], loses) or
      one or there or item
  end
  return out
end

-- Whether both sides changed the same of a member, and not to the same.
local function clash(field, own, own_base, other, other_base)
  local was, theirs, theirs_was = by_id(own_base), by_id(other), by_id(other_base)
  for id, one in pairs(by_id(own)) do
    local there = theirs[id]
    for _, part in ipairs(there and field.parts or {}) do
      local name = part.name
      if name ~= "id" and one[name] ~= (was[id] or {})[name] and
        there[name] ~= (theirs_was[id] or {})[name] and one[name] ~= there[name] then
        return true
      end
    end
  end
  return false
end

local BOTH = "both changed: the field table says"

local function both_ways_set(plan, field, crm, partner, crm_base, partner_base)
  local name, why = field.name, "members come and go by themselves"
  local merged = merge_set(crm[name], crm_base[name], partner[name])
  merged = merge_set(partner[name], partner_base[name], merged)
  if #merged == 0 and #crm[name] > 0 and #partner[name] > 0 then -- each removed what the other kept
    plan.conflicts[#plan.conflicts + 1] =
      { field = name, crm = crm[name], partner = partner[name], kept = "crm" }
    return send(plan, "to_partner", field, crm[name], BOTH)
  end
  local there = members(merged, field, partner[name], partner_base[name], crm[name],
    crm_base[name], true)
  local here = members(merged, field, crm[name], crm_base[name], partner[name],
    partner_base[name], false)
  if clash(field, crm[name], crm_base[name], partner[name], partner_base[name]) then
    plan.conflicts[#plan.conflicts + 1] =
      { field = name, crm = crm[name], partner = partner[name], kept = "crm" }
  end
  if not canonical.same(field, there, partner[name]) then
    send(plan, "to_partner", field, there, why)
  end
  if not canonical.same(field, here, crm[name]) then
    send(plan, "to_crm", field, here, why)
  end
end

-- Help and visibility only ever rise: once true or set they stay (rule 6); who takes them back is
-- told.
local function rise(plan, group, crm, partner, crm_base)
  for _, field in ipairs(group.rows) do
    local c, p = crm[field.name], partner[field.name]
    if c and not p and field.name == "help" and partner.microsoft_state then
      plan.told[#plan.told + 1] = { field = field.name, why = "there" } -- Microsoft is in already
    elseif c and not p then
      send(plan, "to_partner", field, c, MOVED.crm)
    elseif p and not c then
      local taken_back = crm_base[field.name]
      send(plan, "to_crm", field, p, taken_back and "it can't be taken back" or MOVED.partner)
      if taken_back then
        plan.told[#plan.told + 1] = { field = field.name, why = "fixed" }
      end
    elseif c ~= p then
      -- a help code that was asked cannot be changed any more
      send(plan, "to_crm", field, p, "Partner Center's stays, once asked")
      plan.told[#plan.told + 1] = { field = field.name, why = "fixed" }
    end
  end
end

local function merge_state(plan, crm, partner, crm_base, partner_base)
  local crm_moved = crm.state ~= crm_base.state and
    (crm_base.state ~= nil or state.closed[crm.state] == true) -- no base: closed is a decision
  local partner_moved = partner.state ~= partner_base.state
  if not (crm_moved or partner_moved) then
    return
  end
  if partner_moved and not state.known(partner.state) then
    plan.told[#plan.told + 1] = { field = "state", why = "unknown", value = partner.state }
  end
  if state.agree(partner.state, crm.state) and not (partner.state == "new" and crm_moved) and
    not (partner.state == "active" and partner_moved and crm.state == "hold") then
    return
  end
  local newly_closed = partner_moved and state.closed[partner.state]
  if partner_moved and (newly_closed or not crm_moved) then
    local move = state.to_crm(partner.state, crm.state)
    if move then
      plan.to_crm.state = partner.state
      plan.crm_move = move
      plan.decided.state = MOVED.partner
    elseif state.closed[crm.state] and state.closed[partner.state] then
      plan.conflicts[#plan.conflicts + 1] =
        { field = "state", crm = crm.state, partner = partner.state, kept = "crm" }
    end
    return
  end
  local pair = state.to_partner(partner.state, crm.state)
  if pair then
    plan.to_partner.state = crm.state
    plan.pair, plan.half_way = pair, pair.by_way_of
    plan.decided.state = MOVED.crm
  elseif pair == nil then
    local why = state.closed[partner.state] and "closed" or "move"
    plan.told[#plan.told + 1] = { field = "state", why = why }
  end
end

local RESOLVED = "both changed: `resolve` of details.lua says"
local NEWEST = "both changed: the later one counts"
local EMPTY = "both changed: the CRM's is empty"

-- Who was changed last, as far as the two services' clocks and whole records tell.
local function newest(crm, partner)
  return (partner.changed_ms or 0) > (crm.changed_ms or 0) and "partner" or "crm"
end

-- Empty where each deal has a value: it could not be sent, so nothing of it is lost.
local function is_missing(field, value)
  return field.required == "always" and (value == nil or field.kind == "amount" and
    canonical.is_zero(value))
end

-- -> the side that wins, and why; or "resolve", why, and the value that both get
local function winner(group, resolve, crm, partner, crm_base, partner_base)
  local field = group.rows[1]
  local value = resolve and resolve(field, crm, partner, crm_base, partner_base)
  if value == nil and is_missing(field, crm[field.name]) then
    return "partner", EMPTY
  elseif value == nil and field.conflict == "newest" then
    return newest(crm, partner), NEWEST
  elseif value == nil then
    return field.conflict or "crm", BOTH
  elseif canonical.same(field, value, partner[field.name]) then
    return "partner", RESOLVED
  elseif canonical.same(field, value, crm[field.name]) then
    return "crm", RESOLVED
  end
  return "resolve", RESOLVED, value
end

local function conflict(plan, group, kept, values)
  for _, field in ipairs(group.rows) do
    local c, p = plan.crm[field.name], plan.partner[field.name]
    local lost = kept ~= "partner" or not is_missing(field, c)
    if not canonical.same(field, c, p) and lost then
      table.insert(plan.conflicts, { field = field.name, crm = c, partner = p, kept = kept,
        value = values and values[field.name] })
    end
  end
end

-- A value that neither side has goes to both; what else its group holds, the CRM's currency, along.
local function both_get(plan, group, value, why)
  local field, values = group.rows[1], {}
  for _, other in ipairs(group.rows) do
    values[other.name] = plan.crm[other.name]
  end
  values[field.name] = value
  conflict(plan, group, "resolve", values)
  one_way(plan, group, values, plan.crm, why)
  one_way(plan, group, values, plan.partner, why)
end

-- What is fixed at creation: a later edit in the CRM is told, part by part; nothing travels.
local function fixed(plan, group, crm, crm_base)
  local field = group.rows[1]
  local now, was = crm[field.name], crm_base[field.name]
  if was == nil or not changed(group, crm, crm_base) then
    return
  end
  if field.fixed == "sharing" and plan.partner.microsoft_state == nil then
    if now then
      send(plan, "to_partner", field, now, MOVED.crm)
    end
    return
  end
  local any = false
  for _, part in ipairs(field.kind == "record" and field.parts or {}) do
    if (now or {})[part.name] ~= was[part.name] then
      any = true
      plan.told[#plan.told + 1] = { field = field.name, part = part.name, why = "read-only" }
    end
  end
  if not any then
    plan.told[#plan.told + 1] = { field = field.name, why = "read-only" }
  end
end

local function merge_group(plan, group, crm, partner, crm_base, partner_base, resolve)
  local first = group.rows[1]
  if first.to_crm ~= "update" and first.to_partner ~= "update" then
    if first.to_partner == "create" then
      fixed(plan, group, crm, crm_base)
    end
    return
  elseif first.kind == "set" then
    return both_ways_set(plan, first, crm, partner, crm_base, partner_base)
  elseif first.conflict == "rise" then
    return rise(plan, group, crm, partner, crm_base)
  elseif first.to_partner ~= "update" or first.to_crm ~= "update" then
    -- owned by one side: the other is put right whatever it says (rule 8)
    local own = first.to_partner ~= "update" and partner or crm
    return one_way(plan, group, own, own == crm and partner or crm,
      own == crm and "the CRM's own" or "Partner Center's own")
  end
  local crm_moved = changed(group, crm, crm_base)
  local partner_moved = changed(group, partner, partner_base)
  if equal(group, crm, partner) or not (crm_moved or partner_moved) then
    return
  end
  local why = crm_moved and MOVED.crm or MOVED.partner
  if crm_moved and partner_moved then
    local kept, value
    kept, why, value = winner(group, resolve, crm, partner, crm_base, partner_base)
    if kept == "resolve" then
      return both_get(plan, group, value, why)
    end
    conflict(plan, group, kept)
    crm_moved = kept == "crm"
  end
  one_way(plan, group, crm_moved and crm or partner, crm_moved and partner or crm, why)
end

---@param crm table  canonical, as read
---@param partner table
---@param crm_base table
---@param partner_base table
---@param resolve function|nil  (field, crm, partner, crm_base, partner_base) -> canonical value|nil
---@return Plan
function M.plan(crm, partner, crm_base, partner_base, resolve)
  local plan = {
    to_crm = {}, to_partner = {}, conflicts = {}, told = {}, decided = {},
    crm = crm, partner = partner,
  }
  for _, group in ipairs(fields.groups) do
    if group.name == "state" then
      merge_state(plan, crm, partner, crm_base, partner_base)
    else
      merge_group(plan, group, crm, partner, crm_base, partner_base, resolve)
    end
  end
  return plan
end

---Help that is sent implies visible, on both sides, and that can't be taken back.
---@param plan Plan
function M.share(plan)
  if plan.to_partner.help then
    plan.to_partner.visible = not plan.partner.visible or nil
    plan.to_crm.visible = not plan.crm.visible or nil
  end
end

---What a person decided goes to both sides and ends what they disagreed about.
---@param plan Plan
---@param orders table<string, any>  field -> canonical value
function M.order(plan, orders)
  for name, value in pairs(orders) do
    local field, wanted = fields.at(name), canonical.given(value)
    plan.to_crm[name], plan.to_partner[name] = nil, nil
    if field.to_crm == "update" and not canonical.same(field, plan.crm[name], wanted) then
      send(plan, "to_crm", field, wanted, "a person decided")
    end
    if field.to_partner == "update" and not canonical.same(field, plan.partner[name], wanted) then
      send(plan, "to_partner", field, wanted, "a person decided")
    end
    for i = #plan.conflicts, 1, -1 do
      if plan.conflicts[i].field == name then
        table.remove(plan.conflicts, i)
      end
    end
  end
end

---A group that one side does not let go: it keeps its own, and the other's is a conflict.
---@param plan Plan
---@param name string  of the group
---@param side "crm"|"partner"
function M.keep(plan, name, side)
  for _, group in ipairs(fields.groups) do
    if group.name == name then
      conflict(plan, group, side)
      for _, field in ipairs(group.rows) do
        plan["to_" .. side][field.name] = nil
      end
    end
  end
end

---What differs from its base, by side: what a record of the turn shows.
---@return {crm: table, partner: table}
function M.differed(crm, partner, crm_base, partner_base)
  local out = { crm = {}, partner = {} }
  for _, field in ipairs(fields.rows) do
    local name = field.name
    if not canonical.same(field, crm[name], crm_base[name]) then
      out.crm[name] = crm[name] == nil and json.null or crm[name]
    end
    if not canonical.same(field, partner[name], partner_base[name]) then
      out.partner[name] = partner[name] == nil and json.null or partner[name]
    end
  end
  return out
end

function M.empty(plan)
  return next(plan.to_crm) == nil and next(plan.to_partner) == nil
end

return M

-- Flow g, "Dynamics 365 to Partner Center": writes what a plan says for the referral.  One PATCH
-- with If-Match; a field outside the service's PATCH list makes it one PUT that carries
-- everything ("Update a lead or opportunity"; reconcile rule 7).  It must never decide what is
-- written.
local canonical = require "canonical"
local choices = require "choices"
local create_referral = require "flows.create_referral"
local fields = require "fields"
local links = require "links"
local more_fields = require "more_fields"
local partner_center = require "partner_center"
local referral_body = require "referral_body"

local M = {}

local function requirements_of(ours)
  return canonical.record(canonical.record(ours.details).requirements)
end

-- What both sides chose, the plan's over the referral's.
local function attributes_of(plan, ours, known)
  local chosen = {}
  for _, field in ipairs(fields.rows) do
    local value = plan.to_partner[field.name]
    if field.attribute then
      chosen[field.name] = value == nil and plan.partner[field.name] or value
    end
  end
  local there = canonical.record(requirements_of(ours).additionalRequirements).attributes
  return referral_body.attributes(chosen, known, partner_center.list(there))
end

-- How a field's canonical value looks on the wire; others go as they are.
local WIRE = {
  value = canonical.wire_amount,
  closing_date = function(date) return date .. "T00:00:00Z" end,
  stage = function(stage, _, _, known) return choices.to_partner(known.choices, "stage", stage) end,
  solutions = function(list, plan, ours)
    return referral_body.solutions(list, plan.to_partner.currency or plan.partner.currency,
      partner_center.list(requirements_of(ours).solutions), plan.partner.solutions)
  end,
  contact = function(contact, _, ours) -- it is the first; others stay
    local team = referral_body.members { contact }
    local there = partner_center.list(canonical.record(ours.customerProfile).team)
    return table.move(there, 2, #there, 2, team)
  end,
}

local function state_ops(ops, plan)
  local pair = plan.pair
  ops[#ops + 1] = { op = "replace", path = "/status", value = pair[1] }
  ops[#ops + 1] = { op = "replace", path = "/substatus", value = pair[2] }
  if pair[1] == "Closed" and pair[2] ~= "Won" then -- a reason is demanded
    ops[#ops + 1] = { op = "replace", path = "/statusReason",
      value = plan.crm.reason or fields.by_name.reason.default }
  end
end

local TRAVELS = { patch = true, put = true }

-- JSON Patch operations for a plan, and whether one of them needs a PUT.
local function operations(plan, ours, known)
  local ops, put, listed = {}, false, nil
  if plan.to_partner.help and not canonical.whole(plan.partner.contact) then
    plan.to_partner.contact = plan.crm.contact -- it freezes with the first share
  end
  for _, field in ipairs(fields.rows) do
    local value = plan.to_partner[field.name]
    if field.name == "state" and value ~= nil then
      state_ops(ops, plan)
    elseif value ~= nil and TRAVELS[field.by] and field.name ~= "reason" and
      not (field.attribute and listed) then
      local wire = WIRE[field.name]
      if field.attribute then -- one list for all of them
        value, listed = attributes_of(plan, ours, known), true
      elseif field.more then
        value = more_fields.wire(field, value)
      elseif wire and (value ~= json.null or field.name == "stage") then
        value = wire(value, plan, ours, known)
      end
      ops[#ops + 1] = { op = "replace", path = field.path, value = value }
      put = put or field.by == "put"
    end
  end
  return ops, put
end

local function edits_of(ops)
  local edits = {}
  for i, op in ipairs(ops) do
    edits[i] = { path = op.path:sub(2):gsub("/", "."), value = op.value }
  end
  return edits
end

-- The referral as the answer shows it, read again if the answer showed none; third, whether
-- somebody may have changed it before it was read.
local function shown(id, referral, tag)
  if referral ~= true then
    return referral, tag
  end
  local now, now_tag = partner_center.get(id)
  return now, now_tag, now ~= nil and now_tag ~= tag
end

local function send(ours, ops, put)
  if #ops == 0 then
    return ours
  elseif put then
    return shown(ours.id, partner_center.put(ours.id, ours.eTag, json.encode(ours), edits_of(ops)))
  end
  return shown(ours.id, partner_center.patch(ours.id, ours.eTag, ops))
end

---Writes plan.to_partner; help that was not asked before also makes Microsoft's copy.  turn.read is
---then the referrals as they are afterwards.  (suspends)
---@param turn Turn
---@param plan Plan
---@return true|nil, table|nil err
function M.write(turn, plan)
  local read, link = turn.read, turn.link
  local ours, err
  ours, err, plan.between = send(read.ours, operations(plan, read.ours, turn.known))
  if not ours then
    err.untaken = err.kind == "conflict" -- If-Match refused it: nothing was written
    return nil, err
  end
  read.ours = ours
  if plan.to_partner.help and not read.theirs then
    links.saw(link, ours) -- a list may still show what our write has replaced
    read.theirs, err = create_referral.make_theirs(link,
      create_referral.invitation(read.ours, turn.known, plan.crm), turn.known)
    if not read.theirs then
      return nil, err
    end
    link.intent = nil
  end
  return true
end

---Writes the CRM row's id back to the referral of an inbound deal, unless it is closed: that takes
---no write any more.  (suspends)
---@param turn Turn
---@return true|nil, any err, boolean|nil between  somebody may have changed it before it was read
function M.write_crm_id(turn)
  local read, id = turn.read, turn.link.crm.id
  if canonical.given(read.ours.externalReferenceId) == id or read.ours.status == "Closed" then
    return true
  end
  local ours, err, between = send(read.ours,
    { { op = "replace", path = fields.by_name.crm_id.path, value = id } }, false)
  read.ours = ours or read.ours
  return ours and true, err, between
end

return M

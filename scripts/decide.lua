-- What a turn will do: the merge of both sides as read, what a person ordered, what may not travel
-- now, what the mapping adds, and the lines that say so (reconcile rules 6, 11, 12).  It must never
-- write.
local agreement = require "agreement"
local audit = require "audit"
local canonical = require "canonical"
local clocks = require "clocks"
local create_referral = require "flows.create_referral"
local dynamics = require "dynamics"
local details = require "flows.details"
local erased = require "erased"
local fields = require "fields"
local flow_table = require "flow_table"
local links = require "links"
local merge = require "merge"
local microsoft_updates = require "flows.microsoft_updates"
local new_row = require "new_row"
local say = require "say"
local text = require "text"
local turns = require "turn"
local withhold = require "withhold"

local M = {}

-- How a value of the mapping's is written, by the field's kind.
local FORM = { amount = canonical.amount, text = canonical.text }

-- A mapping's `resolve` may decide a conflict: the value that both sides get, or nil.
local function resolver(known)
  if not known.describe.has.resolve then
    return nil
  end
  return function(field, crm, partner, crm_base, partner_base)
    local key = field.name
    local answer, err = host.map { call = "resolve", field = key, crm = crm[key],
      partner = partner[key], crm_base = crm_base[key], partner_base = partner_base[key] }
    local value = canonical.given((answer or error(err, 0)).value)
    local form = value ~= nil and value ~= partner[key] and FORM[field.kind]
    return form and form(value, known.precision(crm.currency)) or value
  end
end

local MAPPED = "`referral.update` of details.lua says"

-- What the mapping makes of what is to be sent.  What it adds by itself goes when it differs from
-- its last answer, so that nobody's edit at Partner Center is set back with each turn.
-- -> its answers by the name they are kept under | nil, err
local function ask_mapping(plan, turn)
  local asked = {}
  if not turn.known.describe.has["referral.update"] then
    return asked
  end
  local answer, err = host.map { call = "referral.update", d = plan.partner, v = plan.to_partner,
    crm = turn.row }
  if not answer then
    return nil, err
  end
  local planned, last = plan.to_partner, turn.link.mapped or {}
  plan.to_partner = {}
  for name, value in pairs(answer.v) do
    local field, kept = fields.by_name[name], "referral." .. name
    if not (field and field.to_partner) then
      local near = text.nearest(name, text.keys(fields.by_name))
      return nil, { kind = "data", text = ("`referral.update` of details.lua: `%s` is no field " ..
        "that goes to Partner Center%s"):format(name, near and "; did you mean `" .. near .. "`?"
        or "") }
    end
    local form = value ~= json.null and FORM[field.kind]
    value = form and form(value, turn.known.precision(plan.partner.currency)) or value
    asked[kept] = json.encode(value)
    local news = not erased.same(last[kept], asked[kept]) and
      not canonical.same(field, canonical.given(value), plan.partner[name])
    if planned[name] ~= nil or news then
      plan.to_partner[name] = value
      if planned[name] == nil or json.encode(planned[name]) ~= asked[kept] then
        plan.decided[name] = MAPPED
      end
    end
  end
  return asked
end

-- What is worth a write of its own is told once for the same values (rule 11); a read-only notice
-- waits for the next real write.
local function news(link, plan)
  local items = {}
  for _, list in ipairs { plan.told, plan.held, plan.conflicts } do
    for _, item in ipairs(list) do
      if item.why ~= "read-only" then
        items[#items + 1] = item
      end
    end
  end
  if #items == 0 then
    link.told = nil
    return false
  end
  return links.told_each(link, items)
end

-- Why the row was lost: the mapping's words, else those of who closed it, else its status reason.
local function learn_reason(plan, turn)
  if not withhold.loses(plan) or turn.known.describe.has.close_reason then
    return true
  end
  local rows, err = dynamics.query("opportunityclose", { select = { "description" }, top = 1,
    filter = "_opportunityid_value eq " .. turn.link.crm.id, orderby = "createdon desc" })
  if not rows then
    return nil, err
  end
  local words = rows[1] and canonical.text(rows[1].description)
  plan.crm.reason = words or plan.crm.reason
  return true
end

-- A deal without any solution stops, unless one comes within the time that settles a deal: sellers
-- replace the last one in two steps.
local function stop_bare(plan, link)
  if not withhold.last_solution(plan) then
    link.bare_ms = nil
    return
  end
  local now = host.now_ms()
  link.bare_ms = math.min(link.bare_ms or now, now) -- the clock may have been put back
  local left = link.bare_ms + (host.profile.settings.settle or 60) * 1000 - now
  if left > 0 then
    links.wake(link.id, "settled", left)
  else
    plan.stopped, link.bare_ms = say "stopped", nil
  end
end

-- What may not go to Partner Center now; the rest of its plan stands.
local function outward(plan, turn)
  withhold.closed(plan)
  withhold.closing(plan)
  withhold.unaccepted(plan)
  if not flow_table.on "dynamics_to_partner_center" then
    withhold.direction(plan, "partner")
  end
  stop_bare(plan, turn.link)
  plan.held = withhold.bad(plan)
  local wait = create_referral.unsettled(turn)
  if withhold.sharing(plan, wait) then
    links.wake(turn.link.id, "settled", wait)
  end
end

-- The same of the row: flows that are off, the setting `inbound`, and what it can't hold.
local function inward(plan, known)
  if new_row.inbound() == "none" or not flow_table.on "helper" then
    withhold.direction(plan, "crm")
  end
  microsoft_updates.withhold(plan)
  local held = withhold.unfit(plan, known)
  table.move(held, 1, #held, #plan.held + 1, plan.held)
end

-- Of what the mapping said for Partner Center: what is sent, and what stands there already.
local function keep_asked(plan, asked)
  for name, said in pairs(asked) do
    local field = name:match("[^.]+$")
    if plan.to_partner[field] ~= nil or json.encode(plan.partner[field]) == said then
      plan.mapped = plan.mapped or {}
      plan.mapped[name] = said
    end
  end
end

function M.plan(turn)
  local link, known = turn.link, turn.known
  local crm = canonical.from_crm(turn.row, known)
  local partner = canonical.from_partner(turn.read.ours, turn.read.theirs, known)
  local crm_base, partner_base = agreement.bases(link, crm, partner)
  agreement.written(link, turn.tag, crm, crm_base, partner_base)
  turns.name(turn, crm)
  local plan = merge.plan(crm, partner, crm_base, partner_base, resolver(known))
  plan.crm_base, plan.partner_base = crm_base, partner_base
  plan.stays = { crm = {}, partner = {} }
  plan.differed = merge.differed(crm, partner, crm_base, partner_base)
  merge.order(plan, link.orders or {})
  local asked, unasked = ask_mapping(plan, turn)
  if not asked then
    return nil, unasked
  end
  outward(plan, turn)
  merge.share(plan)
  inward(plan, known)
  if plan.owned and not link.owned then -- said once
    link.owned = true
    table.insert(plan.held, { field = "value", key = "owned" })
  end
  plan.heard = microsoft_updates.heard(partner, partner_base, crm, turn.read.theirs)
  plan.clock = clocks.say(link, plan.heard)
  plan.new_conflicts = agreement.new_conflicts(link, plan)
  plan.told_before = link.told
  plan.news = news(link, plan)
  local ok, err = learn_reason(plan, turn)
  if not ok then
    return nil, err
  end
  plan.extra, plan.mapped, plan.carried = details.updates("opportunity", link, partner, turn.row,
    known, plan.heard)
  if not plan.extra then
    return nil, plan.carried
  end
  keep_asked(plan, asked)
  if plan.stopped then
    plan.extra[known.columns.sync] = false
  end
  return plan
end

---What the service has just refused by its name is held from here on.
---@return boolean  the plan is smaller now
function M.refused(turn, plan, err)
  if not withhold.refused(plan, err) then
    return false
  end
  turn.link.told = plan.told_before
  plan.news = news(turn.link, plan)
  return true
end

function M.is_empty(turn, plan)
  return merge.empty(plan) and next(plan.extra) == nil and #plan.carried == 0 and
    not plan.news and #plan.heard == 0 and
    not turn.link.pending
end

-- What changed, and why, where the deal closes by it.
local function with_reason(changes, closes, reason)
  if closes and reason then
    return say("with-reason", { line = changes, reason = reason })
  end
  return changes
end

-- The lines for the seller, in the order they should be read.
function M.lines(turn, plan)
  local lines = agreement.announced(turn.link, turn.read.ours.eTag)
  local function add(key, said)
    if said ~= "" then
      lines[#lines + 1] = key and say(key, { what = said }) or said
    end
  end
  add("sent", with_reason(audit.changes(plan.to_partner, plan.partner), withhold.loses(plan),
    plan.crm.reason))
  add("received", with_reason(audit.changes(plan.to_crm, plan.crm),
    plan.crm_move and plan.crm_move.action, plan.partner.reason))
  add(nil, audit.conflicts(plan.new_conflicts))
  for _, item in ipairs(plan.news and plan.held or {}) do
    add(nil, say.item(item))
  end
  add(nil, audit.told(plan.told, plan.news))
  for _, item in ipairs(plan.heard) do
    add(nil, say.item(item))
  end
  add(nil, plan.stopped or "")
  add(nil, clocks.early(turn.read.ours, plan) or "")
  return lines
end

function M.flow(plan)
  if next(plan.to_partner) then
    return "dynamics_to_partner_center"
  end
  return #plan.heard > 0 and "microsoft_updates" or "partner_center_to_dynamics"
end

return M

-- What both sides agree on, of one deal: the bases of the next merge, and what was said on the
-- way there (reconcile rules 1, 11).  A base is what a side held when both last agreed: read back,
-- never sent; a value that was withheld, or an edit that came in between, does not become one.
-- Owns bases, pending lines and the mapping's last answers; it must never ask a service.
local canonical = require "canonical"
local links = require "links"

local M = {}

---@return table crm, table partner  both bases; empty before the first agreement
function M.bases(link)
  return host.store.base_get(link.id, "crm") or {}, host.store.base_get(link.id, "partner") or {}
end

-- Rows of solutions do not name their deal once they are deleted: what we know of them stays.
local function note_solutions(link, crm)
  for _, item in ipairs(crm.solutions or {}) do
    if item.row then
      host.store.mark_set("solution:" .. item.row, tostring(link.id))
    end
  end
end

---Keeps the link with both bases, in this step's commit.
---@param crm table  canonical
---@param partner table  canonical
function M.keep(link, crm, partner)
  note_solutions(link, crm)
  local ok, err = links.keep(link)
  if ok then
    ok, err = host.store.base_set(link.id, "crm", canonical.base(crm))
  end
  if ok then
    ok, err = host.store.base_set(link.id, "partner", canonical.base(partner))
  end
  return ok, err
end

---The end of a turn: what is held back keeps its old base, so that it is still a change next time.
---@param plan Plan
---@param crm table  canonical, as it is now
---@param partner table
---@param written boolean  the row was written: notices that wait for a write have been given
function M.settle(link, plan, crm, partner, written)
  for _, item in ipairs(plan.held) do
    if item.stays then
      crm[item.field] = plan.crm_base[item.field]
    end
  end
  for _, item in ipairs(plan.told) do
    if item.why == "read-only" and not written then
      crm[item.field] = plan.crm_base[item.field]
    end
  end
  link.mapped = plan.mapped
  return M.keep(link, crm, partner)
end

---Partner Center has taken what we sent: from here on these fields agree, whatever becomes of the
---row; what its seller changes meanwhile is a change.
---@param plan Plan
---@param partner table  canonical, as the answer shows it
function M.sent(link, plan, partner)
  local crm_base, partner_base = M.bases(link)
  for name in pairs(plan.to_partner) do
    crm_base[name], partner_base[name] = plan.crm[name], partner[name]
  end
  if plan.to_partner.state then
    crm_base.reason, partner_base.reason = plan.crm.reason, partner.reason
  end
  return M.keep(link, crm_base, partner_base)
end

---On the record before anything is sent: the lines, and the tag of the referral they are sent to.
function M.announce(link, lines, tag)
  link.pending = { lines = lines, tag = tag }
  return links.keep(link)
end

---Lines that were announced by an earlier turn and whose write was taken (the tag moved on); of a
---write that was not taken nothing is said.
---@return string[]
function M.announced(link, tag)
  local pending = link.pending
  link.pending = nil
  return pending and pending.tag ~= tag and pending.lines or json.array {}
end

return M

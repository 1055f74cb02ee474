-- What both sides agree on, of one deal: the bases of the next merge, and what was said on the
-- way there (reconcile rules 1, 11).  A base is what a side held when both last agreed: read back,
-- never sent; a value that was withheld, or an edit that came in between, does not become one.
-- Owns bases, pending lines and the mapping's last answers; it must never ask a service.
local canonical = require "canonical"
local erased = require "erased"
local fields = require "fields"
local links = require "links"
local notify = require "notify"
local state = require "state"

local M = {}

---@param ... table  both sides as they are now, canonical, if they are to be compared
---@return table crm, table partner  both bases; empty before the first agreement
function M.bases(link, ...)
  local crm, partner = host.store.base_get(link.id, "crm"), host.store.base_get(link.id, "partner")
  return erased.reveal(link, crm, ...) or {}, erased.reveal(link, partner, ...) or {}
end

---The fields in which a side differs from its base; nil: there is no base yet.
---@param side "crm"|"partner"
---@param now table  canonical, or a part of it
---@param names table<string, true>|nil  the fields to look at; nil: all
---@return string[]|nil
function M.differs(link, side, now, names)
  local base = erased.reveal(link, host.store.base_get(link.id, side), now)
  if not base then
    return nil
  end
  local out = json.array {}
  for _, field in ipairs(fields.rows) do
    local looked_at = not names or names[field.name]
    if looked_at and not canonical.same(field, now[field.name], base[field.name]) then
      out[#out + 1] = field.name
    end
  end
  return out
end

---Whether the referral was closed when both sides last agreed: nothing is sent any more.
function M.at_rest(link)
  local _, partner = M.bases(link)
  return state.closed[partner.state] == true
end

---Rows of solutions do not name their deal once they are deleted: what we know of them stays.
---@param crm table  canonical
function M.note_solutions(link, crm)
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
  M.note_solutions(link, crm)
  link.agreed_ms = host.now_ms()
  local ok, err = links.keep(link)
  if ok then
    ok, err = host.store.base_set(link.id, "crm", erased.hide(link, canonical.base(crm)))
  end
  if ok then
    ok, err = host.store.base_set(link.id, "partner", erased.hide(link, canonical.base(partner)))
  end
  return ok, err
end

---The base of a row that was made a while ago, and may have been edited since: what it was made of.
---A text that the column cut is the row's own (rule 1).
---@param crm table  canonical, as it is now
---@param deal table  canonical, what it was made of
function M.first(crm, deal)
  local base = {}
  for _, field in ipairs(fields.rows) do
    local name = field.name
    local made, is = deal[name], crm[name]
    local cut = type(made) == "string" and type(is) == "string" and made:sub(1, #is) == is
    local own = cut or made == nil and name == "currency" -- the CRM gives a row one by itself
    local given = field.to_crm == "update" or name == "contact" and made ~= nil
    if given and field.kind ~= "state" and not own then
      base[name] = made
    else
      base[name] = is
    end
  end
  base.state = state.made(deal.state) or crm.state
  return base
end

---The base of a referral that was sent a while ago, and may have been edited since: what was sent
---of the fields that travel both ways, else what it says.
---@param sent table  canonical base of what was sent
---@param partner table  canonical, as it is now
function M.sent_as(sent, partner)
  local base = canonical.base(partner)
  for _, field in ipairs(fields.rows) do
    if field.to_crm == "update" and field.to_partner == "update" and field.kind ~= "state" then
      base[field.name] = sent[field.name]
    end
  end
  base.visible = sent.visible or sent.help ~= nil
  base.state = "active"
  return base
end

---Solutions are rows of their own, so no tag of the deal's row guards them: what came, went, or got
---another price while we wrote is an edit, not part of the agreement.
---@param plan Plan
---@param crm table  canonical, as read after the write; its solutions become those agreed on
---@return boolean  somebody edited them meanwhile
function M.solutions(plan, crm)
  local agreed = canonical.given(plan.to_crm.solutions) or plan.crm.solutions
  if canonical.same(fields.by_name.solutions, agreed, crm.solutions) then
    return false
  end
  local rows, out = {}, json.array {}
  for _, item in ipairs(crm.solutions) do
    rows[item.id:lower()] = item
  end
  for i, item in ipairs(agreed) do
    local now = rows[item.id:lower()]
    out[i] = { id = item.id, name = item.name, row = now and now.row or item.row,
      price = item.price, quantity = item.quantity }
  end
  crm.solutions = out
  return true
end

---The row's customer is a row of its own as well: what changed of him while we wrote is an edit,
---unless we wrote there too.
---@param plan Plan
---@param crm table  canonical, as read after the write; its customer becomes the one agreed on
---@return boolean  somebody edited him meanwhile
function M.customer(plan, crm)
  local edited, ours = false, {}
  for _, change in ipairs(plan.carried or {}) do
    ours[change.table == "account" and "customer" or change.table] = true
  end
  for _, name in ipairs { "customer", "contact" } do
    if not ours[name] and not canonical.same(fields.by_name[name], plan.crm[name], crm[name]) then
      edited, crm[name] = true, plan.crm[name]
    end
  end
  return edited
end

---Values that a side did not take, though it took the write: that field goes one way only (rule 1).
---@param side "crm"|"partner"
---@param now table  canonical, that side as it is after the write
---@return string[]|nil  the names of the fields
function M.ignored(side, plan, now)
  local out = {}
  for _, field in ipairs(fields.rows) do
    local wanted = plan["to_" .. side][field.name]
    local stayed = field.kind ~= "state" and canonical.same(field, now[field.name],
      plan[side][field.name])
    if wanted ~= nil and stayed and
      not canonical.same(field, now[field.name], canonical.given(wanted)) then
      out[#out + 1] = field.name
    end
  end
  return #out > 0 and out or nil
end

---The referral after our write, without what somebody changed before it was read again: what was
---sent, and the rest as it stood.
---@param plan Plan
---@param partner table  canonical, as it is now
function M.ours_alone(plan, partner)
  for _, field in ipairs(plan.between and fields.rows or {}) do
    local name, sent = field.name, plan.to_partner[field.name]
    if sent == nil then
      partner[name] = plan.partner[name]
    elseif field.path and not field.theirs then
      partner[name] = canonical.given(sent)
    end
  end
  return partner
end

-- A field that is held back goes with its group (rule 5); the state is never held back.
local function with_groups(names)
  local out = {}
  for _, group in ipairs(fields.groups) do
    for _, held in ipairs(group.rows) do
      for _, field in ipairs(names[held.name] and group.rows or {}) do
        out[field.name] = field.group ~= "state" or names[field.name]
      end
    end
  end
  return out
end

-- The bases of a set of which something is held back: members that both sides show alike are agreed
-- on, also those that both lack; the others are what they were.
local function members_agreed(field, crm, partner, crm_was, partner_was)
  local here, ids = canonical.by_id(crm)
  local there, more = canonical.by_id(partner)
  local here_was, gone = canonical.by_id(crm_was)
  local there_was, gone_there = canonical.by_id(partner_was)
  local crm_base, partner_base, seen = json.array {}, json.array {}, {}
  for _, list in ipairs { ids, more, gone, gone_there } do
    for _, id in ipairs(list) do
      local alike = canonical.same(field, { here[id] }, { there[id] })
      if not seen[id] then
        crm_base[#crm_base + 1] = (alike and here or here_was)[id]
        partner_base[#partner_base + 1] = (alike and there or there_was)[id]
      end
      seen[id] = true
    end
  end
  return crm_base, partner_base
end

local function digest(conflict)
  return host.crypto.sha256(json.encode(conflict)):sub(1, 16)
end

---The conflicts that are not on the list yet: one whose winner is held back stands from turn to
---turn.
---@param plan Plan
---@return table[]
function M.new_conflicts(link, plan)
  local out = {}
  for _, c in ipairs(plan.conflicts) do
    out[#out + 1] = not (link.stood and link.stood[digest(c)]) and c or nil
  end
  return out
end

-- Those of a turn that has ended well, and so has listed them.
local function standing(plan)
  local held, out = { with_groups(plan.stays.crm), with_groups(plan.stays.partner) }, {}
  for _, c in ipairs(plan.conflicts) do
    out[digest(c)] = held[1][c.field] or held[2][c.field] or nil
  end
  return next(out) and out
end

-- What keeps a side's old base: what is held back of it; and what is held back of the other side
-- where both changed, else nobody would see this side's change any more if that one is taken back.
local function held_of(plan, side)
  local names, both = with_groups(plan.stays[side]), {}
  for _, c in ipairs(plan.conflicts) do
    both[c.field] = true
  end
  both = with_groups(both)
  for name in pairs(with_groups(plan.stays[side == "crm" and "partner" or "crm"])) do
    names[name] = names[name] or both[name]
  end
  return names
end

local function keep_held(plan, crm, partner)
  local sets = {}
  for side, now in pairs { crm = crm, partner = partner } do
    for name in pairs(held_of(plan, side)) do
      if fields.at(name).kind == "set" then
        sets[name] = true
      else
        now[name] = plan[side .. "_base"][name]
      end
    end
  end
  for name in pairs(sets) do
    crm[name], partner[name] = members_agreed(fields.at(name), crm[name], partner[name],
      plan.crm_base[name], plan.partner_base[name])
  end
end

---The end of a turn: what is held back keeps its old base, so that it is still a change next time.
---@param plan Plan
---@param crm table  canonical, as it is now
---@param partner table
---@param written boolean  the row was written: notices that wait for a write have been given
function M.settle(link, plan, crm, partner, written)
  crm.state = plan.half_way or crm.state
  keep_held(plan, crm, partner)
  for _, item in ipairs(plan.told) do
    if item.why == "read-only" and not written then
      crm[item.field] = plan.crm_base[item.field]
    end
  end
  link.stood = standing(plan)
  link.mapped, link.waits = erased.hide(link, plan.mapped), plan.waits
  link.writing, link.restore = nil, nil
  return M.keep(link, crm, partner)
end

---Partner Center has taken what we sent: from here on these fields agree, whatever becomes of the
---row; what its seller changes meanwhile is a change.  What the row has yet to get stays one too.
---@param plan Plan
---@param partner table  canonical, as the answer shows it
function M.sent(link, plan, partner)
  local crm_base, partner_base = M.bases(link)
  for name in pairs(plan.to_partner) do
    crm_base[name] = plan.crm[name]
    if plan.to_crm[name] == nil and not plan.stays.partner[name] then
      partner_base[name] = partner[name]
    end
  end
  crm_base.state = plan.half_way or crm_base.state
  if plan.to_partner.state then
    crm_base.reason, partner_base.reason = plan.crm.reason, partner.reason
  end
  return M.keep(link, crm_base, partner_base)
end

-- The conflicts in which this side's value is overwritten; where both are, the referral's is first.
local function overwritten(conflicts, side)
  local out = json.array {}
  for _, c in ipairs(conflicts) do
    if (c.kept == "partner") == (side == "crm") then
      out[#out + 1] = c
    end
  end
  return out
end

---Puts conflicts on the list that `cosell conflicts` shows.
function M.list(link, conflicts)
  for _, c in ipairs(conflicts or {}) do
    host.store.note_add(link.id, "conflict", c)
    notify.raise("conflict", { deal = link.id, field = c.field })
  end
end

---On the record before the row is written: what, over which version, and what is lost by it.
---@param conflicts table[]
---@param partner table|nil  canonical, as it is now: its sets need not become those of the row
function M.writing(link, values, tag, conflicts, partner)
  local sets = {}
  for name in pairs(partner and values or {}) do
    sets[name] = fields.by_name[name].kind == "set" and partner[name] or nil
  end
  link.writing = { values = values, tag = tag, conflicts = overwritten(conflicts, "crm"),
    sets = sets }
  return links.edit(link.id, function(doc) doc.writing = link.writing end)
end

---The CRM has refused for certain what was on record: the row's values are its own.
function M.unwritten(link)
  link.writing = nil
  return links.edit(link.id, function(doc) doc.writing = nil end)
end

-- A word of the referral's state and the row's word it became; a text that the column cut, unless
-- that is what stood there before.
local function took(field, is, wanted, was)
  if field.kind == "state" then
    return state.agree(wanted, is)
  end
  local cut = type(is) == "string" and type(wanted) == "string" and wanted:sub(1, #is) == is and
    is ~= was
  return cut or canonical.same(field, is, wanted)
end

---What an earlier turn wrote to the row, and broke off before it was kept: the row moved on, and
---has it.  That is nobody's edit: both bases take it.
---@param tag string  of the row as it is now
function M.written(link, tag, crm, crm_base, partner_base)
  local writing = erased.reveal(link, link.writing, crm)
  link.writing = nil
  if not writing or writing.tag == tag then
    return
  end
  for name, value in pairs(writing.values) do
    local wanted = canonical.given(value)
    if took(fields.at(name), crm[name], wanted, crm_base[name]) then
      crm_base[name], partner_base[name] = crm[name], (writing.sets or {})[name] or wanted
    end
  end
end

-- What of the announced was taken for certain, the referral having this tag: a write moves it.
local function taken(pending, tag)
  if pending and pending.tag == tag then
    return pending.earlier
  end
  return pending
end

---On the record before anything is sent: the lines, what is lost by it, and the tag of the referral
---it is sent to.  What was taken before stays apart, in case that this is never sent.
---@param lines string[]
---@param conflicts table[]
function M.announce(link, lines, conflicts, tag)
  local before = taken(link.pending, tag)
  if before then
    before.tag, before.earlier = nil, nil
  end
  link.pending = { lines = lines, conflicts = overwritten(conflicts, "partner"), tag = tag,
    earlier = before }
  return links.keep(link)
end

---The service has refused for certain what was announced; what an earlier turn announced, and was
---taken, stays.
function M.take_back(link, tag)
  link.pending = taken(link.pending, tag)
  return links.keep(link)
end

---The lines that an earlier turn announced and whose write was taken, until a turn has written them
---to the row; of a write that was not taken nothing is said.
---@return string[]
function M.announced(link, tag)
  local pending = taken(link.pending, tag)
  local lines = pending and pending.lines or {}
  return table.move(lines, 1, #lines, 1, json.array {})
end

---What an earlier turn overwrote, and broke off before it could list it, is listed now, whatever
---comes of this turn.
---@param tag string  of the referral as it is now
function M.list_taken(link, tag)
  local pending = taken(link.pending, tag)
  if pending and pending.conflicts and #pending.conflicts > 0 then
    M.list(link, pending.conflicts)
    pending.conflicts = nil
    links.edit(link.id, function(doc) doc.pending = link.pending end)
  end
end

---The same of the row.
---@param tag string  of the row as it is now
---@param crm table  canonical, as it is now
function M.list_written(link, tag, crm)
  local writing = erased.reveal(link, link.writing, crm)
  if not writing or writing.tag == tag or not writing.conflicts then
    return
  end
  for _, c in ipairs(writing.conflicts) do
    local wanted = canonical.given(writing.values[c.field])
    if took(fields.at(c.field), crm[c.field], wanted, c.crm) then
      M.list(link, { c })
    end
  end
  writing.conflicts = nil
  links.edit(link.id, function(doc) doc.writing = writing end)
end

return M

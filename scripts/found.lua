-- A row that carries the identifier of a referral, and no link of ours joins the two: whose deal is
-- it (reconcile rules 2, 14; situations 14, 15)?  The link's row wins, else the one that the
-- referral names, else the oldest; a copy is cleaned, another row is told.  The owner is linked as
-- "found": read by comparisons, written only once a person has adopted it.
local canonical = require "canonical"
local dynamics = require "dynamics"
local helper = require "flows.helper"
local links = require "links"
local partner_center = require "partner_center"
local say = require "say"

local M = {}

local BUSY_MS = 5000 -- the other link is just being made

-- The row that should have this referral, if it is not linked yet.  (suspends)
local function owner_of(turn, referral)
  local known = turn.known
  local rows, err = dynamics.query(known.table, { select = { known.key },
    filter = known.columns.identifier .. " eq " .. dynamics.q(referral.id:lower()),
    orderby = "createdon asc", top = 10 })
  if not rows then
    return nil, err
  end
  local named = canonical.given(referral.externalReferenceId)
  for _, row in ipairs(rows) do
    if named and row[known.key] == tostring(named):lower() then
      return row[known.key]
    end
  end
  return rows[1] and rows[1][known.key] or turn.link.crm.id
end

local function name_of(other)
  return other.name and ('"%s"'):format(other.name) or other.crm.id
end

-- Another row's: a copy has our link column too, as the form copies it; else somebody typed it.
local function not_ours(turn, id, other)
  local link, known = turn.link, turn.known
  if turn.row[known.columns.link] == known.referral_link(id) then
    local line = say("copy", { deal = name_of(other) })
    local ok, err = helper.clean_copy(turn, line)
    if not ok then
      return nil, err
    end
    link.state, link.told = "suspended", nil
    host.store.note_add(link.id, "audit", { text = line })
    return "copy", line
  end
  local line = say("taken", { deal = name_of(other) })
  if links.told(link, { key = "taken", of = name_of(other) }) then
    local ok, err = helper.write(turn, { to_crm = {}, failed = true }, { line })
    if not ok then
      return nil, err
    end
    host.store.note_add(link.id, "audit", { text = line })
  end
  return "refused", line
end

-- The link that has the referral, and its id's referral where we had to ask.
local function holder_of(id)
  local link = links.by_referral(id)
  if link then
    return links.get(link)
  end
  local referral, err = partner_center.get(id)
  if not referral then
    return nil, err.kind ~= "absent" and err or nil
  end
  link = links.by_engagement(referral.engagementId)
  return link and links.get(link), nil, referral
end

local function take(turn, referral)
  local link = turn.link
  link.engagement = referral.engagementId:lower()
  link.ours = { id = referral.id:lower() }
  link.state = link.adopted and "open" or "found"
  return "found", "it is on both sides, and this state made neither: `cosell deal adopt` joins them"
end

---Decides for the row of turn, which carries that identifier.  (suspends)
---@param turn Turn
---@param id string  the referral it names
---@return "new"|"found"|"copy"|"refused"|integer|nil  new: no such referral; a number: again in
---that many ms
---@return string|table|nil  why, or err
function M.decide(turn, id)
  local link = turn.link
  local holder, err, referral = holder_of(id)
  if err then
    return nil, err
  elseif holder and holder.crm and holder.id ~= link.id then
    return not_ours(turn, id, holder)
  elseif holder and holder.intent then
    return BUSY_MS
  elseif holder and holder.id ~= link.id then
    links.absorb(link, holder)
    return take(turn, { id = id, engagementId = link.engagement })
  elseif not referral then
    return "new"
  end
  local owner
  owner, err = owner_of(turn, referral)
  if not owner then
    return nil, err
  elseif owner == link.crm.id then
    return take(turn, referral)
  end
  local other
  other, err = links.of_row(turn.known.table, owner)
  if not other then
    return nil, err
  end
  links.wake(other.id, "found")
  return not_ours(turn, id, other)
end

return M

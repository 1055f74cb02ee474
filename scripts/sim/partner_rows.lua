-- The stored referrals: rows in host.docs, one a referral, and what every change of one brings
-- about: a new tag, a new updatedDateTime, an event. Also the expiry of what nobody answered.
-- Owns the collection "referral". Checks no rule: its callers have.
local dates = require "sim.dates"
local rules = require "sim.partner_rules"

local M = {}
M.__index = M

M.organization = "5c0f3d9a-7a11-4c55-8a2e-3f0d5b6e7a01"
M.organization_name = "Kawabata Systems"
M.microsoft = "msft"

local COLLECTION = "referral"
local DAY = 86400000
local PART = 500

---@class sim.row
---@field id string
---@field tag integer
---@field r table the referral as stored (partner_shape)
---@field hidden_until integer|nil not readable over the API before

---@param env table
---@param fire fun(event: string, id: string, tag: integer) tells of a change
function M.new(env, fire)
  return setmetatable({ env = env, fire = fire }, M)
end

local function put(row)
  local r = row.r
  row.tag = host.docs.put(COLLECTION, row.id, { r = r, hidden_until = row.hidden_until },
    { r.engagementId, r.organizationId, r.status, r.externalReferenceId })
end

local function event_of(row, what)
  return (row.r.organizationId == M.organization and "referral-" or "related-referral-") .. what
end

--- Stores a new referral. The caller gives everything but ids, owner's name and dates.
---@return sim.row
function M:add(r, hidden_until)
  local now = dates.text(self.env.now())
  r.id = r.id or self.env.uuid():lower()
  r.engagementId = r.engagementId or self.env.uuid():lower()
  r.organizationName = r.organizationId == M.microsoft and "Microsoft" or M.organization_name
  r.createdDateTime, r.updatedDateTime = now, now
  if r.status == "New" then
    r.expirationDateTime = dates.text(self.env.now() + rules.days_to_answer * DAY)
  end
  local row = { id = r.id, r = r, hidden_until = hidden_until }
  put(row)
  self.fire(event_of(row, "created"), row.id, row.tag)
  return row
end

--- Stores a changed referral.
---@return sim.row
function M:change(row, r)
  rules.stamp(row.r, r, self.env.now())
  r.updatedDateTime = dates.text(self.env.now())
  row.r = r
  put(row)
  self.fire(event_of(row, "updated"), row.id, row.tag)
  return row
end

--- Takes a referral away for good (a service that lost it); no event.
function M.remove(_, id) return host.docs.drop(COLLECTION, id) end

-- A referral that nobody answered in time closes as soon as anyone looks.
local function aged(self, row)
  local limit = row.r.status == "New" and row.r.expirationDateTime
  if not limit or dates.parse(limit) > self.env.now() then return row end
  local r = {}
  for k, v in pairs(row.r) do r[k] = v end
  r.status, r.substatus = "Closed", "Expired"
  self:change(row, r)
  row.r.expirationDateTime = limit
  return row
end

local function row_of(self, found)
  return aged(self, { id = found.id, tag = found.tag, r = found.body.r,
    hidden_until = found.body.hidden_until })
end

--- One referral by its id.
---@return sim.row|nil
function M:get(id)
  local body, tag = host.docs.get(COLLECTION, id:lower())
  return body and row_of(self, { id = id:lower(), tag = tag, body = body })
end

-- In parts: the rows of one answer have to fit in one decoded text.
local function all(self, at, key)
  local out, after = {}, nil
  repeat
    local part = host.docs.find(COLLECTION,
      { at = key and at, key = key, after = after, most = PART })
    for _, found in ipairs(part) do
      out[#out + 1], after = row_of(self, found), found.id
    end
  until #part < PART
  return out
end

--- All copies of one deal; all rows; the sweep over rows that wait for an answer.
function M:engagement(id) return all(self, 1, id) end
function M:all() return all(self) end
function M:expire() return all(self, 3, "New") end

--- The copy of a deal that belongs to an organisation, from any copy's id or the engagement's.
---@return sim.row|nil
function M:copy_of(id, organization)
  local row = self:get(id)
  for _, other in ipairs(self:engagement(row and row.r.engagementId or id:lower())) do
    if other.r.organizationId == organization then return other end
  end
end

--- Whether the API shows a row already.
function M:visible(row)
  return not row.hidden_until or row.hidden_until <= self.env.now()
end

return M

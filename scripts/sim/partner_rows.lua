-- The stored referrals: rows in host.docs, one a referral, and what every change of one brings
-- about: a new tag, a new updatedDateTime, an event. Also the expiry of what nobody answered, and
-- what a reader sees who lags behind (the switches read_lag_ms, stale_reads_ms).
-- Owns the collection "referral". Checks no rule: its callers have.
local dates = require "sim.dates"
local rules = require "sim.partner_rules"

local M = {}
M.__index = M

M.organization = "5c0f3d9a-7a11-4c55-8a2e-3f0d5b6e7a01"
M.organization_name = "Kawabata Systems"
M.microsoft = "msft"
-- The account's PartnerID, and the names of all of its locations by theirs.
M.partner_id = "4300001"
M.locations = { ["4300001"] = "Kawabata Systems", ["4300002"] = "Kawabata Systems, Sapporo" }

local COLLECTION = "referral"
local DAY = 86400000
local PART = 500
-- Where the indexed texts of a row stand among its keys.
local KEY = { engagementId = 1, createdDateTime = 2, status = 3, updatedDateTime = 4 }

---@class sim.row
---@field id string
---@field tag integer
---@field r table the referral as stored (partner_shape)
---@field hidden_until integer|nil not readable over the API before

---@param env table
---@param fire fun(event: string, id: string, tag: integer) tells of a change
function M.new(env, fire)
  return setmetatable({ env = env, fire = fire, before = {}, hidden = {}, lagged = 0 }, M)
end

local function put(row)
  local r = row.r
  row.tag = host.docs.put(COLLECTION, row.id, { r = r, hidden_until = row.hidden_until },
    { r.engagementId, r.createdDateTime, r.status, r.updatedDateTime })
end

--- Stores the JSON text of an active referral as it is and tells nobody (deals made in bulk).
function M.place(id, engagement, made, text)
  return host.docs.put(COLLECTION, id, '{"r":' .. text .. "}", { engagement, made, "Active", made })
end

local function event_of(row, what)
  return (row.r.organizationId == M.organization and "referral-" or "related-referral-") .. what
end

local function hidden_until(self)
  local lag = self.env.switch "read_lag_ms"
  return lag > 0 and self.env.now() + lag or nil
end

--- Stores a new referral. The caller gives everything but ids, owner's name and dates.
---@return sim.row
function M:add(r)
  local now = dates.text(self.env.now())
  r.id = r.id or self.env.uuid():lower()
  r.engagementId = r.engagementId or self.env.uuid():lower()
  r.organizationName = r.organizationId == M.microsoft and "Microsoft" or M.organization_name
  r.mpnId = r.organizationId == M.organization and (r.mpnId or M.partner_id) or nil
  r.createdDateTime, r.updatedDateTime = now, now
  if r.status == "New" then
    r.expirationDateTime = dates.text(self.env.now() + rules.days_to_answer * DAY)
  end
  local row = { id = r.id, r = r, hidden_until = hidden_until(self) }
  self.hidden[row.id] = row.hidden_until
  put(row)
  self.fire(event_of(row, "created"), row.id, row.tag)
  return row
end

-- Keeps the version that goes, for readers who see it a while longer.
local function keep(self, row)
  local stale = self.env.switch "stale_reads_ms"
  if stale == 0 then return end
  local kept = self.before[row.id] or {}
  self.before[row.id] = kept
  kept[#kept + 1] = { id = row.id, tag = row.tag, r = row.r, till = self.env.now() + stale }
end

--- Stores a changed referral.
---@return sim.row
function M:change(row, r)
  keep(self, row)
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

--- The versions that lagging readers still see, by id.
---@return table<string, sim.row>
function M:stale()
  local out, now = {}, self.env.now()
  for id, kept in pairs(self.before) do
    while kept[1] and kept[1].till <= now do table.remove(kept, 1) end
    if not kept[1] then self.before[id] = nil end
    out[id] = kept[1]
  end
  return out
end

--- What a reader sees of a row now: the row, an older version, or nil: not there yet.
---@return sim.row|nil
function M:seen(row)
  local hidden = row.hidden_until and row.hidden_until > self.env.now()
  local seen = not hidden and (self:stale()[row.id] or row) or nil
  if seen ~= row then self.lagged = self.lagged + 1 end
  return seen
end

--- How many referrals readers do not see as they are.
function M:lagging()
  local n, now = 0, self.env.now()
  for _ in pairs(self:stale()) do n = n + 1 end
  for id, till in pairs(self.hidden) do
    if till > now then n = n + 1 else self.hidden[id] = nil end
  end
  return n
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
local function all(self, field, key)
  local out, after = {}, nil
  repeat
    local part = host.docs.find(COLLECTION,
      { at = field and KEY[field], key = key, after = after, most = PART })
    for _, found in ipairs(part) do
      out[#out + 1], after = row_of(self, found), found.id
    end
  until #part < PART
  return out
end

--- All copies of one deal; all rows; the sweep over rows that wait for an answer.
function M:engagement(id) return all(self, "engagementId", id) end
function M:all() return all(self) end
function M:expire() return all(self, "status", "New") end
function M.count() return host.docs.count(COLLECTION) end

--- The rows in order of a date, then id: those behind (date, id) on that way, however many there
--- are, read by `most` at a time.
---@param field "createdDateTime"|"updatedDateTime"
---@param way "up"|"down"
---@return fun(): sim.row|nil
function M:along(field, way, date, id, most)
  local part, i, ended = {}, 0, false
  return function()
    i = i + 1
    if i > #part and not ended then
      part = host.docs.find(COLLECTION,
        { at = KEY[field], order = way, key = date, after = id, most = most })
      i, ended = 1, #part < most
      local last = part[#part]
      if last then date, id = last.body.r[field], last.id end
    end
    return part[i] and row_of(self, part[i])
  end
end

--- Whether Microsoft holds a copy in a referral's engagement.
function M:shared(r)
  for _, other in ipairs(self:engagement(r.engagementId)) do
    if other.r.organizationId == M.microsoft then return true end
  end
  return false
end

--- The copy of a deal that belongs to an organisation, from any copy's id or the engagement's.
---@return sim.row|nil
function M:copy_of(id, organization)
  local row = self:get(id)
  for _, other in ipairs(self:engagement(row and row.r.engagementId or id:lower())) do
    if other.r.organizationId == organization then return other end
  end
end

return M

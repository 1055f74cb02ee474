-- The rows of the practice CRM in host.docs, through a unit of work: what a request or a change set
-- writes is kept here and reaches host.docs in one go at commit, or never. So a refused change set
-- leaves no trace and bumps no version. A row is its columns by logical name; a look-up `x` is kept
-- as `_x_value` (id) and `_x_type` (table); null columns are absent; the version is the tag of
-- host.docs.
local dates = require("sim.dates")
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")

local M = {}
local shift = 0 -- by how much tags are ahead of versions, see version()
M.PAGE = 500 -- rows decoded at a time by a scan

local Work = {}
Work.__index = Work

local function collection(t) return "crm:" .. t.logical end
M.collection = collection
--- The collection of a table's tombstones.
function M.deleted(t) return "crm_deleted:" .. t.logical end

local function copy(row)
  local out = {}
  for k, v in pairs(row) do out[k] = v end
  return out
end

--- The kept value of a column.
function M.value(t, row, logical)
  return row[t.columns[logical].read]
end

local function key_of(t, row, logical)
  local v = M.value(t, row, logical)
  return v ~= nil and values.fold(tostring(v)) or ""
end

--- The texts by which host.docs finds a row.
function M.keys(t, row)
  local keys = {}
  for i, logical in ipairs(t.index) do
    local key = key_of(t, row, logical)
    keys[i] = key ~= "" and key -- false: not in the index
  end
  return keys
end

--- Stores the JSON text of a whole row at once (rows made in bulk); row: at least its id and its
--- indexed columns.
function M.place(t, row, text)
  return host.docs.put(collection(t), row[t.id], text, M.keys(t, row))
end

--- A new unit of work.
---@param who { user: string, now: integer } who acts and when (milliseconds)
function M.work(who)
  return setmetatable({ who = who, pending = {}, order = {}, tags = {} }, Work)
end

local function slot(t, id) return t.logical .. ":" .. id end

--- A copy of a row and its tag; a row this work wrote has no tag before commit.
function Work:get(t, id)
  local mine = self.pending[slot(t, id)]
  if mine then
    if mine.gone then return nil end
    return copy(mine.row), self.tags[slot(t, id)]
  end
  return host.docs.get(collection(t), id)
end

local function note(self, t, id, entry)
  local at = slot(t, id)
  if not self.pending[at] then self.order[#self.order + 1] = at end
  entry.table, entry.id = t, id
  self.pending[at] = entry
end

function Work:put(t, row) note(self, t, row[t.id], { row = row }) end
function Work:drop(t, id) note(self, t, id, { gone = true }) end

--- Pages of { id=, tag=, body= } of stored rows in order of id. key: only rows whose indexed column
--- number `at` has that value.
function M.each(t, after, at, key)
  local rows, i, done = {}, 0, false
  return function()
    if i == #rows and not done then
      rows = host.docs.find(collection(t), { at = at, key = key, after = after, most = M.PAGE })
      i, done = 0, #rows < M.PAGE
      after = rows[#rows] and rows[#rows].id
    end
    i = i + 1
    return rows[i]
  end
end

local function matches(t, row, logical, wanted) return key_of(t, row, logical) == wanted end

--- The rows { id=, tag=, body= } whose column has a value; text without case. Sees this work's own
--- writes.
function Work:records(t, logical, value)
  local out, wanted = {}, values.fold(tostring(value))
  local at = schema.index_of(t, logical)
  for r in M.each(t, nil, at, at and wanted) do
    if not self.pending[slot(t, r.id)] and matches(t, r.body, logical, wanted) then
      out[#out + 1] = r
    end
  end
  for _, name in ipairs(self.order) do
    local p = self.pending[name]
    if p.table == t and p.row and matches(t, p.row, logical, wanted) then
      out[#out + 1] = { id = p.id, tag = self.tags[name], body = copy(p.row) }
    end
  end
  return out
end

--- The same, the bodies alone.
function Work:find(t, logical, value)
  local out = self:records(t, logical, value)
  for i, r in ipairs(out) do out[i] = r.body end
  return out
end

local function store(self, p)
  local t = p.table
  if p.gone then
    if host.docs.drop(collection(t), p.id) and t.tracked then
      host.docs.put(M.deleted(t), p.id, { at = self.who.now })
    end
    return
  end
  if t.tracked then host.docs.drop(M.deleted(t), p.id) end
  self.tags[slot(t, p.id)] = host.docs.put(collection(t), p.id, p.row, M.keys(t, p.row))
end

-- ---- Moments: which rows can have been changed since a time, without looking at all ----

-- The version that a minute began with; a row changed in that minute or a later one lies above.
local function minute_of(ms) return dates.text(ms, 0):sub(1, 16) end

--- Notes the minute of a write that follows.
function M.note_moment(ms)
  local minute = minute_of(ms)
  if not host.docs.get("crm_moment", minute) then host.docs.put("crm_moment", minute, "[]") end
end

--- The rows { id=, tag=, body= } of a table, in order of version, among them all that were changed
--- at that time or later (a clock may have gone back: so the lowest of all later minutes counts).
function M.since(t, ms)
  local lowest
  for _, r in ipairs(host.docs.find("crm_moment", { after = minute_of(ms - 60000) })) do
    lowest = math.min(lowest or r.tag, r.tag)
  end
  local rows, i, done = {}, 0, lowest == nil
  return function()
    if i == #rows and not done then
      rows = host.docs.find(collection(t), { after_tag = lowest, most = M.PAGE })
      i, done = 0, #rows < M.PAGE
      lowest = rows[#rows] and rows[#rows].tag
    end
    i = i + 1
    return rows[i]
  end
end

--- Those who are asked before a work is written: functions of it, which may change its rows or
--- raise a refusal; what they answer, if a function, is called when everything is written.
M.watchers = {}

--- Keeps a function for the commit: what is written besides rows.
function Work:defer(fn)
  self.deferred = self.deferred or {}
  self.deferred[#self.deferred + 1] = fn
end

--- What this work writes, one after the other: table, id, row (nil: deleted).
function Work:changes()
  local i = 0
  return function()
    i = i + 1
    local p = self.order[i] and self.pending[self.order[i]]
    if p then return p.table, p.id, p.row end
  end
end

--- The row that is stored, whatever this work has made of it.
function M.stored(t, id) return (host.docs.get(collection(t), id)) end

--- Writes everything, in the order it was first touched.
function Work:commit()
  local afterwards = {}
  for i, watch in ipairs(M.watchers) do afterwards[i] = watch(self) or false end
  for _, fn in ipairs(self.deferred or {}) do fn() end
  self.deferred = nil
  if #self.order > 0 then M.note_moment(self.who.now) end
  for _, name in ipairs(self.order) do store(self, self.pending[name]) end
  for _, fn in ipairs(afterwards) do
    if fn then fn() end
  end
end

-- ---- Versions ----
-- What the service calls a version is the tag of host.docs less a shift: tags only ever rise, but
-- the versions of a CRM that was restored from a backup begin again where the backup ended.

function M.version(tag) return tag - shift end

--- The tag that stands for a version.
function M.tag(version) return version + shift end

--- A version above all that were given out so far.
function M.clock() return M.version(host.docs.put("crm_state", "clock", { "tick" })) end

--- Reads the shift that is stored; to be called whenever the rows may be others.
function M.open()
  local kept = host.docs.get("crm_clock", "shift")
  shift = kept and kept.shift or 0
end

--- From now on versions go on from this one.
function M.turn_back(version)
  shift = shift + M.clock() - version
  host.docs.put("crm_clock", "shift", { shift = shift })
end

--- The tag text of a row; a row written by an uncommitted work has none that a client could know.
function M.etag(tag) return string.format('W/"%s"', tag and M.version(tag) or "pending") end

--- The organisation's row; nil before the seed.
function Work:organization()
  if not self.org then
    local first = M.each(schema.tables.organization)()
    self.org = first and first.body
  end
  return self.org
end

return M

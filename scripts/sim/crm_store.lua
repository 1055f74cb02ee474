-- The rows of the practice CRM in host.docs, through a unit of work: what a request or a change set
-- writes is kept here and reaches host.docs in one go at commit, or never. So a refused change set
-- leaves no trace and bumps no version. A row is its columns by logical name; a look-up `x` is kept
-- as `_x_value` (id) and `_x_type` (table); null columns are absent; the version is the tag of
-- host.docs.
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")

local M = {}
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

local function keys_of(t, row)
  local keys = {}
  for i, logical in ipairs(t.index) do keys[i] = key_of(t, row, logical) end
  return keys
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

--- The rows (bodies) whose column has a value; text without case. Sees this work's own writes.
function Work:find(t, logical, value)
  local out, wanted = {}, values.fold(tostring(value))
  local at = schema.index_of(t, logical)
  for r in M.each(t, nil, at, at and wanted) do
    if not self.pending[slot(t, r.id)] and matches(t, r.body, logical, wanted) then
      out[#out + 1] = r.body
    end
  end
  for _, name in ipairs(self.order) do
    local p = self.pending[name]
    if p.table == t and p.row and matches(t, p.row, logical, wanted) then
      out[#out + 1] = copy(p.row)
    end
  end
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
  self.tags[slot(t, p.id)] = host.docs.put(collection(t), p.id, p.row, keys_of(t, p.row))
end

--- Writes everything, in the order it was first touched.
function Work:commit()
  for _, name in ipairs(self.order) do store(self, self.pending[name]) end
end

--- The tag text of a row; a row written by an uncommitted work has none that a client could know.
function M.etag(tag) return string.format('W/"%s"', tag or "pending") end

--- A version number above all that were given out so far.
function M.clock() return host.docs.put("crm_state", "clock", { "tick" }) end

--- The organisation's row; nil before the seed.
function Work:organization()
  if not self.org then
    local first = M.each(schema.tables.organization)()
    self.org = first and first.body
  end
  return self.org
end

return M

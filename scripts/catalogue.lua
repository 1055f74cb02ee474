-- The CRM's own table of Microsoft solutions, as `cosell import` and `cosell export` need it: which
-- columns it has and how people call them, its rows, and writing to it.
-- It must never delete a row, nor write one that somebody changed since it was read.
local dynamics = require "dynamics"
local facts = require "facts"
local links = require "links"

local M = {}

-- One change set takes this many; of more rows each set is a part, so that the bar moves and a
-- time-out costs little.
local SET, PART = 1000, 250
local TRIES, READING_TRIES, MOST_WAIT_MS = 5, 3, 60 * 1000
local WAITED_FOR = { net = true, busy = true }
local LINKS = 200

-- Our names of the columns, beside the CRM's labels.  An export is headed with the first one where
-- the CRM has no label.
local CALLED = {
  identifier = { "Solution identifier", "Solution ID", "Identifier", "ID", "Lösungs-ID",
    "Lösungsbezeichner", "ソリューションID", "ソリューション識別子" },
  name = { "Name", "Solution name", "Solution", "Lösung", "名前", "ソリューション名" },
  type = { "Type", "Solution type", "Typ", "Art", "種類" },
  publisher = { "Publisher", "Publisher name", "Herausgeber", "発行元" },
}
local ORDER = { identifier = 1, name = 2, type = 3, publisher = 4 }
-- Columns whose values a cell can hold.
local READABLE = { String = true, Memo = true, Picklist = true, Boolean = true, Integer = true }

local function rest(err, try)
  host.sleep(math.min(err.wait_ms or 1000 * try, MOST_WAIT_MS))
end

-- A reading; one that was cut off, or that the CRM was too busy for, is asked for again.
local function read(f, ...)
  for try = 1, READING_TRIES do
    local found, err = f(...)
    if found or not WAITED_FOR[err.kind] or try == READING_TRIES then
      return found, err
    end
    rest(err, try)
  end
end

-- ---- Columns ----

local function role_of(solutions, name)
  if name == solutions.identifier then
    return "identifier"
  elseif name == solutions.detail_name then
    return "name"
  end
  return name:find("publisher", 1, true) and "publisher" or name:find("_type$") and "type" or nil
end

local function column_of(solutions, name, meta, called)
  local role = role_of(solutions, name)
  local column = { name = name, role = role, meta = meta, names = { name } }
  table.move(called.labels or {}, 1, #(called.labels or {}), 2, column.names)
  for _, word in ipairs(CALLED[role] or {}) do
    column.names[#column.names + 1] = word
  end
  column.label = called.label or (CALLED[role] or { name })[1]
  return column
end

local function by_order(a, b)
  local x, y = ORDER[a.role] or 9, ORDER[b.role] or 9
  if x ~= y then
    return x < y
  end
  return a.name < b.name
end

---@class CatalogueColumn
---@field name string    logical
---@field role string|nil "identifier" "name" "type" "publisher"
---@field label string   in the language of our user in the CRM
---@field names string[] all that may stand over it
---@field meta table

---What the CRM's table is like.  (suspends)
---@return { table: string, key: string, identifier: CatalogueColumn,
---          columns: CatalogueColumn[] }|nil, table|nil err
function M.open()
  local known, err = read(facts.get)
  if not known then
    return nil, err
  end
  local s = known.solutions
  local meta, called
  meta, err = read(dynamics.table, s.detail)
  if meta then
    called, err = read(dynamics.labels, s.detail)
  end
  if not called then
    return nil, err
  end
  local prefix = s.detail:match("^%w+_") or ""
  local self = { table = s.detail, key = meta.id, columns = {} }
  for name, column in pairs(meta.columns) do
    local own = name:sub(1, #prefix) == prefix or name == s.detail_name
    if own and name ~= meta.id and READABLE[column.type] and column.create and column.update then
      self.columns[#self.columns + 1] = column_of(s, name, column, called[name] or {})
    end
  end
  table.sort(self.columns, by_order)
  self.identifier = self.columns[1]
  if not self.identifier or self.identifier.role ~= "identifier" then
    return nil, { kind = "config", text = "the CRM's table of Microsoft solutions has no column "
      .. "for identifiers that the application user may write" }
  end
  return self
end

-- ---- Rows ----

---@class CatalogueRow
---@field id string    the row's
---@field tag string
---@field solution string|nil  identifier
---@field values table  by logical name

---All rows there are.  (suspends)
---@return CatalogueRow[]|nil, table|nil err
function M.rows(self)
  local select = { self.key }
  for i, column in ipairs(self.columns) do
    select[i + 1] = column.name
  end
  local rows, err = read(dynamics.query, self.table, { select = select, page = true })
  if not rows then
    return nil, err
  end
  local out = {}
  for i, row in ipairs(rows) do
    local values = {}
    for _, column in ipairs(self.columns) do
      local value = row[column.name]
      values[column.name] = value ~= json.null and value or nil
    end
    out[i] = { id = row[self.key], tag = row["@odata.etag"], values = values,
      solution = values[self.identifier.name] }
  end
  return out
end

---A value as people read it: an option by its label.
---@param column CatalogueColumn
function M.shown(column, value)
  if value == nil then
    return ""
  end
  for _, option in ipairs(column.meta.options or {}) do
    if option.value == value or (option.value ~= 0) == value then
      return option.label or tostring(value)
    end
  end
  return tostring(value)
end

-- ---- Writing ----

-- The row of an identifier that the CRM does not have yet: the same one again, if an earlier import
-- was broken off behind the write.
local function row_id(self, identifier)
  local h = host.crypto.sha256(json.encode { "catalogue", self.table, identifier:lower() })
  return ("%s-%s-5%s-8%s-%s"):format(h:sub(1, 8), h:sub(9, 12), h:sub(14, 16), h:sub(18, 20),
    h:sub(21, 32))
end

---@param entry table  of a plan (catalogue_plan.lua)
local function change_of(self, entry)
  if entry.what == "new" then
    return { op = "create", table = self.table, id = row_id(self, entry.solution),
      values = entry.values }
  end
  return { op = "update", table = self.table, id = entry.target.id, tag = entry.target.tag,
    values = entry.values }
end

local function part_of(self, entries, from, most)
  local set = {}
  for i = from, math.min(#entries, from + most - 1) do
    set[#set + 1] = change_of(self, entries[i])
  end
  return set
end

local AGAIN = { net = true, busy = true, conflict = true } -- look anew what is left to do

-- What could not be written, as a person reads it.
local function explain(err, entries, from)
  local entry = err.index and entries[from + err.index - 1]
  return { kind = err.kind, text = err.text, entry = entry, wait_ms = err.wait_ms }
end

-- -> how many were written | nil, err
local function write_all(self, entries, size, wrote)
  local at = 1
  while at <= #entries do
    local set = part_of(self, entries, at, size)
    local done, err = dynamics.changes(set)
    if not done then
      return nil, explain(err, entries, at)
    end
    at = at + #set
    wrote(#set)
  end
  return true
end

---Writes what a plan says: all of it in one change set, or none; more than 1,000 rows in sets of
---250, and if that is broken off, the same command goes on.  Where a write's outcome is unsure, or
---somebody else wrote, it is looked anew what is left.  (suspends)
---@param entries table[]  the new and the changed
---@param again fun(): table[]|nil, table|nil  the entries that are left, from a fresh look
---@param progress fun(done: integer, total: integer)
---@return integer|nil written, table|nil err  with `entry`, the row that was refused, if known;
---        `written`, how many were before it
function M.write(self, entries, again, progress)
  local total, size = #entries, #entries <= SET and SET or PART
  local written = 0
  for try = 1, TRIES do
    local ok, err = write_all(self, entries, size, function(n)
      written = written + n
      progress(written, total)
    end)
    if ok then
      return written
    elseif not AGAIN[err.kind] or try == TRIES then
      dynamics.forget(self.table) -- what it was judged by may be old
      err.written = written
      return nil, err
    end
    rest(err, try)
    local bad
    entries, bad = again()
    if not entries then
      bad.written = written
      return nil, bad
    end
    written = total - #entries
  end
end

---Deals that wait for something are looked at: a solution that was missing may be what.  (suspends)
---@return integer
function M.wake()
  local after, n = 0, 0
  repeat
    local list = host.store.link_list(after, LINKS) or {}
    for _, link in ipairs(list) do
      if link.doc.waits then
        links.wake(link.id, "catalogue")
        n = n + 1
      end
    end
    after = #list == LINKS and list[LINKS].id or nil
    host.sleep(0)
  until not after
  return n
end

return M

-- A file of Microsoft's solutions against the CRM's table of them: what is new, changed, the same
-- or wrong.  Tables in, a plan out; it must never ask or write.
-- An empty cell leaves what the CRM has: an import never clears.
local audit = require "audit"
local catalogue = require "catalogue"
local text = require "text"

local M = {}

local HEADING_WITHIN = 20 -- rows, of which one has the headings
local PAUSE = 500

-- ---- Headings ----

local SPACES = { "\u{3000}", "\u{A0}", "\u{FEFF}" }

-- Words as people vary them: case, spaces, a star for what is required.
local function plain(word)
  for _, space in ipairs(SPACES) do
    word = word:gsub(space, "")
  end
  return (word:lower():gsub("[%s_%-%*:%.]", ""))
end

local function names_of(self)
  local out, words = {}, {}
  for _, column in ipairs(self.columns) do
    for _, name in ipairs(column.names) do
      if not out[plain(name)] then
        out[plain(name)] = column
        words[#words + 1] = name
      end
    end
  end
  return out, words
end

-- The first row that names the identifier's column.
local function heading_row(rows, names, identifier)
  for i = 1, math.min(#rows, HEADING_WITHIN) do
    for _, cell in pairs(rows[i].cells) do
      if names[plain(cell)] == identifier then
        return i
      end
    end
  end
  return nil
end

local function labels_of(self)
  local out = {}
  for i, column in ipairs(self.columns) do
    out[i] = "'" .. column.label .. "'"
  end
  return table.concat(out, ", ")
end

-- -> { [column of the file] = CatalogueColumn }, what is left out
local function headings(plan, row, names, words)
  local found, at = {}, {}
  local columns = {}
  for column in pairs(row.cells) do
    columns[#columns + 1] = column
  end
  table.sort(columns)
  for _, column in ipairs(columns) do
    local cell = text.trim(row.cells[column])
    local known = names[plain(cell)]
    if known and at[known] then
      plan.problem(row.row, column, ("'%s' stands over two columns: take one away"):format(cell))
    elseif known then
      found[column], at[known] = known, column
    elseif cell ~= "" then
      plan.left_out[#plan.left_out + 1] = { column = column, heading = cell,
        meant = text.nearest(cell, words) }
    end
  end
  return found, at
end

-- ---- Values ----

local function options_of(column)
  local out = {}
  for i, option in ipairs(column.meta.options) do
    out[i] = option.label or tostring(option.value)
  end
  return table.concat(out, ", ")
end

local function option(column, cell)
  for _, o in ipairs(column.meta.options or {}) do
    for _, label in ipairs { o.label, table.unpack(o.labels or {}) } do
      if plain(label) == plain(cell) then
        return o.value
      end
    end
    if tostring(o.value) == cell then
      return o.value
    end
  end
  return nil, ("'%s' is none of the options of '%s': choose of %s"):format(
    text.bound(cell, 60), column.label, options_of(column))
end

local FLAGS = { ["TRUE"] = true, ["FALSE"] = false }

local function flag(column, cell)
  local known = FLAGS[cell:upper()]
  if known ~= nil then
    return known
  end
  local value, err = option(column, cell)
  if value == nil then
    return nil, err
  end
  return value ~= 0
end

local function whole(column, cell)
  local n = math.tointeger(tonumber(cell))
  local least, most = column.meta.least or math.mininteger, column.meta.most or math.maxinteger
  if not n or n < least or n > most then
    return nil, ("'%s' is no whole number from %s to %s"):format(text.bound(cell, 60), least, most)
  end
  return n
end

local function words(column, cell)
  local max = column.meta.max
  if cell:find("%c") and (column.meta.type ~= "Memo" or cell:find("[^\r\n\t%C]")) then
    return nil, "the text has a line break or another control character: take it out"
  elseif max and audit.units(cell) > max then
    return nil, ("the text has %d characters, '%s' holds %d: shorten it"):format(audit.units(cell),
      column.label, max)
  end
  return cell
end

local READ = { String = words, Memo = words, Picklist = option, Boolean = flag, Integer = whole }

-- `SOL-...` of partners' solutions in capitals, the GUID of Microsoft's own without braces.
-- What the CRM has already is one, whatever it looks like.
local function identifier(cell, there)
  local guid = cell:match("^{(.*)}$") or cell
  if there[cell:lower()] then
    return cell
  elseif text.is_guid(guid) then
    return guid:lower()
  elseif cell:upper():find("^SOL%-[%w%-]*%w$") then
    return cell:upper()
  end
  return nil, ("'%s' is no solution identifier: it is like SOL-12345-ABC or a GUID, as Partner "
    .. "Center shows it"):format(text.bound(cell, 60))
end

-- ---- A row ----

-- -> values, the columns whose cell is wrong
local function values_of(plan, row, sheet)
  local values, bad = {}, {}
  for column, known in pairs(sheet.found) do
    local cell = row.cells[column] and text.trim(row.cells[column]) or ""
    if cell ~= "" then
      local value, why = READ[known.meta.type](known, cell)
      if value ~= nil and known.role == "identifier" then
        value, why = identifier(value, sheet.there)
      end
      if value == nil then
        plan.problem(row.row, column, why)
        bad[known.name] = true
      end
      values[known.name] = value
    end
  end
  return values, bad
end

-- A cell that stands under no heading has slipped, or its separator was not in quotes.
local function slipped(plan, row, heading)
  for column in pairs(row.cells) do
    if not heading.cells[column] and text.trim(row.cells[column]) ~= "" then
      plan.problem(row.row, column, "nothing stands over this cell: give its column a heading, or "
        .. "empty it; in a .csv a text with a separator in it stands in quotation marks")
      return true
    end
  end
  return false
end

local function required(self, plan, entry, at)
  local good = true
  for _, column in ipairs(self.columns) do
    local level = column.meta.required
    local needed = column.role == "name" or level == "ApplicationRequired" or
      level == "SystemRequired"
    local missing = entry.values[column.name] == nil and not entry.bad[column.name]
    if needed and column.role ~= "identifier" and missing then
      plan.problem(entry.row, at[column] or at[self.identifier],
        ("a new solution needs a '%s': type it"):format(column.label))
      good = false
    end
  end
  return good
end

-- Only what differs is written.
local function differing(self, entry)
  local changed = {}
  for _, column in ipairs(self.columns) do
    local is, wanted = entry.target.values[column.name], entry.values[column.name]
    is = type(is) == "string" and text.trim(is) or is
    local same = wanted == nil or wanted == is or column.role == "identifier"
    if same then
      entry.values[column.name] = nil
    else
      changed[#changed + 1] = { column = column, from = catalogue.shown(column, is),
        to = catalogue.shown(column, wanted) }
    end
  end
  entry.changes = changed
  return #changed > 0 and "changed" or "same"
end

local function place_of(self, plan, entry, at, there)
  local key = entry.solution:lower()
  local column = at[self.identifier]
  if plan.first[key] then
    plan.problem(entry.row, column, ("%s stands in row %d already: take one of them out"):format(
      entry.solution, plan.first[key]))
    return "wrong"
  end
  plan.first[key] = entry.row
  local rows = there[key]
  if rows and #rows > 1 then
    plan.problem(entry.row, column, ("the CRM's table has %d rows of %s: remove all but one there")
      :format(#rows, entry.solution))
    return "wrong"
  elseif rows then
    entry.target = rows[1]
    return differing(self, entry)
  end
  return required(self, plan, entry, at) and "new" or "wrong"
end

local function entry_of(self, plan, row, sheet)
  local entry = { row = row.row, values = {} }
  if row.bad then -- said already
    entry.what = "wrong"
    return entry
  end
  entry.values, entry.bad = values_of(plan, row, sheet)
  entry.solution = entry.values[self.identifier.name]
  local good = not slipped(plan, row, sheet.heading) and next(entry.bad) == nil
  if not entry.solution then
    if good then
      plan.problem(row.row, sheet.at[self.identifier], ("the row has no '%s': type it, or empty "
        .. "the row"):format(self.identifier.label))
    end
    entry.what = "wrong"
  else
    local what = place_of(self, plan, entry, sheet.at, sheet.there)
    entry.what = good and what or "wrong"
  end
  return entry
end

-- ---- All of it ----

local function blank(row, found)
  for column in pairs(found) do
    if row.cells[column] and text.trim(row.cells[column]) ~= "" then
      return false
    end
  end
  return true
end

local function by_identifier(rows)
  local out = {}
  for _, row in ipairs(rows) do
    if type(row.solution) == "string" then
      local key = text.trim(row.solution):lower()
      out[key] = out[key] or {}
      table.insert(out[key], row)
    end
  end
  return out
end

local function new_plan(file)
  local plan = { entries = {}, problems = {}, left_out = {}, first = {},
    counts = { new = 0, changed = 0, same = 0, wrong = 0 } }
  function plan.problem(row, column, said)
    plan.problems[#plan.problems + 1] = { row = row, column = column, text = said }
  end
  for _, p in ipairs(file.problems) do
    plan.problem(p.row, p.column, p.text)
  end
  return plan
end

local function by_place(a, b)
  if a.row ~= b.row then
    return a.row < b.row
  end
  return a.column < b.column
end

---@class CataloguePlan
---@field entries { row: integer, what: "new"|"changed"|"same"|"wrong", solution: string|nil,
---        values: table, changes: table[]|nil, target: CatalogueRow|nil }[]
---@field problems { row: integer, column: integer, text: string }[]  in order
---@field left_out { column: integer, heading: string, meant: string|nil }[]
---@field counts table<string, integer>

---@param self table  as catalogue.open made it
---@param file table  as sheet.read made it
---@param rows CatalogueRow[]
---@param pause fun()|nil  called now and then
---@return CataloguePlan
function M.make(self, file, rows, pause)
  local plan = new_plan(file)
  local names, all = names_of(self)
  local head = heading_row(file.rows, names, self.identifier)
  if not head then
    if #plan.problems == 0 then
      plan.problem(file.rows[1] and file.rows[1].row or 1, 1,
        ("no heading '%s' in the first %d rows: the columns are %s"):format(
          self.identifier.label, HEADING_WITHIN, labels_of(self)))
    end
    return plan
  end
  local heading = file.rows[head]
  local found, at = headings(plan, heading, names, all)
  local sheet = { heading = heading, found = found, at = at, there = by_identifier(rows) }
  for i = head + 1, #file.rows do
    if not blank(file.rows[i], found) then
      local entry = entry_of(self, plan, file.rows[i], sheet)
      plan.entries[#plan.entries + 1] = entry
      plan.counts[entry.what] = plan.counts[entry.what] + 1
    end
    if pause and i % PAUSE == 0 then
      pause()
    end
  end
  table.sort(plan.problems, by_place)
  return plan
end

---The entries that are to be written.
---@param plan CataloguePlan
function M.to_write(plan)
  local out = {}
  for _, entry in ipairs(plan.entries) do
    if entry.what == "new" or entry.what == "changed" then
      out[#out + 1] = entry
    end
  end
  return out
end

return M

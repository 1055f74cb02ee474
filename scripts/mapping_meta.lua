--- A mapping held against the tables of a CRM: columns that are not there or read-only, options
-- that nobody has, types, lengths, look-ups, what the CRM requires and nothing fills.
-- A pure function of tables, for `cosell check` (with the copy of the tables) and for the host that
-- runs (with what it learned).  It must never ask anybody, nor quote a value of a real deal: what
-- it sees are constants and answers to fixtures.

local fields = require "fields"
local more_fields = require "more_fields"
local selection = require "selection"
local source = require "mapping_source"
local text = require "text"
local values = require "mapping_value"

local M = {}

--- Tables that every mapping meets.
M.tables = { "account", "contact", "opportunity", "lead" }

-- Columns that cosell, or the CRM itself, fills whatever the mapping says.
local FILLED = {
  account = { "ownerid" }, contact = { "ownerid", "parentcustomerid" },
  opportunity = { "ownerid", "parentaccountid", "parentcontactid", "customerid", "statuscode",
    "isrevenuesystemcalculated" },
  lead = { "ownerid", "customerid", "transactioncurrencyid", "estimatedamount",
    "estimatedclosedate" },
}

-- Levels: "error", "warning", "note" (something that could not be checked).
local Check = {}
Check.__index = Check

-- where: { role =, key =, word = | nil, line = | nil, what = | nil }
function Check:add(level, where, words, ...)
  local file, line = self.source:find(where)
  self.problems[#self.problems + 1] = { file = file, line = line, key = where.key, level = level,
    what = where.what, text = words:format(...) }
end

-- ---- Tables and columns ----

-- The definition of a table, or nil after it was said why not.
function Check:table(name, where)
  local meta = self.metas[name]
  if meta then return meta end
  if meta == false then
    local near = text.nearest(name, self.names)
    self:add("error", where, "your CRM has no table `%s`%s", name,
      near and "; did you mean `" .. near .. "`?" or "")
  elseif not self.missing[name] then
    self.missing[name] = true
    self:add("note", where, "not checked: the definition of the table `%s` is not there; "
      .. "`cosell fields --save` fetches it", name)
  end
  return nil
end

local function column_hint(meta, name)
  local bare = name:match("^_(.+)_value$")
  if bare and meta.columns[bare] then return ("; name it `%s`"):format(bare) end
  for column, about in pairs(meta.columns) do
    if about.label and about.label:lower() == name:lower() then
      return ("; `%s` is called so"):format(column)
    end
  end
  local near = text.nearest(name, text.keys(meta.columns))
  return near and "; did you mean `" .. near .. "`?" or ""
end

-- A column of a table -> its definition, or nil after it was said why not.
function Check:column(logical, name, where)
  local meta = self:table(logical, where)
  if not meta then return nil end
  local column = meta.columns[name]
  if column then return column end
  self:add("error", where, "%s has no column `%s` in your CRM%s", logical, name,
    column_hint(meta, name))
  return nil
end

local REQUIRED = { ApplicationRequired = true, SystemRequired = true }

-- ctx.bind(table, { column = value }) in a value
function Check:bind(marker, where)
  for _, name in ipairs(text.keys(marker.where)) do
    local at = { role = where.role, key = where.key, word = name }
    local column = self:column(marker.table, name, at)
    local bad = column and values.mismatch(column, name, marker.where[name])
    if bad then self:add("error", at, "%s", bad) end
    if not self.metas[marker.table] then return end
  end
end

-- One column that gets a value.  way: "create", "update"; sample: a fixture's name, or nil.
function Check:value(logical, name, value, way, where, sample)
  local column = self:column(logical, name, where)
  if type(value) == "table" and value["$bind"] then self:bind(value["$bind"], where) end
  if not column then return end
  local of = sample and (" (fixture %s)"):format(sample) or ""
  if column[way] == false then
    return self:add("error", where, "%s.%s is read-only in your CRM%s", logical, name, of)
  end
  local bad, kind = values.problem(column, name, value)
  if bad then
    local cut = kind == "long" and sample
    self:add(cut and "warning" or "error", where, "%s%s%s", bad, cut and ": it will be cut" or "",
      of)
  elseif value == json.null and REQUIRED[column.required] then
    self:add("warning", where, "%s.%s is required in your CRM and is cleared%s", logical, name, of)
  end
end

-- ---- details.lua ----

function Check:columns()
  for _, logical in ipairs(text.keys(self.said.columns)) do
    for _, name in ipairs(self.said.columns[logical]) do
      local where = { role = "details", key = "columns." .. logical, word = name }
      local column = self:column(logical, name, where)
      if column and not values.is_usable(column) then
        self:add("error", where, "%s.%s only shows another column and cannot be read", logical,
          name)
      end
    end
  end
end

-- A column that no row brings is nil in the mapping: a condition on it never holds.
function Check:reads()
  local meta, known = self.metas.opportunity, {}
  for _, list in pairs(self.said.columns) do
    for _, name in ipairs(list) do known[name] = true end
  end
  for _, row in ipairs(self.said.fields) do known[row.crm] = true end
  for _, name in pairs(self.describe.deal_value) do known[name] = true end
  for _, one in ipairs(meta and self.source:reads() or {}) do
    local name = one.column
    if meta.columns[name] and not known[name] and not selection.reads(name, self.said.roles) then
      self:add("warning", { role = one.role, key = "crm." .. name, line = one.line },
        "opportunities are read without `%s`: name it in columns.opportunity of details.lua", name)
    end
  end
end

local function parts_of(place)
  return place:match("^([^.]+)%.([^.]+)$")
end

function Check:constants()
  for _, place in ipairs(text.keys(self.said.constants)) do
    local logical, way = parts_of(place)
    for _, name in ipairs(logical ~= "referral" and text.keys(self.said.constants[place]) or {}) do
      self:value(logical, name, self.said.constants[place][name], way,
        { role = "details", key = place .. "." .. name })
    end
  end
end

local ANSWER = {}

function ANSWER.match(self, logical, answer)
  for _, alternative in ipairs(answer.value) do
    for _, pair in ipairs(alternative) do
      local where = { role = "details", key = answer.call, word = pair[1] }
      local column = self:column(logical, pair[1], where)
      local bad = column and values.mismatch(column, pair[1], pair[2])
      if bad then self:add("error", where, "%s (fixture %s)", bad, answer.fixture) end
    end
  end
end

local function filled(way)
  return function(self, logical, answer)
    for _, name in ipairs(text.keys(answer.value)) do
      self:value(logical, name, answer.value[name], way,
        { role = "details", key = answer.call, word = name }, answer.fixture)
    end
  end
end
ANSWER.create, ANSWER.update = filled "create", filled "update"

function ANSWER.also(self, _, answer)
  for _, row in ipairs(answer.value) do
    local where = { role = "details", key = "also", word = row.table }
    if self:table(row.table, where) then
      for _, name in ipairs(text.keys(row.values)) do
        self:value(row.table, name, row.values[name], "create",
          { role = "details", key = "also", word = name }, answer.fixture)
      end
    end
  end
end

function ANSWER.from_code(self, _, answer)
  local field, meta = self.describe.country.field, self.metas.account
  if meta and meta.columns[field] and not self.describe.country.code then
    self:value("account", field, answer.value, "create",
      { role = "country", key = "from_code" }, answer.fixture)
  end
end

function Check:fixtures()
  local seen = {}
  for _, answer in ipairs(self.answers) do
    local logical, kind = parts_of(answer.call)
    seen[answer.call] = true
    ANSWER[kind or answer.call](self, logical, answer)
  end
  for _, place in ipairs(text.keys(self.said.functions)) do
    local logical, kind = parts_of(place)
    local looked = ANSWER[kind or place] and logical ~= "referral" and kind ~= "from_code"
    if looked and not seen[place] then
      self:add("note", { role = "details", key = place },
        "not checked: it is a function, and no fixture asks it")
    end
  end
end

-- Tables that functions bind look-ups to, whether a fixture asks them or not.
function Check:binds()
  for _, one in ipairs(self.source:binds()) do
    self:table(one.table, { role = one.role, key = "ctx.bind", line = one.line })
  end
end

function Check:fields()
  for i, row in ipairs(self.said.fields) do
    local where = { role = "details", key = ("fields.%d.crm"):format(i), word = row.crm }
    local column = self:column("opportunity", row.crm, where)
    local shipped = fields.place(row.referral).row
    local own = shipped and more_fields.own_column(shipped, self.said.roles,
      { write = self.describe.deal_value.write or self.describe.deal_value.field })
    local why = column and more_fields.refused(row, column, own)
    if why then self:add("error", where, "%s", why) end
  end
end

function Check:status_reasons()
  local meta = self.metas.opportunity
  local column = meta and meta.columns.statuscode
  for _, label in ipairs(column and text.keys(self.said.status_reasons) or {}) do
    local where = { role = "details", key = "status_reasons." .. label, word = label }
    local near = values.nearest_label(column, label)
    if not values.options_called(column, label)[1] then
      self:add("error", where, "no status reason of opportunity is called \"%s\"%s", label,
        near and ("; did you mean \"%s\"?"):format(near) or "")
    end
  end
end

-- ---- country.lua, deal_value.lua, the profile ----

-- Who names it: the small file, or the setting that stands for it.
function Check:named(file, key, setting)
  if self.said[file][key] ~= nil then return { role = file, key = key } end
  return { role = "profile", key = "settings." .. setting }
end

function Check:country()
  local country = self.describe.country
  local where = self:named("country", "field", "country_field")
  local column = self:column("account", country.field, where)
  if not column then return end
  local looks_up = values.is_lookup(column)
  if column.create == false then
    self:add("error", where, "account.%s is read-only in your CRM", country.field)
  elseif looks_up and not country.code then
    self:add("error", where, "`%s` is a look-up of %s: name the column of that table with the ISO "
      .. "code, as `code` in country.lua", country.field, (column.targets or {})[1] or "a table")
  elseif country.code and not looks_up then
    self:add("error", { role = "country", key = "code" }, "`code` is for a look-up, and account.%s "
      .. "is no look-up (%s)", country.field, values.kind(column))
  elseif country.code then
    self:column((column.targets or {})[1] or "?", country.code, { role = "country", key = "code" })
  elseif values.is_option(column) and not country.custom then
    self:add("error", where, "`%s` is an option: to_code and from_code of country.lua must say "
      .. "which option stands for which country", country.field)
  end
end

local function is_amount(column)
  return values.is_number(column) or column.type == "String"
end

-- The column of one way; written: the CRM must take it.
function Check:amount(key, written)
  local name = self.describe.deal_value[key]
  if type(name) ~= "string" then return end
  local where = self:named("deal_value", key, "deal_value_field")
  local column = self:column("opportunity", name, where)
  if not column then return end
  if not is_amount(column) then
    self:add("error", where, "opportunity.%s holds no amount (%s)", name, values.kind(column))
  elseif written == "must" and column.update == false then
    self:add("error", where, "opportunity.%s is read-only in your CRM and cannot be written", name)
  elseif written and column.update == false then
    self:add("warning", where, "opportunity.%s is read-only in your CRM: a value from Partner "
      .. "Center is not written", name)
  end
end

function Check:deal_value()
  self:amount("field", "may")
  self:amount("read")
  self:amount("write", "must")
  local currency = self.describe.deal_value.currency
  if currency == "row" or currency == "base" or not currency then return end
  local where = self:named("deal_value", "currency", "deal_value_currency_field")
  local column = self:column("opportunity", currency, where)
  if column and not values.is_text(column) then
    self:add("error", where, "opportunity.%s holds no currency code (%s): \"row\" is the row's own "
      .. "currency, \"base\" the organisation's", currency, values.kind(column))
  elseif column and column.update == false then
    self:add("error", where, "opportunity.%s is read-only in your CRM, and a value that comes in "
      .. "brings its currency", currency)
  end
end

function Check:profile()
  local duns = self.said.settings.duns_field or ""
  if duns ~= "" then
    local where = { role = "profile", key = "settings.duns_field" }
    local column = self:column("account", duns, where)
    if column and not values.is_text(column) then
      self:add("error", where, "account.%s holds no DUNS number (%s)", duns, values.kind(column))
    end
  end
  for _, role in ipairs(text.keys(self.said.roles)) do
    local name = self.said.roles[role]
    if type(name) == "string" then
      self:column("opportunity", name, { role = "profile", key = "columns." .. role })
    end
  end
end

-- ---- What the CRM requires ----

local NEVER_EMPTY = { Boolean = true, State = true, Status = true, Owner = true,
  Uniqueidentifier = true }

-- Columns of a table that something fills, besides those that the text of details.lua names.
function Check:filled(logical)
  local out = {}
  local function fill(name) out[name] = true end
  for _, name in ipairs(FILLED[logical]) do fill(name) end
  for name in pairs(self.said.constants[logical .. ".create"] or {}) do fill(name) end
  for _, answer in ipairs(self.answers) do
    for name in pairs(answer.call == logical .. ".create" and answer.value or {}) do fill(name) end
  end
  if logical == "account" then fill(self.describe.country.field) end
  if logical ~= "opportunity" then return out end
  for _, field in ipairs(fields.rows) do
    local column = field.to_crm and (field.place or ""):match("^opportunity%.([%w_]+)")
    if column then fill(column) end
  end
  for _, name in pairs(self.said.roles) do fill(name) end
  fill(self.describe.deal_value.write or self.describe.deal_value.field or "")
  return out
end

function Check:required()
  for _, logical in ipairs(M.tables) do
    local meta = self.metas[logical]
    local left_out = logical == "lead" and self.said.settings.sync_leads == false
    local there = meta and not left_out and self:filled(logical)
    for _, name in ipairs(there and text.keys(meta.columns) or {}) do
      local column = meta.columns[name]
      if column.required == "ApplicationRequired" and column.create ~= false
        and not NEVER_EMPTY[column.type] and not there[name] and not self.source:names(name) then
        self:add("warning", { role = "details", key = logical .. ".create", what = "required" },
          "%s.%s is required in your CRM and nothing fills it", logical, name)
      end
    end
  end
end

-- ---- The whole ----

local function sorted(problems)
  local out, seen = {}, {}
  for _, p in ipairs(problems) do
    local same = ("%s:%s:%s:%s"):format(p.file, p.line, p.key, p.text)
    if not seen[same] then out[#out + 1] = p end
    seen[same] = true
  end
  table.sort(out, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    if (a.line or 0) ~= (b.line or 0) then return (a.line or 0) < (b.line or 0) end
    return a.key .. a.text < b.key .. b.text
  end)
  return out
end

---@class MappingProblem
---@field file string   as shown to people
---@field line integer|nil
---@field key string
---@field text string   without the key
---@field level "error"|"warning"|"note"  note: what could not be checked
---@field what "required"|nil  the CRM requires the column

--- What is wrong with a mapping in this CRM, in order of file and line.
---@param describe table  the mapping's answer to "describe"
---@param said table      its answer to "said" (mapping_said.lua)
---@param answers table[] what fixtures were answered: said.answers
---@param metas table     logical name -> definition (dynamics_meta.lua); false: no such table
---@return MappingProblem[]
function M.problems(describe, said, answers, metas)
  local names = {}
  for name, meta in pairs(metas) do names[#names + 1] = meta and name or nil end
  table.sort(names)
  local self = setmetatable({ describe = describe, said = said, answers = answers, metas = metas,
    names = names, problems = {}, missing = {}, source = source.new(said.files) }, Check)
  self:profile()
  self:columns()
  self:reads()
  self:constants()
  self:fixtures()
  self:binds()
  self:fields()
  self:status_reasons()
  self:country()
  self:deal_value()
  self:required()
  return sorted(self.problems)
end

--- One line of it: "p/details.lua:7: opportunity.create: ...".
---@param problem MappingProblem
---@return string
function M.line(problem)
  return ("%s%s: %s: %s"):format(problem.file, problem.line and ":" .. problem.line or "",
    problem.key, problem.text)
end

return M

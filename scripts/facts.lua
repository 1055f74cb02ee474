-- What this CRM and this mapping are like: columns by role, options, currencies, the tables of
-- solutions, what the mapping declares.  Learned once a generation, kept in memory.
-- It names Dataverse columns so that deal.lua need not; it must never read or write a deal.
local choices = require "choices"
local dynamics = require "dynamics"
local fields = require "fields"
local forms = require "forms"
local lists = require "lists"
local mapping_look = require "mapping_look"
local selection = require "selection"
local mapping_value = require "mapping_value"
local marks = require "marks"
local more_fields = require "more_fields"
local say = require "say"
local text = require "text"

local M = {}

local LOST = 2 -- of statecode

local function config(message)
  return nil, { kind = "config", text = message }
end

-- The column that is called so: the shortest name, for the CRM adds some behind it (price_base),
-- and one that can be written.
local function column_like(columns, word)
  local found
  for column, about in pairs(columns) do
    if column:find(word, 1, true) and about.update and
      (not found or #column < #found or #column == #found and column < found) then
      found = column
    end
  end
  return found
end

-- ---- Methods that canonical.lua asks ----

local Facts = {}
Facts.__index = Facts

local function method(self, name)
  self[name] = function(...)
    return Facts[name](self, ...)
  end
end

function Facts:precision(code)
  local currency = self.currencies.by_code[code or ""]
  return currency and currency.precision or 2
end

local AGAIN_MS = 60000 -- between two readings of a list for the sake of an unknown row

-- A row that the list lacks may have been added since: the list is read again, once a minute.
local function learn(self, list, row, load, from)
  if type(row) ~= "string" or self[list].by_row[row] or
    host.now_ms() - (self[list].read_ms or 0) < AGAIN_MS then
    return
  end
  self[list] = load(from) or self[list]
  self[list].read_ms = host.now_ms()
end

-- An amount always travels with its currency: the row's, the organisation's, or a column's text.
function Facts:currency_code(row)
  learn(self, "currencies", row["_" .. self.columns.currency .. "_value"], lists.currencies)
  local where = self.deal_value.currency
  local of = { row = row["_" .. self.columns.currency .. "_value"], base = self.base_currency }
  if where ~= "row" and where ~= "base" then
    return row[where] ~= json.null and row[where] or nil
  end
  local currency = self.currencies.by_row[of[where] or ""]
  return currency and currency.code
end

-- The mapping's answer; what it raises is the failure of the turn, never an empty value.
local function ask(question)
  local answer, err = host.map(question)
  return answer or error(err, 0)
end

function Facts:value_of(row)
  if self.deal_value.custom then
    return ask { call = "deal_value.read", crm = row }.value
  end
  return row[self.deal_value.read]
end

-- -> its code, and what stands there
function Facts:country_code(account)
  local value = account[self.country_path or self.country.field]
  if self.country_path then -- a look-up
    value = type(value) == "table" and value[self.country.code] or nil
  end
  if value == nil or value == json.null then
    return nil
  end
  local code = ask { call = "country.to_code", value = value }.code
  return code ~= json.null and code or nil, tostring(value)
end

-- What stands in the column of a choice, as it was read.
function Facts:choice(row, field)
  local column = self.columns[field]
  local meta = column and self.meta.columns[column]
  return meta and row[meta.type == "Lookup" and "_" .. column .. "_value" or column]
end

---A canonical choice as the column takes it; nil: the CRM has nothing that is called so.
function Facts:choice_column(field, value, area)
  return choices.to_crm(self.choices, field, value, area)
end

function Facts:status_word(status)
  return self.status_words[status or -1]
end

-- Why the row was closed: the mapping's words, else those of its status reason.
function Facts:close_reason(row)
  if row.statecode == 0 or row.statecode == nil then
    return nil
  elseif not self.describe.has.close_reason then
    return row.statecode == LOST and self.status_labels[row.statuscode] or nil
  end
  local reason = ask { call = "close_reason", crm = row }.reason
  return reason ~= json.null and reason or nil
end

function Facts:solution_rows(row)
  local out = {}
  for _, child in ipairs(row[self.solutions.navigation] or {}) do
    local detail = child["_" .. self.solutions.detail_lookup .. "_value"]
    learn(self, "catalogue", detail, lists.catalogue, self.solutions)
    local entry = self.catalogue.by_row[detail or ""]
    if entry then
      out[#out + 1] = { id = entry.id, name = entry.name, row = child[self.solutions.key],
        tag = child["@odata.etag"], price = self.solutions.price and child[self.solutions.price],
        quantity = self.solutions.quantity and child[self.solutions.quantity] }
    end
  end
  return out
end

-- A date column's behaviour decides: only a user's local time is converted (rule 4).
local function is_local(self)
  return self.meta.columns[self.columns.closing_date].behavior == "UserLocal"
end

function Facts:date_of(row)
  local value = row[self.columns.closing_date]
  if type(value) ~= "string" then
    return nil
  elseif is_local(self) and #value > 10 then
    return text.date(text.ms(value) + self.offset_minutes * 60000)
  end
  return value:sub(1, 10)
end

---A canonical date as the CRM's column wants it.
function Facts:date_column(date)
  local meta = self.meta.columns[self.columns.closing_date]
  if is_local(self) then
    return text.iso(text.ms(date .. "T00:00:00Z") - self.offset_minutes * 60000)
  elseif meta.behavior == "TimeZoneIndependent" then
    return date .. "T00:00:00Z"
  end
  return date
end

-- The versions of the account and the contact of a row, as one text; times are whole seconds.
function Facts.customer_stamp(_, row)
  local out = {}
  for _, name in ipairs { "parentaccountid", "parentcontactid" } do
    out[#out + 1] = type(row[name]) == "table" and tostring(row[name].versionnumber) or "-"
  end
  return table.concat(out, " ")
end

-- The same of the contact alone.
function Facts.contact_stamp(_, row)
  local contact = row.parentcontactid
  return type(contact) == "table" and tostring(contact.versionnumber) or nil
end

function Facts.referral_link(_, id)
  return id and (host.profile.portal_url .. id) or nil
end

-- ---- Putting it together ----

-- Role -> column; of what a CRM may lack only what it has, or what the profile names.
local function columns_of(meta)
  local out, given = {}, host.profile.columns
  for role, column in pairs(fields.columns) do
    local field = fields.by_name[role]
    local there = column and (meta.columns[column] or not (field and field.optional))
    out[role] = given[role] or (there and column or nil)
  end
  return out
end

local function check_columns(self, meta)
  for role in pairs(host.profile.columns) do
    if fields.columns[role] == nil then
      local near = text.nearest(role, text.keys(fields.columns))
      return config(("columns.%s: there is no such role%s"):format(role,
        near and "; did you mean `" .. near .. "`?" or ""))
    end
  end
  for role, column in pairs(self.columns) do
    if not meta.columns[column] then
      return config(("the CRM's opportunity has no column %s (%s): provision it, or set columns.%s")
        :format(column, role, role))
    end
  end
  return true
end

---The account's column with the DUNS number, if the setting names one that is there.
---@param meta table  of the account
function M.duns_column(meta)
  local name = host.profile.settings.duns_field or ""
  return meta.columns[name] and name or nil
end

local function deal_value_of(describe)
  local d = describe.deal_value
  return { read = d.read or d.field, write = d.write or d.field,
    currency = d.currency or "row", custom = d.read == true }
end

-- What the mapping says of the field table, and the labels of the columns that it adds.
local function learn_fields(self, meta)
  local list, labels, err = self.describe.fields or {}, {}, nil
  if #list > 0 then
    labels, err = dynamics.labels("opportunity")
  end
  if labels then
    more_fields.learn(list, meta, self, labels)
  end
  return labels, err
end

-- Its language, and its currency where amounts are in it; a user who may not read it reads English.
local function learn_organization(self)
  local needed = self.deal_value.currency == "base"
  local row, err = {}, nil
  if needed or say.asks() then
    row, err = lists.organization()
  end
  if not row and (needed or err.kind ~= "remote") then
    return nil, err
  elseif needed and not row.currency then
    return config "the CRM's organisation has no base currency"
  end
  self.base_currency = needed and row.currency or nil
  say.use(row and row.language)
  return true
end

local function build()
  local describe, err = host.map { call = "describe" }
  if not describe then
    return nil, err
  end
  local self = setmetatable({ describe = describe, table = "opportunity" }, Facts)
  for name in pairs(Facts) do
    if name ~= "__index" then
      method(self, name)
    end
  end
  local metas = {}
  for _, name in ipairs { "opportunity", "account", "contact" } do
    metas[name], err = dynamics.table(name)
    if not metas[name] then
      return nil, err
    end
  end
  local meta = metas.opportunity
  self.columns = columns_of(meta)
  self.deal_value = deal_value_of(describe)
  self.country = describe.country
  self.country_path = self.country.code and
    select(2, next(metas.account.nav[self.country.field] or {})) or nil
  self.duns = M.duns_column(metas.account)
  self.marks, self.marks_shown = marks.learn(describe.marks or false)
  self.meta, self.metas, self.key = meta, metas, meta.id
  self.offset_minutes = text.zone_minutes(host.profile.settings.time_zone)
  local ok
  ok, err = learn_fields(self, meta)
  if not ok then
    return nil, err
  end
  ok, err = check_columns(self, meta)
  if not ok then
    return nil, err
  end
  self.solutions, err = lists.solutions("msft_")
  if not self.solutions then
    return nil, err
  end
  self.solutions.price = column_like(self.solutions.columns, "price")
  self.solutions.quantity = column_like(self.solutions.columns, "quantity")
  self.catalogue, err = lists.catalogue(self.solutions)
  if not self.catalogue then
    return nil, err
  end
  self.currencies, err = lists.currencies()
  if not self.currencies then
    return nil, err
  end
  ok, err = learn_organization(self)
  if not ok then
    return nil, err
  end
  self.choices, err = choices.learn(self.columns, meta, describe.taxonomy)
  if not self.choices then
    return nil, err
  end
  self.status_words, self.status_labels = {}, {}
  for label, word in pairs(describe.status_reasons or {}) do
    for _, option in ipairs(mapping_value.options_called(meta.columns.statuscode, label)) do
      self.status_words[option.value] = word
    end
  end
  for _, option in ipairs(meta.columns.statuscode.options or {}) do
    self.status_labels[option.value] = option.label
  end
  selection.of(self)
  return self
end

local cached
local learning -- since when a task asks the services

local PATIENCE_MS, LOOK_MS = 3000, 20

-- Many deals are due at a start: one of them asks, the others wait for what it learns, though not
-- for one that was ended on the way.
local function another_learns()
  local since = learning and host.now_ms() - learning
  return not cached and since and since >= 0 and since < PATIENCE_MS
end

---The facts; asks the services the first time in a generation (pages, not counted as calls).
---(suspends)
---@return table|nil, table|nil
function M.get()
  while another_learns() do
    host.sleep(LOOK_MS)
  end
  if not cached then
    learning = host.now_ms()
    local whole, facts, err = pcall(build)
    learning = nil
    mapping_look.due(facts, err)
    if not whole then
      error(facts, 0)
    elseif not facts then
      return nil, err
    end
    cached = facts
  end
  return cached
end

---Forgets what was learned: a column or solution was unknown.
function M.forget()
  cached = nil
end

---Whether the row has room for a deal value; its definition is read again if it has none.
---(suspends)
---@param value string|nil  canonical
function M.has_room(facts, value)
  local column = facts.deal_value.write
  if not forms.fits(facts.meta.columns[column], value) and dynamics.forget(facts.table) then
    facts.meta = dynamics.table(facts.table) or facts.meta
  end
  return forms.fits(facts.meta.columns[column], value)
end

---A currency of the CRM by its code, read again once if it is not known.  (suspends)
---@return {row: string, code: string, precision: integer}|nil
function M.currency(facts, code)
  if not facts.currencies.by_code[code] then
    facts.currencies = lists.currencies() or facts.currencies
  end
  return facts.currencies.by_code[code]
end

---The row of a solution in the CRM's catalogue, read again once if it is not known.
function M.solution(facts, id)
  local entry = facts.catalogue.by_id[id:lower()]
  if entry then
    return entry
  end
  local fresh = lists.catalogue(facts.solutions)
  if fresh then
    facts.catalogue = fresh
    return fresh.by_id[id:lower()]
  end
  return nil
end

return M

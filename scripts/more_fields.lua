-- Fields that a mapping adds, and shipped ones that it lets travel otherwise (`fields` of
-- details.lua): what their columns and places hold, in one form.
-- Owns the forms of columns; it must never decide a merge, read a record as a whole, or write.
local fields = require "fields"
local forms = require "forms"
local mapping_value = require "mapping_value"

local M = {}

-- ---- Forms: one row a kind of column ----

local function option_of(field, label)
  return mapping_value.options_called(field.more, label)[1] or {}
end

local function label_of(field, value)
  for _, option in ipairs(field.more.options or {}) do
    if option.value == value then
      return option.label
    end
  end
  return nil
end

local function amount(field, value)
  return forms.amount(value, field.more.type == "Integer" and 0 or field.more.precision or 2)
end

local function same(_, value)
  return value
end

-- kind: how values compare; from_crm, from_partner: what is read, in one form; to_crm: as the
-- column takes it, nil: it can't; wire: as the referral does.
local FORMS = {
  text = { kind = "text", types = { "String", "Memo" },
    from_crm = function(_, value) return forms.text(value) end,
    from_partner = function(_, value) return forms.text(value) end,
    to_crm = same, wire = same },
  amount = { kind = "amount", types = { "Integer", "Decimal", "Double", "Money" },
    from_crm = amount, from_partner = amount,
    to_crm = function(_, value) return forms.wire_amount(value) end,
    wire = same },
  flag = { kind = "flag", types = { "Boolean" },
    from_crm = function(_, value) return value == true end,
    from_partner = function(_, value) return value == true or value == "true" end,
    to_crm = same,
    wire = function(field, value)
      return field.there ~= "flag" and tostring(value) or value
    end },
  date = { kind = "date", types = { "DateTime" },
    from_crm = function(_, value) return forms.date(value) end,
    from_partner = function(_, value) return forms.date(value) end,
    to_crm = function(field, value)
      return field.more.behavior == "DateOnly" and value or value .. "T00:00:00Z"
    end,
    wire = same },
  option = { kind = "code", types = { "Picklist" },
    from_crm = label_of,
    from_partner = function(field, value)
      local word = forms.text(value)
      return word and (option_of(field, word).label or word)
    end,
    to_crm = function(field, value) return option_of(field, value).value end,
    wire = same },
}

local BY_TYPE = {}
for _, form in pairs(FORMS) do
  for _, name in ipairs(form.types) do
    BY_TYPE[name] = form
  end
end

-- ---- Values ----

---Of a row of the CRM, into a canonical deal.
---@param row table
---@param deal table
function M.from_crm(row, deal)
  for _, field in ipairs(fields.added) do
    deal[field.name] = field.form.from_crm(field, row[field.crm])
  end
end

local function at(record, path)
  local value = record
  for name in path:gmatch("[^/]+") do
    value = forms.record(value)[name]
  end
  return value
end

---Of a referral, into a canonical deal that has its attributes already.
---@param ours table
---@param deal table
function M.from_partner(ours, deal)
  for _, field in ipairs(fields.added) do
    local there = deal[field.name]
    if not field.attribute then
      there = at(ours, field.path)
    end
    deal[field.name] = field.form.from_partner(field, there)
  end
end

---A canonical value as its column takes it.
---@return any|nil  nil: the column has nothing that is called so
function M.to_crm(field, value)
  return value == json.null and value or field.form.to_crm(field, value)
end

---A canonical value as the referral takes it.
function M.wire(field, value)
  return value == json.null and value or field.form.wire(field, value)
end

---Why the column can't hold a value; nil: it can, or there is none.
---@param value any|nil  canonical
---@return Told|nil
function M.unfit(field, value)
  if value == nil then
    return nil
  elseif field.form.to_crm(field, value) == nil then
    return { field = field.name, key = "no-choice", holes = { value = value } }
  elseif field.kind == "amount" and not forms.fits(field.more, value) then
    return { field = field.name, key = "no-room", holes = { value = value } }
  elseif field.kind == "date" and value < forms.first_day then
    return { field = field.name, key = "too-early", holes = { date = value } }
  end
  return nil
end

---Puts what was added into the body of a new referral; attributes are there already.
---@param body table
---@param deal table  canonical
function M.fill(body, deal)
  for _, field in ipairs(fields.added) do
    local value = deal[field.name]
    if value ~= nil and field.to_partner == "update" and not field.attribute then
      local into, last = body, nil
      for name in field.path:gmatch("[^/]+") do
        into, last = last and forms.record(into[last]) or into, name
      end
      into[last] = M.wire(field, value)
    end
  end
end

-- ---- Learning ----

local WAYS = { ["in"] = { "update", false }, out = { false, "update" },
  both = { "update", "update" } }

---The column of a shipped field as it stands without `fields`.
---@param field Field
---@param roles table<string, string>       of the profile
---@param deal_value { write: string }
---@return string|nil
function M.own_column(field, roles, deal_value)
  return field.name == "value" and deal_value.write or roles[field.crm] or
    fields.columns[field.crm] or nil
end

---Why a row of `fields` cannot travel by this column; nil: it can.  Of a pure table, so that it is
---told before the CRM is at hand, too.
---@param row { crm: string, referral: string, direction: string }
---@param column table    its definition
---@param own string|nil  M.own_column, of the place of a shipped field
---@return string|nil
function M.refused(row, column, own)
  local place, kind = fields.place(row.referral), mapping_value.kind(column)
  local form = BY_TYPE[column.type]
  if place.row and row.crm ~= own and place.row.group == "money" then
    return ("deal_value.lua says which column it is: %s"):format(own)
  elseif place.row and row.crm ~= own and place.row.name == "name" then
    return ("the name stands in %s; `columns` of the profile may name another"):format(own)
  elseif row.direction ~= "out" and column.update == false then
    return ("opportunity.%s is read-only in your CRM; with direction = \"out\" it may stay"):format(
      row.crm)
  elseif place.row then
    return nil
  elseif not form then
    return ("a column of this kind (%s) does not travel: use opportunity.update and " ..
      "referral.update"):format(kind)
  elseif place.kind == "flag" and form ~= FORMS.flag then
    return ("`%s` is true or false at Partner Center, and opportunity.%s is no column of yes or " ..
      "no (%s)"):format(row.referral, row.crm, kind)
  end
  return nil
end

-- A shipped field's own column, direction, policy.
local function change(row, shipped, columns, changed)
  if shipped.name ~= "value" then
    columns[shipped.crm] = row.crm
  end
  local way = WAYS[row.direction]
  changed[shipped.group or shipped.name] = { conflict = row.conflict, to_crm = way[1] or "create",
    to_partner = way[2] or "create", by = shipped.by or "patch" }
end

local function added_row(row, place, column, label)
  local form, way = BY_TYPE[column.type], WAYS[row.direction]
  return { name = row.crm, kind = form.kind, label = label or row.crm, crm = row.crm,
    place = "opportunity." .. row.crm, path = place.path, attribute = place.attribute,
    to_crm = way[1], to_partner = way[2], by = "put", conflict = row.conflict,
    more = column, form = form, there = place.kind }
end

---Gives the field table what a mapping says of it.  That its places are there was seen when it was
---loaded; a row whose column cannot take it is left out (mapping_meta.lua tells why).
---@param list { crm: string, referral: string, direction: string, conflict: string }[]
---@param meta table  of the opportunity
---@param known table  facts with columns (role -> column; what is added stands there too) and
---  deal_value
---@param labels table<string, { label: string|nil }>  of the columns
function M.learn(list, meta, known, labels)
  local changed, added = {}, {}
  for _, row in ipairs(list) do
    local place, column = fields.place(row.referral), meta.columns[row.crm]
    local own = place.row and M.own_column(place.row, known.columns, known.deal_value)
    if not column or M.refused(row, column, own) then
      host.log("warn", ("`fields` of details.lua: %s = %s is left out: cosell status"):format(
        row.crm, row.referral))
    elseif place.row then
      change(row, place.row, known.columns, changed)
    else
      added[#added + 1] = added_row(row, place, column, (labels[row.crm] or {}).label)
      known.columns[row.crm] = row.crm
    end
  end
  fields.use(changed, added)
end

return M

-- Fields that a mapping adds, and shipped ones that it lets travel otherwise (`fields` of
-- details.lua): what their columns and places hold, in one form.
-- Owns the forms of columns; it must never decide a merge, read a record as a whole, or write.
local fields = require "fields"
local forms = require "forms"
local mapping_value = require "mapping_value"
local text = require "text"

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

local function bad(row, why, ...)
  return nil, { kind = "config",
    text = ("`fields` of details.lua, %s = %s: "):format(row.crm, row.referral) ..
      why:format(...) }
end

-- A shipped field's own column, direction, policy.
local function change(row, place, known, changed)
  local field, columns = place.row, known.columns
  local own = columns[field.crm]
  if field.name == "value" then
    own = known.deal_value.write
  end
  if row.crm ~= own and field.group == "money" then
    return bad(row, "deal_value.lua says which column it is: %s", own)
  elseif row.crm ~= own and field.name == "name" then
    return bad(row, "the name stands in %s", own)
  elseif field.name ~= "value" then
    columns[field.crm] = row.crm
  end
  local way = WAYS[row.direction]
  changed[field.group or field.name] = { conflict = row.conflict, to_crm = way[1] or "create",
    to_partner = way[2] or "create", by = field.by or "patch" }
  return true
end

local function added_row(row, place, column, label)
  local form = BY_TYPE[column.type]
  if not form then
    return bad(row, "a column of type %s does not travel: use opportunity.update and " ..
      "referral.update", column.type)
  elseif place.kind == "flag" and form ~= FORMS.flag then
    return bad(row, "it holds true or false, and the column a %s", column.type)
  end
  local way = WAYS[row.direction]
  return { name = row.crm, kind = form.kind, label = label or row.crm, crm = row.crm,
    place = "opportunity." .. row.crm, path = place.path, attribute = place.attribute,
    to_crm = way[1], to_partner = way[2], by = "put", conflict = row.conflict,
    more = column, form = form, there = place.kind }
end

---Gives the field table what a mapping says of it; that its places are there was seen when it was
---loaded.
---@param list { crm: string, referral: string, direction: string, conflict: string }[]
---@param meta table  of the opportunity
---@param known table  facts with columns (role -> column; what is added stands there too) and
---  deal_value
---@param labels table<string, { label: string|nil }>  of the columns
---@return true|nil, table|nil err
function M.learn(list, meta, known, labels)
  local changed, added, taken = {}, {}, {}
  for _, row in ipairs(list) do
    local place, column = fields.place(row.referral), meta.columns[row.crm]
    local there = place.attribute or place.path
    if taken[row.crm] or taken[there] then
      return bad(row, "one of the two stands in another row already")
    elseif not column then
      local near = text.nearest(row.crm, text.keys(meta.columns))
      return bad(row, "the CRM's opportunity has no such column%s",
        near and "; did you mean `" .. near .. "`?" or "")
    elseif place.row then
      local ok, err = change(row, place, known, changed)
      if not ok then
        return nil, err
      end
    else
      local fresh, err = added_row(row, place, column, (labels[row.crm] or {}).label)
      if not fresh then
        return nil, err
      end
      added[#added + 1], known.columns[row.crm] = fresh, row.crm
    end
    taken[row.crm], taken[there] = true, true
  end
  fields.use(changed, added)
  return true
end

return M

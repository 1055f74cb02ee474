-- What a person chooses from a list: options and look-ups of the CRM by their words, codes at
-- Partner Center.  Owns the pairs of words and codes; the plays and areas of a year come from the
-- mapping (taxonomy.lua).  It asks the CRM for the rows of look-ups when a generation begins, and
-- must never write.
local dynamics = require "dynamics"
local fields = require "fields"
local text = require "text"

local M = {}

M.help = fields.help

-- Label in the CRM, code at Partner Center ("Co-sell connector for Dynamics 365 CRM").
M.intent = {
  { label = "Yes", code = "Yes" }, { label = "No", code = "No" },
  { label = "Have not decided", code = "HaveNotDecided" },
}

M.cosell_type = {
  { label = "IP Co-sell", code = "IP" }, { label = "Services Co-sell", code = "Services" },
}

-- The CRM's four stages by the value of the shipped option set, and the percent that stands for
-- them ("Manage co-sell opportunities", sales stage); what else the service shows is read too.
M.stage = {
  { value = 0, code = "qualify", wire = "20", also = { "10", "Qualify" } },
  { value = 1, code = "develop", wire = "40", also = { "Develop" } },
  { value = 2, code = "propose", wire = "60", also = { "Propose" } },
  { value = 3, code = "close", wire = "80", also = { "100", "Close" } },
}

-- Of a size that the service names: the fewest people it stands for.
M.sizes = {
  { "1to9employees", 1 }, { "10to50employees", 10 }, { "51to250employees", 51 },
  { "251to1000employees", 251 }, { "1001to5000employees", 1001 }, { "5001to10000employees", 5001 },
  { "10001to20000employees", 10001 }, { "Morethan20000employees", 20001 },
}

local OPTIONS = { "help", "intent", "cosell_type" }
local LOOKUPS = { partner_role = "roles", solution_area = "areas", solution_play = "plays" }

-- What stands for an empty choice: the two are one value (reconcile rule 4).
local EMPTY = { intent = "HaveNotDecided", stage = "qualify", help = "Unknown" }

local function fold(value)
  return (tostring(value):lower():gsub("[%s%p]", ""))
end

-- ---- Learning ----

-- Options by label, in any installed language: value -> code and code -> value.
local function options_of(column, list)
  local known = { by_value = {}, by_code = {} }
  for _, option in ipairs(column.options or {}) do
    for _, label in ipairs(option.labels or { option.label }) do
      for _, pair in ipairs(list) do
        if text.trim(label):lower() == pair.label:lower() then
          known.by_value[option.value] = pair.code
          known.by_code[pair.code] = option.value
        end
      end
    end
  end
  return known
end

-- The column of a table of plays that names the area.
local function area_column(meta, area_table)
  for name, column in pairs(meta.columns) do
    if column.targets and column.targets[1] == area_table then
      return name
    end
  end
  return nil
end

-- The rows that a look-up may name.
local function rows_of(column, area_table)
  local target = column.targets and column.targets[1]
  local meta, err = dynamics.table(target or "")
  if not meta then
    return nil, err
  end
  local area = area_table and area_column(meta, area_table) or nil
  local rows
  rows, err = dynamics.query(target, { page = true,
    select = { meta.name, area } })
  if not rows then
    return nil, err
  end
  local known = { table = target, by_row = {}, rows = {} }
  for i, row in ipairs(rows) do
    local entry = { row = row[meta.id], name = row[meta.name],
      area = area and row["_" .. area .. "_value"] or nil }
    known.rows[i], known.by_row[entry.row] = entry, entry
  end
  return known
end

-- Of the taxonomy, each entry under its folded label and id.
local function entries(list)
  local out = {}
  for _, entry in ipairs(list or {}) do
    out[fold(entry.label)] = entry
    if entry.id then
      out[fold(entry.id)] = entry
    end
  end
  return out
end

local function taxonomy_of(given)
  local plays = {}
  for _, area in ipairs(given.areas or {}) do
    table.move(area.plays or {}, 1, #(area.plays or {}), #plays + 1, plays)
  end
  return { roles = entries(given.roles), areas = entries(given.areas), plays = entries(plays) }
end

---What this CRM offers to choose from.  (suspends)
---@param columns table<string, string>  role -> column
---@param meta table  of the opportunity
---@param taxonomy table  the mapping's
---@return table|nil choices, table|nil err
function M.learn(columns, meta, taxonomy)
  local known = { taxonomy = taxonomy_of(taxonomy or {}) }
  for _, name in ipairs(OPTIONS) do
    local column = meta.columns[columns[name] or ""]
    known[name] = column and options_of(column, M[name])
  end
  known.stage = meta.columns[columns.stage or ""] and true
  local areas = meta.columns[columns.solution_area or ""]
  for name in pairs(LOOKUPS) do
    local column = meta.columns[columns[name] or ""]
    if column and column.targets then
      local err
      known[name], err = rows_of(column, name == "solution_play" and areas and areas.targets[1])
      if not known[name] then
        return nil, err
      end
    end
  end
  return known
end

-- ---- From both sides to one form ----

-- A look-up's word as the taxonomy spells it, else as it is.
local function spelled(known, name, word)
  local entry = known.taxonomy[LOOKUPS[name]][fold(word)]
  return entry and entry.label or word
end

---@param known table  of M.learn
---@param name string  the field's
---@param value any  of the column as read
---@return string|nil
function M.from_crm(known, name, value)
  local code
  if not known[name] or value == nil or value == json.null then
    return nil
  elseif name == "stage" then
    for _, stage in ipairs(M.stage) do
      code = stage.value == value and stage.code or code
    end
  elseif LOOKUPS[name] then
    local entry = known[name].by_row[value]
    code = entry and spelled(known, name, entry.name)
  else
    code = known[name].by_value[value]
  end
  return code ~= EMPTY[name] and code or nil
end

---@param value any  as the referral holds it
---@return string|nil  a stage that nobody knows stays as it is: the CRM has no such choice
function M.from_partner(known, name, value)
  if value == nil or value == json.null or value == "" then
    return nil
  elseif name == "stage" then
    local found
    for _, stage in ipairs(M.stage) do
      for _, word in ipairs { stage.wire, table.unpack(stage.also) } do
        found = fold(word) == fold(value) and stage.code or found
      end
    end
    value = found or value
  elseif LOOKUPS[name] then
    value = spelled(known, name, value)
  end
  return value ~= EMPTY[name] and value or nil
end

---A canonical choice as the referral holds it.
---@param value string|nil  nil: none
function M.to_partner(known, name, value)
  if value == nil or value == json.null then
    value = EMPTY[name]
  end
  if name == "stage" then
    for _, stage in ipairs(M.stage) do
      value = stage.code == value and stage.wire or value
    end
  elseif LOOKUPS[name] and value then
    local entry = known.taxonomy[LOOKUPS[name]][fold(value)]
    value = entry and (entry.id or entry.label) or value
  end
  return value
end

local function lookup_row(of, name, value, area)
  local found
  for _, entry in ipairs(of.rows) do
    local same = fold(entry.name) == fold(value)
    if same and (name ~= "solution_play" or not area or entry.area == area) then
      return entry
    end
    found = found or same and not entry.area and entry or nil
  end
  return found
end

---A canonical choice as the CRM's column takes it.
---@param value string|nil  nil: none
---@param area string|nil  of a solution play: its area, canonical
---@return any|nil  json.null for none; nil: the CRM has nothing that is called so
function M.to_crm(known, name, value, area)
  if value == nil or value == json.null then
    value = EMPTY[name]
    if value == nil or name == "help" then
      return json.null
    end
  end
  if name == "stage" then
    for _, stage in ipairs(M.stage) do
      if stage.code == value then
        return stage.value
      end
    end
    return nil
  elseif not LOOKUPS[name] then
    return known[name].by_code[value] or (value == EMPTY[name] and json.null or nil)
  end
  local in_area = area and known.solution_area and
    lookup_row(known.solution_area, "solution_area", area)
  local entry = lookup_row(known[name], name, value, in_area and in_area.row)
  return entry and { table = known[name].table, id = entry.row }
end

---Of a company's people the size that Partner Center names.
---@param people integer|nil
---@return string|nil
function M.size_of(people)
  local size
  for _, row in ipairs(M.sizes) do
    size = math.type(people) and people >= row[2] and row[1] or size
  end
  return size
end

---The choices among the fields, by name.
M.names = { "help", "intent", "cosell_type", "stage", "partner_role", "solution_area",
  "solution_play" }

return M

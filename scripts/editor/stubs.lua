-- Annotations for editors (lua-language-server) of those who write mappings: what `d`, `v`, `crm`
-- and `ctx` hold, what each place answers, and the columns of their CRM.  Made from the contract,
-- the field table, the settings and the copy of the CRM's tables; nothing reads them but an editor.
-- Tables in, text out: it must never ask anybody.
local contract = require "contract"
local contract_data = require "contract_data"
local fields = require "fields"
local mapping_meta = require "mapping_meta"
local settings = require "settings"
local table_text = require "table_text"
local text = require "text"
local values = require "mapping_value"

local M = {}

-- In the profile folder; a host does not look into folders whose names begin with a dot.
M.FOLDER = ".cosell"
M.MAPPING = M.FOLDER .. "/mapping.lua"
M.COLUMNS = M.FOLDER .. "/columns.lua"

local HEAD = [[
---@meta
-- %s
-- Written by cosell for editors; read by nothing else, and written anew by
-- `cosell new --stubs` and `cosell fields --save`.

]]

local MOST_LABELS = 12 -- of an option set, in a column's type

-- ---- A deal ----

local KINDS = { text = "string", amount = "string", code = "string", date = "string",
  flag = "boolean", constant = "string", state = "cosell.state" }
local WORDS = { amount = "an exact amount: \"1250000.00\"", date = "like \"2031-03-31\"" }

-- What a deal holds besides the fields that travel, and besides their parts.
local MORE = { { "type", "what Partner Center calls it: Independent, Shared, Reseller" } }
local MORE_PARTS = { solutions = { { "name", "solution's name" } } }
local NOT_THERE = { consent = true } -- what no mapping sees

local function add(out, words, ...)
  out[#out + 1] = words:format(...)
end

local function class_of(field)
  return "cosell.deal." .. field.name
end

local function type_of(field)
  if field.parts then
    return class_of(field) .. (field.kind == "set" and "[]" or "")
  end
  return KINDS[field.kind] or "any"
end

local function parts_of(out, field)
  add(out, "---@class %s", class_of(field))
  for _, part in ipairs(field.parts) do
    add(out, "---@field %s? string %s", part.name, part.label)
  end
  for _, more in ipairs(MORE_PARTS[field.name] or {}) do
    add(out, "---@field %s? string %s", more[1], more[2])
  end
  add(out, "")
end

local function deal(out)
  add(out, "---@alias cosell.state \"%s\"\n", table.concat(contract_data.states, '"|"'))
  for _, field in ipairs(fields.rows) do
    if field.parts then
      parts_of(out, field)
    end
  end
  add(out, "---A deal, the same from both sides; what is empty is nil.")
  add(out, "---@class cosell.deal")
  for _, field in ipairs(fields.rows) do
    if not NOT_THERE[field.name] then
      local word = WORDS[field.kind]
      add(out, "---@field %s? %s %s%s", field.name, type_of(field), field.label,
        word and ", " .. word or "")
    end
  end
  for _, more in ipairs(MORE) do
    add(out, "---@field %s? string %s", more[1], more[2])
  end
  add(out, "")
end

-- ---- ctx ----

local CTX = [[
---@class cosell.null: lightuserdata
---@type cosell.null
null = nil -- clears a column

---@class cosell.bind  a look-up that cosell finds

---@class cosell.ctx.country
---@field to_code fun(text: any): string|nil  "JP" from a code or a name in any language
---@field name_of fun(code: any, language: string|nil): string|nil  "Deutschland"

---@class cosell.ctx
---@field setting fun(name: cosell.setting): any  a setting of the profile
---@field country cosell.ctx.country
---@field fold fun(text: any): string  for comparing: width, case and spaces don't matter
---@field bind fun(table: string, where: table<string, any>): cosell.bind  exactly one row
---@field today string  "2031-02-03"
---@field log fun(text: any)  a line in the host's log at level debug
ctx = {}

]]

local function context(out)
  local names = {}
  for i, row in ipairs(settings.rows) do
    names[i] = row.name
  end
  add(out, "---@alias cosell.setting \"%s\"\n", table.concat(names, '"|"'))
  out[#out + 1] = CTX
end

-- ---- What a file returns ----

local ANSWERS = { alternatives = "any[][][]|nil", values = nil, boolean = "boolean, string|nil",
  text = "string|nil", arrives_as = '"opportunity"|"lead"|nil', resolved = "any",
  referral = "cosell.deal|nil", rows = "cosell.also[]|nil", code = "string|nil", plain = "any",
  amount = "number|string|nil" }
local ARGUMENTS = { d = "cosell.deal", field = "string", code = "string", value = "any" }
local DATA = { api = tostring(contract.api), columns = "table<cosell.table, string[]>",
  fields = "cosell.field[]", status_reasons = "table<string, cosell.state>",
  marks = "cosell.marks|false", roles = "cosell.role[]", areas = "cosell.area[]" }

local SHAPES = [[
---@alias cosell.table "%s"

---@class cosell.field  one more field that travels
---@field crm string
---@field referral string
---@field direction? "%s"
---@field conflict? "%s"

---@class cosell.marks
---@field ok? string
---@field failed? string
---@field place? "front"|"back"

---@class cosell.also  a row to make once for a deal
---@field table string
---@field key string  your name for it
---@field values table<string, any>

---@class cosell.role
---@field label string
---@field id? string

---@class cosell.area: cosell.role
---@field plays? cosell.role[]

]]

local function is_table(name)
  for _, known in ipairs(mapping_meta.tables) do
    if name == known then
      return true
    end
  end
  return false
end

-- What stands for the columns of a group: of "account.create" those of an account.
local function columns_class(group)
  return is_table(group) and "cosell." .. group or "cosell.deal"
end

local function row_class(group)
  return "cosell." .. (is_table(group) and group or "opportunity") .. ".row"
end

local function argument(row, name, group)
  local of = ARGUMENTS[name]
  if row.place == "resolve" and name ~= "field" then
    of = "any" -- values of that field
  elseif name == "v" then
    of = columns_class(group)
  elseif name == "crm" then
    of = row_class(group) .. (group and is_table(group) and "|nil" or "")
  elseif name == "candidates" then
    of = row_class(group) .. "[]"
  end
  return ("%s: %s"):format(name, of or "any")
end

local function answer(row, group)
  if row.answer == "values" then
    return columns_class(group) .. "|nil"
  elseif row.place:find("%.pick$") then
    return row_class(group) .. "|nil"
  end
  return ANSWERS[row.answer] or "any"
end

local function function_type(row, group)
  local given = {}
  for i, name in ipairs(row.args) do
    given[i] = argument(row, name, group)
  end
  return ("fun(%s): %s"):format(table.concat(given, ", "), answer(row, group))
end

-- The editor's type of what may stand at a place.
local function place_type(row, group)
  if row.kind == "data" then
    return DATA[row.place] or row.type:gsub(" or ", "|")
  elseif row.kind == "text" then
    return "string"
  end
  local of = function_type(row, group)
  if row.kind == "both" then
    return ("(%s)|%s"):format(of, columns_class(group))
  end
  return row.kind == "text or function" and ("(%s)|string"):format(of) or of
end

-- Places of a file by the class that holds them: "details", "details.account", ...
local function file_classes(out, file)
  local groups, order = {}, {}
  local function put(class, line)
    if not groups[class] then
      groups[class] = {}
      order[#order + 1] = class
    end
    table.insert(groups[class], line)
  end
  local top, seen = "cosell." .. file, {}
  for _, row in ipairs(contract.places) do
    local group, name = row.place:match("^([^.]+)%.(.+)$")
    if row.file == file then
      local class = group and top .. "." .. group or top
      put(class, ("---@field %s%s %s  %s"):format(name or row.place,
        row.place == "api" and "" or "?", place_type(row, group), row.doc))
      if group and not seen[group] then
        seen[group] = true
        put(top, ("---@field %s? %s"):format(group, class))
      end
    end
  end
  for _, class in ipairs(order) do
    add(out, "---@class %s", class)
    table.move(groups[class], 1, #groups[class], #out + 1, out)
    add(out, "")
  end
end

---The stub of what a mapping is given and answers.
---@return string
function M.mapping()
  local out = {}
  deal(out)
  context(out)
  add(out, SHAPES, table.concat(mapping_meta.tables, '"|"'),
    table.concat(contract_data.directions, '"|"'), table.concat(contract_data.conflicts, '"|"'))
  local seen = {}
  for _, row in ipairs(contract.places) do
    if not seen[row.file] then
      seen[row.file] = true
      file_classes(out, row.file)
    end
  end
  return HEAD:format("What a mapping is given, and what it answers.") .. table.concat(out, "\n")
end

-- ---- The columns of a CRM ----

local TYPES = { Boolean = "boolean", Integer = "integer", BigInt = "integer",
  Money = "number|string", Decimal = "number|string", Double = "number|string" }

local function labels_of(column)
  local out = {}
  for i, option in ipairs(column.options or {}) do
    if i > MOST_LABELS then
      return "string|integer"
    end
    out[i] = option.label and ("%q"):format(table_text.plain(option.label)) or "integer"
  end
  out[#out + 1] = "integer"
  return table.concat(out, "|")
end

-- What a mapping gives to a column.
local function written_type(column)
  if values.is_lookup(column) then
    return "cosell.bind"
  elseif values.is_option(column) then
    return labels_of(column)
  end
  return TYPES[column.type] or "string"
end

-- What a mapping finds in a column.
local function read_type(column)
  if values.is_option(column) then
    return "integer"
  end
  return TYPES[column.type] or "string"
end

local function said_of(column)
  local out = { table_text.plain(column.label or ""), values.kind(column) }
  if column.create == false and column.update == false then
    out[3] = "read-only"
  elseif column.required == "ApplicationRequired" then
    out[3] = "required"
  end
  return table.concat(out, "; ", out[1] == "" and 2 or 1)
end

local function table_classes(out, name, meta)
  local written, read = {}, {}
  for _, column_name in ipairs(text.keys(meta.columns)) do
    local column = meta.columns[column_name]
    if values.is_usable(column) then
      local said = said_of(column)
      if column.create ~= false or column.update ~= false then
        add(written, "---@field %s? %s|cosell.null  %s", column_name, written_type(column), said)
      end
      local as_read = values.is_lookup(column) and "_" .. column_name .. "_value" or column_name
      add(read, "---@field %s? %s  %s", as_read, read_type(column), said)
    end
  end
  add(out, "---Columns of %s that a mapping may fill.\n---@class cosell.%s", name, name)
  table.move(written, 1, #written, #out + 1, out)
  add(out, "\n---A row of %s as it was read.\n---@class cosell.%s.row", name, name)
  table.move(read, 1, #read, #out + 1, out)
  add(out, "")
end

local ANY = [[
---@class cosell.%s
---@field [string] any

---@class cosell.%s.row
---@field [string] any

]]

---The stub of a CRM's columns, for the tables that a mapping fills.
---@param tables table|nil  of metadata.json; nil: none is there yet, any column may be
---@return string
function M.columns(tables)
  local out = {}
  for _, name in ipairs(mapping_meta.tables) do
    local meta = tables and tables[name]
    if meta then
      table_classes(out, name, meta)
    else
      add(out, ANY, name, name)
    end
  end
  return HEAD:format(tables and "The columns of your CRM." or
    "The columns of your CRM: `cosell fields --save` fills this in.") .. table.concat(out, "\n")
end

return M

--- The mapping contract: every place an administrator may fill, as one table.
-- The mapping process checks files and answers by it (answers.lua), the guide and the commands
-- print it.  It owns names, shapes and their checks; it must never call a mapping or know where a
-- file lies.
--
-- A check gets a value and returns nil, or the problem in plain words.  No problem quotes a value
-- of a deal: logs and audits are made of them.

local text = require "text"

local M = { api = 1 }

M.tables = { "account", "contact", "opportunity", "lead" }
M.states = { "new", "active", "won", "lost", "declined", "expired", "error" }
M.directions = { "in", "out", "both" }
M.conflicts = { "crm", "partner", "newest" }

local function one_of(value, list)
  for _, known in ipairs(list) do
    if value == known then return nil end
  end
  local near = type(value) == "string" and text.nearest(value, list)
  return ("must be one of %s%s"):format(table.concat(list, ", "),
    near and "; did you mean `" .. near .. "`?" or "")
end

local function is_text(value)
  if type(value) ~= "string" or value == "" then
    return "must be a text, not " .. (value == "" and "empty" or type(value))
  end
  return nil
end

local function is_plain(value)
  local kind = type(value)
  return kind == "string" or kind == "number" or kind == "boolean" or value == json.null
    or json.is_decimal(value)
end

local function is_bind(value)
  local marker = type(value) == "table" and value["$bind"]
  return type(marker) == "table" and type(marker.table) == "string"
    and type(marker.where) == "table"
end

-- A look-up that cosell bound itself, as it stands in a filled `v`.
local function is_bound(value)
  return type(value) == "table" and type(value.table) == "string" and type(value.id) == "string"
end

local function unknown_key(key, known)
  local near = type(key) == "string" and text.nearest(key, known)
  return ("unknown key `%s`%s"):format(tostring(key),
    near and "; did you mean `" .. near .. "`?" or ", there are: " .. table.concat(known, ", "))
end

-- Elements 1..n and nothing else.
local function is_list(value)
  if type(value) ~= "table" then return "must be a list, not a " .. type(value) end
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  return count ~= #value and "must be a list without names or gaps" or nil
end

local check = {}
M.check = check

function check.text(value)
  return value ~= nil and is_text(value) or nil
end

function check.boolean(value)
  return type(value) ~= "boolean" and "must answer true or false, not " .. type(value) or nil
end

function check.plain(value)
  return value ~= nil and not is_plain(value) and "must answer one plain value, not a "
    .. type(value) or nil
end

function check.amount(value)
  if value == nil or math.type(value) or json.is_decimal(value) then return nil end
  if type(value) == "string" and (value == "" or value:find("^%-?%d+%.?%d*$")) then return nil end
  return "must answer an amount or nil, not " .. type(value)
end

function check.date(value)
  local day = type(value) == "string" and value:find("^%d%d%d%d%-%d%d%-%d%d$")
  if day and text.date(text.ms(value .. "T00:00:00Z") or 0) == value then return nil end
  return "must answer a date like 2031-03-31, or nil"
end

function check.code(value)
  if value == nil or (type(value) == "string" and value:find("^%u%u$")) then return nil end
  return "must answer a code of two capital letters or nil"
end

function check.arrives_as(value)
  return value ~= nil and one_of(value, { "opportunity", "lead" }) or nil
end

-- What both sides may get of a field, by its name; of the others a text.
local RESOLVED = { value = check.amount, closing_date = check.date }

function check.resolved(value, field)
  if value == nil or value == json.null or value == "" then return nil end
  return (RESOLVED[field] or is_text)(value)
end

--- Columns with what they get: text, number, boolean, null, or ctx.bind; a look-up that `v` came
-- with may stay in it.
function check.values(value)
  if type(value) ~= "table" then return "must be a table of columns, not a " .. type(value) end
  for column, given in pairs(value) do
    if type(column) ~= "string" then return "must be a table of columns, not a list" end
    if not is_plain(given) and not is_bind(given) and not is_bound(given) then
      return ("column `%s` gets a %s, not a text, a number, true, false, null or ctx.bind")
        :format(column, type(given))
    end
  end
  return nil
end

--- What is sent to Partner Center, in plain names: tables may nest, functions may not stand in it.
function check.referral(value)
  if type(value) ~= "table" then return "must be a table, not a " .. type(value) end
  for name, given in pairs(value) do
    if type(given) == "table" then
      local problem = check.referral(given)
      if problem then return ("%s: %s"):format(tostring(name), problem) end
    elseif not is_plain(given) then
      return ("`%s` gets a %s"):format(tostring(name), type(given))
    end
  end
  return nil
end

function check.alternatives(value)
  local problem = is_list(value)
  if problem then return problem .. " of alternatives" end
  for i, alternative in ipairs(value) do
    problem = is_list(alternative)
    if problem then return ("alternative %d %s of { column, value }"):format(i, problem) end
    for _, pair in ipairs(alternative) do
      if type(pair) ~= "table" or type(pair[1]) ~= "string"
        or (pair[2] ~= nil and not is_plain(pair[2])) then
        return ("alternative %d must hold pairs { column, value }"):format(i)
      end
    end
  end
  return nil
end

function check.rows(value)
  if value == nil then return nil end
  local problem = is_list(value)
  if problem then return problem .. " of rows" end
  for i, row in ipairs(value) do
    if type(row) ~= "table" or is_text(row.table) or is_text(row.key) then
      return ("row %d must be { table = text, key = text, values = { column = value } }"):format(i)
    end
    problem = check.values(row.values)
    if problem then return ("row %d: values: %s"):format(i, problem) end
  end
  return nil
end

local DEEPEST, MOST_VALUES = 64, 50000 -- of what a mapping makes

local function copied(value, room, depth)
  if type(value) ~= "table" then return value end
  if depth > DEEPEST then
    room.problem = ("must not hold tables nested deeper than %d"):format(DEEPEST)
  end
  local copy = {}
  for key, member in next, value do
    room.left = room.left - 1
    if room.left < 0 then
      room.problem = ("must not hold more than %d values"):format(MOST_VALUES)
    end
    if room.problem then return nil end
    copy[key] = copied(member, room, depth + 1)
  end
  return json.is_array(value) and json.array(copy) or copy
end

--- A copy of what a mapping made, by raw reads and without its metatables: none of its code runs
--- when the copy is looked at, so what is checked is what leaves.
---@param value any
---@return any copy, string|nil problem
function M.plain(value)
  local room = { left = MOST_VALUES }
  local copy = copied(value, room, 1)
  if room.problem then return nil, room.problem end
  return copy
end

local function data_columns(value, report)
  for name, list in pairs(value) do
    local problem = one_of(name, M.tables) and unknown_key(name, M.tables) or is_list(list)
    for _, column in ipairs(problem and {} or list) do problem = problem or is_text(column) end
    if problem then report(name, problem) end
  end
end

local FIELD_KEYS = { "crm", "referral", "direction", "conflict" }

local function data_fields(value, report)
  local problem = is_list(value)
  if problem then return report(nil, problem) end
  for i, row in ipairs(value) do
    if type(row) ~= "table" then return report(i, "must be a row { crm =, referral = }") end
    for _, key in ipairs(text.keys(row)) do
      if one_of(key, FIELD_KEYS) then report(i .. "." .. key, unknown_key(key, FIELD_KEYS)) end
    end
    local function need(key, wrong)
      if wrong then report(row[key] ~= nil and i .. "." .. key or i, key .. " " .. wrong) end
    end
    need("crm", is_text(row.crm))
    need("referral", is_text(row.referral))
    need("direction", row.direction ~= nil and one_of(row.direction, M.directions))
    need("conflict", row.conflict ~= nil and one_of(row.conflict, M.conflicts))
  end
  return nil
end

local MARK_KEYS = { "ok", "failed", "place" }

local function data_marks(value, report)
  if value == false then return end
  for _, key in ipairs(text.keys(value)) do
    local problem = one_of(key, MARK_KEYS) and unknown_key(key, MARK_KEYS) or is_text(value[key])
      or (key == "place" and one_of(value.place, { "front", "back" }))
    if problem then report(key, problem) end
  end
end

local function data_status_reasons(value, report)
  for label, state in pairs(value) do
    local problem = type(label) ~= "string" and "must be a label of the CRM"
      or one_of(state, M.states)
    if problem then report(tostring(label), problem) end
  end
end

-- A list of { label =, id =, and what stands below }.
local function data_labels(value, report, below)
  local problem = is_list(value)
  if problem then return report(nil, problem .. " of { label = text }") end
  local keys = below and { "label", "id", below } or { "label", "id" }
  for i, row in ipairs(value) do
    if type(row) ~= "table" then return report(i, "must be { label = text }") end
    for _, key in ipairs(text.keys(row)) do
      if one_of(key, keys) then report(i .. "." .. key, unknown_key(key, keys)) end
    end
    if is_text(row.label) then report(i, "label " .. is_text(row.label)) end
    if row.id ~= nil and is_text(row.id) then report(i .. ".id", "id " .. is_text(row.id)) end
    if below and row[below] ~= nil then
      data_labels(row[below], function(key, bad)
        report(("%d.%s%s"):format(i, below, key and "." .. key or ""), bad)
      end)
    end
  end
  return nil
end

local function data_roles(value, report) return data_labels(value, report) end
local function data_areas(value, report) return data_labels(value, report, "plays") end

local function data_api(value, report)
  if value ~= M.api then report(nil, ("this cosell knows api = %d"):format(M.api)) end
end

---@class place
---@field file string    "details", "country", "deal_value", "taxonomy"
---@field place string   dotted path in the table that the file returns
---@field kind string    "function", "both" (it or constants), "data", "text", "text or function"
---@field args string[]|nil  what the function gets
---@field answer string|nil  the check of what it answers
---@field data function|nil  the check of data
---@field type string|nil    the Lua type of data
---@field doc string
---@field example string

local function fn(place, args, answer, doc, example)
  return { file = "details", place = place, kind = "function", args = args, answer = answer,
    doc = doc, example = example }
end

local function both(place, doc, example, answer)
  return { file = "details", place = place, kind = "both", args = { "d", "v", "crm" },
    answer = answer or "values", doc = doc, example = example }
end

local function data(place, type_, checked, doc, example)
  return { file = "details", place = place, kind = "data", type = type_, data = checked, doc = doc,
    example = example }
end

local function list(place, checked, doc, example)
  return { file = "taxonomy", place = place, kind = "data", type = "table", data = checked,
    doc = doc, example = example }
end

local function small(file, place, kind, doc, example, args, answer)
  return { file = file, place = place, kind = kind, doc = doc, example = example, args = args,
    answer = answer }
end

---@type place[]
M.places = {
  data("api", "number", data_api, "the version of this contract", "api = 1"),
  data("columns", "table", data_columns, "columns to read besides those cosell needs, by table",
    'columns = { account = { "new_duns" } }'),
  fn("account.match", { "d" }, "alternatives",
    "how to find the customer: alternatives, tried in order; a pair without a value skips its "
      .. "alternative",
    'match = function(d) return { { { "new_duns", d.customer.duns } } } end'),
  fn("account.pick", { "candidates", "d" }, nil,
    "which of several hits it is: one of the rows, or nil for a new one",
    "pick = function(candidates, d) return candidates[1] end"),
  both("account.create", "columns of a new account",
    "create = function(d, v) v.new_duns = d.customer.duns end"),
  both("account.update", "columns of the account to keep up to date",
    "update = { new_source = \"co-sell\" }"),
  fn("contact.match", { "d" }, "alternatives", "how to find the customer's contact",
    'match = function(d) return { { { "emailaddress1", d.contact.email } } } end'),
  fn("contact.pick", { "candidates", "d" }, nil, "which of several contacts it is",
    "pick = function(candidates) return candidates[#candidates] end"),
  both("contact.create", "columns of a new contact",
    "create = function(d, v) v.jobtitle = d.contact.title end"),
  both("contact.update", "columns of the contact to keep up to date",
    "update = function(d, v) v.telephone1 = d.contact.phone end"),
  both("opportunity.create", "columns of a new opportunity",
    'create = { new_channel = "Microsoft" }'),
  both("opportunity.update", "columns of the opportunity to keep up to date",
    "update = function(d, v, crm) v.new_sharedwithms = d.visible end"),
  both("lead.create", "columns of a new lead", 'create = { leadsourcecode = "Partner" }'),
  both("lead.update", "columns of the lead to keep up to date",
    "update = function(d, v) v.description = d.notes end"),
  both("referral.create", "what is sent to Partner Center for a new deal, in plain names",
    "create = function(d, v, crm) v.campaign = crm.new_campaigncode end", "referral"),
  both("referral.update", "what is sent to Partner Center when the deal changes",
    "update = function(d, v, crm) v.notes = crm.new_publicnotes end", "referral"),
  data("fields", "table", data_fields, "more fields that travel: direction in, out or both",
    'fields = { { crm = "new_stage", referral = "salesStage", direction = "both" } }'),
  fn("should_sync", { "crm" }, "boolean", "whether this row is shared at all, and why not",
    'should_sync = function(crm) return crm.new_secret ~= true, "it is secret" end'),
  fn("arrives_as", { "d" }, "arrives_as",
    'what a new deal becomes: "opportunity", "lead", or nil for cosell\'s own choice',
    'arrives_as = function(d) if d.value == nil then return "lead" end end'),
  fn("owner", { "d" }, "text", "e-mail of a user or name of a team; nil: the default owner",
    'owner = function(d) return d.customer.country == "JP" and "Sales Japan" or nil end'),
  fn("close_reason", { "crm" }, "text", "why a deal was closed, for Partner Center",
    "close_reason = function(crm) return crm.new_lossreason end"),
  data("status_reasons", "table", data_status_reasons,
    "the CRM's own status reasons (by label) and the states they stand for",
    'status_reasons = { ["Lost to price"] = "lost" }'),
  fn("resolve", { "field", "crm", "partner", "crm_base", "partner_base" }, "resolved",
    "both sides changed a field: the value both get, or nil for the field's own policy",
    'resolve = function(field, crm, partner) if field == "notes" then return partner end end'),
  data("marks", "table or false", data_marks, "what stands in the name of a shared opportunity",
    'marks = { ok = "✔ ", failed = "✖ ", place = "front" }'),
  fn("also", { "d", "crm" }, "rows", "more rows to make once for a deal, in the same change set",
    'also = function() return { { table = "task", key = "call", values = { subject = "Call" } } }'
      .. " end"),
  small("country", "field", "text", "the account's column with the country, text or look-up",
    'field = "new_countryid"'),
  small("country", "code", "text", "if it is a look-up: the column of its table with the ISO code",
    'code = "new_isocode"'),
  small("country", "to_code", "function", "what the CRM holds as ISO 3166-1 code, or nil",
    "to_code = function(value) return ctx.country.to_code(value) end", { "value" }, "code"),
  small("country", "from_code", "function", "what the CRM is to hold for a code, or nil",
    'from_code = function(code) return ctx.country.name_of(code, "de") end', { "code" }, "plain"),
  small("deal_value", "field", "text", "the opportunity's column with the deal value",
    'field = "new_dealvalue"'),
  small("deal_value", "read", "text or function",
    "the column to read, or a function that answers an amount; 0, empty and nil are never sent",
    'read = "new_dealvalue_base"', { "crm" }, "amount"),
  small("deal_value", "write", "text", "the column to write", 'write = "new_dealvalue"'),
  small("deal_value", "currency", "text",
    'the currency of that amount: "row", "base", or a column with a currency',
    'currency = "base"'),
  list("roles", data_roles, "the partner's roles in a Services co-sell; id: what the API calls "
    .. "it, if it is not the label", 'roles = { { label = "Solution design" } }'),
  list("areas", data_areas, "solution areas, each with its plays",
    'areas = { { label = "Security", plays = { { label = "Data Security" } } } }'),
}

--- The row of a place: M.at("details", "account.match")
M.by_place = {}
for _, row in ipairs(M.places) do
  local file = M.by_place[row.file] or {}
  M.by_place[row.file] = file
  file[row.place] = row
end

--- Names that may stand at the top of a file, or in a group of it ("account").
---@param file string
---@param group string|nil
---@return string[]
function M.names(file, group)
  local names, seen = {}, {}
  for _, row in ipairs(M.places) do
    local first, second = row.place:match("^([^.]+)%.?(.*)$")
    local name = group and (first == group and second or "") or not group and first or ""
    if row.file == file and name ~= "" and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  return names
end

local FITS = {
  ["function"] = function(v) return type(v) == "function" end,
  both = function(v) return type(v) == "function" or type(v) == "table" end,
  text = function(v) return type(v) == "string" and v ~= "" end,
  ["text or function"] = function(v) return type(v) == "function" or type(v) == "string" end,
}
local WORDS = { ["function"] = "a function", both = "a function or a table of constants",
  text = "a text", ["text or function"] = "a text or a function" }

local function check_place(row, value, report)
  if row.kind == "data" then
    local fits = type(value) == row.type or row.type == "table or false"
      and (value == false or type(value) == "table")
    if fits then return row.data(value, report) end
    return report(nil, ("must be a %s, not a %s"):format(row.type, type(value)))
  elseif not FITS[row.kind](value) then
    return report(nil, ("must be %s, not a %s"):format(WORDS[row.kind], type(value)))
  elseif row.kind == "both" and type(value) == "table" then
    local problem = check[row.answer](value)
    if problem then report(nil, problem) end
  end
  return nil
end

local function check_group(file, group, value, report)
  if type(value) ~= "table" then return report(group, "must be a table, not a " .. type(value)) end
  local names = M.names(file, group)
  for _, key in ipairs(text.keys(value)) do
    local row = M.by_place[file][group .. "." .. key]
    local path = group .. "." .. key
    if row then
      check_place(row, value[key], function(below, problem)
        report(below and path .. "." .. below or path, problem)
      end)
    else
      report(path, unknown_key(key, names))
    end
  end
  return nil
end

--- Checks the table that a file returned; report(key, problem) for each mistake.
---@param file string
---@param value any
---@param report fun(key: string|nil, problem: string)
function M.check_file(file, value, report)
  if type(value) ~= "table" then
    return report(nil, "must return a table, not a " .. type(value))
  end
  if file == "details" and value.api == nil then report(nil, "`api = 1` is missing") end
  local names = M.names(file)
  for _, key in ipairs(text.keys(value)) do
    local row = M.by_place[file][key]
    if row then
      check_place(row, value[key], function(below, problem)
        report(below and key .. "." .. below or key, problem)
      end)
    elseif one_of(key, names) then
      report(key, unknown_key(key, names))
    else
      check_group(file, key, value[key], report)
    end
  end
  if file == "deal_value" and value.field and (value.read or value.write) then
    report("field", "`field` is for both ways; with `read` and `write` it must go")
  end
  return nil
end

--- The table of places as Markdown, for mappings/README.md and the commands.
---@return string
function M.markdown()
  local out = { "| File | Place | Kind | What it answers | Example |", "|---|---|---|---|---|" }
  for _, row in ipairs(M.places) do
    local kind = row.args and ("%s(%s)"):format(row.kind == "both" and "table or f" or "f",
      table.concat(row.args, ", ")) or row.type or row.kind
    out[#out + 1] = ("| %s | `%s` | %s | %s | `%s` |"):format(row.file, row.place, kind, row.doc,
      row.example)
  end
  return table.concat(out, "\n") .. "\n"
end

return M

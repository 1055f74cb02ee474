--- The mapping contract: every place an administrator may fill, as one table.
-- The mapping process checks files and answers by it (mapping_files.lua, answers.lua), the guide
-- and the commands print it.  It owns the names; the checks are contract_checks.lua's (answers) and
-- contract_data.lua's (constants).  It must never call a mapping or know where a file lies.

local checks = require "contract_checks"
local shape = require "contract_data"

local M = { api = shape.version, tables = shape.tables, check = checks.check,
  plain = checks.plain }

local one_of, unknown_key, kind_of = checks.one_of, checks.unknown_key, checks.kind_of
local each_name = checks.each_name

---@class place
---@field file string    "details", "country", "deal_value", "taxonomy"
---@field place string   dotted path in the table that the file returns
---@field kind string    "function", "both" (it or constants), "data", "text", "text or function"
---@field args string[]|nil  what the function gets
---@field answer string|nil  the check of what it answers
---@field member string|nil  what the answer travels in
---@field call string|nil    the question that asks it; nil for data
---@field data function|nil  the check of data
---@field type string|nil    the Lua type of data
---@field doc string
---@field example string

local function fn(place, args, answer, member, doc, example)
  return { file = "details", place = place, kind = "function", args = args, answer = answer,
    member = member, doc = doc, example = example }
end

local function both(place, doc, example, answer)
  return { file = "details", place = place, kind = "both", args = { "d", "v", "crm" },
    answer = answer or "values", member = "v", doc = doc, example = example }
end

local function data(place, type_, checked, doc, example)
  return { file = "details", place = place, kind = "data", type = type_, data = checked, doc = doc,
    example = example }
end

local function list(place, checked, doc, example)
  return { file = "taxonomy", place = place, kind = "data", type = "table", data = checked,
    doc = doc, example = example }
end

local function small(file, place, kind, doc, example, args, answer, member)
  return { file = file, place = place, kind = kind, doc = doc, example = example, args = args,
    answer = answer, member = member }
end

---@type place[]
M.places = {
  data("api", "number", shape.api, "the version of this contract", "api = 1"),
  data("columns", "table", shape.columns, "columns to read besides those cosell needs, by table",
    'columns = { account = { "new_duns" } }'),
  fn("account.match", { "d" }, "alternatives", "alternatives",
    "how to find the customer: alternatives, tried in order; a pair without a value skips its "
      .. "alternative",
    'match = function(d) return { { { "new_duns", d.customer.duns } } } end'),
  fn("account.pick", { "candidates", "d" }, nil, "index",
    "which of several hits it is: one of the rows, or nil for a new one",
    "pick = function(candidates, d) return candidates[1] end"),
  both("account.create", "columns of a new account",
    "create = function(d, v) v.new_duns = d.customer.duns end"),
  both("account.update", "columns of the account to keep up to date",
    "update = { new_source = \"co-sell\" }"),
  fn("contact.match", { "d" }, "alternatives", "alternatives", "how to find the customer's contact",
    'match = function(d) return { { { "emailaddress1", d.contact.email } } } end'),
  fn("contact.pick", { "candidates", "d" }, nil, "index", "which of several contacts it is",
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
  data("fields", "table", shape.fields, "more fields that travel: direction in, out or both",
    'fields = { { crm = "new_stage", referral = "salesStage", direction = "both" } }'),
  fn("should_sync", { "crm" }, "boolean", nil,
    "whether this row is shared at all, and why not",
    'should_sync = function(crm) return crm.new_secret ~= true, "it is secret" end'),
  fn("arrives_as", { "d" }, "arrives_as", "as",
    'what a new deal becomes: "opportunity", "lead", or nil for cosell\'s own choice',
    'arrives_as = function(d) if d.value == nil then return "lead" end end'),
  fn("owner", { "d" }, "text", "owner",
    "e-mail of a user or name of a team; nil: the default owner",
    'owner = function(d) return d.customer.country == "JP" and "Sales Japan" or nil end'),
  fn("close_reason", { "crm" }, "text", "reason", "why a deal was closed, for Partner Center",
    "close_reason = function(crm) return crm.new_lossreason end"),
  data("status_reasons", "table", shape.status_reasons,
    "the CRM's own status reasons (by label) and the states they stand for",
    'status_reasons = { ["Lost to price"] = "lost" }'),
  fn("resolve", { "field", "crm", "partner", "crm_base", "partner_base" }, "resolved", "value",
    "both sides changed a field: the value both get, or nil for the field's own policy",
    'resolve = function(field, crm, partner) if field == "notes" then return partner end end'),
  data("marks", "table or false", shape.marks, "what stands in the name of a shared opportunity",
    'marks = { ok = "✔ ", failed = "✖ ", place = "front" }'),
  fn("also", { "d", "crm" }, "rows", "rows",
    "more rows to make once for a deal, in the same change set",
    'also = function() return { { table = "task", key = "call", values = { subject = "Call" } } }'
      .. " end"),
  small("country", "field", "text", "the account's column with the country, text or look-up",
    'field = "new_countryid"'),
  small("country", "code", "text", "if it is a look-up: the column of its table with the ISO code",
    'code = "new_isocode"'),
  small("country", "to_code", "function", "what the CRM holds as ISO 3166-1 code, or nil",
    "to_code = function(value) return ctx.country.to_code(value) end", { "value" }, "code", "code"),
  small("country", "from_code", "function", "what the CRM is to hold for a code, or nil",
    'from_code = function(code) return ctx.country.name_of(code, "de") end', { "code" }, "plain",
    "value"),
  small("deal_value", "field", "text", "the opportunity's column with the deal value",
    'field = "new_dealvalue"'),
  small("deal_value", "read", "text or function",
    "the column to read, or a function that answers an amount; 0, empty and nil are never sent",
    'read = "new_dealvalue_base"', { "crm" }, "amount", "value"),
  small("deal_value", "write", "text", "the column to write", 'write = "new_dealvalue"'),
  small("deal_value", "currency", "text",
    'the currency of that amount: "row", "base", or a column with a currency',
    'currency = "base"'),
  list("roles", shape.roles, "the partner's roles in a Services co-sell; id: what the API calls "
    .. "it, if it is not the label", 'roles = { { label = "Solution design" } }'),
  list("areas", shape.areas, "solution areas, each with its plays",
    'areas = { { label = "Security", plays = { { label = "Data Security" } } } }'),
}

--- The row of a place: M.by_place.details["account.match"]; of a question:
--- M.calls["account.match"], M.calls["country.to_code"].
M.by_place, M.calls = {}, {}
--- The files, in order.
M.files = {}
for _, row in ipairs(M.places) do
  if not M.by_place[row.file] then M.files[#M.files + 1] = row.file end
  if row.args then
    row.call = row.file == "details" and row.place or row.file .. "." .. row.place
    M.calls[row.call] = row
  end
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
  text = function(v) return type(v) == "string" end,
  ["text or function"] = function(v) return type(v) == "function" or type(v) == "string" end,
}
local WORDS = { ["function"] = "a function", both = "a function or a table of constants",
  text = "a text", ["text or function"] = "a text or a function" }

-- report(key below the place or nil, problem, the exact key if it is another one)
local function check_place(row, value, report)
  if row.kind == "data" then
    local fits = type(value) == row.type or row.type == "table or false"
      and (value == false or type(value) == "table")
    if fits then return row.data(value, report) end
    return report(nil, ("must be a %s, not %s"):format(row.type, kind_of(value)))
  elseif not FITS[row.kind](value) then
    return report(nil, ("must be %s, not %s"):format(WORDS[row.kind], kind_of(value)))
  elseif value == "" then
    return report(nil, "must not be empty")
  elseif row.kind == "both" and type(value) == "table" then
    local problem, column = M.check[row.answer](value)
    if problem then report(nil, problem, column) end
  end
  return nil
end

-- Where else a name stands: "`account.match` or `contact.match`", "`field` in country.lua"; or nil.
local function home_of(file, path)
  local name = path:match("[^.]+$")
  local homes = {}
  for _, row in ipairs(M.places) do
    if row.place:match("[^.]+$") == name then
      homes[#homes + 1] = ("`%s`%s"):format(row.place,
        row.file ~= file and (" in %s.lua"):format(row.file) or "")
    end
  end
  return homes[1] and table.concat(homes, " or ", 1, math.min(#homes, 2)) or nil
end

local function unknown(file, path, names)
  local key = path:match("[^.]+$")
  local home = home_of(file, path)
  return home and ("unknown key `%s` here; did you mean %s?"):format(key, home)
    or unknown_key(key, names)
end

-- Reports below a path.
local function below(path, report)
  return function(key, problem, exact)
    local at = key and path .. "." .. key or path
    report(at, problem, exact and at .. "." .. exact)
  end
end

local function check_group(file, group, value, report)
  if type(value) ~= "table" then return report(group, "must be a table, not " .. kind_of(value)) end
  local names = M.names(file, group)
  each_name(value, below(group, report), function(key, member)
    local path = group .. "." .. key
    local row = M.by_place[file][path]
    if not row then return report(path, unknown(file, path, names)) end
    return check_place(row, member, below(path, report))
  end)
  return nil
end

-- What does not go together in a file.
local TOGETHER = {}

function TOGETHER.details(value, report)
  if value.api == nil then report(nil, "`api = 1` is missing") end
end

function TOGETHER.country(value, report)
  if value.code and value.from_code then
    report("from_code", "with `code` the look-up's row is found by its code; this must go")
  end
end

function TOGETHER.deal_value(value, report)
  if value.field and (value.read or value.write) then
    report("field", "`field` is for both ways; with `read` and `write` it must go")
  elseif value.read and not value.write then
    report("read", "`read` needs `write`: the column that a value from Partner Center goes to")
  elseif value.write and not value.read then
    report("write", "`write` needs `read`: the column that the deal value comes from")
  end
end

--- Checks the table that a file returned; report(key, problem, exact) for each mistake; exact: the
--- key whose line it is, if that is another one.
---@param file string
---@param value any
---@param report fun(key: string|nil, problem: string, exact: string|nil)
function M.check_file(file, value, report)
  if type(value) ~= "table" then
    return report(nil, "must return a table, not " .. kind_of(value))
  end
  local names = M.names(file)
  each_name(value, report, function(key, member)
    local row = M.by_place[file][key] or key == "api" and M.by_place.details.api
    if row then return check_place(row, member, below(key, report)) end
    if one_of(key, names) then return report(key, unknown(file, key, names)) end
    return check_group(file, key, member, report)
  end)
  if TOGETHER[file] then TOGETHER[file](value, report) end
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

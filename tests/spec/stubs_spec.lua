-- The stubs of an editor: they know every place of the contract, every name of the guide, and the
-- columns of a CRM as a mapping may use them.
local contract = require "contract"
local docs = require "commands.docs"
local mapping_env = require "mapping_env"
local settings = require "settings"
local stubs = require "editor.stubs"

-- The fields of a class: name -> the rest of its line.
local function class(text, name)
  local out, inside = {}, false
  for line in text:gmatch("[^\n]+") do
    local begins = line:match("^%-%-%-@class ([%w_.]+)")
    if begins then
      inside = begins == name
    elseif inside then
      local field, rest = line:match("^%-%-%-@field ([%w_]+)%??%s+(.*)$")
      out[field or ""] = rest
    end
  end
  out[""] = nil
  return out
end

-- A column as dynamics_meta has it.
local function column(type_, more)
  local out = { type = type_, required = "None", create = true, update = true }
  for name, value in pairs(more or {}) do
    out[name] = value
  end
  return out
end

local function options(n)
  local out = {}
  for i = 1, n do
    out[i] = { value = i, label = "Label " .. i }
  end
  return out
end

local TABLES = { opportunity = { columns = {
  new_region = column("Picklist", { label = "Region\nof sale", options = options(2) }),
  new_country = column("Picklist", { options = options(20) }),
  new_regionid = column("Lookup", { targets = { "new_region" } }),
  new_regionidname = column("Virtual", { create = false, update = false }),
  new_value_base = column("Money", { create = false, update = false }),
  new_code = column("String", { max = 9, required = "ApplicationRequired" }),
} } }

local function places(t)
  local text = stubs.mapping()
  for _, row in ipairs(contract.places) do
    local group, name = row.place:match("^([^.]+)%.(.+)$")
    local of = class(text, "cosell." .. row.file .. (group and "." .. group or ""))
    t.has(of[name or row.place], row.doc, row.file .. " " .. row.place)
    for _, argument in ipairs(row.args or {}) do
      t.has(of[name or row.place], argument .. ": ", row.place)
    end
    if group then
      t.ok(class(text, "cosell." .. row.file)[group], group)
    end
  end
end

local function guide(t)
  local text, _, page = stubs.mapping(), docs.page()
  local deal, n = class(text, "cosell.deal"), 0
  local part = page:match("## What you are given\n(.-)\n## ")
  for name in part:gmatch("`d%.([%w_]+)") do
    t.ok(deal[name], "d." .. name)
    n = n + 1
  end
  for line in part:gmatch("[^\n]+") do
    local of = line:match("^| `d%.([%w_]+)[%[`]")
    for name in (of and line:match("|(.*)$") or ""):gmatch("`%.([%w_]+)`") do
      t.ok(class(text, "cosell.deal." .. of)[name], of .. "." .. name)
      n = n + 1
    end
  end
  t.ok(n > 30, "names in the guide: " .. n)
  local ctx = class(text, "cosell.ctx")
  local env = mapping_env.new { settings = {}, country = { to_code = type, name_of = type },
    today = function() return "2031-02-03" end, log = function() end,
    place = function() return "" end }
  for name in pairs(ctx) do
    t.ok(env.ctx[name] ~= nil, "ctx." .. name)
  end
  for name in part:gmatch("`ctx%.([%w_]+)") do
    t.ok(ctx[name], "ctx." .. name)
  end
  for _, row in ipairs(settings.rows) do
    t.has(text:match("@alias cosell.setting ([^\n]+)"), '"' .. row.name .. '"')
  end
end

local function columns(t)
  local text = stubs.columns(TABLES)
  local written, read = class(text, "cosell.opportunity"), class(text, "cosell.opportunity.row")
  t.eq(written.new_region, '"Label 1"|"Label 2"|integer|cosell.null  Region of sale; option')
  t.eq(written.new_country, "string|integer|cosell.null  option", "too many to name")
  t.eq(written.new_regionid, "cosell.bind|cosell.null  look-up of new_region")
  t.eq(written.new_code, "string|cosell.null  text, at most 9; required")
  t.eq({ written.new_value_base, written.new_regionidname, read.new_regionidname }, {})
  t.eq({ read.new_value_base, read._new_regionid_value, read.new_regionid },
    { "number|string  amount; read-only", "string  look-up of new_region" })
  t.has(stubs.columns(TABLES), "---@class cosell.lead\n---@field [string] any", "not known: any")
  t.eq(stubs.columns(TABLES), text, "the same each time")
end

return function(t)
  t.case("stubs: every place of the contract, with what it is given", function() places(t) end)
  t.case("stubs: every name of the guide, and ctx as it is", function() guide(t) end)
  t.case("stubs: the columns of a CRM, as they are written and as they are read", function()
    columns(t)
  end)
end

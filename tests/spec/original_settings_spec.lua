-- What Microsoft's connector was told becomes lines, or is listed: on tables as the CRM gives them.
local dynamics = require "dynamics"
local fields = require "fields"
local original_settings = require "original_settings"
local settings = require "settings"

local NAMES = {}
for _, row in ipairs(settings.rows) do NAMES[row.name] = row.original end

-- Every column that is wanted, but for those left out; `more` besides.
local function columns(without, more)
  local out, labels = { budgetamount = {} }, {}
  for role, name in pairs(fields.columns) do
    if name and role ~= without then out[name] = {} end
  end
  for name, label in pairs(more or {}) do
    out[name], labels[name] = {}, { labels = { label } }
  end
  return out, labels
end

-- Reads with these variables (setting = value, or { value, default }) and columns.
local function read(variables, without, more)
  local kept = { query = dynamics.query, table = dynamics.table, labels = dynamics.labels }
  local there, labels = columns(without, more)
  local definitions, values = {}, {}
  for name, value in pairs(variables) do
    local default = type(value) == "table" and value[2] or nil
    definitions[#definitions + 1] = { environmentvariabledefinitionid = name,
      schemaname = "msft_" .. name, displayname = NAMES[name] or name,
      defaultvalue = default or json.null }
    if not default then
      values[#values + 1] = { _environmentvariabledefinitionid_value = name, value = value }
    end
  end
  dynamics.query = function(table)
    return table == "environmentvariablevalue" and values or definitions
  end
  dynamics.table = function(name)
    return { columns = name == "opportunity" and there or { address1_country = {} } }
  end
  dynamics.labels = function() return labels end
  local ok, found, err = pcall(original_settings.read)
  for name, f in pairs(kept) do dynamics[name] = f end
  if not ok then error(found, 0) end
  return found, err
end

local function lines(found)
  local out = {}
  for _, line in ipairs(found.lines) do out[line.group .. "." .. line.name] = line.value end
  return out
end

local function left(found, what)
  for _, one in ipairs(found.left) do
    if one.what:find(what, 1, true) then return one.why end
  end
  return nil
end

return function(t)
  t.case("original: values become settings", function()
    for _, row in ipairs {
      { "display_check_mark", "Yes", true }, { "display_check_mark", " no ", false },
      { "display_check_mark", "TRUE", true }, { "display_check_mark", "0", false },
      { "sync_leads", "Yes", false }, { "sync_leads", "false", true },
      { "deal_value_field", "BudgetAmount", "budgetamount" },
      { "country_field", { nil, "address1_country" }, "address1_country" },
      { "deal_value_currency_field", "TransactionCurrencyId", "row" },
      { "deal_value_currency_field", "_transactioncurrencyid_value", "row" },
      { "deal_value_currency_field", "new_Code", "new_code" } } do
      local found = read { [row[1]] = row[2] }
      t.eq(lines(found), { ["settings." .. row[1]] = row[3] }, row[1])
      t.has(found.lines[1].origin, type(row[2]) == "table" and "default value" or "current value")
    end
  end)
  t.case("original: what fits nothing is listed", function()
    local found = read { display_check_mark = "perhaps", deal_value_field = "gone",
      country_field = "two words", ["Active stage name"] = "x", Other = "1",
      sync_leads = { nil, "" } }
    t.eq(lines(found), {})
    t.has(left(found, "Display check mark"), "neither yes nor no")
    t.has(left(found, "Deal value field name"), "no column gone")
    t.has(left(found, "Country Code"), "logical name, in small letters")
    t.has(left(found, "Active stage name"), "no such stage")
    t.has(left(found, "Other"), "no setting here")
    t.has(left(found, "Sync co-sell"), "has no value; the default of sync_leads holds")
    t.has(left(found, "currency code"), "no such variable")
  end)
  t.case("original: columns under other names are found by what they are called", function()
    local found = read({}, "microsoft_id", { new_msid = "Microsoft CRM  identifier" })
    t.eq(lines(found), { ["columns.microsoft_id"] = "new_msid" })
    t.has(found.lines[1].origin, 'called "Microsoft CRM Identifier" in your CRM')
    found = read({}, "microsoft_id", { new_msid = "Another one" })
    t.eq(lines(found), {})
    t.has(left(found, "msft_microsoftcrmidentifier"), "`cosell provision` makes what is missing")
    t.eq(lines(read({}, nil, { new_audit = "Audit" })), {}, "what is there by its name is left")
  end)
end

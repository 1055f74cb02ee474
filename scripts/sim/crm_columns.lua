-- How columns of the practice CRM are written down: one constructor for each type, and the groups
-- of columns that many tables share. Knows no table.
local AR = "ApplicationRequired"

local function with(column, extra)
  for k, v in pairs(extra or {}) do column[k] = v end
  return column
end

local function text(max, extra) return with({ type = "String", max = max }, extra) end
local function memo(max, extra) return with({ type = "Memo", max = max }, extra) end
local function whole(min, max, extra) return with({ type = "Integer", min = min, max = max },
  extra) end
local function money(min, max, extra) return with({ type = "Money", min = min, max = max },
  extra) end
local function day(extra) return with({ type = "DateTime", behavior = "DateOnly" }, extra) end
local function moment(extra) return with({ type = "DateTime", behavior = "UserLocal" }, extra) end
local function guid(extra) return with({ type = "Uniqueidentifier" }, extra) end

local function decimal(min, max, precision, extra)
  return with({ type = "Decimal", min = min, max = max, precision = precision }, extra)
end

local function flag(extra)
  return with({ type = "Boolean", default = false, labels = { "No", "Yes" } }, extra)
end

-- options: { value, label, value, label, ... }
local function pick(options, extra)
  local list = {}
  for i = 1, #options, 2 do list[#list + 1] = { value = options[i], label = options[i + 1] } end
  return with({ type = "Picklist", options = list }, extra)
end

-- A look-up to one table. nav: the navigation property here; many: the collection over there.
local function link(target, nav, many, extra)
  local to = { nav = nav, many = many, schema = many, delete = "RemoveLink" }
  extra = extra or {}
  to.delete, extra.delete = extra.delete or to.delete, nil
  return with({ type = "Lookup", targets = { [target] = to } }, extra)
end

-- A customer look-up: one navigation property for each target.
local function customer(name, account_many, contact_many)
  local function to(target, many)
    return { nav = name .. "_" .. target, many = many, schema = many, delete = "RemoveLink" }
  end
  return { type = "Customer", required = AR,
    targets = { account = to("account", account_many), contact = to("contact", contact_many) } }
end

-- What an activity is about: a row of one of several tables.
local function regarding(activity, ...)
  local targets = {}
  for _, target in ipairs({ ... }) do
    local many = ("%s_%ss"):format(target, activity):gsub("%f[%w]%l", string.upper)
    targets[target] = { nav = "regardingobjectid_" .. target .. "_" .. activity, many = many,
      schema = many, delete = "Cascade" }
  end
  return { type = "Lookup", targets = targets }
end

-- state: { value, label, default status }, status: { value, label, state }
local function states(state, status)
  local out = { statecode = { type = "State", options = {}, create = false },
    statuscode = { type = "Status", options = {} } }
  for i, s in ipairs(state) do
    out.statecode.options[i] = { value = s[1], label = s[2], default = s[3] }
  end
  for i, s in ipairs(status) do
    out.statuscode.options[i] = { value = s[1], label = s[2], state = s[3] }
  end
  return out
end

local function active() -- the states of most tables
  return states({ { 0, "Active", 1 }, { 1, "Inactive", 2 } },
    { { 1, "Active", 0 }, { 2, "Inactive", 1 } })
end

local READ_ONLY = { create = false, update = false }
local function fixed(column) return with(column, READ_ONLY) end

-- The columns that every table with an owner or a history has.
local function history(name)
  local function person(column)
    return fixed(link("systemuser", column, "lk_" .. name .. "base_" .. column))
  end
  return { createdon = fixed(moment()), modifiedon = fixed(moment()),
    createdby = person("createdby"),
    modifiedby = person("modifiedby"), versionnumber = fixed({ type = "BigInt" }),
    overriddencreatedon = moment({ update = false }) }
end

local function owned(name)
  local owner = { type = "Owner", required = "SystemRequired", targets = {
    systemuser = { nav = "ownerid", many = "user_" .. name, schema = "user_" .. name },
    team = { nav = "ownerid", many = "team_" .. name, schema = "team_" .. name } } }
  return { ownerid = owner,
    owninguser = fixed(link("systemuser", "owninguser", "owninguser_" .. name)),
    owningteam = fixed(link("team", "owningteam", "owningteam_" .. name)),
    owningbusinessunit = fixed(link("businessunit", "owningbusinessunit", "business_unit_" .. name))
      }
end

local function currency(name)
  return { exchangerate = fixed(decimal(0, 100000000000, 12)),
    transactioncurrencyid = link("transactioncurrency", "transactioncurrencyid",
      "transactioncurrency_" .. name, { delete = "Restrict" }) }
end

local function address()
  return { address1_name = text(200), address1_line1 = text(250), address1_line2 = text(250),
    address1_line3 = text(250), address1_city = text(80), address1_stateorprovince = text(50),
    address1_postalcode = text(20), address1_country = text(80), address1_telephone1 = text(50),
    address1_composite = fixed(memo(1000)) }
end

-- Column groups into one set; money brings its read-only twin in the base currency.
local function columns(...)
  local out = {}
  for _, group in ipairs({ ... }) do
    for name, column in pairs(group) do out[name] = column end
  end
  local twins = {}
  for name, column in pairs(out) do
    if column.type == "Money" then
      column.precision_source = column.precision_source or 2
      twins[name .. "_base"] = fixed({ type = "Money", base_of = name, min = column.min,
        max = column.max, precision_source = 2 })
    end
  end
  return with(out, twins)
end

return { AR = AR, with = with, text = text, memo = memo, whole = whole, money = money, day = day,
  moment = moment, guid = guid, decimal = decimal, flag = flag, pick = pick, link = link,
  customer = customer, regarding = regarding, states = states, active = active, fixed = fixed,
  history = history, owned = owned, currency = currency, address = address, columns = columns }

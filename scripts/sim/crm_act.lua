-- What people do in the practice CRM: create, edit, win, lose, delete ... in plain names. Uses the
-- same row functions as the API, so versions, change tracking and rules behave the same; the person
-- who acts is stamped as modifiedby. What an administrator does is in crm_admin.
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")
local rows = require("sim.crm_rows")
local store = require("sim.crm_store")
local logic = require("sim.crm_logic")
local seed = require("sim.crm_seed")
local admin = require("sim.crm_admin")

local M = {}
local refuse = schema.refuse
local tables = schema.tables

local function bad(text, ...) refuse(400, "0x80040203", text, ...) end

local function to(kind, id) return id and { table = kind, id = id } or nil end

--- The user id of a person: GUID, e-mail or full name; without one, the salesperson.
function M.person(by)
  if not by then return seed.SALESPERSON end
  if values.guid(by) then return values.guid(by) end
  local work, t = store.work({}), tables.systemuser
  local found = work:find(t, "internalemailaddress", by)[1] or work:find(t, "fullname", by)[1]
  return found and found.systemuserid or bad("nobody is called '%s'", by)
end

-- ---- Plain names to rows ----

local function table_named(name)
  return tables[name] or schema.by_set[name] or bad("no table '%s'", tostring(name))
end

-- A row by id, or by its name where only one has it.
local function row_id(work, t, text)
  local id = values.guid(text)
  if id then return work:get(t, id) and id or rows.absent(t, id) end
  local found = type(text) == "string" and work:find(t, t.name, text) or {}
  if #found == 1 then return found[1][t.id] end
  bad("%s '%s': %s", t.logical, tostring(text), #found == 0 and "not found" or "not unique")
end

local function option_value(c, v)
  for _, o in ipairs(c.options) do
    local named = values.fold(o.label) == values.fold(tostring(v))
    if named or o.value == tonumber(v) then return o.value end
  end
  bad("%s: no option '%s'", c.logical, tostring(v))
end

local BOOLEANS = { ["true"] = true, yes = true, ["false"] = false, no = false }

local function boolean(v)
  if type(v) == "boolean" then return v end
  local b = BOOLEANS[tostring(v):lower()]
  if b == nil then bad("'%s' is neither yes nor no", tostring(v)) end
  return b
end

local NUMBERS = { Integer = true, Decimal = true, Money = true, BigInt = true }

-- A value as people write it (labels, "yes", numbers as text) in the form a body has.
local function plain(c, v)
  if v == "" or v == nil then return json.null end
  if c.options then return option_value(c, v) end
  if c.type == "Boolean" then return boolean(v) end
  if NUMBERS[c.type] then
    return tonumber(tostring(v)) or bad("%s: a number is needed", c.logical)
  end
  return v
end

local function lookup(work, c, v)
  if v == json.null or v == "" then return json.null end
  if type(v) == "table" then return to(v.table, row_id(work, table_named(v.table), v.id)) end
  for target in pairs(c.targets) do
    local t = tables[target]
    local id = values.guid(v)
    if id and work:get(t, id) then return to(target, id) end
    local found = not id and work:find(t, t.name, v) or {}
    if #found == 1 then return to(target, found[1][t.id]) end
  end
  bad("%s: nothing is called '%s'", c.logical, tostring(v))
end

local function given_of(work, t, plain_values)
  local out = {}
  for name, v in pairs(plain_values) do
    local c = t.columns[name]
    if not c then
      local parsed = rows.parse(work, t, { [name] = v }, false) -- an @odata.bind
      for column, kept in pairs(parsed) do out[column] = kept end
    elseif c.targets then
      out[name] = lookup(work, c, v)
    else
      local kept
      if v ~= json.null then kept = values.check(c, plain(c, v)) end
      out[name] = kept == nil and json.null or kept
    end
  end
  return out
end

-- Help is a label, a number, or the code of the other side (the label's letters run together).
local function help_value(v)
  local function squeeze(text) return (tostring(text):lower():gsub("%W", "")) end
  local c = tables.opportunity.columns.msft_microsoftpartnercenterhelp
  local CODES = { proofofconceptordemo = 2, quotesorlicensing = 3, generalorother = 5 }
  local code = CODES[squeeze(v)]
  if code then return 299600000 + code end
  for _, o in ipairs(c.options) do
    if o.value == v or squeeze(o.label) == squeeze(v) then return o.value end
  end
  bad("no help is called '%s'", tostring(v))
end

local function currency(work, code)
  if not code then return nil end
  local found = work:find(tables.transactioncurrency, "isocurrencycode", code)[1]
  return found and to("transactioncurrency", found.transactioncurrencyid)
    or bad("the currency '%s' is not set up", code)
end

local function domain_of(name)
  return (name:lower():gsub("[^%a%d]", "")) .. ".example"
end

-- An account by name, or a new one with an address a deal can travel with.
local function account(work, v, args)
  if v == nil then return nil end
  local given = type(v) == "table" and v or { name = v }
  local found = work:find(tables.account, "name", given.name or bad("an account needs a name"))[1]
  if found then return to("account", found.accountid) end
  local row = { address1_line1 = "1 Example Street", address1_city = "Yokohama",
    address1_postalcode = "220-0000", address1_country = args.country or "JP",
    telephone1 = "+81 45 555 0100" }
  for name, value in pairs(given) do
    local own = tables.account.columns[name] and name or "address1_" .. name
    row[own] = value
  end
  return to("account",
    rows.create(work, tables.account, given_of(work, tables.account, row)).accountid)
end

local function contact(work, v, customer, args)
  if v == nil then return nil end
  local given = type(v) == "table" and v or { fullname = v }
  local first, last = (given.fullname or ""):match("^(%S+)%s+(.+)$")
  first, last = given.firstname or first, given.lastname or last or given.fullname
  local full = first and first .. " " .. last or last or bad("a contact needs a name")
  for _, row in ipairs(work:find(tables.contact, "fullname", full)) do
    if not customer or row._parentcustomerid_value == customer.id then
      return to("contact", row.contactid)
    end
  end
  local name = customer and work:get(tables.account, customer.id).name or "customer"
  local row = { firstname = first, lastname = last, parentcustomerid = customer,
    jobtitle = given.jobtitle or "IT Manager", telephone1 = given.telephone1 or args.contact_phone
      or "+81 45 555 0110",
    emailaddress1 = given.emailaddress1 or args.contact_email
      or (first or last):lower():gsub("%W", "") .. "@" .. domain_of(name) }
  return to("contact",
    rows.create(work, tables.contact, given_of(work, tables.contact, row)).contactid)
end

local function solution_detail(work, v)
  local t = tables.msft_microsoftsolutiondetail
  local found = work:find(t, "msft_solutionidentifier", v)[1]
  if not found and values.guid(v) then found = work:get(t, values.guid(v)) end
  return found or bad("no solution '%s'", tostring(v))
end

local function add_solution(work, opportunity, v)
  local item = type(v) == "table" and v or { id = v }
  local detail = solution_detail(work, item.id)
  local given = given_of(work, tables.msft_microsoftsolution, { msft_name = detail.msft_name,
    msft_quantity = item.quantity, msft_price = item.price })
  given.msft_opportunityid = to("opportunity", opportunity)
  given.msft_solutiondetailid = to("msft_microsoftsolutiondetail",
    detail.msft_microsoftsolutiondetailid)
  local row = work:get(tables.opportunity, opportunity)
  given.transactioncurrencyid = to("transactioncurrency", row._transactioncurrencyid_value)
  return rows.create(work, tables.msft_microsoftsolution, given).msft_microsoftsolutionid
end

local function solutions_of(v)
  if type(v) == "table" then return v.id and { v } or v end
  local out = {}
  for item in (v or ""):gmatch("[^,%s]+") do out[#out + 1] = item end
  return out
end

-- ---- The acts ----

local ACTS = {}
local SYNC = "msft_microsoftpartnercenterreferralsync"

local function synced(id, v)
  if v == nil then return nil end
  return function(work)
    rows.update(work, tables.opportunity, id, { [SYNC] = boolean(v) })
  end
end

ACTS["create-opportunity"] = function(work, args)
  local customer = account(work, args.account, args)
  local given = given_of(work, tables.opportunity, { name = args.name or "New deal",
    estimatedvalue = args.value, estimatedclosedate = args.closing_date, description = args.notes,
    msft_microsoftpartnercenterreferralvisible = args.visible })
  given.parentaccountid = customer
  given.parentcontactid = contact(work, args.contact, customer, args)
  given.transactioncurrencyid = currency(work, args.currency)
  if args.help then given.msft_microsoftpartnercenterhelp = help_value(args.help) end
  for name, v in pairs(given_of(work, tables.opportunity, args.values or {})) do given[name] = v end
  local id = rows.create(work, tables.opportunity, given).opportunityid
  local out = { id = id, account = customer and customer.id, solutions = {},
    contact = given.parentcontactid and given.parentcontactid.id, later = synced(id, args.sync) }
  for i, v in ipairs(solutions_of(args.solutions)) do
    out.solutions[i] = add_solution(work, id, v)
  end
  return out
end

local function opportunity_of(work, args)
  return row_id(work, tables.opportunity, args.opportunity or args.id)
end

-- The values of an act: args.values, or the columns among the args themselves.
local function values_of(t, args)
  if args.values then return args.values end
  local out = {}
  for name, v in pairs(args) do
    if t.columns[name] then out[name] = v end
  end
  return out
end

ACTS["create"] = function(work, args)
  local t = table_named(args.table)
  return { id = rows.create(work, t, given_of(work, t, values_of(t, args)))[t.id] }
end

ACTS["edit"] = function(work, args)
  local t = table_named(args.table or "opportunity")
  local id = row_id(work, t, args.id)
  rows.update(work, t, id, given_of(work, t, values_of(t, args)))
  return { id = id }
end

ACTS["sync"] = function(work, args)
  local id = opportunity_of(work, args)
  synced(id, args.sync == nil or args.sync)(work)
  return { id = id }
end

local function close(state)
  return function(work, args)
    local id = opportunity_of(work, args)
    local status = args.status and option_value(tables.opportunity.columns.statuscode, args.status)
    local revenue = args.revenue and values.round(args.revenue, 4)
    logic.close(work, rows, id, state, status, { subject = args.subject or "Closed by hand",
      description = args.reason, actualrevenue = revenue })
    return { id = id }
  end
end

ACTS["win"], ACTS["lose"] = close(1), close(2)

ACTS["reopen"] = function(work, args)
  local id = opportunity_of(work, args)
  rows.update(work, tables.opportunity, id, { statecode = 0, statuscode = 1 })
  return { id = id }
end

ACTS["qualify"] = function(work, args)
  local id = row_id(work, tables.lead, args.lead or args.id)
  local made = logic.qualify(work, rows, id, { CreateAccount = true, CreateContact = true,
    CreateOpportunity = true, Status = 3 })
  local out = { id = id }
  for _, ref in ipairs(made) do out[ref.table] = ref.id end
  return out
end

ACTS["disqualify"] = function(work, args)
  local t = tables.lead
  local id = row_id(work, t, args.lead or args.id)
  rows.update(work, t, id, { statecode = 2,
    statuscode = option_value(t.columns.statuscode, args.status or "Lost") })
  return { id = id }
end

ACTS["delete"] = function(work, args)
  local t = table_named(args.table or "opportunity")
  local id = row_id(work, t, args.id)
  rows.delete(work, t, id)
  return { id = id }
end

ACTS["add-solution"] = function(work, args)
  return { id = add_solution(work, opportunity_of(work, args), args.solution) }
end

ACTS["remove-solution"] = function(work, args)
  local t, id = tables.msft_microsoftsolution, opportunity_of(work, args)
  local detail = solution_detail(work, args.solution).msft_microsoftsolutiondetailid
  for _, row in ipairs(work:find(t, "msft_opportunityid", id)) do
    if row._msft_solutiondetailid_value == detail then
      rows.delete(work, t, row[t.id])
      return { id = row[t.id] }
    end
  end
  bad("the opportunity does not have that solution")
end

local NOT_COPIED = { createdon = true, modifiedon = true, statecode = true, statuscode = true,
  actualvalue = true, actualclosedate = true, opportunityid = true }

-- Copies as the form does: every column, those of the connector included.
ACTS["copy"] = function(work, args)
  local t = tables.opportunity
  local row, given = work:get(t, opportunity_of(work, args)), {}
  for name, c in pairs(t.columns) do
    local v = row[c.read]
    if v ~= nil and not NOT_COPIED[name] and not c.base_of and c.create ~= false then
      given[name] = c.targets and to(row["_" .. name .. "_type"], v) or v
    end
  end
  return { id = rows.create(work, t, given).opportunityid }
end

local HELP = {
  ["create"] = "a row: table= and its columns",
  ["create-opportunity"] = "a seller's deal: name= value= currency= closing_date= notes= account= "
    .. "contact= help= visible= solutions=ID,ID sync=yes, values.COLUMN=",
  ["edit"] = "a seller edits a row: [table=] id= and its columns (labels, yes, names of rows)",
  ["sync"] = "the Sync flag: id= [sync=no]",
  ["win"] = "the close form, won: id= [status=] [revenue=] [reason=]",
  ["lose"] = "the close form, lost: id= [status=Canceled|Out-Sold] [reason=]",
  ["reopen"] = "opens a closed opportunity again: id=",
  ["qualify"] = "qualifies a lead: id=",
  ["disqualify"] = "disqualifies a lead: id= [status=Lost|Canceled|...]",
  ["delete"] = "deletes a row: [table=] id=",
  ["add-solution"] = "a line in the grid of solutions: opportunity= solution=",
  ["remove-solution"] = "takes a line away: opportunity= solution=",
  ["copy"] = "copies an opportunity as the form does, without what hangs on it: id=",
}

local TOOLS = { table_named = table_named, row_id = row_id, boolean = boolean, person = M.person,
  bad = bad }

--- Does an act on a unit of work; answers what it touched. result.later: a second step for a work
--- of its own (the sync flag is set last, as sellers do).
function M.run(work, name, args)
  if admin[name] then return admin[name].run(TOOLS, work, args) end
  local run = ACTS[name] or bad("the CRM knows no act '%s'", tostring(name))
  return run(work, args)
end

--- What each act is for, by name.
---@return table<string, string>
function M.help()
  local out = {}
  for name in pairs(ACTS) do out[name] = HELP[name] end
  for name, act in pairs(admin) do out[name] = act.help end
  return out
end

return M

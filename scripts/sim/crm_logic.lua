-- Business rules of the practice CRM: states, money and currency, names, customers, Win, Lose,
-- Qualify. Called by crm_rows on every write, whoever writes; the actions are called by the API and
-- by people.
local schema = require("sim.crm_schema")
local values = require("sim.crm_values")

local M = {}
local refuse = schema.refuse
local tables = schema.tables

-- ---- Money ----

local function currency_of(work, row)
  local id = row._transactioncurrencyid_value
  return id and work:get(tables.transactioncurrency, id)
end
M.currency_of = currency_of

local function has_money(t, row)
  for name, c in pairs(t.columns) do
    if c.type == "Money" and not c.base_of and row[name] ~= nil then return true end
  end
end

local function default_currency(work, row)
  local org = work:organization()
  if not org or not org._basecurrencyid_value then return end
  row._transactioncurrencyid_value = org._basecurrencyid_value
  row._transactioncurrencyid_type = "transactioncurrency"
end

local function convert(t, row, currency)
  local rate = values.number(currency.exchangerate) or 1
  row.exchangerate = values.round(rate, 12)
  for name, c in pairs(t.columns) do
    if c.type == "Money" and not c.base_of then
      local v = row[name] ~= nil and values.round(row[name], currency.currencyprecision or 2) or nil
      row[name] = v
      row[name .. "_base"] = v and values.round(values.number(v) / rate, 2) or nil
    end
  end
end

local function cleared(v) return v == json.null or (type(v) == "table" and v.clear) end

-- Quotes and orders fix the currency (the act lock-currency).
local function locked(t, row, old)
  local changed = old and old._transactioncurrencyid_value ~= row._transactioncurrencyid_value
  if changed and host.docs.get("crm_lock", row[t.id]) then
    refuse(400, "0x80048479", "The currency cannot be changed because quotes or orders are "
      .. "associated with this record.")
  end
end

local function money(work, t, row, given, old)
  if not t.columns.transactioncurrencyid then return end
  locked(t, row, old)
  local held = has_money(t, row)
  if held and cleared(given.transactioncurrencyid) then
    refuse(400, "0x80048cfb", "The currency cannot be null.")
  end
  if held and not row._transactioncurrencyid_value then default_currency(work, row) end
  local currency = currency_of(work, row)
  if currency then convert(t, row, currency) end
end

-- ---- States ----

local function bad_pair(t, state, status)
  refuse(400, "0x80048408", "%s is not a valid status code for state code %s on %s.",
    tostring(status), tostring(state), t.logical)
end

local function first_status(t, state)
  return values.option_of(t.columns.statecode, state).default
end

-- state and status of a row that is made or changed
local function states(t, row, given, old)
  if not t.columns.statecode then return end
  local state = row.statecode or (old and old.statecode) or 0
  local status = given.statuscode ~= json.null and given.statuscode
  if not status then
    status = old and old.statecode == state and old.statuscode or first_status(t, state)
  end
  local option = values.option_of(t.columns.statuscode, status)
  if option.state ~= state then bad_pair(t, state, status) end
  row.statecode, row.statuscode = state, status
end

-- ---- Rules of single tables ----

local DERIVE = {}

local function full_name(row)
  local parts = {}
  for _, name in ipairs({ "firstname", "lastname" }) do parts[#parts + 1] = row[name] end
  row.fullname = #parts > 0 and table.concat(parts, " ") or nil
end

DERIVE.contact = function(_, row) full_name(row) end
DERIVE.lead = function(_, row) full_name(row) end
DERIVE.systemuser = function(_, row) full_name(row) end

local function closing_rules(work, row, given, old, options)
  if not old or options.closing then return end
  if old.statecode == 0 and row.statecode ~= 0 then
    refuse(400, "0x80100005",
      "This message can not be used to set the state of opportunity to %s. In "
      .. "order to set state of opportunity to %s, use the %s message instead.",
      row.statecode == 1 and "Won" or "Lost", row.statecode == 1 and "Won" or "Lost",
      row.statecode == 1 and "WinOpportunityRequest" or "LoseOpportunityRequest")
  end
  if old.statecode ~= 0 and row.statecode ~= 0 and row.statecode ~= old.statecode then
    refuse(400, "0x80040515", "The opportunity has already been closed.")
  end
  local edited = next(given) ~= nil and given.statecode == nil
  if edited and old.statecode ~= 0 and not work.who.switch("closed_opportunity_edit") then
    refuse(400, "0x80040265", "A closed opportunity cannot be changed.")
  end
end

local function customer(row, given)
  if given.customerid ~= nil then return end
  if given.parentaccountid == nil and given.parentcontactid == nil then return end
  local kind = row._parentaccountid_value and "account" or "contact"
  local id = row._parentaccountid_value or row._parentcontactid_value
  row._customerid_value, row._customerid_type = id, id and kind
end

-- Calculated columns: the sum of others, none where all of them are empty.
local function calculated(t, row)
  for name, c in pairs(t.columns) do
    local total
    for _, part in ipairs(c.sum or {}) do
      local v = values.number(row[part])
      total = v and (total or 0) + v or total
    end
    if c.sum then row[name] = total and values.round(total, 4) end
  end
end

DERIVE.opportunity = function(work, row, given, old, options)
  closing_rules(work, row, given, old, options)
  calculated(tables.opportunity, row)
  if old and old.statecode ~= 0 and row.statecode == 0 then
    row.actualvalue, row.actualclosedate = nil, nil
  end
  if row.isrevenuesystemcalculated then
    row.estimatedvalue = row.totalamount or "0.00" -- what was written does not stick
  end
  customer(row, given)
end

local AFTER = {}

AFTER.opportunity = function(work, row, old, rows)
  if not (old and old.statecode ~= 0 and row.statecode == 0) then return end
  local t = tables.opportunityclose
  for _, close in ipairs(work:find(t, "opportunityid", row.opportunityid)) do
    if close.statecode == 1 then
      rows.update(work, t, close.activityid, { statecode = 2, statuscode = 3 })
    end
  end
end

--- The rules that fill or refuse columns; given: what this write sets, old: the row before or nil.
function M.derive(work, t, row, given, old, options)
  states(t, row, given, old)
  local derive = DERIVE[t.logical]
  if t.logical == "opportunity" then
    derive(work, row, given, old, options)
  elseif derive then
    derive(work, row)
  end
  money(work, t, row, given, old)
end

--- What follows from a write.
function M.after(work, t, row, old, rows)
  local after = AFTER[t.logical]
  if after then after(work, row, old, rows) end
end

-- ---- Actions ----

local function status_for(t, wanted, state)
  if wanted == nil or wanted == -1 then return first_status(t, state) end
  local option = values.option_of(t.columns.statuscode, wanted)
  if not option or option.state ~= state then bad_pair(t, state, wanted) end
  return wanted
end

local function close_row(work, rows, row, given, state, status)
  local t = tables.opportunityclose
  given.opportunityid = { table = "opportunity", id = row.opportunityid }
  given.opportunitystatecode, given.opportunitystatuscode = state, status
  given.statuscode = nil
  if row._transactioncurrencyid_value and given.transactioncurrencyid == nil then
    given.transactioncurrencyid = { table = "transactioncurrency",
      id = row._transactioncurrencyid_value }
  end
  local made = rows.create(work, t, given)
  return rows.update(work, t, made.activityid, { statecode = 1, statuscode = 2 })
end

local function actual(given, row, state)
  if given.actualrevenue ~= nil and given.actualrevenue ~= json.null then
    return given.actualrevenue
  end
  return state == 1 and row.estimatedvalue or "0.00"
end

--- Closes an opportunity. state: 1 Won, 2 Lost; given: parsed values of the OpportunityClose.
function M.close(work, rows, id, state, wanted, given)
  local t = tables.opportunity
  local row = work:get(t, id)
  if not row then rows.absent(t, id) end
  local status = status_for(t, wanted, state)
  if row.statecode ~= 0 then
    refuse(400, "0x80040515", "The opportunity has already been closed.")
  end
  local ended = given.actualend ~= json.null and given.actualend
  given.actualrevenue = actual(given, row, state)
  close_row(work, rows, row, given, state, status)
  rows.update(work, t, id, { statecode = state, statuscode = status,
    actualvalue = given.actualrevenue,
    actualclosedate = (ended or work.who.today()):sub(1, 10) }, { closing = true })
end

local function body_of(work, rows, body, action)
  local close = body.OpportunityClose
  if type(close) ~= "table" then
    refuse(400, "0x80048d19",
      "Required parameter 'OpportunityClose' is missing for the action '%s'.",
      action)
  end
  local given = rows.parse(work, tables.opportunityclose, close, true)
  if not given.opportunityid or not given.opportunityid.id then
    refuse(400, "0x80040203", "Required field 'opportunityid' is missing from 'OpportunityClose'.")
  end
  return given
end

local function close_action(name, state)
  return function(work, rows, body)
    local given = body_of(work, rows, body, name)
    rows.need(work, "Write", tables.opportunity)
    if body.Status ~= nil and math.type(body.Status) ~= "integer" then
      refuse(400, "0x80048d19", "The parameter 'Status' must be an integer.")
    end
    M.close(work, rows, given.opportunityid.id, state, body.Status, given)
  end
end

--- Unbound actions: name -> function(work, rows, body), answering 204.
M.ACTIONS = { WinOpportunity = close_action("WinOpportunity", 1),
  LoseOpportunity = close_action("LoseOpportunity", 2) }

local function reference(work, value, kinds)
  if value == nil or value == json.null then return nil end
  for _, kind in ipairs(kinds) do
    local id = type(value) == "table" and values.guid(value[tables[kind].id])
    if id then
      if not work:get(tables[kind], id) then
        refuse(404, "0x80040217", "Entity '%s' With Id = %s Does Not Exist", kind, id)
      end
      return { table = kind, id = id }
    end
  end
  refuse(400, "0x80048d19", "An entity reference was expected.")
end

local function copied(lead, pairs_of)
  local out = {}
  for from, to in pairs(pairs_of) do out[to] = lead[from] end
  return out
end

local ADDRESS = { "line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country" }

local function with_address(lead, given)
  for _, part in ipairs(ADDRESS) do
    given["address1_" .. part] = lead["address1_" .. part]
  end
  return given
end

local function new_account(work, rows, lead)
  local row = rows.create(work, tables.account, with_address(lead, copied(lead,
    { companyname = "name", telephone1 = "telephone1", websiteurl = "websiteurl" })))
  return { table = "account", id = row.accountid }
end

local function new_contact(work, rows, lead, account)
  local given = with_address(lead, copied(lead, { firstname = "firstname", lastname = "lastname",
    emailaddress1 = "emailaddress1", telephone1 = "telephone1", jobtitle = "jobtitle" }))
  given.parentcustomerid = account
  return { table = "contact", id = rows.create(work, tables.contact, given).contactid }
end

local function new_opportunity(work, rows, lead, made, body)
  local given = copied(lead, { subject = "name", description = "description",
    estimatedamount = "estimatedvalue", estimatedclosedate = "estimatedclosedate" })
  local customer_ref = reference(work, body.OpportunityCustomerId, { "account", "contact" })
  given.originatingleadid = { table = "lead", id = lead.leadid }
  given.parentcontactid = made.contact
  given.parentaccountid = made.account
  given.customerid = customer_ref
  if customer_ref then given["parent" .. customer_ref.table .. "id"] = customer_ref end
  given.transactioncurrencyid = reference(work, body.OpportunityCurrencyId,
    { "transactioncurrency" })
    or (lead._transactioncurrencyid_value and { table = "transactioncurrency",
      id = lead._transactioncurrencyid_value }) or nil
  return { table = "opportunity", id = rows.create(work, tables.opportunity, given).opportunityid }
end

local function held(lead, name)
  local id = lead["_" .. name .. "_value"]
  return id and { table = lead["_" .. name .. "_type"], id = id } or nil
end

--- Qualifies a lead: the references { table=, id= } of the rows it made.
function M.qualify(work, rows, id, body)
  for _, name in ipairs({ "CreateAccount", "CreateContact", "CreateOpportunity" }) do
    if type(body[name]) ~= "boolean" then
      refuse(400, "0x80048d19", "Required parameter '%s' is missing for the action 'QualifyLead'.",
        name)
    end
  end
  local t = tables.lead
  local lead = work:get(t, id)
  if not lead then rows.absent(t, id) end
  local status = status_for(t, body.Status, 1)
  if lead.statecode ~= 0 then refuse(400, "0x80040203", "The lead is already closed.") end
  local made = { account = held(lead, "parentaccountid"), contact = held(lead, "parentcontactid") }
  local list = {}
  local function add(kind, ref) made[kind], list[#list + 1] = ref, ref end
  if body.CreateAccount then add("account", new_account(work, rows, lead)) end
  if body.CreateContact then add("contact", new_contact(work, rows, lead, made.account)) end
  if body.CreateOpportunity then
    add("opportunity", new_opportunity(work, rows, lead, made, body))
  end
  rows.update(work, t, id, { statecode = 1, statuscode = status, parentaccountid = made.account,
    parentcontactid = made.contact, qualifyingopportunityid = made.opportunity },
    { closing = true })
  return list
end

return M

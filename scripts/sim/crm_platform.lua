-- What a Dataverse organisation has besides its business rows: publishers, solutions, messages,
-- forms and views of tables, the cloud flows of the connector that this program replaces; and the
-- rules of these tables. Everything invented but for names that the service itself gives.
local rows = require("sim.crm_rows")
local schema = require("sim.crm_schema")
local security = require("sim.crm_security")
local store = require("sim.crm_store")

local M = {}
local refuse = schema.refuse

local MESSAGES = { "Create", "Update", "Delete" }
-- Tables that are there from the first and have forms, views and messages.
local FURNISHED = { opportunity = "Opportunities", account = "Accounts", contact = "Contacts",
  lead = "Leads", annotation = "Notes", msft_microsoftsolution = "Microsoft Solutions",
  msft_microsoftsolutiondetail = "Microsoft Solution Details" }

local function id_of(text) return schema.definition_id("platform:" .. text) end

local function to(kind, id) return { table = kind, id = id } end

local function put(work, kind, id, given)
  return rows.create(work, schema.tables[kind], given, { id = id })
end

-- ---- What each table has ----

local function form_xml(logical, column)
  return '<form><tabs><tab name="general" id="{' .. id_of("tab:" .. logical) .. '}"><columns>'
    .. '<column width="100%"><sections><section name="main" id="{' .. id_of("section:" .. logical)
    .. '}"><rows><row><cell id="{' .. id_of("cell:" .. logical) .. '}"><control id="name" classid='
    .. '"{4273EDBD-AC1D-40d3-9FB2-095C621B552D}" datafieldname="' .. column
    .. '" /></cell></row></rows></section></sections></column></columns></tab></tabs></form>'
end

local function fetch_xml(logical, id)
  return '<fetch><entity name="' .. logical .. '"><attribute name="' .. id
    .. '" /></entity></fetch>'
end

local function put_new(work, kind, id, given)
  if not work:get(schema.tables[kind], id) then put(work, kind, id, given) end
end

--- Gives a table its messages for web hooks, a main form and a view. column: its first one, if it
--- is only being made.
function M.furnish(work, logical, plural, column)
  for _, name in ipairs(MESSAGES) do
    put_new(work, "sdkmessagefilter", id_of("filter:" .. name .. ":" .. logical),
      { name = name .. " of " .. logical, primaryobjecttypecode = logical,
        sdkmessageid = to("sdkmessage", id_of("message:" .. name)) })
  end
  local t = schema.tables[logical]
  column = column or t and t.name
  put_new(work, "systemform", id_of("form:" .. logical), { name = "Information", type = 2,
    objecttypecode = logical, formxml = column and form_xml(logical, column)
      or "<form><tabs /></form>" })
  put_new(work, "savedquery", id_of("view:" .. logical), { querytype = 0,
    name = "Active " .. plural, returnedtypecode = logical, isdefault = true,
    fetchxml = fetch_xml(logical, t and t.id or logical .. "id") })
end

local OF_TABLE = { sdkmessagefilter = "primaryobjecttypecode", systemform = "objecttypecode",
  savedquery = "returnedtypecode" }

--- Takes all that away again.
function M.clear(work, logical)
  for kind, column in pairs(OF_TABLE) do
    local t = schema.tables[kind]
    for _, row in ipairs(work:find(t, column, logical)) do work:drop(t, row[t.id]) end
  end
end

-- ---- The connector's flows ----

-- Name and the places in this list of the child flows that it calls.
local FLOWS = {
  { "Partner Center Webhook Registration (Insider Preview)" },
  { "[Customize] Create or Get Details from Dynamics 365" },
  { "Create Co-sell Referral - Dynamics 365 to Partner Center (Insider Preview)", 2 },
  { "Partner Center to Dynamics 365 - Helper (Insider Preview)", 2 },
  { "Partner Center Microsoft Co-sell Referral Updates to Dynamics 365 (Insider Preview)", 2 },
  { "Partner Center to Dynamics 365 (Insider Preview)", 4, 5 },
  { "Dynamics 365 to Partner Center (Insider Preview)", 3 },
  { "Dynamics 365 Opportunity to Partner Center (Insider Preview)", 7 },
  { "Dynamics 365 Microsoft Solutions to Partner Center (Insider Preview)", 7 },
}

local function flow_id(place) return id_of("flow:" .. place) end

local function check_children(work, place)
  for i = 2, #FLOWS[place] do
    local child = FLOWS[place][i]
    local row = work:get(schema.tables.workflow, flow_id(child))
    if row and row.statecode ~= 1 then
      refuse(400, "0x80040203", "WorkflowTriggerNotFound: the trigger 'manual' of the child flow "
        .. "'%s' couldn't be found. Turn that flow on first.", FLOWS[child][1])
    end
  end
end

--- Turns all flows of the connector on or off, children first.
function M.switch_flows(work, on)
  for i = 1, #FLOWS do
    rows.update(work, schema.tables.workflow, flow_id(i), { statecode = on and 1 or 0 })
  end
end

--- Takes the connector away with all it brought: its flows, its solution, its publisher.
function M.without_connector(work, logicals)
  for _, logical in ipairs(logicals) do M.clear(work, logical) end
  for i = 1, #FLOWS do work:drop(schema.tables.workflow, flow_id(i)) end
  work:drop(schema.tables.solution, id_of("solution:connector"))
  work:drop(schema.tables.publisher, id_of("publisher:vendor"))
end

-- ---- The first rows ----

--- Makes the platform's rows unless they are there; answers whether it did.
function M.seed(work)
  if work:get(schema.tables.sdkmessage, id_of("message:Create")) then return false end
  local vendor = id_of("publisher:vendor")
  put(work, "publisher", id_of("publisher:default"), { uniquename = "DefaultPublisheraobacloud",
    friendlyname = "Default publisher of aobacloud", customizationprefix = "new",
    customizationoptionvalueprefix = 10000 })
  put(work, "publisher", vendor, { uniquename = "microsoftpartnercenter", isreadonly = true,
    friendlyname = "Partner Center connector", customizationprefix = "msft",
    customizationoptionvalueprefix = 29960 })
  put(work, "solution", id_of("solution:default"), { uniquename = "Default",
    friendlyname = "Default Solution", version = "1.0", isvisible = true,
    publisherid = to("publisher", id_of("publisher:default")) })
  put(work, "solution", id_of("solution:connector"), { ismanaged = true, version = "1.0.0.0",
    uniquename = "MicrosoftPartnerCenterConnector", isvisible = true,
    friendlyname = "Partner Center co-sell connector", publisherid = to("publisher", vendor) })
  for _, name in ipairs(MESSAGES) do
    put(work, "sdkmessage", id_of("message:" .. name), { name = name })
  end
  for logical, plural in pairs(FURNISHED) do M.furnish(work, logical, plural) end
  for i, flow in ipairs(FLOWS) do
    put(work, "workflow", flow_id(i), { name = flow[1], category = 5, type = 1,
      ismanaged = true, primaryentity = "none" })
  end
  return true
end

-- ---- Rules of these tables ----

local BEFORE = {}

local function unique(work, t, row, column)
  for _, other in ipairs(work:find(t, column, row[column])) do
    if other[t.id] ~= row[t.id] then
      refuse(412, "0x80040237", "A record with matching key values already exists.")
    end
  end
end

local function missing(row, column, t)
  if row[column] == nil then
    refuse(400, "0x80040203", "Required field '%s' of '%s' is missing.", column, t.logical)
  end
end

function BEFORE.publisher(work, t, row)
  for _, name in ipairs({ "uniquename", "friendlyname", "customizationprefix",
    "customizationoptionvalueprefix" }) do
    missing(row, name, t)
  end
  local prefix, number = row.customizationprefix, row.customizationoptionvalueprefix
  if not prefix:find("^%a%w%w*$") or #prefix > 8 or prefix:lower() == "mscrm" then
    refuse(400, "0x80044366", "The customization prefix '%s' is not valid: 2 to 8 letters or "
      .. "digits, a letter first, not mscrm.", prefix)
  end
  if number < 10000 or number > 99999 then
    refuse(400, "0x80048402", "The option value prefix must be from 10000 to 99999.")
  end
  unique(work, t, row, "uniquename")
end

function BEFORE.solution(work, t, row)
  for _, name in ipairs({ "uniquename", "friendlyname", "version" }) do missing(row, name, t) end
  if not row._publisherid_value then missing(row, "publisherid", t) end
  unique(work, t, row, "uniquename")
end

function BEFORE.environmentvariabledefinition(work, t, row)
  missing(row, "schemaname", t)
  unique(work, t, row, "schemaname")
end

-- One value for each definition.
function BEFORE.environmentvariablevalue(work, t, row)
  local definition = row._environmentvariabledefinitionid_value
  if not definition then missing(row, "environmentvariabledefinitionid", t) end
  for _, other in ipairs(work:find(t, "environmentvariabledefinitionid", definition)) do
    if other[t.id] ~= row[t.id] then
      refuse(412, "0x80040237", "A record with matching key values already exists.")
    end
  end
end

-- Whether every element of a form is closed, in order.
local function well_formed(xml)
  local open = {}
  for close, name, empty in xml:gmatch("<(/?)([%a][%w]*)[^<>]-(/?)>") do
    if close == "/" then
      if table.remove(open) ~= name then return false end
    elseif empty ~= "/" then
      open[#open + 1] = name
    end
  end
  return #open == 0
end

-- A changed form is seen when its table is published.
function BEFORE.systemform(work, _, row, old)
  if not old or row.formxml == old.formxml or work.publishing then return end
  local xml = row.formxml or ""
  if not xml:find("^%s*<form[%s>/]") or not well_formed(xml) then
    refuse(400, "0x80040203", "The formxml is not a form.")
  end
  if work.who.switch("forms_wait_for_publish") then
    row.waiting, row.formxml = row.formxml, old.formxml
  end
end

-- An import brings the column with it, later in the same work.
function BEFORE.fieldpermission(work, _, row, old)
  if not old and not work.importing then security.check_permission(row) end
end

function BEFORE.workflow(work, t, row, old)
  if not old or row.statecode ~= 1 or old.statecode == 1 then return end
  for i = 1, #FLOWS do
    if flow_id(i) == row[t.id] then check_children(work, i) end
  end
end

-- What authenticates a call is kept apart and never read back.
function BEFORE.serviceendpoint(_, t, row)
  if row.authvalue == nil then return end
  host.docs.put("crm_secret", row[t.id], { authvalue = row.authvalue })
  row.authvalue = nil
end

-- A column of several choices is searched by an index of its own, which lags: what it still says.
local function remember_choices(work, t, row, old)
  for name, c in pairs(t.columns) do
    if c.type == "MultiSelectPicklist" and (old or {})[name] ~= row[name] then
      row["_was_" .. name] = { at = work.who.now, value = old and old[name] }
    end
  end
end

local function choices(t)
  for _, c in pairs(t.columns) do
    if c.type == "MultiSelectPicklist" then return true end
  end
end

-- What is gone is in no solution any more.
local function out_of_solutions(work, id)
  local t = schema.tables.solutioncomponent
  for _, c in ipairs(work:find(t, "objectid", id)) do work:drop(t, c[t.id]) end
end

store.watchers[1] = function(work)
  for t, id, row in work:changes() do
    if not row and t.component then out_of_solutions(work, id) end
    local before = row and BEFORE[t.logical]
    if before then before(work, t, row, store.stored(t, id)) end
    if row and t.custom_choices == nil then t.custom_choices = choices(t) or false end
    if row and t.custom_choices then remember_choices(work, t, row, store.stored(t, id)) end
  end
end

--- Publishes the forms of a table, or of all.
function M.publish_forms(work, logical)
  local t = schema.tables.systemform
  for r in store.each(t) do
    if r.body.waiting and (not logical or r.body.objecttypecode == logical) then
      local row = work:get(t, r.id)
      row.formxml, row.waiting = row.waiting, nil
      work.publishing = true
      work:put(t, row)
    end
  end
end

-- ---- Functions ----

local VERBS = { "Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share" }
local CUSTOMIZING = { "prvCreateEntity", "prvWriteEntity", "prvDeleteEntity", "prvCreateAttribute",
  "prvWriteAttribute", "prvDeleteAttribute", "prvCreateRelationship", "prvWriteRelationship",
  "prvDeleteRelationship", "prvCreateOptionSet", "prvWriteOptionSet", "prvDeleteOptionSet",
  "prvCreateEntityKey", "prvDeleteEntityKey", "prvPublishCustomization", "prvImportCustomization",
  "prvExportCustomization", "prvBypassCustomBusinessLogic" }

local function taken(user, name)
  return host.docs.get("crm_privilege", user .. ":" .. name) ~= nil
end

--- What a user may do: { Depth=, PrivilegeId=, PrivilegeName=, BusinessUnitId= } each.
function M.privileges(work, user)
  local row = work:get(schema.tables.systemuser, user)
  if not row then rows.absent(schema.tables.systemuser, user) end
  local out = json.array({})
  local function add(name)
    if taken(user, name) then return end
    out[#out + 1] = { PrivilegeName = name,
      PrivilegeId = schema.definition_id("privilege:" .. name),
      Depth = taken(user, name .. ":organization") and "Local" or "Global",
      BusinessUnitId = row._businessunitid_value }
  end
  local names = {}
  for logical, t in pairs(schema.tables) do
    if not t.intersect then names[#names + 1] = logical end
  end
  table.sort(names)
  for _, logical in ipairs(names) do
    for _, verb in ipairs(VERBS) do add("prv" .. verb .. schema.tables[logical].schema) end
  end
  for _, name in ipairs(CUSTOMIZING) do add(name) end
  return out
end

local function value_row(work, definition)
  return work:find(schema.tables.environmentvariablevalue, "environmentvariabledefinitionid",
    definition.environmentvariabledefinitionid)[1]
end

local function definition_of(work, name)
  return work:find(schema.tables.environmentvariabledefinition, "schemaname", name)[1]
    or refuse(404, "0x80040217", "No environment variable definition is named '%s'.", name)
end

--- The value of an environment variable: its current value if there is one, else its default.
function M.variable(work, name)
  local definition = definition_of(work, name)
  local row = value_row(work, definition)
  if row then return row.value end
  return definition.defaultvalue
end

--- Sets the current value of an environment variable.
function M.set_variable(work, name, value)
  local definition, t = definition_of(work, name), schema.tables.environmentvariablevalue
  local row = value_row(work, definition)
  if row then return rows.update(work, t, row[t.id], { value = value or json.null }) end
  return rows.create(work, t, { value = value, schemaname = name,
    environmentvariabledefinitionid = to("environmentvariabledefinition",
      definition.environmentvariabledefinitionid) })
end

return M

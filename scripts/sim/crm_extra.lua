-- The actions and functions of the practice CRM that are about the organisation and not about a
-- row: option values, keys, solutions, publishing, environment variables, privileges, $metadata.
-- Looked up by crm_route; each answers a finishing function.
local body_of = require("sim.crm_define_body")
local csdl = require("sim.crm_csdl")
local define_route = require("sim.crm_define_route")
local keys = require("sim.crm_keys")
local meta = require("sim.crm_meta")
local platform = require("sim.crm_platform")
local rows = require("sim.crm_rows")
local schema = require("sim.crm_schema")
local solution = require("sim.crm_solution")
local tools = require("sim.crm_define_tools")
local values = require("sim.crm_values")

local M = {}
local refuse, bad = schema.refuse, body_of.bad
local need, some = body_of.need, body_of.some
local nothing = tools.nothing

local function answer(rq, kind, body)
  body["@odata.context"] = rq.base .. "$metadata#Microsoft.Dynamics.CRM." .. kind .. "Response"
  return function() return 200, {}, body end
end

-- ---- Option values ----

-- The options a body means: the list, its publisher, and how a new list is written.
local function options_of(rq, body)
  tools.may(rq, "Write", "OptionSet")
  local name = some(body, "OptionSetName", "string")
  if name then
    local set = schema.globals[name] or bad("The option set '%s' does not exist.", name)
    return set.options, body_of.publisher(rq.work, name), function(list)
      tools.change(rq, { op = "options+", name = name, options = list })
      solution.add(rq, tools.COMPONENT.options, schema.definition_id("global:" .. name),
        some(body, "SolutionUniqueName"))
    end
  end
  local t = body_of.table(need(body, "EntityLogicalName"))
  local c = t.columns[need(body, "AttributeLogicalName")]
  if not c or not c.options or c.global then
    refuse(400, "0x80041103", "'%s' has no choice '%s' with options of its own.", t.logical,
      body.AttributeLogicalName)
  end
  local publisher = rq.work:find(schema.tables.publisher, "customizationprefix",
    c.logical:match("^(%w+)_") or "new")[1]
  return c.options, publisher, function(list)
    tools.change(rq, { op = "column+", table = t.logical, name = c.logical,
      set = { options = list } })
  end
end

local function place_of(list, value)
  for i, o in ipairs(list) do
    if o.value == value then return i end
  end
  refuse(400, "0x8004431A", "There is no option with the value %s.", tostring(value))
end

M.ACTIONS = {}
local ACTIONS = M.ACTIONS

function ACTIONS.InsertOptionValue(rq, body)
  local list, publisher, write = options_of(rq, body)
  local o = body_of.option(list, body, publisher)
  local new = schema.copy(list)
  new[#new + 1] = o
  write(json.array(new))
  return answer(rq, "InsertOptionValue", { NewOptionValue = o.value })
end

function ACTIONS.UpdateOptionValue(rq, body)
  local list, _, write = options_of(rq, body)
  local new, at = schema.copy(list), place_of(list, need(body, "Value"))
  local o = new[at]
  o.labels = body_of.merged(o.labels or o.label, body_of.label(need(body, "Label")),
    some(body, "MergeLabels") == true)
  o.label = body_of.text(o.labels)
  write(json.array(new))
  return nothing
end

function ACTIONS.DeleteOptionValue(rq, body)
  local list, _, write = options_of(rq, body)
  local new = schema.copy(list)
  table.remove(new, place_of(list, need(body, "Value")))
  write(json.array(new))
  return nothing
end

function ACTIONS.OrderOption(rq, body)
  local list, _, write = options_of(rq, body)
  local new, seen = {}, {}
  for i, value in ipairs(need(body, "Values", "table")) do
    new[i] = schema.copy(list[place_of(list, value)])
    if seen[value] then bad("The value %s stands twice.", tostring(value)) end
    seen[value] = true
  end
  if #new ~= #list then bad("OrderOption names every value once.") end
  write(json.array(new))
  return nothing
end

-- ---- Keys, customers ----

function ACTIONS.ReactivateEntityKey(rq, body)
  local t = body_of.table(need(body, "EntityLogicalName"))
  local delay = rq.work.who.switch("key_index_ms")
  if not keys.again(t, need(body, "EntityKeyLogicalName", "string"), rq.work.who.now, delay) then
    bad("The key '%s' does not exist.", tostring(body.EntityKeyLogicalName))
  end
  return nothing
end

function ACTIONS.CreateCustomerRelationships(rq, body)
  local ids, attribute = require("sim.crm_define_relations").customer(rq, body)
  return answer(rq, "CreateCustomerRelationships", { AttributeId = attribute,
    RelationshipIds = json.array(ids) })
end

-- ---- Solutions and publishing ----

function ACTIONS.AddSolutionComponent(rq, body)
  local kind = need(body, "ComponentType")
  local id = values.guid(need(body, "ComponentId")) or bad("ComponentId is a GUID.")
  local known = false
  for _, o in ipairs(schema.tables.solutioncomponent.columns.componenttype.options) do
    known = known or o.value == kind
  end
  if not known then bad("'%s' is not a component type.", tostring(kind)) end
  return answer(rq, "AddSolutionComponent", { id = solution.add(rq, kind, id,
    need(body, "SolutionUniqueName")) })
end

function ACTIONS.PublishXml(rq, body)
  solution.publish(rq, platform, solution.named_in(need(body, "ParameterXml")))
  return nothing
end

function ACTIONS.PublishAllXml(rq)
  solution.publish(rq, platform)
  return nothing
end

function ACTIONS.ExportSolution(rq, body)
  local managed = need(body, "Managed")
  if type(managed) ~= "boolean" then bad("'Managed' is true or false.") end
  local bytes = solution.export(rq.work, need(body, "SolutionName"), managed)
  return answer(rq, "ExportSolution", { ExportSolutionFile = host.crypto.base64(bytes) })
end

-- What a ComponentParameters list says: values of environment variables.
local function set_variables(rq, list)
  for _, v in ipairs(list or {}) do
    if tostring(v["@odata.type"]):match("environmentvariablevalue$") then
      platform.set_variable(rq.work, need(v, "schemaname"), some(v, "value"))
    end
  end
end

local function import(rq, body, upgrade)
  for _, name in ipairs({ "OverwriteUnmanagedCustomizations", "PublishWorkflows" }) do
    if type(need(body, name)) ~= "boolean" then bad("'%s' is true or false.", name) end
  end
  local job = values.guid(some(body, "ImportJobId") or rq.work.who.uuid())
    or bad("ImportJobId is a GUID.")
  local file = need(body, "CustomizationFile")
  solution.import(rq.work, type(file) == "string" and host.crypto.unbase64(file), job, platform,
    upgrade)
  set_variables(rq, some(body, "ComponentParameters", "table"))
  return job
end

function ACTIONS.ImportSolution(rq, body)
  need(body, "ImportJobId")
  import(rq, body)
  return nothing
end

-- The same as a system job, which is done at once.
local function as_job(name, upgrade)
  return function(rq, body)
    local job, t = import(rq, body, upgrade), schema.tables.asyncoperation
    local row = rows.create(rq.work, t, { name = name, operationtype = 54, messagename = name })
    rows.update(rq.work, t, row[t.id], { statecode = 3, statuscode = 30 })
    return answer(rq, name, { AsyncOperationId = row[t.id], ImportJobKey = job })
  end
end

ACTIONS.ImportSolutionAsync = as_job("ImportSolutionAsync")
ACTIONS.StageAndUpgradeAsync = as_job("StageAndUpgradeAsync", true)

function ACTIONS.StageAndUpgrade(rq, body)
  need(body, "ImportJobId")
  import(rq, body, true)
  return nothing
end

-- ---- Functions ----

-- The parameters of a function: A='x',B=@p1
local function parameters(rq, text)
  local out = {}
  for name, v in text:gmatch("([%w_]+)%s*=%s*([^,]*)") do
    v = rq.options[v] or v
    out[name] = v:match("^'(.*)'$") and v:match("^'(.*)'$"):gsub("''", "'") or v
  end
  return out
end

local FUNCTIONS = {}

function FUNCTIONS.RetrieveEnvironmentVariableValue(rq, given)
  rows.need(rq.work, "Read", schema.tables.environmentvariabledefinition)
  local name = given.DefinitionSchemaName or bad("DefinitionSchemaName is missing.")
  local value = platform.variable(rq.work, name)
  return answer(rq, "RetrieveEnvironmentVariableValue", { Value = value or json.null })
end

-- Functions and actions bound to a row.
local BOUND = {}

function BOUND.RetrieveUserPrivileges(rq, t, id)
  if t.logical ~= "systemuser" then return nil end
  local list = platform.privileges(rq.work, id)
  return answer(rq, "RetrieveUserPrivileges", { RolePrivileges = list })
end

local function bound(rq, parts)
  local name = parts[2] and parts[2]:match("^Microsoft%.Dynamics%.CRM%.(%w+)%(?%)?$")
  if not name or not BOUND[name] then return nil end
  local set, inner = parts[1]:match("^([%w_]+)%((.*)%)$")
  local t, id = schema.by_set[set or ""], values.guid(inner or "")
  if not t or not id then return nil end
  if rq.method ~= "GET" then refuse(404, "", "No resource matches '%s'.", name) end
  return BOUND[name](rq, t, id)
end

-- ---- Which is meant ----

local function action(rq, name)
  if rq.method ~= "POST" then refuse(404, "", "No resource matches '%s'.", name) end
  local body = rq.body ~= "" and json.decode(rq.body) or {}
  if type(body) ~= "table" or (json.is_array(body) and next(body)) then
    refuse(400, "0x80048d19", "An object was expected as the body.")
  end
  return ACTIONS[name](rq, body)
end

local function call(rq, name, text)
  if rq.method ~= "GET" then refuse(404, "", "No resource matches '%s'.", name) end
  return FUNCTIONS[name](rq, parameters(rq, text))
end

--- What goes with a solution that is deleted.
function M.uninstall(rq, id)
  if id then solution.uninstall(rq, id, platform) end
end

--- The finishing function of what an address means here, or nil.
function M.answer(rq, parts)
  local first = parts[1]
  local name, text = first:match("^([%w_]+)%(?(.-)%)?$")
  if ACTIONS[first] then return action(rq, first) end
  if FUNCTIONS[name] then return call(rq, name, text) end
  if first == "$metadata" and not parts[2] then return csdl.answer(rq) end
  if meta.ROOTS[first:match("^[%w_]+")] then
    if rq.method ~= "GET" then return define_route.run(rq, parts) end
    local body = meta.get(rq, parts)
    return function() return 200, {}, body end
  end
  return bound(rq, parts)
end

return M

-- The platform's own tables in the practice CRM: publishers, solutions and what is in them, forms
-- and views, cloud flows, environment variables, web hooks, background jobs. Facts only, as in
-- crm_tables. locked: only the service writes its rows. component: its number in a solution.
local C = require("sim.crm_columns")

local M = {}

local text, memo, whole, decimal, flag = C.text, C.memo, C.whole, C.decimal, C.flag
local pick, link, states, active, fixed = C.pick, C.link, C.states, C.active, C.fixed
local history, owned, columns, moment = C.history, C.owned, C.columns, C.moment

local COMPONENTS = { 1, "Entity", 2, "Attribute", 9, "Option Set", 10, "Entity Relationship",
  14, "Entity Key", 26, "View", 29, "Process", 60, "System Form", 61, "Web Resource",
  70, "Field Security Profile", 71, "Field Permission",
  92, "SDK Message Processing Step", 95, "Service Endpoint",
  380, "Environment Variable Definition", 381, "Environment Variable Value" }

local ALLOWED = { 0, "Not Allowed", 4, "Allowed" }

M.tables = {
  publisher = { set = "publishers", display = "Publisher", name = "friendlyname",
    ownership = "Organization", index = { "uniquename", "customizationprefix" },
    columns = columns(history("publisher"), {
      uniquename = text(256, { update = false }), friendlyname = text(256),
      customizationprefix = text(8), description = memo(2000),
      customizationoptionvalueprefix = whole(0, 2147483647), isreadonly = fixed(flag()) }) },

  solution = { set = "solutions", display = "Solution", name = "friendlyname",
    ownership = "Organization", index = { "uniquename", "publisherid" },
    columns = columns(history("solution"), {
      uniquename = text(65, { update = false }), friendlyname = text(256), version = text(256),
      description = memo(2000), ismanaged = fixed(flag({ labels = { "Unmanaged", "Managed" } })),
      isvisible = fixed(flag({ default = true })), installedon = fixed(moment()),
      publisherid = link("publisher", "publisherid", "publisher_solution",
        { delete = "Restrict" }) }) },

  solutioncomponent = { set = "solutioncomponents", display = "Solution Component",
    ownership = "Organization", locked = true, name = "objectid",
    schema = "SolutionComponent", index = { "solutionid", "objectid" },
    columns = columns(history("solutioncomponent"), {
      componenttype = pick(COMPONENTS), objectid = C.guid(),
      rootcomponentbehavior = pick({ 0, "Include Subcomponents", 1, "Do not include subcomponents",
        2, "Include As Shell Only" }),
      solutionid = link("solution", "solutionid", "solution_solutioncomponent",
        { delete = "Cascade" }) }) },

  systemform = { set = "systemforms", display = "System Form", name = "name", id = "formid",
    schema = "SystemForm", ownership = "Organization", index = { "objecttypecode" }, component = 60,
    columns = columns(history("systemform"), {
      name = text(100), objecttypecode = text(64, { update = false }), formxml = memo(1073741823),
      description = memo(2000), ismanaged = fixed(flag()),
      type = pick({ 2, "Main", 6, "Quick View Form", 7, "Quick Create", 11, "Card" },
        { update = false }) }) },

  savedquery = { set = "savedqueries", display = "View", name = "name", schema = "SavedQuery",
    ownership = "Organization", index = { "returnedtypecode" }, component = 26,
    columns = columns(history("savedquery"), active(), {
      name = text(200), returnedtypecode = text(64, { update = false }),
      querytype = whole(0, 2147483647, { update = false }), isdefault = flag(),
      fetchxml = memo(1073741823), layoutxml = memo(1073741823) }) },

  workflow = { set = "workflows", display = "Process", name = "name", ownership = "User",
    index = { "name" }, component = 29,
    columns = columns(history("workflow"), owned("workflow"),
      states({ { 0, "Draft", 1 }, { 1, "Activated", 2 } },
        { { 1, "Draft", 0 }, { 2, "Activated", 1 } }), {
        name = text(100), uniquename = text(200), description = memo(100000),
        category = pick({ 0, "Workflow", 2, "Business Rule", 3, "Action",
          4, "Business Process Flow", 5, "Modern Flow" }, { update = false }),
        type = pick({ 1, "Definition", 2, "Activation", 3, "Template" }, { default = 1 }),
        primaryentity = text(64), clientdata = memo(1073741823), ismanaged = fixed(flag()) }) },

  environmentvariabledefinition = { set = "environmentvariabledefinitions", component = 380,
    display = "Environment Variable Definition", name = "schemaname", ownership = "User",
    schema = "EnvironmentVariableDefinition", index = { "schemaname" },
    columns = columns(history("environmentvariabledefinition"),
      owned("environmentvariabledefinition"), active(), {
        schemaname = text(100, { update = false }), displayname = text(100),
        description = memo(2000), defaultvalue = memo(2000), isrequired = flag(),
        type = pick({ 100000000, "String", 100000001, "Number", 100000002, "Boolean",
          100000003, "JSON", 100000004, "Data source", 100000005, "Secret" },
          { default = 100000000 }) }) },

  environmentvariablevalue = { set = "environmentvariablevalues", component = 381,
    display = "Environment Variable Value", name = "schemaname", ownership = "User",
    schema = "EnvironmentVariableValue", index = { "environmentvariabledefinitionid" },
    columns = columns(history("environmentvariablevalue"), owned("environmentvariablevalue"),
      active(), { schemaname = text(100), value = memo(2000),
        environmentvariabledefinitionid = link("environmentvariabledefinition",
          "EnvironmentVariableDefinitionId",
          "environmentvariabledefinition_environmentvariablevalue", { delete = "Cascade" }) }) },

  fieldsecurityprofile = { set = "fieldsecurityprofiles", display = "Field Security Profile",
    name = "name", schema = "FieldSecurityProfile", ownership = "Organization", component = 70,
    index = { "name" },
    columns = columns(history("fieldsecurityprofile"), { name = text(100),
      description = memo(2000), ismanaged = fixed(flag()) }) },

  fieldpermission = { set = "fieldpermissions", display = "Field Permission", component = 71,
    name = "attributelogicalname", schema = "FieldPermission", ownership = "Organization",
    index = { "attributelogicalname", "fieldsecurityprofileid" },
    columns = columns(history("fieldpermission"), {
      attributelogicalname = text(50, { update = false }), entityname = text(50,
        { update = false }), ismanaged = fixed(flag()),
      canread = pick(ALLOWED, { default = 0 }), cancreate = pick(ALLOWED, { default = 0 }),
      canupdate = pick(ALLOWED, { default = 0 }),
      fieldsecurityprofileid = link("fieldsecurityprofile", "fieldsecurityprofileid",
        "lk_fieldpermission_fieldsecurityprofileid", { delete = "Cascade" }) }) },

  sdkmessage = { set = "sdkmessages", display = "Sdk Message", name = "name", schema = "SdkMessage",
    ownership = "Organization", locked = true, index = { "name" },
    columns = columns(history("sdkmessage"), { name = text(256) }) },

  sdkmessagefilter = { set = "sdkmessagefilters", display = "Sdk Message Filter", name = "name",
    schema = "SdkMessageFilter", ownership = "Organization", locked = true,
    index = { "primaryobjecttypecode", "sdkmessageid" },
    columns = columns(history("sdkmessagefilter"), {
      name = text(256), primaryobjecttypecode = text(64),
      iscustomprocessingstepallowed = flag({ default = true }),
      sdkmessageid = link("sdkmessage", "sdkmessageid", "sdkmessageid_sdkmessagefilter") }) },

  serviceendpoint = { set = "serviceendpoints", display = "Service Endpoint", name = "name",
    schema = "ServiceEndpoint", ownership = "Organization", index = { "name" }, component = 95,
    columns = columns(history("serviceendpoint"), {
      name = text(256), description = memo(2000), url = text(1024), authvalue = text(2048),
      contract = pick({ 1, "OneWay", 2, "Queue", 3, "Rest", 4, "TwoWay", 5, "Topic",
        6, "Queue (Persistent)", 7, "Event Hub", 8, "Webhook", 9, "Event Grid" }),
      authtype = pick({ 1, "ACS", 2, "SAS Key", 3, "SAS Token", 4, "Webhook Key",
        5, "Http Header", 6, "Http Query String" }),
      messageformat = pick({ 1, "Binary XML", 2, "Json", 3, "Text XML" }, { default = 2 }),
      connectionmode = pick({ 1, "Normal", 2, "Federated" }, { default = 1 }) }) },

  sdkmessageprocessingstep = { set = "sdkmessageprocessingsteps", name = "name", component = 92,
    display = "Sdk Message Processing Step", schema = "SdkMessageProcessingStep",
    ownership = "Organization", index = { "sdkmessageid", "sdkmessagefilterid", "eventhandler" },
    columns = columns(history("sdkmessageprocessingstep"),
      states({ { 0, "Enabled", 1 }, { 1, "Disabled", 2 } },
        { { 1, "Enabled", 0 }, { 2, "Disabled", 1 } }), {
        name = text(256), description = memo(2000), configuration = memo(1073741823),
        stage = pick({ 10, "Pre-validation", 20, "Pre-operation", 40, "Post-operation" },
          { default = 40 }),
        mode = pick({ 0, "Synchronous", 1, "Asynchronous" }, { default = 0 }),
        rank = whole(0, 2147483647, { default = 1 }), asyncautodelete = flag(),
        supporteddeployment = pick({ 0, "Server Only", 1, "Client Only", 2, "Both" },
          { default = 0 }),
        filteringattributes = memo(100000),
        sdkmessageid = link("sdkmessage", "sdkmessageid",
          "sdkmessageid_sdkmessageprocessingstep"),
        sdkmessagefilterid = link("sdkmessagefilter", "sdkmessagefilterid",
          "sdkmessagefilterid_sdkmessageprocessingstep"),
        eventhandler = link("serviceendpoint", "eventhandler_serviceendpoint",
          "serviceendpoint_sdkmessageprocessingstep", { delete = "Restrict" }) }) },

  asyncoperation = { set = "asyncoperations", display = "System Job", name = "name",
    schema = "AsyncOperation", ownership = "User", index = { "name" }, locked = true,
    columns = columns(history("asyncoperation"), owned("asyncoperation"),
      states({ { 0, "Ready", 0 }, { 1, "Suspended", 10 }, { 2, "Locked", 20 },
        { 3, "Completed", 30 } },
        { { 0, "Waiting For Resources", 0 }, { 10, "Waiting", 1 }, { 20, "In Progress", 2 },
          { 30, "Succeeded", 3 }, { 31, "Failed", 3 }, { 32, "Canceled", 3 } }), {
        name = text(256), message = memo(1073741823), friendlymessage = memo(2000),
        messagename = text(160), errorcode = whole(-2147483648, 2147483647),
        operationtype = pick({ 1, "System Event", 54, "Execute Async Request" }) }) },

  importjob = { set = "importjobs", display = "Import Job", name = "name", schema = "ImportJob",
    ownership = "Organization", locked = true, index = { "solutionname" },
    columns = columns(history("importjob"), { name = text(256), solutionname = text(65),
      progress = decimal(0, 100, 2), data = memo(1073741823), completedon = moment() }) },
}

return M

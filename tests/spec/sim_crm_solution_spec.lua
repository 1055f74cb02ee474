-- The practice CRM against the acceptance list of the Dataverse reference (numbers are its lines):
-- publishing, solutions, forms, environment variables, privileges, the connector's flows.
local D = require "commands.spec.definitions"
local kit = require "sim.crm_kit"

local ask, code, act, make = kit.ask, kit.code, kit.act, kit.make
local IN = { ["MSCRM.SolutionUniqueName"] = "xcs_cosell" }
local LINKS = "EntityDefinitions(LogicalName='xcs_solutionlink')"
local CONNECTOR = "5a1e0000-0000-4000-8000-000000000003"

local function publish(...)
  local out = {}
  for i, name in ipairs({ ... }) do out[i] = "<entity>" .. name .. "</entity>" end
  return { ParameterXml = "<importexportxml><entities>" .. table.concat(out)
    .. "</entities></importexportxml>" }
end

return function(t)
  local function case(name, f)
    t.case(name, function()
      kit.fresh()
      D.publisher()
      f()
    end)
  end

  local function good(status, answer)
    t.ok(status < 300, json.encode(answer))
    return answer
  end

  local function refused(want_status, want_code, method, path, body, headers)
    local status, c = code(method, path, body, headers)
    t.eq({ status, c }, { want_status, want_code }, method .. " " .. path)
  end

  local function form()
    local _, list = ask("GET", "systemforms?$select=formid,formxml&$filter=objecttypecode%20eq%20"
      .. "'opportunity'%20and%20type%20eq%202")
    return list.value[1]
  end

  case("10.30 a form is changed by PATCH and seen when its table is published", function()
    local one = form()
    local changed = one.formxml:gsub("</rows>", '<row><cell id="{1}"><control id="grid_xcs" />'
      .. "</cell></row></rows>")
    local path = "systemforms(" .. one.formid .. ")"
    t.eq(ask("PATCH", path, { formxml = changed }, IN), 204)
    t.eq(form().formxml, one.formxml, "not yet")
    t.eq(ask("POST", "PublishXml", publish("opportunity")), 204)
    t.eq(form().formxml, changed)
    local _, list = ask("GET", "solutioncomponents?$select=componenttype&$filter=objectid%20eq%20"
      .. one.formid)
    t.eq(kit.names(list, "componenttype"), "60")
  end)

  case("10.30 PublishXml and PublishAllXml answer 204", function()
    local one = form()
    local path = "systemforms(" .. one.formid .. ")"
    local function patch(text)
      t.eq(ask("PATCH", path, { formxml = "<form>" .. text .. "</form>" }), 204)
    end
    patch("a")
    t.eq(ask("POST", "PublishXml", publish("account")), 204)
    t.eq(form().formxml, one.formxml, "another table")
    local status, text = ask("POST", "PublishXml", publish("opportunity"))
    t.eq({ status, text, form().formxml }, { 204, "", "<form>a</form>" })
    patch("b")
    t.eq(ask("POST", "PublishAllXml"), 204)
    t.eq(form().formxml, "<form>b</form>")
    kit.set.set("forms_wait_for_publish", "off")
    patch("c")
    t.eq(form().formxml, "<form>c</form>", "the switch")
    refused(400, "0x80040203", "PATCH", path, { formxml = "no form" })
    for _, torn in ipairs({ "<form><tab></form>", "<form><tab /></tab></form>", "<form><a></b>"
      .. "</form>", "<form>" }) do
      refused(400, "0x80040203", "PATCH", path, { formxml = torn })
    end
    refused(400, "0x80041102", "POST", "PublishXml", publish("nothing"))
    refused(400, "0x80040203", "POST", "PublishXml", { ParameterXml = "<other />" })
    refused(400, "0x80040203", "POST", "PublishXml", {})
    t.eq(ask("GET", "PublishAllXml"), 404)
    act("take-privilege", { privilege = "prvPublishCustomization" })
    refused(403, "0x80040220", "POST", "PublishAllXml")
  end)

  case("10.30 a changed label is read as it was until its table is published", function()
    good(ask("POST", "EntityDefinitions", D.new_table("xcs_SolutionLink")))
    local function shown()
      local _, whole = ask("GET", LINKS)
      return whole.DisplayName.UserLocalizedLabel.Label, whole
    end
    local text, whole = shown()
    t.eq(text, "Solution link")
    whole.DisplayName = D.label("Line")
    t.eq(ask("PUT", LINKS, whole), 204)
    t.eq((shown()), "Solution link")
    t.eq(ask("POST", "PublishXml", publish("xcs_solutionlink")), 204)
    t.eq((shown()), "Line")
  end)

  local function provision()
    good(ask("POST", "GlobalOptionSetDefinitions", { Name = "xcs_help",
      DisplayName = D.label("Help"), Options = D.options("A", "B") }, IN))
    good(ask("POST", "EntityDefinitions", D.new_table("xcs_SolutionLink"), IN))
    good(ask("POST", LINKS .. "/Attributes", D.column("Picklist", "xcs_Help",
      { ["GlobalOptionSet@odata.bind"] = "/GlobalOptionSetDefinitions(Name='xcs_help')" }), IN))
    good(ask("POST", LINKS .. "/Attributes", D.column("String", "xcs_Code",
      { MaxLength = 40 }), IN))
    good(ask("POST", "EntityDefinitions(LogicalName='opportunity')/Attributes",
      D.column("String", "xcs_ReferralId", { MaxLength = 40 }), IN))
    good(ask("POST", "RelationshipDefinitions", D.lookup(), IN))
    good(ask("POST", LINKS .. "/Keys", { SchemaName = "xcs_CodeKey", DisplayName = D.label("Code"),
      KeyAttributes = json.array({ "xcs_code" }) }, IN))
    good(ask("POST", "environmentvariabledefinitions", { schemaname = "xcs_Country",
      type = 100000000, defaultvalue = "address1_country" }, IN))
  end

  local function inside()
    local _, list = ask("GET", "solutioncomponents?$select=componenttype,objectid&$filter="
      .. "solutionid/uniquename%20eq%20'xcs_cosell'")
    local out = {}
    for i, c in ipairs(list.value) do out[i] = c.componenttype .. ":" .. c.objectid end
    table.sort(out)
    return out
  end

  local function exported(managed)
    local answer = good(ask("POST", "ExportSolution",
      { SolutionName = "xcs_cosell", Managed = managed }))
    return answer.ExportSolutionFile
  end

  local function import(file, more)
    local body = { CustomizationFile = file, ImportJobId = host.uuid(), PublishWorkflows = true,
      OverwriteUnmanagedCustomizations = false }
    for name, v in pairs(more or {}) do body[name] = v end
    return body
  end

  case("10.30 a solution is exported and imported elsewhere with every component", function()
    provision()
    local before, file = inside(), exported(false)
    t.eq({ #before, host.crypto.unbase64(file):sub(1, 4) }, { 9, "PK\3\4" })
    kit.fresh()
    t.eq(ask("GET", LINKS), 404)
    local body = import(file)
    local status, text = ask("POST", "ImportSolution", body)
    t.eq({ status, text }, { 204, "" })
    t.eq(inside(), before)
    local _, about = ask("GET", LINKS .. "?$select=EntitySetName,IsManaged")
    t.eq({ about.EntitySetName, about.IsManaged }, { "xcs_solutionlinks", false })
    local deal = kit.deal({ name = "D", xcs_referralid = "r" })
    local row = make("xcs_solutionlinks", { xcs_help = 727000001, xcs_code = "c",
      ["xcs_Opportunity@odata.bind"] = "/opportunities(" .. deal.opportunityid .. ")" })
    t.eq(row._xcs_opportunity_value, deal.opportunityid)
    t.eq(ask("PATCH", "xcs_solutionlinks(xcs_code='c')", { xcs_name = "by key" }), 204)
    local _, value = ask("GET",
      "RetrieveEnvironmentVariableValue(DefinitionSchemaName='xcs_Country')")
    t.eq(value.Value, "address1_country")
    local _, job = ask("GET", "importjobs(" .. body.ImportJobId .. ")?$select=progress,data")
    t.eq(kit.number(job.progress), 100)
    t.ok(job.data:find('result="success"', 1, true), "what the job says")
    t.eq(ask("POST", "ImportSolution", import(file)), 204, "again")
    t.eq(inside(), before)
  end)

  case("10.30 a managed solution is locked, and goes with all that is in it", function()
    provision()
    local managed, open = exported(true), exported(false)
    refused(400, "0x80048041", "POST", "ImportSolution", import(managed))
    kit.fresh()
    local _, started = ask("POST", "ImportSolutionAsync", import(managed, { ComponentParameters =
      json.array({ { ["@odata.type"] = "Microsoft.Dynamics.CRM.environmentvariablevalue",
        schemaname = "xcs_Country", value = "new_iso" } }) }))
    local _, job = ask("GET", "asyncoperations(" .. started.AsyncOperationId
      .. ")?$select=statecode,statuscode,friendlymessage")
    t.eq({ job.statecode, job.statuscode, #started.ImportJobKey }, { 3, 30, 36 })
    local _, value = ask("GET",
      "RetrieveEnvironmentVariableValue(DefinitionSchemaName='xcs_Country')")
    t.eq(value.Value, "new_iso")
    refused(400, "0x80048040", "POST", "ImportSolution", import(open))
    refused(400, "0x8004F01F", "DELETE", LINKS)
    refused(400, "0x80040203", "POST", "ExportSolution",
      { SolutionName = "xcs_cosell", Managed = true })
    local _, list = ask("GET", "solutions?$filter=uniquename%20eq%20'xcs_cosell'")
    t.eq(list.value[1].ismanaged, true)
    t.eq(ask("DELETE", "solutions(" .. list.value[1].solutionid .. ")"), 204)
    t.eq(ask("GET", LINKS), 404)
    t.eq(#inside(), 0)
  end)

  case("10.30 a managed form is seen at once, an unmanaged one when it is published", function()
    local one = form()
    local changed = one.formxml:gsub("</rows>", "<row /></rows>")
    ask("PATCH", "systemforms(" .. one.formid .. ")", { formxml = changed }, IN)
    ask("POST", "PublishAllXml")
    for managed, seen in pairs({ [true] = changed, [false] = one.formxml }) do
      local file = exported(managed)
      act("backup", { name = "with" })
      kit.fresh()
      t.eq(ask("POST", "ImportSolution", import(file)), 204)
      t.eq(form().formxml, seen, tostring(managed))
      ask("POST", "PublishAllXml")
      t.eq(form().formxml, changed)
      act("restore-backup", { name = "with" })
    end
  end)

  case("10.30 a CRM without the original connector has none of what it brings", function()
    act("remove-connector")
    for _, path in ipairs({ "EntityDefinitions", "EntityDefinitions(LogicalName='opportunity')/"
      .. "Attributes", "EntityDefinitions(LogicalName='lead')/Attributes" }) do
      local _, list = ask("GET", path .. "?$select=LogicalName")
      t.ok(not kit.names(list, "LogicalName"):find("msft_", 1, true), path)
    end
    for _, set in ipairs({ "workflows?$filter=category%20eq%205", "publishers?$filter="
      .. "customizationprefix%20eq%20'msft'", "systemforms?$filter=startswith(objecttypecode,"
      .. "'msft_')", "solutions?$filter=startswith(uniquename,'MicrosoftPartnerCenter')" }) do
      local _, list = ask("GET", set)
      t.eq(#list.value, 0, set)
    end
    t.eq(kit.deal({ name = "D" }).name, "D")
    kit.restart()
    t.eq(ask("GET", "EntityDefinitions(LogicalName='msft_microsoftsolution')"), 404, "for good")
    refused(400, "0x80044366", "POST", "EntityDefinitions", D.new_table("msft_MicrosoftSolution"))
  end)

  case("10.30 an upgrade takes away what the new version lacks", function()
    provision()
    local first = exported(true)
    t.eq(ask("DELETE", LINKS .. "/Attributes(LogicalName='xcs_help')"), 204)
    local second = exported(true)
    kit.fresh()
    t.eq(ask("POST", "ImportSolution", import(first)), 204)
    t.eq(ask("POST", "ImportSolution", import(second)), 204)
    local path = LINKS .. "/Attributes(LogicalName='xcs_help')"
    t.eq({ (ask("GET", path)), #inside() }, { 200, 9 }, "an update keeps it")
    t.eq(ask("POST", "StageAndUpgrade", import(second)), 204)
    t.eq({ (ask("GET", path)), #inside() }, { 404, 8 })
  end)

  case("10.30 an unmanaged solution leaves its components behind; bad files are refused", function()
    provision()
    local _, list = ask("GET", "solutions?$filter=uniquename%20eq%20'xcs_cosell'")
    t.eq(ask("DELETE", "solutions(" .. list.value[1].solutionid .. ")"), 204)
    t.eq(ask("GET", LINKS), 200)
    refused(400, "0x80040203", "POST", "ExportSolution",
      { SolutionName = "xcs_cosell", Managed = false })
    refused(400, "0x80040203", "POST", "ImportSolution", import("bm90aGluZw=="))
    refused(400, "0x80040203", "POST", "ImportSolution", import(json.null))
    refused(400, "0x80040203", "POST", "ImportSolution",
      { CustomizationFile = "bm90aGluZw==", ImportJobId = host.uuid() })
  end)

  local function effective(name)
    local _, answer = ask("GET", "RetrieveEnvironmentVariableValue(DefinitionSchemaName=@p1)?@p1='"
      .. name .. "'")
    return answer.Value
  end

  case("10.30 a secured column is read and written by those whose profile says so", function()
    good(ask("POST", "EntityDefinitions", D.new_table("xcs_SolutionLink"), IN))
    good(ask("POST", LINKS .. "/Attributes", D.column("String", "xcs_Code", { MaxLength = 40 }),
      IN))
    local before = make("xcs_solutionlinks", { xcs_code = "c" })
    local at = "xcs_solutionlinks(" .. before.xcs_solutionlinkid .. ")"
    local profile = make("fieldsecurityprofiles", { name = "Those who may" })
    local path = "fieldsecurityprofiles(" .. profile.fieldsecurityprofileid .. ")"
    local function permit(body)
      body.entityname, body.attributelogicalname = "xcs_solutionlink", "xcs_code"
      body["fieldsecurityprofileid@odata.bind"] = "/" .. path
      return ask("POST", "fieldpermissions", body)
    end
    t.eq(permit { canread = 4 }, 400, "it is not secured yet")
    local column = LINKS .. "/Attributes(LogicalName='xcs_code')/Microsoft.Dynamics.CRM."
      .. "StringAttributeMetadata"
    local _, whole = ask("GET", column)
    whole.IsSecured = true
    t.eq(ask("PUT", column, whole), 204)
    local _, list = ask("GET", LINKS .. "/Attributes?$select=LogicalName&$filter=IsSecured%20eq"
      .. "%20true")
    t.eq(kit.names(list, "LogicalName"), "xcs_code")
    local function seen()
      local _, row = ask("GET", at .. "?$select=xcs_code")
      return row.xcs_code
    end
    t.eq(seen(), json.null)
    refused(403, "0x8004F507", "PATCH", at, { xcs_code = "d" })
    refused(403, "0x8004F502", "POST", "xcs_solutionlinks", { xcs_code = "d" })
    t.eq(ask("PATCH", at, { xcs_name = "of others" }), 204)
    t.eq(permit { canread = 4 }, 204)
    t.eq(seen(), json.null, "nobody is in it")
    local _, teams = ask("GET", "teams?$select=teamid&$filter=isdefault%20eq%20true")
    t.eq(ask("POST", path .. "/teamprofiles_association/$ref",
      { ["@odata.id"] = kit.BASE .. "teams(" .. teams.value[1].teamid .. ")" }), 204)
    t.eq(seen(), "c")
    refused(403, "0x8004F507", "PATCH", at, { xcs_code = "d" })
    t.eq(permit { cancreate = 4, canupdate = 4 }, 204)
    t.eq(ask("PATCH", at, { xcs_code = "d" }), 204)
    t.eq({ seen(), (ask("POST", "xcs_solutionlinks", { xcs_code = "e" })) }, { "d", 204 })
    refused(400, "0x80040203", "POST", LINKS .. "/Keys", { SchemaName = "xcs_K",
      DisplayName = D.label("k"), KeyAttributes = json.array({ "xcs_code" }) })
    t.eq(ask("POST", path .. "/systemuserprofiles_association/$ref",
      { ["@odata.id"] = kit.BASE .. "systemusers(" .. CONNECTOR .. ")" }), 204)
    t.eq(ask("DELETE", path), 204)
    t.eq(seen(), json.null)
    _, list = ask("GET", "fieldpermissions")
    t.eq(#list.value, 0)
  end)

  case("10.30 an environment variable: the current value, else the default", function()
    local one = make("environmentvariabledefinitions", { schemaname = "xcs_Country",
      displayname = "Country column", type = 100000000, defaultvalue = "address1_country" })
    local id = one.environmentvariabledefinitionid
    t.eq(effective("xcs_Country"), "address1_country")
    local value = make("environmentvariablevalues", { schemaname = "xcs_Country", value = "new_iso",
      ["EnvironmentVariableDefinitionId@odata.bind"] = "/environmentvariabledefinitions(" .. id
        .. ")" })
    t.eq(effective("xcs_Country"), "new_iso")
    local _, list = ask("GET", "environmentvariabledefinitions?$filter=startswith(schemaname,"
      .. "'xcs_')&$select=schemaname,type,defaultvalue&$expand=environmentvariabledefinition_"
      .. "environmentvariablevalue($select=value,environmentvariablevalueid)")
    local row = list.value[1]
    t.eq({ #list.value, row.defaultvalue, row.environmentvariabledefinition_environmentvariablevalue
      [1].value }, { 1, "address1_country", "new_iso" })
    t.eq(ask("PATCH", "environmentvariabledefinitions(" .. id .. ")",
      { schemaname = "xcs_Other", defaultvalue = "x" }), 204)
    _, row = ask("GET", "environmentvariabledefinitions(" .. id .. ")")
    t.eq({ row.schemaname, row.defaultvalue }, { "xcs_Country", "x" }, "its name never changes")
    local at = "environmentvariablevalues(" .. value.environmentvariablevalueid .. ")"
    t.eq(ask("PATCH", at, { value = json.null }), 204)
    t.eq(effective("xcs_Country"), json.null, "a value row counts, empty or not")
    t.eq(ask("DELETE", at), 204)
    t.eq(effective("xcs_Country"), "x")
    refused(400, "0x80044331", "POST", "environmentvariablevalues", { value = ("x"):rep(2001) })
    refused(400, "0x8004431A", "POST", "environmentvariabledefinitions",
      { schemaname = "xcs_Two", type = 7 })
    t.eq(ask("GET", "RetrieveEnvironmentVariableValue(DefinitionSchemaName='xcs_No')"), 404)
  end)

  case("10.30 what a user may do", function()
    local path = "systemusers(" .. CONNECTOR .. ")/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    local function depth(name)
      local _, answer = ask("GET", path)
      for _, p in ipairs(answer.RolePrivileges) do
        if p.PrivilegeName == name then return p.Depth, #p.PrivilegeId end
      end
    end
    t.eq({ depth("prvReadOpportunity") }, { "Global", 36 })
    act("take-privilege", { privilege = "prvReadOpportunity:organization" })
    t.eq(depth("prvReadOpportunity"), "Local")
    act("take-privilege", { privilege = "prvReadOpportunity" })
    t.eq(depth("prvReadOpportunity"), nil)
    t.eq(depth("prvPublishCustomization"), "Global")
    t.eq(ask("GET", (path:gsub("5a1e", "5a1f"))), 404)
    t.eq(ask("POST", path, {}), 404)
  end)

  case("10.30 the connector's nine flows are turned on and off, children first", function()
    local function flows()
      local _, list = ask("GET", "workflows?$select=name,statecode,statuscode&$orderby=name"
        .. "&$filter=category%20eq%205")
      local on, ids = 0, {}
      for _, f in ipairs(list.value) do
        on, ids[f.name:match("^[^(]*"):match("^(.-)%s*$")] = on + f.statecode, f.workflowid
      end
      return on, #list.value, ids
    end
    local on, all, ids = flows()
    t.eq({ on, all }, { 0, 9 })
    local function turn(name, state)
      return code("PATCH", "workflows(" .. (ids[name] or t.ok(false, name)) .. ")",
        { statecode = state })
    end
    t.eq({ turn("Partner Center to Dynamics 365", 1) }, { 400, "0x80040203" })
    for _, name in ipairs({ "[Customize] Create or Get Details from Dynamics 365",
      "Create Co-sell Referral - Dynamics 365 to Partner Center",
      "Partner Center to Dynamics 365 - Helper",
      "Partner Center Microsoft Co-sell Referral Updates to Dynamics 365",
      "Partner Center to Dynamics 365", "Dynamics 365 to Partner Center",
      "Dynamics 365 Opportunity to Partner Center",
      "Dynamics 365 Microsoft Solutions to Partner Center",
      "Partner Center Webhook Registration" }) do
      t.eq(turn(name, 1), 204, name)
    end
    t.eq((flows()), 9)
    t.eq(turn("Dynamics 365 Opportunity to Partner Center", 0), 204)
    t.eq((flows()), 8)
    act("original-flows", { on = false })
    t.eq((flows()), 0)
  end)
end

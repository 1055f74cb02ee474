-- The practice CRM against the acceptance list of the Dataverse reference (numbers are its lines):
-- its web hooks, and what is visible when.
local D = require "commands.spec.definitions"
local kit = require "sim.crm_kit"

local ask, code, make, deal, act = kit.ask, kit.code, kit.make, kit.deal, kit.act
local CONNECTOR = "5a1e0000-0000-4000-8000-000000000003"
local KEN = "5a1e0000-0000-4000-8000-000000000004"
local HOOK = "https://sync.example.org/hooks/dataverse"
local HEADER_AUTH = '<settings><setting name="X-Hook-Key" value="s3cret" /></settings>'

local function first(set, filter, column)
  local _, list = ask("GET", set .. "?$select=" .. column .. "&$filter=" .. filter)
  return list.value[1][column]
end

local function endpoint(more)
  local body = { name = "xcs host", contract = 8, authtype = 5, messageformat = 2, url = HOOK,
    authvalue = HEADER_AUTH }
  for name, v in pairs(more or {}) do body[name] = v end
  return make("serviceendpoints", body).serviceendpointid
end

local function step(endpoint_id, message, logical, more)
  local filter = first("sdkmessagefilters", "primaryobjecttypecode%20eq%20'" .. logical
    .. "'%20and%20sdkmessageid/name%20eq%20'" .. message .. "'", "sdkmessagefilterid")
  local body = { name = "xcs: " .. message .. " of " .. logical, stage = 40, mode = 1, rank = 1,
    supporteddeployment = 0, asyncautodelete = true,
    ["eventhandler_serviceendpoint@odata.bind"] = "/serviceendpoints(" .. endpoint_id .. ")",
    ["sdkmessageid@odata.bind"] = "/sdkmessages(" .. first("sdkmessages", "name%20eq%20'" .. message
      .. "'", "sdkmessageid") .. ")",
    ["sdkmessagefilterid@odata.bind"] = "/sdkmessagefilters(" .. filter .. ")" }
  for name, v in pairs(more or {}) do body[name] = v end
  return make("sdkmessageprocessingsteps", body).sdkmessageprocessingstepid
end

-- The attributes of a posted Target by name.
local function attributes(post)
  local out = {}
  for _, pair in ipairs(post.body.InputParameters[1].value.Attributes) do
    out[pair.key] = pair.value
  end
  return out
end

return function(t)
  local function case(name, f)
    t.case(name, function()
      kit.fresh()
      f()
    end)
  end

  local function posts()
    kit.settle()
    local out = kit.posts
    kit.posts = {}
    return out
  end

  case("10.31 a matching write is posted as a RemoteExecutionContext", function()
    step(endpoint(), "Create", "opportunity")
    step(endpoint({ name = "other" }), "Update", "opportunity",
      { filteringattributes = "name,estimatedvalue,statecode" })
    t.eq(#posts(), 0, "the registration itself tells nobody")
    local row = deal({ name = "Plant", estimatedvalue = 100.5, estimatedclosedate = "2031-03-31",
      opportunityratingcode = 1 })
    t.eq(#kit.posts, 0, "after the commit, not in it")
    local all = posts()
    t.eq(#all, 1)
    local p = all[1]
    t.eq({ p.url, p.headers["X-Hook-Key"], p.headers["Content-Type"] },
      { HOOK, "s3cret", "application/json" })
    t.eq({ p.headers["x-ms-dynamics-organization"], p.headers["x-ms-dynamics-entity-name"],
      p.headers["x-ms-dynamics-request-name"], #p.headers["x-ms-correlation-request-id"],
      p.headers["x-ms-dynamics-msg-size-exceeded"] },
      { "crm.example", "opportunity", "Create", 36, nil })
    local b = p.body
    t.eq({ b.MessageName, b.PrimaryEntityName, b.PrimaryEntityId, b.Depth, b.Mode, b.Stage,
      b.UserId, b.InitiatingUserId }, { "Create", "opportunity", row.opportunityid, 1, 1, 40,
      CONNECTOR, CONNECTOR })
    t.eq(b.CorrelationId, p.headers["x-ms-correlation-request-id"])
    t.eq(b.OperationCreatedOn, "/Date(" .. kit.now .. "+0000)/")
    t.eq({ b.InputParameters[1].key, b.InputParameters[1].value.Id,
      b.InputParameters[1].value.LogicalName }, { "Target", row.opportunityid, "opportunity" })
    local a = attributes(p)
    t.eq({ a.name, kit.number(a.estimatedvalue.Value), a.opportunityratingcode.Value,
      a.estimatedclosedate }, { "Plant", 100.5, 1, "/Date(1932681600000)/" })
    t.eq({ a.ownerid.LogicalName, a.ownerid.Id, a.ownerid.Name },
      { "systemuser", CONNECTOR, "Co-sell Connector" })
  end)

  case("10.31 messages and filtering attributes: only what matches", function()
    local hook = endpoint()
    step(hook, "Update", "opportunity", { filteringattributes = "name,estimatedvalue" })
    step(hook, "Delete", "opportunity")
    local row = deal({ name = "Plant" })
    local at = "opportunities(" .. row.opportunityid .. ")"
    t.eq(#posts(), 0, "no step for Create")
    ask("PATCH", at, { description = "other" })
    t.eq(#posts(), 0, "not a filtering attribute")
    act("edit", { id = row.opportunityid, values = { name = "Plant 2" } })
    local all = posts()
    t.eq({ #all, all[1].body.MessageName, all[1].body.UserId }, { 1, "Update", KEN })
    local a = attributes(all[1])
    t.eq({ a.name, a.description, a.estimatedvalue }, { "Plant 2", nil, nil }, "what changed")
    make("accounts", { name = "Other table" })
    t.eq(#posts(), 0)
    t.eq(ask("PATCH", at, { name = "x" }, { ["If-Match"] = 'W/"1"' }), 412)
    t.eq(#posts(), 0, "a refused write")
    ask("DELETE", at)
    all = posts()
    local target = all[1].body.InputParameters[1].value
    t.eq({ #all, all[1].body.MessageName, target.Id, target.Attributes },
      { 1, "Delete", row.opportunityid, nil })
    t.ok(target.__type:find("^EntityReference:"), target.__type)
  end)

  case("10.31 who calls is proved by key, headers or query; authvalue is never readable", function()
    local hook = endpoint({ authtype = 4, authvalue = "k e&y" })
    local id = step(hook, "Create", "account")
    make("accounts", { name = "A" })
    t.eq(posts()[1].url, HOOK .. "?code=k%20e%26y")
    t.eq(ask("PATCH", "serviceendpoints(" .. hook .. ")", { authtype = 6, url = HOOK .. "?a=1",
      authvalue = '<settings><setting name="q" value="x&amp;y" /></settings>' }), 204)
    make("accounts", { name = "B" })
    t.eq(posts()[1].url, HOOK .. "?a=1&q=x%26y")
    local _, row = ask("GET", "serviceendpoints(" .. hook .. ")")
    t.eq(row.authvalue, json.null)
    local _, back = ask("PATCH", "serviceendpoints(" .. hook .. ")", { authvalue = "again" },
      kit.REPRESENT)
    t.eq(back.authvalue, json.null)
    local status, text = ask("GET",
      "serviceendpoints?$select=name&$filter=authvalue%20eq%20'again'")
    t.eq({ status, #text.value }, { 200, 0 })
    t.eq(code("POST", "serviceendpoints", { name = "x", authvalue = ("x"):rep(2049) }), 400)
    local stored = json.encode(host.docs.find("crm:serviceendpoint", { most = 10 }))
    t.ok(not stored:find("again", 1, true), "not in the row")
    t.eq(ask("PATCH", "sdkmessageprocessingsteps(" .. id .. ")", { statecode = 1 }), 204)
    make("accounts", { name = "C" })
    t.eq(#posts(), 0, "a disabled step")
    t.eq(code("DELETE", "serviceendpoints(" .. hook .. ")"), 405)
  end)

  -- What the hook answers: statuses in turn, and how long each takes.
  local function answers(list, ms)
    local tried = 0
    kit.hook = function()
      tried = tried + 1
      kit.now = kit.now + (ms or 0)
      return list[tried] or 200
    end
    return function()
      kit.settle()
      local n = tried
      tried = 0
      return n
    end
  end

  local function failed()
    local _, list = ask("GET", "asyncoperations?$select=statuscode,friendlymessage&$filter="
      .. "statuscode%20eq%2031")
    return #list.value, list.value[1] and list.value[1].friendlymessage
  end

  case("10.31 60 seconds, and one more attempt after 502, 503 and 504 alone", function()
    step(endpoint(), "Create", "account")
    local tried = answers({ 503 })
    make("accounts", { name = "A" })
    t.eq({ tried(), (failed()) }, { 2, 0 })
    for _, status in ipairs({ 502, 504 }) do
      tried = answers({ status, status, 200 })
      make("accounts", { name = "B" })
      t.eq(tried(), 2)
    end
    t.eq(failed(), 2)
    for i, status in ipairs({ 500, 404, 302 }) do
      tried = answers({ status })
      make("accounts", { name = "C" })
      t.eq({ tried(), (failed()) }, { 1, 2 + i })
    end
    tried = answers({ 200 }, 60000)
    make("accounts", { name = "D" })
    t.eq({ tried(), (failed()) }, { 1, 5 }, "just in time")
    tried = answers({ 200 }, 60001)
    make("accounts", { name = "E" })
    t.eq({ tried(), (failed()) }, { 1, 6 }, "too late")
    local status = ask("GET", "accounts?$filter=name%20eq%20'E'")
    t.eq(status, 200)
  end)

  case("10.31 a synchronous step that fails undoes the write", function()
    step(endpoint(), "Create", "account", { mode = 0 })
    local tried = answers({ 500 })
    local status, c = code("POST", "accounts", { name = "Undone" })
    t.eq({ status, c, tried() }, { 400, "0x80040265", 1 })
    t.eq(kit.found("name%20eq%20'Undone'"), "")
    answers({ 500 })
    local _, text = kit.batch({ kit.change_set({ kit.part("POST", kit.ROOT .. "contacts",
      { lastname = "With it" }, nil, "1"), kit.part("POST", kit.ROOT .. "accounts",
      { name = "Undone" }, nil, "2") }) })
    t.ok(text:find("HTTP/1.1 400 Bad Request", 1, true) and text:find("0x80040265", 1, true), text)
    local _, list = ask("GET", "contacts?$filter=lastname%20eq%20'With it'")
    t.eq(#list.value, 0, "the whole change set")
    answers({ 200 })
    t.eq(ask("POST", "accounts", { name = "Done" }), 204)
    t.eq(kit.found("name%20eq%20'Done'"), "Done")
  end)

  case("10.31 above 256 KB the body says so and leaves out what is long", function()
    step(endpoint(), "Create", "annotation")
    local text = ("x"):rep(262144)
    make("annotations", { subject = "long", documentbody = text })
    local p = posts()[1]
    t.eq({ p.headers["x-ms-dynamics-msg-size-exceeded"], p.body.InputParameters,
      p.body.PostEntityImages, p.body.PrimaryEntityName }, { "true", nil, nil, "annotation" })
  end)

  case("10.32 a write is visible to the next read at once", function()
    local row = make("accounts", { name = "Seen" })
    local _, again = ask("GET", "accounts(" .. row.accountid .. ")")
    t.eq(again.name, "Seen")
    t.eq(kit.found("name%20eq%20'Seen'"), "Seen")
    ask("PATCH", "accounts(" .. row.accountid .. ")", { name = "Changed" })
    t.eq(kit.found("name%20eq%20'Changed'"), "Changed")
    ask("DELETE", "accounts(" .. row.accountid .. ")")
    t.eq(ask("GET", "accounts(" .. row.accountid .. ")"), 404)
  end)

  local DEAL = "EntityDefinitions(LogicalName='opportunity')"

  local function new_column(kind, name, more)
    local status, answer = ask("POST", DEAL .. "/Attributes", D.column(kind, name, more))
    t.ok(status == 204, json.encode(answer))
  end

  case("10.32 definitions lag without Consistency: Strong", function()
    D.publisher()
    new_column("String", "xcs_First", { MaxLength = 10 })
    kit.now = kit.now + 60000
    kit.set.set("metadata_lag_ms", 30000)
    local STRONG = { Consistency = "Strong" }
    new_column("String", "xcs_Second", { MaxLength = 10 })
    local at = DEAL .. "/Attributes(LogicalName='xcs_second')"
    t.eq(ask("GET", DEAL .. "/Attributes(LogicalName='xcs_first')"), 200, "known long since")
    t.eq(ask("GET", at), 404)
    t.eq(ask("GET", at, nil, STRONG), 200)
    local row = deal({ name = "D", xcs_second = "x" })
    t.eq(row.xcs_second, "x", "rows know it at once")
    local old = DEAL .. "/Attributes(LogicalName='xcs_first')"
    t.eq(ask("DELETE", old), 204)
    t.eq({ (ask("GET", old)), (ask("GET", old, nil, STRONG)) }, { 200, 404 })
    ask("POST", "EntityDefinitions", D.new_table("xcs_SolutionLink"))
    local tables = "EntityDefinitions?$select=LogicalName&$filter=IsManaged%20eq%20false"
    local _, list = ask("GET", tables)
    local _, strong = ask("GET", tables, nil, STRONG)
    t.eq({ #list.value, #strong.value }, { 0, 1 })
    kit.now = kit.now + 30000
    t.eq({ (ask("GET", at)), (ask("GET", old)) }, { 200, 404 })
  end)

  case("10.32 ContainValues finds a row by what it said a while ago", function()
    D.publisher()
    new_column("MultiSelectPicklist", "xcs_Help", { OptionSet = { OptionSetType = "Picklist",
      Options = D.options("A", "B") } })
    local row = deal({ name = "D", xcs_help = "727000000" })
    local function found(value)
      local _, list = ask("GET", "opportunities?$select=name&$filter=Microsoft.Dynamics.CRM."
        .. "ContainValues(PropertyName='xcs_help',PropertyValues=['" .. value .. "'])")
      return #list.value
    end
    t.eq({ found(727000000), found(727000001) }, { 1, 0 }, "no lag by default")
    kit.set.set("contain_values_lag_ms", 5000)
    t.eq(found(727000000), 0, "new")
    kit.now = kit.now + 5000
    t.eq(found(727000000), 1)
    ask("PATCH", "opportunities(" .. row.opportunityid .. ")", { xcs_help = "727000001" })
    t.eq({ found(727000000), found(727000001) }, { 1, 0 })
    local _, again = ask("GET", "opportunities(" .. row.opportunityid .. ")?$select=xcs_help")
    t.eq(again.xcs_help, "727000001", "a read of the row never lags")
    kit.now = kit.now + 5000
    t.eq({ found(727000000), found(727000001) }, { 0, 1 })
  end)
end

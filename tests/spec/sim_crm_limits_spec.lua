-- The practice CRM against the acceptance list (numbers are its lines): tokens as the CRM sees
-- them, service protection, error bodies, faults, and bad input of every sort, which changes
-- nothing.
local crm = require "sim.crm"
local kit = require "sim.crm_kit"
local partner_kit = require "sim.kit"
local schema = require "sim.crm_schema"
local seed = require "sim.crm_seed"
local store = require "sim.crm_store"
local tokens = require "sim.tokens"

local ask, code, make, deal, act = kit.ask, kit.code, kit.make, kit.deal, kit.act
local MISSING = "0b000000-0000-4000-8000-000000000001"
local REQUESTS, TIME, CONCURRENCY = "0x80072322", "0x80072321", "0x80072326"

-- Everything stored, as one text.
local function everything()
  local names, out = {}, {}
  for logical in pairs(schema.tables) do names[#names + 1] = logical end
  table.sort(names)
  for _, logical in ipairs(names) do
    for r in store.each(schema.tables[logical]) do
      out[#out + 1] = logical .. ":" .. r.id .. ":" .. r.tag
    end
  end
  return table.concat(out, "\n")
end

-- A CRM on the real token service, on its test clock.
local function signed_in()
  local p = partner_kit.practice()
  local base = p.env.base.crm
  local _, granted = p:token_call({ grant_type = "client_credentials",
    client_id = tokens.crm_client, scope = base .. "/.default",
    client_secret = tokens.clients[tokens.crm_client].secret }, "v2.0/")
  p.crm = crm.new(p.env)
  function p.who(token)
    local status, headers, body = p.crm.handle { method = "GET", path = kit.ROOT .. "WhoAmI",
      target = kit.ROOT .. "WhoAmI", host = "127.0.0.1:3", body = "",
      headers = { authorization = token and "Bearer " .. token } }
    return status, body, headers
  end
  return p, granted
end

local function token_cases(case, t)
  case("10.1 a token is taken until its time is over, and gives no refresh token", function()
    local p, granted = signed_in()
    t.eq({ granted.token_type, granted.refresh_token }, { "Bearer", nil })
    t.eq((p.who(granted.access_token)), 200)
    p:pass((granted.expires_in - 5) * 1000)
    t.eq((p.who(granted.access_token)), 200, "nearly over")
    p:pass(10000)
    local status, body, headers = p.who(granted.access_token)
    t.eq({ status, body }, { 401, "" })
    t.has(headers["WWW-Authenticate"], "Bearer authorization_uri=")
  end)

  case("10.1 a token for another service, a changed one and none are refused", function()
    local p, granted = signed_in()
    t.eq((p.who(nil)), 401)
    t.eq((p.who(granted.access_token .. "x")), 401)
    t.eq((p.who(p:bearer(partner_kit.REFERRALS):sub(8))), 401)
  end)

  case("10.1 the switch crm_unsigned_body gives a 401 a body", function()
    kit.set.set("crm_unsigned_body", "on")
    local status, c = code("GET", "WhoAmI", nil, nil, "Bearer old")
    t.eq({ status, c }, { 401, "0x80040204" })
  end)

  case("10.2 a role may lack creating, writing or deleting; a disabled user has nothing", function()
    local row = make("accounts", { name = "A" })
    local path = "accounts(" .. row.accountid .. ")"
    local calls = { { "POST", "accounts", { name = "B" }, "prvCreateAccount" },
      { "PATCH", path, { name = "B" }, "prvWriteAccount" },
      { "DELETE", path, nil, "prvDeleteAccount" } }
    for _, c in ipairs(calls) do
      act("take-privilege", { privilege = c[4] })
      local status, answer = ask(c[1], c[2], c[3])
      t.eq({ status, answer.error.code }, { 403, "0x80040220" }, c[4])
      t.has(answer.error.message, c[4])
      act("give-privilege", { privilege = c[4] })
    end
    local work = store.work({ now = kit.now, user = seed.APPLICATION_USER })
    local me = work:get(schema.tables.systemuser, seed.APPLICATION_USER)
    me.isdisabled = true
    work:put(schema.tables.systemuser, me)
    work:commit()
    local status, c = code("GET", "WhoAmI")
    t.eq({ status, c }, { 403, "0x80040225" })
  end)
end

-- ---- Service protection ----

local function limit(name, value) kit.set.set("crm_limit_" .. name, tostring(value)) end

local function refusal(wanted, t, method, path, body, headers)
  local status, answer, got = ask(method or "GET", path or "WhoAmI", body, headers)
  t.eq({ status, answer.error and answer.error.code }, { 429, wanted })
  t.ok(tonumber(got["retry-after"]) >= 1, "when to come again")
  return tonumber(got["retry-after"])
end

local function protection(case, t)
  case("10.24 the number of requests in five minutes, by server, until the window has passed",
    function()
      limit("requests", 3)
      kit.set.set("crm_servers", "1")
      for left = 2, 0, -1 do
        local status, _, got = ask("GET", "WhoAmI")
        t.eq({ status, got["x-ms-ratelimit-burst-remaining-xrm-requests"] }, { 200,
          tostring(left) })
        t.ok(tonumber(got["x-ms-dop-hint"]) > 0, "a hint")
        t.ok(got["x-ms-ratelimit-time-remaining-xrm-requests"], "time left")
      end
      local wait = refusal(REQUESTS, t)
      local longer = refusal(REQUESTS, t)
      t.ok(longer > wait or longer == 300, "who goes on asking waits longer")
      kit.now = kit.now + 1000
      refusal(REQUESTS, t, "POST", "accounts", { name = "Never" })
      kit.now = kit.now + 301000
      t.eq((ask("GET", "WhoAmI")), 200)
      t.eq(kit.found("name%20eq%20'Never'"), "")
    end)

  case("10.24 a batch counts once, a refused batch runs no part", function()
    limit("requests", 2)
    kit.set.set("crm_servers", "1")
    local parts = {}
    for i = 1, 5 do parts[i] = kit.part("POST", kit.ROOT .. "accounts", { name = "In batch" }) end
    t.eq((kit.batch(parts)), 200)
    t.eq(kit.found("name%20eq%20'In%20batch'"), ("In batch,"):rep(5):sub(1, -2))
    local status, answer = kit.batch(parts)
    t.eq({ status, answer.error.code }, { 429, REQUESTS })
    kit.now = kit.now + 601000
    t.eq(#select(2, ask("GET", "accounts?$filter=name%20eq%20'In%20batch'")).value, 5)
  end)

  case("10.24 the cookie holds a client to one server; without it the load is spread", function()
    limit("requests", 2)
    kit.set.set("crm_servers", "3")
    local _, _, first = ask("GET", "WhoAmI")
    local cookie = first["set-cookie"]:match("^(ARRAffinity=%x+)")
    t.eq((ask("GET", "WhoAmI", nil, { Cookie = cookie })), 200)
    refusal(REQUESTS, t, "GET", "WhoAmI", nil, { Cookie = cookie })
    for _ = 1, 2 do t.eq((ask("GET", "WhoAmI")), 200) end
    refusal(REQUESTS, t)
  end)

  -- What happens while the service waits (an injected delay): f instead.
  local function meanwhile(f, run)
    local sleep = host.sleep
    host.sleep = f
    kit.fault = { delay_ms = 1 }
    local ok, err = pcall(run)
    host.sleep, kit.fault = sleep, nil
    if not ok then error(err, 0) end
  end

  case("10.24 the time that requests take together", function()
    limit("time_ms", 1000)
    kit.set.set("crm_servers", "1")
    meanwhile(function() kit.now = kit.now + 600 end, function()
      t.eq((ask("GET", "WhoAmI")), 200)
      t.eq((ask("GET", "WhoAmI")), 200)
      refusal(TIME, t)
    end)
    kit.now = kit.now + 310000
    t.eq((ask("GET", "WhoAmI")), 200)
  end)

  case("10.24 the number of requests at once", function()
    limit("concurrent", 2)
    kit.set.set("crm_servers", "1")
    local depth, seen = 0, nil
    meanwhile(function()
      depth = depth + 1
      if depth == 1 then
        t.eq((ask("GET", "WhoAmI")), 200)
      else
        seen = refusal(CONCURRENCY, t)
      end
    end, function() t.eq((ask("GET", "WhoAmI")), 200) end)
    t.ok(seen, "a third was refused")
    t.eq((ask("GET", "WhoAmI")), 200, "once the others are done")
  end)

  case("10.24 each limit on demand; by default as documented", function()
    for word, wanted in pairs { requests = REQUESTS, time = TIME, concurrency = CONCURRENCY } do
      kit.set.set("crm_throttle", word)
      refusal(wanted, t)
    end
    kit.set.set("crm_throttle", "none")
    t.eq({ kit.set.get("crm_limit_requests"), kit.set.get("crm_limit_time_ms"),
      kit.set.get("crm_limit_concurrent") }, { 6000, 1200000, 52 })
    for _, name in ipairs { "requests", "time_ms", "concurrent" } do limit(name, 0) end
    t.eq((ask("GET", "WhoAmI")), 200, "0 is no limit")
  end)
end

-- ---- Bodies and faults ----

local function bodies(case, t)
  case("10.25 an error has a code and a message, nothing else", function()
    local calls = { { "GET", "nothings" }, { "GET", "accounts?$select=Nope" },
      { "POST", "accounts", { nope = 1 } }, { "GET", "accounts?$skip=1" },
      { "DELETE", "accounts(" .. MISSING .. ")" }, { "POST", "WhoAmI", {} } }
    for _, c in ipairs(calls) do
      local _, answer, got = ask(c[1], c[2], c[3])
      local names = {}
      for name in pairs(answer.error) do names[#names + 1] = name end
      table.sort(names)
      t.eq({ names, next(answer, next(answer)) }, { { "code", "message" }, nil }, c[2])
      t.has(got["content-type"], "application/json")
      t.eq(got["odata-version"], "4.0")
    end
    local _, answer = ask("GET", "nothings", nil,
      { Prefer = 'odata.include-annotations="Microsoft.*"' })
    t.eq(answer.error["@Microsoft.PowerApps.CDS.HelpLink"], nil, "not asked for")
  end)

  case("10.25 a gateway may answer 503 as HTML or empty", function()
    kit.fault = { status = 503 }
    local status, answer = ask("GET", "WhoAmI")
    t.eq({ status, answer.error.code }, { 503, "0x80040216" })
    kit.set.set("crm_gateway", "html")
    local _, text, got = ask("GET", "WhoAmI")
    t.eq({ got["content-type"], text:sub(1, 6) }, { "text/html", "<html>" })
    kit.set.set("crm_gateway", "empty")
    _, text = ask("GET", "WhoAmI")
    t.eq(text, "")
  end)

  case("10.33 5xx on demand writes nothing", function()
    local before = everything()
    for _, status in ipairs { 500, 502, 503, 504 } do
      kit.fault = { status = status }
      t.eq((ask("POST", "accounts", { name = "Never" })), status)
    end
    t.eq(everything(), before)
  end)

  case("10.33 an answer that is late; one that is lost after the write", function()
    local sleep, slept = host.sleep, 0
    host.sleep = function(ms) slept = slept + ms end
    kit.fault = { delay_ms = 250 }
    local status = ask("POST", "accounts", { name = "Late" })
    host.sleep, kit.fault = sleep, nil
    t.eq({ status, slept, kit.found("name%20eq%20'Late'") }, { 204, 250, "Late" })
    kit.fault = { drop = "after" }
    t.eq(ask("POST", "accounts", { name = "Lost" }), nil)
    kit.fault = nil
    t.eq(kit.found("name%20eq%20'Lost'"), "Lost")
  end)

  case("10.33 a web hook may be told of one change twice", function()
    local hook = make("serviceendpoints", { name = "h", contract = 8, authtype = 4,
      messageformat = 2, url = "https://sync.example.org/hooks", authvalue = "key" })
    local function id_of(place, column)
      return select(2, ask("GET", place)).value[1][column]
    end
    make("sdkmessageprocessingsteps", { name = "s", stage = 40, mode = 1, rank = 1,
      supporteddeployment = 0,
      ["eventhandler_serviceendpoint@odata.bind"] = "/serviceendpoints("
        .. hook.serviceendpointid .. ")",
      ["sdkmessageid@odata.bind"] = "/sdkmessages(" .. id_of(
        "sdkmessages?$filter=name%20eq%20'Create'", "sdkmessageid") .. ")",
      ["sdkmessagefilterid@odata.bind"] = "/sdkmessagefilters(" .. id_of("sdkmessagefilters?"
        .. "$filter=primaryobjecttypecode%20eq%20'account'%20and%20sdkmessageid/name%20eq%20"
        .. "'Create'", "sdkmessagefilterid") .. ")" })
    for _, copies in ipairs { "1", "2" } do
      kit.set.set("crm_hook_copies", copies)
      make("accounts", { name = "A" })
      kit.settle()
      t.eq(#kit.posts, tonumber(copies))
      t.eq(kit.posts[#kit.posts].body.PrimaryEntityId, kit.posts[1].body.PrimaryEntityId)
      kit.posts = {}
    end
  end)

  case("10.33 the CRM's clock may be ahead of all others", function()
    local first = deal({ name = "A" })
    kit.set.set("crm_ahead_ms", "3600000")
    local second = deal({ name = "B" })
    t.eq({ first.createdon:sub(12, 13) + 1, first.createdon:sub(14) },
      { tonumber(second.createdon:sub(12, 13)), second.createdon:sub(14) })
  end)
end

-- ---- Bad input ----

local function bad_input(case, t)
  local row, before, path

  -- A request that is refused so, and changes nothing.
  local function refused(what, status, wanted, method, place, body, headers)
    local got, answer = ask(method, place, body, headers)
    t.eq({ got, type(answer) == "table" and answer.error.code or answer }, { status, wanted },
      what)
    t.eq(everything(), before, what .. " changed something")
  end

  local function fresh()
    row = make("accounts", { name = "Kept", numberofemployees = 1 })
    path, before = "accounts(" .. row.accountid .. ")", everything()
  end

  case("bad input: bodies", function()
    fresh()
    for _, text in ipairs { "{", "nonsense", "[]", '"text"', "7", "null", "", '{"name":"x"', "{}}",
      '{"name":"\xff"}', '{"name":1e999}', ("["):rep(2000) } do
      refused(text:sub(1, 20), 400, "0x80048d19", "POST", "accounts", text)
      refused("PATCH " .. text:sub(1, 20), 400, "0x80048d19", "PATCH", path, text)
    end
    local body = json.encode({ name = "x" })
    for _, kind in ipairs { "text/plain", "application/xml", "application/jsonx",
      "application/x-www-form-urlencoded" } do
      refused(kind, 415, "0x80060888", "POST", "accounts", body, { ["Content-Type"] = kind })
    end
    kit.set.set("crm_wrong_type_status", "400")
    refused("text/plain", 400, "0x80060888", "PATCH", path, body,
      { ["Content-Type"] = "text/plain" })
    t.eq((ask("PATCH", path, body, { ["Content-Type"] = "Application/JSON; charset=utf-8" })), 204)
  end)

  case("bad input: an oversized body", function()
    fresh()
    kit.set.set("crm_most_body", "1000")
    refused("long", 413, "0x80060888", "POST", "accounts", { description = ("x"):rep(1000) })
    t.eq((ask("POST", "accounts", { description = ("x"):rep(900) })), 204)
  end)

  case("bad input: properties and types", function()
    fresh()
    for _, body in ipairs { { nope = 1 }, { ["nope@odata.bind"] = "/accounts(1)" },
      { name = 7 }, { name = { a = 1 } }, { numberofemployees = "7" },
      { numberofemployees = 1.5 }, { creditonhold = true }, { statecode = "0" },
      { _primarycontactid_value = MISSING }, { accountid = "7" },
      { primarycontactid = { nope = 1 } }, { primarycontactid = "x" },
      { opportunity_parent_account = { name = "no list" } },
      { ["primarycontactid@odata.bind"] = 7 },
      { ["primarycontactid@odata.bind"] = "/nothings(" .. MISSING .. ")" },
      { ["primarycontactid@odata.bind"] = "/accounts(" .. row.accountid .. ")" } } do
      refused(json.encode(body), 400, "0x80048d19", "POST", "accounts", body)
    end
    refused("a deep update", 400, "0x80048d19", "PATCH", path,
      { primarycontactid = { lastname = "x" } })
  end)

  case("bad input: places, identifiers, methods", function()
    fresh()
    refused("set", 404, "0x8006088a", "GET", "nothings")
    refused("set", 404, "0x8006088a", "POST", "nothings", { name = "x" })
    refused("segment", 404, "0x8006088a", "GET", path .. "/nope")
    for _, method in ipairs { "GET", "DELETE" } do
      refused("unknown row", 404, "0x80040217", method, "accounts(" .. MISSING .. ")")
    end
    refused("unknown row", 404, "0x80040217", "PATCH", "accounts(" .. MISSING .. ")",
      { name = "x" }, { ["If-Match"] = "*" })
    for _, key in ipairs { "7", "'a'", "", "nope='a'", "accountid=7", "name=", "(", "%27" } do
      refused("key " .. key, 400, "0x80060888", "GET", "accounts(" .. key .. ")")
    end
    refused("method", 405, "0x80060888", "DELETE", "accounts")
    refused("method", 405, "0x80060888", "PUT", path, { name = "x" })
    refused("api", 404, "0x8006088a", "GET", "http://crm.example/api/data/v8.2/accounts")
  end)

  case("bad input: tags", function()
    fresh()
    for _, tag in ipairs { 'W/"1"', "nonsense", '"' .. row.versionnumber .. '"',
      'W/"' .. row.versionnumber .. "0" .. '"' } do
      refused(tag, 412, "0x80060882", "PATCH", path, { name = "x" }, { ["If-Match"] = tag })
      refused(tag, 412, "0x80060882", "DELETE", path, nil, { ["If-Match"] = tag })
    end
  end)

  case("bad input: queries", function()
    fresh()
    for _, text in ipairs { "name eq", "eq 'a'", "name eq 'a", "(name eq 'a'", "name eq 'a')",
      "name is 'a'", "name eq 'a' and", "startswith(name)", "nope(name,'a')", "name eq 'a' 'b'",
      "Microsoft.Dynamics.CRM.Nope(PropertyName='name')", "name", "'a' eq 'a'", "x/any(" } do
      local status, c = code("GET", "accounts?$filter=" .. text:gsub(" ", "%%20"))
      t.ok(status == 400 and (c == "0x80060888" or c == "0x0"), text .. ": " .. status)
    end
    for _, query in ipairs { "$top=x", "$top=-1", "$orderby=name%20up", "$skiptoken=x",
      "$deltatoken=x", "$nope=1", "$search=x", "$expand=primarycontactid($skip=1)" } do
      refused(query, 400, "0x80060888", "GET", "accounts?" .. query)
    end
    refused("long", 400, "0x80060888", "GET", "accounts?$filter=name%20eq%20'" .. ("x"):rep(33000)
      .. "'")
  end)

  case("bad input: batches", function()
    fresh()
    local function sent(what, kind, text)
      refused(what, 400, "0x80048d19", "POST", "$batch", text, { ["Content-Type"] = kind })
    end
    local good = kit.joined("b", { kit.part("POST", kit.ROOT .. "accounts", { name = "x" }) })
    sent("type", "application/json", good)
    sent("no boundary", "multipart/mixed", good)
    sent("another boundary", "multipart/mixed; boundary=c", good)
    sent("cut", "multipart/mixed; boundary=b", good:sub(1, -6))
    sent("no request", "multipart/mixed; boundary=b", kit.joined("b", { "x" }))
    sent("bad line", "multipart/mixed; boundary=b", (good:gsub("HTTP/1.1", "HTTP/9")))
    refused("method", 405, "0x80060888", "GET", "$batch")
    local inner = kit.part("POST", kit.ROOT .. "$batch", { name = "x" })
    t.eq((kit.batch({ inner })), 400, "a batch in a batch")
    t.eq(everything(), before)
  end)
end

return function(t)
  local function case(name, f)
    t.case(name, function()
      kit.fresh()
      local at = kit.now
      local ok, err = pcall(f)
      kit.now, kit.fault = at, nil
      if not ok then error(err, 0) end
    end)
  end
  token_cases(case, t)
  kit.restart() -- web hooks are told by the service that was started last
  for _, some in ipairs { protection, bodies, bad_input } do some(case, t) end
end

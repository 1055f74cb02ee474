-- Whatever a service, or something between us and it, answers to a reading: an error that is tried
-- again, never a raise, never a value that nobody sent; and a list that goes in a circle ends.
local dynamics = require "dynamics"
local meta = require "dynamics_meta"
local partner = require "partner_center"

local BASE = "https://crm.example"
local ID = "9d3f0c1e-1111-4222-8333-9999aaaabbbb"
local ACCOUNT = { logical = "account", set = "accounts", id = "accountid", columns = {}, nav = {} }

local REFERRAL = ([[{"id":"%s","eTag":"\"t\"","engagementId":"%s"}]]):format(ID, ID)
local REFERRALS = ([[{"value":[%s]}]]):format(REFERRAL)
local ROW = [[{"@odata.etag":"W/\"1\"","name":"Elbe","accountid":"]] .. ID .. [["}]]
local ROWS = ([[{"value":[%s]}]]):format(ROW)
local CHANGES = ([[{"value":[%s],"@odata.deltaLink":"%s/api/data/v9.2/accounts?t=1"}]])
  :format(ROW, BASE)
local WHO = ([[{"OrganizationId":"%s","UserId":"%s","BusinessUnitId":"%s"}]]):format(ID, ID, ID)

local sent

local function serve(answer)
  sent = {}
  rawset(host, "http", { request = function(r)
    sent[#sent + 1] = r
    return answer(r)
  end })
end

local function always(body)
  serve(function() return { status = 200, headers = {}, body = body, ms = 1 } end)
end

-- The answer to a batch with one reading in it.
local function in_a_batch(body)
  local part = "--x\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n" ..
    "Content-Type: application/json\r\n\r\n" .. body .. "\r\n--x--\r\n"
  serve(function()
    return { status = 200, headers = { ["content-type"] = "multipart/mixed; boundary=x" },
      body = part, ms = 1 }
  end)
end

-- Every way of reading: its name, what it gives for a good answer, how it is answered.
local READINGS = {
  { "a referral", function() return partner.get(ID) end, REFERRAL },
  { "both copies", function() return partner.engagement(ID) end, REFERRALS },
  { "a look", function() return partner.look("x", "2031-01-01T00:00:00Z") end, REFERRALS },
  { "a poll", function() return partner.changed_since("2031-01-01T00:00:00Z")() end, REFERRALS },
  { "who we are", dynamics.whoami, WHO },
  { "a row", function() return dynamics.get("account", ID, { "name" }) end, ROW },
  { "a query", function() return dynamics.query("account", { select = { "name" } }) end, ROWS },
  { "pages", function() return dynamics.pages("account", { select = { "name" } })() end, ROWS },
  { "changes", function() return dynamics.delta("account", { "name" }) end, CHANGES },
  { "a row in a batch", function()
    return dynamics.batch_get { { table = "account", id = ID, select = { "name" } } }
  end, ROW, in_a_batch },
  { "a query in a batch", function()
    return dynamics.batch_get { { table = "account", select = { "name" } } }
  end, ROWS, in_a_batch },
}

local NONE = {
  { "HTML", "<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>" },
  { "an empty body", "" }, { "a blank", " \r\n" }, { "an object of somebody else", '{"ok":true}' },
  { "an empty object", "{}" }, { "a list", "[]" }, { "null", "null" }, { "a text", '"value"' },
  { "members that are null", '{"value":null,"id":null,"@odata.etag":null,"OrganizationId":null}' },
  { "1e400", '{"value":[1e400],"id":"x","@odata.etag":"x","OrganizationId":"x","n":1e400}' },
  { "NaN", '{"value":[NaN],"id":"x","@odata.etag":"x","OrganizationId":"x","n":NaN}' },
  { "a depth of a million", ('{"value":'):rep(1000000) },
  { "a depth of a million lists", ("["):rep(1000000) .. ("]"):rep(1000000) },
  { "bytes that are no text", '{"value":["\xff\xfe"],"id":"\xff","@odata.etag":"\xff"}' },
  { "packed bytes nobody asked for", "\31\139\8\0\0\0\0\0\0\3\171\86\42\75\204\41\77\85\178" },
  { "two answers in one", '{"value":[]}{"value":[]}' },
}

-- Of an answer: nothing, and an error that is tried again.
local function refused(t, reading, body, what)
  (reading[4] or always)(body)
  local got, err = reading[2]()
  t.ok(not got, ("%s: %s was taken for an answer"):format(reading[1], what))
  t.eq(err.kind, "net", ("%s: %s: %s"):format(reading[1], what, err.text))
  t.eq(#sent, 1, "requests")
end

local function no_answers(t)
  for _, reading in ipairs(READINGS) do
    for _, none in ipairs(NONE) do
      refused(t, reading, none[2], none[1])
    end
  end
end

local function cut(t)
  for _, reading in ipairs(READINGS) do
    for n = 0, #reading[3] - 1 do
      refused(t, reading, reading[3]:sub(1, n), "cut at byte " .. n)
    end
    (reading[4] or always)(reading[3])
    t.ok(reading[2](), reading[1] .. ": the whole one")
  end
end

-- A write of which nobody knows what became is looked at again.
local WRITES = {
  { "a patch", function()
    return partner.patch(ID, '"t"', { { op = "replace", path = "/name", value = "x" } })
  end, REFERRAL },
  { "a replacement", function()
    return partner.put(ID, '"t"', REFERRAL, { { path = "name", value = "x" } })
  end, REFERRAL },
  { "a creation", function() return partner.create { name = "x" } end, REFERRAL },
  { "an update", function() return dynamics.update("account", ID, 'W/"1"', { name = "x" }) end,
    ROW },
}

local function unclear_writes(t)
  for _, write in ipairs(WRITES) do
    for _, none in ipairs(NONE) do
      refused(t, write, none[2], none[1])
    end
    for n = 0, #write[3] - 1 do
      refused(t, write, write[3]:sub(1, n), "cut at byte " .. n)
    end
    always(write[3])
    t.ok(write[2](), write[1] .. ": the whole one")
  end
end

local REDIRECTS = { 300, 301, 302, 303, 304, 307, 308 }

local function redirects(t)
  for _, list in ipairs { READINGS, WRITES } do
    for _, one in ipairs(list) do
      for _, status in ipairs(REDIRECTS) do
        serve(function()
          return { status = status, headers = { location = "https://evil.example/" }, body = "" }
        end)
        local got, err = one[2]()
        t.ok(not got, one[1])
        t.eq(err.kind, "net", one[1])
        t.eq(#sent, 1, "requests")
      end
    end
  end
end

-- ---- lists that lead astray

local CIRCLES = { -- pages by number, and where each leads
  { "itself", { 1 } }, { "its own first page", { 2, 1 } }, { "a page between", { 2, 3, 4, 2 } },
}

local function link_to(n)
  return ("%s/api/data/v9.2/accounts?$skiptoken=%d"):format(BASE, n)
end

-- Serves pages that lead to each other; the first request is for page 1.
local function serve_circle(leads)
  serve(function(r)
    assert(#sent < 20, "it goes round and round")
    local at = tonumber(r.path:match("skiptoken=(%d+)") or 1)
    local body = ('{"value":[%s],"@odata.nextLink":"%s"}'):format(ROW, link_to(leads[at]))
    return { status = 200, headers = {}, body = body, ms = 1 }
  end)
end

local function each_page(pages)
  for rows, err in pages do
    if not rows then return nil, err end
  end
  return true
end

-- As a flow reads changes: from link to link.
local function all_changes()
  local page, err = dynamics.delta("account", { "name" })
  while page and page.next do
    page, err = dynamics.delta("account", { "name" }, page.next)
  end
  return page, err
end

local WALKS = {
  function() return dynamics.query("account", { select = { "name" } }) end,
  function() return each_page(dynamics.pages("account", { select = { "name" } })) end,
  all_changes,
}

local function circles(t)
  for _, circle in ipairs(CIRCLES) do
    for _, walk in ipairs(WALKS) do
      for _ = 1, 2 do -- it may be better next time, and it is not believed in advance
        serve_circle(circle[2])
        local got, err = walk()
        t.eq(got, nil, circle[1])
        t.eq(err.kind, "net")
        t.has(err.text, "leads back")
        t.ok(#sent <= 6, #sent .. " requests")
      end
    end
    serve_circle(circle[2])
    t.ok(each_page(partner.pages {}), "what is left out is found later")
    t.ok(#sent <= 6, #sent .. " requests")
  end
end

local STRANGE = { "https://evil.example", "http://crm.example", "https://crm.example.evil.example",
  "https://crm.example@evil.example", "//evil.example", "https://crm.example:444", "ftp://x",
  "https://evil.example/https://crm.example" }

local function astray(t)
  for _, origin in ipairs(STRANGE) do
    local link = origin .. "/api/data/v9.2/accounts?$skiptoken=2"
    for i, member in ipairs { "nextLink", "nextLink", "nextLink", "deltaLink" } do
      always(('{"value":[],"@odata.%s":"%s"}'):format(member, link))
      local got, err = (WALKS[i] or all_changes)()
      t.eq(got, nil, link)
      t.eq(err.kind, "data", link)
      t.eq(#sent, 1, "requests after a link to " .. origin)
    end
    always(('{"value":[],"@odata.nextLink":"%s"}'):format(link))
    t.ok(each_page(partner.pages {}))
    for _, r in ipairs(sent) do
      t.has(r.path, "engagements/referrals")
      t.ok(not r.path:find("//", 1, true), r.path)
    end
  end
  always '{"value":[]}'
  local got, err = all_changes()
  t.eq(got, nil, "changes without a link")
  t.eq(err.kind, "net")
end

local function with_host(work)
  local kept = { http = host.http, profile = host.profile }
  local table_of = meta.table
  meta.table = function() return ACCOUNT end
  rawset(host, "profile", { crm_url = BASE, settings = {}, columns = {}, flows = {} })
  local ok, err = pcall(work)
  meta.table = table_of
  for name, value in pairs(kept) do rawset(host, name, value) end
  if not ok then error(err, 0) end
end

local CASES = {
  { "HTML, empty, 1e400, depth 10^6 and other answers that are none are tried again", no_answers },
  { "an answer cut at each byte is tried again", cut },
  { "a write whose answer is none is looked at again", unclear_writes },
  { "a redirect is not followed, and tried again", redirects },
  { "a nextLink to itself or in a circle ends", circles },
  { "a link to another origin is not followed", astray },
}

return function(t)
  for _, case in ipairs(CASES) do
    t.case("guard 5: " .. case[1], function()
      with_host(function() case[2](t) end)
    end)
  end
end

-- Partner Center of the practice environment: what people do there field by field, what readers see
-- who lag behind, what the service says that nobody wrote down, and long lists.
local kit = require "sim.kit"

local PATH = kit.PATH
local practice, replace = kit.practice, kit.replace

local function read(p, id)
  local _, r = p:call("GET", PATH .. "/" .. id)
  return r
end

-- Each field that our user can edit, and what the API then shows.
local EDITS = {
  { { value = "120.5" }, function(r) return tostring(r.details.dealValue) end, "120.5" },
  { { currency = "EUR" }, function(r) return r.details.currency end, "EUR" },
  { { closing_date = "2031-03-31T23:30:00+09:00" },
    function(r) return r.details.closingDateTime end, "2031-03-31T14:30:00.000Z" },
  { { notes = "Second site" }, function(r) return r.details.notes end, "Second site" },
  { { name = "Renamed" }, function(r) return r.name end, "Renamed" },
  { { campaign = "C-7" }, function(r) return r.campaignId end, "C-7" },
  { { solutions = "SOL-1-AAA,SOL-2-BBB" },
    function(r) return r.details.requirements.solutions[2].id end, "SOL-2-BBB" },
  { { visible = "true" },
    function(r) return r.consent.consentToShareReferralWithMicrosoftSellers end, true },
  { { help = "QuotesOrLicensing" },
    function(r) return r.inviteContext.assistanceRequestCode end, "QuotesOrLicensing" },
  { { team = "bo.berg@partner.example,ann@partner.example" },
    function(r) return r.team[1].lastName .. " " .. r.team[2].email end,
    "Berg ann@partner.example" },
  { { contact = { first_name = "Rei", email = "rei@hoshino.example" } },
    function(r) return r.customerProfile.team[1].firstName end, "Rei" },
}

local function editing(t)
  t.case("our user edits each field, also before the deal is accepted", function()
    local p = practice()
    for _, id in ipairs { p:made().id, p.pc:act("microsoft-create", { kind = "lead" }).id } do
      for _, edit in ipairs(EDITS) do
        local args = { id = id }
        for name, v in pairs(edit[1]) do args[name] = v end
        local done, problem = p.pc:act("edit", args)
        t.ok(done, problem)
        t.eq(edit[2](read(p, id)), edit[3])
      end
    end
  end)
  t.case("upgrade: visible, then a co-sell with Microsoft's copy, once", function()
    local p = practice()
    local own = p:made()
    t.ok(p.pc:act("upgrade", { id = own.id }), "visible")
    local r = read(p, own.id)
    t.eq({ r.consent.consentToShareReferralWithMicrosoftSellers, r.type },
      { true, "Independent" })
    local done = p.pc:act("upgrade", { id = own.id, help = "QuotesOrLicensing" })
    local theirs = read(p, done.microsoft_id)
    t.eq({ theirs.status, theirs.inviteContext.assistanceRequestCode, theirs.engagementId },
      { "New", "QuotesOrLicensing", own.engagementId })
    t.eq(read(p, own.id).type, "Shared")
    t.eq(p.pc:act("upgrade", { id = own.id, help = "GeneralOrOther" }), nil)
    local bare = p:made(function(d) d.customerProfile.team = json.array {} end)
    local result, problem = p.pc:act("upgrade", { id = bare.id, help = "GeneralOrOther" })
    t.eq(result, nil)
    t.has(problem, "contact")
    t.eq(read(p, bare.id).consent.consentToShareReferralWithMicrosoftSellers, false)
  end)
  t.case("a state nobody knows is shown, and other fields can still be written", function()
    local p = practice()
    local own = p:made()
    p.pc:act("set-state", { id = own.id, status = "Active", substatus = "Engaged" })
    local r = read(p, own.id)
    t.eq(r.status .. "/" .. r.substatus, "Active/Engaged")
    t.eq((p:patch(own.id, { replace("/details/notes", "x") })), 204)
    r = read(p, own.id)
    r.links, r.name = nil, "Put"
    local status, put = p:call("PUT", PATH .. "/" .. own.id, r, { ["if-match"] = r.eTag })
    t.eq({ status, put.name, put.substatus, put.details.notes }, { 200, "Put", "Engaged", "x" })
    t.eq((p:patch(own.id, { replace("/substatus", "Won") })), 400)
    t.eq((p:patch(own.id, { replace("/status", "Closed"), replace("/substatus", "Won") })), 204)
  end)
  t.case("a member nobody knows is shown and outlives a PUT", function()
    local p = practice()
    local own = p:made()
    p.pc:act("set-raw", { id = own.id, path = "customerProfile/loyalty", value = '{"level":7}' })
    p.pc:act("set-raw", { id = own.id, path = "details/notes", value = "plain text" })
    p.pc:act("set-raw", { id = own.id, path = "customerProfile/ids", value = "{}" })
    local r = read(p, own.id)
    t.eq({ r.customerProfile.loyalty.level, r.details.notes }, { 7, "plain text" })
    t.eq(json.is_array(r.customerProfile.ids), false)
    r.links, r.name = nil, "Put"
    t.eq((p:call("PUT", PATH .. "/" .. own.id, r, { ["if-match"] = r.eTag })), 200)
    t.eq(read(p, own.id).customerProfile.loyalty.level, 7)
  end)
end

local function odd(t)
  t.case("7.29 quirks always: each is met on every referral", function()
    local p = practice { live_quirks = "true", quirks = "always" }
    local own = p:made(function(d) d.name, d.customerProfile.name = "A & B", "<Hoshino>" end)
    local r = read(p, own.id)
    t.eq({ r.name, r.customerProfile.name }, { "A &amp; B", "&lt;Hoshino&gt;" })
    t.eq({ r.customerProfile.address.region, r.customerProfile.address.state },
      { "Aichi", json.null })
    t.eq({ json.is_array(r.customerProfile.ids), r.campaignId, r.direction },
      { false, nil, "Incoming" })
  end)
  t.case("7.29 date_digits: as many as are asked for", function()
    local p = practice { live_quirks = "true" }
    local id = p:made().id
    for digits = 0, 7 do
      p.set.set("date_digits", tostring(digits))
      local fraction = read(p, id).updatedDateTime:match("%d%d:%d%d:%d%d%.?(%d*)Z$")
      t.eq(#fraction, digits)
    end
  end)
end

local function ids(page)
  local out = {}
  for i, r in ipairs(page.value) do out[i] = r.id end
  return out
end

local function lagging(t)
  t.case("read_lag_ms: what the portal and Microsoft make is hidden, and called back", function()
    local p = practice { read_lag_ms = "5000" }
    p:register()
    local made = { p.pc:act("portal-create", {}).id, p.pc:act("microsoft-create", {}).id }
    p:pass(1000)
    t.eq(kit.count(p.sent, "referral-created"), 2)
    for _, id in ipairs(made) do t.eq((p:call("GET", PATH .. "/" .. id)), 404) end
    local _, page = p:call("GET", PATH)
    t.eq(#page.value, 0)
    p:pass(4001)
    for _, id in ipairs(made) do t.eq((p:call("GET", PATH .. "/" .. id)), 200) end
    _, page = p:call("GET", PATH)
    t.eq(#page.value, 3)
  end)
  t.case("stale_reads_ms: old value and tag for a while; If-Match by the true one", function()
    local p = practice { stale_reads_ms = "5000" }
    local own = p:made()
    p:pass(1000)
    p.pc:act("edit", { id = own.id, notes = "one" })
    p:pass(1000)
    p.pc:act("edit", { id = own.id, notes = "two" })
    local seen = read(p, own.id)
    t.eq({ seen.eTag, seen.details.notes }, { own.eTag, "First site in spring" })
    local stale = { ["if-match"] = seen.eTag }
    t.eq((p:patch(own.id, { replace("/details/notes", "x") }, stale)), 412)
    p:pass(4001)
    seen = read(p, own.id)
    t.eq(seen.details.notes, "one", "each version has its own while")
    p:pass(1000)
    seen = read(p, own.id)
    t.eq(seen.details.notes, "two")
    t.eq((p:patch(own.id, { replace("/details/notes", "x") }, { ["if-match"] = seen.eTag })), 204)
    t.eq(read(p, own.id).details.notes, "two")
  end)
  t.case("stale_reads_ms: lists hold the old version at its old place", function()
    local p = practice { stale_reads_ms = "5000" }
    local list = PATH .. "?$orderby=updatedDateTime%20asc"
    local made = {}
    for i = 1, 3 do
      made[i] = p:made().id
      p:pass(1000)
    end
    p.pc:act("edit", { id = made[1], notes = "later" })
    local _, page = p:call("GET", list)
    t.eq({ ids(page), page.value[1].details.notes }, { made, "First site in spring" })
    local since = list .. "&$filter=updatedDateTime%20ge%202031-01-01T08:00:03Z"
    _, page = p:call("GET", since)
    t.eq(#page.value, 0)
    p:pass(5000)
    _, page = p:call("GET", list)
    t.eq(ids(page), { made[2], made[3], made[1] })
    _, page = p:call("GET", since)
    t.eq(ids(page), { made[1] })
  end)
end

-- All pages of a list: the ids in order.
local function walk(p, query)
  local out, pages = {}, 0
  repeat
    local _, page = p:call("GET", PATH .. "?" .. query)
    for _, r in ipairs(page.value) do out[#out + 1] = r.id end
    pages = pages + 1
    local link = page["@odata.nextLink"]
    query = link and link:match("%?(.*)$")
  until not query
  return out, pages
end

local function reversed(list)
  local out = {}
  for i, v in ipairs(list) do out[#list + 1 - i] = v end
  return out
end

local function long_lists(t)
  t.case("pages along both dates, both ways, bounded, with rows of one moment", function()
    local p = practice { page_size = "7" }
    local made = {}
    for i = 1, 30 do
      made[i] = p.pc:act("portal-create", { name = "Deal " .. i }).id
      if i % 3 == 0 then p:pass(1000) end
    end
    table.sort(made)
    local by_creation = walk(p, "$orderby=createdDateTime%20asc")
    t.eq(#by_creation, 30)
    t.eq((walk(p, "$orderby=createdDateTime%20desc")), reversed(by_creation))
    local sorted = { table.unpack(by_creation) }
    table.sort(sorted)
    t.eq(sorted, made, "each once")
    p.pc:act("edit", { id = by_creation[1], notes = "x" })
    local up, pages = walk(p, "$orderby=updatedDateTime%20asc")
    t.eq({ pages, up[30], up[1] }, { 5, by_creation[1], by_creation[2] })
    t.eq((walk(p, "$orderby=updatedDateTime%20desc")), reversed(up))
    local since = "$filter=updatedDateTime%20ge%202031-01-01T08:00:08Z"
    local late = walk(p, since .. "&$orderby=updatedDateTime%20asc")
    t.eq(late, { table.unpack(up, 24) })
    t.eq((walk(p, since .. "&$orderby=updatedDateTime%20desc")), reversed(late))
    local until_then = "$filter=updatedDateTime%20lt%202031-01-01T08:00:08Z"
    t.eq(#walk(p, until_then .. "&$orderby=updatedDateTime%20asc"), 23)
    t.eq(#walk(p, until_then .. "&$orderby=updatedDateTime%20desc"), 23)
    t.eq(#walk(p, "$top=10"), 10)
    t.eq(walk(p, "$skip=25"), { table.unpack(by_creation, 26) })
  end)
  t.case("a page is read along an index, not by reading all", function()
    local p = practice { page_size = "10" }
    for i = 1, 200 do
      p.pc:act("portal-create", { name = "Deal " .. i })
      p:pass(10)
    end
    local find, rows = host.docs.find, 0
    host.docs.find = function(collection, query)
      local out = find(collection, query)
      if collection == "referral" then rows = rows + #out end
      return out
    end
    local _, page = p:call("GET", PATH .. "?$orderby=updatedDateTime%20asc"
      .. "&$filter=updatedDateTime%20ge%202031-01-01T08:00:01Z")
    host.docs.find = find
    t.eq({ #page.value, page.value[1].name }, { 10, "Deal 101" })
    t.ok(rows <= 40, rows .. " rows read for 10")
  end)
end

return function(t)
  for _, part in ipairs { editing, odd, lagging, long_lists } do part(t) end
end

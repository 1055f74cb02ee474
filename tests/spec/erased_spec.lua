-- Who is meant and where he is mentioned; and that a deal merges on when a person is taken out of
-- its bases.
local agreement = require "agreement"
local erase = require "erase"
local erased = require "erased"
local links = require "links"
local merge = require "merge"
local someone = require "someone"

local function jana()
  local one = someone.read "Jana.Petersen@elbe.example"
  one.names["jana petersen"], one.phones["494012345678"] = true, true
  return one
end

-- ---- Who, and where ----

local function who(t)
  t.eq(someone.read(" x@y.example "), nil, "no address")
  t.eq(someone.read "Jana.P@Elbe.example".emails, { ["jana.p@elbe.example"] = true })
  t.eq(someone.read "+49 (40) 123-456".phones, { ["4940123456"] = true })
  t.eq(someone.read "Jana  Petersen".names, { ["jana petersen"] = true })
  for _, nobody in ipairs { "", "Jana", "12345", "   " } do
    t.eq(someone.read(nobody), nil, nobody)
  end
end

local FOUND = {
  "call Jana Petersen now", "JANA PETERSEN", "Petersen, Jana", "Petersen Jana; yes",
  "Jana\n Petersen", "to <jana.petersen@elbe.example>.", "JANA.petersen@ELBE.example",
  "tel. +49 (40) 123-456 78", "49 40/12345678", "(Jana Petersen)",
}
local OTHERS = {
  "Jana Petersens", "Marijana Petersen", "Jana Petersen-Kai", "xjana.petersen@elbe.example",
  "jana.petersen@elbe.example.org", "not.jana.petersen@elbe.example", "4940123456789", "Petersen",
  "Jana", "jana.petersen@elbe", "",
}

local function mentions(t)
  local finder, sieve = someone.finder(jana()), someone.sieve(jana())
  for _, text in ipairs(FOUND) do
    local masked, n = finder(text, "(erased)")
    t.ok(n == 1 and sieve(text), text)
    t.ok(not masked:lower():find("jana", 1, true) and not masked:find("123", 1, true), masked)
  end
  for _, text in ipairs(OTHERS) do
    t.eq({ finder(text, "(erased)") }, { text, 0 })
  end
  local hoshino = someone.finder(someone.read "健二 星野")
  t.eq(hoshino("担当は星野健二です", "*"), "担当は*です", "without spaces")
  t.eq(finder("50% of Jana Petersen", "100%"), "50% of 100%")
end

local function records(t)
  local one = jana()
  local function is(record)
    local says = someone.of(record)
    return says ~= nil and someone.is(one, says)
  end
  t.ok(is { email = "jana.petersen@elbe.example" })
  t.ok(is { firstname = "Jana", lastname = "Petersen" }, "as the CRM has it")
  t.ok(is { firstName = "J.", lastName = "P.", phoneNumber = "+49 40 12345678" })
  t.ok(not is { firstName = "Jana", lastName = "Petersen", email = "jp@other.example" },
    "another of that name")
  t.ok(not is { email = "kai@elbe.example", phone = "+494012345678" }, "the same switchboard")
  t.eq(someone.of { name = "Elbe Hafen" }, nil)
end

-- ---- The merge goes on ----

local CONTACT = { first_name = "Jana", last_name = "Petersen", phone = "+49 40 12345678",
  email = "jana.petersen@elbe.example", title = "Head of port" }

local function deal(over)
  local out = { name = "Crane for Jana Petersen", value = "5", currency = "EUR", state = "active",
    notes = "ask Jana Petersen", contact = CONTACT, solutions = json.array {},
    customer = { name = "Elbe Hafen", city = "Hamburg" },
    team = json.array { { email = "jana.petersen@elbe.example", first_name = "Jana",
      last_name = "Petersen" } } }
  for name, value in pairs(over or {}) do
    out[name] = value
  end
  return out
end

local function crm_deal(over)
  local out = deal(over)
  out.state = over and over.state or "open"
  return out
end

-- A link whose bases hold her, and the same with her taken out.
local function agreed()
  local link = assert(links.make { engagement = host.uuid(), name = "Crane for Jana Petersen",
    said = { now = "2031-02-03 10:00 notes: ask Jana Petersen", at = 5 },
    mapped = { ["contact.emailaddress1"] = '"jana.petersen@elbe.example"', other = '"x"' },
    pending = { lines = { "notes: ask Jana Petersen" }, tag = "1",
      conflicts = { { field = "notes", crm = "Jana Petersen", partner = "x", kept = "crm" },
        { field = "value", crm = "1", partner = "2", kept = "crm" } } } })
  assert(agreement.keep(link, crm_deal(), deal()))
  return link.id
end

local function taken_out()
  local id = agreed()
  local report = erase.run(jana(), {})
  return assert(links.get(id)), report
end

local function texts(id)
  return json.encode { host.store.link_get(id), host.store.base_get(id, "crm"),
    host.store.base_get(id, "partner") }
end

local function plan_of(link, crm, partner)
  local crm_base, partner_base = agreement.bases(link, crm, partner)
  return merge.plan(crm, partner, crm_base, partner_base)
end

local function gone(t)
  local id = agreed()
  local before = texts(id)
  local planned = erase.run(jana(), { plan = true })
  t.eq(texts(id), before, "a plan changes nothing")
  local report = erase.run(jana(), {})
  t.eq(report, planned, "and counts the same")
  t.ok(#report.deals >= 1 and report.values > 10)
  local text = texts(id)
  for _, mark in ipairs { "Jana", "Petersen", "petersen", "12345678", "Head of port" } do
    t.ok(not text:find(mark, 1, true), mark .. " in " .. text)
  end
  t.has(text, "Elbe Hafen")
  local link = links.get(id)
  t.eq(#link.pending.conflicts, 1, "hers is no more to be decided")
  t.eq(link.pending.lines, { "notes: ask (erased)" })
  t.eq(link.said.now, "2031-02-03 10:00 notes: ask (erased)")
  t.ok(erased.same(link.mapped["contact.emailaddress1"], '"jana.petersen@elbe.example"'))
  t.ok(not erased.same(link.mapped["contact.emailaddress1"], '"kai@elbe.example"'))
  t.eq(link.mapped.other, '"x"')
  t.eq(erase.run(jana(), {}).values, 0, "nothing more to do")
end

local function unchanged(t)
  local link = taken_out()
  local plan = plan_of(link, crm_deal(), deal())
  t.ok(merge.empty(plan), json.encode(plan.to_crm) .. json.encode(plan.to_partner))
  t.eq({ #plan.conflicts, #plan.told }, { 0, 0 }, "nothing to tell")
  t.eq(#agreement.differs(link, "crm", crm_deal()), 0)
end

local function one_side(t)
  local link = taken_out()
  local plan = plan_of(link, crm_deal { notes = "ask Kai" }, deal())
  t.eq({ plan.to_partner.notes, next(plan.to_crm), #plan.conflicts }, { "ask Kai", nil, 0 })
  plan = plan_of(link, crm_deal(), deal { notes = "ask Kai" })
  t.eq({ plan.to_crm.notes, next(plan.to_partner), #plan.conflicts }, { "ask Kai", nil, 0 })
  local contact = { title = "Harbour master" }
  for name, value in pairs(CONTACT) do
    contact[name] = contact[name] or value
  end
  plan = plan_of(link, crm_deal { contact = contact }, deal { microsoft_state = "active" })
  t.eq(#plan.told, 1, "the title alone: " .. json.encode(plan.told))
  t.eq(plan.told[1].part, "title")
end

local function both_sides(t)
  local link = taken_out()
  local plan = plan_of(link, crm_deal { notes = "a" }, deal { notes = "b" })
  t.eq({ #plan.conflicts, plan.conflicts[1].kept }, { 1, "crm" })
  t.eq(plan.to_partner.notes, "a")
end

-- The next agreement does not bring her back while the sides still hold her.
local function kept(t)
  local link = taken_out()
  local crm, partner = crm_deal { value = "6" }, deal { value = "6" }
  assert(agreement.keep(link, crm, partner))
  local text = texts(link.id)
  t.ok(not text:find("Petersen", 1, true), text)
  t.eq(host.store.base_get(link.id, "crm").value, "6")
  t.ok(merge.empty(plan_of(link, crm, partner)))
end

local function half_written(t)
  local link = assert(links.make { engagement = host.uuid(), writing = { tag = "1",
    values = { notes = "ask Jana Petersen" }, sets = {}, conflicts = {} } })
  assert(agreement.keep(link, crm_deal { notes = "old" }, deal { notes = "old" }))
  erase.run(jana(), {})
  link = links.get(link.id)
  t.ok(erased.is(link.writing.values.notes))
  local crm = crm_deal()
  local crm_base, partner_base = agreement.bases(link, crm, deal())
  agreement.written(link, "2", crm, crm_base, partner_base)
  t.eq({ crm_base.notes, partner_base.notes }, { crm.notes, crm.notes }, "what was written is seen")
end

-- What a person has decided is yet to be written: a mark must not be.
local function ordered(t)
  local link = assert(links.make { engagement = host.uuid(), name = "of Jana Petersen",
    orders = { notes = "ask Jana Petersen", value = json.null } })
  local report = erase.run(jana(), {})
  t.eq(report.waiting, 1)
  local doc = links.get(link.id)
  t.eq({ doc.name, doc.orders.notes, doc.orders.value }, { "of (erased)", "ask Jana Petersen",
    json.null })
  links.edit(link.id, function(now) now.orders = nil end)
end

-- ---- The other places ----

local function places(t)
  host.store.note_add(0, "audit", { text = "notes: Jana Petersen -> x" })
  local conflict = host.store.note_add(0, "conflict", { field = "notes", crm = "Jana Petersen",
    partner = "x", kept = "crm" })
  host.store.mark_set("spec:list", json.encode { "Jana Petersen", 7 })
  host.store.mark_set("meta:spec", json.encode { label = "Jana Petersen" })
  host.store.mark_set("spec:text", "of jana.petersen@elbe.example")
  host.queue.put { kind = "report", payload = { text = "Jana Petersen" }, delay_ms = 1000000 }
  host.queue.put { kind = "order", payload = { reason = "Jana Petersen" }, delay_ms = 1000000 }
  local report = erase.run(jana(), {})
  t.eq({ report.lines, report.conflicts, report.marks, report.failures, report.waiting },
    { 1, 1, 2, 1, 1 })
  t.eq(host.store.note_list(0, "audit")[1].doc.text, "notes: (erased) -> x")
  for _, note in ipairs(host.store.note_list(nil, "conflict")) do
    t.ok(note.note ~= conflict)
  end
  t.eq(json.decode(host.store.mark_get "spec:list"), { "(erased)", 7 })
  t.eq(host.store.mark_get "spec:text", "of (erased)")
  t.has(host.store.mark_get "meta:spec", "Jana Petersen", "a label of the CRM")
  t.eq(erase.run(jana(), {}).waiting, 1, "what is yet to be written is left, and said")
end

-- Broken off at its k-th write, and begun again by the address alone.  -> false: it never was
local function broken_off(k)
  local was, n = { erase = host.erase, store = host.store }, 0
  local function counting(f)
    return function(...)
      n = n + 1
      if n == k then
        error({ kind = "store", text = "broken off" }, 0)
      end
      return f(...)
    end
  end
  rawset(host, "erase", setmetatable({ set = counting(was.erase.set) }, { __index = was.erase }))
  rawset(host, "store", setmetatable({ link_set = counting(was.store.link_set),
    note_drop = counting(was.store.note_drop) }, { __index = was.store }))
  local one = someone.read "jana.petersen@elbe.example"
  erase.learn(one)
  local whole = pcall(erase.run, one, {})
  rawset(host, "erase", was.erase)
  rawset(host, "store", was.store)
  return not whole
end

local function begun_again(t)
  local k = 0
  repeat
    k = k + 1
    local id = agreed()
    local alone = assert(links.make { engagement = host.uuid(), name = "call Jana Petersen" }).id
    host.store.note_add(0, "audit", { text = "Jana Petersen, +49 40 12345678" })
    host.store.note_add(0, "audit", { contact = CONTACT, text = "Jana Petersen" })
    local broken = broken_off(k)
    local one = someone.read "jana.petersen@elbe.example"
    erase.learn(one)
    erase.run(one, {})
    local notes = host.store.note_list(0, "audit", 2)
    local left = texts(id) .. texts(alone) .. json.encode { notes[1].doc, notes[2].doc }
    t.ok(not left:find("Petersen", 1, true), "broken off at write " .. k .. ": " .. left)
  until not broken
  t.ok(k > 4, "writes: " .. k)
end

local function several(t)
  for _, email in ipairs { "kim@a.example", "kim@b.example" } do
    host.store.note_add(0, "audit", { contact = { first_name = "Kim", last_name = "Lund",
      email = email, phone = "+47 1234567" } })
  end
  local ok, list = erase.learn(someone.read "Kim Lund")
  t.eq({ ok, list }, { nil, { "kim@a.example", "kim@b.example" } })
  ok, list = erase.learn(someone.read "47 1234567")
  t.eq({ ok, #(list or {}) }, { nil, 2 })
  local one = someone.read "kim@a.example"
  t.eq(erase.learn(one), true)
  t.eq({ next(one.names), next(one.phones) }, {}, "what both have names neither")
  t.eq(erase.run(one, {}).lines, 1)
  t.eq(host.store.note_list(0, "audit")[1].doc.contact.email, "kim@b.example")
  local other = someone.read "Kim Lund"
  t.eq(erase.learn(other), true, "only one is left")
  t.eq(other.emails, { ["kim@b.example"] = true })
  t.eq(other.phones, { ["471234567"] = true })
end

return function(t)
  t.case("who is meant", function() who(t) end)
  t.case("mentions are whole", function() mentions(t) end)
  t.case("records say whose they are", function() records(t) end)
  t.case("nothing of her is left in link and bases", function() gone(t) end)
  t.case("what is as before is no change", function() unchanged(t) end)
  t.case("one side's edit travels", function() one_side(t) end)
  t.case("both sides' edits are one conflict", function() both_sides(t) end)
  t.case("the next agreement does not bring her back", function() kept(t) end)
  t.case("a write that was broken off is known", function() half_written(t) end)
  t.case("orders stay as they are", function() ordered(t) end)
  t.case("lines, conflicts, marks, reports", function() places(t) end)
  t.case("begun again wherever it was broken off", function() begun_again(t) end)
  t.case("a name of two persons", function() several(t) end)
end

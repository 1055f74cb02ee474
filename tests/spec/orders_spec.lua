-- Decisions about a link, carried out in its lane: what each changes, and that one which has become
-- void changes nothing.
local links = require "links"
local orders = require "orders"

local GUID = "11111111-2222-4333-8444-%012d"
local last = 0

local function link_of(doc)
  local state = doc.state
  last = last + 10
  doc.engagement = GUID:format(last)
  doc.crm = { table = "opportunity", id = GUID:format(last + 1) }
  local link = assert(links.make(doc))
  link.state = state or "open"
  assert(links.save(link))
  return link
end

-- The link after the job, and whether its deal was woken.
local function after(t, link, what, more)
  local payload = { link = link.id, what = what, token = "nobody waits" }
  for name, value in pairs(more or {}) do
    payload[name] = value
  end
  t.eq(orders.job(payload), true, "the job is done")
  local woken = false
  for _, job in ipairs(host.queue.list { state = "waiting", most = 1000 }) do
    woken = woken or (job.kind == "deal" and job.payload.link == link.id)
  end
  return links.get(link.id), woken
end

return function(t)
  t.case("release_thaws_and_forgets_the_writes", function()
    local link = link_of { frozen = "written 6 times", writes = { { at = 1, hash = "x" } } }
    local now, woken = after(t, link, "release")
    t.eq({ now.frozen, now.writes, woken }, { nil, nil, true })
    local _, again = after(t, link_of {}, "release")
    t.eq(again, false, "what is not frozen is not woken")
  end)

  t.case("adopt_only_what_was_found", function()
    local now, woken = after(t, link_of { state = "found" }, "adopt")
    t.eq({ now.state, now.adopted, woken }, { "open", true, true })
    now, woken = after(t, link_of { state = "suspended" }, "adopt")
    t.eq({ now.state, now.adopted, woken }, { "suspended", nil, false })
  end)

  t.case("restore_forgets_the_row_and_what_was_agreed", function()
    local link = link_of { state = "deleted", intent = { crm = {} } }
    local row = link.crm.id
    host.store.base_set(link.id, "crm", { name = "A" })
    local now, woken = after(t, link, "restore")
    t.eq({ now.state, now.restore, now.crm, now.intent, woken }, { "open", true, nil, nil, true })
    t.eq(links.by_row("opportunity", row), nil, "the row is free")
    t.eq(host.store.base_get(link.id, "crm"), {}, "nothing is agreed")
    now, woken = after(t, link_of {}, "restore")
    t.eq({ now.state, now.restore, woken }, { "open", nil, false })
  end)

  t.case("take_gives_the_side_s_value_and_drops_its_group", function()
    local link = link_of {}
    local value = host.store.note_add(link.id, "conflict",
      { field = "value", crm = "1.00", partner = "2.00", kept = "crm" })
    host.store.note_add(link.id, "conflict", { field = "currency", crm = "USD", kept = "crm" })
    local notes = host.store.note_add(link.id, "conflict",
      { field = "notes", crm = "a", partner = "b", kept = "crm" })
    local now, woken = after(t, link, "take", { note = value, side = "partner" })
    t.eq(now.orders, { value = "2.00", currency = json.null })
    t.eq(woken, true)
    local left = host.store.note_list(link.id, "conflict")
    t.eq({ #left, left[1].note }, { 1, notes }, "what is left on the list")
    now = after(t, link, "take", { note = notes, side = "crm" })
    t.eq(now.orders, { value = "2.00", currency = json.null, notes = "a" }, "orders add up")
    now = after(t, link, "take", { note = notes, side = "partner" })
    t.eq(now.orders.notes, "a", "a conflict is settled once")
  end)

  t.case("a_state_is_not_taken", function()
    local link = link_of {}
    local note = host.store.note_add(link.id, "conflict",
      { field = "state", crm = "won", partner = "lost", kept = "crm" })
    local now, woken = after(t, link, "take", { note = note, side = "partner" })
    t.eq({ now.orders, woken, #host.store.note_list(link.id, "conflict") }, { nil, false, 1 })
    t.eq(orders.drop_conflict(note), true)
    t.eq(#host.store.note_list(link.id, "conflict"), 0, "dropped instead")
  end)
end

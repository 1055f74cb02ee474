-- Two links for one deal become one, also where a turn of either waits for an answer meanwhile.
local find = require "find"
local links = require "links"

local ENGAGEMENT, REFERRAL, ROW = "e0000000-0000-4000-8000-000000000001",
  "e0000000-0000-4000-8000-000000000002", "e0000000-0000-4000-8000-000000000003"

-- A link that an event of Partner Center made, and one that the CRM's changes made.
local function two()
  local there = assert(links.make { engagement = ENGAGEMENT, ours = { id = REFERRAL } })
  local here = assert(links.make { crm = { table = "opportunity", id = ROW } })
  return there, here
end

local function forget(...)
  for _, link in ipairs { ... } do
    host.store.link_set(link.id, { state = "joined" })
  end
  host.store.alias_drop("engagement", ENGAGEMENT)
  host.store.alias_drop("referral", REFERRAL)
  host.store.alias_drop("row", "opportunity/" .. ROW)
end

return function(t)
  t.case("a_turn_of_the_row_that_began_before_keeps_what_the_link_was_given", function()
    local there, here = two()
    local turn = links.get(here.id) -- waits for an answer
    there.state, here.state = "open", "found"
    links.absorb(here, there)
    assert(links.save(here))
    turn.name = "Harbour"
    assert(links.keep(turn))
    local now = links.get(here.id)
    t.eq({ now.engagement, now.ours, now.state, now.name },
      { ENGAGEMENT, { id = REFERRAL }, "found", "Harbour" })
    t.eq(turn.engagement, ENGAGEMENT, "the turn is told")
    forget(there, here)
  end)

  t.case("a_turn_of_the_one_that_was_taken_over_keeps_nothing", function()
    local there, here = two()
    local turn = links.get(there.id)
    links.absorb(here, there)
    assert(links.save(here))
    turn.name = "Harbour"
    links.save(turn)
    t.eq(links.get(there.id), nil, "it is no link any more")
    t.eq(links.by_engagement(ENGAGEMENT), here.id)
    for id in find.all() do
      t.ok(id ~= there.id, "it is listed")
    end
    forget(there, here)
  end)

  t.case("the_referral_of_a_row_is_taken_from_a_link_that_has_none", function()
    local there, here = two()
    links.take_over(here, ENGAGEMENT)
    here.ours = { id = REFERRAL }
    assert(links.keep(here))
    t.eq({ links.by_engagement(ENGAGEMENT), links.by_referral(REFERRAL) }, { here.id, here.id })
    t.eq(links.get(there.id), nil, "it ends")
    forget(there, here)
  end)

  t.case("the_referral_of_another_row_is_not_taken", function()
    local there, here = two()
    there.crm = { table = "opportunity", id = "e0000000-0000-4000-8000-000000000004" }
    assert(links.save(there))
    links.take_over(here, ENGAGEMENT)
    here.engagement = ENGAGEMENT
    local ok, err = links.keep(here)
    t.eq({ ok, (err or {}).kind }, { nil, "conflict" })
    t.eq(links.by_engagement(ENGAGEMENT), there.id)
    forget(there, here)
  end)
end

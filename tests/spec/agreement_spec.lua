-- What both sides agree on (reconcile rules 1, 11): bases are what was read back; what was held
-- back, or was edited in between, does not become one.
local agreement = require "agreement"
local audit = require "audit"
local links = require "links"

local last = 0

local function new_link()
  last = last + 1
  return assert(links.make { engagement = ("21111111-2222-4333-8444-%012d"):format(last) })
end

local function deal(over)
  local d = { name = "Plant", value = "100.00", currency = "USD", notes = "first",
    closing_date = "2031-03-31", state = "open", visible = false, crm_id = "row-1",
    solutions = { { id = "SOL-1" } } }
  for name, value in pairs(over or {}) do
    d[name] = value ~= json.null and value or nil
  end
  return d
end

local function plan(over)
  local p = { to_crm = {}, to_partner = {}, told = {}, conflicts = {}, stays = { crm = {},
    partner = {} }, crm = deal(), partner = deal(), crm_base = deal(), partner_base = deal() }
  for name, value in pairs(over or {}) do
    p[name] = value
  end
  return p
end

return function(t)
  t.case("told: what stays is not said again because something else comes and goes", function()
    local link = {}
    local price = { field = "solutions", crm = "8.00", partner = "7.25" }
    local play = { field = "solution_play", crm = "Data Security" }
    t.eq({ links.told_each(link, { price }), links.told_each(link, { price }) }, { true, false })
    t.eq({ links.told_each(link, { price, play }), links.told_each(link, { play, price }) },
      { true, false })
    t.eq(links.told_each(link, { price }), false, "one of them went")
    t.eq(links.told_each(link, { price, play }), true, "it came again")
    price.crm = "9.00"
    t.eq(links.told_each(link, { price, play }), true, "another value")
  end)
  t.case("bases_are_empty_before_the_first_agreement", function()
    local link = new_link()
    local crm, partner = agreement.bases(link)
    t.eq({ crm, partner }, { {}, {} })
    t.eq(agreement.differs(link, "crm", deal()), nil, "nothing to differ from")
  end)

  t.case("each_side_keeps_what_it_held_itself", function()
    local link = new_link()
    agreement.keep(link, deal { notes = "cut" }, deal { notes = "cut in half" })
    local crm, partner = agreement.bases(link)
    t.eq({ crm.notes, partner.notes }, { "cut", "cut in half" })
    t.eq(agreement.differs(link, "crm", deal { notes = "cut" }), {})
    t.eq(agreement.differs(link, "partner", deal { notes = "cut in half" }), {})
    t.eq(agreement.differs(link, "partner", deal { notes = "cut" }), { "notes" })
  end)

  t.case("differs_looks_at_the_fields_it_is_given", function()
    local link = new_link()
    agreement.keep(link, deal(), deal())
    local now = deal { notes = "new", name = "Plant 2" }
    t.eq(agreement.differs(link, "crm", now), { "name", "notes" })
    t.eq(agreement.differs(link, "crm", now, { notes = true }), { "notes" })
  end)

  t.case("what_is_held_back_keeps_its_old_base", function()
    local link = new_link()
    local p = plan { stays = { crm = { notes = true }, partner = { name = true } } }
    agreement.settle(link, p, deal { notes = "held", value = "120.00" }, deal { name = "Held" },
      false)
    local crm, partner = agreement.bases(link)
    t.eq({ crm.notes, crm.value }, { "first", "120.00" }, "the CRM's")
    t.eq(partner.name, "Plant", "Partner Center's")
  end)

  t.case("what_the_crm_refused_is_a_sellers_edit_even_if_it_is_the_same_word", function()
    local function base_after(refused)
      local link = new_link()
      agreement.writing(link, { notes = "the same" }, "tag-1", {})
      if refused then
        agreement.unwritten(link)
      end
      local crm_base, partner_base = deal(), deal()
      agreement.written(link, "tag-2", deal { notes = "the same" }, crm_base, partner_base)
      return crm_base.notes
    end
    t.eq({ base_after(false), base_after(true) }, { "the same", "first" })
  end)

  t.case("what_is_held_back_keeps_its_group", function()
    local link = new_link()
    local old = { solution_area = "AI", solution_play = "Data Security" }
    local p = plan { stays = { crm = { solution_play = true }, partner = {} },
      crm_base = deal(old), partner_base = deal(old) }
    agreement.settle(link, p, deal { solution_area = "Security", solution_play = "Data Security" },
      deal { solution_area = "Security" }, false)
    local crm, partner = agreement.bases(link)
    t.eq({ crm.solution_area, crm.solution_play }, { "AI", "Data Security" }, "still a change")
    t.eq({ partner.solution_area, partner.solution_play }, { "Security", nil })
  end)

  t.case("while_a_set_is_held_back_members_that_both_show_alike_are_agreed", function()
    local link, before = new_link(), { { id = "SOL-1" }, { id = "SOL-2" } }
    local p = plan { stays = { crm = { solutions = true }, partner = {} },
      crm_base = deal { solutions = before }, partner_base = deal { solutions = before } }
    agreement.settle(link, p,
      deal { solutions = { { id = "SOL-2", quantity = "9.00" }, { id = "SOL-3" } } },
      deal { solutions = { { id = "SOL-2" }, { id = "SOL-3" } } }, true)
    local crm, partner = agreement.bases(link)
    local want = { { id = "SOL-2" }, { id = "SOL-3" } }
    t.eq({ crm.solutions, partner.solutions }, { want, want },
      "one came, one went, and the quantity is a change still")
  end)

  t.case("while_a_set_is_held_back_what_the_other_side_did_to_it_is_not_agreed", function()
    local link, before = new_link(), { { id = "SOL-1", quantity = "1.00" } }
    local p = plan { stays = { crm = { solutions = true }, partner = {} },
      crm_base = deal { solutions = before }, partner_base = deal { solutions = before } }
    agreement.settle(link, p, deal { solutions = {} },
      deal { solutions = { { id = "SOL-1", quantity = "5.00" } } }, false)
    local crm, partner = agreement.bases(link)
    t.eq({ crm.solutions, partner.solutions }, { before, before })
  end)

  t.case("a_read_only_notice_waits_for_a_write_of_the_row", function()
    local link = new_link()
    local before, after = { name = "A" }, { name = "B" }
    local function settled(written)
      local p = plan { told = { { field = "customer", why = "read-only" } },
        crm_base = deal { customer = before } }
      agreement.settle(link, p, deal { customer = after }, deal(), written)
      return (agreement.bases(link)).customer
    end
    t.eq(settled(false), before, "not told yet: still a change")
    t.eq(settled(true), after, "told")
  end)

  t.case("what_partner_center_took_agrees_whatever_becomes_of_the_row", function()
    local link = new_link()
    agreement.keep(link, deal(), deal())
    local p = plan { to_partner = { notes = "second" },
      crm = deal { notes = "second", name = "Renamed since" } }
    agreement.sent(link, p, deal { notes = "second, as kept there" })
    local crm, partner = agreement.bases(link)
    t.eq({ crm.notes, partner.notes }, { "second", "second, as kept there" })
    t.eq(crm.name, "Plant", "what was not sent is still a change")
  end)

  t.case("a_state_that_was_sent_takes_its_reason_along", function()
    local link = new_link()
    agreement.keep(link, deal(), deal { state = "active" })
    local p = plan { to_partner = { state = "lost" },
      crm = deal { state = "lost", reason = "Budget" } }
    agreement.sent(link, p, deal { state = "lost", reason = "Budget" })
    local crm, partner = agreement.bases(link)
    t.eq({ crm.state, crm.reason, partner.state, partner.reason },
      { "lost", "Budget", "lost", "Budget" })
  end)

  t.case("a_value_that_did_not_stick_is_named_and_no_other", function()
    local p = plan { to_crm = { value = "120.00", notes = "second" } }
    local names = agreement.ignored("crm", p, deal { notes = "second" })
    t.eq(audit.ignored("crm", names),
      "deal value: the CRM keeps its own value, whatever is written")
    t.eq(agreement.ignored("crm", p, deal { value = "120.00", notes = "second" }), nil)
    t.eq(agreement.ignored("crm", p, deal { value = "119.99", notes = "sec" }), nil,
      "changed on the way is taken, cut")
    t.eq(agreement.ignored("partner", p, deal()), nil, "nothing was sent there")
  end)

  t.case("a_row_made_earlier_keeps_what_it_was_made_of_as_its_base", function()
    local made = deal { notes = "a long text", name = "Plant" }
    local now = deal { notes = "a long", name = "Plant, edited since" }
    local base = agreement.first(now, made)
    t.eq(base.name, "Plant", "an edit since is a change")
    t.eq(base.notes, "a long", "what the column cut is the row's own")
  end)

  t.case("a_row_made_earlier_without_a_value_got_it_from_somebody_since", function()
    local base = agreement.first(deal { intent = "Yes", campaign = "FAIR-1" },
      deal { notes = json.null, currency = json.null })
    t.eq({ base.intent, base.campaign, base.notes }, {}, "edits of the row")
    t.eq(base.currency, "USD", "which the CRM gives by itself")
  end)

  t.case("what_a_row_beside_the_deals_got_while_we_wrote_is_an_edit", function()
    local before = { solutions = { { id = "SOL-1", price = "1.00", row = "s1" } },
      contact = { phone = "1" }, customer = { city = "Kiel" } }
    local p = plan { crm = deal(before) }
    local crm = deal { solutions = { { id = "SOL-1", price = "2.00", row = "s1" } },
      contact = { phone = "2" }, customer = { city = "Kiel" } }
    t.ok(agreement.solutions(p, crm), "another price")
    t.eq(crm.solutions[1].price, "1.00", "the price that was agreed on")
    t.ok(agreement.customer(p, crm), "another phone")
    t.eq(crm.contact.phone, "1")
    crm = deal(before)
    t.ok(not agreement.solutions(p, crm) and not agreement.customer(p, crm), "nothing changed")
  end)

  t.case("what_was_announced_is_told_only_if_its_write_was_taken", function()
    local link = new_link()
    local lines = { "Sent: notes" }
    local function announced(tag)
      return agreement.announced(link, tag)
    end
    agreement.announce(link, lines, {}, '"tag-1"')
    t.eq(links.get(link.id).pending.lines, lines, "on the record before it leaves")
    t.eq(announced '"tag-1"', {}, "the tag did not move: not taken")
    agreement.announce(link, lines, {}, '"tag-1"')
    t.eq(announced '"tag-2"', lines)
    t.eq(announced '"tag-3"', lines, "until a turn has written it to the row")
    agreement.announce(link, { "Sent: name" }, {}, '"tag-3"')
    t.eq(announced '"tag-3"', lines, "taken, whatever becomes of the next")
    agreement.take_back(link, '"tag-3"')
    t.eq(announced '"tag-3"', lines, "what was taken earlier stays")
    link.pending = nil
    agreement.announce(link, lines, {}, '"tag-1"')
    agreement.take_back(link, '"tag-1"')
    t.eq(links.get(link.id).pending, nil)
    t.eq(announced '"tag-2"', {}, "refused for certain")
  end)

  t.case("what_a_broken_off_turn_overwrote_is_listed_once", function()
    local link = new_link()
    local function listed()
      local out = {}
      for i, note in ipairs(host.store.note_list(link.id, "conflict", 10)) do
        out[i] = note.doc.field
      end
      return out
    end
    local conflicts = { { field = "name", kept = "crm", crm = "A", partner = "B" },
      { field = "notes", kept = "partner", crm = "C", partner = "D" } }
    agreement.announce(link, {}, conflicts, '"tag-1"')
    agreement.writing(link, { notes = "D" }, 'W/"1"', conflicts)
    link = links.get(link.id)
    agreement.list_taken(link, '"tag-1"')
    agreement.list_written(link, 'W/"1"', { notes = "C" })
    t.eq(listed(), {}, "neither was taken")
    agreement.list_taken(link, '"tag-2"')
    t.eq(listed(), { "name" }, "what Partner Center had is overwritten")
    agreement.list_written(link, 'W/"2"', { notes = "D" })
    t.eq(#listed(), 2, "and what the row had")
    link = links.get(link.id)
    agreement.list_taken(link, '"tag-3"')
    agreement.list_written(link, 'W/"3"', { notes = "D" })
    t.eq(#listed(), 2, "once")
  end)

  t.case("what_the_row_got_before_a_turn_broke_off_is_nobodys_edit", function()
    local link = new_link()
    local function bases(tag, crm)
      agreement.writing(link, { notes = "theirs", name = "Plant 2" }, 'W/"1"', {})
      local crm_base, partner_base = deal(), deal()
      agreement.written(link, tag, crm, crm_base, partner_base)
      return { crm_base.notes, partner_base.notes, crm_base.name }
    end
    t.eq(bases('W/"2"', deal { notes = "theirs", name = "edited since" }),
      { "theirs", "theirs", "Plant" }, "taken, and one edited since")
    t.eq(bases('W/"1"', deal { notes = "theirs" }), { "first", "first", "Plant" },
      "the row did not move on")
  end)

  t.case("a_set_that_the_row_got_leaves_partner_center_its_own_prices", function()
    local link = new_link()
    local kept = { { id = "SOL-1", price = "1.00" } }
    local there = { { id = "SOL-1", price = "2.00" } }
    agreement.writing(link, { solutions = kept }, 'W/"1"', {}, deal { solutions = there })
    local crm_base, partner_base = deal(), deal()
    agreement.written(link, 'W/"2"', deal { solutions = kept }, crm_base, partner_base)
    t.eq({ crm_base.solutions[1].price, partner_base.solutions[1].price }, { "1.00", "2.00" })
  end)

  t.case("a_referral_that_was_sent_earlier_keeps_what_was_sent_as_its_base", function()
    local base = agreement.sent_as(deal { notes = "as sent" },
      deal { notes = "edited there since", state = "active", id = "ref-1" })
    t.eq({ base.notes, base.state, base.id }, { "as sent", "active", "ref-1" })
  end)
end

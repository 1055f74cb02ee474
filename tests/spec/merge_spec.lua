-- The three-way merge: each row is a situation, what both sides say, and what follows.
local merge = require "merge"

local function deal(over)
  local d = { name = "Plant rollout", value = "100.00", currency = "USD",
    closing_date = "2031-03-31", notes = "first site", state = "open", visible = false,
    solutions = { { id = "SOL-1" } }, crm_id = "row-1" }
  for k, v in pairs(over or {}) do
    d[k] = v ~= json.null and v or nil
  end
  return d
end

local function plan(crm, partner, resolve)
  local p = { state = "active" }
  for k, v in pairs(partner or {}) do
    p[k] = v
  end
  return merge.plan(deal(crm), deal(p), deal(), deal { state = "active" }, resolve)
end

return function(t)
  t.case("nothing_changed_nothing_written", function()
    local p = plan()
    t.ok(merge.empty(p))
    t.eq(#p.conflicts, 0)
  end)

  t.case("changed_on_one_side_goes_to_the_other", function()
    local p = plan { name = "Plant rollout 2", closing_date = "2031-04-30" }
    t.eq(json.encode(p.to_partner), '{"closing_date":"2031-04-30","name":"Plant rollout 2"}')
    t.eq(next(p.to_crm), nil)
    p = plan(nil, { notes = "second site" })
    t.eq(json.encode(p.to_crm), '{"notes":"second site"}')
    t.eq(next(p.to_partner), nil)
  end)

  t.case("different_fields_on_both_sides_both_survive", function()
    local p = plan({ name = "A" }, { notes = "B" })
    t.eq(p.to_partner.name, "A")
    t.eq(p.to_crm.notes, "B")
    t.eq(#p.conflicts, 0)
  end)

  t.case("same_field_on_both_sides_the_crm_wins_and_the_loser_is_listed", function()
    local p = plan({ notes = "ours" }, { notes = "theirs" })
    t.eq(p.to_partner.notes, "ours")
    t.eq(next(p.to_crm), nil)
    t.eq(p.conflicts[1].partner, "theirs")
    t.eq(p.conflicts[1].kept, "crm")
  end)

  t.case("same_field_changed_to_the_same_value_is_no_conflict", function()
    local p = plan({ notes = "same" }, { notes = "same" })
    t.ok(merge.empty(p))
    t.eq(#p.conflicts, 0)
  end)

  t.case("resolve_of_the_mapping_beats_the_policy", function()
    local p = plan({ notes = "ours" }, { notes = "theirs" }, function() return "theirs" end)
    t.eq(p.to_crm.notes, "theirs")
    t.eq(next(p.to_partner), nil)
  end)

  t.case("value_and_currency_travel_as_one", function()
    local p = plan({ value = "120.00" }, { currency = "EUR" })
    t.eq(p.to_partner.value, "120.00")
    t.eq(p.to_partner.currency, "USD")
    t.eq(#p.conflicts, 2)
  end)

  t.case("notes_cut_on_one_side_do_not_travel_back", function()
    local crm_base, partner_base = deal { notes = "cut" },
      deal { notes = "cut in half", state = "active" }
    local p = merge.plan(deal { notes = "cut" }, deal { notes = "cut in half", state = "active" },
      crm_base, partner_base)
    t.ok(merge.empty(p))
  end)

  t.case("cleared_on_one_side_is_cleared_on_the_other", function()
    local p = plan { notes = json.null }
    t.eq(p.to_partner.notes, json.null)
  end)

  t.case("what_travels_with_a_member_merges_part_by_part", function()
    local function priced(price, quantity)
      return { solutions = { { id = "SOL-1", price = price, quantity = quantity } } }
    end
    -- before, crm, partner, what each side gets (nil: nothing), conflicts
    local rows = {
      { { "1", "1" }, { "2", "1" }, { "1", "1" }, partner = { "2", "1" }, conflicts = 0 },
      { { "1", "1" }, { "1", "1" }, { "1", "5" }, crm = { "1", "5" }, conflicts = 0 },
      { { "1", "1" }, { "2", "1" }, { "1", "5" }, crm = { "2", "5" }, partner = { "2", "5" },
        conflicts = 0 },
      { { "1", "1" }, { "2", "1" }, { "3", "1" }, partner = { "2", "1" }, conflicts = 1 },
      { { "1", "1" }, { "2", "1" }, { "2", "1" }, conflicts = 0 },
      { { "1", "1" }, { nil, "1" }, { "1", "1" }, partner = { nil, "1" }, conflicts = 0 },
    }
    for i, row in ipairs(rows) do
      local base, state = priced(table.unpack(row[1], 1, 2)), { state = "active" }
      state.solutions = base.solutions
      local there = priced(table.unpack(row[3], 1, 2))
      there.state = "active"
      local p = merge.plan(deal(priced(table.unpack(row[2], 1, 2))), deal(there), deal(base),
        deal(state))
      for _, side in ipairs { "crm", "partner" } do
        local got, want = p["to_" .. side].solutions, row[side]
        want = want and priced(table.unpack(want, 1, 2)).solutions
        t.eq(got and json.encode(got), want and json.encode(want), i .. " " .. side)
      end
      t.eq(#p.conflicts, row.conflicts, i .. " conflicts")
    end
  end)

  t.case("what_travels_with_a_member_that_both_added_is_the_crms", function()
    -- its price in the CRM, at Partner Center, and what each side gets
    local rows = {
      { "2", "3", partner = "2", conflicts = 1 }, { nil, "3", crm = "3", conflicts = 0 },
      { "2", nil, partner = "2", conflicts = 0 }, { "2", "2", conflicts = 0 },
    }
    for i, row in ipairs(rows) do
      local function both(price)
        return { { id = "SOL-1" }, { id = "SOL-2", price = price } }
      end
      local p = plan({ solutions = both(row[1]) }, { solutions = both(row[2]) })
      for _, side in ipairs { "crm", "partner" } do
        local got = p["to_" .. side].solutions
        t.eq(got and got[2].price, row[side], i .. " " .. side)
      end
      t.eq(#p.conflicts, row.conflicts, i .. " conflicts")
    end
  end)

  t.case("a_solution_that_stands_twice_in_the_crm_is_the_first_of_the_two", function()
    local twice = { { id = "SOL-1" }, { id = "SOL-2", price = "2" }, { id = "SOL-2", price = "7" } }
    local p = plan({ solutions = twice })
    t.eq(json.encode(p.to_partner.solutions), '[{"id":"SOL-1"},{"id":"SOL-2","price":"2"}]')
    t.ok(merge.empty(plan({ solutions = twice }, { solutions = p.to_partner.solutions })))
  end)

  t.case("area_and_play_are_one_value", function()
    local p = plan({ solution_area = "Security", solution_play = "Data Security" },
      { solution_area = "AI", solution_play = "Agents" })
    t.eq(p.to_partner.solution_area, "Security")
    t.eq(p.to_partner.solution_play, "Data Security")
    t.eq(p.to_crm.solution_area, nil)
    t.eq(#p.conflicts, 2)
    p = plan({ solution_area = "Security" }, { solution_play = "Agents" })
    t.eq(p.to_partner.solution_area, "Security")
    t.eq(p.to_partner.solution_play, json.null, "not one side's area with the other's play")
    t.eq(p.to_crm.solution_play, nil)
  end)

  t.case("help_or_visibility_that_is_taken_back_is_told_and_set_again", function()
    local p = merge.plan(deal(), deal { visible = true, state = "active" }, deal { visible = true },
      deal { visible = true, state = "active" })
    t.eq(p.to_crm.visible, true)
    t.eq(json.encode(p.told), '[{"field":"visible","why":"fixed"}]')
    p = merge.plan(deal(), deal { visible = true, state = "active" }, deal(),
      deal { state = "active" })
    t.eq(#p.told, 0, "the portal made it visible: nothing to explain")
  end)

  t.case("solutions_merge_as_sets_and_foreign_members_stay", function()
    local p = plan({ solutions = { { id = "SOL-1" }, { id = "SOL-2" } } },
      { solutions = { { id = "SOL-1" }, { id = "SOL-3" } } })
    t.eq(#p.to_partner.solutions, 3)
    t.eq(#p.to_crm.solutions, 3)
    p = plan({ solutions = {} }, { solutions = { { id = "SOL-1" }, { id = "SOL-3" } } })
    t.eq(json.encode(p.to_partner.solutions), '[{"id":"SOL-3"}]')
    t.eq(json.encode(p.to_crm.solutions), '[{"id":"SOL-3"}]')
  end)

  t.case("visibility_and_help_only_rise", function()
    local p = plan { visible = true }
    t.eq(p.to_partner.visible, true)
    p = merge.plan(deal { visible = false }, deal { visible = true, state = "active" },
      deal { visible = true }, deal { visible = true, state = "active" })
    t.eq(p.to_crm.visible, true)
    t.eq(p.to_partner.visible, nil)
    p = plan { help = "GeneralOrOther" }
    t.eq(p.to_partner.help, "GeneralOrOther")
    merge.share(p)
    t.eq(p.to_crm.visible, true)
    t.eq(p.to_partner.visible, true, "help implies visible")
  end)

  t.case("won_in_the_crm_closes_the_referral", function()
    local p = plan { state = "won" }
    t.eq(table.concat(p.pair, "/"), "Closed/Won")
  end)

  t.case("closed_referral_closes_an_open_row", function()
    local p = plan(nil, { state = "expired" })
    t.eq(p.crm_move.action, "lose")
    t.eq(p.crm_move.status, 4)
    t.eq(next(p.to_partner), nil)
  end)

  t.case("closed_differently_on_both_sides_is_left_and_listed", function()
    local p = plan({ state = "won" }, { state = "lost" })
    t.ok(merge.empty(p))
    t.eq(p.conflicts[1].field, "state")
  end)

  t.case("reopened_row_of_a_closed_referral_is_told_not_closed_again", function()
    local p = merge.plan(deal { state = "open" }, deal { state = "won" }, deal { state = "won" },
      deal { state = "won" })
    t.ok(merge.empty(p))
    t.eq(p.told[1].why, "closed")
  end)

  t.case("a_new_referral_is_accepted_from_the_crm", function()
    local p = merge.plan(deal { state = "open" }, deal { state = "new" }, deal { state = "hold" },
      deal { state = "new" })
    t.eq(table.concat(p.pair, "/"), "Active/Accepted")
  end)

  t.case("acceptance_in_the_portal_takes_the_row_off_hold", function()
    local p = merge.plan(deal { state = "hold" }, deal { state = "active" },
      deal { state = "hold" },      deal { state = "new" })
    t.eq(p.crm_move.state, "open")
  end)

  t.case("on_hold_in_the_crm_of_an_active_deal_is_the_sellers_own_matter", function()
    local p = plan { state = "hold" }
    t.ok(merge.empty(p))
    t.eq(#p.told, 0)
  end)

  t.case("identifier_edited_by_someone_is_restored", function()
    local p = merge.plan(deal { id = "wrong" }, deal { id = "right", state = "active" },
      deal { id = "right" }, deal { id = "right", state = "active" })
    t.eq(p.to_crm.id, "right")
    t.eq(p.to_partner.id, nil)
  end)

  t.case("customer_renamed_after_creation_is_told_not_sent", function()
    local before, partner = { name = "A" }, deal { customer = { name = "A" }, state = "active" }
    local p = merge.plan(deal { customer = { name = "B" } }, partner, deal { customer = before },
      partner)
    t.ok(merge.empty(p))
    t.eq(p.told[1].field, "customer")
  end)
end

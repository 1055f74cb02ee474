-- The merge, rule by rule where merge_spec has no row: groups, sets, what only rises, states of
-- both sides, orders (reconcile rules 1, 5, 6, 16, 17).
local merge = require "merge"

local function deal(over)
  local d = { name = "Plant", value = "100.00", currency = "USD", closing_date = "2031-03-31",
    notes = "first", state = "open", visible = false, solutions = { { id = "SOL-1" } },
    team = { { email = "ken@partner.example" } }, crm_id = "row-1", id = "ref-1" }
  for name, value in pairs(over or {}) do
    d[name] = value ~= json.null and value or nil
  end
  return d
end

local function partner(over)
  local p = { state = "active" }
  for name, value in pairs(over or {}) do
    p[name] = value
  end
  return deal(p)
end

-- Both as they were, then what each changed.
local function plan(crm, theirs, before)
  before = before or {}
  return merge.plan(deal(crm), partner(theirs), deal(before.crm), partner(before.partner))
end

local function ids(list)
  local out = {}
  for _, item in ipairs(list) do
    out[#out + 1] = item.id
  end
  return table.concat(out, " ")
end

local function solutions(...)
  local out = {}
  for i, id in ipairs { ... } do
    out[i] = { id = id }
  end
  return { solutions = out }
end

return function(t)
  -- ---- rule 1 ----

  t.case("both_bases_are_looked_at_each_by_its_own_side", function()
    local before = { crm = { notes = "cut" }, partner = { notes = "cut in half" } }
    t.ok(merge.empty(plan({ notes = "cut" }, { notes = "cut in half" }, before)))
    local p = plan({ notes = "cut, edited" }, { notes = "cut in half" }, before)
    t.eq({ p.to_partner, p.to_crm, #p.conflicts }, { { notes = "cut, edited" }, {}, 0 })
    p = plan({ notes = "cut" }, { notes = "whole" }, before)
    t.eq({ p.to_partner, p.to_crm, #p.conflicts }, { {}, { notes = "whole" }, 0 })
  end)

  -- ---- rule 5 ----

  t.case("a_currency_alone_takes_its_value_along_where_both_differ", function()
    local p = plan(nil, { currency = "EUR", value = "90.00" })
    t.eq(p.to_crm, { currency = "EUR", value = "90.00" })
    p = plan({ value = "120.00" }, { currency = "EUR" })
    t.eq({ p.to_partner, p.to_crm }, { { value = "120.00", currency = "USD" }, {} },
      "one side's money, not a mixture")
    t.eq(#p.conflicts, 2)
  end)

  t.case("solutions_of_both_sides_come_and_go_by_themselves", function()
    local rows = {
      -- before, the CRM's now, Partner Center's now, both afterwards
      { { "A" }, { "A", "B" }, { "A" }, "A B" },
      { { "A" }, { "A" }, { "A", "C" }, "A C" },
      { { "A" }, { "A", "B" }, { "A", "C" }, "A B C" },
      { { "A", "B" }, { "B" }, { "A", "B" }, "B" },
      { { "A", "B" }, { "B" }, { "A", "B", "C" }, "B C" },
      { { "A", "B", "C" }, { "B", "C" }, { "A", "C" }, "C" },
    }
    for _, row in ipairs(rows) do
      local before = solutions(table.unpack(row[1]))
      local p = plan(solutions(table.unpack(row[2])), solutions(table.unpack(row[3])),
        { crm = before, partner = before })
      for side, now in pairs { crm = row[2], partner = row[3] } do
        local list = p["to_" .. side].solutions
        local after = {}
        for id in (list and ids(list) or table.concat(now, " ")):gmatch("%S+") do
          after[#after + 1] = id
        end
        table.sort(after)
        t.eq(table.concat(after, " "), row[4], side .. " of " .. json.encode(row))
      end
      t.eq(#p.conflicts, 0)
    end
  end)

  t.case("members_that_neither_side_added_for_us_stay", function()
    local before = { crm = solutions "A", partner = solutions("A", "X") }
    local p = plan(solutions("A", "B"), solutions("A", "X"), before)
    t.eq(ids(p.to_partner.solutions), "A X B", "the portal's own stays")
  end)

  t.case("a_team_is_left_to_partner_center", function()
    local p = plan({ team = { { email = "new@partner.example" } } },
      { team = { { email = "ken@partner.example" }, { email = "sam@seller.example" } } })
    t.eq({ p.to_partner.team, p.to_crm.team }, {})
  end)

  -- ---- rule 6 ----

  t.case("a_field_that_both_changed_is_the_crms_and_the_rest_still_travels", function()
    local p = plan({ notes = "ours", name = "Plant 2" },
      { notes = "theirs", closing_date = "2031-04-30" })
    t.eq(p.to_partner, { notes = "ours", name = "Plant 2" })
    t.eq(p.to_crm, { closing_date = "2031-04-30" })
    t.eq(p.conflicts, { { field = "notes", crm = "ours", partner = "theirs", kept = "crm" } })
  end)

  t.case("what_one_side_cleared_and_the_other_changed_is_a_conflict", function()
    local p = plan({ notes = json.null }, { notes = "theirs" })
    t.eq(p.to_partner.notes, json.null)
    t.eq(p.conflicts[1].partner, "theirs")
  end)

  t.case("what_each_deal_has_is_not_lost_to_an_empty_column", function()
    local p = plan({ value = json.null, closing_date = json.null }, { value = "200.00",
      closing_date = "2031-04-30" })
    t.eq({ p.to_crm.value, p.to_crm.closing_date, #p.conflicts }, { "200.00", "2031-04-30", 0 })
    p = plan({ value = "0.00", currency = "EUR" }, { value = "200.00" })
    t.eq({ p.to_crm.value, p.to_crm.currency }, { "200.00", "USD" }, "its group with it")
    t.eq(p.conflicts[1].field, "currency", "and what is lost by that is listed")
  end)

  t.case("solutions_of_which_each_side_removed_what_the_other_kept_are_the_crms", function()
    local three = solutions("SOL-1", "SOL-2", "SOL-3")
    local p = plan(solutions("SOL-2", "SOL-3"), solutions "SOL-1",
      { crm = three, partner = three })
    t.eq({ ids(p.to_partner.solutions), p.to_crm.solutions, p.conflicts[1].kept },
      { "SOL-2 SOL-3", nil, "crm" }, "a deal has one at least")
    p = plan({ solutions = {} }, {})
    t.eq({ #p.to_partner.solutions, #p.conflicts }, { 0, 0 }, "one side alone may remove all")
  end)

  t.case("help_and_visibility_are_never_taken_back", function()
    local was = { crm = { help = "QuotesOrLicensing", visible = true },
      partner = { help = "QuotesOrLicensing", visible = true } }
    local p = plan({ help = json.null, visible = false }, was.partner, was)
    t.eq({ p.to_crm, p.to_partner }, { { help = "QuotesOrLicensing", visible = true }, {} })
    p = plan({ help = "GeneralOrOther", visible = true }, was.partner, was)
    t.eq({ p.to_crm, p.to_partner }, { { help = "QuotesOrLicensing" }, {} }, "nor changed")
    t.eq(p.told[1], { field = "help", why = "fixed" })
  end)

  t.case("a_referral_that_newly_closed_closes_a_row_that_was_edited_meanwhile", function()
    local p = plan({ notes = "edited" }, { state = "lost" })
    t.eq({ p.crm_move.action, p.crm_move.status }, { "lose", 5 })
    t.eq(p.to_crm.state, "lost")
  end)

  t.case("it_does_so_once_and_a_row_reopened_later_stays_open", function()
    local was = { crm = { state = "won" }, partner = { state = "won" } }
    local p = plan({ state = "open" }, { state = "won" }, was)
    t.eq({ p.to_crm, p.to_partner, p.crm_move }, { {}, {}, nil })
    t.eq(p.told, { { field = "state", why = "closed" } })
  end)

  t.case("a_row_closed_otherwise_is_left_and_listed", function()
    for _, row in ipairs { { "won", "lost" }, { "lost", "won" }, { "canceled", "won" },
      { "won", "expired" } } do
      local p = plan({ state = row[1] }, { state = row[2] })
      t.eq({ p.to_crm, p.to_partner }, { {}, {} }, table.concat(row, ", "))
      t.eq(p.conflicts, { { field = "state", crm = row[1], partner = row[2], kept = "crm" } })
    end
  end)

  t.case("lost_and_canceled_are_one_closing_in_two_words", function()
    for _, row in ipairs { { "canceled", "lost" }, { "lost", "declined" },
      { "canceled", "expired" }, { "lost", "error" } } do
      local p = plan({ state = row[1] }, { state = row[2] })
      t.ok(merge.empty(p), table.concat(row, ", "))
      t.eq(#p.conflicts, 0, table.concat(row, ", "))
    end
  end)

  t.case("a_policy_or_resolve_gives_the_conflict_to_the_other_side", function()
    local asked
    local p = merge.plan(deal { notes = "ours" }, partner { notes = "theirs" }, deal(), partner(),
      function(field, _, _, crm_base)
        asked = { field.name, crm_base.notes }
        return "theirs"
      end)
    t.eq(asked, { "notes", "first" })
    t.eq({ p.to_crm, p.to_partner }, { { notes = "theirs" }, {} })
    t.eq(p.conflicts[1].kept, "partner")
    p = merge.plan(deal { notes = "ours" }, partner { notes = "theirs" }, deal(), partner(),
      function() return nil end)
    t.eq(p.conflicts[1].kept, "crm", "no answer: the table's")
  end)

  t.case("a_third_value_of_resolve_goes_to_both_and_both_have_lost", function()
    local p = merge.plan(deal { notes = "ours" }, partner { notes = "theirs" }, deal(), partner(),
      function() return "both" end)
    t.eq({ p.to_crm, p.to_partner }, { { notes = "both" }, { notes = "both" } })
    t.eq(p.conflicts, { { field = "notes", crm = "ours", partner = "theirs", kept = "resolve",
      value = "both" } })
    p = merge.plan(deal { value = "5.00" }, partner { value = "7.00", currency = "EUR" }, deal(),
      partner(), function() return "6.00" end)
    t.eq({ p.to_crm, p.to_partner }, { { value = "6.00" }, { value = "6.00", currency = "USD" } },
      "an amount is in the CRM's currency")
  end)

  t.case("what_only_one_side_owns_is_put_right_whoever_edits_it", function()
    local p = plan({ id = "typed", microsoft_id = "typed", link = "typed" },
      { microsoft_id = "7-1", link = "https://portal.example/ref-1" })
    t.eq(p.to_crm, { id = "ref-1", microsoft_id = "7-1", link = "https://portal.example/ref-1" })
    t.eq(p.to_partner, {})
    p = plan(nil, { crm_id = "somebody-else" })
    t.eq(p.to_partner, { crm_id = "row-1" })
    t.eq(#p.conflicts, 0)
  end)

  -- ---- rules 16, 17 ----

  t.case("microsofts_state_moves_nothing", function()
    for _, word in ipairs { "active", "declined", "expired", "won", "lost" } do
      local p = plan(nil, { microsoft_state = word }, { partner = { microsoft_state = "new" } })
      t.ok(merge.empty(p), word)
      t.eq({ p.crm_move, p.pair }, {}, word)
    end
  end)

  t.case("microsofts_copy_brings_help_and_visibility", function()
    local p = plan(nil, { help = "GeneralOrOther", visible = true })
    t.eq(p.to_crm, { help = "GeneralOrOther", visible = true })
  end)

  t.case("an_unknown_state_is_told_with_its_words_and_changes_none", function()
    local p = plan({ notes = "travels" }, { state = "Active/Paused" })
    t.eq({ p.to_crm, p.to_partner, p.crm_move, p.pair }, { {}, { notes = "travels" } })
    t.eq(p.told, { { field = "state", why = "unknown", value = "Active/Paused" } })
    p = plan(nil, { state = "Active/Paused" }, { partner = { state = "Active/Paused" } })
    t.eq(#p.told, 0, "told when it came")
  end)

  t.case("a_row_won_while_the_referral_is_new_accepts_it_first", function()
    local was = { crm = { state = "hold" }, partner = { state = "new" } }
    local p = plan({ state = "won" }, { state = "new" }, was)
    t.eq({ p.pair[1], p.pair[2], p.half_way }, { "Active", "Accepted", "open" })
    p = plan({ state = "won" }, nil, { crm = { state = p.half_way } })
    t.eq({ p.pair[1], p.pair[2], p.half_way }, { "Closed", "Won", nil })
  end)

  t.case("declining_is_lost_or_canceled_of_a_row_on_hold", function()
    local was = { crm = { state = "hold" }, partner = { state = "new" } }
    for _, word in ipairs { "lost", "canceled" } do
      local p = plan({ state = word }, { state = "new" }, was)
      t.eq(p.pair, { "Closed", "Declined" }, word)
    end
  end)

  -- ---- orders ----

  t.case("a_person_s_order_goes_to_both_sides_and_ends_the_conflict", function()
    local p = plan({ notes = "ours" }, { notes = "theirs" })
    merge.order(p, { notes = "theirs" })
    t.eq({ p.to_crm, p.to_partner, #p.conflicts }, { { notes = "theirs" }, {}, 0 })
    p = plan({ notes = "ours" }, { notes = "theirs" })
    merge.order(p, { notes = json.null })
    t.eq({ p.to_crm.notes, p.to_partner.notes }, { json.null, json.null })
  end)

  t.case("a_group_that_one_side_does_not_let_go_keeps_its_own", function()
    local p = plan(nil, { value = "90.00", currency = "EUR", notes = "n" })
    merge.keep(p, "money", "crm")
    t.eq(p.to_crm, { notes = "n" })
    t.eq({ p.conflicts[1].field, p.conflicts[2].field, p.conflicts[1].kept },
      { "value", "currency", "crm" })
  end)
end

-- The state machine of both sides, pair by pair (reconcile rules 6, 16, 17).
local state = require "state"

local PARTNER = { "new", "active", "won", "lost", "declined", "expired", "error" }
local CRM = { "open", "hold", "won", "lost", "canceled" }

-- An opportunity of a CRM without status labels of its own.
local PLAIN = { status_word = function() return nil end }

local function row(statecode, statuscode)
  return { statecode = statecode, statuscode = statuscode }
end

local function pair(value)
  return type(value) == "table" and table.concat(value, "/") or value
end

-- For each of the partner's words, in the order of CRM, what becomes of the row's word.
local SENT = {
  new = { "Active/Accepted", false, "Active/Accepted", "Closed/Declined", "Closed/Declined" },
  active = { false, false, "Closed/Won", "Closed/Lost", "Closed/Lost" },
  won = { nil, nil, false, nil, nil },
  lost = { nil, nil, nil, false, false },
  declined = { nil, nil, nil, false, false },
  expired = { nil, nil, nil, false, false },
  error = { nil, nil, nil, false, false },
}

return function(t)
  t.case("each_pair_of_status_and_substatus_is_one_word", function()
    local rows = {
      { "New", "Pending", "new" }, { "New", "Received", "new" }, { "Active", "Accepted", "active" },
      { "Active", "Engaged", "active" }, { "Closed", "Won", "won" }, { "Closed", "Lost", "lost" },
      { "Closed", "Declined", "declined" }, { "Closed", "Expired", "expired" },
      { "Closed", "Error", "error" },
    }
    for _, r in ipairs(rows) do
      t.eq(state.from_partner(r[1], r[2]), r[3], r[1] .. "/" .. r[2])
      t.ok(state.known(r[3]), r[3])
    end
  end)

  t.case("an_unknown_pair_passes_through_and_moves_nothing", function()
    for _, p in ipairs { { "Active", "Paused" }, { "Closed", "Merged" }, { "New", nil } } do
      local word = state.from_partner(p[1], p[2])
      t.ok(not state.known(word), word)
      t.ok(not state.closed[word], word .. " is not taken for closed")
      for _, crm in ipairs(CRM) do
        t.eq(state.to_crm(word, crm), false, word .. " moves no row that is " .. crm)
        t.eq(state.to_partner(word, crm), false, word .. " takes no move to " .. crm)
        t.ok(state.agree(word, crm), word .. " disagrees with nothing")
      end
    end
  end)

  t.case("a_row_is_one_word_by_state_and_status", function()
    local rows = {
      { 0, 1, "open" }, { 0, 2, "hold" }, { 1, 3, "won" }, { 2, 5, "lost" }, { 2, 4, "canceled" },
      { 0, 914, "open" }, { 2, 914, "lost" }, { 0.0, 1, "open" },
    }
    for _, r in ipairs(rows) do
      t.eq(state.from_crm(row(r[1], r[2]), PLAIN), r[3], r[1] .. "/" .. r[2])
    end
  end)

  t.case("a_label_that_the_mapping_names_is_that_state", function()
    local facts = { status_word = function(code) return code == 914 and "declined" or nil end }
    t.eq(state.from_crm(row(2, 914), facts), "canceled")
    t.eq(state.from_crm(row(2, 5), facts), "lost")
  end)

  t.case("what_a_move_in_the_crm_sends", function()
    for _, partner in ipairs(PARTNER) do
      for i, crm in ipairs(CRM) do
        t.eq(pair(state.to_partner(partner, crm)), SENT[partner][i], partner .. ", row " .. crm)
      end
    end
  end)

  t.case("a_row_won_before_acceptance_is_accepted_first", function()
    t.eq(state.to_partner("new", "won").by_way_of, "open")
    t.eq(state.to_partner("new", "open").by_way_of, nil)
  end)

  t.case("a_closed_referral_closes_a_row_that_is_open_and_no_other", function()
    local wanted = { won = { "win", 3 }, lost = { "lose", 5 }, declined = { "lose", 4 },
      expired = { "lose", 4 }, error = { "lose", 4 } }
    for partner, want in pairs(wanted) do
      for _, crm in ipairs { "open", "hold" } do
        local move = state.to_crm(partner, crm)
        t.eq({ move.action, move.status }, want, partner .. ", row " .. crm)
      end
      for _, crm in ipairs { "won", "lost", "canceled" } do
        t.eq(state.to_crm(partner, crm), false, partner .. ", row " .. crm)
      end
    end
  end)

  t.case("acceptance_opens_a_row_on_hold_and_closes_none", function()
    t.eq(state.to_crm("active", "hold"), { state = "open", status = 1 })
    t.eq(state.to_crm("active", "open"), false)
    for _, crm in ipairs(CRM) do
      t.eq(state.to_crm("new", crm), false, "new moves no row: " .. crm)
    end
  end)

  t.case("what_agrees_needs_no_move_into_the_crm", function()
    for _, partner in ipairs(PARTNER) do
      for _, crm in ipairs(CRM) do
        local move = state.to_crm(partner, crm)
        local acceptance = partner == "active" and crm == "hold"
        t.ok(acceptance or not (move and state.agree(partner, crm)), partner .. ", row " .. crm)
      end
    end
  end)

  t.case("closed_is_closed_on_either_side", function()
    for _, word in ipairs { "won", "lost", "canceled", "declined", "expired", "error" } do
      t.ok(state.closed[word], word)
    end
    for _, word in ipairs { "new", "active", "open", "hold" } do
      t.ok(not state.closed[word], word)
    end
  end)
end

-- What may not travel now, while the rest does (reconcile rules 5, 6, 10, 12, 14, 17).
local merge = require "merge"
local say = require "say"
local withhold = require "withhold"

local KNOWN = {
  table = "opportunity", deal_value = { write = "estimatedvalue" }, columns = {},
  meta = { columns = { estimatedvalue = { least = 0, most = 1000000 } } },
  catalogue = { by_id = { ["sol-1"] = { row = "r1", id = "SOL-1" },
    ["sol-2"] = { row = "r2", id = "SOL-2" } } },
  currencies = { by_code = { USD = { row = "c1", code = "USD", precision = 2 } } },
}

local function plan(over)
  local p = { to_crm = {}, to_partner = {}, told = {}, conflicts = {},
    stays = { crm = {}, partner = {} }, crm = { visible = false, solutions = {} },
    partner = { state = "active" } }
  for name, value in pairs(over or {}) do
    p[name] = value
  end
  return p
end

-- Fields that are still to be written, sorted.
local function left(values)
  local out = {}
  for name in pairs(values) do
    out[#out + 1] = name
  end
  table.sort(out)
  return out
end

local function many(n)
  local out = {}
  for i = 1, n do
    out[i] = { id = "SOL-" .. i }
  end
  return out
end

local BAD = {
  { "a value of 0", { value = "0.00" }, "0 or empty" },
  { "an empty value", { value = json.null }, "0 or empty" },
  { "an empty closing date", { closing_date = json.null }, "closing date is empty" },
  { "an empty name", { name = json.null }, "name is empty" },
  { "an empty currency", { currency = json.null }, "currency is empty" },
  { "no solution", { solutions = {} }, "at least one solution" },
  { "51 solutions", { solutions = many(51) }, "more than 50 solutions" },
}

return function(t)
  for _, row in ipairs(BAD) do
    t.case("bad_" .. row[1]:gsub("%s", "_") .. "_stays_and_the_rest_travels", function()
      local p = plan { to_partner = { notes = "travels" } }
      for name, value in pairs(row[2]) do
        p.to_partner[name] = value
      end
      local held = withhold.bad(p)
      t.eq(left(p.to_partner), { "notes" })
      t.eq(#held, 1, "one thing is told")
      t.has(say.item(held[1]), row[3])
    end)
  end

  t.case("good_values_are_not_held", function()
    local p = plan { to_partner = { value = "0.01", currency = "USD", name = "Plant",
      closing_date = "2031-03-31", solutions = { { id = "SOL-1" } } } }
    t.eq(#withhold.bad(p), 0)
    t.eq(#left(p.to_partner), 5)
  end)

  t.case("value_and_currency_are_held_together", function()
    local p = plan { to_partner = { value = "0.00", currency = "EUR", notes = "n" } }
    withhold.bad(p)
    t.eq(left(p.to_partner), { "notes" }, "no other money by half of it")
    p = plan { to_partner = { value = "5.00", currency = json.null } }
    withhold.bad(p)
    t.eq(left(p.to_partner), {})
  end)

  t.case("the_last_solution_stays_a_change_until_one_is_added", function()
    local p = plan { to_partner = { solutions = {} } }
    withhold.bad(p)
    t.eq(p.stays.crm, { solutions = true })
  end)

  t.case("help_needs_a_contact_of_either_side", function()
    local whole = { first_name = "Ada", last_name = "Byron", email = "a@b.example", phone = "+1" }
    local no_phone = { first_name = "Ada", last_name = "Byron", email = "a@b.example" }
    local function sent(crm_contact, partner_contact)
      local p = plan { to_partner = { help = "GeneralOrOther" } }
      p.crm.contact, p.partner.contact = crm_contact, partner_contact
      withhold.bad(p)
      merge.share(p)
      return left(p.to_partner), left(p.to_crm)
    end
    t.eq({ sent(whole, nil) }, { { "help", "visible" }, { "visible" } })
    t.eq({ sent(nil, whole) }, { { "help", "visible" }, { "visible" } })
    t.eq({ sent(nil, nil) }, { {}, {} }, "and so it is not shown to Microsoft either")
    t.eq({ sent(no_phone, nil) }, { {}, {} })
  end)

  t.case("help_that_is_held_leaves_a_visibility_of_its_own", function()
    local p = plan { to_partner = { help = "GeneralOrOther", visible = true } }
    withhold.bad(p) -- the seller chose that, too
    merge.share(p)
    t.eq(left(p.to_partner), { "visible" })
  end)

  t.case("a_solution_the_crm_does_not_know_is_told_and_the_others_come", function()
    local kept, held = withhold.known_solutions({ { id = "SOL-1" }, { id = "SOL-2" } }, KNOWN)
    t.eq({ #kept, #held }, { 2, 0 })
    local known = { catalogue = KNOWN.catalogue, currencies = KNOWN.currencies }
    local facts = require "facts"
    local before = facts.solution
    facts.solution = function(k, id) return k.catalogue.by_id[id:lower()] end
    kept, held = withhold.known_solutions({ { id = "SOL-1" }, { id = "SOL-9" } }, known)
    facts.solution = before
    t.eq({ #kept, kept[1].id, #held }, { 1, "SOL-1", 1 })
    t.has(say.item(held[1]), "SOL-9 is not in the CRM's table")
  end)

  t.case("a_currency_the_crm_does_not_have_holds_the_money_alone", function()
    local facts = require "facts"
    local before = facts.currency
    facts.currency = function(k, code) return k.currencies.by_code[code] end
    local p = plan { to_crm = { currency = "XTS", value = "5.00", notes = "n" } }
    local held = withhold.unfit(p, KNOWN)
    facts.currency = before
    t.eq(left(p.to_crm), { "notes" })
    t.has(say.item(held[1]), "currency XTS does not exist in the CRM")
  end)

  t.case("a_closed_referral_takes_nothing_and_it_is_told", function()
    local p = plan { to_partner = { notes = "late" }, to_crm = { name = "Plant" },
      partner = { state = "won" } }
    withhold.closed(p)
    t.eq({ left(p.to_partner), left(p.to_crm) }, { {}, { "name" } })
    t.eq({ #p.told, p.told[1].why }, { 1, "closed" })
    p = plan { partner = { state = "won" } }
    withhold.closed(p)
    t.eq(#p.told, 0, "nothing to tell if nothing was to be sent")
  end)

  t.case("before_acceptance_edits_wait_and_stay_changes", function()
    local p = plan { to_partner = { notes = "n", value = "5.00", crm_id = "row-1" },
      partner = { state = "new" } }
    withhold.unaccepted(p)
    t.eq(left(p.to_partner), { "crm_id" }, "bookkeeping goes at once")
    t.eq(p.stays.crm, { notes = true, value = true })
  end)

  t.case("with_acceptance_all_of_it_goes", function()
    local p = plan { to_partner = { notes = "n", state = "open" }, partner = { state = "new" } }
    withhold.unaccepted(p)
    t.eq(left(p.to_partner), { "notes", "state" })
    t.eq(p.stays.crm, {})
  end)

  t.case("sharing_waits_and_nothing_else_does", function()
    local p = plan { to_partner = { help = "GeneralOrOther", visible = true, notes = "n" } }
    t.eq(withhold.sharing(p, 1000), true)
    merge.share(p)
    t.eq({ left(p.to_partner), left(p.to_crm) }, { { "notes" }, {} })
    p = plan { to_partner = { visible = true, notes = "n" } }
    t.eq(withhold.sharing(p, 1000), true, "shown to sellers only")
    t.eq(left(p.to_partner), { "notes" })
    p = plan { to_partner = { help = "GeneralOrOther", notes = "n" } }
    t.eq(withhold.sharing(p, nil), false, "long enough left alone")
    t.eq(left(p.to_partner), { "help", "notes" })
    t.eq(withhold.sharing(plan { to_partner = { notes = "n" } }, 1000), false, "not shared")
    p = plan { to_partner = { visible = true, state = "won" }, pair = { "Closed", "Won" } }
    t.eq(withhold.sharing(p, 1000), false, "what goes with a close")
  end)

  t.case("a_value_beyond_the_columns_range_holds_the_money_alone_and_stays", function()
    local dynamics = require "dynamics"
    local asked, before = 0, dynamics.forget
    dynamics.forget = function()
      asked = asked + 1
      return false
    end
    local p = plan { to_crm = { value = "1000000.01", notes = "n" } }
    local held = withhold.unfit(p, KNOWN)
    t.eq({ left(p.to_crm), #held, asked }, { { "notes" }, 1, 1 })
    t.has(say.item(held[1]), "1000000.01 is beyond what the CRM's column holds")
    t.eq({ p.stays.partner.value, p.waits }, { true, true })
    p = plan { to_crm = { value = "1000000.00" } }
    withhold.unfit(p, KNOWN)
    dynamics.forget = before
    t.eq({ left(p.to_crm), asked }, { { "value" }, 1 }, "the greatest that fits")
  end)

  t.case("a_date_before_the_crms_calendar_is_held_alone", function()
    local p = plan { to_crm = { closing_date = "0001-01-01", notes = "n" } }
    t.eq({ #withhold.unfit(p, KNOWN), left(p.to_crm) }, { 1, { "notes" } })
  end)

  t.case("a_value_that_partner_center_refuses_by_name_is_held_alone", function()
    local function refused(text, status)
      local p = plan { to_partner = { value = "5.00", currency = "USD", notes = "n" }, held = {} }
      return withhold.refused(p, { status = status, text = text }), left(p.to_partner), p.stays.crm
    end
    t.eq({ refused("details.dealValue: out of range", 400) }, { true, { "notes" },
      { value = true } })
    t.eq({ refused("details/notes: too long", 422) }, { true, { "currency", "value" },
      { notes = true } })
    t.eq({ refused("try again", 400) }, { false, { "currency", "notes", "value" }, {} })
    t.eq({ refused("the notes of the team", 403) }, { false, { "currency", "notes", "value" }, {} })
  end)

  t.case("a_direction_that_is_off_waits_and_bookkeeping_goes_on", function()
    local p = plan { to_crm = { notes = "n", id = "x", link = "l", microsoft_id = "7-1" },
      to_partner = { name = "N" }, crm_move = { state = "open" } }
    withhold.direction(p, "crm")
    t.eq(left(p.to_crm), { "id", "link", "microsoft_id" })
    t.eq(left(p.to_partner), { "name" }, "the other direction")
    t.eq({ p.stays.partner, p.waits, p.crm_move }, { { notes = true }, true, nil })
    p = plan { to_crm = { notes = "n" }, to_partner = { state = "won", notes = "m" },
      pair = { "Closed", "Won" } }
    withhold.direction(p, "partner")
    t.eq({ left(p.to_partner), p.pair, p.stays.crm },
      { {}, nil, { notes = true, state = true } })
  end)
end

-- The canonical form: equal things are equal values.
local canonical = require "canonical"

local MARKS = { ok = "✔ ", failed = "✖ ", place = "front" }

return function(t)
  t.case("amount_of_any_number_is_text_in_the_currencys_precision", function()
    local rows = {
      { 1250000, 0, "1250000" }, { 1250000.0, 2, "1250000.00" }, { "10", 2, "10.00" },
      { 0.1, 2, "0.10" }, { 1234567890123.45, 2, "1234567890123.45" },
      { "5000000.0000", 0, "5000000" },
      { "1.005", 2, "1.01" }, { "1.004", 2, "1.00" }, { "99.995", 2, "100.00" }, { "0.5", 0, "1" },
      { "0.4", 0, "0" }, { "-12.5", 1, "-12.5" }, { "-0.001", 2, "0.00" }, { "007.5", 1, "7.5" },
      { ".5", 1, "0.5" }, { "12.", 1, "12.0" }, { 1e15, 2, "1000000000000000.00" },
    }
    for _, row in ipairs(rows) do
      t.eq(canonical.amount(row[1], row[2]), row[3], tostring(row[1]))
    end
  end)

  t.case("price_is_one_text_in_any_two_currencies", function()
    local rows = { { 1098, 0, "1098.00" }, { "1098.0", 2, "1098.00" }, { "460.40", 3, "460.40" },
      { "460.4", 0, "460.40" }, { "1.255", 3, "1.255" }, { "1.2500", 4, "1.25" },
      { "1.255", 2, "1.26" } }
    for _, row in ipairs(rows) do
      t.eq(canonical.price(row[1], row[2]), row[3], tostring(row[1]))
    end
    t.eq(canonical.price(json.null, 2), nil)
  end)

  t.case("what_is_said_of_members_leaves_out_what_a_service_adds", function()
    local function said(tag)
      return json.encode(canonical.said { notes = "x", name = json.null, solutions = {
        { id = "SOL-1", price = "1.00", row = tag, tag = tag } } })
    end
    t.eq(said "W/1", said "W/2", "a tag is no difference")
    t.ok(said "W/1" ~= json.encode(canonical.said { notes = "x", name = json.null, solutions = {
      { id = "SOL-1", price = "2.00", row = "W/1", tag = "W/1" } } }), "a price is one")
  end)

  t.case("amount_of_no_number_is_nil", function()
    for _, value in ipairs { "", "abc", "1,5", "1e5", json.null, "--1" } do
      t.eq(canonical.amount(value, 2), nil, tostring(value))
    end
    t.eq(canonical.amount(nil, 2), nil)
  end)

  t.case("wire_amount_is_a_whole_number_where_it_can_be", function()
    t.eq(json.encode(canonical.wire_amount("1250000")), "1250000")
    t.eq(json.encode(canonical.wire_amount("10.00")), "10")
    t.eq(json.encode(canonical.wire_amount("1234567890123.45")), "1234567890123.45")
  end)

  t.case("zero_is_known_in_each_precision", function()
    t.ok(canonical.is_zero("0.00"))
    t.ok(canonical.is_zero("0"))
    t.ok(canonical.is_zero(nil))
    t.ok(not canonical.is_zero("0.01"))
  end)

  t.case("date_at_midnight_utc_is_that_date_in_every_zone", function()
    t.eq(canonical.date("2031-03-31T00:00:00Z", 540), "2031-03-31")
    t.eq(canonical.date("2031-03-31T00:00:00.0000000Z", -480), "2031-03-31")
    t.eq(canonical.date("2031-03-31"), "2031-03-31")
  end)

  t.case("date_at_another_time_is_the_date_in_the_zone", function()
    t.eq(canonical.date("2031-03-30T15:00:00Z", 540), "2031-03-31")
    t.eq(canonical.date("2031-03-31T06:59:00.123Z", -480), "2031-03-30")
  end)

  t.case("marks_are_stripped_as_often_as_they_stand", function()
    t.eq(canonical.strip_marks("✔ Plant rollout", MARKS), "Plant rollout")
    t.eq(canonical.strip_marks("✔ ✖ Plant rollout ", MARKS), "Plant rollout")
    t.eq(canonical.strip_marks("✔\u{FE0F} Plant rollout", MARKS), "Plant rollout")
    t.eq(canonical.strip_marks("✔Plant rollout", MARKS), "Plant rollout")
    t.eq(canonical.strip_marks("Plant ✔ rollout", MARKS), "Plant ✔ rollout")
    t.eq(canonical.strip_marks("✔ Plant", false), "✔ Plant")
  end)

  t.case("text_is_unescaped_trimmed_and_empty_is_nil", function()
    t.eq(canonical.text(" Hoshino &amp; Sons\r\n "), "Hoshino & Sons")
    t.eq(canonical.text("a\r\nb"), "a\nb")
    t.eq(canonical.text("   "), nil)
    t.eq(canonical.text(json.null), nil)
  end)

  t.case("sets_are_the_same_in_any_order_and_case", function()
    local field = { name = "solutions", kind = "set" }
    local a, b = { { id = "SOL-1" }, { id = "B" } }, { { id = "b" }, { id = "sol-1" } }
    t.ok(canonical.same(field, a, b))
    t.ok(not canonical.same(field, { { id = "SOL-1" } }, { { id = "SOL-2" } }))
    t.ok(canonical.same(field, nil, {}))
  end)
end

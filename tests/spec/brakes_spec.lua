-- Brakes (reconcile rule 15): what pauses all writing, and what freezes one record.
local brakes = require "brakes"

local MINUTE_MS = 60000

-- Runs body with a clock of its own: at(ms) sets it.
local function with_clock(body)
  local before, now = host.now_ms, 1930000000000
  rawset(host, "now_ms", function() return now end)
  local ok, err = pcall(body, function(ms) now = 1930000000000 + ms end)
  rawset(host, "now_ms", before)
  if not ok then
    error(err, 0)
  end
end

-- Runs body while the state seems to hold so many links.
local function with_links(total, settings, body)
  local store, profile = host.store, host.profile
  rawset(host, "store", setmetatable({ link_count = function() return total end },
    { __index = store }))
  rawset(host, "profile", { settings = settings })
  brakes.release()
  local ok, err = pcall(body)
  brakes.release()
  rawset(host, "store", store)
  rawset(host, "profile", profile)
  if not ok then
    error(err, 0)
  end
end

-- Counts so many deals; at which of them the pause began.
local function count(cause, n)
  local one = brakes.round(cause)
  for i = 1, n do
    one()
    if brakes.on() then
      return i
    end
  end
  return nil
end

return function(t)
  t.case("the_first_cause_of_a_pause_stands_until_it_is_released", function()
    brakes.release()
    t.eq(brakes.on(), nil)
    brakes.set("restored_crm", "first")
    brakes.set("many_changes", "second")
    t.eq({ brakes.on().cause, brakes.on().why }, { "restored_crm", "first" })
    brakes.release()
    t.eq(brakes.on(), nil)
  end)

  t.case("more_than_a_fifth_of_the_deals_and_at_least_25_pause", function()
    local rows = {
      -- deals, about to change, at which one it pauses
      { 100, 30, 25 }, { 10, 24, nil }, { 10, 25, 25 }, { 124, 124, 25 }, { 125, 25, nil },
      { 125, 125, 26 }, { 1000, 200, nil }, { 1000, 1000, 201 },
    }
    for _, row in ipairs(rows) do
      with_links(row[1], {}, function()
        t.eq(count("many_changes", row[2]), row[3], row[2] .. " of " .. row[1])
      end)
    end
  end)

  t.case("the_share_is_a_setting_and_0_lets_any_number_pass", function()
    with_links(1000, { brake_percent = 50 }, function()
      t.eq(count("many_changes", 1000), 501)
    end)
    with_links(1000, { brake_percent = 0 }, function()
      t.eq(count("many_changes", 1000), nil)
    end)
  end)

  t.case("each_reading_counts_by_itself", function()
    with_links(100, {}, function()
      t.eq(count("many_changes", 24), nil)
      t.eq(count("many_changes", 24), nil, "a second reading")
      t.eq(count("many_deletions", 24), nil, "deletions")
      t.eq(count("many_deletions", 25), 25)
      t.has(brakes.on().why, "25 of 100 deals were deleted")
    end)
  end)

  t.case("a_row_version_below_the_stored_one_is_older", function()
    t.ok(brakes.older('W/"120"', 'W/"119"'))
    t.ok(brakes.older('W/"1000"', 'W/"999"'), "by number, not as text")
    t.ok(not brakes.older('W/"120"', 'W/"120"'))
    t.ok(not brakes.older('W/"999"', 'W/"1000"'))
    t.ok(not brakes.older(nil, 'W/"1"'), "nothing stored yet")
    t.ok(not brakes.older('W/"120"', nil))
    t.ok(not brakes.older('"abc"', '"abb"'), "a tag that is no version says nothing")
  end)

  t.case("a_kept_delta_link_ahead_of_the_one_given_now_is_from_the_future", function()
    local link = "https://crm.example/api/data/v9.2/opportunities?$deltatoken=%d%%2108%%2f"
    t.ok(brakes.ahead(link:format(120), link:format(99)))
    t.ok(not brakes.ahead(link:format(99), link:format(120)))
    t.ok(not brakes.ahead(link:format(99), link:format(99)))
    t.ok(not brakes.ahead(nil, link:format(1)))
  end)

  t.case("an_audit_line_that_is_newer_and_not_ours_is_a_strangers", function()
    host.store.mark_set("accepted_ms", nil)
    local ours = "2031-02-03 10:00 UTC  Sent to Partner Center: notes a → b"
    local link = {}
    brakes.said(link, ours .. "\nolder lines")
    t.ok(not brakes.stranger(link, ours .. "\nolder lines"), "our own")
    t.ok(not brakes.stranger(link, "note of the seller\n" .. ours), "typed by a person")
    t.ok(not brakes.stranger(link, nil), "emptied by a person")
    t.ok(not brakes.stranger(link, "2031-02-03 09:00 UTC  older"), "ours was removed by a person")
    t.ok(brakes.stranger(link, "2031-02-03 10:01 UTC  another host's\n" .. ours))
    t.ok(not brakes.stranger({}, "2031-02-03 10:01 UTC  any"), "nothing said yet proves nothing")
  end)

  t.case("what_a_person_has_accepted_is_no_strangers_any_more", function()
    with_clock(function(at)
      local link = {}
      brakes.said(link, "2031-02-03 10:00 UTC  ours")
      at(1000)
      brakes.release()
      t.ok(not brakes.stranger(link, "2031-02-03 11:00 UTC  another's"))
      at(2000)
      brakes.said(link, "2031-02-03 10:00 UTC  ours")
      t.ok(brakes.stranger(link, "2031-02-03 11:00 UTC  another's"), "said since then")
    end)
    host.store.mark_set("accepted_ms", nil)
  end)

  t.case("a_line_that_was_announced_is_ours_even_if_its_answer_was_lost", function()
    host.store.mark_set("accepted_ms", nil)
    local link = {}
    brakes.said(link, "2031-02-03 10:00 UTC  first")
    brakes.announce(link, "2031-02-03 10:05 UTC  second\n2031-02-03 10:00 UTC  first",
      "2031-02-03 10:00 UTC  first")
    t.ok(not brakes.stranger(link, "2031-02-03 10:05 UTC  second\n2031-02-03 10:00 UTC  first"))
    t.ok(brakes.stranger(link, "2031-02-03 10:05 UTC  third"))
  end)

  -- Writes what(i) for i = 1..n, a step apart; at which of them the record is frozen.
  local function written(link, n, step_ms, at, what)
    for i = 1, n do
      at(i * step_ms)
      if brakes.circles(link, what(i)) then
        return i
      end
      brakes.wrote(link, what(i))
    end
    return nil
  end

  t.case("six_writes_that_repeat_each_other_freeze", function()
    with_clock(function(at)
      local link = {}
      t.eq(written(link, 12, 1000, at, function(i) return i % 2 end), 6)
      t.has(link.frozen, "in ten minutes")
    end)
  end)

  t.case("a_write_that_was_not_taken_does_not_count", function()
    with_clock(function(at)
      local link = {}
      for i = 1, 20 do
        at(i * 1000)
        t.ok(not brakes.circles(link, "the same"), "attempt " .. i)
      end
    end)
  end)

  t.case("a_person_who_writes_new_things_often_is_no_circle", function()
    with_clock(function(at)
      t.eq(written({}, 12, 1000, at, function(i) return i end), nil)
    end)
  end)

  t.case("writes_longer_ago_than_ten_minutes_do_not_count", function()
    with_clock(function(at)
      local link = {}
      t.eq(written(link, 12, 2 * MINUTE_MS, at, function() return "the same" end), nil)
      t.ok(#link.writes <= 5, "older ones are forgotten")
    end)
  end)
end

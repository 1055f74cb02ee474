-- Columns at a width: what is cut, what is padded, and that no colour is the only bearer of news.
local table_text = require "table_text"

local COLUMNS = { { title = "DEAL", right = true }, { title = "NAME", flex = true },
  { title = "STATE" } }

local function lines(cmd, rows)
  return table.concat(table_text.lines(cmd, COLUMNS, rows), "\n")
end

return function(t)
  t.case("columns_are_as_wide_as_what_they_hold", function()
    t.eq(lines({ width = 80 }, { { "7", "Lamp", "open" }, { "12", "Depot lights", "gone" } }),
      "DEAL  NAME          STATE\n   7  Lamp          open\n  12  Depot lights  gone")
  end)

  t.case("the_column_that_gives_way_is_cut", function()
    local text = lines({ width = 30 }, { { "7", "A name that is far too long", "open" } })
    t.eq(text, "DEAL  NAME               STATE\n   7  A name that is f…  open")
  end)

  t.case("wide_characters_take_two_columns", function()
    t.eq(table_text.columns("電気 e\u{301}"), 6)
    t.eq(table_text.cut("電気自動車", 6), "電気…")
    t.eq(lines({}, { { "7", "電気", "open" }, { "8", "abcd", "open" } }),
      "DEAL  NAME  STATE\n   7  電気  open\n   8  abcd  open")
  end)

  t.case("what_people_typed_moves_no_cursor", function()
    t.eq(table_text.plain("a\27[2Jb\nc\td"), "a[2Jb c d")
    t.eq(table_text.plain("caf\xe9"), "caf?")
  end)

  t.case("colour_only_where_it_is_wanted", function()
    local rows = { { "7", "Lamp", { "✔ on", "green" } } }
    t.ok(not lines({ width = 80, color = false }, rows):find("\27", 1, true), "without")
    local text = lines({ width = 80, color = true }, rows)
    t.has(text, "\27[32m✔ on\27[0m")
    t.has(text, "\27[1mDEAL\27[0m")
  end)

  t.case("words_are_broken_at_the_edge", function()
    t.eq(table_text.wrap({ width = 20 }, "told  ", "one two three four five"),
      { "told  one two three", "      four five" })
    t.eq(table_text.wrap({ width = 20 }, "told  ", "at https://a.example/b now"),
      { "told  at", " https://a.example/b", "      now" })
    t.eq(table_text.wrap({ width = 20 }, "told  ", ""), { "told" })
  end)

  t.case("times_in_words", function()
    local now = host.now_ms()
    t.eq({ table_text.span(999), table_text.span(61000), table_text.span(7200000),
      table_text.span(86400000), table_text.span(3 * 86400000) },
      { "0 s", "1 min", "2 h", "1 day", "3 days" })
    t.eq({ table_text.ago(nil), table_text.ago(0), table_text.ago(now),
      table_text.ago(now - 3600000) }, { "never", "never", "just now", "1 h ago" })
    t.eq(table_text.clock(1), "1970-01-01 00:00:00")
    t.eq({ table_text.count(1, "deal"), table_text.count(2, "deal") }, { "1 deal", "2 deals" })
  end)
end

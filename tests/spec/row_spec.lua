-- A deal as columns of a CRM row and rows of solutions (row.lua): what the merge can't show.
local rows = require "row"

local KNOWN = {
  table = "opportunity", columns = { solution_area = "area", solution_play = "play" },
  solutions = { table = "solution", price = "price", quantity = "quantity" },
  choices = {
    taxonomy = { areas = {}, plays = {}, roles = {} },
    solution_area = { table = "area", by_row = {}, rows = { { row = "a1", name = "Security" },
      { row = "a2", name = "AI" } } },
    solution_play = { table = "play", by_row = { p1 = { name = "Data Security" } }, rows = {
      { row = "p1", name = "Data Security", area = "a1" },
      { row = "p2", name = "Data Security", area = "a2" } } },
  },
}
KNOWN.choice = function(row, field) return row[KNOWN.columns[field]] end
KNOWN.choice_column = function(field, value, area)
  return require("choices").to_crm(KNOWN.choices, field, value, area)
end

return function(t)
  t.case("a_changed_price_is_written_under_the_tag_of_its_own_row", function()
    local changes = {}
    rows.solution_changes(changes, "row-1", { { id = "SOL-1", price = "2.00" } },
      { { id = "SOL-1", price = "1.00", row = "s1", tag = 'W/"7"' } }, KNOWN)
    t.eq(#changes, 1)
    t.eq({ changes[1].op, changes[1].id, changes[1].tag, changes[1].values.price },
      { "update", "s1", 'W/"7"', "2.00" })
  end)

  t.case("a_play_under_two_areas_follows_its_area", function()
    local out = rows.columns({ solution_area = "AI" }, KNOWN, { area = "a1", play = "p1" })
    t.eq(out.area.id, "a2")
    t.eq(out.play and out.play.id, "p2")
    out = rows.columns({ solution_area = "AI" }, KNOWN, { area = "a1" })
    t.eq(out.play, nil)
  end)
end

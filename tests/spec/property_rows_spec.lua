-- The property test draws every row of the field table: what its lists claim is compared with the
-- table, and with what the steps of many seeds do.
local draw = require "commands.property.draw"
local fields = require "fields"

local SEEDS = 300

-- Every row, and of records and sets the parts that are said to be drawn.
local function names()
  local out = {}
  for _, row in ipairs(fields.rows) do
    out[row.name] = true
    for _, part in ipairs(row.parts or {}) do
      out[row.name .. "." .. part.name] = false -- it need not be drawn by itself
    end
  end
  return out
end

-- What a person chooses together.
local FORMS = { solution_area = "area", solution_play = "area" }

local function note(seen, word)
  seen[word] = (seen[word] or 0) + 1
end

-- What the steps do, in the words of draw.draws: "edit campaign", "act price", "make cosell_type".
local function seen_in(seeds)
  local seen = {}
  for seed = 1, seeds do
    for _, step in ipairs(draw.steps(seed)) do
      if step.kind == "act" then
        note(seen, "act " .. step.act)
      end
      for name in pairs(step.kind ~= "act" and step.values or {}) do
        note(seen, step.kind .. " " .. name)
        note(seen, step.kind .. " " .. name .. " " .. (step.side or "both"))
      end
      note(seen, step.kind)
    end
  end
  return seen
end

return function(t)
  t.case("every_row_is_drawn_or_says_why_not", function()
    local known = names()
    for name, needed in pairs(known) do
      local drawn, why = draw.draws[name], draw.not_drawn[name]
      t.ok(not needed or drawn or why, name .. " is neither drawn nor left out")
      t.ok(not (drawn and why), name .. " is in both lists")
    end
    for _, list in ipairs { draw.draws, draw.not_drawn } do
      for name in pairs(list) do
        t.ok(known[name] ~= nil, name .. " is no row or part of the field table")
      end
    end
  end)

  t.case("what_is_said_to_be_drawn_is_in_the_steps", function()
    local seen = seen_in(SEEDS)
    for name, by in pairs(draw.draws) do
      local word = by
      if by == "edit" or by == "make" and fields.by_name[name] then
        word = by .. " " .. (FORMS[name] or name)
      end
      t.ok((seen[word] or 0) > 0, ("%s: no step is %q"):format(name, word))
    end
  end)

  t.case("both_sides_edit_what_both_may", function()
    local seen = seen_in(SEEDS)
    for name, by in pairs(draw.draws) do
      for _, side in ipairs(by == "edit" and { "crm", "partner" } or {}) do
        local word = ("edit %s %s"):format(FORMS[name] or name, side)
        t.ok((seen[word] or 0) > 0, "no step is " .. word)
      end
    end
  end)
end

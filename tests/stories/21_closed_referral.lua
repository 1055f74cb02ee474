-- A deal that is closed takes its row along whatever was edited meanwhile, and an edit after that
-- is no failure.
local kit = require "commands.kit"

return function(t)
  t.case("closed: a referral that is lost while its row is edited closes the row", function()
    kit.started(function(s, deal, row)
      s:set("lose_callbacks", true)
      kit.describe(s, row, "one")
      s:act("close", { id = deal, state = "lost", reason = "Other" })
      s:rest()
      local o = kit.opportunity(s)
      t.eq(o.state, 2, "row closes; audit: " .. o.audit .. " name " .. o.name)
    end)
  end)
  t.case("closed: notes that are edited after both sides closed are no failure", function()
    kit.started(function(s, _, row)
      s:act("win", { id = row })
      s:rest()
      kit.describe(s, row, "one")
      s:rest()
      local o = kit.opportunity(s)
      t.ok(not o.name:find("✖", 1, true), "no failure mark: " .. o.name .. " " .. o.audit)
      t.eq(s:status().queue.dead, 0, "dead letters")
    end)
  end)
end

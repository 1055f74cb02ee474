-- Story 9: all callbacks are lost; the catch-up poll brings both sides together.
local kit = require "commands.kit"

return function(t)
  t.case("story 9: a deal and its changes arrive by the poll alone", function()
    kit.with({}, function(s)
      s:set("lose_callbacks", true)
      local deal = s:act("portal-create", {})
      s:rest()
      t.eq(#kit.opportunities(s), 1, "opportunities")
      s:act("edit", { id = deal.id, notes = "nobody called" })
      s:rest()
      t.eq(kit.opportunity(s).notes, "nobody called")
      t.eq(s:runs(1)[1].trigger, "poll")
      kit.quiet(t, s)
    end)
  end)
end

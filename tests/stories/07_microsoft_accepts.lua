-- Story 7: Microsoft accepts: its identifier and an audit line appear on the opportunity.
local kit = require "commands.kit"

return function(t)
  t.case("story 7: Microsoft's identifier and an audit line", function()
    kit.with({}, function(s)
      local deal = s:act("portal-create", { help = "GeneralOrOther" })
      s:rest()
      local done = s:act("microsoft-accept", { id = deal.id })
      s:rest()
      local o = kit.opportunity(s)
      t.ok(done.microsoftMsxId, "Microsoft has an identifier")
      t.eq(o.microsoft_id, done.microsoftMsxId)
      t.has(o.audit, "Microsoft accepted the deal")
      t.eq(o.state, 0, "the CRM's state is the seller's")
      kit.quiet(t, s)
    end)
  end)
end

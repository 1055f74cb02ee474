-- What a mapping adds to a new deal: columns by label, a row of its own, the owner.
local kit = require "commands.kit"

local MAPPING = [[
return { api = 1,
  opportunity = { create = function(d, v)
    v.opportunityratingcode = d.customer.country == "JP" and "Hot" or "Warm"
  end },
  owner = function() return "ken@partner.example" end,
  also = function(d) return { { table = "contact", key = "office",
    values = { lastname = "Front office of " .. d.customer.name } } } end }
]]

return function(t)
  t.case("mapping: a choice by its label, an owner, and a row besides", function()
    kit.with({ files = { ["details.lua"] = MAPPING } }, function(s)
      s:act("portal-create", {})
      s:rest()
      local o = kit.opportunity(s)
      t.eq(o.row.opportunityratingcode, 1, "Hot")
      local ken
      for _, user in ipairs(s:rows("crm:systemuser")) do
        ken = user.internalemailaddress == "ken@partner.example" and user.systemuserid or ken
      end
      t.eq(o.row._ownerid_value, ken, "owner")
      local offices = 0
      for _, row in ipairs(s:rows("crm:contact")) do
        offices = offices + (row.lastname == "Front office of Hoshino Parts KK" and 1 or 0)
      end
      t.eq(offices, 1, "the row besides")
      kit.quiet(t, s)
    end)
  end)
end

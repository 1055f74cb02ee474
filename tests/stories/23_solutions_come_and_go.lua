-- Solutions are taken off a deal and put on: the referral has those that the row has.
local kit = require "commands.kit"

local FIRST, SECOND = "SOL-10001-ABC", "SOL-10002-DEF"
local DEAL = { name = "Harbour", value = 90000, currency = "EUR", notes = "v0",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  solutions = { FIRST, SECOND } }

local function solutions(s)
  return kit.referrals(s)[1].details.requirements.solutions
end

local function removed(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", DEAL).id
    s:rest()
    s:act("sync", { id = row })
    s:rest()
    t.eq(#solutions(s), 2, "solutions sent")
    s:act("remove-solution", { opportunity = row, solution = SECOND })
    s:rest()
    t.eq(#solutions(s), 1, "removal arrived")
  end)
end

local function replaced(t)
  kit.with({ settings = { remove_last_solution = '"keep"' } }, function(s)
    s:act("portal-create", { value = 1000, currency = "USD", solutions = FIRST })
    s:rest()
    local row = kit.opportunity(s).id
    s:act("remove-solution", { opportunity = row, solution = FIRST })
    s:rest()
    s:act("add-solution", { opportunity = row, solution = SECOND })
    s:rest()
    local now, rows = solutions(s), #s:rows("crm:msft_microsoftsolution")
    t.eq(#now, 1, "only the new one; CRM rows " .. rows)
    t.eq(now[1].id, SECOND)
    t.eq(rows, 1, "solution rows in the CRM")
  end)
end

return function(t)
  t.case("solutions: one that was there before Sync was set can be removed later", function()
    removed(t)
  end)
  t.case("solutions: the last one is replaced in two steps", function() replaced(t) end)
end

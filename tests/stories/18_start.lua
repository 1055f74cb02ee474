-- A host that starts with many deals due: what it needs to know of the CRM it learns once.
local kit = require "commands.kit"

local DEALS = 20

-- How often the CRM was asked for the columns of a table, as the practice environment saw it.
local function readings(s, logical)
  local n, asked = 0, "EntityDefinitions(LogicalName='" .. logical .. "')?$select="
  for _, exchange in ipairs(s:say("trace", { "0", "1000" }).list) do
    if exchange.request and exchange.request:find(asked, 1, true) then
      n = n + 1
    end
  end
  return n
end

local function described_once(t)
  kit.with({ host = false }, function(s)
    for i = 1, DEALS do
      s:act("portal-create", { name = "Deal " .. i })
    end
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.wait("the deals", function() return #kit.opportunities(s) == DEALS end)
    for _, logical in ipairs { "opportunity", "account", "contact" } do
      t.eq(readings(s, logical), 1, "readings of " .. logical)
    end
  end)
end

return function(t)
  t.case("start: many deals are due, and the CRM's tables are described once", function()
    described_once(t)
  end)
end

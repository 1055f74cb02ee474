-- The practice environment as a program: deals from the start, another organisation, what the
-- command line refuses.
local kit = require "commands.kit"

local OTHER = "0c000000-0000-4000-8000-000000000009"

-- The exit status and the output of a sim that is expected not to run.
local function refused(args)
  local argv = { "sim" }
  table.move(args, 1, #args, 2, argv)
  local child = assert(host.child.start { argv = argv })
  return child:wait().exit, child:output()
end

return function(t)
  t.case("practice: deals that both sides know from the start, of another organisation", function()
    kit.with({ host = false, sim_args = { "--deals", "12", "--linked", "--organization", OTHER,
      "--portal", "https://portal.example/referrals/" } }, function(s)
      t.eq(s:rows("crm:organization")[1].organizationid, OTHER)
      local by_id, ours = {}, kit.referrals(s)
      for _, o in ipairs(kit.opportunities(s)) do by_id[o.identifier] = o end
      t.eq(#ours, 12)
      for _, r in ipairs(ours) do
        local o = by_id[r.id]
        t.eq({ o.name, o.link, r.externalReferenceId },
          { "✔ " .. r.name, "https://portal.example/referrals/" .. r.id, o.id })
      end
    end)
  end)

  t.case("practice: a command line that makes no sense ends with status 2", function()
    for _, args in ipairs { { "--deals", "0" }, { "--deals", "many" }, { "--deals", "100001" },
      { "--organization", "ours" }, { "--ports", "1,2" }, { "--dealz", "1" } } do
      local status, said = refused(args)
      t.eq(status, 2, table.concat(args, " ") .. ": " .. said)
    end
  end)
end

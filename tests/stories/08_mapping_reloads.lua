-- Story 8: a mapping file is edited while the host runs; a broken one is refused.
local kit = require "commands.kit"

local GOOD = [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "mapped for " .. d.customer.name
end } }
]]

local function write(s, text)
  assert(host.file.write(s.profile .. "/details.lua", text))
end

local function generation(s)
  return s:status().generation
end

return function(t)
  t.case("story 8: the next deal uses the edited mapping", function()
    kit.with({}, function(s)
      local before = generation(s)
      write(s, GOOD)
      kit.wait("the new generation", function() return generation(s) > before end)
      s:act("portal-create", {})
      s:rest()
      t.eq(kit.opportunity(s).notes, "mapped for Hoshino Parts KK")
    end)
  end)
  t.case("story 8: a broken mapping is refused with file and line, the old one stays", function()
    kit.with({ files = { ["details.lua"] = GOOD } }, function(s)
      s:rest() -- from now on the host could not be started
      local before = generation(s)
      write(s, "return { api = 1,\n  opportunity = { creat = 1 } }\n")
      local said = kit.wait("the refusal", function()
        local reload = s:status().reload
        return reload.error ~= json.null and reload.error
      end, 10000)
      t.has(said, "details.lua:2")
      t.has(said, "create")
      t.eq(generation(s), before)
      s:act("portal-create", {})
      s:rest()
      t.eq(kit.opportunity(s).notes, "mapped for Hoshino Parts KK", "the old mapping runs")
    end)
  end)
end

-- Story 11, mappings: one that raises, hangs or answers nonsense stops its own deal and no other;
-- once it is mended the deal arrives.
local kit = require "commands.kit"

local MENDED = [[
return { api = 1, opportunity = { create = function(d, v) v.description = "mended" end } }
]]

-- Line 3 is the bad one; other deals get their notes.
local MAPPING = [[
return { api = 1, opportunity = { create = function(d, v)
  if d.name == "The bad one" then
    %s
  end
  v.description = "mapped"
end } }
]]

local STOPPED_WITHIN_MS = 5000 -- deadline 1000, and a machine with other things to do

local MAPPINGS = {
  { "raises", 'error("no region for this deal")', "script",
    { "details.lua:3", "no region for this deal" } },
  { "raises a table", "error({ 1, 2 })", "script", { "details.lua:3: raised a table" } },
  { "indexes nil", "v.description = d.nothing.there", "script", { "details.lua:3" } },
  { "loops for ever", "while true do end", "script", { "details.lua:3" } },
  { "loops for ever and catches errors",
    "while true do pcall(function() while true do end end) end", "script", { "details.lua:3" } },
  { "loops in a library function", '("a"):rep(60):find(("a*"):rep(12) .. "b")', "script",
    { "longer than 1000 ms" }, ended = true },
  { "takes all memory", 'local s = "x"; while true do s = s .. s end', "script",
    { "opportunity.create: not enough memory" } },
  { "answers nonsense", "return 42", "data", { "details.lua:1", "opportunity.create" } },
  { "answers a column that is none", "v.nonsense_column = 1", "data", { "nonsense_column" } },
  { "answers a column of the wrong type", "v.description = {} do return end", "data",
    { "details.lua:1", "description" } },
}

local function by_identifier(s, id)
  for _, o in ipairs(kit.opportunities(s)) do
    if o.identifier == id then
      return o
    end
  end
  return nil
end

local function is_alive(pid)
  local status = host.file.read(("/proc/%d/status"):format(pid))
  return status ~= nil and not status:find("State:\tZ", 1, true)
end

-- What the log says of mapping processes that were ended: none of them lives.
local function ended_mappers(t, s)
  local count = 0
  for pid in s.host:output():gmatch("mapping process (%d+): the mapping took longer") do
    count = count + 1
    t.ok(not is_alive(math.tointeger(pid)), "process " .. pid .. " still runs")
  end
  return count
end

local function failed_run(s)
  for _, run in ipairs(s:runs()) do
    if run.outcome:find("failed", 1, true) then
      return run
    end
  end
  error("no run failed")
end

local function bad_mapping(t, row)
  kit.with({ files = { ["details.lua"] = MAPPING:format(row[2]) } }, function(s)
    local accounts = #s:rows("crm:account")
    local bad = s:act("portal-create", { name = "The bad one", customer = "Badger Ltd" })
    local good = s:act("portal-create", { name = "Another one", customer = "Otter Ltd" })
    local failed = kit.wait("the dead letter", function() return s:status().failed[1] end)
    t.eq(failed.kind, "deal")
    t.eq(failed.why, row[3], failed.text)
    for _, part in ipairs(row[4]) do
      t.has(failed.text, part)
    end
    local _, exit = s:command("status")
    t.eq(exit, 1, "status shows that something failed")
    local other = kit.wait("the other deal", function() return by_identifier(s, good.id) end)
    t.eq(other.notes, "mapped")
    t.eq(#kit.opportunities(s), 1, "opportunities")
    t.eq(#s:rows("crm:account"), accounts + 1, "accounts: the bad deal left none behind")
    t.ok(failed_run(s).ms < STOPPED_WITHIN_MS, "it was stopped in time")
    t.eq(ended_mappers(t, s) > 0, row.ended == true, "a mapping process was replaced")
    assert(host.file.write(s.profile .. "/details.lua", MENDED))
    t.eq(kit.wait("the deal, once mended", function() return by_identifier(s, bad.id) end).notes,
      "mended")
    s:rest()
    t.eq(#kit.opportunities(s), 2, "opportunities")
    t.eq(#s:status().failed, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local RAISES_OUT = [[
return { api = 1, referral = { update = function(d, v)
  error("no notes today")
end } }
]]

-- A deal that has a row says there why it stands still.
local function reported(t)
  kit.with({}, function(s)
    s:act("portal-create", { name = "Lantern order" })
    s:rest()
    local before = s:status().generation
    assert(host.file.write(s.profile .. "/details.lua", RAISES_OUT))
    kit.wait("the new generation", function() return s:status().generation > before end)
    s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
      values = { description = "for the other side" } })
    s:command("sync")
    local o = kit.wait("the report", function()
      local now = kit.opportunity(s)
      return now.audit:find("Not synchronised", 1, true) and now
    end)
    t.has(o.audit, "details.lua:2")
    t.has(o.audit, "no notes today")
    t.eq(o.name, "✖ Lantern order")
    assert(host.file.write(s.profile .. "/details.lua", "return { api = 1 }\n"))
    kit.wait("the notes at Partner Center", function()
      return kit.referrals(s)[1].details.notes == "for the other side"
    end)
    s:rest()
    t.eq(kit.opportunity(s).name, "✔ Lantern order")
    t.eq(#s:status().failed, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

return function(t)
  for _, row in ipairs(MAPPINGS) do
    local name = ("story 11: a mapping that %s stops its deal alone, until mended"):format(row[1])
    t.case(name, function() bad_mapping(t, row) end)
  end
  t.case("story 11: a mapping that raises on the way out is reported on the row", function()
    reported(t)
  end)
end

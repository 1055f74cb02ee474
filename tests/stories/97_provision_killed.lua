-- Story 97: a host that is killed at any call by which `cosell provision` writes, and run again,
-- ends the same; so does taking away.
local kit = require "commands.kit"
local printed = require "commands.printed"
local provisioned = require "commands.provisioned"

local STRIDE = tonumber(host.file.getenv "COSELL_STRIDE") or 1 -- each how many-th call is killed
local MANY = 1000000 -- requests that a fault may meet: more than there are
local provision, whole = provisioned.run, provisioned.whole

-- The n-th writing call is met by a fault, and the host is killed there.  -> whether there was one
local function killed_at(s, n, when, words)
  s:say("fault", { "clear" })
  s:fault("crm", { method = "write", drop = when, skip = n - 1, count = MANY })
  local child = printed.start(s, words, provisioned.WIDTH)
  local met = false
  kit.wait("call " .. n, function()
    met = s:say("fault")[1].count < MANY
    return met or not host.file.exists("/proc/" .. child:pid() .. "/exe")
  end)
  if met then
    child:kill("KILL")
  end
  child:wait()
  s:say("fault", { "clear" })
  return met
end

local function fresh(s)
  s:act("restore-backup", { name = "bare" })
  for _, name in ipairs(assert(host.file.list(s.dir))) do
    if name:find("^cosell%.db") and not name:find("%.key$") then
      host.file.remove(s.dir .. "/" .. name)
    end
  end
end

-- What is asked of a run that found an interrupted one.
local function finished(t, s, reference, what)
  local text, exit = provision(s)
  t.eq(exit, 0, text)
  t.eq(whole(s), reference, what)
  local _, published = provisioned.defined(s)
  t.ok(published >= 1, what .. ": published")
end

local function at_rest(t, s)
  local writes = kit.writes(s)
  t.eq({ provision(s) }, { "nothing to make: all of it stands\n", 0 })
  t.eq(kit.writes(s), writes, "no call that writes")
  local text = provision(s, "--history")
  t.eq(#printed.lines_with(text, "  made  "), provisioned.THINGS, text)
end

-- Kills at each stride-th call until a run outlives its number.
local function sweep(t, s, when, stride)
  local reference = whole(s)
  local n, met = 1, true
  while met do
    fresh(s)
    met = killed_at(s, n, when, { "provision" })
    finished(t, s, reference, ("killed %s call %d"):format(when, n))
    if n % 8 == 1 then
      at_rest(t, s)
    end
    n = n + stride
  end
  t.ok(n > provisioned.THINGS, "only " .. n .. " calls")
end

-- All is made and nothing published: that is not to be seen in the CRM, and yet it is done.
local function unpublished(t, s)
  fresh(s)
  local words = { "provision", "--no-form" }
  local things = provisioned.THINGS - 4 -- the sections
  t.ok(killed_at(s, things, "after", words), "killed")
  t.has(provision(s, "--no-form", "--plan"), "all is made, and not published yet")
  t.has(provision(s, "--no-form"), "published: all of it stands")
  t.eq(select(2, provisioned.defined(s)), 1, "published once")
  t.eq({ provision(s, "--no-form") }, { "nothing to make: all of it stands\n", 0 })
end

local AWAY = { "provision", "--remove", "--yes" }

local function away(t, s, when, stride, bare)
  local n, met = 1, true
  while met do
    fresh(s)
    provision(s)
    met = killed_at(s, n, when, AWAY)
    provision(s, "--remove", "--yes")
    local after = whole(s)
    t.eq({ after[2], after[3], after[4], after[5] }, { bare[2], bare[3], 0, 0 },
      ("taking away, killed %s call %d"):format(when, n))
    n = n + stride
  end
  t.ok(n > 20, "only " .. n .. " calls")
end

return function(t)
  kit.with({ host = false, sim_args = { "--bare" } }, function(s)
    s:act("backup", { name = "bare" })
    local bare = whole(s)
    provision(s)
    t.case("provision: killed behind each writing call, it ends the same", function()
      sweep(t, s, "after", STRIDE)
    end)
    t.case("provision: killed in front of each fourth, it ends the same", function()
      sweep(t, s, "before", 4 * STRIDE)
    end)
    t.case("provision: killed before it published, it publishes", function()
      unpublished(t, s)
    end)
    t.case("provision: taking away is killed, and gone on with", function()
      away(t, s, "after", 6 * STRIDE, bare)
    end)
  end)
end

-- Story 40: a hundred scenarios of the property test (tests/property), played against the real
-- programs over sockets: the same steps, people and judge, with real time, children that are
-- killed, and the practice environment's own faults.
local course = require "commands.property.course"
local draw = require "commands.property.draw"
local forms = require "commands.property.forms"
local judge = require "commands.property.judge"
local kit = require "commands.kit"
local people = require "commands.property.people"
local seen = require "commands.property.seen"

local SCENARIOS, OF_A_STAGE = 100, 10
local FASTER = 40 -- a scenario's waits, so much shorter
local LONGEST_MS = 60
local LOOK_MS, REST_MS = 15, 60000

local LOSSES = { { 1, "before" }, { 2, "after" } } -- of the words of a net: which, and when

-- What a net step of the simulated world comes to here.
local function net(s, words)
  local n = {}
  for word in words:gmatch("%d+") do
    n[#n + 1] = tonumber(word)
  end
  for _, loss in ipairs(LOSSES) do
    if n[loss[1]] > 0 then
      s:fault("partner", { drop = loss[2], count = 1, skip = 1 })
      s:fault("crm", { drop = loss[2], count = 1, skip = 1 })
    end
  end
  s:set("lose_callbacks", n[4] >= 500)
  s:set("delivery_copies", n[5] > 0 and 2 or 1)
  s:set("delivery_order", n[7] > 1000 and "reversed" or "kept")
end

local function kill(s)
  s:host_stop("KILL")
  s:host_start(s.host_options)
  s:host_ready()
end

local function host_of(s)
  return function(command, arg)
    local answer = host.control.call(s.control, command, arg and { arg } or {})
    return answer and answer.exit < 2 and answer.out or nil
  end
end

-- What people look at.
local LOOKED = { "referral", "crm:opportunity", "crm:msft_microsoftsolution", "crm:account",
  "crm:contact", "crm:opportunityclose", "crm:lead" }
local KEYS = { referral = "id", ["crm:opportunity"] = "opportunityid",
  ["crm:account"] = "accountid", ["crm:contact"] = "contactid",
  ["crm:lead"] = "leadid" }

-- Collections as they were read, to look at.
local function snapshot(said, from)
  local place, by = {}, {}
  for i, name in ipairs(LOOKED) do
    by[name] = json.decode(said[from + i])
  end
  function place.rows(collection)
    return by[collection]
  end
  function place.row(collection, id)
    for _, row in ipairs(by[collection]) do
      if row[KEYS[collection]] == id then
        return row
      end
    end
    return nil
  end
  return place
end

-- The host writes at any time, so a person looks, acts and looks again in one word.
local function act_of(s)
  local look = {}
  for i, name in ipairs(LOOKED) do
    look[i] = { "rows", { name } }
  end
  return function(name, args)
    local words = { table.unpack(look) }
    words[#look + 1] = { "act", { name = name, args = args } }
    table.move(look, 1, #look, #look + 2, words)
    local ok, said = pcall(s.say, s, "all", words)
    if not ok then
      return nil, tostring(said)
    end
    return json.decode(said[#look + 1]), nil, snapshot(said, 0), snapshot(said, #look + 1)
  end
end

---@return Place
local function place_of(s)
  return {
    act = act_of(s), host = host_of(s),
    rows = function(collection) return s:rows(collection) end,
    row = function(collection, id) return s:row(collection, id) end,
    pending = function() return s:say("pending").deliveries end,
    writes = function() return s:say("pending").writes end,
    kill = function() kill(s) end, net = function(words) net(s, words) end,
    calm = function()
      s:say("fault", { "clear" })
      net(s, "0 0 0 0 0 0 0")
    end,
    sleep = function(ms) host.sleep(math.min(ms // FASTER, LONGEST_MS)) end,
    look_ms = LOOK_MS * FASTER, rest_ms = REST_MS,
  }
end

-- Deals of earlier scenarios of the stage stay; the judge counts those of this one.
local function beside(place, before)
  local out = setmetatable({}, { __index = place })
  function out.rows(collection)
    local rows = {}
    for _, row in ipairs(place.rows(collection)) do
      if not before[row[KEYS[collection] or ""] or ""] then
        rows[#rows + 1] = row
      end
    end
    return rows
  end
  return out
end

local function there(place)
  local out = {}
  for _, name in ipairs { "referral", "crm:opportunity", "crm:lead" } do
    for _, row in ipairs(place.rows(name)) do
      out[row[KEYS[name]]] = true
    end
  end
  return out
end

-- A deal that vanishes before its row is made is looked for during half an hour: too long for real
-- time; the simulated world plays that.
local function lasting(steps)
  local out = {}
  for _, step in ipairs(steps) do
    if step.act ~= "vanish" then
      out[#out + 1] = step
    end
  end
  return out
end

local function scenario(s, seed)
  local place, said = place_of(s), {}
  local way = course.new(beside(place, there(place)),
    { draw = draw, judge = judge, people = people, words = { forms = forms, seen = seen } })
  way:rest()
  local good = way:run(lasting(draw.steps(seed)), function(text) said[#said + 1] = text end)
  if not good then
    error({ check = ("seed %d:\n%s"):format(seed, table.concat(said)) }, 0)
  end
end

local function with_campaign(profile)
  return (profile:gsub("settings = {", 'columns = { campaign = "stepname" },\n  settings = {', 1))
end

return function(t)
  local commands = host.file.getenv("COSELL_COMMANDS") .. "/property"
  for first = 1, SCENARIOS, OF_A_STAGE do
    kit.with({ env = { COSELL_COMMANDS = commands }, edit = with_campaign,
      settings = { duns_field = '"accountnumber"' } }, function(s)
      for seed = first, math.min(first + OF_A_STAGE - 1, SCENARIOS) do
        t.case("property over sockets: seed " .. seed, function() scenario(s, seed) end)
      end
    end)
  end
end

-- `cosell preview --against`: before an edit of a mapping is saved, its blast radius: which of the
-- last deals come to something else under the other files, and to what.  The other files are a
-- folder, or a generation that ran before.  Nothing is written, whatever they say.
local kit = require "commands.kit"
local printed = require "commands.printed"
local rules = require "commands.rules"
local untouched = require "commands.untouched"

local MORE = [[
return { api = 1,
  opportunity = { create = function(d, v) v.stepname = "for " .. d.customer.name end },
  referral = { create = function(d, v) v.campaign = "SPRING" end } }
]]
local DEAL_VALUE = [[
return { write = "estimatedvalue", read = function(crm)
  return crm.estimatedvalue and crm.estimatedvalue + 100
end }
]]

-- Three deals of the CRM that were sent.
local function three(o, body)
  kit.with(o or {}, function(s)
    for i = 1, 3 do
      s:act("create-opportunity", rules.deal { name = "Deal " .. i, value = 1000 * i })
    end
    s:rest()
    body(s)
  end)
end

-- A folder with the running profile and other files.
local function folder(s, name, files)
  local dir = s.dir .. "/" .. name
  assert(host.file.mkdir(dir))
  assert(host.file.write(dir .. "/profile.lua",
    assert(host.file.read(s.profile .. "/profile.lua"))))
  for file, text in pairs(files) do
    assert(host.file.mkdir((dir .. "/" .. file):match("^(.*)/")))
    assert(host.file.write(dir .. "/" .. file, text))
  end
  return dir
end

local function against(t, s, other, ...)
  local words = { "--against", other, ... }
  return untouched.while_looking(t, s, function() return s:command_json("preview", words) end)
end

local function by_place(found)
  local out = {}
  for _, d in ipairs(found.differences) do
    out[d.place] = { d.running or "-", d.other or "-" }
  end
  return out
end

local function deal_value(t)
  three({}, function(s)
    local dir = folder(s, "other", { ["deal_value.lua"] = DEAL_VALUE })
    local got = against(t, s, dir)
    t.eq({ got.compared, #got.deals, got.against }, { 3, 3, dir })
    local values = {}
    for _, one in ipairs(got.deals) do
      values[one.name] = by_place(one)["Partner Center /details/dealValue"]
    end
    t.eq(values, { ["Deal 1"] = { "-", "1100" }, ["Deal 2"] = { "-", "2100" },
      ["Deal 3"] = { "-", "3100" } })
    local one = by_place(got.deals[1])
    t.eq(one["if it came new: Partner Center /details/dealValue"][2]:sub(2), "100")
    t.eq(one["if it came new: opportunity.name"], nil, "what is alike is not named")
    local text = s:command("preview", { "--against", dir })
    t.has(text, "Partner Center /details/dealValue: (left alone) -> 1100")
    t.has(text, "3 of 3 deals differ: generation 1 (running) -> " .. dir .. "; nothing was written")
    kit.quiet(t, s)
  end)
end

local function made_new(t)
  three({}, function(s)
    local dir = folder(s, "other", { ["details.lua"] = MORE })
    local got = against(t, s, dir, "--last", "2")
    t.eq({ got.compared, #got.deals }, { 2, 2 })
    local one = by_place(got.deals[1])
    t.eq(one["if it came new: opportunity.stepname"], { "-", "for Elbe Hafen GmbH" })
    t.eq(one["if it came new: Partner Center /campaignId"], { "-", "SPRING" })
    t.eq(one["Partner Center /campaignId"], nil, "what is sent once is not sent again")
    local id = got.deals[1].deal
    local named = against(t, s, dir, tostring(id))
    t.eq({ named.compared, named.deals[1].deal }, { 1, id })
  end)
end

-- An edit goes live; the generation before it is asked what it would have done.
local function generation(t)
  three({}, function(s)
    assert(host.file.write(s.profile .. "/deal_value.lua", DEAL_VALUE))
    kit.wait("the new generation", function()
      return s:status().generation == 2 and s:idle()
    end)
    local list = s:command_json("preview", { "--generations" })
    t.eq({ #list, list[1].generation, list[1].changed, list[2].generation },
      { 2, 2, { "deal_value" }, 1 })
    t.has((s:command("preview", { "--generations" })), "deal_value.lua")
    local got = against(t, s, "1")
    t.eq(#got.deals, 3)
    for _, one in ipairs(got.deals) do
      t.eq(by_place(one)["Partner Center /details/dealValue"][2], "-", one.name)
    end
    t.eq(#against(t, s, "2").deals, 0, "the running one")
    local text, exit = s:command("preview", { "--against", "7" })
    t.eq(exit, 1, text)
    t.has(text, "the files of generation 7 are not kept")
  end)
end

-- Other files with a mistake are refused with file and line, and those that run go on.
local function refused(t)
  three({}, function(s)
    local dir = folder(s, "other", { ["details.lua"] = "return { api = 1,\n  acount = {} }\n" })
    local text, exit = untouched.while_looking(t, s, function()
      return s:command("preview", { "--against", dir })
    end)
    t.eq(exit, 1)
    t.has(text, "details.lua:2: acount: unknown key `acount`; did you mean `account`?")
    dir = folder(s, "fixed", { ["fixtures/value.json"] =
      '{ "call": "country.to_code", "value": "Japan", "expect": "DE" }' })
    text, exit = s:command("preview", { "--against", dir })
    t.eq(exit, 1, "a fixture fails: " .. text)
    t.has(text, "value")
    t.eq(s:status().generation, 1)
  end)
end

-- Settings of the other folder count as well, though its addresses do not: the records are ours.
local function settings(t)
  three({}, function(s)
    local dir = folder(s, "other", {})
    local text = kit.profile_text(s, s.port, { default_owner = '"Nobody"', audit_max = 900 })
      :gsub(s.base.crm:gsub("%p", "%%%0"), "https://staging.example", 1)
    assert(host.file.write(dir .. "/profile.lua", text))
    local got = against(t, s, dir)
    t.eq(#got.deals, 0, json.encode(got.deals))
    text = kit.profile_text(s, s.port, { duns_field = '"accountnumber"' })
    assert(host.file.write(dir .. "/profile.lua", text))
    t.eq(against(t, s, dir).compared, 3)
  end)
end

-- Who asked goes away in the middle, or the host stops: the other version goes with it.
local function broken_off(t)
  three({}, function(s)
    local dir = folder(s, "other", { ["deal_value.lua"] = DEAL_VALUE })
    for _, ends in ipairs { "caller", "host" } do
      local held = rules.holding(s, "crm", { method = "GET", path = "opportunities",
        delay_ms = 1500 })
      local caller = printed.start(s, { "preview", "--against", dir }, 80)
      held()
      if ends == "caller" then
        caller:kill "KILL"
        caller:wait()
        t.eq(#against(t, s, dir).deals, 3, "and asked again")
      else
        t.eq(s:host_stop().exit, 0, "the host ends as ever")
        caller:wait()
      end
    end
  end)
end

-- The twenty last are kept, each text once.
local function bounded(t)
  kit.with({}, function(s)
    for i = 2, 24 do
      assert(host.file.write(s.profile .. "/details.lua",
        ("return { api = 1, opportunity = { create = { stepname = '%d' } } }\n"):format(i)))
      kit.wait("generation " .. i, function() return s:status().generation == i end)
    end
    local list = s:command_json("preview", { "--generations" })
    t.eq({ #list, list[1].generation, list[20].generation }, { 20, 24, 5 })
    t.eq(list[1].changed, { "details" })
    local copy = s.dir .. "/copy.db"
    s:command("backup", { copy })
    local sh = assert(host.child.start { path = "/bin/sh", argv = { "-c",
      [[sqlite3 "$1" "select count(*) from file_text"]], "sh", copy } })
    sh:wait()
    t.eq(math.tointeger(tonumber(sh:output())), 21, "one profile.lua, twenty details.lua")
  end)
end

return function(t)
  t.case("item 83: another way to read the deal value, deal by deal", function() deal_value(t) end)
  t.case("item 83: what would be made if a deal came new", function() made_new(t) end)
  t.case("item 83: a generation that ran before", function() generation(t) end)
  t.case("item 83: files with a mistake are refused", function() refused(t) end)
  t.case("item 83: another folder's settings, not its addresses", function() settings(t) end)
  t.case("item 83: broken off in the middle", function() broken_off(t) end)
  t.case("item 83: twenty generations are kept", function() bounded(t) end)
end

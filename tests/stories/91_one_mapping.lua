-- Staging and production are two profiles that share one mapping folder: `mapping = "../contoso"`
-- names it.  The host takes over what is saved there, commands read and write there, and settings
-- that both have in common stand there, in settings.lua.
local kit = require "commands.kit"
local printed = require "commands.printed"
local untouched = require "commands.untouched"

local DETAILS = [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "%s " .. d.customer.name
end } }
]]
local FIXTURE = [[
{ "call": "opportunity.create", "d": { "customer": { "name": "Brot" } },
  "expect": { "description": "for Brot" } }
]]

local function put(s, path, text)
  for folder in path:gmatch("()/") do
    assert(host.file.mkdir(s.dir .. "/" .. path:sub(1, folder - 1)))
  end
  assert(host.file.write(s.dir .. "/" .. path, text))
end

-- A host whose profile names the folder; its files are there before.
local function sharing(o, body)
  o.edit = function(text, s)
    for path, content in pairs(o.put) do put(s, path, content) end
    return (text:gsub("^return {", 'return {\n  mapping = "../contoso",'))
  end
  kit.with(o, body)
end

local function run(s, ...)
  local child = assert(host.child.start { argv = { ... }, dir = s.dir })
  while child:line(20000) do end
  local ended = child:wait()
  return child:output(), ended.exit
end

local function refused(s, said)
  kit.wait("a refusal with " .. said, function()
    return (s:status().reload.error or ""):find(said, 1, true)
  end)
end

local function generation(s, n)
  kit.wait("generation " .. n, function()
    local now = s:status()
    return now.generation == n and not now.reload.error
  end)
end

-- ---- The host ----

local function at_work(t)
  sharing({ put = { ["contoso/details.lua"] = DETAILS:format("for") } }, function(s)
    local contoso = s.dir .. "/contoso"
    t.eq(s:status().reload.profile, s.profile)
    s:act("portal-create", { name = "Bakery", value = 1000, currency = "USD",
      customer = { name = "Brot" } })
    s:rest()
    t.has(kit.opportunity(s).notes, "for Brot", "the mapping of the other folder")
    put(s, "contoso/fixtures/brot.json", FIXTURE)
    generation(s, 2)
    t.has(s.host:output(), "generation 2 live, 1 fixture ok; " .. contoso ..
      "/fixtures/brot.json new")
    put(s, "contoso/details.lua", DETAILS:format("from"))
    refused(s, contoso .. "/fixtures/brot.json: ")
    put(s, "contoso/details.lua", "return { api = 1,\n  onwer = 1 }")
    refused(s, contoso .. "/details.lua:2: ")
    put(s, "contoso/details.lua", DETAILS:format("for") .. "-- the same\n")
    generation(s, 3)
    put(s, "profile/details.lua", DETAILS:format("from"))
    refused(s, s.profile .. "/details.lua: is not read, since `mapping` of the profile names " ..
      contoso .. "; move it there")
    assert(host.file.remove(s.profile .. "/details.lua"))
    kit.wait("it is settled", function() return not s:status().reload.error end)
    t.eq(s:status().generation, 3)
  end)
end

-- The profile is pointed at another folder while the host runs; what is wrong is mended there.
local function moved(t)
  sharing({ put = { ["contoso/details.lua"] = DETAILS:format("for") } }, function(s)
    local path = s.profile .. "/profile.lua"
    local text = assert(host.file.read(path))
    put(s, "next/details.lua", "return {")
    assert(host.file.write(path, (text:gsub("%.%./contoso", "../next"))))
    refused(s, s.dir .. "/next/details.lua:1: ")
    put(s, "next/details.lua", DETAILS:format("next:"))
    generation(s, 2)
    assert(host.file.write(path, (text:gsub("%.%./contoso", "../none"))))
    refused(s, s.dir .. "/none: there is no such folder; `mapping` of the profile names it")
    assert(host.file.remove(s.dir .. "/next"))
    put(s, "profile/details.lua", DETAILS:format("own:"))
    assert(host.file.write(path, (text:gsub('mapping = "%.%./contoso",', ""))))
    generation(s, 3)
    s:act("portal-create", { name = "Bakery", value = 1000, currency = "USD",
      customer = { name = "Brot" } })
    s:rest()
    t.has(kit.opportunity(s).notes, "own: Brot", "beside the profile again")
  end)
end

-- ---- settings.lua ----

local function in_common(t)
  sharing({ settings = { audit_max = 900 }, put = { ["contoso/settings.lua"] = [[
return {
  settings = { audit_max = 700, expiry_reminder_days = 5 },
  flows = { dynamics_solutions = false },
  columns = { campaign = "new_campaigncode" },
}
]] } }, function(s)
    local contoso = s.dir .. "/contoso/settings.lua"
    local function current(name) return s:command_json("settings", { name }).current end
    t.eq({ current("expiry_reminder_days"), current("audit_max") }, { 5, 900 },
      "the profile is laid over it")
    t.has(s:command("flows"), "off in the profile")
    for _, wrong in ipairs {
      { 'return {\n  crm = { url = "https://x.example" } }', ":2: crm: is of one place alone: " ..
        "it stands in profile.lua; here stand settings, columns, flows" },
      { 'return {\n  setings = {} }', ":2: setings: unknown key; did you mean `settings`?" },
      { 'return {\n  settings = {\n    audit_max = "x" } }', nil },
      { 'return {\n  settings = {\n    expiry_reminder_days = "x" } }',
        ":3: settings.expiry_reminder_days: is a whole number" },
      { "return {\n  settings = {\n", ":3: unexpected" },
      { "return 1", ": must return a table, not a number" },
      { "return {\n  settings = {\n    audit_maxx = 900 } }",
        ":3: settings.audit_maxx: unknown key; did you mean `audit_max`?" } } do
      put(s, "contoso/settings.lua", wrong[1])
      if wrong[2] then
        refused(s, contoso .. wrong[2])
      else -- what the profile says itself counts, so this is never read
        kit.wait("taken over", function() return not s:status().reload.error end)
      end
    end
    put(s, "contoso/settings.lua", "return { settings = { expiry_reminder_days = 7 } }")
    kit.wait("the new value", function()
      return not s:status().reload.error and current("expiry_reminder_days") == 7
    end)
  end)
end

-- ---- Commands ----

local function commands(t)
  sharing({ put = { ["contoso/details.lua"] = DETAILS:format("for"),
    ["contoso/fixtures/brot.json"] = FIXTURE, ["contoso/.cosell/columns.lua"] = "-- old" } },
    function(s)
      local text, exit = run(s, "check", "--profile", "profile")
      t.eq(exit, 0, text)
      t.has(text, "opportunity.create is yours")
      put(s, "contoso/fixtures/brot.json", (FIXTURE:gsub("for Brot", "of Brot")))
      text, exit = run(s, "check", "--profile", "profile", "--update")
      t.eq(exit, 0, text)
      t.has(text, "contoso/fixtures/brot.json: opportunity.create: 1 difference")
      t.has(assert(host.file.read(s.dir .. "/contoso/fixtures/brot.json")), "for Brot")
      kit.wait("the fixture is right again", function() return not s:status().reload.error end)
      text, exit = s:command("fields", { "--save" })
      t.eq(exit, 0, text)
      t.ok(host.file.exists(s.profile .. "/metadata.json"), "the CRM's copy is the profile's")
      t.has(assert(host.file.read(s.dir .. "/contoso/.cosell/columns.lua")), "---@field")
      put(s, "contoso/.cosell/columns.lua", "-- old")
      text, exit = run(s, "new", "profile", "--stubs")
      t.eq(exit, 0, text)
      t.has(assert(host.file.read(s.dir .. "/contoso/.cosell/columns.lua")), "---@field")
      s:act("portal-create", { name = "Bakery", value = 1000, currency = "USD" })
      s:rest()
      text, exit = untouched.while_looking(t, s, function()
        return s:command("preview", { kit.opportunity(s).id, "--save", "bakery" })
      end)
      t.eq(exit, 0, text)
      t.ok(#host.file.list(s.dir .. "/contoso/fixtures") > 1, "fixtures are the mapping's")
      t.ok(not host.file.exists(s.profile .. "/fixtures"))
      put(s, "other/profile.lua", (assert(host.file.read(s.profile .. "/profile.lua"))
        :gsub("contoso", "next")))
      put(s, "next/details.lua", DETAILS:format("next:"))
      text, exit = s:command("preview", { "--against", s.dir .. "/other" })
      t.eq(exit, 0, text)
      t.has(text, "next: ")
      text, exit = s:command("preview", { "--mapping", s.dir .. "/next" })
      t.eq(exit, 0, text)
      t.has(text, "next: ")
      text, exit = s:command("preview", { "--mapping", s.dir .. "/none" })
      t.eq(exit, 1, text)
      t.has(text, "there is no such folder")
    end)
end

local function watched(t)
  sharing({ host = false, put = { ["contoso/details.lua"] = "return {" } }, function(s)
    local child = printed.start(s, { "check", "--profile", "profile", "--watch" }, 80)
    t.has(printed.line_with(child, "details.lua"), "contoso/details.lua:1: ")
    printed.line_with(child, "waiting for a save")
    put(s, "contoso/details.lua", DETAILS:format("for"))
    t.has(printed.line_with(child, "profile: "), "profile: ok")
    child:kill("INT")
    child:wait()
  end)
end

return function(t)
  t.case("one mapping: a host works with it and takes over what is saved there", function()
    at_work(t)
  end)
  t.case("one mapping: another folder is named, and what is wrong there mended", function()
    moved(t)
  end)
  t.case("one mapping: what both profiles have in common", function() in_common(t) end)
  t.case("one mapping: commands read and write there", function() commands(t) end)
  t.case("one mapping: a check on each save there", function() watched(t) end)
end

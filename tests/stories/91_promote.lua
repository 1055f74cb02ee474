-- An administrator brings a mapping from staging to production: sees what differs, is held up by
-- what does not fit there, says yes, and the host of production runs it; and takes it back.
local kit = require "commands.kit"

local DETAILS = [[
return { api = 1,
  opportunity = { create = function(d, v)
    v.description = "%s " .. d.customer.name
  end },
}
]]
local FIXTURE = [[
{ "call": "opportunity.create", "d": { "customer": { "name": "Brot" } },
  "expect": { "description": "%s Brot" } }
]]
local OLD = { ["details.lua"] = DETAILS:format("old"),
  ["country.lua"] = "return {} -- f\xFCr alle, in Latin-1\n" }
local NEW = { ["details.lua"] = DETAILS:format("new"),
  ["fixtures/brot.json"] = FIXTURE:format("new"),
  ["settings.lua"] = "return { settings = { audit_max = 700 } }\n" }

local function put(s, path, text)
  for folder in path:gmatch("()/") do
    assert(host.file.mkdir(s.dir .. "/" .. path:sub(1, folder - 1)))
  end
  assert(host.file.write(s.dir .. "/" .. path, text))
end

local function read(s, path) return host.file.read(s.dir .. "/" .. path) or false end

-- What stands in a mapping folder, but for what is kept.
local function files(s, folder)
  local out = {}
  for _, below in ipairs { "", "fixtures/" } do
    for _, name in ipairs(host.file.list(s.dir .. "/" .. folder .. "/" .. below) or {}) do
      if name:find("^[^.].*%.%a+$") then
        out[below .. name] = read(s, folder .. "/" .. below .. name)
      end
    end
  end
  return out
end

-- Production (profile/) with the mapping in old/, staging/ with that in new/.
local function staged(o, body)
  o.settings, o.refused = { look_wait = 1 }, true -- the doctor tries the role
  o.edit = function(text, s)
    for name, content in pairs(OLD) do put(s, "old/" .. name, content) end
    for name, content in pairs(o.new or NEW) do put(s, "new/" .. name, content) end
    put(s, "staging/profile.lua", (text:gsub("^return {", 'return { mapping = "../new",')
      :gsub("cosell.db", "staging.db"):gsub("look_wait = 1", "look_wait = 2")))
    return (text:gsub("^return {", 'return { mapping = "../old",'))
  end
  kit.with(o, body)
end

local function run(s, o, ...)
  local child = assert(host.child.start { argv = { "promote", ... }, dir = s.dir,
    input = o.answer ~= nil, env = o.env or { COLUMNS = "400" } })
  if o.answer then assert(child:write(o.answer)) end
  while child:line(30000) do end
  local ended = child:wait()
  return child:output(), ended.exit
end

-- ---- There and back ----

local function mode_of(s, path)
  local child = assert(host.child.start { path = "/usr/bin/stat", argv = { "-c", "%a", path },
    dir = s.dir })
  child:wait()
  return child:output():match("%d+")
end

local function chmod(s, mode, path)
  assert(assert(host.child.start { path = "/bin/chmod", argv = { mode, path }, dir = s.dir })
    :wait().exit == 0)
end

local function there(t, s)
  chmod(s, "640", "old/details.lua")
  local text, exit = run(s, {}, "staging", "profile", "--plan", "--anyway")
  t.eq(exit, 0, text)
  t.has(text, "staging -> profile\n")
  t.has(text, "country.lua  goes\n  @ line 1\n  - return {} -- f?r alle, in Latin-1\n")
  t.has(text, 'details.lua  changes\n  @ line 1\n    return { api = 1,\n' ..
    '      opportunity = { create = function(d, v)\n  -     v.description = "old " .. ' ..
    'd.customer.name\n  +     v.description = "new " .. d.customer.name\n      end },\n')
  t.has(text, "fixtures/brot.json  new\n")
  t.has(text, "settings.audit_max  8000  700\n")
  t.has(text, "stays  settings.look_wait: 2 there, 1 here; staging/profile.lua says it")
  t.has(text, "✔  profile with it: 1 fixture as expected; not held to its CRM: cosell fields " ..
    "--save --profile profile makes")
  t.has(text, "nothing was written (--plan)\n")
  t.eq(files(s, "old"), OLD, "a plan")
  t.ok(not text:find("\27", 1, true), "no colours in a pipe")
  for _, answer in ipairs { "n\n", "\n" } do
    text, exit = run(s, { answer = answer }, "staging", "profile", "--anyway")
    t.eq(exit, 1, text)
    t.has(text, "write 4 files into profile? [y/N] ")
  end
  text, exit = run(s, {}, "staging", "profile", "--anyway")
  t.eq(exit, 1, text)
  t.has(text, "nobody can be asked; --yes writes without")
  t.eq(files(s, "old"), OLD, "nobody said yes")
  text, exit = run(s, { answer = "y\n" }, "staging", "profile", "--anyway")
  t.eq(exit, 0, text)
  t.has(text, "4 files written; back: cosell promote --undo profile\n")
  t.has(text, "the host of profile runs it: generation 2\n")
  t.eq(files(s, "old"), NEW, "unchanged")
  t.eq(mode_of(s, "old/details.lua"), "640", "the mode stays")
  t.eq(s:command_json("settings", { "audit_max" }).current, 700)
end

local function back(t, s)
  local text, exit = run(s, {}, "staging", "profile", "--anyway", "--yes")
  t.eq(exit, 0, text)
  t.has(text, "the files are the same: nothing to copy\n")
  text, exit = run(s, {}, "--undo", "profile", "--plan")
  t.eq(exit, 0, text)
  t.has(text, "before staging, 2")
  t.has(text, "settings.audit_max  700  8000\n")
  t.eq(files(s, "old"), NEW, "a plan")
  text, exit = run(s, {}, "--undo", "profile", "--yes")
  t.eq(exit, 0, text)
  t.has(text, "the host of profile runs it: generation 3\n")
  t.eq(files(s, "old"), OLD)
  text, exit = run(s, {}, "--undo", "profile", "--yes")
  t.eq(exit, 0, text)
  t.eq(files(s, "old"), NEW, "nothing is lost by an undo")
end

-- ---- What does not fit ----

local function refused(t, new, said, meta)
  staged({ host = false, new = new }, function(s)
    if meta then put(s, "profile/metadata.json", meta) end
    local text, exit = run(s, {}, "staging", "profile", "--yes", "--anyway")
    t.eq(exit, 1, text)
    t.has(text, said)
    t.eq(files(s, "old"), OLD, "nothing was written")
    t.ok(not read(s, "old/.promoted.json"))
  end)
end

local function does_not_fit(t)
  refused(t, { ["details.lua"] = "return {" }, "\nnew/details.lua:1: ")
  refused(t, { ["details.lua"] = DETAILS:format("new"),
    ["fixtures/a.json"] = FIXTURE:format("other") }, "the mapping does not fit there")
  refused(t, { ["settings.lua"] = "return { settings = {\n audit_max = 1 } }" },
    "new/settings.lua:2: settings.audit_max: is at least 200")
end

-- The target's CRM lacks what staging's has: its copy tells.
local function target_lacks(t)
  staged({ new = { ["details.lua"] =
    "return { api = 1,\n  opportunity = { create = { new_made_in_staging = \"x\" } } }" } },
    function(s)
      local saved, status = s:command("fields", { "--save" })
      t.eq(status, 0, saved)
      local text, exit = run(s, {}, "staging", "profile", "--yes", "--anyway")
      t.eq(exit, 1, text)
      t.has(text, "\nnew/details.lua:2: ")
      t.has(text, "has no column `new_made_in_staging`")
      t.has(text, "held to its CRM's tables of 2")
      t.eq(files(s, "old"), OLD)
    end)
end

-- ---- Broken off ----

local function broken_off(t)
  staged({ host = false }, function(s)
    put(s, "old/fixtures", "in the way")
    local text, exit = run(s, {}, "staging", "profile", "--yes", "--anyway")
    t.eq(exit, 1, text)
    t.has(text, "old/fixtures: ")
    t.has(text, "what was written stays, and cosell promote --undo profile brings back")
    t.eq(read(s, "old/details.lua"), NEW["details.lua"], "half of it is written")
    assert(host.file.remove(s.dir .. "/old/fixtures"))
    put(s, "new/details.lua", DETAILS:format("newer"))
    put(s, "new/fixtures/brot.json", FIXTURE:format("newer"))
    text, exit = run(s, {}, "staging", "profile", "--yes", "--anyway")
    t.eq(exit, 0, text)
    t.has(text, "no host of profile runs; the next start has it")
    text, exit = run(s, {}, "--undo", "profile", "--yes")
    t.eq(exit, 0, text)
    t.eq(files(s, "old"), OLD, "what stood before both")
  end)
end

-- ---- Doctor ----

-- An installation whose doctor says that.
local function with_doctor(dir, said, status)
  local function copied(from, to)
    assert(host.file.mkdir(to))
    for _, name in ipairs(host.file.list(from)) do
      local path = from .. "/" .. name
      if host.file.exists(path) == "folder" then
        copied(path, to .. "/" .. name)
      else
        assert(host.file.write(to .. "/" .. name, assert(host.file.read(path))))
      end
    end
  end
  local home = host.file.getenv "COSELL_SCRIPTS"
  for _, below in ipairs { "", "/mappings" } do assert(host.file.mkdir(dir .. "/home" .. below)) end
  copied(home, dir .. "/home/scripts")
  copied(home .. "/../mappings/default", dir .. "/home/mappings/default")
  assert(host.file.write(dir .. "/home/scripts/commands/doctor.lua", ([[
    return { help = "x", where = "here", usage = "x", run = function(cmd)
      cmd.out("%s " .. cmd.profile .. "\n")
      return %d
    end }]]):format(said, status)))
  return { COSELL_SCRIPTS = dir .. "/home/scripts", COLUMNS = "400" }
end

local function doctor(t)
  staged({ host = false }, function(s)
    local env = with_doctor(s.dir, "no role for", 1)
    local text, exit = run(s, { env = env }, "staging", "profile", "--yes")
    t.eq(exit, 1, text)
    t.has(text, "✖  cosell doctor --profile profile:\n     no role for profile\n")
    t.has(text, "nothing was written: mend that first, or --anyway")
    t.eq(files(s, "old"), OLD)
    text, exit = run(s, { env = env }, "staging", "profile", "--yes", "--anyway")
    t.eq(exit, 0, text)
    t.eq(files(s, "old"), NEW)
    text, exit = run(s, { env = env }, "--undo", "profile", "--yes")
    t.eq(exit, 0, "the way back asks no doctor: " .. text)
    env = with_doctor(s.dir, "fine", 0)
    text, exit = run(s, { env = env }, "staging", "profile", "--yes")
    t.eq(exit, 0, text)
    t.has(text, "✔  cosell doctor --profile profile: all is well")
  end)
end

-- ---- Words ----

local function usage(t)
  staged({ host = false }, function(s)
    for _, case in ipairs {
      { 2, "usage: cosell promote", "staging" }, { 2, "usage", "a", "b", "c" },
      { 1, "both are the same profile", "profile", "../" .. s.dir:match("[^/]*$") .. "/profile" },
      { 1, "none: No such file", "staging", "none" },
      { 1, "there is no profile.lua in this folder", "new", "profile" },
      { 1, "nothing was promoted into it", "--undo", "profile" } } do
      local text, exit = run(s, {}, table.unpack(case, 3))
      t.eq(exit, case[1], text)
      t.has(text, case[2])
    end
    put(s, "old/.promoted.json", "{}")
    t.has(run(s, {}, "--undo", "profile"), ".promoted.json: is not what cosell promote wrote")
  end)
end

-- Both profiles share one folder: what is tried is what runs.
local function shared(t)
  staged({ host = false }, function(s)
    put(s, "staging/profile.lua", (read(s, "staging/profile.lua"):gsub("%.%./new", "../old")))
    local text, exit = run(s, {}, "staging", "profile", "--anyway")
    t.eq(exit, 0, text)
    t.has(text, "stays  settings.look_wait: 2 there, 1 here")
    t.has(text, "both have one mapping folder: nothing to copy\n")
  end)
end

return function(t)
  t.case("promote: there, and back again", function()
    staged({}, function(s)
      there(t, s)
      back(t, s)
    end)
  end)
  t.case("promote: a mapping that is wrong is not copied", function() does_not_fit(t) end)
  t.case("promote: a CRM that lacks a column is told before", function() target_lacks(t) end)
  t.case("promote: broken off, the way back is still the old one", function() broken_off(t) end)
  t.case("promote: what doctor finds there holds it up", function() doctor(t) end)
  t.case("promote: one mapping folder for both", function() shared(t) end)
  t.case("promote: words that are wrong", function() usage(t) end)
end

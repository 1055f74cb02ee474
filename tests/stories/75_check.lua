-- Somebody writes a mapping with `cosell check` beside the editor: no host, no services, no state.
local files = require "commands.whole_mapping"
local printed = require "commands.printed"

local ROOT = host.file.getenv "COSELL_SCRIPTS" .. "/.."
local BOUND_MS = 10000

local function profile_of(more)
  local dir = host.file.tempdir()
  assert(host.file.mkdir(dir .. "/fixtures"))
  assert(host.file.write(dir .. "/profile.lua",
    assert(host.file.read(ROOT .. "/mappings/sandbox/profile.lua"))))
  for name, text in pairs(more) do
    assert(host.file.write(dir .. "/" .. name, text))
  end
  return dir
end

-- Runs body(dir) in a profile folder that holds these files.
local function with(more, body)
  local dir = profile_of(more)
  local ok, err = pcall(body, dir)
  host.file.remove(dir)
  if not ok then error(err, 0) end
end

-- The program as a person or a CI runs it -> its text, its exit status
local function run(argv, o)
  local child = assert(host.child.start { argv = argv, dir = o and o.dir, env = o and o.env })
  local ended = child:wait()
  return child:output(), ended.exit
end

local function in_ci(t)
  with(files, function(dir)
    local before = table.concat(host.file.list(dir), " ")
    local text, exit = run({ "check" }, { dir = dir })
    t.has(text, "5 fixtures: all as expected\n")
    t.has(text, "\n.: ok\n")
    t.eq(exit, 0, "in its folder")
    text, exit = run({ "check", "--json" }, { env = { COSELL_PROFILE = dir } })
    t.eq({ json.decode(text).ok, exit }, { true, 0 }, "by the environment")
    assert(host.file.write(dir .. "/fixtures/region.json", '{ "call": "opportunity.create", '
      .. '"d": { "customer": { "country": "JP" } }, "expect": { "new_channel": "Microsoft", '
      .. '"new_region": "EMEA" } }'))
    text, exit = run { "check", "--profile", dir }
    t.has(text, dir .. "/fixtures/region.json: opportunity.create: 1 difference\n"
      .. '    new_region  expected "EMEA"\n                got      "APAC"\n')
    t.eq(exit, 1, "a fixture fails")
    text, exit = run { "check", "--profile", dir, "--update" }
    t.has(text, "    expects now what was got\n5 fixtures: 4 as expected, 1 updated\n")
    t.eq(exit, 0, "accepted")
    t.eq(table.concat(host.file.list(dir), " "), before, "nothing else was written")
    text, exit = run { "check", "--profile", dir, "now" }
    t.has(text, "usage: cosell check")
    t.eq(exit, 2, "usage")
  end)
end

local function line_with(child, part)
  local seen, until_ms = {}, host.now_ms() + BOUND_MS
  while host.now_ms() < until_ms do
    local line = child:line(BOUND_MS)
    if not line then break end
    seen[#seen + 1] = line
    if line:find(part, 1, true) then return line end
  end
  error("nothing said " .. part .. ":\n" .. table.concat(seen, "\n"), 0)
end

local function watched(t)
  with(files, function(dir)
    local child = assert(host.child.start { argv = { "check", "--watch" }, dir = dir })
    line_with(child, ".: ok")
    line_with(child, "waiting for a save")
    local good = files["details.lua"]
    local here = assert(host.watch(dir))
    for i = 1, 3 do -- a change that is none of a mapping, heard
      assert(host.file.write(dir .. "/notes.txt", "not looked at " .. i))
      t.ok(here:wait(BOUND_MS), "a change was not heard")
    end
    assert(host.file.write(dir .. "/details.lua", (good:gsub("match =", "mach ="))))
    t.eq(line_with(child, "mach"),
      "./details.lua:7: account.mach: unknown key `mach`; did you mean `match`?")
    line_with(child, ".: 1 thing is wrong")
    line_with(child, "waiting for a save")
    assert(host.file.write(dir .. "/details.lua", good))
    line_with(child, "5 fixtures: all as expected")
    line_with(child, "waiting for a save")
    assert(host.file.write(dir .. "/fixtures/region.json", "{"))
    t.has(line_with(child, "region.json"), "./fixtures/region.json: JSON, line 1")
    line_with(child, "waiting for a save")
    assert(host.file.remove(dir .. "/fixtures/region.json"))
    line_with(child, "4 fixtures: all as expected")
    line_with(child, "waiting for a save")
    t.eq(select(2, child:output():gsub("waiting for a save", "")), 5, "once a save, no more")
    local before = child:output()
    child:kill("INT")
    t.eq({ child:wait().exit, child:output() }, { 1, before }, "Ctrl-C ends it, without a word")
  end)
end

local function looped(t)
  with({ ["details.lua"] = "return { api = 1,\n  owner = function() while true do end end,\n"
    .. "  also = function()\n    error('no rows today') end }\n",
    ["fixtures/a.json"] = '{ "call": "owner", "d": {} }',
    ["fixtures/b.json"] = '{ "call": "also", "d": {} }',
    ["fixtures/c.json"] = '{ "call": "account.match", "d": { "customer": { "name": "Brot" } },'
      .. ' "expect": [[["name", "Brot"]]] }' }, function(dir)
    local text, exit = run({ "check" }, { dir = dir, env = { COLUMNS = "60" } })
    t.has(text, "./fixtures/a.json: ./details.lua:2: took longer than 800 ms\n")
    t.has(text, "./fixtures/b.json: ./details.lua:4: no rows today\n")
    t.has(text, "3 fixtures: 1 as expected, 2 not\n")
    t.eq(exit, 1)
    t.ok(printed.widest(text) > 60, "a message is never cut")
  end)
end

return function(t)
  t.case("check: what a CI sees, and what it writes", function() in_ci(t) end)
  t.case("check: again on each save", function() watched(t) end)
  t.case("check: a function that hangs or raises fails its own fixture", function() looped(t) end)
end

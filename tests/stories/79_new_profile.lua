-- A profile folder of one's own: made by `cosell new`, at work with the practice environment, after
-- a shipped example, with an editor's stubs of the CRM's columns.
local contract = require "contract"
local kit = require "commands.kit"
local profile = require "editor.profile"
local schema = require "schema"
local schema_lines = require "schema_lines"
local stage = require "sim.stage"
local stubs = require "editor.stubs"

-- ---- Running a command here ----

local function run(dir, ...)
  local child = assert(host.child.start { argv = { ... }, dir = dir, env = {
    COSELL_SCRIPTS = host.file.getenv "COSELL_SCRIPTS", PATH = host.file.getenv "PATH" } })
  while child:line(20000) do end
  local ended = child:wait()
  return child:output(), ended.exit
end

-- A folder of its own, gone afterwards.
local function in_folder(body)
  return function(t)
    local dir = host.file.tempdir()
    local ok, err = pcall(body, t, dir)
    host.file.remove(dir)
    if not ok then
      error(err, 0)
    end
  end
end

local function read(path)
  return assert(host.file.read(path))
end

local function loads(t, dir)
  local loaded = assert(host.load(dir))
  t.eq(loaded.problems, {}, "problems of " .. dir)
end

-- ---- What is made ----

local FILES = { ".cosell", ".luacheckrc", ".luarc.json", "country.lua", "deal_value.lua",
  "details.lua", "fixtures", "profile.lua" }

local function made(t, dir)
  local text, exit = run(dir, "new", "mine")
  t.eq(exit, 0, text)
  t.has(text, "cosell sim --write-profile mine")
  t.eq(host.file.list(dir .. "/mine"), FILES)
  t.eq(host.file.list(dir .. "/mine/fixtures"), { profile.FIXTURE:match("[^/]+$") })
  loads(t, dir .. "/mine") -- with its fixture
  local luarc = json.decode(read(dir .. "/mine/.luarc.json"))
  t.eq(luarc["workspace.library"], { stubs.FOLDER })
  local lines = schema_lines.of(read(dir .. "/mine/details.lua"))
  t.ok(lines.api and lines.account, "an error finds its line")
end

local function kept(t, dir)
  run(dir, "new", "mine")
  assert(host.file.write(dir .. "/mine/details.lua", "-- mine"))
  local text, exit = run(dir, "new", "mine")
  t.eq(exit, 1)
  t.has(text, "mine is not empty (it holds .cosell, .luacheckrc, .luarc.json, country.lua and " ..
    "more)")
  t.eq(read(dir .. "/mine/details.lua"), "-- mine")
  assert(host.file.mkdir(dir .. "/hidden"))
  assert(host.file.write(dir .. "/hidden/.git", "x"))
  t.eq(select(2, run(dir, "new", "hidden")), 1, "a hidden file is one too")
  t.eq(#host.file.list(dir .. "/hidden"), 1)
  t.eq(select(2, run(dir, "new", "hidden/.git")), 1, "a file")
  assert(host.file.mkdir(dir .. "/empty"))
  t.eq(select(2, run(dir, "new", "empty")), 0, "an empty folder will do")
  t.eq(select(2, run(dir, "new")), 2)
  t.eq(select(2, run(dir, "new", "a", "--liek", "b")), 2)
end

-- ---- Every example in it works when its hyphens are taken away ----

local TOGETHER = { read = "write", write = "read" } -- one is nothing without the other

-- The text with the hyphens of an example taken away.
local function taken(text, name)
  local before, rest = text:match("^(.*\n%s*)%-%-(" .. name .. " =.*)$")
  return before and before .. rest or text
end

local function examples_work(t, dir)
  run(dir, "new", "mine")
  for _, file in ipairs { "details", "country", "deal_value" } do
    local path = ("%s/mine/%s.lua"):format(dir, file)
    local text, n = read(path), 0
    for line in text:gmatch("[^\n]+") do
      if line:find("^%s*%-%-[^%s-]") then
        local from, to = text:find(line, 1, true)
        local edited = text:sub(1, from - 1) .. line:gsub("%-%-", "", 1) .. text:sub(to + 1)
        local other = file == "deal_value" and TOGETHER[line:match("%-%-([%w_]+)")]
        assert(host.file.write(path, other and taken(edited, other) or edited))
        local loaded = assert(host.load(dir .. "/mine"))
        local said = loaded.problems[1] and loaded.problems[1].text or ""
        -- The one fixture asks for the shipped answer, which one example takes the place of.
        t.ok(said == "" or line:find("match =", 1, true), line .. ": " .. said)
        n = n + 1
      end
    end
    assert(host.file.write(path, text))
    local places = 0
    for _, row in ipairs(contract.places) do
      places = places + (row.file == file and row.place ~= "api" and 1 or 0)
    end
    t.eq(n, places, "examples in " .. file)
  end
end

-- The lines for the real services, taken as the head of profile.lua says.
local function real_lines(text)
  local out = {}
  for line in text:gmatch("[^\n]+") do
    local key = line:match("^%s*%-%-([%w_]+) =")
    if key then
      assert(out[#out]:find("^%s*" .. key .. " ="), "stands below its key: " .. line)
      out[#out] = line:gsub("%-%-", "", 1)
    elseif not line:find("practice only$") then
      out[#out + 1] = line
    end
  end
  return table.concat(out, "\n") .. "\n"
end

local function real(t, dir)
  run(dir, "new", "mine")
  local path = dir .. "/mine/profile.lua"
  local text = real_lines(read(path))
  assert(host.file.write(path, text))
  local loaded = assert(host.load(dir .. "/mine"))
  t.eq(loaded.problems, {}, text)
  t.eq({ loaded.profile.stage, loaded.profile.crm_url, loaded.profile.public_url },
    { "staging", "https://example.crm.dynamics.com", "https://cosell.example.com" })
  t.ok(not text:gsub("%-%-[^\n]*", ""):find("127.0.0.1", 1, true), "nothing of this machine")
  t.ok(#schema.rows > 0)
end

-- ---- At work ----

local function at_work(t, dir)
  run(dir, "new", "mine")
  local mine = dir .. "/mine"
  local s = stage.new { dir = dir, args = { "--write-profile", mine } }
  local ok, err = pcall(function()
    -- This practice environment has other ports than the usual ones.
    local port = kit.free_port()
    local text = read(mine .. "/profile.lua"):gsub("http://127%.0%.0%.1:8101", s.base.tokens)
      :gsub("http://127%.0%.0%.1:8102", s.base.partner):gsub("http://127%.0%.0%.1:8103", s.base.crm)
      :gsub("8100", tostring(port))
    assert(host.file.write(mine .. "/profile.lua", text))
    s:host_start { profile = mine, state = mine .. "/cosell.db", env = { COSELL_LOG = "debug" } }
    s:host_ready()
    kit.registered(s)
    local id = s:act("portal-create", { value = 1000, currency = "USD" }).id
    s:rest()
    t.eq(kit.opportunity(s).identifier, id, "a deal travels")
    t.ok(not s.host:output():find("warn", 1, true), "nothing to warn of:\n" .. s.host:output())
    -- The stubs know the columns once they were saved.
    t.ok(not read(mine .. "/" .. stubs.COLUMNS):find("opportunityratingcode", 1, true))
    local said, exit = s:command("fields", { "--save" })
    t.eq(exit, 0, said)
    local columns = read(mine .. "/" .. stubs.COLUMNS)
    t.has(columns, '---@field opportunityratingcode? "Hot"|"Warm"|"Cold"|integer|cosell.null')
    t.has(columns, "---@field _parentaccountid_value? string")
    t.ok(not columns:find("---@field estimatedvalue_base? number|string|cosell.null", 1, true),
      "read-only")
    assert(host.file.remove(mine .. "/" .. stubs.COLUMNS))
    said, exit = run(dir, "new", "mine", "--stubs")
    t.eq(exit, 0, said)
    t.eq(read(mine .. "/" .. stubs.COLUMNS), columns, "the same from metadata.json")
  end)
  local said = not ok and s.host and s.host:output() or ""
  s:close()
  t.ok(ok, tostring(type(err) == "table" and err.check or err) .. "\n" .. said)
end

-- ---- Stubs without a CRM ----

local function without_columns(t, dir)
  local text, exit = run(dir, "new", "--stubs")
  t.eq(exit, 1)
  t.has(text, "which profile?")
  t.eq(select(2, run(dir, "new", "nothing", "--stubs")), 1)
  run(dir, "new", "mine")
  assert(host.file.remove(dir .. "/mine/.cosell"))
  text, exit = run(dir .. "/mine", "new", "--stubs")
  t.eq(exit, 0, text)
  t.has(text, "without columns")
  t.eq(read(dir .. "/mine/" .. stubs.COLUMNS), stubs.columns())
  t.eq(read(dir .. "/mine/" .. stubs.MAPPING), stubs.mapping())
  assert(host.file.write(dir .. "/mine/metadata.json", "{}"))
  text, exit = run(dir .. "/mine", "new", "--stubs")
  t.eq(exit, 1)
  t.has(text, "metadata.json: is no copy of a CRM's tables")
end

-- ---- After an example ----

-- An installation of its own with two examples.
local function with_examples(dir)
  local scripts = dir .. "/scripts"
  for _, below in ipairs { "", "/mappings", "/mappings/examples" } do
    assert(host.file.mkdir(dir .. below))
  end
  local function copied(from, to)
    assert(host.file.mkdir(to))
    for _, name in ipairs(host.file.list(from)) do
      local path = from .. "/" .. name
      if host.file.exists(path) == "folder" then
        copied(path, to .. "/" .. name)
      else
        assert(host.file.write(to .. "/" .. name, read(path)))
      end
    end
  end
  local home = host.file.getenv "COSELL_SCRIPTS"
  copied(home, scripts)
  copied(home .. "/../mappings/default", dir .. "/mappings/default")
  for name, files in pairs {
    ["value-column"] = { ["deal_value.lua"] = '-- In place of "Deal value\n' ..
      '-- field name".  A column of your own.  More.\nreturn { field = "budgetamount" }\n',
      ["profile.lua"] = "return {}\n" },
    gate = { ["details.lua"] = "-- In place of a condition.\n-- Not all.\nreturn { api = 1,\n" ..
      "  should_sync = function(crm) return crm.name ~= \"x\" end }\n",
      ["fixtures/gate.json"] = '{ "call": "should_sync", "crm": { "name": "y" }, "expect": ' ..
        '{ "sync": true } }' } } do
    local folder = dir .. "/mappings/examples/" .. name
    assert(host.file.mkdir(folder))
    for file, text in pairs(files) do
      local path = folder .. "/" .. file
      assert(host.file.mkdir(path:match("^(.*)/")))
      assert(host.file.write(path, text))
    end
  end
  return scripts
end

local function like(t, dir)
  local scripts = with_examples(dir .. "/home")
  local function new(...)
    local child = assert(host.child.start { argv = { "new", ... }, dir = dir,
      env = { COSELL_SCRIPTS = scripts } })
    while child:line(20000) do end
    local ended = child:wait()
    return child:output(), ended.exit
  end
  local text, exit = new("a", "--like", "value-colum")
  t.eq({ text, exit }, { "cosell new: there is no example 'value-colum'; did you mean " ..
    "'value-column'?\n", 1 })
  t.ok(not host.file.exists(dir .. "/a"), "and nothing was made")
  t.has(new("a", "--like", "zzz"), "there are: gate, value-column")
  text, exit = new("--like", "list")
  t.eq(exit, 0)
  t.has(text, "value-column  A column of your own.\n")
  t.has(text, "gate          Not all.\n")
  text, exit = new("a", "--like", "value-column")
  t.eq(exit, 0, text)
  t.has(text, "as in the example value-column")
  t.has(read(dir .. "/a/deal_value.lua"), 'field = "budgetamount"')
  t.has(read(dir .. "/a/profile.lua"), "Where your systems are", "the profile is its own")
  t.eq(#host.file.list(dir .. "/a/fixtures"), 1)
  loads(t, dir .. "/a")
  text, exit = new("b", "--like", "gate")
  t.eq(exit, 0, text)
  t.eq(host.file.list(dir .. "/b/fixtures"), { "gate.json" }, "the example's own")
  loads(t, dir .. "/b")
end

-- ---- luacheck ----

-- Whether there is such a program: `make lint` installs it.
local function luacheck(dir, ...)
  for folder in (host.file.getenv "PATH" or ""):gmatch("[^:]+") do
    local path = folder .. "/luacheck"
    if host.file.exists(path) == "file" then
      local child = assert(host.child.start { path = path, argv = { "--no-color", ... }, dir = dir,
        env = { PATH = host.file.getenv "PATH", HOME = dir } })
      while child:line(20000) do end
      local ended = child:wait()
      return child:output(), ended.exit
    end
  end
  return nil
end

local function linted(t, dir)
  run(dir, "new", "mine")
  local text, exit = luacheck(dir .. "/mine", ".")
  if not text then
    t.has(read(dir .. "/mine/.luacheckrc"), '"ctx"')
    return
  end
  t.eq(exit, 0, text)
  text, exit = luacheck(dir .. "/mine", "--no-config", "--globals", "ctx", "null",
    "--no-max-line-length", stubs.FOLDER)
  t.eq(exit, 0, "and the stubs are Lua: " .. text)
  assert(host.file.write(dir .. "/mine/details.lua",
    "return { api = 1, owner = function(d) return os.getenv(d.name) end }\n"))
  text, exit = luacheck(dir .. "/mine", ".")
  t.eq(exit, 1, text)
  t.has(text, "accessing undefined variable 'os'")
end

return function(t)
  local function case(name, body)
    t.case("new: " .. name, function() in_folder(body)(t) end)
  end
  case("a folder with everything, and its fixture passes", made)
  case("what is there is never covered", kept)
  case("each example in the files fits the contract", examples_work)
  case("the lines for the real services fit the profile", real)
  case("a host starts with it beside the practice environment, and a deal travels", at_work)
  case("an editor's stubs are written anew", without_columns)
  case("after a shipped example", like)
  case("luacheck knows what a mapping file sees", linted)
end

-- The guide's first section, done as it is written: the deal value comes from another column,
-- checked in a copy, made live in a running host; and the section on the way to production.
local kit = require "commands.kit"
local printed = require "commands.printed"

local GUIDE = "../mappings/README.md"
local COLUMN = "budgetamount" -- of the practice CRM; the guide's new_dealvalue is of nobody's

-- ---- The guide ----

local function section(title)
  local guide = assert(host.file.read(host.file.getenv "COSELL_SCRIPTS" .. "/" .. GUIDE))
  local from = assert(guide:find("\n## " .. title, 1, true), title)
  return guide:sub(from, (guide:find("\n## ", from + 1, true)))
end

-- Its blocks of Lua, with a column that there is.
local function blocks(text)
  local out = {}
  for block in text:gmatch("```lua\n(.-)```") do
    out[#out + 1] = (block:gsub("%f[%w_]new_dealvalue%f[^%w_]", COLUMN))
  end
  return out
end

-- ---- What the administrator does ----

local function sh(s, script)
  local child = assert(host.child.start { path = "/bin/sh", argv = { "-c", script }, dir = s.dir })
  assert(child:wait().exit == 0, child:output())
end

local function run(s, folder, ...)
  local child = assert(host.child.start { argv = { ... }, dir = s.dir,
    env = { COLUMNS = "100", COSELL_PROFILE = s.dir .. "/" .. folder } })
  local ended = child:wait()
  return child:output(), ended.exit
end

-- By name: in the CRM's column, and at Partner Center.
local function values_of(s)
  local rows, out = {}, {}
  for _, o in ipairs(kit.opportunities(s)) do
    rows[o.identifier] = o.row[COLUMN]
  end
  for _, r in ipairs((kit.referrals(s))) do
    out[r.name] = { tonumber(rows[r.id]), tonumber(r.details.dealValue) }
  end
  return out
end

-- ---- The cases ----

local function five_minutes(t)
  local written = blocks(section "Five minutes")
  t.eq(#written, 2, "what the guide says to write")
  kit.with({}, function(s)
    s:act("portal-create", { name = "There before", value = 700, currency = "USD" })
    s:rest()
    s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
      values = { [COLUMN] = 650 } })
    s:rest()
    sh(s, "cp -r profile my-copy")
    local copy = s.dir .. "/my-copy/deal_value.lua"
    assert(host.file.write(copy, (written[1]:gsub("field", "feild", 1))))
    local text, exit = run(s, "my-copy", "check")
    t.has(text, "deal_value.lua:1: feild: unknown key `feild`; did you mean `field`?")
    t.eq(exit, 1)
    assert(host.file.write(copy, written[1]))
    text, exit = run(s, "my-copy", "check")
    t.has(text, ("deal value comes from %s: ok"):format(COLUMN))
    t.eq(exit, 0, text)
    local before = s:status().generation
    local reader = printed.start(s, { "runs", "--follow" }, 100)
    printed.line_with(reader, "created")
    sh(s, "cp my-copy/deal_value.lua profile/")
    t.has(printed.line_with(reader, "generation " .. before + 1),
      "live, no fixtures; deal_value.lua new")
    reader:kill("INT")
    reader:wait()
    t.has((s:command("sync", { "--all", "--apply" })), "deal value")
    s:act("portal-create", { name = "By the new column", value = 800, currency = "USD" })
    s:rest()
    t.eq(values_of(s), { ["By the new column"] = { 800, 800 }, ["There before"] = { 650, 650 } },
      "in the CRM's column, at Partner Center")
    kit.quiet(t, s)
  end)
end

-- The commands that the guide names, as it names them; the answers are the person's.
local function to_production(t)
  local commands = {}
  for line in section("From staging to production"):gmatch("\n       cosell ([^\n]+)") do
    commands[#commands + 1] = line
  end
  t.eq(#commands, 5, "what the guide says to do")
  kit.with({ refused = true }, function(s) -- the doctor tries the role with an empty referral
    sh(s, "mkdir -p staging/fixtures && sed 's/cosell.db/other.db/' profile/profile.lua > " ..
      "staging/profile.lua && echo 'return { settings = { audit_max = 4000 } }' > " ..
      "staging/settings.lua && " ..
      "echo 'return { api = 1, owner = function() return \"Sales\" end }' > staging/details.lua;" ..
      "echo 'return {}' > staging/country.lua && echo 'return {}' > staging/deal_value.lua && " ..
      "echo '{ \"call\": \"owner\", \"d\": {}, \"expect\": \"Sales\" }' > staging/fixtures/o.json")
    sh(s, "mv profile production && ln -s production profile") -- the host's folder, by both names
    local before = s:status().generation
    for i, command in ipairs(commands) do
      local argv = {}
      for word in command:gmatch("%S+") do argv[#argv + 1] = word end
      if argv[1] == "promote" then table.move({ "--yes", "--anyway" }, 1, 2, #argv + 1, argv) end
      local text, exit = run(s, "production", table.unpack(argv))
      t.eq(exit, 0, command .. "\n" .. text)
      if i == 4 then
        local now = s:status()
        t.eq({ now.generation, now.reload.fixtures, #now.reload.changed }, { before + 1, 1, 5 })
        t.eq(s:command_json("settings", { "audit_max" }).current, 4000)
      end
    end
    t.eq(host.file.exists(s.dir .. "/production/details.lua"), false, "back")
    t.eq(s:status().generation, before + 2)
  end)
end

return function(t)
  t.case("story 88: five minutes: the deal value from another column", function()
    five_minutes(t)
  end)
  t.case("story 88: from staging to production", function() to_production(t) end)
end

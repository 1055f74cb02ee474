-- An administrator edits a mapping while the host runs: what became of each save stands in the log,
-- in `cosell status` and among the runs, with the place of every mistake.
local kit = require "commands.kit"
local printed = require "commands.printed"


local GOOD = [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "for " .. d.customer.name .. ", %d"
end } }
]]

local FIXTURE = [[
{ "call": "opportunity.create", "d": { "customer": { "name": "%s" } },
  "expect": { "description": "for %s, %d" } }
]]

-- Reads what no deal has; only a fixture finds it before a deal does.
local RAISES = [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "for " .. d.customer.name
  v.address1_city = d.customer.address.city
end } }
]]

-- Three mistakes in two files.
local DETAILS = "return { api = 1,\n  opportunity = { creat = {} },\n  markz = false,\n}\n"
local COUNTRY = "return {\n  fild = \"new_countryid\",\n}\n"

-- Each question takes long, though not as long as one may; all fixtures together do.
local SLOW = [[
return { api = 1, opportunity = { create = function(d, v)
  local n = 0
  for i = 1, 5000000 do n = n + i end
  v.description = "for " .. d.customer.name .. ", 1"
end } }
]]
local SLOW_FIXTURES = 40

-- ---- What the administrator does and sees ----

local function write(s, name, text)
  assert(host.file.write(s.profile .. "/" .. name, text))
end

-- A whole set in one go: an editor's "save all".
local function save_set(s, n)
  local text = {}
  for _, name in ipairs { "Brot GmbH", "Hana KK" } do
    local path = ("fixtures/%s.json"):format(name:match("%a+"):lower())
    text[#text + 1] = ("printf '%%s' '%s' > %s"):format(FIXTURE:format(name, name, n), path)
  end
  text[#text + 1] = ("printf '%%s' '%s' > details.lua"):format(GOOD:format(n))
  local child = assert(host.child.start { path = "/bin/sh", dir = s.profile,
    argv = { "-c", "mkdir -p fixtures; " .. table.concat(text, "; ") } })
  assert(child:wait().exit == 0, child:output())
end

local function followers(s)
  return { plain = printed.start(s, { "runs", "--follow" }, 80),
    json = printed.start(s, { "runs", "--follow", "--json" }, 80) }
end

local function close(readers)
  for _, child in pairs(readers) do
    child:kill("INT")
    child:wait()
  end
end

-- The next event among the runs, as a program reads it.
local function next_event(readers)
  return json.decode(printed.line_with(readers.json, '"flow":"reload"'))
end

local function status_text(s)
  return (s:command("status"))
end

-- The readers have said something: they are there before the first save.
local function begin(s)
  s:act("portal-create", {})
  s:rest()
  local readers = followers(s)
  printed.line_with(readers.plain, "✔ created")
  printed.line_with(readers.json, '"created"')
  return readers
end

-- ---- The cases ----

local function live(t)
  kit.with({ files = { ["details.lua"] = GOOD:format(1) } }, function(s)
    local readers, before = begin(s), s:status().generation
    t.has(status_text(s), ("mapping    generation %d live for "):format(before))
    t.has(status_text(s), ", no fixtures\n")
    t.has(s.host:output(), s.profile .. ": generation " .. before .. " live, no fixtures\n")
    save_set(s, 2)
    local event = next_event(readers)
    local said = ("generation %d live, 2 fixtures ok; "):format(before + 1)
    t.eq({ event.outcome, event.trigger, event.generation, event.link },
      { "live", "files", before + 1, 0 })
    t.eq({ event.detail.profile, event.detail.fixtures }, { s.profile, 2 })
    table.sort(event.detail.changed)
    t.eq(event.detail.changed, { "details.lua changed", "fixtures/brot.json new",
      "fixtures/hana.json new" })
    t.has(event.detail.text, said)
    t.has(printed.line_with(readers.plain, "✔ live"), " files ")
    t.has(printed.line_with(readers.plain, "generation"), said)
    t.has(s.host:output(), s.profile .. ": " .. said)
    local now = s:status()
    t.eq({ now.reload.generation, now.reload.fixtures, now.reload.error },
      { before + 1, 2, nil })
    t.ok(now.reload.since_ms >= event.at_ms, "since the event")
    t.has(status_text(s), ", 2 fixtures ok\n")
    close(readers)
  end)
end

local function refused(t)
  kit.with({ files = { ["details.lua"] = GOOD:format(1) } }, function(s)
    local readers, before = begin(s), s:status().generation
    save_set(s, 2)
    next_event(readers)
    local stays = (" - generation %d stays"):format(before + 1)
    write(s, "details.lua", RAISES)
    local event = next_event(readers)
    t.eq({ event.outcome, event.generation }, { "refused", before + 1 })
    t.has(event.detail.text, "refused, details.lua:3: attempt to index a nil value (field " ..
      "'address') (fixture brot) (and 1 more)" .. stays)
    t.eq(event.detail.changed, { "details.lua changed" })
    t.eq(#event.detail.problems, 2, "one of each fixture")
    t.eq(event.detail.problems[2].line, 3)
    printed.line_with(readers.plain, "✖ refused")
    t.has(printed.line_with(readers.plain, "details.lua"),
      "refused, details.lua:3: attempt to index a")
    t.has(s.host:output(), s.profile .. ": refused, details.lua:3: attempt to index")
    local text, exit = s:command("status")
    t.eq(exit, 1, "somebody has to look")
    t.has(text, ("is refused, generation %d stays (details.lua changed):\n"):format(before + 1))
    t.has(text, "\n    details.lua:3: attempt to index a nil value (field 'address') (fixture")
    t.has(text, ("mapping    generation %d live for "):format(before + 1))
    write(s, "details.lua", GOOD:format(2))
    event = next_event(readers)
    t.eq({ event.outcome, event.detail.text }, { "live",
      ("the files are again those of generation %d"):format(before + 1) })
    t.ok(not status_text(s):find("refused", 1, true) or
      not status_text(s):find("stays", 1, true), "nothing is left to do")
    close(readers)
  end)
end

-- Every mistake of a set is seen at once, each with its place.
local function all_mistakes(t)
  kit.with({}, function(s)
    local readers = begin(s)
    write(s, "country.lua", COUNTRY)
    next_event(readers)
    write(s, "details.lua", DETAILS)
    local event = next_event(readers)
    local want = { "details.lua:2: opportunity.creat: ", "details.lua:3: markz: ",
      "country.lua:2: fild: " }
    local text, places = status_text(s), {}
    t.eq(#event.detail.problems, 3, "mistakes that are told")
    for i, problem in ipairs(event.detail.problems) do
      places[i] = problem.file:match("[^/]*$") .. ":" .. problem.line
    end
    table.sort(places)
    t.eq(places, { "country.lua:2", "details.lua:2", "details.lua:3" })
    t.eq(#s:status().reload.refused.problems, 3, "in the status")
    printed.line_with(readers.plain, "refused, country.lua:2: fild: ")
    printed.line_with(readers.plain, "refused, details.lua:")
    printed.line_with(readers.plain, "country.lua:2: fild: ")
    for _, part in ipairs(want) do
      t.has(text, "\n    " .. part)
      t.has(readers.plain:output(), part)
    end
    close(readers)
  end)
end

-- Saved without a change, touched, and saved wrong in the same way again: nothing new, no word.
local function nothing_new(t)
  kit.with({ files = { ["details.lua"] = GOOD:format(1) } }, function(s)
    local readers = begin(s)
    local said, last = s.host:output(), tonumber((s:command("last")))
    for _ = 1, 3 do
      write(s, "details.lua", GOOD:format(1))
      s:rest()
    end
    write(s, "details.lua", DETAILS)
    local event = next_event(readers)
    t.eq({ event.outcome, event.id }, { "refused", last + 1 }, "the first word since")
    write(s, "details.lua", DETAILS)
    write(s, "details.lua", DETAILS .. "-- a note\n")
    event = next_event(readers)
    t.eq({ event.outcome, event.id }, { "refused", last + 2 }, "other files, the same mistakes")
    write(s, "details.lua", DETAILS .. "-- a note\n")
    write(s, "details.lua", GOOD:format(3))
    event = next_event(readers)
    t.eq({ event.outcome, event.id }, { "live", last + 3 })
    local log = s.host:output():sub(#said + 1)
    t.eq({ select(2, log:gsub(": refused, ", "")), select(2, log:gsub(" live, ", "")) }, { 2, 1 })
    close(readers)
  end)
end

-- Who follows goes on over every reload, and keeps no old files in memory.
local function slow_fixtures(t)
  kit.with({}, function(s)
    local before, script = s:status().generation, {}
    for n = 1, SLOW_FIXTURES do
      script[n] = ("printf '%%s' '%s' > fixtures/%d.json"):format(
        FIXTURE:format("Hana KK", "Hana KK", 1), n)
    end
    local child = assert(host.child.start { path = "/bin/sh", dir = s.profile,
      argv = { "-c", ("mkdir fixtures\n%s\nprintf '%%s' '%s' > details.lua"):format(
        table.concat(script, "\n"), SLOW) } })
    assert(child:wait().exit == 0, child:output())
    kit.wait("a word of the set", function()
      local reload = s:status().reload
      t.eq(reload.error, nil, "refused")
      return reload.generation > before and reload.fixtures == SLOW_FIXTURES
    end)
  end)
end

local function follows_on(t)
  kit.with({}, function(s)
    local readers, ids = begin(s), {}
    for n = 1, 3 do
      save_set(s, n)
      local event = next_event(readers)
      t.eq(event.outcome, "live")
      ids[n] = event.id
      kit.wait("the old generation's end", function() return s:status().reload.ending == 0 end)
    end
    s:act("portal-create", { name = "After three reloads" })
    printed.line_with(readers.json, "After three reloads")
    printed.line_with(readers.plain, "After three reloads")
    local _, heads = readers.plain:output():gsub("WOKEN BY", "")
    t.eq(heads, 1, "one line of titles")
    local _, lines = readers.plain:output():gsub("✔ live", "")
    t.eq(lines, 3, "each once")
    t.eq(s:status().commands, 3, "two readers and who asks")
    close(readers)
    local behind = s:command_json("runs", { "--after", tostring(ids[2]) })
    t.eq(behind[1].id, ids[2] + 1, "the runs behind one")
  end)
end

local function asked_and_restart(t)
  kit.with({}, function(s)
    local readers, before = begin(s), s:status()
    s.host:kill("HUP")
    local event = next_event(readers)
    t.eq({ event.outcome, event.trigger, event.generation, event.detail.changed },
      { "live", "asked", before.generation, {} }, "asked for, and nothing changed")
    local good = kit.profile_text(s, s.port)
    write(s, "profile.lua", (good:gsub("port = %d+", "port = 1", 1)))
    event = next_event(readers)
    t.eq({ event.outcome, event.detail.needs_restart, event.detail.changed },
      { "live", "listen", { "profile.lua changed" } })
    t.eq(s:status().needs_restart, "listen")
    close(readers)
  end)
end

return function(t)
  t.case("story 87: a save is live: in the log, in status, among the runs", function() live(t) end)
  t.case("story 87: a mapping that raises is refused with its line, the old one stays",
    function() refused(t) end)
  t.case("story 87: each fixture has the whole deadline for itself",
    function() slow_fixtures(t) end)
  t.case("story 87: all mistakes of a set are told", function() all_mistakes(t) end)
  t.case("story 87: what changes nothing is not told", function() nothing_new(t) end)
  t.case("story 87: runs --follow goes on over reloads", function() follows_on(t) end)
  t.case("story 87: asked for by a signal; a member that needs a restart",
    function() asked_and_restart(t) end)
end

-- The guards of a reload: whatever an editor does to the files, what runs is a set that was proved
-- good; a bad one is refused by name, and the old one goes on.
local kit = require "commands.kit"

local GOOD = [[
return { api = 1, opportunity = { create = function(d, v)
  v.description = "%s"
end } }
]]

-- Proves of a mapping which mark it leaves.
local FIXTURE = [[
{ "call": "opportunity.create", "d": { "name": "x" }, "v": {},
  "expect": { "description": "%s" } }
]]

-- ---- What a person's programs do to files ----

-- Runs a script in the profile's folder.
local function sh(s, script, ...)
  local child = assert(host.child.start { path = "/bin/sh",
    argv = { "-c", script, "sh", ... }, dir = s.profile })
  local ended = child:wait()
  assert(ended.exit == 0, child:output())
end

-- How programs save $2 under $1.  Between halves and tries they wait as long as a slow disk does.
local SAVES = {
  { "renames a new file over the old one", 'printf "%s" "$2" > "$1.new" && mv "$1.new" "$1"' },
  { "writes in place", 'printf "%s" "$2" > "$1"' },
  { "puts a byte order mark in front", [[printf '\357\273\277%s' "$2" > "$1"]] },
  { "writes twice", 'printf "%s" "$2" > "$1"; sleep 0.05; printf "%s" "$2" > "$1"' },
  { "writes in halves", [[head=$(printf '%.40s' "$2"); printf '%s' "$head" > "$1"; sleep 0.05
    printf '%s' "${2#"$head"}" >> "$1"]] },
  { "writes the first half, and the other after the reload has looked",
    [[head=$(printf '%.40s' "$2"); printf '%s' "$head" > "$1"; sleep 0.4
    printf '%s' "${2#"$head"}" >> "$1"]] },
  { "removes it and makes it anew", 'rm "$1"; printf "%s" "$2" > "$1"' },
  { "keeps a copy, tries the folder, leaves notes of its own", [[printf x > 4913; rm 4913
    mv "$1" "$1~"; printf '%s' "$2" > "$1"; printf x > ".$1.swp"; ln -sf nobody@nowhere ".#$1"]] },
  { "makes it a symbolic link to a file elsewhere", [[printf '%s' "$2" > ../elsewhere.lua
    ln -s ../elsewhere.lua new; mv -T new "$1"]] },
  { "lets the link lead to another file", [[printf '%s' "$2" > ../elsewhere2.lua
    ln -s ../elsewhere2.lua new; mv -T new "$1"]] },
  { "swaps a link to a folder of files", [[mkdir ../set1; printf '%s' "$2" > "../set1/$1"
    ln -sfn ../set1 .set; ln -s ".set/$1" new; mv -T new "$1"]] },
  { "swaps that link again", [[mkdir ../set2; printf '%s' "$2" > "../set2/$1"
    ln -s ../set2 newset; mv -T newset .set]] },
  { "saves with a mode for the group too", 'rm "$1"; printf "%s" "$2" > "$1"; chmod 660 "$1"' },
}

-- ---- What the host says ----

local function reload(s)
  local status = s:status()
  return status.reload.error, status.generation
end

local function notes_of_a_new_deal(s, name)
  local id = s:act("portal-create", { name = name, customer = "Customer of " .. name }).id
  return kit.wait("the deal " .. name, function()
    for _, o in ipairs(kit.opportunities(s)) do
      if o.identifier == id then
        return o.notes or "none"
      end
    end
  end)
end

local function editors(t)
  kit.with({ files = { ["details.lua"] = GOOD:format("as it was") } }, function(s)
    for i, save in ipairs(SAVES) do
      local _, before = reload(s)
      local mark = "saved " .. i
      sh(s, save[2], "details.lua", GOOD:format(mark))
      kit.wait("the new generation: an editor " .. save[1], function()
        local why, now = reload(s)
        return now > before and why == nil
      end)
      t.eq(notes_of_a_new_deal(s, "Deal " .. i), mark, save[1])
    end
    t.eq(#s:status().failed, 0, "dead letters")
  end)
end

-- What is refused: how it comes to be, what is said, how it is mended.
local BAD = {
  { "an empty file", "> details.lua", { "details.lua", "must return a table" } },
  { "half a file", "head -c 60 details.lua > x; mv x details.lua", { "details.lua:2" } },
  { "a file of zeros", "head -c 4096 /dev/zero > details.lua", { "details.lua:1" } },
  { "bytecode", [[printf '\033Lua\124\000' > details.lua]], { "details.lua", "binary" } },
  { "a folder of that name", "rm details.lua; mkdir details.lua",
    { "details.lua", "not a plain file" }, "rmdir details.lua" },
  { "a link to nothing", "ln -sf nowhere.lua details.lua", { "details.lua", "No such file" } },
  { "a link to itself", "rm details.lua; ln -s details.lua details.lua",
    { "details.lua", "symbolic links" } },
  { "a link to a device", "ln -sf /dev/zero details.lua", { "details.lua", "not a plain file" } },
  { "a pipe", "rm details.lua; mkfifo details.lua", { "details.lua", "not a plain file" },
    "rm details.lua" },
  { "a file that everybody may write", "chmod 666 details.lua", { "details.lua", "everybody" },
    "chmod 644 details.lua" },
  { "a file above 256 KiB", "{ cat details.lua; printf -- --; head -c 262144 /dev/zero; } > x; " ..
    "mv x details.lua", { "details.lua", "256 KiB" } },
  { "an answer that is not the fixture's", "mkdir -p fixtures; cp ../fixture.json fixtures/a.json",
    { "fixtures/a.json", "opportunity.create: at description", "as it was", "as it shall be" },
    "rm fixtures/a.json" },
  { "a fixture cut in half", "mkdir -p fixtures; head -c 50 ../fixture.json > fixtures/a.json",
    { "fixtures/a.json", "JSON" }, "rm fixtures/a.json" },
  { "a fixture that runs for ever", "mkdir -p fixtures; cp ../fixture.json fixtures/a.json; " ..
    "cp ../forever.lua details.lua", { "details.lua:2", "longer" }, "rm fixtures/a.json" },
  { "no profile.lua", "mv profile.lua ../kept", { "there is no profile.lua" },
    "mv ../kept profile.lua" },
  { "an empty profile.lua", "cp -p profile.lua ../kept; > profile.lua",
    { "profile.lua", "must return a table" }, "mv ../kept profile.lua" },
  { "half a profile.lua", "cp -p profile.lua ../kept; head -c 100 ../kept > profile.lua",
    { "profile.lua" }, "mv ../kept profile.lua" },
}

local FOREVER = GOOD:gsub("v.description[^\n]*", "while true do end")

local function refusals(t)
  local good = GOOD:format("as it was")
  kit.with({ files = { ["details.lua"] = good } }, function(s)
    assert(host.file.write(s.dir .. "/fixture.json", FIXTURE:format("as it shall be")))
    assert(host.file.write(s.dir .. "/forever.lua", FOREVER))
    local _, before = reload(s)
    for i, bad in ipairs(BAD) do
      sh(s, bad[2])
      local why = kit.wait("the refusal of " .. bad[1], function() return (reload(s)) end)
      for _, part in ipairs(bad[3]) do
        t.has(why, part, bad[1])
      end
      if i % 6 == 1 then
        t.eq(notes_of_a_new_deal(s, "Under " .. bad[1]), "as it was", bad[1])
      end
      sh(s, (bad[4] or "true") .. '; printf "%s" "$1" > x && mv x details.lua', good)
      kit.wait("the refusal taken back: " .. bad[1], function() return not reload(s) end)
      t.eq(select(2, reload(s)), before, "generation after " .. bad[1])
    end
    t.eq(notes_of_a_new_deal(s, "After all"), "as it was")
    t.eq(#s:status().failed, 0, "dead letters")
    t.eq(select(2, s.host:output():gsub(": refused, ", "")), #BAD, "refusals in the log")
  end)
end

-- ---- A thousand swaps ----

local SWAPS, PART, DEALS = 1000, 50, 3 -- deals in each part; a part ends with a good set

-- A set is a mapping and the fixture that proves its mark; what is bad of it would leave "bad N".
local SETS = {
  good = function(i) return GOOD:format("good " .. i), "good " .. i end,
  other_fixture = function(i) return GOOD:format("bad " .. i), "good " .. i end,
  syntax = function(i)
    return (GOOD:format("bad " .. i):gsub("end }", "end end }")), "bad " .. i
  end,
  unknown = function(i) return (GOOD:format("bad " .. i):gsub("create", "creat")), "bad " .. i end,
  raises = function(i) return "local x = nil + 1\n" .. GOOD:format("bad " .. i), "bad " .. i end,
  other_api = function(i) return (GOOD:format("bad " .. i):gsub("= 1", "= 2")), "bad " .. i end,
  half = function(i, dice)
    local whole = GOOD:format("bad " .. i)
    return whole:sub(1, dice(#whole - 2)), "bad " .. i
  end,
  empty = function(i) return "", "bad " .. i end,
}
local KINDS = { "good", "good", "good", "good", "other_fixture", "syntax", "unknown", "raises",
  "other_api", "half", "empty" }

-- xorshift: the same seed is the same run everywhere.
local function dice_of(seed)
  local x = seed
  return function(n)
    x = x ~ (x << 13)
    x = x ~ (x >> 7)
    x = x ~ (x << 17)
    return (x >> 1) % n + 1
  end
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local WRITES = {
  "put() { printf '%s' \"$2\" > \"$1\"; }", -- in place
  "put() { printf '%s' \"$2\" > x && mv x \"$1\"; }",
  "put() { printf '%.30s' \"$2\" > \"$1\"; printf '%s' \"$2\" > \"$1\"; }", -- twice
  -- A set without its fixture would be a good one.
  "put() { [ $1 != details.lua ] || rm -f $1; printf '%s' \"$2\" > \"$1\"; }",
}

-- The script that swaps sets from..to; some are asked for at once, the others are heard of.
local function swaps(dice, pid, from, to)
  local out = {}
  for i = from, to do
    local mapping, mark = SETS[i == to and "good" or KINDS[dice(#KINDS)]](i, dice)
    local puts = { "put details.lua " .. quoted(mapping),
      "put fixtures/mark.json " .. quoted(FIXTURE:format(mark)) }
    local first = dice(2)
    out[#out + 1] = WRITES[dice(#WRITES)]
    out[#out + 1] = puts[first]
    if dice(8) == 1 then
      out[#out + 1] = "kill -HUP " .. pid -- in the middle of a set
    end
    out[#out + 1] = puts[3 - first]
    if i == to or dice(2) == 1 then
      out[#out + 1] = "kill -HUP " .. pid
    end
    if dice(4) == 1 then
      out[#out + 1] = ("sleep 0.%03d"):format(dice(40))
    end
  end
  return table.concat(out, "\n") .. "\n"
end

-- One part of the swaps, with deals that come in meanwhile; its last set, a good one, must run.
local function swap_part(t, s, dice, from)
  local _, before = reload(s)
  assert(host.file.write(s.dir .. "/swaps", swaps(dice, s.host:pid(), from, from + PART - 1)))
  local writer = assert(host.child.start { path = "/bin/sh", argv = { s.dir .. "/swaps" },
    dir = s.profile })
  for i = from, from + DEALS - 1 do
    s:act("portal-create", { name = "Deal " .. i, customer = "Customer " .. i })
  end
  t.eq(writer:wait(), { exit = 0 }, writer:output())
  kit.wait("the set " .. from + PART - 1, function()
    local why, now = reload(s)
    return now > before and why == nil
  end)
end

-- Which generation made each row at its first try; a later one takes over what an earlier began.
local function generations_of_rows(s)
  local out, tried = {}, {}
  for _, run in ipairs(s:runs(10000)) do
    if run.outcome == "created" then
      out[run.detail.row] = run
    elseif run.outcome:find("failed", 1, true) then
      tried[run.link] = true
    end
  end
  for row, run in pairs(out) do
    out[row] = { number = run.generation, first = not tried[run.link] }
  end
  return out
end

local function check_marks(t, s)
  local by_row, marks, rows, used = generations_of_rows(s), {}, {}, 0
  for _, o in ipairs(kit.opportunities(s)) do
    local by = by_row[o.id]
    t.ok(o.notes and o.notes:find("^good %d+$"), o.name .. " has " .. tostring(o.notes))
    t.ok(by, o.name .. " was made by no run")
    if by.first then
      t.eq(o.notes, marks[by.number] or o.notes, ("%s by generation %d"):format(o.name, by.number))
      used = used + (marks[by.number] and 0 or 1)
      marks[by.number] = o.notes
    end
    t.ok(not rows[o.identifier], "two rows for one deal")
    rows[o.identifier] = o
  end
  return rows, used
end

local function swapped_under_load(t, seed)
  kit.with({ files = { ["details.lua"] = GOOD:format("good 0") },
    settings = { brake_percent = 0 } }, function(s)
    local accounts, dice, deals = #s:rows("crm:account"), dice_of(seed), SWAPS // PART * DEALS
    sh(s, "mkdir fixtures")
    for from = 1, SWAPS, PART do
      swap_part(t, s, dice, from)
    end
    kit.wait("all deals", function() return #kit.opportunities(s) >= deals end)
    kit.wait("the last set", function() -- the one before it may be good too, and run a moment
      deals = deals + 1
      return notes_of_a_new_deal(s, "The last " .. deals) == "good " .. SWAPS
    end)
    s:rest()
    local ours, rows, used = kit.referrals(s), check_marks(t, s)
    t.eq(#ours, deals, "referrals")
    t.eq(#kit.opportunities(s), deals, "opportunities")
    for _, r in ipairs(ours) do
      t.eq(r.externalReferenceId, rows[r.id] and rows[r.id].id, r.name)
    end
    t.eq(#s:rows("crm:account"), accounts + deals, "accounts")
    t.eq(#s:status().failed, 0, "dead letters")
    local refused = select(2, s.host:output():gsub(": refused, ", ""))
    local least = kit.sanitised and 3 or 10 -- a slow host skips sets that others replaced meanwhile
    t.ok(refused >= least and used >= 3,
      ("too few: %d refused, %d made deals"):format(refused, used))
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("guard 4: editors that rename, write in place, twice, in halves, by links: what stands " ..
    "there in the end runs", function() editors(t) end)
  t.case("guard 4: empty, half-written, deleted, linked, forbidden files and failed fixtures " ..
    "are refused by name, the old set runs", function() refusals(t) end)
  local seed = math.tointeger(tonumber(host.file.getenv "COSELL_SEED" or "")) or
    string.unpack("<I4", host.random(4)) + 1
  t.case(("guard 4: 1,000 swaps of good and bad sets under load (COSELL_SEED=%d)"):format(seed),
    function() swapped_under_load(t, seed) end)
end

-- Item 69: the mark in a deal's name.  As the mapping's `marks` says, in front or behind; off by
-- the setting; never sent, never doubled, cut with the name; what stood there before goes.
local kit = require "commands.kit"
local rules = require "commands.rules"

local BACK = [[return { api = 1, marks = { ok = " (ok)", failed = " (!)", place = "back" } }]]
local OWN = [[return { api = 1, marks = { ok = "[ok] ", failed = "[no] ", place = "front" } }]]
local WORDS = [[return { api = 1, marks = { ok = "OK ", failed = "NG ", place = "front" } }]]
local NONE = [[return { api = 1, marks = false }]]
local MAX = 300 -- of the name column

local function names(s, row, deal)
  return { kit.opportunity(s, row).name, rules.referral(s, deal).name }
end

-- A new generation with this details.lua, or these settings.
local function reloaded(s, details, settings)
  local before = s:status().generation
  if details then
    assert(host.file.write(s.profile .. "/details.lua", details))
  end
  if settings then
    assert(host.file.write(s.profile .. "/profile.lua", kit.profile_text(s, s.port, settings)))
  end
  kit.wait("the new generation", function() return s:status().generation > before end)
end

local OFF = { display_check_mark = "false" }

local function with(details)
  return { files = { ["details.lua"] = details } }
end

-- Sent, refused, renamed on both sides, over and over: one mark, and none at Partner Center.
local function placed(t, details, ok, failed)
  rules.sent(with(details), function(s, row, deal)
    t.eq(names(s, row, deal), { ok "Harbour", "Harbour" }, "sent")
    for i = 1, 3 do
      rules.edit(s, row, { name = ok(ok("Harbour " .. i)) })
      s:rest()
      t.eq(names(s, row, deal), { ok("Harbour " .. i), "Harbour " .. i }, "renamed in the CRM")
      s:act("edit", { id = deal, name = "Portal " .. i })
      s:rest()
      t.eq(names(s, row, deal), { ok("Portal " .. i), "Portal " .. i }, "renamed in the portal")
    end
    local poor = s:act("create-opportunity", rules.deal { name = "Poor", solutions = {} }).id
    s:rest()
    t.eq(kit.opportunity(s, poor).name, failed "Poor", "refused")
    rules.edit(s, row, { name = ("n"):rep(MAX) })
    s:rest()
    local long = kit.opportunity(s, row).name
    t.eq(utf8.len(long), MAX, "the column's length, with the mark")
    t.eq(long, ok(("n"):rep(MAX - utf8.len(ok ""))))
    t.eq(rules.referral(s, deal).name, ("n"):rep(MAX), "whole at Partner Center")
    kit.quiet(t, s)
  end)
end

local function back(mark)
  return function(name) return name .. mark end
end

local function front(mark)
  return function(name) return mark .. name end
end

-- A mark of letters is no part of a longer word.
local function letters(t)
  local o = with(WORDS)
  o.deal = { name = "NGO school" }
  rules.sent(o, function(s, row, deal)
    t.eq(names(s, row, deal), { "OK NGO school", "NGO school" })
    rules.edit(s, row, { name = "OK OKAYAMA depot" })
    s:rest()
    t.eq(names(s, row, deal), { "OK OKAYAMA depot", "OKAYAMA depot" })
    kit.quiet(t, s)
  end)
end

-- Switched off, nothing is written for that alone; with a deal's next write its mark goes.
local function off_by_and_by(t)
  rules.sent({}, function(s, row, deal)
    reloaded(s, nil, OFF)
    local writes = kit.writes(s)
    s:rest()
    t.eq({ kit.writes(s), kit.opportunity(s, row).name }, { writes, "✔ Harbour" }, "left alone")
    kit.describe(s, row, "an edit")
    s:rest()
    t.eq(names(s, row, deal), { "Harbour", "Harbour" })
    t.ok(not kit.opportunity(s, row).audit:find("deal name", 1, true), "no rename")
    kit.quiet(t, s)
    reloaded(s, nil, {})
    writes = kit.writes(s)
    s:rest()
    t.eq(kit.writes(s), writes, "nothing is written only to restore a mark")
    kit.describe(s, row, "another")
    s:rest()
    t.eq(names(s, row, deal), { "✔ Harbour", "Harbour" }, "on again")
  end)
end

-- All at once, when an administrator asks: sent, refused and won deals, others not.
local function off_at_once(t)
  rules.sent({}, function(s, row, deal)
    local poor = s:act("create-opportunity", rules.deal { name = "Poor", solutions = {} }).id
    local won = s:act("create-opportunity", rules.deal { name = "Won" }).id
    s:rest()
    s:act("win", { id = won })
    s:rest()
    t.eq(kit.opportunity(s, poor).name, "✖ Poor")
    reloaded(s, nil, OFF)
    s:rest()
    local report = s:command_json("sync", { "--all" })
    t.eq({ report.marked, report.differ }, { 3, 0 }, "found")
    t.eq(s:command_json("sync", { "--all", "--apply" }).brake, json.null, "no pause")
    s:rest()
    t.eq(names(s, row, deal), { "Harbour", "Harbour" })
    t.eq({ kit.opportunity(s, poor).name, kit.opportunity(s, won).name }, { "Poor", "Won" })
    t.eq(s:command_json("sync", { "--all" }).marked, 0, "none is left")
    kit.quiet(t, s)
  end)
end

-- Other marks in the mapping, or none: the old ones go with the next write, and are never sent.
local function changed(t, details, after)
  rules.sent({}, function(s, row, deal)
    reloaded(s, OWN)
    kit.describe(s, row, "one")
    s:rest()
    t.eq(names(s, row, deal), { "[ok] Harbour", "Harbour" }, "the mapping's own")
    reloaded(s, details)
    s:rest()
    t.eq(rules.referral(s, deal).name, "Harbour", "no rename")
    kit.describe(s, row, "two")
    s:rest()
    t.eq(names(s, row, deal), { after, "Harbour" })
    rules.edit(s, row, { name = "✔ [no] Renamed" })
    s:rest()
    t.eq(names(s, row, deal), { (after:gsub("Harbour", "Renamed")), "Renamed" })
    kit.quiet(t, s)
  end)
end

-- A lead carries its mark until somebody looks at it after the switch.
local function lead_off(t)
  rules.lead_arrived(function(s, deal, lead)
    t.has(lead.subject, "✔ ")
    reloaded(s, nil, OFF)
    s:act("edit", { table = "lead", id = lead.leadid, values = { mobilephone = "+81 1" } })
    s:rest()
    local now = s:rows("crm:lead")[1]
    t.eq({ "✔ " .. now.subject, now[rules.AUDIT] }, { lead.subject, lead[rules.AUDIT] })
    t.eq(rules.stands(s, deal), "New/Pending")
    kit.quiet(t, s)
  end)
end

-- The state is new: what the original connector put in front of a name is a mark as well.
local function of_the_original(t)
  local o = with(NONE)
  o.deal = { name = "✖ Harbour" }
  rules.sent(o, function(s, row, deal)
    t.eq(names(s, row, deal), { "Harbour", "Harbour" })
  end)
end

return function(t)
  t.case("item 69: marks behind the name", function()
    placed(t, BACK, back " (ok)", back " (!)")
  end)
  t.case("item 69: marks of the mapping's own", function()
    placed(t, OWN, front "[ok] ", front "[no] ")
  end)
  t.case("item 69: a mark of letters is no part of a word", function() letters(t) end)
  t.case("item 69: switched off, a mark goes with the next write; on again, it is back with one",
    function() off_by_and_by(t) end)
  t.case("item 69: switched off, all marks go by cosell sync --all --apply",
    function() off_at_once(t) end)
  t.case("item 69: switched off, a lead loses its mark", function() lead_off(t) end)
  t.case("item 69: other marks in the mapping take the old ones off",
    function() changed(t, BACK, "Harbour (ok)") end)
  t.case("item 69: marks = false takes them off", function() changed(t, NONE, "Harbour") end)
  t.case("item 69: marks of the original connector go", function() of_the_original(t) end)
end

-- Situation 19: the mark in a deal's name.  Whatever a seller does to it is no change of the name;
-- it is back with the next real write; a long name is cut with its mark, and not sent back cut.
local kit = require "commands.kit"

local NAME = "Plant sensor rollout"
local MAX = 300 -- the column's length

local function rename(s, row, name)
  s:act("edit", { table = "opportunity", id = row, values = { name = name } })
end

local function names(s)
  return { kit.opportunity(s).name, kit.referrals(s)[1].name }
end

-- The column counts as UTF-16 does.
local function units(text)
  local n = 0
  for _, point in utf8.codes(text) do
    n = n + (point > 0xFFFF and 2 or 1)
  end
  return n
end

-- Nothing is written for the mark alone, and the next write has it right; from_portal: who writes.
local function meddled(t, spelled, from_portal)
  kit.started(function(s, deal, row)
    rename(s, row, spelled)
    local writes = kit.writes(s)
    s:rest()
    t.eq(kit.writes(s), writes, "writes for a mark")
    t.eq(names(s), { spelled, NAME })
    kit.quiet(t, s)
    if from_portal then
      s:act("edit", { id = deal, notes = "next" })
    else
      kit.describe(s, row, "next")
    end
    s:rest()
    t.eq(names(s), { "✔ " .. NAME, NAME }, "back with the next write")
    t.ok(not kit.opportunity(s).audit:find("deal name", 1, true), kit.opportunity(s).audit)
    kit.quiet(t, s)
  end)
end

-- The seller renames the deal and forgets the mark, or writes it oddly.
local function renamed(t, spelled)
  kit.started(function(s, _, row)
    rename(s, row, spelled)
    s:rest()
    t.eq(names(s), { "✔ Renamed", "Renamed" })
    kit.quiet(t, s)
  end)
end

-- A mark that is not ours is part of the name, at both ends of it.
local function others_marks(t)
  kit.started(function(s, _, row)
    rename(s, row, "✔ ★ Renamed ✔")
    s:rest()
    t.eq(names(s), { "✔ ★ Renamed ✔", "★ Renamed ✔" })
    kit.quiet(t, s)
  end)
end

-- The portal's own user writes a mark.
local function mark_in_the_portal(t)
  kit.started(function(s, deal)
    s:act("edit", { id = deal, name = "✔ " .. NAME })
    s:rest()
    t.eq(kit.opportunity(s).name, "✔ " .. NAME, "one mark")
    kit.quiet(t, s)
  end)
end

-- character: what a long name is made of; edited: made short, then renamed in the portal
local function long(t, character, edited)
  kit.with({}, function(s)
    local name = "Long " .. character:rep(400)
    local deal = s:act("portal-create", { name = edited and "Short" or name, notes = "a" }).id
    s:rest()
    if edited then
      s:act("edit", { id = deal, name = name })
      s:rest()
    end
    local o = kit.opportunity(s)
    t.eq(o.name:sub(1, #"✔ Long "), "✔ Long ")
    local left = MAX - units(o.name)
    t.ok(left >= 0 and left < units(character), "cut to the column: " .. units(o.name))
    t.eq(kit.referrals(s)[1].name, name, "whole at Partner Center")
    kit.quiet(t, s)
    kit.describe(s, o.id, "b")
    s:rest()
    local r = kit.referrals(s)[1]
    t.eq({ r.details.notes, r.name }, { "b", name }, "not sent back cut")
    t.eq(kit.opportunity(s).name, o.name)
    kit.quiet(t, s)
  end)
end

-- A seller fills the column to its end without a mark: room is made for it; the name is whole at
-- Partner Center.
local function filled_in_the_crm(t)
  kit.started(function(s, _, row)
    local name = ("n"):rep(MAX)
    rename(s, row, name)
    s:rest()
    t.eq(names(s), { "✔ " .. ("n"):rep(MAX - 2), name })
    kit.quiet(t, s)
    kit.describe(s, row, "b")
    s:rest()
    t.eq(kit.referrals(s)[1].name, name, "not sent back cut")
    kit.quiet(t, s)
  end)
end

return function(t)
  for _, case in ipairs { { "deleted", "" }, { "without its space", "✔" }, { "doubled", "✔ ✔ " },
    { "made the other one", "✖ " }, { "given a colour", "✔\u{FE0F} " },
    { "set apart", "  ✔   " } } do
    t.case("situation 19: the mark is " .. case[1] .. ", the CRM writes next",
      function() meddled(t, case[2] .. NAME, false) end)
  end
  t.case("situation 19: the mark is deleted, the portal writes next",
    function() meddled(t, NAME, true) end)
  t.case("situation 19: renamed without a mark", function() renamed(t, "Renamed") end)
  t.case("situation 19: renamed with two marks", function() renamed(t, "✔✖ Renamed") end)
  t.case("situation 19: another mark is the name's own", function() others_marks(t) end)
  t.case("situation 19: a mark that the portal writes is not doubled",
    function() mark_in_the_portal(t) end)
  t.case("situation 19: a long name is made cut, with its mark", function() long(t, "n") end)
  t.case("situation 19: a long name comes later, cut with its mark",
    function() long(t, "n", true) end)
  t.case("situation 19: a long name of Japanese letters", function() long(t, "海") end)
  t.case("situation 19: a long name of letters that count twice", function() long(t, "🚢") end)
  t.case("situation 19: a name that fills the column in the CRM",
    function() filled_in_the_crm(t) end)
end

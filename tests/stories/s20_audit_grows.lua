-- Situation 20: the audit text grows.  It holds at most 8,000 characters, or what the setting or
-- the column allows, newest first; the whole history is in our state.
local kit = require "commands.kit"

local WIDE = ("w"):rep(100)

local function units(text)
  local n = 0
  for _, point in utf8.codes(text) do
    n = n + (point > 0xFFFF and 2 or 1)
  end
  return n
end

-- Edits number from..to, each worth a long line; they come from both sides in turn.
local function edits(s, deal, row, from, to, filler)
  for i = from, to do
    local text = ("edit %d %s"):format(i, filler)
    if i % 2 == 0 then
      s:act("edit", { table = "opportunity", id = row,
        values = { name = "✔ name " .. text, description = text } })
    else
      s:act("edit", { id = deal, name = "name " .. text, notes = text })
    end
    s:rest()
  end
end

-- The numbers of the edits that a text tells of, in its order.
local function told(text)
  local out, seen = {}, {}
  for n in text:gmatch("→ edit (%d+)") do
    if not seen[n] then
      out[#out + 1], seen[n] = math.tointeger(tonumber(n)), true
    end
  end
  return out
end

local function newest_first(t, audit, last)
  local numbers = told(audit)
  t.eq(numbers[1], last, "the newest edit comes first")
  for i = 2, #numbers do
    t.eq(numbers[i], numbers[i - 1] - 1, "the next one")
  end
  return numbers[#numbers]
end

local function history(s, deal)
  local texts = {}
  for i, note in ipairs(s:command_json("deal", { deal }).history) do
    texts[i] = note.text
  end
  return table.concat(texts, "\n")
end

local function bounded(t, o)
  kit.with({ settings = o.settings }, function(s)
    local deal = s:act("portal-create", { name = "Short", notes = "a" }).id
    s:rest()
    local row = kit.opportunity(s).id
    edits(s, deal, row, 1, o.edits, o.filler)
    local audit = kit.opportunity(s).audit
    t.ok(units(audit) <= o.most, "length " .. units(audit))
    t.ok(units(audit) > o.most - 1000, "no more is cut than must be: " .. units(audit))
    local oldest = newest_first(t, audit, o.edits)
    t.ok(oldest > 1, "it is cut")
    t.ok(not audit:find("Created from Partner Center", 1, true), "the oldest lines go first")
    t.ok(utf8.len(audit), "cut at the end of a character")
    kit.quiet(t, s)
    local whole = history(s, deal)
    t.eq(#told(whole), o.edits, "edits that the whole history tells")
    t.has(whole, "Created from Partner Center", "the whole history")
  end)
end

-- What a person writes into the column stays where it is until it is pushed out; it is no change.
local function written_by_a_person(t)
  kit.started(function(s, _, row)
    s:act("edit", { table = "opportunity", id = row,
      values = { msft_microsoftpartnercenterreferralsyncaudit = "cleared by a person" } })
    local writes = kit.writes(s)
    s:rest()
    t.eq(kit.writes(s), writes, "writes for the audit text alone")
    kit.describe(s, row, "next")
    s:rest()
    local audit = kit.opportunity(s).audit
    t.has(audit, "notes")
    t.has(audit, "\ncleared by a person")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 20: the audit text ends at 8,000, the history does not", function()
    bounded(t, { edits = 24, filler = WIDE, most = 8000 })
  end)
  t.case("situation 20: the setting bounds it, counted as the CRM counts", function()
    bounded(t, { edits = 8, filler = ("🚢"):rep(30), most = 1200,
      settings = { audit_max = 1200 } })
  end)
  t.case("situation 20: a person's words in the audit column are no change",
    function() written_by_a_person(t) end)
end

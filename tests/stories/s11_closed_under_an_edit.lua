-- Situation 11: the portal closes the referral while an edit of the CRM is on its way.  The refusal
-- is followed by one look, the row is closed, and the seller is told once.
local kit = require "commands.kit"
local rules = require "commands.rules"

local WON, LOST = 1, 2
local CLOSED = "the deal is closed at Partner Center"

local function closed_and_told(t, s, state)
  local o = kit.opportunity(s)
  t.eq(o.state, state, "the row is closed")
  t.eq(rules.count(o.audit, CLOSED), 1, "audit: " .. o.audit)
  t.ok(o.name:find("^✔"), "no failure mark: " .. o.name)
  t.eq(s:status().queue.dead, 0, "dead letters")
  kit.quiet(t, s)
  t.eq(rules.count(kit.opportunity(s).audit, CLOSED), 1, "told again: " .. kit.opportunity(s).audit)
end

local BODY = '{"error":{"code":"referralClosed","message":"The referral is closed"}}'

-- The edit has been sent when the referral is closed: refused because of its tag, or with `status`.
local function on_its_way(t, o)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    local held = rules.holding(s, "partner", { method = o.method, delay_ms = 1500,
      status = o.status, body = o.status and BODY })
    rules.edit(s, row, o.values)
    s:command("sync")
    held()
    s:act("close", { id = deal, state = o.ending })
    s:rest()
    closed_and_told(t, s, o.state)
    for column, value in pairs(o.values) do
      t.eq(kit.opportunity(s).row[column], value, "the seller's edit stays")
    end
  end)
end

-- Both orders of what was done before either is heard.
local function heard_together(t, edit_first)
  kit.started(function(s, deal, row)
    s:set("lose_callbacks", true)
    local steps = { function() kit.describe(s, row, "one") end,
      function() s:act("close", { id = deal, state = "lost" }) end }
    steps[edit_first and 1 or 2]()
    steps[edit_first and 2 or 1]()
    s:rest()
    closed_and_told(t, s, LOST)
    t.eq(kit.opportunity(s).notes, "one", "the seller's edit stays")
  end)
end

-- Every later edit is refused for the same reason: that has been said.
local function edited_again(t)
  kit.started(function(s, deal, row)
    s:act("close", { id = deal, state = "lost" })
    s:rest()
    for _, text in ipairs { "one", "two", "three" } do
      kit.describe(s, row, text)
      s:rest()
    end
    closed_and_told(t, s, LOST)
    t.eq(kit.opportunity(s).notes, "three")
  end)
end

return function(t)
  local notes, name = { description = "one" }, { name = "✔ Renamed" }
  for _, status in ipairs { 412, 400, 409, 422 } do
    t.case(("situation 11: an edit on its way, refused with %d by a lost deal"):format(status),
      function()
        on_its_way(t, { method = "PATCH", status = status ~= 412 and status or nil,
          values = notes, ending = "lost", state = LOST })
      end)
  end
  t.case("situation 11: an edit on its way, refused with 400 by a won deal", function()
    on_its_way(t, { method = "PATCH", status = 400, values = notes, ending = "won", state = WON })
  end)
  t.case("situation 11: a new name on its way, refused with 400 by a lost deal", function()
    on_its_way(t, { method = "PUT", status = 400, values = name, ending = "lost", state = LOST })
  end)
  t.case("situation 11: edited here, then closed there, heard together",
    function() heard_together(t, true) end)
  t.case("situation 11: closed there, then edited here, heard together",
    function() heard_together(t, false) end)
  t.case("situation 11: three edits after the closing are told once",
    function() edited_again(t) end)
end

-- Rule 4: what is equal is not rewritten, however differently a side writes it.
local kit = require "commands.kit"
local rules = require "commands.rules"

-- Other ways to say the same, at Partner Center.
local SAME = {
  { "a time of the closing date's day", "details/closingDateTime", "2031-03-31T15:20:00Z" },
  { "the row's id in capitals", "externalReferenceId", string.upper },
  { "a value with zeros behind the point", "details/dealValue", "1000.00" },
  { "escaped notes with space around", "details/notes", "  this &amp; that\r\n" },
}

local function started(body)
  kit.with({}, function(s)
    s:set("live_quirks", false) -- what is said otherwise is said by this story
    local deal = s:act("portal-create", { name = "Plant", value = 1000, currency = "USD",
      closing_date = "2031-03-31T00:00:00Z", notes = "this & that" }).id
    s:rest()
    body(s, deal, kit.opportunity(s).id)
  end)
end

local function said_otherwise(t)
  started(function(s, deal, row)
    for _, one in ipairs(SAME) do
      local value = type(one[3]) == "function" and one[3](row) or one[3]
      t.eq(rules.writes_by(s, function()
        s:act("set-raw", { id = deal, path = one[2], value = value })
      end), 0, "writes after " .. one[1])
    end
    t.eq(kit.opportunity(s).closing_date, "2031-03-31")
  end)
end

local function selectors(t)
  started(function(s, deal, row)
    t.eq(rules.writes_by(s, function()
      rules.edit(s, row, { name = "✔\u{FE0F}  Plant " })
    end), 0, "writes after an editor's selector behind the mark")
    t.eq(rules.referral(s, deal).name, "Plant")
  end)
end

-- Somebody copied the name from the CRM into the portal.
local function mark_in_the_portal(t)
  started(function(s, deal)
    t.eq(rules.writes_by(s, function()
      s:act("set-raw", { id = deal, path = "name", value = "✔ Plant" })
    end), 0, "writes after our mark came to stand there")
    t.eq(kit.opportunity(s).name, "✔ Plant", "one mark in the CRM")
  end)
end

local function cleared(t)
  started(function(s, deal, row)
    kit.describe(s, row, json.null)
    s:rest()
    local notes = rules.referral(s, deal).details.notes
    t.ok(notes == nil or notes == "", "cleared in the CRM is cleared there: " .. tostring(notes))
    t.eq(rules.writes_by(s, function()
      s:act("set-raw", { id = deal, path = "details/notes", value = '""' })
    end), 0, "writes after null became empty")
  end)
end

return function(t)
  t.case("rule 04: the same said otherwise at Partner Center is not rewritten", function()
    said_otherwise(t)
  end)
  t.case("rule 04: a mark with a variation selector is still a mark", function() selectors(t) end)
  t.case("rule 04: our mark in the portal's name is no part of the name", function()
    mark_in_the_portal(t)
  end)
  t.case("rule 04: null, missing and empty notes are one", function() cleared(t) end)
end

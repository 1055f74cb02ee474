-- Situation 18: a closing date near midnight, seen from Tokyo and from Seattle.  Midnight UTC is
-- that date, any other time is a date in the setting `time_zone`; an equal date is never written.
local kit = require "commands.kit"

local function wire(s)
  return kit.referrals(s)[1].details.closingDateTime
end

local function in_zone(zone, body)
  kit.with({ settings = { time_zone = '"' .. zone .. '"' } }, body)
end

-- zone -> closing time at Partner Center, date in the CRM
local TIMES = {
  ["+09:00"] = {
    { "2031-03-31T00:00:00Z", "2031-03-31" }, { "2031-03-31T14:59:59Z", "2031-03-31" },
    { "2031-03-31T15:00:00Z", "2031-04-01" }, { "2031-12-31T23:59:59.9Z", "2032-01-01" },
  },
  ["-08:00"] = {
    { "2031-03-31T00:00:00Z", "2031-03-31" }, { "2031-03-31T07:59:59Z", "2031-03-30" },
    { "2031-03-31T08:00:00Z", "2031-03-31" }, { "2032-01-01T00:00:01Z", "2031-12-31" },
  },
}

-- As made, and as edited afterwards, each time comes in as its date and is left as it is.
local function comes_in(t, zone)
  in_zone(zone, function(s)
    local deal
    for i, case in ipairs(TIMES[zone]) do
      local time, date = case[1], case[2]
      if i == 1 then
        deal = s:act("portal-create", { closing_date = time }).id
      else
        s:act("edit", { id = deal, closing_date = time })
      end
      local sent = wire(s)
      s:rest()
      t.eq(kit.opportunity(s).closing_date, date, time)
      t.eq(wire(s), sent, "left as it is")
      kit.quiet(t, s)
    end
  end)
end

local function made_at(t, zone, time, date)
  in_zone(zone, function(s)
    s:act("portal-create", { closing_date = time })
    local sent = wire(s)
    s:rest()
    t.eq({ kit.opportunity(s).closing_date, wire(s) }, { date, sent })
    kit.quiet(t, s)
  end)
end

-- Another time of the same date is no change, whatever else changes.
local function same_date(t, zone, first, second)
  in_zone(zone, function(s)
    local deal = s:act("portal-create", { closing_date = first, notes = "a" }).id
    s:rest()
    local date, writes = kit.opportunity(s).closing_date, kit.writes(s)
    s:act("edit", { id = deal, closing_date = second })
    local sent = wire(s)
    s:rest()
    t.eq(kit.writes(s), writes, "writes for the same date")
    t.eq(kit.opportunity(s).closing_date, date)
    kit.describe(s, kit.opportunity(s).id, "b")
    s:rest()
    t.eq({ kit.referrals(s)[1].details.notes, wire(s) }, { "b", sent }, "notes alone are sent")
    t.ok(not kit.opportunity(s).audit:find("closing date"), kit.opportunity(s).audit)
    kit.quiet(t, s)
  end)
end

-- A date of the CRM goes out as midnight UTC, and comes back as that date.
local function goes_out(t, zone)
  in_zone(zone, function(s)
    local deal = s:act("portal-create", { closing_date = "2031-03-31T15:30:00Z", notes = "a" }).id
    s:rest()
    s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
      values = { estimatedclosedate = "2031-06-30" } })
    s:rest()
    t.has(wire(s), "2031-06-30T00:00:00")
    t.eq(kit.opportunity(s).closing_date, "2031-06-30")
    kit.quiet(t, s)
    s:act("edit", { id = deal, notes = "b" })
    s:rest()
    t.eq({ kit.opportunity(s).closing_date, kit.opportunity(s).notes }, { "2031-06-30", "b" })
    t.has(wire(s), "2031-06-30T00:00:00")
    kit.quiet(t, s)
  end)
end

-- Both sides come to the same date, in either order: nothing is written.
local function both_choose(t, zone, time, date, crm_first)
  in_zone(zone, function(s)
    local deal = s:act("portal-create", { closing_date = "2031-01-31T00:00:00Z" }).id
    s:rest()
    s:set("lose_callbacks", true)
    local steps = {
      function()
        s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
          values = { estimatedclosedate = date } })
      end,
      function() s:act("edit", { id = deal, closing_date = time }) end }
    steps[crm_first and 1 or 2]()
    steps[crm_first and 2 or 1]()
    local sent, writes = wire(s), kit.writes(s)
    s:rest()
    t.eq({ kit.writes(s), wire(s) }, { writes, sent }, "writes; what Partner Center has")
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 18: times near midnight come in as Tokyo's dates",
    function() comes_in(t, "+09:00") end)
  t.case("situation 18: times near midnight come in as Seattle's dates",
    function() comes_in(t, "-08:00") end)
  t.case("situation 18: a deal made at 15:30 UTC, in Tokyo",
    function() made_at(t, "+09:00", "2031-03-31T15:30:00Z", "2031-04-01") end)
  t.case("situation 18: a deal made at 2:00 UTC, in Seattle",
    function() made_at(t, "-08:00", "2031-03-31T02:00:00Z", "2031-03-30") end)
  t.case("situation 18: another time of Tokyo's same date writes nothing",
    function() same_date(t, "+09:00", "2031-03-31T15:30:00Z", "2031-04-01T14:00:00Z") end)
  t.case("situation 18: another time of Seattle's same date writes nothing",
    function() same_date(t, "-08:00", "2031-03-31T02:00:00Z", "2031-03-30T09:00:00Z") end)
  t.case("situation 18: a date of the CRM goes out from Tokyo as midnight UTC",
    function() goes_out(t, "+09:00") end)
  t.case("situation 18: a date of the CRM goes out from Seattle as midnight UTC",
    function() goes_out(t, "-08:00") end)
  t.case("situation 18: both sides choose one date, the CRM first",
    function() both_choose(t, "+09:00", "2031-03-31T15:30:00Z", "2031-04-01", true) end)
  t.case("situation 18: both sides choose one date, the portal first",
    function() both_choose(t, "-08:00", "2031-03-31T02:00:00Z", "2031-03-30", false) end)
end

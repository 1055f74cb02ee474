-- The clock that tests move: both programs go along, what they wait for comes, and a program that
-- starts later has the same time.
local dates = require "sim.dates"
local kit = require "commands.kit"

local HOUR_MS = 3600000

return function(t)
  t.case("clock: what is an hour away comes when the clock is moved by an hour", function()
    kit.with({ clock = true }, function(s)
      s:set("delivery_delay_ms", HOUR_MS)
      s:act("portal-create", { name = "Late call" })
      t.eq(s:say("pending").deliveries, 1, "deliveries that wait")
      s:clock(HOUR_MS - 60000)
      t.eq(s:say("pending").deliveries, 1, "deliveries that wait a minute more")
      s:clock(60000)
      kit.wait("the deal", function() return kit.opportunity(s) end, 10000)
    end)
  end)

  t.case("clock: the host's own waiting is moved too, and outlives its death", function()
    kit.with({ clock = true, settings = { delta_seconds = 1800 } }, function(s)
      s:rest()
      s:clock(24 * HOUR_MS)
      s:host_stop("KILL")
      s:host_start(s.host_options)
      s:host_ready()
      s:rest()
      s:act("create-opportunity", { name = "Seen by itself", value = 5, currency = "USD",
        closing_date = "2031-05-31", account = "Clock KK", contact = "Ida Uhr",
        solutions = "SOL-10001-ABC",
        sync = true })
      s:clock(1800 * 1000)
      kit.wait("the referral", function() return kit.referrals(s)[1] end, 10000)
      local made = kit.referrals(s)[1].createdDateTime
      local day_ahead = dates.text(host.now_ms() + 24 * HOUR_MS)
      t.ok(made > day_ahead, made .. " is not behind " .. day_ahead)
    end)
  end)
end

-- A callback of our own change and a seller's next edit meet in one job: the edit is not taken for
-- the echo.
local kit = require "commands.kit"

local RETRIES_MS = 60000
local BAD_CERTIFICATE_MS = 61000 -- so long after a failure it is not asked for again

local function notes(s)
  return kit.referrals(s)[1].details.notes
end

local function edit_behind_a_callback(t)
  kit.with({}, function(s)
    s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    local row = kit.opportunity(s).id
    kit.pass(s, BAD_CERTIFICATE_MS)
    s:set("delivery_delay_ms", 1500)
    kit.describe(s, row, "one")
    s:command("sync")
    kit.wait("the first edit to be sent", function() return notes(s) == "one" end)
    -- the echo cannot be read at first: its job waits, with a callback as its trigger
    s:fault("partner", { method = "GET", path = "referrals", status = 503, count = 5 })
    kit.wait("a waiting job", function()
      local queue = s:status().queue
      return s:say("pending").deliveries == 0 and (queue.soon > 0 or queue.due > 0)
    end)
    kit.describe(s, row, "two")
    s:command("sync")
    kit.wait("the second edit to be sent", function() return notes(s) == "two" end, RETRIES_MS)
    s:rest()
    t.eq(notes(s), "two", "the seller's edit arrived")
  end)
end

return function(t)
  t.case("callback and delta: an edit in the CRM behind a callback that waits travels", function()
    edit_behind_a_callback(t)
  end)
end

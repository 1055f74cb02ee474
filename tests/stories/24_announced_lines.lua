-- What the audit column says of a change: once, however often it was tried, and only if it was
-- sent.
local kit = require "commands.kit"

local RETRIES_MS = 60000

local function notes(s)
  return kit.referrals(s)[1].details.notes
end

local function count(text, part)
  local n = 0
  for _ in text:gmatch(part) do
    n = n + 1
  end
  return n
end

return function(t)
  t.case("audit: a change that is sent at the fourth try is told once", function()
    kit.started(function(s, _, row)
      s:fault("partner", { method = "PATCH", status = 503, count = 3 })
      kit.describe(s, row, "one")
      s:rest()
      kit.wait("the change to be sent", function() return notes(s) == "one" end, RETRIES_MS)
      s:rest()
      local audit = kit.opportunity(s).audit
      t.eq(count(audit, "Sent to Partner Center"), 1, audit)
    end)
  end)
  t.case("audit: a change that was refused is not told as sent with the next one", function()
    kit.started(function(s, _, row)
      s:fault("partner", { method = "PATCH", status = 400, count = 1 })
      kit.describe(s, row, "one")
      s:rest()
      kit.describe(s, row, "two")
      s:rest()
      local audit = kit.opportunity(s).audit
      t.eq(notes(s), "two")
      t.ok(not audit:find("→ one", 1, true),
        "what was never sent is not told as sent: " .. audit)
    end)
  end)
end

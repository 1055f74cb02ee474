-- What the audit column says of a change: once, however often it was tried, and only if it was
-- sent.
local kit = require "commands.kit"

local RETRIES_MS = 60000

local function started(body)
  kit.with({}, function(s)
    s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    body(s, kit.opportunity(s).id)
  end)
end

local function describe(s, row, text)
  s:act("edit", { table = "opportunity", id = row, values = { description = text } })
end

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
    started(function(s, row)
      s:fault("partner", { method = "PATCH", status = 503, count = 3 })
      describe(s, row, "one")
      s:rest()
      kit.wait("the change to be sent", function() return notes(s) == "one" end, RETRIES_MS)
      s:rest()
      local audit = kit.opportunity(s).audit
      t.eq(count(audit, "Sent to Partner Center"), 1, audit)
    end)
  end)
  t.case("audit: a change that was refused is not told as sent with the next one", function()
    started(function(s, row)
      s:fault("partner", { method = "PATCH", status = 400, count = 1 })
      describe(s, row, "one")
      s:rest()
      describe(s, row, "two")
      s:rest()
      local audit = kit.opportunity(s).audit
      t.eq(notes(s), "two")
      t.ok(not audit:find("→ one", 1, true),
        "what was never sent is not told as sent: " .. audit)
    end)
  end)
end

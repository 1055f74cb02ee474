-- cosell doctor: what has to be so before deals can travel, check by check, and for what is wrong
-- how it is mended.  The checks are doctor.lua's table.
local doctor = require "doctor"
local table_text = require "table_text"
local words = require "words"

local M = { help = "check everything that deals need, and say how to mend what is wrong",
  where = "host", usage = "cosell doctor [--json]        exit status 1: something is wrong" }

local MARKS = { ok = { "✔", "green" }, failed = { "✖", "red" }, unseen = { "?", "yellow" },
  waits = { "…", nil } }

local NAMES = 0
for _, check in ipairs(doctor.checks) do
  NAMES = math.max(NAMES, #check.name)
end

local SAID = {
  ok = function(r) return r.title .. (r.text and ": " .. r.text or "") end,
  failed = function(r) return r.text end,
  unseen = function(r)
    return ("%s: can't be seen from here: %s"):format(r.title, r.text)
  end,
  waits = function(r) return ("%s: waits for %s"):format(r.title, r.waits_for) end,
}

local function lines_of(cmd, r)
  local mark, colour = table.unpack(MARKS[r.state])
  local head = ("%s %-" .. NAMES .. "s  "):format(mark, r.name)
  local lines = table_text.wrap(cmd, head, SAID[r.state](r))
  lines[1] = table_text.paint(cmd, colour, mark) .. lines[1]:sub(#mark + 1)
  if r.remedy then
    local cure = table_text.wrap(cmd, (" "):rep(NAMES + 4) .. "→ ", r.remedy)
    table.move(cure, 1, #cure, #lines + 1, lines)
  end
  return lines
end

local function summary(cmd, found)
  local n = 0
  for _, r in ipairs(found.checks) do
    n = n + (r.state == "failed" and 1 or 0)
  end
  local said = n == 0 and "nothing is wrong" or
    ("%s wrong: mend the first, then look again"):format(n == 1 and "one thing is" or
      n .. " things are")
  return { "", table_text.paint(cmd, "bold", said) }
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true })
  if not given then
    return 2
  elseif given[1] then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local found = doctor.examine(not options.json and function(r)
    table_text.out(cmd, lines_of(cmd, r))
  end or nil)
  table_text.out(cmd, options.json and { json.encode(found) } or summary(cmd, found))
  return found.ok and 0 or 1
end

return M

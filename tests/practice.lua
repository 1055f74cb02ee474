-- What the stories about the practice environment share: its commands run as a person runs them, as
-- programs of their own at width 80 without colour, with a look at what they print.
local printed = require "commands.printed"

local M = {}

local MOST_MS = 20000

---Runs `cosell sim WORDS` to its end.
---@param s table  a stage
---@return string text, integer exit
function M.run(s, words)
  local argv = { "sim", table.unpack(words) }
  argv[#argv + 1] = "--socket"
  argv[#argv + 1] = s.socket
  local child = assert(host.child.start { argv = argv, env = { COLUMNS = "80" } })
  while child:line(MOST_MS) do end
  return child:output(), child:wait().exit
end

---The same where it has to succeed and fit a terminal.
function M.says(t, s, words)
  local text, exit = M.run(s, words)
  t.eq(exit, 0, table.concat(words, " ") .. ": " .. text)
  t.ok(printed.widest(text) <= 80, table.concat(words, " ") .. ": wider than 80:\n" .. text)
  t.ok(not text:find("\27", 1, true), table.concat(words, " ") .. ": colour")
  return text
end

---The same as JSON.
function M.json(t, s, words)
  local args = { table.unpack(words) }
  args[#args + 1] = "--json"
  local text, exit = M.run(s, args)
  t.eq(exit, 0, table.concat(words, " ") .. ": " .. text)
  return json.decode(text)
end

---A practice environment that is expected not to start: what it says.
function M.refused(args)
  local argv = { "sim", "--ports", "0,0,0" }
  table.move(args, 1, #args, #argv + 1, argv)
  local child = assert(host.child.start { argv = argv })
  while child:line(MOST_MS) do end
  return child:output(), child:wait().exit
end

---The deals of both sides, by name.
function M.deals(t, s)
  local out = {}
  for _, pair in ipairs(M.json(t, s, { "show", "--most", "1000" }).deals) do
    out[(pair.crm or pair.partner).name] = pair
  end
  return out
end

return M

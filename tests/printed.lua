-- What commands print, made the same at every run: identifiers, times and counts that depend on the
-- clock become words; and the real program, run as from a terminal of some width.  It must never
-- judge.
local M = {}

local PROGRAM_MS = 20000
local LINE_MS = 10000 -- ten times the second that is promised of a reload

local GUID = ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12)
local DATE, CLOCK = "%d%d%d%d%-%d%d%-%d%d", "%d%d:%d%d:%d%d"

-- In this order: what is found first is gone for the others.
local WORDS = {
  { GUID, "GUID" },
  { DATE .. " " .. CLOCK, "TIME" },
  { "%d%d%-%d%d " .. CLOCK, "TIME" },
  { DATE .. " %d%d:%d%d", "TIME" },
  { "just now", "AGO" },
  { "%d+ s ago", "AGO" },
  { "%d+ ms", "N ms" },
  { "up %d+ s", "up N s" },
  { "live for %d+ s", "live for N s" },
  { "port %d+", "port N" },
  { "127%.0%.0%.1:%d+", "127.0.0.1:N" },
  { "%d+ taken", "N taken" },
  { "%d+ waiting", "N waiting" },
}

---Replaces what differs from run to run; columns (two spaces apart) stay where they were.
---@param text string
function M.masked(text)
  for _, row in ipairs(WORDS) do
    text = text:gsub("(" .. row[1] .. ")( *)", function(found, pad)
      return row[2] .. (#pad > 1 and (" "):rep(#found + #pad - #row[2]) or pad)
    end)
  end
  return text
end

---The lines of a text that hold a part, masked.
function M.lines_with(text, part)
  local out = {}
  for line in text:gmatch("[^\n]+") do
    if line:find(part, 1, true) then
      out[#out + 1] = M.masked(line)
    end
  end
  return out
end

---Starts the program as a person would, with a terminal of that width.
---@param s table  a stage
---@param argv string[]
---@param width integer
function M.start(s, argv, width)
  local words = { table.unpack(argv) }
  words[#words + 1] = "--profile"
  words[#words + 1] = s.profile
  return assert(host.child.start { argv = words, env = { COLUMNS = tostring(width) } })
end

---Runs it to its end.
---@return string text, integer exit
function M.run(s, argv, width)
  local child = M.start(s, argv, width)
  while child:line(PROGRAM_MS) do end
  local ended = child:wait()
  return child:output(), ended.exit
end

-- What stands on a terminal after a line with returns in it: later words lie over earlier ones.
local function overwritten(line)
  local shown = ""
  for part in (line .. "\r"):gmatch("([^\r]*)\r") do
    shown = part .. shown:sub(#part + 1)
  end
  return (shown:gsub(" +$", ""))
end

---Runs it on a terminal of 80 columns, where it may draw bars.
---@return string text  as it stands there at the end, without colour
---@return integer drawn  how often something was drawn over
function M.on_terminal(s, argv)
  local words = table.concat(argv, " ") .. " --profile " .. s.profile
  local child = assert(host.child.start { path = "/bin/sh", env = { COLUMNS = "80" },
    argv = { "-c", [[exec script -qec "$(readlink "/proc/$PPID/exe") $0" /dev/null]], words } })
  while child:line(PROGRAM_MS) do end
  child:wait()
  local text, lines = child:output():gsub("\27%[[%d;]*m", ""):gsub("\r\n", "\n"), {}
  for line in text:gmatch("[^\n]*") do
    lines[#lines + 1] = overwritten(line)
  end
  return table.concat(lines, "\n"), select(2, text:gsub("\r", ""))
end

---The next line of a program that holds a part.
---@param child table  of M.start
---@param part string
---@return string
function M.line_with(child, part)
  local until_ms = host.now_ms() + LINE_MS
  while host.now_ms() < until_ms do
    local line = child:line(LINE_MS)
    if not line then
      break
    elseif line:find(part, 1, true) then
      return line
    end
  end
  error("no line holds " .. part .. ":\n" .. child:output(), 0)
end

---The columns that a line takes (no wide characters in it).
function M.widest(text)
  local most = 0
  for line in text:gmatch("[^\n]+") do
    most = math.max(most, utf8.len(line))
  end
  return most
end

return M

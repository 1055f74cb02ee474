-- cosell bench: takes the project's figures on this machine and prints them as one table.  Behind
-- `make bench` (tests/bench/run).  No figure makes it fail; a figure that could not be taken does.
local signed = require "commands.bench.signed"

local M = { help = "print the figures", where = "here",
  usage = "cosell bench [SECTION...]   sync-100000: the comparison of so many deals" }

local SECTIONS = { "intake", "crowd", "deals", "calls", "mapping", "sync", "preview", "memory",
  "start", "reload" }
local WIDTH = 96
local HEAD = "cosell %s on %d cores (%s), load %s before\n" ..
  "all on 127.0.0.1; state files on %s, where a synced write of 4 KiB takes %s ms\n"

-- Words in lines of the table's width.
local function wrapped(text)
  local out, line = {}, " "
  for word in text:gmatch("%S+") do
    if #line + 1 + #word > WIDTH then
      out[#out + 1] = line
      line = " "
    end
    line = line .. " " .. word
  end
  out[#out + 1] = line
  return table.concat(out, "\n") .. "\n"
end

local function first(path, pattern)
  local text = host.file.read(path)
  return text and text:match(pattern) or "?"
end

local function machine()
  local text = host.file.read("/proc/cpuinfo") or ""
  local _, cores = ("\n" .. text):gsub("\nprocessor%s*:", "")
  return HEAD:format(host.version, cores, text:match("model name%s*:%s*([^\n]+)") or "?",
    first("/proc/loadavg", "^%S+"), host.file.getenv "COSELL_BENCH_DISK" or "?",
    host.file.getenv "COSELL_BENCH_SYNC_MS" or "?")
end

-- Takes the figures of one section, as in "calls" or "sync-100000".
local function take(name, tools)
  local module, size = name:match("^(%a+)%-?(%d*)$")
  local section = require("commands.bench." .. tostring(module))
  tools.out("\n" .. section.title .. "\n")
  local ok, err = pcall(section.run, tools, tonumber(size))
  if not ok then
    tools.out("  not measured: " .. tostring(type(err) == "table" and err.text or err) .. "\n")
  end
  return ok
end

function M.run(cmd)
  local tools = { out = cmd.out, note = function(text) cmd.out(wrapped(text)) end }
  cmd.out(machine())
  tools.signed = signed.new()
  local missing = 0
  for _, name in ipairs(#cmd.args > 0 and cmd.args or SECTIONS) do
    missing = missing + (take(name, tools) and 0 or 1)
  end
  tools.signed.close()
  return missing == 0 and 0 or 1
end

return M

-- cosell spec [NAME...]: runs tests/spec/*_spec.lua in the program itself, so that the sandbox
-- under test is the real one.  With --case TEXT only the cases whose name holds that text are run.
local tap = require "commands.tap"

local M = { help = "run the specs", where = "here",
  usage = "cosell spec [NAME...] [--case TEXT]" }

local function names(folder, wanted)
  local out = {}
  for _, file in ipairs(assert(host.file.list(folder))) do
    local name = file:match("^(.+_spec)%.lua$")
    local asked = #wanted == 0
    for _, part in ipairs(wanted) do
      asked = asked or (name and name:find(part, 1, true) ~= nil)
    end
    if name and asked then
      out[#out + 1] = name
    end
  end
  table.sort(out)
  return out
end

function M.run(cmd)
  local words, only = tap.words(cmd.args)
  local t = tap.new(cmd.out, only)
  for _, name in ipairs(names(host.file.getenv("COSELL_COMMANDS") .. "/spec", words)) do
    local case = t.case
    t.case = function(what, run)
      return case(name .. ": " .. what, run)
    end
    require("commands.spec." .. name)(t)
    t.case = case
  end
  return t.close()
end

return M

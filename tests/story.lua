-- cosell story [NAME...]: runs tests/stories/*.lua, each of which starts the real programs and
-- talks to them over sockets.  With --list it names them, a line each.
local tap = require "commands.tap"

local M = { help = "run the stories", where = "here", usage = "cosell story [--list] [NAME...]" }

local function names(folder)
  local out = {}
  for _, file in ipairs(assert(host.file.list(folder))) do
    local name = file:match("^(%d%d_.+)%.lua$")
    if name then
      out[#out + 1] = name
    end
  end
  table.sort(out)
  return out
end

local function asked(name, words)
  if #words == 0 then
    return true
  end
  for _, word in ipairs(words) do
    if name:find(word, 1, true) then
      return true
    end
  end
  return false
end

function M.run(cmd)
  local t = tap.new(cmd.out)
  local all = names(host.file.getenv("COSELL_COMMANDS") .. "/stories")
  if cmd.args[1] == "--list" then
    cmd.out(table.concat(all, "\n") .. "\n")
    return 0
  end
  for _, name in ipairs(all) do
    if asked(name, cmd.args) then
      require("commands.stories." .. name)(t)
    end
  end
  return t.close()
end

return M

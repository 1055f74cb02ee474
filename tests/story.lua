-- cosell story [NAME...]: runs tests/stories/*.lua, each of which starts the real programs and
-- talks to them over sockets.  With --list it names them, a line each; with --case TEXT only the
-- cases whose name holds that text are run.  Files: NN_ and aN_ stories, rNN_ rules of the
-- reconcile, sNN_ its situations.
local tap = require "commands.tap"

local M = { help = "run the stories", where = "here",
  usage = "cosell story [--list] [NAME...] [--case TEXT]" }

local function names(folder)
  local out = {}
  for _, file in ipairs(assert(host.file.list(folder))) do
    local name = file:match("^(%w?%d?%d_.+)%.lua$")
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
  local words, case = tap.words(cmd.args)
  local t = tap.new(cmd.out, case)
  local all = names(host.file.getenv("COSELL_COMMANDS") .. "/stories")
  if words[1] == "--list" then
    cmd.out(table.concat(all, "\n") .. "\n")
    return 0
  end
  for _, name in ipairs(all) do
    if asked(name, words) then
      require("commands.stories." .. name)(t)
    end
  end
  return t.close()
end

return M

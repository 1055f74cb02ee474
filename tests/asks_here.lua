-- cosell asks_here: the questions of cosell asks, by a command that runs where its caller is.
local M = { help = "ask three questions here (tests)", where = "here", usage = "cosell asks_here" }

function M.run(cmd)
  return require("commands.asks").run(cmd)
end

return M

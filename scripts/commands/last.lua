-- cosell last: the number of the newest run; a script can wait until it stands still.
local M = { help = "the number of the newest run", where = "host", usage = "cosell last" }

function M.run(cmd)
  local run = host.store.run_list { most = 1 }[1]
  cmd.out((run and run.id or 0) .. "\n")
  return 0
end

return M

-- cosell asks: a command of a profile that asks whoever gave it, for the story about asking.
local M = { help = "ask three questions (tests)", where = "host", usage = "cosell asks" }

function M.run(cmd)
  cmd.out("first said\n")
  local name = cmd.ask("Name? ")
  cmd.out("name: " .. tostring(name) .. "\n")
  local key = cmd.ask("Key? ", { secret = true })
  cmd.out("key, from its end: " .. tostring(key):reverse() .. "\n")
  cmd.out("more: " .. tostring(cmd.ask("More? ")) .. "\n")
  return 0
end

return M

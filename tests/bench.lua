local M = { help = "x", where = "here", usage = "cosell bench" }
function M.run(cmd)
  local tools = { out = cmd.out, signed = require("commands.bench.signed").new() }
  for _, n in ipairs { "calls" } do
    local ok, e = pcall(require("commands.bench." .. n).run, tools)
    if not ok then cmd.out(tostring(type(e)=="table" and e.text or e) .. "\n") end
  end
  tools.signed.close()
  return 0
end
return M

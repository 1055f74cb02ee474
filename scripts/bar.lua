-- The bar of a command that takes a while: on a terminal alone.  It must never say what else a
-- program would read.
local M = {}

local FULL = 30 -- columns of the bar

---@param cmd table
---@param done integer
---@param total integer
---@param said string
function M.draw(cmd, done, total, said)
  if not cmd.tty then
    return
  end
  local share = math.min(1, done / math.max(1, total))
  local full = math.floor(share * FULL)
  local line = ("[%s%s] %3d %%  %s"):format(("#"):rep(full), ("-"):rep(FULL - full),
    math.floor(share * 100), said):sub(1, cmd.width - 1)
  cmd.err("\r" .. line .. (" "):rep(cmd.width - 1 - #line))
end

---Takes it away.
---@param cmd table
function M.clear(cmd)
  if cmd.tty then
    cmd.err("\r" .. (" "):rep(cmd.width - 1) .. "\r")
  end
end

return M

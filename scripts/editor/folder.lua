-- Folders that commands make for an administrator: written whole, and never over what is there.
local table_text = require "table_text"

local M = {}

local SHOWN = 4 -- files of a folder that is not empty

---Why a folder cannot be made there, or nil.
---@param dir string
---@param given string  as people name it
---@return string|nil
function M.taken(dir, given)
  local kind = host.file.exists(dir)
  if kind and kind ~= "folder" then
    return ("%s is a file; nothing was written"):format(given)
  end
  local names = kind and host.file.list(dir) or {} -- hidden ones too
  if #names > 0 then
    local shown = table.concat(names, ", ", 1, math.min(#names, SHOWN))
    return ("%s is not empty (it holds %s%s); nothing was written: name a new folder"):format(given,
      table_text.plain(shown), #names > SHOWN and " and more" or "")
  end
  return nil
end

---Writes files, and the folders they are in.
---@param dir string
---@param files { path: string, text: string, mode: integer|nil }[]  paths below it
---@return true|nil ok, err|nil err
function M.write(dir, files)
  for _, file in ipairs(files) do
    local path = dir .. "/" .. file.path
    local ok, err = host.file.mkdir(path:match("^(.*)/"))
    if ok then
      ok, err = host.file.write(path, file.text, file.mode)
    end
    if not ok then
      return nil, err
    end
  end
  return true
end

return M

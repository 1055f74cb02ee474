--- What Microsoft's connector was told, for a profile that is only about to be made: a command of a
-- host asks the CRM, with a profile that is gone afterwards.  A secret that was typed goes by the
-- environment of that command, never onto a disk nor into its words.

local init_profile = require "init.profile"
local new_folder = require "editor.folder"

local M = {}

local SECRET = "COSELL_INIT_SECRET"

-- Its own answers for this one question: only the CRM's sign-in is of use in it.
local function for_asking(a, typed)
  local out = {}
  for name, value in pairs(a) do out[name] = value end
  out.stage, out.public_url, out.mapping, out.practice = "sandbox", "none", nil, nil
  out.sign_in = typed and "secret" or a.sign_in
  out.secret = typed and ("{ env = %q }"):format(SECRET) or a.secret
  return out
end

--- Asks the CRM.  (suspends)
---@param a table  the answers; files in them are absolute
---@param typed string|nil  the application's secret, as somebody typed it
---@return { lines: original_line[], left: original_left[] }|nil found, string|nil problem
function M.read(a, typed)
  local folder = host.file.tempdir()
  local ok, err = new_folder.write(folder, { { path = "profile.lua",
    text = init_profile.text(for_asking(a, typed)), mode = 0x180 } })
  local child
  if ok then
    child, err = host.child.start { argv = { "settings", "--original", "--json", "--profile",
      folder }, env = { [SECRET] = typed } }
  end
  local status = child and child:wait().exit
  local said = child and child:output() or ""
  host.file.remove(folder)
  if not child then return nil, err.text end
  local found = status == 0 and json.decode(said)
  if type(found) == "table" then return found end
  return nil, (said:gsub("^cosell %w+: ", ""):gsub("%s+$", ""))
end

return M

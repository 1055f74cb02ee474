-- `cosell doctor`, this machine: whose the host's files are, and the room that its state has.
local outcome = require "doctor.outcome"
local table_text = require "table_text"

local M = {}

local MB = 1 << 20
local LEAST = 64 * MB

---Files with secrets in them, as their reader would judge them.
function M.files()
  local files = host.profile.files
  for _, file in ipairs(files) do
    local ours, err = host.disk.private(file.path)
    local said, cure = (err or {}).text, nil
    if said then
      said, cure = said:match("^(.*): (ch%l+ .*)$")
    end
    if said then
      return outcome.wrong("open", { said = said, cure = cure })
    elseif not ours then
      return outcome.wrong("gone", file)
    end
  end
  return outcome.fine("%s", table_text.count(#files, "file"))
end

function M.disk()
  local path = host.profile.files[1].path
  local room, err = host.disk.room(path)
  if not room then
    return nil, err
  elseif room < LEAST then
    return outcome.wrong("full", { room = room // MB, least = LEAST // MB, path = path })
  end
  return outcome.fine("%d MB", room // MB)
end

return M

-- A story on a small disk: a file system in memory, in a mount namespace of its own, in which the
-- test program runs once more.  It must leave no mount behind.
local M = {}

local FOLDER = "COSELL_SMALL_DISK"

---The folder of the disk, in the program that runs on it; nil elsewhere.
function M.folder()
  return host.file.getenv(FOLDER)
end

function M.shell(text, ...)
  local child = assert(host.child.start { path = "/bin/sh", argv = { "-c", text, "sh", ... } })
  while child:line(60000) do end
  return child:output(), child:wait().exit
end

local MOUNT = [[
disk=$1/disk; exe=$2; story=$3; size=$4
mkdir "$disk"
mount -t tmpfs -o size="$size",mode=0700 cosell "$disk" || exit 77
COSELL_SMALL_DISK=$disk "$exe" story "$story"
status=$?
umount "$disk"
exit $status
]]

-- How to get a mount namespace: anybody may have one with users of its own; root without; in a
-- changed root the way that mounts spread can't be changed.
local WAYS = { "unshare -rm", "unshare -m", "unshare -m --propagation unchanged" }

---Runs a story on a disk of that size ("6m").  Where a system forbids even that, this is a failure
---that says so.
---@return string said, integer exit
function M.story(name, size)
  local dir = host.file.tempdir()
  local exe = M.shell("readlink /proc/$PPID/exe"):gsub("\n", "")
  local said, exit
  for _, way in ipairs(WAYS) do
    said, exit = M.shell(way .. ' sh -c "$@"', MOUNT, "sh", dir, exe, name, size)
    if exit ~= 77 and not said:find("^unshare:") then
      break
    end
  end
  assert(host.file.remove(dir))
  return said, exit
end

return M

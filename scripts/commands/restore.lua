-- cosell restore: a backup becomes the state file of a profile whose host is stopped.
local backup = require "commands.backup"
local table_text = require "table_text"
local words = require "words"

local M = { help = "put a backup in the place of the state file; the host is stopped",
  where = "here", usage = "cosell restore FILE [--aside] [--json]" }

local KEY = {
  none = "it holds no secrets",
  fits = "its secrets open with the key file",
  other = "its secrets were sealed with another key than the key file's: put that key back, " ..
    "or sign in again",
  missing = "the key file of its secrets is missing: put it back, or the host does not start",
}

-- The ends of a store that say what to do; in C they stand in store/trouble.
local HELD = 3

-- The state of the profile; without one, status 2.
local function state_of(cmd)
  if not cmd.profile then
    cmd.err("cosell restore: which profile? --profile DIR, or COSELL_PROFILE, or go into its " ..
      "folder\n")
    return nil, 2
  end
  local loaded, err = host.load(cmd.profile)
  local problem = loaded and loaded.problems[1]
  if not loaded or problem then
    cmd.err(("cosell restore: %s\n"):format(err and err.text or problem.text))
    return nil, 1
  end
  return loaded
end

local function name_of(path)
  return path:match("[^/]+$")
end

local function print_all(cmd, made)
  local lines = table_text.wrap(cmd, "restored ", name_of(made.file))
  if made.aside ~= "" then
    table.move(table_text.wrap(cmd, "aside    ", name_of(made.aside) .. ", what stood there"), 1, 9,
      #lines + 1, lines)
  end
  table.move(backup.holds(made), 1, 9, #lines + 1, lines)
  table.move(table_text.wrap(cmd, "secrets  ", KEY[made.key]), 1, 9, #lines + 1, lines)
  table.move(table_text.wrap(cmd, "next     ", "cosell run. The services went on since that " ..
    "backup: if status says paused, cosell sync --all shows what differs, --apply goes on"), 1, 9,
    #lines + 1, lines)
  table_text.out(cmd, lines)
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, aside = true })
  if not given then
    return 2
  elseif #given ~= 1 then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local loaded, status = state_of(cmd)
  if not loaded then
    return status
  end
  local made, err, ends = host.restore { from = backup.absolute(cmd, given[1]), to = loaded.state,
    key_file = loaded.key_file, aside = options.aside }
  if not made then
    cmd.err(("cosell restore: %s; nothing was changed\n"):format(err.text))
    if ends == HELD then
      cmd.err("stop the host first\n")
    end
    return ends ~= 0 and ends or 1
  elseif options.json then
    cmd.out(json.encode(made) .. "\n")
  else
    print_all(cmd, made)
  end
  return 0
end

return M

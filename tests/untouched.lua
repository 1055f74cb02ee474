-- For stories of previews: nothing anywhere is written while somebody only looks.  Compares the
-- rows of both services, the writes they took, and the state file's logical dump.
local kit = require "commands.kit"

local M = {}

local ROWS = { "referral", "crm:opportunity", "crm:account", "crm:contact", "crm:lead", "crm:task",
  "crm:msft_solution" }

local function shell(script, ...)
  local child = assert(host.child.start { path = "/bin/sh", argv = { "-c", script, "sh", ... } })
  local ended = child:wait()
  if ended.exit ~= 0 then
    error({ check = child:output() }, 0)
  end
  return child:output()
end

-- Every row of every table, as SQL.
local function state_of(s)
  local copy = s.dir .. "/untouched.db"
  local said, exit = s:command("backup", { copy })
  if exit ~= 0 then
    error({ check = said }, 0)
  end
  local dump = shell([[sqlite3 "file:$1?immutable=1" .dump]], copy)
  host.file.remove(copy)
  return dump
end

local function all(s)
  local out = { writes = kit.writes(s), state = state_of(s) }
  for _, name in ipairs(ROWS) do
    local ok, rows = pcall(s.rows, s, name)
    out[name] = ok and rows or nil
  end
  return out
end

-- The first line in which two texts differ, of both.
local function first_difference(a, b)
  local other = b:gmatch("[^\n]*")
  for line in a:gmatch("[^\n]*") do
    local there = other() or "(the end)"
    if line ~= there then
      return line:sub(1, 300) .. "\n" .. there:sub(1, 300)
    end
  end
  return "the end"
end

---Runs look() and compares what was before with what is after it.
---@return any ...  what look gave
function M.while_looking(t, s, look)
  local before = all(s)
  local results = table.pack(look())
  local after = all(s)
  t.ok(before.state == after.state, "the state was written:\n" ..
    first_difference(before.state, after.state))
  for name, rows in pairs(before) do
    if name ~= "state" then
      t.eq(after[name], rows, "written: " .. name)
    end
  end
  return table.unpack(results, 1, results.n)
end

return M

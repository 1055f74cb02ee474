-- cosell backup: a verified copy of the state file, while the host goes on.
local table_text = require "table_text"
local words = require "words"

local M = { help = "a verified copy of the state file, while the host goes on", where = "host",
  usage = "cosell backup FILE [--json]" }

---What a backup or a restored state holds, in lines that both commands print.
---@param made { rows: integer, tables: table<string, integer>, schema: integer, secrets: integer }
---@return string[]
function M.holds(made)
  local out = { ("schema %d, %s in %s: each table counted, every page checked"):format(made.schema,
    table_text.count(made.rows, "row"), table_text.count(M.tables(made), "table")) }
  for _, row in ipairs { { "link", "deal" }, { "job", "job" }, { "run", "run record" } } do
    out[#out + 1] = ("%7d  %s"):format(made.tables[row[1]] or 0,
      made.tables[row[1]] == 1 and row[2] or row[2] .. "s")
  end
  return out
end

---@param made { tables: table<string, integer> }
---@return integer
function M.tables(made)
  local n = 0
  for _ in pairs(made.tables) do
    n = n + 1
  end
  return n
end

-- From the folder in which the command was given.
local function absolute(cmd, path)
  return path:sub(1, 1) == "/" and path or cmd.cwd .. "/" .. path
end
M.absolute = absolute

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true })
  if not given then
    return 2
  elseif #given ~= 1 then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local made, err = host.backup(absolute(cmd, given[1]))
  if not made then
    cmd.err("cosell backup: " .. err.text .. "; no backup was made\n")
    return 1
  elseif options.json then
    cmd.out(json.encode(made) .. "\n")
    return 0
  end
  local lines = { ("backup   %s, %d KiB, mode 0600"):format(given[1], (made.bytes + 1023) // 1024) }
  table.move(M.holds(made), 1, 9, 2, lines)
  if made.secrets > 0 then
    lines[#lines + 1] = ("%7d  %s, sealed: of use only with the key file, which is not in it")
      :format(made.secrets, made.secrets == 1 and "secret" or "secrets")
  end
  for i, line in ipairs(lines) do
    lines[i] = table_text.cut(line, table_text.width(cmd))
  end
  table_text.out(cmd, lines)
  return 0
end

return M

-- cosell export solutions FILE: the CRM's table of Microsoft solutions as a workbook, or as a .csv
-- if the name ends so; what `cosell import` reads again.  It must never cover a file unasked.
local backup = require "commands.backup"
local catalogue = require "catalogue"
local sheet = require "sheet"
local table_text = require "table_text"
local text = require "text"
local words = require "words"

local M = { help = "write the CRM's table of Microsoft solutions to a file", where = "host",
  usage = "cosell export solutions FILE [--force] [--json]" }

local SHEET = "Solutions"

-- Two columns may be called alike: then the logical name tells them apart.
local function headings(c)
  local out, seen = {}, {}
  for i, column in ipairs(c.columns) do
    out[i] = seen[column.label:lower()] and column.name or column.label
    seen[column.label:lower()] = true
  end
  return out
end

local function by_identifier(a, b)
  if a.solution ~= b.solution then
    return a.solution < b.solution
  end
  return a.id < b.id
end

-- Rows without an identifier are none that a deal could use.
local function records(c, rows)
  local kept, out = {}, { headings(c) }
  for _, row in ipairs(rows) do
    kept[#kept + 1] = row.solution and row or nil
  end
  table.sort(kept, by_identifier)
  for i, row in ipairs(kept) do
    local record = {}
    for k, column in ipairs(c.columns) do
      record[k] = catalogue.shown(column, row.values[column.name])
    end
    out[i + 1] = record
  end
  return out, #rows - #kept
end

local function write(cmd, path, force)
  local c, err = catalogue.open()
  if not c then
    return nil, err
  end
  local rows
  rows, err = catalogue.rows(c)
  if not rows then
    return nil, err
  end
  local list, without = records(c, rows)
  local ok
  ok, err = sheet.write(backup.absolute(cmd, path), SHEET, list, force)
  if not ok then
    return nil, err
  end
  return #list - 1, without
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { force = true, json = true })
  if not given then
    return 2
  elseif #given ~= 2 then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  elseif given[1] ~= "solutions" then
    cmd.err(("there is no export of '%s', but of `solutions`\nusage: %s\n"):format(
      text.bound(given[1], 40), M.usage))
    return 2
  end
  local n, without = write(cmd, given[2], options.force)
  if not n then
    local err = without
    local hint = err.text:find("is there already", 1, true) and "; --force replaces it" or ""
    cmd.err(("%s: %s%s\nnothing was written\n"):format(given[2], err.text, hint))
    return 1
  elseif options.json then
    cmd.out(json.encode { file = given[2], rows = n, without_identifier = without } .. "\n")
  else
    if without > 0 then
      cmd.out(("%s of the CRM without an identifier left out\n"):format(
        table_text.count(without, "row")))
    end
    cmd.out(("%s written to %s\n"):format(table_text.count(n, "row"), given[2]))
  end
  return 0
end

return M

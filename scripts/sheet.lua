-- Files of tables, as people keep them: .xlsx or .csv, read into rows of texts and written.  It
-- must never know what the rows are for.
local csv = require "csv"
local text = require "text"

local M = {}

local EPOCH_DAYS, FAKE_LEAP = 25569, 60 -- days of a workbook from 1899-12-30; 1900-02-29 was none
local DAY_MS = 86400000
local MOST = 100000 -- rows
local FORMATS = { xlsx = "xlsx", xlsm = "xlsx", csv = "csv", txt = "csv" }

---"A", "B", ..., "AA": as a spreadsheet names its columns.
---@param column integer
---@return string
function M.letters(column)
  local out = ""
  while column > 0 do
    out = string.char(65 + (column - 1) % 26) .. out
    column = (column - 1) // 26
  end
  return out
end

---The form of a file by the end of its name; nil: one that is not read.
---@param path string
---@return "xlsx"|"csv"|nil
function M.format(path)
  return FORMATS[(path:lower():match("%.(%w+)$"))]
end

-- ---- A workbook's cells as text ----

local function number(s)
  local whole = math.tointeger(tonumber(s))
  return whole and tostring(whole) or s
end

local function date(s)
  local days = tonumber(s)
  if days < FAKE_LEAP then
    days = days + 1
  end
  local ms = math.floor((days - EPOCH_DAYS) * DAY_MS / 1000 + 0.5) * 1000
  return ms % DAY_MS == 0 and text.date(ms) or (text.iso(ms):gsub("T", " "):gsub("Z", ""))
end

local SHOWN = { n = number, d = date, b = function(s) return s == "1" and "TRUE" or "FALSE" end }

local function put(rows, cell, problems)
  local row, column, kind, value = table.unpack(cell)
  local last = rows[#rows]
  if not last or last.row ~= row then
    last = { row = row, cells = {} }
    rows[#rows + 1] = last
  end
  if kind == "e" then
    last.bad = true
    problems[#problems + 1] = { row = row, column = column,
      text = "the cell holds the error " .. value .. ": correct its formula, or type the value" }
  end
  last.cells[column] = SHOWN[kind] and SHOWN[kind](value) or value
end

-- Pieces with turns of others between them: a host reads this while callbacks come in.  (suspends)
local function workbook(path, name)
  local open, err = host.sheet.open(path, name)
  if not open then
    return nil, err
  end
  local out = { name = open:name(), rows = {}, problems = {} }
  local cells
  repeat
    cells, err = open:cells()
    for _, cell in ipairs(cells or {}) do
      put(out.rows, cell, out.problems)
    end
    host.sleep(0)
  until not cells
  open:close()
  if err then
    return nil, err
  end
  return out
end

-- (suspends)
local function plain(path)
  local bytes, err = host.sheet.text(path)
  if not bytes then
    return nil, err
  end
  local records, wrong = csv.parse(bytes, function() host.sleep(0) end)
  if not records then
    return { rows = {}, problems = { wrong } }
  end
  local out = { rows = {}, problems = {} }
  for i, record in ipairs(records) do
    local row = { row = i, cells = {} }
    for column, value in ipairs(record) do
      if value ~= "" then
        row.cells[column] = value
      end
    end
    if next(row.cells) then
      out.rows[#out.rows + 1] = row
    end
  end
  return out
end

---The rows that hold something, in order.  (suspends)
---@param path string  absolute
---@param name string|nil  of a workbook's sheet
---@return { name: string|nil, rows: {row: integer, cells: table<integer, string>, bad: boolean}[],
---          problems: {row: integer, column: integer, text: string}[] }|nil, table|nil err
function M.read(path, name)
  local format = M.format(path)
  if not format then
    return nil, { kind = "data", text = "files that end in .xlsx or .csv are read: save it as one" }
  elseif name and format ~= "xlsx" then
    return nil, { kind = "data", text = "--sheet belongs to .xlsx: a .csv has no sheets" }
  end
  if format == "xlsx" then
    return workbook(path, name)
  end
  return plain(path)
end

---Writes rows of texts, the first the headings; whole or not at all.
---@param path string  absolute
---@param name string  of the sheet
---@param rows string[][]
---@param force boolean|nil  covers a file
---@return true|nil, table|nil err
function M.write(path, name, rows, force)
  local format = M.format(path)
  if not format then
    return nil, { kind = "data", text = "files that end in .xlsx or .csv are written" }
  elseif #rows > MOST then
    return nil, { kind = "data", text = "at most 100,000 rows are written, and these are more" }
  elseif format == "csv" then
    return host.sheet.write_text(path, csv.text(rows), force)
  end
  return host.sheet.write(path, { name = name, rows = rows, force = force })
end

return M

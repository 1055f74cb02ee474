-- What commands print: columns at a width, lines cut at the terminal's edge, colours, times in
-- words.  Text in, text out: it must never read a state.
local text = require "text"

local M = {}

local WIDTH = 80

-- Characters that take two columns of a terminal, and such that take none.
local WIDE = { { 0x1100, 0x115F }, { 0x2E80, 0xA4CF }, { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF },
  { 0xFE30, 0xFE6F }, { 0xFF00, 0xFF60 }, { 0xFFE0, 0xFFE6 }, { 0x1F300, 0x1FAFF },
  { 0x20000, 0x3FFFD } }
local NONE = { { 0x0300, 0x036F }, { 0x200B, 0x200F }, { 0xFE00, 0xFE0F } }

local COLOUR = { green = "\27[32m", red = "\27[31m", yellow = "\27[33m", bold = "\27[1m" }
local PLAIN = "\27[0m"

local function within(point, ranges)
  for _, range in ipairs(ranges) do
    if point >= range[1] and point <= range[2] then
      return true
    end
  end
  return false
end

local function columns_of(point)
  if point < 0x300 then
    return 1
  end
  return within(point, NONE) and 0 or within(point, WIDE) and 2 or 1
end

---How wide the command's terminal is.
---@param cmd table
function M.width(cmd)
  return cmd.width or WIDTH
end

---One line of printable text: what people typed may hold anything, also what moves a cursor.
---@param value any
---@return string
function M.plain(value)
  local line = tostring(value):gsub("%s+", " "):gsub("%c", "")
  return utf8.len(line) and line or (line:gsub("[\x80-\xFF]", "?"))
end

---@param line string
---@return integer  columns it takes
function M.columns(line)
  local n = 0
  for _, point in utf8.codes(line) do
    n = n + columns_of(point)
  end
  return n
end

---At most `most` columns of a line, "…" at the end if it was cut.
---@param line string
---@param most integer
function M.cut(line, most)
  if M.columns(line) <= most then
    return line
  end
  local n = 0
  for at, point in utf8.codes(line) do
    n = n + columns_of(point)
    if n > most - 1 then
      return line:sub(1, at - 1):gsub("%s+$", "") .. "…"
    end
  end
  return line
end

---@param cmd table
---@param colour string|nil
---@param line string
function M.paint(cmd, colour, line)
  if not (cmd.color and COLOUR[colour]) then
    return line
  end
  return COLOUR[colour] .. line .. PLAIN
end

---@class Column
---@field title string
---@field right boolean|nil  numbers
---@field flex boolean|nil   gives way where the line is too long
---@field least integer|nil  columns, whatever its cells hold

-- A cell is a text, or a text and its colour.
local function cell_text(cell)
  return type(cell) == "table" and cell[1] or cell or ""
end

local function natural(columns, rows)
  local widths = {}
  for i, column in ipairs(columns) do
    widths[i] = math.max(M.columns(column.title), column.least or 0)
    for _, row in ipairs(rows) do
      widths[i] = math.max(widths[i], M.columns(cell_text(row[i])))
    end
  end
  return widths
end

-- Takes what is too much from the columns that give way, from the widest first.
local function fit(columns, widths, room)
  local total = 2 * (#columns - 1)
  for _, width in ipairs(widths) do
    total = total + width
  end
  while total > room do
    local widest
    for i, column in ipairs(columns) do
      if column.flex and widths[i] > 8 and (not widest or widths[i] > widths[widest]) then
        widest = i
      end
    end
    if not widest then
      return
    end
    widths[widest], total = widths[widest] - 1, total - 1
  end
end

local function line_of(cmd, columns, widths, row, colour)
  local out = {}
  for i, column in ipairs(columns) do
    local cell = row[i]
    local shown = M.cut(cell_text(cell), widths[i])
    local pad = (" "):rep(widths[i] - M.columns(shown))
    local painted = M.paint(cmd, colour or type(cell) == "table" and cell[2] or nil, shown)
    out[i] = column.right and pad .. painted or painted .. pad
  end
  return (table.concat(out, "  "):gsub("%s+$", ""))
end

---The widths that these rows take; for rows that come one by one (see M.row).
---@param cmd table
---@param columns Column[]
---@param rows table[]
function M.widths(cmd, columns, rows)
  local widths = natural(columns, rows)
  fit(columns, widths, M.width(cmd))
  return widths
end

---@return string  one line, without its end
function M.row(cmd, columns, widths, row)
  return line_of(cmd, columns, widths, row)
end

---@return string  the line of titles
function M.head(cmd, columns, widths)
  local titles = {}
  for i, column in ipairs(columns) do
    titles[i] = column.title
  end
  return line_of(cmd, columns, widths, titles, "bold")
end

---Rows under their titles; a row's `below` are lines that follow it.
---@param cmd table
---@param columns Column[]
---@param rows table[]
---@return string[] lines
function M.lines(cmd, columns, rows)
  local widths = M.widths(cmd, columns, rows)
  local out = { M.head(cmd, columns, widths) }
  for _, row in ipairs(rows) do
    out[#out + 1] = line_of(cmd, columns, widths, row)
    for _, below in ipairs(row.below or {}) do
      out[#out + 1] = M.cut(below, M.width(cmd))
    end
  end
  return out
end

---Words broken into lines; the first begins with `head`, the others as far to the right, or less
---far where a word (an address) would not fit whole.
---@param cmd table
---@param head string
---@param words string
---@return string[] lines
function M.wrap(cmd, head, words)
  local width, indent = M.width(cmd), M.columns(head)
  local out, line, fresh = {}, head, true
  for word in M.plain(words):gmatch("%S+") do
    local long = M.columns(word)
    if M.columns(line) + long + (fresh and 0 or 1) > width and line:find("%S") then
      out[#out + 1] = line:gsub("%s+$", "")
      line, fresh = (" "):rep(math.max(0, math.min(indent, width - long))), true
    end
    line = line .. (fresh and "" or " ") .. word
    fresh = false
  end
  out[#out + 1] = line:gsub("%s+$", "")
  return out
end

---Writes lines.
---@param cmd table
---@param lines string[]
function M.out(cmd, lines)
  if #lines > 0 then
    cmd.out(table.concat(lines, "\n") .. "\n")
  end
end

-- ---- Times and numbers in words ----

local UNITS = { { 86400, "days" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } }

---A span of time in its largest unit: "3 min".
---@param ms integer
function M.span(ms)
  local s = math.max(0, ms // 1000)
  for _, unit in ipairs(UNITS) do
    if s >= unit[1] then
      local n = s // unit[1]
      return ("%d %s"):format(n, n == 1 and unit[2] == "days" and "day" or unit[2])
    end
  end
  return "0 s"
end

---@param at_ms integer|nil  nil or 0: it never was
function M.ago(at_ms)
  if not at_ms or at_ms == 0 then
    return "never"
  end
  local ms = host.now_ms() - at_ms
  return ms < 1000 and "just now" or M.span(ms) .. " ago"
end

---"2031-02-03 04:05:06", UTC.
---@param at_ms integer
function M.clock(at_ms)
  return (text.iso(at_ms):gsub("T", " "):gsub("Z", ""))
end

---"1 deal", "3 deals".
---@param n integer
---@param word string
---@param many string|nil
function M.count(n, word, many)
  return ("%d %s"):format(n, n == 1 and word or many or word .. "s")
end

return M

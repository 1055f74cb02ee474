-- Comma-separated values (RFC 4180), read strictly and written: text in, records out.  Commas,
-- semicolons (as German Excel writes them) or tabs; UTF-8, or UTF-16 with a mark (Excel's "Unicode
-- text").  It must never guess: what it can't read has a row, a column and a cure.
local M = {}

local LEAST_POINT, SURROGATES = 0x10000, 0xD800
local MARK = "\u{FEFF}"
local MOST, PAUSE = 100000, 1000 -- records; and of these, how many between pauses
local SEPARATORS = { ",", ";", "\t" }

local function problem(row, column, said)
  return nil, { row = row, column = column, text = said }
end

-- ---- Encodings ----

local OTHER = "the file is not UTF-8: save it as \"CSV UTF-8\" or as .xlsx"

local function surrogate(point)
  return point >> 10 == SURROGATES >> 10 or point >> 10 == (SURROGATES >> 10) + 1
end

-- UTF-16 as UTF-8.  -> text | nil: half a character
local function from_utf16(bytes, format)
  local out, at, n = {}, 3, #bytes
  while at < n do
    local point = format:unpack(bytes, at)
    at = at + 2
    if surrogate(point) then
      local low = at < n and format:unpack(bytes, at) or 0
      if point >= 0xDC00 or low < 0xDC00 or low > 0xDFFF then
        return nil
      end
      point, at = LEAST_POINT + ((point & 0x3FF) << 10) + (low & 0x3FF), at + 2
    end
    out[#out + 1] = utf8.char(point)
  end
  return at == n + 1 and table.concat(out) or nil
end

local UTF16 = { ["\xFF\xFE"] = "<I2", ["\xFE\xFF"] = ">I2" }

-- Where a byte that is not UTF-8 stands: lines and separators before it.
local function place(bytes, at)
  local row, from = 1, 1
  for stop in bytes:sub(1, at - 1):gmatch("()\n") do
    row, from = row + 1, stop + 1
  end
  local _, before = bytes:sub(from, at - 1):gsub("[,;\t]", "")
  return row, before + 1
end

local function decode(bytes)
  local format = UTF16[bytes:sub(1, 2)]
  if format then
    local text = from_utf16(bytes, format)
    if not text then
      return problem(1, 1, "the file ends in half a character of UTF-16: save it anew")
    end
    return text
  end
  local text = bytes:sub(1, #MARK) == MARK and bytes:sub(#MARK + 1) or bytes
  local _, bad = utf8.len(text)
  if bad then
    local row, column = place(text, bad)
    return problem(row, column, OTHER)
  end
  return text
end

-- ---- Records ----

-- The separator that the first record has most of, outside of quotes; or the one that a first line
-- `sep=;` names.  -> separator, where the records begin
local function separator(text)
  local named, from = text:match("^[sS][eE][pP]=([,;\t])\r?\n()")
  if named then
    return named, from
  end
  local head = text:gsub('"[^"]*"', ""):match("^[^\r\n]*")
  local best, most = ",", 0
  for _, sep in ipairs(SEPARATORS) do
    local _, n = head:gsub(sep, "")
    if n > most then
      best, most = sep, n
    end
  end
  return best, from or 1
end

-- A cell in quotes.  -> its text, the place behind it | nil
local function quoted(text, at)
  local parts = {}
  while true do
    local stop = text:find('"', at, true)
    if not stop then
      return nil
    end
    parts[#parts + 1] = text:sub(at, stop - 1)
    if text:sub(stop + 1, stop + 1) ~= '"' then
      return table.concat(parts), stop + 1
    end
    parts[#parts + 1] = '"'
    at = stop + 2
  end
end

-- One cell from `at` on.  -> text, the place behind it | nil, nil, what is wrong
local function cell(text, at, plain)
  if text:sub(at, at) ~= '"' then
    local stop = text:find(plain, at) or #text + 1
    if text:sub(stop, stop) == '"' then
      return nil, nil, "a quotation mark inside of a text: put the text in quotation marks and "
        .. "write each inside twice"
    end
    return text:sub(at, stop - 1), stop
  end
  local value, behind = quoted(text, at + 1)
  if not value then
    return nil, nil, "a quotation mark opens here and is never closed: add the closing one"
  elseif behind <= #text and not text:find("^[\r\n" .. plain:sub(2, 2) .. "]", behind) then
    return nil, nil, "text follows a closing quotation mark: write marks inside of a text twice"
  end
  return value, behind
end

---Records in order; a blank line is an empty one, so that numbers are those a spreadsheet shows.
---@param bytes string
---@param pause fun()|nil  called now and then: a large file takes a while
---@return string[][]|nil records, { row: integer, column: integer, text: string }|nil
function M.parse(bytes, pause)
  local text, err = decode(bytes)
  if not text then
    return nil, err
  end
  local sep, at = separator(text)
  local plain = "[" .. sep .. '"\r\n]'
  local records, record = {}, {}
  local first = at > 1 and 1 or 0 -- a line `sep=;` is a row too
  while at <= #text do
    local value, behind, wrong = cell(text, at, plain)
    if not value then
      return problem(first + #records + 1, #record + 1, wrong)
    end
    record[#record + 1] = value
    local c = text:sub(behind, behind)
    at = behind + 1
    if c == sep and at > #text then
      record[#record + 1] = ""
    elseif c ~= sep then
      at = c == "\r" and text:sub(at, at) == "\n" and at + 1 or at
      records[#records + 1], record = record, {}
      if #records + first > MOST then
        return problem(MOST + 1, 1, "at most 100,000 rows are read: part the file")
      elseif pause and #records % PAUSE == 0 then
        pause()
      end
    end
  end
  if #record > 0 then
    records[#records + 1] = record
  end
  if first == 1 then
    table.insert(records, 1, {})
  end
  return records
end

-- ---- Writing ----

local function shown(value)
  return value:find('[",;\t\r\n]') and '"' .. value:gsub('"', '""') .. '"' or value
end

---With a mark in front, by which Excel knows UTF-8.
---@param records string[][]
---@return string
function M.text(records)
  local out = {}
  for i, record in ipairs(records) do
    local cells = {}
    for k, value in ipairs(record) do
      cells[k] = shown(value)
    end
    out[i] = table.concat(cells, ",") .. "\r\n"
  end
  return MARK .. table.concat(out)
end

return M

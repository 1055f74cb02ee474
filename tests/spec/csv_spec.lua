-- Comma-separated values: what RFC 4180 says, what Excel writes in several countries, and that what
-- can't be read has a row, a column and a cure.
local csv = require "csv"

local function read(t, text, want)
  local records, err = csv.parse(text)
  t.eq(records or err, want, text)
end

local function wrong(t, text, row, column, said)
  local records, err = csv.parse(text)
  t.eq(records, nil, text)
  t.eq({ err.row, err.column }, { row, column }, err.text)
  t.has(err.text, said)
end

-- A text in UTF-16 with its mark.
local function utf16(text, format)
  local out = { string.pack(format, 0xFEFF) }
  for _, point in utf8.codes(text) do
    if point > 0xFFFF then
      point = point - 0x10000
      out[#out + 1] = string.pack(format, 0xD800 + (point >> 10))
      point = 0xDC00 + (point & 0x3FF)
    end
    out[#out + 1] = string.pack(format, point)
  end
  return table.concat(out)
end

local function records(t)
  read(t, "a,b\r\nc,d\r\n", { { "a", "b" }, { "c", "d" } })
  read(t, "a,b\nc,d", { { "a", "b" }, { "c", "d" } })
  read(t, "a,b\rc,d\r", { { "a", "b" }, { "c", "d" } })
  read(t, "a,,\n,\n", { { "a", "", "" }, { "", "" } })
  read(t, "a,", { { "a", "" } })
  read(t, "a\n\nb\n", { { "a" }, { "" }, { "b" } })
  read(t, "", json.array {})
  read(t, 'a,"b, ""c""\r\nd",e\n', { { "a", 'b, "c"\r\nd', "e" } })
  read(t, '"","a"\n', { { "", "a" } })
end

local function separators(t)
  read(t, "\u{FEFF}a;b\r\n1,5;2\r\n", { { "a", "b" }, { "1,5", "2" } })
  read(t, "a\tb\tc,d\n", { { "a", "b", "c,d" } })
  read(t, '"x;y;z",b\n', { { "x;y;z", "b" } })
  read(t, "sep=;\r\na,b;c\r\n", { {}, { "a,b", "c" } })
  read(t, "one\ntwo;three\n", { { "one" }, { "two;three" } })
end

local function encodings(t)
  for _, format in ipairs { "<I2", ">I2" } do
    read(t, utf16("種類\t𝄞\r\nß\té\r\n", format), { { "種類", "𝄞" }, { "ß", "é" } })
    wrong(t, utf16("a\tb", format) .. "x", 1, 1, "half a character")
    wrong(t, utf16("a", format) .. string.pack(format, 0xD834), 1, 1, "half a character")
    wrong(t, utf16("a", format) .. string.pack(format, 0xDD1E), 1, 1, "half a character")
  end
  wrong(t, "a;b\r\nc;L\xf6t\r\n", 2, 2, "not UTF-8: save it as \"CSV UTF-8\"")
  wrong(t, "\x83\x5e\x83\x43,b", 1, 1, "not UTF-8") -- Shift_JIS
end

local function quotes(t)
  wrong(t, 'a,b\nc,d"e\n', 2, 2, "a quotation mark inside of a text")
  wrong(t, 'a\n\nb,"c\nd,e\n', 3, 2, "is never closed")
  wrong(t, 'a,"b"c\n', 1, 2, "text follows a closing quotation mark")
  wrong(t, 'sep=,\na,"b" \n', 2, 2, "text follows a closing quotation mark")
end

local function bounds(t)
  local pauses = 0
  local list = csv.parse(("a\n"):rep(100000), function() pauses = pauses + 1 end)
  t.eq({ #list, pauses }, { 100000, 100 })
  wrong(t, ("a\n"):rep(100001), 100001, 1, "at most 100,000 rows")
end

local function written(t)
  local list = { { "a", "b,c", 'd"e' }, { "f\r\ng", "", "é;\t" } }
  local text = csv.text(list)
  t.eq(text, '\u{FEFF}a,"b,c","d""e"\r\n"f\r\ng",,"é;\t"\r\n')
  read(t, text, list)
  read(t, csv.text { { "" } }, { { "" } })
end

-- Whatever comes: an answer, or a place within the file.
local function anything(t)
  local pieces = { "a", ",", ";", '"', "\r", "\n", "\t", "\u{FEFF}", "\xff", "é", '""', "\0" }
  local seed = 1
  for _ = 1, 5000 do
    local out = {}
    for i = 1, 12 do
      seed = (seed * 1103515245 + 12345) % 2147483648
      out[i] = pieces[seed // 65536 % #pieces + 1]
    end
    local text = table.concat(out)
    local list, err = csv.parse(text)
    t.ok(list or (err.row >= 1 and err.column >= 1 and err.text), text)
    if list and #list > 0 and #list[1] > 0 then
      t.eq(csv.parse(csv.text(list)), list, text)
    end
  end
end

return function(t)
  t.case("records, quotes and line ends as RFC 4180 has them", function() records(t) end)
  t.case("separators of several countries", function() separators(t) end)
  t.case("UTF-8 and UTF-16; others are named", function() encodings(t) end)
  t.case("quotation marks that do not fit are named", function() quotes(t) end)
  t.case("as many rows as are read, with pauses", function() bounds(t) end)
  t.case("what is written is read again", function() written(t) end)
  t.case("no text is too strange", function() anything(t) end)
end

--- Text for comparing names: width, case, spaces and ways of writing an accent no longer matter.
-- Of NFKC and case folding it is what names need: ASCII and full-width forms, Latin, Greek,
-- Cyrillic, half-width katakana, accents and voicing as marks of their own, signs for a company.
-- Text in, text out; a name of another script comes out as it went in.

local text = require "text"

local M = {}

-- first, last, step, and what is added: capital to small letter beyond ASCII
local CAPITALS = {
  { 0xC0, 0xD6, 1, 32 }, { 0xD8, 0xDE, 1, 32 },                               -- Latin-1
  { 0x100, 0x12E, 2, 1 }, { 0x132, 0x136, 2, 1 }, { 0x139, 0x147, 2, 1 },     -- Latin Ext-A
  { 0x14A, 0x176, 2, 1 }, { 0x178, 0x178, 1, -121 }, { 0x179, 0x17D, 2, 1 },
  { 0x386, 0x386, 1, 38 }, { 0x388, 0x38A, 1, 37 }, { 0x38C, 0x38C, 1, 64 },  -- Greek
  { 0x38E, 0x38F, 1, 63 }, { 0x391, 0x3A1, 1, 32 }, { 0x3A3, 0x3AB, 1, 32 },
  { 0x400, 0x40F, 1, 80 }, { 0x410, 0x42F, 1, 32 }, { 0x460, 0x480, 2, 1 },   -- Cyrillic
  { 0x48A, 0x4BE, 2, 1 }, { 0x4D0, 0x52E, 2, 1 },
  { 0x1E00, 0x1E94, 2, 1 }, { 0x1EA0, 0x1EFE, 2, 1 },                         -- Latin Additional
}
-- Others by what is compared in their place.
local OTHERS = { [0xDF] = "ss", [0x1E9E] = "ss", [0x130] = "i", [0x17F] = "s", [0x3C2] = "σ",
  [0xAA] = "a", [0xBA] = "o", [0xB2] = "2", [0xB3] = "3", [0xB9] = "1", [0xFB00] = "ff",
  [0xFB01] = "fi", [0xFB02] = "fl", [0x2011] = "-", [0xAD] = "", [0x200B] = "", [0xFEFF] = "",
  [0x2116] = "no", [0x2121] = "tel", [0x2122] = "tm", [0x3231] = "(株)", [0x3232] = "(有)",
  [0x3239] = "(代)", [0x337F] = "株式会社", [0xFF9E] = "\u{3099}", [0xFF9F] = "\u{309A}" }

-- What a mark makes of the letter before it: of these those.
local ACCENTS = {
  [0x300] = { "aeinouwyâêôăơưü", "àèìǹòùẁỳầềồằờừǜ" },
  [0x301] = { "acegiklmnoprsuwyzâêôăơưü", "áćéǵíḱĺḿńóṕŕśúẃýźấếốắớứǘ" },
  [0x302] = { "aceghijosuwyzạẹọ", "âĉêĝĥîĵôŝûŵŷẑậệộ" },
  [0x303] = { "aeinouvyâêôăơư", "ãẽĩñõũṽỹẫễỗẵỡữ" },
  [0x304] = { "aegiouyü", "āēḡīōūȳǖ" },
  [0x306] = { "aegiouạ", "ăĕğĭŏŭặ" },
  [0x307] = { "abcdefghmnoprstwxyz", "ȧḃċḋėḟġḣṁṅȯṗṙṡṫẇẋẏż" },
  [0x308] = { "aehiotuwxy", "äëḧïöẗüẅẍÿ" },
  [0x309] = { "aeiouyâêôăơư", "ảẻỉỏủỷẩểổẳởử" },
  [0x30A] = { "auwy", "åůẘẙ" },
  [0x30B] = { "ou", "őű" },
  [0x30C] = { "acdeghijklnorstuzü", "ǎčďěǧȟǐǰǩľňǒřšťǔžǚ" },
  [0x31B] = { "ouọ", "ơượ" },
  [0x323] = { "abdehiklmnorstuvwyzâêôăơư", "ạḅḍẹḥịḳḷṃṇọṛṣṭụṿẉỵẓậệộặợự" },
  [0x327] = { "cdeghklnrst", "çḑȩģḩķļņŗşţ" },
  [0x328] = { "aeiou", "ąęįǫų" },
}
local HALF_WIDTH = -- from U+FF61 on
  "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン"
local VOICED = "かきくけこさしすせそたちつてとはひふへほ" -- with their mark the next letter
local HALF_VOICED = "はひふへほ"                       -- the next but one
local KATAKANA = 0x60 -- so far behind hiragana

local FOLDED, COMPOSED = {}, {}
for _, range in ipairs(CAPITALS) do
  for code = range[1], range[2], range[3] do
    FOLDED[utf8.char(code)] = utf8.char(code + range[4])
  end
end
for code = 0xFF01, 0xFF5E do FOLDED[utf8.char(code)] = string.char(code - 0xFEE0):lower() end
for code = 0x2000, 0x200A do FOLDED[utf8.char(code)] = " " end
for _, code in ipairs { 0xA0, 0x202F, 0x205F, 0x3000 } do FOLDED[utf8.char(code)] = " " end
for code, to in pairs(OTHERS) do FOLDED[utf8.char(code)] = to end

local function letters(s)
  local out = {}
  for _, code in utf8.codes(s) do out[#out + 1] = code end
  return out
end

for i, code in ipairs(letters(HALF_WIDTH)) do
  FOLDED[utf8.char(0xFF60 + i)] = utf8.char(code)
end
for mark, row in pairs(ACCENTS) do
  local made = letters(row[2])
  for i, base in ipairs(letters(row[1])) do
    COMPOSED[utf8.char(base, mark)] = utf8.char(made[i])
  end
end
for i, row in ipairs { VOICED, HALF_VOICED } do
  for _, base in ipairs(letters(row)) do
    for _, code in ipairs { base, base + KATAKANA } do
      COMPOSED[utf8.char(code, 0x3098 + i)] = utf8.char(code + i)
    end
  end
end
COMPOSED["ウ\u{3099}"] = "ヴ"

local LETTER = "([%z\1-\x7F\xC2-\xF4][\x80-\xBF]*)"
local MARKS = { "\xCC[\x80-\xBF]", "\xE3\x82[\x99\x9A]" } -- of letters, of kana

-- Letters with the marks behind them as one, as far as there is one.
local function composed(s)
  for _, mark in ipairs(MARKS) do
    local before
    while s:find(mark) and s ~= before do
      before = s
      s = s:gsub(LETTER .. "(" .. mark .. ")", function(a, b) return COMPOSED[a .. b] end)
    end
  end
  return s
end

---@param value any
---@return string
function M.of(value)
  local s = tostring(value or ""):lower():gsub("[\xC2-\xF4][\x80-\xBF]*", FOLDED)
  return text.trim((composed(s):gsub("%s+", " ")))
end

return M

-- Items 70, 71: what sellers read.  The tables of texts are alike and whole, what the code says
-- stands in them and nowhere else, and the audit column is bounded and newest first.
local audit = require "audit"
local fields = require "fields"
local say = require "say"
local settings = require "settings"

local LANGUAGES = {}
for _, tag in pairs(say.tags) do
  LANGUAGES[#LANGUAGES + 1] = tag
end
table.sort(LANGUAGES)

local SCRIPTS = host.file.getenv "COSELL_SCRIPTS"

-- Runs work with these settings, in the language that they and the organisation's code give.
local function with(given, code, work)
  local profile = host.profile
  rawset(host, "profile", { settings = given or {} })
  say.use(code)
  local ok, err = pcall(work)
  rawset(host, "profile", { settings = {} })
  say.use(nil)
  rawset(host, "profile", profile)
  if not ok then
    error(err, 0)
  end
end

-- ---- The tables ----

local function keys(texts)
  local out = {}
  for key in pairs(texts) do
    out[#out + 1] = key
  end
  table.sort(out)
  return out
end

local function holes(sentence)
  local out = {}
  for name in sentence:gmatch("{(.-)}") do
    out[#out + 1] = name
  end
  table.sort(out)
  return table.concat(out, " ")
end

local function alike(t)
  local english = require "texts.en"
  for _, tag in ipairs(LANGUAGES) do
    local texts = require("texts." .. tag)
    t.eq(keys(texts), keys(english), tag)
    for key, sentence in pairs(texts) do
      t.eq(holes(sentence), holes(english[key]), tag .. " " .. key)
      t.ok(sentence ~= "" and not sentence:find("[%c]"), tag .. " " .. key)
    end
  end
end

local NAMES = { ["IP"] = true, ["CRM ID"] = true, ["Microsoft CRM ID"] = true }

-- Letters of English alone are a text that somebody forgot to translate.
local function translated(t)
  local english, japanese = require "texts.en", require "texts.ja"
  for key, sentence in pairs(japanese) do
    local foreign = sentence:gsub("{.-}", ""):find("[\xE3-\xE9]") -- kana and kanji
    local words = english[key]:gsub("{.-}", ""):find("%a%a")
    t.ok(foreign or not words or NAMES[sentence] or key:find "^member", key)
  end
end

local function every_file(t)
  local names, known = {}, {}
  for _, name in ipairs(assert(host.file.list(SCRIPTS .. "/texts"))) do
    names[#names + 1] = name:match("^(%a+)%.lua$")
  end
  table.sort(names)
  t.eq(names, LANGUAGES, "a file for each language of say.lua, and no other")
  for _, row in ipairs(settings.rows) do
    known = row.name == "audit_language" and { table.unpack(row.values) } or known
  end
  table.sort(known)
  local wanted = { "auto", table.unpack(LANGUAGES) }
  table.sort(wanted)
  t.eq(known, wanted, "the values of the setting")
end

local function every_field(t)
  local english = require "texts.en"
  for _, field in ipairs(fields.rows) do
    t.ok(english["field-" .. field.name], "field-" .. field.name)
    for _, part in ipairs(field.parts or {}) do
      t.ok(english["part-" .. part.name], "part-" .. part.name)
    end
  end
end

-- ---- The code ----

-- Folders whose texts other people read: operators, who tries the practice environment.
local NOT_SELLERS = { commands = true, sim = true, texts = true }
-- Files that hand keys on to those that say them; and those whose sentences answer a command.
local KEYS, ANSWERS = { ["/withhold.lua"] = true, ["/flows/microsoft_updates.lua"] = true },
  { ["/orders.lua"] = true, ["/preview.lua"] = true, ["/twins.lua"] = true }

-- Texts of these names end in a log, an answer of a command or a run record.
local MACHINE = { "log(", "config(", "config \"", "broken(", "refused(", "text = ", "why = ",
  "left_out(", "paused(", "brakes.set(", "error(", "host.run", "assert(", "return false, \"",
  "return \"" }

local function read_all()
  local out = {}
  for _, folder in ipairs { "", "/flows" } do
    for _, name in ipairs(assert(host.file.list(SCRIPTS .. folder))) do
      if name:find("%.lua$") and not NOT_SELLERS[name] then
        out[folder .. "/" .. name] = assert(host.file.read(SCRIPTS .. folder .. "/" .. name))
      end
    end
  end
  return out
end

-- Whether it writes what sellers read.
local function for_sellers(name, code)
  return KEYS[name] or code:find('require "say"', 1, true) ~= nil
end

-- A key is used where it stands quoted, or is put together: "told-" and "read-only".
local function used(key, code)
  if code:find('"' .. key .. '"', 1, true) then
    return true
  end
  local family, rest = key:match("^(%l+%-)(.+)$")
  local quoted = family and (code:find('"' .. family .. '"', 1, true) or
    code:find('= "' .. family:sub(1, -2) .. '"', 1, true))
  return quoted and code:find("%f[%w]" .. rest:gsub("%-", "%%-") .. "%f[^%w_]") ~= nil
end

local function all_used(t)
  local code = {}
  for _, text in pairs(read_all()) do
    code[#code + 1] = text
  end
  local whole = table.concat(code, "\n")
  for _, key in ipairs(keys(require "texts.en")) do
    t.ok(used(key, whole), "nobody says " .. key)
  end
end

local function all_known(t)
  local english = require "texts.en"
  for name, text in pairs(read_all()) do
    for _, pattern in ipairs { '%f[%w]say%(?%s?"([%w%-]+)"', 'say%.english%s?%(?"([%w%-]+)"',
      'key = "([%w%-]+)"', 'end,%s+"([%l%-]+)"' } do
      for key in (for_sellers(name, text) and text or ""):gmatch(pattern) do
        local begins = key:sub(-1) == "-"
        t.ok(english[key] or begins, name .. " says " .. key .. ", which no table has")
      end
    end
  end
end

-- A sentence: three words and more, no pattern, no address of the Web API.
local function is_sentence(text)
  return text:find("^[%a%%{]") and text:find("%l+ %l+ %l+") and not text:find("[$=/]")
end

local function is_machine(before)
  for _, name in ipairs(MACHINE) do
    if before:find(name, 1, true) then
      return true
    end
  end
  return false
end

local function no_literals(t)
  local looked = 0
  for name, text in pairs(read_all()) do
    if for_sellers(name, text) and not ANSWERS[name] then
      looked = looked + 1
      local last = ""
      for line in text:gmatch("[^\n]*") do
        local code = line:gsub("%-%-.*$", "")
        for literal in code:gmatch('"([^"]*)"') do
          t.ok(not is_sentence(literal) or is_machine(last .. code), name .. " says itself: " ..
            literal)
        end
        last = code
      end
    end
  end
  t.ok(looked >= 12, "files looked at: " .. looked)
end

-- ---- Saying ----

local function languages(t)
  local row = { { nil, "(empty)" }, { 1033, "(empty)" }, { 2057, "(empty)" }, { 1041, "(空白)" },
    { 1031, "(leer)" }, { 2055, "(leer)" }, { 1036, "(empty)" } }
  for _, case in ipairs(row) do
    with({}, case[1], function() t.eq(say "empty", case[2], tostring(case[1])) end)
  end
  with({ audit_language = "de" }, 1041, function()
    t.eq(say "empty", "(leer)", "the setting goes before the organisation")
    t.ok(not say.asks(), "nobody needs to ask")
  end)
  with({ audit_language = "auto" }, 1041, function() t.ok(say.asks(), "asks") end)
end

local function missing_text(t)
  local japanese = require "texts.ja"
  local kept = japanese.off
  japanese.off = nil
  with({}, 1041, function()
    t.eq(say "off", "Sync with Partner Center is off: nothing travels", "said in English")
  end)
  japanese.off = kept
  t.ok(not pcall(say, "no such key"))
  t.ok(not pcall(say, "created"), "a hole that nobody fills")
end

local function what_is_put_in(t)
  with({}, 1041, function()
    t.eq(say("created", { link = "{link} %1 %%" }),
      "パートナー センターの案件から作成しました：{link} %1 %%", "as it is")
    t.eq(say.error "two deals at Partner Center name one row of the CRM: close one of them there",
      (require "texts.ja")["two-deals"], "an error of ours")
    t.eq(say.error "HTTP 400", "HTTP 400", "another's words stay")
  end)
end

local function a_turn(t)
  local before = { value = "100.00", state = "open", help = nil, visible = false,
    solutions = { { id = "SOL-1" } } }
  local changes = { value = "120.00", state = "won", help = "QuotesOrLicensing", visible = true,
    solutions = json.array {} }
  local said = {
    [1033] = "deal value 100.00 → 120.00, state open → won, help asked of Microsoft (empty) → " ..
      "QuotesOrLicensing, visible to Microsoft sellers No → Yes, solutions SOL-1 → (none)",
    [1041] = "案件金額：100.00 → 120.00、状態：進行中 → 受注、Microsoft への支援依頼：(空白) → " ..
      "見積もりまたはライセンス、Microsoft の営業担当者への公開：いいえ → はい、" ..
      "ソリューション：SOL-1 → (なし)",
    [1031] = "Geschäftswert: 100.00 → 120.00, Status: offen → gewonnen, Hilfe von Microsoft: " ..
      "(leer) → Angebote oder Lizenzierung, Sichtbar für Microsoft-Vertrieb: Nein → Ja, " ..
      "Lösungen: SOL-1 → (keine)",
  }
  for code, line in pairs(said) do
    with({}, code, function() t.eq(audit.changes(changes, before), line) end)
  end
end

-- ---- The column ----

local function zones(t)
  for zone, part in pairs { ["UTC"] = "UTC  line", ["+09:00"] = "UTC+09:00  line",
    ["-0330"] = "UTC-03:30  line", ["+00:00"] = "UTC  line" } do
    with({ time_zone = zone }, nil, function()
      local line = audit.add(nil, "line", nil, 8000)
      t.has(line, part)
      local at = audit.written_ms(line)
      t.ok(at and math.abs(host.now_ms() - at) <= 61000, zone .. ": the same moment")
    end)
  end
  t.eq(audit.written_ms "2031-02-03 19:00 UTC+09:00  a", audit.written_ms "2031-02-03 10:00 UTC  b")
  t.eq(audit.written_ms "2031-02-03 10:00 a person", nil)
  t.eq(audit.written_ms "2031-02-03 10:00 UTC a person", nil)
end

local function bounds(t)
  local old
  for i = 1, 30 do
    old = audit.add(old, ("line %d %s"):format(i, ("🚢"):rep(20)), 5000, 500)
    t.ok(audit.units(old) <= 500 and utf8.len(old), "length " .. audit.units(old))
    t.ok(old:find("^%d[^\n]*line " .. i .. " "), "newest first")
    for line in old:gmatch("[^\n]+") do
      t.ok(line:find("🚢$"), "a line that is cut: " .. line)
    end
  end
  t.ok(audit.units(old) > 400, "no more than must be goes: " .. audit.units(old))
  local long = audit.add(old, ("🚢"):rep(400), 300, 500)
  t.ok(audit.units(long) == 300 or audit.units(long) == 299, "the newest alone is cut")
  t.ok(utf8.len(long), "at the end of a character")
  local person = audit.add(("p"):rep(600), "line", nil, 300)
  t.eq(audit.units(person), 300, "a person's words are cut where they must be")
end

return function(t)
  t.case("item 70: every language has every text, with the same holes", function() alike(t) end)
  t.case("item 70: the Japanese texts are Japanese", function() translated(t) end)
  t.case("item 70: a language is a file, a row and a value", function() every_file(t) end)
  t.case("item 70: every field and part has its label", function() every_field(t) end)
  t.case("item 70: every text is said somewhere", function() all_used(t) end)
  t.case("item 70: what is said stands in the tables", function() all_known(t) end)
  t.case("item 70: no sentence for sellers stands in the code", function() no_literals(t) end)
  t.case("item 70: the language is the setting's, else the organisation's, else English",
    function() languages(t) end)
  t.case("item 70: what a language lacks is said in English", function() missing_text(t) end)
  t.case("item 70: values are put in as they are", function() what_is_put_in(t) end)
  t.case("item 70: one turn in three languages", function() a_turn(t) end)
  t.case("item 70: the time is that of the setting time_zone", function() zones(t) end)
  t.case("item 71: bounded, newest first, no line cut but the only one", function()
    with({}, nil, function() bounds(t) end)
  end)
end

--- What a mapping file sees: a few basic functions, `string table math utf8`, `null` and `ctx`.
-- Owns the country index.  Every file gets an environment of its own, so that no
-- file can change what another one sees.  It must never hand out a function that reaches further:
-- no clock, no random number, no global of the host.

local fold = require "fold"
local text = require "text"

local M = {}

local BASIC = { "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal",
  "rawget", "rawlen", "rawset", "select", "setmetatable", "tonumber", "tostring", "type",
  "_VERSION" }
local LIBRARIES = { string = string, table = table, math = math, utf8 = utf8 }
-- the same question has the same answer
local LEFT_OUT = { math = { random = true, randomseed = true } }


-- Names that people expect, and what there is in their place.
local INSTEAD = {
  print = "; `ctx.log(text)` writes to the log", os = "; the day is `ctx.today`",
  require = "; what a file needs stands in it", host = "; a mapping computes, cosell does the rest",
}

--- Text for comparing names (fold.lua).
M.fold = fold.of

local ALIASES = { UK = "GB", EL = "GR" } -- codes in use that ISO does not hand out

-- Names in use, folded, that the lists of ISO 3166-1 do not have.
local CALLED = {
  ["america"] = "US", ["etats-unis"] = "US", ["アメリカ"] = "US",
  ["britain"] = "GB", ["great britain"] = "GB", ["england"] = "GB", ["scotland"] = "GB",
  ["wales"] = "GB", ["northern ireland"] = "GB", ["grossbritannien"] = "GB", ["イギリス"] = "GB",
  ["republic of korea"] = "KR", ["korea, south"] = "KR", ["韓国"] = "KR", ["日本国"] = "JP",
  ["prc"] = "CN", ["pr china"] = "CN", ["россия"] = "RU", ["turkey"] = "TR", ["uae"] = "AE",
  ["ivory coast"] = "CI", ["cape verde"] = "CV", ["east timor"] = "TL", ["macedonia"] = "MK",
  ["dr congo"] = "CD", ["vatican city"] = "VA", ["palestine"] = "PS", ["curacao"] = "CW",
  ["eire"] = "IE", ["republic of ireland"] = "IE", ["falkland islands"] = "FK",
}

-- "The U.S.A." -> "usa"
local function bare(key)
  return (key:gsub("%.", ""):gsub("’", "'"):gsub("^the ", ""))
end

-- Folded name -> code; false where two countries share a name.  All names of a country are folded
-- in one go: one by one takes almost twice as long.
local function index_of(countries, wanted)
  local index = {}
  for code, names in pairs(countries) do
    local lists = {}
    for language, list in pairs(names) do
      if wanted(language) then lists[#lists + 1] = list end
    end
    for key in M.fold(table.concat(lists, "|")):gmatch("[^|]+") do
      local known = index[key]
      index[key] = (known == nil or known == code) and code
    end
  end
  return index
end

local function is_english(language) return language == "en" or language == "alpha_3" end

--- ISO 3166-1 with names in all languages.  The table is loaded with the first question, the index
--- over all languages with the first name that is not English.  A name that two countries share (in
--- the translations there are some) is no country.
---@param load fun(): table  the table that vendor/make-countries wrote
---@return {to_code: function, name_of: function}
function M.countries(load)
  local countries, english, all
  local function known()
    if not countries then
      countries = load()
      english = index_of(countries, is_english)
    end
    return countries
  end
  local to_code
  function to_code(value)
    if type(value) ~= "string" then return nil end
    local upper = text.trim(value):upper()
    if known()[upper] or ALIASES[upper] then return ALIASES[upper] or upper end
    local key = M.fold(value)
    if english[key] then return english[key] end
    all = all or index_of(countries, function(language) return not is_english(language) end)
    local plain = bare(key)
    return all[key] or CALLED[plain] or plain ~= key and to_code(plain) or nil
  end
  local function name_of(code, language)
    local names = type(code) == "string" and known()[code:upper()]
    if not names then return nil end
    language = (language or "en"):gsub("-", "_")
    local list = names[language] or names[language:match("^%a+")] or names.en
    return list:match("^[^|]+")
  end
  return { to_code = to_code, name_of = name_of }
end


local function copied(library, left_out)
  local copy = {}
  for name, value in pairs(library) do
    if not (left_out and left_out[name]) then copy[name] = value end
  end
  return copy
end

local function refuse_write(what)
  return function(_, name)
    error(("%s is read only: `%s` cannot be set; write `local %s`"):format(what, tostring(name),
      tostring(name)), 2)
  end
end

-- A read-only table whose unknown members raise, with the nearest name; computed ones are asked for
-- each time.
local function sealed(what, members, computed)
  local known = setmetatable(copied(members), {
    __index = function(_, name)
      if computed and computed[name] then return computed[name]() end
      local names = text.keys(members)
      for _, more in ipairs(text.keys(computed or {})) do names[#names + 1] = more end
      local near = text.nearest(tostring(name), names)
      error(("%s has no `%s`%s"):format(what, tostring(name),
        near and "; did you mean `" .. near .. "`?" or ""), 2)
    end,
  })
  return setmetatable({}, {
    __index = known,
    __newindex = refuse_write(what),
    __metatable = "locked",
  })
end

-- The two functions of ctx that raise.  They may be a mapping's last call, which leaves no line of
-- its own: then no place is said, rather than ours.
local function setting_of(settings, place)
  return function(name)
    local value = settings[name]
    if value == nil then
      local near = text.nearest(tostring(name), text.keys(settings))
      error(("%sthere is no setting `%s`%s"):format(place(), tostring(name),
        near and "; did you mean `" .. near .. "`?" or ""), 0)
    end
    return value
  end
end

-- ctx.bind(table, {column = value}): a marker that the flow resolves.
local function bind_of(place)
  return function(name, where)
    local function refuse(why) error(place() .. "ctx.bind" .. why, 0) end
    if type(name) ~= "string" or type(where) ~= "table" then
      refuse " wants a table's name and { column = value }"
    end
    local copy = {}
    for column, value in pairs(where) do
      if type(column) ~= "string" or type(value) == "table" or type(value) == "function" then
        refuse("(" .. name .. "): { column = value } wants names and plain values")
      end
      copy[column] = value
    end
    if next(copy) == nil then refuse("(" .. name .. "): there is no value to look for") end
    return { ["$bind"] = { table = name, where = copy } }
  end
end

local function ctx_of(world)
  return sealed("ctx", { setting = setting_of(world.settings, world.place), fold = M.fold,
    bind = bind_of(world.place),
    country = sealed("ctx.country", world.country), log = world.log }, { today = world.today })
end

--- A fresh environment for one file.
---@param world {settings: table, country: table, today: function, log: function,
---              place: function}|nil  nil: no ctx
---@return table
function M.new(world)
  local members = { null = json.null, ctx = world and ctx_of(world) }
  for _, name in ipairs(BASIC) do members[name] = _G[name] end
  for name, library in pairs(LIBRARIES) do members[name] = copied(library, LEFT_OUT[name]) end
  return setmetatable(members, {
    __index = function(_, name)
      local near = text.nearest(tostring(name), text.keys(members))
      error(("`%s` is not known here%s"):format(tostring(name), INSTEAD[name]
        or near and "; did you mean `" .. near .. "`?" or ""), 2)
    end,
    __newindex = refuse_write("a mapping file's environment"),
    __metatable = "locked",
  })
end

return M

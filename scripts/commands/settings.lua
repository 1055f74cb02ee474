-- cosell settings: every setting with its type, default and current value, what it does, and what
-- it was called in the original; --original: what the original was told in this CRM.  It must never
-- change one: they stand in the profile.
local original_settings = require "original_settings"
local settings = require "settings"
local table_text = require "table_text"
local text = require "text"
local words = require "words"

local M = { help = "the settings: type, default, current value, what each does", where = "host",
  usage = [=[
cosell settings [NAME] [--json]
cosell settings --original [--json]
  --original  what Microsoft's connector was told in your CRM, as lines for
              settings.lua]=] }

local INDENT = (" "):rep(4)

local function described(row)
  return { name = row.name, type = row.type, default = settings.default(row, host.profile.stage),
    current = settings.get(row.name), text = row.text, original = row.original,
    may_be = settings.kind(row), values = row.values and json.array { table.unpack(row.values) },
    least = row.least, most = row.most }
end

local function replaced()
  local out = json.array {}
  for i, row in ipairs(settings.replaced) do
    out[i] = { original = row.original, text = row.text }
  end
  return out
end

-- ---- As text ----

local function shown(value)
  return value == "" and "(empty)" or table_text.plain(value)
end

local COLUMNS = { { title = "" }, { title = "SETTING" }, { title = "CURRENT", flex = true },
  { title = "DEFAULT", flex = true } }

local function below(cmd, s)
  local out = table_text.wrap(cmd, INDENT, ("%s; %s"):format(s.may_be, s.text))
  local original = s.original and table_text.wrap(cmd, INDENT, "original: " .. s.original) or {}
  return table.move(original, 1, #original, #out + 1, out)
end

local function lines_of(cmd, list)
  local rows, other = {}, false
  for i, s in ipairs(list) do
    local changed = s.current ~= s.default
    other = other or changed
    rows[i] = { changed and { "*", "yellow" } or "", s.name,
      changed and { shown(s.current), "yellow" } or shown(s.current), shown(s.default),
      below = below(cmd, s) }
  end
  local out = table_text.lines(cmd, COLUMNS, rows)
  if other then
    table.move({ "", "* not the default" }, 1, 2, #out + 1, out)
  end
  return out
end

local function add_replaced(cmd, out)
  out[#out + 1] = ""
  out[#out + 1] = table_text.paint(cmd, "bold", "Variables of the original that need no setting")
  for _, row in ipairs(settings.replaced) do
    for _, line in ipairs(table_text.wrap(cmd, "  ", row.original .. ": " .. row.text)) do
      out[#out + 1] = line
    end
  end
  return out
end

-- ---- The command ----

local function all(cmd, as_json)
  local list = json.array {}
  for i, row in ipairs(settings.rows) do
    list[i] = described(row)
  end
  table_text.out(cmd, as_json and { json.encode { settings = list, replaced = replaced() } } or
    add_replaced(cmd, lines_of(cmd, list)))
  return 0
end

local function names()
  local out = {}
  for i, row in ipairs(settings.rows) do
    out[i] = row.name
  end
  return out
end

local function one(cmd, name, as_json)
  local row = settings.row(name)
  if not row then
    local near = text.nearest(name, names())
    cmd.err(("there is no setting `%s`%s\n"):format(table_text.plain(name),
      near and "; did you mean `" .. near .. "`?" or ": cosell settings lists them"))
    return 2
  end
  local s = described(row)
  table_text.out(cmd, as_json and { json.encode(s) } or lines_of(cmd, { s }))
  return 0
end

-- What the original was told, as Lua lines, and what of it nothing here stands for.
local function from_original(cmd, as_json)
  local found, err = original_settings.read()
  if not found then
    return nil, err
  elseif as_json then
    cmd.out(json.encode(found) .. "\n")
    return 0
  end
  for _, line in ipairs(found.lines) do
    local value = type(line.value) == "string" and ("%q"):format(line.value) or tostring(line.value)
    cmd.out(("%s.%s = %s  -- %s\n"):format(line.group, line.name, value,
      table_text.plain(line.origin)))
  end
  for _, left in ipairs(found.left) do
    table_text.out(cmd, table_text.wrap(cmd, "-  ", table_text.plain(left.what) .. ": " ..
      left.why))
  end
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, original = true })
  if not given then
    return 2
  elseif options.original and not given[1] then
    return from_original(cmd, options.json)
  elseif #given > 1 or options.original then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  if given[1] then
    return one(cmd, given[1], options.json)
  end
  return all(cmd, options.json)
end

return M

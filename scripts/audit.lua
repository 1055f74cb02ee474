-- What sellers read on the row: one line a sync, newest first, bounded; and the mark in the name.
-- Texts only, in the language of say.lua: it must never write to a service.
local canonical = require "canonical"
local fields = require "fields"
local say = require "say"
local text = require "text"

local M = {}

local LONGEST, LONGEST_SET = 120, 400 -- bytes of a value

-- Fields whose values are words of ours, and the family of these words in the texts.
local WORDS = { state = "state", microsoft_state = "state", help = "help", intent = "intent",
  stage = "stage", cosell_type = "type" }

-- "SOL-1", "SOL-1 (2.00 at 150.00)"
local function member(item)
  local id = item.id or item.email
  if not (item.price or item.quantity) then
    return id
  end
  return say(item.price and "member-price" or "member-quantity",
    { id = id, quantity = item.quantity or "1", price = item.price })
end

local function shown(field, value)
  if value == nil or value == json.null then
    return say "empty"
  elseif field.kind == "set" then
    local ids = {}
    for _, item in ipairs(value) do
      ids[#ids + 1] = member(item)
    end
    return #ids == 0 and say "none" or text.bound(table.concat(ids, say "comma"), LONGEST_SET)
  elseif field.kind == "record" then
    return text.bound(value.name or ("%s %s"):format(value.first_name or "",
      value.last_name or ""), LONGEST)
  elseif field.kind == "flag" then
    return say(value and "yes" or "no")
  elseif WORDS[field.name] then
    value = say.word(WORDS[field.name], tostring(value))
  end
  return text.bound(tostring(value), LONGEST)
end

---"deal value 100 → 120, closing date (empty) → 2031-03-31"
---@param changes table<string, any>  field -> new value
---@param before table  canonical deal
function M.changes(changes, before)
  local out = {}
  for _, field in ipairs(fields.rows) do
    local value = changes[field.name]
    if value ~= nil then
      out[#out + 1] = say("change", { field = say.label(field.name),
        was = shown(field, before[field.name]), now = shown(field, value) })
    end
  end
  return table.concat(out, say "comma")
end

---@param told table[]  merge's `told`
---@param news boolean  whether more than read-only notices is to be said
function M.told(told, news)
  local out = {}
  for _, item in ipairs(told) do
    if news or item.why == "read-only" then
      out[#out + 1] = say("told-" .. item.why,
        { value = item.value, field = say.label(item.field, item.part) })
    end
  end
  return table.concat(out, say "semicolon")
end

---@param conflicts table[]
function M.conflicts(conflicts)
  local out = {}
  for _, c in ipairs(conflicts) do
    local field = fields.at(c.field)
    local key = c.kept == "partner" and "conflict-partner" or
      c.kept == "resolve" and "conflict-resolve" or "conflict-crm"
    out[#out + 1] = say(key, { field = say.label(c.field), crm = shown(field, c.crm),
      partner = shown(field, c.partner), value = shown(field, c.value) })
  end
  return table.concat(out, say "semicolon")
end

---@param side "crm"|"partner"  that keeps its own values
---@param names string[]|nil  of fields
---@return string|nil
function M.ignored(side, names)
  local labels = {}
  for i, name in ipairs(names or {}) do
    labels[i] = say.label(name)
  end
  return names and say("ignored-" .. side, { fields = table.concat(labels, say "comma") })
end

-- ---- The column ----

-- "2031-02-03 13:05 UTC+09:00  ": the clock of the setting time_zone, and how far that is from UTC.
local STAMP = "^(%d%d%d%d%-%d%d%-%d%d) (%d%d:%d%d) UTC([+-]?[%d:]*)  "

local function stamp()
  local zone = host.profile.settings.time_zone or "UTC"
  local off = text.zone_minutes(zone)
  local at = text.iso(host.now_ms() + off * 60000):sub(1, 16):gsub("T", " ")
  local distance = off == 0 and "" or
    ("%s%02d:%02d"):format(off < 0 and "-" or "+", math.abs(off) // 60, math.abs(off) % 60)
  return ("%s UTC%s  "):format(at, distance)
end

---When a line of ours was written.
---@param line string
---@return integer|nil  ms; nil: it is not one of ours
function M.written_ms(line)
  local day, clock, distance = line:match(STAMP)
  local at = day and text.ms(day .. "T" .. clock .. ":00Z")
  return at and at - text.zone_minutes(distance) * 60000
end

-- Cut to its bound, and the line of ours that is cut goes whole, unless it is the newest.
local function bounded(whole, most)
  local cut = M.cut(whole, most)
  local before, last = cut:match("^(.*)\n([^\n]*)$")
  if #cut < #whole and whole:sub(#cut + 1, #cut + 1) ~= "\n" and last and
    (last == "" or whole:sub(#before + 2):find(STAMP)) then
    return before
  end
  return cut
end

---Puts a line in front of the audit text.
---@param old string|nil
---@param line string
---@param max integer|nil  the column's MaxLength
---@param limit integer  the setting audit_max
function M.add(old, line, max, limit)
  local whole, rest = stamp() .. line, canonical.given(old)
  if rest then
    whole = whole .. "\n" .. rest
  end
  return bounded(whole, math.min(max or limit, limit))
end

---Lines put in front of the audit text, the first one lowest.
---@param old string|nil
---@param lines string[]
---@param max integer|nil  the column's MaxLength
---@return string|nil
function M.all(old, lines, max)
  for _, line in ipairs(lines) do
    old = M.add(old, line, max, host.profile.settings.audit_max or 8000)
  end
  return old
end

-- How the CRM counts: a character beyond the first 65,536 is two.
local function units_of(point)
  return point > 0xFFFF and 2 or 1
end

---@return integer  the length in UTF-16 units
function M.units(value)
  local n = 0
  for _, point in utf8.codes(value, true) do
    n = n + units_of(point)
  end
  return n
end

---Cuts text to at most max UTF-16 units, at a character's end.
function M.cut(value, max)
  local n = 0
  for at, point in utf8.codes(value, true) do
    n = n + units_of(point)
    if n > max then
      return value:sub(1, at - 1)
    end
  end
  return value
end

---The name with its mark, cut to the column's length including the mark.
---@param name string  without marks
---@param ok boolean
---@param marks table|false
---@param max integer
function M.marked(name, ok, marks, max)
  if not marks then
    return M.cut(name, max)
  end
  local mark = ok and marks.ok or marks.failed
  local room = max - M.units(mark)
  if marks.place == "back" then
    return M.cut(name, room) .. mark
  end
  return mark .. M.cut(name, room)
end

return M

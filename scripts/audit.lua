-- What sellers read on the row: one line a sync, newest first, bounded; and the mark in the name.
-- Texts only: it must never write to a service.
local canonical = require "canonical"
local fields = require "fields"
local text = require "text"

local M = {}

-- "SOL-1", "SOL-1 (2.00 at 150.00)"
local function member(item)
  local name = item.id or item.email
  if not (item.price or item.quantity) then
    return name
  end
  return ("%s (%s%s)"):format(name, item.quantity or "1",
    item.price and " at " .. item.price or "")
end

local function shown(field, value)
  if value == nil or value == json.null then
    return "(empty)"
  elseif field.kind == "set" then
    local ids = {}
    for _, item in ipairs(value) do
      ids[#ids + 1] = member(item)
    end
    return #ids == 0 and "(none)" or table.concat(ids, ", ")
  elseif field.kind == "record" then
    return value.name or ("%s %s"):format(value.first_name or "", value.last_name or "")
  elseif field.kind == "flag" then
    return value and "Yes" or "No"
  end
  return text.bound(tostring(value), 120)
end

---"deal value 100 → 120, closing date (empty) → 2031-03-31"
---@param changes table<string, any>  field -> new value
---@param before table  canonical deal
function M.changes(changes, before)
  local out = {}
  for _, field in ipairs(fields.rows) do
    local value = changes[field.name]
    if value ~= nil then
      out[#out + 1] = ("%s %s → %s"):format(field.label, shown(field, before[field.name]),
        shown(field, value))
    end
  end
  return table.concat(out, ", ")
end

local WHY = {
  ["read-only"] = "not sent: %s can't change after creation",
  fixed = "%s can't change any more: set back to Partner Center's",
  there = "%s: Microsoft has the deal already, nothing is asked of it",
  closed = "the deal is closed at Partner Center: its state stays as it is there",
  move = "this state can't be sent to Partner Center from where the deal stands",
  ["too-late"] = "%s: the deal closes, Microsoft is not invited any more",
  unknown = "Partner Center says %s, a state that is not known here: nothing was changed for it",
}

---@param told table[]  merge's `told`
---@param news boolean  whether more than read-only notices is to be said
function M.told(told, news)
  local out = {}
  for _, item in ipairs(told) do
    if news or item.why == "read-only" then
      out[#out + 1] = WHY[item.why]:format(item.value or
        fields.part_label(item.field, item.part))
    end
  end
  return table.concat(out, "; ")
end

---@param conflicts table[]
function M.conflicts(conflicts)
  local out = {}
  for _, c in ipairs(conflicts) do
    local field = fields.by_name[c.field]
    local kept, lost = c.crm, c.partner
    local names = { "the CRM", "Partner Center" }
    if c.kept == "partner" then
      kept, lost = lost, kept
      names[1], names[2] = names[2], names[1]
    end
    local got = ("kept %s's %s"):format(names[1], shown(field, kept))
    if c.kept == "resolve" then
      got = ("`resolve` gave both %s, the CRM had %s"):format(shown(field, c.value),
        shown(field, kept))
    end
    out[#out + 1] = ("both sides changed %s: %s, %s had %s"):format(field.label, got, names[2],
      shown(field, lost))
  end
  return table.concat(out, "; ")
end

---Puts a line in front of the audit text.
---@param old string|nil
---@param line string
---@param max integer|nil  the column's MaxLength
---@param limit integer  the setting audit_max
function M.add(old, line, max, limit)
  local stamp = text.iso(host.now_ms()):sub(1, 16):gsub("T", " ")
  local whole = stamp .. " UTC  " .. line
  local rest = canonical.given(old)
  if rest then
    whole = whole .. "\n" .. rest
  end
  return M.cut(whole, math.min(max or limit, limit))
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

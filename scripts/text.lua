--- Small helpers for text and times that several files need.
-- Owns nothing, asks nobody: text in, text out. It must never call `host`.

local M = {}

local NAMED = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'", nbsp = "\u{a0}" }

--- Text without white space at both ends.
---@param s string
---@return string
function M.trim(s)
  local from, stop = s:find("%S") or #s + 1, #s
  while stop >= from and s:find("^%s", stop) do stop = stop - 1 end -- a pattern looks too often
  return s:sub(from, stop)
end

--- At most `max` bytes, cut between characters, on one line.
---@param s string
---@param max integer
---@return string
function M.bound(s, max)
  s = M.trim((s:gsub("[%c%s]+", " ")))
  if #s <= max then return s end
  local stop = max - 2 -- room for the three bytes of the ellipsis
  while stop > 1 and (s:byte(stop) & 0xC0) == 0x80 do stop = stop - 1 end
  return s:sub(1, stop - 1) .. "…"
end

local function character(number)
  if not number or number < 1 or number > 0x10FFFF then return nil end
  if number >= 0xD800 and number <= 0xDFFF then return nil end
  return utf8.char(number)
end

--- HTML character references turned into characters, once: `&amp;lt;` becomes `&lt;`.
---@param s string
---@return string
function M.unescape(s)
  return (s:gsub("&(#?)([xX]?)(%w+);", function(hash, x, name)
    if hash == "" then return NAMED[(x .. name):lower()] end
    return character(tonumber(name, x ~= "" and 16 or 10))
  end))
end

--- Everything but unreserved characters percent-encoded.
---@param s string
---@return string
function M.encode(s)
  return (s:gsub("[^%w%-%._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- A text literal of an OData expression: quotes doubled, not yet encoded.
---@param s string
---@return string
function M.literal(s)
  return "'" .. s:gsub("'", "''") .. "'"
end

---@param s any
---@return boolean
function M.is_guid(s)
  return type(s) == "string"
    and s:match("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$") ~= nil
end

--- The keys of a table that are text, sorted.
---@param t table
---@return string[]
function M.keys(t)
  local out = {}
  for k in pairs(t) do
    if type(k) == "string" then out[#out + 1] = k end
  end
  table.sort(out)
  return out
end

-- Edits (insert, drop, change, swap of neighbours) that turn a into b.
local function distance(a, b)
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      local swapped = i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j)
      if swapped then row[j] = math.min(row[j], before[j - 2] + 1) end
    end
    before, last = last, row
  end
  return last[#b]
end

--- The name that was probably meant, or nil if none is near.
---@param name string
---@param names string[]
---@return string|nil
function M.nearest(name, names)
  local function plain(s) return (s:lower():gsub("[_%-%s]", "")) end
  local wanted, best = plain(name), nil
  local least = math.max(1, #wanted // 3) + 1
  for _, candidate in ipairs(names) do
    local d = distance(wanted, plain(candidate))
    if #wanted >= 3 and plain(candidate):sub(1, #wanted) == wanted then d = math.min(d, 1) end
    if d < least then best, least = candidate, d end
  end
  return best
end

-- Days from 1970-01-01 to a civil date (the proleptic Gregorian calendar).
local function days(y, m, d)
  y = m <= 2 and y - 1 or y
  local era = y // 400
  local of_era = y - era * 400
  local of_year = (153 * (m + (m > 2 and -3 or 9)) + 2) // 5 + d - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

--- Milliseconds since 1970 of an ISO 8601 time or date, or nil. Fractions of any length.
---@param iso any
---@return integer|nil
function M.ms(iso)
  if type(iso) ~= "string" then return nil end
  local y, m, d, rest = iso:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  if not y then return nil end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if m < 1 or m > 12 or d < 1 or d > 31 then return nil end
  local midnight = days(y, m, d) * 86400000
  if rest == "" then return midnight end
  local h, min, s, fraction, zone = rest:match("^[Tt ](%d%d):(%d%d):(%d%d)%.?(%d*)(.*)$")
  if not h then return nil end
  local ms = tonumber((fraction .. "000"):sub(1, 3))
  local at = midnight + ((h * 60 + min) * 60 + s) * 1000 + ms
  local sign, zh, zm = zone:match("^([+-])(%d%d):?(%d%d)$")
  if sign then
    at = at - (zh * 60 + zm) * 60000 * (sign == "-" and -1 or 1)
  elseif zone ~= "" and zone:lower() ~= "z" then
    return nil
  end
  return math.tointeger(at)
end

--- The date alone, in UTC: "2031-02-03".
---@param ms integer
---@return string
function M.date(ms)
  local day = ms // 86400000 + 719468
  local era = day // 146097
  local of_era = day - era * 146097
  local year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
  local of_year = of_era - (365 * year + year // 4 - year // 100)
  local month = (5 * of_year + 2) // 153
  local d = of_year - (153 * month + 2) // 5 + 1
  local m = month < 10 and month + 3 or month - 9
  return ("%04d-%02d-%02d"):format(year + era * 400 + (m <= 2 and 1 or 0), m, d)
end

--- A distance from UTC in minutes: "UTC", "+09:00", "-0330".
---@param zone any
---@return integer
function M.zone_minutes(zone)
  local sign, hours, minutes = tostring(zone or "UTC"):match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return 0 end
  return math.tointeger((hours * 60 + minutes) * (sign == "-" and -1 or 1))
end

--- ISO 8601 in UTC, whole seconds: "2031-02-03T04:05:06Z".
---@param ms integer
---@return string
function M.iso(ms)
  local s = ms // 1000 % 86400
  return ("%sT%02d:%02d:%02dZ"):format(M.date(ms), s // 3600, s // 60 % 60, s % 60)
end

return M

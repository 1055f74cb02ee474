-- Dates of the practice environment: ISO 8601 text to milliseconds since 1970 and back, always UTC.
-- Owns nothing. Never reads a clock: the time is the caller's.
local M = {}

-- Days since 1970-01-01 of a date in the Gregorian calendar, counted in years that begin in March.
local function days_of(year, month, day)
  local y = month <= 2 and year - 1 or year
  local era = y // 400
  local of_era = y - era * 400
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local function date_of(days)
  local z = days + 719468
  local era = z // 146097
  local of_era = z - era * 146097
  local y = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
  local of_year = of_era - (365 * y + y // 4 - y // 100)
  local m = (5 * of_year + 2) // 153
  local month = m < 10 and m + 3 or m - 9
  return y + era * 400 + (month <= 2 and 1 or 0), month, of_year - (153 * m + 2) // 5 + 1
end

local function offset_of(zone)
  if zone == "Z" or zone == "z" or zone == "" then return 0 end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):(%d%d)$")
  if not sign then return nil end
  return (tonumber(hours) * 60 + tonumber(minutes)) * (sign == "-" and -60000 or 60000)
end

--- Milliseconds of a date text (date alone, or with time, 0 to 9 digits of fraction and a zone).
---@param text string
---@return integer|nil
function M.parse(text)
  local y, mo, d, rest = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  if not y then return nil end
  y, mo, d = math.tointeger(tonumber(y)), math.tointeger(tonumber(mo)), math.tointeger(tonumber(d))
  if mo < 1 or mo > 12 or d < 1 or d > 31 then return nil end
  local days = days_of(y, mo, d)
  local _, month = date_of(days)
  if month ~= mo then return nil end
  if rest == "" then return days * 86400000 end
  local h, mi, s, fraction, zone = rest:match("^[Tt](%d%d):(%d%d):(%d%d)%.?(%d*)(.*)$")
  local offset = h and offset_of(zone)
  if not offset or #fraction > 9 then return nil end
  h, mi, s = math.tointeger(tonumber(h)), math.tointeger(tonumber(mi)), math.tointeger(tonumber(s))
  if h > 23 or mi > 59 or s > 59 then return nil end
  local ms = math.tointeger(tonumber((fraction .. "000"):sub(1, 3)))
  return days * 86400000 + ((h * 60 + mi) * 60 + s) * 1000 + ms - offset
end

--- The text of a time.
---@param ms integer
---@param digits integer|nil of the fraction, 0 to 7; default 3
---@param zone string|nil default "Z"
---@param tail string|nil four digits that follow the milliseconds
function M.text(ms, digits, zone, tail)
  local year, month, day = date_of(ms // 86400000)
  local second = ms // 1000 % 86400
  local fraction = string.format("%03d", ms % 1000) .. (tail or "0000")
  digits = digits or 3
  local dotted = digits > 0 and "." .. fraction:sub(1, digits) or ""
  return string.format("%04d-%02d-%02dT%02d:%02d:%02d%s%s", year, month, day, second // 3600,
    second // 60 % 60, second % 60, dotted, zone or "Z")
end

return M

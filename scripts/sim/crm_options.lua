-- What a request of the practice CRM asks for beside its address: query options, preferences,
-- conditions. Text to tables; knows no table of the CRM and reads no row.
local refuse = require("sim.crm_schema").refuse

local M = {}

local KNOWN = { ["$select"] = true, ["$filter"] = true, ["$orderby"] = true, ["$top"] = true,
  ["$count"] = true, ["$expand"] = true, ["$skiptoken"] = true, ["$deltatoken"] = true,
  ["$id"] = true }
local REFUSED = { ["$skip"] = true, ["$search"] = true, ["$format"] = true, ["$levels"] = true,
  ["$compute"] = true, ["$apply"] = true, fetchXml = true, savedQuery = true, userQuery = true }

--- Percent-decoding.
function M.decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- Percent-encoding of everything but the unreserved characters.
function M.encode(text)
  return (text:gsub("[^%w%-._~]", function(c) return string.format("%%%02x", c:byte()) end))
end

--- The options of a query string: names to values, "@p1" aliases among them.
function M.query(raw)
  local out = {}
  for item in (raw or ""):gmatch("[^&]+") do
    local name, value = item:match("^([^=]*)=?(.*)$")
    name, value = M.decode((name:gsub("%+", " "))), M.decode((value:gsub("%+", " ")))
    if REFUSED[name] or (name:sub(1, 1) == "$" and not KNOWN[name]) then
      refuse(400, "0x80060888", "The query parameter %s is not supported.", name)
    end
    out[name] = value
  end
  return out
end

--- A list at commas (or semicolons) outside parentheses and quotes; items trimmed.
function M.split(text, separator)
  local out, depth, quoted, start, at = {}, 0, false, 1, 1
  separator = separator or ","
  repeat
    local i = text:find("[()';,]", at) or #text + 1
    local c = text:sub(i, i)
    if c == "'" then quoted = not quoted end
    if not quoted and c == "(" then depth = depth + 1 end
    if not quoted and c == ")" then depth = depth - 1 end
    if c == "" or (c == separator and depth == 0 and not quoted) then
      local item = text:sub(start, i - 1):match("^%s*(.-)%s*$")
      if item ~= "" then out[#out + 1] = item end
      start = i + 1
    end
    at = i + 1
  until c == ""
  return out
end

--- $expand: { { nav=, options={...}, ref=bool }, ... }
function M.expand(text)
  local out = {}
  for _, item in ipairs(M.split(text)) do
    local nav, inner = item:match("^([%w_]+)%s*%((.*)%)$")
    local entry = { nav = nav or item, options = {} }
    if entry.nav:sub(-5) == "/$ref" then entry.nav, entry.ref = entry.nav:sub(1, -6), true end
    for _, option in ipairs(M.split(inner or "", ";")) do
      local name, value = option:match("^(%$%w+)=(.*)$")
      if not name then refuse(400, "0x80060888", "Syntax error in $expand: '%s'.", option) end
      entry.options[name] = value
    end
    out[#out + 1] = entry
  end
  if #out > 15 then
    refuse(400, "0x8004430D", "Number of link entities in query exceeded maximum limit of 15.")
  end
  return out
end

-- ---- Preferences ----

local function preferences(text)
  local out, start, quoted = {}, 1, false
  for i = 1, #text + 1 do
    local c = text:sub(i, i)
    if c == '"' then quoted = not quoted end
    if c == "" or (not quoted and (c == "," or c == ";")) then
      local name, value = text:sub(start, i - 1):match("^%s*([^=%s]+)%s*=?%s*(.-)%s*$")
      if name then out[name:lower()] = value:match('^"(.*)"$') or value end
      start = i + 1
    end
  end
  return out
end

-- Whether an annotation was asked for.
local function wish(list)
  local exact, starts = {}, {}
  for item in (list or ""):gmatch("[^,%s]+") do
    local stem = item:match("^(.*)%*$")
    if stem then starts[#starts + 1] = stem else exact[item] = true end
  end
  return function(name)
    if exact[name] then return true end
    for _, stem in ipairs(starts) do
      if name:sub(1, #stem) == stem then return true end
    end
    return false
  end
end

--- The Prefer header as { representation=, page=, track=, continue=, annotation=function, asked= }.
function M.prefer(text)
  local p = preferences(text or "")
  local page = math.tointeger(tonumber(p["odata.maxpagesize"]))
  if page and (page < 1 or page > 5000) then page = page < 1 and 1 or 5000 end
  local asked = p["odata.include-annotations"]
  return { representation = p["return"] == "representation", page = page, asked = asked,
    track = p["odata.track-changes"] ~= nil, continue = p["odata.continue-on-error"] ~= nil
      and p["odata.continue-on-error"] ~= "false", annotation = wish(asked) }
end

--- The text of Preference-Applied for what was honoured.
function M.applied(prefer, names)
  local texts = { representation = "return=representation", track = "odata.track-changes",
    page = prefer.page and "odata.maxpagesize=" .. prefer.page,
    asked = prefer.asked and 'odata.include-annotations="' .. prefer.asked .. '"' }
  local out = {}
  for _, name in ipairs(names) do
    if prefer[name] then out[#out + 1] = texts[name] end
  end
  return #out > 0 and table.concat(out, ",") or nil
end

--- A condition header; the word `null` means none.
function M.condition(text)
  if not text or text == "" or text == "null" then return nil end
  return text
end

return M

--- One profile's mapping in place of another's: what differs, the writing of it, and the way back.
-- For commands that run here.  Knows the files of a mapping folder and the lines of two profiles;
-- it must never touch profile.lua, nor write anything that it has not kept before.

local settings = require "settings"
local text = require "text"

local M = {}

M.KEPT = ".promoted.json" -- in the mapping's folder: what stood there before

local FILES = { "settings.lua", "details.lua", "country.lua", "deal_value.lua", "taxonomy.lua" }

-- ---- Files ----

--- The files of a mapping folder, by path below it.
---@param folder string
---@return table<string, string>|nil files, err|nil err
function M.files(folder)
  local out = {}
  local function add(path)
    local content, err = host.file.read(folder .. "/" .. path)
    if not content and err.kind ~= "absent" then return nil, err end
    out[path] = content
    return true
  end
  local names = {}
  for i, name in ipairs(FILES) do names[i] = name end
  for _, name in ipairs(host.file.list(folder .. "/fixtures") or {}) do
    if name:find("^[^.].*%.json$") then names[#names + 1] = "fixtures/" .. name end
  end
  for _, path in ipairs(names) do
    local ok, err = add(path)
    if not ok then return nil, err end
  end
  return out
end

---@class promotion_change
---@field path string
---@field was string|nil  nil: it is new
---@field now string|nil  nil: it goes

--- What has to be done to the files `was`, so that they are `now`.
---@param was table<string, string>
---@param now table<string, string>
---@return promotion_change[]
function M.changes(was, now)
  local out, all = {}, {}
  for path in pairs(was) do all[path] = true end
  for path in pairs(now) do all[path] = true end
  for _, path in ipairs(text.keys(all)) do
    if was[path] ~= now[path] then
      out[#out + 1] = { path = path, was = was[path], now = now[path] }
    end
  end
  return out
end

-- ---- Writing ----

-- A file that is no UTF-8 is still what stood there.
local function packed(files)
  local out = {}
  for path, content in pairs(files) do
    out[path] = utf8.len(content) and content or { base64 = host.crypto.base64(content) }
  end
  return out
end

local function unpacked(files)
  local out = {}
  for path, content in pairs(files) do
    out[path] = type(content) == "table" and host.crypto.unbase64(content.base64) or content
  end
  return out
end

--- What stood in a folder before the last promotion.
---@param folder string
---@return { from: string, at_ms: integer, whole: boolean, files: table<string, string> }|nil kept
---@return string|nil problem
function M.kept(folder)
  local content, err = host.file.read(folder .. "/" .. M.KEPT)
  if not content then return nil, err.kind ~= "absent" and err.text or nil end
  local kept = json.decode(content)
  if type(kept) ~= "table" or type(kept.files) ~= "table" then
    return nil, ("%s/%s: is not what cosell promote wrote"):format(folder, M.KEPT)
  end
  kept.files = unpacked(kept.files)
  return kept
end

local function keep(folder, kept)
  local written = { from = kept.from, at_ms = kept.at_ms, whole = kept.whole,
    files = packed(kept.files) }
  return host.file.write(folder .. "/" .. M.KEPT, json.pretty(written) .. "\n")
end

--- Makes the changes in a folder that is there; each file is whole at any time.
---@param folder string
---@param changes promotion_change[]
---@return true|nil ok, err|nil err
function M.write(folder, changes)
  local ok, err = true, nil
  for _, change in ipairs(changes) do
    local path = folder .. "/" .. change.path
    if not change.now then
      ok, err = host.file.remove(path)
    else
      ok, err = host.file.mkdir(path:match("^(.*)/"))
      if ok then ok, err = host.file.write(path, change.now) end
    end
    if not ok then return nil, err end
  end
  return ok, err
end

--- The same for a promotion.  What stood there is kept first; if a promotion was broken off, what
--- is kept stays, since the files are a mixture.
---@param folder string
---@param was table<string, string>
---@param changes promotion_change[]
---@param from string  where they come from, for people
---@return true|nil ok, err|nil err
function M.apply(folder, was, changes, from)
  local ok, err = host.file.mkdir(folder)
  local kept = M.kept(folder)
  if not kept or kept.whole then
    kept = { from = from, at_ms = host.now_ms(), whole = false, files = was }
    if ok then ok, err = keep(folder, kept) end
  end
  if ok then ok, err = M.write(folder, changes) end
  kept.whole = true
  if ok then ok, err = keep(folder, kept) end
  return ok, err
end

-- ---- Settings, flows, columns ----

local GROUPS = { "settings", "flows", "columns" }

local function default_of(group, name, says)
  if group == "settings" then return settings.default(settings.row(name), says.stage) end
  if group == "flows" then return true end
  return nil
end

-- Names of columns may stand in tables.
local function same(a, b)
  local tables = type(a) == "table" and type(b) == "table"
  return a == b or tables and json.encode(a) == json.encode(b)
end

-- Every line that one of these profiles has: path -> value by profile's index
local function each(list, found)
  for _, group in ipairs(GROUPS) do
    local names = {}
    for i = 1, #list do
      for name in pairs(list[i][group]) do names[name] = true end
    end
    for _, name in ipairs(text.keys(names)) do
      found(group, name, function(says) return says[group][name] end)
    end
  end
end

---@class promotion_line
---@field key string
---@field was any
---@field now any

--- What a profile says now and with another mapping: the lines that settings.lua changes.
---@param now host.profile
---@param later host.profile
---@return promotion_line[]
function M.lines(now, later)
  local out = {}
  each({ now, later }, function(group, name, of)
    if not same(of(now), of(later)) then
      out[#out + 1] = { key = group .. "." .. name, was = of(now), now = of(later) }
    end
  end)
  return out
end

--- What differs all the same between the profile that is promoted and the other one: it stands in
--- one of the two profile.lua, and stays.  What only the stages' defaults tell apart is left out.
---@param from host.profile
---@param to host.profile  as it will be
---@return { key: string, from: any, to: any, whose: "from"|"to" }[]
function M.staying(from, to)
  local out = {}
  each({ from, to }, function(group, name, of)
    local a, b = of(from), of(to)
    local theirs = a ~= default_of(group, name, from)
    if not same(a, b) and (theirs or b ~= default_of(group, name, to)) then
      out[#out + 1] = { key = group .. "." .. name, from = a, to = b,
        whose = theirs and "from" or "to" }
    end
  end)
  return out
end

return M

--- The texts of a mapping's files, for those who must say where something stands: the line of a key
-- or of a name, the names that a text mentions.  Reads text as tokens would be; runs nothing.

local schema_lines = require "schema_lines"

local M = {}

local Source = {}
Source.__index = Source

local COMMENT = "%-%-[^\n]*"

-- A long comment leaves its line ends, so that lines keep their numbers.
local function ends_of(_, inside)
  return (inside:gsub("[^\n]", ""))
end

-- Line by line, without comments.
local function split(source)
  local out = {}
  source = source:gsub("%-%-%[(=*)%[(.-)%]%1%]", ends_of)
  for line in (source .. "\n"):gmatch("([^\n]*)\n") do out[#out + 1] = (line:gsub(COMMENT, "")) end
  return out
end

-- Whether a name stands in a line, not as a part of another one.
local function has_word(line, word)
  local from, to = line:find(word, 1, true)
  while from do
    local before, after = line:sub(from - 1, from - 1), line:sub(to + 1, to + 1)
    if not before:find("[%w_]") and not after:find("[%w_]") then return true end
    from, to = line:find(word, to + 1, true)
  end
  return false
end

---@param files table<string, { name: string, text: string|nil }>  by role
function M.new(files)
  return setmetatable({ files = files, lines = {}, keys = {} }, Source)
end

function Source:lines_of(role)
  local file = self.files[role]
  self.lines[role] = self.lines[role] or split(file and file.text or "")
  return self.lines[role]
end

local ROLES = { "details", "country", "deal_value" }

-- What a file is called, or would be if it were there: beside the others of the mapping.
local function name_of(self, role)
  local files = self.files
  if files[role] then return files[role].name end
  local near = files.settings or files.taxonomy or files.profile
  for _, other in ipairs(ROLES) do near = files[other] or near end
  return ((near and near.name or "profile.lua"):gsub("[^/]*$", role .. ".lua"))
end

-- What a profile says may stand in settings.lua.
local function role_of(self, where)
  if where.role ~= "profile" or not self.files.settings then return where.role end
  return not self:lines_by_key("profile")[where.key] and self:lines_by_key("settings")[where.key]
    and "settings" or "profile"
end

-- From this line on, else anywhere.
local function line_with(lines, word, from)
  for _, range in ipairs { { from, #lines }, { 1, from - 1 } } do
    for i = range[1], range[2] do
      if has_word(lines[i], word) then return i end
    end
  end
  return nil
end

function Source:lines_by_key(role)
  local file = self.files[role]
  self.keys[role] = self.keys[role] or schema_lines.of(file and file.text or "")
  return self.keys[role]
end

--- Where a key stands, or a name in the function that is there.
---@param where { role: string, key: string, word: string|nil, line: integer|nil }
---@return string file, integer|nil line
function Source:find(where)
  local role = role_of(self, where)
  local file = self.files[role]
  local name = name_of(self, role)
  if where.line then return name, where.line end
  if not (file and file.text) then return name, nil end
  local near, lines = where.key, self:lines_by_key(role)
  while near and not lines[near] do near = near:match("^(.*)%.[^.]*$") end
  local at = near and lines[near]
  if near == where.key and not where.word then return name, at end
  return name, where.word and line_with(self:lines_of(role), where.word, at or 1) or at
end

--- Whether the administrator's details.lua or the shipped one mentions a name.
---@param word string
---@return boolean
function Source:names(word)
  for _, role in ipairs { "details", "default.details" } do
    if line_with(self:lines_of(role), word, 1) then return true end
  end
  return false
end

local BIND = "bind%s*%(?%s*[\"']([%w_]+)[\"']"
local TABLE = "table%s*=%s*[\"']([%w_]+)[\"']"

--- The tables that ctx.bind("name", ...) names, and where.
---@return { table: string, role: string, line: integer }[]
function Source:binds()
  local out = {}
  for _, role in ipairs(ROLES) do
    for i, line in ipairs(self:lines_of(role)) do
      for name in line:gmatch(BIND) do out[#out + 1] = { table = name, role = role, line = i } end
    end
  end
  return out
end

--- The columns that are read of a row called `crm`, and where; each once.
---@return { column: string, role: string, line: integer }[]
function Source:reads()
  local out, seen = {}, {}
  for _, role in ipairs { "details", "deal_value" } do
    for i, line in ipairs(self:lines_of(role)) do
      for name in line:gmatch("%f[%w_]crm%.([%a_][%w_]*)") do
        if not seen[name] then out[#out + 1] = { column = name, role = role, line = i } end
        seen[name] = true
      end
    end
  end
  return out
end

--- Tables that the texts name: by ctx.bind, or as table = "name".
---@return string[]
function Source:tables()
  local out = {}
  for _, one in ipairs(self:binds()) do out[#out + 1] = one.table end
  for _, role in ipairs(ROLES) do
    for _, line in ipairs(self:lines_of(role)) do
      for name in line:gmatch(TABLE) do out[#out + 1] = name end
    end
  end
  return out
end

return M

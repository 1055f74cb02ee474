--- What several profiles have in common, beside the mapping: settings.lua in the folder that
-- `mapping` of a profile names.  A profile is laid over it, so what the profile says itself counts;
-- what is of one place alone (addresses, sign-in, files) must never stand in it.

local practice = require "practice"
local schema_lines = require "schema_lines"
local text = require "text"

local M = {}

local KEYS = { "settings", "columns", "flows" }
M.keys = KEYS

local is_key = {}
for _, key in ipairs(KEYS) do is_key[key] = true end

--- Whether a table has something at a dotted path.
---@param given any
---@param path string
function M.at(given, path)
  for name in path:gmatch("[^.]+") do
    if type(given) ~= "table" then return nil end
    given = given[name]
  end
  return given
end

-- In front of what is wrong with the shared file itself, until its place is found.
local MARK = "\0"

local function check_key(key, value, report)
  if type(key) ~= "string" then
    return report(MARK, "holds a value without a name")
  elseif not is_key[key] then
    local near = text.nearest(key, KEYS)
    return report(MARK .. key, near and ("unknown key; did you mean `%s`?"):format(near) or
      "is of one place alone: it stands in profile.lua; here stand settings, columns, flows")
  elseif type(value) ~= "table" and value ~= json.null then
    return report(MARK .. key, "is a table")
  end
  return nil
end

--- The profile over what is shared.
---@param profile any
---@param shared table|string|nil  a string says why there is none
---@param report fun(path: string, said: string)
---@return any
function M.below(profile, shared, report)
  if type(shared) == "string" then report(MARK, shared) end
  if type(shared) ~= "table" or type(profile) ~= "table" then return profile end
  local out = {}
  for key, value in pairs(shared) do
    check_key(key, value, report)
    if is_key[key] and type(value) == "table" then out[key] = practice.laid_over({}, value) end
  end
  return practice.laid_over(out, profile)
end

-- ---- Where something wrong stands ----

local function by_place(a, b)
  if a.file ~= b.file then return a.file < b.file end
  if (a.line or 0) ~= (b.line or 0) then return (a.line or 0) < (b.line or 0) end
  return a.key < b.key
end

-- Of the shared file: what was found there at once, and what the profile does not say itself.
local function is_shared(key, profile, shared)
  return key:sub(1, 1) == MARK or key ~= "" and M.at(profile, key) == nil
    and M.at(shared, key) ~= nil
end

--- Finds the problems that stand in settings.lua, and sorts all by their places.
---@param problems table[]
---@param profile any  as it was given
---@param shared any
---@param where table
---@param line_of fun(lines: table, path: string): integer|nil
function M.place(problems, profile, shared, where, line_of)
  local lines = schema_lines.of(where.shared_text or "")
  for _, problem in ipairs(problems) do
    if is_shared(problem.key, profile, shared) then
      problem.key = problem.key:gsub("^" .. MARK, "")
      local line, said = problem.text:match("^.-%.lua:(%d*):? ?(.*)$")
      problem.text = said or problem.text
      problem.line = math.tointeger(tonumber(line)) or line_of(lines, problem.key)
      problem.file = where.shared_file
    end
  end
  table.sort(problems, by_place)
end

-- ---- The folder ----

-- Without `.`, and `x/..`, as far as that can be told from the words alone.
local function plain(path)
  local out, root = {}, path:sub(1, 1) == "/" and "/" or ""
  for part in path:gmatch("[^/]+") do
    if part == ".." and #out > 0 and out[#out] ~= ".." then
      out[#out] = nil
    elseif part == ".." and root == "" or part ~= ".." and part ~= "." then
      out[#out + 1] = part
    end
  end
  local whole = root .. table.concat(out, "/")
  return whole == "" and "." or whole
end

local function from(folder, path)
  return plain(path:sub(1, 1) == "/" and path or folder .. "/" .. path)
end

--- The profile's own folder, as people read it.
---@param where { file: string }
function M.shown(where)
  return where.file:match("^(.*)/[^/]*$") or "."
end

--- The folder that `mapping` of a profile names: absolute, and as people read it.
---@param profile any
---@param where { dir: string, file: string }
---@return { dir: string, shown: string }|nil  nil: the profile's own
function M.folder(profile, where)
  local path = type(profile) == "table" and profile.mapping
  if type(path) ~= "string" or path == "" then return nil end
  local dir = from(where.dir, path)
  if dir == plain(where.dir) then return nil end
  return { dir = dir, shown = from(M.shown(where), path) }
end

return M

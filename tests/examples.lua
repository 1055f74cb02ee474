-- The folders of mappings/examples, for the stories and the spec that try them.  Reads them; must
-- never change one.
local kit = require "commands.kit"

local M = {}

M.folder = host.file.getenv("COSELL_SCRIPTS") .. "/../mappings/examples"

function M.names()
  local out = assert(host.file.list(M.folder))
  table.sort(out)
  return out
end

---@param name string  of an example
---@param file string
function M.read(name, file)
  return assert(host.file.read(("%s/%s/%s"):format(M.folder, name, file)))
end

---What an example holds besides its profile.lua: name -> text.
---@param name string
function M.files(name)
  local out = {}
  for _, file in ipairs(assert(host.file.list(M.folder .. "/" .. name))) do
    if file:find("%.lua$") and file ~= "profile.lua" then
      out[file] = M.read(name, file)
    end
  end
  for _, file in ipairs(assert(host.file.list(("%s/%s/fixtures"):format(M.folder, name)))) do
    out["fixtures/" .. file] = M.read(name, "fixtures/" .. file)
  end
  return out
end

-- The settings that an example's profile.lua gives: name -> value as it is written.
local function settings_of(name)
  local out = {}
  local inner = M.read(name, "profile.lua"):match("settings = (%b{})") or ""
  for setting, value in inner:gmatch("([%w_]+) = ([^%s,}]+)") do
    out[setting] = value
  end
  return out
end

---Runs body(s) on a stage whose host has an example's mapping, fixtures and settings; a fixture
---that fails would not let it start.
---@param name string
---@param o table|nil  for kit.with
---@param body fun(s: table)
function M.with(name, o, body)
  o = o or {}
  o.files, o.settings = M.files(name), o.settings or {}
  for setting, value in pairs(settings_of(name)) do
    o.settings[setting] = value
  end
  kit.with(o, body)
end

return M

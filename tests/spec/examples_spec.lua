-- The folders of mappings/examples: what each must hold, and that the guide lists it.  That they
-- do what they say is seen by the stories 83 to 85.
local docs = require "commands.docs"
local examples = require "commands.examples"

local PROFILE = 'return { practice = true, state = "../../../build/sandbox.db"'
local FEWEST = 2

local function mapping_files(name)
  local out = {}
  for file, text in pairs(examples.files(name)) do
    out[#out + 1] = file:find("^%l[%l_]*%.lua$") and text or nil
  end
  return out
end

local function whole(t)
  for _, name in ipairs(examples.names()) do
    t.has(examples.read(name, "profile.lua"), PROFILE, name)
    local files = mapping_files(name)
    t.ok(#files > 0, name .. " has a mapping")
    for _, text in ipairs(files) do
      t.ok(text:find("^%-%- In place of [^\n]+%.\n"), name .. ": what it replaces")
    end
    local fixtures = 0
    for file in pairs(examples.files(name)) do
      fixtures = fixtures + (file:find("^fixtures/[%w_]+%.json$") and 1 or 0)
    end
    t.ok(fixtures >= FEWEST, name .. ": fixtures " .. fixtures)
  end
end

local function listed(t)
  local _, page = docs.page()
  local known, shown = {}, {}
  for _, name in ipairs(examples.names()) do
    known[name] = true
  end
  for name, link in page:gmatch("\n| %[([%l-]+)%]%(([^)]+)%) |") do
    t.eq(link, "examples/" .. name)
    t.ok(known[name], name .. " is a folder")
    shown[name] = true
  end
  for name in pairs(known) do
    t.ok(shown[name], name .. " stands in mappings/README.md")
  end
end

return function(t)
  t.case("each example has a profile, a mapping with its reason, and fixtures", function()
    whole(t)
  end)
  t.case("the guide lists each example", function() listed(t) end)
end

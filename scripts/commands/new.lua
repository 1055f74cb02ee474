-- cosell new DIR: a profile folder to begin with; with --like the files of a shipped example.  Also
-- the annotation stubs of an editor, written anew for a profile that is there.
-- It must never cover a file of an administrator's.
local backup = require "commands.backup"
local new_folder = require "editor.folder"
local mapping_look = require "mapping_look"
local profile = require "editor.profile"
local stubs = require "editor.stubs"
local table_text = require "table_text"
local text = require "text"
local words = require "words"

local M = { help = "a new profile folder, with everything commented", where = "here",
  usage = [=[
cosell new DIR [--like EXAMPLE]
cosell new [DIR] --stubs
  DIR             a folder that is not there yet, or empty
  --like EXAMPLE  with the files of a shipped example (mappings/examples);
                  `--like list` lists them
  --stubs         writes what editors read (.cosell) anew, with the columns of
                  metadata.json; DIR is a profile, else the one at hand]=] }

local EXAMPLES = "/../examples"

local function problem(cmd, words_of, ...)
  cmd.err("cosell new: " .. words_of:format(...) .. "\n")
  return 1
end

-- ---- Examples ----

---The shipped examples, by name.
---@return string[] names, string folder
local function examples()
  local folder = (host.defaults or "") .. EXAMPLES
  local out = {}
  for _, name in ipairs(host.file.list(folder) or {}) do
    if host.file.exists(folder .. "/" .. name) == "folder" then
      out[#out + 1] = name
    end
  end
  return out, folder
end

-- The first sentence of its first file says what it replaces, the second what it does.
local function about(folder)
  for _, file in ipairs { "details.lua", "deal_value.lua", "country.lua" } do
    local out = {}
    for line in (host.file.read(folder .. "/" .. file) or ""):gmatch("([^\n]*)\n") do
      local said = line:match("^%-%- (.*)")
      if not said then
        break
      end
      out[#out + 1] = said
    end
    if #out > 0 then
      return (table.concat(out, " "):match("^.-%. +(.-%.)%f[%s\0]"))
    end
  end
  return ""
end

local function list_examples(cmd)
  local names, folder = examples()
  local most = 0
  for _, name in ipairs(names) do
    most = math.max(most, #name)
  end
  if most == 0 then
    return problem(cmd, "this installation has no examples")
  end
  for _, name in ipairs(names) do
    local head = name .. (" "):rep(most - #name + 2)
    table_text.out(cmd, table_text.wrap(cmd, head, about(folder .. "/" .. name)))
  end
  return 0
end

-- The files of a folder and of its `fixtures`, without its profile: the new one has its own.
local function files_of(folder, below, out)
  for _, name in ipairs(host.file.list(folder) or {}) do
    local path = folder .. "/" .. name
    local kind = name:sub(1, 1) ~= "." and host.file.exists(path)
    if kind == "folder" and below == "" then
      files_of(path, name .. "/", out)
    elseif kind == "file" and below .. name ~= "profile.lua" then
      out[#out + 1] = { path = below .. name, text = assert(host.file.read(path)) }
    end
  end
  return out
end

-- -> the example's files, or nil after it was said why not
local function example(cmd, name)
  local names, folder = examples()
  for _, known in ipairs(names) do
    if known == name then
      return files_of(folder .. "/" .. name, "", {})
    end
  end
  local near = text.nearest(name, names)
  problem(cmd, "there is no example '%s'%s", table_text.plain(name), near and
    ("; did you mean '%s'?"):format(near) or #names > 0 and ", there are: " ..
    table.concat(names, ", ") or ": this installation has none")
  return nil
end

-- ---- Writing ----

-- An example's files go over the new ones; its fixtures stand in for ours.
local function laid_over(files, more)
  local at, out, fixtures = {}, {}, false
  for _, file in ipairs(more) do
    at[file.path] = file
    fixtures = fixtures or file.path:find("^fixtures/") ~= nil
  end
  for _, file in ipairs(files) do
    if not at[file.path] and not (fixtures and file.path == profile.FIXTURE) then
      out[#out + 1] = file
    end
  end
  return table.move(more, 1, #more, #out + 1, out)
end

local function say_done(cmd, given, files, like)
  local shown = {}
  for _, file in ipairs(files) do
    shown[#shown + 1] = not file.path:find("^%.") and file.path or nil
  end
  table.sort(shown)
  table_text.out(cmd, table_text.wrap(cmd, given .. "  ", table.concat(shown, ", ")))
  cmd.out(([=[
%s
next, with the practice environment:
  cosell sim --write-profile %s     and in another terminal
  cosell run %s
then change a file and save it: the host that runs takes it over.
with your own CRM: cosell init DIR makes the profile; or take the lines of
profile.lua that begin with --, then
  cosell fields --save --profile %s
]=]):format(like and ("as in the example %s; profile.lua is the practice environment's\n"):format(
    like) or "", given, given, given))
  return 0
end

-- ---- The commands ----

local function make(cmd, given, like)
  local dir = backup.absolute(cmd, given)
  local taken = new_folder.taken(dir, given)
  if taken then
    return problem(cmd, "%s", taken)
  end
  local more = like and example(cmd, like) or {}
  if like and #more == 0 then
    return 1
  end
  local files = laid_over(profile.files(given), more)
  local ok, err = new_folder.write(dir, files)
  if not ok then
    return problem(cmd, "%s", err.text)
  end
  return say_done(cmd, given, files, like)
end

local function refresh(cmd, given)
  local dir = given and backup.absolute(cmd, given)
  if not dir then
    return problem(cmd, "which profile? cosell new DIR --stubs")
  elseif not host.file.exists(dir .. "/profile.lua") then
    return problem(cmd, "%s holds no profile.lua", given)
  end
  local copy, content = nil, host.file.read(dir .. "/" .. mapping_look.FILE)
  if content then
    local wrong
    copy, wrong = mapping_look.read(content)
    if not copy then
      return problem(cmd, "%s: %s", mapping_look.FILE, wrong)
    end
  end
  local loaded = host.load(dir, { unproved = true })
  local mapping = loaded and loaded.profile and loaded.profile.mapping or dir
  local ok, err = new_folder.write(mapping, { { path = stubs.MAPPING, text = stubs.mapping() },
    { path = stubs.COLUMNS, text = stubs.columns(copy and copy.tables) } })
  if not ok then
    return problem(cmd, "%s", err.text)
  end
  cmd.out(("%s/%s written, %s\n"):format(given, stubs.FOLDER, copy and
    ("with the columns of your CRM as of %s"):format(copy.saved) or
    "without columns: `cosell fields --save` fetches them"))
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { like = "value", stubs = true })
  if not given then
    return 2
  elseif #given > 1 or options.stubs and options.like then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  elseif options.stubs then
    return refresh(cmd, given[1] or cmd.profile)
  elseif options.like == "list" then
    return list_examples(cmd)
  elseif not given[1] then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  return make(cmd, given[1], options.like)
end

return M

-- cosell init DIR: a profile for real systems, by questions; what has to be set up elsewhere; and
-- the commands that come next.  The mapping's files are those of `cosell new`.
-- It must never cover a file, nor write a secret into one.
local backup = require "commands.backup"
local checks = require "schema_checks"
local entra = require "entra"
local from_original = require "init.from_original"
local init_profile = require "init.profile"
local mapping_files = require "editor.profile"
local new_folder = require "editor.folder"
local questions = require "init.questions"
local table_text = require "table_text"
local words = require "words"

local M = { help = "a profile for your own systems, by questions, and what to set up",
  where = "here" }

local OPTIONS = { yes = true, practice = true, mapping = "value", login = "value",
  ["partner-center"] = "value", port = "value", secret = "value", key = "value", cert = "value",
  ["from-original"] = true }

local function usage()
  local out = { "cosell init DIR [options]",
    "  DIR                       a folder that is not there yet, or empty",
    "asked for, unless given:" }
  for _, row in ipairs(questions.rows) do
    OPTIONS[row.option] = "value"
    out[#out + 1] = ("  --%-24s%s"):format(row.option, row.about)
  end
  out[#out + 1] = [=[
besides:
  --yes                     asks nothing: what is not given is as usual
  --mapping DIR             the mapping's files are there, as written in the
                            profile: staging and production can share one
  --from-original           takes over what Microsoft's connector was told
  --secret file:PATH|env:NAME|credential:NAME
                            where the secret stands, in place of `cosell connect`
  --key FILE, --cert FILE   of a certificate; else cosell.key, cosell.crt
  --practice                for `cosell sim` on this machine
  --login URL, --partner-center URL, --port N
                            other addresses, the port of callbacks]=]
  return table.concat(out, "\n")
end
M.usage = usage()

local function fail(cmd, said, ...)
  cmd.err("cosell init: " .. said:format(...) .. "\n")
  return 1
end

-- ---- Answers ----

-- Asks until the answer is one. -> answer, or nil: nobody answers
local function asked(cmd, row, usual)
  while true do
    local hint = usual and (" [%s]"):format(usual) or ""
    local said = cmd.ask(row.ask .. hint .. ": ")
    if not said then
      return nil
    elseif said:match("^%s*$") and (usual or row.empty) then
      return usual or ""
    end
    local answer, problem, meant = questions.read(row, said)
    if answer then
      return answer
    end
    usual = meant or usual
    cmd.out(("  %s %s\n"):format(table_text.plain(said), problem))
  end
end

-- -> answer, or nil and the exit status after it was said why
local function answer_of(cmd, row, a, options)
  local given, usual = options[row.option], questions.default(row, a)
  if given then
    local answer, problem = questions.read(row, given)
    if not answer then
      fail(cmd, "--%s %s %s", row.option, table_text.plain(given), problem)
    end
    return answer, 2
  elseif a[row.name] then -- as the practice environment has it
    return a[row.name]
  elseif row.quiet or options.yes and (usual or row.empty) then
    return usual or ""
  end
  local answer = not options.yes and asked(cmd, row, usual) or nil
  if not answer then
    cmd.out(options.yes and "" or "\n")
    fail(cmd, "nobody answers, and there is no --%s: %s", row.option, row.about)
  end
  return answer, 2
end

local REFERENCES = { file = true, env = true, credential = true }

-- --secret file:PATH as the profile writes it
local function reference(given)
  local kind, name = given:match("^(%a+):(.+)$")
  return REFERENCES[kind] and ("{ %s = %q }"):format(kind, name) or nil
end

local function ports()
  local out = {}
  local given = host.file.getenv "COSELL_SIM_PORTS" or "8101,8102,8103,8100"
  for port in given:gmatch("%d+") do
    out[#out + 1] = #out < 3 and "http://127.0.0.1:" .. port or port
  end
  return out
end

local function first_answers(options)
  local a = options.practice and init_profile.practice(ports()) or {}
  a.login = (options.login or a.login or entra.LOGIN):gsub("/+$", "")
  a.partner = options["partner-center"] or a.partner
  a.port = math.tointeger(tonumber(options.port)) or options.practice and 8100 or 8443
  a.key, a.cert = options.key or "cosell.key", options.cert or "cosell.crt"
  a.mapping = options.mapping
  a.public_url = options.practice and not options.url and
    ("http://127.0.0.1:%d"):format(a.port) or nil
  return a
end

-- What is wrong with the options that no question stands for.
local function wrong_options(options)
  for _, name in ipairs { "login", "partner-center" } do
    local problem = options[name] and checks.origin(options[name])
    if problem then return ("--%s %s"):format(name, problem) end
  end
  if options.port then
    local problem = checks.integer(math.tointeger(tonumber(options.port)), { least = 0,
      most = 65535 })
    if problem then return "--port " .. problem end
  end
  return options.secret and not reference(options.secret) and "--secret is file:PATH, env:NAME " ..
    "or credential:NAME; no secret itself stands in a command line"
end

-- -> answers, or nil and the exit status
local function all_answers(cmd, options)
  local a, wrong = first_answers(options), wrong_options(options)
  if wrong then
    fail(cmd, "%s", wrong)
    return nil, 2
  end
  a.secret = options.secret and reference(options.secret)
  for _, row in ipairs(questions.rows) do
    local answer, status = "", nil
    if not row.if_ or row.if_(a) then
      answer, status = answer_of(cmd, row, a, options)
    elseif options[row.option] then
      fail(cmd, "--%s %s", row.option, row.else_)
      return nil, 2
    end
    if not answer then
      return nil, status
    end
    a[row.name] = answer
  end
  a.public_url = a.public_url ~= "" and a.public_url or "none"
  if a.practice and a.person == "device" and not options["partner-application"] then
    a.partner_application = init_profile.PRACTICE_TERMINAL
  end
  return a
end

-- ---- The original ----

-- -> lines, left; or nil after it was said why
local function original(cmd, a, options)
  local typed
  if a.sign_in == "secret" and not a.secret then
    typed = cmd.ask("Client secret of the application (does not show): ", { secret = true })
    if not typed or typed == "" then
      fail(cmd, "--from-original asks the CRM: give the secret, or --secret")
      return nil
    end
  end
  local copy = {}
  for name, value in pairs(a) do copy[name] = value end
  copy.key, copy.cert = backup.absolute(cmd, a.key), backup.absolute(cmd, a.cert)
  local kind, path = (options.secret or ""):match("^(file):(.+)$")
  copy.secret = kind and ("{ file = %q }"):format(backup.absolute(cmd, path)) or a.secret
  local found, problem = from_original.read(copy, typed)
  if not found then
    fail(cmd, "what the original was told cannot be read: %s\nnothing was written", problem)
    return nil
  end
  return found
end

local function say_original(cmd, found, there)
  cmd.out(("\n%s\n"):format(table_text.paint(cmd, "bold", "From Microsoft's connector, in " ..
    (there and "profile.lua" or "settings.lua"))))
  for _, line in ipairs(found.lines) do
    table_text.out(cmd, table_text.wrap(cmd, "  ", ("%s.%s = %s  (%s)"):format(line.group,
      line.name, tostring(line.value), table_text.plain(line.origin))))
  end
  for _, one in ipairs(found.left) do
    table_text.out(cmd, table_text.wrap(cmd, "  not taken over: ", ("%s: %s"):format(
      table_text.plain(one.what), one.why)))
  end
end

-- ---- Writing ----

local function secret_word()
  return (host.random(24):gsub(".", function(c) return ("%02x"):format(c:byte()) end)) .. "\n"
end

-- The files of the two folders: the profile's, the mapping's.
local function files_of(a, given, lines, there)
  local profile = { { path = "profile.lua", text = init_profile.text(a, there and lines or nil) } }
  if a.stage ~= "staging" and a.public_url ~= "none" then
    profile[2] = { path = "path_secret", text = secret_word(), mode = 0x180 }
  end
  local mapping = { { path = "settings.lua", text = init_profile.settings(lines) } }
  for _, file in ipairs(mapping_files.files(given)) do
    mapping[#mapping + 1] = file.path ~= "profile.lua" and file or nil
  end
  return profile, mapping
end

-- A mapping that is there is used as it is.
local function mapping_dir(dir, a)
  local path = a.mapping
  if not path then return dir, false end
  local folder = path:sub(1, 1) == "/" and path or dir .. "/" .. path
  return folder, host.file.exists(folder) == "folder" and #host.file.list(folder) > 0
end

local function write(cmd, dir, given, a, lines)
  local ok, err = host.file.mkdir(dir)
  local folder, there = mapping_dir(dir, a)
  local profile, mapping = files_of(a, given, lines, there)
  if ok and not there then ok, err = new_folder.write(folder, mapping) end
  if ok then ok, err = new_folder.write(dir, profile) end
  if not ok then
    fail(cmd, "%s", err.text)
    return nil
  end
  local loaded
  loaded, err = host.load(dir, { unproved = true })
  if not loaded or loaded.problems[1] then
    local problem = loaded and loaded.problems[1]
    fail(cmd, "%s is written, but is not right yet: %s", given, problem and ("%s:%s %s: %s"):format(
      problem.file, problem.line or "", problem.key, problem.text) or err.text)
    return nil
  end
  return there
end

-- ---- Telling ----

local function say_steps(cmd, steps)
  for _, step in ipairs(steps) do
    if type(step) == "table" then
      for _, line in ipairs(step) do cmd.out("       " .. line .. "\n") end
    else
      table_text.out(cmd, table_text.wrap(cmd, "  -  ", step))
    end
  end
end

local function say_todo(cmd, a)
  if a.practice then
    return
  end
  for _, place in ipairs(entra.todo(a)) do
    cmd.out("\n" .. table_text.paint(cmd, "bold", place.title) .. "\n")
    say_steps(cmd, place.steps)
  end
  cmd.out("\n")
  table_text.out(cmd, table_text.wrap(cmd, "", "Nobody sees from here " .. entra.unseen .. "."))
end

local function next_commands(a, given)
  local out = {}
  local function add(line) out[#out + 1] = line end
  if a.practice then
    add(("cosell sim --write-profile %s     in another terminal"):format(given))
  end
  add(("export COSELL_PROFILE=%s"):format(given))
  if a.sign_in ~= "certificate" and not a.secret then add("cosell connect crm") end
  add("cosell connect partner-center" .. (a.person == "browser" and "" or " --" .. a.person))
  add("cosell provision --plan           then without --plan")
  if a.public_url ~= "none" and a.stage ~= "staging" then add("cosell webhook register") end
  add("cosell doctor")
  add("cosell run")
  return out
end

local function say_done(cmd, a, given, there)
  cmd.out(("\n%s/profile.lua written%s\n"):format(given, there and
    (", with the mapping that is there (%s)"):format(a.mapping) or ", and a mapping to fill in"))
  say_todo(cmd, a)
  cmd.out("\n" .. table_text.paint(cmd, "bold", "Next") .. "\n")
  for _, line in ipairs(next_commands(a, given)) do cmd.out("  " .. line .. "\n") end
  return 0
end

-- ---- The command ----

local function make(cmd, given, options)
  local dir = backup.absolute(cmd, given)
  local taken = new_folder.taken(dir, given)
  if taken then
    return fail(cmd, "%s", taken)
  end
  local a, status = all_answers(cmd, options)
  if not a then
    return status
  end
  local found = { lines = {}, left = {} }
  if options["from-original"] then
    found = original(cmd, a, options)
    if not found then return 1 end
  end
  local there = write(cmd, dir, given, a, found.lines)
  if there == nil then return 1 end
  if options["from-original"] then say_original(cmd, found, there) end
  return say_done(cmd, a, given, there)
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given then
    return 2
  elseif #given ~= 1 then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  return make(cmd, (given[1]:gsub("(.)/+$", "%1")), options)
end

return M

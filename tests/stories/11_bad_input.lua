-- Story 11: a bad profile, secret, state, port or callback is refused, with its place and remedy.
local callbacks = require "commands.callbacks"
local kit = require "commands.kit"

local PRINTED_WITHIN_MS = 20000
local PRIVATE = 384 -- 0600

-- ---- a host that is not to come up

-- Reads what a starting host says, until it ends or is ready.  -> its end (nil: it got ready), text
local function outcome(child)
  local line
  repeat
    line = child:line(PRINTED_WITHIN_MS)
  until not line or line:find("ready in %d+ ms")
  if line then
    return nil, child:output()
  end
  child:kill("KILL") -- one that has ended by itself keeps its status
  return child:wait(), child:output()
end

local function start(s, env)
  local child = s:host_start { profile = s.profile, state = s.state, env = env }
  local ended, text = outcome(child)
  if ended then
    s.host = nil
  end
  return ended, text
end

-- The host says all of this and ends with status 1, or that one.
local function refuses(t, s, said, env, status)
  local ended, text = start(s, env)
  s:host_stop()
  t.ok(ended, "the host started all the same:\n" .. text)
  for _, part in ipairs(said) do
    t.has(text, part)
  end
  t.eq(ended, { exit = status or 1 }, "how it ended")
end

local function shell(script, ...)
  local child = assert(host.child.start { path = "/bin/sh", argv = { "-c", script, "sh", ... } })
  local ended = child:wait()
  assert(ended.exit == 0, script .. ": " .. child:output())
end

-- ---- the profile

local function line_with(text, part)
  local n = 0
  for line in text:gmatch("[^\n]*\n") do
    n = n + 1
    if line:find(part, 1, true) then
      return n
    end
  end
  error("no line holds " .. part)
end

-- Replaces text that stands there once.
local function swap(text, old, new)
  local from, to = text:find(old, 1, true)
  assert(from and not text:find(old, to + 1, true), old .. " must stand there once")
  return text:sub(1, from - 1) .. new .. text:sub(to + 1)
end

-- What is spoilt in a good profile, where it stands then, and what is said about it.
local PROFILES = {
  { "an unknown key", 'stage = "sandbox"', 'stage = "sandbox", colour = "green"', "colour",
    { "colour: unknown key" } },
  { "a mistyped key", "crm = { url =", "crm = { ulr =", "ulr",
    { "crm.ulr: unknown key; did you mean `url`?" } },
  { "a mistyped setting", "settings = {", "settings = { setle = 5,", "setle",
    { "settings.setle: unknown key; did you mean `settle`?" } },
  { "a key in the wrong table", 'stage = "sandbox"', 'stage = "sandbox", port = 9', "port = 9",
    { "port: unknown key here; did you mean `listen.port`?" } },
  { "a value of the wrong type", "settle = 0", 'settle = "soon"', '"soon"',
    { "settings.settle: ", "number" } },
  { "a value out of its range", "poll_minutes = 60", "poll_minutes = 0", "poll_minutes",
    { "settings.poll_minutes: ", "1" } },
  { "a missing key that is needed", "token_url = ", "-- token_url = ", "crm = {",
    { "crm.token_url: is missing" } },
}

local function bad_profile(t, s, good, row)
  local text
  if row[2]:find("token_url", 1, true) then -- the CRM's, the first of two
    text = good:gsub(", token_url = [^\n]*", ",", 1)
  else
    text = swap(good, row[2], row[3])
  end
  assert(host.file.write(s.profile .. "/profile.lua", text))
  local said = { ("profile.lua:%d: "):format(line_with(text, row[4])), table.unpack(row[5]) }
  refuses(t, s, said)
end

local function profiles(t)
  kit.with({ host = false }, function(s)
    local good = kit.profile_text(s, s.port)
    for _, row in ipairs(PROFILES) do
      t.case("story 11: profile: " .. row[1] .. " is named with its line", function()
        bad_profile(t, s, good, row)
      end)
    end
    t.case("story 11: profile: a mistake in its Lua is named with its line", function()
      assert(host.file.write(s.profile .. "/profile.lua", "return {\n  stage = = 1,\n}\n"))
      refuses(t, s, { "profile.lua:2:" })
    end)
    t.case("story 11: the same profile without the mistake starts", function()
      assert(host.file.write(s.profile .. "/profile.lua", good))
      local ended, text = start(s)
      t.ok(not ended, text)
      t.eq(s:host_stop(), { exit = 0 })
    end)
  end)
end

-- ---- secrets

local function unset(t, s)
  local good = kit.profile_text(s, s.port)
  local path = s.dir .. "/partner_secret"
  assert(host.file.write(s.profile .. "/profile.lua",
    swap(good, ('{ file = "%s" }'):format(path), '{ env = "COSELL_STORY_SECRET" }')))
  refuses(t, s, { "partner_center.secret", "COSELL_STORY_SECRET is not set" },
    { COSELL_STORY_SECRET = "" })
  local secret = assert(host.file.read(path))
  local ended, text = start(s, { COSELL_STORY_SECRET = secret })
  t.ok(not ended, text)
  t.ok(not text:find(secret, 1, true), "the secret is not in the log")
  s:host_stop()
  assert(host.file.write(s.profile .. "/profile.lua", good))
end

local function user()
  return assert(host.file.read("/proc/self/status")):match("\nUid:\t(%d+)")
end

-- A copy of the program and of a stage's files in a folder that another user can read.
local COPY = [[
set -e
exe=$(readlink "/proc/$PPID/exe")
mkdir "$1/bin"
cp "$exe" "$exe-mapper" "$1/bin"
cp -R "$COSELL_SCRIPTS" "$1/scripts"
cp -R "$COSELL_SCRIPTS/../mappings" "$1/mappings"
for list in "${exe%/*}/countries.lua" "$COSELL_SCRIPTS/../build/countries.lua"; do
  [ ! -f "$list" ] || cp "$list" "$1/bin"
done
mkdir "$1/profile"
cp "$2"/*secret "$2/refresh_token" "$2/roots.pem" "$1/profile"
chmod -R a+rX "$1/bin" "$1/scripts" "$1/mappings"
chmod 600 "$1"/profile/*
chmod 000 "$1/profile/crm_secret"
chown -R "$3" "$1/profile"
chmod 711 "$1"
]]
local NOBODY = "65534"

-- Root reads everything, so as root the host runs as somebody else.
local function unreadable(t, s)
  local dir = host.file.tempdir()
  local is_root = user() == "0"
  shell(COPY, dir, s.dir, is_root and NOBODY or user())
  local of = setmetatable({ dir = dir .. "/profile" }, { __index = s })
  assert(host.file.write(dir .. "/profile/profile.lua", kit.profile_text(of, s.port)))
  shell('chmod 644 "$1"', dir .. "/profile/profile.lua")
  local path, argv = dir .. "/bin/cosell", { "run", "--profile", dir .. "/profile" }
  if is_root then
    table.move(argv, 1, #argv, 5, argv)
    argv[1], argv[2], argv[3] = "--reuid=" .. NOBODY, "--regid=" .. NOBODY, "--clear-groups"
    path, argv[4] = "/usr/bin/setpriv", path
  end
  local child = assert(host.child.start { path = path, argv = argv, dir = dir,
    env = { COSELL_SCRIPTS = dir .. "/scripts", COSELL_COMMANDS = "" } })
  local ended, text = outcome(child)
  if not ended then
    child:kill("TERM")
    child:wait()
  end
  assert(host.file.remove(dir))
  t.has(text, "crm.secret")
  t.has(text, dir .. "/profile/crm_secret: cannot be opened: Permission denied")
  t.eq(ended, { exit = 1 })
end

local function secrets(t)
  kit.with({ host = false }, function(s)
    local path = s.dir .. "/crm_secret"
    local secret = assert(host.file.read(path))
    t.case("story 11: a missing secret file is named with its key", function()
      assert(host.file.remove(path))
      refuses(t, s, { "crm.secret", path .. ": cannot be opened: No such file" })
    end)
    t.case("story 11: a secret that others can read is refused with its remedy", function()
      assert(host.file.write(path, secret, PRIVATE))
      shell('chmod 644 "$1"', path)
      refuses(t, s, { "crm.secret", "chmod 600 " .. path })
    end)
    t.case("story 11: an empty secret is refused", function()
      shell('chmod 600 "$1" && : > "$1"', path)
      refuses(t, s, { "crm.secret", path .. ": is empty" })
    end)
    assert(host.file.write(path, secret, PRIVATE))
    shell('chmod 600 "$1"', path)
    t.case("story 11: a secret of the environment that is not set is named", function()
      unset(t, s)
    end)
    t.case("story 11: a secret file that cannot be read is named with its key", function()
      unreadable(t, s)
    end)
    t.case("story 11: a short path secret is refused", function()
      local before = assert(host.file.read(s.dir .. "/path_secret"))
      assert(host.file.write(s.dir .. "/path_secret", "tooshort", PRIVATE))
      refuses(t, s, { "listen.path_secret", "at least 16" })
      assert(host.file.write(s.dir .. "/path_secret", before, PRIVATE))
    end)
    t.case("story 11: with all secrets in order it starts", function()
      local ended, text = start(s)
      t.ok(not ended, text)
      t.ok(not text:find(secret, 1, true), "no secret is in the log")
    end)
  end)
end

-- ---- what belongs to somebody else

local function locked(t)
  kit.with({}, function(s)
    local second = s.dir .. "/second"
    assert(host.file.mkdir(second))
    assert(host.file.write(second .. "/profile.lua", kit.profile_text(s, 0)))
    local first, profile = s.host, s.profile
    s.profile, s.host = second, nil
    local ok, err = pcall(refuses, t, s, { s.state .. ": held by another cosell" }, nil, 3)
    s.profile, s.host = profile, first
    t.ok(ok, type(err) == "table" and err.check or err)
    s:act("portal-create", { name = "After the second host" })
    kit.wait("the deal, by callback", function() return kit.opportunity(s) end)
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    t.eq(s:host_stop(), { exit = 0 }, "the first host went on")
  end)
end

local function port_taken(t)
  kit.with({ host = false }, function(s)
    local listener = assert(host.serve { address = "127.0.0.1", port = s.port,
      handler = function() return 404, {}, "" end })
    local ok, err = pcall(refuses, t, s, { "127.0.0.1", tostring(s.port), "in use" })
    listener:close()
    t.ok(ok, type(err) == "table" and err.check or err)
    local ended, text = start(s)
    t.ok(not ended, "with the port free it starts:\n" .. text)
  end)
end

-- ---- forged callbacks

-- Each takes what a true callback has, and spoils one thing.
local FORGED = {
  { "a signature of another body", function(h, pair)
    local other = host.crypto.sign(pair.key, pair.cert, "RS256", "another body")
    h["Authorization"] = "Signature " .. host.crypto.base64(other)
  end },
  { "a signature by another key", function(h, _, body)
    local key, cert = host.crypto.issue { common_name = "forger.example",
      organization = "Microsoft Corporation", bits = 2048, from_ms = host.now_ms() - 86400000,
      days = 30 }
    h["Authorization"] = "Signature " ..
      host.crypto.base64(host.crypto.sign(key, cert, "RS256", body))
  end },
  { "a certificate's address on another host", function(h)
    h["X-MS-Certificate-Url"] = "https://certificates.example/practice.cer"
  end },
  { "a certificate's address that only begins like ours", function(h, _, _, url)
    h["X-MS-Certificate-Url"] = url:gsub("^http://", "http://127.0.0.1@")
  end },
  { "no signature", function(h) h["Authorization"] = nil end },
  { "two Authorization headers", function(h) h["authorization"] = h["Authorization"] end },
  { "no certificate's address", function(h) h["X-MS-Certificate-Url"] = nil end },
  { "another algorithm", function(h) h["X-MS-Signature-Algorithm"] = "rsa-sha1" end },
  { "a signature that is no base64", function(h) h["Authorization"] = "Signature %%%" end },
}

local function forged(t)
  kit.with({}, function(s)
    local path_of = callbacks.path(s)
    s:rest()
    s:set("lose_callbacks", true) -- nobody but this story calls
    local deal = s:act("portal-create", { name = "Only a true callback tells of it" })
    local pair, url = callbacks.signer(s)
    local body = callbacks.body(deal.id)
    local commits = s:status().commits
    for _, row in ipairs(FORGED) do
      t.case("story 11: callback: " .. row[1] .. " gets 401 and leaves no trace", function()
        local headers = callbacks.signed(pair, url, body)
        row[2](headers, pair, body, url)
        local before = s:status().callbacks
        local answer = callbacks.post(s, headers, body)
        t.eq(answer.status, 401)
        t.eq(answer.body, "", "body")
        local after = s:status().callbacks
        t.eq(after.stored, before.stored, "stored")
        t.eq(after.rejected, before.rejected + 1, "rejected")
      end)
    end
    t.case("story 11: callback: an unknown path, or no path secret, gets 401", function()
      for _, path in ipairs { "/", "/callback", "/callback/", path_of .. "x", path_of .. "/",
        "/callback/practice-path-0123456789abcdee" } do
        local answer = callbacks.post(s, callbacks.signed(pair, url, body), body, path)
        t.eq({ answer.status, answer.body }, { 401, "" }, path)
      end
    end)
    t.case("story 11: callback: nothing but POST is taken", function()
      local status = callbacks.post(s, nil, nil, path_of, "GET").status
      t.eq(status, 401)
    end)
    t.case("story 11: callback: after all that nothing was stored, and a true one works", function()
      local now = s:status()
      t.eq(now.callbacks.stored, 0, "stored")
      t.eq(now.commits, commits, "commits")
      t.eq(#kit.opportunities(s), 0, "opportunities")
      local answer = callbacks.post(s, callbacks.signed(pair, url, body), body)
      t.eq(answer.status, 200)
      t.eq(answer.body, "")
      kit.wait("the deal", function() return kit.opportunity(s) end)
      s:rest()
      t.eq(kit.opportunity(s).identifier, deal.id)
      t.eq(#kit.opportunities(s), 1, "opportunities")
    end)
  end)
end

return function(t)
  profiles(t)
  secrets(t)
  t.case("story 11: a state that another host holds is refused, and that host goes on", function()
    locked(t)
  end)
  t.case("story 11: a port that is taken is named", function() port_taken(t) end)
  forged(t)
end

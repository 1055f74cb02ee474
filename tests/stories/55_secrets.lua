-- Story 55: every secret and every personal field holds a mark that is nowhere else.  Deals travel
-- both ways at the most verbose log level, with failures on the way; then no log, error or other
-- file holds a mark, raw or encoded, and the state file holds them only where they belong.
local kit = require "commands.kit"
local printed = require "commands.printed"

-- Personal values may stand here: joined records with their bases and notes, runs, the queue.
local PERSONAL = { link = true, base = true, note = true, run = true, job = true }

local function shell(text, ...)
  local child = assert(host.child.start { path = "/bin/sh", argv = { "-c", text, "sh", ... } })
  while child:line(60000) do end
  return child:output(), child:wait().exit
end

-- ---- Marks ----

local marks, many = {}, 0 -- text -> the field it stands in

local function another(form, field)
  local text = form:format(many)
  many = many + 1
  marks[text] = field
  return text
end

local function mark(field)
  return another("Zq%02dXwkvm", field)
end

local function phone(field)
  return "+49" .. another("5550771%04d", field)
end

local function each_byte(text, form)
  return (text:gsub(".", function(c) return form:format(c:byte()) end))
end

-- The letters of a base64 text that these bytes alone decide, at each of the three places.
local function base64s(text)
  local out = {}
  for before = 0, 2 do
    local whole = host.crypto.base64(("\0"):rep(before) .. text)
    out[#out + 1] = whole:sub((before * 8 + 5) // 6 + 1, (before + #text) * 8 // 6)
  end
  return out
end

-- All ways in which a text may be written; `folded` are looked for in lower case.
local function forms(text)
  local folded = { text, each_byte(text, "%02x"), each_byte(text, "%%%02x"),
    each_byte(text, "\\u%04x"), text:reverse() }
  for i, form in ipairs(folded) do
    folded[i] = form:lower()
  end
  local exact = base64s(text)
  for _, form in ipairs(base64s(text)) do
    exact[#exact + 1] = form:gsub("+", "-"):gsub("/", "_")
  end
  return folded, exact
end

-- The first mark that a text holds, and where it comes from.
local function found(text, marked)
  local lower = text:lower()
  for mark_text, field in pairs(marked) do
    local folded, exact = forms(mark_text)
    for _, form in ipairs(folded) do
      if lower:find(form, 1, true) then
        return field .. " as " .. form
      end
    end
    for _, form in ipairs(exact) do
      if text:find(form, 1, true) then
        return field .. " as " .. form
      end
    end
  end
  return nil
end

local function secrets_of(s)
  local out = {}
  for _, name in ipairs { "crm_secret", "partner_secret", "refresh_token", "path_secret" } do
    out[assert(host.file.read(s.dir .. "/" .. name)):gsub("%s+$", "")] = name
  end
  out[assert(host.file.read(s.state .. ".key")):gsub("%s+$", "")] = "the key"
  out["eyJhbGciOi"] = "an access token" -- how each of them begins
  return out
end

local function clean(t, what, text, marked)
  local where = found(text, marked)
  t.ok(not where, what .. " holds " .. tostring(where))
end

-- ---- What happens ----

local MAPPING = [[
return { api = 1, opportunity = { create = function(d, v)
  ctx.log("the mapping was asked")
  if d.name:find("raise", 1, true) then
    error("cannot rate " .. d.customer.name .. " of " .. d.contact.email)
  end
end } }
]]

local function person(field)
  return { first_name = mark(field .. ".first_name"), last_name = mark(field .. ".last_name"),
    phone = phone(field .. ".phone"), email = mark(field .. ".email") .. "@customer.example",
    title = mark(field .. ".title") }
end

-- A deal of Partner Center with a mark in every text that people type.
local function portal_deal(s, more)
  local args = { value = 1000, currency = "USD", name = mark "deal.name" .. (more.name or ""),
    notes = mark "deal.notes", campaign = mark "deal.campaign",
    customer = { name = mark "customer.name", address_line1 = mark "address_line1",
      address_line2 = mark "address_line2", city = mark "city", state = mark "state",
      postal_code = mark "postal_code", country = "DE" },
    contact = person "contact", team = { mark("team"):lower() .. "@partner.example" } }
  for name, value in pairs(more.args or {}) do
    args[name] = value
  end
  return s:act(more.act or "portal-create", args).id
end

local function crm_deal(s)
  return s:act("create-opportunity", { name = mark "opportunity.name", value = 90000,
    currency = "EUR", closing_date = "2031-09-30", notes = mark "description", sync = true,
    account = { name = mark "account.name", line1 = mark "account.line1",
      line2 = mark "account.line2", city = mark "account.city",
      stateorprovince = mark "account.state", postalcode = mark "account.postalcode",
      country = "DE", telephone1 = phone "account.phone" },
    contact = { firstname = mark "contact.firstname", lastname = mark "contact.lastname",
      telephone1 = phone "contact.phone", jobtitle = mark "contact.jobtitle",
      emailaddress1 = mark "contact.mail" .. "@customer.example" },
    help = "Proof of concept / demo", solutions = { "SOL-10001-ABC" } }).id
end

-- What a service says of a refused row: it quotes what was typed.
local function refusal(code, text)
  return json.encode { error = { code = code, message = "'" .. text .. "' is taken" } }
end

local function both_change(s, id)
  local row = kit.opportunity(s)
  assert(row, s.host:output())
  kit.describe(s, row.id, mark "edited.description")
  s:act("edit", { id = id, notes = mark "edited.notes" })
  s:rest()
end

local function fails(s)
  s:fault("crm", { method = "POST", path = "$batch", status = 400, count = 2,
    body = refusal("0x80040203", mark "refused by the CRM") })
  portal_deal(s, {})
  s:rest()
  s:say("fault", { "clear" })
  s:fault("partner", { method = "POST", status = 400, count = 2,
    body = refusal("20002", mark "refused by Partner Center") })
  crm_deal(s)
  s:rest()
  s:say("fault", { "clear" })
  portal_deal(s, { name = " raise" })
  s:rest()
end

-- People of the internet at the listener, with and without the path.
local function knocks(s)
  local secret = assert(host.file.read(s.dir .. "/path_secret")):gsub("%s+$", "")
  for _, path in ipairs { "/callback/" .. mark "knocked.path", "/callback/" .. secret } do
    host.http.request { url = ("http://127.0.0.1:%d%s"):format(s.port, path), method = "POST",
      body = '{"EventName":"' .. mark "knocked.body" .. '"}',
      headers = { Authorization = "Signature " .. mark "knocked.header",
        ["x-ms-certificate-url"] = "http://127.0.0.1/" .. mark "knocked.url" } }
  end
end

local COMMANDS = { { "status" }, { "flows" }, { "runs" }, { "retry" }, { "conflicts" },
  { "runs", "Zq00Xwkvm" }, { "deal", "Zq00Xwkvm" }, { "sync", "--all" } }

local function commands(t, s, secrets)
  for _, words in ipairs(COMMANDS) do
    local name = words[1]
    for _, json_too in ipairs { false, true } do
      local args = table.move(words, 2, #words, 1, {})
      args[#args + 1] = json_too and "--json" or nil
      clean(t, "cosell " .. table.concat(words, " "), (s:command(name, args)), secrets)
    end
  end
end

-- ---- Looking ----

local function tables_of(file)
  local out = {}
  local text = shell([[
    sqlite3 "file:$1?immutable=1" "select name from sqlite_schema where type='table'"]], file)
  for name in text:gmatch("%S+") do
    out[#out + 1] = name
  end
  return out
end

-- Everything of one table, bytes as hexadecimal digits.
local function rows_of(file, name)
  return (shell([[sqlite3 "file:$1?immutable=1" ".dump $2"]], file, name))
end

local function looks_into(t, file, secrets)
  local all, seen = tables_of(file), 0
  t.ok(#all > 8, file .. ": no tables")
  for _, name in ipairs(all) do
    local text = rows_of(file, name)
    clean(t, "the table " .. name, text, secrets)
    if PERSONAL[name] then
      seen = seen + (found(text, marks) and 1 or 0)
    else
      clean(t, "the table " .. name, text, marks)
    end
  end
  t.ok(seen >= 4, "the marks did not come as far as the state: " .. seen)
  t.ok(rows_of(file, "secret"):find("INSERT INTO secret", 1, true), "there are no secrets in it")
end

-- All bytes: also what was deleted.
local function bytes_of(s)
  local out = {}
  for _, ending in ipairs { "", "-wal" } do
    out[#out + 1] = host.file.read(s.state .. ending)
  end
  return table.concat(out)
end

local function names_in(dir)
  local out = {}
  for _, name in ipairs(assert(host.file.list(dir))) do
    out[name] = true
  end
  return out
end

-- ---- The host, with the umask of a careless administrator ----

local START = [[umask 0; exe=$1; shift; exec "$exe" "$@"]]

local function start(s)
  local exe = shell("readlink /proc/$PPID/exe"):gsub("\n", "")
  assert(host.file.mkdir(s.dir .. "/tmp"))
  s.control = s.state .. ".sock"
  s.host = assert(host.child.start { path = "/bin/sh",
    argv = { "-c", START, "sh", exe, "run", "--profile", s.profile },
    env = { COSELL_LOG = "debug", TMPDIR = s.dir .. "/tmp",
      COSELL_CRM_SECRET = assert(host.file.read(s.dir .. "/crm_secret")) } })
  s:host_ready()
  kit.registered(s)
end

local MODES = { [""] = "600", ["-wal"] = "600", [".key"] = "600", [".sock"] = "600" }

local function modes(t, s)
  for ending, want in pairs(MODES) do
    t.eq(shell('stat -c %a "$1"', s.state .. ending), want .. "\n", "mode of *" .. ending)
  end
  local pid = tostring(s.host:pid())
  t.has(shell("cat /proc/$1/limits", pid):gsub(" +", " "), "Max core file size 0 0")
  local environ, exit = shell("for p in $(cat /proc/$1/task/$1/children); do " ..
    "cat /proc/$p/cmdline /proc/$p/environ; done", pid)
  t.eq(exit, 0, environ)
  t.has(environ, "cosell-mapper")
  clean(t, "the mapping process's environment", environ, secrets_of(s))
end

return function(t)
  kit.with({ host = false, files = { ["details.lua"] = MAPPING } }, function(s)
    local before, log
    t.case("guard 7: a day with marks in every field, at the most verbose level", function()
      before = names_in(s.dir)
      s:fault("tokens", { method = "POST", status = 500, count = 1,
        body = '{"error":"x","error_description":"' ..
          assert(host.file.read(s.dir .. "/crm_secret")):gsub("%s+$", "") .. '"}' })
      start(s)
      local id = portal_deal(s, {})
      s:rest()
      both_change(s, id)
      portal_deal(s, { act = "microsoft-create", args = { help_notes = mark "help_notes" } })
      crm_deal(s)
      s:rest()
      fails(s)
      knocks(s)
      t.ok(s:status().queue.dead > 0, "nothing failed")
      t.ok(#kit.opportunities(s) > 2 and #kit.referrals(s) > 2, "nothing travelled")
    end)
    local secrets = secrets_of(s)
    t.case("guard 7: files and sockets are ours alone, nothing is dumped", function()
      modes(t, s)
    end)
    t.case("guard 7: no command prints a secret", function() commands(t, s, secrets) end)
    t.case("guard 7: a backup holds secrets only sealed, personal values in few tables", function()
      local file = s.dir .. "/backup.db"
      t.eq(select(2, printed.run(s, { "backup", file }, 80)), 0)
      looks_into(t, file, secrets)
      assert(host.file.remove(file))
    end)
    t.case("guard 7: so does the state file, with its WAL and what was deleted", function()
      clean(t, "the state file", bytes_of(s), secrets)
      log = s.host:output()
      s:host_stop("TERM")
      clean(t, "the state file", bytes_of(s), secrets)
      looks_into(t, s.state, secrets)
    end)
    t.case("guard 7: no log line holds a mark, raw or encoded", function()
      clean(t, "the log", log, secrets)
      clean(t, "the log", log, marks)
      t.has(log, "debug mapping: ")
      t.has(log, "the mapping was asked")
      t.has(log, "remote, answer 400; cosell runs and cosell retry tell why")
      t.has(log, "details.lua:4; cosell runs")
    end)
    t.case("guard 7: no other file was written", function()
      local made = {}
      for name in pairs(names_in(s.dir)) do
        made[#made + 1] = not before[name] and name or nil
      end
      table.sort(made)
      t.eq(made, { "cosell.db", "cosell.db.key", "tmp" })
      t.eq(assert(host.file.list(s.dir .. "/tmp")), {}, "temporary files")
      t.eq(assert(host.file.list(s.profile)), { "details.lua", "profile.lua" })
    end)
    t.case("guard 7: the search finds a mark in each form", function()
      local one = { Zq99Xwkvm = "a mark" }
      for _, text in ipairs { "aZq99Xwkvmb", "ZQ99XWKVM", host.crypto.base64("xZq99Xwkvmyz"),
        host.crypto.base64("{\"a\":\"Zq99Xwkvm\"}", true), each_byte("Zq99Xwkvm", "%02X"),
        each_byte("Zq99Xwkvm", "%%%02X"), each_byte("Zq99Xwkvm", "\\u%04X") } do
        t.ok(found(text, one), "not found: " .. text)
      end
      t.ok(not found("Zq98Xwkvm " .. host.crypto.base64("Zq98Xwkvm"), one))
    end)
  end)
end

-- What stories share: a practice environment and a host on a profile of their own in a temporary
-- folder, and short words for what people do and see.
local otherwise = require "commands.otherwise"
local stage = require "sim.stage"
local tap = require "commands.tap"

local M = {}

local PROFILE = [[
return {
  stage = "sandbox",
  state = "%DIR%/cosell.db",
  listen = { port = %PORT%, path_secret = { file = "%DIR%/path_secret" },
    public_url = "http://127.0.0.1:%PORT%" },
  crm = { url = "%CRM%", token_url = "%TOKENS%/practice.example/oauth2/v2.0/token",
    client_id = "7d1b0c52-0002-4a11-9c01-000000000002", secret = { file = "%DIR%/crm_secret" } },
  partner_center = { url = "%PARTNER%", webhook_url = "%PARTNER%",
    audience = "https://api.partner.microsoft.com",
    webhook_audience = "https://api.partnercenter.microsoft.com",
    token_url = "%TOKENS%/practice.example/oauth2/token",
    client_id = "7d1b0c52-0001-4a11-9c01-000000000001", secret = { file = "%DIR%/partner_secret" },
    refresh_token = { file = "%DIR%/refresh_token" },
    portal_url = "https://portal.example/referrals/" },
  callbacks = { certificate_hosts = { "127.0.0.1" }, roots = { file = "%DIR%/roots.pem" },
    practice_origin = "%PARTNER%" },
  settings = { %SETTINGS% },
}
]]

---Sanitised programs are larger, slower, and cannot be traced.
M.sanitised = (tonumber(host.file.getenv "COSELL_STRIDE") or 1) > 1

---What a host is given that is to know the commands of the tests: it takes a third longer to start.
M.COMMANDS = { COSELL_COMMANDS = host.file.getenv "COSELL_COMMANDS" }

local DEFAULTS = { settle = "0", look_wait = "0", delta_seconds = "3600", poll_minutes = "60" }
local FLIES = 120 -- so many times as fast

local reserved = {} -- listeners: as long as the story runs

local function listens(address, port)
  return host.serve { address = address, port = port, handler = function() return 404, {}, "" end }
end

---A port nobody listens on, and no other story is given: a listener of the same number, at an
---address where nobody asks, says so to all.  Below those that the system gives to outgoing
---connections, so that none of them takes it.
---@return integer
function M.free_port()
  for _ = 1, 100 do
    local high, low = host.random(2):byte(1, 2)
    local port = 16384 + (high << 8 | low) % 16384
    local mine = listens("127.0.0.2", port)
    local free = mine and listens("127.0.0.1", port)
    if free then
      free:close()
      reserved[#reserved + 1] = mine
      return port
    elseif mine then
      mine:close()
    end
  end
  error("no free port")
end

local function settings_of(given)
  local merged, out = {}, {}
  for _, settings in ipairs { DEFAULTS, otherwise.settings(), given or {} } do
    for name, value in pairs(settings) do
      merged[name] = tostring(value)
    end
  end
  for name, value in pairs(merged) do
    out[#out + 1] = name .. " = " .. value
  end
  table.sort(out)
  return table.concat(out, ", ")
end

-- ---- The clock of both programs ----

-- A word to the test build of a program below all scripts: by how much its clock is ahead.
local function ahead(socket)
  local answer = host.control.call(socket, "clock", { "+0" })
  return answer and tonumber(answer.out)
end

---Moves the clock of both programs forward, and what they wait for that much nearer; returns when
---both have noticed.  For a stage made with clock = true.
---@param s table
---@param ms integer
function M.clock(s, ms)
  otherwise.lift()
  local before = {}
  for _, socket in ipairs { s.socket, s.host and s.control } do
    before[socket] = ahead(socket) or 0
  end
  s.ahead = s.ahead + ms
  assert(host.file.write(s.both.COSELL_CLOCK_FILE, s.ahead .. "\n"))
  for socket, was in pairs(before) do
    stage.wait_for("the clock of " .. socket, function()
      local now = ahead(socket)
      return now and now >= was + ms
    end)
  end
end

function M.profile_text(s, port, settings)
  local values = { PORT = tostring(port), DIR = s.dir, CRM = s.base.crm, TOKENS = s.base.tokens,
    PARTNER = s.base.partner, SETTINGS = settings_of(settings) }
  return (PROFILE:gsub("%%(%u+)%%", values))
end

---A stage with a host that is ready (o.host = false: without).
---@param o { settings: table|nil, files: table|nil, host: boolean|nil, env: table|nil,
---           sim_env: table|nil, sim_args: string[]|nil, clock: boolean|nil,
---           edit: nil|fun(profile: string): string }
function M.new(o)
  o = o or {}
  local dir = host.file.tempdir()
  local both = o.clock and { COSELL_CLOCK_FILE = dir .. "/clock" }
  local s = stage.new { dir = dir, env = o.sim_env, args = o.sim_args, both = both or nil }
  s.ahead, s.clock = 0, M.clock
  otherwise.start(s, o.host == false)
  s.profile = dir .. "/profile"
  s.state = dir .. "/cosell.db"
  s.port = M.free_port()
  assert(host.file.mkdir(s.profile))
  for name, text in pairs(o.files or {}) do
    local folder = name:match("^(.*)/")
    if folder and not host.file.exists(s.profile .. "/" .. folder) then
      assert(host.file.mkdir(s.profile .. "/" .. folder))
    end
    assert(host.file.write(s.profile .. "/" .. name, text))
  end
  local text = M.profile_text(s, s.port, o.settings)
  assert(host.file.write(s.profile .. "/profile.lua", o.edit and o.edit(text, s) or text))
  if o.host ~= false then
    local env = { COSELL_LOG = "debug" } -- every story's log is searched at its end
    for name, value in pairs(o.env or {}) do
      env[name] = value
    end
    s:host_start { profile = s.profile, state = s.state, env = env }
    s:host_ready()
    M.registered(s)
    stage.wait_for("the first look at both sides", function() return s:idle() end)
    otherwise.ready(s)
  end
  return s
end

---The host has registered for events, so that what happens from now on is called back.
function M.registered(s)
  otherwise.lift()
  stage.wait_for("the registration", function()
    s:command("last") -- raises if the host is gone
    return s:say("pending").registered
  end)
end

-- ---- A state of another age ----

---A sign-in of the administrator's, for the host of a folder.
function M.sign_in(s, dir)
  assert(host.file.write(dir .. "/refresh_token", s:act("token-sign-in").refresh_token, 0x180))
end

---The host goes on with a state that is new: it knows of no deal.
function M.fresh_state(s)
  s:host_stop()
  local path = s.profile .. "/profile.lua"
  local profile = assert(host.file.read(path)):gsub("cosell%.db", "fresh.db")
  assert(host.file.write(path, profile))
  M.sign_in(s, s.dir)
  s:host_start { profile = s.profile, state = s.dir .. "/fresh.db", env = s.host_options.env }
  s:host_ready()
  M.registered(s)
end

-- ---- What no log may hold ----

local SECRETS = { "crm_secret", "partner_secret", "refresh_token", "path_secret", "push_secret" }
-- Of the customers that the practice environment and the stories make up.
local PEOPLE = { "Hoshino", "Kawabata", "8152000000", "Jana", "Petersen", "Elbe Hafen", "Kai 4" }

---The log of the host that runs holds no secret and nothing of a person or a customer.
---@param s table
function M.discreet(s)
  local log = s.host:output()
  local marks = { "eyJhbGciOi", table.unpack(PEOPLE) }
  for _, name in ipairs(SECRETS) do
    local text = host.file.read(s.dir .. "/" .. name)
    marks[#marks + 1] = text and #text > 8 and text:gsub("%s+$", "") or nil
  end
  for line in log:gmatch("[^\n]+") do
    for _, mark in ipairs(marks) do
      if not line:find("debug mapping: ", 1, true) and line:find(mark, 1, true) then
        error({ check = "the log holds what it must not (" .. mark .. "): " .. line }, 0)
      end
    end
  end
end

-- ---- What no service may have to say ----

local REFUSED = { ["400"] = true, ["403"] = true, ["405"] = true, ["409"] = true, ["422"] = true }
-- Answers that only say what is so: nothing is registered yet; a change link is too old; a table is
-- not tracked.
local NEWS = { "/webhooks/v1/registration", "0x80044352", "0x80072491" }

local function is_news(one)
  for _, mark in ipairs(NEWS) do
    if one.path:find(mark, 1, true) or (one.answer or ""):find(mark, 1, true) then
      return true
    end
  end
  return false
end

---No service has refused anything: what we send is what it takes.  Of a batch each part counts.
---@param s table
function M.accepted(s)
  local out = {}
  for _, one in ipairs(s:say("trace", { "0", "1000" }).list) do
    local batch = (one.answer or ""):match("^batch: (.*)$")
    local said = batch or one.status and tostring(one.status) or ""
    for status in said:gmatch("%d+") do
      if REFUSED[status] and one.service ~= "callback" and not is_news(one) then
        out[#out + 1] = ("%s %s %s: %s"):format(one.service, one.method, one.path,
          batch and one.request .. " -> " .. one.answer or one.answer)
      end
    end
  end
  if #out > 0 then
    error({ check = "a service has refused:\n" .. table.concat(out, "\n"):sub(1, 2000) }, 0)
  end
end

-- ---- Time that flies, and what is said of a remote ----

---Moves the host's wall clock alone, back if ms is below 0.
function M.pass(s, ms)
  assert(host.control.call(s.control, "clock", { "+" .. ms }))
end

---Waits while the host's time flies.
function M.wait_long(s, what, look)
  local last = host.now_ms()
  return M.wait(what, function()
    local found = look()
    if not found then
      local now = host.now_ms()
      M.pass(s, math.max(2000, (now - last) * FLIES))
      last = now
    end
    return found
  end)
end

---What status says of a remote.
---@param name "crm"|"partner_center"
function M.remote(s, name)
  for _, r in ipairs(s:status().remotes) do
    if r.name == name then
      return r
    end
  end
  error("no remote " .. name)
end

---Runs body(s) on a new stage and always ends it.  o.refused: what a service refuses here; else
---none may, unless the story switches faults on.
function M.with(o, body)
  local s = M.new(o)
  local ok, err = pcall(body, s)
  if ok and s.host then
    ok, err = pcall(M.discreet, s)
  end
  if ok and s.sim and not (o.refused or s.faulty or host.file.getenv "COSELL_OTHERWISE") then
    ok, err = pcall(M.accepted, s)
  end
  local said = not ok and tap.message(err) or nil
  if said and s.host then
    said = said .. "\nthe host said:\n" .. s.host:output():sub(-3000)
  end
  s:close()
  host.file.remove(s.dir)
  if said then
    error({ check = said }, 0)
  end
end

---Runs body(s, referral id, row id) on a stage with one deal that both sides know.
function M.started(body)
  M.with({}, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    body(s, deal.id, M.opportunity(s).id)
  end)
end

---A seller edits a row's description, which travels as the notes.
function M.describe(s, row, text)
  s:act("edit", { table = "opportunity", id = row, values = { description = text } })
end

-- ---- What people see ----

---The opportunities, oldest first, with short names.
function M.opportunities(s)
  local out = {}
  for _, row in ipairs(s:rows("crm:opportunity")) do
    out[#out + 1] = {
      id = row.opportunityid, name = row.name, value = row.estimatedvalue, row = row,
      closing_date = row.estimatedclosedate, notes = row.description, state = row.statecode,
      status = row.statuscode, sync = row.msft_microsoftpartnercenterreferralsync,
      identifier = row.msft_microsoftpartnercenterreferralidentifier,
      link = row.msft_microsoftpartnercenterreferrallink,
      audit = row.msft_microsoftpartnercenterreferralsyncaudit or "",
      microsoft_id = row.msft_microsoftcrmidentifier, help = row.msft_microsoftpartnercenterhelp,
      visible = row.msft_microsoftpartnercenterreferralvisible,
    }
  end
  return out
end

function M.opportunity(s, id)
  for _, o in ipairs(M.opportunities(s)) do
    if not id or o.id == id then
      return o
    end
  end
  return nil
end

---Referrals: ours and Microsoft's apart.
function M.referrals(s)
  local ours, theirs = {}, {}
  for _, r in ipairs(s:rows("referral")) do
    table.insert(r.organizationId == "msft" and theirs or ours, r)
  end
  return ours, theirs
end

---What was done at Partner Center is seen by whoever reads there.
function M.seen(s)
  M.wait("readers that lag behind", function() return s:say("pending").lagging == 0 end)
end

---Writes that both services have taken so far from the host.
function M.writes(s)
  return s:say("pending").writes
end

---After everything is at rest, looking again changes nothing, however often.
function M.quiet(t, s)
  s:rest()
  local before = M.writes(s)
  for _ = 1, 3 do
    s:rest()
  end
  t.eq(M.writes(s), before, "writes while nothing changes")
end

function M.wait(what, look, bound_ms)
  otherwise.lift()
  return stage.wait_for(what, otherwise.patient(look), bound_ms)
end

return M

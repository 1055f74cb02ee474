-- Every story once more with something otherwise: rows of tests/matrix.lua, given by
-- COSELL_OTHERWISE as "switch NAME VALUE; fault NAME; ...".  kit.lua calls what is here.
-- A switch is set before the host starts, and stays.  A fault, and a switch with which nothing
-- could go on (PASSING), comes on when the host is ready.  It is lifted when the story first waits
-- for something, moves the clock or ends the host: not before it has shown, if there is anything
-- for it to show with.  How often each row has shown goes into a file of COSELL_MATRIX_MET.
-- Owns what is on in the stages of one story; must never look at what the story looks at.
local fault_names = require "sim.fault_names"
local stage = require "sim.stage"
local switches = require "sim.switches"

local M = {}

local SHOW_MS = 5000
local READS_AGAIN_MS = 5000 -- as long as the host gives a list that lags behind (turn.lua)

-- anew: the host has to be started anew, as it says itself; pass_ms: it is told to wait so long;
-- act: done as well when the row comes on, or nobody would ask.
local PASSING = {
  secret_expired = { anew = true, act = "token-expire" },
  grant_fault = { anew = true, act = "token-expire" },
  crm_throttle = { pass_ms = 6000 },
  -- These stay; with them something comes on for a while.
  crm_gateway = { stays = true, fault = { "5xx", "crm" } },
  crm_unsigned_body = { stays = true, act = "token-expire" },
}
-- looks: the host has looked at both sides before.
local FAULTS = { ["429"] = { pass_ms = 2500 }, ["token-revoked"] = { anew = true },
  ["delta-expired"] = { looks = true } }

local AGAIN_MS = 1000

local first -- the stage that has the rows; another beside it plays as by default
local open -- the stage on which something is on that is to be lifted
local behind -- the stage whose readers lag behind, or that may not hear of everything

-- ---- The rows ----

local function rows()
  local out = {}
  for text in (host.file.getenv("COSELL_OTHERWISE") or ""):gmatch("[^;]+") do
    text = text:match("^%s*(.-)%s*$")
    local kind, name, value = text:match("^(%l+) (%S+) ?(%S*)$")
    out[#out + 1] = { text = text, kind = kind, name = name, value = value,
      how = (kind == "fault" and FAULTS or PASSING)[name] or {} }
  end
  return out
end

-- ---- What the host is told besides ----

-- Where lists lag behind, it looks once more before it makes a deal anew, as with real services.
local SETTINGS = { read_lag_ms = { look_wait = 1 }, stale_reads_ms = { look_wait = 1 },
  ["read-lag"] = { look_wait = 4 } }

---Settings of the profile that go with the rows.
---@return table<string, any>
function M.settings()
  local out = {}
  for _, row in ipairs(rows()) do
    for name, value in pairs(SETTINGS[row.name] or {}) do
      out[name] = value
    end
  end
  return out
end

local function comes_later(row)
  return row.kind == "fault" or PASSING[row.name] ~= nil
end

local function default_of(name)
  for _, row in ipairs(switches.rows) do
    if row.name == name then
      return row.default
    end
  end
end

-- ---- How often a row has shown ----

local function traced(s, since, like)
  local n = 0
  for _, x in ipairs(s:say("trace", { tostring(since) }).list) do
    n = n + (like(x) and 1 or 0)
  end
  return n
end

-- Faults that are neither rows of faults nor switches.
local SHOWN = {
  ["token-revoked"] = function(x) return x.service == "tokens" and x.status == 400 end,
  ["delta-expired"] = function(x)
    return x.service == "crm" and x.status == 400 and x.answer:find("0x80044352", 1, true)
  end,
}

local function shown(s, row, met)
  if row.kind == "switch" then
    return met.switch[row.name] or 0
  elseif SHOWN[row.name] then
    return traced(s, row.since, SHOWN[row.name])
  end
  local n = met.fault[row.name] or 0
  for name in pairs(fault_names.find(row.name).switches or {}) do
    n = n + (met.switch[name] or 0)
  end
  return n
end

local function all_shown(s, list)
  local met = s:say("met")
  for _, row in ipairs(list) do
    if shown(s, row, met) <= row.before then
      return false
    end
  end
  return true
end

-- ---- On, and lifted ----

local function switch_on(s, row)
  if row.kind == "fault" then
    s:say("fault", { row.name })
  elseif not row.how.stays then
    s:set(row.name, row.value)
  end
  if row.how.fault then
    s:say("fault", row.how.fault)
  end
  if row.how.act then
    s:act(row.how.act)
  end
end

local function switch_off(s, row)
  if row.kind == "fault" then
    s:say("fault", { row.name, "off" })
  elseif not row.how.stays then
    s:set(row.name, default_of(row.name))
  end
  if row.how.fault then
    s:say("fault", { row.how.fault[1], "off" })
  end
end

-- What the story has set itself meanwhile stands, whatever the lifted fault gave back.
local function as_the_story_wants(s, own)
  s.set = nil
  for name, value in pairs(own) do
    s:set(name, value)
  end
end

local function again(s, list)
  local anew, pass_ms = false, 0
  for _, row in ipairs(list) do
    anew = anew or row.how.anew
    pass_ms = math.max(pass_ms, row.how.pass_ms or 0)
  end
  for _, one in ipairs(anew and { s, s.otherwise.beside } or {}) do
    one:host_stop()
    one:host_start(one.host_options)
    one:host_ready()
  end
  if pass_ms > 0 then
    assert(host.control.call(s.control, "clock", { "+" .. pass_ms }))
  end
  s:command("sync")
end

---Lifts what is on, after it has shown.
function M.lift()
  local s = open
  if not s then
    return
  end
  open, s.host_stop = nil, nil
  local o = s.otherwise
  local alive = s.host and pcall(s.command, s, "sync")
  local till = host.now_ms() + SHOW_MS
  while alive and host.now_ms() < till and not all_shown(s, o.on) do
    local ok, idle = pcall(s.idle, s)
    if not ok or idle then
      break
    end
    host.sleep(10)
  end
  local met = s:say("met")
  for _, row in ipairs(o.on) do
    o.met[row.text] = shown(s, row, met) - row.before
    switch_off(s, row)
  end
  as_the_story_wants(s, o.own)
  if alive then
    again(s, o.on)
  end
end

-- ---- The stage ----

local LAGS = { ["switch read_lag_ms"] = true, ["switch stale_reads_ms"] = true,
  ["fault read-lag"] = true }

-- Until a minute after the certificate could not be read, callbacks are put off.
local DEAF = { ["fault 5xx"] = true, ["fault 429"] = true, ["fault cut-answers"] = true }

local function has(o, names)
  for _, row in ipairs(o.rows) do
    if names[row.kind .. " " .. row.name] then
      return true
    end
  end
  return false
end

-- Where readers lag behind, by a row or because the story wants it, all is at rest when nobody does
-- any more, and a host that met an old reading has read again.
local function rest(s)
  M.lift()
  local function sees_all()
    return first:say("pending").lagging == 0
  end
  if not has(first.otherwise, LAGS) and sees_all() then
    return stage.rest(s)
  end
  repeat
    stage.wait_for("readers that lag behind", sees_all)
    stage.rest(s)
    if s.both then -- the services' too, so that they do not fall behind
      s:clock(READS_AGAIN_MS)
    else
      assert(host.control.call(s.control, "clock", { "+" .. READS_AGAIN_MS }))
    end
    stage.rest(s)
  until sees_all()
end

---What is waited for, where readers may lag behind or events are not heard: a look that met an old
---reading is given again, as the next poll would, or whoever waits.
---@param look fun(): any
function M.patient(look)
  local last = host.now_ms()
  return function()
    local found = look()
    if behind and behind.host and not found and host.now_ms() - last >= AGAIN_MS then
      last = host.now_ms()
      pcall(behind.command, behind, "sync")
    end
    return found
  end
end

-- Once, at the end: what has shown.
local function ended(s)
  local o, folder = s.otherwise, host.file.getenv("COSELL_MATRIX_MET")
  first, open, behind, s.host_stop, s.close = nil, nil, nil, nil, nil
  local ok, met = pcall(s.say, s, "met")
  local lines = {}
  for _, row in ipairs(o.rows) do
    local n = o.met[row.text] or ok and not comes_later(row) and shown(s, row, met) or 0
    lines[#lines + 1] = ("%s|%d"):format(row.text, n)
  end
  if folder then
    assert(host.file.write(folder .. "/" .. host.uuid(), table.concat(lines, "\n") .. "\n"))
  end
  return s:close()
end

---The host of a stage is ready.
function M.ready(s)
  local o = s.otherwise
  if not o or #o.later == 0 then
    return
  end
  o.on, o.later = o.later, {}
  for _, row in ipairs(o.on) do
    if row.how.looks then
      stage.rest(s)
    end
  end
  local since, met = s:say("trace", { "0", "1" }).last, s:say("met")
  for _, row in ipairs(o.on) do
    row.since = since
    row.before = shown(s, row, met)
    switch_on(s, row)
  end
  open = s
  function s.set(self, name, value)
    o.own[name] = value
    return stage.set(self, name, value)
  end
  function s.host_stop(self, signal)
    M.lift()
    return self:host_stop(signal)
  end
end

---A stage was made; its host is not started yet.  by_story: the story will start it.
function M.start(s, by_story)
  local o = { rows = rows(), later = {}, met = {}, own = {} }
  if #o.rows == 0 then
    return
  end
  s.rest = rest
  if first then
    first.otherwise.beside = s -- it may sign in where the first does
    return
  end
  first, s.otherwise, s.close = s, o, ended
  behind = (has(o, LAGS) or has(o, DEAF)) and s or nil
  for _, row in ipairs(o.rows) do
    if comes_later(row) then
      o.later[#o.later + 1] = row
    end
    if row.kind == "switch" and (not PASSING[row.name] or row.how.stays) then
      s:set(row.name, row.value)
    end
  end
  if by_story then
    function s.host_ready(self)
      self.host_ready = nil
      local took = self:host_ready()
      M.ready(self)
      return took
    end
  end
end

return M

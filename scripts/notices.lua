-- The events that a notice can be about: one table, from which the profile's keys, the messages and
-- the README's list are made.  Owns the words of a message.  A notice leaves this machine and goes
-- to people who need not know any customer: counts, numbers, kinds, what helps, and the command
-- that shows more, never a name or a value.
--
--   name     as `on_event.events` names it, and a message's JSON
--   when     when it is raised
--   one      what is said of a single one; many: of several, with their number
--   shown    how one of several is told apart, of its facts
--   help     what helps
--   command  what shows more
local checks = require "schema_checks"
local text = require "text"

local M = {}

---@class Facts  of one event; each a whole number or a plain word, see M.plain
---@field deal integer|nil    the number of its link: `cosell deal NUMBER`
---@field job string|nil      a kind of job
---@field kind string|nil     a kind of error, of deadline, of what ends; how a registration stands
---@field field string|nil    a name of the field table
---@field remote string|nil   or a connection
---@field cause string|nil    of a pause
---@field by string|nil       a date

local function deal(f)
  return "deal " .. tostring(f.deal)
end

local DEADLINES = { answer = "answer", register = "registration" }

local ENDS = { sign_in = "sign-in", certificate = "certificate", secret = "client secret" }

local REGISTRATIONS = { none = "nobody is registered", gone = "the registration is gone",
  incomplete = "events are missing in the registration", another = "another address is registered",
  in_turn = "two programs register in turn" }

local CAUSES = { organization = "another organisation", restored_crm = "the CRM went back in time",
  restored_state = "the state file went back in time", many_changes = "many deals changed at once",
  many_deletions = "many deals were deleted at once" }

M.rows = {
  { name = "failed", when = "a deal, or another job, failed for good (a dead letter)",
    one = "1 job failed for good", many = "%d jobs failed for good",
    shown = function(f)
      return ("%s (%s)"):format(f.deal and deal(f) or "job " .. tostring(f.job), f.kind)
    end,
    help = "each stays listed with its cause and is tried again daily, or when its deal changes",
    command = "cosell retry" },
  { name = "conflict", when = "both sides changed a field, and one value lost",
    one = "1 value lost since both sides had changed it",
    many = "%d values lost since both sides had changed them",
    shown = function(f) return ("%s (%s)"):format(deal(f), f.field) end,
    help = "take the other side's value, or drop what stands right", command = "cosell conflicts" },
  { name = "sign_in", when = "a service wants a new sign-in; once a day while it does",
    one = "1 service wants a new sign-in", many = "new sign-ins were wanted %d times",
    shown = function(f) return tostring(f.remote) end,
    help = "sign in again; what waits goes on by itself then", command = "cosell connect --list" },
  { name = "sign_in_ends", when = "a sign-in, certificate or client secret ends within 14 days; " ..
    "once a day",
    one = "1 sign-in, or what it rests on, ends soon",
    many = "sign-ins, or what they rest on, end soon (seen %d times)",
    shown = function(f)
      return ("%s (%s by %s)"):format(f.remote, ENDS[f.kind], f.by)
    end,
    help = "renew it in time", command = "cosell connect --list" },
  { name = "webhook_lost", when = "Partner Center's events, or some of them, do not come to " ..
    "this host; once a day while they don't",
    one = "Partner Center's events do not all come to this host; polls find what is missed",
    many = "Partner Center's events do not all come to this host (seen %d times); polls find " ..
      "what is missed",
    shown = function(f) return REGISTRATIONS[f.kind] or tostring(f.kind) end,
    help = "see who has the registration before taking it back", command = "cosell webhook show" },
  { name = "deadline", when = "a deal's deadline at Partner Center comes near " ..
    "(setting `expiry_reminder_days`)",
    one = "1 deal's deadline comes near", many = "%d deadlines of deals come near",
    shown = function(f) return ("%s (%s by %s)"):format(deal(f), DEADLINES[f.kind], f.by) end,
    help = "accept or decline it, or register it, in time", command = "cosell status" },
  { name = "brake", when = "writing is paused, or one record is frozen",
    one = "writing is paused", many = "writing was paused %d times",
    shown = function(f)
      return f.deal and deal(f) .. " is frozen" or CAUSES[f.cause] or tostring(f.cause)
    end,
    help = "nothing is lost; look at both sides, then go on with --apply (a frozen deal: " ..
      "cosell deal release)", command = "cosell sync --all" },
}

M.by_name, M.names = {}, {}
for i, row in ipairs(M.rows) do
  M.by_name[row.name], M.names[i] = row, row.name
end

---Whether a fact may leave this machine: a number, or a word as programs use them.
function M.plain(value)
  return math.type(value) == "integer" or
    type(value) == "string" and #value <= 64 and value:match("^[%l%d][%w_.:-]*$") ~= nil
end

-- ---- Messages ----

---@class Counted  what has gathered of one event
---@field count integer
---@field first_ms integer
---@field last_ms integer
---@field some Facts[]  the first few

local function said(row, counted)
  if counted.count == 1 then
    return row.one
  end
  return row.many:format(counted.count)
end

-- "deal 17 (remote), deal 19 (data) and 10 more"
local function list(row, counted)
  local out = {}
  for i, facts in ipairs(row.shown and counted.some or {}) do
    out[i] = row.shown(facts)
  end
  if #out == 0 then
    return ""
  end
  local more = counted.count - #out
  return ": " .. table.concat(out, ", ") .. (more > 0 and (" and %d more"):format(more) or "")
end

local function clock(ms)
  return (text.iso(ms):sub(1, 16):gsub("T", " ")) .. " UTC"
end

local function paragraph(row, counted)
  local when = clock(counted.first_ms)
  if counted.count > 1 then
    when = when .. " to " .. clock(counted.last_ms)
  end
  return ("%s%s.\n  %s.  What helps: %s.\n  %s"):format(said(row, counted), list(row, counted),
    when, row.help, row.command)
end

---@class Message
---@field id string       the same at each try
---@field at_ms integer
---@field events table<string, Counted>
---@field lost integer|nil  messages before it that were given up

-- Who speaks.
local function sender(about)
  return ("cosell of %s, stage %s"):format(about.crm, about.stage)
end

---A message as people read it.
---@param message Message
---@param about { crm: string, stage: string, version: string }
---@return string subject, string body
function M.text(message, about)
  local heads, parts = {}, { sender(about) .. ":" }
  for _, row in ipairs(M.rows) do
    local counted = message.events[row.name]
    if counted then
      heads[#heads + 1] = said(row, counted)
      parts[#parts + 1] = paragraph(row, counted)
    end
  end
  if (message.lost or 0) > 0 then
    parts[#parts + 1] = ("%d earlier notices could not be sent and were given up."):format(
      message.lost)
  end
  return "cosell: " .. table.concat(heads, "; "), table.concat(parts, "\n\n") .. "\n"
end

---The same as JSON: `text` for chat programs, `events` for programs.
---@param message Message
---@param about { crm: string, stage: string, version: string }
---@return string
function M.json(message, about)
  local subject, body = M.text(message, about)
  local events = json.array {}
  for _, row in ipairs(M.rows) do
    local counted = message.events[row.name]
    if counted then
      events[#events + 1] = { event = row.name, count = counted.count, said = said(row, counted),
        first = text.iso(counted.first_ms), last = text.iso(counted.last_ms),
        some = json.array(counted.some), help = row.help, command = row.command }
    end
  end
  return json.encode { id = message.id, at = text.iso(message.at_ms), subject = subject,
    text = body, events = events, given_up = message.lost or 0, crm = about.crm,
    stage = about.stage, version = about.version }
end

local DAYS = { [0] = "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" } -- 1970 began on a Thursday
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
  "Dec" }

local function mail_date(ms)
  local year, month, day, time = text.iso(ms):match("^(%d+)-(%d+)-(%d+)T(%d+:%d+:%d+)")
  return ("%s, %s %s %s %s +0000"):format(DAYS[ms // 86400000 % 7], day,
    MONTHS[math.tointeger(tonumber(month))], year, time)
end

---The same as a mail, as it goes over the wire.
---@param message Message
---@param about { crm: string, stage: string, version: string }
---@param mail { from: string, to: string[] }
---@return string
function M.mail(message, about, mail)
  local subject, body = M.text(message, about)
  local head = {
    "From: " .. mail.from, "To: " .. table.concat(mail.to, ", "),
    "Subject: " .. subject, "Date: " .. mail_date(message.at_ms),
    ("Message-ID: <%s@%s>"):format(message.id, mail.from:match("@(.+)$")),
    "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", body }
  return (table.concat(head, "\n"):gsub("\n", "\r\n"))
end

-- ---- The profile ----

---What is wrong with `on_event` as a whole.
---@param given fun(path: string): any  the value at a key, nil if there is none
---@param report fun(path: string, said: string)
function M.check(given, report)
  if given "on_event" == nil then
    return
  end
  local hook, mail = given "on_event.webhook", given "on_event.mail"
  if not (hook or mail) then
    report("on_event", "needs `webhook` or `mail`: where notices go")
  elseif hook and mail then
    report("on_event.mail", "stands beside `webhook`; notices go to one of them, not both")
  end
  if hook and given "on_event.webhook.url" == nil then
    report("on_event.webhook.url", "is missing: the address that notices are posted to")
  end
  for _, name in ipairs(mail and { "relay", "from", "to" } or {}) do
    if given("on_event.mail." .. name) == nil then
      report("on_event.mail." .. name, "is missing: a mail needs `relay`, `from` and `to`")
    end
  end
  if (given "on_event.mail.user" == nil) ~= (given "on_event.mail.password" == nil) then
    report("on_event.mail", "needs `user` and `password` together, or neither")
  end
end

---The remote that notices go to; nil: the profile names none.
---@param v fun(path: string): any
---@param reference fun(ref: table|nil): table|nil
function M.remote(v, reference)
  local url, relay = v "on_event.webhook.url", v "on_event.mail.relay"
  if not (url or relay) then
    return nil
  end
  local secret = type(url) == "table"
  local out = { name = "notices", exact = true, in_flight = 1,
    base = not secret and (url or relay) or nil, url = secret and reference(url) or nil,
    token = reference(v "on_event.webhook.token"), plain_ok = secret or
      (url or relay):match("^http:") ~= nil }
  if relay then
    out.plain_ok = checks.is_loopback(checks.host_of(relay))
    out.from, out.to = v "on_event.mail.from", json.array(M.to(v))
    out.user, out.password = v "on_event.mail.user", reference(v "on_event.mail.password")
  end
  return out
end

---The receivers of a mail.
function M.to(v)
  local to = v "on_event.mail.to"
  return type(to) == "string" and { to } or to
end

---What scripts see of it; nil: nobody is notified.
function M.seen(v)
  local relay = v "on_event.mail.relay"
  if not (v "on_event.webhook.url" or relay) then
    return nil
  end
  local wanted = {}
  for _, name in ipairs(v "on_event.events") do
    wanted[name] = true
  end
  return { wanted = wanted, every_s = v "on_event.every_s", give_up_h = v "on_event.give_up_h",
    target = relay and "mail" or "webhook",
    mail = relay and { from = v "on_event.mail.from", to = json.array(M.to(v)) } or nil }
end

return M

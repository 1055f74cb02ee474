-- `cosell doctor`: each thing that can be wrong is made wrong, its line is a cross with a remedy,
-- the remedy is followed as it stands, and the line is a tick.  The table of checks is what is
-- walked: a cause without a case (doctor_cases.lua) is a failure.
local cases = require "commands.doctor_cases"
local doctor = require "doctor"
local kit = require "commands.kit"
local printed = require "commands.printed"
local small_disk = require "commands.small_disk"

local CONNECTOR = "connector@partner.example"

-- ---- One of them ----

-- What doctor finds: a program of its own, or the host that runs, as the person types it.
local function look(s)
  local text, exit = printed.run(s, { "doctor", "--json" }, 80)
  local found = json.decode(text)
  if not found then
    error({ check = "cosell doctor: " .. text }, 0)
  end
  local by_name = {}
  for _, r in ipairs(found.checks) do
    by_name[r.name] = r
  end
  return by_name, exit, text
end

local SECRETS = { "crm_secret", "partner_secret", "refresh_token", "path_secret" }

local function discreet(t, s, text)
  for _, name in ipairs(SECRETS) do
    local secret = (host.file.read(s.dir .. "/" .. name) or ""):gsub("%s+$", "")
    t.ok(secret == "" or not text:find(secret, 1, true), "the output holds " .. name)
  end
  t.ok(not text:find("sig=secret", 1, true), "the output holds another product's secret")
end

local function one(t, s, name, cause, case)
  case.make(s)
  local found, exit, text = look(s)
  local r = found[name]
  t.eq({ r.state, r.cause, exit }, { "failed", cause, 1 }, r.text)
  discreet(t, s, text)
  case.follow(t, s, r.remedy, r.text)
  if s.host and r.remedy:find("start the host anew", 1, true) and cause ~= "refused" then
    cases.start_anew(s, r.remedy, t)
    kit.registered(s)
  end
  r = look(s)[name]
  t.eq(r.state, "ok", "after: " .. tostring(r.text or r.waits_for))
end

local function stage_of(case)
  local o = { refused = true, host = case.running == true }
  for key, value in pairs(case.stage or {}) do
    o[key] = value
  end
  if case.named then
    o.edit = function(text)
      return (text:gsub("partner_center = {", '%0 partner_id = "' .. case.named .. '",'))
    end
  end
  return o
end

local function tried(t, name, cause, case)
  kit.with(stage_of(case), function(s)
    if case.before then
      case.before(s)
      cases.start(s)
      kit.registered(s)
    end
    one(t, s, name, cause, case)
    for _, open in ipairs { "mute", "proxy", "ca" } do
      if s[open] then
        s[open]:close()
      end
    end
  end)
end

-- ---- The small disk ----

local function full(t)
  local disk = small_disk.folder()
  kit.with({ host = false, refused = true, edit = function(text)
    return (text:gsub('state = "[^"]*"', ('state = "%s/cosell.db"'):format(disk)))
  end }, function(s)
    s.state = disk .. "/cosell.db"
    one(t, s, "disk", "full", {
      make = function() assert(host.file.write(disk .. "/ballast", ("x"):rep(24 << 20))) end,
      follow = function(_, _, remedy)
        t.eq(remedy, "make room on that disk")
        assert(host.file.remove(disk .. "/ballast"))
      end })
  end)
end

-- ---- The whole ----

-- Every cause of every check has a case, and no case is of none.
local function complete(t)
  local known = {}
  for place, check in ipairs(doctor.checks) do
    t.ok(not known[check.name], "twice: " .. check.name)
    known[check.name] = place
    for _, base in ipairs(check.needs or {}) do
      t.ok(known[base], check.name .. " stands before what it needs: " .. base)
    end
    for cause, texts in pairs(check.causes) do
      t.ok((cases.table[check.name] or {})[cause], "no case makes " .. check.name .. ": " .. cause)
      t.eq(#texts, 2, check.name .. ": " .. cause .. ": what is said, and the remedy")
    end
  end
  for name, causes in pairs(cases.table) do
    for cause in pairs(causes) do
      local check = doctor.checks[known[name] or 0]
      t.ok(check and check.causes[cause], "a case of no check: " .. name .. ": " .. cause)
    end
  end
end

local FINE = [[
✔ files           state, key and secrets are this user's alone: 6 files
✔ disk            the state file has room: N MB
✔ reach           the services answer, over TLS: 3 addresses
✔ clock           this machine's clock is right: within 2 min of 127.0.0.1:N
✔ partner_center  Partner Center: signed in
✔ webhooks        Partner Center's webhooks: signed in
✔ partner_id      the PartnerID is the solutions' one: 4300001
✔ referrals       referrals are visible
✔ role            the role suffices to write
✔ crm             CRM: signed in: organisation
                  GUID
✔ privileges      the application user may do what is needed: N privileges
✔ schema          tables and columns are there: all of them
✔ tracking        changes are tracked
✔ mapping         the mapping fits this CRM: nothing against it
✔ settings        settings name columns that fit
✔ original        the original connector is off: none of its nine flows is on
✔ webhook         events are registered to this host: 5 events
✔ certificate     the listener's certificate is good: not used: what stands in
                  front of this host does TLS
✔ callback        events reach this host: a test event came back

nothing is wrong
]]

local function masked(text)
  return (printed.masked(text):gsub("%d+ MB", "N MB"):gsub("%d+ privileges", "N privileges"))
end

local function all_fine(t)
  kit.with(stage_of { running = true, named = "4300001" }, function(s)
    local text, exit = printed.run(s, { "doctor" }, 80)
    t.eq({ masked(text), exit }, { FINE, 0 })
    t.ok(printed.widest(text) <= 80, "wider than 80")
    t.ok(printed.widest((printed.run(s, { "doctor" }, 60))) <= 60, "wider than 60")
    t.eq(select(2, printed.run(s, { "doctor", "now" }, 80)), 2, "a word too many")
    t.eq(#kit.referrals(s), 0, "referrals made by looking")
  end)
end

local CROSSED = [[
✖ reach           127.0.0.1:N cannot be connected to (WHY)
                  → correct `crm.url` in profile.lua, or open the way from this
                    machine to 127.0.0.1:N, port N
… clock           this machine's clock is right: waits for reach
… partner_center  Partner Center: signed in: waits for reach
… webhooks        Partner Center's webhooks: signed in: waits for partner_center
]]

-- What cannot be looked at waits for what it is built on.
local function waiting(t)
  kit.with(stage_of {}, function(s)
    cases.edit(s, cases.crm_url(s), cases.dead(s))
    local text, exit = printed.run(s, { "doctor" }, 80)
    t.eq(exit, 1)
    local seen = masked(text):match "✖ reach.-for partner_center\n" or text
    seen = seen:gsub("to %(.-%)\n", "to (WHY)\n"):gsub("port %d+", "port N")
    t.eq(seen, CROSSED)
    t.has(text, "one thing is wrong: mend the first, then look again")
  end)
end

-- Nothing is running: what only a host can take is not to be seen; nor is what nobody named.
local function unseen(t)
  kit.with(stage_of {}, function(s)
    printed.run(s, { "webhook", "register" }, 80)
    local found, exit = look(s)
    t.eq({ found.callback.state, found.partner_id.state, exit }, { "unseen", "unseen", 0 })
    t.has(found.callback.text, "no host is running")
    t.has(found.partner_id.text, "this account's is 4300001")
    s:act("crm.take-privilege", { privilege = "prvReadSystemUser", user = CONNECTOR })
    s:fault("crm", { path = "RetrieveUserPrivileges", status = 503, always = "yes" })
    found = look(s)
    t.eq({ found.privileges.state, found.schema.state }, { "unseen", "ok" })
  end)
end

return function(t)
  if small_disk.folder() then
    t.case("doctor: disk: full", function() full(t) end)
    return
  end
  t.case("doctor: every cause of every check has a case", function() complete(t) end)
  t.case("doctor: all is fine", function() all_fine(t) end)
  t.case("doctor: what is built on a cross waits for it", function() waiting(t) end)
  t.case("doctor: what can't be seen from here", function() unseen(t) end)
  for _, check in ipairs(doctor.checks) do
    local causes = {}
    for cause in pairs(check.causes) do
      causes[#causes + 1] = cause
    end
    table.sort(causes)
    for _, cause in ipairs(causes) do
      t.case(("doctor: %s: %s, its remedy followed"):format(check.name, cause), function()
        local case = cases.table[check.name][cause]
        if case.on == "small disk" then
          local said, exit = small_disk.story("94_doctor", "80m")
          t.eq(exit, 0, said)
          t.has(said, "1 passed, 0 failed")
        else
          tried(t, check.name, cause, case)
        end
      end)
    end
  end
end

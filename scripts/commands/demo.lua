-- cosell demo: plays a short co-sell story on a practice environment with a real host beside it,
-- and says what each side sees; then stays up for trying things.  Behind `make run`.
local stage = require "sim.stage"
local words = require "words"

local M = { help = "play a practice story, then stay up", where = "here",
  usage = "cosell demo [--once] [--profile DIR]" }

local PORTS = "8101,8102,8103"

-- ---- Looking ----

local function opportunity(s, name)
  for _, row in ipairs(s:rows("crm:opportunity")) do
    if row.name:find(name, 1, true) then
      return row
    end
  end
  return nil
end

local function referral(s, name, organization)
  for _, r in ipairs(s:rows("referral")) do
    local msft = r.organizationId == "msft"
    if r.name == name and msft == (organization == "msft") then
      return r
    end
  end
  return nil
end

local function thousands(value)
  local whole, rest = tostring(value):match("^(%d+)(.*)$")
  if not whole then
    return "no value,"
  end
  local out = whole:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return out .. rest:gsub("^%.0+$", "")
end

-- ---- The steps: who does what, and what the other side must then show ----

local PLANT, CRANE = "Plant sensor rollout", "Harbour crane upgrade"

local function sees_opportunity(s)
  local row = opportunity(s, "✔ " .. PLANT)
  local r = row and referral(s, PLANT)
  if r and r.externalReferenceId == row.opportunityid then
    return ("Dynamics 365 shows the opportunity \"%s\": %s JPY, closing %s, Sync with Partner " ..
      "Center: Yes."):format(row.name, thousands(row.estimatedvalue), row.estimatedclosedate)
  end
  return nil
end

local STEPS = {
  { title = "A deal is made in Partner Center",
    who = "Ken makes a deal in the portal: \"" .. PLANT ..
      "\", 1,250,000 JPY, for Hoshino Parts KK.",
    act = function(s)
      s:act("portal-create", { name = PLANT, value = 1250000, currency = "JPY" })
    end,
    see = sees_opportunity },
  { title = "The seller changes it in Dynamics 365",
    who = "Ken raises the value to 1,400,000 JPY and moves the closing date to 2031-06-30.",
    act = function(s)
      s:act("edit", { table = "opportunity", id = opportunity(s, PLANT).opportunityid,
        values = { estimatedvalue = 1400000, estimatedclosedate = "2031-06-30" } })
    end,
    see = function(s)
      local r = referral(s, PLANT)
      return tonumber(r.details.dealValue) == 1400000 and
        r.details.closingDateTime:sub(1, 10) == "2031-06-30" and
        "Partner Center shows 1,400,000 JPY, closing 2031-06-30." or nil
    end },
  { title = "A deal of the CRM asks for Microsoft's help",
    who = "Ken fills in \"" .. CRANE .. "\" in Dynamics 365, asks for a proof of concept, and " ..
      "sets Sync with Partner Center to Yes.",
    act = function(s)
      s:act("create-opportunity", { name = CRANE, value = 90000, currency = "EUR",
        closing_date = "2031-09-30", notes = "Two cranes, one control room",
        account = { name = "Elbe Hafen GmbH", line1 = "Kai 4", city = "Hamburg",
          postalcode = "20457", country = "Germany" }, contact = "Jana Petersen",
        help = "Proof of concept / demo", solutions = { "SOL-10001-ABC", "SOL-10002-DEF" },
        sync = true })
    end,
    see = function(s)
      local ours, theirs = referral(s, CRANE), referral(s, CRANE, "msft")
      local row = opportunity(s, "✔ " .. CRANE)
      return ours and theirs and row and
        "Partner Center shows the deal with two solutions and an invitation to Microsoft;\n" ..
        "     the row now reads \"" .. row.name .. "\" and carries the deal's link." or nil
    end },
  { title = "Microsoft accepts",
    who = "A Microsoft seller accepts the invitation.",
    act = function(s) s:act("microsoft-accept", { id = referral(s, CRANE).id }) end,
    see = function(s)
      local row = opportunity(s, CRANE)
      local id = row.msft_microsoftcrmidentifier
      local audit = row.msft_microsoftpartnercenterreferralsyncaudit:match("  ([^\n]+)")
      return id and id ~= json.null and
        ("Dynamics 365 shows Microsoft's identifier %s and says: %s"):format(id, audit) or nil
    end },
  { title = "Something is missing",
    who = "Ken marks \"Depot lights\" for sync, without a deal value and without a solution.",
    act = function(s)
      s:act("create-opportunity", { name = "Depot lights", value = 0, currency = "EUR",
        closing_date = "2031-05-31", account = "Nordlicht AG", sync = true })
    end,
    see = function(s)
      local row = opportunity(s, "✖ Depot lights")
      return row and "Nothing is sent. The row reads \"" .. row.name .. "\" and says:\n     " ..
        row.msft_microsoftpartnercenterreferralsyncaudit:match("  ([^\n]+)") or nil
    end },
  { title = "Won",
    who = "Ken closes \"" .. PLANT .. "\" as won.",
    act = function(s) s:act("win", { id = opportunity(s, PLANT).opportunityid }) end,
    see = function(s)
      local r = referral(s, PLANT)
      return r.substatus == "Won" and "Partner Center shows the deal as Closed / Won." or nil
    end },
}

-- ---- Telling ----

local function wrap(text, width, indent)
  local out, line = {}, ""
  for word in text:gmatch("%S+") do
    if #line > 0 and utf8.len(line) + utf8.len(word) + 1 > width then
      out[#out + 1] = line
      line = word
    else
      line = #line > 0 and line .. " " .. word or word
    end
  end
  out[#out + 1] = line
  return table.concat(out, "\n" .. indent)
end

local function cost(runs)
  local crm, partner = 0, 0
  for _, run in ipairs(runs) do
    crm = crm + (run.calls.crm or 0)
    partner = partner + (run.calls.partner_center or 0)
  end
  return ("%d calls to Partner Center, %d to Dynamics 365"):format(partner, crm)
end

local function since(s, last)
  local out = {}
  for _, run in ipairs(s:runs(50)) do
    if run.id > last then
      out[#out + 1] = run
    end
  end
  return out
end

local function play(cmd, s, i, step)
  cmd.out(("%d. %s\n   %s\n"):format(i, step.title, wrap(step.who, 92, "   ")))
  local last = tonumber((s:command("last")))
  local began = host.now_ms()
  local acted, ok, seen = pcall(step.act, s), false, "cannot be played: a step before fell short"
  if acted then
    s:command("sync")
    ok, seen = pcall(stage.wait_for, step.title, function() return step.see(s) end)
  end
  local ms = host.now_ms() - began
  s:rest()
  if not ok then
    cmd.out("   ✖  " .. seen .. "\n\n")
    return false
  end
  cmd.out(("   →  %s\n      (%d ms, %s)\n\n"):format(wrap(seen, 89, "      "), ms,
    cost(since(s, last))))
  return true
end

local TRY = [[
The practice environment stays up; each sync is shown as a line. In another terminal, try:

%s
Or change the mapping: save %s/details.lua as in the README; the next deal uses it.
Ctrl-C ends everything.

]]

local WORDS = {
  { 'sim act portal-create name="My deal" value=5000', "act as the portal's user" },
  { "sim act", "what else people can do" },
  { "status --profile %s", "the host on one screen" },
  { "runs --profile %s", "what was done, at what cost" },
}

local function what_to_try(place)
  local lines = {}
  for i, row in ipairs(WORDS) do
    lines[i] = ("  %s %-50s  %s\n"):format(place.program, row[1]:format(place.profile), row[2])
  end
  return TRY:format(table.concat(lines), place.profile)
end

-- Runs that changed nothing.
local QUIET = { equal = true, found = true }

local function line_of(run)
  local detail = run.detail or {}
  local said = detail.lines or detail.problems or { detail.text or detail.why }
  return ("%-9s \"%s\"  %d ms  %s\n"):format(run.outcome, detail.deal or "deal " .. run.link,
    run.ms, table.concat(said, "; "))
end

local function follow(cmd, s)
  local last = tonumber((s:command("last")))
  while true do
    host.sleep(300)
    local runs = since(s, last)
    for i = #runs, 1, -1 do
      local run = runs[i]
      last = run.id
      if not QUIET[run.outcome] then
        cmd.out(line_of(run))
      end
    end
  end
end

-- In the source tree the sandbox profile, which is there to be changed; elsewhere one that is made
-- for this and goes with it.
local function place_of(cmd, dir)
  local sandbox = cmd.profile or
    host.file.exists("mappings/sandbox/profile.lua") and "mappings/sandbox"
  if sandbox then
    return { program = "build/cosell", profile = sandbox, args = {},
      state = host.file.cwd() .. "/build/sandbox.db" } -- as that profile says
  end
  local folder = dir .. "/profile"
  return { program = "cosell", profile = folder, args = { "--write-profile", folder },
    state = folder .. "/cosell.db" }
end

local function story(cmd, s, place)
  for _, end_of in ipairs { "", "-wal", "-shm" } do
    host.file.remove(place.state .. end_of) -- the practice environment begins anew, so does this
  end
  s:host_start { profile = place.profile, state = place.state }
  s:host_ready()
  stage.wait_for("the registration", function() return s:say("pending").registered end)
  local fell_short = 0
  for i, step in ipairs(STEPS) do
    if not play(cmd, s, i, step) then
      fell_short = fell_short + 1
    end
  end
  return fell_short
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { once = true })
  if not given then
    return 2
  end
  local once = options.once or not cmd.tty
  cmd.out("A practice story, one deal each way. Both services run on this machine; nothing real " ..
    "is touched.\n\n")
  local dir = host.file.tempdir()
  local place = place_of(cmd, dir)
  local s = stage.new { dir = dir, ports = host.file.getenv("COSELL_SIM_PORTS") or PORTS,
    socket = require("commands.sim").socket(), args = place.args }
  local ok, result = pcall(story, cmd, s, place)
  if not ok then
    cmd.err(tostring(type(result) == "table" and result.text or result) .. "\n")
    if s.host then
      cmd.err("the host said:\n" .. s.host:output():sub(-2000))
    end
    s:close()
    host.file.remove(dir)
    return 1
  end
  if once then
    cmd.out(result == 0 and "The story went well: both sides are equal and at rest.\n" or
      ("%d of %d steps fell short.\n"):format(result, #STEPS))
  else
    cmd.out(what_to_try(place))
    pcall(follow, cmd, s)
  end
  s:close()
  host.file.remove(dir)
  return result == 0 and 0 or 1
end

return M

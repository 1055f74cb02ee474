-- cosell status when much is wrong at once: each thing in words, and what to do about it.
local printed = require "commands.printed"
local status = require "commands.status"

local HOUR_MS = 3600000

local function remote(name, more)
  local r = { name = name, signed_in = true, needs_sign_in = false, paused_until_ms = 0,
    budget_left = -1, last_ok_ms = host.now_ms() - 3 * HOUR_MS, text = "" }
  for key, value in pairs(more or {}) do
    r[key] = value
  end
  return r
end

local function host_says()
  local now = host.now_ms()
  return { serving = true, started_ms = now - 3 * HOUR_MS - 1000, commits = 1,
    reload = { profile = "mappings/x", generation = 3, since_ms = now - 2 * HOUR_MS, fixtures = 14,
      error = "mappings/x/profile.lua:7: crm.clent_id: unknown key (and 1 more)",
      refused = { at_ms = now - HOUR_MS, changed = { "profile.lua changed", "country.lua new" },
        problems = {
          { file = "mappings/x/profile.lua", line = 7, key = "crm.clent_id", text = "unknown key" },
          { file = "mappings/x/fixtures/a.json", key = "a", text = "at name: got 1, want 2" },
        } } },
    needs_restart = "listen",
    callbacks = { port = 8443, stored = 12, refused = 1, rejected = 1 },
    remotes = {
      remote("crm", { budget_left = 5800, paused_until_ms = now + 119500 }),
      remote("partner_center", { needs_sign_in = true, text = "900421: the secret has expired" }),
      remote("webhooks", { signed_in = false, last_ok_ms = 0 }),
    } }
end

-- A state with three deals, a conflict and a brake; other specs have written to the real one.
local function store()
  local brake = json.encode { cause = "restored_crm", at_ms = host.now_ms(),
    why = "the CRM went back in time" }
  local deals = {
    { id = 1, doc = { name = "Lamp", state = "open", frozen = "written 6 times" } },
    { id = 2, doc = { name = "Depot", state = "suspended" } },
    { id = 3, doc = { name = "Plant", state = "found" } },
  }
  return {
    link_list = function() return deals end,
    note_list = function(_, kind)
      return kind == "conflict" and { { note = 1, link = 1, doc = { field = "notes" } } } or {}
    end,
    mark_get = function(name) return name == "brake" and brake or nil end,
    run_flows = function() return {} end,
  }
end

local QUEUE = {
  stats = function() return { waiting = 0, due = 0, running = 0, dead = 0, oldest_due_ms = 0 } end,
  list = function() return {} end,
}

-- The CRM's certificate ends soon; the webhooks have no sign-in of their own.
local function grants()
  local function grant(name, own, ends_ms)
    return { name = name, own = own, signed = true, sealed = false, secret = false, signed_ms = 0,
      used_ms = 0, certificate_ends_ms = ends_ms or 0 }
  end
  return { grant("crm", true, host.now_ms() + 3 * 24 * HOUR_MS + HOUR_MS),
    grant("partner_center", true), grant("webhooks", false) }
end

-- Runs the command on a host that says this.
local function run(says, cmd)
  local way = { way = "certificate" }
  local stubs = { status = function() return says end, generation = 3, store = store(),
    queue = QUEUE, sign_in = { list = grants }, profile = {
      flows = { dynamics_solutions = false }, sign_in = { crm = way, partner_center = way } } }
  local real, out = {}, {}
  for name, stub in pairs(stubs) do
    real[name], host[name] = host[name], stub
  end
  cmd.args, cmd.out, cmd.err = cmd.args or {}, function(text) out[#out + 1] = text end, error
  local ok, exit = pcall(status.run, cmd)
  for name in pairs(stubs) do
    host[name] = real[name]
  end
  return assert(ok and table.concat(out), exit), exit
end

local WANT = [[
cosell %s, generation 3, stage production, up 3 h

REMOTE          STATE                            BUDGET  LAST ANSWER
crm             ✔ signed in, paused for N s      5800  3 h ago
partner_center  ✖ sign in again                no limit  3 h ago
  900421: the secret has expired
webhooks        not signed in yet              no limit  never

   FLOW                                        STATE  LAST SUCCESS    LAST ERROR
a  Webhook registration                        ✔ on   never           never
b  Create or get details                       ✔ on   within c, d
c  Create co-sell referral                     ✔ on   never           never
d  Partner Center to Dynamics 365, helper      ✔ on   within e, f, g
e  Microsoft co-sell referral updates          ✔ on   never           never
f  Partner Center to Dynamics 365              ✔ on   never           never
g  Dynamics 365 to Partner Center              ✔ on   never           never
h  Dynamics 365 opportunity to Partner Center  ✔ on   never           never
i  Dynamics 365 solutions to Partner Center    ✖ off  never           never

queue      0 waiting, 0 running, 0 dead letters
deals      1 linked, 1 suspended, 1 found, 1 frozen, 1 conflict
mapping    generation 3 live for 2 h, 14 fixtures ok
callbacks  port 8443, 12 taken, 2 refused
polls      every 10 min, last never

to do
  paused since HH:MM UTC: the CRM went back in time; look with cosell sync
  --all, go on with --apply
  partner_center: cosell connect partner-center
  connection crm: the certificate ends in 3 days (DATE): make a new one,
  upload it to the application and put it in its place; then cosell connect crm
  the change of 1 h ago is refused, generation 3 stays (profile.lua changed,
  country.lua new):
    profile.lua:7: crm.clent_id: unknown key
    fixtures/a.json: a: at name: got 1, want 2
  the change of `listen` in the profile needs a restart; the old value runs
  frozen: "Lamp": written 6 times; cosell deal release 1
  1 conflict: cosell conflicts
  1 deal on both sides, not made by this state: cosell deal adopt joins both
]]

-- One line of what is printed of the callbacks, or the lines below it.
local function callbacks_of(says)
  local text, exit = run(says, { width = 80 })
  return text:match("\n(callbacks  .-)\npolls "), exit, text
end

return function(t)
  t.case("what_is_wrong_and_what_to_do", function()
    local text, exit = run(host_says(), { width = 80 })
    text = text:gsub("paused for %d+ s", "paused for N s")
      :gsub("since %d%d:%d%d UTC", "since HH:MM UTC"):gsub("%(%d+%-%d+%-%d+%)", "(DATE)")
    t.eq(text, WANT:format(host.version))
    t.eq(exit, 1, "exit status")
    t.ok(printed.widest(text) <= 80, "wider than 80")
  end)

  t.case("guard 1: callbacks rejected in a row are shown with why, from three on as to do",
    function()
      local says = host_says()
      says.callbacks.bad_in_a_row, says.callbacks.why = 2, "the signature is not of this body"
      local lines, _, text = callbacks_of(says)
      t.eq(lines, "callbacks  port 8443, 12 taken, 2 refused\n" ..
        "           2 in a row rejected, last: the signature is not of this body")
      t.ok(not text:find("callbacks in a row", 1, true), "nothing to do yet")
      says.callbacks.bad_in_a_row = 3
      _, _, text = callbacks_of(says)
      t.has(text, "  3 callbacks in a row were rejected: the signature is not of this body;")
    end)

  t.case("guard 1: practice only is said", function()
    local says = host_says()
    says.callbacks.practice_only = "http://127.0.0.1:8102"
    t.has((callbacks_of(says)), "practice only: certificates of http://127.0.0.1:8102 are believed")
  end)

  t.case("colour_says_nothing_by_itself", function()
    local text = run(host_says(), { width = 80, color = true })
    t.has(text, "\27[31m✖ sign in again\27[0m")
    t.has(text, "\27[32m✔ on\27[0m")
    t.eq((text:gsub("\27%[%d*m", "")), (run(host_says(), { width = 80, color = false })))
  end)

  t.case("as_json_the_same_by_name", function()
    local s = json.decode((run(host_says(), { args = { "--json" } })))
    local what = {}
    for i, item in ipairs(s.to_do) do
      what[i] = item.what
    end
    t.eq(what, { "paused", "sign in", "ending", "reload", "restart", "frozen", "conflicts",
      "found" })
    t.eq({ s.brake.cause, #s.deals.frozen, s.deals.suspended, s.flows[9].off_by },
      { "restored_crm", 1, 1, "profile" })
  end)
end

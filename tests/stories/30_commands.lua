-- What an administrator sees: status, flows, runs, deal, conflicts, retry.  Each is compared with
-- the text it prints at width 80 without colour, and by name as JSON.
local kit = require "commands.kit"
local printed = require "commands.printed"

local NAME = "Plant sensor rollout"

-- Both sides have changed the notes of one deal: the CRM's stand.
local function with_conflict(body)
  kit.with({}, function(s)
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", { value = 1000, currency = "USD", notes = "first",
      closing_date = "2031-03-31T00:00:00Z" }).id
    s:rest()
    local row = kit.opportunity(s).id
    kit.describe(s, row, "ours")
    s:act("edit", { id = deal, notes = "theirs" })
    s:rest()
    body(s, deal, row)
  end)
end

local function prints(t, s, name, args, want, want_exit)
  local text, exit = s:command(name, args)
  t.eq(printed.masked(text), want, name)
  t.eq(exit, want_exit or 0, name .. ": exit status")
  t.ok(printed.widest(text) <= 80, name .. ": wider than 80")
  t.ok(not text:find("\27", 1, true), name .. ": colour")
end

-- ---- status ----

local STATUS = [[
cosell 0.1.0, generation 1, stage sandbox, up N s

REMOTE          STATE          BUDGET  LAST ANSWER
crm             ✔ signed in  no limit  AGO
partner_center  ✔ signed in  no limit  AGO
webhooks        ✔ signed in  no limit  AGO

   FLOW                                        STATE  LAST SUCCESS    LAST ERROR
a  Webhook registration                        ✔ on   AGO             never
b  Create or get details                       ✔ on   within c, d
c  Create co-sell referral                     ✔ on   never           never
d  Partner Center to Dynamics 365, helper      ✔ on   within e, f, g
e  Microsoft co-sell referral updates          ✔ on   never           never
f  Partner Center to Dynamics 365              ✔ on   AGO             never
g  Dynamics 365 to Partner Center              ✔ on   AGO             never
h  Dynamics 365 opportunity to Partner Center  ✔ on   AGO             never
i  Dynamics 365 solutions to Partner Center    ✔ on   AGO             never

queue      N waiting, 0 running, 0 dead letters
deals      1 linked, 1 conflict
mapping    generation 1 live for N s, no fixtures
callbacks  port N, N taken, 0 refused
           practice only: certificates of http://127.0.0.1:N are believed
polls      every 1 h, last AGO

to do
  1 conflict: cosell conflicts
]]

local function status_text(t)
  with_conflict(function(s)
    prints(t, s, "status", {}, STATUS, 1)
    local narrow, exit = printed.run(s, { "status" }, 60)
    t.eq(exit, 1, "exit status of the program")
    t.ok(printed.widest(narrow) <= 60, "wider than 60:\n" .. narrow)
    t.has(narrow, "h  Dynamics 365 opp", "the narrow table")
  end)
end

local function status_json(t)
  with_conflict(function(s)
    local status = s:status()
    t.eq(status.stage, "sandbox")
    t.eq(status.generation, 1)
    t.eq(status.conflicts, 1)
    t.eq(status.deals.open, 1)
    t.eq(#status.flows, 9, "flows")
    local h = status.flows[8]
    t.eq({ h.letter, h.name, h.on, h.failing }, { "h", "dynamics_opportunity", true, false })
    t.ok(h.last_success_ms > status.started_ms, "h has gone well")
    t.eq(status.to_do, { { what = "conflicts", text = "1 conflict: cosell conflicts" } })
    for _, name in ipairs { "signed_in", "needs_sign_in", "paused_until_ms", "budget_left" } do
      t.ok(status.remotes[1][name] ~= nil, "remotes: " .. name)
    end
    for _, name in ipairs { "waiting", "running", "dead", "oldest_due_ms" } do
      t.ok(status.queue[name] ~= nil, "queue: " .. name)
    end
    s:command("conflicts", { "drop", tostring(s:command_json("conflicts")[1].number) })
    t.eq({ #s:status().to_do, select(2, s:command("status")) }, { 0, 0 }, "nothing is left to do")
  end)
end

-- ---- runs ----

local RUN = [[
run %d  TIME UTC  ! conflict
  woken by  %s, flow g Dynamics 365 to Partner Center
  read      CRM: notes: ours
            Partner Center: notes: theirs
  decided   notes: both changed: the field table says the CRM's stands
  written   Partner Center: notes: ours
  answers   PATCH partner_center, answer 200
            request GUID
            correlation GUID
            POST crm, answer 200
            request GUID
  told      Sent to Partner Center: notes theirs → ours
            both sides changed notes: kept the CRM's ours, Partner Center had
            theirs
  cost      N ms, 2 calls to Partner Center, 2 calls to the CRM, generation 1
]]

local function conflict_run(s)
  for _, run in ipairs(s:runs()) do
    if run.outcome == "conflict" then
      return run
    end
  end
  error("no run met a conflict", 0)
end

local function runs_text(t)
  with_conflict(function(s)
    local run = conflict_run(s)
    local text = s:command("runs")
    t.eq(text:match("^[^\n]+"),
      "   RUN  TIME (UTC)      OUTCOME      DEAL                     WOKEN BY   CRM  PC")
    t.eq(printed.lines_with(text, "! conflict")[1],
      ("%6d  TIME            ! conflict   %s     %-9s    2   2"):format(run.id, NAME, run.trigger))
    t.eq(printed.lines_with(text, "Sent to")[1],
      "        Sent to Partner Center: notes theirs → ours; both sides changed notes:…")
    t.ok(printed.widest(text) <= 80, "wider than 80:\n" .. text)
    local all = printed.masked((s:command("runs", { "plant sensor" })))
    t.has(all, RUN:format(run.id, run.trigger))
    local _, exit = s:command("runs", { "--most", "none" })
    t.eq(exit, 2, "a number is wanted")
  end)
end

local function runs_json(t)
  with_conflict(function(s, deal)
    local run = conflict_run(s)
    t.eq(run.detail.read, { crm = { notes = "ours" }, partner = { notes = "theirs" } })
    t.eq(run.detail.to_partner, { notes = "ours" })
    t.eq(run.detail.decided, { notes = "both changed: the field table says" })
    t.eq(run.detail.answers[1].status, 200)
    t.ok(run.detail.answers[1].correlation_id, "correlation id")
    local of_deal = s:command_json("runs", { deal })
    t.ok(#of_deal > 0, "runs of the deal")
    for _, one in ipairs(of_deal) do
      t.eq(one.link, run.link, "runs of one deal")
    end
    t.eq(s:command_json("runs", { "--most", "1" })[1].id, of_deal[1].id, "newest first")
  end)
end

-- ---- deal ----

local DEAL = [[
Plant sensor rollout                                              deal 1, linked
  CRM             opportunity GUID
  Partner Center  referral GUID
  Engagement      GUID

FIELD                         CRM                   PARTNER CENTER
deal name                     Plant sensor rollout  Plant sensor rollout
deal value                    1000.00               1000.00
currency                      USD                   USD
closing date                  2031-03-31            2031-03-31
notes                         ours                  ours
state                         open                  active
visible to Microsoft sellers  No                    No
solutions                     SOL-10001-ABC         SOL-10001-ABC

conflicts
%4d  notes, AGO
      kept  CRM             ours
      lost  Partner Center  theirs

told (UTC)
  TIME              Created from Partner Center:
           https://portal.example/referrals/GUID
  TIME              Sent to Partner Center: notes theirs → ours
  TIME              both sides changed notes: kept the CRM's ours, Partner
                    Center had theirs
]]

local function deal_text(t)
  with_conflict(function(s, deal, row)
    local want = DEAL:format(s:command_json("conflicts")[1].number)
    prints(t, s, "deal", { "1" }, want)
    prints(t, s, "deal", { "SENSOR", "roll" }, want)
    for _, id in ipairs { deal, row, row:upper(), "https://portal.example/referrals/" .. deal } do
      t.eq(s:command_json("deal", { id }).deal, 1, id)
    end
  end)
end

-- A deal that was edited on one side since both agreed, while nothing is read.
local function deal_differs(t)
  with_conflict(function(s, deal)
    s:act("edit", { id = deal, value = 2000 })
    local d = s:command_json("deal", { deal })
    t.eq({ d.crm.value, d.partner.value }, { "1000.00", "2000.00" }, "both sides as they are")
    t.eq({ d.crm_base.value, d.partner_base.value }, { "1000.00", "1000.00" }, "both bases")
    t.eq({ d.state, d.ours.id, #d.conflicts, d.name }, { "open", deal, 1, NAME })
    t.eq(d.fields[2], { name = "value", label = "deal value", crm = "1000.00",
      partner = "2000.00", differs = true, was = { partner = "1000.00" } })
    local text = s:command("deal", { deal })
    t.has(text, "deal value                    1000.00               2000.00               ≠\n" ..
      "    agreed last, Partner Center: 1000.00\n")
    t.ok(not text:find("mio@hoshino.example", 1, true), "no persons")
  end)
end

local function which_deal(t)
  kit.with({}, function(s)
    for _, name in ipairs { "Lamp one", "Lamp two", "Lamp" } do
      s:act("portal-create", { name = name })
    end
    s:rest()
    t.eq(#s:command_json("deal", { "lamp" }).fields > 0, true, "the whole name is one deal")
    local text, exit = s:command("deal", { "amp" })
    t.eq(exit, 1)
    t.has(text, "DEAL  NAME      STATE\n")
    t.has(text, "3 deals match: say which, by its number\n")
    text, exit = s:command("deal", { "nowhere" })
    t.eq({ text, exit }, { 'no deal matches "nowhere"\n', 1 })
    t.eq(select(2, s:command("deal", {})), 2, "no deal")
    t.eq(select(2, s:command("deal", { "--nonsense" })), 2, "no such option")
  end)
end

local function unreadable(t)
  with_conflict(function(s)
    s:fault("partner", { status = 503, count = 100 })
    local d = s:command_json("deal", { "1" })
    t.ok(d.problems.partner, "the side that cannot be read")
    t.eq({ d.partner, d.partner_base.notes }, { nil, "ours" })
    t.has((s:command("deal", { "1" })), "shown is what was agreed last")
    s:say("fault", { "clear" })
  end)
end

-- ---- conflicts ----

local CONFLICTS = [[
%4d  Plant sensor rollout: notes, AGO
      kept  CRM             ours
      lost  Partner Center  theirs

cosell conflicts take crm|partner NUMBER   both sides get this side's value
cosell conflicts drop NUMBER               what stands is right
]]

local function conflicts(t)
  with_conflict(function(s)
    local c = s:command_json("conflicts")[1]
    t.eq({ c.deal, c.name, c.field, c.crm, c.partner, c.kept },
      { 1, NAME, "notes", "ours", "theirs", "crm" })
    prints(t, s, "conflicts", {}, CONFLICTS:format(c.number))
    prints(t, s, "conflicts", { "plant" }, CONFLICTS:format(c.number))
    prints(t, s, "conflicts", { "take", "partner", "99" }, "there is no conflict 99\n", 1)
    t.eq(select(2, s:command("conflicts", { "take", "nobody", "1" })), 2, "no such side")
    prints(t, s, "conflicts", { "drop", tostring(c.number) }, "notes: what stands stays\n")
    prints(t, s, "conflicts", {}, "no conflicts\n")
    kit.quiet(t, s)
  end)
end

-- ---- retry ----

local RAISES = [[
return { api = 1, opportunity = { create = function(d, v) error("no region for this deal") end } }
]]

local RETRY = [[
JOB  DEAL    KIND  WHY     TRIES
%3d  deal 1  deal  script      0
     details.lua:1: no region for this deal
]]

local function retry(t)
  kit.with({ files = { ["details.lua"] = RAISES } }, function(s)
    local deal = s:act("portal-create", {}).id
    local failed = kit.wait("the dead letter", function() return s:status().failed[1] end)
    t.eq({ failed.kind, failed.link, failed.why }, { "deal", 1, "script" })
    local want = RETRY:format(failed.id)
    local text = s:command("retry")
    -- how long the folder's name is decides where the lines are broken
    t.eq((text:gsub("%S*(details.lua:1:)", "%1"):gsub("%s+", " ")), (want:gsub("%s+", " ")))
    t.eq(s:command_json("retry")[1].id, failed.id)
    t.has((s:command("status")), "cosell retry --failed tries them again")
    local before = tonumber((s:command("last")))
    local said = s:command_json("retry", { deal })
    t.eq({ said.retried, said.link }, { 1, 1 })
    kit.wait("the second failure", function()
      return tonumber((s:command("last"))) > before and s:status().failed[1]
    end)
    t.eq(s:command_json("retry", { "--failed" }).retried, 1, "all of them")
    kit.wait("the third failure", function() return s:status().failed[1] end)
    assert(host.file.write(s.profile .. "/details.lua", "return { api = 1 }\n"))
    kit.wait("the deal, once mended", function() return kit.opportunity(s) end)
    prints(t, s, "retry", {}, "nothing failed for good\n")
    t.has((s:command("retry", { "1" })), "(deal 1): 0 dead letters tried again, and both sides")
    t.eq(select(2, s:command("retry", { "--failed", "1" })), 2, "one of the two")
  end)
end

return function(t)
  t.case("commands: status on one screen, at any width", function() status_text(t) end)
  t.case("commands: status as JSON; 0 when nothing is left to do", function() status_json(t) end)
  t.case("commands: runs, and all that one of them tells", function() runs_text(t) end)
  t.case("commands: runs as JSON", function() runs_json(t) end)
  t.case("commands: deal, by every name it has", function() deal_text(t) end)
  t.case("commands: deal shows what was changed since both agreed", function() deal_differs(t) end)
  t.case("commands: deal asks which, and finds none", function() which_deal(t) end)
  t.case("commands: deal when a side cannot be read", function() unreadable(t) end)
  t.case("commands: conflicts, and what stands is right", function() conflicts(t) end)
  t.case("commands: retry shows what failed, tries one, tries all", function() retry(t) end)
end

-- Flows that are switched off and on, in their order; and `cosell runs --follow`, which tells each
-- run as it comes until its reader goes away.
local kit = require "commands.kit"
local printed = require "commands.printed"


-- ---- Switching ----

local OFF = [[
   FLOW                                        STATE  LAST SUCCESS    LAST ERROR
a  Webhook registration                        ✔ on   AGO             never
b  Create or get details                       ✔ on   within c, d
c  Create co-sell referral                     ✔ on   never           never
d  Partner Center to Dynamics 365, helper      ✔ on   within e, f, g
e  Microsoft co-sell referral updates          ✖ off  never           never
   off in the profile
f  Partner Center to Dynamics 365              ✔ on   AGO             never
g  Dynamics 365 to Partner Center              ✖ off  never           never
   switched off; on again: cosell flows enable g
h  Dynamics 365 opportunity to Partner Center  ✖ off  AGO             never
   switched off; on again: cosell flows enable h
i  Dynamics 365 solutions to Partner Center    ✖ off  AGO             never
   switched off; on again: cosell flows enable i
]]

local ABOUT = [[
h  Dynamics 365 opportunity to Partner Center
   name          dynamics_opportunity
   state         switched off; on again: cosell flows enable h
   needs         g (dynamics_to_partner_center)
   last success  AGO
   last error    never
   errors        0 failed runs in the last 24 h
]]

local function flows(s, words, want_exit, t)
  local text, exit = s:command("flows", words)
  t.eq(exit, want_exit, text)
  return (text:gsub("\n", " "):gsub(" +", " "))
end

local function no_updates(profile)
  return (profile:gsub("settings = {", "flows = { microsoft_updates = false },\n  settings = {", 1))
end

local function in_order(t)
  kit.with({ edit = no_updates }, function(s)
    s:rest()
    t.has(flows(s, { "disable", "g" }, 1, t),
      "i (dynamics_solutions), h (dynamics_opportunity) need g (dynamics_to_partner_center): " ..
      "disable them first, or add --with-dependents")
    t.has(flows(s, { "disable", "dynamics-opportunity" }, 0, t), "off: h (dynamics_opportunity)")
    flows(s, { "disable", "i" }, 0, t)
    t.has(flows(s, { "disable", "g" }, 0, t), "off: g (dynamics_to_partner_center)")
    t.has(flows(s, { "enable", "i" }, 1, t),
      "i (dynamics_solutions) needs g (dynamics_to_partner_center), which is off")
    t.has(flows(s, { "enable", "e" }, 1, t), "is off in the profile: it stays off until")
    t.eq(select(2, s:command("flows", { "enable" })), 2, "which flow")
    t.has(flows(s, { "enable", "z" }, 2, t), 'there is no flow "z": a to i, or a name')
    t.eq(printed.masked((s:command("flows", { "h" }))), ABOUT)
  end)
end

local function as_text_and_json(t)
  kit.with({ edit = no_updates }, function(s)
    s:rest()
    flows(s, { "disable", "g", "--with-dependents" }, 0, t)
    local text = s:command("flows")
    t.eq(printed.masked(text), OFF)
    t.ok(printed.widest(text) <= 80, "wider than 80")
    local list = s:command_json("flows")
    t.eq({ list[7].off_by, list[8].off_by, list[9].off_by }, { "switch", "switch", "switch" })
    t.eq({ list[5].name, list[5].on, list[5].off_by }, { "microsoft_updates", false, "profile" })
    s:host_stop() -- the switch stands in the state, not in the program
    s:host_start(s.host_options)
    s:host_ready()
    t.eq(s:command_json("flows", { "i" }).on, false, "after a restart")
    flows(s, { "enable", "g" }, 0, t)
    flows(s, { "enable", "i" }, 0, t)
    t.eq(s:command_json("flows", { "i" }).on, true)
  end)
end

-- ---- What a switch does ----

local function inward_off(t)
  kit.with({}, function(s)
    s:rest()
    flows(s, { "disable", "f" }, 0, t)
    s:act("portal-create", { name = "Comes later" })
    kit.wait("the callback", function() return s:idle() and s:status().callbacks.stored > 0 end)
    s:command("sync")
    kit.wait("the host at rest", function() return s:idle() end)
    t.eq(#kit.opportunities(s), 0, "opportunities while f is off")
    flows(s, { "enable", "f" }, 0, t)
    kit.wait("the deal", function() return kit.opportunity(s) end)
    s:rest()
    t.eq(kit.opportunity(s).name, "✔ Comes later")
    kit.quiet(t, s)
  end)
end

local function outward_off(t)
  kit.started(function(s, deal, row)
    flows(s, { "disable", "g", "--with-dependents" }, 0, t)
    kit.describe(s, row, "while it was off")
    s:act("edit", { id = deal, value = 3000 }) -- so that the deal is looked at
    kit.wait("the other way", function() return tonumber(kit.opportunity(s).value) == 3000 end)
    kit.wait("the host at rest", function() return s:idle() end)
    t.ok(kit.referrals(s)[1].details.notes ~= "while it was off", "sent while g is off")
    flows(s, { "enable", "g" }, 0, t)
    flows(s, { "enable", "h" }, 0, t)
    kit.wait("the edit", function()
      return kit.referrals(s)[1].details.notes == "while it was off"
    end)
    s:rest()
    kit.quiet(t, s)
  end)
end

local function stuck(t)
  kit.with({ clock = true }, function(s)
    s:rest()
    s:fault("crm", { status = 400, count = 100 })
    s:clock(2 * 3600000)
    local h = kit.wait("the failure", function()
      local flow = s:command_json("flows", { "h" })
      return flow.failing and flow
    end)
    t.ok(h.errors >= 1, "errors of the last day")
    local text, exit = s:command("status")
    t.has(text, "  flow h fails: ")
    t.eq(exit, 1)
    s:fault("clear")
    s:clock(2 * 3600000)
    kit.wait("the success", function() return not s:command_json("flows", { "h" }).failing end)
    t.ok(not (s:command("status")):find("fails:", 1, true), "status still says it")
  end)
end

-- ---- Following ----

local function follow(t)
  kit.started(function(s, _, row)
    local all = printed.start(s, { "runs", "--follow" }, 80)
    local json_lines = printed.start(s, { "runs", "--follow", "--json", "--most", "1", row }, 80)
    printed.line_with(all, "✔ created")
    printed.line_with(json_lines, '"outcome":"')
    s:act("portal-create", { name = "Second deal" })
    printed.line_with(all, "✔ created    Second deal")
    kit.describe(s, row, "seen by both")
    s:command("sync")
    printed.line_with(all, "✔ updated")
    local run = json.decode(printed.line_with(json_lines, '"outcome":"updated"'))
    t.eq({ run.link, run.detail.to_partner.notes }, { 1, "seen by both" })
    t.eq(s:status().commands, 3, "two readers and who asks")
    json_lines:kill("KILL")
    json_lines:wait()
    all:kill("INT")
    all:wait()
    kit.wait("the end of both commands", function() return s:status().commands == 1 end, 5000)
    kit.quiet(t, s)
  end)
end

local function follow_ends(t)
  kit.started(function(s)
    local child = printed.start(s, { "runs", "--follow" }, 80)
    printed.line_with(child, "✔ created")
    local began = host.now_ms()
    t.eq(s:host_stop(), { exit = 0 }, "the host ends")
    t.ok(host.now_ms() - began < 5000, "the host waited for its reader")
    t.eq(child:wait(), { exit = 0 }, "the reader ends")
    local text, exit = printed.run(s, { "runs", "--follow" }, 80)
    t.has(text, "no host is running: nothing to follow")
    t.eq(exit, 1)
  end)
end

return function(t)
  t.case("flows: switched in their order, the profile stands above", function() in_order(t) end)
  t.case("flows: as text, as JSON, and across a restart", function() as_text_and_json(t) end)
  t.case("flows: f off, and what came meanwhile comes when it is on", function() inward_off(t) end)
  t.case("flows: g off, and what came meanwhile goes when it is on", function() outward_off(t) end)
  t.case("flows: a tick that fails is said until it goes well", function() stuck(t) end)
  t.case("runs --follow: each run as it comes; the reader may leave", function() follow(t) end)
  t.case("runs --follow: ends with the host", function() follow_ends(t) end)
end

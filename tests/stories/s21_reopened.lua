-- Situation 21: a seller reopens the opportunity after the referral was closed.  Told once; the
-- bases stay; the row is not closed again, whatever is heard of the referral later.
local kit = require "commands.kit"
local rules = require "commands.rules"

local CLOSED = "the deal is closed at Partner Center"

local function reopened(t, s, pair)
  local o, r = kit.opportunity(s), kit.referrals(s)[1]
  t.eq(o.state, 0, "open: " .. o.audit)
  t.eq(r.status .. "/" .. r.substatus, pair, "the referral stays closed")
  t.eq(rules.count(o.audit, CLOSED), 1, "told once: " .. o.audit)
  t.ok(o.name:find("^✔"), "no failure mark: " .. o.name)
  t.eq(s:status().queue.dead, 0, "dead letters")
  kit.quiet(t, s)
end

-- A co-sell deal that `close` has closed on both sides, reopened in the CRM.
local function closed_then_reopened(close, body)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { help = "GeneralOrOther", notes = "agreed" }).id
    s:rest()
    local row = kit.opportunity(s).id
    close(s, deal, row)
    s:rest()
    s:act("reopen", { id = row })
    s:rest()
    body(s, deal, row)
  end)
end

local function lost_there(s, deal)
  s:act("close", { id = deal, state = "lost" })
end

local function won_here(s, _, row)
  s:act("win", { id = row })
end

-- What is heard later, of Microsoft's copy and of our own, in either order.
local function heard_later(t, close, pair, microsoft_first)
  closed_then_reopened(close, function(s, deal)
    reopened(t, s, pair)
    local steps = { function() s:act("microsoft-decline", { id = deal }) end, function()
      s:act("set-raw", { id = deal, path = "salesStage", value = '"Late"' })
    end }
    steps[microsoft_first and 1 or 2]()
    s:rest()
    reopened(t, s, pair)
    steps[microsoft_first and 2 or 1]()
    s:rest()
    reopened(t, s, pair)
    s:command("sync", { "--all", "--apply" })
    s:rest()
    reopened(t, s, pair)
  end)
end

local function edited_later(t)
  closed_then_reopened(lost_there, function(s, deal, row)
    reopened(t, s, "Closed/Lost")
    for _, text in ipairs { "one", "two" } do
      kit.describe(s, row, text)
      s:rest()
    end
    reopened(t, s, "Closed/Lost")
    t.eq(kit.referrals(s)[1].details.notes, "agreed", "nothing is sent")
    t.eq(kit.opportunity(s).notes, "two", "nothing is taken back")
    local d = s:command_json("deal", { deal })
    t.eq({ d.crm_base.notes, d.partner_base.notes, d.partner_base.state },
      { "agreed", "agreed", "lost" }, "the bases stay")
  end)
end

local function closed_anew(t)
  closed_then_reopened(lost_there, function(s, _, row)
    s:act("win", { id = row })
    s:rest()
    local o, r = kit.opportunity(s), kit.referrals(s)[1]
    t.eq({ o.state, r.substatus }, { 1, "Lost" }, "each as it was closed")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

-- Closed there and reopened here before the closing was heard: the row is open then, and closes.
local function not_heard_yet(t)
  kit.started(function(s, deal, row)
    s:act("win", { id = row })
    s:set("lose_callbacks", true)
    s:act("reopen", { id = row })
    s:act("close", { id = deal, state = "lost" })
    s:rest()
    t.eq({ kit.opportunity(s).state, kit.referrals(s)[1].substatus }, { 2, "Lost" })
    s:act("reopen", { id = row })
    s:rest()
    reopened(t, s, "Closed/Lost")
  end)
end

return function(t)
  t.case("situation 21: lost there, reopened here, Microsoft's copy heard first",
    function() heard_later(t, lost_there, "Closed/Lost", true) end)
  t.case("situation 21: lost there, reopened here, ours heard first",
    function() heard_later(t, lost_there, "Closed/Lost", false) end)
  t.case("situation 21: won here, reopened here",
    function() heard_later(t, won_here, "Closed/Won", true) end)
  t.case("situation 21: edits after the reopening stay in the CRM",
    function() edited_later(t) end)
  t.case("situation 21: reopened, then won: each stays as it was closed",
    function() closed_anew(t) end)
  t.case("situation 21: reopened again after a closing that came late",
    function() not_heard_yet(t) end)
end

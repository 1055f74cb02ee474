-- Corners of creating: what is made at Partner Center is made once, whatever its lists show yet and
-- whatever the seller does meanwhile; what is missing is asked for before anything is shared.
local kit = require "commands.kit"
local rules = require "commands.rules"

local LOOK_S, LAG_MS = 60, 30000
local STALE_MS = 3000
local NOTICES_MS = 6000 -- the programs notice the clock one by one: first the lists, then a look
local NEW_SOLUTION = "SOL-29999-XYZ"

-- ---- A create whose end is unsure ----

-- A stage where the next thing that is made is not in any list for a while, and nobody calls back.
local function lagging(s)
  s:set("lose_callbacks", true)
  s:set("second_invite", "allow") -- so that what is made twice is seen
  s:set("read_lag_ms", LAG_MS)
end

-- The deal is looked at, and nothing is made.
local function only_looked(t, s)
  local waits, there = rules.turns(s, "waiting"), #s:rows("referral")
  s:command("sync")
  kit.wait("a look that finds nothing", function()
    return rules.turns(s, "waiting") > waits or #s:rows("referral") > there
  end)
  t.eq(#s:rows("referral"), there, "referrals after an early look")
end

-- The referral is made, and the answer to its making is lost: a look finds nothing yet.
local function unsure(s)
  local waits, there = rules.turns(s, "waiting"), #s:rows("referral")
  s:fault("partner", { method = "POST", path = "referrals", drop = "after", count = 1 })
  s:command("sync")
  kit.wait("the first look", function() return rules.turns(s, "waiting") > waits end)
  return there + 1
end

-- The lists show it by now, and the second look is due.
local function second_look(s)
  s:clock(LAG_MS + NOTICES_MS)
  s:clock(LOOK_S * 1000 - LAG_MS)
end

local function ours_once(t)
  kit.with({ clock = true, settings = { look_wait = LOOK_S } }, function(s)
    s:rest()
    lagging(s)
    local row = s:act("create-opportunity", rules.deal()).id
    local there = unsure(s)
    kit.describe(s, row, "between two looks")
    only_looked(t, s)
    rules.edit(s, row, { estimatedvalue = 0 })
    only_looked(t, s)
    second_look(s)
    kit.wait("the identifier", function() return kit.opportunity(s, row).identifier end)
    s:rest()
    t.eq(#s:rows("referral"), there, "referrals")
    t.eq(kit.referrals(s)[1].details.notes, "between two looks")
    local audit = kit.opportunity(s, row).audit
    t.eq(rules.count(audit, "Not sent to Partner Center"), 0, "it was sent: " .. audit)
  end)
end

-- stale: for a while the lists also show what the write before has replaced
local function theirs_once(t, stale)
  rules.sent({ clock = true, settings = { look_wait = LOOK_S } }, function(s, row, deal)
    lagging(s)
    if stale then
      s:set("stale_reads_ms", STALE_MS)
      kit.describe(s, row, "with the call for help")
    end
    rules.edit(s, row, { [rules.HELP] = "General or other" })
    local there = unsure(s)
    kit.describe(s, row, "between two looks")
    if stale then
      s:clock(STALE_MS + NOTICES_MS)
    end
    only_looked(t, s)
    second_look(s)
    kit.wait("the edit", function()
      return rules.referral(s, deal).details.notes == "between two looks"
    end)
    s:rest()
    t.eq(#s:rows("referral"), there, "referrals")
  end)
end

-- ---- Made for sure, and in no list yet ----

local GONE = "not at Partner Center any more"

-- Our own create is called back before any list shows the deal; then its seller edits the row.
local function not_listed_yet(t)
  kit.with({ clock = true }, function(s)
    s:rest()
    s:set("read_lag_ms", LAG_MS)
    local row = s:act("create-opportunity", rules.deal()).id
    s:command("sync")
    kit.wait("the deal to be sent", function() return kit.opportunity(s, row).identifier end)
    kit.describe(s, row, "edited at once")
    s:command("sync")
    kit.wait("a look at the new deal", function()
      return rules.turns(s, "waiting") + rules.turns(s, "gone") > 0
    end)
    local audit = kit.opportunity(s, row).audit
    t.eq(rules.count(audit, GONE), 0, "a new deal is said to be gone: " .. audit)
    s:clock(LAG_MS)
    s:clock(NOTICES_MS)
    kit.wait("the edit", function()
      return kit.referrals(s)[1].details.notes == "edited at once"
    end)
    s:rest()
    t.has(kit.opportunity(s, row).name, "✔ ")
  end)
end

-- Microsoft's copy was made and answered; the list shows ours alone when the seller edits the row.
local function one_copy(t)
  rules.sent({ clock = true }, function(s, row, deal)
    lagging(s)
    rules.edit(s, row, { [rules.HELP] = "General or other" })
    s:command("sync")
    kit.wait("Microsoft's copy", function()
      return #s:rows("referral") == 2 and s:idle()
    end)
    kit.describe(s, row, "edited at once")
    only_looked(t, s)
    s:clock(LAG_MS)
    s:clock(NOTICES_MS)
    kit.wait("the edit", function()
      return rules.referral(s, deal).details.notes == "edited at once"
    end)
    s:rest()
    t.eq({ #s:rows("referral"), s:status().queue.dead }, { 2, 0 }, "referrals, dead letters")
  end)
end

-- ---- Between our referral and Microsoft's ----

local PAUSE_S = 60

-- Our referral is made, Microsoft's is to be made later; body(s, row, ours) is what happens until
-- then.
local function half_sent(body, after)
  kit.with({ clock = true, settings = { remove_last_solution = '"keep"' } }, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    s:fault("partner", { method = "POST", path = "referrals", status = 503, count = 1, skip = 1,
      retry_after = PAUSE_S })
    local row = s:act("create-opportunity", rules.deal { help = "General or other" }).id
    s:command("sync")
    kit.wait("Microsoft's to be refused for now", function()
      return s:say("fault")[1].count == 0
    end)
    body(s, row, kit.referrals(s)[1])
    s:clock(PAUSE_S * 1000 + NOTICES_MS)
    s:rest()
    after(s, row)
  end)
end

-- The seller takes away the only solution: Microsoft is invited with the one that was sent.
local function invited_with_what_is_there(t)
  half_sent(function(s, row)
    s:act("remove-solution", { opportunity = row, solution = "SOL-10001-ABC" })
  end, function(s, row)
    local ours, theirs = kit.referrals(s)
    t.eq({ #ours, #theirs, s:status().queue.dead }, { 1, 1, 0 }, "ours, theirs, dead letters")
    t.eq(theirs[1].details.requirements.solutions[1].id, "SOL-10001-ABC")
    t.has(kit.opportunity(s, row).audit, "at least one solution must stay")
  end)
end

-- Ours is closed in the portal: Microsoft can't be invited any more, and the look that says why has
-- no answer at first.
local function closed_before_the_invitation(t)
  half_sent(function(s, _, ours)
    s:act("close", { id = ours.id, state = "lost" })
    s:fault("partner", { method = "GET", path = "/referrals/" .. ours.id, drop = "before",
      count = 4 }) -- a connection that ends at once is opened anew, a look tried again
  end, function(s, row)
    t.eq(#s:rows("referral"), 1, "referrals")
    t.eq(s:status().queue.dead, 0, "dead letters")
    t.eq(kit.opportunity(s, row).state, 2, "it is lost in the CRM too")
  end)
end

-- ---- A contact that is not whole ----

-- A private deal is sent, then help is asked: its contact has no first name.
local function help_without_first_name(s)
  local made = s:act("create-opportunity", rules.deal { sync = false })
  local function first_name(name)
    s:act("edit", { table = "contact", id = made.contact, values = { firstname = name } })
  end
  first_name("")
  s:act("sync", { id = made.id })
  s:rest()
  rules.edit(s, made.id, { [rules.HELP] = "General or other", description = "the rest travels" })
  s:rest()
  return made.id, first_name
end

local function mended_contact(t)
  kit.with({}, function(s)
    local row, first_name = help_without_first_name(s)
    local ours, theirs = kit.referrals(s)
    t.eq({ #theirs, ours[1].consent.consentToShareReferralWithMicrosoftSellers }, { 0, false },
      "shared before the contact is whole")
    t.eq({ ours[1].details.notes, s:status().queue.dead }, { "the rest travels", 0 },
      "notes, dead letters")
    t.has(kit.opportunity(s, row).audit, "the deal has no contact with first name")
    first_name("Jana")
    s:act("edit", { id = ours[1].id, closing_date = "2033-01-01T00:00:00Z" })
    s:rest()
    ours, theirs = kit.referrals(s)
    t.eq(#theirs, 1, "Microsoft is invited")
    t.eq({ ours[1].customerProfile.team[1].firstName, theirs[1].customerProfile.team[1].firstName },
      { "Jana", "Jana" }, "the contact, in both copies")
    t.eq(kit.opportunity(s, row).closing_date, "2033-01-01", "the other way as well")
  end)
end

-- ---- What the administrator adds while cosell runs ----

local function added(t)
  rules.sent({}, function(s, row, deal)
    s:act("create", { table = "msft_microsoftsolutiondetail", values = { msft_name = "New one",
      msft_solutionidentifier = NEW_SOLUTION } })
    rules.add_currency(s, "SEK")
    s:act("add-solution", { opportunity = row, solution = NEW_SOLUTION })
    local second = s:act("create-opportunity", rules.deal { name = "Second", currency = "SEK",
      solutions = { NEW_SOLUTION } }).id
    s:rest()
    t.eq(#rules.referral(s, deal).details.requirements.solutions, 2, "solutions of the first deal")
    local o = kit.opportunity(s, second)
    t.ok(o.identifier, "the second deal is sent: " .. o.audit)
    local details = rules.referral(s, o.identifier).details
    t.eq({ details.currency, details.requirements.solutions[1].id }, { "SEK", NEW_SOLUTION })
  end)
end

return function(t)
  t.case("corner: edits between the two looks make no second referral, and refuse nothing",
    function() ours_once(t) end)
  t.case("corner: an edit between the two looks makes no second copy of Microsoft's", function()
    theirs_once(t)
  end)
  t.case("corner: nor if lists show the past when that copy's making was unsure", function()
    theirs_once(t, true)
  end)
  t.case("corner: a new deal that no list shows yet is not told to be gone", function()
    not_listed_yet(t)
  end)
  t.case("corner: an edit before Microsoft's copy is in a list makes no second copy", function()
    one_copy(t)
  end)
  t.case("corner: the only solution is removed before Microsoft is invited", function()
    invited_with_what_is_there(t)
  end)
  t.case("corner: closed before Microsoft is invited, and that is only seen at the second look",
    function() closed_before_the_invitation(t) end)
  t.case("corner: help waits for a whole contact, nothing else does, and mending it is enough",
    function() mended_contact(t) end)
  t.case("corner: a solution and a currency that are added are seen while cosell runs", function()
    added(t)
  end)
end

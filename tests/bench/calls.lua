-- What one deal costs in calls, story by story: what the run records say, and what the two services
-- really received (delta and list pages apart).  Callbacks are held by the practice environment and
-- let go one story at a time, so that an echo is counted apart from what caused it.
local place = require "commands.bench.place"
local stage = require "sim.stage"

local M = { title = "Calls per deal: requests to the CRM + to Partner Center, pages apart" }

local HELD_MS = 20000 -- of the practice clock
local NEVER = 1000000000 -- a limit that is never reached only counts

local NOTE = "Recorded: by the run records. Received: as the services counted, less the pages " ..
  "of a look at both sides (%d of the CRM, %d of Partner Center, however many deals " ..
  "are equal); a list that a story itself reads is in it. ok or ABOVE: neither is more than " ..
  "plain. An echo is what our own writes set off: a callback for each at Partner Center (a " ..
  "co-sell deal has two referrals), changed rows in the CRM."

local COSELL = { name = "Harbour crane upgrade", value = 90000, currency = "EUR",
  closing_date = "2031-09-30", notes = "two cranes", account = { name = "Elbe Hafen GmbH",
    line1 = "Kai 4", city = "Hamburg", postalcode = "20457", country = "Germany" },
  contact = "Jana Petersen", help = "Proof of concept / demo",
  solutions = { "SOL-10001-ABC", "SOL-10002-DEF" }, sync = true }

-- ---- counting ----

-- Requests that the services received so far.
local function received(s)
  local out = { crm = 0, partner = 0 }
  for _, rule in ipairs(s:say("fault")) do
    out[rule.service] = rule.calls or 0
  end
  return out
end

-- What the run records behind `from` say, added up.
local function recorded(s, from)
  local out = { crm = 0, partner = 0, operations = 0, runs = 0 }
  for _, run in ipairs(s:runs(200)) do
    if run.id > from then
      out.crm = out.crm + (run.calls.crm or 0)
      out.partner = out.partner + (run.calls.partner_center or 0)
      out.operations = out.operations + run.operations
      out.runs = out.runs + 1
    end
  end
  return out
end

-- Lets go what the practice environment holds, and waits until it was taken.
local function release(c)
  c.offset = c.offset + HELD_MS + 1
  local held = c.s:say("pending").deliveries
  c.s:set("clock_offset_ms", c.offset)
  stage.wait_for("the callbacks", function()
    return held == 0 or #c.s:say("deliveries") >= c.delivered + held
  end)
  c.delivered = c.delivered + held
end

local STEPS = {
  release = release,
  look = function(c) c.s:command("sync") end, -- reads pages of both sides
}

-- Does a step with nothing else going on; what it cost, by records and as received.
local function cost(c, step)
  local from, before = tonumber((c.s:command("last"))), received(c.s)
  STEPS[step](c)
  place.wait_still(c.s)
  local after = received(c.s)
  local pages = step == "look" and c.pages or { crm = 0, partner = 0 }
  return { recorded = recorded(c.s, from), crm = after.crm - before.crm - pages.crm,
    partner = after.partner - before.partner - pages.partner }
end

-- ---- the stories ----

-- Edits the row of a deal.
local function edit_row(c, id, values)
  for _, row in ipairs(c.s:rows("crm:opportunity")) do
    if row.msft_microsoftpartnercenterreferralidentifier == id then
      c.s:act("edit", { table = "opportunity", id = row.opportunityid, values = values })
    end
  end
end

local SYNC = "msft_microsoftpartnercenterreferralsync"

-- A deal that asks for help and names no solution: the service would refuse it.
local function incomplete()
  local deal = {}
  for name, value in pairs(COSELL) do
    deal[name] = value
  end
  deal.name, deal.solutions = "Without a solution", nil
  return deal
end

-- before: what the story stands on; it is settled and not counted.  act: what a person does (if
-- anything); step: what makes the host see it; plain: what it may cost, aim: what it should, CRM +
-- Partner Center.  What `reconcile` does not list is the sum of the reads and writes it cannot be
-- without.
local STORIES = {
  { name = "new inbound deal", step = "release", plain = "2 + 3", aim = "2 + 3",
    act = function(c)
      c.deal = c.s:act("portal-create", { name = "Counted deal", customer = "Counted KK",
        currency = "USD" }).id
    end },
  { name = "  its echo from Partner Center", step = "release", plain = "1 + 1", aim = "0 + 1" },
  { name = "  its echo from the CRM", step = "look", plain = "1 + 1", aim = "0 + 0" },
  { name = "lead that arrives", step = "release", plain = "2 + 3", aim = "2 + 3",
    act = function(c)
      c.s:act("microsoft-create", { kind = "marketplace", name = "Counted lead",
        customer = "Lead KK" })
    end },
  { name = "  its echo from the CRM", step = "look", plain = "1 + 1", aim = "0 + 0" },
  { name = "new co-sell deal of the CRM", step = "look", plain = "2 + 3", aim = "2 + 2",
    act = function(c) c.s:act("create-opportunity", COSELL) end },
  { name = "  its two echoes from Partner Center", step = "release", plain = "2 + 2",
    aim = "0 + 2" },
  { name = "  its echo from the CRM", step = "look", plain = "1 + 1", aim = "0 + 0" },
  { name = "CRM -> Partner Center update", step = "look", plain = "2 + 2", aim = "1 + 1",
    act = function(c)
      edit_row(c, c.deal, { estimatedvalue = 4711, description = "changed here" })
    end },
  { name = "  its echo from Partner Center", step = "release", plain = "1 + 1", aim = "0 + 1" },
  { name = "  its echo from the CRM", step = "look", plain = "1 + 1", aim = "0 + 0" },
  { name = "Partner Center -> CRM update", step = "release", plain = "2 + 1", aim = "1 + 1",
    act = function(c) c.s:act("edit", { id = c.deal, value = 4800, notes = "changed there" }) end },
  { name = "  its echo from the CRM", step = "look", plain = "1 + 1", aim = "0 + 0" },
  { name = "rename in the CRM", step = "look", plain = "2 + 2", aim = "1 + 2",
    act = function(c) edit_row(c, c.deal, { name = "Counted deal, renamed" }) end },
  { name = "upgrade: help on a visible deal", step = "look", plain = "2 + 3", aim = "2 + 2",
    before = function(c)
      c.visible = c.s:act("portal-create", { name = "Visible deal", customer = "Visible KK",
        visible = true }).id
    end,
    act = function(c)
      edit_row(c, c.visible, { msft_microsoftpartnercenterhelp = "Proof of concept / demo" })
    end },
  { name = "  its echo from Partner Center", step = "release", plain = "1 + 1", aim = "0 + 1" },
  { name = "  its echo from the CRM", step = "look", plain = "1 + 1", aim = "0 + 0" },
  { name = "row that is refused", step = "look", plain = "2 + 0", aim = "2 + 0",
    act = function(c) c.s:act("create-opportunity", incomplete()) end },
  { name = "  its echo from the CRM", step = "look", plain = "1 + 0", aim = "0 + 0" },
  { name = "Sync is switched off", step = "look", plain = "1 + 1", aim = "0 + 0",
    act = function(c) edit_row(c, c.deal, { [SYNC] = false }) end },
  { name = "  an edit of the suspended row", step = "look", plain = "1 + 1", aim = "0 + 0",
    act = function(c) edit_row(c, c.deal, { description = "while it is off" }) end },
  { name = "equal deal in a look", step = "look", plain = "0 + 0", aim = "0 + 0",
    before = function() end },
}

-- Everything held is let go and read, until nothing is left to do.
local function settle(c)
  repeat
    release(c)
    place.wait_still(c.s)
    c.s:command("sync")
    place.wait_still(c.s)
  until c.s:say("pending").deliveries == 0
end

local function count_pages(c)
  c.pages = { crm = 0, partner = 0 }
  local idle = cost(c, "look")
  c.pages = { crm = idle.crm, partner = idle.partner }
end

-- One deal and one lead first, so that what is read once (metadata, our own organisation) is not
-- counted, and the page of leads is one of a look's pages.
local function begin(c)
  c.s:act("portal-create", { name = "First deal" })
  c.s:act("microsoft-create", { kind = "marketplace", name = "First lead" })
  c.s:rest()
  c.delivered = #c.s:say("deliveries")
  c.s:set("delivery_delay_ms", HELD_MS)
  c.s:fault("crm", { limit = NEVER })
  c.s:fault("partner", { limit = NEVER })
  count_pages(c)
end

-- Whether neither count is more than plain on either side.
local function is_plain(story, k)
  local crm, partner = story.plain:match("^(%d+) %+ (%d+)$")
  return math.max(k.recorded.crm, k.crm) <= tonumber(crm) and
    math.max(k.recorded.partner, k.partner) <= tonumber(partner)
end

local function row(story, k)
  local r = k.recorded
  return ("  %-36s  %4d  %9s  %10d  %9s  %6s  %6s  %s\n"):format(story.name, r.runs,
    r.crm .. " + " .. r.partner, r.operations, k.crm .. " + " .. k.partner, story.plain, story.aim,
    is_plain(story, k) and "ok" or "ABOVE")
end

local function play(c, story)
  if story.before then
    story.before(c)
    settle(c)
  end
  if story.act then
    story.act(c)
  end
  return cost(c, story.step)
end

-- Plays all stories; the names of those that cost more than plain.
local function play_all(c, tools)
  local above, of = {}, nil
  for _, story in ipairs(STORIES) do
    local k = play(c, story)
    local part = story.name:match("^ +(.*)")
    of = part and of or story.name
    if not is_plain(story, k) then
      above[#above + 1] = part and of .. ", " .. part or story.name
    end
    tools.out(row(story, k))
  end
  return above
end

function M.run(tools)
  local s = place.practice()
  return place.with(s, function()
    local c = { s = s, offset = 0 }
    begin(c)
    tools.out(("  %-36s  %4s  %9s  %10s  %9s  %6s  %6s\n"):format("", "runs", "recorded",
      "operations", "received", "plain", "aim"))
    local above = play_all(c, tools)
    tools.out(#above == 0 and "  no story above plain\n" or
      ("  %d above plain: %s\n"):format(#above, table.concat(above, "; ")))
    tools.note(NOTE:format(c.pages.crm, c.pages.partner))
  end)
end

return M

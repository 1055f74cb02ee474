-- Story 10: the host is killed at each commit, and at seeded random moments, and restarted: the
-- same final state, whatever was half done.
local kit = require "commands.kit"
local tap = require "commands.tap"

local MOST = 80 -- commits a story may take; a run that outlives its k ends the sweep
local STRIDE = tonumber(host.file.getenv "COSELL_STRIDE") or 1 -- each how many-th of them

local DEAL = { name = "Harbour crane upgrade", value = 90000, currency = "EUR",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  help = "Proof of concept / demo", solutions = { "SOL-10001-ABC" }, sync = true }

local STORIES = {
  { name = "story 1", ours = 1, theirs = 0,
    play = function(s) s:act("portal-create", { name = "Plant sensor rollout" }) end,
    check = function(t, _, o, r)
      t.eq(o.name, "✔ Plant sensor rollout")
      t.eq(r.externalReferenceId, o.id)
    end },
  { name = "story 3", ours = 1, theirs = 1,
    play = function(s) s:act("create-opportunity", DEAL) end,
    check = function(t, s, o, r)
      t.eq(o.name, "✔ Harbour crane upgrade")
      t.eq(o.identifier, r.id)
      local _, theirs = kit.referrals(s)
      t.eq(theirs[1].engagementId, r.engagementId)
    end },
  { name = "story 5", ours = 1, theirs = 0,
    before = function(s)
      s.deal = s:act("portal-create", { value = 1000, currency = "USD" }).id
      s:rest()
    end,
    play = function(s)
      s:act("edit", { table = "opportunity", id = kit.opportunity(s).id,
        values = { name = "✔ Renamed", estimatedvalue = 2000 } })
      s:act("edit", { id = s.deal, notes = "from the portal" })
    end,
    check = function(t, _, o, r)
      t.eq(r.name, "Renamed")
      t.eq(tonumber(r.details.dealValue), 2000)
      t.eq(o.notes, "from the portal")
    end },
}

local function end_state(t, s, story)
  s:rest()
  local ours, theirs = kit.referrals(s)
  t.eq(#ours, story.ours, "our referrals")
  t.eq(#theirs, story.theirs, "Microsoft's referrals")
  t.eq(#kit.opportunities(s), 1, "opportunities")
  story.check(t, s, kit.opportunity(s), ours[1])
end

-- Drives the story until the host died of itself or came to rest.  -> true if it died
local function dies_or_rests(s)
  return not pcall(function() s:rest() end)
end

local function restart(s, died)
  if died then
    s.host:wait()
  end
  s:host_start { profile = s.profile, state = s.state }
  s:host_ready()
end

-- Kills at commit k from the start of the host on.  -> false if it came to rest before
local function killed_at(t, story, k, when)
  local died
  kit.with({ host = story.before ~= nil }, function(s)
    if story.before then
      story.before(s)
      s:host_stop("TERM")
    end
    story.play(s)
    s:host_start { profile = s.profile, state = s.state,
      env = { COSELL_KILL_AT = tostring(k), COSELL_KILL_WHEN = when } }
    died = not pcall(function()
      s:host_ready()
      kit.registered(s)
    end) or dies_or_rests(s)
    if not died then
      s:host_stop("KILL") -- it lives, with the kill still before it
    end
    restart(s, died)
    end_state(t, s, story)
  end)
  return died
end

local function sweep(t, story, when)
  for k = 1, MOST, STRIDE do
    if not killed_at(t, story, k, when) then
      t.ok(k > 5, "the story took only " .. k .. " commits: nothing was killed")
      return
    end
  end
  t.ok(false, "the story never ended within " .. MOST .. " commits")
end

-- The service has made it, the host dies before it hears so: what is there is looked for first.
local function killed_in_a_create(t)
  kit.with({}, function(s)
    s:set("lose_callbacks", true)
    s:fault("partner", { method = "POST", path = "referrals", drop = "after" })
    s:act("create-opportunity", DEAL)
    s:command("sync")
    kit.wait("the create to arrive", function() return #kit.referrals(s) > 0 end)
    s:host_stop("KILL")
    s:fault("partner", { method = "GET", delay_ms = 1500 }) -- or the poll might find it first
    restart(s)
    kit.wait("the deal to be sent", function()
      return type(kit.opportunity(s).identifier) == "string"
    end, 10000)
    t.eq(#kit.referrals(s), 1, "our referrals")
    s:say("fault", { "clear" })
    end_state(t, s, STORIES[2])
  end)
end

-- The lease of a job whose host is gone holds nobody up.
local function killed_with_a_job_in_hand(t)
  kit.with({}, function(s)
    s:fault("crm", { path = "$batch", delay_ms = 60000, count = 1 })
    STORIES[1].play(s)
    kit.wait("a job in hand", function()
      local met = s:say("fault")[1].count == 0 -- else the next host would meet it
      return met and #s:runs(1) > 0 and s:status().queue.running > 0
    end)
    s:host_stop("KILL")
    restart(s)
    kit.wait("the dead host's jobs", function() return s:status().queue.running == 0 end, 10000)
    end_state(t, s, STORIES[1])
  end)
end

-- Random moments: a generator of our own, so that a seed means the same everywhere.
local function generator(seed)
  local x = seed
  return function(most)
    x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    return (x >> 8) % most
  end
end

local function random_kills(t, seed)
  local random = generator(seed)
  for i = 1, 20 do
    local story = STORIES[1 + random(#STORIES)]
    local delay = random(400)
    local ok, err = pcall(kit.with, {}, function(s)
      if story.before then
        story.before(s)
      end
      story.play(s)
      host.sleep(delay) -- the moment of the kill, not a wait for anything
      s:host_stop("KILL")
      s:host_start { profile = s.profile, state = s.state }
      s:host_ready()
      end_state(t, s, story)
    end)
    t.ok(ok, ("seed %d, kill %d, %s after %d ms: %s"):format(seed, i, story.name, delay,
      tap.message(err)))
  end
end

return function(t)
  for _, story in ipairs(STORIES) do
    t.case("story 10: " .. story.name .. " killed just after each commit", function()
      sweep(t, story, "after")
    end)
  end
  t.case("story 10: story 3 killed just before each commit", function()
    sweep(t, STORIES[2], "before")
  end)
  t.case("story 10: killed while a create is on its way", function() killed_in_a_create(t) end)
  t.case("story 10: killed with a job in hand", function() killed_with_a_job_in_hand(t) end)
  local seed = math.tointeger(tonumber(host.file.getenv("SEED"))) or host.now_ms() % 1000000
  t.case("story 10: 20 kills at random moments, seed " .. seed, function()
    random_kills(t, seed)
  end)
end

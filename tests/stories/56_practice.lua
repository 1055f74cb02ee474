-- The practice environment in a person's hands: a profile that works at once, data sets, a state
-- that stays, people in good words, both sides next to each other, what was asked, and time.
local kit = require "commands.kit"
local practice = require "commands.practice"
local stage = require "sim.stage"

local NAME = "Plant sensor rollout"

-- ---- A profile ----

local function mode_of(path)
  local child = assert(host.child.start { path = "/usr/bin/stat", argv = { "-c", "%a", path } })
  while child:line() do end
  return (child:output():gsub("%s+", ""))
end

local SECRETS = { "crm_secret", "partner_secret", "refresh_token", "path_secret" }

local function holds_no_secret(t, folder, text, what)
  for _, name in ipairs(SECRETS) do
    local secret = assert(host.file.read(folder .. "/" .. name))
    t.ok(not text:find(secret, 1, true), what .. " holds the " .. name)
  end
end

local function ready_profile(t)
  local dir = host.file.tempdir()
  local folder = dir .. "/ready"
  local s = stage.new { dir = dir, ports = "0,0,0," .. kit.free_port(),
    args = { "--write-profile", folder } }
  local ok, err = pcall(function()
    s.host = assert(host.child.start { argv = { "run", folder } })
    s.control = folder .. "/cosell.db.sock"
    s:host_ready()
    kit.registered(s)
    practice.says(t, s, { "act", "portal", "create", "name=" .. NAME })
    stage.wait_for("the row", function() return kit.opportunity(s) end)
    t.eq(kit.opportunity(s).name, "✔ " .. NAME)
    for _, name in ipairs(SECRETS) do t.eq(mode_of(folder .. "/" .. name), "600", name) end
    t.eq(mode_of(folder), "700")
    local profile = assert(host.file.read(folder .. "/profile.lua"))
    t.has(profile, "-- where Partner Center's callbacks come in", "comments")
    t.has(s.sim:output(), "cosell run " .. folder, "what to do next")
    for what, text in pairs { profile = profile, output = s.sim:output(),
      printed = practice.says(t, s, { "profile" }) } do
      holds_no_secret(t, folder, text, what)
    end
    -- What a person changed in it stays.
    assert(host.file.write(folder .. "/profile.lua", profile .. "-- mine\n"))
    t.has(practice.says(t, s, { "profile", folder }), "stays as it is")
    t.has(host.file.read(folder .. "/profile.lua"), "-- mine")
  end)
  s:close()
  host.file.remove(dir)
  if not ok then error(err, 0) end
end

-- ---- Data sets ----

local OFFICE_LINES = {
  "≠  Bindery scheduling   -      missing               -  active        41,000 USD",
  "   Depot archive        yes ✔  won          17,250 EUR  won           17,250 EUR",
  "   Dye works dashboard  no     open      2,400,000 JPY  -                      -",
  "     help: Proof of concept / demo",
  "20 deals, 7 differ",
}

local function office(t)
  kit.with({ host = false, sim_args = { "--seed", "office" } }, function(s)
    local text = practice.says(t, s, { "show" })
    for _, line in ipairs(OFFICE_LINES) do t.has(text, line .. "\n") end
    local count = { both = 0, crm = 0, partner = 0, states = {}, currencies = {}, several = 0 }
    for _, pair in pairs(practice.deals(t, s)) do
      local where = pair.crm and pair.partner and "both" or pair.crm and "crm" or "partner"
      count[where] = count[where] + 1
      count.states[(pair.partner or pair.crm).state] = true
      count.currencies[(pair.crm or pair.partner).currency] = true
    end
    t.eq({ count.both, count.crm, count.partner }, { 9, 4, 7 }, "linked and not")
    t.eq(count.currencies, { JPY = true, EUR = true, USD = true })
    t.eq(count.states, { new = true, active = true, won = true, lost = true, declined = true,
      expired = true, error = true, open = true })
    for _, r in ipairs(kit.referrals(s)) do
      if #r.details.requirements.solutions > 1 then count.several = count.several + 1 end
    end
    t.ok(count.several >= 3, "several solutions")
  end)
end

-- The office's own text with one thing in it changed.
local function with_change(t, s, from, to)
  local text = practice.run(s, { "seed", "office" })
  local at = text:find(from, 1, true)
  t.ok(at, from .. " is in the data set")
  local path = s.dir .. "/mine.json"
  assert(host.file.write(path, text:sub(1, at - 1) .. to .. text:sub(at + #from)))
  local _, lines = text:sub(1, at):gsub("\n", "")
  return path, lines + 1
end

local BAD = {
  { '"value": 1250000', '"value": -1', "deal 1 (\"Plant sensor rollout\"): value: a number" },
  { '"value": 1250000', '"valeu": 1', "valeu: no such field; did you mean value?" },
  { '"customer": "Elbe Hafen GmbH"', '"customer": "Nobody"', "not among the customers" },
  { '"SOL-10003-GHI"', '"SOL-9"', "solutions: the CRM has no solution SOL-9" },
  { '"state": "won"', '"state": "new"', "state: only what Microsoft sent" },
  { '"currency": "USD"', '"currency": "GBP"', "currency: the CRM has no currency GBP" },
  { '"seed": 1', '"seed": 2', "seed: 1 is expected" },
  { '"seed": 1', '"seed": 1,,', "line %d, column" },
}

local function seed_files(t)
  kit.with({ host = false }, function(s)
    for _, case in ipairs(BAD) do
      local path, line = with_change(t, s, case[1], case[2])
      local state = s.dir .. "/rows.db"
      local said, exit = practice.refused { "--seed", path, "--state", state }
      t.eq(exit, 1, said)
      t.has(said, "nothing was loaded: " .. path .. ": ", case[2])
      t.has(said, case[3]:format(line), case[2])
      host.file.remove(state)
    end
    t.has(practice.refused { "--seed", s.dir .. "/none.json" }, "none.json")
  end)
end

-- A row that a service refuses at the end takes all others with it.
local function nothing_by_half(t)
  kit.with({ host = false }, function(s)
    local set = json.decode((practice.run(s, { "seed", "office" })))
    local last = set.deals[#set.deals]
    last.name, last.where = ("x"):rep(400), "both" -- too long for a column of the CRM
    local path = s.dir .. "/mine.json"
    assert(host.file.write(path, json.encode(set)))
    local state = s.dir .. "/rows.db"
    local said, exit = practice.refused { "--seed", path, "--state", state }
    t.eq(exit, 1, said)
    t.has(said, 'nothing was loaded: deal 20 ("xxx')
    local again = stage.new { dir = s.dir, socket = s.dir .. "/again.sock",
      args = { "--state", state } }
    local left = { #again:rows("referral"), #again:rows("crm:opportunity"),
      #again:rows("crm:account") }
    again:close()
    t.eq(left, { 0, 0, 2 }, "what is left of it")
  end)
end

local function state_stays(t)
  local dir = host.file.tempdir()
  local args = { "--seed", "office", "--state", dir .. "/rows.db" }
  local ok, err = pcall(function()
    local s = stage.new { dir = dir, args = args }
    s:act("portal-create", { name = "Kept" })
    local before = practice.json(t, s, { "show" })
    local said, exit = practice.refused { "--state", dir .. "/rows.db", "--socket", dir .. "/x" }
    t.eq(exit, 1, said)
    t.has(said, "held by another cosell")
    s:close()
    s = stage.new { dir = dir, args = args }
    t.eq(practice.json(t, s, { "show" }), before)
    t.has(s.sim:output(), "nothing is loaded again")
    s:close()
  end)
  host.file.remove(dir)
  if not ok then error(err, 0) end
end

-- ---- People ----

-- Who does what to which deal, and how the deal then looks: state and value of both sides.
local PLAYED = {
  { "seller", "create", "name=Roof", "value=500", "currency=EUR", crm = "open 500 EUR" },
  { "seller", "edit", "Roof", "value=700", "name=Roof two", crm = "open 700 EUR" },
  { "seller", "sync", "Roof two", crm = "open 700 EUR", sync = true },
  { "seller", "unsync", "Roof two", crm = "open 700 EUR" },
  { "seller", "add-solution", "Roof two", "solution=SOL-10001-ABC", crm = "open 700 EUR" },
  { "seller", "remove-solution", "Roof two", "solution=SOL-10001-ABC", crm = "open 700 EUR" },
  { "seller", "win", "Roof two", crm = "won 700 EUR" },
  { "seller", "reopen", "Roof two", crm = "open 700 EUR" },
  { "seller", "lose", "Roof two", crm = "lost 700 EUR" },
  { "portal", "create", "name=Gate", "value=900", "currency=USD", partner = "active 900 USD" },
  { "portal", "edit", "Gate", "value=950", partner = "active 950 USD" },
  { "portal", "share", "Gate", "help=Quotes", partner = "active 950 USD", microsoft = "new" },
  { "microsoft", "accept", "Gate", partner = "active 950 USD", microsoft = "active" },
  { "microsoft", "add-member", "Gate", partner = "active 950 USD", microsoft = "active" },
  { "microsoft", "win", "Gate", partner = "active 950 USD", microsoft = "won" },
  { "portal", "win", "Gate", partner = "won 950 USD", microsoft = "won" },
  { "microsoft", "create", "name=Quay", "value=70", "currency=EUR", partner = "new 70 EUR",
    microsoft = "active" },
  { "portal", "accept", "Quay", partner = "active 70 EUR", microsoft = "active" },
  { "microsoft", "lose", "Quay", partner = "active 70 EUR", microsoft = "lost" },
  { "portal", "lose", "Quay", partner = "lost 70 EUR", microsoft = "lost" },
  { "microsoft", "create", "name=Dam", "value=80", "currency=EUR", partner = "new 80 EUR",
    microsoft = "active" },
  { "portal", "decline", "Dam", "reason=Other", partner = "declined 80 EUR",
    microsoft = "active" },
  { "portal", "create", "name=Shed", "visible=true", "value=10", "currency=USD",
    partner = "active 10 USD" },
  { "microsoft", "join", "Shed", partner = "active 10 USD", microsoft = "new" },
  { "microsoft", "decline", "Shed", partner = "active 10 USD", microsoft = "declined" },
}

local function brief(side)
  return side and ("%s %d %s"):format(side.state, side.value, side.currency)
end

local function played(t)
  kit.with({ host = false }, function(s)
    for _, step in ipairs(PLAYED) do
      local words = { "act", table.unpack(step) }
      local said = practice.says(t, s, words)
      local name = said:match('^"(.-)": ')
      t.ok(name, said)
      local shown = step[2] == "edit" and step[1] == "seller" and "Roof two" or name
      local pair = practice.deals(t, s)[shown]
      t.eq({ brief(pair.crm), brief(pair.partner), (pair.microsoft or {}).state },
        { step.crm, step.partner, step.microsoft }, table.concat(words, " "))
      if pair.crm then t.eq(pair.crm.sync, step.sync == true, "Sync") end
    end
    local made = practice.json(t, s, { "act", "microsoft", "create", "kind=lead", "name=Lamp" })
    t.ok(made.result.id and not practice.deals(t, s).Lamp.microsoft, "a lead")
    practice.says(t, s, { "act", "seller", "copy", "Roof two" })
    t.eq(#kit.opportunities(s), 2, "a copy")
    practice.says(t, s, { "act", "seller", "delete", kit.opportunities(s)[2].id })
    t.eq(#kit.opportunities(s), 1, "deleted")
    t.has(practice.says(t, s, { "act" }), "\n  microsoft  accept           DEAL\n")
    t.eq(#practice.json(t, s, { "act" }), 27, "what people can do")
  end)
end

local UNKNOWN = {
  { { "seller", "winn", "x" }, "the seller does not winn; did you mean win?" },
  { { "portal", "edit", "Plant", "valeu=1" },
    "portal edit does not take valeu=; did you mean value=?" },
  { { "seller", "edit", "Plant", "estimatedvalu=1" }, "does not take estimatedvalu=" },
  { { "seller", "win", "Harbour" }, 'no deal is called "Harbour"' },
  { { "seller", "win" }, "seller win: which deal?" },
  { { "seller", "win", "Plant" }, '"Plant sensor rollout" is not in the CRM (yet)' },
  { { "portal", "win", "p" }, '2 deals are called so: "Plant sensor rollout", "Pump"' },
  { { "portal", "create", "value=much" }, "dealValue: a number is expected" },
}

local function not_understood(t)
  kit.with({ host = false }, function(s)
    s:act("portal-create", {})
    s:act("portal-create", { name = "Pump" })
    local before = practice.json(t, s, { "show" })
    for _, case in ipairs(UNKNOWN) do
      local said, exit = practice.run(s, { "act", table.unpack(case[1]) })
      t.eq(exit, 1, said)
      t.has(said, case[2])
    end
    t.eq(practice.json(t, s, { "show" }), before, "nothing was done")
  end)
end

-- ---- Both sides, differing ----

local DIFFERING = [[
   DEAL                  SYNC   CRM      VALUE  PC                  VALUE
≠  Plant sensor rollout  yes ✔  won  1,000 USD  ≠ active  ≠ 2,000,000 JPY
     name ≠ at Partner Center: Press line
     help ≠ CRM: Quotes / licensing; Partner Center: none

1 deal, 1 differs
]]

local function differing(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    s:host_stop()
    s:act("edit", { id = deal.id, name = "Press line", value = 2000000, currency = "JPY" })
    practice.says(t, s, { "act", "seller", "edit", "Plant", "help=Quotes" })
    practice.says(t, s, { "act", "seller", "win", "Plant" })
    t.eq(practice.says(t, s, { "show" }), DIFFERING)
    t.eq(practice.json(t, s, { "show" }).deals[1].differs, { "name", "state", "value", "help" })
    t.has(practice.says(t, s, { "show", "--ids" }), "PC referral " .. deal.id)
    t.eq(practice.json(t, s, { "show", "crane" }).total, 0)
    t.has(practice.says(t, s, { "show", "crane" }), "no deals")
  end)
end

-- ---- What was asked ----

local function traced(t)
  kit.with({}, function(s)
    local follow = assert(host.child.start { argv = { "sim", "trace", "--follow", "--most", "1",
      "--socket", s.socket }, env = { COLUMNS = "80" } })
    follow:line()
    s:act("portal-create", { value = 1000, currency = "USD" })
    s:rest()
    local text = practice.says(t, s, { "trace", "--most", "1000" })
    t.has(text, "POST /practice.example/oauth2/token\n")
    t.has(text, " POST /api/data/v9.2/$batch")
    t.has(text, "      > batch: ")
    t.ok(text:find("callback 200 +%d+ ms POST http"), "callbacks are seen")
    local all = {}
    local child = assert(host.child.start { argv = { "sim", "trace", "--json", "--most", "1000",
      "--socket", s.socket } })
    while child:line() do end
    for line in child:output():gmatch("[^\n]+") do
      local x = json.decode(line)
      t.ok(x.n and x.service and x.method and x.path and x.ms, line)
      all[#all + 1] = line
    end
    all = table.concat(all, "\n")
    holds_no_secret(t, s.dir, all, "the trace")
    t.ok(not all:find("eyJ", 1, true), "a token")
    stage.wait_for("the line that follows", function()
      return follow:output():find("$batch", 1, true)
    end)
    follow:kill()
  end)
end

-- ---- Time ----

local function fourteen_days(t)
  kit.with({}, function(s)
    practice.says(t, s, { "act", "microsoft", "create", "name=Quay", "value=70", "currency=EUR" })
    s:rest()
    t.eq(practice.deals(t, s).Quay.crm.state, "open")
    t.has(practice.says(t, s, { "clock" }), "as the machine's")
    t.has(practice.says(t, s, { "clock", "+13d" }), "13 days ahead")
    t.eq(practice.deals(t, s).Quay.partner.state, "new")
    t.has(practice.says(t, s, { "clock", "+1d" }), "1 deal expired: nobody answered in 14 days")
    s:rest()
    local pair = practice.deals(t, s).Quay
    t.eq({ pair.partner.state, pair.crm.state, pair.differs }, { "expired", "lost", {} })
    t.eq(practice.json(t, s, { "clock", "+90min" }).offset_ms, 14 * 86400000 + 5400000)
    t.eq(practice.json(t, s, { "clock", "now" }).offset_ms, 0)
    local said, exit = practice.run(s, { "clock", "tomorrow" })
    t.eq({ said, exit }, { "cosell sim: +14d, +3h, +30min, +10s, or now\n", 1 })
  end)
end

return function(t)
  t.case("practice: the profile that is written works at once, and prints no secret",
    function() ready_profile(t) end)
  t.case("practice: the small office has 20 deals on both sides, in each state",
    function() office(t) end)
  t.case("practice: a data set that is wrong is refused by file, line and record",
    function() seed_files(t) end)
  t.case("practice: a data set of which a row is refused leaves nothing",
    function() nothing_by_half(t) end)
  t.case("practice: --state keeps all rows between runs", function() state_stays(t) end)
  t.case("practice: seller, portal and microsoft do what they are told, in good words",
    function() played(t) end)
  t.case("practice: what people cannot do is said, and nothing is done",
    function() not_understood(t) end)
  t.case("practice: both sides stand next to each other, what differs is marked",
    function() differing(t) end)
  t.case("practice: the trace shows requests, answers, callbacks, and no secret",
    function() traced(t) end)
  t.case("practice: 14 days pass, and what nobody answered expires on both sides",
    function() fourteen_days(t) end)
end

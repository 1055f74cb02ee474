-- The first run of somebody who used the original connector, or nothing: both sides hold deals, the
-- state is empty.  Rows are joined with referrals by identifier, by CRM id, or, once a person has
-- confirmed it, by what they look like; and no deal is made a second time.
local kit = require "commands.kit"
local printed = require "commands.printed"
local rules = require "commands.rules"

local DEALS = 12
local HOUR_MS = 3600000
local API, SLOW_MS, NEVER = "/v1.0/", 250, 1000000 -- a limit that is never reached only counts
local PORTAL = "https://portal.example/referrals/"
local MICROSOFT_ID = "msft_microsoftcrmidentifier"
local CUSTOMERS = { "Hoshino Parts KK", "Elbe Hafen GmbH", "Kiso Valley Foods KK" }

local function shape(i)
  return { name = "Deal " .. i, value = 1000 * i, currency = "USD", notes = "notes " .. i,
    closing_date = "2031-09-30", customer = CUSTOMERS[i % 3 + 1] }
end

local function portal(s, i, over)
  local d = shape(i)
  local args = { name = d.name, value = d.value, currency = d.currency, notes = d.notes,
    closing_date = d.closing_date .. "T00:00:00Z", customer = d.customer,
    solutions = "SOL-10001-ABC" }
  for name, value in pairs(over or {}) do
    args[name] = value
  end
  return s:act("portal-create", args).id
end

-- over.values: what the original connector wrote; over.sync
local function row(s, i, over)
  local d = shape(i)
  local args = { name = d.name, value = d.value, currency = d.currency, notes = d.notes,
    closing_date = d.closing_date, account = { name = d.customer, country = "JP" },
    solutions = { "SOL-10001-ABC" }, sync = true }
  for name, value in pairs(over or {}) do
    args[name] = value
  end
  return s:act("create-opportunity", args).id
end

-- A stage of an hour ago, prepared by prepare(s); then the host starts on an empty state.
local function first_run(prepare, body)
  kit.with({ host = false }, function(s)
    s:set("clock_offset_ms", "0")
    prepare(s)
    s:set("clock_offset_ms", HOUR_MS)
    s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug",
      COSELL_CLOCK = tostring(HOUR_MS) } }
    s:host_ready()
    kit.registered(s)
    s:rest()
    body(s)
  end)
end

local function counts(s)
  return { #kit.opportunities(s), #kit.referrals(s) }
end

local function compare(s)
  return s:command_json("sync", { "--all" })
end

local function apply(s, words)
  local text, exit = s:command("sync", { "--all", "--apply", table.unpack(words or {}) })
  s:rest()
  return text, exit
end

-- Every row has one referral, and the other way round.
local function pairs_up(t, s, n)
  t.eq(counts(s), { n, n }, "rows and referrals, none made and none lost")
  local seen = {}
  for _, o in ipairs(kit.opportunities(s)) do
    local r = rules.referral(s, o.identifier or "")
    t.ok(r, "no referral for " .. o.name .. ": " .. o.audit)
    t.ok(not seen[r.id], "two rows of one referral")
    seen[r.id] = true
    t.eq({ r.externalReferenceId, o.sync, o.link }, { o.id, true, PORTAL .. r.id }, o.name)
    t.eq({ o.name, r.name }, { "✔ " .. r.name, (o.name:gsub("^✔ ", "")) }, "one mark, on the row")
  end
end

-- ---- By identifier ----

local function as_the_original_left_it(s)
  for i = 1, DEALS do
    local shared = i % 4 == 0
    local deal = portal(s, i, shared and { help = "GeneralOrOther" } or nil)
    local accepted = shared and s:act("microsoft-accept", { id = deal })
    local id = row(s, i, { name = "✔ Deal " .. i, values = { [rules.IDENTIFIER] = deal,
      [rules.LINK] = PORTAL .. deal, [rules.AUDIT] = "Synchronised by the connector",
      [rules.VISIBLE] = shared, [MICROSOFT_ID] = accepted and accepted.microsoftMsxId or nil,
      [rules.HELP] = shared and "General or other" or nil } })
    s:act("edit", { id = deal, crm_id = id })
  end
end

local function by_identifier(t)
  local before
  first_run(function(s)
    as_the_original_left_it(s)
    before = { writes = kit.writes(s), rows = s:rows("crm:opportunity") }
  end, function(s)
    t.eq(counts(s), { DEALS, DEALS }, "before anybody adopts")
    local report = compare(s)
    t.eq({ report.found, report.only_crm, report.only_partner, #report.alike },
      { DEALS, 0, 0, 0 }, "deals that are on both sides")
    t.eq(kit.writes(s), before.writes, "writes before a person has adopted them")
    apply(s)
    pairs_up(t, s, DEALS)
    report = compare(s)
    t.eq({ report.equal, report.found, report.differ }, { DEALS, 0, 0 }, "adopted")
    t.eq(#s:command_json("conflicts"), 0, "conflicts")
    t.eq(kit.writes(s) - before.writes, 0, "writes to deals that were equal")
    kit.quiet(t, s)
    local deal = kit.opportunity(s)
    kit.describe(s, deal.id, "edited after the switch")
    s:rest()
    t.eq(rules.referral(s, deal.identifier).details.notes, "edited after the switch")
    t.has(kit.opportunity(s, deal.id).audit, "Synchronised by the connector")
    t.eq(rules.count(kit.opportunity(s, deal.id).name, "✔"), 1, "marks")
  end)
end

-- ---- By CRM id ----

local function by_crm_id(t)
  first_run(function(s)
    for i = 1, DEALS do
      local id = row(s, i, { sync = i % 2 == 0 })
      portal(s, i, { crm_id = id })
    end
  end, function(s)
    t.eq(counts(s), { DEALS, DEALS }, "nothing is made before anybody looked")
    local report = compare(s)
    t.eq({ report.found, report.only_crm, report.only_partner, #report.alike },
      { DEALS, 0, 0, 0 })
    apply(s)
    t.eq(counts(s), { DEALS, DEALS }, "rows and referrals")
    for _, o in ipairs(kit.opportunities(s)) do
      local r = rules.referral(s, o.identifier or "")
      t.eq(o.sync, r ~= nil, "a row whose Sync is on has its identifier, and no other")
      t.eq(not r or r.externalReferenceId == o.id, true)
    end
    s:act("sync", { id = kit.opportunities(s)[1].id })
    s:rest()
    t.eq(counts(s), { DEALS, DEALS }, "Sync switched on later makes nothing either")
    t.ok(kit.opportunities(s)[1].identifier, "it has its identifier then")
    kit.quiet(t, s)
  end)
end

-- ---- By what they look like ----

local function with_neither(s)
  for i = 1, DEALS do
    portal(s, i, { name = ("DEAL  %d"):format(i) })
    row(s, i, { name = "✖ Deal " .. i, sync = i % 3 ~= 0 })
  end
end

local function by_likeness(t)
  first_run(with_neither, function(s)
    local writes = kit.writes(s)
    t.eq(counts(s), { DEALS, DEALS }, "nothing is made before anybody confirms")
    local report = compare(s)
    t.eq({ #report.alike, report.found, report.only_crm, report.only_partner },
      { DEALS, 0, 0, 0 })
    local text, exit = s:command("sync", { "--all" })
    t.has(text, DEALS .. "  look like the same deal, and nothing joins them")
    t.has(text, "`cosell sync --all --apply --join`")
    t.eq(exit, 1, "there is something to do")
    t.has((s:command("status")), DEALS .. " deals of both sides look the same")
    apply(s)
    t.eq({ counts(s), kit.writes(s) - writes }, { { DEALS, DEALS }, 0 },
      "without a word about them nothing is made, and nothing written")
    t.has((apply(s, { "--join" })), DEALS .. " deals that look the same are being joined")
    t.eq(counts(s), { DEALS, DEALS }, "rows and referrals")
    for _, o in ipairs(kit.opportunities(s)) do
      local r = rules.referral(s, o.identifier or "")
      t.ok(r, "joined: " .. o.name)
      t.eq({ r.externalReferenceId, o.sync, tonumber(r.details.dealValue) },
        { o.id, true, tonumber(o.value) })
      t.eq({ rules.count(o.name, "✔"), rules.count(o.name, "✖") }, { 1, 0 }, o.name)
    end
    report = compare(s)
    t.eq({ report.equal, #report.alike }, { DEALS, 0 })
    t.ok(not s:command("status"):find("look the same", 1, true), "status has nothing to say of it")
    kit.quiet(t, s)
  end)
end

local function one_by_hand(t)
  local deal, id
  first_run(function(s)
    deal, id = portal(s, 1), row(s, 1, { notes = "of the seller", sync = false })
  end, function(s)
    local said = s:command_json("deal", { "join", id, "not-a-guid" })
    t.eq(said, nil, "an id is needed")
    t.has((s:command("deal", { "join", id, PORTAL .. deal })), "joined")
    s:rest()
    pairs_up(t, s, 1)
    t.eq({ kit.opportunity(s).notes, rules.referral(s, deal).details.notes },
      { "of the seller", "of the seller" }, "where they differ the CRM's is taken")
    t.eq(#s:command_json("conflicts"), 1, "and the other is listed")
    t.eq(#compare(s).alike, 0)
  end)
end

local function look_alikes(t)
  local deal, one
  first_run(function(s)
    deal = portal(s, 1)
    one = row(s, 1)
    row(s, 1, { sync = false })
  end, function(s)
    local report = compare(s)
    t.eq({ #report.alike, #report.alike[1].rows, #report.alike[1].referrals }, { 1, 2, 1 })
    t.has((s:command("sync", { "--all" })), "several look like the same deal, none is chosen")
    apply(s, { "--join" })
    t.eq({ counts(s), kit.opportunity(s, one).identifier }, { { 2, 1 } }, "none is chosen")
    t.has((s:command("deal", { "join", one, deal })), "joined")
    s:rest()
    t.eq({ kit.opportunity(s, one).identifier, counts(s) }, { deal, { 2, 1 } }, "a person chose")
    t.eq(#compare(s).alike, 0, "the other row is alone now")
  end)
end

local function parted(t)
  local id
  first_run(function(s)
    portal(s, 1)
    id = row(s, 1)
  end, function(s)
    t.eq(counts(s), { 1, 1 }, "both wait")
    s:act("edit", { table = "opportunity", id = id, values = { description = "edited" } })
    s:rest()
    t.eq(counts(s), { 1, 1 }, "an edit does not end it")
    t.has((s:command("deal", { "part", id })), "each goes its own way")
    s:rest()
    t.eq(counts(s), { 2, 2 }, "the row is sent, the referral comes")
    t.eq(#compare(s).alike, 0)
    t.has((s:command("deal", { "part", id })), "nothing that looks the same is known")
  end)
end

local function renamed(t)
  local id
  first_run(function(s)
    portal(s, 1)
    id = row(s, 1)
  end, function(s)
    s:act("edit", { table = "opportunity", id = id, values = { name = "Another deal" } })
    s:rest()
    t.eq(counts(s), { 1, 1 }, "until both sides are compared again")
    apply(s)
    t.eq(counts(s), { 2, 2 }, "they are two by now")
  end)
end

-- What a comparison looks for is lost with its host: the next one begins anew.
local function killed(t)
  first_run(with_neither, function(s)
    s:set("page_size", 2)
    s:fault("partner", { path = API, limit = NEVER })
    s:fault("partner", { path = API, delay_ms = SLOW_MS })
    local child = printed.start(s, { "sync", "--all" }, 80)
    kit.wait("the third page", function() return (s:say("fault")[1].calls or 0) >= 3 end)
    s:host_stop("KILL")
    child:wait()
    s:fault("clear")
    s:host_start(s.host_options)
    s:host_ready()
    s:rest()
    t.eq(counts(s), { DEALS, DEALS }, "nothing is made meanwhile")
    local report = compare(s)
    t.eq({ #report.alike, report.only_crm, report.only_partner }, { DEALS, 0, 0 })
    apply(s, { "--join" })
    t.eq({ counts(s), compare(s).equal }, { { DEALS, DEALS }, DEALS })
  end)
end

-- ---- Whatever lies there ----

-- Rows and referrals drawn by chance: some by identifier, some by CRM id, some alike, some alone on
-- purpose with Sync off or closed; the number of each side never changes by a first run.
local function any_mixture(t, seed)
  math.randomseed(seed)
  local kinds = {}
  first_run(function(s)
    for i = 1, 10 do
      local kind = math.random(4)
      kinds[i] = kind
      if kind == 1 then
        local deal = portal(s, i)
        row(s, i, { values = { [rules.IDENTIFIER] = deal } })
      elseif kind == 2 then
        portal(s, i, { crm_id = row(s, i, { sync = math.random(2) == 1 }) })
      elseif kind == 3 then
        portal(s, i)
        row(s, i, { sync = math.random(2) == 1 })
      else
        row(s, i, { sync = false, name = "Alone " .. i })
      end
    end
  end, function(s)
    local before = counts(s)
    local said = ("seed %d, kinds %s"):format(seed, json.encode(kinds))
    apply(s)
    t.eq(counts(s), before, said .. ": applied")
    apply(s, { "--join" })
    apply(s)
    t.eq(counts(s), before, said .. ": joined")
    local alone = 0
    for _, kind in ipairs(kinds) do
      alone = alone + (kind == 4 and 1 or 0)
    end
    t.eq(before, { 10, 10 - alone }, said)
    t.eq({ #compare(s).alike, compare(s).only_partner }, { 0, 0 }, said)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("item 92: 12 deals of the original connector are adopted as they stand", function()
    by_identifier(t)
  end)
  t.case("item 92: rows that referrals name by CRM id are not sent again", function()
    by_crm_id(t)
  end)
  t.case("item 92: without any id, deals that look the same are joined once confirmed", function()
    by_likeness(t)
  end)
  t.case("item 92: one row and one referral are joined by hand, Sync goes on", function()
    one_by_hand(t)
  end)
  t.case("item 92: of two that look the same none is chosen", function() look_alikes(t) end)
  t.case("item 92: what only looks the same is parted, and both are made", function()
    parted(t)
  end)
  t.case("item 92: what does not look the same any more goes on", function() renamed(t) end)
  t.case("item 92: the host dies while it compares, and nothing is made twice", function()
    killed(t)
  end)
  for _, seed in ipairs { 1, 2, 3 } do
    t.case("item 92: no first run changes how many there are, seed " .. seed, function()
      any_mixture(t, seed)
    end)
  end
end

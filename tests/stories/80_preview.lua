-- `cosell preview`: an administrator sees what would be written where, before it is.  Of a deal
-- that both sides have, in both directions; of one that is new on either side; with a conflict;
-- with something held back.  And nothing at all is written while he looks.
local kit = require "commands.kit"
local printed = require "commands.printed"
local rules = require "commands.rules"
local untouched = require "commands.untouched"

local DETAILS = [[
return { api = 1,
  account = { create = function(d, v) v.description = "from " .. d.customer.country end },
  opportunity = {
    create = { stepname = "Introduced" },
    update = function(d, v)
      v.stepname = d.name .. ", " .. d.value
    end },
  referral = { update = function(d, v, crm)
    if v.notes then v.notes = v.notes .. " (shared)" end
  end },
  owner = function(d) return "Sales Japan" end }
]]

local function preview(t, s, ...)
  local words = table.pack(...)
  local got = untouched.while_looking(t, s, function()
    return s:command_json("preview", words)
  end)
  t.eq(got.written, false)
  return got.deals[1]
end

-- The one change of a place, as { now, then, by }.
local function change(t, p, place)
  local found
  for _, one in ipairs(p.changes) do
    if one.place == place then
      t.ok(not found, "twice: " .. place)
      found = one
    end
  end
  t.ok(found, "nothing is said of " .. place .. "; changes: " .. json.encode(p.changes))
  return { found.now or "-", found["then"] or "-", found.by }, found
end

local function said(list)
  return table.concat(list, "\n")
end

-- ---- A deal that both sides have ----

local function both_directions(t)
  rules.sent({ files = { ["details.lua"] = DETAILS } }, function(s, row, deal)
    s:act("edit", { id = deal, name = "Harbour one" })
    s:rest() -- `update` was asked before, which whoever repeats a deal does by itself
    s:set("lose_callbacks", true)
    rules.edit(s, row, { estimatedvalue = 95000, description = "ours" })
    s:act("edit", { id = deal, name = "Harbour two" })
    kit.seen(s)
    local p = preview(t, s, row)
    t.eq({ p.outcome, p.deal, p.row, p.referral, #p.conflicts }, { "write", 1, row, deal, 0 })
    t.eq(change(t, p, "/details/dealValue"),
      { "90000", "95000", "the CRM changed (column by the setting deal_value_field)" })
    local notes, whole = change(t, p, "/details/notes")
    t.eq({ notes[1], notes[2], whole.side, whole.verb, whole.id },
      { "v0", "ours (shared)", "partner", "change", deal })
    t.ok(notes[3]:find("profile/details.lua:8$"), notes[3])
    local name
    name, whole = change(t, p, "opportunity.name")
    t.eq(name, { "✔ Harbour one", "✔ Harbour two", "Partner Center changed" })
    t.eq({ whole.field, whole.side, whole.id }, { "deal name", "crm", row })
    local step = change(t, p, "opportunity.stepname")
    t.eq({ step[1], step[2] }, { "(not read)", "Harbour two, 90000.00" })
    t.ok(step[3]:find("profile/details.lua:5$"), step[3])
    t.has(said(p.lines), "deal value 90000.00 → 95000.00")
    s:rest()
    local there = rules.referral(s, deal) -- and what was shown is what comes
    t.eq({ kit.opportunity(s, row).name, there.details.notes, tostring(there.details.dealValue) },
      { "✔ Harbour two", "ours (shared)", "95000" })
  end)
end

local function nothing_to_do(t)
  rules.sent({}, function(s, row)
    local p = preview(t, s, row)
    t.eq({ p.outcome, #p.changes, #p.lines }, { "equal", 0, 0 })
    t.has((s:command("preview", { row })), "nothing to do: both sides agree")
  end)
end

-- A field that the mapping adds is told as such, and a customer's column by whose update it is.
local function more_fields(t)
  local files = { ["details.lua"] = [[return { api = 1,
  fields = { { crm = "stepname", referral = "details.customerAction", direction = "both" } },
  account = { update = function(d, v) v.description = "worth " .. d.value end } }]] }
  rules.sent({ files = files }, function(s, row)
    s:rest()
    s:set("lose_callbacks", true)
    rules.edit(s, row, { stepname = "Call back", estimatedvalue = 91000 })
    local p = preview(t, s, row)
    local got, whole = change(t, p, "/details/customerAction")
    t.eq({ got[1], got[2], whole.side }, { "-", "Call back", "partner" })
    t.ok(got[3]:find("^the CRM changed %(`fields`, .*profile/details.lua:2%)$"), got[3])
    s:rest()
    rules.edit(s, row, { estimatedvalue = 92000 })
    s:act("edit", { id = p.referral, value = 93000 })
    p = preview(t, s, row)
    t.eq(change(t, p, "/details/dealValue")[2], "92000")
  end)
end

local function account_update(t)
  local files = { ["details.lua"] = [[return { api = 1, columns = { account = { "description" } },
  account = { update = function(d, v) v.description = "known as " .. d.name end } }]] }
  rules.sent({ files = files }, function(s, row, deal)
    s:rest()
    s:set("lose_callbacks", true)
    s:act("edit", { id = deal, name = "Harbour two" })
    local p = preview(t, s, row)
    local got, whole = change(t, p, "account.description")
    t.eq({ got[1], got[2], whole.side, whole.verb }, { "-", "known as Harbour two", "crm",
      "change" })
    t.ok(got[3]:find("profile/details.lua:2$"), got[3])
  end)
end

local function conflict(t)
  local files = { ["details.lua"] = [[return { api = 1,
  resolve = function(field, crm, partner)
    if field == "name" then return partner end
  end }]] }
  rules.sent({ files = files }, function(s, row, deal)
    rules.both_change(s, row, { description = "ours", name = "Ours" }, deal,
      { notes = "theirs", name = "Theirs" })
    local p = preview(t, s, row)
    t.eq(change(t, p, "/details/notes"),
      { "theirs", "ours", "both changed: the field table says the CRM" })
    local name = change(t, p, "opportunity.name")
    t.eq({ name[1], name[2] }, { "Ours", "✔ Theirs" })
    t.ok(name[3]:find("^both changed: .*profile/details.lua:2 says$"), name[3])
    t.eq(#p.conflicts, 2)
    t.has(said(p.conflicts), "kept the CRM's ours")
    local text = s:command("preview", { row })
    t.has(text, "conflict: both sides changed notes")
    t.ok(printed.widest(text) <= 80, "wider than 80:\n" .. text)
    t.eq(#s:command_json("conflicts"), 0, "no conflict is listed yet")
  end)
end

local function held_back(t)
  rules.sent({}, function(s, row, deal)
    s:set("lose_callbacks", true)
    s:act("edit", { id = deal, currency = "SEK", value = 70000, notes = "goes on" })
    local p = preview(t, s, row)
    t.has(said(p.held), "currency SEK does not exist in the CRM")
    t.eq(change(t, p, "opportunity.description")[2], "goes on")
    for _, one in ipairs(p.changes) do
      t.ok(one.field ~= "deal value" and one.field ~= "currency", json.encode(one))
    end
    t.has((s:command("preview", { row })), "held back: ")
  end)
end

-- A direction that is off: what waits for it stands there, and is not told as a write.
local function direction_off(t)
  rules.sent({ settings = { inbound = '"none"' } }, function(s, _, deal)
    s:set("lose_callbacks", true)
    s:act("edit", { id = deal, notes = "later" })
    local p = preview(t, s, deal)
    t.eq(#p.changes, 0, json.encode(p.changes))
    t.eq(p.waiting, { { side = "crm", field = "notes", now = "v0", ["then"] = "later",
      why = "the setting inbound is none" } })
    t.has((s:command("preview", { deal })), "waits: notes in the CRM, v0 -> later: the setting")
  end)
end

-- Under the brake it is shown all the same: to look is what the brake waits for.
local function paused(t)
  rules.sent({}, function(s, row)
    rules.edit(s, row, { description = "later" })
    s:host_stop()
    local state = s.dir .. "/cosell.db"
    local sh = assert(host.child.start { path = "/bin/sh", argv = { "-c",
      [[sqlite3 "$1" "insert into mark values ('brake', '{\"cause\":\"many_changes\",]] ..
      [[\"why\":\"many at once\",\"at_ms\":1}')"]], "sh", state } })
    t.eq(sh:wait().exit, 0, sh:output())
    kit.sign_in(s, s.dir)
    s:host_start { profile = s.profile, state = state, env = s.host_options.env }
    s:host_ready()
    kit.wait("rest", function() return s:idle() end)
    local p = preview(t, s, row)
    t.eq(change(t, p, "/details/notes")[2], "later")
    t.has(said(p.notes), "nothing of it is written now: many at once")
  end)
end

-- ---- One that only one side has ----

local function new_row(t)
  kit.with({ files = { ["details.lua"] = DETAILS }, settings = { settle = 3600 } }, function(s)
    s:rest()
    local row = s:act("create-opportunity", rules.deal { help = "Quotes / licensing" }).id
    local p = preview(t, s, row)
    t.eq({ p.outcome, p.deal == nil, p.row, p.name }, { "write", true, row, "Harbour" })
    local seen = {}
    for _, one in ipairs(p.changes) do
      seen[one.target .. one.place] = one["then"]
    end
    t.eq(seen["Microsoft's referral/inviteContext/assistanceRequestCode"], "QuotesOrLicensing")
    t.eq({ seen["referral/externalReferenceId"], seen["referral/type"] }, { row, "Shared" })
    t.eq(#kit.referrals(s), 0, "referrals, while the row settles")
  end)
end

local function new_row_of_ours(t)
  kit.with({}, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    local row = s:act("create-opportunity", rules.deal()).id
    local p = preview(t, s, row)
    local value, whole = change(t, p, "/details/dealValue")
    t.eq(value, { "-", "90000",
      "from opportunity.estimatedvalue (column by the setting deal_value_field)" })
    t.eq({ whole.verb, whole.target, whole.side }, { "create", "referral", "partner" })
    t.eq(change(t, p, "/customerProfile/name"), { "-", "Elbe Hafen GmbH", "from account.name" })
    t.eq(change(t, p, "/consent/consentToContact"), { "-", "Yes", "always so" })
    local id = change(t, p, "opportunity." .. rules.IDENTIFIER)
    t.eq({ id[1], id[2] }, { "-", "(given by Partner Center)" }, "and what the row gets then")
    t.has(said(p.lines), "Sent to Partner Center")
    t.eq(#kit.referrals(s), 0, "referrals")
    local poor = s:act("create-opportunity", rules.deal { name = "Poor", solutions = {} }).id
    p = preview(t, s, poor)
    t.has(said(p.lines), "Not sent")
    t.eq(change(t, p, "opportunity.name")[2], "✖ Poor")
  end)
end

local function new_referral(t)
  kit.with({ files = { ["details.lua"] = DETAILS } }, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", { name = "Plant", value = 1000, currency = "SEK",
      notes = "as made" }).id
    kit.seen(s)
    local p = preview(t, s, deal)
    t.eq({ p.outcome, p.deal == nil, p.referral, p.name }, { "write", true, deal, "Plant" })
    local country, whole = change(t, p, "account.address1_country")
    t.eq({ country[2], whole.field, whole.verb }, { "JP", "country", "create" })
    t.ok(country[3]:find("^mappings/default/country.lua:%d+$"), country[3])
    local made = change(t, p, "account.description")
    t.eq(made[2], "from JP")
    t.ok(made[3]:find("profile/details.lua:2$"), made[3])
    t.ok(change(t, p, "account.name")[3]:find("^mappings/default/details.lua:%d+$"))
    local step = change(t, p, "opportunity.stepname")
    t.eq(step[2], "Introduced")
    t.ok(step[3]:find("profile/details.lua:4$"), step[3])
    t.eq(change(t, p, "opportunity.parentaccountid")[2], "(the new account)")
    t.eq(change(t, p, "opportunity.description"), { "-", "as made", "from /details/notes" })
    t.eq(change(t, p, "/externalReferenceId"), { "-", "(the new row)", "the CRM's own" })
    t.has(said(p.held), "currency SEK does not exist in the CRM")
    t.has(said(p.lines), "neither a user nor a team")
    t.eq(#kit.opportunities(s), 0, "rows")
    local text = s:command("preview", { deal })
    t.has(text, "  create account in the CRM\n")
    t.has(text, "nothing was\n")
  end)
end

-- ---- Which deals, and what is told of a deal that cannot be looked at ----

local function which(t)
  rules.sent({}, function(s, row)
    s:set("lose_callbacks", true)
    s:act("create-opportunity", rules.deal { name = "Fresh" })
    s:act("portal-create", { name = "Plant", value = 1000, currency = "EUR" })
    local text, exit = untouched.while_looking(t, s, function() return s:command("preview") end)
    t.eq(exit, 0)
    t.has(text, "2 deals would be written; nothing was")
    t.has(text, "shown: 1 new in the CRM, 1 new at Partner Center, 1 of those that changed " ..
      "last, 20 at most (--last N)")
    t.has((s:command("preview", { "--last", "1" })), "shown: 1 new in the CRM, 1 at most")
    t.eq(#s:command_json("preview").deals, 3)
    local other = row:gsub("^.", row:sub(1, 1) == "0" and "1" or "0")
    text, exit = s:command("preview", { other })
    t.eq(exit, 1, text)
    local _, bad = s:command("preview", { "--last", "none" })
    t.eq(bad, 2, "a wrong number")
  end)
end

local function not_adopted(t)
  rules.sent({}, function(s, row)
    kit.fresh_state(s)
    kit.wait("the survey", function() return s:idle() end)
    local p = preview(t, s, row)
    t.eq({ p.outcome, p.why, #p.changes }, { "at rest", "not adopted: `cosell deal adopt`", 0 })
  end)
end

local function at_rest(t)
  rules.sent({}, function(s, row)
    s:set("lose_callbacks", true)
    rules.edit(s, row, { [rules.SYNC] = false, description = "alone" })
    local p = preview(t, s, row)
    t.eq({ p.outcome, #p.changes }, { "suspended", 0 }, "what comes is told")
    s:rest()
    p = preview(t, s, row)
    t.eq({ p.outcome, p.why, #p.changes }, { "at rest", "Sync is off in the CRM", 0 })
    s:act("delete", { table = "opportunity", id = row })
    s:rest()
    p = preview(t, s, "1")
    t.has(p.why, "its row was deleted in the CRM")
  end)
end

-- Before the first start, or with the host stopped: the command opens the state by itself.
local function without_a_host(t)
  rules.sent({}, function(s, row)
    rules.edit(s, row, { description = "later" })
    s:host_stop()
    local writes = kit.writes(s)
    kit.sign_in(s, s.dir)
    local text, exit = printed.run(s, { "preview", row }, 80)
    t.eq(exit, 0, text)
    t.has(text, "notes  v0   later")
    t.eq(kit.writes(s), writes)
  end)
end

local function mapping_fails(t)
  local files = { ["details.lua"] = [[return { api = 1, opportunity = { update = function(d)
  if d.notes == "bad" then error("a mistake of ours") end
end } }]] }
  rules.sent({ files = files, refused = true }, function(s, row, deal)
    s:set("lose_callbacks", true)
    s:act("edit", { id = deal, notes = "bad" })
    local p = preview(t, s, row)
    t.eq(p.outcome, "fails")
    t.ok(p.why:find("profile/details.lua:2: a mistake of ours$"), p.why)
  end)
end

-- ---- Leads ----

local function lead(t)
  kit.with({}, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    local deal = rules.marketplace(s)
    kit.seen(s)
    local p = preview(t, s, deal)
    t.eq(p.outcome, "write")
    local name, whole = change(t, p, "lead.companyname")
    t.eq({ name[2], whole.verb }, { "Kiso Valley Foods KK", "create" })
    t.eq(#s:rows("crm:lead"), 0, "leads")
  end)
end

-- ---- The guards behind the doors ----

-- A script that forgets itself in a rehearsal is refused by the host.
local function reckless(t)
  rules.sent({ env = kit.COMMANDS }, function(s, row, deal)
    local text, exit = untouched.while_looking(t, s, function()
      return s:command("reckless", { row, deal })
    end)
    t.eq(exit, 0, text)
    t.has(text, "within the step: 1\nafter it: nil\n")
    local _, refused = text:gsub("a rehearsal writes nothing: %u+ is not sent\n", "")
    t.eq(refused, 7, "refused requests: " .. text)
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("guard: whatever a rehearsal tries, nothing is written", function() reckless(t) end)
  t.case("item 83: a deal of both sides, both directions, and who decided", function()
    both_directions(t)
  end)
  t.case("item 83: a field that the mapping adds", function() more_fields(t) end)
  t.case("item 83: a column of the account", function() account_update(t) end)
  t.case("item 83: nothing to do", function() nothing_to_do(t) end)
  t.case("item 83: a conflict, and what resolve says of another", function() conflict(t) end)
  t.case("item 83: what is held back, and why; the rest", function() held_back(t) end)
  t.case("item 83: what waits for a direction that is off", function() direction_off(t) end)
  t.case("item 83: shown under the brake as well", function() paused(t) end)
  t.case("item 83: a new row with help asked: two referrals", function() new_row(t) end)
  t.case("item 83: a new row: the whole referral, and one that is refused", function()
    new_row_of_ours(t)
  end)
  t.case("item 83: a new referral: account, contact, row", function() new_referral(t) end)
  t.case("item 83: those that are shown without a name", function() which(t) end)
  t.case("item 83: a deal that is not adopted", function() not_adopted(t) end)
  t.case("item 83: deals at rest", function() at_rest(t) end)
  t.case("item 83: while no host runs", function() without_a_host(t) end)
  t.case("item 83: a mapping that raises is named", function() mapping_fails(t) end)
  t.case("item 83: a lead that would be made", function() lead(t) end)
end

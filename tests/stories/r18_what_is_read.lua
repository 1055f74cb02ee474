-- Rule 18: what wakes a deal in the CRM: its row, its solutions, its account and contact while it
-- waits for them; by time where change tracking is off.
local kit = require "commands.kit"
local rules = require "commands.rules"

local STREET = { name = "Elbe Hafen GmbH", line1 = "", city = "Hamburg", postalcode = "20457",
  country = "DE" }

local NEXT_MS = 5000 -- modifiedon tells seconds apart
local LATER_MS = 5 * 60 * 1000 -- what was made with the deal is read no more

local function account_mended(t)
  kit.with({ clock = true }, function(s)
    s:act("create-opportunity", rules.deal { account = STREET })
    s:rest()
    local o = kit.opportunity(s)
    t.has(o.audit, "street")
    s:clock(LATER_MS)
    s:rest()
    s:act("edit", { table = "account", id = o.row._parentaccountid_value,
      values = { address1_line1 = "Kai 4" } })
    s:rest()
    t.eq(#kit.referrals(s), 1, "sent, though the row was not touched")
    t.eq(kit.opportunity(s).name, "✔ Harbour")
    kit.quiet(t, s)
  end)
end

local function contact_mended(t)
  kit.with({ clock = true }, function(s)
    s:act("create-opportunity", rules.deal { help = "General or other",
      contact = { fullname = "Jana Petersen", telephone1 = "" } })
    s:rest()
    local o = kit.opportunity(s)
    t.has(o.audit, "the contact needs")
    s:clock(NEXT_MS)
    s:act("edit", { table = "contact", id = o.row._parentcontactid_value,
      values = { telephone1 = "+49 40 555 0111" } })
    s:rest()
    t.eq(#kit.referrals(s), 1, "sent, though the row was not touched")
  end)
end

local function untracked(t)
  rules.sent({}, function(s, row, deal)
    for _, name in ipairs { "opportunity", "msft_microsoftsolution" } do
      s:act("tracking", { table = name, on = "no" })
    end
    kit.describe(s, row, "seen by its time")
    s:act("add-solution", { opportunity = row, solution = "SOL-10002-DEF" })
    s:rest()
    local r = rules.referral(s, deal)
    t.eq({ r.details.notes, #r.details.requirements.solutions }, { "seen by its time", 2 })
    s:act("sync", { id = row, sync = "no" })
    s:rest()
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq(s:command_json("deal", { row }).state, "suspended", "Sync off is seen by the comparison")
    kit.quiet(t, s)
  end)
end

-- Nothing of what travels: no look at Partner Center follows.
local function own_columns(t)
  rules.sent({}, function(s, row)
    local last = tonumber((s:command("last")))
    t.eq(rules.writes_by(s, function()
      rules.edit(s, row, { [rules.AUDIT] = "notes of the seller" })
      s:rest()
      rules.edit(s, row, { closeprobability = 70 })
    end), 0, "writes")
    for _, run in ipairs(s:runs()) do
      t.ok(run.id <= last or run.link == nil, "a deal was looked at: " .. json.encode(run))
    end
    t.eq(kit.opportunity(s).audit, "notes of the seller")
  end)
end

return function(t)
  t.case("rule 18: an account that is mended brings its deal", function() account_mended(t) end)
  t.case("rule 18: a contact that is mended brings its deal", function() contact_mended(t) end)
  t.case("rule 18: without change tracking changes are seen by their time", function()
    untracked(t)
  end)
  t.case("rule 18: a column that does not travel wakes no deal", function() own_columns(t) end)
end

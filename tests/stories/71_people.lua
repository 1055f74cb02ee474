-- Accounts, contacts, owners and the team: how they are found, made and named, and what the seller
-- reads of it.
local kit = require "commands.kit"
local rules = require "commands.rules"

local FALLBACK = '"Rei Mori <rei.mori@partner.example> +81 3 5555 0199"'

local function accounts(s, name)
  local out = {}
  for _, row in ipairs(s:rows("crm:account")) do
    out[#out + 1] = (not name or row.name == name) and row or nil
  end
  table.sort(out, function(a, b) return a.accountid < b.accountid end)
  return out
end

local function user(s, email)
  for _, row in ipairs(s:rows("crm:systemuser")) do
    if row.internalemailaddress == email then
      return row
    end
  end
  return nil
end

local function team(s)
  return s:rows("crm:team")[1]
end

local function new_account(s, values)
  return s:act("create", { table = "account", name = values.name,
    address1_postalcode = values.postal_code, description = values.description }).id
end

local NORTH = { customer = "Nordlicht Backwaren GmbH", postal_code = "24103", country = "DE" }

local function nordlicht(s, over)
  local args = { name = "Ovens", value = 1000, currency = "EUR",
    customer = NORTH.customer, postal_code = NORTH.postal_code, country = NORTH.country }
  for name, value in pairs(over or {}) do
    args[name] = value
  end
  return s:act("portal-create", args).id
end

-- ---- Accounts and contacts ----

local function found_or_created(t)
  kit.with({}, function(s)
    local other = new_account(s, { name = NORTH.customer, postal_code = "10115" })
    nordlicht(s)
    s:rest()
    local made = kit.opportunity(s).row._parentaccountid_value
    t.ok(made ~= other, "another postal code is another customer")
    t.eq(#accounts(s, NORTH.customer), 2, "accounts of that name")
    nordlicht(s, { name = "More ovens" })
    s:rest()
    t.eq(#accounts(s, NORTH.customer), 2, "the second deal finds it")
    t.eq(kit.opportunities(s)[2].row._parentaccountid_value, made)
    t.eq(#s:rows("crm:opportunity"), 2, "deals")
    kit.quiet(t, s)
  end)
end

local function oldest_active(t)
  kit.with({ clock = true }, function(s)
    local oldest = new_account(s, { name = NORTH.customer, postal_code = "24103" })
    s:act("edit", { table = "account", id = oldest, values = { statecode = 1 } })
    s:clock(60000)
    local older = new_account(s, { name = NORTH.customer, postal_code = "24103" })
    s:clock(60000)
    new_account(s, { name = NORTH.customer, postal_code = "24103" })
    nordlicht(s)
    s:rest()
    local o = kit.opportunity(s)
    t.eq(o.row._parentaccountid_value, older, "the oldest that is active")
    t.eq(rules.count(o.audit, "2 accounts match: the oldest active one was taken"), 1, o.audit)
    kit.quiet(t, s)
  end)
end

local PICK = [[
return { api = 1,
  columns = { account = { "description" } },
  account = {
    match = function(d) return { { { "name", d.customer.name } } } end,
    pick = function(candidates, d)
      for _, c in ipairs(candidates) do
        if c.description == d.name then return c end
      end
    end,
    create = function(d, v) v.accountnumber = "MS-" .. d.customer.country end } }
]]

local function picked(t)
  kit.with({ files = { ["details.lua"] = PICK } }, function(s)
    new_account(s, { name = NORTH.customer, description = "Lamps" })
    local mine = new_account(s, { name = NORTH.customer, description = "Ovens" })
    nordlicht(s)
    s:rest()
    local o = kit.opportunity(s)
    t.eq(o.row._parentaccountid_value, mine, "the one that the mapping picked")
    t.ok(not o.audit:find("match", 1, true), "nothing to tell: " .. o.audit)
    nordlicht(s, { name = "Boilers" })
    s:rest()
    local of = {}
    for _, row in ipairs(accounts(s, NORTH.customer)) do
      of[#of + 1] = row.accountnumber
    end
    t.eq(of, { "MS-DE" }, "it picked none: a new one, as the mapping makes it")
    kit.quiet(t, s)
  end)
end

local BORN = { first_name = "Ida", last_name = "Brandt", phone = "+49 431 555 0101",
  email = "ida@nordlicht.example" }

local function contact_found(t)
  kit.with({}, function(s)
    local function contacts()
      local out = {}
      for _, row in ipairs(s:rows("crm:contact")) do
        out[#out + 1] = row.emailaddress1 == BORN.email and row or nil
      end
      return out
    end
    nordlicht(s, { contact = BORN })
    s:rest()
    local made = contacts()
    t.eq({ #made, made[1].lastname, made[1].telephone1 }, { 1, "Brandt", BORN.phone }, "created")
    t.eq(made[1]._parentcustomerid_value, accounts(s, NORTH.customer)[1].accountid)
    nordlicht(s, { name = "More ovens", contact = BORN })
    s:rest()
    t.eq(#contacts(), 1, "found")
    t.eq(kit.opportunities(s)[2].row._parentcontactid_value, made[1].contactid)
    nordlicht(s, { name = "Elsewhere", contact = BORN, customer = "Südwind AG",
      postal_code = "80331" })
    s:rest()
    t.eq(#contacts(), 2, "a person of another customer is another contact")
    kit.quiet(t, s)
  end)
end

-- ---- Texts that are too long ----

-- 51 units: 48 letters, then a pair of surrogates, then one letter; and 26 pairs.
local AT_THE_EDGE = ("z"):rep(49) .. "\u{1F3ED}x"
local ALL_PAIRS = ("\u{20BB7}"):rep(26)

local function cut_to_fit(t)
  kit.with({}, function(s)
    s:act("change-definition", { table = "contact", column = "firstname", max = 50 })
    nordlicht(s, { contact = { first_name = AT_THE_EDGE, last_name = ALL_PAIRS,
      phone = BORN.phone, email = BORN.email } })
    s:rest()
    local row
    for _, c in ipairs(s:rows("crm:contact")) do
      row = c.emailaddress1 == BORN.email and c or row
    end
    t.eq(row.firstname, ("z"):rep(49), "no half of a pair stays")
    t.eq(row.lastname, ("\u{20BB7}"):rep(25), "50 units are 25 of these")
    local audit = kit.opportunity(s).audit
    t.eq(rules.count(audit, "contact.firstname cut to 50 characters"), 1, audit)
    t.eq(rules.count(audit, "contact.lastname cut to 50 characters"), 1, audit)
    kit.quiet(t, s)
  end)
end

local function long_texts_later(t)
  kit.started(function(s, deal, row)
    local long = ("語"):rep(2001)
    s:act("edit", { id = deal, notes = long })
    s:rest()
    local o = kit.opportunity(s, row)
    t.eq(o.notes, ("語"):rep(2000), "as much as the column holds")
    t.eq(rules.count(o.audit, "notes cut to 2000 characters"), 1, o.audit)
    s:act("edit", { id = deal, value = 7 })
    s:rest()
    t.eq(rules.count(kit.opportunity(s, row).audit, "notes cut to"), 1, "said once")
    t.eq(rules.referral(s, deal).details.notes, long, "and not cut in the portal")
    kit.quiet(t, s)
  end)
end

-- ---- Required columns ----

local REQUIRED = [[
return { api = 1,
  account = { create = { description = "came by co-sell" } },
  contact = { create = function(d, v) v.description = d.contact.email end },
  opportunity = {
    create = function(d, v)
      v.opportunityratingcode = d.customer.country == "DE" and "Hot" or "Cold"
      v.stepname = "Microsoft"
    end } }
]]

local function required(t)
  kit.with({ files = { ["details.lua"] = REQUIRED } }, function(s)
    nordlicht(s, { contact = BORN })
    s:rest()
    local o = kit.opportunity(s)
    t.eq({ o.row.opportunityratingcode, o.row.stepname, o.name }, { 1, "Microsoft", "✔ Ovens" },
      "the mapping's columns beside the default's")
    t.eq(accounts(s, NORTH.customer)[1].description, "came by co-sell")
    rules.edit(s, o.id, { stepname = "by hand" })
    s:rest()
    t.eq(kit.opportunity(s).row.stepname, "by hand", "create columns are not touched again")
    kit.quiet(t, s)
  end)
end

-- ---- Accepting and declining ----

local CLOSE = [[
return { api = 1, close_reason = function(crm)
  return crm.statuscode == 4 and "Timeline is too short" or nil
end }
]]

local function answered(t, row_values, act, pair, reason)
  kit.with({ files = { ["details.lua"] = CLOSE } }, function(s)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" }).id
    s:rest()
    local row = kit.opportunity(s).id
    t.eq(rules.stands(s, deal), "New/Pending", "nobody has answered")
    if act then
      s:act(act, { id = row, status = 4 })
    else
      rules.edit(s, row, row_values)
    end
    s:rest()
    t.eq(rules.stands(s, deal), pair)
    if reason then
      t.eq(rules.referral(s, deal).statusReason, reason)
    end
    kit.quiet(t, s)
  end)
end

-- ---- Owners of what comes in ----

local function owned(t, setting, owner, files)
  kit.with({ settings = { default_owner = setting }, files = files }, function(s)
    nordlicht(s)
    s:rest()
    local o, id = kit.opportunity(s), owner(s)
    t.eq(o.row._ownerid_value, id, "the deal's: " .. o.audit)
    local account = accounts(s, NORTH.customer)[1]
    t.eq(account._ownerid_value, id, "the new account's")
    t.eq(s:status().queue.dead, 0, "dead letters")
    kit.quiet(t, s)
  end)
end

local function ken(s) return user(s, "ken@partner.example").systemuserid end
local function sales(s) return team(s).teamid end
local function application(s) return user(s, "connector@partner.example").systemuserid end

local OWNER = { ["details.lua"] = [[
return { api = 1, owner = function(d)
  return d.customer.country == "DE" and "Cloud Sales" or nil
end }]] }

local function unknown_owner(t)
  kit.with({ settings = { default_owner = '"nobody@partner.example"' } }, function(s)
    nordlicht(s)
    s:rest()
    local o = kit.opportunity(s)
    t.eq(o.row._ownerid_value, application(s))
    t.eq(rules.count(o.audit, "default_owner"), 1, o.audit)
    kit.quiet(t, s)
  end)
end

local function a_lead_too(t)
  rules.lead_arrived(function(s, _, lead)
    t.eq(lead._ownerid_value, ken(s), "the lead's owner")
  end, { settings = { default_owner = '"ken@partner.example"' } })
end

-- ---- The team that is named to Partner Center ----

local function emails(s)
  local out = {}
  for i, p in ipairs(kit.referrals(s)[1].team) do
    out[i] = p.email
  end
  return out
end

-- A deal whose owner (what a seller writes into ownerid) is prepared by `before`.
local function sent_by(t, settings, owner, before, body)
  kit.with({ settings = settings }, function(s)
    before(s)
    s:act("create-opportunity", rules.deal { values = { ownerid = owner } })
    s:rest()
    body(s, kit.opportunity(s))
    kit.quiet(t, s)
  end)
end

local function no_phone(s)
  s:act("edit", { table = "systemuser", id = ken(s),
    values = { mobilephone = "", address1_telephone1 = "" } })
end

local function join(s)
  s:act("join-team", { team = "Cloud Sales", user = "ken@partner.example" })
end

local KEN, OWNER_IS_KEN = "ken@partner.example", "Ken Aoki"

return function(t)
  t.case("item 59: an account is found by name and postal code, else created", function()
    found_or_created(t)
  end)
  t.case("item 59: of several accounts the oldest active one, with a line", function()
    oldest_active(t)
  end)
  t.case("item 79: search, choice and creation of accounts are the mapping's", function()
    picked(t)
  end)
  t.case("item 60: a contact is found by its account and e-mail, else created", function()
    contact_found(t)
  end)
  t.case("item 63: columns that the CRM demands are filled by the mapping", function()
    required(t)
  end)
  t.case("item 58: a seller accepts in the CRM", function()
    answered(t, { statuscode = 1 }, nil, "Active/Accepted")
  end)
  t.case("item 58: a seller declines in the CRM, with the reason", function()
    answered(t, nil, "lose", "Closed/Declined", "Timeline is too short")
  end)
  t.case("texts are cut as the column counts, between characters, and that is told", function()
    cut_to_fit(t)
  end)
  t.case("a text that became too long later is told once", function() long_texts_later(t) end)
  t.case("item 68: the setting default_owner owns what is new", function()
    owned(t, '"ken@partner.example"', ken)
  end)
  t.case("item 68: default_owner may be a team", function() owned(t, '"Cloud Sales"', sales) end)
  t.case("item 68: the mapping's owner goes before the setting's", function()
    owned(t, '"ken@partner.example"', sales, OWNER)
  end)
  t.case("item 68: a default owner whom the CRM does not know is told", function()
    unknown_owner(t)
  end)
  t.case("item 68: a lead has the default owner too", function() a_lead_too(t) end)

  t.case("item 47: the deal's owner is its team", function()
    sent_by(t, {}, OWNER_IS_KEN, function() end, function(s) t.eq(emails(s), { KEN }) end)
  end)
  t.case("item 47: of a team that owns the deal, its members", function()
    sent_by(t, {}, "Cloud Sales", join, function(s, o)
      t.eq(emails(s), { KEN }, o.audit)
    end)
  end)
  t.case("an owner without a phone: nothing is sent, and what mends it is told", function()
    sent_by(t, {}, OWNER_IS_KEN, no_phone, function(s, o)
      t.eq(#s:rows("referral"), 0, "referrals")
      t.has(o.audit, "team_fallback")
      t.has(o.name, "✖")
    end)
  end)
  t.case("an owner without a phone: team_fallback is named, and that is told", function()
    sent_by(t, { team_fallback = FALLBACK }, OWNER_IS_KEN, no_phone, function(s, o)
      t.eq(emails(s), { "rei.mori@partner.example" })
      t.eq(rules.count(o.audit, "no phone in the CRM: Rei Mori (setting team_fallback)"), 1,
        o.audit)
      t.has(o.name, "✔")
    end)
  end)
  t.case("team_fallback is told where the answer to what was sent is lost, too", function()
    sent_by(t, { team_fallback = FALLBACK }, OWNER_IS_KEN, function(s)
      no_phone(s)
      s:rest()
      s:fault("partner", { method = "POST", path = "/v1.0/", drop = "after" })
    end, function(s, o)
      t.eq(s:say("fault")[1].count, 0, "the answer was lost")
      t.eq(rules.count(o.audit, "(setting team_fallback)"), 1, o.audit)
    end)
  end)
  t.case("a team without members: team_fallback is named", function()
    sent_by(t, { team_fallback = FALLBACK }, "Cloud Sales", function() end, function(s, o)
      t.eq(emails(s), { "rei.mori@partner.example" })
      t.has(o.audit, "Nobody of the team that owns the deal")
    end)
  end)
  t.case("team_fallback is not named where the owner is whole", function()
    sent_by(t, { team_fallback = FALLBACK }, OWNER_IS_KEN, function() end, function(s, o)
      t.eq(emails(s), { KEN })
      t.ok(not o.audit:find("team_fallback", 1, true), o.audit)
    end)
  end)
end

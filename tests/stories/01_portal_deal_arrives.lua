-- Story 1: a deal made in the Partner Center portal appears in the CRM.
local kit = require "commands.kit"

local function solutions_of(s, id)
  local out = {}
  for _, row in ipairs(s:rows("crm:msft_microsoftsolution")) do
    if row._msft_opportunityid_value == id then
      out[#out + 1] = row
    end
  end
  return out
end

local function whole(t)
  kit.with({}, function(s)
    local deal = s:act("portal-create", { name = "Plant sensor rollout", value = 1250000,
      currency = "JPY", closing_date = "2031-03-31T00:00:00Z", notes = "First site in spring" })
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    local o = kit.opportunity(s)
    t.eq(o.name, "✔ Plant sensor rollout")
    t.eq(tonumber(o.value), 1250000)
    t.eq(o.closing_date, "2031-03-31")
    t.eq(o.notes, "First site in spring")
    t.eq(o.state, 0)
    t.eq(o.status, 1)
    t.eq(o.sync, true, "sync")
    t.eq(o.identifier, deal.id)
    t.eq(o.link, "https://portal.example/referrals/" .. deal.id)
    t.has(o.audit, "Created from Partner Center")
    local account = s:row("crm:account", o.row._parentaccountid_value)
    t.eq(account.name, "Hoshino Parts KK")
    t.eq(account.address1_postalcode, "460-0001")
    t.eq(account.address1_country, "JP")
    local contact = s:row("crm:contact", o.row._parentcontactid_value)
    t.eq(contact.emailaddress1, "mio@hoshino.example")
    local solutions = solutions_of(s, o.id)
    t.eq(#solutions, 1, "solutions")
    local currency = s:row("crm:transactioncurrency", o.row._transactioncurrencyid_value)
    t.eq(currency.isocurrencycode, "JPY")
    local ours = kit.referrals(s)
    t.eq(ours[1].externalReferenceId, o.id, "the CRM id is written back")
    kit.quiet(t, s)
  end)
end

local function found_account(t)
  kit.with({}, function(s)
    s:act("create-opportunity", { name = "Older deal", account = { name = "Elbe Hafen GmbH",
      postalcode = "20457", line1 = "Kai 4", city = "Hamburg", country = "DE" }, sync = false })
    local before = #s:rows("crm:account")
    s:act("portal-create", { customer = "Elbe Hafen GmbH", postal_code = "20457", city = "Hamburg",
      country = "DE", address_line1 = "Kai 4" })
    s:rest()
    t.eq(#kit.opportunities(s), 2, "opportunities")
    t.eq(#s:rows("crm:account"), before, "no second account")
  end)
end

local function both_events(t)
  kit.with({}, function(s)
    s:act("portal-create", { help = "CustomerTechnicalArchitecture" }) -- both copies at once
    s:rest()
    t.eq(#kit.opportunities(s), 1, "opportunities")
    local o = kit.opportunity(s)
    t.ok(o.help, "help is filled")
    t.eq(o.visible, true)
    kit.quiet(t, s)
  end)
end

local function one_customer(t)
  kit.with({}, function(s)
    local before = #s:rows("crm:account")
    s:fault("crm", { path = "$batch", delay_ms = 300 }) -- both have looked before one has made it
    s:act("portal-create", { name = "First of two" })
    s:act("portal-create", { name = "Second of two" })
    kit.wait("both deals", function() return #kit.opportunities(s) == 2 end)
    s:say("fault", { "clear" })
    s:rest()
    t.eq(#kit.opportunities(s), 2, "opportunities")
    t.eq(#s:rows("crm:account"), before + 1, "one account")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("story 1: a deal of the portal arrives with everything", function() whole(t) end)
  t.case("story 1: an account of that name and postal code is used", function()
    found_account(t)
  end)
  t.case("story 1: both created-events at once make one opportunity", function() both_events(t) end)
  t.case("story 1: two deals of one new customer make one account", function() one_customer(t) end)
end

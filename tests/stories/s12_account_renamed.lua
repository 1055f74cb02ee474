-- Situation 12: an account with many deals is renamed.  A customer can't change at Partner Center
-- after creation: nothing is written; each deal tells it with its next real write, once.
local kit = require "commands.kit"
local rules = require "commands.rules"

local CUSTOMER, RENAMED = "Larkfield Foods Ltd", "Larkfield Group plc"
local DEALS = 12
local SAID = "can't change after creation"

local function account(s)
  for _, row in ipairs(s:rows("crm:account")) do
    if row.name == CUSTOMER or row.name == RENAMED then
      return row.accountid
    end
  end
  error("no account", 0)
end

local function audits(s)
  local out = {}
  for i, o in ipairs(kit.opportunities(s)) do
    out[i] = o.audit
  end
  return out
end

local function customers(s)
  local out = {}
  for _, r in ipairs(kit.referrals(s)) do
    out[r.customerProfile.name] = (out[r.customerProfile.name] or 0) + 1
  end
  return out
end

-- made(s, i): one deal of the customer
local function renamed(made, body)
  kit.with({}, function(s)
    for i = 1, DEALS do
      made(s, i)
    end
    s:rest()
    s:act("edit", { table = "account", id = account(s), values = { name = RENAMED } })
    body(s)
  end)
end

local function in_crm(s, i)
  s:act("create-opportunity", { name = "Deal " .. i, value = 1000 * i, currency = "EUR",
    closing_date = "2031-09-30", account = CUSTOMER, contact = "Owen Pryce",
    solutions = { "SOL-10001-ABC" }, sync = true })
end

local function in_portal(s, i)
  s:act("portal-create", { name = "Deal " .. i, value = 1000 * i, currency = "EUR",
    customer = CUSTOMER, postal_code = "BS1 5TR", country = "GB" })
end

-- Every deal is looked at, for a reason that is worth no write.
local function look_at_all(s)
  for _, r in ipairs(kit.referrals(s)) do
    s:act("set-raw", { id = r.id, path = "details/novelty", value = '"seen"' })
  end
end

local function nothing_written(t, made)
  renamed(made, function(s)
    local writes, before = kit.writes(s), audits(s)
    s:rest()
    look_at_all(s)
    s:rest()
    s:command("sync", { "--all", "--apply" })
    s:rest()
    t.eq(kit.writes(s), writes, "writes")
    t.eq(audits(s), before, "audit texts")
    t.eq(customers(s), { [CUSTOMER] = DEALS }, "customers at Partner Center")
    t.eq(#kit.opportunities(s), DEALS)
    kit.quiet(t, s)
  end)
end

-- next_write(s, o): what makes deal o be written for a reason of its own
local function told_then(t, next_write)
  renamed(in_portal, function(s)
    s:rest()
    local chosen = kit.opportunities(s)[3]
    next_write(s, chosen, "one")
    s:rest()
    for _, o in ipairs(kit.opportunities(s)) do
      t.eq(rules.count(o.audit, SAID), o.id == chosen.id and 1 or 0, o.name .. ": " .. o.audit)
    end
    kit.quiet(t, s)
    next_write(s, chosen, "two")
    s:rest()
    t.eq(rules.count(kit.opportunity(s, chosen.id).audit, SAID), 1, "told once")
    t.eq(customers(s), { [CUSTOMER] = DEALS }, "customers at Partner Center")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 12: twelve deals of the CRM, their account renamed: nothing is written",
    function() nothing_written(t, in_crm) end)
  t.case("situation 12: twelve deals of the portal, their account renamed: nothing is written",
    function() nothing_written(t, in_portal) end)
  t.case("situation 12: it is told with the deal's next write to Partner Center", function()
    told_then(t, function(s, o, text) kit.describe(s, o.id, text) end)
  end)
  t.case("situation 12: it is told with the deal's next write to the CRM", function()
    told_then(t, function(s, o, text) s:act("edit", { id = o.identifier, notes = text }) end)
  end)
end

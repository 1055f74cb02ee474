-- A connection that is cut after our POST was taken makes no second referral; besides, what a deal
-- must not meet on its way: other money, an acceptance nobody gave, an edit that leaves no trace.
local kit = require "commands.kit"

local DEAL = { name = "Harbour", value = 90000, currency = "EUR", notes = "v0",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  solutions = { "SOL-10001-ABC" }, sync = true }

local OWN_COLUMN = [[
return { api = 1, opportunity = {
  update = function(deal, values, crm)
    values.customerneed = "n:" .. (crm.description or "")
  end,
} }
]]

local BASE_CURRENCY = [[
return { read = "estimatedvalue", currency = "base", write = "estimatedvalue" }
]]

-- o: files, notes
local function started(o, body)
  kit.with({ files = o.files }, function(s)
    s:act("portal-create", { value = 1000, currency = "USD", notes = o.notes })
    s:rest()
    body(s, kit.opportunity(s).id)
  end)
end

local function edit(s, row, values)
  s:act("edit", { table = "opportunity", id = row, values = values })
end

local function notes(s)
  return kit.referrals(s)[1].details.notes
end

local function currency(s, code)
  for _, row in ipairs(s:rows("crm:transactioncurrency")) do
    if row.isocurrencycode == code then
      return row.transactioncurrencyid
    end
  end
  error("no currency " .. code)
end

local function cut_off(t)
  started({}, function(s)
    s:fault("partner", { method = "POST", path = "referrals", drop = "after", count = 1 })
    s:act("create-opportunity", DEAL)
    s:rest()
    t.eq(#kit.referrals(s), 2, "referrals: one of the portal, one of ours")
  end)
end

local function own_column(t)
  started({ files = { ["details.lua"] = OWN_COLUMN }, notes = "v0" }, function(s, row)
    edit(s, row, { description = "v1" })
    s:rest()
    t.eq(tostring(kit.opportunity(s).row.customerneed), "n:v1")
  end)
end

local function half_of_the_money(t)
  started({}, function(s, row)
    edit(s, row, { estimatedvalue = 0,
      transactioncurrencyid = { table = "transactioncurrency", id = currency(s, "EUR") } })
    s:rest()
    local d = kit.referrals(s)[1].details
    t.ok(not (d.currency == "EUR" and tonumber(d.dealValue) == 1000),
      "1000 USD became " .. tostring(d.dealValue) .. " " .. d.currency)
  end)
end

local function base_currency(t)
  kit.with({ files = { ["deal_value.lua"] = BASE_CURRENCY } }, function(s)
    s:act("create-opportunity", DEAL)
    s:rest()
    t.eq(#kit.referrals(s), 1, kit.opportunity(s).audit)
  end)
end

local function adopted_new(t)
  kit.with({}, function(s)
    s:rest()
    s:set("lose_callbacks", true)
    local deal = s:act("microsoft-create", { kind = "cosell", value = 1000, currency = "USD" }).id
    s:act("create-opportunity", { name = "Plant sensor rollout", value = 1000, currency = "USD",
      values = { msft_microsoftpartnercenterreferralidentifier = deal,
        msft_microsoftpartnercenterreferralsync = true } })
    s:set("lose_callbacks", false)
    s:command("sync")
    s:rest()
    s:act("edit", { id = deal, notes = "b" })
    s:rest()
    local r = s:row("referral", deal)
    t.eq(r.status .. "/" .. r.substatus, "New/Pending")
  end)
end

local function dead_letter_stays(t)
  started({}, function(s, row)
    s:set("delivery_delay_ms", 2000)
    edit(s, row, { description = "one" })
    s:command("sync")
    kit.wait("the first edit to be sent and noted", function()
      local queue = s:status().queue
      return notes(s) == "one" and queue.due + queue.soon + queue.running == 0
    end)
    s:fault("crm", { method = "GET", path = "opportunities(", status = 400, count = 1 })
    edit(s, row, { description = "two" })
    s:command("sync")
    kit.wait("a dead letter", function() return s:status().queue.dead > 0 end)
    s:rest()
    t.ok(s:status().queue.dead > 0 or notes(s) == "two", "neither sent nor a dead letter")
  end)
end

return function(t)
  t.case("cut: our POST is cut off after it was taken: it is not made twice", function()
    cut_off(t)
  end)
  t.case("on its way: a mapping's own column is written", function() own_column(t) end)
  t.case("on its way: a new currency without a value makes no other money", function()
    half_of_the_money(t)
  end)
  t.case("on its way: a mapping with the base currency sends its deal", function()
    base_currency(t)
  end)
  t.case("on its way: a row that names a New referral does not accept it", function()
    adopted_new(t)
  end)
  t.case("on its way: an edit that ended in a dead letter survives a callback", function()
    dead_letter_stays(t)
  end)
end

-- Microsoft's copy of a co-sell deal, the second referral, is made once, whatever is lost or lags,
-- and not at all for a deal that may not be shared.
local kit = require "commands.kit"

local HELP = "Proof of concept / demo"
local DEAL = { name = "Harbour", value = 90000, currency = "EUR", notes = "v0",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  solutions = { "SOL-10001-ABC" }, help = HELP, sync = true }

-- The row carries the identifier: the deal is sent, whatever lagged on the way.
local function until_told(s)
  kit.wait("the identifier on the row", function() return kit.opportunity(s).identifier end)
  s:rest()
end

local function private_deal()
  local out = {}
  for name, value in pairs(DEAL) do
    out[name] = value
  end
  out.help, out.contact = nil, nil
  return out
end

local function copies(s)
  local _, theirs = kit.referrals(s)
  return #theirs
end

local function made_once(t, s)
  t.eq(copies(s), 1, "Microsoft's copies")
  t.ok(kit.opportunity(s).identifier, "row got its identifier")
end

local function not_listed(t)
  kit.with({}, function(s)
    s:set("list_related", false)
    s:set("second_invite", "allow")
    local row = s:act("create-opportunity", DEAL).id
    s:rest()
    s:act("edit", { table = "opportunity", id = row, values = { description = "v1" } })
    s:rest()
    t.eq(copies(s), 1, "Microsoft's copies")
  end)
end

local function answer_lost(t)
  kit.with({ settings = { look_wait = 3 } }, function(s)
    s:set("second_invite", "allow")
    s:set("read_lag_ms", 2500)
    s:fault("partner", { method = "POST", path = "referrals", drop = "after", skip = 1,
      count = 1 })
    s:act("create-opportunity", DEAL)
    s:rest()
    until_told(s)
    made_once(t, s)
  end)
end

local function request_refused(t)
  kit.with({}, function(s)
    s:set("read_lag_ms", 4000)
    s:set("lose_callbacks", true)
    s:fault("partner", { method = "POST", path = "referrals", status = 503, skip = 1, count = 1 })
    s:act("create-opportunity", DEAL)
    s:rest()
    until_told(s)
    made_once(t, s)
  end)
end

local function stays_private(t)
  kit.with({}, function(s)
    local row = s:act("create-opportunity", private_deal()).id
    s:rest()
    s:act("edit", { table = "opportunity", id = row,
      values = { msft_microsoftpartnercenterhelp = HELP } })
    s:rest()
    local ours = kit.referrals(s)
    t.eq(copies(s), 0, "Microsoft's copies")
    t.eq(ours[1].consent.consentToShareReferralWithMicrosoftSellers, false,
      "still private: " .. kit.opportunity(s).audit)
  end)
end

return function(t)
  t.case("second referral: a list that does not show it makes no other", function()
    not_listed(t)
  end)
  t.case("second referral: its answer is lost and the list lags: it is made once", function()
    answer_lost(t)
  end)
  t.case("second referral: it fails at first and the list lags: it is made later", function()
    request_refused(t)
  end)
  t.case("second referral: help without a contact on a private deal shares nothing", function()
    stays_private(t)
  end)
end

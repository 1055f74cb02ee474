-- What the stories of the rules (stories/rNN_*.lua) share besides kit.lua: a deal of the CRM, edits
-- of a row, what a referral stands at, and counting what the services were asked.
local kit = require "commands.kit"

local M = {}

M.SYNC = "msft_microsoftpartnercenterreferralsync"
M.IDENTIFIER = "msft_microsoftpartnercenterreferralidentifier"
M.LINK = "msft_microsoftpartnercenterreferrallink"
M.AUDIT = "msft_microsoftpartnercenterreferralsyncaudit"
M.VISIBLE = "msft_microsoftpartnercenterreferralvisible"
M.HELP = "msft_microsoftpartnercenterhelp"

local DEAL = { name = "Harbour", value = 90000, currency = "EUR", notes = "v0",
  closing_date = "2031-09-30", account = { name = "Elbe Hafen GmbH", line1 = "Kai 4",
    city = "Hamburg", postalcode = "20457", country = "DE" }, contact = "Jana Petersen",
  solutions = { "SOL-10001-ABC" }, sync = true }

---A whole deal of the CRM, without help asked.
---@param over table|nil  false leaves a member out
function M.deal(over)
  local out = {}
  for name, value in pairs(DEAL) do
    out[name] = value
  end
  for name, value in pairs(over or {}) do
    out[name] = value or nil
  end
  return out
end

---Runs body(s, row, referral) on a stage with one deal of the CRM that was sent.
---@param o table|nil  for kit.with; o.deal: what M.deal gets
function M.sent(o, body)
  kit.with(o or {}, function(s)
    local row = s:act("create-opportunity", M.deal(o and o.deal)).id
    s:rest()
    body(s, row, kit.opportunity(s, row).identifier)
  end)
end

---A seller edits columns of a row.
function M.edit(s, row, values)
  s:act("edit", { table = "opportunity", id = row, values = values })
end

---The administrator adds a currency to the CRM.
---@param code string
function M.add_currency(s, code)
  s:act("create", { table = "transactioncurrency", values = { isocurrencycode = code,
    currencyname = code, currencysymbol = code, currencyprecision = 2, exchangerate = "10" } })
end

---Both sides of one deal change before either is looked at: s:rest() works it off.
function M.both_change(s, row, crm, deal, partner)
  s:set("lose_callbacks", true)
  M.edit(s, row, crm)
  partner.id = deal
  s:act("edit", partner)
end

function M.referral(s, id)
  return s:row("referral", id)
end

---A lead of the marketplace, which Microsoft sends.
---@return string  the referral's id
function M.marketplace(s)
  return s:act("microsoft-create", { kind = "marketplace", value = 1000, currency = "USD",
    notes = "as sent", customer = "Kiso Valley Foods KK",
    contact = { first_name = "Rin", last_name = "Kiso", email = "rin@kiso.example" } }).id
end

---Runs body(s, referral, lead) on a stage where it has arrived.
---@param body fun(s: table, deal: string, lead: table)
---@param o table|nil  for kit.with
function M.lead_arrived(body, o)
  kit.with(o or {}, function(s)
    local deal = M.marketplace(s)
    s:rest()
    body(s, deal, s:rows("crm:lead")[1])
  end)
end

---"Active/Accepted"
function M.stands(s, id)
  local r = M.referral(s, id)
  return r.status .. "/" .. r.substatus
end

---How often a text holds a part, taken as it is.
function M.count(text, part)
  local n, at = 0, 1
  while true do
    local _, stop = text:find(part, at, true)
    if not stop then
      return n
    end
    n, at = n + 1, stop + 1
  end
end

---How many turns have ended in this way.
---@param outcome string  as `cosell runs` names it
function M.turns(s, outcome)
  local n = 0
  for _, run in ipairs(s:runs()) do
    n = n + (run.outcome == outcome and 1 or 0)
  end
  return n
end

local NEVER = 1000000000 -- a limit that is never reached only counts

-- A fault with a name of its own; what says how it stands.
local function own_fault(s, service, what, more)
  local rule = { name = "own " .. host.uuid() }
  for _, given in ipairs { what, more } do
    for name, value in pairs(given) do
      rule[name] = value
    end
  end
  s:fault(service, rule)
  return function()
    for _, row in ipairs(s:say("fault")) do
      if row.name == rule.name then
        return row
      end
    end
    error("the fault was cleared")
  end
end

---Counts requests of a kind from now on.
---@param s table
---@param service "crm"|"partner"
---@param what { method: string|nil, path: string|nil }
---@return fun(): integer
function M.counting(s, service, what)
  local row = own_fault(s, service, what, { limit = NEVER })
  return function()
    return row().calls or 0
  end
end

---A request of that kind is held for so long; the function waits until one has come and is held.
---@param s table
---@param service "crm"|"partner"
---@param what { method: string|nil, path: string|nil, delay_ms: integer }
---@return fun()
function M.holding(s, service, what)
  local row = own_fault(s, service, what, { count = 1 })
  return function()
    kit.wait("a request that is held", function()
      return row().count == 0
    end)
  end
end

---Both programs' time passes until what was just done in the CRM is so old for the host: by the
---CRM's clock, which may be ahead, and says when a row was changed.
---@param ms integer
function M.left_alone(s, ms)
  for _, row in ipairs(s:say("switches")) do
    if row.name == "crm_ahead_ms" then
      s:clock(ms + row.value)
    end
  end
end

---Looks at both sides, until everything is at rest; how many writes the services took by then.
function M.writes_by(s, what)
  s:rest()
  local before = kit.writes(s)
  what()
  s:rest()
  return kit.writes(s) - before
end

return M

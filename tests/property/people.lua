-- The people of a scenario: they act on both sides, and see what both sides hold.  Each act is
-- followed by a look, so what it changed is known as edits: field, value, and what stood there
-- before.  Reaches the practice environment through a place (course.lua); it must never ask the
-- host.  Where the host may write between an act and a look, the place's act also gives what was
-- stored just before and just after it, as places to look at.
local M = {}
M.__index = M

---@class Edit
---@field step integer
---@field deal integer
---@field side "crm"|"partner"
---@field field string
---@field was string|nil  what the person saw there
---@field value string|nil

---@param place Place
function M.new(place)
  return setmetatable({ place = place, deals = {}, edits = {} }, M)
end

-- ---- Looking ----

local function given(v)
  if v == nil or v == json.null or v == "" then
    return nil
  end
  return v
end

local function amount(v)
  v = tonumber(tostring(given(v) or ""))
  return v and ("%.2f"):format(v) or "none"
end

local MARKS = { "✔", "✖" }

local function bare(name)
  for _, mark in ipairs(MARKS) do
    if name and name:sub(1, #mark) == mark then
      name = name:sub(#mark + 1):gsub("^%s+", "")
    end
  end
  return name
end

-- The seed's currencies and solutions (scripts/sim/crm_seed.lua), by the end of their ids.
local SEEDED = { ["11"] = "USD", ["12"] = "JPY", ["13"] = "EUR", ["21"] = "SOL-10001-ABC",
  ["22"] = "SOL-10002-DEF", ["23"] = "SOL-10003-GHI" }

local function seeded(id)
  return id and SEEDED[id:sub(-2)] or "none"
end

-- A set: two people may add the same one at the same moment.
local function crm_solutions(place, id)
  local out, there = {}, {}
  for _, row in ipairs(place.rows "crm:msft_microsoftsolution") do
    local solution = seeded(row._msft_solutiondetailid_value)
    if row._msft_opportunityid_value == id and not there[solution] then
      out[#out + 1], there[solution] = solution, true
    end
  end
  table.sort(out)
  return table.concat(out, " ")
end

local WORDS = { [0] = "open", [1] = "won", [2] = "lost" }

local function crm_state(row)
  if row.statecode == 0 and row.statuscode == 2 then
    return "hold"
  elseif row.statecode == 2 and row.statuscode == 4 then
    return "canceled"
  end
  return WORDS[row.statecode]
end

local function seen_in_crm(place, row)
  return {
    name = bare(given(row.name)), closing_date = given(row.estimatedclosedate),
    money = amount(row.estimatedvalue) .. " " .. seeded(row._transactioncurrencyid_value),
    notes = given(row.description), state = crm_state(row),
    visible = row.msft_microsoftpartnercenterreferralvisible == true,
    help = given(row.msft_microsoftpartnercenterhelp) ~= nil,
    solutions = crm_solutions(place, row.opportunityid),
    sync = row.msft_microsoftpartnercenterreferralsync == true,
  }
end

local function partner_solutions(r)
  local out = {}
  for i, item in ipairs(((r.details or {}).requirements or {}).solutions or {}) do
    out[i] = item.id
  end
  table.sort(out)
  return table.concat(out, " ")
end

local function seen_at_partner(r, theirs)
  return {
    name = given(r.name), closing_date = tostring(given(r.details.closingDateTime)):sub(1, 10),
    money = amount(r.details.dealValue) .. " " .. (given(r.details.currency) or "none"),
    notes = given(r.details.notes), state = r.status .. "/" .. r.substatus,
    visible = (r.consent or {}).consentToShareReferralWithMicrosoftSellers == true,
    help = theirs ~= nil and (theirs.inviteContext or {}).assistanceRequestCode ~= "Unknown",
    solutions = partner_solutions(r), shared = theirs ~= nil,
  }
end

---Referrals as stored: ours, and Microsoft's by engagement.
---@param place Place|nil  where to look
function M:referrals(place)
  local ours, theirs = {}, {}
  for _, r in ipairs((place or self.place).rows "referral") do
    if r.organizationId == "msft" then
      theirs[r.engagementId] = theirs[r.engagementId] or {}
      table.insert(theirs[r.engagementId], r)
    else
      ours[#ours + 1] = r
    end
  end
  return ours, theirs
end

-- A deal's other half, once it is there: the referral that names the row, or the row that names it.
local function find(self, deal)
  if not deal.referral then
    for _, r in ipairs((self:referrals())) do
      if given(r.externalReferenceId) == deal.row then
        deal.referral, deal.engagement = r.id, r.engagementId
      end
    end
  elseif not deal.row then
    for _, row in ipairs(self.place.rows "crm:opportunity") do
      if given(row.msft_microsoftpartnercenterreferralidentifier) == deal.referral then
        deal.row = row.opportunityid
      end
    end
  end
end

---What a side shows of a deal; nil: it is not there (yet).
---@param side "crm"|"partner"
---@param place Place|nil  where to look
function M:see(deal, side, place)
  place = place or self.place
  find(self, deal)
  if side == "crm" then
    local row = deal.row and place.row("crm:opportunity", deal.row)
    return row and seen_in_crm(place, row) or nil
  end
  local r = deal.referral and place.row("referral", deal.referral)
  if not r then
    return nil
  end
  local _, theirs = self:referrals(place)
  return seen_at_partner(r, theirs[r.engagementId] and theirs[r.engagementId][1])
end

-- ---- Acting ----

-- Customers that the practice environment does not know yet, the same on both sides.
local CUSTOMERS = {
  { name = "Elbe Hafen GmbH", line1 = "Kai 4", city = "Hamburg", postalcode = "20457",
    country = "DE" },
  { name = "Alder Foods Ltd", line1 = "9 Mill Lane", city = "Leeds", postalcode = "LS1 4AP",
    country = "GB" },
}

local function make_args(step)
  return { name = "Deal " .. step.deal, value = step.value, currency = step.currency,
    closing_date = "2031-12-24", notes = "Made in step " .. step.n, solutions = step.solutions,
    customer = CUSTOMERS[step.deal % 2 + 1] }
end

local MAKE = {}

local function at_partner(act, more)
  return function(self, step)
    local args = make_args(step)
    local c = args.customer
    args.closing_date = args.closing_date .. "T00:00:00Z"
    args.customer = { name = c.name, address_line1 = c.line1, city = c.city, state = "",
      postal_code = c.postalcode, country = c.country }
    for name, v in pairs(more) do
      args[name] = v
    end
    local made, problem, _, after = self.place.act(act, args)
    return made and { referral = made.id, engagement = made.engagementId }, problem, after
  end
end

local function in_crm(more)
  return function(self, step)
    local args = make_args(step)
    args.account, args.customer, args.sync = args.customer, nil, true
    args.contact = "Jana Petersen"
    for name, v in pairs(more) do
      args[name] = v
    end
    local made, problem, _, after = self.place.act("create-opportunity", args)
    return made and { row = made.id }, problem, after
  end
end

MAKE.portal = at_partner("portal-create", {})
MAKE["portal-help"] = at_partner("portal-create", { help = "GeneralOrOther", visible = true })
MAKE.microsoft = at_partner("microsoft-create", { kind = "cosell" })
MAKE.crm = in_crm {}
MAKE["crm-help"] = in_crm { help = "Proof of concept / demo" }

local COLUMNS = { name = "name", value = "estimatedvalue", closing_date = "estimatedclosedate",
  notes = "description", visible = "msft_microsoftpartnercenterreferralvisible",
  currency = "transactioncurrencyid" }
local CURRENCIES = { USD = "US Dollar", EUR = "Euro", JPY = "Japanese Yen" }

local function edit_crm(self, deal, step)
  local values = {}
  for field, v in pairs(step.values) do
    values[COLUMNS[field]] = field == "currency" and CURRENCIES[v] or v
  end
  return self.place.act("edit", { table = "opportunity", id = deal.row, values = values })
end

local function edit_partner(self, deal, step)
  local args = { id = deal.referral }
  for field, v in pairs(step.values) do
    args[field] = field == "closing_date" and v .. "T00:00:00Z" or v
  end
  return self.place.act("edit", args)
end

-- Acts by their word in a step.
local ACTS = {}

local function crm_act(name, more)
  return function(self, deal, step)
    local args = { id = deal.row, opportunity = deal.row, solution = step.solution }
    for k, v in pairs(more or {}) do
      args[k] = v
    end
    return self.place.act("crm." .. name, args)
  end
end

local function partner_act(name, more)
  return function(self, deal)
    local args = { id = deal.referral }
    for k, v in pairs(more or {}) do
      args[k] = v
    end
    return self.place.act("partner." .. name, args)
  end
end

ACTS["win"], ACTS["lose"], ACTS["reopen"] = crm_act "win", crm_act "lose", crm_act "reopen"
ACTS["sync-off"], ACTS["sync-on"] = crm_act("sync", { sync = false }), crm_act("sync")
ACTS["remove-solution"] = crm_act "remove-solution"
ACTS["help"] = crm_act("edit", { table = "opportunity",
  values = { msft_microsoftpartnercenterhelp = "General or other" } })
ACTS["open"] = crm_act("edit", { table = "opportunity", values = { statuscode = 1 } })
ACTS["won"], ACTS["lost"] = partner_act("close", { state = "won" }),
  partner_act("close", { state = "lost" })
for _, name in ipairs { "accept", "decline", "microsoft-accept", "microsoft-decline",
  "microsoft-win", "microsoft-join" } do
  ACTS[name] = partner_act(name)
end

-- What is gone on one side stays gone there, and stays as it is on the other (rule 13).
local function goes(name, side)
  return function(self, deal, step)
    local act = side == "crm" and crm_act(name) or partner_act(name)
    local result, problem, before, after = act(self, deal, step)
    deal.gone = deal.gone or result and side
    return result, problem, before, after
  end
end

ACTS["delete"] = goes("delete", "crm")

-- A referral whose making had no answer yet can't be told from one that was never made.
ACTS["vanish"] = function(self, deal, step)
  local row = deal.origin:find("^crm") and self.place.row("crm:opportunity", deal.row)
  if row and not given(row.msft_microsoftpartnercenterreferralidentifier) then
    return nil, "the host may not know it yet"
  end
  return goes("vanish", "partner")(self, deal, step)
end

ACTS["expire"] = function(self, deal)
  if self:see(deal, "partner").state ~= "New/Pending" then
    return nil, "it was answered"
  end
  return self.place.act("partner.expire", { id = deal.referral })
end

ACTS["add-solution"] = function(self, deal, step)
  if crm_solutions(self.place, deal.row):find(step.solution, 1, true) then
    return nil, "it has that solution"
  end
  return crm_act "add-solution"(self, deal, step)
end

ACTS["set-solutions"] = function(self, deal, step)
  return self.place.act("partner.edit", { id = deal.referral, solutions = step.solutions })
end

local KINDS = {}

function KINDS.edit(self, deal, step)
  return (step.side == "crm" and edit_crm or edit_partner)(self, deal, step)
end

function KINDS.act(self, deal, step)
  return ACTS[step.act](self, deal, step)
end

function KINDS.save(self, deal, step)
  if step.side == "crm" then
    return self.place.act("edit", { table = "opportunity", id = deal.row,
      values = { description = self:see(deal, "crm").notes or "" } })
  end
  return self.place.act("edit", { id = deal.referral })
end

local SEEN = { "name", "money", "closing_date", "notes", "state", "visible", "help", "solutions",
  "sync" }

local function note_edits(self, step, before, after)
  for _, field in ipairs(SEEN) do
    if before[field] ~= after[field] then
      table.insert(self.edits, { step = step.n, deal = step.deal, side = step.side, field = field,
        was = before[field], value = after[field] })
    end
  end
end

local function make(self, step)
  local deal, problem, after = MAKE[step.origin](self, step)
  if not deal then
    error("step " .. step.n .. ": " .. tostring(problem and problem.text or problem), 0)
  end
  deal.n, deal.origin = step.deal, step.origin
  self.deals[step.deal] = deal
  step.side = deal.row and "crm" or "partner"
  note_edits(self, step, {}, self:see(deal, step.side, after))
  return true
end

---Does a step; false and why: the people could not do it where things stand.
---@param step Step
---@return boolean done, string|nil why
function M:act(step)
  if step.kind == "make" then
    return make(self, step)
  end
  local deal = self.deals[step.deal]
  local was = deal and self:see(deal, step.side)
  if not was then
    return false, "not there yet"
  end
  local result, problem, before, after = KINDS[step.kind](self, deal, step)
  if result == nil then
    return false, tostring(type(problem) == "table" and problem.text or problem)
  end
  was = before and self:see(deal, step.side, before) or was
  note_edits(self, step, was, self:see(deal, step.side, after) or was)
  return true
end

return M

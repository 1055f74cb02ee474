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

---@field sent boolean  the deal was at Partner Center by then
---@field shared boolean  and Microsoft had its copy

---@param place Place
---@param words { seen: table, forms: table }  how people read and write: seen.lua, forms.lua
function M.new(place, words)
  return setmetatable({ place = place, seen = words.seen, forms = words.forms, deals = {},
    edits = {} }, M)
end

local function given(v)
  return v ~= nil and v ~= json.null and v ~= "" and v or nil
end

-- ---- Looking ----

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

-- The lead of a deal, once it is there; it stays when it has become an opportunity.
local function find_lead(self, deal, place)
  for _, row in ipairs(deal.origin == "lead" and place.rows "crm:lead" or {}) do
    if given(row.msft_microsoftpartnercenterreferralidentifier) == deal.referral then
      deal.lead = row.leadid
      return self.seen.in_lead(row)
    end
  end
  return nil
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
    find_lead(self, deal, self.place)
    for _, row in ipairs(self.place.rows "crm:opportunity") do
      local of_lead = deal.gone and deal.lead and row._originatingleadid_value == deal.lead
      if given(row.msft_microsoftpartnercenterreferralidentifier) == deal.referral or of_lead then
        deal.row = row.opportunityid
      end
    end
  end
end

---What a side shows of a deal; nil: it is not there (yet).
---@param side "crm"|"partner"|"lead"
---@param place Place|nil  where to look
function M:see(deal, side, place)
  place = place or self.place
  if side == "lead" then
    return find_lead(self, deal, place)
  end
  find(self, deal)
  if side == "crm" then
    local row = deal.row and place.row("crm:opportunity", deal.row)
    return row and self.seen.in_crm(place, row) or nil
  end
  local r = deal.referral and place.row("referral", deal.referral)
  if not r then
    return nil
  end
  local _, theirs = self:referrals(place)
  return self.seen.at_partner(r, theirs[r.engagementId] and theirs[r.engagementId][1])
end

-- ---- Acting ----

-- Customers that the practice environment does not know yet, the same on both sides.
local CUSTOMERS = {
  { name = "Elbe Hafen GmbH", line1 = "Kai 4", city = "Hamburg", postalcode = "20457",
    country = "DE", numberofemployees = 900, accountnumber = "312345678",
    size = "251to1000employees" },
  { name = "Alder Foods Ltd", line1 = "9 Mill Lane", city = "Leeds", postalcode = "LS1 4AP",
    country = "GB", numberofemployees = 40, size = "10to50employees" },
}

-- Whoever qualifies a lead makes its customer anew: so each has its own.
local function lead_customer(step)
  return { name = "Kiso Valley " .. step.deal, line1 = "5 Nagiso", city = "Kiso",
    postalcode = "399-5301", country = "JP", size = "10to50employees" }
end

local function make_args(step)
  local lines = {}
  for i, id in ipairs(step.solutions) do
    lines[i] = { id = id, price = i == 1 and step.price or nil }
  end
  return { name = "Deal " .. step.deal, value = step.value, currency = step.currency,
    closing_date = "2031-12-24", notes = "Made in step " .. step.n, solutions = lines,
    customer = step.origin == "lead" and lead_customer(step) or CUSTOMERS[step.deal % 2 + 1] }
end

local MAKE = {}

local function at_partner(act, more)
  return function(self, step)
    local args = make_args(step)
    local c = args.customer
    args.closing_date = args.closing_date .. "T00:00:00Z"
    args.customer = { name = c.name, address_line1 = c.line1, city = c.city, state = "",
      postal_code = c.postalcode, country = c.country, size = c.size }
    args["customerProfile/ids"] = json.array { c.accountnumber and
      { profileType = "Duns", id = c.accountnumber } }
    for _, line in ipairs(args.solutions) do
      line.name = "Solution " .. line.id
    end
    for _, given_values in ipairs { self.forms.at_partner(step.values or {}, {}), more } do
      for name, v in pairs(given_values) do
        args[name] = v
      end
    end
    local made, problem, _, after = self.place.act(act, args)
    return made and { referral = made.id, engagement = made.engagementId }, problem, after
  end
end

local function in_crm(more)
  return function(self, step)
    local args = make_args(step)
    local account = {}
    for name, v in pairs(args.customer) do
      account[name] = name ~= "size" and v or nil
    end
    args.account, args.customer, args.sync = account, nil, true
    args.contact, args.values = "Jana Petersen", self.forms.in_crm(self.seen, step.values or {})
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
MAKE.lead = at_partner("microsoft-create", { kind = "marketplace" })
MAKE.crm = in_crm {}
MAKE["crm-help"] = in_crm { help = "Proof of concept / demo" }

local function edit_crm(self, deal, step)
  return self.place.act("edit", { table = "opportunity", id = deal.row,
    values = self.forms.in_crm(self.seen, step.values) })
end

local function edit_partner(self, deal, step)
  local r = self.place.row("referral", deal.referral)
  local args = self.forms.at_partner(step.values, r and self.seen.attributes(r) or {})
  args.id = deal.referral
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

ACTS["win"], ACTS["reopen"] = crm_act "win", crm_act "reopen"
ACTS["lose"] = function(self, deal, step)
  return crm_act("lose", { status = step.lost_as, reason = step.reason })(self, deal, step)
end
ACTS["sync-off"], ACTS["sync-on"] = crm_act("sync", { sync = false }), crm_act("sync")
ACTS["remove-solution"] = crm_act "remove-solution"
local function help_becomes(label)
  return crm_act("edit", { table = "opportunity",
    values = { msft_microsoftpartnercenterhelp = label } })
end

ACTS["help"], ACTS["help-off"] = help_becomes "General or other", help_becomes ""
ACTS["help-other"] = help_becomes "Quotes / licensing"
ACTS["visible-off"] = crm_act("edit", { table = "opportunity",
  values = { msft_microsoftpartnercenterreferralvisible = false } })
ACTS["open"] = crm_act("edit", { table = "opportunity", values = { statuscode = 1 } })
ACTS["won"] = partner_act("close", { state = "won" })
ACTS["upgrade"] = partner_act("upgrade", { help = "GeneralOrOther" })
ACTS["lost"] = function(self, deal, step)
  return partner_act("close", { state = "lost", reason = step.reason })(self, deal)
end
ACTS["decline"] = function(self, deal, step)
  return partner_act("decline", { reason = step.reason })(self, deal)
end
for _, name in ipairs { "accept", "microsoft-accept", "microsoft-decline",
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

-- ---- Solutions and their prices ----

ACTS["add-solution"] = function(self, deal, step)
  for _, line in ipairs(self.seen.solution_rows(self.place, deal.row)) do
    if line.id == step.solution then
      return nil, "it has that solution"
    end
  end
  return self.place.act("crm.add-solution", { opportunity = deal.row,
    solution = { id = step.solution, price = step.price, quantity = step.quantity } })
end

local function lines_of(self, deal)
  local r = self.place.row("referral", deal.referral) or {}
  return ((r.details or {}).requirements or {}).solutions or {}
end

-- A line that stays keeps its price.
ACTS["set-solutions"] = function(self, deal, step)
  local there, lines = {}, json.array {}
  for _, line in ipairs(lines_of(self, deal)) do
    there[line.id] = line
  end
  for i, id in ipairs(step.solutions) do
    lines[i] = there[id] or { id = id, name = "Solution " .. id, price = step.price }
  end
  return self.place.act("partner.edit", { id = deal.referral, solutions = lines })
end

-- A new price, a new quantity, or, if none is drawn, no price any more.
local function priced(step, old, empty)
  return step.price or not step.quantity and empty or old.price, step.quantity or old.quantity
end

local function price_in_crm(self, deal, step)
  for _, line in ipairs(self.seen.solution_rows(self.place, deal.row)) do
    if line.id == step.solution then
      local price, quantity = priced(step, {}, "")
      return self.place.act("edit", { table = "msft_microsoftsolution", id = line.row,
        values = { msft_price = price, msft_quantity = quantity } })
    end
  end
  return nil, "it does not have that solution"
end

local function price_at_partner(self, deal, step)
  local lines, any = json.array {}, false
  for i, line in ipairs(lines_of(self, deal)) do
    lines[i] = line
    if line.id == step.solution then
      any, lines[i] = true, {}
      for name, v in pairs(line) do
        lines[i][name] = v
      end
      lines[i].price, lines[i].quantity = priced(step, line, json.null)
    end
  end
  if not any then
    return nil, "it does not have that solution"
  end
  return self.place.act("partner.edit", { id = deal.referral, solutions = lines })
end

ACTS["price"] = function(self, deal, step)
  return (step.side == "crm" and price_in_crm or price_at_partner)(self, deal, step)
end

-- ---- Leads ----

local function lead_act(name, args_of)
  return function(self, deal, step)
    if self:see(deal, "lead").state ~= "lead open" then
      return nil, "it is decided"
    end
    local args = args_of(step)
    args.id = deal.lead
    return self.place.act("crm." .. name, args)
  end
end

ACTS["qualify"] = lead_act("qualify", function() return {} end)
ACTS["disqualify"] = lead_act("disqualify", function() return {} end)
ACTS["lead-edit"] = lead_act("edit", function(step)
  return { table = "lead", values = { subject = step.price and "Edit " .. step.n or nil,
    description = "Note of step " .. step.n } }
end)

-- ---- What is sent once ----

local function edit_customer(table_name, column, text)
  return function(self, deal, step)
    local crm = self:see(deal, "crm")
    return self.place.act("edit", { table = table_name, id = crm[table_name],
      values = { [column] = text:format(step.n) } })
  end
end

ACTS["phone"] = edit_customer("contact", "telephone1", "+49 40 555 %d")
ACTS["street"] = edit_customer("account", "address1_line2", "Building %d")
ACTS["type"] = function(self, deal, step)
  return edit_crm(self, deal, { values = { cosell_type = step.values.cosell_type } })
end
ACTS["mend"] = function(self, deal, step)
  return edit_crm(self, deal, { values = { area = step.values.area,
    partner_role = step.values.partner_role } })
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

-- What differs between two looks, as edits; of a solution that comes or goes its parts too.
local function note_edits(self, step, deal, before, after)
  local other = self:see(deal, "partner")
  local function note(field)
    if before[field] ~= after[field] then
      table.insert(self.edits, { step = step.n, deal = deal.n, side = step.side, field = field,
        was = before[field], value = after[field], reason = step.reason, make = step.kind == "make",
        sent = other ~= nil, shared = other ~= nil and other.shared })
    end
  end
  for _, field in ipairs(self.seen.fields) do
    note(field)
  end
  local noted = {}
  for id in ((before.solutions or "") .. " " .. after.solutions):gmatch "%S+" do
    for _, part in ipairs(noted[id] and {} or self.seen.parts) do
      note(part .. " " .. id)
    end
    noted[id] = true
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
  note_edits(self, step, deal, {}, self:see(deal, step.side, after))
  return true
end

-- Deals may share their customer: who edits him edits them all.
local function looks(self, step, deal, place)
  local out = {}
  for n, one in pairs(self.deals) do
    if one == deal or step.act == "phone" or step.act == "street" then
      out[n] = self:see(one, step.side, place)
    end
  end
  return out
end

---Does a step; false and why: the people could not do it where things stand.
---@param step Step
---@return boolean done, string|nil why
function M:act(step)
  if step.kind == "make" then
    return make(self, step)
  end
  local deal = self.deals[step.deal]
  local was = deal and looks(self, step, deal)
  if not was or not was[step.deal] then
    return false, "not there yet"
  end
  local result, problem, before, after = KINDS[step.kind](self, deal, step)
  if result == nil then
    return false, tostring(type(problem) == "table" and problem.text or problem)
  end
  was = before and looks(self, step, deal, before) or was
  for n, now in pairs(looks(self, step, deal, after)) do
    note_edits(self, step, self.deals[n], was[n] or now, now)
  end
  return true
end

return M

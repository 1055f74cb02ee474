-- A scenario as a plain list of steps, drawn from a seed before anything happens: so a step can be
-- left out and the rest stays what it was, and the same list can be played elsewhere.
-- It must never look at the world.
local M = {}

---@class Step
---@field n integer  its number, which stays when others are left out
---@field wait integer  milliseconds before it
---@field kind string  "make" "edit" "act" "kill" "net" "sync"
---@field deal integer|nil
---@field side "crm"|"partner"|"lead"|nil

-- ---- Chance: splitmix64, as dice.c has it ----

local Dice = {}
Dice.__index = Dice

function Dice:next()
  self.state = self.state + 0x9e3779b97f4a7c15
  local z = self.state
  z = (z ~ (z >> 30)) * 0xbf58476d1ce4e5b9
  z = (z ~ (z >> 27)) * 0x94d049bb133111eb
  return z ~ (z >> 31)
end

---0 ... n - 1
function Dice:below(n)
  return math.tointeger((self:next() >> 1) % n)
end

---Of rows { weight, ... } one, by weight.
function Dice:row(rows)
  local sum = 0
  for _, row in ipairs(rows) do
    sum = sum + row[1]
  end
  local at = self:below(sum)
  for _, row in ipairs(rows) do
    at = at - row[1]
    if at < 0 then
      return row
    end
  end
  return rows[#rows]
end

-- ---- Tables of what may happen ----

local WAITS = { { 3, 0, 0 }, { 4, 1, 60 }, { 4, 60, 1500 }, { 2, 1500, 12000 },
  { 1, 12000, 90000 } }

local CURRENCIES = { "USD", "EUR", "JPY" }
local SOLUTIONS = { "SOL-10001-ABC", "SOL-10002-DEF", "SOL-10003-GHI" }

local FIELDS = { { 3, "name" }, { 4, "value" }, { 2, "currency" }, { 3, "closing_date" },
  { 4, "notes" }, { 1, "visible" }, { 2, "intent" }, { 2, "partner_role" }, { 3, "area" },
  { 2, "stage" }, { 2, "campaign" }, { 1, "program" } }

-- Choices that both sides have; "none" takes one away.
local CHOICES = {
  intent = { "Yes", "No", "none" },
  partner_role = { "Solution design", "Managed services", "none" },
  stage = { "qualify", "develop", "propose", "close" },
  area = { "Security / Data Security", "AI Business Solutions / Data Security",
    "Cloud and AI Platforms / Migrate and Modernize Your Estate", "Security / none",
    "none / none" },
}
local TYPES = { { 4 }, { 1, "IP" }, { 3, "Services" } }
local SERVICES = { "partner_role", "area" } -- a Services co-sell wants them

-- What else people do to a deal; the world refuses what is not legal where the deal stands.
local ACTS = {
  { 3, "crm", "add-solution" }, { 2, "crm", "remove-solution" }, { 2, "crm", "win" },
  { 2, "crm", "lose" }, { 1, "crm", "reopen" }, { 1, "crm", "sync-off" }, { 2, "crm", "sync-on" },
  { 1, "crm", "help" }, { 1, "crm", "open" }, { 1, "crm", "delete" }, { 1, "partner", "vanish" },
  { 1, "partner", "expire" },
  { 3, "partner", "set-solutions" }, { 2, "partner", "won" }, { 2, "partner", "lost" },
  { 2, "partner", "accept" }, { 1, "partner", "decline" }, { 2, "partner", "microsoft-accept" },
  { 1, "partner", "microsoft-decline" }, { 1, "partner", "microsoft-win" },
  { 1, "partner", "microsoft-join" }, { 1, "partner", "upgrade" },
  { 2, "crm", "price" }, { 2, "partner", "price" }, { 3, "crm", "phone" }, { 1, "crm", "street" },
  { 1, "crm", "help-off" }, { 1, "crm", "help-other" }, { 1, "crm", "visible-off" },
  { 1, "crm", "type" }, { 2, "crm", "mend" },
}

-- ---- What is drawn of the field table ----

---Rows of the field table, and the parts of theirs that change by themselves, by what draws them;
---spec property_rows holds that the two lists are whole.
M.draws = {
  name = "edit", value = "edit", currency = "edit", closing_date = "edit", notes = "edit",
  visible = "edit", intent = "edit", partner_role = "edit", solution_area = "edit",
  solution_play = "edit", stage = "edit", campaign = "edit", program = "edit", state = "act win",
  reason = "act lose", help = "act help", solutions = "act add-solution",
  ["solutions.price"] = "act price", ["solutions.quantity"] = "act price",
  ["contact.phone"] = "act phone", ["customer.address_line2"] = "act street",
  cosell_type = "make", ["customer.size"] = "make", ["customer.duns"] = "make",
  customer = "act street", contact = "act phone", microsoft_state = "act microsoft-accept",
  microsoft_id = "act microsoft-accept",
}
---Rows that nobody can change, and why; the judge looks at them all the same.
M.not_drawn = {
  crm_id = "derived: the row's own id", id = "derived: the referral's own id",
  link = "derived from the id", team = "at creation only: the owner of the row",
  consent = "constant", qualification = "constant",
}

local ORIGINS = { { 3, "portal" }, { 3, "crm" }, { 2, "crm-help" }, { 2, "microsoft" },
  { 1, "portal-help" }, { 2, "lead" } }

-- What becomes of a lead, and who edits it meanwhile.
local LEAD_ACTS = { { 2, "lead", "qualify" }, { 1, "lead", "disqualify" },
  { 2, "lead", "lead-edit" }, { 2, "partner", "accept" }, { 1, "partner", "decline" } }

local STEPS = { { 12, "edit" }, { 7, "act" }, { 3, "both" }, { 1, "kill" }, { 1, "net" },
  { 2, "sync" }, { 1, "save" } }

local KILLS = { { 3, "before" }, { 3, "after" }, { 3, "request" }, { 1, "now" } }

-- lose_request lose_answer refuse lose_event twice (in a thousand), latency, late (ms)
local NETS = {
  { 2, "0 0 0 0 0 20 200" }, { 2, "0 0 0 0 300 300 3000" }, { 2, "0 0 0 500 200 50 8000" },
  { 2, "60 120 0 0 0 50 400" }, { 1, "100 200 100 200 200 1500 5000" },
  { 1, "0 400 0 0 0 20 100" }, { 1, "0 0 0 1000 0 20 100" },
}

-- ---- Steps ----

-- Values that no other step has, so that whose edit a value is can be told.
local function value_of(dice, field, n)
  local choices = CHOICES[field]
  if choices then
    return choices[dice:below(#choices) + 1]
  elseif field == "campaign" then
    return dice:below(6) == 0 and "none" or ("FAIR-%d"):format(n)
  elseif field == "program" then
    return ("Program %d"):format(n)
  elseif field == "name" then
    return ("Edit %d"):format(n)
  elseif field == "value" then
    return 1000 * n + dice:below(900) + 1
  elseif field == "currency" then
    return CURRENCIES[dice:below(3) + 1]
  elseif field == "closing_date" then
    local day = n + 1
    return ("%04d-%02d-%02d"):format(2031 + day // 28 // 12, day // 28 % 12 + 1, day % 28 + 1)
  elseif field == "notes" then
    return ("Note of step %d"):format(n)
  end
  return true
end

local function solutions(dice)
  local out = json.array {}
  for _, id in ipairs(SOLUTIONS) do
    if dice:below(2) == 0 then
      out[#out + 1] = id
    end
  end
  return #out > 0 and out or json.array { SOLUTIONS[1] }
end

local MAKE = {}

function MAKE.edit(dice, step)
  step.side = dice:below(2) == 0 and "crm" or "partner"
  step.values = {}
  for _ = 1, 1 + dice:below(2) do
    local field = dice:row(FIELDS)[2]
    step.values[field] = value_of(dice, field, step.n)
  end
end

-- What an act may need besides; few use it, but each draws it all, so that rows may move.
local function details(dice, step)
  step.solution = SOLUTIONS[dice:below(3) + 1]
  step.solutions = solutions(dice)
  step.price = dice:below(4) > 0 and 100 * step.n + dice:below(99) + 1 or nil
  step.quantity = dice:below(2) > 0 and step.n + dice:below(4) / 4 or nil
  step.values = { cosell_type = dice:row(TYPES)[2] or "none",
    area = CHOICES.area[dice:below(3) + 1], partner_role = CHOICES.partner_role[1] }
end

function MAKE.act(dice, step, acts)
  local row = dice:row(acts or ACTS)
  step.side, step.act = row[2], row[3]
  details(dice, step)
  step.lost_as = dice:below(2) == 0 and "Canceled" or "Out-Sold"
  step.reason = dice:below(3) > 0 and ("Reason %d"):format(step.n) or nil
end

function MAKE.kill(dice, step)
  step.deal = nil
  step.words = ("%s %d %d"):format(dice:row(KILLS)[2], 1 + dice:below(12), 20 + dice:below(4000))
end

function MAKE.net(dice, step)
  step.deal = nil
  step.words = dice:row(NETS)[2]
end

function MAKE.sync(_, step)
  step.deal = nil
end

-- A row that is saved without a change: its version moves.
function MAKE.save(dice, step)
  step.side = dice:below(2) == 0 and "crm" or "partner"
end

local function wait(dice)
  local row = dice:row(WAITS)
  return row[2] + dice:below(row[3] - row[2] + 1)
end

local function add(out, dice, kind, deal, acts)
  local step = { n = #out + 1, wait = wait(dice), kind = kind, deal = deal }
  MAKE[kind](dice, step, acts)
  out[#out + 1] = step
end

-- Acts of two people at one moment.
local BOTH = { { 3, crm = "price", partner = "price" },
  { 1, crm = "add-solution", partner = "set-solutions" },
  { 1, crm = "remove-solution", partner = "price" },
  { 1, crm = "price", partner = "set-solutions" } }

local function with(list, id)
  local out = json.array { id }
  for _, other in ipairs(list) do
    out[#out + 1] = other ~= id and other or nil
  end
  return out
end

-- What two people do at one moment: the same fields, or the same solution.
local function add_both(out, dice, deal)
  local acts = dice:below(3) == 0 and dice:row(BOTH)
  add(out, dice, acts and "act" or "edit", deal)
  local one = out[#out]
  local other = { n = #out + 1, wait = dice:below(80), kind = one.kind, deal = deal,
    side = one.side == "crm" and "partner" or "crm" }
  if acts then
    one.act, other.act = acts[one.side], acts[other.side]
    details(dice, other)
    other.solution = one.solution
    one.solutions = with(one.solutions, one.solution)
    other.solutions = one.solutions
  else
    other.values = {}
    for _, row in ipairs(FIELDS) do
      if one.values[row[2]] ~= nil then
        other.values[row[2]] = value_of(dice, row[2], other.n)
      end
    end
  end
  out[#out + 1] = other
end

function MAKE.make(dice, step)
  step.origin, step.value = dice:row(ORIGINS)[2], 1000 * step.deal + dice:below(900) + 100000
  step.currency, step.solutions = CURRENCIES[dice:below(3) + 1], solutions(dice)
  step.price = dice:below(3) == 0 and 100 * step.n + 7 or nil
  step.values = {}
  for _, field in ipairs { "intent", "partner_role", "area", "stage", "campaign" } do
    if dice:below(3) == 0 then
      step.values[field] = value_of(dice, field, step.n)
    end
  end
  local type = dice:row(TYPES)[2]
  step.values.cosell_type = type
  for _, field in ipairs(type == "Services" and SERVICES or {}) do
    step.values[field] = CHOICES[field][1]
  end
  if type == "Services" and dice:below(3) == 0 then -- somebody forgot one
    step.values[SERVICES[dice:below(2) + 1]] = nil
  end
end

---@param seed integer
---@return Step[]
function M.steps(seed)
  local dice = setmetatable({ state = seed * 0x2545F4914F6CDD1D }, Dice)
  local out, leads, deals = {}, {}, 1 + dice:row({ { 6, 0 }, { 2, 1 }, { 1, 2 } })[2]
  if dice:below(3) == 0 then -- faults from the beginning: what is being made suffers most
    add(out, dice, "net")
  end
  for deal = 1, deals do
    add(out, dice, "make", deal)
    leads[deal] = out[#out].origin == "lead"
  end
  if dice:below(5) == 0 then
    add(out, dice, "kill")
  end
  for _ = 1, 3 + dice:below(12) do
    local kind, deal = dice:row(STEPS)[2], 1 + dice:below(deals)
    if leads[deal] and dice:below(3) == 0 then
      add(out, dice, "act", deal, LEAD_ACTS)
    elseif kind == "both" then
      add_both(out, dice, deal)
    else
      add(out, dice, kind, deal)
    end
  end
  return out
end

---A step in words, for who reads a failing seed.
function M.text(step)
  local rest = {}
  for _, name in ipairs { "origin", "side", "act", "solution", "solutions", "values", "value",
    "currency", "words", "price", "quantity", "lost_as", "reason" } do
    local v = step[name]
    if v ~= nil then
      rest[#rest + 1] = name .. "=" .. (type(v) == "table" and json.encode(v) or tostring(v))
    end
  end
  return ("%2d. after %d ms: %s%s %s"):format(step.n, step.wait, step.kind,
    step.deal and " deal " .. step.deal or "", table.concat(rest, " "))
end

return M

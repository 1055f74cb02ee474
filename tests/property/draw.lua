-- A scenario as a plain list of steps, drawn from a seed before anything happens: so a step can be
-- left out and the rest stays what it was, and the same list can be played elsewhere.
-- It must never look at the world.
local M = {}

---@class Step
---@field n integer  its number, which stays when others are left out
---@field wait integer  milliseconds before it
---@field kind string  "make" "edit" "act" "kill" "net" "sync"
---@field deal integer|nil
---@field side "crm"|"partner"|nil

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
  { 4, "notes" }, { 1, "visible" } }

-- What else people do to a deal; the world refuses what is not legal where the deal stands.
local ACTS = {
  { 3, "crm", "add-solution" }, { 2, "crm", "remove-solution" }, { 2, "crm", "win" },
  { 2, "crm", "lose" }, { 1, "crm", "reopen" }, { 1, "crm", "sync-off" }, { 2, "crm", "sync-on" },
  { 1, "crm", "help" }, { 1, "crm", "open" }, { 1, "crm", "delete" }, { 1, "partner", "vanish" },
  { 1, "partner", "expire" },
  { 3, "partner", "set-solutions" }, { 2, "partner", "won" }, { 2, "partner", "lost" },
  { 2, "partner", "accept" }, { 1, "partner", "decline" }, { 2, "partner", "microsoft-accept" },
  { 1, "partner", "microsoft-decline" }, { 1, "partner", "microsoft-win" },
  { 1, "partner", "microsoft-join" },
}

local ORIGINS = { { 3, "portal" }, { 3, "crm" }, { 2, "crm-help" }, { 2, "microsoft" },
  { 1, "portal-help" } }

local STEPS = { { 12, "edit" }, { 5, "act" }, { 1, "kill" }, { 1, "net" }, { 2, "sync" },
  { 1, "save" } }

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
  if field == "name" then
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

function MAKE.act(dice, step)
  local row = dice:row(ACTS)
  step.side, step.act = row[2], row[3]
  step.solution = SOLUTIONS[dice:below(3) + 1]
  step.solutions = solutions(dice)
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

local function add(out, dice, kind, deal)
  local step = { n = #out + 1, wait = wait(dice), kind = kind, deal = deal }
  MAKE[kind](dice, step)
  out[#out + 1] = step
end

function MAKE.make(dice, step)
  step.origin, step.value = dice:row(ORIGINS)[2], 1000 * step.deal + dice:below(900) + 100000
  step.currency, step.solutions = CURRENCIES[dice:below(3) + 1], solutions(dice)
end

---@param seed integer
---@return Step[]
function M.steps(seed)
  local dice = setmetatable({ state = seed * 0x2545F4914F6CDD1D }, Dice)
  local out, deals = {}, 1 + dice:row({ { 6, 0 }, { 2, 1 }, { 1, 2 } })[2]
  if dice:below(3) == 0 then -- faults from the beginning: what is being made suffers most
    add(out, dice, "net")
  end
  for deal = 1, deals do
    add(out, dice, "make", deal)
  end
  if dice:below(5) == 0 then
    add(out, dice, "kill")
  end
  for _ = 1, 3 + dice:below(12) do
    add(out, dice, dice:row(STEPS)[2], 1 + dice:below(deals))
  end
  return out
end

---A step in words, for who reads a failing seed.
function M.text(step)
  local rest = {}
  for _, name in ipairs { "origin", "side", "act", "solution", "solutions", "values", "value",
    "currency", "words" } do
    local v = step[name]
    if v ~= nil then
      rest[#rest + 1] = name .. "=" .. (type(v) == "table" and json.encode(v) or tostring(v))
    end
  end
  return ("%2d. after %d ms: %s%s %s"):format(step.n, step.wait, step.kind,
    step.deal and " deal " .. step.deal or "", table.concat(rest, " "))
end

return M

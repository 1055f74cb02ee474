-- Situation 4: a seller chooses help and adds three solutions, one after the other, as the form
-- wants it.  What can't be undone waits until the deal has been left alone for a minute: one share,
-- with all three.
local kit = require "commands.kit"
local rules = require "commands.rules"

local SETTLE_S = 60
local STEP_MS = 20000
local HELP = "General or other"
local SOLUTIONS = { "SOL-10001-ABC", "SOL-10002-DEF", "SOL-10003-GHI" }

local function settling(body)
  kit.with({ clock = true, settings = { settle = SETTLE_S } }, body)
end

local function solutions_of(r)
  local out = {}
  for _, item in ipairs(r.details.requirements.solutions) do
    out[#out + 1] = item.id
  end
  table.sort(out)
  return out
end

-- Left alone for as long as it takes.
local function left_alone(s)
  rules.left_alone(s, (SETTLE_S + 1) * 1000)
  s:rest()
end

local function one_share(t)
  settling(function(s)
    local row = s:act("create-opportunity", rules.deal { help = HELP }).id
    s:rest()
    for i = 2, #SOLUTIONS do
      s:clock(STEP_MS)
      s:act("add-solution", { opportunity = row, solution = SOLUTIONS[i] })
      s:rest()
      t.eq(#s:rows("referral"), 0, "referrals after solution " .. i)
    end
    s:clock(STEP_MS * 2)
    s:rest()
    t.eq(#s:rows("referral"), 0, "not before the last addition is a minute old")
    left_alone(s)
    local ours, theirs = kit.referrals(s)
    t.eq({ #ours, #theirs }, { 1, 1 }, "one share; audit: " .. kit.opportunity(s).audit)
    t.eq(solutions_of(ours[1]), SOLUTIONS, "ours")
    t.eq(solutions_of(theirs[1]), SOLUTIONS, "Microsoft's")
    t.eq(kit.opportunity(s).identifier, ours[1].id)
    kit.quiet(t, s)
  end)
end

-- The same where nothing says so but time: no further change, no further reading of changes.
local function comes_by_itself(t)
  settling(function(s)
    s:act("create-opportunity", rules.deal())
    s:rest()
    t.eq(#s:rows("referral"), 0, "waits")
    rules.left_alone(s, (SETTLE_S + 1) * 1000)
    kit.wait("the referral", function() return kit.referrals(s)[1] end, 10000)
  end)
end

local function upgrade_waits(t)
  settling(function(s)
    local row = s:act("create-opportunity", rules.deal()).id
    s:rest()
    left_alone(s)
    t.eq(#kit.referrals(s), 1, "the private deal is there")
    s:act("edit", { table = "opportunity", id = row,
      values = { msft_microsoftpartnercenterhelp = HELP, description = "with help" } })
    s:rest()
    local ours, theirs = kit.referrals(s)
    t.eq(ours[1].details.notes, "with help", "an update never waits")
    t.eq(#theirs, 0, "the upgrade does")
    for i = 2, #SOLUTIONS do
      s:clock(STEP_MS)
      s:act("add-solution", { opportunity = row, solution = SOLUTIONS[i] })
      s:rest()
      t.eq(solutions_of(kit.referrals(s)[1])[i], SOLUTIONS[i], "an update never waits")
      t.eq(#select(2, kit.referrals(s)), 0, "upgrade after solution " .. i)
    end
    left_alone(s)
    ours, theirs = kit.referrals(s)
    t.eq({ #ours, #theirs }, { 1, 1 }, "one upgrade; audit: " .. kit.opportunity(s).audit)
    t.eq(solutions_of(theirs[1]), SOLUTIONS, "Microsoft's")
    kit.quiet(t, s)
  end)
end

return function(t)
  t.case("situation 4: help and three solutions one by one are one share",
    function() one_share(t) end)
  t.case("situation 4: the share comes by itself once the deal is left alone",
    function() comes_by_itself(t) end)
  t.case("situation 4: an upgrade waits for the third solution, updates do not",
    function() upgrade_waits(t) end)
end

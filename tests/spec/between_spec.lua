-- What somebody changes between our write and the reading that follows it: it never becomes part of
-- what both sides agreed on (reconcile rules 1, 3, 7).  The services are played here.
local agreement = require "agreement"
local dynamics = require "dynamics"
local fields = require "fields"
local helper = require "flows.helper"
local links = require "links"
local outward = require "flows.dynamics_to_partner_center"
local partner_center = require "partner_center"
local turns = require "turn"

-- Runs body with members of a module, or of the host, replaced.
local function played(module, members, body)
  local before = {}
  for name, member in pairs(members) do
    before[name] = module[name]
    rawset(module, name, member)
  end
  local ok, err = pcall(body)
  for name in pairs(members) do
    rawset(module, name, before[name])
  end
  assert(ok, err)
end

-- ---- The CRM ----

local KNOWN = { table = "opportunity", select = {}, expand = "", marks = false, marks_shown = false,
  columns = { name = "name", notes = "description", audit = "audit" },
  meta = { columns = { name = { max = 300 }, description = { max = 2000 } } },
  solutions = { table = "solution" }, choices = {}, choice = function() return nil end,
  contact_stamp = function() return nil end,
  currency_code = function() return nil end, precision = function() return 2 end,
  solution_rows = function() return { { id = "SOL-1", row = "r1" } } end }

-- Writes a change; the change set left the row with the tag `own`, and it is read with `read`.
local function written(change, own, read)
  local sent, turn = nil, { link = { id = 1, crm = { id = "row" } }, known = KNOWN, tag = 'W/"1"',
    row = { name = "Plant" } }
  local ok, err
  played(dynamics, { changes = function(list)
    sent = #list
    return true, { own and { tag = own } }, { { { name = "Plant", ["@odata.etag"] = read } } }
  end }, function()
    ok, err = helper.write(turn, change, {})
  end)
  return ok or err.kind, sent
end

local function crm(t)
  local notes = { to_crm = { notes = "n" } }
  local gone = { to_crm = { solutions = json.array {} } }
  local both = { to_crm = { notes = "n", solutions = json.array {} } }
  local won = { to_crm = { notes = "n" }, move = { action = "win", status = 3 } }
  local rows = {
    -- change, tag of the row's own change, tag as read, outcome, changes in the set
    { notes, 'W/"2"', 'W/"2"', true, 1 },
    { notes, 'W/"2"', 'W/"3"', "conflict", 1 },
    { both, 'W/"2"', 'W/"2"', true, 2 },
    { both, 'W/"2"', 'W/"3"', "conflict", 2 },
    { gone, nil, 'W/"1"', true, 1 },
    { gone, nil, 'W/"2"', "conflict", 1 },
    { won, 'W/"2"', 'W/"3"', true, 2 }, -- Win moves it
  }
  for i, row in ipairs(rows) do
    t.eq({ written(row[1], row[2], row[3]) }, { row[4], row[5] }, "row " .. i)
  end
end

-- ---- Partner Center ----

local function sent_notes(answer_tag, read)
  local plan = { to_partner = { notes = "ours" }, partner = { notes = "old", name = "Plant",
    state = "active" }, crm = {} }
  local turn = { link = { id = 1 }, read = { ours = { id = "r", eTag = '"1"', details = {} } } }
  played(host, { map = function(q) return { v = q.v } end }, function()
    played(partner_center, { patch = function() return true, answer_tag end,
      get = function() return { id = "r", eTag = read }, read end }, function()
      assert(outward.write(turn, plan))
    end)
  end)
  return plan
end

local function partner(t)
  local plan = sent_notes('"2"', '"2"')
  local now = { notes = "as kept", name = "Plant", state = "active" }
  t.eq({ plan.between, agreement.ours_alone(plan, now) }, { false, now }, "read back as written")
  for _, tag in ipairs { '"2"', "none" } do
    plan = sent_notes(tag ~= "none" and tag or nil, '"3"')
    t.eq(plan.between, true)
    t.eq(agreement.ours_alone(plan, { notes = "hers", name = "Hers", state = "lost",
      value = "1.00" }), { notes = "ours", name = "Plant", state = "active" }, "what we sent alone")
  end
end

-- ---- A list that lags ----

local function lists(t)
  local function referral(tag, at)
    return { id = "R", engagementId = "e", eTag = tag, updatedDateTime = at }
  end
  local link = { id = 1, engagement = "e" }
  local turn = { link = link, read = { ours = referral('"1"', "2031-02-03T04:05:06.1Z") } }
  turns.note_copies(turn)
  turn.read.ours = referral('"2"', "2031-02-03T04:05:06.9Z")
  turns.note_copies(turn)
  turns.note_copies(turn)
  local function reads(tag, at)
    local out
    played(partner_center, { engagement = function() return { referral(tag, at) } end }, function()
      played(links, { save = function() end, learn_organization = function() end,
        copies = function(list) return list[1] end }, function() out = turns.read_partner(turn) end)
    end)
    return math.type(out) and "later" or out
  end
  t.eq(reads('"1"', "2031-02-03T04:05:06.1Z"), "later", "the version before ours, of that second")
  t.eq(reads('"2"', "2031-02-03T04:05:06Z"), true, "ours, without a fraction")
  t.eq(reads('"3"', "2031-02-03T04:05:06Z"), true, "another's after it")
end

-- ---- A turn that breaks off ----

local function half(t)
  local kept
  local plan = { crm = { notes = "A" }, to_partner = { notes = "A + B" },
    to_crm = { notes = "A + B" }, stays = { crm = {}, partner = {} } }
  played(agreement, { bases = function() return { notes = "o" }, { notes = "o" } end,
    keep = function(_, crm_base, base) kept = { crm_base.notes, base.notes } return true end },
    function() agreement.sent({}, plan, { notes = "A + B" }) end)
  t.eq(kept, { "A", "o" }, "the row has yet to get it")
  t.ok(fields.by_name.notes)
end

return function(t)
  t.case("an_edit_between_our_change_set_and_its_reading_is_no_base", function() crm(t) end)
  t.case("an_edit_between_our_patch_and_its_reading_is_no_base", function() partner(t) end)
  t.case("a_list_that_shows_the_version_before_ours_is_read_again", function() lists(t) end)
  t.case("what_both_sides_get_is_a_change_until_the_row_has_it", function() half(t) end)
end

-- Bad input: every row of the field table, and every part of one, with each kind of bad value and
-- its two furthest ones, both ways.  What is to become of them stands in bad_values.lua; here it is
-- asked of the scripts themselves: nothing raises, nothing else of the deal is touched, what is to
-- be told is told, nothing is written twice, and a later good value travels.
local bad_values = require "commands.spec.bad_values"
local canonical = require "canonical"
local create_referral = require "flows.create_referral"
local fields = require "fields"
local merge = require "merge"
local referral_body = require "referral_body"
local rows = require "row"
local world = require "commands.spec.bad_values_world"
local withhold = require "withhold"

local LONG = bad_values.long
local KNOWN = world.known

-- ---- What may stand there instead of a value ----

local BAD = {
  { "missing" }, -- nil
  { "null", json.null }, { "empty", "" }, { "blank", " \r\n\t" }, { "an object", {} },
  { "an object of something", { a = 1, id = {} } }, { "a list", json.array {} },
  { "a list of garbage", json.array { 1, "x", json.null, {}, { id = {} }, json.array {} } },
  { "a flag", true }, { "a number", 5 }, { "a long number", json.decimal "12345678901234567890.5" },
  { "a number with an exponent", json.decode("[1e25]")[1] }, { "too long a text", LONG },
  { "a number as text", "12.5" }, { "an exponent as text", "1e5" }, { "below zero", -3 },
  { "control characters", "a\0b\1c\127\u{FFFD}\u{202E}" }, { "half a character",
    json.decode '"x\\ud800y"' }, { "other line ends", "a\r\nb" }, { "a date", "2031-02-31" },
}

local NUMBERS = { ["a number"] = "5", ["a long number"] = "12345678901234567890.5",
  ["a number with an exponent"] = "1e+25", ["below zero"] = "-3" }
local WORDS = { ["too long a text"] = LONG, ["a number as text"] = "12.5",
  ["an exponent as text"] = "1e5", ["control characters"] = "abc\u{FFFD}\u{202E}",
  ["half a character"] = "x\u{FFFD}y", ["other line ends"] = "a\r\nb", ["a date"] = "2031-02-31" }
local AMOUNTS = { ["a number"] = "5.00", ["a long number"] = "12345678901234567890.50",
  ["a number with an exponent"] = "10000000000000000905969664.00", ["a number as text"] = "12.50",
  ["below zero"] = "-3.00" }

local function word(kind)
  return NUMBERS[kind] or WORDS[kind]
end

local function lines(kind)
  return kind == "other line ends" and "a\nb" or word(kind)
end

local function changed_case(change)
  return function(kind)
    local value = word(kind)
    return value and value[change](value)
  end
end

-- What counts as which value, by what stands there; nil: none.
local KINDS = {
  text = lines, code = word, choice = word, amount = function(kind) return AMOUNTS[kind] end,
  date = function() return nil end, guid = changed_case "lower", currency = changed_case "upper",
  flag = function(kind) return kind == "a flag" end, nothing = function() return nil end,
  person = function() return nil end,
  set = function() return json.array {} end, people = function() return json.array {} end,
  record = function() return {} end, member = word,
}

-- ---- Helpers ----

local NAMES = {} -- of rows and parts, in the table's order
for _, field in ipairs(fields.rows) do
  NAMES[#NAMES + 1] = field.name
  for _, part in ipairs(field.parts or {}) do
    NAMES[#NAMES + 1] = field.name .. "." .. part.name
  end
end

local function field_of(name)
  return fields.by_name[name:match("^[^.]+")], name:match("%.(.*)$")
end

-- The canonical value of a row, or of a part of one.
local function value_of(deal, name)
  local field, part = field_of(name)
  local value = deal[field.name]
  if field.name == "microsoft_state" or not part then
    return value
  end
  local of = field.kind == "set" and value[1] or value
  return of and of[part]
end

local function differing(a, b)
  local out = {}
  for _, field in ipairs(fields.rows) do
    if not canonical.same(field, a[field.name], b[field.name]) then
      out[#out + 1] = field.name
    end
  end
  return out
end

-- What else a bad value takes along: none is written of its own.
local ALONG = { partner_role = { cosell_type = true }, customer = { contact = true } }

local function partner(name, value)
  local r = world.referrals()
  if name then
    world.put(r, bad_values.rows[name].at, value)
  end
  return r, canonical.from_partner(r.ours, r.theirs, KNOWN)
end

local function crm(name, value)
  local row = world.row()
  if name then
    world.put(row, bad_values.rows[name].column, value)
  end
  return canonical.from_crm(row, KNOWN)
end

-- The plan of a turn, as decide.lua makes it.
local function planned(crm_now, partner_now, crm_base, partner_base)
  local plan = merge.plan(crm_now, partner_now, crm_base, partner_base)
  plan.stays = { crm = {}, partner = {} }
  withhold.closed(plan)
  plan.held = withhold.bad(plan)
  merge.share(plan)
  for _, item in ipairs(withhold.unfit(plan, KNOWN)) do
    table.insert(plan.held, item)
  end
  return plan
end

local function is_held(plan, field, key)
  for _, item in ipairs(plan.held) do
    if item.field == field and item.key == key then
      return true
    end
  end
  return false
end

local function is_told(plan, field)
  for _, item in ipairs(plan.told) do
    if item.field == field then
      return true
    end
  end
  return false
end

local OUTCOMES = { -- plan, field, the side that is to follow, the side that was emptied
  cleared = function(plan, field, to) return plan[to][field] == json.null end,
  told = function(plan, field, to) return plan[to][field] == nil and is_told(plan, field) end,
  restored = function(plan, field, to, from)
    return plan[to][field] == nil and plan[from][field] ~= nil
  end,
}

local function comes_true(outcome, plan, field, to, from)
  if outcome == nil then
    return plan[to][field] == nil and plan[from][field] == nil
  elseif OUTCOMES[outcome] then
    return OUTCOMES[outcome](plan, field, to, from)
  end
  return plan[to][field] == nil and is_held(plan, field, outcome)
end

-- A side after it was written: texts as their columns hold them.
local function written(side, values, cut)
  local out = {}
  for name, value in pairs(side) do
    out[name] = value
  end
  for name, value in pairs(values) do
    value = canonical.given(value)
    out[name] = cut and type(value) == "string" and rows.cut(name, value, KNOWN) or value
  end
  return out
end

local function base_of(side, stays, before)
  for name in pairs(stays) do
    side[name] = before[name]
  end
  return side
end

-- After this turn both sides are at rest: a further look finds nothing to write.
local function at_rest(t, plan, crm_was, partner_was, what)
  local crm_now = written(plan.crm, plan.to_crm, true)
  local partner_now = written(plan.partner, plan.to_partner)
  local again = planned(crm_now, partner_now,
    base_of(written(crm_now, {}), plan.stays.crm, crm_was),
    base_of(written(partner_now, {}), plan.stays.partner, partner_was))
  t.eq({ again.to_crm, again.to_partner }, { {}, {} }, what .. ": a further look")
end

-- ---- The cases ----

local function complete(t)
  for _, name in ipairs(NAMES) do
    local row = bad_values.rows[name]
    t.ok(row, name .. " has no row in bad_values.lua")
    t.ok(not row.as or KINDS[row.as] or row.as == "state", name .. ": as " .. tostring(row.as))
  end
  for name in pairs(bad_values.rows) do
    t.ok(field_of(name), name .. " is no row of the field table")
  end
  local _, deal = partner()
  t.eq(#create_referral.problems(crm()), 0, "the whole row is whole")
  t.eq(differing(deal, crm()), { "state", "microsoft_state", "qualification" },
    "both sides say the same, active being open")
end

-- From Partner Center: what a bad value counts as, and that it touches nothing else.
local function comes_in(t, name)
  local row, field = bad_values.rows[name], (field_of(name))
  local _, whole = partner()
  for _, bad in ipairs(row.at and BAD or {}) do
    local what = name .. ", " .. bad[1]
    local _, deal = partner(name, bad[2])
    if row.as == "state" then
      t.has(value_of(deal, name), "/", what)
    elseif row.as == "record" then
      t.eq(next(deal[name]), nil, what)
    elseif row.as ~= "nothing" then
      t.eq(value_of(deal, name), KINDS[row.as](bad[1]), what)
    end
    for _, other in ipairs(differing(whole, deal)) do
      t.ok(other == field.name or (ALONG[field.name] or {})[other],
        what .. " changes " .. other)
    end
  end
end

-- A deal that both sides know, and the bad value comes with good notes.
local function updates_the_crm(t, name)
  local row, field = bad_values.rows[name], (field_of(name))
  local crm_was, _, partner_was = crm(), partner()
  for _, bad in ipairs(row.at and BAD or {}) do
    local what = name .. ", " .. bad[1]
    local r = partner(name, bad[2])
    if name ~= "notes" then
      r.ours.details = canonical.record(r.ours.details)
      r.ours.details.notes = "travels"
    end
    local now = canonical.from_partner(r.ours, r.theirs, KNOWN)
    local plan = planned(crm_was, now, crm_was, partner_was)
    local is_none = row.as == "state" or row.as == "set" or value_of(now, name) == nil or
      row.as == "flag" and value_of(now, name) == false
    if not name:find(".", 1, true) and is_none then
      t.ok(comes_true(row.here, plan, name, "to_crm", "to_partner"),
        what .. " is not " .. tostring(row.here) .. json.encode { plan.to_crm, plan.to_partner })
    end
    if name ~= "notes" then
      t.eq(plan.to_crm.notes, "travels", what)
    end
    t.ok(json.encode(rows.columns(plan.to_crm, KNOWN, world.row())), what)
    at_rest(t, plan, crm_was, partner_was, what)
    t.ok(field.to_crm == "update" or plan.to_crm[name] == nil, what .. " is not for the CRM")
  end
end

-- Of a new deal in the CRM.
local function keeps_from_sending(t, name)
  local row = bad_values.rows[name]
  for _, none in ipairs { {}, { json.null }, { "" }, { "  " }, { {} } } do
    if row.column then
      local deal = crm(name, none[1])
      local problems = create_referral.problems(deal)
      local keys = {}
      for i, problem in ipairs(problems) do
        keys[i] = problem.key
      end
      t.eq(keys, { row.new }, name .. " = " .. json.encode { none[1] })
      if #problems == 0 then
        t.ok(json.encode(referral_body.ours(deal, KNOWN)))
        t.ok(json.encode(referral_body.microsofts(deal, world.id, KNOWN)))
      end
    end
  end
end

-- Of a deal that both sides know, emptied in the CRM together with good notes.
local function updates_partner_center(t, name)
  local row, field = bad_values.rows[name], (field_of(name))
  if not row.column or name:find(".", 1, true) or field.to_partner ~= "update" or
    name == "state" then
    return
  end
  local crm_was, _, partner_was = crm(), partner()
  for _, none in ipairs { {}, { json.null }, { "" } } do
    local now = crm(name, none[1])
    now.notes = name ~= "notes" and "travels" or now.notes
    local plan = planned(now, partner_was, crm_was, partner_was)
    t.ok(comes_true(row.there, plan, name, "to_partner", "to_crm"),
      name .. " is not " .. tostring(row.there) .. json.encode { plan.to_crm, plan.to_partner })
    t.ok(name == "notes" or plan.to_partner.notes == "travels", name)
    at_rest(t, plan, crm_was, partner_was, name)
  end
end

-- The two furthest values, from Partner Center and into its body again.
local function furthest(t, name)
  local row, field = bad_values.rows[name], (field_of(name))
  local crm_was, _, partner_was = crm(), partner()
  for _, far in ipairs(row.at and row.far or {}) do
    local what = name .. " = " .. tostring(far):sub(1, 40)
    local _, now = partner(name, far)
    local plan = planned(crm_was, now, crm_was, partner_was)
    t.ok(json.encode(rows.columns(plan.to_crm, KNOWN, world.row())), what)
    at_rest(t, plan, crm_was, partner_was, what)
    t.ok(json.encode(referral_body.ours(now, KNOWN)), what)
    if row.as == "amount" then
      local wire = json.encode(canonical.wire_amount(value_of(now, name)))
      t.eq(tonumber(wire), tonumber(far), what)
      t.ok(name ~= "value" or far:find(wire, 1, true), what .. ": exact, not " .. wire)
    end
    for _, other in ipairs(differing(partner_was, now)) do
      t.ok(other == field.name or (ALONG[field.name] or {})[other], what .. " changes " .. other)
    end
  end
end

-- Whatever came before, a good value travels.
local function mends(t, name)
  local good, row = world.good[name], bad_values.rows[name]
  local crm_was, _, partner_was = crm(), partner()
  for _, bad in ipairs(good and BAD or {}) do
    local what = name .. " after " .. bad[1]
    local _, spoilt = partner(name, bad[2])
    local plan = planned(crm_was, spoilt, crm_was, partner_was)
    local crm_now = written(crm_was, plan.to_crm, true)
    local partner_base = base_of(written(spoilt, plan.to_partner), plan.stays.partner, partner_was)
    local _, mended = partner(name, good[1])
    plan = planned(crm_now, mended, written(crm_now, {}), partner_base)
    t.eq(plan.to_crm[name] == nil and crm_now[name] or plan.to_crm[name], good[2], what)
    t.ok(row.here == "restored" or #plan.conflicts == 0, what)
  end
end

local CASES = {
  { "comes_in", comes_in }, { "updates_the_crm", updates_the_crm },
  { "new_in_the_crm", keeps_from_sending }, { "updates_partner_center", updates_partner_center },
  { "furthest", furthest }, { "mends", mends },
}

return function(t)
  t.case("every_row_and_part_of_the_field_table_has_its_outcomes", function() complete(t) end)
  for _, name in ipairs(NAMES) do
    for _, case in ipairs(CASES) do
      t.case(("%s_%s"):format(name, case[1]), function() world.with(case[2], t, name) end)
    end
  end
end

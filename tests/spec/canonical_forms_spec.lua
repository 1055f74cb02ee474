-- The canonical form of whole records (reconcile rule 4): however odd a side writes it, equal
-- things are equal values.
local canonical = require "canonical"
local fields = require "fields"

local MARKS = { ok = "✔ ", failed = "✖ ", place = "front" }
local ID = "9d3f0c1e-1111-4222-8333-9999aaaabbbb"

local PRECISION = { JPY = 0, USD = 2, KWD = 3 }

local function facts(offset)
  return {
    offset_minutes = offset or 0,
    precision = function(code) return PRECISION[code] or 2 end,
    referral_link = function(id) return id and "https://portal.example/" .. id end,
  }
end

local function referral(over)
  local r = { id = ID, externalReferenceId = ID, name = "Plant", status = "Active",
    substatus = "Accepted", type = "Independent",
    customerProfile = { name = "Hoshino", ids = {}, team = {}, address = { city = "Nagoya",
      state = "Aichi" } },
    consent = { consentToShareReferralWithMicrosoftSellers = false },
    details = { notes = "first", dealValue = 1250000, currency = "JPY",
      closingDateTime = "2031-03-31T00:00:00Z",
      requirements = { solutions = { { id = "SOL-1", name = "One" } } } } }
  for name, value in pairs(over or {}) do
    r[name] = value
  end
  return r
end

local function details(over)
  local d = referral().details
  for name, value in pairs(over) do
    d[name] = value
  end
  return { details = d }
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

-- Two ways to write one deal.
local SAME = {
  { "an identifier in capitals", { externalReferenceId = ID:upper(), id = ID:upper() } },
  { "a value with a fraction of zeros", details { dealValue = "1250000.00" } },
  { "a value as a float", details { dealValue = 1250000.0 } },
  { "escaped notes", details { notes = "&#102;irst" } },
  { "notes with space around", details { notes = "  first\r\n" } },
  { "a date without a time", details { closingDateTime = "2031-03-31" } },
  { "a date with an offset of zero", details { closingDateTime = "2031-03-31T00:00:00+00:00" } },
  { "a currency in small letters", details { currency = "JPY" } },
  { "an empty list of people as an object", { customerProfile = { name = "Hoshino", ids = {},
    address = { city = "Nagoya", state = "Aichi" } } } },
  { "the state as region", { customerProfile = { name = "Hoshino", ids = json.null,
    team = json.null, address = { city = "Nagoya", state = json.null, region = "Aichi" } } } },
  { "a member that nobody knows", { novelty = { colour = "green" } } },
}

local ZONES = {
  -- as the service says it, minutes from UTC, the date
  { "2031-03-31T00:00:00Z", 540, "2031-03-31" },
  { "2031-03-31T00:00:00Z", -480, "2031-03-31" },
  { "2031-03-31T00:00:00.0000000Z", -720, "2031-03-31" },
  { "2031-03-30T15:00:00Z", 540, "2031-03-31" },
  { "2031-03-30T14:59:59Z", 540, "2031-03-30" },
  { "2031-03-31T07:59:59Z", -480, "2031-03-30" },
  { "2031-03-31T08:00:00Z", -480, "2031-03-31" },
  { "2031-12-31T23:30:00Z", 60, "2032-01-01" },
  { "2032-02-28T20:00:00Z", 330, "2032-02-29" },
  { "2031-03-31T09:00:00+09:00", -480, "2031-03-31" },
  { "2031-03-31t23:59:59z", 0, "2031-03-31" },
}

return function(t)
  for _, row in ipairs(SAME) do
    t.case("same_" .. row[1]:gsub("%s", "_"), function()
      local plain = canonical.from_partner(referral(), nil, facts())
      t.eq(differing(plain, canonical.from_partner(referral(row[2]), nil, facts())), {})
    end)
  end

  t.case("date_has_any_number_of_digits", function()
    for digits = 0, 7 do
      local tail = digits == 0 and "" or "." .. ("0"):rep(digits)
      t.eq(canonical.date("2031-03-31T00:00:00" .. tail .. "Z", 540), "2031-03-31", tail)
      tail = digits == 0 and "" or "." .. ("123456789"):sub(1, digits)
      t.eq(canonical.date("2031-03-30T15:00:00" .. tail .. "Z", 540), "2031-03-31", tail)
    end
  end)

  t.case("date_near_midnight_is_that_of_the_zone", function()
    for _, row in ipairs(ZONES) do
      t.eq(canonical.date(row[1], row[2]), row[3], row[1] .. " at " .. row[2])
    end
  end)

  t.case("date_that_is_none_is_nil", function()
    for _, value in ipairs { json.null, "", "soon", 20310331, {}, "31.03.2031" } do
      t.eq(canonical.date(value), nil, tostring(value))
    end
  end)

  t.case("null_missing_and_empty_are_one", function()
    local function notes(value)
      return canonical.from_partner(referral(details { notes = value }), nil, facts()).notes
    end
    t.eq({ notes(json.null), notes(""), notes("  \n") }, {})
    local r = referral()
    r.details.notes = nil
    t.eq(canonical.from_partner(r, nil, facts()).notes, nil)
  end)

  t.case("precision_is_the_currencys", function()
    local function value(amount, currency)
      return canonical.from_partner(referral(details { dealValue = amount, currency = currency }),
        nil, facts()).value
    end
    t.eq(value("1250000.4", "JPY"), "1250000")
    t.eq(value("10.005", "USD"), "10.01")
    t.eq(value("10.005", "KWD"), "10.005")
    t.eq(value(json.decode("10.10"), "USD"), "10.10")
  end)

  t.case("help_is_microsofts_copy_alone_and_unknown_is_none", function()
    local function help(code, with_copy)
      local theirs = { status = "New", substatus = "Pending",
        inviteContext = { assistanceRequestCode = code } }
      return canonical.from_partner(referral { inviteContext = { assistanceRequestCode = code } },
        with_copy and theirs or nil, facts()).help
    end
    t.eq(help("GeneralOrOther", true), "GeneralOrOther")
    t.eq(help("Unknown", true), nil)
    t.eq(help("GeneralOrOther", false), nil, "asked, and nobody is asked yet")
  end)

  t.case("a_referral_of_nulls_is_an_empty_deal", function()
    local r = { id = ID, details = json.null, customerProfile = json.null, consent = json.null,
      team = json.null, status = "New", substatus = "Pending", name = json.null,
      inviteContext = json.null, externalReferenceId = json.null }
    local d = canonical.from_partner(r, nil, facts())
    t.eq({ d.name, d.value, d.closing_date, d.notes, d.contact, d.crm_id }, {})
    t.eq({ #d.solutions, #d.team, d.visible, d.state }, { 0, 0, false, "new" })
  end)

  t.case("marks_go_with_their_selectors_and_spaces_and_no_others", function()
    local rows = {
      { "✔\u{FE0F} ✔ Plant", "Plant" }, { "✔ ✔ ✖ Plant", "Plant" }, { "  ✖   Plant  ", "Plant" },
      { "✔\u{FE0E}\u{FE0F}Plant", "Plant" }, { "✅ Plant", "✅ Plant" }, { "✔", "" },
      { "Plant ✔", "Plant ✔" }, { "Plant", "Plant" },
    }
    for _, row in ipairs(rows) do
      t.eq(canonical.strip_marks(row[1], MARKS), row[2], row[1])
    end
  end)

  t.case("marks_at_the_back_are_stripped_there", function()
    local back = { ok = " (ok)", failed = " (!)", place = "back" }
    t.eq(canonical.strip_marks("Plant (ok)", back), "Plant")
    t.eq(canonical.strip_marks("Plant (!) (ok)", back), "Plant")
    t.eq(canonical.strip_marks("(ok) Plant", back), "(ok) Plant")
  end)

  t.case("base_keeps_the_fields_of_the_table_and_the_reason", function()
    local base = canonical.base { name = "A", reason = "Other", owner = "not a field" }
    t.eq(base, { name = "A", reason = "Other" })
  end)
end

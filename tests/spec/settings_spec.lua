-- Settings: every row is whole, and the current value is the profile's, else the stage's default.
local country = require "country"
local settings = require "settings"

local function with(fields, work)
  local kept = {}
  for name, value in pairs(fields) do
    kept[name] = host[name]
    rawset(host, name, value)
  end
  local ok, err = pcall(work)
  for name in pairs(fields) do rawset(host, name, kept[name]) end
  if not ok then error(err, 0) end
end

local ORIGINAL = {
  display_check_mark = true, deal_value_field = true, country_field = true, sync_leads = true,
}

local function rows(t)
  local seen = {}
  for _, row in ipairs(settings.rows) do
    t.ok(not seen[row.name], row.name)
    seen[row.name] = true
    t.ok(row.text and #row.text > 10, row.name)
    t.ok(row.default ~= nil, row.name)
    t.eq(row.original ~= nil, ORIGINAL[row.name] == true, row.name)
    if row.type == "enum" then
      local has = false
      for _, value in ipairs(row.values) do has = has or value == row.default end
      t.ok(has, row.name)
    elseif row.type == "integer" then
      t.ok(row.default >= row.least and row.default <= row.most, row.name)
    else
      t.eq(type(row.default), row.type == "zone" and "string" or row.type, row.name)
    end
  end
end

local function effective(t)
  local all = settings.effective({ settle = 0, sync_leads = false }, "staging")
  t.eq(all.settle, 0)
  t.eq(all.sync_leads, false)
  t.eq(all.inbound, "linked")
  t.eq(all.look_wait, 60)
  t.eq(settings.effective(nil, "production").inbound, "all")
end

local function current(t)
  local profile = { stage = "staging", settings = { settle = 7, sync_leads = false } }
  with({ profile = profile }, function()
    t.eq(settings.get "settle", 7)
    t.eq(settings.get "sync_leads", false)
    t.eq(settings.get "inbound", "linked")
    t.eq(settings.get "audit_max", 8000)
    t.ok(not pcall(settings.get, "setle"))
  end)
end

local function countries(t)
  local asked = {}
  local function map(q)
    asked[#asked + 1] = q
    if q.value == "broken" then return nil, { kind = "script", text = "country.lua:3" } end
    return { code = q.value == "Nippon" and "JP" or json.null, value = q.code and "Nippon" }
  end
  with({ map = map, now_ms = function() return 1924992000000 end }, function()
    t.eq(country.to_code "Nippon", "JP")
    t.eq(country.to_code "Nippon", "JP")
    t.eq(#asked, 1)
    t.eq(asked[1].call .. " " .. asked[1].today, "country.to_code 2031-01-01")
    t.eq(country.to_code "Nowhere", nil)
    t.eq(country.to_code "Nowhere", nil)
    t.eq(#asked, 2)
    t.eq(country.to_code "", nil)
    t.eq(#asked, 2)
    t.eq(select(2, country.to_code "broken").kind, "script")
    t.eq(select(2, country.to_code "broken").kind, "script")
    t.eq(#asked, 4) -- a failure is not remembered
    t.eq(country.from_code "JP", "Nippon")
  end)
end

return function(t)
  t.case("rows_are_whole", function() rows(t) end)
  t.case("effective_given_over_stage_over_default", function() effective(t) end)
  t.case("get_reads_the_profile", function() current(t) end)
  t.case("country_answers_are_remembered", function() countries(t) end)
end

-- Settings: every row is whole, and the current value is the profile's, else the stage's default.
local checks = require "schema_checks"
local country = require "country"
local person = require "person"
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
  deal_value_currency_field = true,
}

local TEXTS = { zone = true, column = true, person = true }

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
      t.eq(type(row.default), TEXTS[row.type] and "string" or row.type, row.name)
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

-- ---- Each is read somewhere ----

local AROUND = { ["settings.lua"] = true, ["schema.lua"] = true }

-- The Lua source of a folder and those below it, comments left out; not the practice environment.
local function sources(folder, out)
  for _, name in ipairs(assert(host.file.list(folder))) do
    local path = folder .. "/" .. name
    if name:find("%.lua$") and not AROUND[name] then
      out[#out + 1] = assert(host.file.read(path)):gsub("%-%-[^\n]*", "")
    elseif not name:find(".", 1, true) and name ~= "sim" then
      sources(path, out)
    end
  end
  return out
end

local READS = { "settings%.([%l_]+)%f[^%w_(]", "settings%.get%s*%(?%s*\"([%l_]+)\"",
  "ctx%.setting%(\"([%l_]+)\"%)" }

-- name -> true for every setting that a script or a shipped mapping reads.
local function read_names(text)
  local out = {}
  for _, pattern in ipairs(READS) do
    for name in text:gmatch(pattern) do out[name] = true end
  end
  return out
end

local function each_is_read(t)
  local scripts = host.file.getenv "COSELL_SCRIPTS"
  local text = table.concat(sources(scripts, sources(scripts .. "/../mappings/default", {})), "\n")
  local read = read_names(text)
  for _, row in ipairs(settings.rows) do
    t.ok(read[row.name], row.name .. " is read by nothing")
  end
  for name in text:gmatch("profile%.settings%.([%l_]+)") do
    t.ok(settings.row(name), name .. " is read, and no setting")
  end
  t.eq(read_names "profile.settings.settle_x -- settle", { settle_x = true })
end

-- ---- What a profile may give ----

local function persons(t)
  local p = person.read "Ann van Lee <ann@partner.example> +1 (425) 555-0100"
  t.eq({ p.first_name, p.last_name, p.email, p.phone },
    { "Ann", "van Lee", "ann@partner.example", "+1 (425) 555-0100" })
  p = person.read "健 青木 <ken@partner.example> +81355550101"
  t.eq({ p.first_name, p.last_name }, { "健", "青木" })
  for _, bad in ipairs { "", "ann@partner.example", "Ann <ann@partner.example> +14255550100",
    "Ann Lee <ann> +14255550100", "Ann Lee <a@b> 123", "Ann Lee <a@b>", "Ann Lee a@b +14255550100",
    "Ann Lee <a@b> call 12345", "Ann\nLee <a@b> +14255550100", "A \xFF <a@b> +14255550100", 7,
    ("x"):rep(300) .. " Lee <a@b> +14255550100" } do
    t.eq(person.read(bad), nil, tostring(bad))
  end
end

local GOOD = {
  time_zone = { "UTC", "+09:00", "-0330" }, deal_value_field = { "new_value" },
  deal_value_currency_field = { "row", "base", "new_code2" },
  team_fallback = { "", "Ann Lee <ann@partner.example> +1 425 555 0100" },
  remove_last_solution = { "keep" }, expiry_reminder_days = { 0, 14 }, sync_leads = { false },
}
local BAD = {
  time_zone = { "Tokyo", "+15:00", "+09:60", 9 },
  deal_value_field = { "Deal Value", "", 5 }, deal_value_currency_field = { "ISO code" },
  team_fallback = { "ann@partner.example", 1, true }, remove_last_solution = { "stop", false },
  expiry_reminder_days = { -1, 15, 3.5, "3" }, sync_leads = { "yes", 1 }, settle = { "60" },
}

local function values(t)
  for _, list in ipairs { GOOD, BAD } do
    for name, all in pairs(list) do
      local row = settings.row(name)
      for _, value in ipairs(all) do
        t.eq(checks[row.type](value, row) == nil, list == GOOD, name .. " " .. tostring(value))
      end
    end
  end
end

return function(t)
  t.case("rows_are_whole", function() rows(t) end)
  t.case("effective_given_over_stage_over_default", function() effective(t) end)
  t.case("get_reads_the_profile", function() current(t) end)
  t.case("item 81: each setting is read by something", function() each_is_read(t) end)
  t.case("item 81: values of each type, right and wrong", function() values(t) end)
  t.case("a_person_as_one_text", function() persons(t) end)
  t.case("country_answers_are_remembered", function() countries(t) end)
end

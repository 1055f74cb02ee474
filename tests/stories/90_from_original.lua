-- Who comes from Microsoft's connector: `cosell init --from-original` reads what it was told in the
-- CRM and writes it beside the mapping, each line with its origin.  What nothing here stands for is
-- listed.
local kit = require "commands.kit"

local APPLICATION = "7d1b0c52-0002-4a11-9c01-000000000002"

local VARIABLES = { -- schema name, display name, default, current
  { "msft_DisplayCheckMark", "Display check mark in the opportunity name", "Yes", "no" },
  { "msft_DealValueFieldName", "Deal value field name", "estimatedvalue", "BudgetAmount" },
  { "msft_CountryField", "Customer Account Country Code field name", "address1_country", nil },
  { "msft_CurrencyField", "Deal value currency code field name", "transactioncurrencyid", nil },
  { "msft_SyncCosell", "Sync co-sell opportunity", "Yes", "Yes" },
  { "msft_ActiveStage", "Active stage name", "Develop", nil },
  { "msft_Unheard", "Something new", "1", "2" },
  { "other_Thing", "Something of another product", "1", nil },
}

local function variable(s, row)
  local id = s:act("create", { table = "environmentvariabledefinition", values = {
    schemaname = row[1], displayname = row[2], defaultvalue = row[3], type = 100000000 } }).id
  if row[4] then
    s:act("create", { table = "environmentvariablevalue", values = { schemaname = row[1],
      value = row[4], environmentvariabledefinitionid = id } })
  end
end

local function init(s, o, ...)
  local argv = { "init", o.dir or "mine", "--yes", "--tenant", "practice.example", "--application",
    APPLICATION, "--crm", s.base.crm, "--login", s.base.tokens, "--from-original", ... }
  local child = assert(host.child.start { argv = argv, dir = s.dir, input = o.typed ~= nil,
    env = { COLUMNS = "400", TMPDIR = s.dir .. "/tmp" } })
  if o.typed then
    assert(child:write(o.typed .. "\n"))
    assert(child:write(nil))
  end
  while child:line(60000) do end
  local ended = child:wait()
  return child:output(), ended.exit
end

local function secret_of(s)
  return (assert(host.file.read(s.dir .. "/crm_secret")):gsub("%s", ""))
end

local function with(body)
  kit.with({ host = false }, function(s)
    assert(host.file.mkdir(s.dir .. "/tmp"))
    body(s)
  end)
end

local WANTED = { "settings.display_check_mark = false (original: Display check mark in the " ..
    "opportunity name (msft_DisplayCheckMark), current value no)",
  "settings.deal_value_field = budgetamount (original: Deal value field name " ..
    "(msft_DealValueFieldName), current value BudgetAmount)",
  "settings.country_field = address1_country (original: Customer Account Country Code field " ..
    "name (msft_CountryField), default value address1_country)",
  "settings.deal_value_currency_field = row (original",
  "settings.sync_leads = false (original: Sync " ..
    "co-sell opportunity (msft_SyncCosell), current value Yes)",
  "not taken over: Active stage name (msft_ActiveStage): Dynamics 365 has no such stage",
  "not taken over: Something new (msft_Unheard): no setting here is its counterpart" }

local function taken_over(t)
  with(function(s)
    for _, row in ipairs(VARIABLES) do variable(s, row) end
    local before = kit.writes(s)
    local text, exit = init(s, { typed = secret_of(s) })
    t.eq(exit, 0, text)
    t.eq(kit.writes(s), before, "it only reads")
    for _, said in ipairs(WANTED) do t.has(text, said) end
    t.ok(not text:find("another product", 1, true), text)
    t.ok(not text:find(secret_of(s), 1, true), "the secret is not printed")
    local settings = assert(host.file.read(s.dir .. "/mine/settings.lua"))
    t.has(settings, '    -- original: Deal value field name (msft_DealValueFieldName), current ' ..
      'value BudgetAmount\n    deal_value_field = "budgetamount",\n')
    local loaded = assert(host.load(s.dir .. "/mine"))
    t.eq(loaded.problems, {}, settings)
    local now = loaded.profile.settings
    t.eq({ now.display_check_mark, now.deal_value_field, now.sync_leads },
      { false, "budgetamount", false })
    t.eq(host.file.list(s.dir .. "/tmp"), {}, "nothing is left of the asking")
    for _, name in ipairs { "profile.lua", "settings.lua" } do
      t.ok(not assert(host.file.read(s.dir .. "/mine/" .. name)):find(secret_of(s), 1, true), name)
    end
    text, exit = init(s, { dir = "again" }, "--secret", "file:crm_secret", "--mapping", "../mine")
    t.eq(exit, 0, "by a reference: " .. text)
    t.has(text, "From Microsoft's connector, in profile.lua\n")
    t.has(text, WANTED[1])
    t.eq(host.file.read(s.dir .. "/mine/settings.lua"), settings, "what is there is left")
    t.has(assert(host.file.read(s.dir .. "/again/profile.lua")),
      'deal_value_field = "budgetamount"')
    t.eq(assert(host.load(s.dir .. "/again")).problems, {})
  end)
end

-- A CRM that never had it: every setting keeps its default, and that is said.
local function nothing_there(t)
  with(function(s)
    local text, exit = init(s, { typed = secret_of(s) })
    t.eq(exit, 0, text)
    t.has(text, "not taken over: Deal value field name: your CRM has no such variable; the " ..
      "default of deal_value_field holds")
    t.eq(assert(host.load(s.dir .. "/mine")).profile.settings.deal_value_field, "estimatedvalue")
  end)
end

local function values_that_fit_nothing(t)
  with(function(s)
    variable(s, { "msft_A", "Display check mark in the opportunity name", "Yes", "perhaps" })
    variable(s, { "msft_B", "Deal value field name", "estimatedvalue", "new_gone" })
    variable(s, { "msft_C", "Customer Account Country Code field name", "x", "not a column" })
    local text, exit = init(s, { typed = secret_of(s) })
    t.eq(exit, 0, text)
    t.has(text, 'its value "perhaps" is neither yes nor no')
    t.has(text, "your CRM's opportunity has no column new_gone, which it names")
    t.has(text, "its value not a column is a column's logical name, in small letters")
  end)
end

local function not_asked(t)
  with(function(s)
    local text, exit = init(s, { typed = "wrong" })
    t.eq(exit, 1, text)
    t.has(text, "what the original was told cannot be read: ")
    t.has(text, "7000215")
    t.ok(not text:find("wrong\n", 1, true), text)
    text, exit = init(s, {})
    t.eq(exit, 1, text)
    t.has(text, "--from-original asks the CRM: give the secret, or --secret")
    t.eq({ host.file.exists(s.dir .. "/mine"), #host.file.list(s.dir .. "/tmp") }, { false, 0 },
      "nothing was written")
  end)
end

return function(t)
  t.case("from the original: its variables, with their origin", function()
    taken_over(t)
  end)
  t.case("from the original: a CRM that never had it", function() nothing_there(t) end)
  t.case("from the original: values that fit nothing here", function()
    values_that_fit_nothing(t)
  end)
  t.case("from the original: a secret that is wrong or missing", function() not_asked(t) end)
end

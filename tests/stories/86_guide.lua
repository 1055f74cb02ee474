-- What mappings/README.md shows runs as it is written: its whole mapping on the practice
-- environment, with a deal each way, and each example under `cosell check`.
local examples = require "commands.examples"
local kit = require "commands.kit"
local rules = require "commands.rules"

local APAC, OTHER, MICROSOFT = 100000000, 100000003, 100000001
local JAPAN = "5a1e0000-0000-4000-8000-000000000054"
local HOSHINO = "5a1e0000-0000-4000-8000-000000000041"

-- The three files of the guide's block, which begin with their names.
local function files_of_the_guide()
  local page = assert(host.file.read(host.file.getenv("COSELL_SCRIPTS") ..
    "/../mappings/README.md"))
  local block = page:match("## A whole mapping\n+```lua\n(.-)```")
  local details, country, value =
    block:match("^(%-%- details%.lua.-)\n(%-%- country%.lua.-)\n(%-%- deal_value%.lua.*)$")
  assert(value, "the guide has no whole mapping of three files")
  return { ["details.lua"] = details, ["country.lua"] = country, ["deal_value.lua"] = value }
end

local function comes_in(t, s)
  s:act("portal-create", { name = "Comes in", value = 500, currency = "USD", duns = "690000777",
    customer = "Kiso Valley Foods KK", country = "JP" })
  s:rest()
  local row = kit.opportunity(s).row
  local account = s:row("crm:account", row._parentaccountid_value)
  t.eq({ row.new_region, row.new_channel, tonumber(row.new_dealvalue) }, { APAC, MICROSOFT, 500 })
  t.eq({ account.name, account.new_duns, account._new_countryid_value },
    { "Kiso Valley Foods KK", "690000777", JAPAN })
  s:act("portal-create", { name = "Of Hoshino's", value = 700, currency = "USD",
    duns = "690000141", customer = "Hoshino Parts Nagoya", country = "CH" })
  s:rest()
  for _, o in ipairs(kit.opportunities(s)) do
    if o.name:find("Hoshino", 1, true) then
      t.eq({ o.row._parentaccountid_value, o.row.new_region }, { HOSHINO, OTHER }, "by its number")
    end
  end
end

local function goes_out(t, s)
  local row = s:act("create-opportunity", rules.deal { value = false, account = "Hoshino Parts KK",
    contact = "Mika Hoshino", values = { new_dealvalue = 92000 } }).id -- euros
  s:rest()
  local r = rules.referral(s, kit.opportunity(s, row).identifier)
  t.ok(r, kit.opportunity(s, row).audit)
  t.eq({ tonumber(r.details.dealValue), r.details.currency, r.customerProfile.address.country },
    { 100000, "USD", "JP" })
end

-- ---- The examples, checked as they lie there ----

local function check(dir)
  local child = assert(host.child.start { argv = { "check", "--profile", dir }, env = {
    COSELL_SCRIPTS = host.file.getenv "COSELL_SCRIPTS", PATH = host.file.getenv "PATH" } })
  while child:line(20000) do end
  return child:wait().exit, child:output()
end

local function each_is_right(t)
  for _, name in ipairs(examples.names()) do
    local exit, said = check(examples.folder .. "/" .. name)
    t.eq(exit, 0, name .. ": " .. said)
    local n = 0
    for file in pairs(examples.files(name)) do
      n = n + (file:find("^fixtures/") and 1 or 0)
    end
    t.has(said, ("%d fixtures: all as expected"):format(n))
  end
end

-- A copy of one, in which a fixture wants something else.
local function one_is_wrong(t)
  local dir = host.file.tempdir()
  assert(host.file.mkdir(dir .. "/fixtures"))
  assert(host.file.write(dir .. "/profile.lua", examples.read("account-duns", "profile.lua")))
  for file, text in pairs(examples.files("account-duns")) do
    assert(host.file.write(dir .. "/" .. file, (text:gsub('"new_duns": "690000777"',
      '"new_duns": "1"'))))
  end
  local exit, said = check(dir)
  host.file.remove(dir)
  t.eq(exit, 1, said)
  t.has(said, "new_duns")
  t.has(said, "690000777")
end

return function(t)
  t.case("each example passes cosell check as it lies there", function() each_is_right(t) end)
  t.case("an example with a wrong fixture does not, and the column is named", function()
    one_is_wrong(t)
  end)
  t.case("the guide's whole mapping runs on the practice environment as it is written", function()
    kit.with({ files = files_of_the_guide() }, function(s)
      comes_in(t, s)
      rules.marketplace(s)
      s:rest()
      t.eq(s:rows("crm:lead")[1].leadsourcecode, 4, "a lead's constant")
      goes_out(t, s)
      t.eq(s:status().queue.dead, 0, "dead letters")
      kit.quiet(t, s)
    end)
  end)
end

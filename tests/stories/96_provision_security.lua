-- Story 96: with field security only this program writes its columns, and everybody else reads
-- them; what an interrupted run left is finished by the next.
local kit = require "commands.kit"
local provisioned = require "commands.provisioned"

local provision, whole = provisioned.run, provisioned.whole

local LOCKED = { msft_microsoftpartnercenterreferralidentifier = "x",
  msft_microsoftpartnercenterreferrallink = "https://x.example", msft_microsoftcrmidentifier = "x",
  msft_microsoftpartnercenterreferralprogram = "x",
  msft_microsoftpartnercenterreferralsyncaudit = "x" }

local function catalogue(s)
  s:act("create", { table = "msft_microsoftsolutiondetail", values = { msft_name = "Aoba Migration",
    msft_solutionidentifier = "SOL-10001-ABC", msft_type = "Own" } })
end

local function secured(t, s)
  local text, exit = provision(s, "--field-security", "--plan")
  t.has(text, '+ field security profile "cosell: who writes"')
  t.has(text, '~ profile "cosell: who writes" gets this application user')
  t.has(text, '~ profile "cosell: who reads" gets 1 default team')
  t.has(text, "~ column lead.msft_microsoftpartnercenterreferrallink is secured")
  t.has(text, '~ profile "cosell: who writes" may write 9 columns')
  t.has(text, "52 things to make")
  t.eq(exit, 0, text)
  text, exit = provision(s, "--field-security")
  t.has(text, "52 things made and published")
  t.eq(exit, 0, text)
  t.eq(select(2, provisioned.defined(s)), 1, "published once")
  local writes = kit.writes(s)
  for _, words in ipairs { { "--field-security" }, {} } do
    t.eq({ provision(s, table.unpack(words)) }, { "nothing to make: all of it stands\n", 0 })
  end
  t.eq(kit.writes(s), writes)
end

-- The host writes, a seller does not, and reads it all.
local function used(t, s)
  catalogue(s)
  s:host_start { profile = s.profile, state = s.state, env = { COSELL_LOG = "debug" } }
  s:host_ready()
  kit.registered(s)
  s:act("portal-create", { name = "Plant sensor rollout", value = 5000, currency = "EUR",
    solutions = "SOL-10001-ABC" })
  s:rest()
  local o = kit.opportunity(s)
  t.eq({ o.name, type(o.identifier) }, { "✔ Plant sensor rollout", "string" }, o.audit)
  for name, value in pairs(LOCKED) do
    local ok, err = pcall(s.act, s, "edit", { table = "opportunity", id = o.id,
      values = { [name] = value } })
    t.ok(not ok and tostring(err):find("secured field", 1, true), name .. ": " .. tostring(err))
  end
  kit.describe(s, o.id, "by a seller")
  s:rest()
  t.eq((kit.referrals(s))[1].details.notes, "by a seller")
  kit.quiet(t, s)
  s:host_stop()
end

local function removed(t, s, before)
  local text, exit = provision(s, "--remove", "--yes")
  t.has(text, '- field security profile "cosell: who reads"')
  t.eq(exit, 0, text)
  local after = whole(s)
  t.eq({ after[2], after[3], after[4], after[5] }, { before[2], before[3], 0, 0 })
  t.eq({ #s:rows "crm:fieldsecurityprofile", #s:rows "crm:fieldpermission" }, { 0, 0 })
end

-- Later, on what an earlier run made; and broken off before the permissions are given.
local function later(t, s)
  provision(s)
  s:fault("crm", { method = "write", path = "fieldpermissions", status = 400, skip = 3 })
  local text, exit = provision(s, "--field-security")
  t.has(text, '14 of 16 done, not: profile "cosell: who writes" may write 9 columns')
  t.eq(exit, 1, text)
  s:say("fault", { "clear" })
  text, exit = provision(s) -- without the option: what is begun is finished
  t.has(text, "2 things made and published")
  t.eq({ exit, #s:rows "crm:fieldpermission" }, { 0, 18 }, text)
  t.has(provision(s), "nothing to make")
end

-- The original's columns belong to another.
local function adopted(t, s)
  local text = provision(s, "--field-security", "--no-form", "--plan")
  t.ok(not text:find("is secured", 1, true), text)
end

-- What is secured comes with the export; who may, is said there.
local function elsewhere(t, s)
  provision(s, "--field-security")
  local file = s.dir .. "/cosell.zip"
  t.eq(select(2, provision(s, "--export", file)), 0)
  local bytes = assert(host.file.read(file))
  kit.with({ host = false, sim_args = { "--bare" } }, function(there)
    provisioned.ask(there, "POST", "ImportSolution", { ImportJobId = host.uuid(),
      CustomizationFile = host.crypto.base64(bytes), PublishWorkflows = true,
      OverwriteUnmanagedCustomizations = false })
    local text, exit = provision(there)
    t.has(text, '1 of 3: profile "cosell: who writes" gets this application user')
    t.eq(exit, 0, text)
    t.has(provision(there), "nothing to make")
    used(t, there)
  end)
end

return function(t)
  local BARE = { host = false, sim_args = { "--bare" }, refused = "a seller writes" }
  kit.with(BARE, function(s)
    local before = whole(s)
    t.case("provision: field security, made, used and taken away again", function()
      secured(t, s)
      used(t, s)
      removed(t, s, before)
    end)
  end)
  t.case("provision: field security later, and broken off", function()
    kit.with(BARE, function(s) later(t, s) end)
  end)
  t.case("provision: adopted columns are not secured", function()
    kit.with({ host = false }, function(s) adopted(t, s) end)
  end)
  t.case("provision: field security travels with the export", function()
    kit.with(BARE, function(s) elsewhere(t, s) end)
  end)
end

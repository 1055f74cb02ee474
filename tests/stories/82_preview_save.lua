-- `cosell preview DEAL --save NAME`: a real deal becomes fixtures of the profile: what the mapping
-- is asked and what it answers, with invented persons, companies and streets.  The reload that
-- follows runs them, and no file is ever covered.
local kit = require "commands.kit"
local rules = require "commands.rules"
local untouched = require "commands.untouched"

local DETAILS = [[
return { api = 1,
  columns = { account = { "websiteurl" }, opportunity = { "stepname" } },
  account = { match = function(d)
    local domain = d.contact and d.contact.email and d.contact.email:match("@(.+)$")
    return { { { "websiteurl", domain and "https://www." .. domain } },
      { { "name", d.customer.name } } }
  end },
  opportunity = { create = function(d, v)
    v.stepname = "for " .. d.customer.name
    v.description = "asked by " .. (d.contact and d.contact.last_name or "nobody")
  end },
  referral = { update = function(d, v) return v end },
  close_reason = function(crm) return crm.description end }
]]
local DEAL_VALUE = [[
return { write = "estimatedvalue", read = function(crm) return crm.estimatedvalue end }
]]

-- What of the deal nobody may read in a file that is passed on.
local REAL = { "Elbe Hafen", "elbehafen", "Jana", "Petersen", "Kai 4", "secret plans", "Harbour" }

local function files_of(s)
  local out = {}
  for _, name in ipairs(host.file.list(s.profile .. "/fixtures") or {}) do
    out[name] = assert(host.file.read(s.profile .. "/fixtures/" .. name))
  end
  return out
end

local function staged(body)
  rules.sent({ files = { ["details.lua"] = DETAILS, ["deal_value.lua"] = DEAL_VALUE },
    deal = { notes = "the secret plans of Jana Petersen at Elbe Hafen GmbH",
      help = "Quotes / licensing" } }, function(s, row)
    rules.edit(s, row, { stepname = "call Jana Petersen first" }) -- no column of the table
    body(s, row)
  end)
end

local function saved(t)
  staged(function(s, row)
    local text, exit = untouched.while_looking(t, s, function()
      return s:command("preview", { row, "--save", "harbour" })
    end)
    t.eq(exit, 0, text)
    local files, calls = files_of(s), {}
    for name, content in pairs(files) do
      local fixture = json.decode(content)
      calls[fixture.call] = fixture
      t.ok(name:find("^harbour%-[%w_.]+[-%d]*%.json$"), name)
      t.has(text, "fixtures/" .. name)
      for _, real in ipairs(REAL) do
        t.ok(not content:lower():find(real:lower(), 1, true), name .. " tells " .. real)
      end
    end
    for _, call in ipairs { "account.match", "contact.match", "opportunity.create",
      "referral.create", "deal_value.read", "country.to_code" } do
      t.ok(calls[call], "no fixture of " .. call .. "; " .. text)
    end
    local match = calls["account.match"]
    local company, mail = match.d.customer.name, match.d.contact.email
    t.eq(match.expect[2][1], { "name", company })
    t.eq(match.expect[1][1], { "websiteurl", "https://www." .. mail:match("@(.+)$") })
    t.eq(calls["opportunity.create"].expect.stepname, "for " .. company, "the same everywhere")
    t.eq({ match.d.customer.city, match.d.customer.country, match.d.value, match.d.currency,
      match.d.solutions[1].id }, { "Hamburg", "DE", "90000.00", "EUR", "SOL-10001-ABC" })
    t.eq(tostring(calls["deal_value.read"].expect), "90000.0")
    kit.wait("the reload", function() return s:status().generation == 2 end)
    t.eq(s:status().reload.error, nil)
  end)
end

-- They guard: an edit that answers otherwise is refused by them.
local function they_guard(t)
  staged(function(s, row)
    s:command("preview", { row, "--save", "harbour" })
    kit.wait("the reload", function() return s:status().generation == 2 end)
    assert(host.file.write(s.profile .. "/details.lua", (DETAILS:gsub('"for "', '"of "'))))
    kit.wait("the refusal", function() return s:status().reload.error end)
    t.has(s:status().reload.error, "harbour-opportunity.create")
    t.eq(s:status().generation, 2)
  end)
end

local function covers_nothing(t)
  staged(function(s, row)
    assert(host.file.mkdir(s.profile .. "/fixtures"))
    local mine = '{ "call": "country.to_code", "value": "DE", "expect": "DE" }'
    assert(host.file.write(s.profile .. "/fixtures/harbour-referral.create.json", mine))
    local text, exit = s:command("preview", { row, "--save", "harbour" })
    t.eq(exit, 1)
    t.has(text, "fixtures/harbour-referral.create.json is there already; nothing was written")
    local files = files_of(s)
    t.eq(files["harbour-referral.create.json"], mine)
    t.eq(#(host.file.list(s.profile .. "/fixtures")), 1)
    for _, name in ipairs { "../x", "a/b", "", "x y" } do
      local said, bad = s:command("preview", { row, "--save", name })
      t.eq(bad, 1, name)
      t.has(said, "a name is letters, digits, - and _")
    end
    local _, usage = s:command("preview", { "--save", "x" })
    t.eq(usage, 2, "of which deal?")
  end)
end

-- One that nothing links yet has less to ask.
local function of_a_new_deal(t)
  kit.with({ files = { ["details.lua"] = DETAILS } }, function(s)
    s:set("lose_callbacks", true)
    local deal = s:act("portal-create", { name = "Plant", value = 1000, currency = "EUR" }).id
    local text, exit = s:command("preview", { deal, "--save", "plant" })
    t.eq(exit, 0, text)
    for name, content in pairs(files_of(s)) do
      for _, real in ipairs { "Hoshino", "Kawabata", "Mio", "hoshino.example" } do
        t.ok(not content:find(real, 1, true), name .. " tells " .. real)
      end
    end
    t.has(text, "plant-contact.create.json")
    kit.wait("the reload", function() return s:status().generation == 2 end)
  end)
end

return function(t)
  t.case("preview: a deal as fixtures, names invented; the reload passes", function() saved(t) end)
  t.case("preview: the fixtures refuse an edit that answers otherwise", function()
    they_guard(t)
  end)
  t.case("preview: no file is covered, none is written half", function() covers_nothing(t) end)
  t.case("preview: a deal that is new", function() of_a_new_deal(t) end)
end

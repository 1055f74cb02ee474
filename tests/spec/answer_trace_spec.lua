-- Who answered: a question that asks for it is told file and line of each column's function or
-- constant; any other question has the answer it always had.
local answers = require "answers"

local OWN = [[
return {
  api = 1,
  opportunity = {
    create = {
      new_channel = "Microsoft",
    },
  },
}
]]

local function own_create(d, v)
  v.name = d.customer.name .. " (own)"
  v.customer.city = "Kobe"
end

local function default_create(d, v)
  v.name, v.campaign = d.customer.name, "default"
end

local function read(crm) return crm.a + 1 end

local FILES = {
  ["default.details"] = function() return { api = 1,
    referral = { create = default_create },
    account = { match = function(d) return { { { "name", d.customer.name } } } end } } end,
  ["default.country"] = function() return { field = "country",
    to_code = function(value) return value end } end,
  ["default.deal_value"] = function() return { field = "estimatedvalue" } end,
  details = function() return { api = 1, referral = { create = own_create },
    opportunity = { create = { new_channel = "Microsoft" } },
    owner = function() return nil end } end,
  deal_value = function() return { read = read, write = "b" } end,
}

local LINES = { [own_create] = 10, [default_create] = 20, [read] = 30 }

local function loaded()
  local a = answers.new {
    text = function(role)
      if FILES[role] then return role == "details" and OWN or "", "p/" .. role .. ".lua" end
    end,
    compile = function(role) return FILES[role] end,
    fixtures = function() return {} end,
    where = function(f) return "p/x.lua", LINES[f] or 99 end,
    today = function() return "2031-02-03" end, log = function() end, loaded = function() end,
    place = function() return "" end,
  }
  a:answer { call = "settings", settings = {} }
  return a
end

local function asked(question, traced)
  question.trace = traced
  return loaded():answer(question)
end

local REFERRAL = function() -- anew each time: a mapping edits it
  return { call = "referral.create", d = { customer = { name = "Brot" } },
    v = { notes = "kept", customer = { city = "Berlin" } } }
end

return function(t)
  t.case("trace: each column names the layer that set it last", function()
    t.eq(asked(REFERRAL(), true).by, { name = "p/x.lua:10", campaign = "p/x.lua:20",
      customer = "p/x.lua:10" })
  end)
  t.case("trace: a constant is named by its own line", function()
    t.eq(asked({ call = "opportunity.create", d = {}, v = { new_channel = "none" } }, true).by,
      { new_channel = "p/details.lua:5" })
  end)
  t.case("trace: an answer that is no row of columns is named by its member", function()
    t.eq(asked({ call = "deal_value.read", crm = { a = 1 } }, true),
      { value = 2, by = { value = "p/x.lua:30" } })
    t.eq(asked({ call = "account.match", d = { customer = { name = "Brot" } } }, true).by,
      { alternatives = "p/x.lua:99" })
    t.eq(asked({ call = "owner", d = {} }, true).by, { answer = "p/x.lua:99" }, "also for nil")
    t.eq(asked({ call = "describe" }, true).by.deal_value, "p/deal_value.lua")
  end)
  t.case("trace: who does not ask for it gets the same answer without it", function()
    local with, without = asked(REFERRAL(), true), asked(REFERRAL())
    t.eq(without.by, nil)
    t.eq(with.v, without.v)
    local a = loaded()
    a:answer { call = "deal_value.read", crm = { a = 1 }, trace = true }
    t.eq(a:answer({ call = "deal_value.read", crm = { a = 1 } }).by, nil, "nor after one that did")
  end)
end

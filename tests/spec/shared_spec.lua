-- What profiles share: which folder `mapping` names, as the system and as people read it, and what
-- of settings.lua counts below a profile.
local schema = require "schema"
local shared = require "shared"

local DIR = "/etc/cosell/staging"

local FOLDERS = { -- mapping, file as shown, absolute, shown
  { "../contoso", "staging/profile.lua", "/etc/cosell/contoso", "contoso" },
  { "../contoso/", "./profile.lua", "/etc/cosell/contoso", "../contoso" },
  { "../contoso", "../staging/profile.lua", "/etc/cosell/contoso", "../contoso" },
  { "../contoso", "/etc/cosell/staging/profile.lua", "/etc/cosell/contoso", "/etc/cosell/contoso" },
  { "mapping", "staging/profile.lua", DIR .. "/mapping", "staging/mapping" },
  { "/srv/contoso", "staging/profile.lua", "/srv/contoso", "/srv/contoso" },
  { "../../../../srv", "staging/profile.lua", "/srv", "../../../srv" },
  { ".", "staging/profile.lua" }, { "../staging", "staging/profile.lua" }, { DIR, "p/profile.lua" },
  { "", "staging/profile.lua" }, { false, "staging/profile.lua" }, { 7, "staging/profile.lua" },
}

local function profile(more)
  local out = {
    listen = { path_secret = { env = "A" } },
    crm = { url = "https://north.crm4.dynamics.com", client_id = "one", secret = { env = "B" },
      token_url = "https://login.north.example/t/oauth2/v2.0/token" },
    partner_center = { client_id = "two", secret = { env = "C" }, refresh_token = { env = "D" },
      token_url = "https://login.north.example/t/oauth2/token" },
  }
  for key, value in pairs(more or {}) do out[key] = value end
  return out
end

local function normalise(more, common, text)
  return schema.normalise(profile(more), { dir = DIR, file = "staging/profile.lua",
    text = "return {\n  settings = {\n    settle = 1 } }", shared_file = "contoso/settings.lua",
    shared_text = text or "" }, common)
end

return function(t)
  t.case("shared: the folder that a profile names", function()
    for _, row in ipairs(FOLDERS) do
      local found = shared.folder({ mapping = row[1] }, { dir = DIR, file = row[2] })
      t.eq({ found and found.dir, found and found.shown }, { row[3], row[4] }, tostring(row[1]))
    end
  end)
  t.case("shared: a profile is laid over it, key by key", function()
    local c = normalise({ settings = { settle = 1 }, columns = { audit = "a" } },
      { settings = { settle = 2, audit_max = 500 }, columns = { audit = "b", help = "c" },
        flows = { dynamics_solutions = false } }).config.profile
    t.eq({ c.settings.settle, c.settings.audit_max, c.flows.dynamics_solutions, c.columns },
      { 1, 500, false, { audit = "a", help = "c" } })
    t.eq({ c.mapping, c.mapping_shown }, { DIR, "staging" })
    c = normalise({ practice = true }, { settings = { settle = 2 } }).config
    t.eq(c.settings.settle, 2, "and goes before the practice environment's")
  end)
  t.case("shared: who is wrong, and where", function()
    local text = "return {\n  settings = {\n    settle = -1,\n    audit_max = 1 } }"
    local found = normalise({ settings = { settle = -2 } },
      { settings = { settle = -1, audit_max = 1 } }, text).problems
    t.eq(found, json.array {
      { file = "contoso/settings.lua", line = 4, key = "settings.audit_max",
        text = "is at least 200" },
      { file = "staging/profile.lua", line = 3, key = "settings.settle", text = "is at least 0" } })
    found = normalise({}, "contoso/settings.lua:7: unexpected symbol", text).problems
    t.eq(found[1], { file = "contoso/settings.lua", line = 7, key = "",
      text = "unexpected symbol" })
    found = normalise({ mapping = 7 }).problems[1]
    t.eq({ found.file, found.key, found.text }, { "staging/profile.lua", "mapping", "is a path" })
    t.eq(normalise({ crm = json.null }, { crm = {} }).problems[1].file, "contoso/settings.lua")
    t.eq(normalise({ mapping = "../x", stage = 1 }).mapping.dir, "/etc/cosell/x",
      "told although something is wrong")
  end)
end

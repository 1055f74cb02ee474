-- The files of a new profile folder: profile.lua that works with the practice environment, mapping
-- files in which everything is still an example, a fixture, and what editors and luacheck read.
-- The mapping files are made from the contract's table of places.
-- Text out: it must never write a file.
local contract = require "contract"
local mapping_env = require "mapping_env"
local stubs = require "editor.stubs"
local text = require "text"
local tokens = require "sim.tokens"

local M = {}

local WIDTH = 100

-- ---- profile.lua ----

-- A line `--key = ...` takes the place of the line above it where the real services are meant, and
-- lines that end with "practice only" go; a spec does both and holds the outcome to schema.lua.
local PROFILE = [[
-- Where your systems are, and the settings.  As it stands this works with the practice environment
-- on this machine, where nothing is real:
--
--   cosell sim --write-profile %DIR%     serves both systems, and puts the secrets of practice
--                                        beside this file; leave it running
--   cosell run %DIR%                     in another terminal
--
-- For your own systems: each line that begins with `--` and no space takes the place of the line
-- above it, and lines that end with "practice only" go.  No secret stands in here: what is secret
-- is the name of a file beside this one (mode 0600), { env = "NAME" } or { credential = "name" }.
-- A host that runs takes this file over when you save it, and says so if it does not understand it.
return {
  stage = "sandbox",
  --stage = "staging", -- only linked deals come in; "production" when you are sure
  state = "cosell.db", -- what the host remembers; made in this folder
  listen = { -- where Partner Center's callbacks come in
    port = 8100,
    --port = 8443, -- a proxy with your certificate stands in front of it
    path_secret = { file = "path_secret" }, -- any long word that nobody guesses
    public_url = "http://127.0.0.1:8100",
    --public_url = "https://cosell.example.com", -- how Partner Center reaches that proxy
  },
  crm = { -- Dynamics 365, by an application user
    url = "http://127.0.0.1:8103",
    --url = "https://example.crm.dynamics.com",
    token_url = "http://127.0.0.1:8101/%TENANT%/oauth2/v2.0/token",
    --token_url = "https://login.microsoftonline.com/example.com/oauth2/v2.0/token",
    client_id = "%CRM_CLIENT%",
    --client_id = "00000000-0000-0000-0000-000000000000", -- your application's
    secret = { file = "crm_secret" },
  },
  partner_center = { -- the Referrals API, by an administrator's sign-in
    url = "http://127.0.0.1:8102", -- practice only
    webhook_url = "http://127.0.0.1:8102", -- practice only
    audience = "https://api.partner.microsoft.com", -- practice only
    webhook_audience = "https://api.partnercenter.microsoft.com", -- practice only
    token_url = "http://127.0.0.1:8101/%TENANT%/oauth2/token",
    --token_url = "https://login.microsoftonline.com/example.com/oauth2/token",
    client_id = "%PARTNER_CLIENT%",
    --client_id = "00000000-0000-0000-0000-000000000000", -- your application's
    secret = { file = "partner_secret" },
    refresh_token = { file = "refresh_token" }, -- of the administrator's sign-in
    portal_url = "http://127.0.0.1:8102/portal/referrals/", -- practice only
  },
  callbacks = { certificate_hosts = { "127.0.0.1" }, -- practice only
    roots = { file = "roots.pem" }, practice_origin = "http://127.0.0.1:8102" }, -- practice only
  -- `cosell settings` lists all of them: what each does, its default, its name in the original.
  settings = {
    settle = 0, look_wait = 0, delta_seconds = 1, poll_minutes = 1, -- practice only
  },
}
]]

local function profile(dir)
  local named = { DIR = dir, TENANT = tokens.tenant, CRM_CLIENT = tokens.crm_client,
    PARTNER_CLIENT = tokens.partner_client }
  return (PROFILE:gsub("%%([%u_]+)%%", named))
end

-- ---- Mapping files ----

local HEAD = {
  details = [[
-- What cosell cannot know: how you find a customer, which of your columns a deal fills, what is
-- sent back.  What is not here is answered by the shipped files (mappings/default), so this file
-- may hold one line or fifty.
--
-- A line that begins with `--` and no space is an example: take the two hyphens away and put your
-- columns in (`cosell fields opportunity` lists them).  The guide is mappings/README.md.

]],
  country = [[
-- The column of the account that holds a country, if it is not address1_country: a text, or a
-- look-up to a table of countries.  Examples are the lines that begin with `--` and no space.

]],
  deal_value = [[
-- The columns of the opportunity that hold the deal's value and its currency, if they are not
-- estimatedvalue and the row's own currency: `field` for both ways, or `read` with `write`.
-- Examples are the lines that begin with `--` and no space.

]],
}

local function add(out, line, ...)
  out[#out + 1] = select("#", ...) > 0 and line:format(...) or line
end

-- Words as comment lines.
local function comment(out, indent, words)
  local line = indent .. "--"
  for word in words:gmatch("%S+") do
    if #line + #word + 1 > WIDTH then
      add(out, line)
      line = indent .. "--"
    end
    line = line .. " " .. word
  end
  add(out, line)
end

local function place(out, row, indent)
  if row.place == "api" then
    add(out, indent .. row.example .. ",")
    return
  end
  add(out, "")
  comment(out, indent, row.doc)
  add(out, "%s--%s,", indent, row.example)
end

-- The places of a file, groups inside their own table.
local function mapping(file)
  local out, group = {}, nil
  local function leave(wanted)
    if group and group ~= wanted then
      add(out, "  },")
      group = nil
    end
  end
  for _, row in ipairs(contract.places) do
    local of = row.place:match("^([^.]+)%.")
    if row.file == file then
      leave(of)
      if of and not group then
        group = of
        add(out, "")
        add(out, "  %s = {", of)
      end
      place(out, row, of and "    " or "  ")
    end
  end
  leave(nil)
  local lines = table.concat(out, "\n"):gsub("{\n\n", "{\n"):gsub("^\n", "")
  return ("%s---@type cosell.%s\nlocal %s = {\n%s\n}\n\nreturn %s\n"):format(HEAD[file], file, file,
    lines, file)
end

local FIXTURE = [=[
{
  "call": "account.match",
  "d": { "customer": { "name": "Brot GmbH", "postal_code": "10115" } },
  "expect": [[["name", "Brot GmbH"], ["address1_postalcode", "10115"]]]
}
]=]

-- ---- Editors ----

local LUARC = [[
{
  "runtime.version": "Lua 5.4",
  "runtime.builtin": {
    "coroutine": "disable", "debug": "disable", "ffi": "disable", "io": "disable",
    "jit": "disable", "os": "disable", "package": "disable"
  },
  "workspace.library": ["%s"],
  "workspace.checkThirdParty": false
}
]]

local LUACHECK = [[
-- For luacheck: what a mapping file sees, and nothing else.
stds.mapping = { read_globals = {
%s
} }
std = "mapping"
max_line_length = 120
unused_args = false
exclude_files = { "%s" }
]]

-- Names in lines of some length.
local function listed(names)
  local out, line = {}, " "
  for _, name in ipairs(names) do
    local word = (" %q,"):format(name)
    if #line + #word > WIDTH then
      out[#out + 1] = line
      line = " "
    end
    line = line .. word
  end
  out[#out + 1] = line
  return table.concat(out, "\n")
end

local function luacheckrc()
  local names = text.keys(mapping_env.new())
  names[#names + 1] = "ctx"
  table.sort(names)
  return LUACHECK:format(listed(names), stubs.FOLDER)
end

---The files of a new profile folder, by path below it; folders first.
---@param dir string  as people name it
---@return { path: string, text: string }[]
function M.files(dir)
  return {
    { path = "profile.lua", text = profile(dir) },
    { path = "details.lua", text = mapping "details" },
    { path = "country.lua", text = mapping "country" },
    { path = "deal_value.lua", text = mapping "deal_value" },
    { path = M.FIXTURE, text = FIXTURE },
    { path = ".luarc.json", text = LUARC:format(stubs.FOLDER) },
    { path = ".luacheckrc", text = luacheckrc() },
    { path = stubs.MAPPING, text = stubs.mapping() },
    { path = stubs.COLUMNS, text = stubs.columns() },
  }
end

M.FIXTURE = "fixtures/finds_the_customer.json"

return M

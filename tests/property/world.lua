-- The person of the property test: makes a practice environment with a host on it, waits for a
-- seed, and goes its course (course.lua).  Speaks to the host by its control socket, and to the
-- world itself (tests/property/run.c) by the socket "world".
local course = require "commands.course"
local draw = require "commands.draw"
local forms = require "commands.forms"
local judge = require "commands.judge"
local people = require "commands.people"
local seen = require "commands.seen"

local language = { forms = forms, seen = seen }

local M = { help = "the property test's person", where = "here", usage = "cosell world DIR" }

local PROFILE = [[
return {
  stage = "sandbox",
  state = "%DIR%/cosell.db",
  listen = { port = 8100, path_secret = { file = "%DIR%/path_secret" },
    public_url = "http://127.0.0.1:8100" },
  crm = { url = "%CRM%", token_url = "%TOKENS%/practice.example/oauth2/v2.0/token",
    client_id = "7d1b0c52-0002-4a11-9c01-000000000002", secret = { file = "%DIR%/crm_secret" } },
  partner_center = { url = "%PARTNER%", webhook_url = "%PARTNER%",
    audience = "https://api.partner.microsoft.com",
    webhook_audience = "https://api.partnercenter.microsoft.com",
    token_url = "%TOKENS%/practice.example/oauth2/token",
    client_id = "7d1b0c52-0001-4a11-9c01-000000000001", secret = { file = "%DIR%/partner_secret" },
    refresh_token = { file = "%DIR%/refresh_token" },
    portal_url = "https://portal.example/referrals/" },
  callbacks = { certificate_hosts = { "127.0.0.1" }, roots = { file = "%DIR%/roots.pem" },
    practice_origin = "%PARTNER%" },
  columns = { campaign = "stepname" },
  settings = { settle = %SETTLE%, look_wait = %LOOK_WAIT%, delta_seconds = 20, poll_minutes = 10,
    remove_last_solution = "keep", duns_field = "accountnumber" },
}
]]

local REST_MS = 6 * 3600 * 1000 -- a back-off may take half an hour
local LOOK_MS = 200
local LONG_MS = 20 * 60 * 1000
local CALM = "0 0 0 0 0 5 20"

-- ---- The place ----

local function ask(socket, command, arg)
  local answer = host.control.call(socket, command, arg and { arg } or {})
  return answer and answer.exit < 2 and answer.out or nil -- 1: something needs attention
end

local function world(command, arg)
  return assert(ask("world", command, arg))
end

local function rows(collection)
  local out = {}
  for i, row in ipairs(host.docs.find(collection, {})) do
    out[i] = collection == "referral" and row.body.r or row.body
  end
  return out
end

local function row(collection, id)
  local body = host.docs.get(collection, id)
  return body and (collection == "referral" and body.r or body)
end

-- Deliveries under way: those that the service waits for, and seconds of doubled ones.
local function pending(server)
  return (server.partner.hooks:pending()) + tonumber(world("look"):match "%d+$")
end

local function place_of(server, socket)
  return {
    act = function(name, args) return server:act(name, args) end, rows = rows, row = row,
    host = function(command, arg) return ask(socket, command, arg) end,
    pending = function() return pending(server) end,
    writes = function() return server.writes end,
    kill = function(words) world("kill", words) end,
    net = function(words) world("net", words) end,
    calm = function()
      world("net", CALM)
      world "calm"
    end,
    sleep = host.sleep, look_ms = LOOK_MS, rest_ms = REST_MS,
  }
end

-- ---- Making it ----

local function write_profile(dir, base)
  local values = { DIR = dir, CRM = base.crm, TOKENS = base.tokens, PARTNER = base.partner,
    SETTLE = host.file.getenv "WORLD_SETTLE" or "0",
    LOOK_WAIT = host.file.getenv "WORLD_LOOK_WAIT" or "0" }
  local text = PROFILE:gsub("%%([%u_]+)%%", values)
  assert(host.file.write(dir .. "/profile/profile.lua", text))
end

-- One deal each way, won, then gone on both sides: so that what is read and compiled at its first
-- use is, before the world is forked.
local function warm(way)
  local all = people.new(way.place, language)
  for n, origin in ipairs { "portal", "crm-help" } do
    all:act { n = n, kind = "make", deal = n, origin = origin, value = 500, currency = "EUR",
      solutions = json.array { "SOL-10001-ABC" } }
    way:rest()
    all:act { n = n, kind = "act", act = "win", deal = n, side = "crm" }
    way:rest()
    assert(way.place.act("delete", { table = "opportunity", id = all.deals[n].row }))
    way:rest()
  end
  for _, r in ipairs(rows "referral") do
    host.docs.drop("referral", r.id)
  end
  host.sleep(LONG_MS)
  way:rest()
end

local function prepare(dir)
  local server = assert(require("sim.server").start { ports = { 0, 0, 0 } })
  assert(server:write_profile_env(dir .. "/env"))
  write_profile(dir, server.env.base)
  local way = course.new(place_of(server, dir .. "/cosell.db.sock"),
    { draw = draw, judge = judge, people = people, words = language })
  world("net", CALM)
  world "start"
  repeat
    host.sleep(LOOK_MS)
    local _, registered = server.partner.hooks:pending()
  until registered and way:idle()
  way:rest()
  warm(way)
  return way
end

-- ---- Playing ----

local function drawn(order)
  local skip, out = {}, {}
  for _, n in ipairs(order.skip) do
    skip[n] = true
  end
  local all, waited = draw.steps(order.seed), 0
  for _, step in ipairs(all) do
    waited = waited + step.wait
    if not skip[step.n] then -- the others happen when they would
      step.wait, waited = waited, 0
      out[#out + 1] = step
    end
  end
  return out, #all
end

function M.run(cmd)
  local way = prepare(cmd.args[1])
  local steps, total = drawn(json.decode(world "begin"))
  cmd.out(("steps %d\n"):format(total))
  return way:run(steps, cmd.out) and 0 or 1
end

return M

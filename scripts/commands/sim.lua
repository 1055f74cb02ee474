-- `cosell sim`: serves the practice environment, or talks to the one that runs.
-- Owns nothing: the serving is scripts/sim/server.lua; this file reads words and prints answers.
local words = require "words"

local M = {}

M.help = "the practice environment: sign-in, Partner Center and CRM on this machine"
M.where = "here"
M.usage = [=[
cosell sim [--ports T,P,C] [--socket PATH] [--profile-env FILE] [--organization GUID]
           [--deals N [--linked [--portal URL]]]   N deals in the portal, linked: in the CRM too;
                                          COSELL_SIM_STATE=FILE in the environment keeps all rows
cosell sim act [NAME key=value ...]       do what a person does; alone: the list of acts
cosell sim show partner|crm [ID]          what is stored
cosell sim set [SWITCH VALUE]             change a switch; alone: all switches
cosell sim fault [SERVICE key=value ...]  spoil answers: status= retry_after= drop=before|after
                                          delay_ms= limit= method= path= count= skip=; or: clear
cosell sim deliveries                     the callbacks sent so far
cosell sim ids                            addresses and identifiers
cosell sim stop]=]

local PORTS = { 8101, 8102, 8103 }
local OPTIONS = { ports = "value", deals = "value", linked = true, portal = "value",
  organization = "value", socket = "value", ["profile-env"] = "value" }

--- Where the practice environment listens for words unless told otherwise.
function M.socket() return (host.file.getenv("TMPDIR") or "/tmp") .. "/cosell-sim.sock" end

local function ports_of(text)
  if not text then return PORTS end
  local out = {}
  for word in text:gmatch("[^,]+") do out[#out + 1] = math.tointeger(tonumber(word)) end
  return #out == 3 and out or nil
end

local function ask(cmd, socket, given)
  local answer, err = host.control.call(socket, given[1], { table.unpack(given, 2) })
  if not answer then
    cmd.err(string.format("cosell sim: %s (is the practice environment running? %s)\n", err.text,
      socket))
    return 1
  end
  local say = answer.exit == 0 and cmd.out or cmd.err
  say(answer.out)
  return answer.exit
end

local MOST_DEALS = 100000

-- What the options mean to the server, or what is wrong with them.
local function read_options(cmd, options)
  local out = { ports = ports_of(options.ports), linked = options.linked, portal = options.portal,
    say = function(text) cmd.out("practice environment: " .. text) end }
  if not out.ports then return nil, "--ports wants three numbers, as in 8101,8102,8103" end
  if options.deals then
    out.deals = math.tointeger(tonumber(options.deals))
    if not out.deals or out.deals < 1 or out.deals > MOST_DEALS then
      return nil, "--deals wants a number from 1 to " .. MOST_DEALS
    end
  end
  if options.organization then
    out.organization = require("sim.crm_values").guid(options.organization)
    if not out.organization then return nil, "--organization wants a GUID" end
  end
  return out
end

local function serve(cmd, socket, options)
  local wanted, problem = read_options(cmd, options)
  if not wanted then
    cmd.err("cosell sim: " .. problem .. "\n")
    return 2
  end
  local server, err = require("sim.server").start(wanted)
  local ok = server ~= nil
  if ok then ok, err = server:open_control(socket) end
  if ok and options["profile-env"] then
    ok, err = server:write_profile_env(options["profile-env"])
  end
  if not ok then
    cmd.err("cosell sim: " .. err.text .. "\n")
    if server then server:close() end
    return 1
  end
  local base = server.env.base
  cmd.out(string.format("practice environment ready: tokens %s partner %s crm %s\n", base.tokens,
    base.partner, base.crm))
  while server.running do host.sleep(100) end
  host.sleep(100) -- so that the answer to `stop` gets out
  server:close()
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given then return 2 end
  local socket = options.socket or M.socket()
  if given[1] then return ask(cmd, socket, given) end
  return serve(cmd, socket, options)
end

return M

-- `cosell sim`: serves the practice environment, or talks to the one that runs.
-- Owns nothing: the serving is scripts/sim/server.lua, the words are sim/control.lua's, the look of
-- tables is sim/shown.lua's; this file reads words and prints answers.
local seed = require "sim.seed"
local shown = require "sim.shown"
local table_text = require "table_text"
local words = require "words"

local M = {}

M.help = "the practice environment: sign-in, Partner Center and CRM on this machine"
M.where = "here"
M.keeps = true -- its rows, in what --state names
M.usage = [=[
cosell sim [--seed NAME|FILE] [--state FILE] [--write-profile DIR] ...
serves until Ctrl-C or `cosell sim stop`:
  --seed NAME|FILE      deals to begin with: empty, office (20 deals), or a file
                        of the form that `cosell sim seed office` prints
  --deals N [--linked]  or so many, made up; linked: in the CRM too
            [--portal URL]
  --bare                the CRM of somebody who never had the original connector:
                        none of its tables and columns, no deals
  --state FILE          keeps all rows between runs; else they go with it
  --write-profile DIR   makes a folder with which `cosell run DIR` works at once
  --ports T,P,C[,H]     sign-in, Partner Center, CRM; the host, for the profile
                        (else COSELL_SIM_PORTS, else 8101,8102,8103,8100)
  [--socket PATH] [--profile-env FILE] [--organization GUID]

meanwhile, in another terminal:
cosell sim act [WHO WHAT [DEAL] key=value ...]
                        a seller in the CRM, a user of the portal or a
                        microsoft seller does something; alone: what each can do
cosell sim show [DEAL] [--ids] [--most N]
                        both sides next to each other
cosell sim show partner|crm [ID]
                        what is stored on one side
cosell sim fault [NAME [off] [crm|partner] | clear]
                        switches a fault; alone: all of them
cosell sim fault SERVICE key=value ...
                        spoils answers: status= retry_after= limit= delay_ms=
                        drop=before|after cut=yes method= path= count= skip=
cosell sim clock [+14d | now]
                        moves the practice clock (h, min and s too)
cosell sim trace [--follow] [--most N]
                        requests and answers, without secrets
cosell sim set [SWITCH VALUE]
                        changes a switch; alone: all of them
cosell sim profile [DIR]
                        the ready profile, printed or written
cosell sim seed [empty|office]
                        a data set, to change and load
cosell sim ids | deliveries | stop

act, show, set, fault, clock and trace take --json.  The practice clock is that
of the services alone: a host that runs goes on by the machine's, so say
`cosell sync` to make it look.]=]

local PORTS = "8101,8102,8103"
local FOLLOW_MS = 200
local MOST_DEALS = 100000
local MOST_SHOWN, MOST_TRACED = 200, 20
local OPTIONS = { ports = "value", deals = "value", linked = true, portal = "value",
  organization = "value", socket = "value", ["profile-env"] = "value", seed = "value",
  state = "value", ["write-profile"] = "value", json = true, follow = true, ids = true,
  most = "value", bare = true }

--- Where the practice environment listens for words unless told otherwise.
function M.socket() return (host.file.getenv("TMPDIR") or "/tmp") .. "/cosell-sim.sock" end

-- ---- Asking one that runs ----

-- The answer's text, or nil after the problem was said.
local function ask(cmd, socket, word, args)
  local answer, err = host.control.call(socket, word, args)
  if not answer then
    cmd.err(string.format("cosell sim: %s (is the practice environment running? %s)\n", err.text,
      socket))
    return nil
  end
  if answer.exit ~= 0 then
    cmd.err("cosell sim: " .. answer.out)
    return nil
  end
  return answer.out
end

local function plain(cmd, socket, given)
  local text = ask(cmd, socket, given[1], { table.unpack(given, 2) })
  if not text then return 1 end
  cmd.out(text)
  return 0
end

-- Data as it came with --json, else as lines.
local function print_data(cmd, options, text, lines_of)
  if not text then return 1 end
  if options.json then cmd.out(text) else table_text.out(cmd, lines_of(json.decode(text))) end
  return 0
end

local function absolute(cmd, path)
  return path:sub(1, 1) == "/" and path or cmd.cwd .. "/" .. path
end

local WORDS = {}

function WORDS.act(cmd, socket, given, options)
  if not given[2] then
    return print_data(cmd, options, ask(cmd, socket, "acts"),
      function(list) return shown.acts(cmd, list) end)
  end
  if given[2] == "all" then return plain(cmd, socket, { "act" }) end
  if not shown.is_person(given[2]) then return plain(cmd, socket, given) end
  return print_data(cmd, options, ask(cmd, socket, "act", { table.unpack(given, 2) }),
    function(done) return { done.text } end)
end

function WORDS.show(cmd, socket, given, options)
  if given[2] == "partner" or given[2] == "crm" then return plain(cmd, socket, given) end
  local most = options.most or tostring(MOST_SHOWN)
  return print_data(cmd, options, ask(cmd, socket, "pairs", { most, given[2] }),
    function(found) return shown.both(cmd, found, options.ids) end)
end

function WORDS.fault(cmd, socket, given, options)
  if given[2] then return plain(cmd, socket, given) end
  return print_data(cmd, options, ask(cmd, socket, "faults"),
    function(list) return shown.faults(cmd, list) end)
end

function WORDS.set(cmd, socket, given, options)
  if given[2] then return plain(cmd, socket, given) end
  return print_data(cmd, options, ask(cmd, socket, "switches"),
    function(list) return shown.switches(cmd, list) end)
end

function WORDS.clock(cmd, socket, given, options)
  return print_data(cmd, options, ask(cmd, socket, "time", { given[2] }),
    function(clock) return shown.clock(clock) end)
end

function WORDS.trace(cmd, socket, _, options)
  local after, most = 0, options.most or tostring(MOST_TRACED)
  repeat
    local text = ask(cmd, socket, "trace", { tostring(after), most })
    if not text then return 1 end
    local new = json.decode(text)
    after, most = new.last, "1000"
    for _, x in ipairs(new.list) do
      table_text.out(cmd, options.json and { json.encode(x) } or shown.exchange(cmd, x))
    end
    if options.follow then host.sleep(FOLLOW_MS) end
  until not options.follow
  return 0
end

function WORDS.profile(cmd, socket, given)
  local folder = given[2] and absolute(cmd, given[2])
  local text = ask(cmd, socket, "profile", { folder })
  if not text then return 1 end
  if folder then text = shown.profile(given[2], json.decode(text).kept) end
  cmd.out(text)
  return 0
end

-- Needs none that runs.
function WORDS.seed(cmd, _, given)
  local set, problem = seed.shipped_one(given[2] or "office")
  if not set then
    cmd.err("cosell sim seed: " .. problem .. "\n")
    return 2
  end
  cmd.out(json.pretty(set) .. "\n")
  return 0
end

-- ---- Serving ----

local function ports_of(text)
  local out = {}
  for word in text:gmatch("[^,]+") do out[#out + 1] = math.tointeger(tonumber(word)) end
  return (#out == 3 or #out == 4) and out or nil
end

-- What the options mean to the server, or what is wrong with them.
local function read_options(cmd, options)
  local ports = options.ports or host.file.getenv("COSELL_SIM_PORTS") or PORTS
  local out = { ports = ports_of(ports), linked = options.linked, portal = options.portal,
    seed = options.seed, bare = options.bare,
    say = function(text) cmd.out("practice environment: " .. text) end }
  if not out.ports then
    return nil, "--ports wants three numbers, as in 8101,8102,8103, or four"
  end
  if options.deals then
    out.deals = math.tointeger(tonumber(options.deals))
    if not out.deals or out.deals < 1 or out.deals > MOST_DEALS then
      return nil, "--deals wants a number from 1 to " .. MOST_DEALS
    end
  end
  if out.bare and (out.deals or out.seed) then
    return nil, "--bare has no deals: neither --deals nor --seed"
  end
  if out.deals and out.seed then return nil, "--deals and --seed: one of both" end
  if options.organization then
    out.organization = require("sim.crm_values").guid(options.organization)
    if not out.organization then return nil, "--organization wants a GUID" end
  end
  return out
end

-- Files for the host, written before anyone is told that all is ready.
local function write_files(server, options)
  local ok, err, kept = true, nil, false
  if options["profile-env"] then ok, err = server:write_profile_env(options["profile-env"]) end
  local folder = options["write-profile"]
  if ok and folder then ok, err, kept = server:write_profile(folder) end
  return ok, err, folder and shown.profile(folder, kept) or shown.no_profile
end

local function serve(cmd, socket, options)
  local wanted, problem = read_options(cmd, options)
  if not wanted then
    cmd.err("cosell sim: " .. problem .. "\n")
    return 2
  end
  local server, err = require("sim.server").start(wanted)
  local ok, about = server ~= nil, nil
  if ok then ok, err = server:open_control(socket) end
  if ok then ok, err, about = write_files(server, options) end
  if not ok then
    cmd.err("cosell sim: " .. err.text .. "\n")
    if server then server:close() end
    return 1
  end
  local base = server.env.base
  cmd.out(string.format("practice environment ready: tokens %s partner %s crm %s\n", base.tokens,
    base.partner, base.crm))
  cmd.out(about)
  while server.running do host.sleep(100) end
  host.sleep(100) -- so that the answer to `stop` gets out
  server:close()
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given then return 2 end
  local socket = options.socket or M.socket()
  local word = given[1]
  if not word then return serve(cmd, socket, options) end
  if WORDS[word] then return WORDS[word](cmd, socket, given, options) end
  return plain(cmd, socket, given)
end

return M

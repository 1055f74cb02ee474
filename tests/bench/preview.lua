-- `cosell preview` of many deals that both sides have: what a look costs before an edit goes live,
-- by itself and against another folder of files.
local bulk = require "sim.bulk"
local kit = require "commands.kit"
local place = require "commands.bench.place"

local M = { title = "Preview: cosell preview --last N, 1 in 100 differs" }

local DEALS = 1000
local ONE_IN = 100
local PORTAL = "https://portal.example/referrals/"
local NEVER = 1000000000 -- a limit that is never reached only counts

local NOTE = "Each deal is read from both services and decided as its next turn would; against " ..
  "another folder it is so under both versions, and made anew in both directions too. Requests: " ..
  "as the services counted. By processor: the host's time alone. Every report is checked: what " ..
  "differs is found, nothing is written."

local function prepared(deals)
  local s = kit.new { host = false, edit = place.quiet,
    sim_args = { "--deals", tostring(deals), "--linked", "--portal", PORTAL } }
  place.link_all(s, deals)
  for i = ONE_IN, deals, ONE_IN do
    kit.describe(s, bulk.deal(i).row, "changed in the CRM")
  end
  s:fault("crm", { limit = NEVER })
  s:fault("partner", { limit = NEVER })
  s:set("crm_limit_requests", 0)
  return s
end

local function received(s)
  local n = 0
  for _, rule in ipairs(s:say("fault")) do
    n = n + (rule.calls or 0)
  end
  return n
end

-- The same files, but where notes are sent the other folder adds a campaign.
local function other_folder(s)
  local dir = s.dir .. "/other"
  assert(host.file.mkdir(dir))
  assert(host.file.write(dir .. "/profile.lua",
    assert(host.file.read(s.profile .. "/profile.lua"))))
  assert(host.file.write(dir .. "/details.lua",
    "return { api = 1, referral = { update = function(d, v)\n" ..
    "  if v.notes then v.campaign = 'X' end\nend } }\n"))
  return dir
end

local HEAD = "  %-34s  %8s  %9s  %12s  %13s\n"

local function measure(tools, s, what, deals, words, check)
  local writes, before = kit.writes(s), received(s)
  local began, busy = host.now_ms(), place.cpu_us(s.host)
  local found = s:command_json("preview", words)
  local seconds, cpu = (host.now_ms() - began) / 1000, (place.cpu_us(s.host) - busy) / 1e6
  if kit.writes(s) ~= writes then
    error("something was written", 0)
  end
  check(found)
  tools.out(HEAD:format(what, ("%.1f"):format(seconds), ("%.0f"):format(deals / seconds),
    ("%.0f"):format(deals / cpu), ("%.2f"):format((received(s) - before) / deals)))
end

local function want(n, got, what)
  if n ~= got then
    error(("%d %s, of %d"):format(got, what, n), 0)
  end
end

---@param deals integer|nil  how many, if not so many as in the usual figures
function M.run(tools, deals)
  deals = deals or DEALS
  local s = prepared(deals)
  tools.out(HEAD:format("", "seconds", "a second", "by processor", "requests each"))
  place.with(s, function()
    place.start(s)
    s:command("deal", { "1" }) -- what is read once is read
    local last = { "--last", tostring(deals) }
    measure(tools, s, deals .. " deals", deals, last, function(found)
      local n = 0
      for _, p in ipairs(found.deals) do
        n = n + (p.outcome == "write" and 1 or 0)
      end
      want(deals, #found.deals, "are shown")
      want(deals // ONE_IN, n, "would be written")
    end)
    local dir = other_folder(s)
    measure(tools, s, deals .. " against another folder", deals,
      { "--last", tostring(deals), "--against", dir }, function(found)
        want(deals, found.compared, "are compared")
        want(deals // ONE_IN, #found.deals, "differ")
      end)
  end)
  tools.note(NOTE)
end

return M

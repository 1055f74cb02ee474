-- cosell runs: what was done for which deal, why, how it ended, what it cost.
local words = require "words"

local M = { help = "what was done, newest first, with its cost", where = "host",
  usage = "cosell runs [DEAL-LINK] [--most N] [--json]" }

local function calls(run)
  local out = {}
  for remote, n in pairs(run.calls or {}) do
    out[#out + 1] = ("%d %s"):format(n, remote)
  end
  table.sort(out)
  return #out > 0 and table.concat(out, " + ") or "none"
end

-- Two lines: what happened to which deal at what cost, and the sentence behind it.
local function line(run)
  local detail = run.detail or {}
  local why = detail.text or detail.why or table.concat(detail.problems or detail.lines or {}, "; ")
  local name = detail.deal and (" \"%s\""):format(detail.deal) or ""
  local head = ("%d  %s  deal %d%s  %s, woken by %s, %d ms, calls %s"):format(run.id, run.outcome,
    run.link, name, run.flow, run.trigger, run.ms, calls(run))
  return why == "" and head or head .. "\n     " .. why
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, most = "value" })
  if not given then
    return 2
  end
  local link = math.tointeger(tonumber(given[1]))
  local most = math.tointeger(tonumber(options.most or "20")) or 20
  local runs = host.store.run_list { link = link, most = most }
  if options.json then
    cmd.out(json.encode(json.array(runs)) .. "\n")
    return 0
  end
  for i = #runs, 1, -1 do
    cmd.out(line(runs[i]) .. "\n")
  end
  return 0
end

return M

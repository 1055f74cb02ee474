-- cosell status: the host on one screen.
local words = require "words"

local M = { help = "the host on one screen: remotes, queue, generation", where = "host",
  usage = "cosell status [--json]" }

local SOON_MS = 3000

-- Jobs that people wait for: not the ticks, which are always there.
local function queue_of()
  local stats = host.queue.stats()
  local soon = 0
  for _, job in ipairs(host.queue.list { state = "waiting", most = 500 }) do
    if job.kind:sub(1, 5) ~= "tick." and job.due_ms < host.now_ms() + SOON_MS then
      soon = soon + 1
    end
  end
  stats.soon = soon
  return stats
end

local function dead_letters()
  local out = json.array {}
  for _, job in ipairs(host.queue.list { state = "dead", most = 20 }) do
    table.insert(out, { id = job.id, kind = job.kind, lane = job.lane, why = job.why,
      text = job.text })
  end
  return out
end

local function remote_line(r)
  local state = r.needs_sign_in and "sign in again" or r.signed_in and "signed in" or
    "not signed in yet"
  if (r.paused_until_ms or 0) > host.now_ms() then
    state = state .. (", paused for %d s"):format((r.paused_until_ms - host.now_ms()) // 1000)
  end
  local text = r.text and r.text ~= "" and ": " .. r.text or ""
  return ("  %-16s %s%s"):format(r.name, state, text)
end

local function lines_of(s)
  local out = { ("cosell %s, generation %d, stage %s"):format(host.version, host.generation,
    host.profile.stage or "production") }
  if s.reload and s.reload.error and s.reload.error ~= json.null then
    out[#out + 1] = "  last change refused: " .. s.reload.error
  end
  if s.needs_restart then
    out[#out + 1] = ("  profile: the change of `%s` needs a restart; the old value runs"):format(
      s.needs_restart)
  end
  out[#out + 1] = "remotes"
  for _, r in ipairs(s.remotes or {}) do
    out[#out + 1] = remote_line(r)
  end
  local q = s.queue
  out[#out + 1] = ("queue  %d waiting, %d running, %d failed"):format(q.waiting, q.running, q.dead)
  for _, job in ipairs(s.failed) do
    out[#out + 1] = ("  %d %s %s: %s"):format(job.id, job.kind, job.why, job.text)
  end
  return out
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true })
  if not given then
    return 2
  end
  local s = host.status() or {}
  s.queue, s.failed, s.generation = queue_of(), dead_letters(), host.generation
  if options.json then
    cmd.out(json.encode(s) .. "\n")
  else
    cmd.out(table.concat(lines_of(s), "\n") .. "\n")
  end
  for _, r in ipairs(s.remotes or {}) do
    if r.needs_sign_in then
      return 1
    end
  end
  return #s.failed > 0 and 1 or 0
end

return M

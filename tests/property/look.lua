-- cosell look: how far the host's work is, for the property test: jobs that are not ticks, and the
-- newest run.
local M = { help = "how far the work is", where = "host", usage = "cosell look" }

-- Jobs that people wait for: not the ticks, which are always there, nor reports.
local function jobs(state)
  local out = json.array {}
  for _, job in ipairs(host.queue.list { state = state, most = 500 }) do
    if job.kind:sub(1, 5) ~= "tick." or job.due_ms <= host.now_ms() then
      out[#out + 1] = { kind = job.kind, lane = job.lane, why = job.why, text = job.text,
        due_ms = job.due_ms }
    end
  end
  return out
end

function M.run(cmd)
  local run = host.store.run_list { most = 1 }[1]
  cmd.out(json.encode { waiting = jobs "waiting", running = #jobs "running", dead = jobs "dead",
    last = run and run.id or 0, brake = host.store.mark_get "brake" })
  return 0
end

return M

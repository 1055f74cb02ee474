-- The table of contents: which kind of job runs which handler, and which jobs come by themselves.
local clocks = require "clocks"
local connections = require "connections"
local deal = require "deal"
local dynamics_opportunity = require "flows.dynamics_opportunity"
local dynamics_solutions = require "flows.dynamics_solutions"
local flow_table = require "flow_table"
local forward = require "forward"
local mapping_look = require "mapping_look"
local notify = require "notify"
local orders = require "orders"
local partner_center_to_dynamics = require "flows.partner_center_to_dynamics"
local push = require "push"
local report = require "report"
local start = require "start"
local sweep = require "sweep"
local twins = require "twins"
local webhook_registration = require "flows.webhook_registration"

local M = {}

-- kind -> handler(payload, meta): true: done; a number: again in that many ms; nil, err: its kind
-- decides the retry.
M.jobs = {
  event = partner_center_to_dynamics.event,
  hint = push.hint,
  referral = partner_center_to_dynamics.referral,
  deal = deal.reconcile,
  order = orders.job,
  report = report.job,
  solution = dynamics_solutions.recheck,
  sweep = sweep.job,
  survey = start.survey,
  mapping = mapping_look.job,
  join = twins.job,
  forward = forward.job,
  notice = notify.job,
  ["tick.start"] = start.check,
  ["tick.webhook"] = webhook_registration.check,
  ["tick.poll"] = partner_center_to_dynamics.poll,
  ["tick.opportunities"] = dynamics_opportunity.delta,
  ["tick.solutions"] = dynamics_solutions.delta,
  ["tick.customers"] = dynamics_opportunity.customers,
  ["tick.sweep"] = sweep.daily,
  ["tick.clocks"] = clocks.tick,
  ["tick.push"] = push.tick,
  ["tick.connections"] = connections.tick,
}

-- Jobs that come by themselves; flow_table.lua tells whose they are.
local TICKS = { "tick.start", "tick.webhook", "tick.poll", "tick.opportunities", "tick.solutions",
  "tick.customers", "tick.sweep", "tick.clocks", "tick.connections", "tick.push" }

-- How soon a tick looks again whether its flow is on.
local OFF_MS = 60000

-- kind -> seconds until the first run: one of each is always in the queue while the profile leaves
-- its flow on.
M.ticks = {}
for _, kind in ipairs(TICKS) do
  local flow = flow_table.of_job[kind]
  if not flow or host.profile.flows[flow] ~= false then
    M.ticks[kind] = 0
  end
end

-- Jobs of a flow that is off: a tick comes again, an event is left to the catch-up poll.
local function left_alone(job)
  return M.ticks[job.kind] and OFF_MS or true
end

---The one entry for jobs.
---@param job {kind: string, payload: any, meta: table}
function M.job(job)
  local handler = M.jobs[job.kind]
  if not handler then
    return nil, { kind = "script", text = "no handler for jobs of kind " .. job.kind }
  end
  local flow = flow_table.of_job[job.kind]
  if flow and not flow_table.on(flow) then
    return left_alone(job)
  end
  local ok, err = handler(job.payload, job.meta)
  if err and err.kind == "auth" and job.kind ~= "notice" then
    notify.sign_in()
  end
  if ok and flow and M.ticks[job.kind] then
    flow_table.note_ok(flow)
  end
  return ok, err
end

return M

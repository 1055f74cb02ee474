-- The table of contents: which kind of job runs which handler, and which jobs come by themselves.
local deal = require "deal"
local dynamics_opportunity = require "flows.dynamics_opportunity"
local dynamics_solutions = require "flows.dynamics_solutions"
local partner_center_to_dynamics = require "flows.partner_center_to_dynamics"
local report = require "report"
local start = require "start"
local webhook_registration = require "flows.webhook_registration"

local M = {}

-- kind -> handler(payload, meta): true: done; a number: again in that many ms; nil, err: its kind
-- decides the retry.
M.jobs = {
  event = partner_center_to_dynamics.event,
  referral = partner_center_to_dynamics.referral,
  deal = deal.reconcile,
  report = report.job,
  ["tick.start"] = start.check,
  ["tick.webhook"] = webhook_registration.check,
  ["tick.poll"] = partner_center_to_dynamics.poll,
  ["tick.opportunities"] = dynamics_opportunity.delta,
  ["tick.solutions"] = dynamics_solutions.delta,
}

-- Jobs that come by themselves, and the flow that owns each; false: none, it always runs.
local TICKS = {
  ["tick.start"] = false,
  ["tick.webhook"] = "webhook_registration",
  ["tick.poll"] = "partner_center_to_dynamics",
  ["tick.opportunities"] = "dynamics_opportunity",
  ["tick.solutions"] = "dynamics_solutions",
}

-- kind -> seconds until the first run: one of each is always in the queue while its flow is on.
M.ticks = {}
for kind, flow in pairs(TICKS) do
  if not flow or host.profile.flows[flow] ~= false then
    M.ticks[kind] = 0
  end
end

---The one entry for jobs.
---@param job {kind: string, payload: any, meta: table}
function M.job(job)
  local handler = M.jobs[job.kind]
  if not handler then
    return nil, { kind = "script", text = "no handler for jobs of kind " .. job.kind }
  end
  return handler(job.payload, job.meta)
end

return M

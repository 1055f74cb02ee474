-- The nine flows as an administrator sees them: letter, title, which needs which, and whether each
-- is on.  A flow is on if the profile leaves it on, nobody has switched it off, and all it needs is
-- on.  Owns the marks "flow:NAME" (switched off) and "ok:NAME" (last good tick).  It must never run
-- a flow.
local schema = require "schema"

local M = {}

---@class Flow
---@field letter string   as in the original connector's documentation
---@field name string     as in the profile, and the file in scripts/flows
---@field title string
---@field needs string[]  names
---@field jobs string[]   kinds of jobs that are this flow's own
---@field within string|nil  it has no jobs or runs of its own: whose runs it is part of

-- What schema.lua (order and needs) does not say of them.
local ROWS = {
  webhook_registration = { "a", "Webhook registration", jobs = { "tick.webhook" } },
  details = { "b", "Create or get details", within = "c, d" },
  create_referral = { "c", "Create co-sell referral" },
  helper = { "d", "Partner Center to Dynamics 365, helper", within = "e, f, g" },
  microsoft_updates = { "e", "Microsoft co-sell referral updates" },
  partner_center_to_dynamics = { "f", "Partner Center to Dynamics 365",
    jobs = { "event", "referral", "tick.poll" } },
  dynamics_to_partner_center = { "g", "Dynamics 365 to Partner Center" },
  dynamics_opportunity = { "h", "Dynamics 365 opportunity to Partner Center",
    jobs = { "tick.opportunities", "tick.customers" } },
  dynamics_solutions = { "i", "Dynamics 365 solutions to Partner Center",
    jobs = { "tick.solutions" } },
}

---@type Flow[]
M.rows = {}
---@type table<string, Flow>
M.by_name = {}
-- kind of job -> the flow it belongs to
M.of_job = {}

for i, known in ipairs(schema.flows) do
  local name, more = known[1], ROWS[known[1]]
  local flow = { letter = more[1], name = name, title = more[2], needs = known.needs or {},
    jobs = more.jobs or {}, within = more.within }
  M.rows[i], M.by_name[name] = flow, flow
  for _, kind in ipairs(flow.jobs) do
    M.of_job[kind] = name
  end
end

---A flow by its letter or name.
---@param word string
---@return Flow|nil
function M.find(word)
  word = word:lower():gsub("[-%s]", "_")
  for _, flow in ipairs(M.rows) do
    if flow.letter == word or flow.name == word then
      return flow
    end
  end
  return nil
end

local function in_profile(name)
  return (host.profile.flows or {})[name] ~= false
end

local function switched_off(name)
  return host.store.mark_get("flow:" .. name) == "off"
end

---Why a flow is off; nil: it is on.
---@param name string
---@return "profile"|"switch"|"needs"|nil why, string|nil needed  the name of what it lacks
function M.off(name)
  if not in_profile(name) then
    return "profile"
  elseif switched_off(name) then
    return "switch"
  end
  for _, needed in ipairs(M.by_name[name].needs) do
    if M.off(needed) then
      return "needs", needed
    end
  end
  return nil
end

---@param name string
---@return boolean
function M.on(name)
  return M.off(name) == nil
end

---Those that are on and cannot be without it, in the order in which they are to be switched off.
---@param name string
---@return Flow[]
function M.dependents(name)
  local lacks, out = { [name] = true }, {}
  for _, flow in ipairs(M.rows) do -- a flow stands behind all that it needs
    for _, needed in ipairs(flow.needs) do
      if lacks[needed] and not lacks[flow.name] then
        lacks[flow.name] = true
        if M.on(flow.name) then
          table.insert(out, 1, flow)
        end
      end
    end
  end
  return out
end

---Switches a flow on or off in this state; the caller has asked whether that may be.
---@param name string
---@param on boolean
function M.switch(name, on)
  return host.store.mark_set("flow:" .. name, not on and "off" or nil)
end

---A flow was switched on: those that are on look now instead of when their ticks come again, and
---both sides are compared, which finds what was left undone meanwhile.
function M.wake()
  host.queue.put { kind = "sweep", key = "sweep", payload = {} }
  for _, flow in ipairs(M.rows) do
    for _, kind in ipairs(M.on(flow.name) and flow.jobs or {}) do
      if kind:find("^tick%.") then
        host.queue.put { kind = kind, key = "tick:" .. kind, payload = {} }
      end
    end
  end
end

---A tick of this flow went well.
---@param name string
function M.note_ok(name)
  return host.store.mark_set("ok:" .. name, tostring(host.now_ms()))
end

---@class FlowPast
---@field ok_ms integer|nil      last run that did not fail
---@field failed_ms integer|nil  last one that did, and what it said
---@field text string|nil
---@field failed integer         how many failed since
---@field stuck boolean|nil       its tick failed, and has not gone well since

---What the records say of each flow.
---@param since_ms integer  failures are counted from here on
---@return table<string, FlowPast>|nil, table|nil err
function M.past(since_ms)
  local rows, err = host.store.run_flows(since_ms)
  if not rows then
    return nil, err
  end
  local out, good = {}, {}
  for name in pairs(M.by_name) do
    local ok_ms = math.tointeger(tonumber(host.store.mark_get("ok:" .. name)))
    out[name] = { ok_ms = ok_ms, failed = 0 }
    good[out[name]] = ok_ms
  end
  for _, row in ipairs(rows) do
    local past = out[row.flow] or out[M.of_job[row.flow]]
    if past then
      past.failed = past.failed + row.failed
      past.ok_ms = math.max(past.ok_ms or 0, row.ok_ms or 0)
      if (row.failed_ms or 0) > (past.failed_ms or 0) then
        past.failed_ms, past.text = row.failed_ms, row.detail.text
      end
      if row.flow:find("^tick%.") and (row.failed_ms or 0) > (good[past] or 0) then
        past.stuck = true
      end
    end
  end
  for _, past in pairs(out) do
    past.ok_ms = past.ok_ms ~= 0 and past.ok_ms or nil
  end
  return out
end

return M

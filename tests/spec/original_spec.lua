-- Which flows and addresses are the original connector's, and what is said of them.
local dynamics = require "dynamics"
local original = require "original"
local partner_center = require "partner_center"
local webhook_registration = require "flows.webhook_registration"

-- Runs body with what the CRM and Partner Center answer.
local function with(flows, url, body)
  local kept = { dynamics.flows, partner_center.webhook_get, webhook_registration.mode,
    host.profile }
  dynamics.flows = function()
    if flows.kind then
      return nil, flows
    end
    return flows
  end
  partner_center.webhook_get = function() return url and { WebhookUrl = url } end
  webhook_registration.mode = function()
    return host.profile.stage == "staging" and "polls" or "callbacks"
  end
  host.profile = { stage = "production" }
  local ok, err = pcall(body)
  dynamics.flows, partner_center.webhook_get, webhook_registration.mode, host.profile =
    table.unpack(kept, 1, 4)
  if not ok then
    error(err, 0)
  end
end

local function names(list)
  local out = {}
  for i, part in ipairs(list) do
    out[i] = part.name
  end
  return out
end

return function(t)
  t.case("original_flows_are_known_in_every_spelling_and_others_are_not", function()
    local flows = {
      { name = "Create Co-sell Referral – Dynamics 365 to Partner Center (Insider Preview)",
        on = true },
      { name = "partner center to dynamics 365", on = true },
      { name = "Partner Center to Dynamics 365 - Helper", on = false },
      { name = "[Customize] Create or Get Details from Dynamics 365", on = true },
      { name = "Copy of Partner Center to Dynamics 365", on = true },
      { name = "Approve an order", on = true },
    }
    with(flows, nil, function()
      t.eq(names(original.running()), { "partner center to dynamics 365", flows[1].name,
        flows[4].name }, "in the order in which they are switched off")
    end)
  end)

  t.case("original_registration_is_known_by_its_host", function()
    local hosts = {
      ["https://prod-07.westeurope.logic.azure.com:443/workflows/x?sig=y"] = true,
      ["https://a1.environment.api.powerplatform.com/powerautomate/automations/x"] = true,
      ["https://logic.azure.com.example/workflows/x"] = false,
      ["https://notlogic.azure.com/x"] = false,
      ["https://hooks.example/?x=.logic.azure.com"] = false,
    }
    for url, its in pairs(hosts) do
      with({}, url, function()
        t.eq(#original.running(), its and 1 or 0, url)
      end)
    end
    with({}, "https://prod-07.westeurope.logic.azure.com/x", function()
      host.profile = { stage = "staging" }
      t.eq(#original.running(), 0, "staging leaves the registration to whom it belongs")
    end)
  end)

  t.case("original_unseen_flows_hold_nobody_up_and_an_unreached_crm_does", function()
    with({ kind = "remote", status = 403, text = "prvReadWorkflow" }, nil, function()
      local list, err = original.running()
      t.eq({ #list, err.text }, { 0, "prvReadWorkflow" })
    end)
    with({ kind = "net", text = "refused" }, nil, function()
      local list, err = original.running()
      t.eq({ list == nil, err.kind }, { true, "net" })
    end)
  end)
end

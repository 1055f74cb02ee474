-- Many different signed deliveries, made by the practice environment's own signer, and the services
-- that a host under such a load sees: one listener on this machine that serves the signer's
-- certificate and answers all else with "come back in an hour".  So callbacks are verified and
-- kept, and what they wake waits.
local switches = require "sim.switches"
local webhooks = require "sim.webhooks"

local M = {}

local LATER = { ["Retry-After"] = "3600" }

---@return { origin: string, roots: string, take: function, close: function }
function M.new()
  local made = {}
  local env = { now = host.now_ms, uuid = host.uuid, switch = switches.new().get, base = {},
    after = function(_, fn) fn() end,
    post = function(_, headers, body)
      made[#made + 1] = { headers = headers, body = body }
      return 200
    end }
  local hooks = webhooks.new(env)
  local cert = hooks:certificate "practice"
  local listener = assert(host.serve { address = "127.0.0.1", port = 0,
    methods = "GET POST PUT PATCH DELETE",
    handler = function(req)
      if req.path == webhooks.certificate_path then
        return 200, {}, cert
      end
      return 503, LATER, ""
    end })
  env.base.partner = "http://127.0.0.1:" .. listener.port
  hooks:answer("POST", "/registration", { WebhookUrl = "http://127.0.0.1:1/",
    WebhookEvents = { "referral-updated" } })
  local self = { origin = env.base.partner, roots = webhooks.roots() }

  ---So many deliveries, each of a deal of its own; the same ones each time.
  function self.take(count)
    for i = #made + 1, count do
      hooks:fire("referral-updated", host.uuid(), i)
    end
    return table.move(made, 1, count, 1, {})
  end

  function self.close()
    listener:close()
  end
  return self
end

return M

-- cosell webhook: shows or sets who gets Partner Center's events.
local words = require "words"

local M = { help = "show or set who gets Partner Center's events", where = "host",
  usage = "cosell webhook [register [--overwrite]]" }

local function show(cmd)
  local present, err = require("partner_center").webhook_get()
  if err then
    cmd.err(err.text .. "\n")
    return 1
  elseif not present then
    cmd.out("nothing is registered\n")
    return 1
  end
  local own = present.WebhookUrl == require("flows.webhook_registration").url()
  cmd.out(own and "this host is registered for\n" or "another address is registered for\n")
  for _, name in ipairs(present.WebhookEvents or {}) do
    cmd.out("  " .. name .. "\n")
  end
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { overwrite = true })
  if not given then
    return 2
  elseif given[1] == nil then
    return show(cmd)
  elseif given[1] ~= "register" then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local outcome, err = require("flows.webhook_registration").register(options.overwrite == true)
  if not outcome then
    cmd.err(err.text .. "\n")
    return 1
  end
  cmd.out(outcome == "foreign" and "another address is registered: --overwrite takes it over\n" or
    outcome .. "\n")
  return outcome == "foreign" and 1 or 0
end

return M

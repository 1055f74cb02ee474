-- `cosell doctor`: why a sign-in was refused, as a cause of the checks of the three connections.
local connections = require "connections"
local outcome = require "doctor.outcome"

local M = {}

-- The sign-in service's numbers.
local BY_CODE = { ["7000215"] = "secret", ["7000222"] = "secret", ["90002"] = "tenant",
  ["700016"] = "client", ["50076"] = "mfa", ["50079"] = "mfa", ["900421"] = "mfa",
  ["700082"] = "again", ["70008"] = "again", ["50173"] = "again", ["70043"] = "again",
  ["70044"] = "again", ["65001"] = "consent", ["90094"] = "consent" }
local NO_USER = "0x80072560" -- the application is nobody in this organisation

local function cause_of(err, said)
  local code = said:match("AADSTS(%d+)") or said:find("(900421)", 1, true) and "900421"
  return err.code == NO_USER and "user" or BY_CODE[code or ""] or
    said:find("nobody is signed in", 1, true) and "again" or
    said:find("^invalid_grant") and "again" or "other"
end

---@param remote "crm"|"partner_center"|"webhooks"
---@param err table  of kind auth
function M.of(remote, err)
  local of = remote == "crm" and "crm" or "partner_center"
  local said = err.text:gsub("^remote [%w_]+: ", "")
  local cause = cause_of(err, said)
  local what, cure = said:match("^(.*): ([^:]+)$")
  if cause == "consent" then
    local _, more = connections.explained(err, remote)
    what, cure = more.text:match("^(.-): (.*)$")
  end
  return outcome.wrong(cause, { of = of, said = cause == "user" and said or what or said,
    cure = cure or "check the credentials", connection = connections.mender(remote),
    client = host.profile.sign_in[of].client_id })
end

return M

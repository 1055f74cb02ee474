--- Of a profile what `cosell doctor` looks at from outside: the files that must be the host's
-- alone, and the addresses that it calls, each with the key that names it.
-- Pure: it must never open a file nor call an address.

local M = {}

-- Keys of secrets; those of files that people may read are not here.
local SECRETS = { "listen.path_secret", "listen.push_secret", "listen.tls.key", "crm.secret",
  "crm.certificate.key", "partner_center.secret", "partner_center.certificate.key",
  "partner_center.refresh_token",
  "webhook.forward", "on_event.webhook.url", "on_event.webhook.token", "on_event.mail.password" }

local ADDRESSES = { "crm.token_url", "crm.url", "partner_center.token_url", "partner_center.url",
  "partner_center.webhook_url" }

--- Files by the key that names them.
---@param v fun(path: string): any  the profile's value, or the default
---@param absolute fun(path: string): string
---@return { key: string, path: string }[]
function M.files(v, absolute)
  local state = absolute(v "state")
  local out = json.array { { key = "state", path = state },
    { key = "key_file", path = v "key_file" and absolute(v "key_file") or state .. ".key" } }
  for _, key in ipairs(SECRETS) do
    local ref = v(key)
    if type(ref) == "table" and ref.file then
      out[#out + 1] = { key = key, path = absolute(ref.file) }
    end
  end
  return out
end

--- Addresses, each host and port once, under the first key that names it.
---@param v fun(path: string): any
---@return { key: string, origin: string }[]
function M.addresses(v)
  local out, seen = json.array {}, {}
  for _, key in ipairs(ADDRESSES) do
    local origin = v(key):match("^%a+://[^/?#]+")
    if not seen[origin] then out[#out + 1] = { key = key, origin = origin } end
    seen[origin] = true
  end
  return out
end

return M

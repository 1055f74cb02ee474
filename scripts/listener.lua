-- The certificate of the callback listener, where the host does TLS itself: how it stands, in words
-- for people.  Owns nothing: what is so, C says in host.status().  It must never read a file.
local M = {}

local DAY_MS = 24 * 3600 * 1000
local EARLY_DAYS = 14 -- a person is asked so long before its end

---@class Certificate
---@field state "good"|"ending"|"ended"
---@field until_ms integer
---@field days integer     whole ones that are left
---@field refused string|nil   why the files that stand there now are not used

---The listener's certificate; nil: a proxy does TLS, or nobody listens.
---@param callbacks table|nil  of host.status(); nil: asks
---@return Certificate|nil
function M.certificate(callbacks)
  local tls = (callbacks or (host.status() or {}).callbacks or {}).tls
  if not tls then
    return nil
  end
  local left_ms = tls.until_ms - host.now_ms()
  local state = left_ms <= 0 and "ended" or left_ms <= EARLY_DAYS * DAY_MS and "ending" or "good"
  return { state = state, until_ms = tls.until_ms, days = math.max(left_ms // DAY_MS, 0),
    refused = tls.refused }
end

---What a person is to do about it, a sentence each.
---@param one Certificate|nil
---@return string[]
function M.to_do(one)
  local out = {}
  if one and one.state == "ended" then
    out[1] = "the listener's certificate has ended: callers refuse it, changes come by polls; " ..
      "renew the files that listen.tls names"
  elseif one and one.state == "ending" then
    out[1] = ("the listener's certificate ends in %d day%s: renew the files that listen.tls names")
      :format(one.days, one.days == 1 and "" or "s")
  end
  if one and one.refused then
    out[#out + 1] = "the renewed certificate is not used: " .. one.refused
  end
  return out
end

return M

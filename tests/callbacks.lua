-- Callbacks by hand: signed with the practice signer's own key, or nearly so.
local M = {}

---The practice signer, the pair whose certificate is the one that is served, and its address.
---@param s table  a stage
---@return table pair, string url
function M.signer(s)
  local url = s.base.partner .. "/cert/practice.cer"
  local served = assert(host.http.request { url = url, method = "GET" })
  for _, pair in ipairs(s:rows("practice")) do
    if pair.cert == served.body then
      return pair, url
    end
  end
  error("the practice environment serves a certificate that it does not have")
end

---What Partner Center says of a referral.
---@param id string
---@return string
function M.body(id)
  return json.encode { EventName = "referral-created", ResourceName = "referral",
    ResourceUri = "https://api.partnercenter.microsoft.com/engagements/v1/referrals/" .. id,
    ResourceChangeUtcDate = "2031-01-01T00:00:00.0000000+00:00" }
end

---The headers of a true callback.
---@param pair table
---@param url string
---@param body string
---@return table
function M.signed(pair, url, body)
  local signature = host.crypto.sign(pair.key, pair.cert, "RS256", body)
  return { ["Content-Type"] = "application/json", ["X-MS-Certificate-Url"] = url,
    ["X-MS-Signature-Algorithm"] = "rsa-sha256",
    ["Authorization"] = "Signature " .. host.crypto.base64(signature) }
end

---The path with the stage's secret.
function M.path(s)
  return "/callback/" .. assert(host.file.read(s.dir .. "/path_secret"))
end

---Calls the host of a stage.
---@return table answer
function M.post(s, headers, body, path, method)
  return assert(host.http.request { method = method or "POST", headers = headers, body = body,
    url = ("http://127.0.0.1:%d%s"):format(s.port, path or M.path(s)) })
end

return M

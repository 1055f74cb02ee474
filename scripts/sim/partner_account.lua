-- The account at Partner Center: its PartnerID (once called MPN id), those of its locations, and
-- the call that tells them.
-- Owns nothing: the account is the rows below, invented.
local filter = require "sim.partner_filter"
local rows = require "sim.partner_rows"
local webhooks = require "sim.webhooks"

local M = {}

M.path = "/v1/profiles/mpn"

--- Whether a PartnerID is one of the account's; none is the account's own.
function M.has(id) return id == nil or rows.locations[id] ~= nil end

--- The profile of the signed-in account, or of the location that is asked for.
---@return integer status, table headers, table body
function M.answer(req)
  if req.method ~= "GET" then return webhooks.problem(405, "405", "method not allowed") end
  local id = filter.options(req.query).mpnId or rows.partner_id
  if not id:find("^%d+$") then return webhooks.problem(400, "2000", "mpnId is a number") end
  if not M.has(id) then return webhooks.problem(404, "600004", "no such PartnerID") end
  return 200, {}, { mpnId = id, partnerName = rows.locations[id],
    links = { self = { uri = "/v1/profiles/mpn?mpnId=" .. id, method = "GET",
      headers = json.array {} } },
    attributes = { objectType = "MpnProfile" } }
end

return M

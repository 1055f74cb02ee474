--- The account at Partner Center, and what its signed-in user may do there.
-- Makes and changes nothing.

local partner_center = require "partner_center"
local text = require "text"

local M = {}

--- The account's PartnerID; or this one, if it is its own or of one of its locations.  (suspends)
---@param id string|nil
---@return { id: string, name: string|nil }|nil, table|nil err  absent: it is not
function M.partner_id(id)
  local doc, err = partner_center.call("show the PartnerID", { remote = "webhooks", method = "GET",
    below = "v1/", path = "profiles/mpn" .. (id and "?mpnId=" .. text.encode(id) or "") })
  if not doc then return nil, err end
  local found = partner_center.member(doc, "mpnid")
  if type(found) ~= "string" then
    return nil, { kind = "net", text = "Partner Center named no PartnerID" }
  end
  return { id = found, name = partner_center.member(doc, "partnername") }
end

--- Whether the user sees referrals.  (suspends)
---@return boolean|nil, table|nil err
function M.may_read()
  local rows, err = partner_center.pages { top = 1 }()
  if rows then return true end
  if err.status == 403 then return false end
  return nil, err
end

--- Whether his role lets us make referrals: asked with one that cannot be made, since nothing that
--- it needs is in it.  (suspends)
---@return boolean|nil, table|nil err
function M.may_create()
  local doc, err = partner_center.call("judge an empty referral",
    { remote = "partner_center", method = "POST", path = "engagements/referrals", body = "{}" })
  if doc or err.status == 400 or err.status == 422 then return true end
  if err.status == 403 then return false end
  return nil, err
end

return M

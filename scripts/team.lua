-- Whom a deal names to Partner Center as its team: the owner; of a team that owns it, its members;
-- where none of them has what Partner Center wants of a person, whom the setting `team_fallback`
-- names.  It must never write to a service.
local canonical = require "canonical"
local dynamics = require "dynamics"
local person = require "person"
local say = require "say"

local M = {}

local MOST = 10 -- members of a team that are named
local SELECT = { "firstname", "lastname", "internalemailaddress", "mobilephone",
  "address1_telephone1" }

local WANTED = { "last_name", "email", "phone" }

-- What Partner Center wants of a person and the CRM does not have; "" if it is whole.
local function lacks(p)
  local out = {}
  for _, one in ipairs(WANTED) do
    out[#out + 1] = canonical.given(p[one]) == nil and say.label("team", one) or nil
  end
  return table.concat(out, say "comma")
end

local function whole_of(members)
  local out = json.array {}
  for _, p in ipairs(members) do
    if lacks(p) == "" then
      out[#out + 1] = p
    end
  end
  return out
end

local function fallback()
  return person.read(host.profile.settings.team_fallback)
end

local function member(user)
  return {
    first_name = canonical.text(user.firstname), last_name = canonical.text(user.lastname),
    email = canonical.text(user.internalemailaddress),
    phone = canonical.text(canonical.given(user.mobilephone) or user.address1_telephone1),
  }
end

-- The people of the team that owns the row, those who were there longest first.  (suspends)
local function members_of(row)
  local id = canonical.given(row._ownerid_value)
  if canonical.given(row.owninguser) or not id then
    return json.array {}
  end
  local users, err = dynamics.query("systemuser", { select = SELECT, orderby = "createdon asc",
    filter = ("teammembership_association/any(t:t/teamid eq %s) and isdisabled eq false"):format(
      id), top = MOST })
  if not users then
    return nil, err
  end
  local out = json.array {}
  for i, user in ipairs(users) do
    out[i] = member(user)
  end
  return out
end

---People as they can be sent: those who are whole, else the setting's person, else as they are.
---@param members table[]
---@return table[]
function M.fit(members)
  local whole = whole_of(members)
  if #whole > 0 then
    return whole
  end
  return fallback() and json.array { fallback() } or members
end

---Names people in a deal of the CRM that is about to be sent.  (suspends)
---@param row table  the CRM's
---@param deal table  canonical; its team is set
---@return string|false|nil said  what the seller is told; nil, err
function M.complete(row, deal)
  local owner = deal.team[1]
  if owner and lacks(owner) == "" then
    return false
  end
  local members, err = members_of(row)
  if not members then
    return nil, err
  elseif #whole_of(members) > 0 then
    deal.team = whole_of(members)
    return false
  end
  local other = fallback()
  if not other then
    return false
  end
  deal.team = json.array { other }
  local name = other.first_name .. " " .. other.last_name
  return owner and say("other-for-owner", { what = lacks(owner), name = name }) or
    say("other-for-team", { name = name })
end

return M

--- What an administrator has set up in the CRM: what a user may do, which cloud flows are on.
-- Reads only, never rows of deals; its requests are not counted as a deal's calls.

local call = require "dynamics_call"

local M = {}

-- Cloud flows, as they are defined (the service's numbers), and one that is on.
local FLOWS = "workflows?$select=name,statecode&$filter="
  .. call.option("category eq 5 and type eq 1")
local ON = 1

--- The environment's cloud flows.  (suspends)
---@return { name: string, on: boolean }[]|nil, table|nil err
function M.flows()
  local doc, err = call.send("list the flows", { method = "GET", path = FLOWS, page = true },
    "value")
  if not doc then return nil, err end
  local out = {}
  for _, row in ipairs(doc.value) do
    if type(row.name) == "string" then
      out[#out + 1] = { name = row.name, on = row.statecode == ON }
    end
  end
  return out
end

--- What a user's roles let him do: the name of each privilege, and how far it reaches ("Basic",
--- "Local", "Deep", "Global").  (suspends)
---@param user string
---@return table<string, string>|nil, table|nil err
function M.privileges(user)
  local doc, err = call.send("tell what the application user may do", { method = "GET", page = true,
    path = "systemusers(" .. user .. ")/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()" },
    "RolePrivileges")
  if not doc then return nil, err end
  local out = {}
  for _, one in ipairs(doc.RolePrivileges) do
    if type(one.PrivilegeName) == "string" then out[one.PrivilegeName] = one.Depth end
  end
  return out
end

return M

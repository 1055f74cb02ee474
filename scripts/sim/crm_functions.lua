-- Unbound functions of the practice CRM: name(A=@p1,B='x') in an address, parameters there or as
-- aliases in the query string. Reads only. Knows no HTTP beyond the request it is handed.
local schema = require("sim.crm_schema")
local store = require("sim.crm_store")
local options = require("sim.crm_options")

local M = {}
local refuse = schema.refuse

local VERSION = "9.2.25014.00178"

local function bad_value(name)
  refuse(400, "0x80060888", "The value of the parameter '%s' is not valid.", name)
end

-- A literal of an address: 'text' with '' for ', a number, a list, an enum member.
local function literal(name, text)
  local quoted = text:match("^'(.*)'$")
  if quoted then return (quoted:gsub("''", "'")) end
  if text:sub(1, 1) == "[" then
    local list = json.decode((text:gsub("'", '"')))
    return type(list) == "table" and list or bad_value(name)
  end
  if text == "true" or text == "false" then return text == "true" end
  return tonumber(text) or text:match("^[%w.]+'(%w+)'$") or bad_value(name)
end

local function parameters(rq, text)
  local out = {}
  for _, item in ipairs(options.split(text)) do
    local name, value = item:match("^(%w+)%s*=%s*(.+)$")
    if not name then bad_value(item) end
    if value:sub(1, 1) == "@" then value = rq.options[value] or bad_value(name) end
    out[name] = literal(name, value)
  end
  return out
end

local F = {}

function F.RetrieveVersion() return "RetrieveVersionResponse", { Version = VERSION } end

local function counted(t)
  local n = 0
  for _ in store.each(t) do n = n + 1 end
  return n
end

function F.RetrieveTotalRecordCount(_, given)
  local names = type(given.EntityNames) == "table" and given.EntityNames
    or bad_value("EntityNames")
  local out = { Count = #names, IsReadOnly = false, Keys = json.array({}),
    Values = json.array({}) }
  for i, name in ipairs(names) do
    local t = schema.tables[name]
    if not t then
      refuse(400, "0x80041102", "The entity with a name = '%s' was not found.", tostring(name))
    end
    out.Keys[i], out.Values[i] = name, counted(t)
  end
  return "RetrieveTotalRecordCountResponse", { EntityRecordCountCollection = out }
end

function F.RetrieveCurrentOrganization(rq, given)
  if given.AccessType == nil then bad_value("AccessType") end
  local org = rq.work:organization()
  return "RetrieveCurrentOrganizationResponse", { Detail = {
    OrganizationId = org.organizationid, FriendlyName = org.name, UniqueName = org.name,
    UrlName = org.name, OrganizationVersion = VERSION, State = "Enabled" } }
end

--- The names of the functions, sorted.
function M.names()
  local out = {}
  for name in pairs(F) do out[#out + 1] = name end
  table.sort(out)
  return out
end

--- The answer's body, or nil where an address is no function's.
function M.run(rq, segment)
  local name, text = segment:match("^(%a+)%((.*)%)$")
  local run = F[name or segment]
  if not run then return nil end
  if rq.method ~= "GET" then
    refuse(404, "", "No HTTP resource was found that matches the request URI '%s'.", segment)
  end
  local kind, out = run(rq, parameters(rq, text or ""))
  out["@odata.context"] = rq.base .. "$metadata#Microsoft.Dynamics.CRM." .. kind
  return out
end

return M

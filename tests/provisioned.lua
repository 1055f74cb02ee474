-- What the stories of `cosell provision` share: running it as from a terminal, and what a CRM is
-- like afterwards.  Looks only; it must never change a CRM.
local printed = require "commands.printed"

local M = { WIDTH = 100, THINGS = 37 } -- what a bare CRM lacks

---@return string text, integer exit
function M.run(s, ...)
  return printed.run(s, { "provision", ... }, M.WIDTH)
end

---The lines that begin with a sign of the plan.
function M.lines(text, sign)
  local out = {}
  for line in text:gmatch("[^\n]+") do
    out[#out + 1] = line:sub(1, #sign) == sign and line or nil
  end
  return out
end

-- ---- What the CRM is like ----

function M.sorted(list)
  table.sort(list)
  return list
end

---What was defined, without times, and how often all was published.
function M.defined(s)
  local out, published = {}, 0
  for _, e in ipairs(s:rows "crm_defined") do
    if e.op == "publish" then
      published = published + 1
    elseif e.op ~= "bare" then
      out[#out + 1] = ("%s %s %s"):format(e.op, e.table or "", e.name)
    end
  end
  return M.sorted(out), published
end

function M.named(s, what, unique)
  local n = 0
  for _, row in ipairs(s:rows("crm:" .. what)) do
    n = n + (row.uniquename == unique and 1 or 0)
  end
  return n
end

function M.forms(s)
  local out = {}
  for _, row in ipairs(s:rows "crm:systemform") do
    out[#out + 1] = row.objecttypecode .. ": " .. row.formxml .. (row.waiting or "")
  end
  return M.sorted(out)
end

function M.inside(s)
  local out = {}
  for _, row in ipairs(s:rows "crm:solutioncomponent") do
    out[#out + 1] = row.componenttype .. " " .. row.objectid
  end
  return M.sorted(out)
end

---All that provisioning leaves in a CRM.
function M.whole(s)
  return { (M.defined(s)), M.forms(s), M.inside(s), M.named(s, "publisher", "cosell"),
    M.named(s, "solution", "cosell") }
end

-- ---- An administrator of the CRM, with other tools ----

local CRM = "Microsoft.Dynamics.CRM."

local function token(s)
  local answer = assert(host.http.request { method = "POST",
    url = s.base.tokens .. "/practice.example/oauth2/v2.0/token",
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
    body = "grant_type=client_credentials&client_id=7d1b0c52-0002-4a11-9c01-000000000002"
      .. "&client_secret=" .. assert(host.file.read(s.dir .. "/crm_secret")):gsub("%s+$", "")
      .. "&scope=" .. s.base.crm:gsub("[:/]", { [":"] = "%3A", ["/"] = "%2F" }) .. "%2F.default" })
  return assert(json.decode(answer.body).access_token, answer.body)
end

---Asks the CRM as another program of the customer's would.
---@return integer status, any answer
function M.ask(s, method, path, body, solution)
  local answer = assert(host.http.request { method = method, url = s.base.crm .. "/api/data/v9.2/"
    .. path, body = body and json.encode(body), headers = { Authorization = "Bearer " .. token(s),
      ["Content-Type"] = "application/json", ["MSCRM.SolutionUniqueName"] = solution } })
  if answer.status > 299 then
    error(("%s %s: %s"):format(method, path, answer.body), 0)
  end
  return answer.status, answer.body ~= "" and json.decode(answer.body) or nil
end

local function label(text)
  return { ["@odata.type"] = CRM .. "Label", LocalizedLabels = json.array { {
    ["@odata.type"] = CRM .. "LocalizedLabel", Label = text, LanguageCode = 1033 } } }
end

---A publisher of somebody else's with the connector's prefix.
function M.publisher(s)
  M.ask(s, "POST", "publishers", { uniquename = "somebody", friendlyname = "Somebody",
    customizationprefix = "msft", customizationoptionvalueprefix = 29960 })
end

---A column of somebody else's.
function M.column(s, logical, kind, name, more, solution)
  local body = { ["@odata.type"] = CRM .. kind .. "AttributeMetadata", SchemaName = name,
    DisplayName = label(name) }
  for key, value in pairs(more or {}) do
    body[key] = value
  end
  M.ask(s, "POST", ("EntityDefinitions(LogicalName='%s')/Attributes"):format(logical), body,
    solution)
end

---Options of a choice.
function M.options(...)
  local list = json.array {}
  for i, text in ipairs { ... } do
    list[i] = { Value = 299600000 + i - 1, Label = label(text) }
  end
  return { OptionSet = { OptionSetType = "Picklist", Options = list } }
end

-- ---- Forms ----

---A form of a table.
function M.form(s, logical)
  for _, row in ipairs(s:rows "crm:systemform") do
    if row.objecttypecode == logical then
      return row.formxml
    end
  end
end

return M

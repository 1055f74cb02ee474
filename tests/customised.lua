-- A practice CRM with columns of a customer's own, made over its API as an administrator does; what
-- stands there already is left as it is.  For stories.
local M = { KIND = "Microsoft.Dynamics.CRM." }

local CLIENT = "7d1b0c52-0002-4a11-9c01-000000000002"
local PREFIX, FIRST_OPTION = "new", 100000000

---@param words string  in English
---@param more table<integer, string>|nil  other languages
function M.label(words, more)
  local list = json.array { { ["@odata.type"] = M.KIND .. "LocalizedLabel", Label = words,
    LanguageCode = 1033 } }
  for language, other in pairs(more or {}) do
    list[#list + 1] = { ["@odata.type"] = M.KIND .. "LocalizedLabel", Label = other,
      LanguageCode = language }
  end
  return { ["@odata.type"] = M.KIND .. "Label", LocalizedLabels = list }
end

---@param kind string  "String", "Money", ...
---@param name string  with the prefix "new"
---@param more table|nil
function M.column(kind, name, more)
  local out = { ["@odata.type"] = M.KIND .. kind .. "AttributeMetadata", SchemaName = name,
    DisplayName = M.label(name), RequiredLevel = { Value = "None", CanBeChanged = true,
      ManagedPropertyLogicalName = "canmodifyrequirementlevelsettings" } }
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

function M.text(name, more)
  local out = M.column("String", name, { MaxLength = 100, FormatName = { Value = "Text" } })
  for k, v in pairs(more or {}) do out[k] = v end
  return out
end

---A choice; each option a text, or { English, { [language] = text } }.
function M.choice(name, ...)
  local options = json.array {}
  for i, words in ipairs { ... } do
    local given = type(words) == "table" and words or { words }
    options[i] = { Value = FIRST_OPTION + i - 1, Label = M.label(given[1], given[2]) }
  end
  return M.column("Picklist", name, { SourceTypeMask = 0, OptionSet = { IsGlobal = false,
    OptionSetType = "Picklist", Options = options } })
end

local function token_of(s)
  local secret = host.file.read(s.dir .. "/crm_secret"):gsub("%s+$", "")
  local got = assert(host.http.request { method = "POST",
    url = s.base.tokens .. "/practice.example/oauth2/v2.0/token",
    headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
    body = "grant_type=client_credentials&client_id=" .. CLIENT .. "&client_secret=" .. secret
      .. "&scope=" .. s.base.crm .. "/.default" })
  return json.decode(got.body).access_token
end

-- "account.new_duns" -> where it is read, where it is made
local function places(name)
  local of, column = name:match("^(%w[%w_]*)%.([%w_]+)$")
  if not of then return name end
  local at = ("EntityDefinitions(LogicalName='%s')/Attributes"):format(of)
  return ("%s(LogicalName='%s')"):format(at, column), at
end

local function publisher(s)
  for _, row in ipairs(s:rows("crm:publisher")) do
    if row.customizationprefix == PREFIX then return end
  end
  s:act("create", { table = "publisher", values = { uniquename = PREFIX, friendlyname = "New",
    customizationprefix = PREFIX, customizationoptionvalueprefix = 10000 } })
end

---Makes what is missing: rows { "table.column", definition }, or { path to read, path to make,
---definition }.
---@return fun(method: string, path: string, body: table): table  asks as the administrator
function M.add(t, s, needed)
  local headers = { ["Content-Type"] = "application/json",
    Authorization = "Bearer " .. token_of(s) }
  local function ask(method, path, body)
    return assert(host.http.request { method = method, headers = headers,
      body = body and json.encode(body), url = s.base.crm .. "/api/data/v9.2/" .. path })
  end
  local function good(method, path, body)
    local answer = ask(method, path, body)
    t.ok(answer.status < 300, ("%s: %d %s"):format(path, answer.status, answer.body))
    return answer
  end
  publisher(s)
  for _, row in ipairs(needed) do
    local at, into = places(row[1])
    if ask("GET", at).status == 404 then
      good("POST", row[3] and row[2] or into, row[3] or row[2])
    end
  end
  return good
end

return M

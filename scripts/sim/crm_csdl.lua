-- The CSDL document ($metadata) of the practice CRM: a type for each table with its properties and
-- navigation properties, the sets with their bindings, the keys, the functions and actions.
local keys = require("sim.crm_keys")
local schema = require("sim.crm_schema")

local M = {}

local CRM = "mscrm"
local EDM = { String = "Edm.String", Memo = "Edm.String", MultiSelectPicklist = "Edm.String",
  Boolean = "Edm.Boolean", Integer = "Edm.Int32", Picklist = "Edm.Int32", State = "Edm.Int32",
  Status = "Edm.Int32", BigInt = "Edm.Int64", Decimal = "Edm.Decimal", Money = "Edm.Decimal",
  Uniqueidentifier = "Edm.Guid", Lookup = "Edm.Guid", Customer = "Edm.Guid", Owner = "Edm.Guid" }

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function quoted(text) return '"' .. tostring(text):gsub('[&<>"]', ENTITIES) .. '"' end

local function edm(c)
  if c.type == "DateTime" then
    return c.behavior == "DateOnly" and "Edm.Date" or "Edm.DateTimeOffset"
  end
  return EDM[c.type]
end

local function property(c)
  local more = ""
  if c.max and edm(c) == "Edm.String" then more = ' MaxLength=' .. quoted(c.max) end
  if edm(c) == "Edm.Decimal" then more = ' Scale="Variable"' end
  return "<Property Name=" .. quoted(c.read) .. " Type=" .. quoted(edm(c)) .. more .. " />"
end

local function sorted(list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  table.sort(names)
  return ipairs(names)
end

local function single(t, nav)
  local entry = t.nav[nav]
  local target = next(entry.links)
  if next(entry.links, target) then target = "principal" end
  return "<NavigationProperty Name=" .. quoted(nav) .. " Type=" .. quoted(CRM .. "." .. target)
    .. (target ~= "principal" and " Partner=" .. quoted(entry.links[target].many) or "")
    .. '><ReferentialConstraint Property=' .. quoted(t.columns[entry.column].read)
    .. " ReferencedProperty=" .. quoted(target == "principal" and "ownerid"
      or schema.tables[target].id) .. " /></NavigationProperty>"
end

local function collection(t, name)
  local l = t.many[name]
  local partner = l.pair and (l.pair.table1 == t.logical and l.pair.nav2 or l.pair.nav1) or l.nav
  return "<NavigationProperty Name=" .. quoted(name) .. " Type="
    .. quoted("Collection(" .. CRM .. "." .. l.table .. ")") .. " Partner=" .. quoted(partner)
    .. " />"
end

local KEY_TYPE = "OData.Community.Keys.V1"

local function key_part(c)
  local name = quoted(c.read)
  return '<Record Type="' .. KEY_TYPE .. '.PropertyRef"><PropertyValue Property="Alias" String='
    .. name .. ' /><PropertyValue Property="Name" PropertyPath=' .. name .. " /></Record>"
end

local function key_annotation(t, now)
  local out = {}
  for i, key in ipairs(keys.active(t, now)) do
    local parts = {}
    for n, name in ipairs(key.columns) do parts[n] = key_part(t.columns[name]) end
    out[i] = '<Record Type="' .. KEY_TYPE .. '.AlternateKey"><PropertyValue Property="Key">'
      .. "<Collection>" .. table.concat(parts) .. "</Collection></PropertyValue></Record>"
  end
  return #out > 0 and '<Annotation Term="' .. KEY_TYPE .. '.AlternateKeys"><Collection>'
    .. table.concat(out) .. "</Collection></Annotation>" or nil
end

local function entity_type(t, now)
  local out = { "<EntityType Name=" .. quoted(t.logical) .. ' BaseType="mscrm.crmbaseentity">',
    "<Key><PropertyRef Name=" .. quoted(t.id) .. " /></Key>" }
  for _, name in ipairs(t.order) do out[#out + 1] = property(t.columns[name]) end
  for _, nav in sorted(t.nav) do out[#out + 1] = single(t, nav) end
  for _, name in sorted(t.many) do out[#out + 1] = collection(t, name) end
  out[#out + 1] = key_annotation(t, now)
  out[#out + 1] = "</EntityType>"
  return table.concat(out)
end

local function binding(path, target)
  return "<NavigationPropertyBinding Path=" .. quoted(path) .. " Target="
    .. quoted(schema.tables[target].set) .. " />"
end

local function entity_set(t)
  local out = { "<EntitySet Name=" .. quoted(t.set) .. " EntityType="
    .. quoted("Microsoft.Dynamics.CRM." .. t.logical) .. ">" }
  for _, nav in sorted(t.nav) do
    local target = next(t.nav[nav].links)
    if not next(t.nav[nav].links, target) then out[#out + 1] = binding(nav, target) end
  end
  for _, name in sorted(t.many) do out[#out + 1] = binding(name, t.many[name].table) end
  out[#out + 1] = "</EntitySet>"
  return table.concat(out)
end

local OPERATIONS = [[<ComplexType Name="WhoAmIResponse"><Property Name="BusinessUnitId" ]]
  .. [[Type="Edm.Guid" Nullable="false" /><Property Name="UserId" Type="Edm.Guid" ]]
  .. [[Nullable="false" /><Property Name="OrganizationId" Type="Edm.Guid" Nullable="false" />]]
  .. [[</ComplexType><Function Name="WhoAmI"><ReturnType Type="mscrm.WhoAmIResponse" ]]
  .. [[Nullable="false" /></Function>]]
  .. [[<Action Name="WinOpportunity"><Parameter Name="OpportunityClose" ]]
  .. [[Type="mscrm.opportunityclose" /><Parameter Name="Status" Type="Edm.Int32" /></Action>]]
  .. [[<Action Name="LoseOpportunity"><Parameter Name="OpportunityClose" ]]
  .. [[Type="mscrm.opportunityclose" /><Parameter Name="Status" Type="Edm.Int32" /></Action>]]
  .. [[<Action Name="PublishXml"><Parameter Name="ParameterXml" Type="Edm.String" /></Action>]]
  .. [[<Action Name="PublishAllXml" />]]

local BASE = '<EntityType Name="crmbaseentity" Abstract="true" />'
  .. '<EntityType Name="principal" BaseType="mscrm.crmbaseentity" Abstract="true"><Key>'
  .. '<PropertyRef Name="ownerid" /></Key><Property Name="ownerid" Type="Edm.Guid" /></EntityType>'

--- The document as text.
function M.text(now)
  local types, sets = {}, {}
  for _, logical in sorted(schema.tables) do
    types[#types + 1] = entity_type(schema.tables[logical], now)
    sets[#sets + 1] = entity_set(schema.tables[logical])
  end
  return '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="4.0" xmlns:edmx='
    .. '"http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices><Schema Namespace='
    .. '"Microsoft.Dynamics.CRM" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    .. BASE .. table.concat(types) .. OPERATIONS .. '<EntityContainer Name="System">'
    .. table.concat(sets) .. '<FunctionImport Name="WhoAmI" Function='
    .. '"Microsoft.Dynamics.CRM.WhoAmI" /></EntityContainer></Schema></edmx:DataServices>'
    .. "</edmx:Edmx>"
end

--- The answer to a request for it.
function M.answer(rq)
  if rq.method ~= "GET" then
    schema.refuse(405, "0x80060888", "The requested resource does not support http method '%s'.",
      rq.method)
  end
  local text = M.text(rq.work.who.now)
  return function() return 200, { ["Content-Type"] = "application/xml" }, text end
end

return M

-- What a body that defines something in the practice CRM means: labels, names, options, columns;
-- and what of it is refused. Bodies to the specifications that crm_define applies. Changes nothing.
local items = require("sim.crm_meta_items")
local schema = require("sim.crm_schema")

local M = {}
local refuse = schema.refuse
local CRM = "Microsoft.Dynamics.CRM."
local LANGUAGES = { [1033] = true, [1031] = true, [1041] = true } -- those that are enabled
local OWN_LANGUAGE = 1033

local function bad(text, ...) refuse(400, "0x80040203", text, ...) end
M.bad = bad

--- A member, or nil where it is missing or null. kind: what Lua type it must have.
function M.some(body, name, kind)
  local v
  if type(body) == "table" then v = body[name] else kind, v = "table", body end
  if v == nil or v == json.null then return nil end
  if kind and type(v) ~= kind then
    refuse(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'', "
      .. "InnerException : Cannot convert the value of the property '%s' to the expected type.",
      name)
  end
  return v
end

--- A member that must be there; json.null counts as missing.
function M.need(body, name, kind)
  local v = M.some(body, name, kind)
  if v == nil then bad("Required field '%s' is missing.", name) end
  return v
end
local need, some = M.need, M.some

-- ---- Labels ----

local function one_label(l)
  local code = type(l) == "table" and l.LanguageCode
  if type(l) ~= "table" or type(l.Label) ~= "string" or math.type(code) ~= "integer" then
    refuse(400, "0x80048d19", "A LocalizedLabel has a Label and a LanguageCode.")
  end
  if not LANGUAGES[code] then
    refuse(400, "0x80044195", "The specified language code %d is not installed.", code)
  end
  return { Label = l.Label, LanguageCode = code }
end

--- A Label as a list of { Label=, LanguageCode= }.
function M.label(v)
  local list = type(v) == "table" and v.LocalizedLabels
  if type(list) ~= "table" or not json.is_array(list) then
    refuse(400, "0x80048d19", "A Label with LocalizedLabels was expected.")
  end
  local out = {}
  for i, l in ipairs(list) do out[i] = one_label(l) end
  return out
end

--- The text of a list of labels.
function M.text(list)
  for _, l in ipairs(list) do
    if l.LanguageCode == OWN_LANGUAGE then return l.Label end
  end
  return list[1] and list[1].Label or ""
end

--- New labels over old ones; merge: other languages stay.
function M.merged(old, new, merge)
  if not merge then return new end
  if type(old) == "string" then old = { { Label = old, LanguageCode = OWN_LANGUAGE } } end
  local out, given = { table.unpack(new) }, {}
  for _, l in ipairs(new) do given[l.LanguageCode] = true end
  for _, l in ipairs(old or {}) do
    if not given[l.LanguageCode] then out[#out + 1] = l end
  end
  return out
end

-- ---- Names ----

--- The publisher whose prefix a schema name has; refuses a name without one.
function M.publisher(work, name)
  local prefix = type(name) == "string" and name:match("^(%a%w+)_[%w_]+$")
  local found = prefix and work:find(schema.tables.publisher, "customizationprefix", prefix)[1]
  if not found then
    refuse(400, "0x80044366", "The name '%s' is not valid: it must start with the customization "
      .. "prefix of a publisher.", tostring(name))
  end
  return found
end

--- A table by logical name.
function M.table(name)
  return schema.tables[name] or refuse(400, "0x80041102",
    "The entity with a name = '%s' was not found in the MetadataCache.", tostring(name))
end

--- Refuses members that a kind of definition does not have.
function M.members(body, item)
  for name in pairs(body) do
    local known = item.all[name] ~= nil or item.expand[name] or name:find("@", 1, true)
    if not known then
      refuse(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'', "
        .. "InnerException : The property '%s' does not exist on type '%s%s'. Make sure to only "
        .. "use property names that are defined by the type.", name, CRM, item.kind)
    end
  end
end

-- ---- Options ----

local function next_value(list, publisher)
  local value = publisher.customizationoptionvalueprefix * 10000
  for _, o in ipairs(list) do
    if o.custom and o.value >= value and o.value < value + 10000 then value = o.value + 1 end
  end
  return value
end

--- An option for a list; without a value the publisher's prefix gives one.
function M.option(list, body, publisher)
  local labels = M.label(need(body, "Label"))
  local value = some(body, "Value") or next_value(list, publisher)
  if math.type(value) ~= "integer" or value < 0 then bad("The option value is not valid.") end
  for _, o in ipairs(list) do
    if o.value == value then
      refuse(400, "0x80044310", "An option with the value %d is there already.", value)
    end
  end
  return { value = value, label = M.text(labels), labels = labels, custom = true }
end

--- A list of options.
function M.options(given, publisher)
  if type(given) ~= "table" or not json.is_array(given) then bad("Options must be a list.") end
  local out = {}
  for i, o in ipairs(given) do out[i] = M.option(out, o, publisher) end
  return out
end

-- ---- Columns ----

local function whole(body, name, low, high, default)
  local v = some(body, name)
  if v == nil then v = default end
  if math.type(v) ~= "integer" or v < low or v > high then
    bad("The value of '%s' must be a whole number from %d to %d.", name, low, high)
  end
  return v
end

local function number(body, name, low, high, default)
  local v = some(body, name)
  v = v == nil and default or tonumber(tostring(v))
  if not v or v < low or v > high then bad("The value of '%s' is not valid.", name) end
  return v
end

local function one_of(body, name, allowed, default)
  local v = some(body, name)
  if type(v) == "table" then v = v.Value end
  if v == nil then v = default end
  if not allowed[v] then bad("'%s' is not a valid %s.", tostring(v), name) end
  return v
end

local SPEC = {}
local FORMATS = { Text = true, Url = true, Email = true, Phone = true, TextArea = true }

function SPEC.String(b)
  return { type = "String", max = whole(b, "MaxLength", 1, 4000, 100),
    format = one_of(b, "FormatName", FORMATS, "Text") }
end

function SPEC.Memo(b) return { type = "Memo", max = whole(b, "MaxLength", 1, 1048576, 2000) } end

function SPEC.Boolean(b)
  local set = some(b, "OptionSet", "table") or {}
  local yes = M.label(some(set, "TrueOption", "table") and set.TrueOption.Label
    or { LocalizedLabels = json.array({ { Label = "Yes", LanguageCode = OWN_LANGUAGE } }) })
  local no = M.label(some(set, "FalseOption", "table") and set.FalseOption.Label
    or { LocalizedLabels = json.array({ { Label = "No", LanguageCode = OWN_LANGUAGE } }) })
  return { type = "Boolean", default = some(b, "DefaultValue") == true, label_lists = { no, yes },
    labels = { M.text(no), M.text(yes) } }
end

-- A choice's options: a set of its own or a global one, never both.
local function choice(b, kind, publisher)
  local bind, own = some(b, "GlobalOptionSet@odata.bind"), some(b, "OptionSet", "table")
  if (bind == nil) == (own == nil) then
    bad("A choice has either an OptionSet or a GlobalOptionSet.")
  end
  local out = { type = kind }
  if own then
    out.options = M.options(need(own, "Options"), publisher)
  else
    out.global = M.global(tostring(bind):match("GlobalOptionSetDefinitions%((.*)%)$")).name
  end
  return out
end

function SPEC.Picklist(b, publisher)
  local out = choice(b, "Picklist", publisher)
  local default = some(b, "DefaultFormValue")
  if default and default ~= -1 then out.default = default end
  return out
end

function SPEC.MultiSelectPicklist(b, publisher)
  return choice(b, "MultiSelectPicklist", publisher)
end

local INT = 2147483647

function SPEC.Integer(b)
  return { type = "Integer", min = whole(b, "MinValue", -INT - 1, INT, -INT - 1),
    max = whole(b, "MaxValue", -INT - 1, INT, INT) }
end

local DECIMAL, MONEY = 100000000000, 922337203685477

function SPEC.Decimal(b)
  return { type = "Decimal", min = number(b, "MinValue", -DECIMAL, DECIMAL, -DECIMAL),
    max = number(b, "MaxValue", -DECIMAL, DECIMAL, DECIMAL),
    precision = whole(b, "Precision", 0, 10, 2) }
end

function SPEC.Money(b)
  return { type = "Money", min = number(b, "MinValue", -MONEY, MONEY, -MONEY),
    max = number(b, "MaxValue", -MONEY, MONEY, MONEY), precision = whole(b, "Precision", 0, 4, 2),
    precision_source = whole(b, "PrecisionSource", 0, 2, 2) }
end

local BEHAVIORS = { UserLocal = true, DateOnly = true, TimeZoneIndependent = true }
local DATE_FORMATS = { DateOnly = true, DateAndTime = true }

function SPEC.DateTime(b)
  local behavior = one_of(b, "DateTimeBehavior", BEHAVIORS, "UserLocal")
  local format = one_of(b, "Format", DATE_FORMATS, "DateOnly")
  return { type = "DateTime", behavior = behavior, day = format == "DateOnly" or nil }
end

local LEVELS = { None = true, Recommended = true, ApplicationRequired = true,
  SystemRequired = true }

--- The type of column a body speaks of.
function M.kind(body)
  local kind = tostring(body["@odata.type"]):match("Microsoft%.Dynamics%.CRM%.(%a+)$") or ""
  return kind:match("^(%a+)AttributeMetadata$") or refuse(400, "0x80048d19",
    "A column needs an @odata.type that names its kind; '%s' is none.", kind)
end

local NAMED = { MultiSelectPicklist = "Virtual" }

local function check_type(body, kind)
  local own, name = some(body, "AttributeType"), some(body, "AttributeTypeName", "table")
  if own and own ~= (NAMED[kind] or kind) then
    bad("AttributeType '%s' does not fit a column of the kind %s.", tostring(own), kind)
  end
  if name and name.Value ~= kind .. "Type" then
    bad("AttributeTypeName '%s' does not fit a column of the kind %s.", tostring(name.Value), kind)
  end
end

--- What all columns have in common, onto a specification.
function M.common(body, c)
  c.schema = need(body, "SchemaName", "string")
  c.label = M.label(need(body, "DisplayName"))
  c.description = some(body, "Description") and M.label(body.Description) or nil
  c.required = one_of(body, "RequiredLevel", LEVELS, "None")
  c.secured = some(body, "IsSecured", "boolean") or nil
  return c
end

--- The specification of a column that is no look-up. publisher: whose option values it gets.
function M.column(body, publisher)
  local kind = M.kind(body)
  local make = SPEC[kind]
    or bad("A column of the kind %s cannot be created in this way.", kind)
  check_type(body, kind)
  local c = M.common(body, make(body, publisher))
  local shown = schema.copy(c)
  if c.global then shown.options = schema.globals[c.global].options end
  shown.logical, shown.read = c.schema:lower(), c.schema:lower()
  M.members(body, items.attribute(schema, { logical = "" }, shown))
  return c
end

--- What may change of a column by PUT.
function M.changed(body, c)
  local kind = M.kind(body)
  if kind ~= c.type and not (kind == "Lookup" and c.targets) then
    bad("The type of the column '%s' cannot be changed.", c.logical)
  end
  check_type(body, c.type)
  M.members(body, items.attribute(schema, { logical = "" }, c))
  local out = { required = one_of(body, "RequiredLevel", LEVELS, c.required or "None"),
    secured = some(body, "IsSecured", "boolean") }
  local make = not c.options and not c.targets and not c.base_of and SPEC[c.type]
  local new = make and make(body) or {}
  for _, name in ipairs({ "max", "min", "format", "precision", "precision_source", "behavior",
    "day" }) do
    out[name] = new[name]
  end
  if c.behavior and new.behavior ~= c.behavior and c.behavior ~= "UserLocal" then
    bad("The behavior %s of '%s' cannot be changed.", c.behavior, c.logical)
  end
  if c.options and some(body, "DefaultFormValue") then
    out.default = body.DefaultFormValue ~= -1 and body.DefaultFormValue or nil
  end
  return out
end

--- A global option set by what stands between the parentheses of its address.
function M.global(key)
  for name, set in pairs(schema.globals) do
    local id = key and key:lower():match("^[%x-]+$") and items.global(set).all.MetadataId
    if key == "Name='" .. name .. "'" or (id and id == key:lower()) then return set end
  end
  bad("The global option set '%s' does not exist.", tostring(key))
end

return M

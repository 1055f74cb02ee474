-- For previews: what stands where, on either side, in the words and the order of the field table;
-- and a value as one line.  It must never judge what would change.
local canonical = require "canonical"
local fields = require "fields"
local rehearsal = require "rehearsal"
local table_text = require "table_text"
local text = require "text"

local M = {}

local LONGEST = 400 -- bytes of a value

---@class Place
---@field label string
---@field field Field|nil
---@field place string|nil  on the CRM's side
---@field path string|nil   on the referral's
---@field at number|nil     its rank

-- ---- Values ----

---A member of a list: a solution, a person, a choice.
function M.member(item)
  if type(item) ~= "table" then
    return tostring(item)
  elseif item.id then
    local more = item.price and (" (%s at %s)"):format(tostring(item.quantity or 1),
      tostring(item.price)) or item.quantity and (" (%s)"):format(tostring(item.quantity)) or ""
    return tostring(item.id) .. more
  elseif item.firstName or item.lastName or item.email then
    local out = {}
    for _, name in ipairs { "firstName", "lastName", "email", "phoneNumber", "title" } do
      out[#out + 1] = canonical.given(item[name])
    end
    return table.concat(out, " ")
  end
  return json.encode(item)
end

---A value as one line.
---@param value any
---@return string|nil  nil: there is none
function M.text(value)
  if value == nil or value == json.null or value == "" then
    return nil
  elseif type(value) == "boolean" then
    return value and "Yes" or "No"
  elseif value == rehearsal.GIVEN then
    return "(given by Partner Center)"
  elseif type(value) == "table" and json.is_array(value) then
    local out = {}
    for i, item in ipairs(value) do
      out[i] = M.member(item)
    end
    return #out > 0 and text.bound(table_text.plain(table.concat(out, ", ")), LONGEST) or nil
  elseif type(value) == "table" then
    return text.bound(json.encode(value), LONGEST)
  end
  local whole = math.type(value) == "float" and math.tointeger(value)
  return text.bound(table_text.plain(tostring(whole or value):gsub(rehearsal.GIVEN, "…")), LONGEST)
end

-- ---- Places ----

-- What stands where, in the order of the field table: of a referral by path, of the customer's rows
-- by table and column; { field=, label=, place= of the other side, path=, at= }.  Once for each
-- facts, since a mapping may add rows to the table.
local by_known = setmetatable({}, { __mode = "k" })

local CONSENT = { ["/consent/consentToContact"] = "consent to contact",
  ["/consent/consentToToShareInfoWithOthers"] = "consent to share the contact" }

---@param known table  facts
---@return {path: table<string, Place>, part: table<string, Place>}
function M.of(known)
  if by_known[known] then
    return by_known[known]
  end
  local out, count = { path = {}, part = {} }, 0
  local function learn(into, key, field, part)
    count = count + 1
    into[key] = into[key] or { field = field, label = (part or field).label,
      place = (part or field).place, path = (part or field).path, at = count }
  end
  for _, field in ipairs(fields.rows) do
    for path in (field.path or ""):gmatch("/[^, ]+") do
      learn(out.path, path, field)
    end
    for _, part in ipairs(field.kind == "record" and field.parts or {}) do
      local path, first = part.path:match("^/%S+"), part.place:match("^[%w_]+%.[%w_]+")
      if path then
        learn(out.path, path, field, part)
      end
      if first then
        learn(out.part, first, field, part)
      end
    end
  end
  for path, label in pairs(CONSENT) do
    out.path[path] = { field = fields.by_name.consent, label = label, at = count }
  end
  by_known[known] = out
  return out
end

---Sorts keys in that order; what the table does not know comes last, by name.
---@param keys string[]
---@param found_of fun(key: string): Place|nil
function M.in_order(keys, found_of)
  table.sort(keys, function(a, b)
    local one, other = found_of(a), found_of(b)
    local x, y = one and one.at or math.huge, other and other.at or math.huge
    return x < y or x == y and a < b
  end)
  return keys
end

local ROLE_LABELS = { sync = "Sync", audit = "audit text", link = "referral link",
  identifier = "referral identifier" }

---The columns of the deal's row.
---@return table<string, Place>
function M.columns(known)
  local out = {}
  for role, column in pairs(known.columns) do
    out[column] = { label = ROLE_LABELS[role] or role }
  end
  for i, field in ipairs(fields.rows) do
    local column = field.crm and (known.columns[field.crm])
    if column then
      out[column] = { label = field.label, field = field, at = i }
    end
  end
  local value, state = fields.by_name.value, fields.by_name.state
  out[known.deal_value.write] = { label = value.label, field = value, at = 1.5 }
  for _, column in ipairs { "statecode", "statuscode" } do
    out[column] = { label = state.label, field = state, at = 7 }
  end
  return out
end

return M

-- Column security of the practice CRM: who may read, make and change the values of secured columns,
-- by the field security profiles of a user and of his teams.  Owns no rows; it must never know what
-- a column is for.
local schema = require("sim.crm_schema")

local M = {}
local refuse = schema.refuse

local ALLOWED = 4
local REFUSED = { cancreate = { "0x8004F502", "create" }, canupdate = { "0x8004F507", "update" } }

-- The teams of a user: those he was put in, and the default one of his business unit.
local function teams_of(work, user)
  local out, t = {}, schema.tables
  for _, row in ipairs(work:find(t.teammembership, "systemuserid", user)) do
    out[#out + 1] = row._teamid_value
  end
  local unit = (work:get(t.systemuser, user) or {})._businessunitid_value
  for _, row in ipairs(unit and work:find(t.team, "businessunitid", unit) or {}) do
    if row.isdefault then out[#out + 1] = row.teamid end
  end
  return out
end

local function profiles_of(work, user)
  local out, t = {}, schema.tables
  local function add(rows)
    for _, row in ipairs(rows) do out[row._fieldsecurityprofileid_value] = true end
  end
  add(work:find(t.systemuserprofiles, "systemuserid", user))
  for _, team in ipairs(teams_of(work, user)) do
    add(work:find(t.teamprofiles, "teamid", team))
  end
  return out
end

--- Whether the user of this work may do that with a secured column: canread, cancreate, canupdate.
function M.may(work, c, what)
  local profiles = profiles_of(work, work.who.user)
  for _, row in ipairs(work:find(schema.tables.fieldpermission, "attributelogicalname",
    c.logical)) do
    if row.entityname == c.table and row[what] == ALLOWED
      and profiles[row._fieldsecurityprofileid_value] then
      return true
    end
  end
  return false
end

--- Refuses values for secured columns that the user may not give.
function M.check(work, t, given, what)
  for name, v in pairs(given) do
    local c = t.columns[name]
    if c and c.secured and v ~= json.null and not M.may(work, c, what) then
      refuse(403, REFUSED[what][1], "The user does not have %s permissions to the secured field "
        .. "'%s'. The requested operation could not be completed.", REFUSED[what][2], name)
    end
  end
end

--- A permission is for a column that is secured.
function M.check_permission(row)
  local t = schema.tables[row.entityname or ""]
  local c = t and t.columns[row.attributelogicalname or ""]
  if not (c and c.secured) then
    refuse(400, "0x80040203", "The column '%s' of '%s' is not secured.",
      tostring(row.attributelogicalname), tostring(row.entityname))
  end
end

--- Permissions for a column go with it.
function M.clear(work, logical, column)
  local t = schema.tables.fieldpermission
  for _, row in ipairs(work:find(t, "attributelogicalname", column)) do
    if row.entityname == logical then work:drop(t, row[t.id]) end
  end
end

return M

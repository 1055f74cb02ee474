-- The field security part of `cosell provision`, an option: the columns that only this program is
-- to write are secured, so that nobody else can, on no form and over no interface.  Two profiles
-- say who may: the application user writes, everybody reads.
-- Permissions are given when the secured columns are published; once a profile of ours is there,
-- what an interrupted run left is finished whether the option is given again or not.  It must never
-- secure a column that this program did not make.
local definitions = require "definitions"
local dynamics = require "dynamics"
local journal = require "provision_journal"

local M = {}

local ALLOWED, REFUSED = 4, 0
local KINDS = { "write", "read" }
local PROFILES = {
  write = { name = "cosell: who writes", about = "The application user of cosell", can = ALLOWED,
    members = "systemuserprofiles_association", set = "systemusers", key = "systemuserid" },
  read = { name = "cosell: who reads", about = "Everybody: the default teams", can = REFUSED,
    members = "teamprofiles_association", set = "teams", key = "teamid" },
}

local function what_of(kind)
  return "field security profile " .. PROFILES[kind].name
end

-- ---- What there is ----

local function profile(kind)
  local rows, err = definitions.list("look for the field security profile",
    "fieldsecurityprofiles", "fieldsecurityprofileid", ("name eq '%s'"):format(PROFILES[kind].name))
  if not rows then
    return nil, err
  end
  return rows[1] and rows[1].fieldsecurityprofileid or false
end

-- Of a list of rows one member, or nil, err.
local function each(name, rows, err)
  local out = rows and {}
  for i, row in ipairs(rows or {}) do
    out[i] = row[name]
  end
  return out, err
end

local function wanted_members(kind)
  if kind == "write" then
    local who, err = dynamics.whoami()
    return who and { who.user }, err
  end
  return each("teamid", definitions.list("read the default teams", "teams", "teamid",
    "isdefault eq true"))
end

-- Who is to be in a profile and is not.
local function members_lacking(kind, id)
  local p = PROFILES[kind]
  local wanted, err = wanted_members(kind)
  local there = wanted and {}
  if there and id then
    there, err = each(p.key, definitions.list("read who is in the profile",
      ("fieldsecurityprofiles(%s)/%s"):format(id, p.members), p.key))
  end
  if not there then
    return nil, err
  end
  local known, out = {}, {}
  for _, one in ipairs(there) do
    known[one] = true
  end
  for _, one in ipairs(wanted) do
    out[#out + 1] = not known[one] and one or nil
  end
  return out
end

local function secured_in(logical)
  local names, err = each("LogicalName", definitions.list("read which columns are secured",
    ("EntityDefinitions(LogicalName='%s')/Attributes"):format(logical), "LogicalName",
    "IsSecured eq true"))
  local out = names and {}
  for _, name in ipairs(names or {}) do
    out[name] = true
  end
  return out, err
end

-- The columns that are ours alone: made here, to be made, or secured by what came here.
local function columns_of(w)
  local made, out = journal.made(), {}
  for _, t in ipairs(w.wanted) do
    local meta = t.standard and w.metas[t.name]
    local secured, err = {}, nil
    if meta then
      secured, err = secured_in(t.name)
    end
    if not secured then
      return nil, err
    end
    for _, c in ipairs(meta and t.columns or {}) do
      local ours = secured[c.name] or made[("column %s.%s"):format(t.name, c.name)] or
        not meta.columns[c.name] and not c.given
      if c.locked and ours then
        out[#out + 1] = { table = t.name, name = c.name, type = c.type, secured = secured[c.name] }
      end
    end
  end
  return out
end

local function permissions_lacking(columns, id)
  local rows, err = {}, nil
  if id then
    rows, err = definitions.list("read who may write the columns", "fieldpermissions",
      "entityname,attributelogicalname", ("_fieldsecurityprofileid_value eq %s"):format(id))
  end
  if not rows then
    return nil, err
  end
  local there, out = {}, {}
  for _, row in ipairs(rows) do
    there[row.entityname .. "." .. row.attributelogicalname] = true
  end
  for _, c in ipairs(columns) do
    out[#out + 1] = not there[c.table .. "." .. c.name] and c or nil
  end
  return out
end

-- ---- Steps ----

local function profile_step(kind, solution)
  local p = PROFILES[kind]
  return { did = "made", what = what_of(kind), text = ("field security profile \"%s\""):format(
    p.name), run = function()
      return definitions.write { doing = "make the field security profile", method = "POST",
        path = "fieldsecurityprofiles", solution = solution, body = { name = p.name,
          description = p.about }, there = function() return profile(kind) end }
    end }
end

-- Who is in a profile is no part of a solution.
local function members_step(kind, count)
  local p = PROFILES[kind]
  return { did = "changed", what = "members of " .. what_of(kind), outside = true,
    text = ("profile \"%s\" gets %s"):format(p.name, kind == "write" and "this application user" or
      ("%d default team%s"):format(count, count == 1 and "" or "s")),
    run = function()
      local id, err = profile(kind)
      local lacking
      if id then
        lacking, err = members_lacking(kind, id)
      end
      for _, one in ipairs(lacking or {}) do
        local ok
        ok, err = definitions.write { doing = "put members into the profile", method = "POST",
          path = ("fieldsecurityprofiles(%s)/%s/$ref"):format(id, p.members),
          body = { ["@odata.id"] = ("%s/api/data/v9.2/%s(%s)"):format(host.profile.crm_url, p.set,
            one) } }
        if not ok then
          return nil, err
        end
      end
      return lacking and true, err
    end }
end

local function secure_step(c, solution)
  local at = ("EntityDefinitions(LogicalName='%s')/Attributes(LogicalName='%s')"):format(c.table,
    c.name) .. "/Microsoft.Dynamics.CRM." .. c.type .. "AttributeMetadata"
  return { did = "changed", what = ("security of %s.%s"):format(c.table, c.name), table = c.table,
    text = ("column %s.%s is secured"):format(c.table, c.name),
    run = function()
      local doc, err = definitions.get("read the column " .. c.name, at)
      if not doc then
        return nil, err
      end
      doc["@odata.context"], doc.IsSecured = nil, true
      return definitions.write { doing = "secure the column " .. c.name, method = "PUT", path = at,
        body = doc, headers = { ["MSCRM.MergeLabels"] = "true" }, solution = solution }
    end }
end

local function permission(kind, id, c, solution)
  local p = PROFILES[kind]
  return definitions.write { doing = "give the permission for " .. c.name, method = "POST",
    path = "fieldpermissions", solution = solution, body = { entityname = c.table,
      attributelogicalname = c.name, canread = ALLOWED, cancreate = p.can, canupdate = p.can,
      ["fieldsecurityprofileid@odata.bind"] = ("/fieldsecurityprofiles(%s)"):format(id) } }
end

-- The service takes permissions for a column that is secured and published.
local function permissions_step(w, kind, count, solution)
  return { did = "changed", what = "permissions of " .. what_of(kind), after = true,
    text = ("profile \"%s\" may %s %d columns"):format(PROFILES[kind].name, kind, count),
    run = function()
      local id, err = profile(kind)
      local columns, lacking
      if id then
        columns, err = columns_of(w)
      end
      if columns then
        lacking, err = permissions_lacking(columns, id)
      end
      for _, c in ipairs(lacking or {}) do
        local ok
        ok, err = permission(kind, id, c, solution)
        if not ok then
          return nil, err
        end
      end
      return lacking and true, err
    end }
end

local function steps_for(w, kind, id, columns, solution)
  local members, err = members_lacking(kind, id)
  if not members then
    return nil, err
  end
  local permissions, bad = permissions_lacking(columns, id)
  if not permissions then
    return nil, bad
  end
  return { not id and profile_step(kind, solution), #members > 0 and
    members_step(kind, #members), #permissions > 0 and
    permissions_step(w, kind, #permissions, solution) }
end

-- What is to be done, in the order in which the service takes it.
local function in_order(w, ids, columns, solution)
  local first, after = {}, {}
  for _, kind in ipairs(KINDS) do
    local steps, err = steps_for(w, kind, ids[kind], columns, solution)
    if not steps then
      return nil, err
    end
    for _, step in ipairs(steps) do -- false: nothing to do there
      if step then
        table.insert(step.after and after or first, step)
      end
    end
  end
  for _, c in ipairs(columns) do
    first[#first + 1] = not c.secured and secure_step(c, solution) or nil
  end
  return table.move(after, 1, #after, #first + 1, first)
end

---What is to be done for field security.  (suspends)
---@param w table  ProvisionWorld
---@param solution string
---@return table[]|nil steps, table|nil err
function M.steps(w, solution)
  local ids = {}
  for _, kind in ipairs(KINDS) do
    local err
    ids[kind], err = profile(kind)
    if ids[kind] == nil then
      return nil, err
    end
  end
  if not (w.secure or ids.write or ids.read) then
    return {}
  end
  local columns, err = columns_of(w)
  if not columns then
    return nil, err
  end
  return in_order(w, ids, columns, solution)
end

---What goes: the profiles that were made here, with their permissions.  (suspends)
---@param made table  of the journal
---@return table[]|nil steps, table|nil err
function M.removal(made)
  local out = {}
  for _, kind in ipairs(KINDS) do
    local id, err = profile(kind)
    if id == nil then
      return nil, err
    end
    out[#out + 1] = id and made[what_of(kind)] and { did = "removed", what = what_of(kind),
      text = ("field security profile \"%s\""):format(PROFILES[kind].name), run = function()
        return definitions.write { doing = "take away the field security profile",
          method = "DELETE", path = ("fieldsecurityprofiles(%s)"):format(id) }
      end } or nil
  end
  return out
end

return M

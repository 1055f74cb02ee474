-- The forms part of `cosell provision`: our section on the main forms of the tables that sellers
-- see.  A form on which an administrator has put the fields himself is left as it is.
-- It must never change anything of a form but our section.
local crm_forms = require "crm_forms"
local definitions = require "definitions"
local dynamics = require "dynamics"

local M = {}

local MAIN = 2 -- the type of form on which a row is worked with
M.order = { "opportunity", "lead", "solutions", "catalogue" }

---The main forms of a table: { formid =, name =, formxml = }.  (suspends)
---@param logical string
---@return table[]|nil, table|nil err
function M.of(logical)
  return definitions.list("read the forms of " .. logical, "systemforms", "formid,name,formxml",
    ("objecttypecode eq '%s' and type eq %d"):format(logical, MAIN))
end

-- The columns for the section, of those that stand; the first one is its mark on foreign sections.
local function fields_of(w, role, meta)
  local t, out = w.by_role[role], {}
  for _, wanted in ipairs(crm_forms.fields[role]) do
    for _, c in ipairs(t.columns) do
      local there = meta and meta.columns[c.name]
      local kind = there and there.type or not meta and c.type
      local fits = kind and (kind == c.type or kind == c.or_type) and crm_forms.shown(kind)
      if c.role == wanted and fits then
        out[#out + 1] = setmetatable({ type = kind }, { __index = c })
      end
    end
  end
  return out
end

-- The forms that have neither our section nor fields of somebody else's; one that was named is
-- the sellers', of a standard table.
local function lacking(rows, w, t, key)
  local out = {}
  for _, row in ipairs(rows) do
    local xml = type(row.formxml) == "string" and row.formxml or ""
    local meant = w.forms == true or not t.standard or row.name:lower() == w.forms:lower()
    if meant and not crm_forms.has(xml) and not crm_forms.shows(xml, key) then
      out[#out + 1] = row
    end
  end
  return out
end

-- The list of solutions in the section of a deal.
local function grid_of(w)
  local t = w.by_role.solutions
  local views, err = definitions.list("read the views of " .. t.name, "savedqueries",
    "savedqueryid,isdefault", ("returnedtypecode eq '%s' and querytype eq 0"):format(t.name))
  if not views then
    return nil, err
  end
  local view = views[1]
  for _, one in ipairs(views) do
    view = one.isdefault == true and one or view
  end
  local parent = t.columns[1]
  local relations
  relations, err = dynamics.relations("opportunity")
  if not relations then
    return nil, err
  end
  local name = parent.relation
  for _, r in ipairs(relations) do
    name = r.referencing == t.name and r.column == parent.name and r.name or name
  end
  return view and { table = t.name, relation = name, view = view.savedqueryid, label = t.plural }
    or false
end

local function put_section(w, role, row, fields, solution)
  local grid, err = false, nil
  if role == crm_forms.with_solutions then
    grid, err = grid_of(w)
  end
  if grid == nil then
    return nil, err
  end
  local section = crm_forms.section(row.formid, fields, grid or nil, w.language)
  local xml = crm_forms.insert(row.formxml, section)
  if not xml then
    return nil, { kind = "config", text = ("the form \"%s\" has no place for a section: give "
      .. "--no-form, and put the columns on a form in the CRM"):format(row.name) }
  end
  return definitions.write { doing = ("change the form \"%s\""):format(row.name), method = "PATCH",
    path = ("systemforms(%s)"):format(row.formid), body = { formxml = xml }, solution = solution,
    headers = { ["If-Match"] = "*" } }
end

local function run(w, role, solution)
  local t = w.by_role[role]
  local meta, err = dynamics.table_anew(t.name, true)
  local rows
  if meta then
    rows, err = M.of(t.name)
  end
  if not rows then
    return nil, err
  end
  local fields = fields_of(w, role, meta)
  for _, row in ipairs(#fields > 0 and lacking(rows, w, t, fields[1].name) or {}) do
    local ok
    ok, err = put_section(w, role, row, fields, solution)
    if not ok then
      return nil, err
    end
  end
  return true
end

local function names_of(rows)
  local out = {}
  for i, row in ipairs(rows) do
    out[i] = '"' .. row.name .. '"'
  end
  return table.concat(out, ", ")
end

local function step(w, role, rows, solution)
  local t = w.by_role[role]
  local grid = role == crm_forms.with_solutions and " and the list of solutions" or ""
  return { did = "made", what = "section on the form of " .. t.name, table = t.name,
    text = ("section \"%s\" on the form %s of %s: %d fields%s"):format(crm_forms.TITLE[1],
      rows and names_of(rows) or "", t.name, #fields_of(w, role), grid)
      :gsub("form  of", "form of"),
    run = function() return run(w, role, solution) end }
end

---What is to be done to the forms.  (suspends)
---@param w table  ProvisionWorld
---@param solution string
---@return table[]|nil steps, table|nil err
function M.steps(w, solution)
  local out, known = {}, {}
  for _, role in ipairs(w.forms and M.order or {}) do
    local t = w.by_role[role]
    local meta = w.metas[t.name]
    if meta then
      local rows, err = M.of(t.name)
      if not rows then
        return nil, err
      end
      table.move(rows, 1, t.standard and #rows or 0, #known + 1, known)
      local fields = fields_of(w, role)
      local left = lacking(rows, w, t, fields[1].name)
      out[#out + 1] = #left > 0 and step(w, role, left, solution) or nil
    elseif not t.standard then
      out[#out + 1] = step(w, role, nil, solution)
    end
  end
  if type(w.forms) == "string" then
    for _, row in ipairs(known) do
      if row.name:lower() == w.forms:lower() then
        return out
      end
    end
    return nil, { kind = "config", text = ("no form is called \"%s\"; there are: %s"):format(
      w.forms, names_of(known)) }
  end
  return out
end

return M

-- Takes away what `cosell provision` made in the CRM: what stands in this program's solution and,
-- as the journal of this state says, was made here.  Sections leave their forms first, then columns
-- go, then tables, at last the solution.
-- It must never touch what was there before, nor what somebody else made: both proofs are wanted.
local crm_forms = require "crm_forms"
local definitions = require "definitions"
local forms = require "provision_forms"
local journal = require "provision_journal"
local provision = require "provision"
local security = require "provision_security"

local M = {}

local FORM = 60 -- the kind of component

local function address(logical)
  return "EntityDefinitions(LogicalName='" .. logical .. "')"
end

-- What is in our solution: kind by id; nothing where there is no solution of ours that is open.
local function components(w)
  local out = {}
  if not w.solution or w.solution.ismanaged then
    return out
  end
  local rows, err = definitions.list("read what is in the solution " .. provision.SOLUTION,
    "solutioncomponents", "objectid,componenttype",
    ("_solutionid_value eq %s"):format(w.solution.solutionid))
  for _, row in ipairs(rows or {}) do
    out[row.objectid:lower()] = row.componenttype
  end
  return rows and out or nil, err
end

-- The ids of a table's definition, of its columns and of the relationships behind its look-ups.
local function ids_of(t)
  local about, err = definitions.get("read the table " .. t.name,
    address(t.name) .. "?$select=LogicalName")
  local rows, relations
  if about then
    rows, err = definitions.list("read the columns of " .. t.name, address(t.name)
      .. "/Attributes", "LogicalName")
  end
  if rows then
    relations, err = definitions.list("read the look-ups of " .. t.name, address(t.name)
      .. "/ManyToOneRelationships", "ReferencingAttribute")
  end
  if not relations then
    return nil, err
  end
  local out = { table = about.MetadataId, columns = {}, relations = {} }
  for _, row in ipairs(rows) do
    out.columns[row.LogicalName] = row.MetadataId
  end
  for _, row in ipairs(relations) do
    out.relations[row.ReferencingAttribute] = row.MetadataId
  end
  return out
end

-- ---- What goes ----

local function delete(what, path, text)
  return { did = "removed", what = what, text = text or what, run = function()
    return definitions.write { doing = "take away the " .. what, method = "DELETE", path = path }
  end }
end

-- A section leaves the forms of one table.
local function section_step(t, rows)
  return { did = "removed", what = "section on the form of " .. t.name, table = t.name,
    text = ("section \"%s\" on %d form%s of %s"):format(crm_forms.TITLE[1], #rows,
      #rows == 1 and "" or "s", t.name),
    run = function()
      for _, row in ipairs(rows) do
        local ok, err = definitions.write { doing = ("change the form \"%s\""):format(row.name),
          method = "PATCH", path = ("systemforms(%s)"):format(row.formid),
          headers = { ["If-Match"] = "*" }, body = { formxml = crm_forms.remove(row.formxml) } }
        if not ok then
          return nil, err
        end
      end
      return true
    end }
end

local function sections(w, goes, made)
  local out = {}
  for _, role in ipairs(forms.order) do
    local t = w.by_role[role]
    local rows, err = {}, nil
    local put = made["section on the form of " .. t.name]
    if put and w.metas[t.name] and not goes["table " .. t.name] then
      rows, err = forms.of(t.name)
    end
    if not rows then
      return nil, err
    end
    local ours = {}
    for _, row in ipairs(rows) do
      ours[#ours + 1] = crm_forms.has(row.formxml or "") and row or nil
    end
    out[#out + 1] = #ours > 0 and section_step(t, ours) or nil
  end
  return out
end

-- A table with all its rows.
local function table_step(w, t)
  local n, err = definitions.count(w.metas[t.name].set)
  if not n then
    return nil, err
  end
  return delete("table " .. t.name, address(t.name), ("table %s with its %d row%s"):format(t.name,
    n, n == 1 and "" or "s"))
end

local function column_step(t, c, ids)
  local what = ("column %s.%s"):format(t.name, c.name)
  if c.target then
    return delete(what, ("RelationshipDefinitions(%s)"):format(ids.relations[c.name]))
  end
  return delete(what, ("%s/Attributes(LogicalName='%s')"):format(address(t.name), c.name))
end

-- Columns of tables that stay, then tables, last made first gone.
local function defined(w, inside, made)
  local columns, tables, goes = {}, {}, {}
  for _, t in ipairs(w.wanted) do
    local ids, err = w.metas[t.name] and ids_of(t), nil
    if w.metas[t.name] and not ids then
      ids, err = ids_of(t)
    end
    if err then
      return nil, err
    end
    local function ours(what, id)
      return id and inside[id:lower()] and made[what]
    end
    if ids and ours("table " .. t.name, ids.table) then
      local step
      step, err = table_step(w, t)
      if not step then
        return nil, err
      end
      goes["table " .. t.name] = true
      table.insert(tables, 1, step)
    else
      for _, c in ipairs(ids and t.columns or {}) do
        if ours(("column %s.%s"):format(t.name, c.name), ids.columns[c.name]) then
          columns[#columns + 1] = column_step(t, c, ids)
        end
      end
    end
  end
  return columns, tables, goes
end

-- Whether nothing of others is in our solution; forms are, since their section was, and stay in the
-- CRM without it.
local function emptied(w)
  local inside, err = components(w)
  for _, kind in pairs(inside or {}) do
    if kind ~= FORM then
      return false
    end
  end
  return inside and true, err
end

local function own_rows(w, made)
  local out = {}
  if w.solution and not w.solution.ismanaged and made["solution " .. provision.SOLUTION] then
    out[#out + 1] = delete("solution " .. provision.SOLUTION,
      ("solutions(%s)"):format(w.solution.solutionid))
  end
  if w.publisher and made["publisher " .. provision.PUBLISHER] then
    out[#out + 1] = delete("publisher " .. provision.PUBLISHER,
      ("publishers(%s)"):format(w.publisher.publisherid))
  end
  return out
end

---@class RemovalPlan
---@field steps table[]
---@field publish integer|nil  behind which step the forms are published
---@field tables string[]  of these

---What would be taken away, in its order.  (suspends)
---@param w table  ProvisionWorld
---@return RemovalPlan|nil, table|nil err
function M.plan(w)
  local inside, err = components(w)
  if not inside then
    return nil, err
  end
  local made = journal.made()
  local columns, tables, goes = defined(w, inside, made)
  if not columns then
    return nil, tables
  end
  local first
  first, err = sections(w, goes, made)
  if not first then
    return nil, err
  end
  local plan = { steps = first, tables = {}, publish = #first > 0 and #first or nil }
  for i, step in ipairs(first) do
    plan.tables[i] = step.table
  end
  local secured
  secured, err = security.removal(made)
  if not secured then
    return nil, err
  end
  for _, list in ipairs { secured, columns, tables, own_rows(w, made) } do
    table.move(list, 1, #list, #plan.steps + 1, plan.steps)
  end
  return plan
end

-- ---- Taking away ----

local OWN = { ["solution " .. provision.SOLUTION] = true,
  ["publisher " .. provision.PUBLISHER] = true }

-- The solution and its publisher stay while there is something of others in it.
local function held(w, step)
  if OWN[step.what] and w.emptied == nil then
    local err
    w.emptied, err = emptied(w)
    if w.emptied == nil then
      return nil, err
    end
  end
  return OWN[step.what] and not w.emptied or false
end

---Takes away what is planned.  (suspends)
---@param w table
---@param plan RemovalPlan
---@param progress fun(done: integer, total: integer, said: string)
---@return integer|nil removed, table|nil err
function M.apply(w, plan, progress)
  local removed = 0
  for i, step in ipairs(plan.steps) do
    progress(i - 1, #plan.steps, step.text)
    local stays, err = held(w, step)
    if not stays then
      local ok
      if stays == false then
        ok, err = step.run()
      end
      if ok and i == plan.publish then
        ok, err = definitions.publish(plan.tables)
      end
      if not ok then
        err.done, err.step = removed, step.text
        return nil, err
      end
      journal.note("removed", step.what)
      removed = removed + 1
    end
  end
  progress(#plan.steps, #plan.steps, "done")
  return removed
end

return M

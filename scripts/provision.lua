-- Makes in the CRM what crm_schema.lua wants and what is missing: first looks, then plans, then
-- makes one thing after the other and publishes once.  What stands already is adopted as it is; a
-- column that is another is named and left alone.  How far an interrupted run came is read from the
-- CRM, so every run begins the same way.
-- It must never change or remove what it did not make (provision_remove.lua takes away), nor give
-- the identifier a key: a copied opportunity could not be saved.
local definitions = require "definitions"
local dynamics = require "dynamics"
local forms = require "provision_forms"
local journal = require "provision_journal"
local lists = require "lists"
local schema = require "crm_schema"
local security = require "provision_security"
local steps_of = require "provision_steps"

local M = { SOLUTION = steps_of.SOLUTION, PUBLISHER = steps_of.PUBLISHER }

local ENGLISH = 1033

local function config(text, ...)
  return nil, { kind = "config", text = text:format(...) }
end

-- ---- Looking ----

-- The language of the CRM; who may not read it speaks English.
local function language_of()
  local row, err = lists.organization()
  if not row and err.kind ~= "remote" then
    return nil, err
  end
  return row and math.tointeger(row.language) or ENGLISH
end

-- The definitions of the tables that are there.
local function metas_of(wanted)
  local out = {}
  for _, t in ipairs(wanted) do
    local meta, err = dynamics.table_anew(t.name, true)
    if not meta and err.kind ~= "absent" then
      return nil, err
    end
    out[t.name] = meta
  end
  return out
end

---@class ProvisionWorld
---@field language integer
---@field publisher table|false
---@field solution table|false
---@field wanted table[]  of crm_schema.lua, under the names of this CRM
---@field metas table<string, table>
---@field by_role table<string, table>  the wanted tables that have one
---@field forms boolean|string  whether sections are wanted, or on which form alone
---@field secure boolean  whether field security is wanted

---What the CRM has of all this.  (suspends)
---@param o { forms: boolean|string, secure: boolean }
---@return ProvisionWorld|nil, table|nil err
function M.look(o)
  local w, err = { forms = o.forms, secure = o.secure }
  for _, part in ipairs { { "language", language_of }, { "publisher", steps_of.publisher },
    { "solution", steps_of.solution } } do
    w[part[1]], err = part[2]()
    if w[part[1]] == nil then
      return nil, err
    end
  end
  local found
  found, err = lists.solutions(steps_of.PREFIX .. "_")
  if not found and err.kind ~= "config" then
    return nil, err
  end
  local opportunity = dynamics.table_anew("opportunity", true)
  w.wanted, w.by_role = schema.wanted(host.profile.columns, found, opportunity), {}
  for _, t in ipairs(w.wanted) do
    w.by_role[t.role or t.name] = t
  end
  w.metas, err = metas_of(w.wanted)
  if not w.metas then
    return nil, err
  end
  return w
end

-- ---- Planning ----

-- What is made in the solution; a table that is not there has its columns made with it.
local function defining(w, missing)
  local out, lacks = {}, {}
  for _, m in ipairs(missing) do
    lacks[m.table .. " " .. m.what .. " " .. (m.column or "")] = true
  end
  for _, t in ipairs(w.wanted) do
    local new = lacks[t.name .. " table "] and not t.standard
    if new then
      out[#out + 1] = steps_of.table_step(w, t)
    end
    for _, c in ipairs(t.columns) do
      if not c.given and (new or lacks[("%s column %s"):format(t.name, c.name)]) then
        out[#out + 1] = steps_of.column_step(w, t, c)
      end
    end
  end
  return out
end

local function tracking(w, missing)
  local out = {}
  for _, m in ipairs(missing) do
    for _, t in ipairs(m.what == "tracking" and w.wanted or {}) do
      out[#out + 1] = t.name == m.table and steps_of.tracking_step(t) or nil
    end
  end
  return out
end

-- ---- What is in the way ----

local ELSE = "it is left as it is. Name another column as columns.%s in the profile, or remove it "
  .. "in the CRM; then provision again"
local WORDS = {
  type = function(m) return ("is of type %s, not %s"):format(m.found, m.wanted) end,
  length = function(m) return ("holds %d characters, at least %d are needed"):format(m.found,
    m.wanted) end,
  target = function(m) return ("leads to %s, not to %s"):format(m.found or "nothing",
    m.wanted) end,
  options = function(m) return ("lacks the options \"%s\""):format(table.concat(m.wanted,
    '", "')) end,
}
local REMEDY = {
  length = "raise its length in the CRM",
  options = "add them in the CRM with these labels",
}

-- The table and the column that are meant.
local function meant(w, m)
  for _, t in ipairs(w.wanted) do
    for _, c in ipairs(t.name == m.table and t.columns or {}) do
      if c.name == m.column then
        return t, c
      end
    end
    if t.name == m.table and not m.column then
      return t
    end
  end
end

---@class ProvisionObstacle
---@field needed boolean  without it deals do not travel
---@field text string

---What keeps a CRM from doing and is not made: what it is, and what to do.
---@param w ProvisionWorld
---@param m table  of crm_schema.missing
---@return ProvisionObstacle|nil
function M.obstacle(w, m)
  local t, c = meant(w, m)
  local said
  if m.what == "table" and t.standard then
    said = ("the CRM has no table %s: Dynamics 365 Sales brings it"):format(m.table)
  elseif m.what == "column" and c.given then
    said = ("%s has no column %s, which the profile names as columns.%s: make it, or name another")
      :format(m.table, m.column, c.role)
  elseif WORDS[m.what] then
    local remedy = REMEDY[m.what] or t.standard and ELSE:format(c.role) or
      "it is left as it is. Remove it in the CRM, then provision again"
    said = ("%s.%s %s: %s"):format(m.table, m.column, WORDS[m.what](m), remedy)
  end
  return said and { needed = m.needed, text = said } or nil
end

---@class ProvisionPlan
---@field steps ProvisionStep[]
---@field obstacles ProvisionObstacle[]
---@field adopted string[]  tables with what stands in them
---@field publish integer|nil  in front of which step all is published

local function append(to, from)
  table.move(from, 1, #from, #to + 1, to)
end

-- Tables that stand, in words.
local function adopted(w, missing)
  local out, lacking = {}, {}
  for _, m in ipairs(missing) do
    lacking[m.table] = (lacking[m.table] or 0) + (m.what == "column" and 1 or 0)
  end
  for _, t in ipairs(w.wanted) do
    local there = #t.columns - (lacking[t.name] or 0)
    if w.metas[t.name] and (there > 0 or not t.standard) then
      out[#out + 1] = t.name .. (#t.columns > 0 and (": %d of %d columns"):format(there, #t.columns)
        or "")
    end
  end
  return out
end

local function lower(a, b)
  local x, y = a:gmatch("%d+"), b:gmatch("%d+")
  for _ = 1, 4 do
    local m, n = tonumber(x() or 0), tonumber(y() or 0)
    if m ~= n then
      return m < n
    end
  end
  return false
end

-- Publisher and solution, where something is to be put in.
local function around(w)
  local out = {}
  out[1] = not w.publisher and steps_of.publisher_step(w) or nil
  if not w.solution then
    out[#out + 1] = steps_of.solution_step(w)
  elseif lower(w.solution.version, steps_of.VERSION) then
    out[#out + 1] = steps_of.version_step(w)
  end
  return out
end

-- The parts of a plan that belong to the solution, in their order.
local function inside_of(w, missing, plan)
  local out = defining(w, missing)
  local locked = w.solution and w.solution.ismanaged
  if locked and out[1] then
    return config("the solution %s came into this CRM as a managed one and lacks %s: provision "
      .. "where it was exported, export again and import that", M.SOLUTION, out[1].what)
  end
  for _, part in ipairs { forms, security } do
    local steps, err = part.steps(w, M.SOLUTION)
    if not steps then
      return nil, err
    end
    for _, step in ipairs(steps) do
      if locked and not step.outside then
        plan.obstacles[#plan.obstacles + 1] = { needed = false, text = step.text .. ": left out, "
          .. "since the solution came into this CRM as a managed one" }
      else
        out[#out + 1] = step
      end
    end
  end
  return out
end

---What is to be made.  (suspends: it reads the forms)
---@param w ProvisionWorld
---@return ProvisionPlan|nil, table|nil err
function M.plan(w)
  if w.publisher and w.publisher.customizationprefix ~= steps_of.PREFIX then
    return config("the CRM has a publisher %s with the prefix %s, not %s: rename it in the CRM",
      M.PUBLISHER, w.publisher.customizationprefix, steps_of.PREFIX)
  end
  if not w.metas.opportunity then
    return config "the CRM has no opportunities: install Dynamics 365 Sales first"
  end
  local missing = schema.missing(w.metas, w.wanted)
  local plan = { steps = {}, obstacles = {}, adopted = adopted(w, missing) }
  for _, m in ipairs(missing) do
    plan.obstacles[#plan.obstacles + 1] = M.obstacle(w, m)
  end
  local inside, err = inside_of(w, missing, plan)
  if not inside then
    return nil, err
  end
  local before, after = {}, {}
  for _, step in ipairs(inside) do
    table.insert(step.after and after or before, step)
  end
  local solution = #inside > 0 and not (w.solution and w.solution.ismanaged) and around(w) or {}
  append(plan.steps, solution)
  append(plan.steps, before)
  append(plan.steps, tracking(w, missing))
  plan.publish = (#plan.steps > 0 or journal.unpublished()) and #plan.steps + 1 or nil
  append(plan.steps, after)
  return plan
end

-- ---- Making ----

-- Definite refusals leave nothing behind; after another error nobody knows.
local REFUSED = { remote = true, config = true, data = true, auth = true, conflict = true }

local function make(step)
  journal.note(step.did, step.what, not step.after or nil, true)
  local ok, err = step.run()
  if not ok and REFUSED[err.kind] then
    journal.take_back(step.did, step.what)
  end
  return ok, err
end

-- All tables of ours that stand: an earlier run may not have come to publish.
local function publish(w)
  local names = {}
  for _, t in ipairs(w.wanted) do
    if w.metas[t.name] or not t.standard then
      names[#names + 1] = t.name
    end
  end
  local ok, err = definitions.publish(names)
  if ok then
    journal.note("published", "all of it", false)
  end
  return ok, err
end

-- The steps with publishing among them.
local function in_order(w, plan)
  local out = table.move(plan.steps, 1, #plan.steps, 1, {})
  if plan.publish then
    table.insert(out, plan.publish, { text = "publish", publish = true,
      run = function() return publish(w) end })
  end
  return out
end

---Does all that is planned.  (suspends)
---@param w ProvisionWorld
---@param plan ProvisionPlan
---@param progress fun(done: integer, total: integer, said: string)
---@return integer|nil made, table|nil err  err.done: how many were made before it
function M.apply(w, plan, progress)
  local steps = in_order(w, plan)
  for i, step in ipairs(steps) do
    progress(i - 1, #steps, step.text)
    local ok, err
    if step.publish then
      ok, err = step.run()
    else
      ok, err = make(step)
    end
    if not ok then
      err.done, err.step = i - 1, step.text
      return nil, err
    end
  end
  progress(#steps, #steps, "done")
  local fresh, bad = metas_of(w.wanted) -- what a host that runs goes on with
  return fresh and #steps, bad
end

return M

-- The single steps of `cosell provision`: publisher, solution, table, column, tracking; each with
-- what it is called in the journal, what people read, and the call that does it.
-- It must never decide whether a step is needed.
local bodies = require "crm_bodies"
local definitions = require "definitions"

local M = { PUBLISHER = "cosell", SOLUTION = "cosell", PREFIX = "msft", VERSION = "1.0.0.0" }

local OPTION_PREFIX = bodies.FIRST_OPTION // 10000

local function config(text, ...)
  return nil, { kind = "config", text = text:format(...) }
end

-- A row by its unique name, or false.
local function named(set, name, select)
  local rows, err = definitions.list("look for the " .. set .. " of this program", set, select,
    ("uniquename eq '%s'"):format(name))
  if not rows then
    return nil, err
  end
  return rows[1] or false
end

---Our publisher, or false.  (suspends)
function M.publisher()
  return named("publishers", M.PUBLISHER, "publisherid,customizationprefix")
end

---Our solution, or false.  (suspends)
function M.solution()
  return named("solutions", M.SOLUTION, "solutionid,version,ismanaged")
end

---@class ProvisionStep
---@field did "made"|"changed"
---@field what string  by this name it stands in the journal
---@field text string  for people
---@field run fun(): any, table|nil
---@field table string|nil  the table to be published

local function address(logical)
  return "EntityDefinitions(LogicalName='" .. logical .. "')"
end

local function stands(path)
  return function()
    local doc, err = definitions.get("look whether it is made", path)
    if doc then
      return true
    end
    return nil, err.kind ~= "absent" and err or nil
  end
end

function M.publisher_step(w)
  return { did = "made", what = "publisher " .. M.PUBLISHER,
    text = ("publisher %s, prefix %s"):format(M.PUBLISHER, M.PREFIX),
    run = function()
      local ok, err = definitions.write { doing = "make the publisher", method = "POST",
        path = "publishers", there = M.publisher, body = { uniquename = M.PUBLISHER,
          friendlyname = "cosell", customizationprefix = M.PREFIX,
          customizationoptionvalueprefix = OPTION_PREFIX } }
      if ok then
        w.publisher, err = M.publisher()
      end
      return w.publisher or nil, err
    end }
end

function M.solution_step(w)
  return { did = "made", what = "solution " .. M.SOLUTION,
    text = ("solution %s, version %s"):format(M.SOLUTION, M.VERSION),
    run = function()
      return definitions.write { doing = "make the solution", method = "POST", path = "solutions",
        there = M.solution, body = { uniquename = M.SOLUTION, version = M.VERSION,
          friendlyname = "Deals shared with Microsoft (cosell)",
          ["publisherid@odata.bind"] = ("/publishers(%s)"):format(w.publisher.publisherid) } }
    end }
end

-- Another version of the table of what is wanted: elsewhere an import has to know.
function M.version_step(w)
  return { did = "changed", what = "version of solution " .. M.SOLUTION,
    text = ("solution %s: version %s → %s"):format(M.SOLUTION, w.solution.version, M.VERSION),
    run = function()
      return definitions.write { doing = "raise the solution's version", method = "PATCH",
        path = ("solutions(%s)"):format(w.solution.solutionid), headers = { ["If-Match"] = "*" },
        body = { version = M.VERSION } }
    end }
end

function M.table_step(w, t)
  return { did = "made", what = "table " .. t.name, table = t.name,
    text = ("table %s (%s)"):format(t.name, t.label[1]),
    run = function()
      return definitions.write { doing = "make the table " .. t.name, method = "POST",
        path = "EntityDefinitions", body = bodies.table(t, w.language), solution = M.SOLUTION,
        there = stands(address(t.name) .. "?$select=LogicalName") }
    end }
end

function M.column_step(w, t, c)
  local at = address(t.name) .. "/Attributes"
  local there = stands(("%s(LogicalName='%s')?$select=LogicalName"):format(at, c.name))
  local function run()
    if not c.target then
      return definitions.write { doing = ("make %s.%s"):format(t.name, c.name), method = "POST",
        path = at, body = bodies.column(c, w.language), solution = M.SOLUTION, there = there }
    end
    local target = w.metas[c.target]
    return definitions.write { doing = ("make %s.%s"):format(t.name, c.name), method = "POST",
      path = "RelationshipDefinitions", solution = M.SOLUTION, there = there,
      body = bodies.lookup(t, c, target and target.id or c.target .. "id", w.language) }
  end
  return { did = "made", what = ("column %s.%s"):format(t.name, c.name), table = t.name, run = run,
    text = ("column %s.%s (\"%s\", %s%s)"):format(t.name, c.name, c.label[1], c.type,
      c.target and " → " .. c.target or "") }
end

-- A definition is put back whole.
function M.tracking_step(t)
  local function run()
    local doc, err = definitions.get("read the table " .. t.name, address(t.name))
    local may = doc and doc.CanChangeTrackingBeEnabled
    if not doc then
      return nil, err
    elseif type(may) == "table" and may.Value == false then
      return config("change tracking of %s cannot be switched on in this CRM", t.name)
    end
    doc["@odata.context"], doc.ChangeTrackingEnabled = nil, true
    return definitions.write { doing = "track the changes of " .. t.name, method = "PUT",
      path = address(t.name), body = doc, headers = { ["MSCRM.MergeLabels"] = "true" } }
  end
  return { did = "changed", what = "change tracking of " .. t.name, table = t.name, run = run,
    text = "change tracking of " .. t.name .. " (it stays on for good)" }
end

return M

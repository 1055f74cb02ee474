-- What all writing of definitions in the practice CRM shares: changes that wait for the commit,
-- privileges, the answer to something made, solutions. Knows no kind of definition.
local define = require("sim.crm_define")
local rows = require("sim.crm_rows")
local solution = require("sim.crm_solution")
local refuse = require("sim.crm_schema").refuse

local M = {}

M.COMPONENT = { table = 1, column = 2, options = 9, relation = 10, key = 14 }

--- Notes a change for the commit of the request's work.
function M.change(rq, e)
  local now = rq.work.who.now
  rq.work:defer(function() define.change(now, e) end)
end

function M.may(rq, verb, what) rows.need(rq.work, verb, { schema = what, logical = what }) end

local function uri_of(rq, path, id) return rq.base .. path .. "(" .. id .. ")" end

function M.made(rq, kind, id, path)
  solution.add(rq, M.COMPONENT[kind], id)
  local uri = uri_of(rq, path, id)
  return function() return 204, { ["OData-EntityId"] = uri, Location = uri } end
end

function M.nothing() return 204, {} end

function M.merging(rq) return (rq.headers["mscrm.mergelabels"] or ""):lower() == "true" end

function M.managed(what)
  refuse(400, "0x8004F01F", "%s is part of a managed solution and cannot be deleted.", what)
end

--- Refuses the name of a column that is there.
function M.check_new_column(t, name)
  if t.columns[name] then
    refuse(400, "0x80047013", "An attribute with the specified name '%s' already exists for the "
      .. "entity '%s'.", name, t.logical)
  end
end

return M

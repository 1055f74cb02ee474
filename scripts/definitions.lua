-- The calls by which a CRM is defined: rows of its solutions and forms, definitions of tables and
-- columns, publishing, export.  They are slow, and one comes after the other.
-- Owns how long is waited and how often asked again.  It must never decide what is to be made.
local call = require "dynamics_call"
local text = require "text"

local M = {}

local TRIES, NET_MS, MOST_WAIT_MS = 5, 2000, 60 * 1000
-- What is there already was made by a call whose answer was lost.
local THERE = { ["0x80047013"] = true, ["0x8006088e"] = true, ["0x8004432b"] = true,
  ["0x80040237"] = true }
local LACKING = "0x80040220" -- a privilege
local NEEDS = "; provisioning needs the role System Customizer: give it to the application user, "
  .. "and take it back afterwards if you like"
local STRONG = { ["Consistency"] = "Strong" } -- past the service's caches

local function pause(err, try)
  local wait = err.kind == "busy" and err.wait_ms or NET_MS * try
  host.sleep(math.min(wait, MOST_WAIT_MS))
end

-- What a call answers, asked again while the CRM is busy or out of reach.
local function patient(ask)
  for try = 1, TRIES do
    local found, answer = ask()
    local again = not found and (answer.kind == "net" or answer.kind == "busy")
    if not again or try == TRIES then
      return found, answer
    end
    pause(answer, try)
  end
end

-- ---- Reading ----

---One thing, or nil with an err of kind "absent".  (suspends)
---@param doing string
---@param path string
---@return table|nil doc, table|nil err
function M.get(doing, path)
  return patient(function()
    return call.send(doing, { method = "GET", path = path, page = true,
      headers = call.headers(nil, STRONG) })
  end)
end

---A list.  (suspends)
---@param doing string
---@param set string
---@param select string
---@param filter string|nil
---@return table[]|nil, table|nil err
function M.list(doing, set, select, filter)
  local path = set .. "?$select=" .. select
  if filter then
    path = path .. "&$filter=" .. text.encode(filter)
  end
  local doc, err = patient(function()
    return call.send(doing, { method = "GET", path = path, page = true,
      headers = call.headers(nil, STRONG) }, "value")
  end)
  return doc and doc.value, err
end

---How many rows a table has, at most 5,000.  (suspends)
---@return integer|nil, table|nil err
function M.count(set)
  local doc, err = patient(function()
    return call.send("count the rows of " .. set, { method = "GET", page = true,
      path = set .. "?$top=1&$count=true" }, "value")
  end)
  return doc and math.tointeger(doc["@odata.count"]) or (doc and 0), err
end

-- ---- Writing ----

---@class Writing
---@field doing string
---@field method string
---@field path string
---@field body table|nil
---@field solution string|nil  the solution that what is made belongs to
---@field headers table|nil
---@field there nil|fun(): boolean|nil, table|nil  whether it is done, where an answer was lost

local function send(w)
  local headers = call.headers(nil, w.headers)
  headers["MSCRM.SolutionUniqueName"] = w.solution
  return call.send(w.doing, { method = w.method, path = w.path, headers = headers,
    body = w.body and json.encode(w.body) })
end

---Writes until it is written: a lost answer is looked after, not sent blindly again.  (suspends)
---@param w Writing
---@return table|true|nil answer, table|nil err
function M.write(w)
  for try = 1, TRIES do
    local answer, err = send(w)
    if answer or THERE[err.code] then
      return answer or true
    elseif w.method == "DELETE" and err.kind == "absent" then
      return true
    elseif err.code == LACKING then
      err.text = err.text .. NEEDS
      return nil, err
    elseif err.kind ~= "net" and err.kind ~= "busy" or try == TRIES then
      return nil, err
    end
    pause(err, try)
    local there, bad = nil, nil
    if err.kind == "net" and w.there then
      there, bad = w.there()
    end
    if there or bad then
      return there, bad
    end
  end
end

---Makes what was changed of these tables visible.  (suspends)
---@param tables string[]
---@return table|true|nil, table|nil err
function M.publish(tables)
  local names = {}
  for i, name in ipairs(tables) do
    names[i] = "<entity>" .. name .. "</entity>"
  end
  return M.write { doing = "publish what was made", method = "POST", path = "PublishXml",
    body = { ParameterXml = "<importexportxml><entities>" .. table.concat(names)
      .. "</entities></importexportxml>" } }
end

---The bytes of a solution as a managed one.  (suspends)
---@return string|nil bytes, table|nil err
function M.export(solution)
  local doc, err = M.write { doing = "export the solution " .. solution, method = "POST",
    path = "ExportSolution", body = { SolutionName = solution, Managed = true } }
  local file = type(doc) == "table" and doc.ExportSolutionFile
  local bytes = type(file) == "string" and host.crypto.unbase64(file)
  if doc and not bytes then
    err = { kind = "net", text = "the CRM answered without the solution's file" }
  end
  return bytes or nil, err
end

return M

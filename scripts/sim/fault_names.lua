-- The faults that have a name: what `cosell sim fault NAME` switches on, and `NAME off` and
-- `clear` lift. One row each: what it does, and which fault rows (faults.lua), switches
-- (switches.lua) or act stand behind it. Owns the set of names that are on, with what they
-- displaced.
local M = {}

local BOTH = { "partner", "crm" }
local WRITES = { "POST", "PATCH", "PUT", "DELETE" }

-- The same fault row for these services, and methods if only some are meant.
local function rows(services, texts, methods)
  local out = {}
  for _, service in ipairs(services) do
    for _, method in ipairs(methods or { false }) do
      local row = { always = "yes", method = method or nil }
      for key, text in pairs(texts) do row[key] = text end
      out[#out + 1] = { service, row }
    end
  end
  return out
end

---@class sim.named_fault
---@field name string
---@field text string what happens
---@field rows table[]|nil pairs of a service and the texts of a fault row
---@field switches table<string, string>|nil
---@field on nil|fun(server: table) what is done once, when it comes on
---@field off nil|fun(server: table)

local function each_token(collection, change)
  for _, row in ipairs(host.docs.find(collection, { most = 100000 })) do change(row) end
end

-- Which sign-ins were good before is kept with them, so that lifting gives back those alone.
local function revoke(server)
  each_token("refresh", function(row)
    if row.body.revoked then return end
    row.body.revoked, row.body.by_fault = true, true
    host.docs.put("refresh", row.id, row.body)
  end)
  server.tokens:act "token-expire"
end

local function grant_again()
  each_token("refresh", function(row)
    if not row.body.by_fault then return end
    row.body.revoked, row.body.by_fault = nil, nil
    host.docs.put("refresh", row.id, row.body)
  end)
end

local function expire_links(server)
  for name, t in pairs(require("sim.crm_schema").tables) do
    if t.tracked then server.crm.act("change-definition", { table = name }) end
  end
end

---@type sim.named_fault[]
M.table = {
  { name = "429", text = "five calls, then 429 until nobody calls for 2 s",
    rows = rows(BOTH, { limit = "5", retry_after = "2" }) },
  { name = "5xx", text = "every call is answered with 503",
    rows = rows(BOTH, { status = "503" }) },
  { name = "lost-answer", text = "a write is done, then its answer is lost",
    rows = rows(BOTH, { drop = "after" }, WRITES) },
  { name = "latency", text = "every answer takes half a second longer",
    rows = rows(BOTH, { delay_ms = "500" }) },
  { name = "cut-answers", text = "every answer ends in its middle",
    rows = rows(BOTH, { cut = "yes" }) },
  { name = "callbacks-twice", text = "each callback comes three times",
    switches = { delivery_copies = "3" } },
  { name = "callbacks-reordered", text = "callbacks of half a second come last first",
    switches = { delivery_order = "reversed" } },
  { name = "callbacks-lost", text = "callbacks are never sent",
    switches = { lose_callbacks = "true" } },
  { name = "callbacks-badly-signed", text = "callbacks are signed for another body",
    switches = { signature_fault = "bad" } },
  { name = "certificate-expired", text = "callbacks are signed with a certificate that has ended",
    switches = { signature_fault = "expired" } },
  { name = "token-revoked", text = "the sign-in is revoked; once lifted, start the host anew",
    on = revoke, off = grant_again },
  { name = "delta-expired", text = "all delta links given out so far have expired (once)",
    on = expire_links },
  { name = "read-lag", text = "reads lag behind writes by 3 s at Partner Center",
    switches = { read_lag_ms = "3000", stale_reads_ms = "3000" } },
}

--- The row of a name, or nil.
---@return sim.named_fault|nil
function M.find(name)
  for _, row in ipairs(M.table) do
    if row.name == name then return row end
  end
end

--- All names, for a suggestion.
function M.names()
  local out = {}
  for i, row in ipairs(M.table) do out[i] = row.name end
  return out
end

local function add_rows(server, fault, words)
  for _, pair in ipairs(fault.rows or {}) do
    local service, texts = pair[1], { name = fault.name }
    for key, text in pairs(pair[2]) do texts[key] = text end
    for key, text in pairs(words.texts) do texts[key] = text end
    if not words.service or words.service == service then
      local ok, problem = server.faults.add(service, texts)
      if not ok then return nil, problem end
    end
  end
  return true
end

-- "crm" or "partner" alone narrows a fault to that service, key=value changes its rows.
local function read(fault, words)
  local out = { texts = {} }
  for i = 2, #words do
    local key, value = tostring(words[i]):match("^([%w_]+)=(.*)$")
    if key then
      out.texts[key] = value
    elseif words[i] == "crm" or words[i] == "partner" then
      out.service = words[i]
    else
      return nil, ("fault %s: %s? (off, crm, partner or key=value)"):format(fault.name, words[i])
    end
  end
  if not fault.rows and (next(out.texts) or out.service) then
    return nil, ("fault %s: takes nothing but off"):format(fault.name)
  end
  return out
end

--- Lifts a fault; fine if it is not on.
function M.lift(server, fault)
  local before = server.faults_on[fault.name]
  if not before then return end
  server.faults_on[fault.name] = nil
  server.faults.remove(fault.name)
  for name, value in pairs(before) do server.switches.set(name, value) end
  if fault.off then fault.off(server) end
end

-- Two faults may want the same switch: the one before is lifted.
local function make_room(server, fault)
  for _, other in ipairs(M.table) do
    for name in pairs(other.switches or {}) do
      if (fault.switches or {})[name] then M.lift(server, other) end
    end
  end
  M.lift(server, fault)
end

--- Switches a fault on, or with "off" lifts it.
---@return boolean|nil ok, string|nil problem
function M.switch(server, fault, words)
  if words[2] == "off" then
    M.lift(server, fault)
    return true
  end
  local given, problem = read(fault, words)
  if not given then return nil, problem end
  make_room(server, fault)
  local before = {}
  if not add_rows(server, fault, given) then
    server.faults.remove(fault.name)
    return nil, ("fault %s: a key or value is not known"):format(fault.name)
  end
  for name, value in pairs(fault.switches or {}) do
    before[name] = tostring(server.switches.get(name))
    server.switches.set(name, value)
  end
  if fault.on then fault.on(server) end
  local stays = fault.rows or fault.switches or fault.off
  server.faults_on[fault.name] = stays and before or nil
  return true
end

--- Lifts all that have a name.
function M.clear(server)
  for _, fault in ipairs(M.table) do M.lift(server, fault) end
end

-- What stands behind a fault, in the words of `sim fault SERVICE ...` and `sim set ...`.
local function behind(fault)
  local out = json.array {}
  for _, pair in ipairs(fault.rows or {}) do
    local texts = {}
    for key, text in pairs(pair[2]) do texts[#texts + 1] = key .. "=" .. text end
    table.sort(texts)
    out[#out + 1] = "fault " .. pair[1] .. " " .. table.concat(texts, " ")
  end
  for name, value in pairs(fault.switches or {}) do
    out[#out + 1] = "set " .. name .. " " .. value
  end
  table.sort(out)
  return out
end

--- Every named fault: name, whether it is on, what it does, what it sets.
---@return table[]
function M.list(server)
  local out = json.array {}
  for i, fault in ipairs(M.table) do
    out[i] = { name = fault.name, on = server.faults_on[fault.name] ~= nil, text = fault.text,
      sets = behind(fault) }
  end
  return out
end

return M

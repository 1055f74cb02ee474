-- Faults on demand: which answers are spoilt, and how. `cosell sim fault SERVICE key=value ...`
-- adds a row, `cosell sim fault clear` removes all.
-- Owns the list of faults, in memory. Answers no request itself: M.around wraps who does.
local M = {}

-- The keys of a fault row and how their text is read.
local KEYS = {
  method = tostring, path = tostring, drop = tostring, status = tonumber, retry_after = tostring,
  delay_ms = tonumber, count = tonumber, skip = tonumber, limit = tonumber, body = tostring,
  always = tostring, -- no count: until it is lifted
  cut = tostring, -- the answer ends in its middle
  name = tostring, -- of the named fault (fault_names) that the row belongs to
}

local BODY = '{"error":{"code":"serviceNotAvailable","message":"injected fault"}}'

-- method=write: whatever changes something, batches apart.
local function method_meets(f, method, path)
  if f.method ~= "write" then return not f.method or f.method == method end
  return method ~= "GET" and not path:find("$batch", 1, true)
end

local function matches(f, service, method, path)
  return f.service == service and method_meets(f, method, path)
    and (not f.path or path:find(f.path, 1, true) ~= nil)
end

local function refusal(f)
  local headers = { ["Content-Type"] = "application/json" }
  if f.retry_after then headers["Retry-After"] = tostring(f.retry_after) end
  local body = f.service ~= "crm" and BODY or nil -- the CRM has bodies of its own
  return { status = f.status, headers = headers, drop = f.drop, delay_ms = f.delay_ms,
    body = f.body or body }
end

-- After `limit` calls: 429 until the caller has kept still for retry_after seconds.
local function throttled(f, now)
  local wait = (tonumber(f.retry_after) or 5) * 1000
  if f.until_ms and now >= f.until_ms then f.calls, f.until_ms = 0, nil end
  f.calls = (f.calls or 0) + 1
  if f.calls <= f.limit then return nil end
  f.until_ms = now + wait
  return { status = 429, headers = { ["Retry-After"] = tostring(f.retry_after or 5),
    ["Content-Type"] = "application/json" },
    body = f.service ~= "crm" and '{"error":{"code":"tooManyRequests","message":"slow down"}}'
      or nil }
end

local function used(f)
  if (f.skip or 0) > 0 then
    f.skip = f.skip - 1
    return nil
  end
  if f.count == 0 then return nil end
  if f.count then f.count = f.count - 1 end
  return refusal(f)
end

--- @param now fun(): integer
function M.new(now)
  local list, set = {}, { hits = {} } -- hits: by the name of a fault, how many answers it met

  local function hit(f)
    if f.name then set.hits[f.name] = (set.hits[f.name] or 0) + 1 end
  end

  --- The fault that meets this request, or nil.
  function set.find(service, method, path)
    for _, f in ipairs(list) do
      if not f.cut and matches(f, service, method, path) then
        local found
        if f.limit then found = throttled(f, now()) else found = used(f) end
        if found then
          hit(f)
          return found
        end
      end
    end
  end

  --- Whether the answer to this request is cut short.
  function set.cuts(service, method, path)
    for _, f in ipairs(list) do
      if f.cut and matches(f, service, method, path) and used(f) then
        hit(f)
        return true
      end
    end
    return false
  end

  --- Adds a row from texts. `service` is tokens, partner or crm.
  ---@return boolean|nil ok, string|nil problem
  function set.add(service, texts)
    if service ~= "tokens" and service ~= "partner" and service ~= "crm" then
      return nil, "the service is tokens, partner or crm, not " .. tostring(service)
    end
    local f = { service = service }
    for name, text in pairs(texts) do
      local value = KEYS[name] and KEYS[name](text)
      if value == nil then
        return nil, "fault: " .. tostring(name) .. "=" .. tostring(text) .. "?"
      end
      f[name] = math.type(value) == "float" and math.tointeger(value) or value
    end
    if f.drop and f.drop ~= "before" and f.drop ~= "after" then
      return nil, "drop is before or after"
    end
    if not (f.drop or f.status or f.delay_ms or f.limit or f.cut) then
      return nil, "one of drop, status, delay_ms, limit, cut is needed"
    end
    if not (f.limit or f.count or f.delay_ms or f.always) then f.count = 1 end
    list[#list + 1] = f
    return true
  end

  function set.clear() list = {} end

  --- Takes the rows of a named fault away.
  function set.remove(name)
    local kept = {}
    for _, f in ipairs(list) do
      if f.name ~= name then kept[#kept + 1] = f end
    end
    list = kept
  end

  function set.list() return list end
  return set
end

--- What the `path` of a fault is looked for in: a request's path and its query.
function M.target(req) return req.query and req.path .. "?" .. req.query or req.path end

--- Runs `handle` under whatever fault meets the request.
---@return integer|nil status, table|nil headers, string|nil body
function M.around(fault, handle)
  if not fault then return handle() end
  if fault.delay_ms then host.sleep(fault.delay_ms) end
  if fault.drop == "before" then return nil end
  if fault.drop == "after" then
    handle()
    return nil
  end
  if fault.status then return fault.status, fault.headers, fault.body end
  return handle()
end

return M

-- The same mapping without cosell around it: functions that answer decoded questions, for an
-- interpreter that does nothing else (tests/bench/mapping.c).  No contract, no checks, no process.
-- Arguments: the texts of the default's and of the administrator's details.lua.
local default_text, own_text = ...

local SETTINGS = { duns_field = "" }
local env = setmetatable({ ctx = {
  setting = function(name) return SETTINGS[name] end,
} }, { __index = _G })

local default = assert(load(default_text, "@default", "t", env))()
local own = assert(load(own_text, "@own", "t", env))()

-- The default's answer, then the administrator's.
local function create(place)
  local first, second = (default[place] or {}).create, own[place].create
  return function(q)
    local v = q.v or {}
    if first then first(q.d, v, q.crm) end
    second(q.d, v, q.crm)
    return { v = v }
  end
end

return {
  hello = function() return {} end,
  ["account.match"] = function(q) return { alternatives = own.account.match(q.d) } end,
  ["account.create"] = create "account",
  ["opportunity.create"] = create "opportunity",
}

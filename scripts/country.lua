--- Countries: ISO 3166-1 alpha-2 codes from what the CRM holds, and back.
-- Owns a cache of the mapping's answers, as old as this generation.  It must never know a country
-- by itself: the mapping process has the table, and the administrator the last word.

local text = require "text"

local M = {}

local MOST = 1000 -- answers kept; more than that is not a column of countries

local function asker(call, from, to)
  local known, count = {}, 0
  return function(value)
    if value == nil or value == json.null or value == "" then return nil end
    if known[value] ~= nil then return known[value] or nil end
    local today = text.date(host.now_ms())
    local answer, err = host.map { call = call, [from] = value, today = today }
    if not answer then return nil, err end
    local found = answer[to]
    if found == json.null then found = nil end
    if count >= MOST then known, count = {}, 0 end
    known[value], count = found or false, count + 1
    return found
  end
end

--- The code of a country as the CRM writes it; nil without an error if it is none.  (suspends)
---@type fun(value: string): string|nil, table|nil
M.to_code = asker("country.to_code", "value", "code")

--- What the CRM writes for a code; nil without an error if the mapping has nothing.  (suspends)
---@type fun(code: string): string|nil, table|nil
M.from_code = asker("country.from_code", "code", "value")

return M

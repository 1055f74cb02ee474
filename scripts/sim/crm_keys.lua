-- Alternate keys of the practice CRM: where they stand while their index is built, whether they
-- count already, whether rows stand against them. Owns the collection "crm_key".
local define = require("sim.crm_define")
local store = require("sim.crm_store")
local values = require("sim.crm_values")

local M = {}

local LIST = "crm_key"
local MOST = 10 -- of a table

local function id_of(t, name) return t.logical .. ":" .. name end

local function save(t, key) host.docs.put(LIST, id_of(t, key.name), key, { t.logical }) end

--- Makes a key. key: { name=, columns= [, schema=, label=, at=, active_at=] }; without active_at it
--- counts at once.
function M.put(t, key, now)
  key.table, key.columns = t.logical, json.array(key.columns)
  save(t, key)
  define.change(now, { op = "key", table = t.logical, columns = key.columns })
end

function M.drop(t, name) host.docs.drop(LIST, id_of(t, name)) end

-- The values of a row in the columns of a key as one text; nil if one of them is empty.
local function text_of(t, key, row)
  local out = {}
  for i, name in ipairs(key.columns) do
    local v = store.value(t, row, name)
    if v == nil then return nil end
    out[i] = values.fold(tostring(v))
  end
  return table.concat(out, "\0")
end

local function has_twins(t, key)
  local seen = {}
  for r in store.each(t) do
    local text = text_of(t, key, r.body)
    if text and seen[text] then return true end
    if text then seen[text] = true end
  end
  return false
end

-- Where a key stands at a time. When its index is due, the rows decide, once.
local function status_of(t, key, now)
  if not key.active_at or key.built then return key.built or "Active" end
  if now < key.at + (key.active_at - key.at) // 2 then return "Pending" end
  if now < key.active_at then return "InProgress" end
  key.built = has_twins(t, key) and "Failed" or "Active"
  save(t, key)
  return key.built
end

--- All keys of a table with their status; upto: only those made by then (a cache that lags).
function M.all(t, now, upto)
  local out = {}
  for _, r in ipairs(host.docs.find(LIST, { at = 1, key = t.logical, most = MOST })) do
    if not upto or not r.body.at or r.body.at <= upto then
      r.body.status = status_of(t, r.body, now)
      out[#out + 1] = r.body
    end
  end
  return out
end

--- The keys that count.
function M.active(t, now)
  local out = {}
  for _, key in ipairs(M.all(t, now)) do
    if key.status == "Active" then out[#out + 1] = key end
  end
  return out
end

--- Builds the index of a failed key again.
function M.again(t, name, now, delay)
  local key = host.docs.get(LIST, id_of(t, name))
  if not key then return false end
  key.at, key.active_at, key.built = now, now + delay, nil
  save(t, key)
  return true
end

M.MOST = MOST

return M

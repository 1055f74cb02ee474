-- Backups of the practice CRM: everything it holds is laid aside under a name, and later is again
-- as it was, row versions and the counter of change tracking included. So versions are given out a
-- second time and a link from before the restore speaks of the future, as after a real restore.
-- Owns the collections "crm_backup" and "crm_backup:...". Leaves Partner Center alone.
local define = require("sim.crm_define")
local schema = require("sim.crm_schema")
local store = require("sim.crm_store")
local stored = require("sim.stored")

local M = {}

local NAMES = { "crm_key", "crm_privilege", "crm_state", "crm_lock", "crm_refusal", "crm_moment",
  "crm_secret" }
local DEFINED = "crm_defined" -- what clients defined: it says which tables there are

-- Each collection of the CRM, and how the keys of its rows follow from their bodies.
local function collections()
  local out = {}
  for _, t in pairs(schema.tables) do
    out[#out + 1] = { name = store.collection(t),
      keys = function(row) return store.keys(t, row) end }
    out[#out + 1] = { name = store.deleted(t) }
  end
  for _, name in ipairs(NAMES) do
    out[#out + 1] = { name = name, keys = function(row) return { row.table or false } end }
  end
  return out
end

local function empty(collection)
  local ids = {}
  stored.each(collection, function(r) ids[#ids + 1] = r.id end)
  for _, id in ipairs(ids) do host.docs.drop(collection, id) end
end

local function aside(name, collection) return "crm_backup:" .. name .. ":" .. collection end

--- Lays everything aside under a name.
function M.save(name)
  local version, rows = store.clock(), 0
  local list = collections()
  list[#list + 1] = { name = DEFINED }
  for _, c in ipairs(list) do
    local to = aside(name, c.name)
    empty(to)
    stored.each(c.name, function(r)
      host.docs.put(to, r.id, { version = store.version(r.tag), body = r.body })
      rows = rows + 1
    end)
  end
  host.docs.put("crm_backup", name, { version = version })
  return { name = name, version = version, rows = rows }
end

local function put_back(name, c)
  empty(c.name)
  stored.each(aside(name, c.name), function(r)
    local body = r.body.body
    host.docs.put(c.name, r.id, body, c.keys and c.keys(body), store.tag(r.body.version))
  end)
end

--- Everything is as it was; nil if there is no such backup.
function M.restore(name)
  local backup = host.docs.get("crm_backup", name)
  if not backup then return nil end
  store.turn_back(backup.version)
  for _, c in ipairs(collections()) do empty(c.name) end
  put_back(name, { name = DEFINED })
  define.open()
  for _, c in ipairs(collections()) do put_back(name, c) end
  return { name = name, version = backup.version }
end

return M

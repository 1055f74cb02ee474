-- Keys of the practice environment.  They are slow to make, so COSELL_SIM_KEYS may name a folder
-- that keeps them between starts (the tests do).  For practice only: nothing here protects
-- anything.
local M = {}

local MODE = 0x180 -- 0600

---A key with its certificate, kept under a name.
---@param name string
---@param issue table|fun(): table  as host.crypto.issue takes it
---@return { key: string, cert: string }
function M.pair(name, issue)
  local folder = host.file and host.file.getenv("COSELL_SIM_KEYS")
  local path = folder and ("%s/%s.json"):format(folder, (name:gsub("%W", "-")))
  local kept = path and host.file.read(path)
  if kept then return json.decode(kept) end
  local key, cert = host.crypto.issue(type(issue) == "function" and issue() or issue)
  if not key then error(cert) end
  local pair = { key = key, cert = cert }
  if path then assert(host.file.write(path, json.encode(pair), MODE)) end
  return pair
end

return M

-- What `cosell provision` did to this state's CRM, and when: written down before each call, so that
-- a host that was killed still knows what it may take away again, and that something waits to be
-- published.  How far it came stands in the CRM itself.  One mark of the state.
local M = {}

local MARK, MOST = "provision", 1000

---@class JournalEntry
---@field at integer  ms
---@field version string  of this program
---@field did "made"|"changed"|"removed"|"published"|"exported"
---@field what string  "column opportunity.msft_coselltype"

local function read()
  local mark = host.store.mark_get(MARK)
  local kept = mark and json.decode(mark)
  return type(kept) == "table" and kept or { entries = {} }
end

local function keep(journal)
  while #journal.entries > MOST do
    table.remove(journal.entries, 1)
  end
  journal.entries = json.array(journal.entries)
  return host.store.mark_set(MARK, json.encode(journal))
end

---All there is, oldest first.
---@return JournalEntry[]
function M.entries()
  return read().entries
end

---What was made here and not removed since.
---@return table<string, JournalEntry>
function M.made()
  local out = {}
  for _, entry in ipairs(read().entries) do
    if entry.did == "made" then
      out[entry.what] = entry
    elseif entry.did == "removed" then
      out[entry.what] = nil
    end
  end
  return out
end

---Whether something was changed that nobody sees before it is published.
function M.unpublished()
  return read().unpublished == true
end

-- Another try of the same is the same entry; what was removed since was another time.
local function drop(entries, did, what)
  for i = #entries, 1, -1 do
    if entries[i].what == what then
      if entries[i].did == did then
        table.remove(entries, i)
      end
      return
    end
  end
end

---What is about to be done; publish: it has to be published.
---@param did string
---@param what string
---@param publish boolean|nil
---@param again boolean|nil  the last entry of this is the same try
function M.note(did, what, publish, again)
  local journal = read()
  if again then
    drop(journal.entries, did, what)
  end
  table.insert(journal.entries, { at = host.now_ms(), version = host.version, did = did,
    what = what })
  if publish ~= nil then
    journal.unpublished = publish or nil
  end
  return keep(journal)
end

---It was refused: it is not done.
function M.take_back(did, what)
  local journal = read()
  drop(journal.entries, did, what)
  return keep(journal)
end

return M

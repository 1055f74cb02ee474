-- Sets of links, a bit each: 100,000 of them are 12 kB.  A comparison keeps in them which links it
-- has seen, as marks "sweep:SET" beside its own.  It must never look at a link.
local M = {}

local MARK, WORD = "sweep:", 64
local NAMES = { "crm", "partner", "differs" }

---@class LinkSets
---@field sets table<string, integer[]>
---@field changed table<string, true>  those that are to be saved

---The sets as they were kept; of a new comparison: empty ones, which are to be kept.
---@param is_new boolean
---@return LinkSets
function M.open(is_new)
  local self = { sets = {}, changed = {} }
  for _, name in ipairs(NAMES) do
    local kept = not is_new and host.store.mark_get(MARK .. name)
    self.sets[name] = kept and json.decode(kept) or json.array {}
    self.changed[name] = is_new or nil
  end
  return self
end

---@param of {seen: LinkSets}
---@param name "crm"|"partner"|"differs"
---@param id integer
function M.put(of, name, id)
  local set, word = of.seen.sets[name], id // WORD + 1
  for i = #set + 1, word do
    set[i] = 0
  end
  set[word] = set[word] | 1 << id % WORD
  of.seen.changed[name] = true
end

function M.has(of, name, id)
  return (of.seen.sets[name][id // WORD + 1] or 0) & 1 << id % WORD ~= 0
end

---Keeps what has changed, in this step's commit.
---@param self LinkSets
function M.save(self)
  for name in pairs(self.changed) do
    host.store.mark_set(MARK .. name, json.encode(self.sets[name]))
  end
  self.changed = {}
end

return M

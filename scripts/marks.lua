-- The marks in the names of rows: those that are put there now, and all that may still stand there,
-- since the mapping named others before, or marks were switched off, or the original connector put
-- its own there.
-- Owns the mark "name_marks" of the store.  It must never read or write a row.
local M = {}

local MARK = "name_marks"
local MOST = 8 -- sets that are remembered
local ORIGINAL = { ok = "✔ ", failed = "✖ ", place = "front" }

local function same(a, b)
  return a.ok == b.ok and a.failed == b.failed and a.place == b.place
end

-- A list with `set` in front of what it held, each once.
local function in_front(set, list)
  local out = json.array { set }
  for _, other in ipairs(list) do
    if not same(set, other) and #out < MOST then
      out[#out + 1] = other
    end
  end
  return out
end

---@param declared table|false  the mapping's
---@return table stripped  the newest set, `before`: older ones
---@return table|false shown  what names carry now
function M.learn(declared)
  local shown = host.profile.settings.display_check_mark ~= false and declared
  local kept = host.store.mark_get(MARK)
  local sets = kept and json.decode(kept) or json.array {}
  if shown and not (sets[1] and same(shown, sets[1])) then
    sets = in_front(shown, sets)
    host.store.mark_set(MARK, json.encode(sets))
  end
  local all = table.move(sets, 1, #sets, 1, {})
  all[#all + 1] = ORIGINAL
  all = declared and in_front(declared, all) or all
  local newest = all[1]
  return { ok = newest.ok, failed = newest.failed, place = newest.place,
    before = table.move(all, 2, #all, 1, {}) }, shown
end

return M

-- What stands in the state for a value that `cosell erase` took out: a digest, by which the merge
-- still sees whether a side holds that value, and from which nobody reads it.  So a deal merges on:
-- what is the same as before is no change, and nothing is sent again.
-- Owns the form of such a mark, the salt in the mark "erased", and `link.erased`, the marks of a
-- link.  It must never keep a value.
local M = {}

local SALT = "erased"
local FORM, PATTERN = "(erased %s)", "^%(erased %x+%)$"
local DIGITS = 16

local function salt()
  local known = host.store.mark_get(SALT)
  if not known then
    known = host.uuid()
    host.store.mark_set(SALT, known)
  end
  return known
end

---What stands for a text.
---@param text string
---@return string
function M.of(text)
  return FORM:format(host.crypto.sha256(salt() .. text):sub(1, DIGITS))
end

---Whether a value stands for one that was erased.
function M.is(value)
  return type(value) == "string" and value:find(PATTERN) ~= nil
end

---Whether what was kept is, or stands for, this text.
---@param kept string|nil
---@param text string|nil
function M.same(kept, text)
  return kept == text or M.is(kept) and text ~= nil and kept == M.of(text)
end

---A copy of a value in which act(text) has replaced each text.
---@param value any
---@param act fun(text: string): string
function M.map(value, act)
  if type(value) == "string" then
    return act(value)
  elseif type(value) ~= "table" then
    return value
  end
  local out = json.is_array(value) and json.array {} or {}
  for name, member in pairs(value) do
    out[name] = M.map(member, act)
  end
  return out
end

---What is kept of a link, with marks for what was erased in it.
---@param link Link
---@param value any
function M.hide(link, value)
  if not link.erased or value == nil then
    return value
  end
  local marks = {}
  for _, mark in ipairs(link.erased) do
    marks[mark] = true
  end
  return M.map(value, function(text)
    local mark = M.of(text)
    return marks[mark] and mark or text
  end)
end

---What was kept of a link, for comparing it with what its sides hold now: a mark whose text one of
---them still holds is that text again.
---@param link Link
---@param kept any
---@param ... any  the sides, canonical
function M.reveal(link, kept, ...)
  if not link.erased or kept == nil then
    return kept
  end
  local texts = {}
  for _, now in ipairs { ... } do
    M.map(now, function(text)
      texts[M.of(text)] = text
      return text
    end)
  end
  return M.map(kept, function(text) return M.is(text) and texts[text] or text end)
end

return M

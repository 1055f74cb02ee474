-- What a look of `cosell doctor` comes to: fine, wrong for a cause that doctor.lua knows, or not to
-- be seen.
local M = {}

---@param text string|nil  what was found
---@param ... any  for its %s
function M.fine(text, ...)
  return { state = "ok", text = text and text:format(...) }
end

---@param text string  why it can't be seen from here
---@param ... any
function M.unseen(text, ...)
  return { state = "unseen", text = text:format(...) }
end

---@param cause string
---@param values table|nil  what the texts of that cause name
function M.wrong(cause, values)
  local out = values or {}
  out.cause = cause
  return out
end

return M

-- Previews as lines for a terminal, and the difference between two of them.  Text in, text out: it
-- must never ask anybody.
local table_text = require "table_text"

local M = {}

local SIDE = { crm = "the CRM", partner = "Partner Center" }
local EMPTY = "(empty)"

local OUTCOMES = { equal = "nothing to do: both sides agree", waits = "waits", fails = "fails",
  found = "on both sides, not adopted" }

-- "create account in the CRM", "change referral 7a... at Partner Center"
local function heading(change)
  local where = change.side == "crm" and "in the CRM" or "at Partner Center"
  local id = change.id and " " .. change.id or ""
  local verb = change.verb == "action" and "close" or change.verb
  return ("%s %s%s %s"):format(verb, change.target, id, where)
end

local COLUMNS = { { title = "FIELD", flex = true }, { title = "NOW", flex = true },
  { title = "THEN", flex = true } }
local NEW = { { title = "FIELD" }, { title = "VALUE", flex = true } }

local function row_of(cmd, change, is_new)
  local below = { ("    %s; %s"):format(change.place, change.by) }
  if table_text.columns(below[1]) > table_text.width(cmd) then
    below = { "    " .. change.place .. ";", "    " .. change.by }
  end
  if is_new then
    return { change.field, change["then"] or EMPTY, below = below }
  end
  return { change.field, change.now or EMPTY, change["then"] or EMPTY, below = below }
end

local function indent(lines)
  for i, line in ipairs(lines) do
    lines[i] = "  " .. line
  end
  return lines
end

local function append(out, lines)
  table.move(lines, 1, #lines, #out + 1, out)
end

-- Changes that belong to one row or referral, under its heading.
local function tables(cmd, out, changes)
  local at = 1
  local narrow = setmetatable({ width = table_text.width(cmd) - 2 }, { __index = cmd })
  while at <= #changes do
    local head, rows = heading(changes[at]), {}
    local is_new = changes[at].verb == "create"
    while at <= #changes and heading(changes[at]) == head do
      rows[#rows + 1] = row_of(narrow, changes[at], is_new)
      at = at + 1
    end
    out[#out + 1] = "  " .. table_text.paint(cmd, is_new and "green" or "yellow", head)
    append(out, indent(table_text.lines(narrow, is_new and NEW or COLUMNS, rows)))
  end
end

local function wrapped(cmd, out, colour, head, list)
  for _, words in ipairs(list) do
    local lines = table_text.wrap(cmd, "  " .. head, words)
    lines[1] = lines[1]:gsub("^  " .. head:gsub("%p", "%%%0"), function(found)
      return table_text.paint(cmd, colour, found)
    end)
    append(out, lines)
  end
end

---One deal.
---@param cmd table
---@param p Preview
---@return string[]
function M.lines(cmd, p)
  local right = p.deal and "deal " .. p.deal or "not linked yet"
  local name = table_text.cut(table_text.plain(p.name or p.row or p.referral or "deal"),
    table_text.width(cmd) - table_text.columns(right) - 2)
  local gap = table_text.width(cmd) - table_text.columns(name) - table_text.columns(right)
  local out = { table_text.paint(cmd, "bold", name) .. (" "):rep(gap) .. right }
  if p.outcome ~= "write" then
    wrapped(cmd, out, nil, "", { (OUTCOMES[p.outcome] or p.outcome) ..
      (p.why and ": " .. p.why or "") })
  end
  wrapped(cmd, out, "red", "", p.notes)
  tables(cmd, out, p.changes)
  for _, w in ipairs(p.waiting) do
    wrapped(cmd, out, "yellow", "waits: ", { ("%s in %s, %s -> %s: %s"):format(w.field,
      SIDE[w.side], w.now or EMPTY, w["then"] or EMPTY, w.why) })
  end
  wrapped(cmd, out, "red", "conflict: ", p.conflicts)
  wrapped(cmd, out, "yellow", "held back: ", p.held)
  wrapped(cmd, out, nil, "the seller reads: ", p.lines)
  return out
end

-- ---- Two versions ----

-- What a preview comes to, as place -> text; places in order.
local function flat(p, prefix)
  local out, order = {}, {}
  local function put(key, value)
    if out[key] == nil then
      order[#order + 1] = key
      out[key] = value
    else
      out[key] = out[key] .. "; " .. value
    end
  end
  for _, change in ipairs(p.changes) do
    local side = change.side == "crm" and "" or "Partner Center "
    put(prefix .. side .. change.place, change["then"] or EMPTY)
  end
  if p.outcome ~= "write" and p.outcome ~= "equal" then
    put(prefix .. "outcome", (p.outcome or "fails") .. (p.why and ": " .. p.why or ""))
  end
  for _, words in ipairs(p.held) do
    put(prefix .. "held back", words)
  end
  return out, order
end

local WAYS = { { "next", "" }, { "crm", "if it came new: " }, { "partner", "if it came new: " } }

---@class Difference
---@field place string
---@field running string|nil  nil: it is left alone
---@field other string|nil

---Where two outcomes of one deal differ (see preview.outcomes).
---@param a table  under the running files
---@param b table  under the others
---@return Difference[]
function M.differences(a, b)
  local out = json.array {}
  for _, way in ipairs(WAYS) do
    local key, prefix = way[1], way[2]
    local one, order = flat(a[key] or { changes = {}, held = {} }, prefix)
    local other, more = flat(b[key] or { changes = {}, held = {} }, prefix)
    for _, place in ipairs(more) do
      order[#order + 1] = one[place] == nil and place or nil
    end
    for _, place in ipairs(order) do
      if one[place] ~= other[place] then
        out[#out + 1] = { place = place, running = one[place], other = other[place] }
      end
    end
  end
  return out
end

---@param cmd table
---@param found {deal: integer, name: string, differences: Difference[]}
---@return string[]
function M.difference_lines(cmd, found)
  local out = { table_text.paint(cmd, "bold", table_text.plain(found.name)) ..
    ("  deal %d"):format(found.deal) }
  for _, d in ipairs(found.differences) do
    append(out, table_text.wrap(cmd, "  " .. d.place .. ": ",
      ("%s -> %s"):format(d.running or "(left alone)", d.other or "(left alone)")))
  end
  return out
end

return M

-- Finding the deal that a person means: by an identifier of either side (or an address that ends
-- with one), by its number, or by a part of its name.  Reads links alone; it must never ask a
-- service or change anything.
local links = require "links"
local table_text = require "table_text"
local text = require "text"

local M = {}

local PAGE = 200
local MOST_LISTED = 20
local GUID = ("x"):rep(8) .. "-xxxx-xxxx-xxxx-" .. ("x"):rep(12)
local TABLES = { "opportunity", "lead" }

---@class Hit
---@field id integer
---@field link Link
---@field name string  for people; never empty

-- Every link there is, a page at a time; other work goes on between two pages.
local function every()
  local page, i = nil, 0
  return function()
    i = i + 1
    if not page or (i > #page and #page == PAGE) then
      if page then
        host.sleep(0)
      end
      page, i = assert(host.store.link_list(page and page[#page].id or 0, PAGE)), 1
    end
    local row = page[i]
    if row then
      return row.id, row.doc
    end
    return nil
  end
end

---Every link that is a deal's.  (suspends)
---@return fun(): integer|nil, Link
function M.all()
  local each = every()
  return function()
    local id, link
    repeat
      id, link = each()
    until not id or not links.is_joined(link)
    return id, link
  end
end

---What a deal is called.
---@param id integer
---@param link Link
function M.name(id, link)
  local name = link.name
  if not name then
    for _, side in ipairs { "crm", "partner" } do
      local base = host.store.base_get(id, side)
      name = name or (base and base.name)
    end
  end
  return name and table_text.plain(name) or "deal " .. id
end

local function hit(id)
  local link = id and links.get(id)
  return link and { id = id, link = link, name = M.name(id, link) } or nil
end

---The identifier in a word: alone, in an address, in braces; nil: there is none.
---@param word string
function M.guid(word)
  local found
  for guid in word:gmatch((GUID:gsub("x", "%%x"):gsub("-", "%%-"))) do
    found = guid:lower()
  end
  return found
end

local function by_guid(guid)
  local id = links.by_referral(guid) or links.by_engagement(guid)
  for _, name in ipairs(TABLES) do
    id = id or links.by_row(name, guid)
  end
  return hit(id)
end

local function by_name(word)
  local hits, exact = {}, {}
  word = word:lower()
  for id, link in M.all() do
    local name = M.name(id, link)
    if name:lower():find(word, 1, true) then
      local one = { id = id, link = link, name = name }
      link.id = id
      hits[#hits + 1] = one
      if name:lower() == word then
        exact[#exact + 1] = one
      end
    end
  end
  return #exact > 0 and exact or hits
end

---@param words string
---@return Hit[]  several if more than one deal is meant
function M.find(words)
  words = text.trim(words)
  local guid = M.guid(words)
  local number = words:lower():match("^deal%s+(%d+)$") or words:match("^%d+$")
  if words == "" then
    return {}
  elseif guid then
    return { by_guid(guid) }
  end
  local one = number and hit(math.tointeger(tonumber(number)))
  if one then
    return { one }
  end
  return by_name(words)
end

local function list(cmd, hits)
  local rows = {}
  for i = 1, math.min(#hits, MOST_LISTED) do
    rows[i] = { tostring(hits[i].id), hits[i].name, hits[i].link.state }
  end
  local lines = table_text.lines(cmd, { { title = "DEAL", right = true },
    { title = "NAME", flex = true }, { title = "STATE" } }, rows)
  if #hits > MOST_LISTED then
    lines[#lines + 1] = ("and %d more"):format(#hits - MOST_LISTED)
  end
  cmd.err(table.concat(lines, "\n") .. "\n")
end

---The one deal that is meant, or nil after saying why it is not clear.
---@param cmd table
---@param words string
---@return Hit|nil
function M.one(cmd, words)
  local hits = M.find(words)
  if #hits == 1 then
    return hits[1]
  elseif #hits == 0 then
    cmd.err(("no deal matches \"%s\"\n"):format(table_text.plain(words)))
    return nil
  end
  list(cmd, hits)
  cmd.err(("%d deals match: say which, by its number\n"):format(#hits))
  return nil
end

return M

-- N:N relationships of the practice CRM: their links are rows of an intersect table that nobody
-- writes otherwise, and that leave both sides as they are.
local schema = require("sim.crm_schema")
local rows = require("sim.crm_rows")
local refuse = schema.refuse

local M = {}

local function links(work, l, id)
  local t = schema.tables[l.through]
  return t, work:find(t, l.from, id)
end

--- The records on the other side; link: an entry of a table's `many`.
function M.children(work, link, id)
  local t, found = links(work, link, id)
  local there, out = schema.tables[link.table], {}
  for _, row in ipairs(found) do
    local other = row[t.columns[link.to].read]
    local body, tag = work:get(there, other)
    if body then out[#out + 1] = { id = other, tag = tag, body = body } end
  end
  return out
end

--- Links two rows.
function M.associate(work, l, id, other)
  local t, there = links(work, l, id)
  for _, row in ipairs(there) do
    if row[t.columns[l.to].read] == other then
      refuse(412, "0x80040237", "A record with matching key values already exists.")
    end
  end
  local row = { [t.id] = work.who.uuid() }
  rows.set(t, row, l.from, { table = l.pair.table1 == l.table and l.pair.table2 or l.pair.table1,
    id = id })
  rows.set(t, row, l.to, { table = l.table, id = other })
  work:put(t, row)
end

--- Takes a link away; none is no error.
function M.dissociate(work, l, id, other)
  local t, there = links(work, l, id)
  for _, row in ipairs(there) do
    if row[t.columns[l.to].read] == other then work:drop(t, row[t.id]) end
  end
end

return M

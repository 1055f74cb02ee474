--- The Dataverse Web API in terms of tables and columns: rows, queries, change sets, deltas.
-- Owns the calls and their tags.  It must never know what a column is for, nor follow a link to
-- another address.

local admin = require "dynamics_admin"
local call = require "dynamics_call"
local meta = require "dynamics_meta"
local rehearsal = require "rehearsal"
local text = require "text"
local wire = require "dynamics_wire"

local M = {}

M.table = meta.table
M.table_anew = meta.table_anew
M.tables = meta.names
M.forget = meta.forget
M.tables_with_prefix = meta.tables_with_prefix
M.relations = meta.relations
M.labels = meta.labels
M.set_of = meta.set_of
M.flows = admin.flows
M.privileges = admin.privileges
M.q = call.q
M.encode = text.encode

local PAGE_ROWS = 500

-- Something in the request is unknown to the service: what we hold of the table may be old.
local UNKNOWN = { ["0x0"] = true, ["0x80048d19"] = true, ["0x80041103"] = true }

-- Runs work(definition), once more with a fresh one if a name was unknown to the service.
local function with_table(logical, work)
  local m, err = meta.table(logical)
  if not m then return nil, err end
  local a, b = work(m)
  if a ~= nil or not UNKNOWN[b.code] or not meta.forget(logical) then return a, b end
  m, err = meta.table(logical)
  if not m then return nil, err end
  return work(m)
end

-- A link of an answer as a path of our own remote, or nil.
local function own_path(link)
  local origin, rest = link:match("^(https?://[^/]+)(/.*)$")
  local path = (rest or link):match("^/api/data/v9%.2/(.+)$")
  local ours = host.profile.crm_url
  local foreign = origin and ours and origin:lower() ~= ours:lower()
  if foreign then return nil end
  return path
end

local FOREIGN = { kind = "data",
  text = "a link of Dynamics 365 leads to another address; it is not followed" }

local function foreign_link()
  return nil, FOREIGN
end

local TAG, ROWS = "@odata.etag", "value" -- what a row has, and a list

-- A link that was kept, and the CRM's address was changed since: as good as expired.
local MOVED = { kind = "absent", code = "0x80044352",
  text = "a link of Dynamics 365 is of another address than the profile's" }

local NO_LINK = { kind = "net",
  text = "the changes of Dynamics 365 came without a link to those that follow" }

local CIRCLE = { kind = "net",
  text = "a list of Dynamics 365 leads back to a page of its own; it is not followed" }

-- ---- reads ----

--- Who we are to the CRM.  (suspends)
---@return { organization: string, user: string, business_unit: string }|nil, table|nil
function M.whoami()
  local doc, err = call.send("tell who we are", { method = "GET", path = "WhoAmI" },
    "OrganizationId")
  if not doc then return nil, err end
  return {
    organization = doc.OrganizationId, user = doc.UserId, business_unit = doc.BusinessUnitId,
  }
end

--- One row with these columns (logical names).  (suspends)
---@param logical string
---@param id string
---@param columns string[]
---@param expand string|nil  OData text
---@return table|nil row, any tag_or_err
function M.get(logical, id, columns, expand)
  return with_table(logical, function(m)
    local select, annotate = wire.select(m, columns)
    local path = wire.row(m, id) .. "?" .. select
    if expand then path = path .. "&$expand=" .. call.option(expand) end
    local row, err = call.send("read a row of " .. logical,
      { method = "GET", path = path, headers = call.headers(wire.preferences(annotate)) }, TAG)
    if not row then return nil, err end
    return row, row[TAG]
  end)
end

-- Adds the rows of this page and of those that follow it.
local function all_pages(doing, doc, headers, out)
  local seen = {}
  while true do
    for _, row in ipairs(doc.value) do out[#out + 1] = row end
    local link = doc["@odata.nextLink"]
    if type(link) ~= "string" then return out end
    local path = own_path(link)
    if not path then return foreign_link() end
    if seen[path] then return nil, CIRCLE end
    seen[path] = true
    local err
    doc, err = call.send(doing,
      { method = "GET", path = path, page = true, headers = call.headers(headers) }, ROWS)
    if not doc then return nil, err end
  end
end

--- All rows that a filter finds; q.page: none of the requests counts.  (suspends)
---@param logical string
---@param q { select: string[], filter: string|nil, orderby: string|nil, top: integer|nil,
---           expand: string|nil, page: boolean|nil }
---@return table[]|nil, table|nil
function M.query(logical, q)
  return with_table(logical, function(m)
    local select, annotate = wire.select(m, q.select)
    -- $top is ignored by the service where a page size is asked for.
    local size = not q.top and "odata.maxpagesize=" .. PAGE_ROWS or nil
    local prefer, doing = wire.preferences(annotate, size), "look for rows of " .. logical
    local doc, err = call.send(doing, {
      method = "GET", path = wire.query(m, q, select), page = q.page,
      headers = call.headers(prefer),
    }, ROWS)
    if not doc then return nil, err end
    return all_pages(doing, doc, prefer, {})
  end)
end

-- One item of batch_get as a part, and its preferences.
local function read_part(q)
  local m, err = meta.table(q.table)
  if not m then return nil, err end
  local select, annotate = wire.select(m, q.select)
  local path = wire.query(m, q, select)
  if q.id then
    path = wire.row(m, q.id) .. "?" .. select
    if q.expand then path = path .. "&$expand=" .. call.option(q.expand) end
  end
  local prefer = wire.preferences(annotate)
  return { path = path, headers = call.headers(prefer), member = q.id and TAG or ROWS }, prefer
end

local function read_parts(list)
  local parts, prefers = {}, {}
  for i, q in ipairs(list) do
    local part, prefer = read_part(q)
    if not part then return nil, prefer end
    parts[i], prefers[i] = part, prefer
  end
  return parts, prefers
end

-- The answers of read parts as lists of rows; a row that is not there is an empty list.
local function rows_of(list, prefers, answers)
  local out = {}
  for i, q in ipairs(list) do
    local doc, err = answers[i].doc, answers[i].err
    if err and not (q.id and err.kind == "absent") then return nil, err end
    if q.id then
      out[i] = { doc }
    else
      local rows, bad = all_pages("look for rows of " .. q.table, doc, prefers[i], {})
      if not rows then return nil, bad end
      out[i] = rows
    end
  end
  return out
end

--- Several reads in one request; for each a list of rows.  (suspends)
---@param list table[]  { table=, select=, filter=, top=, orderby=, expand= }
---                     or { table=, id=, select= }
---@return table[][]|nil, table|nil
function M.batch_get(list)
  if #list == 0 then return {} end
  local parts, prefers = read_parts(list)
  if not parts then return nil, prefers end
  local done, answers = call.batch("read rows", {}, parts)
  if not done then return nil, answers end
  return rows_of(list, prefers, answers)
end

--- Rows that a filter finds, page by page; no request counts.  After an error, which comes as
--- `false, err`, there are no more.  (suspends)
---@param logical string
---@param q { select: string[], filter: string|nil, orderby: string|nil, expand: string|nil,
---           from: string|nil } from: what an earlier page said comes next
---@return fun(): table[]|false|nil, string|table|nil  rows and what comes next (nil: the end)
function M.pages(logical, q)
  local next_path, begun, seen = q.from, q.from ~= nil, {}
  return function()
    if begun and not next_path then return nil end
    local m, err = meta.table(logical)
    if not m then return false, err end
    local select, annotate = wire.select(m, q.select)
    local prefer = wire.preferences(annotate, "odata.maxpagesize=" .. PAGE_ROWS)
    local doc
    doc, err = call.send("read rows of " .. logical, { method = "GET", page = true,
      path = next_path or wire.query(m, q, select), headers = call.headers(prefer) }, ROWS)
    if next_path then seen[next_path] = true end
    begun, next_path = true, nil
    if not doc then return false, err end
    local link = doc["@odata.nextLink"]
    local path = type(link) == "string" and own_path(link) or nil
    if type(link) == "string" and not path then return false, FOREIGN end
    if path and seen[path] then return false, CIRCLE end
    next_path = path
    return doc.value, next_path
  end
end

--- Rows changed at or after a time, oldest first, page by page.  (suspends)
---@param logical string
---@param columns string[]
---@param iso string
---@param filter string|nil
---@return fun(): table[]|false|nil, string|table|nil
function M.modified_since(logical, columns, iso, filter)
  local wanted = "modifiedon ge " .. iso
  if filter then wanted = wanted .. " and (" .. filter .. ")" end
  return M.pages(logical, { select = columns, filter = wanted, orderby = "modifiedon asc" })
end

-- Next links of the reading under way, by table: one that comes again leads in a circle.
local walked = {}

-- What is wrong with the links of a page, or nil.
local function bad_links(logical, page)
  local link = page.next or page.delta
  if not link then return NO_LINK end -- what was read would be read again for ever
  if not own_path(link) then return FOREIGN end
  local seen = page.next and walked[logical] or {}
  walked[logical] = nil
  if not page.next then return nil end
  if seen[page.next] then return CIRCLE end
  seen[page.next], walked[logical] = true, seen
  return nil
end

local function delta_page(doc)
  local rows, deleted = {}, {}
  for _, row in ipairs(doc.value) do
    local context = row["@odata.context"]
    if type(context) == "string" and context:find("$deletedEntity", 1, true) then
      deleted[#deleted + 1] = tostring(row.id):match("%x+%-%x+%-%x+%-%x+%-%x+") or row.id
    else
      rows[#rows + 1] = row
    end
  end
  local next_link, delta = doc["@odata.nextLink"], doc["@odata.deltaLink"]
  return { rows = rows, deleted = deleted, next = type(next_link) == "string" and next_link or nil,
    delta = type(delta) == "string" and delta or nil }
end

--- One page of changes.  Without a link: all rows, and tracking begins.  A link that
--- expired or is of another address is an error of kind "absent" with code 0x80044352.  (suspends)
---@param logical string
---@param columns string[]
---@param link string|nil  next or delta of an earlier page, byte for byte
---@return { rows: table[], deleted: string[], next: string|nil, delta: string|nil }|nil, table|nil
function M.delta(logical, columns, link)
  return with_table(logical, function(m)
    local select, annotate = wire.select(m, columns)
    local path = link and own_path(link) or m.set .. "?" .. select
    if link and not own_path(link) then return nil, MOVED end
    -- A page of the first reading repeats how it began; a delta link says it all itself.
    local track = not (link and link:find("$deltatoken", 1, true)) and "odata.track-changes" or nil
    local prefer = wire.preferences(annotate, "odata.maxpagesize=" .. PAGE_ROWS, track)
    local doc, err = call.send("read the changes of " .. logical,
      { method = "GET", path = path, page = true, headers = call.headers(prefer) }, ROWS)
    if not doc then
      walked[logical] = nil
      return nil, err
    end
    local page = delta_page(doc)
    local bad = bad_links(logical, page)
    if bad then return nil, bad end
    return page
  end)
end

-- ---- writes ----

--- Changes one row under its tag (nil: whatever it is now, but never made anew).  `true` instead of
--- a row if the service sent none.  (suspends)
---@param logical string
---@param id string
---@param tag string|nil
---@param values table  look-ups as { table=, id= } or json.null
---@param select string[]|nil  what the answer shows; nil: the columns written
---@return table|true|nil row, any tag_or_err
function M.update(logical, id, tag, values, select)
  return with_table(logical, function(m)
    local body, bad = wire.body(m, values)
    if not body then return nil, bad end
    local shown, annotate = wire.select(m, select or text.keys(values))
    local row, answer = call.send("change a row of " .. logical, {
      method = "PATCH", path = wire.row(m, id) .. "?" .. shown, body = body,
      headers = call.headers(wire.preferences(annotate, "return=representation"),
        { ["If-Match"] = tag or "*" }),
    })
    if not row then return nil, answer end
    if row == true and answer.status ~= 204 or row ~= true and type(row[TAG]) ~= "string" then
      return nil, { kind = "net", text = "Dynamics 365 did not say what it made of a row" }
    end
    return row, row ~= true and row[TAG] or answer.headers["etag"]
  end)
end

local METHOD = { create = "PATCH", update = "PATCH", delete = "DELETE" }

local function change_part(change)
  if change.op == "action" then
    local body = json.encode(change.body or {})
    return { method = "POST", path = change.name, headers = call.headers(), body = body }
  end
  local method = METHOD[change.op] or error("no such change: " .. tostring(change.op), 3)
  local m, err = meta.table(change.table)
  if not m then return nil, err end
  local part = { method = method, path = wire.row(m, change.id), headers = call.headers() }
  if change.op == "create" then
    part.headers["If-None-Match"] = "*"
  else
    -- Never without If-Match: that would revive a row someone deleted.
    part.headers["If-Match"] = change.tag or "*"
  end
  if change.op ~= "delete" then
    part.body, err = wire.body(m, change.values)
    if not part.body then return nil, err end
  end
  if change.select then
    local select, annotate = wire.select(m, change.select)
    part.path = part.path .. "?" .. select
    part.headers["Prefer"] =
      table.concat(wire.preferences(annotate, "return=representation"), ",")
  end
  return part
end

local function change_parts(list)
  local parts = {}
  for i, change in ipairs(list) do
    local part, err = change_part(change)
    if not part then
      err.index = i
      return nil, err
    end
    parts[i] = part
  end
  return parts
end

--- All of these changes or none, in one request; then, in the same request, some reads (as for
--- batch_get).  err.index is the number of the change that failed, where the service told.
--- An error of kind "net" leaves open whether they were made.  (suspends)
---@param list table[]  { op="create"|"update"|"delete", table=, id=, tag=, values=, select= }
---                     or { op="action", name=, body= }
---@param reads table[]|nil
---@return true|nil done, table changed_or_err, table[][]|nil rows
--- changed[i] = { status=, row=, tag= }
function M.changes(list, reads)
  local parts, err = change_parts(list)
  if not parts then return nil, err end
  local after, prefers = read_parts(reads or {})
  if not after then return nil, prefers end
  if rehearsal.of_task() then rehearsal.saved(list) end
  local changed, answers = call.batch("save the changes", parts, after)
  if not changed then
    if UNKNOWN[answers.code] then
      for _, change in ipairs(list) do
        if change.table then meta.forget(change.table) end
      end
    end
    return nil, answers
  end
  -- The changes are made whatever becomes of the reads.
  return true, changed, reads and rows_of(reads, prefers, answers) or nil
end

return M

-- Flow b, "Create or Get Details": what the mapping answers, made fit for the CRM.  The mapping
-- only computes; the look-ups it names are done here. It must never write a deal: helper.lua
-- does, with what this file found.
local cuts = require "cuts"
local dynamics = require "dynamics"
local erased = require "erased"
local mapping_value = require "mapping_value"
local say = require "say"
local text = require "text"

local M = {}

local TEXTS = { String = true, Memo = true }

local function broken(message)
  return nil, { kind = "data", text = message }
end

local function near(name, meta)
  local column = text.nearest(name, text.keys(meta.columns))
  return column and "; did you mean " .. column .. "?" or ""
end

-- ---- Filters ----

local function literal(column, value)
  if type(value) == "boolean" or (type(value) == "number" and not TEXTS[column.type]) then
    return tostring(value)
  elseif column.type == "Lookup" or column.type == "Uniqueidentifier" then
    return tostring(value)
  end
  return dynamics.q(tostring(value))
end

-- One alternative of a match, or nil if one of its values is missing.
local function filter_of(meta, alternative)
  local parts = {}
  for _, pair in ipairs(alternative) do
    local name, value = pair[1], pair[2]
    if value == nil or value == json.null or value == "" then
      return nil
    end
    local column = meta.columns[name]
    if not column then
      return broken(("the mapping matches by %s.%s: the CRM has no such column%s"):format(
        meta.logical, name, near(name, meta)))
    end
    local path = column.type == "Lookup" and "_" .. name .. "_value" or name
    parts[#parts + 1] = path .. " eq " .. literal(column, value)
  end
  return #parts > 0 and table.concat(parts, " and ") or nil
end

-- What is read of a hit, besides the columns that the mapping names: `pick` looks at it, and of a
-- contact the whole person, who is part of what was agreed on.
local SELECT = {
  account = { "accountid", "name", "address1_city", "address1_postalcode", "createdon" },
  contact = { "contactid", "parentcustomerid", "firstname", "lastname", "emailaddress1",
    "telephone1", "mobilephone", "jobtitle", "createdon" },
}

local function select_of(kind, known)
  local out = table.move(SELECT[kind], 1, #SELECT[kind], 1, {})
  for _, name in ipairs((known.describe.columns or {})[kind] or {}) do
    out[#out + 1] = name
  end
  return out
end

-- The reads for each usable alternative of account.match or contact.match.
local function match_reads(kind, deal, known)
  local answer, err = host.map { call = kind .. ".match", d = deal }
  if not answer then
    return nil, err
  end
  local reads, select = {}, select_of(kind, known)
  for _, alternative in ipairs(answer.alternatives or {}) do
    local filter, bad = filter_of(known.metas[kind], alternative)
    if bad then
      return nil, bad
    elseif filter then
      reads[#reads + 1] = { table = kind, select = select, filter = filter .. " and statecode eq 0",
        orderby = "createdon asc", top = 50 }
    end
  end
  return reads, answer.alternatives
end

local function choose(kind, hits, deal, known, lines)
  if #hits < 2 then
    return hits[1]
  end
  if known.describe.has.pick and known.describe.has.pick[kind] then
    local answer, err = host.map { call = kind .. ".pick", d = deal, candidates = json.array(hits) }
    if not answer then
      return nil, err
    end
    return hits[math.tointeger(answer.index) or 0]
  end
  lines[#lines + 1] = say("several-" .. kind, { count = #hits })
  return hits[1]
end

local function first_hits(lists, from, count, keep)
  for i = from, from + count - 1 do
    local hits = {}
    for _, row in ipairs(lists[i]) do
      if keep(row) then
        hits[#hits + 1] = row
      end
    end
    if #hits > 0 then
      return hits
    end
  end
  return {}
end

-- ---- Owners ----

-- Who may own what is new, best first: whom the mapping names, then the setting's.
-- -> list of {name=, said= the key of what is told if nobody is called so}
local function owner_names(deal, known)
  local out = {}
  local function add(name, said)
    if type(name) == "string" and name ~= "" then
      out[#out + 1] = { name = name, said = said }
    end
  end
  if known.describe.has.owner then
    local answer, err = host.map { call = "owner", d = deal }
    if not answer then
      return nil, err
    end
    add(answer.owner, "no-owner")
  end
  add(host.profile.settings.default_owner, "no-default-owner")
  return out
end

-- Two reads for each name: the user with that e-mail, the team of that name.
local function owner_reads(names)
  local reads = {}
  for _, one in ipairs(names) do
    local quoted = dynamics.q(one.name)
    reads[#reads + 1] = { table = "systemuser", select = { "systemuserid" }, top = 1,
      filter = "internalemailaddress eq " .. quoted .. " and isdisabled eq false" }
    reads[#reads + 1] = { table = "team", select = { "teamid" }, top = 1,
      filter = "name eq " .. quoted }
  end
  return reads
end

-- The first of the names that the CRM knows; what is not known of those before it goes to lines.
local function owner_found(names, lists, from, lines)
  for i, one in ipairs(names) do
    local user, team = lists[from + 2 * i - 2][1], lists[from + 2 * i - 1][1]
    if user or team then
      return user and { table = "systemuser", id = user.systemuserid } or
        { table = "team", id = team.teamid }
    end
    lines[#lines + 1] = say(one.said, { name = one.name })
  end
  return nil
end

---Who owns a row that is about to be made.  (suspends)
---@param deal table  canonical
---@param lines string[]  what is to be told goes there
---@return table|nil owner, table|nil err  nil, nil: the application user
function M.owner(deal, known, lines)
  local names, err = owner_names(deal, known)
  if not names or #names == 0 then
    return nil, err
  end
  local lists
  lists, err = dynamics.batch_get(owner_reads(names))
  if not lists then
    return nil, err
  end
  return owner_found(names, lists, 1, lines)
end

local function append(reads, more)
  local from = #reads + 1
  for _, read in ipairs(more) do
    reads[#reads + 1] = read
  end
  return from
end

-- Of the rows that carry the identifier, the one the referral names, else the oldest; else the
-- named one, if this CRM has it (situation 14).  -> its id
local function owner_of(carriers, named, known)
  local id = named and named[known.key]
  for _, row in ipairs(carriers) do
    if row[known.key] == id then
      return id
    end
  end
  return carriers[1] and carriers[1][known.key] or id
end

---What the CRM holds already for an inbound deal, in one request: the account, the contact, the
---owner, and a row that carries the referral's identifier.  (suspends)
---@param deal table  canonical
---@param known table  facts
---@return table|nil  {account=, contact=, owner=, row= its id, lines=,
---  match={account=, contact=}}
function M.find(deal, known)
  local accounts, account_match = match_reads("account", deal, known)
  if not accounts then
    return nil, account_match
  end
  local contacts, contact_match = {}, {}
  if deal.contact then
    contacts, contact_match = match_reads("contact", deal, known)
    if not contacts then
      return nil, contact_match
    end
  end
  local owners, err = owner_names(deal, known)
  if not owners then
    return nil, err
  end
  local reads = { { table = "opportunity", select = { known.key, known.columns.identifier },
    filter = known.columns.identifier .. " eq " .. dynamics.q(deal.id), orderby = "createdon asc",
    top = 10 } }
  local named = text.is_guid(deal.crm_id)
  if named then -- the row it names, if this CRM knows it
    reads[2] = { table = "opportunity", id = deal.crm_id, select = { known.key } }
  end
  local at_accounts, at_contacts = append(reads, accounts), append(reads, contacts)
  local at_owner = append(reads, owner_reads(owners))
  local lists
  lists, err = dynamics.batch_get(reads)
  if not lists then
    return nil, err
  end
  local found = { lines = {}, row = owner_of(lists[1], named and lists[2][1], known),
    match = { account = account_match, contact = contact_match } }
  local any = function() return true end
  found.account, err = choose("account", first_hits(lists, at_accounts, #accounts, any), deal,
    known, found.lines)
  if err then
    return nil, err
  end
  local ours = found.account and found.account.accountid
  found.contact, err = choose("contact", first_hits(lists, at_contacts, #contacts, function(row)
    return ours and row._parentcustomerid_value == ours
  end), deal, known, found.lines)
  if err then
    return nil, err
  end
  found.owner = owner_found(owners, lists, at_owner, found.lines)
  return found
end

-- ---- Values ----

-- Labels as the column takes them: an option's value, or of a column of several their list.
local function options(meta, name, value)
  local column, out = meta.columns[name], {}
  for i, label in ipairs(mapping_value.labels(column, value)) do
    local hits = mapping_value.options_called(column, label)
    if #hits ~= 1 then
      return broken(("%s.%s: %s option is called %q"):format(meta.logical, name,
        #hits == 0 and "no" or "more than one", label))
    end
    out[i] = hits[1].value
  end
  return mapping_value.is_several(column) and table.concat(out, ",") or out[1]
end

-- ctx.bind(table, {column = value}): exactly one hit.
local function bound(marker)
  local meta, err = dynamics.table(marker.table)
  if not meta then
    return nil, err
  end
  local pairs_, keys = {}, text.keys(marker.where)
  for _, name in ipairs(keys) do
    pairs_[#pairs_ + 1] = { name, marker.where[name] }
  end
  local filter
  filter, err = filter_of(meta, pairs_)
  if not filter then
    return nil, err or { kind = "data", text = "ctx.bind to " .. marker.table .. " names no value" }
  end
  local rows
  rows, err = dynamics.query(marker.table, { select = { meta.id }, filter = filter, top = 2 })
  if not rows then
    return nil, err
  elseif #rows ~= 1 then
    local _, why = broken(("ctx.bind: %s rows of %s where %s"):format(
      #rows == 0 and "no" or "several", marker.table, table.concat(keys, ", ")))
    why.hits = #rows
    return nil, why
  end
  return { table = marker.table, id = rows[1][meta.id] }
end

---A mapping's answer as values for the CRM: labels become options, binds become look-ups, long
---texts are cut.  (suspends)
---@param logical string
---@param v table
---@param lines string[]|nil  what is to be told goes there
---@return table|nil values, table|nil err
function M.values(logical, v, lines)
  local meta, err = dynamics.table(logical)
  if not meta then
    return nil, err
  end
  local out = {}
  for name, value in pairs(v) do
    local column = meta.columns[name]
    if not column then
      return broken(("the mapping sets %s.%s: the CRM has no such column%s"):format(logical, name,
        near(name, meta)))
    end
    if type(value) == "table" and value["$bind"] then
      value, err = bound(value["$bind"])
    elseif type(value) == "string" and mapping_value.is_option(column) then
      value, err = options(meta, name, value)
    elseif type(value) == "string" and mapping_value.is_text(column) and column.max then
      value = cuts.fit(logical .. "." .. name, value, column.max, lines)
    end
    if value == nil then
      return nil, err
    end
    out[name] = value
  end
  return out
end

---The account's country as the mapping writes it: a text, or a row of the table it looks up.
---(suspends)
---@param code string|nil  ISO 3166-1 alpha-2
---@param lines string[]  what is to be told goes there
---@return table|nil values  {[column] = value}, empty without a code, or if the CRM lacks its row
function M.country(code, known, lines)
  if not code then
    return {}
  end
  local answer, err = host.map { call = "country.from_code", code = code }
  if not answer then
    return nil, err
  end
  local field, value = known.country.field, answer.value
  if known.country.code then -- a look-up: by the ISO column of the row it names
    local targets = known.metas.account.columns[field].targets or {}
    value, err = bound { table = targets[1], where = { [known.country.code] = code } }
    if not value and not err.hits then
      return nil, err
    elseif not value then
      lines[#lines + 1] = say.item { key = "no-country-row", holes = { country = code } }
      return {}
    end
  end
  return value ~= json.null and { [field] = value } or {}
end

---The mapping's answer to a `create` or `update` question, as values for the CRM.  (suspends)
---@param call string  "account.create" ...
---@param deal table
---@param v table  the default's answer
---@param row table|nil
---@param lines string[]|nil  what is to be told goes there
function M.answer(call, deal, v, row, lines)
  local answer, err = host.map { call = call, d = deal, v = v, crm = row }
  if not answer then
    return nil, err
  end
  return M.values(call:match("^[^.]+"), answer.v, lines)
end

-- Rows that a deal's row carries with it; what the mapping keeps up to date there.
local CARRIED = { account = "parentaccountid", contact = "parentcontactid" }

-- Columns a mapping keeps up to date, those only whose answer differs from its last one, which is
-- noted.  (suspends)
local function fresh(logical, last, deal, row, known, lines)
  if not known.describe.has[logical .. ".update"] then
    return {}
  end
  local answer, err = host.map { call = logical .. ".update", d = deal, v = {}, crm = row }
  if not answer then
    return nil, err
  end
  local values, prefix = {}, CARRIED[logical] and logical .. "." or ""
  for name, value in pairs(answer.v) do
    local said = json.encode(value)
    if not erased.same(last[prefix .. name], said) then
      values[name], last[prefix .. name] = value, said
    end
  end
  if next(values) == nil then
    return values
  end
  return M.values(logical, values, lines)
end

---Columns a mapping keeps up to date: of the deal's row, and of its account and contact.
---(suspends)
---@param logical "opportunity"|"lead"
---@param link table
---@param deal table  the referral's side, canonical
---@param row table
---@param lines string[]|nil  what is to be told goes there
---@return table|nil values  of the row
---@return table|nil last  the mapping's answers, kept when they are written
---@return table[]|table|nil carried, or err  {table=, id=, values=} of the rows beside it
function M.updates(logical, link, deal, row, known, lines)
  local last, carried = {}, {}
  for name, said in pairs(link.mapped or {}) do
    last[name] = said
  end
  local values, err = fresh(logical, last, deal, row, known, lines)
  if not values then
    return nil, nil, err
  end
  for name, column in pairs(CARRIED) do
    local beside = row[column]
    if type(beside) == "table" then
      local more
      more, err = fresh(name, last, deal, beside, known, lines)
      if not more then
        return nil, nil, err
      elseif next(more) then
        carried[#carried + 1] = { op = "update", table = name, id = beside[name .. "id"],
          values = more }
      end
    end
  end
  return values, next(last) and last or nil, carried
end

---Whether the mapping keeps an account or a contact up to date.
function M.carries(known)
  local has = known.describe.has
  return has["account.update"] or has["contact.update"]
end

return M

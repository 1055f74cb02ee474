-- Taking one person out of the state: bases and links, lines, run records, conflicts, failures,
-- marks, kept files.  What the merge needs of him stays as digests (erased.lua); the rest becomes
-- "(erased)".  A deal that is being worked on is waited for, so that no turn brings him back.
-- It must never ask a service to change anything, nor touch a file outside the state.
local erased = require "erased"
local someone = require "someone"

local M = {}

local GONE = "(erased)"
local PAGE, FEW = 200, 5 -- rows read at once; of files, which are large, few
local META = "^meta:" -- marks: the CRM's own labels, by which choices are known
local WAIT_MS = 60000
local LOOK_MS = 50

-- ---- Looking ----

-- Every text of a place that may hold this person, with its page's other work in between.
local function each(place, sieve, visit)
  local after, most = "", place == "file" and FEW or PAGE
  repeat
    local rows = assert(host.erase.list(place, after, most))
    for _, row in ipairs(rows) do
      if sieve(row.text) and not (place == "mark" and row.key:find(META)) then
        visit(row)
      end
    end
    after = #rows > 0 and rows[#rows].key or after
    host.sleep(0)
  until #rows < most
end

local TEXTS = { failure = true } -- no JSON

local PLACES = { "link", "base", "note", "run", "job", "failure", "mark", "file", "doc" }

local function decoded(place, row)
  local value = not TEXTS[place] and json.decode(row.text) or nil
  return type(value) == "table" and value or nil
end

local function records(value, visit)
  if type(value) ~= "table" then
    return
  end
  local who = someone.of(value)
  if who then
    visit(who)
  end
  for _, member in pairs(value) do
    records(member, visit)
  end
end

local function all_records(one, visit)
  for _, place in ipairs(PLACES) do
    each(place, someone.sieve(one), function(row)
      records(decoded(place, row), visit)
    end)
  end
end

local function keys(set)
  local out = json.array {}
  for key in pairs(set) do
    out[#out + 1] = key
  end
  table.sort(out)
  return out
end

---Completes what is known of a person by what his records say.  (suspends)
---@param one Someone
---@return true|nil, string[]|nil several  addresses: the name or number is several persons'
function M.learn(one)
  local emails, more = {}, { names = {}, phones = {} }
  all_records(one, function(who)
    if someone.is(one, who) then
      emails[who.email or ""] = true
      more.names[who.name or ""], more.phones[who.phone or ""] = true, true
    end
  end)
  emails[""], more.names[""], more.phones[""] = nil, nil, nil
  if one.asked ~= "email" then
    local several = keys(emails)
    if #several > 1 then
      return nil, several
    end
    one.emails = emails
  end
  -- A name or number that somebody else has as well names nobody in a text.
  local found = { emails = one.emails, names = more.names, phones = more.phones }
  all_records(found, function(who)
    if who.email and not one.emails[who.email] then
      more.names[who.name or ""], more.phones[who.phone or ""] = nil, nil
    end
  end)
  for _, kind in ipairs { "names", "phones" } do
    for value in pairs(more[kind]) do
      one[kind][value] = true
    end
  end
  return true
end

-- ---- Rewriting ----

-- A value with each text of this person replaced by put(text, masked).
local function rewritten(one, value, put)
  local finder = someone.finder(one)
  local function text_of(text, his)
    local masked, n = finder(text, GONE)
    if (n > 0 or his) and not erased.is(text) and text ~= GONE and text ~= "" then
      return put(text, n > 0 and masked or GONE)
    end
    return text
  end
  local function walk(at)
    local who = someone.of(at)
    local his = who and someone.is(one, who)
    for name, member in pairs(at) do
      if type(member) == "table" then
        walk(member)
      elseif type(member) == "string" then
        at[name] = text_of(member, his and someone.members[name])
      end
    end
  end
  if type(value) == "string" then
    return text_of(value, false)
  elseif type(value) == "table" then
    walk(value)
  end
  return value
end

-- The same with what stays readable around it; -> value, how many texts
local function masked(one, value)
  local n = 0
  value = rewritten(one, value, function(_, text)
    n = n + 1
    return text
  end)
  return value, n
end

local function text_masked(one, place, row)
  local value = decoded(place, row)
  if not value then
    return masked(one, row.text)
  end
  local n
  value, n = masked(one, value)
  return place == "file" and json.pretty(value) or json.encode(value), n
end

-- ---- Deals ----

-- What of a link is compared with its sides: digests.
local COMPARED = { { "intent", "crm", "deal" }, { "intent", "partner", "crm" },
  { "intent", "partner", "sent" }, { "writing", "values" }, { "writing", "sets" }, { "mapped" } }

-- Takes the part of a link out; -> it, and what puts it back
local function part_of(doc, path)
  local at = doc
  for i = 1, #path - 1 do
    at = type(at) == "table" and at[path[i]] or nil
  end
  local name = path[#path]
  local part = type(at) == "table" and at[name] or nil
  if part == nil then
    return nil
  end
  at[name] = nil
  return part, function(value) at[name] = value end
end

-- Conflicts that were announced are no more to be decided.
local function without_his(one, list)
  local out = json.array {}
  for _, conflict in ipairs(list) do
    local _, n = masked(one, conflict)
    out[#out + 1] = n == 0 and conflict or nil
  end
  return out
end

local function drop_conflicts(one, doc)
  for _, at in ipairs { doc.writing or false, doc.pending or false,
    doc.pending and doc.pending.earlier or false } do
    if at and at.conflicts then
      at.conflicts = without_his(one, at.conflicts)
    end
  end
end

-- A link and its bases without this person.  What a person has ordered is yet to be written, and
-- stays.  -> how many values; whether such an order holds him
local function erase_link(one, id, plan)
  local doc = host.store.link_get(id)
  if not doc then
    return 0, false
  end
  local orders = json.encode(doc.orders or {})
  local _, ordered = masked(one, doc.orders)
  doc.orders = nil
  local marks, n = {}, 0
  for _, mark in ipairs(doc.erased or {}) do
    marks[mark] = true
  end
  local function digest(text)
    n = n + 1
    local mark = erased.of(text)
    marks[mark] = true
    return mark
  end
  local bases = {}
  for _, side in ipairs { "crm", "partner" } do
    local base = host.store.base_get(id, side)
    bases[side] = base and rewritten(one, base, digest)
  end
  local back = {}
  for _, path in ipairs(COMPARED) do
    local part, put = part_of(doc, path)
    if part then
      part = rewritten(one, part, digest)
      back[#back + 1] = function() put(part) end
    end
  end
  drop_conflicts(one, doc)
  local _, rest = masked(one, doc)
  if plan or n + rest == 0 then
    return n + rest, ordered > 0
  end
  for _, put in ipairs(back) do
    put()
  end
  orders = json.decode(orders)
  doc.orders = next(orders) and orders or nil
  doc.erased = next(marks) and keys(marks) or nil
  assert(host.store.link_set(id, doc))
  for side, base in pairs(bases) do
    assert(host.store.base_set(id, side, base))
  end
  return n + rest, ordered > 0
end

-- Whether somebody works on this deal now: his copy of it would come back.
local function is_busy(id)
  for _, job in ipairs(host.queue.list { state = "running", most = 1000 }) do
    if job.lane == "link:" .. id then
      return true
    end
  end
  return false
end

-- Whether a value has this person's record; his mentions are known by his records, so whatever has
-- one goes last: who runs this again after a kill finds the rest.
local function has_record(one, value)
  local has = false
  records(value, function(who) has = has or someone.is(one, who) end)
  return has
end

local function is_due(one, how, value)
  return has_record(one, value) == how.with_record
end

local function links_of(one)
  local ids = {}
  each("link", someone.sieve(one), function(row) ids[math.tointeger(tonumber(row.key))] = true end)
  each("base", someone.sieve(one), function(row) ids[math.tointeger(tonumber(row.what))] = true end)
  return keys(ids)
end

local function deals(one, report, how)
  local until_ms = host.now_ms() + WAIT_MS
  local at_work = how.serving and not how.plan
  for _, id in ipairs(links_of(one)) do
    while at_work and is_busy(id) and host.now_ms() < until_ms do
      host.sleep(LOOK_MS)
    end
    local due = is_due(one, how, { host.store.link_get(id) or false,
      host.store.base_get(id, "crm") or false, host.store.base_get(id, "partner") or false })
    if due and at_work and is_busy(id) then
      table.insert(report.busy, id)
    elseif due then
      local n, ordered = erase_link(one, id, how.plan)
      report.waiting = report.waiting + (ordered and 1 or 0)
      if n > 0 then
        table.insert(report.deals, id)
        report.values = report.values + n
      end
    end
    host.sleep(0)
  end
end

-- ---- The other places ----

local COUNTED = { note = "lines", run = "runs", failure = "failures", mark = "marks",
  file = "files", doc = "documents" }

-- A role of the file set as the file that it is in the profile's folder.
local function file_of(role)
  local fixture = role:match "^fixture:(.+)$"
  return fixture and ("fixtures/%s.json"):format(fixture) or role .. ".lua"
end

local function rows_of(one, place, report, how, set)
  each(place, someone.sieve(one), function(row)
    local due = is_due(one, how, decoded(place, row))
    local text, n = text_masked(one, place, row)
    if due and n > 0 then
      local counted = row.what == "conflict" and place == "note" and "conflicts" or COUNTED[place]
      report[counted] = report[counted] + 1
      if not how.plan then
        set(row, text)
      end
      if place == "file" then
        report.named[file_of(row.what)] = true
      end
    end
  end)
end

local function set_text(place)
  return function(row, text)
    if place == "note" and row.what == "conflict" then -- nothing is left to decide
      assert(host.store.note_drop(math.tointeger(tonumber(row.key))))
    else
      assert(host.erase.set(place, row.key, text))
    end
  end
end

-- Of jobs, what has failed is told of: that can go.  What is yet to be written can't: it is named.
local function jobs(one, report, how)
  each("job", someone.sieve(one), function(row)
    local due = is_due(one, how, decoded("job", row))
    local text, n = text_masked(one, "job", row)
    if due and n > 0 and row.what == "report" then
      report.failures = report.failures + 1
      if not how.plan then
        assert(host.erase.set("job", row.key, text))
      end
    elseif due and n > 0 then
      report.waiting = report.waiting + 1
    end
  end)
end

---@class Erased
---@field deals integer[]     whose bases and links held him
---@field values integer      in them
---@field lines integer       notes: audit lines, findings
---@field conflicts integer   taken off the list
---@field runs integer
---@field failures integer    texts of jobs, and reports of them
---@field marks integer
---@field files integer       kept copies of the profile's files
---@field documents integer
---@field named string[]      the names of those files
---@field waiting integer     jobs and orders that are yet to write him: left as they are
---@field busy integer[]      deals that were being worked on the whole time

---Takes a person out of the state, or counts what would go.  (suspends)
---@param one Someone
---@param how { plan: boolean|nil, serving: boolean|nil }  plan: counts alone; serving: jobs run
---@return Erased
function M.run(one, how)
  local report = { deals = json.array {}, busy = json.array {}, values = 0, lines = 0,
    conflicts = 0, runs = 0, failures = 0, marks = 0, files = 0, documents = 0, waiting = 0,
    named = {} }
  for _, with_record in ipairs { false, true } do
    local part = { plan = how.plan, serving = how.serving, with_record = with_record }
    deals(one, report, part)
    for _, place in ipairs { "note", "run", "failure", "mark", "file", "doc" } do
      rows_of(one, place, report, part, set_text(place))
    end
    jobs(one, report, part)
  end
  report.named = keys(report.named)
  return report
end

return M

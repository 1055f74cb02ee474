-- Deals of both sides that look alike and that nothing joins: no identifier on the row, no CRM id
-- at the referral (reconcile rule 2's last way: customer, name and value).  A comparison finds
-- them; a person says whether they are one deal (`cosell deal join`, `sync --all --apply --join`)
-- or two (`cosell deal part`).  Until then nothing is made of either, however long that takes: a
-- deal that waits can still be sent, a duplicate can never be taken back.  A later comparison in
-- which they differ ends it too.
-- Also owns the survey of a new state: before it has compared both sides once it makes nothing,
-- so that what a former user has on both sides is known first.
-- Owns the marks "survey", "alike:ID" and "parted:ID", and the notes of kind "alike".  It must
-- never choose between several.
local canonical = require "canonical"
local dynamics = require "dynamics"
local facts = require "facts"
local helper = require "flows.helper"
local links = require "links"
local fold = require("mapping_env").fold
local partner_center = require "partner_center"
local partner_center_to_dynamics = require "flows.partner_center_to_dynamics"
local say = require "say"
local text = require "text"

local M = {}

local NOTE, SURVEY, HELD, PARTED = "alike", "survey", "alike:", "parted:"
local WAIT_MS = 1000    -- between two looks whether the survey has ended
local MOST = 100000 -- notes in one list
local PART = 500        -- notes between two commits

---@class Alike  deals that look the same
---@field name string
---@field customer string
---@field value string
---@field currency string
---@field rows string[]       ids; one of each: a pair
---@field referrals string[]

-- ---- What a comparison sees ----

-- Of the comparison under way; gone with this generation, see M.count.
local by_key, by_row, count = {}, {}, 0
local groups = {} ---@type table<string, Alike>

---A comparison begins.
function M.begin()
  by_key, by_row, count, groups = {}, {}, 0, {}
end

---How many referrals are looked for; if the comparison has kept another number they are lost.
function M.count()
  return count
end

-- What makes two deals look the same; nil if one of it is missing.
local function key_of(deal, customer)
  if not (customer and deal.name and deal.currency) or canonical.is_zero(deal.value) then
    return nil
  end
  return table.concat({ fold(customer), fold(deal.name), deal.value, deal.currency:upper() }, "\n")
end

---An open referral of ours that no row has.
---@param referral table
---@param note integer|nil  the finding that it makes
---@return boolean  it is looked for
function M.candidate(referral, known, note)
  local id = referral.id:lower()
  if referral.status == "Closed" or host.store.mark_get(PARTED .. id) then
    return false
  end
  local one = { id = id, engagement = referral.engagementId, note = note }
  local named = canonical.given(referral.externalReferenceId)
  if text.is_guid(named) then
    by_row[named:lower()] = one
  else
    local deal = canonical.from_partner(referral, nil, known)
    local key = key_of(deal, deal.customer.name)
    if not key then
      return false
    end
    by_key[key] = by_key[key] or {}
    table.insert(by_key[key], one)
  end
  count = count + 1
  return true
end

---The pages of open rows without an identifier.
---@param from string|nil
function M.pages(known, from)
  return dynamics.pages(known.table, { select = known.select,
    expand = known.deal_value.custom and known.expand or "parentaccountid($select=name)",
    filter = ("statecode eq 0 and %s eq null"):format(known.columns.identifier),
    orderby = known.key .. " asc", from = from })
end

-- The row that a referral names: it is on both sides (found.lua's case).
local function named_by(one, known, id)
  local link, err = links.of_row(known.table, id)
  if not link then
    return nil, err
  end
  return partner_center_to_dynamics.join({ id = one.id, engagementId = one.engagement,
    externalReferenceId = id }, "found") and link.id
end

---A row of those pages.
---@return "found"|"alike"|nil  found: a referral names it
---@return integer|nil link, integer[]|nil notes  of the referrals that are not alone any more
function M.row(row, known)
  local id = row[known.key]
  local link = links.by_row(known.table, id)
  link = link and links.get(link)
  if link and (link.engagement or link.intent) then
    return nil
  elseif by_row[id] then
    return "found", named_by(by_row[id], known, id), { by_row[id].note }
  end
  local deal, account = canonical.crm_columns(row, known), canonical.given(row.parentaccountid)
  local key = key_of(deal, account and canonical.text(account.name))
  local hits = key and by_key[key]
  if not hits then
    return nil
  end
  local group, notes = groups[key], {}
  if not group then
    group = { name = deal.name, customer = account.name, value = deal.value,
      currency = deal.currency, rows = json.array {}, referrals = json.array {} }
    groups[key] = group
    for i, one in ipairs(hits) do
      group.referrals[i], notes[i] = one.id, one.note
    end
  end
  table.insert(group.rows, id)
  return "alike", nil, notes
end

-- ---- What is kept of it ----

local function ids_of(group)
  local out = {}
  for _, name in ipairs { "rows", "referrals" } do
    table.move(group[name], 1, #group[name], #out + 1, out)
  end
  return out
end

local function hold(group)
  local note, err = host.store.note_add(0, NOTE, group)
  if not note then
    return nil, err
  end
  local mark = json.encode { note = note, doc = group }
  for _, id in ipairs(ids_of(group)) do
    host.store.mark_set(HELD .. id, mark)
  end
  return true
end

---@return {note: integer, doc: Alike}|nil
local function held(id)
  local mark = host.store.mark_get(HELD .. id:lower())
  return mark and json.decode(mark) or nil
end

-- What another group holds by now stays held.
local function let_go(note)
  for _, id in ipairs(ids_of(note.doc)) do
    local now = held(id)
    if now and now.note == note.note then
      host.store.mark_set(HELD .. id, nil)
    end
  end
  return host.store.note_drop(note.note)
end

---Those that wait for a person.
---@param most integer|nil
---@return {note: integer, doc: Alike}[]
function M.list(most)
  return host.store.note_list(nil, NOTE, most or MOST)
end

---The comparison has seen all rows: what it found stands in the place of what an earlier one did.
---(suspends)
---@return integer|nil n, table|nil err
function M.keep()
  local before, n = M.list(), 0
  for _, group in pairs(groups) do
    n = n + 1
    local ok, err = hold(group)
    if not ok then
      return nil, err
    elseif n % PART == 0 then
      host.sleep(0)
    end
  end
  for i, note in ipairs(before) do
    let_go(note)
    if i % PART == 0 then
      host.sleep(0)
    end
  end
  if n > 0 then
    host.log("warn", ("%d deals look the same on both sides, nothing is made of them: " ..
      "see `cosell sync --all`"):format(n))
  end
  M.begin()
  return n
end

-- ---- What waits for it ----

---A new state has to compare both sides once before it makes anything.
function M.survey_due()
  host.store.mark_set(SURVEY, "due")
  return host.queue.put { kind = "survey", key = SURVEY, payload = {} }
end

---A whole comparison has ended.
function M.surveyed()
  return host.store.mark_get(SURVEY) == nil or host.store.mark_set(SURVEY, nil)
end

---Whether a former user has anything at Partner Center; else there is nothing to compare.
---(suspends)
---@return boolean|nil, table|nil err
function M.anything_there()
  local rows, err = partner_center.pages { orderby = "createdDateTime asc" }()
  if rows == false then
    return nil, err
  end
  return rows ~= nil and links.copies(rows) ~= nil
end

---Whether something may be made for a row, or for a referral, that the other side lacks.
---@param id string  of the row or the referral
---@return string|nil why, integer|nil wait_ms  nil: it may
function M.hold(id)
  if host.store.mark_get(SURVEY) then
    return "both sides are compared first, since this state is new", WAIT_MS
  elseif host.store.mark_get(HELD .. id:lower()) then
    return ("it looks like a deal that the other side has: `cosell deal join` if they are one, " ..
      "`cosell deal part %s` if they are not"):format(id)
  end
  return nil
end

-- ---- What a person says ----

local function refused(words, ...)
  return nil, { kind = "data", text = words:format(...) }
end

-- The others of a group wait on, if there are any on both sides.
local function leave_group(note, row, referral)
  let_go(note)
  local group, gone = note.doc, { [row] = true, [referral] = true }
  for _, name in ipairs { "rows", "referrals" } do
    local rest = json.array {}
    for _, id in ipairs(group[name]) do
      rest[#rest + 1] = not gone[id] and id or nil
    end
    group[name] = rest
  end
  if #group.rows > 0 and #group.referrals > 0 then
    return hold(group)
  end
  return M.go_on(group)
end

-- Why a referral cannot be joined with the row of link, or the link that holds it by now.
local function free_referral(link, referral)
  if not links.copies { referral } then
    return refused("that referral is Microsoft's: name ours")
  elseif link.engagement and link.engagement ~= referral.engagementId:lower() then
    return refused("the row is linked with another referral")
  end
  local id = links.by_engagement(referral.engagementId)
  local holder = id and id ~= link.id and links.get(id) or nil
  if holder and (holder.crm or holder.intent) then
    return refused("the referral is linked with another row")
  end
  return true, holder
end

-- The row says that it synchronises, and names no other referral.
local function ready_row(link, known, referral)
  local turn = { link = link, known = known, trigger = "order" }
  local ok, err = helper.read(turn)
  if not ok then
    return nil, err
  end
  local id = canonical.given(turn.row[known.columns.identifier])
  if id and id:lower() ~= referral.id:lower() then
    return refused("the row names another referral, %s: clear its identifier first", id)
  elseif turn.row[known.columns.sync] == true then
    return true
  end
  return helper.write(turn, { to_crm = {}, extra = { [known.columns.sync] = true } },
    { say "joined-by-order" })
end

---Joins a row with a referral, in the row's lane; the reconcile then merges both, as with any deal
---that was adopted.  (suspends)
---@param link Link  the row's
---@param order {referral: string}
---@return true|nil, table|nil err
function M.join(link, order)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local referral
  referral, err = partner_center.get(order.referral)
  if not referral then
    return nil, err
  end
  local ok, holder = free_referral(link, referral)
  if ok then
    ok, err = ready_row(link, known, referral)
  else
    err = holder
  end
  if not ok then
    return nil, err
  end
  if holder then
    links.absorb(link, holder)
  end
  link.engagement, link.ours = referral.engagementId:lower(), { id = referral.id:lower() }
  link.state, link.adopted, link.told, link.crm.tag = "open", true, nil, nil
  ok, err = links.keep(link)
  local note = ok and (held(link.crm.id) or held(referral.id))
  if note then
    leave_group(note, link.crm.id, referral.id:lower())
  end
  return ok, err
end

---The handler of `join` jobs: a pair that a person has confirmed with all others.
---@param payload {link: integer, referral: string}
function M.job(payload)
  local link = links.get(payload.link)
  if not link or link.adopted and link.engagement then
    return true
  end
  local ok, err = M.join(link, payload)
  return ok and links.wake(link.id, "order"), err
end

---Joins each pair of which neither has another likeness.  (suspends)
---@return integer|nil n, table|nil err
function M.join_all()
  local n = 0
  for _, note in ipairs(M.list()) do
    local group = note.doc
    if #group.rows == 1 and #group.referrals == 1 then
      local link, err = links.of_row("opportunity", group.rows[1])
      if not link then
        return nil, err
      end
      host.queue.put { kind = "join", lane = "link:" .. link.id, key = "join:" .. link.id,
        payload = { link = link.id, referral = group.referrals[1] } }
      n = n + 1
      host.sleep(0)
    end
  end
  return n
end

---Each of a group goes its own way: what waits is made now.
---@param group Alike
function M.go_on(group)
  for _, id in ipairs(group.rows) do
    local link = links.by_row("opportunity", id)
    if link then -- Sync is on, or was
      links.wake(link, "order")
    end
  end
  for _, id in ipairs(group.referrals) do
    partner_center_to_dynamics.look(id, "order")
  end
  return true
end

---They are not the same deal.
---@param id string  of a row or a referral that waits
---@return true|nil, table|nil err
function M.part(id)
  local note = held(id)
  if not note then
    return refused("nothing that looks the same is known of %s", id)
  end
  for _, referral in ipairs(note.doc.referrals) do
    host.store.mark_set(PARTED .. referral, "1")
  end
  let_go(note)
  return M.go_on(note.doc)
end

return M

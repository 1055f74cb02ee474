-- The comparison of both sides: every deal, page by page, each side against its own base.  Daily by
-- itself, where it brings what an event, a poll or a delta has missed; by hand as `cosell sync
-- --all`, which reports, and with `--apply` sets right what differs, adopts what was found, and
-- ends a pause (rule 15).  It costs pages only: what is equal is not asked for again.
-- Owns the mark "sweep" (where it stands: a restart goes on from there) and the notes of kind
-- "differs".  It must never write to a service: it wakes deals.
local agreement = require "agreement"
local brakes = require "brakes"
local canonical = require "canonical"
local dynamics = require "dynamics"
local facts = require "facts"
local fields = require "fields"
local links = require "links"
local partner_center = require "partner_center"
local partner_center_to_dynamics = require "flows.partner_center_to_dynamics"
local text = require "text"

local M = {}

local MARK, NOTE = "sweep", "differs"
local STALE_MS = 60 * 60 * 1000 -- an older beginning is not gone on with
local WORD = 64
local PAGE_MS = 60 * 1000 -- longer than a page takes: whoever compares has not gone away

-- One comparison at a time in this host; who was broken off is over after a page's time.
local busy_until = 0

---@class Sweep
---@field began_ms integer
---@field step "crm"|"partner"|"links"
---@field from string|nil   what comes next of this step
---@field pages integer
---@field crm integer       rows read
---@field partner integer   referrals of ours read
---@field equal integer     deals that are equal on both sides
---@field differ integer
---@field fields table<string, integer>  name -> deals that differ in it
---@field only_crm integer      rows with Sync on and no deal
---@field only_partner integer  referrals that no row has
---@field found integer         on both sides, not adopted
---@field gone integer          linked, and one side was not there
---@field seen {crm: integer[], partner: integer[], differs: integer[]}  links, a bit each

local function fresh()
  return { began_ms = host.now_ms(), step = "crm", pages = 0, crm = 0, partner = 0, equal = 0,
    differ = 0, fields = {}, only_crm = 0, only_partner = 0, found = 0, gone = 0,
    seen = { crm = json.array {}, partner = json.array {}, differs = json.array {} } }
end

-- ---- Sets of links, a bit each: 100,000 of them are 12 kB ----

local function put(set, id)
  local word = id // WORD + 1
  for i = #set + 1, word do
    set[i] = 0
  end
  set[word] = set[word] | 1 << id % WORD
end

local function has(set, id)
  return (set[id // WORD + 1] or 0) & 1 << id % WORD ~= 0
end

-- ---- What differs ----

local function note_difference(s, id, kind, names)
  if has(s.seen.differs, id) and kind == "differs" then
    s.differ = s.differ - 1
  end
  put(s.seen.differs, id)
  if kind == "differs" then
    s.differ = s.differ + 1
  end
  for _, name in ipairs(names or {}) do
    s.fields[name] = (s.fields[name] or 0) + 1
  end
  host.store.note_add(id, NOTE, { kind = kind, fields = names })
end

-- Not at rest for good, and not waiting for a person.
local function is_live(link)
  return link.state == "open" and not link.frozen
end

local function differing(link, side, now, only)
  local names = agreement.differs(link, side, now, only)
  return names or json.array { "everything" }
end

local SOLUTIONS = { solutions = true }

local function crm_row(s, row, known)
  s.crm = s.crm + 1
  local on = row[known.columns.sync] == true
  local id = links.by_row(known.table, row[known.key])
  if not id then
    if on then
      s.only_crm = s.only_crm + 1
      host.store.note_add(0, NOTE, { kind = "only_crm", row = row[known.key],
        name = row[known.columns.name] })
    end
    return
  end
  put(s.seen.crm, id)
  local link = links.get(id)
  if link.state == "found" then
    s.found = s.found + 1
    note_difference(s, id, "found")
  elseif on == (link.state == "suspended") and link.state ~= "deleted" then
    note_difference(s, id, "differs", { "sync" })
  elseif on and link.engagement and is_live(link) then
    local names
    if link.crm.tag == row["@odata.etag"] and not link.waits then
      names = differing(link, "crm", { solutions = canonical.crm_solutions(row, known) }, SOLUTIONS)
    else
      names = differing(link, "crm", canonical.from_crm(row, known))
    end
    if brakes.older(link.crm.tag, row["@odata.etag"]) then -- a look at the one row proves it
      names[#names + 1] = "version"
    end
    if #names > 0 or link.intent or link.pending or link.orders then
      note_difference(s, id, "differs", names)
    end
  elseif on and is_live(link) then
    s.only_crm = s.only_crm + 1
    note_difference(s, id, "only_crm")
  end
end

-- What the referral of ours says without Microsoft's copy.
local OURS = {}
for _, field in ipairs(fields.rows) do
  OURS[field.name] = field.path ~= nil and field.by ~= "action" or field.name == "state" or nil
end

local function partner_row(s, referral, known)
  if not (text.is_guid(referral.id) and text.is_guid(referral.engagementId)) then
    return
  end
  local id = links.by_engagement(referral.engagementId)
  local link = id and links.get(id)
  local ours = links.copies { referral }
  s.partner = s.partner + (ours and 1 or 0)
  if not link or (not link.crm and not link.intent) then
    if ours then
      s.only_partner = s.only_partner + 1
      host.store.note_add(0, NOTE, { kind = "only_partner", referral = referral.id:lower(),
        name = referral.name, closed = referral.status == "Closed",
        updated = referral.updatedDateTime })
    end
    return
  elseif ours then
    put(s.seen.partner, id)
  end
  local copy = ours and link.ours or link.theirs
  if not is_live(link) or (copy and copy.tag == referral.eTag and not link.waits) then
    return
  end
  local names = ours and
    differing(link, "partner", canonical.from_partner(referral, nil, known), OURS) or
    json.array { "microsoft_state" }
  if #names > 0 then
    note_difference(s, id, "differs", names)
  end
end

-- ---- The three steps: the CRM's pages, Partner Center's pages, what neither showed ----

local function save(s)
  host.store.mark_set(MARK, json.encode(s))
end

-- One page: its rows, and where the next one is, in one commit.
local function step_page(s, rows, from, each, known, then_step)
  for _, row in ipairs(rows) do
    each(s, row, known)
  end
  s.pages = s.pages + 1
  s.from = from
  if not from then
    s.step = then_step
  end
  save(s)
end

local STEPS = {}

function STEPS.crm(s, known)
  local filter = ("%s eq true or %s ne null"):format(known.columns.sync, known.columns.identifier)
  return dynamics.pages(known.table, { select = known.select, expand = known.expand,
    filter = filter, orderby = known.key .. " asc", from = s.from }), crm_row, "partner"
end

function STEPS.partner(s)
  return partner_center.pages { orderby = "createdDateTime asc", from = s.from }, partner_row,
    "links"
end

-- Linked deals of which a side was not shown: deleted, gone, or missed by a moving list; a look at
-- the one deal says which.
local function unseen(s)
  local after = 0
  repeat
    local list = host.store.link_list(after, 500)
    for _, item in ipairs(list) do
      local link = item.doc
      after = item.id
      if link.crm and link.crm.table == "lead" then -- read with its own table
        if is_live(link) then
          s.equal = s.equal + 1
        end
      elseif link.crm and link.engagement and is_live(link) and
        not (has(s.seen.crm, item.id) and has(s.seen.partner, item.id)) then
        s.gone = s.gone + 1
        note_difference(s, item.id, "gone")
      elseif link.crm and link.engagement and not has(s.seen.differs, item.id) then
        s.equal = s.equal + 1
      end
    end
  until #list == 0
  s.step, s.ended_ms = "done", host.now_ms()
  save(s)
end

-- Notes of an earlier comparison.
local function clear_notes()
  repeat
    local notes = host.store.note_list(nil, NOTE, 500)
    for _, note in ipairs(notes) do
      host.store.note_drop(note.note)
    end
  until #notes == 0
end

---Where the comparison stands that was done or begun last.
---@return Sweep|nil
function M.last()
  local mark = host.store.mark_get(MARK)
  return mark and json.decode(mark) or nil
end

---Compares both sides; goes on with one that was broken off within the hour.  (suspends)
---@param progress fun(s: Sweep)|nil  called after each page
---@return Sweep|nil, table|nil err
function M.compare(progress)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  if host.now_ms() < busy_until then
    return nil, { kind = "busy", wait_ms = PAGE_MS, text = "a comparison is under way already" }
  end
  local s = M.last()
  if not s or s.step == "done" or host.now_ms() - s.began_ms > STALE_MS then
    clear_notes()
    s = fresh()
  end
  while STEPS[s.step] do
    busy_until = host.now_ms() + PAGE_MS
    local pages, each, then_step = STEPS[s.step](s, known)
    for rows, from in pages do
      if not rows then
        busy_until = 0
        return nil, from
      end
      step_page(s, rows, from, each, known, then_step)
      busy_until = host.now_ms() + PAGE_MS
      if progress then
        progress(s)
      end
    end
  end
  unseen(s)
  busy_until = 0
  return s
end

-- ---- Setting right ----

local function adopt(id)
  return links.edit(id, function(doc)
    doc.adopted, doc.state = true, doc.state == "found" and "open" or doc.state
  end)
end

-- A person has seen that the CRM, or our state, is another than we knew: what it shows now counts.
local function accept_versions(id)
  links.edit(id, function(doc)
    doc.said = nil
    if doc.crm then
      doc.crm.tag = nil
    end
  end)
end

-- What is done about one finding.  all: a person asked for it, with the report before his eyes.
local function act_on(note, all)
  local doc = note.doc
  if doc.kind == "only_partner" then
    local born = text.iso(tonumber(host.store.mark_get "born") or 0)
    if not doc.closed and (all or tostring(doc.updated) > born) then
      return partner_center_to_dynamics.look(doc.referral, "sweep")
    end
    return nil
  elseif doc.kind == "only_crm" and note.link == 0 then
    local link = links.of_row("opportunity", doc.row)
    return link and links.wake(link.id, "sweep")
  elseif doc.kind == "found" then
    return all and adopt(note.link) and links.wake(note.link, "sweep")
  elseif all then
    accept_versions(note.link)
  end
  return links.wake(note.link, "sweep")
end

---Acts on what the last comparison found.
---@param all boolean  a person has seen the report: ends a pause, adopts, brings older deals
---@return integer woken
function M.apply(all)
  local woken = 0
  local count = all and function() end or brakes.round "many_changes"
  if all then
    brakes.release()
  end
  repeat
    local notes = host.store.note_list(nil, NOTE, 500)
    for _, note in ipairs(notes) do
      host.store.note_drop(note.note)
      if note.doc.kind == "differs" or note.doc.kind == "gone" then
        count()
      end
      woken = woken + (act_on(note, all) and 1 or 0)
    end
  until #notes == 0
  return woken
end

local function bring(trigger)
  local s, err = M.compare()
  if not s then
    return nil, err
  end
  local woken = brakes.on() and 0 or M.apply(false)
  host.queue.retry()
  host.run { flow = "sweep", trigger = trigger, outcome = "compared",
    detail = { text = ("%d deals equal, %d differ, %d looked at"):format(s.equal, s.differ,
      woken) } }
  return true
end

---The handler of the daily tick: compares, wakes what differs, gives dead letters another try.
---@return integer|nil  again in that many ms
function M.daily()
  local hours = host.profile.settings.sweep_hours or 24
  local last = M.last()
  local due = (last and last.began_ms or tonumber(host.store.mark_get "born") or host.now_ms()) +
    hours * 3600 * 1000
  local wait = due - host.now_ms()
  if wait > 0 and (not last or last.step == "done") then
    return wait
  end
  local ok, err = bring "daily"
  return ok and hours * 3600 * 1000 or nil, err
end

---The handler of `sweep` jobs: now, since a flow is on again.
function M.job()
  return bring "switch"
end

return M

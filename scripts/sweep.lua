-- The comparison of both sides: every deal, page by page, each side against its own base.  Daily by
-- itself, where it brings what an event, a poll or a delta has missed; by hand as `cosell sync
-- --all`, which reports, and with `--apply` sets right what differs, adopts what was found, and
-- ends a pause (rule 15).  It costs pages only: what is equal is not asked for again.  A page, or a
-- part of the links, is a commit: no step is longer where there are more deals.
-- Owns the mark "sweep" (where it stands: a restart goes on from there) and the notes of kind
-- "differs".  It must never write to a service: it wakes deals.
local agreement = require "agreement"
local brakes = require "brakes"
local canonical = require "canonical"
local dynamics = require "dynamics"
local facts = require "facts"
local fields = require "fields"
local helper = require "flows.helper"
local link_sets = require "link_sets"
local links = require "links"
local partner_center = require "partner_center"
local partner_center_to_dynamics = require "flows.partner_center_to_dynamics"
local text = require "text"
local twins = require "twins"

local M = {}

local put, has = link_sets.put, link_sets.has
local MARK, NOTE = "sweep", "differs"
local STALE_MS = 60 * 60 * 1000 -- an older beginning is not gone on with
local PAGE_MS = 60 * 1000 -- longer than a page takes: whoever compares has not gone away

local PART = 500 -- links or notes between two commits

-- One comparison at a time in this host.  A person's takes over, since the caller of the other may
-- be gone, and goes on from its mark; jobs wait until a page's time has passed without a page.
local owner, busy_until = 0, 0

---@class Sweep
---@field began_ms integer
---@field step "crm"|"partner"|"alike"|"links"
---@field from string|integer|nil   what comes next of this step
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
---@field marked integer        rows with a mark in their name though marks are switched off
---@field sought integer        what step "alike" looks for
---@field alike integer         of twins.lua
---@field kept boolean|nil      that is kept
---@field seen LinkSets|nil  kept beside it

local function fresh()
  return { began_ms = host.now_ms(), step = "crm", pages = 0, crm = 0, partner = 0, equal = 0,
    differ = 0, fields = {}, only_crm = 0, only_partner = 0, found = 0, gone = 0, sought = 0,
    alike = 0, marked = 0 }
end

-- Where the comparison stands now, in this step's commit.
local function save(s)
  local seen = s.seen
  link_sets.save(seen)
  s.seen = nil
  local ok, err = host.store.mark_set(MARK, json.encode(s))
  s.seen = seen
  return ok, err
end

-- ---- What differs ----

local function note_difference(s, id, kind, names)
  if has(s, "differs", id) and kind == "differs" then
    s.differ = s.differ - 1
  end
  put(s, "differs", id)
  if kind == "differs" then
    s.differ = s.differ + 1
  end
  for _, name in ipairs(names or {}) do
    s.fields[name] = (s.fields[name] or 0) + 1
  end
  return host.store.note_add(id, NOTE, { kind = kind, fields = names })
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

local only_crm = {} -- row -> its finding; one that is lost is listed twice

-- A known tag proves the row, but not the rows of its solutions.
local function row_differing(link, row, known)
  local now = { solutions = canonical.crm_solutions(row, known) }
  if link.crm.tag == row["@odata.etag"] and not link.waits then
    return differing(link, "crm", now, SOLUTIONS)
  end
  for name, value in pairs(canonical.crm_columns(row, known)) do
    now[name] = value
  end
  return differing(link, "crm", now, fields.sets.travels)
end

local function crm_row(s, row, known)
  s.crm = s.crm + 1
  local on = row[known.columns.sync] == true
  local id = links.by_row(known.table, row[known.key])
  if not id then
    if on then
      s.only_crm = s.only_crm + 1
      only_crm[row[known.key]] = host.store.note_add(0, NOTE, { kind = "only_crm",
        row = row[known.key], name = row[known.columns.name] })
    end
    return
  end
  put(s, "crm", id)
  local link = links.get(id)
  if on and is_live(link) and helper.marked { row = row, known = known } then
    s.marked = (s.marked or 0) + 1
    host.store.note_add(id, NOTE, { kind = "marked" })
  end
  if link.state == "found" then
    s.found = s.found + 1
    note_difference(s, id, "found")
  elseif on == (link.state == "suspended") and link.state ~= "deleted" then
    note_difference(s, id, "differs", { "sync" })
  elseif on and link.engagement and is_live(link) then
    local names = row_differing(link, row, known)
    if brakes.older(link.crm.tag, row["@odata.etag"]) then -- a look at the one row proves it
      names[#names + 1] = "version"
    end
    local open = link.intent or link.pending or link.orders
    if open or #names > 0 and not agreement.at_rest(link) then
      note_difference(s, id, "differs", names)
    end
  elseif on and is_live(link) then
    s.only_crm = s.only_crm + 1
    only_crm[row[known.key]] = note_difference(s, id, "only_crm")
  end
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
      local note = host.store.note_add(0, NOTE, { kind = "only_partner",
        referral = referral.id:lower(), name = referral.name, closed = referral.status == "Closed",
        names = canonical.given(referral.externalReferenceId),
        updated = referral.updatedDateTime })
      s.sought = s.sought + (twins.candidate(referral, known, note) and 1 or 0)
    end
    return
  elseif ours then
    put(s, "partner", id)
  end
  if ours and link.state == "gone" then -- it is there again
    return note_difference(s, id, "differs", { "gone" })
  end
  local copy = ours and link.ours or link.theirs
  if not is_live(link) or (copy and copy.tag == referral.eTag and not link.waits) then
    return
  end
  local names = ours and
    differing(link, "partner", canonical.from_partner(referral, nil, known),
      fields.sets.ours) or
    json.array { "microsoft_state" }
  if #names > 0 then
    note_difference(s, id, "differs", names)
  end
end

-- An open row without an identifier: a referral may name it, or look the same.
local function alike_row(s, row, known)
  local what, id, notes = twins.row(row, known)
  for _, note in ipairs(notes or {}) do
    host.store.note_drop(note)
    s.only_partner = s.only_partner - 1
  end
  if what == "found" and id then
    s.found = s.found + 1
    put(s, "crm", id)
    note_difference(s, id, "found")
  end
  local note = what and only_crm[row[known.key]]
  if note then
    s.only_crm = s.only_crm - 1
    host.store.note_drop(note)
  end
end

-- A linked deal of which a side was not shown: deleted, gone, or missed by a moving list; a look at
-- the one deal says which.
local function link_row(s, item)
  local link, id = item.doc, item.id
  if link.crm and link.crm.table == "lead" then -- read with its own table
    s.equal = s.equal + (is_live(link) and 1 or 0)
  elseif link.state == "found" and not has(s, "crm", id) then -- Sync is off, and no identifier
    s.found = s.found + 1
    note_difference(s, id, "found")
  elseif not (link.crm and link.engagement) then
    return
  elseif is_live(link) and not (has(s, "crm", id) and has(s, "partner", id)) then
    s.gone = s.gone + 1
    note_difference(s, id, "gone")
  elseif not has(s, "differs", id) then
    s.equal = s.equal + 1
  end
end

-- ---- The steps: the CRM, Partner Center, rows that its referrals may belong to, what is left ----

local function crm_pages(s, known)
  local filter = ("%s eq true or %s ne null"):format(known.columns.sync, known.columns.identifier)
  return dynamics.pages(known.table, { select = known.select, expand = known.compare_expand,
    filter = filter, orderby = known.key .. " asc", from = s.from })
end

local function partner_pages(s)
  return partner_center.pages { orderby = "createdDateTime asc", from = s.from }
end

local function alike_pages(s, known)
  return twins.pages(known, s.from)
end

local function link_parts(s)
  local after = s.from or 0
  return function()
    if not after then
      return nil
    end
    host.sleep(0) -- commits, and lets others have their turn
    local list, err = host.store.link_list(after, PART)
    if not list then
      return false, err
    end
    after = #list == PART and list[PART].id or nil
    return list, after
  end
end

local STEPS = {
  crm = { pages = crm_pages, each = crm_row, next = "partner" },
  partner = { pages = partner_pages, each = partner_row, next = "alike" },
  alike = { pages = alike_pages, each = alike_row, next = "links" },
  links = { pages = link_parts, each = link_row, next = "done", ours = true },
}

-- One page: its rows, and where the next one is, in one commit.
local function keep_page(s, rows, from, known)
  local step = STEPS[s.step]
  for _, row in ipairs(rows) do
    step.each(s, row, known)
  end
  s.pages = s.pages + (step.ours and 0 or 1)
  s.from = from
  if not from then
    s.step = step.next
    s.ended_ms = s.step == "done" and host.now_ms() or nil
  end
  return save(s)
end

-- Before a step: where no referral is without a row, no rows are read for it; and once all of them
-- were read, what looks the same is kept.
local function prepare(s)
  if s.step == "alike" and s.sought == 0 then
    s.step = "links"
  end
  if s.step ~= "links" or s.kept then
    return true
  end
  local n, err = twins.keep()
  if not n then
    return nil, err
  end
  s.alike, s.kept = n, true
  return save(s)
end

-- Hands over every note of a comparison once, newest first, and drops it.  (suspends)
local function each_note(act)
  repeat
    host.sleep(0)
    local notes = host.store.note_list(nil, NOTE, PART)
    for _, note in ipairs(notes) do
      host.store.note_drop(note.note)
      act(note)
    end
  until #notes == 0
end

---Where the comparison stands that was done or begun last.
---@return Sweep|nil
function M.last()
  local mark = host.store.mark_get(MARK)
  return mark and json.decode(mark) or nil
end

-- What to go on with, or a new one.
local function begun()
  local s = M.last()
  local is_new = not s or s.step == "done" or host.now_ms() - s.began_ms > STALE_MS or
    (not s.kept and (s.sought or 0) ~= twins.count()) -- what it sought is lost
  if is_new then
    each_note(function() end)
    twins.begin()
    s, only_crm = fresh(), {}
  end
  s.seen = link_sets.open(is_new)
  return s
end

local TAKEN_OVER = { kind = "busy", wait_ms = PAGE_MS, text = "another comparison has taken over" }
local UNDER_WAY = { kind = "busy", wait_ms = PAGE_MS, text = "a comparison is under way already" }

-- All pages of the present step.
local function take_step(s, known, mine, progress)
  for rows, from in STEPS[s.step].pages(s, known) do
    if not rows then
      return nil, from
    elseif owner ~= mine then
      return nil, TAKEN_OVER
    end
    local ok, err = keep_page(s, rows, from, known)
    if not ok then
      return nil, err
    end
    busy_until = host.now_ms() + PAGE_MS
    if progress then
      progress(s)
    end
  end
  return true
end

---Compares both sides; goes on with one that was broken off within the hour, and takes over from
---one that is under way.  (suspends)
---@param progress fun(s: Sweep)|nil  called after each page
---@return Sweep|nil, table|nil err
function M.compare(progress)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  owner, busy_until = owner + 1, host.now_ms() + PAGE_MS
  local mine, s = owner, begun()
  while STEPS[s.step] do
    local ok
    ok, err = prepare(s)
    if ok then
      ok, err = take_step(s, known, mine, progress)
    end
    if not ok then
      busy_until = owner == mine and 0 or busy_until
      return nil, err
    end
  end
  busy_until = 0
  twins.surveyed()
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
  elseif doc.kind == "marked" then -- nothing is written for a mark alone unless it is asked for
    return all and links.wake(note.link, "sweep")
  elseif doc.kind == "found" then
    return all and adopt(note.link) and links.wake(note.link, "sweep")
  elseif all then
    accept_versions(note.link)
  end
  return links.wake(note.link, "sweep")
end

-- Acts on what the last comparison found.  (suspends)
local function act(all)
  local woken = 0
  each_note(function(note)
    woken = woken + (act_on(note, all) and 1 or 0)
  end)
  return woken
end

---Sets right what the last comparison found; a person has seen the report: ends a pause, adopts,
---brings older deals.  (suspends)
---@return integer woken
function M.apply()
  brakes.release()
  return act(true)
end

-- Wakes what differs, unless that is too much at once (rule 15).
local function wake(s)
  brakes.round "many_changes"(s.differ + s.gone)
  return brakes.on() and 0 or act(false)
end

local function bring(trigger)
  local left = busy_until - host.now_ms()
  if left > 0 and left <= PAGE_MS then -- more: the clock was put back
    return nil, UNDER_WAY
  end
  local s, err = M.compare()
  if not s then
    return nil, err
  end
  local woken = wake(s)
  host.queue.retry()
  host.run { flow = "sweep", trigger = trigger, outcome = "compared",
    detail = { text = ("%d deals equal, %d differ, %d looked at"):format(s.equal, s.differ,
      woken) } }
  return true
end

---The handler of the daily tick: compares, wakes what differs, gives dead letters another try.
---@return integer|nil  again in that many ms
function M.daily()
  local hours, now = host.profile.settings.sweep_hours or 24, host.now_ms()
  local last = M.last()
  local began = last and last.began_ms or tonumber(host.store.mark_get "born") or now
  local wait = began + hours * 3600 * 1000 - now
  -- One that began in the future was begun by a clock that was wrong: it counts as none.
  if wait > 0 and began <= now and (not last or last.step == "done") then
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

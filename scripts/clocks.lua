-- The deadlines that Partner Center sets: fourteen days to answer a referral, seventy-two hours
-- before a deal may be won if it is to be registered, sixty days to register it afterwards.  Each
-- is told once, some days before (the setting expiry_reminder_days), and stands in `cosell status`.
-- Owns link.clock, the notes "due:DAY" (to be told on a day before that one) and "said:DAY" (a turn
-- was woken for it), and the mark "clocks" (the day up to which days were looked at).  So that
-- nobody reads every deal for it.  It must never write to a service: it wakes deals.
local canonical = require "canonical"
local find = require "find"
local links = require "links"
local notify = require "notify"
local say = require "say"
local text = require "text"

local M = {}

local HOUR_MS = 3600 * 1000
local DAY_MS = 24 * HOUR_MS
local ANSWER_MS, REGISTER_MS, RIPE_MS = 14 * DAY_MS, 60 * DAY_MS, 72 * HOUR_MS
local PAST_DAYS, AHEAD_DAYS = 75, 61 -- as far as deadlines are looked for
local PAGE = 500
local MOST_COUNTED, MOST_NAMED = 200, 5

-- In the order in which they are told.
M.kinds = { "answer", "register" }

local SAID = { answer = "clock-answer", register = "clock-register" } -- texts/

local function remind_days()
  return host.profile.settings.expiry_reminder_days or 3
end

local function day_of(ms)
  return ms // DAY_MS
end

local function named(prefix, day)
  return prefix .. ":" .. text.date(day * DAY_MS)
end

-- ---- What a referral has to do with time ----

local function answer_due(ours)
  if ours.status ~= "New" then
    return nil
  end
  local made = text.ms(canonical.given(ours.createdDateTime))
  return text.ms(canonical.given(ours.expirationDateTime)) or made and made + ANSWER_MS
end

local function shared(ours)
  local consent = canonical.given(ours.consent) or {}
  return consent.consentToShareReferralWithMicrosoftSellers == true
end

-- Nobody has begun to register it.
local function unregistered(ours)
  local status = canonical.given(ours.registrationStatus)
  local there = canonical.given(ours.registrations)
  return (status == nil or status == "None") and not (there and #there > 0)
end

local function register_due(ours)
  if ours.status ~= "Closed" or ours.substatus ~= "Won" or
    not (shared(ours) and unregistered(ours)) then
    return nil
  end
  local won = text.ms(canonical.given(ours.closedDateTime))
  local due = won and won + REGISTER_MS
  return due and due > host.now_ms() and due or nil
end

-- ---- The index ----

local function note_of(link, kind, due)
  for _, prefix in ipairs { "due", "said" } do
    for _, note in ipairs(host.store.note_list(link.id, named(prefix, day_of(due)), PAGE)) do
      if note.doc.kind == kind then
        return note
      end
    end
  end
  return nil
end

local function move(link, kind, was, due)
  local old = was and note_of(link, kind, was)
  if old then
    host.store.note_drop(old.note)
  end
  if due and not note_of(link, kind, due) then
    host.store.note_add(link.id, named("due", day_of(due)), { kind = kind, at = due })
  end
end

---Notes the deadlines of a referral as it was just read.
---@param link Link
---@param ours table  our referral
function M.follow(link, ours)
  local clock = link.clock or {}
  local now = { answer = answer_due(ours), register = register_due(ours) }
  local moved = false
  for _, kind in ipairs(M.kinds) do
    if clock[kind] ~= now[kind] then
      move(link, kind, clock[kind], now[kind])
      moved = true
    end
  end
  if moved then
    now.told = clock.told
    link.clock = (now.answer or now.register) and now or nil
    links.edit(link.id, function(doc) doc.clock = link.clock end)
  end
end

-- ---- Telling ----

---Adds what is to be told now of a deal's deadlines to lines.
---@param link Link
---@param lines string[]
---@return table<string, integer>  kind -> deadline; for M.told, once it is written
function M.say(link, lines)
  local clock, days, out = link.clock or {}, remind_days(), {}
  local now = host.now_ms()
  for _, kind in ipairs(days > 0 and M.kinds or {}) do
    local due = clock[kind]
    local near = due and now < due and day_of(now) >= day_of(due) - days
    if near and (clock.told or {})[kind] ~= due then
      lines[#lines + 1] = say(SAID[kind], { time = (text.iso(due):sub(1, 16):gsub("T", " ")) })
      out[kind] = due
    end
  end
  return out
end

---The seller has read it.
---@param said table<string, integer>|nil  of M.say
function M.told(link, said)
  for kind, due in pairs(link.clock and said or {}) do
    link.clock.told = link.clock.told or {}
    link.clock.told[kind] = due
  end
end

---A deal that Microsoft sees closes as won too early to be registered.
---@param ours table  our referral
---@param plan Plan
---@return string|nil  the line for the seller
function M.early(ours, plan)
  local wins = plan.pair and plan.pair[2] == "Won" or plan.to_crm.state == "won"
  local made = text.ms(canonical.given(ours.createdDateTime))
  local open = plan.partner.visible or plan.partner.help or plan.to_partner.visible
  local age = made and host.now_ms() - made
  if wins and open and age and age >= 0 and age < RIPE_MS then
    return say("clock-early", { hours = age // HOUR_MS })
  end
  return nil
end

-- ---- The tick ----

-- The link that a note is of, if the deadline still stands.
local function live(note)
  local link = links.get(note.link)
  local clock = link and link.clock
  return clock and clock[note.doc.kind] == note.doc.at and link or nil
end

-- Each note of a day once; it is dropped.
local function take(kind, act)
  repeat
    local notes = host.store.note_list(nil, kind, PAGE)
    for _, note in ipairs(notes) do
      host.store.note_drop(note.note)
      local link = live(note)
      if link then
        act(note, link)
      end
    end
    host.sleep(0) -- commits, and lets others have their turn
  until #notes == 0
end

local function wake(link)
  if link.state == "open" then
    links.wake(link.id, "clock")
  end
end

-- Those of a day that were woken for it and could not be told, as while the brake was on: again.
local function wake_untold(day)
  for _, note in ipairs(host.store.note_list(nil, named("said", day), PAGE)) do
    local link = live(note)
    if link and (link.clock.told or {})[note.doc.kind] ~= note.doc.at then
      wake(link)
    end
  end
end

---The handler of the clocks' tick: wakes the deals whose deadlines come near, and looks at those
---whose deadlines have passed.
---@return integer  again in that many ms
function M.tick()
  local today = day_of(host.now_ms())
  local mark = math.tointeger(tonumber(host.store.mark_get("clocks"))) or today
  for day = math.max(math.min(mark, today), today - PAST_DAYS), today + remind_days() do
    local over = day < today
    take(named("due", day), function(note, link)
      wake(link)
      if not over then
        notify.raise("deadline", { deal = link.id, kind = note.doc.kind,
          by = text.date(note.doc.at) })
        host.store.note_add(note.link, named("said", day), note.doc)
      end
    end)
    if over then
      take(named("said", day), function(_, link) wake(link) end)
    elseif mark < today then -- once a day
      wake_untold(day)
    end
  end
  host.store.mark_set("clocks", tostring(today))
  return HOUR_MS
end

-- ---- For people ----

local function count(out, note, link)
  local kind, due = note.doc.kind, note.doc.at
  local of = out[kind]
  if #of.all >= MOST_COUNTED then
    of.more = true
  else
    of.all[#of.all + 1] = { link = note.link, deal = find.name(note.link, link), due_ms = due }
  end
end

---The deadlines that deals have before them, the next first.
---@return table<string, {count: integer, more: boolean, next: string|nil, deals: table[]}>  by
---kind; more: there are more than were counted; deals: the first of them
function M.list()
  local now, out = host.now_ms(), {}
  for _, kind in ipairs(M.kinds) do
    out[kind] = { all = {}, more = false }
  end
  for day = day_of(now), day_of(now) + AHEAD_DAYS do
    for _, prefix in ipairs { "due", "said" } do
      for _, note in ipairs(host.store.note_list(nil, named(prefix, day), MOST_COUNTED)) do
        local link = out[note.doc.kind] and note.doc.at > now and live(note)
        if link and link.state == "open" then
          count(out, note, link)
        end
      end
    end
  end
  for kind, of in pairs(out) do
    table.sort(of.all, function(a, b) return a.due_ms < b.due_ms end)
    local deals = json.array {}
    for i = 1, math.min(#of.all, MOST_NAMED) do
      local one = of.all[i]
      deals[i] = { link = one.link, deal = one.deal, ["until"] = text.iso(one.due_ms) }
    end
    out[kind] = { count = #of.all, more = of.more, deals = deals,
      next = deals[1] and deals[1]["until"]:sub(1, 10) or nil }
  end
  return out
end

return M

-- Deadlines of referrals: when they are, that each stands once in the index, and how many status
-- counts.
local clocks = require "clocks"
local links = require "links"
local text = require "text"

local DAY_MS = 24 * 3600 * 1000

local function iso(days)
  return text.iso(host.now_ms() + days * DAY_MS)
end

local function made()
  return assert(links.make { engagement = host.uuid() })
end

local function new(over)
  local out = { status = "New", substatus = "Pending", createdDateTime = iso(0),
    expirationDateTime = iso(5) }
  for name, value in pairs(over or {}) do
    out[name] = value
  end
  return out
end

local function won(over)
  local out = { status = "Closed", substatus = "Won", createdDateTime = iso(-9),
    closedDateTime = iso(-1), registrationStatus = "None", registrations = json.array {},
    consent = { consentToShareReferralWithMicrosoftSellers = true } }
  for name, value in pairs(over or {}) do
    out[name] = value
  end
  return out
end

-- In days from now, rounded; nil: none.
local function due(ours)
  local link = made()
  clocks.follow(link, ours)
  local clock = link.clock or {}
  local function days(at)
    return at and (at - host.now_ms() + DAY_MS // 2) // DAY_MS
  end
  return { answer = days(clock.answer), register = days(clock.register) }
end

local function answering(t)
  t.eq(due(new()), { answer = 5 }, "as the service says")
  for _, missing in ipairs { json.null, "", "soon", 7, false, "2031-13-45T00:00:00Z" } do
    t.eq(due(new { expirationDateTime = missing }), { answer = 14 }, tostring(missing))
  end
  t.eq(due(new { expirationDateTime = json.null, createdDateTime = json.null }), {}, "unknown")
  t.eq(due(new { substatus = "Evaluation" }), { answer = 5 }, "any sub-stage")
  t.eq(due(new { status = "Active", substatus = "Accepted" }), {}, "answered")
end

local function registering(t)
  t.eq(due(won()), { register = 59 })
  t.eq(due(won { registrationStatus = json.null, registrations = json.null }), { register = 59 })
  t.eq(due(won { registrationStatus = "ReviewPending" }), {}, "begun")
  t.eq(due(won { registrations = { { id = "1" } } }), {}, "begun")
  t.eq(due(won { closedDateTime = iso(-61) }), {}, "over")
  t.eq(due(won { closedDateTime = json.null }), {}, "nobody knows when")
  t.eq(due(won { substatus = "Lost" }), {})
  t.eq(due(won { consent = json.null }), {}, "private")
end

local function notes_of(link)
  local out = {}
  for _, note in ipairs(host.store.note_list(link.id, nil, 100)) do
    out[#out + 1] = note.kind:match("^[ds]%l+:%d") and note.kind or nil
  end
  return out
end

local function index(t)
  local link, ours = made(), new()
  clocks.follow(link, ours)
  clocks.follow(link, ours)
  t.eq(notes_of(link), { "due:" .. ours.expirationDateTime:sub(1, 10) }, "once")
  t.eq(links.get(link.id).clock, link.clock, "on record")
  clocks.follow(links.get(link.id), ours)
  t.eq(#notes_of(link), 1, "a turn that knew nothing of it")
  ours.expirationDateTime = iso(9)
  clocks.follow(link, ours)
  t.eq(notes_of(link), { "due:" .. ours.expirationDateTime:sub(1, 10) }, "moved")
  clocks.follow(link, won())
  t.eq(#notes_of(link), 1, "another deadline")
  clocks.follow(link, won { registrationStatus = "ReviewPending" })
  t.eq({ #notes_of(link), link.clock == nil }, { 0, true }, "none")
end

local function telling(t)
  local link, lines = made(), {}
  clocks.follow(link, new { expirationDateTime = iso(2) })
  local said = clocks.say(link, lines)
  t.eq(#lines, 1)
  t.has(lines[1], "Answer by " .. iso(2):sub(1, 10))
  t.eq(clocks.say(link, {}), said, "not written: said again")
  clocks.told(link, said)
  t.eq(clocks.say(link, lines), {}, "told")
  t.eq(#lines, 1)
  clocks.follow(link, new { expirationDateTime = iso(1) })
  clocks.say(link, lines)
  t.eq(#lines, 2, "another deadline is told anew")
  local far = made()
  clocks.follow(far, new { expirationDateTime = iso(6) })
  t.eq(clocks.say(far, lines), {}, "not yet")
end

-- Runs with a setting of three days.
local function reminding(work)
  local kept = host.profile
  rawset(host, "profile", { settings = { expiry_reminder_days = 3 } })
  local ok, err = pcall(work)
  rawset(host, "profile", kept)
  if not ok then
    error(err, 0)
  end
end

local function counting(t)
  local before = clocks.list().answer
  for i = 1, 230 do
    local link = made()
    link.name = "Deal " .. i
    links.save(link)
    clocks.follow(link, new { expirationDateTime = iso(20 + i % 3) })
  end
  local all = clocks.list().answer
  t.eq({ all.count, all.more, #all.deals }, { 200, true, 5 }, "before: " .. before.count)
end

return function(t)
  t.case("answer_by_the_service_else_fourteen_days", function() answering(t) end)
  t.case("register_within_sixty_days_once_shared_and_won", function() registering(t) end)
  t.case("each_deadline_stands_once_in_the_index", function() index(t) end)
  t.case("each_deadline_is_told_once", function()
    reminding(function() telling(t) end)
  end)
  t.case("status_counts_some_and_names_few", function() counting(t) end)
end

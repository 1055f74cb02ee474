-- cosell status: the host on one screen, and what needs a person.  Exit status 1: something does.
local brakes = require "brakes"
local clocks = require "clocks"
local connections = require "connections"
local find = require "find"
local flows = require "commands.flows"
local forward = require "forward"
local listener = require "listener"
local mapping_look = require "mapping_look"
local mapping_meta = require "mapping_meta"
local notify = require "notify"
local original = require "original"
local partner_center_to_dynamics = require "flows.partner_center_to_dynamics"
local push = require "push"
local reloads = require "reloads"
local table_text = require "table_text"
local twins = require "twins"
local webhook_registration = require "flows.webhook_registration"
local words = require "words"

local M = { help = "the host on one screen, and what needs a person", where = "host",
  usage = "cosell status [--json]        exit status 1: something needs a person" }

local SOON_MS = 3000
local MOST_SHOWN = 3
local MOST_CONFLICTS = 1000
local NOTICES_LATE_MS = 10 * 60 * 1000
local MANY = 1000 -- deals
local MANY_REJECTED = 3 -- in a row: not one forger's try any more
local PATIENCE_MS = 5 * 60 * 1000 -- with a receiver of what is passed on that takes nothing
local LOST_MS = 7 * 24 * 3600 * 1000 -- what was given up is told for so long

-- ---- Gathering ----

-- Jobs that people wait for: not the ticks, which are always there.
local function queue_of()
  local stats = host.queue.stats()
  local soon = 0
  for _, job in ipairs(host.queue.list { state = "waiting", most = 500 }) do
    if job.kind:sub(1, 5) ~= "tick." and job.due_ms < host.now_ms() + SOON_MS then
      soon = soon + 1
    end
  end
  stats.soon = soon
  return stats
end

local function dead_letters()
  local out = json.array {}
  for _, job in ipairs(host.queue.list { state = "dead", most = 20 }) do
    local id = math.tointeger(tonumber(job.lane:match("^link:(%d+)$")))
    local link = id and host.store.link_get(id)
    out[#out + 1] = { id = job.id, kind = job.kind, lane = job.lane, why = job.why,
      text = job.text, link = id, deal = link and find.name(id, link) or nil }
  end
  return out
end

-- How many deals stand how; frozen ones by name.
local function deals_of()
  local out = { total = 0, open = 0, suspended = 0, deleted = 0, gone = 0, found = 0, foreign = 0,
    frozen = json.array {} }
  for id, link in find.all() do
    out.total = out.total + 1
    out[link.state] = (out[link.state] or 0) + 1
    if link.frozen then
      table.insert(out.frozen, { link = id, deal = find.name(id, link), why = link.frozen })
    end
  end
  return out
end

-- Deals and flows.  In a large state that takes long, and is kept for twenty times as long as it
-- took: whoever asks again and again costs a twentieth of the time at most.
local kept

local function counts()
  local asked = host.now_ms()
  if not kept or asked > kept.until_ms or asked < kept.at_ms then
    local deals, list, err = deals_of(), flows.list()
    if not list then
      return nil, err
    end
    local now = host.now_ms()
    kept = { deals = deals, flows = list, at_ms = asked,
      until_ms = deals.total >= MANY and now + (now - asked) * 20 or 0 }
  end
  return kept
end

local function gather()
  local s = host.status() or {}
  s.generation, s.stage = host.generation, host.profile.stage or "production"
  s.queue, s.failed = queue_of(), dead_letters()
  s.brake = brakes.on()
  s.webhook = { mode = webhook_registration.mode(), standing = webhook_registration.standing() }
  s.webhook.failing, s.webhook.lost = forward.trouble()
  s.polls = partner_center_to_dynamics.polls()
  s.clocks = clocks.list()
  s.ending = json.array(connections.warnings())
  s.notices = notify.status()
  s.mapping = mapping_look.found()
  s.push = push.state()
  s.conflicts = #host.store.note_list(nil, "conflict", MOST_CONFLICTS)
  s.alike = #twins.list(MOST_CONFLICTS)
  s.original = original.noted()
  local counted, err = counts()
  if not counted then
    return nil, err
  end
  s.deals, s.flows = counted.deals, counted.flows
  return s
end

-- ---- What needs a person ----

local function paused(r)
  return (r.paused_until_ms or 0) > host.now_ms()
end

local function given(text)
  return text ~= nil and text ~= json.null and text ~= "" and text or nil
end

-- What of the mapping does not fit this CRM: what is wrong first, then what may be.
local function mapping_lines(list, add)
  local shown = 0
  for _, level in ipairs { "error", "warning" } do
    for _, one in ipairs(list) do
      shown = shown + (one.level == level and 1 or 0)
      if one.level == level and shown <= MOST_SHOWN then
        add(level == "error" and "mapping" or "mapping hint", "mapping: %s", mapping_meta.line(one))
      end
    end
  end
  if shown > MOST_SHOWN then
    add("mapping hint", "mapping: and %d more: status --json has them all", shown - MOST_SHOWN)
  end
end

local function refusal(reload)
  return ("the change of %s is refused, generation %d stays%s:"):format(
    table_text.ago(reload.refused.at_ms), reload.generation,
    reloads.changed(reload.refused.changed))
end

-- The registration, and who gets callbacks besides.
local function webhook_lines(s, add)
  local w, c, now = s.webhook, s.callbacks or {}, host.now_ms()
  if w.standing and w.standing.text then
    add("webhook", "%s", w.standing.text)
  end
  if w.failing and now - w.failing.since_ms > PATIENCE_MS then
    add("forward", "callbacks are passed on to nobody since %s UTC: %s; %s wait",
      table_text.clock(w.failing.since_ms):sub(1, 16), w.failing.text, c.pass_waiting or "some")
  end
  if w.lost and now - w.lost.at_ms < LOST_MS then
    add("forward", "%d callbacks were given up, the last %s: `webhook.forward` did not take them",
      w.lost.n, table_text.ago(w.lost.at_ms))
  end
  if (c.not_passed or 0) > 0 and now - c.not_passed_ms < LOST_MS then
    add("forward", "%d callbacks were not passed on since the start: too many waited (%s)",
      c.not_passed, "webhook.forward_most")
  end
end

local function to_do(s)
  local out = json.array {}
  local function add(what, words_of, ...)
    out[#out + 1] = { what = what, text = words_of:format(...) }
  end
  if s.brake then
    add("paused", "paused since %s UTC: %s; look with cosell sync --all, go on with --apply",
      table_text.clock(s.brake.at_ms):sub(12, 16), s.brake.why)
  end
  if s.original then
    add("original", "%s", original.sentence(s.original))
  end
  for _, r in ipairs(s.remotes or {}) do
    if r.needs_sign_in and r.name ~= "notices" then
      add("sign in", "%s: cosell connect %s", r.name, connections.mender(r.name))
    end
  end
  for _, line in ipairs(s.ending) do
    add("ending", "%s", line)
  end
  if s.reload and given(s.reload.error) then
    add("reload", "%s", refusal(s.reload))
    out[#out].lines = reloads.problems(s.reload.refused.problems, s.reload.profile)
  end
  if s.needs_restart then
    add("restart", "the change of `%s` in the profile needs a restart; the old value runs",
      s.needs_restart)
  end
  local failing = s.notices and s.notices.failing
  if failing then
    local lost = s.notices.lost
    local long = lost > 0 or host.now_ms() - failing.since_ms > NOTICES_LATE_MS
    add(long and "notices" or "notices late", "notices cannot be sent, since %s: %s%s",
      table_text.ago(failing.since_ms), failing.text,
      lost > 0 and "; given up: " .. table_text.count(lost, "message") or "")
  end
  mapping_lines(s.mapping, add)
  webhook_lines(s, add)
  local c = s.callbacks or {}
  if (c.bad_in_a_row or 0) >= MANY_REJECTED then
    add("callbacks", "%d callbacks in a row were rejected: %s; changes come by polls",
      c.bad_in_a_row, c.why)
  end
  for _, text in ipairs(listener.to_do(listener.certificate(c))) do
    add("certificate", "%s", text)
  end
  if s.push and s.push.error then
    add("push", "hints of the CRM (crm.push): %s; changes come by polls", s.push.error)
  end
  for _, f in ipairs(s.flows) do
    if f.failing then
      add("flow", "flow %s fails: %s", f.letter, f.last_error or "see cosell runs")
    end
  end
  for i = 1, math.min(#s.deals.frozen, MOST_SHOWN) do
    local frozen = s.deals.frozen[i]
    add("frozen", "frozen: \"%s\": %s; cosell deal release %d", frozen.deal, frozen.why,
      frozen.link)
  end
  for i = 1, math.min(#s.failed, MOST_SHOWN) do
    local job = s.failed[i]
    add("dead letter", "%s: %s: %s", job.deal and '"' .. job.deal .. '"' or "job " .. job.id,
      job.why, job.text)
  end
  if s.queue.dead > 0 then
    add("dead letters", "%s: cosell retry shows them, cosell retry --failed tries them again",
      table_text.count(s.queue.dead, "dead letter"))
  end
  if s.conflicts > 0 then
    add("conflicts", "%s: cosell conflicts", table_text.count(s.conflicts, "conflict"))
  end
  if s.alike > 0 then
    add("alike", "%s: nothing is made of them; cosell sync --all says which",
      table_text.count(s.alike, "deal") .. " of both sides look the same")
  end
  if s.deals.found > 0 then
    add("found", "%s on both sides, not made by this state: cosell deal adopt joins both",
      table_text.count(s.deals.found, "deal"))
  end
  return out
end

-- What is worth a line is not always worth an alarm.
local QUIET = { restart = true, found = true, ["mapping hint"] = true,
  ["notices late"] = true }

local function needs_person(list)
  for _, item in ipairs(list) do
    if not QUIET[item.what] then
      return true
    end
  end
  return false
end

-- ---- As text ----

local REMOTES = { { title = "REMOTE" }, { title = "STATE", flex = true },
  { title = "BUDGET", right = true }, { title = "LAST ANSWER" } }

local function remote_row(r)
  local state, colour = "✔ signed in", "green"
  if r.needs_sign_in then
    state, colour = "✖ sign in again", "red"
  elseif r.open then
    state = "no sign-in"
  elseif not r.signed_in then
    state, colour = "not signed in yet", nil
  end
  if paused(r) then
    state = ("%s, paused for %d s"):format(state, (r.paused_until_ms - host.now_ms()) // 1000)
  end
  local budget = r.budget_left and r.budget_left >= 0 and tostring(r.budget_left) or "no limit"
  local row = { r.name, { state, colour }, budget, table_text.ago(r.last_ok_ms) }
  row.below = given(r.text) and { "  " .. table_text.plain(r.text) } or nil
  return row
end

local function head(s)
  local line = ("cosell %s, generation %d, stage %s"):format(host.version, s.generation, s.stage)
  local up = s.serving and ", up " .. table_text.span(host.now_ms() - s.started_ms) or
    ", no host is running"
  return line .. up
end

local function queue_line(q)
  local oldest = q.oldest_due_ms or 0
  local wait = oldest > 0 and host.now_ms() > oldest and
    ", oldest due for " .. table_text.span(host.now_ms() - oldest) or ""
  return ("queue      %d waiting, %d running, %s%s"):format(q.waiting, q.running,
    table_text.count(q.dead, "dead letter"), wait)
end

local function mapping_line(s)
  local r = s.reload
  return ("mapping    generation %d%s, %s"):format(r.generation,
    s.serving and " live for " .. table_text.span(host.now_ms() - r.since_ms) or "",
    reloads.fixtures(r.fixtures))
end

local STATES = { "suspended", "deleted", "gone", "found", "foreign" }

local function deals_line(s)
  local out = { ("deals      %d linked"):format(s.deals.open) }
  for _, name in ipairs(STATES) do
    if s.deals[name] > 0 then
      out[#out + 1] = ("%d %s"):format(s.deals[name], name)
    end
  end
  if #s.deals.frozen > 0 then
    out[#out + 1] = #s.deals.frozen .. " frozen"
  end
  out[#out + 1] = table_text.count(s.conflicts, "conflict")
  return table.concat(out, ", ")
end

-- Without callbacks a change is as late as the time between two polls, at most.
local function polls_words(s)
  local polls = s.polls
  local late = s.webhook.mode ~= "callbacks" and polls.late_ms and
    ("; a change was found %s after it was made"):format(table_text.span(polls.late_ms)) or ""
  return ("every %s, last %s%s"):format(table_text.span(polls.every_ms),
    table_text.ago(polls.at_ms), late)
end

local function callbacks_lines(cmd, s)
  local c = s.callbacks
  if not (c and c.stored) then
    return { s.webhook.mode == "polls" and "callbacks  none: changes come by polls alone" or
      "callbacks  none are taken: changes come by polls" }
  end
  local out = { ("callbacks  port %d, %d taken, %d refused"):format(c.port, c.stored,
    c.refused + c.rejected) .. (c.passed and (", %d passed on, %d wait for that"):format(c.passed,
    c.pass_waiting) or "") }
  local function below(colour, words_of, ...)
    for _, line in ipairs(table_text.wrap(cmd, (" "):rep(11), words_of:format(...))) do
      out[#out + 1] = table_text.paint(cmd, colour, line)
    end
  end
  if (c.bad_in_a_row or 0) > 0 then
    below("red", "%d in a row rejected, last: %s", c.bad_in_a_row, c.why)
  end
  local certificate = listener.certificate(c)
  if certificate then
    below(certificate.state ~= "good" and "red" or nil, "TLS by this host, its certificate ends %s",
      table_text.clock(certificate.until_ms):sub(1, 10))
    if c.ungreeted > 0 then
      below(nil, "%s without TLS, the last: %s", table_text.count(c.ungreeted, "caller"),
        c.ungreeted_why)
    end
  end
  if c.practice_only then
    below("yellow", "practice only: certificates of %s are believed", c.practice_only)
  end
  return out
end

local function push_lines(p)
  if not p then
    return {}
  end
  local how = not p.on and "off, its web hook is still in the CRM" or
    not p.registered and "not registered yet" or table_text.count(p.hints, "hint")
  return { "push       " .. how }
end

local DEADLINES = {
  answer = { "%s wait%s for an answer", "s", "" },
  register = { "%s %s to be registered", "has", "have" },
}

local function deadline_line(kind, of)
  local words_of, one, many = table.unpack(DEADLINES[kind])
  local number = (of.more and "more than " or "") .. table_text.count(of.count,
    kind == "register" and "won deal" or "deal")
  return words_of:format(number, of.count == 1 and one or many) .. (", the next until %s: \"%s\"")
    :format(of.next, table_text.plain(of.deals[1].deal))
end

-- Deadlines that deals have before them.
local function deadline_lines(cmd, all)
  local out = {}
  for _, kind in ipairs(clocks.kinds) do
    if all[kind].count > 0 then
      local lines = table_text.wrap(cmd, #out == 0 and "deadlines  " or (" "):rep(11),
        deadline_line(kind, all[kind]))
      table.move(lines, 1, #lines, #out + 1, out)
    end
  end
  return out
end

local function notices_line(n)
  return ("notices    by %s, %s sent%s%s"):format(n.target, n.sent,
    n.sent_ms and ", the last " .. table_text.ago(n.sent_ms) or "",
    n.waiting > 0 and ", " .. table_text.count(n.waiting, "event") .. " waiting" or "")
end

local FLOWS = { { title = "" }, { title = "FLOW", flex = true }, { title = "STATE" },
  { title = "LAST SUCCESS" }, { title = "LAST ERROR" } }

local function lines_of(cmd, s)
  local out = { head(s), "" }
  local function add(lines)
    table.move(lines, 1, #lines, #out + 1, out)
  end
  local remotes, rows = {}, {}
  for _, r in ipairs(s.remotes or {}) do
    remotes[#remotes + 1] = r.name ~= "notices" and remote_row(r) or nil
  end
  for i, f in ipairs(s.flows) do
    rows[i] = { f.letter, f.title, flows.state_cell(f), flows.success_cell(f),
      flows.errors_cell(f) }
  end
  add(table_text.lines(cmd, REMOTES, remotes))
  add { "" }
  add(table_text.lines(cmd, FLOWS, rows))
  add { "", queue_line(s.queue), deals_line(s) }
  add { mapping_line(s) }
  add(deadline_lines(cmd, s.clocks))
  add(callbacks_lines(cmd, s))
  add(push_lines(s.push))
  add(table_text.wrap(cmd, "polls      ", polls_words(s)))
  add { s.notices and notices_line(s.notices) or nil }
  if #s.to_do > 0 then
    add { "", table_text.paint(cmd, "bold", "to do") }
  end
  for _, item in ipairs(s.to_do) do
    add(table_text.wrap(cmd, "  ", item.text))
    for _, line in ipairs(item.lines or {}) do
      add(table_text.wrap(cmd, "    ", line))
    end
  end
  return out
end

function M.run(cmd)
  local given_words, options = words.of(cmd, M, { json = true })
  if not given_words then
    return 2
  end
  local s, err = gather()
  if not s then
    return nil, err
  end
  s.to_do = to_do(s)
  table_text.out(cmd, options.json and { json.encode(s) } or lines_of(cmd, s))
  return needs_person(s.to_do) and 1 or 0
end

return M

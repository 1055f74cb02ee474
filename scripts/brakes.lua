-- Rule 15: signs that one side went back in time, that deals change in bulk, or that one record is
-- written in circles.  A brake pauses all writing, on both sides, until a person has compared
-- them (`cosell sync --all`, then `--apply`); reading goes on, and what is left undone meanwhile is
-- found by that comparison.  A frozen record waits for `cosell deal release`.
-- Owns the mark "brake" and, of a link, `said`, `writes`, `frozen`.  It must never ask a service.
local audit = require "audit"
local notify = require "notify"

local M = {}

local MARK = "brake"
local ACCEPTED = "accepted_ms" -- a person has taken both sides as they were then
local DELETIONS = "deletions"
local AT_LEAST = 25 -- deals, before a share of them means anything
local WINDOW_MS = 10 * 60 * 1000
local MOST_WRITES = 5

-- ---- The pause ----

---@return {cause: string, why: string, at_ms: integer}|nil
function M.on()
  local mark = host.store.mark_get(MARK)
  return mark and json.decode(mark) or nil
end

---Pauses, unless something else did so before.
---@param cause "restored_crm"|"restored_state"|"many_changes"|"many_deletions"
---@param why string  a sentence for the operator
function M.set(cause, why)
  if M.on() then
    return
  end
  host.store.mark_set(MARK, json.encode { cause = cause, why = why, at_ms = host.now_ms() })
  notify.raise("brake", { cause = cause })
  host.log("error", "paused, nothing is written: " .. why ..
    "; compare with `cosell sync --all`, go on with `cosell sync --all --apply`")
end

local ORGANIZATION = "organization"

---Whether the CRM is the organisation that this state belongs to, as each start learns.  No
---comparison ends that pause: only the right organisation does.
---@param other boolean  it is another one
function M.pin(other)
  local brake = M.on()
  if other and not (brake and brake.cause == ORGANIZATION) then
    host.store.mark_set(MARK, nil)
    M.set(ORGANIZATION, "this CRM is another organisation than the one this state belongs to: " ..
      "use a state of its own for it")
  elseif not other and brake and brake.cause == ORGANIZATION then
    host.store.mark_set(MARK, nil)
  end
end

---A person has looked: writing goes on, unless this is another organisation.
function M.release()
  local brake = M.on()
  if brake and brake.cause == ORGANIZATION then
    return
  end
  host.store.mark_set(MARK, nil)
  host.store.mark_set(DELETIONS, nil)
  host.store.mark_set(ACCEPTED, tostring(host.now_ms()))
end

-- ---- Many at once ----

local MANY = {
  many_changes = "%d of %d deals changed at once",
  many_deletions = "%d of %d deals were deleted at once in the CRM",
}

---Counts what one reading of changes is about to change.
---@param cause "many_changes"|"many_deletions"
---@return fun(more: integer|nil)  call it for each deal, or once for so many
function M.round(cause)
  local total, n = host.store.link_count(), 0
  local share = host.profile.settings.brake_percent or 20
  return function(more)
    n = n + (more or 1)
    if share > 0 and n >= AT_LEAST and n * 100 > total * share then
      M.set(cause, MANY[cause]:format(n, total))
    end
  end
end

---A row was found deleted by looking at its deal, outside any reading of changes: so many of them
---in ten minutes are a deletion in bulk as well.
---@return boolean  paused: it is not given up yet
function M.deletion()
  local mark = host.store.mark_get(DELETIONS)
  local seen = mark and json.decode(mark) or { since_ms = 0, n = 0 }
  local now = host.now_ms()
  if seen.since_ms < now - WINDOW_MS or seen.since_ms > now then
    seen = { since_ms = now, n = 0 }
  end
  M.round "many_deletions" (seen.n + 1)
  if M.on() then
    return true
  end
  seen.n = seen.n + 1
  host.store.mark_set(DELETIONS, json.encode(seen))
  return false
end

-- ---- Back in time ----

local function version(tag)
  return math.tointeger(tonumber(tostring(tag):match('^W/"(%d+)"$')))
end

---Whether a row is older than we have seen it: the CRM was restored.
---@param stored string|nil  its tag as we keep it
---@param read string|nil  as it is now
function M.older(stored, read)
  local was, is = version(stored), version(read)
  return was ~= nil and is ~= nil and is < was
end

local function token(link)
  return math.tointeger(tonumber(tostring(link):match("deltatoken=(%d+)")))
end

---Whether a delta link that was kept is ahead of the one the CRM gives now.
function M.ahead(kept, given)
  local was, is = token(kept), token(given)
  return was ~= nil and is ~= nil and is < was
end

M.RESTORED = "the CRM went back in time, as after a restored backup"

-- The newest line by its time and a hash: what it says is the row's alone.
local function newest(text)
  local line = type(text) == "string" and text:match("^[^\r\n]*") or nil
  if not line or not audit.written_ms(line) then
    return nil
  end
  return line:match("^%S+ %S+ %S+  ") .. "#" .. host.crypto.sha256(line):sub(1, 16)
end

---What we are about to write as the newest audit line; saved with the link before it leaves.
---@param next string  the audit text to come
---@param read string|nil  the text as it is, which we know for ours
function M.announce(link, next, read)
  link.said = { now = newest(read), next = newest(next), at = host.now_ms() }
end

---The row shows this audit text after our write.
function M.said(link, shown)
  link.said = { now = newest(shown), at = host.now_ms() }
end

---Whether the newest audit line of the row is a cosell's, but not of this state: that file is an
---old copy, or a second host writes to this CRM.
function M.stranger(link, shown)
  local line, said = newest(shown), link.said
  if not (line and said and said.now) or line == said.now or line == said.next then
    return false
  end
  local accepted = tonumber(host.store.mark_get(ACCEPTED)) or 0
  return audit.written_ms(line) > audit.written_ms(said.now) and (said.at or 0) > accepted
end

M.STRANGER = "a row carries a newer audit line that this state did not write: the state file " ..
  "was restored, or another cosell writes to this CRM"

-- ---- In circles ----

local function distinct(writes)
  local n, seen = 0, {}
  for _, write in ipairs(writes) do
    n = n + (seen[write.hash] and 0 or 1)
    seen[write.hash] = true
  end
  return n
end

-- Writes of the last minutes; none of the future, in case the clock was put back.
local function recent(link)
  local now, out = host.now_ms(), json.array {}
  for _, write in ipairs(link.writes or {}) do
    if write.at > now - WINDOW_MS and write.at <= now then
      out[#out + 1] = write
    end
  end
  return out
end

local function hash_of(what)
  return host.crypto.sha256(json.encode(what)):sub(1, 16)
end

---Notes a write that was taken.
---@param what any  what was written
function M.wrote(link, what)
  link.writes = recent(link)
  table.insert(link.writes, { at = host.now_ms(), hash = hash_of(what) })
end

---Whether one more write would go round in circles: more than five in ten minutes that repeat each
---other have no human behind them.  The record is frozen then.
---@param what any  what would be written
---@return integer|nil  so many times: it is frozen now
function M.circles(link, what)
  local writes = recent(link)
  writes[#writes + 1] = { hash = hash_of(what) }
  if #writes <= MOST_WRITES or distinct(writes) * 2 > #writes then
    return nil
  end
  link.frozen = ("written %d times in ten minutes, the same again and again: something else " ..
    "writes to it"):format(#writes - 1)
  return #writes - 1
end

return M

-- A rehearsal's doors: the writes that a turn would send to a service end here, are kept for people
-- to read, and are answered as the service would, as far as the rest of the turn needs it.  Kept by
-- coroutine, so that nobody has to hand it down.
-- What stands behind these doors is the host's: of a task that said host.rehearse() the state
-- undoes every step, and host.http refuses whatever is no reading.  So a door that is forgotten is
-- an error, never a write.  It must never ask anybody.
local text = require "text"

local M = {}

local by_task = setmetatable({}, { __mode = "k" })

-- Stands for an identifier that the other side would give.
M.GIVEN = "00000000-0000-0000-0000-000000000000"

-- Raised where the CRM would be written: what comes after that only keeps what was done.
M.ENDED = { kind = "script", text = "the rehearsal ends here" }

---@class Rehearsal
---@field turn Turn
---@field writes Write[]

---@class Write
---@field side "crm"|"partner"
---@field verb string  "create" "change" for a referral
---@field whose "ours"|"theirs"|nil
---@field before table|nil  a referral as it is
---@field after table|nil   and as it would be
---@field changes table[]|nil  of the CRM's row, as dynamics.changes takes them
---@field row table|nil     the row as it is

---From here on this task's turn is rehearsed.
---@param turn Turn
---@return Rehearsal
function M.begin(turn)
  local now = { turn = turn, writes = {} }
  by_task[coroutine.running()] = now
  return now
end

---@return Rehearsal|nil  nil: this task is in earnest
function M.of_task()
  return by_task[coroutine.running()]
end

local function copy(value)
  return assert(json.decode(assert(json.encode(value))))
end

-- ---- Partner Center ----

-- JSON Patch of members; a member that is missing is made.
local function patched(doc, ops)
  for _, op in ipairs(ops) do
    local names = {}
    for name in op.path:gmatch("[^/]+") do
      names[#names + 1] = name
    end
    local at = doc
    for i = 1, #names - 1 do
      if type(at[names[i]]) ~= "table" then
        at[names[i]] = {}
      end
      at = at[names[i]]
    end
    at[names[#names]] = op.value
  end
  return doc
end

-- A new referral as the service would show it.
local function made(body)
  local is_theirs = body.engagementId ~= nil
  body.id, body.organizationId = M.GIVEN, is_theirs and "msft" or "ours"
  body.engagementId = body.engagementId or M.GIVEN
  body.status, body.substatus = is_theirs and "New" or "Active", is_theirs and "Pending" or
    "Accepted"
  body.createdDateTime = text.iso(host.now_ms())
  return body, is_theirs
end

---A request that would change a referral.
---@param r table  as partner_center.lua sends it
---@return table referral, table answer
function M.sent(r)
  local now = by_task[coroutine.running()]
  local after, theirs, shown
  local before = r.method ~= "POST" and now.turn.read.ours or nil
  if r.method == "PATCH" then
    after = patched(copy(before), json.decode(r.body))
  elseif r.method == "PUT" then
    after = json.decode(r.body)
  else
    shown = json.decode(r.body)
    after, theirs = made(json.decode(r.body))
  end
  now.writes[#now.writes + 1] = { side = "partner", verb = before and "change" or "create",
    whose = theirs and "theirs" or "ours", before = before and copy(before),
    after = shown or copy(after) }
  after.eTag = '"rehearsed"'
  return after, { status = 200, headers = {}, body = "" }
end

-- ---- The CRM ----

---A change set that would be saved.  Never returns: the rehearsal ends with it.
---@param changes table[]
function M.saved(changes)
  local now = by_task[coroutine.running()]
  now.writes[#now.writes + 1] = { side = "crm", verb = "change", changes = changes,
    row = now.turn.row }
  error(M.ENDED, 0)
end

return M

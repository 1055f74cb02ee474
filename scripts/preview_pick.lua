-- Which deals a preview shows: those that a person names, else those with waiting work, then what
-- the other side does not have yet, then those that changed last.  Reads links, jobs, runs and both
-- services; it must never write.
local canonical = require "canonical"
local dynamics = require "dynamics"
local facts = require "facts"
local find = require "find"
local links = require "links"
local partner_center = require "partner_center"
local text = require "text"

local M = {}

local JOBS = 10000 -- looked through for waiting work
local RUNS = 2000  -- run records that are looked through

-- ---- Nothing links it yet ----

local function of_row(crm_table, id)
  return { id = 0, state = "open", crm = { table = crm_table, id = id:lower() } }
end

local function of_referral(referral)
  return { id = 0, state = "open", engagement = referral.engagementId:lower(),
    name = canonical.given(referral.name) }
end

-- The link of a referral as read, if there is one by now.
local function known_referral(referral)
  local id = links.by_referral(referral.id) or links.of_referral(referral)
  return id and links.get(id) or nil
end

local function unlinked(guid)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local row
  row, err = dynamics.get(known.table, guid, { known.key })
  if row then
    return of_row(known.table, guid)
  elseif err.kind ~= "absent" then
    return nil, err
  end
  local referral
  referral, err = partner_center.get(guid)
  if referral then
    return known_referral(referral) or of_referral(referral)
  elseif err.kind ~= "absent" then
    return nil, err
  end
  return nil, { kind = "absent", text = "neither side has a deal " .. guid }
end

---What a person names: as `cosell deal` takes it, or the id of a row or referral that nothing links
---yet.  (suspends)
---@param cmd table
---@param word string
---@return Link|nil  nil: the person was told why
function M.named(cmd, word)
  local guid = find.guid(word)
  if guid and #find.find(word) == 0 then
    local link, err = unlinked(guid)
    if not link then
      cmd.err(err.text .. "\n")
    end
    return link
  end
  local hit = find.one(cmd, word)
  return hit and hit.link
end

-- ---- All of them ----

local Picker = {}
Picker.__index = Picker

local function new(most)
  return setmetatable({ most = most, list = {}, seen = {}, counts = {} }, Picker)
end

function Picker:full()
  return #self.list >= self.most
end

-- why: one of the counts that the command prints
function Picker:add(link, why)
  local key = link and (link.id > 0 and link.id or link.engagement or link.crm.id)
  if link and not self.seen[key] and not self:full() then
    self.seen[key] = true
    self.list[#self.list + 1] = link
    self.counts[why] = (self.counts[why] or 0) + 1
  end
end

local function waiting(picker)
  for _, state in ipairs { "running", "waiting", "dead" } do
    for _, job in ipairs(host.queue.list { state = state, most = JOBS } or {}) do
      local id = math.tointeger(job.lane:match("^link:(%d+)$"))
      picker:add(id and links.get(id), "waiting")
    end
  end
end

-- Rows with Sync on that were not sent.
local function new_rows(picker, known)
  local rows, err = dynamics.query(known.table, { select = { known.key }, top = picker.most,
    filter = ("statecode eq 0 and %s eq true and %s eq null"):format(known.columns.sync,
      known.columns.identifier), orderby = "modifiedon desc" })
  for _, row in ipairs(rows or {}) do
    local id = links.by_row(known.table, row[known.key])
    picker:add(id and links.get(id) or of_row(known.table, row[known.key]), "new in the CRM")
  end
  return rows, err
end

-- The referrals of the newest page that nothing links.
local function new_referrals(picker)
  local rows, err = partner_center.pages { orderby = "updatedDateTime desc" }()
  if rows == false then
    return nil, err
  end
  for _, referral in ipairs(rows or {}) do
    local whole = text.is_guid(referral.id) and text.is_guid(referral.engagementId)
    local ours = whole and links.copies { referral }
    if ours and referral.status ~= "Closed" and not known_referral(referral) then
      picker:add(of_referral(referral), "new at Partner Center")
    end
  end
  return true
end

-- Those that ran last first; where the run records end, the younger links first.
local function changed_last(picker, wanted, why)
  for _, run in ipairs(host.store.run_list { most = RUNS } or {}) do
    local link = run.link > 0 and not picker.seen[run.link] and not picker:full() and
      links.get(run.link)
    if link and wanted(link) then
      picker:add(link, why)
    end
  end
  if picker:full() then
    return
  end
  local rest = {}
  for id in find.all() do
    rest[#rest + 1] = not picker.seen[id] and id or nil
  end
  for i = #rest, 1, -1 do
    local link = not picker:full() and links.get(rest[i])
    if link and wanted(link) then
      picker:add(link, why)
    end
  end
end

---The deals that people would look at first.  (suspends)
---@param most integer
---@return Link[]|nil list, table counts_or_err
function M.first(most)
  local picker = new(most)
  waiting(picker)
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local ok
  ok, err = new_rows(picker, known)
  if ok then
    ok, err = new_referrals(picker)
  end
  if not ok then
    return nil, err
  elseif not picker:full() then
    changed_last(picker, function(link)
      return link.state ~= "deleted" and link.state ~= "foreign"
    end, "changed last")
  end
  return picker.list, picker.counts
end

---The deals that both sides agreed on, the last first.
---@param most integer
---@return integer[]  numbers of links
function M.synchronised(most)
  local picker, out = new(most), {}
  changed_last(picker, function(link)
    return link.agreed_ms and link.crm and link.engagement and link.state == "open"
  end, "synchronised")
  for i, link in ipairs(picker.list) do
    out[i] = link.id
  end
  return out
end

return M

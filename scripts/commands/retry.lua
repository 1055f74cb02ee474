-- cosell retry: tries again now what failed for good; alone, it lists that.
local find = require "find"
local links = require "links"
local table_text = require "table_text"
local words = require "words"

local M = { help = "try again now what failed for good", where = "host",
  usage = "cosell retry [DEAL | --failed] [--json]        alone: lists what failed" }

local PAGE = 500

---Every dead letter, or those of one lane.
---@param lane string|nil
---@return table[] jobs
local function dead(lane)
  local out, after = json.array {}, 0
  repeat
    local page = assert(host.queue.list { state = "dead", after = after, most = PAGE })
    for _, job in ipairs(page) do
      if not lane or job.lane == lane then
        out[#out + 1] = job
      end
      after = job.id
    end
  until #page < PAGE
  return out
end
M.dead = dead

local function deal_of(job)
  local id = math.tointeger(tonumber(job.lane:match("^link:(%d+)$")))
  local link = id and links.get(id)
  return id, link and find.name(id, link) or nil
end

local COLUMNS = { { title = "JOB", right = true }, { title = "DEAL", flex = true },
  { title = "KIND" }, { title = "WHY" }, { title = "TRIES", right = true } }

local function list(cmd, as_json)
  local out, rows = json.array {}, {}
  for i, job in ipairs(dead()) do
    local id, name = deal_of(job)
    out[i] = { id = job.id, kind = job.kind, why = job.why, text = job.text, link = id,
      deal = name, attempts = job.attempt, created_ms = job.created_ms }
    rows[i] = { tostring(job.id), name or "", job.kind, { job.why, "red" }, tostring(job.attempt),
      below = table_text.wrap(cmd, "     ", job.text) }
  end
  if as_json then
    cmd.out(json.encode(out) .. "\n")
  elseif #rows == 0 then
    cmd.out("nothing failed for good\n")
  else
    table_text.out(cmd, table_text.lines(cmd, COLUMNS, rows))
  end
  return 0
end

local function said(cmd, as_json, out, line)
  cmd.out((as_json and json.encode(out) or line) .. "\n")
  return 0
end

local function retry_all(cmd, as_json)
  local n, err = host.queue.retry()
  if not n then
    return nil, err
  end
  return said(cmd, as_json, { retried = n }, table_text.count(n, "dead letter") .. " tried again")
end

-- A dead letter that looks at the deal is its look; without one the deal is woken.
local function retry_one(cmd, as_json, hit)
  local retried, looks = 0, false
  for _, job in ipairs(dead("link:" .. hit.id)) do
    local n, err = host.queue.retry(job.id)
    if not n then
      return nil, err
    end
    retried = retried + n
    looks = looks or job.kind == "deal"
  end
  if not looks then
    local ok, err = links.wake(hit.id, "retry")
    if not ok then
      return nil, err
    end
  end
  return said(cmd, as_json, { retried = retried, link = hit.id, deal = hit.name },
    ("%s (deal %d): %s tried again, and both sides are looked at now"):format(hit.name, hit.id,
      table_text.count(retried, "dead letter")))
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, failed = true })
  if not given then
    return 2
  elseif options.failed and #given > 0 then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  elseif options.failed then
    return retry_all(cmd, options.json)
  elseif #given == 0 then
    return list(cmd, options.json)
  end
  local hit = find.one(cmd, table.concat(given, " "))
  if not hit then
    return 1
  end
  return retry_one(cmd, options.json, hit)
end

return M

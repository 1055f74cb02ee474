-- The course of a scenario: its steps are played, faults end, everything comes to rest, and the
-- judge looks.  Knows the practice environment, the host and their faults as a place only, so that
-- it runs in the simulated world and against the real programs alike.
local M = {}
M.__index = M

---@class Place
---@field act fun(name: string, args: table): table|nil, any, Place|nil, Place|nil  a person's act;
---  nil and why not; what was stored before and after it, if more may have happened since
---@field rows fun(collection: string): table[]  what is stored
---@field row fun(collection: string, id: string): table|nil
---@field host fun(command: string, arg: string|nil): string|nil  a command's text; nil: it is down
---@field pending fun(): integer  deliveries under way
---@field writes fun(): integer  that both services have taken
---@field kill fun(words: string)
---@field net fun(words: string)
---@field calm fun()  no fault any more
---@field sleep fun(ms: integer)
---@field look_ms integer  between two looks at the host
---@field rest_ms integer  the longest that it may take to come to rest

---@param place Place
---@param parts { draw: table, judge: table, people: table, words: table }
function M.new(place, parts)
  return setmetatable({ place = place, draw = parts.draw, judge = parts.judge,
    people = parts.people, words = parts.words }, M)
end

-- ---- Waiting ----

function M:look()
  local text = self.place.host "look"
  return text and json.decode(text) or nil
end

-- Nothing is due, nothing runs, nothing is on its way.
local function idle(self)
  local now = self:look()
  return now and #now.waiting == 0 and now.running == 0 and self.place.pending() == 0, now
end
M.idle = idle

local function wait_idle(self)
  local until_ms, step = host.now_ms() + self.place.rest_ms, self.place.look_ms
  local quiet, now
  repeat
    self.place.sleep(step)
    quiet, now = idle(self)
    step = math.min(step * 2, 60000)
  until quiet or host.now_ms() > until_ms
  if not quiet then
    error("violation never-at-rest: " .. json.encode(now or {}), 0)
  end
end

local function sync(self)
  self.place.host "sync"
  wait_idle(self)
end

---Sweeps until one finds nothing to write.
function M:rest()
  for _ = 1, 12 do
    local before = self.place.writes()
    sync(self)
    if self.place.writes() == before then
      return
    end
  end
  error("violation never-equal: a sweep still writes after twelve", 0)
end

local function check_still(self)
  local before = self.place.writes()
  for _ = 1, 3 do
    sync(self)
  end
  local more = self.place.writes() - before
  if more ~= 0 then
    error(("violation writes: %d writes in three sweeps at rest"):format(more), 0)
  end
end

-- ---- Playing ----

local function play(self, all, steps, out)
  for _, step in ipairs(steps) do
    self.place.sleep(step.wait)
    local done, why = true, nil
    if step.kind == "kill" or step.kind == "net" then
      self.place[step.kind](step.words)
    elseif step.kind == "sync" then
      self.place.host "sync"
    else
      done, why = all:act(step)
    end
    out(self.draw.text(step) .. (done and "" or "  -- not done: " .. tostring(why)) .. "\n")
  end
end

-- Faults end; a host that is down comes up.
local function calm(self)
  self.place.calm()
  local until_ms = host.now_ms() + self.place.rest_ms
  while not self:look() do
    self.place.sleep(self.place.look_ms)
    if host.now_ms() > until_ms then
      error("violation down: the host does not come up", 0)
    end
  end
end

local function name_of(job)
  return job.kind .. job.lane .. job.text
end

-- Dead letters by name: those of earlier courses are not this one's.
local function dead(self)
  local out = {}
  for _, job in ipairs((self:look() or { dead = {} }).dead) do
    out[name_of(job)] = true
  end
  return out
end

local function view(self, before)
  local now = self:look()
  for i = #now.dead, 1, -1 do
    if before[name_of(now.dead[i])] then
      table.remove(now.dead, i)
    end
  end
  now.conflicts = json.decode((assert(self.place.host("conflicts", "--json"))))
  now.links = json.decode((assert(self.place.host "linked")))
  return now
end

---Plays steps to their end.
---@param steps Step[]
---@param out fun(text: string)
---@return boolean good
function M:run(steps, out)
  local all = self.people.new(self.place, self.words)
  local before = dead(self)
  local ok, found = pcall(function()
    play(self, all, steps, out)
    calm(self)
    self:rest()
    check_still(self)
    return self.judge.judge(all, view(self, before))
  end)
  if not ok then
    local text = type(found) == "table" and (found.text or json.encode(found)) or tostring(found)
    found = { text:match("^violation (.*)$") or "broken: " .. text }
  end
  for _, text in ipairs(found) do
    out("violation " .. text .. "\n")
  end
  return #found == 0
end

return M

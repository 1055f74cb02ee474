-- What the control socket of the practice environment answers: the words of `cosell sim WORD ...`
-- and those of the tests. Data as JSON or as text for people; how a table looks on a terminal is
-- commands/sim.lua's. Owns nothing but the table of words.
local both = require "sim.both"
local dates = require "sim.dates"
local fault_names = require "sim.fault_names"
local organization = require("sim.partner_rows").organization
local people = require "sim.people"
local profile = require "sim.profile"
local stored = require "sim.stored"
local switches = require "sim.switches"
local nearest = require("text").nearest
local tokens = require "sim.tokens"

local M = {}

local MOST_TRACED = 1000

-- "k=v" words by name ("a.b=v" inside a), the others in order.
local function named(words, from)
  local out = {}
  for i = from, #words do
    local name, value = tostring(words[i]):match("^([%w_/.-]+)=(.*)$")
    local outer, inner = (name or ""):match("^([%w_]+)%.([%w_.]+)$")
    if outer then
      out[outer] = type(out[outer]) == "table" and out[outer] or {}
      out[outer][inner] = value
    elseif name then
      out[name] = value
    else
      out[#out + 1] = words[i]
    end
  end
  return out
end

local function fail(text) return text .. "\n", 1 end

local function help_of(self)
  local out = {}
  for _, acts in ipairs { self.partner.acts, tokens.acts } do
    for name, act in pairs(acts) do out[#out + 1] = string.format("%-24s %s", name, act.help) end
  end
  for name, help in pairs(require("sim.crm_act").help()) do
    out[#out + 1] = string.format("crm.%-20s %s", name, help)
  end
  table.sort(out)
  return table.concat(out, "\n") .. "\n", 0
end

-- In good words: `seller win DEAL`; the answer says it in a sentence too.
local function play(self, words)
  local done, problem = people.play(self, words[1], words[2], named(words, 3))
  if not done then return fail(problem) end
  return json.encode(done) .. "\n", 0
end

local function act(self, words)
  local name = words.name or words[1]
  if not name then return help_of(self) end
  if people.knows(name) then return play(self, words) end
  local result, problem = self:act(name, words.args or named(words, 2))
  if result == nil then return fail(problem and (problem.text or problem) or "nothing done") end
  return json.pretty(result) .. "\n", 0
end

-- The bodies of a collection.
local function all_of(collection)
  local out = json.array {}
  stored.each(collection, function(row) out[#out + 1] = row.body end)
  return out
end

-- A table of the CRM (opportunities unless named), or the row with that id.
local function crm_text(words)
  local tables = require("sim.crm_schema").tables
  local name = words[2] or "opportunity"
  local id = words[3] or (not tables[name] and name or nil)
  if not id then return json.pretty(all_of("crm:" .. name)) .. "\n" end
  for logical in pairs(tables) do
    local row = host.docs.get("crm:" .. logical, id:lower())
    if row then return json.pretty(row) .. "\n" end
  end
  return nil, "no row " .. id
end

local function show(self, words)
  local text, problem
  if words[1] == "partner" then text, problem = self.partner:show_text(words[2])
  elseif words[1] == "crm" then text, problem = crm_text(words)
  else problem = "show partner [ID], or crm [TABLE] [ID]" end
  if not text then return fail(problem) end
  return text, 0
end

local function list_switches(self)
  local out = {}
  for i, row in ipairs(switches.rows) do
    local value = self.switches.peek(row.name)
    out[i] = string.format("%s %-28s %-8s %s", value == row.default and " " or "*", row.name,
      tostring(value), row.text)
  end
  return table.concat(out, "\n") .. "\n", 0
end

local function set(self, words)
  if not words[1] then return list_switches(self) end
  if words[2] == nil then return fail "set SWITCH VALUE" end
  local ok, problem = self.switches.set(words[1], words[2])
  if not ok then return fail(problem) end
  return words[1] .. " = " .. tostring(self.switches.peek(words[1])) .. "\n", 0
end

local SERVICES = { tokens = true, partner = true, crm = true }

-- One that has a name: on, or off again.
local function named_fault(self, words)
  local row = fault_names.find(words[1])
  if not row then
    local near = nearest(words[1], fault_names.names())
    return fail(("no fault is called %s%s"):format(words[1], near and "; did you mean " .. near
      .. "?" or "; cosell sim fault lists them"))
  end
  local ok, problem = fault_names.switch(self, row, words)
  if not ok then return fail(problem) end
  return ("fault %s: %s\n"):format(row.name, words[2] == "off" and "lifted"
    or self.faults_on[row.name] and "on" or "done"), 0
end

local function fault(self, words)
  if not words[1] then return json.pretty(json.array(self.faults.list())) .. "\n", 0 end
  if words[1] == "clear" then
    fault_names.clear(self)
    self.faults.clear()
    return "no faults\n", 0
  end
  if not SERVICES[words[1]] then return named_fault(self, words) end
  local ok, problem = self.faults.add(words[1], named(words, 2))
  if not ok then return fail(problem) end
  return "fault set\n", 0
end

local function ids(self)
  local base, tenant = self.env.base, tokens.tenant
  local rows = {
    { "tokens", base.tokens }, { "partner", base.partner }, { "crm", base.crm },
    { "token-url-v1", base.tokens .. "/" .. tenant .. "/oauth2/token" },
    { "token-url-v2", base.tokens .. "/" .. tenant .. "/oauth2/v2.0/token" },
    { "organization", organization }, { "user", tokens.user.upn },
    { "partner-client", tokens.partner_client },
    { "crm-client", tokens.crm_client },
  }
  local out = {}
  for i, row in ipairs(rows) do out[i] = string.format("%-16s %s", row[1], row[2]) end
  return table.concat(out, "\n") .. "\n", 0
end

local function deliveries(self)
  return json.pretty(json.array { table.unpack(self.partner.hooks.log) }) .. "\n", 0
end

-- Stored rows as they are: "referral", or "crm:" and a table.
local function rows(self, words)
  if words[1] ~= "referral" then return json.encode(all_of(words[1] or "")) .. "\n", 0 end
  local out = json.array {}
  for i, row in ipairs(self.partner.rows:all()) do out[i] = row.r end
  return json.encode(out) .. "\n", 0
end

-- What is still under way, for who waits until all is at rest.
local function pending(self)
  local open, registered = self.partner.hooks:pending()
  return json.encode { deliveries = open, registered = registered, writes = self.writes,
    requests = self.requests, lagging = self.partner.rows:lagging() } .. "\n", 0
end

-- What of all that can be otherwise has shown so far, how often: switches that were asked for in
-- another position (of two kinds it is known better), and named faults.
local function met(self)
  local out = { switch = {}, fault = self.faults.hits }
  for name, n in pairs(self.switches.met) do out.switch[name] = n end
  out.switch.delivery_order = self.partner.hooks.reordered
  out.switch.read_lag_ms, out.switch.stale_reads_ms = self.partner.rows.lagged,
    self.partner.rows.lagged
  return json.encode(out) .. "\n", 0
end

-- Several words with nothing in between, as for who looks, acts and looks again: what each said.
local function all(self, words)
  local said = json.array {}
  for i, word in ipairs(words) do
    local text, exit = M.answer(self, word[1], word[2])
    if exit ~= 0 then return text, exit end
    said[i] = text
  end
  return json.encode(said) .. "\n", 0
end

-- ---- for a person at a terminal, as data

local function faults(self) return json.encode(fault_names.list(self)) .. "\n", 0 end

local function switch_rows(self)
  local out = json.array {}
  for i, row in ipairs(switches.rows) do
    out[i] = { name = row.name, value = self.switches.peek(row.name), default = row.default,
      text = row.text, values = row.values }
  end
  return json.encode(out) .. "\n", 0
end

local function acts() return json.encode(people.list()) .. "\n", 0 end

-- Both sides, the newest so many; words: how many, and a part of the name or an id.
local function pairs_of(_, words)
  local most, part = math.tointeger(tonumber(words[1])) or 200, words[2]
  local list = both.list(part)
  local out = json.array {}
  for i = math.max(1, #list - most + 1), #list do out[#out + 1] = list[i] end
  return json.encode { total = #list, deals = out } .. "\n", 0
end

local function traced(self, words)
  local after = math.tointeger(tonumber(words[1])) or 0
  local most = math.tointeger(tonumber(words[2])) or MOST_TRACED
  return json.encode(self.trace:since(after, most)) .. "\n", 0
end

local UNITS = { s = 1000, min = 60000, m = 60000, h = 3600000, d = 86400000 }

-- "+14d": so much is put on the practice clock; "now": it is the machine's again. Its word is
-- "time", since a test build answers "clock" by itself.
local function clock(self, words)
  local wish = words[1]
  local offset = self.switches.get "clock_offset_ms"
  if wish == "now" then
    offset = 0
  elseif wish then
    local n, unit = wish:match("^%+(%d+)(%a+)$")
    if not UNITS[unit] then return fail "+14d, +3h, +30min, +10s, or now" end
    offset = offset + math.tointeger(tonumber(n)) * UNITS[unit]
  end
  self.switches.set("clock_offset_ms", tostring(offset))
  local ended = wish and wish ~= "now" and self.partner:act("expire", {}).expired or 0
  return json.encode { now = dates.text(self.env.now(), 0), offset_ms = offset,
    expired = ended } .. "\n", 0
end

-- The profile as text, or written to a folder.
local function profile_of(self, words)
  if not words[1] then return profile.text(self), 0 end
  local ok, err, kept = profile.write(self, words[1])
  if not ok then return fail(err.text) end
  return json.encode { kept = kept } .. "\n", 0
end

local function stop(self)
  self.running = false
  return "stopping\n", 0
end

M.words = { act = act, show = show, set = set, fault = fault, ids = ids, deliveries = deliveries,
  rows = rows, pending = pending, met = met, all = all, stop = stop, faults = faults,
  acts = acts, switches = switch_rows,
  ["pairs"] = pairs_of, trace = traced, time = clock, profile = profile_of }

--- Answers one word of the control socket.
---@return string text, integer exit
function M.answer(self, word, args)
  local run = M.words[word]
  if not run then return fail("no such word: " .. tostring(word)) end
  return run(self, args or {})
end

return M

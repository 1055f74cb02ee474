-- Change tracking of the practice CRM: the first full read that ends in a delta link, and the pages
-- behind a delta link: changed rows in order of version, then deletions. Rows are found by version,
-- never by reading all of them. A token is `number!time`; a page token carries where to go on.
local schema = require("sim.crm_schema")
local store = require("sim.crm_store")
local query = require("sim.crm_query")
local options = require("sim.crm_options")
local rows = require("sim.crm_rows")
local dates = require("sim.dates")

local M = {}
local refuse = schema.refuse
local DAY = 86400000

--- Whether changes of a table are tracked (its definition can switch it off).
function M.tracked(t) return t.tracked == true end

local function check(rq, t)
  for _, name in ipairs({ "$filter", "$orderby", "$expand", "$top" }) do
    if rq.options[name] then
      refuse(400, "0x80060888", "The query parameter %s is not supported with change tracking.",
        name)
    end
  end
  if not M.tracked(t) then
    refuse(400, "0x80072491", "Change tracking is not enabled for entity '%s'.", t.logical)
  end
  rows.need(rq.work, "Read", t, "organization")
end

local function token_text(number, ms)
  local y, mo, d, time = dates.text(ms, 0):match("^(%d+)-(%d+)-(%d+)T([%d:]+)")
  return string.format("%d!%s/%s/%s %s", number, mo, d, y, time)
end

local function token_of(text)
  local number, mo, d, y, time = text:match("^(%d+)!(%d%d)/(%d%d)/(%d%d%d%d) ([%d:]+)$")
  local ms = y and dates.parse(string.format("%s-%s-%sT%sZ", y, mo, d, time))
  if not ms then refuse(400, "0x80060888", "Malformed $deltatoken.") end
  return math.tointeger(number), ms
end

local function too_old()
  refuse(400, "0x80044352",
    "Version stamp associated with the client has expired. Please perform a full sync.")
end

local function expired(rq, t, number, ms)
  local org = rq.work:organization()
  local days = org and org.expirechangetrackingindays or 7
  local _, defined = host.docs.get("crm_state", "definition:" .. t.logical)
  local changed = defined and store.version(defined) > number
  if rq.work.who.now - ms > days * DAY or changed then too_old() end
end

-- A link given out before the CRM went back to a backup may speak of versions that are still to
-- come. What the service makes of it nobody wrote down: a switch.
local function from_future(rq, number, now)
  if number <= now then return false end
  if rq.switch("future_delta") == "expired" then too_old() end
  return true
end

local function link(rq, extra)
  return rq.base .. rq.path .. "?" .. query.query_text({ ["$select"] = rq.options["$select"] },
    extra)
end

local function delta_link(rq, number)
  return link(rq, { { "$deltatoken", options.encode(token_text(number, rq.work.who.now)) } })
end

local function page_token(rq)
  local text = rq.options["$skiptoken"]
  local token = text and json.decode(options.decode(text))
  if text and (type(token) ~= "table" or math.type(token.upto) ~= "integer") then
    refuse(400, "0x80060888", "Malformed $skiptoken.")
  end
  return token
end

local function next_link(rq, token)
  local extra = { { "$skiptoken", options.encode(options.encode(json.encode(token))) } }
  local delta = rq.options["$deltatoken"]
  if delta then table.insert(extra, 1, { "$deltatoken", options.encode(delta) }) end
  return link(rq, extra)
end

local function size_of(rq) return rq.prefer.page or query.MOST end

--- Whether a page token belongs to a tracked first read.
function M.continues(rq)
  local text = rq.options["$skiptoken"]
  local token = text and json.decode(options.decode(text))
  return type(token) == "table" and token.upto ~= nil
end

--- A page of the first read: all rows; the last page carries the delta link.
function M.first(rq, t)
  check(rq, t)
  local token = page_token(rq) or { upto = store.clock() }
  local size, columns = size_of(rq), query.columns(t, rq.options["$select"])
  local found = host.docs.find(store.collection(t), { after = token.after, most = size + 1 })
  local out = { ["@odata.context"] = query.context(rq, t.set, rq.options), value = json.array({}) }
  for i = 1, math.min(#found, size) do out.value[i] = query.show(rq, found[i], columns) end
  if #found > size then
    out["@odata.nextLink"] = next_link(rq, { upto = token.upto, after = found[size].id })
  else
    out["@odata.deltaLink"] = delta_link(rq, token.upto)
  end
  return out
end

-- What lies between two versions, in order of version; at most so many, and whether more.
local function between(collection, after, upto, most)
  local found = host.docs.find(collection, { after_tag = store.tag(after), most = most + 1 })
  local out = {}
  for _, r in ipairs(found) do
    if store.version(r.tag) > upto then return out, false end
    if #out == most then return out, true end
    out[#out + 1] = r
  end
  return out, false
end

local function deleted(rq, t, r)
  return { ["@odata.context"] = rq.base .. "$metadata#" .. t.set .. "/$deletedEntity", id = r.id,
    reason = "deleted" }
end

-- Fills a page from where the token stands; answers the records and the token of the next page.
local function fill(t, token, size)
  local changed, gone, more = {}, {}
  if not token.gone then
    local unfinished
    changed, unfinished = between(store.collection(t), token.at, token.upto, size)
    if unfinished then
      local last = store.version(changed[#changed].tag)
      return changed, gone, { from = token.from, upto = token.upto, at = last }
    end
    token = { from = token.from, upto = token.upto, at = token.from, gone = true }
  end
  gone, more = between(store.deleted(t), token.at, token.upto, size - #changed)
  local last = gone[#gone] and store.version(gone[#gone].tag) or token.at
  return changed, gone, more and { from = token.from, upto = token.upto, at = last, gone = true }
    or nil
end

--- A page behind a delta link.
function M.changes(rq, t)
  check(rq, t)
  local number, ms = token_of(rq.options["$deltatoken"])
  expired(rq, t, number, ms)
  local token = page_token(rq) or { from = number, at = number, upto = store.clock() }
  local columns = query.columns(t, rq.options["$select"])
  local changed, gone, following = {}, {}, nil
  if not from_future(rq, number, token.upto) then
    changed, gone, following = fill(t, token, size_of(rq))
  end
  local out = { ["@odata.context"] = query.context(rq, t.set, rq.options, "/$delta"),
    value = json.array({}) }
  for _, r in ipairs(changed) do out.value[#out.value + 1] = query.show(rq, r, columns) end
  for _, r in ipairs(gone) do out.value[#out.value + 1] = deleted(rq, t, r) end
  if following then
    out["@odata.nextLink"] = next_link(rq, following)
  else
    out["@odata.deltaLink"] = delta_link(rq, token.upto)
  end
  return out
end

--- How many changes and deletions stand behind a delta link.
function M.count(rq, t)
  check(rq, t)
  local number, ms = token_of(rq.options["$deltatoken"])
  expired(rq, t, number, ms)
  if from_future(rq, number, store.clock()) then return 0 end
  local changed, gone = fill(t, { from = number, at = number, upto = math.maxinteger }, query.MOST)
  return math.min(#changed + #gone, query.MOST)
end

return M

-- The list of referrals: its query options, and one page of it read along an index, so that a page
-- costs the same among a hundred deals and among a hundred thousand.
-- Owns nothing. Knows no sign-in and no shape: who may see a row, and how, is handed in.
local dates = require "sim.dates"
local filter = require "sim.partner_filter"
local shape = require "sim.partner_shape"
local store = require "sim.partner_rows"

local M = {}

local KNOWN_OPTIONS = { ["$filter"] = true, ["$orderby"] = true, ["$select"] = true,
  ["$top"] = true,
  ["$skip"] = true, ["$count"] = true, ["$skiptoken"] = true }
local LAST = "~" -- behind every date

-- ---- the plan

-- Where a page goes on: the first page's query, how many matched so far, the last row's place.
local function read_token(text)
  local plain = host.crypto.unbase64(text, true)
  local token = plain and json.decode(plain)
  if type(token) ~= "table" or type(token.query) ~= "string" or type(token.date) ~= "string"
    or type(token.id) ~= "string" or math.type(token.found) ~= "integer" then
    return nil, "the skip token is not valid"
  end
  return token
end

local function check_names(options)
  for name in pairs(options) do
    if name:sub(1, 1) == "$" and not KNOWN_OPTIONS[name] then
      return name .. " is not supported"
    end
  end
end

-- What the options ask for; `env` for the switches.
local function read_options(o, env)
  local asked = o["$filter"] or ""
  local problem
  local plan = { related = asked:find("engagementId", 1, true) ~= nil, all = asked == "",
    engagement = asked:lower():match("^engagementid eq '?([%x-]+)'?$") }
  plan.test, problem, plan.bounds = filter.filter(o["$filter"], env.switch "filter_dates")
  if problem then return nil, problem end
  plan.order, problem = filter.order(o["$orderby"])
  if problem then return nil, problem end
  plan.cut, problem = filter.select(o["$select"], shape.schema.names)
  if problem then return nil, problem end
  plan.top, problem = filter.count(o["$top"], 1)
  if problem then return nil, problem end
  plan.skip, problem = filter.count(o["$skip"], 0)
  if problem then return nil, problem end
  plan.skip = plan.skip or 0
  return plan
end

local function plan_of(query, env)
  local options = filter.options(query)
  local problem = check_names(options)
  if problem then return nil, problem end
  local token
  if options["$skiptoken"] then
    token, problem = read_token(options["$skiptoken"])
    if not token then return nil, problem end
    query = token.query
    options = filter.options(query)
  end
  local plan
  plan, problem = read_options(options, env)
  if not plan then return nil, problem end
  plan.query, plan.token = query or "", token
  return plan
end

-- ---- rows in order

-- The date from which on rows can match, and the date behind which none does, on the plan's way.
local function span(plan)
  local low, high = "", LAST
  for _, b in ipairs(plan.bounds) do
    if b.field == plan.order.field then
      local text = dates.text(b.ms)
      if b.op ~= "lt" and b.op ~= "le" and text > low then low = text end
      if b.op ~= "gt" and b.op ~= "ge" and text < high then high = text end
    end
  end
  if plan.order.way == "up" then return low, high end
  return high == LAST and LAST or high .. LAST, low
end

local function sorted(plan, list)
  table.sort(list, function(a, b) return plan.order.less(a.r, b.r) end)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

local function behind(plan, r)
  local token = plan.token
  if not token then return true end
  return plan.order.less({ [plan.order.field] = token.date, id = token.id }, r)
end

-- Versions that lagging readers see, those behind the page's beginning.
local function older(self, plan)
  local out, by_id = {}, self.rows:stale()
  for _, row in pairs(by_id) do
    if behind(plan, row.r) then out[#out + 1] = row end
  end
  return sorted(plan, out), by_id
end

-- Two ordered sources as one.
local function merged(plan, first, second)
  local a, b = first(), second()
  return function()
    local row
    if b and (not a or plan.order.less(b.r, a.r)) then
      row, b = b, second()
    else
      row = a
      if a then a = first() end
    end
    return row
  end
end

local function along(self, plan)
  local from, till = span(plan)
  local date, id = from, ""
  if plan.token then date, id = plan.token.date, plan.token.id end
  local field, up = plan.order.field, plan.order.way == "up"
  local rows = self.rows:along(field, plan.order.way, date, id, self.env.switch "page_size" + 1)
  return function()
    local row = rows()
    local at = row and row.r[field]
    if not row or (up and at > till) or (not up and at < till) then return nil end
    return row
  end
end

local function of_engagement(self, plan)
  local out = {}
  for _, row in ipairs(self.rows:engagement(plan.engagement)) do
    if behind(plan, row.r) then out[#out + 1] = row end
  end
  return sorted(plan, out)
end

-- The rows that a reader sees, in order, from the page's beginning on.
local function source(self, plan)
  local old, by_id = older(self, plan)
  local rows = plan.engagement and of_engagement(self, plan) or along(self, plan)
  local function current()
    local row
    repeat row = rows() until not row or (not by_id[row.id] and self.rows:seen(row))
    return row
  end
  return merged(plan, current, old)
end

-- ---- the page

-- What a filter sees of a row: the stored members and those that are derived.
local function candidate(row, view)
  return setmetatable({ type = view.type, direction = view.direction }, { __index = row.r })
end

-- The view of a row that the list holds, or nil.
local function listed(self, plan, sees, row)
  local ours = row.r.organizationId == store.organization
  if not sees.may(row) or not (ours or plan.related or self.env.switch "list_related") then
    return nil
  end
  local view = sees.view(row)
  return plan.test(candidate(row, view)) and view
end

local function next_link(self, plan, sees, found, last)
  local token = host.crypto.base64(json.encode { query = plan.query, found = found,
    date = last.r[plan.order.field], id = last.id }, true)
  local odd = self.env.switch "live_quirks" and self.env.switch "odd_next_link"
  local address = odd and "http://api.partner.microsoft.com/v1.0/referrals" or sees.address
  return address .. "?$skiptoken=" .. token
end

-- How many rows match in all: known at the list's end, or where there is nothing to match.
local function total(plan, found, ended)
  if ended then return found end
  return plan.all and store.count() or nil
end

--- One page.
---@param self table the service (partner.lua): env, rows
---@param query string|nil
---@param sees { may: fun(row: sim.row): boolean, view: fun(row: sim.row): table,
---              address: string }
---@return table|nil page value, next (a link), count; string|nil problem
function M.page(self, query, sees)
  local plan, problem = plan_of(query, self.env)
  if not plan then return nil, problem end
  self.rows:expire() -- now, so that no row moves while the page is read
  local size, found = self.env.switch "page_size", plan.token and plan.token.found or 0
  local page, last, ended = { value = json.array {} }, nil, true
  for row in source(self, plan) do
    local view = listed(self, plan, sees, row)
    if view then
      ended = false
      if plan.top and found >= plan.skip + plan.top then break end
      if #page.value == size then
        page.next = next_link(self, plan, sees, found, last)
        break
      end
      found, last, ended = found + 1, row, true
      if found > plan.skip then
        page.value[#page.value + 1] = plan.cut(shape.show(row.r, view))
      end
    end
  end
  page.count = total(plan, found, ended)
  return page
end

return M

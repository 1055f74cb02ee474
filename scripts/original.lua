-- The connector that this program replaces: whether it still works on the same deals.  Two that
-- write to one deal make it twice, or write in circles; so while it runs nothing is done with any
-- deal (start.lua asks, main.lua waits), and `cosell doctor` says how to switch it off.
-- Owns the mark "original": what of it was on when last looked at.  It must never switch anything
-- off itself: these flows are the administrator's.
local dynamics = require "dynamics"
local partner_center = require "partner_center"
local webhook_registration = require "flows.webhook_registration"

local M = {}

local MARK = "original"

-- Its nine flows, as its documents name them, in the order in which they are switched off: a flow
-- before those that it calls.  Names are compared without what people and versions change in them.
M.flows = {
  "Partner Center Webhook Registration",
  "Dynamics 365 Microsoft Solutions to Partner Center",
  "Dynamics 365 Opportunity to Partner Center",
  "Partner Center to Dynamics 365",
  "Dynamics 365 to Partner Center",
  "Partner Center Microsoft Co-sell Referral Updates to Dynamics 365",
  "Partner Center to Dynamics 365 - Helper",
  "Create Co-sell Referral - Dynamics 365 to Partner Center",
  "[Customize] Create or Get Details from Dynamics 365",
}

-- Where Power Automate takes what is posted to a flow.
local HOSTS = { "logic.azure.com", "powerplatform.com", "powerautomate.com", "flow.microsoft.com" }

-- "(Insider Preview)", the kind of dash, case and spaces differ between versions.
local function plain(name)
  return (name:lower():gsub("%b()", ""):gsub("[^%w]", ""))
end

local ORDER = {}
for place, name in ipairs(M.flows) do
  ORDER[plain(name)] = place
end

---@class OriginalPart
---@field what "flow"|"registration"
---@field name string  the flow's; the host that Partner Center's events go to

-- ---- Looking ----

-- What only an administrator of that table may see does not hold us up: `cosell doctor` says so.
local function flows_on(list)
  local rows, err = dynamics.flows()
  if not rows then
    return err.status == 403 or nil, err
  end
  local on = {}
  for _, row in ipairs(rows) do
    if row.on and ORDER[plain(row.name)] then
      on[#on + 1] = { what = "flow", name = row.name }
    end
  end
  table.sort(on, function(a, b)
    return ORDER[plain(a.name)] < ORDER[plain(b.name)]
  end)
  table.move(on, 1, #on, #list + 1, list)
  return true
end

---The host of an address at which Power Automate listens, or nil.
---@param url string
function M.host_of(url)
  local name = url:lower():match("^https?://([^/:?#]+)") or ""
  for _, host_name in ipairs(HOSTS) do
    if name == host_name or name:sub(-#host_name - 1) == "." .. host_name then
      return name
    end
  end
  return nil
end

-- A tenant has one registration.  A host that only polls leaves it to whom it belongs.
local function registered_there(list)
  if webhook_registration.mode() ~= "callbacks" then
    return
  end
  local present = partner_center.webhook_get()
  local name = present and M.host_of(present.WebhookUrl)
  if name then
    list[#list + 1] = { what = "registration", name = name }
  end
end

---What of the original is on.  (suspends)
---@return OriginalPart[]|nil  empty: nothing; nil, err: the CRM could not be asked
function M.running()
  local list = json.array {}
  local seen, err = flows_on(list)
  if not seen then
    return nil, err
  end
  registered_there(list)
  return list, err
end

-- ---- Saying ----

local function quoted(list)
  local out = {}
  for _, part in ipairs(list) do
    if part.what == "flow" then
      out[#out + 1] = '"' .. part.name .. '"'
    end
  end
  return out
end

---What is on, and how it is switched off.
---@param list OriginalPart[]
---@return { said: string, remedy: string }[]
function M.remedies(list)
  local out, flows = {}, quoted(list)
  if #flows > 0 then
    out[1] = { said = ("%d of the original connector's flows %s on"):format(#flows,
        #flows == 1 and "is" or "are"),
      remedy = "at make.powerautomate.com choose this CRM's environment, then under Solutions " ..
        "or My flows turn off " .. table.concat(flows, ", then ") }
  end
  for _, part in ipairs(list) do
    if part.what == "registration" then
      out[#out + 1] = { said = "Partner Center's events go to the original connector (" ..
          part.name .. ")",
        remedy = "`cosell webhook register --overwrite`" }
    end
  end
  return out
end

---The same in one sentence.
---@param list OriginalPart[]
function M.sentence(list)
  local said, cures = {}, {}
  for i, one in ipairs(M.remedies(list)) do
    said[i], cures[i] = one.said, one.remedy
  end
  return ("the original connector still runs, nothing is done with any deal: %s; to go on: %s")
    :format(table.concat(said, "; "), table.concat(cures, "; "))
end

-- ---- What was found last ----

---@return OriginalPart[]|nil
function M.noted()
  local mark = host.store.mark_get(MARK)
  return mark and json.decode(mark) or nil
end

---Notes what is on, and tells the log what is new.
---@param list OriginalPart[]
function M.note(list)
  local was, now = host.store.mark_get(MARK), #list > 0 and json.encode(list) or nil
  if was == now then
    return
  end
  host.store.mark_set(MARK, now)
  if now then
    host.log("error", M.sentence(list) .. "; looked at again every minute")
  else
    host.log("info", "the original connector is off: work goes on")
  end
end

return M

-- Both sides of one deal as they are now, beside what they last agreed on, for people who look.
-- Reads both services; it must never write, nor decide what should travel.
local agreement = require "agreement"
local canonical = require "canonical"
local facts = require "facts"
local fields = require "fields"
local helper = require "flows.helper"
local links = require "links"
local partner_center = require "partner_center"
local table_text = require "table_text"

local M = {}

-- What people compare, in this order; identifiers stand above it.
M.shown = { "name", "value", "currency", "closing_date", "notes", "state", "help", "visible",
  "solutions", "microsoft_id", "microsoft_state" }

M.names = { crm = "CRM", partner = "Partner Center" }

-- With those that the mapping added.
local function names()
  local out = table.move(M.shown, 1, #M.shown, 1, {})
  for i, field in ipairs(fields.added) do
    out[#M.shown + i] = field.name
  end
  return out
end

---A canonical value as one line.
---@param field Field|nil
---@param value any
---@return string
function M.text(field, value)
  if value == nil or value == json.null then
    return "(empty)"
  elseif type(value) == "boolean" then
    return value and "Yes" or "No"
  elseif field and field.kind == "set" and type(value) == "table" then
    local ids = {}
    for _, item in ipairs(value) do
      ids[#ids + 1] = tostring(item.id or item.email)
    end
    return #ids == 0 and "(none)" or table.concat(ids, ", ")
  elseif type(value) == "table" then
    return json.encode(value)
  end
  return table_text.plain(value)
end

-- Of a canonical deal, what is shown and printed as JSON: no persons.
local function shown(deal)
  local out = {}
  for _, name in ipairs(names()) do
    out[name] = deal[name]
  end
  out.id, out.link, out.crm_id, out.reason = deal.id, deal.link, deal.crm_id, deal.reason
  out.customer = deal.customer and deal.customer.name
  return out
end

local function read_crm(turn)
  if not turn.link.crm then
    return nil, { text = "there is no row in the CRM yet" }
  elseif turn.link.state == "deleted" then
    return nil, { text = "the row was deleted in the CRM" }
  end
  local ok, err = helper.read(turn)
  if not ok then
    return nil, err
  end
  return canonical.from_crm(turn.row, turn.known)
end

local function read_partner(turn)
  if not turn.link.engagement then
    return nil, { text = "it was not sent to Partner Center yet" }
  end
  local referrals, err = partner_center.engagement(turn.link.engagement)
  if not referrals then
    return nil, err
  end
  local ours, theirs = links.copies(referrals)
  if not ours then
    return nil, { text = "the deal is not at Partner Center any more" }
  end
  return canonical.from_partner(ours, theirs, turn.known)
end

---@class Sides
---@field now table<"crm"|"partner", table>   what could be read
---@field base table<"crm"|"partner", table>  empty before the first agreement
---@field problems table<"crm"|"partner", string>  why a side could not be read

---Reads both.  (suspends)
---@param link Link
---@return Sides
function M.read(link)
  local sides = { now = {}, base = {}, problems = {} }
  local crm_base, partner_base = agreement.bases(link)
  sides.base.crm, sides.base.partner = shown(crm_base), shown(partner_base)
  local known, err = facts.get()
  local turn = { link = link, known = known, trigger = "person" }
  for side, read in pairs { crm = read_crm, partner = read_partner } do
    local deal, bad = nil, err
    if known then
      deal, bad = read(turn)
    end
    sides.now[side] = deal and shown(deal)
    sides.problems[side] = not deal and bad.text or nil
  end
  return sides
end

---@class Compared
---@field name string
---@field label string
---@field crm string   as it is now, else as last agreed
---@field partner string
---@field differs boolean
---@field was table<"crm"|"partner", string>  the base of a side that has changed since

-- State words differ by side and yet mean the same; microsoft_state is Partner Center's alone.
local function differs(field, sides)
  local crm, partner = sides.now.crm, sides.now.partner
  if not (crm and partner) or not (field.to_crm or field.to_partner) then
    return false
  elseif field.name == "state" then
    return not require("state").agree(partner.state, crm.state)
  end
  return not canonical.same(field, crm[field.name], partner[field.name])
end

---One entry for each field that either side holds or held.
---@param sides Sides
---@return Compared[]
function M.compare(sides)
  local out = {}
  for _, name in ipairs(names()) do
    local field, held = fields.by_name[name], false
    local one = { name = name, label = field.label, differs = differs(field, sides), was = {} }
    for side in pairs(M.names) do
      local now, base = sides.now[side], sides.base[side]
      local value = (now or base)[name]
      one[side] = M.text(field, value)
      held = held or value ~= nil or base[name] ~= nil
      if now and next(base) ~= nil and not canonical.same(field, value, base[name]) then
        one.was[side] = M.text(field, base[name])
      end
    end
    if held then
      out[#out + 1] = one
    end
  end
  return out
end

return M

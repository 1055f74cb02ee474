-- Both sides of the practice environment next to each other: each deal once, as the CRM's row and
-- Partner Center's referral that name each other, and what differs between them. For `cosell sim
-- show` and for finding the deal that a person means. Reads rows; must never write one.
local dates = require "sim.dates"
local fields = require "fields"
local rows = require "sim.partner_rows"
local schema = require "sim.crm_schema"
local stored = require "sim.stored"

local M = {}

local TABLES = { "opportunity", "lead" }
local IDENTIFIER = "msft_microsoftpartnercenterreferralidentifier"

-- ---- One side ----

local CRM_STATES = { opportunity = { [0] = "open", "won", "lost" },
  lead = { [0] = "open", "qualified", "disqualified" } }

-- A mark that the host put before the name, apart from it.
local function marked(name)
  local mark, rest = name:match("^(\xE2[\x80-\xBF][\x80-\xBF]) (.*)$")
  return rest or name, mark
end

local function currency_code(id, known)
  if not id then return nil end
  if known[id] == nil then
    local row = host.docs.get("crm:transactioncurrency", id)
    known[id] = row and row.isocurrencycode or false
  end
  return known[id] or nil
end

local function help_label(number)
  for _, o in ipairs(schema.tables.opportunity.columns.msft_microsoftpartnercenterhelp.options) do
    if o.value == number then return o.label end
  end
end

local function help_of_code(code)
  for _, row in ipairs(fields.help) do
    if row.code == code then return row.label end
  end
end

local function crm_side(name, row, known)
  local plain, mark = marked(row.name or row.subject or row.fullname or "")
  return { id = row[schema.tables[name].id], table = name, name = plain, mark = mark,
    state = CRM_STATES[name][row.statecode or 0], help = help_label(
      row.msft_microsoftpartnercenterhelp),
    value = tonumber(row.estimatedvalue or row.estimatedamount),
    currency = currency_code(row._transactioncurrencyid_value, known),
    sync = row.msft_microsoftpartnercenterreferralsync == true,
    referral = row[IDENTIFIER] and row[IDENTIFIER]:lower(), made = row.createdon }
end

local function state_of(r)
  return (r.status == "Closed" and r.substatus or r.status or "?"):lower()
end

local function partner_side(r)
  local details = r.details or {}
  return { id = r.id, engagement = r.engagementId, name = r.name or "", state = state_of(r),
    value = tonumber(tostring(details.dealValue)), currency = details.currency,
    row = r.externalReferenceId and r.externalReferenceId:lower(), made = r.createdDateTime }
end

-- ---- Both ----

local function each(collection, fn)
  stored.each(collection, function(r) fn(r.body) end, function()
    host.sleep(0) -- others may ask meanwhile
  end)
end

-- Every row of the CRM by its id, and by the referral that it names.
local function crm_sides()
  local by_id, by_referral, list, known = {}, {}, {}, {}
  for _, name in ipairs(TABLES) do
    each("crm:" .. name, function(row)
      local side = crm_side(name, row, known)
      list[#list + 1], by_id[side.id] = side, side
      -- A qualified lead gives way to its opportunity.
      local other = side.referral and by_referral[side.referral]
      if side.referral and not (other and other.table == "opportunity") then
        by_referral[side.referral] = side
      end
    end)
  end
  return list, by_id, by_referral
end

-- Ours as they come, Microsoft's by engagement.
local function partner_sides()
  local ours, theirs = {}, {}
  each("referral", function(body)
    local r = body.r
    if r.organizationId == rows.microsoft then
      theirs[r.engagementId] = { id = r.id, state = state_of(r), help =
        help_of_code((r.inviteContext or {}).assistanceRequestCode),
        number = (r.trackingInfo or {}).microsoftMsxId }
    else
      ours[#ours + 1] = partner_side(r)
    end
  end)
  return ours, theirs
end

local SAME_STATE = {
  open = { active = true, new = true }, won = { won = true },
  lost = { lost = true, declined = true, expired = true, error = true },
  qualified = { active = true, won = true, lost = true },
  disqualified = { declined = true, lost = true, expired = true, error = true },
}

-- The names of what differs between two sides that both are there.
local function differing(crm, partner)
  local out = json.array {}
  if crm.table == "lead" then
    if not SAME_STATE[crm.state][partner.state] then out[1] = "state" end
    return out
  end
  if crm.name ~= partner.name then out[#out + 1] = "name" end
  if not SAME_STATE[crm.state][partner.state] then out[#out + 1] = "state" end
  if crm.value ~= partner.value or crm.currency ~= partner.currency then
    out[#out + 1] = "value"
  end
  if crm.help ~= partner.help then out[#out + 1] = "help" end
  if not crm.sync then out[#out + 1] = "sync" end
  return out
end

local function pair_of(crm, partner, microsoft)
  local out = { crm = crm, partner = partner, microsoft = microsoft }
  if partner and microsoft then partner.help = microsoft.help end
  if crm and partner then
    out.differs = differing(crm, partner)
  else
    out.differs = json.array { (partner or crm.sync) and "missing" or nil }
  end
  out.made = math.min(crm and dates.parse(crm.made) or math.huge,
    partner and dates.parse(partner.made) or math.huge)
  return out
end

-- ---- The deal that is meant ----

local function has_id(pair, id)
  local p, c, m = pair.partner or {}, pair.crm or {}, pair.microsoft or {}
  return p.id == id or p.engagement == id or c.id == id or m.id == id
end

local function has_name(pair, part)
  for _, side in ipairs { pair.crm or false, pair.partner or false } do
    if side and side.name:lower():find(part, 1, true) then return true end
  end
  return false
end

--- Each deal of both sides once, oldest first. (suspends)
---@param wanted string|nil only those with that id, or that part in a name
---@return { crm: table|nil, partner: table|nil, microsoft: table|nil, differs: string[] }[]
function M.list(wanted)
  local crm, by_id, by_referral = crm_sides()
  local ours, theirs = partner_sides()
  local out, taken = {}, {}
  for _, partner in ipairs(ours) do
    local side = by_referral[partner.id] or by_id[partner.row or ""]
    if side and taken[side] then side = nil end -- a second referral that names one row
    if side then taken[side] = true end
    out[#out + 1] = pair_of(side, partner, theirs[partner.engagement])
  end
  for _, side in ipairs(crm) do
    local lead_of = side.table == "lead" and side.referral and by_referral[side.referral]
    if not taken[side] and not (lead_of and lead_of ~= side) then
      out[#out + 1] = pair_of(side)
    end
  end
  if wanted then
    local kept = {}
    for _, pair in ipairs(out) do
      if has_id(pair, wanted:lower()) or has_name(pair, wanted:lower()) then
        kept[#kept + 1] = pair
      end
    end
    out = kept
  end
  table.sort(out, function(a, b)
    if a.made // 1000 ~= b.made // 1000 then return a.made < b.made end
    local one, other = a.partner or a.crm, b.partner or b.crm
    if one.name ~= other.name then return one.name < other.name end
    return one.id < other.id
  end)
  return out
end

--- The one deal with that id, or that part in its name. (suspends)
---@param text string
---@return table|nil pair, string|nil problem
function M.find(text)
  local found, exact = M.list(text), {}
  for _, pair in ipairs(found) do
    local name = (pair.crm or pair.partner).name
    if has_id(pair, text:lower()) then return pair end
    if name:lower() == text:lower() then exact[#exact + 1] = pair end
  end
  if #exact == 1 then return exact[1] end
  if #found == 1 then return found[1] end
  if #found == 0 then return nil, ('no deal is called "%s"'):format(text) end
  local names = {}
  for i = 1, math.min(#found, 5) do
    names[i] = ('"%s"'):format((found[i].crm or found[i].partner).name)
  end
  return nil, ('%d deals are called so: %s%s'):format(#found, table.concat(names, ", "),
    #found > 5 and ", ..." or "")
end

return M

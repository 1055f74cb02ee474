-- What must hold once a world is at rest: both sides equal, no edit of a person lost, nothing made
-- twice.  Knows every edit, what both sides hold, and the conflict list; it must never act.
local M = {}

-- ---- State: which words of both sides mean the same stage ----

local AGREE = {
  ["New/Pending"] = "hold open", ["Active/Accepted"] = "open hold", ["Closed/Won"] = "won",
  ["Closed/Lost"] = "lost canceled", ["Closed/Declined"] = "lost canceled",
  ["Closed/Expired"] = "lost canceled",
}

local function agree(partner, crm)
  return (" " .. (AGREE[partner] or crm) .. " "):find(" " .. crm .. " ", 1, true) ~= nil
end

-- ---- Conflicts ----

local GROUP = { value = "money", currency = "money", solution_area = "area",
  solution_play = "area" }

-- What people see where a side has nothing.
local EMPTY = setmetatable({ stage = "qualify" }, { __index = function() return "none" end })

-- Of a conflict about solutions each price and quantity is one of its own.
local function note_parts(out, lists)
  for _, list in ipairs(lists) do
    for _, item in ipairs(type(list) == "table" and list or {}) do
      for _, part in ipairs { "price", "quantity" } do
        local field = part .. " " .. tostring(item.id)
        out[field] = out[field] or {}
        table.insert(out[field], item[part] and tostring(item[part]) or "none")
      end
    end
  end
end

-- Conflicts of a deal by our field names: a list of texts that hold the values of both sides.
local function conflicts_of(look, link)
  local out = {}
  for _, c in ipairs(look.conflicts) do
    if c.deal == link then
      local field = GROUP[c.field] or c.field
      note_parts(out, field == "solutions" and { c.crm, c.partner } or {})
      out[field] = out[field] or {}
      for _, side in ipairs { "crm", "partner" } do
        local v = c[side]
        table.insert(out[field], (v == nil or v == json.null) and EMPTY[field] or tostring(v))
      end
    end
  end
  return out
end

local function number_of(text)
  local n = tonumber(text)
  return n and ("%.2f"):format(n) or text
end

-- Whether a value of ours stands in the list: for money its amount or its currency, for an area and
-- its play one of the two.
local function listed(list, field, value)
  for _, text in ipairs(list or {}) do
    if text == value or number_of(text) == value then
      return true
    elseif field == "area" and (value:find(text .. " / ", 1, true) == 1 or
      value:sub(-#text - 3) == " / " .. text) then
      return true
    elseif field == "money" and (value:find(number_of(text) .. " ", 1, true) == 1 or
      value:sub(-#text) == text) then
      return true
    end
  end
  return false
end

-- ---- The rules ----

local function closed(state)
  return state:find("^Closed/") ~= nil
end

local function is_new(state)
  return state:find("^New/") ~= nil
end

-- Somebody who saw this value wrote another one over it.
local function replaced(edits, edit, from)
  for i = from, #edits do
    local later = edits[i]
    if later.deal == edit.deal and later.field == edit.field and later.was == edit.value then
      return true
    end
  end
  return false
end

-- It took back what somebody had changed before: no change, for who looks later; so is the price of
-- a new solution that is taken off again.
local function taken_back(edits, edit, before)
  for i = 1, before do
    local first = edits[i]
    if first.deal == edit.deal and first.field == edit.field and (first.was == edit.value or
      first.was == nil and edit.value == "none") then
      return true
    end
  end
  return false
end

-- Whether what an edit changed of an area and its play stands there: the other may be newer.
local function stands(edit, now)
  for _, part in ipairs { "^(.-) / ", " / (.*)$" } do
    local value = edit.value:match(part)
    if value ~= (edit.was or ""):match(part) and value ~= now:match(part) then
      return false
    end
  end
  return true
end

local function edit_kept(all, i, crm, partner, conflicts)
  local edit = all.edits[i]
  local field, value = edit.field, edit.value
  if crm[field] == value and partner[field] == value or
    field == "area" and stands(edit, crm.area) and stands(edit, partner.area) then
    return true
  elseif replaced(all.edits, edit, i + 1) or taken_back(all.edits, edit, i - 1) or
    listed(conflicts[field], field, value or "") then
    return true
  end
  -- What the CRM has stays there: a closed referral takes no edit, a new one not yet.
  return (closed(partner.state) or is_new(partner.state) or not crm.sync) and
    (crm[field] == value or partner[field] == value)
end

-- Fields of which no edit may be lost; value and currency travel as one, and so do area and play.
local OWN = { name = true, money = true, closing_date = true, notes = true, intent = true,
  partner_role = true, area = true, stage = true, campaign = true, program = true }

-- Of a part of a solution, while nobody took that solution away; a new one without a price says
-- nothing of it.  What only Partner Center says is put right in the CRM.
local function is_own(all, edit, crm, partner)
  if OWN[edit.field] then
    return edit.field ~= "program" or edit.side == "partner"
  elseif crm[edit.field] == nil or partner[edit.field] == nil or
    edit.was == nil and edit.value == "none" then
    return false
  end
  for _, other in ipairs(all.edits) do
    if other.deal == edit.deal and other.field == edit.field and other.value == nil then
      return false
    end
  end
  return edit.field:find("^price ") ~= nil or edit.field:find("^quantity ") ~= nil
end

local function text_of(edit)
  return ("step %d, deal %d: %s %s = %s (was %s)"):format(edit.step, edit.deal, edit.side,
    edit.field, tostring(edit.value), tostring(edit.was))
end

local function check_edits(out, all, deal, crm, partner, conflicts)
  for i, edit in ipairs(all.edits) do
    if edit.deal == deal.n and is_own(all, edit, crm, partner) and
      not edit_kept(all, i, crm, partner, conflicts) then
      out[#out + 1] = ("lost-%s: %s; now crm %s, partner %s"):format(edit.field, text_of(edit),
        tostring(crm[edit.field]), tostring(partner[edit.field]))
    end
  end
end

-- Edits in the CRM travel once the referral was accepted.
local function waits(all, deal, partner, field, conflicts)
  if not is_new(partner.state) then
    return false
  elseif conflicts[field] then
    return true
  end
  for _, edit in ipairs(all.edits) do
    if edit.deal == deal.n and edit.side ~= "partner" and edit.field == field then
      return true
    end
  end
  return false
end

-- Of a solution that stands twice in the CRM nobody can say whose price counts.
local function equal_fields(deal, crm, partner)
  local out = { "name", "money", "closing_date", "notes", "visible", "solutions", "intent",
    "partner_role", "area", "stage", "campaign", "program", "microsoft_id" }
  if deal.origin ~= "lead" then -- whose customer the CRM makes by itself
    table.move({ "size", "duns" }, 1, 2, #out + 1, out)
  end
  for id in crm.solutions:gmatch "%S+" do
    for _, part in ipairs(crm.twice[id] and {} or { "price", "quantity" }) do
      local field = part .. " " .. id
      out[#out + 1] = partner[field] ~= nil and field or nil
    end
  end
  return out
end

local function check_equal(out, all, deal, crm, partner, conflicts)
  if not crm.sync then
    return
  end
  local function differs(field)
    out[#out + 1] = ("unequal-%s: deal %d: crm %s, partner %s"):format(field, deal.n,
      tostring(crm[field]), tostring(partner[field]))
  end
  if not agree(partner.state, crm.state) and not closed(partner.state) and
    not (is_new(partner.state) and crm.state == "won") and -- no such move: it is told
    not conflicts.state then
    differs "state"
  end
  if closed(partner.state) then
    return
  end
  if crm.help and not partner.shared or partner.help and not crm.help then
    differs "help" -- what a deal that is shared already asks for is fixed
  end
  for _, field in ipairs(equal_fields(deal, crm, partner)) do
    local last = field == "solutions" and crm.solutions == "" -- one must stay: it is told
    if crm[field] ~= partner[field] and not last and
      not waits(all, deal, partner, field, conflicts) then
      differs(field)
    end
  end
end

-- ---- What is sent once, and what follows from something else ----

-- A customer's edit travels with the deal's creation, a contact's until Microsoft is invited; then
-- never.
local ONCE = { phone = "shared", street = "sent" }

local function check_once(out, all, deal, crm, partner)
  for i, edit in ipairs(all.edits) do
    local too_late = edit.deal == deal.n and ONCE[edit.field] and edit.side == "crm" and
      not edit.make and edit[ONCE[edit.field]]
    if too_late and partner[edit.field] == edit.value then
      out[#out + 1] = ("frozen-%s: %s was sent"):format(edit.field, text_of(edit))
    elseif edit.deal == deal.n and edit.field == "phone" and not edit.make and crm.sync and
      not (partner.shared or closed(partner.state) or is_new(partner.state)) and
      partner.phone ~= edit.value and not replaced(all.edits, edit, i + 1) then
      out[#out + 1] = ("lost-phone: %s; now crm %s, partner %s"):format(text_of(edit),
        tostring(crm.phone), tostring(partner.phone))
    end
  end
end

-- Edits of a deal's field, without its making.
local function edits_of(all, deal, field)
  local out = {}
  for _, edit in ipairs(all.edits) do
    if edit.deal == deal.n and edit.field == field and not edit.make then
      out[#out + 1] = edit
    end
  end
  return out
end

-- Closed, by the words of both sides; true: somebody may have said why.
local ENDS = { lost = true, canceled = true, ["Closed/Lost"] = true, ["Closed/Declined"] = true,
  won = false, ["Closed/Won"] = false, ["Closed/Expired"] = false }

-- Who alone closed the deal, and said why, is read on the other side.
local function check_reason(out, all, deal, crm, partner)
  local one, closings = nil, 0
  for _, edit in ipairs(edits_of(all, deal, "state")) do
    one, closings = edit, closings + (ENDS[edit.value] ~= nil and 1 or 0)
  end
  if closings ~= 1 or not ENDS[one.value] or not crm.sync then
    return
  elseif one.side == "partner" and one.reason and partner.state == one.value and
    (crm.state == "lost" or crm.state == "canceled") and not crm.reasons[one.reason] then
    out[#out + 1] = ("reason: deal %d: the CRM was not told %s"):format(deal.n, one.reason)
  elseif one.side == "crm" and crm.state == one.value and closed(partner.state) and
    partner.state ~= "Closed/Won" and partner.state ~= "Closed/Expired" and
    partner.reason ~= (one.reason or crm.reason) then
    out[#out + 1] = ("reason: deal %d: crm %s, partner %s"):format(deal.n,
      tostring(one.reason or crm.reason), tostring(partner.reason))
  end
end

local function starts_in_crm(deal)
  return deal.origin:find("^crm") ~= nil
end

-- What a new referral says whatever the row says, and what a new row of an inbound deal is.
local function check_creation(out, all, deal, crm, partner)
  local function wrong(what, is)
    out[#out + 1] = ("creation: deal %d (%s): %s is %s"):format(deal.n, deal.origin, what,
      tostring(is))
  end
  if starts_in_crm(deal) then
    if not partner.consent then
      wrong("consent", partner.consent)
    elseif partner.qualification ~= "SalesQualified" then
      wrong("qualification", partner.qualification)
    elseif partner.owner ~= "ken@partner.example" then
      wrong("the owner in the team", partner.owner)
    end
  elseif deal.origin ~= "lead" and
    #edits_of(all, deal, "cosell_type") + #edits_of(all, deal, "partner_role") == 0 then
    local type = partner.partner_role ~= "none" and "Services" or "none"
    if crm.cosell_type ~= type then
      wrong("co-sell type", crm.cosell_type)
    end
  end
end

-- Names of each other that both sides keep.
local function check_names(out, deal, crm, partner)
  if not crm.sync then
    return
  elseif not closed(partner.state) and partner.row ~= crm.id then
    out[#out + 1] = ("names: deal %d: the referral names %s"):format(deal.n, tostring(partner.row))
  elseif not (crm.link and crm.link:sub(-#deal.referral):lower() == deal.referral:lower()) then
    out[#out + 1] = ("names: deal %d: the row's link is %s"):format(deal.n, tostring(crm.link))
  end
end

-- People write nothing here that the service would refuse: what it can't take is never sent.
local function check_refusals(out, deal, crm)
  local line = crm.audit:match "[^\n]*refuses this value[^\n]*"
  if line then
    out[#out + 1] = ("refused: deal %d: %s"):format(deal.n, line)
  end
end

-- Who sees a deal sees it for ever.
local function check_risen(out, all, deal, partner)
  for _, edit in ipairs(all.edits) do
    if edit.deal == deal.n and edit.field == "visible" and edit.side == "partner" and edit.value and
      not partner.visible then
      out[#out + 1] = ("fell: deal %d is not visible any more"):format(deal.n)
    end
  end
end

-- A Services co-sell deal goes with all three of them.
local function lacks(crm)
  return crm.cosell_type == "Services" and
    (crm.partner_role == "none" or crm.area:find("none", 1, true) ~= nil)
end

-- It never had what it lacks: nobody may have sent it.
local function check_refused(out, all, deal, crm)
  local touched = #edits_of(all, deal, "cosell_type") + #edits_of(all, deal, "partner_role") +
    #edits_of(all, deal, "area")
  if starts_in_crm(deal) and touched == 0 and lacks(crm) then
    out[#out + 1] = ("unready: deal %d was sent as Services co-sell"):format(deal.n)
  end
end

-- Nothing is sent of a deal that lacks something, is closed already, or whose sync is off.
local function unsent(crm)
  local open = crm and (crm.state == "open" or crm.state == "hold")
  return crm and (crm.solutions == "" or not open or not crm.sync or lacks(crm))
end

-- ---- Leads ----

local LEAD_IS = { New = "lead open", Active = "lead qualified", Closed = "lead disqualified" }

-- Whether the seller has changed it, or somebody in the portal has made it that.
local function edited_by(all, deal, side, field, value)
  for _, edit in ipairs(edits_of(all, deal, field)) do
    if edit.side == side and (value == nil or edit.value == value) then
      return true
    end
  end
  return false
end

-- A lead that nobody has accepted in the CRM: name and notes follow, unless the seller has his own.
local function check_lead(out, all, deal, partner)
  local lead = all:see(deal, "lead")
  if not (lead and partner) then
    out[#out + 1] = ("missing: deal %d (lead): %s, %s"):format(deal.n,
      lead and lead.state or "no lead", partner and partner.state or "no referral")
    return
  end
  local status = partner.state:match "^%a+"
  local split = lead.state == "lead disqualified" and -- each side's people decided otherwise
    edited_by(all, deal, "partner", "state", "Active/Accepted")
  if LEAD_IS[status] ~= lead.state and not split or lead.state == "lead qualified" then
    out[#out + 1] = ("unequal-state: deal %d: %s, partner %s"):format(deal.n, lead.state,
      partner.state)
  end
  for _, field in ipairs(status == "New" and { "name", "notes" } or {}) do
    if lead[field] ~= partner[field] and not edited_by(all, deal, "lead", field) then
      out[#out + 1] = ("unequal-%s: deal %d: lead %s, partner %s"):format(field, deal.n,
        tostring(lead[field]), tostring(partner[field]))
    end
  end
end

local function check_deal(out, all, look, deal)
  local crm, partner = all:see(deal, "crm"), all:see(deal, "partner")
  if deal.gone then
    if deal.gone == "crm" and crm or deal.gone == "partner" and partner then
      out[#out + 1] = ("again: deal %d was made anew at the side %s"):format(deal.n, deal.gone)
    end
    return
  elseif not crm and deal.origin == "lead" then
    return check_lead(out, all, deal, partner)
  elseif not partner and unsent(crm) then
    return
  elseif not crm or not partner then
    out[#out + 1] = ("missing: deal %d (%s) is not %s"):format(deal.n, deal.origin,
      crm and "at Partner Center" or "in the CRM")
    return
  end
  local conflicts = conflicts_of(look, look.links[deal.row])
  check_equal(out, all, deal, crm, partner, conflicts)
  check_edits(out, all, deal, crm, partner, conflicts)
  check_once(out, all, deal, crm, partner)
  check_reason(out, all, deal, crm, partner)
  check_creation(out, all, deal, crm, partner)
  check_names(out, deal, crm, partner)
  check_refusals(out, deal, crm)
  check_risen(out, all, deal, partner)
  check_refused(out, all, deal, crm)
end

local function check_counts(out, all)
  local ours, theirs = all:referrals()
  local want, have = { crm = 0, partner = 0, lead = 0 },
    { crm = #all.place.rows "crm:opportunity", partner = #ours,
      lead = #all.place.rows "crm:lead" }
  for _, deal in pairs(all.deals) do
    for side, n in pairs(want) do
      want[side] = n + (all:see(deal, side) and 1 or 0) -- check_deal says why one is missing
    end
  end
  for side, n in pairs(want) do
    if have[side] ~= n then
      out[#out + 1] = ("count: %s has %d for %d deals"):format(side, have[side], n)
    end
  end
  for engagement, copies in pairs(theirs) do
    if #copies > 1 then
      out[#out + 1] = ("count: %d copies of Microsoft's for %s"):format(#copies, engagement)
    end
  end
  local names = {}
  for _, row in ipairs(all.place.rows "crm:account") do
    names[row.name] = (names[row.name] or 0) + 1
  end
  for name, count in pairs(names) do
    if count > 1 then
      out[#out + 1] = ("count: %d accounts are called %s"):format(count, name)
    end
  end
end

local function check_dead(out, all, look)
  local vanished = false
  for _, deal in pairs(all.deals) do
    vanished = vanished or deal.gone == "partner"
  end
  for _, job in ipairs(look.dead) do
    if not (vanished and job.why == "absent") then -- it waited long enough for what never came
      out[#out + 1] = ("dead: %s %s: %s %s"):format(job.kind, job.lane, job.why, job.text)
    end
  end
end

---What is violated, in words that begin with its kind; empty: nothing.
---@param all table  people.lua's
---@param look { conflicts: table[], links: table<string, integer>, dead: table[], brake: any }
---@return string[]
function M.judge(all, look)
  local out = {}
  if look.brake then
    out[#out + 1] = "brake: " .. tostring(look.brake)
  end
  for _, deal in pairs(all.deals) do
    check_deal(out, all, look, deal)
  end
  check_counts(out, all)
  check_dead(out, all, look)
  return out
end

return M

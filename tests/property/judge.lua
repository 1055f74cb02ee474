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

local GROUP = { value = "money", currency = "money" }

-- Conflicts of a deal by our field names: a list of texts that hold the values of both sides.
local function conflicts_of(look, link)
  local out = {}
  for _, c in ipairs(look.conflicts) do
    if c.deal == link then
      local field = GROUP[c.field] or c.field
      out[field] = out[field] or {}
      table.insert(out[field], tostring(c.crm))
      table.insert(out[field], tostring(c.partner))
    end
  end
  return out
end

local function number_of(text)
  local n = tonumber(text)
  return n and ("%.2f"):format(n) or text
end

-- Whether a value of ours stands in the list: for money its amount or its currency.
local function listed(list, field, value)
  for _, text in ipairs(list or {}) do
    if text == value then
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

-- It took back what somebody had changed before: no change, for who looks later.
local function taken_back(edits, edit, before)
  for i = 1, before do
    local first = edits[i]
    if first.deal == edit.deal and first.field == edit.field and first.was == edit.value then
      return true
    end
  end
  return false
end

local function edit_kept(all, i, crm, partner, conflicts)
  local edit = all.edits[i]
  local field, value = edit.field, edit.value
  if crm[field] == value and partner[field] == value then
    return true
  elseif replaced(all.edits, edit, i + 1) or taken_back(all.edits, edit, i - 1) or
    listed(conflicts[field], field, value or "") then
    return true
  end
  -- What the CRM has stays there: a closed referral takes no edit, a new one not yet.
  return (closed(partner.state) or is_new(partner.state) or not crm.sync) and
    (crm[field] == value or partner[field] == value)
end

-- Fields whose values tell whose edit they are; value and currency travel as one.
local OWN = { name = true, money = true, closing_date = true, notes = true }

local function text_of(edit)
  return ("step %d, deal %d: %s %s = %s (was %s)"):format(edit.step, edit.deal, edit.side,
    edit.field, tostring(edit.value), tostring(edit.was))
end

local function check_edits(out, all, deal, crm, partner, conflicts)
  for i, edit in ipairs(all.edits) do
    if edit.deal == deal.n and OWN[edit.field] and
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
    if edit.deal == deal.n and edit.side == "crm" and edit.field == field then
      return true
    end
  end
  return false
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
  for _, field in ipairs { "name", "money", "closing_date", "notes", "visible", "solutions" } do
    local last = field == "solutions" and crm.solutions == "" -- one must stay: it is told
    if crm[field] ~= partner[field] and not last and
      not waits(all, deal, partner, field, conflicts) then
      differs(field)
    end
  end
end

-- Nothing is sent of a deal that lacks something, is closed already, or whose sync is off.
local function unsent(crm)
  local open = crm and (crm.state == "open" or crm.state == "hold")
  return crm and (crm.solutions == "" or not open or not crm.sync)
end

local function check_deal(out, all, look, deal)
  local crm, partner = all:see(deal, "crm"), all:see(deal, "partner")
  if deal.gone then
    if deal.gone == "crm" and crm or deal.gone == "partner" and partner then
      out[#out + 1] = ("again: deal %d was made anew at the side %s"):format(deal.n, deal.gone)
    end
    return
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
end

local function check_counts(out, all)
  local ours, theirs = all:referrals()
  local want, have = { crm = 0, partner = 0 }, { crm = #all.place.rows "crm:opportunity",
    partner = #ours }
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

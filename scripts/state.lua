-- The state machine of both sides, as tables (reconcile rules 6, 16, 17).  Partner Center:
-- "Referral resources", status and substatus are checked together.  It must never read or write a
-- record.
local M = {}

-- status/substatus -> our word
local FROM_PARTNER = {
  ["New/Pending"] = "new", ["New/Received"] = "new",
  ["Active/Accepted"] = "active", ["Active/Engaged"] = "active",
  ["Closed/Won"] = "won", ["Closed/Lost"] = "lost", ["Closed/Declined"] = "declined",
  ["Closed/Expired"] = "expired", ["Closed/Error"] = "error",
}

-- Closed on either side.
M.closed = {
  won = true, lost = true, canceled = true, declined = true, expired = true, error = true,
}

---@return string  our word, or the pair as received where we do not know it
function M.from_partner(status, substatus)
  local pair = tostring(status) .. "/" .. tostring(substatus)
  return FROM_PARTNER[pair] or pair
end

---Whether the word is one of ours; an unknown pair passes through and changes nothing (rule 17).
function M.known(partner)
  return partner == nil or not partner:find("/", 1, true)
end

local MADE = { new = "hold", active = "open" }

---The CRM's word of a row that was just made for a referral; nil: it was closed by an action.
function M.made(partner)
  return MADE[partner]
end

-- A CRM row's state is one of: open, hold, won, lost, canceled.
local HOLD, CANCELED = 2, 4
local BY_STATECODE = { [0] = "open", [1] = "won", [2] = "lost" }
-- Labels an administrator maps (status_reasons) name the partner's word; this is ours for it.
local BY_WORD = {
  new = "hold", active = "open", won = "won", lost = "lost", declined = "canceled",
  expired = "canceled", error = "canceled", canceled = "canceled", hold = "hold", open = "open",
}

---@param row table  with statecode and statuscode
---@param facts table
function M.from_crm(row, facts)
  local named = BY_WORD[facts.status_word(row.statuscode) or ""]
  if named then
    return named
  end
  local state = BY_STATECODE[math.tointeger(row.statecode) or 0] or "open"
  if state == "open" and row.statuscode == HOLD then
    return "hold"
  elseif state == "lost" and row.statuscode == CANCELED then
    return "canceled"
  end
  return state
end

-- What a change in the CRM means at Partner Center: [partner's word][CRM's word] = pair to send,
-- false = nothing to send.  What is not listed cannot be sent: it is told once.
local TO_PARTNER = {
  new = {
    open = { "Active", "Accepted" }, hold = false,
    won = { "Active", "Accepted", by_way_of = "open" }, -- then it can be won
    lost = { "Closed", "Declined" }, canceled = { "Closed", "Declined" },
  },
  active = {
    open = false, hold = false, won = { "Closed", "Won" }, lost = { "Closed", "Lost" },
    canceled = { "Closed", "Lost" },
  },
  won = { won = false }, lost = { lost = false, canceled = false },
  declined = { canceled = false, lost = false }, expired = { canceled = false, lost = false },
  error = { canceled = false, lost = false },
}

---@return table|false|nil  {status, substatus, by_way_of= the CRM's word this stands for, if it is
---  only half the way}; false: nothing to send; nil: not possible
function M.to_partner(partner, crm)
  local moves = TO_PARTNER[partner]
  if moves == nil then
    return false
  end
  return moves[crm]
end

-- What the referral's state means for an open row: the move, and the status reason it takes.
local TO_CRM = {
  new = { hold = false, open = false },
  active = { hold = { state = "open", status = 1 }, open = false },
  won = { open = { action = "win", status = 3 }, hold = { action = "win", status = 3 } },
  lost = { open = { action = "lose", status = 5 }, hold = { action = "lose", status = 5 } },
  declined = { open = { action = "lose", status = 4 }, hold = { action = "lose", status = 4 } },
  expired = { open = { action = "lose", status = 4 }, hold = { action = "lose", status = 4 } },
  error = { open = { action = "lose", status = 4 }, hold = { action = "lose", status = 4 } },
}

---@return table|false  a move {action=|state=, status=}, or false: nothing to do there
function M.to_crm(partner, crm)
  local moves = TO_CRM[partner]
  return moves and moves[crm] or false
end

-- The CRM's word that a referral's word becomes when both agree.
local AGREE = {
  new = { hold = true, open = true }, active = { open = true, hold = true },
  won = { won = true }, lost = { lost = true, canceled = true },
  declined = { canceled = true, lost = true }, expired = { canceled = true, lost = true },
  error = { canceled = true, lost = true },
}

---Whether the two words mean the same stage of the deal.
function M.agree(partner, crm)
  local known = AGREE[partner]
  return known == nil or known[crm] == true
end

return M

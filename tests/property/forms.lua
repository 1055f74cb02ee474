-- How a person of the property test writes the values of a step in the forms of either side.  It is
-- written apart from the program's own words, as seen.lua is.  It must never act.
local M = {}

local ATTRIBUTES = "details/requirements/additionalRequirements/attributes"
local ATTRIBUTE = { intent = "CustomerMarketplaceIntent", partner_role = "PartnerRole" }
local WIRE_STAGES = { qualify = "20", develop = "40", propose = "60", close = "80" }
local STAGES = { qualify = 0, develop = 1, propose = 2, close = 3 }

local function word(v)
  return v ~= "none" and v or nil
end

local function area_and_play(v)
  local area, play = v:match("^(.-) / (.*)$")
  return word(area), word(play)
end

-- The whole list of attributes, with what a person chose otherwise.
local function attributes_with(now, values)
  for field, kind in pairs(ATTRIBUTE) do
    if values[field] then
      now[kind] = word(values[field])
    end
  end
  if values.area then
    now.SolutionArea, now.SolutionPlay = area_and_play(values.area)
  end
  now.CustomerMarketplaceIntent = now.CustomerMarketplaceIntent or "HaveNotDecided"
  local out = json.array {}
  for kind, id in pairs(now) do
    out[#out + 1] = { type = kind, id = id }
  end
  table.sort(out, function(a, b) return a.type < b.type end)
  return out
end

local PLAIN = { name = true, value = true, currency = true, notes = true, visible = true }

---What a person writes in the portal, in the words of its act.
---@param values table<string, any>  of a step
---@param attributes table<string, string>  that the referral has
function M.at_partner(values, attributes)
  local out, listed = {}, false
  for field, v in pairs(values) do
    if PLAIN[field] then
      out[field] = v
    elseif field == "closing_date" then
      out.closing_date = v .. "T00:00:00Z"
    elseif field == "stage" then
      out.stage = WIRE_STAGES[v]
    elseif field == "campaign" then
      out.campaign = word(v) or ""
    elseif field == "program" then
      out.referralProgram = v
    elseif field ~= "cosell_type" then
      listed = true
    end
  end
  out[ATTRIBUTES] = listed and attributes_with(attributes, values) or nil
  return out
end

local COLUMNS = { name = "name", value = "estimatedvalue", closing_date = "estimatedclosedate",
  notes = "description", visible = "msft_microsoftpartnercenterreferralvisible",
  currency = "transactioncurrencyid", campaign = "stepname", stage = "salesstage",
  program = "msft_microsoftpartnercenterreferralprogram", cosell_type = "msft_coselltype",
  intent = "msft_customerpurchaseintent", partner_role = "msft_partnerrole" }
local CURRENCIES = { USD = "US Dollar", EUR = "Euro", JPY = "Japanese Yen" }
local TYPES = { IP = "IP Co-sell", Services = "Services Co-sell" }

-- How a value is written in the CRM's form.
local FORM = {
  currency = function(v) return CURRENCIES[v] end,
  stage = function(v) return STAGES[v] end,
  cosell_type = function(v) return TYPES[v] or "" end,
  intent = function(v) return word(v) or "Have not decided" end,
  campaign = function(v) return word(v) or "" end,
  partner_role = function(v) return word(v) or "" end,
}

---What a person writes in the form of an opportunity.
function M.in_crm(seen, values)
  local out = {}
  for field, v in pairs(values) do
    if field == "area" then
      local area, play = area_and_play(v)
      out.msft_solutionarea = area or ""
      out.msft_solutionplay = play and { table = "msft_solutionplay",
        id = seen.seeded_id(play, area) } or ""
    else
      out[COLUMNS[field]] = FORM[field] and FORM[field](v) or v
    end
  end
  return out
end

return M

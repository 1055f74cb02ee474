-- What a person sees of a deal on either side, in words that are the same on both: the fields of
-- the field table, as the forms show them.  It is written apart from the program's own reading, so
-- that a mistake there is seen.  It must never act, and never ask the host.
local M = {}

---What a person may change, and where a look finds it changed.
M.fields = { "name", "money", "closing_date", "notes", "state", "visible", "help", "solutions",
  "sync", "intent", "partner_role", "area", "stage", "campaign", "program", "cosell_type", "phone",
  "street" }

---The parts of a solution, as fields: "price SOL-10001-ABC".
M.parts = { "price", "quantity" }

local function given(v)
  if v == nil or v == json.null or v == "" then
    return nil
  end
  return v
end
M.given = given

local function amount(v)
  v = tonumber(tostring(given(v) or ""))
  return v and ("%.2f"):format(v) or "none"
end

local MARKS = { "✔", "✖" }

local function bare(name)
  for _, mark in ipairs(MARKS) do
    if name and name:sub(1, #mark) == mark then
      name = name:sub(#mark + 1):gsub("^%s+", "")
    end
  end
  return name
end

-- The seed's rows that a deal may name (scripts/sim/crm_seed.lua), by the end of their ids.
local SEEDED = { ["11"] = "USD", ["12"] = "JPY", ["13"] = "EUR", ["21"] = "SOL-10001-ABC",
  ["22"] = "SOL-10002-DEF", ["23"] = "SOL-10003-GHI", ["31"] = "Cloud and AI Platforms",
  ["34"] = "Security", ["35"] = "AI Business Solutions", ["33"] = "Solution design",
  ["38"] = "Managed services", ["32"] = "Migrate and Modernize Your Estate",
  ["36"] = "Data Security", ["37"] = "Data Security" }
local AREA_OF = { ["32"] = "31", ["36"] = "34", ["37"] = "35" } -- of a play

local function seeded(id)
  id = given(id)
  return id and SEEDED[id:sub(-2)] or "none"
end

---The id of the row of a play, by its area and its own name; of another row by its name.
function M.seeded_id(name, area)
  for n, word in pairs(SEEDED) do
    if word == name and (not AREA_OF[n] or SEEDED[AREA_OF[n]] == area) then
      return "5a1e0000-0000-4000-8000-0000000000" .. n
    end
  end
  return nil
end

-- ---- Solutions ----

-- A set: two people may add the same one at the same moment; whose price counts nobody can say.
local function set_of(list, out)
  local ids, lines = {}, {}
  for _, item in ipairs(list) do
    if not lines[item.id] then
      ids[#ids + 1] = item.id
    end
    lines[item.id] = lines[item.id] and "twice" or item
  end
  table.sort(ids)
  out.solutions, out.twice = table.concat(ids, " "), {}
  for id, item in pairs(lines) do
    for _, part in ipairs(M.parts) do
      out[part .. " " .. id] = item ~= "twice" and amount(item[part]) or nil
    end
    out.twice[id] = item == "twice"
  end
end

---The rows of a deal's solutions in the CRM.
function M.solution_rows(place, id)
  local out = {}
  for _, row in ipairs(place.rows "crm:msft_microsoftsolution") do
    local solution = seeded(row._msft_solutiondetailid_value)
    if row._msft_opportunityid_value == id then
      out[#out + 1] = { id = solution, row = row.msft_microsoftsolutionid,
        price = row.msft_price, quantity = row.msft_quantity }
    end
  end
  return out
end

-- ---- In the CRM ----

local WORDS = { [0] = "open", [1] = "won", [2] = "lost" }
local STAGES = { [0] = "qualify", "develop", "propose", "close" }
local INTENTS = { [299600000] = "Yes", [299600001] = "No" }
local TYPES = { [299600000] = "IP", [299600001] = "Services" }
local REASONS = { [4] = "Canceled", [5] = "Out-Sold" }
local SIZES = { { 20001, "Morethan20000employees" }, { 10001, "10001to20000employees" },
  { 5001, "5001to10000employees" }, { 1001, "1001to5000employees" },
  { 251, "251to1000employees" }, { 51, "51to250employees" }, { 10, "10to50employees" },
  { 1, "1to9employees" } }

local function crm_state(row)
  if row.statecode == 0 and row.statuscode == 2 then
    return "hold"
  elseif row.statecode == 2 and row.statuscode == 4 then
    return "canceled"
  end
  return WORDS[row.statecode]
end

local function crm_area(row)
  local area, play = seeded(row._msft_solutionarea_value), given(row._msft_solutionplay_value)
  local of = play and SEEDED[AREA_OF[play:sub(-2)]]
  local name = seeded(play)
  return area .. " / " .. (of and of ~= area and name .. " of " .. of or name)
end

local function size_of(people)
  for _, size in ipairs(given(people) and SIZES or {}) do
    if people >= size[1] then
      return size[2]
    end
  end
  return "none"
end

-- The row's own customer: what travels of it once.
local function add_customer(out, place, row)
  local account = place.row("crm:account", row._parentaccountid_value or "") or {}
  local contact = place.row("crm:contact", row._parentcontactid_value or "") or {}
  out.contact, out.account = contact.contactid, account.accountid
  out.phone, out.street = given(contact.telephone1), given(account.address1_line2) or "none"
  out.size, out.duns = size_of(account.numberofemployees), given(account.accountnumber) or "none"
end

local function said_at_closing(place, id)
  local out = {}
  for _, close in ipairs(place.rows "crm:opportunityclose") do
    if close._opportunityid_value == id and given(close.description) then
      out[close.description] = true
    end
  end
  return out
end

local function choices_in_crm(row)
  return {
    intent = INTENTS[row.msft_customerpurchaseintent] or "none",
    partner_role = seeded(row._msft_partnerrole_value), area = crm_area(row),
    stage = STAGES[row.salesstage or 0], campaign = given(row.stepname) or "none",
    program = given(row.msft_microsoftpartnercenterreferralprogram) or "none",
    cosell_type = TYPES[row.msft_coselltype] or "none",
  }
end

---@param place Place
---@param row table
function M.in_crm(place, row)
  local out = choices_in_crm(row)
  out.name, out.closing_date = bare(given(row.name)), given(row.estimatedclosedate)
  out.money = amount(row.estimatedvalue) .. " " .. seeded(row._transactioncurrencyid_value)
  out.notes, out.state = given(row.description), crm_state(row)
  out.visible = row.msft_microsoftpartnercenterreferralvisible == true
  out.help = given(row.msft_microsoftpartnercenterhelp) ~= nil
  out.sync = row.msft_microsoftpartnercenterreferralsync == true
  out.id, out.reason = row.opportunityid, REASONS[row.statuscode]
  out.reasons = row.statecode ~= 0 and said_at_closing(place, row.opportunityid) or {}
  out.link = given(row.msft_microsoftpartnercenterreferrallink)
  out.audit = given(row.msft_microsoftpartnercenterreferralsyncaudit) or ""
  out.microsoft_id = given(row.msft_microsoftcrmidentifier)
  set_of(M.solution_rows(place, row.opportunityid), out)
  add_customer(out, place, row)
  return out
end

local LEAD_STATES = { [0] = "lead open", [1] = "lead qualified", [2] = "lead disqualified" }

---A lead, which shows little.
---@param row table
function M.in_lead(row)
  return { name = bare(given(row.subject)), notes = given(row.description),
    state = LEAD_STATES[row.statecode], solutions = "",
    sync = row.msft_microsoftpartnercenterreferralsync == true }
end

-- ---- At Partner Center ----

local STAGE_WORDS = { ["10"] = "qualify", ["20"] = "qualify", ["40"] = "develop",
  ["60"] = "propose", ["80"] = "close", ["100"] = "close" }

local function requirements(r)
  return (r.details or {}).requirements or {}
end

---The attributes of a referral by their types.
function M.attributes(r)
  local out = {}
  for _, one in ipairs((requirements(r).additionalRequirements or {}).attributes or {}) do
    out[one.type] = given(one.id)
  end
  return out
end

local function choices_at_partner(r)
  local a = M.attributes(r)
  local intent = a.CustomerMarketplaceIntent
  return {
    intent = intent ~= "HaveNotDecided" and intent or "none",
    partner_role = a.PartnerRole or "none",
    area = (a.SolutionArea or "none") .. " / " .. (a.SolutionPlay or "none"),
    stage = STAGE_WORDS[given(r.salesStage) or "20"] or r.salesStage,
    campaign = given(r.campaignId) or "none", program = given(r.referralProgram) or "none",
  }
end

local function duns_of(profile)
  for _, id in ipairs(profile.ids or {}) do
    if id.profileType == "Duns" then
      return given(id.id)
    end
  end
  return nil
end

---@param r table  our referral
---@param theirs table|nil  Microsoft's
function M.at_partner(r, theirs)
  local out, profile, consent = choices_at_partner(r), r.customerProfile or {}, r.consent or {}
  out.name = given(r.name)
  out.closing_date = tostring(given(r.details.closingDateTime)):sub(1, 10)
  out.money = amount(r.details.dealValue) .. " " .. (given(r.details.currency) or "none")
  out.notes, out.state = given(r.details.notes), r.status .. "/" .. r.substatus
  out.visible = consent.consentToShareReferralWithMicrosoftSellers == true
  out.help = theirs ~= nil and (theirs.inviteContext or {}).assistanceRequestCode ~= "Unknown"
  out.shared, out.reason = theirs ~= nil, given(r.statusReason)
  out.microsoft_id = theirs and given((theirs.trackingInfo or {}).microsoftMsxId)
  out.phone = ((profile.team or {})[1] or {}).phoneNumber
  out.street = given((profile.address or {}).addressLine2) or "none"
  out.size, out.duns = given(profile.size) or "none", duns_of(profile) or "none"
  out.row, out.owner = given(r.externalReferenceId), ((r.team or {})[1] or {}).email
  out.consent = consent.consentToContact == true and consent.consentToToShareInfoWithOthers == true
  out.qualification = r.qualification
  set_of(requirements(r).solutions or {}, out)
  return out
end

return M

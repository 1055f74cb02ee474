-- What the CRM must have for deals to travel: tables, columns, options, look-ups, tracking.  Data,
-- and what of it a CRM lacks: `cosell provision` makes it, `cosell doctor` names it.
-- Names are those of the original connector ("Co-sell connector for Dynamics 365 CRM"), so that its
-- schema is met wherever it stands; M.wanted puts others in their place.
-- It must never ask a service: definitions are handed in.
--
--   of a table
--     name, schema    logical name, and as it is spelt where it is made
--     role            what this program calls it, where its name may be another
--     needed          without it deals do not travel; else only a field does not
--     standard        the CRM's own: only columns are added to it
--     tracked         its changes are read by change tracking; without it, slower, by their time
--     primary         its first column, which holds the name
--   of a column
--     name, schema, needed     as above
--     role            as in `columns` of the profile, or of the tables of solutions
--     type            as it is made; `or_type` does as well
--     max, least      the length it is made with, and the shortest that does
--     options         labels in the documented order
--     target          of a look-up: the table; `relation` and `delete` of its relationship
--     like            where it has another name, a word in it by which this program finds it
--     label           English, German, Japanese: what sellers read
--     given           the profile names it: it is somebody else's, and not made
--     locked          nobody writes it on a form: what stands there is this program's
local choices = require "choices"

local M = {}

local function labels_of(list)
  local out = {}
  for i, entry in ipairs(list) do
    out[i] = entry.label
  end
  return out
end

-- ---- Columns that the opportunity and the lead have ----

local function sync()
  return { role = "sync", name = "msft_microsoftpartnercenterreferralsync", type = "Boolean",
    schema = "msft_MicrosoftPartnerCenterReferralSync",
    label = { "Sync with Partner Center", "Mit Partner Center synchronisieren",
      "パートナー センターと同期" } }
end

local function identifier()
  return { role = "identifier", name = "msft_microsoftpartnercenterreferralidentifier",
    schema = "msft_MicrosoftPartnerCenterReferralIdentifier", type = "String", max = 100,
    least = 36, locked = true,
    label = { "Referral Identifier", "Empfehlungs-ID", "紹介 ID" } }
end

local function link()
  return { role = "link", name = "msft_microsoftpartnercenterreferrallink", type = "String",
    schema = "msft_MicrosoftPartnerCenterReferralLink", or_type = "Memo", max = 255, least = 100,
    format = "Url", locked = true, label = { "Referral Link", "Link zur Empfehlung", "紹介リンク" } }
end

local function audit()
  return { role = "audit", name = "msft_microsoftpartnercenterreferralsyncaudit", type = "Memo",
    schema = "msft_MicrosoftPartnerCenterReferralSyncAudit", or_type = "String", max = 100000,
    least = 200, locked = true, label = { "Audit", "Verlauf", "監査" } }
end

local function program()
  return { role = "program", name = "msft_microsoftpartnercenterreferralprogram", type = "String",
    schema = "msft_MicrosoftPartnerCenterReferralProgram", or_type = "Memo", max = 200, least = 1,
    locked = true, label = { "Referral Program", "Empfehlungsprogramm", "紹介プログラム" } }
end

local function needed(column)
  column.needed = true
  return column
end

local function name_of(max)
  return { schema = "msft_Name", name = "msft_name", type = "String", max = max,
    label = { "Name", "Name", "名前" } }
end

-- A look-up of the opportunity's: who sells services names his role, their area and play.
local function choice_row(role, schema, target, label)
  return { role = role, name = schema:lower(), schema = schema, type = "Lookup", target = target,
    relation = "msft_opportunity_" .. schema:match("_(.*)") .. "_" .. target,
    delete = "RemoveLink", label = label }
end

local AREA = { "Solution Area", "Lösungsbereich", "ソリューション領域" }
local PLAY = { "Solution Play", "Solution Play", "ソリューション プレイ" }
local ROLE = { "Partner Role", "Partnerrolle", "パートナーの役割" }

-- ---- Tables, in the order in which they are made ----

M.tables = {
  { name = "msft_microsoftsolutiondetail", schema = "msft_MicrosoftSolutionDetail",
    role = "catalogue", needed = true, tracked = false, primary = name_of(200),
    label = { "Microsoft Solution Detail", "Microsoft-Lösungsdetail",
      "Microsoft ソリューションの詳細" },
    plural = { "Microsoft Solution Details", "Microsoft-Lösungsdetails",
      "Microsoft ソリューションの詳細" },
    columns = {
      { role = "solution_id", name = "msft_solutionidentifier",
        schema = "msft_SolutionIdentifier", type = "String", max = 100, least = 36, needed = true,
        label = { "Solution Identifier", "Lösungsbezeichner", "ソリューション識別子" } },
      { role = "solution_publisher", name = "msft_publishername", schema = "msft_PublisherName",
        type = "String", max = 200, least = 1, like = "publisher",
        label = { "Publisher Name", "Herausgeber", "発行元" } },
      { role = "solution_type", name = "msft_type", schema = "msft_Type", type = "Picklist",
        like = "_type", options = { "1P", "3P", "Own" }, label = { "Type", "Typ", "種類" } },
    } },

  { name = "msft_microsoftsolution", schema = "msft_MicrosoftSolution", role = "solutions",
    needed = true, tracked = true, primary = name_of(200),
    label = { "Microsoft Partner Center Solution", "Microsoft Partner Center-Lösung",
      "Microsoft パートナー センター ソリューション" },
    plural = { "Microsoft Partner Center Solutions", "Microsoft Partner Center-Lösungen",
      "Microsoft パートナー センター ソリューション" },
    columns = {
      { role = "parent", name = "msft_opportunityid", schema = "msft_OpportunityId",
        type = "Lookup", target = "opportunity", needed = true, delete = "Cascade",
        relation = "msft_opportunity_msft_microsoftsolution", required = "ApplicationRequired",
        label = { "Opportunity", "Verkaufschance", "営業案件" } },
      { role = "detail", name = "msft_solutiondetailid", schema = "msft_SolutionDetailId",
        type = "Lookup", target = "msft_microsoftsolutiondetail", needed = true,
        relation = "msft_microsoftsolutiondetail_msft_microsoftsolution", delete = "Restrict",
        required = "ApplicationRequired", label = { "Solution", "Lösung", "ソリューション" } },
      { role = "price", name = "msft_price", schema = "msft_Price", type = "Money",
        or_type = "Decimal", like = "price", label = { "Price", "Preis", "価格" } },
      { role = "quantity", name = "msft_quantity", schema = "msft_Quantity", type = "Decimal",
        or_type = "Integer", like = "quantity", label = { "Quantity", "Menge", "数量" } },
    } },

  { name = "msft_solutionarea", schema = "msft_SolutionArea", primary = name_of(200), label = AREA,
    plural = { "Solution Areas", "Lösungsbereiche", "ソリューション領域" }, columns = {} },

  { name = "msft_solutionplay", schema = "msft_SolutionPlay", primary = name_of(200), label = PLAY,
    plural = { "Solution Plays", "Solution Plays", "ソリューション プレイ" },
    columns = {
      { role = "area_of_play", name = "msft_solutionarea", schema = "msft_SolutionArea",
        type = "Lookup", target = "msft_solutionarea", delete = "RemoveLink",
        relation = "msft_solutionarea_msft_solutionplay", like = "", label = AREA },
    } },

  { name = "msft_partnerrole", schema = "msft_PartnerRole", primary = name_of(200), label = ROLE,
    plural = { "Partner Roles", "Partnerrollen", "パートナーの役割" }, columns = {} },

  { name = "opportunity", standard = true, needed = true, tracked = true,
    label = { "Opportunity", "Verkaufschance", "営業案件" },
    columns = {
      needed(sync()), needed(identifier()), needed(link()),
      { role = "help", name = "msft_microsoftpartnercenterhelp", type = "Picklist", needed = true,
        schema = "msft_MicrosoftPartnerCenterHelp", options = labels_of(choices.help),
        label = { "How can Microsoft help?", "Wie kann Microsoft helfen?",
          "Microsoft に求める支援" } },
      { role = "visible", name = "msft_microsoftpartnercenterreferralvisible", type = "Boolean",
        schema = "msft_MicrosoftPartnerCenterReferralVisible", needed = true,
        label = { "Microsoft Partner Center Referral Visibility",
          "Für Microsoft-Vertrieb sichtbar", "Microsoft の営業担当者に公開" } },
      { role = "microsoft_id", name = "msft_microsoftcrmidentifier", type = "String", max = 100,
        schema = "msft_MicrosoftCRMIdentifier", least = 36, needed = true, locked = true,
        label = { "Microsoft CRM Identifier", "Microsoft-CRM-ID", "Microsoft CRM ID" } },
      needed(audit()), program(),
      { role = "cosell_type", name = "msft_coselltype", schema = "msft_CoSellType",
        type = "Picklist", options = labels_of(choices.cosell_type),
        label = { "Co-sell Type", "Co-Sell-Art", "共同販売の種類" } },
      { role = "intent", name = "msft_customerpurchaseintent", type = "Picklist",
        schema = "msft_CustomerPurchaseIntent", options = labels_of(choices.intent),
        label = { "Customer Purchase Intent", "Kaufabsicht des Kunden", "顧客の購入意向" } },
      choice_row("partner_role", "msft_PartnerRole", "msft_partnerrole", ROLE),
      choice_row("solution_area", "msft_SolutionArea", "msft_solutionarea", AREA),
      choice_row("solution_play", "msft_SolutionPlay", "msft_solutionplay", PLAY),
    } },

  { name = "lead", standard = true, tracked = true,
    label = { "Lead", "Lead", "潜在顧客" },
    columns = { sync(), identifier(), link(), audit(), program() } },
}

-- ---- The same under the names of one CRM ----

local function copy(from)
  local out = {}
  for key, value in pairs(from) do
    out[key] = value
  end
  return out
end

-- Where the tables of solutions stand under other names, each role's table or column.
local function found_names(s)
  return s and { solutions = s.table, catalogue = s.detail, parent = s.parent,
    detail = s.detail_lookup, solution_id = s.identifier, price = s.price,
    quantity = s.quantity } or {}
end

-- Tables that have other names in this CRM: those of solutions, and those that look-ups lead to.
local function renamed_tables(found, opportunity)
  local out = {}
  for _, t in ipairs(M.tables) do
    out[t.name] = found[t.role]
    for _, c in ipairs(t.name == "opportunity" and t.columns or {}) do
      local column = opportunity and opportunity.columns[c.name]
      if c.target and column then
        out[c.target] = (column.targets or {})[1]
      end
    end
  end
  return out
end

---What is wanted, under the names that a CRM has or a profile gives.
---@param columns table<string, string>|nil  role -> column, as in the profile
---@param solutions table|nil  as lists.solutions found them in the CRM
---@param opportunity table|nil  the definition of that table
---@return table[] tables
function M.wanted(columns, solutions, opportunity)
  local found, out = found_names(solutions), {}
  local renamed = renamed_tables(found, opportunity)
  for i, t in ipairs(M.tables) do
    local mine = copy(t)
    mine.name, mine.columns = renamed[t.name] or t.name, {}
    for j, c in ipairs(t.columns) do
      local column = copy(c)
      local given = columns and t.standard and columns[c.role]
      column.name, column.given = given or found[c.role] or c.name, given and true or nil
      column.target = renamed[c.target] or c.target
      mine.columns[j] = column
    end
    out[i] = mine
  end
  return out
end

-- ---- What a CRM lacks ----

local function has_option(column, label)
  for _, option in ipairs(column.options or {}) do
    for _, one in ipairs(option.labels or { option.label }) do
      if one:lower():match("^%s*(.-)%s*$") == label:lower() then
        return true
      end
    end
  end
  return false
end

local function options_lacking(column, wanted)
  local out = {}
  for _, label in ipairs(wanted.options or {}) do
    out[#out + 1] = not has_option(column, label) and label or nil
  end
  return #out > 0 and out or nil
end

local function has_target(column, target)
  for _, one in ipairs(column.targets or {}) do
    if one == target then
      return true
    end
  end
  return false
end

-- The column of that name, or one that does for it.
local function column_of(meta, c)
  if meta.columns[c.name] or not c.like then
    return meta.columns[c.name]
  end
  for name, column in pairs(meta.columns) do
    local fits = column.type == c.type or column.type == c.or_type
    if fits and name:find(c.like, 1, true) and (not c.target or has_target(column, c.target)) then
      return column
    end
  end
end

-- The first thing that keeps a column from doing: what, wanted, found.
local function wrong_with(column, wanted)
  if column.type ~= wanted.type and column.type ~= wanted.or_type then
    return "type", wanted.type, column.type
  elseif wanted.least and (column.max or wanted.least) < wanted.least then
    return "length", wanted.least, column.max
  elseif wanted.target and not has_target(column, wanted.target) then
    return "target", wanted.target, (column.targets or {})[1]
  end
  local lacking = options_lacking(column, wanted)
  return lacking and "options", lacking
end

---What a CRM lacks of what is wanted.
---@param metas table<string, table|nil>  table -> its definition as dynamics.table answers it; a
---  table that is not there has none
---@param wanted table[]|nil  of M.wanted; nil: under the shipped names
---@return { table: string, column: string|nil, what: string, wanted: any, found: any,
---          needed: boolean }[]
---  what: "table" "tracking" "column" "type" "length" "target" "options" (wanted: the labels that
---  are missing)
function M.missing(metas, wanted)
  local out = {}
  local function add(t, c, what, want, found)
    out[#out + 1] = { table = t.name, column = c and c.name, what = what, wanted = want,
      found = found, needed = (c and c.needed and t.needed or not c and t.needed) or false }
  end
  for _, t in ipairs(wanted or M.tables) do
    local meta = metas[t.name]
    if not meta then
      add(t, nil, "table", t.name)
    elseif t.tracked and not meta.tracked then
      add(t, nil, "tracking", true, false)
    end
    for _, c in ipairs(meta and t.columns or {}) do
      local column = column_of(meta, c)
      if not column then
        add(t, c, "column", c.type)
      else
        local what, want, found = wrong_with(column, c)
        if what then
          add(t, c, what, want, found)
        end
      end
    end
  end
  return out
end

return M

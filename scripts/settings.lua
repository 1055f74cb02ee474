--- The settings an administrator may give in the profile, one row each.
-- Owns their names, types, defaults and texts; current values come from the profile.  `original` is
-- the display name of the environment variable of the original.

local M = {}

---@class setting
---@field name string
---@field type "boolean"|"string"|"integer"|"enum"|"zone"|"column"|"person"
---@field default any
---@field values string[]|nil
---@field least integer|nil
---@field most integer|nil
---@field text string
---@field by_stage table|nil  defaults of single stages
---@field original string|nil

---@type setting[]
M.rows = {
  {
    name = "display_check_mark", type = "boolean", default = true,
    original = "Display check mark in the opportunity name",
    text = "put a mark in front of the name of a synchronised opportunity",
  },
  {
    name = "deal_value_field", type = "column", default = "estimatedvalue",
    original = "Deal value field name",
    text = "column of the opportunity that holds the deal's value",
  },
  {
    name = "deal_value_currency_field", type = "column", default = "row",
    original = "Deal value currency code field name",
    text = "currency of that value: \"row\" is the opportunity's own, \"base\" the " ..
      "organisation's, else a column with a currency code",
  },
  {
    name = "country_field", type = "column", default = "address1_country",
    original = "Customer Account Country Code field name",
    text = "column of the account that holds the country",
  },
  {
    name = "duns_field", type = "string", default = "",
    text = "column of the account that holds its DUNS number; empty: none",
  },
  {
    name = "sync_leads", type = "boolean", default = true,
    original = "Sync co-sell opportunity",
    text = "bring leads in too; false is the original's Yes: only co-sell and pipeline deals",
  },
  {
    name = "time_zone", type = "zone", default = "UTC",
    text = "distance from UTC at which a closing time becomes a date: \"UTC\", \"+09:00\"",
  },
  {
    name = "settle", type = "integer", default = 60, least = 0, most = 86400,
    text = "seconds without a change before a deal is first shared or upgraded",
  },
  {
    name = "look_wait", type = "integer", default = 60, least = 0, most = 3600,
    text = "seconds between the two looks for a referral whose creation is unsure",
  },
  {
    name = "inbound", type = "enum", values = { "all", "linked", "none" }, default = "all",
    by_stage = { staging = "linked" },
    text = "which referrals come in: all, those already linked, none",
  },
  {
    name = "poll_minutes", type = "integer", default = 10, least = 1, most = 1440,
    text = "minutes between two catch-up polls of Partner Center",
  },
  {
    name = "webhook_lost", type = "enum", values = { "repair", "alarm" }, default = "repair",
    text = "what the daily check does about a lost registration for events: \"repair\" makes " ..
      "it again (what another address took: once a week), \"alarm\" says it in log and status",
  },
  {
    name = "delta_seconds", type = "integer", default = 30, least = 1, most = 86400,
    text = "seconds between two readings of the CRM's changes",
  },
  {
    name = "sweep_hours", type = "integer", default = 24, least = 1, most = 720,
    text = "hours between two comparisons of all links",
  },
  {
    name = "brake_percent", type = "integer", default = 20, least = 0, most = 100,
    text = "share of the deals, 25 at least, that may change at once before writing pauses; 0: any",
  },
  {
    name = "remove_last_solution", type = "enum", values = { "stop_sync", "keep" },
    default = "stop_sync",
    text = "what the removal of a shared deal's last solution does: \"stop_sync\" switches its " ..
      "Sync off, \"keep\" goes on and leaves Partner Center the last one",
  },
  {
    name = "default_owner", type = "string", default = "",
    text = "e-mail of a user or name of a team that owns new rows where the mapping's `owner` " ..
      "names nobody; empty: the application user",
  },
  {
    name = "team_fallback", type = "person", default = "",
    text = "who is named to Partner Center where a deal's owner has no name, e-mail or phone, " ..
      "as \"First Last <mail@host> phone\"; empty: such a deal is not sent",
  },
  {
    name = "audit_max", type = "integer", default = 8000, least = 200, most = 100000,
    text = "characters of the audit text in the CRM, newest first",
  },
  {
    name = "audit_language", type = "enum", values = { "auto", "en", "ja", "de" }, default = "auto",
    text = "language of what sellers read: English, Japanese, German; auto: the organisation's",
  },
  {
    name = "expiry_reminder_days", type = "integer", default = 3, least = 0, most = 14,
    text = "days before a referral expires unanswered, or a won deal can't be registered any " ..
      "more, at which the seller is told; 0: never",
  },
}

-- Variables of the original that no setting replaces: it had them for a CRM with stages alone.
M.replaced = {
  {
    original = "Active stage name",
    text = "Dynamics 365 has no such stage: an accepted deal is Open, In Progress; own status " ..
      "reasons stand in `status_reasons` of details.lua",
  },
  {
    original = "On-hold stage name",
    text = "Dynamics 365 has no such stage: a referral that nobody accepted yet is Open, On " ..
      "Hold; own status reasons stand in `status_reasons` of details.lua",
  },
}

local by_name = {}
for _, row in ipairs(M.rows) do by_name[row.name] = row end

--- The default of a setting in a stage.
---@param row setting
---@param stage string|nil
function M.default(row, stage)
  local special = row.by_stage and row.by_stage[stage]
  if special ~= nil then return special end
  return row.default
end

---@param name string
---@return setting|nil
function M.row(name)
  return by_name[name]
end

local TYPES = { boolean = "true or false", string = "text", zone = "time zone",
  column = "logical name of a column", person = "person" }

--- What a setting may be, in words.
---@param row setting
---@return string
function M.kind(row)
  if row.type == "integer" then
    return ("whole number, %d to %d"):format(row.least, row.most)
  elseif row.type == "enum" then
    return table.concat(row.values, ", ")
  end
  return TYPES[row.type]
end

--- All settings: the given values over the defaults of the stage.
---@param given table|nil
---@param stage string|nil
---@return table
function M.effective(given, stage)
  local out = {}
  for _, row in ipairs(M.rows) do
    local value = given and given[row.name]
    if value == nil or value == json.null then value = M.default(row, stage) end
    out[row.name] = value
  end
  return out
end

--- The current value of a setting.
---@param name string
---@return any
function M.get(name)
  local row = by_name[name] or error("no such setting: " .. tostring(name), 2)
  local value = host.profile.settings and host.profile.settings[name]
  if value == nil or value == json.null then return M.default(row, host.profile.stage) end
  return value
end

return M

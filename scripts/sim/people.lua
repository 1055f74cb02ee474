-- The people of the practice environment in good words: `cosell sim act seller win "Plant sensor"`.
-- One row each for what a seller in the CRM, a user of the portal and a Microsoft seller do; behind
-- each stands an act of partner_acts or crm_act. Owns nothing; finds the deal that is meant.
local both = require "sim.both"
local fields = require "fields"
local schema = require "sim.crm_schema"
local text = require "text"

local M = {}

-- ---- The keys that a person may write ----

local function keys(words)
  local out = {}
  for word in words:gmatch("%S+") do out[word] = true end
  return out
end

local DEAL = "name value currency closing_date notes visible help solutions"
local PORTAL = keys(DEAL .. " help_notes campaign customer country city state postal_code "
  .. "address_line1 address_line2 size duns contact team reason stage external qualification")
local CRM_NEW = keys(DEAL .. " account contact country contact_phone contact_email sync values by")
local REASON, NONE = keys "reason", {}

-- ---- What the words of a seller mean in the CRM ----

local COLUMNS = { name = "name", value = "estimatedvalue", closing_date = "estimatedclosedate",
  notes = "description", visible = "msft_microsoftpartnercenterreferralvisible",
  help = "msft_microsoftpartnercenterhelp", currency = "transactioncurrencyid" }

local function squeezed(word) return (word:lower():gsub("%W", "")) end

-- Help as the other side calls it, or the beginning of the label, is the label.
local function help_label(word)
  for _, row in ipairs(fields.help) do
    local starts = squeezed(row.label):sub(1, #squeezed(word)) == squeezed(word)
    if squeezed(row.code) == squeezed(word) or starts then return row.label end
  end
  return word
end

local function currency_id(code)
  for _, row in ipairs(host.docs.find("crm:transactioncurrency", { most = 100 })) do
    if row.body.isocurrencycode == code:upper() then return row.id end
  end
  return code
end

local VALUE = { help = help_label, currency = currency_id }

local function edited(pair, args)
  local out = { table = pair.crm.table, id = pair.crm.id, values = {}, by = args.by }
  for name, v in pairs(args) do
    if name ~= "by" and type(name) == "string" then
      out.values[COLUMNS[name] or name] = VALUE[name] and v ~= "" and VALUE[name](v) or v
    end
  end
  return out
end

local function knows_column(name) return schema.tables.opportunity.columns[name] ~= nil end

local function row_of(pair, args)
  args.id, args.table = pair.crm.id, pair.crm.table
  return args
end

local function lead_of(pair, args)
  args.lead = pair.crm.id
  return args
end

local function line_of(pair, args)
  return { opportunity = pair.crm.id, solution = args.solution or args[2], by = args.by }
end

local function made(_, args)
  args.name = args.name or "New deal"
  if args.help then args.help = help_label(args.help) end
  return args
end

-- ---- And at Partner Center ----

local function with_id(pair, args)
  args.id = pair.partner.id
  return args
end

local function help_code(args)
  for _, row in ipairs(fields.help) do
    if args.help and help_label(args.help) == row.label then args.help = row.code end
  end
  return args
end

local function coded(_, args)
  args.name = args.name or "New deal"
  return help_code(args)
end

local function with_id_coded(pair, args) return with_id(pair, help_code(args)) end

local function closing(state)
  return function(pair, args)
    return { id = pair.partner.id, state = state, reason = args.reason }
  end
end

---@class sim.word
---@field who "seller"|"portal"|"microsoft"
---@field what string
---@field act string the act behind it
---@field keys table<string, boolean> what may be given
---@field side "crm"|"partner"|nil the side on which the deal has to be; nil: no deal is named
---@field args fun(pair: table|nil, args: table): table
---@field does string what is said when it was done
---@field help string

local function word(who, what, act, side, args, known, does, help)
  return { who = who, what = what, act = act, side = side, args = args, keys = known, does = does,
    help = help }
end

---@type sim.word[]
M.table = {
  word("seller", "create", "crm.create-opportunity", nil, made, CRM_NEW, "made in the CRM",
    "name= value= currency= closing_date= notes= account= contact= country= help= "
    .. "solutions=ID,ID visible=yes sync=yes"),
  word("seller", "edit", "crm.edit", "crm", edited, keys("by"), "changed in the CRM",
    "DEAL name= value= currency= closing_date= notes= help= visible= or COLUMN="),
  word("seller", "sync", "crm.sync", "crm", row_of, NONE, "marked for synchronisation", "DEAL"),
  word("seller", "unsync", "crm.sync", "crm", function(pair, args)
    args.sync = "no"
    return row_of(pair, args)
  end, NONE, "marked no longer for synchronisation", "DEAL"),
  word("seller", "win", "crm.win", "crm", row_of, keys "status revenue reason",
    "closed as won in the CRM", "DEAL [revenue=] [reason=]"),
  word("seller", "lose", "crm.lose", "crm", row_of, keys "status revenue reason",
    "closed as lost in the CRM", "DEAL [status=Canceled|Out-Sold] [reason=]"),
  word("seller", "reopen", "crm.reopen", "crm", row_of, NONE, "opened again in the CRM", "DEAL"),
  word("seller", "add-solution", "crm.add-solution", "crm", line_of, keys "solution",
    "has one solution more in the CRM", "DEAL solution=ID"),
  word("seller", "remove-solution", "crm.remove-solution", "crm", line_of, keys "solution",
    "has one solution less in the CRM", "DEAL solution=ID"),
  word("seller", "qualify", "crm.qualify", "crm", lead_of, NONE, "qualified in the CRM", "LEAD"),
  word("seller", "disqualify", "crm.disqualify", "crm", lead_of, keys "status",
    "disqualified in the CRM", "LEAD [status=Lost|Canceled]"),
  word("seller", "copy", "crm.copy", "crm", row_of, NONE, "copied in the CRM", "DEAL"),
  word("seller", "delete", "crm.delete", "crm", row_of, NONE, "deleted in the CRM", "DEAL"),
  word("portal", "create", "partner.portal-create", nil, coded, PORTAL, "made in the portal",
    "name= value= currency= closing_date= notes= customer= country= solutions=ID,ID "
    .. "visible=true help="),
  word("portal", "edit", "partner.edit", "partner", with_id_coded, PORTAL,
    "changed in the portal", "DEAL name= value= currency= closing_date= notes= ..."),
  word("portal", "share", "partner.upgrade", "partner", with_id_coded, keys "help help_notes",
    "shared with Microsoft", "DEAL [help= help_notes=]"),
  word("portal", "accept", "partner.accept", "partner", with_id, NONE, "accepted in the portal",
    "DEAL"),
  word("portal", "decline", "partner.decline", "partner", with_id, REASON,
    "declined in the portal", "DEAL [reason=]"),
  word("portal", "win", "partner.close", "partner", closing "won", NONE,
    "closed as won in the portal", "DEAL"),
  word("portal", "lose", "partner.close", "partner", closing "lost", REASON,
    "closed as lost in the portal", "DEAL [reason=]"),
  word("microsoft", "create", "partner.microsoft-create", nil, coded,
    keys "kind name value currency closing_date notes customer country solutions help help_notes",
    "sent by Microsoft",
    "kind=cosell|lead|marketing|marketplace name= value= currency= closing_date= customer= ..."),
  word("microsoft", "join", "partner.microsoft-join", "partner", with_id_coded,
    keys "help help_notes", "joined by Microsoft", "DEAL that is visible [help=]"),
  word("microsoft", "accept", "partner.microsoft-accept", "partner", with_id, keys "msx",
    "accepted by Microsoft", "DEAL"),
  word("microsoft", "decline", "partner.microsoft-decline", "partner", with_id, REASON,
    "declined by Microsoft", "DEAL [reason=]"),
  word("microsoft", "win", "partner.microsoft-win", "partner", with_id, NONE,
    "closed as won by Microsoft", "DEAL"),
  word("microsoft", "lose", "partner.microsoft-lose", "partner", with_id, REASON,
    "closed as lost by Microsoft", "DEAL [reason=]"),
  word("microsoft", "add-member", "partner.microsoft-team", "partner", with_id,
    keys "email first_name last_name phone", "has one Microsoft seller more",
    "DEAL [first_name= last_name= email= phone=]"),
}

M.who = { "seller", "portal", "microsoft" }
local WHERE = { crm = "in the CRM", partner = "at Partner Center" }

--- Whether a word names a person.
function M.knows(who)
  for _, name in ipairs(M.who) do
    if name == who then return true end
  end
  return false
end

local function words_of(who)
  local out = {}
  for _, row in ipairs(M.table) do
    if row.who == who then out[#out + 1] = row.what end
  end
  return out
end

local function row_named(who, what)
  for _, row in ipairs(M.table) do
    if row.who == who and row.what == what then return row end
  end
  local near = text.nearest(what or "", words_of(who))
  return nil, ("the %s does not %s%s"):format(who, what or "do nothing",
    near and "; did you mean " .. near .. "?" or ": " .. table.concat(words_of(who), ", "))
end

-- A key that the word does not take, with the nearest that it does.
local function stranger(row, args)
  for name in pairs(args) do
    local bare = type(name) == "string" and name:match("^[^/]+")
    local known = not bare or row.keys[bare] or name:find("/", 1, true) and row.keys == PORTAL
      or row.args == edited and (COLUMNS[name] or knows_column(name)) or bare == "by"
      and row.act:find("^crm%.")
    if not known then
      local names = {}
      for key in pairs(row.keys) do names[#names + 1] = key end
      if row.args == edited then for key in pairs(COLUMNS) do names[#names + 1] = key end end
      local near = text.nearest(name, names)
      return ("%s %s does not take %s=%s"):format(row.who, row.what, name,
        near and "; did you mean " .. near .. "=?" or "")
    end
  end
end

-- The deal that the first word without "=" names.
local function deal_of(row, args)
  if not row.side then
    if args[1] then return nil, ("%s: %s? (write name=value)"):format(row.what, args[1]) end
    return {}
  end
  local named = args[1] or args.id
  if not named then return nil, ("%s %s: which deal?"):format(row.who, row.what) end
  args.id = nil
  local pair, problem = both.find(named)
  if not pair then return nil, problem end
  if not pair[row.side] then
    return nil, ('"%s" is not %s (yet)'):format((pair.crm or pair.partner).name, WHERE[row.side])
  end
  return pair
end

local function name_of(pair, args)
  local side = pair.crm or pair.partner
  return side and side.name or args.name
end

--- Does what a person does. (suspends)
---@param server table
---@param who string
---@param what string
---@param args table named values by name, other words in order
---@return { text: string, result: table }|nil done, string|nil problem
function M.play(server, who, what, args)
  local row, problem = row_named(who, what)
  if not row then return nil, problem end
  local id = args.id
  args.id = nil
  problem = stranger(row, args)
  if problem then return nil, problem end
  args.id = id
  local pair
  pair, problem = deal_of(row, args)
  if not pair then return nil, problem end
  local given = row.args(pair, args)
  local name = name_of(pair, given)
  local result
  result, problem = server:act(row.act, given)
  if result == nil then return nil, problem and problem.text or problem or "nothing was done" end
  return { text = ('"%s": %s'):format(name, row.does), result = result }
end

--- What each can do, for a list.
---@return { who: string, what: string, help: string }[]
function M.list()
  local out = json.array {}
  for i, row in ipairs(M.table) do
    out[i] = { who = row.who, what = row.what, help = row.help }
  end
  return out
end

return M

-- A data set for the practice environment: customers and deals in plain words, from a JSON file or
-- one that ships (seed_office, seed_empty). Everything is checked before the first row is made, and
-- what is wrong is said by file, line and record; if a service then refuses a row all the same, all
-- of them are taken away again. Owns the form of such a file; the rows are made by people's acts.
local dates = require "sim.dates"
local fields = require "fields"
local schema = require "sim.crm_schema"
local text = require "text"

local M = {}

M.shipped = { "empty", "office" }

local DAY = 86400000
local PART = 500
local MOST = 5000 -- deals of one file; more: --deals N

-- ---- The form of a record ----

local function is_text(v) return type(v) == "string" and v ~= "" or "a text is expected" end
local function is_flag(v) return type(v) == "boolean" or "true or false is expected" end
local function is_value(v)
  return type(v) == "number" and v > 0 or "a number above 0 is expected"
end
local function is_days(v)
  return math.type(v) == "integer" or "a whole number of days is expected"
end
local function is_date(v)
  return type(v) == "string" and #v == 10 and dates.parse(v) ~= nil or "a date as 2031-05-31"
end

local function one_of(...)
  local words = { ... }
  return function(v)
    for _, word in ipairs(words) do
      if v == word then return true end
    end
    return "one of " .. table.concat(words, ", ")
  end
end

local function is_help(v)
  for _, row in ipairs(fields.help) do
    if row.code == v then return true end
  end
  local codes = {}
  for i, row in ipairs(fields.help) do codes[i] = row.code end
  return "one of " .. table.concat(codes, ", ")
end

local function keyed(collection, column)
  local known = {}
  for _, row in ipairs(host.docs.find(collection, { most = 1000 })) do
    known[row.body[column] or ""] = true
  end
  return known
end

local function are_solutions(v)
  if type(v) ~= "table" or #v == 0 then return "a list is expected" end
  local known = keyed("crm:msft_microsoftsolutiondetail", "msft_solutionidentifier")
  for _, id in ipairs(v) do
    if not known[id] then return "the CRM has no solution " .. tostring(id) end
  end
  return true
end

local function is_currency(v)
  local known = keyed("crm:transactioncurrency", "isocurrencycode")
  return known[v] or "the CRM has no currency " .. tostring(v)
end

local DEAL = {
  name = is_text, customer = is_text, notes = is_text, value = is_value, currency = is_currency,
  closing_date = is_date, closes_in_days = is_days, solutions = are_solutions, help = is_help,
  visible = is_flag, sync = is_flag, where = one_of("crm", "portal", "both"),
  kind = one_of("deal", "cosell", "lead"), microsoft = one_of("accepted", "declined"),
  state = one_of("new", "active", "open", "won", "lost", "declined", "expired", "error"),
}
local DEAL_NEEDS = { "name", "customer", "where", "value", "currency", "solutions" }

local CUSTOMER = { country = is_text, city = is_text, street = is_text, postal_code = is_text,
  state = is_text, phone = is_text, first_name = is_text, last_name = is_text, email = is_text,
  title = is_text }
local CUSTOMER_NEEDS = { "country", "city", "street", "postal_code", "first_name", "last_name",
  "email", "phone" }

local TOP = { seed = function(v) return v == 1 or "1 is expected: the form of this file" end,
  about = is_text, customers = function(v)
    return type(v) == "table" and not json.is_array(v) or "an object by name is expected"
  end,
  deals = function(v)
    if not json.is_array(v) then return "a list is expected" end
    return #v <= MOST or ("at most %d; --deals N makes more"):format(MOST)
  end }

-- ---- Checking ----

local function names_of(known)
  local out = {}
  for name in pairs(known) do out[#out + 1] = name end
  return out
end

-- The first thing that is wrong with a record, by field, or nil.
local function wrong(record, known, needs)
  if type(record) ~= "table" or json.is_array(record) then return "an object is expected" end
  local names = names_of(record)
  table.sort(names)
  for _, name in ipairs(names) do
    local check = known[name]
    local near = not check and text.nearest(name, names_of(known))
    if not check then
      return ("%s: no such field%s"):format(name, near and "; did you mean " .. near .. "?" or "")
    end
    local said = check(record[name])
    if said ~= true then return name .. ": " .. said end
  end
  for _, name in ipairs(needs) do
    if record[name] == nil then return name .. " is missing" end
  end
end

local CRM_STATES = { open = true, won = true, lost = true }

local function fits(deal, customers)
  local where, state, kind = deal.where, deal.state, deal.kind or "deal"
  if not customers[deal.customer] then return "customer: not among the customers of this file" end
  if deal.closing_date and deal.closes_in_days then
    return "closing_date and closes_in_days: one of both"
  end
  if where == "crm" then
    if kind ~= "deal" then return "kind: only a deal of Partner Center has one" end
    if state and not CRM_STATES[state] then return "state: in the CRM it is open, won or lost" end
  else
    if state == "open" then return "state: at Partner Center it is new or active" end
    if state == "new" and kind == "deal" then
      return "state: only what Microsoft sent (kind cosell or lead) is new"
    end
    if kind == "lead" and state ~= nil and state ~= "new" then return "state: a lead is new" end
  end
  if deal.microsoft and not deal.help then return "microsoft: only with help" end
  if deal.help and kind ~= "deal" then return "help: only in a deal that is ours" end
end

-- The lines on which the records of "deals" begin: `{` one level below that list.
local function record_lines(source)
  local out, line, depth, at, inside, key = {}, 1, 0, 1, nil, nil
  while at <= #source do
    local c = source:sub(at, at)
    if c == '"' then
      local stop = at
      repeat
        stop = source:find('["\\]', stop + 1) or #source
        if source:sub(stop, stop) == "\\" then stop = stop + 1 end
      until source:sub(stop, stop) == '"' or stop >= #source
      if depth == 1 then key = source:sub(at + 1, stop - 1) end
      at = stop
    elseif c == "{" or c == "[" then
      if inside and depth == inside then out[#out + 1] = line end
      depth = depth + 1
      if depth == 2 and c == "[" and key == "deals" then inside = 2 end
    elseif c == "}" or c == "]" then
      depth = depth - 1
      if inside and depth < inside then inside = nil end
    elseif c == "\n" then
      line = line + 1
    end
    at = at + 1
  end
  return out
end

--- What is wrong with a data set, or nil. source: its text, for the lines.
---@param set any
---@param source string|nil
---@return string|nil problem
function M.problem(set, source)
  local said = wrong(set, TOP, { "seed", "customers", "deals" })
  if said then return said end
  local names = names_of(set.customers)
  table.sort(names)
  for _, name in ipairs(names) do
    said = wrong(set.customers[name], CUSTOMER, CUSTOMER_NEEDS)
    if said then return ('customer "%s": %s'):format(name, said) end
  end
  local lines = source and record_lines(source) or {}
  for i, deal in ipairs(set.deals) do
    said = wrong(deal, DEAL, DEAL_NEEDS) or fits(deal, set.customers)
    if said then
      local name = type(deal) == "table" and type(deal.name) == "string" and
        (' ("%s")'):format(deal.name) or ""
      return ("%sdeal %d%s: %s"):format(lines[i] and "line " .. lines[i] .. ", " or "", i, name,
        said)
    end
  end
end

--- A data set that ships.
---@return table|nil set, string|nil problem
function M.shipped_one(name)
  for _, shipped in ipairs(M.shipped) do
    if name == shipped then return require("sim.seed_" .. name) end
  end
  return nil, ("%s: there are %s"):format(name, table.concat(M.shipped, ", "))
end

--- Reads a data set: one that ships by its name, else a file.
---@param name string
---@return table|nil set, string|nil problem
function M.read(name)
  local shipped = M.shipped_one(name)
  if shipped then return shipped end
  local source, err = host.file.read(name)
  if not source then return nil, err.text end
  local set
  set, err = json.decode(source)
  if set == nil then return nil, ("%s: %s"):format(name, (err.text:gsub("^JSON, ", ""))) end
  local problem = M.problem(set, source)
  if problem then return nil, name .. ": " .. problem end
  return set
end

-- ---- Making the rows ----

local function must(result, problem)
  if result == nil then error({ seed = problem and (problem.text or problem) or "refused" }, 0) end
  return result
end

local function closing(server, deal)
  if deal.closing_date then return deal.closing_date end
  local day = server.env.now() // DAY + (deal.closes_in_days or 90)
  return dates.text(day * DAY, 0):sub(1, 10)
end

local ENDS = { won = "won", lost = "lost", declined = "declined", error = "error" }

-- The referral; answers what the act did.
local function portal_side(server, deal, who)
  local function partner(name, args) return must(server.partner:act(name, args)) end
  local kind = deal.kind or "deal"
  local args = { name = deal.name, value = deal.value, currency = deal.currency,
    closing_date = closing(server, deal) .. "T00:00:00Z", notes = deal.notes,
    solutions = deal.solutions, visible = deal.visible, help = deal.help, kind = kind,
    customer = { name = deal.customer, address_line1 = who.street, city = who.city,
      postal_code = who.postal_code, country = who.country, state = who.state or "" },
    contact = { first_name = who.first_name, last_name = who.last_name, phone = who.phone,
      email = who.email, title = who.title } }
  local made = partner(kind == "deal" and "portal-create" or "microsoft-create", args)
  local state = deal.state or (kind == "deal" and "active" or "new")
  if kind == "cosell" and (state == "active" or state == "won" or state == "lost") then
    partner("accept", { id = made.id })
  end
  if deal.microsoft then
    local answer = deal.microsoft == "accepted" and "microsoft-accept" or "microsoft-decline"
    made.number = partner(answer, { id = made.id }).microsoftMsxId
  end
  if state == "expired" then partner("expire", { id = made.id }) end
  if ENDS[state] then partner("close", { id = made.id, state = ENDS[state] }) end
  return made
end

local CLOSED_BY = { won = "win", lost = "lose", declined = "lose", expired = "lose",
  error = "lose" }

local CONNECTOR = "msft_microsoftpartnercenterreferral"

-- The columns that the connector would have filled in.
local function linked(server, referral)
  if not referral then return nil end
  return { [CONNECTOR .. "identifier"] = referral.id,
    [CONNECTOR .. "link"] = server.env.base.partner .. "/portal/referrals/" .. referral.id,
    msft_microsoftcrmidentifier = referral.number }
end

local function crm_side(server, deal, who, referral)
  local function crm(name, args) return must(server.crm.act(name, args)) end
  local help
  for _, row in ipairs(fields.help) do
    if row.code == deal.help then help = row.label end
  end
  local row = crm("create-opportunity", { name = (referral and "✔ " or "") .. deal.name,
    value = deal.value, currency = deal.currency, closing_date = closing(server, deal),
    notes = deal.notes, solutions = deal.solutions, help = help, visible = deal.visible,
    sync = deal.sync or referral ~= nil,
    account = { name = deal.customer, line1 = who.street, city = who.city,
      postalcode = who.postal_code, country = who.country, stateorprovince = who.state,
      telephone1 = who.phone },
    contact = { firstname = who.first_name, lastname = who.last_name, telephone1 = who.phone,
      emailaddress1 = who.email, jobtitle = who.title,
      fullname = who.first_name .. " " .. who.last_name },
    values = linked(server, referral) })
  local close = CLOSED_BY[deal.state or ""]
  if close then crm(close, { id = row.id }) end
  return row
end

local function lead_side(server, deal, who, referral)
  local given = linked(server, referral)
  given.subject, given.companyname, given.lastname = deal.name, deal.customer, who.last_name
  given.firstname, given.emailaddress1, given.telephone1 = who.first_name, who.email, who.phone
  given.description, given.estimatedamount = deal.notes, deal.value
  given[CONNECTOR .. "sync"] = true
  return must(server.crm.act("create", { table = "lead", values = given }))
end

local function make(server, set, deal)
  local who = set.customers[deal.customer]
  local referral = deal.where ~= "crm" and portal_side(server, deal, who) or nil
  local row
  if deal.where ~= "portal" then
    local side = deal.kind == "lead" and lead_side or crm_side
    row = side(server, deal, who, referral)
  end
  if referral and row then
    must(server.partner:act("set-raw", { id = referral.id, path = "externalReferenceId",
      value = row.id }))
  end
end

-- ---- All or nothing ----

local function collections()
  local out = { "referral", "crm_deleted:opportunity" }
  for name in pairs(schema.tables) do out[#out + 1] = "crm:" .. name end
  return out
end

local function each_id(fn)
  for _, collection in ipairs(collections()) do
    local after
    repeat
      local part = host.docs.find(collection, { after = after, most = PART })
      for _, row in ipairs(part) do
        after = row.id
        fn(collection, row.id)
      end
    until #part < PART
  end
end

--- How many deals there are already.
function M.deals_there()
  return host.docs.count "referral" + host.docs.count "crm:opportunity"
    + host.docs.count "crm:lead"
end

--- Makes every row of a checked data set, or none.
---@param server table
---@return integer|nil deals, string|nil problem
function M.load(server, set)
  if M.deals_there() > 0 then
    return nil, "there are deals already; a seed is for an empty practice environment"
  end
  local before, number = {}, 0
  each_id(function(collection, id) before[collection .. id] = true end)
  local ok, err = pcall(function()
    for i, deal in ipairs(set.deals) do
      number = i
      make(server, set, deal)
    end
  end)
  if ok then return #set.deals end
  local gone = {}
  each_id(function(collection, id)
    if not before[collection .. id] then gone[#gone + 1] = { collection, id } end
  end)
  for _, row in ipairs(gone) do host.docs.drop(row[1], row[2]) end
  if type(err) ~= "table" or not err.seed then error(err, 0) end
  return nil, ('deal %d ("%s"): %s'):format(number, set.deals[number].name, err.seed)
end

return M

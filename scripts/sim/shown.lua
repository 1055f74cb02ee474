-- How the practice environment looks on a terminal: both sides as one table, the named faults, what
-- people can do, the trace. Data in, lines out, within the width of the terminal; asks
-- nobody.
local dates = require "sim.dates"
local people = require "sim.people"
local table_text = require "table_text"

local M = {}

local DIFFERS, NONE = "≠", "-"

-- ---- Both sides ----

local BOTH = { { title = "" }, { title = "DEAL", flex = true }, { title = "SYNC" },
  { title = "CRM" }, { title = "VALUE", right = true }, { title = "PC" },
  { title = "VALUE", right = true } }

local function thousands(value)
  local whole, rest = ("%.2f"):format(value):match("^(%d+)%.(%d%d)$")
  if not whole then return tostring(value) end
  whole = whole:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return whole .. (rest ~= "00" and "." .. rest or "")
end

local function value_text(side)
  if not side.value then return NONE end
  return (thousands(side.value) .. " " .. (side.currency or "")):gsub(" $", "")
end

local function set_of(list)
  local out = {}
  for _, name in ipairs(list) do out[name] = true end
  return out
end

-- A cell of the second side, marked if it is another than the first one's.
local function other(text, differs)
  return differs and { DIFFERS .. " " .. text, "yellow" } or text
end

local function sync_text(crm)
  if not crm then return NONE end
  return (crm.sync and "yes" or "no") .. (crm.mark and " " .. crm.mark or "")
end

local function below_of(pair, differs, ids)
  local out = {}
  local crm, partner, microsoft = pair.crm, pair.partner, pair.microsoft
  local function add(words) out[#out + 1] = "     " .. words end
  if differs.name then
    add(("name %s at Partner Center: %s"):format(DIFFERS, table_text.plain(partner.name)))
  end
  if differs.help then
    add(("help %s CRM: %s; Partner Center: %s"):format(DIFFERS, crm.help or "none",
      partner.help or "none"))
  elseif (crm or partner).help then
    add("help: " .. (crm or partner).help)
  end
  if microsoft then
    add(("Microsoft: %s%s"):format(microsoft.state,
      microsoft.number and ", " .. microsoft.number or ""))
  end
  if ids then
    if crm then add(("CRM %s %s"):format(crm.table, crm.id)) end
    if partner then add("PC referral " .. partner.id) end
    if microsoft then add("Microsoft's copy " .. microsoft.id) end
  end
  return out
end

local function both_row(pair, ids)
  local crm, partner, differs = pair.crm, pair.partner, set_of(pair.differs)
  local row = { #pair.differs > 0 and { DIFFERS, "yellow" } or "",
    table_text.plain((crm or partner).name), sync_text(crm),
    crm and (crm.table == "lead" and "lead, " or "") .. crm.state or NONE,
    crm and value_text(crm) or NONE }
  if differs.sync then row[3] = { row[3], "yellow" } end
  row[6] = partner and other(partner.state, differs.state)
    or (differs.missing and { "missing", "yellow" } or NONE)
  if not crm and differs.missing then row[4] = { "missing", "yellow" } end
  row[7] = partner and other(value_text(partner), differs.value) or NONE
  row.below = below_of(pair, differs, ids)
  return row
end

--- Both sides next to each other.
---@param cmd table
---@param found { total: integer, deals: table[] } the answer to "pairs"
---@param ids boolean|nil
---@return string[] lines
function M.both(cmd, found, ids)
  local rows, differ = {}, 0
  for i, pair in ipairs(found.deals) do
    rows[i] = both_row(pair, ids)
    if #pair.differs > 0 then differ = differ + 1 end
  end
  if #rows == 0 then return { "no deals on either side" } end
  local out = table_text.lines(cmd, BOTH, rows)
  out[#out + 1] = ""
  local more = found.total > #rows and ("; the newest of %d, --most N shows more"):format(
    found.total) or ""
  out[#out + 1] = ("%s, %d %s%s"):format(table_text.count(#rows, "deal"), differ,
    differ == 1 and "differs" or "differ", more)
  return out
end

-- ---- Faults ----

local FAULTS = { { title = "FAULT" }, { title = "" }, { title = "WHAT IT DOES", flex = true } }

--- The named faults, with what is on.
---@param list table[] the answer to "faults"
function M.faults(cmd, list)
  local rows = {}
  for i, fault in ipairs(list) do
    rows[i] = { fault.name, fault.on and { "on", "red" } or "", fault.text }
  end
  local out = table_text.lines(cmd, FAULTS, rows)
  out[#out + 1] = ""
  out[#out + 1] = "cosell sim fault NAME      on       cosell sim fault NAME off   lifts it"
  out[#out + 1] = "cosell sim fault NAME crm  one side cosell sim fault clear      lifts all"
  return out
end

-- ---- Switches ----

--- Every switch with its value; a star before what is not as it was at the start.
---@param list table[] the answer to "switches"
function M.switches(cmd, list)
  local out = {}
  for _, row in ipairs(list) do
    local changed = row.value ~= row.default
    local head = ("%s %-26s %-8s "):format(changed and "*" or " ", row.name, tostring(row.value))
    table.move(table_text.wrap(cmd, head, row.text), 1, 100, #out + 1, out)
  end
  return out
end

-- ---- People ----

local WHO = { seller = "a partner's seller, in the CRM",
  portal = "a user of ours, in the Partner Center portal", microsoft = "a Microsoft seller" }

M.is_person = people.knows

--- What people can do.
---@param list table[] the answer to "acts"
function M.acts(cmd, list)
  local out = { "DEAL is a part of its name, or an id of either side." }
  for _, who in ipairs(people.who) do
    out[#out + 1] = ""
    out[#out + 1] = table_text.paint(cmd, "bold", who .. ": " .. WHO[who])
    for _, row in ipairs(list) do
      local head = ("  %-10s %-16s "):format(row.who, row.what)
      if row.who == who then
        table.move(table_text.wrap(cmd, head, row.help), 1, 100, #out + 1, out)
      end
    end
  end
  out[#out + 1] = ""
  out[#out + 1] = "cosell sim act all         every act, also those that tests use"
  return out
end

-- ---- Clock and profile ----

--- What a move of the practice clock did.
function M.clock(clock)
  local ahead = clock.offset_ms > 0 and table_text.span(clock.offset_ms) .. " ahead"
    or "as the machine's"
  local out = { ("practice clock: %s UTC, %s"):format((clock.now:gsub("[TZ]", " "):gsub(" $", "")),
    ahead) }
  if clock.expired > 0 then
    out[2] = table_text.count(clock.expired, "deal") .. " expired: nobody answered in 14 days"
  end
  return out
end

--- Where the profile is and how to go on.
function M.profile(folder, kept)
  return ("profile in %s%s\nnow, in another terminal:\n  cosell run %s\n"):format(folder,
    kept and ":\n  profile.lua was there and stays as it is, the secrets are new" or "", folder)
end

M.no_profile = "a profile for a host: cosell sim profile DIR\n"

-- ---- Trace ----

local INDENT = (" "):rep(6)

local function line(cmd, head, text)
  return table_text.cut(head .. table_text.plain(text), table_text.width(cmd))
end

--- An exchange in up to three lines: number, time, service, status and milliseconds stand in front,
--- where no terminal is too narrow for them.
function M.exchange(cmd, x)
  local head = ("%5d %s %-8s %s %4d ms "):format(x.n, dates.text(x.at_ms, 0):sub(12, 19),
    x.service, x.status or "---", x.ms)
  local out = { line(cmd, head, x.method .. " " .. x.path) }
  for mark, text in pairs { [">"] = x.request or "", ["<"] = x.answer or "" } do
    if text ~= "" then out[mark] = line(cmd, INDENT .. mark .. " ", text) end
  end
  return { out[1], out[">"] or out["<"], out[">"] and out["<"] }
end

return M

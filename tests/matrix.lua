-- cosell matrix: what tests/matrix/run plays.  Rows: every open switch of the practice environment
-- in its other positions, and every named fault.  Groups: rows that do not hide one another are
-- played together, so that each story is run once a group and not once a row.
-- Stories: all that are about deals (LEFT_OUT says which are not, and why).
-- Owns the table of stories that a row ends otherwise (OUTCOMES).
local fault_names = require "sim.fault_names"
local switches = require "sim.switches"

local M = { help = "the rows, groups and stories of the test matrix", where = "here",
  usage = [=[cosell matrix                                  the rows
       cosell matrix STORIES                          the stories that take part
       cosell matrix PLAN [ROW [STORY]]               what is run: "ROW; ROW ...|STORY"
       cosell matrix OUTCOME ROW STORY [SAID]         whether it ended as OUTCOMES says]=] }

-- The other position of a switch that is a number.
local OTHER = { token_life_s = { 5 }, page_size = { 2 }, post_status = { 201 },
  read_lag_ms = { 500 }, stale_reads_ms = { 500 }, unknown_engagement_status = { 404 },
  put_without_match = { 400, 428 }, closed_write = { 409 }, no_registration_status = { 400 },
  delivery_gap_ms = { 20 }, delivery_delay_ms = { 300 }, delivery_copies = { 3 },
  metadata_lag_ms = { 2000 }, contain_values_lag_ms = { 2000 }, key_index_ms = { 0 },
  crm_limit_requests = { 0 }, crm_limit_time_ms = { 0 }, crm_limit_concurrent = { 2 },
  crm_servers = { 1 }, crm_hook_copies = { 2 }, crm_ahead_ms = { 90000 },
  crm_wrong_type_status = { 400 }, crm_most_body = { 65536 } }

-- Positions of a switch that each story is played with; with more, the stories take turns.
local MOST_POSITIONS = 3

-- Not open questions: the clock, who signs in, and what named faults switch.
local NO_ROW = { clock_offset_ms = true, lose_callbacks = true, signature_fault = true,
  token_mfa = true, role = true, consent = true }

-- Of these pairs one hides the other: they are never played together. (What Microsoft's copy was
-- is told by an event once; if that reading lags and no list holds the copy, the daily comparison
-- is next.)
local APART = { { "list_related", "read_lag_ms" }, { "list_related", "stale_reads_ms" },
  { "live_quirks", "odd_next_link" }, { "live_quirks", "quirks" },
  { "live_quirks", "date_digits" }, { "read_lag_ms", "stale_reads_ms" },
  { "callback_first", "delivery_delay_ms" }, { "callback_first", "delivery_order" },
  { "delivery_delay_ms", "delivery_order" }, { "delivery_copies", "delivery_order" },
  { "secret_expired", "grant_fault" }, { "secret_expired", "crm_throttle" },
  { "secret_expired", "crm_gateway" }, { "secret_expired", "crm_unsigned_body" },
  { "crm_throttle", "crm_gateway" }, { "crm_throttle", "crm_unsigned_body" },
  { "crm_gateway", "crm_unsigned_body" } }

-- What a fault spoils; one of calls hides what could spoil their tokens or links.
local SPOILS = { ["token-revoked"] = "sign-in", ["delta-expired"] = "links" }
for _, fault in ipairs(fault_names.table) do
  local what = fault.name:match("^callbacks") or fault.name:match("^certificate")
  SPOILS[fault.name] = SPOILS[fault.name] or (what and "callbacks" or "calls")
end

-- Stories that see to switches and faults themselves, or are not about deals.
local LEFT_OUT = {
  ["10_killed_and_restarted"] = "kills the host at each commit: minutes each time",
  ["11_bad_input"] = "profiles, secrets and ports",
  ["12_remotes"] = "what the services refuse, counted",
  ["13_reload_under_load"] = "reloading",
  ["15_sign_in"] = "signing in",
  ["18_start"] = "what a start costs, counted",
  ["29_clock"] = "the clock itself",
  ["29_practice"] = "the practice environment as a program",
  ["30_commands"] = "what is printed, letter by letter, the last failures too",
  ["32_flows_and_follow"] = "what is printed, letter by letter, the last failures too",
  ["33_comparison"] = "pages of the service, counted",
  ["40_property"] = "draws its switches itself",
  ["50_callbacks"] = "faults of callbacks",
  ["51_runaway_mappings"] = "the mapping process",
  ["52_reload"] = "reloading",
  ["53_remotes"] = "faults of the services",
  ["54_store"] = "the state file",
  ["55_secrets"] = "what is logged; brings its faults along",
  ["56_practice"] = "the practice environment as a program",
  ["57_named_faults"] = "the named faults themselves",
  ["58_practice_page"] = "a page of the README",
  ["62_catalogue"] = "commands that say what failed, for a person to give them again",
  ["75_check"] = "files alone: no service is asked",
  ["78_fields"] = "what is printed of the CRM's tables, letter by letter",
  ["79_new_profile"] = "what is written into a folder",
  ["81_preview_against"] = "what is printed, letter by letter; 80 plays previews",
  ["82_preview_save"] = "a file that is written; 80 plays previews",
  ["86_guide"] = "pages of the guide; 76 plays its mapping",
  ["87_reload_is_told"] = "reloading",
  ["88_from_the_guide"] = "pages of the guide, reloading",
  ["89_tls"] = "the listener's certificate",
  ["90_from_original"] = "what is written into a folder",
  ["90_init"] = "what is written into a folder",
  ["91_one_mapping"] = "folders, reloading",
  ["91_promote"] = "folders",
  ["92_asking"] = "questions at a terminal",
  ["93_connect"] = "signing in",
  ["93_connections_end"] = "signing in",
  ["94_doctor"] = "what is wrong around the host; brings its faults along",
  ["95_original"] = "another program beside the host",
  ["96_provision"] = "the CRM's definitions, its calls counted",
  ["96_provision_adopts"] = "the CRM's definitions, its calls counted",
  ["96_provision_security"] = "the CRM's definitions",
  ["97_provision_killed"] = "kills the command at each call: minutes each time",
  ["98_webhook"] = "the registration",
  ["99_forward"] = "callbacks that go on; brings its faults along",
}

---@class outcome
---@field case string        part of the names of the cases that end otherwise
---@field says string        part of what the check says then
---@field by_default string  how it ends by default
---@field otherwise string   how it ends then

---@type table<string, table<string, outcome>>  row -> story
local OUTCOMES = {
  -- When a row was changed, its CRM says.
  ["switch crm_ahead_ms 90000"] = {
    ["14_guards"] = { case = "story 14: ", says = "got [0,0], want [1,",
      by_default = "a deal is shared a minute after its last edit",
      otherwise = "a deal is shared a minute after its last edit by the CRM's clock, which is so "
        .. "much later as that clock is ahead" },
    ["38_corners_of_withholding"] = { case = "withheld: a deal becomes visible to sellers once it",
      says = "waited in vain for the sellers see it",
      by_default = "a deal is shown to sellers a minute after its last edit",
      otherwise = "it is shown a minute after its last edit by the CRM's clock" },
    ["64_mapping_fields"] = { case = "fields: the later change counts",
      says = 'got ["of the CRM 1","of the CRM 1"]',
      by_default = "of two changes the later one counts",
      otherwise = "by the CRM's clock its own change is the later one" },
  },
  -- For a minute after its certificate could not be read, a callback is put off.
  ["fault 5xx"] = {
    ["r03_reading"] = { case = "rule 03: the echo of our own write",
      says = "our own write was called back",
      by_default = "our own write is called back, and that reads one side and stops",
      otherwise = "callbacks are put off for a minute: nothing is called back" },
  },
  -- What is not in the plain list is heard by its event, or by the daily comparison.
  ["switch list_related false"] = {
    ["38_corners_of_withholding"] = { case = "withheld: with flow e off",
      says = "waited in vain for what Microsoft did",
      by_default = "what Microsoft did while flow e was off is read with the next poll",
      otherwise = "it is read with the copy's next event, or the daily comparison" },
    ["r03_reading"] = { case = "rule 03: a referral of another organisation is nobody's here",
      says = "waited in vain for a look at it",
      by_default = "a referral of another organisation in the list is looked at and left alone",
      otherwise = "no list holds it: it is never looked at" },
    ["s08_expires"] = { case = "situation 8: Microsoft's copy expires, its event is lost",
      says = "got 0, want 1",
      by_default = "the poll finds that Microsoft's copy expired, and the audit text says it",
      otherwise = "the daily comparison finds it" },
  },
  -- There the seller's edit does not come about.
  ["switch closed_opportunity_edit false"] = {
    ["s06_won_here_lost_there"] = { case = "situation 6: ", says = "audit: ",
      by_default = "who closed a row otherwise than Partner Center reads of it on the row",
      otherwise = "it stands on the conflict list and in the deal's history alone" },
    ["s07_microsoft_declines"] = { case = "situation 7: ", says = "audit: ",
      by_default = "what Microsoft did to a deal that is won is told on the row",
      otherwise = "it stands in the deal's history: the row takes no line" },
    ["s11_closed_under_an_edit"] = {
      case = "situation 11: three edits after the closing are told once",
      says = "A closed opportunity cannot be changed",
      by_default = "edits of a row that the portal has closed are told once, and not sent",
      otherwise = "the CRM refuses the edit of a closed row: there is nothing to send" },
    ["60_fields"] = { case = "item 49: lost in the CRM, with the words", says = "→ lost",
      by_default = "that a deal was lost, and why, was sent stands on the row",
      otherwise = "it stands in the deal's history: the row takes no line" },
    ["69_marks"] = { case = "item 69: switched off, all marks go", says = '["Poor","✔ Won"]',
      by_default = "switched off, the marks of closed rows go as well",
      otherwise = "a closed row keeps its mark" },
    ["70_languages"] = { case = "item 70: ", says = " does not hold ",
      by_default = "that a deal was won stands on the row, in its language",
      otherwise = "it stands in the deal's history: the row takes no line" },
    ["74_clocks"] = { case = "won ", says = "got 0, want 1",
      by_default = "what is told of a deal that is won stands on its row",
      otherwise = "it stands in the deal's history: the row takes no line" },
    ["21_closed_referral"] = { case = "closed: notes that are edited after both sides closed",
      says = "A closed opportunity cannot be changed",
      by_default = "notes of a closed row that are edited stay in the CRM, and nothing fails",
      otherwise = "the CRM refuses the edit of a closed row: there is nothing to send" },
  },
}

-- ---- Rows ----

local function others(row)
  if OTHER[row.name] then return OTHER[row.name] end
  if type(row.default) == "boolean" then return { not row.default } end
  local out = {}
  for _, value in ipairs(row.values or {}) do
    if value ~= row.default then out[#out + 1] = value end
  end
  return out
end

-- All rows; turn: those of one story, where a switch of many positions has one of them.
local function rows(turn)
  local out = {}
  for _, row in ipairs(switches.rows) do
    local values = NO_ROW[row.name] and {} or others(row)
    if turn and #values > MOST_POSITIONS then values = { values[turn % #values + 1] } end
    for _, value in ipairs(values) do
      out[#out + 1] = ("switch %s %s"):format(row.name, value)
    end
  end
  for _, fault in ipairs(fault_names.table) do out[#out + 1] = "fault " .. fault.name end
  return out
end

local function matching(list, part)
  local out = {}
  for _, text in ipairs(list) do
    if text:find(part, 1, true) then out[#out + 1] = text end
  end
  return out
end

-- ---- Groups ----

local function name_of(row) return (row:match("^%l+ (%S+)")) end

local function hides(row, other)
  local a, b = name_of(row), name_of(other)
  local one, two = SPOILS[a], SPOILS[b]
  if one and two then
    return one == two or (one == "calls" and two ~= "callbacks")
      or (two == "calls" and one ~= "callbacks")
  end
  if one or two or a == b then return true end
  for _, pair in ipairs(APART) do
    if pair[1] == a and pair[2] == b or pair[1] == b and pair[2] == a then return true end
  end
  return false
end

local function fits(row, group)
  for _, other in ipairs(group) do
    if hides(row, other) then return false end
  end
  return true
end

-- Switches with most positions first: they need most groups; the others spread over these.
local function by_positions(list)
  local positions, at = {}, {}
  for i, row in ipairs(list) do
    local name = name_of(row)
    positions[name], at[row] = (positions[name] or 0) + 1, i
  end
  table.sort(list, function(a, b)
    local m, n = positions[name_of(a)], positions[name_of(b)]
    if m ~= n then return m > n end
    return at[a] < at[b]
  end)
  return list
end

local function grouped(list)
  local groups = {}
  for _, row in ipairs(by_positions(list)) do
    local best
    for _, group in ipairs(groups) do
      if fits(row, group) and (not best or #group < #best) then best = group end
    end
    if best then best[#best + 1] = row else groups[#groups + 1] = { row } end
  end
  return groups
end

-- ---- Stories ----

local function stories()
  local out = {}
  local folder = host.file.getenv("COSELL_COMMANDS") .. "/stories"
  for _, file in ipairs(assert(host.file.list(folder))) do
    local name = file:match("^([rs]?%d%d_.+)%.lua$")
    if name and not LEFT_OUT[name] then out[#out + 1] = name end
  end
  table.sort(out)
  return out
end

-- ---- What is run ----

local function outcome(row, story) return OUTCOMES[row] and OUTCOMES[row][story] end

-- A group with a story; a row that ends it otherwise stands alone.
local function runs(group, story)
  local together, out = {}, {}
  for _, row in ipairs(group) do
    if outcome(row, story) then out[#out + 1] = row else together[#together + 1] = row end
  end
  if together[1] then table.insert(out, 1, table.concat(together, "; ")) end
  return out
end

local function alone(list)
  local out = {}
  for i, one in ipairs(list) do out[i] = { one } end
  return out
end

-- Group i with story i, then with story i + 1 ...: whatever the time, all groups and stories are
-- met.  Rows that are asked for by name are played one by one.
local function plan(row, story)
  local groups, most, list = {}, 0, matching(stories(), story or "")
  for turn = 1, #list do
    groups[turn] = (row or "") == "" and grouped(rows(turn)) or alone(matching(rows(), row))
    most = math.max(most, #groups[turn])
  end
  local out = {}
  for k = 0, #list - 1 do
    for i = 1, most do
      local turn = (i + k) % #list + 1
      local name = list[turn]
      for _, together in ipairs(runs(groups[turn][i] or {}, name)) do
        out[#out + 1] = together .. "|" .. name
      end
    end
  end
  return out
end

-- All cases that failed are those of the table, and say what stands there. (Without what was said:
-- whether the table has that row and story.)
local function as_told(row, story, said)
  local told, n = outcome(row, story), 0
  if not told then return nil end
  if not said then return told.otherwise end
  for case, text in said:gmatch("not ok %- ([^\n]*)\n(#[^\n]*)") do
    if not case:find(told.case, 1, true) or not text:find(told.says, 1, true) then return nil end
    n = n + 1
  end
  return n > 0 and ("by default: %s; then: %s"):format(told.by_default, told.otherwise) or nil
end

local function lines(cmd, list)
  cmd.out(table.concat(list, "\n") .. "\n")
  return 0
end

function M.run(cmd)
  local word, a, b, c = table.unpack(cmd.args)
  if word == "STORIES" then return lines(cmd, stories()) end
  if word == "PLAN" then return lines(cmd, plan(a, b)) end
  if word ~= "OUTCOME" then return lines(cmd, rows()) end
  local told = as_told(a, b, c and assert(host.file.read(c)))
  if told then cmd.out(told .. "\n") end
  return told and 0 or 1
end

return M

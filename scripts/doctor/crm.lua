-- `cosell doctor`, the CRM: who we are there, what we may do, its tables against what deals, the
-- mapping and the settings need, and whether the original connector still works in it.
local crm_schema = require "crm_schema"
local dynamics = require "dynamics"
local lists = require "lists"
local mapping_look = require "mapping_look"
local mapping_meta = require "mapping_meta"
local original = require "original"
local outcome = require "doctor.outcome"
local refusal = require "doctor.refusal"
local table_text = require "table_text"

local M = {}

local PREFIX = "msft_" -- of the connector's tables
local MOST_NAMED = 8

local function named(list)
  local out = table.concat(list, ", ", 1, math.min(#list, MOST_NAMED))
  return #list > MOST_NAMED and ("%s and %d more"):format(out, #list - MOST_NAMED) or out
end

-- ---- Who we are ----

---seen.who: us.
function M.signed_in(seen)
  local who, err = dynamics.whoami()
  if not who and err.kind == "auth" then
    return refusal.of("crm", err)
  elseif not who then
    return nil, err
  end
  seen.who = who
  local pinned = host.store.mark_get "organization"
  if pinned and pinned ~= who.organization then
    return outcome.wrong "organization"
  end
  return outcome.fine("organisation %s", who.organization)
end

-- ---- What we may do ----

local WRITES = { "Create", "Read", "Write", "Append", "AppendTo" }
local LINES = { "Create", "Read", "Write", "Delete", "Append", "AppendTo" }
local READS = { "Read" }

-- Table as privileges spell it -> verbs; if: a setting without which it is not needed.
local NEEDED = {
  { "Account", WRITES }, { "Contact", WRITES }, { "Opportunity", WRITES },
  { "Lead", WRITES, setting = "sync_leads" },
  { "msft_MicrosoftSolution", LINES },
  { "msft_MicrosoftSolutionDetail", { "Read", "AppendTo" } },
  { "TransactionCurrency", { "Read", "AppendTo" } },
  { "Organization", READS }, { "Workflow", READS },
}
-- Read by change tracking, which wants all rows of the organisation.
local WHOLE = { "Opportunity", "Lead", "msft_MicrosoftSolution" }

-- Tables that the CRM lacks are the check `schema`'s; what is named otherwise has other privileges.
-- -> boolean | nil, err.  (suspends)
local function is_wanted(row)
  if row.setting and host.profile.settings[row.setting] == false then
    return false
  elseif row[1]:find(PREFIX, 1, true) ~= 1 then
    return true
  end
  local there, err = dynamics.set_of(row[1]:lower())
  if not there and err.kind ~= "absent" then
    return nil, err
  end
  return there ~= nil
end

function M.privileges(seen)
  local has, err = dynamics.privileges(seen.who.user)
  if not has then
    return nil, err
  end
  local lacks, n = {}, 0
  for _, row in ipairs(NEEDED) do
    local wanted
    wanted, err = is_wanted(row)
    if wanted == nil then
      return nil, err
    end
    for _, verb in ipairs(wanted and row[2] or {}) do
      local name = "prv" .. verb .. row[1]
      n = n + 1
      lacks[#lacks + 1] = not has[name] and name or nil
    end
  end
  if #lacks > 0 then
    return outcome.wrong("lacks", { list = table.concat(lacks, ", ") })
  end
  local part = {}
  for _, table_name in ipairs(WHOLE) do
    local depth = has["prvRead" .. table_name]
    part[#part + 1] = depth and depth ~= "Global" and table_name or nil
  end
  return outcome.fine("%s%s", table_text.count(n, "privilege"), #part > 0 and
    "; reads only a part of " .. named(part) .. ", and that without change tracking" or "")
end

-- ---- Tables ----

-- seen.metas, seen.missing: what the CRM has now, and lacks.  (suspends)
local function learn(seen)
  local solutions, err = lists.solutions(PREFIX)
  if not solutions and err.kind ~= "config" then
    return nil, err
  end
  seen.wanted = crm_schema.wanted(host.profile.columns, solutions)
  seen.metas = {}
  for _, t in ipairs(seen.wanted) do
    local meta
    meta, err = dynamics.table_anew(t.name)
    if not meta and err.kind ~= "absent" then
      return nil, err
    end
    seen.metas[t.name] = meta
  end
  seen.missing = crm_schema.missing(seen.metas, seen.wanted)
  return true
end

local function words_of(one)
  local name = one.column and one.table .. "." .. one.column or one.table
  if one.what == "options" then
    return ("%s: the options %s"):format(name, table.concat(one.wanted, ", "))
  end
  return name
end

local LACKS = { table = true, column = true, options = true }

-- ", or name another": only what the profile may name.
local function or_name(seen, one)
  for _, t in ipairs(seen.wanted) do
    for _, c in ipairs(t.name == one.table and t.name == "opportunity" and t.columns or {}) do
      if c.name == one.column then
        return (", or name another column as `columns.%s` in profile.lua"):format(c.role)
      end
    end
  end
  return ""
end

local OTHER = { type = "%s", length = "%s characters long", target = "a look-up of %s" }

local function other(seen, one)
  local words = OTHER[one.what]
  return outcome.wrong("other", { table = one.table, column = one.column,
    found = words:format(tostring(one.found)), wanted = words:format(tostring(one.wanted)),
    or_name = or_name(seen, one) })
end

function M.schema(seen)
  local ok, err = learn(seen)
  if not ok then
    return nil, err
  end
  local lacks, wished = {}, {}
  for _, one in ipairs(seen.missing) do
    if one.needed and OTHER[one.what] then
      return other(seen, one)
    elseif LACKS[one.what] or OTHER[one.what] then
      table.insert(one.needed and lacks or wished, words_of(one))
    end
  end
  if #lacks > 0 then
    return outcome.wrong("lacks", { list = named(lacks) })
  end
  return outcome.fine("%s", #wished > 0 and "what deals can do without is not there: " ..
    named(wished) or "all of them")
end

function M.tracking(seen)
  local off = {}
  for _, one in ipairs(seen.missing) do
    off[#off + 1] = one.what == "tracking" and one.needed and one.table or nil
  end
  return #off > 0 and outcome.wrong("off", { list = named(off) }) or outcome.fine()
end

-- ---- The mapping and the settings ----

local function of_profile(problem)
  return problem.key:find("^settings%.") ~= nil or problem.key:find("^columns%.") ~= nil
end

-- seen.problems: of both checks.  (suspends)
local function problems(seen)
  if seen.problems then
    return seen.problems
  end
  local asked, err = mapping_look.ask()
  local metas
  if asked then
    metas, err = mapping_look.learn(asked, function(name)
      if seen.metas[name] then
        return seen.metas[name]
      end
      return dynamics.table_anew(name)
    end)
  end
  seen.problems = metas and mapping_meta.problems(asked.describe, asked.said, asked.said.answers,
    metas)
  return seen.problems, err
end

function M.mapping(seen)
  local list, err = problems(seen)
  if not list then
    return nil, err
  end
  local hints = 0
  for _, one in ipairs(list) do
    if one.what == "required" then
      return outcome.wrong("required", { line = mapping_meta.line(one), key = one.key,
        column = one.text:match("^[%w_.]+") })
    elseif one.level == "error" and not of_profile(one) then
      return outcome.wrong("wrong", { line = mapping_meta.line(one) })
    end
    hints = hints + (one.level == "warning" and 1 or 0)
  end
  return outcome.fine("%s", hints > 0 and table_text.count(hints, "hint") ..
    ": `cosell status` has them" or "nothing against it")
end

local OF_ACCOUNT = { ["settings.country_field"] = true, ["settings.duns_field"] = true }

function M.settings(seen)
  local list, err = problems(seen)
  if not list then
    return nil, err
  end
  for _, one in ipairs(list) do
    if one.level == "error" and of_profile(one) then
      return outcome.wrong("wrong", { line = mapping_meta.line(one), key = one.key,
        table = OF_ACCOUNT[one.key] and "account" or "opportunity" })
    end
  end
  return outcome.fine()
end

-- ---- The connector before us ----

local CAUSE = { flow = "flows", registration = "registration" }

function M.original()
  local list, err = original.running()
  if not list then
    return nil, err
  elseif #list > 0 then
    return outcome.wrong(CAUSE[list[1].what], original.remedies(list)[1])
  elseif err then
    return outcome.unseen("%s", err.text)
  end
  return outcome.fine "none of its nine flows is on"
end

return M

-- cosell preview: what would be written where, of real deals, and nothing is; two versions of a
-- mapping compared; a real deal as fixtures with invented names.
local backup = require "commands.backup"
local bar = require "bar"
local fixtures = require "preview_fixtures"
local pick = require "preview_pick"
local preview = require "preview"
local preview_text = require "preview_text"
local table_text = require "table_text"
local words = require "words"

local M = { help = "what would be written where, and by whom; writes nothing", where = "host",
  usage = "cosell preview [DEAL...] [--last N] [--json]\n" ..
    "       cosell preview [DEAL...] --against DIR|GENERATION [--last N] [--json]\n" ..
    "                                         another version of the files\n" ..
    "       cosell preview [DEAL...] --mapping DIR ...\n" ..
    "                                         that folder's mapping, the running profile\n" ..
    "       cosell preview DEAL --save NAME   as fixtures, persons and firms invented\n" ..
    "       cosell preview --generations [--json]   the versions that are kept" }

local LAST, MOST = 20, 10000
local PART = 10 -- deals between two looks at the bar

-- ---- Deals ----

-- -> list, what was picked in words, or nil: the person was told why
local function deals(cmd, given, last)
  local list = {}
  if #given == 0 then
    local found, counts = pick.first(last)
    if not found then
      cmd.err(counts.text .. "\n")
    end
    return found, counts
  end
  for i, word in ipairs(given) do
    list[i] = pick.named(cmd, word)
    if not list[i] then
      return nil
    end
  end
  return list
end

local COUNTS = { { "waiting", "with waiting work" }, { "new in the CRM", "new in the CRM" },
  { "new at Partner Center", "new at Partner Center" },
  { "changed last", "of those that changed last" } }

local function said(counts, last)
  local out = {}
  for _, row in ipairs(COUNTS) do
    local n = counts[row[1]]
    out[#out + 1] = n and ("%d %s"):format(n, row[2]) or nil
  end
  if #out == 0 then
    return "there is no deal yet"
  end
  return ("shown: %s, %d at most (--last N)"):format(table.concat(out, ", "), last)
end

local function without_asked(p)
  p.asked = nil
  return p
end

local function show(cmd, list, counts, options)
  local shown, all, writes = 0, json.array {}, 0
  for i, link in ipairs(list) do
    bar.draw(cmd, i - 1, #list, "reading")
    local p = without_asked(preview.next(link))
    writes = writes + (p.outcome == "write" and 1 or 0)
    if options.json then
      all[i] = p
    else
      bar.clear(cmd)
      table_text.out(cmd, preview_text.lines(cmd, p))
      cmd.out("\n")
    end
    shown = shown + 1
  end
  bar.clear(cmd)
  if options.json then
    cmd.out(json.encode { written = false, deals = all } .. "\n")
    return 0
  end
  cmd.out(("%s would be written; nothing was\n"):format(table_text.count(writes, "deal")))
  if counts then
    cmd.out(said(counts, options.last) .. "\n")
  end
  return 0
end

-- ---- Another version ----

local function trial_of(cmd, given, of_mapping)
  local generation = math.tointeger(tonumber(given))
  if of_mapping then
    return host.trial { mapping = backup.absolute(cmd, given), shown = given }
  end
  if generation then
    return host.trial { generation = generation }
  end
  return host.trial { dir = backup.absolute(cmd, given), shown = given }
end

local function synchronised(cmd, given, last)
  local out = {}
  if #given == 0 then
    return pick.synchronised(last)
  end
  for i, word in ipairs(given) do
    local link = pick.named(cmd, word)
    if not link then
      return nil
    elseif link.id == 0 then
      cmd.err(("%s: nothing links it yet; --against compares deals that both sides have\n"):format(
        word))
      return nil
    end
    out[i] = link.id
  end
  return out
end

-- The outcomes of so many deals under both versions.  -> list of {deal=, name=, differences=}
local function compare(cmd, trial, ids)
  local out, url = {}, host.profile.crm_url
  for from = 1, #ids, PART do
    bar.draw(cmd, from - 1, #ids, "comparing")
    local part = table.move(ids, from, math.min(from + PART - 1, #ids), 1, json.array {})
    local payload = { links = part, crm_url = url }
    local other, err = trial:call("preview", "outcomes", payload)
    if not other then
      return nil, err
    end
    for i, running in ipairs(preview.outcomes(payload)) do
      local found = preview_text.differences(running, other[i])
      out[#out + 1] = { deal = part[i], name = running.next.name or "deal " .. part[i],
        differences = found }
    end
  end
  bar.clear(cmd)
  return out
end

local function differing(list)
  local out = json.array {}
  for _, one in ipairs(list) do
    out[#out + 1] = #one.differences > 0 and one or nil
  end
  return out
end

local function against(cmd, given, options)
  local ids = synchronised(cmd, given, options.last)
  if not ids then
    return 1
  end
  local trial, err = trial_of(cmd, options.against, options.mapping)
  local list
  if trial then
    list, err = compare(cmd, trial, ids)
    trial:close()
  end
  if not list then
    bar.clear(cmd)
    cmd.err(("%s: %s\n"):format(options.against, err.text))
    return 1
  end
  local found = differing(list)
  if options.json then
    cmd.out(json.encode { compared = #ids, against = options.against, deals = found } .. "\n")
    return 0
  end
  for _, one in ipairs(found) do
    table_text.out(cmd, preview_text.difference_lines(cmd, one))
  end
  cmd.out(("%d of %d deals %s: generation %d (running) -> %s; nothing was written\n"):format(
    #found, #ids, #found == 1 and "differs" or "differ", host.generation, options.against))
  return 0
end

-- ---- The versions that are kept ----

local function file_of(role)
  local fixture = role:match("^fixture:(.*)$")
  return fixture and "fixtures/" .. fixture .. ".json" or role .. ".lua"
end

local function generations(cmd, as_json)
  local list, err = host.generations()
  if not list then
    cmd.err(err.text .. "\n")
    return 1
  elseif as_json then
    cmd.out(json.encode(json.array(list)) .. "\n")
    return 0
  end
  local rows = {}
  for i, row in ipairs(list) do
    local names = {}
    for k, role in ipairs(row.changed) do
      names[k] = file_of(role)
    end
    rows[i] = { tostring(row.generation), table_text.clock(row.at_ms):sub(1, 16),
      tostring(row.files), #names > 0 and table.concat(names, ", ") or "-" }
  end
  table_text.out(cmd, table_text.lines(cmd, { { title = "GENERATION", right = true },
    { title = "SINCE (UTC)" }, { title = "FILES", right = true },
    { title = "CHANGED", flex = true } }, rows))
  return 0
end

-- ---- The command ----

local function save(cmd, given, name)
  local link = pick.named(cmd, given[1])
  if not link then
    return 1
  end
  local list, err = fixtures.save(link, name)
  if not list then
    cmd.err(err.text .. "\n")
    return 1
  end
  for _, one in ipairs(list) do
    cmd.out(("%s  %s\n"):format(one.file, one.call))
  end
  cmd.out(("%s saved, names and addresses invented: look through them before you share them\n")
    :format(table_text.count(#list, "fixture")))
  return 0
end

local function number_of(value)
  local n = math.tointeger(tonumber(value or LAST))
  return n and n >= 1 and n <= MOST and n or nil
end

local function usage(cmd, problem)
  cmd.err((problem and problem .. "\n" or "") .. "usage: " .. M.usage .. "\n")
  return 2
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true, last = "value", against = "value",
    mapping = "value", save = "value", generations = true })
  if not given then
    return 2
  end
  if options.against and options.mapping then
    return usage(cmd, "--against or --mapping")
  end
  options.against = options.against or options.mapping
  options.last = number_of(options.last)
  if not options.last then
    return usage(cmd, ("--last is a number from 1 to %d"):format(MOST))
  elseif options.save and (#given ~= 1 or options.against or options.json) then
    return usage(cmd, "--save is of one deal")
  elseif options.generations then
    return generations(cmd, options.json)
  end
  host.rehearse() -- from here on this task can write nothing
  if options.save then
    return save(cmd, given, options.save)
  elseif options.against then
    return against(cmd, given, options)
  end
  local list, counts = deals(cmd, given, options.last)
  return list and show(cmd, list, counts, options) or 1
end

return M

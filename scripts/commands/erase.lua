-- cosell erase: takes the personal data of one person out of the state, and says what it did, what
-- it did not touch, and where else he stands.
local dynamics = require "dynamics"
local erase = require "erase"
local find = require "find"
local someone = require "someone"
local table_text = require "table_text"
local words = require "words"

local M = { help = "takes one person's data out of the state and its history", where = "host",
  usage = "cosell erase PERSON [--plan] [--yes] [--json]\n" ..
    "       PERSON: an e-mail address, a phone number, a first and last name, or the id of a\n" ..
    "       contact in the CRM; --plan counts only, --yes asks nothing" }

local MOST_DEALS = 20

-- ---- Who ----

local CONTACT = { "firstname", "lastname", "emailaddress1", "telephone1", "mobilephone" }

-- Who the contact of that id is, as the CRM says.  (suspends)
local function of_contact(id)
  local row, err = dynamics.get("contact", id, CONTACT)
  if not row then
    return nil, ("the CRM does not say who contact %s is: %s; name the person instead"):format(id,
      err.text)
  end
  local who = someone.of(row) or {}
  local one = someone.read(who.email or who.phone or who.name or "")
  if not one then
    return nil, ("contact %s has neither address nor number nor name"):format(id)
  end
  one.phones[who.phone or ""], one.names[who.name or ""] = true, true
  one.phones[""], one.names[""] = nil, nil
  return one
end

-- The person meant, and all that is known of him; nil and why not.  (suspends)
local function who_is(text)
  local id = find.guid(text)
  local one, why
  if id then
    one, why = of_contact(id)
  else
    one = someone.read(text)
    why = "PERSON is an e-mail address, a phone number with at least 6 digits, a first and last " ..
      "name, or a contact's id"
  end
  if not one then
    return nil, why
  end
  local ok, several = erase.learn(one)
  if not ok then
    return nil, ("%d persons are called so or have that number: say which by the e-mail " ..
      "address:\n  %s"):format(#several, table.concat(several, "\n  "))
  end
  return one
end

-- ---- What is said ----

local function many(n, one, more)
  return table_text.count(n, one, more)
end

local ROWS = {
  { "values", "deals", function(r)
    return ("%s of %s: what both sides agreed on stays as digests, so that nothing is sent anew")
      :format(many(r.values, "value"), many(#r.deals, "deal"))
  end },
  { "lines", "lines", function(r)
    return many(r.lines, "line") .. " of histories and findings"
  end },
  { "conflicts", "conflicts", function(r)
    return many(r.conflicts, "conflict") .. " off the list: what stands on both sides stays"
  end },
  { "runs", "runs", function(r) return many(r.runs, "run record") end },
  { "failures", "failures", function(r) return many(r.failures, "text") .. " of failed jobs" end },
  { "marks", "marks", function(r) return many(r.marks, "mark") end },
  { "files", "files", function(r)
    return many(r.files, "kept copy", "kept copies") .. " of the profile's files"
  end },
  { "documents", "documents", function(r)
    return many(r.documents, "document") .. " of a practice environment"
  end },
}

local function done_lines(cmd, report, out)
  local any = false
  for _, row in ipairs(ROWS) do
    if report[row[1]] > 0 then
      any = true
      for _, line in ipairs(table_text.wrap(cmd, ("  %-10s "):format(row[2]), row[3](report))) do
        out[#out + 1] = line
      end
    end
  end
  if not any then
    out[#out + 1] = "  nothing: this person is not in the state"
  end
end

local function deal_list(ids)
  local shown = table.move(ids, 1, math.min(#ids, MOST_DEALS), 1, {})
  return table.concat(shown, ", ") .. (#ids > MOST_DEALS and
    (" and %d more"):format(#ids - MOST_DEALS) or "")
end

-- Where else he stands: not this program's to change.
local function elsewhere(report)
  local of = #report.deals > 0 and " (deals " .. deal_list(report.deals) .. ")" or ""
  local out = {
    "the CRM: contacts, leads, users and opportunities with their audit texts" .. of ..
      "; erase there first, what it still holds is read again when it changes",
    "Partner Center: the referrals and Microsoft's copies of them" .. of,
    "backups made by `cosell backup` before now, and copies of the state file or its disk: " ..
      "remove them, or let them expire",
  }
  if #report.named > 0 then
    out[#out + 1] = "files of the profile, as far as they are still so: " ..
      table.concat(report.named, ", ")
  end
  out[#out + 1] = "who is signed in, kept sealed: `cosell connect --list` names them, --forget " ..
    "ends it"
  out[#out + 1] = "files that `cosell export`, `preview --save` or `sim` wrote, and terminals"
  return out
end

local function left_lines(report, failed)
  local out = {}
  if #report.busy > 0 then
    out[#out + 1] = ("deals %s were being worked on all the time: run this again"):format(
      deal_list(report.busy))
  end
  if report.waiting > 0 then
    out[#out + 1] = ("%s yet to be carried out hold this person: run this again when they are " ..
      "done"):format(many(report.waiting, "order"))
  end
  if failed then
    out[#out + 1] = "old bytes may still be in the state file: " .. failed.text ..
      "; make room, then run this again"
  end
  return out
end

local function show(cmd, report, title, failed)
  local out = { title }
  done_lines(cmd, report, out)
  local function block(head, lines)
    if #lines > 0 then
      out[#out + 1] = head
    end
    for _, line in ipairs(lines) do
      local wrapped = table_text.wrap(cmd, "  ", line)
      table.move(wrapped, 1, #wrapped, #out + 1, out)
    end
  end
  block("left undone:", left_lines(report, failed))
  block("not touched:", elsewhere(report))
  table_text.out(cmd, out)
end

local function title_of(one, text)
  local function n(set)
    local count = 0
    for _ in pairs(set) do
      count = count + 1
    end
    return count
  end
  return ("%s: by %s, %s and %s"):format(text, many(n(one.emails), "address", "addresses"),
    many(n(one.phones), "phone number"), many(n(one.names), "name"))
end

-- ---- The command ----

-- true: go on
local function agreed(cmd)
  local said = cmd.ask and cmd.ask("This cannot be undone. Erase it? yes/no: ")
  if said ~= "yes" then
    cmd.err("nothing was erased" .. (said and "" or "; --yes does it") .. "\n")
  end
  return said == "yes"
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { plan = true, yes = true, json = true })
  if not given then
    return 2
  elseif #given == 0 then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local one, why = who_is(table.concat(given, " "))
  if not one then
    cmd.err(why .. "\n")
    return 2
  end
  local report = erase.run(one, { plan = true })
  if options.plan and options.json then
    cmd.out(json.encode(report) .. "\n")
  elseif options.plan or not options.yes then
    show(cmd, report, title_of(one, options.plan and "would be erased" or "is to be erased"))
  end
  if options.plan then
    return 0
  elseif not options.yes and not agreed(cmd) then
    return 1
  end
  report = erase.run(one, { serving = host.status().serving })
  local whole, failed = host.erase.bytes()
  report.bytes = whole == true
  if options.json then
    cmd.out(json.encode(report) .. "\n")
  else
    show(cmd, report, title_of(one, "erased"), failed)
  end
  local left = #report.busy > 0 or report.waiting > 0 or not whole
  return left and 1 or 0
end

return M

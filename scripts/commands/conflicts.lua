-- cosell conflicts: values that lost when both sides had changed one field; they stay listed here.
local words = require "words"

local M = { help = "values that lost when both sides changed one field", where = "host",
  usage = "cosell conflicts [--json]" }

local function shown(value)
  if type(value) == "table" then
    return json.encode(value)
  end
  return value == nil and "(empty)" or tostring(value)
end

function M.run(cmd)
  local given, options = words.of(cmd, M, { json = true })
  if not given then
    return 2
  end
  local out = json.array {}
  for _, note in ipairs(host.store.note_list(nil, "conflict", 200)) do
    local c = note.doc
    out[#out + 1] = { deal = note.link, at_ms = note.at_ms, field = c.field, crm = c.crm,
      partner = c.partner, kept = c.kept }
  end
  if options.json then
    cmd.out(json.encode(out) .. "\n")
    return 0
  end
  for _, c in ipairs(out) do
    local kept = c.kept == "crm" and "the CRM's" or "Partner Center's"
    cmd.out(("deal %d  %s: kept %s; the CRM had %s, Partner Center had %s\n"):format(c.deal,
      c.field, kept, shown(c.crm), shown(c.partner)))
  end
  if #out == 0 then
    cmd.out("no conflicts\n")
  end
  return 0
end

return M

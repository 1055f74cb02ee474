-- cosell docs: writes the parts of mappings/README.md that are made from tables: the places of the
-- contract, and the field table.  `make docs` runs it; a spec sees that nothing is left to do.
local contract = require "contract"
local fields = require "fields"

local M = { help = "write the guide's tables", where = "here", usage = "cosell docs [--check]" }

local PAGE = "/../mappings/README.md"

local WAY = { create = "when it is made", update = "always" }

local function way(value, row)
  if value == "create" and row.fixed == "sharing" then
    return "until Microsoft is invited"
  end
  return WAY[value] or "-"
end

local function by(row)
  local how = { patch = "PATCH", put = "PUT", create = "POST", action = "a step of its own" }
  return how[row.by] or "-"
end

local function rules(row)
  local out = {}
  local function add(text, ...)
    out[#out + 1] = text:format(...)
  end
  if row.required then
    add("needed: %s", row.required)
  end
  if row.default ~= nil then
    add("empty is %s", tostring(row.default))
  end
  if row.fixed then
    add("fixed from %s on", row.fixed == "set" and "its first value" or row.fixed)
  end
  if row.group and row.group ~= row.name then
    add("merges with `%s`", row.group)
  elseif row.kind == "set" then
    add("merges member by member, %d at most", row.most)
  end
  if row.optional then
    add("if the CRM has the column")
  end
  return table.concat(out, "; ")
end

local WINS = { crm = "the CRM", partner = "Partner Center", rise = "whoever asks; never back" }

---The field table as Markdown.
function M.fields()
  local out = { "| Field | In the CRM | In the referral | To the CRM | To Partner Center | By | " ..
    "Both changed | Rules |", "|---|---|---|---|---|---|---|---|" }
  local function line(name, place, path, row, more)
    out[#out + 1] = ("| `%s` | %s | `%s` | %s | %s | %s | %s | %s |"):format(name, place or "-",
      path or "-", WAY[row.to_crm] or "-", way(row.to_partner, row), by(row),
      WINS[row.conflict] or "-", more)
  end
  for _, row in ipairs(fields.rows) do
    local path = row.attribute and row.path .. " (" .. row.attribute .. ")" or row.path
    line(row.name, row.place, path, row, rules(row))
    for _, part in ipairs(row.parts or {}) do
      line(row.name .. "." .. part.name, part.place, part.path, row,
        part.required and "needed: " .. part.required or "")
    end
  end
  return table.concat(out, "\n") .. "\n"
end

---The page with its made parts as they should be.
---@param page string
---@return string
function M.made(page)
  local parts = { places = contract.markdown(), fields = M.fields() }
  for name, text in pairs(parts) do
    local head, tail = ("<!-- %s -->\n"):format(name), ("<!-- end of %s -->"):format(name)
    local from, to = page:find(head, 1, true), page:find(tail, 1, true)
    assert(from and to, "mappings/README.md has no part " .. name)
    page = page:sub(1, from + #head - 1) .. text .. page:sub(to)
  end
  return page
end

---@return string path, string page
function M.page()
  local path = host.file.getenv("COSELL_SCRIPTS") .. PAGE
  return path, assert(host.file.read(path))
end

function M.run(cmd)
  local path, page = M.page()
  local made = M.made(page)
  if made == page then
    cmd.out("mappings/README.md says what the tables say\n")
    return 0
  elseif cmd.args[1] == "--check" then
    cmd.out("mappings/README.md is not what the tables say: make docs\n")
    return 1
  end
  assert(host.file.write(path, made))
  cmd.out("mappings/README.md is written anew\n")
  return 0
end

return M

-- cosell fields TABLE: the columns of a table of their CRM, as a mapping names them: logical name,
-- label, type, what is required, options.  --save writes the copy of the tables that a mapping
-- meets beside the profile (metadata.json), for checks where no CRM is at hand.
-- It must never change the CRM.
local bar = require "bar"
local dynamics = require "dynamics"
local mapping_env = require "mapping_env"
local mapping_look = require "mapping_look"
local stubs = require "editor.stubs"
local table_text = require "table_text"
local text = require "text"
local values = require "mapping_value"
local words = require "words"

local M = { help = "the columns of a table of your CRM, as a mapping names them", where = "host",
  usage = [=[
cosell fields [TABLE] [--find TEXT] [--json]
cosell fields --save [--json]
  TABLE         its columns: name, label, type, required, options; without it:
                the tables there are
  --find TEXT   those that have it in a name, a label or an option
  --save        writes metadata.json into the profile folder: the tables that
                your mapping meets, for cosell check and for editors]=] }

local OPTIONS = { find = "value", json = true, save = true }
local INDENT = (" "):rep(4)
local LABEL_LEAST = 20 -- columns of the terminal; else the label stands below
local SHOWN = 12       -- options of a column
local NEAR = 3         -- names that are offered for a wrong one

-- ---- What is found ----

local fold = mapping_env.fold

local function holds(one, wanted)
  return one ~= nil and fold(one):find(wanted, 1, true) ~= nil
end

-- Whether a column has that in its name, label, options or targets.
local function matches(name, column, wanted)
  if holds(name, wanted) or holds(column.label, wanted) then
    return true
  end
  for _, option in ipairs(column.options or {}) do
    for _, label in ipairs(option.labels or { option.label }) do
      if holds(label, wanted) then
        return true
      end
    end
  end
  for _, target in ipairs(column.targets or {}) do
    if holds(target, wanted) then
      return true
    end
  end
  return false
end

local function names_of(meta, find)
  local out, wanted = {}, find and fold(find)
  for _, name in ipairs(text.keys(meta.columns)) do
    if not wanted or matches(name, meta.columns[name], wanted) then
      out[#out + 1] = name
    end
  end
  return out
end

-- ---- A column in words ----

local function note(column)
  if column.create == false and column.update == false then
    return "read-only"
  elseif column.required == "ApplicationRequired" then -- what the system requires it fills itself
    return "required"
  elseif column.update == false then
    return "when new"
  end
  return column.create == false and "not when new" or ""
end

local COLOUR = { required = "yellow" }

local function type_of(column)
  local word = values.kind(column)
  if values.is_lookup(column) then
    return (word:gsub(" of .*", ""))
  end
  return (word:gsub(", at most", ""))
end

local function option_text(column, option)
  local value = option.value
  if column.type == "Boolean" then
    value = value ~= 0
  end
  return ("%s = %s"):format(tostring(value), option.label or "(no label)")
end

-- Yes and no need no words.
local function is_plain_flag(column)
  local labels = {}
  for i, option in ipairs(column.options or {}) do
    labels[i] = (option.label or ""):lower()
  end
  table.sort(labels)
  return column.type == "Boolean" and labels[1] == "no" and labels[2] == "yes"
end

local function options_text(column, all)
  local out = {}
  if is_plain_flag(column) then
    return ""
  end
  for i, option in ipairs(column.options or {}) do
    if i > SHOWN and not all then
      out[i] = ("… and %d more: --find %s"):format(#column.options - SHOWN, "NAME")
      break
    end
    out[i] = option_text(column, option)
  end
  return table.concat(out, ", ")
end

-- A label that only repeats the name says nothing.
local function label_of(name, column)
  local label = table_text.plain(column.label or "")
  return label:lower() ~= name and label or ""
end

local function add_words(out, said)
  if said and said ~= "" then
    out[#out + 1] = said
  end
end

-- What stands below a column's line: its label, if there is no room beside it; what it looks up;
-- its options.
local function below(cmd, column, label, all)
  local parts = {}
  add_words(parts, label)
  add_words(parts, values.is_lookup(column) and column.targets and
    "looks up " .. table.concat(column.targets, ", "))
  add_words(parts, options_text(column, all))
  return #parts > 0 and table_text.wrap(cmd, INDENT, table.concat(parts, "; ")) or nil
end

-- ---- As text ----

local function widest(list, of)
  local most = 0
  for _, name in ipairs(list) do
    most = math.max(most, table_text.columns(of(name)))
  end
  return most
end

local BESIDE = { { title = "COLUMN" }, { title = "LABEL", flex = true }, { title = "TYPE" },
  { title = "" } }
local UNDER = { { title = "COLUMN" }, { title = "TYPE" }, { title = "" } }

local function table_lines(cmd, meta, list, all)
  local columns = meta.columns
  local taken = widest(list, function(name) return name end) +
    widest(list, function(name) return type_of(columns[name]) end) + #"not when new" + 6
  local under = table_text.width(cmd) - taken < LABEL_LEAST
  local rows = {}
  for i, name in ipairs(list) do
    local column = columns[name]
    local said = note(column)
    local row = { name, type_of(column), { said, COLOUR[said] } }
    if not under then
      table.insert(row, 2, label_of(name, column))
    end
    row.below = below(cmd, column, under and label_of(name, column), all)
    rows[i] = row
  end
  return table_text.lines(cmd, under and UNDER or BESIDE, rows)
end

local function usable(meta, list)
  local out = {}
  for _, name in ipairs(list) do
    if values.is_usable(meta.columns[name]) then
      out[#out + 1] = name
    end
  end
  return out, #list - #out
end

local function print_table(cmd, name, meta, list, find)
  local shown, hidden = usable(meta, list)
  if #shown == 0 then
    cmd.err(("no column of %s has '%s' in its name, label or options\n"):format(name,
      table_text.plain(find or "")))
    return 1
  end
  table_text.out(cmd, table_lines(cmd, meta, shown, find ~= nil))
  cmd.out(("\n%s of %s%s\n"):format(table_text.count(#shown, "column"), name, hidden > 0 and
    ("; %d that only show another one or hold files are left out: --json has them"):format(hidden)
    or ""))
  return 0
end

-- ---- As JSON ----

local function json_columns(meta, list)
  local out = json.array {}
  for i, name in ipairs(list) do
    local column = meta.columns[name]
    local options = column.options and json.array {}
    for k, option in ipairs(column.options or {}) do
      options[k] = { value = option.value, label = option.label,
        labels = json.array(option.labels or {}) }
    end
    out[i] = { name = name, label = column.label, type = column.type, kind = values.kind(column),
      required = column.required, max = column.max, least = column.least, most = column.most,
      create = column.create, update = column.update,
      read_only = column.create == false and column.update == false,
      targets = column.targets and json.array { table.unpack(column.targets) }, options = options }
  end
  return out
end

-- ---- A table that there is not ----

-- The names that were probably meant: called so, alike, or with that in them.
local function near(list, given)
  local out, seen, names = {}, {}, {}
  local wanted = fold(given)
  local function add(name)
    if name and not seen[name] and #out < NEAR then
      out[#out + 1] = name
    end
    seen[name or ""] = true
  end
  for i, one in ipairs(list) do
    names[i] = one.name
    if one.label and fold(one.label) == wanted then
      add(one.name)
    end
  end
  add(text.nearest(given, names))
  for _, one in ipairs(list) do
    if holds(one.name, wanted) or holds(one.label, wanted) then
      add(one.name)
    end
  end
  return out
end

local function no_table(cmd, given)
  local list, err = dynamics.tables()
  if not list then
    return nil, err
  end
  local names = near(list, given)
  cmd.err(("your CRM has no table '%s'%s\n"):format(table_text.plain(given), #names > 0 and
    "; did you mean " .. table.concat(names, ", ") .. "?" or ": cosell fields lists them"))
  return 2
end

-- ---- The commands ----

local TABLES = { { title = "TABLE" }, { title = "LABEL", flex = true } }

local function all_tables(cmd, options)
  local list, err = dynamics.tables()
  if not list then
    return nil, err
  end
  local out, rows = json.array {}, {}
  local wanted = options.find and fold(options.find)
  for _, one in ipairs(list) do
    if not wanted or holds(one.name, wanted) or holds(one.label, wanted) then
      out[#out + 1] = one
      rows[#rows + 1] = { one.name, table_text.plain(one.label or "") }
    end
  end
  if options.json then
    cmd.out(json.encode { tables = out } .. "\n")
  elseif #rows == 0 then
    cmd.err(("no table of your CRM has '%s' in its name\n"):format(table_text.plain(options.find)))
    return 1
  else
    table_text.out(cmd, table_text.lines(cmd, TABLES, rows))
    cmd.out(("\n%s; cosell fields TABLE shows its columns\n"):format(
      table_text.count(#rows, "table")))
  end
  return 0
end

local function one_table(cmd, given, options)
  local meta, err = nil, { kind = "absent" }
  if given:find("^[%w_]+$") then
    meta, err = mapping_look.definition(given)
  end
  if not meta and err.kind == "absent" then
    return no_table(cmd, given)
  elseif not meta then
    return nil, err
  end
  local list = names_of(meta, options.find)
  if options.json then
    cmd.out(json.encode { table = given, id = meta.id, set = meta.set,
      columns = json_columns(meta, list) } .. "\n")
    return 0
  end
  return print_table(cmd, given, meta, list, options.find)
end

local function not_written(cmd, path, err)
  local whose = host.status().serving and
    ": the host that runs writes it, so its user must be allowed to" or ""
  cmd.err(("%s: %s\nnothing was written%s\n"):format(path, err.text, whose))
  return 1
end

-- An editor's stubs of this profile, if `cosell new` made some.
local function refresh_stubs(tables)
  local path = host.profile.mapping .. "/" .. stubs.COLUMNS
  if host.sheet.text(path) then
    return host.sheet.write_text(path, stubs.columns(tables), true)
  end
  return true
end

local LEFT = { absent = "your CRM has no table %s, which the mapping names",
  hidden = "your CRM does not show the application user the table %s" }

local function say_saved(cmd, path, about)
  for _, why in ipairs { "absent", "hidden" } do
    for _, name in ipairs(about[why]) do
      cmd.out(LEFT[why]:format(name) .. "\n")
    end
  end
  cmd.out(("%s, %s written to %s\n"):format(table_text.count(about.tables, "table"),
    table_text.count(about.columns, "column"), path))
end

local function save(cmd, options)
  local content, about = mapping_look.copy(function(done, total)
    bar.draw(cmd, done, total, ("%d of %d tables read"):format(done, total))
  end)
  bar.clear(cmd)
  if not content then
    return nil, about
  end
  local path = host.profile.dir .. "/" .. mapping_look.FILE
  local ok, err = host.sheet.write_text(path, content, true)
  if not ok then
    return not_written(cmd, path, err)
  end
  ok, err = refresh_stubs(json.decode(content).tables)
  if not ok then
    cmd.err(("%s: %s\n"):format(stubs.COLUMNS, err.text))
  end
  if options.json then
    cmd.out(json.encode { file = path, tables = about.tables, columns = about.columns,
      absent = about.absent, hidden = about.hidden } .. "\n")
  else
    say_saved(cmd, path, about)
  end
  return 0
end

function M.run(cmd)
  local given, options = words.of(cmd, M, OPTIONS)
  if not given then
    return 2
  elseif #given > 1 or options.save and (given[1] or options.find) then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  elseif options.save then
    return save(cmd, options)
  elseif given[1] then
    return one_table(cmd, given[1], options)
  end
  return all_tables(cmd, options)
end

return M

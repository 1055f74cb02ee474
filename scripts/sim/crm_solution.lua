-- Solutions of the practice CRM: what is in them, publishing, export and import. A solution file is
-- a zip of solution.xml and of one list of definitions that only the practice environment reads.
local define = require("sim.crm_define")
local items = require("sim.crm_meta_items")
local keys = require("sim.crm_keys")
local rows = require("sim.crm_rows")
local schema = require("sim.crm_schema")
local zip = require("sim.crm_zip")

local M = {}
local refuse = schema.refuse
local CONTENT = "definitions.json"

local function bad(text, ...) refuse(400, "0x80040203", text, ...) end

local function tables(name) return schema.tables[name] end

-- ---- What is in a solution ----

local function named(work, name)
  local found = work:find(tables("solution"), "uniquename", name or "")[1]
  return found or bad("The solution '%s' does not exist.", tostring(name))
end

-- An unmanaged solution: one that may be changed.
local function open_one(work, name)
  local found = named(work, name)
  if found.ismanaged then bad("The solution '%s' is managed.", name) end
  return found
end

local function components(work, id)
  return work:find(tables("solutioncomponent"), "solutionid", id)
end

local function put(work, found, kind, id)
  for _, c in ipairs(components(work, found.solutionid)) do
    if c.objectid == id then return c.solutioncomponentid end
  end
  return rows.create(work, tables("solutioncomponent"), { componenttype = kind, objectid = id,
    rootcomponentbehavior = 0, solutionid = { table = "solution", id = found.solutionid } },
    {}).solutioncomponentid
end

--- Records a component in the solution that the request's header names, if it does. name: instead
--- of the header's.
function M.add(rq, kind, id, name)
  name = name or rq.headers["mscrm.solutionuniquename"]
  if not name or name == "" then return end
  return put(rq.work, open_one(rq.work, name), kind, id)
end

--- Takes a component that is gone out of every solution.
function M.remove(rq, id)
  local t = tables("solutioncomponent")
  for _, c in ipairs(rq.work:find(t, "objectid", id)) do rq.work:drop(t, c[t.id]) end
end

--- A row that can be part of a solution was written.
function M.touched(rq, t, id)
  if t.component then M.add(rq, t.component, id) end
end

-- ---- Publishing ----

--- Publishes tables ({ name=true }), or all.
function M.publish(rq, platform, list)
  local now = rq.work.who.now
  rows.need(rq.work, "Publish", { schema = "Customization", logical = "customization" })
  rq.work:defer(function()
    define.change(now, { op = "publish", all = not list or nil, tables = list })
  end)
  if not list then return platform.publish_forms(rq.work) end
  for logical in pairs(list) do platform.publish_forms(rq.work, logical) end
end

--- The tables that a ParameterXml names.
function M.named_in(xml)
  local whole = "^%s*<importexportxml[%s>].*</importexportxml>%s*$"
  if type(xml) ~= "string" or not xml:match(whole) then
    bad("The ParameterXml is not valid: an importexportxml was expected.")
  end
  local list = {}
  for logical in xml:gmatch("<entity>%s*([^<]-)%s*</entity>") do
    if not tables(logical) then
      refuse(400, "0x80041102", "The entity with a name = '%s' was not found.", logical)
    end
    list[logical] = true
  end
  for name in xml:gmatch("<optionset>%s*([^<]-)%s*</optionset>") do
    if not schema.globals[name] then bad("The option set '%s' does not exist.", name) end
  end
  return list
end

-- ---- Export ----

local COLUMN = { "type", "schema", "label", "description", "required", "max", "min", "format",
  "precision", "precision_source", "behavior", "day", "default", "labels", "label_lists", "global",
  "targets", "secured" }

local function column_spec(c)
  local out = {}
  for _, name in ipairs(COLUMN) do out[name] = schema.copy(c[name]) end
  if not c.global then out.options = schema.copy(c.options) end
  return out
end

local TABLE = { "display", "plural", "description", "schema", "ownership", "notes", "activities",
  "tracked", "set", "name" }

local function table_change(t)
  local spec = {}
  for _, name in ipairs(TABLE) do spec[name] = schema.copy(t[name]) end
  return { op = "table", name = t.logical, spec = spec, column = column_spec(t.columns[t.name]) }
end

local function column_change(t, c)
  return { op = "column", table = t.logical, name = c.logical, spec = column_spec(c) }
end

-- Each component as a change of definitions by its identifier; look-ups behind plain columns.
local function catalogue(now)
  local out = {}
  for name, set in pairs(schema.globals) do
    out[schema.definition_id("global:" .. name)] = { 1, { op = "options", name = name,
      spec = schema.copy(set) } }
  end
  for _, t in pairs(schema.tables) do
    out[items.table_id(t.logical)] = { 2, t.born and not t.intersect and table_change(t), t }
    for _, c in pairs(t.columns) do
      if c.custom and not t.intersect and not c.base_of and c.logical ~= t.name then
        out[items.column_id(t.logical, c.logical)] = { c.targets and 4 or 3, column_change(t, c) }
      end
    end
    for _, key in ipairs(keys.all(t, now)) do
      out[items.key_id(t.logical, key.name)] = { 6, { op = "key+", table = t.logical,
        key = { name = key.name, schema = key.schema, columns = key.columns, label = key.label } } }
    end
  end
  for name, p in pairs(schema.pairs) do
    out[schema.definition_id("relation:" .. name)] = { 5, { op = "pair", schema = name,
      spec = schema.copy(p) } }
  end
  return out
end

local function row_change(work, kind, id)
  for logical, t in pairs(schema.tables) do
    local row = t.component == kind and work:get(t, id)
    if row then return { 7, { op = "row", table = logical, id = id, row = row } } end
  end
end

-- A whole table brings its columns with it.
local function with_columns(list, catalog, entry)
  list[#list + 1] = entry
  local t = entry[3]
  for name in pairs(t and t.born and t.columns or {}) do
    local column = catalog[items.column_id(t.logical, name)]
    if column then list[#list + 1] = column end
  end
end

local function content(work, found)
  local catalog, list, out, seen = catalogue(work.who.now), {}, json.array({}), {}
  for _, c in ipairs(components(work, found.solutionid)) do
    local entry = catalog[c.objectid] or row_change(work, c.componenttype, c.objectid)
    if entry and entry[2] then with_columns(list, catalog, entry) end
    out[#out + 1] = { type = c.componenttype, id = c.objectid }
  end
  table.sort(list, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return json.encode(a[2]) < json.encode(b[2])
  end)
  local changes = json.array({})
  for _, entry in ipairs(list) do
    if not seen[entry] then changes[#changes + 1] = entry[2] end
    seen[entry] = true
  end
  return { components = out, changes = changes }
end

local function solution_xml(work, found, managed)
  local publisher = work:get(tables("publisher"), found._publisherid_value)
  return ('<?xml version="1.0" encoding="utf-8"?>\n<ImportExportXml><SolutionManifest>'
    .. '<UniqueName>%s</UniqueName><Version>%s</Version><Managed>%d</Managed><Publisher>'
    .. '<UniqueName>%s</UniqueName><CustomizationPrefix>%s</CustomizationPrefix></Publisher>'
    .. '</SolutionManifest></ImportExportXml>\n'):format(found.uniquename, found.version,
    managed and 1 or 0, publisher.uniquename, publisher.customizationprefix)
end

--- The bytes of a solution file.
function M.export(work, name, managed)
  rows.need(work, "Export", { schema = "Customization", logical = "customization" })
  local found = open_one(work, name)
  local publisher = work:get(tables("publisher"), found._publisherid_value)
  local inside = content(work, found)
  inside.solution = { uniquename = found.uniquename, version = found.version,
    friendlyname = found.friendlyname, managed = managed == true }
  inside.publisher = { uniquename = publisher.uniquename, friendlyname = publisher.friendlyname,
    customizationprefix = publisher.customizationprefix,
    customizationoptionvalueprefix = publisher.customizationoptionvalueprefix }
  return zip.write({ { "solution.xml", solution_xml(work, found, managed) },
    { "[Content_Types].xml", '<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.'
      .. 'openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType='
      .. '"text/xml" /></Types>' }, { CONTENT, json.encode(inside) } })
end

-- ---- Import ----

local function read(bytes)
  local files = bytes and zip.read(bytes)
  local inside = files and files[CONTENT] and json.decode(files[CONTENT])
  if type(inside) ~= "table" or type(inside.solution) ~= "table" then
    bad("The CustomizationFile is not a solution that a practice environment exported.")
  end
  return inside
end

local KNOWN = {
  options = function(e) return schema.globals[e.name] end,
  table = function(e) return schema.tables[e.name] end,
  pair = function(e) return schema.pairs[e.schema] end,
  column = function(e) return schema.tables[e.table] and schema.tables[e.table].columns[e.name] end,
}

-- What is there already keeps its rows and takes the new labels, lengths and options.
local function update(now, e)
  if e.op == "options" then
    define.change(now, { op = "options+", name = e.name, options = e.spec.options,
      set = { label = e.spec.label, description = e.spec.description } })
  elseif e.op == "column" then
    define.change(now, { op = "column+", table = e.table, name = e.name, set = { max = e.spec.max,
      min = e.spec.min, label = e.spec.label, description = e.spec.description,
      required = e.spec.required } })
  elseif e.op == "table" then
    define.change(now, { op = "table+", name = e.name, set = { display = e.spec.display,
      plural = e.spec.plural, tracked = e.spec.tracked } })
  end
end

local function import_key(now, e)
  local t = schema.tables[e.table]
  for _, key in ipairs(keys.all(t, now)) do
    if key.name == e.key.name then return end
  end
  keys.put(t, e.key, now)
end

local function apply(work, e, managed, platform)
  local now = work.who.now
  if e.op == "key+" then return import_key(now, e) end
  if KNOWN[e.op](e) then return update(now, e) end
  if e.spec then e.spec.managed = managed or nil end
  define.change(now, e)
  if e.op == "table" then
    local plural = e.spec.plural and e.spec.plural[1]
    platform.furnish(work, e.name, plural and plural.Label or e.name)
  end
end

-- Rows keep their ids; what a row of the old environment pointed at is not checked.
local function import_row(work, e)
  local t = schema.tables[e.table]
  local row = work:get(t, e.id) or {}
  for name, v in pairs(e.row) do row[name] = v end
  row.versionnumber = nil
  work:put(t, row)
end

local function publisher_of(work, given)
  local t = tables("publisher")
  local found = work:find(t, "uniquename", given.uniquename)[1] or rows.create(work, t, given)
  return { table = "publisher", id = found.publisherid }
end

local function solution_of(work, inside)
  local t, given = tables("solution"), inside.solution
  local found = work:find(t, "uniquename", given.uniquename)[1]
  if found and (found.ismanaged == true) ~= given.managed then
    refuse(400, given.managed and "0x80048041" or "0x80048040",
      "The solution '%s' is installed as %s and cannot be imported as the other kind.",
      given.uniquename, found.ismanaged and "managed" or "unmanaged")
  end
  local publisher = publisher_of(work, inside.publisher)
  if found then
    return rows.update(work, t, found.solutionid, { version = given.version,
      friendlyname = given.friendlyname })
  end
  return rows.create(work, t, { uniquename = given.uniquename, friendlyname = given.friendlyname,
    version = given.version, ismanaged = given.managed, isvisible = true, publisherid = publisher })
end

-- What is written besides rows comes at the commit; the rows of new tables' furniture with it.
local function defer_changes(work, inside, platform)
  work:defer(function()
    for _, e in ipairs(inside.changes) do
      if e.op ~= "row" then apply(work, e, inside.solution.managed, platform) end
    end
  end)
  for _, e in ipairs(inside.changes) do
    if e.op == "row" then import_row(work, e) end
  end
end

-- Takes the definitions of components away at the commit, those that lean on others first.
local function take_away(work, list, platform)
  local now, catalog, entries = work.who.now, catalogue(work.who.now), {}
  for _, c in ipairs(list) do
    local entry = catalog[c.objectid]
    if entry and entry[2] then entries[#entries + 1] = entry end
  end
  table.sort(entries, function(a, b) return a[1] > b[1] end)
  work:defer(function()
    for _, entry in ipairs(entries) do
      local e = entry[2]
      if e.op == "key+" then
        keys.drop(schema.tables[e.table], e.key.name)
      elseif KNOWN[e.op](e) then
        if e.op == "table" then platform.clear(work, e.name) end
        define.change(now, { op = e.op .. "-", name = e.name, table = e.table, schema = e.schema })
      end
    end
  end)
end

-- What the installed version has and the new one has not.
local function drop_missing(work, found, inside, platform)
  local kept, gone = {}, {}
  for _, c in ipairs(inside.components) do kept[c.id] = true end
  for _, c in ipairs(components(work, found.solutionid)) do
    if not kept[c.objectid] then
      gone[#gone + 1] = c
      work:drop(tables("solutioncomponent"), c.solutioncomponentid)
    end
  end
  take_away(work, gone, platform)
end

--- Imports a solution file; upgrade: what its new version lacks is taken away.
function M.import(work, bytes, job, platform, upgrade)
  rows.need(work, "Import", { schema = "Customization", logical = "customization" })
  local inside = read(bytes)
  local found = solution_of(work, inside)
  work.importing = true
  work.publishing = inside.solution.managed -- an unmanaged one waits for it, as any change does
  defer_changes(work, inside, platform)
  for _, c in ipairs(inside.components) do put(work, found, c.type, c.id) end
  if upgrade then drop_missing(work, found, inside, platform) end
  rows.create(work, tables("importjob"), { name = inside.solution.friendlyname, progress = "100.00",
    solutionname = inside.solution.uniquename, completedon = work.who.today() .. "T00:00:00Z",
    data = '<importexportxml><solutionManifests><solutionManifest><result result="success" />'
      .. '</solutionManifest></solutionManifests></importexportxml>' }, { id = job })
end

--- A managed solution takes its components with it when it goes; an unmanaged one leaves them.
function M.uninstall(rq, id, platform)
  local found = rq.work:get(tables("solution"), id)
  if found and found.ismanaged then take_away(rq.work, components(rq.work, id), platform) end
end

return M

-- Our section on a form of the CRM: which fields are in it, its XML, and putting it into a form and
-- taking it out again.  Text in, text out: it must never ask the CRM, nor touch what is not ours.
local bodies = require "crm_bodies"

local M = {}

local NAME = "cosell_partner_center" -- by which the section is known again
M.TITLE = { "Partner Center", "Partner Center", "パートナー センター" }

-- By a table's name or role: the roles of its columns, in the order of the form.  The first one
-- tells whether an administrator has put the fields on a form himself.
M.fields = {
  opportunity = { "sync", "help", "visible", "intent", "cosell_type", "partner_role",
    "solution_area", "solution_play", "identifier", "link", "microsoft_id", "program", "audit" },
  lead = { "sync", "identifier", "link", "program", "audit" },
  solutions = { "detail", "quantity", "price" },
  catalogue = { "solution_id", "solution_type", "solution_publisher" },
}
M.with_solutions = "opportunity" -- the table whose section lists them

-- The CRM's controls by type of column.
local CONTROL = {
  String = "{4273EDBD-AC1D-40d3-9FB2-095C621B552D}",
  Memo = "{E0DECE4B-6FC8-4a8f-A065-082708572369}",
  Picklist = "{3EF39988-22BB-4F0B-BBBE-64B5A3748AEE}",
  Boolean = "{67FAC785-CD58-4f9f-ABB3-4B7DDC6ED5ED}",
  Lookup = "{270BD3DB-D9AF-4782-9025-509E298DEC0A}",
  Money = "{533B9E00-756B-4312-95A0-DC888637AC78}",
  Decimal = "{C3EFE0C3-0EC6-42BE-8349-CBD9079DFD8E}",
}
local GRID, GRID_ROWS = "{E7A81278-8635-4d9e-8D4D-59480B391C5B}", 6
local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escape(text)
  return (text:gsub('[&<>"]', ESCAPES))
end

-- The same form gets the same section, however often it is sent.
local function id_of(form, what)
  local hex = host.crypto.sha256(form .. ":" .. what)
  return ("{%s-%s-4%s-8%s-%s}"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    hex:sub(18, 20), hex:sub(21, 32))
end

local function labels(label, language)
  return ('<labels><label description="%s" languagecode="%d" /></labels>'):format(
    escape(bodies.word(label, language)), language)
end

local function field_row(form, c, language)
  return ('<row><cell id="%s" showlabel="true">%s<control id="%s" classid="%s" datafieldname="%s"'
    .. ' disabled="%s" /></cell></row>'):format(id_of(form, c.name), labels(c.label, language),
    c.name, CONTROL[c.type], c.name, tostring(c.locked == true))
end

local GRID_XML = '<row><cell id="%s" colspan="1" rowspan="%d" showlabel="true">%s<control '
  .. 'id="grid_cosell_solutions" classid="%s" indicationOfSubgrid="true" uniqueid="%s"><parameters>'
  .. "<TargetEntityType>%s</TargetEntityType><RelationshipName>%s</RelationshipName><ViewId>{%s}"
  .. "</ViewId><IsUserView>false</IsUserView><ViewIds /><AutoExpand>Fixed</AutoExpand>"
  .. "<RecordsPerPage>6</RecordsPerPage><EnableQuickFind>false</EnableQuickFind><EnableViewPicker>"
  .. "false</EnableViewPicker><EnableJumpBar>false</EnableJumpBar><ChartGridMode>Grid"
  .. "</ChartGridMode><EnableChartPicker>false</EnableChartPicker><VisualizationId /><IsUserChart>"
  .. "false</IsUserChart></parameters></control></cell></row>"

-- It takes the place of several rows, which stand empty behind it.
local function grid_rows(form, grid, language)
  return GRID_XML:format(id_of(form, "grid"), GRID_ROWS, labels(grid.label, language), GRID,
    id_of(form, "grid control"), grid.table, grid.relation, grid.view)
    .. ("<row />"):rep(GRID_ROWS - 1)
end

---The section's XML.
---@param form string  its id
---@param fields table[]  columns of crm_schema.lua, with the names and types of this CRM
---@param grid { table: string, relation: string, view: string, label: string[] }|nil
---@param language integer
function M.section(form, fields, grid, language)
  local rows = {}
  for i, c in ipairs(fields) do
    rows[i] = field_row(form, c, language)
  end
  rows[#rows + 1] = grid and grid_rows(form, grid, language)
  return ('<section name="%s" id="%s" showlabel="true" showbar="true" columns="1">%s<rows>%s'
    .. "</rows></section>"):format(NAME, id_of(form, "section"), labels(M.TITLE, language),
    table.concat(rows))
end

---Whether a form can show columns of this type.
function M.shown(kind)
  return CONTROL[kind] ~= nil
end

---Whether a form shows a column, wherever.
function M.shows(xml, column)
  return xml:find('datafieldname="' .. column .. '"', 1, true) ~= nil
end

-- Where our section begins and ends.  Sections do not stand in one another.
local function place_of(xml)
  local from = 1
  while true do
    local first, last = xml:find("<section[%s][^>]*>", from)
    if not first then
      return nil
    elseif xml:sub(first, last):find('[%s]name="' .. NAME .. '"') then
      local _, close = xml:find("</section>", last, true)
      return first, close
    end
    from = last + 1
  end
end

---Whether our section is on a form.
function M.has(xml)
  return place_of(xml) ~= nil
end

---The form with our section at the end of its first column.
---@return string|nil  nil: the form has no place for one
function M.insert(xml, section)
  local at = xml:find("</sections>", 1, true)
  return at and xml:sub(1, at - 1) .. section .. xml:sub(at) or nil
end

---The form without it.
function M.remove(xml)
  local first, last = place_of(xml)
  return first and last and xml:sub(1, first - 1) .. xml:sub(last + 1) or xml
end

return M

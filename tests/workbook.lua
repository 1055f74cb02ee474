-- Workbooks as another program would save them: parts of XML in a zip, made by hand, so that the
-- reader is not judged by the writer beside it.  Tables in, bytes out.
local zip = require "sim.crm_zip"

local M = {}

local HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
local MAIN = ' xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
local LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
local PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"

local function escaped(s)
  return (s:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function links(list)
  local out = {}
  for i, l in ipairs(list) do
    out[i] = ('<Relationship Id="rId%d" Type="%s/%s" Target="%s"/>'):format(i, LINKS, l[1], l[2])
  end
  return HEAD .. '<Relationships xmlns="' .. PACKAGE .. '">' .. table.concat(out)
    .. "</Relationships>"
end

local function cell(column, row, value)
  return ('<c r="%s%d" t="inlineStr"><is><t>%s</t></is></c>'):format(string.char(64 + column), row,
    escaped(value))
end

local function sheet(rows)
  local out = {}
  for i, row in ipairs(rows) do
    local cells = {}
    for column, value in ipairs(row) do
      cells[#cells + 1] = value ~= "" and cell(column, i, value) or nil
    end
    out[i] = ('<row r="%d">%s</row>'):format(i, table.concat(cells))
  end
  return HEAD .. "<worksheet" .. MAIN .. "><sheetData>" .. table.concat(out)
    .. "</sheetData></worksheet>"
end

---@param sheets { name: string, rows: string[][], hidden: boolean|nil }[]
---@return string bytes
function M.bytes(sheets)
  local files = { { "_rels/.rels", links { { "officeDocument", "xl/workbook.xml" } } } }
  local listed, to = {}, {}
  for i, s in ipairs(sheets) do
    listed[i] = ('<sheet name="%s" sheetId="%d"%s r:id="rId%d"/>'):format(escaped(s.name), i,
      s.hidden and ' state="hidden"' or "", i)
    to[i] = { "worksheet", ("worksheets/sheet%d.xml"):format(i) }
    files[#files + 1] = { "xl/" .. to[i][2], sheet(s.rows) }
  end
  files[#files + 1] = { "xl/workbook.xml", HEAD .. "<workbook" .. MAIN .. ' xmlns:r="' .. LINKS
    .. '"><sheets>' .. table.concat(listed) .. "</sheets></workbook>" }
  files[#files + 1] = { "xl/_rels/workbook.xml.rels", links(to) }
  return zip.write(files)
end

---@param path string
---@param rows string[][]
function M.write(path, rows)
  assert(host.file.write(path, M.bytes { { name = "Solutions", rows = rows } }))
end

return M

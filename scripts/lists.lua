-- The lists of this CRM that deals point into: the catalogue of Microsoft's solutions, currencies.
-- It names Dataverse columns so that facts.lua need not; it keeps nothing.
local dynamics = require "dynamics"

local M = {}

-- The catalogue that a table of the connector's points on at: it has a column with an identifier.
-- -> solutions | nil; nil, err
local function catalogue_behind(relation, meta, prefix)
  for lookup, targets in pairs(meta.nav) do
    for target, navigation in pairs(targets) do
      local detail, err
      if target:sub(1, #prefix) == prefix then
        detail, err = dynamics.table(target)
        if not detail then
          return nil, err
        end
      end
      for column in pairs(detail and detail.columns or {}) do
        if column:find("identifier", 1, true) then
          return {
            table = relation.referencing, key = meta.id, parent = relation.column,
            navigation = relation.referenced_navigation, detail_lookup = lookup,
            detail_navigation = navigation, detail = target, identifier = column,
            detail_name = detail.name, columns = meta.columns, name = meta.name,
          }
        end
      end
    end
  end
  return nil
end

---The table of a deal's solutions: a 1:N relationship of the opportunity into a table of the
---connector's that points on at a catalogue.
---@param prefix string  of the connector's tables
---@return table|nil solutions, table|nil err
function M.solutions(prefix)
  local relations, err = dynamics.relations("opportunity")
  if not relations then
    return nil, err
  end
  for _, relation in ipairs(relations) do
    if relation.referencing:sub(1, #prefix) == prefix then
      local meta, found
      meta, err = dynamics.table(relation.referencing)
      if meta then
        found, err = catalogue_behind(relation, meta, prefix)
      end
      if found or err then
        return found, err
      end
    end
  end
  return nil, { kind = "config",
    text = "the CRM has no table of Microsoft solutions: provision the connector's tables" }
end

---The catalogue's entries, by their row and by their identifier in lower case.
---@param solutions table  as M.solutions found it
---@return {by_row: table, by_id: table}|nil, table|nil err
function M.catalogue(solutions)
  local rows, err = dynamics.query(solutions.detail,
    { select = { solutions.identifier, solutions.detail_name }, page = true })
  if not rows then
    return nil, err
  end
  local meta = dynamics.table(solutions.detail)
  local by_row, by_id = {}, {}
  for _, row in ipairs(rows) do
    local id = row[solutions.identifier]
    if type(id) == "string" then
      local entry = { row = row[meta.id], id = id, name = row[solutions.detail_name] }
      by_row[entry.row] = entry
      by_id[id:lower()] = entry
    end
  end
  return { by_row = by_row, by_id = by_id }
end

---@return {by_row: table, by_code: table}|nil, table|nil err
function M.currencies()
  local rows, err = dynamics.query("transactioncurrency",
    { select = { "isocurrencycode", "currencyprecision" }, page = true })
  if not rows then
    return nil, err
  end
  local currencies = { by_row = {}, by_code = {} }
  for _, row in ipairs(rows) do
    local entry = { row = row.transactioncurrencyid, code = row.isocurrencycode,
      precision = math.tointeger(row.currencyprecision) or 2 }
    currencies.by_row[entry.row] = entry
    currencies.by_code[entry.code] = entry
  end
  return currencies
end

---@return {currency: string|nil, language: integer|nil}|nil, table|nil err
function M.organization()
  local rows, err = dynamics.query("organization",
    { select = { "basecurrencyid", "languagecode" }, page = true })
  local row = rows and (rows[1] or {})
  return row and { currency = row._basecurrencyid_value, language = row.languagecode }, err
end

return M

--- Checks of the constants in a mapping file: columns, fields, marks, labels.  contract.lua names
-- each beside its place.  Owns the words that may stand in them; it must never run a mapping's
-- code.
--
-- A check gets a value and report(key, problem): the key below the place, or nil for the place.

local checks = require "contract_checks"
local fields = require "fields"
local text = require "text"

local one_of, is_text, is_list = checks.one_of, checks.is_text, checks.is_list
local unknown_key, kind_of = checks.unknown_key, checks.kind_of

local M = { version = 1 }

M.tables = { "account", "contact", "opportunity", "lead" }
M.states = { "new", "active", "won", "lost", "declined", "expired", "error" }
M.directions = { "in", "out", "both" }
M.conflicts = { "crm", "partner", "newest" }

function M.columns(value, report)
  checks.each_name(value, report, function(name, list)
    local problem = one_of(name, M.tables) and unknown_key(name, M.tables)
      or is_list(list, "columns")
    if problem then return report(name, problem) end
    for i, column in ipairs(list) do
      if is_text(column) then report(name .. "." .. i, is_text(column)) end
    end
    return nil
  end)
end

local FIELD_KEYS = { "crm", "referral", "direction", "conflict" }

-- A name that Partner Center has nothing for.
local function place_of(name)
  if fields.place(name) then return nil end
  local near = text.nearest(name, fields.place_names())
  return ("`%s` is nothing at Partner Center that travels%s"):format(name,
    near and "; did you mean `" .. near .. "`?" or "")
end

local function field(i, row, report)
  if type(row) ~= "table" then
    return report(i, "must be a row { crm =, referral = }, not " .. kind_of(row))
  end
  local function need(key, wrong)
    if wrong then report(row[key] ~= nil and i .. "." .. key or i, key .. " " .. wrong) end
  end
  checks.each_name(row, function(_, problem) report(i, problem) end, function(key)
    if one_of(key, FIELD_KEYS) then report(i .. "." .. key, unknown_key(key, FIELD_KEYS)) end
  end)
  need("crm", is_text(row.crm))
  need("referral", is_text(row.referral) or place_of(row.referral))
  need("direction", row.direction ~= nil and one_of(row.direction, M.directions))
  need("conflict", row.conflict ~= nil and one_of(row.conflict, M.conflicts))
  return nil
end

-- One place may be called in two ways: "notes", "details.notes".
local function same_place(key, name)
  local place = key == "referral" and type(name) == "string" and fields.place(name)
  return key .. " " .. (place and (place.attribute or place.path) or tostring(name))
end

function M.fields(value, report)
  local problem = is_list(value, "rows")
  if problem then return report(nil, problem) end
  local seen = {}
  for i, row in ipairs(value) do
    field(tostring(i), row, report)
    for _, key in ipairs(type(row) == "table" and { "crm", "referral" } or {}) do
      local mark = same_place(key, row[key])
      if row[key] ~= nil and seen[mark] then
        report(i .. "." .. key, ("%s `%s` stands in row %d already"):format(key,
          tostring(row[key]), seen[mark]))
      end
      seen[mark] = seen[mark] or i
    end
  end
  return nil
end

local MARK_KEYS = { "ok", "failed", "place" }

function M.marks(value, report)
  if value == false then return end
  checks.each_name(value, report, function(key, mark)
    local problem = one_of(key, MARK_KEYS) and unknown_key(key, MARK_KEYS) or is_text(mark)
      or (key == "place" and one_of(mark, { "front", "back" }))
    if problem then report(key, problem) end
  end)
end

function M.status_reasons(value, report)
  checks.each_name(value, report, function(label, state)
    local problem = one_of(state, M.states)
    if problem then report(label, problem) end
  end)
end

-- A list of { label =, id =, and what stands below }.
local function labels(value, report, below)
  local problem = is_list(value, "{ label = text }")
  if problem then return report(nil, problem) end
  local keys = below and { "label", "id", below } or { "label", "id" }
  for i, row in ipairs(value) do
    if type(row) ~= "table" then
      return report(tostring(i), "must be { label = text }, not " .. kind_of(row))
    end
    checks.each_name(row, function(_, wrong) report(tostring(i), wrong) end, function(key)
      if one_of(key, keys) then report(i .. "." .. key, unknown_key(key, keys)) end
    end)
    if is_text(row.label) then report(tostring(i), "label " .. is_text(row.label)) end
    if row.id ~= nil and is_text(row.id) then report(i .. ".id", is_text(row.id)) end
    if below and row[below] ~= nil then
      labels(row[below], function(key, bad)
        report(("%d.%s%s"):format(i, below, key and "." .. key or ""), bad)
      end)
    end
  end
  return nil
end

function M.roles(value, report) return labels(value, report) end
function M.areas(value, report) return labels(value, report, "plays") end

function M.api(value, report)
  if value ~= M.version then report(nil, ("this cosell knows api = %d"):format(M.version)) end
end

return M

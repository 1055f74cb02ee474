-- cosell checklist FOLDER: each item of checklist_items.lua beside the cases that prove it, and how
-- these ended in the last test run, taken from what that run said itself (FOLDER/SUITE.said).
-- Ends with "N items, M missing, F failed"; status 1 if an item is missing or failed.
-- It must never run a test, nor believe one that was not run.
local items = require "commands.checklist_items"

local M = { help = "items of the checklist and what the last test run says of them",
  where = "here", usage = "cosell checklist FOLDER" }

---@class Said
---@field name string   the case
---@field suite string  whose output it was in
---@field held boolean

local function said_in(suite, text, out)
  for line in text:gmatch("[^\n]+") do
    local bad, name = line:match("^(n?o?t? ?)ok %- (.+)$")
    if name then
      out[#out + 1] = { name = name, suite = suite, held = bad == "" }
    end
  end
end

-- Every case that the run has printed.
local function read(folder)
  local out = {}
  for _, file in ipairs(host.file.list(folder) or {}) do
    local suite = file:match("^(.+)%.said$")
    if suite then
      said_in(suite, assert(host.file.read(folder .. "/" .. file)), out)
    end
  end
  return out
end

---The cases whose names begin so; those of a spec have its name in front.
local function beginning(cases, text)
  local out = {}
  for _, case in ipairs(cases) do
    local bare = case.name:gsub("^[%w_]+_spec: ", "")
    if case.name:sub(1, #text) == text or bare:sub(1, #text) == text then
      out[#out + 1] = case
    end
  end
  return out
end

---@class Proof
---@field item Item
---@field result "ok"|"FAILED"|"MISSING"
---@field lines string[]  a case each

local WORST = { ok = 1, MISSING = 2, FAILED = 3 }

local function add(proof, cases, text)
  local result = #cases == 0 and "MISSING" or "ok"
  for _, case in ipairs(cases) do
    result = case.held and result or "FAILED"
  end
  proof.result = WORST[result] > WORST[proof.result] and result or proof.result
  local more = #cases > 1 and (" (%d cases)"):format(#cases) or ""
  proof.lines[#proof.lines + 1] = ("%-7s  %s%s%s"):format(result, text, more,
    cases[1] and "  [" .. cases[1].suite .. "]" or "  [was not run]")
end

---@param item Item
---@param cases Said[]
---@return Proof
function M.prove(item, cases)
  local proof = { item = item, result = "ok", lines = {} }
  for _, text in ipairs(item[3]) do
    add(proof, beginning(cases, text), text)
  end
  for _, case in ipairs(beginning(cases, ("item %d: "):format(item[1]))) do
    add(proof, { case }, case.name)
  end
  if #proof.lines == 0 then
    proof.result = "MISSING"
    proof.lines[1] = "MISSING  no case proves it"
  end
  return proof
end

function M.run(cmd)
  if #cmd.args ~= 1 then
    cmd.err("usage: " .. M.usage .. "\n")
    return 2
  end
  local cases, count = read(cmd.args[1]), { ok = 0, MISSING = 0, FAILED = 0 }
  for _, item in ipairs(items) do
    local proof = M.prove(item, cases)
    count[proof.result] = count[proof.result] + 1
    cmd.out(("%3d  %-7s  %s\n"):format(item[1], proof.result, item[2]))
    for _, line in ipairs(proof.lines) do
      cmd.out("       " .. line .. "\n")
    end
  end
  cmd.out(("%d items, %d missing, %d failed\n"):format(#items, count.MISSING, count.FAILED))
  return count.MISSING + count.FAILED == 0 and 0 or 1
end

return M

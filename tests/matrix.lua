-- cosell matrix: the rows of tests/matrix/run, a line each: every switch of the practice
-- environment in its other positions, every named fault. `cosell matrix OUTCOME ROW STORY`: what
-- the switch changes in that story, if it does. Owns the table of those two outcomes.
local fault_names = require "sim.fault_names"
local switches = require "sim.switches"

local M = { help = "the rows of the test matrix", where = "here",
  usage = "cosell matrix | cosell matrix OUTCOME ROW STORY" }

-- The other position of a switch that is a number.
local OTHER = { token_life_s = { 5 }, page_size = { 2 }, post_status = { 201 },
  read_lag_ms = { 500 }, stale_reads_ms = { 500 }, unknown_engagement_status = { 404 },
  put_without_match = { 400, 428 }, closed_write = { 409 }, no_registration_status = { 400 },
  delivery_gap_ms = { 20 }, delivery_delay_ms = { 300 }, delivery_copies = { 3 } }

-- Not open questions: the clock, who signs in, and what named faults switch.
local LEFT_OUT = { clock_offset_ms = true, lose_callbacks = true, signature_fault = true,
  token_mfa = true, role = true }

-- row -> story -> { as it is by default, as it is then }
local OUTCOMES = {}

local function others(row)
  if OTHER[row.name] then return OTHER[row.name] end
  if type(row.default) == "boolean" then return { not row.default } end
  local out = {}
  for _, value in ipairs(row.values or {}) do
    if value ~= row.default then out[#out + 1] = value end
  end
  return out
end

local function rows()
  local out = {}
  for _, row in ipairs(switches.rows) do
    for _, value in ipairs(LEFT_OUT[row.name] and {} or others(row)) do
      out[#out + 1] = ("switch %s %s"):format(row.name, value)
    end
  end
  for _, fault in ipairs(fault_names.table) do out[#out + 1] = "fault " .. fault.name end
  return out
end

function M.run(cmd)
  if cmd.args[1] ~= "OUTCOME" then
    cmd.out(table.concat(rows(), "\n") .. "\n")
    return 0
  end
  local both = (OUTCOMES[cmd.args[2]] or {})[cmd.args[3]]
  if both then cmd.out(("%s; then: %s\n"):format(both[1], both[2])) end
  return both and 0 or 1
end

return M

-- A job that failed for good says so where the seller looks, on the row, and to those whom the
-- profile names.
local audit = require "audit"
local facts = require "facts"
local helper = require "flows.helper"
local links = require "links"
local notify = require "notify"
local original = require "original"
local say = require "say"

local M = {}

local LONGEST = 400 -- characters of a cause
local WAIT_MS = 60 * 1000 -- while the original connector runs

-- Whose turn it is: the seller's, or the administrator's; of other kinds the sentence says it, or
-- time does.
local REMEDY = { remote = "failed-remote", data = "failed-ours", script = "failed-ours",
  config = "failed-ours" }

local function line_of(payload)
  local said, whole = say.error(payload.text)
  return say(not whole and REMEDY[payload.kind] or "failed", { why = audit.cut(said, LONGEST) })
end

-- The administrators' notice, once: the rest of the report, which may have to wait for the CRM, is
-- a job of its own then.
local function notified(payload, meta)
  local deal = type(payload.payload) == "table" and payload.payload.link or nil
  return not payload.at_ms and payload.job ~= "notice" and
    notify.raise("failed", { deal = deal, job = payload.job, kind = payload.kind }) and
    host.queue.put { kind = "report", lane = meta.lane, payload = { job = payload.job,
      payload = payload.payload, kind = payload.kind, text = payload.text,
      at_ms = meta.created_ms } }
end

---The handler of `report` jobs.
---@param payload {job: string, payload: table, kind: string, text: string, at_ms: integer|nil}
---  at_ms: when it failed, once that was noticed
---@param meta {created_ms: integer, lane: string}
function M.job(payload, meta)
  if notified(payload, meta) then
    return true
  end
  local id = payload.job == "deal" and payload.payload.link
  local link = id and links.get(id)
  if original.noted() then
    return WAIT_MS
  elseif not link or not link.crm or link.state ~= "open" or (link.intent and link.intent.crm) then
    return true
  elseif link.agreed_ms and link.agreed_ms > (payload.at_ms or meta.created_ms) then
    return true -- it went well since
  end
  if not links.told(link, { failed = payload.text }) then
    return true
  end
  local known, err = facts.get()
  if not known then
    return nil, err
  end
  local line = line_of(payload)
  local turn = { link = link, known = known, trigger = "report" }
  local ok
  ok, err = helper.read(turn)
  if not ok then
    return err.kind == "absent" or nil, err
  end
  -- Not by helper.update: what failed may be the mapping, which that would ask again.
  ok, err = helper.write(turn, { to_crm = {}, failed = true }, { line })
  if not ok then
    return nil, err
  end
  host.store.note_add(link.id, "audit", { text = line })
  return links.keep(link)
end

return M

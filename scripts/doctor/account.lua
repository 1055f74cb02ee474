-- `cosell doctor`, Partner Center: who is signed in, for which account, and what he may do.
local outcome = require "doctor.outcome"
local partner_account = require "partner_account"
local partner_center = require "partner_center"
local refusal = require "doctor.refusal"

local M = {}

local KEY = "partner_center.partner_id"

---seen.may_read: what the first call came to.
function M.signed_in(seen)
  local may, err = partner_account.may_read()
  if may == nil and err.kind == "auth" then
    return refusal.of("partner_center", err)
  elseif may == nil then
    return nil, err
  end
  seen.may_read = may
  return outcome.fine()
end

---The other of Partner Center's two services, with a token of its own.
function M.webhooks()
  local _, err = partner_center.webhook_get()
  if err and err.kind == "auth" then
    return refusal.of("webhooks", err)
  elseif err and err.status == 403 then
    return outcome.wrong "role"
  elseif err then
    return nil, err
  end
  return outcome.fine()
end

-- Whether solutions are published under it nobody tells but the administrator.
function M.partner_id()
  local wanted = host.profile.partner_id
  local own, err = partner_account.partner_id()
  if not own and err.kind == "absent" then
    return outcome.wrong "none"
  elseif own and not wanted then
    return outcome.unseen("this account's is %s; name the one that your co-sell solutions are " ..
      "published under as `%s` in profile.lua", own.id, KEY)
  end
  local found
  if own then
    found, err = partner_account.partner_id(wanted)
  end
  if found then
    return outcome.fine("%s", found.id)
  elseif own and (err.kind == "absent" or err.status == 400) then
    return outcome.wrong("foreign", { id = wanted, own = own.id })
  end
  return nil, err
end

function M.referrals(seen)
  return seen.may_read and outcome.fine() or outcome.wrong "role"
end

function M.role()
  local may, err = partner_account.may_create()
  if may == nil then
    return nil, err
  end
  return may and outcome.fine() or outcome.wrong "role"
end

return M

-- cosell reckless ROW REFERRAL: a command of the tests that rehearses and yet tries to write all it
-- can, past every door that the scripts close by themselves.  None of it may happen; it prints what
-- became of each try.
local dynamics_call = require "dynamics_call"

local M = { help = "tries to write in a rehearsal", where = "host" }

local function requests(row, referral)
  local opportunity, base = "opportunities(" .. row .. ")", "engagements/referrals"
  return {
    { remote = "crm", method = "PATCH", path = opportunity, body = '{"name":"reckless"}' },
    { remote = "crm", method = "DELETE", path = opportunity },
    { remote = "crm", method = "POST", path = "opportunities", body = '{"name":"reckless"}' },
    { remote = "partner_center", method = "PATCH", path = base .. "/" .. referral, body = "[]" },
    { remote = "partner_center", method = "PUT", path = base .. "/" .. referral, body = "{}" },
    { remote = "partner_center", method = "POST", path = base, body = "{}" },
  }
end

local function store(id)
  host.store.link_set(id, { state = "reckless" })
  host.store.link_add { state = "reckless" }
  host.store.alias_set(id, "row", "reckless")
  host.store.base_set(id, "crm", { name = "reckless" })
  host.store.note_add(id, "audit", { text = "reckless" })
  host.store.mark_set("reckless", "1")
  host.queue.put { kind = "deal", lane = "link:" .. id, payload = { link = id, trigger = "poll" } }
  host.run { flow = "create_referral", link = id, outcome = "reckless" }
  return host.store.mark_get "reckless"
end

function M.run(cmd)
  host.rehearse()
  cmd.out("within the step: " .. tostring(store(1)) .. "\n")
  host.sleep(0)
  cmd.out("after it: " .. tostring(host.store.mark_get "reckless") .. "\n")
  for _, request in ipairs(requests(cmd.args[1], cmd.args[2])) do
    local ok, err = pcall(host.http.request, request)
    cmd.out(("%s %s: %s\n"):format(request.remote, request.method, ok and "sent" or
      tostring(type(err) == "table" and err.text or err)))
  end
  local ok, err = pcall(dynamics_call.batch, "be reckless", { { method = "PATCH",
    path = requests(cmd.args[1], "")[1].path, headers = {}, body = '{"name":"reckless"}' } }, {})
  cmd.out(("batch: %s\n"):format(ok and "sent" or tostring(type(err) == "table" and err.text or
    err)))
  store(1) -- in its last step
  return 0
end

return M

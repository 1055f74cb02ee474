-- cosell caller FILE: for stories of the listener's TLS, a caller in a process of its own, whose
-- environment says which roots it trusts (COSELL_CA_FILE).  FILE is JSON: url, headers, body; and
-- for a load: at_once callers that each open a connection a call, until the file `stop` is there.
-- Prints "so far N" now and then, and last JSON: calls, statuses, failed, why.
local M = { help = "call an address, for stories", where = "here", usage = "cosell caller FILE" }

local TELL = 20 -- calls between two lines

local function call(plan, out)
  local answer, err = host.http.request { url = plan.url, method = "POST", headers = plan.headers,
    body = plan.body }
  out.calls = out.calls + 1
  if answer then
    local status = tostring(answer.status)
    out.statuses[status] = (out.statuses[status] or 0) + 1
    out.body = answer.body
  else
    out.failed, out.why = out.failed + 1, err.text
  end
end

local function load(cmd, plan, out)
  local left = plan.at_once
  for _ = 1, plan.at_once do
    host.spawn(function()
      while not host.file.exists(plan.stop) do
        call(plan, out)
        if out.calls % TELL == 0 then
          cmd.out(("so far %d\n"):format(out.calls))
        end
      end
      left = left - 1
    end)
  end
  while left > 0 do
    host.sleep(10)
  end
end

function M.run(cmd)
  local plan = json.decode(assert(host.file.read(cmd.args[1])))
  local out = { calls = 0, statuses = {}, failed = 0 }
  if plan.at_once then
    load(cmd, plan, out)
  else
    call(plan, out)
  end
  cmd.out(json.encode(out) .. "\n")
  return 0
end

return M

-- What the services answered to the writes of one task, for its run record: status and the ids
-- that their support asks for.  Kept by coroutine, so that nobody has to hand it down.
local M = {}

local by_task = setmetatable({}, { __mode = "k" })

---@param remote string
---@param method string
---@param answer {status: integer, headers: table}
---@param sent {correlation_id: string|nil}|nil
function M.note(remote, method, answer, sent)
  if method == "GET" then
    return
  end
  local task = coroutine.running()
  local list = by_task[task] or json.array {}
  by_task[task] = list
  list[#list + 1] = { remote = remote, method = method, status = answer.status,
    request_id = answer.headers["request-id"] or answer.headers["x-ms-service-request-id"] or
      answer.headers["req_id"] or answer.headers["ms-requestid"],
    correlation_id = sent and sent.correlation_id }
end

---@return table|nil  in order
function M.of_task()
  return by_task[coroutine.running()]
end

return M

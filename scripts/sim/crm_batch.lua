-- $batch of the practice CRM: multipart bodies to parts, change sets as one unit of work each,
-- answers in order with the boundaries clients look for. What a part does is crm_route's; how a
-- part is answered (headers, errors, commit) is handed in by crm.
local schema = require("sim.crm_schema")
local options = require("sim.crm_options")

local M = {}
local refuse = schema.refuse
M.MOST = 1000

local PHRASE = { [200] = "OK", [201] = "Created", [204] = "No Content", [304] = "Not Modified",
  [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Method Not Allowed", [412] = "Precondition Failed", [429] = "Too Many Requests",
  [500] = "Internal Server Error", [501] = "Not Implemented", [503] = "Service Unavailable" }

local function unreadable(why)
  refuse(400, "0x80048d19", "Error identified in Payload provided by the user for Entity :'', "
    .. "InnerException : %s", why)
end

-- ---- Reading ----

local function boundary_of(content_type)
  local kind, rest = (content_type or ""):match("^%s*([^;%s]+)(.*)$")
  if not kind or kind:lower() ~= "multipart/mixed" then return nil end
  return rest:match('[Bb]oundary="([^"]+)"') or rest:match("[Bb]oundary=([^;%s]+)")
end

local function headers_of(text)
  local out = {}
  for line in (text .. "\r\n"):gmatch("(.-)\r\n") do
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    if name then out[name:lower()] = value end
  end
  return out
end

local function head_and_body(text)
  if text:sub(1, 2) == "\r\n" then return {}, text:sub(3) end
  local head, body = text:match("^(.-)\r\n\r\n(.*)$")
  if not head then return headers_of(text), "" end
  return headers_of(head), body
end

-- The next boundary line: where it starts and ends.
local function next_line(body, line, at)
  while true do
    local from, to = body:find(line, at, true)
    if not from or body:find("^[\r%-%s]", to + 1) or to == #body then return from, to end
    at = to
  end
end

-- The texts between the boundary lines.
local function pieces(body, boundary)
  local out, at, line = {}, nil, "\r\n--" .. boundary
  body = "\r\n" .. body
  local from, to = next_line(body, line, 1)
  while from do
    if at then out[#out + 1] = body:sub(at, from - 1) end
    if body:sub(to + 1, to + 2) == "--" then return out end
    at = body:find("\r\n", to, true)
    if not at then break end
    at = at + 2
    from, to = next_line(body, line, at - 2)
  end
  unreadable("The batch has no closing boundary '--" .. boundary .. "--'.")
end

local function request_of(text, in_set)
  local outer, inside = head_and_body(text)
  if (outer["content-type"] or ""):lower():sub(1, 16) ~= "application/http" then
    unreadable("A part must be of type application/http.")
  end
  local line, rest = inside:match("^([^\r\n]*)\r\n(.*)$")
  local method, target = (line or inside):match("^(%u+) (%S+) HTTP/1%.1$")
  if not method then unreadable("The request line '" .. (line or inside) .. "' is not valid.") end
  if in_set and method == "GET" then
    unreadable("A GET request is not allowed in a change set.")
  end
  local headers, body = head_and_body(rest or "")
  return { method = method, target = target, headers = headers,
    body = body:gsub("\r\n$", ""), content_id = outer["content-id"] or headers["content-id"] }
end

local function change_set(text, boundary)
  local list = {}
  for _, piece in ipairs(pieces(text, boundary)) do list[#list + 1] = request_of(piece, true) end
  return { set = list }
end

local function read(rq)
  local boundary = boundary_of(rq.headers["content-type"])
  if not boundary then unreadable("The content type of a batch must be multipart/mixed.") end
  local body = rq.body
  if not body:find("\r\n", 1, true) then
    if not rq.switch("batch_lf") then
      unreadable("The stream is not readable: line ends must be CRLF.")
    end
    body = body:gsub("\n", "\r\n")
  end
  local out, total = {}, 0
  for _, piece in ipairs(pieces(body, boundary)) do
    local outer, inside = head_and_body(piece)
    local inner = boundary_of(outer["content-type"])
    out[#out + 1] = inner and change_set(inside, inner) or request_of(piece, false)
    total = total + (inner and #out[#out].set or 1)
  end
  if total > M.MOST then
    refuse(400, "0x80060888", "The maximum of %d operations in a batch was exceeded.", M.MOST)
  end
  return out
end

-- ---- Answering ----

local HIDDEN = { ["x-ms-dop-hint"] = true, ["x-ms-service-request-id"] = true }

local function http_text(a, content_id)
  local lines = { "Content-Type: application/http", "Content-Transfer-Encoding: binary" }
  if content_id then lines[#lines + 1] = "Content-ID: " .. content_id end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "HTTP/1.1 " .. a.status .. " " .. (PHRASE[a.status] or "Unknown")
  local names = {}
  for name in pairs(a.headers) do
    if not HIDDEN[name:lower()] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do lines[#lines + 1] = name .. ": " .. a.headers[name] end
  lines[#lines + 1] = ""
  lines[#lines + 1] = a.body or ""
  return table.concat(lines, "\r\n")
end

local function multipart(boundary, list)
  local out = {}
  for _, text in ipairs(list) do out[#out + 1] = "--" .. boundary .. "\r\n" .. text .. "\r\n" end
  out[#out + 1] = "--" .. boundary .. "--\r\n"
  return table.concat(out)
end

local function nested(uuid, list)
  local boundary = "changesetresponse_" .. uuid()
  return "Content-Type: multipart/mixed; boundary=" .. boundary .. "\r\n\r\n"
    .. multipart(boundary, list):gsub("\r\n$", "")
end

-- The place of a part below the API's root: /api/data/v9.2/x, http://host/api/..., x, $1/x
local function place(rq, part)
  local target = part.target:gsub("^https?://[^/]+", "")
  local path, text = target:match("^([^?]*)%??(.*)$")
  path = path:gsub("^/api/data/v[%d.]+/?", ""):gsub("^/", "")
  if #part.target > 65536 then refuse(400, "0x80060888", "The URL is too long.") end
  return { method = part.method, path = path, query = text ~= "" and text or nil,
    headers = part.headers, body = part.body, base = rq.base,
    none_match = options.condition(part.headers["if-none-match"]) }
end

-- Runs the parts of a change set on one work: their finishing functions, or the failed answer.
local function run_set(rq, list, door, work)
  local finish = {}
  for i, part in ipairs(list) do
    local ok, answer, inner = door.try(function()
      local one = place(rq, part)
      if not rq.switch("changeset_if_none_match") then one.none_match = nil end
      one.work = work
      return door.run(one), one
    end, part.headers.prefer)
    if not ok then return nil, answer, part end
    finish[i] = answer
    if part.content_id then work.who.refs[part.content_id] = inner.made end
  end
  return finish
end

local function do_set(rq, list, door)
  local work = door.work()
  local finish, failed, part = run_set(rq, list, door, work)
  if not finish then
    local id = rq.switch("changeset_error_id") and part.content_id
    if not id then return http_text(failed), failed.status end
    return nested(door.uuid, { http_text(failed, id) }), failed.status
  end
  local kept, refused = door.try(function() work:commit() end)
  if not kept then return http_text(refused), refused.status end
  local texts = {}
  for i, one in ipairs(finish) do
    texts[i] = http_text(door.answer(one, list[i].headers.prefer), list[i].content_id)
  end
  return nested(door.uuid, texts)
end

local function do_one(rq, part, door)
  local a = door.whole(function()
    local one = place(rq, part)
    one.work = door.work()
    return one
  end, part.headers.prefer)
  return http_text(a, part.content_id), a.status >= 400 and a.status or nil
end

--- Answers a batch: status, headers, body. door: how parts are run and answered (see crm).
function M.run(rq, door)
  local parts, texts, status = read(rq), {}, 200
  local keep = options.prefer(rq.headers.prefer).continue
  for i, part in ipairs(parts) do
    local failed
    if part.set then
      texts[i], failed = do_set(rq, part.set, door)
    else
      texts[i], failed = do_one(rq, part, door)
    end
    if failed and not keep then
      status = failed
      break
    end
  end
  local boundary = "batchresponse_" .. door.uuid()
  return status, { ["Content-Type"] = "multipart/mixed; boundary=" .. boundary },
    multipart(boundary, texts)
end

return M

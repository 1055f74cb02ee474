--- Multipart bodies of `$batch`: written for the request, read from the answer.
-- Owns the form of the text and nothing else.  It must never call `host.http` nor judge a status.

local M = {}

local CRLF = "\r\n"
local ROOT = "/api/data/v9.2/"

local function application(part, content_id)
  local lines = {
    "Content-Type: application/http",
    "Content-Transfer-Encoding: binary",
  }
  if content_id then lines[#lines + 1] = "Content-ID: " .. content_id end
  lines[#lines + 1] = ""
  lines[#lines + 1] = ("%s %s%s HTTP/1.1"):format(part.method, ROOT, part.path)
  local names = {}
  for name in pairs(part.headers) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do lines[#lines + 1] = name .. ": " .. part.headers[name] end
  lines[#lines + 1] = ""
  -- A part without a body ends with two blank lines.
  lines[#lines + 1] = part.body or ""
  lines[#lines + 1] = ""
  return table.concat(lines, CRLF)
end

local function join(parts, boundary)
  local out = {}
  for _, part in ipairs(parts) do out[#out + 1] = "--" .. boundary .. CRLF .. part end
  out[#out + 1] = "--" .. boundary .. "--" .. CRLF
  return table.concat(out)
end

--- One change set (all or nothing) and then some reads, as one body.
---@param changes table[]  { method, path, headers, body }
---@param reads table[]  the same, without body
---@param name string  a text that occurs in none of the bodies, for the boundaries
---@return string content_type, string body
function M.write(changes, reads, name)
  local outer, inner = "batch_" .. name, "changeset_" .. name
  local parts = {}
  if #changes > 0 then
    local set = {}
    for i, change in ipairs(changes) do set[i] = application(change, i) end
    local head = "Content-Type: multipart/mixed; boundary=" .. inner .. CRLF .. CRLF
    parts[1] = head .. join(set, inner) .. CRLF
  end
  for _, read in ipairs(reads) do parts[#parts + 1] = application(read) end
  return "multipart/mixed; boundary=" .. outer, join(parts, outer)
end

--- The boundary that a content type names, or nil if it is not multipart.
---@param content_type string|nil
---@return string|nil
function M.boundary(content_type)
  if not content_type or not content_type:lower():match("^%s*multipart/") then return nil end
  local _, stop = content_type:lower():find("boundary%s*=%s*")
  if not stop then return nil end
  local rest = content_type:sub(stop + 1)
  return rest:match('^"([^"]+)"') or rest:match("^([^;%s]+)")
end

-- Header lines up to the blank line -> {lower name = value}, position after it (nil: no end).
local function headers_at(body, at)
  local headers = {}
  while true do
    local stop, after = body:find("\r?\n", at)
    if not stop then return headers, nil end
    local line = body:sub(at, stop - 1)
    at = after + 1
    if line == "" then return headers, at end
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    if name then headers[name:lower()] = value end
  end
end

-- Texts between the delimiter lines, or nil if the closing one is missing.
local function split(body, boundary)
  local delimiter, pieces = "--" .. boundary, {}
  local text, at, start = "\n" .. body, 1, nil
  while true do
    local from, to = text:find("\n" .. delimiter, at, true)
    if not from then return nil end
    local closing = text:sub(to + 1, to + 2) == "--"
    local _, line = text:find("^[ \t]*\r?\n", to + 1)
    if closing or line then
      if start then pieces[#pieces + 1] = (text:sub(start, from - 1):gsub("\r$", "")) end
      if closing then return pieces end
      start = line + 1
    end
    -- The line end may be the one that the next delimiter begins with.
    at = line or to + 1
  end
end

local function http_answer(text, content_id)
  text = text .. "\r\n\r\n" -- the blank line of an answer without a body may have been cut
  local status, at = text:match("^%s*HTTP/%d%.%d (%d%d%d)[^\n]*\n()")
  if not status then return nil end
  local headers, body_at = headers_at(text, at)
  return {
    status = tonumber(status),
    headers = headers,
    content_id = tonumber(headers["content-id"] or content_id),
    body = body_at and (text:sub(body_at):gsub("%s+$", "")) or "",
  }
end

--- The answers of a multipart body in order; those of a change set as { set = {...} }.
---@param content_type string
---@param body string
---@return table[]|nil answers  nil: cut off or unreadable
function M.read(content_type, body)
  local boundary = M.boundary(content_type)
  local pieces = boundary and split(body, boundary)
  if not pieces then return nil end
  local answers = {}
  for _, piece in ipairs(pieces) do
    local headers, at = headers_at(piece, 1)
    local inside = at and piece:sub(at) or ""
    if M.boundary(headers["content-type"]) then
      local set = M.read(headers["content-type"], inside)
      if not set then return nil end
      answers[#answers + 1] = { set = set }
    else
      local answer = http_answer(inside, headers["content-id"])
      if not answer then return nil end
      answers[#answers + 1] = answer
    end
  end
  return answers
end

return M

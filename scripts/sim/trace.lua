-- What was asked of the practice environment and what it answered, the newest thousand: method,
-- path, status, milliseconds, first lines of both bodies. Owns that list, in memory. Secrets,
-- tokens and the secret part of a callback's address never get into it.
local M = {}
M.__index = M

local KEPT = 1000
local MOST = 240 -- bytes of a line
local HIDDEN = "..."

-- ---- What must not be seen ----

-- Members whose values are secret, by a part of their names in lower case.
local SECRET = { "secret", "token", "password", "assertion", "verifier", "_code" }
-- Of a sign-in form these alone are shown.
local OPEN = { grant_type = true, client_id = true, resource = true, scope = true }
local OPEN_ANSWER = { token_type = true, expires_in = true, resource = true, error = true,
  error_description = true, scope = true }

local function is_secret(name)
  name = name:lower()
  for _, part in ipairs(SECRET) do
    if name:find(part, 1, true) then return true end
  end
  return false
end

local function first_line(text)
  local line = text:match("^%s*([^\r\n]*)") or ""
  if #line <= MOST then return line end
  local stop = MOST
  while stop > 1 and (line:byte(stop + 1) & 0xC0) == 0x80 do stop = stop - 1 end
  return line:sub(1, stop) .. "…"
end

-- The parts of a batch by their request or status lines.
local function batch_line(text)
  local out = {}
  for line in text:gmatch("[^\r\n]+") do
    local part = line:match("^(%u+ %S+) HTTP/") or line:match("^HTTP/%S+ (%d+)")
    if part then out[#out + 1] = part end
  end
  return "batch: " .. table.concat(out, ", ")
end

local function without_secrets(text)
  text = text:gsub("eyJ[%w_%-%.]+", HIDDEN)
  text = text:gsub('("([%w_%-]+)"%s*:%s*)"[^"]*"', function(head, name)
    if is_secret(name) then return head .. '"' .. HIDDEN .. '"' end
  end)
  -- The path of a receiver of callbacks is a secret of the host's.
  return (text:gsub('("[%w]*[Uu][Rr][Ll]"%s*:%s*"https?://[^/"]+/)[^"]*', "%1" .. HIDDEN))
end

local function body_line(text)
  if not text or text == "" then return "" end
  if text:find("^%-%-") then return first_line(batch_line(text)) end
  return first_line(without_secrets(first_line(text)))
end

local function form_line(text)
  local out = {}
  for name, value in (text or ""):gmatch("([^&=]+)=([^&]*)") do
    out[#out + 1] = name .. "=" .. (OPEN[name] and value or HIDDEN)
  end
  return first_line(table.concat(out, "&"))
end

local function sign_in_line(text)
  local body = json.decode(text or "")
  if type(body) ~= "table" then return "" end
  local out = {}
  for name, value in pairs(body) do
    out[name] = OPEN_ANSWER[name] and value or HIDDEN
  end
  return first_line(json.encode(out))
end

-- ---- The list ----

---@param now fun(): integer
function M.new(now) return setmetatable({ now = now, list = {}, last = 0 }, M) end

--- Notes an exchange.
---@param what { service: string, method: string, path: string, status: integer|nil, ms: integer,
---              request: string|nil, answer: string|nil } status nil: dropped without an answer
function M:note(what)
  local sign_in = what.service == "tokens"
  self.last = self.last + 1
  self.list[self.last] = { n = self.last, at_ms = self.now(), service = what.service,
    method = what.method, status = what.status, ms = what.ms,
    path = sign_in and what.path:match("^[^?]*") or without_secrets(what.path),
    request = sign_in and form_line(what.request) or body_line(what.request),
    answer = sign_in and sign_in_line(what.answer) or body_line(what.answer) }
  self.list[self.last - KEPT] = nil
end

--- What came behind a number, the newest `most` of it.
---@return { last: integer, list: table[] }
function M:since(after, most)
  local out = json.array {}
  for n = math.max(after + 1, self.last - most + 1, self.last - KEPT + 1, 1), self.last do
    out[#out + 1] = self.list[n]
  end
  return { last = self.last, list = out }
end

--- Wraps a listener's handler so that each exchange is noted.
function M:around(service, handle)
  return function(req)
    local began = host.now_ms()
    local status, headers, body = handle(req)
    self:note { service = service, method = req.method, path = req.target or req.path,
      status = status, ms = host.now_ms() - began, request = req.body, answer = body }
    return status, headers, body
  end
end

--- Wraps the sending of callbacks: what was sent where, and what came back.
function M:posting(post)
  return function(url, headers, body)
    local began = host.now_ms()
    local status = post(url, headers, body)
    self:note { service = "callback", method = "POST", status = status,
      path = (url:match("^%w+://[^/]+/") or "") .. HIDDEN, ms = host.now_ms() - began,
      request = body }
    return status
  end
end

return M

--- One request to the Dataverse Web API, or one `$batch` of several: headers in, rows or errors
-- out.  Owns what an error code means for us.  It must never hold metadata.

local batch = require "dynamics_batch"
local text = require "text"
local trace = require "trace"

local M = {}

local MAX_ANSWER = 16 << 20
local MAX_TEXT = 300

-- Codes decide before the HTTP status does; an unlisted code leaves it to the status.
local KINDS = {
  ["0x80040217"] = "absent", -- no such row
  ["0x80060891"] = "absent", -- no row with this key
  ["0x80044352"] = "absent", -- the delta token is too old
  ["0x8006088a"] = "remote", -- an unknown path: 404, and yet nothing is absent
  ["0x80060882"] = "conflict", -- the row changed since it was read
  ["0x80040237"] = "conflict", -- the row, or another unique value, exists
  ["0x80060892"] = "conflict", -- an alternate key is taken
  ["0x80040333"] = "conflict", -- a duplicate detection rule
  ["0x80073002"] = "conflict", -- a unique index
  ["0x80040204"] = "auth",
  ["0x8004a101"] = "auth",
  ["0x80072560"] = "auth", -- no application user in this organisation
  ["0x80040225"] = "auth", -- the user is disabled
  ["0x80044150"] = "net", -- SQL error, a deadlock among them
  ["0x80044151"] = "net", -- SQL time-out
  ["0x80040216"] = "net", -- unexpected
  ["0x80072321"] = "busy",
  ["0x80072322"] = "busy",
  ["0x80072326"] = "busy",
}

local PLAIN = {
  ["0x80040217"] = "the row does not exist",
  ["0x80044352"] = "the change token is too old, everything is to be read again",
  ["0x80060882"] = "the row was changed meanwhile",
  ["0x80044331"] = "a text is too long for its column",
  ["0x8004431a"] = "a choice is none of its column's options",
  ["0x80040220"] = "the application user lacks a privilege",
  ["0x80048306"] = "the application user may not touch this row",
  ["0x80072560"] = "the application has no user in this organisation",
  ["0x80040265"] = "a plug-in of this organisation refused it",
  ["0x80072491"] = "change tracking is off for this table",
  ["0x80040333"] = "a duplicate detection rule refused it",
  ["0x80060892"] = "another row holds this key",
}

local function kind_of(status, code)
  if KINDS[code] then return KINDS[code] end
  if status == 401 then return "auth" end
  if status == 404 or status == 410 then
    -- A code that is there but empty is a wrong verb, not a missing row.
    return code == "" and "remote" or "absent"
  end
  if status == 409 or status == 412 then return "conflict" end
  if status == 429 then return "busy" end
  -- A redirect is not followed: something on the way, a proxy or a sign-in page, has answered.
  if status < 400 or status == 408 or status >= 500 then return "net" end
  return "remote"
end

local function code_and_message(body)
  local doc = json.decode(body)
  local said = type(doc) == "table" and doc.error
  if type(said) ~= "table" then return nil, nil end
  local code = type(said.code) == "string" and said.code:lower() or nil
  return code, type(said.message) == "string" and said.message or nil
end

--- The error value of an answer that is not a success.
---@param answer { status: integer, headers: table, body: string }
---@param doing string  "read an account": stands after "could not"
---@return table err
function M.failure(answer, doing)
  local code, message = code_and_message(answer.body)
  local kind = kind_of(answer.status, code)
  local plain = PLAIN[code]
  local why = plain and message and plain .. ": " .. message or plain or message
  local wait = tonumber(answer.headers["retry-after"])
  local shown = code and code ~= "" and (" (" .. code .. ")") or ""
  why = why or ("HTTP " .. answer.status)
  return {
    kind = kind,
    status = answer.status,
    code = code,
    wait_ms = kind == "busy" and math.tointeger((wait or 1) * 1000 // 1) or nil,
    request_id = answer.headers["x-ms-service-request-id"] or answer.headers["req_id"],
    text = text.bound(("Dynamics 365 could not %s%s: %s"):format(doing, shown, why), MAX_TEXT),
  }
end

local function unreadable(answer)
  local said = "the answer of Dynamics 365 cannot be read"
  return { kind = "net", status = answer.status, text = said }
end

-- A successful answer -> its JSON, or true if it has none.  A reading names a member that its
-- answer has: without it something between us and the service has answered.
local function decoded(answer, member)
  if answer.body == "" and not member then return true end
  local doc = json.decode(answer.body)
  local found = type(doc) == "table" and (not member or doc[member])
  if not found or found == json.null or (member == "value" and not json.is_array(found)) then
    return nil, unreadable(answer)
  end
  return doc
end

--- Headers of a call; prefer: a list of preferences.
---@param prefer string[]|nil
---@param more table|nil
---@return table
function M.headers(prefer, more)
  local headers = { ["Accept"] = "application/json" }
  if prefer and #prefer > 0 then headers["Prefer"] = table.concat(prefer, ",") end
  for name, value in pairs(more or {}) do headers[name] = value end
  return headers
end

local function request(r)
  r.remote, r.max_answer = "crm", MAX_ANSWER
  r.headers = r.headers or M.headers()
  r.headers["OData-Version"], r.headers["OData-MaxVersion"] = "4.0", "4.0"
  if r.method == "GET" then
    -- The literal word: no cache on the way may answer.
    r.headers["If-None-Match"] = "null"
  elseif r.body and not r.headers["Content-Type"] then
    r.headers["Content-Type"] = "application/json"
  end
  local answer, err = host.http.request(r)
  if answer then trace.note("crm", r.method, answer) end
  return answer, err
end

--- One request.  (suspends)
---@param doing string
---@param r table  as host.http.request takes it, without remote
---@param member string|nil  what an answer must have
---@return table|true|nil doc, table answer_or_err
function M.send(doing, r, member)
  local answer, err = request(r)
  if not answer then return nil, err end
  if answer.status < 200 or answer.status > 299 then return nil, M.failure(answer, doing) end
  local doc, bad = decoded(answer, member)
  return doc, bad or answer
end

-- One answer of a batch: its document, or an error with the number of its part.
local function judge(answer, doing, index, member)
  if answer.status < 200 or answer.status > 299 then
    local err = M.failure(answer, doing)
    err.index = index
    return nil, err
  end
  return decoded(answer, member)
end

-- The answers of the change set, or its one error.
local function judge_set(answer, count, doing)
  if not answer then return nil, { kind = "net", text = "the change set was not answered" } end
  local set = answer.set or { answer }
  local out = {}
  for i, part in ipairs(set) do
    local doc, err = judge(part, doing, nil)
    if not doc then
      -- A failed set is answered once; its part is known by the id alone.
      err.index = part.content_id or (#set > 1 or count == 1) and i or nil
      return nil, err
    end
    out[part.content_id or i] = { status = part.status, row = doc ~= true and doc or nil,
      tag = doc ~= true and doc["@odata.etag"] or part.headers["etag"] }
  end
  if #set < count then
    return nil, { kind = "net", text = "the change set was answered in part" }
  end
  return out
end

--- One change set and then reads, in one `$batch`.  A change that fails undoes all of them; each
--- read has an outcome of its own: { doc = } or { err = }.  (suspends)
---@param doing string
---@param changes table[]  { method, path, headers, body }
---@param reads table[]  { path, headers, member }: member is what its answer must have
---@param page boolean|nil  not counted as a request
---@return table|nil changed, table reads_or_err
function M.batch(doing, changes, reads, page)
  for _, read in ipairs(reads) do
    read.method, read.headers = "GET", read.headers or M.headers()
    read.headers["If-None-Match"] = "null"
  end
  for _, change in ipairs(changes) do
    if change.body then change.headers["Content-Type"] = "application/json" end
  end
  local content_type, body = batch.write(changes, reads, (host.uuid():gsub("-", "")))
  -- Without changes a failed read must not keep the others from being answered.
  local prefer = #reads > 0 and { "odata.continue-on-error" } or nil
  local answer, err = request {
    method = "POST", path = "$batch", body = body, page = page,
    operations = #changes + #reads, reads = #changes == 0,
    headers = M.headers(prefer, { ["Content-Type"] = content_type }),
  }
  if not answer then return nil, err end
  local kind = answer.headers["content-type"]
  if not batch.boundary(kind) then
    if answer.status > 299 then return nil, M.failure(answer, doing) end
    return nil, unreadable(answer)
  end
  local answers = batch.read(kind, answer.body)
  if not answers then return nil, unreadable(answer) end

  local changed = {}
  if #changes > 0 then
    changed, err = judge_set(table.remove(answers, 1), #changes, doing)
    if not changed then return nil, err end
  end
  local out = {}
  for i = 1, #reads do
    if not answers[i] then return nil, unreadable(answer) end
    local doc, bad = judge(answers[i], doing, i, reads[i].member)
    out[i] = { doc = doc, err = bad }
  end
  return changed, out
end

-- ---- text of queries ----

--- A text as an OData literal, percent-encoded.
---@param s string
---@return string
function M.q(s)
  return "'" .. text.encode((s:gsub("'", "''"))) .. "'"
end

--- What the grammar of an option value does not need, percent-encoded; what is encoded stays.
---@param s string
---@return string
function M.option(s)
  return (s:gsub("[^%w%-%._~%%%$%(%),;:'/=@!%*]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

return M

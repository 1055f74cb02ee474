--- Partner Center's Referrals API and webhook API: calls, paging, tags, errors.
-- Owns the wire form of a referral (spelling, lists, tags); knows nothing of the CRM and decides
-- nothing.  It must never send anything to an address taken from an answer: of a link only the
-- query string is used, on the configured base.

local rehearsal = require "rehearsal"
local text = require "text"
local trace = require "trace"

local M = {}

-- The spelling that goes out; what comes in may be spelt in any case.
local NAMES = [[
id engagementId organizationId organizationName name externalReferenceId campaignId
createdDateTime updatedDateTime expirationDateTime acceptedDateTime closedDateTime status
substatus statusReason qualification type direction referralSource callToAction referralProgram
quality isSpam favorite salesStage mpnId dealSensitivity createdVia lastModifiedVia lastRunId tags
target customerProfile consent details team inviteContext registrationStatus registrations
trackingInfo eTag links address size ids isMatchingComplete profileType addressLine1 addressLine2
city state postalCode country region firstName lastName phoneNumber email title contactPreference
consentToToShareInfoWithOthers consentToContact consentToMicrosoftToContactSpecificPartners
consentToShareReferralWithMicrosoftSellers notes dealValue currency closingDateTime customerAction
incentiveLevel customerRequestedContact requirements industries products services solutions offers
salesPlays additionalRequirements price quantity publisherName solutionType attributes iot
assistanceRequestCode invitedMpnId invitedBy microsoftMsxId WebhookUrl WebhookEvents SubscriberId
correlationId]]
local SPELLING = {}
for name in NAMES:gmatch("%S+") do SPELLING[name:lower()], SPELLING[name] = name, name end

-- Members that are lists, met as an object or null as well.
local LISTS = {
  team = true, ids = true, target = true, solutions = true, attributes = true,
  registrations = true, tags = true, WebhookEvents = true,
}

local REFERRALS = "engagements/referrals"
local MAX_ANSWER = 16 << 20
local MAX_TEXT = 300

-- The service refused `updatedDateTime ge`: remembered as long as this generation lives.
local no_ge = false

--- A member that may be a list, one object, `{}` or null, as a list.
---@param x any
---@return table
function M.list(x)
  if x == nil or x == json.null or x == "" then return json.array({}) end
  if type(x) ~= "table" then return json.array({ x }) end
  if json.is_array(x) then return x end
  if next(x) == nil then return json.array({}) end
  return json.array({ x })
end

local respell

local function respell_members(t)
  local renamed
  for k, x in pairs(t) do
    local name = SPELLING[k] or SPELLING[k:lower()] or k
    local value = type(x) == "table" and respell(x) or x
    if LISTS[name] and value ~= json.null then value = M.list(value) end
    if name ~= k then
      renamed = renamed or {}
      renamed[k] = { name, value }
    elseif value ~= x then
      t[k] = value
    end
  end
  for k, member in pairs(renamed or {}) do
    t[k] = nil
    t[member[1]] = member[2]
  end
end

-- In place: pages of a hundred deals come through here, and nearly all is spelt well already.
function respell(v)
  if type(v) ~= "table" then return v end
  if json.is_array(v) then
    for _, x in ipairs(v) do respell(x) end
  else
    respell_members(v)
  end
  return v
end

local function member(t, name)
  if type(t) ~= "table" then return nil end
  for k, v in pairs(t) do
    if type(k) == "string" and k:lower() == name and v ~= json.null then return v end
  end
  return nil
end

-- The deepest code and message; both body forms: {error={...}} and flat {code, description}.
local function reason(body)
  local doc = json.decode(body)
  local at = member(doc, "error") or doc
  local code, message
  while type(at) == "table" do
    local here = member(at, "code")
    if here and here ~= "" then code = tostring(here) end
    local said = member(at, "message") or member(at, "description")
    if type(said) == "string" and said ~= "" then message = said end
    at = member(at, "innererror")
  end
  return code, message
end

local function kind_of(status, code)
  if code == "900421" or status == 401 then return "auth" end
  if status == 404 or status == 410 then return "absent" end
  if status == 409 or status == 412 then return "conflict" end
  if status < 400 then return "net" end -- a redirect is not followed: something on the way answered
  return "remote"
end

local function failure(answer, doing)
  local code, message = reason(answer.body)
  local said = message or code or ("HTTP " .. answer.status)
  return {
    kind = kind_of(answer.status, code),
    status = answer.status,
    code = code,
    request_id = answer.headers["request-id"] or answer.headers["ms-requestid"],
    text = text.bound(("Partner Center refused to %s: %s"):format(doing, said), MAX_TEXT),
  }
end

-- One call, for this file and partner_account.lua.  -> decoded body or true, answer | nil, err
local function call(doing, r)
  local headers = r.headers or {}
  headers["Accept"] = "application/json"
  headers["MS-CorrelationId"] = host.uuid()
  if r.remote == "webhooks" then
    r.path = (r.below or "webhooks/v1/") .. r.path
    r.below = nil
    headers["MS-RequestId"] = host.uuid()
    headers["MS-Contract-Version"] = "v1"
  else
    headers["client-request-id"] = host.uuid()
  end
  if r.body then headers["Content-Type"] = "application/json" end
  if r.method ~= "GET" and r.remote == "partner_center" and rehearsal.of_task() then
    return rehearsal.sent(r)
  end
  r.headers, r.max_answer = headers, MAX_ANSWER
  local answer, err = host.http.request(r)
  if not answer then return nil, err end
  trace.note(r.remote, r.method, answer, { correlation_id = headers["MS-CorrelationId"] })
  if answer.status < 200 or answer.status > 299 then return nil, failure(answer, doing) end
  if answer.body == "" then return true, answer end
  local doc = json.decode(answer.body)
  if type(doc) ~= "table" then
    local said = "Partner Center's answer cannot be read as JSON"
    return nil, { kind = "net", status = answer.status, text = said }
  end
  return doc, answer
end

M.call, M.member = call, member

local function referral_path(id)
  if not text.is_guid(id) then error("not a referral id: " .. tostring(id), 3) end
  return REFERRALS .. "/" .. id:lower()
end

local function tag_of(referral, answer)
  local tag = type(referral) == "table" and referral.eTag
  if type(tag) == "string" and tag ~= "" then return tag end
  return answer.headers["etag"]
end

-- What a call that changes one referral gives back.
local function written(doc, answer)
  if doc == nil then return nil, answer end
  local referral = doc == true or respell(doc)
  if referral == true and answer.status ~= 204 or
    referral ~= true and type(referral.id) ~= "string" then
    return nil, { kind = "net", text = "Partner Center did not say what it made of a referral" }
  end
  return referral, tag_of(referral, answer)
end

--- One referral.  (suspends)
---@param id string
---@return table|nil referral, any tag_or_err, string|nil raw_text
function M.get(id)
  local r = { remote = "partner_center", method = "GET", path = referral_path(id) }
  local doc, answer = call("read a referral", r)
  if not doc then return nil, answer end
  local referral = doc ~= true and respell(doc)
  if not referral or type(referral.id) ~= "string" then
    return nil, { kind = "net", text = "Partner Center sent an empty referral" }
  end
  return referral, tag_of(referral, answer), answer.body
end

-- ---- lists ----

local function query_of(q)
  local parts = {}
  local function add(name, value)
    if value then parts[#parts + 1] = name .. "=" .. text.encode(tostring(value)) end
  end
  add("$filter", q.filter)
  add("$orderby", q.orderby)
  add("$select", q.select)
  add("$top", q.top)
  return table.concat(parts, "&")
end

-- Documented links have a wrong scheme and path, so only their query is taken.
local function next_query(doc)
  local link = doc["@odata.nextLink"]
  if type(link) ~= "string" then return nil end
  return link:match("%?([^#]+)")
end

--- Pages of referrals.  After an error, which comes as `false, err`, there are no more.  (suspends)
---@param q {filter: string|nil, orderby: string|nil, select: string|nil, top: integer|nil,
---          counted: boolean|nil, from: string|nil} filter in plain OData text; counted: the first
---          page is a request; from: what an earlier page said comes next
---@return fun(): table|false|nil, table|string|nil  rows and what comes next (nil: the end)
function M.pages(q)
  local query, seen, counted = q.from or query_of(q), {}, q.counted
  return function()
    if not query then return nil end
    seen[query] = true
    local path = query == "" and REFERRALS or REFERRALS .. "?" .. query
    local doc, err = call("list referrals",
      { remote = "partner_center", method = "GET", path = path, page = not counted })
    query, counted = nil, false
    if not doc then return false, err end
    if type(doc) ~= "table" or type(doc.value) ~= "table" then
      return false, { kind = "net", text = "Partner Center's list has no rows" }
    end
    query = next_query(doc)
    if query and seen[query] then -- the service's links are loose; what is left out is found later
      host.log("warn", "a list of Partner Center leads back to a page of its own: it ends there")
      query = nil
    end
    return respell(M.list(doc.value)), query
  end
end

local function collect(pages, keep)
  local out = {}
  for rows, err in pages do
    if not rows then return nil, err end
    for _, row in ipairs(rows) do
      local verdict = keep(row)
      if verdict == "stop" then return out end
      if verdict then out[#out + 1] = row end
    end
  end
  return out
end

--- Both copies of a deal, and those of other organisations (organizationId tells).  (suspends)
---@param engagement_id string
---@return table[]|nil, table|nil
function M.engagement(engagement_id)
  local wanted = engagement_id:lower()
  local filter = "engagementId eq " .. text.literal(wanted)
  return collect(M.pages { filter = filter, counted = true }, function(row)
    return type(row) == "table" and type(row.engagementId) == "string" and
      type(row.id) == "string" and row.engagementId:lower() == wanted
  end)
end

-- Newest first, cut at the mark: what a service without `ge` is asked.
local function newest_since(iso)
  local mark = assert(text.ms(iso), "a mark is an ISO time")
  local pages, ended = M.pages { orderby = "updatedDateTime desc" }, false
  return function()
    if ended then return nil end
    local rows, err = pages()
    if not rows then return rows, err end
    local kept = json.array({})
    for _, row in ipairs(rows) do
      local at = text.ms(row.updatedDateTime)
      if at and at < mark then
        ended = true
        break
      end
      kept[#kept + 1] = row
    end
    return kept
  end
end

--- Pages of what changed at or after a time; the caller sees to overlap.  (suspends)
---@param iso string
---@return fun(): table|false|nil, table|nil
function M.changed_since(iso)
  if no_ge then return newest_since(iso) end
  local filter = "updatedDateTime ge " .. iso
  local pages, first = M.pages { filter = filter, orderby = "updatedDateTime asc" }, true
  return function()
    local rows, err = pages()
    if first and rows == false and err.status == 400 then
      no_ge = true
      pages = newest_since(iso)
      rows, err = pages()
    end
    first = false
    return rows, err
  end
end

--- Recent referrals that carry this external reference: was our create done after all?  (suspends)
---@param reference string
---@param since_iso string  not older than this
---@return table[]|nil, table|nil
function M.look(reference, since_iso)
  local since = assert(text.ms(since_iso), "since is an ISO time")
  local wanted = reference:lower()
  return collect(M.pages { orderby = "createdDateTime desc", counted = true }, function(row)
    local at = text.ms(row.createdDateTime)
    if at and at < since then return "stop" end
    local has = row.externalReferenceId
    return type(has) == "string" and has:lower() == wanted
  end)
end

-- ---- writes ----

--- Makes a referral.  A `net` error leaves open whether it was made.  (suspends)
---@param body table
---@return table|nil referral, any tag_or_err
function M.create(body)
  local doc, answer = call("create a referral",
    { remote = "partner_center", method = "POST", path = REFERRALS, body = json.encode(body) })
  if doc == true then
    -- Made, but unseen: the flow has to look for it.
    return nil, { kind = "net", text = "Partner Center created a referral without showing it" }
  end
  return written(doc, answer)
end

--- JSON Patch under If-Match.  `true` instead of a referral if the service sent none.  (suspends)
---@param id string
---@param tag string  verbatim, with its inner quotes
---@param ops { op: "add"|"replace", path: string, value: any }[]
---@return table|true|nil referral, any tag_or_err
function M.patch(id, tag, ops)
  return written(call("update a referral", {
    remote = "partner_center", method = "PATCH", path = referral_path(id),
    headers = { ["If-Match"] = tag, ["Prefer"] = "return=representation" },
    body = json.encode(json.array(ops)),
  }))
end

local function actual(t, name)
  if t[name] ~= nil then return name end
  for k in pairs(t) do
    if type(k) == "string" and k:lower() == name:lower() then return k end
  end
  return nil
end

-- Where an edit lands in the text: the deepest object that is there, and what to set in it.
local function place(doc, path, value)
  local at, json_path = doc, "$"
  local names = {}
  for name in path:gmatch("[^.]+") do names[#names + 1] = name end
  for i, name in ipairs(names) do
    local found = actual(at, name)
    json_path = json_path .. "." .. (found or name)
    local inside = found and at[found]
    if i < #names and type(inside) ~= "table" then
      for j = #names, i + 1, -1 do value = { [names[j]] = value } end
      return json_path, value
    end
    at = inside
  end
  return json_path, value
end

local function edited(raw, edits)
  local body = raw
  for _, edit in ipairs(edits) do
    -- Decoded anew each time: an edit may have made the object that the next one wants.
    local json_path, value = place(json.decode(body), edit.path, edit.value)
    body = host.docs.json_set(body, json_path, json.encode(value))
  end
  local links = actual(json.decode(body), "links")
  if links then body = host.docs.json_remove(body, "$." .. links) end
  return body
end

--- Replaces a referral: its own text with these edits, so that no member is lost.  (suspends)
---@param id string
---@param tag string
---@param raw string  the text that M.get gave
---@param edits { path: string, value: any }[]  dotted paths of object members
---@return table|true|nil referral, any tag_or_err
function M.put(id, tag, raw, edits)
  return written(call("replace a referral", {
    remote = "partner_center", method = "PUT", path = referral_path(id),
    headers = { ["If-Match"] = tag, ["Prefer"] = "return=representation" },
    body = edited(raw, edits),
  }))
end

---Why a write was refused: it may be that somebody closed the referral meanwhile (situation 11),
---or that it is not there any more, which the refusal does not say, so it is read once.  (suspends)
---@param id string  our referral
---@param err table  what the write came back with
---@return table err  as it is; `conflict` with closed=true; or why the referral could not be read,
---`absent` among that
function M.refusal(id, err)
  if err.status ~= 400 and err.status ~= 422 then return err end
  local now, unread = M.get(id)
  if not now then return unread end
  if now.status ~= "Closed" then return err end
  return { kind = "conflict", text = "the referral was closed meanwhile", closed = true }
end

-- ---- webhook ----

--- The registration of this tenant, or nil without an error if there is none.  (suspends)
---@return table|nil, table|nil
function M.webhook_get()
  local r = { remote = "webhooks", method = "GET", path = "registration" }
  local doc, err = call("show the webhook registration", r)
  if not doc then
    -- Which status "there is none" has is not written down; a refused sign-in has one as well.
    local none = err.status == 404 or err.status == 410 or err.status == 400
    if none and err.kind ~= "auth" then return nil end
    return nil, err
  end
  local found = type(doc) == "table" and respell(doc)
  if not found or type(found.WebhookUrl) ~= "string" or found.WebhookUrl == "" then return nil end
  return found
end

--- Registers a URL; `exists`: replace the registration that is there.  (suspends)
---@param url string
---@param events string[]
---@param exists boolean
---@return table|true|nil, table|nil
function M.webhook_set(url, events, exists)
  local doc, err = call("register the webhook", {
    remote = "webhooks", method = exists and "PUT" or "POST", path = "registration",
    body = json.encode { WebhookUrl = url, WebhookEvents = json.array(events) },
  })
  if not doc then return nil, err end
  return doc == true or respell(doc)
end

--- Asks for a test event; two a minute are allowed.  (suspends)
---@return string|nil correlation_id, table|nil err
function M.webhook_test()
  local doc, err = call("send a test event",
    { remote = "webhooks", method = "POST", path = "registration/validationEvents", body = "" })
  if not doc then return nil, err end
  local id = type(doc) == "table" and member(doc, "correlationid")
  if type(id) ~= "string" then
    return nil, { kind = "net", text = "Partner Center named no test event" }
  end
  return id
end

--- What became of a test event: {status=, results={...}}.  (suspends)
---@param id string
---@return table|nil, table|nil
function M.webhook_test_result(id)
  local path = "registration/validationEvents/" .. text.encode(id)
  local doc, err = call("show a test event",
    { remote = "webhooks", method = "GET", path = path })
  if not doc then return nil, err end
  if doc == true then return nil, { kind = "net", text = "Partner Center sent an empty answer" } end
  local results = M.list(member(doc, "results"))
  return { status = member(doc, "status"), url = member(doc, "callbackurl"), results = results }
end

return M

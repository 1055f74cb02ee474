-- Partner Center of the practice environment: referrals over the API, with sign-in, roles, paging,
-- tags and errors as the documents give them. The rules are in partner_rules, the shapes in
-- partner_shape, people's doings in partner_acts, callbacks in webhooks.
-- Owns no state but its parts. Never answers a write before it is stored.
local dates = require "sim.dates"
local faults = require "sim.faults"
local account = require "sim.partner_account"
local list = require "sim.partner_list"
local people = require "sim.partner_acts"
local rules = require "sim.partner_rules"
local shape = require "sim.partner_shape"
local store = require "sim.partner_rows"
local webhooks = require "sim.webhooks"

local M = {}
M.__index = M

local ROOT = "/v1.0/engagements/referrals"
local CONTEXT = "http://api.partner.microsoft.com/v1.0/$metadata#Referrals"
local BUSY_WAIT = 5
local MOST_BODY = 1048576

-- ---- answers

local CODES = { [400] = "invalidRequest", [401] = "unauthenticated", [403] = "accessDenied",
  [404] = "itemNotFound", [405] = "invalidRequest", [406] = "invalidRequest",
  [409] = "resourceModified",
  [412] = "preconditionFailed", [413] = "invalidRequest", [415] = "invalidRequest",
  [428] = "preconditionFailed" }

local function refuse(status, text, inner, code)
  return status, {}, { error = { code = code or CODES[status] or "generalException", message = text,
    target = "referral", innerError = inner and { code = inner, message = text } or nil } }
end

-- The view of a row that an answer shows.
local function view_of(self, row)
  local r = row.r
  local ours = (r.inviteContext or {}).invitedBy == nil
    or r.inviteContext.invitedBy.organizationId == store.organization
  local visible = shape.at(r, { "consent", "consentToShareReferralWithMicrosoftSellers" })
  local kind = r.type
  if self.env.switch "derived_type" and ours then
    kind = visible and self.rows:shared(r) and "Shared" or "Independent"
  end
  local outgoing = ours and r.organizationId == store.organization
  return { tag = row.tag, type = kind, direction = outgoing and "Outgoing" or "Incoming",
    odd = self.env.switch "live_quirks", always = self.env.switch "quirks" == "always",
    digits = math.tointeger(tonumber(self.env.switch "date_digits")) }
end

local function show(self, row)
  local out = shape.show(row.r, view_of(self, row))
  out["@odata.context"] = CONTEXT .. "/$entity"
  return out
end

local function whole(self, row, status)
  return status or 200, { ETag = shape.etag(row.tag) }, show(self, row)
end

-- ---- who may do what

local function in_team(r, email)
  for _, member in ipairs(r.team or {}) do
    if (member.email or ""):lower() == email then return true end
  end
  return false
end

local function may_see(self, row, claims)
  return self.env.switch "role" == "admin" or in_team(row.r, claims.upn)
end

-- The row a request names, if its caller may read it (as readers see it now) or write it (as it
-- is); else the refusal.
local function open(self, id, claims, writing)
  local row = rules.is_guid(id) and self.rows:get(id)
  local seen = row and self.rows:seen(row)
  if not seen then
    return nil, { refuse(404, "No referral with this id", "referralNotFound") }
  end
  if not may_see(self, row, claims) then
    return nil, { refuse(403, "Not in the team of this referral") }
  end
  if writing and row.r.organizationId ~= store.organization then
    return nil, { refuse(403, "This referral belongs to another organization", "notOwner") }
  end
  return writing and row or seen
end

-- ---- reading

local function get(self, _, claims, id)
  local row, refusal = open(self, id, claims)
  if not row then return table.unpack(refusal, 1, 3) end
  return whole(self, row)
end

local function listed(self, req, claims)
  local page, problem = list.page(self, req.query, { address = self.env.base.partner .. ROOT,
    may = function(row) return may_see(self, row, claims) end,
    view = function(row) return view_of(self, row) end })
  if not page then return refuse(400, problem, "invalidQuery") end
  return 200, {}, { ["@odata.context"] = CONTEXT, ["@odata.count"] = page.count,
    value = page.value, ["@odata.nextLink"] = page.next }
end

-- ---- writing

local function lacks(self, r, cosell)
  local need = rules.lacks(r, cosell, self.env.switch, self.env.now())
  if not need then return nil end
  return { refuse(400, need.field .. ": " .. need.text, "validationFailed") }
end

local function aims_at_microsoft(r)
  for _, target in ipairs(r.target or {}) do
    if target.type == "BusinessProfileLocation" and target.id == store.microsoft then
      return true
    end
  end
  return false
end

-- Microsoft's copy of a deal of ours.
local function invite(self, r)
  local own = r.engagementId and self.rows:copy_of(r.engagementId, store.organization)
  if not own then
    return refuse(self.env.switch "unknown_engagement_status", "engagementId is not one of yours",
      "engagementNotFound")
  end
  if own.r.status == "Closed" then return refuse(400, "The deal is closed", "referralClosed") end
  if not shape.at(own.r, { "consent", "consentToShareReferralWithMicrosoftSellers" }) then
    return refuse(400, "The deal is not shared with Microsoft's sellers", "referralIsPrivate")
  end
  local there = self.rows:copy_of(r.engagementId, store.microsoft)
  if there and there.r.status ~= "Closed" and self.env.switch "second_invite" == "refuse" then
    return refuse(409, "Microsoft's referral exists in this engagement", "referralExists")
  end
  r.organizationId, r.status, r.substatus = store.microsoft, "New", "Pending"
  r.inviteContext = r.inviteContext or {}
  r.inviteContext.invitedBy = { organizationId = store.organization,
    organizationName = store.organization_name }
  return whole(self, self.rows:add(r), self.env.switch "post_status")
end

local function read_body(req)
  local body, err = json.decode(req.body or "")
  if body == nil then return nil, { refuse(400, err and err.text or "a JSON body is expected") } end
  if type(body) ~= "table" then return nil, { refuse(400, "a JSON object is expected") } end
  return body
end

local function strict(self) return self.env.switch "unknown_property" == "refuse" end

local function read_referral(self, body)
  local r, problem = shape.read(body, strict(self))
  if not r then
    return nil, { refuse(400, problem or "a JSON object is expected", "validationFailed") }
  end
  return r
end

local function create(self, req)
  local body, r, refusal
  body, refusal = read_body(req)
  if body then r, refusal = read_referral(self, body) end
  if not r then return table.unpack(refusal, 1, 3) end
  for _, name in ipairs(rules.read_only) do
    if name ~= "engagementId" and name ~= "type" then r[name] = nil end
  end
  if self.env.switch "require_location" and not account.has(r.mpnId) then
    return refuse(400, "mpnId is not a location of this account", "validationFailed")
  end
  local to_microsoft = aims_at_microsoft(r)
  refusal = lacks(self, r, to_microsoft or r.type == "Shared")
  if refusal then return table.unpack(refusal, 1, 3) end
  r.engagementId = r.engagementId and r.engagementId:lower()
  if to_microsoft then return invite(self, r) end
  if r.engagementId then
    return refuse(self.env.switch "unknown_engagement_status",
      "engagementId is only for a referral to Microsoft", "engagementNotFound")
  end
  r.organizationId, r.status, r.substatus = store.organization, "Active", "Accepted"
  r.acceptedDateTime = dates.text(self.env.now())
  if r.inviteContext then r.inviteContext.invitedBy = nil end
  return whole(self, self.rows:add(r), self.env.switch "post_status")
end

-- What forbids the step from row.r to r, whoever takes it; may put frozen fields back into r.
local function step_problem(self, row, r)
  local problem = rules.move_problem(row.r, r, self.env.switch)
  if problem then return problem, "invalidStatus" end
  local shared = self.rows:shared(row.r)
  local field = rules.thaws(row.r, r, shared, self.env.switch "immutable")
  if field then return field .. " can not be changed any more", "immutableField" end
  return nil
end

local function tag_refusal(row, if_match)
  if not if_match or if_match == "*" or if_match == shape.etag(row.tag) then return nil end
  return { refuse(412, "If-Match does not match the current eTag") }
end

local function closed_refusal(self, row)
  if row.r.status ~= "Closed" then return nil end
  return { refuse(self.env.switch "closed_write", "The referral is closed", "referralClosed",
    "invalidRequest") }
end

local function patch(self, req, claims, id)
  local row, refusal = open(self, id, claims, true)
  if not row then return table.unpack(refusal, 1, 3) end
  local ops
  ops, refusal = read_body(req)
  refusal = refusal or tag_refusal(row, req.headers["if-match"])
  if not refusal and not (row.r.substatus == "Won" and rules.only_registration(ops)) then
    refusal = closed_refusal(self, row)
  end
  if refusal then return table.unpack(refusal, 1, 3) end
  local r = shape.copy(row.r)
  local code = "invalidPatch"
  local problem = rules.apply(r, ops, self.env.switch)
  if not problem then problem, code = step_problem(self, row, r) end
  if problem then return refuse(400, problem, code) end
  self.rows:change(row, r)
  local prefer = req.headers.prefer or ""
  if prefer:lower():find("return=representation", 1, true) then return whole(self, row) end
  return 204, { ETag = shape.etag(row.tag) }, nil
end

local function names_links(body)
  for name in pairs(body) do
    if tostring(name):lower() == "links" then return true end
  end
  return false
end

-- Takes out of a body what it gives back unchanged of the state: it may be one nobody can send.
local function without_state(row, body)
  local out = {}
  for name, v in pairs(body) do
    local low = tostring(name):lower()
    if not ((low == "status" or low == "substatus") and v == row.r[low]) then out[name] = v end
  end
  return out
end

-- The resource that a PUT body means: what came back as shown is as stored, read-only members stay.
local function replaced(self, row, body)
  local r, problem = shape.read(without_state(row, body))
  if not r then return nil, problem end
  local shown = shape.read(without_state(row, shape.show(row.r, view_of(self, row))))
  r = shape.unshow(r, shown, row.r)
  for _, name in ipairs(rules.read_only) do r[name] = row.r[name] end
  r.status, r.substatus = r.status or row.r.status, r.substatus or row.r.substatus
  r.mpnId = r.mpnId or row.r.mpnId
  return r
end

local function put(self, req, claims, id)
  local row, refusal = open(self, id, claims, true)
  if not row then return table.unpack(refusal, 1, 3) end
  if not req.headers["if-match"] then
    return refuse(self.env.switch "put_without_match", "If-Match is required")
  end
  local body
  body, refusal = read_body(req)
  refusal = refusal or tag_refusal(row, req.headers["if-match"]) or closed_refusal(self, row)
  if refusal then return table.unpack(refusal, 1, 3) end
  if names_links(body) then return refuse(400, "links must not be sent", "validationFailed") end
  local r, problem = replaced(self, row, body)
  if not r then return refuse(400, problem, "validationFailed") end
  refusal = lacks(self, r, self.rows:shared(row.r))
  if refusal then return table.unpack(refusal, 1, 3) end
  local code
  problem, code = step_problem(self, row, r)
  if problem then return refuse(400, problem, code) end
  return whole(self, self.rows:change(row, r))
end

-- ---- requests

local function accepts_json(req)
  local accept = req.headers.accept
  return not accept or accept:find("application/json", 1, true) or accept:find("*/*", 1, true)
    or accept:find("application/*", 1, true)
end

-- Sign-in and media types are one matter for both faces; `fail` makes the face's own error body.
local function gate(self, req, audience, fail)
  local claims, why = self.env.tokens.check(req.headers.authorization, audience)
  if not claims then return nil, { fail(401, why) } end
  if claims.app_only then return nil, { fail(401, "user access is required") } end
  if not accepts_json(req) then return nil, { fail(406, "only application/json is served") } end
  local kind = (req.headers["content-type"] or ""):lower():match("^[^;%s]*")
  if req.body and req.body ~= "" and kind ~= "application/json" then
    return nil, { fail(415, "application/json is expected") }
  end
  if #(req.body or "") > MOST_BODY then return nil, { fail(413, "the body is too large") } end
  return claims
end

local function has_mfa(claims)
  for _, method in ipairs(claims.amr or {}) do
    if method == "mfa" then return true end
  end
  return false
end

-- A caller who says ValidateMfa wants to know whether the token would do.
local function tell_mfa(self, req, claims, headers, body)
  if (req.headers.validatemfa or ""):lower() ~= "true" then return end
  if self.env.switch "mfa_answer" == "header" then
    headers.isMfaCompliant = tostring(has_mfa(claims))
  elseif type(body) == "table" and not json.is_array(body) then
    body.isMfaCompliant = has_mfa(claims)
  end
end

local ONE = { GET = get, PATCH = patch, PUT = put }
local MANY = { GET = listed, POST = create }

local function referral_call(self, req, claims, id)
  if self.env.switch "enforce_mfa" and not has_mfa(claims) then
    return refuse(401, "Multi-factor authentication is required", nil, "900421")
  end
  local role = self.env.switch "role"
  if role == "none" or role == "reader" and req.method ~= "GET" then
    return refuse(403, "A referrals role is needed")
  end
  local run = (id and ONE or MANY)[req.method]
  if not run then return refuse(405, "Method not allowed") end
  return run(self, req, claims, id)
end

local function referrals(self, req)
  local id = req.path:match("^" .. ROOT:gsub("%.", "%%.") .. "/([^/]+)$")
  if not id and req.path ~= ROOT then return refuse(404, "No such resource") end
  local claims, refusal = gate(self, req, "referrals", refuse)
  if not claims then return table.unpack(refusal, 1, 3) end
  local status, headers, body = referral_call(self, req, claims, id)
  tell_mfa(self, req, claims, headers, body)
  return status, headers, body
end

local function flat(status, text, code)
  return webhooks.problem(status, code or tostring(status), text)
end

local function management_call(self, req, claims)
  if self.env.switch "enforce_mfa" and not has_mfa(claims) then
    return flat(401, "Multi-factor authentication is required", "900421")
  end
  if req.path == account.path then return account.answer(req) end
  local body = req.body and req.body ~= "" and json.decode(req.body) or nil
  return self.hooks:answer(req.method, req.path:sub(#"/webhooks/v1" + 1), body)
end

local function management(self, req)
  local claims, refusal = gate(self, req, "webhooks", flat)
  if not claims then return table.unpack(refusal, 1, 3) end
  local status, headers, body = management_call(self, req, claims)
  tell_mfa(self, req, claims, headers, body)
  return status, headers, body
end

local function certificate(self, req)
  local cert = self.hooks:certificate(req.path:match("^/cert/(%w+)%.cer$") or "")
  if not cert then return 404, { ["Content-Type"] = "text/plain" }, "no such certificate\n" end
  return 200, { ["Content-Type"] = "application/pkix-cert" }, cert
end

local function dressed(status, headers, body)
  if body ~= nil then
    headers["Content-Type"] = "application/json; charset=utf-8"
    body = json.encode(body)
  end
  return status, headers, body or ""
end

local function answer(self, req)
  if req.path:find("^/cert/") then return certificate(self, req) end
  if req.path:find("^/webhooks/v1/") or req.path == account.path then
    local status, headers, body = management(self, req)
    headers["MS-CorrelationId"] = req.headers["ms-correlationid"] or self.env.uuid()
    headers["MS-RequestId"] = req.headers["ms-requestid"] or self.env.uuid()
    headers["X-Locale"] = req.headers["x-locale"] or "en-US"
    return dressed(status, headers, body)
  end
  local status, headers, body = referrals(self, req)
  headers["request-id"] = self.env.uuid()
  headers["client-request-id"] = req.headers["client-request-id"]
  headers.timestamp = dates.text(self.env.now(), 7)
  headers["x-ms-ags-diagnostic"] = '{"ServerInfo":{"DataCenter":"Practice"}}'
  if status == 503 then headers["Retry-After"] = headers["Retry-After"] or tostring(BUSY_WAIT) end
  return dressed(status, headers, body)
end

--- Does what a person would do (`cosell sim act`); see partner_acts.
---@return table|nil result, string|nil problem
function M:act(name, args)
  local act = self.acts[name]
  if not act then return nil, "no act named " .. tostring(name) end
  return act.run(self, args)
end

--- What is stored, for people: one line a referral, or one referral whole.
---@return string|nil text, string|nil problem
function M:show_text(id)
  if id then
    local row = self.rows:get(id) or self.rows:copy_of(id, store.organization)
    if not row then return nil, "no referral " .. id end
    return json.pretty(show(self, row)) .. "\n"
  end
  local out = {}
  for i, row in ipairs(self.rows:all()) do
    local r = row.r
    out[i] = string.format("%s  %s  %-8.8s  %s/%s  %s %s  %s\n", r.id, r.engagementId,
      r.organizationId == store.microsoft and "msft" or "ours", r.status, r.substatus,
      tostring(r.details.dealValue), r.details.currency, r.name)
  end
  return table.concat(out)
end

-- For partner_acts: the step rules that the API has.
M.step_problem = step_problem

---@param env sim.env
function M.new(env)
  local self = setmetatable({ env = env, hooks = webhooks.new(env), acts = people.acts }, M)
  self.rows = store.new(env, function(event, id, tag) self.hooks:fire(event, id, tag) end)
  function self.handle(req)
    local fault = env.fault("partner", req.method, faults.target(req))
    return faults.around(fault, function() return answer(self, req) end)
  end
  return self
end

return M

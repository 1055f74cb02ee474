-- Every switch of the practice environment: where the documents leave a rule open, or where a fault
-- is wanted. One row each; `cosell sim set NAME VALUE` changes it, `cosell sim set` lists them.
-- Strict by default. Owns no state: the values, and how often one that is not as by default was
-- asked for, live with the server that was started.
local M = {}

---@class sim.switch
---@field name string
---@field default boolean|integer|string
---@field values string[]|nil the words allowed
---@field text string

local function row(name, default, text, values)
  return { name = name, default = default, text = text, values = values }
end

M.rows = {
  -- the clock, all services
  row("clock_offset_ms", 0, "added to the wall clock of the whole practice environment"),
  -- sign-in
  row("token_life_s", 3599, "life of an access token, seconds"),
  row("token_mfa", true, "the signed-in user has passed multi-factor authentication"),
  row("enforce_mfa", true, "user tokens without mfa in amr get 401 with code 900421"),
  row("mfa_answer", "header", "where isMfaCompliant stands when a call says ValidateMfa: true",
    { "header", "body" }),
  row("refresh_rotation", "strict", "strict: an old refresh token dies when its successor is used",
    { "strict", "lenient" }),
  row("authorize", "approve", "what the person does on the authorize page",
    { "approve", "decline" }),
  row("require_pkce", false, "the authorize page wants a code challenge"),
  row("device_slow_down", false, "polling for a device code before its interval answers slow_down"),
  row("secret_expired", false, "the clients' secrets have expired: 7000222"),
  row("assertion_once", false, "a certificate assertion with a jti seen before is refused"),
  row("grant_fault", "none", "a refresh is refused with this number of the sign-in service",
    { "none", "70008", "700082", "50173", "50076", "50079", "70043", "70044" }),
  row("consent", "both", "the APIs of Partner Center's that the tenant has consented to: a token "
    .. "for another is refused with 65001", { "both", "referrals", "webhooks", "none" }),
  row("role", "admin", "what the signed-in user may do with referrals: all; what he is in the team "
    .. "of; of that read alone; nothing", { "admin", "user", "reader", "none" }),
  -- how the service answers
  row("live_quirks", true, "odd but seen answers: fraction digits, escaped text, region for state, "
    .. "nulls and absences mixed, ids as {}, wrong direction, odd links"),
  row("odd_next_link", true, "with live_quirks: next link on http and without /engagements"),
  row("quirks", "by_id", "with live_quirks: each row is odd in ways of its own, or all in all ways",
    { "by_id", "always" }),
  row("date_digits", "mixed", "with live_quirks: fraction digits of dates",
    { "mixed", "0", "1", "2", "3", "4", "5", "6", "7" }),
  row("page_size", 100, "rows of a list page"),
  row("list_related", true, "the plain list holds Microsoft's copies too"),
  row("post_status", 200, "answer to a create: 200 or 201"),
  row("derived_type", true, "type follows consent and Microsoft's copy; false: echoed as sent"),
  row("read_lag_ms", 0, "a new referral, whoever made it, answers 404 and is in no list for so "
    .. "long"),
  row("stale_reads_ms", 0, "reads and lists show a changed referral as it was, with its old tag, "
    .. "for so long; If-Match is judged by the true one"),
  row("filter_dates", true, "$filter knows gt ge lt le on the two dates; false: 400"),
  -- what is refused
  row("require_solution", true, "a deal needs a solution with a valid id"),
  row("require_contact", true, "a co-sell needs a customer contact with name, phone, e-mail"),
  row("require_value", true, "deal value, currency and closing date are needed"),
  row("require_address", true, "customer name, address line 1 and city are needed"),
  row("require_team", true, "an own team member with name, phone, e-mail is needed"),
  row("require_name", true, "the deal needs a name"),
  row("require_consent", true, "consent to contact and to share the contact is needed"),
  row("require_intent", true, "the attribute CustomerMarketplaceIntent is needed"),
  row("require_future_closing", false, "a closing date in the past is refused"),
  row("require_reason", true, "lost, declined and error need a statusReason"),
  row("unknown_engagement_status", 400, "answer to a create with a foreign engagementId"),
  row("second_invite", "refuse", "Microsoft's copy posted again while one is open: 409 or made",
    { "refuse", "allow" }),
  row("patch_paths", "listed", "listed: only the documented paths", { "listed", "any" }),
  row("put_without_match", 412, "answer to a PUT without If-Match: 400, 412 or 428"),
  row("unknown_property", "ignore", "a create with a member nobody knows: taken without it, or 400",
    { "ignore", "refuse" }),
  row("require_location", true, "mpnId has to be a location of the account"),
  row("immutable", "error", "a frozen field is refused or silently kept", { "error", "ignore" }),
  row("closed_write", 400, "answer to a write on a closed referral: 400 or 409"),
  row("second_registration", "refuse", "POST over a registration: 409 or replaced",
    { "refuse", "replace" }),
  row("no_registration_status", 404, "answer to a view when nothing is registered"),
  -- deliveries
  row("callback_first", false, "the callback is sent before the write that caused it answers"),
  row("delivery_gap_ms", 200, "time between two attempts of one delivery"),
  row("delivery_delay_ms", 0, "time before the first attempt"),
  row("delivery_copies", 1, "how often each event is delivered"),
  row("delivery_order", "kept", "reversed: events of half a second go out last first",
    { "kept", "reversed" }),
  row("lose_callbacks", false, "events are lost and never sent"),
  row("signature_fault", "none", "what is wrong with a delivery's signature",
    { "none", "bad", "issuer", "expired", "algorithm", "missing", "http" }),
  -- the CRM
  row("changeset_if_none_match", true, "If-None-Match: * is honoured inside a change set"),
  row("changeset_error_id", true, "a failed change set answers with its bad part's Content-ID"),
  row("future_delta", "empty", "answer to a delta link from the future (after restore-backup): an "
    .. "empty page with a new link, or the error of an expired one", { "empty", "expired" }),
  row("closed_opportunity_edit", true, "a closed opportunity can be changed by PATCH"),
  row("metadata_lag_ms", 0, "reading definitions without Consistency: Strong shows them as they "
    .. "were so long ago"),
  row("contain_values_lag_ms", 0, "ContainValues finds a row by what it said so long ago"),
  row("key_index_ms", 3000, "how long the index of a new alternate key is being built"),
  row("forms_wait_for_publish", true, "a changed form is read as it was until it is published"),
  row("crm_limit_requests", 6000, "requests of a user to one web server of the CRM in five "
    .. "minutes; 0: no limit"),
  row("crm_limit_time_ms", 1200000, "the time that these may take together; 0: no limit"),
  row("crm_limit_concurrent", 52, "how many of these at once; 0: no limit"),
  row("crm_servers", 8, "web servers of the CRM: a client that keeps its affinity cookie stays on "
    .. "one, others are spread"),
  row("crm_throttle", "none", "every request to the CRM is refused for this limit",
    { "none", "requests", "time", "concurrency" }),
  row("crm_gateway", "json", "the body of an injected 5xx of the CRM: json, html or empty",
    { "json", "html", "empty" }),
  row("crm_unsigned_body", false, "a 401 of the CRM has a JSON body instead of none"),
  row("crm_hook_copies", 1, "how often each web hook of the CRM is told of a change"),
  row("crm_ahead_ms", 0, "by how much the CRM's clock is ahead of everything else's"),
  row("crm_wrong_type_status", 415, "answer of the CRM to a body that is not JSON by its type: 400 "
    .. "or 415"),
  row("crm_most_body", 12582912, "a longer body is refused by the CRM with 413, bytes"),
  row("batch_lf", false, "a batch with bare LF line ends is read"),
}

local function find(name)
  for _, r in ipairs(M.rows) do
    if r.name == name then return r end
  end
end

local function number_of(text)
  local n = math.tointeger(tonumber(text))
  return n and n >= 0 and n or nil
end

local READ = {
  boolean = function(text)
    if text == "true" or text == "on" then return true end
    if text == "false" or text == "off" then return false end
  end,
  number = number_of,
  string = function(text, values)
    for _, v in ipairs(values or { text }) do
      if v == text then return text end
    end
  end,
}

--- A fresh set of values; met: how often each that is not as by default was asked for.
---@return { get: fun(name: string): any, set: fun(name: string, text: any): boolean|nil, string,
---          met: table<string, integer> }
function M.new()
  local values, default = {}, {}
  for _, r in ipairs(M.rows) do values[r.name], default[r.name] = r.default, r.default end
  local set = { met = {} }
  function set.get(name)
    local v = values[name]
    if v == nil then error("no switch named " .. tostring(name), 2) end
    if v ~= default[name] then set.met[name] = (set.met[name] or 0) + 1 end
    return v
  end
  --- The same, and it does not count.
  function set.peek(name) return values[name] end
  function set.set(name, text)
    local r = find(name)
    if not r then return nil, "no switch named " .. tostring(name) end
    local value = READ[type(r.default)](tostring(text), r.values)
    if value == nil then
      return nil, string.format("%s: %s expected", name,
        r.values and table.concat(r.values, ", ") or type(r.default))
    end
    values[name] = value
    return true
  end
  return set
end

return M

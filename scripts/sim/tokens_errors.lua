-- Failures of the sign-in service: one row a number, and the body that all of them share.  What the
-- number means is the service's own; the words are ours.
-- Owns nothing. Decides nothing: its callers name the number.
local dates = require "sim.dates"

local M = {}

-- number = { status, error, text }
M.rows = {
  -- the request
  [900144] = { 400, "invalid_request", "The request body must contain the parameter '%s'." },
  [9002313] = { 400, "invalid_request", "The request is malformed or invalid." },
  [90002] = { 400, "invalid_request", "The tenant was not found." },
  [70003] = { 400, "unsupported_grant_type", "The grant type is not supported." },
  [70011] = { 400, "invalid_scope", "The scope is not valid." },
  [500011] = { 400, "invalid_resource", "The resource was not found in the tenant." },
  -- the client
  [700016] = { 400, "unauthorized_client", "The application was not found." },
  [7000112] = { 400, "unauthorized_client", "The application may not use this grant." },
  [7000218] = { 401, "invalid_client",
    "The request body must contain 'client_assertion' or 'client_secret'." },
  [7000215] = { 401, "invalid_client", "Invalid client secret provided." },
  [7000222] = { 401, "invalid_client", "The provided client secret has expired." },
  [700025] = { 401, "invalid_client", "A public client presents no secret and no assertion." },
  [700027] = { 401, "invalid_client", "The client assertion failed signature validation." },
  [700023] = { 401, "invalid_client", "The client assertion's audience is not this service." },
  [700024] = { 401, "invalid_client", "The client assertion is not within its time range." },
  -- the grant of a person
  [700082] = { 400, "invalid_grant", "The refresh token has expired due to inactivity." },
  [70008] = { 400, "invalid_grant", "The code or refresh token has expired." },
  [50173] = { 400, "invalid_grant", "The provided grant has been revoked; sign in again." },
  [50076] = { 400, "invalid_grant", "Multi-factor authentication is required." },
  [50079] = { 400, "invalid_grant", "The user must enroll in multi-factor authentication." },
  [70043] = { 400, "invalid_grant", "The sign-in frequency policy ended the session." },
  [70044] = { 400, "invalid_grant", "The session has expired or is no longer valid." },
  [65001] = { 400, "invalid_grant", "Nobody has consented to the use of this application." },
  -- the authorization code
  [50011] = { 400, "invalid_request", "The redirect address is not one of the application's." },
  [70000] = { 400, "invalid_grant", "The code is not valid." },
  [54005] = { 400, "invalid_grant", "The code was already redeemed." },
  [500112] = { 400, "invalid_grant", "The redirect address is not the one the code was sent to." },
  [501481] = { 400, "invalid_grant", "The code verifier does not match the code challenge." },
  [50148] = { 400, "invalid_grant", "The code verifier is missing." },
  [50149] = { 400, "invalid_request", "The code challenge method is not valid." },
  [501491] = { 400, "invalid_request", "The code challenge has an invalid size." },
  [9002325] = { 400, "invalid_request", "A code challenge is required." },
  [70005] = { 400, "unsupported_response_type", "The response type is not supported." },
  [70007] = { 400, "invalid_request", "The response mode is not supported." },
  [65004] = { 400, "access_denied", "The user declined." },
  -- the device code
  [70016] = { 400, "authorization_pending", "Authorization is pending. Continue polling." },
  [70018] = { 400, "bad_verification_code", "The device code is not valid." },
  [70019] = { 400, "expired_token", "The device code has expired." },
}

-- Two that share a number with another: the error word counts.
local WORDS = {
  authorization_declined = { 400, 65004, "The user declined." },
  slow_down = { 400, 70016, "Polling came before its time." },
}

local JSON = { ["Content-Type"] = "application/json; charset=utf-8", ["Cache-Control"] = "no-store",
  Pragma = "no-cache" }

function M.headers()
  local out = {}
  for name, v in pairs(JSON) do out[name] = v end
  return out
end

--- The row of a number, or of an error word.
---@return { status: integer, code: integer, error: string, text: string }
function M.row(code, about)
  local w = WORDS[code]
  if w then return { status = w[1], code = w[2], error = code, text = w[3] } end
  local f = M.rows[code]
  return { status = f[1], code = code, error = f[2], text = about and f[3]:format(about) or f[3] }
end

--- A whole answer.
---@param env sim.env
---@param code integer|string
---@param about string|nil the parameter that is missing
---@return integer status, table headers, string body
function M.answer(env, code, about)
  local f = M.row(code, about)
  local trace, correlation = env.uuid(), env.uuid()
  local stamp = dates.text(env.now(), 0):gsub("T", " ")
  return f.status, M.headers(), json.encode {
    error = f.error, error_codes = json.array { f.code }, timestamp = stamp, trace_id = trace,
    error_description = string.format("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
      f.code, f.text, trace, correlation, stamp),
    correlation_id = correlation,
    error_uri = "https://login.microsoftonline.com/error?code=" .. f.code,
  }
end

return M

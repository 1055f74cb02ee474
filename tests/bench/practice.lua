-- How fast the practice environment answers, so that it is never what limits another figure: reads,
-- lists, deltas and writes on both services, with few deals loaded and with many.
local bulk = require "sim.bulk"
local kit = require "commands.kit"
local load = require "commands.bench.load"
local place = require "commands.bench.place"
local text = require "text"
local tokens = require "sim.tokens"

local M = { title = "The practice environment: requests a second, by deals loaded" }

local SIZES = { 1000, 100000 }
local POOL = 2000 -- different requests of a kind, asked in turn
local CONNECTIONS, SECONDS = 8, "2s"
local PORTAL = "https://portal.example/referrals/"

local NOTE = "wrk, one thread, %d connections, %s each; %d different requests in turn. A second " ..
  "on one core: by the processor time that the practice environment used. Aim with 100,000 " ..
  "deals: 2,000 reads and 1,000 writes on one core, and no kind much slower than with 1,000. " ..
  "What is asked by time finds nothing: the finding is measured, not the making of a page."

local API, REFERRALS = "/api/data/v9.2/", "/v1.0/engagements/referrals"

local function get(path)
  return { method = "GET", path = path, headers = {} }
end

local function patch(path, body, tag)
  return { method = "PATCH", path = path, body = body,
    headers = { ["Content-Type"] = "application/json", ["If-Match"] = tag } }
end

-- One row a kind: the service, what is asked, and the request for a deal; at: a time to come, and
-- the path of a delta link.
local KINDS = {
  { "crm", "one row", function(deal)
    return get(API .. "opportunities(" .. deal.row .. ")?$select=name,estimatedvalue")
  end },
  { "crm", "rows by identifier", function(deal)
    return get(API .. "opportunities?$select=name&$filter=" ..
      "msft_microsoftpartnercenterreferralidentifier%20eq%20%27" .. deal.id .. "%27")
  end },
  { "crm", "rows by modifiedon", function(_, at)
    return get(API .. "opportunities?$select=name&$filter=modifiedon%20ge%20" .. at.time ..
      "&$orderby=modifiedon%20asc")
  end },
  { "crm", "delta", function(_, at) return get(at.delta) end },
  { "crm", "change a row", function(deal, _, i)
    return patch(API .. "opportunities(" .. deal.row .. ")",
      ('{"description":"%d"}'):format(i), "*")
  end },
  { "partner", "one referral", function(deal) return get(REFERRALS .. "/" .. deal.id) end },
  { "partner", "referrals by engagementId", function(deal)
    return get(REFERRALS .. "?$filter=engagementId%20eq%20%27" .. deal.engagement .. "%27")
  end },
  { "partner", "referrals by updatedDateTime", function(_, at)
    return get(REFERRALS .. "?$filter=updatedDateTime%20ge%20" .. at.time ..
      "&$orderby=updatedDateTime%20asc")
  end },
  { "partner", "change a referral", function(deal, _, i)
    return patch(REFERRALS .. "/" .. deal.id,
      ('[{"op":"replace","path":"/details/notes","value":"%d"}]'):format(i))
  end },
}

-- ---- Signing in ----

local function secret(s, name)
  return (assert(host.file.read(s.dir .. "/" .. name)):gsub("%s+$", ""))
end

local FORM = { ["Content-Type"] = "application/x-www-form-urlencoded" }

local function token(s, path, form)
  return load.ask(s.base.tokens, { method = "POST", path = "/" .. tokens.tenant .. path,
    headers = FORM, body = form }).access_token
end

local function signed_in(s)
  return {
    crm = token(s, "/oauth2/v2.0/token", ("grant_type=client_credentials&client_id=%s" ..
      "&client_secret=%s&scope=%s/.default"):format(tokens.crm_client, secret(s, "crm_secret"),
      s.base.crm)),
    partner = token(s, "/oauth2/token", ("grant_type=refresh_token&client_id=%s" ..
      "&client_secret=%s&refresh_token=%s&resource=https://api.partner.microsoft.com"):format(
      tokens.partner_client, secret(s, "partner_secret"), secret(s, "refresh_token"))),
  }
end

-- The link to what comes after all that is there.
local function delta_path(s, bearer)
  local path = API .. "opportunities?$select=name"
  local headers = { Authorization = "Bearer " .. bearer, Prefer = "odata.track-changes" }
  repeat
    local page = load.ask(s.base.crm, { method = "GET", path = path, headers = headers })
    local link = page["@odata.nextLink"] or page["@odata.deltaLink"]
    path = link:match("^http://[^/]+(.*)$")
  until not page["@odata.nextLink"]
  return path
end

-- ---- Measuring ----

local function pool(kind, size, bearer, at)
  local out = {}
  for i = 1, POOL do
    local r = kind[3](bulk.deal(i * 7919 % size + 1), at, i)
    r.headers["Authorization"] = "Bearer " .. bearer[kind[1]]
    out[i] = r
  end
  return out
end

-- Requests a second on one core of the practice environment.
local function measure(s, kind, size, bearer, at)
  local path = s.dir .. "/requests.lua"
  assert(host.file.write(path, load.text(pool(kind, size, bearer, at))))
  local before = place.cpu_us(s.sim)
  local f = load.run(s.base[kind[1]], { connections = CONNECTIONS, seconds = SECONDS, pool = path })
  if f.status + f.socket > 0 then
    error(("%s: %d answers refused, %d lost"):format(kind[2], f.status, f.socket), 0)
  end
  return { core = f.requests * 1e6 / math.max(place.cpu_us(s.sim) - before, 10000), p99 = f.p99 }
end

local function with_deals(size)
  local s = kit.new { host = false,
    sim_args = { "--deals", tostring(size), "--linked", "--portal", PORTAL } }
  return place.with(s, function()
    s:set("crm_limit_requests", 0)
    local bearer, out = signed_in(s), {}
    local at = { delta = delta_path(s, bearer.crm),
      time = text.iso(host.now_ms() + 3600000) }
    for i, kind in ipairs(KINDS) do
      out[i] = measure(s, kind, size, bearer, at)
    end
    return out
  end)
end

function M.run(tools)
  local few, many = with_deals(SIZES[1]), with_deals(SIZES[2])
  tools.out(("  %-8s %-30s %14s %14s %9s\n"):format("", "a second on one core",
    SIZES[1] .. " deals", SIZES[2] .. " deals", "p99 ms"))
  for i, kind in ipairs(KINDS) do
    tools.out(("  %-8s %-30s %14.0f %14.0f %9.1f\n"):format(kind[1], kind[2], few[i].core,
      many[i].core, many[i].p99 / 1000))
  end
  tools.note(NOTE:format(CONNECTIONS, SECONDS, POOL))
end

return M
